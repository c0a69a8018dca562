"""Which batteries there are in a year: their resources, node, size, QSE, and the days on which each is expected.

Sides of resources (sides.py) are paired, bridged across RTC+B, joined into batteries, corrected by the user's battery table, and sized.
The rules of pairing and bridging are in pairing.py.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain, pairwise, permutations
from typing import Any, NoReturn

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number, day_of_number
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import describe_files, open_parquet
from bess_assets.ercot.products import RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, StoredTable, in_columns, step
from bess_assets.errors import InputError, RegistryTableError
from bess_assets.settlement.battery_table import NO_LOAD, UserRow, read_user_table
from bess_assets.settlement.groups import is_tolled
from bess_assets.settlement.nodes import battery_nodes
from bess_assets.settlement.pairing import (
    OTHER_NODE,
    OTHER_SIZE,
    SAME_KEY,
    SIZE_TOLERANCE,
    Pair,
    bridge_names,
    choose_pairs,
    likeness,
    unique_keys,
)
from bess_assets.settlement.sides import COMBO_TYPE, ESR_TYPE, Resource, Sides, has_combo_era, has_esr_era, sized

ASSUMED_DURATION_HOURS = 4.0  # shown, labelled `assumed`, where no MWh is known; no metric uses it
BESS_DATASETS = ("dam_gen_resources", "sced_gen_resources", "dam_esr_resources", "sced_esr_resources")
"""Datasets in which a battery may show up; a year in which none has one is an error, not an empty board."""
USER_TABLE = "user's table"
MOST_DAYS_BETWEEN = 7  # from the last day of a battery's old name to the first of its new one
RENAMED_TOLERANCE = 0.02
"""Two names may be one battery's if the sizes under them differ by at most this share of the first."""
LEAST_HOURS, MOST_HOURS = 0.2, 24.0
"""Durations that may be true: ERCOT's batteries hold energy for half an hour to 12 hours, and a wrong unit makes 1,000 times as many or as few."""

_RESOURCE_DATASETS = (*BESS_DATASETS, "dam_load_resources", "sced_load_resources", "sced_smne")
# where a battery's charging is metered, by the status of its pair; unknown for every other status
_CHARGING = {"confirmed": "load", "same_name": "load", "user": "load", "none": "generation"}


@dataclass(frozen=True)
class Battery:
    """One battery of the year under its stable key, with its resources, None where it has none.

    Attributes:
        pair: its load resource and why.
        load: the load resource, if that has rows in the year.
        bridge: why generation and storage resource are one battery.
        user: its rows of the user's table.
    """

    key: str
    pair: Pair
    gen: Resource | None = None
    esr: Resource | None = None
    load: Resource | None = None
    bridge: str | None = None
    user: tuple[UserRow, ...] = ()

    @property
    def members(self) -> list[Resource]:
        """Its generation and its storage resource."""
        return [resource for resource in (self.gen, self.esr) if resource is not None]


@dataclass(frozen=True)
class Horizon:
    """What the year's 60-day data hold: indices of the first and last day, the last settled day, and the edition; and the all-zero columns by dataset."""

    first: int
    last: int
    through: int
    edition: str
    zeros: dict[str, list[str]]


