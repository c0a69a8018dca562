"""What happened in a made-up market of ERCOT's real size: the facts of one year as whole arrays, for all batteries at once.

Numbers are kept as the whole tenths, hundredths or thousandths in which they are published, so that a year of five-minute telemetry fits into memory and
every published number is exactly what the truth reckons with.

Belongs here: how many of everything there are, prices, SCED runs, what each battery did, was awarded and telemetered, which rows are absent or blank.
Does not: headings and files (real_size_files.py), what it was worth (real_size_truth.py), the awkward cases of a small market (publish.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Bools, Floats, Ints, Year, midnight
from bess_assets.simulator.fleet import PRODUCTS, RTC_FIRST_DAY, Battery, Fleet, make_fleet
from bess_assets.simulator.market_model import COP_SOC_START, ECRS_START, RTC_START, MarketYear, price_cap, rounded

SmallInts = npt.NDArray[np.int16] | npt.NDArray[np.int32]

ABSENT = int(np.iinfo(np.int32).min)
"""Stands for a run of which a resource has no row."""
BLANK = ABSENT + 1
"""Stands for a row whose telemetry is blank."""

_ZONES = ("AEN", "CPS", "HOUSTON", "LCRA", "NORTH", "RAYBN", "SOUTH", "WEST")
_HUBS = ("BUSAVG", "HUBAVG", "HOUSTON", "NORTH", "PAN", "SOUTH", "WEST")
_ABSENT_SHARE, _BLANK_SHARE = 0.002, 0.001
_CHUNK_QUARTERS = 30 * 96
_PRICE_FLOOR = -251.0
_IDLE_MW = -0.161


@dataclass(frozen=True)
class Size:
    """How many of everything there are.

    Attributes:
        batteries: in the fleet; some start later or have left.
        generation: generation resources in a day-ahead hour, batteries before RTC+B among them.
        running: of these, in a SCED run.
        load: load resources in a day-ahead hour, those of batteries among them.
        consuming: of these, in a SCED run.
        points: rows of a real-time price interval; load zones stand twice.
    """

    batteries: int
    generation: int
    running: int
    load: int
    consuming: int
    points: int


def ercot_size(year: int) -> Size:
    """The size that ERCOT's files had in a year: that of 2024 before RTC+B, that of 2026 after."""
    if year < RTC_FIRST_DAY.year:
        return Size(batteries=264, generation=1343, running=900, load=660, consuming=541, points=925)
    return Size(batteries=345, generation=1060, running=0, load=400, consuming=0, points=925)


def small_size(batteries: int) -> Size:
    """The same shape with few of everything, for tests and for measuring growth."""
    return Size(
        batteries, 2 * batteries + 20, 2 * batteries + 10, 2 * batteries + 20, 2 * batteries + 10, batteries + 45
    )


@dataclass(frozen=True)
class Telemetry:
    """One telemetered quantity of all batteries, with the base point that stands in for it where it is blank.

    Attributes:
        thousandths: MW x 1000 by run and battery, `ABSENT` without a row, `BLANK` without a value.
        base_tenths: base point, MW x 10; known in every row.
    """

    thousandths: npt.NDArray[np.int32]
    base_tenths: npt.NDArray[np.int16]


