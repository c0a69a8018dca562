"""Runs that a killed process left STARTED.

Belongs here: finding and failing them.
Does not: their half-written files (records.remove_stale_files).
"""

from collections.abc import Collection

import dagster as dg

from bess_assets.resources import HOLDING_TAG

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,  # recorded, and killed before its first event; one that the UI launched holds nothing yet
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def fail_dead_runs(instance: dg.DagsterInstance, year: int | None, alive: Collection[str] = ()) -> list[str]:
    """Mark as failed the runs of a year whose process is gone; Dagster itself does not see that.

    Call it while holding the year's lock: a run that says that it holds the lock, and is not ours, can then only be dead.

    Args:
        instance: where runs are recorded.
        year: the year held; None for the merged tables.
        alive: runs of this process.

    Returns:
        ids of the runs marked.
    """
    filters = dg.RunsFilter(tags={HOLDING_TAG: str(year or "all")}, statuses=_UNFINISHED)
    dead = [run for run in instance.get_runs(filters) if run.run_id not in alive]
    for run in dead:
        instance.report_run_failed(run, "The process of this run is gone: it no longer holds the lock of its year.")
    return [run.run_id for run in dead]
