"""ERCOT's report files as a source of the second settlement: CSV, ZIP or ZIP in ZIP in any folder, the newest publication last.

A file that cannot be read is left out and named in `ReportFolder.problems`; no comparison agrees then.
"""

from __future__ import annotations

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
from datetime import datetime
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from bess_assets.second_settlement.source import FLAG, Piece, plain

CENTRAL = ZoneInfo("America/Chicago")
BYTES_AT_ONCE = 30_000_000
"""Reports with the same headings are read together up to about this size: real-time prices come as a file a quarter-hour."""

_POSTED = re.compile(r"\.(\d{8})\.(\d{6})(\d{3})\.")
"""Post time in ERCOT's names: rpt.00013052.0000000000000000.20260223.050149776.60_Day_..zip"""
_NO_MEMBER_TIME = datetime(1980, 1, 1)  # noqa: DTZ001  the time of a ZIP's member that has none; wall clock like all others
_TIMES = ("deliverydate", "scedtimestamp", "intervaltime")
_CURVE = re.compile(r"(mw|price)\d+$")
"""Offer curves are most of a disclosure's columns, and nothing is settled by them."""
_LARGEST_BYTES = 4 * 2**30
_LARGEST_RATIO = 1_000
_DEEPEST = 4
_LONGEST_LINE = 2**16
_UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
)
"""Whatever reading a damaged file raises; NotImplementedError and pyarrow's errors are among them."""

Tell = Callable[[str, bool], None]
"""Called with what is being done, and whether something is finished."""


@dataclass(frozen=True)
class Report:
    """One CSV.

    Attributes:
        path: the file that it is or lies in.
        members: names within ZIPs, the outermost first; none for a bare CSV.
        published: when ERCOT published it, Central wall clock.
        certainty: where that is from: 2 a post time in a name, 1 a time in a ZIP, 0 the file's own time.
        dataset: folder of the dataset's rollups.
        headings: as spelled.
        size: bytes.
        checksum: CRC-32 where a ZIP holds it.
    """

    path: Path
    members: tuple[str, ...]
    published: datetime
    certainty: int
    dataset: str
    headings: tuple[str, ...]
    size: int
    checksum: int | None

    @property
    def label(self) -> str:
        """Name for messages."""
        return _label(self.path, self.members)

    def content(self) -> bytes:
        """All bytes.

        Raises:
            One of `_UNREADABLE`.
        """
        content = b"" if self.members else self.path.read_bytes()
        outer: Path | io.BytesIO = self.path
        for member in self.members:
            with zipfile.ZipFile(outer) as archive:
                content = archive.read(member)
            outer = io.BytesIO(content)
        return content


def _label(path: Path, members: Sequence[str]) -> str:
    return " > ".join([str(path), *members])


