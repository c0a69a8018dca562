"""The whole road, from rollup files to both boards, against what the simulator reckoned row by row on its own.

Belongs here: every column of every board of every year.
Does not: the figures on the way (test_second_settlement.py), single rules (market/).
"""

from pathlib import Path

import pandas as pd
import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.run import STEPS
from bess_assets.store.journal import read_run
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.worlds import KEYS, Plan, World, differences, make, some

pytestmark = pytest.mark.timeout(900)
"""The first test to ask for the made-up markets waits for them."""

YEARS = range(2019, 2027)
BOARDS = ("leaderboard", "leaderboard_monthly")
CENT = 0.01
MONEY = [
    "da_energy_usd",
    "rt_energy_usd",
    "energy_usd",
    "charging_cost_usd",
    *(f"as_{product}{leg}_usd" for leg in ("", "_da", "_rt") for product in PRODUCTS),
    "as_usd",
    "total_usd",
    "da_unmatched_usd",
    "rt_metered_usd",
]
SWEEP = [
    Plan((2019, 2020), batteries=14, seed=11, hazards="wild"),
    Plan((2021,), batteries=17, seed=12, hazards="none"),
    Plan((2022,), batteries=24, seed=13, hazards="wild"),
    Plan((2022, 2023), batteries=13, seed=14, hazards="harmless"),
    Plan((2024,), batteries=20, seed=15, hazards="wild"),
    Plan((2024, 2025), batteries=12, seed=16, hazards="wild"),
    Plan((2025, 2026), batteries=14, seed=17, hazards="wild"),
    Plan((2026,), batteries=30, seed=18, hazards="harmless"),
]


def board_differences(world: World, board: str, year: int) -> list[str]:
    truth, found = world.truth(board, year), world.table(board, year)
    keys = KEYS[board]
    texts = differences(truth, found, keys, [name for name in truth.columns if name not in keys])
    if truth[keys].to_numpy().tolist() != found[keys].to_numpy().tolist():
        texts.append("rows stand in another order")
    return texts


def cent_differences(world: World, board: str, year: int) -> list[str]:
    keys = KEYS[board]
    both = world.truth(board, year).merge(world.table(board, year), on=keys, suffixes=("", "_found"))
    wrong = []
    for column in MONEY:
        want, have = both[column].astype(float), both[f"{column}_found"].astype(float)
        off = ((want - have).abs() > CENT) | (want.isna() != have.isna())
        wrong += [
            f"{row[keys].tolist()} {column}: {row[column]}, {row[f'{column}_found']}" for _, row in both[off].iterrows()
        ]
    return wrong


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("year", YEARS)
def test_every_dollar_of_a_board_equals_the_truth_to_a_cent(worlds: Worlds, year: int, board: str) -> None:
    wrong = cent_differences(worlds.of(year), board, year)
    assert not wrong, some(wrong)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("year", YEARS)
def test_every_column_of_a_board_equals_the_truth_and_rows_stand_in_its_order(
    worlds: Worlds, year: int, board: str
) -> None:
    wrong = board_differences(worlds.of(year), board, year)
    assert not wrong, some(wrong)


@pytest.mark.parametrize("board", BOARDS)
def test_files_that_lack_columns_give_the_truth_of_what_they_hold(worlds: Worlds, board: str) -> None:
    for year in worlds.wild.plan.years:
        wrong = cent_differences(worlds.wild, board, year) + board_differences(worlds.wild, board, year)
        assert not wrong, some(wrong)


def test_the_truth_has_every_column_of_the_board_but_notes_and_sources(worlds: Worlds) -> None:
    truth, found = worlds.late.truth("leaderboard", 2025), worlds.late.table("leaderboard", 2025)
    assert set(found.columns) - set(truth.columns) <= {"notes", "quantity_source", "capacity_source"}
    assert set(truth.columns) <= set(found.columns)


def test_the_markets_hold_what_could_go_wrong(worlds: Worlds) -> None:
    boards = {year: worlds.of(year).table("leaderboard", year) for year in YEARS}
    for year, board in boards.items():
        assert board["rank"].notna().sum() >= 3, year
        assert board["excluded_reason"].notna().any(), year
    assert all(boards[year]["as_ecrs_usd"].isna().all() for year in range(2019, 2023))
    assert boards[2023]["as_ecrs_usd"].notna().any()
    for year, board in boards.items():
        assert (board["as_regup_rt_usd"].fillna(0.0).abs() > 1).any() == (year >= 2025), year
    reasons = " ".join(pd.concat(boards.values())["excluded_reason"].dropna())
    for phrase in ("charging unknown", "energy coverage"):
        assert phrase in reasons
    assert boards[2025][["gen_resource", "esr_resource"]].notna().all(axis=1).sum() >= 6, "renamed batteries"
    points = worlds.late.table("bess_registry", 2023).set_index("battery")["settlement_points"]
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
def test_boards_of_other_markets_equal_the_truth_too(tmp_path: Path, plan: Plan) -> None:
    world = make(tmp_path, plan)
    for year in plan.years:
        for board in BOARDS:
            wrong = cent_differences(world, board, year) + board_differences(world, board, year)
            assert not wrong, f"{year} {board}: {some(wrong)}"
