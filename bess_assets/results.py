"""Answers from the result tables: leaderboards, one battery, read-only SQL.

Belongs here: questions over `<results>/<table>/<year>.parquet`, asked of DuckDB; the locks on what such a question may do.
Does not: how an answer looks (text_tables.py, cli.py), how a figure is computed (market/). Importing this loads DuckDB and light modules alone:
no Dagster, pandas, numpy or pyarrow, so that an answer takes milliseconds.
"""

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb

from bess_assets.errors import BessError, NotRefreshedError
from bess_assets.settings import Settings, load_settings
from bess_assets.tables import COLUMN_AVAILABILITY, LEADERBOARD, TABLES, Table

BEST_DAYS = 10
"""How many of a battery's best days `Results.battery` returns."""

_ROWS_AT_A_TIME = 2048
_NAME_COLUMNS = ("battery", "gen_resource", "load_resource", "esr_resource")
_ASCENDING_NUMBERS = frozenset({"rank", "month"})
_DUCKDB_TYPES = {
    "text": "VARCHAR",
    "label": "VARCHAR",
    "day": "DATE",
    "time": "TIMESTAMPTZ",
    "number": "DOUBLE",
    "count": "BIGINT",
    "flag": "BOOLEAN",
}


class QueryError(BessError):
    """A question that cannot be answered as it was asked."""


@dataclass(frozen=True)
class Answer:
    """Rows of an answer.

    Attributes:
        columns: their names, in order.
        rows: one tuple a row; None is unknown.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    def records(self) -> list[dict[str, Any]]:
        """The rows as mappings."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def column(self, name: str) -> list[Any]:
        """The values of one column; ValueError if there is none of that name."""
        at = self.columns.index(name)
        return [row[at] for row in self.rows]


@dataclass(frozen=True)
class BatteryAnswer:
    """What is known of one battery.

    Attributes:
        battery: its stable key.
        years: its row of each yearly leaderboard, with the year in front.
        months: its rows of the monthly leaderboards, with year and month in front.
        best_days: its days of highest total_usd, highest first.
    """

    battery: str
    years: Answer
    months: Answer
    best_days: Answer


