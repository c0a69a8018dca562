"""What the footer of a rollup file says of its dataset's columns: which heading holds each, and which are blank, zero or absent."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.datasets import DATASETS, Dataset, is_published, normal_heading
from bess_assets.ercot.rollup_names import year_of
from bess_assets.ercot.step import Findings, Inputs
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


class Footer:
    """What the footer of a rollup file says of its dataset's columns; columns are positions in the file's schema, or canonical names.

    Attributes:
        dataset: what the file is.
        path: the file.
        year: year in the file's name; None if there is none.
        rows: rows of the file.
        headings: all headings, in order.
        types: their types.
        used: canonical name by position of the columns that are read.
        unfilled: likewise of those that would be read if they were not blank in every row: as good as absent.
        columns: canonical columns that the file holds.
        missing: canonical columns that ERCOT publishes in that year and the file lacks or leaves blank in every row.
        blank: those that are there and blank in every row.
        unknown: headings that no era of the dataset has.
        zeros: positions of number columns that are read and zero in every row, as far as the footer's statistics say.
        zero_filled: their canonical names.
        suspicious: those that no real file leaves zero: absent data filled in.
        partly: canonical columns that ERCOT publishes all year and some reports of a built rollup lack: unknown in their rows.
    """

    def __init__(
        self,
        dataset: Dataset,
        path: Path,
        file: pq.ParquetFile,
        extents: Callable[[int], "Extent"],
        blank: Callable[[int], bool] | None = None,
    ) -> None:
        """Describe an open file, of which nothing is kept: the statistics of a wide file take tens of MB.

        Args:
            dataset: what the file is.
            path: the file.
            file: the same, open.
            extents: what its footer says of the values at a position.
            blank: whether a column is blank in every row; by the footer alone, if it is not given.
        """
        self.dataset, self.path, self.year = dataset, path, year_of(path)
        self.rows: int = file.metadata.num_rows
        self.headings: list[str] = file.schema_arrow.names
        self.types: list[pa.DataType] = file.schema_arrow.types
        self.used, self.unfilled = dict[int, str](), dict[int, str]()
        for name, places in dataset.places(self.headings).items():
            own, filled = chosen(self.headings, places, blank or (lambda place: extents(place).is_blank))
            (self.used if filled else self.unfilled).update(dict.fromkeys(own, name))
        columns, used, unfilled = dataset.columns, set(self.used.values()), set(self.unfilled.values())
        self.columns = [n for n, column in columns.items() if n in used or (n in unfilled and column.required)]
        self.missing = [n for n, c in columns.items() if n not in self.columns and is_published(c, self.year)]
        self.blank = [name for name in self.missing if name in unfilled]
        added = BUILT_COLUMNS if METADATA_KEY in (file.schema_arrow.metadata or {}) else ()
        self.unknown = [heading for heading in self.headings if not dataset.knows(heading) and heading not in added]
        self.zeros = {n for n, name in self.used.items() if columns[name].kind == "number" and extents(n).is_zero}
        self.zero_filled = list(dict.fromkeys(name for n, name in self.used.items() if n in self.zeros))
        self.suspicious = sorted(filled_with_zeros(dataset, used, set(self.zero_filled), self.year))
        layouts = report_layouts(file)
        self.partly = [
            name
            for name, column in columns.items()
            if self.year and column.first_day <= date(self.year, 1, 1) and column.last_day >= date(self.year, 12, 31)
            if not column.only_compared and 0 < sum(name in layout for layout in layouts) < len(layouts)
        ]


def describe_file(dataset: Dataset, path: Path) -> Footer:
    """What a rollup file holds, from its footer alone.

    Raises:
        InputError: no Parquet, or a file that lacks the columns without which rows of this dataset mean nothing.
    """
    with open_parquet(dataset, path) as file:
        blank = cache(partial(is_blank, file))
        find_columns(dataset, path, file, blank)
        return Footer(dataset, path, file, cache(partial(extent, file)), blank)


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


def find_columns(
    dataset: Dataset, path: Path, file: pq.ParquetFile, blank: Callable[[int], bool] | None = None
) -> dict[str, list[str]]:
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
        own, filled = chosen(headings, places, blank or partial(is_blank, file))
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
    return said.rows > 0 and all(isinstance(value, str | bytes) and not value.strip() for value in values)


def describe_files(inputs: Inputs, dataset: str) -> list[Footer]:
    """What the rollup files of a dataset hold that the year reads; each footer is read once a run. The errors are those of `describe_file`."""

    def describe() -> list[Footer]:
        return [describe_file(DATASETS[dataset], path) for path in inputs.rollups.files(dataset, inputs.year.year)]

    return inputs.once(f"footers of {dataset}", [dataset], describe)


def has_column(inputs: Inputs, dataset: str, column: str) -> bool:
    """Whether a file of the dataset has the column."""
    return any(column in footer.columns for footer in describe_files(inputs, dataset))


def report_dataset(findings: Findings, dataset: Dataset, footers: Sequence[Footer], used: Sequence[str]) -> None:
    """Add what the footers of a dataset's files say: absent, missing columns, unknown headings, zero-filled columns."""
    if not footers:
        words = f"no file {dataset.folder}/<year>.parquet for the year"
        findings.add("dataset_absent", dataset.name, 1, words, warning=not dataset.stood_in_for)
        return
    for said in footers:
        for kind, names, words, warning in (
            ("missing_columns", [name for name in said.missing if name not in said.blank], "", True),
            ("missing_columns", said.blank, "blank in every row: ", True),
            ("missing_columns", said.partly, "lacking in some reports: ", True),
            ("unknown_headings", said.unknown, "", False),
            ("zero_filled", said.suspicious, "", True),
            ("zero_filled", [name for name in said.zero_filled if name not in said.suspicious], "", False),
        ):
            own, most = (names, 12) if kind == "unknown_headings" else ([name for name in names if name in used], None)
            findings.add(
                kind, dataset.name, len(own), f"{said.path.name}: {words}{', '.join(own[:most])}", warning=warning
            )
