"""Report files into annual rollups: `<built>/<Folder>/<year>.parquet` by delivery year, each with a manifest beside it.

Belongs here: which reports a year still lacks, which row of several stands, sorting, writing, the manifest.
Does not: finding and recognising reports (reports.py), reading their rows (report_rows.py), a user's own rollups, which are never written.

A year is built as a sort that does not fit into memory is: batches of rows go to disk in sorted runs, and the runs are merged group by group. A new
day's reports are a run more, merged with the file that is there; the reports in it are not read again. The manifest lists them by content.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.ercot.calendar import OperatingYear, day_ranges
from bess_assets.ercot.datasets import BUILT_COLUMNS, DATASETS, LAYOUT_COLUMN, METADATA_KEY, Dataset, normal_heading
from bess_assets.ercot.report_rows import (
    CST_SECONDS,
    EXTRA,
    TIME,
    Parsed,
    Part,
    day_span,
    distinct,
    iso,
    layout_of,
    number_of,
    parse,
    time_column,
    years_of,
)
from bess_assets.ercot.reports import (
    UNPACKING_ERRORS,
    Heading,
    LineError,
    Refusal,
    Report,
    datasets_named,
    day_named,
    digest_of,
    open_reports,
    read_chunks,
    recognise,
    report_files,
)
from bess_assets.errors import BessError, InputError, writing

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

INDEX_NAME = "reports.json"
"""What is known of every report file, beside the built folders: made anew when it is gone."""

_CHUNK_BYTES = 48 * 2**20
_BATCH_BYTES = 24 * 2**20
_PENDING_BYTES = 192 * 2**20
_RANGE_BYTES = 64 * 2**20
_SLICE_BYTES = 4 * 2**20
_MOST_RUNS = 32
_ROW_GROUP_ROWS = 2**18
_EXAMPLES = 20
_TYPE_COLUMN = "resource_type"
_NAME_COLUMNS = ("resource_name", "settlement_point", "product", "qse")
_FORMAT = 1
_TEXT = pa.dictionary(pa.int32(), pa.string())

_log = logging.getLogger(__name__)


class Progress(Protocol):
    """Told how far a roll-up has come: reports done and in all, and what is being done."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Say it."""
        ...


@dataclass
class BuiltYear:
    """What became of one dataset and year.

    Attributes:
        dataset: canonical name.
        year: delivery year.
        path: its rollup.
        manifest: what stands beside it.
        changed: True if the rollup was written.
        new_reports: reports that were new to it.
    """

    dataset: str
    year: int
    path: Path
    manifest: dict[str, Any]
    changed: bool
    new_reports: int


@dataclass
class RollUp:
    """What a roll-up came to.

    Attributes:
        built: every dataset and year that was looked at and has a rollup.
        files: report files below the folder.
        reports: CSV files in them.
        other: reports that nothing is made of, by their reason.
        refused: files that could not be used and belong to no dataset and year that could be told, with the problem.
    """

    built: list[BuiltYear] = field(default_factory=list)
    files: int = 0
    reports: int = 0
    other: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


def built_path(built: Path, dataset: str, year: int) -> Path:
    """Where the rollup of a dataset and delivery year is built."""
    return built / DATASETS[dataset].folder / f"{year}.parquet"


def manifest_path(rollup: Path) -> Path:
    """The manifest beside a built rollup."""
    return rollup.with_suffix(".manifest.json")


def read_manifest(rollup: Path) -> dict[str, Any] | None:
    """The manifest of a built rollup; None if there is none.

    Raises:
        InputError: it is there and cannot be read.
    """
    path = manifest_path(rollup)
    try:
        manifest = dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        manifest = {}
    if manifest.get("format") != _FORMAT:
        raise InputError(
            "The manifest of a built rollup cannot be read.",
            file=path,
            remedy="Remove it and the rollup beside it; bess rollup builds both again from the reports.",
        )
    return manifest


def _begun_path(rollup: Path) -> Path:
    """Where the manifest of a rollup lies while the one and then the other is put in its place."""
    return rollup.with_name(f".{rollup.stem}.manifest.begun")


def _end_what_was_begun(rollup: Path) -> None:
    """After a process died between putting a rollup in place and its manifest: put the manifest in place too, or forget it if the rollup never came."""
    begun = _begun_path(rollup)
    try:
        noted = json.loads(begun.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    if rollup.is_file() and noted["rollup"] == _marks_of(rollup):
        _write_json(manifest_path(rollup), noted["manifest"])
    begun.unlink()


def _marks_of(rollup: Path) -> list[str | int]:
    """What tells one rollup from another: its size and the end of it, where the footer says where each page lies and what it holds."""
    with rollup.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2**16))
        return [size, hashlib.sha256(file.read()).hexdigest()]


# --- the whole way ------------------------------------------------------------------------------------------------------------------------


