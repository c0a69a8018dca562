"""Rollups built from reports: brought up to date with a folder of them, by delivery year, and described as the run record keeps them.

Reports are read once: their rows wait in a scratch folder, which the next roll-up removes if this one is killed. What is read is in `rollup_files`.
"""

import hashlib
import logging
import os
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import duckdb
import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import distinct
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import describe_file
from bess_assets.ercot.report_rows import Parsed, Part, day_span, layout_of, parse, years_of
from bess_assets.ercot.reports import (
    UNPACKING_ERRORS,
    Heading,
    RefusedError,
    Report,
    guess,
    open_reports,
    other_files,
    read_chunks,
    recognise,
    report_files,
)
from bess_assets.ercot.rollup_names import BUILT_FOLDER, rollup_name
from bess_assets.errors import BessError, InputError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import Fingerprint, fingerprint, same, stamp, whole_digest
from bess_assets.store.journal import RollupEntry, RollupFileEntry
from bess_assets.store.listing import MARKER
from bess_assets.store.locks import rollup_lock, year_lock
from bess_assets.store.paths import rollup_folder
from bess_assets.store.rollup_files import (
    INDEX_NAME,
    BuiltYear,
    Entry,
    ReportIndex,
    hold_against_manifest,
    is_taken,
    label_of,
    read_manifest,
)

