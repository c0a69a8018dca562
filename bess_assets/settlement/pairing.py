"""Which resources are one battery: keys from names, load resources on evidence, the rename of December 2025.

sides.py measures the evidence; registry.py applies the rules, and the user's table over them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, NamedTuple

SIZE_TOLERANCE = 0.20
"""Two sizes agree if they differ by at most this share of the first."""
MOST_TIME_TOGETHER = 0.02
"""A battery cannot charge and discharge at once: share of runs in which both sides may exceed 1 MW."""
LEAST_ENERGY_RATIO, MOST_ENERGY_RATIO = 1.0, 1.8
"""Charge / discharge energy of one battery: at least its losses, at most poor efficiency."""
CYCLES_FOR_EVIDENCE = 5
"""Energy ratio and efficiency mean something from this many cycles of charging."""
HOURS_IF_ENERGY_UNKNOWN = 10.0
"""Stands for those cycles, in hours at capacity, where MWh is unknown."""

SAME_KEY, OTHER_NODE, OTHER_SIZE = "same name and number", "another node", "another size"
"""Words of the evidence of a bridge."""

_SUFFIX = re.compile(r"_(BESS|BES|ESS|BATT|BAT|ESR|UNIT|LD)(\d*)$")

Status = Literal["confirmed", "same_name", "name_only", "rejected", "user", "none"]
Rule = Literal["same_name", "same_number", "named_after", "same_prefix"]
_RULE_ORDER: dict[Rule, int] = {"same_name": 0, "same_number": 1, "named_after": 1, "same_prefix": 2}


class NameParts(NamedTuple):
    """A resource name taken apart: `BATCAVE_BES1` is prefix BATCAVE, technology BES, number 1."""

    prefix: str
    technology: str
    number: str


def name_parts(name: str) -> NameParts:
    """Parts of a resource name; technology and number are empty where the name has no known suffix."""
    match = _SUFFIX.search(name)
    return NameParts(name[: match.start()], match[1], match[2]) if match and match.start() else NameParts(name, "", "")


def battery_key(name: str) -> str:
    """The resource name without its technology suffix: the same before and after the rename to `_ESRn`."""
    parts = name_parts(name)
    return f"{parts.prefix}_{parts.number}" if parts.number else parts.prefix


def unique_keys(names: Iterable[str]) -> dict[str, str]:
    """Key of each name; names that would share a key take their whole name."""
    keys = {name: battery_key(name) for name in names}
    counts = Counter(keys.values())
    return {name: key if counts[key] == 1 else name for name, key in keys.items()}


def name_rule(generation: str, load: str) -> Rule | None:
    """The rule by which a load resource's name suggests this generation resource; None if it doesn't."""
    if generation == load:
        return "same_name"
    gen, other = name_parts(generation), name_parts(load)
    if other.technology != "LD":
        return None
    if other.prefix == generation:
        return "named_after"
    if gen.prefix != other.prefix or not gen.technology:
        return None
    return "same_number" if gen.number == other.number else "same_prefix"


class Evidence(NamedTuple):
    """What the data say of a pair: tests passed and failed, those that the data cannot give left out; and their figures, for the registry."""

    passed: int
    failed: int
    text: str


def weigh(
    *,
    capacity_mw: float | None,
    max_power_mw: float | None,
    together_share: float | None,
    charge_mwh: float | None,
    discharge_mwh: float | None,
) -> Evidence:
    """Judge a pair on what could be measured: sizes that agree, two sides that do not run at once, and charge / discharge energy of a battery.

    Args:
        capacity_mw: high sustained limit of the generation side.
        max_power_mw: maximum power consumption of the load side.
        together_share: share of common runs in which both exceed 1 MW.
        charge_mwh: load-side energy over the runs in which both sides are known.
        discharge_mwh: generation-side energy over the same.
    """
    tests: list[tuple[bool, str]] = []
    if capacity_mw and max_power_mw:
        agrees = abs(max_power_mw - capacity_mw) <= SIZE_TOLERANCE * capacity_mw
        words = f"size {'agrees' if agrees else 'differs'} ({max_power_mw:g} MW against {capacity_mw:g} MW)"
        tests.append((agrees, words))
    if together_share is not None:
        apart = together_share < MOST_TIME_TOGETHER
        tests.append((apart, f"both run in {together_share:.1%} of runs{'' if apart else ', too often'}"))
    if charge_mwh and discharge_mwh and capacity_mw and charge_mwh >= HOURS_IF_ENERGY_UNKNOWN * capacity_mw:
        ratio = charge_mwh / discharge_mwh
        fits = LEAST_ENERGY_RATIO <= ratio <= MOST_ENERGY_RATIO
        tests.append((fits, f"charge / discharge {ratio:.2f}{'' if fits else ', outside 1.0 to 1.8'}"))
    passed = sum(holds for holds, _ in tests)
    return Evidence(passed, len(tests) - passed, ", ".join(words for _, words in tests) or "nothing to test")


@dataclass(frozen=True)
class Pair:
    """A generation resource's accepted load resource, if any; how it was found, None if no name suggests one; and the figures of all candidates in words."""

    load: str | None
    status: Status | None
    evidence: str


