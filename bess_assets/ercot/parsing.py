"""Columns of Parquet files of any era under canonical names, as typed numpy arrays, batch by batch.

A column of few distinct values is read as codes and the value of each code; the last value is that of a blank. Each distinct text is parsed once a
batch: a year of SCED holds 35,000 stamps in 31 million rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import reduce
from pathlib import Path
from string import whitespace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.ercot.arrays import NO_VALUE, BoolArray, CodeArray, FloatArray, IntArray, floats
from bess_assets.ercot.datasets import Dataset
from bess_assets.ercot.footers import LAYOUT_COLUMN, METADATA_KEY, find_columns, is_blank, open_parquet, report_layouts
from bess_assets.ercot.text_values import (
    parse_day,
    parse_flag,
    parse_hour,
    parse_interval,
    parse_number,
    parse_wall_clock,
    wall_clocks,
)
from bess_assets.threads import read_ahead

BATCH_ROWS = 2**17

INTERVAL_END = "interval_end"
TIME_COLUMNS = ("operating_day", "sced_stamp", INTERVAL_END)
"""Canonical columns that say the day of a row; each dataset has one of them."""
STORED_TIME = "interval_start"
"""UTC start of a row's interval or run in a rollup built from reports, beside its `operating_day`."""
_TIME_LABELS = (*TIME_COLUMNS, "hour_ending", "interval", "interval_number", "repeated_hour")

_LARGEST_WHOLE = 2.0**53
"""Above it a float is no whole number in particular."""
_NOON_SECONDS = 43_200
_PADDING = f"{whitespace}\0\xa0\u200b\ufeff"
_LONGEST_ROW = 200  # characters of what a row says
_MOST_CODES = 4_096
"""Integers that lie closer together than this are codes already."""


class Reader(NamedTuple):
    """How a kind of column is read: each of its texts, what a text should be, what the column should hold, and the value of a blank."""

    parse: Callable[[str], float | None]
    text: str
    column: str
    blank: float = NO_VALUE


READERS = {
    "day": Reader(
        parse_day,
        "a date such as 03/09/2025 or 2025-03-09, not as a spreadsheet shows it",
        "dates, or text that holds dates",
    ),
    "stamp": Reader(parse_wall_clock, "a stamp such as 03/09/2025 00:15:13", "timestamps, or text that holds them"),
    "utc": Reader(parse_wall_clock, "", "timestamps with the time zone UTC"),
    "hour": Reader(
        parse_hour,
        "an hour ending 1, or 01:00, to 24 (25 on the autumn day), not 0 to 23, and not 0:00, as a spreadsheet shows 24:00",
        "hours such as 1 or 01:00",
    ),
    "interval": Reader(parse_interval, "a whole number", "whole numbers"),
    "flag": Reader(parse_flag, "Y or N", "Y or N", -1),
    "number": Reader(parse_number, "a number", "numbers", float("nan")),
}


_TIMES = ("day", "stamp", "utc")


class _UnreadableError(ValueError):
    """A value, and what was expected instead."""


def _encode(column: pa.Array) -> tuple[CodeArray, pa.Array]:
    """Codes as narrow as they come, one past the last where null, and the distinct values; of near integers a value need not occur."""
    if pa.types.is_integer(column.type) and len(column) > column.null_count:
        least, most = (pc.min_max(column)[end].as_py() for end in ("min", "max"))
        if most - least < _MOST_CODES:
            # narrower ones have no room for a difference
            plain = pa.types.is_int32(column.type) and not column.null_count
            values = (column if plain else column.cast(pa.int64()).fill_null(most + 1)).to_numpy()
            return (values - least).astype(np.int32, copy=False), pa.array(np.arange(least, most + 1))
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    codes = column.indices
    if codes.null_count:
        codes = pc.fill_null(codes.cast(pa.int32()), len(column.dictionary))
    return codes.to_numpy(zero_copy_only=False), column.dictionary


