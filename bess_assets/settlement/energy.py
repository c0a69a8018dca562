"""Energy revenue: what a battery's awards and flows were worth, quarter-hour by quarter-hour; the energy formulas of both market designs.

Awards come from awards.py, flows from dispatch.py, prices from prices.py; daily.py makes a table of the day sums.
"""

from collections.abc import Iterator

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.products import PRICE_COUNTS, PRICE_SOURCES, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Columns, Inputs, StepResult, step
from bess_assets.settlement.days import Chunk, Days, Ledger, days_name, is_one_of
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
def energy_revenue(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """The energy ledger of every battery of the registry."""
    year = inputs.year
    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    prices = PriceGrid.of(inputs)
    ledger, days = LedgerColumns(year, quarter_hours=True), Days(year)
    result.kept[days_name("energy_revenue")] = of_days = list[Columns]()

    def of(n: int, battery: str, expected_days: slice) -> Columns:
        award = np.repeat(awards.numbers(["award_mw"], n)["award_mw"], QUARTER_HOURS_PER_HOUR)
        flows = dispatch.numbers(["discharge_mwh", "charge_mwh"], n)
        discharge, charge = flows.values()
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
        first, end = QUARTER_HOURS_PER_HOUR * year.day_first_hour[[expected_days.start, expected_days.stop]]
        expected[first:end] = True
        for values in columns.values():
            values[:first] = values[end:] = np.nan
        reason = (
            1 * np.isnan(award)
            + 2 * (np.isnan(discharge) | np.isnan(charge))
            + 4 * (np.isnan(rt_price) | np.isnan(da_price))
            - 1
        )
        reason[:first] = reason[end:] = _NOT_EXPECTED
        odd = implausible("rt_prices", year.year, rt_price) | implausible("da_prices", year.year, da_price)
        chunk = ledger.chunk(
            battery,
            **columns,
            da_price_source=labels_array(da_source, PRICE_SOURCES),
            rt_price_source=labels_array(rt_source, PRICE_SOURCES),
            implausible_price=odd & expected,
            expected=expected,
            unknown_reason=labels_array(reason, UNKNOWN_REASONS),
        )
        of_days.append(energy_days(days, Chunk(chunk), Chunk(flows), n))
        return chunk

    yield from each_battery(inputs, of)


def energy_days(days: Days, ledger: Ledger, dispatch: Ledger, n: int) -> Columns:
    """Day sums of the n-th battery's energy: money of the quarter-hours in which both legs are known, and what is not known of the others."""
    money = ["da_usd", "rt_usd", "energy_usd", "rt_metered_usd", "rt_da_offset_usd", "charging_cost_usd"]
    usd = ledger.numbers([*money, "implausible_price"], n)
    matched = ~np.isnan(usd["energy_usd"])
    da, rt = days.total(usd["da_usd"], matched), days.total(usd["rt_usd"], matched)
    discharge, charge = dispatch.numbers(["discharge_mwh", "charge_mwh"], n).values()
    reasons = ledger.labels("unknown_reason", n)
    unpriced, no_award = (
        is_one_of(reasons, [why for why in UNKNOWN_REASONS if word in why]) for word in ("unpriced", "award unknown")
    )
    # a real-time price that is there shows in one of its products at least; a missing day-ahead price alone leaves no MWh unpriced
    unknown = [np.isnan(usd[name]) for name in ("rt_metered_usd", "rt_da_offset_usd", "charging_cost_usd")]
    priced = ~(unknown[0] & unknown[1] & unknown[2])
    moved = np.where(np.isnan(discharge) & np.isnan(charge), np.nan, np.nan_to_num(discharge) + np.nan_to_num(charge))
    return {
        "da_energy_usd": da,
        "rt_energy_usd": rt,
        "energy_usd": da + rt,
        "da_unmatched_usd": days.total(usd["da_usd"], ~matched),
        "rt_metered_usd": days.total(usd["rt_metered_usd"]),
        "charging_cost_usd": days.total(usd["charging_cost_usd"]),
        "energy_quarter_hours": days.count(matched),
        "implausible_quarter_hours": days.count(usd["implausible_price"] > 0),
        **{
            PRICE_COUNTS[words][source]: count
            for market, words in (("da", "day-ahead energy"), ("rt", "real-time energy"))
            for source, count in days.sources(ledger, f"{market}_price_source", n, PRICE_COUNTS[words]).items()
        },
        "unpriced_quarter_hours": days.count(unpriced),
        "award_unknown_quarter_hours": days.count(no_award),
        "unpriced_mwh": days.total(moved, unpriced & ~priced),
    }
