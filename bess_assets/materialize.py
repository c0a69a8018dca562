"""Running Dagster's jobs in this process, and saying what came of each asset.

Belongs here: one year, the merged tables, and registering files of another year; what `bess refresh` and tests call.
Does not: which years and tables (store/status.py, refresh.py), what a job holds (automation/jobs.py).
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import dagster as dg
from dagster import DagsterEventType

from bess_assets.assets.history import quick_history
from bess_assets.assets.metadata import rollup_metadata
from bess_assets.assets.partitions import operating_years, partition_exists
from bess_assets.assets.resources import HOLDING_TAG, holding
from bess_assets.assets.rollups import rollup_version
from bess_assets.automation.dagster_home import ensure_dagster_home
from bess_assets.automation.dead_runs import fail_dead_runs
from bess_assets.automation.failures import plain_reason
from bess_assets.automation.jobs import MERGE_YEARS, REFRESH_YEAR
from bess_assets.automation.sensors import STARTED_BY_TAG
from bess_assets.definitions import build_defs
from bess_assets.ercot.datasets import DATASETS
from bess_assets.errors import BessError, SettingsError
from bess_assets.run import Listener, listening, register_rollup
from bess_assets.settings import Settings
from bess_assets.store.journal import CheckEntry, TableEntry, fail_unfinished, read_run, remove_stale_files
from bess_assets.store.locks import year_lock
from bess_assets.tables import ROLLUP_SCHEMAS, TABLES, YEARLY

AssetStatus = Literal["ok", "failed", "skipped"]

_DATA_VERSION_TAG = "dagster/data_version"  # as Dagster writes it for MaterializeResult(data_version=)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class AssetOutcome:
    """What became of one asset.

    Attributes:
        name: table or dataset.
        status: ok; failed: its step failed, or a check that blocks what comes after; skipped: something it needs failed.
        error: why it is not ok.
        checks: those that were evaluated.
        entry: what stands in the run record, of a table that was tried.
    """

    name: str
    status: AssetStatus
    error: str | None = None
    checks: tuple[CheckEntry, ...] = ()
    entry: TableEntry | None = None

    @property
    def warnings(self) -> list[CheckEntry]:
        """Failed checks that block nothing."""
        return [check for check in self.checks if not check["passed"] and not check["blocking"]]


@dataclass(frozen=True)
class YearOutcome:
    """What became of one run.

    Attributes:
        year: the operating year; None for the merged tables.
        run_id: the run, as the UI shows it; empty if there was none.
        assets: what became of each asset planned, upstream before downstream.
        error: why the run as a whole failed, where no single asset says it.
        dead_runs: runs of this year that were found dead and marked failed.
    """

    year: int | None
    run_id: str
    assets: dict[str, AssetOutcome]
    error: str | None = None
    dead_runs: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        """Whether every asset planned was made and no blocking check failed."""
        return self.error is None and all(asset.status == "ok" for asset in self.assets.values())


@contextmanager
def open_instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance at its home, made if need be: the one that the UI shows."""
    home = ensure_dagster_home(settings)
    with quick_history(), dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def materialize_year(
    instance: dg.DagsterInstance,
    settings: Settings,
    year: int,
    selection: Collection[str] | None = None,
    on_event: Listener | None = None,
) -> YearOutcome:
    """Run `refresh_year` on a year, in this process, as the UI would: recorded in the instance, checks and all.

    Args:
        instance: where runs are recorded.
        settings: where things are.
        year: the operating year.
        selection: tables and datasets, all of them if not given. What they need and is not named must have been made before.
        on_event: told what happens to each asset as it happens.

    Raises:
        YearBusyError: another process holds the year.
        SettingsError: the year cannot be refreshed, ever or yet.
    """
    if not partition_exists(year):
        first, last = operating_years.get_first_partition_key(), operating_years.get_last_partition_key()
        raise SettingsError(f"{year} cannot be refreshed.", expected=f"a year from {first} to {last}")
    with year_lock(settings, year):
        outcome = _run(instance, settings, REFRESH_YEAR, year, selection, on_event)
        schemas = outcome.assets.get(ROLLUP_SCHEMAS.name)
        if schemas and schemas.status == "skipped":
            # Dagster withholds what stands below a rollup that failed; the schemas are what says of every file what ails it, so they are made all the same.
            alone = _run(instance, settings, REFRESH_YEAR, year, [ROLLUP_SCHEMAS.name], on_event)
            outcome = replace(outcome, assets={**outcome.assets, **alone.assets})
    return outcome


def merge_years(instance: dg.DagsterInstance, settings: Settings, on_event: Listener | None = None) -> YearOutcome:
    """Run `merge_years`, in this process.

    Raises:
        YearBusyError: another process merges.
    """
    return _run(instance, settings, MERGE_YEARS, None, None, on_event)


