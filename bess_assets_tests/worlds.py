"""Made-up markets, each simulated and settled once for all tests that look at whole years.

A market is settled twice: by the steps of the package, and by the second settlement from the same files and the simulator's own pairs. Tables of the two
are compared cell by cell.
"""

import hashlib
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from bess_assets import run as pipeline
from bess_assets import simulator
from bess_assets.second_settlement.board import BOARD_COLUMNS
from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.second_settlement.settlement import Settlement, settle
from bess_assets.second_settlement.source import RollupFiles
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import pairs, simulate
from bess_assets.simulator.calendar import midnight
from bess_assets.simulator.publish import Rows
from bess_assets_tests.long_form import result_rows

ROOT = Path(__file__).resolve().parent.parent
CENT = 0.01
KEYS = {"leaderboard": ["battery"], "leaderboard_monthly": ["month", "battery"]}


@dataclass(frozen=True)
class Plan:
    """What `simulate` is asked for."""

    years: tuple[int, ...]
    batteries: int
    seed: int
    hazards: str

    def arguments(self) -> list[str]:
        """The same for a process of its own."""
        return [",".join(map(str, self.years)), str(self.batteries), str(self.seed), self.hazards]


FIRST = Plan((2019, 2020), batteries=5, seed=1, hazards="harmless")
EARLY = Plan((2021, 2022), batteries=5, seed=1, hazards="harmless")
MIDDLE = Plan((2023, 2024), batteries=9, seed=1, hazards="harmless")
LATE = Plan((2025, 2026), batteries=9, seed=1, hazards="harmless")
REPORTED = Plan((2025,), batteries=4, seed=3, hazards="harmless")
"""The year of both market designs, published both as rollups and as reports; its last quarter."""
WILD = Plan((2023,), batteries=12, seed=2, hazards="wild")
"""Files that lack columns, as real ones do, in the year that has the most of them: half of it with ECRS."""


@dataclass(frozen=True)
class World:
    """A market, settled; published as rollups or as reports."""

    folder: Path
    plan: Plan
    form: str = "rollups"

    @property
    def rollups(self) -> Path:
        """Its rollup files."""
        return self.folder / "rollups"

    @cached_property
    def settings(self) -> Settings:
        """Settings of its home."""
        where = "BESS_ROLLUPS" if self.form == "rollups" else "BESS_REPORTS"
        return load_settings(self.folder / "home", {where: str(self.folder / self.form)})

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """Which resources form each battery, as the simulator made them."""
        return pd.DataFrame(pairs(self.plan.years, self.plan.batteries, self.plan.seed, self.plan.hazards))

    def settled_again(self, year: int) -> Settlement:
        """What the second settlement makes of the published files."""
        files = self.folder / self.form
        source = RollupFiles(files) if self.form == "rollups" else ReportFolder(files, year)
        return settle(source, year, self.pairs)

    def table(self, name: str, year: int) -> pd.DataFrame:
        """A result table."""
        return result_rows(self.settings.results, name, year).to_pandas()

    def settle(self) -> None:
        """Run every step of every year."""
        for year in self.plan.years:
            with pipeline.hold_year(self.settings, year) as held:
                for table in pipeline.STEPS:
                    held.run_table(table)


@contextmanager
def published(kept: Callable[[Rows], Any]) -> Iterator[None]:
    """The simulator publishes only some rows, by a mask over those of each resource."""
    whole = simulator.publish_year

    def publish(*given: Any) -> dict[str, list[Rows]]:
        cut = {dataset: [rows.part(kept(rows)) for rows in found] for dataset, found in whole(*given).items()}
        return {dataset: [rows for rows in found if len(rows.times)] for dataset, found in cut.items()}

    with patch.object(simulator, "publish_year", publish):
        yield


def nothing_before(first: date) -> AbstractContextManager[None]:
    """The simulator publishes nothing of the days before one: what is left out costs most of the time of a year of reports."""
    moment = midnight(first)
    return published(lambda rows: rows.times >= moment)


def make(folder: Path, plan: Plan) -> World:
    """Simulate and settle a market in this process."""
    simulate(folder, plan.years, plan.batteries, plan.seed, plan.hazards)  # type: ignore[arg-type]
    world = World(folder, plan)
    world.settle()
    return world


