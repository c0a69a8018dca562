"""Ancillary service revenue: what a battery's capacity awards were worth, hour by hour and product by product; the AS formulas of both market designs.

Awards come from awards.py and dispatch.py, clearing prices from prices.py; daily.py sums the ledger.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult
from bess_assets.settlement.awards import both_sides
from bess_assets.settlement.energy import expected_steps
from bess_assets.settlement.grid import labels_array, repeated_text
from bess_assets.settlement.prices import LOWEST_MCPC, highest_mcpc, implausible, mcpc_grids, product_first_hours
from bess_assets.threads import in_order


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
    by_hour: FloatArray = amounts.reshape(*award_mw.shape, QUARTER_HOURS_PER_HOUR).sum(axis=-1)
    return by_hour


def as_revenue(inputs: Inputs) -> StepResult:
    """The AS ledger of every battery of the registry.

    Raises:
        InputError: a price file cannot be read.
    """
    findings = Findings()
    return StepResult(_chunks(inputs, findings), findings)


def _chunks(inputs: Inputs, findings: Findings) -> Iterator[Columns]:
    year = inputs.year
    registry = inputs.tables["bess_registry"].read(["battery", "expected_first_day", "expected_last_day"]).to_pylist()
    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    mcpc, rt_mcpc = mcpc_grids(inputs, findings)
    firsts = product_first_hours(year, mcpc)
    rtc_from = year.hour_of_day_number(day_number(RTC_FIRST_DAY))
    real_time = rtc_from < year.hours
    products = len(PRODUCTS)
    product_codes = labels_array(np.repeat(np.arange(products), year.hours), PRODUCTS)
    times = np.tile(year.hour_starts, products)
    days = np.tile((year.first_day + year.hour_day).astype(np.int32), products)
    existing = np.stack([np.arange(year.hours) >= firsts[p] for p in PRODUCTS])
    high = highest_mcpc(year.year)
    odd_hours = implausible(mcpc, LOWEST_MCPC, high) | implausible(rt_mcpc, LOWEST_MCPC, high).reshape(
        products, -1, 4
    ).any(axis=2)
    sides = [f"{p}_{side}_award_mw" for p in PRODUCTS for side in ("gen", "load")]
    rt_columns = [f"{p}_rt_award_mw" for p in PRODUCTS]

    def of(battery: tuple[int, dict[str, Any]]) -> Columns:
        n, row = battery
        own = awards.grids(sides, n, n + 1)
        award = np.stack([both_sides(own[f"{p}_gen_award_mw"][0], own[f"{p}_load_award_mw"][0]) for p in PRODUCTS])
        da = as_da_usd(award, mcpc)
        rt = np.full_like(da, np.nan)
        if real_time:
            rt_own = dispatch.grids(rt_columns, n, n + 1)
            rt_award = np.stack([rt_own[name][0] for name in rt_columns])
            later = slice(rtc_from, None)
            later_quarters = slice(QUARTER_HOURS_PER_HOUR * rtc_from, None)
            rt[:, later] = as_rt_usd(rt_award[:, later_quarters], award[:, later], rt_mcpc[:, later_quarters])
        revenue = da.copy()
        revenue[:, rtc_from:] += rt[:, rtc_from:]
        exists = existing.copy()
        within = expected_steps(year, row["expected_first_day"], row["expected_last_day"], 1)
        exists[:, : within.start] = False
        exists[:, within.stop :] = False
        for values in (da, rt, revenue):
            values[~exists] = np.nan
        return {
            "battery": repeated_text(row["battery"], len(times)),
            "product": product_codes,
            "interval_start": times,
            "operating_day": days,
            "award_mw": np.where(exists, award, np.nan).ravel(),
            "mcpc_usd_per_mw": np.where(exists, mcpc, np.nan).ravel(),
            "da_usd": da.ravel(),
            "rt_usd": rt.ravel(),
            "revenue_usd": revenue.ravel(),
            "exists": exists.ravel(),
            "implausible_price": (odd_hours & exists & (award != 0)).ravel(),
        }

    yield from in_order(inputs.threads, of, enumerate(registry))
