"""Parsed rows of one dataset and year become the rows of its built rollup: the newest publication of each row, in order of time.

No row belongs to two operating days, so days are merged apart: DuckDB chooses the rows of a stretch of days, and days without a new report are copied. What
is parsed waits in scratch files, whose rows lie by operating day.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.ercot.arrays import BoolArray, IntArray
from bess_assets.ercot.calendar import CST_SECONDS, day_number, day_of_number, day_ranges
from bess_assets.ercot.datasets import Dataset
from bess_assets.ercot.footers import BUILT_COLUMNS, LAYOUT_COLUMN, METADATA_KEY
from bess_assets.ercot.report_rows import EXTRA, NAME_COLUMNS, TIME
from bess_assets.ercot.reports import day_named

EXAMPLES = 20
"""Contradicting reports named in a manifest, at most."""

_FORMAT = 2
"""From 2 on a settlement point has one price whatever its type."""
_ROW_GROUP_ROWS = 2**18
_ROW_GROUP_BYTES = 2**26
_SCRATCH_GROUP_BYTES = 2**24
_VALUE_BYTES = 8
_NEAR_DAYS = 15
"""ERCOT has published late and early; half a month off is another day."""
_TYPE_COLUMNS = ("resource_type", "settlement_point_type")
_IN_KEY = {"settlement_point_type": "coalesce(settlement_point_type LIKE '%EW', false)"}
"""How the key reads a column: LZ and LZEW, or LZ_DC and LZ_DCEW, are two rows of one zone; any other type, or none, is that of the same row."""
_TEXT = pa.dictionary(pa.int32(), pa.string())
_NO_ROWS = pa.table({})
_WRITTEN_AS_DICTIONARY = {"report", LAYOUT_COLUMN, "published"}

_NEWEST_OF_EACH = """
    SELECT n, first_value(n) OVER (
        PARTITION BY {key}, "{time}", CASE WHEN {first_of_key} IS NULL THEN n END ORDER BY dated DESC, published DESC, report DESC, n DESC
    ) AS kept
    FROM rows ORDER BY "{time}", {order}, published, report, n
"""
"""Number of each row, and of the row kept of its key and time: itself, where nothing names it."""
_NEWEST_OF_DAY = """
    SELECT n, CASE WHEN rank() OVER days = 1 THEN n ELSE first_value(n) OVER days END AS kept
    FROM rows WINDOW days AS (PARTITION BY operating_day, {layout} ORDER BY dated DESC, published DESC)
    ORDER BY "{time}", {order}, published, report, n
"""
"""The same where no columns name a row: all rows of a day's newest publication are kept."""


# --- rows by operating day ----------------------------------------------------------------------------------------------------------------


