"""Power between readings by section 3.3: knots of a polyline, read off at quarter-hours and zeros, and added up by trapezoids."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from bess_assets.second_settlement.clock import QUARTER, day_start, operating_days

# seconds: up to the first a line is straight, up to the second there is one, a base point is reached after the third, a reading is held for the fourth
STRAIGHT, LONGEST, TO_BASE_POINT, HELD = 600, 1_200, 300, 900


def integrals(
    rows: pd.DataFrame, runs: pd.Series[Any], days: pd.Series[Any], edges: list[pd.Timestamp]
) -> dict[str, np.ndarray[Any, Any]]:
    """Integrals over each quarter-hour from the first edge to the last: `positive` and `negative` parts in MW x seconds, and the known `seconds`.

    Args:
        rows: of one resource by time: time (UTC), output (MW) and base_point (MW); a blank output is no reading.
        runs: the stamps of all resources' runs in the dataset, ascending.
        days: operating days of which the dataset holds a row.
        edges: moments that no line crosses, ascending.
    """
    start = edges[0]

    def seconds(times: Any) -> np.ndarray[Any, Any]:
        return (pd.DatetimeIndex(times) - start).total_seconds().to_numpy()

    readings = rows[rows["output"].notna()]
    stamps, bounds = seconds(runs), seconds(edges)
    # what a reading is held to: the midnight after its day, if the next day is without rows
    day_after = operating_days(pd.DatetimeIndex(readings["time"])) + pd.Timedelta(days=1)
    without_rows = day_after.unique().difference(pd.DatetimeIndex(days))
    midnight = pd.Series({day: day_start(day) for day in without_rows}, dtype="datetime64[s]")
    limit = seconds(midnight.reindex(day_after))
    time, mw, base_point = seconds(readings["time"]), readings["output"].to_numpy(), readings["base_point"].to_numpy()
    sums = {name: np.zeros(int(bounds[-1] // QUARTER.total_seconds())) for name in ("positive", "negative", "seconds")}
    for low, high in pairwise(bounds):
        some = (time >= low) & (time < high)
        if some.any():
            knots = _knots(time[some], mw[some], base_point[some], limit[some], stamps, high)
            quarter, length, first, last = _pieces(*knots)
            np.add.at(sums["positive"], quarter, length * (first + last).clip(0) / 2)
            np.add.at(sums["negative"], quarter, length * (-first - last).clip(0) / 2)
            np.add.at(sums["seconds"], quarter, length)
    return sums


def _knots(time: Any, mw: Any, base_point: Any, limit: Any, stamps: Any, edge: float) -> tuple[Any, Any, Any]:
    """Time and MW of each point at which the line may bend, and whether power is known after it."""
    gap = np.append(np.diff(time), np.inf)
    ends = gap > LONGEST
    next_run = np.append(stamps, np.inf)[np.searchsorted(stamps, time, side="right")]
    until = np.nanmin([time + HELD, next_run, limit], axis=0)
    until = np.where(edge - time <= LONGEST, np.minimum(time + HELD, edge), until)
    bends = (gap > STRAIGHT) & ~ends & ~np.isnan(base_point)
    times = np.concatenate([time, time[bends] + TO_BASE_POINT, until[ends]])
    values = np.concatenate([mw, base_point[bends], mw[ends]])
    known = np.arange(len(times)) < len(times) - ends.sum()
    order = np.argsort(times, kind="stable")
    return times[order], values[order], known[order]


def _pieces(times: Any, values: Any, known: Any) -> tuple[Any, Any, Any, Any]:
    """Quarter-hour, seconds, first and last MW of straight pieces that stay within a quarter-hour and on one side of zero."""
    quarters = np.arange(np.ceil(times[0] / 900) * 900, times[-1], 900.0)
    first, last = values[:-1], values[1:]
    turns = np.flatnonzero(np.sign(first) * np.sign(last) < 0)
    zeros = times[turns] + (times[turns + 1] - times[turns]) * first[turns] / (first[turns] - last[turns])
    cuts = np.unique(np.concatenate([times, quarters, zeros]))
    at = np.where(np.isin(cuts, zeros), 0.0, np.interp(cuts, times, values))
    here = np.flatnonzero(known[np.searchsorted(times, cuts[:-1], side="right") - 1])
    return (cuts[here] // 900).astype(int), np.diff(cuts)[here], at[here], at[here + 1]
