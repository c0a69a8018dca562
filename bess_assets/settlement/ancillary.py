"""Ancillary service revenue: what a battery's capacity awards were worth, hour by hour and product by product; the AS formulas of both market designs.

Awards come from awards.py and dispatch.py, clearing prices from prices.py; daily.py makes a table of the day sums.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.products import PRICE_COUNTS, PRICE_SOURCES, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Inputs, StepResult, StoredTable, step
from bess_assets.settlement.awards import SIDE_AWARDS, both_sides
from bess_assets.settlement.days import Days, Labels, days_name, is_one_of
from bess_assets.settlement.grid import LedgerColumns, each_battery, labels_array
from bess_assets.settlement.prices import day_ahead_mcpc, implausible, product_first_hours
from bess_assets.settlement.row_gaps import GAP_WORDS
from bess_assets.settlement.run_prices import RT_MCPC_SOURCES, real_time_mcpc
from bess_assets.settlement.runs import RunReader


def as_da_usd(award_mw: FloatArray, mcpc: FloatArray) -> FloatArray:
    """Day-ahead AS of an hour, $: `A * MCPC_DA`; before RTC+B, A is the sum of the generation and the load side, G + L.

    Args:
        award_mw: day-ahead award, MW.
        mcpc: day-ahead market clearing price for capacity, $/MW for the hour.

    Source: ERCOT Nodal Protocols 4.6.4.
    """
    return award_mw * mcpc


def as_rt_usd(rt_award_mw: FloatArray, own_price: FloatArray, award_mw: FloatArray, rt_mcpc: FloatArray) -> FloatArray:
    """Real-time AS of each hour, $: sum over its quarter-hours of `(R * P - A * MCPC_RT) / 4`; NaN if one of the four is unknown.

    Args:
        rt_award_mw: real-time award by quarter-hour, MW; shape (.., 4 x hours).
        own_price: price of that award, $/MW per hour, as `own_price_usd_per_mw` gives it; same shape.
        award_mw: day-ahead award by hour, MW; shape (.., hours).
        rt_mcpc: real-time market clearing price for capacity by quarter-hour, $/MW per hour; shape (.., 4 x hours).

    Source: ERCOT Nodal Protocols 6.7.2.2: the real-time award is paid, and the day-ahead position bought back.
    """
    bought_back = np.repeat(award_mw, QUARTER_HOURS_PER_HOUR, axis=-1) * rt_mcpc
    return by_hour((rt_award_mw * own_price - bought_back) / QUARTER_HOURS_PER_HOUR)


def own_price_usd_per_mw(run_price: FloatArray, rest: FloatArray, rt_mcpc: FloatArray) -> FloatArray:
    """Price of a real-time award, $/MW per hour: its own run price and the rest of the quarter-hour's price, else the quarter-hour's.

    Args:
        run_price: run prices and adders weighted by the award, NaN where a second of it has none.
        rest: what MCPC_RT is above the mean of run prices and adders.
        rt_mcpc: real-time market clearing price for capacity of the quarter-hour.

    Source: ERCOT Nodal Protocols 6.7.2.2.
    """
    return np.where(np.isnan(run_price), rt_mcpc, run_price + rest)


def by_hour(quarter_hours: FloatArray) -> FloatArray:
    """Sums of the four quarter-hours of each hour, over the last axis."""
    first, second, third, fourth = (
        quarter_hours[..., n::QUARTER_HOURS_PER_HOUR] for n in range(QUARTER_HOURS_PER_HOUR)
    )
    return np.asarray(first + second + third + fourth)


@step
def as_revenue(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """The AS ledger of every battery of the registry.

    Raises:
        InputError: a price file cannot be read.
    """
    year = inputs.year
    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    mcpc, mcpc_source = day_ahead_mcpc(inputs, result.findings)
    runs = RunReader(inputs, "sced_esr_resources", [], []).starts
    rt_mcpc, rest, rt_source = real_time_mcpc(inputs, result.findings, runs)
    firsts = product_first_hours(year, mcpc)
    rtc_from = year.hour_of_day_number(day_number(RTC_FIRST_DAY))
    later, later_quarters = slice(rtc_from, None), slice(QUARTER_HOURS_PER_HOUR * rtc_from, None)
    products = len(PRODUCTS)
    ledger, days = LedgerColumns(year, quarter_hours=False), Days(year)
    result.kept[days_name("as_revenue")] = of_days = list[Columns]()
    existing = np.stack([np.arange(year.hours) >= firsts[p] for p in PRODUCTS])
    odd_quarters = implausible("rt_as_prices", year.year, rt_mcpc).reshape(products, -1, QUARTER_HOURS_PER_HOUR)
    odd_hours = implausible("as_prices", year.year, mcpc) | odd_quarters.any(axis=2)
    # the same for every battery
    sources = {word: mcpc_source == code for code, word in enumerate(PRICE_SOURCES)}
    source_columns = _columns(
        mcpc_source=[labels_array(codes, PRICE_SOURCES) for codes in mcpc_source],
        rt_mcpc_source=[labels_array(c, RT_MCPC_SOURCES) for c in rt_source[:, ::QUARTER_HOURS_PER_HOUR]],
    )
    rt_columns = [f"{p}_{name}" for name in ("rt_award_mw", "rt_price_usd_per_mw") for p in PRODUCTS]

    def of(n: int, battery: str, expected_days: slice) -> Columns:
        own = awards.numbers(["award_mw", *SIDE_AWARDS], n)
        award = np.stack([both_sides(own[f"{p}_gen_award_mw"], own[f"{p}_load_award_mw"]) for p in PRODUCTS])
        da = as_da_usd(award, mcpc)
        rt = np.full_like(da, np.nan)
        revenue, rt_award_usd, run_share = da.copy(), rt.copy(), rt.copy()
        if rtc_from < year.hours:
            own_rt = np.stack([*dispatch.numbers(rt_columns, n).values()])[:, later_quarters]
            rt_award, run_price = own_rt[:products], own_rt[products:]
            price = own_price_usd_per_mw(run_price, rest[:, later_quarters], rt_mcpc[:, later_quarters])
            rt[:, later] = as_rt_usd(rt_award, price, award[:, later], rt_mcpc[:, later_quarters])
            revenue[:, later] += rt[:, later]
            paid = rt_award * price / QUARTER_HOURS_PER_HOUR
            rt_award_usd[:, later] = by_hour(paid)
            at_run_prices, in_all = by_hour(np.abs(np.where(np.isnan(run_price), 0.0, paid))), by_hour(np.abs(paid))
            run_share[:, later] = np.divide(at_run_prices, in_all, where=in_all > 0, out=np.full_like(in_all, np.nan))
        first, end = year.day_first_hour[[expected_days.start, expected_days.stop]]
        exists = existing.copy()
        exists[:, :first] = exists[:, end:] = False
        if not exists.all():  # as a rule a battery is there all year
            for values in (da, rt, revenue, rt_award_usd, run_share):
                values[~exists] = np.nan
        grids = {
            "award_mw": np.where(exists, award, np.nan),
            "mcpc_usd_per_mw": np.where(exists, mcpc, np.nan),
            "da_usd": da,
            "rt_usd": rt,
            "rt_award_usd": rt_award_usd,
            "rt_run_price_share": run_share,
            "revenue_usd": revenue,
            "exists": exists,
            "implausible_price": odd_hours & exists & (award != 0),
        }
        of_days.append(as_days(days, grids, sources, own, awards.labels("row_gap", n)))
        return ledger.chunk(battery, **_columns(**grids), **source_columns)

    yield from each_battery(inputs, of)


def _columns(**by_product: Sequence[Any]) -> Columns:
    """The columns of the AS ledger from what they hold by product."""
    return {f"{p}_{name}": values for name, own in by_product.items() for p, values in zip(PRODUCTS, own, strict=True)}


def by_product(ledger: StoredTable, names: Sequence[str], n: int) -> dict[str, np.ndarray]:
    """What the AS ledger holds of the n-th battery by product; shape (products, hours)."""
    found = ledger.numbers([f"{p}_{name}" for name in names for p in PRODUCTS], n)
    return {name: np.stack([found[f"{p}_{name}"] for p in PRODUCTS]) for name in names}


def stored_days(days: Days, ledger: StoredTable, awards: StoredTable, n: int) -> Columns:
    """`as_days` of the n-th battery from the stored ledger and awards."""
    said = [ledger.labels(f"{p}_mcpc_source", n) for p in PRODUCTS]
    sources = {word: np.stack([is_one_of(own, [word]) for own in said]) for word in PRICE_SOURCES}
    own = awards.numbers(["award_mw", *SIDE_AWARDS], n)
    return as_days(days, by_product(ledger, _BY_DAY, n), sources, own, awards.labels("row_gap", n))


_BY_DAY = (
    *("award_mw", "da_usd", "rt_usd", "revenue_usd", "rt_award_usd", "rt_run_price_share"),
    *("exists", "implausible_price"),
)


def as_days(
    days: Days,
    ledger: Mapping[str, np.ndarray],
    sources: Mapping[str, BoolArray],
    awards: Mapping[str, FloatArray],
    gaps: Labels,
) -> Columns:
    """Day sums of a battery's AS money by product, and counts of the hours by what is known.

    Args:
        days: the days.
        ledger: its AS ledger by product, with the columns `_BY_DAY`; shape (products, hours), as of `sources`.
        sources: where the day-ahead MCPC comes from each of `PRICE_SOURCES`.
        awards: its day-ahead awards of energy and, by side, of AS, MW; shape (hours,).
        gaps: its `row_gap` by hour.
    """
    award, da, rt, revenue, rt_award, share, exists, implausible = (ledger[name] for name in _BY_DAY)
    awarded = np.nan_to_num(award) != 0
    priced = {
        name: days.count(sources[word] & awarded).sum(axis=0) for word, name in PRICE_COUNTS["day-ahead AS"].items()
    }
    known = ~np.isnan(revenue)
    hours = {"expected_hours": days.count(exists), "hours": days.count(known)}
    sums = {"": days.total(revenue), "_da": days.total(da, known), "_rt": days.total(rt, known)}
    unmatched = days.total(da, ~known)
    positive = awards["award_mw"] > 0
    for k, p in enumerate(PRODUCTS):
        positive |= ((awards[f"{p}_gen_award_mw"] > 0) | (awards[f"{p}_load_award_mw"] > 0)) & exists[k]
    return {
        **{f"as_{p}{leg}_usd": sums[leg][k] for leg in sums for k, p in enumerate(PRODUCTS)},
        "as_da_unmatched_usd": _sum_of_products(unmatched),
        "as_rt_award_usd": _sum_of_products(days.total(rt_award)),
        "as_rt_run_usd": _sum_of_products(days.total(rt_award * share)),
        "as_hours": days.count((known | ~exists).all(axis=0) & exists.any(axis=0)),
        **{f"{p}_{what}": counts[k] for what, counts in hours.items() for k, p in enumerate(PRODUCTS)},
        "implausible_as_hours": days.count(implausible).sum(axis=0),
        **priced,
        "gap_hours": days.count(gaps[0] >= 0),
        "gap_unknown_hours": days.count(is_one_of(gaps, [GAP_WORDS[True]])),
        "award_positive": days.count(positive) > 0,
    }


def _sum_of_products(values: FloatArray) -> FloatArray:
    """Sum over products of what is known, NaN where nothing is."""
    return np.where(np.isnan(values).all(axis=0), np.nan, np.nansum(values, axis=0))
