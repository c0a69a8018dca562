"""Questions over `<results>/<table>/<year>.parquet`: boards, one battery, the fleet, nodes, SQL.

Belongs here: each question, the files it reads, its SQL, how a name is found.
Does not: DuckDB's limits (engine.py), what is kept in memory (cache.py), a board of any days (window.py).
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import NotRefreshedError
from bess_assets.results.answers import Answer, BatteryAnswer, QueryError
from bess_assets.results.cache import AnswerCache, CacheInfo
from bess_assets.results.engine import YEAR_OF_FILE, Engine, literal
from bess_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from bess_assets.tables import Table

BEST_DAYS = 10
"""How many of a battery's best days `Results.battery` returns."""
CACHE_BYTES = 256_000_000
CACHE_ENTRIES = 256

Step = Literal["day", "month", "year"]

_NAME_COLUMNS = ("battery", "gen_resource", "load_resource", "esr_resource")
_ASCENDING_NUMBERS = frozenset({"rank", "month", "year"})
_NOT_KEPT = (
    r"\b(random|\w*uuid\w*|now|today|age|(?:get_)?current_\w+|transaction_timestamp|localtime\w*|\w*nextval|currval|setseed|txid\w*|sample|tablesample"
    r"|query|query_table|glob|read_\w+|sniff_\w+|\w*parquet\w*|json_execute\w*|duckdb_\w+|pragma_\w+|information_schema|show|stats)\b|(?:\bfrom|\bjoin|,)\s*'"
)
"""SQL that may be answered differently next time although no table of ours has changed: it is asked anew each time."""

_PERIODS: dict[Step, str] = {
    "day": "operating_day",
    "month": "year(operating_day)::INTEGER AS year, month(operating_day)::INTEGER AS month",
    "year": "year(operating_day)::INTEGER AS year",
}


