"""Both roads to the same dollar: made-up markets published as rollups and as reports, settled from each."""

import io
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bess_assets.second_settlement.compare import Comparison, compare_reports
from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.simulator import simulate
from bess_assets_tests.conftest import Reported, Worlds
from bess_assets_tests.worlds import Plan, World

pytestmark = pytest.mark.timeout(900)


def publish(folder: Path, plan: Plan) -> Path:
    """The market of a plan as reports; returns their folder."""
    simulate(folder, plan.years, plan.batteries, plan.seed, plan.hazards, form="reports")  # type: ignore[arg-type]
    return folder / "reports"


def compared(world: World, reports: Path, year: int) -> Comparison:
    return compare_reports(replace(world.settings, reports=reports), year)


def assert_equal(comparison: Comparison) -> None:
    assert comparison.problems == {}
    assert comparison.exact, (comparison.differing[:1], comparison.worst_usd)
    assert comparison.agrees
    assert comparison.batteries > 1


@pytest.mark.slow
def test_the_year_of_the_seam_is_exactly_equal_from_reports_and_from_rollups(reported: Reported) -> None:
    assert_equal(compared(reported.from_rollups, reported.from_reports.settings.reports, 2025))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first", "early", "middle", "late", "wild"])
def test_every_year_of_every_market_is_exactly_equal(name: str, worlds: Worlds, tmp_path: Path) -> None:
    world: World = getattr(worlds, name)
    folder = publish(tmp_path, world.plan)
    for year in world.plan.years:
        assert_equal(compared(world, folder, year))


@pytest.mark.slow
def test_planted_faults_are_found_in_a_whole_market(worlds: Worlds, tmp_path: Path) -> None:
    """Prices of one node and day by 10 $, and then all awards of one battery doubled."""
    world, year = worlds.wild, 2023
    folder = publish(tmp_path, world.plan)
    registry = world.table("bess_registry", year).dropna(subset=["gen_resource", "settlement_point"])
    board = world.table("leaderboard", year).set_index("battery")
    seller = board.loc[registry["battery"], "da_energy_usd"].idxmax()
    battery = registry.set_index("battery").loc[seller]
    nodes = registry.loc[registry["settlement_point"] == battery["settlement_point"], "battery"]

    def raised(rows: pd.DataFrame) -> pd.DataFrame:
        at_node = rows["SettlementPoint"].str.strip() == battery["settlement_point"]
        return rows.assign(SettlementPointPrice=rows["SettlementPointPrice"].astype(float) + 10.0 * at_node)

    rewrite(folder, "DA_prices", raised, one_only=True)
    found = compared(world, folder, year)
    assert not found.exact
    assert seller in set(found.differing["battery"]) <= set(nodes)

    def doubled(rows: pd.DataFrame) -> pd.DataFrame:
        mine = rows["Resource Name"].str.strip() == battery["gen_resource"]
        columns = [c for c in rows if str(c).strip().endswith("Awarded") or str(c).strip() == "Awarded Quantity"]
        for column in columns:
            numbers = pd.to_numeric(rows[column])
            rows[column] = numbers.where(~mine, numbers * 2)
        return rows

    rewrite(folder, "DAM_Gen_Resources", doubled)
    found = compared(world, folder, year)
    assert not found.agrees
    assert seller in set(found.differing.loc[found.differing["fails"], "battery"])


def rewrite(folder: Path, dataset: str, change: Callable[[pd.DataFrame], pd.DataFrame], *, one_only=False) -> None:
    """Put changed copies of the reports of a dataset into the folder, as published years later: of all, or of the one in the middle of the year."""
    found = ReportFolder(folder, 2023).reports[dataset]
    for number, report in enumerate([found[len(found) // 2]] if one_only else found):
        data = report.path.read_bytes()
        for member in report.members:
            data = zipfile.ZipFile(io.BytesIO(data)).read(member)
        rows = change(pd.read_csv(io.BytesIO(data), dtype=str, keep_default_na=False, skipinitialspace=True))
        rows.to_csv(folder / f"{dataset}.20300101.{number:09d}.csv", index=False)
