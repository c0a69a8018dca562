"""Half of 2021, real awards and prices, the February storm included: ancillary revenue to the cent, and everything else unknown."""

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from bess_assets.cli import main
from bess_assets_tests.real import Settled, settle

pytestmark = pytest.mark.real

PRODUCTS = {"reg_up": "as_regup_usd", "reg_down": "as_regdn_usd", "rrs": "as_rrs_usd", "nonspin": "as_nspin_usd"}
FLEET_TOTAL = 325_309_505.04
KNOWN_ZERO = {"Faradamos", "Insuloth", "Resisteo"}
LATE_LOADS = {"Circuitaw", "Magnetod", "Wallawatt"}
HOURS_OF_SEEN_PERIOD, HOURS_HELD = 4343, 4320
"""181 days of 24 hours, one of them 23; the day of the clock change is left out of the pack."""


@pytest.fixture(scope="module")
def pack(real_pack: Callable[[str], Path]) -> Path:
    return real_pack("2021-ancillary")


@pytest.fixture(scope="module")
def settled(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return settle(tmp_path_factory.mktemp("home"), 2021, pack / "rollups")


@pytest.fixture(scope="module")
def board(settled: Settled) -> pd.DataFrame:
    return settled.table("leaderboard")


@pytest.fixture(scope="module")
def expected(pack: Path) -> pd.DataFrame:
    return pd.read_csv(pack / "expected_as_revenue_usd.csv").set_index("resource_name")


def _row(board: pd.DataFrame, battery: str) -> dict[str, Any]:
    return board[board["battery"] == battery].iloc[0].to_dict()


def test_ancillary_revenue_is_right_to_the_cent_for_every_battery_and_product(board, expected):
    found = board.set_index("gen_resource").loc[expected.index]
    for theirs, ours in {**PRODUCTS, "total": "as_usd"}.items():
        assert ((found[ours] - expected[theirs]).abs() <= 0.01).all(), ours
    assert found["as_usd"].sum() == pytest.approx(FLEET_TOTAL, abs=0.15)  # 27 batteries rounded to the cent each


def test_all_27_batteries_are_listed_unranked_in_order_of_their_ancillary_revenue(board, expected):
    assert len(board) == 27
    assert set(board["gen_resource"]) == set(expected.index)
    assert board["rank"].isna().all()
    assert board["total_usd"].isna().all()
    order = list(zip(-board["as_usd"], board["battery"], strict=True))
    assert order == sorted(order)


def test_unknown_energy_is_unknown_and_the_board_says_so(board: pd.DataFrame) -> None:
    unknown = ["da_energy_usd", "rt_energy_usd", "energy_usd", "rt_metered_usd", "charging_cost_usd", "usd_per_mw"]
    unknown += ["usd_per_kw_year", "discharge_mwh", "charge_mwh", "cycles_per_day", "tb2_usd", "strategy"]
    for column in unknown:
        assert board[column].isna().all(), column
    assert (board["energy_coverage"] == 0).all()
    assert board["excluded_reason"].str.contains("energy coverage 0.000 below 0.95", regex=False).all()
    assert board["excluded_reason"].str.contains("settlement point unknown", regex=False).all()


def test_three_batteries_are_known_to_have_earned_nothing(board: pd.DataFrame) -> None:
    zero = board[board["as_usd"] == 0.0]
    assert set(zero["battery"]) == KNOWN_ZERO
    assert (zero[list(PRODUCTS.values())] == 0.0).all(axis=None)


def test_ecrs_did_not_exist_and_real_time_ancillary_services_neither(board: pd.DataFrame) -> None:
    for column in ("as_ecrs_usd", "as_ecrs_da_usd", "as_ecrs_rt_usd", "as_regup_rt_usd", "as_rrs_rt_usd"):
        assert board[column].isna().all(), column
    assert board["as_usd"].notna().all()


def test_aquanode_has_30_megawatts_from_its_load_side_and_lacks_the_day_of_the_clock_change(board):
    row = _row(board, "Aquanode")
    assert (row["capacity_mw"], row["capacity_source"]) == (30.0, "load")
    assert row["as_coverage"] == HOURS_HELD / HOURS_OF_SEEN_PERIOD
    assert (row["gen_resource"], row["load_resource"]) == ("Aquanode", "Aquanode")
    assert (row["duration_hours"], row["duration_source"]) == (4.0, "assumed")
    assert pd.isna(row["energy_mwh"])


def test_batteries_present_all_along_have_one_coverage_and_every_capacity_comes_from_the_load_side(board):
    assert (board["as_coverage"] == HOURS_HELD / HOURS_OF_SEEN_PERIOD).sum() >= 20
    sized = board[board["capacity_mw"].notna()]
    assert (sized["capacity_source"] == "load").all()
    assert len(sized) >= 24


def test_load_rows_that_start_late_are_no_award_and_not_unknown(board: pd.DataFrame) -> None:
    late = board[board["battery"].isin(LATE_LOADS)]
    assert len(late) == 3
    assert late["as_usd"].notna().all()


def test_the_year_is_preliminary_through_june(board: pd.DataFrame) -> None:
    assert set(board["data_through"]) == {date(2021, 6, 30)}
    assert set(board["edition"]) == {"preliminary"}


def test_the_storm_counts_and_prices_up_to_25674_dollars_are_plausible(settled: Settled) -> None:
    ledger = settled.table("as_revenue")
    assert ledger["mcpc_usd_per_mw"].max() == 25_674.30
    assert not ledger["implausible_price"].any()
    by_day = settled.table("daily_revenue").groupby("operating_day")["as_usd"].sum()
    assert date(2021, 2, 14) < by_day.idxmax() < date(2021, 2, 20)
    assert by_day.loc[date(2021, 2, 15) : date(2021, 2, 19)].sum() > 0.5 * by_day.sum()


def test_findings_name_the_missing_columns_datasets_and_days(settled: Settled) -> None:
    entries = settled.entries
    registry = {f["detail"] for f in entries["bess_registry"]["findings"] if f["kind"] == "missing_columns"}
    awards = {f["detail"] for f in entries["bess_awards"]["findings"] if f["kind"] == "missing_columns"}
    assert any("hsl_mw" in detail and "settlement_point" in detail for detail in registry)
    assert any("award_mw" in detail and detail.startswith("2021.parquet") for detail in awards)
    absent = settled.findings("dataset_absent")
    sced = {"sced_gen_resources", "sced_load_resources"}
    assert set(absent) == sced | {"cop_snapshots", "rt_prices", "da_prices"}
    missing_days = settled.findings("missing_days")
    assert "2021-03-14" in missing_days["dam_gen_resources"]
    assert "2021-03-14" in missing_days["dam_load_resources"]
    assert "2021-03-14" in missing_days["as_prices"]


def _bess(settled: Settled, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setenv("BESS_ROLLUPS", str(settled.settings.rollups))
    result = CliRunner().invoke(main, ["--home", str(settled.settings.home), *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command_line_gives_the_board_as_csv_with_empty_cells_for_the_unknown(settled, expected, monkeypatch):
    text = _bess(settled, monkeypatch, "leaderboard", "2021", "--format", "csv")
    rows = {row["gen_resource"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == expected.sort_values("total", ascending=False, kind="stable").index.tolist()
    for name, row in rows.items():
        for empty in ("rank", "total_usd", "energy_usd", "da_energy_usd", "rt_energy_usd", "as_ecrs_usd"):
            assert row[empty] == "", (name, empty)
        for theirs, ours in {**PRODUCTS, "total": "as_usd"}.items():
            assert float(row[ours]) == pytest.approx(expected.loc[name, theirs], abs=0.01)
        assert "energy coverage 0.000" in row["excluded_reason"]
        assert row["data_through"] == "2021-06-30"


def test_status_says_which_columns_datasets_and_days_are_missing(settled, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    text = " ".join(_bess(settled, monkeypatch, "status").split())
    absent = "no rollup file: rt_prices, da_prices, sced_gen_resources, sced_load_resources"
    days = "dam_gen_resources 1, dam_load_resources 1, as_prices 1: 2021-03-14"
    for part in (absent, days, "settlement_point", "hsl_mw", "award_mw"):
        assert part in text, part


def test_the_monthly_board_sums_to_the_same_dollars(settled: Settled, board: pd.DataFrame) -> None:
    months = settled.table("leaderboard_monthly")
    assert set(months["month"]) == {1, 2, 3, 4, 5, 6}
    sums = months.groupby("battery")["as_usd"].sum().loc[board["battery"]]
    assert sums.to_numpy() == pytest.approx(board["as_usd"].to_numpy(), abs=0.01)
    march = months[(months["month"] == 3) & (months["battery"] == "Aquanode")].iloc[0]
    assert march["as_coverage"] == 720 / 743
