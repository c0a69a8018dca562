"""The table of comparisons: each figure by subject and month against its sister series, its own year or the fleet, on both sides.

A *measure* is a figure by subject (node, product, battery, or the fleet) and month; a *comparison* is a measure and the bounds between which right data lie.
Each question to the ledgers gives several measures at once, so that a ledger is read once.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.products import PRODUCTS, RTC_FIRST_DAY
from bess_assets.ercot.step import Cause, Verdict, some
from bess_assets.store.paths import result_path

FLEET = "the fleet"
YEAR = 0
"""Stands for the month of a measure of the whole year."""
LAGS = (-6, -5, -1, 0, 1, 5, 6)
"""Hours: an hour for a wrong label or summer time, five and six for UTC."""
_LEAST_SUBJECTS, _LEAST_MONTHS = 3, 4
_LEAST_USD_PER_MWH = 5.0  # of a mean: near zero a ratio says nothing
_OF_AN_HOUR = 20.0  # $/MWh, of either price: below it wind may well part the two
_LEAST_CAP_USD = 1_900  # ERCOT's own caps, at which prices do stand, were 2,000 and more
_LEAST_CYCLES = 15  # of a month or year: what is stored at its ends counts for less than a fifteenth
_LEAST_AWARDS = 100  # of a month: with fewer, whole numbers may be chance
_HOURS_OF_A_MONTH = 730
_COVERAGE = {"unobserved", "unpriced", "award_unknown", "as_unknown"}  # shares of what is unknown
_LOAD_SIDE = " load side"
_AT_WORK = 0.2  # of what a battery does in its other months: from this share on it is at work

Place = tuple[str, int]
"""Subject and month."""
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
_FLOWS = "SCED files, Telemetered Net Output or Real Power Consumption; or SCED_SMNE, Interval Value"
_INFINITE = float("inf")

# fmt: off
COMPARISONS = (
    # prices by level
    Comparison("rt_over_da", 0.25, 4, "times", "mean real-time price over the day-ahead one", f"{_RT}, or {_DA}"),
    Comparison("rt_over_da", 0.4, 2.5, "times the fleet's", "mean real-time price over the day-ahead one", f"{_RT}, or {_DA}", "fleet"),
    Comparison("fleet_rt_over_da", 0.5, 2, "times", "median over nodes of the mean real-time price over the day-ahead one", f"{_RT}, or {_DA}"),
    Comparison("rt_mean", 0.2, 5, "times the fleet's", "mean real-time price", _RT, "fleet"),
    Comparison("da_mean", 0.2, 5, "times the fleet's", "mean day-ahead price", _DA, "fleet"),
    Comparison("rt_highest_over_da", 0.5, 50, "times", "highest real-time price of the year over the highest day-ahead one", f"{_RT}, or {_DA}"),
    # prices by value
    Comparison("rt_whole", 0, 0.25, "of the prices", "whole numbers among real-time prices", _RT),
    Comparison("da_whole", 0, 0.25, "of the prices", "whole numbers among day-ahead prices", _DA),
    Comparison("rt_zero", 0, 0.2, "of the prices", "zeros among real-time prices", _RT),
    Comparison("da_zero", 0, 0.2, "of the prices", "zeros among day-ahead prices", _DA),
    Comparison("rt_torn", 0, 2, "intervals", "real-time prices of 1, 2, .. 9 $ while the day-ahead one is ten times as high", _RT),
    Comparison("da_torn", 0, 2, "hours", "day-ahead prices of 1, 2, .. 9 $ while the real-time one is ten times as high", _DA),
    Comparison("rt_at_bound", 0, 3, "intervals", "real-time prices at one whole highest value", _RT),
    Comparison("da_at_bound", 0, 3, "hours", "day-ahead prices at one whole highest value", _DA),
    # prices by time
    Comparison("fleet_rt_with_da", 0.2, 1, "correlation", "hourly real-time prices with day-ahead ones", f"{_RT}, or {_DA}: time"),
    Comparison("fleet_rt_lag", -1, 0.03, "correlation", "gain by moving real-time prices some hours against day-ahead ones", f"{_RT}, or {_DA}: time"),
    Comparison("day_rt_over_da_highest", 0.15, 4, "times", "highest of the days' medians of hourly real-time prices over day-ahead ones", f"{_RT}, or {_DA}"),
    Comparison("day_rt_over_da_lowest", 0.15, 4, "times", "lowest of the days' medians of hourly real-time prices over day-ahead ones", f"{_RT}, or {_DA}"),
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
    Comparison("mcpc_whole", 0, 0.5, "of the prices", "whole numbers among clearing prices that are not 0", _MCPC),
    Comparison("mcpc_at_bound", 0, 3, "hours", "clearing prices at one whole highest value", _MCPC),
    Comparison("mcpc_of_a_day", 0, 8, "times the month's", "highest of the days' median clearing prices over the median of the days", _MCPC),
    Comparison("mcpc_lag", -1, 0.15, "correlation", "gain by moving clearing prices some hours against day-ahead energy prices", f"{_MCPC}: time"),
    # awards
    Comparison("as_largest", 0.004, 3, "times capacity", "largest AS award on one side, where there is any", _AWARDS),
    Comparison("energy_largest", 0.02, 3, "times capacity", "largest day-ahead energy award, where there is any", _ENERGY),
    Comparison("fleet_as", 0.4, 2.5, "times its other months", "AS awards of the fleet per MW of capacity", _AWARDS, "own year"),
    Comparison("fleet_energy", 0.2, 5, "times its other months", "day-ahead energy awards of the fleet per MW of capacity", _ENERGY, "own year"),
    Comparison("fleet_award_over_flow", 0.1, 3, "times", "MWh awarded day-ahead over MWh discharged", _ENERGY),
    Comparison("as_mean", 0.1, 10, "times its other months", "AS awards while the battery is at work", _AWARDS, "own year"),
    Comparison("energy_mean", 0.05, 20, "times its other months", "day-ahead energy awards while the battery is at work", _ENERGY, "own year"),
    Comparison("fleet_as_whole", 0, 0.9, "of the awards", "whole numbers among AS awards of the fleet", _AWARDS),
    Comparison("fleet_energy_whole", 0, 0.9, "of the awards", "whole numbers among day-ahead energy awards of the fleet", _ENERGY),
    # flows
    Comparison("efficiency_of_year", 0.5, 1, "MWh out over MWh in", "round-trip efficiency of the year", _FLOWS),
    Comparison("efficiency", 0.8, 1.15, "times the fleet's", "round-trip efficiency", _FLOWS, "fleet"),
    Comparison("efficiency", 0.9, 1.1, "times its other months", "round-trip efficiency", _FLOWS, "own year"),
    Comparison("fleet_efficiency", 0.68, 0.94, "MWh out over MWh in", "median round-trip efficiency of the fleet", _FLOWS),
    Comparison("discharge", 0.1, 10, "times its other months", "MWh discharged", _FLOWS, "own year"),
    Comparison("fleet_flow_lag", -1, 0.04, "correlation", "gain by moving the fleet's flows some hours against day-ahead prices", f"{_FLOWS}: time"),
    Comparison("fleet_award_lag", -1, 0.04, "correlation", "gain by moving the fleet's day-ahead energy awards against its flows", f"{_ENERGY}: time"),
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


# --- measures -----------------------------------------------------------------------------------------------------------------------------------


def measure(judged: Judged) -> dict[str, dict[Place, float]]:
    """Every measure of a year that its ledgers give."""
    found: defaultdict[str, dict[Place, float]] = defaultdict(dict)
    for ask in (_prices, _price_times, _clearing, _awards, _flow_times, _days, _fleet_before):
        for name, subject, month, value in ask(judged):
            if value is not None:
                found[name][subject, month] = float(value)
    return dict(found)


Rows = Iterator[tuple[str, str, int, Any]]

_MONTH = "month(operating_day)"
_HOUR = "epoch(interval_start)::BIGINT // 3600"
_FIRST = "epoch(interval_start)::BIGINT % 3600 = 0"
# A system-wide price or a sum over the fleet is held against the day-ahead prices of the point that has most of them.
_ONE_POINT = (
    "settlement_point = (SELECT settlement_point FROM {price_daily} GROUP BY settlement_point "
    "ORDER BY sum(da_known_hours) DESC, settlement_point LIMIT 1)"
)


def _values(price: str, prefix: str) -> str:
    """Columns that describe the values of a price: mean, highest, how many are at it, and the shares of whole numbers and zeros."""
    return (
        f"avg({price}) AS {prefix}_mean, max({price}) AS {prefix}_max, avg(({price} = round({price}) AND {price} <> 0)::INT) AS {prefix}_whole, "
        f"avg(({price} = 0)::INT) AS {prefix}_zero"
    )


def _torn(price: str, other: str) -> str:
    """The condition that a price is what is left of one above 999 $ after its thousands separator."""
    return f"{price} BETWEEN 1 AND 9 AND {price} = round({price}) AND {other} >= greatest(10 * {price}, 50)"


def _prices(judged: Judged) -> Rows:
    names = [f"{market}_{part}" for market in ("rt", "da") for part in ("mean", "max", "whole", "zero", "torn")]
    rt, da = "rt_price_usd_per_mwh", "da_price_usd_per_mwh"
    rows = judged.ask(
        f"WITH values AS (SELECT settlement_point AS p, {_MONTH} AS m, {_values(rt, 'rt')}, {_values(da, 'da')}, "
        f"count(*) FILTER ({_torn(rt, da)}) AS rt_torn, count(*) FILTER ({_torn(da, rt)}) / 4 AS da_torn FROM {{bess_prices}} GROUP BY ALL), "
        f"bounds AS (SELECT settlement_point AS p, {_MONTH} AS m, count(*) FILTER ({rt} = rt_max) AS rt_at, count(*) FILTER ({da} = da_max) / 4 AS da_at "
        f"FROM {{bess_prices}} JOIN values ON p = settlement_point AND m = {_MONTH} "
        f"WHERE ({rt} = rt_max AND rt_max = round(rt_max)) OR ({da} = da_max AND da_max = round(da_max)) GROUP BY ALL) "
        f"SELECT p, m, {', '.join(names)}, rt_at, da_at FROM values LEFT JOIN bounds USING (p, m) ORDER BY p, m"
    )
    highest: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    ratios = defaultdict(list)
    for point, month, *values in rows:
        own = dict(zip([*names, "rt_at", "da_at"], values, strict=True))
        rt_mean, da_mean = own["rt_mean"], own["da_mean"]
        for market in ("rt", "da"):
            mean = own[f"{market}_mean"]
            yield f"{market}_mean", point, month, mean if mean and abs(mean) >= _LEAST_USD_PER_MWH else None
            yield f"{market}_whole", point, month, own[f"{market}_whole"]
            yield f"{market}_zero", point, month, own[f"{market}_zero"]
            yield f"{market}_torn", point, month, own[f"{market}_torn"]
            yield (
                f"{market}_at_bound",
                point,
                month,
                own[f"{market}_at"] if 0 < (own[f"{market}_max"] or 0) < _LEAST_CAP_USD else None,
            )
        if rt_mean is not None and da_mean is not None and max(abs(rt_mean), abs(da_mean)) >= _LEAST_USD_PER_MWH:
            ratio = rt_mean / da_mean if da_mean else _INFINITE
            yield "rt_over_da", point, month, ratio
            ratios[month].append(ratio)
            highest[point] = [max(highest[point][0], own["rt_max"]), max(highest[point][1], own["da_max"])]
    for month, of_nodes in ratios.items():
        yield "fleet_rt_over_da", FLEET, month, median(of_nodes)
    for point, (of_rt, of_da) in highest.items():
        yield "rt_highest_over_da", point, YEAR, of_rt / of_da if of_da >= 1_000 or of_rt >= 1_000 else None


def _correlations(series: str, with_: str) -> str:
    return ", ".join(f"corr({series}, {with_}_{n})" for n in range(len(LAGS)))


def _gain(correlations: Iterable[float | None]) -> tuple[float | None, float | None]:
    """The correlation without a lag, and how much larger it is at the best lag; unknown where the first is."""
    known = [value if value is not None and value == value else None for value in correlations]  # noqa: PLR0124  NaN
    at = known[LAGS.index(0)]
    return at, None if at is None else max(value for value in known if value is not None) - at


def _price_times(judged: Judged) -> Rows:
    lagged = ", ".join(
        f"lag(rt, {lag}) OVER w AS rt_{n}, lag(da, {lag}) OVER w AS da_{n}" for n, lag in enumerate(LAGS)
    )
    rows = judged.ask(
        f"WITH hourly AS MATERIALIZED (SELECT settlement_point AS p, {_HOUR} AS h, operating_day AS d, asinh(rt_price_usd_per_mwh / 10) AS rt, "
        f"asinh(da_price_usd_per_mwh / 10) AS da FROM {{bess_prices}} WHERE {_FIRST}), "
        "fleet AS (SELECT h, any_value(d) AS d, avg(rt) AS rt, avg(da) AS da FROM hourly GROUP BY h), "
        f"lagged AS MATERIALIZED (SELECT h, d, month(d) AS m, rt, da, {lagged} FROM fleet WINDOW w AS (ORDER BY h)), "
        f"days AS (SELECT month(d) AS m, median(sinh(rt) / sinh(da)) AS ratio FROM lagged WHERE greatest(abs(rt), abs(da)) >= asinh({_OF_AN_HOUR} / 10) "
        "GROUP BY d HAVING count(*) >= 12) "
        f"SELECT 'days' AS what, '' AS p, m, max(ratio), min(ratio), {', '.join(['NULL'] * (2 * len(LAGS) - 2))} FROM days GROUP BY m "
        f"UNION ALL SELECT 'fleet', '', m, {_correlations('rt', 'da')}, {_correlations('da', 'da')} FROM lagged GROUP BY m "
        f"UNION ALL SELECT 'node', p, m, {_correlations('hourly.rt', 'rt')}, {_correlations('hourly.da', 'da')} "
        "FROM hourly JOIN lagged USING (h) WHERE hourly.rt IS NOT NULL AND hourly.da IS NOT NULL GROUP BY p, m "
        "HAVING count(*) >= 300 ORDER BY ALL"
    )
    nodes = len({point for what, point, *_ in rows if what == "node"})
    for what, point, month, *values in rows:
        if what == "days":
            yield "day_rt_over_da_highest", FLEET, month, values[0]
            yield "day_rt_over_da_lowest", FLEET, month, values[1]
            continue
        rt, rt_gain = _gain(values[: len(LAGS)])
        da, da_gain = _gain(values[len(LAGS) :])
        if what == "fleet":
            yield "fleet_rt_with_da", FLEET, month, rt
            yield "fleet_rt_lag", FLEET, month, rt_gain
        elif nodes >= _LEAST_SUBJECTS:
            yield "rt_with_fleet", point, month, rt
            yield "rt_lag", point, month, rt_gain
            yield "da_with_fleet", point, month, da
            yield "da_lag", point, month, da_gain


def _clearing(judged: Judged) -> Rows:
    lagged = ", ".join(f"lag(da, {lag}) OVER w AS da_{n}" for n, lag in enumerate(LAGS))
    rows = judged.ask(
        f"WITH energy AS (SELECT {_HOUR} AS h, {_MONTH} AS m, da_price_usd_per_mwh AS da FROM {{bess_prices}} WHERE {_FIRST} AND {_ONE_POINT}), "
        f"lagged AS (SELECT h, m, da, {lagged} FROM (SELECT h, m, asinh(da / 10) AS da FROM energy) WINDOW w AS (ORDER BY h)), "
        "level AS (SELECT m, avg(da) AS energy FROM energy GROUP BY m), "
        f"cleared AS (SELECT product AS p, {_HOUR} AS h, mcpc_usd_per_mw AS v, operating_day AS d, "
        f"max(v) OVER (PARTITION BY product, {_MONTH}) AS top FROM {{as_revenue}} "
        "WHERE battery = (SELECT min(battery) FROM {bess_registry}) AND exists), "
        "days AS (SELECT p, month(d) AS m, max(middle) / nullif(median(middle), 0) AS highest "
        "FROM (SELECT p, d, median(v) AS middle FROM cleared GROUP BY p, d) GROUP BY ALL) "
        "SELECT p, m, any_value(highest), any_value(energy), avg(v), avg((v = 0)::INT), avg((v = round(v))::INT) FILTER (v <> 0), "
        f"count(*) FILTER (v = top AND top = round(top) AND top > 0 AND top < {_LEAST_CAP_USD}), {_correlations('asinh(v / 10)', 'da')} "
        "FROM cleared JOIN lagged USING (h) JOIN level USING (m) JOIN days USING (p, m) WHERE v IS NOT NULL GROUP BY p, m HAVING count(*) >= 300 ORDER BY p, m"
    )
    means: defaultdict[int, dict[str, float]] = defaultdict(dict)
    levels: dict[int, float] = {}
    for product, month, of_a_day, energy, mean, zero, whole, at, *correlations in rows:
        yield "mcpc_of_a_day", product, month, of_a_day
        means[month][product], levels[month] = mean, energy
        yield "mcpc_zero", product, month, zero
        yield "mcpc_whole", product, month, whole
        yield "mcpc_at_bound", product, month, at
        yield "mcpc_lag", product, month, _gain(correlations)[1]
        yield "mcpc_over_da", product, month, mean / energy if energy and energy >= _LEAST_USD_PER_MWH else None
    for month, own in means.items():
        energy = levels[month]
        if energy and energy >= _LEAST_USD_PER_MWH:
            yield "mcpc_all_over_da", FLEET, month, sum(own.values()) / energy
        for product, mean in own.items():
            others = [value for name, value in own.items() if name != product]
            if others and (middle := median(others)) > 0:
                yield "mcpc_over_others", product, month, mean / middle


def _of_side(side: str) -> str:
    """Columns that describe the AS awards of one side: mean of their sum, largest, how many there are, and how many of them are no whole number.

    A product of which nothing is known counts for none; an hour of which no product is known does not count.
    """
    said = [f"{p}_{side}_award_mw" for p in PRODUCTS]
    awards = [f"coalesce({award}, 0)" for award in said]
    known = f"coalesce({', '.join(said)}) IS NOT NULL"
    there = " + ".join(f"({award} <> 0)::INT" for award in awards)
    odd = " + ".join(f"({award} <> round({award}))::INT" for award in awards)
    return f"avg({' + '.join(awards)}) FILTER ({known}), max(greatest({', '.join(awards)})), sum({there})::BIGINT, sum({odd})::BIGINT"


def _awards(judged: Judged) -> Rows:
    rows = judged.ask(
        f"WITH flows AS (SELECT battery, {_MONTH} AS m, sum(discharge_mwh) AS mwh FROM {{daily_revenue}} GROUP BY ALL), "
        f"awards AS (SELECT a.battery, {_MONTH} AS m, any_value(capacity_mw), avg(abs(award_mw)), max(abs(award_mw)), "
        f"count(*) FILTER (award_mw <> 0), count(*) FILTER (award_mw <> round(award_mw)), {_of_side('gen')}, {_of_side('load')}, "
        "any_value(dayofyear(expected_first_day) > 1 AND month(expected_first_day) >= m - 1), "
        "any_value(expected_last_day < data_through AND month(expected_last_day) <= m) "
        "FROM {bess_awards} a JOIN {bess_registry} r USING (battery) WHERE capacity_mw > 0 "
        "AND operating_day BETWEEN expected_first_day AND expected_last_day GROUP BY a.battery, m) "
        "SELECT awards.*, coalesce(mwh, 0) FROM awards LEFT JOIN flows USING (battery, m) ORDER BY ALL"
    )
    of_fleet: defaultdict[int, list[float]] = defaultdict(lambda: [0.0] * 12)
    whole: defaultdict[str, dict[int, tuple[float, ...]]] = defaultdict(dict)
    for battery, month, capacity, energy, largest, *counts, comes, leaves, mwh in rows:
        _, _, by_gen, top_gen, _, _, by_load, top_load, _, _ = counts
        for of_side, top in ((battery, top_gen), (f"{battery}{_LOAD_SIDE}", top_load)):
            yield "as_largest", of_side, month, top / capacity if top else None
        yield "energy_largest", battery, month, largest / capacity if largest else None
        if None in (by_gen, by_load, energy):
            continue  # what is unknown is the coverage's to say
        if not comes and not leaves:
            whole[battery][month] = (by_gen, by_load, energy, mwh)
        added = (capacity, energy, *counts[:3], *counts[4:7], *counts[8:], mwh)
        of_fleet[month] = [before + more for before, more in zip(of_fleet[month], (*added, 1), strict=True)]
    for month, own in of_fleet.items():
        yield from _of_fleet(month, own)
    for battery, months in whole.items():
        yield from _at_work(battery, months, judged.year)


def _of_fleet(month: int, sums: Sequence[float]) -> Rows:
    """Measures of the fleet's awards in a month from sums over its batteries."""
    (
        capacity,
        energy,
        any_energy,
        odd_energy,
        by_gen,
        any_gen,
        odd_gen,
        by_load,
        any_load,
        odd_load,
        moved,
        batteries,
    ) = sums
    yield "fleet_as", FLEET, month, (by_gen + by_load) / capacity
    yield "fleet_energy", FLEET, month, energy / capacity
    yield "fleet_award_over_flow", FLEET, month, _HOURS_OF_A_MONTH * energy / moved if moved else None
    for name, subject, count, odd in (
        ("fleet_energy_whole", FLEET, any_energy, odd_energy),
        ("fleet_as_whole", FLEET, any_gen, odd_gen),
        ("fleet_as_whole", f"{FLEET}{_LOAD_SIDE}", any_load, odd_load),
    ):
        if batteries >= _LEAST_SUBJECTS and count >= _LEAST_AWARDS:
            yield name, subject, month, 1 - odd / count


