"""Built rollups as files: `<built>/<Folder>/<year>.parquet` by delivery year, each with a manifest beside it, brought up to date with a folder of reports.

The manifest lists the reports in a rollup by content; the index beside the folders lists what every report file holds. Reports are read once: their rows
wait in a scratch folder, which the next roll-up removes if this one is killed.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

import duckdb
import numpy as np
import pyarrow as pa

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.report_rows import Parsed, Part, day_span, distinct, layout_of, parse, years_of
from bess_assets.ercot.reports import (
    UNPACKING_ERRORS,
    Heading,
    LineError,
    Refusal,
    Report,
    guess,
    open_reports,
    read_chunks,
    recognise,
    report_files,
)
from bess_assets.errors import InputError
from bess_assets.store.fingerprint import Fingerprint, content_digest, stamp
from bess_assets.store.report_index import INDEX_NAME, Entry, ReportIndex, label_of
from bess_assets.store.rollup_files import BuiltYear, GrowingRollup, built_path

_CHUNK_BYTES = 48 * 2**20
_BATCH_BYTES = 24 * 2**20
_WAITING_SHARE, _STRETCH_SHARE, _QUERY_SHARE = 5, 16, 4
"""Parsed rows that wait for a scratch file, the rows that are merged at a time, and DuckDB take at most these parts of the memory limit."""

_LEAST_QUERY_BYTES = 2**27
_log = logging.getLogger(__name__)


Progress = Callable[[int, int, str], None]
"""Called with the report files done and in all, and with the file or rollup that comes next."""


@dataclass
class RollUp:
    """What a roll-up did.

    Attributes:
        built: every dataset and year that was looked at and has a rollup, or a file that should be in one.
        files: report files below the folder.
        reports: CSV files in them.
        other: number of reports that no dataset is made of, by reason.
        refused: files that could not be used and whose dataset and year are unknown, with the problem.
    """

    built: list[BuiltYear] = field(default_factory=list)
    files: int = 0
    reports: int = 0
    other: dict[str, int] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


def roll_up(
    reports: Path,
    built: Path,
    *,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    covered: Callable[[str, int], bool] = lambda _dataset, _year: False,
    progress: Progress | None = None,
    before_write: Callable[[int], None] | None = None,
    memory_limit_bytes: int = 10**9,
    threads: int | None = None,
) -> RollUp:
    """Bring the built rollups up to date with a folder of reports.

    Args:
        reports: searched with all its subfolders and ZIPs.
        built: where rollups and manifests go.
        years: delivery years wanted; all that the reports hold if not given.
        datasets: wanted; all if not given.
        covered: whether a dataset and year need no build, because the user's own rollups hold them.
        progress: called for each report file.
        before_write: called with a year before a rollup of it is replaced.
        memory_limit_bytes: about what rows may take in memory; one operating day of a dataset is held whatever it takes.
        threads: of DuckDB; one for each processor if not given.

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
        reading = _Reading(
            reports,
            built,
            scratch,
            memory_limit_bytes // _WAITING_SHARE,
            lambda dataset, year: (
                (datasets is None or dataset in datasets)
                and (years is None or year in years)
                and not covered(dataset, year)
            ),
        )
        files = reading.read(progress)
        done = _listed(reading.index, files)
        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "memory_limit": f"{max(memory_limit_bytes // _QUERY_SHARE, _LEAST_QUERY_BYTES)}B",
            "threads": threads or os.cpu_count() or 1,
            "temp_directory": str(scratch / "duckdb"),
        }
        by_year = reading.index.by_year()
        new_bytes = max(sum(year.new_bytes for year in reading.years.values()), 1)
        with duckdb.connect(config=config) as connection:
            connection.execute("SET enable_progress_bar = false")
            for n, (key, year) in enumerate(sorted(reading.years.items(), key=lambda item: item[0]), start=1):
                if progress:
                    progress(files, files, f"writing {year.dataset.folder}/{year.year} ({n} of {len(reading.years)})")
                seconds = reading.seconds * year.new_bytes / new_bytes
                stretch_bytes = memory_limit_bytes // _STRETCH_SHARE
                finished = year.finish(by_year.get(key, []), connection, stretch_bytes, seconds, before_write)
                done.built += [finished] if finished else []
        return done
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _listed(index: ReportIndex, files: int) -> RollUp:
    done = RollUp(files=files)
    for path, entry in index.all_entries():
        done.reports += 1
        if entry.get("refused") and not ((entry.get("dataset") or entry.get("of")) and entry.get("years")):
            done.refused.append((label_of(path, entry), entry["refused"]))
        elif entry.get("other"):
            done.other[entry["other"]] = done.other.get(entry["other"], 0) + 1
    return done


# --- reading reports ----------------------------------------------------------------------------------------------------------------------


@dataclass
class _Taken:
    """A report that is being read.

    Attributes:
        report: where it lies and when it was published.
        entry: its entry in the index, filled in while it is read.
        heading: dataset and columns.
        data: its bytes; empty where they are too many to hold.
    """

    report: Report
    entry: Entry
    heading: Heading
    data: bytes


