"""Quarter-hour energy of each battery, from the best quantity ERCOT publishes, and its real-time AS awards.

Settlement metering comes before telemetry, telemetry before base points; runs.py holds a reading until the next run and averages over quarter-hours.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray, SecondsArray, SourceArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import HOURS_PER_QUARTER_HOUR, PRODUCTS, RTC_FIRST_DAY, SOURCES
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, Verdict
from bess_assets.settlement.awards import award_of_parts
from bess_assets.settlement.grid import LedgerColumns, labels_array
from bess_assets.settlement.runs import Means, MeterReader, RunReader, Window, coverage_of

METERED_CHECK = "metering_and_telemetry_agree"
LARGEST_DIFFERENCE = 0.2
"""Of the larger: real ones lie within some percent of each other."""
LEAST_COMPARED = 96
"""Quarter-hours, a day."""
NOISE_SHARE = 0.01
"""Negative consumption up to this share of what was charged is the noise of a meter at rest."""
NAMES_SHOWN = 5

_COMBO_BYTES = 8 + 8 + 1 + 2 + 8 + 8 + 1 + 2
"""Held of a battery in a quarter-hour: both parts, source and seconds of generation, metering, and of a load resource's consumption."""
_STORAGE_BYTES = 8 + 8 + 1 + 2 + 8 * len(PRODUCTS)
"""The same of an ESR, with its awards."""
_HELD_BLOCKS = 3
"""What is held of the batteries takes at most so many blocks; the windows that are read take one more."""

_METER, _TELEMETRY, _BASE_POINT, _NONE = 0, 1, 2, -1

_RRS_PARTS = ("rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw")
_RUNS_AT_A_TIME = 1_024
_RT_AWARDS = ("regup_award_mw", "regdn_award_mw", *_RRS_PARTS, "ecrs_award_mw", "nspin_award_mw")


