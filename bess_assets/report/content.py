"""Boards, days, fleet figures and inputs of a year, read from the result tables: what the page and the workbook show."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.ercot.products import PRICE_COUNTS, PRODUCT_NAMES, PRODUCTS
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER
from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets.settlement import metrics
from bess_assets.store.files import ResultTable
from bess_assets.store.journal import read_run
from bess_assets.store.listing import made_up_years, of_earlier_version, yearly_files
from bess_assets.store.paths import result_path
from bess_assets.tables import (
    ASKED_FOR,
    ATTRIBUTION,
    ESTIMATE_MONTHLY,
    INDEX,
    LEADERBOARD,
    LEADERBOARD_MONTHLY,
    LEADERBOARD_REPORT,
    OUTAGES,
    PERFECT_MONTHLY,
    TABLES,
    USE_MONTHLY,
)

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

WHY = {
    "Attribution": ATTRIBUTION, "Use by month": USE_MONTHLY, "Outages": OUTAGES, "Perfect by month": PERFECT_MONTHLY,
    "Estimate by month": ESTIMATE_MONTHLY, "Index": INDEX,
}  # fmt: skip
"""Tables of why that are shown whole, the index without its days, by the name that each has for people."""

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
        board: rows of the leaderboard, in its order, with `rank_change`.
        monthly: those of its months, month by month, with `rank_change` and `rank_change_month`.
        periods: the whole year, whose month is None, then the months that have a board: month, rows, and figures of the fleet (`metrics.fleet`).
        why: the tables of `WHY` by their names there; without the perfect trades where they were not made.
        days: rows of daily_revenue, columns `DAY_COLUMNS`, in order of battery and day.
        start_years: for each battery the first year in which it was active, and whether it may have begun before.
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
    why: Mapping[str, pa.Table]
    days: Mapping[str, Sequence[Any]]
    start_years: Mapping[str, tuple[int, bool]]
    price_shares: str
    inputs: Sequence[tuple[str, str]]
    earlier_years: Sequence[int]


def read_content(settings: Settings, year: int, *, with_days: bool = True) -> Content:
    """Everything shown of a year, its days only if asked for. The same tables give the same content whenever it is read.

    Raises:
        NotRefreshedError: one of the tables has not been written, or was written by a version that did not know a column.
    """

    def whole(table: str, known: Collection[str], needed: Collection[str]) -> None:
        if lacking := set(needed).difference(known):
            raise of_earlier_version(result_path(settings.results, table, year), sorted(lacking))

    def read(table: str, columns: Sequence[str], of_year: int = year) -> pa.Table:
        found = ResultTable(TABLES[table], result_path(settings.results, table, of_year)).read(list(columns))
        if of_year == year:
            whole(table, found.column_names, columns)
        return found

    with Results(settings, cache_entries=0) as results:
        boards = {month: results.leaderboard(year, month) for month in (None, *range(1, 13))}
    for month, answer in boards.items():
        table = LEADERBOARD if month is None else LEADERBOARD_MONTHLY
        whole(table.name, answer.columns, table.column_names)
    board, *months = (answer.records() for answer in boards.values())
    # A board without batteries is no edition, whatever was kept before.
    columns = ["edition_number", "made_at", "package_version", "inputs"]
    editions = read("leaderboard_history", columns).to_pylist() if board else []
    edition = max(editions, key=lambda row: row["edition_number"], default=None)
    periods = [(None, board), *((month, rows) for month, rows in enumerate(months, start=1) if rows)]
    years = [y for y in yearly_files(settings.results, "leaderboard") if y < year]
    starts = {y: read("leaderboard", ["battery", "first_active_date"], y).to_pylist() for y in years}
    counts = read("daily_revenue", [name for own in PRICE_COUNTS.values() for name in own.values()])
    why = {
        name: read(table.name, table.column_names)
        for name, table in WHY.items()
        if table.name not in ASKED_FOR or year in yearly_files(settings.results, table.name)
    }
    why["Index"] = why["Index"].filter(pc.field("period") != "day")
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
        monthly=[row for rows in months for row in rows],
        periods=[(month, rows, metrics.fleet(rows, metrics.Period.of(year, month))) for month, rows in periods],
        why=why,
        days=read("daily_revenue", DAY_COLUMNS).to_pydict() if with_days else {name: [] for name in DAY_COLUMNS},
        start_years=_start_years({**starts, year: board}),
        price_shares=metrics.price_shares({name: pc.sum(counts[name]).as_py() for name in counts.column_names}),
        inputs=list(_inputs(settings, year, edition)),
        earlier_years=years,
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
