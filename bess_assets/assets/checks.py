"""The two checks that run in jobs of their own and never with a refresh: the second settlement, and whether data are as recent as ERCOT discloses.

Both are warnings. Dagster's freshness policies know no partitions, and a refresh that has nothing to do would not run the second.
"""

from typing import Any

import dagster as dg

from bess_assets.assets.partitions import yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.checks.freshness import DISCLOSURE_LAG_DAYS, GRACE_DAYS, freshness, now_central
from bess_assets.errors import InputError
from bess_assets.second_settlement import compare
from bess_assets.text import markdown_table, markdown_text

MATCHES_CSV = dg.AssetCheckKey(dg.AssetKey("leaderboard_monthly"), "matches_csv")
DATA_ARE_RECENT = dg.AssetCheckKey(dg.AssetKey("leaderboard"), "data_are_as_recent_as_ercot_discloses")


def _spec(key: dg.AssetCheckKey, description: str) -> dg.AssetCheckSpec:
    return yearly_check(key.name, key.asset_key.path[-1], description)


def _result(key: dg.AssetCheckKey, description: str, metadata: dict[str, Any], *, passed: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=key.name,
        asset_key=key.asset_key,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


@dg.multi_asset_check(
    name=MATCHES_CSV.name,
    specs=[
        _spec(
            MATCHES_CSV,
            "Revenue by battery and month is what the second settlement makes of ERCOT's CSV reports. A warning: it fails where a battery's year differs "
            "by more than 0.1 % of its revenue or a report cannot be read; `bess compare-csv YEAR` shows every figure. Without reports nothing is compared.",
        )
    ],
)
def matches_csv(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """Settle the year of the run's partition a second time, straight from the CSV reports."""
    settings, year = warehouse.settings(), int(context.partition_key)
    if not compare.has_reports(settings.reports):
        return _result(MATCHES_CSV, f"not compared: there are no reports in {settings.reports}", {}, passed=True)
    try:
        comparison = compare.compare_reports(settings, year)
    except InputError as error:
        return _result(MATCHES_CSV, str(error), {}, passed=False)
    worst = compare.worst(comparison)
    parts = [
        compare.verdict(comparison),
        *(markdown_text(f"{file}: {problem}") for file, problem in comparison.problems.items()),
        *([markdown_table(compare.WORST, worst)] if worst else []),
        compare.reports_read(comparison),
    ]
    figures = {
        "batteries_compared": comparison.batteries,
        "worst_difference_usd": comparison.worst_usd,
        "seconds": comparison.seconds,
        "comparison": dg.MetadataValue.md("\n\n".join(parts)),
    }
    return _result(MATCHES_CSV, compare.verdict(comparison), figures, passed=comparison.agrees)


@dg.multi_asset_check(
    name=DATA_ARE_RECENT.name,
    specs=[
        _spec(
            DATA_ARE_RECENT,
            f"The year's data reach the day that ERCOT disclosed by now: {DISCLOSURE_LAG_DAYS} days of lag and {GRACE_DAYS} of grace. A warning: new 60-day "
            "files have not come, or were not refreshed. A final year passes.",
        )
    ],
)
def data_are_recent(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """Judge the year of the run's partition by today's date."""
    found = freshness(warehouse.settings(), int(context.partition_key), now_central().date())
    behind = found.days_behind
    figures = {
        "state": found.state,
        "data_through": str(found.data_through or "never refreshed"),
        "expected_through": str(found.expected_through),
        "days_behind": dg.MetadataValue.null() if behind is None else dg.MetadataValue.int(behind),
    }
    return _result(DATA_ARE_RECENT, found.words, figures, passed=found.state != "stale")


CHECKS = [matches_csv, data_are_recent]
