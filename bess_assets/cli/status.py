"""`bess status`: settings, the state of each table, findings, failed checks, columns by year, what rollups and results take on disk."""

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import click

from bess_assets.checks.causes import CauseOfYear, causes_of_years
from bess_assets.checks.check import CHANGES, FINDINGS
from bess_assets.cli import Options, command
from bess_assets.cli.render import blocks, bold, echo, echo_error, echo_warning, gathered, paragraph, table
from bess_assets.ercot.datasets import DATASETS, find_dataset
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import FINDING_KINDS
from bess_assets.errors import BessError
from bess_assets.report.schema_matrix import LEGEND, NO_FILE, matrices
from bess_assets.settings import FOLDERS, Settings
from bess_assets.store.journal import CheckEntry
from bess_assets.store.listing import made_up_note, size_of, sizes_by_year
from bess_assets.store.paths import recorded_years, rollup_folder
from bess_assets.store.rollup_layouts import unused_entries
from bess_assets.store.status import TablePlan, YearPlan, new_reports, plan_year, years_known
from bess_assets.text import Column, decimals, listed, number, one_line, percent


@command(
    click.argument("datasets", metavar="[DATASET]...", nargs=-1),
    click.option("--columns", is_flag=True, help="Show instead which columns the rollups of each year have."),
    click.option(
        "--storage", is_flag=True, help="Show instead the size of the rollups beside their CSV, and how fast both load."
    ),
    click.option(
        "--causes", is_flag=True, help="Show instead every cause of unknown or doubtful figures, worst first."
    ),
)
def status(options: Options, datasets: tuple[str, ...], columns: bool, storage: bool, causes: bool) -> None:
    """Show the settings, the state of every table of every year, and what is missing from the data.

    --columns shows a matrix of dataset, column and year, and the year in which a column appeared, vanished, or changed its type or heading. With
    DATASET: all its columns; without: the columns that matter, of all datasets.
    """
    if datasets and not columns:
        remedy = f"Run: bess status --columns {' '.join(datasets)}"
        raise BessError("Datasets are named together with --columns.", remedy=remedy)
    settings = options.settings_with_inputs()
    if columns or storage:
        echo(_column_lines(settings, datasets) if columns else _storage_lines(settings), made_up_note(settings))
        return
    if causes:
        every = causes_of_years(settings, [*recorded_years(settings.results), None])
        echo(
            cause_lines(every) if every else ["No figure is unknown or doubtful for a cause that is known."],
            made_up_note(settings),
        )
        return
    news = new_reports(settings)
    years = years_known(settings, news)
    echo([*_settings_lines(settings), ""])
    warn_of_unused(settings.rollups)
    if not years:
        click.echo(
            "No year has rollups or results yet. Name the folder of your rollups in BESS_ROLLUPS, or try a made-up market: bess demo"
        )
        return
    plans, merged = [plan_year(settings, year, news) for year in years], plan_year(settings, None)
    echo(_status_lines(plans, merged), made_up_note(settings))
    for words, files in (
        ("report files that were rolled up are gone; their rows stay in the rollups", news.gone),
        ("new report files cannot be opened; bess rollup says why", news.unreadable),
    ):
        if files:
            echo_warning(f"{len(files)} {words}: {listed(files)}")


_MOST_UNUSED = 20


def warn_of_unused(rollups: Path) -> None:
    """Warn of the entries of the folder of rollups that are not read."""
    unused = list(unused_entries(rollups))
    for entry in unused[:_MOST_UNUSED]:
        echo_warning(f"not read: {rollups.name}/{entry}")
    if len(unused) > _MOST_UNUSED:
        echo_warning(f"and {len(unused) - _MOST_UNUSED:,} more entries of {rollups} are not read")


def cause_lines(causes: Sequence[CauseOfYear], most: int | None = None) -> Iterator[str]:
    """Causes as numbered paragraphs, `most` at most, and how many more there are."""
    if causes:
        yield from ("", bold("Why figures are unknown or doubtful, worst first:"))
    for n, (year, cause) in enumerate(causes[:most], start=1):
        share = f" ({cause.share:.1%} of the fleet)" if cause.share and 0.0005 <= cause.share <= 1 else ""
        yield from paragraph(f"{n}. {year}: {cause.words}{share}. To do: {cause.remedy or 'see bess status'}.", " ")
    if most and len(causes) > most:
        yield f"and {len(causes) - most:,} more: bess status --causes"


