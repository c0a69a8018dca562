"""How published rows are spelled in ERCOT's own report files: names, headings by era, CSV and ZIP.

The other way of spelling the rows that rollup_files.py writes as Parquet, and the same information: whoever takes the newest
publication of each row finds the same values. A row that was replaced stands in an earlier publication, a row that counts once
more stands twice in a file or in a copy of it.

Where a report is ERCOT's by name and heading only:

* Real-time prices come from ERCOT as a file a quarter-hour. Here a few days are so, and the others are one file, else a year would be 35,000 files.
* The headings of the years between two known layouts are those of the earlier one with what the rules of the market added by then. QSE stands in all years,
  as in the rollups; the layout of 2014 lacks it.
* Number 00000000 in a name stands for a report whose type number is not known here.
* Clearing prices, curves and other columns that the rollups do not hold are blank; of the day-ahead curve two points stand in every
  row, as in the rollups. A report that had no rows of a day is not there.

Belongs here: layouts, file names, publication times, quoting, packing.
Does not: which rows and columns were published (publish.py).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Floats, Ints, Year, operating_year
from bess_assets.simulator.fleet import COP_SOC_FIRST_DAY, ECRS_FIRST_DAY, RRS_SPLIT_FIRST_DAY, RTC_FIRST_DAY
from bess_assets.simulator.publish import (
    DISCLOSED,
    DISCLOSURE_LAG_DAYS,
    EARLIER,
    PRICES,
    REPEATED,
    Hazards,
    Rows,
    lost_columns,
)
from bess_assets.simulator.rollup_files import stamp_texts

_DAY_SECONDS = 24 * HOUR_SECONDS
_ECRS_COLUMNS_FIRST_DAY = ECRS_FIRST_DAY - timedelta(days=1)
"""A day before the product, as a yearly file of real data shows: hazards may price ECRS on that day already."""
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

# ---- layouts --------------------------------------------------------------------------------------------------------------


class _Field(NamedTuple):
    """One heading.

    Attributes:
        heading: as ERCOT writes it.
        column: canonical column that fills it; none: every value is `text`.
        first: first operating day whose files have it.
        before: first operating day whose files have it no more.
        text: what stands in every row where nothing fills it.
    """

    heading: str
    column: str = ""
    first: date = date.min
    before: date = date.max
    text: str = ""


def _blank(*headings: str, first: date = date.min, before: date = date.max) -> list[_Field]:
    """Headings that nothing fills."""
    return [_Field(heading, "", first, before) for heading in headings]


def _pairs(pattern: str, count: int, first: date = date.min, before: date = date.max) -> list[_Field]:
    """Headings of an offer curve: MW and price of each point."""
    return _blank(
        *(pattern.format(what, number) for number in range(1, count + 1) for what in ("MW", "Price")),
        first=first,
        before=before,
    )


def _day_ahead_curve() -> list[_Field]:
    """Ten points, of which every row has the same two, as in the rollups; nobody should need them."""
    texts = {"MW1": "10", "Price1": "25", "MW2": "20", "Price2": "50"}
    curve = _pairs("QSE submitted Curve-{}{}", 10)
    return [field._replace(text=texts.get(field.heading.rpartition("-")[2], "")) for field in curve]


def _runs(soc: bool) -> list[_Field]:
    """Generators in SCED, and storage resources, whose report has three columns more."""
    old, new = RTC_FIRST_DAY, RTC_FIRST_DAY
    charge = [_Field("State of Charge", "soc"), _Field("Minimum SOC", "min_soc"), _Field("Maximum SOC", "max_soc")]
    awards = ("nspin", "rrsffr", "rrspfr", "rrsufr", "ecrs", "regup", "regdn")
    return [
        _Field("SCED Time Stamp", "stamp"),
        _Field("Repeated Hour Flag", "flag"),
        _Field("QSE", "qse"),
        *_blank("DME", first=ECRS_FIRST_DAY),
        _Field("Resource Name", "name"),
        _Field("Resource Type", "kind"),
        *_pairs("SCED1 Curve-{}{}", 35),
        *_pairs("SCED2 Curve-{}{}", 35),
        *_blank("Output Schedule"),
        _Field("HSL", "hsl"),
        *_blank("HASL", before=old),
        *_blank("HDL"),
        _Field("LSL", "lsl"),
        *_blank("LASL", before=old),
        *_blank("LDL"),
        _Field("Telemetered Resource Status", "status"),
        _Field("Base Point", "base_point"),
        _Field("Telemetered Net Output ", "net_output", before=old),
        _Field("Telemetered Net Output", "net_output", first=new),
        *_blank(*(f"Ancillary Service {product}" for product in ("REGUP", "REGDN", "RRS")), before=old),
        *_blank("Ancillary Service RRSFFR", first=RRS_SPLIT_FIRST_DAY, before=old),
        *_blank("Ancillary Service NSRS", before=old),
        *_blank("Ancillary Service ECRS", first=ECRS_FIRST_DAY, before=old),
        *_blank("Ramp Rate Up", "Ramp Rate Down", first=new),
        *_blank(
            *(f"AS Capability {part}" for part in ("REGUP", "REGDN", "ECRS", "NSPIN", "RRSPFR", "RRSFFR")), first=new
        ),
        *(charge if soc else []),
        *(_Field(f"AS Awards {part.upper()}", part if soc else "", first=new) for part in awards),
        *_blank("Bid_Type", "Start Up Cold Offer", "Start Up Hot Offer", "Start Up Inter Offer", "Min Gen Cost"),
        *_pairs("Submitted TPO-{}{}", 10),
        *_blank("Proxy Extension"),
    ]


def _day_ahead_awards(*ecrs: str, priced: bool) -> list[_Field]:
    """Ancillary awards of a day-ahead report, with clearing prices; RRS in three parts from December 2022, ECRS from its first day."""
    split = RRS_SPLIT_FIRST_DAY

    def clearing(product: str, heading: str, first: date = date.min) -> _Field:
        return _Field(f"{heading} MCPC", f"mcpc_{product}" if priced else "", first)

    return [
        _Field("RegUp Awarded", "regup"),
        clearing("regup", "RegUp"),
        _Field("RegDown Awarded", "regdn"),
        clearing("regdn", "RegDown"),
        _Field("RRS Awarded", "rrs", before=split),
        *(_Field(f"{part.upper()} Awarded", part, first=split) for part in ("rrspfr", "rrsffr", "rrsufr")),
        clearing("rrs", "RRS"),
        *(_Field(f"{part.upper()} Awarded", part, first=_ECRS_COLUMNS_FIRST_DAY) for part in ecrs),
        clearing("ecrs", "ECRS", _ECRS_COLUMNS_FIRST_DAY),
        _Field("NonSpin Awarded", "nspin"),
        clearing("nspin", "NonSpin"),
    ]


_GEN_DAY_AHEAD = [
    _Field("Delivery Date", "date"),
    _Field("Hour Ending", "hour_ending"),
    _Field("QSE", "qse"),
    *_blank("DME", first=ECRS_FIRST_DAY),
    _Field("Resource Name", "name"),
    _Field("Resource Type", "kind"),
    *_day_ahead_curve(),
    *_blank("Start Up Hot", "Start Up Inter", "Start Up Cold", "Min Gen Cost"),
    _Field("HSL", "hsl"),
    _Field("LSL", "lsl"),
    _Field("Resource Status", "status"),
    _Field("Awarded Quantity", "awarded"),
    _Field("Settlement Point Name", "node"),
    _Field("Energy Settlement Point Price", "energy_price"),
    *_day_ahead_awards("ecrssd", priced=True),
]

_SASM_PRODUCTS = (
    "RRSPFR",
    "RRSFFR",
    "RRSUFR",
    "ECRS",
    "OFFEC",
    "ONLINE NONSPIN",
    "REGUP",
    "REGDOWN",
    "OFFLINE NONSPIN",
)
_SASM_COLUMNS = {"PRICE1 REGUP": "price", "QUANTITY MW1": "quantity"}

_LAYOUTS: dict[str, list[_Field]] = {
    "DAM_Gen_Resources": _GEN_DAY_AHEAD,
    "DAM_ESR_Resources": _GEN_DAY_AHEAD,
    "DAM_Load_Resources": [
        _Field("Delivery Date", "date"),
        _Field("Hour Ending", "hour_ending"),
        _Field("Load Resource Name", "name"),
        _Field("Max Power Consumption for Load Resource", "max_power"),
        _Field("Low Power Consumption for Load Resource", "low_power"),
        *_day_ahead_awards("ecrssd", "ecrsmd", priced=False),
    ],
    "DAM_Energy_Bid_Awards": [
        _Field("Delivery Date", "date"),
        _Field("Hour Ending", "hour_ending"),
        _Field("Settlement Point", "name"),
        _Field("QSE Name", "qse"),
        _Field("Energy Only Bid Award in MW", "award"),
        _Field("Settlement Point Price", "price"),
        _Field("Bid ID", text="EB1"),
    ],
    "SCED_Gen_Resources": _runs(soc=False),
    "SCED_ESR_Resources": _runs(soc=True),
    "SCED_Load_Resources": [
        _Field("SCED Time Stamp", "stamp"),
        _Field("Repeated Hour Flag", "flag"),
        _Field("QSE", "qse"),
        *_blank("DME", first=ECRS_FIRST_DAY),
        _Field("Resource Name", "name"),
        _Field("Telemetered Resource Status", "status"),
        _Field("Max Power Consumption", "max_power"),
        _Field("Low Power Consumption", "low_power"),
        _Field("Real Power Consumption", "real_power"),
        *_blank("AS Responsibility for RRS", before=RTC_FIRST_DAY),
        *_blank("AS Responsibility for RRSFFR", first=RRS_SPLIT_FIRST_DAY, before=RTC_FIRST_DAY),
        *_blank(
            *(f"AS Responsibility for {product}" for product in ("NonSpin", "RegUp", "RegDown")), before=RTC_FIRST_DAY
        ),
        *_blank("AS Responsibility for ECRS", first=ECRS_FIRST_DAY, before=RTC_FIRST_DAY),
        *_blank(
            *(f"AS Awards {part}" for part in ("NSPIN", "RRSFFR", "RRSPFR", "RRSUFR", "ECRS", "REGUP", "REGDN")),
            first=RTC_FIRST_DAY,
        ),
        *_pairs("SCED Bid to Buy Curve-{}{}", 35, before=ECRS_FIRST_DAY),
        *_pairs("SCED Bid to Buy Curve-{}{}", 10, first=ECRS_FIRST_DAY),
        *_blank("HASL", "HDL", "LASL", "LDL", before=RTC_FIRST_DAY),
        *_blank(
            *("Self Provided RRSFFR", "Self Provided RRSUFR", "Self Provided ECRS", "Ramp Rate Up", "Ramp Rate Down"),
            *(f"AS Capability {part}" for part in ("NSPIN", "ECRS", "REGUP", "REGDN", "RRSPFR", "RRSFFR", "RRSUFR")),
            *("HDL", "LDL"),
            first=RTC_FIRST_DAY,
        ),
        _Field("Base Point", "base_point"),
    ],
    "SCED_SMNE": [
        _Field("Interval Time", "interval_time"),
        _Field("Interval Number", "interval_number"),
        _Field("Resource Code", "name"),
        _Field("Interval Value", "value"),
    ],
    "COP_Snapshots": [
        _Field("Delivery Date", "date"),
        _Field("QSE Name", "qse"),
        _Field("Resource Name", "name"),
        _Field("Hour Ending", "hour_ending"),
        _Field("Status", "status"),
        _Field("High Sustained Limit", "hsl"),
        _Field("Low Sustained Limit", "lsl"),
        *_blank("High Emergency Limit", "Low Emergency Limit", "Reg Up", "Reg Down"),
        *_blank("RRS", before=RRS_SPLIT_FIRST_DAY),
        *_blank("RRSPFR", "RRSFFR", "RRSUFR", first=RRS_SPLIT_FIRST_DAY),
        *_blank("NSPIN"),
        *_blank("ECRS", first=ECRS_FIRST_DAY),
        _Field("Minimum SOC", "min_soc", first=COP_SOC_FIRST_DAY),
        _Field("Maximum SOC", "max_soc", first=COP_SOC_FIRST_DAY),
        _Field("Hour Beginning Planned SOC", "planned_soc", first=COP_SOC_FIRST_DAY),
    ],
    "SASM_AS_Offers": [
        _Field("Delivery Date", "date"),
        _Field("SASM ID", "sasm"),
        _Field("Hour Ending", "hour_ending"),
        _Field("QSE NAME", "qse"),
        *_blank("DME"),
        _Field("Resource Name", "name"),
        _Field("Multi-Hour Block Flag", text="N"),
        *(
            _Field(heading, _SASM_COLUMNS.get(heading, ""))
            for number in range(1, 6)
            for heading in (
                f"BLOCK INDICATOR{number}",
                *(f"PRICE{number} {product}" for product in _SASM_PRODUCTS),
                f"QUANTITY MW{number}",
            )
        ),
    ],
    "RT_prices": [
        _Field("DeliveryDate", "date"),
        _Field("DeliveryHour", "hour"),
        _Field("DeliveryInterval", "interval"),
        _Field("SettlementPointName", "name"),
        _Field("SettlementPointType", "kind"),
        _Field("SettlementPointPrice", "price"),
        _Field("DSTFlag", "flag"),
    ],
    "DA_prices": [
        _Field("DeliveryDate", "date"),
        _Field("HourEnding", "hour_ending"),
        _Field("SettlementPoint", "name"),
        _Field("SettlementPointPrice", "price"),
        _Field("DSTFlag", "flag"),
    ],
    "AS_prices": [
        _Field("DeliveryDate", "date"),
        _Field("HourEnding", "hour_ending"),
        _Field("AncillaryType", "name"),
        _Field("MCPC", "price"),
        _Field("DSTFlag", "flag"),
    ],
    "RT_AS_prices": [
        _Field("DeliveryDate", "date"),
        _Field("DeliveryHour", "hour"),
        _Field("DeliveryInterval", "interval"),
        _Field("RepeatedHourFlag", "flag"),
        _Field("ASType", "name"),
        _Field("MCPC", "price"),
    ],
}

_TIME_COLUMNS = (
    "date",
    "hour_ending",
    "hour",
    "interval",
    "flag",
    "stamp",
    "interval_time",
    "interval_number",
    "sasm",
)
_COUNTS = [str(count) for count in range(101)]
_TEXT_COLUMNS = ("name", "kind", "qse", "status", "node")


@cache
def layout(dataset: str, day: date) -> tuple[_Field, ...]:
    """Headings of a dataset's report for one operating day, in order."""
    return tuple(field for field in _LAYOUTS[dataset] if field.first <= day < field.before)


