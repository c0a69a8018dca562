"""ERCOT's report files as a source of the second settlement: CSV, workbooks, ZIP or ZIP in ZIP in any folder, the newest publication last.

Price histories come before price reports, and price corrections after them, so that the best source of a price is the last (section 2).

A file that cannot be read is left out and named in `ReportFolder.problems`; no comparison agrees then.
"""

import csv
import hashlib
import io
import lzma
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import islice, pairwise, zip_longest
from pathlib import Path
from typing import IO, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from bess_assets.second_settlement.clock import CENTRAL
from bess_assets.second_settlement.source import FLAG, Piece, plain

# reports with the same headings are read together up to about this size: real-time prices come as a file a quarter-hour
BYTES_AT_ONCE = 30_000_000

# post time in ERCOT's names: rpt.00013052.0000000000000000.20260223.050149776.60_Day_..zip
_POSTED = re.compile(r"\.(\d{8})\.(\d{6})(\d{3})\.")
_NO_MEMBER_TIME = datetime(1980, 1, 1)  # noqa: DTZ001  the time of a ZIP's member that has none; wall clock like all others
_TIMES = ("deliverydate", "scedtimestamp", "intervaltime")
# offer curves are most of a disclosure's columns, and nothing is settled by them
_CURVE = re.compile(r"(mw|price)\d+$")
_LARGEST_BYTES = 4 * 2**30
_LARGEST_RATIO = 1_000
_DEEPEST = 4
_LONGEST_LINE = 2**16
# what reading a damaged file raises: a RuntimeError of a way to pack that Python lacks, a ValueError of pyarrow
_UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(KeyError, SyntaxError),  # parts of a workbook that are absent, or no XML
)

Tell = Callable[[str, float | None], None]
"""Called with what is being done and, where it is known, the share of it that is done."""


@dataclass(frozen=True)
class Report:
    """One CSV: a file, or one in ZIPs.

    Attributes:
        label: name for messages.
        path: the file that it is or lies in.
        members: names within ZIPs, the outermost first; none for a bare CSV.
        published: when ERCOT published it, Central wall clock.
        certainty: where that is from: 2 a post time in a name, 1 a time in a ZIP, 0 the file's own time.
        dataset: folder of the dataset's rollups.
        rank: of its source of prices: 0 a history, 1 a report, 2 a correction.
        sheet: of the workbook that it is; empty for a CSV.
    """

    label: str
    path: Path
    members: tuple[str, ...]
    published: datetime
    certainty: int
    dataset: str
    headings: tuple[str, ...]
    first_row: tuple[str, ...]
    size: int
    rank: int = 1
    sheet: str = ""

    def content(self) -> bytes:
        """All bytes; raises one of `_UNREADABLE`."""
        content = b"" if self.members else self.path.read_bytes()
        outer: Path | io.BytesIO = self.path
        for member in self.members:
            with zipfile.ZipFile(outer) as archive:
                content = archive.read(member)
            outer = io.BytesIO(content)
        return "".join(_sheet_lines(content, self.sheet)).encode() if self.sheet else content


def _label(path: Path, members: Sequence[str]) -> str:
    return " > ".join([str(path), *members])


