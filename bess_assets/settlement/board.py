"""The leaderboard of a year and of its months: sums and rows are made by metrics.py, of any days alike."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import duckdb

from bess_assets.ercot.step import Columns, Inputs, StepResult, in_columns, step
from bess_assets.settlement.metrics import COUNTS, MONEY, Period, board, sums_of_days

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
    # One thread, which sums the days in the order of the file: the same inputs give the same bytes.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("of_year", inputs.tables["bess_registry"].read(_REGISTRY_READ))
        connection.register("daily_revenue", inputs.tables["daily_revenue"].read(_DAYS_READ))
        registry = f"(SELECT {inputs.year.year} AS year, * FROM of_year)"
        found = connection.execute(sums_of_days("daily_revenue", registry, by))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
