"""DuckDB, limited to reading the results folder within a time and a memory limit; its errors made ours; the SQL that names files, tables and periods."""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import duckdb

from bess_assets.results.answers import Answer, QueryError, StillRunningError, UnansweredError
from bess_assets.results.cache import of_one_edition
from bess_assets.settings import Settings
from bess_assets.store.listing import Marks, marks_of, nothing_yet, of_earlier_version, yearly_files

if TYPE_CHECKING:
    from bess_assets.tables import Table

T = TypeVar("T")

Step = Literal["day", "month", "year"]
"""Length of the periods that an answer has rows of."""

LONGEST_SQL = 100_000
"""Characters of a user's question: parsing heeds no interrupt, and 10 million of them take it 20 s."""
_REFRESH_SECONDS = 600.0
"""The timeout of the user's questions would fail a check of a year of real size on a busy machine."""
LOOK_SECONDS = 0.02
"""Between two looks at the memory of this process while a user's question is worked on."""
_ROWS_AT_ONCE, _FETCHED = 8192, 256
"""Rows given to the reader at once, and those that become Python values before the memory can be looked at: DuckDB counts no Python value."""
GRACE_SECONDS = 0.5
"""How long DuckDB may take to heed an interrupt: it looks between blocks of rows, so that one slow call of a function on one row delays it."""
PERIODS: dict[Step, str] = {
    "day": "operating_day",
    "month": "year(operating_day)::INTEGER AS year, month(operating_day)::INTEGER AS month",
    "year": "year(operating_day)::INTEGER AS year",
}
"""Columns of the period that an operating day belongs to."""
# The year in the name of the file that a row comes from; a filter on it leaves other files unread.
_YEAR_OF_FILE = r"CAST(regexp_extract(filename, '(\d+)\.parquet$', 1) AS INTEGER) AS year"
DUCKDB_TYPES = {
    "text": "VARCHAR",
    "label": "VARCHAR",
    "day": "DATE",
    "time": "TIMESTAMP WITH TIME ZONE",
    "number": "DOUBLE",
    "count": "BIGINT",
    "flag": "BOOLEAN",
}
"""DuckDB's type of each kind of column."""


