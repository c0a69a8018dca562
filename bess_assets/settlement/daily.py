"""Sums by operating day: awards, flows, prices with their spreads (TBn), and what each battery earned, with the counts that say how much of a day is known.

Components skip what is unknown and are null where nothing is known; totals are formed from the components of the same row. board.py sums the days.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY, SOURCES
from bess_assets.ercot.step import Columns, Inputs, StepResult
from bess_assets.settlement.award_checks import differs, price_verdict
from bess_assets.settlement.awards import both_sides
from bess_assets.settlement.energy import UNKNOWN_REASONS, da_energy_usd
from bess_assets.settlement.prices import PriceGrid
from bess_assets.threads import in_order

TB_HOURS = (1, 2, 4)
STATED_PRICE_CHECK = "day_ahead_files_state_the_published_settlement_prices"


@dataclass(frozen=True)
class Days:
    """Adds a year's hours or quarter-hours up to days.

    Attributes:
        year: the operating year.
        first: first day index wanted.
        last: one past the last.
    """

    year: OperatingYear
    first: int
    last: int

    def _starts(self, steps: int) -> IntArray:
        return self.year.day_first_hour[:-1] * (steps // self.year.hours)

    def count(self, flags: npt.NDArray[np.bool_]) -> IntArray:
        """How many are True, by day; over the last axis."""
        counts: IntArray = np.add.reduceat(flags.astype(np.int64), self._starts(flags.shape[-1]), axis=-1)
        return counts[..., self.first : self.last]

    def total(self, values: FloatArray) -> FloatArray:
        """Sum of what is known, by day; NaN where nothing is."""
        known = ~np.isnan(values)
        sums = np.add.reduceat(np.where(known, values, 0.0), self._starts(values.shape[-1]), axis=-1)
        return np.where(self.count(known) > 0, sums[..., self.first : self.last], np.nan)

    @property
    def numbers(self) -> npt.NDArray[np.int32]:
        """Day numbers."""
        return (self.year.first_day + np.arange(self.first, self.last)).astype(np.int32)

    @property
    def hours(self) -> IntArray:
        """Hours of each day."""
        return self.year.day_hours[self.first : self.last]

    @property
    def first_hours(self) -> IntArray:
        """Position of each day's first hour."""
        return self.year.day_first_hour[self.first : self.last]


def _expected_days(year: OperatingYear, row: Mapping[str, Any]) -> Days:
    return Days(
        year,
        day_number(row["expected_first_day"]) - year.first_day,
        day_number(row["expected_last_day"]) - year.first_day + 1,
    )


def _registry(inputs: Inputs) -> list[dict[str, Any]]:
    columns = ["battery", "expected_first_day", "expected_last_day"]
    rows: list[dict[str, Any]] = inputs.tables["bess_registry"].read(columns).to_pylist()
    return rows


def _stack(parts: Sequence[Mapping[str, Any]]) -> Iterator[Columns]:
    """All batteries' days as one chunk; no chunk where there are none."""
    if parts:
        yield {
            name: np.concatenate([part[name] for part in parts])
            if isinstance(parts[0][name], np.ndarray)
            else [value for part in parts for value in part[name]]
            for name in parts[0]
        }


def _texts(codes: IntArray, texts: Sequence[str]) -> list[str | None]:
    return [texts[code] if code >= 0 else None for code in codes]


def dam_awards_daily(inputs: Inputs) -> StepResult:
    """Day-ahead awards of each battery and expected day, with all their energy money, matched by real time or not."""
    result = StepResult(iter(()))
    result.chunks = _dam_awards(inputs, result)
    return result


