"""The columns of each rollup file, against ERCOT's of its time and the `schema.json` beside it, and how they changed over the years.

Nothing here stops a year: a file that cannot be read is a row that says so. Only footers are read, and of a file whose days are text that one column.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cache, partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import pyarrow as pa

from bess_assets.ercot.calendar import day_of_number
from bess_assets.ercot.datasets import DATASETS, Dataset, DatasetColumn, Kind, is_published, normal_heading
from bess_assets.ercot.footers import Extent, Footer, extent, open_parquet
from bess_assets.ercot.labels import RESOURCE_DATASETS, labels_of
from bess_assets.ercot.parsing import TIME_COLUMNS, day_range
from bess_assets.ercot.products import RTC_FIRST_DAY
from bess_assets.ercot.rollup_names import rollup_name, year_of
from bess_assets.ercot.schema_files import SCHEMA_FILE, listed_columns, same_type, spelling_of, type_family
from bess_assets.ercot.step import (
    ANY_DATASET,
    Cause,
    Columns,
    Findings,
    Inputs,
    StepResult,
    StoredTable,
    in_columns,
    step,
)
from bess_assets.errors import InputError

Row = dict[str, Any]
Use = Literal["used", "known, not used", "unknown", "absent", "unreadable"]

USED, NOT_USED, UNKNOWN, ABSENT, UNREADABLE = get_args(Use)
_OF_COMBO = {"dam_gen_resources", "dam_load_resources", "sced_gen_resources", "sced_load_resources"}
"""Datasets in which no battery has rows after the year of RTC+B."""
_FEW = 4  # headings that a remedy names
_OF_MONEY = re.compile("award|mcpc|price", re.IGNORECASE)
"""Unknown headings that may be of a new product, whose money would be missed; others are additions that no figure needs."""
NO_FILE = "no file"
"""Stands for the file's name where a dataset has none for the year."""

# fmt: off
_ROW: Row = dict.fromkeys((
    "heading", "arrow_type", "canonical_name", "expected", "listed_type", "file_rows", "null_count", "first_day", "last_day", "drift",
))
# fmt: on


class _Types(NamedTuple):
    """A kind of column in words, the families of its own types, and of others that parsing.py understands all the same."""

    words: str
    natural: set[str]
    readable: set[str]


_INTEGER = {"i", "u"}
_BROKEN = {"f", "decimal"}
_TEXT = {"text", "binary"}
_KINDS: dict[Kind, _Types] = {
    "name": _Types("text", {"text"}, {"binary", *_INTEGER, *_BROKEN, "date", "timestamp", "boolean"}),
    "day": _Types("a date", {"date"}, {*_TEXT, "timestamp"}),
    "hour": _Types("a whole number, 1 to 25", _INTEGER, {*_TEXT, *_BROKEN, "time of day"}),
    "interval": _Types("a whole number", _INTEGER, {*_TEXT, *_BROKEN}),
    "flag": _Types("text, Y or N", {"text"}, {"binary", *_INTEGER, "boolean"}),
    "stamp": _Types("a timestamp", {"timestamp"}, _TEXT),
    "number": _Types("a number", {*_INTEGER, *_BROKEN}, _TEXT),
}


# --- the year ---------------------------------------------------------------------------------------------------------------------------------


