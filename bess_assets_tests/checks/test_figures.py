"""Prices, efficiency, outliers and published averages: hand-written boards, each faulty in one way and then not."""

from datetime import date

import pytest

from bess_assets.checks.figures import AVERAGES, OUTLIERS, PRICED, PUBLISHED
from bess_assets.settlement.metrics import outlier_note
from bess_assets.store.listing import MARKER
from bess_assets_tests.checks.conftest import numbers_of
from bess_assets_tests.made_home import ALPHA

SEEN = {"data_through": date(2022, 12, 31), "edition": "final"}


def _day(battery="ALPHA_1", node="ALPHA_RN", *, unpriced=0, mwh=100.0, unpriced_mwh=None, day=date(2022, 5, 10)):
    known = {"battery": battery, "operating_day": day, "settlement_point": node, "award_positive": False}
    flows = {"discharge_mwh": mwh, "unpriced_mwh": unpriced_mwh}
    return {**known, **flows, "expected_quarter_hours": 96, "unpriced_quarter_hours": unpriced}


def _row(battery, usd_per_kw, *, rank=1, active_days=365, capacity_mw=1.0, notes=None, efficiency=0.85, **more):
    """A row of a board: so many dollars for each kW, of a battery active all year."""
    total = None if usd_per_kw is None else usd_per_kw * 1_000 * capacity_mw * active_days / 365
    return {
        **ALPHA, **SEEN, "battery": battery, "rank": rank, "capacity_mw": capacity_mw, "active_days": active_days,
        **dict.fromkeys(("da_energy_usd", "energy_usd", "total_usd"), total),
        **dict.fromkeys(("rt_energy_usd", "as_usd"), None if total is None else 0.0),
        **{f"as_{p}_usd": 0.0 for p in ("regup", "regdn", "rrs", "ecrs", "nspin")},
        "round_trip_efficiency": efficiency, "notes": notes, **more,
    }  # fmt: skip


# --- prices -------------------------------------------------------------------------------------------------------------------------------------
def test_a_node_is_priced_if_nearly_all_of_its_quarter_hours_and_mwh_are(found):
    days = [_day(day=date(2022, 5, n), unpriced=9 * (n == 1)) for n in range(1, 11)]
    verdict = found(2022, "daily_revenue", days, PRICED)
    assert verdict.passed
    assert numbers_of(verdict, "nodes", "nodes_below") == {"nodes": 1, "nodes_below": 0}
    assert verdict.numbers["lowest_share_of_intervals"] == pytest.approx(951 / 960)


def test_a_node_with_a_hole_in_its_prices_is_named_the_worst_first(found):
    unpriced = {"A": ("A_RN", 2), "B": ("B_RN", 48), "C": ("C_RN", 0), "D": (None, 96)}
    days = [_day(battery, node, unpriced=count) for battery, (node, count) in unpriced.items()]
    verdict = found(2022, "daily_revenue", days, PRICED)
    assert not verdict.passed
    assert verdict.detail == (
        "2 of 3 nodes below 99%: B_RN 50.00% of intervals, 100.00% of MWh, A_RN 97.92% of intervals, 100.00% of MWh; "
        "96 quarter-hours of batteries without a node"
    )
    assert numbers_of(verdict, "nodes_below", "lowest_share_of_intervals", "quarter_hours_without_a_node") == {
        "nodes_below": 2,
        "lowest_share_of_intervals": 0.5,
        "quarter_hours_without_a_node": 96,
    }


def test_mwh_without_a_price_count_however_few_quarter_hours_they_take(found):
    days = [_day(day=date(2022, 5, n)) for n in range(1, 11)]
    days[0] = _day(day=date(2022, 5, 1), unpriced=1, unpriced_mwh=50.0)
    verdict = found(2022, "daily_revenue", days, PRICED)
    assert not verdict.passed
    assert verdict.numbers["lowest_share_of_mwh"] == pytest.approx(0.95)
    assert verdict.numbers["share_of_fleet_mwh_priced"] == pytest.approx(0.95)


def test_a_node_where_nothing_flowed_is_judged_by_its_intervals_alone(found):
    verdict = found(2022, "daily_revenue", [_day(mwh=None)], PRICED)
    assert verdict.passed
    assert (verdict.numbers["lowest_share_of_mwh"], verdict.numbers["share_of_fleet_mwh_priced"]) == (None, None)


# --- outliers -----------------------------------------------------------------------------------------------------------------------------------
FLEET = [_row(f"B{n}", 100.0, capacity_mw=10.0) for n in range(10)]
"""1000 $ for each 10 kW; one small battery hardly moves the average."""


def test_a_battery_far_above_the_fleet_has_a_note_or_is_named(found):
    average = (10 * 10 * 100.0 + 400.0) / 101
    times = 400.0 / average
    far = _row("FAR", 400.0)
    verdict = found(2022, "leaderboard", [*FLEET, far], OUTLIERS)
    assert (verdict.passed, verdict.detail) == (False, f"without a note: FAR {times:.1f} times")
    verdict = found(2022, "leaderboard", [*FLEET, {**far, "notes": f"name_only pair; {outlier_note(times)}"}], OUTLIERS)
    assert (verdict.passed, verdict.detail) == (True, f"noted: FAR {times:.1f} times")
    counts = {"batteries_above": 1, "batteries_above_without_a_note": 0}
    assert numbers_of(verdict, *counts) == counts
    assert verdict.numbers["fleet_usd_per_kw"] == pytest.approx(average)


