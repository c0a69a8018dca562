"""The course of power over the readings or instructions of resources, integrated exactly by quarter-hour.

A reading is a telemetered value at a run of SCED: power goes in a straight line from one to the next (methodology, "Telemetry to energy"). Base points and
awards are instructions: each holds until the next run, which is a step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.products import SECONDS_PER_QUARTER_HOUR

LONGEST_STRAIGHT_SECONDS = 600  # between readings at most this far apart power is the straight line
LONGEST_LINE_SECONDS = 1_200
"""Between readings further apart than this no line is drawn."""
BASE_POINT_SECONDS = 300  # a resource is at the base point of a run so long after it
LONGEST_HOLD_SECONDS = 900
"""A reading without a next one, a base point and an award hold at most this long."""
_VALUES_AT_A_TIME = 2**16  # so many values of each array of intermediate results stay in a processor's cache


@dataclass(frozen=True)
class Cells:
    """Equal cells of time: the start of the first one, UTC seconds, their length in seconds, and how many there are."""

    start: int
    count: int
    seconds: int = SECONDS_PER_QUARTER_HOUR

    def cut(self, first: IntArray, last: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Cut stretches of time at the ends of cells.

        Args:
            first: begin of each stretch, UTC seconds.
            last: end of each.

        Returns:
            Of each piece the stretch that it is of, its cell, its begin and its end.
        """
        begin = (first - self.start) // self.seconds
        parts = np.maximum((last - 1 - self.start) // self.seconds - begin + 1, 0)
        stretch = np.repeat(np.arange(len(first)), parts)
        cell = begin[stretch] + np.arange(len(stretch)) - np.repeat(np.cumsum(parts) - parts, parts)
        kept = np.flatnonzero((cell >= 0) & (cell < self.count))
        stretch, cell = stretch[kept], cell[kept]
        edge = self.start + self.seconds * cell
        return stretch, cell, np.maximum(first[stretch], edge), np.minimum(last[stretch], edge + self.seconds)


@dataclass(frozen=True)
class Course:
    """The time between runs in pieces, each within one cell: stretches from each run on, and from the base point that a long line goes through.

    Attributes:
        time: start of each run, UTC seconds, ascending; shape (runs,).
        hold_until: end of each value where no line leaves it; same shape.
        cells: the cells.
        bends: runs whose line to the next run goes through their base point.
        point: point at which the stretch of each piece begins: a run, or past them all the place in `bends` of a base point; shape (pieces,).
        next_point: point at which it ends.
        from_share: how far in its stretch a piece begins, 0 to 1.
        to_share: how far in it it ends.
        cell: cell of each piece, ascending.
        first: begin of each piece, UTC seconds.
        last: end of each piece.
    """

    time: IntArray
    hold_until: IntArray
    cells: Cells
    bends: IntArray
    point: IntArray
    next_point: IntArray
    from_share: FloatArray
    to_share: FloatArray
    cell: IntArray
    first: IntArray
    last: IntArray

    @staticmethod
    def of_readings(time: IntArray, hold_until: IntArray, cells: Cells) -> "Course":
        """The course of readings, on lines from each run to the next; the arguments are the attributes.

        Source: methodology, "Telemetry to energy"; ERCOT publishes a reading for each run of SCED and no energy between two of them.
        """
        count, gap = len(time), np.diff(time)
        line = np.flatnonzero(gap <= LONGEST_LINE_SECONDS)
        bends = line[gap[line] > LONGEST_STRAIGHT_SECONDS]
        bent, straight = count + np.arange(len(bends)), np.setdiff1d(line, bends, assume_unique=True)
        points = np.append(time, time[bends] + BASE_POINT_SECONDS)
        begin = np.concatenate([straight, bends, bent])
        end = np.concatenate([straight + 1, bent, bends + 1])
        order = np.argsort(points[begin], kind="stable")
        return _course(time, hold_until, cells, bends, begin[order], end[order], points)

    @staticmethod
    def of_steps(time: IntArray, hold_until: IntArray, cells: Cells) -> "Course":
        """The course of instructions, each of which holds from its run on; the arguments are the attributes."""
        runs = np.arange(len(time))
        points = np.append(time, hold_until)
        return _course(time, hold_until, cells, runs[:0], runs, runs + len(runs), points)

    @cached_property
    def length(self) -> FloatArray:
        """Seconds of each piece."""
        return (self.last - self.first).astype(np.float64)

    @cached_property
    def _nth_pieces(self) -> list[tuple[IntArray, IntArray]]:
        """Cells that have a first piece, a second one and so on, and which pieces these are."""
        edges = np.flatnonzero(np.diff(self.cell, prepend=-1))
        count = np.diff(edges, append=len(self.cell))
        nth = [(np.flatnonzero(count > n), n) for n in range(count.max(initial=0))]
        return [(self.cell[edges[has]], edges[has] + n) for has, n in nth]

    def by_cell(self, pieces: FloatArray) -> FloatArray:
        """Sums of pieces by cell; shape (cells, ..)."""
        if self.cells.count == 1:  # a year in one cell has more pieces than there is time to add one by one
            return np.asarray(pieces.sum(axis=0, keepdims=True))
        found = np.zeros((self.cells.count, *pieces.shape[1:]))
        for cell, piece in self._nth_pieces:
            # as a rule every cell has one
            found[slice(None) if len(cell) == self.cells.count else cell] += pieces.take(piece, axis=0)
        return found

    def integrals(self, values: FloatArray, base_point: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Integrals of the positive and of the negative part of readings, both >= 0, MW x seconds, and known seconds; shape (cells, series).

        Args:
            values: MW, NaN where unknown; shape (runs, series).
            base_point: base point of each reading's run, MW, NaN where unknown; same shape.
        """
        above, below, seconds = (np.zeros((self.cells.count, values.shape[1])) for _ in range(3))
        middle = ((self.from_share + self.to_share) / 2)[:, None]
        for own in self._narrow(values):
            points = np.ascontiguousarray(values[:, own])
            if len(self.bends):
                points = np.concatenate([points, _bent(self, points, np.ascontiguousarray(base_point[:, own]))])
            first, last = points.take(self.point, axis=0), points.take(self.next_point, axis=0)
            net = last - first
            net *= middle
            net += first
            seconds[:, own] = self._known_seconds(net)
            net *= self.length[:, None]
            positive = np.maximum(net, 0.0)
            piece, series = np.nonzero(first * last < 0)
            positive[piece, series] = _above_zero(
                net[piece, series],
                self.length[piece],
                *(
                    first[piece, series] + (last - first)[piece, series] * share[piece]
                    for share in (self.from_share, self.to_share)
                ),
            )
            above[:, own] = self.by_cell(positive)
            below[:, own] = np.maximum(above[:, own] - self.by_cell(net), 0.0)
        self._add_loose_ends(values, base_point, above, below, seconds)
        return above, below, seconds

    def totals(self, values: FloatArray, weight: FloatArray | None = None) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Integrals of steps, MW x seconds, their known seconds, and sums of steps x weight; shape (cells, series).

        Args:
            values: MW, NaN where unknown; shape (runs, series).
            weight: of each piece; shape (pieces,); 0 if not given.
        """
        total, seconds, weighted = (np.zeros((self.cells.count, values.shape[1])) for _ in range(3))
        for own in self._narrow(values):
            step = values[:, own].take(self.point, axis=0)
            seconds[:, own] = self._known_seconds(step)
            total[:, own] = self.by_cell(step * self.length[:, None])
            if weight is not None:
                step *= weight[:, None]
                weighted[:, own] = self.by_cell(step)
        return total, seconds, weighted

    def totals_at(
        self, values: FloatArray, cell: IntArray, series: IntArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Integrals of the positive and of the negative part of steps, both >= 0, MW x seconds, and known seconds, in some cells of some series.

        Args:
            values: MW, NaN where unknown; shape (runs, series).
            cell: shape (wanted,).
            series: of each cell wanted; same shape.
        """
        first = np.searchsorted(self.cell, cell)
        count = np.searchsorted(self.cell, cell, side="right") - first
        wanted = np.repeat(np.arange(len(cell)), count)
        piece = np.arange(len(wanted)) + np.repeat(first - (np.cumsum(count) - count), count)
        step, length = values[self.point[piece], series[wanted]], self.length[piece]
        known = ~np.isnan(step)
        wanted, mw_seconds, length = wanted[known], (step * length)[known], length[known]
        above, below, seconds = (
            np.asarray(np.bincount(wanted, part, len(cell)), dtype=np.float64)
            for part in (mw_seconds.clip(0.0), (-mw_seconds).clip(0.0), length)
        )
        return above, below, seconds

    def _narrow(self, values: FloatArray) -> Iterator[slice]:
        """So many series at a time that intermediate results stay in a processor's cache."""
        width = max(_VALUES_AT_A_TIME // max(len(self.point), 1), 1)
        return (slice(left, left + width) for left in range(0, values.shape[1], width))

    def _known_seconds(self, pieces: FloatArray) -> FloatArray:
        """Known seconds by cell; unknown pieces become 0."""
        unknown = np.isnan(pieces)
        if not unknown.any():
            return self.by_cell(self.length)[:, None]
        pieces[unknown] = 0.0
        return self.by_cell(np.where(unknown, 0.0, self.length[:, None]))

    def _add_loose_ends(self, values: FloatArray, base_point: FloatArray, *sums: FloatArray) -> None:
        """Add lines past runs that lack a reading, and readings that hold, to integrals and known seconds."""
        known, count = ~np.isnan(values), len(self.time)
        linked = known[:-1] & known[1:] & (np.diff(self.time) <= LONGEST_LINE_SECONDS)[:, None]
        loose = [known.copy() for _ in range(2)]
        loose[0][1:] &= ~linked
        loose[1][:-1] &= ~linked
        # the first and the last readings of the chains, by series and in time
        (series, begin), (_, end) = (
            divmod(np.sort(n * count + run), count) for run, n in (np.nonzero(ends) for ends in loose)
        )
        following = np.append(begin, 0)[1:]
        follows = np.append(series, -1)[1:] == series
        gap = np.where(follows, self.time[following] - self.time[end], LONGEST_LINE_SECONDS + 1)
        line = gap <= LONGEST_LINE_SECONDS
        value = values[end, series]
        first, bend = self.time[end], base_point[end, series]
        last = np.where(line, first + gap, self.hold_until[end])
        to = np.where(line, values[following, series], value)
        bent = np.flatnonzero(line & (gap > LONGEST_STRAIGHT_SECONDS) & ~np.isnan(bend))
        through = first[bent] + BASE_POINT_SECONDS
        # from the base points on
        first, last, value, to = (
            np.append(*both) for both in ((first, through), (last, last[bent]), (value, bend[bent]), (to, to[bent]))
        )
        last[bent], to[bent] = through, bend[bent]
        series = np.append(series, series[bent])
        line_of, cell, left, right = self.cells.cut(first, last)
        rise = (to - value)[line_of] / (last - first)[line_of]
        ends = [value[line_of] + rise * (at - first[line_of]) for at in (left, right)]
        length = (right - left).astype(np.float64)
        net = (ends[0] + ends[1]) / 2 * length
        positive = _above_zero(net, length, *ends)
        for whole, part in zip(sums, (positive, positive - net, length), strict=True):
            np.add.at(whole, (cell, series[line_of]), part)


def _bent(course: Course, values: FloatArray, base_point: FloatArray) -> FloatArray:
    """Values at the base points that lines go through, on the straight line where the base point is unknown; NaN where no line goes."""
    before, bend = values.take(course.bends, axis=0), base_point.take(course.bends, axis=0)
    rise = values.take(course.bends + 1, axis=0)
    rise -= before
    run, series = np.nonzero(np.isnan(bend))  # as a rule few
    share = BASE_POINT_SECONDS / (course.time[course.bends + 1] - course.time[course.bends])
    bend[run, series] = before[run, series] + rise[run, series] * share[run]
    rise *= 0.0  # NaN where a reading lacks
    bend += rise
    return bend


def _course(
    time: IntArray,
    hold_until: IntArray,
    cells: Cells,
    bends: IntArray,
    begin: IntArray,
    end: IntArray,
    points: IntArray,
) -> Course:
    """A course of stretches between points, ascending and without overlap."""
    stretch, cell, first, last = cells.cut(points[begin], points[end])
    begin, end = begin[stretch], end[stretch]
    way = points[end] - points[begin]
    from_share, to_share = (first - points[begin]) / way, (last - points[begin]) / way
    return Course(time, hold_until, cells, bends, begin, end, from_share, to_share, cell, first, last)


def _above_zero(net: FloatArray, length: FloatArray, first: FloatArray, last: FloatArray) -> FloatArray:
    """Integrals of the positive part of straight pieces from one value to another: where a piece crosses zero, the triangle on the positive side."""
    above = np.maximum(net, 0.0)
    crosses = np.flatnonzero((first < 0) != (last < 0))
    top, over = np.maximum(first, last)[crosses], np.abs(last - first)[crosses]
    above[crosses] = length[crosses] * top * top / (2 * over)
    return above


def at_times(time: IntArray, values: FloatArray, at: IntArray) -> FloatArray:
    """Readings at some times, on straight lines; NaN where none passes.

    Args:
        time: start of each run, UTC seconds, ascending; shape (runs,).
        values: NaN where unknown; shape (runs, series).
        at: UTC seconds, ascending; shape (times,).

    Returns:
        Shape (times, series).
    """
    far, blank = 2**40, np.full((1, values.shape[1]), np.nan)
    time, values = np.concatenate([[-far], time, [far]]), np.concatenate([blank, values, blank])
    before, after = np.searchsorted(time, at, side="right") - 1, np.searchsorted(time, at)
    found = _between(time, at, before, after, values.take(before, axis=0).T, values.take(after, axis=0).T).T
    # where the run before or after lacks a reading, those further away are looked at, as far as a line can go
    place, series = np.nonzero(np.isnan(found))
    at, before, after = at[place], before[place], after[place]
    for runs, step in ((before, -1), (after, 1)):
        while len(lacking := np.flatnonzero(np.isnan(values[runs, series]) & _near(time[runs], at))):
            runs[lacking] += step
    found[place, series] = _between(time, at, before, after, values[before, series], values[after, series])
    return found


def _near(time: IntArray, at: IntArray) -> BoolArray:
    return np.asarray(np.abs(time - at) <= LONGEST_LINE_SECONDS)


def _between(
    time: IntArray, at: IntArray, before: IntArray, after: IntArray, first: FloatArray, last: FloatArray
) -> FloatArray:
    """Values at times on the lines from one run to another, NaN where these are too far apart."""
    gap = time[after] - time[before]
    share = np.where(gap <= LONGEST_LINE_SECONDS, (at - time[before]) / np.maximum(gap, 1), np.nan)
    return np.asarray(first + (last - first) * share)