class _Reading:
    """Reads the reports that a rollup lacks, and hands their rows to the years that they belong to."""

    def __init__(
        self, root: Path, built: Path, scratch: Path, most_waiting: int, asked: Callable[[str, int], bool]
    ) -> None:
        self.index = ReportIndex(built / INDEX_NAME, root)
        self.years: dict[tuple[str, int], GrowingRollup] = {}
        self.seconds = 0.0
        self._root, self._built, self._scratch = root, built, scratch
        self._most_waiting, self._asked = most_waiting, asked
        self._batches: dict[tuple[str, tuple[str, ...]], list[_Taken]] = {}
        self._batch_bytes: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self._layouts: defaultdict[str, dict[tuple[str, ...], int]] = defaultdict(dict)

    def read(self, progress: Progress | None) -> int:
        """Read what is new, and return the number of report files."""
        started = time.perf_counter()
        files = report_files(self._root)
        self.index.forget_others(files)
        for done, path in enumerate(files):
            entries = self.index.entries(path)
            name = path.relative_to(self._root).as_posix()
            if entries is None or any(self._wanted(entry, label_of(name, entry)) for entry in entries):
                if progress:
                    progress(done, len(files), path.name)
                self._take_file(path)
        for key in list(self._batches):
            self._flush(key)
        self.index.save()
        # years that need no new row are looked at too: a refused file may be new, or gone
        for _, entry in self.index.all_entries():
            for number in entry.get("years", ()) if entry.get("dataset") else ():
                if self._asked(entry["dataset"], number):
                    self._year(entry["dataset"], number)
        self.seconds = time.perf_counter() - started
        return len(files)

    def _take_file(self, path: Path) -> None:
        size, mtime_ns = stamp(path)
        digest = ""
        if path.suffix.lower() == ".zip":
            with suppress(OSError):
                digest = content_digest(path)
        entries: list[Entry] = []
        for opened in open_reports(path):
            if isinstance(opened, Refusal):
                entries.append(_refused(opened.members, opened.problem, path.name))
                continue
            report, open_bytes = opened
            try:
                entries.append(self._take_report(report, open_bytes))
            except UNPACKING_ERRORS as error:
                problem = str(error) if isinstance(error, LineError) else f"cannot be unpacked: {error}"
                entries.append(_refused(report.members, problem, report.name))
        digest = digest or next((entry["sha256"] for entry in entries if "sha256" in entry), "")
        self.index.put(path, Fingerprint(size=size, mtime_ns=mtime_ns, digest=digest), entries)

    def _take_report(self, report: Report, open_bytes: Callable[[], IO[bytes]]) -> Entry:
        entry: Entry = {"members": list(report.members), "published_ms": report.published_ms, "bytes": report.bytes}
        with open_bytes() as file:
            chunks = read_chunks(file, _CHUNK_BYTES)
            first = next(chunks, b"")
            heading = recognise(report.name, first[: 2**16])
            if heading.dataset is None:
                return {**entry, "refused" if heading.refused else "other": heading.why_not, **guess(report.name)}
            second = next(chunks, None)
            sha256, span = _digest_and_days(heading, chain((first,), (second,) if second else (), chunks))
        entry |= {"dataset": heading.dataset.name, "sha256": sha256, "published_by": report.published_by}
        entry["years"] = sorted({int(year) for year in years_of(np.array(span))}) if span else []
        if not span and heading.data_starts >= len(first.rstrip()):
            return {**entry, "refused": "without a single row", **guess(report.name)}
        if span and not self._wanted(entry, report.label(self._root)):
            return entry
        if second is not None:
            self._take_large(_Taken(report, entry, heading, b""), open_bytes)
            return entry
        key = (heading.dataset.name, heading.headings)
        self._batches.setdefault(key, []).append(_Taken(report, entry, heading, first))
        self._batch_bytes[key] += len(first)
        if self._batch_bytes[key] >= _BATCH_BYTES or self._batch_bytes.total() >= self._most_waiting:
            self._flush(max(self._batches, key=self._batch_bytes.__getitem__))
        return entry

    def _wanted(self, entry: Entry, file: str) -> bool:
        """Whether a year that is asked for lacks a report."""
        dataset = entry.get("dataset")
        if not dataset or entry.get("refused"):
            return False
        asked = (year for year in entry["years"] if self._asked(dataset, year))
        return any(not self._year(dataset, year).taken.has(entry, file) for year in asked)

    def _year(self, dataset: str, year: int) -> "GrowingRollup":
        key = (dataset, year)
        if key not in self.years:
            self.years[key] = GrowingRollup(
                DATASETS[dataset], year, built_path(self._built, dataset, year), self._scratch, self._layouts[dataset]
            )
        return self.years[key]

    def _flush(self, key: tuple[str, tuple[str, ...]]) -> None:
        self._batch_bytes[key] = 0
        self._take_held(self._batches.pop(key))

    def _take_held(self, batch: Sequence[_Taken]) -> None:
        """Parse reports together or, if that fails, each alone: one that cannot be read costs no other."""
        parts = [
            self._part(taken, n, taken.data[taken.heading.data_starts :], 2 if taken.heading.data_starts else 1)
            for n, taken in enumerate(batch)
        ]
        try:
            parsed = self._parse(batch[0].heading, parts)
        except InputError as error:
            if len(batch) == 1:
                self._refuse(batch[0], error)
            else:
                for taken in batch:
                    self._take_held([taken])
        else:
            self._spread(batch, parsed)

    def _part(self, taken: _Taken, number: int, data: bytes, first_line: int) -> Part:
        return Part(number, taken.report.label(self._root), taken.report.published_ms, first_line, data)

    def _parse(self, heading: Heading, parts: Sequence[Part]) -> Parsed:
        assert heading.dataset is not None  # noqa: S101  others are not taken
        layouts = self._layouts[heading.dataset.name]
        layout = layout_of(heading.dataset, heading.headings)
        return parse(heading.dataset, heading.headings, parts, layouts.setdefault(layout, len(layouts)))

    def _refuse(self, taken: _Taken, error: InputError) -> None:
        expected = f" (expected: {error.expected})" if error.expected else ""
        taken.entry["refused"] = f"{error.problem}{expected}"
        taken.entry["years"] = taken.entry["years"] or guess(taken.report.name)["years"]
        _log.warning("%s: %s", taken.report.label(self._root), taken.entry["refused"])

    def _take_large(self, taken: _Taken, open_bytes: Callable[[], IO[bytes]]) -> None:
        """A report that is read in stretches, twice: nothing of it is kept if one of them can't be read."""
        for keep in (False, True):
            line, skip = (2 if taken.heading.data_starts else 1), taken.heading.data_starts
            years: set[int] = set()
            with open_bytes() as file:
                for chunk in read_chunks(file, _CHUNK_BYTES):
                    part = self._part(taken, 0, chunk[skip:], line)
                    line, skip = line + part.data.count(b"\n"), 0
                    try:
                        parsed = self._parse(taken.heading, [part])
                    except InputError as error:
                        self._refuse(taken, error)
                        return
                    if keep:
                        self._spread([taken], parsed)
                    years |= _years_in(parsed, 0)
            taken.entry["years"] = sorted(years)

    def _spread(self, batch: Sequence[_Taken], parsed: Parsed) -> None:
        """Rows to the years that they belong to."""
        for n, taken in enumerate(batch):
            taken.entry["years"] = sorted({*taken.entry["years"], *_years_in(parsed, n)})
            if not parsed.days.get(n) and parsed.untimed.get(n):
                taken.entry["refused"] = "no row has a date, hour or stamp that exists"
        dataset = batch[0].entry["dataset"]
        owner = parsed.table.column("report").to_numpy()
        years = years_of(parsed.table.column("operating_day").cast(pa.int32()).to_numpy().astype(np.int64))
        for number in distinct(years):
            if not self._asked(dataset, number):
                continue
            year = self._year(dataset, number)
            rows = np.bincount(owner[years == number], minlength=len(batch))
            numbers = np.full(len(batch), -1, dtype=np.int32)
            for n in np.flatnonzero(rows).tolist():
                report = batch[n].report
                taken_as = year.take(report, batch[n].entry, report.label(self._root), parsed, n, int(rows[n]))
                numbers[n] = -1 if taken_as is None else taken_as
            chosen = (years == number) & (numbers[owner] >= 0)
            if chosen.any():
                table = parsed.table if chosen.all() else parsed.table.filter(pa.array(chosen))
                at = table.schema.get_field_index("report")
                year.add(table.set_column(at, "report", pa.array(numbers[owner[chosen]])), parsed.spelled)
        if sum(year.waiting_bytes for year in self.years.values()) > self._most_waiting:
            max(self.years.values(), key=lambda year: year.waiting_bytes).spill()


def _refused(members: Sequence[str], problem: str, name: str) -> Entry:
    own = members[-1].rsplit("/", 1)[-1] if members else name
    return {"members": list(members), "refused": problem, **guess(own)}


def _digest_and_days(heading: Heading, chunks: Iterable[bytes]) -> tuple[str, tuple[int, int] | None]:
    """SHA-256 of a report, and days of its first and last row; None if they can't be read."""
    digest = hashlib.sha256()
    first = last = b""
    skip = heading.data_starts
    for chunk in chunks:
        digest.update(chunk)
        body = chunk[skip:].strip()
        skip = 0
        if body:
            first = first or body.split(b"\n", 1)[0]
            last = body.rsplit(b"\n", 1)[-1]
    return digest.hexdigest(), day_span(heading, first, last)


def _years_in(parsed: Parsed, report: int) -> set[int]:
    return {int(year) for year in years_of(np.array(parsed.days.get(report, []), dtype=np.int64))}
