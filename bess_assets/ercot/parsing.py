"""Rows of a rollup file, in batches, as numpy columns under canonical names.

Belongs here: types that drift between files (dates as text, hours as "01:00", numbers as text), blanks, trimming, and saying what cannot be read.
Does not: which rows are wanted, what becomes of them (the extracts), raw headings (datasets.py).

Each distinct text is parsed once a batch: a year of SCED holds 35,000 stamps, not 31 million.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.datasets import LAYOUT_COLUMN, Dataset, find_columns, open_parquet, report_layouts
from bess_assets.errors import InputError
from bess_assets.threads import read_ahead

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.integer]
Parsed = TypeVar("Parsed")
Reading = TypeVar("Reading", bound=Callable[..., Any])

BATCH_ROWS = 2**18
NO_VALUE = np.iinfo(np.int64).min
"""Stands for a blank in integer columns."""

INTERVAL_END = "interval_end"
TIME_COLUMNS = ("operating_day", "sced_stamp", INTERVAL_END)
"""Canonical columns that say the day of a row; each dataset has one of them."""

_US_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?)?$")
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?)?$")
_LONGEST_DATE = len("MM/DD/YYYY")
_SPELLINGS = ("MM/DD/YYYY hh:mm:ss", "MM/DD/YYYY", "YYYY-MM-DD hh:mm:ss", "YYYY-MM-DD")
"""How whole files spell their dates and stamps; `parse_wall_clock` reads further ones."""
_INTERVAL = re.compile(r"(\d{1,3})(?:\.0+)?$")
_NUMBER = re.compile(
    r"[+-]?((\d{1,3}(,\d{3})+|\d+)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$|[+-]?inf(inity)?$|nan$", re.IGNORECASE
)
_HOUR = re.compile(r"(\d{1,2})(?::00(?::00)?|\.0+)?$")


def parse_wall_clock(text: str) -> int | None:
    """Wall-clock seconds of a date with or without time, as if it were UTC; None if it is neither.

    Reads `MM/DD/YYYY` and `YYYY-MM-DD`, each with an optional `HH:MM` or `HH:MM:SS`.
    """
    if match := _US_DATE.match(text):
        month, day, year, *clock = match.groups()
    elif match := _ISO_DATE.match(text):
        year, month, day, *clock = match.groups()
    else:
        return None
    hour, minute, second = (int(part or 0) for part in clock)
    try:
        number = day_number(date(int(year), int(month), int(day)))
    except ValueError:
        return None
    if hour > 23 or minute > 59 or second > 59:
        return None
    return number * 86_400 + hour * 3_600 + minute * 60 + second


def parse_wall_clocks(texts: Sequence[str | None]) -> IntArray:
    """What `parse_wall_clock` says of many texts; `NO_VALUE` for those that are not in one of ERCOT's own spellings, which it may still read."""
    seconds = np.full(len(texts), NO_VALUE, dtype=np.int64)
    lengths = np.array([len(text) if text and text.isascii() else 0 for text in texts])
    for spelling in _SPELLINGS:
        rows = np.flatnonzero((lengths == len(spelling)) & (seconds == NO_VALUE))
        if len(rows):
            chars = np.array([texts[row] for row in rows.tolist()], dtype=f"S{len(spelling)}").view(np.uint8)
            seconds[rows] = _spelled(spelling, chars.reshape(len(rows), -1))
    return seconds


def _spelled(spelling: str, chars: npt.NDArray[np.uint8]) -> IntArray:
    """Wall-clock seconds of texts of a spelling's length, `NO_VALUE` where they are not in it or name no day or time."""
    pattern = np.frombuffer(spelling.encode("ascii"), dtype=np.uint8)
    letters = np.array([chr(byte).isalpha() for byte in pattern])
    good = (chars[:, ~letters] == pattern[~letters]).all(axis=1)
    digits = chars.astype(np.int64) - ord("0")
    good &= ((digits[:, letters] >= 0) & (digits[:, letters] <= 9)).all(axis=1)

    def part(letter: str) -> IntArray:
        number = np.zeros(len(chars), dtype=np.int64)
        for place in np.flatnonzero(pattern == ord(letter)):
            number = number * 10 + digits[:, place]
        return number

    year, month, day, hour, minute, second = (part(letter) for letter in "YMDhms")
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (hour <= 23) & (minute <= 59) & (second <= 59)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1)
    # 02/30 would be 2 March
    good &= dates.astype("datetime64[M]") == months
    return np.where(good, dates.astype(np.int64) * 86_400 + hour * 3_600 + minute * 60 + second, NO_VALUE)


