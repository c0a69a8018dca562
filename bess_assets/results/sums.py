"""Sums of daily_revenue over periods that no table holds, by the formulas of the stored boards: a board of any days, streams of a battery or the fleet.

settlement/metrics.py holds the sums and the formulas; `Results` loads them when such a question is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bess_assets.results.answers import Answer, QueryError, marked
from bess_assets.results.asked import known_name
from bess_assets.results.engine import DUCKDB_TYPES, PERIODS, Engine, Step, literal, read, with_year
from bess_assets.settlement import groups as grouping
from bess_assets.settlement import metrics
from bess_assets.settlement.metrics import Period
from bess_assets.store.listing import MADE_UP_COLUMN
from bess_assets.tables import LEADERBOARD

_KEYS: dict[Step, tuple[str, ...]] = {"day": ("operating_day",), "month": ("year", "month"), "year": ("year",)}
_MEMOS = ("charging_cost_usd", "da_unmatched_usd", "as_da_unmatched_usd", "discharge_mwh", "charge_mwh")
_TOTALS = ("energy_coverage", "as_coverage", "energy_usd", "as_usd", "total_usd")

Row = Mapping[str, Any]


def board_of_days(engine: Engine, days: Sequence[Path], registry: Sequence[Path], first: date, last: date) -> Answer:
    """Rows of the board of a window in its order, ranked rows first, from daily_revenue and bess_registry of its years, ascending.

    Raises:
        QueryError: the tables of a year contradict each other.
    """
    rows = _board(engine, days, registry, Period(first, last))
    asked = {"first_day": first, "last_day": last, "rank_change": None}
    columns = ("first_day", "last_day", *LEADERBOARD.column_names, "rank_change")
    return _answer(columns, ({**row, **asked} for row in rows), _TYPES)


def board_of_size(
    engine: Engine, days: Path, registry: Path, year: int, month: int | None, battery: str, size: Mapping[str, float]
) -> Answer:
    """Rows of the board of a year or month as if a battery had another capacity_mw or energy_mwh; its flows and dollars are as they are."""
    rows = _board(engine, [days], [registry], Period.of(year, month), {battery: size}, whole_year=month is None)
    columns = (*(() if month is None else ("month",)), *LEADERBOARD.column_names)
    return _answer(columns, ({**row, "month": month} for row in rows), _TYPES)


_TYPES = {
    **{column.name: DUCKDB_TYPES[column.kind] for column in LEADERBOARD.columns},
    **dict.fromkeys(("first_day", "last_day"), "DATE"),
    **dict.fromkeys(("month", "rank_change", "batteries", "batteries_ranked"), "BIGINT"),
}


def _answer(columns: Sequence[str], rows: Iterable[Row], types: Mapping[str, str]) -> Answer:
    """Some columns of rows; those without a type are numbers."""
    values = [tuple(row[name] for name in columns) for row in rows]
    return Answer(tuple(columns), values, tuple(types.get(name, "DOUBLE") for name in columns))


def _board(
    engine: Engine,
    days: Sequence[Path],
    registry: Sequence[Path],
    period: Period,
    sizes: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    *,
    whole_year: bool = False,
) -> list[dict[str, Any]]:
    """Rows of a board; of a whole year the node is that of the registry, as on the stored board, else of the last day."""
    capacity = "".join(
        f"WHEN {literal(battery)} THEN {float(size['capacity_mw'])!r}::DOUBLE "
        for battery, size in sizes.items()
        if "capacity_mw" in size
    )
    sized = f"CASE battery {capacity}ELSE capacity_mw END AS capacity_mw" if capacity else "capacity_mw"
    sums, batteries = engine.ask(
        metrics.sums_of_days(
            read(days),
            f"(SELECT year, battery, {sized} FROM ({with_year(registry)}))",
            where=f"operating_day BETWEEN DATE '{period.first}' AND DATE '{period.last}'",
        ),
        f"{with_year(registry)} ORDER BY battery, year",
    )
    by_battery = groupby(batteries.records(), lambda row: row["battery"])
    known = {battery: _of_window(list(rows)) for battery, rows in by_battery}
    known |= {battery: _of_size(known[battery], size) for battery, size in sizes.items() if battery in known}
    if stranger := next((battery for battery in sums.column("battery") if battery not in known), None):
        raise QueryError(
            f"{stranger} has days from {period.first} to {period.last} and no row in bess_registry.",
            remedy=f"The tables are of different refreshes: bess refresh {period.first.year}-{period.last.year}",
        )
    rows = sums.records()
    if whole_year:
        rows = [{**row, "settlement_point": known[row["battery"]]["settlement_point"]} for row in rows]
    return metrics.board(rows, known, period)


def _of_size(row: Row, size: Mapping[str, float]) -> dict[str, Any]:
    """A row of the registry with another size, which its notes name."""
    sized = {**row, **size, **({"capacity_source": "user"} if "capacity_mw" in size else {})}
    if sized["energy_mwh"] and sized["capacity_mw"]:
        sized |= {"duration_hours": sized["energy_mwh"] / sized["capacity_mw"], "duration_source": "user"}
    note = f"as if its size were {_size(sized)}, and not {_size(row)}"
    return {**sized, "notes": "; ".join(filter(None, (row["notes"], note)))}


def groups(board: Answer, by: str, year: int, month: int | None) -> Answer:
    """The groups of the batteries of a year's or month's board.

    Raises:
        QueryError: no battery has such a column.
    """
    return _groups(board, by, Period.of(year, month))


def groups_of_days(board: Answer, by: str, first: date, last: date) -> Answer:
    """The same of the board of any days."""
    return _groups(board, by, Period(first, last))


def _groups(board: Answer, by: str, period: Period) -> Answer:
    """The groups of a board's batteries.

    Raises:
        QueryError: no battery has such a column.
    """
    rows = board.records()
    _require(rows, by)
    found = grouping.groups(rows, by, period)
    groups = [tuple(group[name] for name in grouping.COLUMNS) for group in found]
    answer = Answer(tuple(grouping.COLUMNS), groups, tuple(grouping.COLUMNS.values()))
    return marked(answer, MADE_UP_COLUMN in board.columns)


def only(board: Answer, where: Mapping[str, str]) -> Answer:
    """The rows of a board whose batteries have these values, in any case."""
    rows = board.records()
    kept = list(zip(board.rows, rows, strict=True))
    for by, value in where.items() if rows else ():
        _require(rows, by)
        names = {grouping.value_of(row, by) or grouping.UNKNOWN for row in rows}
        remedy = f"All of them: bess leaderboard YEAR --by {by}"
        wanted = known_name(value, names, f"No battery of this board has {by} {value}.", remedy)
        kept = [(row, of) for row, of in kept if (grouping.value_of(of, by) or grouping.UNKNOWN) == wanted]
    return board._replace(rows=[row for row, _ in kept])


def _require(rows: Iterable[Row], by: str) -> None:
    """QueryError unless batteries can be grouped by the word."""
    if by not in (known := grouping.groupings(rows)):
        raise QueryError(
            f"No battery has a column {by}.",
            expected=f"one of {', '.join(known)}",
            remedy=f"Owner, zone and the like come from the battery table (BESS_REGISTRY): give it a column {by}, and refresh.",
        )


def _of_window(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The registry row of the latest year, with a note where an earlier year of the window had another size."""
    latest = rows[-1]
    others = dict.fromkeys(f"{_size(row)} in {row['year']}" for row in rows[:-1] if _size(row) != _size(latest))
    if not others:
        return latest
    note = f"size of {latest['year']} used, {_size(latest)} ({', '.join(others)})"
    return {**latest, "notes": "; ".join(filter(None, (latest["notes"], note)))}


