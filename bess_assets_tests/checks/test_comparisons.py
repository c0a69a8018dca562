"""The table of comparisons: which figures lie outside, on either side, and what is said of them."""

from collections import defaultdict
from datetime import UTC, date, datetime

import pytest

from bess_assets.checks.check import Judged
from bess_assets.checks.comparisons import COMPARISONS, FLEET, YEAR, Comparison, _awards, breaches
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import StepResult
from bess_assets.tables import DAILY_REVENUE
from bess_assets_tests.made_home import write_rows


def compare(against="", low=0.5, high=2.0, **values):
    """Places outside the bounds, of months of OAK given as `m1=..`, and of other nodes in month 1 given by name."""
    places = {("OAK", int(name[1:])) if name[1:].isdigit() else (name, 1): v for name, v in values.items()}
    found = breaches(Comparison("level", low, high, "times", "the level", "FILE, column", against), {"level": places})
    return {(subject, month): round(value, 3) for (subject, month), value in found.items()}


@pytest.mark.parametrize(("value", "outside"), [(0.49, True), (0.5, False), (2.0, False), (2.01, True), (-1.0, True)])
def test_a_figure_outside_its_bounds_is_named_on_either_side(value, outside):
    assert compare(m1=value) == ({("OAK", 1): value} if outside else {})


@pytest.mark.parametrize(("july", "outside"), [(4.0, {("OAK", 7): 0.4}), (21.0, {("OAK", 7): 2.1}), (6.0, {})])
def test_a_month_is_held_against_the_median_of_the_other_months(july, outside):
    assert compare("own year", m5=9.0, m6=10.0, m7=july, m8=11.0) == outside


def test_under_four_months_say_nothing_of_a_year():
    assert compare("own year", m6=10.0, m7=100.0, m8=10.0) == {}


def test_a_subject_is_held_against_the_median_of_all_in_the_month():
    assert compare("fleet", ELM=10.0, ASH=11.0, FIR=9.0, YEW=30.0) == {("YEW", 1): 2.857}


def test_two_subjects_say_nothing_of_a_fleet():
    assert compare("fleet", ELM=10.0, ASH=30.0) == {}


def test_what_is_usually_nothing_has_no_ratio():
    assert compare("own year", m5=0.0, m6=0.0, m7=5.0, m8=0.0) == {}


def test_each_row_has_bounds_a_unit_and_a_place_to_look_at():
    assert len({(row.measure, row.against) for row in COMPARISONS}) == len(COMPARISONS)
    for row in COMPARISONS:
        assert row.low <= row.high
        assert row.unit
        assert ", " in row.source


def test_the_year_and_the_fleet_are_places_of_their_own():
    assert YEAR not in range(1, 13)
    assert FLEET.upper() != FLEET  # no settlement point or battery is called so


def _month(month, award_mw, **more):
    side = {f"{p}_{of}_award_mw": award_mw for p in PRODUCTS for of in ("gen", "load")} | more
    start = datetime(2022, month, 10, 12, tzinfo=UTC)
    return {
        "battery": "OAK", "interval_start": start, "operating_day": start.date(), "award_mw": 3.0, **side,
    }  # fmt: skip


def test_awards_of_which_nothing_is_known_are_compared_with_nothing_and_not_taken_for_none(settings):
    days = ("first_seen_day", "last_seen_day", "expected_first_day", "expected_last_day", "data_through")
    battery = {"battery": "OAK", "charging": "load", "edition": "final", "duration_source": "assumed"}
    ends = dict.fromkeys(days, date(2022, 12, 31)) | {"expected_first_day": date(2022, 1, 1)}
    write_rows(settings, 2022, "bess_registry", [battery | ends | {"capacity_mw": 10.0, "duration_hours": 2.0}])
    months = [_month(3, 2.0), _month(4, None), _month(5, 2.0, ecrs_gen_award_mw=None, ecrs_load_award_mw=None)]
    write_rows(settings, 2022, "bess_awards", months)
    write_rows(settings, 2022, "daily_revenue", [])
    found = defaultdict(dict)
    for name, subject, month, value in _awards(Judged(settings, 2022, DAILY_REVENUE, 0, StepResult(iter(())))):
        found[name][subject, month] = value
    # all five of both sides; April is unknown; before ECRS the other four
    assert found["fleet_as"] == {(FLEET, 3): 2.0, (FLEET, 5): 1.6}
