"""The resources of a year that may be batteries, as the datasets know them: names, hourly size, nodes, QSE and days.

A *side* is one class of resources: generation (type PWRSTR), load, or storage (type ESR). registry.py decides which of them are one battery.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import has_column
from bess_assets.ercot.labels import labels_of
from bess_assets.ercot.products import RTC_FIRST_DAY
from bess_assets.ercot.rows import Codes, Counted, DayLog, YearRows
from bess_assets.ercot.step import Findings, Inputs
from bess_assets.errors import InputError
from bess_assets.settlement.battery_table import NO_LOAD, UserRow
from bess_assets.settlement.grid import Scatter
from bess_assets.settlement.lines import LONGEST_HOLD_SECONDS, Cells, Course
from bess_assets.settlement.names import one_sided, refuse_odd_names, refuse_other_names
from bess_assets.settlement.nodes import Nodes
from bess_assets.settlement.pairing import Evidence, Unit, candidates, weigh
from bess_assets.settlement.runs import TELEMETRY, Kind, RunReader, hourly_maxima, keep_runs, read_metering, run_values

SIZE_RANK = 24
"""Capacity and energy are the 24th largest hourly value of the year: a day's worth of hours may be wrong."""
TOGETHER_MW = 1.0  # both sides above this in one run counts against a pair
COMBO_TYPE, ESR_TYPE = "PWRSTR", "ESR"
# ERCOT's types of generation resources that are no storage: a row of one of them proves a file to be another dataset's
_OTHER_TYPES = frozenset(
    "CCGT90 CCLE90 CLLIG DSL GSNONR GSREH GSSUP HYDRO NUC PVGR RENEW SCGT90 SCLE90 WIND".split()  # noqa: SIM905
)
_PAIRS_AT_A_TIME = 32
_ESR_DATASETS = ("dam_esr_resources", "sced_esr_resources")


def has_combo_era(year: OperatingYear) -> bool:
    """Whether some day of the year is settled by the combo model."""
    return year.first_day < day_number(RTC_FIRST_DAY)


def has_esr_era(year: OperatingYear) -> bool:
    """Whether some day of the year is settled by RTC+B."""
    return year.last_day >= day_number(RTC_FIRST_DAY)


def sized(values: FloatArray) -> float | None:
    """The 24th largest value above zero, the largest if there are fewer, None if there is none."""
    positive = np.sort(values[values > 0])  # of values that differ little NumPy's partition takes 20 times as long
    rank = SIZE_RANK if len(positive) >= SIZE_RANK else 1
    return float(positive[-rank]) if len(positive) else None


@dataclass(frozen=True, eq=False)
class Resource:
    """A resource with a row in the year.

    Attributes:
        side: the class that it belongs to.
        n: its place there.
        name: its name.
        first: index of the first day with a row.
        last: index of the last day with a row.
        hsl: size of each hour by the day-ahead files, MW.
        nodes: its settlement points; None of a load resource.
    """

    side: "Side"
    n: int
    name: str
    first: int
    last: int
    hsl: FloatArray
    nodes: Nodes | None

    @cached_property
    def size(self) -> float | None:
        """Size by the day-ahead files, MW."""
        return sized(self.hsl)

    @property
    def sced_hsl(self) -> FloatArray:
        """Size of each hour by SCED, MW."""
        return np.asarray(next(iter(self.side.sced[0].values()))[self.n])

    @property
    def unit(self) -> Unit:
        """Name, nodes and size, as bridging compares them."""
        return Unit(self.name, frozenset(self.nodes.distinct() if self.nodes else ()), self.size)


