"""Quarter-hour energy of each battery, from the best quantity ERCOT publishes, and its real-time AS awards.

Settlement metering comes before telemetry, telemetry before base points. runs.py gives the quarter-hours' means: of readings along lines, of base points
and awards held from run to run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray, IntArray, SecondsArray, SourceArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.products import HOURS_PER_QUARTER_HOUR, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY, SOURCES
from bess_assets.ercot.rows import YearRows
from bess_assets.ercot.step import Columns, Inputs, StepResult, Verdict, some, step
from bess_assets.settlement.awards import RRS_PARTS, award_of_parts
from bess_assets.settlement.grid import LedgerColumns, labels_array
from bess_assets.settlement.runs import Means, RunReader, Window, coverage_of, read_metering

METERED_CHECK = "metering_and_telemetry_agree"
LARGEST_DIFFERENCE = 0.2
"""Of the larger: real ones lie within some percent of each other."""
LEAST_COMPARED = 96
"""Quarter-hours, a day."""
NOISE_SHARE = 0.01
"""Negative consumption up to this share of what was charged is the noise of a meter at rest."""

_COMBO_BYTES = 8 + 8 + 1 + 2 + 8 + 8 + 1 + 2
"""Held of a battery in a quarter-hour: both parts, source and seconds of generation, metering, and of a load resource's consumption."""
_STORAGE_BYTES = 8 + 8 + 1 + 2 + 8 * len(PRODUCTS)
"""The same of an ESR, with its awards."""
_HELD_BLOCKS = 3
"""What is held of the batteries takes at most so many blocks; the windows that are read take one more."""

_METER, _TELEMETRY, _BASE_POINT, _NONE = 0, 1, 2, -1

_RUNS_AT_A_TIME = 1_024
_RT_AWARDS = ("regup_award_mw", "regdn_award_mw", *RRS_PARTS, "ecrs_award_mw", "nspin_award_mw")


@dataclass
class Flows:
    """Energy of some resources by quarter-hour of an era, from telemetry or, where that is unknown, base points.

    Attributes:
        reader: what was read.
        place: series of each resource.
        positive_mwh: positive part, NaN where unknown; shape (series, quarter-hours).
        negative_mwh: negative part, >= 0, NaN where unknown; same shape; empty unless asked for.
        negative_of_all_mwh: sum of the known negative parts; shape (quarter-hours,).
        source: index into `SOURCES`, -1 where unknown; same shape.
        seconds: how long the source was observed in the quarter-hour; same shape.
        awards: real-time AS awards by product, MW; same shape; empty unless asked for.
    """

    reader: RunReader
    place: dict[str, int]
    positive_mwh: FloatArray
    negative_mwh: FloatArray
    negative_of_all_mwh: FloatArray
    source: SourceArray
    seconds: SecondsArray
    awards: dict[str, FloatArray]


def read_flows(
    inputs: Inputs,
    dataset: str,
    names: list[str],
    telemetry: str,
    part: slice,
    *,
    negative: bool = True,
    awards: bool = False,
) -> Flows:
    """Energy of resources of a SCED dataset.

    Args:
        inputs: year and rollups.
        dataset: canonical name.
        names: resources.
        telemetry: column of the telemetered MW.
        part: the quarter-hours wanted, whole days: the era of the dataset.
        negative: the negative part is wanted too.
        awards: real-time AS awards are wanted too.
    """
    numbers = [telemetry, "base_point_mw", *(_RT_AWARDS if awards else ())]
    reader = RunReader(inputs, dataset, names, numbers)
    shape = (len(names), part.stop - part.start)
    empty = (0, 0)
    flows = Flows(
        reader,
        {name: n for n, name in enumerate(names)},
        np.full(shape, np.nan),
        np.full(shape if negative else empty, np.nan),
        np.zeros(shape[1]),
        np.full(shape, _NONE, dtype=np.int8),
        np.zeros(shape, dtype=np.int16),
        {p: np.full(shape, np.nan) for p in PRODUCTS} if awards else {},
    )
    if not names or not len(reader.starts):
        return flows

    def settle(window: Window) -> None:
        base_point = window.grids["base_point_mw"]
        rt_awards = _real_time_awards(window.grids) if awards else {}
        here = slice(window.first - part.start, window.last - part.start)
        means = reader.line_means(window, window.grids[telemetry], base_point)
        source = np.where(np.isnan(means.positive), _NONE, _TELEMETRY)
        # a base point can help only where it is known and telemetry is not
        if (source == _NONE).any() and not np.isnan(base_point).all():
            means, source = _fall_back(means, source, reader.means(window, base_point, window.first, window.last))
        flows.positive_mwh[:, here] = means.positive.T * HOURS_PER_QUARTER_HOUR
        flows.negative_of_all_mwh[here] = np.nansum(means.negative, axis=1) * HOURS_PER_QUARTER_HOUR
        if negative:
            flows.negative_mwh[:, here] = means.negative.T * HOURS_PER_QUARTER_HOUR
        flows.source[:, here] = source.T
        flows.seconds[:, here] = means.seconds.T
        for first, last in window.blocks():
            here = slice(first - part.start, last - part.start)
            for product, values in rt_awards.items():
                award = reader.means(window, values, first, last)
                flows.awards[product][:, here] = (award.positive - award.negative).T

    reader.each_window(settle, part.start, part.stop)
    return flows


