"""The leaderboard: what each battery earned in a year or a month, per unit of size, how much of it is known, and who ranks.

Belongs here: metrics, coverage, the rules of ranking, notes.
Does not: prices and quantities (they end in daily_revenue), how a board is shown (the CLI and the page).

Every figure is defined in docs/methodology.md, sections 10 and 11.
"""

import calendar
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from bess_assets.market.dispatch import SOURCES
from bess_assets.market.pairing import CYCLES_FOR_EVIDENCE, HOURS_IF_ENERGY_UNKNOWN
from bess_assets.market.products import PRODUCTS
from bess_assets.market.step import Columns, Inputs, StepResult
from bess_assets.market.strategy import classify

FloatArray = npt.NDArray[np.float64]

LEAST_COVERAGE = 0.95
"""Share of expected intervals that must be known for a battery to be ranked, and for a day to count in TB2 capture."""
LEAST_ACTIVE_DAYS_YEAR = 30
LEAST_ACTIVE_DAYS_MONTH = 10
FIRST_ACTIVE_HOURS = 0.1
"""A day with this many hours of discharge at capacity counts as active without an award."""
LEAST_DISCHARGE_MWH = 1.0
"""$/MWh discharged means nothing below it."""
OUTLIER_TIMES_FLEET = 3.0
"""$/kW above this many times the fleet's average is noted."""
QUARTER_HOURS_PER_DAY = 96

_MONEY = (
    "da_energy_usd",
    "rt_energy_usd",
    "charging_cost_usd",
    *(f"as_{p}{leg}_usd" for leg in ("", "_da", "_rt") for p in PRODUCTS),
    "da_unmatched_usd",
    "rt_metered_usd",
    "discharge_mwh",
    "charge_mwh",
    "paired_discharge_mwh",
    "paired_charge_mwh",
)
_COUNTS = (
    "expected_quarter_hours",
    "energy_quarter_hours",
    "discharge_quarter_hours",
    "unpriced_quarter_hours",
    "implausible_quarter_hours",
    "implausible_as_hours",
    "combo_quarter_hours",
    *(f"{side}_{source}_quarter_hours" for side in ("discharge", "charge") for source in SOURCES),
    "expected_hours",
    "as_hours",
    *(f"{p}_expected_hours" for p in PRODUCTS),
)
_FROM_REGISTRY = (
    "battery",
    "gen_resource",
    "load_resource",
    "esr_resource",
    "qse",
    "capacity_mw",
    "energy_mwh",
    "duration_hours",
    "duration_source",
    "capacity_source",
    "edition",
)


@dataclass(frozen=True)
class Period:
    """A year or one of its months.

    Attributes:
        year: the year.
        month: 1..12, None for the whole year.
    """

    year: int
    month: int | None

    @property
    def first(self) -> date:
        """First day."""
        return date(self.year, self.month or 1, 1)

    @property
    def last(self) -> date:
        """Last day."""
        month = self.month or 12
        return date(self.year, month, calendar.monthrange(self.year, month)[1])

    @property
    def days(self) -> int:
        """Days in it."""
        return (self.last - self.first).days + 1

    @property
    def months(self) -> int:
        """Calendar months in it: 12 or 1."""
        return 12 if self.month is None else 1

    @property
    def least_active_days(self) -> int:
        """Active days from which a battery is ranked and has a $/kW."""
        return LEAST_ACTIVE_DAYS_YEAR if self.month is None else LEAST_ACTIVE_DAYS_MONTH