class DayFile:
    """A Parquet file of parsed rows.

    Attributes:
        path: the file.
        schema: columns of its rows, under the names and types of parsed rows.
        counts: rows of each operating day, by day number.
        in_order: True if rows are in order of operating day, as `take` needs them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[int] = Counter()
        self.in_order = True
        self._taken, self._rest, self._groups = 0, _NO_ROWS, self.groups()
        last = 0
        with pq.ParquetFile(path, read_dictionary=pq.read_schema(path).names) as file:
            self.schema = self.named(file.schema_arrow.empty_table()).schema
            for group in range(file.num_row_groups):
                days = _days(file.read_row_group(group, columns=["operating_day"]))
                self.counts.update(dict(zip(*(part.tolist() for part in np.unique_counts(days)), strict=True)))
                self.in_order &= bool((np.diff(days, prepend=last if group else days[0]) >= 0).all())
                last = days[-1]

    def groups(self) -> Generator[pa.Table, None, None]:
        """The row groups."""
        with pq.ParquetFile(self.path, read_dictionary=pq.read_schema(self.path).names) as file:
            for number in range(file.num_row_groups):
                yield self.named(file.read_row_group(number))

    def take(self, last: int) -> Iterator[pa.Table]:
        """Rows up to a day that were not taken before, in the order of the file; each row group is read once, and no row of it is kept after the last."""
        wanted = sum(rows for day, rows in self.counts.items() if day <= last)
        while self._taken < wanted:
            table = self._rest if self._rest.num_rows else next(self._groups)
            count = min(wanted - self._taken, table.num_rows)
            self._taken += count
            self._rest = table.slice(count) if count < table.num_rows else _NO_ROWS
            yield table.slice(0, count)
        if self._taken == self.counts.total():
            self._groups.close()

    def named(self, table: pa.Table) -> pa.Table:
        """Rows as the file has them, under the names and types of parsed rows."""
        return table


class BuiltFile(DayFile):
    """A built rollup, named and typed as parsed rows are; its layouts are added to those of the dataset."""

    def __init__(self, path: Path, layouts: dict[tuple[str, ...], int]) -> None:
        with pq.ParquetFile(path) as file:
            says = json.loads(file.schema_arrow.metadata[METADATA_KEY])
        self.columns: dict[str, str] = says["columns"]
        self.older = says["format"] < _FORMAT
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
    """Parsed rows as a scratch file, in order of operating day."""
    schema = _common(table.schema for table in tables)
    table = pa.concat_tables([_aligned(t, schema) for t in tables]).unify_dictionaries().combine_chunks()
    days = _days(table)
    if (days[1:] < days[:-1]).any():
        table = table.take(pa.array(np.argsort(days, kind="stable")))
    texts = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    rows = max(_SCRATCH_GROUP_BYTES * table.num_rows // max(table.nbytes, 1), 1)
    pq.write_table(table, path, rows, compression="lz4", use_dictionary=texts, write_statistics=False)
    return DayFile(path)


def _days(table: pa.Table) -> IntArray:
    days: IntArray = table.column("operating_day").cast(pa.int32()).to_numpy()
    return days


def _with(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _common(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Every column that some rows have, with one type: text where types differ."""
    found: defaultdict[str, set[pa.DataType]] = defaultdict(set)
    for field in chain.from_iterable(schemas):
        found[field.name].add(field.type)
    return pa.schema([(name, kinds.pop() if len(kinds) == 1 else _TEXT) for name, kinds in found.items()])