class ReportFolder:
    """The reports of a folder and all its subfolders, as a source of the second settlement.

    Attributes:
        problems: what is wrong with a file, by the file.
        reports: CSVs found, by dataset, oldest publication first, equal contents once.
        copies: CSVs left out since another has the same content.
        others: CSVs of no dataset that is read.
    """

    by_report = True

    def __init__(self, folder: Path, year: int, tell: Tell | None = None) -> None:
        """Find the reports of an operating year; nothing but their first rows is read."""
        self._folder, self._year = folder, year
        self._tell: Tell = tell or (lambda _text, _done: None)
        self._number = self.copies = self.others = 0
        self.problems: dict[str, str] = {}
        found: list[Report] = []
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in {".csv", ".zip", ".xlsx"} and path.is_file():
                found += self._look_into(path)
                self._tell(f"{len(found):,} reports so far", None)
        self.reports: dict[str, list[Report]] = {}
        for report in self._once(found):
            self.reports.setdefault(report.dataset, []).append(report)
        self._tell(f"{sum(map(len, self.reports.values())):,} reports found in {folder}", None)

    def __str__(self) -> str:
        return str(self._folder)

    def _look_into(self, path: Path) -> Iterator[Report]:
        try:
            on_disk = datetime.fromtimestamp(path.stat().st_mtime, CENTRAL).replace(tzinfo=None)
            if path.suffix.lower() == ".zip":
                with zipfile.ZipFile(path) as archive:
                    yield from self._members(path, (), archive, on_disk)
            else:
                with path.open("rb") as file:
                    yield from self._sheets_or_csv(path, (), file, (on_disk, 0), path.stat().st_size)
        except _UNREADABLE as error:
            self._broken(str(path), error)

    def _members(
        self, path: Path, above: tuple[str, ...], archive: zipfile.ZipFile, on_disk: datetime
    ) -> Iterator[Report]:
        for info in archive.infolist():
            members = (*above, info.filename)
            suffix = Path(info.filename).suffix.lower()
            if suffix not in {".zip", ".csv", ".xlsx"}:
                continue
            try:
                _refuse_explosives(info, len(members))
                if suffix == ".zip":
                    with zipfile.ZipFile(io.BytesIO(archive.read(info))) as inner:
                        yield from self._members(path, members, inner, on_disk)
                    continue
                time = datetime(*info.date_time)  # noqa: DTZ001  wall clock, as ZIPs have it
                packed = (on_disk, 0) if time == _NO_MEMBER_TIME else (time, 1)
                with archive.open(info) as file:
                    yield from self._sheets_or_csv(path, members, file, packed, info.file_size)
            except _UNREADABLE as error:
                self._broken(_label(path, members), error)

    def _sheets_or_csv(
        self, path: Path, members: tuple[str, ...], file: IO[bytes], published: tuple[datetime, int], size: int
    ) -> Iterator[Report]:
        """The report that a CSV is, or those that the sheets of a workbook are."""
        if not (members[-1] if members else path.name).lower().endswith(".xlsx"):
            yield from self._recognised(path, members, file, published, size)
            return
        content = file.read()
        for sheet in _opened(content).sheetnames:
            start = "".join(islice(_sheet_lines(content, sheet), 2)).encode()
            if start.count(b"\n") > 1:
                yield from self._recognised(path, members, io.BytesIO(start), published, size, sheet)

    def _recognised(
        self,
        path: Path,
        members: tuple[str, ...],
        file: IO[bytes],
        published: tuple[datetime, int],
        size: int,
        sheet: str = "",
    ) -> Iterator[Report]:
        if not size:
            self.problems[_label(path, members)] = "it is empty, without even headings"
            return
        start = [file.readline(_LONGEST_LINE).decode("utf-8-sig") for _ in range(2)]
        headings, first_row = [*map(tuple, csv.reader(filter(None, start), skipinitialspace=True)), (), ()][:2]
        dataset = dataset_of(headings, first_row, Path(members[-1] if members else path.name).name)
        if dataset is None:
            self.others += 1
            return
        # The nearest name that has a post time, from the CSV outwards.
        posted = filter(None, (_POSTED.search(Path(place).name) for place in (*reversed(members), path.name)))
        for match in list(posted)[:1]:
            second = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")  # noqa: DTZ007  Central wall clock
            published = second.replace(microsecond=int(match[3]) * 1000), 2
        rank = rank_of(headings, Path(members[-1] if members else path.name).name)
        label = _label(path, (*members, sheet) if sheet else members)
        yield Report(label, path, members, *published, dataset, headings, first_row, size, rank, sheet)

    def _once(self, found: list[Report]) -> list[Report]:
        """By source of prices, those dated by a file alone first, then oldest publication first; of equal contents the surest."""

        def start(report: Report) -> tuple[Any, ...]:
            return report.dataset, report.size, report.headings, report.first_row, report.rank

        # Only reports that begin alike are read to their end.
        alike = Counter(map(start, found))
        contents: dict[bytes | str, Report] = {}
        for report in sorted(found, key=lambda report: (report.certainty, report.published)):
            data = self._bytes(report) if alike[start(report)] > 1 else None
            key = hashlib.sha256(report.dataset.encode() + data).digest() if data else report.label
            self.copies += key in contents
            contents[key] = report
        return sorted(contents.values(), key=lambda r: (r.rank, r.certainty > 0, r.published, r.label))

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """Rows of the reports that may hold the operating year; reports with the same headings together."""
        del years  # a report of a day may have been published in any year
        waiting: list[tuple[Report, bytes]] = []
        size = 0
        reports = self.reports.get(folder, [])
        for done, report in enumerate(reports, start=1):
            self._tell(f"{folder}: report {done:,} of {len(reports):,}", done / len(reports))
            data = self._bytes(report)
            # Cheap first: a year that is nowhere among the bytes is in no date.
            if data is None or str(self._year).encode() not in data:
                continue
            if waiting and (size > BYTES_AT_ONCE or report.headings != waiting[0][0].headings):
                yield from self._piece(waiting)
                waiting, size = [], 0
            waiting.append((report, data))
            size += len(data)
        if waiting:
            yield from self._piece(waiting)
        self._tell(f"{folder}: {len(reports):,} reports read", None)

    def _piece(self, waiting: list[tuple[Report, bytes]]) -> Iterator[Piece]:
        """Reports of one layout as one piece, less those that cannot be read; none if nothing is left."""
        read = {label: _long(table) for label, table in self._tables(waiting).items()}
        if not read:
            return
        tables = pa.concat_tables(read.values()).combine_chunks()
        numbers = np.repeat(np.arange(len(read)) + self._number, [table.num_rows for table in read.values()])
        self._number += len(read)
        first, last = next(iter(read)), next(reversed(read))
        yield Piece(
            first if len(read) == 1 else f"{first} .. {last}", tuple(tables.column_names), numbers, tables.column
        )

    def _tables(self, waiting: list[tuple[Report, bytes]]) -> dict[str, pa.Table]:
        """Rows of reports of one layout as text, by label; without those that break off or whose times cannot be read, whose problems are noted.

        Opening a table takes longer than reading a few hundred rows, and real-time prices are 35,000 reports a year: reports are read in one go, and alone
        if anything is odd.
        """
        # The rows below the headings, each with its end of line.
        bodies = [data.partition(b"\n")[2] for _, data in waiting]
        bodies = [body if not body or body.endswith(b"\n") else body + b"\n" for body in bodies]
        ends = np.cumsum([0, *(body.count(b"\n") for body in bodies)]).tolist()
        try:
            table = _cells(waiting[0][0], b"".join(bodies))
        except ValueError as error:
            if len(waiting) == 1:
                self._broken(waiting[0][0].label, error)
                return {}
        else:
            # one report may have blank lines, which are no rows; of several nothing would say whose they are
            if len(waiting) == 1 or table.num_rows == ends[-1]:
                every = zip(waiting, pairwise(ends), strict=True)
                return {report.label: table[first:end] for (report, _), (first, end) in every}
        return {label: table for one in waiting for label, table in self._tables([one]).items()}

    def holds_a_day_after(self, folder: str, year: int) -> bool:
        """Whether a report begins with a day of the next year."""
        return any(
            str(year + 1) in cell
            for report in self.reports.get(folder, [])
            for heading, cell in zip(report.headings, report.first_row, strict=False)
            if plain(heading) in _TIMES
        )

    def _bytes(self, report: Report) -> bytes | None:
        """Content of a report; None, and a problem noted, if it cannot be read."""
        try:
            return report.content()
        except _UNREADABLE as error:
            self._broken(report.label, error)
            return None

    def _broken(self, label: str, error: Exception) -> None:
        self.problems[label] = next(iter(str(error).strip().splitlines()), type(error).__name__)


