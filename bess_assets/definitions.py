"""The Dagster code location: assets, jobs, sensors and resources put together.

Settings are read when a run uses them; only whether automation starts switched on, and when its day begins, is read on loading.
"""

import dagster as dg

from bess_assets.assets import checks, data
from bess_assets.assets.resources import Warehouse
from bess_assets.automation.jobs import JOBS, schedules
from bess_assets.automation.sensors import sensors
from bess_assets.settings import Settings, load_settings


def build_defs(settings: Settings | None = None) -> dg.Definitions:
    """The whole code location.

    Args:
        settings: where things are; if not given, the environment says it each time it is asked.
    """
    now = settings or load_settings()
    return dg.Definitions(
        assets=data.ASSETS,
        asset_checks=checks.CHECKS,
        jobs=JOBS,
        sensors=sensors(running=now.automation),
        schedules=schedules(now),
        resources={"warehouse": Warehouse(environment=settings.environment() if settings else {})},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The code location of this environment, made when Dagster loads it and not on import."""
    return build_defs()
