"""Quantities and prices that fit each other, and those that do not: hand-written tables, each faulty in one way and then not."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bess_assets.checks.plausible import DISCHARGES, FOLLOWED, STILL
from bess_assets_tests.checks.conftest import numbers_of

YEAR = 2022
DAY = date(2022, 5, 10)
MIDNIGHT = datetime(2022, 5, 10, 5, tzinfo=UTC)


def _quarter_hours(count, battery="ALPHA_1", **columns):
    known = {"battery": battery, "operating_day": DAY, "implausible_price": False, "expected": True}
    known |= {"discharge_coverage": 1.0, "charge_coverage": 1.0, **columns}
    return [{**known, "interval_start": MIDNIGHT + n * timedelta(minutes=15)} for n in range(count)]


def _sold(output_mw, award_mw=8.0):
    """A battery that sold a steady award at 30 $/MWh, real time 40 $/MWh."""
    metered, offset = output_mw / 4 * 40.0, -award_mw / 4 * 40.0
    da, rt = award_mw / 4 * 30.0, metered + offset
    money = {"da_usd": da, "rt_metered_usd": metered, "rt_da_offset_usd": offset, "rt_usd": rt, "energy_usd": da + rt}
    return _quarter_hours(192, **money)


@pytest.mark.parametrize(("output_mw", "passes"), [(8.0, True), (0.5, True), (0.008, False), (-8.0, False)])
def test_what_was_sold_must_flow_and_not_the_other_way(found, output_mw, passes):
    verdict = found(YEAR, "energy_revenue", _sold(output_mw), FOLLOWED)
    assert verdict.passed is passes
    assert numbers_of(verdict, "batteries", "series_below") == {"batteries": 1, "series_below": int(not passes)}


def test_a_purchase_flows_the_way_it_was_bought(found):
    assert found(YEAR, "energy_revenue", _sold(-8.0, award_mw=-8.0), FOLLOWED).passed


def _prices(count=20, rt=(20.0, 30.0, 40.0), da=(25.0, 32.0, 41.0)):
    """Days of one node: lowest, mean and highest price."""
    names = ("min", "mean", "max")
    return [
        {
            "settlement_point": "ALPHA_RN", "operating_day": DAY + timedelta(days=n),
            **{f"rt_{name}_usd_per_mwh": value for name, value in zip(names, rt, strict=True)},
            **{f"da_{name}_usd_per_mwh": value for name, value in zip(names, da, strict=True)}, "expected_hours": 24,
            "da_known_hours": 24, "expected_quarter_hours": 96, "rt_known_quarter_hours": 96,
        }
        for n in range(count)
    ]  # fmt: skip


def test_a_price_that_stands_still_for_a_day_is_named_with_its_market(found):
    rows = _prices(3)
    rows[1] |= {"rt_min_usd_per_mwh": 31.5, "rt_max_usd_per_mwh": 31.5}
    rows[2] |= {"da_min_usd_per_mwh": 0.0, "da_max_usd_per_mwh": 0.0}
    verdict = found(YEAR, "price_daily", rows, STILL)
    assert not verdict.passed
    assert "ALPHA_RN 1 days day-ahead, ALPHA_RN 1 days real-time" in verdict.detail


def test_a_day_of_which_one_price_is_known_has_not_stood_still(found):
    rows = _prices(1, rt=(30.0, 30.0, 30.0))
    rows[0]["rt_known_quarter_hours"] = 1
    assert found(YEAR, "price_daily", rows, STILL).passed


@pytest.mark.parametrize(("batteries", "passes"), [(2, True), (3, False)])
def test_a_whole_fleet_does_not_rest_for_a_day(found, batteries, passes):
    still = {"operating_day": DAY, "discharge_mwh": 0.0, "expected_quarter_hours": 96}
    rows = [{"battery": f"B{n}", **still} for n in range(batteries)]
    verdict = found(YEAR, "rt_dispatch_daily", rows, DISCHARGES)
    assert (verdict.passed, "2022-05-10" in verdict.detail) == (passes, not passes)
