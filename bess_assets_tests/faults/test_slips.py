"""The slips of a user's own folder: each ends with a first cause that names file, column or folder, and what to do; or it is understood."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from bess_assets.checks.causes import causes_of_years
from bess_assets.ercot.datasets import DATASETS
from bess_assets_tests.faults.planting import YEAR, Market
from bess_assets_tests.faults.sheets import Folder, Sheet

pytestmark = pytest.mark.timeout(300)

GEN, LOAD, RT, DA = "dam_gen_resources", "dam_load_resources", "rt_prices", "da_prices"
Slip = Callable[[Folder], None]


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The right market, simulated and settled once."""
    folder = tmp_path_factory.mktemp("right")
    yield Market(folder, "flawless")
    shutil.rmtree(folder)


def edited(dataset: str, change: Callable[[Sheet], Sheet]) -> Slip:
    return lambda rollups: rollups.edit(dataset, change)


def as_text(name: str, write: Callable[[object], str]) -> Callable[[Sheet], Sheet]:
    return lambda sheet: sheet.put(name, [write(value) for value in sheet.values(name)], pa.string())


def only(dataset: str) -> Slip:
    """No other dataset is there."""

    def slip(rollups: Folder) -> None:
        for name in DATASETS:
            if name != dataset:
                rollups.remove(name)

    return slip


def csv_files(rollups: Folder) -> None:
    for path in rollups.paths(RT):
        pyarrow.csv.write_csv(pq.read_table(path), path.with_suffix(".csv"))
        rollups.remove(RT, path)


def both(*slips: Slip) -> Slip:
    def slip(rollups: Folder) -> None:
        for one in slips:
            one(rollups)

    return slip


def of_another_word(sheet: Sheet) -> Sheet:
    return sheet.change("resource_type", sheet.where("resource_type", "PWRSTR"), "BATTERY")


def no_storage(rollups: Folder) -> None:
    for name in ("dam_esr_resources", "sced_esr_resources"):
        rollups.remove(name)


def lower_case(rollups: Folder) -> None:
    for folder in [path for path in rollups.root.iterdir() if path.is_dir()]:
        folder.rename(rollups.root / f"{folder.name.lower()}_").rename(rollups.root / folder.name.lower())


def flat(rollups: Folder) -> None:
    for path in sorted(rollups.root.glob("*/*.parquet")):
        path.rename(rollups.root / f"{path.parent.name}_{path.name}")


def hive(rollups: Folder) -> None:
    for path in sorted(rollups.root.glob("*/*.parquet")):
        folder = path.parent / f"year={path.stem}"
        folder.mkdir()
        path.rename(folder / "part-0.parquet")


SLIPS: dict[str, tuple[Slip, tuple[str, ...]]] = {
    "a renamed award column": (
        edited(GEN, lambda s: s.renamed(award_mw="DA Energy")),
        (f"DAM_Gen_Resources/{YEAR}.parquet", "'Awarded Quantity' (award_mw)", "'DA Energy'", "rename it in the file"),
    ),
    "day-ahead prices without their price": (
        edited(DA, lambda s: s.without("price_usd_per_mwh")),
        (f"DA_prices/{YEAR}.parquet", "(price_usd_per_mwh) absent", "build the file again"),
    ),
    "real-time prices of the year missing": (
        lambda rollups: rollups.remove(RT),
        (f"no file for the year: RT_prices/{YEAR}.parquet", "bess rollup"),
    ),
    "only day-ahead generation there": (
        only(GEN),
        ("no file for the year: ", "RT_prices", "DAM_Load_Resources", "SCED_Gen_Resources", "AS_prices", "bring"),
    ),
    "loads without names": (
        edited(LOAD, lambda s: s.without("resource_name")),
        ("DAM_Load_Resources", f"{YEAR}.parquet", "column resource_name", "'Load Resource Name'", "Check that"),
    ),
    "CSV files among rollups": (csv_files, (f"rollups/RT_prices/{YEAR}.csv was not read", "write it as Parquet")),
    "dates as dd.mm.yyyy": (
        edited(DA, as_text("operating_day", lambda day: f"{np.datetime64(day, 'D').item():%d.%m.%Y}")),
        (f"DA_prices/{YEAR}.parquet", "'01.01.2025'", "column DeliveryDate", "expected a date such as"),
    ),
    "dollar signs": (
        edited(DA, as_text("price_usd_per_mwh", lambda usd: f"${usd:,.2f}")),
        (f"DA_prices/{YEAR}.parquet", "'$", "column SettlementPointPrice", "expected a number"),
    ),
    "another word for batteries": (
        both(edited(GEN, of_another_word), edited("sced_gen_resources", of_another_word), no_storage),
        ("No battery has a row", "column Resource Type", "'BATTERY'", "write PWRSTR for batteries"),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_ends_with_a_first_cause_that_names_the_place_and_what_to_do(
    market: Market, tmp_path: Path, name: str
) -> None:
    slip, words = SLIPS[name]
    settings = market.settled_with(tmp_path, slip)
    _, first = causes_of_years(settings, [YEAR])[0]
    for word in words:
        assert word in f"{first.words}. To do: {first.remedy}"


@pytest.mark.slow
@pytest.mark.parametrize("layout", [lower_case, flat, hive])
def test_folders_in_lower_case_flat_files_and_hive_files_are_read_as_they_are(
    market: Market, tmp_path: Path, layout: Slip
) -> None:
    settings = market.settled_with(tmp_path, both(layout, lambda rollups: rollups.changed.update(DATASETS)))
    assert [c.words for _, c in causes_of_years(settings, [YEAR]) if c.share and c.share > 0.01] == []
    board = pq.read_table(settings.results / "leaderboard" / f"{YEAR}.parquet")
    assert board.equals(pq.read_table(market.settings.results / "leaderboard" / f"{YEAR}.parquet"))