class Results:
    """The result tables of one home, read-only.

    It sees the files that exist when a question is asked, so a refresh is seen at once. Answers are kept in memory until a file they were read from
    changes; `cache_info` says how that goes. One object may serve several threads.

    Every question raises NotRefreshedError where a table it needs has not been written, and QueryError where it cannot be answered as asked or takes
    longer than `query_timeout_seconds`.

    Example:
        >>> with Results() as results:
        ...     board = results.leaderboard(2024, sort="usd_per_kw_month", top=10)
    """

    def __init__(
        self, settings: Settings | None = None, *, cache_bytes: int = CACHE_BYTES, cache_entries: int = CACHE_ENTRIES
    ) -> None:
        """Open nothing yet.

        Args:
            settings: where the results are, and limits of memory, threads and time; from the environment if not given.
            cache_bytes: what answers kept in memory may take, about.
            cache_entries: how many are kept; 0 keeps none.
        """
        self._settings = settings or load_settings()
        self._engine = Engine(self._settings)
        self._cache = AnswerCache(cache_bytes, cache_entries)

    def __enter__(self) -> Self:
        """Use as a context, to close the connection at its end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Give up the connection; a later question opens a new one."""
        self._engine.close()

    def cache_info(self) -> CacheInfo:
        """Hits, misses and hit rate of the answers kept in memory, how many there are and what they take."""
        return self._cache.info()

    @property
    def folder(self) -> Path:
        """Where the result tables are."""
        return self._settings.results

    def years(self) -> list[int]:
        """Years that have a leaderboard, ascending."""
        return [year for year, _ in self._yearly("leaderboard")]

    def column_availability(self) -> Answer:
        """The matrix of columns, in the order in which it is shown: dataset by column by year.

        Raises:
            NotRefreshedError: it has not been made yet.
        """
        path = self.folder / "column_availability" / "all.parquet"
        if not path.is_file():
            raise NotRefreshedError(
                "Nothing is known yet of the rollups' columns.",
                file=path,
                remedy="Run: bess refresh   (its last step merges what each year's rollups hold)",
            )

        def ask() -> Answer:
            source = f"read_parquet({literal(path)}, file_row_number = true)"
            (answer,) = self._engine.ask(f"SELECT * EXCLUDE (file_row_number) FROM {source} ORDER BY file_row_number")
            return answer

        return self._cache.answer(("column_availability",), [path], ask)

    # --- boards ---------------------------------------------------------------------------------------------------------------------------

    def leaderboard(
        self, year: int, month: int | None = None, *, sort: str | None = None, top: int | None = None
    ) -> Answer:
        """The leaderboard of a year, or of one of its months.

        Every column of the stored table, then `rank_change`: places gained since the same board a year earlier, negative if lost, null where either
        rank or the earlier board is absent.

        Args:
            year: operating year.
            month: 1 to 12, or None for the whole year.
            sort: a column; numbers highest first (rank and month lowest first), texts and days ascending, nulls last. None keeps the board's own order:
                ranked batteries, then those that cannot be ranked.
            top: only the first rows.

        Raises:
            NotRefreshedError: the year has no leaderboard yet.
            QueryError: no such month or column.
        """
        if month is not None and not 1 <= month <= 12:
            raise QueryError(f"There is no month {month}.", expected="a month from 1 to 12")
        _refuse_no_rows(top)
        table = "leaderboard" if month is None else "leaderboard_monthly"
        board = self.require(year, table)
        earlier = self._path(table, year - 1)

        def ask() -> Answer:
            where = "" if month is None else f" WHERE month = {int(month)}"
            statements = [f"SELECT * FROM read_parquet({literal(board)}){where}"]
            if earlier.is_file():
                statements.append(f"SELECT battery, rank FROM read_parquet({literal(earlier)}){where}")
            return _with_rank_change(*self._engine.ask(*statements))

        answer = self._cache.answer(("leaderboard", year, month), [board, earlier], ask)
        return _first_rows(_sorted(answer, sort), top)

    def leaderboard_of_days(
        self, first: date | str, last: date | str, *, sort: str | None = None, top: int | None = None
    ) -> Answer:
        """The leaderboard of any days in a row, summed from daily_revenue by the rules of a month.

        Columns: `first_day` and `last_day` as asked, then those of the leaderboard. Exactly the days of a month give the figures of that month's board.
        Ranked is who was active on 10 days, or on every day of a shorter window; $/kW needs 10 active days whatever the window. Names and size are those
        of the window's latest year; a note says where an earlier year had another size. `rank_change` is null: a window has no board a year earlier.

        Args:
            first: first operating day, a date or its ISO text.
            last: last operating day, itself included.
            sort: as for `leaderboard`.
            top: only the first rows.

        Raises:
            NotRefreshedError: a year of the window has no daily revenue yet.
            QueryError: the days run backwards or are no days, or there is no such column.
        """
        from bess_assets.results import window  # noqa: PLC0415  the board of a year is stored and needs no formulas

        begin, end = _day(first), _day(last)
        if begin > end:
            raise QueryError(f"The days run backwards: {begin} to {end}.", expected="the first day first")
        _refuse_no_rows(top)
        years = range(begin.year, end.year + 1)
        files = {table: [self.require(year, table) for year in years] for table in window.TABLES_READ}
        answer = self._cache.answer(
            ("leaderboard_of_days", begin, end),
            [file for table in files.values() for file in table],
            lambda: window.board_of_days(self._engine, files, begin, end),
        )
        return _first_rows(_sorted(answer, sort), top)

    def compare(
        self, names: Sequence[str], year: int | None = None, *, by: Literal["month", "year"] = "year"
    ) -> Answer:
        """Batteries side by side: their rows of the yearly or monthly leaderboards, with the year in front, by period and then in the order named.

        Args:
            names: batteries, each by any of its names.
            year: only this year; None takes every year.
            by: rows of years or of months.

        Raises:
            NotRefreshedError: nothing has been refreshed, or not that year.
            QueryError: no battery, or more than one, has a name.
        """
        if not names:
            raise QueryError("No battery was named.", expected="one name or more")
        keys = list(dict.fromkeys(self._key(name, year) for name in names))
        table = "leaderboard" if by == "year" else "leaderboard_monthly"
        files = self._required(table, year)

        def ask() -> Answer:
            listed = ", ".join(map(literal, keys))
            order = "year" if by == "year" else "year, month"
            place = f"list_position([{listed}], battery)"
            return self._engine.ask(
                f"SELECT * FROM ({_union(files)}) WHERE battery IN ({listed}) ORDER BY {order}, {place}"
            )[0]

        return self._cache.answer(("compare", tuple(keys), year, by), [file for _, file in files], ask)

    # --- one battery ----------------------------------------------------------------------------------------------------------------------

    def battery(self, name: str, year: int | None = None) -> BatteryAnswer:
        """One battery, found by any of its names: stable key, generation, load or energy storage resource, in any case.

        Args:
            name: one of its names.
            year: only this year; None takes every year that has been refreshed.

        Raises:
            NotRefreshedError: nothing has been refreshed, or not that year.
            QueryError: no battery, or more than one, has that name.
        """
        boards = self._required("leaderboard", year)
        months = self._required("leaderboard_monthly", year)
        days = self._required("daily_revenue", year)
        key = self._key(name, year)
        earlier = [(y, file) for y, file in self._yearly("leaderboard") if year is not None and y == year - 1]

        def ask() -> BatteryAnswer:
            mine = f"battery = {literal(key)}"
            found, by_month, best, *before = self._engine.ask(
                f"SELECT * FROM ({_union(boards)}) WHERE {mine} ORDER BY year",
                f"SELECT * FROM ({_union(months)}) WHERE {mine} ORDER BY year, month",
                _best_days(days, key, BEST_DAYS),
                *([f"SELECT year, rank FROM ({_union(earlier, 'battery, rank')}) WHERE {mine}"] if earlier else []),
            )
            at = found.columns.index("rank")
            rank_of = {row[0]: row[at] for row in found.rows} | dict(before[0].rows if before else ())
            rows = [(*row, _places_gained(rank_of.get(row[0] - 1), row[at])) for row in found.rows]
            return BatteryAnswer(key, _with_column(found, "rank_change", rows), by_month, best)

        files = [file for part in (boards, earlier, months, days) for _, file in part]
        return self._cache.answer(("battery", key, year), files, ask)

    def battery_days(self, name: str, first: date | str | None = None, last: date | str | None = None) -> Answer:
        """A battery's expected days: every column of daily_revenue, by day.

        Args:
            name: one of its names.
            first: first day; None takes them from the beginning.
            last: last day, itself included; None takes them to the end.
        """
        files = self._between("daily_revenue", first, last)
        key = self._key(name, None)
        days = _days_clause(first, last)
        return self._cache.answer(
            ("battery_days", key, days),
            [file for _, file in files],
            lambda: self._engine.ask(
                f"SELECT * FROM {_files(files)} WHERE battery = {literal(key)}{days} ORDER BY operating_day"
            )[0],
        )

    def battery_months(self, name: str, year: int | None = None) -> Answer:
        """A battery's rows of the monthly leaderboards, with the year in front."""
        return self.compare([name], year, by="month")

    def best_days(self, name: str, year: int | None = None, count: int = BEST_DAYS) -> Answer:
        """A battery's days of highest total_usd, highest first; days whose total is unknown are left out."""
        _refuse_no_rows(count)
        files = self._required("daily_revenue", year)
        key = self._key(name, year)
        return self._cache.answer(
            ("best_days", key, year, count),
            [file for _, file in files],
            lambda: self._engine.ask(_best_days(files, key, count))[0],
        )

    def product_stack(self, name: str, by: Step = "month", year: int | None = None) -> Answer:
        """What a battery earned by stream and period: day-ahead and real-time energy, each ancillary service, their totals, and coverage.

        Args:
            name: one of its names.
            by: rows of days, months or years.
            year: only this year; None takes every year.
        """
        files = self._required("daily_revenue", year)
        key = self._key(name, year)
        return self._cache.answer(
            ("product_stack", key, by, year),
            [file for _, file in files],
            lambda: self._engine.ask(_streams(files, by, f"WHERE battery = {literal(key)}"))[0],
        )

    # --- editions -------------------------------------------------------------------------------------------------------------------------

    def editions(self, year: int) -> Answer:
        """The editions of a year's leaderboard that were kept, oldest first.

        Columns: edition_number, made_at (UTC), package_version, edition (final or preliminary), data_through, batteries, batteries_ranked, total_usd (sum
        of those that are known), changed_inputs (names of the inputs that are not those of the edition before, joined by a semicolon; null in the
        first), inputs (JSON: digest by name).

        Raises:
            NotRefreshedError: none was kept yet.
        """
        path = self.require(year, "leaderboard_history")

        def ask() -> Answer:
            shared = ("made_at", "package_version", "edition", "data_through")
            one = ", ".join(f"any_value({name}) AS {name}" for name in shared)
            (found,) = self._engine.ask(
                f"SELECT edition_number, {one}, count(*) AS batteries, count(rank) AS batteries_ranked, sum(total_usd) AS total_usd, "
                f"any_value(inputs) AS inputs FROM {_files([(year, path)])} GROUP BY edition_number ORDER BY edition_number"
            )
            return _with_changed_inputs(found)

        return self._cache.answer(("editions", year), [path], ask)

    def what_changed(self, year: int) -> Answer:
        """The batteries that moved between the last two editions of a year, largest change of total_usd first, unknown ones last.

        Columns: those of the table what_changed. `because` names the inputs that changed and feed the columns that moved.

        Raises:
            NotRefreshedError: the year has none yet.
        """
        path = self.require(year, "what_changed")
        return self._cache.answer(
            ("what_changed", year),
            [path],
            lambda: self._engine.ask(
                f"SELECT * FROM {_files([(year, path)])} ORDER BY abs(total_usd_change) DESC NULLS LAST, battery"
            )[0],
        )

    # --- the fleet and its nodes ----------------------------------------------------------------------------------------------------------

    def fleet(self, by: Step = "month", year: int | None = None) -> Answer:
        """What all batteries together earned by stream and period, how many there were, and how much of it is known.

        Streams add what is known over batteries and days; `energy_usd`, `as_usd` and `total_usd` are formed from the streams of the same row, and
        coverage says how much is missing: nothing is scaled up. By month and year also `batteries_ranked` and `usd_per_kw_month`, the fleet's average over
        ranked batteries (methodology, section 11).

        Args:
            by: rows of days, months or years.
            year: only this year; None takes every year.
        """
        days = self._required("daily_revenue", year)
        boards = [] if by == "day" else self._required("leaderboard_monthly" if by == "month" else "leaderboard", year)

        def ask() -> Answer:
            if by == "day":
                return self._engine.ask(_streams(days, by, "", "count(*) AS batteries, "))[0]
            keys = "year, month" if by == "month" else "year"
            start = "make_date(year, month, 1)" if by == "month" else "make_date(year, 1, 1)"
            length = f"date_diff('day', {start}, {start} + INTERVAL 1 {by.upper()})"
            months = 1 if by == "month" else 12
            of_board = (
                f"SELECT {keys}, count(*) AS batteries, count(rank) AS batteries_ranked, "
                f"sum(total_usd) FILTER (rank IS NOT NULL) / sum(1000 * capacity_mw * active_days / {length}) FILTER (rank IS NOT NULL) / {months} "
                f"AS usd_per_kw_month FROM ({_union(boards)}) GROUP BY {keys}"
            )
            return self._engine.ask(
                f"WITH board AS ({of_board}), streams AS ({_streams(days, by, '')}) "
                f"SELECT {keys}, batteries, batteries_ranked, usd_per_kw_month, streams.* EXCLUDE ({keys}) "
                f"FROM streams JOIN board USING ({keys}) ORDER BY {keys}"
            )[0]

        return self._cache.answer(("fleet", by, year), [file for part in (days, boards) for _, file in part], ask)

    def node_prices(self, points: Sequence[str] | None = None, by: Step = "month", year: int | None = None) -> Answer:
        """Prices of settlement points by period: mean, minimum, maximum and negative share of each market, mean TB1, TB2, TB4 of a day, and coverage.

        Means and shares weigh days by their known prices. TBn is null where no day has all its hours; `tb_days` says how many have.

        Args:
            points: settlement points as ERCOT spells them, in any case; None takes all of them, which needs `by` month or year.
            by: rows of days, months or years.
            year: only this year; None takes every year.
        """
        if points is None and by == "day":
            raise QueryError(
                "Days of every settlement point are too many for one answer.",
                expected="points by name, or by='month'",
                remedy="To read them all, stream them: results.stream('FROM price_daily')",
            )
        files = self._required("price_daily", year)
        names = None if points is None else [self._point(name, files) for name in points]

        def ask() -> Answer:
            where = "" if names is None else f" WHERE settlement_point IN ({', '.join(map(literal, names))})"
            return self._engine.ask(_prices(files, by, where))[0]

        key = ("node_prices", None if names is None else tuple(names), by, year)
        return self._cache.answer(key, [file for _, file in files], ask)

    # --- SQL ------------------------------------------------------------------------------------------------------------------------------

    def query(self, sql: str) -> Answer:
        """Answer one SELECT over views of all result tables; a view of a yearly table has the column `year` in front.

        Nothing but the result tables can be read, nothing written, and the query is stopped after `query_timeout_seconds`.

        Raises:
            NotRefreshedError: there is no result table at all.
            QueryError: not one SELECT statement, one that DuckDB refuses, or one that took too long.
        """

        def ask() -> Answer:
            with self._engine.stream(sql, self._files) as found:
                return Answer(found.columns, list(found.rows), found.types)

        self._refuse_without_results()
        if re.search(_NOT_KEPT, sql, re.IGNORECASE):
            return ask()
        from bess_assets.tables import TABLES  # noqa: PLC0415  a leaderboard is shown without it

        named = [table for table in TABLES.values() if re.search(rf"\b{table.name}\b", sql, re.IGNORECASE)]
        return self._cache.answer(("query", sql), [file for table in named for file in self._files(table)], ask)

    @contextmanager
    def stream(self, sql: str) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """The same as `query`, its rows made into Python values some thousand at a time: for answers of millions of rows. Nothing is kept in memory.

        Yields:
            The names of the columns, and the rows.

        Raises:
            NotRefreshedError: there is no result table at all.
            QueryError: as for `query`; also while rows are taken. Only the time that DuckDB takes counts, not that of the reader.
        """
        self._refuse_without_results()
        with self._engine.stream(sql, self._files) as found:
            yield found.columns, found.rows

    # --- files ----------------------------------------------------------------------------------------------------------------------------

    def last_refresh_problem(self, year: int) -> str | None:
        """Why the figures of a year may be older than its last refresh: the first table or rollup that failed in it, or None."""
        try:
            text = (self.folder / "_runs" / f"{year}.json").read_text(encoding="utf-8")
            # Of a record without either word there is nothing to say, and it need not be taken apart.
            record: dict[str, Any] = json.loads(text) if '"failed"' in text or '"error": "' in text else {}
        except (OSError, ValueError):
            return None
        failed = [name for name, entry in record.get("tables", {}).items() if entry.get("status") == "failed"]
        if failed:
            from bess_assets.tables import TABLES  # noqa: PLC0415  a leaderboard is shown without it

            order = list(TABLES)
            return str(min(failed, key=lambda name: order.index(name) if name in order else len(order)))
        unreadable = (
            f"{dataset} {name}"
            for dataset, rollup in record.get("rollups", {}).items()
            for name, entry in rollup.get("files", {}).items()
            if entry.get("error")
        )
        return next(unreadable, None)

    def require(self, year: int, table: str) -> Path:
        """The file of a table and year.

        Raises:
            NotRefreshedError: it has not been written yet.
        """
        path = self._path(table, year)
        if not path.is_file():
            years = self.years()
            raise NotRefreshedError(
                f"{year} has no {table} yet.",
                file=path,
                expected=f"one of the refreshed years: {', '.join(map(str, years))}" if years else None,
                remedy=f"Run: bess refresh {year}" + ("" if years else "   (or, for a simulated market: bess demo)"),
            )
        return path

    def _nothing_yet(self) -> NotRefreshedError:
        return NotRefreshedError(
            "Nothing has been refreshed yet.",
            file=self.folder,
            remedy="Run: bess refresh   (or, for a simulated market: bess demo). Another home is named by --home or BESS_HOME.",
        )

    def _refuse_without_results(self) -> None:
        from bess_assets.tables import TABLES  # noqa: PLC0415  a leaderboard is shown without it

        if not any(self._files(table) for table in TABLES.values()):
            raise self._nothing_yet()

    def _path(self, table: str, year: int) -> Path:
        return self.folder / table / f"{year}.parquet"

    def _files(self, table: "Table") -> list[Path]:
        """Files of a table, in the order of their years."""
        if table.merged:
            return sorted((self.folder / table.name).glob("*.parquet"))
        return [file for _, file in self._yearly(table.name)]

    def _yearly(self, table: str) -> list[tuple[int, Path]]:
        folder = self.folder / table
        try:
            names = os.listdir(folder)  # noqa: PTH208  a quarter of what Path.iterdir costs, and asked for by every question
        except OSError:
            return []
        years = (name.removesuffix(".parquet") for name in names if name.endswith(".parquet"))
        return sorted((int(year), folder / f"{year}.parquet") for year in years if year.isdigit())

    def _required(self, table: str, year: int | None) -> list[tuple[int, Path]]:
        """The files of a table for one year, or for every year that has a leaderboard."""
        years = [year] if year is not None else self.years()
        if not years:
            raise self._nothing_yet()
        return [(y, self.require(y, table)) for y in years]

    def _between(self, table: str, first: date | str | None, last: date | str | None) -> list[tuple[int, Path]]:
        """The files of a table for the years from one day to another that have a leaderboard."""
        begin, end = _day(first or date.min), _day(last or date.max)
        if begin > end:
            raise QueryError(f"The days run backwards: {begin} to {end}.", expected="the first day first")
        every = self._required(table, None)
        files = [(year, file) for year, file in every if begin.year <= year <= end.year]
        if not files:
            self.require(begin.year if first else end.year, table)
        return files

    # --- names ----------------------------------------------------------------------------------------------------------------------------

    def _key(self, name: str, year: int | None) -> str:
        """The stable key of the battery that any of its names belongs to."""
        boards = self._required("leaderboard", year)
        columns = ", ".join(_NAME_COLUMNS)
        names = self._cache.answer(
            ("names", year),
            [file for _, file in boards],
            lambda: _Names.of(self._engine.ask(f"SELECT DISTINCT {columns} FROM ({_union(boards, columns)})")[0]),
        )
        wanted = name.strip().upper()
        found = names.keys.get(wanted, frozenset())
        exact = {key for key in found if key.upper() == wanted} or found
        if len(exact) == 1:
            return next(iter(exact))
        if exact:
            raise QueryError(
                f"{name} is a name of {len(exact)} batteries.", expected=f"one of {', '.join(sorted(exact))}"
            )
        raise _no_such("battery is called", name, wanted, names.spelt, "All names: bess leaderboard YEAR --format csv")

    def _point(self, name: str, files: Sequence[tuple[int, Path]]) -> str:
        """A settlement point as it is spelt."""
        points = self._cache.answer(
            ("points", tuple(year for year, _ in files)),
            [file for _, file in files],
            lambda: self._engine.ask(f"SELECT DISTINCT settlement_point FROM {_files(files)}")[0],
        )
        spelt = {point.upper(): point for (point,) in points.rows}
        wanted = name.strip().upper()
        if wanted not in spelt:
            remedy = 'All of them: bess sql "SELECT DISTINCT settlement_point FROM price_daily"'
            raise _no_such("settlement point is called", name, wanted, spelt, remedy)
        return str(spelt[wanted])


