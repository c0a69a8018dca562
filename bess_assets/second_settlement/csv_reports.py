"""ERCOT's report files as the second road reads them: any folder, CSV or ZIP or ZIP in ZIP, the newest publication last.

Belongs here: finding report files, telling datasets apart by their headings, times of publication, reading CSV with pandas.
Does not: what a value means (settlement.py). Nothing of the package that makes rollups of reports is imported.

A file that cannot be read is left out and named in `ReportFolder.problems`: whoever compares must say so.
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
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from bess_assets.second_settlement.source import FLAG, Piece, plain

CENTRAL = ZoneInfo("America/Chicago")
BYTES_AT_ONCE = 30_000_000
"""Reports with the same headings are read together up to about this size: real-time prices come as a file a quarter-hour."""

_POSTED = re.compile(r"\.(\d{8})\.(\d{6})(\d{3})\.")
"""Post time in ERCOT's names: rpt.00013052.0000000000000000.20260223.050149776.60_Day_..zip"""
_NO_MEMBER_TIME = datetime(1980, 1, 1)  # noqa: DTZ001  what a ZIP says that was told no time; wall clock like all others
TIMES = ("deliverydate", "scedtimestamp", "intervaltime")
_CURVE = re.compile(r"(mw|price)\d+$")
"""Offer curves are most of a disclosure's columns, and nothing is settled by them."""
_PLANS_OF_2014 = (
    "Delivery Date",
    "QSE Name",
    "Resource Name",
    "Hour Ending",
    "Status",
    "High Sustained Limit",
    "Low Sustained Limit",
    "High Emergency Limit",
    "Low Emergency Limit",
    "Reg Up",
    "Reg Down",
    "RRS",
    "NSPIN",
)
"""Headings of the operating plans of September to December 2014, whose files have none."""

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
    NotImplementedError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class Report:
    """One CSV.

    Attributes:
        path: the file that it is or lies in.
        members: names within ZIPs, the outermost first; none for a bare CSV.
        published: when ERCOT published it, Central wall clock.
        certainty: what says so: 2 a post time in a name, 1 a time in a ZIP, 0 the file's own time.
        dataset: folder of the dataset's rollups.
        headings: as spelled.
        headed: False where the first line is a row.
        size: bytes.
        checksum: CRC-32 where a ZIP says it.
    """

    path: Path
    members: tuple[str, ...]
    published: datetime
    certainty: int
    dataset: str
    headings: tuple[str, ...]
    headed: bool
    size: int
    checksum: int | None

    @property
    def label(self) -> str:
        """Name for messages."""
        return " > ".join([str(self.path), *self.members])


Tell = Callable[[str, bool], None]
"""Told what is being done, and whether something is finished."""


