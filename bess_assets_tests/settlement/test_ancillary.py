"""Ancillary service money in both regimes and across the seam, and which products exist, every figure by hand."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bess_assets.settlement.ancillary import as_da_usd, as_rt_usd, own_price_usd_per_mw
from bess_assets_tests.settlement.small import (
    AFTER,
    BEFORE,
    MAY,
    SEAM,
    Settled,
    clearing,
    dam,
    dam_load,
    may_market,
    seam_market,
    settle,
    together,
    without,
)

NO_ECRS = {"REGUP": 5.0, "REGDN": 3.0, "RRS": 7.0, "NSPIN": 2.0}


def _hours(settled: Settled, day: date, product: str = "regup") -> list[dict]:
    return settled.rows("as_revenue", operating_day=day, product=product)


def test_the_formulas_of_one_hour() -> None:
    assert as_da_usd(np.array([4.0]), np.array([5.0])) == [20.0]
    # 10 MW sold; 12, 10, 8 and 0 MW held: 2, 0, -2 and -10 MW at 4 $/MW for a quarter of an hour.
    held, price = np.array([12.0, 10.0, 8.0, 0.0]), np.full(4, 4.0)
    assert as_rt_usd(held, price, np.array([10.0]), price) == pytest.approx([(2 + 0 - 2 - 10) * 4 / 4])
    dear_last = np.array([4.0, 4.0, 4.0, 8.0])
    assert as_rt_usd(held, dear_last, np.array([10.0]), dear_last) == pytest.approx([(2 * 4 - 2 * 4 - 10 * 8) / 4])
    # its own price is that of the runs in which it was held, and the day-ahead position is bought back at the quarter-hour's
    own = own_price_usd_per_mw(np.array([5.0, 3.0, 4.0, np.nan]), np.array([0.5, 0.5, 0.0, 0.5]), price)
    assert own.tolist() == [5.5, 3.5, 4.0, 4.0]
    assert as_rt_usd(held, own, np.array([10.0]), price) == pytest.approx(
        [(12 * 5.5 + 10 * 3.5 + 8 * 4 - 4 * 10 * 4) / 4]
    )


def test_before_rtc_both_sides_are_paid_the_day_ahead_price_and_nothing_in_real_time(may: Settled) -> None:
    for row in _hours(may, MAY):
        assert (row["award_mw"], row["mcpc_usd_per_mw"]) == (3 + 1, 5.0)
        assert row["da_usd"] == row["revenue_usd"] == pytest.approx((3 + 1) * 5)
        assert row["rt_usd"] is None
        assert row["exists"]
        assert not row["implausible_price"]
    assert {row["revenue_usd"] for row in _hours(may, MAY, "rrs")} == {0.0}


def test_before_ecrs_exists_it_is_neither_zero_nor_unknown(may: Settled) -> None:
    for row in _hours(may, MAY, "ecrs"):
        assert not row["exists"]
        assert (row["award_mw"], row["mcpc_usd_per_mw"], row["da_usd"], row["revenue_usd"]) == (None, None, None, None)


def test_on_the_last_combo_day_stray_real_time_prices_count_for_nothing(seam: Settled) -> None:
    rows = _hours(seam, BEFORE)
    assert [row["revenue_usd"] for row in rows] == pytest.approx([4 * 5.0] * 24)
    assert {row["rt_usd"] for row in rows} == {None}


def test_on_the_day_of_the_seam_the_awards_held_settle_against_both_sides_of_the_combo_files(seam: Settled) -> None:
    for row in _hours(seam, SEAM):
        assert (row["award_mw"], row["da_usd"]) == (3 + 1, pytest.approx(4 * 5))
        assert (row["rt_usd"], row["revenue_usd"]) == (pytest.approx((7 - 4) * 4), pytest.approx(20 + 12))


def test_after_the_seam_the_awards_held_settle_against_the_esrs_own(seam: Settled) -> None:
    for row in _hours(seam, AFTER):
        assert (row["da_usd"], row["rt_usd"]) == (pytest.approx(5 * 5), pytest.approx((6 - 5) * 4))


def test_one_unknown_quarter_hour_makes_the_hour_unknown(tmp_path: Path) -> None:
    unpriced = {"operating_day": AFTER, "hour_ending": 3, "interval": 2, "product": "REGUP"}
    market = without(seam_market(), "rt_as_prices", lambda row: unpriced.items() <= row.items())
    seven = datetime(AFTER.year, AFTER.month, AFTER.day, 7)
    half = (seven + timedelta(minutes=30), seven + timedelta(minutes=45))
    market = without(market, "sced_esr_resources", lambda row: row["sced_stamp"] in half)
    settled = settle(tmp_path, 2025, market, until="as_revenue")
    unknown = [n for n, row in enumerate(_hours(settled, AFTER)) if row["revenue_usd"] is None]
    assert unknown == [2, 7]
    assert [n for n, row in enumerate(_hours(settled, AFTER, "nspin")) if row["revenue_usd"] is None] == [7]
    row = _hours(settled, AFTER)[2]
    assert (row["da_usd"], row["rt_usd"]) == (pytest.approx(25.0), None)


def _ecrs(day: date, *, column: bool, price: bool) -> dict:
    awards = {"ecrssd_award_mw": 2.0} if column else {}
    return together(
        {
            "dam_gen_resources": dam(day, **awards),
            "dam_load_resources": dam_load(day, **({**awards, "ecrsmd_award_mw": 1.0} if column else {})),
        },
        clearing(day, **NO_ECRS, **({"ECRS": 6.0} if price else {})),
    )


def test_ecrs_exists_from_its_day_on_and_a_missing_column_or_price_is_unknown_then(tmp_path: Path) -> None:
    eve, first = date(2023, 6, 9), date(2023, 6, 10)
    cases = (("known", True, True, 5 * 6.0), ("no_column", False, True, None), ("no_price", True, False, None))
    for name, column, price, revenue in cases:
        market = together(_ecrs(eve, column=column, price=False), _ecrs(first, column=column, price=price))
        settled = settle(tmp_path / name, 2023, market, until="as_revenue")
        assert {row["exists"] for row in _hours(settled, eve, "ecrs")} == {False}
        assert {row["exists"] for row in _hours(settled, first, "ecrs")} == {True}
        assert {row["revenue_usd"] for row in _hours(settled, first, "ecrs")} == {revenue}, name
        assert {row["revenue_usd"] for row in _hours(settled, eve, "ecrs")} == {None}


def test_an_implausible_clearing_price_is_used_and_marked_where_there_is_an_award(tmp_path: Path) -> None:
    market = may_market()
    market["as_prices"] = clearing(MAY, REGUP=6_001.0, REGDN=6_001.0, RRS=7.0, NSPIN=2.0)["as_prices"]
    settled = settle(tmp_path, 2022, market, until="as_revenue")
    assert {(row["revenue_usd"], row["implausible_price"]) for row in _hours(settled, MAY)} == {(4 * 6_001.0, True)}
    assert {row["implausible_price"] for row in _hours(settled, MAY, "regdn")} == {False}


def test_an_implausible_real_time_clearing_price_of_one_quarter_hour_marks_its_hour(tmp_path: Path) -> None:
    market = seam_market()
    for row in market["rt_as_prices"]:
        if (row["operating_day"], row["hour_ending"], row["interval"], row["product"]) == (AFTER, 5, 2, "REGUP"):
            row["mcpc_usd_per_mw"] = 6_001.0
    rows = _hours(settle(tmp_path, 2025, market, until="as_revenue"), AFTER)
    assert [row["interval_start"].hour for row in rows if row["implausible_price"]] == [4 + 6], "hour ending 5, in UTC"


def test_a_battery_seen_on_one_of_three_days_has_no_ancillary_money_on_the_others(tmp_path: Path) -> None:
    eve, after = date(2022, 5, 9), date(2022, 5, 11)
    others = [row for day in (eve, MAY, after) for row in dam(day, "ELM_BESS1", settlement_point="ELM_RN")]
    loads = [row for day in (eve, MAY, after) for row in dam_load(day, "ELM_LD1")]
    more = {"dam_gen_resources": others, "dam_load_resources": loads}
    market = together(may_market(), more, clearing(eve, **NO_ECRS), clearing(after, **NO_ECRS))
    settled = settle(tmp_path, 2022, market, until="as_revenue")
    for day, exists, usd in ((eve, False, None), (MAY, True, 20.0), (after, False, None)):
        rows = settled.rows("as_revenue", battery="OAK_1", operating_day=day, product="regup")
        assert [(row["exists"], row["da_usd"], row["revenue_usd"]) for row in rows] == [(exists, usd, usd)] * 24
    rows = settled.rows("as_revenue", battery="ELM_1", product="regup", operating_day=after)
    assert {row["exists"] for row in rows} == {True}
