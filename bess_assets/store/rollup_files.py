"""The folder of built rollups: each is `<Folder>/<year>.parquet` by delivery year with a manifest beside it; an index says what every report file holds.

A report is one CSV file as published, a file of its own or a member of a ZIP; an entry of the index says its dataset, years and digest, or why it is not
used. The manifest lists the reports in the rollup by content, counts rows, and says what the year lacks. Which reports a rollup lacks is found without
reading rows: the name of a new file says what it holds, or else its first lines do; the next roll-up reads the file and corrects that.
"""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.ercot.calendar import day_of_number
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import LAYOUT_COLUMN
from bess_assets.ercot.publications import tells_its_year
from bess_assets.ercot.report_rows import Parsed, day_span, years_of
from bess_assets.ercot.reports import (
    UNPACKING_ERRORS,
    RefusedError,
    Report,
    guess,
    open_reports,
    recognise,
    report_files,
)
from bess_assets.ercot.rollup import EXAMPLES, BuiltFile, DayFile, Merge, judge, write_rollup, write_scratch
from bess_assets.errors import NOT_AS_WRITTEN, DamagedError, InputError, writing
from bess_assets.store.fingerprint import Fingerprint, recorded_as, same, stamp
from bess_assets.store.listing import Mark, ReportNews, Target, mark_of
from bess_assets.store.whole import copy_whole, read_sealed, sealed, whole, write_json, write_text

INDEX_NAME = "reports.json"
"""The index in the folder of built rollups: made anew when it is gone."""

Entry = dict[str, Any]
Taken = dict[str, dict[str, tuple[bool, int]]]
"""The contents in a built rollup: by digest, the files that it was taken from, and the publication of each, see `_publication`."""

_BEGINNING_BYTES = 2**16
_SUPERSEDED = 500
"""Superseded reports named in a manifest, at most: the last ones."""
_FORMAT = 2
"""Of index and manifests: the first that are sealed."""
_BUILD = "Build it again from its reports: bess rollup, or bess refresh YEAR"
_log = logging.getLogger(__name__)


def built_path(built: Path, dataset: str, year: int) -> Path:
    """File of the built rollup of a dataset and delivery year."""
    return built / DATASETS[dataset].folder / f"{year}.parquet"


def manifest_path(rollup: Path) -> Path:
    """The manifest beside a built rollup."""
    return rollup.with_suffix(".manifest.json")


def read_manifest(rollup: Path) -> dict[str, Any] | None:
    """The manifest of a built rollup; None if there is none.

    Raises:
        DamagedError: it is there and is not as it was written.
    """
    path = manifest_path(rollup)
    try:
        of = {dataset.folder: name for name, dataset in DATASETS.items()}
        return read_sealed(path, dataset=of[rollup.parent.name], year=int(rollup.stem))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(
            f"The manifest of a built rollup {NOT_AS_WRITTEN}: {error}", file=path, remedy=_BUILD
        ) from error


def hold_against_manifest(rollup: Path, manifest: Mapping[str, Any] | None, digest: str | None = None) -> None:
    """Compare a built rollup with what its manifest says of it: size and time, or its digest where that is given.

    Raises:
        DamagedError: it is another file. A manifest of an earlier version says nothing of it.
    """
    said = manifest.get("rollup") if manifest else None
    if said and not (same(said, rollup) if digest is None else said["digest"] == digest):
        raise DamagedError(f"A built rollup {NOT_AS_WRITTEN}.", file=rollup, remedy=_BUILD)


def whole_manifest(rollup: Path) -> dict[str, Any] | None:
    """The manifest of a built rollup if both are as they were written, else None."""
    with suppress(DamagedError):
        manifest = read_manifest(rollup)
        hold_against_manifest(rollup, manifest)
        return manifest
    return None