# ---- names and times of publication ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Report:
    """What ERCOT ships together.

    Attributes:
        folder: where its files lie here.
        number: how its names begin.
        title: how its names end.
        hour: hour of the day at which it is posted.
        minute: minute of it.
        days_after: days from the operating day to the day of posting.
        correction_days: days from the first edition to the one that replaces it.
    """

    folder: str
    number: str
    title: str
    hour: int
    minute: int
    days_after: int
    correction_days: int

    def posted(self, day: date, *, corrected: bool) -> datetime:
        """When the report of an operating day was posted, or posted again."""
        shift = crc32(f"{self.title} {day} {corrected}".encode())
        start = datetime.combine(day + timedelta(days=self.days_after), time(self.hour, self.minute))
        later = timedelta(days=self.correction_days if corrected else 0, seconds=shift % 600, milliseconds=shift % 997)
        return start + later


def _disclosure(folder: str, number: str, title: str) -> _Report:
    return _Report(folder, f"rpt.{number}", title, 5, 1, DISCLOSURE_LAG_DAYS, 14)


_DAM = _disclosure("60-Day_DAM_Disclosure_Reports", "00013051", "60_Day_DAM_Disclosure")
_SCED = _disclosure("60-Day_SCED_Disclosure_Reports", "00013052", "60_Day_SCED_Disclosure")
_COP = _disclosure("60-Day_COP_Adjustment_Period_Snapshot", "00000000", "60_Day_COP_Adjustment_Period_Snapshot")
_SASM = _disclosure("60-Day_SASM_Disclosure_Reports", "00000000", "60_Day_SASM_Disclosure")

