"""Clean markets of many seeds, as rollups and as reports: none may have a cause. `python -m bess_assets_tests.faults.clean_markets FILE`."""

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from bess_assets import run as pipeline
from bess_assets.checks.causes import causes_of_years
from bess_assets.checks.comparisons import AGREE, COMPARISONS
from bess_assets.demo import Market, write_market
from bess_assets.ercot.datasets import DATASETS
from bess_assets.settings import load_settings
from bess_assets.simulator import Form, Hazards
from bess_assets.store.journal import read_run
from bess_assets.store.roll_up import roll_up_reports
from bess_assets_tests.faults import tables
from bess_assets_tests.faults.resumable import results

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


def compared(results: Path, year: int) -> Iterator[tuple[str, int, int]]:
    """Of each comparison of a year, how many figures lay outside its bounds, and how many were compared."""
    checks = read_run(results, year)["tables"]["daily_revenue"]["checks"]
    (numbers,) = (check["numbers"] for check in checks if check["name"] == AGREE.name)
    for row in COMPARISONS:
        yield row.name, int(numbers[row.name] or 0), int(numbers.get(f"{row.measure}_compared") or 0)


def _told(seed: int, form: Form) -> tuple[list[str], list[tuple[str, int, int]]]:
    """The causes of a market, and what its comparisons compared."""
    with tempfile.TemporaryDirectory() as folder:
        causes = [*alarms(Path(folder), seed, form=form)]
        results_folder = load_settings(Path(folder), {}).results
        return causes, [row for year in YEARS for row in compared(results_folder, year)]


def main() -> int:
    """Return 1 if a clean market has a cause."""
    parser = argparse.ArgumentParser(
        prog="python -m bess_assets_tests.faults.clean_markets", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("kept", type=Path, help="file of results: what it has is not tried again")
    parser.add_argument(
        "--seeds", type=int, default=20, help="so many seeds, each as rollups; every fifth as reports too"
    )
    options = parser.parse_args()
    seeds = range(1, options.seeds + 1)
    tasks = [(seed, form) for seed in seeds for form in ("rollups", "reports") if form == "rollups" or seed % 5 == 0]
    found = results(options.kept, _told, tasks)
    causes = sum(len(said) for said, _ in found.values())
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, outside, compared_ in (row for _, rows in found.values() for row in rows):
        counts[name] = [counts[name][0] + outside, counts[name][1] + compared_]
    kept = {
        "commit": tables.commit(),
        "markets": len(tasks),
        "seeds": len(seeds),
        "years": f"{YEARS[0]} to {YEARS[-1]}",
        "causes": causes,
    }
    tables.CLEAN.write_text(json.dumps(kept | {"comparisons": counts}) + "\n", encoding="utf-8")
    tables.write("reliability.md", "the comparisons", tables.comparisons)
    print(f"{causes} causes of {len(tasks)} clean markets")
    return int(bool(causes))


if __name__ == "__main__":
    sys.exit(main())