class _BatteryDays:
    """Days of one battery as arrays, and what holds for the whole year."""

    def __init__(self, registry: Mapping[str, Any], columns: Mapping[str, Any], part: slice) -> None:
        self.registry = registry
        self.columns = {name: values[part] for name, values in columns.items()}
        self.days: list[date] = self.columns["operating_day"]
        self.first_active = self._first_active()

    def _first_active(self) -> date | None:
        capacity = self.registry["capacity_mw"]
        active = np.asarray(self.columns["award_positive"], dtype=bool)
        if capacity:
            with np.errstate(invalid="ignore"):
                active = active | (self.columns["discharge_mwh"] >= FIRST_ACTIVE_HOURS * capacity)
        where = np.flatnonzero(active)
        return self.days[where[0]] if len(where) else None

    def within(self, period: Period) -> "_BatteryDays | None":
        """The days of a month; None where the battery is not expected on any. The first active day stays the year's."""
        where = [n for n, day in enumerate(self.days) if period.first <= day <= period.last]
        if not where:
            return None
        part = object.__new__(_BatteryDays)
        part.registry, part.first_active = self.registry, self.first_active
        part.columns = {name: values[where[0] : where[-1] + 1] for name, values in self.columns.items()}
        part.days = part.columns["operating_day"]
        return part

    def total(self, name: str) -> float | None:
        """Sum of what is known; None where nothing is."""
        return _sum(self.columns[name])

    def count(self, name: str) -> int:
        return int(self.columns[name].sum())


def _sum(values: FloatArray) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.sum()) if len(known) else None


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def leaderboard(inputs: Inputs) -> StepResult:
    """Every battery seen in the year, ranked."""
    return StepResult(_boards(inputs, [Period(inputs.year.year, None)]))


def leaderboard_monthly(inputs: Inputs) -> StepResult:
    """Every battery expected in each month of the year, ranked by month."""
    return StepResult(_boards(inputs, [Period(inputs.year.year, month) for month in range(1, 13)]))


def _boards(inputs: Inputs, periods: Sequence[Period]) -> Iterator[Columns]:
    batteries = _read(inputs)
    rows = [row for period in periods for row in board(batteries, period)]
    if rows:
        yield {name: [row[name] for row in rows] for name in rows[0]}


def _read(inputs: Inputs) -> list[_BatteryDays]:
    table = inputs.tables["daily_revenue"].read()
    registry = {row["battery"]: row for row in inputs.tables["bess_registry"].read().to_pylist()}
    columns: dict[str, Any] = {
        name: table[name].to_pylist()
        if name in {"battery", "operating_day", "settlement_point"}
        else table[name].to_numpy()
        for name in table.column_names
    }
    batteries = columns["battery"]
    starts = [n for n, battery in enumerate(batteries) if n == 0 or batteries[n - 1] != battery]
    return [
        _BatteryDays(registry[batteries[start]], columns, slice(start, end))
        for start, end in zip(starts, [*starts[1:], len(batteries)], strict=True)
    ]


def board(batteries: Sequence[_BatteryDays], period: Period) -> list[dict[str, Any]]:
    """Rows of one period in the order of the board, ranked rows first."""
    found = [(days, days if period.month is None else days.within(period)) for days in batteries]
    rows = [_row(part, period) for _, part in found if part is not None]
    rank(rows)
    _note_outliers(rows, period)
    for row in rows:
        row["notes"] = "; ".join(row["notes"]) or None
        row["excluded_reason"] = row["excluded_reason"] or None
        if period.month is not None:
            row["month"] = period.month
    return rows


def rank(rows: list[dict[str, Any]]) -> None:
    """Sort rows into the board's order and number the ranked ones.

    Rank 1..n by total_usd, highest first, ties by battery name; unranked rows follow by total_usd, then as_usd, then name, nulls last.
    """

    def descending(value: float | None) -> tuple[bool, float]:
        return (value is None, -(value or 0.0))

    rows.sort(
        key=lambda row: (
            bool(row["excluded_reason"]),
            descending(row["total_usd"]),
            descending(row["as_usd"]) if row["excluded_reason"] else (False, 0.0),
            row["battery"],
        )
    )
    for n, row in enumerate(rows):
        row["rank"] = None if row["excluded_reason"] else n + 1