@command()
def verify(options: Options) -> None:
    """Compare the digest of every file of results and built rollups with the one noted when it was written, and the editions of boards with one another.

    Each file that is not as it was written is named with the command that mends it; the exit code is then 1.
    """
    from bess_assets.store.verify import verify as verify_files  # loads pyarrow

    looked = verify_files(options.settings())
    for damage in looked.damage:
        echo_error(f"{damage.file}: {damage.problem}\n  remedy: {damage.remedy}")
    unknown = (
        f"; {looked.unknown:,} of an earlier version have no digest: bess refresh notes it" if looked.unknown else ""
    )
    click.echo(f"{looked.files:,} files, {len(looked.damage):,} damaged{unknown}.")
    if looked.damage:
        sys.exit(1)


# --- settings and tables ------------------------------------------------------------------------------------------------

_NAME_WIDTH = 24
_YEAR_WIDTH = 9
_LABEL_WIDTH = 15


def _settings_lines(settings: Settings) -> Iterator[str]:
    """The settings, the variable of each, and whether a folder exists."""
    memory, timeout = settings.memory_limit_bytes / 1e9, settings.query_timeout_seconds
    daily = "{:02d}:{:02d}".format(*settings.daily_at)
    alarms = f"alarms to {one_line(settings.alarms)}{' and a webhook' if settings.webhook else ''}"
    yield bold("Settings")
    for label, value, remark in (
        *((name.replace("dagster_home", "Dagster"), getattr(settings, name), name) for name in FOLDERS),
        (
            "battery table",
            settings.place(settings.registry_csv) if settings.registry_csv else "none",
            "" if settings.registry_csv else "BESS_REGISTRY not set",
        ),
        ("limits", f"{memory:g} GB, {settings.threads} threads, queries {timeout:g} s", ""),
        ("automation", "on" if settings.automation else "off", f"BESS_AUTOMATION; daily at {daily} Central; {alarms}"),
    ):
        if variable := FOLDERS.get(remark):
            remark = f"{variable}{'' if os.environ.get(variable) else ' not set'}{'' if value.exists() else ', not there yet'}"
            value = settings.place(value)
        yield f"  {label:<{_LABEL_WIDTH}}{one_line(value)}" + (f"   ({remark})" if remark else "")


def _status_lines(plans: Sequence[YearPlan], merged: YearPlan) -> Iterator[str]:
    """The state of every table of every year; then, for each year, why a table is not present, failed checks, findings."""
    for some in blocks(plans, _NAME_WIDTH, _YEAR_WIDTH):
        columns = [Column("rollup / table", 0), *(Column(str(plan.year), i) for i, plan in enumerate(some, 1))]
        rollups = [[name, *(_rollup_cell(plan, name) for plan in some)] for name in some[0].rollups]
        tables = [
            [name, *(plan.tables[name].state + "!" * bool(_failed_checks(plan, name)) for plan in some)]
            for name in some[0].tables
        ]
        yield from (*table(columns, [rollups, tables]).lines, "")
    if any(_failed_checks(plan, name) for plan in plans for name in plan.tables):
        yield from ("! a check warned or failed, see below", "")
    yield from (f"{name} (all years): {_state_and_why(plan)}" for name, plan in merged.tables.items())
    yield from _check_lines(merged)
    for plan in plans:
        lines = list(_year_lines(plan)) or [
            "  nothing to say: every table present, no check warned or failed, no finding"
        ]
        yield from ("", bold(str(plan.year)), *lines)


def _rollup_cell(plan: YearPlan, dataset: str) -> str | None:
    if files := plan.rollups[dataset]:
        return "built" if all(name.startswith(BUILT_FOLDER) for name in files) else "found"
    return "absent" if _is_missed(dataset, plan.year) else None


def _is_missed(dataset: str, year: int | None) -> bool:
    """Whether a figure of the year needs the dataset, and ERCOT published it then."""
    declared = DATASETS[dataset]
    figures = not (declared.in_no_figure or declared.stood_in_for)
    return year is not None and figures and declared.first_year <= year <= declared.last_year


