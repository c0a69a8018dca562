"""CSV bytes of reports become an Arrow table of canonical columns, with the UTC time, operating day, publication and report of each row.

Many small files with the same headings are read as one: a year of real-time prices is 35,000 files. Where that fails, each is read alone, so that one bad
file costs itself only, and its line is named.
"""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from bess_assets.ercot.arrays import NO_VALUE, BoolArray, IntArray, distinct
from bess_assets.ercot.calendar import AMBIGUOUS, CST_SECONDS, NOWHERE, operating_year
from bess_assets.ercot.datasets import PRICE_SOURCE, Dataset, normal_heading
from bess_assets.ercot.footers import LAYOUT_COLUMN
from bess_assets.ercot.parsing import READERS, TIME_COLUMNS, Rows, RowSource
from bess_assets.ercot.products import SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.reports import Heading
from bess_assets.ercot.rows import UNDECIDED, Times, clock_change_starts
from bess_assets.ercot.text_values import parse_day, parse_number
from bess_assets.errors import InputError

TIME = "~time"
"""Sort key of a row: UTC seconds, or the wall clock as if it were Central standard time where nothing tells two hours apart."""
EXTRA = "~"
"""Begins the names of columns that are kept and not read; the rest is the normal heading."""

NAME_COLUMNS = ("resource_name", "settlement_point", "product", "qse")
"""Columns that name a row where its dataset declares no key."""
_TEXT = pa.dictionary(pa.int32(), pa.string())
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