_CHUNK_BYTES = 48 * 2**20
_BATCH_BYTES = 24 * 2**20
# Parsed rows that wait for a scratch file, the rows that are merged at a time, and DuckDB take at most these parts of the memory limit.
_WAITING_SHARE, _STRETCH_SHARE, _QUERY_SHARE = 5, 16, 4
_IN_BRIEF = ("csv_bytes", "seconds", "read_back_seconds", "complete", "incomplete_because")  # of a manifest
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
        other: reports that no dataset is made of, by reason.
        refused: files that could not be used and whose dataset and year are unknown, with the problem.
        unused: files that are no reports by their names, with the reason.
    """

    built: list[BuiltYear] = field(default_factory=list)
    files: int = 0
    reports: int = 0
    other: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    refused: list[tuple[str, str]] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)


def roll_up(
    reports: Path,
    built: Path,
    *,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    covered: Callable[[str, int], bool] = lambda _dataset, _year: False,
    progress: Progress = lambda _done, _files, _what: None,
    before_write: Callable[[int], object] = lambda _year: None,
    memory_limit_bytes: int = 10**9,
    threads: int | None = None,
) -> RollUp:
    """Bring the built rollups up to date with a folder of reports.

    Args:
        reports: searched with all its subfolders and ZIPs.
        built: where rollups and manifests go.
        years: delivery years wanted; all that the reports hold if not given; so are the datasets.
        datasets: wanted.
        covered: whether a dataset and year need no build, because the user's own rollups hold them.
        progress: called for each report file.
        before_write: called with a year before a rollup of it is replaced.
        memory_limit_bytes: about what rows may take in memory; one operating day of a dataset is held whatever it takes.
        threads: of DuckDB; one for each processor if not given.

    Returns:
        what was built; a file that cannot be used is named there and never stops the rest.

    Raises:
        InputError: there is no such folder.
    """
    if not reports.is_dir():
        raise InputError(
            "There is no folder of reports.",
            file=reports,
            expected="a folder with ERCOT's report files, CSV, ZIP or XLSX",
            remedy="Name it: bess rollup FOLDER, or set BESS_REPORTS.",
        )
    built.mkdir(parents=True, exist_ok=True)
    for stale in built.glob(".rolling-*"):
        shutil.rmtree(stale, ignore_errors=True)
    for half_written in (*built.glob(".*.tmp"), *built.glob("*/.*.tmp")):
        half_written.unlink(missing_ok=True)
    with TemporaryDirectory(prefix=".rolling-", dir=built, ignore_cleanup_errors=True) as scratch:
        reading = _Reading(
            reports,
            built,
            Path(scratch),
            memory_limit_bytes // _WAITING_SHARE,
            lambda dataset, year: (
                (datasets is None or dataset in datasets)
                and (years is None or year in years)
                and not covered(dataset, year)
            ),
        )
        done = reading.read(progress)
        config: dict[str, Any] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "memory_limit": f"{max(memory_limit_bytes // _QUERY_SHARE, 2**27)}B",
            "threads": threads or os.cpu_count() or 1,
            "temp_directory": f"{scratch}/duckdb",
        }
        stretch_bytes, years_read = memory_limit_bytes // _STRETCH_SHARE, reading.years
        seconds_a_byte = reading.seconds / max(sum(year.new_bytes for year in years_read.values()), 1)
        with duckdb.connect(config=config) as connection:
            connection.execute("SET enable_progress_bar = false")
            for n, (key, year) in enumerate(sorted(years_read.items(), key=lambda item: item[0]), start=1):
                what = f"writing {year.path.parent.name}/{year.year} ({n} of {len(years_read)})"
                progress(done.files, done.files, what)
                seconds = seconds_a_byte * year.new_bytes
                if year.finish(reading.entries[key], connection, stretch_bytes, seconds, before_write):
                    done.built.append(year)
        return done


# --- reading reports ----------------------------------------------------------------------------------------------------------------------


@dataclass
class _Taken:
    """A report that is being read: its entry in the index is filled in meanwhile; `data` are its bytes, none where they are too many to hold."""

    report: Report
    label: str
    entry: Entry
    heading: Heading
    data: bytes = b""

    def refuse(self, error: InputError) -> None:
        """Note that it cannot be read, and why."""
        expected = f" (expected: {error.expected})" if error.expected else ""
        self.entry["refused"] = f"{error.problem}{expected}"
        self.entry["years"] = self.entry["years"] or guess(self.report.name)["years"]
        _log.warning("%s: %s", self.label, self.entry["refused"])


class _Reading:
    """Reads the reports that a rollup lacks, and hands their rows to the years that they belong to: `entries` are all reports by dataset and year."""

    def __init__(
        self, root: Path, built: Path, scratch: Path, most_waiting: int, asked: Callable[[str, int], bool]
    ) -> None:
        self._index, self.seconds = ReportIndex(built / INDEX_NAME, root), 0.0
        self.years: dict[tuple[str, int], BuiltYear] = {}
        self.entries: defaultdict[tuple[str, int], list[tuple[str, Entry]]] = defaultdict(list)
        self._root, self._built, self._scratch = root, built, scratch
        self._most_waiting, self._asked = most_waiting, asked
        self._batches: dict[tuple[str, tuple[str, ...], str | None], list[_Taken]] = {}
        self._batch_bytes: Counter[tuple[str, tuple[str, ...], str | None]] = Counter()
        self._layouts: defaultdict[str, dict[tuple[str, ...], int]] = defaultdict(dict)

    def read(self, progress: Progress) -> RollUp:
        """Read what is new; the years are still to be finished."""
        started = time.perf_counter()
        names = [path.relative_to(self._root).as_posix() for path in report_files(self._root)]
        self._index.drop_absent(set(names))
        for number, name in enumerate(names):
            entries = self._index.entries(name)
            if entries is None or any(self._wanted(entry, label_of(name, entry)) for entry in entries):
                progress(number, len(names), name.rsplit("/", 1)[-1])
                self._take_file(name)
        for key in list(self._batches):
            self._take_held(self._batches.pop(key))
        self._index.save()
        done = RollUp(files=len(names), unused=other_files(self._root))
        every = ((name, entry) for name, known in self._index.files.items() for entry in known["reports"])
        for label, entry in ((label_of(name, entry), entry) for name, entry in every):
            done.reports += 1
            for dataset in {entry.get("dataset"), *entry.get("of", ())} - {None}:
                for year in entry.get("years", ()):
                    self.entries[str(dataset), year].append((label, entry))
            # years that need no new row are looked at too: a refused file may be new, or gone
            for year in entry.get("years", ()) if entry.get("dataset") else ():
                if self._asked(entry["dataset"], year):
                    self._year(entry["dataset"], year)
            if entry.get("refused") and not ((entry.get("dataset") or entry.get("of")) and entry.get("years")):
                done.refused.append((label, entry["refused"]))
            elif "other" in entry:
                done.other[entry["other"]].append(label)
        self.seconds = time.perf_counter() - started
        return done

    def _take_file(self, name: str) -> None:
        path = self._root / name
        (size, mtime_ns), digest = stamp(path), ""
        with suppress(OSError):
            digest = whole_digest(path) if path.suffix.lower() in {".zip", ".xlsx"} else ""
        entries: list[Entry] = []
        for report, open_bytes in open_reports(path):
            try:
                entries.append(self._take_report(report, open_bytes))
            except UNPACKING_ERRORS as error:
                problem = str(error) if isinstance(error, RefusedError) else f"cannot be unpacked: {error}"
                entries.append({"members": list(report.members), "refused": problem, **guess(report.name)})
        digest = digest or next((entry["sha256"] for entry in entries if "sha256" in entry), "")
        self._index.put(name, Fingerprint(size=size, mtime_ns=mtime_ns, digest=digest), entries)

    def _take_report(self, report: Report, open_bytes: Callable[[], IO[bytes]]) -> Entry:
        entry: Entry = {"members": list(report.members), "published_ms": report.published_ms, "bytes": report.bytes}
        with open_bytes() as file:
            chunks = read_chunks(file, _CHUNK_BYTES)
            data = next(chunks, b"")
            heading = recognise(report.name, data[: 2**16])
            if heading.dataset is None:
                return {**entry, "refused" if heading.refused else "other": heading.why_not, **guess(report.name)}
            digest, large = hashlib.sha256(data), False
            first, last = _first_and_last(data[heading.data_starts :])
            for chunk in chunks:
                digest.update(chunk)
                own = _first_and_last(chunk)
                first, last, large = first or own[0], own[1] or last, True
        span = day_span(heading, first, last)
        entry |= {"dataset": heading.dataset.name, "sha256": digest.hexdigest(), "published_by": report.published_by}
        entry["years"] = sorted({int(year) for year in years_of(np.array(span))}) if span else []
        if not span and heading.data_starts >= len(data.rstrip()):
            return {**entry, "refused": "without a single row", **guess(report.name)}
        taken = _Taken(report, report.label(self._root), entry, heading)
        if span and not self._wanted(entry, taken.label):
            return entry
        if large:
            self._take_large(taken, open_bytes)
            return entry
        taken.data = data
        key = (heading.dataset.name, heading.headings, heading.price_source)
        self._batches.setdefault(key, []).append(taken)
        self._batch_bytes[key] += len(data)
        if self._batch_bytes[key] >= _BATCH_BYTES or self._batch_bytes.total() >= self._most_waiting:
            largest = max(self._batches, key=self._batch_bytes.__getitem__)
            del self._batch_bytes[largest]
            self._take_held(self._batches.pop(largest))
        return entry

    def _wanted(self, entry: Entry, label: str) -> bool:
        """Whether a year that is asked for lacks a report."""
        dataset = "" if entry.get("refused") else entry.get("dataset", "")
        return any(
            self._asked(dataset, year) and not is_taken(entry, label, self._year(dataset, year).taken)
            for year in (entry["years"] if dataset else ())
        )

    def _year(self, dataset: str, year: int) -> BuiltYear:
        key = (dataset, year)
        if key not in self.years:
            self.years[key] = BuiltYear(self._built, dataset, year, self._scratch, self._layouts[dataset])
        return self.years[key]

    def _take_held(self, batch: Sequence[_Taken]) -> None:
        """Parse reports together or, if that fails, each alone: one that cannot be read costs no other."""
        try:
            parsed = self._parse(batch, [taken.data for taken in batch])
        except InputError as error:
            if len(batch) == 1:
                batch[0].refuse(error)
            for taken in batch if len(batch) > 1 else ():
                self._take_held([taken])
        else:
            self._spread(batch, parsed)

    def _parse(self, batch: Sequence[_Taken], data: Sequence[bytes], lines_before: int = 0) -> Parsed:
        """Rows of reports with the same headings, or of a stretch of one that has so many lines before it."""
        heading = batch[0].heading
        assert heading.dataset is not None  # noqa: S101  others are not taken
        parts = [
            Part(n, taken.label, taken.report.published_ms, lines_before + 1 + bool(starts), own[starts:])
            for n, (taken, own) in enumerate(zip(batch, data, strict=True))
            for starts in [0 if lines_before else taken.heading.data_starts]  # each has its own quotes and line ends
        ]
        layouts = self._layouts[heading.dataset.name]
        number = layouts.setdefault(layout_of(heading.dataset, heading.headings), len(layouts))
        return parse(heading.dataset, heading.headings, parts, number, heading.price_source)

    def _take_large(self, taken: _Taken, open_bytes: Callable[[], IO[bytes]]) -> None:
        """A report that is read in stretches, twice: nothing of it is kept if one of them can't be read."""
        for keep in (False, True):
            lines = 0
            with open_bytes() as file:
                for chunk in read_chunks(file, _CHUNK_BYTES):
                    try:
                        parsed = self._parse([taken], [chunk], lines)
                    except InputError as error:
                        taken.refuse(error)
                        return
                    lines += chunk.count(b"\n")
                    if keep:
                        self._spread([taken], parsed)

    def _spread(self, batch: Sequence[_Taken], parsed: Parsed) -> None:
        for n, taken in enumerate(batch):
            in_years = years_of(np.array(parsed.days.get(n, []), dtype=np.int64)).tolist()
            taken.entry["years"] = sorted({*taken.entry["years"], *in_years})
            if not parsed.days.get(n) and parsed.untimed.get(n):
                taken.entry["refused"] = "no row has a date, hour or stamp that exists"
        dataset, owner = batch[0].entry["dataset"], parsed.table.column("report").to_numpy()
        years = years_of(parsed.table.column("operating_day").cast(pa.int32()).to_numpy().astype(np.int64))
        for number in (number for number in distinct(years).tolist() if self._asked(dataset, number)):
            year = self._year(dataset, number)
            rows = np.bincount(owner[years == number], minlength=len(batch)).tolist()
            taken_as = [
                year.take(taken.report, taken.entry, taken.label, parsed, n, rows[n]) if rows[n] else -1
                for n, taken in enumerate(batch)
            ]
            numbers = np.array(taken_as, dtype=np.int32)
            chosen = (years == number) & (numbers[owner] >= 0)
            if chosen.any():
                table = parsed.table if chosen.all() else parsed.table.filter(pa.array(chosen))
                at = table.schema.get_field_index("report")
                year.add(table.set_column(at, "report", pa.array(numbers[owner[chosen]])), parsed.spelled)
        if sum(year.waiting_bytes for year in self.years.values()) > self._most_waiting:
            max(self.years.values(), key=lambda year: year.waiting_bytes).spill()


