"""The facts of one year of a made-up market of ERCOT's real size: whole arrays for all batteries at once.

Numbers are the whole tenths, hundredths or thousandths in which they are published, so that a year of five-minute telemetry fits into memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import QUARTER_SECONDS, Floats, Ints, Year, midnight
from bess_assets.simulator.fleet import COP_SOC, ECRS, PRODUCTS, RTC, Battery, Fleet, make_fleet
from bess_assets.simulator.market_model import AWARD_MIX, CHARGING_PRICE, SELLING_PRICE, MarketYear, presence

Tenths = npt.NDArray[np.int16]

ABSENT = int(np.iinfo(np.int32).min)
"""In place of a value: the resource has no row of the run."""
BLANK = ABSENT + 1
"""In place of a value: the telemetry of the row is blank."""

_ZONES = ("AEN", "CPS", "HOUSTON", "LCRA", "NORTH", "RAYBN", "SOUTH", "WEST")
_HUBS = ("BUSAVG", "HUBAVG", "HOUSTON", "NORTH", "PAN", "SOUTH", "WEST")
_ABSENT_SHARE, _BLANK_SHARE = 0.002, 0.001
_CHUNK_QUARTERS = 30 * 96
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
        points: rows of a real-time price interval, two for a load zone.
    """

    batteries: int
    generation: int
    running: int
    load: int
    consuming: int
    points: int


def ercot_size(year: int) -> Size:
    """The size that ERCOT's files had in a year: that of 2024 before RTC+B, that of 2026 after."""
    if year < RTC.first_day.year:
        return Size(batteries=264, generation=1343, running=900, load=660, consuming=541, points=925)
    return Size(batteries=345, generation=1060, running=0, load=400, consuming=0, points=925)


def small_size(batteries: int) -> Size:
    """The same shape with few of everything, for tests and for measuring growth."""
    day_ahead, running = 2 * batteries + 20, 2 * batteries + 10
    return Size(batteries, day_ahead, running, day_ahead, running, points=batteries + 45)


