"""Day-ahead awards held against the limits, clearing prices and settlement prices that their own rows state; no figure is made of these columns."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import Findings, Inputs, Verdict, some
from bess_assets.errors import InputError
from bess_assets.settlement.prices import PRICE_TOLERANCE_USD, ROUNDING, clearing_prices, ranked
from bess_assets.settlement.stated import STATED_MCPC, STATED_PRICE

ENERGY_LIMITS_CHECK = "energy_awards_lie_within_the_limits_of_their_resource"
CAPACITY_CHECK = "ancillary_awards_fit_between_the_limits_of_their_resource"
LOAD_CHECK = "load_side_awards_fit_the_power_of_their_resource"
MCPC_CHECK = "day_ahead_files_state_the_published_clearing_prices"

LIMIT_TOLERANCE_MW = 0.05
"""An award may go beyond a limit by this much: ERCOT publishes both to a tenth of a megawatt."""

UPWARD = ("regup", "rrs", "ecrs", "nspin")
DOWNWARD = ("regdn",)

LIMITS_AND_PRICE = ("lsl_mw", "hsl_mw", STATED_PRICE)
"""Columns of day-ahead rows that are only compared: limits, MW, and the settlement point price."""


def _worst(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return some([f"{name} {count:,}" for name, count in ordered])


def outside_limits(award: FloatArray, lsl: FloatArray, hsl: FloatArray) -> BoolArray:
    """True where an energy award lies outside LSL..HSL; False for no award, 0, and where either limit is unknown."""
    beyond = (award < lsl - LIMIT_TOLERANCE_MW) | (award > hsl + LIMIT_TOLERANCE_MW)
    return beyond & _some(award) & ~np.isnan(lsl) & ~np.isnan(hsl)


def fits(awards: Mapping[str, FloatArray], lsl: FloatArray, hsl: FloatArray) -> BoolArray:
    """True where ancillary awards upward, or downward, fit together between LSL and HSL, and none is negative; an unknown award or limit fits."""
    fit = np.ones(lsl.shape, dtype=bool)
    for products in (UPWARD, DOWNWARD):
        together = np.zeros(lsl.shape)
        for product in products:
            own = awards[f"{product}_award_mw"]
            together += np.nan_to_num(own)
            fit &= ~(own < -LIMIT_TOLERANCE_MW)
        fit &= ~(together > hsl - lsl + LIMIT_TOLERANCE_MW)
    return fit


def load_verdict(beyond: Mapping[str, int], compared: int) -> Verdict:
    """The verdict on rows whose awards do not fit the maximum power of their load resource, by resource, of so many rows with one; repeated rows count."""
    count = sum(beyond.values())
    detail = f"{f'{count:,}' if count else 'none'} of {compared:,} rows of load resources with a maximum power below 0 or above it"
    numbers = {"rows_beyond": count, "rows_compared": compared}
    return Verdict(not count, f"{detail}: {_worst(beyond)}" if count else detail, numbers)


# resources; by resource and hour whether there is an award, a known limit, and an award beyond it
Limited = tuple[Sequence[str], BoolArray, BoolArray, BoolArray]


def _limits_verdict(parts: Sequence[Limited], what: str, beyond: str) -> Verdict:
    compared, unknown = (
        sum(int((awarded & (known == there)).sum()) for _, awarded, known, _ in parts) for there in (True, False)
    )
    by_name = Counter[str]()
    for names, _, _, outside in parts:
        by_name.update(dict(zip(names, outside.sum(axis=1).tolist(), strict=True)))
    hours = by_name.total()
    detail = f"none of {compared:,} {what} {beyond}" if compared else f"no {what} to compare"
    if hours:
        detail = f"{hours:,} of {compared:,} {what} {beyond}: {_worst(+by_name)}"
    numbers = {
        "hours_beyond": hours,
        "hours_compared": compared,
        "hours_without_limits": unknown,
        "resources_beyond": len(+by_name),
    }
    return Verdict(not hours, f"{detail}; limits not stated in {unknown:,}" if unknown else detail, numbers)


def award_verdicts(
    inputs: Inputs, sides: Sequence[tuple[Sequence[str], Mapping[str, FloatArray], Mapping[str, FloatArray], slice]]
) -> dict[str, Verdict]:
    """Verdicts on the awards of day-ahead rows against the limits and prices of the same rows, by name of the check.

    Args:
        inputs: year and rollups, for the published prices.
        sides: of generation and of storage the resources; awards as `award_mw`, `regup_award_mw`, .. by resource and hour, NaN where unknown; what their rows
            state, by column; and the hours of the year for which their dataset is read.
    """
    energy, services = list[Limited](), list[Limited]()
    for names, awards, stated, part in sides:
        own = {name: grid[:, part] for name, grid in awards.items()}
        lsl, hsl = stated["lsl_mw"][:, part], stated["hsl_mw"][:, part]
        known = ~np.isnan(lsl) & ~np.isnan(hsl)
        energy.append((names, _some(own["award_mw"]), known, outside_limits(own["award_mw"], lsl, hsl)))
        awarded = np.any([_some(own[f"{product}_award_mw"]) for product in PRODUCTS], axis=0)
        services.append((names, awarded, known, awarded & ~fits(own, lsl, hsl)))
    return {
        ENERGY_LIMITS_CHECK: _limits_verdict(energy, "hours with an energy award", "outside LSL..HSL"),
        CAPACITY_CHECK: _limits_verdict(services, "hours with an ancillary award", "above HSL - LSL"),
        MCPC_CHECK: _mcpc_verdict(inputs, [(part, stated) for *_, stated, part in sides if STATED_MCPC[0] in stated]),
    }


def _mcpc_verdict(inputs: Inputs, sides: Sequence[tuple[slice, Mapping[str, FloatArray]]]) -> Verdict:
    if not sides:
        return Verdict(passed=True, detail="not stated by these files", numbers={"hours_compared": 0})
    try:
        # findings of the price files themselves are those of as_revenue
        published, _ = ranked(clearing_prices(inputs, Findings(), "as_prices"))
    except InputError as error:
        return Verdict(passed=False, detail=f"the published prices cannot be read: {error.problem}")
    compared, largest, differing = 0, 0.0, Counter[str]()
    for part, stated in sides:
        for product, name, prices in zip(PRODUCTS, STATED_MCPC, published, strict=True):
            # of the resources that state a price for an hour the one furthest off
            gap = np.fmax.reduce(np.abs(stated[name][:, part] - prices[part]), axis=0, initial=np.nan)
            count, wrong, most = differences(gap)
            compared, largest = compared + count, max(largest, most)
            differing[product] += wrong
    return price_verdict("product hours", compared, +differing, largest)


def _some(award: FloatArray) -> BoolArray:
    """True where an award is known and not 0."""
    return np.asarray((award != 0) & ~np.isnan(award))


def price_verdict(what: str, compared: int, differing: Mapping[str, int], largest: float) -> Verdict:
    """The verdict on so many pairs of statements of one price: numbers that differ by more than a cent, by product or battery; the largest difference, $."""
    count = sum(differing.values())
    detail = (
        f"{compared:,} {what} agree to {PRICE_TOLERANCE_USD} $"
        if compared
        else "not stated together with a published price"
    )
    if count:
        detail = f"{count:,} of {compared:,} {what} differ by more than {PRICE_TOLERANCE_USD} $, at most {largest:,.2f} $: {_worst(differing)}"
    numbers = {"hours_compared": compared, "hours_differing": count, "largest_difference_usd": largest}
    return Verdict(not count, detail, numbers)


def differences(gap: FloatArray) -> tuple[int, int, float]:
    """Of how far pairs of statements of one price are apart, $: number of known ones, number over a cent, and the largest."""
    gap = gap[~np.isnan(gap)]
    return len(gap), int((gap > PRICE_TOLERANCE_USD + ROUNDING).sum()), float(gap.max(initial=0.0))