@step
def left_out_rows(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """The rows that the tables above have left out or doubted, each once for a kind; several tables may have read it.

    A row that equals another one in the columns of one table, and contradicts it in those of another, contradicts it.
    """
    details: defaultdict[tuple[str, str, int, str], dict[str, str]] = defaultdict(dict)
    for dataset, file, row, kind, detail, says in inputs.left_out:
        details[dataset, file, row, kind].setdefault(detail, says)
    for dataset, file, row, kind in [*details]:
        if kind == "contradicting_rows":
            details.pop((dataset, file, row, "duplicate_rows"), None)
    names = ("dataset", "file", "row", "kind")
    yield from in_columns(
        [
            {**dict(zip(names, key, strict=True)), "detail": "; ".join(said), "says": max(said.values(), key=len)}
            for key, said in sorted(details.items())
        ]
    )


def rollup_schemas(inputs: Inputs) -> StepResult:
    """Each column of each rollup file that the year reads, and each that ERCOT published and a file lacks."""
    findings = Findings()
    rows = [row for dataset in DATASETS.values() for row in _of_dataset(dataset, inputs, findings)]
    return StepResult(in_columns(rows), findings, _mismatches(rows, inputs.year.year))


def _of_dataset(dataset: Dataset, inputs: Inputs, findings: Findings) -> Iterator[Row]:
    year = inputs.year.year
    paths = inputs.rollups.files(dataset.name, year)
    by_file: dict[str, list[Row]] = {}
    if not paths and dataset.first_year <= year <= dataset.last_year:
        optional = dataset.in_no_figure or dataset.stood_in_for
        drift = "no file for the year" if optional else _Fault("no file for the year")
        by_file[NO_FILE] = [
            _row(dataset, ABSENT, [drift], canonical_name=name)
            for name, column in dataset.columns.items()
            if is_published(column, year)
        ]
    for folder in dict.fromkeys(path.parent for path in paths):
        try:
            listed = listed_columns(folder)
        except ValueError as error:
            listed = None
            by_file[rollup_name(folder / SCHEMA_FILE)] = [_row(dataset, UNREADABLE, [str(error)])]
            findings.add("schema_file", dataset.name, 1, str(error), warning=False)
        by_file |= {
            rollup_name(path): _of_file(dataset, path, listed, findings, inputs)
            for path in paths
            if path.parent == folder
        }
    for label, rows in sorted(by_file.items()):
        for n, row in enumerate(rows, 1):
            row["mismatch"] &= dataset.name not in _OF_COMBO or year <= RTC_FIRST_DAY.year
            yield {**row, "dataset": dataset.name, "file": label, "position": n}


def _mismatches(rows: Sequence[Row], year: int) -> list[Cause]:
    """A cause for each thing that is wrong in some files of a dataset, naming the columns; one for all files that are not there."""
    strangers: dict[tuple[str, str], list[str]] = {}
    lacking = {(row["dataset"], row["file"]) for row in rows if row["mismatch"] and row["use"] == ABSENT}
    grouped: dict[tuple[str, str], dict[str, list[str]]] = {}
    absent: dict[str, str] = {}
    for row in rows:
        dataset, file, folder = row["dataset"], row["file"], DATASETS[row["dataset"]].folder
        if row["use"] == UNKNOWN:
            strangers.setdefault((dataset, file), []).append(row["heading"])
        if not row["mismatch"] or (row["use"] == UNKNOWN and (dataset, file) in lacking):
            continue  # what a file lacks names its unknown headings
        if file == NO_FILE:
            absent[f"{folder}/{year}.parquet"] = dataset
        else:
            grouped.setdefault((dataset, row["drift"]), {}).setdefault(file, []).append(_column_label(row))
    causes = [
        Cause(
            f"no file for the year: {', '.join(absent)}",
            "bring it, or ERCOT's reports and `bess rollup FOLDER`",
            dataset=next(iter(absent.values())) if len(absent) == 1 else ANY_DATASET,
        )
    ] * bool(absent)
    for (dataset, drift), files in grouped.items():
        columns = ", ".join(filter(None, dict.fromkeys(label for labels in files.values() for label in labels)))
        words = f"{DATASETS[dataset].folder}/{' and '.join(files)}: {columns}{' ' if columns else ''}{drift}"
        unknown = dict.fromkeys(name for file in files for name in strangers.get((dataset, file), []))
        causes.append(Cause(words, _remedy([*unknown] if columns else []), dataset=dataset))
    return causes


def _column_label(row: Row) -> str:
    """A column as a user knows it: the heading of its file or else ERCOT's, and the canonical name."""
    column = DATASETS[row["dataset"]].columns.get(row["canonical_name"] or "")
    if column is None:
        return str(row["heading"] or "")
    return f"{row['heading'] or column.headings[0]!r} ({column.name})"


def _remedy(unknown: Sequence[str]) -> str:
    if unknown:
        few = ", ".join(map(repr, unknown[:_FEW])) + (" .." if len(unknown) > _FEW else "")
        return f"if an unknown heading of it ({few}) is that column, rename it in the file; else build the file again from ERCOT's reports"
    return "build the file again from ERCOT's reports"


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
    dataset: Dataset,
    path: Path,
    listed: Mapping[str, str] | None,
    findings: Findings,
    inputs: Inputs,
) -> list[Row]:
    """Rows of one file against its dataset's declaration, and against what `schema.json` lists."""
    try:
        with open_parquet(dataset, path) as file:
            extents = cache(partial(extent, file))
            footer = Footer(dataset, path, file, extents)
    except InputError as error:
        return [_row(dataset, UNREADABLE, [_Fault(error.problem)])]
    days = inputs.known_days.get(path)
    (first, last), day_problem = (days, "") if days else _days_of(inputs, footer, extents)
    rows = list(_rows(footer, extents, listed, day_problem))
    odd = [row for row in rows if row["drift"] and SCHEMA_FILE in row["drift"]]
    names = ", ".join(row["canonical_name"] or row["heading"] or row["drift"] for row in odd)
    findings.add("schema_file", dataset.name, len(odd), f"{rollup_name(path)}: {names}", warning=False)
    return [{**row, "file_rows": footer.rows, "first_day": first, "last_day": last} for row in rows]