_REPORTS: dict[str, _Report] = {
    "DAM_Gen_Resources": _DAM,
    "DAM_Load_Resources": _DAM,
    "DAM_ESR_Resources": _DAM,
    "DAM_Energy_Bid_Awards": _DAM,
    "SCED_Gen_Resources": _SCED,
    "SCED_Load_Resources": _SCED,
    "SCED_ESR_Resources": _SCED,
    "SCED_SMNE": _SCED,
    "COP_Snapshots": _COP,
    "SASM_AS_Offers": _SASM,
    "DA_prices": _Report("DAM_Settlement_Point_Prices", "cdr.00012331", "DAMSPNP4190", 12, 31, -1, 3),
    "AS_prices": _Report("DAM_Clearing_Prices_for_Capacity", "cdr.00012329", "DAMCPCNP4188", 12, 32, -1, 3),
    "RT_prices": _Report("RT_Settlement_Point_Prices", "cdr.00012301", "SPPHLZNP6905", 0, 1, 1, 3),
    "RT_AS_prices": _Report("RT_Clearing_Prices_for_Capacity", "cdr.00000000", "RTMCPCNP6331", 0, 1, 1, 3),
}

_STEMS = {
    "DAM_Gen_Resources": "60d_DAM_Gen_Resource_Data",
    "DAM_Load_Resources": "60d_DAM_Load_Resource_Data",
    "DAM_ESR_Resources": "60d_DAM_ESR_Data",
    "DAM_Energy_Bid_Awards": "60d_DAM_EnergyBidAwards",
    "SCED_Gen_Resources": "60d_SCED_Gen_Resource_Data",
    "SCED_Load_Resources": "60d_Load_Resource_Data_in_SCED",
    "SCED_ESR_Resources": "60d_ESR_Data_in_SCED",
    "SCED_SMNE": "60d_SCED_SMNE_GEN_RES",
    "COP_Snapshots": "60d_COP_Adjustment_Period_Snapshot",
    "SASM_AS_Offers": "60d_SASM_Generation_Resource_AS_Offers",
}

