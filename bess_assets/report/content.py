"""Boards, days, fleet figures and inputs of a year, read from the result tables: what the page and the workbook show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from bess_assets.ercot.products import PRODUCT_NAMES, PRODUCTS
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER
from bess_assets.settings import Settings
from bess_assets.settlement import metrics
from bess_assets.store.files import ResultTable
from bess_assets.store.journal import read_run
from bess_assets.store.listing import yearly_files
from bess_assets.store.made_up import made_up_years
from bess_assets.store.paths import result_path
from bess_assets.tables import LEADERBOARD_REPORT, TABLES

_SHORT = {"regup": "RegUp", "regdn": "RegDown", "rrs": "RRS", "ecrs": "ECRS", "nspin": "Non-spin"}
STREAMS = {
    "da_energy_usd": ("Day-ahead energy", "DA energy"),
    "rt_energy_usd": ("Real-time energy", "RT energy"),
    **{f"as_{p}_usd": (PRODUCT_NAMES[p][0].upper() + PRODUCT_NAMES[p][1:], _SHORT[p]) for p in PRODUCTS},
}
"""Columns that add up to total_usd, each with its name and its narrow heading."""

DAY_COLUMNS = (
    "battery",
    "operating_day",
    "da_energy_usd",
    "rt_energy_usd",
    "energy_usd",
    "as_usd",
    "total_usd",
    "discharge_mwh",
    "charge_mwh",
    "energy_quarter_hours",
    "expected_quarter_hours",
)
"""Columns of daily_revenue that are shown."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Period:
    """The board of a year or a month.

    Attributes:
        month: 1 to 12; None for the whole year.
        rows: in the order of the board.
        fleet: figures of all of them.
    """

    month: int | None
    rows: Sequence[Row]
    fleet: metrics.Fleet


@dataclass(frozen=True)
class Content:
    """A year for people.

    Attributes:
        year: the operating year.
        made_up: whether it was made of simulated inputs.
        edition: final or preliminary.
        edition_number: of the last edition kept, which is the board shown; None if no edition was kept, for want of batteries.
        data_through: last operating day of the data.
        made: when that edition was made, ISO in UTC; None without one.
        version: of the package that made it; empty without one.
        whole_year: the board of the year.
        months: boards of its months, those that have one.
        days: rows of daily_revenue, columns `DAY_COLUMNS`, in order of battery and day.
        start_years: for each battery the first year in which it was active, and whether it may have begun before.
        rank_changes: places gained since the year before, for batteries ranked in both.
        inputs: (file, digest) of each rollup file and of the battery table that the edition was made of, then (table, digest) of each result table shown.
    """

    year: int
    made_up: bool
    edition: str
    edition_number: int | None
    data_through: date | None
    made: str | None
    version: str
    whole_year: Period
    months: Sequence[Period]
    days: Mapping[str, Sequence[Any]]
    start_years: Mapping[str, tuple[int, bool]]
    rank_changes: Mapping[str, int]
    inputs: Sequence[tuple[str, str]]

    @property
    def periods(self) -> list[Period]:
        """The whole year, then its months."""
        return [self.whole_year, *self.months]

    @property
    def title(self) -> str:
        """Of the page and the workbook."""
        return f"ERCOT battery leaderboard {self.year}"


def read_content(settings: Settings, year: int) -> Content:
    """Everything shown of a year. The same tables give the same content whenever it is read.

    Raises:
        NotRefreshedError: one of the tables has not been written.
    """

    def rows(table: str, of_year: int = year, columns: list[str] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = _table(settings, table, of_year).read(columns).to_pylist()
        return found

    def period(month: int | None, board: Sequence[Row]) -> Period:
        return Period(month, board, metrics.fleet(board, metrics.Period.of(year, month)))

    board = rows("leaderboard")
    # A board without batteries is no edition, whatever was kept before.
    columns = ["edition_number", "made_at", "package_version", "inputs"]
    editions = rows("leaderboard_history", columns=columns) if board else []
    edition = max(editions, key=lambda row: row["edition_number"], default=None)
    by_month: dict[int, list[Row]] = {}
    for row in rows("leaderboard_monthly"):
        by_month.setdefault(row["month"], []).append(row)
    earlier = {y: rows("leaderboard", y) for y in yearly_files(settings.results, "leaderboard") if y < year}
    days = _table(settings, "daily_revenue", year).read(list(DAY_COLUMNS))
    return Content(
        year=year,
        made_up=year in made_up_years(settings),
        edition=board[0]["edition"] if board else "preliminary",
        edition_number=edition["edition_number"] if edition else None,
        data_through=board[0]["data_through"] if board else None,
        made=edition["made_at"].astimezone(UTC).isoformat(timespec="seconds") if edition else None,
        version=edition["package_version"] if edition else "",
        whole_year=period(None, board),
        months=[period(month, by_month[month]) for month in sorted(by_month)],
        days={name: days.column(name).to_pylist() for name in DAY_COLUMNS},
        start_years=_start_years({**earlier, year: board}),
        rank_changes=_rank_changes(earlier.get(year - 1, []), board),
        inputs=[*(_files(edition) if edition else ()), *_tables(settings, year)],
    )


def _table(settings: Settings, table: str, year: int) -> ResultTable:
    return ResultTable(TABLES[table], result_path(settings.results, table, year))


def _start_years(boards: Mapping[int, Sequence[Row]]) -> dict[str, tuple[int, bool]]:
    """First year in which a battery was active, and whether it may have begun before.

    One that was active from the first day on of the first year there is cannot be distinguished from one that began earlier.
    """
    starts: dict[str, tuple[int, bool]] = {}
    first_year = min(boards)
    for year, rows in sorted(boards.items()):
        for row in rows:
            first = row["first_active_date"]
            if first is not None and row["battery"] not in starts:
                starts[row["battery"]] = (year, year == first_year and first == date(year, 1, 1))
    return starts


def _rank_changes(before: Sequence[Row], now: Sequence[Row]) -> dict[str, int]:
    ranks = [{row["battery"]: row["rank"] for row in rows if row["rank"] is not None} for rows in (before, now)]
    return {battery: ranks[0][battery] - rank for battery, rank in ranks[1].items() if battery in ranks[0]}


def _files(edition: Row) -> list[tuple[str, str]]:
    """Inputs of an edition, under names for people."""

    def name_of(name: str) -> str:
        later = f"{name.removeprefix(LATER)}, days of the next year"
        return "the battery table" if name == BATTERY_TABLE else later if name.startswith(LATER) else name

    return [(name_of(name), digest) for name, digest in json.loads(edition["inputs"]).items()]


def _tables(settings: Settings, year: int) -> list[tuple[str, str]]:
    # A table that is only appended to holds times, and what is shown of it is listed already.
    names = [name for name in LEADERBOARD_REPORT.upstream if not TABLES[name].append_only]
    made = read_run(settings.results, year)["tables"]
    return [(name, digest) for name in names if name in made and (digest := made[name]["digest"])]
