"""Quarter-hour energy of each battery, from the best quantity ERCOT publishes, and its real-time AS awards.

Settlement metering comes before telemetry, telemetry before base points. means.py gives the quarter-hours' means: of readings along lines, of base points
and awards held from run to run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import (
    HOURS_PER_QUARTER_HOUR,
    PRODUCTS,
    QUARTER_HOURS_PER_HOUR,
    RTC_FIRST_DAY,
    SECONDS_PER_QUARTER_HOUR,
    SOURCES,
)
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, Verdict, some, step
from bess_assets.settlement.awards import RRS_PARTS, award_of_parts
from bess_assets.settlement.days import Chunk, Days, Ledger, days_name
from bess_assets.settlement.grid import LedgerColumns, Spool, labels_array
from bess_assets.settlement.means import Means, RunMeans
from bess_assets.settlement.pairing import battery_key, unique_keys
from bess_assets.settlement.run_prices import RunPrices, read_run_prices
from bess_assets.settlement.runs import TELEMETRY, Kind, RunReader, Window, read_metering
from bess_assets.settlement.state_of_charge import SOC_CHECK, MonthFit, fit_months, soc_verdict

METERED_CHECK = "metering_and_telemetry_agree"
ZEROS_CHECK = "no_zeros_stand_between_readings"
LEAST_MOVING_MW, MOST_LONE_ZEROS, _LEAST_READINGS = 1.0, 0.02, 96
"""A reading of 0 between two of more than 1 MW, at a base point of more than 1 MW, is a lone zero: of telemetry at work, up to two of a hundred."""
MOST_CROWDED, MOST_CROWDED_OF_FLEET, _LEAST_BATTERIES = 0.25, 0.1, 3
"""Share of a battery's quarter-hours, and the median over batteries, in which flow and real-time awards together may be beyond its capacity.