def roll_up(
    reports: Path,
    built: Path,
    *,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    covered: Callable[[str, int], bool] = lambda _dataset, _year: False,
    progress: Progress | None = None,
    before_write: Callable[[int], None] | None = None,
) -> RollUp:
    """Bring the built rollups up to date with a folder of reports.

    Args:
        reports: searched with all its subfolders and ZIPs.
        built: where rollups and manifests go.
        years: delivery years wanted; all that the reports hold if not given.
        datasets: datasets wanted; all if not given.
        covered: whether a dataset and year need no build, because the user's own rollups hold them.
        progress: told of each report.
        before_write: called with a year before a rollup of it is replaced.

    Returns:
        what was built; a file that cannot be used is named there and never stops the rest.

    Raises:
        InputError: there is no such folder, or a built rollup or manifest cannot be read.
    """
    if not reports.is_dir():
        raise InputError(
            "There is no folder of reports.",
            file=reports,
            expected="a folder with ERCOT's report files, CSV or ZIP",
            remedy="Name it: bess rollup FOLDER, or set BESS_REPORTS.",
        )
    built.mkdir(parents=True, exist_ok=True)
    for stale in built.glob(".rolling-*"):
        shutil.rmtree(stale, ignore_errors=True)
    for half_written in (*built.glob(".*.tmp"), *built.glob("*/.*.tmp")):
        half_written.unlink(missing_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".rolling-", dir=built))
    try:
        return _RollUp(reports, built, scratch, years, datasets, covered, progress, before_write).run()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _RollUp:
    """One roll-up."""

    def __init__(
        self,
        reports: Path,
        built: Path,
        scratch: Path,
        years: Collection[int] | None,
        datasets: Collection[str] | None,
        covered: Callable[[str, int], bool],
        progress: Progress | None,
        before_write: Callable[[int], None] | None,
    ) -> None:
        self.root = reports
        self.built = built
        self.scratch = scratch
        self.years = None if years is None else set(years)
        self.datasets = set(DATASETS) if datasets is None else set(datasets)
        self.covered = covered
        self.progress = progress
        self.before_write = before_write
        self.index = ReportIndex(built / INDEX_NAME, reports)
        self.targets: dict[tuple[str, int], _Target] = {}
        self.batches: dict[tuple[str, tuple[str, ...]], list[_Taken]] = {}
        self.batch_bytes: dict[tuple[str, tuple[str, ...]], int] = {}
        self.layouts: dict[str, dict[tuple[str, ...], int]] = {}
        self.result = RollUp()

    def run(self) -> RollUp:
        """All of it."""
        files = report_files(self.root)
        self.index.forget_others(files)
        for done, path in enumerate(files):
            entries = self.index.entries(path)
            name = path.relative_to(self.root).as_posix()
            if entries is None or any(self._wanted(entry, label_of(name, entry)) for entry in entries):
                if self.progress:
                    self.progress(done, len(files), path.name)
                self._take_file(path)
        for key in list(self.batches):
            self._flush(key)
        self.index.save()
        self._count(files)
        self._add_targets_of_manifests()
        targets = [self.targets[key] for key in sorted(self.targets)]
        for n, target in enumerate(targets):
            if self.progress:
                self.progress(
                    len(files), len(files), f"writing {target.dataset.folder}/{target.year} ({n + 1} of {len(targets)})"
                )
            done_year = target.finish(self.index, self.before_write)
            if done_year is not None:
                self.result.built.append(done_year)
        return self.result

    # --- files ------------------------------------------------------------------------------------------------------

    def _take_file(self, path: Path) -> None:
        entries: list[dict[str, Any]] = []
        status = path.stat()
        for opened in open_reports(path):
            if isinstance(opened, Refusal):
                entries.append(_refused(opened.members, opened.problem, path.name))
                continue
            report, open_bytes = opened
            try:
                entries.append(self._take_report(report, open_bytes))
            except LineError as error:
                entries.append(_refused(report.members, str(error), report.name))
            except UNPACKING_ERRORS as error:
                entries.append(_refused(report.members, f"cannot be unpacked: {error}", report.name))
        self.index.put(path, status, entries)

    def _take_report(self, report: Report, open_bytes: Callable[[], IO[bytes]]) -> dict[str, Any]:
        started = time.perf_counter()
        with open_bytes() as file:
            chunks = read_chunks(file, _CHUNK_BYTES)
            first = next(chunks, b"")
            second = next(chunks, None)
            # one that is too large to be held is read twice
            digest = digest_of(iter((first,))) if second is None else ""
        heading = recognise(report.name, first[: 2**16] if len(first) > 2**16 else first)
        entry: dict[str, Any] = {
            "members": list(report.members),
            "published_ms": report.published_ms,
            "bytes": report.bytes,
        }
        if heading.dataset is None:
            entry["refused" if heading.refused else "other"] = heading.why_not
            return {**entry, **guess(report.name)}
        if second is not None:
            with open_bytes() as file:
                digest = digest_of(read_chunks(file, _CHUNK_BYTES))
        entry |= {"dataset": heading.dataset.name, "sha256": digest, "published_by": report.published_by}
        if second is not None:
            with open_bytes() as file:
                span = _span(heading, read_chunks(file, _CHUNK_BYTES))
        else:
            span = _span(heading, iter((first,)))
        entry |= {"years": sorted({int(y) for y in years_of(np.array(span))})} if span else {"years": []}
        if not span:
            reason = "without a single row" if heading.data_starts >= len(first.rstrip()) else None
            if reason:
                return {**entry, "refused": reason, **guess(report.name)}
        wanted = self._wanted(entry, report.label(self.root))
        if not span or wanted:
            held = second is None
            taken = _Taken(report, entry, heading, first if held else b"", None if held else open_bytes)
            taken.seconds = time.perf_counter() - started
            if second is None:
                self._add(taken)
            else:
                self._take_large(taken)
        return entry

    def _wanted(self, entry: Mapping[str, Any], file: str) -> bool:
        """Whether a year that is asked for lacks a report."""
        dataset = entry.get("dataset")
        if dataset is None or dataset not in self.datasets or entry.get("refused"):
            return False
        return any(
            self._asked(dataset, year) and not self._target(dataset, year).has(entry, file) for year in entry["years"]
        )

    def _asked(self, dataset: str, year: int) -> bool:
        wanted = dataset in self.datasets and (self.years is None or year in self.years)
        return wanted and not self.covered(dataset, year)

    def _target(self, dataset: str, year: int) -> "_Target":
        key = (dataset, year)
        if key not in self.targets:
            self.targets[key] = _Target(
                DATASETS[dataset], year, built_path(self.built, dataset, year), self.scratch, self._layouts(dataset)
            )
        return self.targets[key]

    def _layouts(self, dataset: str) -> dict[tuple[str, ...], int]:
        return self.layouts.setdefault(dataset, {})

    # --- rows -------------------------------------------------------------------------------------------------------

    def _add(self, taken: "_Taken") -> None:
        key = (taken.entry["dataset"], taken.heading.headings)
        self.batches.setdefault(key, []).append(taken)
        self.batch_bytes[key] = self.batch_bytes.get(key, 0) + len(taken.data)
        if self.batch_bytes[key] >= _BATCH_BYTES:
            self._flush(key)

    def _flush(self, key: tuple[str, tuple[str, ...]]) -> None:
        batch = self.batches.pop(key, [])
        self.batch_bytes.pop(key, None)
        if not batch:
            return
        parts = [
            Part(
                n,
                taken.report.label(self.root),
                taken.report.published_ms,
                2 if taken.heading.data_starts else 1,
                taken.data[taken.heading.data_starts :],
            )
            for n, taken in enumerate(batch)
        ]
        started = time.perf_counter()
        try:
            parsed = self._parse(key, parts)
        except InputError:
            for taken, part in zip(batch, parts, strict=True):
                self._alone(key, taken, part)
        else:
            self._spread(key, batch, parsed, time.perf_counter() - started + sum(taken.seconds for taken in batch))

    def _alone(self, key: tuple[str, tuple[str, ...]], taken: "_Taken", part: Part) -> None:
        started = time.perf_counter()
        try:
            parsed = self._parse(key, [Part(0, part.label, part.published_ms, part.first_line, part.data)])
        except InputError as error:
            self._refuse(taken, error)
        else:
            self._spread(key, [taken], parsed, time.perf_counter() - started + taken.seconds)

    def _refuse(self, taken: "_Taken", error: BessError) -> None:
        expected = f" (expected: {error.expected})" if error.expected else ""
        taken.entry["refused"] = f"{error.problem}{expected}"
        taken.entry |= {"years": taken.entry["years"] or guess(taken.report.name)["years"]}
        _log.warning("%s: %s", taken.report.label(self.root), taken.entry["refused"])

    def _parse(self, key: tuple[str, tuple[str, ...]], parts: Sequence[Part]) -> Parsed:
        dataset = DATASETS[key[0]]
        layouts = self._layouts(key[0])
        return parse(dataset, key[1], parts, layouts.setdefault(layout_of(dataset, key[1]), len(layouts)))

    def _take_large(self, taken: "_Taken") -> None:
        """A report that is read in stretches; nothing of it is kept if one of them can't be read."""
        key = (taken.entry["dataset"], taken.heading.headings)
        assert taken.open_bytes is not None  # noqa: S101  large reports are never held
        for keep in (False, True):
            line, skip = (2 if taken.heading.data_starts else 1), taken.heading.data_starts
            years: set[int] = set()
            with taken.open_bytes() as file:
                for chunk in read_chunks(file, _CHUNK_BYTES):
                    part = Part(0, taken.report.label(self.root), taken.report.published_ms, line, chunk[skip:])
                    line, skip = line + part.data.count(b"\n"), 0
                    started = time.perf_counter()
                    try:
                        parsed = self._parse(key, [part])
                    except InputError as error:
                        self._refuse(taken, error)
                        return
                    if keep:
                        self._spread(key, [taken], parsed, 2 * (time.perf_counter() - started))
                    years |= {int(y) for days in parsed.days.values() for y in years_of(np.array(days))}
            taken.entry["years"] = sorted(years)

    def _spread(
        self, key: tuple[str, tuple[str, ...]], batch: Sequence["_Taken"], parsed: Parsed, seconds: float
    ) -> None:
        """Rows to the years that they belong to, and to each its share of the seconds that they took to read."""
        for n, taken in enumerate(batch):
            days = parsed.days.get(n, [])
            taken.entry["years"] = (
                sorted({*taken.entry["years"], *(int(y) for y in years_of(np.array(days, dtype=np.int64)))})
                if days
                else taken.entry["years"]
            )
            if not days and parsed.untimed.get(n):
                taken.entry["refused"] = "no row has a date, hour or stamp that exists"
        day = np.asarray(parsed.table.column("operating_day").cast(pa.int32()).to_numpy()).astype(np.int64)
        owner = np.asarray(parsed.table.column("report").to_numpy()).astype(np.int64)
        years = years_of(day)
        for year in distinct(years):
            if not self._asked(key[0], year):
                continue
            target = self._target(key[0], year)
            numbers = np.full(len(batch), -1, dtype=np.int64)
            counted = np.bincount(owner[years == year], minlength=len(batch))
            for n in distinct(owner[years == year]):
                numbers[n] = target.take(batch[n], parsed, n, self.root, int(counted[n]))
            chosen = (years == year) & (numbers[owner] >= 0)
            if not chosen.any():
                continue
            rows = parsed.table if chosen.all() else parsed.table.filter(pa.array(chosen))
            at = rows.schema.get_field_index("report")
            rows = rows.set_column(at, "report", pa.array(numbers[owner[chosen]].astype(np.int32)))
            target.add(rows, parsed.spelled)
            target.seconds += seconds * rows.num_rows / max(parsed.table.num_rows, 1)
        if sum(target.pending_bytes for target in self.targets.values()) > _PENDING_BYTES:
            max(self.targets.values(), key=lambda target: target.pending_bytes).spill()

    # --- the end ----------------------------------------------------------------------------------------------------

    def _count(self, files: Sequence[Path]) -> None:
        self.result.files = len(files)
        for path, entry in self.index.all_entries():
            self.result.reports += 1
            if entry.get("refused") and not ((entry.get("dataset") or entry.get("of")) and entry.get("years")):
                self.result.refused.append((label_of(path, entry), entry["refused"]))
            elif entry.get("other"):
                self.result.other[entry["other"]] = self.result.other.get(entry["other"], 0) + 1

    def _add_targets_of_manifests(self) -> None:
        """Years that need no new row are looked at too: a refused file may be new, or gone."""
        for _, entry in self.index.all_entries():
            dataset = entry.get("dataset")
            if dataset in self.datasets:
                for year in entry.get("years", ()):
                    if self._asked(str(dataset), year):
                        self._target(str(dataset), year)