def _meanings(kind: str, values: pa.Array) -> IntArray | FloatArray:
    """The value of each distinct value of a column, and last that of a blank."""
    how = READERS[kind]
    if _is_text(values.type) or pa.types.is_null(values.type) or kind == "flag":
        texts = pc.utf8_trim_whitespace(values.cast(pa.string()))
        found: Any
        if kind in _TIMES:
            found = wall_clocks(texts)
            unreadable = (found == NO_VALUE) & np.asarray(pc.fill_null(pc.not_equal(texts, ""), fill_value=False))
            found = np.where(found == NO_VALUE, NO_VALUE, found // 86_400) if kind == "day" else found
        else:
            found = [how.parse(text) if text else how.blank for text in texts.to_pylist()]
            unreadable = np.array([value is None for value in found], dtype=bool)
        if unreadable.any():
            raise _UnreadableError(texts[int(unreadable.argmax())].as_py(), how.text)
    elif kind in _TIMES:
        found = _typed_time(kind, values)
    elif kind == "hour" and (pa.types.is_time(values.type) or pa.types.is_duration(values.type)):
        found = _clock_hours(values)
    elif pa.types.is_integer(values.type) and kind in {"hour", "interval"}:
        found = values.cast(pa.int64()).to_numpy()
    elif (pa.types.is_decimal(values.type) or pa.types.is_floating(values.type)) and kind in {"hour", "interval"}:
        floats = values.cast(pa.float64()).to_numpy()
        odd = np.isfinite(floats) & ((floats != np.floor(floats)) | (np.abs(floats) > _LARGEST_WHOLE))
        if odd.any():
            raise _UnreadableError(str(floats[odd][0]), how.text)
        found = np.where(np.isfinite(floats), floats, NO_VALUE).astype(np.int64)
    else:
        raise _UnreadableError(str(values.type), how.column)
    return np.append(np.asarray(found, dtype=np.float64 if kind == "number" else np.int64), how.blank)


def _clock_hours(values: pa.Array) -> IntArray:
    """Hour labels of times of the day: 24:00 is the last."""
    whole = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit] * 3_600
    ticks: IntArray = values.cast(f"int{values.type.bit_width}").to_numpy().astype(np.int64)
    hours, rest = np.divmod(ticks, whole)
    if rest.any():
        raise _UnreadableError(str(timedelta(hours=float((hours + rest / whole)[rest > 0][0]))), READERS["hour"].text)
    return hours


def _typed_time(kind: str, values: pa.Array) -> IntArray:
    """Day numbers, wall-clock or UTC seconds of dates and timestamps: UTC is wall-clock time stored as if it were UTC, any other zone is meant."""
    is_stamp = pa.types.is_timestamp(values.type)
    if not is_stamp and not (kind == "day" and pa.types.is_date(values.type)):
        raise _UnreadableError(str(values.type), READERS[kind].column)
    if is_stamp and kind != "utc" and values.type.tz is not None:
        as_if = values.type.tz in {"UTC", "Etc/UTC", "GMT", "Z", "+00:00"}
        values = values.cast(pa.timestamp(values.type.unit)) if as_if else pc.local_timestamp(values)
    if kind == "day":
        seconds = np.asarray(values.cast(pa.timestamp("s"), safe=False).cast(pa.int64()))
        if len(seconds) and (seconds % 86_400 >= _NOON_SECONDS).all():  # midnights of a zone to the east
            raise _UnreadableError(str(values[0]), "days, or their midnights in Central time")
        return seconds // 86_400
    return np.asarray(values.cast(pa.timestamp("s", values.type.tz), safe=False).cast(pa.int64()))


def _trimmed(values: pa.Array) -> tuple[CodeArray, list[str]]:
    """Code of each distinct text once trimmed, and last that of a blank, -1; and the text of each code."""
    texts: dict[str, int] = {}
    trimmed = ["" if value is None else str(value).strip(_PADDING) for value in values.to_pylist()]
    codes = [texts.setdefault(text, len(texts)) if text else -1 for text in trimmed]
    return np.array([*codes, -1], dtype=np.int32), list(texts)


