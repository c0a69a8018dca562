"""Made-up years published as ERCOT's report files, rolled up and settled: the boards are those of rollups, to the byte, and of the second settlement."""

import shutil
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bess_assets import run as pipeline
from bess_assets.settlement.award_checks import MCPC_CHECK
from bess_assets.simulator import simulate
from bess_assets.simulator.report_files import REPORTS
from bess_assets.store.journal import CheckEntry, read_run
from bess_assets.store.roll_up import RollUp, roll_up_reports
from bess_assets.store.rollup_files import read_manifest
from bess_assets_tests.worlds import (
    EARLY,
    FIRST,
    KEYS,
    LATE,
    MIDDLE,
    Plan,
    World,
    board_differences,
    nothing_before,
    some,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800)]
"""The first test to ask for the made-up market, the last quarter of a year, waits for it; others make eight whole years."""

WILD = [
    Plan((2019, 2020), batteries=7, seed=21, hazards="wild"),
    Plan((2025, 2026), batteries=7, seed=24, hazards="wild"),
]


def from_reports(folder: Path, plan: Plan) -> tuple[World, RollUp]:
    """A market published as reports, rolled up and settled."""
    simulate(folder, plan.years, plan.batteries, plan.seed, plan.hazards, form="reports")  # type: ignore[arg-type]
    world = World(folder, plan, form="reports")
    rolled = roll_up_reports(world.settings)
    world.settle()
    return world, rolled


def unlike(one: World, other: World, year: int) -> list[str]:
    """Boards of a year whose bytes differ."""
    files = {board: [w.settings.results / board / f"{year}.parquet" for w in (one, other)] for board in KEYS}
    return [board for board, paths in files.items() if len({path.read_bytes() for path in paths}) != 1]


def test_reports_give_the_same_boards_as_rollups_to_the_byte(reported):
    for year in reported.from_reports.plan.years:
        assert unlike(reported.from_reports, reported.from_rollups, year) == []


def test_boards_from_reports_equal_the_second_settlement_of_the_reports(reported):
    world = reported.from_reports
    for year in world.plan.years:
        wrong = board_differences(world, year, world.settled_again(year))
        assert not wrong, some(wrong)


def test_the_simulated_reports_state_clearing_prices_and_they_agree(reported):
    def of_awards(world: World) -> CheckEntry:
        checks = read_run(world.settings.results, 2025)["tables"]["bess_awards"]["checks"]
        return next(check for check in checks if check["name"] == MCPC_CHECK)

    stated = of_awards(reported.from_reports)
    assert stated["passed"]
    assert stated["numbers"]["hours_compared"] > 10_000
    assert of_awards(reported.from_rollups)["detail"] == "not stated by these files"


def test_every_row_that_was_published_is_kept_or_counted_and_no_file_is_refused(reported):
    assert (reported.rolled.refused, reported.rolled.other) == ([], {})
    dropped = 0
    for built in reported.rolled.built:
        counts = built.manifest["rows"]
        dealt_with = counts["kept"] + counts["same"] + counts["superseded"] + counts["contradicting"]
        assert counts["read"] == dealt_with, built.dataset
        assert counts["contradicting"] == 0
        assert built.manifest["refused"] == []
        assert pq.ParquetFile(built.path).metadata.num_rows == counts["kept"]
        dropped += counts["same"] + counts["superseded"]
    assert dropped > 1_000, "the market holds editions and repeats"


def test_without_price_files_no_hour_is_unpriced_in_which_single_batteries_are_out_and_state_no_price(tmp_path):
    plan = Plan((2024,), batteries=6, seed=1, hazards="flawless")
    with nothing_before(date(2024, 2, 8)):
        simulate(tmp_path, plan.years, 6, 1, "flawless", form="reports", last_day=date(2024, 2, 16))
    for dataset in ("DA_prices", "AS_prices"):
        shutil.rmtree(tmp_path / "reports" / REPORTS[dataset][0].folder)
    world = World(tmp_path, plan, form="reports")
    roll_up_reports(world.settings)
    world.settle()
    days = world.table("daily_revenue", 2024)
    days = days[days["operating_day"] >= date(2024, 2, 8)]
    assert (days["as_hours"] == days["expected_hours"]).all()
    assert len(days) == 9 * days["battery"].nunique()
    ledger = world.table("as_revenue", 2024).query("exists").dropna(subset="mcpc_usd_per_mw")
    assert set(ledger["mcpc_source"]) == {"stated"}


def test_a_rolled_up_year_is_at_least_nine_tenths_smaller_than_its_csv(reported):
    manifests = [built.manifest for built in reported.rolled.built if built.year == 2025]
    assert len(manifests) > 10
    csv_bytes, parquet = (sum(m[key] for m in manifests) for key in ("csv_bytes", "parquet_bytes"))
    assert parquet < 0.1 * csv_bytes


def test_rolling_up_again_reads_nothing_and_changes_nothing(reported):
    read: list[str] = []
    settings = reported.from_reports.settings
    again = roll_up_reports(settings, progress=lambda done, total, what: read.append(what) if done < total else None)
    assert read == []
    assert not any(built.changed for built in again.built)


def test_the_run_record_names_built_rollups_as_inputs(reported):
    entry = read_run(reported.from_reports.settings.results, 2025)["tables"]["bess_dispatch"]
    files = {name for name, value in entry["inputs"].items() if not isinstance(value, str)}
    assert "sced_esr_resources/built/2025.parquet" in files
    assert "sced_esr_resources/built/2026.parquet" not in files


@pytest.mark.parametrize("plan", [FIRST, EARLY, MIDDLE, LATE], ids=lambda plan: f"{plan.years[0]}_{plan.years[-1]}")
def test_every_year_gives_the_same_boards_from_reports_as_from_rollups(worlds, tmp_path, plan):
    world, rolled = from_reports(tmp_path, plan)
    assert rolled.refused == []
    for year in plan.years:
        assert unlike(world, worlds.of(year), year) == []
        for built in rolled.built:
            assert read_manifest(built.path) == built.manifest


@pytest.mark.parametrize("plan", WILD, ids=lambda p: f"{p.years[0]}_{p.years[-1]}")
def test_reports_that_lack_columns_are_worth_what_the_second_settlement_makes_of_them(tmp_path, plan):
    """Every figure equals that of the second settlement, which is null where the files leave it unknown."""
    world, _ = from_reports(tmp_path, plan)
    for year in plan.years:
        wrong = board_differences(world, year, world.settled_again(year))
        assert not wrong, f"{year}: {some(wrong)}"
    tables = [read_run(world.settings.results, year)["tables"] for year in plan.years]
    kinds = {f["kind"] for made in tables for table in pipeline.STEPS for f in made[table]["findings"]}
    assert "missing_columns" in kinds
