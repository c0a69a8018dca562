"""Published rows as ERCOT's own report files: names, times of publication, CSV and ZIP.

The newest publication of each row has the values of the rollups. A row that was replaced is in an earlier publication; a row that was repeated is twice in a
file, or in a copy of it. Columns that the rollups do not hold are blank, but the clearing prices and two points of the day-ahead curve. Number 00000000 in a
name is for a report whose type number is not known here.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property, partial
from itertools import groupby, pairwise
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.simulator.calendar import Ints, Moments, Year, operating_year
from bess_assets.simulator.fleet import RRS_SPLIT
from bess_assets.simulator.layouts import TEXT_COLUMNS, TIME_COLUMNS, Field, report_fields
from bess_assets.simulator.publish import EARLIER, LAG_DAYS, REPEATED, Rows, file_columns, monthly
from bess_assets.simulator.sheets import PRICES, Hazards

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class _Report(NamedTuple):
    """A report: CSVs of one or more datasets that ERCOT publishes together.

    Its file names begin with the number and end with the title; it is posted some days after the operating day, a correction some days later.
    """

    folder: str
    number: str
    title: str
    posted_at: time = time(5, 1)
    days_after: int = LAG_DAYS
    correction_days: int = 14


_DAM = _Report("60-Day_DAM_Disclosure_Reports", "rpt.00013051", "60_Day_DAM_Disclosure")
_SCED = _Report("60-Day_SCED_Disclosure_Reports", "rpt.00013052", "60_Day_SCED_Disclosure")
_SNAPSHOT = "COP_Adjustment_Period_Snapshot"
_COP = _Report(f"60-Day_{_SNAPSHOT}", "rpt.00000000", f"60_Day_{_SNAPSHOT}")
_SASM = _Report("60-Day_SASM_Disclosure_Reports", "rpt.00000000", "60_Day_SASM_Disclosure")
_RT_PRICES = _Report("RT_Settlement_Point_Prices", "cdr.00012301", "SPPHLZNP6905", time(0, 1), 1, 3)

REPORTS: dict[str, tuple[_Report, str]] = {
    "DAM_Gen_Resources": (_DAM, "60d_DAM_Gen_Resource_Data"),
    "DAM_Load_Resources": (_DAM, "60d_DAM_Load_Resource_Data"),
    "DAM_ESR_Resources": (_DAM, "60d_DAM_ESR_Data"),
    "DAM_Energy_Bid_Awards": (_DAM, "60d_DAM_EnergyBidAwards"),
    "SCED_Gen_Resources": (_SCED, "60d_SCED_Gen_Resource_Data"),
    "SCED_Load_Resources": (_SCED, "60d_Load_Resource_Data_in_SCED"),
    "SCED_ESR_Resources": (_SCED, "60d_ESR_Data_in_SCED"),
    "SCED_SMNE": (_SCED, "60d_SCED_SMNE_GEN_RES"),
    "COP_Snapshots": (_COP, f"60d_{_SNAPSHOT}"),
    "SASM_AS_Offers": (_SASM, "60d_SASM_Generation_Resource_AS_Offers"),
    "DA_prices": (_Report("DAM_Settlement_Point_Prices", "cdr.00012331", "DAMSPNP4190", time(12, 31), -1, 3), ""),
    "AS_prices": (_Report("DAM_Clearing_Prices_for_Capacity", "cdr.00012329", "DAMCPCNP4188", time(12, 32), -1, 3), ""),
    "RT_prices": (_RT_PRICES, ""),
    "RT_AS_prices": (_Report("RT_Clearing_Prices_for_Capacity", "cdr.00000000", "RTMCPCNP6331", time(0, 1), 1, 3), ""),
    "SCED_AS_prices": (_Report("RT_Clearing_Prices_by_SCED", "cdr.00000000", "RTMCPCNP6332", time(0, 1), 1, 3), ""),
    "SCED_AS_adders": (_Report("RT_Price_Adders_by_SCED", "cdr.00000000", "RTADDERNP6323", time(0, 1), 1, 3), ""),
}
"""Report of each dataset, and how the name of its CSV begins in a disclosure."""

_HISTORIES = {
    "AS_prices": ("DAMASMCPC", "NP4-196_AS"),
    "DA_prices": ("DAMLZHBSPP", "NP4-196_SPP"),
    "RT_prices": ("RTMLZHBSPP", "NP4-197_SPP"),
    "RT_AS_prices": ("NP6-796-ER", "NP4-197_AS"),
    "SCED_AS_prices": ("NP6-795-ER", "NP4-197_SCED_AS"),
    "SCED_AS_adders": ("NP6-792-ER", ""),
}
"""How the names of the yearly history of each price dataset and of its corrections begin."""

_BY_QUARTER_HOUR = ((3, 5), (6, 18), (10, 8))
"""Ordinary days whose real-time prices come as ERCOT publishes them, a file a quarter-hour; a year of such days would be 35,000 files."""


@dataclass(frozen=True)
class _Issue:
    """One edition of one report: of an operating day (quarter -1), or of one quarter-hour of it; a corrected one replaces an earlier."""

    report: _Report
    day: date
    quarter: int
    corrected: bool

    @property
    def _end(self) -> datetime:
        return datetime.combine(self.day, time(0)) + timedelta(minutes=15 * (self.quarter + 1 or 96))

    @cached_property
    def posted(self) -> datetime:
        """When it was posted."""
        report = self.report
        shift = crc32(f"{report.title} {self.day} {self.corrected}".encode())
        if self.quarter >= 0:
            return self._end + timedelta(seconds=90, milliseconds=shift % 997)
        days = timedelta(days=report.days_after + (report.correction_days if self.corrected else 0))
        late = timedelta(seconds=shift % 600, milliseconds=shift % 997)
        return datetime.combine(self.day + days, report.posted_at) + late

    def named(self, ending: str) -> str:
        """A name as ERCOT builds it: type, time of posting, title, and for real-time prices the end of the interval."""
        stamp = f"{self.posted:%Y%m%d.%H%M%S}{self.posted.microsecond // 1000:03d}"
        interval = f"_{self._end:%Y%m%d_%H%M}" if self.report is _RT_PRICES else ""
        return f"{self.report.number}.0000000000000000.{stamp}.{self.report.title}{interval}{ending}"

    def csv_name(self, dataset: str) -> str:
        """Name of the CSV of one dataset in it; the same in every edition of a disclosure."""
        if dataset in PRICES:
            return self.named(".csv")
        published = self.day + timedelta(days=LAG_DAYS)
        if dataset == "COP_Snapshots" and self.day < RRS_SPLIT:
            return f"CompleteCOP_{published:%m%d%Y}.csv"
        return f"{REPORTS[dataset][1]}-{published:%d}-{_MONTHS[published.month - 1]}-{published:%y}.csv"


def _packing(report: _Report, day: date, editions: int, hazards: Hazards) -> str:
    """How one day of a report reaches the reader's folder: as a ZIP, a ZIP of ZIPs, bare files or an archive of all editions."""
    if hazards == "none":
        return "zip"
    if editions > 1:
        # Post times in the names tell most editions apart; in an archive of the reader's own only its members' times do.
        return "archive" if day.month == 9 else "zip"
    turn = (day.toordinal() + crc32(report.title.encode())) % 9
    return "nested" if turn == 4 else "loose" if turn == 7 else "zip"