def _refuse_explosives(info: zipfile.ZipInfo, depth: int) -> None:
    """Leave packed what unpacks to more than any report: it would be held in memory whole.

    Raises:
        BadZipFile: it is too large, too dense or too deep.
    """
    dense = info.file_size > 2**20 and info.file_size > _LARGEST_RATIO * max(info.compress_size, 1)
    if info.file_size > _LARGEST_BYTES or dense:
        raise zipfile.BadZipFile(f"unpacks from {info.compress_size:,} to {info.file_size:,} bytes, as no report does")
    if depth > _DEEPEST:
        raise zipfile.BadZipFile(f"ZIPs in ZIPs, more than {_DEEPEST} deep")


_HOURLY = {"deliverydate", "hourending"}
_HOUR_LABELS, _AS_TYPES = ("hourending", "deliveryhour"), ("ancillarytype", "astype")
_CORRECTED = {"sppcorrected": "settlementpointprice", "mcpccorrected": "mcpc", "cappedmcpccorrected": "cappedmcpc"}
"""New prices of NP4-196 and NP4-197, by the heading that a price has elsewhere (section 6)."""
_HISTORY = re.compile(r"(rtm|dam)lzhbspp|damasmcpc|np4-?18[01]|np6-?(785|792|795|796)|\.xlsx$", re.IGNORECASE)
"""Names of price histories; ERCOT's price reports are never workbooks."""
_WIDE = {"regup", "regdn", "regdown", "rrs", "ecrs", "nspin", "nonspin"}
_BY_INTERVAL = {"deliverydate", "deliveryhour", "deliveryinterval"}
# datasets with headings that they have; the first that fits is it
_SIGNS: tuple[tuple[str | None, set[str]], ...] = (
    ("SCED_ESR_Resources", {"scedtimestamp", "basepoint", "maximumsoc"}),
    ("SCED_ESR_Resources", {"scedtimestamp", "basepoint", "stateofcharge"}),
    ("SCED_Load_Resources", {"scedtimestamp", "realpowerconsumption"}),
    ("SCED_Load_Resources", {"scedtimestamp", "maxpowerconsumption"}),
    ("SCED_Gen_Resources", {"scedtimestamp", "telemeterednetoutput"}),
    ("SCED_Gen_Resources", {"scedtimestamp", "resourcename", "basepoint"}),
    ("SCED_SMNE", {"intervaltime", "intervalvalue"}),
    ("DAM_Load_Resources", _HOURLY | {"maxpowerconsumptionforloadresource"}),
    ("DAM_Gen_Resources", _HOURLY | {"resourcename", "settlementpointname"}),
    (None, _HOURLY | {"settlementpoint", "settlementpointprice", "qsename"}),  # energy bids
    (None, _HOURLY | {"astype", "qsename"}),  # awards without a resource
    ("RT_prices", _BY_INTERVAL | {"settlementpointname", "settlementpointprice"}),
    ("RT_AS_prices", _BY_INTERVAL | {"astype", "mcpc"}),
    *(("DA_prices", {"deliverydate", hour, "settlementpoint", "settlementpointprice"}) for hour in _HOUR_LABELS),
    *(("AS_prices", {"deliverydate", hour, kind, "mcpc"}) for hour in _HOUR_LABELS for kind in _AS_TYPES),
    ("AS_prices", _HOURLY | {"regup", "regdn", "nspin"}),
    ("SCED_AS_prices", {"scedtimestamp", "astype", "mcpc"}),
    ("SCED_AS_prices", {"scedtimestamp", "astype", "cappedmcpc"}),
    ("SCED_AS_adders", {"scedtimestamp", "rtrdparus", "rtrdpanss"}),
)