class RealSizeYear:
    """One year of a market of real size.

    Args:
        year: the operating year, of one market design only: any before 2025, or 2026.
        seed: any whole number.
        size: how many of everything.
        days: how many days of the year there are, from 1 January; all if not given.
        fleet_years: all years that are simulated, which decide when mid-year cases happen.

    Attributes:
        calendar: the year.
        days: number of days.
        hours: start of each hour there is, UTC seconds.
        quarters: start of each quarter-hour.
        batteries: those with rows in the year.
        nodes: settlement points of batteries, by name.
        points: name and type of each row of a real-time price interval, battery nodes first.
        rt_price: real-time price of each battery node by quarter-hour, filled while the price file is written.
    """

    def __init__(
        self, year: int, seed: int, size: Size, days: int | None = None, fleet_years: tuple[int, ...] = ()
    ) -> None:
        """Work out who takes part and what every battery did."""
        fleet = make_fleet(fleet_years or (year,), size.batteries, seed)
        self._market = MarketYear(Fleet((), (), (), ()), year, seed)
        self.calendar: Year = self._market.year
        self.size = size
        self.days = min(days or len(self.calendar.days), len(self.calendar.days))
        self.end = int(self.calendar.day_starts[self.days])
        self.hours = self.calendar.hours[self.calendar.hours < self.end]
        self.quarters = self.calendar.quarters[self.calendar.quarters < self.end]
        self.hour_day = self.calendar.day_number(self.hours)
        self.single_model = self.calendar.start >= RTC_START
        self.batteries: tuple[Battery, ...] = tuple(b for b in fleet.batteries if self._takes_part(b))
        self.decoys = fleet.loads
        self.nodes = {name: n for n, name in enumerate(dict.fromkeys(n for b in self.batteries for n in b.nodes()))}
        self.points = self._points()
        self._operate()
        self.rt_price: Floats = np.full((len(self.quarters), len(self.nodes)), np.nan)

    def chance(self, *what: str) -> np.random.Generator:
        """A stream of chance of its own for each purpose."""
        return self._market.chance("real size", *what)

    def _takes_part(self, battery: Battery) -> bool:
        name = battery.esr if self.single_model else battery.gen
        started = midnight(battery.first_day) < self.end
        left = battery.last_day is not None and midnight(battery.last_day) < self.calendar.start
        return name is not None and started and not left

    def name(self, battery: Battery) -> str:
        """The resource that a battery discharges by in this year."""
        found = battery.esr if self.single_model else battery.gen
        if found is None:
            raise ValueError(f"{battery.key} has no resource in {self.calendar.year}")
        return found

    def battery_has_load(self, n: int) -> bool:
        """Whether a load resource charges the battery at this position."""
        return not self.single_model and self.batteries[n].load is not None

    # --- prices -----------------------------------------------------------------------------------------------------------------

    def _points(self) -> list[tuple[str, str]]:
        zones = [(f"LZ_{zone}", kind) for kind in ("LZ", "LZEW") for zone in _ZONES]
        hubs = [(f"HB_{hub}", "AH" if hub in {"BUSAVG", "HUBAVG"} else "HU") for hub in _HUBS]
        named = [(name, "RN") for name in self.nodes]
        others = max(self.size.points - len(named) - len(zones) - len(hubs), 1)
        return [*named, *((f"SITE{n:04d}_RN", "RN") for n in range(others)), *hubs, *zones]

    @cached_property
    def _basis(self) -> tuple[Floats, Floats]:
        """Scale and tilt of each point against the system price."""
        rng = self.chance("basis")
        return 1.0 + rng.normal(0.0, 0.04, len(self.points)), rng.normal(0.0, 1.5, len(self.points))

    @cached_property
    def da_points(self) -> list[str]:
        """Points of the day-ahead price file: each once, in the order of `points`."""
        return list(dict.fromkeys(name for name, _ in self.points))

    @cached_property
    def da_price(self) -> Floats:
        """Day-ahead price by hour and point of `da_points`, NaN where blank, $/MWh."""
        _, ahead = self._market.system_price
        scale, tilt = (values[: len(self.da_points)] for values in self._basis)
        noise = self.chance("da price").normal(0.0, 0.6, (len(self.hours), len(scale)))
        price = ahead[: len(self.hours), None] * scale + tilt + noise
        price = self._published(price)
        price[np.ix_(np.flatnonzero(self._between(self.hours, (10, 14), 8)), self._unpriced)] = np.nan
        return price

    def rt_block(self, first: int, last: int) -> Floats:
        """Real-time price of the quarter-hours first..last-1 by point of `points`, NaN where blank, $/MWh; battery nodes are noted in `rt_price`."""
        real, _ = self._market.system_price
        scale, tilt = self._basis
        noise = self.chance("rt price", str(first)).normal(0.0, 1.2, (last - first, len(scale)))
        price = real[first:last, None] * scale + tilt + noise
        price = self._published(price)
        without = np.flatnonzero(self._between(self.quarters[first:last], (5, 10), 18))
        price[np.ix_(without, self._unpriced)] = np.nan
        self.rt_price[first:last] = price[:, : len(self.nodes)]
        return price

    def _published(self, price: Floats) -> Floats:
        return rounded(np.clip(price, _PRICE_FLOOR, price_cap(self.calendar.year)), 2)

    @property
    def _unpriced(self) -> Ints:
        found = [self.nodes[b.node] for b in self.batteries if b.role == "missing_node_price"]
        return np.array(found, dtype=np.int64)

    def _between(self, times: Ints, first: tuple[int, int], days: int) -> Bools:
        start = self.calendar.day_start(*first)
        inside: Bools = (times >= start) & (times < start + days * 24 * HOUR_SECONDS)
        return inside

    def as_price(self, product: str) -> Floats:
        """Day-ahead clearing price of a product by hour, NaN before it exists, $/MW per hour."""
        price = self._market.as_price[product][: len(self.hours)]
        return np.where(self.hours >= ECRS_START, price, np.nan) if product == "ecrs" else price

    def rt_as_price(self, product: str) -> Floats:
        """Real-time clearing price of a product by quarter-hour, $/MW per hour."""
        return self._market.rt_as_price[product][: len(self.quarters)]

    # --- what batteries did -------------------------------------------------------------------------------------------------------

    def _operate(self) -> None:
        """Work out presence, output, state of charge and awards of all batteries."""
        shape = (len(self.hours), len(self.batteries))
        self.exists: Bools = np.zeros(shape, dtype=bool)
        self.running: Bools = np.zeros(shape, dtype=bool)
        self.node_column: npt.NDArray[np.int32] = np.zeros(shape, dtype=np.int32)
        day = 24 * HOUR_SECONDS
        for n, battery in enumerate(self.batteries):
            left = np.iinfo(np.int64).max if battery.last_day is None else midnight(battery.last_day) + day
            self.exists[:, n] = (self.hours >= midnight(battery.first_day)) & (self.hours < left)
            self.running[:, n] = self.exists[:, n] & (self.hours >= midnight(battery.first_active))
            for first, last in battery.outages:
                self.running[(self.hours >= midnight(first)) & (self.hours < midnight(last) + day), n] = False
            self.node_column[:, n] = self.nodes[battery.node]
            if battery.later_node is not None and battery.moves_on is not None:
                self.node_column[self.hours >= midnight(battery.moves_on), n] = self.nodes[battery.later_node]
        self.capacity: Floats = np.array([b.capacity_mw for b in self.batteries])
        self.energy: Floats = np.array([b.energy_mwh for b in self.batteries])
        self.share: Floats = np.array([b.ancillary_share for b in self.batteries])
        self.limit_tenths: npt.NDArray[np.int16] = np.where(self.running, _tenths(self.capacity), 0).astype(np.int16)
        # a few hours of an overstated limit, so that the largest is not the capacity
        for n, rng in enumerate(self.chance("limits").spawn(len(self.batteries))):
            hours = np.flatnonzero(self.running[:, n])
            if len(hours) > 100:
                self.limit_tenths[rng.choice(hours, 12, replace=False), n] = _tenths(1.1 * self.capacity[n])
        self._run_the_fleet()
        self._award()

    def _wish(self) -> npt.NDArray[np.float32]:
        """Share of its power that each battery would give, negative to take, by hour."""
        rng = self.chance("wish")
        wish = np.zeros((len(self.hours), len(self.batteries)), dtype=np.float32)
        price = np.nan_to_num(np.take_along_axis(self.da_price, self.node_column, axis=1), nan=0.0)
        full_hours = np.maximum(1, np.round(self.energy / self.capacity)).astype(np.int64)
        trades = rng.random((self.days, len(self.batteries))) < 1.15 - 0.6 * self.share
        first_hours = np.searchsorted(self.hour_day, np.arange(self.days + 1))
        for position in range(self.days):
            first, last = int(first_hours[position]), int(first_hours[position + 1])
            rank = np.argsort(np.argsort(price[first:last], axis=0, kind="stable"), axis=0, kind="stable")
            charging, discharging = rank <= full_hours, rank >= last - first - full_hours
            wish[first:last] = np.where(discharging, 1.0, np.where(charging, -1.0, 0.0)) * trades[position]
        return wish * rng.uniform(0.8, 1.0, wish.shape).astype(np.float32)

    def _run_the_fleet(self) -> None:
        """Follow the wishes as far as the state of charge allows; all losses are taken on the way in."""
        wish = self._wish()
        real, _ = self._market.system_price
        rng = self.chance("wander")
        quarters, count = len(self.quarters), len(self.batteries)
        self.power_hundredths: npt.NDArray[np.int32] = np.zeros((quarters, count), dtype=np.int32)
        self.soc_mwh: npt.NDArray[np.float32] = np.zeros((quarters, count), dtype=np.float32)
        efficiency = np.array([b.efficiency for b in self.batteries])
        held = self.energy * rng.uniform(0.2, 0.6, count)
        for quarter in range(quarters):
            if quarter % _CHUNK_QUARTERS == 0:
                wander = rng.normal(0.0, 0.06, (min(_CHUNK_QUARTERS, quarters - quarter), count)) * self.share
            hour = quarter // 4
            want = wish[hour].astype(np.float64)
            if real[quarter] > 250.0:
                want = np.ones(count)
            elif real[quarter] < -8.0:
                want = -np.ones(count)
            want = np.where(want == 0.0, wander[quarter % _CHUNK_QUARTERS], want) * self.running[hour]
            energy = want * self.capacity * 0.25
            energy = np.maximum(np.minimum(energy, held), -(self.energy - held) / efficiency)
            held = np.clip(held - np.where(energy > 0.0, energy, energy * efficiency), 0.0, self.energy)
            self.power_hundredths[quarter] = np.round(400.0 * energy)
            self.soc_mwh[quarter] = held

    def _award(self) -> None:
        """Day-ahead awards of energy and of both sides' ancillary services, and real-time ones, in tenths of MW; 0 where none."""
        shape = (len(self.hours), len(self.batteries))
        rng = self.chance("awards")
        # some days a battery makes no day-ahead offer at all
        offers = (rng.random((self.days, shape[1])) < 0.85)[self.hour_day] & self.running
        hourly = self.power_hundredths.reshape(-1, 4, shape[1]).mean(axis=1) / 100.0
        sold = np.clip(hourly, 0.0, None) * rng.uniform(0.5, 1.05, shape) * (rng.random(shape) < 0.75)
        sold = np.minimum(sold, self.capacity) * offers
        bought = np.clip(hourly, None, 0.0) * 0.8 * (rng.random(shape) < 0.5) * offers
        self.energy_tenths: npt.NDArray[np.int16] = _tenths(sold + bought if self.single_model else sold)
        spare = np.clip(self.capacity - sold, 0.0, None) * self.share * (hourly < 0.5 * self.capacity) * offers
        mix = rng.dirichlet([2.0, 1.0, 1.6, 1.4, 0.8], shape[1])
        self.gen_tenths: dict[str, npt.NDArray[np.int16]] = {}
        self.load_tenths: dict[str, npt.NDArray[np.int16]] = {}
        self.rt_tenths: dict[str, npt.NDArray[np.int16]] = {}
        for n, product in enumerate(PRODUCTS):
            taken = spare * (rng.random(shape) < 0.7)
            if product == "ecrs":
                taken = taken * (self.hours >= ECRS_START)[:, None]
            gen = np.zeros(shape, dtype=np.int16) if product == "regdn" else _tenths(taken * mix[:, n])
            load = _tenths(taken * 0.5) if product == "regdn" else _tenths(gen * 0.03)
            if self.single_model:
                gen, load = (gen + load).astype(np.int16), np.zeros_like(load)
                day_ahead = np.repeat(gen, 4, axis=0)
                way = rng.random(day_ahead.shape, dtype=np.float32)
                more = np.where(day_ahead > 0, 1.4 * day_ahead + 5.0, 0.0)
                self.rt_tenths[product] = np.where(way < 0.7, day_ahead, np.where(way < 0.85, 0, more)).astype(np.int16)
            self.gen_tenths[product], self.load_tenths[product] = gen, load

    # --- telemetry ----------------------------------------------------------------------------------------------------------------

    @cached_property
    def runs(self) -> Ints:
        """Start of each SCED run: one a quarter-hour before RTC+B, about every five minutes after."""
        runs = self._market.runs
        if not self.single_model:
            runs = runs[runs % QUARTER_SECONDS < 100]
        found: Ints = runs[runs < self.end]
        return found

    @cached_property
    def run_quarter(self) -> Ints:
        """Position of the quarter-hour that each run starts in."""
        found: Ints = (self.runs - self.calendar.start) // QUARTER_SECONDS
        return found

    def _run_chunks(self) -> Iterator[tuple[slice, Ints]]:
        """Runs some days at a time, with their quarter-hours."""
        for first in range(0, len(self.quarters), _CHUNK_QUARTERS):
            low, high = np.searchsorted(self.run_quarter, [first, first + _CHUNK_QUARTERS])
            yield slice(int(low), int(high)), self.run_quarter[low:high]

    def _telemetered(self, what: str, *, load: bool) -> Telemetry:
        shape = (len(self.runs), len(self.batteries))
        found = Telemetry(np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int16))
        high = np.array([b.load_reads_high for b in self.batteries])
        loses_rows = np.array([b.role == "missing_load_rows" for b in self.batteries])
        for here, quarter in self._run_chunks():
            rng = self.chance(what, str(here.start))
            power = self.power_hundredths[quarter]
            exact = np.clip(-power, 0, None) * high if load else power if self.single_model else np.clip(power, 0, None)
            size = (len(quarter), shape[1])
            # the gauge of a run wanders by a hundredth
            values = np.round(10.0 * exact * (1.0 + 0.01 * rng.standard_normal(size, dtype=np.float32)))
            if not load:
                idle = np.abs(power) < 0.5
                if self.single_model:
                    values[idle & self.running[quarter // 4]] = 1000.0 * _IDLE_MW
                else:
                    values[idle & (rng.random(size, dtype=np.float32) < 0.2)] = -100.0
            luck = rng.random(size, dtype=np.float32)
            absent = (luck < _ABSENT_SHARE) | ~self.exists[quarter // 4]
            if load:
                absent |= loses_rows & (luck < 0.01)
                absent[np.ix_(self._between(self.runs[here], (10, 3), 5), loses_rows)] = True
            values[luck > 1.0 - _BLANK_SHARE] = BLANK
            values[absent] = ABSENT
            found.thousandths[here] = values
            if not self.single_model:
                power = np.clip(-power, 0, None) if load else np.clip(power, 0, None)
            found.base_tenths[here] = _tenths(power / 100.0)
        return found

    @cached_property
    def output(self) -> Telemetry:
        """Net output of the generation or storage resource."""
        return self._telemetered("output", load=False)

    @cached_property
    def consumption(self) -> Telemetry:
        """Consumption of the load resource that charges a battery before RTC+B."""
        found = self._telemetered("consumption", load=True)
        found.thousandths[:, [n for n, b in enumerate(self.batteries) if b.load is None]] = ABSENT
        return found

    def forget_operation(self) -> None:
        """Make room once everything is written: what was published of output and state of charge stays, and is all that counts."""
        nothing = np.zeros((0, len(self.batteries)))
        self.power_hundredths, self.soc_mwh = nothing.astype(np.int32), nothing.astype(np.float32)

    @cached_property
    def planned_energy_hours(self) -> Bools:
        """Hours and batteries for which the operating plan tells the energy of a battery."""
        known: Bools = self.running & (self.hours >= COP_SOC_START)[:, None]
        return known


def splits_rrs(battery: Battery) -> bool:
    """Whether a battery sells part of its RRS as fast frequency response."""
    return crc32(battery.key.encode()) % 2 == 0


def _tenths(values: Any) -> npt.NDArray[np.int16]:
    found: npt.NDArray[np.int16] = np.round(np.asarray(values) * 10.0).astype(np.int16)
    return found