Unusable = Callable[[str, "Rows", IntArray], None]


def _unheard(_name: str, _rows: "Rows", _which: IntArray) -> None:
    """Count nothing."""


@dataclass
class RowSource:
    """What all batches of one file share.

    Attributes:
        dataset: what the file is.
        path: the file.
        found: heading by canonical name.
        layouts: canonical columns of each layout of the reports that a rollup was built from; empty where it does not say.
        unusable: told of infinities and NaN while rows are read: canonical column, rows, and which of them.
        spellings: by canonical name of a column of dates the separators between their parts, each with a date that has it.
    """

    dataset: Dataset
    path: Path
    found: dict[str, str]
    layouts: list[frozenset[str]] = field(default_factory=list)
    unusable: Unusable = _unheard
    spellings: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    _known: dict[tuple[str, str], tuple[pa.Array, Any]] = field(default_factory=dict)

    def once(self, name: str, kind: str, values: pa.Array, parse: Callable[[], Any]) -> Any:
        """What a column's distinct values mean: parsed again only where a batch has others than the batch before."""
        kept = self._known.get((name, kind))
        if kept is None or not kept[0].equals(values):
            kept = self._known[name, kind] = values, parse()
        return kept[1]


class Rows:
    """Some rows of one file, in file order.

    Attributes:
        count: how many.
        path: the file.
        group: number of the row group they come from.
        dataset: what the file is.
    """

    def __init__(
        self,
        source: RowSource,
        batch: pa.RecordBatch,
        group: int,
        first: int,
        at: IntArray | None = None,
        places: IntArray | None = None,
    ) -> None:
        """Wrap the rows `at` of a batch whose columns have the file's headings; all of them if not given.

        The batch begins with the file's row `first`, counted from 1, or its rows have places of their own.
        """
        self.group = group
        self.path = source.path
        self.dataset = source.dataset
        self.count: int = batch.num_rows if at is None else len(at)
        self._source = source
        self._batch = batch
        self._first = first
        self._at = at
        self._places = places

    def has(self, name: str) -> bool:
        """Whether the file has the column, and it was asked for."""
        return name in self._source.found and self._source.found[name] in self._batch.schema.names

    def absent(self, names: Sequence[str]) -> dict[str, BoolArray]:
        """Rows whose own report lacked a column that the file has, by canonical name: there a blank is unknown, and elsewhere it says something.

        Only a rollup built from reports knows; only columns that some of its reports lack are in the answer.
        """
        layouts = self._source.layouts
        lacking = {name: [name not in layout for layout in layouts] for name in names if self.has(name)}
        partly = {name: absent for name, absent in lacking.items() if any(absent)}
        if not partly:
            return {}
        layout = self._stored(LAYOUT_COLUMN).to_numpy(zero_copy_only=False)
        return {name: np.array(absent, dtype=bool)[layout] for name, absent in partly.items()}

    def keep(self, rows: BoolArray | IntArray) -> "Rows":
        """The rows where a mask is True, or at ascending places; columns are taken when they are asked for."""
        at: IntArray = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64, copy=False)
        if len(at) == self.count:
            return self
        return Rows(
            self._source,
            self._batch,
            self.group,
            self._first,
            at if self._at is None else self._at[at],
            None if self._places is None else self._places[at],
        )

    def copied(self) -> "Rows":
        """The same rows without the batch that they are a part of, which memory need not hold any longer."""
        batch = self._batch if self._at is None else self._batch.take(pa.array(self._at))
        return Rows(self._source, batch, self.group, self._first, None, self.places(np.arange(self.count)))

    def places(self, which: IntArray) -> IntArray:
        """Places of some of the rows in the file, from 1."""
        if self._places is not None:
            return self._places[which]
        return self._first + (which if self._at is None else self._at[which])

    def says(self, which: int) -> str:
        """What one of the rows says in the columns that were read."""
        n = which if self._at is None else int(self._at[which])
        values = ((name, self._batch.column(name)[n].as_py()) for name in self._batch.schema.names)
        said = ", ".join(f"{name}={value}" for name, value in values if value is not None)
        return said if len(said) <= _LONGEST_ROW else f"{said[:_LONGEST_ROW]} .."

    def texts(self, name: str) -> tuple[CodeArray, list[str]]:
        """Codes (-1 where blank) and the trimmed text of each code."""
        if not self.has(name):
            return np.full(self.count, -1, dtype=np.int32), []
        with self._reading(name, "texts"):
            column = self._column(name)
            codes, values = _encode(column)
            translate, texts = self._source.once(name, "texts", values, lambda: _trimmed(values))
        # texts that differ and have no padding, as ERCOT's, are coded already
        coded = len(texts) == len(values) and not column.null_count
        return (codes.astype(np.int32, copy=False) if coded else translate[codes]), texts

    def numbers(self, name: str, blank: float = np.nan) -> FloatArray:
        """Floats, NaN or another value where blank or absent; infinities and NaN of the file's own are blank and counted."""
        with self._reading(name, READERS["number"].column):
            column = self._column(name)
            if _is_text(column.type) or pa.types.is_boolean(column.type):
                codes, distinct = self.coded(name, "number")
                values = distinct[codes]
                column = pa.array(values, mask=np.isnan(values))
            values = floats(pc.cast(column, pa.float64(), safe=False), blank)
        # a NaN that is no null: a computation failed before the file was written
        odd = len(values) - int(np.count_nonzero(np.isfinite(values)))
        if odd - (column.null_count if np.isnan(blank) else 0):
            there = column.is_valid().to_numpy(zero_copy_only=False) & ~np.isfinite(values)
            self._source.unusable(name, self, np.flatnonzero(there))
            values = np.where(np.isfinite(values), values, blank)
        return np.asarray(values, dtype=np.float64)

    def coded(self, name: str, kind: str = "") -> tuple[CodeArray, Any]:
        """Codes of a column of days, hours, intervals, flags or stamps, and the value of each code.

        Args:
            name: the column.
            kind: how it is read; as its dataset declares if not given.

        Returns:
            Codes, and by code: day numbers, hour labels, interval numbers, 1 for Y and 0 for N, wall-clock seconds as if they were UTC. The last value is
            that of a blank or absent column: `NO_VALUE`, of a flag -1.

        Raises:
            InputError: a value that can't be read, or an hour 0.
        """
        kind = kind or self.dataset.columns[name].kind
        if not self.has(name):
            return np.zeros(self.count, dtype=np.int8), np.array([READERS[kind].blank]).astype(np.int64)
        with self._reading(name, READERS[kind].column):
            column = self._column(name)
            if kind == "day" and pa.types.is_date32(column.type):
                column, kind = column.cast(pa.int32()), "interval"
            codes, distinct = _encode(column)
            values = self._source.once(name, kind, distinct, lambda: self._meanings(name, kind, distinct))
            if kind == "hour" and (values == 0).any() and (values[codes] == 0).any():
                raise _UnreadableError("0", READERS[kind].text)
        return codes, values

    def _meanings(self, name: str, kind: str, distinct: pa.Array) -> IntArray | FloatArray:
        """The value of each distinct value; dates of a file that are text are all spelled one way.

        Raises:
            InputError: they are spelled two ways.
        """
        found = _meanings(kind, distinct)
        if kind in {"day", "stamp"} and _is_text(distinct.type):
            known = self._source.spellings[name]
            for mark in "/-":
                own = distinct.filter(pc.match_substring(distinct.cast(pa.string()), mark))
                known |= {mark: own[0].as_py().strip()} if len(own) and mark not in known else {}
            if len(known) > 1:
                heading = self._source.found[name]
                raise self.dataset.refusal(
                    self.path,
                    f"spells dates two ways in column {heading!r}: {known['/']!r} and {known['-']!r}.",
                    column=heading,
                    expected="one spelling; of two, one may have had days and months exchanged by a program that guessed",
                    remedy="Read the reports with the format MM/DD/YYYY given, never guessed, and write the file again.",
                )
        return found

    def values(self, name: str) -> Any:
        """`coded`, row by row."""
        codes, values = self.coded(name)
        return values[codes]

    @contextmanager
    def _reading(self, name: str, expected: str) -> Iterator[None]:
        """Turn a value, or a type, that can't be read into an error that names file and column."""
        heading = self._source.found.get(name, name)
        try:
            yield
        except (_UnreadableError, pa.ArrowException) as error:
            is_type = isinstance(error, pa.ArrowException)
            text, expected = (str(self._batch.column(heading).type), expected) if is_type else error.args
            raise self.dataset.refusal(
                self.path,
                f"holds {text!r} in column {heading!r}.",
                column=heading,
                expected=expected,
                remedy="Correct or leave out the row, or bring the file again from its reports.",
            ) from error

    def _column(self, name: str) -> pa.Array:
        return _as_text(self._stored(self._source.found[name])) if self.has(name) else pa.nulls(self.count)

    def _stored(self, heading: str) -> pa.Array:
        column = self._batch.column(heading)
        return column if self._at is None else pc.take(column, self._at, boundscheck=False)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _as_text(column: pa.Array) -> pa.Array:
    """Text that a writer marked as bytes or as a view as plain text, without the zero bytes that fill it up; any other column as it is.

    Raises:
        pa.ArrowInvalid: bytes that are no UTF-8 text.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_string_view(kind):
        return column.cast(pa.string())
    is_bytes = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view, pa.types.is_fixed_size_binary)
    if any(test(kind) for test in is_bytes):
        return pc.utf8_rtrim(column.cast(pa.string()), characters="\0")
    return column


def _join_spellings(batch: pa.RecordBatch, headings: Sequence[str]) -> pa.RecordBatch:
    """The batch with several spellings of one column joined under the first: the first value in each row that is not blank."""
    columns = [batch.column(heading) for heading in headings]
    if all(pa.types.is_integer(c.type) or pa.types.is_floating(c.type) for c in columns):
        values = pc.coalesce(*(c.cast(pa.float64()) for c in columns))
    else:
        texts = [_as_text(c).cast(pa.string()) for c in columns]
        values = pc.coalesce(*(pc.if_else(pc.equal(pc.utf8_trim_whitespace(t), ""), None, t) for t in texts))
    return batch.set_column(batch.schema.get_field_index(headings[0]), headings[0], values)


def read_rows(
    dataset: Dataset,
    path: Path,
    columns: Sequence[str],
    unusable: Unusable = _unheard,
    groups: Sequence[int] | None = None,
    *,
    timed: bool = False,
) -> Iterator[Rows]:
    """Rows of a rollup file in batches, in file order, with the columns asked for that it has.

    Args:
        dataset: what the file is.
        path: the file.
        columns: canonical names.
        unusable: told of infinities and NaN of the numbers taken: canonical column, rows, and which of them.
        groups: row groups to read; all if not given.
        timed: whether the columns that say the time of a row are wanted too: `STORED_TIME` and its day where a file has them, else its labels.

    Raises:
        InputError: the file is no Parquet, lacks a required column, has a date or stamp column that is all null, or holds a value that cannot be read.
    """
    with open_parquet(dataset, path) as plain:
        schema = plain.schema_arrow
        spelled = find_columns(dataset, path, plain)
        layouts = report_layouts(plain)
        if timed and METADATA_KEY in (schema.metadata or {}) and STORED_TIME in schema.names:
            spelled |= {name: [name] for name in (STORED_TIME, "operating_day")}
            columns = [STORED_TIME, "operating_day", *columns]
        elif timed:
            columns = [*(name for name in _TIME_LABELS if name in dataset.columns), *columns]
        found = {name: own[0] for name, own in spelled.items()}
        wanted = {name: found[name] for name in columns if name in found}
        for name in TIME_COLUMNS if groups is None else ():
            if name in wanted and is_blank(plain, schema.get_field_index(wanted[name])):
                blank = f"column {wanted[name]!r} is null or blank in all {plain.metadata.num_rows:,} rows"
                raise dataset.refusal(
                    path,
                    f"has no {name.replace('_', ' ')}: {blank}.",
                    column=wanted[name],
                    expected="a date in every row (the file's datetime column is wrong and is never read instead)",
                    remedy="Build this file again from ERCOT's reports.",
                )
    joined = [spelled[name] for name in wanted if len(spelled[name]) > 1]
    source = RowSource(dataset, path, found, layouts, unusable)
    headings = list(dict.fromkeys([*wanted.values(), *(heading for own in joined for heading in own)]))
    # the layout is asked for only where it can say something
    if any(name not in layout for layout in layouts for name in wanted if name in dataset.columns):
        headings.append(LAYOUT_COLUMN)
    yield from _rows(source, headings, groups, joined)


def _rows(
    source: RowSource,
    headings: Sequence[str],
    groups: Sequence[int] | None = None,
    joined: Sequence[Sequence[str]] = (),
) -> Iterator[Rows]:
    """Rows of a file in batches, texts as dictionaries, several spellings of one column joined.

    Raises:
        InputError: the file is no Parquet, or breaks off.
    """
    dataset, path = source.dataset, source.path
    with open_parquet(dataset, path) as plain:
        text = [heading for heading in headings if _reads_as_dictionary(plain, heading)]
    with open_parquet(dataset, path, text) as file:
        try:
            firsts = np.cumsum([1, *(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))])
            for group in range(file.num_row_groups) if groups is None else groups:
                first = int(firsts[group])
                batches = file.iter_batches(batch_size=BATCH_ROWS, columns=headings, row_groups=[group])
                # closed before the file is, whenever rows are no longer taken: a batch that is still being read needs it open
                with closing(read_ahead(batches)) as ahead:
                    for batch in ahead:
                        yield Rows(source, reduce(_join_spellings, joined, batch), group, first)
                        first += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise dataset.refusal(
                path,
                f"breaks off while being read: {str(error).splitlines()[0]}",
                expected="a whole Parquet file that stays as it is while it is read",
                remedy="Bring the file again, then refresh the year.",
            ) from error


def _reads_as_dictionary(file: pq.ParquetFile, heading: str) -> bool:
    """Whether Arrow can read a column as a dictionary: text whose pages are not encoded as differences."""
    at = file.schema_arrow.get_field_index(heading)
    if not _is_text(file.schema_arrow.field(at).type) or file.metadata.num_columns != len(file.schema_arrow):
        return False
    chunks = (file.metadata.row_group(group).column(at) for group in range(file.num_row_groups))
    return not any(encoding.startswith("DELTA") for chunk in chunks for encoding in chunk.encodings)


def day_range(
    dataset: Dataset, path: Path, name: str, heading: str, ends: pa.Array | None = None
) -> tuple[int, int] | None:
    """First and last operating day of a file, from its column of days or stamps and no other.

    Args:
        dataset: what the file is.
        path: the file.
        name: canonical name of that column.
        heading: how the file spells it.
        ends: smallest and largest value, where the footer says them: the column is not read then.

    Returns:
        day numbers; None if the column is blank in every row.

    Raises:
        InputError: the file is no Parquet or breaks off, or the column holds a value that cannot be read.
    """
    source = RowSource(dataset, path, {name: heading})
    known_ends = None if ends is None else [Rows(source, pa.record_batch([ends], [heading]), 0, 1)]
    found: list[int] = []
    for rows in known_ends or _rows(source, [heading]):
        _, values = rows.coded(name)
        known = values[values != NO_VALUE]
        if len(known):
            found += [int(known.min()), int(known.max())]
    if not found:
        return None
    if dataset.columns[name].kind == "day":
        return min(found), max(found)
    # the end of a day's last interval is midnight, or a second before it
    back = int(name == INTERVAL_END)
    return (min(found) - back) // 86_400, (max(found) - back) // 86_400