def _aligned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same rows with the columns given; one that they lack is blank."""
    columns = []
    for field in schema:
        there = field.name in table.schema.names
        column = table.column(field.name) if there else pa.nulls(table.num_rows, field.type)
        as_text = column.type != field.type
        columns.append(column.cast(pa.string()).dictionary_encode().cast(field.type) if as_text else column)
    return pa.table(columns, schema=schema)


# --- merging ------------------------------------------------------------------------------------------------------------------------------


class Merge:
    """The rows of a year: those that a rollup has, if it was built before, and new ones.

    Attributes:
        schema: columns of the rows.
        dropped: rows dropped for another of the same key and time, once `tables` were taken: `same`, equal to the row kept; `superseded`, different and
            published before it; `contradicting`, different and published at the same time.
        superseded: rows that a report lost to another one, published later, by the numbers of both.
        examples: pairs of reports that contradict each other, in words.
    """

    def __init__(
        self,
        dataset: Dataset,
        built: BuiltFile | None,
        new: Sequence[DayFile],
        reports: Sequence[Mapping[str, Any]],
        stretch_bytes: int,
    ) -> None:
        """Merge rows in order of time.

        Args:
            dataset: what they hold.
            built: the rollup, if there is one.
            new: scratch files.
            reports: reports by number, to name them.
            stretch_bytes: rows of several days are merged at a time as long as they take less memory.
        """
        self._dataset, self._reports = dataset, reports
        self._files = [*([built] if built else []), *new]
        # an older version kept rows that are dropped now
        chosen = self._files if built and built.older else new
        self._touched = {day for file in chosen for day in file.counts}
        self.schema = _common(file.schema for file in self._files)
        self._most = max(stretch_bytes // (_VALUE_BYTES * len(self.schema)), 1)
        # an edition that only the time of its file dates stands behind every other: unpacking or copying makes that time anew
        self._dated = np.array([report.get("published_by") != "file" for report in reports], dtype=bool)
        self.dropped: Counter[str] = Counter()
        self.superseded: Counter[tuple[int, int]] = Counter()
        self.examples: list[str] = []

    def tables(self, connection: duckdb.DuckDBPyConnection) -> Iterator[pa.Table]:
        """The rows that are kept, in order of time; dropped ones are counted."""
        for days in self._stretches():
            found = (_aligned(table, self.schema) for file in self._files for table in file.take(days[-1]))
            if days[0] not in self._touched:
                yield from found
            else:
                table = pa.concat_tables(found).unify_dictionaries().combine_chunks()
                order = self._kept(connection, table)
                for first in range(0, len(order), self._most):
                    yield table.take(pa.array(order[first : first + self._most]))
                del table

    def _stretches(self) -> Iterator[list[int]]:
        """Days to be merged together, and days to be copied together."""
        rows = sum((file.counts for file in self._files), Counter[int]())
        stretch: list[int] = []
        for day in sorted(rows):
            large = sum(rows[d] for d in stretch) + rows[day] > self._most
            if stretch and (large or (day in self._touched) != (stretch[0] in self._touched)):
                yield stretch
                stretch = []
            stretch.append(day)
        yield stretch

    def _kept(self, connection: duckdb.DuckDBPyConnection, table: pa.Table) -> IntArray:
        """Positions of the rows that are kept, in order of time."""
        key, there = self._dataset.key, table.schema.names
        names = key or [name for name in NAME_COLUMNS if name in there][:1]
        order = [f"{name} NULLS FIRST" for name in dict.fromkeys((*_TYPE_COLUMNS, *names)) if name in there]
        own = [_IN_KEY.get(name, name) if name in there else "NULL" for name in key] or ["NULL"]
        query = (_NEWEST_OF_EACH if key else _NEWEST_OF_DAY).format(
            key=", ".join(own), first_of_key=own[0], time=TIME, layout=LAYOUT_COLUMN, order=", ".join(order) or "n"
        )
        dated = self._dated[table.column("report").to_numpy()]
        numbered = table.append_column("n", pa.array(np.arange(table.num_rows))).append_column("dated", pa.array(dated))
        connection.register("rows", numbered)
        found = connection.sql(query).to_arrow_table()
        connection.unregister("rows")
        rows, winner = (found.column(name).to_numpy() for name in ("n", "kept"))
        kept = winner == rows
        self._count(table, rows[~kept], winner[~kept], dated)
        in_order: IntArray = rows[kept]
        return in_order

    def _count(self, table: pa.Table, dropped: IntArray, winner: IntArray, dated: BoolArray) -> None:
        published = table.column("published").cast(pa.int64()).to_numpy()
        older = (dated[dropped] < dated[winner]) | (
            (dated[dropped] == dated[winner]) & (published[dropped] < published[winner])
        )
        # where no columns name a row, the rows of two editions are not the same ones
        differs = _differs(table, dropped, winner) if self._dataset.key else np.ones(len(dropped), dtype=bool)
        contradicting = differs & ~older
        kinds = {"same": ~differs, "superseded": differs & older, "contradicting": contradicting}
        self.dropped.update({kind: int(rows.sum()) for kind, rows in kinds.items()})
        report = table.column("report").to_numpy()
        older &= differs
        self.superseded.update(zip(report[dropped[older]].tolist(), report[winner[older]].tolist(), strict=True))
        lost, kept = dropped[contradicting], winner[contradicting]
        pairs = sorted(
            set(zip(*(part.tolist() for part in (_days(table)[lost], report[lost], report[kept])), strict=True))
        )
        for day, one, other in pairs[:EXAMPLES]:
            first, second = self._reports[one]["file"], self._reports[other]["file"]
            where = f"{first} twice in itself" if one == other else f"{first} and {second}"
            self.examples.append(f"{where}, day {day_of_number(day)}: the later row was taken")


def _differs(table: pa.Table, some: IntArray, others: IntArray) -> BoolArray:
    """Whether two rows differ in any of ERCOT's columns, pair by pair."""
    differs = np.zeros(len(some), dtype=bool)
    for name in set(table.schema.names) - {*BUILT_COLUMNS, TIME}:
        column = table.column(name).combine_chunks()
        column = column.indices if pa.types.is_dictionary(column.type) else column
        both = column.take(pa.array(np.concatenate([some, others])))
        both = both.fill_null(np.nan) if pa.types.is_floating(both.type) else both
        mine, theirs = np.split(both.dictionary_encode("encode").indices.to_numpy(), 2)
        differs |= mine != theirs
    return differs


