"""Operating years of the made-up market, in seconds since 1970 (UTC), and the labels by which files name a moment."""

from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CENTRAL = ZoneInfo("America/Chicago")

QUARTER_SECONDS = 900
HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
STANDARD_OFFSET_SECONDS = -6 * HOUR_SECONDS


@cache
def midnight(day: date) -> int:
    """Second at which a Central operating day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=CENTRAL).timestamp())


class Year:
    """One operating year, from a second to before another, with the seconds at which its days, hours and quarter-hours begin; `day_starts` ends with `end`."""

    def __init__(self, year: int) -> None:
        """Count the days, which differ in length."""
        first, after = date(year, 1, 1), date(year + 1, 1, 1)
        self.year, self.start, self.end = year, midnight(first), midnight(after)
        self.days = [first + timedelta(days=n) for n in range((after - first).days)]
        self.day_starts: Ints = np.array([midnight(day) for day in [*self.days, after]], dtype=np.int64)
        self.hours: Ints = np.arange(self.start, self.end, HOUR_SECONDS, dtype=np.int64)
        self.quarters: Ints = np.arange(self.start, self.end, QUARTER_SECONDS, dtype=np.int64)

    def months(self) -> list[tuple[int, int]]:
        """First second of each month and first second after it."""
        return list(pairwise([*(self.day_start(month, 1) for month in range(1, 13)), self.end]))

    def day_start(self, month: int, day: int) -> int:
        """Second at which a day of this year begins."""
        return midnight(date(self.year, month, day))

    def between(self, times: Ints, first: tuple[int, int], days: int = 1) -> Bools:
        """Which times lie in so many days from a month and day on."""
        start = self.day_start(*first)
        end = int(self.day_starts[np.searchsorted(self.day_starts, start) + days])
        return (times >= start) & (times < end)

    def day_number(self, seconds: Ints) -> Ints:
        """Position of the operating day that each second lies in."""
        return np.searchsorted(self.day_starts, seconds, side="right") - 1

    def hour_of_day(self, seconds: Ints) -> Ints:
        """Position of the hour in its operating day: 0 to 22, 23 or 24."""
        return (seconds - self.day_starts[self.day_number(seconds)]) // HOUR_SECONDS

    @property
    def _clock_changes(self) -> tuple[int, int]:
        """Second of the clock change in spring and in autumn: on the day of 23 hours and on that of 25."""
        lengths = np.diff(self.day_starts)
        spring, autumn = self.day_starts[[int(np.argmin(lengths)), int(np.argmax(lengths))]]
        # Both come two hours after the midnight that begins their day.
        return int(spring) + 2 * HOUR_SECONDS, int(autumn) + 2 * HOUR_SECONDS

    def wall(self, seconds: Ints) -> Ints:
        """Time on the wall clock, as if it were UTC."""
        spring, autumn = self._clock_changes
        return seconds + STANDARD_OFFSET_SECONDS + HOUR_SECONDS * ((seconds >= spring) & (seconds < autumn))

    def repeated(self, seconds: Ints) -> Bools:
        """True in the second 01:00 hour of the autumn day."""
        _, autumn = self._clock_changes
        return (seconds >= autumn) & (seconds < autumn + HOUR_SECONDS)


operating_year = cache(Year)
"""The calendar of one operating year."""


class Moments:
    """Moments of a year with the labels that a file may give them, one a moment.

    Args:
        year: their operating year.
        times: seconds.
        shown: hours are named as the wall clock showed them: 02 twice in autumn, 03 never in spring; else they are counted
            from 1 to 23, 24 or 25.
    """

    def __init__(self, year: Year, times: Ints, *, shown: bool) -> None:
        self.year, self.times = year, times
        self.days = year.day_number(times)
        self._wall = year.wall(times)
        self._clock_hour = (self._wall % DAY_SECONDS) // HOUR_SECONDS + 1
        self._hours = self._clock_hour if shown else year.hour_of_day(times) + 1

    def counts(self, column: str) -> Ints:
        """The label as a number: `hour`, `hour_ending`, `interval` of the hour or `interval_number` of the day."""
        if column == "interval":
            return (self.times % HOUR_SECONDS) // QUARTER_SECONDS + 1
        if column == "interval_number":
            return (self.times - self.year.day_starts[self.days]) // QUARTER_SECONDS + 1
        return self._hours

    def texts(self, column: str, pattern: str = "{}") -> list[str]:
        """The label as text; `pattern` spells the columns of `counts`."""
        match column:
            case "date" | "sasm":
                spelling = "%m/%d/%Y" if column == "date" else "%m/%d/%Y 09:40:13"
                days = {day: self.year.days[day].strftime(spelling) for day in np.unique(self.days).tolist()}
                return [days[day] for day in self.days.tolist()]
            case "flag":
                return ["Y" if again else "N" for again in self.year.repeated(self.times).tolist()]
            case "stamp" | "interval_time":
                # A metered quarter-hour is named by its last second.
                shown = self._wall + (QUARTER_SECONDS - 1 if column == "interval_time" else 0)
                texts = np.datetime_as_string(shown.astype("datetime64[s]")).tolist()
                return [f"{text[5:7]}/{text[8:10]}/{text[:4]} {text[11:]}" for text in texts]
            case _:
                return [pattern.format(count) for count in self.counts(column).tolist()]

    def producer_time(self, *, stamped: bool) -> Ints:
        """Microseconds that the producer of the rollups made of a moment.

        The wall clock taken for UTC if the moment is `stamped`; else the end of the hour, an hour late where it is hour 24.
        """
        hour = np.where(self._clock_hour == 24, 25, self._clock_hour)
        made: Ints = self._wall if stamped else (self._wall // DAY_SECONDS) * DAY_SECONDS + hour * HOUR_SECONDS
        return made * 1_000_000