class _Names(NamedTuple):
    """Names of batteries in capitals: the keys that each belongs to, and how it is spelt. Nobody changes it, so that it need not be copied."""

    keys: dict[str, frozenset[str]]
    spelt: dict[str, str]

    @classmethod
    def of(cls, rows: Answer) -> Self:
        """Names of rows whose first column is the key and the others are names too."""
        spelt = {known.upper(): known for row in rows.rows for known in row if known}
        keys: dict[str, set[str]] = {}
        for row in rows.rows:
            for known in filter(None, row):
                keys.setdefault(known.upper(), set()).add(row[0])
        return cls({name: frozenset(of_name) for name, of_name in keys.items()}, spelt)

    def copy(self) -> Self:
        """Itself."""
        return self


def _no_such(what: str, name: str, wanted: str, spelt: Mapping[str, str], remedy: str) -> QueryError:
    near = _near(wanted, list(spelt))
    expected = f"a name such as {', '.join(spelt[n] for n in near)}" if near else None
    return QueryError(f"No {what} {name}.", expected=expected, remedy=remedy)


# --- SQL of the questions -----------------------------------------------------------------------------------------------------------------


def _union(files: Sequence[tuple[int, Path]], columns: str = "*") -> str:
    """Rows of yearly files with the year in front; a column that only some of them have is null in the others."""
    shown = "* EXCLUDE (filename)" if columns == "*" else columns
    listed = ", ".join(literal(path) for _, path in files)
    return (
        f"SELECT {YEAR_OF_FILE} AS year, {shown} FROM read_parquet([{listed}], filename = true, union_by_name = true)"
    )


