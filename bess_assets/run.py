"""The one road from inputs to a written and recorded table; Dagster's assets, benchmarks and tests all take it.

Belongs here: which market function makes which table, gathering its inputs, writing and recording what it returns, building and registering rollups.
Does not: Dagster (assets/), formulas (market/), the Parquet format (store/files.py), what to refresh (store/status.py).
"""

import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa

from bess_assets.checks import judge_table
from bess_assets.ercot import inspection as schemas
from bess_assets.ercot.calendar import OperatingYear
from bess_assets.ercot.datasets import DATASETS, describe_file
from bess_assets.ercot.rollup import Progress, RollUp, read_manifest, roll_up
from bess_assets.ercot.rollup_names import BATTERY_TABLE, BUILT_FOLDER, LATER
from bess_assets.ercot.step import Finding, Inputs, Origin, StepResult, StoredTable
from bess_assets.errors import BessError, InputError, NotRefreshedError
from bess_assets.process_memory import give_back_freed_memory, keep_freed_memory
from bess_assets.settings import Settings
from bess_assets.settlement import ancillary, awards, daily, dispatch, editions, energy, prices, registry
from bess_assets.settlement import board as leaderboard
from bess_assets.store.files import ResultTable, WrittenTable, kept_table, read_kept, write_table
from bess_assets.store.fingerprint import Fingerprint, FingerprintEntry, fingerprint, same, whole_digest
from bess_assets.store.journal import (
    BuiltEntry,
    FindingEntry,
    RollupFileEntry,
    TableEntry,
    earlier_digests,
    package_version,
    read_run,
    record_rollup,
    record_table,
    table_entry,
)
from bess_assets.store.locks import rollup_lock, year_lock
from bess_assets.store.made_up import MARKER, made_up_inputs
from bess_assets.store.paths import (
    file_years,
    in_battery_table,
    input_files,
    later_inputs,
    result_path,
    result_years,
    rollup_folder,
    run_record_path,
)
from bess_assets.tables import (
    LEADERBOARD,
    LEADERBOARD_HISTORY,
    ROLLUP_SCHEMAS,
    TABLES,
    FileSet,
    Table,
    lineage,
    tables_above,
)

Step = Callable[[Inputs], StepResult]

STEPS: dict[str, Step] = {
    "rollup_schemas": schemas.rollup_schemas,
    "bess_registry": registry.bess_registry,
    "bess_awards": awards.bess_awards,
    "bess_dispatch": dispatch.bess_dispatch,
    "bess_prices": prices.bess_prices,
    "dam_awards_daily": daily.dam_awards_daily,
    "rt_dispatch_daily": daily.rt_dispatch_daily,
    "price_daily": daily.price_daily,
    "energy_revenue": energy.energy_revenue,
    "as_revenue": ancillary.as_revenue,
    "daily_revenue": daily.daily_revenue,
    "leaderboard": leaderboard.leaderboard,
    "leaderboard_monthly": leaderboard.leaderboard_monthly,
    "leaderboard_history": editions.leaderboard_history,
    "what_changed": editions.what_changed,
}
"""The market function of every yearly table, in an order in which they can run."""

MERGES: dict[str, Callable[[Mapping[int, StoredTable]], StepResult]] = {
    "column_availability": schemas.column_availability,
    "bess_fleet": registry.bess_fleet,
}
"""The market function of every table that merges all years, given its one upstream table by year."""

