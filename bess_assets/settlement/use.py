"""How a battery was used: when it was out, how deep it cycled, what it held for ancillary services, and its energy money beside top-bottom spreads.

Availability is that of the day-ahead files: an hour is *out* where the status of its row is OUT, or the high sustained limit below half of the capacity. In
real time it may have been otherwise.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS, QUARTER_HOURS_PER_HOUR, TB_HOURS
from bess_assets.ercot.step import Columns, Inputs, StepResult, in_columns, step
from bess_assets.settlement.ancillary import by_product
from bess_assets.settlement.awards import LIMIT
from bess_assets.settlement.daily import spreads
from bess_assets.settlement.days import Days
from bess_assets.settlement.grid import each_battery
from bess_assets.settlement.prices import PriceGrid

OUT_BELOW = 0.5  # of the capacity
SWING_ENDS_AT = 0.05  # of the MWh, charged: smaller chargings are part of the discharge
DEPTHS = (0.25, 0.5, 0.75)
"""Bounds between classes of depth of a discharge, as shares of the MWh; a bound belongs to the class above it."""
DEPTH_COLUMNS = ("discharges_under_25", "discharges_25_to_50", "discharges_50_to_75", "discharges_over_75")
_UNKNOWN_WITHOUT = {
    "as_known_hours": ("as_up_mwh", "as_down_mwh"),
    "flow_quarter_hours": ("throughput_mwh", *DEPTH_COLUMNS),
    **{f"tb_{b}_days": (f"tb_{b}_actual_usd", *(f"tb{hours}_{b}_usd" for hours in TB_HOURS)) for b in ("da", "rt")},
}
"""By count: the columns of a month that are unknown where it is zero."""
_HOUR_SECONDS = 3_600


def discharges(net_mwh: FloatArray, least_mwh: float) -> list[tuple[int, float]]:
    """The discharges of a battery: the interval in which each ends, and its depth, MWh.

    A discharge goes from a highest to a lowest of what is stored; chargings of less than `least_mwh` in between are part of it.

    Args:
        net_mwh: discharge less charge by interval; NaN counts as no flow.
        least_mwh: above zero.
    """
    flow = np.nan_to_num(net_mwh)
    at = np.flatnonzero(flow)
    if not len(at):
        return []
    turns = np.flatnonzero(np.diff(np.sign(flow[at]), prepend=0.0))
    moves = -np.add.reduceat(flow[at], turns)
    ends = at[np.append(turns[1:], len(at)) - 1]
    found, level, high, low, end, falling = [], 0.0, 0.0, 0.0, 0, False
    for move, last in zip(moves.tolist(), ends.tolist(), strict=True):
        level += move
        if falling:
            if level < low:
                low, end = level, last
            elif level - low >= least_mwh:
                found.append((end, high - low))
                falling, high = False, level
        elif level > high:
            high = level
        elif high - level >= least_mwh:
            falling, low, end = True, level, last
    return [*found, (end, high - low)] if falling else found


def out_hours(limits: FloatArray, capacity: float, expected: slice, days: Days) -> BoolArray:
    """True in the expected hours in which a battery is out, by its `day_ahead_limit_mw`."""
    out = limits < OUT_BELOW * capacity
    first, end = days.year.day_first_hour[[expected.start, expected.stop]]
    out[:first] = out[end:] = False
    return out


def _sizes(inputs: Inputs) -> list[tuple[float, float]]:
    """MW and MWh of each battery, NaN where unknown."""
    registry = inputs.tables["bess_registry"].read(["capacity_mw", "energy_mwh"]).to_pydict()
    return [(mw or np.nan, mwh or np.nan) for mw, mwh in zip(*registry.values(), strict=True)]


def _runs(flags: BoolArray) -> Iterator[tuple[int, int]]:
    """First position, and the one after the last, of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


