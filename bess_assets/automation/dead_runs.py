"""Dead runs: those that a killed process left unfinished. Dagster does not see that; the lock of their year shows it."""

import logging

import dagster as dg

from bess_assets.assets.resources import ALL_YEARS, HOLDING_TAG
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


def fail_dead_runs(instance: dg.DagsterInstance, settings: Settings) -> list[str]:
    """Mark as failed every run that says that it holds a year's lock and does not, and remove what it left half written.

    A run may be killed after its last table was made, when nothing else would ever come back to its year.

    Returns:
        ids of the runs marked.
    """
    tags = {run.tags.get(HOLDING_TAG, "") for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))}
    failed: list[str] = []
    for tag in sorted(tag for tag in tags if tag == ALL_YEARS or tag.isdigit()):
        year = None if tag == ALL_YEARS else int(tag)
        try:
            with year_lock(settings, year) as first:
                # asked again while the lock is held: a run that lives may have given the year back meanwhile
                still = dg.RunsFilter(tags={HOLDING_TAG: tag}, statuses=UNFINISHED)
                dead = instance.get_runs(still) if first else []
                for run in dead:
                    instance.report_run_failed(
                        run, "The process of this run is gone: it no longer holds the lock of its year."
                    )
                    failed.append(run.run_id)
                if dead:
                    remove_stale_files(settings, year)
        except YearBusyError:
            continue  # its process lives
        except OSError as error:
            # the files of one year must not hold up the others; the year's own refresh says what is wrong
            _log.warning("what a dead run on %s left could not be put in order: %s", tag, error)
    return failed