_WAIT_SECONDS = 60.0
_BLOCK_SHARE = 4
"""One block of grids takes at most this part of the memory limit: a step holds a few blocks at once."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepEvent:
    """Something that happened to a table or a rollup, told to whoever listens.

    Attributes:
        kind: started; chunk: another chunk was handed to the writer; done; failed.
        name: table or dataset.
        year: the operating year, or the year in a rollup's name; None for a merged table.
        chunks: handed to the writer so far.
        rows: in the finished table, or in the rollup file found.
        seconds: taken so far.
        error: why it failed.
    """

    kind: Literal["started", "chunk", "done", "failed"]
    name: str
    year: int | None
    chunks: int = 0
    rows: int | None = None
    seconds: float = 0.0
    error: str | None = None


Listener = Callable[[StepEvent], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Within it, the listener is told what happens to each table, also of steps that Dagster runs in this process."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def _tell(event: StepEvent) -> None:
    listener = _listener.get()
    if listener:
        listener(event)


@dataclass(frozen=True)
class StartedStep:
    """A step that has been called, whose chunks nobody has taken yet.

    Attributes:
        settings: where its table goes.
        year: the operating year; None for a merged table.
        table: its declaration.
        result: chunks to come.
        inputs: fingerprints and digests of what it reads, taken before it read them.
        clock: times it from its start.
    """

    settings: Settings
    year: int | None
    table: Table
    result: StepResult
    inputs: dict[str, FingerprintEntry | str]
    clock: "_Clock"


def run_step(settings: Settings, year: int | None, table_name: str) -> TableEntry:
    """Make, write and record one table of a year.

    Args:
        settings: where inputs and results are.
        year: the operating year; None for a merged table.
        table_name: a key of `TABLES`.

    Returns:
        what stands in the run record.

    Raises:
        BessError: an input cannot be used or the result breaks an invariant; recorded as failed, and the old file stays.
    """
    return finish_step(start_step(settings, year, table_name))


def start_step(
    settings: Settings, year: int | None, table_name: str, upstream: Mapping[str, ResultTable] | None = None
) -> StartedStep:
    """Call the market function of a table; most do their work only when their chunks are taken.

    Args:
        settings: where inputs and results are.
        year: the operating year; None for a merged table.
        table_name: a key of `TABLES`.
        upstream: tables of the year already at hand; the others are opened.
    """
    keep_freed_memory()
    table = TABLES[table_name]
    pa.set_cpu_count(settings.threads)
    clock = _Clock()
    _tell(StepEvent("started", table_name, year))
    inputs: dict[str, FingerprintEntry | str] = {}
    try:
        # Before anything is read: a file that changes meanwhile then differs from what was noted, and is noticed by the next plan.
        inputs.update({name: fingerprint(path).entry() for name, path in input_files(settings, year, table).items()})
        inputs.update(later_inputs(settings, year, table))
        if year is None:
            result = _merge(settings, table, inputs)
        else:
            inputs.update({f"table:{name}": _upstream_digest(settings, year, name) for name in table.upstream})
            result = STEPS[table_name](inputs_of(settings, year, table, upstream))
    except BaseException as error:
        _record_failure(settings, year, table, clock, inputs, error)
        raise
    return StartedStep(settings, year, table, result, inputs, clock)


def finish_step(started: StartedStep) -> TableEntry:
    """Take the chunks of a started step, write and record its table.

    Raises:
        BessError: an input cannot be used or the result breaks an invariant; recorded as failed, and the old file stays.
    """
    settings, year, table = started.settings, started.year, started.table

    def progress(chunks: int) -> None:
        _tell(StepEvent("chunk", table.name, year, chunks=chunks, seconds=started.clock.seconds()))

    try:
        path = result_path(settings.results, table.name, year)
        unchanged = started.result.unchanged
        written = kept_table(table, path) if unchanged else write_table(table, path, started.result, progress)
    except BaseException as error:
        _record_failure(settings, year, table, started.clock, started.inputs, error)
        raise
    give_back_freed_memory()
    entry = table_entry(
        status="ok",
        rows=written.rows,
        money_usd=written.money_usd,
        coverage=written.coverage,
        size=written.bytes,
        digest=written.digest,
        seconds=started.clock.seconds(),
        peak_memory_mb=started.clock.peak_memory_mb(),
        inputs=started.inputs,
        findings=[_finding_entry(finding) for finding in started.result.findings.items],
        checks=judge_table(settings, year, table, started.result, written.rows),
        made_up=made_up_inputs(settings),
    )
    record_table(settings.results, year, table.name, entry)
    _tell(StepEvent("done", table.name, year, rows=written.rows, seconds=entry["seconds"]))
    _log.info("%s %s: %s rows in %.1f s", table.name, year or "all years", f"{written.rows:,}", entry["seconds"])
    return entry


def run_files(
    settings: Settings, year: int, files: FileSet, write: Callable[[Settings, int], WrittenTable]
) -> TableEntry:
    """Make and record a set of files of a year.

    Args:
        settings: where results are.
        year: the operating year.
        files: its declaration.
        write: writes them, and says what it wrote.

    Returns:
        what stands in the run record.

    Raises:
        BessError: a table it is made of is not there, or cannot be shown; recorded as failed, and the old files stay.
    """
    clock = _Clock()
    _tell(StepEvent("started", files.name, year))
    inputs: dict[str, FingerprintEntry | str] = {}
    try:
        inputs.update({f"table:{name}": _upstream_digest(settings, year, name) for name in files.upstream})
        inputs.update(earlier_digests(settings.results, files, year))
        written = write(settings, year)
    except BaseException as error:
        _record_failure(settings, year, files, clock, inputs, error)
        raise
    entry = table_entry(
        status="ok",
        rows=written.rows,
        size=written.bytes,
        digest=written.digest,
        seconds=clock.seconds(),
        peak_memory_mb=clock.peak_memory_mb(),
        inputs=inputs,
        made_up=made_up_inputs(settings),
    )
    record_table(settings.results, year, files.name, entry)
    _tell(StepEvent("done", files.name, year, rows=written.rows, seconds=entry["seconds"]))
    _log.info("%s %s: %d batteries in %.1f s", files.name, year, written.rows, entry["seconds"])
    return entry


def inputs_of(settings: Settings, year: int, table: Table, upstream: Mapping[str, ResultTable] | None = None) -> Inputs:
    """What the step of a table may read: rollup files, the tables it is declared to stand on, the user's battery table."""
    opened = {name: result_table(settings, name, year) for name in table.upstream}
    return Inputs(
        year=OperatingYear(year),
        rollups=rollup_folder(settings),
        tables={**opened, **(upstream or {})},
        registry_csv=settings.registry_csv,
        block_bytes=settings.memory_limit_bytes // _BLOCK_SHARE,
        threads=settings.threads,
        known_days=_known_days(settings, year) if table.name == ROLLUP_SCHEMAS.name else {},
        origin=_origin(settings, year) if table.append_only else None,
        feeds=_feeds() if LEADERBOARD_HISTORY.name in {table.name, *table.upstream} else {},
    )


