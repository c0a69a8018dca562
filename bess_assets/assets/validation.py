"""The check `matches_csv`, which settles a year a second time, straight from the CSV reports; in a job of its own, never with a refresh."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from bess_assets.assets.partitions import yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.errors import InputError
from bess_assets.second_settlement import words
from bess_assets.second_settlement.compare import compare_reports, has_reports
from bess_assets.text import markdown_table, markdown_text

MATCHES_CSV = "matches_csv"
CHECKED_TABLE = "leaderboard_monthly"

_SPEC = yearly_check(
    MATCHES_CSV,
    CHECKED_TABLE,
    "Revenue by battery and month is what the second settlement makes of ERCOT's CSV reports. A warning: it fails where a battery's year differs by more "
    "than 0.1 % of its revenue or a report cannot be read; `bess compare-csv YEAR` shows every figure. Without reports nothing is compared.",
)


@dg.multi_asset_check(name=MATCHES_CSV, specs=[_SPEC])
def matches_csv(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> Iterator[dg.AssetCheckResult]:
    """Compare the year of the run's partition."""
    settings, year = warehouse.settings(), int(context.partition_key)
    if not has_reports(settings.reports):
        yield _result(passed=True, description=f"not compared: there are no reports in {settings.reports}")
        return
    try:
        comparison = compare_reports(settings, year)
    except InputError as error:
        yield _result(passed=False, description=str(error))
        return
    parts = [
        words.verdict(comparison),
        *(markdown_text(f"{file}: {problem}") for file, problem in comparison.problems.items()),
    ]
    if comparison.differing:
        parts.append(markdown_table(words.WORST, words.worst(comparison)))
    parts.append(words.reports_read(comparison))
    yield _result(
        passed=comparison.agrees,
        description=words.verdict(comparison),
        batteries_compared=comparison.batteries,
        worst_difference_usd=comparison.worst_usd,
        seconds=comparison.seconds,
        comparison=dg.MetadataValue.md("\n\n".join(parts)),
    )


def _result(*, passed: bool, description: str, **metadata: Any) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=MATCHES_CSV,
        asset_key=CHECKED_TABLE,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


CHECKS = [matches_csv]
