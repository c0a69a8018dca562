"""ERCOT's report files in a folder: which are there, when each was published, which dataset each holds.

A report is one CSV file as ERCOT published it: a file of its own, or a member of a ZIP, which may itself lie in a ZIP; or one sheet of a workbook.
"""

import csv
import gzip
import io
import lzma
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError

from bess_assets.ercot.calendar import CENTRAL
from bess_assets.ercot.datasets import DATASETS, Dataset, normal_heading
from bess_assets.ercot.products import DISCLOSURE_LAG_DAYS
from bess_assets.ercot.spreadsheets import plain_csv

LARGEST_MEMBER_BYTES = 16 * 2**30
"""A ZIP member that claims more is refused: a whole year of the largest report as one CSV has about 12 GB."""
LARGEST_RATIO = 1_000
"""A member that unpacks to more than this many times its packed size is refused; reports unpack to 5 to 60 times."""

LARGEST_INNER_ZIP_BYTES = 2 * 2**30
"""A ZIP in a ZIP that claims more is refused: it is held in memory while its members are read. A day's disclosure has 0.02 GB."""
LONGEST_LINE_BYTES = 2**20
"""A report with a longer line is refused: the widest has 2,000."""

_MOST_NESTING = 4
_ALWAYS_ALLOWED_BYTES = 64 * 2**20
_POST_TIME = re.compile(r"\.(\d{8})\.(\d{6})(\d{3})?\.")
_NAME_DATES = (
    (re.compile(r"(?<![0-9A-Za-z])\d{1,2}-[A-Za-z]{3}-\d{2}(?![0-9A-Za-z])"), "%d-%b-%y"),
    (re.compile(r"(?<![0-9A-Za-z])\d{1,2}-[A-Za-z]{3}-\d{4}(?![0-9A-Za-z])"), "%d-%b-%Y"),
    (re.compile(r"(?<!\d)20\d{6}(?!\d)"), "%Y%m%d"),
    (re.compile(r"(?<!\d)20\d{2}-\d{2}-\d{2}(?!\d)"), "%Y-%m-%d"),
    (re.compile(r"(?<!\d)\d{4}20\d{2}(?!\d)"), "%m%d%Y"),
)
_DATE = re.compile(r"\s*\d{1,2}/\d{1,2}/\d{4}")
_OTHER_REPORTS = re.compile(r"^(60d_|60_day|cdr\.|rpt\.)", re.IGNORECASE)
_COP_HEADINGS = (
    "Delivery Date", "QSE Name", "Resource Name", "Hour Ending", "Status", "High Sustained Limit", "Low Sustained Limit",
    "High Emergency Limit", "Low Emergency Limit", "Reg Up", "Reg Down", "RRS", "NSPIN",
)  # fmt: skip
"""Headings of the current operating plans of late 2014, which were published without."""
_CORRECTIONS = re.compile("np419[67]")
_UNUSED = {
    "lmpcorrected": "corrections of locational marginal prices, of which nothing here is made",
    "rtorpa": "price adders before 2025-12-05, which settlement point prices hold already",
    "rtrdpa": "price adders to energy, which settlement point prices hold already",
}
"""Headings of reports that are named like those of a dataset, and in no figure."""
_LEAST_HEADINGS = 3
_FIRST_EXCEL_YEAR = 1900
_XML_ERRORS = (ParseError, KeyError, ValueError, TypeError)
"""What openpyxl raises, beside errors of the ZIP, where XML is broken, absent or not of a workbook."""


class RefusedError(ValueError):
    """A file, or a member of one, that cannot be used, or not to its end, and what is wrong in one plain sentence."""


# fmt: off
UNPACKING_ERRORS = (
    OSError, RefusedError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError,
)
# fmt: on
"""What opening or reading a report may raise: of a ZIP damaged, cut short, encrypted, or packed in a way that Python does not know."""