@step
def outages(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Each stretch of hours in a row in which a battery is out by the day-ahead files."""
    days, awards, sizes = Days(inputs.year), inputs.tables["bess_awards"], _sizes(inputs)
    starts = inputs.year.hour_starts

    def of(n: int, battery: str, expected: slice) -> list[dict[str, Any]]:
        capacity, limits = sizes[n][0], awards.numbers([LIMIT], n)[LIMIT]
        return [
            {
                "battery": battery,
                "first_hour": int(starts[first]) * 1_000_000,
                "hours": end - first,
                "end": (int(starts[end - 1]) + _HOUR_SECONDS) * 1_000_000,
                "out_mw": float(capacity - limits[first:end].mean()),
            }
            for first, end in _runs(out_hours(limits, capacity, expected, days))
        ]

    yield from in_columns([row for rows in each_battery(inputs, of) for row in rows])


@step
def use_monthly(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Each battery and month: availability, services held, throughput, discharges by depth, and energy money beside spreads."""
    year, days, sizes = inputs.year, Days(inputs.year), _sizes(inputs)
    prices = PriceGrid.of(inputs)
    awards, flows, ledger, services = (
        inputs.tables[name] for name in ("bess_awards", "bess_dispatch", "energy_revenue", "as_revenue")
    )
    months = days.months
    month_first_day = np.searchsorted(months, np.arange(1, 14))
    purchases = days.numbers >= day_number(DAM_ESR_FIRST_DAY)
    up = np.array([product != "regdn" for product in PRODUCTS])

    def by_month(of_day: FloatArray | IntArray) -> FloatArray:
        return np.asarray(np.add.reduceat(np.nan_to_num(of_day), month_first_day[:-1]))

    def of(n: int, battery: str, expected: slice) -> list[dict[str, Any]]:
        capacity, size = sizes[n]
        there = np.zeros(year.days, dtype=bool)
        there[expected] = True
        limits = awards.numbers([LIMIT], n)[LIMIT]
        out = out_hours(limits, capacity, expected, days)
        begun = np.zeros(year.hours, dtype=bool)
        begun[[first for first, _ in _runs(out)]] = True
        award, exists = by_product(services, ["award_mw", "exists"], n).values()
        known = (exists & ~np.isnan(award)).any(axis=0) & (~np.isnan(award) | ~exists).all(axis=0)
        award = np.where(known, np.nan_to_num(award), 0.0)
        discharge, charge = flows.numbers(["discharge_mwh", "charge_mwh"], n).values()
        observed = days.count(~np.isnan(discharge) | ~np.isnan(charge))
        sums: dict[str, FloatArray] = {
            "expected_hours": by_month(np.where(there, days.hours, 0)),
            "limit_hours": by_month(np.where(there, days.count(~np.isnan(limits)), 0)),
            "out_hours": by_month(days.count(out)),
            "outages": by_month(days.count(begun)),
            "as_known_hours": by_month(days.count(known)),
            "as_hours": by_month(days.count(award.sum(axis=0) > 0)),
            "as_up_mwh": by_month(days.total(award[up].sum(axis=0))),
            "as_down_mwh": by_month(days.total(award[~up].sum(axis=0))),
            "flow_quarter_hours": by_month(np.where(there, observed, 0)),
            "throughput_mwh": by_month(
                np.where(there, days.total(np.nan_to_num(discharge) + np.nan_to_num(charge)), 0)
            ),
        }
        classes = np.zeros((len(DEPTH_COLUMNS), 12))
        if size > 0 and (swings := discharges(discharge - charge, SWING_ENDS_AT * size)):
            ends, depths = (np.array(of_swings) for of_swings in zip(*swings, strict=True))
            of_depth = np.searchsorted(DEPTHS, depths / size, side="right")
            np.add.at(classes, (of_depth, months[year.quarter_hour_day[ends]] - 1), 1)
        usd = ledger.numbers(["da_usd", "rt_metered_usd"], n)
        rt_price, da_price, *_ = prices.of_battery(awards, n)
        for basis, money, price, can in (
            ("da", usd["da_usd"], da_price[::QUARTER_HOURS_PER_HOUR], purchases),
            ("rt", usd["rt_metered_usd"], rt_price, there),
        ):
            whole = (days.count(~np.isnan(money)) == days.quarter_hours) & can & (capacity > 0)
            sums[f"tb_{basis}_days"] = by_month(whole)
            sums[f"tb_{basis}_actual_usd"] = by_month(np.where(whole, days.total(money), 0.0))
            for hours in TB_HOURS:
                sums[f"tb{hours}_{basis}_usd"] = by_month(np.where(whole, capacity * spreads(year, price, hours), 0.0))
        rows = []
        for month in np.unique(months[expected]).tolist():
            own = {name: values[month - 1].item() for name, values in sums.items()}
            by_depth = {c: int(classes[k, month - 1]) if size > 0 else None for k, c in enumerate(DEPTH_COLUMNS)}
            row = {"battery": battery, "month": month, "capacity_mw": capacity, **own, **by_depth}
            for count, names in _UNKNOWN_WITHOUT.items():
                if not row[count]:
                    row |= dict.fromkeys(names)
            rows.append({name: int(v) if name in COUNTS and v is not None else v for name, v in row.items()})
        return rows

    yield from in_columns([row for rows in each_battery(inputs, of) for row in rows])


COUNTS = (
    *("expected_hours", "limit_hours", "out_hours", "outages", "as_known_hours", "as_hours", "flow_quarter_hours"),
    *("tb_da_days", "tb_rt_days", *DEPTH_COLUMNS),
)
"""Columns of use_monthly that count."""
