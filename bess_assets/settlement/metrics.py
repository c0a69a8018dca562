"""A row of a board: the sums of a battery's days, dollars per unit of size, coverage, rank or the reason for none, notes; and figures of the fleet.

A *board* lists the batteries of a *period*: a year, a month, or any days in a row. One SQL statement sums the days, over the tables at hand in a refresh and
over the files of the results in a query. docs/methodology.md defines every figure in its sections 10 and 11. Loads no numpy, so that the board of any days
takes milliseconds.
"""

import calendar
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

from bess_assets.ercot.products import PRICE_COUNTS, PRODUCT_NAMES, PRODUCTS, SOURCES
from bess_assets.settlement.pairing import CYCLES_FOR_EVIDENCE, HOURS_IF_ENERGY_UNKNOWN
from bess_assets.settlement.strategy import classify

FIRST_ACTIVE_HOURS = 0.1  # a day with this many hours of discharge at capacity counts as active without an award
LEAST_COVERAGE = 0.95
"""Share of expected intervals that must be known for a battery to be ranked, and for a day to count in TB2 capture."""
LEAST_ACTIVE_DAYS_YEAR = 30
LEAST_ACTIVE_DAYS_MONTH = 10
LEAST_DISCHARGE_MWH = 1.0  # discharge from which $/MWh is shown
OUTLIER_TIMES_FLEET = 3.0
"""$/kW above this many times the fleet's average is noted."""
QUARTER_HOURS_PER_DAY = 96
DURATION_LIMITS_HOURS = (1.25, 1.75, 2.5)
"""Bounds between duration classes; a battery at a bound is in the class above it."""
DURATION_CLASSES = (
    f"under {DURATION_LIMITS_HOURS[0]:g} h",
    *(f"{low:g} to {high:g} h" for low, high in pairwise(DURATION_LIMITS_HOURS)),
    f"{DURATION_LIMITS_HOURS[-1]:g} h and more",
)

OF_PEERS = ("usd_per_kw_month_percentile", "class_median_usd_per_kw_month")
"""Columns of a board that move with other batteries, whatever the row's own battery earned."""
STREAMS = ("da_energy_usd", "rt_energy_usd", *(f"as_{p}_usd" for p in PRODUCTS))
"""Columns that add up to total_usd."""
MONEY = (
    *STREAMS,
    *(f"as_{p}_{leg}_usd" for leg in ("da", "rt") for p in PRODUCTS),
    "charging_cost_usd",
    "da_unmatched_usd",
    "as_da_unmatched_usd",
    "rt_metered_usd",
    "discharge_mwh",
    "charge_mwh",
    "paired_discharge_mwh",
    "paired_charge_mwh",
    "as_rt_award_usd",
    "as_rt_run_usd",
)
"""Columns of daily_revenue that a board sums over the known days; null where no day is known."""
COUNTS = (
    "expected_quarter_hours",
    "energy_quarter_hours",
    "discharge_quarter_hours",
    "unpriced_quarter_hours",
    "unobserved_quarter_hours",
    "award_unknown_quarter_hours",
    "implausible_quarter_hours",
    "implausible_as_hours",
    *(name for counts in PRICE_COUNTS.values() for name in counts.values()),
    "gap_hours",
    "gap_unknown_hours",
    "combo_quarter_hours",
    *(f"{side}_{source}_quarter_hours" for side in ("discharge", "charge") for source in SOURCES),
    "expected_hours",
    "as_hours",
    *(f"{p}_expected_hours" for p in PRODUCTS),
    *(f"{p}_hours" for p in PRODUCTS),
)
"""Columns of daily_revenue that a board adds up."""
FROM_REGISTRY = (
    *("battery", "gen_resource", "load_resource", "esr_resource", "qse"),
    *("capacity_mw", "capacity_source", "energy_mwh", "duration_hours", "duration_source"),
    *("data_through", "edition", "attributes"),
)
"""Columns of bess_registry that a board shows as they are."""

