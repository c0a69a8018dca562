"""The check that each rollup file has as many rows as expected: a file that was cut short reads like any other.

Expected are the rows that ERCOT's datasets have a day, by era, or those that the user states in `expected_rows.json`.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS, RTC_FIRST_DAY
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import Verdict, some
from bess_assets.store.paths import EXPECTED_ROWS_FILE, file_years

VERSION = "2026-11"
"""Name of this expectation: a new one when a number below changes."""

MEASURED_YEAR = 2024
"""The year whose files were counted."""
CLOSE = 1.1
"""Factor by which the rows of a file of the measured year may differ."""
ROUGH = 2.5
"""Factor for other years: the market grows, and real files repeat rows or lack days."""
_ROUGH_ALWAYS = frozenset({"cop_snapshots"})
"""Datasets whose number of resources differs from archive to archive."""

_DAYS_MEASURED = 366
_ROWS_MEASURED = {
    "rt_prices": 32_600_000,
    "sced_gen_resources": 31_600_000,
    "sced_load_resources": 19_100_000,
    "cop_snapshots": 17_700_000,
    "dam_gen_resources": 11_800_000,
    "da_prices": 8_000_000,
    "dam_load_resources": 5_800_000,
    "as_prices": 43_920,
}
_RUNS_A_DAY_BEFORE, _RUNS_A_DAY = 96, 288
"""SCED runs in the disclosure: one a quarter-hour before RTC+B, one in about five minutes from then on."""
_STORAGE_RESOURCES = 340
_ALWAYS = date.min

_A_DAY = {name: rows / _DAYS_MEASURED for name, rows in _ROWS_MEASURED.items()}

ROWS_A_DAY: dict[str, tuple[tuple[date, float], ...]] = {
    **{name: ((_ALWAYS, rows),) for name, rows in _A_DAY.items()},
    **{
        name: ((_ALWAYS, _A_DAY[name]), (RTC_FIRST_DAY, _A_DAY[name] * _RUNS_A_DAY / _RUNS_A_DAY_BEFORE))
        for name in ("sced_gen_resources", "sced_load_resources")
    },
    "sced_esr_resources": ((RTC_FIRST_DAY, _STORAGE_RESOURCES * _RUNS_A_DAY),),
    "dam_esr_resources": ((DAM_ESR_FIRST_DAY, _STORAGE_RESOURCES * 24),),
    "rt_as_prices": ((RTC_FIRST_DAY, len(PRODUCTS) * 96),),
}
"""Rows a day by dataset, from each first day on; the files of other datasets are not compared."""


def expected_between(dataset: str, first: date, last: date) -> float | None:
    """Rows that a dataset should have from a first to a last day; None if nothing is known of it."""
    eras = ROWS_A_DAY.get(dataset)
    if eras is None:
        return None
    ends = [start for start, _ in eras[1:]] + [date.max]
    rows = 0.0
    for (start, rate), end in zip(eras, ends, strict=True):
        days = (min(last, end - timedelta(days=1)) - max(first, start)).days + 1
        rows += max(days, 0) * rate
    return rows


def factor(dataset: str, file_year: int) -> float:
    """Factor by which the rows of a file of that year may differ from the expectation."""
    return CLOSE if file_year == MEASURED_YEAR and dataset not in _ROUGH_ALWAYS else ROUGH


class _File(NamedTuple):
    dataset: str
    name: str
    rows: int
    first: date | None
    last: date | None

    @property
    def is_built(self) -> bool:
        return self.name.startswith(f"{BUILT_FOLDER}/")

    @property
    def year(self) -> int | None:
        stem = self.name.removeprefix(f"{BUILT_FOLDER}/").removesuffix(".parquet")
        return int(stem) if stem.isdigit() else None


class _Own(NamedTuple):
    """The user's expectation of their own rollup files: its name, rows by dataset and year of the file, and why it cannot be understood."""

    version: str = ""
    rows: Mapping[str, Mapping[int, int]] = {}
    problem: str | None = None