@dataclass(frozen=True, eq=False)
class Side:
    """One class of resources.

    Attributes:
        kind: gen, load or esr, as in the names of the datasets.
        names: resource names, ascending.
        hsl: size of each hour by the day-ahead files, MW; shape (resources, hours).
        nodes: settlement points of each resource; None for load resources.
        qse: QSE of each resource's latest day-ahead row, empty where no row says one.
        logs: days held, by dataset.
    """

    inputs: Inputs
    kind: Kind
    names: list[str]
    hsl: FloatArray
    nodes: Sequence[Nodes | None]
    qse: list[str]
    logs: list[DayLog]

    @cached_property
    def seen(self) -> dict[str, Resource]:
        """Each resource that has a row in the year, by name; to be asked for once all datasets were read."""
        if not self.names:
            return {}
        firsts = np.min([log.first for log in self.logs], axis=0).tolist()
        lasts = np.max([log.last for log in self.logs], axis=0).tolist()
        rows = zip(self.names, firsts, lasts, self.hsl, self.nodes, strict=True)
        return {
            name: Resource(self, n, name, first, last, hsl, nodes)
            for n, (name, first, last, hsl, nodes) in enumerate(rows)
            if last >= 0
        }

    @cached_property
    def one_sided(self) -> dict[str, tuple[str, str | None]]:
        """Resources that only one of its datasets knows, as `names.one_sided` says it; to be asked for once all datasets were read."""
        datasets = (f"dam_{self.kind}_resources", f"sced_{self.kind}_resources")
        held = {dataset: log.of_series for dataset, log in zip(datasets, self.logs, strict=False)}
        return one_sided(self.names, held) if len(held) > 1 else {}

    @cached_property
    def sced(self) -> tuple[dict[str, FloatArray], YearRows]:
        """Hourly maxima by SCED of the size, MW, and of Maximum SOC, MWh, where the rows have it; shape (resources, hours); and their reader."""
        columns = {"gen": ["hsl_mw"], "load": ["max_power_mw"], "esr": ["hsl_mw", "max_soc_mwh"]}[self.kind]
        return hourly_maxima(self.inputs, f"sced_{self.kind}_resources", self.names, columns)

    @cached_property
    def hourly_soc(self) -> FloatArray:
        """Largest state of charge of each hour by SCED, MWh; shape (resources, hours); of storage resources."""
        return hourly_maxima(self.inputs, "sced_esr_resources", self.names, ["soc_mwh"])[0]["soc_mwh"]

    @cached_property
    def sced_qse(self) -> list[str]:
        """QSE of each resource in its last SCED row of the year that says one, empty where no row does."""
        dataset = f"sced_{self.kind}_resources"
        if not has_column(self.inputs, dataset, "qse"):
            return [""] * len(self.names)
        qses = _LatestTexts(len(self.names))
        codes, texts = Codes(self.names), {"qse": qses.codes}
        for rows in YearRows(self.inputs, dataset, codes, numbers=[], texts=texts, step_seconds=1):
            qses.put(rows.series, rows.step, rows.texts["qse"])
        return qses.texts


