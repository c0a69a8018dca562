"""Energy revenue: what a battery's awards and flows were worth, quarter-hour by quarter-hour; the energy formulas of both market designs.

Awards come from awards.py, flows from dispatch.py, prices from prices.py; daily.py sums the ledger.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Columns, Inputs, StepResult
from bess_assets.settlement.grid import LedgerColumns, labels_array
from bess_assets.settlement.prices import LOWEST_DA_PRICE, LOWEST_RT_PRICE, PriceGrid, highest_price, implausible
from bess_assets.threads import in_order

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


def expected_steps(year: OperatingYear, first: object, last: object, per_hour: int) -> slice:
    """The hours (or quarter-hours) from the first to the last expected day of a battery."""
    start = year.hour_of_day_number(day_number(first))  # type: ignore[arg-type]
    end = year.hour_of_day_number(day_number(last) + 1)  # type: ignore[arg-type]
    return slice(start * per_hour, end * per_hour)


def energy_revenue(inputs: Inputs) -> StepResult:
    """The energy ledger of every battery of the registry."""
    return StepResult(_chunks(inputs))


def _chunks(inputs: Inputs) -> Iterator[Columns]:
    year = inputs.year
    registry = inputs.tables["bess_registry"].read(["battery", "expected_first_day", "expected_last_day"]).to_pylist()
    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    prices = PriceGrid.of(inputs.tables["bess_prices"], year, inputs.threads)
    ledger = LedgerColumns(year, quarter_hours=True)
    quarter_hours = np.arange(year.quarter_hours)
    high = highest_price(year.year)

    def of(battery: tuple[int, dict[str, Any]]) -> Columns:
        n, row = battery
        award = np.repeat(awards.grids(["award_mw"], n, n + 1)["award_mw"][0], QUARTER_HOURS_PER_HOUR)
        codes, texts = awards.labels("settlement_point", n, n + 1)
        point = np.repeat(prices.rows(codes[0], texts), QUARTER_HOURS_PER_HOUR)
        flows = dispatch.grids(["discharge_mwh", "charge_mwh"], n, n + 1)
        discharge, charge = flows["discharge_mwh"][0], flows["charge_mwh"][0]
        rt_price, da_price = prices.rt[point, quarter_hours], prices.da[point, quarter_hours]
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
        expected[expected_steps(year, row["expected_first_day"], row["expected_last_day"], QUARTER_HOURS_PER_HOUR)] = (
            True
        )
        for values in columns.values():
            values[~expected] = np.nan
        reason = (
            1 * np.isnan(award)
            + 2 * (np.isnan(discharge) | np.isnan(charge))
            + 4 * (np.isnan(rt_price) | np.isnan(da_price))
            - 1
        )
        reason[~expected] = _NOT_EXPECTED
        odd = implausible(rt_price, LOWEST_RT_PRICE, high) | implausible(da_price, LOWEST_DA_PRICE, high)
        return ledger.chunk(
            row["battery"],
            **columns,
            implausible_price=odd & expected,
            expected=expected,
            unknown_reason=labels_array(reason, UNKNOWN_REASONS),
        )

    yield from in_order(inputs.threads, of, enumerate(registry))