class ReportFolder:
    """The reports of a folder, as a source of the second settlement.

    Args:
        folder: searched through all its subfolders.
        year: the operating year wanted.
        tell: called with the progress.

    Attributes:
        by_report: an hour's label is judged report by report.
        problems: what is wrong with a file, by the file.
        reports: CSVs found, by dataset, oldest publication first, equal contents once.
        copies: CSVs left out since another has the same content.
        others: CSVs of no dataset that is read.
    """

    by_report = True

    def __init__(self, folder: Path, year: int, tell: Tell | None = None) -> None:
        self._folder = folder
        self._year = year
        self._tell: Tell = tell or (lambda _text, _finished: None)
        self._held: set[Report] = set()
        self._number = 0
        self.problems: dict[str, str] = {}
        self.copies = 0
        self.others = 0
        found: list[Report] = []
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() in {".csv", ".zip"} and path.is_file():
                found += self._look_into(path)
                self._tell(f"{len(found):,} reports found", False)
        self.reports: dict[str, list[Report]] = {}
        for report in self._once(found):
            self.reports.setdefault(report.dataset, []).append(report)
        self._tell(f"{sum(map(len, self.reports.values())):,} reports found in {folder}", True)

    def __str__(self) -> str:
        return str(self._folder)

    def _look_into(self, path: Path) -> list[Report]:
        """Reports of one file on disk."""
        try:
            on_disk = datetime.fromtimestamp(path.stat().st_mtime, CENTRAL).replace(tzinfo=None)
            if path.suffix.lower() == ".zip":
                with zipfile.ZipFile(path) as archive:
                    return list(self._members(path, (), archive, on_disk))
            with path.open("rb") as file:
                return self._recognised(path, (), file, (on_disk, 0), path.stat().st_size, None)
        except _UNREADABLE as error:
            self._broken(str(path), error)
            return []

    def _members(
        self, path: Path, above: tuple[str, ...], archive: zipfile.ZipFile, on_disk: datetime
    ) -> Iterator[Report]:
        """Reports of one ZIP, and of the ZIPs in it."""
        for info in archive.infolist():
            members = (*above, info.filename)
            suffix = Path(info.filename).suffix.lower()
            if suffix not in {".zip", ".csv"}:
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
                    yield from self._recognised(path, members, file, packed, info.file_size, info.CRC)
            except _UNREADABLE as error:
                self._broken(_label(path, members), error)

    def _recognised(
        self,
        path: Path,
        members: tuple[str, ...],
        file: IO[bytes],
        known_time: tuple[datetime, int],
        size: int,
        checksum: int | None,
    ) -> list[Report]:
        """The report, if it is of a dataset that is read."""
        if not size:
            self.problems[_label(path, members)] = "it is empty, without even headings"
            return []
        start = [file.readline(_LONGEST_LINE).decode("utf-8-sig") for _ in range(2)]
        lines = list(csv.reader(filter(None, start), skipinitialspace=True))
        headings = tuple(lines[0]) if lines else ()
        name = Path(members[-1] if members else path.name).name
        dataset = dataset_of(headings, lines[1] if len(lines) > 1 else [], name)
        if dataset is None:
            self.others += 1
            return []
        # The nearest name that has a post time, from the CSV outwards.
        posted = filter(None, (_POSTED.search(Path(place).name) for place in (*reversed(members), path.name)))
        for match in list(posted)[:1]:
            second = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")  # noqa: DTZ007  Central wall clock
            known_time = second.replace(microsecond=int(match[3]) * 1000), 2
        return [Report(path, members, *known_time, dataset, headings, size, checksum)]

    def _once(self, found: list[Report]) -> list[Report]:
        """Oldest publication first; of equal contents the one whose time of publication is surest, then the latest."""
        alike = Counter((report.dataset, report.size) for report in found)
        sums = {
            report: (report.dataset, report.size, self._checksum(report))
            for report in found
            if alike[report.dataset, report.size] > 1
        }
        # Many files of one size are different: only an equal checksum makes reading the whole worth while.
        same = Counter(sums.values())
        contents: dict[bytes | str, Report] = {}
        for report in sorted(found, key=lambda report: (report.certainty, report.published)):
            data = self._bytes(report) if report in sums and same[sums[report]] > 1 else None
            key = hashlib.sha256(report.dataset.encode() + data).digest() if data else report.label
            self.copies += key in contents
            contents[key] = report
        return sorted(contents.values(), key=lambda report: (report.published, report.label))

    def _checksum(self, report: Report) -> int:
        return zlib.crc32(self._bytes(report) or b"") if report.checksum is None else report.checksum

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """Rows of the reports that may hold the operating year; reports with the same headings together."""
        del years  # a report of a day may have been published in any year
        waiting: list[tuple[Report, bytes]] = []
        size = 0
        reports = self.reports.get(folder, [])
        for done, report in enumerate(reports, start=1):
            self._tell(f"{folder}: report {done:,} of {len(reports):,}", False)
            data = self._bytes(report)
            # Cheap first: a year that is nowhere among the bytes is in no date.
            if data is None or str(self._year).encode() not in data:
                continue
            self._held.add(report)
            if waiting and (size > BYTES_AT_ONCE or report.headings != waiting[0][0].headings):
                yield from self._piece(waiting)
                waiting, size = [], 0
            waiting.append((report, data))
            size += len(data)
        yield from self._piece(waiting)
        self._tell(f"{folder}: {len(reports):,} reports read", True)

    def _piece(self, waiting: list[tuple[Report, bytes]]) -> Iterator[Piece]:
        """Reports of one layout as one piece, less those that cannot be read; none if nothing is left."""
        if not waiting:
            return
        labels = [report.label for report, _ in waiting]
        table, rows = _joined(waiting)
        if table is None:
            tables = {report.label: self._table(report, data) for report, data in waiting}
            read = {label: table for label, table in tables.items() if table is not None}
            if not read:
                return
            labels, rows = list(read), [table.num_rows for table in read.values()]
            table = pa.concat_tables(read.values())
        numbers = np.repeat(np.arange(len(rows)) + self._number, rows)
        self._number += len(rows)
        name = labels[0] if len(labels) == 1 else f"{labels[0]} .. {labels[-1]}"
        yield Piece(name, tuple(table.column_names), numbers, table.column)

    def holds_a_day_after(self, folder: str, year: int) -> bool:
        """Whether a report that was not handed out holds a day of the next year."""
        for report in self.reports.get(folder, []):
            data = None if report in self._held else self._bytes(report)
            if data is None or str(year + 1).encode() not in data:
                continue
            table = self._table(report, data)
            if table is not None and year + 1 in _years(table):
                return True
        return False

    def _table(self, report: Report, data: bytes) -> pa.Table | None:
        """Rows of a report as text; None, and the problem noted, if it breaks off or its times cannot be read."""
        try:
            table = _cells(report, _body(data))
        except ValueError as error:
            self._broken(report.label, error)
            return None
        problem = _problem(table)
        if problem:
            self.problems[report.label] = problem
            return None
        return table

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


# --- what is in a file ------------------------------------------------------------------------------------------------------


