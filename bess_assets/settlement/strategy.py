"""What a battery lived on: energy, ancillary services, both, or neither. There is no official definition; the thresholds are ours."""

from collections.abc import Mapping
from typing import NamedTuple

ENERGY_ABOVE = 0.8  # energy share above which a battery is an energy arbitrageur
ANCILLARY_BELOW = 0.2  # energy share below which a battery lives on ancillary services
INACTIVE_USD_PER_MW_MONTH = 10.0  # positive revenue per MW of capacity and month below which a battery is inactive
INACTIVE_USD = 100.0  # the same for the whole period where the capacity is unknown


class Strategy(NamedTuple):
    """Columns of a board.

    Attributes:
        strategy: the label, None if a component of the revenue is unknown.
        energy_share: positive energy revenue / sum of positive components; None if a component is unknown or the sum is 0.
        top_as_product: ancillary service of largest positive revenue; None if there is none or one is unknown.
    """

    strategy: str | None
    energy_share: float | None
    top_as_product: str | None


def classify(
    energy_usd: float | None, products_usd: Mapping[str, float | None], capacity_mw: float | None, months: float
) -> Strategy:
    """Strategy of a period (methodology, section 10).

    Args:
        energy_usd: day-ahead and real-time energy revenue; None if unknown.
        products_usd: revenue of each ancillary service that exists; None if unknown.
        capacity_mw: size; None if unknown.
        months: calendar months of the period, a part of one as its share of days.
    """
    gains = {product: max(usd, 0.0) for product, usd in products_usd.items() if usd is not None}
    all_known = len(gains) == len(products_usd)
    best = max(gains, key=gains.__getitem__, default=None) if all_known else None
    top = best if best and gains[best] > 0 else None
    if energy_usd is None or not all_known:
        return Strategy(None, None, top)
    energy = max(energy_usd, 0.0)
    total = energy + sum(gains.values())
    share = energy / total if total > 0 else None
    least = INACTIVE_USD if capacity_mw is None else INACTIVE_USD_PER_MW_MONTH * capacity_mw * months
    if share is None or total < least:
        return Strategy("inactive", share, top)
    if share > ENERGY_ABOVE:
        return Strategy("energy_arbitrage", share, top)
    return Strategy("ancillary_services" if share < ANCILLARY_BELOW else "hybrid", share, top)
