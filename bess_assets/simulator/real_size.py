"""A year of ERCOT's real size as rollup files, in the layout of those that users have: the producer's headings, time as text, rows in time order.

Rows are published and written a million at a time, and each million is a row group. Offer curves and other resources, which no figure needs, have the size
that they have in ERCOT's files, and arbitrary values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Ints, Moments, midnight, operating_year
from bess_assets.simulator.fleet import RTC, Battery, Fleet, Resource, make_fleet
from bess_assets.simulator.layouts import CAMEL_CASE, TIME_COLUMNS, camel_case, rollup_headings
from bess_assets.simulator.market_model import MarketYear, Operation, operate, rounded
from bess_assets.simulator.publish import BY_QUARTER_HOUR, CUT, PRICES, STAMPED, Numbers, Period, Sheet, award_columns
from bess_assets.simulator.rollup_files import RollupFiles

GROUP_ROWS = 1_000_000
"""About how many rows a row group has."""

_ZONES = ("AEN", "CPS", "HOUSTON", "LCRA", "NORTH", "RAYBN", "SOUTH", "WEST")
_HUBS = ("BUSAVG", "HUBAVG", "HOUSTON", "NORTH", "PAN", "SOUTH", "WEST")
_KINDS = ("CCGT90", "WIND", "PVGR", "SCLE90", "GSREH")
_ABSENT = {
    **dict.fromkeys(("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_Load_Resources"), ("qse", "status")),
    "DAM_ESR_Resources": ("status",),
    "COP_Snapshots": ("qse",),
}
"""Columns that the users' rollups lack."""
_WITH_HOUR = ("DA_prices", "AS_prices", "DAM_Gen_Resources", "DAM_Load_Resources", "COP_Snapshots")
"""Datasets whose rollups have a column `hour` that no reader needs."""
_CURVES = {
    "DAM_Gen_Resources": ("QSESubmittedCurve", 4),
    "DAM_ESR_Resources": ("QSE submitted Curve-", 4),
    "SCED_Load_Resources": ("SCEDBidtoBuyCurve", 1),
}
"""Heading of the offer curve, and how many of its ten pairs of quantity and price are filled."""
_DATASETS = (
    *("SCED_ESR_Resources", "SCED_Gen_Resources", "SCED_Load_Resources", "DAM_Gen_Resources", "RT_prices"),
    *("COP_Snapshots", "DA_prices", "DAM_Load_Resources", "DAM_ESR_Resources", "AS_prices", "RT_AS_prices"),
)
"""Datasets of which there are rows, the longest to write first."""


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


def real_size_market(year: int, seed: int, size: Size, fleet_years: Sequence[int], end: float) -> MarketYear:
    """A year of one market design with so many of everything, without the batteries that start at a second or later.

    All years that are simulated decide when mid-year cases happen.
    """
    start = operating_year(year).start
    combo = start < RTC.start
    fleet = make_fleet(fleet_years, size.batteries, seed)

    def takes_part(battery: Battery) -> bool:
        left = battery.last_day is not None and midnight(battery.last_day) < start
        named = battery.gen if combo else battery.esr
        return named is not None and midnight(battery.first_day) < end and not left

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
        for n, mw in enumerate(rounded(rng.uniform(1, 60, count), 1).tolist())
    )
    return MarketYear(Fleet(batteries, generators, (*decoys, *plants), points), year, seed)