def _row(part: _BatteryDays, period: Period) -> dict[str, Any]:
    registry = part.registry
    capacity, energy_size = registry["capacity_mw"], registry["energy_mwh"]
    sums = {name: part.total(name) for name in _MONEY}
    counts = {name: part.count(name) for name in _COUNTS}
    energy = None
    if sums["da_energy_usd"] is not None and sums["rt_energy_usd"] is not None:
        energy = sums["da_energy_usd"] + sums["rt_energy_usd"]
    existing = [p for p in PRODUCTS if counts[f"{p}_expected_hours"]]
    products = {p: sums[f"as_{p}_usd"] for p in existing}
    as_usd = None
    if products and None not in products.values():
        as_usd = sum(usd for usd in products.values() if usd is not None)
    total = energy + as_usd if energy is not None and as_usd is not None else None
    active_days = sum(day >= part.first_active for day in part.days) if part.first_active else 0
    per_year, per_month = usd_per_kw(total, capacity, active_days, period)
    strategy = classify(energy, products, capacity, period.months)
    tb2_usd, tb2_capture = _tb2(part, capacity)
    energy_coverage = counts["energy_quarter_hours"] / counts["expected_quarter_hours"]
    as_coverage = counts["as_hours"] / counts["expected_hours"]
    settlement_point = registry["settlement_point"] if period.month is None else part.columns["settlement_point"][-1]
    row = {
        "rank": None,
        **{name: registry[name] for name in _FROM_REGISTRY},
        "settlement_point": settlement_point,
        "first_active_date": part.first_active,
        "active_days": active_days,
        **{name: sums[name] for name in _MONEY if not name.startswith("paired_")},
        "energy_usd": energy,
        "as_usd": as_usd,
        "total_usd": total,
        "usd_per_mw": _ratio(total, capacity),
        "usd_per_kw_month": per_month,
        "usd_per_kw_year": per_year,
        "usd_per_mwh_discharged": _ratio(total, sums["discharge_mwh"])
        if (sums["discharge_mwh"] or 0) >= LEAST_DISCHARGE_MWH
        else None,
        "cycles_per_day": cycles_per_day(sums["discharge_mwh"], energy_size, counts["discharge_quarter_hours"]),
        "round_trip_efficiency": round_trip_efficiency(sums, energy_size, capacity),
        "tb2_usd": tb2_usd,
        "tb2_capture": tb2_capture,
        "energy_share": strategy.energy_share,
        "top_as_product": strategy.top_product,
        "strategy": strategy.label,
        "best_day_share": _best_day(part, total),
        "energy_coverage": energy_coverage,
        "as_coverage": as_coverage,
        "quantity_source": _quantity_source(counts),
        "data_through": registry["data_through"],
    }
    # a product that is unknown in the few hours it exists can leave no total at full coverage: without one there is no rank
    reasons = list(_exclusions(row, registry, counts, period)) or (["total unknown"] if total is None else [])
    row["excluded_reason"] = "; ".join(reasons)
    row["notes"] = _notes(row, registry, counts)
    return row


def usd_per_kw(
    total: float | None, capacity: float | None, active_days: int, period: Period
) -> tuple[float | None, float | None]:
    """$/kW-year and $/kW-month, scaled from active days to the period; not scaled for coverage."""
    if total is None or not capacity or active_days < period.least_active_days:
        return None, None
    scaled = total / (1_000 * capacity) * period.days / active_days
    return (scaled, scaled / 12) if period.month is None else (12 * scaled, scaled)


def cycles_per_day(discharge: float | None, energy: float | None, known: int) -> float | None:
    """Full discharges per observed day.

    Args:
        discharge: MWh discharged.
        energy: size, MWh; None if unknown, and then so is the result.
        known: quarter-hours with discharge known.
    """
    if discharge is None or not energy or not known:
        return None
    return discharge / energy / (known / QUARTER_HOURS_PER_DAY)


def round_trip_efficiency(
    sums: Mapping[str, float | None], energy: float | None, capacity: float | None
) -> float | None:
    """Discharge / charge where both are known; None under five cycles of charging."""
    least = CYCLES_FOR_EVIDENCE * energy if energy else HOURS_IF_ENERGY_UNKNOWN * capacity if capacity else None
    charge = sums["paired_charge_mwh"]
    if charge is None or least is None or charge < least or charge == 0:
        return None
    return _ratio(sums["paired_discharge_mwh"], charge)


