"""The whole road against a second settlement, written in pandas from the market reference alone (`second_settlement/settlement.py`).

Belongs here: every quarter-hour, hour, day, month and year of the made-up markets, to a millionth.
Does not: whether the second settlement itself is right (test_independent_by_hand.py).
"""

import pandas as pd
import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.second_settlement.settlement import BOARD_COLUMNS, Settlement, settle
from bess_assets.second_settlement.source import RollupFiles
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.worlds import KEYS, World, differences, some

pytestmark = pytest.mark.timeout(900)
"""The first test to ask for the made-up markets waits for them."""

Case = tuple[World, int, Settlement]

FAST = [("late", 2023), ("late", 2025)]
"""A combo year with the start of ECRS, and the year of the seam."""
SLOW = [
    ("early", 2019),
    ("early", 2020),
    ("early", 2021),
    ("early", 2022),
    ("late", 2024),
    ("late", 2026),
    ("wild", 2023),
]
DAILY_MONEY = [
    "da_energy_usd",
    "rt_energy_usd",
    "energy_usd",
    *(f"as_{product}{leg}_usd" for leg in ("", "_da", "_rt") for product in PRODUCTS),
    "as_usd",
    "total_usd",
    "da_unmatched_usd",
    "rt_metered_usd",
    "charging_cost_usd",
]
DAILY_RENAMED = {
    "quarters_expected": "expected_quarter_hours",
    "quarters_known": "energy_quarter_hours",
    "quarters_discharge": "discharge_quarter_hours",
    "hours_expected": "expected_hours",
    "hours_known": "as_hours",
    "discharge_both": "paired_discharge_mwh",
    "charge_both": "paired_charge_mwh",
}


def _batteries(world: World, year: int) -> pd.DataFrame:
    """Names and pairs, which the second settlement is handed; the truth has checked them."""
    registry = world.table("bess_registry", year)
    batteries = registry[["battery", "gen_resource", "load_resource", "esr_resource"]].copy()
    return batteries.assign(
        charging_known=registry["charging"] != "unknown", load_as_only=registry["pair_status"] == "name_only"
    )


@pytest.fixture(
    scope="module",
    params=[*FAST, *(pytest.param(case, marks=pytest.mark.slow) for case in SLOW)],
    ids=lambda case: f"{case[0]}_{case[1]}",
)
def settled(request: pytest.FixtureRequest, worlds: Worlds) -> Case:
    """A market, a year, and its second settlement, which all tests of that year share."""
    name, year = request.param
    world: World = getattr(worlds, name)
    return world, year, settle(RollupFiles(world.rollups), year, _batteries(world, year))


def _seconds(times: pd.Series) -> pd.Series:
    return times.dt.as_unit("s")


def _check(expected: pd.DataFrame, found: pd.DataFrame, keys: list[str], columns: list[str]) -> None:
    wrong = differences(expected, found, keys, columns)
    assert not wrong, some(wrong)


def test_quarter_hours_agree(settled: Case) -> None:
    world, year, second = settled
    ledger = world.table("energy_revenue", year)
    flows = world.table("bess_dispatch", year)[["battery", "interval_start", "discharge_mwh", "charge_mwh"]]
    ledger = ledger[ledger["unknown_reason"] != "not expected"].merge(flows, on=["battery", "interval_start"])
    ledger["interval_start"] = _seconds(ledger["interval_start"])
    money = ["da_usd", "rt_usd", "rt_metered_usd", "rt_da_offset_usd", "energy_usd"]
    _check(second.quarter_hours, ledger, ["battery", "interval_start"], [*money, "discharge_mwh", "charge_mwh"])


def test_hours_of_every_product_agree(settled: Case) -> None:
    world, year, second = settled
    ledger = world.table("as_revenue", year)
    ledger = ledger[ledger["exists"]].rename(columns={"mcpc_usd_per_mw": "mcpc"})
    ledger["interval_start"] = _seconds(ledger["interval_start"])
    columns = ["award_mw", "mcpc", "da_usd", "rt_usd", "revenue_usd"]
    _check(second.hours, ledger, ["battery", "product", "interval_start"], columns)


def test_days_agree(settled: Case) -> None:
    world, year, second = settled
    daily = world.table("daily_revenue", year)
    daily["operating_day"] = pd.to_datetime(daily["operating_day"]).dt.as_unit("s")
    expected = second.daily.rename(columns=DAILY_RENAMED)
    columns = [
        *DAILY_MONEY,
        *DAILY_RENAMED.values(),
        "discharge_mwh",
        "charge_mwh",
        "settlement_point",
        "tb2_usd_per_mw",
    ]
    _check(expected, daily, ["battery", "operating_day"], columns)


@pytest.mark.parametrize("board", ["leaderboard", "leaderboard_monthly"])
def test_boards_agree(settled: Case, board: str) -> None:
    world, year, second = settled
    keys = KEYS[board]
    expected, found = getattr(second, board), world.table(board, year)
    _check(expected, found, keys, [column for column in BOARD_COLUMNS if column not in keys])
    assert expected[keys].to_numpy().tolist() == found[keys].to_numpy().tolist(), "rows stand in another order"
