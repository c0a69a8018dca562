"""Energy revenue: what a battery's awards and flows were worth, quarter-hour by quarter-hour; the energy formulas of both market designs.

Awards come from awards.py, flows from dispatch.py, prices from prices.py; daily.py sums the ledger.
"""

from collections.abc import Iterator

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.products import PRICE_SOURCES, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Columns, Inputs, StepResult, step
from bess_assets.settlement.grid import LedgerColumns, each_battery, labels_array
from bess_assets.settlement.prices import PriceGrid, implausible

UNKNOWN_REASONS = (
    "award unknown",
    "unobserved",
    "award unknown+unobserved",
    "unpriced",
    "award unknown+unpriced",
    "unobserved+unpriced",
    "award unknown+unobserved+unpriced",
    "not expected",
)
"""Why `energy_usd` is null; the first seven are sums of award unknown = 1, unobserved = 2, unpriced = 4, less one."""
_NOT_EXPECTED = UNKNOWN_REASONS.index("not expected")


def da_energy_usd(award_mw: FloatArray, da_price: FloatArray) -> FloatArray:
    """Day-ahead energy of a quarter-hour, $: `A / 4 * DASPP`.

    Args:
        award_mw: day-ahead award of the hour, MW; negative is a purchase.
        da_price: day-ahead settlement point price of the hour, $/MWh.

    Source: ERCOT Nodal Protocols 4.6.2.1; the hour's amount is spread evenly over its four quarter-hours to be matched with real time.
    """
    return award_mw / QUARTER_HOURS_PER_HOUR * da_price


def rt_metered_usd(discharge_mwh: FloatArray, charge_mwh: FloatArray, rt_price: FloatArray) -> FloatArray:
    """Real-time value of what flowed in a quarter-hour, $: `(D - C) * RTSPP`; with RTC+B, D - C is the signed net output Q.

    Source: ERCOT Nodal Protocols 6.6.3.
    """
    return (discharge_mwh - charge_mwh) * rt_price


def rt_da_offset_usd(award_mw: FloatArray, rt_price: FloatArray) -> FloatArray:
    """What the day-ahead sale takes back in real time in a quarter-hour, $: `-A / 4 * RTSPP`.

    Source: ERCOT Nodal Protocols 6.6.3.
    """
    return -award_mw / QUARTER_HOURS_PER_HOUR * rt_price


@step
def energy_revenue(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """The energy ledger of every battery of the registry."""
    year = inputs.year
    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    prices = PriceGrid.of(inputs)
    ledger = LedgerColumns(year, quarter_hours=True)

    def of(n: int, battery: str, days: slice) -> Columns:
        award = np.repeat(awards.numbers(["award_mw"], n)["award_mw"], QUARTER_HOURS_PER_HOUR)
        discharge, charge = dispatch.numbers(["discharge_mwh", "charge_mwh"], n).values()
        rt_price, da_price, rt_source, da_source = prices.of_battery(awards, n)
        da = da_energy_usd(award, da_price)
        metered = rt_metered_usd(discharge, charge, rt_price)
        offset = rt_da_offset_usd(award, rt_price)
        rt = metered + offset
        columns = {
            "da_usd": da,
            "rt_metered_usd": metered,
            "rt_da_offset_usd": offset,
            "rt_usd": rt,
            "energy_usd": da + rt,
            "charging_cost_usd": charge * rt_price,
        }
        expected = np.zeros(year.quarter_hours, dtype=bool)
        first, end = QUARTER_HOURS_PER_HOUR * year.day_first_hour[[days.start, days.stop]]
        expected[first:end] = True
        for values in columns.values():
            values[~expected] = np.nan
        reason = (
            1 * np.isnan(award)
            + 2 * (np.isnan(discharge) | np.isnan(charge))
            + 4 * (np.isnan(rt_price) | np.isnan(da_price))
            - 1
        )
        reason[~expected] = _NOT_EXPECTED
        odd = implausible("rt_prices", year.year, rt_price) | implausible("da_prices", year.year, da_price)
        return ledger.chunk(
            battery,
            **columns,
            da_price_source=labels_array(da_source, PRICE_SOURCES),
            rt_price_source=labels_array(rt_source, PRICE_SOURCES),
            implausible_price=odd & expected,
            expected=expected,
            unknown_reason=labels_array(reason, UNKNOWN_REASONS),
        )

    yield from each_battery(inputs, of)