@step
def bess_registry(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """One row for each battery seen in the year.

    Raises:
        InputError: a file cannot be read, or no battery has a row in the year.
        RegistryTableError: the user's table contradicts itself or names resources that the year does not know.
    """
    year, findings = inputs.year, result.findings
    first, last = day_of_number(year.first_day), day_of_number(year.last_day)
    rows = read_user_table(inputs.registry_csv) if inputs.registry_csv else []
    rows = [row for row in rows if row.overlaps(first, last)]
    sides = Sides(inputs, rows, findings)
    _check_names(inputs, sides, rows)
    user = _with_resources(sides, rows)
    pairs = _pairs(inputs, sides, user, findings)
    batteries = _joined(sides, pairs, _bridges(sides, user, findings))
    batteries = _corrected(inputs, sides, user, batteries, findings)
    _report_one_sided(batteries, findings)
    if not batteries:
        _refuse_empty_year(inputs)
    horizon = _horizon(inputs, sides)
    found = [_row(year, sides, horizon, battery) for battery in batteries]
    _report_renamed(found, {battery.key for battery in batteries if battery.user}, findings)
    _report_durations(found, findings)
    yield from in_columns(found)


# --- the user's table -------------------------------------------------------------------------------------------------


def _with_resources(sides: Sides, rows: Sequence[UserRow]) -> list[UserRow]:
    """The rows with the generation and the storage resource that all rows of a battery together mean; a key alone means those whose names give that key."""
    by_gen, by_esr = sides.generation.seen, sides.storage.seen
    gens = {row.battery: row.gen_resource for row in rows if row.gen_resource in by_gen}
    esrs = {row.battery: row.esr_resource for row in rows if row.esr_resource in by_esr}
    gen_of_key = {key: name for name, key in unique_keys(by_gen).items() if name not in gens.values()}
    esr_of_key = {key: name for name, key in unique_keys(by_esr).items() if name not in esrs.values()}
    for row in rows:
        if row.battery not in gens and row.battery in gen_of_key:
            gens[row.battery] = gen_of_key[row.battery]
        elif row.battery not in gens and row.battery not in esrs and row.battery in esr_of_key:
            esrs[row.battery] = esr_of_key[row.battery]
    return [
        replace(
            row,
            gen_resource=gens.get(row.battery, row.gen_resource),
            esr_resource=esrs.get(row.battery, row.esr_resource),
        )
        for row in rows
    ]


def _check_names(inputs: Inputs, sides: Sides, rows: Sequence[UserRow]) -> None:
    """Refuse a row whose resource has no row in the part of the year for which the row is valid."""
    year = inputs.year
    first, last = day_of_number(year.first_day), day_of_number(year.last_day)
    before = date.fromordinal(RTC_FIRST_DAY.toordinal() - 1)
    loads_named = bool(sides.load.names) and any(log.days.any() for log in sides.load.logs)
    for row in rows:
        combo = has_combo_era(year) and row.overlaps(first, min(last, before))
        later = has_esr_era(year) and row.overlaps(max(first, RTC_FIRST_DAY), last)
        for column, name, side, matters in (
            ("gen_resource", row.gen_resource, sides.generation, combo),
            ("load_resource", row.load_resource, sides.load, combo and loads_named and row.load_resource != NO_LOAD),
            ("esr_resource", row.esr_resource, sides.storage, later),
        ):
            if name and matters and name not in side.seen:
                raise RegistryTableError(
                    f"Line {row.line} of the battery table names {column} {name!r}, which {year.year} does not know.",
                    file=inputs.registry_csv,
                    column=column,
                    expected="a resource with rows in the year's data",
                    remedy="Correct the name, or set valid_from and valid_to to the days on which it exists.",
                )


def _corrected(
    inputs: Inputs, sides: Sides, user: Sequence[UserRow], batteries: list[Battery], findings: Findings
) -> list[Battery]:
    """The batteries with the user's rows and keys, in order of their keys."""
    for row in user:
        own = (sides.generation.seen.get(row.gen_resource or ""), sides.storage.seen.get(row.esr_resource or ""))
        mine = [any(member in own for member in b.members) for b in batteries]
        if not any(mine) and not row.gen_resource and not row.esr_resource:
            raise RegistryTableError(
                f"Line {row.line} of the battery table speaks of {row.battery!r}, which {inputs.year.year} does not know.",
                file=inputs.registry_csv,
                column="battery",
                expected="a battery of the year, or a gen_resource or esr_resource that identifies one",
                remedy="Correct the name, or set valid_from and valid_to to the days on which it exists.",
            )
        batteries = [
            replace(b, key=row.battery, user=(*b.user, row)) if matches else b
            for b, matches in zip(batteries, mine, strict=True)
        ]
    named = ", ".join(sorted({row.battery for row in user})[:12])
    findings.add("user_table", "bess_registry", len(user), named, warning=False)
    batteries = sorted(batteries, key=lambda battery: battery.key)
    for battery, after in pairwise(batteries):
        if battery.key == after.key:
            raise RegistryTableError(
                f"Two batteries would share the key {battery.key!r}.",
                file=inputs.registry_csv,
                expected="a key of its own for each battery",
                remedy="Name both in the battery table (BESS_REGISTRY).",
            )
    return batteries


# --- putting batteries together ---------------------------------------------------------------------------------------


def _pairs(inputs: Inputs, sides: Sides, user: Sequence[UserRow], findings: Findings) -> dict[str, Pair]:
    """The load resource of each generation resource, by the user's table, else by names and evidence."""
    by_gen, by_load = sides.generation.seen, sides.load.seen
    decided = {row.gen_resource: row for row in user if row.load_resource and row.gen_resource in by_gen}
    for row in user:
        chosen = decided.get(row.gen_resource or "")
        if chosen and row.load_resource and row.load_resource != chosen.load_resource:
            raise RegistryTableError(
                f"Lines {row.line} and {chosen.line} of the battery table give {row.battery} two load resources in {inputs.year.year}.",
                file=inputs.registry_csv,
                column="load_resource",
                expected="one load resource, or none, for a battery and year: a pair holds for the whole year",
                remedy="Keep the one that held for most of the year.",
            )
    taken = {row.load_resource for row in decided.values()}
    suggested = {
        gen: [load for load in sides.suggested.get(gen, []) if load in by_load and load not in taken]
        for gen in by_gen
        if gen not in decided
    }
    pairs = choose_pairs(suggested, lambda named: sides.evidence([(by_gen[gen], by_load[load]) for gen, load in named]))
    for gen, row in decided.items():
        if row.load_resource == NO_LOAD:
            pairs[gen] = Pair(None, "none", f"{USER_TABLE}: no load resource")
        else:
            pairs[gen] = Pair(row.load_resource, "user", _user_evidence(sides, by_gen[gen], row.load_resource))
    rejected = [gen for gen, pair in pairs.items() if pair.status == "rejected"]
    evidence = "; ".join(pairs[gen].evidence for gen in rejected[:6])
    findings.add("rejected_pair", "bess_registry", len(rejected), evidence)
    alone = [gen for gen, pair in pairs.items() if pair.status is None]
    findings.add("unpaired", "bess_registry", len(alone), ", ".join(sorted(alone)[:12]))
    return pairs


def _user_evidence(sides: Sides, gen: Resource, load: str | None) -> str:
    """What the data say of a pair that the user decided; the pair holds all the same."""
    if load not in sides.load.seen:
        return USER_TABLE
    (evidence,) = sides.evidence([(gen, sides.load.seen[load])])
    return f"{USER_TABLE}{', against the evidence' if evidence.failed else ''} ({evidence.text})"


def _bridges(sides: Sides, user: Sequence[UserRow], findings: Findings) -> dict[str, tuple[str, str]]:
    """Storage resource and evidence by generation resource, for batteries renamed at RTC+B."""
    gens, esrs = sides.generation.seen, sides.storage.seen
    if not gens or not esrs:
        return {}
    bridges = {
        gen: (esr, ", ".join(filter(None, (USER_TABLE, likeness(gens[gen].unit, esrs[esr].unit)[1]))))
        for row in user
        if (gen := row.gen_resource) in gens and (esr := row.esr_resource) in esrs
    }
    decided = {esr for esr, _ in bridges.values()}
    bridges |= bridge_names(
        [gen.unit for name, gen in gens.items() if name not in bridges],
        [esr.unit for name, esr in esrs.items() if name not in decided],
    )
    words = ", ".join(f"{gen} = {esr}" for gen, (esr, _) in sorted(bridges.items())[:6])
    findings.add("bridged", "bess_registry", len(bridges), words, warning=False)
    return bridges


def _joined(sides: Sides, pairs: Mapping[str, Pair], bridges: Mapping[str, tuple[str, str]]) -> list[Battery]:
    """Batteries under keys made from their names: the storage resource's where there is one, for that name lasts."""
    gens, esrs = sides.generation.seen, sides.storage.seen
    alone = esrs.keys() - {esr for esr, _ in bridges.values()}
    keys = unique_keys([*(bridges[gen][0] if gen in bridges else gen for gen in gens), *alone])
    batteries = [Battery(keys[esr], Pair(None, None, ""), esr=esrs[esr]) for esr in alone]
    for name, gen in gens.items():
        esr, words = bridges.get(name, (None, None))
        load = sides.load.seen.get(pairs[name].load or "")
        batteries.append(Battery(keys[esr or name], pairs[name], gen, esrs[esr] if esr else None, load, words))
    return batteries


def _report_one_sided(batteries: Sequence[Battery], findings: Findings) -> None:
    """Add the resources that one dataset alone knows; a figure may be affected where one is perhaps another's misspelt name."""
    for warning in (True, False):
        words = [
            said[0]
            for battery in batteries
            for member in battery.members
            if (said := member.side.one_sided.get(member.name)) and bool(said[1]) == warning
        ]
        findings.add("one_sided", "bess_registry", len(words), "; ".join(words[:6]), warning=warning)


def _refuse_empty_year(inputs: Inputs) -> NoReturn:
    year = inputs.year.year
    looked_in = [str(path) for dataset in BESS_DATASETS for path in inputs.rollups.files(dataset, year)]
    folders = ", ".join(f"{DATASETS[dataset].folder}/{year}.parquet" for dataset in BESS_DATASETS)
    types = _resource_types(inputs)
    misnamed = types and not {COMBO_TYPE, ESR_TYPE} & set(types)  # else the files are of other days
    held = (
        f"Its column Resource Type holds {', '.join(map(repr, types))}: write {COMBO_TYPE} for batteries. Or p"
        if misnamed
        else "P"
    )
    raise InputError(
        f"No battery has a row in {year}.",
        dataset="bess_registry",
        file=", ".join(looked_in) or None,
        column="Resource Type" if misnamed else None,
        expected=f"rows of type {COMBO_TYPE} or {ESR_TYPE} on days of {year} in one of {folders} (or the file of {year + 1})",
        remedy=f"{held}ut the year's 60-day rollups into the rollup folder (BESS_ROLLUPS), or name the batteries in BESS_REGISTRY.",
    )


def _resource_types(inputs: Inputs) -> list[str]:
    """The distinct types of generation resources in the day-ahead files, in which no battery was found."""
    dataset, found = DATASETS["dam_gen_resources"], set[str]()
    for footer in describe_files(inputs, dataset.name):
        headings = [heading for name, heading in dataset.canonical(footer.headings).items() if name == "resource_type"]
        with open_parquet(dataset, footer.path, headings) as file:
            for batch in file.iter_batches(columns=headings) if headings else ():
                found.update(str(value) for value in batch.column(0).unique().to_pylist() if value is not None)
    return sorted(found)


def _horizon(inputs: Inputs, sides: Sides) -> Horizon:
    """The year is closed if a 60-day dataset holds a day after it (methodology, section 11)."""
    logs = [log for side in (sides.generation, sides.load, sides.storage) for log in side.logs]
    held = np.flatnonzero(np.logical_or.reduce([log.days for log in logs]))
    closed = any(log.beyond for log in logs)
    zeros = {
        dataset: sorted({name for footer in describe_files(inputs, dataset) for name in footer.suspicious})
        for dataset in _RESOURCE_DATASETS
    }
    through = inputs.year.days - 1 if closed else int(held[-1])
    return Horizon(int(held[0]), int(held[-1]), through, "final" if closed else "preliminary", zeros)


# --- rows -------------------------------------------------------------------------------------------------------------


def _row(year: OperatingYear, sides: Sides, horizon: Horizon, b: Battery) -> dict[str, Any]:
    charging = _CHARGING.get(b.pair.status or "", "unknown") if b.gen else "esr"
    seen = [*b.members, *([b.load] if charging == "load" and b.load else [])]
    first, last = min(resource.first for resource in seen), max(resource.last for resource in seen)
    expected_last = horizon.through if last == horizon.last else last
    sizes = _sizes(sides, b)
    (capacity, capacity_source), (energy, energy_source) = sizes.values()
    duration, duration_source = ASSUMED_DURATION_HOURS, "assumed"
    if energy and capacity:
        duration = energy / capacity
        duration_source = "user" if "user" in (energy_source, capacity_source) else "ercot"
    nodes = battery_nodes(year, b.gen.nodes if b.gen else None, b.esr.nodes if b.esr else None, b.user)
    # QSE of the last day-ahead row that says one, else of the last SCED row, which is read only then; the storage resource's rows first
    own = b.members[::-1]
    qses = chain((r.side.qse[r.n] for r in own), (r.side.sced_qse[r.n] for r in own))

    def day(index: int) -> date:
        return day_of_number(year.first_day + index)

    return {
        "battery": b.key,
        "gen_resource": b.gen and b.gen.name,
        "load_resource": b.pair.load,
        "esr_resource": b.esr and b.esr.name,
        "pair_status": b.pair.status,
        "pair_evidence": b.pair.evidence or None,
        "charging": charging,
        "bridge_evidence": b.bridge,
        "settlement_point": [*nodes.texts, None][nodes.codes[year.day_first_hour[expected_last + 1] - 1]],
        "settlement_points": ";".join(nodes.distinct()) or None,
        "qse": next(filter(None, qses), None),
        "capacity_mw": capacity,
        "capacity_source": capacity_source,
        "energy_mwh": energy,
        "energy_source": energy_source,
        "duration_hours": duration,
        "duration_source": duration_source,
        "first_seen_day": day(first),
        "last_seen_day": day(last),
        "expected_first_day": day(0 if first == horizon.first else first),
        "expected_last_day": day(expected_last),
        "data_through": day(horizon.through),
        "edition": horizon.edition,
        "attributes": _attributes(b.user),
        "notes": "; ".join(_notes(year, sides, horizon, b)) or None,
    }


def _attributes(rows: Sequence[UserRow]) -> str | None:
    """Further columns of a battery's rows of the user's table, as JSON: of each the last value of the year."""
    in_order = sorted(rows, key=lambda row: row.valid_from or date.min)
    found = dict(chain.from_iterable(row.attributes for row in in_order))
    return json.dumps(found, ensure_ascii=False, sort_keys=True) if found else None


def _notes(year: OperatingYear, sides: Sides, horizon: Horizon, b: Battery) -> list[str]:
    by_name, without_load = b.pair.status == "name_only", b.gen and b.pair.status in {"rejected", None}
    against = b.pair.status == "user" and "against the evidence" in b.pair.evidence
    # of two sizes that differ, one has another unit or is another resource's
    day_ahead, telemetered = (b.esr.size or 0.0, sized(b.esr.sced_hsl) or 0.0) if b.esr else (0.0, 0.0)
    differ = day_ahead and telemetered and abs(telemetered - day_ahead) > SIZE_TOLERANCE * day_ahead
    both_eras = has_combo_era(year) and has_esr_era(year)
    said: list[tuple[object, str | None]] = [
        (by_name, f"load resource {b.pair.load} paired by name only: its AS is counted, charging is not"),
        (without_load, "no accepted load resource: AS of a load side is not counted"),
        (differ, f"its size is {day_ahead:g} MW in dam_esr_resources and {telemetered:g} MW in sced_esr_resources"),
        (against, f"load resource {b.pair.load} by the user's table, against the evidence"),
        (both_eras, _bridge_note(year, sides, b)),
        (b.user, b.user[-1].note if b.user else None),
        (is_tolled({"attributes": _attributes(b.user)}), "tolled: its owner does not earn what the board says"),
    ]
    for member in b.members:
        alone = member.side.one_sided
        of_others = ((near == member.name, words) for words, near in alone.values())
        said += [(True, alone[member.name][0])] if member.name in alone else of_others
    for kind, resource in (("gen", b.gen), ("load", b.load), ("esr", b.esr)):
        for dataset, columns in horizon.zeros.items() if resource else ():
            of_side = f"_{kind}_" in dataset or (kind == "gen" and dataset == "sced_smne")
            zeros = f"all zero in {dataset}, perhaps absent data filled in: {', '.join(columns)}"
            said.append((columns and of_side, zeros))
    return [words for holds, words in said if holds and words]


def _bridge_note(year: OperatingYear, sides: Sides, b: Battery) -> str | None:
    """What is doubtful about the battery being one before and after the renaming at RTC+B."""
    words = (b.bridge or "").split(", ")
    against = [word for word in (OTHER_NODE, OTHER_SIZE) if word in words]
    first_day = day_number(RTC_FIRST_DAY) - year.first_day
    if b.esr and against:
        return f"joined with {b.esr.name} against the evidence: {' and '.join(against)}"
    if b.esr and b.bridge and not {SAME_KEY, USER_TABLE} & set(words):
        return f"joined with {b.esr.name} by {' and '.join(words)}, not by its name"
    if not b.esr and b.gen and b.gen.last >= first_day - 1 and sides.storage.names:
        return f"no storage resource follows it: nothing is known from {RTC_FIRST_DAY}"
    if not b.gen and b.esr and b.esr.first == first_day:
        return f"no generation resource came before it: nothing is known before {RTC_FIRST_DAY}"
    return None


def _report_renamed(rows: Sequence[dict[str, Any]], users: set[str], findings: Findings) -> None:
    """Add and note batteries that are perhaps one under two names; of two that the user's table has, a person knows it."""
    pairs = [
        (old, new)
        for old, new in permutations(rows, 2)
        if _goes_on(old, new) and not {old["battery"], new["battery"]} <= users
    ]
    words = [
        f"{new['battery']} begins where {old['battery']} ends, at the same node and of the same size"
        for old, new in pairs
    ]
    for pair, said in zip(pairs, words, strict=True):
        for row in pair:
            _add_note(row, f"perhaps one battery, renamed: {said}; name both in the battery table")
    findings.add("renamed", "bess_registry", len({new["battery"] for _, new in pairs}), "; ".join(words[:6]))


def _goes_on(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a battery begins where and when another ends, and is of its size."""
    days = (new["first_seen_day"] - old["last_seen_day"]).days
    later = old["first_seen_day"] < new["first_seen_day"] and old["last_seen_day"] < new["last_seen_day"]
    first_node = (new["settlement_points"] or "").split(";")[0]
    sizes = [(old["capacity_mw"], new["capacity_mw"])]
    if not {None, "soc"} & {old["energy_source"], new["energy_source"]}:  # a state of charge is a lower bound
        sizes.append((old["energy_mwh"], new["energy_mwh"]))
    alike = all(one and other and abs(other - one) <= RENAMED_TOLERANCE * one for one, other in sizes)
    return later and 0 <= days <= MOST_DAYS_BETWEEN and first_node == old["settlement_point"] and alike


def _report_durations(rows: Sequence[dict[str, Any]], findings: Findings) -> None:
    """Add and note batteries whose energy and capacity cannot both be in their units."""
    words = []
    for row in rows:
        hours = row["duration_hours"]
        too_short = hours < LEAST_HOURS and row["energy_source"] != "soc"  # a state of charge is a lower bound
        if row["duration_source"] != "assumed" and (too_short or hours > MOST_HOURS):
            said = (
                f"{row['energy_mwh']:,.10g} MWh at {row['capacity_mw']:,.10g} MW would last {hours:,.6g} hours: "
                "perhaps one of them is of another unit"
            )
            words.append(f"{row['battery']}: {said}")
            _add_note(row, said)
    findings.add("odd_duration", "bess_registry", len(words), "; ".join(words[:6]))


def _add_note(row: dict[str, Any], words: str) -> None:
    row["notes"] = "; ".join(filter(None, (row["notes"], words)))


def _sizes(sides: Sides, b: Battery) -> dict[str, tuple[float | None, str | None]]:
    """Capacity in MW and energy in MWh with their sources: the user's, else the first that is known (methodology, section 11).

    Sources are read only where they are asked for. The largest state of charge is a lower bound of the energy.
    """

    def of_members(hourly: Callable[[Resource], FloatArray]) -> float | None:
        return sized(np.fmax.reduce([hourly(resource) for resource in b.members]))

    def first(**measures: Callable[[], float | None]) -> tuple[float | None, str | None]:
        return next(((size, source) for source, measure in measures.items() if (size := measure())), (None, None))

    sizes = {
        "capacity_mw": first(
            dam=lambda: of_members(lambda resource: resource.hsl),
            sced=lambda: of_members(lambda resource: resource.sced_hsl),
            cop=lambda: of_members(lambda resource: sides.plans["hsl_mw"][resource.name]),
            load=lambda: (b.load.size or sized(b.load.sced_hsl)) if b.load else None,
        ),
        "energy_mwh": first(
            sced=lambda: sized(sides.storage.sced[0]["max_soc_mwh"][b.esr.n]) if b.esr else None,
            cop=lambda: of_members(lambda resource: sides.plans["max_soc_mwh"][resource.name]),
            soc=lambda: sized(sides.storage.hourly_soc[b.esr.n]) if b.esr else None,
        ),
    }
    for row in b.user:
        sizes |= {name: (size, "user") for name in sizes if (size := getattr(row, name))}
    return sizes


# --- all years -------------------------------------------------------------------------------------------------------


def bess_fleet(registries: Mapping[int, StoredTable]) -> StepResult:
    """All batteries of all years, one row each.

    Args:
        registries: `bess_registry` by year.
    """
    known: dict[str, dict[str, list[Any]]] = {}
    for year in sorted(registries):
        for row in registries[year].read().to_pylist():
            own = known.setdefault(row["battery"], defaultdict(list))
            for name, value in {**row, "year": str(year)}.items():
                own[name] += [] if value is None else [value]

    def of_battery(battery: str, own: Mapping[str, list[Any]]) -> dict[str, Any]:
        return {
            "battery": battery,
            **{
                name: ";".join(dict.fromkeys(part for text in own[source] for part in text.split(";"))) or None
                for name, source in _FLEET_LISTS.items()
            },
            **{
                name: own[name][-1] if own[name] else None
                for name in ("qse", "capacity_mw", "energy_mwh", "attributes")
            },
            "first_seen_day": own["first_seen_day"][0],
            "last_seen_day": own["last_seen_day"][-1],
        }

    return StepResult(in_columns([of_battery(battery, known[battery]) for battery in sorted(known)]))


_FLEET_LISTS = {
    "gen_resources": "gen_resource",
    "load_resources": "load_resource",
    "esr_resources": "esr_resource",
    "settlement_points": "settlement_points",
    "years": "year",
}