def _copied(day: date) -> bool:
    """Whether repeated rows come as a second copy of the whole file, and not within it."""
    return day.month > 6


def write_reports(folder: Path, year: int, published: dict[str, list[Rows]], hazards: Hazards) -> None:
    """Write the published rows of one operating year, by folder of the rollups, as report files, a day at a time."""
    calendar = operating_year(year)
    for blocks in monthly(published, calendar):
        issues: dict[_Issue, dict[str, bytes]] = {}
        twice: set[tuple[_Report, date]] = set()
        for parts in blocks:
            block = _Block(parts, calendar, hazards)
            twice |= {(block.report, day) for day in block.copied_days}
            for issue, text in block.texts():
                issues.setdefault(issue, {})[block.dataset] = text
        ordered = sorted(issues, key=attrgetter("report.folder", "day", "quarter", "corrected"))
        for (_, day, _), same in groupby(ordered, attrgetter("report.folder", "day", "quarter")):
            editions = [(issue, issues[issue]) for issue in same]
            _post(folder, editions, hazards, again=(editions[0][0].report, day) in twice)


def write_histories(folder: Path, year: int, published: dict[str, list[Rows]]) -> None:
    """Write the published prices of one operating year as yearly histories: what was replaced stands in them, what replaced it in files of corrections."""
    calendar = operating_year(year)
    for dataset, (history, corrections) in _HISTORIES.items():
        found: dict[str, list[Rows]] = {history: [], corrections: []}
        for rows in published.get(dataset, []):
            replaced = np.isin(rows.times, rows.times[rows.editions == EARLIER]) & (rows.editions != EARLIER)
            found[history].append(rows.part((rows.editions != REPEATED) & ~replaced))
            found[corrections].append(rows.part(replaced & (rows.editions != REPEATED)))
        for title, own in found.items():
            by_heading: dict[bytes, list[bytes]] = {}
            for blocks in monthly({dataset: own}, calendar):
                for parts in blocks:
                    plain = [replace(rows, editions=np.zeros_like(rows.editions)) for rows in parts]
                    for _, text in _Block(plain, calendar, "none").texts():
                        heading, _, lines = text.partition(b"\n")
                        by_heading.setdefault(heading, []).append(lines)
            for n, (heading, texts) in enumerate(by_heading.items(), start=1):
                if title == corrections:
                    heading = heading.replace(b"MCPC", b"MCPCCorrected").replace(
                        b"SettlementPointPrice", b"SPPCorrected"
                    )
                member = (
                    f"{title}_{year}_{n}.csv",
                    b"\n".join([heading, b"".join(texts)]),
                    datetime.combine(date(year + 1, 1, 10), time(5, 5)),
                )
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{title}_{year}_{n}.zip").write_bytes(_zipped([member]))


