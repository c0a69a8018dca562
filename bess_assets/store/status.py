"""Which years and tables are missing, failed or changed, and why: run records compared with the files that are there now.

The one answer that refresh, status, sensors and schedules use; it loads no Dagster.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import BATTERY_TABLE, BUILT_FOLDER, LATER, rollup_name
from bess_assets.errors import NOT_AS_WRITTEN
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import Fingerprint, same
from bess_assets.store.journal import DIED, UPSTREAM, RunRecord, read_run, table_inputs
from bess_assets.store.listing import ReportNews, yearly_files
from bess_assets.store.locks import year_is_busy
from bess_assets.store.paths import files_of, recorded_years, rollup_folder
from bess_assets.store.rollup_layouts import found_files
from bess_assets.tables import ASKED_FOR, EVERY_TABLE, TABLES, YEARLY, Table

State = Literal["present", "missing", "failed", "gone", "changed"]
"""present: nothing to do. missing: never made, or its file is gone. failed: the last try failed, or died, or a blocking check of
it did. changed: what it was made from has changed.
gone: a file that it was made from is gone. The table stays as it is, and is made anew when the file is back or the year is asked for by name.
"""

FIRST_YEAR = 2019
"""First operating year; the first in which batteries had a market worth a leaderboard."""

OTHER_CODE = "made by another version of its code"

_WORST_FIRST: tuple[State, ...] = ("failed", "missing", "gone", "changed", "present")

Recorded = Mapping[str, Fingerprint | str]
Named = Mapping[str, Path | str | None]


@dataclass(frozen=True)
class TablePlan:
    """State of one result table, or of a set of files made of them.

    Attributes:
        table: its name.
        state: see `State`.
        why: plain phrases; empty if present.
        changed: what it was made from, or failed on, has changed: a failed table may be changed too.
        gone: files that it was made from and that are gone.
        datasets: those whose files are to be looked at before it is made: of a table that was made before, those that have changed.
    """

    table: str
    state: State
    why: tuple[str, ...] = ()
    changed: bool = False
    gone: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True)
class YearPlan:
    """State of one year.

    Attributes:
        year: the operating year; None for the tables that merge all years.
        rollups: names of the existing rollup files by dataset; an empty tuple where a dataset is absent.
        news: new report files by dataset, as paths below the folder of reports.
        tables: state of each table, upstream before downstream.
        record: the run record that this was read from.
    """

    year: int | None
    rollups: dict[str, tuple[str, ...]]
    tables: dict[str, TablePlan]
    record: RunRecord
    news: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def state(self) -> State:
        """The worst state of its tables; failed is worst, then missing, gone and changed."""
        return min((table.state for table in self.tables.values()), key=_WORST_FIRST.index, default="present")

    @property
    def damaged(self) -> tuple[str, ...]:
        """What is not as it was written, in words: result files, built rollups, the run record."""
        every = {why for table in self.tables.values() for why in table.why if NOT_AS_WRITTEN in why}
        return tuple(sorted(every))

    @property
    def gone(self) -> tuple[str, ...]:
        """Files that tables of the year were made from and that are gone."""
        return tuple(sorted({file for table in self.tables.values() for file in table.gone}))

    def to_refresh(self, only: State | None = None) -> list[str]:
        """Tables to refresh, upstream before downstream: those in this state and all that are made from them, or every table.

        A table that was never made is new to what it is made from, and so changed. A table waits for an upstream table that is neither present nor refreshed
        with it, and for a file that is gone.
        """
        if only is None:
            return list(self.tables)
        wanted: list[str] = []
        # Tables above a failed one that are not present either: the failed one can't be made without them.
        needed = set[str]()
        for name in reversed(self.tables) if only == "failed" else ():
            if self.tables[name].state == "failed" or name in needed:
                needed |= {u for u in self._upstream(name) if self.tables[u].state != "present"}
        for name, plan in self.tables.items():
            upstream = self._upstream(name)
            changed = only == "changed" and (plan.changed or plan.state == "missing")
            asked = changed or plan.state == only or name in needed or any(u in wanted for u in upstream)
            if asked and all(u in wanted or self.tables[u].state == "present" for u in upstream):
                wanted.append(name)
        return wanted

    def waiting(self, only: State | None) -> tuple[str, ...]:
        """Tables in this state that are not refreshed, for they wait for an upstream table in another one."""
        wanted = self.to_refresh(only)
        return tuple(name for name, plan in self.tables.items() if plan.state == only and name not in wanted)

    def datasets_of(self, tables: Iterable[str]) -> list[str]:
        """Datasets whose rollups are to be registered, or built, before these tables are made."""
        return list(dict.fromkeys(dataset for name in tables for dataset in self.tables[name].datasets))

    def _upstream(self, name: str) -> list[str]:
        """The tables of this year that a table is made from."""
        return [u for u in EVERY_TABLE[name].upstream if u in self.tables]


def new_reports(settings: Settings) -> ReportNews:
    """Report files that built rollups lack; none where made-up and real ones would be mixed, which the roll-up refuses and says."""
    if not settings.reports.is_dir():
        return ReportNews()
    from bess_assets.store.rollup_files import report_news  # noqa: PLC0415  loads pyarrow

    return report_news(settings.reports, settings.built, rollup_folder(settings).covers)


def years_available(settings: Settings, news: ReportNews | None = None) -> list[int]:
    """Years that the rollup files and new reports allow, ascending.

    Prices, and all rollups that were built from reports, are filed by delivery year. The user's 60-day files are filed by publication year, so that the
    last one may hold the end of the year before and nothing else: beyond the last delivery year they make no year of their own.
    """
    by_delivery, by_publication, folder = set[int](), set[int](), rollup_folder(settings)
    for dataset in (dataset for dataset in DATASETS.values() if not dataset.in_no_figure):
        (by_publication if dataset.sixty_day else by_delivery).update(found_files(folder.rollups, dataset.name))
        if folder.built_root:
            by_delivery.update(yearly_files(folder.built_root, dataset.folder))
    files = (news or new_reports(settings)).files
    by_delivery |= {year for dataset, year in files if not DATASETS[dataset].in_no_figure}
    last = max(by_delivery, default=9999)
    return sorted(year for year in by_delivery | by_publication if FIRST_YEAR <= year <= last)


def years_known(settings: Settings, news: ReportNews | None = None) -> list[int]:
    """Years that can be refreshed or have been, ascending."""
    done = {year for name in TABLES for year in yearly_files(settings.results, name)}
    return sorted({*years_available(settings, news), *recorded_years(settings.results), *done})


def plan_year(settings: Settings, year: int | None, news: ReportNews | None = None) -> YearPlan:
    """State of every yearly table of a year, or of the merged tables where it is None; reports are not looked at again where their news are given."""
    record = read_run(settings.results, year)
    if year is None:
        merged = (table for table in TABLES.values() if table.merged)
        return YearPlan(None, {}, _plan(settings, None, record, merged, {}), record)
    folder = rollup_folder(settings)
    rollups = {name: tuple(rollup_name(path) for path in folder.files(name, year)) for name in DATASETS}
    news = news or new_reports(settings)
    own_news = {name: news.files[name, year] for name in DATASETS if (name, year) in news.files}
    damaged = {dataset for dataset, of_year in news.damaged if of_year == year}
    asked_for = {name for name in ASKED_FOR if settings.perfect or name in record["tables"]}
    tables = (table for name, table in EVERY_TABLE.items() if name in YEARLY or name in asked_for)
    plans = _plan(settings, year, record, tables, own_news, damaged)
    return YearPlan(year, rollups, plans, record, own_news)


def _plan(
    settings: Settings,
    year: int | None,
    record: RunRecord,
    tables: Iterable[Table],
    news: Mapping[str, Sequence[str]],
    damaged: Collection[str] = (),
) -> dict[str, TablePlan]:
    plans: dict[str, TablePlan] = {}
    unfinished = record["unfinished"]
    dead = unfinished if unfinished and not year_is_busy(settings, year) else ()
    for table in tables:
        state, why = _own_state(settings, year, record, table, dead)
        changes, gone, datasets = list[str](), list[str](), table.datasets
        entry = record["tables"].get(table.name)
        if entry and state in {"present", "failed"}:
            now = table_inputs(settings, year, table, record)
            of_files = list(_changed_files(table, entry["inputs"], now, news))
            gone = [file for _, file, _, lost in of_files if lost]
            changes = [OTHER_CODE] if entry.get("code_version") != table.code_version else []
            changes += [f"{file} {change}" for _, file, change, lost in of_files if not lost]
            if state == "present":
                touched = {dataset for dataset, _, _, lost in of_files if not lost}
                datasets = tuple(dataset for dataset in table.datasets if dataset in touched)
                losses = [f"{name} is gone" for name in gone]
                losses += [
                    f"{u} stands on files that are gone"
                    for u in table.upstream
                    if u in plans and plans[u].state == "gone"
                ]
                changes += _changed_tables(table, entry["inputs"], now, plans)
                state, why = "gone" if losses else "changed" if changes else "present", [*losses, *changes]
        # Rollups that could not even be registered when they were last looked at; the schemas say so themselves, and fail at none.
        unreadable = [
            file["error"].splitlines()[0]
            for dataset in (table.datasets if table.group != "schemas" else ())
            for file in record["rollups"].get(dataset, {"files": {}})["files"].values()
            if file.get("error")
        ]
        unreadable += [
            f"{dataset}, its built rollup, {NOT_AS_WRITTEN}" for dataset in table.datasets if dataset in damaged
        ]
        if state not in {"present", "gone"} and unreadable:
            state, why = "failed", [*unreadable, *changes]
        changed = bool(changes) and not gone and state != "gone"
        plans[table.name] = TablePlan(table.name, state, tuple(why), changed, tuple(gone), datasets)
    return plans


def _own_state(
    settings: Settings, year: int | None, record: RunRecord, table: Table, dead: Collection[str]
) -> tuple[State, list[str]]:
    if "damaged" in record or table.name in dead:
        return "failed", [record.get("damaged", DIED)]
    entry = record["tables"].get(table.name)
    if entry is None:
        return "missing", ["never refreshed"]
    if entry["status"] == "failed":
        return "failed", [(entry["error"] or "no reason was recorded").splitlines()[0]]
    if blocking := [c["name"].replace("_", " ") for c in entry["checks"] if c["blocking"] and not c["passed"]]:
        return "failed", [f"its check '{name}' failed" for name in blocking]
    files = files_of(settings.results, table, year)
    if gone := [path.name for path in files if not path.is_file()]:
        return "missing", [
            "its file is gone" if files[0].name in gone and not table.files else f"gone: {', '.join(gone)}"
        ]
    written = entry.get("files", {})
    foreign = [path.name for path in files if path.name in written and not same(written[path.name], path)]
    return ("failed", [f"{table.name}/{name} {NOT_AS_WRITTEN}" for name in foreign]) if foreign else ("present", [])


def _changed_files(
    table: Table, then: Recorded, now: Named, news: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, str, bool]]:
    """Dataset and name of each file that has changed, the change in words, and whether it was read for a figure and is gone."""
    for name in sorted(name for name in {*then, *now} if not name.startswith((UPSTREAM, LATER))):
        label = "the battery table (BESS_REGISTRY)" if name == BATTERY_TABLE else name
        dataset, _, file = name.partition("/")
        before, path = then.get(name), now.get(name)
        if not isinstance(path, Path):
            # What is not read for a figure may go; a built rollup that was removed is built anew where its reports are still there.
            lost = file.endswith(".parquet") and not (file.startswith(BUILT_FOLDER) and dataset in news)
            yield dataset, label, "is gone", lost
        elif before is None or isinstance(before, str):
            yield dataset, label, "is new", False
        elif not same(before, path):
            yield dataset, label, "has changed", False
    for name in sorted(name for name in {*then} ^ {*now} if name.startswith(LATER)):
        dataset = name.removeprefix(LATER)
        change = "has no days of the next year any more" if name in then else "has days of the next year now"
        yield dataset, dataset, change, False
    yield from ((d, d, f"has new reports: {len(news[d])}", False) for d in table.datasets if d in news)


def _changed_tables(table: Table, then: Recorded, now: Named, plans: Mapping[str, TablePlan]) -> Iterator[str]:
    """What has changed of the tables of the same year, and of those of other years, that a table is made from."""
    for upstream in (name for name in table.upstream if name in plans):
        state, name = plans[upstream].state, f"{UPSTREAM}{upstream}"
        if state not in {"present", "gone"}:
            yield f"{upstream} {'has' if state in {'failed', 'changed'} else 'is'} {state}"
        elif state == "present" and now.get(name) != then.get(name):
            yield f"{upstream} has been refreshed since"
    for name in sorted(name for name in {*then, *now} if name.startswith(UPSTREAM) and "/" in name):
        if name not in now or name not in then or now[name] != then[name]:
            yield f"{name.removeprefix(UPSTREAM)} has changed"
