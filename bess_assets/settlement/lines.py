"""Energy of telemetered readings: power is a straight line between two readings of a resource, integrated exactly by quarter-hour.

A reading is a telemetered value at a run of SCED (methodology, "Telemetry to energy"). Base points and awards are steps, not lines: runs.py holds them.
"""

from dataclasses import dataclass

import numpy as np

from bess_assets.ercot.arrays import FloatArray, IntArray

LONGEST_STRAIGHT_SECONDS = 600
"""Between readings at most this far apart power is the straight line."""
LONGEST_LINE_SECONDS = 1_200
"""Between readings further apart than this no line is drawn."""
BASE_POINT_SECONDS = 300
"""A resource is at the base point of a run so long after it."""
LONGEST_HOLD_SECONDS = 900
"""A reading without a next one, a base point and an award hold at most this long."""
_QUARTER_HOUR = 900


@dataclass(frozen=True)
class Readings:
    """Readings of some resources, by resource and then by time.

    Attributes:
        series: position of the resource; shape (readings,).
        time: start of the run, UTC seconds; shape (readings,).
        value: telemetered MW, known; shape (readings,).
        base_point: base point of the same run, MW, NaN where unknown; shape (readings,).
        hold_until: end of the reading where no line leaves it, UTC seconds; shape (readings,).
    """

    series: IntArray
    time: IntArray
    value: FloatArray
    base_point: FloatArray
    hold_until: IntArray


@dataclass(frozen=True)
class Integrals:
    """Integrals of the lines over the known seconds of quarter-hours.

    Attributes:
        positive: integral of the positive part, MW x seconds; shape (series, quarter-hours).
        negative: the same of the negative part, >= 0.
        seconds: known seconds.
    """

    positive: FloatArray
    negative: FloatArray
    seconds: FloatArray


@dataclass(frozen=True)
class _Segments:
    """Pieces of lines: from `begin` to `end` the power of `series` goes straight from `first` to `last`."""

    series: IntArray
    begin: IntArray
    end: IntArray
    first: FloatArray
    last: FloatArray

    def keep(self, rows: IntArray) -> "_Segments":
        return _Segments(self.series[rows], self.begin[rows], self.end[rows], self.first[rows], self.last[rows])


def integrate(readings: Readings, shape: tuple[int, int], start: int) -> Integrals:
    """Integrate the lines between readings over quarter-hours.

    Args:
        readings: all that reach into the quarter-hours, with the next reading of each.
        shape: series and quarter-hours.
        start: start of the first quarter-hour, UTC seconds.

    Source: market.md 3.3; ERCOT publishes a reading for each run of SCED and no energy between two of them.
    """
    size = shape[0] * shape[1]
    positive, negative, seconds = np.zeros(size), np.zeros(size), np.zeros(size)
    rest = _segments(readings)
    while len(rest.series):
        quarter = (rest.begin - start) // _QUARTER_HOUR
        end = np.minimum(rest.end, start + (quarter + 1) * _QUARTER_HOUR)
        length = (end - rest.begin).astype(np.float64)
        last = rest.first + (rest.last - rest.first) * (length / (rest.end - rest.begin))
        net = (rest.first + last) * length / 2
        above = _above_zero(rest.first, last, length)
        inside = np.flatnonzero((quarter >= 0) & (quarter < shape[1]))
        cell = rest.series[inside] * shape[1] + quarter[inside]
        positive += np.bincount(cell, above[inside], size)
        negative += np.bincount(cell, (above - net)[inside], size)
        seconds += np.bincount(cell, length[inside], size)
        more = np.flatnonzero(end < rest.end)
        rest = _Segments(rest.series[more], end[more], rest.end[more], last[more], rest.last[more])
    return Integrals(positive.reshape(shape), negative.reshape(shape), seconds.reshape(shape))


def positive_integral(readings: Readings) -> float:
    """Integral of the positive part of the lines, MW x seconds, whatever the quarter-hour."""
    lines = _segments(readings)
    return float(_above_zero(lines.first, lines.last, (lines.end - lines.begin).astype(np.float64)).sum())


def _above_zero(first: FloatArray, last: FloatArray, seconds: FloatArray) -> FloatArray:
    """Integral of the positive part of straight pieces, MW x seconds: where one crosses zero, the triangle on the positive side."""
    above: FloatArray = np.maximum((first + last) * seconds / 2, 0.0)
    crosses = np.flatnonzero((first < 0) != (last < 0))
    top, rise = np.maximum(first, last)[crosses], np.abs(last - first)[crosses]
    above[crosses] = seconds[crosses] * top * top / (2 * rise)
    return above


def _segments(readings: Readings) -> _Segments:
    """Straight pieces: reading to reading, reading to base point to reading, or a reading held."""
    time, value = readings.time, readings.value
    same = np.append(readings.series[1:] == readings.series[:-1], np.zeros(min(len(time), 1), dtype=bool))
    gap = np.where(same, np.append(time[1:], time[-1:]) - time, LONGEST_LINE_SECONDS + 1)
    line = gap <= LONGEST_LINE_SECONDS
    end = np.where(line, time + gap, readings.hold_until)
    last = np.where(line, np.append(value[1:], value[-1:]), value)
    bends = line & (gap > LONGEST_STRAIGHT_SECONDS) & ~np.isnan(readings.base_point)
    bend = time + BASE_POINT_SECONDS
    whole = _Segments(
        readings.series, np.where(bends, bend, time), end, np.where(bends, readings.base_point, value), last
    )
    before = _Segments(readings.series, time, bend, value, readings.base_point).keep(np.flatnonzero(bends))
    parts = zip(*((s.series, s.begin, s.end, s.first, s.last) for s in (before, whole)), strict=True)
    joined = _Segments(*(np.concatenate(part) for part in parts))
    lasts = joined.end > joined.begin
    return joined if lasts.all() else joined.keep(np.flatnonzero(lasts))
