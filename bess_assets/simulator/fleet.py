"""Who takes part in the made-up market: batteries and the roles they play, other resources, settlement points.

Belongs here: names, sizes, pairs, nodes, first and last days, and which awkward case each battery is.
Does not: what they do (market_model.py), what is published of it (publish.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

RTC_FIRST_DAY = date(2025, 12, 5)
"""Single-model storage resources and real-time ancillary services from this operating day."""

DAM_ESR_FIRST_DAY = date(2025, 12, 6)
"""First delivery day of the day-ahead file of storage resources."""

ECRS_FIRST_DAY = date(2023, 6, 10)
RRS_SPLIT_FIRST_DAY = date(2022, 12, 13)
COP_SOC_FIRST_DAY = date(2024, 6, 28)

PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")

ROLES = (
    "ordinary",
    "without_load_resource",
    "shares_node_first",
    "shares_node_second",
    "starts_mid_year",
    "out_for_weeks",
    "missing_node_price",
    "new_esr_2026",
    "changes_node",
    "missing_load_rows",
    "keeps_name",
    "retires",
)
"""The awkward cases in the order in which batteries take them; a small market has the first ones."""

_SITES = (
    "AMBER",
    "BASALT",
    "CEDAR",
    "DUSTY",
    "EMBER",
    "FALCON",
    "GRANITE",
    "HARROW",
    "INDIGO",
    "JUNIPER",
    "KESTREL",
    "LANTERN",
    "MARIGOLD",
    "NIMBUS",
    "OTTER",
    "PEBBLE",
    "QUARTZ",
    "RAVEN",
    "SAGE",
    "TALLOW",
    "UMBER",
    "VIOLET",
    "WILLOW",
    "XENON",
    "YARROW",
    "ZEPHYR",
    "ASPEN",
    "BRISTLE",
    "COBALT",
    "DRIFT",
    "ELM",
    "FLINT",
    "GARNET",
    "HAZEL",
    "IRIS",
    "JASPER",
)

_STYLES = ("BESS", "BESS", "UNIT", "BES", "SAME", "BESS", "UNIT", "BES", "BESS", "UNIT", "SAME", "BESS")
"""How a site names its battery before RTC+B, near the shares of market.md section 8."""


@dataclass(frozen=True)
class Battery:
    """One battery.

    Attributes:
        key: its stable name, across the rename at RTC+B.
        role: which awkward case it is, one of ROLES.
        gen: generation resource before RTC+B, or None if it came later.
        load: load resource that charges it before RTC+B, or None.
        esr: storage resource from RTC+B, or None if it left before.
        node: settlement point at first.
        later_node: settlement point after it moved, or None.
        moves_on: day of the move, as month and day of every year simulated first.
        qse: who represents it.
        capacity_mw: power.
        energy_mwh: energy.
        efficiency: what comes out of what went in.
        load_reads_high: factor by which the load side's telemetry overstates.
        ancillary_share: how much of its power it offers as ancillary services.
        first_day: first day with rows.
        first_active: first day of operation.
        last_day: last day with rows, or None.
        outages: first and last day of each outage.
    """

    key: str
    role: str
    gen: str | None
    load: str | None
    esr: str | None
    node: str
    later_node: str | None
    moves_on: date | None
    qse: str
    capacity_mw: float
    energy_mwh: float
    efficiency: float
    load_reads_high: float
    ancillary_share: float
    first_day: date
    first_active: date
    last_day: date | None
    outages: tuple[tuple[date, date], ...]

    def nodes(self) -> list[str]:
        """Every settlement point it ever had."""
        return [self.node] + ([self.later_node] if self.later_node else [])


@dataclass(frozen=True)
class Generator:
    """A generation resource that is no battery."""

    name: str
    kind: str
    node: str
    capacity_mw: float


@dataclass(frozen=True)
class Load:
    """A load resource that charges no battery, though its name may suggest it."""

    name: str
    capacity_mw: float


@dataclass(frozen=True)
class Point:
    """A settlement point as the real-time price file lists it."""

    name: str
    kind: str


@dataclass(frozen=True)
class Fleet:
    """Everyone in the market."""

    batteries: tuple[Battery, ...]
    generators: tuple[Generator, ...]
    loads: tuple[Load, ...]
    points: tuple[Point, ...]


_FOREVER = date(2010, 1, 1)


def make_fleet(years: Sequence[int], batteries: int, seed: int) -> Fleet:
    """The fleet of a market.

    Args:
        years: simulated years; mid-year cases happen in the first of them.
        batteries: how many.
        seed: any whole number.

    Returns:
        The fleet, the same for the same arguments.
    """
    rng = np.random.default_rng([seed, 101])
    sites = [_SITES[n] for n in rng.permutation(len(_SITES))]
    first_year = min(years)
    made: list[Battery] = []
    loads = [Load("OLDMILL_LD1", 12.0)]
    for index in range(batteries):
        role = ROLES[index] if index < len(ROLES) else "ordinary"
        cycle, place = divmod(index, len(sites))
        site = sites[place] + (str(cycle + 1) if cycle else "")
        made.append(_battery(role, index, site, first_year, rng, made))
        if role == "without_load_resource":
            # A name that suggests a pair, and a size that refutes it.
            loads.append(Load(f"{site}_LD1", round(2.5 * made[-1].capacity_mw, 1)))
        elif index == 0:
            loads.append(Load(f"{site}_LD2", round(0.2 * made[-1].capacity_mw, 1)))
    shared = [battery for battery in made if battery.role == "shares_node_first"]
    windy = shared[0].node if shared else "PLAINS_WIND_ALL"
    generators = (
        Generator("REDBLUFF_CC1_1", "CCGT90", "REDBLUFF_CC1", 420.0),
        Generator(windy.removesuffix("_ALL") + "_WIND1", "WIND", windy, 150.0),
    )
    names = dict.fromkeys(node for battery in made for node in battery.nodes())
    names.update(dict.fromkeys(["REDBLUFF_CC1", windy, "LONEPINE_RN"]))
    points = [Point(name, "RN") for name in names]
    points += [Point("HB_HUBAVG", "AH"), Point("HB_NORTH", "HU"), Point("HB_WEST", "HU")]
    points += [Point(name, kind) for name in ("LZ_NORTH", "LZ_WEST") for kind in ("LZ", "LZEW")]
    return Fleet(tuple(made), generators, tuple(loads), tuple(points))


def _battery(
    role: str, index: int, site: str, first_year: int, rng: np.random.Generator, before: list[Battery]
) -> Battery:
    """One battery, by its role and by chance."""
    capacity = round(
        float(rng.choice([9.9, 20.0, 50.0, 75.0, 100.0, 100.0, 150.0, 200.0])) * float(rng.uniform(0.9, 1.05)), 1
    )
    duration = float(rng.choice([1.0, 1.0, 1.2, 1.5, 2.0, 2.0]))
    efficiency = float(rng.uniform(0.80, 0.90))
    reads_high = float(rng.uniform(1.02, 1.08))
    share = (0.15, 0.75, 0.95)[int(rng.choice(3, p=[0.3, 0.4, 0.3]))]
    start_chance, start_day = float(rng.random()), int(rng.integers(0, 7 * 365))
    number = 1
    style = _STYLES[index % len(_STYLES)]
    node = f"{site}_{'RN' if index % 3 else 'ALL'}"
    first_day = first_active = _FOREVER
    last_day: date | None = None
    later_node: str | None = None
    moves_on: date | None = None
    outages: tuple[tuple[date, date], ...] = ()
    if role == "shares_node_first":
        style, node = "UNIT", f"{site}_ALL"
    elif role == "shares_node_second":
        first = before[-1]
        style, number, node = "UNIT", 2, first.node
        site = first.node.removesuffix("_ALL")
        # Clearly another size, so that only the right load resource fits.
        capacity = round(1.45 * first.capacity_mw, 1)
    elif role == "starts_mid_year":
        first_day, first_active = date(first_year, 5, 20), date(first_year, 6, 12)
    elif role == "out_for_weeks":
        outages = tuple((date(year, 2, 11), date(year, 3, 14)) for year in range(first_year, first_year + 12))
    elif role == "new_esr_2026":
        first_day, first_active = date(2026, 2, 17), date(2026, 3, 1)
    elif role == "changes_node":
        later_node, moves_on = f"{site}_EAST_RN", date(first_year, 8, 6)
    elif role == "retires":
        last_day = date(first_year, 9, 15)
    elif index >= len(ROLES) and start_chance < 0.35:
        first_day = first_active = date.fromordinal(date(2019, 1, 1).toordinal() + start_day)
    came_late = first_day >= RTC_FIRST_DAY
    left_early = last_day is not None and last_day < RTC_FIRST_DAY
    if role == "keeps_name":
        key = site.capitalize()
        gen = load = esr = key
    else:
        key = f"{site}_{number}"
        gen = f"{site}_{'BESS' if style == 'SAME' else style}{number}"
        load = gen if style == "SAME" else f"{site}_LD{number}"
        esr = f"{site}_ESR{number}"
    return Battery(
        key=key,
        role=role,
        gen=None if came_late else gen,
        load=None if came_late or role == "without_load_resource" else load,
        esr=None if left_early else esr,
        node=node,
        later_node=later_node,
        moves_on=moves_on,
        qse=f"Q{('LONE', 'STAR', 'MESA')[index % 3]}",
        capacity_mw=capacity,
        energy_mwh=round(capacity * duration, 1),
        efficiency=efficiency,
        load_reads_high=reads_high,
        ancillary_share=share,
        first_day=first_day,
        first_active=first_active,
        last_day=last_day,
        outages=outages,
    )


def roles(batteries: int = 12, seed: int = 1, years: Sequence[int] = (2024, 2025, 2026)) -> dict[str, str]:
    """Which battery plays which awkward case.

    Args:
        batteries: as given to `simulate`.
        seed: as given to `simulate`.
        years: as given to `simulate`.

    Returns:
        Stable battery key by role name; the first battery of a role where several play it.
    """
    found: dict[str, str] = {}
    for battery in make_fleet(years, batteries, seed).batteries:
        found.setdefault(battery.role, battery.key)
    return found
