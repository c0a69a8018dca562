"""Revenue attribution: the difference between a battery's dollars and the median of its duration class, exchanged one factor at a time with the median battery.

The *reference* of a class and period is the battery whose $/kW-month is the median of the board, or the two batteries in the middle, each by itself, and the
terms are the mean. The terms of a month are against the reference of that month, those of the year against that of the year.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import ATTRIBUTED, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Inputs, StepResult, in_columns, step
from bess_assets.settlement.ancillary import by_product
from bess_assets.settlement.awards import LIMIT
from bess_assets.settlement.days import Days, by_day, day_groups
from bess_assets.settlement.energy import da_energy_usd
from bess_assets.settlement.grid import each_battery
from bess_assets.settlement.metrics import Period
from bess_assets.settlement.prices import PriceGrid
from bess_assets.settlement.use import out_hours

FACTORS = ("location", "as_mix", "duration", "da_rt")
"""Factors in the order in which they are exchanged; once all of them are, timing is left."""
TERMS = tuple(f"{term}_usd" for term in ATTRIBUTED)
HOURS = ("compared_hours", "availability_hours", "unknown_hours")
"""Columns that count hours in which both batteries are active: neither or both out, one out, and of these the quarter-hours of which something is unknown."""
LONGEST_HOURS = 11
"""Durations above it count as it: half of the shortest day."""
_BOARD = (
    *("battery", "rank", "capacity_mw", "duration_hours", "duration_class", "first_active_date", "active_days"),
    *("total_usd", "usd_per_kw_month", "class_median_usd_per_kw_month"),
)
_WHOLE_YEAR = 0

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Hours:
    """Hours in a row of one battery; money, flows and awards are per MW of its capacity, NaN where unknown.

    Attributes:
        flow_mwh: discharge less charge by quarter-hour; shape (4, hours).
        rt_price: at its node, $/MWh; same shape.
        award_mw: day-ahead energy award; shape (hours,), as of all that follow.
        da_price: at its node, $/MWh.
        as_usd: money of all ancillary services that exist.
        counted_usd: what the board counts: the known energy of quarter-hours and the known services; never NaN.
        held: share of the capacity that upward or downward ancillary services hold, the larger one, 0 to 1.
        out: whether it is out by the day-ahead files (use.py).
        active: whether the hour is in an active day.
    """

    flow_mwh: FloatArray
    rt_price: FloatArray
    award_mw: FloatArray
    da_price: FloatArray
    as_usd: FloatArray
    counted_usd: FloatArray
    held: FloatArray
    out: BoolArray
    active: BoolArray

    def part(self, hours: slice, *, copied: bool = False) -> "Hours":
        """Some of the hours, in memory of their own if asked for."""
        parts = (getattr(self, own.name)[..., hours] for own in fields(self))
        return Hours(*(values.copy() for values in parts) if copied else parts)

    @cached_property
    def energy(self) -> "_Energy":
        """Energy money at its own node."""
        return self.energy_at(self)

    def energy_at(self, node: "Hours") -> "_Energy":
        """Energy money of its flows and of its awards at the prices of a node, $: `Q * RTSPP` and `A * (DASPP - RTSPP)`."""
        return _Energy(self.flow_mwh * node.rt_price, da_energy_usd(self.award_mw, node.da_price - node.rt_price))


class _Energy:
    """Money of flows and of awards by quarter-hour, shape (4, hours), and its sums by hour, NaN where a quarter-hour is unknown."""

    def __init__(self, *usd: FloatArray) -> None:
        self.usd = usd
        self.by_hour = [of.sum(axis=0) for of in usd]


def exchanged(
    own: Hours, reference: Hours, widening: FloatArray, active_days: float = 1.0, order: Sequence[str] = FACTORS
) -> dict[str, float]:
    """Terms of a battery's dollars less those of a reference for as many active days, $ per MW, and counts of the hours.

    A factor's term is by how much its exchange narrows the gap between the two. Where one of the two has more capacity free of services, or more hours of
    duration, its energy is scaled down to that of the other. Only quarter-hours of which everything is known of both are exchanged.

    Args:
        own: the battery.
        reference: the same hours of the reference.
        widening: spread of the day's prices at the battery's duration over that at the reference's, by hour; 1 where it is not defined.
        active_days: those of the battery over those of the reference.
        order: the factors in the order in which they are exchanged.

    Returns:
        `TERMS`, which add up to `own - reference * active_days` of the dollars that the board counts, and `HOURS`.
    """
    both = own.active & reference.active
    served = both & ~np.isnan(own.as_usd + reference.as_usd)
    energies = own.energy, reference.energy, reference.energy_at(own)
    # a row each: the battery at its node, the reference at its own, and the reference at the battery's
    flow, ahead = (np.stack(usd) for usd in zip(*(energy.by_hour for energy in energies), strict=True))
    flow[:, ~served] = ahead[:, ~served] = 0.0
    partly = np.flatnonzero(np.isnan(flow.sum(axis=0) + ahead.sum(axis=0)))
    quarters = np.stack([[usd[:, partly] for usd in energy.usd] for energy in energies])
    unknown = np.isnan(quarters.sum(axis=(0, 1)))
    flow[:, partly], ahead[:, partly] = np.where(unknown, 0.0, quarters).sum(axis=2).swapaxes(0, 1)
    energy, services = flow + ahead, np.where(served, [own.as_usd, reference.as_usd], 0.0)
    known = energy[0] + services[0] - (energy[1] + services[1])
    one_out = both & (own.out != reference.out)
    flow[:, one_out] = energy[:, one_out] = services[:, one_out] = 0.0
    freed = _down(1 - np.stack([own.held, reference.held]))
    narrowed = _down(np.stack([widening, np.ones(len(widening))]))

    def gap(done: Sequence[str]) -> float:
        """What the battery is ahead by, once some factors are exchanged."""
        node = slice(None, None, 2) if "location" in done else slice(2)
        usd = (flow if "da_rt" in done else energy)[node]
        usd = usd * freed if "as_mix" in done else usd + services
        ours, others = (usd * narrowed if "duration" in done else usd).sum(axis=1).tolist()
        return float(ours - others)

    difference = own.counted_usd - reference.counted_usd
    scaled = (1 - active_days) * float(reference.counted_usd.sum())
    gaps = [gap(order[:n]) for n in range(len(order) + 1)]
    return {
        "active_days_usd": float(difference[~both].sum()) + scaled,
        "availability_usd": float(known[one_out].sum()),
        **{f"{name}_usd": before - after for name, (before, after) in zip(order, pairwise(gaps), strict=True)},
        "timing_usd": gaps[-1],
        "unknown_usd": float((difference - known)[both].sum()),
        "compared_hours": int(np.count_nonzero(both & ~one_out)),
        "availability_hours": int(np.count_nonzero(one_out)),
        "unknown_hours": np.count_nonzero(both & ~served) + np.count_nonzero(unknown) / QUARTER_HOURS_PER_HOUR,
    }


def _down(sizes: FloatArray) -> FloatArray:
    """Factors that scale the larger of two sizes down to the other, and leave the smaller; shape (2, hours), as the sizes, which are not negative."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.fmin(sizes[::-1] / sizes, 1.0))