def _dam_awards(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    year = inputs.year
    awards = inputs.tables["bess_awards"]
    prices = PriceGrid.of(inputs.tables["bess_prices"], year, inputs.threads)
    quarter_hours = np.arange(year.quarter_hours)
    names = [
        "award_mw",
        "stated_price_usd_per_mwh",
        *(f"{p}_{side}_award_mw" for p in PRODUCTS for side in ("gen", "load")),
    ]

    def of(battery: tuple[int, dict[str, Any]]) -> tuple[dict[str, Any], tuple[int, int, float]]:
        n, row = battery
        days = _expected_days(year, row)
        grids = {name: grid[0] for name, grid in awards.grids(names, n, n + 1).items()}
        codes, texts = awards.labels("settlement_point", n, n + 1)
        award = grids["award_mw"]
        nodes = prices.rows(codes[0], texts)
        hourly = prices.da[nodes, quarter_hours[::QUARTER_HOURS_PER_HOUR]]
        compared = differs(grids["stated_price_usd_per_mwh"], hourly)
        point = np.repeat(nodes, QUARTER_HOURS_PER_HOUR)
        money = da_energy_usd(np.repeat(award, QUARTER_HOURS_PER_HOUR), prices.da[point, quarter_hours])
        part = {
            "battery": [row["battery"]] * (days.last - days.first),
            "operating_day": days.numbers,
            "settlement_point": _texts(codes[0][days.first_hours], texts),
            "sold_mwh": days.total(np.maximum(award, 0.0)),
            "bought_mwh": days.total(np.maximum(-award, 0.0)),
            "da_energy_usd": days.total(money),
            **{
                f"{p}_award_mwh": days.total(both_sides(grids[f"{p}_gen_award_mw"], grids[f"{p}_load_award_mw"]))
                for p in PRODUCTS
            },
            "expected_hours": days.hours,
            "known_hours": days.count(~np.isnan(award)),
            "priced_hours": days.count(~np.isnan(money)) // QUARTER_HOURS_PER_HOUR,
        }
        return part, compared

    stated_hours, differing, largest = 0, dict[str, int](), 0.0
    parts = []
    registry = _registry(inputs)
    for row, (part, (compared, different, most)) in zip(
        registry, in_order(inputs.threads, of, enumerate(registry)), strict=True
    ):
        parts.append(part)
        stated_hours, largest = stated_hours + compared, max(largest, most)
        if different:
            differing[row["battery"]] = different
    result.verdicts[STATED_PRICE_CHECK] = price_verdict("battery hours", stated_hours, differing, largest)
    yield from _stack(parts)


def rt_dispatch_daily(inputs: Inputs) -> StepResult:
    """Energy of each battery and expected day, over the quarter-hours where it is known."""
    return StepResult(_rt_dispatch(inputs))


def _rt_dispatch(inputs: Inputs) -> Iterator[Columns]:
    year = inputs.year
    dispatch = inputs.tables["bess_dispatch"]

    def of(battery: tuple[int, dict[str, Any]]) -> dict[str, Any]:
        n, row = battery
        days = _expected_days(year, row)
        grids = dispatch.grids(["discharge_mwh", "charge_mwh"], n, n + 1)
        discharge, charge = grids["discharge_mwh"][0], grids["charge_mwh"][0]
        return {
            "battery": [row["battery"]] * (days.last - days.first),
            "operating_day": days.numbers,
            "net_mwh": days.total(discharge - charge),
            "discharge_mwh": days.total(discharge),
            "charge_mwh": days.total(charge),
            **{
                f"{side}_source": _joined_sources(source_counts(days, dispatch.labels(f"{side}_source", n, n + 1)))
                for side in ("discharge", "charge")
            },
            "expected_quarter_hours": QUARTER_HOURS_PER_HOUR * days.hours,
            "discharge_quarter_hours": days.count(~np.isnan(discharge)),
            "charge_quarter_hours": days.count(~np.isnan(charge)),
            "known_quarter_hours": days.count(~np.isnan(discharge - charge)),
        }

    yield from _stack(list(in_order(inputs.threads, of, enumerate(_registry(inputs)))))


def source_counts(days: Days, labels: tuple[npt.NDArray[np.integer], list[str]]) -> dict[str, IntArray]:
    """Quarter-hours of each day by source."""
    codes, texts = labels
    return {source: days.count(codes[0] == (texts.index(source) if source in texts else -2)) for source in SOURCES}


def _joined_sources(counts: Mapping[str, IntArray]) -> list[str | None]:
    length = len(next(iter(counts.values())))
    return ["+".join(s for s in SOURCES if counts[s][n]) or None for n in range(length)]


def price_daily(inputs: Inputs) -> StepResult:
    """Prices of each settlement point and operating day."""
    return StepResult(_prices(inputs))


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


def _prices(inputs: Inputs) -> Iterator[Columns]:
    year = inputs.year
    table = inputs.tables["bess_prices"]
    prices = PriceGrid.of(table, year, inputs.threads)
    days = Days(year, 0, year.days)

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
            "expected_quarter_hours": QUARTER_HOURS_PER_HOUR * days.hours,
            "rt_known_quarter_hours": days.count(~np.isnan(rt)),
        }

    yield from _stack(list(in_order(inputs.threads, of, prices.points.items())))