PARTS = (
    *(*STREAMS, "energy_quarter_hours", "expected_quarter_hours", "as_hours", "expected_hours"),
    *(f"{p}_expected_hours" for p in PRODUCTS),
)
"""Columns that `totals` reads."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Period:
    """Days in a row.

    Attributes:
        first: first day.
        last: last day, itself included.
        least_active_days: active days from which a battery has a $/kW; those of a month unless the period is a year.
    """

    first: date
    last: date
    least_active_days: int = LEAST_ACTIVE_DAYS_MONTH

    @classmethod
    def of(cls, year: int, month: int | None = None) -> "Period":
        """A year, or one of its months from 1 to 12."""
        if month is None:
            return cls(date(year, 1, 1), date(year, 12, 31), LEAST_ACTIVE_DAYS_YEAR)
        return cls(date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1]))

    @property
    def days(self) -> int:
        """Days in it."""
        return (self.last - self.first).days + 1

    @cached_property
    def months(self) -> float:
        """Calendar months in it, a part of a month as the share of its days: February alone is 1, a year 12."""
        shares = 0.0
        for number in range(12 * self.first.year + self.first.month - 1, 12 * self.last.year + self.last.month):
            month = Period.of(number // 12, number % 12 + 1)
            shares += ((min(self.last, month.last) - max(self.first, month.first)).days + 1) / month.days
        return shares

    @property
    def active_days_to_rank(self) -> int:
        """Active days from which a battery is ranked; all days of a period that is shorter."""
        return min(self.least_active_days, self.days)


def sum_columns(names: Iterable[str]) -> str:
    """Sums of `MONEY` and `COUNTS` of daily_revenue as SQL: money and energy over what is known, null where nothing is."""
    return ", ".join(f"sum({name}){'::BIGINT' if name in COUNTS else ''} AS {name}" for name in names)


def sums_of_days(days: str, registry: str, by: str = "", where: str = "true") -> str:
    """The statement that sums the days of each battery.

    A day is active from the battery's first active day of the years given: the first with an award, or with `FIRST_ACTIVE_HOURS` of discharge at capacity.
    TB2 and the energy beside it count active days with a known TB2 and well-covered energy.

    Args:
        days: relation of whole years of daily_revenue.
        registry: relation of the columns year, battery, capacity_mw.
        by: expression, with its name and a comma, of the period that a row belongs to; empty for one period.
        where: the days that are summed.

    Returns:
        SELECT of the period, battery, first_active_date, `MONEY` and `COUNTS` summed, settlement_point (of the last day), active_days, best_day_usd
        (largest total_usd of a day), first_gap_day, last_gap_day (with gap_hours), tb2_usd_per_mw and tb2_energy_usd (null without a day that
        counts), ordered by period and battery.
    """
    active = "operating_day >= first_active_date"
    covered = f"energy_quarter_hours >= {LEAST_COVERAGE!r}::DOUBLE * expected_quarter_hours"
    counted = f"{active} AND {covered} AND tb2_usd_per_mw IS NOT NULL"
    return (
        f"WITH firsts AS (SELECT days.battery, min(operating_day) AS first_active_date FROM {days} AS days LEFT JOIN {registry} AS registry "
        "ON registry.battery = days.battery AND registry.year = year(operating_day) "
        f"WHERE award_positive OR discharge_mwh >= {FIRST_ACTIVE_HOURS!r}::DOUBLE * nullif(capacity_mw, 0) GROUP BY days.battery) "
        f"SELECT {by}battery, first_active_date, {sum_columns((*MONEY, *COUNTS))}, arg_max_null(settlement_point, operating_day) AS settlement_point, "
        f"count(*) FILTER ({active}) AS active_days, max(total_usd) AS best_day_usd, "
        "min(operating_day) FILTER (gap_hours > 0) AS first_gap_day, max(operating_day) FILTER (gap_hours > 0) AS last_gap_day, "
        f"sum(tb2_usd_per_mw) FILTER ({counted}) AS tb2_usd_per_mw, sum(energy_usd) FILTER ({counted}) AS tb2_energy_usd "
        f"FROM {days} LEFT JOIN firsts USING (battery) WHERE {where} GROUP BY ALL ORDER BY ALL"
    )


def board(sums: Iterable[Row], registry: Mapping[str, Row], period: Period) -> list[dict[str, Any]]:
    """Rows of the board of a period in its order, ranked rows first.

    Args:
        sums: a row a battery, as `sums_of_days` gives them.
        registry: row of bess_registry by battery.
        period: the days summed.
    """
    rows = [_row(of_battery, registry[of_battery["battery"]], period) for of_battery in sums]
    rank(rows)
    add_peers(rows)
    times = times_fleet(rows, period.days)
    for row in rows:
        if times.get(row["battery"], 0.0) > OUTLIER_TIMES_FLEET:
            row["notes"].append(outlier_note(times[row["battery"]]))
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


def duration_class(row: Row) -> str | None:
    """The duration class of a row of a board or the registry; None where the duration is assumed or unknown."""
    hours = row["duration_hours"]
    known = hours is not None and row["duration_source"] != "assumed"
    return DURATION_CLASSES[bisect_right(DURATION_LIMITS_HOURS, hours)] if known else None


def add_peers(rows: Iterable[dict[str, Any]]) -> None:
    """Add to each row of a board its duration class, its percentile among the ranked batteries, and the median of the ranked batteries of its class.

    The percentile is the share of the other ranked batteries whose $/kW-month is lower, those with the same one counting half.
    """
    rates: dict[str | None, list[float]] = {}
    rows = list(rows)
    for row in rows:
        row["duration_class"] = duration_class(row)
        if row["rank"] is not None and row["usd_per_kw_month"] is not None:
            rates.setdefault(row["duration_class"], []).append(row["usd_per_kw_month"])
    every = sorted(chain.from_iterable(rates.values()))
    medians = {name: median(of_class) for name, of_class in rates.items() if name is not None}
    for row in rows:
        own = row["usd_per_kw_month"]
        compared = row["rank"] is not None and own is not None and len(every) > 1
        lower = (bisect_left(every, own) + bisect_right(every, own) - 1) / 2 if compared else None
        row["usd_per_kw_month_percentile"] = None if lower is None else lower / (len(every) - 1)
        row["class_median_usd_per_kw_month"] = medians.get(row["duration_class"])


def median(values: Iterable[float]) -> float:
    """The middle one of some values, or the mean of the two in the middle."""
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def totals(sums: Row) -> dict[str, float | None]:
    """Totals and coverage of summed `PARTS`: a total is null if a part that exists is; nothing is scaled up for what is missing."""
    products = [sums[f"as_{p}_usd"] for p in _existing(sums)]
    energy = _sum_of_all([sums["da_energy_usd"], sums["rt_energy_usd"]])
    services = _sum_of_all(products) if products else None
    return {
        "energy_usd": energy,
        "as_usd": services,
        "total_usd": _sum_of_all([energy, services]),
        "energy_coverage": sums["energy_quarter_hours"] / sums["expected_quarter_hours"],
        "as_coverage": sums["as_hours"] / sums["expected_hours"],
    }


def _existing(sums: Row) -> list[str]:
    return [p for p in PRODUCTS if sums[f"{p}_expected_hours"]]


def _sum_of_all(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _ratio(over: float | None, under: float | None, least: float = 0.0) -> float | None:
    """A ratio; None where a side is unknown, or the lower one is not positive or is under `least`."""
    return over / under if over is not None and under is not None and under > 0 and under >= least else None


def _row(sums: Row, registry: Row, period: Period) -> dict[str, Any]:
    capacity, energy_size, discharge = registry["capacity_mw"], registry["energy_mwh"], sums["discharge_mwh"]
    of_period = totals(sums)
    total = of_period["total_usd"]
    own = {"total_usd": total, "capacity_mw": capacity, "active_days": sums["active_days"]}
    per_year, per_month = usd_per_kw_year_and_month([own], period)
    products = {p: sums[f"as_{p}_usd"] for p in _existing(sums)}
    tb2_usd = capacity * sums["tb2_usd_per_mw"] if capacity and sums["tb2_usd_per_mw"] is not None else None
    row = {
        "rank": None,
        **{name: registry.get(name) for name in FROM_REGISTRY},  # one made before a column was added lacks it
        **{name: sums[name] for name in ("settlement_point", "first_active_date", "active_days")},
        **{name: sums[name] for name in MONEY if not name.startswith(("paired_", "as_rt_"))},
        "rt_as_run_price_share": _ratio(sums["as_rt_run_usd"], sums["as_rt_award_usd"]),
        **of_period,
        "usd_per_mw": _ratio(total, capacity),
        "usd_per_kw_month": per_month,
        "usd_per_kw_year": per_year,
        "usd_per_mwh_discharged": _ratio(total, discharge, LEAST_DISCHARGE_MWH),
        "cycles_per_day": _ratio(
            discharge, (energy_size or 0.0) * sums["discharge_quarter_hours"] / QUARTER_HOURS_PER_DAY
        ),
        "round_trip_efficiency": round_trip_efficiency(sums, energy_size, capacity),
        "tb2_usd": tb2_usd,
        "tb2_capture": _ratio(sums["tb2_energy_usd"], tb2_usd),
        **classify(of_period["energy_usd"], products, capacity, period.months)._asdict(),
        "best_day_share": _ratio(sums["best_day_usd"], total),
        "quantity_source": _quantity_source(sums),
    }
    # A product unknown in the few hours in which it exists leaves no total at full coverage: without a total there is no rank.
    reasons = _exclusions(row, sums, registry, period) or ["total unknown"] * (total is None)
    row["excluded_reason"] = "; ".join(reasons)
    row["notes"] = _notes(row, sums, registry)
    return row


def round_trip_efficiency(sums: Row, energy: float | None, capacity: float | None) -> float | None:
    """Discharge / charge where both are known; None under five cycles of charging."""
    least = CYCLES_FOR_EVIDENCE * energy if energy else HOURS_IF_ENERGY_UNKNOWN * (capacity or 0.0)
    return _ratio(sums["paired_discharge_mwh"], sums["paired_charge_mwh"], least) if least else None


def _quantity_source(sums: Row) -> str | None:
    sides = [
        "+".join(source for source in SOURCES if sums[f"{side}_{source}_quarter_hours"]) or "unknown"
        for side in ("discharge", "charge")
    ]
    if sides == ["unknown", "unknown"]:
        return None
    return sides[0] if sides[0] == sides[1] else "/".join(sides)


def _cut(share: float) -> str:
    """A share cut, not rounded, to three decimals, so that 0.94999 never reads 0.950."""
    return f"{math.floor(share * 1000) / 1000:.3f}"


def _exclusions(row: Row, sums: Row, registry: Row, period: Period) -> list[str]:
    energy, services, days = row["energy_coverage"], row["as_coverage"], row["active_days"]
    rules = (
        (row["settlement_point"] is None, "settlement point unknown"),
        (sums["combo_quarter_hours"] and registry["charging"] == "unknown", "charging unknown"),
        (energy < LEAST_COVERAGE, f"energy coverage {_cut(energy)} below {LEAST_COVERAGE}{_of(_energy_lost(sums))}"),
        (services < LEAST_COVERAGE, f"AS coverage {_cut(services)} below {LEAST_COVERAGE}{_of(_services_lost(sums))}"),
        (row["capacity_mw"] is None, "capacity unknown"),
        (days < period.active_days_to_rank, f"active {days} days, under {period.active_days_to_rank}"),
    )
    return [words for broken, words in rules if broken]


def _energy_lost(sums: Row) -> dict[str, float]:
    """Shares of the expected quarter-hours by what is unknown in them; one may lack more than one thing."""
    unknown = {
        "discharge or charge": sums["unobserved_quarter_hours"],
        f"price at {sums['settlement_point'] or 'an unknown node'}": sums["unpriced_quarter_hours"],
        "day-ahead award": sums["award_unknown_quarter_hours"],
    }
    return {name: count / sums["expected_quarter_hours"] for name, count in unknown.items()}


def _services_lost(sums: Row) -> dict[str, float]:
    """Shares of the hours of each product in which its award or price is unknown."""
    return {PRODUCT_NAMES[p]: 1 - sums[f"{p}_hours"] / sums[f"{p}_expected_hours"] for p in _existing(sums)}


def _of(lost: Mapping[str, float]) -> str:
    """What is unknown for how long, as a phrase in brackets, the longest first."""
    names: dict[str, list[str]] = {}
    for name, share in sorted(lost.items(), key=lambda item: -item[1]):
        names.setdefault(f"{share:.1%}", []).extend([name] * bool(share))
    parts = [f"{' and '.join(own)} unknown in {share}" for share, own in names.items() if own]
    return f" ({', '.join(parts)})" if parts else ""


def _notes(row: Row, sums: Row, registry: Row) -> list[str]:
    efficiency, unpriced = row["round_trip_efficiency"] or 0.0, sums["unpriced_quarter_hours"]
    odd, odd_as = sums["implausible_quarter_hours"], sums["implausible_as_hours"]
    shares = price_shares(sums)
    gaps = f"from {sums['first_gap_day']} to {sums['last_gap_day']}, the award unknown in {sums['gap_unknown_hours']} of them and none in the others"
    said = (
        (registry["notes"], registry["notes"]),
        (efficiency > 1, f"round-trip efficiency {efficiency:.2f} is above 1: charging is missing"),
        (odd or odd_as, f"implausible prices used: {odd} quarter-hours of energy, {odd_as} product hours of AS"),
        (shares, f"prices of {shares}"),
        (sums["gap_hours"], f"no day-ahead row in {sums['gap_hours']} hours {gaps}"),
        (unpriced and row["settlement_point"] is not None, f"{unpriced} quarter-hours unpriced"),
    )
    return [words for holds, words in said if holds]


def price_shares(sums: Row) -> str:
    """Of which sources prices are, from their counts: a market with its shares, market by market; empty where all are of price reports."""
    parts = []
    for market, counts in PRICE_COUNTS.items():
        total = sum(sums[name] or 0 for name in counts.values())
        if total > (sums[counts["report"]] or 0):
            shares = [f"{sums[n] / total:.2%} {source}" for source, n in counts.items() if sums[n]]
            parts.append(f"{market} ({', '.join(shares)})")
    return ", ".join(parts)


def outlier_note(times: float) -> str:
    """The note on a battery that earns so many times the fleet's average."""
    return f"{times:.1f} times the fleet's $/kW"


