"""Thirteen days of a real battery's telemetry at a real hub's prices: energy, its real-time value, and nothing more."""

from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.calendar import OperatingYear
from bess_assets.settlement.state_of_charge import fit_changes, fit_months, soc_verdict
from bess_assets_tests.real import Settled, settle

pytestmark = pytest.mark.real

EXPECTED_QUARTER_HOURS = 8_636
"""1 January to 31 March 2026: 90 days, one of them 23 hours long."""
OBSERVED_QUARTER_HOURS = 13 * 96
METERED_USD = 9_400.71
"""The pack's README says 9,400.72: the sum of thirteen daily figures that were rounded to the cent."""


def write_text_rollup(path: Path, reports: Iterable[Path]) -> None:
    """CSV reports as one rollup: ERCOT's own headings, every cell as text."""
    parts = [pd.read_csv(report, dtype=str, keep_default_na=False) for report in reports]
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pandas(pd.concat(parts), preserve_index=False), path)


@pytest.fixture(scope="module")
def pack(real_pack: Callable[[str], Path]) -> Path:
    return real_pack("2026-esr-batcave")


@pytest.fixture(scope="module")
def settled(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The pack as rollups, settled with the battery at HB_HUBAVG."""
    folder = tmp_path_factory.mktemp("batcave")
    reports = pack / "reports"
    for name, files in (
        ("SCED_ESR_Resources", sorted(reports.glob("60d_ESR_Data_in_SCED-*.csv"))),
        ("RT_prices", [reports / "rt_spp_hb_hubavg.csv"]),
        ("DA_prices", [reports / "dam_spp_hb_hubavg.csv"]),
        ("AS_prices", [reports / "dam_mcpc.csv"]),
    ):
        write_text_rollup(folder / "rollups" / name / "2026.parquet", files)
    table = "battery,esr_resource,settlement_point\nBATCAVE_1,BATCAVE_ESR1,HB_HUBAVG\n"
    (folder / "batteries.csv").write_text(table, encoding="utf-8")
    return settle(folder / "home", 2026, folder / "rollups", BESS_REGISTRY=str(folder / "batteries.csv"))


@pytest.fixture(scope="module")
def row(settled: Settled) -> dict[str, Any]:
    return _only_row(settled)


def _only_row(settled: Settled) -> dict[str, Any]:
    (row,) = pq.read_table(settled.settings.results / "leaderboard" / "2026.parquet").to_pylist()
    return dict(row)


@pytest.fixture(scope="module")
def expected(pack: Path) -> pd.DataFrame:
    days = pd.read_csv(pack / "expected_daily_energy_lines.csv")
    return days.set_index(days["day"].map(date.fromisoformat))


def test_daily_energy_equals_the_packs(settled: Settled, expected: pd.DataFrame) -> None:
    days = settled.table("rt_dispatch_daily").set_index("operating_day")
    assert len(days) == 90
    observed = days[days["known_quarter_hours"] > 0]
    assert list(observed.index) == list(expected.index)
    for column in ("net_mwh", "discharge_mwh", "charge_mwh"):
        assert ((observed[column] - expected[column]).abs() <= 0.001).all(), column
    assert (observed["known_quarter_hours"] == expected["intervals"]).all()
    assert (observed["discharge_source"] == "telemetry").all()
    assert days.drop(index=observed.index)[["net_mwh", "discharge_mwh", "charge_mwh"]].isna().all(axis=None)


def test_the_real_time_value_of_a_day_equals_the_packs_to_a_nickel(settled: Settled, expected: pd.DataFrame) -> None:
    days = settled.table("daily_revenue").set_index("operating_day").loc[expected.index]
    assert ((days["rt_metered_usd"] - expected["rt_revenue_usd_at_hub"]).abs() <= 0.05).all()


def test_the_year_is_worth_9400_71_dollars_in_real_time_and_its_energy_revenue_is_unknown(row: dict[str, Any]) -> None:
    assert row["rt_metered_usd"] == pytest.approx(METERED_USD, abs=0.01)
    for column in ("da_energy_usd", "rt_energy_usd", "energy_usd", "as_usd", "total_usd", "rank", "da_unmatched_usd"):
        assert row[column] is None, column
    assert (row["energy_coverage"], row["as_coverage"]) == (0.0, 0.0)


def test_the_first_quarter_of_the_year_is_expected_and_thirteen_days_are_observed(settled, row):
    days = settled.table("daily_revenue")
    assert (days["operating_day"].min(), days["operating_day"].max()) == (date(2026, 1, 1), date(2026, 3, 31))
    assert days["expected_quarter_hours"].sum() == EXPECTED_QUARTER_HOURS
    assert days["discharge_quarter_hours"].sum() == OBSERVED_QUARTER_HOURS
    assert days["unobserved_quarter_hours"].sum() == EXPECTED_QUARTER_HOURS - OBSERVED_QUARTER_HOURS
    assert (row["data_through"], row["edition"]) == (date(2026, 3, 31), "preliminary")


def test_size_and_efficiency_are_those_of_the_battery(row: dict[str, Any]) -> None:
    assert (row["capacity_mw"], row["capacity_source"]) == (100.0, "sced")
    assert row["energy_mwh"] == 102.1964, "the 24th largest hourly Maximum SOC"
    assert row["duration_source"] == "ercot"
    assert round(row["round_trip_efficiency"], 2) == 0.68
    assert row["cycles_per_day"] == pytest.approx(row["discharge_mwh"] / row["energy_mwh"] / 13)
    assert (row["first_active_date"], row["active_days"]) == (date(2026, 3, 19), 13)
    assert row["settlement_point"] == "HB_HUBAVG"


def test_the_board_says_why_it_is_not_ranked(row: dict[str, Any]) -> None:
    awards = "day-ahead award unknown in 100.0%, discharge or charge and price at HB_HUBAVG unknown in 85.5%"
    products = "regulation up and regulation down and responsive reserve and ECRS and non-spinning reserve"
    assert row["excluded_reason"].split("; ") == [
        f"energy coverage 0.000 below 0.95 ({awards})",
        f"AS coverage 0.000 below 0.95 ({products} unknown in 100.0%)",
        "active 13 days, under 30",
    ]


def test_the_worked_quarter_hour_of_the_methodology(settled: Settled) -> None:
    flows = settled.table("bess_dispatch")
    first = flows[flows["interval_start"] == pd.Timestamp("2026-03-19 05:00", tz="UTC")].iloc[0]
    assert (first["charge_mwh"], first["discharge_mwh"]) == (pytest.approx(3.2467, abs=5e-5), 0.0)
    assert first["charge_coverage"] == pytest.approx(881 / 900)


def test_state_of_charge_follows_what_flowed_and_jumps_are_left_out(settled: Settled) -> None:
    flows = settled.table("bess_dispatch")
    course = (flows[f"{name}_mwh"].to_numpy() for name in ("soc", "charge", "discharge"))
    verdict = soc_verdict([*fit_months(OperatingYear(2026), "BATCAVE_1", *course)])
    assert verdict.passed
    assert (verdict.numbers["months"], verdict.numbers["quarter_hours_left_out"]) == (1, 35)
    known = flows.assign(change=flows["soc_mwh"].diff()).dropna(subset=["change", "discharge_mwh"])
    fitted, _, _ = fit_changes(*(known[name].to_numpy() for name in ("change", "charge_mwh", "discharge_mwh")))
    assert fitted.tolist() == pytest.approx([1.13, 1.22, 1.22], abs=0.01)


def test_findings_name_the_hours_that_clearing_prices_lack_and_the_datasets_that_are_absent(settled: Settled) -> None:
    assert set(settled.findings("dataset_absent")) == {
        "dam_esr_resources",
        "rt_as_prices",
        "sced_as_prices",
        "sced_as_adders",
    }
    as_ledger = settled.table("as_revenue")
    last = as_ledger[(as_ledger["operating_day"] == date(2026, 3, 31)) & as_ledger["exists"]]
    assert last.groupby("product")["mcpc_usd_per_mw"].count().unique().tolist() == [19]


def test_without_a_node_nothing_is_priced(pack: Path, tmp_path: Path) -> None:
    reports = pack / "reports"
    rollups = tmp_path / "rollups"
    runs = sorted(reports.glob("60d_ESR_Data_in_SCED-*.csv"))
    write_text_rollup(rollups / "SCED_ESR_Resources" / "2026.parquet", runs)
    write_text_rollup(rollups / "RT_prices" / "2026.parquet", [reports / "rt_spp_hb_hubavg.csv"])
    row = _only_row(settle(tmp_path / "home", 2026, rollups))
    assert (row["battery"], row["settlement_point"], row["rt_metered_usd"]) == ("BATCAVE_1", None, None)
    assert row["excluded_reason"].startswith("settlement point unknown; energy coverage 0.000")
    assert row["discharge_mwh"] == pytest.approx(802.4, abs=0.1)