class ReportIndex:
    """Entries of every report file, by its name: the path below the folder of reports. A file that has not changed is not opened again.

    An index that cannot be read, or is of another folder, is empty.

    Attributes:
        files: fingerprint and entries of every file that was opened.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root, self._before = path, root, ""
        self.files: dict[str, dict[str, Any]] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = read_sealed(path)
            self._before = path.read_text(encoding="utf-8")
            if content["root"] == str(root):
                self.files = dict(content["files"])

    def entries(self, name: str) -> list[Entry] | None:
        """Entries of a file; None if it is new or its content has changed."""
        known, path = self.files.get(name), self._root / name
        if known is None or not same(
            Fingerprint(size=known["size"], mtime_ns=known["mtime_ns"], digest=known.get("digest", "")), path
        ):
            return None
        known["mtime_ns"] = stamp(path)[1]
        return list(known["reports"])

    def put(self, name: str, seen: Fingerprint, entries: list[Entry]) -> None:
        """Note what a file holds; the entries may still be filled in."""
        self.files[name] = {**seen, "reports": entries}

    def drop_absent(self, there: Collection[str]) -> None:
        """Forget files that are not there any more, but for those that were removed once they were rolled up."""
        self.files = {n: known for n, known in self.files.items() if n in there or known.get("removed")}
        for name in there:
            self.files.get(name, {}).pop("removed", None)

    def rolled_up(self, built: Path) -> Iterator[tuple[str, bool]]:
        """Files all of whose reports are in rollups, or of no dataset, and whether each was removed; a file without a dataset is none of them."""
        for name, known in self.files.items():
            used = [entry for entry in known["reports"] if "other" not in entry]
            if used and all(_is_in(entry, label_of(name, entry), built) for entry in used):
                yield name, known.get("removed", False)

    def save(self) -> None:
        """Write it, whole or not at all, if it has changed."""
        text = sealed(json.dumps({"format": _FORMAT, "root": str(self._root), "files": self.files}))
        if text != self._before:
            write_text(self._path, text)


def taken_of(reports: Iterable[Mapping[str, Any]]) -> Taken:
    """The contents that a manifest lists."""
    taken: Taken = {}
    for report in reports:
        taken.setdefault(report["sha256"], {})[report["file"]] = _publication(report)
    return taken


def _is_in(entry: Entry, label: str, built: Path) -> bool:
    """Whether all rows of a report are in rollups as they are now."""
    dataset, years = entry.get("dataset"), entry.get("years")
    return bool(dataset and years and not entry.get("refused")) and all(
        is_taken(entry, label, _taken(built_path(built, str(dataset), year))) for year in years or ()
    )


def is_taken(entry: Entry, label: str, taken: Taken) -> bool:
    """Whether a report is in a rollup, in this or a later publication; a file that was merely touched is no publication."""
    files = taken.get(entry["sha256"], {})
    touched = entry["published_by"] == "file" and label in files
    return touched or max(files.values(), default=(False, -1)) >= _publication(entry)


def _publication(entry: Mapping[str, Any]) -> tuple[bool, int]:
    """When a report was published, in the order in which reports supersede each other: the time of a file alone is behind all others."""
    return entry["published_by"] != "file", entry["published_ms"]


def label_of(name: str, entry: Entry) -> str:
    """Name of a report for people: its file, and the members on the way to it in a ZIP."""
    return " > ".join((name, *entry.get("members", ())))


# --- what rollups lack ----------------------------------------------------------------------------------------------------------------------


def report_news(
    reports: Path, built: Path, covered: Callable[[str, int], bool] = lambda _dataset, _year: False
) -> ReportNews:
    """What is new in a folder of reports, against the rollups, manifests and index that were built of it; no folder is no news.

    A dataset and year that is covered, because the user's own rollups hold it, needs no build.
    """
    if not reports.is_dir():
        return ReportNews()
    index = ReportIndex(built / INDEX_NAME, reports)
    found: defaultdict[Target, list[str]] = defaultdict(list)
    names = [path.relative_to(reports).as_posix() for path in report_files(reports)]
    unreadable = []
    for name in names:
        try:
            entries = index.entries(name)
            targets: Iterable[Target] = {
                (entry["dataset"], year)
                for entry in entries or ()
                if entry.get("dataset") and not entry.get("refused")
                for year in entry["years"]
                if not is_taken(entry, label_of(name, entry), _taken(built_path(built, entry["dataset"], year)))
            }
            for target in _targets_of(reports / name, *stamp(reports / name)) if entries is None else targets:
                if not covered(*target):
                    found[target].append(name)
        except UNPACKING_ERRORS as error:
            if not isinstance(error, FileNotFoundError):  # else it went away after it was listed
                unreadable.append(name)
    rollups = {target: built_path(built, *target) for target in found}
    return ReportNews(
        {target: tuple(found[target]) for target in sorted(found)},
        tuple(sorted(name for name in index.files.keys() - names if not index.files[name].get("removed"))),
        tuple(unreadable),
        frozenset(t for t, path in rollups.items() if path.is_file() and not whole_manifest(path)),
    )


def _taken(rollup: Path) -> Taken:
    return _listed(rollup, mark_of(rollup), mark_of(manifest_path(rollup)))


@lru_cache(maxsize=256)
def _listed(rollup: Path, mark: Mark | None, _manifest: Mark | None) -> Taken:
    """What is in a built rollup; nothing if it or its manifest is gone or cannot be read, which the roll-up will say."""
    manifest = whole_manifest(rollup) if mark else None
    return taken_of(manifest["reports"] if manifest else ())


@lru_cache(maxsize=2**17)
def _targets_of(path: Path, _size: int, _mtime_ns: int) -> frozenset[Target]:
    """Datasets and years that the name of a new file, or else its first lines, speak of; RefusedError if neither does and a report cannot be unpacked."""
    named = guess(path.name) if tells_its_year(path) else {"years": []}
    targets: set[Target] = {(name, year) for name in named.get("of", ()) for year in named["years"]}
    problems = []
    for report, open_bytes in () if targets else open_reports(path):
        try:
            with open_bytes() as file:
                beginning = file.read(_BEGINNING_BYTES)
        except UNPACKING_ERRORS as error:
            problems.append(str(error))
            continue
        heading = recognise(report.name, beginning)
        first_row = beginning[heading.data_starts :].strip().split(b"\n")[0]
        if heading.dataset and first_row and (span := day_span(heading, first_row, first_row)):
            targets.add((heading.dataset.name, day_of_number(span[0]).year))
    if problems and not targets:
        raise RefusedError("; ".join(problems))
    return frozenset(targets)


# --- a rollup -----------------------------------------------------------------------------------------------------------------------------


class BuiltYear:
    """The built rollup of one dataset and delivery year: new reports are added to it, and `finish` writes it.

    Attributes:
        dataset: canonical name.
        year: delivery year.
        path: the rollup.
        manifest: what the manifest beside it says.
        taken: reports in it, those that were added too.
        changed: True once the rollup was written.
        new_reports: number of reports that were added.
        new_bytes: size of them as CSV.
        waiting_bytes: memory of the rows that wait for a scratch file.
    """

    def __init__(
        self, built: Path, dataset: str, year: int, scratch: Path, layouts: dict[tuple[str, ...], int]
    ) -> None:
        self.dataset, self.year, self.path = dataset, year, built_path(built, dataset, year)
        self.changed = False
        self.new_reports = self.new_bytes = self.waiting_bytes = 0
        self._declared, self._scratch, self._layouts = DATASETS[dataset], scratch, layouts
        # where a new manifest waits until the rollup that it describes is in place
        self._begun = self.path.with_name(f".{year}.manifest.begun")
        self._end_what_was_begun()
        # a rollup that was removed is built anew, and so is one that is not as it was written
        self._before = whole_manifest(self.path) if self.path.is_file() else None
        blank = {"format": _FORMAT, "dataset": dataset, "year": year, "rows": {}, "seconds": 0.0, "reports": []}
        self.manifest: dict[str, Any] = {**blank, **(self._before or {}), "format": _FORMAT}
        self._reports: list[dict[str, Any]] = [*self.manifest["reports"]]
        self.taken = taken_of(self._reports)
        self._numbers: dict[tuple[str, str], int] = {}
        self._new, self._waiting = list[DayFile](), list[pa.Table]()
        self._spelled: defaultdict[str, set[str]] = defaultdict(set)
        self._used_layouts: set[int] = set()

    def _end_what_was_begun(self) -> None:
        """After a process died between putting a rollup in place and its manifest: put the manifest in place too, or forget it if the rollup never came."""
        if self._begun.is_file():
            with suppress(ValueError, TypeError, DamagedError):
                manifest = read_sealed(self._begun)
                hold_against_manifest(self.path, manifest)
                write_json(manifest_path(self.path), manifest)
            self._begun.unlink()

    def take(self, report: Report, entry: Entry, label: str, parsed: Parsed, n: int, rows: int) -> int:
        """Number of a report in the manifest, which lists so many rows more of it; -1 if its content is in already.

        The report is the n-th of those that were parsed together, and has so many rows of this year.
        """
        key = (label, entry["sha256"])
        if key not in self._numbers:
            if is_taken(entry, label, self.taken):
                return -1
            self._numbers[key] = len(self._reports)
            self.new_reports += 1
            self.new_bytes += report.bytes
            moment = datetime.fromtimestamp(report.published_ms / 1000, UTC)
            self._reports.append(
                {
                    "file": label,
                    "sha256": entry["sha256"],
                    "published_ms": report.published_ms,
                    "published": moment.isoformat(timespec="milliseconds"),
                    "published_by": report.published_by,
                    "bytes": report.bytes,
                    "rows": 0,
                    "days": [],
                }
            )
            self.taken.setdefault(entry["sha256"], {})[label] = _publication(self._reports[-1])
        listed = self._reports[self._numbers[key]]
        listed["rows"] += rows
        days = np.array(parsed.days.get(n, []), dtype=np.int64)
        own = days[years_of(days) == self.year].tolist()
        listed["days"] = sorted({*listed["days"], *(str(day_of_number(day)) for day in own)})
        for name, count in (("without_a_time", parsed.untimed), ("unreadable_in_unused_columns", parsed.unreadable)):
            if n in count:
                listed[name] = listed.get(name, 0) + count[n]
        return self._numbers[key]

    def add(self, rows: pa.Table, spelled: Mapping[str, str]) -> None:
        """Rows of the year, to be merged later."""
        for name, heading in spelled.items():
            self._spelled[name].add(heading)
        self._used_layouts |= set(pc.unique(rows.column(LAYOUT_COLUMN)).to_pylist())
        self._waiting.append(rows)
        self.waiting_bytes += rows.nbytes

    def spill(self) -> None:
        """Put the rows that wait into a scratch file."""
        if self._waiting:
            waiting, self._waiting, self.waiting_bytes = self._waiting, [], 0
            path = self._scratch / f"{self.dataset}_{self.year}_{len(self._new)}.parquet"
            with writing(self.path):  # else a full disk would pass for a report that cannot be unpacked
                self._new.append(write_scratch(path, waiting))

    def finish(
        self,
        entries: Iterable[tuple[str, Entry]],
        connection: duckdb.DuckDBPyConnection,
        stretch_bytes: int,
        seconds: float,
        before_write: Callable[[int], object],
    ) -> bool:
        """Merge, write and list; returns False, and does nothing, if no report file is of this year.

        Args:
            entries: labels and entries of the index that are of this dataset and year.
            connection: of DuckDB, which chooses rows.
            stretch_bytes: see `Merge`.
            seconds: that reading the new reports took.
            before_write: called with the year before its rollup is replaced.
        """
        self.spill()
        listed = {report["file"] for report in self._reports}
        unused = [(label, entry) for label, entry in entries if entry.get("refused") or label not in listed]
        also = sorted(label for label, e in unused if not e.get("refused") and e.get("sha256") in self.taken)
        refused = sorted((label, entry["refused"]) for label, entry in unused if entry.get("refused"))
        unlisted = self._before is None and self.path.is_file()  # its reports are gone: nothing new may vouch for it
        if not (self._new or self._before or refused) or (unlisted and not self._new):
            return False
        problems = [{"file": label, "problem": problem} for label, problem in refused]
        self.manifest |= {"also": also, "refused": problems, "reports": self._reports}
        self.changed = bool(self._new)
        if self.changed:
            before_write(self.year)
            if self._before is None and self.path.is_file():
                copy_whole(self.path, self.path.with_suffix(".damaged"))  # reports of it may be gone
                _log.warning("%s is built again: it or its manifest %s", self.path, NOT_AS_WRITTEN)
            with whole(self.path) as temporary:
                self._merge(temporary, connection, stretch_bytes, seconds)
                judge(self._declared, self.year, self.manifest)
                # A process that dies once the rollup is in place has noted its manifest: the next one puts that in place too.
                self.manifest["rollup"] = recorded_as(temporary)
                write_json(self._begun, self.manifest)
        else:
            judge(self._declared, self.year, self.manifest)
        if self.manifest != self._before:
            write_json(manifest_path(self.path), self.manifest)
        self._begun.unlink(missing_ok=True)
        return True

    def _merge(
        self, temporary: Path, connection: duckdb.DuckDBPyConnection, stretch_bytes: int, seconds: float
    ) -> None:
        """Write the rollup under another name, and say in the manifest what it holds."""
        started, manifest = time.perf_counter(), self.manifest
        merge = Merge(self._declared, self._built_before(), self._new, self._reports, stretch_bytes)
        layouts = {layout: number for layout, number in self._layouts.items() if number in self._used_layouts}
        tables = merge.tables(connection)
        rows = write_rollup(temporary, self._declared, self.year, merge.schema, tables, self._spelled, layouts)
        seconds += manifest["seconds"] + time.perf_counter() - started
        read_back_seconds = _read_back(temporary, rows)
        for file in self._new:
            file.path.unlink()
        dropped = {
            kind: manifest["rows"].get(kind, 0) + merge.dropped[kind]
            for kind in ("same", "superseded", "contradicting")
        }
        manifest |= {
            "rows": {"read": sum(report["rows"] for report in self._reports), "kept": rows, **dropped},
            "superseded": self._superseded(merge.superseded),
            "contradictions": [*manifest.get("contradictions", []), *merge.examples][:EXAMPLES],
            "csv_bytes": sum(report["bytes"] for report in self._reports),
            "parquet_bytes": temporary.stat().st_size,
            "seconds": round(seconds, 3),
            "read_back_seconds": round(read_back_seconds, 3),
        }

    def _superseded(self, new: Mapping[tuple[int, int], int]) -> list[dict[str, Any]]:
        """Pairs of reports of which one superseded rows of the other; `by_file_time` where only the time of a file dates one of them."""
        pairs = [
            {
                "file": self._reports[lost]["file"],
                "by": self._reports[kept]["file"],
                "rows": rows,
                "by_file_time": "file" in {self._reports[n]["published_by"] for n in (lost, kept)},
            }
            for (lost, kept), rows in sorted(new.items())
        ]
        return [*pairs, *self.manifest.get("superseded", [])][:_SUPERSEDED]

    def _built_before(self) -> BuiltFile | None:
        """The rollup that is there; one of an older version, whose rows are not in order of time, is taken apart like new reports."""
        if self._before is None:
            return None
        built = BuiltFile(self.path, self._layouts)
        self._used_layouts |= set(built.layouts)
        for heading, name in built.columns.items():
            self._spelled[name].add(heading)
        if built.in_order:
            return built
        for table in built.groups():
            self._waiting = [table]
            self.spill()
        return None


def _read_back(path: Path, rows: int) -> float:
    """Seconds that it takes to read a rollup whole: what was written can be read, and has the rows that it should."""
    started = time.perf_counter()
    with pq.ParquetFile(path) as file:
        found = sum(batch.num_rows for batch in file.iter_batches(batch_size=2**17))
    if found != rows:
        raise InputError(
            f"{path.name} was written with {rows:,} rows and reads as {found:,}.",
            file=path,
            remedy="Check the disk, then run bess rollup again.",
        )
    return time.perf_counter() - started
