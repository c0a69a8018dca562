"""The revenue of a refreshed year against the second settlement of ERCOT's reports, by battery and month.

The pairs, a user's sizes and nodes are those of the first settlement (`bess_registry`, the battery table); all else is read again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import InputError, NotRefreshedError
from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.second_settlement.settlement import USER_NODE_COLUMNS, settle
from bess_assets.second_settlement.source import UnusableRowsError
from bess_assets.settings import Settings
from bess_assets.settlement.battery_table import read_user_table
from bess_assets.store.paths import result_path

PARTS = ("da_energy_usd", "rt_energy_usd", *(f"as_{product}_usd" for product in PRODUCTS))
REVENUE = ("da_energy_usd", "rt_energy_usd", "energy_usd", *PARTS[2:], "as_usd", "total_usd")
"""What is compared, of each battery and month."""

EXACT_USD = 1e-6
"""The two settlements add in different orders, so that equal figures may differ in their last digits."""
SHOWN_USD = 0.01
"""A battery whose year differs by more is shown."""
FAILING_SHARE = 0.001
"""A battery whose year differs by more than this part of its revenue fails the comparison."""

Tell = Callable[[str, bool], None]
"""Called with what is being done, and whether something is finished."""


@dataclass(frozen=True)
class Difference:
    """One figure that differs: a revenue column of a battery and month (1..12), None where unknown.

    Attributes:
        results_usd: as written in leaderboard_monthly.
        reports_usd: straight from the reports.
    """

    battery: str
    month: int
    column: str
    results_usd: float | None
    reports_usd: float | None

    @property
    def usd(self) -> float:
        """How much it differs by; all of a figure that only one of the two knows."""
        return abs((self.results_usd or 0.0) - (self.reports_usd or 0.0))


@dataclass(frozen=True)
class BatteryDifference:
    """A battery whose year differs.

    Attributes:
        usd: sum of the differences of its months, in the revenue column where it is largest.
        share: that as a part of its revenue: the sum of the magnitudes of its parts, by the settlement where that is larger.
        fails: whether that is more than may be.
        figures: the figures that differ, the largest difference first.
    """

    battery: str
    usd: float
    share: float
    fails: bool
    figures: tuple[Difference, ...]

    @property
    def one_side_unknown(self) -> bool:
        """Whether some figure is known to one of the two only."""
        return any((f.results_usd is None) != (f.reports_usd is None) for f in self.figures)


@dataclass(frozen=True)
class Comparison:
    """Both settlements side by side, for one operating year.

    Attributes:
        batteries: how many were compared.
        figures: how many figures were compared.
        reports: CSVs that were there to be read.
        copies: CSVs left out since another has the same content.
        others: CSVs of no dataset that is read.
        worst_usd: the largest difference of one figure.
        differing: batteries to be shown, the largest share first.
        problems: what is wrong with a file, by the file; with any the comparison does not agree.
        seconds: how long it took.
    """

    year: int
    batteries: int
    figures: int
    reports: int
    copies: int
    others: int
    worst_usd: float
    differing: tuple[BatteryDifference, ...]
    problems: dict[str, str]
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether no figure differs by more than the order of adding explains, and the same figures are unknown."""
        return self.worst_usd <= EXACT_USD and not self.differing

    @property
    def agrees(self) -> bool:
        """Whether no battery differs by more than may be and every report could be read."""
        return not self.problems and not any(battery.fails for battery in self.differing)


def compare_reports(settings: Settings, year: int, tell: Tell | None = None) -> Comparison:
    """Settle a refreshed year a second time, straight from ERCOT's reports, and compare its revenue with the results.

    Args:
        settings: where reports and results are.
        year: the operating year.
        tell: called with the progress.

    Raises:
        NotRefreshedError: there are no results of the year.
        InputError: there are no reports, or none of a 60-day dataset holds a day of the year.
    """
    started = time.monotonic()
    say: Tell = tell or (lambda _text, _finished: None)
    registry, board = (_results(settings, table, year) for table in ("bess_registry", "leaderboard_monthly"))
    if not has_reports(settings.reports):
        raise InputError(
            "There are no reports to compare with.",
            file=settings.reports,
            expected="ERCOT's report files, CSV or ZIP, in any subfolder",
            remedy="Name their folder in BESS_REPORTS.",
        )
    folder = ReportFolder(settings.reports, year, say)
    try:
        again = settle(
            folder,
            year,
            handed_in(registry),
            _user_nodes(settings),
            intervals=False,
            tell=lambda done, of: say(f"{done} of {of} batteries settled", done == of),
        ).leaderboard_monthly
    except UnusableRowsError as error:
        problems = "; ".join(f"{file}: {problem}" for file, problem in folder.problems.items())
        raise InputError(
            f"The reports of {year} cannot be settled: {error}.",
            file=settings.reports,
            expected=f"reports of every dataset of {year}",
            remedy=f"First: {problems}" if problems else f"Put the reports of {year} into this folder.",
        ) from error
    differing, figures, worst = _differences(board, again)
    return Comparison(
        year=year,
        batteries=int(board["battery"].nunique()),
        figures=figures,
        reports=sum(len(reports) for reports in folder.reports.values()),
        copies=folder.copies,
        others=folder.others,
        worst_usd=worst,
        differing=differing,
        problems=dict(folder.problems),
        seconds=time.monotonic() - started,
    )


