"""Which batteries there are in a year: names, nodes, size, pairing, and the days on which each is expected.

Belongs here: finding battery resources, measuring evidence, applying the user's table, `bess_registry` and `bess_fleet`.
Does not: the rules of pairing and bridging (pairing.py), awards and energy of the ledgers (awards.py, dispatch.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.calendar import OperatingYear, day_number, day_of_number
from bess_assets.ercot.datasets import DATASETS, describe_file, suspicious_zeros
from bess_assets.ercot.parsing import Rows, read_rows
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, RTC_FIRST_DAY
from bess_assets.ercot.step import Finding, Findings, Inputs, StepResult, StoredTable
from bess_assets.errors import InputError, RegistryTableError
from bess_assets.settlement.battery_table import NO_LOAD, UserRow, read_user_table
from bess_assets.settlement.grid import Codes, DayLog, HourlyReader, Scatter
from bess_assets.settlement.nodes import NodeGrid, user_nodes
from bess_assets.settlement.pairing import (
    OTHER_NODE,
    OTHER_SIZE,
    SAME_KEY,
    SIZE_TOLERANCE,
    Evidence,
    Pair,
    Unit,
    bridge_names,
    bridge_words,
    candidates,
    choose_pairs,
    unique_keys,
    weigh,
)
from bess_assets.settlement.runs import LONGEST_HOLD_SECONDS, MeterReader, RunReader, Window

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SIZE_RANK = 24
"""Capacity and energy are the 24th largest hourly value of the year: a day's worth of hours may be wrong."""
ASSUMED_DURATION_HOURS = 4.0
"""Shown, labelled `assumed`, where no MWh is known; no metric uses it."""
BESS_DATASETS = ("dam_gen_resources", "sced_gen_resources", "dam_esr_resources", "sced_esr_resources")
"""Datasets in which a battery may show up; a year in which none has one is an error, not an empty board."""

_RESOURCE_DATASETS = (*BESS_DATASETS, "dam_load_resources", "sced_load_resources", "sced_smne")

TOGETHER_MW = 1.0
"""Both sides above this in one run counts against a pair."""

USER_TABLE = "user's table"

_COMBO_TYPE = "PWRSTR"
_ESR_TYPE = "ESR"
_OTHER_TYPES = frozenset(
    [
        "CCGT90",
        "CCLE90",
        "CLLIG",
        "DSL",
        "GSNONR",
        "GSREH",
        "GSSUP",
        "HYDRO",
        "NUC",
        "PVGR",
        "RENEW",
        "SCGT90",
        "SCLE90",
        "WIND",
    ]
)
"""ERCOT's types of generation resources that are no storage: a row of one of them proves a file to be another dataset's."""
_ESR_DATASETS = ("dam_esr_resources", "sced_esr_resources")


def sized(values: FloatArray) -> float | None:
    """The 24th largest value above zero, the largest if there are fewer, None if there is none."""
    positive = values[values > 0]
    if not len(positive):
        return None
    if len(positive) < SIZE_RANK:
        return float(positive.max())
    return float(np.partition(positive, -SIZE_RANK)[-SIZE_RANK])


@dataclass
class _Seen:
    """What the datasets say of one class of resources (combo, load or ESR).

    Attributes:
        names: resource names.
        hsl: hourly size from the day-ahead files, MW; shape (resources, hours).
        nodes: node by hour.
        qse: latest QSE, empty where none.
        logs: days held, by dataset.
    """

    names: list[str]
    hsl: FloatArray
    nodes: NodeGrid | None = None
    qse: list[str] = field(default_factory=list)
    logs: list[DayLog] = field(default_factory=list)

    def read_days(self) -> None:
        """Take the first and last day of each resource; call when all logs are complete."""
        self._first = np.minimum.reduce([np.full(len(self.names), 10**6), *(log.first for log in self.logs)])
        self._last = np.maximum.reduce([np.full(len(self.names), -1), *(log.last for log in self.logs)])

    def first(self, n: int) -> int:
        return int(self._first[n])

    def last(self, n: int) -> int:
        return int(self._last[n])


def distinct_names(inputs: Inputs, dataset: str, findings: Findings, resource_type: str | None = None) -> set[str]:
    """Resource names of a dataset, of one type where the dataset has types; rows without a name are counted."""
    names: set[str] = set()
    unnamed = 0
    for path in inputs.rollups.files(dataset, inputs.year.year):
        for rows in read_rows(DATASETS[dataset], path, ["resource_name", "resource_type"]):
            codes, texts = rows.texts("resource_name")
            unnamed += int(np.count_nonzero(codes < 0)) if rows.has("resource_name") else 0
            if dataset in _ESR_DATASETS:
                _refuse_other_types(rows, dataset)
            if resource_type is not None and rows.has("resource_type"):
                kinds, kind_texts = rows.texts("resource_type")
                # the last place answers for a blank, which has the code -1
                wanted = np.array([text.upper() == resource_type for text in kind_texts] + [False])
                codes = codes[wanted[kinds]]
            elif resource_type == _COMBO_TYPE:
                continue
            names.update(texts[code] for code in np.flatnonzero(np.bincount(codes + 1)[1:]))
    findings.add("unnamed_rows", dataset, unnamed, "no resource name: not used")
    return names


