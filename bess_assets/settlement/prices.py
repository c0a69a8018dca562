"""Prices as grids: settlement point prices of the points that matter, and market clearing prices for capacity.

The published real-time price already holds the ORDC and reliability adders: none is ever added. A missing node price stays missing: never a hub's.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray, SourceArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.datasets import DATASETS, PRICE_SOURCE
from bess_assets.ercot.footers import has_column
from bess_assets.ercot.parsing import read_rows
from bess_assets.ercot.products import ECRS_FIRST_DAY, PRICE_SOURCES, PRODUCTS, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.rows import Codes, YearRows
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, StoredTable, Verdict, some, step
from bess_assets.settlement.grid import LedgerColumns, Scatter, labels_array
from bess_assets.settlement.names import as_ercot, nearest, refuse_odd_names
from bess_assets.settlement.stated import stated_mcpc, stated_point_prices

_CORRECTION, _REPORT, _, STATED = range(len(PRICE_SOURCES))
FILE_SOURCES = PRICE_SOURCES[:STATED]
"""Sources that rows of a dataset of prices have."""
BySource = dict[int, FloatArray]
"""Prices by source, as its place in `PRICE_SOURCES`; NaN where unknown."""
PRICE_TOLERANCE_USD = 0.01
"""Two statements of one price may differ by a cent: each is rounded to one."""
ROUNDING = 1e-9
"""Error of binary fractions in a difference of exactly a cent."""

GRID = "price grid"
"""The name under which a run keeps all prices of bess_prices."""
QUARTERS_CHECK = "real_time_prices_move_within_the_hour"
LEAST_MOVING = 0.1
"""Of the hours: four equal quarter-hours are common at a floor or at night, and not all year."""
LEAST_HOURS = 7 * 24

_PLAUSIBLE = {
    "rt_prices": (-251.0, 10_000.0, 6_000.0),
    "da_prices": (-1_000.0, 10_000.0, 6_000.0),
    "as_prices": (0.0, 30_000.0, 6_000.0),
    "rt_as_prices": (0.0, 30_000.0, 6_000.0),
}
"""Lowest plausible price by dataset, and the highest to 2021 and later: the offer cap of the time and some room; an MCPC of 25,674.30 was real in 2021."""
_HIGH_PRICE_LAST_YEAR = 2021

_SECOND_ZONE_TYPE = ("settlement_point_type", "LZEW")
_HUB_OR_ZONE = ("HB_", "LZ_")
_PRODUCT_LABELS = {
    "REGUP": "regup",
    "REGDN": "regdn",
    "REGDOWN": "regdn",
    "RRS": "rrs",
    "ECRS": "ecrs",
    "NSPIN": "nspin",
    "NONSPIN": "nspin",
    "NSRS": "nspin",
}


def implausible(dataset: str, year: int, prices: FloatArray) -> BoolArray:
    """True for known prices, $/MWh or $/MW, outside the plausible range of their dataset and year: used all the same, and marked."""
    lowest, highest_once, highest_now = _PLAUSIBLE[dataset]
    return (prices < lowest) | (prices > (highest_once if year <= _HIGH_PRICE_LAST_YEAR else highest_now))


def _hubs_and_zones(inputs: Inputs) -> set[str]:
    dataset = "da_prices" if inputs.rollups.files("da_prices", inputs.year.year) else "rt_prices"
    names: set[str] = set()
    for path in inputs.rollups.files(dataset, inputs.year.year):
        for rows in read_rows(DATASETS[dataset], path, ["settlement_point"]):
            names.update(rows.texts("settlement_point")[1])
    return {name for name in names if name.startswith(_HUB_OR_ZONE)}


def _quarters_verdict(points: Sequence[str], rt: FloatArray) -> Verdict:
    """Points whose real-time price changes with the hour alone."""
    by_hour = rt.reshape(len(points), rt.shape[1] // QUARTER_HOURS_PER_HOUR, QUARTER_HOURS_PER_HOUR)
    known = ~np.isnan(by_hour).any(axis=2)
    moves = (by_hour != by_hour[:, :, :1]).any(axis=2) & known
    hours, moving = known.sum(axis=1), moves.sum(axis=1)
    wrong = [points[n] for n in np.flatnonzero((hours >= LEAST_HOURS) & (moving < LEAST_MOVING * hours)).tolist()]
    of = f"{int((hours >= LEAST_HOURS).sum())} settlement points with {LEAST_HOURS} whole hours or more"
    detail = f"{len(wrong)} of {of}: {some(wrong)}" if wrong else f"{of}, all move within the hour"
    return Verdict(not wrong, detail, {"settlement_points_without_quarter_hours": len(wrong)})


@step
def bess_prices(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """Prices of battery nodes, hubs and load zones (type LZ), by quarter-hour; the day-ahead price of the hour is that of each of its four.

    Raises:
        InputError: a file cannot be read.
    """
    year, findings = inputs.year, result.findings
    registry = inputs.tables["bess_registry"].read(["settlement_points"])
    nodes = {point for text in registry["settlement_points"].to_pylist() if text for point in text.split(";")}
    points = sorted(nodes | _hubs_and_zones(inputs))
    rt_codes, da_codes = Codes(points), Codes(points)
    rt_prices, rt_source = ranked(_read(inputs, findings, "rt_prices", rt_codes, leave_out=_SECOND_ZONE_TYPE))
    published = _read(inputs, findings, "da_prices", da_codes)
    _check_points(
        inputs, findings, nodes, {"rt_prices": (rt_codes, rt_prices), "da_prices": (da_codes, ranked(published)[0])}
    )
    at_nodes = np.isin(points, [*nodes])[:, None] & _expected_hours(inputs)
    lacking = np.isnan(ranked(published)[0]) & at_nodes
    da_prices, da_source = ranked(published | {STATED: stated_point_prices(inputs, findings, points, lacking)})
    result.verdicts[QUARTERS_CHECK] = _quarters_verdict(points, rt_prices)
    unpriced = [
        point
        for n, point in enumerate(points)
        if (np.isnan(da_prices[n]) & at_nodes[n]).any()
        or (np.isnan(rt_prices[n]) & np.repeat(at_nodes[n], QUARTER_HOURS_PER_HOUR)).any()
    ]
    findings.add("unpriced", "bess_prices", len(unpriced), ", ".join(unpriced[:12]), warning=False)
    grid = PriceGrid.empty(year, points)
    grid.rt[:-1], grid.rt_source[:-1], grid.da[:-1], grid.da_source[:-1] = rt_prices, rt_source, da_prices, da_source
    del rt_prices  # hundreds of megabytes of a full year
    result.kept[GRID] = grid
    ledger = LedgerColumns(year, quarter_hours=True, key="settlement_point")
    for n, point in enumerate(points):
        rt_price, da_price, rt_sources, da_sources = grid.at(n)
        yield ledger.chunk(
            point,
            rt_price_usd_per_mwh=rt_price,
            da_price_usd_per_mwh=da_price,
            rt_price_source=labels_array(rt_sources, PRICE_SOURCES),
            da_price_source=labels_array(da_sources, PRICE_SOURCES),
        )


def _check_points(
    inputs: Inputs, findings: Findings, nodes: AbstractSet[str], read: Mapping[str, tuple[Codes, FloatArray]]
) -> None:
    """Add the nodes of batteries that a price file does not know.

    Args:
        inputs: year and rollups.
        findings: where they are noted.
        nodes: settlement points of batteries.
        read: by dataset of prices its settlement points, and the prices of the known ones.

    Raises:
        InputError: a price file spells a node in other letters or signs.
    """
    for dataset, (codes, prices) in read.items():
        known, others = codes.texts[: codes.known], codes.texts[codes.known :]
        own = [point for point, of_point in zip(known, prices, strict=True) if not np.isnan(of_point).all()]
        respelled = [point for point in others if as_ercot(point) in nodes]
        refuse_odd_names(inputs, "settlement_point", {dataset: [*respelled, *map(as_ercot, respelled)]})
        # a file without prices is named by its missing column
        priced = (own or others) and has_column(inputs, dataset, "price_usd_per_mwh")
        unknown = sorted(nodes - {*own}) if priced else []
        words = ", ".join(nearest(point, [*own, *others]) for point in unknown[:12])
        findings.add("unknown_points", dataset, len(unknown), words)


def ranked(prices: BySource) -> tuple[FloatArray, SourceArray]:
    """The best price that is known, and the place of its source in `PRICE_SOURCES`, -1 where none is."""
    first, *others = sorted(prices)
    best, source = prices[first], np.where(np.isnan(prices[first]), np.int8(-1), np.int8(first))
    for n in others:
        source[np.isnan(best) & ~np.isnan(prices[n])] = n
        best = np.where(source == n, prices[n], best)
    return best, source


def source_codes(codes: IntArray) -> IntArray:
    """Places in `FILE_SOURCES` for codes of `Codes(FILE_SOURCES)`: a blank, or another word, is a price report."""
    return np.where((codes < 0) | (codes >= len(FILE_SOURCES)), _REPORT, codes)


def report_sources(findings: Findings, dataset: str, prices: BySource, names: Sequence[str]) -> None:
    """Count prices of a dataset that are not of its reports, and those of a lower source that differ from the price used by over a cent.

    Args:
        findings: where they are noted.
        dataset: canonical name.
        prices: by source; shape (names, steps).
        names: points or products.
    """
    best, source = ranked(prices)
    for n in sorted(prices) if len(prices) > 1 else ():
        used = source == n
        if n != _REPORT:
            findings.add("other_price_sources", dataset, int(used.sum()), PRICE_SOURCES[n], warning=False)
        apart = np.abs(prices[n] - best) > PRICE_TOLERANCE_USD + ROUNDING
        for better in range(n):
            differs = apart & (source == better)
            where = ", ".join([names[k] for k in np.flatnonzero(differs.any(axis=1)).tolist()][:12])
            words = f"{PRICE_SOURCES[better]} used, {PRICE_SOURCES[n]} differs: {where}"
            findings.add("price_sources_differ", dataset, int(differs.sum()), words, warning=better != _CORRECTION)


def _expected_hours(inputs: Inputs) -> BoolArray:
    """True from the first to the last expected day of any battery."""
    year = inputs.year
    days = inputs.tables["bess_registry"].read(["expected_first_day", "expected_last_day"]).to_pylist()
    first = min((day_number(row["expected_first_day"]) for row in days), default=0)
    last = max((day_number(row["expected_last_day"]) for row in days), default=0)
    day = year.first_day + year.hour_day
    return np.asarray((day >= first) & (day <= last))


def _read(inputs: Inputs, findings: Findings, dataset: str, codes: Codes, **options: Any) -> BySource:
    """Prices of a dataset by known point or product and its hours or quarter-hours, NaN where missing and before the dataset's first day.

    `options` are further ones of `YearRows`.
    """
    columns, year = DATASETS[dataset].columns, inputs.year
    price = "mcpc_usd_per_mw" if "product" in columns else "price_usd_per_mwh"
    per_hour = QUARTER_HOURS_PER_HOUR if "interval" in columns else 1
    shape = codes.known, per_hour * year.hours
    grids = {_REPORT: Scatter(*shape, [price])}
    first = year.hour_of_day_number(day_number(DATASETS[dataset].first_day))
    if first < year.hours:
        texts = {PRICE_SOURCE: Codes(FILE_SOURCES)}
        reader = YearRows(inputs, dataset, codes, numbers=[price], texts=texts, **options)
        for rows in reader:
            source = source_codes(rows.texts[PRICE_SOURCE])
            for n in np.flatnonzero(np.bincount(source)).tolist():
                own = np.flatnonzero(source == n) if (source != n).any() else slice(None)
                if n not in grids:
                    grids[n] = Scatter(*shape, [price])
                there = rows.rows if isinstance(own, slice) else rows.rows.keep(own)
                grids[n].put(rows.series[own], rows.step[own], {price: rows.numbers[price][own]}, reader.counted, there)
        reader.report(findings)
    prices = {n: scatter.grids[price] for n, scatter in grids.items()}
    for grid in prices.values():
        # price files hold stray real-time MCPCs of the day before RTC+B: not a market yet
        grid[:, : per_hour * first] = np.nan
    report_sources(findings, dataset, prices, codes.texts)
    odd = implausible(dataset, year.year, ranked(prices)[0])
    named = [codes.texts[n] for n in np.flatnonzero(odd.any(axis=1)).tolist()]
    findings.add("implausible_price", dataset, int(odd.sum()), ", ".join(named[:12]))
    return prices


@dataclass(frozen=True)
class PriceGrid:
    """Prices of all points of a year.

    Attributes:
        points: position of each settlement point.
        rt: real-time prices, NaN where missing; shape (points + 1, quarter-hours), the last row all NaN.
        da: day-ahead prices, likewise; shape (points + 1, hours).
        rt_source, da_source: index into `PRICE_SOURCES`, -1 where missing; shapes of their prices.
    """

    points: dict[str, int]
    rt: FloatArray
    da: FloatArray
    rt_source: SourceArray
    da_source: SourceArray

    @staticmethod
    def of(inputs: Inputs) -> "PriceGrid":
        """All of `bess_prices`: as its step made it in this run, else read once."""
        table = inputs.tables["bess_prices"]
        return inputs.once(GRID, table, lambda: PriceGrid._read(inputs, table))

    @staticmethod
    def empty(year: OperatingYear, points: Sequence[str]) -> "PriceGrid":
        """A grid in which nothing but the last row is filled."""
        rt, da, rt_source, da_source = (
            np.empty((len(points) + 1, steps), kind)
            for kind in (np.float64, np.int8)
            for steps in (year.quarter_hours, year.hours)
        )
        rt[-1] = da[-1] = np.nan
        rt_source[-1] = da_source[-1] = -1
        return PriceGrid({point: n for n, point in enumerate(points)}, rt, da, rt_source, da_source)

    @staticmethod
    def _read(inputs: Inputs, table: StoredTable) -> "PriceGrid":
        """All of the table, some settlement points at a time."""
        grid = PriceGrid.empty(inputs.year, table.batteries())
        for n in grid.points.values():
            grid.rt[n], da = table.numbers(["rt_price_usd_per_mwh", "da_price_usd_per_mwh"], n).values()
            grid.da[n] = da[::QUARTER_HOURS_PER_HOUR]
            for name, every, source in (
                ("rt_price_source", 1, grid.rt_source),
                ("da_price_source", QUARTER_HOURS_PER_HOUR, grid.da_source),
            ):
                codes, texts = table.labels(name, n)
                source[n] = np.array([*map(PRICE_SOURCES.index, texts), -1], dtype=np.int8)[codes[::every]]
        return grid

    def rows(self, codes: npt.NDArray[np.integer], texts: list[str]) -> npt.NDArray[np.int64]:
        """Rows of the grids for node codes; the last, unknown row for a node without prices or an unknown node."""
        unknown = len(self.points)
        table = np.array([*(self.points.get(text, unknown) for text in texts), unknown], dtype=np.int64)
        return np.asarray(table[codes])

    def of_battery(self, awards: StoredTable, n: int) -> tuple[FloatArray, FloatArray, SourceArray, SourceArray]:
        """Real-time and day-ahead prices at the node of a battery, the n-th of bess_awards, by quarter-hour, and the sources of both."""
        of_hours = self.rows(*awards.labels("settlement_point", n))
        # as a rule a battery has one node all year
        return self.at(of_hours if (of_hours != of_hours[0]).any() else of_hours[0])

    def at(self, rows: Any) -> tuple[FloatArray, FloatArray, SourceArray, SourceArray]:
        """What `of_battery` says, at one row of the grids, or at a row for each hour."""
        of_quarter_hours = rows
        if np.ndim(rows):
            of_quarter_hours = np.repeat(rows, QUARTER_HOURS_PER_HOUR), np.arange(self.rt.shape[1])
            rows = rows, np.arange(self.da.shape[1])
        da_price, da_source = (np.repeat(own[rows], QUARTER_HOURS_PER_HOUR) for own in (self.da, self.da_source))
        return self.rt[of_quarter_hours], da_price, self.rt_source[of_quarter_hours], da_source


def clearing_prices(inputs: Inputs, findings: Findings, dataset: Literal["as_prices", "rt_as_prices"]) -> BySource:
    """Market clearing prices for capacity that ERCOT published, by source, NaN where missing and before their market.

    Returns:
        Day-ahead ones, $/MW for the hour, shape (products, hours); or real-time ones, $/MW per hour, shape (products, quarter-hours).
    """
    codes = Codes(PRODUCTS, product_of)
    prices = _read(inputs, findings, dataset, codes)
    unknown = codes.texts[codes.known :]
    findings.add("unknown_products", dataset, len(unknown), ", ".join(sorted(unknown)[:12]))
    return prices


def day_ahead_mcpc(inputs: Inputs, findings: Findings) -> tuple[FloatArray, SourceArray]:
    """Day-ahead market clearing prices for capacity and their sources, as `ranked` gives them; shape (products, hours)."""
    published = clearing_prices(inputs, findings, "as_prices")
    lacking = np.isnan(ranked(published)[0]) & _expected_hours(inputs)
    ecrs_begins = inputs.year.hour_of_day_number(day_number(ECRS_FIRST_DAY))
    lacking[PRODUCTS.index("ecrs"), :ecrs_begins] = False
    return ranked(published | {STATED: stated_mcpc(inputs, findings, lacking)})


def product_of(label: str) -> str:
    """The product of a price file's label, whatever its spelling."""
    return _PRODUCT_LABELS.get(label.upper().replace("-", "").replace(" ", ""), label)


def product_first_hours(year: OperatingYear, mcpc: FloatArray) -> dict[str, int]:
    """Position of the first hour in which each product exists; past the end if not in this year.

    ECRS exists from 2023-06-10, or from its first MCPC in the data if that is earlier.
    """
    firsts = dict.fromkeys(PRODUCTS, 0)
    priced = np.flatnonzero(~np.isnan(mcpc[PRODUCTS.index("ecrs")]))
    starts = year.hour_of_day_number(day_number(ECRS_FIRST_DAY))
    firsts["ecrs"] = min(starts, int(priced[0])) if len(priced) else starts
    return firsts