_BY_QUARTER_HOUR = ((3, 5), (6, 18), (10, 8))
"""Ordinary days whose real-time prices come as ERCOT publishes them: a file a quarter-hour."""


@dataclass(frozen=True)
class _Issue:
    """One edition of one report: of an operating day, or of one quarter-hour of it.

    Attributes:
        report: which.
        day: operating day.
        quarter: position of the quarter-hour in its day, or -1 for the whole day.
        corrected: it replaces an earlier one.
    """

    report: _Report
    day: date
    quarter: int
    corrected: bool

    @cached_property
    def posted(self) -> datetime:
        """When it was posted."""
        moment = self.report.posted(self.day, corrected=self.corrected)
        if self.quarter < 0:
            return moment
        late = timedelta(seconds=90, milliseconds=moment.microsecond // 1000)
        return datetime.combine(self.day, time(0)) + timedelta(minutes=15 * (self.quarter + 1)) + late

    @property
    def title(self) -> str:
        """Title, with the end of the interval for real-time prices."""
        if self.report is not _REPORTS["RT_prices"]:
            return self.report.title
        quarters = self.quarter + 1 if self.quarter >= 0 else 96
        end = datetime.combine(self.day, time(0)) + timedelta(minutes=15 * quarters)
        return f"{self.report.title}_{end:%Y%m%d_%H%M}"

    def named(self, ending: str) -> str:
        """A name as ERCOT builds it: type, time of posting, title."""
        stamp = f"{self.posted:%Y%m%d.%H%M%S}{self.posted.microsecond // 1000:03d}"
        return f"{self.report.number}.0000000000000000.{stamp}.{self.title}{ending}"

    def zip_name(self) -> str:
        """Name of its ZIP."""
        return self.named(".zip" if self.report.number.startswith("rpt") else "_csv.zip")

    def csv_name(self, dataset: str) -> str:
        """Name of the CSV of one dataset in it; the same in every edition of a disclosure."""
        if dataset in PRICES:
            return self.named(".csv")
        published = self.day + timedelta(days=DISCLOSURE_LAG_DAYS)
        if dataset == "COP_Snapshots" and self.day < RRS_SPLIT_FIRST_DAY:
            return f"CompleteCOP_{published:%m%d%Y}.csv"
        return f"{_STEMS[dataset]}-{published:%d}-{_MONTHS[published.month - 1]}-{published:%y}.csv"


# ---- how a day is spelled and packed --------------------------------------------------------------------------------------

Packing = Literal["zip", "nested", "loose", "archive"]


@dataclass(frozen=True)
class _Style:
    """How the CSV of one dataset and day is spelled."""

    quoted: bool = False
    crlf: bool = False
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
        quoted=day.year <= 2020 or turn % 11 == 0,
        crlf=turn % 7 == 2,
        bare_point=dataset in DISCLOSED and turn % 3 != 0,
        leading_space=dataset in ("DA_prices", "AS_prices", "DAM_Load_Resources") and turn % 5 == 0,
        # An hour label that stands twice is told apart by the order of time: never lost within a resource.
        by_resource=dataset in DISCLOSED and turn % 4 == 1,
    )


