"""Prices as grids: settlement point prices of the points that matter, and market clearing prices for capacity.

The published real-time price already holds the ORDC and reliability adders: none is ever added. A missing node price stays missing: never a hub's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.parsing import Rows, read_rows
from bess_assets.ercot.products import ECRS_FIRST_DAY, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.ercot.rows import Codes, YearRows
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, StoredTable, Verdict, step
from bess_assets.settlement.grid import LedgerColumns, Scatter
from bess_assets.threads import in_order

QUARTERS_CHECK = "real_time_prices_move_within_the_hour"
LEAST_MOVING = 0.1
"""Of the hours: four equal quarter-hours are common at a floor or at night, and not all year."""
LEAST_HOURS = 7 * 24

LOWEST_RT_PRICE = -251.0
LOWEST_DA_PRICE = -1_000.0
LOWEST_MCPC = 0.0
_HIGH_PRICE_LAST_YEAR = 2021

_SECOND_ZONE_TYPE = "LZEW"
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


def highest_price(year: int) -> float:
    """Highest plausible settlement point price, $/MWh: the offer cap of the time and some room."""
    return 10_000.0 if year <= _HIGH_PRICE_LAST_YEAR else 6_000.0


def highest_mcpc(year: int) -> float:
    """Highest plausible MCPC, $/MW: 25,674.30 was real in February 2021."""
    return 30_000.0 if year <= _HIGH_PRICE_LAST_YEAR else 6_000.0


def implausible(prices: FloatArray, lowest: float, highest: float) -> BoolArray:
    """True for known prices outside the plausible range: used all the same, and marked."""
    return (prices < lowest) | (prices > highest)


def _is_second_zone_type(rows: Rows) -> BoolArray:
    codes, texts = rows.texts("settlement_point_type")
    if _SECOND_ZONE_TYPE not in texts:
        return np.zeros(rows.count, dtype=bool)
    return np.asarray(codes == texts.index(_SECOND_ZONE_TYPE))


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
    detail = f"{len(wrong)} of {of}: {', '.join(wrong[:5])}" if wrong else f"{of}, all move within the hour"
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
    rt = Scatter(len(points), year.quarter_hours, ["price_usd_per_mwh"])
    rt_reader = YearRows(
        inputs,
        "rt_prices",
        "settlement_point",
        Codes(points),
        numbers=["price_usd_per_mwh"],
        leave_out=_is_second_zone_type,
        also=["settlement_point_type"],
    )
    da = Scatter(len(points), year.hours, ["price_usd_per_mwh"])
    da_reader = YearRows(inputs, "da_prices", "settlement_point", Codes(points), numbers=["price_usd_per_mwh"])
    for scatter, reader, dataset, lowest in (
        (rt, rt_reader, "rt_prices", LOWEST_RT_PRICE),
        (da, da_reader, "da_prices", LOWEST_DA_PRICE),
    ):
        for rows in reader:
            scatter.put(rows.series, rows.step, rows.numbers)
        reader.report(findings)
        scatter.report(findings, dataset)
        odd = implausible(scatter.grids["price_usd_per_mwh"], lowest, highest_price(year.year))
        _report_implausible(findings, dataset, points, odd)
    rt_prices, da_prices = rt.grids["price_usd_per_mwh"], da.grids["price_usd_per_mwh"]
    result.verdicts[QUARTERS_CHECK] = _quarters_verdict(points, rt_prices)
    unpriced = [
        point
        for n, point in enumerate(points)
        if point in nodes and (np.isnan(rt_prices[n]).any() or np.isnan(da_prices[n]).any())
    ]
    findings.add("unpriced", "bess_prices", len(unpriced), ", ".join(unpriced[:12]))
    ledger = LedgerColumns(year, quarter_hours=True, key="settlement_point")
    for n, point in enumerate(points):
        yield ledger.chunk(point, rt_price_usd_per_mwh=rt_prices[n], da_price_usd_per_mwh=np.repeat(da_prices[n], 4))


@dataclass(frozen=True)
class PriceGrid:
    """Prices of all points of a year.

    Attributes:
        points: position of each settlement point.
        rt: real-time prices, NaN where missing; shape (points + 1, quarter-hours), the last row all NaN.
        da: day-ahead prices, likewise, by quarter-hour.
    """

    points: dict[str, int]
    rt: FloatArray
    da: FloatArray

    @staticmethod
    def of(table: StoredTable, year: OperatingYear, threads: int = 1) -> "PriceGrid":
        """All of `bess_prices`, some settlement points at a time."""
        points = table.batteries()
        shape = (len(points) + 1, year.quarter_hours)
        rt, da = np.empty(shape), np.empty(shape)
        rt[-1] = da[-1] = np.nan

        def read(n: int) -> None:
            rt[n], da[n] = table.numbers(["rt_price_usd_per_mwh", "da_price_usd_per_mwh"], n).values()

        for _ in in_order(threads, read, range(len(points))):
            pass
        return PriceGrid({point: n for n, point in enumerate(points)}, rt, da)

    def rows(self, codes: npt.NDArray[np.integer], texts: list[str]) -> npt.NDArray[np.int64]:
        """Rows of the grids for node codes; the last, unknown row for a node without prices or an unknown node."""
        unknown = len(self.points)
        table = np.array([*(self.points.get(text, unknown) for text in texts), unknown], dtype=np.int64)
        return np.asarray(table[codes])


def day_ahead_mcpc(inputs: Inputs, findings: Findings) -> FloatArray:
    """Day-ahead market clearing prices for capacity, $/MW for the hour, shape (products, hours), NaN where missing."""
    return _mcpc(inputs, findings, "as_prices", inputs.year.hours)


def real_time_mcpc(inputs: Inputs, findings: Findings) -> FloatArray:
    """Real-time market clearing prices for capacity, $/MW per hour, shape (products, quarter-hours), NaN where missing and before 2025-12-05."""
    year, first_day = inputs.year, day_number(RTC_FIRST_DAY)
    if year.last_day < first_day:
        return np.full((len(PRODUCTS), year.quarter_hours), np.nan)
    # price files hold stray real-time MCPCs of the day before: not a market yet
    stray = slice(0, QUARTER_HOURS_PER_HOUR * year.hour_of_day_number(first_day))
    return _mcpc(inputs, findings, "rt_as_prices", year.quarter_hours, max(first_day - year.first_day, 0), stray)


def _mcpc(
    inputs: Inputs, findings: Findings, dataset: str, steps: int, first_day: int = 0, stray: slice = slice(0)
) -> FloatArray:
    def normal(label: str) -> str:
        return _PRODUCT_LABELS.get(label.upper().replace("-", "").replace(" ", ""), label)

    scatter = Scatter(len(PRODUCTS), steps, ["mcpc_usd_per_mw"])
    reader = YearRows(inputs, dataset, "product", Codes(PRODUCTS, normal), numbers=["mcpc_usd_per_mw"])
    for rows in reader:
        scatter.put(rows.series, rows.step, rows.numbers)
    reader.report(findings, first_day=first_day)
    scatter.report(findings, dataset)
    grid = scatter.grids["mcpc_usd_per_mw"]
    grid[:, stray] = np.nan
    _report_implausible(findings, dataset, PRODUCTS, implausible(grid, LOWEST_MCPC, highest_mcpc(inputs.year.year)))
    return grid


def _report_implausible(findings: Findings, dataset: str, names: Sequence[str], odd: BoolArray) -> None:
    named = [names[n] for n in np.flatnonzero(odd.any(axis=1)).tolist()]
    findings.add("implausible_price", dataset, int(odd.sum()), ", ".join(named[:12]))


def product_first_hours(year: OperatingYear, mcpc: FloatArray) -> dict[str, int]:
    """Position of the first hour in which each product exists; past the end if not in this year.

    ECRS exists from 2023-06-10, or from its first MCPC in the data if that is earlier.
    """
    firsts = dict.fromkeys(PRODUCTS, 0)
    priced = np.flatnonzero(~np.isnan(mcpc[PRODUCTS.index("ecrs")]))
    starts = year.hour_of_day_number(day_number(ECRS_FIRST_DAY))
    firsts["ecrs"] = min(starts, int(priced[0])) if len(priced) else starts
    return firsts