def _refuse_other_types(rows: Rows, dataset: str) -> None:
    """A file of generation resources has the same headings.

    Raises:
        InputError: a row is of a resource that is no storage.
    """
    codes, texts = rows.texts("resource_type")
    occurs = np.bincount(codes + 1, minlength=len(texts) + 1)[1:]
    others = [text for text, count in zip(texts, occurs, strict=True) if count and text.upper() in _OTHER_TYPES]
    if others:
        raise InputError(
            f"{rows.path.name} of {DATASETS[dataset].folder} holds resources of the type {', '.join(others[:5])}.",
            dataset=dataset,
            file=rows.path,
            column="resource_type",
            expected=f"energy storage resources alone, of the type {_ESR_TYPE}: the rows of {DATASETS[dataset].report}",
            remedy="Put the file into the folder of its own dataset, and the right one here.",
        )


def latest_qses(inputs: Inputs, dataset: str, names: Sequence[str]) -> list[str]:
    """QSE of each resource in its last SCED row of the year that says one, empty where none does."""
    latest = np.full(len(names), np.iinfo(np.int64).min)
    qse = np.full(len(names), -1, dtype=np.int64)
    codes, qses = Codes(names), Codes()
    for path in inputs.rollups.files(dataset, inputs.year.year):
        if not any(name == "qse" for _, _, name in describe_file(DATASETS[dataset], path).columns):
            continue
        for rows in read_rows(DATASETS[dataset], path, ["sced_stamp", "resource_name", "qse"]):
            stamp_codes, stamps = rows.stamps("sced_stamp")
            series = codes.translate(*rows.texts("resource_name"))
            said = qses.translate(*rows.texts("qse"))
            day = stamps[stamp_codes] // 86_400
            mine = (series >= 0) & (series < codes.known) & (said >= 0)
            mine &= (day >= inputs.year.first_day) & (day <= inputs.year.last_day)
            series, said, stamp = series[mine], said[mine], stamps[stamp_codes][mine]
            order = np.argsort(stamp, kind="stable")
            order = order[stamp[order] >= latest[series[order]]]
            qse[series[order]] = said[order]
            latest[series[order]] = stamp[order]
    return [qses.texts[code] if code >= 0 else "" for code in qse]


def _day_ahead(inputs: Inputs, dataset: str, names: list[str], size: str, findings: Findings) -> _Seen:
    """Size, node, QSE and days of resources, from one day-ahead dataset."""
    year = inputs.year
    scatter = Scatter(len(names), year.hours, [size])
    has_node = "settlement_point" in DATASETS[dataset].columns
    points, qses = Codes(), Codes()
    texts = {"settlement_point": points, "qse": qses} if has_node else {}
    nodes = np.full((len(names), year.hours), -1, dtype=np.int32)
    latest = np.full(len(names), -1, dtype=np.int64)
    qse = np.full(len(names), -1, dtype=np.int64)
    reader = HourlyReader(inputs, dataset, "resource_name", Codes(names), numbers=[size], texts=texts)
    for rows in reader:
        scatter.put(rows.series, rows.step, rows.numbers)
        if not has_node:
            continue
        nodes[rows.series, rows.step] = rows.texts["settlement_point"]
        order = np.argsort(rows.step, kind="stable")
        order = order[(rows.texts["qse"][order] >= 0) & (rows.step[order] >= latest[rows.series[order]])]
        qse[rows.series[order]] = rows.texts["qse"][order]
        latest[rows.series[order]] = rows.step[order]
    findings.items.extend(_about(reader, dataset, year))
    scatter.report(findings, dataset)
    return _Seen(
        names,
        scatter.grids[size],
        NodeGrid(nodes, points.texts) if has_node else None,
        [qses.texts[code] if code >= 0 else "" for code in qse],
        [reader.log],
    )


def _about(reader: HourlyReader | RunReader, dataset: str, year: OperatingYear) -> list[Finding]:
    own = Findings()
    reader.report(own, first_day=_first_day(dataset, year))
    return own.items


def _first_day(dataset: str, year: OperatingYear) -> int:
    """Day index from which a dataset exists."""
    return max(day_number(DATASETS[dataset].first_day) - year.first_day, 0)


def has_combo_era(year: OperatingYear) -> bool:
    """Whether some day of the year is settled by the combo model."""
    return year.first_day < day_number(RTC_FIRST_DAY)


def has_esr_era(year: OperatingYear) -> bool:
    """Whether some day of the year is settled by RTC+B."""
    return year.last_day >= day_number(RTC_FIRST_DAY)