def _packing(report: _Report, day: date, editions: int, hazards: Hazards) -> Packing:
    """How one day of a report reaches the reader's folder."""
    if hazards == "none":
        return "zip"
    if editions > 1:
        # Most editions are told apart by the post times in their names; in an archive of the reader's own only by its members' times.
        return "archive" if day.month == 9 else "zip"
    turn = (day.toordinal() + crc32(report.title.encode())) % 9
    return "nested" if turn == 4 else "loose" if turn == 7 else "zip"


def _copied(day: date) -> bool:
    """Whether repeated rows come as a second copy of the whole file, and not within it."""
    return day.month > 6


class ReportWriter:
    """Writes published rows as report files, a day at a time.

    Args:
        folder: where the folders of the reports go.
        hazards: how badly the files are spelled and packed.
    """

    def __init__(self, folder: Path, hazards: Hazards) -> None:
        """Remember where to write."""
        self._folder = folder
        self._hazards: Hazards = hazards

    def write(self, year: int, published: dict[str, list[Rows]]) -> None:
        """Write all reports of one operating year; each is complete when this returns.

        Args:
            year: the operating year.
            published: rows by folder of the rollups.
        """
        calendar = operating_year(year)
        months = np.array([calendar.day_start(month, 1) for month in range(1, 13)] + [calendar.end], dtype=np.int64)
        for first, last in pairwise(months.tolist()):
            issues: dict[_Issue, dict[str, bytes]] = {}
            twice: set[tuple[_Report, date]] = set()
            for dataset, found in published.items():
                for file_year in sorted({rows.file_year for rows in found}):
                    parts = [
                        rows.part((rows.times >= first) & (rows.times < last))
                        for rows in found
                        if rows.file_year == file_year
                    ]
                    parts = [rows for rows in parts if len(rows.times)]
                    if parts:
                        block = _Block(parts, calendar, self._hazards)
                        twice |= {(_REPORTS[dataset], day) for day in block.copied_days()}
                        for issue, text in block.texts():
                            issues.setdefault(issue, {})[dataset] = text
            self._ship(issues, twice)

    def _ship(self, issues: dict[_Issue, dict[str, bytes]], twice: set[tuple[_Report, date]]) -> None:
        """Post every issue; where a day has an earlier edition, what counts is posted again later."""
        days: dict[tuple[str, date, int], dict[bool, _Issue]] = {}
        for issue in issues:
            days.setdefault((issue.report.folder, issue.day, issue.quarter), {})[issue.corrected] = issue
        for key in sorted(days):
            editions = [(days[key][corrected], issues[days[key][corrected]]) for corrected in sorted(days[key])]
            if len(editions) == 1:
                # Nothing was replaced: what counts is the first edition.
                editions = [(replace(issue, corrected=False), texts) for issue, texts in editions]
            report, day = editions[0][0].report, editions[0][0].day
            again = (report, day) in twice
            packing = "zip" if again else _packing(report, day, len(editions), self._hazards)
            if packing == "archive":
                self._archive(editions)
                continue
            for issue, texts in editions:
                self._pack(issue, texts, packing, again=again)

    def _place(self, issue: _Issue, *more: str) -> Path:
        """Folder of an issue, by year of publication."""
        path = self._folder.joinpath(issue.report.folder, f"{issue.posted:%Y}", *more)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def _pack(self, issue: _Issue, texts: dict[str, bytes], packing: Packing, *, again: bool) -> None:
        """Write one issue: a ZIP, a ZIP of ZIPs or bare files."""
        members = {issue.csv_name(dataset): text for dataset, text in texts.items()}
        if packing == "loose":
            for name, text in members.items():
                (self._place(issue, f"{issue.posted:%m}") / name).write_bytes(text)
            return
        if packing == "nested":
            inner = {
                f"{name.removesuffix('.csv')}.zip": _zipped([(name, text, issue.posted)])
                for name, text in members.items()
            }
            packed = _zipped([(name, text, issue.posted) for name, text in inner.items()], ZIP_STORED)
        else:
            packed = _zipped([(name, text, issue.posted) for name, text in members.items()])
        path = self._place(issue) / issue.zip_name()
        path.write_bytes(packed)
        if again:
            path.with_name(f"{path.stem} (1).zip").write_bytes(packed)

    def _archive(self, editions: Sequence[tuple[_Issue, dict[str, bytes]]]) -> None:
        """Write all editions of a day into one ZIP whose name says nothing of the time of posting."""
        members = [
            (f"edition_{number}/{issue.csv_name(dataset)}", text, issue.posted)
            for number, (issue, texts) in enumerate(editions, start=1)
            for dataset, text in texts.items()
        ]
        first = editions[0][0]
        (self._place(first) / f"{first.report.title}-{first.day:%Y-%m-%d}.zip").write_bytes(_zipped(members))


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


