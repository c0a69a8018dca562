"""Making the tables of a year: one process holds the year, and each table is computed, written, checked and recorded before the next.

A *step* is the function of `settlement` or `ercot.inspection` that computes a table from its `Inputs`.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from bess_assets.checks import judge_table
from bess_assets.ercot import inspection
from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER
from bess_assets.ercot.step import Inputs, LeftOut, Origin, StepResult, StoredTable
from bess_assets.errors import BessError, InputError, NotRefreshedError
from bess_assets.process_memory import Clock, give_back_freed_memory, keep_freed_memory
from bess_assets.report.files import write_report
from bess_assets.settings import Settings
from bess_assets.settlement import (
    ancillary,
    attribution,
    awards,
    board,
    daily,
    dispatch,
    editions,
    energy,
    estimate,
    index,
    perfect,
    prices,
    registry,
    use,
)
from bess_assets.store import journal
from bess_assets.store.capacity import lacking_room
from bess_assets.store.files import ResultTable, not_written, read_kept, write_table
from bess_assets.store.fingerprint import Fingerprint, fingerprint, recorded_as, same, whole_digest
from bess_assets.store.journal import UPSTREAM, Journal, RollupEntry, TableEntry, Written, table_entry, table_inputs
from bess_assets.store.listing import made_up_inputs, yearly_files
from bess_assets.store.locks import year_lock
from bess_assets.store.paths import (
    file_before,
    files_of,
    remove_stale_files,
    result_path,
    rollup_folder,
    run_record_path,
)
from bess_assets.store.places import bring_in, results_to_write
from bess_assets.store.roll_up import describe_rollups
from bess_assets.store.verify import hold_against_records
from bess_assets.store.whole import copy_whole
from bess_assets.tables import (
    EVERY_TABLE,
    LEADERBOARD,
    LEADERBOARD_HISTORY,
    LEADERBOARD_REPORT,
    LEFT_OUT_ROWS,
    ROLLUP_SCHEMAS,
    TABLES,
    Table,
    lineage,
    tables_above,
)

Step = Callable[[Inputs], StepResult]

STEPS: dict[str, Step] = {
    "rollup_schemas": inspection.rollup_schemas,
    "bess_registry": registry.bess_registry,
    "bess_awards": awards.bess_awards,
    "bess_dispatch": dispatch.bess_dispatch,
    "bess_prices": prices.bess_prices,
    "dam_awards_daily": daily.dam_awards_daily,
    "rt_dispatch_daily": daily.rt_dispatch_daily,
    "price_daily": daily.price_daily,
    "energy_revenue": energy.energy_revenue,
    "as_revenue": ancillary.as_revenue,
    "left_out_rows": inspection.left_out_rows,
    "daily_revenue": daily.daily_revenue,
    "leaderboard": board.leaderboard,
    "leaderboard_monthly": board.leaderboard_monthly,
    "leaderboard_history": editions.leaderboard_history,
    "what_changed": editions.what_changed,
    "index": index.index,
    "index_intervals": index.index_intervals,
    "outages": use.outages,
    "use_monthly": use.use_monthly,
    "attribution": attribution.attribution,
    "opportunity_daily": estimate.opportunity_daily,
    "estimate_monthly": estimate.estimate_monthly,
}
"""The step of every table that each refresh of a year makes, in an order in which they can run."""

STEPS_ASKED_FOR: dict[str, Step] = {
    "perfect_daily": perfect.perfect_daily,
    "perfect_monthly": perfect.perfect_monthly,
}
"""The same of the tables that a refresh makes where they are asked for."""

MERGES: dict[str, Callable[[Mapping[int, StoredTable]], StepResult]] = {
    "column_availability": inspection.column_availability,
    "bess_fleet": registry.bess_fleet,
}
"""The function of every table that merges all years, given its one upstream table by year."""

FILES: dict[str, Callable[[Settings, int], Written]] = {LEADERBOARD_REPORT.name: write_report}
"""The function that writes each set of files of a year."""

_SHOWN_IN_OTHER_YEARS = frozenset(
    name
    for table in EVERY_TABLE.values()
    for name in (*table.earlier, *table.before, *(table.upstream if table.merged else ()))
)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far the tables of a year have come.

    Attributes:
        year: the operating year; None while the years are merged.
        table: the table being made, or just finished.
        done: tables that were made.
        total: tables to be made.
        rows: rows of the table just finished; None while it is being made.
        seconds: what it took so far.
    """

    year: int | None
    table: str
    done: int
    total: int
    rows: int | None = None
    seconds: float = 0.0