def _files(files: Sequence[tuple[int, Path]]) -> str:
    return f"read_parquet([{', '.join(literal(path) for _, path in files)}], union_by_name = true)"


def _best_days(files: Sequence[tuple[int, Path]], key: str, count: int) -> str:
    return (
        "SELECT operating_day, da_energy_usd, rt_energy_usd, energy_usd, as_usd, total_usd, discharge_mwh, charge_mwh, "
        "energy_quarter_hours / expected_quarter_hours AS energy_coverage "
        f"FROM {_files(files)} WHERE battery = {literal(key)} AND total_usd IS NOT NULL ORDER BY total_usd DESC, operating_day LIMIT {int(count)}"
    )


def _streams(files: Sequence[tuple[int, Path]], by: Step, where: str, counts: str = "") -> str:
    """Money by stream and period. Components skip what is unknown; totals are formed from the components of the same row, null if one that exists is."""
    products = ", ".join(f"sum(as_{p}_usd) AS as_{p}_usd" for p in PRODUCTS)
    exists = ", ".join(f"max({p}_expected_hours) > 0 AS {p}_exists" for p in PRODUCTS)
    of_product = " + ".join(f"CASE WHEN {p}_exists THEN as_{p}_usd ELSE 0 END" for p in PRODUCTS)
    any_exists = " OR ".join(f"{p}_exists" for p in PRODUCTS)
    dropped = ", ".join(f"{p}_exists" for p in PRODUCTS)
    return (
        f"WITH sums AS (SELECT {_PERIODS[by]}, {counts}sum(da_energy_usd) AS da_energy_usd, sum(rt_energy_usd) AS rt_energy_usd, {products}, {exists}, "
        "sum(charging_cost_usd) AS charging_cost_usd, sum(da_unmatched_usd) AS da_unmatched_usd, "
        "sum(discharge_mwh) AS discharge_mwh, sum(charge_mwh) AS charge_mwh, "
        "sum(energy_quarter_hours) / sum(expected_quarter_hours) AS energy_coverage, sum(as_hours) / sum(expected_hours) AS as_coverage "
        f"FROM {_files(files)} {where} GROUP BY ALL) "
        f"SELECT * EXCLUDE ({dropped}), da_energy_usd + rt_energy_usd AS energy_usd, "
        f"CASE WHEN {any_exists} THEN {of_product} END AS as_usd, energy_usd + as_usd AS total_usd FROM sums ORDER BY ALL"
    )


