"""Plant the second catalogue over a clean and a dirty market and write what came of it: `python -m bess_assets_tests.faults.second FILE`."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from bess_assets.simulator import Hazards
from bess_assets_tests.faults import tables
from bess_assets_tests.faults.kinds import EXTENTS, KINDS, UNSEEABLE, Case, cases
from bess_assets_tests.faults.planting import Market, Planted
from bess_assets_tests.faults.resumable import results

NAME = "the second catalogue of faults"
MARKETS: dict[str, Hazards] = {"clean": "flawless", "dirty": "harmless"}
LEAST_OF_FLEET, LEAST_OF_BATTERY = 0.001, 0.01
"""A fault that moves no more needs no sign."""
_WORDS = {"no figure changes": "no change", "cannot be seen": "silent"}

Outcomes = Mapping[tuple[str, str], str]
"""What came of each case in each market: error, a cause, marked, no change, small, or silent with its size."""


def planted() -> list[tuple[str, Case]]:
    """Every case in every market."""
    return [(market, case) for market in MARKETS for case in cases()]


def outcome(came: Planted) -> str:
    """What came of a case."""
    if came.outcome != "cannot be seen":
        return _WORDS.get(came.outcome, came.outcome)
    of_fleet = came.moved_usd / came.fleet_usd
    if of_fleet <= LEAST_OF_FLEET and came.most_moved <= LEAST_OF_BATTERY:
        return "small"
    unmarked = [(abs(c.after - (c.before or 0.0)), c.before) for c in came.unmarked if c.column in {"total_usd", "row"}]
    little = sum(moved for moved, _ in unmarked) <= LEAST_OF_FLEET * came.fleet_usd
    if little and all(before and moved <= LEAST_OF_BATTERY * abs(before) for moved, before in unmarked):
        return "marked"
    return f"silent {of_fleet:.1%} / {came.most_moved:.1%}"


def tried(market: Market, case: Case, folder: Path) -> str:
    """What comes of a case on a market; nothing is left in the folder."""
    try:
        return outcome(market.plant(folder, case.plant))
    finally:
        shutil.rmtree(folder)


@cache
def _market(folder: Path, name: str) -> Market:
    return Market(folder / f"{name} {os.getpid()}", MARKETS[name])


def _named(folder: Path, market: str, name: str) -> str:
    (case,) = (case for case in cases() if case.name == name)
    return tried(_market(folder, market), case, folder / f"case {os.getpid()}")


def table(found: Outcomes, commit: str) -> str:
    """What came of every kind, for the page."""
    lines = [
        f"{len(cases())} faults of {len(KINDS)} kinds in each market, planted in stretches up to commit {commit}:",
        "",
    ]
    for name in MARKETS:
        counts = Counter(
            came.split(" ", 1)[0] if "silent" in came else came for (of, _), came in found.items() if of == name
        )
        lines.append(f"* {name}: {', '.join(f'{count} {came}' for came, count in counts.most_common())}")
    lines += ["", f"| fault | {' | '.join(EXTENTS)} |", f"|---|{'---|' * len(EXTENTS)}"]
    for kind, way in ((each.name, way) for each in KINDS for way, _ in each.ways):
        cells = [[found[market, f"{kind}, {way}, {extent}"] for market in MARKETS] for extent in EXTENTS]
        lines.append(f"| {kind}, {way} | {' | '.join('; '.join(dict.fromkeys(cell)) for cell in cells)} |")
    lines += [
        "",
        "| cannot be seen | why |",
        "|---|---|",
        *(f"| {', '.join(of)} | {why} |" for of, why in UNSEEABLE.items()),
    ]
    return "\n".join(lines)


def shown() -> Iterator[tuple[tuple[str, str], str]]:
    """Market and case, and what came of it, as the page says."""
    for line in tables.written("reliability.md", NAME).splitlines():
        fault, *cells = line.strip("| ").split(" | ")
        for extent, cell in zip(
            EXTENTS, cells if len(cells) == len(EXTENTS) and fault != "fault" else (), strict=False
        ):
            came = cell.split("; ")
            for n, market in enumerate(MARKETS):
                yield (market, f"{fault}, {extent}"), came[min(n, len(came) - 1)]


def main() -> int:
    """Return 1 if a fault is silent that is not among those that cannot be seen."""
    parser = argparse.ArgumentParser(
        prog="python -m bess_assets_tests.faults.second", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("kept", type=Path, help="file of results: what it has is not tried again")
    parser.add_argument("--only", default="", help="cases whose name holds these words; nothing is written")
    options = parser.parse_args()
    tasks = [(market, case.name) for market, case in planted() if options.only in case.name]
    with tempfile.TemporaryDirectory() as folder:
        kept = results(options.kept, _named, tasks, Path(folder))
    found = {task: kept[json.dumps(task)] for task in tasks}
    if not options.only:
        tables.write("reliability.md", NAME, lambda: table(found, tables.commit()))
    unseeable = tuple(", ".join(kind) for kind in UNSEEABLE)
    silent = [place for place, came in found.items() if "silent" in came and not place[1].startswith(unseeable)]
    print(f"{len(silent)} silent", *silent, sep="\n  ")
    return int(bool(silent))


if __name__ == "__main__":
    sys.exit(main())