def _days_of(
    inputs: Inputs, footer: Footer, extents: Callable[[int], Extent]
) -> tuple[tuple[date | None, date | None], str]:
    """First and last operating day, from the footer where the column is typed, else by reading the file's labels; and why they cannot be read."""
    at = next((n for wanted in TIME_COLUMNS for n, name in footer.used.items() if name == wanted), None)
    if at is None or not footer.rows:
        return (None, None), ""
    heading, said = footer.headings[at], extents(at)
    ends = pa.array([said.low, said.high], footer.types[at]) if isinstance(said.low, date) else None
    if ends is None and footer.headings.count(heading) > 1:
        return (None, None), ""  # a column that cannot be asked for by its name; a row says so
    if ends is None and footer.dataset.name in RESOURCE_DATASETS:
        # the registry asks for them next; where another label cannot be read, the days alone may be
        with suppress(InputError):
            return labels_of(inputs, footer.dataset.name, footer.path).first_and_last_day, ""
    try:
        days = day_range(footer.dataset, footer.path, footer.used[at], heading, ends)
    except InputError as error:
        return (None, None), f"its days cannot be read: {error.problem}"
    return (day_of_number(days[0]), day_of_number(days[1])) if days else (None, None), ""


def _rows(
    footer: Footer, extents: Callable[[int], Extent], listed: Mapping[str, str] | None, day_problem: str
) -> Iterator[Row]:
    """A row for each column that the file has, then for each that it lacks and ERCOT published then, then for each that only `schema.json` has."""
    for position, (heading, arrow_type) in enumerate(zip(footer.headings, footer.types, strict=True)):
        use, drift = _judge(footer, position)
        name = footer.used.get(position) or footer.unfilled.get(position)
        if day_problem and name in TIME_COLUMNS:
            drift.append(_Fault(day_problem))
        listed_type, differences = _compare(listed, heading, arrow_type)
        yield _row(
            footer.dataset,
            use,
            [*drift, *differences],
            heading=heading,
            arrow_type=str(arrow_type),
            canonical_name=name,
            listed_type=listed_type,
            null_count=extents(position).nulls,
        )

    listed = listed or {}
    lacking = [footer.dataset.columns[name] for name in footer.missing if name not in footer.blank]
    for column in lacking:
        why = "and rows mean nothing without it" if column.required else "though ERCOT published it then"
        spelled = next(filter(None, (spelling_of(listed, heading) for heading in column.headings)), None)
        drift = [_Fault(f"absent, {why}"), *([f"{SCHEMA_FILE} lists it"] if spelled else [])]
        listed_type = listed.get(spelled or "")
        yield _row(footer.dataset, ABSENT, drift, canonical_name=column.name, listed_type=listed_type)
    known = {*map(normal_heading, (*footer.headings, *(h for column in lacking for h in column.headings)))}
    for heading, listed_type in listed.items():
        if normal_heading(heading) not in known:
            only_listed = f"{SCHEMA_FILE} lists {heading!r}, which the file lacks"
            yield _row(footer.dataset, ABSENT, [only_listed], listed_type=listed_type)