# ---- rows as text ---------------------------------------------------------------------------------------------------------


class _Block:
    """Rows of one dataset, rollup year and month, sorted as the CSVs of their days hold them.

    Args:
        parts: the rows; all have the same columns.
        year: their operating year.
        hazards: how badly they are spelled.
    """

    def __init__(self, parts: Sequence[Rows], year: Year, hazards: Hazards) -> None:
        """Put the rows in order."""
        self._dataset = parts[0].dataset
        self._parts = parts
        self._year = year
        self._hazards: Hazards = hazards
        self._lost = lost_columns(self._dataset, parts[0].file_year, hazards)
        times = np.concatenate([rows.times for rows in parts])
        owners = np.repeat(np.arange(len(parts)), [len(rows.times) for rows in parts])
        editions = np.concatenate([rows.editions for rows in parts])
        days = year.day_number(times)
        self._repeated_days = np.unique(days[editions == REPEATED])
        copied = np.array([_copied(day) for day in year.days])
        by_resource = np.array([_style(self._dataset, day, hazards).by_resource for day in year.days])[days]
        corrected = editions != EARLIER
        order = np.lexsort(
            (
                np.where(by_resource, times, owners),
                np.where(by_resource, owners, times),
                editions == REPEATED,
                corrected,
                days,
            )
        )
        order = order[~((editions == REPEATED) & copied[days])[order]]
        self._order = order
        self._times, self._owners, self._days = times[order], owners[order], days[order]
        self._corrected = corrected[order]
        self._columns: dict[str, tuple[pa.Array, Ints]] = {}
        self._quarters = np.full(len(order), -1)
        if self._dataset == "RT_prices":
            starts = [year.day_start(month, day) for month, day in _BY_QUARTER_HOUR]
            split = np.isin(self._days, year.day_number(np.array(starts, dtype=np.int64)))
            self._quarters[split] = ((self._times - year.day_starts[self._days]) // QUARTER_SECONDS)[split]

    def copied_days(self) -> list[date]:
        """Days whose file stands a second time under another name."""
        return [day for day in (self._year.days[number] for number in self._repeated_days.tolist()) if _copied(day)]

    def texts(self) -> Iterable[tuple[_Issue, bytes]]:
        """Every CSV of the block."""
        spelled: dict[tuple[tuple[_Field, ...], _Style], list[int]] = {}
        for number in np.unique(self._days).tolist():
            day = self._year.days[number]
            key = (layout(self._dataset, day), _style(self._dataset, day, self._hazards))
            spelled.setdefault(key, []).append(number)
        for (fields, style), numbers in spelled.items():
            chosen = np.flatnonzero(np.isin(self._days, numbers))
            present = [field for field in fields if self._has(field)]
            lines = self._lines(chosen, present, style)
            top = _heading(present, style)
            cut = (self._days[chosen] * 200 + self._quarters[chosen]) * 2 + self._corrected[chosen]
            edges = [0, *(np.flatnonzero(np.diff(cut)) + 1).tolist(), len(chosen)]
            offsets = np.frombuffer(lines.buffers()[1], dtype=np.int64)
            content = lines.buffers()[2]
            for first, last in pairwise(edges):
                row = chosen[first]
                issue = _Issue(
                    _REPORTS[self._dataset],
                    self._year.days[self._days[row]],
                    int(self._quarters[row]),
                    bool(self._corrected[row]),
                )
                start, end = int(offsets[first]), int(offsets[last])
                yield issue, top + content.slice(start, end - start).to_pybytes()

    def _has(self, field: _Field) -> bool:
        """Whether the files of this rollup year have a heading."""
        column = field.column
        if not column:
            return True
        return column not in self._lost and (
            column in _TIME_COLUMNS or column in _TEXT_COLUMNS or column in self._parts[0].numbers
        )

    def _lines(self, chosen: Ints, fields: Sequence[_Field], style: _Style) -> pa.Array:
        """CSV lines of some rows."""
        columns: list[pa.Array | str] = []
        for field in fields:
            column = field.column
            if not column:
                columns.append(field.text)
                continue
            texts, places = self._coded(column)
            columns.append(self._styled(texts, column, style).take(pa.array(places[chosen])))
        return _joined(columns, style)

    def _coded(self, column: str) -> tuple[pa.Array, Ints]:
        """A column as its distinct texts and the place of each row's among them."""
        if column not in self._columns:
            if column in _TIME_COLUMNS:
                found = self._clock(column)
            elif column in _TEXT_COLUMNS:
                found = self._words(column)
            else:
                found = self._numbers(column)
            texts, places = found
            self._columns[column] = pa.array(texts, pa.large_string()), places
        return self._columns[column]

    def _styled(self, texts: pa.Array, column: str, style: _Style) -> pa.Array:
        """Texts as one day spells them: numbers without their leading 0, values with a leading space."""
        spaced = "price" if self._dataset == "DA_prices" else "name"
        if style.bare_point and column not in _TIME_COLUMNS and column not in _TEXT_COLUMNS:
            texts = pc.replace_substring_regex(texts, r"^(-?)0\.", r"\1.")
        if style.leading_space and column == spaced:
            texts = pc.if_else(pc.equal(texts, ""), texts, pc.binary_join_element_wise(_text(""), texts, _text(" ")))
        return texts

    def _clock(self, column: str) -> tuple[Sequence[str], Ints]:
        """One of the ways in which ERCOT spells the time of a row."""
        year, times, days = self._year, self._times, self._days
        texts: Sequence[str] = _COUNTS
        match column:
            case "stamp" | "interval_time":
                # A metered quarter-hour is named by its last second.
                moments, places = np.unique(times, return_inverse=True)
                end = QUARTER_SECONDS - 1 if column == "interval_time" else 0
                texts = stamp_texts(year.wall(moments) + end)
            case "date" | "sasm":
                pattern = "%m/%d/%Y" if column == "date" else "%m/%d/%Y 09:40:13"
                first = int(days.min())
                texts = [day.strftime(pattern) for day in year.days[first : int(days.max()) + 1]]
                places = days - first
            case "flag":
                texts, places = ("N", "Y"), year.repeated(times).astype(np.int64)
            case "interval":
                places = (times % HOUR_SECONDS) // QUARTER_SECONDS + 1
            case "interval_number":
                places = (times - year.day_starts[days]) // QUARTER_SECONDS + 1
            case _:
                # Prices and plans name the hour that the clock showed, the other reports count the hours of the day.
                as_shown = self._dataset in PRICES or self._dataset == "COP_Snapshots"
                shown = (year.wall(times) % _DAY_SECONDS) // HOUR_SECONDS + 1
                places = shown if as_shown else year.hour_of_day(times) + 1
                pattern = "{}"
                if column == "hour_ending" and as_shown:
                    pattern = "{:02d}:00"
                elif self._dataset == "SASM_AS_Offers":
                    pattern = "{:02d}"
                texts = [pattern.format(hour) for hour in range(26)]
        return texts, places

    def _words(self, column: str) -> tuple[list[str], Ints]:
        """A text column."""
        if column not in self._parts[0].words:
            owners = [{"name": rows.name, "kind": rows.kind, "qse": rows.qse}[column] for rows in self._parts]
            return owners, self._owners
        known = [""]
        places = []
        for rows in self._parts:
            text = rows.words[column]
            places.append(np.where(text.codes < 0, 0, text.codes + len(known)))
            known += text.words
        return known, np.concatenate(places)[self._order]

    def _numbers(self, column: str) -> tuple[pa.Array, Ints]:
        """A column of numbers, with as many digits as the number has; blank where unknown."""
        values = np.concatenate([_number(rows, column) for rows in self._parts])[self._order]
        # Adding zero makes zeros of one sign.
        distinct = pa.array(values + 0.0, from_pandas=True).dictionary_encode()
        texts = pa.concat_arrays([distinct.dictionary.cast(pa.large_string()), pa.array([""], pa.large_string())])
        return texts, distinct.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)


