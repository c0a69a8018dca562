"""Percent of perfect: the most that each battery could have earned at the prices of its node, beside what it earned, day by day and month by month.

*Perfect* knows all prices beforehand and trades with the battery's own MW and MWh of the year and its own efficiency (perfect_trade.py). A *basis* says which
prices: day-ahead, real-time, or both as they are settled. Both figures of a basis are of the same days: each is null where the other is.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, MONTH_LONG, PERFECT, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, in_columns, step
from bess_assets.settlement.ancillary import by_product
from bess_assets.settlement.daily import expected_days
from bess_assets.settlement.days import Days, by_day, day_groups
from bess_assets.settlement.energy import da_energy_usd
from bess_assets.settlement.grid import each_battery
from bess_assets.settlement.perfect_reserves import corners, worth_usd
from bess_assets.settlement.perfect_trade import Walk, day_walk, earned, joined, most_earned, most_earned_at_corners
from bess_assets.settlement.prices import PriceGrid, clearing_prices, ranked

EFFICIENCY_IF_UNKNOWN = 0.85
LEAST_EFFICIENCY, MOST_EFFICIENCY = 0.5, 1.0
"""A measured efficiency outside of these says that flows are missing: the default is used."""
CYCLES_A_DAY: float | None = None
"""So many times its MWh a perfect battery may discharge in a day; None is no limit. The month-long trade has none."""
_LEDGER = {"da": "da_usd", "rt": "rt_metered_usd", "energy": "energy_usd"}
"""Column of energy_revenue that a basis of energy sums."""


class _Size(NamedTuple):
    """A battery as a perfect trade sees it; NaN where unknown."""

    mw: float
    mwh: float
    efficiency: float
    efficiency_source: str

    def at(self, steps_per_hour: int, days: int) -> tuple[FloatArray, FloatArray]:
        """MWh in MW-steps, and the efficiency, for so many days; shapes (days, 1)."""
        return np.full((days, 1), self.mwh / self.mw * steps_per_hour), np.full((days, 1), self.efficiency)


def _sizes(inputs: Inputs) -> list[_Size]:
    """The batteries of the registry, in its order, with the efficiency of the year's leaderboard."""
    board = inputs.tables["leaderboard"].read(["battery", "round_trip_efficiency"]).to_pydict()
    measured = dict(zip(board["battery"], board["round_trip_efficiency"], strict=True))
    registry = inputs.tables["bess_registry"].read(["battery", "capacity_mw", "energy_mwh"])
    found = []
    for battery, mw, mwh in zip(*registry.to_pydict().values(), strict=True):
        own = measured.get(battery)
        used = own is not None and LEAST_EFFICIENCY <= own <= MOST_EFFICIENCY
        efficiency = (own, "measured") if used else (EFFICIENCY_IF_UNKNOWN, "default")
        found.append(_Size(mw or np.nan, mwh or np.nan, *efficiency))
    return found


def _perfect(year: OperatingYear, prices: FloatArray, size: _Size, wanted: BoolArray) -> FloatArray:
    """What perfect trading at these prices earns on each wanted day, $; NaN on others, and where the size is unknown."""
    per_hour, found = len(prices) // year.hours, np.full(year.days, np.nan)
    for days in day_groups(year, wanted & ~np.isnan(size.mw * size.mwh)):
        optimum = most_earned(by_day(year, prices, days), *size.at(per_hour, len(days)), CYCLES_A_DAY)
        found[days] = optimum * size.mw / per_hour
    return found


def award_gain_usd(year: OperatingYear, mw: float, da_price: FloatArray, rt_price: FloatArray) -> FloatArray:
    """What perfect day-ahead awards add to each quarter-hour, $: its power sold where day-ahead pays more than real time, and bought where it pays less.

    Before the day-ahead ESR file awards hold no purchases. Awards are settled against real time whether they are delivered or not, so that what is stored
    does not bind them.
    """
    spread = da_energy_usd(np.full(len(da_price), mw), da_price - rt_price)
    by_hour = np.repeat(spread.reshape(-1, QUARTER_HOURS_PER_HOUR).sum(axis=1), QUARTER_HOURS_PER_HOUR)
    least = np.where(year.first_day + year.quarter_hour_day >= day_number(DAM_ESR_FIRST_DAY), -1.0, 0.0)
    return np.asarray(np.maximum(by_hour, least * by_hour) / QUARTER_HOURS_PER_HOUR)


