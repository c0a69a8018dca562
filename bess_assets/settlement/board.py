"""The leaderboard: what each battery earned in a year or a month, per unit of size, how much of it is known, and who ranks.

Belongs here: adding the days of each battery up to years and months.
Does not: what a row is made of the sums (metrics.py), prices and quantities (they end in daily_revenue), how a board is shown (the CLI and the page).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.ercot.calendar import day_number, day_of_number
from bess_assets.ercot.step import Columns, Inputs, StepResult
from bess_assets.settlement import metrics
from bess_assets.settlement.metrics import (
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
IntArray = npt.NDArray[np.int64]

_SINGLE = ("energy_usd", "total_usd", "tb2_usd_per_mw", "award_positive")
FIRST_ACTIVE_HOURS = 0.1
"""A day with this many hours of discharge at capacity counts as active without an award."""


@dataclass(frozen=True)
class _Days:
    """Days of daily_revenue in a row, as arrays; sums stand side by side, so that a month takes one sum of each kind and not one for each column.

    Attributes:
        numbers: days since 1970.
        points: settlement points as codes; -1 is unknown.
        money: `MONEY` by day; shape (columns, days).
        counts: `COUNTS` by day; shape (columns, days).
        energy_usd: energy of each day.
        total_usd: total of each day.
        tb2_usd_per_mw: TB2 of each day.
        award_positive: whether the battery was awarded anything.
    """

    numbers: IntArray
    points: IntArray
    money: FloatArray
    counts: IntArray
    energy_usd: FloatArray
    total_usd: FloatArray
    tb2_usd_per_mw: FloatArray
    award_positive: npt.NDArray[np.bool_]

    def part(self, here: slice) -> "_Days":
        """Some of the days."""
        return _Days(*(getattr(self, field.name)[..., here] for field in fields(self)))

    def column(self, name: str) -> FloatArray:
        """One of `MONEY`."""
        values: FloatArray = self.money[MONEY.index(name)]
        return values


@dataclass(frozen=True)
class _BatteryDays:
    """Days of one battery, and what holds for its whole year.

    Attributes:
        registry: its row of bess_registry.
        days: those in which it is expected, ascending, none missing between two.
        first_active: first active day of the year, as a number; None if it never was.
    """

    registry: Mapping[str, Any]
    days: _Days
    first_active: int | None

    def within(self, period: Period) -> "_BatteryDays | None":
        """The days of a month; None where the battery is not expected on any. The first active day stays the year's."""
        ends = [day_number(period.first), day_number(period.last) + 1]
        first, end = np.searchsorted(self.days.numbers, ends)
        return replace(self, days=self.days.part(slice(first, end))) if first < end else None

    @property
    def active_days(self) -> int:
        """How many of the days are left from the first active one on."""
        if self.first_active is None:
            return 0
        return len(self.days.numbers) - int(np.searchsorted(self.days.numbers, self.first_active))


def _first_active(days: _Days, capacity: float | None) -> int | None:
    active = days.award_positive
    if capacity:
        with np.errstate(invalid="ignore"):
            active = active | (days.column("discharge_mwh") >= FIRST_ACTIVE_HOURS * capacity)
    where = np.flatnonzero(active)
    return int(days.numbers[where[0]]) if len(where) else None


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
    batteries, points = _read(inputs)
    rows = [row for period in periods for row in board(batteries, points, period)]
    if rows:
        yield {name: [row[name] for row in rows] for name in rows[0]}


def _read(inputs: Inputs) -> tuple[list[_BatteryDays], list[str]]:
    """Days of every battery, and the settlement points that their codes stand for."""
    table = inputs.tables["daily_revenue"].read(
        ["battery", "operating_day", "settlement_point", *MONEY, *COUNTS, *_SINGLE]
    )
    registry = {row["battery"]: row for row in inputs.tables["bess_registry"].read().to_pylist()}
    batteries, points = (_coded(table[name]) for name in ("battery", "settlement_point"))
    every = _Days(
        table["operating_day"].cast(pa.int32()).to_numpy().astype(np.int64),
        points[0],
        np.stack([table[name].to_numpy() for name in MONEY]),
        np.stack([table[name].to_numpy() for name in COUNTS]),
        **{name: table[name].to_numpy() for name in _SINGLE},
    )
    codes, names = batteries
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    found = []
    for start, end in zip(starts, [*starts[1:], len(codes)], strict=True):
        row, days = registry[names[codes[start]]], every.part(slice(start, end))
        found.append(_BatteryDays(row, days, _first_active(days, row["capacity_mw"])))
    return found, points[1]


def _coded(column: pa.ChunkedArray) -> tuple[IntArray, list[str]]:
    """Texts as codes, -1 where null, and what they stand for."""
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.indices.fill_null(-1).to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def board(batteries: Sequence[_BatteryDays], points: Sequence[str], period: Period) -> list[dict[str, Any]]:
    """Rows of one period in the order of the board, ranked rows first."""
    parts = (days if period.month is None else days.within(period) for days in batteries)
    rows = metrics.board([_sums(part, points, period) for part in parts if part is not None], period)
    for row in rows:
        if period.month is not None:
            row["month"] = period.month
    return rows


def _sums(part: _BatteryDays, points: Sequence[str], period: Period) -> BatterySums:
    tb2, tb2_energy = _tb2(part)
    daily = part.days.total_usd
    known = daily[~np.isnan(daily)]
    last_point = int(part.days.points[-1])
    point = (
        part.registry["settlement_point"] if period.month is None else points[last_point] if last_point >= 0 else None
    )
    return BatterySums(
        registry=part.registry,
        settlement_point=point,
        first_active=None if part.first_active is None else day_of_number(part.first_active),
        active_days=part.active_days,
        sums=dict(zip(MONEY, _sums_of_known(part.days.money), strict=True)),
        counts=dict(zip(COUNTS, part.days.counts.sum(axis=-1).tolist(), strict=True)),
        tb2_usd_per_mw=tb2,
        tb2_energy_usd=tb2_energy,
        best_day_usd=float(known.max()) if len(known) else None,
    )


def _tb2(part: _BatteryDays) -> tuple[float | None, float | None]:
    """Sum of TB2 over active days with a known TB2 and well-covered energy, $/MW, and energy_usd of the same days."""
    if part.first_active is None:
        return None, None
    days = part.days
    known, expected = (days.counts[COUNTS.index(f"{name}_quarter_hours")] for name in ("energy", "expected"))
    counted = (known >= LEAST_COVERAGE * expected) & ~np.isnan(days.tb2_usd_per_mw)
    counted[: len(days.numbers) - part.active_days] = False
    if not counted.any():
        return None, None
    tb2, energy = _sums_of_known(np.stack([days.tb2_usd_per_mw, days.energy_usd])[:, counted])
    return tb2, energy
