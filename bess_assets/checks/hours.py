"""Hourly series of a year: moved by some hours, correlated with others, and by day and month."""

from collections.abc import Iterator, Sequence
from datetime import date
from functools import cached_property

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.calendar import day_number, operating_year

LAGS = (-6, -5, -1, 0, 1, 5, 6)
"""Hours: an hour for a wrong label or summer time, five and six for UTC."""
_LONGEST_DAY = 25
_STILL = 1e-24
"""Squares about the mean over squares about zero, up to which a series does not move."""


class Hours:
    """The hours of an operating year.

    Attributes:
        month_of_day: month of each day; shape (days,).
        month: month of each hour; shape (hours,).
    """

    def __init__(self, year: int) -> None:
        self._year = operating_year(year)
        days = (self._year.first_day + np.arange(self._year.days)).astype("M8[D]")
        months = days.astype("M8[M]")
        self.month_of_day: IntArray = months.astype(np.int64) % 12 + 1
        self.month = self.month_of_day[self._year.hour_day]
        self._day_of_month: IntArray = (days - months).astype(np.int64) + 1

    def months(self) -> Iterator[tuple[int, slice]]:
        """Each month and its hours."""
        ends = np.searchsorted(self.month, np.arange(1, 14)).tolist()
        yield from ((month, slice(ends[month - 1], ends[month])) for month in range(1, 13))

    def in_first_days(self, days: int) -> BoolArray:
        """True in the hours of so many days at the beginning of each month."""
        return np.asarray((self._day_of_month <= days)[self._year.hour_day])

    def from_day(self, day: date) -> BoolArray:
        """True in the hours from a day on."""
        return np.asarray(self._year.first_day + self._year.hour_day >= day_number(day))

    @cached_property
    def _of_days(self) -> IntArray:
        hour = self._year.day_first_hour[:-1, None] + np.arange(_LONGEST_DAY)
        return np.where(hour < self._year.day_first_hour[1:, None], hour, self._year.hours)

    def by_day(self, series: FloatArray) -> FloatArray:
        """Hourly series by day, NaN after the last hour of a day; shape (.., days, 25)."""
        blank = np.full((*series.shape[:-1], 1), np.nan)
        return np.concatenate([series, blank], axis=-1)[..., self._of_days]

    @property
    def every_other(self) -> BoolArray:
        """True in every other hour."""
        return np.asarray((self._year.start // 3_600 + np.arange(self._year.hours)) % 2 == 0)


def moved(series: FloatArray, lags: Sequence[int] = LAGS) -> FloatArray:
    """A series moved by some hours into the future, NaN where nothing comes; shape (lags, hours)."""
    found = np.full((len(lags), len(series)), np.nan)
    for own, lag in zip(found, lags, strict=True):
        if lag < 0:
            own[:lag] = series[-lag:]
        else:
            own[lag:] = series[: len(series) - lag]
    return found


def correlation(one: FloatArray, other: FloatArray) -> FloatArray:
    """Correlation of series over the last axis where both are known; NaN where one of them does not move."""
    known = ~np.isnan(one) & ~np.isnan(other)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    values = [np.where(known, series, 0.0) for series in (one, other)]
    about = [np.where(known, own - own.sum(axis=-1, keepdims=True) / count, 0.0) for own in values]
    first, second = ((own**2).sum(axis=-1) for own in about)
    still = [squares <= _STILL * (own**2).sum(axis=-1) for squares, own in zip((first, second), values, strict=True)]
    together = (about[0] * about[1]).sum(axis=-1)
    unknown = np.full(together.shape, np.nan)
    return np.asarray(np.divide(together, np.sqrt(first * second), where=~np.any(still, axis=0), out=unknown))


def gain(correlations: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The correlation without a lag, in the middle of the last axis, and how much larger it is at the best lag."""
    at = correlations[..., correlations.shape[-1] // 2]
    return at, np.fmax.reduce(correlations, axis=-1) - at


def sum_of_known(series: FloatArray) -> FloatArray:
    """Sum over the first axis of what is known; NaN where nothing is."""
    return np.where(np.isnan(series).all(axis=0), np.nan, np.nansum(series, axis=0))


def mean_of_known(series: FloatArray) -> FloatArray:
    """Mean over the first axis of what is known; NaN where nothing is."""
    return np.asarray(sum_of_known(series) / np.maximum((~np.isnan(series)).sum(axis=0), 1))