def write_real_size(
    files: RollupFiles,
    year: int,
    seed: int,
    size: Size,
    fleet_years: Sequence[int],
    until: float,
    say: Callable[[str], None],
) -> None:
    """Append a year up to a second to its files, two datasets at a time before RTC+B; years must come in ascending order."""
    files.close(before=year)
    calendar = operating_year(year)
    end = min(until, calendar.end)
    market = real_size_market(year, seed, size, fleet_years, end)
    did = operate(market, market.fleet.batteries, int(np.searchsorted(calendar.hours, end)))
    single_model = calendar.start >= RTC.start

    def write(dataset: str) -> None:
        times = (
            market.runs if dataset in STAMPED else calendar.quarters if dataset in BY_QUARTER_HOUR else calendar.hours
        )
        # Before RTC+B there is one run a quarter-hour.
        regular = dataset not in STAMPED or single_model or times % QUARTER_SECONDS < 100
        times = times[(times < end) & regular]
        # The 60-day disclosure is filed by the year in which it was published.
        cut = len(times) if dataset in PRICES else int(np.searchsorted(times, calendar.day_start(*CUT)))
        width = sum(len(sheet.who) for sheet in _sheets(market, did, dataset, times[:1]))
        if not width:
            return
        step, written = max(1, GROUP_ROWS // width), 0
        for file_year, first, last in ((year, 0, cut), (year + 1, cut, len(times))):
            for begin in range(first, last, step):
                table = _Block(market, did, dataset, times[begin : min(begin + step, last)]).table()
                written += files.append(dataset, file_year, table)
        say(f"{year}: {dataset}, {written:,} rows")

    # Five-minute telemetry takes so much memory that only one dataset fits beside it.
    with ThreadPoolExecutor(1 if single_model else 2) as pool:
        list(pool.map(write, _DATASETS))
    # Arrow keeps the memory that it once had, and the next year needs it.
    pa.default_memory_pool().release_unused()


def _sheets(market: MarketYear, did: Operation, dataset: str, times: Ints) -> list[Sheet]:
    """What is published in a dataset of some moments."""
    hours = np.unique(times - (times - market.year.start) % HOUR_SECONDS)
    quarters, runs = (times if dataset in some else times[:0] for some in (BY_QUARTER_HOUR, STAMPED))
    found = [*Period(market, "harmless", hours, quarters, runs, did).sheets()]
    # Plans of everybody are there, not only of batteries.
    others = [(other.name, other.capacity_mw) for other in (*market.fleet.generators, *market.fleet.loads)]
    if market.year.start < RTC.start:
        others += [(b.load, round(b.capacity_mw * 1.02, 1)) for b in market.fleet.batteries if b.load]
    limits: Numbers = {"hsl": np.array([limit for _, limit in others]), "lsl": 0.0}
    plans = Sheet("COP_Snapshots", [(name, "", "") for name, _ in others], limits, running=True)
    return [sheet for sheet in [*found, plans] if sheet.dataset == dataset and np.any(sheet.keep)]


class _Block:
    """Rows of a dataset at some moments, moment by moment, in columns as the users' rollups have them."""

    def __init__(self, market: MarketYear, did: Operation, dataset: str, times: Ints) -> None:
        self._dataset, self._points = dataset, [name for name, _ in market.fleet.points]
        self._sheets = _sheets(market, did, dataset, times)
        self._numbers = [_numbers(sheet, times) for sheet in self._sheets]
        who = [one for sheet in self._sheets for one in sheet.who]
        self._labels = {label: [one[n] or "" for one in who] for n, label in enumerate(("name", "kind", "qse"))}
        self._shape = len(times), len(who)
        keep = self._beside(sheet.keep for sheet in self._sheets) & np.array([name is not None for name, *_ in who])
        self._kept = slice(None) if keep.all() else np.flatnonzero(keep)
        self._clock = dataset in PRICES or dataset == "COP_Snapshots"
        self._moments = Moments(market.year, times, shown=self._clock)

    def table(self) -> pa.Table:
        """All columns, those of time first."""
        made: dict[str, pa.Array] = {}
        for name, heading in rollup_headings(self._dataset).items():
            found = None if name in _ABSENT.get(self._dataset, ()) else self._canonical(name)
            if found is not None:
                time = self._dataset == "DAM_Load_Resources" and name in TIME_COLUMNS
                made[camel_case(heading) if time or self._dataset in CAMEL_CASE else heading.strip()] = found
        resources = np.arange(self._shape[1])
        if self._dataset == "SCED_Gen_Resources":
            for heading, step, number in (("RRS", 1.5, 7), ("RRSFFR", 0.0, 1), ("NSRS", 2.5, 5), ("ECRS", 2.0, 3)):
                made[f"AS_{heading}"] = self._column(step * (resources % number))
        if self._dataset == "SCED_Load_Resources":
            made |= dict.fromkeys(("HDL", "HASL"), made["MaxPowerConsumption"])
            made |= dict.fromkeys(("LDL", "LASL"), made["LowPowerConsumption"])
        stem, filled = _CURVES.get(self._dataset, ("", 0))
        for n in range(1, 11 if stem else 1):
            made[f"{stem}MW{n}"] = self._column(10.0 * n + resources % 40 if n <= filled else np.nan)
            made[f"{stem}Price{n}"] = self._column(12.0 * n + resources % 40 / 4 if n <= filled else np.nan)
        if self._dataset in _WITH_HOUR:
            made["hour"] = self._column(self._moments.counts("hour").astype(np.int32)[:, None])
        wrong = self._moments.producer_time(stamped=self._dataset in STAMPED)
        made["datetime"] = self._column(wrong[:, None]).view(pa.timestamp("us"))
        return pa.table(made)

    def _canonical(self, name: str) -> pa.Array | None:
        """A canonical column; none if the dataset lacks it."""
        if name in ("hour", "interval"):
            return self._column(self._moments.counts(name).astype(np.int32)[:, None])
        if name in TIME_COLUMNS:
            words = self._moments.texts(name, "{:02d}:00" if self._clock else "{}")
            places: Any = np.arange(len(words))[:, None]
        elif name in self._labels:
            words, places = self._labels[name], np.arange(self._shape[1])
        elif name == "status":
            words, places = ["OUT", "ON"], self._beside(sheet.running for sheet in self._sheets).astype(np.int32)
        elif name == "node":
            words, places = self._points, self._beside(sheet.nodes for sheet in self._sheets)
        elif any(name in numbers for numbers in self._numbers):
            return self._column(self._beside(numbers.get(name, np.nan) for numbers in self._numbers))
        else:
            return None
        distinct, codes = np.unique(words, return_inverse=True)
        return pa.DictionaryArray.from_arrays(self._column(codes.astype(np.int32)[places]), pa.array(distinct))

    def _beside(self, values: Iterable[Any]) -> npt.NDArray[Any]:
        """Values of the sheets side by side, by moment and resource."""
        every = zip(self._sheets, values, strict=True)
        return np.concatenate([np.broadcast_to(v, (self._shape[0], len(sheet.who))) for sheet, v in every], axis=1)

    def _column(self, values: Any) -> pa.Array:
        """A column of values by moment, by resource or by both; NaN is null."""
        return pa.array(np.broadcast_to(values, self._shape).reshape(-1)[self._kept], from_pandas=True)


def _numbers(sheet: Sheet, times: Ints) -> Numbers:
    """Numbers by column: RRS in three parts beside the old column, ECRS twice, 0 for an award that is blank in ERCOT's files."""
    if sheet.awards is None:
        return sheet.numbers
    file_year = 2025 if sheet.dataset == "DAM_ESR_Resources" else 2024
    load = sheet.dataset == "DAM_Load_Resources"
    made = {**sheet.numbers, **award_columns(sheet.awards, times[:, None], file_year, load, "harmless")}
    if "ecrs" in made:
        made["ecrs"] = made["ecrssd"]
    return {column: values if column == "energy_price" else np.nan_to_num(values) for column, values in made.items()}