def _with_reserves(
    year: OperatingYear,
    own: tuple[FloatArray, FloatArray],
    mcpc: tuple[FloatArray, FloatArray],
    size: _Size,
    wanted: BoolArray,
) -> FloatArray:
    """The most that energy and ancillary services together earn on each wanted day in a simplified market (perfect_reserves.py), $; NaN on others.

    Args:
        year: the year.
        own: real-time prices, and day-ahead prices less real-time ones, by quarter-hour.
        mcpc: the same of services, $/MW per hour; shapes (products, quarter-hours).
        size: the battery.
        wanted: days.
    """
    found, hours = np.full(year.days, np.nan), size.mwh / size.mw
    if np.isnan(hours) or not wanted.any():
        return found
    real_time, ahead = (worth_usd(price, of_services, hours) for price, of_services in zip(own, mcpc, strict=True))
    at, per_hour = corners(hours), QUARTER_HOURS_PER_HOUR
    by_hour = ahead.reshape(-1, per_hour, len(at)).mean(axis=1).max(axis=1)
    for days in day_groups(year, wanted):
        optimum = most_earned_at_corners(by_day(year, real_time, days), at, hours * per_hour, size.efficiency)
        found[days] = size.mw * (optimum / per_hour + by_day(year, by_hour, days).sum(axis=1))
    return found


class _DailyTable:
    """Columns of a table of batteries and expected days, as a year of each battery."""

    def __init__(self, inputs: Inputs, table: str, columns: Sequence[str]) -> None:
        self._year = inputs.year
        self._columns = {c: inputs.tables[table].read([c])[c].to_numpy() for c in columns}
        registry = inputs.tables["bess_registry"].read(["expected_first_day", "expected_last_day"]).to_pylist()
        ends = [(day_number(row["expected_first_day"]), day_number(row["expected_last_day"]) + 1) for row in registry]
        self._ends = [(first - self._year.first_day, end - self._year.first_day) for first, end in ends]
        self._firsts = [0, *accumulate(end - first for first, end in ends)]

    def of(self, n: int) -> dict[str, FloatArray]:
        """The columns of the n-th battery; NaN on days on which it is not expected."""
        rows, days = slice(*self._firsts[n : n + 2]), slice(*self._ends[n])
        found = {name: np.full(self._year.days, np.nan) for name in self._columns}
        for name, values in self._columns.items():
            found[name][days] = values[rows]
        return found


