"""The course of power over the readings or instructions of a resource, integrated exactly by quarter-hour.

A reading is a telemetered value at a run of SCED: power goes in a straight line from one to the next (methodology, "Telemetry to energy"). Base points and
awards are instructions: each holds until the next run, which is a step.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bess_assets.ercot.arrays import FloatArray, IntArray
from bess_assets.ercot.products import SECONDS_PER_QUARTER_HOUR

LONGEST_STRAIGHT_SECONDS = 600  # between readings at most this far apart power is the straight line
LONGEST_LINE_SECONDS = 1_200
"""Between readings further apart than this no line is drawn."""
BASE_POINT_SECONDS = 300  # a resource is at the base point of a run so long after it
LONGEST_HOLD_SECONDS = 900
"""A reading without a next one, a base point and an award hold at most this long."""


@dataclass(frozen=True)
class Course:
    """Straight pieces of power, each within one cell of time; resources that have values at the same times share a course.

    The points between which the pieces go are the values in order of time, then those base points that a line goes through.

    Attributes:
        bends: places of the readings whose line goes through their base point.
        after_bends: places of the readings after them.
        bend_shares: how far on the way from the one to the other the base point is, 0 to 1.
        begin: point from which each piece's line goes; shape (pieces,).
        end: point to which it goes, the same for a value that holds.
        from_share: how far on that way the piece begins, 0 to 1.
        to_share: how far on that way it ends.
        first: begin of each piece, UTC seconds.
        last: end of each piece.
        length: seconds of each piece.
        cell: cell of each piece.
        seconds: known seconds of each cell; shape (cells,).
    """

    bends: IntArray
    after_bends: IntArray
    bend_shares: FloatArray
    begin: IntArray
    end: IntArray
    from_share: FloatArray
    to_share: FloatArray
    first: IntArray
    last: IntArray
    length: FloatArray
    cell: IntArray
    seconds: FloatArray

    @staticmethod
    def of(
        time: IntArray,
        hold_until: IntArray,
        start: int,
        cells: int,
        cell_seconds: int = SECONDS_PER_QUARTER_HOUR,
        *,
        lines: bool = True,
    ) -> "Course":
        """Cut the time from each value to the next into cells.

        Args:
            time: when the values are, UTC seconds, ascending; shape (values,).
            hold_until: end of each value where no line leaves it, UTC seconds; shape (values,).
            start: start of the first cell, UTC seconds.
            cells: number of cells.
            cell_seconds: length of a cell.
            lines: whether the values are readings, on lines; if not, they are steps.

        Source: methodology, "Telemetry to energy"; ERCOT publishes a reading for each run of SCED and no energy between two of them.
        """
        count = len(time)
        gap = np.diff(time, append=time[-1:] + LONGEST_LINE_SECONDS + 1)
        line = lines & (gap <= LONGEST_LINE_SECONDS)
        bends = np.flatnonzero(line & (gap > LONGEST_STRAIGHT_SECONDS))
        points = np.append(time, time[bends] + BASE_POINT_SECONDS)
        target = np.arange(count) + line
        until = np.where(line, time + gap, hold_until)
        target, until = np.append(target, target[bends]), np.append(until, until[bends])
        target[bends], until[bends] = count + np.arange(len(bends)), points[count:]
        first = (points - start) // cell_seconds
        parts = np.maximum((until - 1 - start) // cell_seconds - first + 1, 0)
        begin = np.repeat(np.arange(len(points)), parts)
        cell = first[begin] + np.arange(len(begin)) - np.repeat(np.cumsum(parts) - parts, parts)
        low = np.maximum(points[begin], start + cell_seconds * cell)
        high = np.minimum(until[begin], start + cell_seconds * (cell + 1))
        kept = np.flatnonzero((cell >= 0) & (cell < cells))
        begin, cell, low, high = begin[kept], cell[kept], low[kept], high[kept]
        way, length = (until - points)[begin], (high - low).astype(np.float64)
        return Course(
            bends=bends,
            after_bends=target[count:],
            bend_shares=BASE_POINT_SECONDS / gap[bends],
            begin=begin,
            end=target[begin],
            from_share=(low - points[begin]) / way,
            to_share=(high - points[begin]) / way,
            first=low,
            last=high,
            length=length,
            cell=cell,
            seconds=np.bincount(cell, length, cells).astype(np.float64, copy=False),
        )

    @cached_property
    def middle(self) -> FloatArray:
        """How far on its way the middle of each piece is, 0 to 1."""
        return (self.from_share + self.to_share) / 2

    def integrals(self, values: FloatArray, base_point: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Integrals of the positive and of the negative part, which is >= 0 too, MW x seconds; shape (cells,).

        Args:
            values: MW, all known; shape (values,).
            base_point: base point of each reading's run, MW, NaN where unknown; not given for steps.
        """
        if base_point is None:
            net = values[self.begin] * self.length
            above = np.maximum(net, 0.0)
        else:
            before, after, bend = values[self.bends], values[self.after_bends], base_point[self.bends]
            straight = before + (after - before) * self.bend_shares
            points = np.append(values, np.where(np.isnan(bend), straight, bend))
            first = points[self.begin]
            rise = points[self.end] - first
            net = (first + rise * self.middle) * self.length
            above = np.maximum(net, 0.0)
            # where a piece crosses zero, the triangle on the positive side
            maybe = np.flatnonzero(first * (first + rise) < 0)
            ends = [first[maybe] + rise[maybe] * share[maybe] for share in (self.from_share, self.to_share)]
            crosses = np.flatnonzero((ends[0] < 0) != (ends[1] < 0))
            top, over = np.maximum(*ends)[crosses], np.abs(ends[1] - ends[0])[crosses]
            above[maybe[crosses]] = self.length[maybe[crosses]] * top * top / (2 * over)
        positive, negative = (np.bincount(self.cell, part, len(self.seconds)) for part in (above, above - net))
        return positive.astype(np.float64, copy=False), negative.astype(np.float64, copy=False)
