"""The columns of each rollup file, against ERCOT's of its time and the `schema.json` beside it, and how they changed over the years.

Nothing here stops a year: a file that cannot be read is a row that says so. Only footers are read, and of a file whose days are text that one column.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.calendar import day_of_number
from bess_assets.ercot.datasets import (
    BUILT_COLUMNS,
    DATASETS,
    Dataset,
    DatasetColumn,
    Kind,
    extent,
    filled_with_zeros,
    is_published,
    normal_heading,
    open_parquet,
)
from bess_assets.ercot.parsing import INTERVAL_END, TIME_COLUMNS, day_range
from bess_assets.ercot.rollup_names import rollup_name
from bess_assets.ercot.schema_files import SCHEMA_FILE, SchemaFile, same_type
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, StoredTable
from bess_assets.errors import InputError

Row = dict[str, Any]
Use = Literal["used", "known, not used", "unknown", "absent", "unreadable"]

USED: Final = "used"
NOT_USED: Final = "known, not used"
UNKNOWN: Final = "unknown"
ABSENT: Final = "absent"
UNREADABLE: Final = "unreadable"
NO_FILE = "no file"
"""Stands for the file's name where a dataset has none for the year."""

# fmt: off
_ROW: Row = dict.fromkeys((
    "heading", "arrow_type", "canonical_name", "expected", "listed_type", "file_rows", "null_count", "first_day", "last_day", "drift",
))
_AVAILABILITY = (
    "dataset", "position", "column_name", "year", "use", "present", "published", "heading", "arrow_type", "files", "file_share",
    "change", "expected_change",
)
# fmt: on

Family = Literal["text", "bytes", "integer", "float", "decimal", "date", "timestamp", "boolean", "null", "other"]


class _Types(NamedTuple):
    """A kind of column in words, its own types, and others that parsing.py understands all the same."""

    words: str
    natural: set[Family]
    readable: set[Family]


_KINDS: dict[Kind, _Types] = {
    "name": _Types("text", {"text"}, {"bytes", "integer", "float", "decimal", "date", "timestamp", "boolean"}),
    "day": _Types("a date", {"date"}, {"text", "bytes", "timestamp"}),
    "hour": _Types("a whole number, 1 to 25", {"integer"}, {"text", "bytes", "float", "decimal"}),
    "interval": _Types("a whole number", {"integer"}, {"text", "bytes", "float", "decimal"}),
    "flag": _Types("text, Y or N", {"text"}, {"bytes", "integer", "boolean"}),
    "stamp": _Types("a timestamp", {"timestamp"}, {"text", "bytes"}),
    "number": _Types("a number", {"float", "integer", "decimal"}, {"text", "bytes"}),
}

# fmt: off
_FAMILIES: dict[str, Family] = {
    "null": "null", "boolean": "boolean", "integer": "integer", "floating": "float", "decimal": "decimal", "date": "date",
    "timestamp": "timestamp", "string": "text", "large_string": "text", "string_view": "text", "binary": "bytes",
}
# fmt: on


# --- the year ---------------------------------------------------------------------------------------------------------------------------------


def rollup_schemas(inputs: Inputs) -> StepResult:
    """Each column of each rollup file that the year reads, and each that ERCOT published and a file lacks."""
    result = StepResult(iter(()))
    result.chunks = _schema_chunks(inputs, result)
    return result


