"""Sums of a day: what is known adds up, what is unknown is counted, and totals need all of their parts."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from bess_assets.run import hold_year
from bess_assets.settings import load_settings
from bess_assets.settlement.daily import top_less_bottom, total_of
from bess_assets.store.files import ResultTable
from bess_assets_tests.settlement.small import (
    AFTER,
    BEFORE,
    MAY,
    NODE,
    SEAM,
    Settled,
    clearing,
    dam,
    dam_load,
    may_market,
    metered,
    prices,
    seam_market,
    settle,
    telemetry,
    together,
    without,
)

NEXT = MAY + timedelta(days=1)


def test_a_combo_day_adds_up(may: Settled) -> None:
    day = may.row("daily_revenue", operating_day=MAY)
    assert day["da_energy_usd"] == pytest.approx(24 * 8 * 30)
    assert day["rt_energy_usd"] == pytest.approx(24 * (6 - 1 - 8) * 40)
    assert (day["energy_usd"], day["rt_metered_usd"]) == (pytest.approx(5760 - 2880), pytest.approx(24 * (6 - 1) * 40))
    assert day["charging_cost_usd"] == pytest.approx(24 * 1 * 40)
    assert day["as_regup_usd"] == day["as_regup_da_usd"] == pytest.approx(24 * 4 * 5)
    assert (day["as_rrs_usd"], day["as_ecrs_usd"], day["as_regup_rt_usd"]) == (0.0, None, None)
    assert (day["as_usd"], day["total_usd"]) == (pytest.approx(480), pytest.approx(2880 + 480))
    assert day["da_unmatched_usd"] is None
    assert (day["discharge_mwh"], day["charge_mwh"]) == (pytest.approx(144), pytest.approx(24))
    assert (day["expected_quarter_hours"], day["energy_quarter_hours"], day["combo_quarter_hours"]) == (96, 96, 96)
    assert (day["expected_hours"], day["as_hours"], day["ecrs_expected_hours"]) == (24, 24, 0)
    assert (day["unobserved_quarter_hours"], day["unpriced_quarter_hours"], day["unpriced_mwh"]) == (0, 0, None)
    assert (day["implausible_quarter_hours"], day["implausible_as_hours"]) == (0, 0)
    assert day["award_positive"]


def test_the_days_around_the_seam_add_up(seam: Settled) -> None:
    before, on, after = (seam.row("daily_revenue", operating_day=day) for day in (BEFORE, SEAM, AFTER))
    assert (before["da_energy_usd"], before["rt_energy_usd"]) == (pytest.approx(5760), pytest.approx(24 * -3 * 40))
    assert (before["as_regup_da_usd"], before["as_regup_rt_usd"]) == (pytest.approx(480), None)
    # the line from -3 to 2 MW of the next day has a mean of -0.5 MW in the last quarter-hour
    last = (3 - 0.5) / 4 * 40
    assert (on["da_energy_usd"], on["rt_energy_usd"]) == (pytest.approx(5760), pytest.approx(24 * (-3 - 8) * 40 + last))
    assert (on["as_regup_da_usd"], on["as_regup_rt_usd"]) == (pytest.approx(480), pytest.approx(24 * 3 * 4))
    assert on["rt_metered_usd"] == pytest.approx(24 * -3 * 40 + last)
    assert (after["da_energy_usd"], after["rt_energy_usd"]) == (pytest.approx(24 * -4 * 30), pytest.approx(24 * 6 * 40))
    assert (after["as_regup_usd"], after["total_usd"]) == pytest.approx((24 * (25 + 4), 24 * (-120 + 240 + 29)))
    assert [row["combo_quarter_hours"] for row in (before, on, after)] == [96, 0, 0]
    assert [row["as_usd"] is not None for row in (before, on, after)] == [True, True, True]


def test_day_ahead_money_without_its_real_time_leg_is_shown_apart_and_in_no_total(tmp_path: Path) -> None:
    market = may_market()
    market["sced_gen_resources"] = market["sced_gen_resources"][:48]
    settled = settle(tmp_path, 2022, market, until="daily_revenue")
    day = settled.row("daily_revenue", operating_day=MAY)
    assert day["da_energy_usd"] == pytest.approx(12 * 8 * 30)
    assert day["rt_energy_usd"] == pytest.approx(12 * (6 - 1 - 8) * 40)
    assert day["da_unmatched_usd"] == pytest.approx(12 * 8 * 30)
    assert (day["energy_quarter_hours"], day["unobserved_quarter_hours"]) == (48, 48)
    assert day["charge_mwh"] == pytest.approx(24), "charge is known all day"
    assert day["paired_charge_mwh"] == pytest.approx(12)
    assert (day["discharge_quarter_hours"], day["discharge_telemetry_quarter_hours"]) == (48, 48)
    shown = settled.row("dam_awards_daily", operating_day=MAY)
    assert shown["da_energy_usd"] == pytest.approx(24 * 8 * 30), "all day-ahead money, matched or not"
    assert shown["regup_award_mwh"] == pytest.approx(24 * 4)
    assert (shown["sold_mwh"], shown["bought_mwh"], shown["priced_hours"]) == (pytest.approx(192), 0.0, 24)
    flows = settled.row("rt_dispatch_daily", operating_day=MAY)
    assert (flows["net_mwh"], flows["known_quarter_hours"]) == (pytest.approx(12 * (6 - 1)), 48)


def test_a_component_with_no_known_term_is_null_and_so_is_every_total_that_needs_it(tmp_path: Path) -> None:
    market = may_market()
    market["as_prices"] = [row for row in market["as_prices"] if row["product"] != "NSPIN"]
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert day["as_nspin_usd"] is None
    assert (day["as_usd"], day["total_usd"], day["as_hours"], day["nspin_hours"]) == (None, None, 0, 0)
    assert (day["as_regup_usd"], day["energy_usd"]) == (pytest.approx(480), pytest.approx(2880))


def test_a_product_known_in_some_hours_sums_those_and_counts_them(tmp_path: Path) -> None:
    market = may_market()
    market["as_prices"] = [row for row in market["as_prices"] if row["product"] != "REGUP" or row["hour_ending"] <= 6]
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert (day["as_regup_usd"], day["regup_hours"], day["as_hours"]) == (pytest.approx(6 * 20), 6, 6)
    assert day["as_usd"] == pytest.approx(6 * 20)


def test_energy_that_nobody_observed_is_not_zero_megawatt_hours_without_a_price(tmp_path: Path) -> None:
    market = may_market()
    market["rt_prices"] = [row for row in market["rt_prices"] if row["hour_ending"] > 3]
    for dataset in ("sced_gen_resources", "sced_load_resources"):
        market[dataset] = [row for row in market[dataset] if row["sced_stamp"].hour >= 4]
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert (day["unpriced_quarter_hours"], day["unpriced_mwh"]) == (12, None)


def test_day_ahead_as_money_of_an_hour_without_its_real_time_leg_is_shown_apart_and_in_no_total(tmp_path: Path) -> None:
    market = seam_market()
    missing = {"operating_day": AFTER, "hour_ending": 3, "interval": 2}
    market = without(market, "rt_as_prices", lambda row: missing.items() <= row.items())
    settled = settle(tmp_path, 2025, market, until="daily_revenue")
    before, on, after = (settled.row("daily_revenue", operating_day=day) for day in (BEFORE, SEAM, AFTER))
    assert (after["as_regup_da_usd"], after["as_regup_rt_usd"]) == pytest.approx((23 * 25, 23 * 4))
    assert after["as_da_unmatched_usd"] == pytest.approx(25)
    assert (before["as_da_unmatched_usd"], on["as_da_unmatched_usd"]) == (None, None)
    assert settled.row("leaderboard")["as_da_unmatched_usd"] == pytest.approx(25)
    assert settled.row("leaderboard_monthly", month=12)["as_da_unmatched_usd"] == pytest.approx(25)


def test_energy_with_a_real_time_price_is_not_unpriced_where_its_charging_is_unknown(tmp_path: Path) -> None:
    market = may_market()
    market["da_prices"] = [row for row in market["da_prices"] if row["hour_ending"] > 3]
    market["sced_load_resources"] = [row for row in market["sced_load_resources"] if row["sced_stamp"].hour >= 4]
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert (day["unpriced_quarter_hours"], day["unpriced_mwh"]) == (12, None)


def test_half_a_megawatt_of_a_product_that_exists_is_an_award(tmp_path: Path) -> None:
    for product, awarded in (("regup", True), ("ecrs", False)):  # ECRS does not exist in 2022
        own = {"dam_gen_resources": dam(MAY, **{f"{product}_award_mw": 0.5}), "dam_load_resources": dam_load(MAY)}
        settled = settle(tmp_path / product, 2022, {**may_market(), **own}, until="daily_revenue")
        assert settled.row("daily_revenue", operating_day=MAY)["award_positive"] == awarded


def test_quarter_hours_with_an_implausible_price_are_counted(tmp_path: Path) -> None:
    market = may_market()
    for row in market["rt_prices"]:
        if row["hour_ending"] == 7 and row["interval"] > 1:
            row["price_usd_per_mwh"] = 6_001.0
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert (day["implausible_quarter_hours"], day["implausible_as_hours"]) == (3, 0)
    assert day["rt_metered_usd"] == pytest.approx(5 / 4 * (93 * 40 + 3 * 6_001))


def test_energy_that_flowed_without_a_price_is_counted_in_megawatt_hours(tmp_path: Path) -> None:
    market = without(may_market(), "rt_prices", lambda row: row["hour_ending"] <= 3)
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert (day["unpriced_quarter_hours"], day["unpriced_mwh"]) == (12, pytest.approx(3 * (6 + 1)))
    assert day["discharge_mwh"] == pytest.approx(144), "priced or not"
    assert day["rt_metered_usd"] == pytest.approx(21 * 5 * 40)


def test_the_tb2_of_a_day_is_that_of_the_node_of_its_first_hour(tmp_path: Path) -> None:
    da = dict.fromkeys(range(1, 25), 30.0) | {4: 5.0, 5: -10.0, 19: 90.0, 20: 200.0}
    market = together(
        may_market(),
        {
            "dam_gen_resources": dam(NEXT, settlement_point={1: "B_RN"} | dict.fromkeys(range(2, 25), NODE)),
            "dam_load_resources": dam_load(NEXT),
            "sced_gen_resources": telemetry(NEXT, 6.0),
        },
        prices(NEXT, 1.0, 1.0),
        prices(NEXT, da, 1.0, "B_RN"),
        clearing(NEXT, REGUP=1.0),
    )
    settled = settle(tmp_path, 2022, market, until="daily_revenue")
    assert settled.row("daily_revenue", operating_day=NEXT)["settlement_point"] == "B_RN"
    assert settled.row("daily_revenue", operating_day=NEXT)["tb2_usd_per_mw"] == pytest.approx(290 - -5)
    assert settled.row("daily_revenue", operating_day=MAY)["tb2_usd_per_mw"] == 0.0
    assert [settled.row("daily_revenue", operating_day=day)["award_positive"] for day in (MAY, NEXT)] == [True, False]
    day = settled.row("price_daily", operating_day=NEXT, settlement_point="B_RN")
    assert (day["tb1_usd_per_mw"], day["tb2_usd_per_mw"], day["tb4_usd_per_mw"]) == (210.0, 295.0, pytest.approx(295.0))
    assert (day["da_min_usd_per_mwh"], day["da_max_usd_per_mwh"]) == (-10.0, 200.0)
    assert day["da_negative_share"] == pytest.approx(1 / 24)
    assert day["da_mean_usd_per_mwh"] == pytest.approx((20 * 30 + 5 - 10 + 90 + 200) / 24)
    nothing = settled.row("price_daily", operating_day=date(2022, 5, 9), settlement_point="B_RN")
    assert (nothing["tb2_usd_per_mw"], nothing["da_mean_usd_per_mwh"], nothing["da_known_hours"]) == (None, None, 0)


def test_a_battery_without_a_node_has_no_tb2(tmp_path: Path) -> None:
    elsewhere = {"sced_gen_resources": telemetry(MAY, 2.0, "ELM_BESS1")}
    market = together(may_market(), elsewhere, prices(MAY, 30.0, 40.0, "HB_WEST"))
    settled = settle(tmp_path, 2022, market, until="daily_revenue")
    day = settled.row("daily_revenue", operating_day=MAY, battery="ELM_1")
    assert (day["settlement_point"], day["tb2_usd_per_mw"], day["discharge_mwh"]) == (None, None, pytest.approx(48))


def test_the_figures_of_a_days_prices_are_those_of_the_prices_that_are_known(tmp_path: Path) -> None:
    market = may_market()
    market["da_prices"] = [row for row in market["da_prices"] if row["hour_ending"] == 3]
    few = [row for row in market["rt_prices"] if row["hour_ending"] == 1 and row["interval"] != 4]
    market["rt_prices"] = [{**row, "price_usd_per_mwh": usd} for row, usd in zip(few, (0.0, -5.0, 11.0), strict=True)]
    settled = settle(tmp_path, 2022, market, until="price_daily")
    day = settled.row("price_daily", operating_day=MAY, settlement_point=NODE)
    figures = ("mean_usd_per_mwh", "min_usd_per_mwh", "max_usd_per_mwh", "negative_share")
    assert [day[f"da_{name}"] for name in figures] == [30.0, 30.0, 30.0, 0.0]
    assert [day[f"rt_{name}"] for name in figures] == [2.0, -5.0, 11.0, pytest.approx(1 / 3)]
    assert (day["expected_hours"], day["da_known_hours"], day["tb2_usd_per_mw"]) == (24, 1, None)
    assert (day["expected_quarter_hours"], day["rt_known_quarter_hours"]) == (96, 3)


def test_tb2_is_unknown_if_one_hour_is_and_counts_any_order_in_time() -> None:
    hourly = np.arange(24.0)
    assert top_less_bottom(hourly, 2) == (23 + 22) - (0 + 1)
    assert top_less_bottom(hourly[::-1], 2) == 44.0
    assert top_less_bottom(np.append(hourly, -5.0), 1) == 28.0, "a day of 25 hours"
    assert np.isnan(top_less_bottom(np.where(hourly == 7, np.nan, hourly), 2))


def test_a_total_counts_only_what_exists() -> None:
    regup, ecrs = np.array([5.0, np.nan, 5.0]), np.array([np.nan, 1.0, np.nan])
    there = np.array([True, True, True])
    none = np.array([False, False, True])
    assert total_of([regup, ecrs], [there, none]).tolist() == pytest.approx([5.0, np.nan, np.nan], nan_ok=True)
    assert np.isnan(total_of([regup], [np.array([False] * 3)])).all()


def test_days_of_23_and_25_hours_have_so_many_expected_intervals(tmp_path: Path) -> None:
    ends = {"dam_gen_resources": dam(date(2022, 3, 12)) + dam(date(2022, 11, 7))}
    settled = settle(tmp_path, 2022, ends, until="dam_awards_daily")
    hours = {row["operating_day"]: row["expected_hours"] for row in settled.rows("dam_awards_daily")}
    assert (hours[date(2022, 3, 12)], hours[date(2022, 3, 13)], hours[date(2022, 11, 6)]) == (24, 23, 25)
    assert len(hours) == 311, "every day from 1 January to the last day of the data"


def test_sources_of_a_day_are_named(tmp_path: Path) -> None:
    market = may_market()
    for row in market["sced_gen_resources"]:
        row["base_point_mw"] = 5.0
        if row["sced_stamp"].hour >= 12:
            row["output_mw"] = None
    market["sced_smne"] = [metered(market["sced_gen_resources"][1]["sced_stamp"], 1, 1.25)]
    settled = settle(tmp_path, 2022, market, until="daily_revenue")
    day = settled.row("rt_dispatch_daily", operating_day=MAY)
    assert (day["discharge_source"], day["charge_source"]) == ("smne+telemetry+base_point", "telemetry")
    # 6 to 5 MW at the base point and back is 5.5 MW; the last reading is held
    assert day["discharge_mwh"] == pytest.approx(1.25 + 46 * 1.375 + 1.5 + 48 * 1.25)
    assert settled.row("leaderboard")["quantity_source"] == "smne+telemetry+base_point/telemetry"


def test_one_run_sums_the_days_while_it_makes_the_ledgers_and_gives_the_bytes_of_tables_made_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = settle(tmp_path / "alone", 2025, seam_market(), until="daily_revenue")
    settings = load_settings(tmp_path / "home", {"BESS_ROLLUPS": str(tmp_path / "alone" / "rollups")})
    read, as_it_is = [], ResultTable._row_group

    def spy(self: ResultTable, columns: list[str], n: int, **more: bool) -> pa.Table:
        if self is held.table(self.table.name):  # the step's, not one that a check opens
            read.append((self.table.name, *columns))
        return as_it_is(self, columns, n, **more)

    with hold_year(settings, 2025) as held:
        for name in alone.entries:
            if name == "daily_revenue":
                monkeypatch.setattr(ResultTable, "_row_group", spy)
            assert held.run_table(name)["digest"] == alone.entries[name]["digest"], name
    assert set(read) == {("bess_awards", "settlement_point")}
