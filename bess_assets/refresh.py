"""`bess refresh`: years one after the other in this process, through the Dagster jobs and the instance that the UI shows, then the merged tables."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal
from uuid import uuid4

import dagster as dg

from bess_assets.assets.resources import holding_tags, keep_connections, operating_years, partition_exists, show_inputs
from bess_assets.automation.dagster_home import ensure_dagster_home, using_history
from bess_assets.automation.jobs import merge_years, refresh_year
from bess_assets.automation.runs import checks_with, fail_dead_runs
from bess_assets.automation.sensors import STARTED_BY_TAG, plain_reason
from bess_assets.checks.figures import COVERED
from bess_assets.definitions import build_defs
from bess_assets.ercot.datasets import DATASETS
from bess_assets.errors import BessError, SettingsError, write_error
from bess_assets.process_memory import Clock
from bess_assets.run import MERGES, HeldYear, Listener, hold_year
from bess_assets.settings import Settings
from bess_assets.store.journal import CheckEntry, TableEntry, read_run
from bess_assets.store.listing import yearly_files
from bess_assets.store.paths import recorded_years, rollup_folder
from bess_assets.store.places import bring_in, bring_results
from bess_assets.store.status import State, plan_year, years_available
from bess_assets.tables import ASKED_FOR, LEADERBOARD, ROLLUP_SCHEMAS, TABLES, YEARLY

_definitions = lru_cache(maxsize=4)(build_defs)


@dataclass(frozen=True)
class AssetOutcome:
    """One asset after a run.

    Attributes:
        status: ok; failed: its step failed, or a check that blocks the tables below; skipped: something it needs failed.
        error: why it failed.
        checks: those that were evaluated.
    """

    status: Literal["ok", "failed", "skipped"]
    error: str | None = None
    checks: tuple[CheckEntry, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """A year after its refresh.

    Attributes:
        year: the operating year; None for the merged tables.
        assets: each asset planned, upstream before downstream; none where there was nothing to do.
        tables: entries of the run record, of the tables made before too.
        failure: why the year failed as a whole, where no single asset says it.
        gone: files that it was made from and that are gone, so that the tables made from them were left as they are.
        waiting: tables asked for that wait for tables not asked for.
        seconds: how long it took.
    """

    year: int | None
    assets: Mapping[str, AssetOutcome] = field(default_factory=dict)
    tables: Mapping[str, TableEntry] = field(default_factory=dict)
    failure: str | None = None
    gone: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The year as text."""
        return "all years" if self.year is None else str(self.year)

    @property
    def ok(self) -> bool:
        """Whether every asset planned was made and no blocking check failed."""
        return self.failure is None and all(asset.status == "ok" for asset in self.assets.values())

    @property
    def state(self) -> Literal["refreshed", "failed", "nothing to do"]:
        """The outcome in a word."""
        return "failed" if not self.ok else "refreshed" if self.assets else "nothing to do"

    def figure(self, table: str, name: Literal["rows", "money_usd", "coverage"]) -> float | None:
        """A figure of the entry of a table in the run record; None where nothing was refreshed."""
        return self.tables[table].get(name) if self.state == "refreshed" and table in self.tables else None

    @property
    def errors(self) -> list[str]:
        """Why it failed: a text for each asset that did, why the year did as a whole, and what was not made."""
        failed = [f"{name}: {a.error}" for name, a in self.assets.items() if a.status == "failed"]
        skipped = ", ".join(name for name, a in self.assets.items() if a.status == "skipped")
        held_back = f"not made, for want of these: {skipped}" if skipped else None
        return [text for text in (*failed, self.failure, held_back) if text]


def refresh_years(
    settings: Settings, years: Sequence[int], only: State | None = None, progress: Listener | None = None
) -> Iterator[Outcome]:
    """Refresh years in the order given, then merge all years once; a year that fails does not stop the next.

    Yields:
        the outcome of each year as soon as it is known, then that of the merging, if a year was tried and there is something new to merge.
    """
    if not years:
        return
    tried = False
    bring_in(settings, years)
    bring_results(settings)
    with using_history(settings), open_instance(settings) as instance:
        fail_dead_runs(instance, settings)
        for year in years:
            outcome = _refresh(instance, settings, year, only, progress)
            tried = tried or outcome.state != "nothing to do"
            yield outcome
        # A year that failed may have made what is merged before it did: the schemas, above all, name what is wrong with its files.
        there = any(yearly_files(settings.results, above) for name in MERGES for above in TABLES[name].upstream)
        if (tried or only == "failed") and there and plan_year(settings, None).state != "present":
            yield _refresh(instance, settings, None, None, progress)
        # of rollups that are copies, those of other years may be old, or not there
        shown = [year for year in recorded_years(settings.results) if year in years or not settings.copied]
        show_inputs(instance, settings, [read_run(settings.results, year) for year in shown])


def _refresh(
    instance: dg.DagsterInstance, settings: Settings, year: int | None, only: State | None, progress: Listener | None
) -> Outcome:
    """The outcome of a year, or of the merging, and how long it took; an error becomes a failed outcome, so that the next year has its turn."""
    clock = Clock()
    try:
        _refuse_year_without_files(settings, year)
        with using_history(settings), hold_year(settings, year) as held:
            plan = plan_year(settings, year)
            tables = plan.to_refresh(only)
            outcome = Outcome(year, gone=plan.gone)
            if tables:
                held.begin(tables)
                selection = [*(DATASETS if only is None and year else plan.datasets_of(tables)), *tables]
                outcome = materialize(instance, settings, year, selection, progress)
                outcome = replace(outcome, gone=() if only is None else plan.gone)
    except BessError as error:
        outcome = Outcome(year, failure=str(error))
    except Exception as error:  # noqa: BLE001  no error of one year may stop the next
        told = write_error(error, Path(error.filename or settings.results)) if isinstance(error, OSError) else None
        outcome = Outcome(year, failure=str(told) if told else f"{type(error).__name__}: {error}")
    else:
        outcome = replace(outcome, waiting=plan.waiting(only))
    return replace(outcome, seconds=clock.seconds())