def _known_days(settings: Settings, year: int) -> dict[Path, tuple[date, date]]:
    """First and last day of the rollup files that are as they were when this version made the year's schemas: their stamps need not be read again."""
    entry = read_run(settings.results, year)["tables"].get(ROLLUP_SCHEMAS.name)
    path = result_path(settings.results, ROLLUP_SCHEMAS.name, year)
    if not entry or entry["status"] != "ok" or entry["package_version"] != package_version() or not path.is_file():
        return {}
    if entry["digest"] != whole_digest(path):
        return {}
    rows = result_table(settings, ROLLUP_SCHEMAS.name, year).read(["dataset", "file", "first_day", "last_day"])
    days = {
        f"{row['dataset']}/{row['file']}": (row["first_day"], row["last_day"])
        for row in rows.to_pylist()
        if row["first_day"] and row["last_day"]
    }
    return {
        file: days[name]
        for name, file in input_files(settings, year, ROLLUP_SCHEMAS).items()
        if name in days and isinstance(seen := entry["inputs"].get(name), dict) and same(Fingerprint(**seen), file)
    }


def _origin(settings: Settings, year: int) -> Origin:
    """Where the leaderboard comes from, by the run record, and the editions of it that were kept.

    Raises:
        NotRefreshedError: the record doesn't say, or says that a table which the board is made from has failed since.
        InputError: the editions kept cannot be read.
    """
    recorded = read_run(settings.results, year)["tables"]
    above = [*tables_above(LEADERBOARD), LEADERBOARD.name]
    failed = [name for name in above if name in recorded and recorded[name]["status"] != "ok"]
    if failed or LEADERBOARD.name not in recorded:
        what = f"{failed[0]} failed when it was last refreshed" if failed else "the run record has no leaderboard"
        raise NotRefreshedError(
            f"Nobody knows what the leaderboard of {year} was made of: {what}.",
            dataset=LEADERBOARD.name,
            file=run_record_path(settings.results, year),
            remedy=f"Refresh the whole year: bess refresh {year}",
        )
    seen: dict[str, set[str]] = {}
    for name in above:
        for file, value in recorded[name]["inputs"].items() if name in recorded else ():
            if not isinstance(value, str):
                seen.setdefault(file, set()).add(value["digest"])
            elif file.startswith(LATER):
                seen.setdefault(file, set()).add(value)
    board = recorded[LEADERBOARD.name]
    return Origin(
        made_at=datetime.fromisoformat(board["finished"]),
        package_version=board["package_version"],
        board_digest=_upstream_digest(settings, year, LEADERBOARD.name),
        # Tables refreshed at different times may have seen different contents of one file: then both are named.
        files={file: "+".join(sorted(digests)) for file, digests in seen.items()},
        kept=read_kept(LEADERBOARD_HISTORY, result_path(settings.results, LEADERBOARD_HISTORY.name, year)),
    )


@lru_cache(maxsize=1)
def _feeds() -> Mapping[str, frozenset[str]]:
    """For each column of the leaderboard the datasets that it comes from, and the battery table if a table on the way looks into it."""
    feeds = {}
    for column in LEADERBOARD.column_names:
        names = {source for source, _ in lineage(LEADERBOARD, column)}
        table_read = any(in_battery_table(TABLES[name]) for name in names if name in TABLES)
        feeds[column] = frozenset(names - set(TABLES)) | ({BATTERY_TABLE} if table_read else set())
    return feeds


