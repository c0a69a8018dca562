"""Rollups: yearly Parquet files of a dataset, with the headings, types and order that the producers of real rollups gave them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.simulator.calendar import DAY_SECONDS, Moments, Year, operating_year
from bess_assets.simulator.layouts import CAMEL_CASE, TEXT_COLUMNS, TIME_COLUMNS, camel_case, rollup_headings
from bess_assets.simulator.publish import STAMPED, Hazards, Rows, file_columns, monthly

_HOUR_TYPES = (pa.int32(), pa.int64(), pa.string(), pa.float64())


@dataclass
class RollupFiles:
    """Rollup files that are being written, with options of the Parquet writer; `rows` counts what is written by dataset and year of the file."""

    folder: Path
    options: dict[str, Any]
    rows: Counter[tuple[str, int]] = field(default_factory=Counter)
    _open: dict[tuple[str, int], pq.ParquetWriter] = field(default_factory=dict)

    def append(self, dataset: str, file_year: int, table: pa.Table) -> int:
        """Append rows, as a row group of their own, to a file, which is opened by its first rows, and count them."""
        key = (dataset, file_year)
        if key not in self._open:
            path = self.folder / dataset / f"{file_year}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[key] = pq.ParquetWriter(path, table.schema, **self.options)
        self._open[key].write_table(table, row_group_size=max(table.num_rows, 1))
        self.rows[key] += table.num_rows
        return int(table.num_rows)

    def close(self, before: int = 10_000) -> None:
        """Finish the files of earlier years, or all."""
        for key in [key for key in self._open if key[1] < before]:
            self._open.pop(key).close()


def write_rollups(files: RollupFiles, year: int, published: dict[str, list[Rows]], hazards: Hazards) -> None:
    """Append the published rows of one operating year, by folder, to their files, a month at a time; years must come in ascending order."""
    files.close(before=year)
    calendar = operating_year(year)
    for parts in chain.from_iterable(monthly(published, calendar)):
        how = _Spelling(parts[0], hazards)
        files.append(how.dataset, how.file_year, _table(parts, calendar, how))


def write_expected_rows(files: RollupFiles) -> None:
    """Write how many rows each file has, so that a reader can check that all were read."""
    rows: dict[str, dict[str, int]] = {}
    for (dataset, file_year), count in files.rows.items():
        rows.setdefault(dataset.lower(), {})[str(file_year)] = count
    expected = {"version": "as simulated", "rows": rows}
    files.folder.mkdir(parents=True, exist_ok=True)
    path = files.folder / "expected_rows.json"
    path.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n", encoding="utf-8")


class _Spelling:
    """How one file spells its rows.

    Attributes:
        camel: headings are the producer's CamelCase, else ERCOT's own.
        hour_type: type of the columns `hour` and `DeliveryHour`.
        clock_labels: Hour Ending is "01:00", else "1" or 1.
        shown_hours: hours are named as the wall clock showed them, else counted through the day.
        order: rows are sorted by time, by resource, or by day in no order.
    """

    def __init__(self, rows: Rows, hazards: Hazards) -> None:
        self.dataset, self.file_year = dataset, file_year = rows.dataset, rows.file_year
        self.plain = hazards == "none"
        self.headings = rollup_headings(dataset)
        there = file_columns(rows, hazards)
        self.columns = [column for column in self.headings if column in there]
        plan, odd = dataset == "COP_Snapshots", file_year % 2 == 1
        turn = 0 if self.plain else file_year + crc32(dataset.encode())
        self.camel = not self.plain and not odd and dataset in CAMEL_CASE
        self.text_dates = not self.plain and (dataset == "RT_prices" or turn % 2 == 0)
        self.hour_type = pa.int64() if self.plain else _HOUR_TYPES[turn % 4]
        self.clock_labels = plan or dataset in ("DA_prices", "AS_prices") or (not self.plain and turn % 3 == 0)
        self.hour_ending_type = pa.string() if self.clock_labels or turn % 2 == 1 else pa.int64()
        self.shown_hours = plan or "flag" in self.headings or (not self.plain and odd)
        self.order = "time" if self.plain else ("resource", "shuffled", "time")[turn % 3]
        self.leading_space = not self.plain and odd and dataset in ("DAM_Load_Resources", "AS_prices")

    def heading(self, column: str) -> str:
        """Heading of a canonical column in this file."""
        raw = self.headings[column]
        if column == "net_output" and self.file_year > 2025:
            raw = raw.strip()
        if self.camel:
            return camel_case(raw)
        joined = column == "date" or (column == "ecrs" and self.dataset.startswith("DAM"))
        return raw.replace(" ", "") if joined and not self.plain else raw

    def time(self, column: str, moments: Moments) -> pa.Array:
        """A label of moments."""
        if column == "date" and not self.text_dates:
            first = (moments.year.days[0] - date(1970, 1, 1)).days
            return pa.array((moments.days + first).astype(np.int32)).cast(pa.date32())
        if column in ("date", "flag", "stamp", "interval_time"):
            return pa.array(moments.texts(column))
        kind = {"hour": self.hour_type, "hour_ending": self.hour_ending_type}.get(column, pa.int64())
        if kind == pa.string():
            clock = self.clock_labels and column == "hour_ending"
            return pa.array(moments.texts(column, "{:02d}:00" if clock else "{}"))
        return pa.array(moments.counts(column)).cast(kind)

    def text(self, column: str, rows: Rows) -> pa.Array:
        """A text column of some rows."""
        if column in rows.texts:
            return pa.array(rows.texts[column])
        value = {"name": rows.name, "kind": rows.kind, "qse": rows.qse}[column]
        if column == "name" and self.leading_space:
            return pa.array(np.where(rows.times // DAY_SECONDS % 5 == 0, f" {value}", value))
        return pa.repeat(pa.scalar(value or None, pa.string()), len(rows.times))


def _table(parts: list[Rows], year: Year, how: _Spelling) -> pa.Table:
    """The rows of one block of a file, spelled as the file spells them."""
    times = np.concatenate([rows.times for rows in parts])
    owner = np.repeat(np.arange(len(parts)), [len(rows.times) for rows in parts])
    order = np.arange(len(times))
    if how.order == "time":
        order = np.lexsort((owner, times))
    elif how.order == "shuffled":
        # Days in no order, the rows of a resource and day in the order of publication.
        order = np.lexsort((owner, (year.day_number(times) * 7919) % 10007))
    seconds, place = np.unique(times[order], return_inverse=True)
    moments = Moments(year, seconds, shown=how.shown_hours)
    place, chosen = pa.array(place), pa.array(order)
    columns: dict[str, pa.Array] = {}
    for column in how.columns:
        if column in TIME_COLUMNS:
            made = how.time(column, moments).take(place)
        elif column in TEXT_COLUMNS:
            made = pa.concat_arrays([how.text(column, rows) for rows in parts]).take(chosen)
        else:
            values = np.concatenate([rows.numbers[column] for rows in parts])[order]
            made = pa.array(values, pa.float64(), from_pandas=True)
        columns[how.heading(column)] = made
    if not how.plain:
        columns |= _useless_columns(moments, place, how)
        names = sorted(columns, key=lambda name: crc32(name.encode())) if how.order == "shuffled" else list(columns)
        columns = {name: columns[name] for name in names}
    return pa.table(columns)


def _useless_columns(moments: Moments, place: pa.Array, how: _Spelling) -> dict[str, pa.Array]:
    """Columns that real rollups have and no reader needs."""

    def same(value: float) -> pa.Array:
        return pa.array(np.full(len(place), value))

    made = {}
    if how.dataset in ("DAM_Gen_Resources", "DAM_ESR_Resources"):
        for number in (1, 2):
            made[f"QSE submitted Curve-MW{number}"] = same(10.0 * number)
            made[f"QSE submitted Curve-Price{number}"] = same(25.0 * number)
    if how.dataset in ("DAM_Gen_Resources", "COP_Snapshots", "DA_prices", "AS_prices"):
        made["hour"] = how.time("hour", moments).take(place)
    if how.dataset != "SCED_SMNE":
        stamped = how.dataset in STAMPED
        kind = pa.timestamp("us", "UTC" if stamped else None)
        made["datetime"] = pa.array(moments.producer_time(stamped=stamped)).cast(kind).take(place)
    if how.dataset == "SCED_Gen_Resources":
        made["AS_NSRS" if how.camel else "Ancillary Service NSRS"] = same(0.0)
        made["producer_build"] = pa.repeat("r7", len(place))
    return made
