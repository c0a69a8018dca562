"""Clean markets of many seeds, as rollups and as reports: none may have a cause. `python -m bess_assets_tests.faults.clean_markets --seeds 20`."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bess_assets import run as pipeline
from bess_assets.checks.causes import causes_of_years
from bess_assets.demo import Market, write_market
from bess_assets.ercot.datasets import DATASETS
from bess_assets.settings import load_settings
from bess_assets.simulator import Form, Hazards
from bess_assets.store.roll_up import roll_up_reports

YEARS = tuple(range(2019, 2027))


def alarms(
    folder: Path,
    seed: int,
    years: Sequence[int] = YEARS,
    form: Form = "rollups",
    hazards: Hazards = "flawless",
) -> Iterator[str]:
    """The causes that are named of a market once its years and the merged tables are made."""
    write_market(folder, Market(tuple(years), 4 + seed % 5, seed, hazards, form))
    settings = load_settings(folder, {})
    if form == "reports":
        roll_up_reports(settings)
    for year in years:
        with pipeline.hold_year(settings, year) as held:
            for dataset in DATASETS:
                held.register(dataset)
            for name in pipeline.STEPS:
                held.run_table(name)
    for name in pipeline.MERGES:
        pipeline.run_table(settings, None, name)
    for year, cause in causes_of_years(settings, [*years, None]):
        yield f"{year}: {cause.words}"


def main() -> int:
    """Return 1 if a clean market has a cause."""
    parser = argparse.ArgumentParser(
        prog="python -m bess_assets_tests.faults.clean_markets", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--seeds", type=int, default=20, help="so many seeds, each as rollups; every fifth as reports too"
    )
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    options = parser.parse_args()
    found = 0
    for seed in range(options.first, options.first + options.seeds):
        for form in ("rollups", "reports") if seed % 5 == 0 else ("rollups",):
            with tempfile.TemporaryDirectory() as folder:
                said = [*alarms(Path(folder), seed, form=form)]
            found += len(said)
            print(f"seed {seed}, {form}: {len(said)} causes", *said, sep="\n  ", flush=True)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
