"""Planting one fault in an otherwise right market, settling the year, and saying what changed and what was said of it."""

import math
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import pyarrow.parquet as pq

from bess_assets import run as pipeline
from bess_assets.checks.causes import MOST_SHOWN, causes_of
from bess_assets.checks.check import FINDINGS
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import BATTERY_TABLE
from bess_assets.ercot.step import Inputs, StepResult
from bess_assets.errors import BessError
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.metrics import OF_PEERS
from bess_assets.simulator import Hazards, simulate
from bess_assets.store.journal import in_battery_table, read_run
from bess_assets.store.listing import MARKER
from bess_assets.store.status import plan_year
from bess_assets.tables import TABLES
from bess_assets_tests.faults.sheets import Folder

Figures = dict[str, Any]
YEAR = 2025
"""The year of both market designs: either one's faults can be planted in it."""
BATTERIES = 5
SEED = 5

BOARDS = {"leaderboard": ("battery",), "leaderboard_monthly": ("month", "battery")}
STEPS = [name for name in pipeline.STEPS if name not in {"leaderboard_history", "what_changed"}]
"""Editions are left out: that a board differs from an earlier right one is no sign, for nobody need have seen the right one."""
REGISTRY_CSV = "battery_table.csv"

Outcome = Literal["error", "a cause", "marked", "cannot be seen", "no figure changes"]
"""error: no board is made, and the error names what is wrong. a cause: `bess refresh` prints a cause that it does not print without the fault, numbers apart.
marked: every row with another figure says so itself, and there is no cause more. cannot be seen: figures change without a sign. no figure changes: to a cent."""


CAUSE = "cause"
"""Where a sign is that stands among the first causes that a refresh prints."""
_NUMBERS = re.compile(r"[\d.,]+")


@dataclass(frozen=True)
class Sign:
    """Something that is said with the fault and not without it: an error, a cause, in a column of the board; or, telling where, by a check of a table."""

    where: str
    text: str


@dataclass(frozen=True)
class Changed:
    """A dollar figure of a board that is not what it was; `marked` is what its row says, besides its figures, that it didn't say before."""

    row: tuple[Any, ...]
    column: str
    before: float | None
    after: float
    marked: tuple[str, ...]


@dataclass
class Planted:
    """What came of a fault; a figure that became unknown says so itself and is not among the changed."""

    signs: list[Sign] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    fleet_usd: float = 0.0  # total_usd of the year without the fault
    moved_usd: float = 0.0  # how far total_usd moved, over the batteries
    most_moved: float = 0.0  # the largest move of a battery's, as a share of it
    marks: dict[str, tuple[Sign, ...]] = field(default_factory=dict)  # what rows say that they didn't say before

    @property
    def outcome(self) -> Outcome:
        """What kind of sign there is."""
        if any(sign.where == "error" for sign in self.signs):
            return "error"
        if any(sign.where == CAUSE for sign in self.signs):
            return "a cause"
        if self.unmarked:
            return "cannot be seen"
        if self.signs or self.changed:
            return "marked"
        return "no figure changes"

    @property
    def unmarked(self) -> list[Changed]:
        """Figures that changed in rows which say nothing new of themselves."""
        return [change for change in self.changed if not change.marked]

    @property
    def size(self) -> str:
        """How far the fault moves total_usd."""
        return (
            f"{self.moved_usd / self.fleet_usd:.2%} of the fleet's total, at most {self.most_moved:.2%} of a battery's"
        )


