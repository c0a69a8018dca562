"""What the second settlement reads: pieces of a dataset whose columns go by any of several headings.

Belongs here: one piece of a dataset and how its values are read as texts, numbers, labels, times and flags; pieces that are rollup files.
Does not: pieces that are ERCOT's reports (csv_reports.py), what a value means (settlement.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

FLAG = ("dstflag", "repeatedhourflag")
_TIMES_AS_WRITTEN = (
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
)


class UnusableRowsError(ValueError):
    """What was published cannot be settled: names the file and the column, or the day that nothing holds."""


@cache
def plain(heading: str) -> str:
    """A heading without case, spaces and punctuation: 'RegUp Awarded' and 'RegUpAwarded' become the same."""
    return re.sub(r"[^a-z0-9]", "", heading.lower())


class Piece:
    """Some rows of a dataset that have the same columns, in the order of publication; ``datetime`` is never read.

    Args:
        name: the file or files, for messages.
        headings: as spelled.
        rows: how many.
    """

    def __init__(self, name: str, headings: Iterable[str], rows: int) -> None:
        self.name = name
        self.rows = rows
        self._headings = {plain(heading): heading for heading in reversed(list(headings))}

    def read(self, heading: str) -> pa.ChunkedArray:
        """The column of a heading, as stored."""
        raise NotImplementedError

    def reports(self) -> pd.Series[Any]:
        """A number for each row that is the same in the rows of one file or report, ascending over all pieces of a dataset."""
        raise NotImplementedError

    def column(self, spellings: Iterable[str]) -> pa.ChunkedArray | None:
        """The first of these columns that there is, or None."""
        for spelling in spellings:
            if spelling in self._headings:
                return self.read(self._headings[spelling])
        return None

    def where(self, wanted: pd.Series[Any]) -> Piece:
        """Some of the rows, with the same headings, so that what is absent stays absent.

        Args:
            wanted: True for each row to keep.
        """
        return _Part(self, self._headings.values(), wanted)

    def has(self, spellings: Iterable[str]) -> bool:
        """Whether one of these columns is there."""
        return any(spelling in self._headings for spelling in spellings)

    def numbers(self, spellings: Iterable[str]) -> pd.Series[Any] | None:
        """The column as float64 with NaN for blanks, or None where there is no such column."""
        column = self.column(spellings)
        if column is None:
            return None
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type):
            return pd.Series(column.cast(pa.float64()).to_pandas())
        return pd.to_numeric(self.texts(spellings), errors="coerce").astype("float64")

    def numbers_or_null(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """The column as float64, all NaN where there is no such column."""
        found = self.numbers(spellings)
        return pd.Series(np.nan, index=range(self.rows), dtype="float64") if found is None else found

    def texts(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """The column as stripped text with None for blanks; all None where there is no such column."""
        column = self.column(spellings)
        if column is None:
            return pd.Series([None] * self.rows, dtype="object")
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        codes, values = pd.factorize(np.asarray(column.cast(pa.string()).to_pandas(), dtype=object))
        stripped = np.array([str(v).strip() or None for v in values] + [None], dtype=object)
        return pd.Series(stripped[codes], dtype="object")

    def labels(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """Hour or interval labels ('1', '01:00', 1, 1.0) as float64.

        Raises:
            UnusableRowsError: there is no such column, or a value is no label; names the file and the column.
        """
        self._require(spellings)
        codes, values = pd.factorize(self.texts(spellings))
        try:
            numbers = [float(str(v).split(":", maxsplit=1)[0]) for v in values]
        except ValueError as error:
            raise UnusableRowsError(
                f"{self.name}: a value of column {' or '.join(spellings)} is no label: {error}"
            ) from None
        return pd.Series(np.array([*numbers, np.nan])[codes])

    def wall_times(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """Dates or stamps as written, without a time zone.

        Raises:
            UnusableRowsError: there is no such column, or it is null throughout; names the file and the column.
        """
        column = self._require(spellings)
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            seconds = pc.cast(column, pa.timestamp("us")).cast(pa.timestamp("s"), safe=False)
            times = seconds.to_pandas().astype("datetime64[s]")
        else:
            codes, values = pd.factorize(self.texts(spellings))
            parsed = _parse_times(pd.Series(values, dtype="object"))
            times = pd.Series(np.append(parsed.to_numpy(), np.datetime64("NaT", "s"))[codes])
        if self.rows and times.isna().all():
            raise UnusableRowsError(f"{self.name}: every value of column {' or '.join(spellings)} is null")
        return pd.Series(times)

    def flags(self) -> pd.Series[Any]:
        """True where the row is marked as lying in the repeated hour; False too where there is no such column."""
        return self.texts(FLAG).str.upper().isin(["Y", "TRUE"])

    def _require(self, spellings: Iterable[str]) -> pa.ChunkedArray:
        column = self.column(spellings)
        if column is None:
            raise UnusableRowsError(f"{self.name}: no column {' or '.join(spellings)}")
        return column


def _parse_times(texts: pd.Series[Any]) -> pd.Series[Any]:
    """Texts in any of the spellings met in the files, as datetime64[s]; NaT where none fits."""
    parsed = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[s]")
    for form in _TIMES_AS_WRITTEN:
        if parsed.notna().all():
            break
        found = pd.to_datetime(texts, format=form, errors="coerce").astype("datetime64[s]")
        parsed = parsed.fillna(found)
    return parsed


class Source(Protocol):
    """Where the second settlement reads an operating year from.

    Attributes:
        by_report: True if what an hour's label means on a clock-change day is to be judged report by report, False if over the whole day.
    """

    by_report: bool

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """The rows of a dataset, oldest publication first, so that the later of two rows of one key counts.

        Args:
            folder: the dataset, by the folder of its rollups.
            years: the operating year; for 60-day datasets the next one too, in whose files its end was published.
        """
        ...

    def holds_a_day_after(self, folder: str, year: int) -> bool:
        """Whether the dataset is known to hold an operating day after the year that stands in no piece handed out."""
        ...


class RollupFiles:
    """Rollup files, laid out as ``<Folder>/<year>.parquet``.

    Args:
        root: their folder.
    """

    by_report = False

    def __init__(self, root: Path) -> None:
        self._root = Path(root)

    def __str__(self) -> str:
        return str(self._root)

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """One piece a file."""
        paths = [self._root / folder / f"{year}.parquet" for year in years]
        for number, path in enumerate(paths):
            if path.exists():
                yield _ParquetPiece(path, number)

    def holds_a_day_after(self, folder: str, year: int) -> bool:
        """Never: every row of the files is handed out."""
        del folder, year
        return False


class _ParquetPiece(Piece):
    """One rollup file."""

    def __init__(self, path: Path, number: int) -> None:
        self._parquet = pq.ParquetFile(path)
        self._number = number
        super().__init__(str(path), self._parquet.schema_arrow.names, self._parquet.metadata.num_rows)

    def read(self, heading: str) -> pa.ChunkedArray:
        return self._parquet.read([heading]).column(heading)

    def reports(self) -> pd.Series[Any]:
        return pd.Series(self._number, index=range(self.rows), dtype="int64")


class _Part(Piece):
    """Some rows of a piece."""

    def __init__(self, whole: Piece, headings: Iterable[str], wanted: pd.Series[Any]) -> None:
        self._whole = whole
        self._wanted = wanted.to_numpy(dtype=bool)
        super().__init__(whole.name, headings, int(self._wanted.sum()))

    def read(self, heading: str) -> pa.ChunkedArray:
        return self._whole.read(heading).filter(pa.array(self._wanted))

    def reports(self) -> pd.Series[Any]:
        return self._whole.reports()[self._wanted].reset_index(drop=True)


class TextPiece(Piece):
    """Rows of one or several reports with the same headings, all text as written.

    Args:
        name: the first and last report, for messages.
        frame: one text column a heading; an empty text is a blank.
        reports: number of the report of each row.
    """

    def __init__(self, name: str, frame: pd.DataFrame, reports: pd.Series[Any]) -> None:
        self._frame = frame
        self._reports = reports
        super().__init__(name, [str(heading) for heading in frame.columns], len(frame))

    def read(self, heading: str) -> pa.ChunkedArray:
        """The texts."""
        texts = pa.array(self._frame[heading], type=pa.string(), from_pandas=True)
        return texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])

    def where(self, wanted: pd.Series[Any]) -> Piece:
        """Some of the rows."""
        kept = wanted.to_numpy(dtype=bool)
        return TextPiece(
            self.name, self._frame[kept].reset_index(drop=True), self._reports[kept].reset_index(drop=True)
        )

    def reports(self) -> pd.Series[Any]:
        """Numbers of the reports."""
        return self._reports
