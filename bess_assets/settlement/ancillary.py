"""Ancillary service revenue: what a battery's capacity awards were worth, hour by hour and product by product; the AS formulas of both market designs.

Awards come from awards.py and dispatch.py, clearing prices from prices.py; daily.py sums the ledger.
"""

from collections.abc import Iterator

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Inputs, StepResult, step
from bess_assets.settlement.awards import SIDE_AWARDS, both_sides
from bess_assets.settlement.grid import each_battery, labels_array, repeated_text
from bess_assets.settlement.prices import clearing_prices, implausible, product_first_hours


def as_da_usd(award_mw: FloatArray, mcpc: FloatArray) -> FloatArray:
    """Day-ahead AS of an hour, $: `A * MCPC_DA`; before RTC+B, A is the sum of the generation and the load side, G + L.

    Args:
        award_mw: day-ahead award, MW.
        mcpc: day-ahead market clearing price for capacity, $/MW for the hour.

    Source: ERCOT Nodal Protocols 4.6.4.
    """
    return award_mw * mcpc


def as_rt_usd(rt_award_mw: FloatArray, award_mw: FloatArray, rt_mcpc: FloatArray) -> FloatArray:
    """Real-time AS of each hour, $: sum over its quarter-hours of `(R - A) * MCPC_RT / 4`; NaN if one of the four is unknown.

    Args:
        rt_award_mw: real-time award by quarter-hour, MW; shape (.., 4 x hours).
        award_mw: day-ahead award by hour, MW; shape (.., hours).
        rt_mcpc: real-time market clearing price for capacity by quarter-hour, $/MW per hour; shape (.., 4 x hours).

    Source: ERCOT Nodal Protocols 6.7 as of RTC+B (2025-12-05): real-time awards settle against the day-ahead position.
    """
    imbalance = rt_award_mw - np.repeat(award_mw, QUARTER_HOURS_PER_HOUR, axis=-1)
    amounts = imbalance * rt_mcpc / QUARTER_HOURS_PER_HOUR
    return np.asarray(amounts.reshape(*award_mw.shape, QUARTER_HOURS_PER_HOUR).sum(axis=-1))


@step
def as_revenue(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """The AS ledger of every battery of the registry.

    Raises:
        InputError: a price file cannot be read.
    """
    year = inputs.year
    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    mcpc, rt_mcpc = (clearing_prices(inputs, result.findings, dataset) for dataset in ("as_prices", "rt_as_prices"))
    firsts = product_first_hours(year, mcpc)
    rtc_from = year.hour_of_day_number(day_number(RTC_FIRST_DAY))
    later, later_quarters = slice(rtc_from, None), slice(QUARTER_HOURS_PER_HOUR * rtc_from, None)
    products = len(PRODUCTS)
    product_codes = labels_array(np.repeat(np.arange(products), year.hours), PRODUCTS)
    times = np.tile(year.hour_starts, products)
    operating_days = np.tile((year.first_day + year.hour_day).astype(np.int32), products)
    existing = np.stack([np.arange(year.hours) >= firsts[p] for p in PRODUCTS])
    odd_quarters = implausible("rt_as_prices", year.year, rt_mcpc).reshape(products, -1, QUARTER_HOURS_PER_HOUR)
    odd_hours = implausible("as_prices", year.year, mcpc) | odd_quarters.any(axis=2)
    rt_columns = [f"{p}_rt_award_mw" for p in PRODUCTS]

    def of(n: int, battery: str, days: slice) -> Columns:
        own = awards.numbers(list(SIDE_AWARDS), n)
        award = np.stack([both_sides(own[f"{p}_gen_award_mw"], own[f"{p}_load_award_mw"]) for p in PRODUCTS])
        da = as_da_usd(award, mcpc)
        rt = np.full_like(da, np.nan)
        revenue = da.copy()
        if rtc_from < year.hours:
            rt_award = np.stack([*dispatch.numbers(rt_columns, n).values()])
            rt[:, later] = as_rt_usd(rt_award[:, later_quarters], award[:, later], rt_mcpc[:, later_quarters])
            revenue[:, later] += rt[:, later]
        first, end = year.day_first_hour[[days.start, days.stop]]
        exists = existing.copy()
        exists[:, :first] = exists[:, end:] = False
        for values in (da, rt, revenue):
            values[~exists] = np.nan
        return {
            "battery": repeated_text(battery, len(times)),
            "product": product_codes,
            "interval_start": times,
            "operating_day": operating_days,
            "award_mw": np.where(exists, award, np.nan).ravel(),
            "mcpc_usd_per_mw": np.where(exists, mcpc, np.nan).ravel(),
            "da_usd": da.ravel(),
            "rt_usd": rt.ravel(),
            "revenue_usd": revenue.ravel(),
            "exists": exists.ravel(),
            "implausible_price": (odd_hours & exists & (award != 0)).ravel(),
        }

    yield from each_battery(inputs, of)