def _read_own(path: Path) -> _Own:
    """The user's `expected_rows.json`: `{"version": "..", "rows": {"rt_prices": {"2024": 123}}}`; nothing where there is none."""
    if not path.is_file():
        return _Own()
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = {
            str(dataset).lower(): {int(year): _whole(count) for year, count in years.items()}
            for dataset, years in content["rows"].items()
        }
        return _Own(str(content["version"]), rows)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        return _Own(problem=f"{path.name} cannot be understood: {reason}")


def _whole(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"{json.dumps(count)} is no number of rows")
    return count


def _row_counts(judged: Judged) -> Verdict:
    rows = judged.ask(
        "SELECT DISTINCT dataset, file, file_rows, first_day, last_day FROM {rollup_schemas} WHERE file_rows IS NOT NULL "
        "ORDER BY dataset, file"
    )
    files = [_File(*row) for row in rows]
    own = _read_own(judged.settings.rollups / EXPECTED_ROWS_FILE)
    off = [own.problem] if own.problem else []
    off += [f"{EXPECTED_ROWS_FILE} names no dataset with {name!r}" for name in own.rows if name not in DATASETS]
    compared = 0
    for file in files:
        expected = _expected(file, own, made_up=judged.is_made_up)
        if expected is not None:
            low, high, words = expected
            compared += 1
            off += [] if low <= file.rows <= high else [f"{file.dataset} {file.name}: {file.rows:,} {words}"]
    off += _absent(own, files, judged.operating_year)
    left = len(files) - compared
    if off or compared:
        source = f"version {own.version} of your {EXPECTED_ROWS_FILE}" if own.version else f"version {VERSION}"
        source += f"; {left} without an expectation" if left else ""
        detail = (some(off) or f"{compared} files as expected") + f" ({source})"
    else:
        detail = "not compared: " + ("a made-up market" if judged.is_made_up else "no file has an expectation")
    numbers = {
        "files_compared": compared,
        "files_off": len(off),
        "files_without_an_expectation": left,
        "rows": sum(file.rows for file in files),
    }
    return Verdict(passed=not off, detail=detail, numbers=numbers)


def _expected(file: _File, own: _Own, *, made_up: bool) -> tuple[float, float, str] | None:
    """Least and most rows of a file by the user's own expectation, else by ERCOT's datasets and its days, and words for them; None if nothing is expected."""
    exact = None if file.is_built or file.year is None else own.rows.get(file.dataset, {}).get(file.year)
    if exact is not None:
        return exact, exact, f"rows, {exact:,} expected"
    if made_up or file.year is None or file.first is None or file.last is None:
        return None
    expected, allowed = expected_between(file.dataset, file.first, file.last), factor(file.dataset, file.year)
    if not expected:
        return None
    low, high, days = expected / allowed, expected * allowed, (file.last - file.first).days + 1
    return low, high, f"rows for {days} days, {low:,.0f} to {high:,.0f} expected"


def _absent(own: _Own, files: list[_File], year: int) -> Iterator[str]:
    """Files that the user expects and the year reads, and that cannot be found or read."""
    there = {(file.dataset, file.year) for file in files if not file.is_built}
    for dataset, years in own.rows.items():
        for file_year, rows in years.items() if dataset in DATASETS else ():
            if file_year in file_years(dataset, year) and (dataset, file_year) not in there:
                yield f"{dataset} {file_year}.parquet: {rows:,} rows expected, and there is no such file that can be read"


ROW_COUNTS = Check(
    "files_have_as_many_rows_as_expected",
    "Every rollup file that the year reads has as many rows as expected for the days that it covers: within a tenth for 2024, within a factor of 2.5 for other "
    f"years, exactly where `<rollups>/{EXPECTED_ROWS_FILE}` says so. A warning: a file that was cut short reads like any other.",
    f"bring the named file again, whole; if it is right, state its rows in `<rollups>/{EXPECTED_ROWS_FILE}`",
    _row_counts,
)
