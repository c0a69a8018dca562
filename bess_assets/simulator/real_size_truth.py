"""The right answer for a market of real size: the rules of truth.py on whole arrays, a battery at a time.

Telemetry is summed as whole numbers (thousandths of MW times seconds), so that energy is exact. It shares nothing with the settlement code of this package;
with truth.py it shares what a day comes to and how days become a row of the board.

Belongs here: from published arrays to what each day of a battery came to.
Does not: sums over days, ranks and the board's columns (truth.py), which rows were published (real_size.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import QUARTER_SECONDS, Floats, Ints
from bess_assets.simulator.fleet import PRODUCTS, Battery
from bess_assets.simulator.market_model import ECRS_START
from bess_assets.simulator.real_size import BLANK, RealSizeYear, Telemetry
from bess_assets.simulator.truth import (
    CAPACITY_RANK,
    HOLD_SECONDS,
    LEAST_COVERAGE,
    Account,
    Book,
    Record,
    Sum,
    Tally,
    boards,
)


@dataclass(frozen=True)
class _Held:
    """What a quantity of one battery came to, by quarter-hour, NaN where less than half of it was observed.

    Attributes:
        positive: mean of its positive part.
        negative: mean of its negative part, as a positive number.
    """

    positive: Floats
    negative: Floats


class _Clock:
    """How long the value of each run holds: to the next run, at most 900 s, within the year (3.3)."""

    def __init__(self, market: RealSizeYear) -> None:
        self._starts = market.runs
        until = np.r_[market.runs[1:], market.calendar.end]
        self._seconds: Ints = np.minimum(until, market.runs + HOLD_SECONDS) - market.runs
        self._edges = np.r_[market.quarters, market.end]
        self._run: Ints = np.asarray(np.searchsorted(self._starts, self._edges, side="right")) - 1

    def held(self, values: npt.NDArray[np.integer], known: npt.NDArray[np.bool_], parts: int) -> _Held:
        """Means of one battery's values, whole numbers of so many parts of a unit, over the observed seconds."""
        whole = np.where(known, values, 0).astype(np.int64)
        observed = self._between(known.astype(np.int64))
        enough = observed >= LEAST_COVERAGE * QUARTER_SECONDS

        def mean(of: Ints) -> Floats:
            found = np.full(len(observed), np.nan)
            np.divide(self._between(of) / parts, observed, out=found, where=enough)
            return found

        return _Held(mean(np.maximum(whole, 0)), mean(np.maximum(-whole, 0)))

    def _between(self, values: Ints) -> Ints:
        """Sum of value x second from each edge of a quarter-hour to the next."""
        before = np.r_[0, np.cumsum(values * self._seconds)]
        run = np.maximum(self._run, 0)
        inside = np.minimum(self._edges - self._starts[run], self._seconds[run])
        up_to = np.where(self._run < 0, 0, before[run] + values[run] * inside)
        found: Ints = np.diff(up_to)
        return found


def reckon_real_size(market: RealSizeYear, *, later_rows: bool) -> tuple[list[Record], list[Record]]:
    """The leaderboard of a year of real size and of its months.

    Args:
        market: the year, after its real-time prices have been written.
        later_rows: the files read for the year also hold days of the next one.

    Returns:
        Rows of the yearly and of the monthly leaderboard, in order.
    """
    year = market.calendar
    book = Book(year.year, {}, day_starts=year.day_starts.tolist(), data_days=(0, market.days - 1))
    horizon = len(year.days) - 1 if later_rows else market.days - 1
    settling = _Settling(market, horizon)
    return boards(
        book, [settling.account(n, b) for n, b in enumerate(market.batteries)], horizon, later_rows=later_rows
    )