class Sides:
    """The three sides of a year.

    Attributes:
        generation: resources of the combo model that discharge.
        load: load resources whose names suggest a battery.
        storage: resources of RTC+B.
        suggested: load resources that names suggest, by generation resource.
    """

    def __init__(self, inputs: Inputs, user: Sequence[UserRow], findings: Findings) -> None:
        """Read every dataset of 60-day resource rows once; sizes that only some batteries need are read when asked for."""
        self._inputs, self._findings = inputs, findings
        combo, esr = has_combo_era(inputs.year), has_esr_era(inputs.year)

        def names(kind: Kind, resource_type: str | None = None) -> set[str]:
            datasets = (f"dam_{kind}_resources", f"sced_{kind}_resources")
            found = {dataset: distinct_names(inputs, dataset, findings, resource_type) for dataset in datasets}
            refuse_other_names(inputs, found)
            refuse_odd_names(inputs, "resource_name", found)
            return set().union(*found.values())

        def by_user(column: str) -> set[str]:
            return {name for row in user if (name := getattr(row, column)) and name != NO_LOAD}

        gens = names("gen", COMBO_TYPE) | by_user("gen_resource") if combo else set()
        self.suggested = candidates(sorted(gens), sorted(names("load"))) if combo else {}
        loads = set().union(*self.suggested.values()) | by_user("load_resource") if combo else set()
        # every row of the storage datasets is an ESR's, whatever its type column says or lacks
        esrs = names("esr") | by_user("esr_resource") if esr else set()
        self.generation = self._day_ahead("gen", gens, exists=combo)
        self.load = self._day_ahead("load", loads, exists=combo)
        self.storage = self._day_ahead("esr", esrs, exists=esr)
        if combo:
            self._common = _common_runs(inputs, self.generation, self.load)
            _, meter = read_metering(inputs, self.generation.names)
            self.generation.logs.append(meter.log)
        if esr:
            self.storage.logs.append(self.storage.sced[1].log)

    def evidence(self, pairs: Sequence[tuple[Resource, Resource]]) -> list[Evidence]:
        """What the data say of generation and load resources being one battery, from the runs in which both are observed."""
        return [
            one
            for n in range(0, len(pairs), _PAIRS_AT_A_TIME)
            for one in self._evidence(pairs[n : n + _PAIRS_AT_A_TIME])
        ]

    def _evidence(self, pairs: Sequence[tuple[Resource, Resource]]) -> Iterator[Evidence]:
        time, *sides = self._common
        values = [
            [of_runs[:, [own.n for own in side]].astype(np.float64) for of_runs in columns]
            for side, columns in zip(zip(*pairs, strict=True), sides, strict=True)
        ]
        both = ~np.isnan(values[0][0]) & ~np.isnan(values[1][0])
        discharging, charging = ((columns[0] > TOGETHER_MW) & both for columns in values)
        together = (discharging & charging).sum(axis=0) / np.maximum(both.sum(axis=0), 1)
        both_ways = np.minimum(discharging.sum(axis=0), charging.sum(axis=0))
        discharged, charged = (self._mwh(time, both, columns) for columns in values)
        for n, (gen, load) in enumerate(pairs):
            yield weigh(
                capacity_mw=gen.size,
                max_power_mw=load.size,
                together_share=float(together[n]) if both_ways[n] else None,
                charge_mwh=float(charged[n]),
                discharge_mwh=float(discharged[n]),
            )

    def _mwh(self, time: IntArray, both: BoolArray, columns: Sequence[FloatArray]) -> FloatArray:
        """Energy of the positive part in some runs, of readings and base points, on lines, or of base points alone, which are steps; shape (pairs,)."""
        year, readings = self._inputs.year, np.where(both, columns[0], np.nan)
        held, cells = time + LONGEST_HOLD_SECONDS, Cells(year.start, 1, 3_600 * year.hours)
        if len(columns) == 1:
            steps = Course.of_steps(time, np.minimum(held, np.append(time[1:], year.end)), cells)
            above, *_ = steps.totals(np.maximum(readings, 0.0))
        else:
            above, *_ = Course.of_readings(time, held, cells).integrals(readings, columns[1])
        return np.asarray(above[0]) / 3_600

    @cached_property
    def plans(self) -> dict[str, dict[str, FloatArray]]:
        """Hourly `hsl_mw` and `max_soc_mwh` of each resource by the current operating plans; the largest where an hour has several rows."""
        names = [*self.generation.names, *self.storage.names]
        maxima, reader = hourly_maxima(self._inputs, "cop_snapshots", names, ["hsl_mw", "max_soc_mwh"])
        reader.report(self._findings)
        return {column: dict(zip(names, grid, strict=True)) for column, grid in maxima.items()}

    def _day_ahead(self, kind: Kind, found: set[str], *, exists: bool) -> Side:
        inputs, year, names = self._inputs, self._inputs.year, sorted(found)
        if not exists:
            return Side(inputs, kind, [], np.empty((0, year.hours)), [], [], [])
        dataset, size = f"dam_{kind}_resources", "max_power_mw" if kind == "load" else "hsl_mw"
        scatter = Scatter(len(names), year.hours, [size])
        points, qses = Codes(), _LatestTexts(len(names))
        nodes = np.full((0 if kind == "load" else len(names), year.hours), -1, dtype=np.int32)
        texts = {} if kind == "load" else {"settlement_point": points, "qse": qses.codes}
        reader = YearRows(inputs, dataset, Codes(names), numbers=[size], texts=texts)
        for rows in reader:
            scatter.put(rows.series, rows.step, rows.numbers, reader.counted, rows.rows)
            if texts:
                nodes[rows.series, rows.step] = rows.texts["settlement_point"]
                qses.put(rows.series, rows.step, rows.texts["qse"])
        reader.report(self._findings)
        known = points.texts
        refuse_odd_names(inputs, "settlement_point", {dataset: known})
        by_resource: list[Nodes | None] = [Nodes(row, known) for row in nodes]
        return Side(
            inputs, kind, names, scatter.grids[size], by_resource or [None] * len(names), qses.texts, [reader.log]
        )