def _first_and_last(lines: bytes) -> tuple[bytes, bytes]:
    rows = lines.strip()
    return rows.split(b"\n", 1)[0], rows.rsplit(b"\n", 1)[-1]


# --- the rollups of a home ----------------------------------------------------------------------------------------------------------------


def roll_up_reports(
    settings: Settings,
    reports: Path | None = None,
    years: Collection[int] | None = None,
    datasets: Collection[str] | None = None,
    progress: Progress = lambda _done, _files, _what: None,
) -> RollUp:
    """Bring the built rollups up to date with the report files, but for what the user's own rollups hold.

    The folder of reports is that of the settings if not given; years and datasets are all that the reports hold if not given.

    Raises:
        InputError: there are no reports, or made-up and real ones would be mixed.
        YearBusyError: another process rolls up, or works on a year that would be written.
    """
    root = reports or settings.reports
    with rollup_lock(settings), ExitStack() as held:
        _keep_apart(settings.built, root)
        return roll_up(
            root,
            settings.built,
            years=years,
            datasets=datasets,
            covered=rollup_folder(settings).covers,
            progress=progress,
            before_write=lambda year: held.enter_context(year_lock(settings, year, wait_seconds=60)),
            memory_limit_bytes=settings.memory_limit_bytes,
            threads=settings.threads,
        )