def _tb2(part: _BatteryDays, capacity: float | None) -> tuple[float | None, float | None]:
    """TB2 in dollars over active days with a known TB2 and well-covered energy, and the share of it captured."""
    if not capacity or part.first_active is None:
        return None, None
    columns = part.columns
    tb2 = columns["tb2_usd_per_mw"]
    covered = columns["energy_quarter_hours"] >= LEAST_COVERAGE * columns["expected_quarter_hours"]
    active = np.array([day >= part.first_active for day in part.days])
    days = active & covered & ~np.isnan(tb2)
    if not days.any():
        return None, None
    dollars = capacity * float(tb2[days].sum())
    energy = _sum(columns["energy_usd"][days])
    return dollars, _ratio(energy, dollars) if dollars > 0 else None


def _best_day(part: _BatteryDays, total: float | None) -> float | None:
    daily = part.columns["total_usd"]
    known = daily[~np.isnan(daily)]
    return float(known.max()) / total if total is not None and total > 0 and len(known) else None


def _quantity_source(counts: Mapping[str, int]) -> str | None:
    sides = [
        "+".join(source for source in SOURCES if counts[f"{side}_{source}_quarter_hours"]) or "unknown"
        for side in ("discharge", "charge")
    ]
    if sides == ["unknown", "unknown"]:
        return None
    return sides[0] if sides[0] == sides[1] else "/".join(sides)


def _cut(share: float) -> str:
    """A share cut, not rounded, to three decimals, so that 0.94999 never reads 0.950."""
    return f"{math.floor(share * 1000) / 1000:.3f}"


def _exclusions(
    row: Mapping[str, Any], registry: Mapping[str, Any], counts: Mapping[str, int], period: Period
) -> Iterator[str]:
    """Why a battery can't be ranked fairly, in the order of the rules."""
    if row["settlement_point"] is None:
        yield "settlement point unknown"
    if counts["combo_quarter_hours"] and registry["charging"] == "unknown":
        yield "charging unknown"
    if row["energy_coverage"] < LEAST_COVERAGE:
        yield f"energy coverage {_cut(row['energy_coverage'])} below {LEAST_COVERAGE}"
    if row["as_coverage"] < LEAST_COVERAGE:
        yield f"AS coverage {_cut(row['as_coverage'])} below {LEAST_COVERAGE}"
    if row["capacity_mw"] is None:
        yield "capacity unknown"
    if row["active_days"] < period.least_active_days:
        yield f"active {row['active_days']} days, under {period.least_active_days}"


def _notes(row: Mapping[str, Any], registry: Mapping[str, Any], counts: Mapping[str, int]) -> list[str]:
    notes = [registry["notes"]] if registry["notes"] else []
    efficiency = row["round_trip_efficiency"]
    if efficiency is not None and efficiency > 1:
        notes.append(f"round-trip efficiency {efficiency:.2f} is above 1: charging is missing")
    if counts["implausible_quarter_hours"] or counts["implausible_as_hours"]:
        notes.append(
            f"implausible prices used: {counts['implausible_quarter_hours']} quarter-hours of energy, "
            f"{counts['implausible_as_hours']} product hours of AS"
        )
    if counts["unpriced_quarter_hours"] and row["settlement_point"] is not None:
        notes.append(f"{counts['unpriced_quarter_hours']} quarter-hours unpriced")
    return notes


def _note_outliers(rows: Sequence[dict[str, Any]], period: Period) -> None:
    average = fleet_usd_per_kw(rows, period.days)
    if not average or average <= 0:
        return
    for row in rows:
        own = _ratio(row["total_usd"], row["capacity_mw"])
        if own is None or not row["active_days"]:
            continue
        scaled = own / 1_000 * period.days / row["active_days"]
        if scaled > OUTLIER_TIMES_FLEET * average:
            row["notes"].append(f"{scaled / average:.1f} times the fleet's $/kW")


def fleet_usd_per_kw(rows: Sequence[Mapping[str, Any]], days: int) -> float | None:
    """Fleet average of the period, $/kW: sum of total_usd / sum of (capacity x share of the period's days active), ranked batteries only."""
    ranked = [row for row in rows if row["rank"] is not None]
    weight = sum(1_000 * row["capacity_mw"] * row["active_days"] / days for row in ranked)
    return sum(row["total_usd"] for row in ranked) / weight if weight else None
