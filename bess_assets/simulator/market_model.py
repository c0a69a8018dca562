"""The facts of a made-up year: prices, SCED runs, and the operation and awards of each battery, complete and without flaw."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Bools, Floats, Ints, midnight, operating_year
from bess_assets.simulator.fleet import DAM_ESR, ECRS, PRODUCTS, RTC, Battery, Fleet

_DAY_SHAPE = (
    *(0.8, 0.75, 0.7, 0.7, 0.75, 0.9, 1.2, 1.3, 1.0, 0.75, 0.6, 0.55),
    *(0.55, 0.6, 0.7, 0.85, 1.1, 1.5, 2.0, 2.3, 1.9, 1.4, 1.1, 0.9),
)
_MONTH_LEVEL = (30.0, 28.0, 24.0, 24.0, 32.0, 34.0, 36.0, 46.0, 33.0, 27.0, 25.0, 29.0)
_ANCILLARY_LEVEL = {"regup": 6.0, "regdn": 4.0, "rrs": 5.0, "ecrs": 5.5, "nspin": 3.0}
_PRICE_FLOOR = -251.0


def splits_rrs(battery: Battery) -> bool:
    """Whether a battery sells part of its RRS as fast frequency response."""
    return crc32(battery.key.encode()) % 2 == 0


class MarketYear:
    """One year of the market of a fleet; a `flawless` one has no gap between its runs, and nothing of it is lost or misread."""

    def __init__(self, fleet: Fleet, year: int, seed: int, *, flawless: bool = False) -> None:
        """Keep the arguments; everything is computed when first asked for."""
        self.fleet = fleet
        self.year = operating_year(year)
        self.seed = seed
        self.flawless = flawless
        self._price_cap = 9000.0 if year <= 2021 else 5000.0

    def chance(self, *purpose: str) -> np.random.Generator:
        """A stream of chance of its own for each purpose, so that no part of the market shifts another."""
        return np.random.default_rng([self.seed, self.year.year, crc32("/".join(purpose).encode())])

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
        expected = (month_level * day_factor)[days] * np.array(_DAY_SHAPE)[wall_hour]
        # Wind at night and sun at noon push some days below zero.
        windy = rng.random(len(year.days)) < 0.12
        low = windy[days] & ((wall_hour <= 5) | ((wall_hour >= 10) & (wall_hour <= 14)))
        expected = np.where(low, -3.0 - 12.0 * rng.random(len(hours)), expected)
        # Scarcity on some evenings, foreseen in part.
        scarce = rng.random(len(year.days)) < 0.035
        size = (rng.exponential(350.0, len(year.days)) + 120.0)[days]
        evening = scarce[days] & (wall_hour >= 18) & (wall_hour <= 20)
        day_ahead = expected * np.exp(rng.normal(0.0, 0.06, len(hours))) + np.where(evening, 0.5 * size, 0.0)
        steps = rng.normal(0.0, 0.16, len(quarters)).tolist()
        drift = np.array(list(accumulate(steps, lambda level, step: 0.8 * level + step)))
        surprise = np.repeat(size, 4) * rng.random(len(quarters)) * 1.6
        real = np.repeat(expected, 4) * np.exp(drift) + np.where(np.repeat(evening, 4), surprise, 0.0)

        summer = [position for position, day in enumerate(year.days) if day.month in (8, 9)]
        spikes = [(day, 19, 3, self._price_cap) for day in rng.choice(summer, 2, replace=False).tolist()]
        for day, hour, count, price in [*spikes, (int(rng.integers(60, 90)), 3, 2, _PRICE_FLOOR)]:
            first = int((year.day_starts[day] - year.start) // QUARTER_SECONDS) + 4 * hour
            real[first : first + count] = price
        return np.clip(real, _PRICE_FLOOR, self._price_cap), np.clip(day_ahead, _PRICE_FLOOR, self._price_cap)

    @cached_property
    def prices(self) -> dict[tuple[str, str], tuple[Floats, Floats]]:
        """Real-time price by quarter-hour and day-ahead price by hour of each settlement point, by name and type, $/MWh."""
        real, ahead = self.system_price
        made: dict[tuple[str, str], tuple[Floats, Floats]] = {}
        for name, kind in self.fleet.points:
            rng = self.chance("basis", name, kind)
            scale, tilt = 1.0 + rng.normal(0.0, 0.04), rng.normal(0.0, 1.5)
            exact = (
                price * scale + tilt + rng.normal(0.0, noise, len(price))
                for price, noise in ((real, 1.2), (ahead, 0.6))
            )
            of_quarters, of_hours = (np.round(price.clip(_PRICE_FLOOR, self._price_cap), 2) for price in exact)
            made[name, kind] = of_quarters, of_hours
        return made

    @cached_property
    def as_price(self) -> dict[str, Floats]:
        """Day-ahead clearing price of each ancillary service by hour, $/MW per hour."""
        _, ahead = self.system_price
        made: dict[str, Floats] = {}
        for product in PRODUCTS:
            rng = self.chance("as price", product)
            tight = np.clip((ahead - 60.0) * 0.25, 0.0, None)
            price = _ANCILLARY_LEVEL[product] * np.exp(rng.normal(0.0, 0.5, len(ahead))) + tight * rng.uniform(0.5, 1.0)
            made[product] = np.round(price.clip(0.0, 5000.0), 2)
        return made

    @cached_property
    def rt_as_price(self) -> dict[str, tuple[Floats, Floats, Floats]]:
        """Real-time price of each ancillary service, $/MW per hour: by quarter-hour, and the clearing price and the adder of each run of RTC+B.

        From RTC+B on, the price of a quarter-hour is the time-weighted mean of the sums of the runs.
        """
        real, _ = self.system_price
        runs, _ = self.rtc_runs
        quarters, end = self.year.quarters, self.year.end
        steps = np.append(runs, end)
        steps[:1] = max(self.year.start, midnight(RTC))
        made: dict[str, tuple[Floats, Floats, Floats]] = {}
        for product in PRODUCTS:
            rng = self.chance("rt as price", product)
            tight = np.clip((real - 80.0) * 0.2, 0.0, None)
            level = 0.4 * _ANCILLARY_LEVEL[product] * np.exp(rng.normal(0.0, 0.8, len(real)))
            price = (level * (rng.random(len(real)) < 0.7) + tight).clip(0.0, 5000.0)
            of_runs = price[(runs - self.year.start) // QUARTER_SECONDS] * np.exp(rng.normal(0.0, 0.15, len(runs)))
            adder = of_runs * 0.3 * (rng.random(len(runs)) < (0.02 if product == "regdn" else 0.22))
            clearing, adder = np.round(of_runs, 2), np.round(adder, 2)
            paid = np.append(0.0, np.cumsum((clearing + adder) * np.diff(steps)))
            mean = np.diff(np.interp(np.append(quarters, end), steps, paid)) / QUARTER_SECONDS
            by_quarter: Floats = np.where(quarters < midnight(RTC), price, mean)
            made[product] = by_quarter.round(2), clearing, adder
        return made

    @cached_property
    def rtc_runs(self) -> tuple[Ints, Ints]:
        """Seconds of the runs of RTC+B, as the 60-day disclosure stamps them and as the reports of their prices do."""
        runs = self.runs[self.runs >= midnight(RTC)]
        return runs, runs + self.chance("stamps of prices").integers(-7, 8, len(runs))

    @cached_property
    def runs(self) -> Ints:
        """Seconds of the SCED runs: one a quarter-hour and some more before RTC+B, about every five minutes after."""
        rng = self.chance("runs")
        year = self.year
        quarters = year.quarters[year.quarters < midnight(RTC)]
        ordinary = quarters + rng.integers(9, 22, len(quarters))
        extra = quarters[rng.random(len(quarters)) < 0.02]
        extra = extra + rng.integers(120, 800, len(extra))
        fives = np.arange(max(year.start, midnight(RTC)), year.end, 300, dtype=np.int64)
        keep = np.ones(len(fives), dtype=bool)
        shift = rng.integers(8, 24, len(fives))
        if len(fives) and not self.flawless:
            # Two runs left out and the next one late: gaps of 900 to 1003 s. Three left out: gaps on both sides of the longest line, 1200 s.
            gaps = rng.choice(len(fives) // 6 - 1, max(2, len(fives) // 4000), replace=False) * 6
            keep[gaps + 1] = keep[gaps + 2] = False
            shift[gaps + 3] = shift[gaps] + rng.integers(0, 104, len(gaps))
            gaps = gaps[::2]
            keep[gaps + 3] = False
            shift[gaps + 4] = shift[gaps] + rng.integers(-60, 61, len(gaps))
        more = fives[(rng.random(len(fives)) < 0.02) & (shift < 24) & keep]
        more = more + 24 + rng.integers(39, 200, len(more))
        runs: Ints = np.unique(np.concatenate([ordinary, extra, (fives + shift)[keep], more]))
        return runs[runs < year.end]

    @cached_property
    def regulation(self) -> Floats:
        """The regulation signal that all batteries follow at each run, about 1."""
        return self.chance("regulation").normal(0.0, 1.0, len(self.runs))

    def half_of_extra_runs(self) -> Bools:
        """The runs that the load file also holds: all ordinary ones, and half of the extra runs before RTC+B."""
        extra = (self.runs < midnight(RTC)) & (self.runs % QUARTER_SECONDS >= 100)
        return ~extra | (self.chance("extra runs of loads").random(len(self.runs)) < 0.5)


Operation = dict[str, npt.NDArray[Any]]
"""The operation of some batteries in a year, a column each; awards are NaN where blank.

