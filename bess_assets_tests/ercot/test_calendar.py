"""Operating days, hour labels, stamps and intervals, held against the standard library's calendar."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.calendar import AMBIGUOUS, NOWHERE, day_number, day_of_number, day_ranges, operating_year
from bess_assets_tests.steps import CENTRAL, SPRING_AND_AUTUMN, hour_of, quarter_hour_of

YEARS = range(2010, 2031)
years = st.sampled_from(YEARS)
utc_seconds = st.integers(
    int(datetime(2010, 1, 1, 6, tzinfo=UTC).timestamp()), int(datetime(2031, 1, 1, 5, 59, 59, tzinfo=UTC).timestamp())
)
LOCAL_EPOCH = datetime(1970, 1, 1)


def _local(utc):
    """Wall clock without a zone, and whether it is the second of two."""
    local = datetime.fromtimestamp(utc, tz=CENTRAL)
    return local.replace(tzinfo=None, fold=0), bool(local.fold)


def _ints(*values):
    return np.array(values, dtype=np.int64)


def _wall(local):
    return (local - LOCAL_EPOCH) // timedelta(seconds=1)


def _positions_in_file_order(year, day, label, flag):
    """Positions of labels that lie on ordinary and clock-change days, each by the rule of its day."""
    hour = year.ordinary_hours(day, label)
    for index, rule in (
        (year.spring_day, lambda rows: year.spring_hours(label[rows])),
        (
            year.autumn_day,
            lambda rows: year.autumn_hours(np.zeros(rows.sum(), dtype=np.int64), label[rows], flag[rows]),
        ),
    ):
        rows = day == index
        if rows.any():
            hour[rows] = rule(rows)
    return hour


# --- the year -------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", YEARS)
def test_a_year_has_one_day_of_23_hours_and_one_of_25_and_all_others_have_24(number):
    year = operating_year(number)
    assert sorted(set(year.day_hours.tolist())) == [23, 24, 25]
    assert (year.day_hours == 23).sum() == (year.day_hours == 25).sum() == 1
    assert year.hours == 24 * year.days == len(year.hour_day) == len(year.hour_starts)
    assert year.quarter_hours == 4 * year.hours == len(year.quarter_hour_day) == len(year.quarter_hour_starts)
    assert year.days == (366 if number % 4 == 0 else 365)
    assert year.quarter_hour_starts[-1] + 900 == year.end == operating_year(number + 1).start


@pytest.mark.parametrize("number", SPRING_AND_AUTUMN)
def test_the_clock_changes_on_the_days_that_the_reference_lists(number):
    year, (spring, autumn) = operating_year(number), SPRING_AND_AUTUMN[number]
    assert day_of_number(year.first_day + year.spring_day) == spring
    assert day_of_number(year.first_day + year.autumn_day) == autumn
    changes = year.is_clock_change(np.arange(year.days))
    assert np.flatnonzero(changes).tolist() == [year.spring_day, year.autumn_day]


@given(st.dates(date(2010, 1, 1), date(2030, 12, 31)))
def test_a_day_begins_at_its_own_midnight_whatever_its_length(day):
    year = operating_year(day.year)
    index = day_number(day) - year.first_day
    assert day_of_number(day_number(day)) == day
    first = int(year.day_first_hour[index])
    assert first == hour_of(datetime(day.year, day.month, day.day)) == year.hour_of_day_number(day_number(day))
    assert year.hour_day[first] == index
    assert year.quarter_hour_day[4 * first] == index
    assert first == 0 or year.hour_day[first - 1] == index - 1


def test_days_of_other_years_are_clipped_to_the_ends_of_the_year():
    year = operating_year(2024)
    assert year.hour_of_day_number(year.first_day - 400) == 0
    assert year.hour_of_day_number(year.last_day + 1) == year.hour_of_day_number(year.last_day + 400) == 8_784


def test_hours_and_quarter_hours_start_one_after_another_from_the_years_first_second_to_its_last():
    year = operating_year(2024)
    for starts, seconds in ((year.hour_starts, 3_600), (year.quarter_hour_starts, 900)):
        assert starts.tolist() == list(range(year.start, year.end, seconds))


# --- hour labels ----------------------------------------------------------------------------------------------------------------------------
@given(years)
def test_every_hour_of_a_year_goes_to_its_printed_label_and_back(number):
    year = operating_year(number)
    printed = [_local(second) for second in year.hour_starts.tolist()]
    day = _ints(*(day_number(local.date()) for local, _ in printed))
    label = _ints(*(local.hour + 1 for local, _ in printed))
    repeated = _ints(*(second for _, second in printed))
    back = _positions_in_file_order(year, day - year.first_day, label, repeated)
    assert np.array_equal(back, np.arange(year.hours))


@given(years)
def test_whole_hours_1_to_25_are_the_hours_of_the_day_in_order(number):
    year = operating_year(number)
    day = year.hour_day
    label = np.arange(year.hours) - year.day_first_hour[day] + 1
    assert label[day == year.spring_day].tolist() == list(range(1, 24))
    assert label[day == year.autumn_day].tolist() == list(range(1, 26))
    back = _positions_in_file_order(year, day, label, np.full(year.hours, -1))
    assert np.array_equal(back, np.arange(year.hours))


@given(st.dates(date(2010, 1, 1), date(2030, 12, 30)))
def test_hour_ending_24_is_the_last_hour_of_its_own_day(day):
    year = operating_year(day.year)
    index = _ints(day_number(day) - year.first_day)
    last = int(year.day_first_hour[index + 1][0]) - 1
    if index[0] == year.spring_day:
        position = year.spring_hours(_ints(24))
    elif index[0] == year.autumn_day:
        position = year.autumn_hours(_ints(0), _ints(24), _ints(-1))
    else:
        position = year.ordinary_hours(index, _ints(24))
    assert position.tolist() == [last]
    assert last == hour_of(datetime(day.year, day.month, day.day, 23))


def test_a_label_outside_1_to_24_is_nowhere_on_an_ordinary_day():
    assert operating_year(2024).ordinary_hours(_ints(0), _ints(-1, 0, 1, 24, 25, 100)).tolist() == [
        *(NOWHERE, NOWHERE, 0, 23, NOWHERE, NOWHERE)
    ]


def _within_day(first, positions):
    return np.where(positions < 0, positions, positions - first).tolist()


@pytest.mark.parametrize("number", [2010, 2024, 2030])
@pytest.mark.parametrize(("labels", "hours"), [
    # a label 24 anywhere means that 3 was skipped
    ([1, 2, *range(4, 25)], range(23)),
    ([3, 24], [NOWHERE, 22]),
    ([0, 24, 25, 26], [NOWHERE, 22, NOWHERE, NOWHERE]),
    # without it labels are hours in order
    (range(1, 24), range(23)),
    ([0, 3, 23], [NOWHERE, 2, 22]),
    ([], []),
])  # fmt: skip
def test_labels_of_the_23_hour_day(number, labels, hours):
    year = operating_year(number)
    positions = year.spring_hours(_ints(*labels))
    assert _within_day(year.day_first_hour[year.spring_day], positions) == list(hours)


@pytest.mark.parametrize("number", [2010, 2024, 2030])
@pytest.mark.parametrize(("labels", "flags", "series", "hours"), [
    # both hours, the second one printed first: with a flag the order of the file says nothing
    ([2, 2, 1, *range(3, 25)], [1, 0, *([0] * 23)], 0, [2, 1, 0, *range(3, 25)]),
    # without a flag, or with one that is N all day, a doubled label 2 is the two hours in file order
    ([1, 2, 2, *range(3, 25)], -1, 0, range(25)),
    ([1, 2, 2, *range(3, 25)], 0, 0, range(25)),
    # file order is counted for each series by itself, and a third row is a republication that begins again
    ([2] * 5, -1, [7, 3, 3, 7, 5], [1, 1, 2, 2, 1]),
    ([2] * 4, -1, 0, [1, 2, 1, 2]),
    ([0, 24], -1, 0, [NOWHERE, 24]),
    ([0, 25, 26], -1, 0, [NOWHERE, 24, NOWHERE]),
    ([], -1, 0, []),
])  # fmt: skip
def test_labels_of_the_25_hour_day(number, labels, flags, series, hours):
    year = operating_year(number)
    rows = len(labels)
    positions = year.autumn_hours(np.full(rows, series), _ints(*labels), np.full(rows, flags))
    assert _within_day(year.day_first_hour[year.autumn_day], positions) == list(hours)


# --- stamps ---------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("change", [0, 1], ids=["spring", "autumn"])
def test_every_quarter_hour_of_a_clock_change_goes_to_its_stamp_and_back(change):
    year, day = operating_year(2024), SPRING_AND_AUTUMN[2024][change]
    midnight = year.start + 3_600 * hour_of(datetime(day.year, day.month, day.day))
    utc = [midnight + 900 * n for n in range(92 if change == 0 else 100)]
    printed = [_local(second) for second in utc]
    walls, flags = _ints(*(_wall(local) for local, _ in printed)), _ints(*(second for _, second in printed))
    assert year.stamps_to_utc(walls, flags).tolist() == utc


@given(utc_seconds)
def test_every_second_of_21_years_goes_to_its_stamp_and_back(utc):
    local, second = _local(utc)
    year = operating_year(local.year)
    assert year.stamps_to_utc(_ints(_wall(local)), _ints(int(second))).tolist() == [utc]


@given(years, st.integers(0, 3_599), st.sampled_from([-1, 0, 1]))
def test_the_repeated_hour_needs_a_flag_and_the_hours_beside_it_do_not(number, second, flag):
    year = operating_year(number)
    midnight = (year.first_day + year.autumn_day) * 86_400
    summer = year.start + 3_600 * int(year.day_first_hour[year.autumn_day])
    inside = {-1: AMBIGUOUS, 0: summer + 3_600 + second, 1: summer + 7_200 + second}[flag]
    walls = _ints(midnight + second, midnight + 3_600 + second, midnight + 7_200 + second)
    expected = [summer + second, inside, summer + 3 * 3_600 + second]
    assert year.stamps_to_utc(walls, np.full(3, flag)).tolist() == expected


@given(years, st.integers(0, 3_599), st.sampled_from([-1, 0, 1]))
def test_stamps_of_the_hour_that_spring_skips_are_nowhere(number, second, flag):
    year = operating_year(number)
    two = (year.first_day + year.spring_day) * 86_400 + 7_200
    walls = _ints(two - 1, two + second, two + 3_600)
    before, inside, after = year.stamps_to_utc(walls, np.full(3, flag)).tolist()
    assert inside == NOWHERE
    assert after == before + 1


@given(years, st.integers(1, 400 * 86_400))
def test_stamps_of_other_years_are_nowhere(number, away):
    year = operating_year(number)
    first = year.first_day * 86_400
    end = (year.last_day + 1) * 86_400
    walls = _ints(first - away, first, end - 1, end - 1 + away)
    assert year.stamps_to_utc(walls, np.full(4, 0)).tolist() == [NOWHERE, year.start, year.end - 1, NOWHERE]


# --- numbered quarter-hours -----------------------------------------------------------------------------------------------------------------
@given(years)
def test_interval_numbers_1_to_92_96_or_100_are_the_quarter_hours_of_the_day_in_order(number):
    year = operating_year(number)
    day = year.quarter_hour_day
    within = np.arange(year.quarter_hours) - 4 * year.day_first_hour[day] + 1
    last = [int(within[day == n].max()) for n in (year.spring_day, year.autumn_day, 0)]
    assert last == [92, 100, 96]
    assert np.array_equal(year.numbered_quarter_hours(day, within), np.arange(year.quarter_hours))


def test_an_interval_number_that_the_day_does_not_have_is_nowhere():
    year = operating_year(2024)
    days = _ints(0, 0, year.spring_day, year.spring_day, year.autumn_day, year.autumn_day)
    position = year.numbered_quarter_hours(days, _ints(0, 97, 92, 93, 100, 101))
    assert (position >= 0).tolist() == [False, False, True, False, True, False]


def test_the_eight_repeated_quarter_hours_are_those_of_both_hours_from_one_to_two():
    year = operating_year(2024)
    first = quarter_hour_of(datetime(2024, 11, 3, 1))
    assert year.repeated_quarter_hours == slice(first, first + 8)
    assert quarter_hour_of(datetime(2024, 11, 3, 1, 45), fold=1) == first + 7


def test_days_are_written_as_ranges_and_not_all_of_them():
    first = day_number(date(2024, 1, 1))
    assert day_ranges(_ints()) == ""
    assert day_ranges(first + _ints(0, 1, 2, 59, 365)) == "2024-01-01..2024-01-03, 2024-02-29, 2024-12-31"
    assert day_ranges(first + np.arange(0, 26, 2)).endswith("2024-01-23 and 1 more"), "twelve, unless it is said"
    assert day_ranges(first + _ints(0, 2), most=2) == "2024-01-01, 2024-01-03"
    assert day_ranges(first + np.arange(0, 40, 2), most=2) == "2024-01-01, 2024-01-03 and 18 more"