def dataset_of(headings: Sequence[str], first_row: Sequence[str], name: str) -> str | None:
    """Which dataset a CSV is of, by the folder of its rollups; None for all that is not read.

    Generators and storage resources have the same day-ahead headings: the type in the first row tells them apart, or without a row the file's name.
    """
    cells = dict(zip_longest(map(plain, headings), first_row[: len(headings)], fillvalue=""))
    there = {_CORRECTED.get(heading, heading) for heading in cells}
    dataset = next((folder for folder, signs in _SIGNS if signs <= there), None)
    if dataset == "DAM_Gen_Resources":
        kind = cells.get("resourcetype", "").strip()
        storage = kind == "ESR" if kind else "esr" in name.lower()
        return "DAM_ESR_Resources" if storage else dataset
    return dataset


def rank_of(headings: Sequence[str], name: str) -> int:
    """Rank of a source of prices, the best last (section 2): 0 a history, 1 a report, 2 a correction."""
    known = set(map(plain, headings))
    if known & _CORRECTED.keys():
        return 2
    wide = _WIDE & known and not known & {*_AS_TYPES, "resourcename", "loadresourcename"}
    return 0 if wide or _HISTORY.search(name) else 1


def _long(table: pa.Table) -> pa.Table:
    """A price history with a column a product, as a row a product; any other table as it is."""
    wide = [heading for heading in table.column_names if plain(heading) in _WIDE]
    if not wide or {*map(plain, table.column_names)} & {*_AS_TYPES, "resourcename", "loadresourcename"}:
        return table
    rest = table.drop_columns(wide)
    parts = [
        rest.append_column("AS Type", pa.array([heading.strip()] * table.num_rows, pa.string())).append_column(
            "MCPC", table[heading]
        )
        for heading in wide
    ]
    found = pa.concat_tables(parts)
    return found.filter(pc.not_equal(pc.utf8_trim_whitespace(found["MCPC"]), ""))


