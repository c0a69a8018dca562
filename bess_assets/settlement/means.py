"""Means by quarter-hour of what the runs of SCED say.

Readings lie on lines (lines.py); base points and awards hold until the next run of the dataset, at most 900 s.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray, SecondsArray
from bess_assets.ercot.calendar import day_ranges
from bess_assets.ercot.products import PRODUCTS, SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.step import Findings
from bess_assets.settlement.lines import Cells, Course, at_times
from bess_assets.settlement.run_prices import RunPrices, hold_ends
from bess_assets.settlement.runs import RunReader, Window

LEAST_SECONDS = 0.5 * SECONDS_PER_QUARTER_HOUR
"""How long a quarter-hour must be observed for its energy to be known."""
LEAST_INSTRUCTION_MW = 1.0  # a base point over this should show in the readings of a day
LEAST_ALIKE = -0.2
"""Correlation about zero of a day's readings with their base points: below it they have the other sign. 0.57 to 0.90 on thirteen days of a real battery in
March 2026; from 0.07 on in simulated fleets of two batteries that are hardly instructed, else from 0.36 on."""
RIGHT_SIZE = 0.02, 50.0
"""Readings of a day over their base points by least squares; 0.63 to 0.89 and from 0.07 on there."""


@dataclass(frozen=True)
class Means:
    """Time-weighted means of a quantity over its known seconds of each quarter-hour; arrays of the shape (series, quarter-hours).

    Attributes:
        positive: mean of its positive part, NaN below the least coverage.
        negative: mean of its negative part, >= 0, NaN likewise.
        seconds: how long it is known.
    """

    positive: FloatArray
    negative: FloatArray
    seconds: SecondsArray


class RunMeans:
    """Means over the windows of one SCED dataset."""

    def __init__(self, reader: RunReader, prices: RunPrices | None = None) -> None:
        """Of the windows of a reader; the prices are those of the awards among its numbers."""
        self._reader, self._prices = reader, prices or RunPrices.none()
        # of the runs of each window their day's index, and sums over the resources: reading x base point, the squares of both; 1 if any is known, and 1 if
        # a base point is over LEAST_INSTRUCTION_MW
        self._followed = list[tuple[IntArray, FloatArray]]()

    def of_readings(self, window: Window, readings: FloatArray, base_point: FloatArray) -> Means:
        """Means over a window of readings on lines, through the base points where they are far apart.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        time = self._reader.starts[window.runs]
        self._note_days(time, readings, base_point)
        course = Course.of_readings(time, window.hold_until, self._cells(window))
        positive, negative, seconds = (part.T for part in course.integrals(readings, base_point))
        return _known(positive, negative, seconds * self._told_apart(window))

    def of_steps(self, window: Window, values: FloatArray) -> Means:
        """Means over a window of steps: each value holds until the next run of any resource.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        course = Course.of_steps(self._reader.starts[window.runs], self._ends[window.runs], self._cells(window))
        positive, seconds, _ = course.totals(np.maximum(values, 0.0))
        below = (values < 0).any()  # as a rule none is
        negative = course.totals(np.maximum(-values, 0.0))[0] if below else np.zeros_like(positive)
        return _known(positive.T, negative.T, seconds.T * self._told_apart(window))

    def of_steps_at(self, window: Window, values: FloatArray, series: IntArray, place: IntArray) -> Means:
        """The same in some quarter-hours of some series, by their places in the window; arrays of as many."""
        course = Course.of_steps(self._reader.starts[window.runs], self._ends[window.runs], self._cells(window))
        positive, negative, seconds = course.totals_at(values, place, series)
        return _known(positive, negative, seconds * self._told_apart(window)[place])

    def of_awards(self, window: Window, awards: Mapping[str, FloatArray]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Means over a window of awards, and their own price, weighted by them; each award holds until the next run of any resource or of the prices.

        Args:
            window: the window.
            awards: by product, MW; shape (runs of the window, series).

        Returns:
            By product: MW, NaN below the least coverage; and $/MW per hour, NaN where a second has no price or the award is 0; shape (series, quarter-hours).
        """
        course = Course.of_steps(self._reader.starts[window.runs], self._award_ends[window.runs], self._cells(window))
        found = {}
        for product, values in awards.items():
            weight, priced = self._prices.integrals(PRODUCTS.index(product), course.first, course.last)
            total, seconds, paid = (part.T for part in course.totals(values, weight))
            mean = _known(total, total, seconds * self._told_apart(window)).positive
            all_priced = mean > 0
            unpriced = np.flatnonzero(priced < course.length)
            for cell, known in zip(
                course.cell[unpriced].tolist(), ~np.isnan(values[course.point[unpriced]]), strict=True
            ):
                all_priced[known, cell] = False
            price = np.divide(paid, total, where=all_priced, out=np.full_like(mean, np.nan))
            found[product] = mean, price
        return found

    @cached_property
    def _ends(self) -> IntArray:
        """End of each run's step, which is the same for all resources."""
        return hold_ends(self._reader.starts, np.empty(0, dtype=np.int64), self._reader.year.end)

    @cached_property
    def _award_ends(self) -> IntArray:
        """End of each run's step of awards: where the prices show a run that the dataset lacks, the awards may have changed."""
        return hold_ends(self._reader.starts, self._prices.only_here, self._reader.year.end)

    def _cells(self, window: Window) -> Cells:
        """The quarter-hours of a window."""
        return Cells(self._reader.second_of(window.first), window.last - window.first)

    def _told_apart(self, window: Window) -> BoolArray:
        """Whether each quarter-hour of a window lies outside the repeated hour, or something tells its two halves apart."""
        place = np.arange(window.first, window.last)
        twice = self._reader.year.repeated_quarter_hours
        return ~(self._reader.flagless & (place >= twice.start) & (place < twice.stop))

    def at_ends(self, window: Window, values: FloatArray) -> FloatArray:
        """Readings at the ends of the window's quarter-hours, on lines; NaN where none passes; shape (series, quarter-hours)."""
        ends = self._reader.year.start + SECONDS_PER_QUARTER_HOUR * np.arange(window.first + 1, window.last + 1)
        return np.ascontiguousarray(at_times(self._reader.starts[window.runs], values, ends).T)

    def _note_days(self, time: IntArray, values: FloatArray, base_point: FloatArray) -> None:
        day = (
            np.searchsorted(self._reader.year.start + 3_600 * self._reader.year.day_first_hour, time, side="right") - 1
        )
        known = ~(np.isnan(values) | np.isnan(base_point))
        reading, point = np.where(known, values, 0.0), np.where(known, base_point, 0.0)
        sums = [np.einsum("ij,ij->i", *pair) for pair in ((reading, point), (reading, reading), (point, point))]
        instructed = (np.abs(point) > LEAST_INSTRUCTION_MW).any(axis=1)
        self._followed.append((day, np.stack([*sums, known.any(axis=1), instructed])))

    def _days_off_base_points(self) -> IntArray:
        """Indexes of the days on which the readings of all series do not follow their base points: they are 0, or of another sign or size."""
        both, readings, points, runs, instructed = sums = np.zeros((5, self._reader.year.days))
        for day, own in self._followed:
            np.add.at(sums.T, day, own.T)
        alike = both / np.sqrt(np.maximum(readings * points, 1e-9))
        size = both / np.maximum(points, 1e-9)
        right = (alike >= LEAST_ALIKE) & (size >= RIGHT_SIZE[0]) & (size <= RIGHT_SIZE[1])
        # of readings that are all 0 one base point is enough, else there must be many
        told = np.where(readings > 0, points > LEAST_INSTRUCTION_MW**2 * runs, instructed > 0)
        return np.flatnonzero(~right & told)

    def report(self, findings: Findings) -> None:
        """Add the days on which readings do not follow base points; call after the windows were worked on."""
        off = self._days_off_base_points()
        days = day_ranges(self._reader.year.first_day + off)
        findings.add("off_base_points", self._reader.dataset.name, len(off), days)


def _known(positive: FloatArray, negative: FloatArray, seconds: FloatArray) -> Means:
    """Means of integrals over known seconds, all of one shape; unknown where they are too few."""
    unknown, divisor = seconds < LEAST_SECONDS, np.maximum(seconds, 1.0)
    above, below = positive / divisor, negative / divisor
    above[unknown] = below[unknown] = np.nan
    return Means(above, below, seconds.astype(np.int16))