def _statistics(market: str, days: Days, prices: FloatArray) -> dict[str, FloatArray]:
    known = ~np.isnan(prices)
    count = days.count(known)
    starts = days.year.day_first_hour[:-1] * (len(prices) // days.year.hours)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            f"{market}_mean_usd_per_mwh": days.total(prices) / count,
            f"{market}_min_usd_per_mwh": np.where(
                count > 0, np.minimum.reduceat(np.where(known, prices, np.inf), starts), np.nan
            ),
            f"{market}_max_usd_per_mwh": np.where(
                count > 0, np.maximum.reduceat(np.where(known, prices, -np.inf), starts), np.nan
            ),
            f"{market}_negative_share": np.where(count > 0, days.count(prices < 0) / count, np.nan),
        }


def daily_revenue(inputs: Inputs) -> StepResult:
    """What each battery earned on each expected day, summed from the ledgers."""
    return StepResult(_daily_revenue(inputs))


def total_of(components: Sequence[FloatArray], exists: Sequence[npt.NDArray[np.bool_]]) -> FloatArray:
    """Sum of the components that exist; NaN where one of them is unknown or none exists."""
    total = np.zeros_like(components[0])
    any_exists = np.zeros(total.shape, dtype=bool)
    for values, there in zip(components, exists, strict=True):
        total = total + np.where(there, values, 0.0)
        any_exists |= there
    return np.where(any_exists, total, np.nan)


def _daily_revenue(inputs: Inputs) -> Iterator[Columns]:
    year = inputs.year
    tables = inputs.tables
    tb2 = _TopBottom(inputs)

    def of(battery: tuple[int, dict[str, Any]]) -> dict[str, Any]:
        n, row = battery
        days = _expected_days(year, row)
        ledger = {
            name: grid[0]
            for name, grid in tables["energy_revenue"]
            .grids(
                [
                    "da_usd",
                    "rt_metered_usd",
                    "rt_da_offset_usd",
                    "rt_usd",
                    "energy_usd",
                    "charging_cost_usd",
                    "implausible_price",
                ],
                n,
                n + 1,
            )
            .items()
        }
        codes, texts = tables["bess_awards"].labels("settlement_point", n, n + 1)
        points = _texts(codes[0][days.first_hours], texts)
        ancillary, exists = _ancillary(days, inputs, n)
        part = {
            "battery": [row["battery"]] * (days.last - days.first),
            "operating_day": days.numbers,
            "settlement_point": points,
            **_energy(days, ledger),
            **ancillary,
            **_flows(days, inputs, n, ledger),
            "tb2_usd_per_mw": tb2.of(points, days.numbers),
            "award_positive": _award_positive(days, inputs, n, exists),
            "expected_quarter_hours": QUARTER_HOURS_PER_HOUR * days.hours,
            "combo_quarter_hours": np.where(
                days.numbers < day_number(RTC_FIRST_DAY), QUARTER_HOURS_PER_HOUR * days.hours, 0
            ),
            "expected_hours": days.hours,
        }
        part["as_usd"] = total_of(
            [part[f"as_{p}_usd"] for p in PRODUCTS], [part[f"{p}_expected_hours"] > 0 for p in PRODUCTS]
        )
        part["total_usd"] = part["energy_usd"] + part["as_usd"]
        return part

    yield from _stack(list(in_order(inputs.threads, of, enumerate(_registry(inputs)))))


def _energy(days: Days, ledger: Mapping[str, FloatArray]) -> dict[str, Any]:
    matched = ~np.isnan(ledger["energy_usd"])
    da = days.total(np.where(matched, ledger["da_usd"], np.nan))
    rt = days.total(np.where(matched, ledger["rt_usd"], np.nan))
    return {
        "da_energy_usd": da,
        "rt_energy_usd": rt,
        "energy_usd": da + rt,
        "da_unmatched_usd": days.total(np.where(matched, np.nan, ledger["da_usd"])),
        "rt_metered_usd": days.total(ledger["rt_metered_usd"]),
        "charging_cost_usd": days.total(ledger["charging_cost_usd"]),
        "energy_quarter_hours": days.count(matched),
        "implausible_quarter_hours": days.count(ledger["implausible_price"] > 0),
    }


