"""The rows of the made-up market as sheets: of each dataset and kind of resource, values by moment and resource."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, Bools, Floats, Ints, midnight
from bess_assets.simulator.courses import mwh_above_zero
from bess_assets.simulator.fleet import COP_SOC, DAM_ESR, ECRS, PRODUCTS, RTC, Battery
from bess_assets.simulator.market_model import MarketYear, Operation, operate, splits_rrs

Hazards = Literal["flawless", "none", "harmless", "wild"]
"""How badly a market is published; `flawless` is a `none` of which nothing is lost or misread."""
Numbers = Mapping[str, Floats | float]
"""Values by canonical column."""
Who = tuple[str | None, str, str]
"""A resource, settlement point or product: name, kind and QSE, as `Rows` has them; no rows of it are published without a name."""
Point = tuple[str, str]
"""Name and type of a settlement point."""
_Item = TypeVar("_Item")

RUN_PRICES = ("SCED_AS_prices", "SCED_AS_adders")
"""Folders of the clearing prices of SCED runs and of the adders to them, whose stamps lie some seconds beside those of the disclosure."""
PRICES = ("RT_prices", "DA_prices", "AS_prices", "RT_AS_prices", *RUN_PRICES)
"""Folders of the price datasets: their files are grouped by the year of delivery, those of all others, the 60-day disclosure, by the year of publication."""

STAMPED = ("SCED_Gen_Resources", "SCED_Load_Resources", "SCED_ESR_Resources", *RUN_PRICES)
"""Folders of the datasets that name a moment by a time stamp."""

BY_QUARTER_HOUR = ("SCED_SMNE", "RT_prices", "RT_AS_prices")
"""Folders of the datasets with rows by quarter-hour; those neither here nor in STAMPED have them by hour."""

CUT = (11, 2)
"""First month and day whose 60-day disclosure is published in the next year."""


@dataclass(frozen=True)
class Sheet:
    """Rows of a dataset as they are published: of some moments, those of some resources side by side.

    Attributes:
        dataset: folder.
        who: resources, points or products.
        numbers: values of the columns that the rows have, by moment (shape n x 1), by resource, or by both.
        keep: rows that are published, as far as the dataset holds any of their moment.
        running: rows whose status says that the resource is available.
        nodes: settlement point of each row, as its place among those of the fleet.
        awards: day-ahead ancillary awards by product, whose columns depend on the year of the file.
        replaced: whether some of the rows replaced earlier ones, if hazards are wanted.
    """

    dataset: str
    who: Sequence[Who]
    numbers: Numbers
    keep: Bools | bool = True
    running: Bools | bool | None = None
    nodes: Ints | None = None
    awards: Mapping[str, Floats] | None = None
    replaced: bool = True


class Period:
    """Some time of a market that is published at once.

    Args:
        market: its year.
        hazards: how badly it is published.
        hours, quarters, runs: its moments.
        did: the operation of all batteries, of the year or its first hours: then all resources of a kind are published side by side, every day once. If not
            given, each resource is published apart, with gaps and second editions.
    """

    def __init__(
        self,
        market: MarketYear,
        hazards: Hazards,
        hours: Ints,
        quarters: Ints,
        runs: Ints,
        did: Operation | None = None,
    ) -> None:
        self.market, self.year, self.hazards, self.apart = market, market.year, hazards, did is None
        self.hours, self.quarters, self.runs = hours[:, None], quarters[:, None], runs[:, None]
        self.hour_of_day = self.year.hour_of_day(self.hours)
        self._did = did
        self.lossy = not market.flawless
        self._unpriced = [b.node for b in market.fleet.batteries if b.role == "missing_node_price" and self.lossy]

    def sheets(self) -> Iterator[Sheet]:
        """All rows."""
        for batteries in self.groups(self.market.fleet.batteries):
            did = operate(self.market, batteries) if self._did is None else self._did
            if did["exists"].any():
                for of_batteries in (_day_ahead, _telemetry, _plans):
                    yield from of_batteries(self, batteries, did)
        for of_others in (_generators, _loads, _unused_datasets, _energy_prices, _ancillary_prices):
            yield from of_others(self)
        if self.apart:
            yield from run_prices(self.market, self.hazards, self.market.rtc_runs[1])

    def groups(self, items: Sequence[_Item]) -> list[Sequence[_Item]]:
        """Batteries, other resources or settlement points in groups that are published side by side."""
        if self.apart:
            return [[item] for item in items]
        return [list(alike) for _, alike in groupby(items, lambda item: getattr(item, "telemetered", None))]

    def chance(self, purpose: str, name: str) -> np.random.Generator:
        """A stream of chance for a purpose and the group of which the first has this name."""
        stretch = [] if self.apart else [str(self.hours[0, 0]), str(len(self.runs))]
        return self.market.chance(purpose, name, *stretch)

    def on(self, times: Ints, *days: tuple[int, int]) -> Bools:
        """Which times lie in one of the days, given as month and day, of which files lack something or hold too much."""
        found: Bools = np.any([self.year.between(times, day) & (self.apart and self.lossy) for day in days], axis=0)
        return found

    def at(self, values: npt.NDArray[Any], times: Ints) -> npt.NDArray[Any]:
        """Values by hour or quarter-hour of the year, at some moments."""
        hours = len(self.year.hours if values.ndim == 1 or self._did is None else self._did["exists"])
        place = (times - self.year.start) // (HOUR_SECONDS if len(values) == hours else QUARTER_SECONDS)
        found: npt.NDArray[Any] = values[place if values.ndim == 1 else place[:, 0]]
        return found

    def places(self, names: Iterable[str]) -> Ints:
        """Places of settlement points among those of the fleet."""
        place = {name: n for n, (name, _) in enumerate(self.market.fleet.points)}
        return np.array([place[name] for name in names])

    def prices(self, points: Iterable[Point], times: Ints, *, ahead: bool) -> Floats:
        """Energy prices by moment and settlement point."""
        return np.concatenate([self.at(self.market.prices[point][ahead], times) for point in points], axis=1)

    def unpriced(self, names: Sequence[str], times: Ints, *, ahead: bool) -> Bools:
        """Where a settlement point lacks prices: in a stretch that is long in even years, short in odd ones."""
        first, days = ((10, 14), (2, 8)) if ahead else ((5, 10), (3, 18))
        found: Bools = self.year.between(times, first, days[self.year.year % 2 == 0]) & np.isin(names, self._unpriced)
        return found


def _row(values: Iterable[Any]) -> npt.NDArray[Any]:
    return np.array(list(values))


def _day_ahead(to: Period, batteries: Sequence[Battery], did: Operation) -> Iterator[Sheet]:
    hours = to.hours
    combo = hours < midnight(DAM_ESR)
    # A day without rows of this battery: no award, and the node of the day before.
    here = to.at(did["listed" if to.lossy else "exists"], hours)
    here = here & ~(to.on(hours, (7, 4)) & _row(b.role == "ordinary" for b in batteries))
    running, limit = to.at(did["running"], hours), to.at(did["high_limit_mw"], hours)
    points = [b.node for b in batteries] + [b.later_node or b.node for b in batteries]
    place = np.arange(len(batteries)) + len(batteries) * to.at(did["moved"], hours)
    price = to.prices([(point, "RN") for point in points], hours, ahead=True)
    price[to.unpriced(points, hours, ahead=True)] = np.nan
    numbers: Numbers = {
        "lsl": 0.0,
        "hsl": limit,
        "awarded": to.at(did["energy_award_mw"], hours),
        "energy_price": np.take_along_axis(price, place, axis=1),
    }
    nodes = to.places(points)[place]
    gen, load = ({p: to.at(did[f"{leg}_{p}"], hours) for p in PRODUCTS} for leg in ("gen", "load"))
    who: list[Who] = [(b.gen, "PWRSTR", b.qse) for b in batteries]
    yield Sheet("DAM_Gen_Resources", who, numbers, here & combo, running, nodes, gen)
    size: Numbers = {"max_power": _row(round(b.capacity_mw * 1.02, 1) for b in batteries), "low_power": 0.0}
    yield Sheet("DAM_Load_Resources", [(b.load, "", "") for b in batteries], size, here & combo, awards=load)
    both = {product: np.round(award + np.nan_to_num(load[product]), 1) for product, award in gen.items()}
    who, numbers = [(b.esr, "ESR", b.qse) for b in batteries], {**numbers, "lsl": -limit}
    yield Sheet("DAM_ESR_Resources", who, numbers, here & ~combo, running, nodes, both)


def outputs(to: Period, batteries: Sequence[Battery], did: Operation) -> dict[str, tuple[Floats, Floats]]:
    """Telemetered MW and base point at each run of the generation, load and storage resources of batteries.

    Output lags: at a run it is where the plan was 5 minutes ago, but for a fifth of what it was 10 minutes ago. Regulation moves it around that.
    """
    runs, market = to.runs, to.market
    rng = to.chance("outputs", batteries[0].key)
    plan, before, earlier = (to.at(did["power_mw"], np.maximum(runs - ago, to.year.start)) for ago in (0, 300, 600))
    size, running = _row(b.capacity_mw for b in batteries), to.at(did["running"], runs)
    reached = (0.8 * before + 0.2 * earlier) * (1.0 + rng.normal(0.0, 0.01, plan.shape))
    swing = np.where(reached == 0.0, 0.0, size * _row(0.02 * b.ancillary_share for b in batteries))
    signal = market.regulation[np.searchsorted(market.runs, runs)]
    net = np.clip(reached + swing * signal, -size, size).round(3)
    idle = net == 0.0
    found: dict[str, tuple[Floats, Floats]] = {}
    if runs.size and runs[0, 0] < midnight(RTC):
        station = np.where(idle & (rng.random(plan.shape) < 0.2), -0.1, 0.0)
        drawn = np.clip(-net, 0.0, None) * _row(b.load_reads_high for b in batteries)
        found["gen"] = np.clip(net, 0.0, None) + station, np.clip(plan, 0.0, None).round(1)
        found["load"] = drawn.round(3), np.clip(-plan, 0.0, None).round(1)
    if runs.size and runs[-1, 0] >= midnight(RTC):
        found["esr"] = np.where(idle & running, -0.161, net), plan.round(1)
    return found


def _telemetry(to: Period, batteries: Sequence[Battery], did: Operation) -> Iterator[Sheet]:
    runs = to.runs
    rng = to.chance("telemetry", batteries[0].key)
    shape = len(runs), len(batteries)
    seen, told = (rng.random(shape) >= share * to.lossy for share in (0.002, 0.001))
    seen &= to.at(did["exists"], runs)
    running, limit = to.at(did["running"], runs), to.at(did["high_limit_mw"], runs)
    made = outputs(to, batteries, did)
    if "gen" in made:
        output, base_point = made["gen"]
        combo = seen & (runs < midnight(RTC))
        numbers: Numbers = {
            "base_point": base_point,
            "hsl": limit,
            "lsl": 0.0,
            "net_output": np.where(told, output, np.nan),
        }
        who: list[Who] = [(b.gen, "PWRSTR", b.qse) for b in batteries]
        yield Sheet("SCED_Gen_Resources", who, numbers, combo, running)
        if to.apart:
            yield from _metered(to, batteries[0], did, made["gen"])
        loses_rows = _row(b.role == "missing_load_rows" for b in batteries) & to.lossy
        lost = ((rng.random(shape) <= 0.01) | to.year.between(runs, (10, 3), 5)) & loses_rows
        drawn, base_point = made["load"]
        numbers = {
            "max_power": _row(round(b.capacity_mw * 1.02, 1) for b in batteries),
            "low_power": 0.0,
            "real_power": np.where(rng.random(shape) >= 0.001 * to.lossy, drawn, np.nan),
            "base_point": base_point,
        }
        yield Sheet("SCED_Load_Resources", [(b.load, "", b.qse) for b in batteries], numbers, combo & ~lost, running)
    if "esr" in made:
        output, base_point = made["esr"]
        awards = rt_awards(to, batteries, did)
        total = awards.pop("rrs")
        fast = np.round(total * _row(0.4 if splits_rrs(b) else 0.0 for b in batteries), 1)
        stored = _stored(runs, output, to.at(did["soc_mwh"], runs), _row(b.efficiency for b in batteries))
        if to.lossy:
            stored = np.where(rng.random(shape) < 0.002, 0.0, stored + rng.normal(0.0, 0.02, shape).clip(0.0))
        numbers = {
            "base_point": base_point,
            "hsl": limit,
            "lsl": -limit,
            "net_output": np.where(told, output, np.nan),
            "soc": stored.round(2),
            "min_soc": 0.0,
            "max_soc": np.where(running, _row(b.energy_mwh for b in batteries), 0.0),
            "rrspfr": np.round(total - fast, 1),
            "rrsffr": fast,
            "rrsufr": total * 0.0,
            **awards,
        }
        who = [(b.esr, "ESR", b.qse) for b in batteries]
        yield Sheet("SCED_ESR_Resources", who, numbers, seen & (runs >= midnight(RTC)), running)


def rt_awards(to: Period, batteries: Sequence[Battery], did: Operation) -> dict[str, Floats]:
    """Real-time award of each product at each run, MW; one run in four gives less than the award of its quarter-hour."""
    share = np.clip(4.0 * to.chance("awards", batteries[0].key).random((len(to.runs), len(batteries))), None, 1.0)
    return {product: np.round(to.at(did[f"rt_{product}"], to.runs) * share, 1) for product in PRODUCTS}


def _stored(runs: Ints, output: Floats, held: Floats, efficiency: Floats) -> Floats:
    """State of charge as telemetry says it, MWh: it follows the output 5 % high, and jumps to the truth at 06:00 UTC."""
    power = 1.05 * np.where(output > 0.0, -output, -output * efficiency)
    hours = np.diff(runs, axis=0, prepend=runs[:1]) / HOUR_SECONDS
    stored = np.cumsum((power + np.roll(power, 1, axis=0)) / 2 * hours, axis=0)
    days = (runs[:, 0] - 6 * HOUR_SECONDS) // (24 * HOUR_SECONDS)
    first = np.searchsorted(days, days)
    read: Floats = np.maximum(held[first] + stored - stored[first], 0.0)
    return read


def moved_mwh(to: Period, course: tuple[Floats, Floats], there: Bools) -> tuple[Floats, Floats]:
    """MWh out and in of one resource by quarter-hour, from its readings and base points at the runs of which it has rows."""
    runs, until = to.runs[there, 0], to.year.day_starts[to.year.day_number(to.runs[there, 0][-1:]) + 1]
    reading, base_point = (mw[there, 0] for mw in course)
    out, into = (mwh_above_zero(runs, sign * reading, sign * base_point, until, to.quarters[:, 0]) for sign in (1, -1))
    return out, into


def is_metered(to: Period) -> Bools:
    """Whether a file has the settlement metering of each quarter-hour, as those of even years have."""
    quarters = to.quarters
    in_even_file: Bools = (quarters < to.year.day_start(*CUT)) == (to.year.year % 2 == 0)
    return in_even_file & (quarters < midnight(RTC)) & ~to.on(quarters, (3, 19), (6, 3), (6, 4), (9, 12))


def _metered(to: Period, battery: Battery, did: Operation, course: tuple[Floats, Floats]) -> Iterator[Sheet]:
    there = (to.at(did["exists"], to.runs) & (to.runs < midnight(RTC)))[:, 0]
    if there.any():
        out, into = moved_mwh(to, course, there)
        error = 1.0 + to.lossy * to.chance("metered", battery.key).normal(0.0, 0.004, out.shape)
        energy = np.round((out - into) * error, 6)[:, None]
        yield Sheet("SCED_SMNE", [(battery.gen, "", "")], {"value": energy}, is_metered(to) & ~np.isnan(energy))


def _plans(to: Period, batteries: Sequence[Battery], did: Operation) -> Iterator[Sheet]:
    hours = to.hours
    exists, running, limit = (to.at(did[column], hours) for column in ("exists", "running", "high_limit_mw"))
    top = np.where(running & (hours >= midnight(COP_SOC)), _row(b.energy_mwh for b in batteries), np.nan)
    soc = {"min_soc": top * 0.0, "max_soc": top, "planned_soc": np.round(top * 0.5, 1)}
    numbers: Numbers = {"hsl": limit, "lsl": 0.0, **soc}
    for side, here in (("gen", hours < midnight(RTC)), ("esr", hours >= midnight(RTC))):
        who: list[Who] = [(getattr(b, side), "", b.qse) for b in batteries]
        yield Sheet("COP_Snapshots", who, numbers, exists & here, running)


def _generators(to: Period) -> Iterator[Sheet]:
    hours = to.hours
    hour = ((to.runs - hours[0]) // HOUR_SECONDS)[:, 0]
    for some in to.groups(to.market.fleet.generators):
        rng = to.chance("generator", some[0].name)
        size, plant = _row(g.capacity_mw for g in some), _row(g.kind == "CCGT90" for g in some)
        level = np.clip(0.5 + 0.3 * rng.standard_normal((len(hours), len(some))), 0.0, 1.0)
        output = np.round(size * level, 1)
        awards = dict.fromkeys(PRODUCTS, np.where(plant, 0.0, np.nan))
        # A plant that runs at night can go down: no real file holds a whole year without regulation down.
        awards["regdn"] = np.where(plant, np.where(to.hour_of_day < 6, 12.0, 0.0), np.nan)
        who: list[Who] = [(g.name, g.kind, "QGRID") for g in some]
        nodes = to.places([g.node for g in some])
        limits: Numbers = {"lsl": 0.0, "hsl": size}
        price = to.prices([(g.node, "RN") for g in some], hours, ahead=True)
        numbers: Numbers = {**limits, "awarded": output, "energy_price": price}
        yield Sheet("DAM_Gen_Resources", who, numbers, running=True, nodes=nodes, awards=awards, replaced=False)
        if some[0].telemetered:
            noise = 0.0 if to.apart else rng.uniform(-0.2, 0.2, (len(hour), len(some)))
            numbers = {**limits, "base_point": output[hour], "net_output": np.round(output[hour] + noise, 3)}
            yield Sheet("SCED_Gen_Resources", who, numbers, running=True, replaced=False)


def _loads(to: Period) -> Iterator[Sheet]:
    for some in to.groups(to.market.fleet.loads):
        capacity = _row(load.capacity_mw for load in some)
        level = 0.7 + 0.2 * to.chance("load", some[0].name).random((len(to.runs), len(some)))
        drawn = np.round(capacity * level, 2)
        awards = dict.fromkeys(PRODUCTS, capacity * np.nan)
        awards["rrs"] = _row(round(0.3 * load.capacity_mw, 1) for load in some)
        size: Numbers = {"max_power": capacity, "low_power": 0.0}
        who: list[Who] = [(load.name, "", "") for load in some]
        yield Sheet("DAM_Load_Resources", who, size, awards=awards, replaced=False)
        if some[0].telemetered:
            numbers = {**size, "real_power": drawn, "base_point": 0.0}
            who = [(load.name, "", "QLOAD") for load in some]
            yield Sheet("SCED_Load_Resources", who, numbers, running=drawn > 0, replaced=False)


def _unused_datasets(to: Period) -> Iterator[Sheet]:
    """Publish a few rows of the datasets that no figure is made from."""
    hours, noon = to.hours, to.hour_of_day == 12
    offer: list[Who] = [("REDBLUFF_CC1_1", "", "QGRID")]
    yield Sheet("SASM_AS_Offers", offer, {"price": 15.0, "quantity": 20.0}, noon & (hours < midnight(RTC)))
    for point in (("LZ_NORTH", "LZ"), ("HB_WEST", "HU")):
        bid: Numbers = {"award": -25.0, "price": to.prices([point], hours, ahead=True)}
        yield Sheet("DAM_Energy_Bid_Awards", [(point[0], "", "QLONE")], bid, noon)


def _energy_prices(to: Period) -> Iterator[Sheet]:
    first_kind = dict(reversed(to.market.fleet.points))
    for points in to.groups(to.market.fleet.points):
        names, kinds = zip(*points, strict=True)
        gap = to.unpriced(names, to.quarters, ahead=False)
        real = np.where(gap, np.nan, to.prices(points, to.quarters, ahead=False))
        # Without a price there is no row; side by side the row is there, and its price is blank.
        yield Sheet("RT_prices", [(name, kind, "") for name, kind in points], {"price": real}, ~(gap & to.apart))
        gap = to.unpriced(names, to.hours, ahead=True)
        blank = gap | (to.on(to.hours, (5, 2)) & (to.hour_of_day == 7) & (np.array(kinds) == "RN"))
        ahead = np.where(blank, np.nan, to.prices(points, to.hours, ahead=True))
        who: list[Who] = [(name if kind == first_kind[name] else None, "", "") for name, kind in points]
        yield Sheet("DA_prices", who, {"price": ahead}, ~(gap & to.apart))


def _ancillary_prices(to: Period) -> Iterator[Sheet]:
    market, hours, quarters = to.market, to.hours, to.quarters
    stray = midnight(ECRS) - DAY_SECONDS if to.hazards == "wild" else midnight(ECRS)
    for product in PRODUCTS:
        who: list[Who] = [(product.upper(), "", "")]
        keep = hours >= (stray if product == "ecrs" else to.year.start)
        if product == "nspin":
            keep &= ~without_nspin_price(to, hours, to.hour_of_day)
        yield Sheet("AS_prices", who, {"price": to.at(market.as_price[product], hours)}, keep)
        # Stray prices of the last hour before the new market.
        live = quarters >= midnight(RTC) - HOUR_SECONDS
        if product == "regup":
            live &= ~(to.on(quarters, (2, 3), (12, 20)) & (quarters % DAY_SECONDS == 18 * HOUR_SECONDS))
        yield Sheet("RT_AS_prices", who, {"price": to.at(market.rt_as_price[product][0], quarters)}, live)


def without_nspin_price(period: Period, hours: Ints, hour_of_day: Ints) -> Bools:
    """True in the two hours whose clearing price of non-spinning reserve nobody publishes, nor states in an award row."""
    return period.on(hours, (7, 20)) & np.isin(hour_of_day, (10, 11))


def run_prices(market: MarketYear, hazards: Hazards, stamps: Ints) -> Iterator[Sheet]:
    """Publish clearing prices and adders of the runs with some stamps; a few lack one or both, wild files also the prices of days or every adder."""
    place = np.searchsorted(market.rtc_runs[1], stamps)[:, None]
    lost = market.chance("lost run prices").random(len(market.rtc_runs[1]))[place] + market.flawless
    of_days = market.year.between(stamps[:, None], (2, 2), 3) & (hazards == "wild")
    for product in PRODUCTS:
        _, clearing, _ = market.rt_as_price[product]
        who: list[Who] = [(product.upper(), "", "")]
        yield Sheet("SCED_AS_prices", who, {"price": clearing[place]}, (lost >= 0.002) & ~of_days)
    adders: Numbers = {product: market.rt_as_price[product][2][place] for product in PRODUCTS}
    kept = ((lost < 0.001) | (lost >= 0.003)) & (hazards != "wild" or market.year.year != RTC.year)
    yield Sheet("SCED_AS_adders", [("", "", "")], adders, kept)
