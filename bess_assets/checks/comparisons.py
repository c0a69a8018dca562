"""The table of comparisons: each figure by subject and month against its sister series, its own year or the fleet, on both sides.

A *measure* is a figure by subject (node, product, battery, or the fleet) and month; a *comparison* is a measure and the bounds between which right data lie.
Each question to the ledgers gives several measures at once, so that a ledger is read once.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from bess_assets.checks.check import Check, Judged
from bess_assets.checks.measures import FLEET, LEAST_MONTHS, LEAST_SUBJECTS, LOAD_SIDE, MONTH, YEAR, Place, measure
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import Cause, Verdict, some

_COVERAGE = {"unobserved", "unpriced", "award_unknown", "as_unknown"}  # shares of what is unknown
Measures = Mapping[str, Mapping[Place, float]]
Against = Literal["", "own year", "fleet"]


@dataclass(frozen=True)
class Comparison:
    """A row of the table.

    Attributes:
        measure: name of the measure.
        low, high: bounds of right data; outside them, on either side, a figure is doubtful.
        unit: of the bounds.
        meaning: the measure in words.
        source: dataset and column that a breach casts doubt on.
        against: what the measure is divided by before it is compared: the median of the subject's other months, or of all subjects in the month.
    """

    measure: str
    low: float
    high: float
    unit: str
    meaning: str
    source: str
    against: Against = ""

    @property
    def name(self) -> str:
        """The measure, and what it is held against."""
        return self.measure + (f"_against_{self.against.replace(' ', '_')}" if self.against else "")


_RT, _DA, _MCPC = "RT_prices, Settlement Point Price", "DA_prices, Settlement Point Price", "AS_prices, MCPC"
_AWARDS, _ENERGY = "DAM files, AS awards", "DAM files, Awarded Quantity"
_RT_MCPC, _RT_AWARDS = "RT_AS_prices or SCED_AS_prices, MCPC", "SCED_ESR_Resources, AS awards"
_FLOWS = "SCED files, Telemetered Net Output or Real Power Consumption; or SCED_SMNE, Interval Value"

# fmt: off
COMPARISONS = (
    # prices by level
    Comparison("rt_over_da", 0.25, 4, "times", "mean real-time price over the day-ahead one", f"{_RT}, or {_DA}"),
    Comparison("rt_over_da", 0.4, 2.5, "times the fleet's", "mean real-time price over the day-ahead one", f"{_RT}, or {_DA}", "fleet"),
    Comparison("fleet_rt_over_da", 0.5, 2, "times", "median over nodes of the mean real-time price over the day-ahead one", f"{_RT}, or {_DA}"),
    Comparison("rt_mean", 0.2, 5, "times the fleet's", "mean real-time price", _RT, "fleet"),
    Comparison("da_mean", 0.2, 5, "times the fleet's", "mean day-ahead price", _DA, "fleet"),
    Comparison("rt_highest_over_da", 0.5, 50, "times", "highest real-time price of the year over the highest day-ahead one", f"{_RT}, or {_DA}"),
    Comparison("rt_of_another", 0, 2.5, "times", "squared gap of two nodes' real-time basis to their own day-ahead one over that to each other's", _RT),
    # prices by value
    Comparison("rt_whole", 0, 0.25, "of the prices", "whole numbers among real-time prices", _RT),
    Comparison("da_whole", 0, 0.25, "of the prices", "whole numbers among day-ahead prices", _DA),
    Comparison("rt_zero", 0, 0.2, "of the prices", "zeros among real-time prices", _RT),
    Comparison("da_zero", 0, 0.2, "of the prices", "zeros among day-ahead prices", _DA),
    Comparison("rt_torn", 0, 2, "intervals", "real-time prices of 1, 2, .. 9 $ while the day-ahead one is ten times as high", _RT),
    Comparison("da_torn", 0, 2, "hours", "day-ahead prices of 1, 2, .. 9 $ while the real-time one is ten times as high", _DA),
    Comparison("rt_at_bound", 0, 3, "intervals", "real-time prices at one whole highest value", _RT),
    Comparison("da_at_bound", 0, 3, "hours", "day-ahead prices at one whole highest value", _DA),
    Comparison("rt_negative", 0.02, 50, "times", "real-time prices below zero over day-ahead ones, in months with some of these", _RT),
    # prices by time
    Comparison("fleet_rt_still", 0, 3, "hours", "real-time prices at most points as they were in the quarter-hour before", _RT),
    Comparison("fleet_da_still", 0, 3, "hours", "day-ahead prices at most points as they were in the hour before", _DA),
    Comparison("rt_day_again", 0, 1, "days", "days with the real-time prices of an earlier day", _RT),
    Comparison("da_day_again", 0, 1, "days", "days with the day-ahead prices of an earlier day", _DA),
    Comparison("fleet_rt_with_da", 0.2, 1, "correlation", "hourly real-time prices with day-ahead ones", f"{_RT}, or {_DA}: time"),
    Comparison("fleet_rt_lag", -1, 0.03, "correlation", "gain by moving real-time prices some hours against day-ahead ones", f"{_RT}, or {_DA}: time"),
    Comparison("day_rt_over_da_highest", 0.15, 4, "times", "highest of the days' medians of hourly real-time prices over day-ahead ones", f"{_RT}, or {_DA}"),
    Comparison("day_rt_over_da_lowest", 0.15, 4, "times", "lowest of the days' medians of hourly real-time prices over day-ahead ones", f"{_RT}, or {_DA}"),
    Comparison("day_rt_lag", -1, 0.7, "correlation", "largest gain of a day by moving its real-time prices some hours against day-ahead ones", f"{_RT}: time"),
    Comparison("rt_with_fleet", 0.2, 1, "correlation", "hourly real-time prices with the fleet's", f"{_RT}: time"),
    Comparison("rt_lag", -1, 0.05, "correlation", "gain by moving a node's real-time prices some hours against the fleet's", f"{_RT}: time"),
    Comparison("da_with_fleet", 0.2, 1, "correlation", "hourly day-ahead prices with the fleet's", f"{_DA}: time"),
    Comparison("da_lag", -1, 0.05, "correlation", "gain by moving a node's day-ahead prices some hours against the fleet's", f"{_DA}: time"),
    # clearing prices
    Comparison("mcpc_over_da", 0.01, 1.6, "times", "mean clearing price over the mean day-ahead energy price", _MCPC),
    Comparison("mcpc_over_others", 0.1, 8, "times", "mean clearing price over the median one of the other products", _MCPC),
    Comparison("mcpc_over_others", 0.25, 4, "times its other months", "mean clearing price over the median one of the other products", _MCPC, "own year"),
    Comparison("mcpc_all_over_da", 0.15, 6, "times", "sum of the mean clearing prices over the mean day-ahead energy price", _MCPC),
    Comparison("mcpc_all_over_da", 0.25, 4, "times its other months", "sum of the mean clearing prices over the day-ahead energy price", _MCPC, "own year"),
    Comparison("mcpc_zero", 0, 0.5, "of the prices", "zeros among clearing prices", _MCPC),
    Comparison("mcpc_lone_zero", 0, 0.02, "of the hours", "zeros among clearing prices between two that are none", _MCPC),
    Comparison("mcpc_all_zero", 0, 3, "hours", "hours in which every clearing price is 0", _MCPC),
    Comparison("mcpc_day_again", 0, 1, "days", "days with the clearing prices of an earlier day", _MCPC),
    Comparison("mcpc_whole", 0, 0.5, "of the prices", "whole numbers among clearing prices that are not 0", _MCPC),
    Comparison("mcpc_at_bound", 0, 3, "hours", "clearing prices at one whole highest value", _MCPC),
    Comparison("mcpc_of_a_day", 0, 8, "times the month's", "highest of the days' median clearing prices over the median of the days", _MCPC),
    Comparison("mcpc_lag", -1, 0.45, "correlation", "gain by moving clearing prices some hours against day-ahead energy prices", f"{_MCPC}: time"),
    Comparison("mcpc_of_year", 0.3, 100, "$/MW", "median of the months' mean clearing prices", _MCPC),
    Comparison("fleet_rt_mcpc_over_da", 0.03, 2.5, "times", "real-time clearing prices over day-ahead ones, by day-ahead awards", _RT_MCPC),
    Comparison("rt_mcpc_over_da", 0.005, 4, "times", "real-time clearing price over the day-ahead one, by day-ahead awards", _RT_MCPC),
    Comparison("rt_mcpc_over_da", 0.1, 10, "times the others'", "real-time clearing price over the day-ahead one, by day-ahead awards", _RT_MCPC, "fleet"),
    # awards
    Comparison("fleet_rt_award_over_da", 0.2, 5, "times", "real-time AS awards over day-ahead ones, at real-time prices", f"{_RT_AWARDS}, or {_AWARDS}"),
    Comparison("rt_award_over_da", 0.05, 10_000, "times", "real-time AS awards over day-ahead ones, at real-time prices", f"{_RT_AWARDS}, or {_AWARDS}"),
    Comparison("row_lacking", 0, 0.01, "of the hours", "hours without a day-ahead row between two hours with one", "DAM files, rows"),
    Comparison("fleet_as_lone_zero", 0, 24, "hours", "hours without an AS award of any battery between hours with some", _AWARDS),
    Comparison("fleet_bought", 0.01, 100, "MWh bought over MWh sold", "day-ahead energy, of months in which storage may buy it", _ENERGY),
    Comparison("flow_over_award", 0.05, 8, "times", "MWh discharged in hours sold a day ahead over MWh sold", f"{_ENERGY}; or {_FLOWS}"),
    Comparison("as_largest", 0.004, 3, "times capacity", "largest AS award on one side, where there is any", _AWARDS),
    Comparison("energy_largest", 0.02, 3, "times capacity", "largest day-ahead energy award, where there is any", _ENERGY),
    Comparison("fleet_as", 0.4, 2.5, "times its other months", "AS awards of the fleet per MW of capacity", _AWARDS, "own year"),
    Comparison("fleet_energy", 0.2, 5, "times its other months", "day-ahead energy awards of the fleet per MW of capacity", _ENERGY, "own year"),
    Comparison("fleet_award_over_flow", 0.1, 3, "times", "MWh awarded day-ahead over MWh discharged", _ENERGY),
    Comparison("as_mean", 0.05, 20, "times its other months", "AS awards while the battery is at work", _AWARDS, "own year"),
    Comparison("energy_mean", 0.05, 20, "times its other months", "day-ahead energy awards while the battery is at work", _ENERGY, "own year"),
    Comparison("fleet_as_whole", 0, 0.9, "of the awards", "whole numbers among AS awards of the fleet", _AWARDS),
    Comparison("fleet_energy_whole", 0, 0.9, "of the awards", "whole numbers among day-ahead energy awards of the fleet", _ENERGY),
    # flows
    Comparison("flow_day_again", 0, 1, "days", "days with the flows of an earlier day", _FLOWS),
    Comparison("efficiency_of_year", 0.5, 1, "MWh out over MWh in", "round-trip efficiency of the year", _FLOWS),
    Comparison("efficiency", 0.8, 1.15, "times the fleet's", "round-trip efficiency", _FLOWS, "fleet"),
    Comparison("efficiency", 0.9, 1.1, "times its other months", "round-trip efficiency", _FLOWS, "own year"),
    Comparison("fleet_efficiency", 0.68, 0.94, "MWh out over MWh in", "median round-trip efficiency of the fleet", _FLOWS),
    Comparison("discharge", 0.1, 10, "times its other months", "MWh discharged", _FLOWS, "own year"),
    Comparison("fleet_flow_lag", -1, 0.04, "correlation", "gain by moving the fleet's flows some hours against day-ahead prices", f"{_FLOWS}: time"),
    Comparison("fleet_award_lag", -1, 0.04, "correlation", "gain by moving the fleet's day-ahead energy awards against its flows", f"{_ENERGY}: time"),
    Comparison("award_lag", -1, 0.1, "correlation", "gain by moving a battery's day-ahead energy awards an hour against its flows", f"{_ENERGY}: time"),
    Comparison("day_flow_lag", -1, 0.7, "correlation", "largest gain of a day by moving the fleet's flows against day-ahead prices", f"{_FLOWS}: time"),
    # coverage and the fleet
    Comparison("unobserved", 0, 0.03, "of the quarter-hours", "flows unknown", _FLOWS),
    Comparison("unpriced", 0, 0.03, "of the quarter-hours", "prices unknown", f"{_RT}, or {_DA}"),
    Comparison("award_unknown", 0, 0.03, "of the quarter-hours", "day-ahead awards unknown", _ENERGY),
    Comparison("as_unknown", 0, 0.03, "of the hours", "AS money unknown", f"{_AWARDS}, or {_MCPC}"),
    Comparison("capacity_before", 0.7, 1.5, "times the year before", "capacity", "DAM files, HSL"),
    Comparison("seen_before", 1, 1, "year", "seen to the end of the year before, and seen this year", "DAM and SCED files, Resource Name"),
)
# fmt: on
"""Every comparison; `docs/reliability.md` shows them. Clean markets lie within the bounds (`bess_assets_tests.faults.clean_markets`)."""


# --- the verdict --------------------------------------------------------------------------------------------------------------------------------


def breaches(comparison: Comparison, measures: Measures) -> dict[Place, float]:
    """Places whose measure lies outside the bounds of a comparison, each with what was compared."""
    own = measures.get(comparison.measure, {})
    if comparison.against:
        own = _over_others(own, comparison.against)
    return {place: value for place, value in own.items() if not comparison.low <= value <= comparison.high}


def _over_others(own: Mapping[Place, float], against: Against) -> dict[Place, float]:
    """Each value over the median of its subject's other months, or of all subjects in its month; without places where that says nothing."""
    groups: defaultdict[str | int, list[Place]] = defaultdict(list)
    for subject, month in own:
        groups[month if against == "fleet" else subject].append((subject, month))
    found = {}
    for places in groups.values():
        if len(places) < (LEAST_SUBJECTS if against == "fleet" else LEAST_MONTHS):
            continue
        ordered = sorted(own[place] for place in places)
        middle = median(ordered)
        for place in places:
            if against == "own year":
                n = bisect_left(ordered, own[place])
                middle = median([*ordered[:n], *ordered[n + 1 :]])
            if middle > 0:
                found[place] = own[place] / middle
    return found


