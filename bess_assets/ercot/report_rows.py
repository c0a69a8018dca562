"""CSV bytes of reports become an Arrow table of canonical columns, with the UTC time, operating day, publication and report of each row.

Many small files with the same headings are read as one: a year of real-time prices is 35,000 files. Where that fails, each is read alone, so that one bad
file costs itself only, and its line is named.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from bess_assets.ercot.arrays import BoolArray, IntArray
from bess_assets.ercot.calendar import AMBIGUOUS, NOWHERE, OperatingYear, day_number, day_of_number
from bess_assets.ercot.datasets import Dataset, normal_heading
from bess_assets.ercot.parsing import (
    NO_VALUE,
    Rows,
    RowSource,
    parse_hour,
    parse_interval,
    parse_number,
    parse_wall_clock,
)
from bess_assets.ercot.reports import Heading
from bess_assets.ercot.rows import UNDECIDED, Times, clock_change_starts
from bess_assets.errors import InputError

TIME = "~time"
"""Sort key of a row: UTC seconds, or the wall clock as if it were Central standard time where nothing tells two hours apart."""
EXTRA = "~"
"""Begins the names of columns that are kept and not read; the rest is the normal heading."""

_TEXT = pa.dictionary(pa.int32(), pa.string())
CST_SECONDS = 6 * 3_600
"""Central standard time is this far behind UTC."""
_QUARTER_HOUR = 900
_EPOCH_YEAR = 1970


@dataclass(frozen=True)
class Part:
    """The bytes of one report, or of a stretch of a large one, without its heading line.

    Attributes:
        report: number of the report in its year's manifest or, before it has one, any number of its own.
        label: where it lies, for messages.
        published_ms: UTC milliseconds.
        first_line: number of the first of these lines in the file.
        data: whole lines of CSV.
    """

    report: int
    label: str
    published_ms: int
    first_line: int
    data: bytes


@dataclass
class Parsed:
    """Rows of some parts.

    Attributes:
        table: canonical columns under their names, others under `EXTRA` and their normal heading, and `BUILT_COLUMNS`, and `TIME`.
        spelled: how the reports spell each column, trimmed.
        untimed: rows whose date, hour or stamp does not exist, by report: left out.
        unreadable: values of unused number columns that are no numbers, by report: blank.
        days: operating days with a row, by report, as day numbers.
    """

    table: pa.Table
    spelled: dict[str, str]
    untimed: dict[int, int] = field(default_factory=dict)
    unreadable: dict[int, int] = field(default_factory=dict)
    days: dict[int, list[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Plan:
    """What each column of a report is: its name in the table, and whether it holds numbers."""

    names: tuple[str, ...]
    spelled: tuple[str, ...]
    numbers: frozenset[str]
    canonical: tuple[str, ...]


@lru_cache(maxsize=256)
def _plan(dataset_name: str, headings: tuple[str, ...]) -> _Plan:
    from bess_assets.ercot.datasets import DATASETS  # noqa: PLC0415  the cache's key is the name

    dataset = DATASETS[dataset_name]
    own = {heading: name for name, heading in dataset.canonical(list(headings)).items()}
    names: list[str] = []
    numbers = set()
    for at, heading in enumerate(headings):
        name = own.get(heading) or f"{EXTRA}{normal_heading(heading) or at}"
        if name in names:
            name = f"{name}~{at}"
        names.append(name)
        if heading in own:
            if dataset.columns[name].kind == "number":
                numbers.add(name)
        elif not dataset.holds_text(heading):
            numbers.add(name)
    spelled = tuple(heading.strip() for heading in headings)
    return _Plan(tuple(names), spelled, frozenset(numbers), tuple(sorted(n for n in names if not n.startswith(EXTRA))))


def layout_of(dataset: Dataset, headings: tuple[str, ...]) -> tuple[str, ...]:
    """Canonical columns that reports with these headings have, sorted."""
    return _plan(dataset.name, headings).canonical


def parse(dataset: Dataset, headings: tuple[str, ...], parts: Sequence[Part], layout: int) -> Parsed:
    """Rows of parts with the same headings.

    Args:
        dataset: what they hold.
        headings: their columns as spelled.
        parts: their bytes.
        layout: number that stands for `layout_of` these headings.

    Raises:
        InputError: a part cannot be read; of several parts it is not said which, so read them one by one then.
    """
    plan = _plan(dataset.name, headings)
    data = b"".join(_whole_lines(part.data) for part in parts)
    lines = np.array([_count_lines(part.data) for part in parts], dtype=np.int64)
    try:
        table = _read(plan, data, frozenset())
        unreadable: dict[int, int] = {}
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        if len(parts) > 1:
            raise InputError("One of several reports cannot be read.", dataset=dataset.name) from error
        table, unreadable = _read_carefully(dataset, plan, parts[0], error)
    if table.num_rows != lines.sum():
        if len(parts) > 1:
            raise InputError("One of several reports has blank or broken lines.", dataset=dataset.name)
        lines = np.array([table.num_rows])
    bounds = np.r_[0, np.cumsum(lines)]
    try:
        return _typed(dataset, plan, table, parts, bounds, layout, unreadable)
    except InputError as error:
        if len(parts) > 1:
            raise
        raise _located(dataset, plan, parts[0], error) from error


def _whole_lines(data: bytes) -> bytes:
    data = data.rstrip(b"\r\n \t\x00\x1a")
    return data + b"\n" if data else b""


def _count_lines(data: bytes) -> int:
    data = data.rstrip(b"\r\n \t\x00\x1a")
    return data.count(b"\n") + 1 if data else 0


def _read(plan: _Plan, data: bytes, as_text: frozenset[str]) -> pa.Table:
    types = {name: pa.float64() if name in plan.numbers - as_text else _TEXT for name in plan.names}
    if not data:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    return pa_csv.read_csv(
        pa.py_buffer(data),
        read_options=pa_csv.ReadOptions(column_names=list(plan.names), block_size=8 * 2**20),
        parse_options=pa_csv.ParseOptions(newlines_in_values=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            null_values=["", " "],
            strings_can_be_null=True,
        ),
    ).unify_dictionaries()


def _read_carefully(dataset: Dataset, plan: _Plan, part: Part, error: Exception) -> tuple[pa.Table, dict[int, int]]:
    """One part, each number read as text first: 1,234.5 is a number, and what is none in a column that no figure needs is blank."""
    try:
        table = _read(plan, _whole_lines(part.data), plan.numbers)
    except (pa.ArrowInvalid, UnicodeDecodeError) as again:
        raise _located(dataset, plan, part, again) from again
    unreadable = 0
    for name in plan.names:
        if name not in plan.numbers:
            continue
        column = table.column(name).combine_chunks()
        texts = column.dictionary.to_pylist()
        numbers = [parse_number(text.strip()) if text.strip() else float("nan") for text in texts]
        bad = np.array([number is None for number in numbers], dtype=bool)
        if bad.any() and _is_needed(dataset, name):
            raise _located(dataset, plan, part, error) from error
        codes = column.indices.fill_null(len(texts)).to_numpy()
        unreadable += int(np.r_[bad, False][codes].sum())
        values = np.array([*(np.nan if n is None else n for n in numbers), np.nan])
        table = table.set_column(
            table.schema.get_field_index(name), name, pa.array(values[codes], pa.float64(), from_pandas=True)
        )
    return table, {part.report: unreadable} if unreadable else {}


def _is_needed(dataset: Dataset, name: str) -> bool:
    """Whether figures are made of a column of the table."""
    return name in dataset.columns and not dataset.columns[name].only_compared


def _located(dataset: Dataset, plan: _Plan, part: Part, error: Exception) -> InputError:
    """The error with the line that causes it."""
    found = _first_bad_line(dataset, plan, part)
    if found is None:
        words = error.problem if isinstance(error, InputError) else str(error).splitlines()[0]
        return InputError(f"{part.label} cannot be read: {words}", dataset=dataset.name, file=part.label)
    line, problem, expected = found
    return InputError(
        f"line {line} {problem}",
        dataset=dataset.name,
        file=part.label,
        expected=expected,
        remedy="Bring the file again; until then its rows are missing.",
    )


def _first_bad_line(dataset: Dataset, plan: _Plan, part: Part) -> tuple[int, str, str] | None:
    readers: dict[str, tuple[Callable[[str], Any], str]] = {
        "number": (parse_number, "a number"),
        "hour": (lambda text: parse_hour(text) or None, "an hour from 1"),
        "interval": (parse_interval, "a whole number"),
        "day": (parse_wall_clock, "a date such as 03/09/2025"),
        "stamp": (parse_wall_clock, "a stamp such as 03/09/2025 00:15:13"),
        "flag": (lambda text: text if text.upper() in {"Y", "N"} else None, "Y or N"),
    }
    try:
        text = part.data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = part.first_line + part.data[: error.start].count(b"\n")
        return line, "holds bytes that are no UTF-8 text", "a text file"
    rows = csv.reader(io.StringIO(text, newline=""))
    for row in rows:
        line = part.first_line + rows.line_num - 1
        if not row:
            continue
        if len(row) != len(plan.names):
            return (
                line,
                f"has {len(row)} columns instead of {len(plan.names)}",
                f"{len(plan.names)} columns, as its headings",
            )
        for name, spelled, value in zip(plan.names, plan.spelled, row, strict=True):
            if not _is_needed(dataset, name) or not value.strip():
                continue
            kind = dataset.columns[name].kind
            if kind not in readers:
                continue
            read, expected = readers[kind]
            if read(value.strip()) is None:
                return line, f"holds {value!r} in column {spelled!r}", expected
    return None


# --- types and times ----------------------------------------------------------------------------------------------------------------------


def _typed(
    dataset: Dataset,
    plan: _Plan,
    table: pa.Table,
    parts: Sequence[Part],
    bounds: IntArray,
    layout: int,
    unreadable: dict[int, int],
) -> Parsed:
    batch = table.combine_chunks().to_batches()
    whole = batch[0] if batch else pa.RecordBatch.from_pylist([], schema=table.schema)
    found = {name: name for name in plan.canonical}
    rows = Rows(RowSource(dataset, Path(parts[0].label if parts else "."), found), whole, 0)
    times = _times(dataset, rows, bounds)
    columns: dict[str, Any] = {}
    for name in plan.names:
        kind = dataset.columns[name].kind if name in found else None
        columns[name] = _column(rows, whole, name, kind)
    reports = np.array([part.report for part in parts], dtype=np.int64)
    owner = np.repeat(np.arange(len(parts)), np.diff(bounds))
    published = np.array([part.published_ms for part in parts], dtype=np.int64)
    columns["interval_start"] = pa.array(times.utc, mask=~times.certain).cast(pa.timestamp("s", "UTC"))
    columns["operating_day"] = pa.array(times.day.astype(np.int32)).cast(pa.date32())
    columns["published"] = pa.array(published[owner]).cast(pa.timestamp("ms", "UTC"))
    columns["report"] = pa.array(reports[owner].astype(np.int32))
    columns["report_layout"] = pa.array(np.full(len(owner), layout, dtype=np.int32))
    columns[TIME] = pa.array(times.utc)
    typed = pa.table(columns)
    good = times.day != NO_VALUE
    parsed = Parsed(typed, dict(zip(plan.names, plan.spelled, strict=True)), unreadable=unreadable)
    if not good.all():
        for n, count in zip(*np.unique(owner[~good], return_counts=True), strict=True):
            parsed.untimed[int(reports[n])] = int(count)
        parsed.table = typed.filter(pa.array(good))
    for part_number, day in _pairs(owner[good], times.day[good]):
        parsed.days.setdefault(int(reports[part_number]), []).append(day)
    return parsed


def _pairs(owner: IntArray, day: IntArray) -> list[tuple[int, int]]:
    """Distinct pairs, ascending; neighbours are alike, so that few are left to sort."""
    if not len(owner):
        return []
    changes = np.r_[True, (owner[1:] != owner[:-1]) | (day[1:] != day[:-1])]
    return sorted(set(zip(owner[changes].tolist(), day[changes].tolist(), strict=True)))


def _column(rows: Rows, batch: pa.RecordBatch, name: str, kind: str | None) -> pa.Array:
    if kind in {"hour", "interval"}:
        return _whole(rows.values(name), pa.int32())
    if kind == "stamp":
        return _whole(rows.values(name), pa.int64()).cast(pa.timestamp("s"))
    column = batch.column(name)
    if pa.types.is_dictionary(column.type):
        if kind == "flag":
            rows.values(name)  # refuses what is neither Y nor N
        codes, texts = _texts(column)
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32), mask=codes < 0), texts)
    return column


def _texts(column: pa.DictionaryArray) -> tuple[IntArray, pa.Array]:
    """Codes (-1 where blank) and the trimmed texts, each once."""
    trimmed = pc.utf8_trim_whitespace(column.dictionary).to_pylist()
    numbers: dict[str, int] = {}
    translate = np.array([numbers.setdefault(t, len(numbers)) if t else -1 for t in trimmed] + [-1], dtype=np.int64)
    codes = column.indices.fill_null(len(trimmed)).to_numpy(zero_copy_only=False)
    return translate[codes], pa.array(list(numbers), pa.string())


def _whole(values: IntArray, kind: pa.DataType) -> pa.Array:
    blank = values == NO_VALUE
    return pa.array(np.where(blank, 0, values), mask=blank).cast(kind)


@dataclass(frozen=True)
class _Times:
    """Time of each row: sort key, whether that is its UTC time for certain, operating day (`NO_VALUE`: the row has no place in the calendar)."""

    utc: IntArray
    certain: BoolArray
    day: IntArray


@cache
def _year(number: int) -> OperatingYear:
    return OperatingYear(number)


def years_of(days: IntArray) -> IntArray:
    """Year of each day number."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + _EPOCH_YEAR


