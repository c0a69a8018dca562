"""Which reports built rollups lack, found without reading rows.

The index knows every file that was rolled up. The name of a new file says what it holds, or else its first lines do: the next roll-up reads the file and
corrects that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

from bess_assets.ercot.calendar import day_of_number
from bess_assets.ercot.report_rows import day_span
from bess_assets.ercot.reports import UNPACKING_ERRORS, guess, open_reports, recognise, report_files
from bess_assets.errors import BessError
from bess_assets.store.fingerprint import stamp
from bess_assets.store.listing import Mark, mark_of
from bess_assets.store.rollup_files import (
    INDEX_NAME,
    ReportIndex,
    Taken,
    built_path,
    is_taken,
    label_of,
    manifest_path,
    read_manifest,
    taken_of,
)

Target = tuple[str, int]
"""A dataset and a delivery year."""

_BEGINNING_BYTES = 2**16


@dataclass(frozen=True)
class ReportNews:
    """What happened to a folder of reports since the last roll-up.

    Attributes:
        files: report files that a rollup lacks, by dataset and delivery year; paths below the folder.
        gone: files that were rolled up and are not there any more; their rows stay in the rollups.
        unreadable: new files that cannot be opened or unpacked and whose names do not say what they hold; the roll-up says why.
    """

    files: Mapping[Target, tuple[str, ...]] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


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
            for target in _lacking(index, built, reports / name, name):
                if not covered(*target):
                    found[target].append(name)
        except UNPACKING_ERRORS as error:
            if not isinstance(error, FileNotFoundError):  # else it went away after it was listed
                unreadable.append(name)
    files = {target: tuple(found[target]) for target in sorted(found)}
    return ReportNews(files, tuple(sorted(index.files.keys() - names)), tuple(unreadable))


def _lacking(index: ReportIndex, built: Path, path: Path, name: str) -> Iterable[Target]:
    """Datasets and years whose rollup lacks what the file holds."""
    entries = index.entries(name)
    if entries is None:
        return _targets_of(path, *stamp(path))

    def taken(rollup: Path) -> Taken:
        return _listed(rollup, mark_of(rollup), mark_of(manifest_path(rollup)))

    return {
        (entry["dataset"], year)
        for entry in entries
        if entry.get("dataset") and not entry.get("refused")
        for year in entry["years"]
        if not is_taken(entry, label_of(name, entry), taken(built_path(built, entry["dataset"], year)))
    }


@lru_cache(maxsize=256)
def _listed(rollup: Path, mark: Mark | None, _manifest: Mark | None) -> Taken:
    """What is in a built rollup; nothing if it or its manifest is gone or cannot be read, which the roll-up will say."""
    try:
        manifest = read_manifest(rollup) if mark else None
    except BessError:
        manifest = None
    return taken_of(manifest["reports"] if manifest else ())


@lru_cache(maxsize=2**17)
def _targets_of(path: Path, _size: int, _mtime_ns: int) -> frozenset[Target]:
    """Datasets and years that the name of a new file, or else its first lines, speak of.

    Raises:
        BadZipFile: neither does, and a report in the file cannot be opened or unpacked.
    """
    named = guess(path.name)
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
        raise BadZipFile("; ".join(problems))
    return frozenset(targets)
