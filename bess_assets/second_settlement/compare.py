"""The revenue of a refreshed year against the second settlement of ERCOT's reports, by battery and month.

The pairs are those of `bess_registry`, a user's nodes those of the battery table; all else is read again.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import InputError, NotRefreshedError
from bess_assets.second_settlement.csv_reports import ReportFolder, Tell
from bess_assets.second_settlement.settlement import UserNode, settle
from bess_assets.second_settlement.source import UnusableRowsError
from bess_assets.settings import Settings
from bess_assets.settlement.battery_table import read_user_table
from bess_assets.store.paths import result_path
from bess_assets.text import Column, decimals, number

PARTS = ("da_energy_usd", "rt_energy_usd", *(f"as_{product}_usd" for product in PRODUCTS))
REVENUE = ("da_energy_usd", "rt_energy_usd", "energy_usd", *PARTS[2:], "as_usd", "total_usd")
"""What is compared, of each battery and month."""

EXACT_USD = 1e-6  # the two settlements add in different orders, so that equal figures may differ in their last digits
SHOWN_USD = 0.01  # a battery whose year differs by more is shown
FAILING_SHARE = 0.001  # a battery whose year differs by more than this part of its revenue fails the comparison

COLUMNS = ("battery", "month", "column", "results_usd", "reports_usd", "difference_usd", "battery_share", "fails")
"""Columns of a figure that differs, as `figures` has them."""


@dataclass(frozen=True)
class Comparison:
    """Both settlements side by side, for one operating year.

    Attributes:
        batteries, figures: how many were compared.
        reports: CSVs that were there to be read.
        copies_left_out: CSVs of which another has the same content.
        other_csvs: CSVs of no dataset that is read.
        worst_usd: the largest difference of one figure.
        differing: figures that differ of the batteries to be shown, as `differences` has them.
        problems: what is wrong with a file, by the file; with any the comparison does not agree.
    """

    year: int
    batteries: int
    figures: int
    reports: int
    copies_left_out: int
    other_csvs: int
    worst_usd: float
    differing: pd.DataFrame
    problems: dict[str, str]
    seconds: float

    @property
    def exact(self) -> bool:
        """Whether no figure differs by more than the order of adding explains, and the same figures are unknown."""
        return self.worst_usd <= EXACT_USD and self.differing.empty

    @property
    def agrees(self) -> bool:
        """Whether no battery differs by more than may be and every report could be read."""
        return not self.problems and not self.differing["fails"].any()


def compare_reports(settings: Settings, year: int, tell: Tell | None = None) -> Comparison:
    """Settle a refreshed year a second time, straight from ERCOT's reports, and compare its revenue with the results.

    Raises:
        NotRefreshedError: there are no results of the year.
        InputError: there are no reports, or none of a 60-day dataset holds a day of the year.
    """
    started = time.monotonic()
    say: Tell = tell or (lambda _text, _done: None)
    registry, board = (_results(settings, table, year) for table in ("bess_registry", "leaderboard_monthly"))
    if not has_reports(settings.reports):
        raise InputError(
            "There are no reports to compare with.",
            file=settings.reports,
            expected="ERCOT's report files, CSV, ZIP or XLSX, in any subfolder",
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
            tell=lambda done, of: say(f"{done} of {of} batteries settled", done / of if of else None),
        ).leaderboard_monthly
    except UnusableRowsError as error:
        problems = "; ".join(f"{file}: {problem}" for file, problem in folder.problems.items())
        raise InputError(
            f"The reports of {year} cannot be settled: {error}.",
            file=settings.reports,
            expected=f"reports of every dataset of {year}",
            remedy=f"First: {problems}" if problems else f"Put the reports of {year} into this folder.",
        ) from error
    differing, figures, worst = differences(board, again)
    return Comparison(
        year=year,
        batteries=int(board["battery"].nunique()),
        figures=figures,
        reports=sum(len(reports) for reports in folder.reports.values()),
        copies_left_out=folder.copies,
        other_csvs=folder.others,
        worst_usd=worst,
        differing=differing,
        problems=dict(folder.problems),
        seconds=time.monotonic() - started,
    )


def has_reports(folder: Path) -> bool:
    """Whether a folder holds anything that may be a report."""
    return folder.is_dir() and any(path.suffix.lower() in {".csv", ".zip", ".xlsx"} for path in folder.rglob("*"))


def handed_in(registry: pd.DataFrame) -> pd.DataFrame:
    """Names and pairs of `bess_registry`, as the second settlement takes them."""
    names = registry[["battery", "gen_resource", "load_resource", "esr_resource"]]
    return names.assign(
        charging_known=registry["charging"] != "unknown", load_as_only=registry["pair_status"] == "name_only"
    )


def _user_nodes(settings: Settings) -> list[UserNode]:
    """Nodes of the user's battery table, with the days for which they hold."""
    rows = read_user_table(settings.registry_csv) if settings.registry_csv else []
    days = [(pd.Timestamp(row.valid_from or "2000-01-01"), pd.Timestamp(row.valid_to or "2199-12-31")) for row in rows]
    return [(r.battery, r.settlement_point, *own) for r, own in zip(rows, days, strict=True) if r.settlement_point]


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


