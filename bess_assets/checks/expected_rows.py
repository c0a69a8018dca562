"""How many rows ERCOT's datasets have a day, by era, and the user's own expectation, `expected_rows.json`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS, RTC_FIRST_DAY

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


@dataclass(frozen=True)
class OwnExpectation:
    """The user's expectation of their own rollup files.

    Attributes:
        version: the user's name for it.
        rows: exact rows by dataset and by the year in the file's name.
        problem: why the file cannot be understood; None if it can.
    """

    version: str
    rows: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    problem: str | None = None


def read_own_expectation(path: Path) -> OwnExpectation | None:
    """The user's `expected_rows.json`: `{"version": "..", "rows": {"rt_prices": {"2024": 123}}}`; None if there is none."""
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        rows = {
            str(dataset).lower(): {int(year): _whole(count) for year, count in years.items()}
            for dataset, years in content["rows"].items()
        }
        return OwnExpectation(str(content["version"]), rows)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        return OwnExpectation("", problem=f"{path.name} cannot be understood: {reason}")


def _whole(count: object) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"{json.dumps(count)} is no number of rows")
    return count