def _size(row: Row) -> str:
    parts = (("capacity_mw", "MW"), ("energy_mwh", "MWh"))
    return " ".join(f"{row[name]:.1f} {unit}" for name, unit in parts if row[name]) or "size unknown"


def streams(engine: Engine, days: Iterable[Path], by: Step, where: str = "true", *, counted: bool = False) -> Answer:
    """Streams of each period summed over what daily_revenue knows, then memos and coverage, and totals of the streams of the same row.

    Where counted, the number of the rows summed is before the streams, as `batteries`.
    """
    sums = metrics.sum_columns((*metrics.PARTS, *_MEMOS))
    (found,) = engine.ask(
        f"SELECT {PERIODS[by]}, count(*) AS batteries, {sums} FROM {read(days)} WHERE {where} GROUP BY ALL ORDER BY ALL"
    )
    columns = (*_KEYS[by], *(["batteries"] if counted else ()), *metrics.STREAMS, *_MEMOS, *_TOTALS)
    rows = [{**row, **metrics.totals(row)} for row in found.records()]
    return _answer(columns, rows, dict(zip(found.columns, found.types, strict=True)))


def fleet(engine: Engine, days: Iterable[Path], boards: Iterable[Path], by: Step) -> Answer:
    """Streams of the fleet by period after the number of batteries, and the stream total at the end.

    By month and year also how many are ranked, their average $/kW-month, the ranked and the known total. These come from the boards, leaderboard_monthly or
    leaderboard of the same years; there are none of days.
    """
    money = streams(engine, days, by, counted=by == "day")
    # the total of one battery's streams is unknown where one is: a fleet has three totals with names of their own
    rows = [{**row, "stream_total_usd": metrics.stream_total([row])} for row in money.records()]
    columns, types = money.columns[:-1], _TYPES | dict(zip(money.columns, money.types, strict=True))
    if by == "day":
        return _answer((*columns, "stream_total_usd"), rows, types)
    keys = _KEYS[by]
    needed = ", ".join((*keys[1:], "rank", "total_usd", "capacity_mw", "active_days"))
    (found,) = engine.ask(f"{with_year(boards, needed)} ORDER BY {', '.join(keys)}")
    of_boards: dict[tuple[Any, ...], Row] = {}
    for key, group in groupby(found.records(), lambda row: tuple(row[name] for name in keys)):
        batteries = list(group)
        best = metrics.ranked(batteries)
        of_boards[key] = {
            "batteries": len(batteries),
            "batteries_ranked": len(best),
            "usd_per_kw_month": metrics.usd_per_kw_year_and_month(best, Period.of(*key))[1],
            "ranked_total_usd": metrics.sum_known(best, "total_usd"),
            "known_total_usd": metrics.sum_known(batteries, "total_usd"),
        }
    both = ((row, of_boards.get(tuple(row[name] for name in keys))) for row in rows)
    columns = (*keys, "batteries", "batteries_ranked", "usd_per_kw_month", *columns[len(keys) :], *metrics.FLEET_TOTALS)
    return _answer(columns, ({**row, **of_board} for row, of_board in both if of_board), types)