class Market:
    """A small market, simulated and settled once without a fault."""

    def __init__(self, folder: Path, hazards: Hazards = "none") -> None:
        """Simulate it in a folder."""
        self.folder = folder
        self.rollups = folder / "rollups"
        simulate(folder, [YEAR], BATTERIES, SEED, hazards)
        # the simulator's own counts of rows would betray any row that is missing: real rollups come without
        (self.rollups / "expected_rows.json").unlink()
        (self.rollups / MARKER).write_text("{}\n", encoding="utf-8")
        self.settings = load_settings(folder / "home", {"BESS_ROLLUPS": str(self.rollups)})
        with pipeline.hold_year(self.settings, YEAR) as held:
            for dataset in DATASETS:
                held.register(dataset)
            for name in STEPS:
                held.run_table(name)

    @cached_property
    def said(self) -> set[tuple[str, str, str, int]]:
        """Warnings of the clean year: table, kind, subject, count."""
        return set(_warnings(self.settings))

    @cached_property
    def failed(self) -> set[tuple[str, str]]:
        """Checks that fail in the clean year."""
        return {(table, check) for table, check, _ in _failed_checks(self.settings)}

    @cached_property
    def causes(self) -> set[str]:
        """Every cause of the clean year, without its numbers."""
        return {_NUMBERS.sub("#", cause.words) for cause in causes_of(read_run(self.settings.results, YEAR))}

    @cached_property
    def boards(self) -> dict[str, dict[tuple[Any, ...], dict[str, Any]]]:
        """Rows of the clean boards by key."""
        return {name: _board(self.settings, name) for name in BOARDS}

    @cached_property
    def batteries(self) -> list[dict[str, Any]]:
        """Rows of the clean leaderboard, best first."""
        return list(self.boards["leaderboard"].values())

    def plant(self, folder: Path, plant: Callable[["Plot"], None]) -> Planted:
        """Plant a fault in a copy of the market, settle what it reaches, and say what came of it."""
        rollups = folder / "rollups"
        shutil.copytree(self.rollups, rollups, copy_function=os.link)
        shutil.copytree(self.settings.results, folder / "home" / "results", copy_function=os.link)
        plot = Plot(self, Folder(rollups, YEAR), folder)
        plant(plot)
        environment = {"BESS_ROLLUPS": str(rollups)}
        if (folder / REGISTRY_CSV).exists():
            environment["BESS_REGISTRY"] = str(folder / REGISTRY_CSV)
        settings = load_settings(folder / "home", environment)
        try:
            self._settle(settings, plot)
        except BessError as error:
            return Planted([Sign("error", str(error))])
        return self._judge(settings, plot)

    def settled_with(self, folder: Path, slip: Callable[[Folder], None]) -> Settings:
        """The settings of a home whose rollups a slip has changed, once the year was tried."""
        shutil.copytree(self.rollups, folder / "rollups", copy_function=os.link)
        shutil.copytree(self.settings.results, folder / "results", copy_function=os.link)
        plot = Plot(self, Folder(folder / "rollups", YEAR), folder)
        slip(plot.rollups)
        settings = load_settings(folder, {})
        with suppress(BessError):
            self._settle(settings, plot)
        return settings

    def _settle(self, settings: Settings, plot: "Plot") -> None:
        changed = plot.rollups.changed
        with pipeline.hold_year(settings, plot.year) as held:
            for dataset in sorted(changed - {BATTERY_TABLE}):
                # as the job does: rollup files are registered before anything reads them
                held.register(dataset)
        made: set[str] = set()
        for name in STEPS:
            table = TABLES[name]
            reached = changed.intersection(table.datasets) or made.intersection(table.upstream)
            by_table = settings.registry_csv and in_battery_table(table)
            if not (reached or by_table or plot.year != YEAR):
                continue
            made.add(name)
            with patch.dict(
                pipeline.STEPS, {name: _interrupted(pipeline.STEPS[name], lambda name=name: plot.while_reading(name))}
            ):  # type: ignore[misc]
                pipeline.run_table(settings, plot.year, name)

    def _judge(self, settings: Settings, plot: "Plot") -> Planted:
        planted = Planted(plot.signs_of_its_own(settings))
        for table, kind, subject, count in _warnings(settings):
            if (table, kind, subject, count) not in self.said:
                planted.signs.append(Sign(f"{FINDINGS.name} of {table}", f"{kind} {subject}: {count:,}"))
        for table, check, detail in _failed_checks(settings):
            if (table, check) not in self.failed and check != FINDINGS.name:
                planted.signs.append(Sign(f"{check} of {table}", detail))
        for cause in causes_of(read_run(settings.results, plot.year))[:MOST_SHOWN]:
            if _NUMBERS.sub("#", cause.words) not in self.causes:
                planted.signs.append(Sign(CAUSE, cause.words))
        for board in BOARDS:
            self._compare(board, _board(settings, board), planted)
        planted.fleet_usd = sum(row["total_usd"] or 0.0 for row in self.batteries)
        return planted

    def _compare(self, board: str, found: dict[tuple[Any, ...], dict[str, Any]], planted: Planted) -> None:
        clean = self.boards[board]
        named = found.items() if board == "leaderboard" else ()
        renamed = {row["gen_resource"]: key for key, row in named if row["gen_resource"]}
        taken = set()
        for key, before in clean.items():
            place = key if key in found else renamed.get(before["gen_resource"])
            if place is None:
                # a month that is gone is marked where the year's row of the battery says so
                year = [sign.where for sign in planted.marks.get(key[-1], ()) if board != "leaderboard"]
                planted.changed.append(Changed((board, *key), "row", before["total_usd"], math.nan, tuple(year)))
                continue
            taken.add(place)
            self._compare_row(board, key, before, found[place], planted)
        planted.signs += [Sign("rows", f"{key[-1]} is new") for key in found if key not in taken and key not in clean]

    def _compare_row(self, board: str, key: tuple[Any, ...], before: Figures, after: Figures, planted: Planted) -> None:
        marks = list(_marks(before, after))
        planted.signs += [sign for sign in marks if sign not in planted.signs]
        words = tuple(sign.where for sign in marks if sign.where != "unknown")
        if board == "leaderboard":
            planted.marks[key[-1]] = tuple(marks)
        if before["battery"] != after["battery"]:
            planted.marks[before["battery"]] = planted.marks[after["battery"]] = tuple(marks)
        differing = [column for column in before if _differs(column, before[column], after[column])]
        planted.changed += [Changed((board, *key), c, before[c], after[c], words) for c in differing]
        if board == "leaderboard" and before["total_usd"] is not None and after["total_usd"] is not None:
            moved = abs(after["total_usd"] - before["total_usd"])
            planted.moved_usd += moved
            planted.most_moved = max(planted.most_moved, moved / abs(before["total_usd"]))


