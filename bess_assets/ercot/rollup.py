"""Parsed rows of one dataset and year become the rows of its built rollup: the newest publication of each row, in order of time.

No row belongs to two operating days, so days are merged apart: DuckDB chooses the rows of a stretch of days, and days without a new report are copied. What
is parsed waits in scratch files, whose rows lie by operating day.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.ercot.arrays import BoolArray, IntArray
from bess_assets.ercot.calendar import day_number, day_of_number, day_ranges
from bess_assets.ercot.datasets import Dataset, normal_heading
from bess_assets.ercot.footers import BUILT_COLUMNS, LAYOUT_COLUMN, METADATA_KEY
from bess_assets.ercot.report_rows import CST_SECONDS, EXTRA, NAME_COLUMNS, TIME
from bess_assets.ercot.reports import day_named
from bess_assets.errors import InputError

Kinds = Mapping[str, pa.DataType]
"""Type of each column, by name."""

EXAMPLES = 20
"""Contradicting reports named in a manifest, at most."""

_FORMAT = 1
_ROW_GROUP_ROWS = 2**18
_ROW_GROUP_BYTES = 2**26
_SCRATCH_GROUP_BYTES = 2**24
_VALUE_BYTES = 8
_NEAR_DAYS = 15
"""ERCOT has published late and early; half a month off is another day."""
_TYPE_COLUMNS = ("resource_type", "settlement_point_type")
_TEXT = pa.dictionary(pa.int32(), pa.string())
_WRITTEN_AS_DICTIONARY = {"report", LAYOUT_COLUMN, "published"}

_NEWEST_OF_EACH = """
    SELECT n, first_value(n) OVER (
        PARTITION BY {key}, "{time}", CASE WHEN {first_of_key} IS NULL THEN n END ORDER BY published DESC, report DESC, n DESC
    ) AS kept
    FROM rows ORDER BY "{time}", {order}, published, report, n
"""
"""Number of each row, and of the row kept of its key and time: itself, where nothing names it."""
_NEWEST_OF_DAY = """
    SELECT n, CASE WHEN published = max(published) OVER (PARTITION BY operating_day, {layout}) THEN n ELSE -1 END AS kept
    FROM rows ORDER BY "{time}", {order}, published, report, n
"""
"""The same where no columns name a row: all rows of a day's newest publication are kept."""


@dataclass
class Counts:
    """Rows that were dropped for another of the same key and time.

    Attributes:
        reports: reports by number, to name them.
        same: equal to the row kept.
        superseded: different, and published before it.
        contradicting: different, and published at the same time.
        examples: pairs of reports that contradict each other, in words.
    """

    reports: Sequence[Mapping[str, Any]]
    same: int = 0
    superseded: int = 0
    contradicting: int = 0
    examples: list[str] = field(default_factory=list)


# --- rows by operating day ----------------------------------------------------------------------------------------------------------------


