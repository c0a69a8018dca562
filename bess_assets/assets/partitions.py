"""The one partitions definition, and how operating years map to the publication years of 60-day files.

Belongs here: which years there are, and which file years a year reads.
Does not: what is missing or changed in a year (store/status.py).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def _knowingly() -> Iterator[None]:
    # Both are the only kind that works on yearly assets (pinned below 1.14, and by tests); nobody who runs this can act on the warning.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield


with _knowingly():
    publication_years = dg.TimeWindowPartitionMapping(
        start_offset=0,
        end_offset=1,
        allow_nonexistent_upstream_partitions=True,  # the file of next year is not there yet for the current one
    )
"""From a delivery year to the files that may hold it: 60-day files are grouped by publication, so the end of a year lies in the next file."""


def partition_exists(year: int) -> bool:
    """Whether the year has a partition today: next year has none."""
    return operating_years.has_partition_key(str(year))


def yearly_check(name: str, asset: str, description: str, *, blocking: bool = False) -> dg.AssetCheckSpec:
    """A check that judges one year. Without partitions of its own it would load all years, and fail where one is missing.

    Args:
        name: a sentence.
        asset: key of the asset that it guards.
        description: what it holds, and what to do where it doesn't.
        blocking: whether what comes after waits for it to pass.
    """
    with _knowingly():
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=blocking, partitions_def=operating_years
        )