# --- writing ------------------------------------------------------------------------------------------------------------------------------


def write_rollup(
    path: Path,
    dataset: Dataset,
    year: int,
    rows: pa.Schema,
    tables: Iterable[pa.Table],
    spelled: Mapping[str, Collection[str]],
    layouts: Mapping[tuple[str, ...], int],
) -> int:
    """Write rows in their order as a rollup.

    Args:
        path: the file.
        dataset: what they hold.
        year: delivery year.
        rows: their columns.
        tables: the rows.
        spelled: headings that reports have for each column.
        layouts: layouts that rows have, with the numbers that rows call them by.

    Returns:
        rows written.
    """
    headings = {name: _heading(dataset, name, seen) for name, seen in spelled.items()}
    columns = [(headings[name], name) for name in dataset.columns if name in rows.names and name in headings]
    columns += sorted((headings[name], name) for name in rows.names if name.startswith(EXTRA) and name != TIME)
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
    kinds = [(heading, rows.field(name).type) for heading, name in columns]
    schema = pa.schema([(name, pa.string() if pa.types.is_dictionary(kind) else kind) for name, kind in kinds])
    whole = [f.name for f in schema if pa.types.is_temporal(f.type) or pa.types.is_integer(f.type)]
    as_deltas = [name for name in whole if name not in _WRITTEN_AS_DICTIONARY]
    most = max(min(_ROW_GROUP_ROWS, _ROW_GROUP_BYTES // (_VALUE_BYTES * len(columns))), 1)
    written = 0
    with pq.ParquetWriter(
        path,
        schema.with_metadata({METADATA_KEY: json.dumps(metadata)}),
        compression="zstd",
        compression_level=3,
        use_dictionary=[name for name in schema.names if name not in as_deltas],
        column_encoding=dict.fromkeys(as_deltas, "DELTA_BINARY_PACKED"),
    ) as writer:
        held: list[pa.Table] = []
        for table in tables:
            table = _with(table, LAYOUT_COLUMN, pa.array(renumbered[table.column(LAYOUT_COLUMN).to_numpy()]))
            held.append(pa.table({heading: table.column(name) for heading, name in columns}).cast(schema))
            written += table.num_rows
            while sum(t.num_rows for t in held) >= most:
                together = pa.concat_tables(held)
                writer.write_table(together.slice(0, most), row_group_size=most)
                held = [together.slice(most)]
        if sum(t.num_rows for t in held):
            writer.write_table(pa.concat_tables(held), row_group_size=most)
    return written


def _heading(dataset: Dataset, name: str, seen: Collection[str]) -> str:
    """The heading of a column in the rollup: the declaration's first spelling that reports have, else the shortest."""
    shortest_first = sorted(seen, key=lambda heading: (len(heading), heading))
    heading = dataset.canonical(shortest_first).get(name, shortest_first[0])
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
