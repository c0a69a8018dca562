"""The check that each rollup file has as many rows as expected: a file that was cut short reads like any other."""

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
    rows = judged.ask(
        "SELECT DISTINCT dataset, file, file_rows, first_day, last_day FROM {rollup_schemas} WHERE file_rows IS NOT NULL "
        "ORDER BY dataset, file"
    )
    files = [_File(*row) for row in rows]
    own = read_own_expectation(judged.settings.rollups / EXPECTED_ROWS_FILE)
    phrases = [_own_phrase(own, file) for file in files]
    if not judged.is_made_up:
        phrases = [_phrase(f) if phrase is None else phrase for f, phrase in zip(files, phrases, strict=True)]
    compared = [phrase for phrase in phrases if phrase is not None]
    off = [*_problems_of(own), *filter(None, compared), *_absent(own, files, judged.operating_year)]
    source = f"version {own.version} of your {EXPECTED_ROWS_FILE}" if own and not own.problem else f"version {VERSION}"
    left = len(files) - len(compared)
    source += f"; {left} without an expectation" if left else ""
    if off or compared:
        detail = (some(off) or f"{len(compared)} files as expected") + f" ({source})"
    else:
        detail = "not compared: " + ("a made-up market" if judged.is_made_up else "no file has an expectation")
    numbers = {
        "files_compared": len(compared),
        "files_off": len(off),
        "files_without_an_expectation": left,
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
    """The difference from the user's own expectation: empty if there is none, None if the expectation does not name the file."""
    if own is None or file.is_built or file.year is None:
        return None
    expected = own.rows.get(file.dataset, {}).get(file.year)
    if expected is None:
        return None
    return "" if expected == file.rows else f"{file.label}: {file.rows:,} rows, {expected:,} expected"


def _phrase(file: _File) -> str | None:
    """The difference from the rows that ERCOT's datasets have, for the days that the file covers."""
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
    """Files that the user expects and the year reads, and that cannot be found or read."""
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