def _prices(files: Sequence[tuple[int, Path]], by: Step, where: str) -> str:
    def market(name: str, known: str) -> str:
        return ", ".join(
            (
                f"sum({name}_mean_usd_per_mwh * {known}) / nullif(sum({known}) FILTER ({name}_mean_usd_per_mwh IS NOT NULL), 0) AS {name}_mean_usd_per_mwh",
                f"min({name}_min_usd_per_mwh) AS {name}_min_usd_per_mwh",
                f"max({name}_max_usd_per_mwh) AS {name}_max_usd_per_mwh",
                f"sum({name}_negative_share * {known}) / nullif(sum({known}) FILTER ({name}_negative_share IS NOT NULL), 0) AS {name}_negative_share",
            )
        )

    return (
        f"SELECT settlement_point, {_PERIODS[by]}, count(*) AS days, {market('da', 'da_known_hours')}, {market('rt', 'rt_known_quarter_hours')}, "
        "avg(tb1_usd_per_mw) AS tb1_usd_per_mw, avg(tb2_usd_per_mw) AS tb2_usd_per_mw, avg(tb4_usd_per_mw) AS tb4_usd_per_mw, "
        "count(tb2_usd_per_mw) AS tb_days, sum(da_known_hours) / sum(expected_hours) AS da_coverage, "
        f"sum(rt_known_quarter_hours) / sum(expected_quarter_hours) AS rt_coverage FROM {_files(files)}{where} GROUP BY ALL ORDER BY ALL"
    )