def _judge(judged: Judged) -> Verdict:
    measures, share = measure(judged), _shares(judged)
    causes, numbers = list[Cause](), dict[str, float | None]()
    for comparison in COMPARISONS:
        found = breaches(comparison, measures)
        numbers[comparison.name] = len(found)
        if found:
            places = [
                f"{subject}{f' {judged.year}-{month:02d}' if month else ''} {value:.3g}"
                for (subject, month), value in sorted(found.items(), key=lambda item: -share(*item[0]))
            ]
            bounds = f"right would be {comparison.low:g} to {comparison.high:g} {comparison.unit}"
            words = f"{comparison.source}: {comparison.meaning}: {some(places)}; {bounds}"
            # What is too small has few dollars: its part of all subjects and months counts, too.
            measured = measures[comparison.measure]
            subjects = len({subject for subject, _ in measured})
            part = sum(1 / 12 if month else 1 for _, month in found) / subjects
            touched = min(max(sum(share(*place) for place in found), part), 1.0)
            if comparison.measure in _COVERAGE:  # what is unknown follows from another cause, which comes first
                touched = 0.9 * sum(found.values()) / 12
            causes.append(Cause(words, _REMEDY, touched))
    compared = {f"{name}_compared": len(values) for name, values in measures.items()}
    detail = "; ".join(cause.words for cause in causes) or f"{sum(compared.values()):,} measures within their bounds"
    return Verdict(not causes, detail, {**numbers, **compared}, causes)