def _interrupted(step: pipeline.Step, happening: Callable[[], None]) -> pipeline.Step:
    """A step during which something happens: after its inputs were noted and before its rows are taken."""

    def run(inputs: Inputs) -> StepResult:
        result = step(inputs)
        happening()
        return result

    return run


class Plot:
    """What a fault is given to plant itself in: a market without it, and a copy of its files in a folder, of which a year is settled."""

    def __init__(self, market: Market, rollups: Folder, folder: Path) -> None:
        """Nothing planted yet."""
        self.market = market
        self.rollups = rollups
        self.folder = folder
        self.year = YEAR
        self._while_reading: dict[str, Callable[[], None]] = {}

    def battery(self, place: int) -> dict[str, Any]:
        """A row of the clean board: 0 is the best battery."""
        return self.market.batteries[place]

    def user_table(self, *rows: dict[str, str]) -> None:
        """Write the user's battery table."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        lines = [",".join(names), *(",".join(row.get(name, "") for name in names) for row in rows)]
        (self.folder / REGISTRY_CSV).write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.rollups.changed.add(BATTERY_TABLE)

    def when_reading(self, table: str, do: Callable[[], None]) -> None:
        """Do something once the step of a table has noted what it reads, and before it is done reading."""
        self._while_reading[table] = do

    def while_reading(self, table: str) -> None:
        """Do what is to be done while the step of the table reads."""
        self._while_reading.get(table, lambda: None)()

    def signs_of_its_own(self, settings: Settings) -> list[Sign]:
        """Tables that the next plan finds made of other files than are there, where a file was replaced on the way."""
        if not self._while_reading:
            return []
        plans = plan_year(settings, self.year).tables
        return [Sign(f"plan of {name}", "; ".join(plans[name].why)) for name in STEPS if plans[name].state == "changed"]


def _warnings(settings: Settings) -> Iterator[tuple[str, str, str, int]]:
    for name, entry in read_run(settings.results, YEAR)["tables"].items():
        for finding in entry["findings"]:
            if finding["warning"]:
                yield name, finding["kind"], finding["subject"], finding["count"]


def _failed_checks(settings: Settings) -> Iterator[tuple[str, str, str]]:
    for name, entry in read_run(settings.results, YEAR)["tables"].items():
        for check in entry["checks"]:
            if not check["passed"]:
                yield name, check["name"], check["detail"]


def _board(settings: Settings, name: str) -> dict[tuple[Any, ...], dict[str, Any]]:
    rows = pq.read_table(settings.results / name / f"{YEAR}.parquet").to_pylist()
    return {tuple(row[key] for key in BOARDS[name]): row for row in rows}


def _differs(column: str, before: float | None, after: float | None) -> bool:
    """Whether a dollar figure of the battery is another one, by more than a cent and a millionth; unknown is said by the figure itself."""
    if "usd" not in column or column in OF_PEERS or after is None:
        return False
    if before is None:
        return True
    return abs(after - before) > max(0.01, 1e-6 * abs(before))


_SAID_OF_A_ROW = ("quantity_source", "capacity_source", "edition", "data_through")


def _marks(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Sign]:
    """What a row says of itself that it didn't say before; figures inside a phrase are no news."""
    for column in ("energy_coverage", "as_coverage"):
        if after[column] < before[column] - 1e-12:
            yield Sign(column, "falls")
    for column in ("notes", "excluded_reason"):
        known = {_NUMBERS.sub("#", phrase) for phrase in (before[column] or "").split("; ")}
        for phrase in (after[column] or "").split("; "):
            if _NUMBERS.sub("#", phrase) not in known:
                yield Sign(column, phrase)
    for column in _SAID_OF_A_ROW:
        if after[column] != before[column]:
            yield Sign(column, f"{after[column]}")
    unknown = [column for column in before if "usd" in column and before[column] is not None and after[column] is None]
    if unknown:
        yield Sign("unknown", ", ".join(unknown))
