"""Rollups: yearly Parquet files of a dataset, with the headings, types and order that the producers of real rollups gave them.

Files of real size have the layout of those that users have: the producer's headings, time as text, rows in time order. Their offer curves and other resources,
which no figure needs, have the size that they have in ERCOT's files, and arbitrary values.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.simulator.calendar import (
    DAY_SECONDS,
    HOUR_SECONDS,
    QUARTER_SECONDS,
    Ints,
    Moments,
    Year,
    midnight,
    operating_year,
)
from bess_assets.simulator.fleet import RTC
from bess_assets.simulator.layouts import CAMEL_CASE, TEXT_COLUMNS, TIME_COLUMNS, camel_case, rollup_headings
from bess_assets.simulator.market_model import MarketYear, Operation, operate
from bess_assets.simulator.publish import Rows, award_columns, file_columns, monthly
from bess_assets.simulator.sheets import (
    BY_QUARTER_HOUR,
    CUT,
    PRICES,
    RUN_PRICES,
    STAMPED,
    Hazards,
    Numbers,
    Period,
    Sheet,
    run_prices,
)

_ABSENT = {
    **dict.fromkeys(("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_Load_Resources"), ("qse", "status")),
    "DAM_ESR_Resources": ("status",),
    "COP_Snapshots": ("qse",),
}
"""Columns that the users' rollups lack."""
_WITH_HOUR = ("DA_prices", "AS_prices", "DAM_Gen_Resources", "DAM_Load_Resources", "COP_Snapshots")
"""Datasets whose rollups have a column `hour` that no reader needs."""
_CURVES = {
    "DAM_Gen_Resources": ("QSESubmittedCurve", 4),
    "DAM_ESR_Resources": ("QSE submitted Curve-", 4),
    "SCED_Load_Resources": ("SCEDBidtoBuyCurve", 1),
}
"""Heading of the offer curve, and how many of its ten pairs of quantity and price are filled."""
_DATASETS = (
    *("SCED_ESR_Resources", "SCED_Gen_Resources", "SCED_Load_Resources", "DAM_Gen_Resources", "RT_prices"),
    *("COP_Snapshots", "DA_prices", "DAM_Load_Resources", "DAM_ESR_Resources", "AS_prices", "RT_AS_prices"),
    *RUN_PRICES,
)
"""Datasets of which there are rows, the longest to write first."""
GROUP_ROWS = 1_000_000
"""About how many rows of real size are published and written at once, as a row group."""
_HOUR_TYPES = (pa.int32(), pa.int64(), pa.string(), pa.float64())