class Engine:
    """An in-memory DuckDB that reads one folder. Several threads may use it: each question has a cursor of its own."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._views: dict[str, Marks] = {}
        self._guard = threading.RLock()

    def close(self) -> None:
        """Give up the connection; a later question opens a new one."""
        with self._guard:
            if self._connection is not None:
                with suppress(duckdb.Error):  # a cursor that was given up may still be busy; it closes itself
                    self._connection.close()
                self._connection = None
                self._views.clear()

    def ask(self, *statements: str) -> list[Answer]:
        """The answers of some statements of our own, in one go.

        Raises:
            QueryError: they took too long or too much memory, or a file is damaged.
        """
        with closing(_Clock(self._connect(), self._settings)) as clock:
            return clock.run(lambda cursor: [_answer(cursor.execute(sql), cursor.fetchall) for sql in statements])

    @contextmanager
    def stream(self, sql: str) -> Iterator[tuple[Answer, Iterator[tuple[Any, ...]]]]:
        """The first rows of one SELECT of a user's, over views of the result tables that it names, and an iterator over all of them.

        The timeout counts the time that DuckDB takes, not that of the reader.

        Raises:
            NotRefreshedError: there is no result table at all.
            QueryError: not one SELECT, one that DuckDB refuses, or one that took too long.
        """
        from bess_assets.tables import TABLES  # noqa: PLC0415  a leaderboard is shown without it

        if not any(map(self.files_of, TABLES.values())):
            raise nothing_yet(self._settings.results)
        refuse_long(sql)
        with closing(_Clock(self._connect(), self._settings, self._settings.memory_limit_bytes)) as clock:
            text = clock.run(lambda cursor: _one_select(cursor, sql))
            named = tables_in(text)

            def marks_now() -> Marks:
                return marks_of(file for table in named for file in self.files_of(table))

            def begin() -> Answer:
                self._make_views(clock, named)
                # As a subquery: DuckDB 2.0 takes COPY and INSERT inside the WITH of a top-level SELECT, and refuses them in a nested one.
                nested = f"SELECT * FROM (\n{text}\n)"
                return clock.run(lambda cursor: _answer(cursor.execute(nested), lambda: _some_rows(cursor)))

            def every_row() -> Iterator[tuple[Any, ...]]:
                rows = begun.rows
                while rows:
                    yield from rows
                    rows, _ = of_one_edition(lambda: clock.run(_some_rows), marks_now, marks)

            begun, marks = of_one_edition(begin, marks_now)
            yield begun, every_row()

    def files_of(self, table: "Table") -> list[Path]:
        """The files of a result table that are there, in the order of their years; of a merged table its one file."""
        results = self._settings.results
        merged = results / table.name / "all.parquet"
        return [merged] * merged.is_file() if table.merged else list(yearly_files(results, table.name).values())

    def _make_views(self, clock: "_Clock", named: "Sequence[Table]") -> None:
        with self._guard:
            for table in named:
                files = self.files_of(table)
                if self._views.get(table.name) != (marks := marks_of(files)):
                    clock.run(lambda cursor, table=table, files=files: _make_view(cursor, table, files))  # type: ignore[misc]
                    self._views[table.name] = marks

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """A database that reads the results folder and nothing else, writes nothing, and lets no statement change that."""
        with self._guard:
            if self._connection is None:
                connection = duckdb.connect(
                    config={
                        "autoinstall_known_extensions": False,
                        "autoload_known_extensions": False,
                        # Else a name that is no table is looked up among the caller's Python variables.
                        "python_enable_replacements": False,
                        # Else blocks of a file could outlive it: a file may be replaced by one of equal size within the same tick of the clock.
                        "enable_external_file_cache": False,
                        "memory_limit": f"{self._settings.memory_limit_bytes}B",
                        "threads": self._settings.threads,
                        "temp_directory": "",
                    }
                )
                folder = literal(self._settings.results.as_posix() + "/")
                connection.execute(
                    f"SET GLOBAL TimeZone = 'UTC'; SET allowed_directories = [{folder}]; "
                    "SET enable_external_access = false; SET lock_configuration = true"
                )
                self._connection = connection
            return self._connection


@lru_cache(maxsize=1)
def engine_of_refresh(settings: Settings) -> Engine:
    """The engine that checks and the site ask, whose questions may take longer; one for all of them: opening DuckDB takes longer than most of these."""
    return Engine(replace(settings, query_timeout_seconds=max(settings.query_timeout_seconds, _REFRESH_SECONDS)))


class _Clock:
    """A cursor that works in a thread of its own, so that its caller has an answer in time whatever DuckDB does.

    DuckDB counts what its buffers hold, and neither long texts nor lists that a function makes: where a limit is given, the memory of the process is
    watched too, and may grow by that much.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, settings: Settings, most_bytes: int | None = None
    ) -> None:
        self._cursor, self._abandoned = connection.cursor(), False
        self._too_much = _watch(most_bytes) if most_bytes else None
        self._seconds = self._left = settings.query_timeout_seconds

    def close(self) -> None:
        """Close the cursor; one that was given up is still busy, and closes itself when its thread forgets it."""
        if not self._abandoned:
            self._cursor.close()

    def run(self, work: Callable[[duckdb.DuckDBPyConnection], T]) -> T:
        """Do some work with the cursor, within what is left of the time.

        Raises:
            QueryError: the question took too long or too much memory, is wrong, or a file is damaged.
            StillRunningError: the time or the memory is over and DuckDB did not heed the interrupt; no later question waits for it.
        """
        result, failure = list[T](), list[BaseException]()

        def do() -> None:
            try:
                result.append(work(self._cursor))
            except BaseException as error:  # noqa: BLE001  raised again by the thread that waits
                failure.append(error)

        thread = threading.Thread(target=do, name="query", daemon=True)
        started, too_much = time.monotonic(), False
        thread.start()
        try:
            while thread.is_alive() and not too_much and (left := self._left - (time.monotonic() - started)) > 0:
                thread.join(min(left, LOOK_SECONDS) if self._too_much else left)
                too_much = self._too_much is not None and self._too_much()
            if thread.is_alive():
                self._cursor.interrupt()
                # what grows is not waited for: it would take gigabytes more in that time
                thread.join(0 if too_much else GRACE_SECONDS)
        except KeyboardInterrupt:
            with suppress(duckdb.Error):
                self._cursor.interrupt()
            raise
        finally:
            self._abandoned = thread.is_alive()
        if too_much:
            raise _too_large(StillRunningError if self._abandoned else QueryError)
        if self._abandoned:
            raise self._too_long(StillRunningError)
        self._left = max(self._left - (time.monotonic() - started), 0.0)
        for error in failure:
            if isinstance(error, duckdb.Error):
                raise self._translated(error) from error
            raise error
        return result[0]

    def _too_long(self, kind: type[QueryError] = QueryError) -> QueryError:
        remedy = "Ask for less, or raise BESS_QUERY_TIMEOUT."
        return kind(f"The query was stopped after {self._seconds:g} seconds.", remedy=remedy)

    def _translated(self, error: duckdb.Error) -> QueryError:
        if isinstance(error, duckdb.InterruptException):
            return self._too_long()
        if isinstance(error, duckdb.OutOfMemoryException):
            return _too_large()
        remedy = None
        if "magic bytes" in str(error) or "footer" in str(error).lower():
            remedy = "A result file is damaged: bess refresh YEAR makes it again."
        elif self._too_much is None and isinstance(error, duckdb.BinderException):  # a statement of our own
            remedy = "A result file was made by an earlier version: bess refresh YEAR --only changed makes it anew."
        return UnansweredError(f"DuckDB cannot answer this. {str(error).strip()}", remedy=remedy)