@dataclass(frozen=True)
class Report:
    """One CSV file as published.

    Attributes:
        path: the file on disk, a CSV or a ZIP.
        members: names inside of ZIPs, the outermost first; empty for a plain file.
        published_ms: when it was published, UTC milliseconds.
        published_by: what says so: `name`, the post time in any name on the way; `member`, the member's time in the ZIP; or `file`, the file's own time.
        bytes: size of the CSV; of a sheet its share of the workbook.
        workbook: name of the workbook whose sheet it is; empty for a CSV.
    """

    path: Path
    members: tuple[str, ...]
    published_ms: int
    published_by: str
    bytes: int
    workbook: str = ""

    @property
    def name(self) -> str:
        """Name of the CSV itself, or of workbook and sheet."""
        return f"{self.workbook} {_last_part(self.members[-1] if self.members else self.path.name)}".strip()

    def label(self, root: Path) -> str:
        """Where it lies, for people: path below the reports folder, then members."""
        place = self.path.relative_to(root).as_posix() if self.path.is_relative_to(root) else str(self.path)
        return " > ".join((place, *self.members))


Opened = tuple[Report, Callable[[], IO[bytes]]]
"""A report and a way to open its bytes, which may raise `UNPACKING_ERRORS`."""


def _last_part(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _refusal(path: Path, members: tuple[str, ...], problem: str) -> Opened:
    def refuse() -> IO[bytes]:
        raise RefusedError(problem)

    return Report(path, members, 0, "file", 0), refuse


@dataclass(frozen=True)
class Heading:
    """What the beginning of a report says.

    Attributes:
        dataset: what it holds; None for a report that no dataset is made of.
        headings: its columns as spelled, in order.
        data_starts: position of the first byte after the heading line; 0 where there is none.
        why_not: why there is no dataset; None where there is one.
        refused: True if the file should be a dataset's and can't be.
        price_source: `correction` or `history`, see `Dataset.price_source`.
    """

    dataset: Dataset | None
    headings: tuple[str, ...] = ()
    data_starts: int = 0
    why_not: str | None = None
    refused: bool = False
    price_source: str | None = None


_LONGEST_HEADINGS = 400
# how the names of the reports, histories and corrections of each dataset are built, in letters and digits
_NAMES = {
    d: re.compile("|".join([*(d.names or (f"{normal_heading(d.report)}.*",)), *d.histories])) for d in DATASETS.values()
}
_PACKED = {".gz", ".tgz", ".tar"}
_SUFFIXES = {".csv", ".zip", ".txt", ".xls", ".xlsx", ".html", *_PACKED}


def report_files(folder: Path) -> list[Path]:
    """Every CSV, ZIP and XLSX file below a folder, and every packed one, by path; hidden and temporary files are left out."""
    return [path for path in _files_below(folder) if path.suffix.lower() in _SUFFIXES]


def other_files(folder: Path) -> dict[str, str]:
    """Files below a folder that are no reports by their names, each with the reason."""
    others = (
        path for path in _files_below(folder) if path.suffix.lower() not in _SUFFIXES and path.name != "SIMULATED.json"
    )
    return {
        path.relative_to(folder).as_posix(): "a download that has not ended"
        if path.suffix.lower() in {".crdownload", ".part", ".partial", ".download"}
        else f"no CSV, ZIP, XLSX, GZ or TAR file{': put it among the rollups' if path.suffix == '.parquet' else ''}"
        for path in others
    }


def _files_below(folder: Path) -> list[Path]:
    """Files below a folder by path, those in linked folders too, but for what systems leave behind."""
    files, seen = list[Path](), set[str]()
    for place, folders, names in os.walk(folder, followlinks=True):
        # a link may lead to a folder above it
        if (real := os.path.realpath(place)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        files += [Path(place, name) for name in names if not name.startswith((".", "__MACOSX"))]
    return sorted(path for path in files if path.is_file())


def open_reports(path: Path) -> Iterator[Opened]:
    """The reports that a file holds, each with a way to open its bytes; one that can't be used raises `RefusedError` there, and the others come all the same.

    The bytes of a report must be read before the next one is asked for. A CSV that a spreadsheet saved is mended.
    """
    for report, open_bytes in _open_files(path):
        yield report, lambda open_bytes=open_bytes: plain_csv(open_bytes())  # type: ignore[misc]


def _open_files(path: Path) -> Iterator[Opened]:
    suffix = path.suffix.lower()
    try:
        status = path.stat()
        file_ms = status.st_mtime_ns // 10**6
        if suffix == ".xls":
            yield _refusal(path, (), "a workbook of an old Excel: save it as XLSX, or its sheets as CSV")
        elif suffix in _PACKED:
            yield from _open_packed(path, _ALWAYS_ALLOWED_BYTES + LARGEST_RATIO * status.st_size, file_ms)
        elif suffix not in {".zip", ".xlsx"}:
            yield Report(path, (), *_dated(path, file_ms), status.st_size), lambda: path.open("rb")
        else:
            with path.open("rb") as file:
                opened = _OpenZip(path, _ALWAYS_ALLOWED_BYTES + LARGEST_RATIO * status.st_size)
                whole = Report(path, (), *_dated(path, file_ms), status.st_size, path.name)
                yield from opened.sheets(file, whole) if suffix == ".xlsx" else opened.reports(file, (), file_ms)
    except OSError as error:
        yield _refusal(path, (), f"cannot be read: {error.strerror or error}")


def _open_packed(path: Path, most_bytes: int, file_ms: int) -> Iterator[Opened]:
    """The report in a gzip file, and those in a tar file, also in a packed one, which may unpack to so many bytes."""
    published = _dated(path, file_ms)
    most_bytes = min(most_bytes, LARGEST_INNER_ZIP_BYTES)
    try:
        if path.suffix.lower() == ".gz" and not path.stem.lower().endswith(".tar"):
            with gzip.open(path) as packed:
                content = packed.read(most_bytes + 1)
            if len(content) > most_bytes:
                raise RefusedError(f"unpacks to more than {most_bytes:,} bytes: unpack it")
            yield Report(path, (path.stem,), *published, len(content)), lambda: io.BytesIO(content)
            return
        with tarfile.open(path) as archive:
            opened = _OpenZip(path, most_bytes)
            for member in archive:
                own, members = _last_part(member.name), (member.name,)
                if not member.isfile() or own.startswith("."):
                    continue
                opened.left -= member.size
                member_ms = (int(member.mtime) * 1000, "member") if published[1] == "file" else published
                if opened.left < 0:
                    raise RefusedError(f"unpacks to more than {most_bytes:,} bytes: unpack it")
                file = archive.extractfile(member)
                if own.lower().endswith(".zip") and file:
                    yield from opened.reports(io.BytesIO(file.read()), members, member_ms[0])
                elif own.lower().endswith((".csv", ".txt")) and file:
                    yield Report(path, members, *member_ms, member.size), lambda file=file: file  # type: ignore[misc]
                else:
                    yield _refusal(path, members, "neither a CSV nor a ZIP")
    except UNPACKING_ERRORS as error:
        yield _refusal(path, (), str(error) if isinstance(error, RefusedError) else f"cannot be unpacked: {error}")


@dataclass
class _OpenZip:
    """A ZIP file on disk.

    Attributes:
        path: the file.
        left: how many bytes all that it holds may still unpack to, ZIPs in ZIPs together: members may overlap, and each alone look harmless.
    """

    path: Path
    left: int

    def reports(self, file: IO[bytes], outer: tuple[str, ...], file_ms: int) -> Iterator[Opened]:
        """Reports of the ZIP itself, or of one in it under the names `outer`; `file_ms` is its own time."""
        try:
            archive = zipfile.ZipFile(file)
        except (*UNPACKING_ERRORS, ValueError) as error:
            yield _refusal(self.path, outer, f"no whole ZIP file: {error}")
            return
        with archive:
            for info in archive.infolist():
                members, own = (*outer, info.filename), _last_part(info.filename)
                left_behind = own.startswith((".", "__MACOSX")) or "__MACOSX/" in info.filename
                if info.filename and (info.is_dir() or left_behind):
                    continue
                if problem := self._problem(info, depth=len(members)):
                    yield _refusal(self.path, members, problem)
                    continue
                names = map(_last_part, (*reversed(members), self.path.name))
                posted = next((time for time in map(post_time_ms, names) if time is not None), None)
                times = ((posted, "name"), (_member_ms(info), "member"), (file_ms, "file"))
                published_ms, by = next((time, by) for time, by in times if time is not None)
                report = Report(self.path, members, published_ms, by, info.file_size)
                if not own.lower().endswith((".zip", ".xlsx")):
                    yield report, lambda info=info: archive.open(info)  # type: ignore[misc]
                    continue
                try:
                    # the directory of a ZIP, and of the ZIP that a workbook is, is at its end: an inner one has to be there whole
                    content = io.BytesIO(archive.read(info))
                except UNPACKING_ERRORS as error:
                    yield _refusal(self.path, members, f"cannot be unpacked: {error}")
                    continue
                if own.lower().endswith(".zip"):
                    yield from self.reports(content, members, _member_ms(info) or file_ms)
                else:
                    yield from self.sheets(content, replace(report, workbook=own))

    def sheets(self, file: IO[bytes], book: Report) -> Iterator[Opened]:
        """Sheets of a workbook, each as CSV that is made while it is read; one without a row below its headings is left out."""
        import openpyxl  # noqa: PLC0415  only where there is a workbook

        try:
            with zipfile.ZipFile(file) as parts:
                problems = [self._problem(info, 0, parts=True) for info in parts.infolist()]
                if problem := next(filter(None, problems), None):
                    raise RefusedError(problem)
            with closing(openpyxl.load_workbook(file, read_only=True, data_only=True)) as opened:
                for sheet in opened.worksheets:
                    sheet.reset_dimensions()  # which a writer may have stated wrong
                    if len(list(islice(_lines_of(sheet), 2))) > 1:
                        share = book.bytes // len(opened.worksheets)
                        report = replace(book, members=(*book.members, sheet.title), bytes=share)
                        yield report, lambda sheet=sheet: io.BufferedReader(_Text(_lines_of(sheet)))  # type: ignore[misc]
        except (*UNPACKING_ERRORS, *_XML_ERRORS) as error:
            yield _refusal(self.path, book.members, f"no workbook that can be read: {error}")

    def _problem(self, info: zipfile.ZipInfo, depth: int, *, parts: bool = False) -> str | None:
        """Why a member is not opened; `parts` for one of a workbook, which may be of any type."""
        if info.filename:
            self.left -= info.file_size
        suffix = Path(info.filename).suffix.lower()
        ratio = info.file_size // max(info.compress_size, 1)
        too_dense = info.file_size > 2**20 and info.file_size > LARGEST_RATIO * max(info.compress_size, 1)
        too_large = f"unpacks to {info.file_size:,} bytes, more than any report has"
        inner_too_large = f"a ZIP or workbook in a ZIP of {info.file_size:,} bytes: unpack the outer one"
        problems = {
            "a member without a name: the ZIP is damaged": not info.filename,
            f"the file unpacks to over {LARGEST_RATIO:,} times its size, as no report does": self.left < 0,
            too_large: info.file_size > LARGEST_MEMBER_BYTES,
            f"unpacks to {ratio:,} times its size, as no report does": too_dense,
            "is encrypted": info.flag_bits & 1,
            f"ZIPs in ZIPs, more than {_MOST_NESTING} deep": suffix == ".zip" and depth >= _MOST_NESTING,
            inner_too_large: suffix in {".zip", ".xlsx"} and info.file_size > LARGEST_INNER_ZIP_BYTES,
            "neither a CSV nor a ZIP": not parts and suffix not in {".zip", ".csv", ".txt", ".html", ".xlsx"},
        }
        return next((words for words, is_so in problems.items() if is_so), None)


class _Text(io.RawIOBase):
    """A file of bytes that some lines are, one after another, each made when it is read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines, self._rest = lines, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._lines, "").encode()
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def _lines_of(sheet: Any) -> Iterator[str]:
    """CSV lines of a sheet from its headings on, the first row of three cells or more: titles may stand above.

    Raises:
        RefusedError: the sheet breaks off.
    """
    text, width = io.StringIO(), 0
    write = csv.writer(text, lineterminator="\n").writerow
    try:
        for row in sheet.iter_rows(values_only=True):
            filled = [n for n, cell in enumerate(row, start=1) if cell is not None]
            width = width or (filled[-1] if len(filled) >= _LEAST_HEADINGS else 0)
            if width and filled:
                write([_cell_text(cell) for cell in (*row[:width], *[None] * (width - len(row)))])
                yield text.getvalue()
                text.seek(text.truncate(0))
    except _XML_ERRORS as error:
        raise RefusedError(f"a sheet that breaks off: {error}") from error


def _cell_text(cell: Any) -> str:
    if isinstance(cell, datetime) and cell.year == _FIRST_EXCEL_YEAR:  # 24:00, shown as a time of day
        cell -= datetime(_FIRST_EXCEL_YEAR - 1, 12, 31)  # noqa: DTZ001  as the cell has none
    if isinstance(cell, timedelta):
        return f"{cell / timedelta(hours=1):g}"
    if isinstance(cell, datetime):  # a fraction of a day, off by microseconds
        return (cell + timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")
    return "" if cell is None else " ".join(str(cell).split())


def post_time_ms(name: str) -> int | None:
    """UTC milliseconds of the post time in the name of one of ERCOT's ZIP files (`..20260223.050149776..`, Central time); None if there is none."""
    with suppress(ValueError):
        if match := _POST_TIME.search(name):
            moment = datetime.strptime(match[1] + match[2], "%Y%m%d%H%M%S").replace(tzinfo=CENTRAL)
            return int(moment.timestamp()) * 1000 + int(match[3] or 0)
    return None


def _dated(path: Path, file_ms: int) -> tuple[int, str]:
    """Publication of what lies in a file of this name, and what says so."""
    posted = post_time_ms(path.name)
    return (file_ms, "file") if posted is None else (posted, "name")


def _member_ms(info: zipfile.ZipInfo) -> int | None:
    with suppress(ValueError):
        if info.date_time > (1980, 1, 1, 0, 0, 0):  # what a writer puts that knows no time
            return int(datetime(*info.date_time, tzinfo=CENTRAL).timestamp()) * 1000
    return None


def read_chunks(file: IO[bytes], chunk_bytes: int) -> Iterator[bytes]:
    """A file in chunks of whole lines.

    Raises:
        RefusedError: a line is longer than any report's.
    """
    rest = b""
    while block := file.read(chunk_bytes):
        block = rest + block
        end = block.rfind(b"\n") + 1
        if end:
            yield block[:end]
        rest = block[end:]
        if len(rest) > LONGEST_LINE_BYTES:
            raise RefusedError(f"a line of more than {LONGEST_LINE_BYTES:,} bytes, as no report has")
    if rest:
        yield rest


# --- recognising -------------------------------------------------------------------------------------------------------------------------


def recognise(name: str, beginning: bytes) -> Heading:
    """What a report holds, by its name and its first lines.

    Args:
        name: name of the CSV file.
        beginning: its first bytes, whole lines.
    """
    start = 3 if beginning.startswith(b"\xef\xbb\xbf") else 0
    named = _named(name)
    text = beginning[start:].lstrip()
    if not text:
        return Heading(None, why_not="an empty file", refused=bool(named))
    if text[:1] == b"<":
        problem = "no CSV: it begins like a web page, perhaps an error message that was saved"
        return Heading(None, why_not=problem, refused=True)
    rows = csv.reader(io.StringIO(beginning[start:].decode("utf-8", errors="replace"), newline=""))
    try:
        first, second = tuple(next(rows, [])), next(rows, [])
    except csv.Error as error:
        return Heading(None, why_not=f"no CSV: {error}", refused=True)
    if named and named[0].name == "cop_snapshots" and first and _DATE.match(first[0]):
        problem = f"no heading line, and {len(first)} columns instead of {len(_COP_HEADINGS)}"
        refusal = Heading(None, why_not=problem, refused=True)
        return Heading(named[0], _COP_HEADINGS, start) if len(first) == len(_COP_HEADINGS) else refusal
    fitting = _fitting(named, first)
    if len(fitting) > 1:
        # the day-ahead files of generation and storage resources have the same headings: the type in the first row decides
        cells = dict(zip(map(normal_heading, first), second, strict=False))
        storage = cells.get("resourcetype", "").strip().upper() == "ESR"
        fitting = [dataset for dataset in fitting if ("_esr_" in dataset.name) == storage]
    if len(fitting) == 1:
        source = fitting[0].price_source(_stem(name), first)
        if source == "correction" or not _CORRECTIONS.search(_stem(name)):
            return Heading(fitting[0], first, beginning.find(b"\n", start) + 1 or len(beginning), price_source=source)
    unused = next((words for normal, words in _UNUSED.items() if normal in map(normal_heading, first)), None)
    return Heading(None, first, why_not=unused or _why_not(name, named, first), refused=bool(named) and not unused)


def _stem(file_name: str) -> str:
    return normal_heading(re.sub(r"(?i)\.(csv|txt)$", "", file_name))


@lru_cache(maxsize=64)
def _named(file_name: str) -> tuple[Dataset, ...]:
    """Datasets whose reports, histories and corrections ERCOT names so."""
    stem = _stem(file_name)
    return tuple(dataset for dataset, pattern in _NAMES.items() if pattern.fullmatch(stem))


def _why_not(name: str, named: tuple[Dataset, ...], headings: tuple[str, ...]) -> str:
    """Why headings are of no dataset."""
    if len({heading.strip() for heading in headings}) != len(headings):
        return "a heading stands twice"
    if named:
        nearest = min(named, key=lambda dataset: len(dataset.lacking_in_report(headings)))
        lacking = " or ".join(repr(h) for column in nearest.lacking_in_report(headings) for h in column.headings)
        lacking = lacking or ("of corrected prices" if _CORRECTIONS.search(_stem(name)) else "")
        problem = f"without a column {lacking}" if lacking else "with the headings of another report"
        return f"named like {nearest.report}, but {problem}; its headings are {_some_of(headings)}"
    if _OTHER_REPORTS.match(name):
        return "one of ERCOT's reports that nothing here is made of"
    return f"no report that is known; its headings are {_some_of(headings[:6])}"


def _some_of(headings: tuple[str, ...]) -> str:
    """The first headings, so many as a line of text holds: a file that is no table has one heading of any length."""
    words = ", ".join(headings[:12])
    return words if len(words) <= _LONGEST_HEADINGS else f"{words[:_LONGEST_HEADINGS]} .."


@lru_cache(maxsize=4096)
def _fitting(named: tuple[Dataset, ...], headings: tuple[str, ...]) -> list[Dataset]:
    """Datasets that headings may be of: those that the name says, if they fit, else those that the headings say; none if a heading stands twice."""
    if len({heading.strip() for heading in headings}) != len(headings):
        return []
    marked = (dataset for dataset in DATASETS.values() if dataset.is_marked(headings))
    return [dataset for dataset in named if dataset.fits(headings)] or [d for d in marked if d.fits(headings)]


def datasets_named(name: str) -> list[Dataset]:
    """Datasets that a file's name speaks of: one of a report, several of the ZIP of a day's disclosure."""
    disclosed = re.search(r"60_?day_?(dam|sced)_?disclosure", name, re.IGNORECASE)
    market = f"{disclosed[1].lower()}_" if disclosed else None
    disclosing = (d for d in DATASETS.values() if market and d.sixty_day and d.name.startswith(market))
    return list(_named(name)) or list(disclosing)


def guess(name: str) -> dict[str, Any]:
    """Datasets and year that a file's name speaks of, for a file that can't be read itself, as they stand in the index of reports."""
    named = datasets_named(name)
    day = day_named(name, named[0] if named else None)
    if not named or day is None:
        return {"dataset": None, "years": []}
    of = [dataset.name for dataset in named if day >= dataset.first_day]
    return {"dataset": of[0] if len(of) == 1 else None, "of": of, "years": [day.year]}


def day_named(name: str, dataset: Dataset | None) -> date | None:
    """The operating day that a file's name speaks of; None if it speaks of none."""
    for pattern, spelling in _NAME_DATES:
        with suppress(ValueError):
            if match := pattern.search(name):
                day = datetime.strptime(match[0], spelling).replace(tzinfo=CENTRAL).date()
                # a plan is named after the day that it is for, a 60-day disclosure and its ZIP after the day of publication
                published = "b" in spelling or _POST_TIME.search(name)
                lag = published and (dataset is None or dataset.sixty_day)
                return day - timedelta(days=DISCLOSURE_LAG_DAYS) if lag else day
    return None