class DayFile:
    """A Parquet file of parsed rows.

    Attributes:
        path: the file.
        counts: rows of each operating day, by day number.
        in_order: True if rows are in order of operating day, without which `rows` cannot find them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[int] = Counter()
        self.in_order = True
        self._open: pq.ParquetFile | None = None
        self._held: tuple[int, pa.Table] | None = None
        self._spans: list[tuple[int, int]] = []
        for group in range(self._file.num_row_groups):
            days = _days(self._file.read_row_group(group, columns=["operating_day"]))
            least = int(days.min())
            self.counts.update({least + n: rows for n, rows in enumerate(np.bincount(days - least).tolist()) if rows})
            before = self._spans[-1][1] if self._spans else days[0]
            self.in_order &= bool((np.diff(days, prepend=before) >= 0).all())
            self._spans.append((int(days[0]), int(days[-1])))

    @property
    def _file(self) -> pq.ParquetFile:
        if self._open is None:
            self._open = pq.ParquetFile(self.path, read_dictionary=pq.read_schema(self.path).names)
        return self._open

    def kinds(self) -> Kinds:
        """Type of each column that `rows` gives."""
        schema = self.named(self._file.schema_arrow.empty_table()).schema
        return dict(zip(schema.names, schema.types, strict=True))

    def rows(self, first: int, last: int) -> Iterator[pa.Table]:
        """Rows from one day to another, in the order of the file; after the last day of a row group, or of the file, nothing of it is kept in memory."""
        for number, (begin, end) in enumerate(self._spans):
            if begin <= last and end >= first:
                table = self.group(number)
                low, high = np.searchsorted(_days(table), [first, last + 1]).tolist()
                yield table.slice(low, high - low)
                if end <= last:
                    self._held = None
        if self._spans[-1][1] <= last:
            self.close()

    def group(self, number: int) -> pa.Table:
        """A row group; the last one read is kept."""
        if self._held is None or self._held[0] != number:
            self._held = None
            self._held = number, self.named(self._file.read_row_group(number))
        return self._held[1]

    def groups(self) -> Iterator[pa.Table]:
        """All row groups."""
        return map(self.group, range(self._file.num_row_groups))

    def named(self, table: pa.Table) -> pa.Table:
        """Rows as the file has them, under the names and types of parsed rows."""
        return table

    def close(self) -> None:
        """Close the file until rows are asked for again."""
        if self._open is not None:
            self._open.close()
        self._open = self._held = None


class BuiltFile(DayFile):
    """A built rollup, named and typed as parsed rows are; its layouts are added to those of the dataset."""

    def __init__(self, path: Path, layouts: dict[tuple[str, ...], int]) -> None:
        with pq.ParquetFile(path) as file:
            says = json.loads(file.schema_arrow.metadata[METADATA_KEY])
        self.columns: dict[str, str] = says["columns"]
        self.layouts = [layouts.setdefault(tuple(layout), len(layouts)) for layout in says["layouts"]]
        super().__init__(path)

    def named(self, table: pa.Table) -> pa.Table:
        """Rows with canonical names, the layout numbers of this roll-up and the sort key of time."""
        # a report's own day column repeats operating_day
        table = table.drop_columns([h for h, name in self.columns.items() if name == "operating_day" and h != name])
        table = table.rename_columns([self.columns.get(heading, heading) for heading in table.schema.names])
        layout = np.array(self.layouts, dtype=np.int32)[table.column(LAYOUT_COLUMN).to_numpy()]
        table = _with(table, LAYOUT_COLUMN, pa.array(layout))
        start = table.column("interval_start").cast(pa.timestamp("s")).cast(pa.int64())
        stamp = next((name for name in ("sced_stamp", "interval_end") if name in table.schema.names), None)
        if stamp is not None:
            start = pc.coalesce(
                start, pc.add(table.column(stamp).cast(pa.timestamp("s")).cast(pa.int64()), CST_SECONDS)
            )
        return table.append_column(TIME, start)


def write_scratch(path: Path, tables: Sequence[pa.Table]) -> DayFile:
    """Parsed rows as a scratch file, in row groups of whole days."""
    kinds = _common(dict(zip(t.schema.names, t.schema.types, strict=True)) for t in tables)
    table = pa.concat_tables([_aligned(t, kinds) for t in tables]).unify_dictionaries().combine_chunks()
    days = _days(table)
    if (days[1:] < days[:-1]).any():
        order = np.argsort(days, kind="stable")
        table, days = table.take(pa.array(order)), days[order]
    texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    least = _SCRATCH_GROUP_BYTES * table.num_rows // max(table.nbytes, 1)
    with pq.ParquetWriter(
        path, table.schema, compression="lz4", use_dictionary=texts, write_statistics=False
    ) as writer:
        first = 0
        for end in np.append(np.flatnonzero(days[1:] != days[:-1]) + 1, len(days)).tolist():
            if end - first >= least or end == len(days):
                writer.write_table(table.slice(first, end - first), row_group_size=end - first)
                first = end
    return DayFile(path)


def _days(table: pa.Table) -> IntArray:
    days: IntArray = table.column("operating_day").cast(pa.int32()).to_numpy()
    return days


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _common(schemas: Iterable[Kinds]) -> dict[str, pa.DataType]:
    """Every column that some rows have, with one type: text where types differ."""
    found: dict[str, set[pa.DataType]] = {}
    for schema in schemas:
        for name, kind in schema.items():
            found.setdefault(name, set()).add(kind)
    return {name: kinds.pop() if len(kinds) == 1 else _TEXT for name, kinds in found.items()}


def _aligned(table: pa.Table, kinds: Kinds) -> pa.Table:
    """The same rows with the columns given; one that they lack is blank."""
    columns = {}
    for name, kind in kinds.items():
        column = table.column(name) if name in table.schema.names else pa.nulls(table.num_rows, kind)
        columns[name] = column if column.type == kind else column.cast(pa.string()).dictionary_encode().cast(kind)
    return pa.table(columns)


# --- merging ------------------------------------------------------------------------------------------------------------------------------


class Merge:
    """The rows of a year: those that a rollup has, if it was built before, and new ones."""

    def __init__(self, dataset: Dataset, built: BuiltFile | None, new: Sequence[DayFile], stretch_bytes: int) -> None:
        """Merge scratch files into a rollup whose rows are in order of time.

        Args:
            dataset: what they hold.
            built: the rollup, if there is one.
            new: scratch files.
            stretch_bytes: rows of several days are merged at a time as long as they take less memory.
        """
        self._dataset = dataset
        self._files = [*([built] if built else []), *new]
        self._touched = {day for file in new for day in file.counts}
        self.kinds = _common(file.kinds() for file in self._files)
        for file in self._files:
            file.close()
        self._most = max(stretch_bytes // (_VALUE_BYTES * len(self.kinds)), 1)

    def tables(self, connection: duckdb.DuckDBPyConnection, counts: Counts) -> Iterator[pa.Table]:
        """The rows that are kept, in order of time; dropped ones are counted."""
        for days in self._stretches():
            found = (_aligned(table, self.kinds) for file in self._files for table in file.rows(days[0], days[-1]))
            if days[0] not in self._touched:
                yield from found
            else:
                table = pa.concat_tables(found).unify_dictionaries().combine_chunks()
                order = self._kept(connection, table, counts)
                for first in range(0, len(order), self._most):
                    yield table.take(pa.array(order[first : first + self._most]))
                del table

    def _stretches(self) -> Iterator[list[int]]:
        """Days to be merged together, and days to be copied together."""
        rows: Counter[int] = Counter()
        for file in self._files:
            rows.update(file.counts)
        stretch: list[int] = []
        for day in sorted(rows):
            large = sum(rows[d] for d in stretch) + rows[day] > self._most
            if stretch and (large or (day in self._touched) != (stretch[0] in self._touched)):
                yield stretch
                stretch = []
            stretch.append(day)
        if stretch:
            yield stretch

    def _kept(self, connection: duckdb.DuckDBPyConnection, table: pa.Table, counts: Counts) -> IntArray:
        """Positions of the rows that are kept, in order of time."""
        key = self._dataset.key
        there = table.schema.names
        types = [name for name in _TYPE_COLUMNS if name in there]
        names = key or tuple(name for name in NAME_COLUMNS if name in there)[:1]
        needed = {*names, *types, TIME, "published", "report", "operating_day", LAYOUT_COLUMN}
        columns = {n: table.column(n) if n in there else pa.nulls(table.num_rows, pa.string()) for n in sorted(needed)}
        order = ", ".join(f"{name} NULLS FIRST" for name in dict.fromkeys((*types, *names))) or "n"
        query = _NEWEST_OF_EACH if key else _NEWEST_OF_DAY
        connection.register("rows", pa.table({**columns, "n": pa.array(np.arange(table.num_rows))}))
        found = connection.sql(
            query.format(
                key=", ".join(key), first_of_key=key[0] if key else "", time=TIME, layout=LAYOUT_COLUMN, order=order
            )
        ).to_arrow_table()
        connection.unregister("rows")
        rows: IntArray = found.column("n").to_numpy()
        winner = found.column("kept").to_numpy()
        kept = winner == rows
        if key:
            _count(table, rows[~kept], winner[~kept], counts)
        else:
            counts.superseded += int((~kept).sum())
        in_order: IntArray = rows[kept]
        return in_order


def _count(table: pa.Table, dropped: IntArray, winner: IntArray, counts: Counts) -> None:
    if not len(dropped):
        return
    differs = _differs(table, dropped, winner)
    published = table.column("published").cast(pa.int64()).to_numpy()
    older = published[dropped] < published[winner]
    contradicting = differs & ~older
    counts.same += int((~differs).sum())
    counts.superseded += int((differs & older).sum())
    counts.contradicting += int(contradicting.sum())
    report, day = table.column("report").to_numpy(), _days(table)
    lost, kept = dropped[contradicting], winner[contradicting]
    pairs = sorted(set(zip(day[lost].tolist(), report[lost].tolist(), report[kept].tolist(), strict=True)))
    for a_day, one, other in pairs[:EXAMPLES]:
        first, second = counts.reports[one]["file"], counts.reports[other]["file"]
        where = f"{first} twice in itself" if one == other else f"{first} and {second}"
        text = f"{where}, day {day_of_number(a_day)}: the later row was taken"
        if text not in counts.examples and len(counts.examples) < EXAMPLES:
            counts.examples.append(text)


def _differs(table: pa.Table, some: IntArray, others: IntArray) -> BoolArray:
    """Whether two rows differ in any of ERCOT's columns, pair by pair."""
    differs = np.zeros(len(some), dtype=bool)
    for name in table.schema.names:
        if name in BUILT_COLUMNS or name == TIME:
            continue
        column = table.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.indices
        mine, theirs = column.take(pa.array(some)), column.take(pa.array(others))
        blank, blank_too = pc.is_null(mine, nan_is_null=True), pc.is_null(theirs, nan_is_null=True)
        equal = pc.or_(pc.fill_null(pc.equal(mine, theirs), False), pc.and_(blank, blank_too))
        differs |= ~np.asarray(equal.to_numpy(zero_copy_only=False))
    return differs


