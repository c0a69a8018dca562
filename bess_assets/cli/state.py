"""The state of a home, as lines: refreshed years, settings, tables, findings, failed checks, columns, rollups, megabytes."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from bess_assets.checks.written import CHANGES, FINDINGS
from bess_assets.cli.render import Line, blocks, gathered, paragraph, table
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import FINDING_KINDS
from bess_assets.report.schema_matrix import LEGEND, NO_FILE, Matrix, matrices
from bess_assets.settings import FOLDERS, Settings
from bess_assets.store.listing import size_of, sizes_by_year
from bess_assets.store.paths import rollup_folder
from bess_assets.store.status import State, TablePlan, YearPlan
from bess_assets.text import Column, decimals, listed, money, number, one_line, percent

if TYPE_CHECKING:
    from bess_assets.refresh import Outcome
    from bess_assets.second_settlement.compare import Comparison
    from bess_assets.store.journal import CheckEntry
    from bess_assets.store.roll_up import RollUp
    from bess_assets.store.rollup_files import BuiltYear

# --- refreshes ----------------------------------------------------------------------------------------------------------


def _words_of(check: "CheckEntry") -> str:
    return check["name"].replace("_", " ")


def _checks_in_short(outcome: "Outcome") -> str | None:
    if outcome.failed_checks:
        blocking = any(check["blocking"] for _, check in outcome.failed_checks)
        return f"{len(outcome.failed_checks)} {'failed' if blocking else 'warned'}"
    return "passed" if outcome.state == "refreshed" else None


_OUTCOME = (
    number("year", lambda o: o.name, str),
    Column("state", lambda o: o.state),
    number("batteries", lambda o: o.figure("leaderboard", "rows"), keep=40),
    number("total $", lambda o: o.figure("leaderboard", "money_usd"), money),
    number("coverage", lambda o: o.figure("daily_revenue", "coverage"), percent),
    number("seconds", lambda o: o.seconds, decimals(1), keep=60),
    number("checks", _checks_in_short, str, keep=50),
)
_CHECK = (
    number("year", 0, str),
    Column("failed check", 2, _words_of),
    Column("of", 1, keep=80),
    Column("so", 2, lambda check: "blocks the next step" if check["blocking"] else "a warning", keep=60),
    Column("found", 2, lambda check: check["detail"], keep=50, widest=70),
)


def outcome_lines(outcomes: "Sequence[Outcome]", width: int) -> Iterator[str]:
    """A row for each year refreshed and for each failed check; then errors, and files that are gone."""
    yield from table(_OUTCOME, [outcomes], width).lines
    failed = [(outcome.name, name, check) for outcome in outcomes for name, check in outcome.failed_checks]
    if failed:
        yield from ("", *table(_CHECK, [failed], width).lines)
    for outcome in outcomes:
        first, *more = (outcome.error or "").splitlines() or [""]
        if first:
            yield from paragraph(f"{outcome.name} failed: {first}", width)
        for text in more:
            yield from paragraph(text.strip(), width, "  ")
        yield from paragraph(_gone(outcome.name, outcome.gone), width)
    if failed:
        harmless = not any(check["blocking"] for _, _, check in failed)
        nature = "No warning held anything back. " if harmless else ""
        yield from paragraph(f"{nature}bess status says more of them, and what is missing from the data.", width)


def _gone(year: object, gone: Sequence[str]) -> str:
    if not gone:
        return ""
    are, them = ("is", "it") if len(gone) == 1 else ("are", "them")
    return (
        f"{year}: {listed(gone)} {are} gone. The tables made from {them} were kept as they are; "
        f"put back what is missing, or settle the year without it: bess refresh {year}"
    )


def plan_lines(plans: Sequence[YearPlan], only: State | None, width: int) -> Iterator[str]:
    """The tables that a refresh would make, and why."""
    for plan in plans:
        names = plan.to_refresh(only)
        if names:
            count = "every table" if len(names) == len(plan.tables) else f"{len(names)} of {len(plan.tables)} tables"
            yield f"{plan.year}: would refresh {count}"
            yield from _by_state([plan.tables[name] for name in names], len(plan.tables), width)
        else:
            yield f"{plan.year}: nothing to do" + (f" for --only {only}" if only else "")
            yield from paragraph(_gone(plan.year, plan.gone), width, "  ")


# --- status -------------------------------------------------------------------------------------------------------------

_NAME_WIDTH = 24
_YEAR_WIDTH = 9
_LABEL_WIDTH = 15


def settings_lines(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """The settings, the variable of each, and whether a folder exists."""
    lines: list[str] = [Line("Settings")]

    def say(label: str, value: object, *remarks: str) -> None:
        lines.append(f"  {label:<{_LABEL_WIDTH}}{one_line(value)}" + (f"   ({', '.join(remarks)})" if remarks else ""))

    for name, variable in FOLDERS.items():
        path = getattr(settings, name)
        missing = () if path.exists() else ("not there yet",)
        origin = variable if environ.get(variable) else f"{variable} not set"
        say(_label(name), path, origin, *missing)
    say("battery table", settings.registry_csv or "none", *([] if settings.registry_csv else ["BESS_REGISTRY not set"]))
    memory, timeout = settings.memory_limit_bytes / 1e9, settings.query_timeout_seconds
    say("limits", f"{memory:g} GB, {settings.threads} threads, queries {timeout:g} s")
    daily = "{:02d}:{:02d}".format(*settings.daily_at)
    alarms = f"alarms to {one_line(settings.alarms)}{' and a webhook' if settings.webhook else ''}"
    say("automation", "on" if settings.automation else "off", f"BESS_AUTOMATION; daily at {daily} Central; {alarms}")
    return lines


def _label(folder: str) -> str:
    return "Dagster" if folder == "dagster_home" else folder


def status_lines(plans: Sequence[YearPlan], merged: YearPlan, width: int) -> Iterator[str]:
    """The state of every table of every year; then, for each year, why a table is not present, failed checks, findings."""
    for some in blocks(plans, width - _NAME_WIDTH, _YEAR_WIDTH):
        columns = [Column("rollup / table", 0), *(Column(str(plan.year), i) for i, plan in enumerate(some, 1))]
        rollups = [[name, *(_rollup_cell(plan, name) for plan in some)] for name in some[0].rollups]
        tables = [
            [name, *(plan.tables[name].state + "!" * bool(_failed_checks(plan, name)) for plan in some)]
            for name in some[0].tables
        ]
        yield from (*table(columns, [rollups, tables], width).lines, "")
    if any(_failed_checks(plan, name) for plan in plans for name in plan.tables):
        yield from ("! a check warned or failed, see below", "")
    yield from (f"{name} (all years): {_state_and_why(plan)}" for name, plan in merged.tables.items())
    yield from _check_lines(merged, width)
    for plan in plans:
        nothing = ["  nothing to say: every table present, no check warned or failed, no finding"]
        yield from ("", Line(str(plan.year)), *(list(_year_lines(plan, width)) or nothing))


def _rollup_cell(plan: YearPlan, dataset: str) -> str | None:
    files = plan.rollups[dataset]
    if files:
        return "built" if all(name.startswith(BUILT_FOLDER) for name in files) else "found"
    return "absent" if _is_missed(dataset, plan.year) else None


def _failed_checks(plan: YearPlan, name: str) -> "list[CheckEntry]":
    entry = plan.record["tables"].get(name)
    return [check for check in entry["checks"] if not check["passed"]] if entry else []


def _state_and_why(plan: TablePlan) -> str:
    return plan.state + (f" ({'; '.join(plan.why)})" if plan.why else "")


def _by_state(tables: Iterable[TablePlan], every: int, width: int) -> Iterator[str]:
    """Tables grouped by their state and its reason."""
    for words, names in gathered((_state_and_why(plan), plan.table) for plan in tables).items():
        named = "every table" if len(names) == every else listed(names, every)
        yield from paragraph(f"{words}: {named}", width, "  ")


def _year_lines(plan: YearPlan, width: int) -> Iterator[str]:
    yield from _by_state([item for item in plan.tables.values() if item.state != "present"], len(plan.tables), width)
    absent = [name for name, files in plan.rollups.items() if not files and _is_missed(name, plan.year)]
    if absent:
        yield from paragraph(f"no rollup file: {listed(absent, len(absent))}", width, "  ")
    for dataset, entry in plan.record["rollups"].items():
        for file, described in entry["files"].items():
            if described.get("error"):
                problem = described["error"].splitlines()[0]
                yield from paragraph(f"{dataset}/{file} cannot be read: {problem}", width, "  ")
    yield from _finding_lines(plan, absent, width)
    yield from _check_lines(plan, width)


def _is_missed(dataset: str, year: int | None) -> bool:
    """Whether a figure of the year needs the dataset, and ERCOT published it then."""
    declared = DATASETS[dataset]
    return year is not None and not declared.in_no_figure and declared.first_year <= year <= declared.last_year


def _finding_lines(plan: YearPlan, absent: Collection[str], width: int) -> Iterator[str]:
    """Findings by kind; those that may affect a figure first."""
    counts: dict[tuple[bool, str, str, str], int] = {}
    for name in plan.tables:
        entry = plan.record["tables"].get(name)
        for f in entry["findings"] if entry else []:
            if f["kind"] != "dataset_absent" or f["subject"] not in absent:
                key = (f["warning"], f["kind"], f["detail"], f["subject"])
                # Two tables that read the same rows count them each: the larger count is of the table that read more of them.
                counts[key] = max(counts.get(key, 0), f["count"])
    for warning in (True, False):
        for kind, meaning in FINDING_KINDS.items():
            found = gathered((key[2], f"{key[3]} {n:,}") for key, n in counts.items() if key[:2] == (warning, kind))
            if found:
                effect = "" if warning else ", no figure affected"
                yield from paragraph(f"{kind.replace('_', ' ')}{effect} ({meaning})", width, "  ")
            for detail, subjects in found.items():
                words = listed(subjects, len(subjects)) + (f": {detail}" if detail else "")
                yield from paragraph(words, width, "    ")


def _check_lines(plan: YearPlan, width: int) -> Iterator[str]:
    """Failed checks with their tables; of the check that reports findings the tables alone, since the findings are listed above."""
    said: list[tuple[str, str]] = []
    for name in plan.tables:
        for check in _failed_checks(plan, name):
            kind = "blocking check failed" if check["blocking"] else "check warned"
            detail = "bess status --columns shows where" if check["name"] == CHANGES.name else check["detail"]
            findings = check["name"] == FINDINGS.name
            words = f"{kind}, {_words_of(check)!r} ({detail})"
            said.append(("warnings above that may affect figures of" if findings else words, name))
    for words, tables in gathered(said).items():
        yield from paragraph(f"{words}: {listed(tables)}", width, "  ")


def comparison_lines(comparison: "Comparison", width: int) -> list[str]:
    """A second settlement beside the results: the verdict, unreadable files, a row for each battery that differs."""
    from bess_assets.second_settlement import compare  # loads pandas

    lines = [compare.verdict(comparison)]
    lines += [one_line(f"error: {file}: {problem}") for file, problem in comparison.problems.items()]
    if worst := compare.worst(comparison):
        lines += ["", *table(compare.WORST, [worst], width).lines, ""]
        lines.append('Every figure that differs: --format csv. "-" is unknown.')
    return [*lines, compare.reports_read(comparison)]


# --- columns --------------------------------------------------------------------------------------------------------------

_HEADING_WIDEST = 40
_CELL_WIDTH = 10


def matrix_lines(rows: Sequence[Mapping[str, Any]], width: int, *, every_column: bool = False) -> list[str]:
    """The matrix of dataset, column and year, each dataset in blocks of as many years as fit; arguments as of `matrices`."""
    lines = paragraph(LEGEND, width)
    found = matrices(rows, every_column=every_column)
    for matrix in found:
        lines += ["", *_matrix_lines(matrix, width)]
    if any(matrix.left_out for matrix in found):
        lines += ["", *paragraph("Every column of a dataset: bess status --columns DATASET", width)]
    return lines


def _matrix_lines(matrix: Matrix, width: int) -> list[str]:
    if not matrix.cells:
        return [f"{matrix.dataset}: {NO_FILE}"]
    name, *years = matrix.columns(matrix.dataset)
    widest = min(max([len(matrix.dataset), *map(len, matrix.cells)]), _HEADING_WIDEST)
    lines: list[str] = []
    for some in blocks(years, width - widest, _CELL_WIDTH):
        lines += ["", *table([name._replace(widest=_HEADING_WIDEST), *some], [matrix.rows], width).lines]
    lines += [""] if matrix.notes else []
    for note in matrix.notes:
        lines += paragraph(note.strip(), width, "  " if note.startswith("!") else "    ")
    return lines[1:]


# --- rollups ----------------------------------------------------------------------------------------------------------------

_NOTED = 20


def _first(notes: Sequence[str], rest: str) -> list[str]:
    """The first of some notes, and how many more there are."""
    more = len(notes) - _NOTED
    return [*notes[:_NOTED], *([f"and {more:,} more {rest}"] if more > 0 else [])]


def _built_state(built: "BuiltYear") -> str:
    complete = "complete" if built.manifest["complete"] else "incomplete"
    return (complete if built.manifest["rows"] else "nothing usable") + (", written" if built.changed else "")


_BUILT = (
    Column("rollup", lambda b: b.dataset),
    number("year", lambda b: b.year, str),
    number("reports", lambda b: len(b.manifest["reports"])),
    number("new", lambda b: b.new_reports, keep=60),
    number("rows", lambda b: b.manifest["rows"].get("kept")),
    number(
        "dropped",
        lambda b: sum(b.manifest["rows"].get(key, 0) for key in ("same", "superseded", "contradicting")),
        keep=50,
    ),
    Column("first day", lambda b: b.manifest["first_day"], keep=40),
    Column("last day", lambda b: b.manifest["last_day"]),
    Column("state", _built_state),
)


def rollup_lines(done: "RollUp", width: int) -> list[str]:
    """A row for each dataset and year rolled up; then why some are incomplete, and which files could not be used."""
    lines = table(_BUILT, [done.built], width).lines if done.built else []
    notes = [f"{b.dataset} {b.year}: {reason}" for b in done.built for reason in b.manifest["incomplete_because"]]
    for b in done.built:
        refused = [f"not used: {item['file']}: {item['problem']}" for item in b.manifest["refused"]]
        notes += _first(refused, f"of {b.dataset} {b.year}: see its manifest")
    unknown = [f"not used, of no dataset and year that is known: {file}: {why}" for file, why in done.refused]
    notes += _first(unknown, "that could not be used")
    others = sorted(done.other.items(), key=lambda item: (-item[1], item[0]))
    notes += [f"left aside, {count:,}: {why}" for why, count in others[:_NOTED]]
    lines += [line for note in notes for line in paragraph(note, width, "  ")]
    return [*lines, f"{done.files:,} files, {done.reports:,} reports in them."]


_MEGABYTES = decimals(1)
_STORAGE = (
    Column("rollup", 0),
    number("year", 1, str),
    Column("from", 2, keep=40),
    number("reports", 3, keep=50),
    number("CSV MB", 4, _MEGABYTES),
    number("Parquet MB", 5, _MEGABYTES),
    number("smaller by", 6, percent),
    number("CSV read s", 7, decimals(1)),
    number("Parquet read s", 8, decimals(2)),
)


def storage_lines(settings: Settings, years: Sequence[int], width: int) -> list[str]:
    """Size and loading time of the rollups beside the CSV they were built from; then megabytes by year, and by folder."""
    from bess_assets.store.rollup_files import read_manifest  # loads pyarrow

    folder = rollup_folder(settings)
    rows: list[Sequence[Any]] = []
    manifests: list[Mapping[str, Any]] = []
    for dataset, year in product(DATASETS, years):
        found, built = folder.found(dataset, year), folder.built(dataset, year)
        if found is not None:
            rows.append([dataset, year, "found", None, None, size_of(found) / 1e6, None, None, None])
        manifest = read_manifest(built) if built is not None else None
        if manifest is not None:
            manifests.append(manifest)
            rows.append([dataset, year, "built", *_sizes([manifest])])
    if rows:
        total = [["built from reports", None, None, *_sizes(manifests)]] if manifests else []
        lines = table(_STORAGE, [rows, total], width).lines
        lines += paragraph(
            "CSV read: seconds in which the reports were read, typed, sorted and written when they were rolled up. Parquet read: seconds in which the whole "
            "rollup was read just after. For a rollup of your own nothing is known of the CSV that it was made from.",
            width,
        )
    else:
        lines = ["There are no rollups yet."]
    return [*lines, "", *_megabyte_lines(settings, width)]


def _sizes(manifests: Sequence[Mapping[str, Any]]) -> list[float | None]:
    def total(key: str) -> float:
        return float(sum(manifest[key] for manifest in manifests))

    csv, parquet = total("csv_bytes"), total("parquet_bytes")
    reports = sum(len(manifest["reports"]) for manifest in manifests)
    smaller = 1 - parquet / csv if csv else None
    return [reports, csv / 1e6, parquet / 1e6, smaller, total("seconds"), total("read_back_seconds")]


def _megabyte_lines(settings: Settings, width: int) -> list[str]:
    parts = [sizes_by_year(folder) for folder in (settings.rollups, settings.results)]
    years = sorted({year for part in parts for sizes in part.values() for year in sizes if year})
    lines: list[str] = [Line("Megabytes on disk, by the year in the file's name"), ""]
    for some in blocks(years, width - _NAME_WIDTH - _YEAR_WIDTH, _YEAR_WIDTH):
        columns = [Column("rollup / table", 0), number("all", 1, _small)]
        columns += [number(str(year), 2 + i, _small) for i, year in enumerate(some)]
        sections = [
            [[name, sum(sizes.values()), *map(sizes.get, some)] for name, sizes in sorted(part.items())]
            for part in parts
        ]
        lines += [*table(columns, sections, width).lines, ""]
    for name in ("rollups", "built", "results", "reports", "dagster_home"):
        path, label = getattr(settings, name), _label(name)
        lines.append(f"{label:<{_LABEL_WIDTH}}{size_of(path) / 1e6:>12,.1f} MB   {one_line(path)}")
    return lines


def _small(size: int) -> str:
    return "< 0.1" if 0 < size < 50_000 else _MEGABYTES(size / 1e6)