def make_all(folder: Path, groups: Sequence[Sequence[Plan]]) -> list[World]:
    """Markets in one process a group, side by side."""
    worlds: list[World] = []
    running = []
    for n, plans in enumerate(groups):
        arguments = []
        for k, plan in enumerate(plans):
            home = folder / f"world_{n}_{k}"
            worlds.append(World(home, plan))
            arguments += [str(home), *plan.arguments()]
        command = [sys.executable, "-m", "bess_assets_tests.worlds", *arguments]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    try:
        for process in running:
            output, _ = process.communicate()
            if process.returncode:
                raise RuntimeError(f"a made-up market could not be settled:\n{output}")
    finally:
        for process in running:
            process.kill()
    return worlds


def differences(expected: pd.DataFrame, found: pd.DataFrame, keys: list[str], columns, tolerance=1e-6) -> list[str]:
    """Cells that differ, as sentences: texts exactly, numbers by more than `tolerance` relative (below 1, absolute), unknown against known.

    Rows that only one of the two has are differences too.
    """
    one, two = (_in_seconds(table[[*keys, *columns]]) for table in (expected, found))
    both = one.merge(two, on=keys, how="outer", suffixes=("", "_found"), indicator=True, validate="1:1")
    texts = [
        f"{row[keys].tolist()}: only in {'the expected' if row['_merge'] == 'left_only' else 'the found'}"
        for _, row in both[both["_merge"] != "both"].iterrows()
    ]
    both = both[both["_merge"] == "both"]
    for column in columns:
        if pd.api.types.is_numeric_dtype(both[column]) and pd.api.types.is_numeric_dtype(both[f"{column}_found"]):
            want = both[column].to_numpy(float, na_value=math.nan)
            have = both[f"{column}_found"].to_numpy(float, na_value=math.nan)
            gap = abs(want - have) > tolerance * abs(want).clip(1.0)
            wrong = gap | (pd.isna(want) != pd.isna(have))
        else:
            want, have = both[column].map(_text), both[f"{column}_found"].map(_text)
            wrong = (want != have).to_numpy()
        for _, row in both[wrong].iterrows():
            texts.append(f"{row[keys].tolist()} {column}: {row[column]} expected, {row[f'{column}_found']} found")
    return texts


def _in_seconds(table: pd.DataFrame) -> pd.DataFrame:
    """A table whose times and days are of one resolution."""
    times = [name for name in ("interval_start", "operating_day") if name in table]
    return table.assign(**{name: pd.to_datetime(table[name]).dt.as_unit("s") for name in times})


def board_differences(world: World, year: int, again: Settlement) -> list[str]:
    """What differs between the boards of a year and those of the second settlement: any of its columns, a dollar by over a cent."""
    texts = []
    for board, keys in KEYS.items():
        expected, found = getattr(again, board), world.table(board, year)
        columns = [column for column in BOARD_COLUMNS if column not in keys]
        texts += [f"{board} {text}" for text in differences(expected, found, keys, columns)]
        both = expected.merge(found, on=keys, suffixes=("", "_found"))
        for column in (column for column in columns if column.endswith("_usd")):
            off = (both[column].astype(float) - both[f"{column}_found"].astype(float)).abs() > CENT
            texts += [f"{board} {row[keys].tolist()} {column} by over a cent" for _, row in both[off].iterrows()]
    return texts


def _text(value: Any) -> str:
    if pd.isna(value):
        return ""
    return str(value.date()) if isinstance(value, pd.Timestamp) else str(value)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a folder and its subfolders, by its name there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def some(texts: Sequence[str]) -> str:
    """The first differences, for a message."""
    return f"{len(texts)} differ:\n" + "\n".join(texts[:12])


def main(arguments: Sequence[str]) -> None:
    """Make the markets named on the command line: folder, years, batteries, seed and hazards of each."""
    for n in range(0, len(arguments), 5):
        folder, years, batteries, seed, hazards = arguments[n : n + 5]
        plan = Plan(tuple(int(year) for year in years.split(",")), int(batteries), int(seed), hazards)
        make(Path(folder), plan)


if __name__ == "__main__":
    main(sys.argv[1:])