# --- writing ------------------------------------------------------------------------------------------------------------------------------


def write_rollup(
    path: Path,
    dataset: Dataset,
    year: int,
    kinds: Kinds,
    tables: Iterable[pa.Table],
    spelled: Mapping[str, Collection[str]],
    layouts: Mapping[tuple[str, ...], int],
) -> int:
    """Write rows in their order as a rollup.

    Args:
        path: the file.
        dataset: what they hold.
        year: delivery year.
        kinds: their columns.
        tables: the rows.
        spelled: headings that reports have for each column.
        layouts: layouts that rows have, with the numbers that rows call them by.

    Returns:
        rows written.
    """
    headings = {name: _heading(dataset, name, seen) for name, seen in spelled.items()}
    columns = [(headings[name], name) for name in dataset.columns if name in kinds and name in headings]
    columns += sorted((headings[name], name) for name in kinds if name.startswith(EXTRA) and name != TIME)
    renumbered = np.zeros(max(layouts.values(), default=0) + 1, dtype=np.int32)
    renumbered[[layouts[layout] for layout in sorted(layouts)]] = np.arange(len(layouts))
    metadata = {
        "format": _FORMAT,
        "dataset": dataset.name,
        "year": year,
        "layouts": [list(layout) for layout in sorted(layouts)],
        "columns": dict(columns),
    }
    columns += [(name, name) for name in BUILT_COLUMNS]
    schema = pa.schema(
        [pa.field(heading, _stored(kinds[name])) for heading, name in columns],
        metadata={METADATA_KEY: json.dumps(metadata).encode()},
    )
    whole = [f.name for f in schema if pa.types.is_temporal(f.type) or pa.types.is_integer(f.type)]
    as_deltas = [name for name in whole if name not in _WRITTEN_AS_DICTIONARY]
    most = max(min(_ROW_GROUP_ROWS, _ROW_GROUP_BYTES // (_VALUE_BYTES * len(columns))), 1)
    rows = 0
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=[name for name in schema.names if name not in as_deltas],
        column_encoding=dict.fromkeys(as_deltas, "DELTA_BINARY_PACKED"),
    ) as writer:
        held: list[pa.Table] = []
        for table in tables:
            table = _with(table, LAYOUT_COLUMN, pa.array(renumbered[table.column(LAYOUT_COLUMN).to_numpy()]))
            named = pa.table({heading: table.column(name) for heading, name in columns})
            held.append(named.cast(schema.remove_metadata()))
            rows += table.num_rows
            while sum(t.num_rows for t in held) >= most:
                together = pa.concat_tables(held)
                writer.write_table(together.slice(0, most), row_group_size=most)
                held = [together.slice(most)]
        if sum(t.num_rows for t in held):
            writer.write_table(pa.concat_tables(held), row_group_size=most)
    if not rows:
        raise InputError(f"{dataset.folder}/{year} has no rows.", dataset=dataset.name)
    return rows


def _heading(dataset: Dataset, name: str, seen: Collection[str]) -> str:
    """The heading of a column in the rollup: the declaration's first spelling that reports have, else the shortest."""
    declared = [normal_heading(h) for h in dataset.columns[name].headings] if name in dataset.columns else []

    def preference(heading: str) -> tuple[int, int, str]:
        normal = normal_heading(heading)
        return declared.index(normal) if normal in declared else len(declared), len(heading), heading

    heading = min(seen, key=preference)
    return heading if heading not in BUILT_COLUMNS and heading else name.removeprefix(EXTRA)


# --- what a year lacks --------------------------------------------------------------------------------------------------------------------


def judge(dataset: Dataset, year: int, manifest: dict[str, Any]) -> None:
    """Say in a manifest which days are missing, and whether the year is complete as far as it goes."""
    reports, refused = manifest["reports"], manifest["refused"]
    held = sorted({date.fromisoformat(day) for report in reports for day in report["days"]})
    first = max(date(year, 1, 1), dataset.first_day)
    last = held[-1] if held else first - timedelta(days=1)
    missing = np.setdiff1d(np.arange(day_number(first), day_number(last) + 1), [day_number(day) for day in held])
    contradicting = manifest["rows"].get("contradicting", 0)
    examples = "; ".join(manifest.get("contradictions", [])[:2])
    untimed = sum(report.get("without_a_time", 0) for report in reports)
    odd = [report for report in reports if _names_another_day(report, dataset)]
    odd_examples = [f"{report['file']} ({report['days'][0]})" for report in odd[:1]]
    reasons = {
        f"report files could not be used: {', '.join(item['file'] for item in refused[:3])}": len(refused),
        f"days are missing: {day_ranges(missing, 6)}": len(missing),
        f"rows contradict others published at the same time: {examples}": contradicting,
        "rows have no date, hour or stamp that exists": untimed,
        f"report files hold other days than their names say: {', '.join(odd_examples)}": len(odd),
    }
    manifest["first_day"], manifest["last_day"] = (str(held[0]), str(held[-1])) if held else (None, None)
    manifest["missing_days"] = [str(day_of_number(day)) for day in missing]
    manifest["other_days_than_named"] = [report["file"] for report in odd]
    manifest["incomplete_because"] = [f"{count} {problem}" for problem, count in reasons.items() if count]
    manifest["complete"] = not manifest["incomplete_because"]


def _names_another_day(report: Mapping[str, Any], dataset: Dataset) -> bool:
    """Whether a 60-day report holds no day near the one in its name."""
    name = str(report["file"]).rsplit(" > ", maxsplit=1)[-1].rsplit("/", 1)[-1]
    named = day_named(name, dataset)
    if not dataset.sixty_day or named is None or name.lower().startswith("completecop"):
        return False
    days = map(date.fromisoformat, report["days"])
    return bool(report["days"]) and all(abs((day - named).days) > _NEAR_DAYS for day in days)