class _Settling:
    """What all batteries of a year have in common."""

    def __init__(self, market: RealSizeYear, horizon: int) -> None:
        self._market = market
        self._horizon = horizon
        self._clock = _Clock(market)
        self._hour_day = market.hour_day
        self._quarter_day = np.repeat(market.hour_day, 4)
        self._hours_of_day = np.bincount(self._hour_day, minlength=market.days)
        self._as_price = {product: market.as_price(product) for product in PRODUCTS}
        self._rt_as_price = {product: market.rt_as_price(product) for product in PRODUCTS}
        self._exists = {p: market.hours >= (ECRS_START if p == "ecrs" else market.calendar.start) for p in PRODUCTS}
        self._tb2 = self._spreads()

    def _spreads(self) -> Floats:
        """TB2 of each day and battery node, NaN if a price of the day is missing."""
        market = self._market
        found = np.full((market.days, len(market.nodes)), np.nan)
        for day in range(market.days):
            ordered = np.sort(market.da_price[self._hour_day == day, : len(market.nodes)], axis=0)
            # an unknown price is sorted to the end, and makes the sum unknown
            found[day] = ordered[-1] + ordered[-2] - ordered[0] - ordered[1]
        return found

    def account(self, n: int, battery: Battery) -> Account:
        """Settle one battery."""
        market = self._market
        seen = np.flatnonzero(np.bincount(self._hour_day[market.exists[:, n]], minlength=market.days))
        first = int(seen[0])
        # days after the data are none of this market, so its last day stands for the horizon
        last = self._horizon if seen[-1] == market.days - 1 else int(seen[-1])
        node = market.node_column[:, n]
        energy, quantities = self._energy(n, node, battery)
        ancillary, hours_known = self._ancillary(n)
        days: dict[int, Tally] = {}
        for day in range(first, last + 1):
            tally = Tally(
                quarters=4 * int(self._hours_of_day[day]),
                hours=int(self._hours_of_day[day]),
                hours_known=int(hours_known[day]),
                combo=not market.single_model,
                exists={p for p in PRODUCTS if self._exists[p][self._hour_day == day].any()},
            )
            tally.energy.update({name: _sum(sums, day) for name, sums in energy.items()})
            tally.da.update({p: _sum(ancillary[p, "da"], day) for p in PRODUCTS})
            tally.rt.update({p: _sum(ancillary[p, "rt"], day) for p in PRODUCTS})
            days[day] = tally
        names = list(market.nodes)
        starts = np.searchsorted(self._hour_day, np.arange(market.days))
        return Account(
            battery=battery,
            first=first,
            last=last,
            days=days,
            nodes={int(hour): names[code] for hour, code in zip(market.hours.tolist(), node.tolist(), strict=True)},
            awarded=set(np.unique(self._hour_day[quantities]).tolist()),
            capacity_mw=_ranked(market.limit_tenths[:, n] / 10.0),
            energy_mwh=self._energy_mwh(n, battery),
            names=("", "", market.name(battery))
            if market.single_model
            else (market.name(battery), battery.load or "", ""),
            # before RTC+B no file of this layout says who represents whom
            qse=battery.qse if market.single_model else "",
            tb2={
                day: float(self._tb2[day, node[starts[day]]])
                for day in range(first, last + 1)
                if not np.isnan(self._tb2[day, node[starts[day]]])
            },
        )

    def _energy_mwh(self, n: int, battery: Battery) -> float | None:
        market = self._market
        told = market.running[:, n] if market.single_model else market.planned_energy_hours[:, n]
        return battery.energy_mwh if told.any() else None

    def _flow(self, telemetry: Telemetry, n: int) -> _Held:
        """Energy from telemetry, or from base points where that is unknown."""
        values, base = telemetry.thousandths[:, n], telemetry.base_tenths[:, n]
        measured = self._clock.held(values, values > BLANK, 1000)
        planned = self._clock.held(base, values >= BLANK, 10)
        unknown = np.isnan(measured.positive)
        return _Held(
            np.where(unknown, planned.positive, measured.positive),
            np.where(unknown, planned.negative, measured.negative),
        )

    def _energy(
        self, n: int, node: npt.NDArray[np.int32], battery: Battery
    ) -> tuple[dict[str, tuple[Floats, Ints]], npt.NDArray[np.bool_]]:
        """Sums by day of everything that energy comes to (3.1, 3.2); and the hours with a day-ahead award of any kind."""
        market = self._market
        output = self._flow(market.output, n)
        discharge = output.positive / 4.0
        if market.single_model:
            charge = output.negative / 4.0
        elif battery.load is None:
            charge = np.full(len(discharge), np.nan)
        else:
            charge = self._flow(market.consumption, n).positive / 4.0
        rt_price = market.rt_price[np.arange(len(market.quarters)), np.repeat(node, 4)]
        da_price = np.repeat(market.da_price[np.arange(len(market.hours)), node], 4)
        award = np.repeat(market.energy_tenths[:, n] / 10.0, 4)
        da = award / 4.0 * da_price
        metered = (discharge - charge) * rt_price
        rt = metered - award / 4.0 * rt_price
        both = np.where(np.isnan(da) | np.isnan(rt), np.nan, 1.0)
        paired = np.where(np.isnan(discharge) | np.isnan(charge), np.nan, 1.0)
        amounts = {
            "da": da * both,
            "rt": rt * both,
            "energy": (da + rt) * both,
            "unmatched": np.where(np.isnan(rt), da, np.nan),
            "metered": metered,
            "charging_cost": charge * rt_price,
            "discharge": discharge,
            "charge": charge,
            "both_discharge": discharge * paired,
            "both_charge": charge * paired,
        }
        sides = [market.energy_tenths[:, n] > 0]
        sides += [side[p][:, n] > 0 for p in PRODUCTS for side in (market.gen_tenths, market.load_tenths)]
        return {name: self._daily(values, self._quarter_day) for name, values in amounts.items()}, np.any(sides, axis=0)

    def _ancillary(self, n: int) -> tuple[dict[tuple[str, str], tuple[Floats, Ints]], Ints]:
        """Sums by day of each product's two legs, and how many hours of a day are known throughout."""
        market = self._market
        found: dict[tuple[str, str], tuple[Floats, Ints]] = {}
        unknown = np.zeros(len(market.hours), dtype=bool)
        rows = market.output.thousandths[:, n] >= BLANK if market.single_model else None
        for product in PRODUCTS:
            award = market.gen_tenths[product][:, n] / 10.0
            if market.battery_has_load(n):
                award = award + market.load_tenths[product][:, n] / 10.0
            da = award * self._as_price[product]
            rt = np.full(len(da), np.nan)
            if rows is not None:
                # the award of a quarter-hour stands in the rows of its runs, and holds as telemetry does
                awarded = self._clock.held(market.rt_tenths[product][market.run_quarter, n], rows, 10).positive
                legs = (awarded - np.repeat(award, 4)) * self._rt_as_price[product] / 4.0
                rt = legs.reshape(-1, 4).sum(axis=1)
                da = np.where(np.isnan(rt), np.nan, da)
                rt = np.where(np.isnan(da), np.nan, rt)
            there = self._exists[product]
            unknown |= there & np.isnan(da)
            for leg, values in (("da", da), ("rt", rt)):
                found[product, leg] = self._daily(np.where(there, values, np.nan), self._hour_day)
        return found, np.bincount(self._hour_day[~unknown], minlength=market.days)

    def _daily(self, values: Floats, day: Ints) -> tuple[Floats, Ints]:
        known = ~np.isnan(values)
        count: Ints = np.bincount(day[known], minlength=self._market.days).astype(np.int64)
        total: Floats = np.bincount(day[known], weights=values[known], minlength=self._market.days).astype(np.float64)
        return total, count


def _sum(daily: tuple[Floats, Ints], day: int) -> Sum:
    return Sum(float(daily[0][day]), int(daily[1][day]))


def _ranked(values: Floats) -> float | None:
    """The 24th largest value > 0, the largest if there are fewer, None if there is none (section 11)."""
    ordered = np.sort(values[values > 0.0])[::-1]
    if not len(ordered):
        return None
    return float(ordered[CAPACITY_RANK - 1] if len(ordered) >= CAPACITY_RANK else ordered[0])