def register_rollups(
    instance: dg.DagsterInstance, settings: Settings, year: int, datasets: Collection[str] | None = None
) -> dict[str, AssetOutcome]:
    """Register the 60-day files of a year that the operating year before reads too, without a run of their own.

    They are noted in the record of the operating year before, and shown by Dagster where it has a partition for them: next year's has none yet.

    Args:
        instance: where materializations are recorded.
        settings: where things are.
        year: the year in the files' names.
        datasets: all 60-day datasets if not given.

    Returns:
        an outcome for each dataset whose file is there.
    """
    outcomes = {}
    for name in datasets if datasets is not None else [d.name for d in DATASETS.values() if d.sixty_day]:
        try:
            registered = register_rollup(settings, name, year, year - 1)
        except BessError as error:
            outcomes[name] = AssetOutcome(name, "failed", str(error))
            continue
        if not registered.files:
            continue
        outcomes[name] = AssetOutcome(name, "ok")
        if partition_exists(year):
            instance.report_runless_asset_event(
                dg.AssetMaterialization(
                    asset_key=name,
                    partition=str(year),
                    metadata=rollup_metadata(registered),
                    tags={_DATA_VERSION_TAG: rollup_version(registered).value},
                )
            )
    return outcomes


def _run(
    instance: dg.DagsterInstance,
    settings: Settings,
    job_name: str,
    year: int | None,
    selection: Collection[str] | None,
    on_event: Listener | None,
) -> YearOutcome:
    with year_lock(settings, year):
        remove_stale_files(settings, year)
        fail_unfinished(settings.results, year)
        dead = fail_dead_runs(instance, year)
        job = _definitions(settings).resolve_job_def(job_name)
        with quick_history(), listening(on_event):
            result = job.execute_in_process(
                instance=instance,
                partition_key=None if year is None else str(year),
                asset_selection=None if selection is None else [dg.AssetKey(name) for name in selection],
                tags={STARTED_BY_TAG: "bess", HOLDING_TAG: holding(year)},
                run_config=_QUIET,
                raise_on_error=False,
            )
        _pass_on_interrupt(result)
    return _outcome(settings, year, result, _planned(year, selection), tuple(dead))


def _pass_on_interrupt(result: dg.ExecuteInProcessResult) -> None:
    """Dagster takes Ctrl-C and a request to end for the failure of a step; whoever asked wants everything to stop.

    Raises:
        KeyboardInterrupt: the run was interrupted.
    """
    for event in result.all_events:
        error = event.step_failure_data.error if event.event_type == DagsterEventType.STEP_FAILURE else None
        while error:
            if error.cls_name in {"DagsterExecutionInterruptedError", "KeyboardInterrupt"}:
                raise KeyboardInterrupt
            error = error.cause


@lru_cache(maxsize=4)
def _definitions(settings: Settings) -> dg.Definitions:
    return build_defs(settings)


def _planned(year: int | None, selection: Collection[str] | None) -> list[str]:
    if year is None:
        return [table.name for table in TABLES.values() if table.merged]
    every = [*DATASETS, *YEARLY]
    return [name for name in every if selection is None or name in selection]


def _outcome(
    settings: Settings, year: int | None, result: dg.ExecuteInProcessResult, planned: list[str], dead: tuple[str, ...]
) -> YearOutcome:
    made = {e.asset_key.path[-1] for e in result.all_events if e.is_step_materialization and e.asset_key}
    errors = {
        str(e.step_key): plain_reason(e.step_failure_data.error)
        for e in result.all_events
        if e.event_type == DagsterEventType.STEP_FAILURE
    }
    checks = _checks(result)
    record = read_run(settings.results, year)["tables"]
    outcomes: dict[str, AssetOutcome] = {}
    for name in planned:
        blocking = [c for c in checks.get(name, ()) if not c["passed"] and c["blocking"]]
        status: AssetStatus = "ok"
        error = None
        if blocking:
            status, error = "failed", "; ".join(f"{c['name']} failed: {c['detail']}" for c in blocking)
        elif name in errors:
            status, error = "failed", errors[name]
        elif name not in made:
            status, error = "skipped", _why_skipped(name, outcomes)
        tried = status != "skipped"
        outcomes[name] = AssetOutcome(
            name, status, error, tuple(checks.get(name, ())), record.get(name) if tried else None
        )
    failure = None
    if not result.success and not any(outcome.status == "failed" for outcome in outcomes.values()):
        failure = next(
            (
                plain_reason(e.job_failure_data.error)
                for e in result.all_events
                if e.event_type == DagsterEventType.RUN_FAILURE
            ),
            "the run failed",
        )
    return YearOutcome(year, result.run_id, outcomes, failure, dead)


def _checks(result: dg.ExecuteInProcessResult) -> Mapping[str, list[CheckEntry]]:
    found: dict[str, list[CheckEntry]] = {}
    for evaluation in result.get_asset_check_evaluations():
        found.setdefault(evaluation.asset_key.path[-1], []).append(
            CheckEntry(
                name=evaluation.check_name,
                passed=evaluation.passed,
                blocking=evaluation.blocking or False,
                detail=evaluation.description or "",
            )
        )
    return found


def _why_skipped(name: str, before: Mapping[str, AssetOutcome]) -> str:
    table = YEARLY.get(name) or TABLES.get(name)
    needed = (*table.datasets, *table.upstream) if table else ()
    missing = [n for n in needed if n in before and before[n].status != "ok"]
    return f"needs {', '.join(missing)}" if missing else "the run ended before it"