@dataclass
class _Taken:
    """A report that is being rolled up.

    Attributes:
        report: where it lies and when it was published.
        entry: what the index says of it; filled in while it is read.
        heading: dataset and columns.
        data: its bytes; empty where they are too many to hold.
        open_bytes: a way to read those again.
        seconds: that reading took.
        numbers: its number in the manifest of each year that it has rows of.
    """

    report: Report
    entry: dict[str, Any]
    heading: Heading
    data: bytes
    open_bytes: Callable[[], IO[bytes]] | None
    seconds: float = 0.0
    numbers: dict[int, int] = field(default_factory=dict)


def _refused(members: Sequence[str], problem: str, name: str) -> dict[str, Any]:
    own = members[-1].rsplit("/", 1)[-1] if members else name
    return {"members": list(members), "refused": problem, **guess(own)}


def guess(name: str) -> dict[str, Any]:
    """Datasets and year that a file's name speaks of, for a file that can't be read itself."""
    named = datasets_named(name)
    day = day_named(name, named[0] if named else None)
    if not named or day is None:
        return {"dataset": None, "years": []}
    of = [dataset.name for dataset in named if day >= dataset.first_day]
    return {"dataset": of[0] if len(of) == 1 else None, "of": of, "years": [day.year]}


def label_of(path: str, entry: Mapping[str, Any]) -> str:
    """How a report is called: its file, and the members on the way to it in a ZIP."""
    return " > ".join((path, *entry.get("members", ())))


def _span(heading: Heading, chunks: Iterator[bytes]) -> tuple[int, int] | None:
    """Days of the first and the last row; None if they can't be told."""
    dataset = heading.dataset
    if dataset is None:
        return None
    first = last = b""
    skip = heading.data_starts
    for chunk in chunks:
        body = chunk[skip:].strip()
        skip = 0
        if body:
            first = first or body.split(b"\n", 1)[0]
            last = body.rsplit(b"\n", 1)[-1]
    if not first:
        return None
    at = time_column(dataset, heading.headings)
    texts = []
    for line in (first, last):
        cells = line.decode("utf-8", errors="replace").split(",")
        if at >= len(cells):
            return None
        texts.append(cells[at].strip().strip('"'))
    return day_span(*texts)


# --- what is known of every report file ---------------------------------------------------------------------------------------------------


