"""A made-up market written into a folder, and the home of a demo; files and results of other origin are never touched."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import bess_assets
from bess_assets.ercot.datasets import DATASETS
from bess_assets.errors import BessError
from bess_assets.process_memory import keep_freed_memory
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import Form, Hazards, Prices, Scale, ercot_size, pairs, simulate
from bess_assets.store.fingerprint import whole_digest
from bess_assets.store.journal import read_run
from bess_assets.store.listing import MARKER, RUNS_FOLDER
from bess_assets.store.paths import recorded_years
from bess_assets.store.whole import write_json

DEMO_LAST_DAY = date(2026, 8, 31)
"""The last day of a demo: past, and so long past that ERCOT would have disclosed it."""

# Settings that may name real data; a demo ignores them.
_OUTSIDE_A_DEMO = ("BESS_ROLLUPS", "BESS_RESULTS", "BESS_REPORTS", "BESS_REGISTRY", "DAGSTER_HOME")


@dataclass(frozen=True)
class Market:
    """Arguments of a simulation; the same market always gives the same files.

    A market of real size ignores `batteries`; `last_day` is the last operating day that is published, by default the last of the last year.
    """

    years: tuple[int, ...]
    batteries: int
    seed: int
    hazards: Hazards
    form: Form = "rollups"
    scale: Scale = "small"
    last_day: date | None = None
    prices: Prices = "reports"

    def answered(self) -> dict[str, Any]:
        """The arguments that the right answer depends on: all but the form."""
        small = self.scale == "small"
        return {
            "years": list(self.years),
            "batteries": self.batteries if small else None,
            "seed": self.seed,
            "hazards": self.hazards,
            **({"last_day": self.last_day.isoformat()} if self.last_day else {}),
            **({} if small else {"scale": self.scale}),
        }

    def described(self) -> dict[str, Any]:
        """The market as the marker names it, with the version of the package."""
        prices = {} if self.prices == "reports" else {"prices": self.prices}
        return {**self.answered(), "form": self.form, **prices, "version": bess_assets.__version__}


def demo_settings(home: str | Path | None) -> Settings:
    """Settings of a demo: all folders inside its home."""
    return load_settings(home, {name: value for name, value in os.environ.items() if name not in _OUTSIDE_A_DEMO})


def refuse_a_home_in_use(settings: Settings) -> None:
    """Keep a demo out of a home in which real data have been settled.

    Raises:
        BessError: the home holds results that do not come from the simulated rollups in it.
    """
    marker = _read_marker(settings.rollups / MARKER)
    if not (settings.results / RUNS_FOLDER).exists() or (marker and marker["files"] is None):
        return
    files = marker["files"] if marker else {}
    if not marker or any(
        files.get(f"{DATASETS[dataset].folder}/{name}") != entry["fingerprint"]["digest"]
        for year in recorded_years(settings.results)
        for dataset, rollup in read_run(settings.results, year)["rollups"].items()
        for name, entry in rollup["files"].items()
    ):
        raise BessError(
            "This home holds results that no demo made.",
            file=settings.results,
            remedy="Give the demo a home of its own: bess demo --home demo_home",
        )


def write_market(folder: Path, market: Market, progress: Callable[[str], None] | None = None) -> bool:
    """Simulate a market into `folder/rollups` or `folder/reports`; False if the folder holds it already.

    The right answer of the files replaced is removed from `folder/truth`; `progress` receives a few words on each part of the work.

    Raises:
        BessError: the folder holds files that the simulator did not write, or another market in the other form; or the market cannot be simulated.
    """
    written, marker = folder / market.form, folder / market.form / MARKER
    earlier = _read_marker(marker)
    _refuse_foreign_files(written, market.form, earlier)
    _refuse_another_market(folder, market)
    known = earlier["files"] if earlier and earlier["market"] == market.described() else None
    if known and all((written / name).is_file() for name in known):
        return False
    for path in [*_data_files(written, market.form).values(), *(folder / "truth").glob("leaderboard_*.csv")]:
        path.unlink()
    keep_freed_memory()
    written.mkdir(parents=True, exist_ok=True)
    # A marker without a list of files marks a simulation that did not end.
    said = {"note": "Made-up data, written by bess simulate or bess demo.", "market": market.described()}
    write_json(marker, said | {"files": None})
    try:
        made = (market.years, market.batteries, market.seed, market.hazards, progress, market.form, market.last_day)
        simulate(folder, *made, None if market.scale == "small" else ercot_size, market.prices)
    except ValueError as error:
        marker.unlink()
        raise BessError(f"This market cannot be simulated: {error}.") from error
    digests = {name: whole_digest(path) for name, path in _data_files(written, market.form).items()}
    write_json(marker, said | {"files": digests})
    return True


def write_right_answer(folder: Path, market: Market, progress: Callable[[str], None] | None = None) -> None:
    """Write `truth/leaderboard_<year>.csv` and `truth/leaderboard_monthly_<year>.csv`, for the years whose answer is not there.

    The second settlement makes the answer of the files that `write_market` wrote, and so shares no code with the settlement that it is held against.
    """
    from bess_assets.second_settlement.answer import answer_files, write_answer  # noqa: PLC0415  loads pandas

    for year in (y for y in market.years if not all(path.is_file() for path in answer_files(folder, y))):
        count = market.batteries if market.scale == "small" else ercot_size(year).batteries
        write_answer(folder, market.form, year, pairs(market.years, count, market.seed, market.hazards))
        if progress:
            progress(f"{year}: the right answer")


def _refuse_foreign_files(written: Path, form: Form, marker: Mapping[str, Any] | None) -> None:
    known = {} if marker is None else marker["files"]
    for name, path in _data_files(written, form).items() if known is not None else ():
        if known.get(name) != whole_digest(path):
            raise BessError(
                f"The folder holds a {form.removesuffix('s')} that the simulator did not write; nothing was touched.",
                file=path,
                remedy=f"Name another folder, or set BESS_{form.upper()} to your {form} and keep them outside of a demo's home.",
            )


def _refuse_another_market(folder: Path, market: Market) -> None:
    """Keep the right answer of a market of the other form: both forms share one."""
    form = "reports" if market.form == "rollups" else "rollups"
    other = _read_marker(marker := folder / form / MARKER)
    if other is not None and any(other["market"].get(what) != value for what, value in market.answered().items()):
        raise BessError(
            f"The folder holds the {form} of another made-up market, whose right answer would be lost; nothing was touched.",
            file=marker,
            remedy="Name another folder, or ask for the same years, batteries, seed and hazards.",
        )


def _data_files(written: Path, form: Form) -> dict[str, Path]:
    """Files that a reader of the folder would take for data, by their names below it."""
    suffixes, pattern = ({".parquet"}, "*/*") if form == "rollups" else ({".csv", ".zip"}, "**/*")
    files = sorted(path for path in written.glob(pattern) if path.suffix.lower() in suffixes and path.is_file())
    return {path.relative_to(written).as_posix(): path for path in files}


def _read_marker(marker: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
        return {"market": dict(content["market"]), "files": content["files"]}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise BessError(
            "The list of simulated files cannot be read.",
            file=marker,
            remedy="Name another folder, or remove this one if all its files are simulated.",
        ) from error