def _number(rows: Rows, column: str) -> Floats:
    """Values of a column; of ECRS the one column that ERCOT has, out of the two that the rollups made of it."""
    values = rows.numbers[column]
    if column == "ecrssd" and "ecrs" in rows.numbers:
        alone = rows.numbers["ecrs"]
        return np.where((values == 0.0) & (alone > 0.0), alone, values)
    return values


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _joined(columns: Sequence[pa.Array | str], style: _Style) -> pa.Array:
    """Lines of CSV, each with its line end; what is the same in all rows is joined once and not row by row."""
    quote = '"' if style.quoted else ""
    between = f"{quote},{quote}"
    pieces: list[pa.Array | pa.Scalar] = []
    glue = quote
    for position, column in enumerate(columns):
        glue += between if position else ""
        if isinstance(column, str):
            glue += column
        else:
            pieces += [_text(glue), column]
            glue = ""
    pieces.append(_text(glue + quote + ("\r\n" if style.crlf else "\n")))
    return pc.binary_join_element_wise(*pieces, _text(""))


def _heading(fields: Sequence[_Field], style: _Style) -> bytes:
    """First line of a CSV."""
    quote = '"' if style.quoted else ""
    line = ",".join(f"{quote}{field.heading}{quote}" for field in fields)
    return f"{line}{chr(13) if style.crlf else ''}\n".encode()
