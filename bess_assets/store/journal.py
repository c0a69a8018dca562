"""The run record of a year, `<results>/_runs/<year>.json`: how its tables were last made, and which a run under way has still to make.

It names the inputs of each table: a run notes them, and the status compares them.
"""

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, Unpack

import bess_assets
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER, rollup_name
from bess_assets.errors import NOT_AS_WRITTEN
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import Fingerprint, whole_digest
from bess_assets.store.listing import year_name, yearly_files
from bess_assets.store.paths import EXPECTED_ROWS_FILE, result_path, rollup_folder, run_record_path
from bess_assets.store.whole import read_sealed, sealed, write_text
from bess_assets.tables import ASKED_FOR, EVERY_TABLE, Table

UPSTREAM = "table:"
"""Begins the name of an input that is a result table: `table:<name>`, of another year `table:<name>/<year>`."""
_FORMAT = 2
"""Of run records: the first that are sealed."""
DIED = "The process of its last run ended before it was made."

_log = logging.getLogger(__name__)


class RollupFileEntry(TypedDict):
    """One rollup file; `error` where it cannot be used; `built` has of a built one the manifest in brief."""

    rows: int
    bytes: int
    fingerprint: Fingerprint
    missing: list[str]
    unknown: list[str]
    zero_filled: list[str]
    error: NotRequired[str]
    built: NotRequired[dict[str, Any]]


class RollupEntry(TypedDict):
    """The files of one dataset that the year reads, by name: `2024.parquet` is the user's, `built/2024.parquet` was built from reports.

    `closed` says that a built rollup of the next year, which is not read, shows that this year is over.
    """

    origin: Literal["found", "built", "absent"]
    files: dict[str, RollupFileEntry]
    closed: NotRequired[bool]


class CheckEntry(TypedDict):
    """One check; `numbers` are figures of it by name, `causes` the fields of each `Cause` that one which did not pass has found."""

    name: str
    passed: bool
    blocking: bool
    detail: str
    numbers: NotRequired[dict[str, float | None]]
    causes: NotRequired[list[dict[str, Any]]]


class Written(TypedDict, total=False):
    """What is known of a table that was made, or why it was not; `files` has a fingerprint of each of its files by name.

    `money_usd` is the sum of its money column, `coverage` the ratio of its two coverage columns, `digest` the SHA-256 of its file, each None where it has
    none; `made_up` says whether the rollups in use were simulated when its file was made; `left_out` has the fields of each `LeftOut` of its findings.
    """

    rows: int | None
    money_usd: float | None
    coverage: float | None
    bytes: int | None
    digest: str | None
    files: dict[str, Fingerprint]
    findings: list[dict[str, Any]]
    checks: list[CheckEntry]
    error: str | None
    code_version: str
    made_up: bool
    left_out: Sequence[Sequence[str | int]]


class TableEntry(Written):
    """One result table, or set of files; `inputs` has a fingerprint or a digest for each name of `table_inputs`."""

    status: Literal["ok", "failed"]
    seconds: float
    peak_memory_mb: int
    inputs: dict[str, Fingerprint | str]
    package_version: str
    finished: str


class RunRecord(TypedDict):
    """All that is recorded of a year; `year` is None in the record of the merged tables.

    `unfinished` are the tables that the run under way has still to make. A run that ends leaves none, one that is killed leaves those it did not make.
    `damaged` says why the file of a record could not be read, in words; the record is empty then.
    """

    year: int | None
    rollups: dict[str, RollupEntry]
    tables: dict[str, TableEntry]
    unfinished: list[str]
    damaged: NotRequired[str]


def read_run(results: Path, year: int | None) -> RunRecord:
    """The run record of a year; an empty one if nothing was recorded yet, or if the file is not as it was written."""
    path = run_record_path(results, year)
    empty = RunRecord(year=year, rollups={}, tables={}, unfinished=[])
    try:
        record = read_sealed(path, year=year)
        return RunRecord(
            year=year, rollups=record["rollups"], tables=record["tables"], unfinished=record.get("unfinished", [])
        )
    except FileNotFoundError:
        return empty
    except (OSError, ValueError, KeyError, TypeError) as error:
        return {**empty, "damaged": f"its run record {path.name} {NOT_AS_WRITTEN}: {error}"}


