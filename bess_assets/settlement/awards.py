"""Day-ahead awards, battery by hour: the dataset of each hour, blanks and absent rows, and the parts of RRS and ECRS.

An *award* is day-ahead; its load side belongs to the load resource that the registry accepted. award_checks.py compares rows with what they state themselves.
"""

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS
from bess_assets.ercot.rows import Codes, PlacedRows, YearRows
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, Verdict
from bess_assets.settlement.award_checks import (
    COMPARED,
    LOAD_CHECK,
    ROWS_CHECK,
    AwardChecks,
    LoadLimits,
    StatedPrices,
    row_gaps,
    rows_verdict,
)
from bess_assets.settlement.battery_table import UserRow, read_user_table
from bess_assets.settlement.grid import LedgerColumns, Scatter, labels_array
from bess_assets.settlement.nodes import NodeGrid, user_nodes

LARGEST_AWARD_DIFFERENCE_MW = 0.05
"""Parts and single column of one award that differ by more are a contradiction: parts are taken, and it is counted."""

_GEN_PARTS = ("rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw")
_AS_NUMBERS = (
    "regup_award_mw",
    "regdn_award_mw",
    "rrs_award_mw",
    *_GEN_PARTS,
    "ecrs_award_mw",
    "ecrssd_award_mw",
    "nspin_award_mw",
)
SIDE_AWARDS = tuple(f"{p}_{side}_award_mw" for p in PRODUCTS for side in ("gen", "load"))
"""Columns of bess_awards that hold the AS awards of the two sides of a battery."""
_QUANTITIES = ("award_mw", *(f"{p}_award_mw" for p in PRODUCTS))


def both_sides(generation: FloatArray, load: FloatArray) -> FloatArray:
    """Awards of the generation and the load side together: `G + L`, unknown if either is."""
    return generation + load


def award_of_parts(parts: list[FloatArray], single: FloatArray) -> tuple[FloatArray, int]:
    """An award from its parts and its old single column.

    Args:
        parts: awards of the parts, NaN where blank or absent.
        single: the single column, likewise.

    Returns:
        The sum of the parts where one of them is known, unless all are 0 while the single column is above 0; else the single column; and the number of
        rows in which both are above 0 and differ by more than 0.05 MW.
    """
    any_part = np.zeros(single.shape, dtype=bool)
    all_zero = np.ones(single.shape, dtype=bool)
    total = np.zeros(single.shape)
    for part in parts:
        known = ~np.isnan(part)
        total += np.where(known, part, 0.0)
        any_part |= known
        all_zero &= ~known | (part == 0)
    filled = all_zero & (single > 0)
    contradicts = (total > 0) & (single > 0) & (np.abs(total - single) > LARGEST_AWARD_DIFFERENCE_MW)
    return np.where(any_part & ~filled, total, single), int(contradicts.sum())


def awarded(rows: PlacedRows, *, load: bool) -> tuple[dict[str, FloatArray], int]:
    """Energy award and the five products of day-ahead rows: a blank is no award where the file has the column, else unknown.

    Returns:
        Values by `award_mw`, `regup_award_mw`, ..; and the number of contradicting rows.
    """
    raw = rows.numbers
    rrs, first = award_of_parts([raw[part] for part in _GEN_PARTS], raw["rrs_award_mw"])
    ecrs_parts = ["ecrssd_award_mw", "ecrsmd_award_mw"] if load else ["ecrssd_award_mw"]
    ecrs, second = award_of_parts([raw[part] for part in ecrs_parts], raw["ecrs_award_mw"])
    values = {
        "award_mw": np.zeros(len(rows.series)) if load else _blank_is_none(raw["award_mw"], rows, "award_mw"),
        "regup_award_mw": _blank_is_none(raw["regup_award_mw"], rows, "regup_award_mw"),
        "regdn_award_mw": _blank_is_none(raw["regdn_award_mw"], rows, "regdn_award_mw"),
        "rrs_award_mw": _blank_is_none(rrs, rows, "rrs_award_mw", *_GEN_PARTS),
        "ecrs_award_mw": _blank_is_none(ecrs, rows, "ecrs_award_mw", *ecrs_parts),
        "nspin_award_mw": _blank_is_none(raw["nspin_award_mw"], rows, "nspin_award_mw"),
    }
    return values, first + second