def test_a_battery_three_times_above_the_fleet_is_none_and_its_active_days_count(found):
    short = _row("SHORT", 400.0, active_days=60)  # a sixth of the dollars in a sixth of the days
    assert found(2022, "leaderboard", [*FLEET, _row("NEAR", 290.0)], OUTLIERS).detail.startswith(
        "no battery above 3 times the fleet's 101."
    )
    assert "SHORT" in found(2022, "leaderboard", [*FLEET, short], OUTLIERS).detail


def test_without_a_ranked_battery_nothing_stands_above_anything(found):
    verdict = found(2022, "leaderboard", [_row("ALONE", 400.0, rank=None)], OUTLIERS)
    assert (verdict.passed, verdict.numbers["batteries_above"]) == (True, 0)


# --- published figures --------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("usd_per_kw", "passes"), [(141.0, True), (99.0, True), (98.0, False), (183.0, True), (184.0, False)]
)
def test_the_fleet_of_2022_is_compared_with_141_dollars_a_kilowatt(found, usd_per_kw, passes):
    verdict = found(2022, "leaderboard", [_row("A", usd_per_kw), _row("B", None, rank=None)], PUBLISHED)
    assert verdict.passed == passes
    assert f"2022: {usd_per_kw:,.1f} $/kW-year, published 141" in verdict.detail
    assert verdict.numbers["fleet_usd_per_kw_year"] == pytest.approx(usd_per_kw)
    assert numbers_of(verdict, "published_usd_per_kw_year", "compared", "far_from_published") == {
        "published_usd_per_kw_year": 141.0,
        "compared": 1,
        "far_from_published": int(not passes),
    }


@pytest.mark.parametrize("folder", ["rollups", "built"])
def test_a_made_up_market_is_compared_with_no_real_one(settings, judge, found, folder):
    assert not found(2022, "leaderboard", [_row("A", 1.0)], PUBLISHED).passed
    marker = getattr(settings, folder) / MARKER
    marker.parent.mkdir(parents=True)
    marker.write_text("{}", encoding="utf-8")
    verdict = judge(2022, "leaderboard", PUBLISHED)
    assert (verdict.passed, verdict.detail) == (True, "not compared: a made-up market")
    assert verdict.numbers["compared"] == 0


@pytest.mark.parametrize(("year", "row"), [
    (2022, _row("A", 1.0, data_through=date(2022, 12, 30))), (2022, _row("A", 1.0, rank=None)),
    (2021, _row("A", 1.0, data_through=date(2021, 12, 31))),
], ids=["data that end early", "nobody ranked", "no figure"])  # fmt: skip
def test_what_no_figure_or_data_of_the_whole_year_can_be_held_against_is_not_compared(found, year, row):
    verdict = found(year, "leaderboard", [row], PUBLISHED)
    assert (verdict.passed, verdict.numbers["compared"]) == (True, 0)
    assert verdict.detail.startswith("not compared: no published figure")


def test_months_are_scaled_to_a_year_and_compared_one_by_one(found):
    def month(number, usd_per_kw):
        row = _row("A", None, data_through=date(2026, 3, 31), month=number, active_days=28)
        money = usd_per_kw * 1_000 * row["capacity_mw"] * 28 / (31 if number != 2 else 28)
        sums = dict.fromkeys(("da_energy_usd", "energy_usd", "total_usd"), money)
        return {**row, **sums, "rt_energy_usd": 0.0, "as_usd": 0.0}

    board = [month(1, 3.94), month(2, 2.0), month(3, 9.0), month(4, 0.1)]
    verdict = found(2026, "leaderboard_monthly", board, PUBLISHED)
    # February is far off; March has no figure, and April is not over in the data
    assert not verdict.passed
    assert verdict.detail == "more than 30% away: 2026-02: 24.0 $/kW-year, published 12.96"
    assert verdict.numbers["month_01_fleet_usd_per_kw_year"] == pytest.approx(12 * 3.94)
    assert numbers_of(verdict, "compared", "far_from_published") == {"compared": 2, "far_from_published": 1}


def test_published_figures_are_those_of_the_index():
    years = {year: low for (year, month), (low, high) in AVERAGES.items() if month is None and low == high}
    assert years == {2022: 141.0, 2023: 192.0, 2024: 55.0, 2025: 30.0}
    months = {month: figure for (year, month), figure in AVERAGES.items() if year == 2024 and month}
    assert set(months) == set(range(5, 13))
    assert (months[5], months[12]) == ((157.0, 162.0), (16.0, 16.0))
    assert AVERAGES[2026, 4] == (12 * 3.12, 12 * 3.12)
    assert (2026, 3) not in AVERAGES
