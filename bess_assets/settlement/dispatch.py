"""Quarter-hour energy of each battery, from the best quantity ERCOT publishes, and its real-time AS awards.

Settlement metering comes before telemetry, telemetry before base points. runs.py gives the quarter-hours' means: of readings along lines, of base points
and awards held from run to run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray, IntArray, SecondsArray, SourceArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import (
    HOURS_PER_QUARTER_HOUR,
    PRODUCTS,
    QUARTER_HOURS_PER_HOUR,
    RTC_FIRST_DAY,
    SECONDS_PER_QUARTER_HOUR,
    SOURCES,
)
from bess_assets.ercot.rows import YearRows
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, Verdict, some, step
from bess_assets.settlement.awards import RRS_PARTS, award_of_parts
from bess_assets.settlement.grid import LedgerColumns, labels_array
from bess_assets.settlement.pairing import battery_key, unique_keys
from bess_assets.settlement.run_prices import RunPrices, read_run_prices
from bess_assets.settlement.runs import TELEMETRY, Kind, Means, RunReader, Window, read_metering
from bess_assets.settlement.state_of_charge import SOC_CHECK, MonthFit, fit_months, soc_verdict

METERED_CHECK = "metering_and_telemetry_agree"
LARGEST_DIFFERENCE = 0.2  # of the larger: real ones lie within some percent of each other
LEAST_COMPARED = 96  # quarter-hours, a day
NOISE_SHARE = 0.01  # negative consumption up to this share of what was charged is the noise of a meter at rest

# held of a battery in a quarter-hour: both parts, source and seconds of generation, metering, and of a load resource's consumption
_COMBO_BYTES = 8 + 8 + 1 + 2 + 8 + 8 + 1 + 2
# the same of an ESR and its metering, with its state of charge, its awards and their prices
_STORAGE_BYTES = 8 + 8 + 1 + 2 + 8 + 8 + 2 * 8 * len(PRODUCTS)
_HELD_BLOCKS = 3  # that what is held of the batteries takes at most; the windows that are read take one more

_METER, _TELEMETRY, _BASE_POINT, _NONE = 0, 1, 2, -1

_RT_COLUMNS = ("soc_mwh", *(f"{p}_{name}" for name in ("rt_award_mw", "rt_price_usd_per_mw") for p in PRODUCTS))

_RUNS_AT_A_TIME = 1_024
_RT_AWARDS = ("regup_award_mw", "regdn_award_mw", *RRS_PARTS, "ecrs_award_mw", "nspin_award_mw")


@dataclass
class Flows:
    """Energy of the resources of one kind by quarter-hour of their era, from telemetry or, where that is unknown, base points.

    Attributes:
        kind: as in the names of the datasets.
        reader: what was read.
        era: quarter-hours of the year; those of the arrays.
        place: series of each resource.
        mwh: discharge and charge, both >= 0, NaN where unknown; shape (series, quarter-hours); of load resources only the charge.
        negative_of_all_mwh: sum of the known negative parts.
        source: index into `SOURCES`, -1 where unknown; same shape.
        seconds: how long the source was observed in the quarter-hour; same shape.
        of_storage: of storage resources alone, by column; same shape: state of charge at the quarter-hour's end, MWh; real-time AS awards, MW; run prices of
            these awards, weighted by them, $/MW per hour, NaN where not every second has one.
    """

    kind: Kind
    reader: RunReader
    era: slice
    place: dict[str, int]
    mwh: dict[str, FloatArray]
    negative_of_all_mwh: float
    source: SourceArray
    seconds: SecondsArray
    of_storage: dict[str, FloatArray]

    def fill(self, columns: dict[str, Any], row: Mapping[str, Any]) -> None:
        """Fill in what is known of a battery in this era: of discharge, charge and real-time awards what its resource of this kind says."""
        n = self.place.get(row[f"{self.kind}_resource"])
        if n is None:
            return
        for side, mwh in self.mwh.items():
            if self.kind == "gen" and side == "charge" and row["charging"] != "generation":
                continue
            columns[f"{side}_mwh"][self.era] = mwh[n]
            columns[f"{side}_source"][self.era] = self.source[n]
            columns[f"{side}_coverage"][self.era] = self.seconds[n] / float(SECONDS_PER_QUARTER_HOUR)
        for name, values in self.of_storage.items():
            columns[name] = np.full(len(columns["discharge_mwh"]), np.nan)
            columns[name][self.era] = values[n]


def read_flows(
    inputs: Inputs,
    kind: Kind,
    rows: Iterable[Mapping[str, Any]],
    era: slice,
    prices: RunPrices | None = None,
    metering: tuple[FloatArray, FloatArray] | None = None,
) -> Flows:
    """Energy of the resources of one kind that batteries have; of the load resources those that are a battery's charging.

    Args:
        inputs: year and rollups.
        kind: as in the names of the datasets.
        rows: the batteries, rows of the registry.
        era: the quarter-hours wanted, whole days.
        prices: run prices of the awards of storage resources.
        metering: settlement metering of the generation resources in the order of their names, MWh; and sums over resources by quarter-hour, to which
            |discharge by telemetry - by meter| is added, for telemetry held, on straight lines and through the base point, and the number of resources.
    """
    names = _names(row[f"{kind}_resource"] for row in rows if kind != "load" or row["charging"] == "load")
    awards = _RT_AWARDS if kind == "esr" else ()
    columns = [TELEMETRY[kind], "base_point_mw", *awards, *(["soc_mwh"] if awards else [])]
    reader = RunReader(inputs, f"sced_{kind}_resources", names, columns)
    sides = ("charge",) if kind == "load" else ("discharge", "charge")
    shape = (len(names), era.stop - era.start)
    flows = Flows(
        kind,
        reader,
        era,
        {name: n for n, name in enumerate(names)},
        {side: np.full(shape, np.nan) for side in sides},
        0.0,
        np.full(shape, _NONE, dtype=np.int8),
        np.zeros(shape, dtype=np.int16),
        {name: np.full(shape, np.nan) for name in (_RT_COLUMNS if awards else ())},
    )
    if not names or not len(reader.starts):
        return flows
    negative_mwh = np.zeros(shape[1])

    def settle(window: Window) -> None:
        base_point = window.grids["base_point_mw"]
        here = slice(window.first - era.start, window.last - era.start)
        means = reader.means(window, window.grids[TELEMETRY[kind]], base_point)
        if metering:
            metering[1][:, here] += _errors(reader, window, means, metering[0][:, here])
        source = np.where(np.isnan(means.positive), _NONE, _TELEMETRY)
        # a base point can help only where it is known and telemetry is not
        if (source == _NONE).any() and not np.isnan(base_point).all():
            _fall_back(means, source, reader.held_means(window, base_point))
        for side, mean in zip(sides, (means.positive, means.negative), strict=False):
            flows.mwh[side][:, here] = mean * HOURS_PER_QUARTER_HOUR
        negative_mwh[here] = np.nansum(means.negative, axis=0) * HOURS_PER_QUARTER_HOUR
        flows.source[:, here], flows.seconds[:, here] = source, means.seconds
        if awards:
            flows.of_storage["soc_mwh"][:, here] = reader.at_ends(window, window.grids["soc_mwh"])
        for product, values in (_real_time_awards(window.grids) if awards else {}).items():
            award = reader.held_means(window, values, (prices, PRODUCTS.index(product)) if prices else None)
            flows.of_storage[f"{product}_rt_award_mw"][:, here] = mean = award.positive - award.negative
            if award.paid is not None:
                of_product = flows.of_storage[f"{product}_rt_price_usd_per_mw"]
                np.divide(award.paid, mean, where=mean > 0, out=of_product[:, here])

    reader.each_window(settle, era.start, era.stop)
    flows.negative_of_all_mwh = float(negative_mwh.sum())
    return flows


def _names(names: Iterable[str | None]) -> list[str]:
    return sorted({name for name in names if name})


def _errors(reader: RunReader, window: Window, lines: Means, metered_mwh: FloatArray) -> FloatArray:
    """Errors of telemetry in a window, as `read_flows` adds them; the rules that are not in use are tried on metered resources alone."""
    there = ~np.isnan(metered_mwh).all(axis=1)
    output = window.grids["output_mw"] if there.all() else window.grids["output_mw"][:, there]
    held = reader.held_means(window, output)
    straight = reader.means(window, output, np.broadcast_to(np.nan, output.shape))
    mwh = np.stack([held.positive, straight.positive, lines.positive[there]]) * HOURS_PER_QUARTER_HOUR
    error = np.abs(mwh - np.maximum(metered_mwh[there], 0.0))
    known = ~np.isnan(error).any(axis=0)
    return np.vstack([np.where(known, error, 0.0).sum(axis=1), known.sum(axis=0)])


def _fall_back(best: Means, source: IntArray, last: Means) -> None:
    """Take base points where telemetry is unknown; where neither is known, the better coverage."""
    unknown = np.isnan(best.positive)
    best.seconds[unknown] = np.maximum(best.seconds, last.seconds)[unknown]
    use = unknown & ~np.isnan(last.positive)
    source[use] = _BASE_POINT
    for taken, other in ((best.positive, last.positive), (best.negative, last.negative), (best.seconds, last.seconds)):
        taken[use] = other[use]


def _real_time_awards(grids: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Awards by product; the first part of RRS becomes RRS, for a window's grids are most of the memory in use."""
    parts = [grids[part] for part in RRS_PARTS]
    rrs = parts[0]
    for first in range(0, len(rrs), _RUNS_AT_A_TIME):
        here = slice(first, first + _RUNS_AT_A_TIME)
        rrs[here], _ = award_of_parts([part[here] for part in parts], np.full_like(rrs[here], np.nan))
    return {p: rrs if p == "rrs" else grids[f"{p}_award_mw"] for p in PRODUCTS}