_HOURLY = {"deliverydate", "hourending"}
_BY_INTERVAL = {"deliverydate", "deliveryhour", "deliveryinterval"}
_SIGNS: tuple[tuple[str, set[str], set[str]], ...] = (
    ("SCED_ESR_Resources", {"scedtimestamp", "basepoint", "maximumsoc"}, set()),
    ("SCED_ESR_Resources", {"scedtimestamp", "basepoint", "stateofcharge"}, set()),
    ("SCED_Load_Resources", {"scedtimestamp", "realpowerconsumption"}, set()),
    ("SCED_Load_Resources", {"scedtimestamp", "maxpowerconsumption"}, set()),
    ("SCED_Gen_Resources", {"scedtimestamp", "telemeterednetoutput"}, set()),
    ("SCED_Gen_Resources", {"scedtimestamp", "resourcename", "basepoint"}, set()),
    ("SCED_SMNE", {"intervaltime", "intervalvalue"}, set()),
    ("DAM_Load_Resources", _HOURLY | {"maxpowerconsumptionforloadresource"}, set()),
    ("DAM_Gen_Resources", _HOURLY | {"resourcename", "settlementpointname"}, set()),
    ("COP_Snapshots", _HOURLY | {"resourcename", "highsustainedlimit"}, set()),
    ("DA_prices", _HOURLY | {"settlementpoint", "settlementpointprice"}, {"qsename"}),
    ("AS_prices", _HOURLY | {"ancillarytype", "mcpc"}, set()),
    ("RT_prices", _BY_INTERVAL | {"settlementpointname", "settlementpointprice"}, set()),
    ("RT_AS_prices", _BY_INTERVAL | {"astype", "mcpc"}, set()),
)
"""Datasets with headings that they have and headings that others have beside those; the first that fits is it."""


def dataset_of(headings: Sequence[str], first_row: Sequence[str], name: str) -> str | None:
    """Which dataset a CSV is of, by the folder of its rollups; None for all that is not read.

    Args:
        headings: as spelled.
        first_row: the first row, where there is one: generators and storage resources have the same day-ahead headings, and differ by type.
        name: the file's name, where there is no row.
    """
    have = [plain(heading) for heading in headings]
    dataset = next((folder for folder, signs, never in _SIGNS if signs <= set(have) and never.isdisjoint(have)), None)
    if dataset == "DAM_Gen_Resources":
        place = have.index("resourcetype") if "resourcetype" in have else len(first_row)
        kind = first_row[place].strip() if place < len(first_row) else ""
        storage = kind == "ESR" if kind else "esr" in name.lower()
        return "DAM_ESR_Resources" if storage else dataset
    return dataset


def _body(data: bytes) -> bytes:
    """The rows below the headings, each with its end of line."""
    body = data.partition(b"\n")[2]
    return body if not body or body.endswith(b"\n") else body + b"\n"


def _joined(waiting: list[tuple[Report, bytes]]) -> tuple[pa.Table | None, list[int]]:
    """Reports of one layout read in one go, and the rows of each; no table if anything is odd, which reading each alone then names.

    Opening a table takes longer than reading a few hundred rows, and real-time prices are 35,000 reports a year.
    """
    bodies = [_body(data) for _, data in waiting]
    rows = [body.count(b"\n") for body in bodies]
    try:
        table = _cells(waiting[0][0], b"".join(bodies))
    except ValueError:
        return None, rows
    return None if table.num_rows != sum(rows) or _problem(table) else table, rows


def _cells(report: Report, body: bytes) -> pa.Table:
    """Cells as text, of the columns that may be wanted.

    Raises:
        ValueError: a row has more or fewer cells than there are headings, or is no text.
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
    return table.rename_columns(list(wanted.values()))


def _years(table: pa.Table) -> set[int]:
    """The years of the dates or stamps of a report, as written."""
    heading = next(heading for heading in table.column_names if plain(heading) in _TIMES)
    texts = " ".join(table.column(heading).unique().to_pylist())
    return {int(year) for year in re.findall(r"(?<!\d)((?:19|20)\d\d)(?!\d)", texts)}


_TIME = re.compile(r"(\d\d?/\d\d?/\d{4}|\d{4}-\d\d-\d\d)([ T]\d\d?:\d\d(:\d\d)?)?")
_LABEL = re.compile(r"\d{1,3}(\.0)?(:\d\d)?")
_CHECKED = {
    **dict.fromkeys(_TIMES, _TIME),
    **dict.fromkeys(("hourending", "deliveryhour", "deliveryinterval", "intervalnumber"), _LABEL),
    **dict.fromkeys(FLAG, re.compile(r"[YyNn]?")),
}


def _problem(table: pa.Table) -> str | None:
    """What makes the times of a report useless, if anything does."""
    for heading in table.column_names:
        pattern = _CHECKED.get(plain(heading))
        if pattern is None:
            continue
        for value in table.column(heading).unique().to_pylist():
            if not pattern.fullmatch(value.strip()):
                return f"{value!r} in column {heading.strip()!r} cannot be read"
    return None
