"""One year of a made-up market of ERCOT's real size: the operation of all batteries side by side, and how many of everything else there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import QUARTER_SECONDS, Bools, Floats, Ints, midnight, operating_year
from bess_assets.simulator.fleet import RTC, Battery, make_fleet
from bess_assets.simulator.market_model import MarketYear, operate, rounded

_ZONES = ("AEN", "CPS", "HOUSTON", "LCRA", "NORTH", "RAYBN", "SOUTH", "WEST")
_HUBS = ("BUSAVG", "HUBAVG", "HOUSTON", "NORTH", "PAN", "SOUTH", "WEST")
_ABSENT_SHARE, _BLANK_SHARE = 0.002, 0.001
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


class RealSizeYear:
    """One year of a market of real size.

    Args:
        year: the operating year, of one market design only: any before 2025, or 2026.
        seed: any whole number.
        size: how many of everything.
        days: how many days of the year there are, from 1 January; all if not given.
        fleet_years: all years that are simulated, which decide when mid-year cases happen.

    Attributes:
        batteries: those with rows in the year.
        names: the resource that each discharges by in this year.
        points, da_points: name and type of each row of a real-time price interval, battery nodes first; the names, each once.
        hours, quarters: seconds at which the hours and quarter-hours begin.
        runs, run_quarter: seconds of the SCED runs, one a quarter-hour before RTC+B, and the position of the quarter-hour of each.
    """

    def __init__(
        self, year: int, seed: int, size: Size, days: int | None = None, fleet_years: tuple[int, ...] = ()
    ) -> None:
        """Choose the participants; operation and prices are computed when first asked for."""
        fleet = make_fleet(fleet_years or (year,), size.batteries, seed)
        self.size = size
        self.calendar = operating_year(year)
        self.end = int(self.calendar.day_starts[: days + 1 if days else None][-1])
        self.single_model = self.calendar.start >= RTC.start
        self.batteries: tuple[Battery, ...] = tuple(b for b in fleet.batteries if self._takes_part(b))
        self.names = [self._name(battery) or "" for battery in self.batteries]
        self.decoys = fleet.loads
        self.points = self._points()
        self.da_points = list(dict.fromkeys(name for name, _ in self.points))
        self.market = MarketYear(replace(fleet, points=tuple(self.points)), year, seed)
        self.hours = self.calendar.hours[self.calendar.hours < self.end]
        self.quarters = self.calendar.quarters[self.calendar.quarters < self.end]
        runs = self.market.runs
        self.runs: Ints = runs[(runs < self.end) & (self.single_model | (runs % QUARTER_SECONDS < 100))]
        self.run_quarter: Ints = (self.runs - self.calendar.start) // QUARTER_SECONDS

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
        named = [(name, "RN") for name in dict.fromkeys(node for b in self.batteries for node in b.nodes())]
        hubs = [(f"HB_{hub}", "AH" if hub in {"BUSAVG", "HUBAVG"} else "HU") for hub in _HUBS]
        zones = [(f"LZ_{zone}", kind) for kind in ("LZ", "LZEW") for zone in _ZONES]
        others = max(self.size.points - len(named) - len(zones) - len(hubs), 1)
        return [*named, *((f"SITE{n:04d}_RN", "RN") for n in range(others)), *hubs, *zones]

    @cached_property
    def did(self) -> dict[str, npt.NDArray[Any]]:
        """The operation of all batteries: the columns of `Operation` by hour or quarter-hour and battery, awards as `gen_regup` or `rt_rrs`."""
        found: dict[str, npt.NDArray[Any]] = {}
        for place, battery in enumerate(self.batteries):
            columns = dict(vars(operate(self.market, battery)))
            for leg in ("gen", "load", "rt"):
                columns |= {f"{leg}_{product}": award for product, award in columns.pop(f"{leg}_awards_mw").items()}
            for name, values in columns.items():
                count = len(self.hours if len(values) == len(self.calendar.hours) else self.quarters)
                if name not in found:
                    found[name] = np.empty((count, len(self.batteries)), values.dtype)
                found[name][:, place] = values[:count]
        return found

    @cached_property
    def node_column(self) -> Ints:
        """By hour and battery, the position of its node in `da_points`."""
        first, last = ([self.da_points.index(b.nodes()[end]) for b in self.batteries] for end in (0, -1))
        return np.where(self.did["moved"], last, first)

    @cached_property
    def da_price(self) -> Floats:
        """Day-ahead price by hour and point of `da_points`, NaN where blank, $/MWh."""
        ahead = {name: self.market.prices[name, kind][1] for name, kind in reversed(self.points)}
        price = np.stack([ahead[name][: len(self.hours)] for name in self.da_points], axis=1)
        return self._blanked(price, self.da_points, self.calendar.between(self.hours, (10, 14), 8))

    def rt_price(self, here: slice) -> Floats:
        """Real-time price of some quarter-hours by point of `points`, NaN where blank, $/MWh."""
        price = np.stack([self.market.prices[point][0][here] for point in self.points], axis=1)
        return self._blanked(
            price, [*map(itemgetter(0), self.points)], self.calendar.between(self.quarters[here], (5, 10), 18)
        )

    def _blanked(self, price: Floats, names: list[str], times: Bools) -> Floats:
        """Prices by time and point less those of the nodes that lack some."""
        nodes = [battery.node for battery in self.batteries if battery.role == "missing_node_price"]
        price[np.ix_(times, np.isin(names, nodes))] = np.nan
        return price

    def telemetry(self, here: slice, *, load: bool) -> tuple[Floats, Floats, Bools]:
        """Telemetry of some runs: MW by run and battery, NaN where blank; base points; and which rows there are.

        Args:
            here: the runs.
            load: consumption of the load resource that charges a battery before RTC+B, else net output.
        """
        quarter = self.run_quarter[here]
        rng = self.chance("consumption" if load else "output", str(here.start))
        power = self.did["power_mw"][quarter]
        idle = np.abs(power) < 0.005
        if not self.single_model:
            power = np.clip(-power if load else power, 0.0, None)
        high = np.array([b.load_reads_high for b in self.batteries]) if load else 1.0
        values = rounded(power * high * (1.0 + 0.01 * rng.standard_normal(power.shape)), 3)
        if self.single_model:
            values[idle & self.did["running"][quarter // 4]] = _IDLE_MW
        elif not load:
            values[idle & (rng.random(power.shape) < 0.2)] = -0.1
        luck = rng.random(power.shape)
        loses_rows = np.array([load and b.role == "missing_load_rows" for b in self.batteries])
        lost = self.calendar.between(self.runs[here], (10, 3), 5)[:, None] | (luck < 0.01)
        there = self.did["exists"][quarter // 4] & (luck >= _ABSENT_SHARE) & ~(loses_rows & lost)
        values[luck > 1.0 - _BLANK_SHARE] = np.nan
        return values, rounded(power, 1), there