An award that is deployed flows and stands all the same, so that some are.
"""
SIZE_CHECK = "flows_and_real_time_awards_fit_the_size_of_their_battery"
MOST_TOGETHER = 1.1
"""Times the capacity."""
MOST_TIMES_CAPACITY = 1.5
"""A battery charges somewhat faster than it discharges, and telemetry reads some percent high; a wrong unit is a factor of a thousand."""
_ROUNDING_MWH = 0.1
LARGEST_DIFFERENCE = 0.2  # of the larger: real ones lie within some percent of each other
LEAST_COMPARED = 96  # quarter-hours, a day
NOISE_SHARE = 0.01  # negative consumption up to this share of what was charged is the noise of a meter at rest

_METER, _TELEMETRY, _BASE_POINT, _NONE = 0, 1, 2, -1


def _rt_columns(product: str) -> tuple[str, str]:
    """Columns of the real-time award of a product and of its own price."""
    return f"{product}_rt_award_mw", f"{product}_rt_price_usd_per_mw"


_RT_COLUMNS = ("soc_mwh", *(column for product in PRODUCTS for column in _rt_columns(product)))

_RUNS_AT_A_TIME = 1_024
_MOST_TRIED = 32
_NO_RESOURCES = np.empty(0, dtype=np.int64)
_RT_AWARDS = ("regup_award_mw", "regdn_award_mw", *RRS_PARTS, "ecrs_award_mw", "nspin_award_mw")


@dataclass
class Flows:
    """Energy of the resources of one kind by quarter-hour of their era, from telemetry or, where that is unknown, base points.

    Attributes:
        kind: as in the names of the datasets.
        reader: what was read.
        means: the means of it.
        era: quarter-hours of the year.
        place: series of each resource.
        kept: by series and quarter-hour of the era: `discharge` and `charge`, both >= 0, MWh, NaN where unknown, of load resources only the charge; `source`,
            index into `SOURCES`, -1 where unknown; and how many `seconds` it was observed. Of storage resources too: state of charge at the quarter-hour's
            end, MWh; real-time AS awards, MW; run prices of these awards, weighted by them, $/MW per hour, NaN where not every second has one.
        negative_of_all_mwh: sum of the known negative parts.
        lone_zeros: by storage resource the zeros between two readings that are none, and the readings between two such; under an empty name those of the sum of
            real-time awards.
    """

    kind: Kind
    reader: RunReader
    means: RunMeans
    era: slice
    place: dict[str, int]
    kept: Spool
    negative_of_all_mwh: float = 0.0
    lone_zeros: dict[str, list[int]] = field(default_factory=dict)

    def of(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        """What was observed of a battery's resource of this kind; None where it has none."""
        n = self.place.get(row[f"{self.kind}_resource"])
        return None if n is None else self.kept.take(n)


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
            |discharge by telemetry - by meter| of some of them is added, for telemetry held, on straight lines and through the base point, and their number.
    """
    names = _names(row[f"{kind}_resource"] for row in rows if kind != "load" or row["charging"] == "load")
    awards = _RT_AWARDS if kind == "esr" else ()
    columns = [TELEMETRY[kind], "base_point_mw", *awards, *(["soc_mwh"] if awards else [])]
    reader = RunReader(inputs, f"sced_{kind}_resources", names, columns)
    means = RunMeans(reader, prices)
    sides = ("charge",) if kind == "load" else ("discharge", "charge")
    empty = dict.fromkeys([*sides, *(_RT_COLUMNS if awards else ())], np.float64("nan"))
    kept = Spool(inputs.scratch, era.stop - era.start, empty | {"source": np.int8(_NONE), "seconds": np.int16(0)})
    flows = Flows(kind, reader, means, era, {name: n for n, name in enumerate(names)}, kept)
    if not names or not len(reader.starts):
        return flows
    negative_mwh = np.zeros(era.stop - era.start)
    zeros = list[IntArray]()
    tried = _some_metered(metering[0]) if metering else _NO_RESOURCES

    def settle(window: Window) -> None:
        base_point, readings = window.grids["base_point_mw"], window.grids[TELEMETRY[kind]]
        if awards:
            awarded = np.any([(window.grids[name] > 0).any(axis=1, keepdims=True) for name in awards], axis=0)
            of_all = _lone_zeros(awarded, ~awarded, ~awarded)
            zeros.append(
                np.concatenate([_lone_zeros(_moves(readings), readings == 0, _moves(base_point)), of_all], axis=1)
            )
        here = slice(window.first - era.start, window.last - era.start)
        lines = means.of_readings(window, readings, base_point)
        if metering:
            metering[1][:, here] += _errors(means, window, tried, lines, metering[0][tried, here])
        source = np.where(np.isnan(lines.positive), _NONE, _TELEMETRY)
        _fall_back(means, window, lines, source)
        negative_mwh[here] = np.nansum(lines.negative, axis=0) * HOURS_PER_QUARTER_HOUR
        found: dict[str, Any] = {
            side: mean * HOURS_PER_QUARTER_HOUR
            for side, mean in zip(sides, (lines.positive, lines.negative), strict=False)
        }
        found |= {"source": source, "seconds": lines.seconds}
        if awards:
            found["soc_mwh"] = means.at_ends(window, window.grids["soc_mwh"])
            for product, columns in means.of_awards(window, _real_time_awards(window.grids)).items():
                found |= zip(_rt_columns(product), columns, strict=True)
        kept.put(here.start, found)

    reader.each_window(settle, era.start, era.stop)
    flows.negative_of_all_mwh = float(negative_mwh.sum())
    if zeros:
        flows.lone_zeros = dict(zip([*names, ""], np.sum(zeros, axis=0).T.tolist(), strict=True))
    return flows


def _moves(mw: FloatArray) -> BoolArray:
    return np.asarray((mw > LEAST_MOVING_MW) | (mw < -LEAST_MOVING_MW))


def _lone_zeros(moves: BoolArray, zero: BoolArray, told: BoolArray) -> IntArray:
    """By resource the zeros between two runs at work in which it is told to work, and the runs between two such; of runs, shape (2, resources)."""
    between = moves[:-2] & moves[2:]
    return np.stack([(between & zero[1:-1] & told[1:-1]).sum(axis=0), between.sum(axis=0)])


def _names(names: Iterable[str | None]) -> list[str]:
    return sorted({name for name in names if name})


def _some_metered(metered_mwh: FloatArray) -> IntArray:
    """Resources on which the rules that are not in use are tried: at most 32 of those with metering, evenly from all of them."""
    there = np.flatnonzero(~np.isnan(metered_mwh).all(axis=1))
    return there[:: len(there) // (_MOST_TRIED + 1) + 1]


def _errors(means: RunMeans, window: Window, own: IntArray, lines: Means, metered_mwh: FloatArray) -> FloatArray:
    """Errors of telemetry of some metered resources in a window, as `read_flows` adds them."""
    output = window.grids["output_mw"][:, own]
    held = means.of_steps(window, output)
    straight = means.of_readings(window, output, np.broadcast_to(np.nan, output.shape))
    mwh = np.stack([held.positive, straight.positive, lines.positive[own]]) * HOURS_PER_QUARTER_HOUR
    error = np.abs(mwh - np.maximum(metered_mwh, 0.0))
    known = ~np.isnan(error).any(axis=0)
    return np.vstack([np.where(known, error, 0.0).sum(axis=1), known.sum(axis=0)])


def _fall_back(means: RunMeans, window: Window, best: Means, source: IntArray) -> None:
    """Take base points where telemetry is unknown; where neither is known, the better coverage."""
    series, place = np.nonzero(source == _NONE)
    base_point = window.grids["base_point_mw"]
    if not len(series) or np.isnan(base_point).all():
        return
    held = means.of_steps_at(window, base_point, series, place)
    best.seconds[series, place] = np.maximum(best.seconds[series, place], held.seconds)
    use = np.flatnonzero(~np.isnan(held.positive))
    series, place = series[use], place[use]
    source[series, place] = _BASE_POINT
    for taken, other in ((best.positive, held.positive), (best.negative, held.negative), (best.seconds, held.seconds)):
        taken[series, place] = other[use]


def _real_time_awards(grids: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Awards by product; the first part of RRS becomes RRS, for a window's grids are most of the memory in use."""
    parts = [grids[part] for part in RRS_PARTS]
    rrs = parts[0]
    for first in range(0, len(rrs), _RUNS_AT_A_TIME):
        here = slice(first, first + _RUNS_AT_A_TIME)
        rrs[here], _ = award_of_parts([part[here] for part in parts], np.full_like(rrs[here], np.nan))
    return {p: rrs if p == "rrs" else grids[f"{p}_award_mw"] for p in PRODUCTS}