Listener = Callable[[Progress], None]


class HeldYear:
    """A year that this process holds, or the merged tables of all years; made by `hold_year` alone.

    Attributes:
        listener: called when a table is begun, goes on, and is finished.
    """

    def __init__(self, settings: Settings, year: int | None) -> None:
        self.settings, self.year = settings, year
        self.journal = Journal(settings.results, year, results_to_write(settings, year, _SHOWN_IN_OTHER_YEARS))
        self.listener: Listener = lambda _progress: None
        self._begun: Collection[str] = ()
        self._done, self._opened = set[str](), dict[str, ResultTable]()
        self._shared: dict[str, tuple[object, object]] = {}

    def begin(self, tables: Collection[str]) -> None:
        """Check that these tables fit, and note that they are about to be made; done once, however often it is called.

        Raises:
            RoomError: there is not enough memory, or too small a limit of it, or not enough room on the disk.
        """
        if self._begun or not tables:
            return
        for lack in lacking_room(self.settings, self.year, tables) if self.year else ():
            raise lack
        self.journal.begin(tables)
        self._begun = tables

    def register(self, dataset: str) -> RollupEntry:
        """Describe and record the rollup files of a dataset that the year reads; the files themselves are never written.

        Raises:
            InputError: a file is no Parquet, or not of this dataset; recorded too.
        """
        assert self.year is not None  # noqa: S101  the merged tables read no rollups
        entry = describe_rollups(self.settings, dataset, self.year)
        self.journal.record["rollups"][dataset] = entry  # written with the next table, or at the end of the run
        for file in entry["files"].values():
            if "error" in file:
                raise InputError(file["error"])
        return entry

    def run_table(self, name: str) -> TableEntry:
        """Compute, write, check and record a table of `STEPS`, `STEPS_ASKED_FOR`, `MERGES` or `FILES`; returns its entry in the run record.

        Raises:
            BessError: an input cannot be used or the result breaks an invariant; recorded as failed, and the old file stays.
        """
        table, clock = EVERY_TABLE[name], Clock()
        keep_freed_memory()
        pa.set_cpu_count(self.settings.threads)
        self._report(name, clock)
        inputs: dict[str, Fingerprint | str] = {}
        try:
            result, written = self._made(table, clock, inputs)
            self._opened.pop(name, None)
            give_back_freed_memory()
            written["made_up"] = made_up_inputs(self.settings)
            first, *others = files_of(self.settings.results, table, self.year)
            written["files"] = {first.name: recorded_as(first, written["digest"])}
            written["files"] |= {path.name: recorded_as(path) for path in others}
            if result:
                self._shared |= {kept: (self.table(name), made) for kept, made in result.kept.items()}
                written["findings"] = [{**asdict(f), "count": int(f.count)} for f in result.findings.items]
                written["left_out"] = [*dict.fromkeys(result.findings.left_out)]
                written["checks"] = judge_table(self.settings, self.year, table, result, written["rows"] or 0)
        except BaseException as error:
            self._record_failure(table, clock, inputs, error)
            raise
        entry = table_entry(
            status="ok", seconds=clock.seconds(), peak_memory_mb=clock.peak_memory_mb(), inputs=inputs, **written
        )
        self.journal.put_table(name, entry)
        self._done.add(name)
        self._report(name, clock, entry["rows"])
        _log.info("%s %s: %s rows in %.1f s", name, self.year or "all years", f"{entry['rows']:,}", entry["seconds"])
        return entry

    def inputs_of(self, table: Table) -> Inputs:
        """All that the step of a table may read: rollup files, its upstream tables, the user's battery table."""
        assert self.year is not None  # noqa: S101  the merged tables have no inputs of a year
        settings = self.settings
        return Inputs(
            year=operating_year(self.year),
            rollups=rollup_folder(settings),
            tables={name: self.table(name) for name in table.upstream},
            before={
                name: result_table(settings, name, self.year - 1)
                for name in table.before
                if result_path(settings.results, name, self.year - 1).is_file()
            },
            registry_csv=settings.registry_csv,
            block_bytes=settings.memory_limit_bytes // 4,  # a step holds a few blocks of grids at once
            threads=settings.threads,
            scratch=settings.results,
            known_days=_known_days(self) if table.name == ROLLUP_SCHEMAS.name else {},
            origin=_origin(self) if table.append_only else None,
            shared=self._shared,
            left_out=_left_out(self) if table.name == LEFT_OUT_ROWS.name else (),
            feeds=_feeds() if LEADERBOARD_HISTORY.name in {table.name, *table.upstream} else {},
        )

    def table(self, name: str) -> ResultTable:
        """A result table of the year, read lazily; its file is opened once, until the table is made anew."""
        if name not in self._opened:
            self._opened[name] = result_table(self.settings, name, self.year)
        return self._opened[name]

    def _report(self, table: str, clock: Clock, rows: int | None = None) -> None:
        self.listener(Progress(self.year, table, len(self._done), len(self._begun), rows, clock.seconds()))

    def _made(
        self, table: Table, clock: Clock, inputs: dict[str, Fingerprint | str]
    ) -> tuple[StepResult | None, Written]:
        """The result of a table's step and what was written of it; what it is made from is noted in `inputs`.

        That is noted before anything is read: a file that changes meanwhile differs from its note, and makes the table changed.
        """
        results = self.settings.results
        for name, value in table_inputs(self.settings, self.year, table, self.journal.record).items():
            if value is None:
                upstream = name.removeprefix(UPSTREAM)
                raise not_written(upstream, result_path(results, upstream, self.year))
            inputs[name] = fingerprint(value) if isinstance(value, Path) else value
        if self.year is None:
            (upstream,) = table.upstream
            years = yearly_files(results, upstream)
            result = MERGES[table.name]({year: result_table(self.settings, upstream, year) for year in years})
        elif table.files:
            return None, FILES[table.name](self.settings, self.year)
        else:
            if table.name == LEADERBOARD.name:
                hold_against_records(self.settings, self.year, {*tables_above(table)} - self._done)
            result = (STEPS | STEPS_ASKED_FOR)[table.name](self.inputs_of(table))
        path = result_path(results, table.name, self.year)
        if table.append_only and path.exists() and not result.unchanged:
            copy_whole(path, file_before(path))
        written = write_table(table, path, result, lambda: self._report(table.name, clock))
        if table.append_only and not file_before(path).exists():
            copy_whole(path, file_before(path))
        return result, written

    def _record_failure(
        self, table: Table, clock: Clock, inputs: Mapping[str, Fingerprint | str], error: BaseException
    ) -> None:
        # Also for an interrupt: the next plan finds this table unfinished.
        text = str(error) if isinstance(error, BessError) else f"{type(error).__name__}: {error}"
        entry = table_entry(
            status="failed", seconds=clock.seconds(), peak_memory_mb=clock.peak_memory_mb(), inputs=inputs, error=text
        )
        try:
            self.journal.put_table(table.name, entry)
        except (BessError, OSError) as also:
            # The first failure is the one to report. The table counts as unfinished all the same: the run noted that it would make it.
            _log.error("the failure of %s could not be recorded: %s", table.name, also)
        _log.error("%s %s failed: %s", table.name, self.year or "all years", text)
        _log.debug("where it arose:", exc_info=error)


