"""The rules and participants of the made-up market: batteries and their roles, other resources, settlement points."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np

from bess_assets.simulator.calendar import midnight

# Changes of the market's rules or of its reports, by their first operating day.
RRS_SPLIT = date(2022, 12, 13)
"""Responsive reserve in three parts."""
ECRS = date(2023, 6, 10)
"""A fifth ancillary service."""
COP_SOC = date(2024, 6, 28)
"""State of charge in the operating plan."""
RTC = date(2025, 12, 5)
"""RTC+B: single-model storage resources and real-time ancillary services."""
DAM_ESR = date(2025, 12, 6)
"""The day-ahead file of storage resources."""

PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")

# fmt: off
ROLES = (
    "ordinary", "without_load_resource", "shares_node_first", "shares_node_second", "starts_mid_year", "out_for_weeks",
    "missing_node_price", "new_esr_2026", "changes_node", "missing_load_rows", "keeps_name", "retires",
)
"""The awkward cases in the order in which batteries take them; a small market has the first ones."""

_SITES = (
    "AMBER", "BASALT", "CEDAR", "DUSTY", "EMBER", "FALCON", "GRANITE", "HARROW", "INDIGO", "JUNIPER", "KESTREL", "LANTERN",
    "MARIGOLD", "NIMBUS", "OTTER", "PEBBLE", "QUARTZ", "RAVEN", "SAGE", "TALLOW", "UMBER", "VIOLET", "WILLOW", "XENON",
    "YARROW", "ZEPHYR", "ASPEN", "BRISTLE", "COBALT", "DRIFT", "ELM", "FLINT", "GARNET", "HAZEL", "IRIS", "JASPER",
)

_STYLES = ("BESS", "BESS", "UNIT", "BES", "SAME", "BESS", "UNIT", "BES", "BESS", "UNIT", "SAME", "BESS")
"""How a site names its battery before RTC+B, near the shares of market.md section 8."""
# fmt: on

_ZONES = ("AEN", "CPS", "HOUSTON", "LCRA", "NORTH", "RAYBN", "SOUTH", "WEST")
_HUBS = ("BUSAVG", "HUBAVG", "HOUSTON", "NORTH", "PAN", "SOUTH", "WEST")
_KINDS = ("CCGT90", "WIND", "PVGR", "SCLE90", "GSREH")

_FOREVER = date(2010, 1, 1)


@dataclass(frozen=True)
class Battery:
    """One battery.

    Attributes:
        key: its stable name, across the rename at RTC+B.
        role: its awkward case, one of ROLES.
        gen, load: generation and load resource before RTC+B, or None.
        esr: storage resource from RTC+B, or None if the battery left before.
        node, later_node, moves_on: settlement point, and the one to which it moves on a day, or None.
        efficiency: energy out per energy in.
        load_reads_high: factor by which the telemetry of the load side overstates.
        ancillary_share: share of its power that it offers as ancillary services.
        first_day, last_day: days with rows.
        first_listed, last_listed: the same of its day-ahead rows, which begin later or end sooner.
        first_active: first day of operation.
        outages: first and last day of each outage.
    """

    key: str
    role: str
    gen: str | None
    load: str | None
    esr: str | None
    node: str
    qse: str
    capacity_mw: float
    energy_mwh: float
    efficiency: float
    load_reads_high: float
    ancillary_share: float
    later_node: str | None = None
    moves_on: date | None = None
    first_day: date = _FOREVER
    first_active: date = _FOREVER
    last_day: date | None = None
    first_listed: date = _FOREVER
    last_listed: date | None = None
    outages: tuple[tuple[date, date], ...] = ()

    def nodes(self) -> list[str]:
        """Every settlement point that the battery ever had."""
        return [self.node] + ([self.later_node] if self.later_node else [])


@dataclass(frozen=True)
class Resource:
    """A resource other than a battery: a generator, or a load that charges no battery though its name may suggest it; telemetered if SCED has rows of it."""

    name: str
    capacity_mw: float
    kind: str = ""
    node: str = ""
    telemetered: bool = True


@dataclass(frozen=True)
class Fleet:
    """All participants of the market; a settlement point is a name and a type, as the real-time price file lists it."""

    batteries: tuple[Battery, ...]
    generators: tuple[Resource, ...]
    loads: tuple[Resource, ...]
    points: tuple[tuple[str, str], ...]


def make_fleet(years: Sequence[int], batteries: int, seed: int, *, flawless: bool = False) -> Fleet:
    """The fleet of a market, the same for the same arguments; mid-year cases happen in the first of the simulated years.

    In a `flawless` market every battery has its load resource.
    """
    rng = np.random.default_rng([seed, 101])
    sites = [_SITES[n] for n in rng.permutation(len(_SITES))]
    first_year = min(years)
    made: list[Battery] = []
    loads = [Resource("OLDMILL_LD1", 12.0)]
    for index in range(batteries):
        role = ROLES[index] if index < len(ROLES) else "ordinary"
        role = "ordinary" if flawless and role == "without_load_resource" else role
        cycle, place = divmod(index, len(sites))
        site = sites[place] + (str(cycle + 1) if cycle else "")
        made.append(_battery(role, index, site, first_year, rng, made))
        if role == "without_load_resource":
            # A name that suggests a pair, and a size that refutes it.
            loads.append(Resource(f"{site}_LD1", round(2.5 * made[-1].capacity_mw, 1)))
        elif index == 0:
            loads.append(Resource(f"{site}_LD2", round(0.2 * made[-1].capacity_mw, 1)))
    shared = [battery for battery in made if battery.role == "shares_node_first"]
    windy = shared[0].node if shared else "PLAINS_WIND_ALL"
    generators = (
        Resource("REDBLUFF_CC1_1", 420.0, "CCGT90", "REDBLUFF_CC1"),
        Resource(windy.removesuffix("_ALL") + "_WIND1", 150.0, "WIND", windy),
    )
    names = dict.fromkeys(node for battery in made for node in battery.nodes())
    names.update(dict.fromkeys(["REDBLUFF_CC1", windy, "LONEPINE_RN"]))
    points = [(name, "RN") for name in names] + [("HB_HUBAVG", "AH"), ("HB_NORTH", "HU"), ("HB_WEST", "HU")]
    points += [(name, kind) for name in ("LZ_NORTH", "LZ_WEST") for kind in ("LZ", "LZEW")]
    return Fleet(tuple(made), generators, tuple(loads), tuple(points))


def _battery(
    role: str, index: int, site: str, first_year: int, rng: np.random.Generator, before: list[Battery]
) -> Battery:
    power = float(rng.choice([9.9, 20.0, 50.0, 75.0, 100.0, 100.0, 150.0, 200.0]))
    capacity = round(power * float(rng.uniform(0.9, 1.05)), 1)
    duration = float(rng.choice([1.0, 1.0, 1.2, 1.5, 2.0, 2.0]))
    efficiency = float(rng.uniform(0.80, 0.90))
    reads_high = float(rng.uniform(1.02, 1.08))
    share = (0.15, 0.75, 0.95)[int(rng.choice(3, p=[0.3, 0.4, 0.3]))]
    start_chance, start_day = float(rng.random()), int(rng.integers(0, 7 * 365))
    number = 1
    style = _STYLES[index % len(_STYLES)]
    node = f"{site}_{'RN' if index % 3 else 'ALL'}"
    special: dict[str, Any] = {}
    match role:
        case "shares_node_first":
            style, node = "UNIT", f"{site}_ALL"
        case "shares_node_second":
            first = before[-1]
            style, number, node = "UNIT", 2, first.node
            site = first.node.removesuffix("_ALL")
            # Clearly another size, so that only the right load resource fits.
            capacity = round(1.45 * first.capacity_mw, 1)
        case "starts_mid_year":
            special = {"first_day": date(first_year, 5, 20), "first_active": date(first_year, 6, 12)}
            special["first_listed"] = date(first_year, 5, 29)
        case "out_for_weeks":
            years = range(first_year, first_year + 12)
            special = {"outages": tuple((date(year, 2, 11), date(year, 3, 14)) for year in years)}
        case "new_esr_2026":
            special = {"first_day": date(2026, 2, 17), "first_active": date(2026, 3, 1)}
            special["first_listed"] = date(2026, 2, 22)
        case "changes_node":
            special = {"later_node": f"{site}_EAST_RN", "moves_on": date(first_year, 8, 6)}
        case "retires":
            special = {"last_day": date(first_year, 9, 15), "last_listed": date(first_year, 9, 12)}
        case _ if index >= len(ROLES) and start_chance < 0.35:
            special = dict.fromkeys(("first_day", "first_active"), date(2019, 1, 1) + timedelta(days=start_day))
    came_late = special.get("first_day", _FOREVER) >= RTC
    left_early = special.get("last_day", RTC) < RTC
    key = f"{site}_{number}"
    gen = f"{site}_{'BESS' if style == 'SAME' else style}{number}"
    load = gen if style == "SAME" else f"{site}_LD{number}"
    esr = f"{site}_ESR{number}"
    if role == "keeps_name":
        key = gen = load = esr = site.capitalize()
    return Battery(
        key=key,
        role=role,
        gen=None if came_late else gen,
        load=None if came_late or role == "without_load_resource" else load,
        esr=None if left_early else esr,
        node=node,
        qse=f"Q{('LONE', 'STAR', 'MESA')[index % 3]}",
        capacity_mw=capacity,
        energy_mwh=round(capacity * duration, 1),
        efficiency=efficiency,
        load_reads_high=reads_high,
        ancillary_share=share,
        **special,
    )


def roles(batteries: int = 12, seed: int = 1, years: Sequence[int] = (2024, 2025, 2026)) -> dict[str, str]:
    """Stable battery key of each awkward case, the first where several batteries have it; arguments as given to `simulate`."""
    return {battery.role: battery.key for battery in reversed(make_fleet(years, batteries, seed).batteries)}


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
    if year < RTC.year:
        return Size(batteries=264, generation=1343, running=900, load=660, consuming=541, points=925)
    return Size(batteries=345, generation=1060, running=0, load=400, consuming=0, points=925)


def small_size(batteries: int) -> Size:
    """The same shape with few of everything, for tests and for measuring growth."""
    day_ahead, running = 2 * batteries + 20, 2 * batteries + 10
    return Size(batteries, day_ahead, running, day_ahead, running, points=batteries + 45)


def real_size_fleet(year: int, seed: int, size: Size, fleet_years: Sequence[int], end: float) -> Fleet:
    """The participants of a year of one market design with so many of everything, without the batteries that start at a second or later.

    All years that are simulated decide when mid-year cases happen.
    """
    combo = date(year, 1, 1) < RTC
    fleet = make_fleet(fleet_years, size.batteries, seed)

    def takes_part(battery: Battery) -> bool:
        left = battery.last_day is not None and battery.last_day.year < year
        named = battery.gen if combo else battery.esr
        starts = battery.first_day.year <= year and midnight(battery.first_day) < end
        return named is not None and starts and not left

    batteries = tuple(filter(takes_part, fleet.batteries))
    nodes = dict.fromkeys(node for battery in batteries for node in battery.nodes())
    hubs = [(f"HB_{hub}", "AH" if hub in {"BUSAVG", "HUBAVG"} else "HU") for hub in _HUBS]
    zones = [(f"LZ_{zone}", kind) for kind in ("LZ", "LZEW") for zone in _ZONES]
    sites = [f"SITE{n:04d}_RN" for n in range(max(size.points - len(nodes) - len(hubs) - len(zones), 1))]
    points = (*((name, "RN") for name in [*nodes, *sites]), *hubs, *zones)

    rng = np.random.default_rng([seed, year, 102])
    own = len(batteries) if combo else 0
    count, running = (max(amount - own, 1) for amount in (size.generation, size.running))
    kinds = [_KINDS[n % len(_KINDS)] for n in range(count)]
    generators = tuple(
        Resource(f"UNIT{n:04d}_{kind}1", mw / 10.0, kind, node, telemetered=combo and n < running)
        for n, (kind, mw, node) in enumerate(
            zip(kinds, rng.integers(50, 6000, count), rng.choice(sites, count), strict=True)
        )
    )
    decoys = fleet.loads if combo else ()
    own = len(decoys) + sum(battery.load is not None for battery in batteries if combo)
    count, consuming = (max(amount - own, 1) for amount in (size.load, size.consuming))
    plants = (
        Resource(f"PLANT{n:04d}_LD1", mw, telemetered=combo and n < consuming)
        for n, mw in enumerate(np.round(rng.uniform(1, 60, count), 1).tolist())
    )
    return Fleet(batteries, generators, (*decoys, *plants), points)
