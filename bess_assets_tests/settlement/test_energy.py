"""Energy money in both regimes and across the seam, every figure by hand."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from bess_assets.settlement.energy import da_energy_usd, rt_da_offset_usd, rt_metered_usd
from bess_assets_tests.settlement.small import (
    AFTER,
    BEFORE,
    GEN,
    MAY,
    NODE,
    SEAM,
    Settled,
    dam,
    may_market,
    prices,
    settle,
    telemetry,
    together,
    without,
)


def _quarter_hours(settled: Settled, day: date) -> list[dict]:
    return settled.rows("energy_revenue", operating_day=day)


def test_the_formulas_of_one_quarter_hour() -> None:
    award, discharge, charge = np.array([8.0]), np.array([1.5]), np.array([0.5])
    da_price, rt_price = np.array([30.0]), np.array([40.0])
    assert da_energy_usd(award, da_price) == [8 / 4 * 30]
    assert rt_metered_usd(discharge, charge, rt_price) == [(1.5 - 0.5) * 40]
    assert rt_da_offset_usd(award, rt_price) == [-8 / 4 * 40]


def test_a_combo_quarter_hour_sells_day_ahead_and_settles_the_difference_in_real_time(may: Settled) -> None:
    rows = _quarter_hours(may, MAY)
    assert len(rows) == 96
    for row in rows:
        assert (row["da_usd"], row["rt_metered_usd"]) == (pytest.approx(8 / 4 * 30), pytest.approx((6 - 1) / 4 * 40))
        assert row["rt_da_offset_usd"] == pytest.approx(-8 / 4 * 40)
        assert row["rt_usd"] == pytest.approx((6 / 4 - 1 / 4 - 8 / 4) * 40)
        assert (row["energy_usd"], row["charging_cost_usd"]) == (pytest.approx(60 - 30), pytest.approx(1 / 4 * 40))
        assert row["unknown_reason"] is None


def test_the_last_combo_day_follows_section_3_1(seam: Settled) -> None:
    row = _quarter_hours(seam, BEFORE)[-1]
    assert (row["da_usd"], row["rt_usd"]) == (60.0, pytest.approx((6 - 1 - 8) / 4 * 40))


def test_on_the_day_of_the_seam_real_time_settles_telemetry_of_the_new_name_against_awards_of_the_old(seam):
    *usual, last = _quarter_hours(seam, SEAM)
    # the last goes from -3 to 2 MW, the first reading of the day after: zero after 0.6 of it
    for row, output, charge in [*((row, -3, 3) for row in usual), (last, -0.5, 0.6 * 1.5)]:
        assert (row["da_usd"], row["rt_metered_usd"]) == (pytest.approx(8 / 4 * 30), pytest.approx(output / 4 * 40))
        assert row["rt_usd"] == pytest.approx((output - 8) / 4 * 40)
        assert row["charging_cost_usd"] == pytest.approx(charge / 4 * 40)


def test_after_the_seam_a_negative_award_is_a_purchase(seam: Settled) -> None:
    for row in _quarter_hours(seam, AFTER):
        assert (row["da_usd"], row["rt_usd"]) == (pytest.approx(-4 / 4 * 30), pytest.approx((2 + 4) / 4 * 40))
        assert row["charging_cost_usd"] == 0.0


def test_a_quarter_hour_without_telemetry_is_unknown_and_not_minus_the_award(tmp_path: Path) -> None:
    market = may_market()
    market["sced_gen_resources"] = market["sced_gen_resources"][:48]
    settled = settle(tmp_path, 2022, market, until="energy_revenue")
    morning, evening = _quarter_hours(settled, MAY)[:48], _quarter_hours(settled, MAY)[48:]
    assert all(row["energy_usd"] is not None for row in morning)
    for row in evening:
        assert (row["rt_usd"], row["energy_usd"]) == (None, None)
        assert (row["da_usd"], row["rt_da_offset_usd"]) == (pytest.approx(60.0), pytest.approx(-80.0))
        assert row["unknown_reason"] == "unobserved"


def test_a_missing_node_price_is_unpriced_and_never_a_hubs(tmp_path: Path) -> None:
    market = together(may_market(), prices(MAY, 25.0, 35.0, "HB_NORTH"))
    market = without(market, "rt_prices", lambda row: row["settlement_point"] == NODE and row["hour_ending"] <= 6)
    market = without(market, "da_prices", lambda row: row["settlement_point"] == NODE and row["hour_ending"] == 24)
    rows = _quarter_hours(settle(tmp_path, 2022, market, until="energy_revenue"), MAY)
    assert {row["unknown_reason"] for row in rows[:24] + rows[92:]} == {"unpriced"}
    assert all(row["rt_metered_usd"] is None and row["da_usd"] == pytest.approx(60) for row in rows[:24])
    assert all(row["da_usd"] is None and row["rt_usd"] == pytest.approx(-30) for row in rows[92:])
    assert all(row["energy_usd"] is None for row in rows[:24] + rows[92:])


def test_every_reason_for_an_unknown_is_named(tmp_path: Path) -> None:
    other = dam(MAY, "WINDY_1", resource_type="WIND", hours=range(1, 19))
    market = without(may_market(), "dam_gen_resources", lambda row: row["hour_ending"] > 12)
    market["dam_gen_resources"] += other
    market = without(market, "sced_load_resources", lambda row: 16 <= row["sced_stamp"].hour < 20)
    market = without(market, "rt_prices", lambda row: row["hour_ending"] >= 19)
    rows = _quarter_hours(settle(tmp_path, 2022, market, until="energy_revenue"), MAY)
    reasons = [row["unknown_reason"] for row in rows[::4]]
    assert reasons[:16] == [None] * 16, "a row absent in an hour that others have is no award"
    # A value holds for 15 minutes at most: from 16:00 on nothing is left of 15:45's.
    assert (reasons[16:18], reasons[18:20]) == (["unobserved"] * 2, ["award unknown+unobserved+unpriced"] * 2)
    assert reasons[20:] == ["award unknown+unpriced"] * 4
    assert rows[13 * 4]["da_usd"] == 0.0


def test_money_outside_a_batterys_expected_days_is_null(may: Settled) -> None:
    after = _quarter_hours(may, date(2022, 5, 11))
    assert {row["unknown_reason"] for row in after} == {"not expected"}
    assert {row["da_usd"] for row in after} == {None}
    before = _quarter_hours(may, date(2022, 5, 9))
    assert {row["unknown_reason"] for row in before} == {"award unknown+unobserved+unpriced"}


def test_a_battery_seen_on_one_of_three_days_has_neither_money_nor_marks_on_the_others(tmp_path: Path) -> None:
    eve, after = date(2022, 5, 9), date(2022, 5, 11)
    others = [row for day in (eve, MAY, after) for row in dam(day, "ELM_BESS1", settlement_point="ELM_RN")]
    around = (prices(day, 30.0, 6_001.0) for day in (eve, after))
    market = together(may_market(), {"dam_gen_resources": others}, *around)
    settled = settle(tmp_path, 2022, market, until="energy_revenue")
    for day in (eve, after):
        rows = settled.rows("energy_revenue", battery="OAK_1", operating_day=day)
        # the hours are held and priced: it would be no award at 30 $
        assert {row["da_usd"] for row in rows} == {None}
        assert {(row["unknown_reason"], row["implausible_price"]) for row in rows} == {("not expected", False)}
    assert {row["energy_usd"] for row in settled.rows("energy_revenue", battery="OAK_1", operating_day=MAY)} == {30.0}


def test_a_users_none_takes_the_negative_part_of_the_generation_side_as_charging(tmp_path: Path) -> None:
    market = {**may_market(), "dam_load_resources": [], "sced_load_resources": []}
    market["sced_gen_resources"] = telemetry(MAY, -2.0)
    without = _quarter_hours(settle(tmp_path / "a", 2022, market, until="energy_revenue"), MAY)
    assert {row["rt_usd"] for row in without} == {None}
    table = f"battery,gen_resource,load_resource\nOAK_1,{GEN},none\n"
    settled = settle(tmp_path / "b", 2022, market, table=table, until="energy_revenue")
    for row in _quarter_hours(settled, MAY):
        assert row["rt_usd"] == pytest.approx((0 - 2 / 4 - 8 / 4) * 40)
        assert row["charging_cost_usd"] == pytest.approx(2 / 4 * 40)