def _settle_metered(
    own: dict[str, Any], meter: FloatArray, row: Mapping[str, Any], compared: dict[str, tuple[float, float]]
) -> float:
    """Put settlement metering in the place of a battery's telemetry and base points wherever there is any.

    MWh discharged by metering and by telemetry are added to those compared, by battery, where there is a day or more of both.

    Returns:
        MWh of negative values that are no charging of the battery.
    """
    there = np.flatnonzero(~np.isnan(meter))
    both = there[own["source"][there] == _TELEMETRY]
    if len(both) >= LEAST_COMPARED:
        compared[row["battery"]] = float(np.maximum(meter[both], 0.0).sum()), float(own["discharge"][both].sum())
    for side, sign in (("discharge", 1), ("charge", -1)):
        own[side][there] = np.maximum(sign * meter[there], 0.0)
    own["source"][there], own["seconds"][there] = _METER, SECONDS_PER_QUARTER_HOUR
    return 0.0 if row["charging"] == "generation" else float(np.nansum(own["charge"]))


@dataclass
class _Settled:
    """A battery's columns, and what was noted of it.

    Attributes:
        left_out: MWh left out.
        charged_mwh: MWh charged by the load side.
        compared: MWh by metering and by telemetry.
        later: sums of metering after go-live.
        months: fits of the state of charge.
        beyond: of a battery of known capacity the quarter-hours of flow and of real-time awards that are beyond it.
        crowded: the share of quarter-hours in which both together are, where awards are known.
    """

    columns: dict[str, Any]
    left_out: float = 0.0
    charged_mwh: float = 0.0
    compared: dict[str, tuple[float, float]] = field(default_factory=dict)
    later: FloatArray = field(default_factory=lambda: np.zeros(12))
    months: list[MonthFit] = field(default_factory=list)
    beyond: dict[str, tuple[int, int]] = field(default_factory=dict)
    crowded: dict[str, float] = field(default_factory=dict)