class ReportIndex:
    """What every report file was found to hold, by path, size and time: what has not changed is not opened again."""

    def __init__(self, path: Path, root: Path) -> None:
        self._path = path
        self._root = root
        self._changed = False
        self._files: dict[str, dict[str, Any]] = {}
        self._by_year: dict[tuple[str, int], list[tuple[str, dict[str, Any]]]] | None = None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] == _FORMAT and content["root"] == str(root):
                self._files = dict(content["files"])
        except (OSError, ValueError, KeyError, TypeError):
            self._changed = True  # a cache: what can't be read is made again

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def entries(self, path: Path, status: os.stat_result | None = None) -> list[dict[str, Any]] | None:
        """What a file holds; None if it is new or has changed."""
        known = self._files.get(self._name(path))
        status = status or path.stat()
        if known is None or known["size"] != status.st_size or known["mtime_ns"] != status.st_mtime_ns:
            return None
        return list(known["reports"])

    def earlier(self, path: Path, size: int) -> list[dict[str, Any]] | None:
        """What a file of that size held when it was last opened, though it may have been written since; None if it is new or of another size."""
        known = self._files.get(self._name(path))
        return list(known["reports"]) if known and known["size"] == size else None

    def names(self) -> list[str]:
        """Paths of all files that were opened, below the folder of reports."""
        return list(self._files)

    def put(self, path: Path, status: os.stat_result, entries: list[dict[str, Any]]) -> None:
        """Note what a file holds; the entries may still be filled in."""
        self._changed = True
        self._files[self._name(path)] = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "reports": entries}

    def forget_others(self, files: Sequence[Path]) -> None:
        """Drop files that are gone."""
        names = {self._name(path) for path in files}
        gone = [name for name in self._files if name not in names]
        for name in gone:
            del self._files[name]
            self._changed = True

    def all_entries(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Path and entry of every report."""
        for path, known in self._files.items():
            for entry in known["reports"]:
                yield path, entry

    def of(self, dataset: str, year: int) -> list[tuple[str, dict[str, Any]]]:
        """Path and entry of every report of a dataset and year; complete once all files were taken."""
        if self._by_year is None:
            self._by_year = {}
            for path, entry in self.all_entries():
                for name in {entry.get("dataset"), *entry.get("of", ())} - {None}:
                    for of_year in entry.get("years", ()):
                        self._by_year.setdefault((str(name), of_year), []).append((path, entry))
        return self._by_year.get((dataset, year), [])

    def save(self) -> None:
        """Write it, whole or not at all."""
        if self._changed:
            _write_json(self._path, {"format": _FORMAT, "root": str(self._root), "files": self._files}, indent=None)


def _write_json(path: Path, content: Mapping[str, Any], indent: int | None = 1) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            temporary.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


# --- one dataset and year -----------------------------------------------------------------------------------------------------------------


class TakenReports:
    """The contents that are in a built rollup, as its manifest lists them."""

    def __init__(self, reports: Iterable[Mapping[str, Any]]) -> None:
        """Those of a manifest."""
        self._newest: dict[str, int] = {}
        self._listed: set[tuple[str, str]] = set()
        for report in reports:
            self.add(report["sha256"], report["file"], report["published_ms"])

    def add(self, sha256: str, file: str, published_ms: int) -> None:
        """Another one."""
        self._newest[sha256] = max(self._newest.get(sha256, 0), published_ms)
        self._listed.add((sha256, file))

    def holds(self, sha256: str | None) -> bool:
        """Whether a content is in, in whatever publication."""
        return sha256 in self._newest

    def has(self, entry: Mapping[str, Any], file: str) -> bool:
        """Whether the content of a report is in already, in this or a later publication; a file that was merely touched is no publication."""
        touched = entry["published_by"] == "file" and (entry["sha256"], file) in self._listed
        return touched or self._newest.get(entry["sha256"], -1) >= int(entry["published_ms"])


class _Target:
    """The rollup of one dataset and year while rows are added to it."""

    def __init__(
        self, dataset: Dataset, year: int, path: Path, scratch: Path, layouts: dict[tuple[str, ...], int]
    ) -> None:
        self.dataset = dataset
        self.year = year
        self.path = path
        self._scratch = scratch
        self._layouts = layouts
        _end_what_was_begun(path)
        self._manifest = read_manifest(path)
        if self._manifest is not None and not path.is_file():
            self._manifest = None  # the rollup was removed, so that it is built anew
        self._reports: list[dict[str, Any]] = [*self._manifest["reports"]] if self._manifest else []
        self._taken = TakenReports(self._reports)
        self._old_count = len(self._reports)
        self._runs: list[_Run] = []
        self._spelled: dict[str, set[str]] = {}
        self._used_layouts: set[int] = set()
        self._pending: list[pa.Table] = []
        self.pending_bytes = 0
        self.seconds = 0.0

    def has(self, entry: Mapping[str, Any], file: str) -> bool:
        """Whether the content of a report is in already."""
        return self._taken.has(entry, file)

    def take(self, taken: _Taken, parsed: Parsed, n: int, root: Path, rows: int) -> int:
        """Number of a report in the manifest, a new one for a new report with so many rows of the year; -1 if its content is in already."""
        if self.year in taken.numbers:
            number = taken.numbers[self.year]
        elif self.has(taken.entry, taken.report.label(root)):
            return -1
        else:
            number = len(self._reports)
            taken.numbers[self.year] = number
            self._taken.add(taken.entry["sha256"], taken.report.label(root), taken.entry["published_ms"])
            self._reports.append(
                {
                    "file": taken.report.label(root),
                    "sha256": taken.entry["sha256"],
                    "published_ms": taken.report.published_ms,
                    "published": datetime.fromtimestamp(taken.report.published_ms / 1000, UTC).isoformat(
                        timespec="milliseconds"
                    ),
                    "published_by": taken.report.published_by,
                    "bytes": taken.report.bytes,
                    "rows": 0,
                    "days": [],
                }
            )
        report = self._reports[number]
        report["rows"] += rows
        report["days"] = sorted({*report["days"], *(iso(day) for day in parsed.days.get(n, []) if day in self._days())})
        for name, count in (
            ("without_a_time", parsed.untimed.get(n, 0)),
            ("unreadable_in_unused_columns", parsed.unreadable.get(n, 0)),
        ):
            if count:
                report[name] = report.get(name, 0) + count
        return number

    def _days(self) -> range:
        year = OperatingYear(self.year)
        return range(year.first_day, year.last_day + 1)

    def add(self, rows: pa.Table, spelled: Mapping[str, str]) -> None:
        """Rows of the year, to be sorted later."""
        for name, heading in spelled.items():
            self._spelled.setdefault(name, set()).add(heading)
        self._used_layouts |= {int(number) for number in pc.unique(rows.column(LAYOUT_COLUMN)).to_pylist()}
        self._pending.append(rows)
        self.pending_bytes += rows.nbytes

    def spill(self) -> None:
        """Sort what is held and put it on disk."""
        if self._pending:
            path = self._scratch / f"{self.dataset.name}_{self.year}_{len(self._runs)}.parquet"
            started = time.perf_counter()
            kinds = _kinds(dict(zip(t.schema.names, t.schema.types, strict=True)) for t in self._pending)
            table = pa.concat_tables(_aligned(self._pending, kinds))
            self._pending, self.pending_bytes = [], 0
            with writing(self.path):  # else a full disk would pass for a report that cannot be unpacked
                self._runs.append(_write_run(self.dataset, path, table))
            self.seconds += time.perf_counter() - started

    def finish(self, index: ReportIndex, before_write: Callable[[int], None] | None) -> BuiltYear | None:
        """Merge, write and list; None if there is nothing of this year at all."""
        self.spill()
        also, refused = self._of_index(index)
        if not self._runs and self._manifest is None and not refused:
            return None
        manifest = self._manifest or {
            "format": _FORMAT,
            "dataset": self.dataset.name,
            "year": self.year,
            "rows": {},
            "seconds": 0.0,
        }
        changed = bool(self._runs)
        whole: Path | None = None
        if changed:
            if before_write:
                before_write(self.year)
            whole = self._merge(manifest)
        kept = {
            key: manifest[key]
            for key in ("complete", "incomplete_because", "reports", "also", "refused")
            if key in manifest
        }
        manifest["also"] = also
        manifest["refused"] = refused
        manifest["reports"] = self._reports
        self._judge(manifest)
        now = {key: manifest[key] for key in kept}
        if changed or self._manifest is None or kept != now:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._put_in_place(whole, manifest)
        if not self.path.is_file():
            return BuiltYear(self.dataset.name, self.year, self.path, manifest, changed=False, new_reports=0)
        return BuiltYear(
            self.dataset.name, self.year, self.path, manifest, changed, len(self._reports) - self._old_count
        )

    def _put_in_place(self, whole: Path | None, manifest: dict[str, Any]) -> None:
        """The rollup, if it is new, and its manifest. A process that dies in between has noted what it was at: the next one ends it."""
        begun = _begun_path(self.path)
        if whole is not None:
            try:
                _write_json(begun, {"rollup": _marks_of(whole), "manifest": manifest})
                whole.replace(self.path)
            finally:
                whole.unlink(missing_ok=True)
        _write_json(manifest_path(self.path), manifest)
        begun.unlink(missing_ok=True)

    def _of_index(self, index: ReportIndex) -> tuple[list[str], list[dict[str, str]]]:
        """Files that hold the same content as a report of the year, and files that can't be used and should be of this year."""
        listed = {(report["file"]) for report in self._reports}
        also, refused = [], []
        for path, entry in index.of(self.dataset.name, self.year):
            if entry.get("refused"):
                refused.append({"file": label_of(path, entry), "problem": entry["refused"]})
            elif self._taken.holds(entry.get("sha256")) and label_of(path, entry) not in listed:
                also.append(label_of(path, entry))
        return sorted(also), sorted(refused, key=lambda item: item["file"])

    def _judge(self, manifest: dict[str, Any]) -> None:
        """Which days are missing, and whether the year is complete as far as it goes."""
        year = OperatingYear(self.year)
        held = sorted({number_of(day) for report in self._reports for day in report["days"]})
        first = max(year.first_day, number_of(self.dataset.first_day.isoformat()))
        missing = sorted(set(range(first, held[-1] + 1)) - set(held)) if held else []
        manifest["first_day"], manifest["last_day"] = (iso(held[0]), iso(held[-1])) if held else (None, None)
        manifest["missing_days"] = [iso(day) for day in missing]
        reasons = []
        if manifest["refused"]:
            names = ", ".join(item["file"] for item in manifest["refused"][:3])
            reasons.append(f"{len(manifest['refused'])} report files could not be used: {names}")
        if missing:
            index = np.array(missing, dtype=np.int64) - year.first_day
            reasons.append(f"{len(missing)} days are missing: {day_ranges(year, index, 6)}")
        contradicting = manifest["rows"].get("contradicting", 0)
        if contradicting:
            examples = manifest.get("contradictions", [])
            reasons.append(
                f"{contradicting} rows contradict others published at the same time: {'; '.join(examples[:2])}"
            )
        untimed = sum(report.get("without_a_time", 0) for report in self._reports)
        if untimed:
            reasons.append(f"{untimed} rows have no date, hour or stamp that exists")
        odd = [report for report in self._reports if _names_another_day(report, self.dataset)]
        manifest["other_days_than_named"] = [report["file"] for report in odd]
        if odd:
            reasons.append(
                f"{len(odd)} report files hold other days than their names say: {odd[0]['file']} ({odd[0]['days'][0]})"
            )
        manifest["incomplete_because"] = reasons
        manifest["complete"] = not reasons

    # --- merging ----------------------------------------------------------------------------------------------------

    def _merge(self, manifest: dict[str, Any]) -> Path:
        """Write the rollup under another name, and say in the manifest what it holds; returns that name."""
        runs = list(self._runs)
        started = time.perf_counter()
        if self._manifest is not None:
            runs.insert(0, self._old_run())
        counts = _Counts(self._reports)
        with writing(self.path):
            while len(runs) > _MOST_RUNS:
                runs = [self._merged_run(runs[n : n + _MOST_RUNS], n, counts) for n in range(0, len(runs), _MOST_RUNS)]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.tmp")
        try:
            with writing(self.path):
                rows = self._write(temporary, _merge_runs(self.dataset, runs, counts))
            read_seconds = _read_back(temporary, rows)
            size = temporary.stat().st_size
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        for run in self._runs:
            run.path.unlink(missing_ok=True)
        old = manifest["rows"]
        read = sum(report["rows"] for report in self._reports)
        manifest["rows"] = {
            "read": read,
            "kept": rows,
            "same": old.get("same", 0) + counts.same,
            "superseded": old.get("superseded", 0) + counts.superseded,
            "contradicting": old.get("contradicting", 0) + counts.contradicting,
        }
        manifest["contradictions"] = [*manifest.get("contradictions", []), *counts.examples][:_EXAMPLES]
        manifest["csv_bytes"] = sum(report["bytes"] for report in self._reports)
        manifest["parquet_bytes"] = size
        merging = time.perf_counter() - started - read_seconds
        manifest["seconds"] = round(float(manifest.get("seconds", 0.0)) + self.seconds + merging, 3)
        manifest["read_back_seconds"] = round(read_seconds, 3)
        return temporary

    def _old_run(self) -> "_Run":
        """The file that is there, as a run: typed and named as new rows are."""
        file = pq.ParquetFile(self.path)
        says = json.loads(file.schema_arrow.metadata[METADATA_KEY])
        numbers = np.array(
            [self._layouts.setdefault(tuple(layout), len(self._layouts)) for layout in says["layouts"]], dtype=np.int64
        )
        self._used_layouts |= set(numbers.tolist())
        names = dict(says["columns"])
        for heading, name in names.items():
            self._spelled.setdefault(name, set()).add(heading)
        return _Run.of_rollup(self.dataset, self.path, names, numbers)

    def _merged_run(self, runs: Sequence["_Run"], n: int, counts: "_Counts") -> "_Run":
        path = self._scratch / f"{self.dataset.name}_{self.year}_merged_{n}_{time.perf_counter_ns()}.parquet"
        writer = _RunWriter(self.dataset, path)
        for table in _merge_runs(self.dataset, runs, counts):
            writer.write(table)
        for run in runs:
            if run.path != self.path:
                run.path.unlink(missing_ok=True)
        return writer.close()

    def _write(self, path: Path, tables: Iterator[pa.Table]) -> int:
        headings = _headings(self.dataset, self._spelled)
        first = next(tables, None)
        if first is None:
            raise InputError(f"{self.dataset.folder}/{self.year} has no rows.", dataset=self.dataset.name)
        columns = _columns_written(self.dataset, first.schema.names, headings)
        by_number = {number: layout for layout, number in self._layouts.items()}
        used = sorted((by_number[number], number) for number in self._used_layouts)
        renumbered = np.zeros(max(self._used_layouts) + 1, dtype=np.int32)
        renumbered[[number for _, number in used]] = np.arange(len(used))
        metadata = {
            "format": _FORMAT,
            "dataset": self.dataset.name,
            "year": self.year,
            "layouts": [list(layout) for layout, _ in used],
            "columns": {heading: name for heading, name in columns if heading not in BUILT_COLUMNS},
        }
        schema = pa.schema(
            [pa.field(heading, _stored(first.schema.field(name).type)) for heading, name in columns],
            metadata={METADATA_KEY: json.dumps(metadata).encode()},
        )
        texts = [field.name for field in schema if pa.types.is_string(field.type)]
        numbers = [field.name for field in schema if pa.types.is_floating(field.type)]
        rows = 0
        with pq.ParquetWriter(
            path,
            schema,
            compression="zstd",
            compression_level=3,
            use_dictionary=[*texts, *numbers, "report", LAYOUT_COLUMN, "published"],
            column_encoding={
                field.name: "DELTA_BINARY_PACKED"
                for field in schema
                if (pa.types.is_temporal(field.type) or pa.types.is_integer(field.type))
                and field.name not in {"report", LAYOUT_COLUMN, "published"}
            },
        ) as writer:
            held: list[pa.Table] = []
            size = 0
            for table in _and(first, tables):
                rows += table.num_rows
                layout = renumbered[table.column(LAYOUT_COLUMN).to_numpy()]
                table = table.set_column(table.schema.get_field_index(LAYOUT_COLUMN), LAYOUT_COLUMN, pa.array(layout))
                named = pa.table({heading: table.column(name) for heading, name in columns}).cast(
                    schema.remove_metadata()
                )
                held.append(named)
                size += table.num_rows
                if size >= _ROW_GROUP_ROWS or sum(t.nbytes for t in held) > 2 * _RANGE_BYTES:
                    writer.write_table(pa.concat_tables(held), row_group_size=max(size, 1))
                    held, size = [], 0
            if held:
                writer.write_table(pa.concat_tables(held), row_group_size=max(size, 1))
        return rows


def _and(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield first
    yield from rest


def _names_another_day(report: Mapping[str, Any], dataset: Dataset) -> bool:
    """Whether a 60-day report holds no day near the one that its name speaks of."""
    if not dataset.sixty_day or not report["days"]:
        return False
    name = str(report["file"]).rsplit(" > ", maxsplit=1)[-1].rsplit("/", 1)[-1]
    named = day_named(name, dataset)
    if named is None or name.lower().startswith("completecop"):
        return False
    about = number_of(named.isoformat())
    return all(abs(number_of(day) - about) > _NEAR_DAYS for day in report["days"])


_NEAR_DAYS = 15
"""ERCOT has published late and early; half a month off is another day."""


def _read_back(path: Path, rows: int) -> float:
    """Seconds that it takes to read a rollup whole: what was written can be read, and has the rows that it should.

    Raises:
        InputError: it has other rows.
    """
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


def _stored(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _headings(dataset: Dataset, spelled: Mapping[str, Collection[str]]) -> dict[str, str]:
    """The heading of each column in the rollup: the declaration's first spelling that reports have, else the shortest."""
    chosen: dict[str, str] = {}
    for name, seen in spelled.items():
        declared = [normal_heading(h) for h in dataset.columns[name].headings] if name in dataset.columns else []

        def preference(heading: str, declared: list[str] = declared) -> tuple[int, int, str]:
            normal = normal_heading(heading)
            return declared.index(normal) if normal in declared else len(declared), len(heading), heading

        heading = min(seen, key=preference)
        chosen[name] = heading if heading not in BUILT_COLUMNS and heading else name.removeprefix(EXTRA)
    return chosen


def _columns_written(dataset: Dataset, names: Collection[str], headings: Mapping[str, str]) -> list[tuple[str, str]]:
    """Heading and name of each column: canonical ones as declared, then the others by heading, then our own."""
    canonical = [(headings[name], name) for name in dataset.columns if name in names and name in headings]
    extra = sorted((headings[name], name) for name in names if name.startswith(EXTRA) and name != TIME)
    return [*canonical, *extra, *((name, name) for name in BUILT_COLUMNS)]


# --- sorted runs --------------------------------------------------------------------------------------------------------------------------

Group = tuple[str, ...]
"""What a series of rows is named by: resource, settlement point and its type, product ..; an empty text stands for a blank."""


def _group_columns(dataset: Dataset, names: Collection[str]) -> list[str]:
    return list(dataset.key) or [name for name in _NAME_COLUMNS if name in names][:1]


def _groups_of(dataset: Dataset, table: pa.Table) -> tuple[IntArray, list[Group]]:
    """Number of each row's group, and the groups."""
    codes = np.zeros(table.num_rows, dtype=np.int64)
    texts: list[list[str]] = []
    for name in _group_columns(dataset, table.schema.names):
        own: list[str] = [""]
        if name in table.schema.names:
            column = table.column(name).combine_chunks()
            if not pa.types.is_dictionary(column.type):
                column = column.cast(pa.string()).dictionary_encode()
            own = [*(text or "" for text in column.dictionary.to_pylist()), ""]
            codes = codes * len(own) + column.indices.fill_null(len(own) - 1).to_numpy()
        texts.append(own)
    distinct, codes = np.unique(codes, return_inverse=True)
    groups: list[Group] = []
    for code in distinct.tolist():
        parts: list[str] = []
        for own in reversed(texts):
            code, at = divmod(code, len(own))
            parts.append(own[at])
        groups.append(tuple(reversed(parts)))
    # the same text may have had two codes: a blank, and no text at all
    numbers: dict[Group, int] = {}
    translate = np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.int64)
    return translate[codes] if groups else codes, list(numbers)


def _types_of(table: pa.Table, codes: IntArray, count: int) -> list[str]:
    """Resource type of each group, of its last row that says one."""
    types = [""] * count
    if _TYPE_COLUMN in table.schema.names:
        column = table.column(_TYPE_COLUMN).combine_chunks()
        if not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        said = column.indices.fill_null(-1).to_numpy()
        known = np.flatnonzero(said >= 0)
        last = np.full(count, -1, dtype=np.int64)
        last[codes[known]] = known
        texts = column.dictionary.to_pylist()
        for group in np.flatnonzero(last >= 0).tolist():
            types[group] = texts[said[last[group]]] or ""
    return types


def _place_of(dataset: Dataset, group: Group, resource_type: str) -> tuple[str, Group]:
    """What groups are sorted by: type first, so that all batteries stand together."""
    if "settlement_point_type" in dataset.key:
        return group[dataset.key.index("settlement_point_type")], group
    return resource_type, group


@dataclass
class _Run:
    """Sorted rows on disk, a stretch of groups at a time in memory.

    Attributes:
        path: a Parquet file.
        first: position of the first row of each group, and the place of the last.
        types: resource type of each group.
        row_bytes: about how much a row takes in memory.
    """

    path: Path
    first: dict[Group, tuple[int, int]]
    types: dict[Group, str]
    row_bytes: float
    rename: dict[str, str] | None = None
    layouts: IntArray | None = None
    _file: pq.ParquetFile | None = None
    _bounds: IntArray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    _held: tuple[int, pa.Table] | None = None

    @staticmethod
    def of_rollup(dataset: Dataset, path: Path, rename: dict[str, str], layouts: IntArray) -> "_Run":
        """A finished rollup as a run."""
        file = pq.ParquetFile(path)
        back = {name: heading for heading, name in rename.items()}
        wanted = [name for name in (*_group_columns(dataset, back), _TYPE_COLUMN) if name in back]
        first: dict[Group, tuple[int, int]] = {}
        types: dict[Group, str] = {}
        at = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            table = file.read_row_group(group, columns=[back[name] for name in wanted])
            table = table.rename_columns([rename[heading] for heading in table.schema.names])
            if not table.num_columns:
                table = pa.table({"": pa.nulls(rows)})
            _add_groups(dataset, table, at, first, types)
            at += rows
        size = sum(file.metadata.row_group(group).total_byte_size for group in range(file.num_row_groups))
        return _Run(path, first, types, max(4.0 * size / max(at, 1), 64.0), rename, layouts)

    def table(self, first: int, last: int) -> pa.Table:
        """Rows first..last-1."""
        if self._file is None:
            texts = None
            with pq.ParquetFile(self.path) as plain:
                texts = [f.name for f in plain.schema_arrow if pa.types.is_string(_stored(f.type))]
            self._file = pq.ParquetFile(self.path, read_dictionary=texts)
            counts = [self._file.metadata.row_group(g).num_rows for g in range(self._file.num_row_groups)]
            self._bounds = np.r_[0, np.cumsum(np.array(counts, dtype=np.int64))]
        parts = []
        group = int(np.searchsorted(self._bounds, first, side="right")) - 1
        while first < last:
            if self._held is None or self._held[0] != group:
                self._held = group, self._named(self._file.read_row_group(group, use_threads=False))
            begin, end = int(self._bounds[group]), int(self._bounds[group + 1])
            upto = min(last, end)
            parts.append(self._held[1].slice(first - begin, upto - first))
            first, group = upto, group + 1
        return pa.concat_tables(parts)

    def kinds(self) -> dict[str, pa.DataType]:
        """Type of each column."""
        schema = self.table(0, 1).schema
        return dict(zip(schema.names, schema.types, strict=True))

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._held = None, None

    def _named(self, table: pa.Table) -> pa.Table:
        if self.rename is None or self.layouts is None:
            return table
        names = [self.rename.get(name, name) for name in table.schema.names]
        if names.count("operating_day") > 1:
            table = table.drop_columns(["operating_day"])
            names = [self.rename.get(name, name) for name in table.schema.names]
        table = table.rename_columns(names)
        layout = self.layouts[table.column(LAYOUT_COLUMN).to_numpy()]
        at = table.schema.get_field_index(LAYOUT_COLUMN)
        table = table.set_column(at, LAYOUT_COLUMN, pa.array(layout.astype(np.int32)))
        for name, field_type in zip(table.schema.names, table.schema.types, strict=True):
            if pa.types.is_dictionary(field_type):
                at = table.schema.get_field_index(name)
                table = table.set_column(at, name, table.column(name).cast(pa.dictionary(pa.int32(), pa.string())))
        start = table.column("interval_start").cast(pa.timestamp("s")).cast(pa.int64())
        stamp = next((name for name in ("sced_stamp", "interval_end") if name in names), None)
        if stamp is not None:
            wall = pc.add(table.column(stamp).cast(pa.timestamp("s")).cast(pa.int64()), CST_SECONDS)
            start = pc.coalesce(start, wall)
        return table.append_column(TIME, start)


def _add_groups(
    dataset: Dataset, table: pa.Table, at: int, first: dict[Group, tuple[int, int]], types: dict[Group, str]
) -> None:
    """Note where each group of sorted rows lies, that begin at a position."""
    codes, groups = _groups_of(dataset, table)
    own_types = _types_of(table, codes, len(groups))
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]]) if len(codes) else np.empty(0, dtype=np.int64)
    for begin, end in pairwise([*starts.tolist(), len(codes)]):
        group = groups[codes[begin]]
        known = first.get(group)
        first[group] = (known[0] if known else at + begin, at + end)
        types[group] = own_types[codes[begin]] or types.get(group, "")


