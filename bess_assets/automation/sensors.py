"""Sensors: merge the years after a year was refreshed.

Belongs here: what asks for a run when something happened.
Does not: what a run does (jobs.py), deciding what is stale (plan.py).
"""

import hashlib
import json
from typing import Any

import dagster as dg

from bess_assets.automation.jobs import merge_years, refresh_year
from bess_assets.plan import plan_merged
from bess_assets.records import read_run, result_years
from bess_assets.resources import Warehouse
from bess_assets.settings import Settings
from bess_assets.tables import TABLES

STARTED_BY_TAG = "bess/started_by"
"""On runs that this package starts itself: `bess refresh` merges the years at its end, so no sensor needs to."""


def merge_request(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """The run that merges the years, unless it would change nothing.

    The run key is the digest of the years' files: Dagster remembers it for ever, so that the same files are merged once.
    """
    if plan_merged(settings).state == "present":
        return dg.SkipReason("the merged tables are those of the years that there are")
    upstream = {name for table in TABLES.values() if table.merged for name in table.upstream}
    entries = {
        f"{name}/{year}": read_run(settings.results, year)["tables"].get(name)
        for name in upstream
        for year in result_years(settings.results, name)
    }
    text = json.dumps({file: entry["digest"] for file, entry in entries.items() if entry}, sort_keys=True)
    return dg.RunRequest(run_key=hashlib.sha256(text.encode()).hexdigest())


def merge_sensor(*, running: bool) -> dg.SensorDefinition:
    """Asks for `merge_years` when a run of `refresh_year` has succeeded.

    Args:
        running: whether it starts switched on (`BESS_AUTOMATION`).
    """

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=[refresh_year],
        request_job=merge_years,
        name="merge_years_after_a_refresh",
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=30,
    )
    def merge_years_after_a_refresh(context: dg.RunStatusSensorContext, warehouse: Warehouse) -> Any:
        """Merges the years once one of them has been refreshed from the UI or by a schedule."""
        if STARTED_BY_TAG in context.dagster_run.tags:
            return dg.SkipReason("bess refresh merges the years itself")
        return merge_request(warehouse.settings())

    return merge_years_after_a_refresh
