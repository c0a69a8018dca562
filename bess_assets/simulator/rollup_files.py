"""How published rows are spelled in rollup files: headings, types, order, columns that nobody needs.

Nothing is lost here that market.md does not say how to read back.

Belongs here: layouts, spellings, writing Parquet, and how many rows each file got.
Does not: which rows and columns a file has (publish.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Ints, Year, operating_year
from bess_assets.simulator.publish import STAMPED, Hazards, Rows, lost_columns

_DAY_SECONDS = 24 * HOUR_SECONDS


def camel(dataset: str, file_year: int, hazards: Hazards) -> bool:
    """True if the file has the producer's CamelCase headings, False if ERCOT's own."""
    return (
        hazards != "none"
        and file_year % 2 == 0
        and dataset in ("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_Load_Resources", "COP_Snapshots")
    )


_GEN_DAY_AHEAD = [
    ("date", "Delivery Date"),
    ("hour_ending", "Hour Ending"),
    ("qse", "QSE"),
    ("name", "Resource Name"),
    ("kind", "Resource Type"),
    ("lsl", "LSL"),
    ("hsl", "HSL"),
    ("status", "Resource Status"),
    ("awarded", "Awarded Quantity"),
    ("node", "Settlement Point Name"),
    ("energy_price", "Energy Settlement Point Price"),
    ("regup", "RegUp Awarded"),
    ("regdn", "RegDown Awarded"),
    ("rrs", "RRS Awarded"),
    ("rrspfr", "RRSPFR Awarded"),
    ("rrsffr", "RRSFFR Awarded"),
    ("rrsufr", "RRSUFR Awarded"),
    ("ecrs", "ECRS Awarded"),
    ("ecrssd", "ECRSSD Awarded"),
    ("nspin", "NonSpin Awarded"),
]

_LAYOUTS: dict[str, list[tuple[str, str]]] = {
    "DAM_Gen_Resources": _GEN_DAY_AHEAD,
    "DAM_ESR_Resources": _GEN_DAY_AHEAD,
    "DAM_Load_Resources": [
        ("date", "Delivery Date"),
        ("hour_ending", "Hour Ending"),
        ("name", "Load Resource Name"),
        ("max_power", "Max Power Consumption for Load Resource"),
        ("low_power", "Low Power Consumption for Load Resource"),
        ("regup", "RegUp Awarded"),
        ("regdn", "RegDown Awarded"),
        ("rrs", "RRS Awarded"),
        ("rrspfr", "RRSPFR Awarded"),
        ("rrsffr", "RRSFFR Awarded"),
        ("rrsufr", "RRSUFR Awarded"),
        ("ecrssd", "ECRSSD Awarded"),
        ("ecrsmd", "ECRSMD Awarded"),
        ("nspin", "NonSpin Awarded"),
    ],
    "SCED_Gen_Resources": [
        ("stamp", "SCED Time Stamp"),
        ("flag", "Repeated Hour Flag"),
        ("qse", "QSE"),
        ("name", "Resource Name"),
        ("kind", "Resource Type"),
        ("hsl", "HSL"),
        ("lsl", "LSL"),
        ("status", "Telemetered Resource Status"),
        ("base_point", "Base Point"),
        ("net_output", "Telemetered Net Output "),
    ],
    "SCED_Load_Resources": [
        ("stamp", "SCED Time Stamp"),
        ("flag", "Repeated Hour Flag"),
        ("qse", "QSE"),
        ("name", "Resource Name"),
        ("status", "Telemetered Resource Status"),
        ("max_power", "Max Power Consumption"),
        ("low_power", "Low Power Consumption"),
        ("real_power", "Real Power Consumption"),
        ("base_point", "Base Point"),
    ],
    "SCED_ESR_Resources": [
        ("stamp", "SCED Time Stamp"),
        ("flag", "Repeated Hour Flag"),
        ("qse", "QSE"),
        ("name", "Resource Name"),
        ("kind", "Resource Type"),
        ("hsl", "HSL"),
        ("lsl", "LSL"),
        ("status", "Telemetered Resource Status"),
        ("base_point", "Base Point"),
        ("net_output", "Telemetered Net Output"),
        ("soc", "State of Charge"),
        ("min_soc", "Minimum SOC"),
        ("max_soc", "Maximum SOC"),
        ("nspin", "AS Awards NSPIN"),
        ("rrsffr", "AS Awards RRSFFR"),
        ("rrspfr", "AS Awards RRSPFR"),
        ("rrsufr", "AS Awards RRSUFR"),
        ("ecrs", "AS Awards ECRS"),
        ("regup", "AS Awards REGUP"),
        ("regdn", "AS Awards REGDN"),
    ],
    "SCED_SMNE": [
        ("interval_time", "Interval Time"),
        ("interval_number", "Interval Number"),
        ("name", "Resource Code"),
        ("value", "Interval Value"),
    ],
    "COP_Snapshots": [
        ("date", "Delivery Date"),
        ("qse", "QSE Name"),
        ("name", "Resource Name"),
        ("hour_ending", "Hour Ending"),
        ("status", "Status"),
        ("hsl", "High Sustained Limit"),
        ("lsl", "Low Sustained Limit"),
        ("min_soc", "Minimum SOC"),
        ("max_soc", "Maximum SOC"),
        ("planned_soc", "Hour Beginning Planned SOC"),
    ],
    "SASM_AS_Offers": [
        ("date", "Delivery Date"),
        ("hour_ending", "Hour Ending"),
        ("qse", "QSE"),
        ("name", "Resource Name"),
        ("price", "PRICE1 REGUP"),
        ("quantity", "QUANTITY MW1"),
    ],
    "DAM_Energy_Bid_Awards": [
        ("date", "Delivery Date"),
        ("hour_ending", "Hour Ending"),
        ("name", "Settlement Point"),
        ("qse", "QSE Name"),
        ("award", "Energy Only Bid Award in MW"),
        ("price", "Settlement Point Price"),
    ],
    "RT_prices": [
        ("date", "DeliveryDate"),
        ("hour", "DeliveryHour"),
        ("interval", "DeliveryInterval"),
        ("name", "SettlementPointName"),
        ("kind", "SettlementPointType"),
        ("price", "SettlementPointPrice"),
        ("flag", "DSTFlag"),
    ],
    "DA_prices": [
        ("date", "DeliveryDate"),
        ("hour_ending", "HourEnding"),
        ("name", "SettlementPoint"),
        ("price", "SettlementPointPrice"),
        ("flag", "DSTFlag"),
    ],
    "AS_prices": [
        ("date", "DeliveryDate"),
        ("hour_ending", "HourEnding"),
        ("name", "AncillaryType"),
        ("price", "MCPC"),
        ("flag", "DSTFlag"),
    ],
    "RT_AS_prices": [
        ("date", "DeliveryDate"),
        ("hour", "DeliveryHour"),
        ("interval", "DeliveryInterval"),
        ("flag", "RepeatedHourFlag"),
        ("name", "ASType"),
        ("price", "MCPC"),
    ],
}

_CAMEL_COP = {
    "High Sustained Limit": "HSL",
    "Low Sustained Limit": "LSL",
    "Minimum SOC": "MinSOC",
    "Maximum SOC": "MaxSOC",
    "Hour Beginning Planned SOC": "PlannedSOC",
    "QSE Name": "QSE",
}

_HOUR_TYPES = (pa.int32(), pa.int64(), pa.string(), pa.float64())
_TIME_COLUMNS = ("date", "hour_ending", "hour", "interval", "flag", "stamp", "interval_time", "interval_number")
_TEXT_COLUMNS = ("name", "kind", "qse", "status", "node")


class _Spelling:
    """How one file spells its rows."""

    def __init__(self, dataset: str, file_year: int, hazards: Hazards) -> None:
        self.dataset = dataset
        self.file_year = file_year
        self.hazards = hazards
        self.plain = hazards == "none"
        self.camel = camel(dataset, file_year, hazards)
        self.lost = lost_columns(dataset, file_year, hazards)
        turn = file_year + crc32(dataset.encode())
        self.text_dates = not self.plain and (dataset == "RT_prices" or turn % 2 == 0)
        self.hour_type = pa.int64() if self.plain else _HOUR_TYPES[turn % 4]
        """Type of the columns `hour` and `DeliveryHour`."""
        self.clock_labels = (
            dataset.startswith("COP") or dataset in ("DA_prices", "AS_prices") or (not self.plain and turn % 3 == 0)
        )
        """Hour Ending as "01:00", else as "1" or 1."""
        self.hour_ending_text = self.clock_labels or (not self.plain and turn % 2 == 1)
        has_flag = any(column == "flag" for column, _ in _LAYOUTS[dataset])
        self.wall_hours = has_flag or dataset.startswith("COP") or (not self.plain and file_year % 2 == 1)
        """Hours as the clock showed them: 02 twice in autumn, 03 never in spring. Else they are counted 1 to 23 or 25."""
        self.order = "time" if self.plain else ("resource", "shuffled", "time")[turn % 3]
        self.leading_space = not self.plain and dataset in ("DAM_Load_Resources", "AS_prices") and file_year % 2 == 1

    def heading(self, column: str, raw: str) -> str:
        """Heading of a canonical column in this file."""
        if column == "net_output" and self.file_year > 2025:
            raw = raw.strip()
        if self.plain:
            return raw
        if column == "date" or (column == "ecrs" and self.dataset.startswith("DAM")):
            return raw.replace(" ", "")
        if self.camel:
            return _CAMEL_COP.get(raw, raw.replace(" ", ""))
        return raw


def text_of(values: Sequence[str | None], positions: Ints) -> pa.Array:
    """Few distinct texts, placed by position."""
    return pa.DictionaryArray.from_arrays(pa.array(positions, pa.int32()), pa.array(list(values), pa.string())).cast(
        pa.string()
    )


def _time_columns(times: Ints, year: Year, how: _Spelling) -> dict[str, pa.Array]:
    """Every way in which this file may spell the time of its rows, by canonical column."""
    moments, place = np.unique(times, return_inverse=True)
    wall = year.wall(moments)
    days = year.day_number(moments)
    counted = year.hour_of_day(moments) + 1
    shown = (wall % _DAY_SECONDS) // HOUR_SECONDS + 1
    labels = shown if how.wall_hours else counted
    made: dict[str, pa.Array] = {}
    if how.text_dates or how.dataset in STAMPED:
        made["date"] = text_of([day.strftime("%m/%d/%Y") for day in year.days], days[place])
    else:
        first = (year.days[0] - date(1970, 1, 1)).days
        made["date"] = pa.array((days[place] + first).astype(np.int32), pa.int32()).cast(pa.date32())
    if how.hour_ending_text:
        pattern = "{:02d}:00" if how.clock_labels else "{}"
        made["hour_ending"] = text_of([pattern.format(hour) for hour in range(26)], labels[place])
    else:
        made["hour_ending"] = pa.array(labels[place], pa.int64())
    if how.hour_type == pa.string():
        made["hour"] = text_of([str(hour) for hour in range(26)], labels[place])
    else:
        made["hour"] = pa.array(labels[place], pa.int64()).cast(how.hour_type)
    made["interval"] = pa.array((times % HOUR_SECONDS) // QUARTER_SECONDS + 1, pa.int64())
    made["flag"] = text_of(["N", "Y"], year.repeated(times).astype(np.int64))
    if how.dataset in STAMPED:
        made["stamp"] = text_of(stamp_texts(wall), place)
        # The producer took the wall clock for UTC.
        made["datetime"] = pa.array(wall[place] * 1_000_000, pa.timestamp("us", "UTC"))
    elif how.dataset == "SCED_SMNE":
        made["interval_time"] = text_of(stamp_texts(wall + QUARTER_SECONDS - 1), place)
        made["interval_number"] = pa.array((times - year.day_starts[days[place]]) // QUARTER_SECONDS + 1, pa.int64())
    else:
        # Hour 24 goes to hour 1 of the next day, and the rest is an hour off as well.
        wrong = (wall // _DAY_SECONDS) * _DAY_SECONDS + np.where(shown == 24, 25, shown) * HOUR_SECONDS
        made["datetime"] = pa.array(wrong[place] * 1_000_000, pa.timestamp("us"))
    return made


def stamp_texts(wall: Ints) -> list[str]:
    """Moments of the wall clock as ERCOT writes them: 03/02/2024 00:14:59."""
    texts = np.datetime_as_string(wall.astype("datetime64[s]")).tolist()
    return [f"{text[5:7]}/{text[8:10]}/{text[:4]} {text[11:]}" for text in texts]


def _text_column(rows: Rows, column: str, how: _Spelling) -> pa.Array:
    """A text column of some rows."""
    count = len(rows.times)
    if column in rows.words:
        text = rows.words[column]
        return text_of(text.words, text.codes)
    value = {"name": rows.name, "kind": rows.kind, "qse": rows.qse}.get(column) or None
    if column == "name" and how.leading_space:
        # Some values carry a leading space.
        return text_of([value, f" {value}"], (rows.times // _DAY_SECONDS % 5 == 0).astype(np.int64))
    return text_of([value], np.zeros(count, dtype=np.int64))


def _present(column: str, how: _Spelling, numbers: Iterable[str]) -> bool:
    if column in how.lost:
        return False
    return column in _TIME_COLUMNS or column in _TEXT_COLUMNS or column in numbers


def _table(parts: list[Rows], year: Year, how: _Spelling) -> pa.Table:
    """The rows of one block of a file, spelled as the file spells them."""
    times = np.concatenate([rows.times for rows in parts])
    owner = np.repeat(np.arange(len(parts)), [len(rows.times) for rows in parts])
    if how.order == "time":
        order = np.lexsort((owner, times))
    elif how.order == "shuffled":
        # Days in no order, the rows of a resource and day in the order of publication.
        scrambled = (year.day_number(times) * 7919) % 10007
        order = np.lexsort((owner, scrambled))
    else:
        order = np.arange(len(times))
    times = times[order]
    spelled = _time_columns(times, year, how)
    chosen = pa.array(order)
    columns: dict[str, pa.Array] = {}
    for column, raw in _LAYOUTS[how.dataset]:
        if not _present(column, how, parts[0].numbers):
            continue
        if column in _TIME_COLUMNS:
            columns[how.heading(column, raw)] = spelled[column]
        elif column in _TEXT_COLUMNS:
            columns[how.heading(column, raw)] = pa.concat_arrays(
                [_text_column(rows, column, how) for rows in parts]
            ).take(chosen)
        else:
            values = np.concatenate([rows.numbers[column] for rows in parts])[order]
            columns[how.heading(column, raw)] = pa.array(values, pa.float64(), from_pandas=True)
    if not how.plain:
        columns.update(_useless_columns(spelled, len(times), how))
        names = sorted(columns, key=lambda name: crc32(name.encode())) if how.order == "shuffled" else list(columns)
        columns = {name: columns[name] for name in names}
    return pa.table(columns)


def _useless_columns(spelled: dict[str, pa.Array], count: int, how: _Spelling) -> dict[str, pa.Array]:
    """Columns that real rollups have and nobody should need."""
    made = {}
    if how.dataset in ("DAM_Gen_Resources", "DAM_ESR_Resources"):
        for number in (1, 2):
            for what, value in (("MW", 10.0), ("Price", 25.0)):
                made[f"QSE submitted Curve-{what}{number}"] = pa.array(np.full(count, value * number), pa.float64())
    if how.dataset in ("DAM_Gen_Resources", "COP_Snapshots", "DA_prices", "AS_prices"):
        made["hour"] = spelled["hour"]
    if "datetime" in spelled:
        made["datetime"] = spelled["datetime"]
    if how.dataset == "SCED_Gen_Resources":
        made["AS_NSRS" if how.camel else "Ancillary Service NSRS"] = pa.array(np.zeros(count), pa.float64())
        made["producer_build"] = text_of(["r7"], np.zeros(count, dtype=np.int64))
    return made


class RollupWriter:
    """Writes published rows as rollup files, a month of a year at a time.

    Args:
        folder: where the folders of the datasets go.
        hazards: how badly the files are spelled.
    """

    def __init__(self, folder: Path, hazards: Hazards) -> None:
        """Remember where to write; files are opened when their first rows come."""
        self._folder = folder
        self._hazards: Hazards = hazards
        self._open: dict[tuple[str, int], pq.ParquetWriter] = {}
        self._rows: dict[str, dict[str, int]] = {}

    def write(self, year: int, published: dict[str, list[Rows]]) -> None:
        """Append the rows of one operating year to their files.

        Args:
            year: the operating year; years must come in ascending order.
            published: rows by folder.
        """
        self._close_before(year)
        calendar = operating_year(year)
        months = np.array([calendar.day_start(month, 1) for month in range(1, 13)] + [calendar.end], dtype=np.int64)
        for dataset, found in published.items():
            for file_year in sorted({rows.file_year for rows in found}):
                how = _Spelling(dataset, file_year, self._hazards)
                inside = [rows for rows in found if rows.file_year == file_year]
                for first, last in pairwise(months.tolist()):
                    parts = [rows.part((rows.times >= first) & (rows.times < last)) for rows in inside]
                    parts = [rows for rows in parts if len(rows.times)]
                    if parts:
                        self._append(dataset, file_year, _table(parts, calendar, how))

    def _append(self, dataset: str, file_year: int, table: pa.Table) -> None:
        key = (dataset, file_year)
        if key not in self._open:
            path = self._folder / dataset / f"{file_year}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[key] = pq.ParquetWriter(path, table.schema, compression="lz4")
        self._open[key].write_table(table)
        written = self._rows.setdefault(dataset.lower(), {})
        written[str(file_year)] = written.get(str(file_year), 0) + table.num_rows

    def _close_before(self, file_year: int) -> None:
        """Finish the files of earlier years."""
        for key in [key for key in self._open if key[1] < file_year]:
            self._open.pop(key).close()

    def close(self) -> None:
        """Finish all files, and say how many rows each has, for whoever checks that all were read."""
        self._close_before(10_000)
        expected = {"version": "as simulated", "rows": self._rows}
        path = self._folder / "expected_rows.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(expected, indent=1, sort_keys=True) + "\n", encoding="utf-8")