class _RunWriter:
    """Writes sorted tables as a run."""

    def __init__(self, dataset: Dataset, path: Path) -> None:
        self._dataset = dataset
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._first: dict[Group, tuple[int, int]] = {}
        self._types: dict[Group, str] = {}
        self._rows = 0
        self._bytes = 0

    def write(self, table: pa.Table) -> None:
        """Append rows that come after those before."""
        if self._writer is None:
            texts = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
            self._writer = pq.ParquetWriter(
                self._path, table.schema, compression="lz4", use_dictionary=texts, write_statistics=False
            )
        _add_groups(self._dataset, table, self._rows, self._first, self._types)
        self._rows += table.num_rows
        self._bytes += table.nbytes
        a_slice = max(int(_SLICE_BYTES * table.num_rows / max(table.nbytes, 1)), 256)
        self._writer.write_table(table, row_group_size=a_slice)

    def close(self) -> _Run:
        """The run."""
        if self._writer is not None:
            self._writer.close()
        return _Run(self._path, self._first, self._types, self._bytes / max(self._rows, 1))


def _write_run(dataset: Dataset, path: Path, table: pa.Table) -> _Run:
    """Rows in any order, as a run."""
    table = table.unify_dictionaries().combine_chunks()
    codes, groups = _groups_of(dataset, table)
    types = _types_of(table, codes, len(groups))
    ranked = sorted(range(len(groups)), key=lambda n: _place_of(dataset, groups[n], types[n]))
    rank = np.empty(len(groups), dtype=np.int64)
    rank[ranked] = np.arange(len(groups))
    order = _sorted_by(rank[codes], table)
    writer = _RunWriter(dataset, path)
    writer.write(table if order is None else table.take(pa.array(order)))
    return writer.close()