def _ancillary(days: Days, inputs: Inputs, n: int) -> tuple[dict[str, Any], npt.NDArray[np.bool_]]:
    """Sums of the AS ledger, and which hours exist by product."""
    shape = (len(PRODUCTS), days.year.hours)
    names = ["da_usd", "rt_usd", "revenue_usd", "exists", "implausible_price"]
    ledger = {name: grid[0].reshape(shape) for name, grid in inputs.tables["as_revenue"].grids(names, n, n + 1).items()}
    exists = ledger["exists"] > 0
    known = ~np.isnan(ledger["revenue_usd"])
    sums = {
        "": days.total(ledger["revenue_usd"]),
        "_da": days.total(np.where(known, ledger["da_usd"], np.nan)),
        "_rt": days.total(np.where(known, ledger["rt_usd"], np.nan)),
    }
    figures = {
        **{f"as_{p}{leg}_usd": sums[leg][k] for leg in sums for k, p in enumerate(PRODUCTS)},
        "as_hours": days.count((known | ~exists).all(axis=0) & exists.any(axis=0)),
        **{f"{p}_expected_hours": days.count(exists)[k] for k, p in enumerate(PRODUCTS)},
        **{f"{p}_hours": days.count(known)[k] for k, p in enumerate(PRODUCTS)},
        "implausible_as_hours": days.count(ledger["implausible_price"] > 0).sum(axis=0),
    }
    return figures, exists


def _flows(days: Days, inputs: Inputs, n: int, ledger: Mapping[str, FloatArray]) -> dict[str, Any]:
    dispatch = inputs.tables["bess_dispatch"]
    grids = dispatch.grids(["discharge_mwh", "charge_mwh"], n, n + 1)
    discharge, charge = grids["discharge_mwh"][0], grids["charge_mwh"][0]
    both = ~np.isnan(discharge) & ~np.isnan(charge)
    return {
        "discharge_mwh": days.total(discharge),
        "charge_mwh": days.total(charge),
        "paired_discharge_mwh": days.total(np.where(both, discharge, np.nan)),
        "paired_charge_mwh": days.total(np.where(both, charge, np.nan)),
        "discharge_quarter_hours": days.count(~np.isnan(discharge)),
        "unobserved_quarter_hours": days.count(~both),
        **_unpriced(days, inputs, n, ledger, discharge, charge),
        **{
            f"{side}_{source}_quarter_hours": counts
            for side in ("discharge", "charge")
            for source, counts in source_counts(days, dispatch.labels(f"{side}_source", n, n + 1)).items()
        },
    }


def _unpriced(
    days: Days, inputs: Inputs, n: int, ledger: Mapping[str, FloatArray], discharge: FloatArray, charge: FloatArray
) -> dict[str, Any]:
    codes, texts = inputs.tables["energy_revenue"].labels("unknown_reason", n, n + 1)
    reasons = [k for k, text in enumerate(texts) if "unpriced" in text and text in UNKNOWN_REASONS]
    unpriced = np.isin(codes[0], reasons)
    # a real-time price that is there shows in one of its products at least; a missing day-ahead price alone leaves no MWh unpriced
    priced = ~np.isnan([ledger[name] for name in ("rt_metered_usd", "rt_da_offset_usd", "charging_cost_usd")]).all(
        axis=0
    )
    observed = ~np.isnan(discharge) | ~np.isnan(charge)
    moved = np.where(observed, np.nan_to_num(discharge) + np.nan_to_num(charge), np.nan)
    return {
        "unpriced_quarter_hours": days.count(unpriced),
        "unpriced_mwh": days.total(np.where(unpriced & ~priced, moved, np.nan)),
    }


def _award_positive(days: Days, inputs: Inputs, n: int, exists: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    names = ["award_mw", *(f"{p}_{side}_award_mw" for p in PRODUCTS for side in ("gen", "load"))]
    grids = inputs.tables["bess_awards"].grids(names, n, n + 1)
    positive = grids["award_mw"][0] > 0
    for k, p in enumerate(PRODUCTS):
        for side in ("gen", "load"):
            positive = positive | ((grids[f"{p}_{side}_award_mw"][0] > 0) & exists[k])
    return days.count(positive) > 0


class _TopBottom:
    """TB2 by node and day."""

    def __init__(self, inputs: Inputs) -> None:
        table: pa.Table = inputs.tables["price_daily"].read(["settlement_point", "tb2_usd_per_mw"])
        year = inputs.year
        points = table["settlement_point"].to_pylist()[:: year.days]
        values = (
            table["tb2_usd_per_mw"].to_numpy().reshape(len(points), year.days) if points else np.empty((0, year.days))
        )
        self._first_day = year.first_day
        self._place = {point: n for n, point in enumerate(points)}
        self._values = np.concatenate([values, np.full((1, year.days), np.nan)])

    def of(self, points: Sequence[str | None], days: npt.NDArray[np.int32]) -> FloatArray:
        """TB2 of a node on a day, NaN where unknown."""
        rows = [self._place.get(point, -1) if point else -1 for point in points]
        values: FloatArray = self._values[rows, days - self._first_day]
        return values
