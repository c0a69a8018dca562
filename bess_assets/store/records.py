"""Where the files of a year lie, what they were like, who is working on them, and what came of it.

Belongs here: paths of results and rollups, fingerprints, the year lock, the run record `<results>/_runs/<year>.json`.
Does not: rows (store/parquet.py reads and writes those), what is missing or changed (store/status.py). Importing this loads neither pyarrow nor Dagster.
"""

import hashlib
import importlib.metadata
import json
import os
import socket
import sys
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from filelock import FileLock, Timeout

from bess_assets.ercot.rollup_names import BATTERY_TABLE, BUILT_FOLDER, LATER, rollup_name
from bess_assets.errors import BessError, YearBusyError, writing
from bess_assets.settings import Settings
from bess_assets.tables import FILE_SETS, TABLES, FileSet, Table

MERGED = "all"
"""Stands for the year in the file name, lock and run record of tables that merge all years."""

MARKER = "SIMULATED.json"
"""File in a folder of simulated rollups or reports, or of rollups built from such reports."""

EXPECTED_ROWS_FILE = "expected_rows.json"
"""File in the folder of the user's rollups that says how many rows each of them has."""

RUNS_FOLDER = "_runs"
DIED = "The process of its last run ended before it was made."
_RECORD_LOCK_SECONDS = 30.0
_ROLLUP_WAIT_SECONDS = 60.0
_SAMPLE_BLOCKS = 64
_SAMPLE_BYTES = 64 * 1024
_WHOLE_FILE_BYTES = 2 * _SAMPLE_BLOCKS * _SAMPLE_BYTES


class FingerprintEntry(TypedDict):
    """A fingerprint in a run record."""

    size: int
    mtime_ns: int
    digest: str


class BuiltEntry(TypedDict):
    """What the manifest of a built rollup comes to, in a run record."""

    reports: int
    csv_bytes: int
    seconds: float
    read_back_seconds: float
    complete: bool
    incomplete_because: list[str]


class RollupFileEntry(TypedDict):
    """One rollup file in a run record."""

    rows: int
    bytes: int
    fingerprint: FingerprintEntry
    missing: list[str]
    unknown: list[str]
    zero_filled: list[str]
    error: NotRequired[str]
    built: NotRequired[BuiltEntry]


class RollupEntry(TypedDict):
    """One dataset in a run record; `files` by name: of the publication years that the operating year reads, and `built/<year>.parquet`."""

    origin: Literal["found", "built", "absent"]
    files: dict[str, RollupFileEntry]


class FindingEntry(TypedDict):
    """One finding in a run record."""

    kind: str
    subject: str
    count: int
    detail: str
    warning: bool


class CheckEntry(TypedDict):
    """One check in a run record; `numbers` are figures of it by name."""

    name: str
    passed: bool
    blocking: bool
    detail: str
    numbers: NotRequired[dict[str, float | None]]


class TableEntry(TypedDict):
    """One result table in a run record.

    `inputs` has a fingerprint for each file (`<dataset>/<file>`, `registry_csv`) and the digest of each upstream table (`table:<name>`).
    """

    status: Literal["ok", "failed"]
    rows: int | None
    money_usd: float | None
    coverage: float | None
    bytes: int | None
    digest: str | None
    seconds: float
    peak_memory_mb: int
    inputs: dict[str, FingerprintEntry | str]
    findings: list[FindingEntry]
    checks: list[CheckEntry]
    error: str | None
    package_version: str
    finished: str


class RunRecord(TypedDict):
    """What the last refresh of each table of a year came to; `year` is None in the record of the merged tables.

    `unfinished` are the tables that the run under way has still to make; a run that ends, well or not, leaves none, and one that dies all of them.
    """

    year: int | None
    rollups: dict[str, RollupEntry]
    tables: dict[str, TableEntry]
    unfinished: list[str]


@dataclass(frozen=True)
class Fingerprint:
    """Size and modification time to notice a change, a content digest to decide.

    Attributes:
        size: bytes.
        mtime_ns: modification time.
        digest: SHA-256 of what `content_digest` reads of the file.
    """

    size: int
    mtime_ns: int
    digest: str

    def entry(self) -> FingerprintEntry:
        """As it stands in a run record."""
        return FingerprintEntry(size=self.size, mtime_ns=self.mtime_ns, digest=self.digest)