_held: dict[Path, HeldYear] = {}


@contextmanager
def hold_year(settings: Settings, year: int | None, wait_seconds: float = 0.0) -> Iterator[HeldYear]:
    """Hold a year, None for the merged tables: take its lock, bring in what it reads from object stores, and tidy up after a run that died.

    The half-written files of that run are removed, and the tables that it did not make are recorded as failed.

    Within another hold of it in this process, that year held is yielded, and nothing else done.

    Raises:
        YearBusyError: another process holds the year.
        StoreError: an object store refuses, or cannot be reached.
    """
    with year_lock(settings, year, wait_seconds=wait_seconds):
        path = run_record_path(settings.results, year)
        if path in _held:
            yield _held[path]
            return
        if year is not None:
            bring_in(settings, [year])
        for stale in remove_stale_files(settings, year):
            _log.warning("removed %s, left half written by a run that died", stale)
        held = HeldYear(settings, year)
        for table in held.journal.fail_unfinished():
            _log.warning("%s was not made by a run that died", table)
        _held[path] = held
        try:
            yield held
        finally:
            del _held[path]
            if any(held.journal.record[part] for part in ("tables", "rollups", "unfinished")):
                held.journal.begin([])  # what it did not make was held back


def run_table(settings: Settings, year: int | None, name: str) -> TableEntry:
    """Hold the year and make one table of it; the errors are those of `hold_year` and of `HeldYear.run_table`."""
    with hold_year(settings, year) as held:
        return held.run_table(name)


