"""Years, what became of them and what they lack, as lines of text for a terminal.

Belongs here: the outcome of a refresh, what a refresh would do, settings, the state of every table, findings and failed checks.
Does not: judging that state (store/status.py), printing (cli.py).
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from bess_assets.checks import CHANGES_CHECK, FINDINGS_CHECK
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import FINDING_KINDS
from bess_assets.refresh import Outcome
from bess_assets.settings import Settings
from bess_assets.store.journal import CheckEntry
from bess_assets.store.made_up import RUNS_FOLDER
from bess_assets.store.status import State, TablePlan, YearPlan
from bess_assets.text_tables import Heading, Line, decimals, listed, money, one_line, paragraph, percent, text_table

# --- refreshes ----------------------------------------------------------------------------------------------------------------------------

_OUTCOME = (
    Heading("year", right=True),
    Heading("state"),
    Heading("batteries", "{:,}".format, right=True, keep=40),
    Heading("total $", money, right=True),
    Heading("coverage", percent, right=True),
    Heading("seconds", decimals(1), right=True, keep=60),
    Heading("checks", right=True, keep=50),
)


_CHECK = (
    Heading("year", right=True),
    Heading("failed check"),
    Heading("of", keep=80),
    Heading("so", keep=60),
    Heading("found", keep=50, widest=70),
)


def outcome_lines(outcomes: Sequence[Outcome], width: int) -> list[str]:
    """What a refresh came to, a row a year, and a row a failed check; then the first line of each error, and what is gone."""
    rows = [[o.name, o.state, o.batteries, o.money_usd, o.coverage, o.seconds, _failed(o)] for o in outcomes]
    lines = text_table(_OUTCOME, [rows], width).lines
    checks = [
        [
            o.name,
            check["name"].replace("_", " "),
            table,
            "blocks the next step" if check["blocking"] else "a warning",
            check["detail"],
        ]
        for o in outcomes
        for table, check in o.failed_checks
    ]
    if checks:
        lines += ["", *text_table(_CHECK, [checks], width).lines]
    for outcome in outcomes:
        for index, line in enumerate(outcome.error.splitlines() if outcome.error else []):
            lines += paragraph(
                *((f"{outcome.name} failed: {line}", width) if index == 0 else (line.strip(), width, "  "))
            )
        if outcome.gone:
            lines += paragraph(_gone_words(str(outcome.name), outcome.gone), width)
    if checks:
        blocking = any(check["blocking"] for o in outcomes for _, check in o.failed_checks)
        nature = "" if blocking else "No warning held anything back. "
        lines += paragraph(f"{nature}bess status says more of them, and what is missing from the data.", width)
    return lines


def _gone_words(year: str, gone: Sequence[str]) -> str:
    return (
        f"{year}: {listed(gone)} {'is' if len(gone) == 1 else 'are'} gone. What was made from {'it' if len(gone) == 1 else 'them'} stands as it was; "
        f"put back what is missing, or settle the year without it: bess refresh {year}"
    )


def _failed(outcome: Outcome) -> str | None:
    if outcome.failed_checks:
        blocking = any(check["blocking"] for _, check in outcome.failed_checks)
        return f"{len(outcome.failed_checks)} {'failed' if blocking else 'warned'}"
    return "passed" if outcome.state == "refreshed" else None


def plan_lines(plans: Sequence[YearPlan], only: State | None, width: int) -> list[str]:
    """What a refresh would do, and why."""
    lines: list[str] = []
    for plan in plans:
        tables = plan.to_refresh(only)
        if not tables:
            lines.append(f"{plan.year}: nothing to do" + (f" for --only {only}" if only else ""))
            lines += paragraph(_gone_words(str(plan.year), plan.gone), width, "  ") if plan.gone else []
            continue
        count = "every table" if len(tables) == len(plan.tables) else f"{len(tables)} of {len(plan.tables)} tables"
        lines.append(f"{plan.year}: would refresh {count}")
        lines += _by_state([plan.tables[name] for name in tables], len(plan.tables), width)
    return lines


# --- status -------------------------------------------------------------------------------------------------------------------------------

_ASSET_WIDTH = 24
_YEAR_WIDTH = 9
_SETTING_WIDTH = 15


def settings_lines(settings: Settings, environ: Mapping[str, str]) -> list[str]:
    """The settings, where each comes from, and whether the folder is there."""
    folders = (
        ("home", settings.home, "BESS_HOME"),
        ("rollups", settings.rollups, "BESS_ROLLUPS"),
        ("results", settings.results, "BESS_RESULTS"),
        ("reports", settings.reports, "BESS_REPORTS"),
        ("Dagster", settings.dagster_home, "DAGSTER_HOME"),
    )
    lines: list[str] = [Line.of("title", "Settings")]
    for label, path, variable in folders:
        remarks = [
            variable if environ.get(variable) else f"{variable} not set",
            *([] if path.exists() else ["not there yet"]),
        ]
        lines.append(f"  {label:<{_SETTING_WIDTH}}{one_line(path)}   ({', '.join(remarks)})")
    table = settings.registry_csv or "none   (BESS_REGISTRY not set)"
    lines.append(f"  {'battery table':<{_SETTING_WIDTH}}{one_line(table)}")
    lines.append(
        f"  {'limits':<{_SETTING_WIDTH}}{settings.memory_limit_bytes / 1e9:g} GB, {settings.threads} threads, "
        f"queries {settings.query_timeout_seconds:g} s"
    )
    daily = "{:02d}:{:02d}".format(*settings.daily_at)
    lines.append(
        f"  {'automation':<{_SETTING_WIDTH}}{'on' if settings.automation else 'off'}   (BESS_AUTOMATION; daily at {daily} Central; alarms to "
        f"{one_line(settings.alarms)}{' and a webhook' if settings.webhook else ''})"
    )
    return lines


def status_lines(plans: Sequence[YearPlan], merged: YearPlan, width: int) -> list[str]:
    """Every asset of every year, then what to know of each year: why a table is not present, failed checks, what the data lack."""
    a_block = max(1, (width - _ASSET_WIDTH) // _YEAR_WIDTH)
    lines: list[str] = []
    for start in range(0, len(plans), a_block):
        lines += [*_grid(plans[start : start + a_block]), ""]
    if any(_failed_checks(plan, name) for plan in plans for name in plan.tables):
        lines += ["! a check warned or failed, see below", ""]
    lines += [f"{name} (all years): {_state_and_why(plan)}" for name, plan in merged.tables.items()]
    lines += _check_lines(merged, width)
    for plan in plans:
        lines += ["", Line.of("title", str(plan.year)), *_year_lines(plan, width)]
    return lines


# --- storage ------------------------------------------------------------------------------------------------------------------------------


def storage_lines(settings: Settings, width: int) -> list[str]:
    """What rollups and result tables take on disk by year, and the folders as a whole."""
    rollups, results = _megabytes(settings.rollups), _megabytes(settings.results)
    years = sorted({year for part in (rollups, results) for sizes in part.values() for year in sizes if year})
    a_block = max(1, (width - _ASSET_WIDTH - _YEAR_WIDTH) // _YEAR_WIDTH)
    lines: list[str] = [Line.of("title", "Megabytes on disk, by the year in the file's name"), ""]
    for start in range(0, max(len(years), 1), a_block):
        some = years[start : start + a_block]
        headings = [
            Heading("rollup / table"),
            *(Heading(text, _megabytes_text, right=True) for text in ("all", *map(str, some))),
        ]
        sections = [
            [[name, sum(sizes.values()), *(sizes.get(year) for year in some)] for name, sizes in sorted(part.items())]
            for part in (rollups, results)
        ]
        lines += [*text_table(headings, sections, width).lines, ""]
    for label, path in (
        ("rollups", settings.rollups),
        ("built", settings.built),
        ("results", settings.results),
        ("reports", settings.reports),
        ("Dagster", settings.dagster_home),
    ):
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 1e6
        lines.append(f"{label:<{_SETTING_WIDTH}}{size:>12,.1f} MB   {one_line(path)}")
    return lines


def _megabytes_text(size: float) -> str:
    return "< 0.1" if 0 < size < 0.05 else f"{size:,.1f}"


def _megabytes(folder: Path) -> dict[str, dict[int | None, float]]:
    """Size of the files by folder and year; under None what has no year in its name."""
    sizes: dict[str, dict[int | None, float]] = {}
    for path in folder.glob("*/*"):
        if path.parent.name == RUNS_FOLDER or path.name.startswith("."):
            continue
        year = int(path.stem) if path.stem.isdigit() else None
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        of_folder = sizes.setdefault(path.parent.name, {})
        of_folder[year] = of_folder.get(year, 0.0) + sum(file.stat().st_size for file in files) / 1e6
    return sizes


# --- tables and years -------------------------------------------------------------------------------------------------------------------------


def _grid(plans: Sequence[YearPlan]) -> list[str]:
    rollups = [[name, *(_rollup_cell(plan, name) for plan in plans)] for name in plans[0].rollups]
    tables = [[name, *(_cell_of(plan, name) for plan in plans)] for name in plans[0].tables]
    headings = [Heading("rollup / table"), *(Heading(str(plan.year)) for plan in plans)]
    return text_table(headings, [rollups, tables], _ASSET_WIDTH + _YEAR_WIDTH * len(plans) + 1).lines


def _rollup_cell(plan: YearPlan, dataset: str) -> str | None:
    if plan.rollups[dataset]:
        return "built" if all(name.startswith(BUILT_FOLDER) for name in plan.rollups[dataset]) else "found"
    return "absent" if _published(dataset, plan.year) else None


def _cell_of(plan: YearPlan, table: str) -> str:
    marks = "!" if _failed_checks(plan, table) else ""
    return plan.tables[table].state + marks


def _failed_checks(plan: YearPlan, table: str) -> list[CheckEntry]:
    entry = plan.record["tables"].get(table)
    return [check for check in entry["checks"] if not check["passed"]] if entry else []


def _state_and_why(plan: TablePlan) -> str:
    return plan.state + (f" ({'; '.join(plan.why)})" if plan.why else "")


def _by_state(tables: Sequence[TablePlan], every: int, width: int) -> list[str]:
    """Tables grouped by their state and the reason for it."""
    groups: dict[str, list[str]] = {}
    for table in tables:
        groups.setdefault(_state_and_why(table), []).append(table.table)
    lines: list[str] = []
    for words, names in groups.items():
        lines += paragraph(f"{words}: {'every table' if len(names) == every else listed(names, every)}", width, "  ")
    return lines


def _year_lines(plan: YearPlan, width: int) -> list[str]:
    lines = _by_state([table for table in plan.tables.values() if table.state != "present"], len(plan.tables), width)
    absent = [name for name, files in plan.rollups.items() if not files and _published(name, plan.year)]
    if absent:
        lines += paragraph(f"no rollup file: {listed(absent, len(absent))}", width, "  ")
    for dataset, entry in plan.record["rollups"].items():
        for file, described in entry["files"].items():
            if described.get("error"):
                problem = described["error"].splitlines()[0]
                lines += paragraph(f"{dataset}/{file} cannot be read: {problem}", width, "  ")
    lines += _finding_lines(plan, set(absent), width)
    lines += _check_lines(plan, width)
    return lines or ["  nothing to say: every table present, no check warned or failed, no finding"]


def _published(dataset: str, year: int | None) -> bool:
    """Whether ERCOT publishes rows of that dataset for the year, and some figure is made of them."""
    if year is None or DATASETS[dataset].in_no_figure:
        return False
    return DATASETS[dataset].first_year <= year <= DATASETS[dataset].last_year


def _finding_lines(plan: YearPlan, absent: Collection[str], width: int) -> list[str]:
    """What the data lack and what was odd in them, by kind of finding; those that may affect a figure first."""
    counts: dict[tuple[str, bool, str, str], int] = {}
    for name in plan.tables:
        entry = plan.record["tables"].get(name)
        for f in entry["findings"] if entry else []:
            if f["kind"] == "dataset_absent" and f["subject"] in absent:
                continue
            key = (f["kind"], f["warning"], f["subject"], f["detail"])
            # Two steps that read the same rows count them each: the larger count is that of the step that read more of them.
            counts[key] = max(counts.get(key, 0), f["count"])
    lines: list[str] = []
    for warning in (True, False):
        for kind, meaning in FINDING_KINDS.items():
            by_detail: dict[str, list[str]] = {}
            for (a_kind, a_warning, subject, detail), count in counts.items():
                if (a_kind, a_warning) == (kind, warning):
                    by_detail.setdefault(detail, []).append(f"{subject} {count:,}")
            if by_detail:
                title = f"{kind.replace('_', ' ')}{'' if warning else ', no figure affected'} ({meaning})"
                lines += paragraph(title, width, "  ")
            for detail, subjects in by_detail.items():
                words = listed(subjects, len(subjects)) + (f": {detail}" if detail else "")
                lines += paragraph(words, width, "    ")
    return lines


def _check_lines(plan: YearPlan, width: int) -> list[str]:
    """Failed checks, each said once; the one that reports findings names its tables alone, since the findings stand above."""
    said: dict[str, list[str]] = {}
    for name in plan.tables:
        for check in _failed_checks(plan, name):
            kind = "blocking check failed" if check["blocking"] else "check warned"
            words = check["name"].replace("_", " ")
            if check["name"] == CHANGES_CHECK:
                said.setdefault(f"{kind}, {words!r} (bess status --columns shows where)", []).append(name)
            elif check["name"] == FINDINGS_CHECK:
                said.setdefault("warnings above that may affect figures of", []).append(name)
            else:
                said.setdefault(f"{kind}, {words!r} ({check['detail']})", []).append(name)
    return [line for words, tables in said.items() for line in paragraph(f"{words}: {listed(tables)}", width, "  ")]
