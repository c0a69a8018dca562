"""Whether each rollup file has as many rows as it should: a file that was cut short reads like any other.

Belongs here: comparing the files that a year reads with an expectation.
Does not: the expectation (expected_rows.py), counting rows (ercot/inspection.py).
"""

from datetime import date
from typing import NamedTuple

from bess_assets.checks.check import Check, Judged, some
from bess_assets.checks.expected_rows import VERSION, OwnExpectation, expected_between, factor, read_own_expectation
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import Verdict
from bess_assets.store.paths import EXPECTED_ROWS_FILE, file_years

ROWS_CHECK = "files_have_as_many_rows_as_expected"


class _File(NamedTuple):
    dataset: str
    name: str
    rows: int
    first: date | None
    last: date | None

    @property
    def label(self) -> str:
        return f"{self.dataset} {self.name}"

    @property
    def is_built(self) -> bool:
        return self.name.startswith(f"{BUILT_FOLDER}/")

    @property
    def year(self) -> int | None:
        stem = self.name.removeprefix(f"{BUILT_FOLDER}/").removesuffix(".parquet")
        return int(stem) if stem.isdigit() else None


def _row_counts(judged: Judged) -> Verdict:
    files = [
        _File(*row)
        for row in judged.ask(
            "SELECT DISTINCT dataset, file, file_rows, first_day, last_day FROM {rollup_schemas} WHERE file_rows IS NOT NULL "
            "ORDER BY dataset, file"
        )
    ]
    own = read_own_expectation(judged.settings.rollups / EXPECTED_ROWS_FILE)
    off = _problems_of(own)
    compared = 0
    not_compared = 0
    for file in files:
        phrase = _own_phrase(own, file)
        if phrase is None and not judged.is_made_up:
            phrase = _phrase(file)
        if phrase is None:
            not_compared += 1
            continue
        compared += 1
        off += [phrase] if phrase else []
    off += _absent(own, files, judged.operating_year)
    version = own.version if own and not own.problem else VERSION
    source = f"version {version}" + (f" of your {EXPECTED_ROWS_FILE}" if own and not own.problem else "")
    beside = f"; {not_compared} without an expectation" if not_compared else ""
    if off:
        detail = some(off) + f" ({source}{beside})"
    elif compared:
        detail = f"{compared} files as expected ({source}{beside})"
    else:
        detail = "not compared: " + ("a made-up market" if judged.is_made_up else "no file has an expectation")
    numbers = {
        "files_compared": compared,
        "files_off": len(off),
        "files_without_an_expectation": not_compared,
        "rows": sum(file.rows for file in files),
    }
    return Verdict(passed=not off, detail=detail, numbers=numbers)


def _problems_of(own: OwnExpectation | None) -> list[str]:
    if own is None:
        return []
    if own.problem:
        return [own.problem]
    return [f"{EXPECTED_ROWS_FILE} names no dataset with {name!r}" for name in own.rows if name not in DATASETS]


def _own_phrase(own: OwnExpectation | None, file: _File) -> str | None:
    """What is wrong by the user's own expectation: empty if nothing is, None if it does not speak of the file."""
    if own is None or file.is_built or file.year is None:
        return None
    expected = own.rows.get(file.dataset, {}).get(file.year)
    if expected is None:
        return None
    return "" if expected == file.rows else f"{file.label}: {file.rows:,} rows, {expected:,} expected"


def _phrase(file: _File) -> str | None:
    """The same by what is known of ERCOT's datasets, for the days that the file covers."""
    if file.first is None or file.last is None or file.year is None:
        return None
    expected = expected_between(file.dataset, file.first, file.last)
    if not expected:
        return None
    allowed = factor(file.dataset, file.year)
    if expected / allowed <= file.rows <= expected * allowed:
        return ""
    days = (file.last - file.first).days + 1
    return f"{file.label}: {file.rows:,} rows for {days} days, {expected / allowed:,.0f} to {expected * allowed:,.0f} expected"


def _absent(own: OwnExpectation | None, files: list[_File], year: int) -> list[str]:
    """Files that the user expects, the year reads, and nobody finds."""
    if own is None:
        return []
    there = {(file.dataset, file.year) for file in files if not file.is_built}
    return [
        f"{dataset} {file_year}.parquet: {rows:,} rows expected, and there is no such file that can be read"
        for dataset, years in own.rows.items()
        if dataset in DATASETS
        for file_year, rows in years.items()
        if file_year in file_years(dataset, year) and (dataset, file_year) not in there
    ]


ROW_COUNTS = Check(
    ROWS_CHECK,
    "Every rollup file that the year reads has as many rows as expected for the days that it covers: within a tenth for 2024, within a factor of 2.5 for other "
    f"years, exactly where `<rollups>/{EXPECTED_ROWS_FILE}` says so. A warning: a file that was cut short reads like any other.",
    _row_counts,
    f"bring the named file again, whole; if it is right, state its rows in `<rollups>/{EXPECTED_ROWS_FILE}`",
)
