"""Boards, days, fleet figures and inputs of a year, read from the result tables: what the page and the workbook show."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from itertools import groupby
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.ercot.products import PRICE_COUNTS, PRODUCT_NAMES, PRODUCTS
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER
from bess_assets.errors import NotRefreshedError
from bess_assets.settings import Settings
from bess_assets.settlement import metrics
from bess_assets.store.files import ResultTable
from bess_assets.store.journal import read_run
from bess_assets.store.listing import made_up_years, yearly_files
from bess_assets.store.paths import result_path
from bess_assets.tables import LEADERBOARD_REPORT, TABLES
from bess_assets.text import listed

_SHORT = {"regup": "RegUp", "regdn": "RegDown", "rrs": "RRS", "ecrs": "ECRS", "nspin": "Non-spin"}
STREAMS = {
    "da_energy_usd": ("Day-ahead energy", "DA energy"),
    "rt_energy_usd": ("Real-time energy", "RT energy"),
    **{f"as_{p}_usd": (PRODUCT_NAMES[p][0].upper() + PRODUCT_NAMES[p][1:], _SHORT[p]) for p in PRODUCTS},
}
"""Columns that add up to total_usd, each with its name and its narrow heading."""

DAY_COLUMNS = (
    "battery", "operating_day", "da_energy_usd", "rt_energy_usd", "energy_usd", "as_usd", "total_usd", "discharge_mwh",
    "charge_mwh", "energy_quarter_hours", "expected_quarter_hours",
)  # fmt: skip
"""Columns of daily_revenue that are shown."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """A year for people.

    Attributes:
        year: the operating year.
        title: of the page and the workbook.
        made_up: whether it was made of simulated inputs.
        facts: edition (final or preliminary); edition_number of the last edition kept, which is the board shown; data_through, the last operating day of the
            data; made, when that edition was made, ISO in UTC; version of the package that made it. A board without batteries has no edition: None, and
            an empty version.
        board: rows of the leaderboard, in its order.
        monthly: those of its months, month by month.
        periods: the whole year, whose month is None, then the months that have a board: month, rows, and figures of the fleet (`metrics.fleet`).
        days: rows of daily_revenue, columns `DAY_COLUMNS`, in order of battery and day.
        start_years: for each battery the first year in which it was active, and whether it may have begun before.
        rank_changes: places gained since the year before, for batteries ranked in both.
        price_shares: of which sources the prices of the year are, in words; empty where all are of price reports.
        inputs: (file, digest) of each rollup file and of the battery table that the edition was made of, then (table, digest) of each result table shown.
        earlier_years: years before that have a board.
    """

    year: int
    title: str
    made_up: bool
    facts: Mapping[str, Any]
    board: Sequence[Row]
    monthly: Sequence[Row]
    periods: Sequence[tuple[int | None, Sequence[Row], Row]]
    days: Mapping[str, Sequence[Any]]
    start_years: Mapping[str, tuple[int, bool]]
    rank_changes: Mapping[str, int]
    price_shares: str
    inputs: Sequence[tuple[str, str]]
    earlier_years: Sequence[int]


def read_content(settings: Settings, year: int, *, with_days: bool = True) -> Content:
    """Everything shown of a year, its days only if asked for. The same tables give the same content whenever it is read.

    Raises:
        NotRefreshedError: one of the tables has not been written, or was written by a version that did not know a column.
    """

    def read(table: str, of_year: int = year, columns: Sequence[str] | None = None) -> pa.Table:
        path = result_path(settings.results, table, of_year)
        found = ResultTable(TABLES[table], path).read(None if columns is None else list(columns))
        if of_year == year and (lacking := set(columns or TABLES[table].column_names).difference(found.column_names)):
            raise NotRefreshedError(
                f"{table} of {year} was made by an earlier version, and lacks {listed(sorted(lacking))}.",
                file=path,
                remedy=f"Run: bess refresh {year} --only changed",
            )
        return found

    board = read("leaderboard").to_pylist()
    # A board without batteries is no edition, whatever was kept before.
    columns = ["edition_number", "made_at", "package_version", "inputs"]
    editions = read("leaderboard_history", columns=columns).to_pylist() if board else []
    edition = max(editions, key=lambda row: row["edition_number"], default=None)
    monthly = sorted(read("leaderboard_monthly").to_pylist(), key=lambda row: row["month"])
    boards = [(None, board), *((m, list(rows)) for m, rows in groupby(monthly, key=lambda row: row["month"]))]
    earlier = {y: read("leaderboard", y).to_pylist() for y in yearly_files(settings.results, "leaderboard") if y < year}
    before, now = (
        {row["battery"]: row["rank"] for row in rows if row["rank"] is not None}
        for rows in (earlier.get(year - 1, []), board)
    )
    counts = read("daily_revenue", columns=[name for own in PRICE_COUNTS.values() for name in own.values()])
    return Content(
        year=year,
        title=f"ERCOT battery leaderboard {year}",
        made_up=year in made_up_years(settings),
        facts={
            "edition": board[0]["edition"] if board else "preliminary",
            "edition_number": edition["edition_number"] if edition else None,
            "data_through": board[0]["data_through"] if board else None,
            "made": edition["made_at"].astimezone(UTC).isoformat(timespec="seconds") if edition else None,
            "version": edition["package_version"] if edition else "",
        },
        board=board,
        monthly=monthly,
        periods=[(m, rows, metrics.fleet(rows, metrics.Period.of(year, m))) for m, rows in boards],
        days=read("daily_revenue", columns=DAY_COLUMNS).to_pydict()
        if with_days
        else {name: [] for name in DAY_COLUMNS},
        start_years=_start_years({**earlier, year: board}),
        rank_changes={battery: before[battery] - rank for battery, rank in now.items() if battery in before},
        price_shares=metrics.price_shares({name: pc.sum(counts[name]).as_py() for name in counts.column_names}),
        inputs=list(_inputs(settings, year, edition)),
        earlier_years=list(earlier),
    )


def edition_parts(facts: Mapping[str, Any]) -> list[str]:
    """What an edition is, when it was made, through which day its data go, and by which version it was made: for every surface."""
    label = facts["edition"][0].upper() + facts["edition"][1:]
    return [
        label if facts["edition_number"] is None else f"{label} edition {facts['edition_number']}",
        *([f"made {facts['made'][:16].replace('T', ' ')} UTC"] if facts["made"] else []),
        f"data through {facts['data_through'] or 'no day'}",
        *([f"version {facts['version']}"] if facts["version"] else []),
    ]


def edition_words(facts: Mapping[str, Any]) -> str:
    """The same as one phrase."""
    return ", ".join(edition_parts(facts))


def _start_years(boards: Mapping[int, Sequence[Row]]) -> dict[str, tuple[int, bool]]:
    """First year in which a battery was active, and whether it may have begun before.

    One that was active from the first day on of the first year there is cannot be distinguished from one that began earlier.
    """
    first_day = date(min(boards), 1, 1)
    return {
        row["battery"]: (year, row["first_active_date"] == first_day)
        for year, rows in sorted(boards.items(), reverse=True)
        for row in rows
        if row["first_active_date"]
    }


def _inputs(settings: Settings, year: int, edition: Row | None) -> Iterator[tuple[str, str]]:
    """Inputs of an edition, under names for people; then the tables shown."""
    for name, digest in json.loads(edition["inputs"]).items() if edition else ():
        later = f"{name.removeprefix(LATER)}, days of the next year"
        yield "the battery table" if name == BATTERY_TABLE else later if name.startswith(LATER) else name, digest
    made = read_run(settings.results, year)["tables"]
    for name in LEADERBOARD_REPORT.upstream:
        # A table that is only appended to holds times, and what is shown of it is listed already.
        if name in made and (digest := made[name]["digest"]) and not TABLES[name].append_only:
            yield name, digest