def distinct(values: IntArray) -> list[int]:
    """Distinct values, ascending; neighbours are alike, so that few are left to sort."""
    if not len(values):
        return []
    return [int(value) for value in np.unique(values[np.r_[True, values[1:] != values[:-1]]])]


def _times(dataset: Dataset, rows: Rows, bounds: IntArray) -> _Times:
    """Times of the rows of some reports, each of which ends where the next of `bounds` begins."""
    times = Times.of(rows, _year(_EPOCH_YEAR))
    owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    years = np.where(times.day == NO_VALUE, 0, years_of(times.day))
    utc, twice = np.full(len(years), NOWHERE), np.zeros(len(years), dtype=bool)
    for year in map(_year, np.unique(years[years > 0]).tolist()):
        utc = np.where(years == year.year, Times.of(rows, year).utc, utc)
        repeated = year.repeated_quarter_hours
        place = (utc - year.start) // _QUARTER_HOUR
        twice |= (place >= repeated.start) & (place < repeated.stop)
    time, day, clock = utc[times.of_row], times.day[times.of_row], times.clock[times.of_row]
    undecided = time == UNDECIDED
    for number in distinct(years_of(day[undecided])):
        own = np.flatnonzero(undecided & (years[times.of_row] == number))
        few = rows.keep(own)
        series = _series(dataset, few)
        flagged = rows.has("repeated_hour")
        time[own] = clock_change_starts([few], _year(number), series, owner[own], flagged=flagged)
    ambiguous = time == AMBIGUOUS
    if rows.has("sced_stamp"):
        ambiguous |= _never_said(rows, clock, ambiguous | twice[times.of_row], owner)
    good = (time >= 0) | ambiguous
    return _Times(np.where(ambiguous, clock + CST_SECONDS, time), good & ~ambiguous, np.where(good, day, NO_VALUE))


