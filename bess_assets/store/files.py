"""Result tables as Parquet files: of the declared schema, their invariants checked, whole or not at all, the same bytes for the same rows."""

import logging
import math
import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.ercot.arrays import floats
from bess_assets.ercot.step import Columns, StepResult
from bess_assets.errors import InputError, InvariantError, NotRefreshedError
from bess_assets.store.fingerprint import Fingerprint, whole_digest
from bess_assets.store.journal import Written
from bess_assets.store.listing import of_earlier_version
from bess_assets.store.paths import file_before
from bess_assets.store.whole import copy_whole, whole
from bess_assets.tables import YEAR, Column, Table, arrow_schema
from bess_assets.threads import in_order

_NUMPY_UNITS = {"time": "datetime64[s]", "day": "datetime64[D]"}  # what whole numbers count in such a column
_SUM_TOLERANCE = 1e-8  # A total may differ from the sum of its parts by a cent in a million dollars

ROW_GROUP_ROWS = 32_768
"""Most rows of a row group where a table is no ledger: sorted by battery or node, so that a question about one of them reads a part of the file. Smaller ones
cost more to open than they spare."""


_log = logging.getLogger(__name__)


class ResultTable:
    """A result table of an earlier step, read lazily: opening it reads nothing, and a grid reads its row groups and columns only."""

    def __init__(self, table: Table, path: Path) -> None:
        self.table, self.path = table, path
        # an open Parquet file is for one thread at a time
        self._own = threading.local()
        self._footer: pq.FileMetaData | None = None

    def _open(self, *, coded: bool = False) -> pq.ParquetFile:
        """The file, open for this thread; `coded` gives texts as the dictionaries and codes that they are on the page."""
        opened: dict[bool, pq.ParquetFile] = self._own.__dict__.setdefault("opened", {})
        if coded not in opened:
            if not self.path.is_file():
                raise not_written(self.table.name, self.path)
            texts = [c.name for c in self.table.columns if c.kind in {"text", "label"}] if coded else []
            opened[coded] = pq.ParquetFile(self.path, metadata=self._footer, read_dictionary=texts, pre_buffer=False)
            self._footer = opened[coded].metadata
        return opened[coded]

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The table without its year, or some of its columns."""
        return _without_year(self.table, self._open().read(columns=columns))

    def batteries(self) -> list[str]:
        """Distinct values of the first key column in file order; of a ledger one per row group, from the footer."""
        key = self.table.key[0]
        if not self.table.ledger:
            return [str(value) for value in pc.unique(self.read([key]).column(0)).to_pylist()]
        metadata, index = self._open().metadata, self._open().schema_arrow.names.index(key)
        return [str(metadata.row_group(g).column(index).statistics.min) for g in range(metadata.num_row_groups)]

    def numbers(self, columns: list[str], n: int) -> dict[str, np.ndarray]:
        """Columns of the n-th row group.

        Numbers come as float64, NaN where null. Times are UTC seconds and days are days since 1970, int64 both; counts int64, flags bool.
        A null in any but a number cannot be shown and is an error.
        """
        rows, declared = self._row_group(columns, n), {column.name: column for column in self.table.columns}
        return {name: _as_numpy(self.table, declared[name], rows.column(name)) for name in columns}

    def labels(self, column: str, n: int) -> tuple[np.ndarray, list[str]]:
        """A text column of the n-th row group as int32 codes (-1 is null), and the texts of these codes."""
        encoded = self._row_group([column], n, coded=True).column(column).combine_chunks()
        return encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist()

    def _row_group(self, columns: list[str], n: int, *, coded: bool = False) -> pa.Table:
        if not self.table.ledger:
            raise TypeError(f"{self.table.name} is no ledger: it has no row group for each battery, read() it")
        rows = self._open(coded=coded).read_row_group(n, columns=columns, use_threads=False)
        if lacking := set(columns).difference(rows.column_names):
            raise of_earlier_version(self.path, sorted(lacking))
        return rows


def not_written(table: str, path: Path) -> NotRefreshedError:
    """The error of a table whose file is not there yet."""
    return NotRefreshedError(
        f"{table} has not been written for {path.stem}.",
        dataset=table,
        file=path,
        remedy=f"Refresh the whole year: bess refresh {path.stem}",
    )


def write_table(table: Table, path: Path, result: StepResult, progress: Callable[[], None] = lambda: None) -> Written:
    """Write a step's chunks as one Parquet file that appears whole or not at all; where the result is unchanged, only check the file that is there.

    Chunks are checked and written in a thread of their own while the step makes the next ones: a step must not change arrays that it has yielded.

    Args:
        table: the declaration that the chunks must meet.
        path: where the file goes; its folder is made.
        result: chunks in key order; of a ledger one per value of the first key.
        progress: called after each chunk.

    Returns:
        rows, dollars, coverage, digest and size of the file.

    Raises:
        InvariantError: the rows break a rule of the table; the file that was there before stays as it was.
        WriteError: the disk takes no more; the same.
    """
    tally = _Tally(table)
    if result.unchanged:
        tally.add(ResultTable(table, path).read())
        return tally.written(path)
    with whole(path) as temporary:
        with parquet_writer(table, temporary) as writer:

            def write(rows: pa.Table) -> None:
                tally.add(rows)
                if rows.num_rows or not table.ledger:
                    writer.write_table(rows, row_group_size=max(rows.num_rows, 1) if table.ledger else ROW_GROUP_ROWS)

            for _ in in_order(1, write, _chunks(table, path, result.chunks)):
                progress()
        return tally.written(temporary)


def read_kept(table: Table, path: Path, written: Mapping[str, Fingerprint]) -> pa.Table | None:
    """A table that only grows, as its file holds it, perhaps with the columns of an earlier version; None if there is no file.

    A file that is not one of those written, or is gone, is put aside, and the one before it put in its place where that is one of them; but one that goes on
    from the file that was written last is that of a run which died before it could be recorded.

    Args:
        table: the declaration.
        path: its file.
        written: fingerprints of the file and the one before it, by name; none where no record has them.

    Raises:
        InputError: the file is there and cannot be read as that table. Nothing can make it again, so that it must not be written over.
    """
    before, digests = file_before(path), {seen["digest"] for seen in written.values()}
    written_so = [file for file in (path, before) if file.is_file() and whole_digest(file) in digests]
    recorded = written[path.name]["digest"] if path.name in written else None
    if written_so == [before] and not (whole_digest(before) == recorded and _goes_on_from(path, before)):
        if path.is_file():
            copy_whole(path, path.with_suffix(".damaged"))
        copy_whole(before, path)
        _log.warning("%s is not as it was written: the file before it, %s, is in its place now", path, before.name)
    return _read_kept(table, path)


def _goes_on_from(path: Path, before: Path) -> bool:
    """Whether a file can be read and begins with all rows of another."""
    try:
        rows, earlier = pq.read_table(path), pq.read_table(before)
    except (OSError, pa.ArrowException):
        return False
    return bool(rows.schema.equals(earlier.schema) and rows.slice(0, earlier.num_rows).equals(earlier))


def _read_kept(table: Table, path: Path) -> pa.Table | None:
    required = [column.name for column in table.columns if column.required]
    try:
        if not path.exists():
            return None
        with pq.ParquetFile(path) as file:
            rows = _without_year(table, file.read())
        rows.validate(full=True)  # a flipped bit in a text is found when the text is looked at, or here
        lacking = [name for name in required if name not in rows.column_names]
        empty = [name for name in required if name not in lacking and rows.column(name).null_count]
        problem = f"it has no column {', '.join(lacking)}" if lacking else f"it has empty values in {', '.join(empty)}"
        if not lacking and not empty:
            return rows
    except (OSError, pa.ArrowException) as error:
        problem = str(error)
    raise InputError(
        f"{table.name} of {path.stem} cannot be read: {problem}",
        dataset=table.name,
        file=path,
        expected="the Parquet file as it was written",
        remedy="It is left as it is, for nothing can make it again. Put a backup in its place; or move it and the file before it away, and it begins anew.",
    )


def _without_year(table: Table, rows: pa.Table) -> pa.Table:
    return rows if table.merged else rows.select([name for name in rows.column_names if name != YEAR.name])


# --- writing ------------------------------------------------------------------------------------------------------------------------------


@contextmanager
def parquet_writer(table: Table, path: Path) -> Iterator[pq.ParquetWriter]:
    """The writer of a table's file, as the table is declared; it checks nothing."""
    # Text is codes on the page; a ledger's is handed over as such. lz4 writes in half the time of zstd for a tenth more bytes. Counts repeat: from
    # a dictionary they are read in a fraction of the time. Neither times nor paths go into the file, so that the same rows give the same bytes.
    with pq.ParquetWriter(
        path,
        _written_schema(table),
        compression="lz4",
        use_dictionary=[c.name for c in table.file_columns if c.kind in {"text", "label", "count"}],
        column_encoding={c.name: "DELTA_BINARY_PACKED" for c in table.columns if c.kind in {"time", "day"}},
        write_statistics=[c.name for c in table.file_columns if c.name in table.key or c.kind == "day" or c is YEAR],
        store_schema=False,
    ) as writer:
        # The schema that readers see says plain text: a filter on a dictionary-typed column took eighty times as long.
        schema = arrow_schema(table)
        writer.add_key_value_metadata({**schema.metadata, "ARROW:schema": b64encode(schema.serialize().to_pybytes())})
        yield writer