def _watch(most_bytes: int) -> Callable[[], bool]:
    """A function that says whether this process has grown by more than so many bytes since now."""
    from bess_assets.process_memory import resident_bytes  # noqa: PLC0415  a leaderboard is shown without it

    limit = resident_bytes() + most_bytes
    return lambda: resident_bytes() > limit


def _too_large(kind: type[QueryError] = QueryError) -> QueryError:
    return kind("The query needs more memory than it may take.", remedy="Ask for less, or raise BESS_MEMORY_LIMIT.")


def refuse_long(sql: str) -> None:
    """QueryError if a statement is longer than any that is read: to parse it or to search it for names would take seconds."""
    if len(sql) > LONGEST_SQL:
        raise QueryError(f"The query has {len(sql):,} characters.", expected=f"at most {LONGEST_SQL:,}")


def tables_in(sql: str) -> "list[Table]":
    """Result tables that a statement may read."""
    from bess_assets.tables import TABLES  # noqa: PLC0415  a leaderboard is shown without it

    every = re.search(r"\b(show|information_schema|duckdb_\w+)\b", sql, re.IGNORECASE)
    named = {name.lower() for name in re.findall(r"\w+", sql)}
    return [table for table in TABLES.values() if every or not named.isdisjoint(table.views)]


def _one_select(cursor: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The statement without what follows it; QueryError if it is not one SELECT."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError(
            "Only a query can be answered.", expected="one SELECT statement (or DESCRIBE, SUMMARIZE or SHOW TABLES)"
        )
    return str(statements[0].query).strip().rstrip(";")


def _make_view(cursor: duckdb.DuckDBPyConnection, table: "Table", files: Sequence[Path]) -> None:
    """Make the view of a table, with the year in front where it has one, or both of a table by product; without files they are empty.

    Raises:
        NotRefreshedError: a file of a table by product has a row for each product, as earlier versions wrote it.
    """
    year = "" if table.merged else "NULL::INTEGER AS year, "
    rows = f"SELECT {year}{', '.join(f'NULL::{DUCKDB_TYPES[c.kind]} AS {c.name}' for c in table.columns)} WHERE false"
    if files:
        rows = f"SELECT * FROM {read(files)}" if table.merged else with_year(files)
    as_stored = next(iter(table.views))
    if table.by_product:
        _refuse_rows_by_product(cursor, table, files)
        cursor.execute(f"CREATE OR REPLACE VIEW {as_stored} AS {rows}")
        rows = f"FROM {as_rows(table, as_stored)}"
    cursor.execute(f"CREATE OR REPLACE VIEW {table.name} AS {rows}")


def _refuse_rows_by_product(cursor: duckdb.DuckDBPyConnection, table: "Table", files: Sequence[Path]) -> None:
    of_rows = {column.name for column in table.views[table.name]}.difference(table.column_names)
    for file in files:
        names = {name for (name,) in cursor.execute(f"SELECT name FROM parquet_schema({literal(file)})").fetchall()}
        if names & of_rows:
            raise of_earlier_version(file, [name for name in table.column_names if name not in names])


def as_rows(table: "Table", relation: str) -> str:
    """A relation of a table's rows as SQL shows them: those of a table by product once for each product, of which only the columns asked for are read."""
    if not table.by_product:
        return relation
    names = [column.name for column in table.views[table.name]]
    every = (", ".join(f"{own.get(name, name)} AS {name}" for name in names) for own in table.of_each_product)
    return f"({' UNION ALL '.join(f'SELECT year, {columns} FROM {relation}' for columns in every)})"


WITHOUT_YEAR = "COLUMNS(lambda c: c NOT IN ('year', 'filename'))"
"""The declared columns of yearly files, whether or not they are of a version that wrote its year."""


def rows_of(files: Iterable[Path]) -> str:
    """SELECT of yearly files as their table is declared, without the year that the files hold."""
    return f"SELECT {WITHOUT_YEAR} FROM {read(files)}"


def with_year(files: Iterable[Path], columns: str = WITHOUT_YEAR) -> str:
    """SELECT of yearly files with the year in front; a column that only some of them have is null in the others."""
    return f"SELECT {_YEAR_OF_FILE}, {columns} FROM {read(files, ', filename = true')}"


def read(files: Iterable[Path], option: str = "") -> str:
    """Relation of files; a column that only some of them have is null in the others."""
    return f"read_parquet([{', '.join(map(literal, files))}], union_by_name = true{option})"


def literal(text: str | Path) -> str:
    """A text as SQL spells it."""
    return "'" + str(text).replace("'", "''") + "'"


def _answer(cursor: duckdb.DuckDBPyConnection, fetch: Callable[[], list[tuple[Any, ...]]]) -> Answer:
    """Rows of the statement last executed, under its names and types."""
    names, types, *_ = zip(*cursor.description, strict=True)
    return Answer(tuple(map(str, names)), fetch(), tuple(map(str, types)))


def _some_rows(cursor: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    while len(rows) < _ROWS_AT_ONCE and (more := cursor.fetchmany(_FETCHED)):
        rows += more
    return rows