@dataclass
class _Battery:
    """One battery while it is put together; indices into the classes of resources, None where it has none."""

    key: str
    gen: int | None = None
    load: int | None = None
    esr: int | None = None
    pair: Pair | None = None
    bridge: str | None = None
    user: list[UserRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def bess_registry(inputs: Inputs) -> StepResult:
    """One row per battery seen in the year.

    Raises:
        InputError: a file cannot be read.
        RegistryTableError: the user's table contradicts itself or names resources that the year does not know.
    """
    findings = Findings()
    return StepResult(iter([_Registry(inputs, findings).columns()]), findings)


class _Registry:
    """The year's registry in the making."""

    def __init__(self, inputs: Inputs, findings: Findings) -> None:
        self.inputs = inputs
        self.year = inputs.year
        self.findings = findings
        self.user = self._user_rows()
        self.combo, self.load, self.esr = self._resources()
        self._read_runs_and_meters()
        self.batteries = self._batteries()
        self._cop: _Plans | None = None
        self._run_sizes: dict[str, FloatArray] = {}
        self._sced_qses: dict[str, list[str]] = {}
        self._zero_columns = {dataset: self._suspicious_zeros(dataset) for dataset in _RESOURCE_DATASETS}

    # --- what the data hold -------------------------------------------------------------------------------------------

    def _user_rows(self) -> list[UserRow]:
        if self.inputs.registry_csv is None:
            return []
        first, last = day_of_number(self.year.first_day), day_of_number(self.year.last_day)
        return [row for row in read_user_table(self.inputs.registry_csv) if row.overlaps(first, last)]

    def _resources(self) -> tuple[_Seen, _Seen, _Seen]:
        inputs, year = self.inputs, self.year
        combos: set[str] = set()
        loads: set[str] = set()
        esrs: set[str] = set()
        if has_combo_era(year):
            combos = distinct_names(inputs, "dam_gen_resources", self.findings, _COMBO_TYPE) | distinct_names(
                inputs, "sced_gen_resources", self.findings, _COMBO_TYPE
            )
            combos |= {row.gen_resource for row in self.user if row.gen_resource}
            every_load = distinct_names(inputs, "dam_load_resources", self.findings) | distinct_names(
                inputs, "sced_load_resources", self.findings
            )
            self.suggested = candidates(sorted(combos), sorted(every_load))
            loads = {load for some in self.suggested.values() for load in some}
            loads |= {row.load_resource for row in self.user if row.load_resource and row.load_resource != NO_LOAD}
        else:
            self.suggested = {}
        if has_esr_era(year):
            # every row of these two datasets is an ESR's, whatever its type column says or lacks
            esrs = distinct_names(inputs, "dam_esr_resources", self.findings) | distinct_names(
                inputs, "sced_esr_resources", self.findings
            )
            esrs |= {row.esr_resource for row in self.user if row.esr_resource}
        return (
            self._class("dam_gen_resources", sorted(combos), "hsl_mw", has_combo_era(year)),
            self._class("dam_load_resources", sorted(loads), "max_power_mw", has_combo_era(year)),
            self._class("dam_esr_resources", sorted(esrs), "hsl_mw", has_esr_era(year)),
        )

    def _class(self, dataset: str, names: list[str], size: str, exists: bool) -> _Seen:
        if not exists:
            return _Seen([], np.empty((0, self.year.hours)))
        return _day_ahead(self.inputs, dataset, names, size, self.findings)

    def _read_runs_and_meters(self) -> None:
        inputs, year = self.inputs, self.year
        if has_combo_era(year):
            self.sides = _Sides(inputs, self.combo.names, self.load.names)
            self.combo.logs.append(self.sides.generation_log)
            self.load.logs.append(self.sides.load_log)
            meter = MeterReader(inputs, self.combo.names)
            meter.read()
            self.combo.logs.append(meter.log)
        self.max_soc = np.empty((0, year.hours))
        if has_esr_era(year):
            reader = RunReader(inputs, "sced_esr_resources", self.esr.names, ["hsl_mw", "max_soc_mwh"])
            maxima = reader.hourly_maxima()
            self.max_soc, self.esr_sced_hsl = maxima["max_soc_mwh"], maxima["hsl_mw"]
            self.esr.logs.append(reader.log)
        for seen in (self.combo, self.load, self.esr):
            seen.read_days()

    # --- putting batteries together -----------------------------------------------------------------------------------

    def _batteries(self) -> list[_Battery]:
        combos = [n for n in range(len(self.combo.names)) if self.combo.last(n) >= 0]
        esrs = [n for n in range(len(self.esr.names)) if self.esr.last(n) >= 0]
        by_gen = {self.combo.names[n]: n for n in combos}
        by_esr = {self.esr.names[n]: n for n in esrs}
        by_load = {name: n for n, name in enumerate(self.load.names) if self.load.last(n) >= 0}
        self._check_user_names(by_gen, by_esr, by_load)
        self.user_gens, self.user_esrs = self._user_resources(by_gen, by_esr)
        pairs = self._pairs(by_gen, by_load)
        bridges = self._bridges(combos, esrs)
        batteries = []
        for name, n in by_gen.items():
            esr, evidence = bridges.get(name, (None, None))
            batteries.append(_Battery("", gen=n, esr=by_esr[esr] if esr else None, pair=pairs[name], bridge=evidence))
        bridged = {esr for esr, _ in bridges.values()}
        batteries += [_Battery("", esr=n) for name, n in by_esr.items() if name not in bridged]
        self._name(batteries)
        self._apply_user(batteries)
        for battery in batteries:
            if battery.load is None and battery.pair and battery.pair.load is not None:
                battery.load = by_load.get(battery.pair.load)
        keys: dict[str, _Battery] = {}
        for battery in batteries:
            if battery.key in keys:
                raise RegistryTableError(
                    f"Two batteries would share the key {battery.key!r}.",
                    file=self.inputs.registry_csv,
                    expected="a key of its own for each battery",
                    remedy="Name both in the battery table (BESS_REGISTRY).",
                )
            keys[battery.key] = battery
        if not keys:
            self._refuse_empty_year()
        return [keys[key] for key in sorted(keys)]

    def _refuse_empty_year(self) -> NoReturn:
        looked_in = [path for dataset in BESS_DATASETS for path in self.inputs.rollups.files(dataset, self.year.year)]
        folders = ", ".join(f"{DATASETS[dataset].folder}/{self.year.year}.parquet" for dataset in BESS_DATASETS)
        raise InputError(
            f"No battery has a row in {self.year.year}.",
            dataset="bess_registry",
            file=", ".join(map(str, looked_in)) or None,
            expected=f"rows of type {_COMBO_TYPE} or {_ESR_TYPE} on days of {self.year.year} in one of {folders} (or the file of {self.year.year + 1})",
            remedy="Put the year's 60-day rollups into the rollup folder (BESS_ROLLUPS), or name the batteries in BESS_REGISTRY.",
        )

    def _pairs(self, by_gen: Mapping[str, int], by_load: Mapping[str, int]) -> dict[str, Pair]:
        decided = {
            self.user_gens[row.battery]: row for row in self.user if row.load_resource and row.battery in self.user_gens
        }
        for row in self.user:
            chosen = decided.get(self.user_gens.get(row.battery, ""))
            if chosen and row.load_resource and row.load_resource != chosen.load_resource:
                raise RegistryTableError(
                    f"Lines {row.line} and {chosen.line} of the battery table give {row.battery} two load resources in {self.year.year}.",
                    file=self.inputs.registry_csv,
                    column="load_resource",
                    expected="one load resource, or none, for a battery and year: a pair holds for the whole year",
                    remedy="Keep the one that held for most of the year.",
                )
        taken = {row.load_resource for row in decided.values()}
        open_pairs = {
            gen: [load for load in self.suggested.get(gen, []) if load in by_load and load not in taken]
            for gen in by_gen
            if gen not in decided
        }
        pairs = choose_pairs(open_pairs, lambda gen, load: self._evidence(by_gen[gen], by_load[load]))
        for gen, row in decided.items():
            if row.load_resource == NO_LOAD:
                pairs[gen] = Pair(None, "none", "user's table: no load resource")
            else:
                pairs[gen] = Pair(
                    row.load_resource, "user", self._user_evidence(by_gen[gen], row.load_resource, by_load)
                )
        rejected = [g for g, pair in pairs.items() if pair.status == "rejected"]
        self.findings.add(
            "rejected_pair", "bess_registry", len(rejected), "; ".join(pairs[g].evidence for g in rejected[:6])
        )
        alone = [g for g, pair in pairs.items() if pair.status is None]
        self.findings.add("unpaired", "bess_registry", len(alone), ", ".join(sorted(alone)[:12]))
        return pairs

    def _user_evidence(self, gen: int, load: str | None, by_load: Mapping[str, int]) -> str:
        """What the data say of a pair that the user decided; it holds all the same."""
        if load is None or load not in by_load:
            return "user's table"
        evidence = self._evidence(gen, by_load[load])
        return f"user's table{', against the evidence' if evidence.failed else ''} ({evidence.text})"

    def _evidence(self, gen: int, load: int) -> Evidence:
        together, discharge, charge = self.sides.compare(gen, load)
        return weigh(
            capacity_mw=sized(self.combo.hsl[gen]),
            max_power_mw=sized(self.load.hsl[load]),
            together_share=together,
            charge_mwh=charge,
            discharge_mwh=discharge,
            energy_mwh=None,
        )

    def _bridges(self, combos: Sequence[int], esrs: Sequence[int]) -> dict[str, tuple[str, str]]:
        if not combos or not esrs:
            return {}
        decided = {gen: self.user_esrs[b] for b, gen in self.user_gens.items() if b in self.user_esrs}
        units = {self.combo.names[n]: n for n in combos}, {self.esr.names[n]: n for n in esrs}
        bridges = {gen: (esr, self._user_bridge(units[0][gen], units[1][esr])) for gen, esr in decided.items()}
        left_esrs = [_unit(self.esr, n) for n in esrs if self.esr.names[n] not in set(decided.values())]
        bridges |= bridge_names([_unit(self.combo, n) for n in combos if self.combo.names[n] not in decided], left_esrs)
        self.findings.add(
            "bridged",
            "bess_registry",
            len(bridges),
            ", ".join(f"{g} = {e}" for g, (e, _) in sorted(bridges.items())[:6]),
            warning=False,
        )
        return bridges

    def _user_bridge(self, gen: int, esr: int) -> str:
        """What the data say of a bridge that the user decided; it holds all the same."""
        return ", ".join([USER_TABLE, *bridge_words(_unit(self.combo, gen), _unit(self.esr, esr))])

    def _name(self, batteries: Sequence[_Battery]) -> None:
        """Keys from names: the ESR's, where the battery has one, for that name lasts."""
        lasting = [
            next(cls.names[n] for cls, n in ((self.esr, b.esr), (self.combo, b.gen)) if n is not None)
            for b in batteries
        ]
        keys = unique_keys(lasting)
        for battery, name in zip(batteries, lasting, strict=True):
            battery.key = keys[name]

    # --- the user's table ---------------------------------------------------------------------------------------------

    def _check_user_names(
        self, by_gen: Mapping[str, int], by_esr: Mapping[str, int], by_load: Mapping[str, int]
    ) -> None:
        first, last = day_of_number(self.year.first_day), day_of_number(self.year.last_day)
        before = date.fromordinal(RTC_FIRST_DAY.toordinal() - 1)
        loads_named = bool(self.load.names) and any(log.days.any() for log in self.load.logs)
        for row in self.user:
            combo = has_combo_era(self.year) and row.overlaps(first, min(last, before))
            later = has_esr_era(self.year) and row.overlaps(max(first, RTC_FIRST_DAY), last)
            wrong = [
                (column, name)
                for column, name, known, matters in (
                    ("gen_resource", row.gen_resource, by_gen, combo),
                    (
                        "load_resource",
                        row.load_resource,
                        by_load,
                        combo and loads_named and row.load_resource != NO_LOAD,
                    ),
                    ("esr_resource", row.esr_resource, by_esr, later),
                )
                if name and matters and name not in known
            ]
            if wrong:
                column, name = wrong[0]
                raise RegistryTableError(
                    f"Line {row.line} of the battery table names {column} {name!r}, which {self.year.year} does not know.",
                    file=self.inputs.registry_csv,
                    column=column,
                    expected="a resource with rows in the year's data",
                    remedy="Correct the name, or set valid_from and valid_to to the days on which it exists.",
                )

    def _user_resources(
        self, by_gen: Mapping[str, int], by_esr: Mapping[str, int]
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Generation resource and ESR by battery of the user's table, from all its rows together.

        A battery that the table names by its key alone is the one whose names give that key.
        """
        gens = {row.battery: row.gen_resource for row in self.user if row.gen_resource and row.gen_resource in by_gen}
        esrs = {row.battery: row.esr_resource for row in self.user if row.esr_resource and row.esr_resource in by_esr}
        gen_of_key = {key: name for name, key in unique_keys(by_gen).items() if name not in gens.values()}
        esr_of_key = {key: name for name, key in unique_keys(by_esr).items() if name not in esrs.values()}
        for row in self.user:
            if row.battery not in gens and row.battery in gen_of_key:
                gens[row.battery] = gen_of_key[row.battery]
            elif row.battery not in gens and row.battery not in esrs and row.battery in esr_of_key:
                esrs[row.battery] = esr_of_key[row.battery]
        return gens, esrs

    def _apply_user(self, batteries: Sequence[_Battery]) -> None:
        for row in self.user:
            gen, esr = self.user_gens.get(row.battery), self.user_esrs.get(row.battery)
            matches = [
                b
                for b in batteries
                if (b.gen is not None and self.combo.names[b.gen] == gen)
                or (b.esr is not None and self.esr.names[b.esr] == esr)
            ]
            if not matches and not row.gen_resource and not row.esr_resource:
                raise RegistryTableError(
                    f"Line {row.line} of the battery table speaks of {row.battery!r}, which {self.year.year} does not know.",
                    file=self.inputs.registry_csv,
                    column="battery",
                    expected="a battery of the year, or a gen_resource or esr_resource that identifies one",
                    remedy="Correct the name, or set valid_from and valid_to to the days on which it exists.",
                )
            for battery in matches:
                battery.user.append(row)
                battery.key = row.battery
        self.findings.add(
            "user_table",
            "bess_registry",
            len(self.user),
            ", ".join(sorted({r.battery for r in self.user})[:12]),
            warning=False,
        )

    # --- columns ------------------------------------------------------------------------------------------------------

    def columns(self) -> dict[str, list[object]]:
        """The table."""
        first, last, data_through, edition = self._horizon()
        rows = [self._row(battery, first, last, data_through, edition) for battery in self.batteries]
        return {name: [row[name] for row in rows] for name in rows[0]}

    def _horizon(self) -> tuple[int, int, int, str]:
        """First and last day index of the year's 60-day data, data_through and edition."""
        logs = [*self.combo.logs, *self.load.logs, *self.esr.logs]
        held = np.zeros(self.year.days, dtype=bool)
        for log in logs:
            held |= log.days
        days = np.flatnonzero(held)
        closed = any(log.beyond for log in logs)
        through = self.year.days - 1 if closed else int(days[-1])
        return int(days[0]), int(days[-1]), through, "final" if closed else "preliminary"

    def _row(self, b: _Battery, first_held: int, last_held: int, data_through: int, edition: str) -> dict[str, object]:
        parts = [(self.combo, b.gen), (self.esr, b.esr)]
        charging_load = b.load if b.pair and b.pair.status in {"confirmed", "same_name", "user"} else None
        seen = [*parts, (self.load, charging_load)]
        first = min(cls.first(n) for cls, n in seen if n is not None)
        last = max(cls.last(n) for cls, n in seen if n is not None)
        expected_first = 0 if first == first_held else first
        expected_last = data_through if last == last_held else last
        latest = b.user[-1] if b.user else None
        capacity, capacity_source = self._capacity(b)
        energy, energy_source = self._energy(b)
        for row in b.user:
            capacity, capacity_source = (row.capacity_mw, "user") if row.capacity_mw else (capacity, capacity_source)
            energy, energy_source = (row.energy_mwh, "user") if row.energy_mwh else (energy, energy_source)
        duration, duration_source = ASSUMED_DURATION_HOURS, "assumed"
        if energy and capacity:
            duration, duration_source = (
                energy / capacity,
                "user" if "user" in (energy_source, capacity_source) else "ercot",
            )
        node_names = self._nodes(b)
        hours = self.year.day_first_hour
        node = node_names.at(int(hours[expected_last + 1]) - 1)
        charging = (
            {"confirmed": "load", "same_name": "load", "user": "load", "none": "generation"}.get(
                b.pair.status or "", "unknown"
            )
            if b.pair
            else "esr"
        )

        def day(index: int) -> date:
            return day_of_number(self.year.first_day + index)

        return {
            "battery": b.key,
            "gen_resource": self.combo.names[b.gen] if b.gen is not None else None,
            "load_resource": b.pair.load if b.pair else None,
            "esr_resource": self.esr.names[b.esr] if b.esr is not None else None,
            "pair_status": b.pair.status if b.pair else None,
            "pair_evidence": (b.pair.evidence or None) if b.pair else None,
            "charging": charging,
            "bridge_evidence": b.bridge,
            "settlement_point": node,
            "settlement_points": ";".join(node_names.distinct()) or None,
            "qse": self._qse(b),
            "capacity_mw": capacity,
            "capacity_source": capacity_source,
            "energy_mwh": energy,
            "energy_source": energy_source,
            "duration_hours": duration,
            "duration_source": duration_source,
            "first_seen_day": day(first),
            "last_seen_day": day(last),
            "expected_first_day": day(expected_first),
            "expected_last_day": day(expected_last),
            "data_through": day(data_through),
            "edition": edition,
            "notes": "; ".join(self._notes(b, latest)) or None,
        }

    def _notes(self, b: _Battery, latest: UserRow | None) -> list[str]:
        notes = []
        if b.pair and b.pair.status == "name_only":
            notes.append(f"load resource {b.pair.load} paired by name only: its AS is counted, charging is not")
        if b.pair and b.pair.status in {"rejected", None}:
            notes.append("no accepted load resource: AS of a load side is not counted")
        notes += self._size_notes(b)
        if b.pair and b.pair.status == "user" and "against the evidence" in b.pair.evidence:
            notes.append(f"load resource {b.pair.load} by the user's table, against the evidence")
        notes += self._bridge_notes(b)
        if latest and latest.note:
            notes.append(latest.note)
        for prefix, has_one in (("gen", b.gen is not None), ("load", b.load is not None), ("esr", b.esr is not None)):
            for dataset, columns in self._zero_columns.items():
                if has_one and columns and (f"_{prefix}_" in dataset or (prefix == "gen" and dataset == "sced_smne")):
                    notes.append(f"all zero in {dataset}, perhaps absent data filled in: {', '.join(columns)}")
        return notes

    def _bridge_notes(self, b: _Battery) -> list[str]:
        """What is doubtful about the battery being one before and after the renaming at RTC+B."""
        if not (has_combo_era(self.year) and has_esr_era(self.year)):
            return []
        words = (b.bridge or "").split(", ")
        against = [word for word in (OTHER_NODE, OTHER_SIZE) if word in words]
        if against:
            return [f"joined with {self._esr_name(b)} against the evidence: {' and '.join(against)}"]
        if b.bridge and not {SAME_KEY, USER_TABLE} & set(words):
            return [f"joined with {self._esr_name(b)} by {' and '.join(words)}, not by its name"]
        first_day = day_number(RTC_FIRST_DAY) - self.year.first_day
        if b.esr is None and b.gen is not None and self.combo.last(b.gen) >= first_day - 1 and self.esr.names:
            return [f"no storage resource follows it: nothing is known from {RTC_FIRST_DAY}"]
        if b.gen is None and b.esr is not None and self.esr.first(b.esr) == first_day:
            return [f"no generation resource came before it: nothing is known before {RTC_FIRST_DAY}"]
        return []

    def _esr_name(self, b: _Battery) -> str | None:
        return None if b.esr is None else self.esr.names[b.esr]

    def _size_notes(self, b: _Battery) -> list[str]:
        """Sizes of a storage resource that its two datasets state otherwise: one of them has another unit, or is another resource's."""
        if b.esr is None:
            return []
        day_ahead, telemetered = sized(self.esr.hsl[b.esr]), sized(self.esr_sced_hsl[b.esr])
        if day_ahead and telemetered and abs(telemetered - day_ahead) > SIZE_TOLERANCE * day_ahead:
            return [f"its size is {day_ahead:g} MW in dam_esr_resources and {telemetered:g} MW in sced_esr_resources"]
        return []

    def _suspicious_zeros(self, dataset: str) -> list[str]:
        files = self.inputs.rollups.files(dataset, self.year.year)
        found = [suspicious_zeros(DATASETS[dataset], describe_file(DATASETS[dataset], path)) for path in files]
        return sorted({name for names in found for name in names})

    def _qse(self, b: _Battery) -> str | None:
        """Of its last day-ahead row that says one, else of its last SCED row."""
        later_first = ((self.esr, b.esr, "sced_esr_resources"), (self.combo, b.gen, "sced_gen_resources"))
        for cls, n, _ in later_first:
            if n is not None and cls.qse and cls.qse[n]:
                return cls.qse[n]
        for cls, n, dataset in later_first:
            if n is None:
                continue
            if dataset not in self._sced_qses:
                self._sced_qses[dataset] = latest_qses(self.inputs, dataset, cls.names)
            if self._sced_qses[dataset][n]:
                return self._sced_qses[dataset][n]
        return None

    def _nodes(self, b: _Battery) -> NodeGrid:
        """Node by hour of one battery: combo rows before DAM ESR data begin, ESR rows after, the user's table first."""
        boundary = self.year.hour_of_day_number(day_number(DAM_ESR_FIRST_DAY))
        texts = Codes()
        codes = np.full(self.year.hours, -1, dtype=np.int64)
        for cls, n, part in ((self.combo, b.gen, slice(0, boundary)), (self.esr, b.esr, slice(boundary, None))):
            if n is not None and cls.nodes is not None:
                codes[part] = texts.translate(cls.nodes.codes[n, part].astype(np.int64), cls.nodes.texts)
        grid = NodeGrid(codes[None, :].astype(np.int32), texts.texts).carried()
        return user_nodes(self.year, grid, [b.user])

    def _capacity(self, b: _Battery) -> tuple[float | None, str | None]:
        rows = [cls.hsl[n] for cls, n in ((self.combo, b.gen), (self.esr, b.esr)) if n is not None]
        size = sized(np.concatenate(rows)) if len(rows) == 1 else sized(np.fmax(rows[0], rows[1]))
        if size:
            return size, "dam"
        size = self._sced_capacity(b)
        if size:
            return size, "sced"
        size = self._from_cop(b, "hsl_mw")
        if size:
            return size, "cop"
        if b.load is not None:
            size = sized(self.load.hsl[b.load]) or sized(
                self._sced_sizes("sced_load_resources", self.load.names, "max_power_mw")[b.load]
            )
        return (size, "load") if size else (None, None)

    def _sced_capacity(self, b: _Battery) -> float | None:
        grids = []
        if b.gen is not None:
            grids.append(self._sced_sizes("sced_gen_resources", self.combo.names, "hsl_mw")[b.gen])
        if b.esr is not None:
            grids.append(self.esr_sced_hsl[b.esr])
        return sized(np.fmax.reduce(grids))

    def _sced_sizes(self, dataset: str, names: list[str], column: str) -> FloatArray:
        """Hourly maxima from SCED, read only where the day-ahead files have no size, and once for all resources."""
        if dataset not in self._run_sizes:
            self._run_sizes[dataset] = RunReader(self.inputs, dataset, names, [column]).hourly_maxima()[column]
        return self._run_sizes[dataset]

    def _energy(self, b: _Battery) -> tuple[float | None, str | None]:
        size = sized(self.max_soc[b.esr]) if b.esr is not None and len(self.max_soc) else None
        if size:
            return size, "sced"
        size = self._from_cop(b, "max_soc_mwh")
        return (size, "cop") if size else (None, None)

    def _from_cop(self, b: _Battery, column: str) -> float | None:
        if self._cop is None:
            self._cop = _Plans(self.inputs, [*self.combo.names, *self.esr.names], self.findings)
        return self._cop.size(
            column, [cls.names[n] for cls, n in ((self.combo, b.gen), (self.esr, b.esr)) if n is not None]
        )


class _Plans:
    """Hourly sizes from the current operating plans; the largest where an hour has several rows."""

    def __init__(self, inputs: Inputs, names: list[str], findings: Findings) -> None:
        self._places = {name: n for n, name in enumerate(names)}
        columns = ["hsl_mw", "max_soc_mwh"]
        self._grids = {column: np.full((len(names), inputs.year.hours), np.nan) for column in columns}
        reader = HourlyReader(inputs, "cop_snapshots", "resource_name", Codes(names), numbers=columns)
        for rows in reader:
            for column, grid in self._grids.items():
                np.fmax.at(grid, (rows.series, rows.step), rows.numbers[column])
        reader.report(findings)

    def size(self, column: str, names: list[str]) -> float | None:
        """Size of the battery that these resources are."""
        return sized(np.fmax.reduce([self._grids[column][self._places[name]] for name in names]))


def _unit(seen: _Seen, n: int) -> Unit:
    nodes = seen.nodes.one(n).distinct() if seen.nodes is not None else []
    return Unit(seen.names[n], frozenset(nodes), sized(seen.hsl[n]))


class _Sides:
    """Both sides of possible pairs in the SCED runs that they have in common.

    Attributes:
        generation_log: days held by the generation dataset.
        load_log: days held by the load dataset.
    """

    def __init__(self, inputs: Inputs, generations: list[str], loads: list[str]) -> None:
        """Read telemetry, or base points where the files have no telemetry at all."""
        starts, output, self.generation_log = _run_values(inputs, "sced_gen_resources", generations, "output_mw")
        load_starts, consumption, self.load_log = _run_values(inputs, "sced_load_resources", loads, "consumption_mw")
        common, gen_runs, load_runs = np.intersect1d(starts, load_starts, assume_unique=True, return_indices=True)
        self._hours = np.minimum(np.diff(np.r_[common, inputs.year.end]), LONGEST_HOLD_SECONDS) / 3_600
        # a resource in one piece of memory, for it is taken out once for each pair
        self._output = np.ascontiguousarray(output[gen_runs].T)
        self._consumption = np.ascontiguousarray(consumption[load_runs].T)

    def compare(self, gen: int, load: int) -> tuple[float | None, float | None, float | None]:
        """Share of common runs with both above 1 MW (None unless each is, some time), discharge and charge in MWh (None if never both observed)."""
        output, consumption = self._output[gen], self._consumption[load]
        both = ~np.isnan(output) & ~np.isnan(consumption)
        if not both.any():
            return None, None, None
        output, consumption, hours = output[both], consumption[both], self._hours[both]
        discharging, charging = output > TOGETHER_MW, consumption > TOGETHER_MW
        share = float((discharging & charging).mean()) if discharging.any() and charging.any() else None
        # not a dot product: its threads take longer to wake than this does to add
        discharge, charge = ((np.maximum(side, 0) * hours).sum() for side in (output, consumption))
        return share, float(discharge), float(charge)


def _run_values(
    inputs: Inputs, dataset: str, names: list[str], telemetry: str
) -> tuple[IntArray, npt.NDArray[np.float32], DayLog]:
    """Starts of the runs, MW by run and resource (in single precision: it only judges pairs), and the days held."""
    files = [describe_file(DATASETS[dataset], path) for path in inputs.rollups.files(dataset, inputs.year.year)]
    measured = any(name == telemetry for file in files for _, _, name in file.columns)
    column = telemetry if measured or not files else "base_point_mw"
    reader = RunReader(inputs, dataset, names, [column])
    values = np.full((len(reader.starts), len(names)), np.nan, dtype=np.float32)
    if names and len(reader.starts):

        def keep(window: Window) -> None:
            values[window.runs] = window.grids[column]

        reader.each_window(keep)
    return reader.starts, values, reader.log


def bess_fleet(registries: Mapping[int, StoredTable]) -> StepResult:
    """All batteries of all years, one row each.

    Args:
        registries: `bess_registry` by year.
    """
    merged: dict[str, dict[str, list[object]]] = {}
    for year in sorted(registries):
        for row in registries[year].read().to_pylist():
            into = merged.setdefault(row["battery"], {})
            for name, value in {**row, "year": str(year)}.items():
                if value is not None:
                    into.setdefault(name, []).append(value)
    columns: dict[str, list[object]] = {name: [] for name in _FLEET_COLUMNS}
    for key in sorted(merged):
        known = merged[key]
        columns["battery"].append(key)
        for name, source in _FLEET_LISTS.items():
            values = [part for text in known.get(source, []) for part in str(text).split(";")]
            columns[name].append(";".join(dict.fromkeys(values)) or None)
        for name in ("qse", "capacity_mw", "energy_mwh"):
            columns[name].append(known[name][-1] if name in known else None)
        columns["first_seen_day"].append(known["first_seen_day"][0])
        columns["last_seen_day"].append(known["last_seen_day"][-1])
    return StepResult(iter([columns]))


_FLEET_LISTS = {
    "gen_resources": "gen_resource",
    "load_resources": "load_resource",
    "esr_resources": "esr_resource",
    "settlement_points": "settlement_points",
    "years": "year",
}
_FLEET_COLUMNS = ("battery", *_FLEET_LISTS, "qse", "capacity_mw", "energy_mwh", "first_seen_day", "last_seen_day")