@cache
def _written_schema(table: Table) -> pa.Schema:
    """The schema of what is handed to the writer: in a ledger, texts are dictionaries."""
    schema, coded = arrow_schema(table), pa.dictionary(pa.int32(), pa.string())
    fields = [field.with_type(coded) if table.ledger and pa.types.is_string(field.type) else field for field in schema]
    return pa.schema(fields, metadata=schema.metadata)


def _chunks(table: Table, path: Path, chunks: Iterable[Columns]) -> Iterator[pa.Table]:
    """The chunks as Arrow tables, the year of the file in front: of a ledger one by one, of a table with an order of its own all in one, else by row group."""

    def whole_rows(chunk: Columns) -> pa.Table:
        rows = conform(table, chunk, kept)
        years = [] if table.merged else [pa.repeat(pa.scalar(int(path.stem)), rows.num_rows)]
        return pa.Table.from_arrays([*years, *rows.columns], schema=_written_schema(table))

    kept: dict[str, tuple[Any, pa.Array]] = {}
    if table.ledger:
        yield from map(whole_rows, chunks)
        return
    waiting, rows = list[Columns](), 0
    for chunk in chunks:
        count = _rows_of(table, chunk)
        if waiting and rows + count > ROW_GROUP_ROWS and not table.sort:
            yield whole_rows(_joined(waiting))
            waiting, rows = [], 0
        waiting.append(chunk)
        rows += count
    yield whole_rows(_joined(waiting)) if waiting else _written_schema(table).empty_table()


