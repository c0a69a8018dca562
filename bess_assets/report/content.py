"""What the page and the workbook hold: boards, days, fleet figures and where they come from, read from the result tables of a year.

Belongs here: which columns are shown, fleet figures of a period, since when a battery is known.
Does not: how it looks (page.py, workbook.py), how a battery's figures are reckoned (market/).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from bess_assets.ercot.products import PRODUCT_NAMES, PRODUCTS
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER
from bess_assets.settings import Settings
from bess_assets.settlement.metrics import Fleet, fleet
from bess_assets.settlement.metrics import Period as Days
from bess_assets.store.files import ResultTable
from bess_assets.store.journal import recorded_digest
from bess_assets.store.paths import result_path, result_years
from bess_assets.tables import LEADERBOARD_HISTORY, LEADERBOARD_REPORT, TABLES

_SHORT = {"regup": "RegUp", "regdn": "RegDown", "rrs": "RRS", "ecrs": "ECRS", "nspin": "Non-spin"}
STREAMS = {
    "da_energy_usd": ("Day-ahead energy", "DA energy"),
    "rt_energy_usd": ("Real-time energy", "RT energy"),
    **{f"as_{p}_usd": (PRODUCT_NAMES[p][0].upper() + PRODUCT_NAMES[p][1:], _SHORT[p]) for p in PRODUCTS},
}
"""Columns that add up to total_usd, with their name and what it is in a narrow heading."""

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
    fleet: Fleet


@dataclass(frozen=True)
class Content:
    """A year for people.

    Attributes:
        year: the operating year.
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


def read_content(settings: Settings, year: int) -> Content:
    """Everything shown of a year; it follows from the tables alone, so that the same ones give the same page whenever it is made.

    Raises:
        NotRefreshedError: one of the tables has not been written.
    """
    board = _rows(settings, "leaderboard", year)
    monthly = _rows(settings, "leaderboard_monthly", year)
    days = ResultTable(TABLES["daily_revenue"], result_path(settings.results, "daily_revenue", year))
    table = days.read(list(DAY_COLUMNS))
    # A board without batteries is no edition, whatever was kept before.
    edition = _last_edition(settings, year) if board else None
    by_month: dict[int, list[Row]] = {}
    for row in monthly:
        by_month.setdefault(row["month"], []).append(row)
    earlier = {y: _rows(settings, "leaderboard", y) for y in result_years(settings.results, "leaderboard") if y < year}
    return Content(
        year=year,
        edition=board[0]["edition"] if board else "preliminary",
        edition_number=edition["edition_number"] if edition else None,
        data_through=board[0]["data_through"] if board else None,
        made=_in_utc(edition["made_at"]) if edition else None,
        version=edition["package_version"] if edition else "",
        whole_year=Period(None, board, fleet(board, Days.of(year))),
        months=[Period(month, rows, fleet(rows, Days.of(year, month))) for month, rows in sorted(by_month.items())],
        days={name: table.column(name).to_pylist() for name in DAY_COLUMNS},
        start_years=_start_years({**earlier, year: board}),
        rank_changes=_rank_changes(earlier.get(year - 1, []), board),
        inputs=[*(_files(edition) if edition else ()), *_tables(settings, year)],
    )


def _rows(settings: Settings, table: str, year: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        ResultTable(TABLES[table], result_path(settings.results, table, year)).read().to_pylist()
    )
    return rows


def _start_years(boards: Mapping[int, Sequence[Row]]) -> dict[str, tuple[int, bool]]:
    """First year in which a battery was active, and whether it may have begun before.

    One that was active from the first day on of the first year there is cannot be told from one that began earlier.
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
    earlier = {row["battery"]: row["rank"] for row in before if row["rank"] is not None}
    return {
        row["battery"]: earlier[row["battery"]] - row["rank"]
        for row in now
        if row["rank"] is not None and row["battery"] in earlier
    }


def _last_edition(settings: Settings, year: int) -> Row | None:
    """A row of the last edition kept, for what all its rows share."""
    table = ResultTable(LEADERBOARD_HISTORY, result_path(settings.results, LEADERBOARD_HISTORY.name, year))
    rows: list[Row] = table.read(["edition_number", "made_at", "package_version", "inputs"]).to_pylist()
    return max(rows, key=lambda row: row["edition_number"], default=None)


def _in_utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _files(edition: Row) -> list[tuple[str, str]]:
    """Inputs of an edition, with names that a reader understands."""
    return [
        ("the battery table", digest)
        if name == BATTERY_TABLE
        else (f"{name.removeprefix(LATER)}, days of the next year", digest)
        if name.startswith(LATER)
        else (name, digest)
        for name, digest in json.loads(edition["inputs"]).items()
    ]


def _tables(settings: Settings, year: int) -> list[tuple[str, str]]:
    digests = {
        name: recorded_digest(settings.results, year, name)
        for name in LEADERBOARD_REPORT.upstream
        if not TABLES[name].append_only  # it holds times; what is shown of it is shown already
    }
    return [(name, digest) for name, digest in digests.items() if digest]