@lru_cache(maxsize=256)
def _plan(dataset: Dataset, headings: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Name in the table of each column of a report, and the names of those that hold numbers."""
    own = {heading: name for name, heading in dataset.canonical(headings).items()}
    plain = [own.get(heading) or f"{EXTRA}{normal_heading(heading) or at}" for at, heading in enumerate(headings)]
    names = tuple(f"{name}~{at}" if name in plain[:at] else name for at, name in enumerate(plain))
    kinds = {heading: dataset.columns[name].kind for heading, name in own.items()}
    texts = {h for h in headings if kinds.get(h, "name" if dataset.holds_text(h) else "number") != "number"}
    return names, frozenset(name for name, heading in zip(names, headings, strict=True) if heading not in texts)


def layout_of(dataset: Dataset, headings: tuple[str, ...]) -> tuple[str, ...]:
    """Canonical columns that reports with these headings have, sorted."""
    return tuple(sorted(dataset.columns_of_report(headings)))


def parse(
    dataset: Dataset, headings: tuple[str, ...], parts: Sequence[Part], layout: int, source: str | None = None
) -> Parsed:
    """Rows of parts with the same headings.

    Args:
        dataset: what they hold.
        headings: their columns as spelled.
        parts: their bytes.
        layout: number that stands for `layout_of` these headings.
        source: of the prices, for the column `PRICE_SOURCE`; no such column for a price report.

    Raises:
        InputError: a part cannot be read; of several parts it is not said which, so read them one by one then.
    """
    try:
        return _parsed(dataset, headings, parts, layout, source)
    except (InputError, pa.ArrowInvalid, UnicodeDecodeError) as error:
        if len(parts) == 1:
            raise _located(dataset, headings, parts[0], error) from error
        problem = error.problem if isinstance(error, InputError) else "One of several reports cannot be read."
        raise InputError(problem, dataset=dataset.name) from error


def _parsed(
    dataset: Dataset, headings: tuple[str, ...], parts: Sequence[Part], layout: int, source: str | None
) -> Parsed:
    names, numbers = _plan(dataset, headings)
    bodies = [body + b"\n" if (body := part.data.rstrip(b"\r\n \t\x00\x1a")) else b"" for part in parts]
    bounds = np.cumsum([0, *(body.count(b"\n") for body in bodies)])
    unreadable = 0
    try:
        table = _read(names, numbers, b"".join(bodies))
    except (pa.ArrowInvalid, UnicodeDecodeError):
        if len(parts) > 1:
            raise
        table, unreadable = _read_carefully(dataset, headings, bodies[0])
    if table.num_rows != bounds[-1]:
        if len(parts) > 1:
            raise InputError("One of several reports has blank or broken lines.", dataset=dataset.name)
        bounds = np.array([0, table.num_rows])
    spelled = {name: heading.strip() for name, heading in zip(names, headings, strict=True)}
    if melted := dataset.melted(headings):
        table = _long(table, {headings[at].strip(): names[at] for at in melted})
        bounds *= len(melted)
    if source:
        said = pa.DictionaryArray.from_arrays(np.zeros(table.num_rows, dtype=np.int32), pa.array([source]))
        table = table.append_column(PRICE_SOURCE, said)
    spelled |= {n: dataset.columns[n].headings[0] for n in table.schema.names if n not in spelled}
    whole = pa.RecordBatch.from_arrays([column.combine_chunks() for column in table.columns], schema=table.schema)
    rows = Rows(RowSource(dataset, Path(parts[0].label), {name: name for name in table.schema.names}), whole, 0, 1)
    owner = np.repeat(np.arange(len(parts)), np.diff(bounds))
    time, certain, day = _times(dataset, rows, owner)
    published = np.array([part.published_ms for part in parts], dtype=np.int64)
    report = np.array([part.report for part in parts], dtype=np.int32)
    columns = {name: _column(rows, whole, name) for name in table.schema.names} | {
        "interval_start": pa.array(time, mask=~certain).cast(pa.timestamp("s", "UTC")),
        "operating_day": pa.array(day.astype(np.int32)).cast(pa.date32()),
        "published": pa.array(published[owner]).cast(pa.timestamp("ms", "UTC")),
        "report": pa.array(report[owner]),
        LAYOUT_COLUMN: pa.array(np.full(len(owner), layout, dtype=np.int32)),
        TIME: pa.array(time),
    }
    parsed = Parsed(pa.table(columns), spelled, unreadable={parts[0].report: unreadable} if unreadable else {})
    for n, part in enumerate(parts):
        own = day[bounds[n] : bounds[n + 1]]
        timed = own[own != NO_VALUE]
        if len(timed):
            parsed.days[part.report] = distinct(timed).tolist()
        if len(timed) < len(own):
            parsed.untimed[part.report] = len(own) - len(timed)
    if parsed.untimed:
        parsed.table = parsed.table.filter(pa.array(day != NO_VALUE))
    return parsed


def _long(table: pa.Table, products: Mapping[str, str]) -> pa.Table:
    """Rows with a price for each of some products, by label the name of its column, as a row for each product, in the order of the file."""
    count = len(products)
    prices = np.stack([table.column(name).to_numpy() for name in products.values()], axis=1).ravel()
    labels = np.tile(np.arange(count, dtype=np.int32), table.num_rows)
    rest = table.drop_columns([*products.values()]).take(pa.array(np.repeat(np.arange(table.num_rows), count)))
    rest = rest.append_column("product", pa.DictionaryArray.from_arrays(labels, pa.array([*products])))
    return rest.append_column("mcpc_usd_per_mw", pa.array(prices, from_pandas=True))


def _read(names: Sequence[str], numbers: Collection[str], data: bytes) -> pa.Table:
    types = {name: pa.float64() if name in numbers else _TEXT for name in names}
    if not data:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    return pa_csv.read_csv(
        pa.py_buffer(data),
        read_options=pa_csv.ReadOptions(column_names=list(names), block_size=8 * 2**20),
        parse_options=pa_csv.ParseOptions(newlines_in_values=False),
        convert_options=pa_csv.ConvertOptions(column_types=types, null_values=["", " "], strings_can_be_null=True),
    ).unify_dictionaries()


def _read_carefully(dataset: Dataset, headings: tuple[str, ...], data: bytes) -> tuple[pa.Table, int]:
    """Rows whose numbers are read as text first: 1,234.5 is a number, and what is none in a column that no figure needs is blank and counted."""
    names, numbers = _plan(dataset, headings)
    heading_line = ",".join(headings).encode()
    if heading_line in data:  # files that were joined
        data = b"".join(line for line in data.splitlines(keepends=True) if line.rstrip() != heading_line.rstrip())
    table = _read(names, (), data)
    unreadable = 0
    for at, name in enumerate(names):
        if name in numbers:
            column = table.column(name).combine_chunks()
            texts = column.dictionary.to_pylist()
            # the last is that of a blank
            parsed = [parse_number(text) if text.strip() else np.nan for text in (*texts, "")]
            bad = np.array([number is None for number in parsed], dtype=bool)
            if bad.any() and _is_needed(dataset, name):
                raise InputError(f"{headings[at]} holds no number", dataset=dataset.name)
            codes = column.indices.fill_null(len(texts)).to_numpy()
            unreadable += int(bad[codes].sum())
            values = np.array(parsed, dtype=np.float64)[codes]
            table = table.set_column(at, name, pa.array(values, from_pandas=True))
    return table, unreadable


def _is_needed(dataset: Dataset, name: str) -> bool:
    """Whether figures are made of a column of the table."""
    return name in dataset.columns and not dataset.columns[name].only_compared


def _located(dataset: Dataset, headings: tuple[str, ...], part: Part, error: Exception) -> InputError:
    """The error with the first line that cannot be read, its problem, and what was expected."""

    def of_line(line: int, problem: str, expected: str) -> InputError:
        remedy = "Bring the file again; until then its rows are missing."
        problem = f"line {part.first_line + line} {problem}"
        return InputError(problem, dataset=dataset.name, file=part.label, expected=expected, remedy=remedy)

    try:
        text = part.data.decode("utf-8")
    except UnicodeDecodeError as wrong:
        return of_line(part.data.count(b"\n", 0, wrong.start), "holds bytes that are no UTF-8 text", "a text file")
    names, _ = _plan(dataset, headings)
    rows = csv.reader(io.StringIO(text, newline=""))
    for row in filter(None, rows):
        if len(row) != len(names):
            problem = f"has {len(row)} columns instead of {len(names)}"
            return of_line(rows.line_num - 1, problem, f"{len(names)} columns, as its headings")
        for name, heading, cell in zip(names, headings, row, strict=True):
            kind = dataset.columns[name].kind if _is_needed(dataset, name) else "name"
            value = READERS[kind].parse(cell.strip()) if kind in READERS and cell.strip() else NO_VALUE
            if value is None or (kind == "hour" and value == 0):
                problem = f"holds {cell!r} in column {heading.strip()!r}"
                return of_line(rows.line_num - 1, problem, READERS[kind].text)
    words = error.problem if isinstance(error, InputError) else str(error).splitlines()[0]
    return InputError(f"{part.label} cannot be read: {words}", dataset=dataset.name, file=part.label)


# --- types and times ----------------------------------------------------------------------------------------------------------------------


def _column(rows: Rows, batch: pa.RecordBatch, name: str) -> pa.Array:
    kind = rows.dataset.columns[name].kind if name in rows.dataset.columns else "name"
    if kind in {"hour", "interval", "stamp"}:
        values = rows.values(name)
        whole = pa.array(values, mask=values == NO_VALUE)
        return whole.cast(pa.timestamp("s")) if kind == "stamp" else whole.cast(pa.int32())
    if kind == "flag":
        rows.values(name)  # refuses what is neither Y nor N
    if not pa.types.is_dictionary(batch.column(name).type):
        return batch.column(name)
    codes, texts = rows.texts(name)
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32), mask=codes < 0), pa.array(texts, pa.string())
    )


def years_of(days: IntArray) -> IntArray:
    """Year of each day number."""
    return days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + _EPOCH_YEAR


def _times(dataset: Dataset, rows: Rows, owner: IntArray) -> tuple[IntArray, BoolArray, IntArray]:
    """Sort key of each row, whether that is its UTC time for certain, and its operating day, `NO_VALUE` for a row without a place in the calendar.

    Args:
        dataset: what the rows are.
        rows: rows of some reports.
        owner: number of the report of each row.
    """
    times = Times.of(rows, operating_year(_EPOCH_YEAR))
    years = np.where(times.day == NO_VALUE, 0, years_of(times.day))
    utc, twice = np.full(len(years), NOWHERE), np.zeros(len(years), dtype=bool)
    for year in map(operating_year, distinct(years[years > 0]).tolist()):
        utc = np.where(years == year.year, Times.of(rows, year).utc, utc)
        repeated = year.repeated_quarter_hours
        place = (utc - year.start) // SECONDS_PER_QUARTER_HOUR
        twice |= (place >= repeated.start) & (place < repeated.stop)
    time, day, clock = utc[times.of_row], times.day[times.of_row], times.clock[times.of_row]
    undecided = time == UNDECIDED
    for number in distinct(years_of(day[undecided])).tolist():
        own = np.flatnonzero(undecided & (years[times.of_row] == number))
        few = rows.keep(own)
        series, flagged = _series(dataset, few), rows.has("repeated_hour")
        time[own] = clock_change_starts([few], operating_year(number), series, owner[own], flagged=flagged)
    ambiguous = time == AMBIGUOUS
    if rows.has("sced_stamp"):
        ambiguous |= _never_said(rows, clock, ambiguous | twice[times.of_row], owner)
    good = (time >= 0) | ambiguous
    return np.where(ambiguous, clock + CST_SECONDS, time), good & ~ambiguous, np.where(good, day, NO_VALUE)


def _series(dataset: Dataset, rows: Rows) -> IntArray:
    """A number for all columns that, with the time, name one row."""
    number = np.zeros(rows.count, dtype=np.int64)
    for name in dataset.key or NAME_COLUMNS:
        codes, texts = rows.texts(name)
        number = number * (len(texts) + 1) + codes + 1
    return number


def _never_said(rows: Rows, clock: IntArray, twice: BoolArray, owner: IntArray) -> BoolArray:
    """Rows of the repeated hour in a report that goes on after it and never says Y: a flag that is N all day tells as little as none."""
    result = np.zeros(len(twice), dtype=bool)
    flag = rows.values("repeated_hour") if twice.any() else twice
    for number in distinct(owner[twice]).tolist():
        own = (owner == number) & twice
        later = (owner == number) & (clock > clock[own].max())
        if later.any() and not (flag[own] == 1).any():
            result |= own
    return result


def day_span(heading: Heading, first: bytes, last: bytes) -> tuple[int, int] | None:
    """Day numbers of the first and the last row of a report, the earlier first; None if either can't be read."""
    assert heading.dataset is not None  # noqa: S101  others have no rows to speak of
    names, _ = _plan(heading.dataset, heading.headings)
    at = next(names.index(name) for name in TIME_COLUMNS if name in names)
    cells = [row.decode("utf-8", errors="replace").split(",")[at : at + 1] for row in (first, last)]
    days = [parse_day(cell.strip(' "\r')) for own in cells for cell in own]
    known = [day for day in days if day is not None]
    return (min(known), max(known)) if len(known) == len(cells) else None
