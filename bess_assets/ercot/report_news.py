"""Which reports are new since rollups were last built, told without reading them.

Belongs here: comparing a folder of reports with the index and the manifests of the last roll-up.
Does not: building (rollup.py), deciding what is refreshed (store/status.py).

A file is told by size and time, and one that was merely touched by its digest. What a new file holds is told by its name, or else by its first lines: a
guess that the next roll-up, which reads it, puts right.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

from bess_assets.ercot.calendar import day_of_number
from bess_assets.ercot.report_rows import day_span, time_column
from bess_assets.ercot.reports import (
    UNPACKING_ERRORS,
    Refusal,
    Report,
    digest_of,
    open_reports,
    read_chunks,
    recognise,
    report_files,
)
from bess_assets.ercot.rollup import INDEX_NAME, ReportIndex, TakenReports, built_path, guess, label_of, read_manifest
from bess_assets.errors import BessError

Target = tuple[str, int]
"""A dataset and a delivery year."""

_BEGINNING_BYTES = 2**16
_CHUNK_BYTES = 2**20
_Key = tuple[str, int, int]
_told: dict[_Key, frozenset[Target]] = {}
_touched: dict[_Key, bool] = {}
_manifests: dict[_Key, TakenReports] = {}


@dataclass(frozen=True)
class ReportNews:
    """What happened to a folder of reports since the last roll-up.

    Attributes:
        files: report files that a rollup lacks, by dataset and delivery year; paths below the folder.
        gone: files that were rolled up and are not there any more; their rows stay in the rollups.
        unreadable: new files of which neither name nor content tells what they are, because they cannot be opened or unpacked; the roll-up says why.
    """

    files: Mapping[Target, tuple[str, ...]] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def years(self) -> list[int]:
        """Delivery years that lack a report, ascending."""
        return sorted({year for _, year in self.files})


def report_news(
    reports: Path, built: Path, covered: Callable[[str, int], bool] = lambda _dataset, _year: False
) -> ReportNews:
    """What is new in a folder of reports.

    Args:
        reports: searched with all its subfolders; none is no news.
        built: where rollups, manifests and the index of reports are.
        covered: whether a dataset and year need no build, because the user's own rollups hold them.
    """
    if not reports.is_dir():
        return ReportNews()
    index = ReportIndex(built / INDEX_NAME, reports)
    found: defaultdict[Target, list[str]] = defaultdict(list)
    names = set()
    unreadable = []
    for path in report_files(reports):
        name = path.relative_to(reports).as_posix()
        names.add(name)
        try:
            targets = _lacking(index, built, path, name)
        except FileNotFoundError:
            continue  # it went away between being listed and being looked at
        except UNPACKING_ERRORS:
            unreadable.append(name)
            continue
        for target in targets:
            if not covered(*target):
                found[target].append(name)
    gone = tuple(sorted(set(index.names()) - names))
    files = {target: tuple(names_of) for target, names_of in sorted(found.items())}
    return ReportNews(files, gone, tuple(unreadable))


def _lacking(index: ReportIndex, built: Path, path: Path, name: str) -> Iterable[Target]:
    """Datasets and years whose rollup lacks what the file holds."""
    status = path.stat()
    entries = index.entries(path, status)
    if entries is None:
        earlier = index.earlier(path, status.st_size)
        entries = earlier if earlier is not None and _is_same(path, status, earlier) else None
    if entries is None:
        return _targets_told(path, status)
    return {
        (entry["dataset"], year)
        for entry in entries
        if entry.get("dataset") and not entry.get("refused")
        for year in entry["years"]
        if not _taken(built_path(built, entry["dataset"], year)).has(entry, label_of(name, entry))
    }


def _taken(rollup: Path) -> TakenReports:
    """What is in a built rollup; nothing if it or its manifest is gone or cannot be read, which the roll-up will say."""
    try:
        status = rollup.with_suffix(".manifest.json").stat()
        rollup.stat()
    except OSError:
        return TakenReports(())
    key = (str(rollup), status.st_size, status.st_mtime_ns)
    if key not in _manifests:
        try:
            manifest = read_manifest(rollup)
        except BessError:
            manifest = None
        _manifests[key] = TakenReports(manifest["reports"] if manifest else ())
    return _manifests[key]


def _is_same(path: Path, status: os.stat_result, earlier: list[dict[str, Any]]) -> bool:
    """Whether a file whose time has changed still holds the reports that it held."""
    key = (str(path), status.st_size, status.st_mtime_ns)
    if key not in _touched:
        _touched[key] = _holds_what_it_held(path, earlier)
    return _touched[key]


def _holds_what_it_held(path: Path, earlier: list[dict[str, Any]]) -> bool:
    known = {tuple(entry["members"]): entry for entry in earlier}
    for opened in open_reports(path):
        members = opened.members if isinstance(opened, Refusal) else opened[0].members
        entry = known.pop(tuple(members), None)
        if entry is None or not _is_as_listed(opened, entry):
            return False
    return not known


def _is_as_listed(opened: Refusal | tuple[Report, Callable[[], IO[bytes]]], entry: Mapping[str, Any]) -> bool:
    """Whether a report is the one of the index: by its digest, or where nothing is made of it, by its size."""
    if isinstance(opened, Refusal) or entry.get("refused"):
        return isinstance(opened, Refusal) and bool(entry.get("refused"))
    if "sha256" not in entry:
        return bool(entry.get("bytes") == opened[0].bytes)
    try:
        with opened[1]() as file:
            return bool(digest_of(read_chunks(file, _CHUNK_BYTES)) == entry["sha256"])
    except UNPACKING_ERRORS:
        return False


def _targets_told(path: Path, status: os.stat_result) -> frozenset[Target]:
    """Datasets and years that a new file's name, or else its first lines, speak of."""
    key = (str(path), status.st_size, status.st_mtime_ns)
    if key not in _told:
        told = guess(path.name)
        named = {(name, year) for name in told.get("of", ()) for year in told["years"]}
        _told[key] = frozenset(named or _targets_seen(path))
    return _told[key]


def _targets_seen(path: Path) -> set[Target]:
    """Datasets and years that the first lines of the reports in a file speak of.

    Raises:
        BadZipFile: none of them tells, and one cannot be opened or unpacked.
    """
    targets: set[Target] = set()
    problems = []
    for opened in open_reports(path):
        if isinstance(opened, Refusal):
            problems.append(opened.problem)
            continue
        report, open_bytes = opened
        try:
            with open_bytes() as file:
                target = _target_of(report.name, file.read(_BEGINNING_BYTES))
        except UNPACKING_ERRORS as error:
            problems.append(str(error))
            continue
        if target:
            targets.add(target)
    if problems and not targets:
        raise BadZipFile("; ".join(problems))
    return targets


def _target_of(name: str, beginning: bytes) -> Target | None:
    heading = recognise(name, beginning)
    first_row = beginning[heading.data_starts :].strip().split(b"\n")[0]
    if heading.dataset is None or not first_row:
        return None
    cells = first_row.decode("utf-8", errors="replace").split(",")
    at = time_column(heading.dataset, heading.headings)
    span = day_span(*[cells[at].strip().strip('"')] * 2) if at < len(cells) else None
    return (heading.dataset.name, day_of_number(span[0]).year) if span else None