def _sorted_by(rank: IntArray, table: pa.Table) -> IntArray | None:
    """Order by group, time, publication and report; None if the rows stand in it."""
    order = np.argsort(rank, kind="stable")
    when = table.column(TIME).to_numpy()
    same = rank[order][1:] == rank[order][:-1]
    ascending = when[order][1:] > when[order][:-1]
    if (ascending | ~same).all():
        return None if (order == np.arange(len(order))).all() else order
    published = table.column("published").cast(pa.int64()).to_numpy()
    return np.lexsort((table.column("report").to_numpy(), published, when, rank))


@dataclass
class _Counts:
    """What became of rows with the same key.

    Attributes:
        reports: reports by number, to name them.
        same: dropped because they say what the one kept says.
        superseded: dropped because a later publication says something else.
        contradicting: dropped although the one kept was published at the same time and says something else.
        examples: two reports that contradict each other, in words.
    """

    reports: Sequence[Mapping[str, Any]]
    same: int = 0
    superseded: int = 0
    contradicting: int = 0
    examples: list[str] = field(default_factory=list)


def _merge_runs(dataset: Dataset, runs: Sequence[_Run], counts: _Counts) -> Iterator[pa.Table]:
    """Rows of all runs in order of group and time, each key once, the newest publication first to stand.

    Where nothing names a single row, all rows of the newest publication of a day stand.
    """
    types: dict[Group, str] = {}
    for run in runs:
        types |= {group: kind for group, kind in run.types.items() if kind or group not in types}
    groups = sorted(types, key=lambda group: _place_of(dataset, group, types[group]))
    # of all runs: the groups of a range may lie in runs that lack a column which others have
    kinds = _kinds(run.kinds() for run in runs)
    row_bytes = max(run.row_bytes for run in runs)
    newest = _newest_by_day(runs) if not dataset.key else {}
    most = max(int(_RANGE_BYTES / row_bytes), 1_000)
    begin = 0
    while begin < len(groups):
        end, rows = begin, 0
        while end < len(groups) and (rows < most or end == begin):
            rows += sum(
                run.first[groups[end]][1] - run.first[groups[end]][0] for run in runs if groups[end] in run.first
            )
            end += 1
        table, rank = _gather(runs, groups[begin:end], kinds)
        order = _sorted_by(rank, table)
        if order is not None:
            table, rank = table.take(pa.array(order)), rank[order]
        if dataset.key:
            named = np.array([bool(group[0]) for group in groups[begin:end]])[rank]
            table = _newest_of_each(table, rank, named, counts)
        else:
            table = _newest_of_days(table, newest, counts)
        if table.num_rows:
            yield table
        begin = end
    for run in runs:
        run.close()