def _at_work(battery: str, months: Mapping[int, tuple[float, ...]], year: int) -> Rows:
    """AS and energy awards of the months in which a battery moves energy, and energy of those in which it has awards."""
    usual = [median(values) for values in zip(*months.values(), strict=True)]
    for month, values in months.items():
        by_gen, by_load, energy, moves = (value >= _AT_WORK * own > 0 for value, own in zip(values, usual, strict=True))
        if moves:
            yield "as_mean", battery, month, values[0]
            yield "energy_mean", battery, month, values[2]
            if (year, month) != (RTC_FIRST_DAY.year, RTC_FIRST_DAY.month):  # in which load sides end
                yield "as_mean", f"{battery}{_LOAD_SIDE}", month, values[1]
        if by_gen or by_load or energy:
            yield "discharge", battery, month, values[3]


def _flow_times(judged: Judged) -> Rows:
    lagged = ", ".join(
        f"lag(da, {lag}) OVER w AS da_{n}, lag(award, {-lag}) OVER w AS award_{n}" for n, lag in enumerate(LAGS)
    )
    rows = judged.ask(
        f"WITH price AS (SELECT {_HOUR} AS h, {_MONTH} AS m, asinh(da_price_usd_per_mwh / 10) AS da FROM {{bess_prices}} WHERE {_FIRST} AND {_ONE_POINT}), "
        f"award AS (SELECT {_HOUR} AS h, sum(award_mw) AS award FROM {{bess_awards}} GROUP BY h), "
        f"flow AS (SELECT {_HOUR} AS h, sum(discharge_mwh - charge_mwh) AS flow FROM {{bess_dispatch}} WHERE {_FIRST} GROUP BY h), "
        f"lagged AS (SELECT h, m, {lagged} FROM price LEFT JOIN award USING (h) WINDOW w AS (ORDER BY h)) "
        f"SELECT m, {_correlations('flow', 'da')}, {_correlations('flow', 'award')} FROM lagged JOIN flow USING (h) "
        "GROUP BY m HAVING count(flow) >= 300 ORDER BY m"
    )
    for month, *values in rows:
        (with_price, gain), (with_award, gain_of_award) = _gain(values[: len(LAGS)]), _gain(values[len(LAGS) :])
        if with_price is not None and with_price + (gain or 0) >= 0.25:
            yield "fleet_flow_lag", FLEET, month, gain
        if with_award is not None and with_award + (gain_of_award or 0) >= 0.25:
            yield "fleet_award_lag", FLEET, month, gain_of_award


