"""A made-up ERCOT battery market, any size, with a known answer.

Belongs here: `simulate`, which writes rollup or report files and the truth about them, and `roles`, which says who plays which part.
Does not: anything of the settlement code; the simulator imports no other part of this package, so that its truth is an
independent road to the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Literal

from bess_assets.simulator.fleet import make_fleet, roles
from bess_assets.simulator.market_model import MarketYear
from bess_assets.simulator.publish import Hazards, publish_year, rows_through
from bess_assets.simulator.real_size import RealSizeYear, Size, ercot_size
from bess_assets.simulator.real_size_files import RealSizeWriter
from bess_assets.simulator.real_size_truth import reckon_real_size
from bess_assets.simulator.report_files import ReportWriter
from bess_assets.simulator.rollup_files import RollupWriter
from bess_assets.simulator.truth import reckon_year, write_csv

__all__ = [
    "REAL_SIZE_YEARS",
    "Form",
    "Hazards",
    "Scale",
    "Size",
    "ercot_size",
    "roles",
    "simulate",
    "simulate_real_size",
]

Form = Literal["rollups", "reports"]
"""What published rows are written as: yearly Parquet rollups, or ERCOT's own report files."""

Scale = Literal["small", "ercot"]
"""How big a market is: some batteries with every awkward case, or as many rows of everything as ERCOT publishes."""

FIRST_YEAR, LAST_YEAR = 2019, 2026
"""Years the simulator knows the market's rules of."""

REAL_SIZE_YEARS = (2024, 2026)
"""Years whose real size is known: the last whole one before RTC+B, and the first after."""
SEAM_YEAR = 2025
"""The year of both market designs, which is simulated small only."""


def simulate(
    folder: Path,
    years: Sequence[int] = (2024, 2025, 2026),
    batteries: int = 12,
    seed: int = 1,
    hazards: Hazards = "harmless",
    progress: Callable[[str], None] | None = None,
    form: Form = "rollups",
    last_day: date | None = None,
) -> None:
    """Write the files of a made-up market, and the right answer for them.

    Rollups lie at `folder/rollups/<Folder>/<year>.parquet`, those of the 60-day disclosure by year of publication; reports at
    `folder/reports/<Report>/<year of publication>/`, as ZIP, ZIP in ZIP and, in a folder for each month, bare CSV; the answer
    at `folder/truth/leaderboard_<year>.csv` and `folder/truth/leaderboard_monthly_<year>.csv`. Same arguments, same bytes.

    Args:
        folder: where to write; made if absent.
        years: operating years.
        batteries: how many; from 12 up every awkward case is there.
        seed: any whole number.
        hazards: `none` for clean files; `harmless` for files as awkward as real ones that still hold everything; `wild` for
            files that lack columns as real ones do. The truth is always that of the rows as published.
        progress: told in a few words what is being done.
        form: `rollups` or `reports`; the published rows, and so the truth, are the same.
        last_day: the last operating day of which anything is published; the last day of the last year if not given.

    Raises:
        ValueError: for years, a number of batteries, hazards or a form that the simulator does not know, or a last day before the last year.
    """
    wanted = sorted(set(years))
    if not wanted or wanted[0] < FIRST_YEAR or wanted[-1] > LAST_YEAR:
        raise ValueError(f"years must lie in {FIRST_YEAR}..{LAST_YEAR}, got {list(years)}")
    if batteries < 1:
        raise ValueError(f"at least one battery is needed, got {batteries}")
    if hazards not in ("none", "harmless", "wild"):
        raise ValueError(f"hazards must be none, harmless or wild, got {hazards!r}")
    if last_day is not None and last_day.year < wanted[-1]:
        raise ValueError(f"the last day, {last_day}, lies before {wanted[-1]}")
    if form not in ("rollups", "reports"):
        raise ValueError(f"the form must be rollups or reports, got {form!r}")
    say = progress or _silent
    fleet = make_fleet(wanted, batteries, seed)
    with ExitStack() as afterwards:
        if form == "rollups":
            rollups = RollupWriter(folder / "rollups", hazards)
            afterwards.callback(rollups.close)
            write = rollups.write
        else:
            write = ReportWriter(folder / "reports", hazards).write
        for year in wanted:
            say(f"{year}: making the market")
            published = publish_year(MarketYear(fleet, year, seed), hazards)
            if last_day is not None:
                published = rows_through(published, last_day)
            say(f"{year}: writing {form}")
            write(year, published)
            say(f"{year}: reckoning the truth")
            # File year + 1 holds the next year's days up to 1 November, if that year is simulated.
            yearly, monthly = reckon_year(year, fleet, published, later_rows=year + 1 in wanted)
            write_csv(folder / "truth" / f"leaderboard_{year}.csv", yearly)
            write_csv(folder / "truth" / f"leaderboard_monthly_{year}.csv", monthly, ["month"])


def simulate_real_size(
    folder: Path,
    years: Sequence[int] = REAL_SIZE_YEARS,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
    size: Callable[[int], Size] = ercot_size,
    days: int | None = None,
) -> None:
    """Write years with as many rows as ERCOT's own have, and the right answer for all their batteries.

    Only rollups, in the layout that users have them in; where the files lie, and the answer, as `simulate` has it. The answer is reckoned on whole arrays
    and shares nothing with the settlement code. From 2026 on the SCED files of generation and load resources, which hold no battery, are left out.

    Args:
        folder: where to write; made if absent.
        years: operating years, none of them 2025.
        seed: any whole number; same arguments, same bytes.
        progress: told in a few words what has been done.
        size: how many of everything a year has.
        days: how many days of each year, from 1 January; all if not given.

    Raises:
        ValueError: for years that cannot be simulated.
    """
    wanted = sorted(set(years))
    if not wanted or SEAM_YEAR in wanted or wanted[-1] > LAST_YEAR:
        raise ValueError(f"years of real size lie before or after {SEAM_YEAR}, up to {LAST_YEAR}; got {list(years)}")
    if days is not None and any(year + 1 in wanted for year in wanted):
        raise ValueError(f"some days of real size only of years apart from each other, got {list(years)}")
    say = progress or _silent
    with ExitStack() as afterwards:
        writer = RealSizeWriter(folder / "rollups")
        afterwards.callback(writer.close)
        for year in wanted:
            say(f"{year}: making the market")
            market = RealSizeYear(year, seed, size(year), days, tuple(wanted))
            writer.write(market, say)
            market.forget_operation()
            say(f"{year}: reckoning the truth")
            yearly, monthly = reckon_real_size(market, later_rows=year + 1 in wanted)
            write_csv(folder / "truth" / f"leaderboard_{year}.csv", yearly)
            write_csv(folder / "truth" / f"leaderboard_monthly_{year}.csv", monthly, ["month"])


def _silent(text: str) -> None:
    """Tell nobody."""
    del text