def package_version() -> str:
    """Version of the installed package, or a word that says it runs uninstalled."""
    try:
        return importlib.metadata.version("bess-assets")
    except importlib.metadata.PackageNotFoundError:
        return "0+uninstalled"


# --- where things are ---------------------------------------------------------------------------------------------------------------------


def result_path(results: Path, table: str, year: int | None) -> Path:
    """File of a result table: `<results>/<table>/<year>.parquet`; a merged table's is `<results>/<table>/all.parquet`."""
    return results / table / f"{MERGED if year is None else year}.parquet"


def rollup_folder(settings: Settings) -> "RollupFolder":
    """The rollups that are there: the user's own, and those built from reports.

    What was built from made-up reports is not used beside real rollups: it would fill their gaps.
    """
    made_up = (settings.built / MARKER).is_file()
    real_rollups = settings.rollups.is_dir() and not (settings.rollups / MARKER).is_file()
    beside_real = made_up and real_rollups and any(settings.rollups.glob("*/*.parquet"))
    return RollupFolder(settings.rollups, None if beside_real else settings.built)


def report_files(results: Path, files: FileSet, year: int) -> tuple[Path, ...]:
    """Files of a set: `<results>/<name>/<year>/..`, the one to open first."""
    return tuple(results / files.name / str(year) / name.format(year=year) for name in files.files)


class RollupFolder:
    """Finds the rollup files of a year: the user's own first, and built ones where those do not cover it.

    The user's 60-day files are filed by year of publication, so that Y and Y+1 together hold a delivery year; built ones are filed by delivery year.
    """

    def __init__(self, rollups: Path, built: Path | None = None) -> None:
        """Search the user's folder, and the one where rollups are built."""
        self.rollups = rollups
        self.built_root = built

    def found(self, dataset: str, file_year: int) -> Path | None:
        """The user's file `<rollups>/<Folder>/<file_year>.parquet`, if it is there."""
        return _file_in(self.rollups, dataset, file_year)

    def built(self, dataset: str, year: int) -> Path | None:
        """The rollup that was built of a delivery year, if it is there."""
        return _file_in(self.built_root, dataset, year) if self.built_root else None

    def covers(self, dataset: str, year: int) -> bool:
        """Whether the user's own files hold the delivery year, as far as their names say: it is then never built."""
        return all(self.found(dataset, file_year) for file_year in file_years(dataset, year))

    def files(self, dataset: str, year: int) -> list[Path]:
        """Existing files that may hold rows of the operating year, oldest publication first, and a built one, if it is needed, last."""
        files = [self.found(dataset, file_year) for file_year in file_years(dataset, year)]
        if not all(files):
            files.append(self.built(dataset, year))
        return [path for path in files if path is not None]

    def goes_beyond(self, dataset: str, year: int) -> bool:
        """Whether a file that need not be read for the year holds later days: a built one of the next delivery year."""
        later = [file_year for file_year in file_years(dataset, year) if file_year > year]
        return any(self.built(dataset, file_year) and not self.covers(dataset, year) for file_year in later)


def _file_in(root: Path, dataset: str, year: int) -> Path | None:
    from bess_assets.ercot.datasets import DATASETS  # noqa: PLC0415  loads pyarrow, which queries do without

    path = root / DATASETS[dataset].folder / f"{year}.parquet"
    return path if path.is_file() else None


def file_years(dataset: str, year: int) -> tuple[int, ...]:
    """Years in the names of the files that may hold rows of the operating year: 60-day data are grouped by publication year."""
    from bess_assets.ercot.datasets import DATASETS  # noqa: PLC0415  loads pyarrow, which queries do without

    return (year, year + 1) if DATASETS[dataset].sixty_day else (year,)