def _days(judged: Judged) -> Rows:
    reasons = ("unobserved", "unpriced", "award_unknown")
    rows = judged.ask(
        f"SELECT battery, {_MONTH} AS m, any_value(capacity_mw), any_value(energy_mwh), sum(paired_discharge_mwh), sum(paired_charge_mwh), "
        f"sum(expected_quarter_hours)::BIGINT, {', '.join(f'sum({why}_quarter_hours)::BIGINT' for why in reasons)}, sum(expected_hours)::BIGINT, "
        "sum(as_hours)::BIGINT FROM {daily_revenue} d JOIN {bess_registry} r USING (battery) GROUP BY battery, m ORDER BY battery, m"
    )
    totals: defaultdict[int, list[int]] = defaultdict(lambda: [0] * 6)
    efficiencies: dict[int, list[float]] = defaultdict(list)
    flowed: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    through_year: dict[str, float] = {}
    for battery, month, capacity, energy, out, taken, *counts in rows:
        size = energy or capacity or 0.0
        if size and max(taken or 0.0, out or 0.0) >= _LEAST_CYCLES * size:
            efficiency = (out or 0.0) / taken if taken else _INFINITE
            yield "efficiency", battery, month, efficiency
            efficiencies[month].append(efficiency)
        flowed[battery] = [before + (more or 0.0) for before, more in zip(flowed[battery], (out, taken), strict=True)]
        if size and max(flowed[battery]) >= _LEAST_CYCLES * size:
            through_year[battery] = flowed[battery][0] / flowed[battery][1] if flowed[battery][1] else _INFINITE
        totals[month] = [before + more for before, more in zip(totals[month], counts, strict=True)]
    for battery, efficiency in through_year.items():
        yield "efficiency_of_year", battery, YEAR, efficiency
    for month, own in efficiencies.items():
        yield "fleet_efficiency", FLEET, month, median(own) if len(own) >= _LEAST_SUBJECTS else None
    for month, (expected, *unknown, hours, known_hours) in totals.items():
        for why, count in zip(reasons, unknown, strict=True):
            yield why, FLEET, month, count / expected
        yield "as_unknown", FLEET, month, 1 - known_hours / hours