def has_reports(folder: Path) -> bool:
    """Whether a folder holds anything that may be a report."""
    return folder.is_dir() and any(path.suffix.lower() in {".csv", ".zip"} for path in folder.rglob("*"))


def handed_in(registry: pd.DataFrame) -> pd.DataFrame:
    """Names, pairs and a user's sizes of `bess_registry`, as the second settlement takes them."""
    user_mw = registry["capacity_mw"].where(registry["capacity_source"] == "user")
    user_mwh = registry["energy_mwh"].where(registry["energy_source"] == "user")
    names = registry[["battery", "gen_resource", "load_resource", "esr_resource"]]
    return names.assign(
        charging_known=registry["charging"] != "unknown",
        load_as_only=registry["pair_status"] == "name_only",
        user_capacity_mw=user_mw,
        user_energy_mwh=user_mwh,
    )


def _user_nodes(settings: Settings) -> pd.DataFrame:
    """Nodes of the user's battery table, with the days for which they hold."""
    rows = (
        [row for row in read_user_table(settings.registry_csv) if row.settlement_point] if settings.registry_csv else []
    )
    days = [(pd.Timestamp(row.valid_from or "2000-01-01"), pd.Timestamp(row.valid_to or "2199-12-31")) for row in rows]
    nodes = [(row.battery, row.settlement_point, *both) for row, both in zip(rows, days, strict=True)]
    return pd.DataFrame(nodes, columns=list(USER_NODE_COLUMNS))


def _results(settings: Settings, table: str, year: int) -> pd.DataFrame:
    path = result_path(settings.results, table, year)
    if not path.is_file():
        raise NotRefreshedError(
            f"{year} has not been refreshed: there is no {table}.",
            dataset=table,
            file=path,
            remedy=f"Settle it first: bess refresh {year}",
        )
    return pd.read_parquet(path)


def _differences(board: pd.DataFrame, again: pd.DataFrame) -> tuple[tuple[BatteryDifference, ...], int, float]:
    """Batteries to be shown, how many figures were compared, and the largest difference of one."""
    keys = ["battery", "month"]
    both = board[[*keys, *REVENUE]].merge(
        again[[*keys, *REVENUE]], on=keys, how="outer", suffixes=("", "_again"), validate="1:1"
    )
    results, reports = (
        both[[f"{column}{suffix}" for column in REVENUE]].to_numpy(dtype=np.float64) for suffix in ("", "_again")
    )
    gap = np.abs(np.nan_to_num(results) - np.nan_to_num(reports))
    one_side = np.isnan(results) != np.isnan(reports)
    differs = (gap > EXACT_USD) | one_side
    parts = [REVENUE.index(part) for part in PARTS]
    found = []
    for battery, positions in both.groupby("battery").indices.items():
        rows = np.asarray(positions, dtype=np.int64)
        usd = float(gap[rows].sum(axis=0).max())
        if usd <= SHOWN_USD and not one_side[rows].any():
            continue
        revenue = max(_magnitude(results[rows][:, parts]), _magnitude(reports[rows][:, parts]))
        share = usd / revenue if revenue else float(usd > 0)
        figures = [
            Difference(
                str(battery),
                int(both["month"].iloc[row]),
                REVENUE[column],
                _known(results[row, column]),
                _known(reports[row, column]),
            )
            for row in rows.tolist()
            for column in np.flatnonzero(differs[row]).tolist()
        ]
        figures.sort(key=lambda figure: -figure.usd)
        found.append(BatteryDifference(str(battery), usd, share, share > FAILING_SHARE, tuple(figures)))
    found.sort(key=lambda battery: (-battery.share, battery.battery))
    return tuple(found), results.size, float(gap.max(initial=0.0))


def _magnitude(values: npt.NDArray[np.float64]) -> float:
    return float(np.nansum(np.abs(values)))


def _known(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
