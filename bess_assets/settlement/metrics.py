"""A row of a board, made from a battery's sums: per unit of size, coverage, who ranks and why not, notes.

Belongs here: every definition that holds for a year, a month and any other window of days alike. No numpy: the query API computes the board of a
window with it, in milliseconds.
Does not: adding days up (leaderboard.py for years and months, results/window.py for windows), the thresholds of a strategy (strategy.py).

Every figure is defined in docs/methodology.md, sections 10 and 11.
"""

import calendar
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from bess_assets.ercot.products import PRODUCTS, SOURCES
from bess_assets.settlement.pairing import CYCLES_FOR_EVIDENCE, HOURS_IF_ENERGY_UNKNOWN
from bess_assets.settlement.strategy import classify

LEAST_COVERAGE = 0.95
"""Share of expected intervals that must be known for a battery to be ranked, and for a day to count in TB2 capture."""
LEAST_ACTIVE_DAYS_YEAR = 30
LEAST_ACTIVE_DAYS_MONTH = 10
LEAST_DISCHARGE_MWH = 1.0
"""$/MWh discharged means nothing below it."""
OUTLIER_TIMES_FLEET = 3.0
"""$/kW above this many times the fleet's average is noted."""
QUARTER_HOURS_PER_DAY = 96

MONEY = (
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
"""Columns of daily_revenue that a board sums over what is known; null where nothing is."""
COUNTS = (
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
"""Columns of daily_revenue that a board adds up."""
FROM_REGISTRY = (
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
"""Columns of bess_registry that a board shows as they are."""


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
        """Active days from which a battery is ranked."""
        return LEAST_ACTIVE_DAYS_YEAR if self.month is None else LEAST_ACTIVE_DAYS_MONTH

    @property
    def least_days_for_rate(self) -> int:
        """Active days from which a battery has a $/kW: the same."""
        return self.least_active_days


@dataclass(frozen=True)
class Window:
    """Any days in a row; what holds for a month holds for it.

    Attributes:
        first: first day.
        last: last day, itself included.
    """

    first: date
    last: date

    @property
    def days(self) -> int:
        """Days in it."""
        return (self.last - self.first).days + 1

    @cached_property
    def months(self) -> float:
        """Calendar months in it, a part of a month as the share of its days: February alone is 1, a year 12."""
        shares = 0.0
        for number in range(12 * self.first.year + self.first.month - 1, 12 * self.last.year + self.last.month):
            month = Period(number // 12, number % 12 + 1)
            shares += ((min(self.last, month.last) - max(self.first, month.first)).days + 1) / month.days
        return shares

    @property
    def least_active_days(self) -> int:
        """Active days from which a battery is ranked: as in a month, and in a shorter window all of its days."""
        return min(LEAST_ACTIVE_DAYS_MONTH, self.days)

    @property
    def least_days_for_rate(self) -> int:
        """Active days from which a battery has a $/kW, as in a month: a few days say nothing about a month."""
        return LEAST_ACTIVE_DAYS_MONTH


@dataclass(frozen=True)
class BatterySums:
    """What the days of one battery in a period come to.

    Attributes:
        registry: its row of bess_registry.
        settlement_point: node shown for the period; None if unknown.
        first_active: first active day of the year; None if it never was.
        active_days: days of the period from then on.
        sums: `MONEY` by name; None where nothing is known.
        counts: `COUNTS` by name.
        tb2_usd_per_mw: sum of TB2 over well-covered active days; None if there is no such day with a known TB2.
        tb2_energy_usd: energy_usd of those same days.
        best_day_usd: largest total_usd of a day; None if none is known.
    """

    registry: Mapping[str, Any]
    settlement_point: str | None
    first_active: date | None
    active_days: int
    sums: Mapping[str, float | None]
    counts: Mapping[str, int]
    tb2_usd_per_mw: float | None
    tb2_energy_usd: float | None
    best_day_usd: float | None


def board(parts: Sequence[BatterySums], period: Period | Window) -> list[dict[str, Any]]:
    """Rows of one period in the order of the board, ranked rows first."""
    rows = [_row(part, period) for part in parts]
    rank(rows)
    _note_outliers(rows, period)
    for row in rows:
        row["notes"] = "; ".join(row["notes"]) or None
        row["excluded_reason"] = row["excluded_reason"] or None
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


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def _row(part: BatterySums, period: Period | Window) -> dict[str, Any]:
    registry = part.registry
    capacity, energy_size = registry["capacity_mw"], registry["energy_mwh"]
    sums, counts = part.sums, part.counts
    energy = None
    if sums["da_energy_usd"] is not None and sums["rt_energy_usd"] is not None:
        energy = sums["da_energy_usd"] + sums["rt_energy_usd"]
    existing = [p for p in PRODUCTS if counts[f"{p}_expected_hours"]]
    products = {p: sums[f"as_{p}_usd"] for p in existing}
    as_usd = None
    if products and None not in products.values():
        as_usd = sum(usd for usd in products.values() if usd is not None)
    total = energy + as_usd if energy is not None and as_usd is not None else None
    per_year, per_month = usd_per_kw(total, capacity, part.active_days, period)
    strategy = classify(energy, products, capacity, period.months)
    tb2_usd = capacity * part.tb2_usd_per_mw if capacity and part.tb2_usd_per_mw is not None else None
    energy_coverage = counts["energy_quarter_hours"] / counts["expected_quarter_hours"]
    as_coverage = counts["as_hours"] / counts["expected_hours"]
    row = {
        "rank": None,
        **{name: registry[name] for name in FROM_REGISTRY},
        "settlement_point": part.settlement_point,
        "first_active_date": part.first_active,
        "active_days": part.active_days,
        **{name: sums[name] for name in MONEY if not name.startswith("paired_")},
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
        "tb2_capture": _ratio(part.tb2_energy_usd, tb2_usd) if tb2_usd is not None and tb2_usd > 0 else None,
        "energy_share": strategy.energy_share,
        "top_as_product": strategy.top_product,
        "strategy": strategy.label,
        "best_day_share": part.best_day_usd / total
        if total is not None and total > 0 and part.best_day_usd is not None
        else None,
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
    total: float | None, capacity: float | None, active_days: int, period: Period | Window
) -> tuple[float | None, float | None]:
    """$/kW-year and $/kW-month, scaled from active days to the period; not scaled for coverage."""
    if total is None or not capacity or active_days < period.least_days_for_rate:
        return None, None
    scaled = total / (1_000 * capacity) * period.days / active_days
    return scaled * (12 / period.months), scaled / period.months


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
    if charge is None or least is None or charge < least:
        return None
    return _ratio(sums["paired_discharge_mwh"], charge)


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
    row: Mapping[str, Any], registry: Mapping[str, Any], counts: Mapping[str, int], period: Period | Window
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


def _note_outliers(rows: Sequence[dict[str, Any]], period: Period | Window) -> None:
    average = fleet_usd_per_kw(rows, period.days)
    if average is None or average <= 0:
        return
    for row in rows:
        own = _ratio(row["total_usd"], row["capacity_mw"])
        if own is None or not row["active_days"]:
            continue
        scaled = own / 1_000 * period.days / row["active_days"]
        if scaled > OUTLIER_TIMES_FLEET * average:
            row["notes"].append(outlier_note(scaled / average))


def outlier_note(times: float) -> str:
    """What the board says of a battery that earns so many times the fleet's average."""
    return f"{times:.1f} times the fleet's $/kW"


def fleet_usd_per_kw(rows: Sequence[Mapping[str, Any]], days: int) -> float | None:
    """Fleet average of the period, $/kW: sum of total_usd / sum of (capacity x share of the period's days active), ranked batteries only."""
    ranked = [row for row in rows if row["rank"] is not None]
    weight = sum(1_000 * row["capacity_mw"] * row["active_days"] / days for row in ranked)
    return sum(row["total_usd"] for row in ranked) / weight if weight else None