def _failed_checks(plan: YearPlan, name: str) -> list[CheckEntry]:
    entry = plan.record["tables"].get(name)
    return [check for check in entry["checks"] if not check["passed"]] if entry else []


def _state_and_why(plan: TablePlan) -> str:
    return plan.state + (f" ({'; '.join(plan.why)})" if plan.why else "")


def by_state(tables: Iterable[TablePlan], every: int) -> Iterator[str]:
    """Tables grouped by their state and its reason, as lines; `every` is how many there are."""
    for words, names in gathered((_state_and_why(plan), plan.table) for plan in tables).items():
        named = "every table" if len(names) == every else listed(names, every)
        yield from paragraph(f"{words}: {named}", "  ")


def _year_lines(plan: YearPlan) -> Iterator[str]:
    yield from by_state([item for item in plan.tables.values() if item.state != "present"], len(plan.tables))
    if absent := [name for name, files in plan.rollups.items() if not files and _is_missed(name, plan.year)]:
        yield from paragraph(f"no rollup file: {listed(absent, len(absent))}", "  ")
    for dataset, entry in plan.record["rollups"].items():
        for file, described in entry["files"].items():
            if described.get("error"):
                yield from paragraph(f"{dataset}/{file} cannot be read: {described['error'].splitlines()[0]}", "  ")
    yield from _finding_lines(plan, absent)
    yield from _check_lines(plan)


def _finding_lines(plan: YearPlan, absent: Collection[str]) -> Iterator[str]:
    """Findings by kind; those that may affect a figure first."""
    counts: dict[tuple[bool, str, str, str], int] = {}
    for name in plan.tables:
        entry = plan.record["tables"].get(name)
        for f in entry["findings"] if entry else []:
            if f["kind"] != "dataset_absent" or f["subject"] not in absent:
                key = (f["warning"], f["kind"], f["detail"], f["subject"])
                # Two tables that read the same rows count them each: the larger count is of the table that read more of them.
                counts[key] = max(counts.get(key, 0), f["count"])
    for warning, (kind, meaning) in product((True, False), FINDING_KINDS.items()):
        if found := gathered((key[2], f"{key[3]} {n:,}") for key, n in counts.items() if key[:2] == (warning, kind)):
            effect = "" if warning else ", no figure affected"
            yield from paragraph(f"{kind.replace('_', ' ')}{effect} ({meaning})", "  ")
        for detail, subjects in found.items():
            yield from paragraph(listed(subjects, len(subjects)) + (f": {detail}" if detail else ""), "    ")


def _check_lines(plan: YearPlan) -> Iterator[str]:
    """Failed checks with their tables; of the check that reports findings the tables alone, since the findings are listed above."""
    said: list[tuple[str, str]] = []
    for name, check in ((of, check) for of in plan.tables for check in _failed_checks(plan, of)):
        kind = "blocking check failed" if check["blocking"] else "check warned"
        detail = "bess status --columns shows where" if check["name"] == CHANGES.name else check["detail"]
        words = f"{kind}, {check['name'].replace('_', ' ')!r} ({detail})"
        said.append(("warnings above that may affect figures of" if check["name"] == FINDINGS.name else words, name))
    for words, tables in gathered(said).items():
        yield from paragraph(f"{words}: {listed(tables)}", "  ")


# --- columns --------------------------------------------------------------------------------------------------------------


def _column_lines(settings: Settings, names: Iterable[str]) -> Iterator[str]:
    from bess_assets.results import Results  # loads DuckDB

    datasets = [find_dataset(name).name for name in names]
    with Results(settings) as results:
        rows = results.column_availability().records()
    if why := plan_year(settings, None).tables["column_availability"].why:
        old = f"this matrix is older than the schemas it was merged from ({'; '.join(why)})"
        echo_warning(f"{old}: bess refresh makes it anew.")
    shown = [row for row in rows if not datasets or row["dataset"] in datasets]
    yield from matrix_lines(shown, every_column=bool(datasets))
    for name in datasets:
        if not any(row["dataset"] == name for row in rows):
            yield from ("", f"{name}: no year that has been refreshed has a file of it, and ERCOT published none then.")