@dataclass
class Flows:
    """Energy of some resources by quarter-hour of an era, from telemetry or, where that is unknown, base points.

    Attributes:
        reader: what was read.
        positive_mwh: positive part, NaN where unknown; shape (series, quarter-hours).
        negative_mwh: negative part, >= 0, NaN where unknown; same shape; empty unless asked for.
        negative_of_all_mwh: sum of the known negative parts; shape (quarter-hours,).
        source: index into `SOURCES`, -1 where unknown; same shape.
        seconds: how long the source was observed in the quarter-hour; same shape.
        awards: real-time AS awards by product, MW; same shape; empty unless asked for.
    """

    reader: RunReader
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
        negative: whether the negative part is wanted too.
        awards: whether real-time AS awards are wanted too.
    """
    numbers = [telemetry, "base_point_mw", *(_RT_AWARDS if awards else ())]
    reader = RunReader(inputs, dataset, names, numbers)
    shape = (len(names), part.stop - part.start)
    empty = (0, 0)
    flows = Flows(
        reader,
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
        output, base_point = window.grids[telemetry], window.grids["base_point_mw"]
        # a base point can help only where it is known and telemetry is not
        falls_back = bool((np.isnan(output) & ~np.isnan(base_point)).any())
        rt_awards = _real_time_awards(window.grids) if awards else {}
        for first, last in window.blocks():
            here = slice(first - part.start, last - part.start)
            means = reader.means(window, output, first, last)
            source = np.where(np.isnan(means.positive), _NONE, _TELEMETRY)
            if falls_back:
                means, source = _fall_back(means, source, reader.means(window, base_point, first, last))
            flows.positive_mwh[:, here] = means.positive.T * HOURS_PER_QUARTER_HOUR
            flows.negative_of_all_mwh[here] = np.nansum(means.negative, axis=1) * HOURS_PER_QUARTER_HOUR
            if negative:
                flows.negative_mwh[:, here] = means.negative.T * HOURS_PER_QUARTER_HOUR
            flows.source[:, here] = source.T
            flows.seconds[:, here] = means.seconds.T
            for product, values in rt_awards.items():
                award = reader.means(window, values, first, last)
                flows.awards[product][:, here] = (award.positive - award.negative).T

    reader.each_window(settle, part.start, part.stop)
    return flows


def _fall_back(best: Means, source: npt.NDArray[np.int64], last: Means) -> tuple[Means, npt.NDArray[np.int64]]:
    """Base points where telemetry is unknown; where both are, the better coverage is told."""
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
    parts = [grids[part] for part in _RRS_PARTS]
    rrs = parts[0]
    for first in range(0, len(rrs), _RUNS_AT_A_TIME):
        here = slice(first, first + _RUNS_AT_A_TIME)
        rrs[here], _ = award_of_parts([part[here] for part in parts], np.full_like(rrs[here], np.nan))
    return {p: rrs if p == "rrs" else grids[f"{p}_award_mw"] for p in PRODUCTS}


def load_flows(inputs: Inputs, names: list[str], part: slice) -> Flows:
    """Real power consumption, else base point, of load resources: charging is the positive part."""
    return read_flows(inputs, "sced_load_resources", names, "consumption_mw", part, negative=False)


def bess_dispatch(inputs: Inputs) -> StepResult:
    """Energy of every battery of the registry, by quarter-hour, and from 2025-12-05 its real-time AS awards.

    Discharge: settlement metered net energy, else telemetered net output, else base point. Charge before 2025-12-05: the load resource's real power
    consumption, else its base point; the generation side's own negative part only where the user's table says that there is no load resource.
    From 2025-12-05 both are parts of the ESR's telemetered net output, else of its base point.

    Raises:
        InputError: a file cannot be read.
    """
    result = StepResult(iter(()))
    result.chunks = _chunks(inputs, result)
    return result


class _Metered:
    """Settlement metering beside telemetry, over the quarter-hours in which both are known."""

    def __init__(self) -> None:
        self._compared = 0
        self._wrong: dict[str, str] = {}

    def add(self, battery: str, meter: FloatArray, telemetry: FloatArray) -> None:
        both = ~np.isnan(meter) & ~np.isnan(telemetry)
        if int(both.sum()) < LEAST_COMPARED:
            return
        self._compared += 1
        metered, measured = float(np.maximum(meter[both], 0.0).sum()), float(telemetry[both].sum())
        if abs(metered - measured) > LARGEST_DIFFERENCE * max(metered, measured):
            self._wrong[battery] = f"{battery} {metered:,.0f} MWh metered, {measured:,.0f} by telemetry"

    def verdict(self) -> Verdict:
        of = f"{self._compared} batteries with both quantities"
        wrong = list(self._wrong.values())
        more = f" and {len(wrong) - NAMES_SHOWN} more" if len(wrong) > NAMES_SHOWN else ""
        detail = f"{len(wrong)} of {of} differ: {'; '.join(wrong[:NAMES_SHOWN])}{more}" if wrong else f"{of}, all agree"
        return Verdict(not wrong, detail, {"batteries": self._compared, "batteries_differing": len(wrong)})


@dataclass
class _Energy:
    """Columns of one battery over the year."""

    discharge: FloatArray
    charge: FloatArray
    discharge_source: SourceArray
    charge_source: SourceArray
    discharge_coverage: FloatArray
    charge_coverage: FloatArray

    @staticmethod
    def unknown(quarter_hours: int) -> "_Energy":
        def number() -> FloatArray:
            return np.full(quarter_hours, np.nan)

        def source() -> SourceArray:
            return np.full(quarter_hours, _NONE, dtype=np.int8)

        return _Energy(number(), number(), source(), source(), np.zeros(quarter_hours), np.zeros(quarter_hours))


@dataclass(frozen=True)
class _Observed:
    """What the SCED datasets say of some batteries of the registry.

    Attributes:
        generation: flows of their generation resources; None in a year without the combo era, as the next two.
        load: consumption of the load resources that charge them.
        meter: reader of their settlement metering.
        metered_mwh: net energy by generation resource and quarter-hour.
        storage: flows and awards of their ESRs; None in a year without the ESR era.
        place: row of a resource in its flows, by the registry's column and its name: a battery's two sides may have one name.
    """

    generation: Flows | None
    load: Flows | None
    meter: MeterReader | None
    metered_mwh: FloatArray | None
    storage: Flows | None
    place: dict[tuple[str, str], int]

    @staticmethod
    def of(inputs: Inputs, rows: Sequence[Mapping[str, Any]], boundary: int) -> "_Observed":
        """Read the files for the batteries of some rows of the registry."""
        combo_era, esr_era = slice(0, boundary), slice(boundary, inputs.year.quarter_hours)
        gens = _resources(rows, "gen_resource")
        loads = _resources([row for row in rows if row["charging"] == "load"], "load_resource")
        esrs = _resources(rows, "esr_resource")
        generation = load = meter = metered_mwh = storage = None
        if boundary:
            generation = read_flows(inputs, "sced_gen_resources", gens, "output_mw", combo_era)
            load = load_flows(inputs, loads, combo_era)
            meter = MeterReader(inputs, gens)
            metered_mwh = meter.read()
        if boundary < inputs.year.quarter_hours:
            storage = read_flows(inputs, "sced_esr_resources", esrs, "output_mw", esr_era, awards=True)
        named = (("gen_resource", gens), ("load_resource", loads), ("esr_resource", esrs))
        place = {(column, name): n for column, names in named for n, name in enumerate(names)}
        return _Observed(generation, load, meter, metered_mwh, storage, place)

    def row(self, column: str, battery: Mapping[str, Any]) -> int:
        """Row of a battery's resource in the flows of its kind."""
        return self.place[column, battery[column]]


