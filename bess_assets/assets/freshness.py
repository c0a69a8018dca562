"""The check `data_are_as_recent_as_ercot_discloses`: daily, in a job of its own, for a refresh that has nothing to do would not run it.

Dagster's freshness policies know no partitions.
"""

from collections.abc import Iterator

import dagster as dg

from bess_assets.assets.partitions import yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.checks.freshness import DISCLOSURE_LAG_DAYS, GRACE_DAYS, freshness, now_central

DATA_ARE_RECENT = "data_are_as_recent_as_ercot_discloses"
CHECKED_TABLE = "leaderboard"

_SPEC = yearly_check(
    DATA_ARE_RECENT,
    CHECKED_TABLE,
    f"The year's data reach the day that ERCOT disclosed by now: {DISCLOSURE_LAG_DAYS} days of lag and {GRACE_DAYS} of grace. A warning: new 60-day files "
    "have not come, or were not refreshed. A final year passes.",
)


@dg.multi_asset_check(name=DATA_ARE_RECENT, specs=[_SPEC])
def data_are_recent(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
    """Judge the year of the run's partition by today's date."""
    found = freshness(warehouse.settings(), int(context.partition_key), now_central().date())
    yield dg.AssetCheckResult(
        check_name=DATA_ARE_RECENT,
        asset_key=CHECKED_TABLE,
        passed=found.state != "stale",
        severity=dg.AssetCheckSeverity.WARN,
        description=found.words,
        metadata={
            "state": found.state,
            "data_through": str(found.data_through or "never refreshed"),
            "expected_through": str(found.expected_through),
            "days_behind": dg.MetadataValue.int(found.days_behind)
            if found.days_behind is not None
            else dg.MetadataValue.null(),
        },
    )


CHECKS = [data_are_recent]
