"""A made-up ERCOT battery market of any size: `simulate` writes its rollup or report files, `pairs` and `roles` say who is who.

The simulator settles nothing and imports no other part of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from bess_assets.simulator.calendar import midnight
from bess_assets.simulator.fleet import make_fleet, roles
from bess_assets.simulator.market_model import MarketYear
from bess_assets.simulator.publish import Hazards, publish_year
from bess_assets.simulator.real_size import Size, ercot_size, real_size_market, write_real_size
from bess_assets.simulator.report_files import write_reports
from bess_assets.simulator.rollup_files import RollupFiles, write_expected_rows, write_rollups

__all__ = [
    "REAL_SIZE_YEARS",
    "Form",
    "Hazards",
    "Scale",
    "Size",
    "ercot_size",
    "pairs",
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
    """Write the files of a made-up market.

    Rollups lie at `folder/rollups/<Folder>/<year>.parquet`, those of the 60-day disclosure by year of publication; reports at
    `folder/reports/<Report>/<year of publication>/`, as ZIP, ZIP in ZIP and, in a folder for each month, bare CSV. Same
    arguments, same bytes.

    Args:
        folder: where to write; made if absent.
        years: operating years.
        batteries: how many; from 12 up every awkward case is there.
        seed: any whole number.
        hazards: `none` for clean files; `harmless` for files as awkward as real ones that still hold everything; `wild` for
            files that lack columns as real ones do.
        progress: called with a few words on each step that begins.
        form: `rollups` or `reports`; the published rows are the same.
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
    until = midnight(last_day + timedelta(days=1)) if last_day is not None else None
    with closing(RollupFiles(folder / "rollups", {"compression": "lz4"})) as files:
        for year in wanted:
            say(f"{year}: making the market")
            published = publish_year(MarketYear(fleet, year, seed), hazards, until)
            say(f"{year}: writing {form}")
            if form == "reports":
                write_reports(folder / "reports", year, published, hazards)
            else:
                write_rollups(files, year, published, hazards)
        if form == "rollups":
            write_expected_rows(files)


def simulate_real_size(
    folder: Path,
    years: Sequence[int] = REAL_SIZE_YEARS,
    seed: int = 1,
    progress: Callable[[str], None] | None = None,
    size: Callable[[int], Size] = ercot_size,
    days: int | None = None,
) -> None:
    """Write years with as many rows as ERCOT's own have.

    Only rollups, in the layout that users have them in; the files lie where `simulate` puts them. From 2026 on the SCED files of generation and load
    resources, which hold no battery, are left out.

    Args:
        folder: where to write; made if absent.
        years: operating years, none of them 2025.
        seed: any whole number; same arguments, same bytes.
        progress: called with a few words on each step that begins or has ended.
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
    # Without Arrow's own schema text is plain text to every reader, as in files of another producer.
    with closing(RollupFiles(folder / "rollups", {"compression": "snappy", "store_schema": False})) as files:
        for year in wanted:
            say(f"{year}: making the market")
            end = midnight(date(year, 1, 1) + timedelta(days=days) if days else date(year + 1, 1, 1))
            write_real_size(files, real_size_market(year, seed, size(year), wanted, end), end, say)


def pairs(years: Sequence[int], batteries: int, seed: int) -> list[dict[str, str | bool | None]]:
    """Which resources form each battery of a market.

    Args:
        years: all years that are simulated together.
        batteries: how many; of a market of real size those of the `Size` of a year.
        seed: as given to `simulate`.

    Returns:
        Of each battery: battery, gen_resource, load_resource, esr_resource (None where there is none), charging_known, load_as_only.
    """
    return [
        {
            "battery": battery.key,
            "gen_resource": battery.gen,
            "load_resource": battery.load,
            "esr_resource": battery.esr,
            "charging_known": battery.load is not None,
            "load_as_only": False,
        }
        for battery in make_fleet(sorted(set(years)), batteries, seed).batteries
    ]


def _silent(text: str) -> None:
    del text