def _series(dataset: Dataset, rows: Rows) -> IntArray:
    """A number for all columns that, with the time, name one row."""
    number = np.zeros(rows.count, dtype=np.int64)
    for name in dataset.key or ("resource_name", "settlement_point", "product", "qse"):
        codes, texts = rows.texts(name)
        number = number * (len(texts) + 1) + codes + 1
    return number


def _never_said(rows: Rows, clock: IntArray, twice: BoolArray, owner: IntArray) -> BoolArray:
    """Rows of the repeated hour in a report that goes on after it and never says Y: a flag that is N all day tells as little as none."""
    result = np.zeros(len(twice), dtype=bool)
    flag = rows.values("repeated_hour") if twice.any() else twice
    for number in np.unique(owner[twice]).tolist():
        own = (owner == number) & twice
        later = (owner == number) & (clock > clock[own].max())
        if later.any() and not (flag[own] == 1).any():
            result |= own
    return result


def day_span(heading: Heading, first: bytes, last: bytes) -> tuple[int, int] | None:
    """Day numbers of the first and the last row of a report, the earlier first; None if either can't be read."""
    assert heading.dataset is not None  # noqa: S101  others have no rows to speak of
    names = _plan(heading.dataset.name, heading.headings).names
    at = next(names.index(name) for name in ("operating_day", "sced_stamp", "interval_end") if name in names)
    days = []
    for row in (first, last):
        cells = row.decode("utf-8", errors="replace").split(",")
        seconds = parse_wall_clock(cells[at].strip(' "\r')) if at < len(cells) else None
        if seconds is None:
            return None
        days.append(seconds // 86_400)
    return min(days), max(days)


def iso(day: int) -> str:
    """A day number as an ISO date."""
    return day_of_number(day).isoformat()


def number_of(day: str) -> int:
    """The day number of an ISO date."""
    return day_number(date.fromisoformat(day))