def _joined(chunks: Sequence[Columns]) -> Columns:
    """Chunks of arrays and lists as one."""
    first, *others = chunks
    if not others:
        return first
    return {
        name: np.concatenate([chunk[name] for chunk in chunks])
        if isinstance(first[name], np.ndarray)
        else [value for chunk in chunks for value in chunk[name]]
        for name in first
    }


# --- conforming -----------------------------------------------------------------------------------------------------------------------------


def conform(table: Table, chunk: Columns, kept: dict[str, tuple[Any, pa.Array]] | None = None) -> pa.Table:
    """A chunk as an Arrow table of the declared columns; in a ledger, texts are dictionaries.

    Args:
        table: the declaration.
        chunk: its columns.
        kept: columns of the chunk before by name, and the arrays made of them: a column that is the same object is not made again.

    Raises:
        InvariantError: a column too few or too many, of another length or kind, or with a value that it may not hold.
    """
    _rows_of(table, chunk)
    schema, kept = _written_schema(table), {} if kept is None else kept
    for c in table.columns:
        if c.name not in kept or kept[c.name][0] is not chunk[c.name]:
            kept[c.name] = chunk[c.name], _conform_column(table, c, schema.field(c.name).type, chunk[c.name])
    arrays = [kept[name][1] for name in table.column_names]
    return pa.Table.from_arrays(arrays, schema=pa.schema([schema.field(name) for name in table.column_names]))


def _rows_of(table: Table, chunk: Columns) -> int:
    """How many rows a chunk has, whose columns are those declared and of one length: joined to others, short ones would be filled from the next chunk."""
    lacking, extra = sorted(set(table.column_names) - set(chunk)), sorted(set(chunk) - set(table.column_names))
    if lacking or extra:
        expected = [f"{name} present" for name in lacking] + [f"{name} declared in tables.py" for name in extra]
        raise _broken(table, "does not have the columns it declares.", ", ".join(lacking + extra), "; ".join(expected))
    first, *others = ((name, len(chunk[name])) for name in table.column_names)
    for name, count in others:
        if count != first[1]:
            wanted = f"{first[1]} values, not {count}"
            raise _broken(table, "has columns of different lengths.", name, wanted)
    return first[1]


