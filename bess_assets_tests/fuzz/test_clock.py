"""Every label of twenty years to its place and back, and random labels that no report should hold."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bess_assets.ercot.calendar import AMBIGUOUS, NOWHERE, day_number, operating_year
from bess_assets_tests.steps import CENTRAL

pytestmark = pytest.mark.slow

YEARS = range(2011, 2031)
years = st.sampled_from(YEARS)
seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("number", YEARS)
def test_every_quarter_hour_of_twenty_years_goes_by_the_standard_librarys_calendar_and_back(number):
    year = operating_year(number)
    utc = np.arange(year.start, year.end, 900)
    locals_ = [datetime.fromtimestamp(int(s), UTC).astimezone(CENTRAL) for s in utc]
    wall = np.array([int(t.replace(tzinfo=UTC, fold=0).timestamp()) for t in locals_])
    fold = np.array([t.fold for t in locals_])
    assert len(utc) == year.quarter_hours
    assert (np.array([day_number(t.date()) for t in locals_]) - year.first_day == year.quarter_hour_day).all()
    assert (year.stamps_to_utc(wall, fold) == utc).all()
    unsaid = year.stamps_to_utc(wall, np.full(len(wall), -1))
    assert ((unsaid == AMBIGUOUS) == (np.isin(wall, wall[fold == 1]))).all()
    assert (unsaid[unsaid != AMBIGUOUS] == utc[unsaid != AMBIGUOUS]).all()
    # Interval Number of settlement metering: the position in the day
    index = year.quarter_hour_day
    position = np.arange(year.quarter_hours) - 4 * year.day_first_hour[index] + 1
    assert (year.numbered_quarter_hours(index, position) == np.arange(year.quarter_hours)).all()


def _labels(rng):
    """Hour labels that a report may hold or not, with flags, of three resources."""
    count = int(rng.integers(1, 60))
    least, most = rng.choice([(1, 25), (1, 26), (-3, 31)])
    flags = rng.choice([[-1], [0, 1], [-1, 0, 1]][int(rng.integers(0, 3))], count)
    return rng.integers(least, most, count), flags, rng.integers(0, 3, count)


def _is_of_day(year, positions, index):
    first, end = year.day_first_hour[index], year.day_first_hour[index + 1]
    assert ((positions == NOWHERE) | ((positions >= first) & (positions < end))).all()


@settings(max_examples=2_000)
@given(years, seeds)
def test_whatever_the_labels_of_a_day_are_each_is_an_hour_of_that_day_or_nowhere(number, seed):
    year = operating_year(number)
    label, flag, series = _labels(np.random.default_rng(seed))
    _is_of_day(year, year.spring_hours(label), year.spring_day)
    _is_of_day(year, year.autumn_hours(series, label, flag), year.autumn_day)
    ordinary = year.ordinary_hours(np.full(len(label), 100), label)
    _is_of_day(year, ordinary, 100)
    assert ((ordinary == NOWHERE) == ((label < 1) | (label > 24))).all()


@settings(max_examples=2_000)
@given(years, seeds)
def test_with_a_flag_or_a_label_25_the_order_of_the_rows_of_a_day_says_nothing(number, seed):
    year, rng = operating_year(number), np.random.default_rng(seed)
    label, flag, series = _labels(rng)
    label[0], flag[0] = rng.choice([(25, 0), (2, 1)])
    shuffled = rng.permutation(len(label))
    straight = year.autumn_hours(series, label, flag)
    assert (year.autumn_hours(series[shuffled], label[shuffled], flag[shuffled]) == straight[shuffled]).all()
    assert (year.spring_hours(label[shuffled]) == year.spring_hours(label)[shuffled]).all()


@settings(max_examples=2_000)
@given(years, st.integers(-10 * 86_400, 380 * 86_400), st.sampled_from([-1, 0, 1]))
def test_a_stamp_of_any_second_comes_back_as_itself_or_is_not_of_the_year(number, second, flag):
    year = operating_year(number)
    wall = year.first_day * 86_400 + second
    (utc,) = year.stamps_to_utc(np.array([wall]), np.array([flag]))
    local = datetime.fromtimestamp(wall, UTC).replace(tzinfo=CENTRAL)
    first, again = (int(local.replace(fold=fold).timestamp()) for fold in (0, 1))
    if local.year != number or first > again:
        assert utc == NOWHERE, "another year's, or in the hour that spring skips"
    elif first < again and flag == -1:
        assert utc == AMBIGUOUS
    else:
        assert utc == (again if flag == 1 else first)