def parse_hour(text: str) -> int | None:
    """Hour label of `1`, `01:00`, `24:00` or `1.0`; None if it is none of them."""
    match = _HOUR.match(text)
    return int(match[1]) if match else None


def parse_interval(text: str) -> int | None:
    """Interval number of `1`, `100` or `1.0`; None if it is none of them."""
    match = _INTERVAL.match(text)
    return int(match[1]) if match else None


def parse_number(text: str) -> float | None:
    """Number of a text, with or without commas between thousands; None if it is none.

    Stricter than Python's own reading, which takes 1_000 for a thousand; and 12,5 is not 125.
    """
    return float(text.replace(",", "")) if _NUMBER.match(text.strip()) else None


@dataclass
class RowSource:
    """What all batches of one file share.

    Attributes:
        dataset: what the file is.
        path: the file.
        found: heading by canonical name.
        layouts: canonical columns of each layout of the reports that a rollup was built from; empty where it does not say.
        unusable_numbers: infinities and NaN by canonical name, counted while rows are read.
    """

    dataset: Dataset
    path: Path
    found: dict[str, str]
    layouts: list[frozenset[str]] = field(default_factory=list)
    unusable_numbers: dict[str, int] = field(default_factory=dict)
    _parsed: dict[tuple[str, str], tuple[pa.Array, Any]] = field(default_factory=dict)

    def once(self, name: str, what: str, values: pa.Array, parse: Callable[[], Parsed]) -> Parsed:
        """What a column's distinct values mean: parsed again only where a batch has others than the batch before."""
        kept = self._parsed.get((name, what))
        if kept is None or not kept[0].equals(values):
            kept = self._parsed[name, what] = values, parse()
        meaning: Parsed = kept[1]
        return meaning

    def bad(self, name: str, text: str, expected: str) -> InputError:
        """The error for a value that can't be read."""
        heading = self.found[name]
        return InputError(
            f"{self.path.name} of {self.dataset.folder} holds {text!r} in column {heading!r}.",
            dataset=self.dataset.name,
            file=self.path,
            column=heading,
            expected=expected,
            remedy="Correct or leave out the row, or bring the file again from its reports.",
        )


def _or_refused(expected: str) -> Callable[[Reading], Reading]:
    """A reading of `Rows` that refuses by name a column whose type Arrow can't turn into what is expected, instead of failing in Arrow."""

    def refusing(read: Reading) -> Reading:
        @wraps(read)
        def reading(rows: "Rows", *arguments: Any) -> Any:
            try:
                return read(rows, *arguments)
            except pa.ArrowException as error:
                name = arguments[0] if arguments else (read.__defaults__ or ("",))[0]
                raise rows.refused(name, expected) from error

        return cast("Reading", reading)

    return refusing


