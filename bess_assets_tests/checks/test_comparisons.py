"""The table of comparisons: which figures lie outside, on either side, and what is said of them."""

import pytest

from bess_assets.checks.comparisons import COMPARISONS, FLEET, YEAR, Comparison, breaches


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