def _judge(footer: Footer, position: int) -> tuple[Use, list[str]]:
    """The use of a column, and what is odd about it."""
    heading = footer.headings[position]
    drift: list[str] = [_Fault("its heading stands twice in the file")] if footer.headings.count(heading) > 1 else []
    if footer.dataset.is_foreign(heading):
        elsewhere = "a heading of another dataset: the file lies in the wrong folder, and none of its rows are read"
        return UNKNOWN, [*drift, _Fault(elsewhere)]
    if position in footer.unfilled:
        return ABSENT, [*drift, _judge_blank(footer, footer.dataset.columns[footer.unfilled[position]])]
    if position in footer.used:
        return USED, [*drift, *_judge_used(footer, position)]
    if heading in footer.unknown:
        stranger = "a heading that no era of the dataset knows: not read"
        return UNKNOWN, [*drift, _Fault(stranger) if footer.missing or _OF_MONEY.search(heading) else stranger]
    return NOT_USED, drift


def _judge_blank(footer: Footer, column: DatasetColumn) -> str:
    if column.only_compared:
        return "blank in every row; no figure is made of it"
    if not is_published(column, footer.year):
        return "blank in every row, as ERCOT didn't publish it then"
    return _Fault(
        f"blank in every row{', and rows mean nothing without it' if column.required else ': as good as absent'}"
    )


def _judge_used(footer: Footer, position: int) -> Iterator[str]:
    name, arrow_type = footer.used[position], str(footer.types[position])
    types = _KINDS[footer.dataset.columns[name].kind]
    family, _ = type_family(arrow_type)
    words = "text" if family in _TEXT else arrow_type
    if family in types.readable:
        yield f"{words} where {types.words} is natural: understood"
    elif family not in types.natural:
        yield _Fault(f"{words}, which cannot be read as {types.words}")
    if position in footer.zeros:
        suspicious = name in footer.suspicious
        yield _Fault("zero in every row: perhaps absent data filled in") if suspicious else "zero in every row"


def _compare(listed: Mapping[str, str] | None, heading: str, arrow_type: pa.DataType) -> tuple[str | None, list[str]]:
    """Type that `schema.json` gives a column, and where it differs from the file."""
    spelled = spelling_of(listed or (), heading)
    if listed is None or spelled is None:
        return None, [f"not in {SCHEMA_FILE}"] if listed else []
    spelling = [f"{SCHEMA_FILE} spells it {spelled!r}"] if spelled != heading else []
    fits = same_type(listed[spelled], str(arrow_type))
    return listed[spelled], spelling + ([] if fits else [f"{SCHEMA_FILE} says {listed[spelled]}"])


# --- all years --------------------------------------------------------------------------------------------------------------------------------


def column_availability(schemas: Mapping[int, StoredTable]) -> StepResult:
    """Dataset by column by year: present or not, how spelled and typed, and what changed since the year before.

    Args:
        schemas: `rollup_schemas` by year.
    """
    rows = availability_rows({year: schema.read().to_pylist() for year, schema in schemas.items()})
    unexpected = groupby((row for row in rows if _matters(row)), itemgetter("dataset"))
    words = [f"{DATASETS[name].folder} {words}" for name, of_it in unexpected for words in words_of_changes(of_it)]
    remedy = "compare the file of that year with its neighbours (bess status --columns)"
    return StepResult(in_columns(rows), mismatches=[Cause(told, remedy) for told in words])


def _matters(row: Row) -> bool:
    """Whether a change may cost a figure: a column that ERCOT publishes vanished, or one appeared that may be of a new product."""
    if row["dataset"] in _OF_COMBO and row["year"] > RTC_FIRST_DAY.year:
        return False
    if row["use"] == USED:
        return row["change"] == "vanished" and row["expected_change"] is False and row["published"] is True
    return row["change"] == "appeared" and row["use"] == UNKNOWN and bool(_OF_MONEY.search(row["column_name"]))


def availability_rows(years: Mapping[int, Sequence[Row]]) -> list[Row]:
    """Rows of `column_availability`, dense: every column that some year has, in every year.

    Args:
        years: rows of `rollup_schemas` by year.
    """
    return [row for dataset in DATASETS.values() for row in _dataset_availability(dataset, years)]