class Journal:
    """The run record of a year in memory, for the one process that holds the year; written whole, by a rename, whenever a table is finished.

    `write` writes its text; where the results are in an object store it also puts there what the record names.
    """

    def __init__(self, results: Path, year: int | None, write: Callable[[Path, str], None] = write_text) -> None:
        self.path, self.record = run_record_path(results, year), read_run(results, year)
        self._write_text = write
        damage = self.record.pop("damaged", None)
        if damage:
            _log.warning("%s: %s; it is made anew of what is refreshed now", year_name(year), damage)
        self._written = "" if damage else _record_text(self.record)

    def begin(self, tables: Collection[str]) -> None:
        """Note the tables that a run is about to make, so that its death will be seen; at its end, that there are none."""
        self.record["unfinished"] = list(tables)
        self._write()

    def put_table(self, name: str, entry: TableEntry) -> None:
        """Record how a table was made, or why it was not.

        Every entry has the version of its code; that of a failed table says of the files that are still there whether they are made up, and their digests.
        """
        before = self.record["tables"].get(name)
        if entry["status"] == "failed" and before:
            kept = {key: before[key] for key in ("made_up", "files") if key in before}
            entry.update(kept)  # type: ignore[typeddict-item]
        self.record["tables"][name] = {"code_version": EVERY_TABLE[name].code_version, **entry}
        self.record["unfinished"] = [table for table in self.record["unfinished"] if table != name]
        self._write()

    def fail_unfinished(self) -> list[str]:
        """Record as failed what a dead run was still to make; returns these tables."""
        left, tables = self.record["unfinished"], self.record["tables"]
        for name in left:
            inputs = tables[name]["inputs"] if name in tables else {}
            self.put_table(name, table_entry(status="failed", inputs=inputs, seconds=0.0, peak_memory_mb=0, error=DIED))
        return left

    def _write(self) -> None:
        text = _record_text(self.record)
        if text != self._written:
            self._write_text(self.path, text)
            self._written = text


def _record_text(record: RunRecord) -> str:
    """A run record as JSON, one dataset or table a line: it is written some twenty times a refresh, and indenting all of it would take ten times as long."""

    def text(value: object) -> str:
        if not isinstance(value, dict):
            return json.dumps(value)
        lines = (f"  {json.dumps(name)}: {json.dumps(entry, allow_nan=False)}" for name, entry in value.items())
        return "{\n" + ",\n".join(lines) + "\n }"

    entries = {"format": _FORMAT, **record}.items()
    return sealed("{\n" + ",\n".join(f" {json.dumps(name)}: {text(value)}" for name, value in entries) + "\n}\n")


def table_entry(
    *,
    status: Literal["ok", "failed"],
    seconds: float,
    peak_memory_mb: int,
    inputs: Mapping[str, Fingerprint | str],
    **written: Unpack[Written],
) -> TableEntry:
    """An entry finished now, by this version of the package."""
    nothing: Any = dict.fromkeys(("rows", "money_usd", "coverage", "bytes", "digest", "error"))
    return {
        "status": status,
        "seconds": round(seconds, 3),
        "peak_memory_mb": peak_memory_mb,
        "inputs": dict(inputs),
        "package_version": bess_assets.__version__,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        **nothing,
        "findings": [],
        "checks": [],
        **written,
    }


def table_inputs(settings: Settings, year: int | None, table: Table, record: RunRecord) -> dict[str, Path | str | None]:
    """All inputs of a table by name: the path of each file, the digest of each result table, None where its file is absent.

    A built rollup of the next year, which is not read, closes the year by being there; it is named too. A merged table, of the year None, is made of
    its upstream table of every year.
    """
    results, folder = settings.results, rollup_folder(settings)
    inputs: dict[str, Path | str | None] = {**input_files(settings, year, table)}
    if year is not None:
        inputs |= {f"{LATER}{dataset}": "there" for dataset in table.datasets if folder.goes_beyond(dataset, year)}
        for name in table.upstream:
            if (digest := result_digest(results, name, year, record)) or name not in ASKED_FOR:
                inputs[f"{UPSTREAM}{name}"] = digest
        record_before = read_run(results, year - 1) if table.before else record
        for name in table.before:
            if digest := result_digest(results, name, year - 1, record_before):
                inputs[f"{UPSTREAM}{name}/{year - 1}"] = digest
    for name in table.upstream if year is None else table.earlier:
        for other in yearly_files(results, name):
            if year is None or other < year:
                inputs[f"{UPSTREAM}{name}/{other}"] = result_digest(results, name, other, read_run(results, other))
    return inputs


def input_files(settings: Settings, year: int | None, table: Table) -> dict[str, Path]:
    """Existing files that a step reads, by name.

    The user's battery table counts as read by the registry and the extracts, the steps that may look into it; a `schema.json` and
    an `expected_rows.json` by the schemas.
    """
    if year is None:
        return {}
    rollups = [(dataset, path) for dataset in table.datasets for path in rollup_folder(settings).files(dataset, year)]
    files = {f"{dataset}/{rollup_name(path)}": path for dataset, path in rollups}
    if table.group == "schemas":
        found = {f"{dataset}/schema.json": path.with_name("schema.json") for dataset, path in rollups}
        found[EXPECTED_ROWS_FILE] = settings.rollups / EXPECTED_ROWS_FILE
        files |= {name: path for name, path in found.items() if path.is_file()}
    if settings.registry_csv and in_battery_table(table):
        files[BATTERY_TABLE] = settings.registry_csv
    return files


def in_battery_table(table: Table) -> bool:
    """Whether the step of a table may look into the user's battery table."""
    return table.group in {"registry", "extracts"}


def result_digest(results: Path, table: str, year: int, record: RunRecord) -> str | None:
    """Digest of a result file that is there: as recorded, or of its bytes where the record has none; None if it is absent."""
    path, entry = result_path(results, table, year), record["tables"].get(table)
    return ((entry["digest"] if entry else None) or whole_digest(path)) if path.is_file() else None