@dataclass(frozen=True)
class Telemetry:
    """One telemetered quantity of all batteries, with the base point that replaces it where it is blank.

    Attributes:
        thousandths: MW x 1000 by run and battery, `ABSENT` without a row, `BLANK` without a value.
        base_tenths: base point, MW x 10; known in every row.
    """

    thousandths: npt.NDArray[np.int32]
    base_tenths: Tenths


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
        names: the resource that each discharges by in this year.
        nodes: position of each settlement point of batteries, by name.
        points: name and type of each row of a real-time price interval, battery nodes first.
        da_points: names of the day-ahead price file: each once, in the order of `points`.
        exists, running: by hour and battery, whether it has rows and is available.
        node_column: by hour and battery, position of its node.
        limit_tenths: HSL by hour and battery, MW x 10.
        power_hundredths: output by quarter-hour and battery, MW x 100, negative when charging.
        soc_mwh: energy held at the end of the quarter-hour.
        energy_tenths: day-ahead energy award by hour and battery, MW x 10, 0 where none.
        gen_tenths, load_tenths: day-ahead ancillary awards of each side by product, as `energy_tenths`.
        rt_tenths: real-time ancillary awards by product, by quarter-hour and battery.
        runs: start of each SCED run: one a quarter-hour before RTC+B, about every five minutes after.
        run_quarter: position of the quarter-hour that each run starts in.
        planned_energy_hours: hours and batteries for which the operating plan has the energy of a battery.
    """

    def __init__(
        self, year: int, seed: int, size: Size, days: int | None = None, fleet_years: tuple[int, ...] = ()
    ) -> None:
        """Work out the participants and the operation of every battery."""
        fleet = make_fleet(fleet_years or (year,), size.batteries, seed)
        self.market = MarketYear(Fleet((), (), (), ()), year, seed)
        self.calendar: Year = self.market.year
        self.size = size
        self.days = min(days or len(self.calendar.days), len(self.calendar.days))
        self.end = int(self.calendar.day_starts[self.days])
        self.hours = self.calendar.hours[self.calendar.hours < self.end]
        self.quarters = self.calendar.quarters[self.calendar.quarters < self.end]
        self.hour_day = self.calendar.day_number(self.hours)
        self.single_model = self.calendar.start >= RTC.start
        self.batteries: tuple[Battery, ...] = tuple(b for b in fleet.batteries if self._takes_part(b))
        self.names = [self._name(battery) or "" for battery in self.batteries]
        self.decoys = fleet.loads
        self.capacity: Floats = np.array([b.capacity_mw for b in self.batteries])
        self.energy: Floats = np.array([b.energy_mwh for b in self.batteries])
        self.share: Floats = np.array([b.ancillary_share for b in self.batteries])
        self.nodes = {name: n for n, name in enumerate(dict.fromkeys(n for b in self.batteries for n in b.nodes()))}
        self.points = self._points()
        self.da_points = list(dict.fromkeys(name for name, _ in self.points))
        unpriced = [self.nodes[b.node] for b in self.batteries if b.role == "missing_node_price"]
        self._unpriced: Ints = np.array(unpriced, dtype=np.int64)
        runs = self.market.runs
        self.runs: Ints = runs[(runs < self.end) & (self.single_model | (runs % QUARTER_SECONDS < 100))]
        self.run_quarter: Ints = (self.runs - self.calendar.start) // QUARTER_SECONDS
        there = [presence(battery, self.hours) for battery in self.batteries]
        self.exists = np.stack([found.exists for found in there], axis=1)
        self.running = np.stack([found.running for found in there], axis=1)
        self.planned_energy_hours = self.running & (self.hours >= COP_SOC.start)[:, None]
        nodes = [
            np.where(found.moved, self.nodes[battery.nodes()[-1]], self.nodes[battery.node])
            for battery, found in zip(self.batteries, there, strict=True)
        ]
        self.node_column = np.stack(nodes, axis=1).astype(np.int32)
        self.limit_tenths = _limits(self)
        self.power_hundredths, self.soc_mwh = _run_the_fleet(self)
        self.energy_tenths, self.gen_tenths, self.load_tenths, self.rt_tenths = _award(self)

    def chance(self, *purpose: str) -> np.random.Generator:
        """A stream of chance of its own for each purpose."""
        return self.market.chance("real size", *purpose)

    def _takes_part(self, battery: Battery) -> bool:
        started = midnight(battery.first_day) < self.end
        left = battery.last_day is not None and midnight(battery.last_day) < self.calendar.start
        return self._name(battery) is not None and started and not left

    def _name(self, battery: Battery) -> str | None:
        return battery.esr if self.single_model else battery.gen

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
    def da_price(self) -> Floats:
        """Day-ahead price by hour and point of `da_points`, NaN where blank, $/MWh."""
        _, ahead = self.market.system_price
        scale, tilt = (values[: len(self.da_points)] for values in self._basis)
        noise = self.chance("da price").normal(0.0, 0.6, (len(self.hours), len(scale)))
        price = self.market.published_price(ahead[: len(self.hours), None] * scale + tilt + noise)
        price[np.ix_(self.calendar.between(self.hours, (10, 14), 8), self._unpriced)] = np.nan
        return price

    def rt_block(self, first: int, last: int) -> Floats:
        """Real-time price of the quarter-hours first..last-1 by point of `points`, NaN where blank, $/MWh."""
        real, _ = self.market.system_price
        scale, tilt = self._basis
        noise = self.chance("rt price", str(first)).normal(0.0, 1.2, (last - first, len(scale)))
        price = self.market.published_price(real[first:last, None] * scale + tilt + noise)
        price[np.ix_(self.calendar.between(self.quarters[first:last], (5, 10), 18), self._unpriced)] = np.nan
        return price

    @cached_property
    def output(self) -> Telemetry:
        """Net output of the generation or storage resource."""
        return _telemetered(self, "output", load=False)

    @cached_property
    def consumption(self) -> Telemetry:
        """Consumption of the load resource that charges a battery before RTC+B."""
        found = _telemetered(self, "consumption", load=True)
        found.thousandths[:, [n for n, b in enumerate(self.batteries) if b.load is None]] = ABSENT
        return found


def _tenths(values: Any) -> Tenths:
    found: Tenths = np.round(np.asarray(values) * 10.0).astype(np.int16)
    return found


def _limits(market: RealSizeYear) -> Tenths:
    """HSL by hour and battery: the capacity, with a few hours of an overstated limit, so that the largest is not the capacity."""
    limits: Tenths = np.where(market.running, _tenths(market.capacity), 0).astype(np.int16)
    for n, rng in enumerate(market.chance("limits").spawn(len(market.batteries))):
        hours = np.flatnonzero(market.running[:, n])
        if len(hours) > 100:
            limits[rng.choice(hours, 12, replace=False), n] = _tenths(1.1 * market.capacity[n])
    return limits


def _wish(market: RealSizeYear) -> npt.NDArray[np.float32]:
    """Share of its power that each battery would give, negative to take, by hour."""
    rng = market.chance("wish")
    shape = (len(market.hours), len(market.batteries))
    wish = np.zeros(shape, dtype=np.float32)
    price = np.nan_to_num(np.take_along_axis(market.da_price, market.node_column, axis=1), nan=0.0)
    full_hours = np.maximum(1, np.round(market.energy / market.capacity)).astype(np.int64)
    trades = rng.random((market.days, shape[1])) < 1.15 - 0.6 * market.share
    first_hours = np.searchsorted(market.hour_day, np.arange(market.days + 1))
    for position in range(market.days):
        first, last = int(first_hours[position]), int(first_hours[position + 1])
        rank = np.argsort(np.argsort(price[first:last], axis=0, kind="stable"), axis=0, kind="stable")
        charging, discharging = rank <= full_hours, rank >= last - first - full_hours
        wish[first:last] = np.where(discharging, 1.0, np.where(charging, -1.0, 0.0)) * trades[position]
    return wish * rng.uniform(0.8, 1.0, shape).astype(np.float32)


def _run_the_fleet(market: RealSizeYear) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Follow the wishes as far as the state of charge allows; all losses are taken on the way in.

    Returns:
        `power_hundredths` and `soc_mwh`.
    """
    wish = _wish(market)
    real, _ = market.market.system_price
    rng = market.chance("wander")
    quarters, count = len(market.quarters), len(market.batteries)
    power, soc = np.zeros((quarters, count), dtype=np.int32), np.zeros((quarters, count), dtype=np.float32)
    efficiency = np.array([b.efficiency for b in market.batteries])
    held = market.energy * rng.uniform(0.2, 0.6, count)
    for quarter in range(quarters):
        if quarter % _CHUNK_QUARTERS == 0:
            wander = rng.normal(0.0, 0.06, (min(_CHUNK_QUARTERS, quarters - quarter), count)) * market.share
        hour = quarter // 4
        want = wish[hour].astype(np.float64)
        if real[quarter] > SELLING_PRICE:
            want = np.ones(count)
        elif real[quarter] < CHARGING_PRICE:
            want = -np.ones(count)
        want = np.where(want == 0.0, wander[quarter % _CHUNK_QUARTERS], want) * market.running[hour]
        energy = want * market.capacity * 0.25
        energy = np.maximum(np.minimum(energy, held), -(market.energy - held) / efficiency)
        held = np.clip(held - np.where(energy > 0.0, energy, energy * efficiency), 0.0, market.energy)
        power[quarter] = np.round(400.0 * energy)
        soc[quarter] = held
    return power, soc


