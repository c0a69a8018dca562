"""What a battery's net output leaves room for: the most that energy and ancillary services together are worth in one interval of a simplified market.

Upward services and net output together stay below the power, and downward ones and net input do. Of each kind no more is held than a full, or an empty, battery
could sustain for as long as ERCOT asks. What is stored at the moment does not limit services, so that the optimum is a bound from above.
"""

from itertools import combinations

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.products import PRODUCTS

HOURS_TO_SUSTAIN = {"regup": 0.5, "regdn": 0.5, "rrs": 0.5, "ecrs": 1.0, "nspin": 4.0}
"""For how long a MW of each product must be deliverable; only regulation down is downward."""
_UP = [product for product in PRODUCTS if product != "regdn"]
_UP_HOURS = sorted({HOURS_TO_SUSTAIN[product] for product in _UP})


def corners(hours: float) -> FloatArray:
    """Net outputs, shares of the power, between which the worth of an interval is linear: the ends, rest, and where one product takes all of MW and MWh.

    Args:
        hours: MWh / MW of the battery.
    """
    turns = [-1.0, 0.0, 1.0, *(1 - hours / held for held in _UP_HOURS), hours / HOURS_TO_SUSTAIN["regdn"] - 1]
    return np.unique(np.clip(turns, -1.0, 1.0))


def upward_usd(mcpc: FloatArray, room: float, hours: float) -> FloatArray:
    """The most that upward services earn in each interval, $/MW of power and hour.

    Args:
        mcpc: prices by product in the order of `PRODUCTS`, $/MW per hour; shape (products, intervals).
        room: MW of them together, as a share of the power.
        hours: MWh / MW: what all of them together can sustain.
    """
    best = [
        np.max([mcpc[PRODUCTS.index(p)] for p in _UP if HOURS_TO_SUSTAIN[p] == held], axis=0, initial=0.0)
        for held in _UP_HOURS
    ]
    ways = [np.zeros_like(mcpc[0])]
    # an optimum holds one kind, or two that use up both MW and MWh
    ways += [usd * min(room, hours / held) for usd, held in zip(best, _UP_HOURS, strict=True)]
    for (usd, held), (other_usd, longer) in combinations(zip(best, _UP_HOURS, strict=True), 2):
        other = (hours - held * room) / (longer - held)
        if 0 <= other <= room:
            ways.append(usd * (room - other) + other_usd * other)
    return np.asarray(np.max(ways, axis=0))


def worth_usd(price: FloatArray, mcpc: FloatArray, hours: float) -> FloatArray:
    """What an interval is worth at each of the `corners` of net output, $/MW of power and hour; shape (intervals, corners).

    Args:
        price: of energy, $/MWh; shape (intervals,).
        mcpc: of services, as for `upward_usd`.
        hours: MWh / MW.
    """
    down = np.maximum(mcpc[PRODUCTS.index("regdn")], 0.0)
    most_down = hours / HOURS_TO_SUSTAIN["regdn"]
    return np.stack(
        [price * net + upward_usd(mcpc, 1 - net, hours) + down * min(1 + net, most_down) for net in corners(hours)],
        axis=1,
    )
