"""Which years and tables are missing, failed or changed, and why: run records compared with the files that are there now.

The one answer that refresh, status, sensors and schedules use; it loads no Dagster.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from bess_assets.ercot.rollup_names import BATTERY_TABLE, BUILT_FOLDER, LATER, rollup_name
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import same
from bess_assets.store.journal import DIED, RunRecord, earlier_digests, read_run, recorded_digest
from bess_assets.store.locks import year_is_busy
from bess_assets.store.paths import (
    input_files,
    later_inputs,
    recorded_years,
    report_files,
    result_path,
    result_years,
    rollup_folder,
)
from bess_assets.tables import TABLES, YEARLY, FileSet, Table

if TYPE_CHECKING:
    from bess_assets.store.report_news import ReportNews

State = Literal["present", "missing", "failed", "gone", "changed"]
"""present: nothing to do. missing: never made, or its file is gone. failed: the last try failed, or died, or a blocking check of
it did. changed: what it was made from has changed.
gone: a file that it was made from is gone. The table stays as it is, and is made anew when the file is back or the year is asked for by name.
"""

FIRST_YEAR = 2019
"""First operating year; the first in which batteries had a market worth a leaderboard."""

OTHER_CODE = "made by another version of its code"

_WORST_FIRST: tuple[State, ...] = ("failed", "missing", "gone", "changed", "present")
_UPSTREAM = "table:"
_YEAR_FILES = "[0-9][0-9][0-9][0-9].parquet"


@dataclass(frozen=True)
class TablePlan:
    """State of one result table, or of a set of files made of them.

    Attributes:
        table: its name.
        state: see `State`.
        why: plain phrases; empty if present.
        failed: the last try failed, whatever has changed since.
        changed: what it was made from, or failed on, has changed, whether the last try failed or not.
        gone: files that it was made from and that are gone.
        datasets: those whose files are to be looked at before it is made: of a table that was made before, those that have changed.
    """

    table: str
    state: State
    why: tuple[str, ...] = ()
    failed: bool = False
    changed: bool = False
    gone: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()

    def is_in(self, state: State) -> bool:
        """Whether it is in a state; a failed table whose inputs have changed is in two, and one that was never made is new to what it is made from."""
        changed = self.changed or self.state == "missing"
        return self.state == state or (state == "failed" and self.failed) or (state == "changed" and changed)


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
        states = {table.state for table in self.tables.values()}
        return next((state for state in _WORST_FIRST if state in states), "present")

    @property
    def gone(self) -> tuple[str, ...]:
        """Files that tables of the year were made from and that are gone."""
        return tuple(sorted({file for table in self.tables.values() for file in table.gone}))

    def to_refresh(self, only: State | None = None) -> list[str]:
        """Tables to refresh, upstream before downstream.

        A table waits for an upstream table that is neither present nor refreshed with it, and for a file that is gone.

        Args:
            only: tables in this state and all that are made from them; None means every table.
        """
        if only is None:
            return list(self.tables)
        wanted: list[str] = []
        needed = self._needed_by_failed() if only == "failed" else set()
        for name, plan in self.tables.items():
            upstream = [name for name in _declared(name).upstream if name in self.tables]
            asked = plan.is_in(only) or name in needed or any(u in wanted for u in upstream)
            if asked and all(u in wanted or self.tables[u].state == "present" for u in upstream):
                wanted.append(name)
        return wanted

    def datasets_of(self, tables: Iterable[str]) -> list[str]:
        """Datasets whose rollups are to be registered, or built, before these tables are made."""
        return list(dict.fromkeys(dataset for name in tables for dataset in self.tables[name].datasets))

    def _needed_by_failed(self) -> set[str]:
        """Tables above a failed one that are not present either: the failed one can't be made without them."""
        needed: set[str] = set()
        for name in reversed(self.tables):
            if self.tables[name].failed or name in needed:
                needed |= {
                    u for u in _declared(name).upstream if u in self.tables and self.tables[u].state != "present"
                }
        return needed