def _conform_column(table: Table, column: Column, arrow_type: pa.DataType, values: Any) -> pa.Array:
    try:
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        array = _numbers(table, column, values) if column.kind == "number" else _to_arrow(column, arrow_type, values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        problem = f"has values in {column.name} that are not of its kind: {error}"
        raise _broken(table, problem, column.name, column.kind) from error
    if column.required and array.null_count:
        problem = f"has {array.null_count} empty values in {column.name}, which is never empty."
        raise _broken(table, problem, column.name, column.meaning)
    return array


def _to_arrow(column: Column, arrow_type: pa.DataType, values: Any) -> pa.Array:
    if pa.types.is_dictionary(arrow_type):
        texts = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        return (texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()).cast(arrow_type)
    if isinstance(values, np.ndarray):
        if column.kind in _NUMPY_UNITS and values.dtype.kind in "iu":
            values = values.astype(_NUMPY_UNITS[column.kind])
        values = pa.array(values, from_pandas=True)
    return values.cast(arrow_type) if isinstance(values, pa.Array) else pa.array(values, arrow_type)


def _numbers(table: Table, column: Column, values: Any) -> pa.Array:
    """Numbers that are NaN, as grids say it, or null are null; none is infinite."""
    if not (isinstance(values, np.ndarray) and values.dtype.kind in "fiu" and values.ndim == 1):
        array = values if isinstance(values, pa.Array) else pa.array(values)
        values = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    numbers = np.ascontiguousarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    nulls = len(numbers) - int(np.count_nonzero(finite))
    if nulls and np.isinf(numbers).any():
        expected = "a finite number, or null where it is unknown"
        raise _broken(table, f"has an infinite number in {column.name}.", column.name, expected)
    # a tenth of the time that pa.array takes to find the nulls one by one
    bits = pa.py_buffer(np.packbits(finite, bitorder="little")) if nulls else None
    return pa.Array.from_buffers(pa.float64(), len(numbers), [bits, pa.py_buffer(numbers)], nulls)


# --- what must hold -------------------------------------------------------------------------------------------------------------------------


class _Tally:
    """Checks row groups as they come, and sums what is said about the whole table."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._rows = self._known = self._expected = 0
        self._money = list[float]()
        self._last: str | None = None
        self._before: list[pa.Table] = []
        self._shape: list[pa.ChunkedArray] | None = None

    def written(self, path: Path) -> Written:
        return Written(
            rows=self._rows,
            money_usd=math.fsum(self._money) if self._money else None,
            coverage=self._known / self._expected if self._expected else None,
            digest=whole_digest(path),
            bytes=path.stat().st_size,
        )

    def add(self, rows: pa.Table) -> None:
        if self.table.ledger:
            self._check_row_group(rows)
        else:
            keys = rows.select(self.table.key)
            if self.table.sort:  # unique all the same
                keys = keys.sort_by([(name, "ascending") for name in self.table.key])
            # the step from the row group before by itself: labels may come in another order there
            for own in (pa.concat_tables([*self._before, keys.slice(0, 1)]), keys):
                _check_ascending(self.table, own, self.table.key)
            self._before = [keys.slice(max(keys.num_rows - 1, 0))]
        for total, parts in self.table.sums:
            _check_sum(self.table, rows, total, parts)
        self._rows += rows.num_rows
        if self.table.money and (money := pc.sum(self._column(rows, self.table.money)).as_py()) is not None:
            self._money.append(money)
        if self.table.coverage:
            known, expected = self.table.coverage
            self._known += self._amount(rows, known)
            self._expected += rows.num_rows if expected is None else self._amount(rows, expected)

    def _amount(self, rows: pa.Table, name: str) -> int:
        """The amount of a column of the coverage: a sum of counts or of flags, or how many numbers are known."""
        column = self._column(rows, name)
        amount = pc.count if pa.types.is_floating(column.type) else pc.sum
        return int(amount(column).as_py() or 0)

    def _column(self, rows: pa.Table, name: str) -> pa.ChunkedArray:
        """A column, or those of all products one after the other."""
        columns = [rows.column(stored) for stored in self.table.stored(name)]
        return pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)

    def _check_row_group(self, rows: pa.Table) -> None:
        """A ledger is dense: each row group has one battery and the same rest of the key, so that reading it is a reshape."""
        first, *rest = self.table.key
        names = pc.unique(rows.column(first)).to_pylist()
        if len(names) != 1 or (self._last is not None and names[0] <= self._last):
            problem = f"has row groups that are not one {first} each, in ascending order."
            raise _broken(self.table, problem, first, f"one value after {self._last!r}, not {names[:3]}")
        self._last = names[0]
        shape = [rows.column(name) for name in rest]
        if self._shape is None:
            _check_ascending(self.table, rows, tuple(rest))
            self._shape = shape
        odd = next((n for n, a, b in zip(rest, shape, self._shape, strict=True) if not a.equals(b)), None)
        if odd:
            problem = f"has other values of {odd} for {names[0]} than for the first {first}."
            raise _broken(self.table, problem, odd, "a dense table: the same rows for each, unknown ones as null")


def _check_ascending(table: Table, rows: pa.Table, key: tuple[str, ...]) -> None:
    """The key ascends strictly. A label's values may come in any order of their own, such as that of the datasets, but each in one piece."""
    if rows.num_rows < 2:
        return
    undecided, wrong = np.ones(rows.num_rows - 1, dtype=bool), np.zeros(rows.num_rows - 1, dtype=bool)
    for name in key:
        values = rows.column(name).combine_chunks()
        if table.column(name).kind == "label":
            values = values.cast(pa.string()).dictionary_encode().indices
        before, after = values.slice(0, len(values) - 1), values.slice(1)
        wrong |= undecided & pc.less(after, before).to_numpy(zero_copy_only=False)
        undecided &= pc.equal(after, before).to_numpy(zero_copy_only=False)
    wrong |= undecided
    if wrong.any():
        row = int(np.argmax(wrong))
        here, following = _key(table, rows, row), _key(table, rows, row + 1)
        unordered = f"is not in the order of its key: {following} comes after {here}."
        problem = f"has a key twice: {here}." if here == following else unordered
        raise _broken(table, problem, ", ".join(table.key), "unique, ascending keys")


def _check_sum(table: Table, rows: pa.Table, total: str, parts: tuple[str, ...]) -> None:
    """Where the total is known, some part is, and the known parts add up to it."""
    whole, *columns = (np.asarray(rows.column(name).to_numpy()) for name in (total, *parts))
    # Most rows agree to the last digits with every part known: only the others are looked at closely.
    near = np.abs(whole - sum(columns)) <= _SUM_TOLERANCE
    suspects = np.flatnonzero(~near & ~np.isnan(whole))
    terms = np.stack([column[suspects] for column in columns])
    known = ~np.isnan(terms)
    filled = np.where(known, terms, 0.0)
    off = np.abs(whole[suspects] - filled.sum(axis=0))
    wrong = ~known.any(axis=0) | (off > _SUM_TOLERANCE * np.maximum(1.0, np.abs(filled).sum(axis=0)))
    if wrong.any():
        first = int(np.argmax(wrong))
        row = int(suspects[first])
        values = f"{whole[row]:.6f} and {filled[:, first].sum():.6f}"
        problem = f"has a {total} that is not the sum of its parts, at {_key(table, rows, row)}: {values}."
        raise _broken(table, problem, total, " + ".join(parts))


def _key(table: Table, rows: pa.Table, row: int) -> str:
    return ", ".join(str(rows.column(name)[row].as_py()) for name in table.key)


def _broken(table: Table, problem: str, column: str, expected: str) -> InvariantError:
    return InvariantError(f"{table.name} {problem}", dataset=table.name, column=column, expected=expected)


# --- reading --------------------------------------------------------------------------------------------------------------------------------


def _as_numpy(table: Table, declared: Column, column: pa.ChunkedArray) -> np.ndarray:
    name, kind = f"{table.name}.{declared.name}", declared.kind
    if kind in {"text", "label"}:
        raise TypeError(f"{name} is text: ask for its labels()")
    if kind != "number" and column.null_count:
        raise TypeError(f"{name} has nulls and is no number: read() it")
    whole = column.combine_chunks()
    if kind == "number":
        return floats(whole)
    values = np.asarray(whole.to_numpy(zero_copy_only=False))
    return values.astype(_NUMPY_UNITS[kind]).astype(np.int64) if kind in _NUMPY_UNITS else values