def input_files(settings: Settings, year: int | None, table: Table | FileSet) -> dict[str, Path]:
    """Existing files that a step reads, by the name they have in the run record.

    The user's battery table counts as read by the registry and the extracts, the steps that may look into it; a `schema.json` and
    an `expected_rows.json` by the schemas.
    """
    if year is None:
        return {}
    folder = rollup_folder(settings)
    files = {f"{d}/{rollup_name(path)}": path for d in table.datasets for path in folder.files(d, year)}
    if table.group == "schemas":
        found = {
            f"{d}/schema.json": path.with_name("schema.json") for d in table.datasets for path in folder.files(d, year)
        }
        found[EXPECTED_ROWS_FILE] = settings.rollups / EXPECTED_ROWS_FILE
        files |= {name: path for name, path in found.items() if path.is_file()}
    if settings.registry_csv and in_battery_table(table):
        files[BATTERY_TABLE] = settings.registry_csv
    return files


def in_battery_table(table: Table | FileSet) -> bool:
    """Whether the step of a table may look into the user's battery table."""
    return table.group in {"registry", "extracts"}


def later_inputs(settings: Settings, year: int | None, table: Table | FileSet) -> dict[str, str]:
    """Built rollups of the next year that close this one by being there, by their name in the run record."""
    if year is None:
        return {}
    folder = rollup_folder(settings)
    return {f"{LATER}{d}": "there" for d in table.datasets if folder.goes_beyond(d, year)}


def result_years(results: Path, table: str) -> list[int]:
    """Years for which a result file of the table exists, ascending."""
    return sorted(int(path.stem) for path in (results / table).glob("*.parquet") if path.stem.isdigit())


# --- fingerprints -------------------------------------------------------------------------------------------------------------------------

_digests: dict[tuple[str, int, int], str] = {}