def new_reports(settings: Settings) -> "ReportNews":
    """Report files that built rollups lack; none where made-up and real ones would be mixed, which the roll-up refuses and says."""
    from bess_assets.store.report_news import report_news  # noqa: PLC0415  loads pyarrow

    return report_news(settings.reports, settings.built, rollup_folder(settings).covers)


def years_available(settings: Settings, news: "ReportNews | None" = None) -> list[int]:
    """Years that the rollup files and new reports allow, ascending.

    Prices, and all rollups that were built from reports, are filed by delivery year. The user's 60-day files are filed by publication year, so that the
    last one may hold the end of the year before and nothing else: beyond the last delivery year they make no year of their own.
    """
    from bess_assets.ercot.datasets import DATASETS  # noqa: PLC0415  loads pyarrow

    by_delivery: set[int] = set()
    by_publication: set[int] = set()
    folder = rollup_folder(settings)
    for dataset in DATASETS.values():
        if dataset.in_no_figure:
            continue
        found = {int(file.stem) for file in (folder.rollups / dataset.folder).glob(_YEAR_FILES)}
        (by_publication if dataset.sixty_day else by_delivery).update(found)
        if folder.built_root:
            by_delivery |= {int(file.stem) for file in (folder.built_root / dataset.folder).glob(_YEAR_FILES)}
    news = news or new_reports(settings)
    by_delivery |= {year for dataset, year in news.files if not DATASETS[dataset].in_no_figure}
    last = max(by_delivery, default=9999)
    return sorted(year for year in by_delivery | by_publication if FIRST_YEAR <= year <= last)


def years_known(settings: Settings, news: "ReportNews | None" = None) -> list[int]:
    """Years that can be refreshed or have been, ascending."""
    done = {year for name in TABLES for year in result_years(settings.results, name)}
    return sorted({*years_available(settings, news), *recorded_years(settings.results), *done})


def plan_years(settings: Settings, years: Iterable[int], news: "ReportNews | None" = None) -> list[YearPlan]:
    """State of every yearly table of some years; the folder of reports is looked at once.

    Raises:
        BessError: the run record of a year cannot be read.
    """
    news = news or new_reports(settings)
    return [plan_year(settings, year, news) for year in years]


def plan_year(settings: Settings, year: int, news: "ReportNews | None" = None) -> YearPlan:
    """State of every yearly table of a year.

    Args:
        settings: where things are.
        year: the operating year.
        news: new reports, if they are known already.

    Raises:
        BessError: the run record of the year cannot be read.
    """
    from bess_assets.ercot.datasets import DATASETS  # noqa: PLC0415  loads pyarrow

    folder = rollup_folder(settings)
    rollups = {name: tuple(rollup_name(path) for path in folder.files(name, year)) for name in DATASETS}
    record = read_run(settings.results, year)
    files = (news or new_reports(settings)).files
    own_news = {name: files[name, year] for name in DATASETS if (name, year) in files}
    return YearPlan(year, rollups, _plan(settings, year, record, YEARLY.values(), own_news), record, own_news)


def plan_merged(settings: Settings) -> YearPlan:
    """State of the tables that merge all years.

    Raises:
        BessError: their run record cannot be read.
    """
    record = read_run(settings.results, None)
    plans: dict[str, TablePlan] = {}
    for table in TABLES.values():
        if not table.merged:
            continue
        state, why = _own_state(settings, None, record, table, _left_by_the_dead(settings, None, record))
        if state == "present":
            now = {
                f"{_UPSTREAM}{upstream}/{year}": recorded_digest(settings.results, year, upstream)
                for upstream in table.upstream
                for year in result_years(settings.results, upstream)
            }
            entry = record["tables"][table.name]
            then = {name: value for name, value in entry["inputs"].items() if name.startswith(_UPSTREAM)}
            changed = [name for name in sorted({*now, *then}) if now.get(name) != then.get(name)]
            why = [OTHER_CODE] if entry.get("code_version") != table.code_version else []
            why += [f"{name.removeprefix(_UPSTREAM)} has changed" for name in changed]
            state = "changed" if why else "present"
        plans[table.name] = TablePlan(table.name, state, tuple(why))
    return YearPlan(None, {}, plans, record)