# --- the fleet ----------------------------------------------------------------------------------------------------------------------------


FLEET_TOTALS = {
    "ranked_total_usd": "ranked total",
    "known_total_usd": "known total",
    "stream_total_usd": "stream total",
}
"""The name of each total of a fleet on every surface (docs/glossary.md)."""


def fleet(rows: Sequence[Row], period: Period) -> dict[str, Any]:
    """Figures of all batteries in a period from the rows of a board, None where unknown.

    MW, dollars (each stream, energy and services, summed where known) and $/kW (weighted by size and active days: methodology, section 11) are of the ranked
    batteries, coverage is the mean over all; `totals_of_fleet` defines the three totals. The energy share is energy_usd / ranked_total_usd, None unless that
    is above zero.
    """
    best = ranked(rows)
    usd = {name: sum_known(best, name) for name in (*STREAMS, "energy_usd", "as_usd")} | totals_of_fleet(rows)
    coverage = {name: sum_known(rows, name) for name in ("energy_coverage", "as_coverage")}
    per_year, per_month = usd_per_kw_year_and_month(best, period)
    return {
        "ranked": len(best),
        "batteries": len(rows),
        "capacity_mw": sum_known(best, "capacity_mw"),
        "usd_per_kw_month": per_month,
        "usd_per_kw_year": per_year,
        "energy_share": _ratio(usd["energy_usd"], usd["ranked_total_usd"]),
        **{name: None if total is None else total / len(rows) for name, total in coverage.items()},
        **usd,
    }