def result_table(settings: Settings, table_name: str, year: int | None) -> ResultTable:
    """A result table, read lazily."""
    return ResultTable(TABLES[table_name], result_path(settings.results, table_name, year))


def roll_up_reports(
    settings: Settings,
    reports: Path | None = None,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    progress: Progress | None = None,
) -> RollUp:
    """Bring the built rollups up to date with the report files, but for what the user's own rollups hold.

    Args:
        settings: where rollups are built.
        reports: folder of the report files; that of the settings if not given.
        years: delivery years; all that the reports hold if not given.
        datasets: datasets; all if not given.
        progress: told of each report file.

    Raises:
        InputError: there are no reports, or made-up and real ones would be mixed.
        YearBusyError: another process rolls up, or works on a year that would be written.
    """
    root = reports or settings.reports
    folder = rollup_folder(settings)
    with ExitStack() as held:
        held.enter_context(rollup_lock(settings))
        _keep_apart(settings.built, root)

        def before_write(year: int) -> None:
            held.enter_context(year_lock(settings, year, wait_seconds=_WAIT_SECONDS))

        return roll_up(
            root,
            settings.built,
            years=years,
            datasets=datasets,
            covered=folder.covers,
            progress=progress,
            before_write=before_write,
        )


def _keep_apart(built: Path, reports: Path) -> None:
    """Note that rollups are built from made-up reports, and never mix them with real ones.

    Raises:
        InputError: the reports are of the other kind than those that rollups were built from.
    """
    if not reports.is_dir():
        return
    made_up, marked = (reports / MARKER).is_file(), (built / MARKER).is_file()
    if made_up != marked and any(built.glob("*/*.parquet")):
        kind, other = ("real", "made-up") if marked else ("made-up", "real")
        raise InputError(
            f"These reports are {kind}, and the rollups that were built are of {other} ones.",
            file=built,
            expected=f"{other} reports",
            remedy="Use another home: bess --home DIR rollup ..; or remove the folder of built rollups.",
        )
    if made_up and not marked:
        built.mkdir(parents=True, exist_ok=True)
        (built / MARKER).write_text('{"note": "Built from made-up reports."}\n', encoding="utf-8")


def build_rollup(settings: Settings, dataset: str, year: int) -> None:
    """Build the rollup of a dataset and delivery year from reports, if there are any and the user's own rollups do not hold it.

    Raises:
        InputError: a built rollup or manifest cannot be read. A report that cannot be used is in the manifest, and no error.
    """
    if not settings.reports.is_dir() or rollup_folder(settings).covers(dataset, year):
        return
    started = time.perf_counter()
    done = roll_up_reports(settings, years=[year], datasets=[dataset])
    for built in done.built:
        if built.changed:
            _log.info(
                "%s %d: built from %d new reports in %.1f s",
                dataset,
                year,
                built.new_reports,
                time.perf_counter() - started,
            )


@dataclass(frozen=True)
class Registered:
    """The rollup files of a dataset and year, as they stand in run records.

    Attributes:
        files: entries by name: `2024.parquet` is the user's own, `built/2024.parquet` was built from reports.
    """

    files: dict[str, RollupFileEntry]

    @property
    def origin(self) -> Literal["found", "built", "absent"]:
        """Where they come from; the user's own file comes first."""
        if not self.files:
            return "absent"
        return "built" if all("built" in entry for entry in self.files.values()) else "found"


def register_rollup(settings: Settings, dataset: str, file_year: int, year: int | None = None) -> Registered:
    """Note what the rollup files of a year hold, from their footers alone; the files themselves are never written.

    Args:
        settings: where rollups and results are.
        dataset: a key of `DATASETS`.
        file_year: the year in the file's name.
        year: the operating year whose record is made if there is none yet; the file's own if not given. Other years that read the file have it
            noted only where they have a record, so that registering a file makes no year of its own.

    Returns:
        what stands in the run record.

    Raises:
        InputError: a file is no Parquet, or not of this dataset; noted too.
    """
    folder = rollup_folder(settings)
    entries: dict[str, RollupFileEntry] = {}
    failure: BessError | None = None
    found, built = folder.found(dataset, file_year), folder.built(dataset, file_year)
    for path, readers in ((found, (file_year, file_year - 1)), (built, (file_year,))):
        name = f"{BUILT_FOLDER}/{file_year}.parquet" if readers == (file_year,) else f"{file_year}.parquet"
        entry: RollupFileEntry | None = None
        if path is not None:
            entry, error = _described(dataset, path, built=path == built)
            failure = failure or error
            entries[name] = entry
        for reader in readers:
            reads = file_year in file_years(dataset, reader)
            if reads and (reader == (year or file_year) or run_record_path(settings.results, reader).exists()):
                used = entry if path is None or path in folder.files(dataset, reader) else None
                record_rollup(settings.results, reader, dataset, name, used)
    if failure:
        _tell(StepEvent("failed", dataset, file_year, error=str(failure)))
        raise failure
    rows = sum(entry["rows"] for entry in entries.values()) if entries else None
    _tell(StepEvent("done", dataset, file_year, rows=rows))
    return Registered(entries)