def _award(market: RealSizeYear) -> tuple[Tenths, dict[str, Tenths], dict[str, Tenths], dict[str, Tenths]]:
    """Awards of all batteries: `energy_tenths`, `gen_tenths`, `load_tenths` and `rt_tenths`."""
    shape = (len(market.hours), len(market.batteries))
    rng = market.chance("awards")
    # Some days a battery makes no day-ahead offer at all.
    offers = (rng.random((market.days, shape[1])) < 0.85)[market.hour_day] & market.running
    hourly = market.power_hundredths.reshape(-1, 4, shape[1]).mean(axis=1) / 100.0
    sold = np.clip(hourly, 0.0, None) * rng.uniform(0.5, 1.05, shape) * (rng.random(shape) < 0.75)
    sold = np.minimum(sold, market.capacity) * offers
    bought = np.clip(hourly, None, 0.0) * 0.8 * (rng.random(shape) < 0.5) * offers
    energy = _tenths(sold + bought if market.single_model else sold)
    spare = np.clip(market.capacity - sold, 0.0, None) * market.share * (hourly < 0.5 * market.capacity) * offers
    mix = rng.dirichlet(AWARD_MIX, shape[1])
    gens: dict[str, Tenths] = {}
    loads: dict[str, Tenths] = {}
    real: dict[str, Tenths] = {}
    for n, product in enumerate(PRODUCTS):
        taken = spare * (rng.random(shape) < 0.7)
        if product == "ecrs":
            taken = taken * (market.hours >= ECRS.start)[:, None]
        gen = np.zeros(shape, dtype=np.int16) if product == "regdn" else _tenths(taken * mix[:, n])
        load = _tenths(taken * 0.5) if product == "regdn" else _tenths(gen * 0.03)
        if market.single_model:
            gen, load = (gen + load).astype(np.int16), np.zeros_like(load)
            day_ahead = np.repeat(gen, 4, axis=0)
            way = rng.random(day_ahead.shape, dtype=np.float32)
            more = np.where(day_ahead > 0, 1.4 * day_ahead + 5.0, 0.0)
            real[product] = np.where(way < 0.7, day_ahead, np.where(way < 0.85, 0, more)).astype(np.int16)
        gens[product], loads[product] = gen, load
    return energy, gens, loads, real


