"""The check that each rollup file has as many rows as expected: a file that was cut short reads like any other.

Expected are the rows that ERCOT's datasets have a day, by era, or those that the user states in `expected_rows.json`.
"""

import json
from datetime import date
from pathlib import Path

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS, RTC_FIRST_DAY
from bess_assets.ercot.rollup_names import BUILT_FOLDER
from bess_assets.ercot.step import Verdict, some
from bess_assets.store.listing import made_up_inputs
from bess_assets.store.paths import EXPECTED_ROWS_FILE, file_years

_VERSION = "2026-11"  # name of this expectation: a new one when a number below changes

_MEASURED_YEAR = 2024  # the year whose files were counted
CLOSE = 1.1
"""Factor by which the rows of a file of the measured year may differ."""
_ROUGH = 2.5  # factor for other years: the market grows, and real files repeat rows or lack days
_ROUGH_ALWAYS = frozenset({"cop_snapshots"})  # the number of resources differs from archive to archive

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
# SCED runs in the disclosure: one a quarter-hour before RTC+B, one in about five minutes from then on.
_RUNS_A_DAY_BEFORE, _RUNS_A_DAY = 96, 288
_STORAGE_RESOURCES = 340

_A_DAY = {name: rows / 366 for name, rows in _ROWS_MEASURED.items()}

ROWS_A_DAY: dict[str, tuple[tuple[date, float], ...]] = {
    **{name: ((date.min, rows),) for name, rows in _A_DAY.items()},
    **{
        name: ((date.min, _A_DAY[name]), (RTC_FIRST_DAY, _A_DAY[name] * (_RUNS_A_DAY / _RUNS_A_DAY_BEFORE - 1)))
        for name in ("sced_gen_resources", "sced_load_resources")
    },
    "sced_esr_resources": ((RTC_FIRST_DAY, _STORAGE_RESOURCES * _RUNS_A_DAY),),
    "dam_esr_resources": ((DAM_ESR_FIRST_DAY, _STORAGE_RESOURCES * 24),),
    "rt_as_prices": ((RTC_FIRST_DAY, len(PRODUCTS) * 96),),
}
"""Rows a day by dataset that come on top from each first day on; the files of other datasets are not compared."""


def expected_between(dataset: str, first: date, last: date) -> float:
    """Rows that a dataset should have from a first to a last day; 0 if nothing is known of it."""
    return sum(rows * max((last - max(first, since)).days + 1, 0) for since, rows in ROWS_A_DAY.get(dataset, ()))


def factor(dataset: str, file_year: int) -> float:
    """Factor by which the rows of a file of that year may differ from the expectation."""
    return CLOSE if file_year == _MEASURED_YEAR and dataset not in _ROUGH_ALWAYS else _ROUGH


def _read_own(path: Path) -> tuple[str, dict[str, dict[int, int]], list[str]]:
    """Version, rows by dataset and year, and faults of the user's `expected_rows.json`: `{"version": "..", "rows": {"rt_prices": {"2024": 123}}}`."""
    if not path.is_file():
        return "", {}, []
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = {
            str(dataset).lower(): {int(year): count for year, count in years.items()}
            for dataset, years in content["rows"].items()
        }
        for count in (count for years in rows.values() for count in years.values()):
            if type(count) is not int or count < 0:
                raise ValueError(f"{json.dumps(count)} is no number of rows")  # noqa: TRY301  said as the others are
        strangers = [f"{path.name} names no dataset with {name!r}" for name in rows if name not in DATASETS]
        return str(content["version"]), rows, strangers
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        return "", {}, [f"{path.name} cannot be understood: {reason}"]


def _row_counts(judged: Judged) -> Verdict:
    files = judged.ask(
        "SELECT dataset, min(file), year, sum(file_rows)::BIGINT, min(first_day), max(last_day) FROM ("  # of all parts of a year
        "SELECT DISTINCT dataset, file, regexp_extract(file, '(19|20)[0-9][0-9]')::INT AS year, file_rows, first_day, last_day "
        "FROM {rollup_schemas} WHERE file_rows IS NOT NULL"
        f") GROUP BY dataset, year, starts_with(file, '{BUILT_FOLDER}/') ORDER BY ALL"
    )
    version, own, off = _read_own(judged.settings.rollups / EXPECTED_ROWS_FILE)
    found = {(dataset, year) for dataset, name, year, *_ in files if not name.startswith(BUILT_FOLDER)}
    made_up, compared = made_up_inputs(judged.settings), 0
    for dataset, name, year, rows, first, last in files:
        if year in own.get(dataset, {}) and not name.startswith(BUILT_FOLDER):
            low = high = float(own[dataset][year])
            words = f"rows, {low:,.0f} expected"
        elif not made_up and first and (expected := expected_between(dataset, first, last)):
            low, high = expected / factor(dataset, year), expected * factor(dataset, year)
            words = f"rows for {(last - first).days + 1} days, {low:,.0f} to {high:,.0f} expected"
        else:
            continue
        compared += 1
        off += [] if low <= rows <= high else [f"{dataset} {name}: {rows:,} {words}"]
    off += [
        f"{dataset} {year}.parquet: {rows:,} rows expected, and there is no such file that can be read"
        for dataset, years in own.items()
        for year, rows in years.items()
        if dataset in DATASETS and year in file_years(dataset, judged.year) and (dataset, year) not in found
    ]
    left = len(files) - compared
    detail = "not compared: " + ("a made-up market" if made_up else "no file has an expectation")
    if off or compared:
        source = f"version {version} of your {EXPECTED_ROWS_FILE}" if version else f"version {_VERSION}"
        source += f"; {left} without an expectation" if left else ""
        detail = f"{some(off) or f'{compared} files as expected'} ({source})"
    numbers = {"files_compared": compared, "files_off": len(off), "files_without_an_expectation": left}
    return Verdict(not off, detail, numbers | {"rows": sum(file[3] for file in files)})


ROW_COUNTS = Check(
    "files_have_as_many_rows_as_expected",
    "Every rollup file that the year reads has as many rows as expected for the days that it covers: within a tenth for 2024, within a factor of 2.5 for other "
    f"years, exactly where `<rollups>/{EXPECTED_ROWS_FILE}` says so. A warning: a file that was cut short reads like any other.",
    f"bring the named file again, whole; if it is right, state its rows in `<rollups>/{EXPECTED_ROWS_FILE}`",
    _row_counts,
)
