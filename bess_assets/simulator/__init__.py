"""A made-up ERCOT battery market, any size, with a known answer.

Belongs here: `simulate`, which writes rollup or report files and the truth about them, and `roles`, which says who plays which part.
Does not: anything of the settlement code; the simulator imports no other part of this package, so that its truth is an
independent road to the same figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from bess_assets.simulator.fleet import make_fleet, roles
from bess_assets.simulator.market_model import MarketYear
from bess_assets.simulator.publish import Hazards, publish_year
from bess_assets.simulator.report_files import ReportWriter
from bess_assets.simulator.rollup_files import RollupWriter
from bess_assets.simulator.truth import reckon_year, write_csv

__all__ = ["Form", "Hazards", "roles", "simulate"]

Form = Literal["rollups", "reports"]
"""What published rows are written as: yearly Parquet rollups, or ERCOT's own report files."""

FIRST_YEAR, LAST_YEAR = 2019, 2026
"""Years the simulator knows the market's rules of."""


def simulate(
    folder: Path,
    years: Sequence[int] = (2024, 2025, 2026),
    batteries: int = 12,
    seed: int = 1,
    hazards: Hazards = "harmless",
    progress: Callable[[str], None] | None = None,
    form: Form = "rollups",
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

    Raises:
        ValueError: for years, a number of batteries, hazards or a form that the simulator does not know.
    """
    wanted = sorted(set(years))
    if not wanted or wanted[0] < FIRST_YEAR or wanted[-1] > LAST_YEAR:
        raise ValueError(f"years must lie in {FIRST_YEAR}..{LAST_YEAR}, got {list(years)}")
    if batteries < 1:
        raise ValueError(f"at least one battery is needed, got {batteries}")
    if hazards not in ("none", "harmless", "wild"):
        raise ValueError(f"hazards must be none, harmless or wild, got {hazards!r}")
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
            say(f"{year}: writing {form}")
            write(year, published)
            say(f"{year}: reckoning the truth")
            # File year + 1 holds the next year's days up to 1 November, if that year is simulated.
            yearly, monthly = reckon_year(year, fleet, published, later_rows=year + 1 in wanted)
            write_csv(folder / "truth" / f"leaderboard_{year}.csv", yearly)
            write_csv(folder / "truth" / f"leaderboard_monthly_{year}.csv", monthly, ["month"])


def _silent(text: str) -> None:
    """Tell nobody."""
    del text
