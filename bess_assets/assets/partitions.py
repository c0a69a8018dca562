"""The one partitions definition of assets and checks: operating years."""

import warnings

import dagster as dg

from bess_assets.store.status import FIRST_YEAR

operating_years = dg.TimeWindowPartitionsDefinition(
    start=str(FIRST_YEAR),
    fmt="%Y",
    cron_schedule="0 0 1 1 *",
    timezone="America/Chicago",
    end_offset=1,  # without it a year exists only once it is over
)
"""All yearly assets and checks share it: Dagster maps years to years only between definitions of one kind and time zone."""


def partition_exists(year: int) -> bool:
    """Whether the year has a partition today: next year has none."""
    return operating_years.has_partition_key(str(year))


def check_spec(
    name: str,
    asset: str,
    description: str,
    partitions: dg.PartitionsDefinition[str] | None = operating_years,
    *,
    blocking: bool = False,
) -> dg.AssetCheckSpec:
    """A check of an asset. Without the partitions of its asset it would load all years, and fail where one is missing."""
    with warnings.catch_warnings():
        # the only kind of check that works on yearly assets (pinned below 1.14, and by tests): the warning asks nothing of a user
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=blocking, partitions_def=partitions
        )
