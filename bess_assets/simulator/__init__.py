"""A made-up ERCOT battery market of any size: `simulate` writes its rollup or report files, `pairs` and `roles` say who is who.

The simulator settles nothing and imports no other part of this package.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date, timedelta
from math import inf
from pathlib import Path
from typing import Any, Literal

from bess_assets.simulator.calendar import midnight
from bess_assets.simulator.fleet import Size, ercot_size, make_fleet, real_size_fleet, roles
from bess_assets.simulator.market_model import MarketYear
from bess_assets.simulator.publish import publish_year
from bess_assets.simulator.report_files import write_histories, write_reports
from bess_assets.simulator.rollup_files import RollupFiles, write_expected_rows, write_real_size, write_rollups
from bess_assets.simulator.sheets import PRICES, Hazards

__all__ = ["REAL_SIZE_YEARS", "Form", "Hazards", "Prices", "Scale", "Size", "ercot_size", "pairs", "roles", "simulate"]

Form = Literal["rollups", "reports"]
"""What published rows are written as: yearly Parquet rollups, or ERCOT's own report files."""

Prices = Literal["reports", "histories"]
"""What published prices are written as: a report a day, or ERCOT's yearly workbooks."""

Scale = Literal["small", "ercot"]
"""How big a market is: some batteries with every awkward case, or as many rows of everything as ERCOT publishes."""

FIRST_YEAR, LAST_YEAR = 2019, 2026
"""Years the simulator knows the market's rules of."""

FIRST_YEAR_OF_SIZE = 2017
"""The first year that may have a size: eight years of one market design lie before RTC+B, for the measurement of growth."""

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
    size: Callable[[int], Size] | None = None,
    prices: Prices = "reports",
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
        hazards: `none` for clean files; `flawless` for clean ones of which no row or reading was lost, and in which every battery has its load
            resource; `harmless` for files as awkward as real ones that still hold everything; `wild` for files that lack columns as real ones do.
        progress: called with a few words on each step that begins or has ended.
        form: `rollups` or `reports`; the published rows are the same.
        last_day: the last operating day of which anything is published; the last day of the last year if not given.
        size: how many of everything a year has, as ERCOT's own files: then only rollups are written, in the layout that users have them in, and from 2026
            on no SCED files of generation and load resources, which hold no battery; `batteries`, `hazards` and `form` are ignored.
        prices: whether reports have the prices of each day, or yearly histories and corrections hold them.

    Raises:
        ValueError: for years or a number of batteries that the simulator does not know, or a last day before the last year.
    """
    wanted = sorted(set(years))
    first = FIRST_YEAR if size is None else FIRST_YEAR_OF_SIZE
    if not wanted or wanted[0] < first or wanted[-1] > LAST_YEAR:
        raise ValueError(f"years must lie in {first}..{LAST_YEAR}, got {list(years)}")
    if size is not None and SEAM_YEAR in wanted:
        raise ValueError(f"years of real size lie before or after {SEAM_YEAR}, got {list(years)}")
    if batteries < 1:
        raise ValueError(f"at least one battery is needed, got {batteries}")
    if last_day is not None and last_day.year < wanted[-1]:
        raise ValueError(f"the last day, {last_day}, lies before {wanted[-1]}")
    spelling = "none" if hazards == "flawless" else hazards
    say = progress or (lambda _text: None)
    fleet = make_fleet(wanted, batteries, seed, flawless=hazards == "flawless")
    until = inf if last_day is None else midnight(last_day + timedelta(days=1))
    # Without Arrow's own schema text is plain text to every reader, as in files of another producer.
    real: dict[str, Any] = {"compression": "snappy", "store_schema": False}
    with closing(RollupFiles(folder / "rollups", {"compression": "lz4"} if size is None else real)) as files:
        for year in wanted:
            say(f"{year}: making the market")
            if size is not None:
                real_fleet = real_size_fleet(year, seed, size(year), wanted, until)
                write_real_size(files, MarketYear(real_fleet, year, seed), until, say)
                continue
            market = MarketYear(fleet, year, seed, flawless=hazards == "flawless")
            published = publish_year(market, spelling, until)
            say(f"{year}: writing {form}")
            if form == "reports":
                if prices == "histories":
                    write_histories(folder / "reports" / "Price_Histories", year, published)
                    published = {dataset: rows for dataset, rows in published.items() if dataset not in PRICES}
                write_reports(folder / "reports", year, published, spelling)
            else:
                write_rollups(files, year, published, spelling)
        if form == "rollups" and size is None:
            write_expected_rows(files)


def pairs(years: Sequence[int], batteries: int, seed: int, hazards: Hazards) -> list[dict[str, str | bool | None]]:
    """Which resources form each battery of a market.

    Args:
        years: all years that are simulated together.
        batteries: how many; of a market of real size those of the `Size` of a year.
        seed: as given to `simulate`.
        hazards: likewise.

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
        for battery in make_fleet(sorted(set(years)), batteries, seed, flawless=hazards == "flawless").batteries
    ]