def _fleet_before(judged: Judged) -> Rows:
    before = result_path(judged.settings.results, "bess_registry", judged.year - 1)
    if not before.is_file():
        return
    from bess_assets.results.engine import literal  # noqa: PLC0415  duckdb: `bess status` knows checks without it

    rows = judged.ask(
        "SELECT b.battery, b.capacity_mw, n.capacity_mw, n.battery IS NOT NULL, b.last_seen_day >= b.data_through - 7 "
        f"FROM read_parquet({literal(before)}) b LEFT JOIN {{bess_registry}} n ON n.battery = b.battery ORDER BY b.battery"
    )
    for battery, old, new, is_there, was_to_the_end in rows:
        if was_to_the_end:
            yield "seen_before", battery, YEAR, float(is_there)
        yield "capacity_before", battery, YEAR, new / old if old and new else None


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
        if len(places) < (_LEAST_SUBJECTS if against == "fleet" else _LEAST_MONTHS):
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
        f"SELECT battery, settlement_point, {_MONTH}, coalesce(sum(abs(da_energy_usd)), 0) + coalesce(sum(abs(rt_energy_usd)), 0), {products} "
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
    return lambda subject, month: usd[subject.removesuffix(_LOAD_SIDE), month] / total if total else 0.0


_REMEDY = "compare the named file with its neighbours in time and with the other series; bring it again, in ERCOT's unit, sign and time"
AGREE = Check(
    "figures_agree_with_their_sisters",
    "By node, product or battery, and month, figures lie near sister series, their own year and the fleet: level, sign, zeros, whole numbers, values at a "
    "bound, the hours at which two series agree best (`docs/reliability.md` has the table). A warning: it names dataset, column, subject and month.",
    _REMEDY,
    _judge,
)