def _declared(name: str) -> Table | FileSet:
    return YEARLY.get(name) or TABLES[name]


def _left_by_the_dead(settings: Settings, year: int | None, record: RunRecord) -> set[str]:
    """Tables that a run noted it would make, if no process holds the year any more."""
    return set(record["unfinished"]) if record["unfinished"] and not year_is_busy(settings, year) else set()


def _plan(
    settings: Settings,
    year: int,
    record: RunRecord,
    tables: Iterable[Table | FileSet],
    news: Mapping[str, Sequence[str]],
) -> dict[str, TablePlan]:
    plans: dict[str, TablePlan] = {}
    verdicts: dict[tuple[str, int, str], bool] = {}
    dead = _left_by_the_dead(settings, year, record)
    for table in tables:
        state, why = _own_state(settings, year, record, table, dead)
        changes: list[str] = []
        files_gone: list[str] = []
        datasets = list(table.datasets)
        if state in {"present", "failed"} and table.name in record["tables"]:
            files = _changed_files(settings, year, record, table, verdicts, news)
            changes, files_gone = [why for _, why in files.changed], files.gone
            if record["tables"][table.name].get("code_version") != table.code_version:
                changes.insert(0, OTHER_CODE)
            if state == "present":
                datasets = [dataset for dataset in table.datasets if any(dataset == name for name, _ in files.changed)]
        gone = [f"{name} is gone" for name in files_gone]
        if state == "present":
            gone += [f"{name} stands on files that are gone" for name in _upstream_gone(table, plans)]
            changes += _changed_upstream(record, table, plans)
            changes += _changed_earlier(settings, year, record, table)
            why, state = ([*gone, *changes], "gone") if gone else (changes, "changed" if changes else "present")
        unreadable = _unreadable_rollups(record, table) if state not in {"present", "gone"} else []
        failed = state == "failed" or bool(unreadable)
        if unreadable:
            state, why = "failed", [*unreadable, *changes]
        plans[table.name] = TablePlan(
            table.name, state, tuple(why), failed, bool(changes) and not gone, tuple(files_gone), tuple(datasets)
        )
    return plans


def _upstream_gone(table: Table | FileSet, plans: Mapping[str, TablePlan]) -> list[str]:
    return [name for name in table.upstream if name in plans and plans[name].state == "gone"]


def _unreadable_rollups(record: RunRecord, table: Table | FileSet) -> list[str]:
    """Why rollups of a table could not even be registered when they were last looked at; the schemas say so themselves, and fail at none."""
    if table.group == "schemas":
        return []
    return [
        error.splitlines()[0]
        for dataset in table.datasets
        for entry in record["rollups"].get(dataset, {"files": {}})["files"].values()
        if (error := entry.get("error"))
    ]


def _own_state(
    settings: Settings, year: int | None, record: RunRecord, table: Table | FileSet, dead: Collection[str]
) -> tuple[State, list[str]]:
    if table.name in dead:
        return "failed", [DIED]
    entry = record["tables"].get(table.name)
    if entry is None:
        return "missing", ["never refreshed"]
    if entry["status"] == "failed":
        return "failed", [(entry["error"] or "no reason was recorded").splitlines()[0]]
    blocking = [c["name"].replace("_", " ") for c in entry["checks"] if c["blocking"] and not c["passed"]]
    if blocking:
        return "failed", [f"its check '{name}' failed" for name in blocking]
    gone = _files_gone(settings, year, table)
    return ("missing", gone) if gone else ("present", [])


