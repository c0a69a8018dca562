"""Operating years of the made-up market, in seconds since 1970 (UTC).

Belongs here: where days, hours and quarter-hours of a Central year lie, and what the wall clock showed.
Does not: labels as a file spells them (publish.py), money (truth.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CENTRAL = ZoneInfo("America/Chicago")

HOUR_SECONDS = 3600
QUARTER_SECONDS = 900
STANDARD_OFFSET_SECONDS = -6 * HOUR_SECONDS
CLOCK_CHANGE_HOUR = 2
"""Both clock changes come two hours after the midnight that begins their day."""


def midnight(day: date) -> int:
    """Second at which a Central operating day begins."""
    return int(datetime(day.year, day.month, day.day, tzinfo=CENTRAL).timestamp())


@dataclass(frozen=True)
class Year:
    """One operating year.

    Attributes:
        year: its number.
        days: its operating days.
        day_starts: the second at which each day begins, and, last, the end of the year.
    """

    year: int
    days: list[date]
    day_starts: Ints = field(repr=False)

    @property
    def start(self) -> int:
        """First second of the year."""
        return int(self.day_starts[0])

    @property
    def end(self) -> int:
        """First second after the year."""
        return int(self.day_starts[-1])

    @property
    def hours(self) -> Ints:
        """The second at which each hour begins."""
        return np.arange(self.start, self.end, HOUR_SECONDS, dtype=np.int64)

    @property
    def quarters(self) -> Ints:
        """The second at which each quarter-hour begins."""
        return np.arange(self.start, self.end, QUARTER_SECONDS, dtype=np.int64)

    def day_number(self, seconds: Ints) -> Ints:
        """Position of the operating day that each second lies in."""
        found: Ints = np.searchsorted(self.day_starts, seconds, side="right") - 1
        return found

    def hour_of_day(self, seconds: Ints) -> Ints:
        """Position of the hour in its operating day: 0 to 22, 23 or 24."""
        position: Ints = (seconds - self.day_starts[self.day_number(seconds)]) // HOUR_SECONDS
        return position

    def long_day(self) -> int:
        """Position of the autumn day of 25 hours."""
        return int(np.argmax(np.diff(self.day_starts)))

    def short_day(self) -> int:
        """Position of the spring day of 23 hours."""
        return int(np.argmin(np.diff(self.day_starts)))

    def wall(self, seconds: Ints) -> Ints:
        """What the wall clock showed, as if it were UTC."""
        change = CLOCK_CHANGE_HOUR * HOUR_SECONDS
        spring = self.day_starts[self.short_day()] + change
        autumn = self.day_starts[self.long_day()] + change
        shown: Ints = seconds + STANDARD_OFFSET_SECONDS + HOUR_SECONDS * ((seconds >= spring) & (seconds < autumn))
        return shown

    def repeated(self, seconds: Ints) -> Bools:
        """True in the second 01:00 hour of the autumn day."""
        autumn = self.day_starts[self.long_day()] + CLOCK_CHANGE_HOUR * HOUR_SECONDS
        inside: Bools = (seconds >= autumn) & (seconds < autumn + HOUR_SECONDS)
        return inside

    def day_start(self, month: int, day: int) -> int:
        """Second at which a day of this year begins."""
        return midnight(date(self.year, month, day))


@cache
def operating_year(year: int) -> Year:
    """The calendar of one operating year."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]
    starts = np.array([midnight(day) for day in [*days, date(year + 1, 1, 1)]], dtype=np.int64)
    return Year(year, days, starts)