def _shares(judged: Judged) -> Callable[[str, int], float]:
    """The share of the fleet's dollars, signs left out, of a subject in a month, or in the year."""
    products = ", ".join(f"sum(abs(as_{p}_usd))" for p in PRODUCTS)
    rows = judged.ask(
        f"SELECT battery, settlement_point, {MONTH}, coalesce(sum(abs(da_energy_usd)), 0) + coalesce(sum(abs(rt_energy_usd)), 0), {products} "
        "FROM {daily_revenue} GROUP BY ALL"
    )
    usd: defaultdict[Place, float] = defaultdict(float)
    total = 0.0
    for battery, point, month, energy, *services in rows:
        known = [value or 0.0 for value in services]
        own = energy + sum(known)
        total += own
        for when in (month, YEAR):
            usd[battery, when] += own
            usd[FLEET, when] += own
            usd[point, when] += energy
            for product, value in zip(PRODUCTS, known, strict=True):
                usd[product, when] += value
    return lambda subject, month: usd[subject.removesuffix(LOAD_SIDE), month] / total if total else 0.0


_REMEDY = "compare the named file with its neighbours in time and with the other series; bring it again, in ERCOT's unit, sign and time"
AGREE = Check(
    "figures_agree_with_their_sisters",
    "By node, product or battery, and month, figures lie near sister series, their own year and the fleet: level, sign, zeros, whole numbers, values at a "
    "bound, the hours at which two series agree best (`docs/reliability.md` has the table). A warning: it names dataset, column, subject and month.",
    _REMEDY,
    _judge,
)
