"""The leaderboard: what each battery earned in a year or a month, per unit of size, how much of it is known, and who ranks.

Belongs here: adding the days of each battery up to years and months.
Does not: what a row is made of the sums (metrics.py), prices and quantities (they end in daily_revenue), how a board is shown (the CLI and the page).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from bess_assets.market import metrics
from bess_assets.market.metrics import (
    COUNTS,
    LEAST_COVERAGE,
    MONEY,
    BatterySums,
    Period,
    cycles_per_day,
    fleet_usd_per_kw,
    round_trip_efficiency,
    usd_per_kw,
)
from bess_assets.market.step import Columns, Inputs, StepResult

__all__ = [
    "Period",
    "board",
    "cycles_per_day",
    "fleet_usd_per_kw",
    "leaderboard",
    "leaderboard_monthly",
    "round_trip_efficiency",
    "usd_per_kw",
]

FloatArray = npt.NDArray[np.float64]

FIRST_ACTIVE_HOURS = 0.1
"""A day with this many hours of discharge at capacity counts as active without an award."""


class _BatteryDays:
    """Days of one battery as arrays, and what holds for the whole year."""

    def __init__(self, registry: Mapping[str, Any], columns: Mapping[str, Any], part: slice) -> None:
        self.registry = registry
        self.columns = {name: values[part] for name, values in columns.items()}
        self.days: list[date] = self.columns["operating_day"]
        # side by side, so that a month takes one sum of each kind and not one for each column
        self.money = np.stack([self.columns[name] for name in MONEY])
        self.counts = np.stack([self.columns[name] for name in COUNTS])
        self.first_active = self._first_active()

    def _first_active(self) -> date | None:
        capacity = self.registry["capacity_mw"]
        active = np.asarray(self.columns["award_positive"], dtype=bool)
        if capacity:
            with np.errstate(invalid="ignore"):
                active = active | (self.columns["discharge_mwh"] >= FIRST_ACTIVE_HOURS * capacity)
        where = np.flatnonzero(active)
        return self.days[where[0]] if len(where) else None

    def within(self, period: Period) -> "_BatteryDays | None":
        """The days of a month; None where the battery is not expected on any. The first active day stays the year's."""
        # days ascend, and none is missing between two
        here = slice(bisect_left(self.days, period.first), bisect_right(self.days, period.last))
        if here.start == here.stop:
            return None
        part = object.__new__(_BatteryDays)
        part.registry, part.first_active = self.registry, self.first_active
        part.columns = {name: values[here] for name, values in self.columns.items()}
        part.days = part.columns["operating_day"]
        part.money, part.counts = self.money[:, here], self.counts[:, here]
        return part

    @property
    def active_days(self) -> int:
        """How many days are left from the first active one on."""
        return len(self.days) - bisect_left(self.days, self.first_active) if self.first_active else 0


def _sums_of_known(values: FloatArray) -> list[float | None]:
    """Sums over the last axis of what is known; None where nothing is."""
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1)
    return [float(total) if count else None for total, count in zip(sums, counts, strict=True)]


def leaderboard(inputs: Inputs) -> StepResult:
    """Every battery seen in the year, ranked."""
    return StepResult(_boards(inputs, [Period(inputs.year.year, None)]))


def leaderboard_monthly(inputs: Inputs) -> StepResult:
    """Every battery expected in each month of the year, ranked by month."""
    return StepResult(_boards(inputs, [Period(inputs.year.year, month) for month in range(1, 13)]))


def _boards(inputs: Inputs, periods: Sequence[Period]) -> Iterator[Columns]:
    batteries = _read(inputs)
    rows = [row for period in periods for row in board(batteries, period)]
    if rows:
        yield {name: [row[name] for row in rows] for name in rows[0]}


def _read(inputs: Inputs) -> list[_BatteryDays]:
    table = inputs.tables["daily_revenue"].read()
    registry = {row["battery"]: row for row in inputs.tables["bess_registry"].read().to_pylist()}
    columns: dict[str, Any] = {
        name: table[name].to_pylist()
        if name in {"battery", "operating_day", "settlement_point"}
        else table[name].to_numpy()
        for name in table.column_names
    }
    batteries = columns["battery"]
    starts = [n for n, battery in enumerate(batteries) if n == 0 or batteries[n - 1] != battery]
    return [
        _BatteryDays(registry[batteries[start]], columns, slice(start, end))
        for start, end in zip(starts, [*starts[1:], len(batteries)], strict=True)
    ]


def board(batteries: Sequence[_BatteryDays], period: Period) -> list[dict[str, Any]]:
    """Rows of one period in the order of the board, ranked rows first."""
    parts = (days if period.month is None else days.within(period) for days in batteries)
    rows = metrics.board([_sums(part, period) for part in parts if part is not None], period)
    for row in rows:
        if period.month is not None:
            row["month"] = period.month
    return rows


def _sums(part: _BatteryDays, period: Period) -> BatterySums:
    tb2, tb2_energy = _tb2(part)
    daily = part.columns["total_usd"]
    known = daily[~np.isnan(daily)]
    return BatterySums(
        registry=part.registry,
        settlement_point=part.registry["settlement_point"]
        if period.month is None
        else part.columns["settlement_point"][-1],
        first_active=part.first_active,
        active_days=part.active_days,
        sums=dict(zip(MONEY, _sums_of_known(part.money), strict=True)),
        counts=dict(zip(COUNTS, part.counts.sum(axis=-1).tolist(), strict=True)),
        tb2_usd_per_mw=tb2,
        tb2_energy_usd=tb2_energy,
        best_day_usd=float(known.max()) if len(known) else None,
    )


def _tb2(part: _BatteryDays) -> tuple[float | None, float | None]:
    """Sum of TB2 over active days with a known TB2 and well-covered energy, $/MW, and energy_usd of the same days."""
    if part.first_active is None:
        return None, None
    columns = part.columns
    tb2 = columns["tb2_usd_per_mw"]
    covered = columns["energy_quarter_hours"] >= LEAST_COVERAGE * columns["expected_quarter_hours"]
    days = covered & ~np.isnan(tb2)
    days[: len(part.days) - part.active_days] = False
    if not days.any():
        return None, None
    tb2_sum, energy_sum = _sums_of_known(np.stack([tb2[days], columns["energy_usd"][days]]))
    return tb2_sum, energy_sum