def _keep_apart(built: Path, reports: Path) -> None:
    """Note that rollups are built from made-up reports, and never mix them with real ones."""
    if not reports.is_dir():
        return
    made_up, marked = (reports / MARKER).is_file(), (built / MARKER).is_file()
    if made_up != marked and any(built.glob("*/*.parquet")):
        kind, other = ("real", "made-up") if marked else ("made-up", "real")
        raise InputError(
            f"These reports are {kind}, and the rollups that were built are of {other} ones.",
            file=built,
            expected=f"{other} reports",
            remedy="Use another home: bess --home DIR rollup ..; or remove the folder of built rollups.",
        )
    if made_up and not marked:
        built.mkdir(parents=True, exist_ok=True)
        (built / MARKER).write_text('{"note": "Built from made-up reports."}\n', encoding="utf-8")


def build_rollup(settings: Settings, dataset: str, year: int) -> None:
    """Build the rollup of a dataset and delivery year from reports, if there are any and the user's own rollups do not hold it.

    Raises:
        WriteError: the disk takes no more. A report that cannot be used is in the manifest, and no error.
    """
    if not settings.reports.is_dir() or rollup_folder(settings).covers(dataset, year):
        return
    for built in roll_up_reports(settings, years=[year], datasets=[dataset]).built:
        if built.changed:
            _log.info("%s %d: built from %d new reports", dataset, year, built.new_reports)