class Rows:
    """Some rows of one file, in file order.

    Attributes:
        count: how many.
        path: the file.
        group: number of the row group they come from.
    """

    def __init__(self, source: RowSource, batch: pa.RecordBatch, group: int) -> None:
        """Wrap a batch whose columns have the file's headings."""
        self.group = group
        self._source = source
        self._batch = batch
        self.count: int = batch.num_rows
        self.path = source.path

    def has(self, name: str) -> bool:
        """Whether the file has the column."""
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
        layout = self._batch.column(LAYOUT_COLUMN).to_numpy(zero_copy_only=False)
        return {name: np.array(absent, dtype=bool)[layout] for name, absent in partly.items()}

    def keep(self, mask: BoolArray) -> "Rows":
        """The rows where the mask is True."""
        if mask.all():
            return self
        return Rows(self._source, self._batch.filter(pa.array(mask)), self.group)

    @_or_refused("texts")
    def texts(self, name: str) -> tuple[CodeArray, list[str]]:
        """Codes (-1 where blank) and the trimmed texts they stand for."""
        if not self.has(name):
            return np.full(self.count, -1, dtype=np.int32), []
        codes, values = self._encoded(name)

        def parse() -> tuple[CodeArray | None, list[str]]:
            texts: dict[str, int] = {}
            trimmed = ["" if v is None else str(v).strip() for v in values.to_pylist()]
            # a blank text takes no code, so codes stay dense
            translate = [texts.setdefault(t, len(texts)) if t else -1 for t in trimmed]
            as_they_are = translate == list(range(len(values)))
            return None if as_they_are else np.array([*translate, -1], dtype=np.int32), list(texts)

        translate, texts = self._source.once(name, "texts", values, parse)
        if translate is None and not self._column(name).null_count:
            return codes, texts
        if translate is None:
            return np.where(codes == len(texts), -1, codes), texts
        return translate[codes], texts

    @_or_refused("numbers")
    def numbers(self, name: str) -> FloatArray:
        """Floats, NaN where blank or absent; infinities and NaN of the file's own are blank and counted."""
        if not self.has(name):
            return np.full(self.count, np.nan)
        column = self._column(name)
        if _is_text(column.type):
            codes, distinct = self._parsed(name, parse_number, "a number", float("nan"), np.float64)
            values = distinct[codes]
        elif pa.types.is_boolean(column.type):
            raise self._source.bad(name, "true or false", "numbers")
        else:
            values = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        infinite = np.isinf(values)
        unusable = int(infinite.sum())
        if pa.types.is_floating(column.type):
            # a NaN that is no null: something was reckoned wrong before the file was written
            unusable += int(np.isnan(values).sum()) - column.null_count
        if unusable:
            self._source.unusable_numbers[name] = self._source.unusable_numbers.get(name, 0) + unusable
            values = np.where(infinite, np.nan, values)
        return np.asarray(values, dtype=np.float64)

    def days(self, name: str = "operating_day") -> IntArray:
        """Day numbers, `NO_VALUE` where blank."""
        codes, numbers = self.coded_days(name)
        return numbers[codes]

    @_or_refused("dates, or text that holds dates")
    def coded_days(self, name: str = "operating_day") -> tuple[CodeArray, IntArray]:
        """Codes, and the day numbers they stand for (`NO_VALUE` for a blank)."""
        column = self._column(name)
        if pa.types.is_null(column.type):
            return self._all_blank()
        if _is_text(column.type):
            codes, seconds = self._wall_clock_texts(name, "a date such as 03/09/2025 or 2025-03-09")
            return codes, np.where(seconds == NO_VALUE, NO_VALUE, seconds // 86_400)
        if pa.types.is_date32(column.type):
            return _coded(self._integers(column.cast(pa.int32())))
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            return _coded(self._integers(_wall_clock(column).cast(pa.date32(), safe=False).cast(pa.int32())))
        raise self._source.bad(name, str(column.type), "dates, or text that holds dates")

    def hours(self, name: str = "hour_ending") -> IntArray:
        """Hour labels, `NO_VALUE` where blank.

        Raises:
            InputError: a label 0, or a text that is no hour.
        """
        codes, labels = self.coded_hours(name)
        return labels[codes]

    @_or_refused("hours such as 1 or 01:00")
    def coded_hours(self, name: str = "hour_ending") -> tuple[CodeArray, IntArray]:
        """Codes, and the hour labels they stand for (`NO_VALUE` for a blank).

        Raises:
            InputError: a label 0, or a text that is no hour.
        """
        codes, labels = self._whole_numbers(name, parse_hour, "an hour such as 1 or 01:00")
        zero = np.flatnonzero(labels == 0)
        if len(zero) and np.isin(codes, zero).any():
            raise self._source.bad(name, "0", "hours ending 1 to 24 (25 on the autumn day), not 0 to 23")
        return codes, labels

    def intervals(self, name: str) -> IntArray:
        """Interval numbers, `NO_VALUE` where blank or absent."""
        codes, numbers = self.coded_intervals(name)
        return numbers[codes]

    @_or_refused("whole numbers")
    def coded_intervals(self, name: str) -> tuple[CodeArray, IntArray]:
        """Codes, and the interval numbers they stand for (`NO_VALUE` for a blank or an absent column)."""
        if not self.has(name):
            return self._all_blank()
        return self._whole_numbers(name, parse_interval, "a whole number")

    def flags(self, name: str) -> IntArray:
        """1 for Y, 0 for N, -1 where blank or absent."""
        codes, values = self.coded_flags(name)
        return values[codes]

    @_or_refused("Y or N")
    def coded_flags(self, name: str) -> tuple[CodeArray, IntArray]:
        """Codes, and what they stand for: 1 for Y, 0 for N, -1 for a blank or an absent column."""
        if not self.has(name):
            return np.zeros(self.count, dtype=np.int32), np.array([-1])
        column = self._column(name)
        if pa.types.is_boolean(column.type):
            return np.asarray(pc.fill_null(column.cast(pa.int8()), 2).to_numpy(zero_copy_only=False)), np.array(
                [0, 1, -1]
            )
        codes, texts = self.texts(name)
        meaning = {"Y": 1, "N": 0, "TRUE": 1, "FALSE": 0, "1": 1, "0": 0}
        values = []
        for text in texts:
            if text.upper() not in meaning:
                raise self._source.bad(name, text, "Y or N")
            values.append(meaning[text.upper()])
        if len(texts) == 1 and not (codes < 0).any():
            return codes, np.array(values, dtype=np.int64)
        return np.where(codes < 0, len(texts), codes), np.array([*values, -1], dtype=np.int64)

    @_or_refused("timestamps, or text that holds them")
    def stamps(self, name: str) -> tuple[CodeArray, IntArray]:
        """Codes, and the wall-clock seconds they stand for (`NO_VALUE` for a blank)."""
        column = self._column(name)
        if pa.types.is_null(column.type):
            return self._all_blank()
        if _is_text(column.type):
            return self._wall_clock_texts(name, "a stamp such as 03/09/2025 00:15:13")
        if not pa.types.is_timestamp(column.type):
            raise self._source.bad(name, str(column.type), "timestamps, or text that holds them")
        seconds = _wall_clock(column).cast(pa.timestamp("s"), safe=False).cast(pa.int64())
        distinct, codes = np.unique(self._integers(seconds), return_inverse=True)
        return codes.astype(np.int64), distinct

    def refused(self, name: str, expected: str) -> InputError:
        """The error for a column that cannot be read at all."""
        return self._source.bad(name, str(self._batch.column(self._source.found[name]).type), expected)

    def _all_blank(self) -> tuple[CodeArray, IntArray]:
        return np.zeros(self.count, dtype=np.int32), np.array([NO_VALUE])

    @_or_refused("dates or timestamps, or text that holds them")
    def distinct_days(self, name: str, known: dict[str, int]) -> set[int]:
        """Day numbers that occur in a column of days or stamps, blanks left out.

        Args:
            name: the column.
            known: dates read before, by text; added to.
        """
        column = self._column(name)
        if self._source.dataset.columns[name].kind == "day" and not _is_text(column.type):
            return {int(day) for day in np.unique(self.days(name)) if day != NO_VALUE}
        if name == INTERVAL_END or not _is_text(column.type):
            _, stamps = self.stamps(name)
            # the end of a day's last interval is midnight, or a second before it
            inside = stamps[stamps != NO_VALUE] - (name == INTERVAL_END)
            return {int(day) for day in np.unique(inside // 86_400)}
        # a year has 35,000 stamps and 366 dates: only these are parsed
        _, values = self._encoded(name)
        starts = pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(values.cast(pa.string())), 0, _LONGEST_DATE)
        found = set()
        for text in filter(None, pc.unique(starts).to_pylist()):
            if text not in known:
                seconds = parse_wall_clock(re.split("[ T]", text)[0])
                if seconds is None:
                    raise self._source.bad(name, text, "a date such as 03/09/2025 or 2025-03-09")
                known[text] = seconds // 86_400
            found.add(known[text])
        return found

    def _column(self, name: str) -> pa.Array:
        column = self._batch.column(self._source.found[name])
        # text that a writer did not mark as text
        return column.cast(pa.string()) if pa.types.is_binary(column.type) else column

    def _encoded(self, name: str) -> tuple[CodeArray, pa.Array]:
        """Codes as narrow as they come (one past the last where null) and the distinct values."""
        column = self._column(name)
        if not pa.types.is_dictionary(column.type):
            column = pc.dictionary_encode(column)
        codes = column.indices
        if codes.null_count:
            codes = pc.fill_null(codes.cast(pa.int32()), len(column.dictionary))
        return codes.to_numpy(zero_copy_only=False), column.dictionary

    def _wall_clock_texts(self, name: str, expected: str) -> tuple[CodeArray, IntArray]:
        """Codes and wall-clock seconds of a text column; the last code is that of a null: `NO_VALUE`."""
        codes, values = self._encoded(name)

        def parse() -> IntArray:
            texts = pc.utf8_trim_whitespace(values.cast(pa.string())).to_pylist()
            seconds = parse_wall_clocks(texts)
            # what isn't spelled as whole files are, ours reads one by one or refuses by name
            for n in np.flatnonzero(seconds == NO_VALUE):
                text = texts[int(n)] or ""
                own = parse_wall_clock(text) if text else NO_VALUE
                if own is None:
                    raise self._source.bad(name, text, expected)
                seconds[n] = own
            return np.append(seconds, NO_VALUE)

        return codes, self._source.once(name, "stamps", values, parse)

    def _parse_all(
        self, name: str, values: list[Any], parse: Callable[[str], Any], expected: str, blank: Any
    ) -> list[Any]:
        parsed = []
        for value in values:
            text = "" if value is None else str(value).strip()
            result = parse(text) if text else blank
            if result is None:
                raise self._source.bad(name, text, expected)
            parsed.append(result)
        return parsed

    def _parsed(
        self, name: str, parse: Callable[[str], Any], expected: str, blank: Any, dtype: Any
    ) -> tuple[CodeArray, npt.NDArray[Any]]:
        codes, values = self._encoded(name)

        def parse_values() -> npt.NDArray[Any]:
            return np.array([*self._parse_all(name, values.to_pylist(), parse, expected, blank), blank], dtype=dtype)

        return codes, self._source.once(name, expected, values, parse_values)

    def _whole_numbers(
        self, name: str, parse: Callable[[str], int | None], expected: str
    ) -> tuple[CodeArray, IntArray]:
        column = self._column(name)
        if pa.types.is_null(column.type):
            return self._all_blank()
        if _is_text(column.type):
            return self._parsed(name, parse, expected, NO_VALUE, np.int64)
        if pa.types.is_integer(column.type):
            return _coded(self._integers(column))
        if pa.types.is_decimal(column.type) or pa.types.is_floating(column.type):
            floats = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
            odd = np.isfinite(floats) & ((floats != np.floor(floats)) | (np.abs(floats) > _LARGEST_WHOLE))
            if odd.any():
                raise self._source.bad(name, str(floats[odd][0]), expected)
            return _coded(np.where(np.isfinite(floats), floats, NO_VALUE).astype(np.int64))
        raise self._source.bad(name, str(column.type), expected)

    @staticmethod
    def _integers(column: pa.Array) -> IntArray:
        return np.asarray(pc.fill_null(column.cast(pa.int64()), NO_VALUE).to_numpy(zero_copy_only=False))


_LARGEST_WHOLE = 2.0**53
"""Above it a float is no whole number in particular."""
_MOST_CODES = 4_096
"""Integers that lie closer together than this are codes already."""


def _coded(values: IntArray) -> tuple[CodeArray, IntArray]:
    """Integers as codes of their distinct values; a value of the second array need not occur."""
    if not len(values):
        return np.empty(0, dtype=np.int32), np.array([NO_VALUE])
    least, most = int(values.min()), int(values.max())
    if most - least < _MOST_CODES:
        return (values - least).astype(np.int32), np.arange(least, most + 1, dtype=np.int64)
    distinct, codes = np.unique(values, return_inverse=True)
    return codes.astype(np.int64), distinct


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _join_spellings(batch: pa.RecordBatch, headings: Sequence[str]) -> pa.RecordBatch:
    """The batch with several spellings of one column joined under the first: the first value in each row that is not blank."""
    columns = [batch.column(heading) for heading in headings]
    if all(pa.types.is_integer(c.type) or pa.types.is_floating(c.type) for c in columns):
        values = pc.coalesce(*(c.cast(pa.float64()) for c in columns))
    else:
        texts = [c.cast(pa.string()) for c in columns]
        values = pc.coalesce(*(pc.if_else(pc.equal(pc.utf8_trim_whitespace(t), ""), None, t) for t in texts))
    return batch.set_column(batch.schema.get_field_index(headings[0]), headings[0], values)


def _has_value(column: pa.Array) -> bool:
    """Whether some row is neither null nor blank."""
    if column.null_count == len(column):
        return False
    if not _is_text(column.type):
        return True
    encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
    used = encoded.dictionary.take(pc.unique(encoded.indices).drop_null()).to_pylist()
    return any(text and text.strip() for text in used)


def _wall_clock(column: pa.Array) -> pa.Array:
    """A timestamp column as wall-clock time: rollups store it as if it were UTC; a real zone is taken at its word."""
    if not pa.types.is_timestamp(column.type) or column.type.tz is None:
        return column
    if column.type.tz in {"UTC", "Etc/UTC", "GMT", "Z", "+00:00"}:
        return column.cast(pa.timestamp(column.type.unit))
    return pc.local_timestamp(column)


@dataclass
class FileCount:
    """What reading a file came to: filled while its rows are taken.

    Attributes:
        rows: rows read.
        unusable_numbers: infinities and NaN by canonical column.
    """

    rows: int = 0
    unusable_numbers: dict[str, int] = field(default_factory=dict)

    def add(self, other: "FileCount") -> None:
        """Count what another reading came to, too."""
        self.rows += other.rows
        for name, number in other.unusable_numbers.items():
            self.unusable_numbers[name] = self.unusable_numbers.get(name, 0) + number


def read_rows(
    dataset: Dataset,
    path: Path,
    columns: Sequence[str],
    count: FileCount | None = None,
    groups: Sequence[int] | None = None,
) -> Iterator[Rows]:
    """Rows of a rollup file in batches, in file order, with the columns asked for that it has.

    Args:
        dataset: what the file is.
        path: the file.
        columns: canonical names.
        count: filled with what was read.
        groups: row groups to read; all if not given.

    Raises:
        InputError: the file is no Parquet, lacks a required column, has a date or stamp column that is all null, or holds a value that cannot be read.
    """
    with open_parquet(dataset, path) as plain:
        schema = plain.schema_arrow
        spelled = find_columns(dataset, path, plain)
        layouts = report_layouts(plain)
    found = {name: own[0] for name, own in spelled.items()}
    wanted = {name: found[name] for name in columns if name in found}
    joined = [spelled[name] for name in wanted if len(spelled[name]) > 1]
    text = [heading for heading in wanted.values() if _is_text(schema.field(heading).type)]
    source = RowSource(dataset, path, found, layouts)
    # the layout is asked for only where it can say something
    partly = any(name not in layout for layout in layouts for name in wanted)
    time_name = next((n for n in TIME_COLUMNS if n in wanted), None)
    rows = known_times = 0
    with open_parquet(dataset, path, text) as file:
        try:
            headings = list(dict.fromkeys([*wanted.values(), *(heading for own in joined for heading in own)]))
            headings += [LAYOUT_COLUMN] if partly else []
            for group in range(file.num_row_groups) if groups is None else groups:
                batches = file.iter_batches(batch_size=BATCH_ROWS, columns=headings, row_groups=[group])
                # Closed before the file is, whoever stops taking rows: a batch that is still being read needs it open.
                with closing(read_ahead(batches)) as ahead:
                    for batch in ahead:
                        rows += batch.num_rows
                        if time_name and not known_times:
                            known_times += _has_value(batch.column(wanted[time_name]))
                        for own in joined:
                            batch = _join_spellings(batch, own)
                        yield Rows(source, batch, group)
        except (pa.ArrowException, OSError) as error:
            raise _broken_off(dataset, path, error) from error
    if groups is None and time_name and rows and not known_times:
        raise InputError(
            f"{path.name} of {dataset.folder} has no {time_name.replace('_', ' ')}: column {wanted[time_name]!r} is null or blank in all {rows:,} rows.",
            dataset=dataset.name,
            file=path,
            column=wanted[time_name],
            expected="a date in every row (the file's datetime column is wrong and is never read instead)",
            remedy="Build this file again from ERCOT's reports.",
        )
    if count is not None:
        count.add(FileCount(rows, source.unusable_numbers))


def day_range(dataset: Dataset, path: Path, name: str, heading: str) -> tuple[int, int] | None:
    """First and last operating day of a file, from its column of days or stamps and no other.

    Args:
        dataset: what the file is.
        path: the file.
        name: canonical name of that column.
        heading: how the file spells it.

    Returns:
        day numbers; None if the column is blank in every row.

    Raises:
        InputError: the file is no Parquet or breaks off, or the column holds a value that cannot be read.
    """
    source = RowSource(dataset, path, {name: heading})
    known: dict[str, int] = {}
    found: set[int] = set()
    with open_parquet(dataset, path) as plain:
        text = [heading] if _is_text(plain.schema_arrow.field(heading).type) else []
    with open_parquet(dataset, path, text) as file:
        try:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[heading]):
                found |= Rows(source, batch, 0).distinct_days(name, known)
        except (pa.ArrowException, OSError) as error:
            raise _broken_off(dataset, path, error) from error
    return (min(found), max(found)) if found else None


def _broken_off(dataset: Dataset, path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path.name} of {dataset.folder} breaks off while being read: {str(error).splitlines()[0]}",
        dataset=dataset.name,
        file=path,
        expected="a whole Parquet file that stays as it is while it is read",
        remedy="Bring the file again, then refresh the year.",
    )