class ReportFolder:
    """The reports of a folder, as a source of the second settlement.

    Args:
        folder: searched through all its subfolders.
        year: the operating year wanted.
        tell: told how it goes.

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

    # --- finding ------------------------------------------------------------------------------------------------------

    def _look_into(self, path: Path) -> list[Report]:
        """Reports of one file on disk."""
        try:
            on_disk = datetime.fromtimestamp(path.stat().st_mtime, CENTRAL).replace(tzinfo=None)
            if path.suffix.lower() == ".zip":
                with zipfile.ZipFile(path) as archive:
                    return list(self._members(path, (), archive, on_disk))
            with path.open("rb") as file:
                start = [file.readline(_LONGEST_LINE), file.readline(_LONGEST_LINE)]
            found = self._recognised(path, (), start, (on_disk, 0), path.stat().st_size, None)
        except _UNREADABLE as error:
            self._broken(str(path), error)
            return []
        return [found] if found else []

    def _members(
        self, path: Path, above: tuple[str, ...], archive: zipfile.ZipFile, on_disk: datetime
    ) -> Iterator[Report]:
        """Reports of one ZIP, and of the ZIPs in it."""
        for info in archive.infolist():
            members = (*above, info.filename)
            suffix = Path(info.filename).suffix.lower()
            try:
                if suffix in {".zip", ".csv"}:
                    _refuse_explosives(info, len(members))
                if suffix == ".zip":
                    with zipfile.ZipFile(io.BytesIO(archive.read(info))) as inner:
                        yield from self._members(path, members, inner, on_disk)
                elif suffix == ".csv":
                    with archive.open(info) as file:
                        start = [file.readline(_LONGEST_LINE), file.readline(_LONGEST_LINE)]
                    time = datetime(*info.date_time)  # noqa: DTZ001  wall clock, as ZIPs have it
                    packed = (on_disk, 0) if time == _NO_MEMBER_TIME else (time, 1)
                    found = self._recognised(path, members, start, packed, info.file_size, info.CRC)
                    if found:
                        yield found
            except _UNREADABLE as error:
                self._broken(" > ".join([str(path), *members]), error)

    def _recognised(
        self,
        path: Path,
        members: tuple[str, ...],
        start: list[bytes],
        known_time: tuple[datetime, int],
        size: int,
        checksum: int | None,
    ) -> Report | None:
        """The report, if it is of a dataset that is read."""
        if not size:
            self.problems[" > ".join([str(path), *members])] = "it is empty, without even headings"
            return None
        lines = list(csv.reader([line.decode("utf-8-sig") for line in start if line], skipinitialspace=True))
        headings = tuple(lines[0]) if lines else ()
        name = Path(members[-1] if members else path.name).name
        headed = True
        if "completecop" in plain(name) and headings and re.match(r"\d", headings[0].strip()):
            headings, headed = _PLANS_OF_2014, False
        dataset = dataset_of(headings, lines[1] if len(lines) > 1 else [], name)
        if dataset is None:
            self.others += 1
            return None
        # The nearest name that tells a post time, from the CSV outwards.
        for place in (*reversed(members), path.name):
            match = _POSTED.search(Path(place).name)
            if match:
                second = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S")  # noqa: DTZ007  Central wall clock
                known_time = second.replace(microsecond=int(match[3]) * 1000), 2
                break
        return Report(path, members, *known_time, dataset, headings, headed, size, checksum)

    def _once(self, found: list[Report]) -> list[Report]:
        """Oldest publication first; of equal contents the one whose time of publication is surest, then the latest."""
        alike: dict[tuple[str, int], list[Report]] = {}
        for report in found:
            alike.setdefault((report.dataset, report.size), []).append(report)
        kept: list[Report] = []
        for group in alike.values():
            contents: dict[Any, Report] = {}
            checksums = Counter(self._checksum(report) for report in group) if len(group) > 1 else Counter()
            for report in group:
                # Many files of one size are different: only an equal checksum makes reading the whole worth while.
                same = len(group) > 1 and checksums[self._checksum(report)] > 1
                key = hashlib.sha256(self._bytes(report) or report.label.encode()).digest() if same else report.label
                other = contents.get(key)
                self.copies += other is not None
                if other is None or (report.certainty, report.published) > (other.certainty, other.published):
                    contents[key] = report
            kept += contents.values()
        return sorted(kept, key=lambda report: (report.published, report.label))

    def _checksum(self, report: Report) -> int:
        if report.checksum is not None:
            return report.checksum
        return zlib.crc32(self._bytes(report) or b"")

    # --- reading ------------------------------------------------------------------------------------------------------

    def pieces(self, folder: str, years: Sequence[int]) -> Iterator[Piece]:
        """Rows of the reports that may hold the operating year; reports with the same headings together."""
        del years  # a report of a day may have been published in any year
        waiting: list[tuple[Report, bytes]] = []
        size = 0
        reports = self.reports.get(folder, [])
        for done, report in enumerate(reports, start=1):
            self._tell(f"{folder}: report {done:,} of {len(reports):,}", False)
            data = self._bytes(report)
            # Cheap first: a year that stands nowhere among the bytes stands in no date.
            if data is None or str(self._year).encode() not in data:
                continue
            self._held.add(report)
            if waiting and (size > BYTES_AT_ONCE or _layout(report) != _layout(waiting[0][0])):
                yield from self._piece(waiting)
                waiting, size = [], 0
            waiting.append((report, data))
            size += len(data)
        yield from self._piece(waiting)
        self._tell(f"{folder}: {len(reports):,} reports read", True)

    def _piece(self, waiting: list[tuple[Report, bytes]]) -> Iterator[Piece]:
        """Reports of one layout as one piece, less those that cannot be read; none if nothing is left."""
        together = self._together(waiting)
        labels = [report.label for report, _ in waiting]
        if together is None:
            frames = {report.label: self._table(report, data) for report, data in waiting}
            found = {label: frame for label, frame in frames.items() if frame is not None}
            if not found:
                return
            labels, rows = list(found), [len(frame) for frame in found.values()]
            frame = pd.concat(found.values(), ignore_index=True)
        else:
            frame, rows = together
        numbers = np.repeat(np.arange(len(rows)) + self._number, rows)
        self._number += len(rows)
        name = labels[0] if len(labels) == 1 else f"{labels[0]} .. {labels[-1]}"
        yield Piece(name, tuple(map(str, frame.columns)), numbers, partial(_texts, frame))

    def _together(self, waiting: list[tuple[Report, bytes]]) -> tuple[pd.DataFrame, list[int]] | None:
        """Many small reports read in one go, and the rows of each; None if anything is odd about one of them, which reading each alone then names.

        Opening a table takes longer than reading a few hundred rows, and real-time prices are 35,000 reports a year.
        """
        if len(waiting) < 2:
            return None
        report = waiting[0][0]
        bodies = [data.split(b"\n", 1)[1] if report.headed else data for _, data in waiting if b"\n" in data]
        bodies = [body if body.endswith(b"\n") or not body else body + b"\n" for body in bodies]
        rows = [body.count(b"\n") for body in bodies]
        whole = b"".join(bodies)
        if len(bodies) != len(waiting) or whole.count(b",") != sum(rows) * (len(report.headings) - 1):
            return None
        try:
            frame = _cells(report, whole, 0)
        except (pd.errors.ParserError, ValueError):
            return None
        if len(frame) != sum(rows) or _problem(frame):
            return None
        return frame, rows

    def holds_a_day_after(self, folder: str, year: int) -> bool:
        """Whether a report that was not handed out holds a day of the next year."""
        for report in self.reports.get(folder, []):
            if report in self._held:
                continue
            data = self._bytes(report)
            if data is None or str(year + 1).encode() not in data:
                continue
            frame = self._table(report, data)
            if frame is not None and _years(frame[_time_heading(frame)]).eq(year + 1).any():
                return True
        return False

    def _table(self, report: Report, data: bytes) -> pd.DataFrame | None:
        """Rows of a report as text; None, and the problem noted, if it breaks off or its times cannot be read."""
        try:
            line = _uneven_line(data, len(report.headings))
            if line:
                self.problems[report.label] = f"line {line} has not {len(report.headings)} cells, as the first has"
                return None
            frame = _cells(report, data, 1 if report.headed else 0)
        except (pd.errors.ParserError, ValueError) as error:
            self._broken(report.label, error)
            return None
        problem = _problem(frame)
        if problem:
            self.problems[report.label] = problem
            return None
        return frame

    def _bytes(self, report: Report) -> bytes | None:
        """Content of a report; None, and a problem noted, if it cannot be read."""
        try:
            if not report.members:
                return report.path.read_bytes()
            data: Any = report.path
            for member in report.members:
                with zipfile.ZipFile(data) as archive:
                    content = archive.read(member)
                data = io.BytesIO(content)
        except _UNREADABLE as error:
            self._broken(report.label, error)
            return None
        return content

    def _broken(self, label: str, error: Exception) -> None:
        self.problems[label] = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def _refuse_explosives(info: zipfile.ZipInfo, depth: int) -> None:
    """Leave packed what unpacks to more than any report: it would be held in memory whole.

    Raises:
        BadZipFile: it is too large, too dense or too deep.
    """
    if info.file_size > _LARGEST_BYTES or (
        info.file_size > 2**20 and info.file_size > _LARGEST_RATIO * max(info.compress_size, 1)
    ):
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


def _texts(frame: pd.DataFrame, heading: str) -> pa.ChunkedArray:
    texts = pa.array(frame[heading], type=pa.string(), from_pandas=True)
    return texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])


def _layout(report: Report) -> tuple[tuple[str, ...], bool]:
    return report.headings, report.headed


def _cells(report: Report, data: bytes, skip_lines: int) -> pd.DataFrame:
    """Cells as text, of the columns that may be wanted."""
    wanted = [n for n, heading in enumerate(report.headings) if not _CURVE.search(plain(heading))]
    headings = [report.headings[n] for n in wanted]
    try:
        frame = pd.read_csv(
            io.BytesIO(data),
            header=None,
            skiprows=skip_lines,
            names=range(len(report.headings)),
            usecols=wanted,
            index_col=False,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame({heading: pd.Series([], dtype="str") for heading in headings})
    return frame.set_axis(headings, axis=1)


def _uneven_line(data: bytes, cells: int) -> int:
    """Number of the first line with more or fewer cells than there are headings, counted from 1; 0 if there is none. Blank lines count for nothing.

    pandas fills up a short line without a word, so that a file that breaks off would look like one with blanks.
    """
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if data.count(b",") == lines * (cells - 1):
        return 0
    rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), skipinitialspace=True)
    return next((rows.line_num for row in rows if row and len(row) != cells), 0)


def _time_heading(frame: pd.DataFrame) -> str:
    return next(str(heading) for heading in frame.columns if plain(str(heading)) in TIMES)


def _years(times: pd.Series[Any]) -> pd.Series[Any]:
    """The year of each date or stamp as written, NaN where none stands."""
    return pd.to_numeric(times.drop_duplicates().str.extract(r"(?<!\d)((?:19|20)\d\d)(?!\d)")[0])


_TIME = re.compile(r"(\d\d?/\d\d?/\d{4}|\d{4}-\d\d-\d\d)([ T]\d\d?:\d\d(:\d\d)?)?")
_LABEL = re.compile(r"\d{1,3}(\.0)?(:\d\d)?")
_YES_OR_NO = re.compile(r"[YyNn]?")
_CHECKED = {
    **dict.fromkeys(TIMES, _TIME),
    **dict.fromkeys(("hourending", "deliveryhour", "deliveryinterval", "intervalnumber"), _LABEL),
    **dict.fromkeys(FLAG, _YES_OR_NO),
}


def _problem(frame: pd.DataFrame) -> str | None:
    """What makes the times of a report useless, if anything does."""
    for heading in map(str, frame.columns):
        pattern = _CHECKED.get(plain(heading))
        if pattern is None:
            continue
        for value in frame[heading].unique():
            if not pattern.fullmatch(value.strip()):
                return f"{value!r} in column {heading.strip()!r} cannot be read"
    return None