def _gather(
    runs: Sequence[_Run], groups: Sequence[Group], kinds: Mapping[str, pa.DataType]
) -> tuple[pa.Table, IntArray]:
    """Rows of some groups from all runs, one run after the other, and the position of each row's group."""
    tables: list[pa.Table] = []
    ranks: list[IntArray] = []
    for run in runs:
        spans = [(*run.first[group], n) for n, group in enumerate(groups) if group in run.first]
        at = 0
        while at < len(spans):
            upto = at + 1
            while upto < len(spans) and spans[upto][0] == spans[upto - 1][1]:
                upto += 1
            tables.append(run.table(spans[at][0], spans[upto - 1][1]))
            ranks += [np.full(last - first, n, dtype=np.int64) for first, last, n in spans[at:upto]]
            at = upto
    table = pa.concat_tables(_aligned(tables, kinds))
    return table.unify_dictionaries().combine_chunks(), np.concatenate(ranks)


def _kinds(schemas: Iterable[Mapping[str, pa.DataType]]) -> dict[str, pa.DataType]:
    """Every column that some rows have, with one type: text where any has text."""
    found: dict[str, set[pa.DataType]] = {}
    for schema in schemas:
        for name, kind in schema.items():
            found.setdefault(name, set()).add(kind)
    return {name: kinds.pop() if len(kinds) == 1 else _TEXT for name, kinds in found.items()}