def spreads_by_duration(year: OperatingYear, rt_price: FloatArray) -> FloatArray:
    """Top less bottom real-time prices of each day by duration, $/MW: the n highest quarter-hours less the n lowest, over four; NaN if one is missing.

    Args:
        year: the year.
        rt_price: by quarter-hour of the year.

    Returns:
        Shape (days, 4 x `LONGEST_HOURS`); the first column is of one quarter-hour.
    """
    found = np.empty((year.days, QUARTER_HOURS_PER_HOUR * LONGEST_HOURS))
    for days in day_groups(year, np.ones(year.days, dtype=bool)):
        ordered = np.sort(by_day(year, rt_price, days), axis=1)
        each = ordered[:, : -1 - found.shape[1] : -1] - ordered[:, : found.shape[1]]
        found[days] = np.cumsum(each, axis=1) / QUARTER_HOURS_PER_HOUR
    return found


def widening(spreads: FloatArray, own_hours: float, reference_hours: float) -> FloatArray:
    """Spread of each day at a battery's duration over that at the reference's, 1 where either is unknown or not positive; shape (days,).

    Args:
        spreads: those of `spreads_by_duration` at the battery's node.
        own_hours: MWh over MW of the battery, taken to the nearest quarter-hour.
        reference_hours: the same of the reference.
    """
    longest = spreads.shape[1]
    own, reference = (
        spreads[:, min(max(round(QUARTER_HOURS_PER_HOUR * hours), 1), longest) - 1]
        for hours in (own_hours, reference_hours)
    )
    defined = (own > 0) & (reference > 0)
    return np.asarray(np.divide(own, reference, out=np.ones(len(own)), where=defined))


