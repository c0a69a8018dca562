"""The leaderboard of a year and of its months: sums and rows are made by metrics.py, of any days alike."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from bess_assets.ercot.step import Columns, Inputs, StepResult, in_columns, step
from bess_assets.settlement.metrics import COUNTS, MONEY, Period, board, sums_of_days
from bess_assets.settlement.sql import answer

_REGISTRY_READ = ["battery", "capacity_mw"]
_DAYS_READ = [
    *("battery", "operating_day", "settlement_point", *MONEY, *COUNTS),
    *("energy_usd", "total_usd", "tb2_usd_per_mw", "award_positive"),
]


@step
def leaderboard(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Every battery seen in the year, ranked."""
    registry = _registry(inputs)
    sums = [{**row, "settlement_point": registry[row["battery"]]["settlement_point"]} for row in _summed(inputs)]
    yield from in_columns(board(sums, registry, Period.of(inputs.year.year)))


@step
def leaderboard_monthly(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Every battery expected in each month of the year, ranked by month."""
    registry, rows = _registry(inputs), []
    for month, sums in groupby(_summed(inputs, "month(operating_day) AS month, "), itemgetter("month")):
        rows += [{"month": month, **row} for row in board(sums, registry, Period.of(inputs.year.year, month))]
    yield from in_columns(rows)


def _registry(inputs: Inputs) -> dict[str, Mapping[str, Any]]:
    return {row["battery"]: row for row in inputs.tables["bess_registry"].read().to_pylist()}


def _summed(inputs: Inputs, by: str = "") -> list[dict[str, Any]]:
    return answer(
        sums_of_days("daily_revenue", f"(SELECT {inputs.year.year} AS year, * FROM of_year)", by),
        of_year=inputs.tables["bess_registry"].read(_REGISTRY_READ),
        daily_revenue=inputs.tables["daily_revenue"].read(_DAYS_READ),
    )
