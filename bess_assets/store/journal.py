"""The run record `<results>/_runs/<year>.json`: the last refresh of each table of a year, and what a run under way has still to make."""

import importlib.metadata
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from filelock import FileLock

from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.errors import BessError, writing
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import FingerprintEntry
from bess_assets.store.paths import MERGED, result_years, run_record_path, temporary_path
from bess_assets.tables import FILE_SETS, TABLES, FileSet

DIED = "The process of its last run ended before it was made."
_RECORD_LOCK_SECONDS = 30.0


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

    `inputs` has a fingerprint for each file (`<dataset>/<file>`, `registry_csv`) and the digest of each upstream table (`table:<name>`). `made_up` says
    whether the rollups in use were simulated when the file that is there now was made.
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
    made_up: NotRequired[bool]


class RunRecord(TypedDict):
    """What the last refresh of each table of a year came to; `year` is None in the record of the merged tables.

    `unfinished` are the tables that the run under way has still to make; a run that ends, well or not, leaves none, and one that dies all of them.
    """

    year: int | None
    rollups: dict[str, RollupEntry]
    tables: dict[str, TableEntry]
    unfinished: list[str]


def package_version() -> str:
    """Version of the installed package, or a word that says it runs uninstalled."""
    try:
        return importlib.metadata.version("bess-assets")
    except importlib.metadata.PackageNotFoundError:
        return "0+uninstalled"


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
        _put(record, table, entry)
        if table in record["unfinished"]:
            record["unfinished"].remove(table)


def _put(record: RunRecord, table: str, entry: TableEntry) -> None:
    """A failed table leaves the file of before in its place, made up or not."""
    before = record["tables"].get(table)
    if entry["status"] == "failed" and before and "made_up" in before:
        entry["made_up"] = before["made_up"]
    record["tables"][table] = entry


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
                failed = table_entry(status="failed", seconds=0.0, peak_memory_mb=0, inputs=inputs, error=DIED)
                _put(record, table, failed)
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
    made_up: bool | None = None,
) -> TableEntry:
    """An entry finished now, by this version of the package."""
    entry = TableEntry(
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
    if made_up is not None:
        entry["made_up"] = made_up
    return entry


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