def _post(folder: Path, editions: list[tuple[_Issue, dict[str, bytes]]], hazards: Hazards, *, again: bool) -> None:
    """Post a day of a report, the text of the CSV of each dataset by issue; where it has an earlier edition, the rows that count are posted again later."""
    if len(editions) == 1:
        # Nothing was replaced: the rows that count are the first edition.
        editions = [(replace(issue, corrected=False), texts) for issue, texts in editions]
    first, report = editions[0][0], editions[0][0].report
    packing = "zip" if again else _packing(report, first.day, len(editions), hazards)
    archived: list[tuple[str, bytes, datetime]] = []
    for n, (issue, texts) in enumerate(editions, start=1):
        members = [(issue.csv_name(dataset), text, issue.posted) for dataset, text in texts.items()]
        place = folder / report.folder / f"{issue.posted:%Y}"
        place.mkdir(parents=True, exist_ok=True)
        if packing == "archive":
            archived += [(f"edition_{n}/{name}", text, posted) for name, text, posted in members]
            continue
        if packing == "loose":
            (place / f"{issue.posted:%m}").mkdir(exist_ok=True)
            for name, text, _ in members:
                (place / f"{issue.posted:%m}" / name).write_bytes(text)
            continue
        if packing == "nested":
            members = [(f"{m[0].removesuffix('.csv')}.zip", _zipped([m]), issue.posted) for m in members]
        packed = _zipped(members, ZIP_STORED if packing == "nested" else ZIP_DEFLATED)
        path = place / issue.named(".zip" if report.number.startswith("rpt") else "_csv.zip")
        path.write_bytes(packed)
        if again:
            path.with_name(f"{path.stem} (1).zip").write_bytes(packed)
    if archived:
        # One ZIP of all editions, whose name says nothing of the time of posting.
        path = folder / report.folder / f"{first.posted:%Y}" / f"{report.title}-{first.day:%Y-%m-%d}.zip"
        path.write_bytes(_zipped(archived))


