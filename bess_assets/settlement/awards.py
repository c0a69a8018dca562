"""Day-ahead awards, battery by hour: the dataset of each hour, blanks and absent rows, and the parts of RRS and ECRS.

An *award* is day-ahead; its load side belongs to the load resource that the registry accepted. award_checks.py compares rows with what they state themselves.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray, IntArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.footers import has_column
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.rows import Codes, PlacedRows, YearRows
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, step
from bess_assets.settlement.award_checks import (
    LIMITS_AND_PRICE,
    LOAD_CHECK,
    award_verdicts,
    fits,
    load_verdict,
)
from bess_assets.settlement.battery_table import read_user_table
from bess_assets.settlement.grid import LedgerColumns, Scatter, labels_array
from bess_assets.settlement.nodes import Nodes, battery_nodes, esr_boundary
from bess_assets.settlement.row_gaps import GAP_WORDS, ROWS_CHECK, Gap, gaps_in, judged, names_at_work, rows_verdict
from bess_assets.settlement.stated import STATED_MCPC, STATED_PRICE

LARGEST_AWARD_DIFFERENCE_MW = 0.05
"""Parts and single column of one award that differ by more are a contradiction: parts are taken, and it is counted."""

RRS_PARTS = ("rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw")
_AS_NUMBERS = (
    "regup_award_mw",
    "regdn_award_mw",
    "rrs_award_mw",
    *RRS_PARTS,
    "ecrs_award_mw",
    "ecrssd_award_mw",
    "nspin_award_mw",
)
_PRICE, LIMIT = "stated_price_usd_per_mwh", "day_ahead_limit_mw"
_STATUS, _OUT = "resource_status", "OUT"
SIDE_AWARDS = tuple(f"{p}_{side}_award_mw" for p in PRODUCTS for side in ("gen", "load"))
"""Columns of bess_awards that hold the AS awards of the two sides of a battery."""
# column of bess_awards that holds an award of the generation side or the ESR
_COLUMNS = {"award_mw": "award_mw", **{f"{p}_award_mw": f"{p}_gen_award_mw" for p in PRODUCTS}}


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
    known = [~np.isnan(part) for part in parts]
    added = [np.where(there, part, 0.0) for there, part in zip(known, parts, strict=True)]
    total = sum(added, np.zeros(single.shape))
    all_zero = ~np.any(added, axis=0)
    filled = all_zero & (single > 0)
    contradicts = (total > 0) & (single > 0) & (np.abs(total - single) > LARGEST_AWARD_DIFFERENCE_MW)
    return np.where(np.any(known, axis=0) & ~filled, total, single), int(contradicts.sum())


def awarded(rows: PlacedRows, *, load: bool) -> tuple[dict[str, FloatArray], int]:
    """Energy award and the five products of day-ahead rows: a blank is no award where the file has the column, else unknown.

    Returns:
        Values by `award_mw`, `regup_award_mw`, ..; and the number of contradicting rows.
    """
    raw = rows.numbers
    rrs, first = award_of_parts([raw[part] for part in RRS_PARTS], raw["rrs_award_mw"])
    ecrs_parts = ["ecrssd_award_mw", "ecrsmd_award_mw"] if load else ["ecrssd_award_mw"]
    ecrs, second = award_of_parts([raw[part] for part in ecrs_parts], raw["ecrs_award_mw"])

    def blank_is_none(values: FloatArray, *columns: str) -> FloatArray:
        return np.where(np.isnan(values) & rows.has_any(columns), 0.0, values)

    plain = ["regup_award_mw", "regdn_award_mw", "nspin_award_mw"]
    values = {
        "award_mw": np.zeros(len(rows.series)) if load else blank_is_none(raw["award_mw"], "award_mw"),
        "rrs_award_mw": blank_is_none(rrs, "rrs_award_mw", *RRS_PARTS),
        "ecrs_award_mw": blank_is_none(ecrs, "ecrs_award_mw", *ecrs_parts),
        **{name: blank_is_none(raw[name], name) for name in plain},
    }
    return values, first + second


class _Side:
    """Awards of one dataset for the batteries that have a resource in it.

    The grids hold awards by quantity, resource and hour: as published, 0 where the dataset holds the hour and no row of the resource, NaN where it lacks the
    hour. A battery without a resource has `no_award`: 0 in the hours that the dataset holds, else NaN.
    """

    def __init__(self, inputs: Inputs, kind: str, registry: pa.Table, findings: Findings) -> None:
        year, load = inputs.year, kind == "load"
        dataset = f"dam_{kind}_resources"
        self.names: list[str] = registry[f"{kind}_resource"].drop_null().to_pylist()
        self.place = {name: n for n, name in enumerate(self.names)}
        self.points = Codes()
        reader = YearRows(
            inputs,
            dataset,
            Codes(self.names),
            numbers=[*_AS_NUMBERS, "ecrsmd_award_mw"] if load else ["award_mw", *_AS_NUMBERS],
            texts={} if load else {"settlement_point": self.points, _STATUS: Codes([_OUT])},
            compared=["max_power_mw"] if load else (*LIMITS_AND_PRICE, *STATED_MCPC, _STATUS),
        )
        scatter = Scatter(len(self.names), year.hours, [*_COLUMNS])
        has_mcpc = any(has_column(inputs, dataset, name) for name in STATED_MCPC)
        stated = [] if load else [*LIMITS_AND_PRICE, *(STATED_MCPC if has_mcpc else ()), LIMIT]
        self.stated = Scatter(len(self.names), year.hours, stated)
        self.nodes = np.full((len(self.names), year.hours), -1, dtype=np.int32)
        self.beyond, self.compared, contradictions = Counter[str](), 0, 0
        for rows in reader:
            values, count = awarded(rows, load=load)
            contradictions += count
            scatter.put(rows.series, rows.step, values, reader.counted, rows.rows)
            if load:
                power = rows.numbers["max_power_mw"]
                self.compared += int((~np.isnan(power)).sum())
                self.beyond.update(self.names[n] for n in rows.series[~fits(values, np.zeros_like(power), power)])
            else:
                self.nodes[rows.series, rows.step] = rows.texts["settlement_point"]
                limit = {LIMIT: np.where(rows.texts[_STATUS] == 0, 0.0, rows.numbers["hsl_mw"])}
                says = rows.numbers | limit
                self.stated.put(rows.series, rows.step, {name: says[name] for name in self.stated.grids})
        reader.report(findings)
        findings.add("award_contradiction", dataset, contradictions, "RRS or ECRS: the parts were taken")
        self.present, self.held = scatter.present, reader.rows > 0
        for grid in scatter.grids.values():
            grid[~scatter.present & self.held] = 0.0
        self.no_award = np.where(self.held, 0.0, np.nan)
        self.grids = scatter.grids

    def awarded(self, name: str | None, hours: IntArray) -> bool:
        """Whether a resource has an award in any of some hours."""
        own = [grid[self.place[name]][hours] for grid in self.grids.values()] if name else []
        return any(bool((np.nan_to_num(values) != 0).any()) for values in own)


@step
def bess_awards(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """Awards of every battery of the registry, by hour.

    Before 2025-12-06 energy and AS awards of the generation resource and AS awards of its load resource; from then on those of the ESR.

    Raises:
        InputError: a file cannot be read.
    """
    year = inputs.year
    registry = inputs.tables["bess_registry"].read(
        ["battery", "gen_resource", "load_resource", "esr_resource", "first_seen_day", "last_seen_day"]
    )
    combo, rtc = slice(0, esr_boundary(year)), slice(esr_boundary(year), year.hours)
    eras = {"gen": combo, "load": combo, "esr": rtc}
    sides = {kind: _Side(inputs, kind, registry, result.findings) for kind, era in eras.items() if era.start < era.stop}
    load = sides.get("load")
    selling = {kind: own for kind, own in sides.items() if kind != "load"}
    result.verdicts |= award_verdicts(
        inputs, [(own.names, own.grids, own.stated.grids, eras[kind]) for kind, own in selling.items()]
    )
    result.verdicts[LOAD_CHECK] = load_verdict(load.beyond, load.compared) if load else load_verdict({}, 0)
    gaps, unknown = _gaps(inputs, registry, sides, eras)
    result.verdicts[ROWS_CHECK] = rows_verdict(sum(len(own.names) for own in sides.values()), gaps, unknown)
    user = read_user_table(inputs.registry_csv) if inputs.registry_csv else []
    ledger = LedgerColumns(year, quarter_hours=False)
    for row in registry.to_pylist():
        columns: dict[str, Any] = {
            column: np.full(year.hours, np.nan) for column in (*_COLUMNS.values(), _PRICE, LIMIT)
        }
        nodes = dict[str, Nodes]()
        for kind, own in selling.items():
            name, era = row[f"{kind}_resource"], eras[kind]
            for quantity, column in _COLUMNS.items():
                columns[column][era] = (own.grids[quantity][own.place[name]] if name else own.no_award)[era]
            if name:
                for quantity, column in ((STATED_PRICE, _PRICE), (LIMIT, LIMIT)):
                    columns[column][era] = own.stated.grids[quantity][own.place[name], era]
                nodes[kind] = Nodes(own.nodes[own.place[name]], own.points.texts)
        for product in PRODUCTS:
            columns[f"{product}_load_award_mw"] = np.zeros(year.hours)
            if load and row["load_resource"]:
                own_load = load.grids[f"{product}_award_mw"][load.place[row["load_resource"]]]
                columns[f"{product}_load_award_mw"][combo] = own_load[combo]
        # the registry took the keys of the user's table over
        lines = [line for line in user if line.battery == row["battery"]]
        of_hours = battery_nodes(year, nodes.get("gen"), nodes.get("esr"), lines)
        columns["settlement_point"] = labels_array(of_hours.codes, of_hours.texts)
        row_gap = np.full(year.hours, -1)
        for gap, is_unknown in zip(gaps, unknown, strict=True):
            if gap.battery == row["battery"]:
                row_gap[gap.hours] = np.maximum(row_gap[gap.hours], int(is_unknown))
        yield ledger.chunk(row["battery"], **columns, row_gap=labels_array(row_gap, GAP_WORDS))


def _gaps(
    inputs: Inputs, registry: pa.Table, sides: Mapping[str, _Side], eras: Mapping[str, slice]
) -> tuple[list[Gap], list[bool]]:
    """Gaps of all batteries and whether the award is unknown in each; unknown ones become unknown in their side."""
    year, gaps = inputs.year, list[Gap]()
    day = year.first_day + year.hour_day
    others = {"gen": "load", "load": "gen"}
    for row in registry.to_pylist():
        seen = (day >= day_number(row["first_seen_day"])) & (day <= day_number(row["last_seen_day"]))
        for kind, own in sides.items():
            expected = np.zeros(year.hours, dtype=bool)
            expected[eras[kind]] = (own.held & seen)[eras[kind]]
            name, other = row[f"{kind}_resource"], others.get(kind, "")
            for hours in gaps_in(own.present[own.place[name]], expected) if name else ():
                elsewhere = other in sides and sides[other].awarded(row[f"{other}_resource"], hours)
                gaps.append(Gap(row["battery"], kind, name, hours, elsewhere, names_at_work(row, kind)))
    unknown = judged(inputs, gaps)
    for gap, is_unknown in zip(gaps, unknown, strict=True):
        for grid in sides[gap.kind].grids.values() if is_unknown else ():
            grid[sides[gap.kind].place[gap.resource], gap.hours] = np.nan
    return gaps, unknown
