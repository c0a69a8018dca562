"""Central prevailing time: labels and stamps of ERCOT's reports as positions and UTC seconds of an operating year.

An operating year is a row of UTC hours (8,760 or 8,784) and quarter-hours; an operating day is a run of 23, 24 or 25 of those hours.

Source: ERCOT Nodal Protocols section 2 (operating day, operating hour).
"""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from bess_assets.ercot.arrays import BoolArray, IntArray

CENTRAL = ZoneInfo("America/Chicago")
_EPOCH = date(1970, 1, 1)
_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3_600
CST_SECONDS = 6 * _HOUR_SECONDS
"""Central standard time is this far behind UTC."""
_SPRING_QUARTER = 8
"""Quarter-hours of the spring day before the clocks go forward at 02:00."""

NOWHERE = -1
"""Position of a label that does not exist in the calendar or the year."""
AMBIGUOUS = -2
"""Position of a label of the repeated hour that nothing tells apart."""


def now_central() -> datetime:
    """Now, in Central time, in which ERCOT's days are counted."""
    return datetime.now(CENTRAL)


def day_number(day: date) -> int:
    """Days since 1970-01-01, as Arrow's date32 stores it."""
    return (day - _EPOCH).days


def day_of_number(number: int) -> date:
    """The date that `day_number` gives `number` for."""
    return _EPOCH + timedelta(days=int(number))