def _days_clause(first: date | str | None, last: date | str | None) -> str:
    parts = [(">=", first), ("<=", last)]
    return "".join(f" AND operating_day {sign} DATE '{_day(day)}'" for sign, day in parts if day is not None)


# --- rows ---------------------------------------------------------------------------------------------------------------------------------


def _with_rank_change(board: Answer, earlier: Answer | None = None) -> Answer:
    before = dict(earlier.rows) if earlier else {}
    battery, rank = board.columns.index("battery"), board.columns.index("rank")
    rows = [(*row, _places_gained(before.get(row[battery]), row[rank])) for row in board.rows]
    return _with_column(board, "rank_change", rows)


def _with_changed_inputs(editions: Answer) -> Answer:
    """Editions with the names of what is not as it was in the one before, in front of all inputs."""
    rows: list[tuple[Any, ...]] = []
    before: dict[str, str] | None = None
    for *values, text in editions.rows:
        inputs: dict[str, str] = json.loads(text)
        changed = None
        if before is not None:
            earlier = before
            changed = "; ".join(n for n in sorted({*earlier, *inputs}) if earlier.get(n) != inputs.get(n))
        rows.append((*values, changed, text))
        before = inputs
    columns, types = editions.columns, editions.types
    return Answer((*columns[:-1], "changed_inputs", columns[-1]), rows, (*types[:-1], "VARCHAR", types[-1]))