def fingerprint(path: Path) -> Fingerprint:
    """Fingerprint of a file; a digest is reckoned once per process for one size and time.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    status = path.stat()
    key = (str(path), status.st_size, status.st_mtime_ns)
    if key not in _digests:
        _digests[key] = content_digest(path)
    return Fingerprint(status.st_size, status.st_mtime_ns, _digests[key])


def same(old: Fingerprint, path: Path) -> bool:
    """Whether the file still holds what it held: a touched file does, a missing one does not."""
    try:
        status = path.stat()
    except OSError:
        return False
    if status.st_size != old.size:
        return False
    return status.st_mtime_ns == old.mtime_ns or fingerprint(path).digest == old.digest


def content_digest(path: Path) -> str:
    """SHA-256 of a small file; of a large one, of its size, its Parquet footer and blocks spread evenly over its pages.

    The footer holds the place and size of every page run and most columns' extremes, so that a restated file differs there; the blocks catch the rest.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _WHOLE_FILE_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(size.to_bytes(8, "little"))
        file.seek(size - 8)
        tail = file.read(8)
        footer = int.from_bytes(tail[:4], "little") + 8 if tail[4:] == b"PAR1" else _SAMPLE_BYTES
        file.seek(max(0, size - footer))
        digest.update(file.read())
        for block in range(_SAMPLE_BLOCKS):
            file.seek(block * (size - _SAMPLE_BYTES) // (_SAMPLE_BLOCKS - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def whole_digest(path: Path) -> str:
    """SHA-256 of a whole file: what decides whether a result differs from the one before."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# --- one writer a year --------------------------------------------------------------------------------------------------------------------

_held: dict[Path, tuple[FileLock, int]] = {}
_held_guard = threading.Lock()


@contextmanager
def year_lock(settings: Settings, year: int | None, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Hold the year for this process, whatever happens to it: the kernel frees the lock when the process dies.

    A process that holds a year already may take it again.

    Args:
        settings: says where the locks are.
        year: the year; None for the merged tables.
        wait_seconds: how long to wait for another process.

    Yields:
        True if the year was free before, False if this process held it already.

    Raises:
        YearBusyError: another process holds the year.
    """
    path = settings.locks / (MERGED if year is None else str(year))
    first = _take(path, wait_seconds)
    try:
        yield first
    finally:
        _release(path)


@contextmanager
def rollup_lock(settings: Settings) -> Iterator[None]:
    """Hold the folder of built rollups for this process.

    Raises:
        YearBusyError: another process builds rollups.
    """
    path = settings.locks / "rollup"
    _take(path, _ROLLUP_WAIT_SECONDS)
    try:
        yield
    finally:
        _release(path)


def year_is_busy(settings: Settings, year: int | None) -> bool:
    """Whether some process, this one or another, holds the year right now."""
    path = settings.locks / (MERGED if year is None else str(year))
    with _held_guard:
        if path in _held:
            return True
    if not path.exists():
        return False
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def _take(path: Path, wait_seconds: float) -> bool:
    with _held_guard:
        if path in _held:
            lock, times = _held[path]
            _held[path] = (lock, times + 1)
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout as error:
            raise YearBusyError(
                f"Another process is working on {path.name}{_holder(path)}.",
                file=path,
                remedy="Wait until it is done. The lock frees itself when that process ends, however it ends.",
            ) from error
        _held[path] = (lock, 1)
        _note_holder(path)
        return True


def _release(path: Path) -> None:
    with _held_guard:
        lock, times = _held.pop(path)
        if times > 1:
            _held[path] = (lock, times - 1)
        else:
            lock.release()


def _note_holder(path: Path) -> None:
    # Beside the lock file and not in it: some systems let nobody read a locked file. Read only while the lock is held, so a stale one misleads nobody.
    note = {"pid": os.getpid(), "host": socket.gethostname(), "command": " ".join(sys.argv)[:200], "since": _now()}
    with suppress(OSError):
        path.with_name(f"{path.name}.holder").write_text(json.dumps(note), encoding="utf-8")


def _holder(path: Path) -> str:
    try:
        note = json.loads(path.with_name(f"{path.name}.holder").read_text(encoding="utf-8"))
        return f": process {note['pid']} on {note['host']}, since {note['since']} ({note['command']})"
    except (OSError, ValueError, KeyError):
        return ""


# --- files of runs that died --------------------------------------------------------------------------------------------------------------


def temporary_path(path: Path) -> Path:
    """A new name for writing beside a file; in the same folder, so that the rename is one step of the file system."""
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def remove_stale_files(settings: Settings, year: int | None) -> list[Path]:
    """Remove what a dead run left half written; call it while holding the year and before writing.

    Returns:
        the files removed.
    """
    name = f"{MERGED if year is None else year}.parquet"
    stale = [path for table in TABLES for path in (settings.results / table).glob(f".{name}.*.tmp")]
    stale += [path for files in FILE_SETS for path in (settings.results / files / str(year)).glob(".*.tmp")]
    for path in stale:
        path.unlink(missing_ok=True)
    record = run_record_path(settings.results, year)
    if any(record.parent.glob(f".{record.name}.*.tmp")):
        with _record_lock(record):  # a process at work on another year may write this record right now
            half_records = list(record.parent.glob(f".{record.name}.*.tmp"))
            for path in half_records:
                path.unlink(missing_ok=True)
            stale += half_records
    return stale


# --- the run record -----------------------------------------------------------------------------------------------------------------------


def run_record_path(results: Path, year: int | None) -> Path:
    """`<results>/_runs/<year>.json`; the merged tables' is `all.json`."""
    return results / RUNS_FOLDER / f"{MERGED if year is None else year}.json"


def read_run(results: Path, year: int | None) -> RunRecord:
    """The run record of a year; an empty one if nothing was recorded yet.

    Raises:
        BessError: the file is there and is no run record.
    """
    path = run_record_path(results, year)
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return RunRecord(
            year=record["year"],
            rollups=record["rollups"],
            tables=record["tables"],
            unfinished=record.get("unfinished", []),
        )
    except FileNotFoundError:
        return RunRecord(year=year, rollups={}, tables={}, unfinished=[])
    except (ValueError, KeyError, TypeError) as error:
        raise BessError(
            "The run record cannot be read.",
            file=path,
            remedy="Remove it; the next refresh of the year writes it anew.",
        ) from error


def recorded_years(results: Path) -> list[int]:
    """Years that have a run record, ascending."""
    return sorted(int(path.stem) for path in (results / RUNS_FOLDER).glob("*.json") if path.stem.isdigit())


def recorded_digest(results: Path, year: int, table: str) -> str | None:
    """Digest of a result table when it was last written; None if it never was."""
    entry = read_run(results, year)["tables"].get(table)
    return entry["digest"] if entry else None


def earlier_digests(results: Path, files: FileSet, year: int) -> dict[str, str]:
    """Digests of the tables of earlier years that a set of files looks at, by the name they have among its inputs; empty where none was recorded."""
    return {
        f"table:{table}/{earlier}": recorded_digest(results, earlier, table) or ""
        for table in files.earlier
        for earlier in result_years(results, table)
        if earlier < year
    }


def record_table(results: Path, year: int | None, table: str, entry: TableEntry) -> None:
    """Put what became of a table into the run record."""
    with _changing(results, year) as record:
        record["tables"][table] = entry
        if table in record["unfinished"]:
            record["unfinished"].remove(table)


def begin_run(results: Path, year: int | None, tables: Collection[str]) -> None:
    """Note what a run is about to make, so that its death will be seen; call it while holding the year."""
    with _changing(results, year) as record:
        record["unfinished"] = list(tables)


def end_run(results: Path, year: int | None) -> None:
    """Note that a run has ended, well or not: what it did not make, something held back."""
    if read_run(results, year)["unfinished"]:
        with _changing(results, year) as record:
            record["unfinished"] = []


def fail_unfinished(results: Path, year: int | None) -> list[str]:
    """Mark as failed what a dead run was still to make; call it while holding the year, and with no run of one's own under way.

    Returns:
        the tables marked.
    """
    left = read_run(results, year)["unfinished"]
    if left:
        with _changing(results, year) as record:
            for table in left:
                inputs = record["tables"][table]["inputs"] if table in record["tables"] else {}
                record["tables"][table] = table_entry(
                    status="failed", seconds=0.0, peak_memory_mb=0, inputs=inputs, error=DIED
                )
            record["unfinished"] = []
    return left


def record_rollup(results: Path, year: int, dataset: str, file_name: str, entry: RollupFileEntry | None) -> None:
    """Put one rollup file into the record of an operating year that reads it; None where it is absent."""
    with _changing(results, year) as record:
        files = record["rollups"].get(dataset, RollupEntry(origin="absent", files={}))["files"]
        files.pop(file_name, None)
        if entry is not None:
            files[file_name] = entry
        built = [name for name in files if name.startswith(f"{BUILT_FOLDER}/")]
        origin: Literal["found", "built", "absent"] = "absent"
        if files:
            origin = "found" if len(built) < len(files) else "built"
        record["rollups"][dataset] = RollupEntry(origin=origin, files=dict(sorted(files.items())))


def table_entry(
    *,
    status: Literal["ok", "failed"],
    seconds: float,
    peak_memory_mb: int,
    inputs: Mapping[str, FingerprintEntry | str],
    rows: int | None = None,
    money_usd: float | None = None,
    coverage: float | None = None,
    size: int | None = None,
    digest: str | None = None,
    findings: list[FindingEntry] | None = None,
    checks: list[CheckEntry] | None = None,
    error: str | None = None,
) -> TableEntry:
    """An entry finished now, by this version of the package."""
    return TableEntry(
        status=status,
        rows=rows,
        money_usd=money_usd,
        coverage=coverage,
        bytes=size,
        digest=digest,
        seconds=round(seconds, 3),
        peak_memory_mb=peak_memory_mb,
        inputs=dict(inputs),
        findings=findings or [],
        checks=checks or [],
        error=error,
        package_version=package_version(),
        finished=_now(),
    )


@contextmanager
def _changing(results: Path, year: int | None) -> Iterator[RunRecord]:
    path = run_record_path(results, year)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _record_lock(path):
        record = read_run(results, year)
        yield record
        text = _record_text(record)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        temporary = temporary_path(path)
        try:
            with writing(path):
                temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _record_text(record: RunRecord) -> str:
    """A run record as JSON, one dataset or table a line: it is written some sixty times a refresh, and indenting all of it would take ten times as long."""

    def lines(entries: Mapping[str, object]) -> str:
        inside = [f"  {json.dumps(name)}: {json.dumps(entry, allow_nan=False)}" for name, entry in entries.items()]
        return "{\n" + ",\n".join(inside) + "\n }" if inside else "{}"

    parts = [
        f' "year": {json.dumps(record["year"])}',
        f' "rollups": {lines(record["rollups"])}',
        f' "tables": {lines(record["tables"])}',
        f' "unfinished": {json.dumps(record["unfinished"])}',
    ]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _record_lock(path: Path) -> FileLock:
    return FileLock(path.with_name(f".{path.stem}.lock"), timeout=_RECORD_LOCK_SECONDS)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
