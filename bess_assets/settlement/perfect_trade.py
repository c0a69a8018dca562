"""The most that a battery could have earned at known prices: the exact optimum of buying, storing and selling, without a solver.

The trade is a linear program. In each step, of equal length, a battery charges c and discharges d, shares of what its power can move in a step, c + d <= 1 (it
may divide the step between them), and earns `price * (d - c)`. A MWh charged stores `efficiency` MWh; a MWh stored discharges one. What is stored lies
between 0 and `size`, in the same unit, and is the same at both ends.

Its dual asks for a value of stored energy in each step. Below a value of its own a step sells all it can, above a higher one it buys all it can, between them
it rests; where the value rises from one step to the next, the battery is full between them. For one threshold that is a choice, of the steps whose value lies
above it: each stretch of chosen steps costs `size`, and each step gains what it sells there or costs what it buys. A walk through the steps finds the best
choice for all thresholds at once, and the best choices, summed over the thresholds, are the optimum. Walks of neighbouring stretches join.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bess_assets.ercot.arrays import FloatArray

_PARTS = 4  # a day is walked in four parts, then joined: quicker than in one
_ROUNDS = 80  # of the search for the toll: each leaves 0.62 of its range
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Walk:
    """The best choices of the steps of one stretch of time, for each threshold of the value of stored energy.

    Attributes:
        edges: thresholds at which a step changes its mind, ascending, $/MWh; shape (rows, edges).
        gain: what the best choice gains, MW-steps, by whether the battery is chosen before the stretch and after it, between the edges; -inf where impossible;
            shape (2, 2, rows, edges + 1).
    """

    edges: FloatArray
    gain: FloatArray


def turning_values(
    prices: FloatArray, efficiency: FloatArray, toll: FloatArray | float
) -> tuple[FloatArray, FloatArray]:
    """The values of stored energy below which a step discharges, and above which it charges, $/MWh.

    Where a price is so far below zero that charging and discharging in turn pays, the two are one.

    Args:
        prices: $/MWh; shape (rows, steps).
        efficiency: MWh discharged / MWh charged; shape (rows, 1).
        toll: what a MWh discharged costs beside the price, $/MWh; shape (rows, 1).
    """
    sells, buys = prices - toll, prices / efficiency
    turns = (2 * prices - toll) / (1 + efficiency)
    return np.where(sells <= buys, sells, turns), np.where(sells <= buys, buys, turns)


def walk(edges: FloatArray, jumps: FloatArray, size: FloatArray) -> Walk:
    """The walk through the steps of a stretch.

    Args:
        edges: values of stored energy at which a step changes its mind, $/MWh; shape (rows, steps, edges of a step).
        jumps: how much more it then stores, MW-steps: from -1, all sold, up to all that can be stored; same shape.
        size: MWh / MW-step; shape (rows, 1).
    """
    rows, steps, of_step = edges.shape
    edges, jumps = edges.reshape(rows, -1), jumps.reshape(rows, -1)
    order = np.argsort(edges, axis=1, kind="stable")
    # what each step sells in each interval between edges
    sells = np.zeros((rows, steps, edges.shape[1] + 1))
    sells[:, :, 0] = 1.0
    place = np.arange(rows)[:, None], order // of_step, np.arange(1, edges.shape[1] + 1)
    sells[place] = -np.take_along_axis(jumps, order, axis=1)
    np.cumsum(sells, axis=2, out=sells)
    # by the state before the stretch, rows, and the intervals between edges: not chosen, and chosen
    out, chosen = (np.full((2, rows, edges.shape[1] + 1), -np.inf) for _ in range(2))
    out[0] = chosen[1] = 0.0
    for step in range(steps):
        entered = np.maximum(out - size, chosen)
        np.maximum(out, chosen, out=out)
        chosen = entered + sells[:, step]
    return Walk(np.take_along_axis(edges, order, axis=1), np.stack([out, chosen], axis=1))


def joined(walks: Sequence[Walk]) -> Walk:
    """One walk of several, of stretches that follow one another; all of the same rows."""
    if len(walks) == 1:
        return walks[0]
    half = len(walks) // 2
    first, second = joined(walks[:half]), joined(walks[half:])
    edges = np.concatenate([first.edges, second.edges], axis=1)
    order = np.argsort(edges, axis=1, kind="stable")
    # how many edges of each walk lie below every interval between all edges
    passed = np.zeros((len(edges), edges.shape[1] + 1), dtype=np.intp)
    np.cumsum(order < first.edges.shape[1], axis=1, out=passed[:, 1:])
    before = np.take_along_axis(first.gain, passed[None, None], axis=3)
    after = np.take_along_axis(second.gain, np.arange(passed.shape[1]) - passed[None, None], axis=3)
    gain = np.maximum(before[:, :1] + after[0], before[:, 1:] + after[1])
    return Walk(np.take_along_axis(edges, order, axis=1), gain)


def earned(of: Walk, all_sold: FloatArray, steps: int) -> FloatArray:
    """The optimum, $ per MW-step, of a walk whose ends meet: what is stored at its end is what was stored at its beginning; shape (rows,).

    Args:
        of: the walk.
        all_sold: what selling in every step would earn; shape (rows,).
        steps: how many it has.
    """
    best = np.maximum(of.gain[0, 0], of.gain[1, 1])[:, 1:-1]
    return np.asarray(all_sold - steps * of.edges[:, 0] - (best * np.diff(of.edges, axis=1)).sum(axis=1))


def through_day(edges: FloatArray, jumps: FloatArray, size: FloatArray) -> Walk:
    """The same walk as `walk`, through days of the same length, one a row; made in parts and joined, which is quicker."""
    if edges.shape[1] % _PARTS:
        return walk(edges, jumps, size)
    parts = zip(np.split(edges, _PARTS, axis=1), np.split(jumps, _PARTS, axis=1), strict=True)
    return joined([walk(*part, size) for part in parts])


def day_walk(prices: FloatArray, size: FloatArray, efficiency: FloatArray, toll: FloatArray | float = 0.0) -> Walk:
    """The walk through days of energy alone; arguments as of `turning_values`, and the size in MW-steps."""
    edges = np.stack(turning_values(prices, efficiency, toll), axis=2)
    jumps = np.empty_like(edges)
    jumps[:, :, 0], jumps[:, :, 1] = 1.0, efficiency
    return through_day(edges, jumps, size)


def most_earned(
    prices: FloatArray, size: FloatArray, efficiency: FloatArray, cycles: float | None = None
) -> FloatArray:
    """The optimum of each day, $ per MW-step of power; shape (rows,).

    Args:
        prices: of days of the same length, $/MWh; shape (rows, steps).
        size: MWh / MW-step; shape (rows, 1).
        efficiency: MWh discharged / MWh charged, above 0 and at most 1; shape (rows, 1).
        cycles: at most so many times the size is discharged in a day; None is no limit. It is what a toll on each MWh discharged comes to that makes the
            limit pay: the optimum under the limit is the least, over tolls, of the optimum under the toll and the toll on the limit.
    """

    def under(toll: FloatArray) -> FloatArray:
        of = day_walk(prices, size, efficiency, toll)
        optimum = earned(of, (prices - toll).sum(axis=1), prices.shape[1])
        return optimum if cycles is None else optimum + (toll * cycles * size)[:, 0]

    least = np.zeros_like(size)
    best = under(least)
    if cycles is None:
        return best
    most = 2 * np.abs(prices).max(axis=1, keepdims=True) / efficiency + 1.0  # nothing is sold
    for _ in range(_ROUNDS):
        lower, upper = most - _GOLDEN * (most - least), least + _GOLDEN * (most - least)
        at_lower, at_upper = under(lower), under(upper)
        best = np.minimum(best, np.minimum(at_lower, at_upper))
        falls = (at_upper < at_lower)[:, None]
        least, most = np.where(falls, lower, least), np.where(falls, most, upper)
    return best


def most_earned_at_corners(worth: FloatArray, corners: FloatArray, size: float, efficiency: float) -> FloatArray:
    """The optimum of days in which a step is worth something else than price x net output, such as energy and reserves together; $ per MW-step.

    Args:
        worth: $ per MW-step at each corner of net output, concave between them; shape (rows, steps, corners).
        corners: net output, -1 to 1 ascending, 0 among them.
        size: MWh / MW-step.
        efficiency: MWh discharged / MWh charged.
    """
    width, sells = np.diff(corners), corners[:-1] >= 0
    slope = np.diff(worth, axis=2) / width
    # a step that would pay to be rid of energy charges and discharges in turn all the while
    alone, turns = np.where(sells, 1.0, efficiency), (1 + efficiency) / 2
    edges, jumps = np.where(slope >= 0, slope / alone, slope / turns), width * np.where(slope >= 0, alone, turns)
    rest = (1 - efficiency) / 2 * (1 - np.abs(corners[np.argmax(worth, axis=2)]))[:, :, None]
    edges, jumps = np.concatenate([edges, np.zeros_like(rest)], axis=2), np.concatenate([jumps, rest], axis=2)
    of = through_day(edges, jumps, np.full((len(worth), 1), size))
    return earned(of, worth[:, :, -1].sum(axis=1), worth.shape[1])