def _places_gained(before: int | None, now: int | None) -> int | None:
    return None if before is None or now is None else before - now


def _with_column(answer: Answer, name: str, rows: list[tuple[Any, ...]]) -> Answer:
    return Answer((*answer.columns, name), rows, (*answer.types, "BIGINT"))


def _first_rows(answer: Answer, top: int | None) -> Answer:
    return answer if top is None else answer._replace(rows=answer.rows[:top])


def _refuse_no_rows(count: int | None) -> None:
    if count is not None and count < 1:
        raise QueryError(f"The first {count} rows are none.", expected="a whole number from 1")


def _day(day: date | str) -> date:
    if isinstance(day, datetime):
        return day.date()
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except ValueError as error:
        raise QueryError(f"{day!r} is no day.", expected="a day such as 2024-08-20") from error


def _sorted(board: Answer, sort: str | None) -> Answer:
    if sort is None:
        return board
    if sort not in board.columns:
        near = _near(sort.lower(), list(board.columns))
        raise QueryError(
            f"The leaderboard has no column {sort}.",
            expected=f"a column such as {', '.join(near)}" if near else None,
            remedy="All columns: the heading of bess leaderboard YEAR --format csv",
        )
    at = board.columns.index(sort)
    known = [row for row in board.rows if row[at] is not None]
    number = bool(known) and isinstance(known[0][at], int | float)
    known.sort(key=lambda row: row[at], reverse=number and sort not in _ASCENDING_NUMBERS)
    return board._replace(rows=known + [row for row in board.rows if row[at] is None])


def _near(wanted: str, names: list[str]) -> list[str]:
    """Up to five names like the one wanted: those that hold it or begin as it does, then those spelt alike."""
    import difflib  # noqa: PLC0415  needed for errors alone

    holding = sorted(name for name in names if wanted and wanted in name)
    alike = difflib.get_close_matches(wanted, names, n=5, cutoff=0.5)
    return list(dict.fromkeys([*alike[:1], *holding, *alike]))[:5]
