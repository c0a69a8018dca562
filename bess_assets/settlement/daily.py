"""Sums by operating day: awards, flows, prices with their spreads (TBn), and what each battery earned, with the counts that say how much of a day is known.

Components skip what is unknown and are null where nothing is known; totals are formed from the components of the same row. metrics.py sums the days.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY, SOURCES, TB_HOURS
from bess_assets.ercot.step import Columns, Inputs, StepResult, step
from bess_assets.settlement.ancillary import stored_days
from bess_assets.settlement.award_checks import differences, price_verdict
from bess_assets.settlement.awards import SIDE_AWARDS, both_sides
from bess_assets.settlement.days import Days, by_day, day_groups, days_of
from bess_assets.settlement.dispatch import flow_days
from bess_assets.settlement.energy import da_energy_usd, energy_days
from bess_assets.settlement.grid import each_battery
from bess_assets.settlement.prices import STATED, PriceGrid

_OF_FLOWS_ALONE = ("net_mwh", "charge_quarter_hours")  # in rt_dispatch_daily, and not in daily_revenue
STATED_PRICE_CHECK = "day_ahead_files_state_the_published_settlement_prices"


def expected_days(inputs: Inputs, days: Days, work: Callable[[int], Mapping[str, Any]]) -> Iterator[Columns]:
    """The expected days of each battery; the work makes columns of all days of the year for the battery of a row group."""

    def of(n: int, battery: str, expected: slice) -> dict[str, Any]:
        columns = {name: values[expected] for name, values in work(n).items()}
        numbers = days.numbers[expected]
        return {"battery": [battery] * len(numbers), "operating_day": numbers, **columns}

    return each_battery(inputs, of)


@step
def dam_awards_daily(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """Day-ahead awards of each battery and expected day, with all their energy money, matched by real time or not."""
    days = Days(inputs.year)
    awards = inputs.tables["bess_awards"]
    prices = PriceGrid.of(inputs)
    compared: dict[int, tuple[int, int, float]] = {}

    def of(n: int) -> dict[str, Any]:
        own = awards.numbers(["award_mw", "stated_price_usd_per_mwh", *SIDE_AWARDS], n)
        award = own["award_mw"]
        _, price, _, source = prices.of_battery(awards, n)
        reported = np.where(source == STATED, np.nan, price)[::QUARTER_HOURS_PER_HOUR]
        compared[n] = differences(np.abs(own["stated_price_usd_per_mwh"] - reported))
        money = da_energy_usd(np.repeat(award, QUARTER_HOURS_PER_HOUR), price)
        return {
            "settlement_point": days.nodes(awards, n),
            "sold_mwh": days.total(np.maximum(award, 0.0)),
            "bought_mwh": days.total(np.maximum(-award, 0.0)),
            "da_energy_usd": days.total(money),
            **{
                f"{p}_award_mwh": days.total(both_sides(own[f"{p}_gen_award_mw"], own[f"{p}_load_award_mw"]))
                for p in PRODUCTS
            },
            "expected_hours": days.hours,
            "known_hours": days.count(~np.isnan(award)),
            "priced_hours": days.count(~np.isnan(money)) // QUARTER_HOURS_PER_HOUR,
        }

    yield from expected_days(inputs, days, of)
    batteries = inputs.tables["bess_registry"].read(["battery"])["battery"].to_pylist()
    result.verdicts[STATED_PRICE_CHECK] = price_verdict(
        "battery hours",
        sum(hours for hours, _, _ in compared.values()),
        {batteries[n]: different for n, (_, different, _) in compared.items() if different},
        max((largest for *_, largest in compared.values()), default=0.0),
    )


@step
def rt_dispatch_daily(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Energy of each battery and expected day, over the quarter-hours where it is known."""
    days, flows = Days(inputs.year), _flow_days(inputs)

    def sources(own: Columns, side: str) -> list[str | None]:
        counts = {source: own[f"{side}_{source}_quarter_hours"] for source in SOURCES}
        return ["+".join(s for s in SOURCES if counts[s][day]) or None for day in range(inputs.year.days)]

    def of(n: int) -> dict[str, Any]:
        own = flows[n]
        same = ("net_mwh", "discharge_mwh", "charge_mwh", "discharge_quarter_hours", "charge_quarter_hours")
        return {
            **{name: own[name] for name in same},
            **{f"{side}_source": sources(own, side) for side in ("discharge", "charge")},
            "expected_quarter_hours": days.quarter_hours,
            "known_quarter_hours": days.quarter_hours - own["unobserved_quarter_hours"],
        }

    yield from expected_days(inputs, days, of)


def _flow_days(inputs: Inputs) -> list[Columns]:
    dispatch = inputs.tables["bess_dispatch"]
    return days_of(inputs, "bess_dispatch", lambda days, n: flow_days(days, dispatch, n))