def _dataset_availability(dataset: Dataset, years: Mapping[int, Sequence[Row]]) -> Iterator[Row]:
    by_year = {year: [row for row in years[year] if row["dataset"] == dataset.name] for year in sorted(years)}
    readable = {year: [row for row in rows if row["use"] != UNREADABLE] for year, rows in by_year.items()}
    files = {year: {row["file"]: None for row in rows if row["file"] != NO_FILE} for year, rows in readable.items()}
    cells = {year: _cells(year, rows) for year, rows in readable.items()}
    rows = [row for of_year in by_year.values() for row in of_year if row["canonical_name"] or row["heading"]]
    names = {_identity(row): row["canonical_name"] or f'"{row["heading"]}"' for row in rows}
    in_order = {name: name for name in dataset.columns if name in names} | names
    for position, (identity, name) in enumerate(in_order.items(), start=1):
        column = dataset.columns.get(identity)
        uses = [of_year[identity][0]["use"] for of_year in cells.values() if identity in of_year]
        before: Sequence[Row] | None = None
        was_published = None
        for year, of_year in cells.items():
            cell, count = of_year.get(identity, ()), len(files[year])
            published = _published(dataset, column, year, files[year])
            change = _change(cell, before) if before is not None and count else None
            by_ercot = {"appeared": published and not was_published, "vanished": was_published and not published}
            # of a column that is not used, or only compared, no days are declared
            undeclared = (cell or before or [_ROW])[0].get("use") == NOT_USED or (column and column.only_compared)
            yield {
                "dataset": dataset.name,
                "position": position,
                "column_name": name,
                "year": year,
                "use": uses[-1] if uses else USED,  # a canonical column that no file has would be used
                "present": bool(cell),
                "published": published,
                "heading": cell[0]["heading"] if cell else None,
                "arrow_type": cell[0]["arrow_type"] if cell else None,
                "files": count,
                "file_share": len(cell) / count if count else None,
                "change": change,
                "expected_change": bool(by_ercot.get(change)) if change and not undeclared else None,
            }
            before, was_published = (cell, published) if count else (before, was_published)


def _cells(year: int, rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each column that a file of a year has, one a file, first that of the file named by the year: its heading and type are shown."""
    found: dict[str, dict[str, Row]] = {}
    present = [row for row in rows if row["use"] != ABSENT]
    for row in sorted(present, key=lambda row: year_of(Path(row["file"])) != year):
        found.setdefault(_identity(row), {}).setdefault(row["file"], row)
    return {identity: list(cell.values()) for identity, cell in found.items()}


def _identity(row: Row) -> str:
    """What a column is followed by over the years: its canonical name, else its heading, spelling apart."""
    return str(row["canonical_name"] or f'"{normal_heading(row["heading"]) or row["heading"]}"')


def _published(dataset: Dataset, column: DatasetColumn | None, year: int, files: Iterable[str]) -> bool | None:
    """Whether ERCOT published a column in the rows of these files; None of a heading that is no canonical column, or of one that is only compared."""
    if column is None or column.only_compared:
        return None
    own = [year] if dataset.first_year <= year <= dataset.last_year else []
    return any(is_published(column, number) for number in [year_of(Path(file)) for file in files] or own)


def _change(now: Sequence[Row], before: Sequence[Row]) -> str | None:
    if not now or not before:
        return "appeared" if now else "vanished" if before else None
    named = {"type": "arrow_type", "heading": "heading"}.items()
    return "; ".join(f"{what} changed from {before[0][n]}" for what, n in named if now[0][n] != before[0][n]) or None


def words_of_changes(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Changes of one dataset in words, by year and nature: `2024: type changed: hour_ending from int64, interval from string`.

    Args:
        rows: those of `column_availability` that have a change.
    """
    grouped: dict[tuple[int, str], list[str]] = {}
    for row in sorted(rows, key=lambda row: (row["year"], row["position"])):
        for change in row["change"].split("; "):
            what, *origin = change.split(" from ", 1)
            grouped.setdefault((row["year"], what), []).append(" from ".join([row["column_name"], *origin]))
    return [f"{year}: {what}: {', '.join(columns)}" for (year, what), columns in grouped.items()]