def totals_of_fleet(rows: Sequence[Row]) -> dict[str, float | None]:
    """The three totals of a board, None where nothing is known.

    Returns:
        ranked_total_usd: total_usd of the ranked batteries.
        known_total_usd: total_usd of all batteries that have one.
        stream_total_usd: every known stream of all batteries, those without a total included.
    """
    return {
        "ranked_total_usd": sum_known(ranked(rows), "total_usd"),
        "known_total_usd": sum_known(rows, "total_usd"),
        "stream_total_usd": stream_total(rows),
    }


def stream_total(rows: Sequence[Row]) -> float | None:
    """Sum of the known streams of some rows; None where none is known."""
    streams = [usd for name in STREAMS if (usd := sum_known(rows, name)) is not None]
    return math.fsum(streams) if streams else None


def sum_known(rows: Iterable[Row], column: str) -> float | None:
    """Sum of the known values of a column; None where none is known."""
    known = [row[column] for row in rows if row[column] is not None]
    return math.fsum(known) if known else None


def usd_per_kw(rows: Iterable[Row], days: int) -> float | None:
    """$/kW in a period of so many days, of one battery or a fleet: sum of total_usd / sum of (capacity x share of the days active); not scaled for coverage."""
    known = [row for row in rows if row["total_usd"] is not None and row["capacity_mw"]]
    weight = sum(1_000 * row["capacity_mw"] * row["active_days"] / days for row in known)
    return sum(row["total_usd"] for row in known) / weight if weight else None


def usd_per_kw_year_and_month(rows: Iterable[Row], period: Period) -> tuple[float | None, float | None]:
    """$/kW-year and $/kW-month of one battery or a fleet, over batteries with enough active days."""
    of_period = usd_per_kw((row for row in rows if row["active_days"] >= period.least_active_days), period.days)
    return (None, None) if of_period is None else (of_period * (12 / period.months), of_period / period.months)


def ranked(rows: Iterable[Row]) -> list[Row]:
    """The ranked rows of a board, of which fleet averages are made."""
    return [row for row in rows if row["rank"] is not None]


def times_fleet(rows: Sequence[Row], days: int) -> dict[str, float]:
    """$/kW of each battery of a board as a multiple of the fleet's, where both are known and the fleet's is above zero."""
    average = usd_per_kw(ranked(rows), days) or 0.0
    own = {row["battery"]: usd_per_kw([row], days) for row in rows if average > 0}
    return {battery: usd / average for battery, usd in own.items() if usd is not None}