def _zipped(members: Iterable[tuple[str, bytes, datetime]], method: int = ZIP_DEFLATED) -> bytes:
    """A ZIP whose bytes depend on nothing but its members: name, content and time of each."""
    held = io.BytesIO()
    with ZipFile(held, "w") as file:
        for name, content, moment in members:
            info = ZipInfo(name, moment.timetuple()[:6])
            info.create_system = 3
            info.external_attr = 0o644 << 16
            file.writestr(info, content, method, compresslevel=1)
    return held.getvalue()


@dataclass(frozen=True)
class _Style:
    """How the CSV of one dataset and day is spelled."""

    quote: str = ""
    line_end: str = "\n"
    bare_point: bool = False
    leading_space: bool = False
    by_resource: bool = False


@cache
def _style(dataset: str, day: date, hazards: Hazards) -> _Style:
    """Clean files are plain; others differ from day to day, and old ones quote every field."""
    if hazards == "none":
        return _Style()
    turn = day.toordinal()
    return _Style(
        quote='"' if day.year <= 2020 or turn % 11 == 0 else "",
        line_end="\r\n" if turn % 7 == 2 else "\n",
        bare_point=dataset not in PRICES and turn % 3 != 0,
        leading_space=dataset in ("DA_prices", "AS_prices", "DAM_Load_Resources") and turn % 5 == 0,
        # The order of time, never lost within a resource, tells two rows with the same hour label apart.
        by_resource=dataset not in PRICES and turn % 4 == 1,
    )


_text = partial(pa.scalar, type=pa.large_string())