def _telemetered(market: RealSizeYear, purpose: str, *, load: bool) -> Telemetry:
    """Telemetry of the output of all batteries, or of the consumption of their load resources, some days at a time."""
    shape = (len(market.runs), len(market.batteries))
    found = Telemetry(np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int16))
    high = np.array([b.load_reads_high for b in market.batteries]) if load else 1.0
    loses_rows = np.array([load and b.role == "missing_load_rows" for b in market.batteries])
    for first in range(0, len(market.quarters), _CHUNK_QUARTERS):
        here = slice(*np.searchsorted(market.run_quarter, [first, first + _CHUNK_QUARTERS]).tolist())
        quarter = market.run_quarter[here]
        rng = market.chance(purpose, str(here.start))
        power = market.power_hundredths[quarter]
        idle = np.abs(power) < 0.5
        if not market.single_model:
            power = np.clip(-power if load else power, 0, None)
        size = (len(quarter), shape[1])
        # The gauge of a run wanders by a hundredth.
        values = np.round(10.0 * (power * high) * (1.0 + 0.01 * rng.standard_normal(size, dtype=np.float32)))
        if market.single_model:
            values[idle & market.running[quarter // 4]] = 1000.0 * _IDLE_MW
        elif not load:
            values[idle & (rng.random(size, dtype=np.float32) < 0.2)] = -100.0
        luck = rng.random(size, dtype=np.float32)
        absent = (luck < _ABSENT_SHARE) | ~market.exists[quarter // 4] | (loses_rows & (luck < 0.01))
        absent[np.ix_(market.calendar.between(market.runs[here], (10, 3), 5), loses_rows)] = True
        values[luck > 1.0 - _BLANK_SHARE] = BLANK
        values[absent] = ABSENT
        found.thousandths[here] = values
        found.base_tenths[here] = _tenths(power / 100.0)
    return found