def _blank_is_none(values: FloatArray, rows: PlacedRows, *columns: str) -> FloatArray:
    return np.where(np.isnan(values) & rows.has_any(columns), 0.0, values)


class _Side:
    """Awards of one dataset for the batteries that have a resource in it.

    Attributes:
        grids: awards by quantity: as published, 0 where the dataset holds the hour and no row of the resource, NaN where it lacks the hour.
        nodes: node by hour where a row has one.
        names: resources, in the order of the grids.
        gaps: hours without a row by resource, see `row_gaps`.
        load_limits: awards of load resources against their size.
        stated: limits and prices that the rows state; nothing of load resources.
        no_award: what a battery without a resource in this dataset was awarded: 0 in the hours that the dataset holds, else NaN.
    """

    def __init__(
        self, inputs: Inputs, dataset: str, names: list[str | None], findings: Findings, first_day: int = 0
    ) -> None:
        year = inputs.year
        load = dataset == "dam_load_resources"
        own = [name for name in names if name]
        numbers = [*_AS_NUMBERS, "ecrsmd_award_mw"] if load else ["award_mw", *_AS_NUMBERS]
        compared = ["max_power_mw"] if load else [*COMPARED]
        points = Codes()
        reader = YearRows(
            inputs,
            dataset,
            "resource_name",
            Codes(own),
            numbers=numbers,
            texts={} if load else {"settlement_point": points},
            compared=compared,
        )
        scatter = Scatter(len(own), year.hours, _QUANTITIES)
        stated = StatedPrices(0 if load else len(own), year.hours)
        nodes = np.full((len(own), year.hours), -1, dtype=np.int32)
        self.load_limits = LoadLimits(own)
        contradictions = 0
        for rows in reader:
            values, count = awarded(rows, load=load)
            contradictions += count
            scatter.put(rows.series, rows.step, values)
            if load:
                self.load_limits.put(rows, values)
            else:
                nodes[rows.series, rows.step] = rows.texts["settlement_point"]
                stated.put(rows)
        reader.report(findings, first_day=first_day)
        scatter.report(findings, dataset)
        findings.add("award_contradiction", dataset, contradictions, "RRS or ECRS: the parts were taken")
        self.gaps = row_gaps(own, scatter.present, reader.held)
        for grid in scatter.grids.values():
            grid[~scatter.present & reader.held] = 0.0
        self.names = own
        self.stated = stated
        self.no_award = np.where(reader.held, 0.0, np.nan)
        self.grids = scatter.grids
        self.nodes = nodes
        self.points = points.texts
        place = {name: n for n, name in enumerate(own)}
        self.place: list[int | None] = [place[name] if name else None for name in names]

    def award(self, quantity: str, battery: int) -> FloatArray:
        """Awards of a battery, by its place in the registry."""
        place = self.place[battery]
        return self.no_award if place is None else self.grids[quantity][place]

    def price(self, battery: int) -> FloatArray:
        """Settlement point prices that its rows state, NaN where there is none."""
        place = self.place[battery]
        return np.full_like(self.no_award, np.nan) if place is None else self.stated.price[place]


def user_rows_by_battery(inputs: Inputs, batteries: list[str]) -> list[list[UserRow]]:
    """The user's rows of each battery (the registry took the table's keys over)."""
    rows = read_user_table(inputs.registry_csv) if inputs.registry_csv else []
    return [[row for row in rows if row.battery == battery] for battery in batteries]


def esr_boundary(year: OperatingYear, first: date = DAM_ESR_FIRST_DAY) -> int:
    """Position of the first hour of a day, clipped to the year: awards come from the ESR dataset from there on."""
    return year.hour_of_day_number(day_number(first))