def _described(dataset: str, path: Path, *, built: bool) -> tuple[RollupFileEntry, BessError | None]:
    """What stands in the run record of a rollup file, and why it cannot be used."""
    print_of_file = fingerprint(path).entry()
    try:
        description = describe_file(DATASETS[dataset], path)
        manifest = read_manifest(path) if built else None
    except BessError as error:
        unusable = RollupFileEntry(
            rows=0,
            bytes=print_of_file["size"],
            fingerprint=print_of_file,
            missing=[],
            unknown=[],
            zero_filled=[],
            error=str(error),
        )
        return unusable, error
    entry = RollupFileEntry(
        rows=description.rows,
        bytes=description.bytes,
        fingerprint=print_of_file,
        missing=description.missing,
        unknown=description.unknown,
        zero_filled=description.zero_filled,
    )
    if manifest is not None:
        entry["built"] = BuiltEntry(
            reports=len(manifest["reports"]),
            csv_bytes=manifest["csv_bytes"],
            seconds=manifest["seconds"],
            read_back_seconds=manifest["read_back_seconds"],
            complete=manifest["complete"],
            incomplete_because=manifest["incomplete_because"],
        )
    return entry, None


def _merge(settings: Settings, table: Table, inputs: dict[str, FingerprintEntry | str]) -> StepResult:
    (upstream,) = table.upstream
    years = result_years(settings.results, upstream)
    inputs.update({f"table:{upstream}/{year}": _upstream_digest(settings, year, upstream) for year in years})
    return MERGES[table.name]({year: result_table(settings, upstream, year) for year in years})


def _upstream_digest(settings: Settings, year: int, table_name: str) -> str:
    path = result_path(settings.results, table_name, year)
    if not path.is_file():
        raise NotRefreshedError(
            f"{table_name} has not been written for {year}.",
            dataset=table_name,
            file=path,
            remedy=f"Refresh the whole year: bess refresh {year}",
        )
    entry = read_run(settings.results, year)["tables"].get(table_name)
    return (entry["digest"] if entry else None) or whole_digest(path)


def _record_failure(
    settings: Settings,
    year: int | None,
    table: Table | FileSet,
    clock: "_Clock",
    inputs: Mapping[str, FingerprintEntry | str],
    error: BaseException,
) -> None:
    # Also for an interrupt: whoever asks what is left to do finds this table unfinished.
    text = str(error) if isinstance(error, BessError) else f"{type(error).__name__}: {error}"
    entry = table_entry(
        status="failed",
        seconds=clock.seconds(),
        peak_memory_mb=clock.peak_memory_mb(),
        inputs=inputs,
        error=text,
    )
    try:
        record_table(settings.results, year, table.name, entry)
    except (BessError, OSError) as also:
        # What failed first is what to tell. The table still counts as unfinished: the run noted what it would make.
        _log.error("that %s failed could not be recorded: %s", table.name, also)
    _tell(StepEvent("failed", table.name, year, seconds=entry["seconds"], error=text))
    _log.error("%s %s failed: %s", table.name, year or "all years", text)
    _log.debug("where it arose:", exc_info=error)


def _finding_entry(finding: Finding) -> FindingEntry:
    return FindingEntry(
        kind=finding.kind,
        subject=finding.subject,
        count=int(finding.count),
        detail=finding.detail,
        warning=finding.warning,
    )


class _Clock:
    """Seconds and peak memory of one step.

    Linux forgets a process's peak when told to; elsewhere the peak is that of the whole process so far.
    """

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._own_peak = False
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._own_peak = True
        except OSError:
            pass

    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def peak_memory_mb(self) -> int:
        if self._own_peak:
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) // 1024
        if sys.platform == "win32":
            return 0
        import resource  # noqa: PLC0415  not on every platform

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak // 2**20 if sys.platform == "darwin" else peak // 1024
