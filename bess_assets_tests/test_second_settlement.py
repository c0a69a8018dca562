"""Whole years of made-up markets, from rollup files to both boards, against the second settlement: every dollar of every quarter-hour, hour, day and board.

The second settlement is written from the market reference alone, and is itself held against sums by hand (test_independent_by_hand.py).
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bess_assets.run import STEPS
from bess_assets.second_settlement.board import MONEY
from bess_assets.second_settlement.settlement import Settlement
from bess_assets.simulator.fleet import make_fleet
from bess_assets.store.journal import read_run
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.worlds import LATE, Plan, World, board_differences, differences, make, some

pytestmark = pytest.mark.timeout(900)
"""The first test to ask for the made-up markets waits for them."""

Case = tuple[World, int, Settlement]

YEARS = range(2019, 2027)
SWEEP = [
    Plan((2019, 2020), batteries=8, seed=11, hazards="wild"),
    Plan((2022, 2023), batteries=7, seed=14, hazards="harmless"),
    Plan((2024, 2025), batteries=7, seed=16, hazards="wild"),
    Plan((2025, 2026), batteries=8, seed=17, hazards="wild"),
    Plan((2026,), batteries=12, seed=18, hazards="harmless"),
]
FAST = {2025}
"""The year in which RTC+B began, and that in which ECRS began, of files that lack columns, are compared in every run of the tests."""
DAILY_COLUMNS = [
    *MONEY,
    *("discharge_mwh", "charge_mwh", "paired_discharge_mwh", "paired_charge_mwh"),
    *("expected_quarter_hours", "energy_quarter_hours", "discharge_quarter_hours", "expected_hours", "as_hours"),
]


@pytest.fixture(
    scope="module",
    params=[("of", year) if year in FAST else pytest.param(("of", year), marks=pytest.mark.slow) for year in YEARS]
    + [("wild", 2023)],
    ids=lambda case: f"{case[1]}{'' if case[0] == 'of' else '_wild'}",
)
def settled(request: pytest.FixtureRequest, worlds: Worlds) -> Case:
    """A market, a year, and its second settlement, which all tests of that year share."""
    name, year = request.param
    world = worlds.wild if name == "wild" else worlds.of(year)
    return world, year, world.settled_again(year)


def _check(expected: pd.DataFrame, found: pd.DataFrame, keys: list[str], columns: list[str]) -> None:
    wrong = differences(expected, found, keys, columns)
    assert not wrong, some(wrong)


def test_quarter_hours_agree(settled: Case) -> None:
    world, year, second = settled
    ledger = world.table("energy_revenue", year)
    flows = world.table("bess_dispatch", year)[["battery", "interval_start", "discharge_mwh", "charge_mwh"]]
    ledger = ledger[ledger["unknown_reason"] != "not expected"].merge(flows, on=["battery", "interval_start"])
    money = ["da_usd", "rt_usd", "rt_metered_usd", "rt_da_offset_usd", "energy_usd"]
    _check(second.quarter_hours, ledger, ["battery", "interval_start"], [*money, "discharge_mwh", "charge_mwh"])


def test_hours_of_every_product_agree(settled: Case) -> None:
    world, year, second = settled
    ledger = world.table("as_revenue", year)
    ledger = ledger[ledger["exists"]].rename(columns={"mcpc_usd_per_mw": "mcpc"})
    columns = ["award_mw", "mcpc", "da_usd", "rt_usd", "revenue_usd"]
    _check(second.hours, ledger, ["battery", "product", "interval_start"], columns)


def test_days_agree(settled: Case) -> None:
    world, year, second = settled
    _check(second.daily, world.table("daily_revenue", year), ["battery", "operating_day"], DAILY_COLUMNS)


def test_every_dollar_of_a_board_agrees_to_a_cent(settled: Case) -> None:
    wrong = board_differences(*settled)
    assert not wrong, some(wrong)


def test_a_board_names_sizes_and_ranks_the_batteries_that_the_simulator_made(settled: Case) -> None:
    world, year, _ = settled
    made = {b.key: b for b in make_fleet(world.plan.years, world.plan.batteries, world.plan.seed).batteries}
    rows = pq.read_table(world.settings.results / "leaderboard" / f"{year}.parquet").to_pylist()
    for row in rows:
        battery = made[row["battery"]]
        assert row["settlement_point"] in {None, *battery.nodes()}
        assert row["qse"] in {None, battery.qse}
        for side, name in (("gen", battery.gen), ("load", battery.load), ("esr", battery.esr)):
            assert row[f"{side}_resource"] in {None, name}
        assert row["capacity_mw"] == battery.capacity_mw or row["first_active_date"] is None
        assert row["energy_mwh"] in {None, battery.energy_mwh}
    ranked = [row for row in rows if row["excluded_reason"] is None]
    assert [row["rank"] for row in rows] == [*range(1, len(ranked) + 1), *[None] * (len(rows) - len(ranked))]
    totals = [row["total_usd"] for row in ranked]
    assert totals == sorted(totals, reverse=True)


@pytest.mark.parametrize("years", [LATE.years, pytest.param(YEARS, marks=pytest.mark.slow)], ids=["few", "all"])
def test_the_markets_hold_what_could_go_wrong(worlds: Worlds, years: Sequence[int]) -> None:
    boards = {year: worlds.of(year).table("leaderboard", year) for year in years}
    for year, board in boards.items():
        assert board["rank"].notna().sum() >= 3, year
        assert board["excluded_reason"].notna().any(), year
    for year, board in boards.items():
        assert board["as_ecrs_usd"].notna().any() == (year >= 2023), year
        assert (board["as_regup_rt_usd"].fillna(0.0).abs() > 1).any() == (year >= 2025), year
    reasons = " ".join(pd.concat(boards.values())["excluded_reason"].dropna())
    for phrase in ("charging unknown", "energy coverage"):
        assert phrase in reasons
    assert boards[2025][["gen_resource", "esr_resource"]].notna().all(axis=1).sum() >= 6, "renamed batteries"
    points = worlds.of(years[-2]).table("bess_registry", years[-2]).set_index("battery")["settlement_points"]
    assert points.str.contains(";").any(), "a battery that changes its node"
    assert points.str.split(";").explode().duplicated().any(), "two batteries at one node"


def test_wild_files_lack_columns_and_the_run_record_says_which(worlds: Worlds) -> None:
    record = read_run(worlds.wild.settings.results, 2023)
    findings = [finding for table in STEPS for finding in record["tables"][table]["findings"]]
    assert any(finding["kind"] == "missing_columns" and finding["detail"] for finding in findings)
    board = worlds.wild.table("leaderboard", 2023)
    assert board["total_usd"].isna().any()
    assert board["rt_metered_usd"].notna().any()


@pytest.mark.slow
@pytest.mark.parametrize("plan", SWEEP, ids=lambda p: f"{p.years[0]}_{p.years[-1]}_{p.batteries}_{p.seed}_{p.hazards}")
def test_boards_of_other_markets_agree_too(tmp_path: Path, plan: Plan) -> None:
    world = make(tmp_path, plan)
    for year in plan.years:
        wrong = board_differences(world, year, world.settled_again(year))
        assert not wrong, f"{year}: {some(wrong)}"
