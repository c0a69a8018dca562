"""What happened in the made-up market: prices, SCED runs, what each battery did and was awarded.

Belongs here: the physical and commercial facts of one year, complete and without flaw.
Does not: what of it was published, and how (publish.py); what it was worth by the rules (truth.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from zlib import crc32

import numpy as np

from bess_assets.simulator.calendar import (
    HOUR_SECONDS,
    QUARTER_SECONDS,
    Bools,
    Floats,
    Ints,
    Year,
    midnight,
    operating_year,
)
from bess_assets.simulator.fleet import (
    COP_SOC_FIRST_DAY,
    DAM_ESR_FIRST_DAY,
    ECRS_FIRST_DAY,
    PRODUCTS,
    RTC_FIRST_DAY,
    Battery,
    Fleet,
)

RTC_START = midnight(RTC_FIRST_DAY)
DAM_ESR_START = midnight(DAM_ESR_FIRST_DAY)
ECRS_START = midnight(ECRS_FIRST_DAY)
COP_SOC_START = midnight(COP_SOC_FIRST_DAY)

_DAY_SHAPE = (
    0.8,
    0.75,
    0.7,
    0.7,
    0.75,
    0.9,
    1.2,
    1.3,
    1.0,
    0.75,
    0.6,
    0.55,
    0.55,
    0.6,
    0.7,
    0.85,
    1.1,
    1.5,
    2.0,
    2.3,
    1.9,
    1.4,
    1.1,
    0.9,
)
_MONTH_LEVEL = (30.0, 28.0, 24.0, 24.0, 32.0, 34.0, 36.0, 46.0, 33.0, 27.0, 25.0, 29.0)
_ANCILLARY_LEVEL = {"regup": 6.0, "regdn": 4.0, "rrs": 5.0, "ecrs": 5.5, "nspin": 3.0}
_PRICE_FLOOR = -251.0


def rounded(values: Floats, decimals: int) -> Floats:
    """Values as published with so many decimals."""
    found: Floats = np.round(values, decimals)
    return found


def price_cap(year: int) -> float:
    """System-wide offer cap of a year, $/MWh."""
    return 9000.0 if year <= 2021 else 5000.0


@dataclass(frozen=True)
class Operation:
    """What one battery did in a year.

    Attributes:
        exists: it has rows in that hour.
        running: it is available in that hour.
        node: 0 for its first settlement point and 1 for its later one, by hour.
        high_limit_mw: HSL by hour.
        power_mw: output, negative when charging, by quarter-hour.
        soc_mwh: energy held at the end of the quarter-hour.
        energy_award_mw: day-ahead energy award, NaN where blank, by hour.
        gen_awards_mw: day-ahead ancillary awards of the generation side, NaN where blank, by product and hour.
        load_awards_mw: the same of the load side.
        rt_awards_mw: real-time ancillary awards by product and quarter-hour, NaN where blank.
    """

    exists: Bools
    running: Bools
    node: Ints
    high_limit_mw: Floats
    power_mw: Floats
    soc_mwh: Floats
    energy_award_mw: Floats
    gen_awards_mw: dict[str, Floats]
    load_awards_mw: dict[str, Floats]
    rt_awards_mw: dict[str, Floats]


class MarketYear:
    """One year of the market.

    Args:
        fleet: who takes part.
        year: the operating year.
        seed: any whole number.
    """

    def __init__(self, fleet: Fleet, year: int, seed: int) -> None:
        """Keep the arguments; everything is worked out when first asked for."""
        self.fleet = fleet
        self.year: Year = operating_year(year)
        self.seed = seed

    def chance(self, *what: str) -> np.random.Generator:
        """A stream of chance of its own for each purpose, so that no part of the market shifts another."""
        return np.random.default_rng([self.seed, self.year.year, crc32("/".join(what).encode())])

    @cached_property
    def system_price(self) -> tuple[Floats, Floats]:
        """System-wide energy price: real time by quarter-hour and day ahead by hour, $/MWh."""
        rng = self.chance("system price")
        year = self.year
        hours, quarters = year.hours, year.quarters
        wall_hour = (year.wall(hours) // HOUR_SECONDS) % 24
        days = year.day_number(hours)
        month_level = np.array([_MONTH_LEVEL[day.month - 1] for day in year.days])
        day_factor = np.exp(rng.normal(0.0, 0.25, len(year.days)))
        shape = np.array(_DAY_SHAPE)[wall_hour]
        expected = (month_level * day_factor)[days] * shape
        # Wind at night and sun at noon push some days below zero.
        windy = rng.random(len(year.days)) < 0.12
        low = windy[days] & ((wall_hour <= 5) | ((wall_hour >= 10) & (wall_hour <= 14)))
        expected = np.where(low, -3.0 - 12.0 * rng.random(len(hours)), expected)
        # Scarcity on some evenings, foreseen in part.
        scarce = rng.random(len(year.days)) < 0.035
        size = rng.exponential(350.0, len(year.days)) + 120.0
        evening = scarce[days] & (wall_hour >= 18) & (wall_hour <= 20)
        day_ahead = expected * np.exp(rng.normal(0.0, 0.06, len(hours))) + np.where(evening, 0.5 * size[days], 0.0)
        drift = np.zeros(len(quarters))
        noise = rng.normal(0.0, 0.16, len(quarters)).tolist()
        level = 0.0
        for position, step in enumerate(noise):
            level = 0.8 * level + step
            drift[position] = level
        real = np.repeat(expected, 4) * np.exp(drift) + np.where(
            np.repeat(evening, 4), np.repeat(size[days], 4) * rng.random(len(quarters)) * 1.6, 0.0
        )
        cap = price_cap(year.year)
        summer = [position for position, day in enumerate(year.days) if day.month in (8, 9)]
        for day in rng.choice(summer, 2, replace=False):
            first = int((year.day_starts[day] - year.start) // QUARTER_SECONDS) + 4 * 19
            real[first : first + 3] = cap
        floor_day = int(rng.integers(60, 90))
        first = int((year.day_starts[floor_day] - year.start) // QUARTER_SECONDS) + 4 * 3
        real[first : first + 2] = _PRICE_FLOOR
        return np.clip(real, _PRICE_FLOOR, cap), np.clip(day_ahead, _PRICE_FLOOR, cap)

    @cached_property
    def _prices(self) -> dict[tuple[str, str], tuple[Floats, Floats]]:
        """Real-time and day-ahead prices by point name and type."""
        real, ahead = self.system_price
        made: dict[tuple[str, str], tuple[Floats, Floats]] = {}
        for point in self.fleet.points:
            rng = self.chance("basis", point.name, point.kind)
            scale = 1.0 + rng.normal(0.0, 0.04)
            tilt = rng.normal(0.0, 1.5)
            node_real = real * scale + tilt + rng.normal(0.0, 1.2, len(real))
            node_ahead = ahead * scale + tilt + rng.normal(0.0, 0.6, len(ahead))
            cap = price_cap(self.year.year)
            made[point.name, point.kind] = (
                rounded(np.clip(node_real, _PRICE_FLOOR, cap), 2),
                rounded(np.clip(node_ahead, _PRICE_FLOOR, cap), 2),
            )
        return made

    def rt_price(self, name: str, kind: str) -> Floats:
        """Real-time settlement point price by quarter-hour, $/MWh."""
        return self._prices[name, kind][0]

    def da_price(self, name: str, kind: str = "") -> Floats:
        """Day-ahead settlement point price by hour, $/MWh."""
        if kind:
            return self._prices[name, kind][1]
        return next(price[1] for key, price in self._prices.items() if key[0] == name)

    @cached_property
    def as_price(self) -> dict[str, Floats]:
        """Day-ahead clearing price of each ancillary service by hour, $/MW per hour."""
        _, ahead = self.system_price
        made: dict[str, Floats] = {}
        for product in PRODUCTS:
            rng = self.chance("as price", product)
            tight = np.clip((ahead - 60.0) * 0.25, 0.0, None)
            price = _ANCILLARY_LEVEL[product] * np.exp(rng.normal(0.0, 0.5, len(ahead))) + tight * rng.uniform(0.5, 1.0)
            made[product] = rounded(np.clip(price, 0.0, 5000.0), 2)
        return made

    @cached_property
    def rt_as_price(self) -> dict[str, Floats]:
        """Real-time clearing price of each ancillary service by quarter-hour, $/MW per hour."""
        real, _ = self.system_price
        made: dict[str, Floats] = {}
        for product in PRODUCTS:
            rng = self.chance("rt as price", product)
            tight = np.clip((real - 80.0) * 0.2, 0.0, None)
            price = (
                0.4
                * _ANCILLARY_LEVEL[product]
                * np.exp(rng.normal(0.0, 0.8, len(real)))
                * (rng.random(len(real)) < 0.7)
                + tight
            )
            made[product] = rounded(np.clip(price, 0.0, 5000.0), 2)
        return made

    @cached_property
    def runs(self) -> Ints:
        """Seconds of the SCED runs: one a quarter-hour and some more before RTC+B, about every five minutes after."""
        rng = self.chance("runs")
        year = self.year
        quarters = year.quarters[year.quarters < RTC_START]
        ordinary = quarters + rng.integers(9, 22, len(quarters))
        extra = quarters[rng.random(len(quarters)) < 0.02]
        extra = extra + rng.integers(120, 800, len(extra))
        fives = np.arange(max(year.start, RTC_START), year.end, 300, dtype=np.int64)
        keep = np.ones(len(fives), dtype=bool)
        shift = rng.integers(8, 24, len(fives))
        if len(fives):
            # Two runs left out and the next one late: gaps of 900 to 1003 s.
            gaps = rng.choice(len(fives) - 4, max(1, len(fives) // 4000), replace=False)
            keep[gaps + 1] = keep[gaps + 2] = False
            shift[gaps + 3] = shift[gaps] + rng.integers(0, 104, len(gaps))
        more = fives[(rng.random(len(fives)) < 0.02) & (shift < 24) & keep]
        more = more + 24 + rng.integers(39, 200, len(more))
        runs: Ints = np.unique(np.concatenate([ordinary, extra, (fives + shift)[keep], more]))
        return runs[runs < year.end]

    def half_of_extra_runs(self) -> Bools:
        """Which runs the load file also holds: all ordinary ones, and half of the extra runs before RTC+B."""
        extra = (self.runs < RTC_START) & (self.runs % QUARTER_SECONDS >= 100)
        kept: Bools = ~extra | (self.chance("extra runs of loads").random(len(self.runs)) < 0.5)
        return kept

    def operate(self, battery: Battery) -> Operation:
        """What one battery did in this year."""
        year = self.year
        rng = self.chance("operation", battery.key)
        hours = year.hours
        days = year.day_number(hours)

        def from_day(day: date) -> Bools:
            return hours >= midnight(day)

        exists = from_day(battery.first_day)
        if battery.last_day is not None:
            exists &= ~from_day(battery.last_day + timedelta(days=1))
        running = exists & from_day(battery.first_active)
        for first, last in battery.outages:
            running &= ~(from_day(first) & ~from_day(last + timedelta(days=1)))
        moved = from_day(battery.moves_on) if battery.moves_on is not None else np.zeros(len(hours), dtype=bool)
        capacity = battery.capacity_mw
        want = self._plan(battery, rng, running)
        power, soc = _within_energy(want, battery, float(rng.uniform(0.2, 0.6)))
        power = rounded(power, 2)

        single_model = hours >= DAM_ESR_START
        # Some days it makes no day-ahead offer at all: blank awards.
        offers = (rng.random(len(year.days)) < 0.85)[days] & running
        hourly = power.reshape(-1, 4).mean(axis=1)
        sold = rounded(
            np.clip(hourly, 0.0, None)
            * np.where(rng.random(len(hours)) < 0.75, rng.uniform(0.5, 1.05, len(hours)), 0.0),
            1,
        )
        sold = np.minimum(sold, capacity)
        bought = rounded(np.clip(hourly, None, 0.0) * np.where(rng.random(len(hours)) < 0.5, 0.8, 0.0), 1)
        energy_award = np.where(offers, sold + np.where(single_model, bought, 0.0), np.nan)

        gen_awards, load_awards, rt_awards = self._ancillary(battery, rng, offers, sold, hourly)
        limit = np.where(running, capacity, 0.0)
        # A few hours of an overstated limit, so that the largest is not the capacity.
        running_hours = np.flatnonzero(running)
        if len(running_hours) > 100:
            limit[rng.choice(running_hours, 12, replace=False)] = round(1.1 * capacity, 1)
        return Operation(
            exists=exists,
            running=running,
            node=moved.astype(np.int64),
            high_limit_mw=limit,
            power_mw=power,
            soc_mwh=rounded(soc, 2),
            energy_award_mw=energy_award,
            gen_awards_mw=gen_awards,
            load_awards_mw=load_awards,
            rt_awards_mw=rt_awards,
        )

    def _plan(self, battery: Battery, rng: np.random.Generator, running: Bools) -> Floats:
        """The output that prices call for, by quarter-hour, before energy limits."""
        year = self.year
        price = self.da_price(battery.node)
        full_hours = max(1, round(battery.energy_mwh / battery.capacity_mw))
        trades = rng.random(len(year.days)) < 1.15 - 0.6 * battery.ancillary_share
        effort = np.zeros(len(price))
        first_hour = ((year.day_starts - year.start) // HOUR_SECONDS).tolist()
        for day, trading in enumerate(trades.tolist()):
            if not trading:
                continue
            first, last = first_hour[day], first_hour[day + 1]
            order = first + np.argsort(price[first:last], kind="stable")
            effort[order[: full_hours + 1]] = -1.0
            effort[order[-full_hours:]] = 1.0
        want = np.repeat(effort * rng.uniform(0.8, 1.0, len(price)), 4)
        real = self.rt_price(battery.node, "RN")
        want = np.where(real > 250.0, 1.0, np.where(real < -8.0, -1.0, want))
        # Regulation moves it a little in between.
        wander = rng.normal(0.0, 0.06 * battery.ancillary_share, len(want))
        want = np.where(want == 0.0, wander, want)
        return np.where(np.repeat(running, 4), want * battery.capacity_mw, 0.0)

    def _ancillary(
        self, battery: Battery, rng: np.random.Generator, offers: Bools, sold: Floats, hourly: Floats
    ) -> tuple[dict[str, Floats], dict[str, Floats], dict[str, Floats]]:
        """Ancillary awards: day-ahead of the generation and of the load side, and real-time."""
        hours = self.year.hours
        spare = (
            np.clip(battery.capacity_mw - sold, 0.0, None)
            * battery.ancillary_share
            * (hourly < 0.5 * battery.capacity_mw)
        )
        mix = dict(zip(PRODUCTS, rng.dirichlet([2.0, 1.0, 1.6, 1.4, 0.8]), strict=True))
        gen: dict[str, Floats] = {}
        load: dict[str, Floats] = {}
        real: dict[str, Floats] = {}
        for product in PRODUCTS:
            there = hours >= ECRS_START if product == "ecrs" else np.ones(len(hours), dtype=bool)
            taken = rng.random(len(hours)) < 0.7
            amount = rounded(spare * mix[product] * taken, 1)
            on_gen = np.zeros(len(hours)) if product == "regdn" else amount
            on_load = rounded(spare * 0.5 * taken, 1) if product == "regdn" else rounded(0.3 * amount, 1)
            blank = ~offers | ~there
            gen[product] = np.where(blank, np.nan, on_gen)
            load[product] = np.where(blank | (rng.random(len(hours)) < 0.1), np.nan, on_load)
            day_ahead = np.repeat(on_gen + on_load, 4)
            way = rng.random(len(day_ahead))
            moved = np.where(way < 0.7, day_ahead, np.where(way < 0.85, 0.0, rounded(day_ahead * 1.4 + 0.5, 1)))
            real[product] = np.where(np.repeat(blank, 4) | (moved == 0.0), np.nan, moved)
        return gen, load, real


def _within_energy(want: Floats, battery: Battery, start: float) -> tuple[Floats, Floats]:
    """Cut the wished-for output to what the state of charge allows.

    Args:
        want: MW by quarter-hour, negative when charging.
        battery: its size and efficiency; all losses are taken on the way in.
        start: state of charge at the start of the year, as a share.

    Returns:
        Output in MW and state of charge in MWh, by quarter-hour.
    """
    top, efficiency = battery.energy_mwh, battery.efficiency
    held = start * top
    power: list[float] = []
    soc: list[float] = []
    for wish in want.tolist():
        if wish > 0.0:
            energy = min(wish * 0.25, held)
            held -= energy
        elif wish < 0.0:
            energy = -min(-wish * 0.25, (top - held) / efficiency)
            held -= energy * efficiency
        else:
            energy = 0.0
        power.append(4.0 * energy)
        soc.append(held)
    return np.array(power), np.array(soc)