def _schema_chunks(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    rows: list[Row] = []
    for dataset in DATASETS.values():
        rows += _of_dataset(dataset, inputs, result.findings)
    result.mismatches += _mismatches(rows)
    names = ["dataset", "file", "position", *_ROW, "use", "mismatch"]
    yield {name: [row[name] for row in rows] for name in names}


def _of_dataset(dataset: Dataset, inputs: Inputs, findings: Findings) -> list[Row]:
    year = inputs.year.year
    paths = inputs.rollups.files(dataset.name, year)
    if not paths:
        return _absent_dataset(dataset, year) if dataset.first_year <= year <= dataset.last_year else []
    by_file: dict[str, list[Row]] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        listed = SchemaFile.beside(folder)
        if listed and listed.problem:
            by_file[rollup_name(folder / SCHEMA_FILE)] = [_row(dataset, UNREADABLE, [listed.problem])]
            findings.add("schema_file", dataset.name, 1, listed.problem, warning=False)
        for path in paths:
            if path.parent == folder:
                by_file[rollup_name(path)] = _of_file(dataset, path, listed, findings, inputs.known_days.get(path))
    return [
        {**row, "dataset": dataset.name, "file": label, "position": position}
        for label, rows in sorted(by_file.items())
        for position, row in enumerate(rows, start=1)
    ]


def _absent_dataset(dataset: Dataset, year: int) -> list[Row]:
    expected = [name for name, column in dataset.columns.items() if is_published(column, year)]
    drift = "no file for the year" if dataset.in_no_figure else _Fault("no file for the year")
    here = {"dataset": dataset.name, "file": NO_FILE}
    return [
        {**_row(dataset, ABSENT, [drift], canonical_name=name), **here, "position": position}
        for position, name in enumerate(expected, start=1)
    ]


def _mismatches(rows: Iterable[Row]) -> list[str]:
    """A phrase for each file and each thing that is wrong in it, naming the columns; of a dataset without a file one for all its columns."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        if row["mismatch"]:
            columns = grouped.setdefault((row["dataset"], row["file"], row["drift"]), [])
            columns += [] if row["file"] == NO_FILE else [row["canonical_name"] or row["heading"] or ""]
    return [
        f"{dataset}{'' if file == NO_FILE else f' {file}'}: {', '.join(filter(None, columns))}{' ' if any(columns) else ''}{drift}"
        for (dataset, file, drift), columns in grouped.items()
    ]


# --- one file ---------------------------------------------------------------------------------------------------------------------------------


class _Fault(str):
    """A phrase on a column that is a mismatch: not as ERCOT published the column."""

    __slots__ = ()


def _row(dataset: Dataset, use: Use, drift: Sequence[str], **cells: Any) -> Row:
    """A row of `rollup_schemas`, but its file and position; `drift` is what is odd about the column."""
    name = cells.get("canonical_name")
    return {
        **_ROW,
        **cells,
        "use": use,
        "expected": _KINDS[dataset.columns[name].kind].words if name else None,
        "drift": "; ".join(drift) or None,
        "mismatch": any(isinstance(phrase, _Fault) for phrase in drift),
    }


def _of_file(
    dataset: Dataset, path: Path, listed: SchemaFile | None, findings: Findings, days: tuple[date, date] | None
) -> list[Row]:
    try:
        with open_parquet(dataset, path) as file:
            described = _File(dataset, path, file, days)
    except InputError as error:
        return [_row(dataset, UNREADABLE, [_Fault(error.problem)])]
    rows = [*described.present(listed), *described.absent(listed)]
    if listed and not listed.problem:
        rows += described.only_listed(listed)
        odd = [row for row in rows if row["drift"] and SCHEMA_FILE in row["drift"]]
        differing = [row["canonical_name"] or row["heading"] or row["drift"] for row in odd]
        detail = f"{rollup_name(path)}: {', '.join(differing)}"
        findings.add("schema_file", dataset.name, len(differing), detail, warning=False)
    first, last = described.days
    return [{**row, "file_rows": described.rows, "first_day": first, "last_day": last} for row in rows]


class _File:
    """One rollup file against its dataset's declaration."""

    def __init__(
        self, dataset: Dataset, path: Path, file: pq.ParquetFile, days: tuple[date, date] | None = None
    ) -> None:
        """Read its footer, and its column of days where neither the footer nor an earlier reading says them."""
        self._dataset = dataset
        self._year = int(path.stem) if path.stem.isdigit() else None
        self._built = rollup_name(path) != path.name
        schema = file.schema_arrow
        self.rows: int = file.metadata.num_rows
        self._headings: list[str] = list(schema.names)
        self._types: list[pa.DataType] = list(schema.types)
        self._extents = [extent(file, position) for position in range(len(self._headings))]
        self._used, self._blank = self._roles()
        zero = {name for n, name in self._used.items() if self._is_zero(n)}
        self._suspicious = filled_with_zeros(dataset, set(self._used.values()), zero, self._year)
        self._day_problem: str | None = None
        self.days = days or self._find_days(path, file)

    def _roles(self) -> tuple[dict[int, str], dict[int, str]]:
        """Canonical name by position, of columns that are read and of those that would be if they were not blank in every row."""
        used: dict[int, str] = {}
        blank: dict[int, str] = {}
        for name, spelled in self._dataset.spellings(self._headings).items():
            places = [n for h in dict.fromkeys(spelled) for n, heading in enumerate(self._headings) if heading == h]
            filled = [n for n in places if not self._extents[n].is_blank]
            own = filled or places
            first = normal_heading(self._headings[own[0]])
            role = used if filled else blank
            role.update({n: name for n in own if normal_heading(self._headings[n]) == first})
        return used, blank

    def _is_zero(self, position: int) -> bool:
        return self._dataset.columns[self._used[position]].kind == "number" and self._extents[position].is_zero

    def _find_days(self, path: Path, file: pq.ParquetFile) -> tuple[date | None, date | None]:
        """First and last operating day: from the footer where the column is typed, else by reading that one column."""
        at = next((n for wanted in TIME_COLUMNS for n, name in self._used.items() if name == wanted), None)
        if at is None or not self.rows:
            return None, None
        name, heading = self._used[at], self._headings[at]
        said = self._extents[at]
        if _is_wall_clock(file.schema_arrow.types[at]) and isinstance(said.low, date):
            return _day(name, said.low), _day(name, said.high)
        if self._headings.count(heading) > 1:
            return None, None  # a column that cannot be asked for by its name; present() says so
        try:
            days = day_range(self._dataset, path, name, heading)
        except InputError as error:
            self._day_problem = f"its days cannot be read: {error.problem}"
            return None, None
        return (day_of_number(days[0]), day_of_number(days[1])) if days else (None, None)

    def present(self, listed: SchemaFile | None) -> Iterator[Row]:
        """A row for each column that the file has, in file order."""
        for position, (heading, arrow_type) in enumerate(zip(self._headings, self._types, strict=True)):
            use, drift = self._judge(position)
            listed_type, differences = _compare(listed, heading, arrow_type)
            yield _row(
                self._dataset,
                use,
                [*drift, *differences],
                heading=heading,
                arrow_type=str(arrow_type),
                canonical_name=self._used.get(position) or self._blank.get(position),
                listed_type=listed_type,
                null_count=self._extents[position].nulls,
            )

    def _judge(self, position: int) -> tuple[Use, list[str]]:
        """The use of a column, and what is odd about it."""
        heading = self._headings[position]
        drift: list[str] = []
        if self._headings.count(heading) > 1:
            drift.append(_Fault("its heading stands twice in the file"))
        if normal_heading(heading) in {normal_heading(foreign) for foreign in self._dataset.foreign}:
            elsewhere = "a heading of another dataset: the file lies in the wrong folder, and none of its rows are read"
            return UNKNOWN, [*drift, _Fault(elsewhere)]
        if position in self._blank:
            return ABSENT, [*drift, self._judge_blank(self._blank[position])]
        if position in self._used:
            return USED, [*drift, *self._judge_used(position)]
        if self._dataset.knows(heading) or (self._built and heading in BUILT_COLUMNS):
            return NOT_USED, drift
        return UNKNOWN, [*drift, _Fault("a heading that no era of the dataset knows: not read")]

    def _judge_blank(self, name: str) -> str:
        column = self._dataset.columns[name]
        if column.only_compared:
            return "blank in every row; no figure is made of it"
        if not is_published(column, self._year):
            return "blank in every row, as ERCOT didn't publish it then"
        if column.required:
            return _Fault("blank in every row, and rows mean nothing without it")
        return _Fault("blank in every row: as good as absent")

    def _judge_used(self, position: int) -> Iterator[str]:
        name, arrow_type = self._used[position], self._types[position]
        types = _KINDS[self._dataset.columns[name].kind]
        family = _family(arrow_type)
        words = "text" if family in {"text", "bytes"} else str(arrow_type)
        if family in types.readable:
            yield f"{words} where {types.words} is natural: understood"
        elif family not in types.natural:
            yield _Fault(f"{words}, which cannot be read as {types.words}")
        if name in self._suspicious and self._extents[position].is_zero:
            yield _Fault("zero in every row: perhaps absent data filled in")
        elif self._is_zero(position):
            yield "zero in every row"
        if self._day_problem and name in TIME_COLUMNS:
            yield _Fault(self._day_problem)

    def _lacking(self) -> list[DatasetColumn]:
        """The canonical columns that ERCOT published then and the file has under no heading."""
        there = {*self._used.values(), *self._blank.values()}
        columns = self._dataset.columns.values()
        return [column for column in columns if column.name not in there and is_published(column, self._year)]

    def absent(self, listed: SchemaFile | None) -> Iterator[Row]:
        """A row for each canonical column that ERCOT published then and the file has under no heading."""
        for column in self._lacking():
            why = "and rows mean nothing without it" if column.required else "though ERCOT published it then"
            types = [listed.type_of(heading) for heading in column.headings] if listed else []
            listed_type = next(filter(None, types), None)
            drift = [_Fault(f"absent, {why}"), *([f"{SCHEMA_FILE} lists it"] if listed_type else [])]
            yield _row(self._dataset, ABSENT, drift, canonical_name=column.name, listed_type=listed_type)

    def only_listed(self, listed: SchemaFile) -> Iterator[Row]:
        """A row for each column that `schema.json` lists, the file lacks and no other row is about."""
        headings = [*self._headings, *(heading for column in self._lacking() for heading in column.headings)]
        there = {normal_heading(heading) for heading in headings}
        for heading, listed_type in listed.columns.items():
            if normal_heading(heading) not in there:
                drift = f"{SCHEMA_FILE} lists {heading!r}, which the file lacks"
                yield _row(self._dataset, ABSENT, [drift], listed_type=listed_type)


def _compare(listed: SchemaFile | None, heading: str, arrow_type: pa.DataType) -> tuple[str | None, list[str]]:
    """Type that `schema.json` gives a column, and where it differs from the file."""
    if listed is None or listed.problem:
        return None, []
    spelled = listed.spelling_of(heading)
    if spelled is None:
        return None, [f"not in {SCHEMA_FILE}"]
    listed_type = listed.columns[spelled]
    drift = [f"{SCHEMA_FILE} spells it {spelled!r}"] if spelled != heading else []
    if not same_type(listed_type, str(arrow_type)):
        drift.append(f"{SCHEMA_FILE} says {listed_type}")
    return listed_type, drift


def _family(arrow_type: pa.DataType) -> Family:
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    return next((family for test, family in _FAMILIES.items() if getattr(pa.types, f"is_{test}")(arrow_type)), "other")


def _is_wall_clock(arrow_type: pa.DataType) -> bool:
    """Whether the footer's extremes are the days that rows show: a real time zone would have to be turned into Central time first."""
    if pa.types.is_timestamp(arrow_type):
        return arrow_type.tz in {None, "UTC", "Etc/UTC", "GMT", "Z", "+00:00"}
    return bool(pa.types.is_date(arrow_type))


def _day(name: str, value: date) -> date:
    if isinstance(value, datetime):
        # the end of the day's last interval is midnight, or a second before it
        return (value - timedelta(seconds=int(name == INTERVAL_END))).date()
    return value


# --- all years --------------------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """A column of a dataset in one year: its spelling, type and use, and how many of the year's files have it."""

    heading: str
    arrow_type: str
    use: str
    files: int


class _DatasetYear(NamedTuple):
    """What one year's `rollup_schemas` say of a dataset: the files that could be read, and the columns that they have."""

    files: list[str]
    cells: dict[str, _Cell]


def column_availability(schemas: Mapping[int, StoredTable]) -> StepResult:
    """Dataset by column by year: present or not, how spelled and typed, and what changed since the year before.

    Args:
        schemas: `rollup_schemas` by year.
    """
    result = StepResult(iter(()))
    result.chunks = _availability_chunks(schemas, result)
    return result


def _availability_chunks(schemas: Mapping[int, StoredTable], result: StepResult) -> Iterator[Columns]:
    rows = availability_rows({year: schemas[year].read().to_pylist() for year in sorted(schemas)})
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        unexpected = [row for row in rows if row["dataset"] == dataset and row["expected_change"] is False]
        result.mismatches += [f"{dataset} {words}" for words in words_of_changes(unexpected)]
    yield {name: [row[name] for row in rows] for name in _AVAILABILITY}


def availability_rows(years: Mapping[int, Sequence[Row]]) -> list[Row]:
    """Rows of `column_availability`, dense: every column that some year has, in every year.

    Args:
        years: rows of `rollup_schemas` by year.
    """
    rows: list[Row] = []
    for dataset in DATASETS.values():
        by_year = {year: [row for row in years[year] if row["dataset"] == dataset.name] for year in sorted(years)}
        rows += _dataset_availability(dataset, by_year)
    return rows


def _dataset_availability(dataset: Dataset, by_year: Mapping[int, Sequence[Row]]) -> Iterator[Row]:
    found = {year: _dataset_year(year, rows) for year, rows in by_year.items()}
    for position, (identity, name) in enumerate(_column_names(dataset, by_year).items(), start=1):
        column = dataset.columns.get(identity)
        uses = [here.cells[identity].use for here in found.values() if identity in here.cells]
        before: _Cell | None = None
        was_published: bool | None = None
        any_before = False
        for year, here in found.items():
            cell = here.cells.get(identity)
            published = _published(dataset, column, year, here.files)
            change: str | None = None
            expected: bool | None = None
            if any_before and here.files:
                change = _change(cell, before)
                if column is None or not column.only_compared:
                    expected = _is_expected(change, cell or before, published, was_published)
            yield {
                "dataset": dataset.name,
                "position": position,
                "column_name": name,
                "year": year,
                "use": uses[-1] if uses else USED,  # a canonical column that no file has would be used
                "present": cell is not None,
                "published": published,
                "heading": cell.heading if cell else None,
                "arrow_type": cell.arrow_type if cell else None,
                "files": len(here.files),
                "file_share": (cell.files if cell else 0) / len(here.files) if here.files else None,
                "change": change,
                "expected_change": expected,
            }
            if here.files:
                before, was_published, any_before = cell, published, True


def _dataset_year(year: int, rows: Sequence[Row]) -> _DatasetYear:
    """A column's heading and type are those of the file named by the year, or else of the first file that has it."""
    readable = dict.fromkeys(row["file"] for row in rows if row["use"] != UNREADABLE and row["file"] != NO_FILE)
    cells: dict[str, _Cell] = {}
    for file in sorted(readable, key=lambda file: _file_year(file) != year):
        here: dict[str, Row] = {}
        for row in rows:
            if row["file"] == file and row["use"] != ABSENT:
                here.setdefault(_identity(row), row)
        for identity, row in here.items():
            known = cells.get(identity) or _Cell(row["heading"], row["arrow_type"], row["use"], 0)
            cells[identity] = replace(known, files=known.files + 1)
    return _DatasetYear(list(readable), cells)


def _identity(row: Row) -> str:
    """What a column is followed by over the years: its canonical name, else its heading, spelling apart."""
    if row["canonical_name"]:
        return str(row["canonical_name"])
    return f'"{normal_heading(row["heading"]) or row["heading"]}"'


def _column_names(dataset: Dataset, by_year: Mapping[int, Sequence[Row]]) -> dict[str, str]:
    """Identity -> name shown: canonical columns in the order of their declaration, then headings in quotes as their latest file spells them."""
    seen: dict[str, str] = {}
    for rows in by_year.values():
        for row in rows:
            if row["canonical_name"]:
                seen[row["canonical_name"]] = row["canonical_name"]
            elif row["heading"]:
                seen[_identity(row)] = f'"{row["heading"]}"'
    canonical = {name: name for name in dataset.columns if name in seen}
    return canonical | {identity: name for identity, name in seen.items() if identity not in canonical}


def _file_year(file: str) -> int | None:
    match = re.search(r"(\d{4})\.parquet$", file)
    return int(match[1]) if match else None


def _published(dataset: Dataset, column: DatasetColumn | None, year: int, files: Sequence[str]) -> bool | None:
    """Whether ERCOT published a column in the rows of these files; None of a heading that is no canonical column, or of one that is only compared."""
    if column is None or column.only_compared:
        return None
    if not files:
        return dataset.first_year <= year <= dataset.last_year and is_published(column, year)
    return any(is_published(column, _file_year(file)) for file in files)


def _change(now: _Cell | None, before: _Cell | None) -> str | None:
    if now is None or before is None:
        return "appeared" if now else "vanished" if before else None
    changes = [f"type changed from {before.arrow_type}"] if now.arrow_type != before.arrow_type else []
    changes += [f"heading changed from {before.heading}"] if now.heading != before.heading else []
    return "; ".join(changes) or None


def _is_expected(
    change: str | None, cell: _Cell | None, published: bool | None, was_published: bool | None
) -> bool | None:
    """Whether ERCOT made a change; None where nothing changed, and of a column that is not used, whose days are not declared."""
    if change is None or cell is None or cell.use == NOT_USED:
        return None
    if change == "appeared":
        return bool(published and not was_published)
    if change == "vanished":
        return bool(was_published and not published)
    return False


def words_of_changes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Changes of one dataset in words, by year and nature: `2024: type changed: hour_ending from int64, interval from string`.

    Args:
        rows: those of `column_availability` that have a change.
    """
    grouped: dict[tuple[int, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["year"], row["position"])):
        for change in row["change"].split("; "):
            what, _, origin = change.partition(" from ")
            grouped.setdefault((row["year"], what), []).append(
                row["column_name"] + (f" from {origin}" if origin else "")
            )
    return [f"{year}: {what}: {', '.join(columns)}" for (year, what), columns in grouped.items()]
