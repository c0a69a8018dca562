"""What the footer of a rollup file says of its dataset's columns: which heading holds each, and which are blank, zero or absent."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.datasets import Dataset, is_published, normal_heading
from bess_assets.errors import InputError

METADATA_KEY = b"bess_rollup"
"""Key of what a rollup built from reports says of itself in its Parquet metadata: dataset, year, layouts, columns."""
LAYOUT_COLUMN = "report_layout"
BUILT_COLUMNS = ("interval_start", "operating_day", "published", "report", LAYOUT_COLUMN)
"""Columns that a rollup built from reports has beside ERCOT's own: start of the interval or run, UTC; operating day; when the row was published,
UTC; number of its report in the manifest; number of the report's layout in the file's metadata."""

_PARTS_SOLD_EVERY_YEAR = {"rrspfr_award_mw": "rrs_award_mw", "ecrssd_award_mw": "ecrs_award_mw"}
_SELL_EVERY_PART = {"dam_gen_resources", "dam_esr_resources", "sced_esr_resources"}
"""The single column that may stand for a part, and the datasets whose resources sell it in every year."""


@dataclass(frozen=True)
class FileDescription:
    """What the footer of a rollup file says.

    Attributes:
        rows: rows.
        columns: canonical columns that it holds.
        missing: canonical columns that ERCOT publishes in that year and the file lacks or leaves blank in every row.
        blank: those that are there and blank in every row: as good as absent.
        unknown: headings that no era of the dataset has.
        zero_filled: canonical number columns that are zero in every row, as far as the footer's statistics say.
        suspicious: those that no real file leaves zero: absent data filled in.
        partly: canonical columns that ERCOT publishes all year and some reports of a built rollup lack: unknown in their rows.
    """

    rows: int
    columns: list[str]
    missing: list[str]
    blank: list[str]
    unknown: list[str]
    zero_filled: list[str]
    suspicious: list[str]
    partly: list[str]


def describe_file(dataset: Dataset, path: Path) -> FileDescription:
    """What a rollup file holds, from its footer alone.

    Raises:
        InputError: no Parquet, or a file that lacks the columns without which rows of this dataset mean nothing.
    """
    year = year_of(path)
    with open_parquet(dataset, path) as file:
        rows, headings, layouts = file.metadata.num_rows, file.schema_arrow.names, report_layouts(file)
        added = BUILT_COLUMNS if METADATA_KEY in (file.schema_arrow.metadata or {}) else ()
        found = find_columns(dataset, path, file)
        numbers = {name: own[0] for name, own in found.items() if dataset.columns[name].kind == "number"}
        zero = [name for name, heading in numbers.items() if extent(file, headings.index(heading)).is_zero]
    missing = [name for name, column in dataset.columns.items() if name not in found and is_published(column, year)]
    there = dataset.places(headings)
    return FileDescription(
        rows=rows,
        columns=list(found),
        missing=missing,
        blank=[name for name in missing if name in there],
        unknown=[heading for heading in headings if not dataset.knows(heading) and heading not in added],
        zero_filled=zero,
        suspicious=sorted(filled_with_zeros(dataset, found.keys(), set(zero), year)),
        partly=[
            name
            for name, column in dataset.columns.items()
            if year and column.first_day <= date(year, 1, 1) and column.last_day >= date(year, 12, 31)
            if not column.only_compared and 0 < sum(name in layout for layout in layouts) < len(layouts)
        ],
    )


def year_of(path: Path) -> int | None:
    """Year in the name of a rollup file; None if there is none."""
    return int(path.stem) if path.stem.isdigit() else None


def filled_with_zeros(dataset: Dataset, there: Collection[str], zero: set[str], year: int | None) -> set[str]:
    """Canonical columns that are all zero in a file of a year and in no real file are.

    RRS counts if all its columns are. The part of RRS, and of ECRS, that every year's generation and storage files hold counts where no single column
    replaces it, in files of the years after the one in which it was first published: that year's may end before.
    """
    suspicious = {name for name in zero if dataset.columns[name].never_all_zero}
    rrs = {name for name in there if name.startswith("rrs") and name.endswith("_award_mw")}
    if dataset.name in _SELL_EVERY_PART and year is not None:
        suspicious |= {
            part
            for part, single in _PARTS_SOLD_EVERY_YEAR.items()
            if part in zero and dataset.columns[part].first_day < date(year, 1, 1)
            if single not in there or single in zero
        }
    return suspicious | (rrs if rrs <= zero else set())


def open_parquet(dataset: Dataset, path: Path, dictionaries: Sequence[str] = ()) -> pq.ParquetFile:
    """The open file; `dictionaries` names the headings to read as dictionaries.

    Raises:
        InputError: the file is not readable as Parquet.
    """
    try:
        return pq.ParquetFile(path, read_dictionary=list(dictionaries), pre_buffer=True)
    except (pa.ArrowException, OSError) as error:
        raise dataset.refusal(
            path,
            f"cannot be read as Parquet: {str(error).splitlines()[0]}",
            expected="a whole Parquet file",
            remedy="Bring the file again; a half-copied file ends without its footer.",
        ) from error


def report_layouts(file: pq.ParquetFile) -> list[frozenset[str]]:
    """Canonical columns of each layout of the reports that a rollup was built from, by number; empty for any other file."""
    said = (file.schema_arrow.metadata or {}).get(METADATA_KEY)
    return [frozenset(layout) for layout in json.loads(said)["layouts"]] if said else []


def find_columns(dataset: Dataset, path: Path, file: pq.ParquetFile) -> dict[str, list[str]]:
    """Canonical name -> the headings of a file that hold it, to be joined row by row where there are several.

    Raises:
        InputError: a required column is absent or blank throughout, two columns have one and the same heading, or a heading proves the file to be
            another dataset's.
    """
    headings = file.schema_arrow.names

    def refusal(column: str, problem: str, expected: str, remedy: str) -> InputError:
        return dataset.refusal(path, f"{problem}.", column=column, expected=expected, remedy=remedy)

    if foreign := next(filter(dataset.is_foreign, headings), None):
        problem = f"is another dataset's file: it has a column {foreign!r}"
        expected, remedy = f"the headings of {dataset.report}", "Put the file into the folder of its own dataset."
        raise refusal(foreign, problem, expected, remedy)
    for column in dataset.lacking(headings):
        expected = " or ".join(map(repr, column.headings))
        remedy = f"Check that this is {dataset.report}; its headings are {', '.join(map(repr, headings[:12]))}."
        raise refusal(column.name, f"has no column for {column.name}", expected, remedy)
    remedy = "Build this file again from ERCOT's reports."
    found = {}
    for name, places in dataset.places(headings).items():
        column = dataset.columns[name]
        spelled = [headings[place] for place in places]
        if twice := next((heading for heading in spelled if spelled.count(heading) > 1), None):
            expected = "each heading once: nothing tells which of the two is meant"
            raise refusal(twice, f"has two columns {twice!r}", expected, remedy)
        own, filled = chosen(headings, places, lambda place: is_blank(file, place))
        if not filled and column.required and column.kind not in {"day", "stamp"} and file.metadata.num_rows:
            problem = f"has a column {spelled[0]!r} that is blank in every row"
            raise refusal(spelled[0], problem, "a value in every row", remedy)
        if filled or column.required:
            found[name] = [headings[place] for place in own]
    return found


def chosen(headings: Sequence[str], places: Sequence[int], blank: Callable[[int], bool]) -> tuple[list[int], bool]:
    """Which of the places that hold a column are read, and whether any has a value.

    A column that is blank in every row is as good as absent: a rollup's producer fills absent columns with blanks. Other spellings of a
    column (`Hour Ending` beside `hour`) are used only where the preferred one is absent.
    """
    filled = [place for place in places if not blank(place)]
    own = filled or places
    first = normal_heading(headings[own[0]])
    return [place for place in own if normal_heading(headings[place]) == first], bool(filled)


@dataclass(frozen=True)
class Extent:
    """What the footer says of the values of a column, over all row groups.

    Attributes:
        rows: rows of the file.
        nulls: how many of them are null; None where the footer doesn't say.
        low: smallest value; None where the footer doesn't say, or there is none.
        high: largest value.
    """

    rows: int
    nulls: int | None = None
    low: Any = None
    high: Any = None

    @property
    def is_blank(self) -> bool:
        """Whether every row is null or blank text, as far as the footer says."""
        if not self.rows or self.nulls == self.rows:
            return self.rows > 0
        return isinstance(self.low, str | bytes) and not self.low.strip() and not self.high.strip()

    @property
    def is_zero(self) -> bool:
        """Whether every row that has a value is zero, as far as the footer says."""
        return isinstance(self.low, int | float) and not isinstance(self.low, bool) and self.low == 0 == self.high


def extent(file: pq.ParquetFile, position: int) -> Extent:
    """What the footer of a file says of the column at a position of its schema."""
    metadata = file.metadata
    unknown = Extent(metadata.num_rows)
    if metadata.num_columns != len(file.schema_arrow.names):
        return unknown  # a nested column takes several places in the footer: positions are not those of the schema
    try:
        said = [metadata.row_group(n).column(position).statistics for n in range(metadata.num_row_groups)]
        if any(group is None or not group.has_null_count for group in said):
            return unknown
        nulls = sum(group.null_count for group in said)
        filled = [group for group in said if group.num_values]
        if not filled or not all(group.has_min_max for group in filled):
            return Extent(metadata.num_rows, nulls)
        return Extent(metadata.num_rows, nulls, min(group.min for group in filled), max(group.max for group in filled))
    except (pa.ArrowException, ValueError, OverflowError, TypeError):
        return unknown  # extremes of a type, or of a date, that Python has no word for


def is_blank(file: pq.ParquetFile, position: int) -> bool:
    """Whether a column is null or blank text in every row; a column without statistics is read until a value turns up."""
    said = extent(file, position)
    if said.low is not None or said.nulls == said.rows:
        return said.is_blank
    batches = file.iter_batches(columns=[file.schema_arrow.names[position]])
    values = (value for batch in batches for value in batch.column(0).drop_null().unique().to_pylist())
    return said.rows > 0 and all(isinstance(value, str) and not value.strip() for value in values)