def _settle_metered(
    generation: Flows,
    metered_mwh: FloatArray,
    rows: Iterable[Mapping[str, Any]],
    compared: dict[str, tuple[float, float]],
) -> float:
    """Put settlement metering in the place of telemetry and base points wherever there is any.

    MWh discharged by metering and by telemetry are added to those compared, by battery, where there is a day or more of both.

    Returns:
        MWh of negative values that are no charging of their battery.
    """
    left_out = 0.0
    for row in (row for row in rows if row["gen_resource"]):
        n = generation.place[row["gen_resource"]]
        meter = metered_mwh[n, generation.era]
        there = np.flatnonzero(~np.isnan(meter))
        both = there[generation.source[n, there] == _TELEMETRY]
        if len(both) >= LEAST_COMPARED:
            metered, measured = np.maximum(meter[both], 0.0), generation.mwh["discharge"][n, both]
            compared[row["battery"]] = float(metered.sum()), float(measured.sum())
        for side, sign in (("discharge", 1), ("charge", -1)):
            generation.mwh[side][n, there] = np.maximum(sign * meter[there], 0.0)
        generation.source[n, there] = _METER
        generation.seconds[n, there] = SECONDS_PER_QUARTER_HOUR
        if row["charging"] != "generation":
            left_out += float(np.nansum(generation.mwh["charge"][n]))
    return left_out