def _opened(content: bytes) -> Any:
    """A workbook, read row by row."""
    import openpyxl  # noqa: PLC0415  only where there is a workbook

    return openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)


def _sheet_lines(content: bytes, sheet: str) -> Iterator[str]:
    """A sheet as lines of CSV, headings first; titles above them have fewer than three cells."""
    rows = _opened(content)[sheet]
    rows.reset_dimensions()
    width = 0
    for row in rows.iter_rows(values_only=True):
        texts = [_cell(value) for value in row]
        while texts and not texts[-1]:
            texts.pop()
        width = width or (len(texts) if sum(map(bool, texts)) > 2 else 0)
        if width and texts:
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow([*texts, *[""] * (width - len(texts))][:width])
            yield line.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, timedelta) or (isinstance(value, datetime) and value.year < 1901):
        return "24:00"  # the one label of an hour that is no time of day
    if isinstance(value, datetime):
        return f"{pd.Timestamp(value).round('s'):%Y-%m-%d %H:%M:%S}"
    return "" if value is None else f"{value:%H:%M}" if isinstance(value, time) else " ".join(str(value).split())


def _cells(report: Report, body: bytes) -> pa.Table:
    """Cells as text, of the columns that may be wanted.

    Raises:
        ValueError: a row has more or fewer cells than there are headings, or is no text; or a time cannot be read.
    """
    wanted = {str(n): heading for n, heading in enumerate(report.headings) if not _CURVE.search(plain(heading))}
    if not body.strip():
        return pa.table({heading: pa.array([], pa.string()) for heading in wanted.values()})
    names = [str(n) for n in range(len(report.headings))]
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(body.replace(b', "', b',"')),
            pa_csv.ReadOptions(column_names=names, use_threads=False),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(wanted), column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        row = re.search(r"Row #(\d+): Expected \d+ columns", str(error))
        line = int(row[1]) + 1 if row else None
        raise ValueError(f"line {line} has not {len(names)} cells, as the first has" if line else str(error)) from error
    table = table.rename_columns(list(wanted.values()))
    for heading in (heading for heading in table.column_names if plain(heading) in _CHECKED):
        for value in table.column(heading).unique().to_pylist():
            if not _CHECKED[plain(heading)].fullmatch(value.strip()):
                raise ValueError(f"{value!r} in column {heading.strip()!r} cannot be read")
    return table


_TIME = re.compile(r"(\d\d?/\d\d?/\d{4}|\d{4}-\d\d-\d\d)([ T]\d\d?:\d\d(:\d\d)?)?")
_LABEL = re.compile(r"\d{1,3}(\.0)?(:\d\d)?")
# columns that are made into times, and what every cell must be
_CHECKED = {
    **dict.fromkeys(_TIMES, _TIME),
    **dict.fromkeys(("hourending", "deliveryhour", "deliveryinterval", "intervalnumber"), _LABEL),
    **dict.fromkeys(FLAG, re.compile(r"[YyNn]?")),
}