@dataclass
class RollupFiles:
    """Rollup files that are being written, with options of the Parquet writer; `rows` counts what is written by dataset and year of the file."""

    folder: Path
    options: dict[str, Any]
    rows: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    _open: dict[tuple[str, int], pq.ParquetWriter] = field(default_factory=dict)

    def append(self, dataset: str, file_year: int, table: pa.Table) -> int:
        """Append rows, as a row group of their own, to a file, which is opened by its first rows, and count them."""
        key = (dataset, file_year)
        if key not in self._open:
            path = self.folder / dataset / f"{file_year}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open[key] = pq.ParquetWriter(path, table.schema, **self.options)
        self._open[key].write_table(table, row_group_size=max(table.num_rows, 1))
        self.rows[dataset.lower()][str(file_year)] += table.num_rows
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
    expected = {"version": "as simulated", "rows": files.rows}
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
        raw = self.headings[column]
        if column == "net_output" and self.file_year > 2025:
            raw = raw.strip()
        if self.camel:
            return camel_case(raw)
        joined = column == "date" or (column == "ecrs" and self.dataset.startswith("DAM"))
        return raw.replace(" ", "") if joined and not self.plain else raw

    def time(self, column: str, moments: Moments) -> pa.Array:
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

    def text(self, column: str, parts: list[Rows], owner: Ints, times: Ints) -> pa.Array:
        """A text column; `owner` is the place among the parts of each row."""
        if column in parts[0].texts:
            return pa.array(np.concatenate([rows.texts[column] for rows in parts]), pa.string())
        values = [{"name": rows.name, "kind": rows.kind, "qse": rows.qse}[column] or None for rows in parts]
        spaced = column == "name" and self.leading_space
        places = owner + len(parts) * (spaced & (times // DAY_SECONDS % 5 == 0))
        return pa.array([*values, *(f" {value}" for value in values)], pa.string()).take(pa.array(places))


def _table(parts: list[Rows], year: Year, how: _Spelling) -> pa.Table:
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
            made = how.text(column, parts, owner, times).take(chosen)
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
    made = {}
    if how.dataset in ("DAM_Gen_Resources", "DAM_ESR_Resources"):
        for number in (1, 2):
            made[f"QSE submitted Curve-MW{number}"] = pa.repeat(10.0 * number, len(place))
            made[f"QSE submitted Curve-Price{number}"] = pa.repeat(25.0 * number, len(place))
    if how.dataset in ("DAM_Gen_Resources", "COP_Snapshots", "DA_prices", "AS_prices"):
        made["hour"] = how.time("hour", moments).take(place)
    if how.dataset != "SCED_SMNE":
        stamped = how.dataset in STAMPED
        kind = pa.timestamp("us", "UTC" if stamped else None)
        made["datetime"] = pa.array(moments.producer_time(stamped=stamped)).cast(kind).take(place)
    if how.dataset == "SCED_Gen_Resources":
        made["AS_NSRS" if how.camel else "Ancillary Service NSRS"] = pa.repeat(0.0, len(place))
        made["producer_build"] = pa.repeat("r7", len(place))
    return made


def write_real_size(files: RollupFiles, market: MarketYear, until: float, say: Callable[[str], None]) -> None:
    """Append a year up to a second to its files, two datasets at a time before RTC+B; years must come in ascending order."""
    calendar, year = market.year, market.year.year
    end = min(until, calendar.end)
    files.close(before=year)
    did = operate(market, market.fleet.batteries, int(np.searchsorted(calendar.hours, end)))
    single_model = calendar.start >= midnight(RTC)

    def write(dataset: str) -> None:
        runs = market.rtc_runs[1] if dataset in RUN_PRICES else market.runs
        times = runs if dataset in STAMPED else calendar.quarters if dataset in BY_QUARTER_HOUR else calendar.hours
        # Before RTC+B there is one run a quarter-hour.
        regular = dataset not in STAMPED or single_model or times % QUARTER_SECONDS < 100
        times = times[(times < end) & regular]
        # The 60-day disclosure is filed by the year in which it was published.
        cut = len(times) if dataset in PRICES else int(np.searchsorted(times, calendar.day_start(*CUT)))
        width = sum(len(sheet.who) for sheet in _sheets(market, did, dataset, times[:1]))
        if not width:
            return
        step, written = max(1, GROUP_ROWS // width), 0
        for file_year, first, last in ((year, 0, cut), (year + 1, cut, len(times))):
            for begin in range(first, last, step):
                table = _Block(market, did, dataset, times[begin : min(begin + step, last)]).table()
                written += files.append(dataset, file_year, table)
        say(f"{year}: {dataset}, {written:,} rows")

    # Five-minute telemetry takes so much memory that only one dataset fits beside it.
    with ThreadPoolExecutor(1 if single_model else 2) as pool:
        list(pool.map(write, _DATASETS))
    # Arrow keeps the memory that it once had, and the next year needs it.
    pa.default_memory_pool().release_unused()


def _sheets(market: MarketYear, did: Operation, dataset: str, times: Ints) -> list[Sheet]:
    """What is published in a dataset of some moments."""
    if dataset in RUN_PRICES:
        return [sheet for sheet in run_prices(market, "harmless", times) if sheet.dataset == dataset and len(times)]
    hours = np.unique(times - (times - market.year.start) % HOUR_SECONDS)
    quarters, runs = (times if dataset in some else times[:0] for some in (BY_QUARTER_HOUR, STAMPED))
    found = [*Period(market, "harmless", hours, quarters, runs, did).sheets()]
    # The users' rollups hold the plans of all resources, not only of batteries.
    others = [(other.name, other.capacity_mw) for other in (*market.fleet.generators, *market.fleet.loads)]
    if market.year.start < midnight(RTC):
        others += [(b.load, round(b.capacity_mw * 1.02, 1)) for b in market.fleet.batteries if b.load]
    limits: Numbers = {"hsl": np.array([limit for _, limit in others]), "lsl": 0.0}
    plans = Sheet("COP_Snapshots", [(name, "", "") for name, _ in others], limits, running=True)
    return [sheet for sheet in [*found, plans] if sheet.dataset == dataset and np.any(sheet.keep)]


class _Block:
    """Rows of a dataset at some moments, moment by moment, in columns as the users' rollups have them."""

    def __init__(self, market: MarketYear, did: Operation, dataset: str, times: Ints) -> None:
        self._dataset, self._points = dataset, [name for name, _ in market.fleet.points]
        self._sheets = _sheets(market, did, dataset, times)
        self._numbers = [_numbers(sheet, times) for sheet in self._sheets]
        who = [one for sheet in self._sheets for one in sheet.who]
        self._labels = {label: [one[n] or "" for one in who] for n, label in enumerate(("name", "kind", "qse"))}
        self._shape = len(times), len(who)
        keep = self._beside(sheet.keep for sheet in self._sheets) & np.array([name is not None for name, *_ in who])
        self._kept = slice(None) if keep.all() else np.flatnonzero(keep)
        self._clock = dataset in PRICES or dataset == "COP_Snapshots"
        self._moments = Moments(market.year, times, shown=self._clock)

    def table(self) -> pa.Table:
        """All columns, those of time first."""
        made: dict[str, pa.Array] = {}
        for name, heading in rollup_headings(self._dataset).items():
            found = None if name in _ABSENT.get(self._dataset, ()) else self._canonical(name)
            if found is not None:
                time = self._dataset == "DAM_Load_Resources" and name in TIME_COLUMNS
                made[camel_case(heading) if time or self._dataset in CAMEL_CASE else heading.strip()] = found
        resources = np.arange(self._shape[1])
        if self._dataset == "SCED_Gen_Resources":
            for heading, step, number in (("RRS", 1.5, 7), ("RRSFFR", 0.0, 1), ("NSRS", 2.5, 5), ("ECRS", 2.0, 3)):
                made[f"AS_{heading}"] = self._column(step * (resources % number))
        if self._dataset == "SCED_Load_Resources":
            made |= dict.fromkeys(("HDL", "HASL"), made["MaxPowerConsumption"])
            made |= dict.fromkeys(("LDL", "LASL"), made["LowPowerConsumption"])
        stem, filled = _CURVES.get(self._dataset, ("", 0))
        for n in range(1, 11 if stem else 1):
            made[f"{stem}MW{n}"] = self._column(10.0 * n + resources % 40 if n <= filled else np.nan)
            made[f"{stem}Price{n}"] = self._column(12.0 * n + resources % 40 / 4 if n <= filled else np.nan)
        if self._dataset in _WITH_HOUR:
            made["hour"] = self._column(self._moments.counts("hour").astype(np.int32)[:, None])
        wrong = self._moments.producer_time(stamped=self._dataset in STAMPED)
        made["datetime"] = self._column(wrong[:, None]).view(pa.timestamp("us"))
        return pa.table(made)

    def _canonical(self, name: str) -> pa.Array | None:
        """A canonical column; none if the dataset lacks it."""
        if name in ("hour", "interval"):
            return self._column(self._moments.counts(name).astype(np.int32)[:, None])
        if name in TIME_COLUMNS:
            words = self._moments.texts(name, "{:02d}:00" if self._clock else "{}")
            places: Any = np.arange(len(words))[:, None]
        elif name in self._labels:
            words, places = self._labels[name], np.arange(self._shape[1])
        elif name == "status":
            words, places = ["OUT", "ON"], self._beside(sheet.running for sheet in self._sheets).astype(np.int32)
        elif name == "node":
            words, places = self._points, self._beside(sheet.nodes for sheet in self._sheets)
        elif any(name in numbers for numbers in self._numbers):
            return self._column(self._beside(numbers.get(name, np.nan) for numbers in self._numbers))
        else:
            return None
        distinct, codes = np.unique(words, return_inverse=True)
        return pa.DictionaryArray.from_arrays(self._column(codes.astype(np.int32)[places]), pa.array(distinct))

    def _beside(self, values: Iterable[Any]) -> npt.NDArray[Any]:
        """Values of the sheets side by side, by moment and resource."""
        every = zip(self._sheets, values, strict=True)
        return np.concatenate([np.broadcast_to(v, (self._shape[0], len(sheet.who))) for sheet, v in every], axis=1)

    def _column(self, values: Any) -> pa.Array:
        """A column of values by moment, by resource or by both; NaN is null."""
        return pa.array(np.broadcast_to(values, self._shape).reshape(-1)[self._kept], from_pandas=True)


def _numbers(sheet: Sheet, times: Ints) -> Numbers:
    """Numbers by column: RRS in three parts beside the old column, ECRS twice, 0 for an award that is blank in ERCOT's files."""
    if sheet.awards is None:
        return sheet.numbers
    file_year = 2025 if sheet.dataset == "DAM_ESR_Resources" else 2024
    load = sheet.dataset == "DAM_Load_Resources"
    made = {**sheet.numbers, **award_columns(sheet.awards, times[:, None], file_year, load, "harmless")}
    if "ecrs" in made:
        made["ecrs"] = made["ecrssd"]
    return {column: values if column == "energy_price" else np.nan_to_num(values) for column, values in made.items()}
