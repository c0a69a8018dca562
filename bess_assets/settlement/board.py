"""The leaderboard of a year, its months, or any days: the days of each battery summed by one statement, and rows made of the sums by metrics.py.

DuckDB runs the statement, over the tables at hand in a refresh and over the files of the results in a query (results/sums.py). Numpy and pyarrow are loaded
by a refresh alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import duckdb

from bess_assets.settlement.metrics import COUNTS, LEAST_COVERAGE, MONEY, Period, board

if TYPE_CHECKING:
    from bess_assets.ercot.step import Columns, Inputs, StepResult

FIRST_ACTIVE_HOURS = 0.1
"""A day with this many hours of discharge at capacity counts as active without an award."""

_REGISTRY_READ = ["battery", "capacity_mw"]
_DAYS_READ = ["battery", "operating_day", "settlement_point", *MONEY, *COUNTS]
_DAYS_READ += ["energy_usd", "total_usd", "tb2_usd_per_mw", "award_positive"]


def sum_columns(names: Iterable[str]) -> str:
    """Sums of `MONEY` and `COUNTS` of daily_revenue as SQL: money and energy over what is known, null where nothing is."""
    return ", ".join(f"sum({name}){'::BIGINT' if name in COUNTS else ''} AS {name}" for name in names)


def sums_of_days(days: str, registry: str, by: str = "", where: str = "true") -> str:
    """The statement that sums the days of each battery.

    A day is active from the battery's first active day of the years given: the first with an award, or with `FIRST_ACTIVE_HOURS` of discharge at capacity.
    TB2 and the energy beside it count active days with a known TB2 and well-covered energy.

    Args:
        days: relation of whole years of daily_revenue.
        registry: relation of the columns year, battery, capacity_mw.
        by: expression, with its name and a comma, of the period that a row belongs to; empty for one period.
        where: the days that are summed.

    Returns:
        SELECT of the period, battery, first_active_date, `MONEY` and `COUNTS` summed, settlement_point (of the last day), active_days, best_day_usd
        (largest total_usd of a day), tb2_usd_per_mw and tb2_energy_usd (null without a day that counts), ordered by period and battery.
    """
    active = "operating_day >= first_active_date"
    covered = f"energy_quarter_hours >= {LEAST_COVERAGE!r}::DOUBLE * expected_quarter_hours"
    counted = f"{active} AND {covered} AND tb2_usd_per_mw IS NOT NULL"
    return (
        f"WITH firsts AS (SELECT days.battery, min(operating_day) AS first_active_date FROM {days} AS days LEFT JOIN {registry} AS registry "
        "ON registry.battery = days.battery AND registry.year = year(operating_day) "
        f"WHERE award_positive OR discharge_mwh >= {FIRST_ACTIVE_HOURS!r}::DOUBLE * nullif(capacity_mw, 0) GROUP BY days.battery) "
        f"SELECT {by}battery, first_active_date, {sum_columns((*MONEY, *COUNTS))}, arg_max_null(settlement_point, operating_day) AS settlement_point, "
        f"count(*) FILTER ({active}) AS active_days, max(total_usd) AS best_day_usd, "
        f"sum(tb2_usd_per_mw) FILTER ({counted}) AS tb2_usd_per_mw, sum(energy_usd) FILTER ({counted}) AS tb2_energy_usd "
        f"FROM {days} LEFT JOIN firsts USING (battery) WHERE {where} GROUP BY ALL ORDER BY ALL"
    )


def leaderboard(inputs: "Inputs") -> "StepResult":
    """Every battery seen in the year, ranked."""

    def rows() -> Iterator[dict[str, Any]]:
        registry = _registry(inputs)
        sums = [{**row, "settlement_point": registry[row["battery"]]["settlement_point"]} for row in _summed(inputs)]
        yield from board(sums, registry, Period.of(inputs.year.year))

    return _step(rows())


def leaderboard_monthly(inputs: "Inputs") -> "StepResult":
    """Every battery expected in each month of the year, ranked by month."""

    def rows() -> Iterator[dict[str, Any]]:
        registry = _registry(inputs)
        for month, sums in groupby(_summed(inputs, "month(operating_day) AS month, "), itemgetter("month")):
            for row in board(sums, registry, Period.of(inputs.year.year, month)):
                yield {"month": month, **row}

    return _step(rows())


def _registry(inputs: "Inputs") -> dict[str, Mapping[str, Any]]:
    return {row["battery"]: row for row in inputs.tables["bess_registry"].read().to_pylist()}


def _summed(inputs: "Inputs", by: str = "") -> list[dict[str, Any]]:
    # One thread, which sums the days in the order of the file: the same inputs give the same bytes.
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("of_year", inputs.tables["bess_registry"].read(_REGISTRY_READ))
        connection.register("daily_revenue", inputs.tables["daily_revenue"].read(_DAYS_READ))
        registry = f"(SELECT {inputs.year.year} AS year, * FROM of_year)"
        found = connection.execute(sums_of_days("daily_revenue", registry, by))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _step(rows: Iterator[dict[str, Any]]) -> "StepResult":
    from bess_assets.ercot.step import StepResult  # noqa: PLC0415  loads numpy and pyarrow, which queries do without

    def chunks() -> "Iterator[Columns]":
        listed = list(rows)
        if listed:
            yield {name: [row[name] for row in listed] for name in listed[0]}

    return StepResult(chunks())