def candidates(generations: Sequence[str], loads: Sequence[str]) -> dict[str, list[str]]:
    """Load resources that names suggest, by generation resource."""
    by_prefix: dict[str, list[str]] = {}
    for load in loads:
        by_prefix.setdefault(name_parts(load).prefix, []).append(load)
    near = {g: {*by_prefix.get(name_parts(g).prefix, []), *by_prefix.get(g, [])} for g in generations}
    return {g: sorted(load for load in loads if name_rule(g, load)) for g, loads in near.items()}


def _status(rule: Rule, evidence: Evidence) -> Status:
    if evidence.failed or evidence.passed:
        return "rejected" if evidence.failed else "confirmed"
    # a shared prefix alone says nothing: one site has several load resources
    return "same_name" if rule == "same_name" else "rejected" if rule == "same_prefix" else "name_only"


def choose_pairs(
    suggested: Mapping[str, Sequence[str]], judge: Callable[[list[tuple[str, str]]], list[Evidence]]
) -> dict[str, Pair]:
    """Accept for each generation resource its one best load resource.

    A pair is accepted if it is strictly the best for both its sides among the pairs that no test rejects; where two remain equal, neither is used.

    Args:
        suggested: load resources by generation resource, from names.
        judge: measures and weighs pairs.
    """
    pairs = [(g, load) for g, loads in suggested.items() for load in loads]
    evidence = dict(zip(pairs, judge(pairs), strict=True))
    rules = {pair: name_rule(*pair) or "same_prefix" for pair in evidence}
    statuses = {pair: _status(rules[pair], own) for pair, own in evidence.items()}
    left = [pair for pair, status in statuses.items() if status != "rejected"]
    accepted = mutual_best({pair: (-evidence[pair].passed, _RULE_ORDER[rules[pair]]) for pair in left})

    def chosen(g: str, loads: Sequence[str]) -> Pair:
        words = (f"{x}: {statuses[g, x]} ({rules[g, x].replace('_', ' ')}; {evidence[g, x].text})" for x in loads)
        text = "; ".join(words)
        if g in accepted:
            return Pair(accepted[g], statuses[g, accepted[g]], text)
        return Pair(None, "rejected" if loads else None, text)

    return {g: chosen(g, loads) for g, loads in suggested.items()}


def mutual_best(ranks: Mapping[tuple[str, str], tuple[int, ...]]) -> dict[str, str]:
    """Pairs that are strictly best for both sides (a lower rank is better), the best ones taken out first."""
    left = dict(ranks)
    accepted: dict[str, str] = {}
    while left:
        taken = {
            (a, b)
            for (a, b), rank in left.items()
            if all(rank < other for (x, y), other in left.items() if (x == a) != (y == b))
        }
        if not taken:
            break
        accepted.update(sorted(taken))
        firsts, seconds = {a for a, _ in taken}, {b for _, b in taken}
        left = {(a, b): rank for (a, b), rank in left.items() if a not in firsts and b not in seconds}
    return accepted


@dataclass(frozen=True)
class Unit:
    """What bridging compares of a combo or an ESR resource: its name, its settlement points of the year, and its size, None if unknown."""

    name: str
    nodes: frozenset[str]
    capacity_mw: float | None


def likeness(combo: Unit, esr: Unit) -> tuple[tuple[int, int] | None, str]:
    """How near a combo and an ESR resource are to being one battery.

    Same prefix and number bridge unless both node and size speak against it; another name bridges if node and size agree.

    Returns:
        The rank of the two, the lowest first, None if they are not one battery; and what names, nodes and sizes say for and against it in words.
    """
    sizes = combo.capacity_mw, esr.capacity_mw
    node = bool(combo.nodes & esr.nodes) if combo.nodes and esr.nodes else None
    size = abs(sizes[1] - sizes[0]) <= SIZE_TOLERANCE * sizes[0] if sizes[0] and sizes[1] else None
    same_key = battery_key(combo.name) == battery_key(esr.name)
    same_prefix = name_parts(combo.name).prefix == name_parts(esr.name).prefix
    said = (
        (SAME_KEY, same_key),
        ("same prefix", same_prefix and not same_key),
        ("same node", node),
        ("size within 20 %", size),
        (OTHER_NODE, node is False),
        (OTHER_SIZE, size is False),
    )
    words = ", ".join(word for word, holds in said if holds)
    if not (node and size) and (not same_key or node is size is False):
        return None, words
    return (0 if same_key else 1 if same_prefix else 2, -(node, size).count(True)), words


def bridge_names(combos: Sequence[Unit], esrs: Sequence[Unit]) -> dict[str, tuple[str, str]]:
    """ESR resource and evidence by combo resource, for batteries renamed at RTC+B: those that are strictly the most alike."""
    near = {(combo.name, esr.name): likeness(combo, esr) for combo, esr in product(combos, esrs)}
    best = mutual_best({names: rank for names, (rank, _) in near.items() if rank is not None})
    return {combo: (esr, near[combo, esr][1]) for combo, esr in best.items()}