def _resources(rows: Sequence[Mapping[str, Any]], column: str) -> list[str]:
    return sorted({row[column] for row in rows if row[column]})


def _parts(inputs: Inputs, rows: Sequence[Mapping[str, Any]], boundary: int) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The registry in as many parts as the memory limit asks for: what is observed of the batteries of one is held at a time.

    Each part reads the files again, so that one that fits is taken whole.
    """
    held = len(rows) * (boundary * _COMBO_BYTES + (inputs.year.quarter_hours - boundary) * _STORAGE_BYTES)
    count = min(-(-held // (_HELD_BLOCKS * inputs.block_bytes)), len(rows))
    edges = [len(rows) * n // max(count, 1) for n in range(max(count, 1) + 1)]
    for first, last in pairwise(edges):
        yield rows[first:last]


class _Reports:
    """Findings about the files: what is said of a file is said once, and what is counted by row is added up over all parts of the registry."""

    def __init__(self) -> None:
        self._meter: MeterReader | None = None
        self._runs: dict[str, RunReader] = {}
        self._negative_mwh = self._charged_mwh = 0.0

    def add(self, observed: _Observed) -> None:
        for flows in (observed.generation, observed.load, observed.storage):
            if flows is not None:
                first = self._runs.setdefault(flows.reader.dataset, flows.reader)
                if first is not flows.reader:
                    first.counted.add(flows.reader.counted)
        if observed.load is not None:
            self._negative_mwh += float(observed.load.negative_of_all_mwh.sum())
            self._charged_mwh += float(np.nansum(observed.load.positive_mwh))
        if self._meter is not None and observed.meter is not None:
            self._meter.counted.add(observed.meter.counted)
        self._meter = self._meter or observed.meter

    def report(self, findings: Findings, year: OperatingYear) -> None:
        storage = self._runs.pop("sced_esr_resources", None)
        for reader in self._runs.values():
            reader.report(findings)
        if self._meter is not None:
            self._meter.report(findings)
        findings.add(
            "negative_consumption",
            "sced_load_resources",
            round(self._negative_mwh),
            "MWh: a load resource does not discharge",
            warning=self._negative_mwh > NOISE_SHARE * self._charged_mwh,
        )
        if storage is not None:
            storage.report(findings, first_day=max(day_number(RTC_FIRST_DAY) - year.first_day, 0))


def _chunks(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    year, findings = inputs.year, result.findings
    registry = inputs.tables["bess_registry"].read(
        ["battery", "gen_resource", "load_resource", "esr_resource", "charging"]
    )
    boundary = 4 * year.hour_of_day_number(day_number(RTC_FIRST_DAY))
    ledger = LedgerColumns(year, quarter_hours=True)
    no_award = pa.nulls(year.quarter_hours, pa.float64())
    left_out = 0.0
    agreement, reports = _Metered(), _Reports()
    for part in _parts(inputs, registry.to_pylist(), boundary):
        observed = _Observed.of(inputs, part, boundary)
        reports.add(observed)
        for row in part:
            energy = _Energy.unknown(year.quarter_hours)
            left_out += _combo_era(energy, row, observed, boundary, agreement)
            rt_awards: dict[str, Any] = dict.fromkeys(PRODUCTS, no_award)
            if observed.storage is not None and row["esr_resource"]:
                rt_awards = _esr_era(energy, observed.storage, observed.row("esr_resource", row), boundary)
            yield ledger.chunk(
                row["battery"],
                discharge_mwh=energy.discharge,
                charge_mwh=energy.charge,
                discharge_source=labels_array(energy.discharge_source, SOURCES),
                charge_source=labels_array(energy.charge_source, SOURCES),
                discharge_coverage=energy.discharge_coverage,
                charge_coverage=energy.charge_coverage,
                **{f"{p}_rt_award_mw": values for p, values in rt_awards.items()},
            )
        del observed  # before the next part is read
    reports.report(findings, year)
    result.verdicts[METERED_CHECK] = agreement.verdict()
    findings.add(
        "generation_side_charging",
        "bess_dispatch",
        round(left_out),
        "MWh: station use, or the load side's charging seen twice",
        warning=False,
    )


def _combo_era(
    energy: _Energy, row: Mapping[str, Any], observed: _Observed, boundary: int, agreement: _Metered
) -> float:
    """Fill in the combo era of one battery; returns the MWh of negative generation-side values left out of charging."""
    generation, metered_mwh = observed.generation, observed.metered_mwh
    if generation is None or metered_mwh is None or not row["gen_resource"]:
        return 0.0
    n = observed.row("gen_resource", row)
    telemetered = np.where(generation.source[n] == _TELEMETRY, generation.positive_mwh[n], np.nan)
    agreement.add(row["battery"], metered_mwh[n, :boundary], telemetered)
    own_load = observed.row("load_resource", row) if row["charging"] == "load" else None
    return _combo(energy, slice(0, boundary), generation, metered_mwh, n, observed.load, own_load, row["charging"])


def _esr_era(energy: _Energy, storage: Flows, n: int, boundary: int) -> dict[str, FloatArray]:
    """Fill in the ESR era of one battery; returns its real-time AS awards by product, unknown before that era."""
    part = slice(boundary, None)
    energy.discharge[part], energy.charge[part] = storage.positive_mwh[n], storage.negative_mwh[n]
    energy.discharge_source[part] = energy.charge_source[part] = storage.source[n]
    energy.discharge_coverage[part] = energy.charge_coverage[part] = coverage_of(storage.seconds[n])
    rt_awards = {p: np.full(len(energy.discharge), np.nan) for p in PRODUCTS}
    for p, values in rt_awards.items():
        values[part] = storage.awards[p][n]
    return rt_awards


def _combo(
    energy: _Energy,
    part: slice,
    generation: Flows,
    metered: FloatArray,
    n: int,
    load: Flows | None,
    own_load: int | None,
    charging: str,
) -> float:
    """Fill in the combo era of one battery; returns the MWh of negative generation-side values left out of charging."""
    meter = metered[n, part]
    has_meter = ~np.isnan(meter)
    source = np.where(has_meter, _METER, generation.source[n]).astype(np.int8)
    coverage = np.where(has_meter, 1.0, coverage_of(generation.seconds[n]))
    negative = np.where(has_meter, np.maximum(-meter, 0.0), generation.negative_mwh[n])
    energy.discharge[part] = np.where(has_meter, np.maximum(meter, 0.0), generation.positive_mwh[n])
    energy.discharge_source[part] = source
    energy.discharge_coverage[part] = coverage
    if charging == "generation":
        energy.charge[part] = negative
        energy.charge_source[part] = source
        energy.charge_coverage[part] = coverage
        return 0.0
    if load is not None and own_load is not None:
        energy.charge[part] = load.positive_mwh[own_load]
        energy.charge_source[part] = load.source[own_load]
        energy.charge_coverage[part] = coverage_of(load.seconds[own_load])
    return float(np.nansum(negative))