class _LatestTexts:
    """The text of each series' latest row that has one; of rows at one time the last."""

    def __init__(self, series: int) -> None:
        self.codes = Codes()
        self._time, self._code = (np.full(series, -1, dtype=np.int64) for _ in range(2))

    def put(self, series: IntArray, time: IntArray, codes: IntArray) -> None:
        order = np.argsort(time, kind="stable")
        order = order[(codes[order] >= 0) & (time[order] >= self._time[series[order]])]
        self._code[series[order]] = codes[order]
        self._time[series[order]] = time[order]

    @property
    def texts(self) -> list[str]:
        """By series, empty where no row has one."""
        known = [*self.codes.texts, ""]
        return [known[code] for code in self._code]


def distinct_names(inputs: Inputs, dataset: str, findings: Findings, resource_type: str | None = None) -> set[str]:
    """Resource names of a dataset, of one type where the dataset has types; rows without a name are counted.

    Raises:
        InputError: a storage dataset holds rows of resources that are no storage.
    """
    names, odd, unnamed = set[str](), Counted(), 0
    for path in inputs.rollups.files(dataset, inputs.year.year):
        labels = labels_of(inputs, dataset, path)
        if dataset in _ESR_DATASETS:
            _refuse_other_types(labels.types, dataset, path)
        kinds = [kind for kind in labels.names if resource_type in {None, kind.upper()}]
        names.update(*(labels.names[kind] for kind in kinds))
        odd.add(labels.odd_names)
        unnamed += labels.unnamed
    findings.add("unnamed_rows", dataset, unnamed, "no resource name: not used")
    findings.left_out += odd.left_out.get("unnamed_rows", [])
    return names


def _refuse_other_types(types: Sequence[str], dataset: str, path: Path) -> None:
    """Refuse a file of generation resources, whose headings are the same."""
    if others := [text for text in types if text.upper() in _OTHER_TYPES]:
        raise InputError(
            f"{path.name} of {DATASETS[dataset].folder} holds resources of the type {', '.join(others[:5])}.",
            dataset=dataset,
            file=path,
            column="resource_type",
            expected=f"energy storage resources alone, of the type {ESR_TYPE}: the rows of {DATASETS[dataset].report}",
            remedy="Put the file into the folder of its own dataset, and the right one here.",
        )


_Runs = tuple[IntArray, list[npt.NDArray[np.float32]], list[npt.NDArray[np.float32]]]


def _common_runs(inputs: Inputs, generation: Side, load: Side) -> _Runs:
    """Starts of the runs that the datasets of both sides have, and the values of each side there; shape (runs, resources)."""
    (starts, output), (load_starts, consumption) = (_run_values(inputs, side) for side in (generation, load))
    common, own, other = np.intersect1d(starts, load_starts, assume_unique=True, return_indices=True)
    return common, [of_runs[own] for of_runs in output], [of_runs[other] for of_runs in consumption]


def _run_values(inputs: Inputs, side: Side) -> tuple[IntArray, list[npt.NDArray[np.float32]]]:
    """Starts of the runs; telemetered MW and base points by run and resource, or base points alone where the files have no telemetry at all.

    The days held join the side's logs.
    """
    dataset, telemetry = f"sced_{side.kind}_resources", TELEMETRY[side.kind]
    there = bool(inputs.rollups.files(dataset, inputs.year.year))
    columns = (
        ["base_point_mw"] if there and not has_column(inputs, dataset, telemetry) else [telemetry, "base_point_mw"]
    )
    reader = RunReader(inputs, dataset, side.names, columns)
    keep_runs(reader)  # for the dispatch of these resources
    values = run_values(reader, [(0, inputs.year.quarter_hours)])
    side.logs.append(reader.log)
    return reader.starts, values