def top_less_bottom(hourly: FloatArray, hours: int) -> FloatArray:
    """TBn: sum of the n highest less sum of the n lowest hourly prices of a day, $/MW; NaN if an hour is missing.

    Args:
        hourly: prices; shape (.., hours of the day).
        hours: n.
    """
    ordered = np.sort(hourly, axis=-1)
    spread = ordered[..., -hours:].sum(axis=-1) - ordered[..., :hours].sum(axis=-1)
    # what is not known is sorted to the end
    return np.where(np.isnan(ordered[..., -1]), np.nan, spread)


def spreads(year: OperatingYear, price: FloatArray, hours: int) -> FloatArray:
    """TBn of each day of the year, $/MW for n hours, of prices by hour or by quarter-hour."""
    per_hour, found = len(price) // year.hours, np.empty(year.days)
    for days in day_groups(year, np.ones(year.days, dtype=bool)):
        found[days] = top_less_bottom(by_day(year, price, days), hours * per_hour) / per_hour
    return found


@step
def price_daily(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Prices of each settlement point and operating day."""
    year, days = inputs.year, Days(inputs.year)
    prices = PriceGrid.of(inputs)

    def of(place: tuple[str, int]) -> dict[str, Any]:
        point, n = place
        rt, da = prices.rt[n], prices.da[n]
        return {
            "settlement_point": [point] * year.days,
            "operating_day": days.numbers,
            **_statistics("da", days, da),
            **_statistics("rt", days, rt),
            **{f"tb{h}_usd_per_mw": spreads(year, da, h) for h in TB_HOURS},
            "expected_hours": days.hours,
            "da_known_hours": days.count(~np.isnan(da)),
            "expected_quarter_hours": days.quarter_hours,
            "rt_known_quarter_hours": days.count(~np.isnan(rt)),
        }

    yield from map(of, prices.points.items())


def _statistics(market: str, days: Days, prices: FloatArray) -> dict[str, FloatArray]:
    known = ~np.isnan(prices)
    count, first = days.count(known), days.first(len(prices))
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {
            "mean_usd_per_mwh": days.total(prices) / count,
            "min_usd_per_mwh": np.minimum.reduceat(np.where(known, prices, np.inf), first),
            "max_usd_per_mwh": np.maximum.reduceat(np.where(known, prices, -np.inf), first),
            "negative_share": days.count(prices < 0) / count,
        }
    return {f"{market}_{name}": np.where(count > 0, values, np.nan) for name, values in figures.items()}


def total_of(components: Sequence[FloatArray], exists: Sequence[BoolArray]) -> FloatArray:
    """Sum of the components that exist; NaN where one of them is unknown or none exists."""
    total = np.where(exists, components, 0.0).sum(axis=0)
    return np.where(np.any(exists, axis=0), total, np.nan)


@step
def daily_revenue(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """What each battery earned on each expected day, summed from the ledgers."""
    days = Days(inputs.year)
    table = inputs.tables["price_daily"].read(["settlement_point", "tb2_usd_per_mw"])
    spreads = table["tb2_usd_per_mw"].to_numpy().reshape(-1, inputs.year.days)
    tb2 = dict(zip(table["settlement_point"].to_pylist()[:: inputs.year.days], spreads, strict=True))
    unknown = np.full(inputs.year.days, np.nan)
    combo = days.numbers < day_number(RTC_FIRST_DAY)

    awards, dispatch = inputs.tables["bess_awards"], inputs.tables["bess_dispatch"]
    ledger, services = inputs.tables["energy_revenue"], inputs.tables["as_revenue"]
    flows = _flow_days(inputs)
    energy = days_of(inputs, "energy_revenue", lambda days, n: energy_days(days, ledger, dispatch, n))
    ancillary = days_of(inputs, "as_revenue", lambda days, n: stored_days(days, services, awards, n))

    def of(n: int) -> dict[str, Any]:
        points = days.nodes(awards, n)
        columns = {
            "settlement_point": points,
            **{name: values for name, values in flows[n].items() if name not in _OF_FLOWS_ALONE},
            **energy[n],
            **ancillary[n],
            "tb2_usd_per_mw": np.array([tb2.get(point, unknown)[day] for day, point in enumerate(points)]),
            "expected_quarter_hours": days.quarter_hours,
            "combo_quarter_hours": np.where(combo, days.quarter_hours, 0),
            "expected_hours": days.hours,
        }
        columns["as_usd"] = total_of(
            [columns[f"as_{p}_usd"] for p in PRODUCTS], [columns[f"{p}_expected_hours"] > 0 for p in PRODUCTS]
        )
        columns["total_usd"] = columns["energy_usd"] + columns["as_usd"]
        return columns

    yield from expected_days(inputs, days, of)