def matrix_lines(rows: Sequence[Mapping[str, Any]], *, every_column: bool = False) -> Iterator[str]:
    """The matrix of dataset, column and year, each dataset in blocks of as many years as fit; arguments as of `matrices`."""
    yield from paragraph(LEGEND)
    found = matrices(rows, every_column=every_column)
    for matrix in found:
        name, *years = matrix.columns
        name = name._replace(heading=matrix.dataset, widest=40)
        widest = max(map(len, (matrix.dataset, *map(name.cell, matrix.rows))))
        for some in blocks(years, widest, 10) if matrix.rows else ():
            yield from ("", *table([name, *some], [matrix.rows]).lines)
        if not matrix.rows:
            yield from ("", f"{matrix.dataset}: {NO_FILE}")
        yield from [""] * bool(matrix.notes)
        for note in matrix.notes:
            yield from paragraph(note.strip(), "  " if note.startswith("!") else "    ")
    if any(matrix.left_out for matrix in found):
        yield from ("", *paragraph("Every column of a dataset: bess status --columns DATASET"))


# --- storage --------------------------------------------------------------------------------------------------------------

_STORAGE = (
    Column("rollup", 0),
    number("year", 1, str),
    Column("from", 2, keep=40),
    number("reports", 3, keep=50),
    number("CSV MB", 4, decimals(1)),
    number("Parquet MB", 5, decimals(1)),
    number("smaller by", 6, percent),
    number("CSV read s", 7, decimals(1)),
    number("Parquet read s", 8, decimals(2)),
)


def _storage_lines(settings: Settings) -> Iterator[str]:
    """Size and loading time of the rollups beside the CSV they were built from; then megabytes by year, and by folder."""
    from bess_assets.store.rollup_files import read_manifest  # loads pyarrow

    folder = rollup_folder(settings)
    rows: list[Sequence[Any]] = []
    manifests: list[Mapping[str, Any]] = []
    for dataset, year in product(DATASETS, years_known(settings, new_reports(settings))):
        if found := folder.found(dataset, year):
            rows.append([dataset, year, "found", None, None, sum(map(size_of, found)) / 1e6, None, None, None])
        if (built := folder.built(dataset, year)) and (manifest := read_manifest(built)):
            manifests.append(manifest)
            rows.append([dataset, year, "built", *_sizes([manifest])])
    if rows:
        total = [["built from reports", None, None, *_sizes(manifests)]] if manifests else []
        yield from table(_STORAGE, [rows, total]).lines
        yield from paragraph(
            "CSV read: seconds in which the reports were read, typed, sorted and written when they were rolled up. Parquet read: seconds in which the whole "
            "rollup was read just after. For a rollup of your own nothing is known of the CSV that it was made from."
        )
    else:
        yield "There are no rollups yet."
    yield from ("", *_megabyte_lines(settings))


def _sizes(manifests: Sequence[Mapping[str, Any]]) -> list[float | None]:
    names = ("csv_bytes", "parquet_bytes", "seconds", "read_back_seconds")
    csv, parquet, seconds, read_back = (float(sum(manifest[name] for manifest in manifests)) for name in names)
    reports = sum(len(manifest["reports"]) for manifest in manifests)
    return [reports, csv / 1e6, parquet / 1e6, 1 - parquet / csv if csv else None, seconds, read_back]


def _megabyte_lines(settings: Settings) -> Iterator[str]:
    parts = [sizes_by_year(folder) for folder in (settings.rollups, settings.results)]
    years = sorted({year for part in parts for sizes in part.values() for year in sizes if year})
    yield from (bold("Megabytes on disk, by the year in the file's name"), "")
    for some in blocks(years, _NAME_WIDTH + _YEAR_WIDTH, _YEAR_WIDTH):
        columns = [Column("rollup / table", 0), number("all", 1, _small)]
        columns += [number(str(year), 2 + i, _small) for i, year in enumerate(some)]
        sections = [
            [[name, sum(sizes.values()), *map(sizes.get, some)] for name, sizes in sorted(part.items())]
            for part in parts
        ]
        yield from (*table(columns, sections).lines, "")
    for name in ("rollups", "built", "results", "reports", "dagster_home"):
        path = getattr(settings, name)
        yield f"{name.replace('dagster_home', 'Dagster'):<{_LABEL_WIDTH}}{size_of(path) / 1e6:>12,.1f} MB   {one_line(path)}"


def _small(size: int) -> str:
    return "< 0.1" if 0 < size < 50_000 else f"{size / 1e6:,.1f}"