def _files_gone(settings: Settings, year: int | None, table: Table | FileSet) -> list[str]:
    if isinstance(table, FileSet) and year is not None:
        gone = [path.name for path in report_files(settings.results, table, year) if not path.is_file()]
        return [f"gone: {', '.join(gone)}"] if gone else []
    return [] if result_path(settings.results, table.name, year).is_file() else ["its file is gone"]


class _Files(NamedTuple):
    """What happened to the files that a table was made from.

    Attributes:
        changed: dataset and what has changed of it, in words.
        gone: names of files that were read for a figure and are gone.
    """

    changed: list[tuple[str, str]]
    gone: list[str]


def _changed_files(
    settings: Settings,
    year: int,
    record: RunRecord,
    table: Table | FileSet,
    verdicts: dict[tuple[str, int, str], bool],
    news: Mapping[str, Sequence[str]],
) -> _Files:
    """What has changed among the files that a table was made from; each file is compared once for each content that was seen of it."""
    then = {name: entry for name, entry in record["tables"][table.name]["inputs"].items() if not isinstance(entry, str)}
    now = input_files(settings, year, table)
    files = _Files([], [])
    for name in sorted({*then, *now}):
        label = "the battery table (BESS_REGISTRY)" if name == BATTERY_TABLE else name
        dataset, _, file = name.partition("/")
        if name not in now:
            # What is not read for a figure may go; a built rollup that was removed is built anew where its reports are still there.
            if file.endswith(".parquet") and not (file.startswith(BUILT_FOLDER) and dataset in news):
                files.gone.append(name)
            else:
                files.changed.append((dataset, f"{label} is gone"))
        elif name not in then:
            files.changed.append((dataset, f"{label} is new"))
        else:
            # of the same file, tables refreshed at different times may have seen different contents
            seen = (name, then[name]["mtime_ns"], then[name]["digest"])
            if seen not in verdicts:
                verdicts[seen] = same(then[name], now[name])
            if not verdicts[seen]:
                files.changed.append((dataset, f"{label} has changed"))
    closing = {name for name in record["tables"][table.name]["inputs"] if name.startswith(LATER)}
    for name in sorted(closing ^ set(later_inputs(settings, year, table))):
        change = "has no days of the next year any more" if name in closing else "has days of the next year now"
        files.changed.append((name.removeprefix(LATER), f"{name.removeprefix(LATER)} {change}"))
    files.changed.extend((d, f"{d} has new reports: {len(news[d])}") for d in table.datasets if d in news)
    return files


def _changed_upstream(record: RunRecord, table: Table | FileSet, plans: dict[str, TablePlan]) -> list[str]:
    inputs = record["tables"][table.name]["inputs"]
    why = []
    for upstream in table.upstream:
        plan = plans.get(upstream)
        if plan is not None and plan.state == "gone":
            continue
        if plan is not None and plan.state != "present":
            why.append(f"{upstream} {'has' if plan.state in {'failed', 'changed'} else 'is'} {plan.state}")
        elif _digest(record, upstream) != inputs.get(f"{_UPSTREAM}{upstream}"):
            why.append(f"{upstream} has been refreshed since")
    return why


def _changed_earlier(settings: Settings, year: int, record: RunRecord, table: Table | FileSet) -> list[str]:
    """What has changed among the tables of earlier years that a set of files looks at."""
    if not isinstance(table, FileSet):
        return []
    now = earlier_digests(settings.results, table, year)
    inputs = record["tables"][table.name]["inputs"]
    then = {name for name in inputs if name.startswith(_UPSTREAM) and "/" in name}
    return [
        f"{name.removeprefix(_UPSTREAM)} has changed"
        for name in sorted({*now, *then})
        if name not in now or name not in then or now[name] != inputs[name]
    ]


def _digest(record: RunRecord, table: str) -> str | None:
    entry = record["tables"].get(table)
    return entry["digest"] if entry else None