* by hour: exists, listed, running, moved (it has rows, day-ahead rows, is available, is at its later settlement point), high_limit_mw (HSL),
  energy_award_mw (day-ahead), and gen_regup to load_nspin, the day-ahead ancillary awards of each side;
* by quarter-hour: power_mw (output, negative when charging), soc_mwh (energy held at its end), and from RTC+B on
  rt_regup to rt_nspin, the real-time ancillary awards from which those of single runs depart.
"""


def operate(market: MarketYear, batteries: Sequence[Battery], hours: int | None = None) -> Operation:
    """The operation of some batteries side by side in a year of the market, or in its first hours."""
    found: Operation = {}
    every = len(market.year.hours)
    for place, battery in enumerate(batteries):
        for name, values in _operate(market, battery).items():
            count = len(values) * (every if hours is None else hours) // every
            found.setdefault(name, np.empty((count, len(batteries)), values.dtype))[:, place] = values[:count]
    return found


def _operate(market: MarketYear, battery: Battery) -> Operation:
    rng = market.chance("operation", battery.key)
    hours = market.year.hours
    days = market.year.day_number(hours)
    exists = _since(hours, battery.first_day) & ~_after(hours, battery.last_day)
    running = exists & _since(hours, battery.first_active)
    for first_out, last_out in battery.outages:
        running &= ~_since(hours, first_out) | _after(hours, last_out)
    capacity = battery.capacity_mw
    want = _plan(market, battery, rng, running)
    power, soc = _within_energy(want, battery, float(rng.uniform(0.2, 0.6)))
    power = np.round(power, 2)
    # Some days the battery makes no day-ahead offer at all: blank awards.
    offers = (rng.random(len(market.year.days)) < 0.85)[days] & running
    hourly = power.reshape(-1, 4).mean(axis=1)
    share = np.where(rng.random(len(hours)) < 0.75, rng.uniform(0.5, 1.05, len(hours)), 0.0)
    sold = np.minimum(np.round(np.clip(hourly, 0.0, None) * share, 1), capacity)
    bought = np.round(np.clip(hourly, None, 0.0) * np.where(rng.random(len(hours)) < 0.5, 0.8, 0.0), 1)
    energy_award = np.where(offers, sold + np.where(hours >= midnight(DAM_ESR), bought, 0.0), np.nan)
    limit = np.where(running, capacity, 0.0)
    awards = _ancillary(hours, battery, rng, offers, sold, hourly)
    # A few hours of an overstated limit, so that the largest is not the capacity.
    running_hours = np.flatnonzero(running)
    if len(running_hours) > 100:
        limit[rng.choice(running_hours, 12, replace=False)] = round(1.1 * capacity, 1)
    return {
        "exists": exists,
        "listed": exists & _since(hours, battery.first_listed) & ~_after(hours, battery.last_listed),
        "running": running,
        "moved": _since(hours, battery.moves_on),
        "high_limit_mw": limit,
        "power_mw": power,
        "soc_mwh": np.round(soc, 2),
        "energy_award_mw": energy_award,
        **awards,
    }


def _since(hours: Ints, day: date | None) -> Bools:
    """Which hours lie on a day or after; none without a day."""
    return hours >= midnight(day) if day is not None else np.zeros(len(hours), dtype=bool)


def _after(hours: Ints, day: date | None) -> Bools:
    return _since(hours, day and day + timedelta(days=1))


def _plan(market: MarketYear, battery: Battery, rng: np.random.Generator, running: Bools) -> Floats:
    """The output that prices call for, by quarter-hour, before energy limits."""
    year = market.year
    real, price = market.prices[battery.node, "RN"]
    full_hours = max(1, round(battery.energy_mwh / battery.capacity_mw))
    trades = rng.random(len(year.days)) < 1.15 - 0.6 * battery.ancillary_share
    effort = np.zeros(len(price))
    first_hour = ((year.day_starts - year.start) // HOUR_SECONDS).tolist()
    for day in np.flatnonzero(trades).tolist():
        first, last = first_hour[day], first_hour[day + 1]
        order = first + np.argsort(price[first:last], kind="stable")
        effort[order[: full_hours + 1]] = -1.0
        effort[order[-full_hours:]] = 1.0
    want = np.repeat(effort * rng.uniform(0.8, 1.0, len(price)), 4)
    # Above 250 $/MWh every battery discharges, below -8 $/MWh every battery charges.
    want = np.where(real > 250.0, 1.0, np.where(real < -8.0, -1.0, want))
    # Regulation moves it a little in between.
    wander = rng.normal(0.0, 0.06 * battery.ancillary_share, len(want))
    want = np.where(want == 0.0, wander, want)
    return np.where(np.repeat(running, 4), want * battery.capacity_mw, 0.0)


def _ancillary(
    hours: Ints, battery: Battery, rng: np.random.Generator, offers: Bools, sold: Floats, hourly: Floats
) -> Operation:
    spare = np.clip(battery.capacity_mw - sold, 0.0, None) * battery.ancillary_share
    spare = spare * (hourly < 0.5 * battery.capacity_mw)
    # Weights of the products in the awards of a battery.
    mix = rng.dirichlet((2.0, 1.0, 1.6, 1.4, 0.8))
    made: Operation = {}
    for product, part in zip(PRODUCTS, mix, strict=True):
        taken = rng.random(len(hours)) < 0.7
        amount = np.round(spare * part * taken, 1)
        on_gen = np.zeros(len(hours)) if product == "regdn" else amount
        on_load = np.round(spare * 0.5 * taken, 1) if product == "regdn" else np.round(0.3 * amount, 1)
        blank = ~offers | (hours < midnight(ECRS) if product == "ecrs" else False)
        made[f"gen_{product}"] = np.where(blank, np.nan, on_gen)
        made[f"load_{product}"] = np.where(blank | (rng.random(len(hours)) < 0.1), np.nan, on_load)
        day_ahead = np.repeat(on_gen + on_load, 4)
        way = rng.random(len(day_ahead))
        moved = np.where(way < 0.7, day_ahead, np.where(way < 0.85, 0.0, np.round(day_ahead * 1.4 + 0.5, 1)))
        if hours[-1] >= midnight(RTC):
            made[f"rt_{product}"] = np.where(np.repeat(blank, 4) | (moved == 0.0), np.nan, moved)
    return made


def _within_energy(want: Floats, battery: Battery, start: float) -> tuple[Floats, Floats]:
    """Output (MW) and state of charge (MWh) by quarter-hour: the output wished for, cut to what the energy held allows; all losses are taken on the way in."""
    top, efficiency = battery.energy_mwh, battery.efficiency
    held = start * top
    power: list[float] = []
    soc: list[float] = []
    for wish in want.tolist():
        energy = 0.0
        if wish > 0.0:
            energy = min(wish * 0.25, held)
            held -= energy
        elif wish < 0.0:
            energy = -min(-wish * 0.25, (top - held) / efficiency)
            held -= energy * efficiency
        power.append(4.0 * energy)
        soc.append(held)
    return np.array(power), np.array(soc)
