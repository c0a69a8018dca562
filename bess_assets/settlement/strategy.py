"""What a battery lived on: energy, ancillary services, both, or neither.

Belongs here: the thresholds and the label. There is no official definition; these are ours.
Does not: the revenue itself (leaderboard.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

ENERGY_ABOVE = 0.8
"""Energy share above which a battery is an energy arbitrageur."""
ANCILLARY_BELOW = 0.2
"""Energy share below which it lives on ancillary services."""
INACTIVE_USD_PER_MW_MONTH = 10.0
"""Positive revenue under this, per MW of capacity and month, is no strategy."""
INACTIVE_USD = 100.0
"""The same where the capacity is unknown, for the whole period."""


@dataclass(frozen=True)
class Strategy:
    """The label and what it rests on.

    Attributes:
        label: energy_arbitrage, hybrid, ancillary_services, inactive; None if a component is unknown.
        energy_share: positive energy revenue / sum of positive components; None likewise or if that sum is 0.
        top_product: ancillary service of largest positive revenue, None if there is none or one is unknown.
    """

    label: str | None
    energy_share: float | None
    top_product: str | None


def classify(
    energy_usd: float | None, products_usd: Mapping[str, float | None], capacity_mw: float | None, months: float
) -> Strategy:
    """Strategy of a period.

    Args:
        energy_usd: day-ahead and real-time energy revenue; None if unknown.
        products_usd: revenue of each ancillary service that exists; None if unknown.
        capacity_mw: size; None if unknown.
        months: calendar months of the period, a part of one as its share of days.
    """
    gains = {p: None if usd is None else max(usd, 0.0) for p, usd in products_usd.items()}
    known = [gain for gain in gains.values() if gain is not None]
    best = max(gains, key=lambda p: gains[p] or 0.0, default=None)
    top = best if best and len(known) == len(gains) and (gains[best] or 0.0) > 0 else None
    if energy_usd is None or len(known) < len(gains):
        return Strategy(None, None, top)
    energy = max(energy_usd, 0.0)
    total = energy + sum(known)
    share = energy / total if total > 0 else None
    least = INACTIVE_USD if capacity_mw is None else INACTIVE_USD_PER_MW_MONTH * capacity_mw * months
    if total < least or share is None:
        return Strategy("inactive", share, top)
    label = (
        "energy_arbitrage" if share > ENERGY_ABOVE else "ancillary_services" if share < ANCILLARY_BELOW else "hybrid"
    )
    return Strategy(label, share, top)