def describe_rollups(settings: Settings, dataset: str, year: int) -> RollupEntry:
    """The rollup files that an operating year reads, as their footers describe them; the entry of a file that cannot be used says so."""
    folder = rollup_folder(settings)
    paths = {rollup_name(path): path for path in folder.files(dataset, year)}
    files = {name: _described(dataset, name, paths[name]) for name in sorted(paths)}
    all_built = all(name.startswith(f"{BUILT_FOLDER}/") for name in files)
    return RollupEntry(
        origin="absent" if not files else "built" if all_built else "found",
        files=files,
        closed=folder.goes_beyond(dataset, year),
    )


def _described(dataset: str, name: str, path: Path) -> RollupFileEntry:
    seen = fingerprint(path)
    entry = RollupFileEntry(rows=0, bytes=seen["size"], fingerprint=seen, missing=[], unknown=[], zero_filled=[])
    try:
        found = describe_file(DATASETS[dataset], path)
        manifest = read_manifest(path) if name.startswith(f"{BUILT_FOLDER}/") else None
        hold_against_manifest(path, manifest, seen["digest"])
    except BessError as error:
        return {**entry, "error": str(error)}
    entry |= {"rows": found.rows, "missing": found.missing, "unknown": found.unknown, "zero_filled": found.zero_filled}
    if manifest is not None:
        entry["built"] = {"reports": len(manifest["reports"]), **{name: manifest[name] for name in _IN_BRIEF}}
    return entry


def recorded_version(recorded: RollupEntry) -> str:
    """The content of the files of a dataset as recorded: a touched, unchanged file has the same."""
    digests = {name: entry["fingerprint"]["digest"] for name, entry in recorded["files"].items()}
    return _version(digests, closed=recorded.get("closed", False))


def version_now(settings: Settings, dataset: str, year: int, recorded: RollupEntry) -> str:
    """The content of the files that an operating year would read now; of a file that is as it was recorded only size and time are looked at."""
    folder, now = rollup_folder(settings), dict[str, str]()
    for path in folder.files(dataset, year):
        entry = recorded["files"].get(name := rollup_name(path))
        seen = entry["fingerprint"] if entry and same(entry["fingerprint"], path) else fingerprint(path)
        now[name] = seen["digest"]
    return _version(now, closed=folder.goes_beyond(dataset, year))


def _version(digests: Mapping[str, str], *, closed: bool) -> str:
    return "+".join([digests[name] for name in sorted(digests)] + ["closed"] * closed) or "absent"
