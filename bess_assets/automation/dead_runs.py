"""Dead runs: those that a killed process left unfinished. Dagster does not see that; the lock of their year shows it."""

import logging
from collections.abc import Collection

import dagster as dg

from bess_assets.assets.resources import ALL_YEARS, HOLDING_TAG, holding
from bess_assets.errors import YearBusyError
from bess_assets.settings import Settings
from bess_assets.store.locks import year_lock
from bess_assets.store.paths import remove_stale_files

UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,  # recorded, and killed before its first event; a launched one holds no year yet
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_log = logging.getLogger(__name__)


def fail_dead_runs(instance: dg.DagsterInstance, year: int | None, alive: Collection[str] = ()) -> list[str]:
    """Mark as failed the runs of a year whose process is gone.

    Call it while holding the year's lock: a run that says that it holds the lock, and is not alive in this process, is dead.

    Args:
        instance: where runs are recorded.
        year: the year held; None for the merged tables.
        alive: runs of this process.

    Returns:
        ids of the runs marked.
    """
    filters = dg.RunsFilter(tags={HOLDING_TAG: holding(year)}, statuses=UNFINISHED)
    dead = [run for run in instance.get_runs(filters) if run.run_id not in alive]
    for run in dead:
        instance.report_run_failed(run, "The process of this run is gone: it no longer holds the lock of its year.")
    return [run.run_id for run in dead]


def fail_all_dead_runs(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Mark as failed every run whose process is gone, and remove what they left half written.

    A run may be killed after its last table was made, when nothing else would ever come back to its year.

    Returns:
        ids of the runs marked.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    held = {run.tags.get(HOLDING_TAG, "") for run in runs}
    years = [None if tag == ALL_YEARS else int(tag) for tag in sorted(held) if tag == ALL_YEARS or tag.isdigit()]
    failed: list[str] = []
    for year in years:
        try:
            with year_lock(settings, year) as first:
                dead = fail_dead_runs(instance, year) if first else []
                if dead:
                    remove_stale_files(settings, year)
                failed += dead
        except YearBusyError:
            continue  # its process lives
        except OSError as error:
            # the files of one year must not hold up the others; the year's own refresh says what is wrong
            _log.warning("what a dead run on %s left could not be put in order: %s", holding(year), error)
    return failed