@step
def attribution(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """The terms of every battery and month, and of the year, that has a $/kW and a class with a median."""
    year, source = inputs.year, _Source(inputs)
    compared = _compared(inputs)
    wanted = {(ref["battery"], month) for own in compared.values() for month, _, refs in own for ref in refs}

    def cut(n: int, battery: str, expected: slice) -> dict[tuple[str, int], Hours]:
        months = [month for name, month in wanted if name == battery]
        whole = source.hours(n, expected) if months else None
        return {(battery, month): whole.part(_hours_of(year, month), copied=True) for month in months if whole}

    references = {key: hours for own in each_battery(inputs, cut) for key, hours in own.items()}

    def of(n: int, battery: str, expected: slice) -> list[dict[str, Any]]:
        if battery not in compared:
            return []
        whole, rows = source.hours(n, expected), []
        spreads = spreads_by_duration(year, whole.rt_price.ravel(order="F"))
        for month, row, others in compared[battery]:
            hours = _hours_of(year, month)
            own = whole.part(hours)
            terms = []
            for other in others:
                wider = widening(spreads, row["duration_hours"], other["duration_hours"])[year.hour_day[hours]]
                days = row["active_days"] / other["active_days"]
                terms.append(exchanged(own, references[other["battery"], month], wider, days))
            rows.append(_row(inputs, month, row, others, terms))
        return rows

    yield from in_columns([row for rows in each_battery(inputs, of) for row in rows])


def _compared(inputs: Inputs) -> dict[str, list[tuple[int, Row, list[Row]]]]:
    """Rows of the boards that have a $/kW and a class with a median, by battery: month, 0 for the year, the row, and those of its references."""
    boards = {_WHOLE_YEAR: inputs.tables["leaderboard"].read([*_BOARD]).to_pylist()}
    for row in inputs.tables["leaderboard_monthly"].read(["month", *_BOARD]).to_pylist():
        boards.setdefault(row["month"], []).append(row)
    found: dict[str, list[tuple[int, Row, list[Row]]]] = {}
    for month, rows in sorted(boards.items(), key=lambda board: board[0] or 13):  # the year after its months
        middle: dict[str, list[Row]] = {}
        for row in sorted(rows, key=lambda row: (row["usd_per_kw_month"] or 0.0, row["battery"])):
            if row["rank"] is not None and row["usd_per_kw_month"] is not None and row["duration_class"]:
                middle.setdefault(row["duration_class"], []).append(row)
        for of_class in middle.values():
            of_class[:] = of_class[(len(of_class) - 1) // 2 : len(of_class) // 2 + 1]
        for row in rows:
            if row["usd_per_kw_month"] is not None and row["duration_class"] in middle:
                found.setdefault(row["battery"], []).append((month, row, middle[row["duration_class"]]))
    return found


def _period(year: int, month: int) -> Period:
    return Period.of(year, month or None)


def _hours_of(year: OperatingYear, month: int) -> slice:
    """The hours of a month, or of the year."""
    period = _period(year.year, month)
    first, last = (day_number(day) - year.first_day for day in (period.first, period.last))
    return slice(int(year.day_first_hour[first]), int(year.day_first_hour[last + 1]))


def _row(
    inputs: Inputs, month: int, row: Row, references: Sequence[Row], terms: Sequence[Mapping[str, float]]
) -> dict[str, Any]:
    period, capacity = _period(inputs.year.year, month), row["capacity_mw"]
    kw_months = 1_000 * capacity * row["active_days"] / period.days * period.months
    median = row["class_median_usd_per_kw_month"] * kw_months
    means = {name: sum(own[name] for own in terms) / len(terms) for name in terms[0]}
    return {
        "battery": row["battery"],
        "period": "month" if month else "year",
        "first_day": period.first,
        "duration_class": row["duration_class"],
        "median_batteries": "; ".join(reference["battery"] for reference in references),
        "capacity_mw": capacity,
        "total_usd": row["total_usd"],
        "median_usd": median,
        "difference_usd": row["total_usd"] - median,
        **{name: capacity * means[name] for name in TERMS},
        **{name: float(means[name]) for name in HOURS},
    }


def _quarters(values: FloatArray) -> FloatArray:
    """Quarter-hours of the year as four rows, the first of each hour, the second and so on; in this order to work on all hours at once takes least."""
    return np.ascontiguousarray(values.reshape(-1, QUARTER_HOURS_PER_HOUR).T)


class _Source:
    """The tables of which the hours of a battery are made."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs, self._days, self._prices = inputs, Days(inputs.year), PriceGrid.of(inputs)
        sizes = inputs.tables["bess_registry"].read(["battery", "capacity_mw"]).to_pydict()
        self._capacity = sizes["capacity_mw"]
        board = inputs.tables["leaderboard"].read(["battery", "first_active_date"]).to_pydict()
        firsts: dict[str, date | None] = dict(zip(*board.values(), strict=True))
        self._first_active = [firsts.get(battery) for battery in sizes["battery"]]

    def hours(self, n: int, expected: slice) -> Hours:
        """The hours of the year of the n-th battery, whose capacity is known."""
        year, tables, capacity = self._inputs.year, self._inputs.tables, self._capacity[n]
        awards, services = tables["bess_awards"], tables["as_revenue"]
        rt_price, da_price, *_ = self._prices.of_battery(awards, n)
        own = awards.numbers(["award_mw", LIMIT], n)
        discharge, charge = tables["bess_dispatch"].numbers(["discharge_mwh", "charge_mwh"], n).values()
        held, revenue, exists = by_product(services, ["award_mw", "revenue_usd", "exists"], n).values()
        energy = tables["energy_revenue"].numbers(["energy_usd"], n)["energy_usd"]
        active = np.zeros(year.hours, dtype=bool)
        if first := self._first_active[n]:
            begin = max(day_number(first) - year.first_day, expected.start)
            active[year.day_first_hour[begin] : year.day_first_hour[expected.stop]] = True
        return Hours(
            flow_mwh=_quarters((discharge - charge) / capacity),
            rt_price=_quarters(rt_price),
            award_mw=own["award_mw"] / capacity,
            da_price=da_price[::QUARTER_HOURS_PER_HOUR],
            as_usd=np.where(exists, revenue, 0.0).sum(axis=0) / capacity,
            counted_usd=(np.nansum(_quarters(energy), axis=0) + np.nansum(revenue, axis=0)) / capacity,
            held=self._held(n, held) / capacity,
            out=out_hours(own[LIMIT], capacity, expected, self._days),
            active=active,
        )

    def _held(self, n: int, award_mw: FloatArray) -> FloatArray:
        """MW that ancillary services hold in each hour: real-time awards where they settle, else day-ahead ones; at most the capacity."""
        year = self._inputs.year
        held = np.nan_to_num(award_mw)
        later = year.hour_of_day_number(day_number(RTC_FIRST_DAY))
        if later < year.hours:
            names = [f"{p}_rt_award_mw" for p in PRODUCTS]
            own = np.stack([*self._inputs.tables["bess_dispatch"].numbers(names, n).values()])
            of_hours = own.reshape(len(PRODUCTS), year.hours, QUARTER_HOURS_PER_HOUR).mean(axis=2)
            held[:, later:] = np.nan_to_num(of_hours[:, later:])
        down = PRODUCTS.index("regdn")
        return np.asarray(np.minimum(np.maximum(held.sum(axis=0) - held[down], held[down]), self._capacity[n]))