def _settle_battery(
    year: OperatingYear,
    row: Mapping[str, Any],
    observed: Mapping[Kind, tuple[slice, dict[str, Any]]],
    meter: FloatArray | None,
    blank: pa.Array,
) -> _Settled:
    """The columns of a battery from what was observed of its resources, by kind, in each one's era, and its settlement metering, MWh.

    `blank` stands in the columns of which nothing was observed.
    """
    quarter_hours = year.quarter_hours
    columns: dict[str, Any] = dict.fromkeys(_RT_COLUMNS, blank)
    for side in ("discharge", "charge"):
        columns[f"{side}_mwh"] = np.full(quarter_hours, np.nan)
        columns[f"{side}_source"] = np.full(quarter_hours, _NONE, dtype=np.int8)
        columns[f"{side}_coverage"] = np.zeros(quarter_hours)
    made = _Settled(columns)
    for kind, (era, own) in observed.items():
        if kind == "gen" and meter is not None:
            made.left_out = _settle_metered(own, meter[era], row, made.compared)
        elif kind == "esr" and meter is not None:
            made.later = _later_sums(own, meter[era])
        elif kind == "load":
            made.charged_mwh = float(np.nansum(own["charge"]))
        for side in own.keys() & {"discharge", "charge"}:
            if kind == "gen" and side == "charge" and row["charging"] != "generation":
                continue
            columns[f"{side}_mwh"][era] = own[side]
            columns[f"{side}_source"][era] = own["source"]
            columns[f"{side}_coverage"][era] = own["seconds"] / float(SECONDS_PER_QUARTER_HOUR)
        for name in own.keys() & set(_RT_COLUMNS):
            columns[name] = own[name]
            if len(own[name]) < quarter_hours:
                columns[name] = np.full(quarter_hours, np.nan)
                columns[name][era] = own[name]
    if "esr" in observed:
        flows = (columns[name] for name in ("soc_mwh", "charge_mwh", "discharge_mwh"))
        made.months = [*fit_months(year, row["battery"], *flows)]
    made.beyond, made.crowded = beyond_size(row, columns), crowded(row, columns)
    for name in ("discharge_source", "charge_source"):
        columns[name] = labels_array(columns[name], SOURCES)
    return made


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
    columns = ["battery", "gen_resource", "load_resource", "esr_resource", "charging", "capacity_mw"]
    registry = inputs.tables["bess_registry"].read(columns).to_pylist()
    boundary = QUARTER_HOURS_PER_HOUR * year.hour_of_day_number(day_number(RTC_FIRST_DAY))
    combo, rtc = slice(0, boundary), slice(boundary, year.quarter_hours)
    eras: dict[Kind, slice] = {"gen": combo, "load": combo, "esr": rtc}
    disclosed = RunReader(inputs, "sced_esr_resources", [], []).starts
    prices = read_run_prices(inputs, findings, disclosed) if rtc.start < rtc.stop else None
    gens = _names(row["gen_resource"] for row in registry)
    meters = [*gens, *_names(row["esr_resource"] for row in registry if not row["gen_resource"])]
    metered_mwh, meter = read_metering(inputs, meters, _resource_of_meter(registry))
    errors = np.zeros((4, boundary))
    flows = {
        kind: read_flows(
            inputs, kind, registry, era, prices, (metered_mwh[: len(gens), combo], errors) if kind == "gen" else None
        )
        for kind, era in eras.items()
        if era.start < era.stop
    }
    places, blank = {name: n for n, name in enumerate(meters)}, pa.nulls(year.quarter_hours, pa.float64())

    def observed() -> Iterator[tuple[Mapping[str, Any], dict[Kind, tuple[slice, dict[str, Any]]]]]:
        for row in registry:
            of_kinds = {kind: (own.era, seen) for kind, own in flows.items() if (seen := own.of(row)) is not None}
            yield row, of_kinds

    def settle(seen: tuple[Mapping[str, Any], dict[Kind, tuple[slice, dict[str, Any]]]]) -> tuple[str, _Settled]:
        row, of_kinds = seen
        n = places.get(row["gen_resource"] or row["esr_resource"])
        return row["battery"], _settle_battery(year, row, of_kinds, None if n is None else metered_mwh[n], blank)

    ledger, days, total = LedgerColumns(year, quarter_hours=True), Days(year), _Settled({})
    result.kept[days_name("bess_dispatch")] = of_days = list[Columns]()
    for battery, own in map(settle, observed()):
        total.left_out += own.left_out
        total.charged_mwh += own.charged_mwh
        total.compared |= own.compared
        total.later += own.later
        total.months += own.months
        total.beyond |= own.beyond
        total.crowded |= own.crowded
        chunk = ledger.chunk(battery, **own.columns)
        of_days.append(flow_days(days, Chunk(chunk), len(of_days)))
        yield chunk
    for flow in flows.values():
        flow.reader.report(findings)
        flow.means.report(findings)
    if boundary:
        meter.report(findings)
        _report_negative(findings, flows["load"].negative_of_all_mwh, total.charged_mwh)
    result.verdicts[METERED_CHECK] = _metered_verdict(total.compared)
    result.verdicts[SOC_CHECK] = soc_verdict(total.months)
    result.verdicts[SIZE_CHECK] = _size_verdict(total.beyond, total.crowded)
    result.verdicts[ZEROS_CHECK] = _zeros_verdict(flows["esr"].lone_zeros if "esr" in flows else {})
    _report_errors(findings, year, errors)
    _report_later(findings, int(meter.rows[boundary // QUARTER_HOURS_PER_HOUR :].sum()), total.later)
    words = "MWh: station use, or the load side's charging seen twice"
    findings.add("generation_side_charging", "bess_dispatch", round(total.left_out), words, warning=False)


def flow_days(days: Days, ledger: Ledger, n: int) -> Columns:
    """Day sums of the n-th battery's flows, and counts of the quarter-hours by what is known."""
    discharge, charge = ledger.numbers(["discharge_mwh", "charge_mwh"], n).values()
    both = ~np.isnan(discharge) & ~np.isnan(charge)
    return {
        "net_mwh": days.total(discharge - charge),
        "discharge_mwh": days.total(discharge),
        "charge_mwh": days.total(charge),
        "paired_discharge_mwh": days.total(discharge, both),
        "paired_charge_mwh": days.total(charge, both),
        "discharge_quarter_hours": days.count(~np.isnan(discharge)),
        "charge_quarter_hours": days.count(~np.isnan(charge)),
        "unobserved_quarter_hours": days.count(~both),
        **{
            f"{side}_{source}_quarter_hours": counts
            for side in ("discharge", "charge")
            for source, counts in days.sources(ledger, f"{side}_source", n).items()
        },
    }


def _report_negative(findings: Findings, negative_mwh: float, charged_mwh: float) -> None:
    """Add negative consumption of load resources."""
    words = "MWh: a load resource does not discharge"
    warning = negative_mwh > NOISE_SHARE * charged_mwh
    findings.add("negative_consumption", "sced_load_resources", round(negative_mwh), words, warning=warning)


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


def _later_sums(own: Mapping[str, Any], meter: FloatArray) -> FloatArray:
    """Sums of a battery: 1, quarter-hours metered, with telemetry too; there of net meter x and telemetry y, their products, and discharge and charge."""
    there = ~np.isnan(meter)
    both = there & (own["source"] == _TELEMETRY)
    x, discharge, charge = meter[both], own["discharge"][both], own["charge"][both]
    y = discharge - charge
    terms = (there.any(), there, both, x, y, x * x, y * y, x * y, x.clip(0.0), discharge, (-x).clip(0.0), charge)
    return np.array([np.sum(term) for term in terms], dtype=np.float64)


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


def beyond_size(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Of a battery of known capacity the quarter-hours of more flow than it can have, and those with a real-time award below zero or above twice that.

    From full charge to full discharge is twice the capacity. Columns of which nothing is known are no NumPy arrays.
    """
    if not row["capacity_mw"]:
        return {}
    most = MOST_TIMES_CAPACITY * row["capacity_mw"]
    flows = np.fmax(columns["discharge_mwh"], columns["charge_mwh"]) > most * HOURS_PER_QUARTER_HOUR + _ROUNDING_MWH
    awards = (columns[f"{product}_rt_award_mw"] for product in PRODUCTS)
    odd = [(award > 2 * most) | (award < -_ROUNDING_MWH) for award in awards if isinstance(award, np.ndarray)]
    return {row["battery"]: (int(np.count_nonzero(flows)), int(np.count_nonzero(np.any(odd, axis=0))))}


def crowded(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, float]:
    """Of a battery of known capacity the share of quarter-hours in which its net flow and its real-time awards in that direction are together beyond it."""
    awards = {product: columns[f"{product}_rt_award_mw"] for product in PRODUCTS}
    if not row["capacity_mw"] or not all(isinstance(award, np.ndarray) for award in awards.values()):
        return {}
    net = (columns["discharge_mwh"] - columns["charge_mwh"]) / HOURS_PER_QUARTER_HOUR
    most = MOST_TOGETHER * row["capacity_mw"] + LEAST_MOVING_MW
    up = sum(award for product, award in awards.items() if product != "regdn")
    known = int(np.count_nonzero(~np.isnan(net + up)))
    return (
        {row["battery"]: np.count_nonzero((up + net > most) | (awards["regdn"] - net > most)) / known} if known else {}
    )


def _zeros_verdict(lone_zeros: Mapping[str, Sequence[int]]) -> Verdict:
    """The verdict on zeros that stand between readings, by storage resource, and between real-time awards of the fleet."""
    few = len(lone_zeros) <= _LEAST_BATTERIES  # batteries, of which all may well have no award for a run
    found = {name: own for name, own in lone_zeros.items() if own[1] >= _LEAST_READINGS and not (few and not name)}
    wrong = [
        f"{name or 'real-time awards of all'} {zeros / of:.1%} of {of:,}"
        for name, (zeros, of) in found.items()
        if zeros > MOST_LONE_ZEROS * of
    ]
    of = f"{len(found)} storage resources at work, and their real-time awards"
    detail = f"{len(wrong)} of {of}: {some(wrong)}" if wrong else f"{of}, no zeros between readings"
    share = len(wrong) / max(len(found), 1)
    return Verdict(not wrong, detail, {"resources": len(found), "resources_with_zeros": len(wrong)}, share=share)


def _size_verdict(beyond: Mapping[str, tuple[int, int]], crowding: Mapping[str, float]) -> Verdict:
    """The verdict on the quarter-hours of flow, of real-time awards, and of both together that are beyond the capacity, by battery of a known one."""
    wrong = [
        f"{battery} {', '.join(f'{n:,} quarter-hours of {what}' for n, what in zip(counts, ('flow', 'real-time awards'), strict=True) if n)}"
        for battery, counts in beyond.items()
        if any(counts)
    ]
    wrong += [
        f"{battery} {share:.0%} of its quarter-hours of flow and real-time awards together"
        for battery, share in crowding.items()
        if share > MOST_CROWDED
    ]
    if len(crowding) >= _LEAST_BATTERIES and (share := median(crowding.values())) > MOST_CROWDED_OF_FLEET:
        wrong.append(
            f"half of the batteries {share:.0%} or more of their quarter-hours of flow and real-time awards together"
        )
    of, every = f"{len(beyond)} batteries with a known capacity", sum(map(sum, beyond.values()))
    detail = f"{len(wrong)} of {of}: {some(wrong)}" if wrong else f"{of}, none beyond it"
    numbers = {"batteries": len(beyond), "batteries_beyond": len(wrong), "quarter_hours_beyond": every}
    return Verdict(not wrong, detail, numbers, share=min(len(wrong) / max(len(beyond), 1), 1.0))


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
