"""Published rows as the second settlement reads them: pieces of a dataset whose columns go by any of several headings.

A piece is some rows with the same columns, in the order of publication. Rollup files are read here, ERCOT's reports in csv_reports.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

FLAG = ("dstflag", "repeatedhourflag")
PIECE_ROWS = 2**20

_TIMES_AS_WRITTEN = (
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y-%m-%dT%H:%M:%S",
)


class UnusableRowsError(ValueError):
    """Published rows that cannot be settled: names the file and the column, or the year of which there are none."""


@cache
def plain(heading: str) -> str:
    """A heading without case, spaces and punctuation: 'RegUp Awarded' and 'RegUpAwarded' become the same."""
    return re.sub(r"[^a-z0-9]", "", heading.lower())


@dataclass(frozen=True)
class Piece:
    """Some rows of a dataset that have the same columns, in the order of publication.

    Attributes:
        name: the file or files, for messages.
        headings: as spelled.
        reports: a number for each row, equal in the rows of one file or report, ascending over all pieces of a dataset.
        stored: the column of a heading, as stored.
    """

    name: str
    headings: tuple[str, ...]
    reports: npt.NDArray[np.int64]
    stored: Callable[[str], pa.ChunkedArray]

    @property
    def rows(self) -> int:
        """How many rows."""
        return len(self.reports)

    def where(self, wanted: pd.Series[Any]) -> Piece:
        """The rows for which `wanted` is True, with the same headings, so that an absent column stays absent."""
        mask = wanted.to_numpy(dtype=bool)
        return replace(self, reports=self.reports[mask], stored=lambda heading: self.stored(heading).filter(mask))

    def has(self, spellings: Iterable[str]) -> bool:
        """Whether one of these columns exists."""
        return self._heading(spellings) is not None

    def numbers(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """The column as float64, NaN for blanks; all NaN where there is no such column."""
        heading = self._heading(spellings)
        column = None if heading is None else self.stored(heading)
        if column is not None and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            return pd.Series(column.cast(pa.float64()).to_numpy())
        codes, values = self._coded(spellings)
        numbers = pd.to_numeric(pd.Series(values, dtype="object"), errors="coerce").astype("float64")
        return pd.Series(np.append(numbers, np.nan)[codes])

    def texts(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """The column as stripped text (categorical), missing for blanks; all missing where there is no such column."""
        codes, values = self._coded(spellings)
        return pd.Series(pd.Categorical.from_codes(codes, pd.Index(values, dtype="object")))

    def labels(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """Hour or interval labels ('1', '01:00', 1, 1.0) as float64.

        Raises:
            UnusableRowsError: there is no such column, or a value is no label; names the file and the column.
        """
        codes, values = self._coded(spellings, required=True)
        try:
            numbers = [float(value.split(":", maxsplit=1)[0]) for value in values]
        except ValueError as error:
            raise UnusableRowsError(
                f"{self.name}: a value of column {' or '.join(spellings)} is no label: {error}"
            ) from None
        return pd.Series(np.array([*numbers, np.nan])[codes])

    def wall_times(self, spellings: Iterable[str]) -> pd.Series[Any]:
        """Dates or stamps as written, without a time zone (datetime64[s]).

        Raises:
            UnusableRowsError: there is no such column, or it is null throughout; names the file and the column.
        """
        codes, values = self._coded(spellings, required=True)
        series = pd.Series(values, dtype="object")
        times = np.full(len(series), np.datetime64("NaT", "s"))
        for form in _TIMES_AS_WRITTEN:
            unread = np.isnat(times)
            parsed = pd.to_datetime(series[unread], format=form, errors="coerce")
            times[unread] = parsed.to_numpy().astype("datetime64[s]")
        if self.rows and np.isnat(times).all():
            raise UnusableRowsError(f"{self.name}: every value of column {' or '.join(spellings)} is null")
        return pd.Series(np.append(times, np.datetime64("NaT", "s"))[codes])

    def flags(self) -> pd.Series[Any]:
        """True where the row is marked as in the repeated hour; False too where there is no such column."""
        codes, values = self._coded(FLAG)
        return pd.Series(np.array([value.upper() in {"Y", "TRUE"} for value in values] + [False])[codes])

    def _heading(self, spellings: Iterable[str]) -> str | None:
        """The heading of the first of these columns that exists."""
        headings = {plain(heading): heading for heading in reversed(self.headings)}
        return next((headings[spelling] for spelling in spellings if spelling in headings), None)

    def _coded(self, spellings: Iterable[str], *, required: bool = False) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Distinct stripped texts of a column, and for each row the position of its own, -1 for a blank."""
        heading = self._heading(spellings)
        if heading is None and required:
            raise UnusableRowsError(f"{self.name}: no column {' or '.join(spellings)}")
        if heading is None:
            return np.full(self.rows, -1), []
        column = self.stored(heading)
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        whole = column.unify_dictionaries().combine_chunks()
        stripped = [None if value is None else str(value).strip() or None for value in whole.dictionary.to_pylist()]
        codes, values = pd.factorize(np.array(stripped, dtype=object))
        return np.append(codes, -1)[whole.indices.fill_null(-1).to_numpy(zero_copy_only=False)], list(values)


class Source(Protocol):
    """Where the second settlement reads an operating year from."""

    by_report: bool = False
    """Whether an hour's label on a clock-change day is judged report by report, and not over the whole day."""

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """The rows of a dataset, named by the folder of its rollups, oldest publication first, so that the later of two rows of one key counts.

        The years are the operating year and, for 60-day datasets, the next one, in whose files its end was published.
        """

    def holds_a_day_after(self, folder: str, year: int) -> bool:
        """Whether a piece that was not handed out holds an operating day after the year; never where every row is handed out."""
        del folder, year
        return False


class RollupFiles(Source):
    """Rollup files, laid out in a folder as ``<Folder>/<year>.parquet``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """Row groups of the files of a dataset, as many at a time as hold some `PIECE_ROWS` rows, those of the earlier year first."""
        for number, path in enumerate(self._root / folder / f"{year}.parquet" for year in years):
            if not path.exists():
                continue
            texts = [field.name for field in pq.read_schema(path) if pa.types.is_string(field.type)]
            with pq.ParquetFile(path, read_dictionary=texts) as file:
                sizes = np.array([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
                part = np.cumsum(sizes) // PIECE_ROWS
                for groups in (np.flatnonzero(part == own) for own in np.unique(part)):
                    rows = np.full(sizes[groups].sum(), number)
                    yield Piece(str(path), tuple(file.schema_arrow.names), rows, partial(_read_column, file, groups))


def _read_column(file: pq.ParquetFile, groups: npt.NDArray[np.int64], heading: str) -> pa.ChunkedArray:
    return file.read_row_groups(groups.tolist(), [heading]).column(0)