def _refuse_year_without_files(settings: Settings, year: int | None) -> None:
    """Refuse a year of which there is no file and no result, so that nothing of it is left behind."""
    folder = rollup_folder(settings)
    files = year is None or any(folder.files(dataset, year) for dataset in DATASETS)
    if not files and year not in {*years_available(settings), *recorded_years(settings.results)}:
        raise BessError(
            f"There is no rollup of {year}.",
            file=settings.place(settings.rollups),
            expected=f"files such as DAM_Gen_Resources/{year}.parquet",
            remedy="Put them there, name another folder in BESS_ROLLUPS, or build them from ERCOT's reports: bess rollup FOLDER.",
        )


# --- through Dagster --------------------------------------------------------------------------------------------------------------------------


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Dagster's instance at its home, made if need be: the one that the UI shows."""
    instance = dg.DagsterInstance.from_config(str(ensure_dagster_home(settings)))
    keep_connections(instance)
    return instance


def materialize(
    instance: dg.DagsterInstance,
    settings: Settings,
    year: int | None,
    selection: Collection[str] | None = None,
    progress: Listener | None = None,
) -> Outcome:
    """Run `refresh_year` on a year, or `merge_years` where it is None, in this process, as the UI would: recorded in the instance, checks and all.

    Of a selection of tables and datasets, the tables that they need and that are not named must have been made before; without one, every dataset and every
    table that each refresh makes.

    Raises:
        YearBusyError: another process holds the year.
        SettingsError: the year cannot be refreshed, ever or yet.
    """
    if year is not None and not partition_exists(year):
        first, last = operating_years.get_first_partition_key(), operating_years.get_last_partition_key()
        raise SettingsError(f"{year} cannot be refreshed.", expected=f"a year from {first} to {last}")
    with hold_year(settings, year) as held:
        held.listener = progress or held.listener
        outcome = _run(instance, held, selection)
        schemas = outcome.assets.get(ROLLUP_SCHEMAS.name)
        if schemas and schemas.status == "skipped":
            # Dagster withholds the tables below a rollup that failed; the schemas say of every file what is wrong with it, so they are made all the same.
            outcome = replace(outcome, assets={**outcome.assets, **_run(instance, held, [ROLLUP_SCHEMAS.name]).assets})
    return outcome


def _run(instance: dg.DagsterInstance, held: HeldYear, selection: Collection[str] | None) -> Outcome:
    year = held.year
    job = _definitions(held.settings).resolve_job_def((refresh_year if year else merge_years).name)
    every = list(MERGES) if year is None else [*DATASETS, *YEARLY, *ASKED_FOR]
    chosen = ({*DATASETS, *YEARLY} if year else {*MERGES}) if selection is None else selection
    planned = [name for name in every if name in chosen]
    if len(planned) < len(every):
        # without its checks named, a selection runs every check of its assets, also those that the job leaves out
        job = job.get_subset(
            asset_selection={dg.AssetKey(name) for name in planned}, asset_check_selection=set(checks_with(planned))
        )
    run_id = str(uuid4())
    result = job.execute_in_process(
        instance=instance,
        run_id=run_id,
        partition_key=None if year is None else str(year),
        tags={STARTED_BY_TAG: "bess", **holding_tags(held.settings, year, run_id)},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        raise_on_error=False,
    )
    return _of_run(held, result, planned)


def _of_run(held: HeldYear, result: dg.ExecuteInProcessResult, planned: Sequence[str]) -> Outcome:
    """Each asset planned after a run: Dagster says what was made, what failed and what was held back; Ctrl-C, which it takes for a failure, is raised."""
    made = {e.asset_key.path[-1] for e in result.all_events if e.is_step_materialization and e.asset_key}
    failures = [e for e in result.all_events if e.event_type == dg.DagsterEventType.STEP_FAILURE]
    errors = {str(e.step_key): plain_reason(e.step_failure_data.error) for e in failures}
    for cause in (e.step_failure_data.error for e in failures):
        while cause:
            if cause.cls_name in {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}:
                raise KeyboardInterrupt
            cause = cause.cause
    evaluated = result.get_asset_check_evaluations()
    outcomes: dict[str, AssetOutcome] = {}
    for name in planned:
        checks = tuple(
            CheckEntry(name=e.check_name, passed=e.passed, blocking=e.blocking or False, detail=e.description or "")
            for e in evaluated
            if e.asset_key.path[-1] == name
        )
        blocking = [f"{c['name']} failed: {c['detail']}" for c in checks if not c["passed"] and c["blocking"]]
        error = "; ".join(blocking) or errors.get(name)
        outcomes[name] = AssetOutcome("failed" if error else "ok" if name in made else "skipped", error, checks)
    of_board = outcomes[LEADERBOARD.name].checks if LEADERBOARD.name in outcomes else ()
    uncovered = next((c["detail"] for c in of_board if c["name"] == COVERED.name and not c["passed"]), None)
    failure = f"no battery can be ranked: {uncovered}" if uncovered else None
    if not result.success and all(outcome.status != "failed" for outcome in outcomes.values()):
        of_run = [e.job_failure_data for e in result.all_events if e.event_type == dg.DagsterEventType.RUN_FAILURE]
        failure = plain_reason(of_run[0].error) if of_run else "the run failed"
    return Outcome(held.year, outcomes, dict(held.journal.record["tables"]), failure)
