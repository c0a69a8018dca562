"""State of charge against flows: by battery and month, how far a MWh charged or discharged moves it.

State of charge is telemetry and no meter: it reads some percent high or low, drifts and jumps. But a wrong sign, a wrong unit and a missing flow show in it.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import HOURS_PER_QUARTER_HOUR, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Verdict, some

SOC_CHECK = "state_of_charge_follows_what_flowed"
LEAST_PER_MWH, MOST_PER_MWH = 0.8, 1.3
"""Change of state of charge, MWh, by a MWh charged or discharged: 1.1 and 1.2 of a real battery."""
JUMP_MWH = 1.0  # a change further than this from the fitted one is a jump of the telemetry, and left out
LEAST_MOVES, _MOVE_MWH = 48, 0.25
"""A month is compared if state of charge rises by over 0.25 MWh in at least so many quarter-hours and falls in so many."""
MonthFit = tuple[str, int, str | None]
"""A battery's month: the battery, how many jumps were left out, and in words what is wrong: a coefficient out of its range by over two standard errors."""


def fit_changes(change: FloatArray, charge: FloatArray, discharge: FloatArray) -> tuple[FloatArray, FloatArray, int]:
    """Fit the changes of quarter-hours, MWh, by `a * charge - b * discharge - loss / 4`.

    Rounds of least squares, in which a jump weighs no more than 1 MWh, tell what is a jump; the last one leaves jumps out. Of a flow that is 0 throughout the
    coefficient is 0.

    Returns:
        a, b, and the standing loss in MW; their standard errors; how many jumps there are.
    """
    flows = np.stack([charge, -discharge, np.full(len(change), -HOURS_PER_QUARTER_HOUR)])
    square, of_change = flows @ flows.T + 1e-12 * np.eye(3), flows @ change
    fitted, off = np.zeros(3), np.zeros(len(change))
    for _ in range(20):
        far = np.flatnonzero(off > JUMP_MWH)
        less = flows[:, far] * (1 - JUMP_MWH / off[far])
        before, fitted = fitted, np.linalg.solve(square - less @ flows[:, far].T, of_change - less @ change[far])
        off = np.abs(change - fitted @ flows)
        if np.abs(fitted - before).max() < 1e-3 * np.abs(fitted).max():
            break
    near = flows * (off <= JUMP_MWH)
    inverse = np.linalg.inv(near @ flows.T + 1e-12 * np.eye(3))
    fitted = inverse @ (near @ change)
    jumps = int(np.count_nonzero(off > JUMP_MWH))
    variance = np.sum((change - fitted @ flows)[off <= JUMP_MWH] ** 2) / max(len(change) - jumps, 1)
    return fitted, np.sqrt(np.diag(inverse) * variance) * near.any(axis=1), jumps


def fit_months(
    year: OperatingYear, battery: str, soc: FloatArray, charge: FloatArray, discharge: FloatArray
) -> Iterator[MonthFit]:
    """Fit each month of a battery's quarter-hours, MWh, in which its state of charge moves."""
    change = np.diff(soc, prepend=np.nan)
    known = np.flatnonzero(~np.isnan(change + charge + discharge))
    days = [day_number(date(year.year, month, 1)) - year.first_day for month in range(1, 13)]
    edges = np.searchsorted(known, QUARTER_HOURS_PER_HOUR * year.day_first_hour[[*days, -1]])
    for month, (first, last) in enumerate(pairwise(edges), start=1):
        own = known[first:last]
        if min(np.count_nonzero(sign * change[own] > _MOVE_MWH) for sign in (1, -1)) >= LEAST_MOVES:
            (up, down, _), errors, jumps = fit_changes(change[own], charge[own], discharge[own])
            least, most = LEAST_PER_MWH - 2 * errors, MOST_PER_MWH + 2 * errors
            right = least[0] <= up <= most[0] and least[1] <= down <= most[1]
            words = f"{battery} {year.year}-{month:02} {up:.3g} MWh for one charged, {down:.3g} for one discharged"
            yield battery, jumps, None if right else words


def soc_verdict(months: Sequence[MonthFit]) -> Verdict:
    """The verdict on the months of all batteries."""
    wrong = [words for _, _, words in months if words]
    batteries, jumps = len({battery for battery, _, _ in months}), sum(jumps for _, jumps, _ in months)
    of = f"{len(months)} months of {batteries} batteries with a state of charge"
    right = f"{of}, all follow it, {jumps} quarter-hours left out as jumps"
    return Verdict(
        not wrong,
        f"{len(wrong)} of {of} do not follow it: {some(wrong, '; ')}" if wrong else right,
        {"batteries": batteries, "months": len(months), "months_off": len(wrong), "quarter_hours_left_out": jumps},
    )
