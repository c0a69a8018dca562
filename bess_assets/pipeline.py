"""The one road from inputs to a written and recorded table; Dagster's assets, benchmarks and tests all take it.

Belongs here: which market function makes which table, gathering its inputs, writing and recording what it returns, registering rollup files.
Does not: Dagster (assets/), formulas (market/), the Parquet format (storage.py), what to refresh (plan.py).
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bess_assets.errors import BessError, NotRefreshedError
from bess_assets.market import ancillary, awards, daily, dispatch, energy, leaderboard, prices, registry
from bess_assets.market.clock import OperatingYear
from bess_assets.market.datasets import DATASETS, describe_file
from bess_assets.market.step import Finding, Inputs, StepResult
from bess_assets.records import (
    CheckEntry,
    FindingEntry,
    FingerprintEntry,
    RollupFileEntry,
    RollupFolder,
    TableEntry,
    earlier_digests,
    file_years,
    fingerprint,
    input_files,
    read_run,
    record_rollup,
    record_table,
    result_path,
    result_years,
    rollup_roots,
    run_record_path,
    table_entry,
    whole_digest,
)
from bess_assets.settings import Settings
from bess_assets.storage import ResultTable, WrittenTable, write_table
from bess_assets.tables import TABLES, FileSet, Table

Step = Callable[[Inputs], StepResult]

STEPS: dict[str, Step] = {
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
}
"""The market function of every yearly table, in an order in which they can run."""

KEYS_CHECK = "keys_are_unique"
SUMS_CHECK = "parts_sum_to_totals"
FINDINGS_CHECK = "no_figure_is_affected_by_a_finding"
CHECKS = {
    KEYS_CHECK: "No key stands twice. Held before the file may exist: a table that breaks it is not written, and its step fails.",
    SUMS_CHECK: "Known parts add up to their total. Held before the file may exist: a table that breaks it is not written, and its step fails.",
    FINDINGS_CHECK: "Nothing was found in the inputs that may affect a figure. A warning: the findings of the materialization say what it was.",
}
"""What each check reported with a table says."""

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
    table = TABLES[table_name]
    clock = _Clock()
    _tell(StepEvent("started", table_name, year))
    inputs: dict[str, FingerprintEntry | str] = {}
    try:
        # Before anything is read: a file that changes meanwhile then differs from what was noted, and is noticed by the next plan.
        inputs.update({name: fingerprint(path).entry() for name, path in input_files(settings, year, table).items()})
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
        written = write_table(table, result_path(settings.results, table.name, year), started.result, progress)
    except BaseException as error:
        _record_failure(settings, year, table, started.clock, started.inputs, error)
        raise
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
        checks=_checks(table, started.result.findings.items, written.rows),
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
        rollups=RollupFolder(*rollup_roots(settings)),
        tables={**opened, **(upstream or {})},
        registry_csv=settings.registry_csv,
        block_bytes=settings.memory_limit_bytes // _BLOCK_SHARE,
    )


def result_table(settings: Settings, table_name: str, year: int | None) -> ResultTable:
    """A result table, read lazily."""
    return ResultTable(TABLES[table_name], result_path(settings.results, table_name, year))


def register_rollup(
    settings: Settings, dataset: str, file_year: int, year: int | None = None
) -> RollupFileEntry | None:
    """Note what a rollup file holds, from its footer alone; the file itself is never written.

    Args:
        settings: where rollups and results are.
        dataset: a key of `DATASETS`.
        file_year: the year in the file's name.
        year: the operating year whose record is made if there is none yet; the file's own if not given. Other years that read the file have it
            noted only where they have a record, so that registering a file makes no year of its own.

    Returns:
        what stands in the run record; None if there is no such file.

    Raises:
        InputError: the file is no Parquet, or not of this dataset; noted too.
    """
    path = RollupFolder(*rollup_roots(settings)).file(dataset, file_year)
    entry: RollupFileEntry | None = None
    failure: BessError | None = None
    if path is not None:
        print_of_file = fingerprint(path).entry()
        try:
            description = describe_file(DATASETS[dataset], path)
        except BessError as error:
            failure = error
            entry = RollupFileEntry(
                rows=0,
                bytes=print_of_file["size"],
                fingerprint=print_of_file,
                missing=[],
                unknown=[],
                zero_filled=[],
                error=str(error),
            )
        else:
            entry = RollupFileEntry(
                rows=description.rows,
                bytes=description.bytes,
                fingerprint=print_of_file,
                missing=description.missing,
                unknown=description.unknown,
                zero_filled=description.zero_filled,
            )
    for reader in (file_year, file_year - 1):
        reads = file_year in file_years(dataset, reader)
        if reads and (reader == (year or file_year) or run_record_path(settings.results, reader).exists()):
            record_rollup(settings.results, reader, dataset, f"{file_year}.parquet", entry)
    if failure:
        _tell(StepEvent("failed", dataset, file_year, error=str(failure)))
        raise failure
    _tell(StepEvent("done", dataset, file_year, rows=entry["rows"] if entry else None))
    return entry


def _merge(settings: Settings, table: Table, inputs: dict[str, FingerprintEntry | str]) -> StepResult:
    years = result_years(settings.results, "bess_registry")
    inputs.update({f"table:bess_registry/{year}": _upstream_digest(settings, year, "bess_registry") for year in years})
    if table.name != "bess_fleet":
        raise KeyError(f"no step merges {table.name}")
    return registry.bess_fleet({year: result_table(settings, "bess_registry", year) for year in years})


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
    record_table(settings.results, year, table.name, entry)
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


def check_names(table: Table) -> list[tuple[str, bool]]:
    """Checks reported with a table, and whether each is blocking.

    The first two hold before the file may exist: a table that breaks them is never written, and its step fails.
    """
    sums = [(SUMS_CHECK, True)] if table.sums else []
    return [(KEYS_CHECK, True), *sums, (FINDINGS_CHECK, False)]


def _checks(table: Table, findings: list[Finding], rows: int) -> list[CheckEntry]:
    warnings = [finding for finding in findings if finding.warning]
    details = {
        KEYS_CHECK: f"{rows:,} rows, no {' + '.join(table.key)} twice",
        SUMS_CHECK: "; ".join(f"{total} = {' + '.join(parts)}" for total, parts in table.sums),
        FINDINGS_CHECK: "; ".join(f"{f.kind} {f.subject}: {f.count:,}" for f in warnings) or "no warning",
    }
    return [
        CheckEntry(name=name, passed=name != FINDINGS_CHECK or not warnings, blocking=blocking, detail=details[name])
        for name, blocking in check_names(table)
    ]


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
