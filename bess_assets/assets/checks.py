"""The two checks that run in jobs of their own and never with a refresh: the second settlement, and whether data are as recent as ERCOT discloses.

Both are warnings. Dagster's freshness policies know no partitions, and a refresh that has nothing to do would not run the second.
"""

from functools import partial
from typing import Any

import dagster as dg

from bess_assets.assets.resources import Warehouse, check_spec
from bess_assets.checks.freshness import GRACE_DAYS, freshness
from bess_assets.ercot.calendar import now_central
from bess_assets.ercot.products import DISCLOSURE_LAG_DAYS
from bess_assets.errors import InputError
from bess_assets.text import markdown_table, markdown_text

_result = partial(dg.AssetCheckResult, severity=dg.AssetCheckSeverity.WARN)


@dg.multi_asset_check(
    specs=[
        check_spec(
            "matches_csv",
            "leaderboard_monthly",
            "Revenue by battery and month is what the second settlement makes of ERCOT's CSV reports. A warning: it fails where a battery's year differs "
            "by more than 0.1 % of its revenue or a report cannot be read; `bess compare-csv YEAR` shows every figure. Without reports nothing is compared.",
        )
    ],
)
def matches_csv(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """Settle the year of the run's partition a second time, straight from the CSV reports."""
    from bess_assets.second_settlement import compare  # noqa: PLC0415  it brings pandas, which no refresh needs

    settings, year = warehouse.settings(), int(context.partition_key)
    if not compare.has_reports(settings.reports):
        return _result(passed=True, description=f"not compared: there are no reports in {settings.reports}")
    try:
        comparison = compare.compare_reports(settings, year)
    except InputError as error:
        return _result(passed=False, description=str(error))
    worst = compare.worst(comparison)
    parts = [
        compare.verdict(comparison),
        *(markdown_text(f"{file}: {problem}") for file, problem in comparison.problems.items()),
        *([markdown_table(compare.WORST, worst)] if worst else []),
        compare.reports_read(comparison),
    ]
    figures: dict[str, Any] = {
        "batteries_compared": comparison.batteries,
        "worst_difference_usd": comparison.worst_usd,
        "seconds": comparison.seconds,
        "comparison": dg.MetadataValue.md("\n\n".join(parts)),
    }
    return _result(passed=comparison.agrees, description=compare.verdict(comparison), metadata=figures)


@dg.multi_asset_check(
    specs=[
        check_spec(
            "data_are_as_recent_as_ercot_discloses",
            "leaderboard",
            f"The year's data reach the day that ERCOT disclosed by now: {DISCLOSURE_LAG_DAYS} days of lag and {GRACE_DAYS} of grace. A warning: new 60-day "
            "files have not come, or were not refreshed. A final year passes.",
        )
    ],
)
def data_are_as_recent_as_ercot_discloses(
    context: dg.AssetCheckExecutionContext, warehouse: Warehouse
) -> dg.AssetCheckResult:
    """Judge the year of the run's partition by today's date."""
    words, figures = freshness(warehouse.settings(), int(context.partition_key), now_central().date())
    return _result(passed=figures["state"] != "stale", description=words, metadata=figures)


CHECKS = [matches_csv, data_are_as_recent_as_ercot_discloses]