def _aligned(tables: Sequence[pa.Table], kinds: Mapping[str, pa.DataType]) -> list[pa.Table]:
    """Tables with the same columns of the same types; a column that one lacks is blank there."""
    aligned = []
    for table in tables:
        columns = {}
        for name, kind in kinds.items():
            if name not in table.schema.names:
                columns[name] = pa.nulls(table.num_rows, kind)
                continue
            column = table.column(name)
            columns[name] = column if column.type == kind else column.cast(pa.string()).dictionary_encode().cast(kind)
        aligned.append(pa.table(columns))
    return aligned


def _newest_of_each(table: pa.Table, rank: IntArray, named: BoolArray, counts: _Counts) -> pa.Table:
    when = table.column(TIME).to_numpy()
    again = np.r_[(rank[1:] == rank[:-1]) & (when[1:] == when[:-1]) & named[1:], False]
    if not again.any():
        return table
    dropped = np.flatnonzero(again)
    kept = np.flatnonzero(~again)
    winner = kept[np.searchsorted(kept, dropped)]
    differs = _differs(table, dropped, winner)
    published = table.column("published").cast(pa.int64()).to_numpy()
    older = published[dropped] < published[winner]
    counts.same += int((~differs).sum())
    counts.superseded += int((differs & older).sum())
    contradicting = differs & ~older
    counts.contradicting += int(contradicting.sum())
    _name_examples(table, dropped[contradicting], winner[contradicting], counts)
    return table.take(pa.array(kept))


def _differs(table: pa.Table, some: IntArray, others: IntArray) -> BoolArray:
    """Whether two rows say different things in any of ERCOT's columns, pair by pair."""
    differs = np.zeros(len(some), dtype=bool)
    for name in table.schema.names:
        if name in BUILT_COLUMNS or name == TIME:
            continue
        column = table.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.indices
        mine, theirs = column.take(pa.array(some)), column.take(pa.array(others))
        blank, blank_too = pc.is_null(mine, nan_is_null=True), pc.is_null(theirs, nan_is_null=True)
        equal = pc.or_(pc.fill_null(pc.equal(mine, theirs), False), pc.and_(blank, blank_too))
        differs |= ~np.asarray(equal.to_numpy(zero_copy_only=False))
    return differs


def _name_examples(table: pa.Table, dropped: IntArray, winner: IntArray, counts: _Counts) -> None:
    if not len(dropped) or len(counts.examples) >= _EXAMPLES:
        return
    report = table.column("report").to_numpy()
    day = table.column("operating_day").cast(pa.int32()).to_numpy()
    pairs = np.unique(np.stack([day[dropped], report[dropped], report[winner]]), axis=1).T
    for a_day, lost, stands in pairs.tolist()[: _EXAMPLES - len(counts.examples)]:
        first, second = counts.reports[lost]["file"], counts.reports[stands]["file"]
        where = f"{first} twice in itself" if lost == stands else f"{first} and {second}"
        text = f"{where}, day {iso(a_day)}: the later row was taken"
        if text not in counts.examples:
            counts.examples.append(text)


def _newest_by_day(runs: Sequence[_Run]) -> dict[tuple[int, int], int]:
    """Newest publication of each day and layout, UTC milliseconds."""
    newest: dict[tuple[int, int], int] = {}
    for run in runs:
        last = max(end for _, end in run.first.values())
        table = run.table(0, last).select(["operating_day", LAYOUT_COLUMN, "published"])
        days = table.column("operating_day").cast(pa.int32()).to_numpy()
        published = table.column("published").cast(pa.int64()).to_numpy()
        keys = np.stack([days, table.column(LAYOUT_COLUMN).to_numpy(), published])
        for day, layout, moment in np.unique(keys, axis=1).T.tolist():
            newest[day, layout] = max(newest.get((day, layout), moment), moment)
        run.close()
    return newest


def _newest_of_days(table: pa.Table, newest: Mapping[tuple[int, int], int], counts: _Counts) -> pa.Table:
    days = table.column("operating_day").cast(pa.int32()).to_numpy().tolist()
    layouts = table.column(LAYOUT_COLUMN).to_numpy().tolist()
    published = table.column("published").cast(pa.int64()).to_numpy()
    best = np.array([newest[key] for key in zip(days, layouts, strict=True)], dtype=np.int64)
    stays = published == best
    counts.superseded += int((~stays).sum())
    return table if stays.all() else table.filter(pa.array(stays))
