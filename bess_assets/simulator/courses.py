"""The course of power of a made-up resource: straight ramps from reading to reading, where these are far apart by way of the base point, and their MWh."""

import numpy as np

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Floats, Ints

FAR_APART_SECONDS = 600
"""Where runs are further apart, a resource is at its base point after the next time."""
RAMP_SECONDS = 300


def mwh_above_zero(runs: Ints, reading_mw: Floats, base_point_mw: Floats, until: Ints, starts: Ints) -> Floats:
    """MWh of the ramps above zero in some quarter-hours, exactly.

    Args:
        runs: seconds of a resource's readings, ascending.
        reading_mw: what it is at then.
        base_point_mw: where it goes then.
        until: second up to which it holds its last reading, in an array.
        starts: seconds at which quarter-hours begin, which may lie apart.

    Returns:
        MWh; of a quarter-hour that it does not fill the mean of its own seconds x 0.25 h, NaN under half.
    """
    far = np.flatnonzero(np.diff(runs) > FAR_APART_SECONDS)
    at = np.concatenate([runs, runs[far] + RAMP_SECONDS, until])
    order = np.argsort(at, kind="stable")
    at, mw = at[order], np.concatenate([reading_mw, base_point_mw[far], reading_mw[-1:]])[order]
    ramps = np.append(0.0, np.cumsum(_above_zero(mw[:-1], mw[1:]) * np.diff(at)))

    def since_the_first(moments: Ints) -> Floats:
        ramp = np.clip(np.searchsorted(at, moments, side="right") - 1, 0, len(at) - 2)
        into = moments - at[ramp]
        there = mw[ramp] + (mw[ramp + 1] - mw[ramp]) * into / (at[ramp + 1] - at[ramp])
        found: Floats = ramps[ramp] + _above_zero(mw[ramp], there) * into
        return found

    first, last = (np.clip(moments, at[0], until) for moments in (starts, starts + QUARTER_SECONDS))
    known = np.where(last - first < QUARTER_SECONDS / 2, np.nan, last - first)
    mwh: Floats = (since_the_first(last) - since_the_first(first)) / known * QUARTER_SECONDS / HOUR_SECONDS
    return mwh


def _above_zero(begin: Floats, end: Floats) -> Floats:
    """Mean of the part above zero of ramps: of one that crosses zero the triangle on that side."""
    found: Floats = np.maximum((begin + end) / 2, 0.0)
    crossing = np.flatnonzero((begin < 0) != (end < 0))
    low, top = (pick(begin[crossing], end[crossing]) for pick in (np.minimum, np.maximum))
    found[crossing] = top * top / (2 * (top - low))
    return found
