"""What a question names: years, days, names in any case, a column to sort by, how many rows; and the errors where there is no such thing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from operator import itemgetter

from bess_assets.results.answers import Answer, QueryError

Year = int | str
"""An operating year as a number or its text."""


def known_name(name: str, names: Iterable[str], problem: str, remedy: str) -> str:
    """The one of some names that differs from the name asked for by case at most.

    The error of none names up to five that are like it: the most alike, then those that hold it, then others alike.
    """
    spelling, wanted = {known.upper(): known for known in sorted(names)}, name.strip().upper()
    if wanted in spelling:
        return spelling[wanted]
    import difflib  # noqa: PLC0415  needed for errors alone

    alike = difflib.get_close_matches(wanted, spelling, n=5, cutoff=0.5)
    near = dict.fromkeys([*alike[:1], *(known for known in spelling if wanted and wanted in known), *alike])
    expected = f"a name such as {', '.join(spelling[known] for known in list(near)[:5])}" if near else None
    raise QueryError(problem, expected=expected, remedy=remedy)


def key_of(name: str, batteries: Iterable[Sequence[str | None]]) -> str:
    """The stable key of the battery that has the name; batteries are rows of a key and its resource names."""
    rows = [*batteries]
    every = {other for row in rows for other in row if other}
    remedy = "All names: bess leaderboard YEAR --format csv"
    known = known_name(name, every, f"No battery is called {name}.", remedy)
    keys = {str(row[0]) for row in rows if known.upper() in [other.upper() for other in row if other]}
    keys = {key for key in keys if key.upper() == known.upper()} or keys
    if len(keys) > 1:
        raise QueryError(f"{name} is a name of {len(keys)} batteries.", expected=f"one of {', '.join(sorted(keys))}")
    return keys.pop()


def refuse_no_rows(count: int | None) -> None:
    """QueryError if a question asks for fewer rows than one."""
    if count is not None and count < 1:
        raise QueryError(f"The first {count} rows are none.", expected="a whole number from 1")


def year_of(year: Year) -> int:
    """An operating year as a number."""
    try:
        return int(year)
    except ValueError as error:
        raise QueryError(f"{year!r} is no year.", expected="a year such as 2024") from error


def refuse_month(month: int | None) -> None:
    """QueryError if a month is none."""
    if month is not None and month not in range(1, 13):
        raise QueryError(f"There is no month {month}.", expected="a month from 1 to 12")


def refuse_period(by: str, periods: Sequence[str] = ("day", "month", "year")) -> None:
    """QueryError if an answer has no rows of such periods."""
    if by not in periods:
        raise QueryError(f"There are no rows by {by!r}.", expected=f"one of {', '.join(periods)}")


def days_of(first: date | str, last: date | str) -> tuple[date, date]:
    """The first and the last of some days."""
    begin, end = day_of(first), day_of(last)
    if begin > end:
        raise QueryError(f"The days run backwards: {begin} to {end}.", expected="the first day first")
    return begin, end


def day_of(day: date | str) -> date:
    """A day, also of a datetime or its ISO text."""
    try:
        return date.fromisoformat(day if isinstance(day, str) else day.isoformat()[:10])
    except ValueError as error:
        raise QueryError(f"{day!r} is no day.", expected="a day such as 2024-08-20") from error


def shown(board: Answer, sort: str | None, top: int | None, where: Mapping[str, str] | None = None) -> Answer:
    """The first rows of a board with the values asked for, in the order asked for."""
    refuse_no_rows(top)
    if where:
        from bess_assets.results import sums  # noqa: PLC0415  boards are stored and need no formulas

        board = sums.only(board, where)
    if sort is None:
        return board._replace(rows=board.rows[:top])
    remedy = f"Its columns: {', '.join(board.columns)}"
    column = known_name(sort, board.columns, f"The leaderboard has no column {sort}.", remedy)
    value = itemgetter(board.columns.index(column))
    known = [row for row in board.rows if value(row) is not None]
    number = bool(known) and isinstance(value(known[0]), int | float)
    known.sort(key=value, reverse=number and column not in {"rank", "month", "year"})
    return board._replace(rows=[*known, *(row for row in board.rows if value(row) is None)][:top])