class Results:
    """The result tables of one home, read-only.

    One object serves one thread. It sees the files that exist when a question is asked, so a refresh is seen at once.

    Example:
        >>> with Results() as results:
        ...     board = results.leaderboard(2024, sort="usd_per_kw_month", top=10)
    """

    def __init__(self, settings: Settings | None = None) -> None:
        """Open nothing yet; settings come from the environment if not given."""
        self._settings = settings or load_settings()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._timer: threading.Timer | None = None

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
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def folder(self) -> Path:
        """Where the result tables are."""
        return self._settings.results

    def years(self) -> list[int]:
        """Years that have a leaderboard, ascending."""
        return [int(file.stem) for file in self._files(LEADERBOARD.name)]

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
        if top is not None and top < 1:
            raise QueryError(f"The first {top} rows are none.", expected="a whole number from 1")
        table = "leaderboard" if month is None else "leaderboard_monthly"
        board = _parquet(self.require(year, table))
        where = "" if month is None else f" WHERE month = {int(month)}"
        earlier = self._path(table, year - 1)
        before = (
            f"SELECT battery, rank FROM {_parquet(earlier)}{where}"
            if earlier.is_file()
            else "SELECT NULL::VARCHAR AS battery, NULL::BIGINT AS rank WHERE false"
        )
        select = (
            f"WITH board AS (SELECT * FROM {board}{where}), before AS ({before}) "
            "SELECT board.* EXCLUDE (file_row_number), before.rank - board.rank AS rank_change "
            "FROM board LEFT JOIN before USING (battery)"
        )
        with self._guarded() as connection:
            order = "file_row_number"
            if sort is not None:
                described = connection.execute(f"{select} LIMIT 0").description
                order = f"{_order_by(sort, [(str(c[0]), str(c[1])) for c in described])}, {order}"
            limit = "" if top is None else f" LIMIT {int(top)}"
            return _fetch(connection.execute(f"{select} ORDER BY {order}{limit}"))

    def column_availability(self) -> Answer:
        """The matrix of columns, in the order in which it is shown: dataset by column by year.

        Raises:
            NotRefreshedError: it has not been made yet.
        """
        path = self.folder / COLUMN_AVAILABILITY.name / "all.parquet"
        if not path.is_file():
            raise NotRefreshedError(
                "Nothing is known yet of the rollups' columns.",
                file=path,
                remedy="Run: bess refresh   (its last step merges what each year's rollups hold)",
            )
        with self._guarded() as connection:
            return _fetch(
                connection.execute(f"SELECT * EXCLUDE (file_row_number) FROM {_parquet(path)} ORDER BY file_row_number")
            )

    def battery(self, name: str, year: int | None = None) -> BatteryAnswer:
        """One battery, found by any of its names: stable key, generation, load or energy storage resource, in any case.

        Args:
            name: one of its names.
            year: only this year; None takes every year that has been refreshed.

        Raises:
            NotRefreshedError: nothing has been refreshed, or not that year.
            QueryError: no battery, or more than one, has that name.
        """
        years = [year] if year is not None else self.years()
        if not years:
            raise self._nothing_yet()
        boards = [(y, self.require(y, "leaderboard")) for y in years]
        months = [(y, self.require(y, "leaderboard_monthly")) for y in years]
        days = [(y, self.require(y, "daily_revenue")) for y in years]
        with self._guarded() as connection:
            key = self._key(connection, name, boards)
            connection.execute("SET VARIABLE battery = $1", [key])
            mine = "battery = getvariable('battery')"
            return BatteryAnswer(
                battery=key,
                years=_fetch(connection.execute(f"SELECT * FROM ({_union(boards)}) WHERE {mine} ORDER BY year")),
                months=_fetch(
                    connection.execute(f"SELECT * FROM ({_union(months)}) WHERE {mine} ORDER BY year, month")
                ),
                best_days=_fetch(
                    connection.execute(
                        "SELECT operating_day, da_energy_usd, rt_energy_usd, energy_usd, as_usd, total_usd, discharge_mwh, charge_mwh, "
                        "energy_quarter_hours / expected_quarter_hours AS energy_coverage "
                        f"FROM ({_union(days)}) WHERE {mine} AND total_usd IS NOT NULL ORDER BY total_usd DESC, operating_day LIMIT {BEST_DAYS}"
                    )
                ),
            )

    def query(self, sql: str) -> Answer:
        """Answer one SELECT over views of all result tables; a view of a yearly table has the column `year` in front.

        Nothing but the result tables can be read, nothing written, and the query is stopped after `query_timeout_seconds`.

        Raises:
            NotRefreshedError: there is no result table at all.
            QueryError: not one SELECT statement, one that DuckDB refuses, or one that took too long.
        """
        with self.stream(sql) as (columns, rows):
            return Answer(columns, list(rows))

    @contextmanager
    def stream(self, sql: str) -> Iterator[tuple[tuple[str, ...], Iterator[tuple[Any, ...]]]]:
        """The same as `query`, its rows made into Python values one after the other: for answers of millions of rows.

        Yields:
            The names of the columns, and the rows.

        Raises:
            NotRefreshedError: there is no result table at all.
            QueryError: as for `query`.
        """
        if not any(self._files(name) for name in TABLES):
            raise self._nothing_yet()
        with self._guarded() as connection:
            text = _one_select(connection, sql)
            for table in TABLES.values():
                if re.search(rf"\b({table.name}|show|information_schema|duckdb_\w+)\b", text, re.IGNORECASE):
                    connection.execute(self._view(table))
            # As a subquery: DuckDB 2.0 takes COPY and INSERT inside the WITH of a top-level SELECT, and refuses them in a nested one.
            cursor = connection.execute(f"SELECT * FROM (\n{text}\n)")
            # The answer is there: how long its reader takes is no concern of the timeout.
            if self._timer:
                self._timer.cancel()
            yield _columns(cursor), _rows(cursor)

    def last_refresh_problem(self, year: int) -> str | None:
        """Why the figures of a year may be older than its last refresh: the first table or rollup that failed in it, or None."""
        try:
            record = json.loads((self.folder / "_runs" / f"{year}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        failed = [name for name in TABLES if record.get("tables", {}).get(name, {}).get("status") == "failed"]
        unreadable = [
            f"{dataset} {name}"
            for dataset, rollup in record.get("rollups", {}).items()
            for name, entry in rollup.get("files", {}).items()
            if entry.get("error")
        ]
        return next(iter([*failed, *unreadable]), None)

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

    def _path(self, table: str, year: int) -> Path:
        return self.folder / table / f"{year}.parquet"

    def _files(self, table: str) -> list[Path]:
        return sorted(
            file for file in (self.folder / table).glob("*.parquet") if file.stem.isdigit() or TABLES[table].merged
        )

    def _view(self, table: Table) -> str:
        files = self._files(table.name)
        if not files:
            year = "" if table.merged else "NULL::INTEGER AS year, "
            empty = ", ".join(f"NULL::{_DUCKDB_TYPES[c.kind]} AS {c.name}" for c in table.columns)
            return f"CREATE OR REPLACE TEMP VIEW {table.name} AS SELECT {year}{empty} WHERE false"
        listed = ", ".join(map(_literal, files))
        year = "" if table.merged else r"CAST(regexp_extract(filename, '(\d+)\.parquet$', 1) AS INTEGER) AS year, "
        return (
            f"CREATE OR REPLACE TEMP VIEW {table.name} AS SELECT {year}* EXCLUDE (filename) "
            f"FROM read_parquet([{listed}], filename = true, union_by_name = true)"
        )

    def _key(self, connection: duckdb.DuckDBPyConnection, name: str, boards: Sequence[tuple[int, Path]]) -> str:
        """The stable key of the battery that any of its names belongs to."""
        names = _fetch(connection.execute(f"SELECT DISTINCT {', '.join(_NAME_COLUMNS)} FROM ({_union(boards)})"))
        keys: dict[str, set[str]] = {}
        for row in names.rows:
            for known in filter(None, row):
                keys.setdefault(known.upper(), set()).add(row[0])
        wanted = name.strip().upper()
        found = keys.get(wanted, set())
        exact = {key for key in found if key.upper() == wanted} or found
        if len(exact) == 1:
            return next(iter(exact))
        if exact:
            raise QueryError(
                f"{name} is a name of {len(exact)} batteries.", expected=f"one of {', '.join(sorted(exact))}"
            )
        near = _near(wanted, list(keys))
        spelt = {known.upper(): known for row in names.rows for known in filter(None, row)}
        raise QueryError(
            f"No battery is called {name}.",
            expected=f"a name such as {', '.join(spelt[n] for n in near)}" if near else None,
            remedy="All names: bess leaderboard YEAR --format csv",
        )

    @contextmanager
    def _guarded(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The connection, its questions stopped at the timeout and its errors made ours."""
        connection = self._connect()
        seconds = self._settings.query_timeout_seconds
        timer = threading.Timer(seconds, connection.interrupt)
        timer.daemon = True
        self._timer = timer
        timer.start()
        try:
            yield connection
        except duckdb.InterruptException as error:
            raise QueryError(
                f"The query was stopped after {seconds:g} seconds.", remedy="Ask for less, or raise BESS_QUERY_TIMEOUT."
            ) from error
        except duckdb.OutOfMemoryException as error:
            raise QueryError(
                "The query needs more memory than it may take.", remedy="Ask for less, or raise BESS_MEMORY_LIMIT."
            ) from error
        except duckdb.Error as error:
            damaged = "magic bytes" in str(error) or "footer" in str(error).lower()
            raise QueryError(
                f"DuckDB cannot answer this. {str(error).strip()}",
                remedy="A result file is damaged: bess refresh YEAR makes it again." if damaged else None,
            ) from error
        finally:
            timer.cancel()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """An in-memory database that reads the results folder and nothing else, writes nothing and cannot be told otherwise."""
        if self._connection is None:
            connection = duckdb.connect(
                config={
                    "autoinstall_known_extensions": False,
                    "autoload_known_extensions": False,
                    "memory_limit": f"{self._settings.memory_limit_bytes}B",
                    "threads": self._settings.threads,
                    "temp_directory": "",
                }
            )
            for setting in (
                "TimeZone = 'UTC'",
                f"allowed_directories = [{_literal(self.folder.as_posix() + '/')}]",
                "enable_external_access = false",
                "lock_configuration = true",
            ):
                connection.execute(f"SET {setting}")
            self._connection = connection
        return self._connection


def _one_select(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError(
            "Only a query can be answered.", expected="one SELECT statement (or DESCRIBE, SUMMARIZE or SHOW TABLES)"
        )
    return str(statements[0].query).strip().rstrip(";")


def _fetch(cursor: duckdb.DuckDBPyConnection) -> Answer:
    return Answer(_columns(cursor), cursor.fetchall())


def _columns(cursor: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    return tuple(str(column[0]) for column in cursor.description)


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
        yield from rows


def _literal(text: str | Path) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _parquet(path: Path) -> str:
    return f"read_parquet({_literal(path)}, file_row_number = true)"


def _union(files: Sequence[tuple[int, Path]]) -> str:
    return " UNION ALL BY NAME ".join(
        f"SELECT {int(year)} AS year, * FROM read_parquet({_literal(path)})" for year, path in files
    )


def _order_by(sort: str, described: Sequence[tuple[str, str]]) -> str:
    types = dict(described)
    if sort not in types:
        near = _near(sort.lower(), list(types))
        raise QueryError(
            f"The leaderboard has no column {sort}.",
            expected=f"a column such as {', '.join(near)}" if near else None,
            remedy="All columns: the heading of bess leaderboard YEAR --format csv",
        )
    descending = types[sort] in {"DOUBLE", "BIGINT"} and sort not in _ASCENDING_NUMBERS
    return f'"{sort}" {"DESC" if descending else "ASC"} NULLS LAST'


def _near(wanted: str, names: list[str]) -> list[str]:
    """Up to five names like the one wanted: those that hold it or begin as it does, then those spelt alike."""
    import difflib  # noqa: PLC0415  needed for errors alone

    holding = sorted(name for name in names if wanted and wanted in name)
    alike = difflib.get_close_matches(wanted, names, n=5, cutoff=0.5)
    return list(dict.fromkeys([*alike[:1], *holding, *alike]))[:5]