def _parts(inputs: Inputs, rows: Sequence[Mapping[str, Any]], boundary: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The registry in as many parts as the memory limit asks for: what is observed of the batteries of one is held at a time.

    Each part reads the files again, so that one that fits is taken whole.
    """
    held = len(rows) * (boundary * _COMBO_BYTES + (inputs.year.quarter_hours - boundary) * _STORAGE_BYTES)
    count = max(min(-(-held // (_HELD_BLOCKS * inputs.block_bytes)), len(rows)), 1)
    for first, last in pairwise(len(rows) * n // count for n in range(count + 1)):
        yield rows[first:last]


@step
def bess_dispatch(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """Energy of every battery of the registry, by quarter-hour, and from 2025-12-05 its real-time AS awards.

    Discharge: settlement metered net energy, else telemetered net output, else base point. Charge before 2025-12-05: the load resource's real power
    consumption, else its base point; the generation side's own negative part only where the user's table says that there is no load resource.
    From 2025-12-05 both are parts of the ESR's telemetered net output, else of its base point.

    Raises:
        InputError: a file cannot be read.
    """
    year, findings = inputs.year, result.findings
    registry = inputs.tables["bess_registry"].read(
        ["battery", "gen_resource", "load_resource", "esr_resource", "charging"]
    )
    boundary = QUARTER_HOURS_PER_HOUR * year.hour_of_day_number(day_number(RTC_FIRST_DAY))
    combo, rtc = slice(0, boundary), slice(boundary, year.quarter_hours)
    eras: dict[Kind, slice] = {"gen": combo, "load": combo, "esr": rtc}
    ledger = LedgerColumns(year, quarter_hours=True)
    errors, later = np.zeros((4, boundary)), np.zeros(12)
    no_award = pa.nulls(year.quarter_hours, pa.float64())
    unknown = {"mwh": np.full(len(no_award), np.nan), "coverage": np.zeros(len(no_award))}
    unknown["source"] = np.full(len(no_award), _NONE, dtype=np.int8)
    left_out = negative_mwh = charged_mwh = 0.0
    readers: dict[str, RunReader | YearRows] = {}
    compared: dict[str, tuple[float, float]] = {}
    months: list[MonthFit] = []
    disclosed = RunReader(inputs, "sced_esr_resources", [], []).starts
    prices = read_run_prices(inputs, findings, disclosed) if rtc.start < rtc.stop else None
    for part in _parts(inputs, registry.to_pylist(), boundary):
        gens = _names(row["gen_resource"] for row in part)
        esrs = _names(row["esr_resource"] for row in part if not row["gen_resource"])
        metered_mwh, meter = read_metering(inputs, gens + esrs, _resource_of_meter(registry.to_pylist()))
        flows = {
            kind: read_flows(
                inputs, kind, part, era, prices, (metered_mwh[: len(gens), combo], errors) if kind == "gen" else None
            )
            for kind, era in eras.items()
            if era.start < era.stop
        }
        read: dict[str, RunReader | YearRows] = {f"sced_{kind}_resources": own.reader for kind, own in flows.items()}
        if "esr" in flows:
            later += _later_sums(flows["esr"], part, dict(zip(gens + esrs, metered_mwh[:, rtc], strict=True)))
        if boundary:
            read["sced_smne"] = meter
            left_out += _settle_metered(flows["gen"], metered_mwh, part, compared)
            negative_mwh += flows["load"].negative_of_all_mwh
            charged_mwh += float(np.nansum(flows["load"].mwh["charge"]))
        del metered_mwh
        for dataset, reader in read.items():
            if readers.setdefault(dataset, reader) is not reader:
                readers[dataset].counted.add(reader.counted)
        for row in part:
            columns: dict[str, Any] = dict.fromkeys(_RT_COLUMNS, no_award)
            columns |= {f"{side}_{name}": of.copy() for side in ("discharge", "charge") for name, of in unknown.items()}
            for own in flows.values():
                own.fill(columns, row)
            if columns["soc_mwh"] is not no_award:
                months += fit_months(
                    year, row["battery"], columns["soc_mwh"], columns["charge_mwh"], columns["discharge_mwh"]
                )
            sources = {name: labels_array(columns[name], SOURCES) for name in ("discharge_source", "charge_source")}
            yield ledger.chunk(row["battery"], **columns | sources)
        del flows  # before the next part is read
    for reader in readers.values():
        reader.report(findings)
    findings.add(
        "negative_consumption",
        "sced_load_resources",
        round(negative_mwh),
        "MWh: a load resource does not discharge",
        warning=negative_mwh > NOISE_SHARE * charged_mwh,
    )
    result.verdicts[METERED_CHECK] = _metered_verdict(compared)
    result.verdicts[SOC_CHECK] = soc_verdict(months)
    _report_errors(findings, year, errors)
    _report_later(findings, int(meter.rows[boundary // QUARTER_HOURS_PER_HOUR :].sum()), later)
    words = "MWh: station use, or the load side's charging seen twice"
    findings.add("generation_side_charging", "bess_dispatch", round(left_out), words, warning=False)


def _report_errors(findings: Findings, year: OperatingYear, errors: FloatArray) -> None:
    """Add the mean absolute errors of telemetry by month, of sums by quarter-hour as `read_flows` makes them."""
    months = (year.first_day + year.quarter_hour_day[: errors.shape[1]]).astype("M8[D]").astype("M8[M]").astype(str)
    words = []
    for month in np.unique(months[errors[-1] > 0]).tolist():
        *sums, count = errors[:, months == month].sum(axis=1).tolist()
        held, straight, in_use = (total / count for total in sums)
        words.append(
            f"{month} held {held:.3f}, straight lines {straight:.3f}, through the base point {in_use:.3f} ({count:,.0f})"
        )
    findings.add("telemetry_error", "sced_gen_resources", int(errors[-1].sum()), "; ".join(words), warning=False)


def _later_sums(esr: Flows, rows: Iterable[Mapping[str, Any]], metered: Mapping[str, FloatArray]) -> FloatArray:
    """Sums over batteries: 1, quarter-hours metered, with telemetry too; there of net meter x and telemetry y, their products, and discharge and charge."""
    sums = np.zeros(12)
    for row in (row for row in rows if row["esr_resource"]):
        n, meter = esr.place[row["esr_resource"]], metered[row["gen_resource"] or row["esr_resource"]]
        there = ~np.isnan(meter)
        both = there & (esr.source[n] == _TELEMETRY)
        x, discharge, charge = meter[both], *(esr.mwh[side][n, both] for side in ("discharge", "charge"))
        y = discharge - charge
        terms = (there.any(), there, both, x, y, x * x, y * y, x * y, x.clip(0.0), discharge, (-x).clip(0.0), charge)
        sums += [np.sum(term) for term in terms]
    return sums


def _report_later(findings: Findings, rows: int, sums: FloatArray) -> None:
    """Add the rows of settlement metering from 2025-12-05, of any resource, and how those of batteries compare with telemetry."""
    batteries, there, count, x, y, xx, yy, xy, *mwh = sums.tolist()
    scale = max((count * xx - x * x) * (count * yy - y * y), 0.0) ** 0.5
    detail = (
        f"{there:,.0f} rows of {batteries:.0f} batteries, {rows - there:,.0f} others; {count:,.0f} quarter-hours with telemetry: "
        f"{mwh[0]:,.1f} MWh discharged by meter, {mwh[1]:,.1f} by telemetry; {mwh[2]:,.1f} MWh charged by meter, {mwh[3]:,.1f} by telemetry; "
        f"correlation {f'{(count * xy - x * y) / scale:.3f}' if scale else 'unknown'}"
    )
    findings.add("metering_after_go_live", "sced_smne", rows, detail, warning=False)


def _resource_of_meter(registry: Sequence[Mapping[str, Any]]) -> Callable[[str], str]:
    """The resource that the name of a meter means: a generation resource of a battery; else, by the stable key, a storage resource without one."""
    gens = {row["gen_resource"] for row in registry}
    esrs = unique_keys(row["esr_resource"] for row in registry if row["esr_resource"] and not row["gen_resource"])
    by_key = {key: name for name, key in esrs.items()}
    return lambda meter: meter if meter in gens else by_key.get(battery_key(meter), "")


def _metered_verdict(compared: Mapping[str, tuple[float, float]]) -> Verdict:
    """The verdict on the discharge of batteries, MWh by settlement metering and by telemetry over the quarter-hours in which both are known."""
    wrong = [
        f"{battery} {metered:,.0f} MWh metered, {measured:,.0f} by telemetry"
        for battery, (metered, measured) in compared.items()
        if abs(metered - measured) > LARGEST_DIFFERENCE * max(metered, measured)
    ]
    of = f"{len(compared)} batteries with both quantities"
    detail = f"{len(wrong)} of {of} differ: {some(wrong, '; ')}" if wrong else f"{of}, all agree"
    return Verdict(not wrong, detail, {"batteries": len(compared), "batteries_differing": len(wrong)})