@step
def perfect_daily(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Each battery and expected day: what perfect trading would have earned on each basis, and what the battery did.

    Raises:
        InputError: a file of clearing prices cannot be read.
    """
    year, days, prices, sizes = inputs.year, Days(inputs.year), PriceGrid.of(inputs), _sizes(inputs)
    awards, ledger, services = (inputs.tables[name] for name in ("bess_awards", "energy_revenue", "as_revenue"))
    earned_daily = _DailyTable(inputs, "daily_revenue", ["total_usd", "as_hours"])
    rt_mcpc = ranked(clearing_prices(inputs, Findings(), "rt_as_prices"))[0]
    purchases = days.numbers >= day_number(DAM_ESR_FIRST_DAY)
    priced = (days.count(~np.isnan(rt_mcpc)) == days.quarter_hours).all(axis=0)

    def of(n: int) -> dict[str, Any]:
        size = sizes[n]
        rt_price, da_price, *_ = prices.of_battery(awards, n)
        usd, whole = ledger.numbers([*_LEDGER.values()], n), {}
        for basis, name in _LEDGER.items():
            whole[basis] = days.count(~np.isnan(usd[name])) == days.quarter_hours
        day = earned_daily.of(n)
        whole["total"] = whole["energy"] & priced & (day["as_hours"] == days.hours) & ~np.isnan(day["total_usd"])
        real_time = _perfect(year, rt_price, size, whole["rt"])
        added = days.total(award_gain_usd(year, size.mw, da_price, rt_price))
        best = {
            "da": _perfect(year, da_price[::QUARTER_HOURS_PER_HOUR], size, whole["da"] & purchases),
            "rt": real_time,
            "energy": np.where(whole["energy"], real_time + added, np.nan),
            "total": np.full(year.days, np.nan),
        }
        if whole["total"].any():
            (mcpc,) = by_product(services, ["mcpc_usd_per_mw"], n).values()
            ahead = np.repeat(mcpc, QUARTER_HOURS_PER_HOUR, axis=1) - rt_mcpc
            own = rt_price, da_price - rt_price
            best["total"] = _with_reserves(year, own, (rt_mcpc, ahead), size, whole["total"])
        actual = {basis: days.total(usd[name]) for basis, name in _LEDGER.items()} | {"total": day["total_usd"]}
        columns: dict[str, Any] = {
            "efficiency": np.full(year.days, size.efficiency),
            "efficiency_source": [size.efficiency_source] * year.days,
        }
        for basis, names in PERFECT.items():
            known = ~np.isnan(best[basis])
            columns |= dict(zip(names, (np.where(known, actual[basis], np.nan), best[basis]), strict=True))
        return columns

    yield from expected_days(inputs, days, of)


@step
def perfect_monthly(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Each battery and month: its days summed, and what one trade through all of them, state of charge carried over, would have earned."""
    year, days, prices, sizes = inputs.year, Days(inputs.year), PriceGrid.of(inputs), _sizes(inputs)
    awards = inputs.tables["bess_awards"]
    table = _DailyTable(inputs, "perfect_daily", [name for pair in PERFECT.values() for name in pair])
    months = days.months

    def of(n: int, battery: str, expected: slice) -> list[dict[str, Any]]:
        size, own = sizes[n], table.of(n)
        rt_price, da_price, *_ = prices.of_battery(awards, n)
        added = days.total(award_gain_usd(year, size.mw, da_price, rt_price))
        walks = _walks(year, rt_price, size, ~np.isnan(own["rt_perfect_usd"]))
        rows = []
        for month in np.unique(months[expected]).tolist():
            of_month = months == month
            row: dict[str, Any] = {"battery": battery, "month": month, "expected_days": int(of_month[expected].sum())}
            for basis, names in PERFECT.items():
                known = of_month & ~np.isnan(own[names[1]])
                row[f"{basis}_days"] = int(known.sum())
                row |= {name: float(own[name][known].sum()) if known.any() else None for name in names}
                if basis in MONTH_LONG:
                    trade = _through([walks[day] for day in np.flatnonzero(known).tolist()], size)
                    awarded = float(added[known].sum()) if basis == "energy" else 0.0
                    row[MONTH_LONG[basis]] = None if trade is None else trade + awarded
            rows.append(row)
        return rows

    yield from in_columns([row for rows in each_battery(inputs, of) for row in rows])


class _Day(NamedTuple):
    """The walk through one day of real-time prices, and the sum and number of these."""

    walk: Walk
    prices: float
    steps: int


def _walks(year: OperatingYear, prices: FloatArray, size: _Size, wanted: BoolArray) -> dict[int, _Day]:
    found = {}
    for days in day_groups(year, wanted):
        rows = by_day(year, prices, days)
        walks = day_walk(rows, *size.at(QUARTER_HOURS_PER_HOUR, len(days)))
        for n, day in enumerate(days.tolist()):
            own = Walk(walks.edges[n : n + 1], walks.gain[:, :, n : n + 1])
            found[day] = _Day(own, float(rows[n].sum()), rows.shape[1])
    return found


def _through(days: Sequence[_Day], size: _Size) -> float | None:
    """What one perfect trade through these days earns, $; what is stored on the eve of a day left out is there after it. None without a day."""
    if not days:
        return None
    optimum = earned(
        joined([day.walk for day in days]),
        np.array([sum(day.prices for day in days)]),
        sum(day.steps for day in days),
    )
    return float(optimum[0]) * size.mw / QUARTER_HOURS_PER_HOUR
