"""Sums by operating day: awards, flows, prices with their spreads (TBn), and what each battery earned, with the counts that say how much of a day is known.

Components skip what is unknown and are null where nothing is known; totals are formed from the components of the same row. metrics.py sums the days.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, CodeArray, FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import PRICE_COUNTS, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY, SOURCES
from bess_assets.ercot.step import Columns, Inputs, StepResult, StoredTable, step
from bess_assets.settlement.award_checks import differences, price_verdict
from bess_assets.settlement.awards import SIDE_AWARDS, both_sides
from bess_assets.settlement.energy import UNKNOWN_REASONS, da_energy_usd
from bess_assets.settlement.grid import each_battery
from bess_assets.settlement.prices import STATED, PriceGrid
from bess_assets.settlement.row_gaps import GAP_WORDS
from bess_assets.threads import in_order

TB_HOURS = (1, 2, 4)
STATED_PRICE_CHECK = "day_ahead_files_state_the_published_settlement_prices"


class Days:
    """Sums and counts of a year's hours or quarter-hours by operating day, over the last axis."""

    def __init__(self, year: OperatingYear) -> None:
        """Work out the days once."""
        self.year = year
        self.numbers = (year.first_day + np.arange(year.days)).astype(np.int32)
        self.hours = year.day_hours
        self.quarter_hours = QUARTER_HOURS_PER_HOUR * year.day_hours

    def first(self, steps: int) -> IntArray:
        """Position of each day's first of so many steps of the year."""
        return self.year.day_first_hour[:-1] * (steps // self.year.hours)

    def count(self, flags: BoolArray) -> IntArray:
        """How many are True."""
        # a day of 100 quarter-hours is counted in a byte
        counts = np.add.reduceat(flags.view(np.uint8), self.first(flags.shape[-1]), axis=-1, dtype=np.uint8)
        return np.asarray(counts.astype(np.int64))

    def total(self, values: FloatArray, where: BoolArray | None = None) -> FloatArray:
        """Sum of what is known, and True in `where`; NaN where nothing is."""
        counted = ~np.isnan(values) if where is None else ~np.isnan(values) & where
        sums = np.add.reduceat(np.where(counted, values, 0.0), self.first(values.shape[-1]), axis=-1)
        return np.where(self.count(counted) > 0, sums, np.nan)

    def nodes(self, awards: StoredTable, n: int) -> list[str | None]:
        """Settlement point of a battery in each day's first hour."""
        codes, texts = awards.labels("settlement_point", n)
        return [texts[code] if code >= 0 else None for code in codes[self.year.day_first_hour[:-1]]]

    def sources(
        self, ledger: StoredTable, column: str, n: int, words: Collection[str] = SOURCES
    ) -> dict[str, IntArray]:
        """Intervals of a battery by the word that a column says."""
        return {word: self.count(_is_one_of(ledger.labels(column, n), [word])) for word in words}


def _is_one_of(labels: tuple[CodeArray, Sequence[str]], wanted: Collection[str]) -> BoolArray:
    """True where a text column says one of some texts."""
    codes, texts = labels
    # the last place answers for a null, which has the code -1
    return np.array([*(text in wanted for text in texts), False])[codes]


def _one_chunk(parts: Sequence[Mapping[str, Any]]) -> Iterator[Columns]:
    """All batteries' or nodes' days as one chunk; no chunk where there are none."""
    if parts:
        yield {
            name: np.concatenate([part[name] for part in parts])
            if isinstance(parts[0][name], np.ndarray)
            else [value for part in parts for value in part[name]]
            for name in parts[0]
        }


def _expected_days(inputs: Inputs, days: Days, work: Callable[[int], Mapping[str, Any]]) -> Iterator[Columns]:
    """The expected days of all batteries; the work makes columns of all days of the year for the battery of a row group."""

    def of(n: int, battery: str, expected: slice) -> dict[str, Any]:
        columns = {name: values[expected] for name, values in work(n).items()}
        numbers = days.numbers[expected]
        return {"battery": [battery] * len(numbers), "operating_day": numbers, **columns}

    return _one_chunk(list(each_battery(inputs, of)))


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

    yield from _expected_days(inputs, days, of)
    batteries = inputs.tables["bess_registry"].read(["battery"])["battery"].to_pylist()
    result.verdicts[STATED_PRICE_CHECK] = price_verdict(
        "battery hours",
        sum(hours for hours, _, _ in compared.values()),
        {batteries[n]: different for n, (_, different, _) in sorted(compared.items()) if different},
        max((largest for *_, largest in compared.values()), default=0.0),
    )


@step
def rt_dispatch_daily(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Energy of each battery and expected day, over the quarter-hours where it is known."""
    days = Days(inputs.year)
    dispatch = inputs.tables["bess_dispatch"]

    def sources(side: str, n: int) -> list[str | None]:
        counts = days.sources(dispatch, f"{side}_source", n)
        return ["+".join(s for s in SOURCES if counts[s][day]) or None for day in range(inputs.year.days)]

    def of(n: int) -> dict[str, Any]:
        discharge, charge = dispatch.numbers(["discharge_mwh", "charge_mwh"], n).values()
        return {
            "net_mwh": days.total(discharge - charge),
            "discharge_mwh": days.total(discharge),
            "charge_mwh": days.total(charge),
            **{f"{side}_source": sources(side, n) for side in ("discharge", "charge")},
            "expected_quarter_hours": days.quarter_hours,
            "discharge_quarter_hours": days.count(~np.isnan(discharge)),
            "charge_quarter_hours": days.count(~np.isnan(charge)),
            "known_quarter_hours": days.count(~np.isnan(discharge - charge)),
        }

    yield from _expected_days(inputs, days, of)


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


def _spreads(year: OperatingYear, hourly: FloatArray, hours: int) -> FloatArray:
    """TBn of each day of the year; days of one length are worked out together."""
    found = np.empty(year.days)
    for length in np.unique(year.day_hours):
        days = np.flatnonzero(year.day_hours == length)
        found[days] = top_less_bottom(hourly[year.day_first_hour[days][:, None] + np.arange(length)], hours)
    return found


@step
def price_daily(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Prices of each settlement point and operating day."""
    year, days = inputs.year, Days(inputs.year)
    prices = PriceGrid.of(inputs)

    def of(place: tuple[str, int]) -> dict[str, Any]:
        point, n = place
        rt, da = prices.rt[n], prices.da[n, ::QUARTER_HOURS_PER_HOUR]
        return {
            "settlement_point": [point] * year.days,
            "operating_day": days.numbers,
            **_statistics("da", days, da),
            **_statistics("rt", days, rt),
            **{f"tb{h}_usd_per_mw": _spreads(year, da, h) for h in TB_HOURS},
            "expected_hours": days.hours,
            "da_known_hours": days.count(~np.isnan(da)),
            "expected_quarter_hours": days.quarter_hours,
            "rt_known_quarter_hours": days.count(~np.isnan(rt)),
        }

    yield from _one_chunk(list(in_order(inputs.threads, of, prices.points.items())))


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

    def of(n: int) -> dict[str, Any]:
        points = days.nodes(inputs.tables["bess_awards"], n)
        columns = {
            "settlement_point": points,
            **_energy_and_flows(days, inputs, n),
            **_ancillary(days, inputs, n),
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

    yield from _expected_days(inputs, days, of)


def _energy_and_flows(days: Days, inputs: Inputs, n: int) -> dict[str, Any]:
    ledger, dispatch = inputs.tables["energy_revenue"], inputs.tables["bess_dispatch"]
    money = ["da_usd", "rt_usd", "energy_usd", "rt_metered_usd", "rt_da_offset_usd", "charging_cost_usd"]
    usd = ledger.numbers([*money, "implausible_price"], n)
    matched = ~np.isnan(usd["energy_usd"])
    da, rt = days.total(usd["da_usd"], matched), days.total(usd["rt_usd"], matched)
    discharge, charge = dispatch.numbers(["discharge_mwh", "charge_mwh"], n).values()
    both = ~np.isnan(discharge) & ~np.isnan(charge)
    unpriced, no_award = (
        _is_one_of(ledger.labels("unknown_reason", n), [why for why in UNKNOWN_REASONS if word in why])
        for word in ("unpriced", "award unknown")
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
            name: days.sources(ledger, f"{market}_price_source", n, [source])[source]
            for market, words in (("da", "day-ahead energy"), ("rt", "real-time energy"))
            for source, name in PRICE_COUNTS[words].items()
        },
        "discharge_mwh": days.total(discharge),
        "charge_mwh": days.total(charge),
        "paired_discharge_mwh": days.total(discharge, both),
        "paired_charge_mwh": days.total(charge, both),
        "discharge_quarter_hours": days.count(~np.isnan(discharge)),
        "unobserved_quarter_hours": days.count(~both),
        "unpriced_quarter_hours": days.count(unpriced),
        "award_unknown_quarter_hours": days.count(no_award),
        "unpriced_mwh": days.total(moved, unpriced & ~priced),
        **{
            f"{side}_{source}_quarter_hours": counts
            for side in ("discharge", "charge")
            for source, counts in days.sources(dispatch, f"{side}_source", n).items()
        },
    }


def _ancillary(days: Days, inputs: Inputs, n: int) -> dict[str, Any]:
    names = ["award_mw", "da_usd", "rt_usd", "revenue_usd", "rt_award_usd", "rt_run_price_share"]
    ledger, shape = inputs.tables["as_revenue"], (len(PRODUCTS), days.year.hours)
    award, da, rt, revenue, rt_award, share, exists, implausible = (
        v.reshape(shape) for v in ledger.numbers([*names, "exists", "implausible_price"], n).values()
    )
    exists = exists > 0
    source, awarded = ledger.labels("mcpc_source", n), np.nan_to_num(award) != 0
    priced = {
        name: days.count(_is_one_of(source, [word]).reshape(shape) & awarded).sum(axis=0)
        for word, name in PRICE_COUNTS["day-ahead AS"].items()
    }
    known = ~np.isnan(revenue)
    sums = {"": days.total(revenue), "_da": days.total(da, known), "_rt": days.total(rt, known)}
    unmatched = days.total(da, ~known)
    gaps = inputs.tables["bess_awards"].labels("row_gap", n)
    awards = inputs.tables["bess_awards"].numbers(["award_mw", *SIDE_AWARDS], n)
    positive = awards["award_mw"] > 0
    for k, p in enumerate(PRODUCTS):
        positive |= ((awards[f"{p}_gen_award_mw"] > 0) | (awards[f"{p}_load_award_mw"] > 0)) & exists[k]
    return {
        **{f"as_{p}{leg}_usd": sums[leg][k] for leg in sums for k, p in enumerate(PRODUCTS)},
        "as_da_unmatched_usd": _sum_of_products(unmatched),
        "as_rt_award_usd": _sum_of_products(days.total(rt_award)),
        "as_rt_run_usd": _sum_of_products(days.total(rt_award * share)),
        "as_hours": days.count((known | ~exists).all(axis=0) & exists.any(axis=0)),
        **{f"{p}_expected_hours": days.count(exists)[k] for k, p in enumerate(PRODUCTS)},
        **{f"{p}_hours": days.count(known)[k] for k, p in enumerate(PRODUCTS)},
        "implausible_as_hours": days.count(implausible > 0).sum(axis=0),
        **priced,
        "gap_hours": days.count(gaps[0] >= 0),
        "gap_unknown_hours": days.count(_is_one_of(gaps, [GAP_WORDS[True]])),
        "award_positive": days.count(positive) > 0,
    }


def _sum_of_products(values: FloatArray) -> FloatArray:
    """Sum over products of what is known, NaN where nothing is."""
    return np.where(np.isnan(values).all(axis=0), np.nan, np.nansum(values, axis=0))