def bess_awards(inputs: Inputs) -> StepResult:
    """Awards of every battery of the registry, by hour.

    Before 2025-12-06 energy and AS awards of the generation resource and AS awards of its load resource; from then on those of the ESR.

    Raises:
        InputError: a file cannot be read.
    """
    result = StepResult(iter(()))
    result.chunks = _chunks(inputs, result)
    return result


def _chunks(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    year, findings = inputs.year, result.findings
    registry = inputs.tables["bess_registry"].read(["battery", "gen_resource", "load_resource", "esr_resource"])
    batteries: list[str] = registry["battery"].to_pylist()
    boundary = esr_boundary(year)
    nowhere: list[int | None] = [None] * len(batteries)
    gen = _Side(inputs, "dam_gen_resources", registry["gen_resource"].to_pylist(), findings) if boundary else None
    load = _Side(inputs, "dam_load_resources", registry["load_resource"].to_pylist(), findings) if boundary else None
    first_esr_day = max(day_number(DAM_ESR_FIRST_DAY) - year.first_day, 0)
    esr = (
        _Side(inputs, "dam_esr_resources", registry["esr_resource"].to_pylist(), findings, first_esr_day)
        if boundary < year.hours
        else None
    )
    eras = ((gen, slice(0, boundary)), (esr, slice(boundary, None)))
    result.verdicts |= _judged(inputs, eras)
    sides = [side for side in (gen, load, esr) if side is not None]
    result.verdicts[LOAD_CHECK] = (load.load_limits if load else LoadLimits([])).verdict()
    result.verdicts[ROWS_CHECK] = rows_verdict(
        sum(len(side.names) for side in sides), {name: hours for side in sides for name, hours in side.gaps.items()}
    )
    users = user_rows_by_battery(inputs, batteries)
    ledger = LedgerColumns(year, quarter_hours=False)
    for n, battery in enumerate(batteries):
        gen_n, load_n, esr_n = ((side.place if side else nowhere)[n] for side in (gen, load, esr))
        before = slice(0, boundary)
        columns = {_column_of(quantity): np.full(year.hours, np.nan) for quantity in _QUANTITIES}
        price = np.full(year.hours, np.nan)
        for side, part in eras:
            if side is not None:
                price[part] = side.price(n)[part]
                for quantity in _QUANTITIES:
                    columns[_column_of(quantity)][part] = side.award(quantity, n)[part]
        for product in PRODUCTS:
            values = np.zeros(year.hours)
            if load and load_n is not None:
                values[before] = load.grids[f"{product}_award_mw"][load_n, before]
            columns[f"{product}_load_award_mw"] = values
        nodes = _nodes(year, boundary, (gen, gen_n), (esr, esr_n), users[n])
        yield ledger.chunk(battery, settlement_point=nodes, **columns, stated_price_usd_per_mwh=price)


def _column_of(quantity: str) -> str:
    """Column of the table that holds a quantity of the generation side or the ESR."""
    return quantity if quantity == "award_mw" else quantity.replace("_award", "_gen_award")


def _judged(inputs: Inputs, eras: Sequence[tuple[_Side | None, slice]]) -> dict[str, Verdict]:
    checks = AwardChecks()
    for side, part in eras:
        if side is not None:
            checks.add(side.names, side.grids, side.stated, part)
    return checks.verdicts(inputs)


def _nodes(
    year: OperatingYear,
    boundary: int,
    gen: tuple[_Side | None, int | None],
    esr: tuple[_Side | None, int | None],
    user: list[UserRow],
) -> pa.Array:
    texts = Codes()
    codes = np.full(year.hours, -1, dtype=np.int64)
    for (side, n), part in ((gen, slice(0, boundary)), (esr, slice(boundary, None))):
        if side is not None and n is not None:
            codes[part] = texts.translate(side.nodes[n, part].astype(np.int64), side.points)
    grid = user_nodes(year, NodeGrid(codes[None, :].astype(np.int32), texts.texts).carried(), [user])
    return labels_array(grid.codes[0].astype(np.int64), grid.texts)
