"""Lines between readings: each rule by hand arithmetic, and the laws that hold for any readings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.settlement.lines import Cells, Course, at_times
from bess_assets_tests.scenario import BATCAVE_RUNS

NAN = float("nan")


def _course(rows, start=0, cells=2, cell_seconds=900, *, hold_until=None):
    time = np.array([row[0] for row in rows], dtype=np.int64)
    held = time + 900 if hold_until is None else np.array(hold_until, dtype=np.int64)
    return Course.of_readings(time, held, Cells(start, cells, cell_seconds))


def _integrals(rows, *cells, **more):
    """Positive and negative integral and known seconds of rows of (second, MW) or (second, MW, base point), held for 900 s unless said otherwise."""
    course = _course(rows, *cells, **more)
    points = np.array([row[2] if len(row) > 2 else NAN for row in rows])
    mw = np.array([row[1] for row in rows], dtype=float)
    return [part[:, 0] for part in course.integrals(mw[:, None], points[:, None])]


def _quarters(*rows, count=2, hold_until):
    return [tuple(part.tolist()) for part in _integrals(rows, 0, count, hold_until=hold_until)]


def test_batcave_charged_3_2467_mwh_in_the_first_quarter_hour_of_2026_03_19():
    positive, negative, seconds = _quarters(*BATCAVE_RUNS, count=1, hold_until=[0] * len(BATCAVE_RUNS))
    # at 900 s the line is at -16.036 + 283/300 x 7.763; nothing is known of the 19 seconds before the first run
    at_the_boundary = -16.036 + 283 / 300 * (16.036 - 8.273)
    areas = 299 * (0.161 + 18.455) / 2 + 299 * (18.455 + 16.036) / 2 + 283 * (16.036 - at_the_boundary) / 2
    assert seconds == (881,)
    assert positive == (0.0,)
    assert negative == (pytest.approx(areas),)
    assert round(-negative[0] / 881, 4) == -12.9869
    assert round(-negative[0] / 881 * 0.25, 4) == -3.2467


def test_power_is_the_straight_line_between_two_readings_and_is_cut_exactly_at_the_quarter_hour():
    # 10 MW at 600 s, 40 MW at 1,200 s: 25 MW at the boundary
    positive, negative, seconds = _quarters((600, 10.0), (1_200, 40.0), hold_until=[0, 0])
    assert positive == (300 * (10 + 25) / 2, 300 * (25 + 40) / 2)
    assert negative == (0.0, 0.0)
    assert seconds == (300, 300)


def test_a_line_that_crosses_zero_is_cut_where_it_does():
    # from -10 to 20 MW in 300 s: zero after 100 s
    positive, negative, seconds = _quarters((0, -10.0), (300, 20.0), count=1, hold_until=[0, 0])
    assert positive == (pytest.approx(200 * 20 / 2),)
    assert negative == (pytest.approx(100 * 10 / 2),)
    assert seconds == (300,)


@pytest.mark.parametrize(("gap", "bends"), [(600, False), (601, True), (1_200, True)])
def test_over_600_seconds_the_line_goes_through_the_base_point_300_seconds_after_the_run(gap, bends):
    positive, _, seconds = _quarters((0, 0.0, 30.0), (gap, 0.0), hold_until=[0, 0])
    assert sum(positive) == pytest.approx(gap * 30 / 2 if bends else 0.0)
    assert sum(seconds) == gap


def test_where_the_base_point_is_unknown_the_long_line_is_straight():
    positive, _, _ = _quarters((0, 0.0), (900, 18.0), count=1, hold_until=[0, 0])
    assert positive == (900 * 9,)


def test_a_reading_without_a_next_one_within_1200_seconds_is_held_and_the_next_begins_anew():
    positive, _, seconds = _quarters((0, 4.0, 99.0), (1_201, 8.0), hold_until=[900, 1_500])
    assert seconds == (900, 299)
    assert positive == (900 * 4, 299 * 8)


def test_a_reading_is_held_to_where_its_hold_ends_and_no_longer():
    positive, _, seconds = _quarters((100, 4.0), count=1, hold_until=[400])
    assert (positive, seconds) == ((300 * 4,), (300,))


def test_readings_outside_the_quarter_hours_reach_into_them():
    positive, _, seconds = _quarters((-300, 0.0), (300, 60.0), count=1, hold_until=[0, 0])
    assert positive == (300 * (30 + 60) / 2,)
    assert seconds == (300,)


# --- laws -----------------------------------------------------------------------------------------------------------------------------------------
_times = st.lists(st.integers(0, 6 * 3_600), min_size=2, max_size=12, unique=True).map(sorted)


@st.composite
def _some_readings(draw):
    times = draw(_times)
    values = draw(st.lists(st.floats(-100, 100), min_size=len(times), max_size=len(times)))
    points = draw(st.lists(st.one_of(st.just(NAN), st.floats(-100, 100)), min_size=len(times), max_size=len(times)))
    return list(zip(times, values, points, strict=True))


def _all(rows):
    return _integrals(rows, 0, 30)


@given(_some_readings(), st.floats(0.1, 10))
def test_scaling_all_readings_scales_energy_and_not_the_seconds_known(rows, factor):
    one, more = _all(rows), _all([(t, v * factor, p * factor) for t, v, p in rows])
    assert np.allclose(more[:2], np.array(one[:2]) * factor)
    assert (more[2] == one[2]).all()


@given(_some_readings())
def test_turning_the_sign_of_all_readings_turns_discharge_into_charge(rows):
    one, turned = _all(rows), _all([(t, -v, -p) for t, v, p in rows])
    assert np.allclose(turned[0], one[1])
    assert np.allclose(turned[1], one[0])


@given(st.integers(2, 600), st.data(), st.floats(-100, 100), st.floats(-100, 100))
def test_a_further_reading_on_the_line_of_the_others_changes_no_energy(gap, data, first, last):
    at = data.draw(st.integers(1, gap - 1))
    between = first + (last - first) * at / gap
    ends = [(700, first), (700 + gap, last)]
    one = _integrals(ends, 0, 3, hold_until=[0, 0])
    two = _integrals([ends[0], (700 + at, between), ends[1]], 0, 3, hold_until=[0, 0, 0])
    assert np.allclose(one, two, atol=1e-6)
    assert (one[2] == two[2]).all()


@given(_some_readings())
def test_the_integral_over_all_time_is_the_sum_of_the_quarter_hours(rows):
    whole = [part.sum() for part in _integrals(rows, 0, 1, 30 * 900)]
    assert whole == pytest.approx([part.sum() for part in _all(rows)], abs=1e-6)


@given(_some_readings())
def test_quarter_hours_are_the_same_whichever_stretch_of_them_is_asked_for(rows):
    for whole, part in zip(_all(rows), _integrals(rows, 5 * 900, 7), strict=True):
        assert (part == whole[5:12]).all()


@st.composite
def _some_resources(draw):
    """Runs, and readings of three resources, some of them unknown, with base points; shape (runs, resources)."""
    times = draw(_times)
    cells = st.one_of(st.just(NAN), st.floats(-100, 100))
    values, points = (
        np.array(draw(st.lists(cells, min_size=3 * len(times), max_size=3 * len(times)))).reshape(-1, 3)
        for _ in range(2)
    )
    return np.array(times, dtype=np.int64), values, points


@given(_some_resources())
def test_resources_together_give_what_each_gives_alone_with_none_but_its_own_readings(drawn):
    time, values, points = drawn
    until, cells = time + 900, Cells(0, 30)
    together = Course.of_readings(time, until, cells).integrals(values, points)
    for n in range(3):
        own = np.flatnonzero(~np.isnan(values[:, n]))
        alone = Course.of_readings(time[own], until[own], cells).integrals(
            values[own, n : n + 1], points[own, n : n + 1]
        )
        for whole, part in zip(together, alone, strict=True):
            assert np.allclose(whole[:, n], part[:, 0], rtol=1e-12, atol=1e-7)


@given(_some_resources(), st.lists(st.integers(0, 6 * 3_600), max_size=8, unique=True).map(sorted))
def test_a_reading_at_a_time_lies_on_the_line_between_the_known_ones_around_it(drawn, at):
    time, values, _ = drawn
    found = at_times(time, values, np.array(at, dtype=np.int64))
    for k, second in enumerate(at):
        for n in range(3):
            known = np.flatnonzero(~np.isnan(values[:, n]))
            before, after = known[time[known] <= second], known[time[known] >= second]
            if not len(before) or not len(after) or time[after[0]] - time[before[-1]] > 1_200:
                assert np.isnan(found[k, n])
            else:
                a, b = before[-1], after[0]
                share = (second - time[a]) / max(time[b] - time[a], 1)
                assert found[k, n] == pytest.approx(values[a, n] + share * (values[b, n] - values[a, n]), abs=1e-9)