class _Block:
    """Rows of one dataset, rollup year and month, with the same columns, sorted as the CSVs of their days hold them."""

    def __init__(self, parts: Sequence[Rows], year: Year, hazards: Hazards) -> None:
        self.dataset = parts[0].dataset
        self.report = REPORTS[self.dataset][0]
        self._parts, self._year, self._hazards = parts, year, hazards
        times = np.concatenate([rows.times for rows in parts])
        owners = np.repeat(np.arange(len(parts)), [len(rows.times) for rows in parts])
        editions = np.concatenate([rows.editions for rows in parts])
        days = year.day_number(times)
        repeated, corrected = editions == REPEATED, editions != EARLIER
        self.copied_days = [day for day in (year.days[n] for n in np.unique(days[repeated]).tolist()) if _copied(day)]
        by_resource = np.array([_style(self.dataset, day, hazards).by_resource for day in year.days])[days]
        first, second = np.where(by_resource, times, owners), np.where(by_resource, owners, times)
        order = np.lexsort((first, second, repeated, corrected, days))
        copied = np.array([_copied(day) for day in year.days])[days]
        self._order = order = order[~(repeated & copied)[order]]
        self._times, self._owners, self._days = times[order], owners[order], days[order]
        self._corrected = corrected[order]
        self._columns: dict[str, tuple[pa.Array, Ints]] = {}
        self._quarters = np.full(len(order), -1)
        if self.dataset == "RT_prices":
            starts = [year.day_start(month, day) for month, day in _BY_QUARTER_HOUR]
            split = np.isin(self._days, year.day_number(np.array(starts, dtype=np.int64)))
            self._quarters[split] = Moments(year, self._times[split], shown=True).counts("interval_number") - 1

    def texts(self) -> Iterator[tuple[_Issue, bytes]]:
        spelled: dict[tuple[tuple[Field, ...], _Style], list[int]] = {}
        for number in np.unique(self._days).tolist():
            day = self._year.days[number]
            key = (report_fields(self.dataset, day), _style(self.dataset, day, self._hazards))
            spelled.setdefault(key, []).append(number)
        known = {"", *file_columns(self._parts[0], self._hazards)}
        for (fields, style), numbers in spelled.items():
            chosen = np.flatnonzero(np.isin(self._days, numbers))
            present = [field for field in fields if field.column in known]
            lines = self._lines(chosen, present, style)
            heading = ",".join(f"{style.quote}{field.heading}{style.quote}" for field in present)
            top = f"{heading}{style.line_end}".encode()
            cut = (self._days[chosen] * 200 + self._quarters[chosen]) * 2 + self._corrected[chosen]
            edges = [0, *(np.flatnonzero(np.diff(cut)) + 1).tolist(), len(chosen)]
            offsets = np.frombuffer(lines.buffers()[1], dtype=np.int64)
            content = lines.buffers()[2]
            for first, last in pairwise(edges):
                row = chosen[first]
                day, quarter = self._year.days[self._days[row]], int(self._quarters[row])
                start, end = int(offsets[first]), int(offsets[last])
                text = top + content.slice(start, end - start).to_pybytes()
                yield _Issue(self.report, day, quarter, bool(self._corrected[row])), text

    def _lines(self, chosen: Ints, fields: Sequence[Field], style: _Style) -> pa.Array:
        """CSV lines of some rows, each with its line end; texts that are the same in all rows are joined once."""
        pieces: list[pa.Array | pa.Scalar] = []
        glue = style.quote
        for position, field in enumerate(fields):
            glue += f"{style.quote},{style.quote}" if position else ""
            if not field.column:
                glue += field.text
                continue
            texts, places = self._coded(field.column)
            pieces += [_text(glue), self._styled(texts, field.column, style).take(pa.array(places[chosen]))]
            glue = ""
        pieces.append(_text(glue + style.quote + style.line_end))
        return pc.binary_join_element_wise(*pieces, _text(""))

    def _coded(self, column: str) -> tuple[pa.Array, Ints]:
        """A column as its distinct texts and the place of each row's among them."""
        if column not in self._columns:
            if column in TIME_COLUMNS:
                moments, places = np.unique(self._times, return_inverse=True)
                # Prices and plans name the hour that the clock showed, the other reports count the hours of the day.
                shown = self.dataset in PRICES or self.dataset == "COP_Snapshots"
                pattern = "{:02d}:00" if shown else "{:02d}" if self.dataset == "SASM_AS_Offers" else "{}"
                label = Moments(self._year, moments, shown=shown)
                texts = label.texts(column, pattern if column == "hour_ending" else "{}")
            elif column in ("name", "kind", "qse"):
                texts, places = [getattr(rows, column) for rows in self._parts], self._owners
            else:
                texts, places = self._values(column)
            self._columns[column] = pa.array(texts, pa.large_string()), places
        return self._columns[column]

    def _styled(self, texts: pa.Array, column: str, style: _Style) -> pa.Array:
        """Texts as one day spells them: numbers without their leading 0, values with a leading space."""
        spaced = "price" if self.dataset == "DA_prices" else "name"
        if style.bare_point and column not in TIME_COLUMNS and column not in TEXT_COLUMNS:
            texts = pc.replace_substring_regex(texts, r"^(-?)0\.", r"\1.")
        if style.leading_space and column == spaced:
            texts = pc.if_else(pc.equal(texts, ""), texts, pc.binary_join_element_wise(_text(""), texts, _text(" ")))
        return texts

    def _values(self, column: str) -> tuple[pa.Array, Ints]:
        """A column of text, or of numbers with as many digits as the number has; blank where unknown."""
        held = np.concatenate(
            [(rows.texts if column in TEXT_COLUMNS else rows.numbers)[column] for rows in self._parts]
        )
        if column == "ecrssd" and "ecrs" in self._parts[0].numbers:
            # ERCOT's one column of ECRS, of which the rollups made two.
            alone = np.concatenate([rows.numbers["ecrs"] for rows in self._parts])
            held = np.where((held == 0.0) & (alone > 0.0), alone, held)
        if column not in TEXT_COLUMNS:
            # Adding zero makes zeros of one sign.
            held += 0.0
        distinct = pa.array(held[self._order], from_pandas=True).dictionary_encode()
        texts = pa.concat_arrays([distinct.dictionary.cast(pa.large_string()), pa.array([""], pa.large_string())])
        return texts, distinct.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)