def _fall_back(best: Means, source: IntArray, last: Means) -> tuple[Means, IntArray]:
    """Base points where telemetry is unknown; where neither is known, the better coverage."""
    unknown = np.isnan(best.positive)
    use = unknown & ~np.isnan(last.positive)
    return (
        Means(
            np.where(use, last.positive, best.positive),
            np.where(use, last.negative, best.negative),
            np.where(use, last.seconds, np.where(unknown, np.maximum(best.seconds, last.seconds), best.seconds)),
        ),
        np.where(use, _BASE_POINT, source),
    )


def _real_time_awards(grids: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Awards by product; the first part of RRS becomes RRS, for a window's grids are most of the memory in use."""
    parts = [grids[part] for part in RRS_PARTS]
    rrs = parts[0]
    for first in range(0, len(rrs), _RUNS_AT_A_TIME):
        here = slice(first, first + _RUNS_AT_A_TIME)
        rrs[here], _ = award_of_parts([part[here] for part in parts], np.full_like(rrs[here], np.nan))
    return {p: rrs if p == "rrs" else grids[f"{p}_award_mw"] for p in PRODUCTS}


@dataclass(frozen=True)
class _Observed:
    """What the SCED datasets say of some batteries: flows by kind of resource and metering of the generation resources, None in a year without their era."""

    generation: Flows | None
    load: Flows | None
    metered_mwh: FloatArray | None
    storage: Flows | None
    readers: dict[str, RunReader | YearRows]


def _observed(inputs: Inputs, rows: Sequence[Mapping[str, Any]], boundary: int) -> _Observed:
    combo_era, esr_era = slice(0, boundary), slice(boundary, inputs.year.quarter_hours)
    generation = load = metered_mwh = storage = None
    readers: dict[str, RunReader | YearRows] = {}
    if boundary:
        gens = _resources(rows, "gen_resource")
        loads = _resources([row for row in rows if row["charging"] == "load"], "load_resource")
        generation = read_flows(inputs, "sced_gen_resources", gens, "output_mw", combo_era)
        load = read_flows(inputs, "sced_load_resources", loads, "consumption_mw", combo_era, negative=False)
        metered_mwh, meter = read_metering(inputs, gens)
        readers = {"sced_gen_resources": generation.reader, "sced_load_resources": load.reader, "sced_smne": meter}
    if boundary < inputs.year.quarter_hours:
        esrs = _resources(rows, "esr_resource")
        storage = read_flows(inputs, "sced_esr_resources", esrs, "output_mw", esr_era, awards=True)
        readers["sced_esr_resources"] = storage.reader
    return _Observed(generation, load, metered_mwh, storage, readers)


def _resources(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    return sorted({row[column] for row in rows if row[column]})


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
    ledger = LedgerColumns(year, quarter_hours=True)
    no_award = pa.nulls(year.quarter_hours, pa.float64())
    left_out = negative_mwh = charged_mwh = 0.0
    readers: dict[str, RunReader | YearRows] = {}
    compared: dict[str, tuple[float, float]] = {}
    for part in _parts(inputs, registry.to_pylist(), boundary):
        observed = _observed(inputs, part, boundary)
        for dataset, reader in observed.readers.items():
            if dataset in readers:
                readers[dataset].counted.add(reader.counted)
            else:
                readers[dataset] = reader
        if observed.load is not None:
            negative_mwh += float(observed.load.negative_of_all_mwh.sum())
            charged_mwh += float(np.nansum(observed.load.positive_mwh))
        for row in part:
            columns = _unknown(year.quarter_hours)
            left_out += _combo_era(columns, row, observed, boundary, compared)
            rt_awards: dict[str, Any] = dict.fromkeys(PRODUCTS, no_award)
            if observed.storage is not None and row["esr_resource"]:
                rt_awards = _esr_era(columns, observed.storage, row["esr_resource"], boundary)
            for side in ("discharge", "charge"):
                columns[f"{side}_source"] = labels_array(columns[f"{side}_source"], SOURCES)
            columns |= {f"{p}_rt_award_mw": values for p, values in rt_awards.items()}
            yield ledger.chunk(row["battery"], **columns)
        del observed  # before the next part is read
    storage = readers.pop("sced_esr_resources", None)
    for reader in readers.values():
        reader.report(findings)
    findings.add(
        "negative_consumption",
        "sced_load_resources",
        round(negative_mwh),
        "MWh: a load resource does not discharge",
        warning=negative_mwh > NOISE_SHARE * charged_mwh,
    )
    if storage is not None:
        storage.report(findings, first_day=max(day_number(RTC_FIRST_DAY) - year.first_day, 0))
    result.verdicts[METERED_CHECK] = _metered_verdict(compared)
    findings.add(
        "generation_side_charging",
        "bess_dispatch",
        round(left_out),
        "MWh: station use, or the load side's charging seen twice",
        warning=False,
    )


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


def _unknown(quarter_hours: int) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for side in ("discharge", "charge"):
        columns[f"{side}_mwh"] = np.full(quarter_hours, np.nan)
        columns[f"{side}_source"] = np.full(quarter_hours, _NONE, dtype=np.int8)
        columns[f"{side}_coverage"] = np.zeros(quarter_hours)
    return columns


def _fill(
    columns: dict[str, Any], side: str, era: slice, mwh: FloatArray, source: SourceArray, coverage: FloatArray
) -> None:
    columns[f"{side}_mwh"][era] = mwh
    columns[f"{side}_source"][era] = source
    columns[f"{side}_coverage"][era] = coverage


def _combo_era(
    columns: dict[str, Any],
    row: Mapping[str, Any],
    observed: _Observed,
    boundary: int,
    compared: dict[str, tuple[float, float]],
) -> float:
    """Fill in the combo era of one battery, and add its metering and telemetry to those compared.

    Returns:
        MWh of negative generation-side values left out of charging.
    """
    generation, load, era = observed.generation, observed.load, slice(0, boundary)
    if generation is None or load is None or observed.metered_mwh is None or not row["gen_resource"]:
        return 0.0
    n = generation.place[row["gen_resource"]]
    meter = observed.metered_mwh[n, era]
    has_meter = ~np.isnan(meter)
    telemetered = np.where(generation.source[n] == _TELEMETRY, generation.positive_mwh[n], np.nan)
    both = has_meter & ~np.isnan(telemetered)
    if int(both.sum()) >= LEAST_COMPARED:
        metered = np.maximum(meter[both], 0.0)
        compared[row["battery"]] = float(metered.sum()), float(telemetered[both].sum())
    discharge = np.where(has_meter, np.maximum(meter, 0.0), generation.positive_mwh[n])
    negative = np.where(has_meter, np.maximum(-meter, 0.0), generation.negative_mwh[n])
    source = np.where(has_meter, _METER, generation.source[n]).astype(np.int8)
    coverage = np.where(has_meter, 1.0, coverage_of(generation.seconds[n]))
    _fill(columns, "discharge", era, discharge, source, coverage)
    if row["charging"] == "generation":
        _fill(columns, "charge", era, negative, source, coverage)
        return 0.0
    if row["charging"] == "load":
        k = load.place[row["load_resource"]]
        _fill(columns, "charge", era, load.positive_mwh[k], load.source[k], coverage_of(load.seconds[k]))
    return float(np.nansum(negative))


def _esr_era(columns: dict[str, Any], storage: Flows, name: str, boundary: int) -> dict[str, FloatArray]:
    """Fill in the ESR era of one battery; returns its real-time AS awards by product, unknown before that era."""
    era, n = slice(boundary, None), storage.place[name]
    coverage = coverage_of(storage.seconds[n])
    _fill(columns, "discharge", era, storage.positive_mwh[n], storage.source[n], coverage)
    _fill(columns, "charge", era, storage.negative_mwh[n], storage.source[n], coverage)
    rt_awards = {p: np.full(len(columns["discharge_mwh"]), np.nan) for p in PRODUCTS}
    for p, values in rt_awards.items():
        values[era] = storage.awards[p][n]
    return rt_awards