def differences(board: pd.DataFrame, again: pd.DataFrame) -> tuple[pd.DataFrame, int, float]:
    """Figures that differ, how many figures were compared, and the largest difference of one, $.

    Args:
        board: battery, month and the columns of `REVENUE`, by the results.
        again: the same by the reports.

    Returns:
        `COLUMNS` of the batteries to be shown, the largest share first, of each the largest difference first: $ by results and by reports, how far they
        are apart, all of a figure that only one of them knows; of the battery `year_usd`, the sum of its months in the column that differs most,
        `battery_share`, that by its revenue (the magnitudes of its parts, by the settlement where they are larger), and whether it `fails`.
    """
    keys = ["battery", "month", "column"]
    results, reports = (
        table.melt(keys[:2], list(REVENUE), "column", name).astype({name: "float64"})
        for table, name in ((board, "results_usd"), (again, "reports_usd"))
    )
    both = results.merge(reports, on=keys, how="outer", validate="1:1")
    both["difference_usd"] = (both["results_usd"].fillna(0.0) - both["reports_usd"].fillna(0.0)).abs()
    one_side = both["results_usd"].isna() != both["reports_usd"].isna()

    parts = both[both["column"].isin(PARTS)].set_index("battery")[["results_usd", "reports_usd"]]
    revenue = parts.abs().groupby(level=0).sum().max(axis=1)
    usd = both.groupby(["battery", "column"])["difference_usd"].sum().groupby(level=0).max()
    share = (usd / revenue).where(revenue > 0, (usd > 0).astype("float64"))
    of_battery = pd.DataFrame({"year_usd": usd, "battery_share": share, "fails": share > FAILING_SHARE})
    shown = of_battery[(usd > SHOWN_USD) | one_side.groupby(both["battery"]).any()]

    found = both[(both["difference_usd"] > EXACT_USD) | one_side].merge(shown.reset_index(), on="battery")
    found["place"] = found["column"].map(REVENUE.index)
    order = ["battery_share", "battery", "difference_usd", "month", "place"]
    found = found.sort_values(order, ascending=[False, True, False, True, True], ignore_index=True)
    return found[[*COLUMNS, "year_usd"]], len(both), max(both["difference_usd"], default=0.0)


WORST = (
    Column("battery", "battery"),
    number("year differs $", "year_usd", decimals(2)),
    number("of revenue", "battery_share", "{:.4%}".format),
    Column("fails", "fails", lambda fails: "yes" if fails else "no"),
    number("worst month", "month", str),
    Column("worst figure", "column"),
    number("results $", "results_usd", decimals(2)),
    number("reports $", "reports_usd", decimals(2)),
    number("figures", "figures", str),
)
"""Columns of a table of `worst`."""


def verdict(comparison: Comparison) -> str:
    """One sentence: equal, within bounds, or not."""
    c = comparison
    batteries = f"{c.batteries} {'battery' if c.batteries == 1 else 'batteries'}"
    differing = c.differing.drop_duplicates("battery")
    text = (
        f"{len(differing)} of {batteries} differ by over {SHOWN_USD} $ or in what is known, {differing['fails'].sum()} of them by over "
        f"{FAILING_SHARE:.1%} of their revenue; the largest difference of one figure is {c.worst_usd:,.2f} $"
    )
    if c.exact:
        text = (
            f"exactly equal: {c.figures:,} monthly figures of {batteries}, to a millionth of a dollar (the two settlements add in different orders; "
            f"the largest difference is {c.worst_usd:.1g} $)"
        )
    if c.problems:
        text += f"; {len(c.problems)} {'file' if len(c.problems) == 1 else 'files'} could not be read"
    return f"{c.year}, results against reports: {text}."


def reports_read(comparison: Comparison) -> str:
    """How many reports were read, and how long it took."""
    c = comparison
    return f"{c.reports:,} reports, {c.copies_left_out:,} copies of others left out, {c.other_csvs:,} CSVs of datasets that no figure needs; {c.seconds:.0f} s."


def _records(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table, None where unknown."""
    known = figures.astype("object").where(figures.notna(), None)
    return [dict(zip(known.columns, row, strict=True)) for row in known.itertuples(index=False)]


def figures(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each figure of the batteries that differ, with `COLUMNS`."""
    return _records(comparison.differing[list(COLUMNS)])


def worst(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each battery that differs: its worst figure, with how much its year differs and in how many figures."""
    counts = comparison.differing.groupby("battery")["column"].transform("size")
    return _records(comparison.differing.assign(figures=counts).drop_duplicates("battery"))


def as_record(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison, for JSON."""
    said = {name: value for name, value in vars(comparison).items() if name != "differing"}
    verdicts = {"agrees": comparison.agrees, "exact": comparison.exact, "exact_to_usd": EXACT_USD}
    return {**said, **verdicts, "differences": figures(comparison)}