class OperatingYear:
    """The hours and quarter-hours of one operating year, by position.

    Attributes:
        year: the calendar year, Central time.
        first_day: 1 January as a day number.
        last_day: 31 December as a day number.
        days: operating days in the year.
        start: first second of the year, UTC seconds.
        end: first second of the next year, UTC seconds.
        hours: hours in the year.
        quarter_hours: quarter-hours in the year.
        day_first_hour: position of each day's first hour, and one past the end; shape (days + 1,).
        day_hours: hours of each day: 23, 24 or 25; shape (days,).
        hour_day: day index (0 is 1 January) of each hour; shape (hours,).
        quarter_hour_day: day index of each quarter-hour; shape (quarter_hours,).
        hour_starts: start of each hour, UTC seconds; shape (hours,).
        quarter_hour_starts: start of each quarter-hour, UTC seconds; shape (quarter_hours,).
        spring_day: index of the 23-hour day.
        autumn_day: index of the 25-hour day.
        repeated_quarter_hours: the eight quarter-hours of both 01:00 hours of the autumn day.
    """

    def __init__(self, year: int) -> None:
        self.year = year
        self.first_day, self.last_day = day_number(date(year, 1, 1)), day_number(date(year, 12, 31))
        days = map(day_of_number, range(self.first_day, self.last_day + 2))
        midnights = np.array([datetime.combine(day, time(), CENTRAL).timestamp() for day in days]).astype(np.int64)
        self.days = len(midnights) - 1
        self.start, self.end = int(midnights[0]), int(midnights[-1])
        self.hours = (self.end - self.start) // _HOUR_SECONDS
        self.quarter_hours = 4 * self.hours
        self.day_first_hour: IntArray = (midnights - self.start) // _HOUR_SECONDS
        self.day_hours = np.diff(self.day_first_hour)
        self.hour_day = np.repeat(np.arange(self.days), self.day_hours)
        self.quarter_hour_day = np.repeat(self.hour_day, 4)
        self.hour_starts: IntArray = np.arange(self.start, self.end, _HOUR_SECONDS)
        self.quarter_hour_starts: IntArray = np.arange(self.start, self.end, _HOUR_SECONDS // 4)
        self.spring_day, self.autumn_day = (int(np.flatnonzero(self.day_hours == hours)[0]) for hours in (23, 25))
        repeated = 4 * int(self.day_first_hour[self.autumn_day] + 1)
        self.repeated_quarter_hours = slice(repeated, repeated + 8)

    def is_clock_change(self, day_index: IntArray) -> BoolArray:
        """True where the day has 23 or 25 hours."""
        return np.asarray((day_index == self.spring_day) | (day_index == self.autumn_day))

    def hour_of_day_number(self, number: int) -> int:
        """Position of the first hour of a day, clipped to the year."""
        return int(self.day_first_hour[min(max(number - self.first_day, 0), self.days)])

    # --- hour labels -> positions -------------------------------------------------------------------------------------

    def ordinary_hours(self, day_index: IntArray, hour_ending: IntArray) -> IntArray:
        """Positions of hours on 24-hour days; `NOWHERE` for a label outside 1..24."""
        good = (hour_ending >= 1) & (hour_ending <= 24)
        return np.where(good, self.day_first_hour[day_index] + hour_ending - 1, NOWHERE)

    def spring_hours(self, hour_ending: IntArray) -> IntArray:
        """Positions of the labels of the 23-hour day, taken all together.

        A label 24 anywhere means that 3 was skipped, as ERCOT's price files do (01:00, 02:00, 04:00 .. 24:00); otherwise labels 1..23 mean hours in order.
        """
        first = int(self.day_first_hour[self.spring_day])
        skipped = bool((hour_ending == 24).any())
        good = (hour_ending >= 1) & (hour_ending <= 23 + skipped) & ~(skipped & (hour_ending == 3))
        return np.where(good, first + hour_ending - 1 - (skipped & (hour_ending > 3)), NOWHERE)

    def autumn_hours(self, series: IntArray, hour_ending: IntArray, repeated: IntArray) -> IntArray:
        """Positions of the labels of the 25-hour day, taken all together and in file order.

        Args:
            series: what a label should be unique for: resource, or point and interval; one number a row.
            hour_ending: labels 1..24 or 1..25.
            repeated: 1 where a flag says second 01:00 hour, 0 where it says first, -1 where there is no flag.

        A label 25 means hours in order. Else a flag set anywhere is trusted. Else the first row of label 2 of a series is the first 01:00 hour, the second
        row the second, and further rows (a republication) begin again.
        """
        first = int(self.day_first_hour[self.autumn_day])
        in_order = bool((hour_ending == 25).any())
        second = repeated == 1 if (repeated == 1).any() else _even_occurrence(series, hour_ending == 2)
        later = (hour_ending > 2) | ((hour_ending == 2) & second)
        good = (hour_ending >= 1) & (hour_ending <= 24 + in_order)
        return np.where(good, first + hour_ending - 1 + (later & (not in_order)), NOWHERE)

    # --- stamps -> UTC ------------------------------------------------------------------------------------------------

    def stamps_to_utc(self, local: IntArray, repeated: IntArray) -> IntArray:
        """UTC seconds of wall-clock seconds.

        Args:
            local: wall-clock time as if it were UTC, seconds; any year's stamps may be given.
            repeated: 1 second 01:00 hour, 0 first, -1 not said.

        Returns:
            UTC seconds; `NOWHERE` outside the year or in the hour that spring skips; `AMBIGUOUS` for 01:xx of the autumn day with nothing said.
        """
        spring = (self.first_day + self.spring_day) * _DAY_SECONDS + 2 * _HOUR_SECONDS
        autumn = (self.first_day + self.autumn_day) * _DAY_SECONDS + _HOUR_SECONDS
        summer = (local >= spring + _HOUR_SECONDS) & (local < autumn + _HOUR_SECONDS)
        twice = (local >= autumn) & (local < autumn + _HOUR_SECONDS)
        utc = local + CST_SECONDS - _HOUR_SECONDS * (summer & ~(twice & (repeated == 1)))
        skipped = (local >= spring) & (local < spring + _HOUR_SECONDS)
        utc = np.where((utc < self.start) | (utc >= self.end) | skipped, NOWHERE, utc)
        return np.where(twice & (repeated == -1), AMBIGUOUS, utc)

    def numbered_quarter_hours(self, day_index: IntArray, number: IntArray) -> IntArray:
        """Positions of the n-th quarter-hours of days (SMNE's Interval Number, 1..92, 96 or 100)."""
        good = (number >= 1) & (number <= 4 * self.day_hours[day_index])
        return np.where(good, 4 * self.day_first_hour[day_index] + number - 1, NOWHERE)

    def stamped_numbers(self, day_index: IntArray, quarter: IntArray) -> IntArray:
        """Interval numbers by the wall clock, where a meter's rows have none.

        Args:
            day_index: days.
            quarter: the quarter-hour of the clock, from 1, in which the interval's last second lies: the last one before the clocks go forward ends at
                02:00, which is 03:00.

        Returns:
            numbers 1..96; 0 in the hour that the spring day does not have. On the autumn day the clock cannot tell.
        """
        spring = day_index == self.spring_day
        skipped = spring & (quarter > _SPRING_QUARTER) & (quarter < _SPRING_QUARTER + 4)
        return np.where(skipped, 0, quarter - 4 * (spring & (quarter > _SPRING_QUARTER)))


@lru_cache(maxsize=8)
def operating_year(year: int) -> OperatingYear:
    """The hours of a year, made once a process: its midnights take milliseconds to find."""
    return OperatingYear(year)


def _even_occurrence(series: IntArray, counted: BoolArray) -> BoolArray:
    """True for the second, fourth .. counted row of each series, in the order given."""
    rows = np.flatnonzero(counted)
    rows = rows[np.argsort(series[rows], kind="stable")]
    ordered = series[rows]
    even = np.zeros(len(series), dtype=bool)
    even[rows] = (np.arange(len(rows)) - np.searchsorted(ordered, ordered)) % 2 == 1
    return even


def day_ranges(days: IntArray, most: int = 12) -> str:
    """Day numbers as text: single days and runs, at most `most` of them."""
    if not len(days):
        return ""
    runs = np.split(days, np.flatnonzero(np.diff(days) > 1) + 1)
    ends = [(day_of_number(run[0]), day_of_number(run[-1])) for run in runs]
    parts = [str(first) if first == last else f"{first}..{last}" for first, last in ends]
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more