def result_table(settings: Settings, table_name: str, year: int | None) -> ResultTable:
    """A result table, read lazily."""
    return ResultTable(TABLES[table_name], result_path(settings.results, table_name, year))


def _known_days(held: HeldYear) -> dict[Path, tuple[date, date]]:
    """First and last day of the rollup files that are as they were when this code made the year's schemas: their stamps need not be read again."""
    entry = held.journal.record["tables"].get(ROLLUP_SCHEMAS.name)
    schemas = held.table(ROLLUP_SCHEMAS.name)
    made = entry and entry["status"] == "ok" and entry.get("code_version") == ROLLUP_SCHEMAS.code_version
    if not (entry and made and schemas.path.is_file() and entry["digest"] == whole_digest(schemas.path)):
        return {}
    days = {
        f"{row['dataset']}/{row['file']}": (row["first_day"], row["last_day"])
        for row in schemas.read(["dataset", "file", "first_day", "last_day"]).to_pylist()
        if row["first_day"] and row["last_day"]
    }
    return {
        file: days[name]
        for name, file in journal.input_files(held.settings, held.year, ROLLUP_SCHEMAS).items()
        if name in days and isinstance(seen := entry["inputs"].get(name), dict) and same(seen, file)
    }


def _origin(held: HeldYear) -> Origin:
    """The origin of the leaderboard by the run record, and the editions of it that were kept; InputError if these cannot be read."""
    results, year, recorded = held.settings.results, held.year, held.journal.record["tables"]
    above = [*tables_above(LEADERBOARD), LEADERBOARD.name]
    failed = [name for name in above if name in recorded and recorded[name]["status"] != "ok"]
    if failed or year is None or LEADERBOARD.name not in recorded:
        what = f"{failed[0]} failed when it was last refreshed" if failed else "the run record has no leaderboard"
        raise NotRefreshedError(
            f"Nobody knows what the leaderboard of {year} was made of: {what}.",
            dataset=LEADERBOARD.name,
            file=held.journal.path,
            remedy=f"Refresh the whole year: bess refresh {year}",
        )
    seen: defaultdict[str, set[str]] = defaultdict(set)
    for name in above:
        for file, value in recorded[name]["inputs"].items() if name in recorded else ():
            if not isinstance(value, str) or file.startswith(LATER):
                seen[file].add(value if isinstance(value, str) else value["digest"])
    made = recorded[LEADERBOARD.name]
    return Origin(
        made_at=datetime.fromisoformat(made["finished"]),
        package_version=made["package_version"],
        board_digest=journal.result_digest(results, LEADERBOARD.name, year, held.journal.record) or "",
        # Tables refreshed at different times may have seen different contents of one file: then both are named.
        files={file: "+".join(sorted(digests)) for file, digests in seen.items()},
        kept=read_kept(
            LEADERBOARD_HISTORY,
            result_path(results, LEADERBOARD_HISTORY.name, year),
            recorded[LEADERBOARD_HISTORY.name].get("files", {}) if LEADERBOARD_HISTORY.name in recorded else {},
        ),
    )


def _left_out(held: HeldYear) -> list[LeftOut]:
    """Rows that the tables above the table of such rows have left out or doubted, by the run record; NotRefreshedError where it does not say."""
    found = []
    for name in LEFT_OUT_ROWS.upstream:
        entry = held.journal.record["tables"].get(name)
        if entry is None or "left_out" not in entry:
            raise NotRefreshedError(
                f"Nobody knows which rows {name} left out: the run record of {held.year} does not say.",
                dataset=LEFT_OUT_ROWS.name,
                file=held.journal.path,
                remedy=f"Refresh the whole year: bess refresh {held.year}",
            )
        found += [LeftOut._make(row) for row in entry["left_out"]]
    return found


@lru_cache(maxsize=1)
def _feeds() -> Mapping[str, frozenset[str]]:
    """For each column of the leaderboard the datasets that it comes from, and the battery table if a table on the way looks into it."""
    in_it = {name for name, table in TABLES.items() if journal.in_battery_table(table)}
    above = {column: {name for name, _ in lineage(LEADERBOARD, column)} for column in LEADERBOARD.column_names}
    return {
        column: frozenset(names - set(TABLES)) | ({BATTERY_TABLE} if names & in_it else set())
        for column, names in above.items()
    }
