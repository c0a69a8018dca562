"""Figures of a year by subject (node, product, battery or the fleet) and month that can be compared with sister series, their own year and the fleet.

Each question to the tables gives several measures at once, so that a ledger is read once; what is told from many rows is told from a part of them.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from statistics import median
from typing import Any

import numpy as np

from bess_assets.checks.check import Judged
from bess_assets.checks.hours import LAGS, Hours, correlation, gain, mean_of_known, moved, sum_of_known
from bess_assets.ercot.arrays import BoolArray, FloatArray
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.settlement.ancillary import by_product
from bess_assets.store.paths import result_path

FLEET = "the fleet"
YEAR = 0
"""Stands for the month of a measure of the whole year."""
_NEAR = (-1, 0, 1)
"""Those of a single node or battery, whose correlation without a lag falls by itself where it is more."""
_ALIKE, _LEAST_OF_A_DAY = 0.5, 12  # of a day: correlation, and hours
_LEAST_ALIKE = 0.25  # correlation at the best lag: below it a lag says nothing
LEAST_SUBJECTS, LEAST_MONTHS = 3, 4
_LEAST_USD_PER_MWH = 5.0  # of a mean: near zero a ratio says nothing
_OF_AN_HOUR = 20.0  # $/MWh, of either price: below it wind may well part the two
_MOST_POINTS = 0.8
_LEAST_NEGATIVE = 10  # hours of a month, of those looked at, with a day-ahead price below zero
AT_BOUND = 3  # so many prices may be equal to the highest of a month
_LEAST_CAP_USD = 1_900  # ERCOT's own caps, at which prices do stand, were 2,000 and more
_LEAST_CYCLES = 15  # of a month or year: what is stored at its ends counts for less than a fifteenth
_LEAST_HOURS = 300  # of a month, in which a correlation is looked for
_LEAST_DAYS = 10  # of a month, in which nodes are told apart
_LEAST_BASIS = 0.3  # asinh of $/MWh: between nodes that are nearer it makes no difference which is which
_LEAST_AWARDS = 100  # of a month: with fewer, whole numbers may be chance
_ENOUGH = 10  # batteries, of which prices are told that are the same for all
_LEAST_BOUGHT_USD = 100.0  # of a month
_LEAST_SOLD_MWH = 20.0  # in the days looked at
_DAYS_OF_BATTERIES = 4  # of each month, in which lags of single batteries are looked for
_HOURS_OF_A_MONTH = 730
LOAD_SIDE = " load side"
_INFINITE = float("inf")
_AT_WORK = 0.2  # of what a battery does in its other months: from this share on it is at work

Place = tuple[str, int]
"""Subject and month."""


Rows = Iterator[tuple[str, str, int, Any]]

MONTH = "month(operating_day)"


def _grid(
    judged: Judged, ledger: str, *columns: str, each: int = 1, last: str | None = None
) -> tuple[list[str], list[np.ndarray]]:
    """Series of a ledger, and columns of numbers as grids of them by every so many-th step: of a ledger of quarter-hours by hour.

    Of one column there may be a further grid, of the last step of each so many.
    """
    with judged.reading(ledger) as table:
        grids = list[np.ndarray]()
        for n in range(len(names := table.batteries())):
            numbers = table.numbers([*columns], n)
            of_columns = [own[::each] for own in numbers.values()] + ([numbers[last][each - 1 :: each]] if last else [])
            grids = grids or [np.empty((len(names), len(own))) for own in of_columns]
            for grid, own in zip(grids, of_columns, strict=True):
                grid[n] = own
        return names, grids


def _hourly(judged: Judged) -> Rows:
    """Values and times of prices, and times of clearing prices and flows against the day-ahead prices of the point that has most of them."""
    hours, names = Hours(judged.year), ("rt_price_usd_per_mwh", "da_price_usd_per_mwh")
    points, grids = _grid(judged, "bess_prices", *names, each=QUARTER_HOURS_PER_HOUR, last=names[0])
    da = np.full(len(hours.month), np.nan)
    if points:
        usd, rt_at_end = grids[:2], grids.pop()
        yield from _still(hours, usd[0], usd[1], rt_at_end)
        del grids, rt_at_end
        yield from _prices(hours, points, usd)
        da = usd[1][(~np.isnan(usd[1])).sum(axis=1).argmax()].copy()
        del usd  # what follows has grids of its own
    yield from _clearing(judged, hours, da)
    yield from _flow_times(judged, hours, da)


def _still(hours: Hours, rt: FloatArray, da: FloatArray, rt_at_end: FloatArray) -> Rows:
    """Hours whose prices are those before: real-time ones of the first and of the last quarter-hour, day-ahead ones; shapes (points, hours)."""
    before, begin, end = rt_at_end[:, :-1], rt[:, 1:], rt_at_end[:, 1:]
    for name, still in (
        ("fleet_rt_still", _all_equal((before, begin, end))),
        ("fleet_da_still", _all_equal((da[:, :-1], da[:, 1:]))),
    ):
        for month, own in hours.months():
            yield name, FLEET, month, np.count_nonzero(still[max(own.start - 1, 0) : own.stop - 1])


def _all_equal(prices: Sequence[FloatArray]) -> BoolArray:
    """True in the hours in which prices are equal at most points where all are known, of which there are some."""
    first, *others = prices
    known: BoolArray = np.logical_and.reduce([~np.isnan(own) for own in prices])
    equal: BoolArray = np.logical_and.reduce([first == own for own in others])
    count = known.sum(axis=0)
    return np.asarray(((equal & known).sum(axis=0) >= _MOST_POINTS * count) & (count >= LEAST_SUBJECTS))


def _lone_zeros(series: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Along the last axis, but for its ends: zeros between two values that are none; and what lies between two such values."""
    there = (series != 0) & ~np.isnan(series)
    between = there[..., :-2] & there[..., 2:]
    return between & (series[..., 1:-1] == 0), between


def _prices(hours: Hours, points: Sequence[str], usd: Sequence[FloatArray]) -> Rows:
    """Values and times of prices, of the first quarter-hour of each hour; real-time and day-ahead ones, of the shape (points, hours)."""
    rt, da = (np.arcsinh(own / 10) for own in usd)
    fleet = [mean_of_known(own) for own in (rt, da)]
    yield from _days_of_prices(hours, *fleet)
    with_da = moved(fleet[1])
    for month, own in hours.months():
        at, more = gain(correlation(fleet[0][own], with_da[:, own]))
        yield "fleet_rt_with_da", FLEET, month, at
        yield "fleet_rt_lag", FLEET, month, more
    found: dict[int, dict[str, FloatArray]] = {}
    with_fleet = [moved(own, _NEAR) for own in fleet]
    for month, whole in hours.months():
        own = np.flatnonzero(hours.every_other[whole]) + whole.start  # half of them say of a node what all do
        known = np.minimum(*((~np.isnan(prices[:, own])).sum(axis=1) for prices in usd))
        told = (known >= _LEAST_HOURS / 2) & (len(points) >= LEAST_SUBJECTS)
        values = found[month] = {}
        for market, at, prices, level, other in zip(("rt", "da"), with_fleet, usd, (rt, da), usd[::-1], strict=True):
            values |= _values(market, prices[:, own], other[:, own])
            correlations = correlation(level[:, None, own], at[:, own])
            for name, figure in zip(("with_fleet", "lag"), gain(correlations), strict=True):
                values[f"{market}_{name}"] = np.where(told, figure, np.nan)
    for n, point in enumerate(points):
        for month, values in found.items():
            for name, of_points in values.items():
                yield name, point, month, of_points[n]


def _days_of_prices(hours: Hours, rt: FloatArray, da: FloatArray) -> Rows:
    """Levels and times of the fleet's real-time prices by day, against day-ahead ones."""
    by_day = [hours.by_day(own) for own in (rt, da)]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.sinh(by_day[0]) / np.sinh(by_day[1])
    high = np.fmax(*np.abs(by_day)) >= np.arcsinh(_OF_AN_HOUR / 10)
    enough = high.sum(axis=1) >= _LEAST_OF_A_DAY
    ratio = _median(np.where(high & enough[:, None], ratios, np.nan))
    alike = correlation(by_day[0][:, None], hours.by_day(moved(da)).swapaxes(0, 1))
    for month, _ in hours.months():
        own = hours.month_of_day == month
        yield "day_rt_over_da_highest", FLEET, month, np.fmax.reduce(ratio[own])
        yield "day_rt_over_da_lowest", FLEET, month, np.fmin.reduce(ratio[own])
        yield "day_rt_lag", FLEET, month, _gain_of_days(alike[own])


def _gain_of_days(alike: FloatArray) -> float:
    """The largest gain of a day at its best lag, of days on which two series agree at that lag; NaN where there is none."""
    at, more = gain(alike)
    return float(np.fmax.reduce(np.where(at + more >= _ALIKE, more, np.nan)))


def _median(rows: FloatArray) -> FloatArray:
    """Median of what is known over the last axis, NaN where nothing is."""
    known = (~np.isnan(rows)).sum(axis=-1)
    ordered, at = np.sort(rows, axis=-1), np.maximum(known - 1, 0)
    middle = (
        np.take_along_axis(ordered, (at // 2)[..., None], -1) + np.take_along_axis(ordered, (known // 2)[..., None], -1)
    ) / 2
    return np.where(known > 0, middle[..., 0], np.nan)


def _values(market: str, price: FloatArray, other: FloatArray) -> dict[str, FloatArray]:
    """What prices of points look like: shares of whole numbers and zeros, how many lost a thousands separator, how many stand at one whole highest value."""
    whole, known = price == np.round(price), np.maximum((~np.isnan(price)).sum(axis=1), 1)
    torn = (price >= 1) & (price <= 9) & whole & (other >= np.maximum(10 * price, 50))
    highest = np.fmax.reduce(price, axis=1)
    at = np.minimum((price == highest[:, None]).sum(axis=1), AT_BOUND + 1)
    bound = np.where(highest == np.round(highest), at, 0.0)
    negative, expected = (np.count_nonzero(own < 0, axis=1) for own in (price, other))
    lost = (
        {}
        if market == "da"
        else {"rt_negative": np.where(expected >= _LEAST_NEGATIVE, negative / np.maximum(expected, 1), np.nan)}
    )
    return lost | {
        f"{market}_whole": (whole & (price != 0)).sum(axis=1) / known,
        f"{market}_zero": (price == 0).sum(axis=1) / known,
        f"{market}_torn": torn.sum(axis=1),
        f"{market}_at_bound": np.where((highest > 0) & (highest < _LEAST_CAP_USD), bound, np.nan),
    }


def _levels(judged: Judged) -> Rows:
    """Mean and highest prices."""
    mean = "sum({0}_mean_usd_per_mwh * {0}_known_{1}) / sum({0}_known_{1}) FILTER ({0}_mean_usd_per_mwh IS NOT NULL)"
    rows = judged.ask(
        f"SELECT settlement_point AS p, {MONTH} AS m, {mean.format('rt', 'quarter_hours')}, {mean.format('da', 'hours')}, max(rt_max_usd_per_mwh), "
        "max(da_max_usd_per_mwh) FROM {price_daily} GROUP BY ALL ORDER BY ALL"
    )
    highest: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    ratios = defaultdict(list)
    for point, month, rt_mean, da_mean, rt_top, da_top in rows:
        for market, mean_usd in (("rt", rt_mean), ("da", da_mean)):
            if mean_usd and abs(mean_usd) >= _LEAST_USD_PER_MWH:
                yield f"{market}_mean", point, month, mean_usd
        if rt_mean is not None and da_mean is not None and max(abs(rt_mean), abs(da_mean)) >= _LEAST_USD_PER_MWH:
            ratio = rt_mean / da_mean if da_mean else _INFINITE
            yield "rt_over_da", point, month, ratio
            ratios[month].append(ratio)
            highest[point] = [max(highest[point][0], rt_top), max(highest[point][1], da_top)]
    for month, of_nodes in ratios.items():
        yield "fleet_rt_over_da", FLEET, month, median(of_nodes)
    for point, (of_rt, of_da) in highest.items():
        yield "rt_highest_over_da", point, YEAR, of_rt / of_da if of_da >= 1_000 or of_rt >= 1_000 else None


def _basis(judged: Judged) -> Rows:
    """How much better the real-time prices of two nodes fit each other's day-ahead prices than their own: of each node, with the node that fits best."""
    daily = judged.ask(
        f"SELECT {MONTH} AS m, settlement_point AS p, list(rt_mean_usd_per_mwh ORDER BY operating_day), list(da_mean_usd_per_mwh ORDER BY operating_day), "
        "list(day(operating_day) ORDER BY operating_day) "
        "FROM {price_daily} WHERE rt_mean_usd_per_mwh IS NOT NULL AND da_mean_usd_per_mwh IS NOT NULL GROUP BY m, p ORDER BY m, p"
    )
    months: defaultdict[int, list[tuple[str, list[float], list[float], list[int]]]] = defaultdict(list)
    for month, *of_point in daily:
        months[month].append(tuple(of_point))
    for month, points in months.items():
        days = max((point[3] for point in points), key=len)
        whole = [point for point in points if point[3] == days]
        if len(whole) < LEAST_SUBJECTS or len(days) < _LEAST_DAYS:
            continue
        rt, da = (np.array([point[n] for point in whole]) for n in (1, 2))
        rt, da = np.arcsinh(rt - rt.mean(axis=0)), np.arcsinh(da - da.mean(axis=0))
        between = (rt**2).mean(axis=1)[:, None] + (da**2).mean(axis=1) - 2 * rt @ da.T / len(days)
        own = between.diagonal()
        times = (own[:, None] + own) / np.maximum(between + between.T, _LEAST_BASIS**2)
        np.fill_diagonal(times, 0.0)
        for (point, *_), value in zip(whole, times.max(axis=1).tolist(), strict=True):
            yield "rt_of_another", point, month, value


def _clearing(judged: Judged, hours: Hours, da: FloatArray) -> Rows:
    """Levels, values and times of clearing prices, which every battery's ledger says, against day-ahead energy prices."""
    with judged.reading("as_revenue") as table:
        if not table.batteries():
            return
        usd, exists = by_product(table, ["mcpc_usd_per_mw", "exists"], 0).values()
    cleared = np.where(exists, usd, np.nan)
    with_da, levels = moved(np.arcsinh(da / 10)), {month: mean_of_known(da[own]) for month, own in hours.months()}
    means: defaultdict[int, dict[str, float]] = defaultdict(dict)
    highest = np.fmax.reduce(cleared, axis=0)
    for month, own in hours.months():
        yield (
            "mcpc_all_zero",
            FLEET,
            month,
            None if np.isnan(highest[own]).all() else np.count_nonzero(highest[own] == 0),
        )
    for product, of_year in sorted(zip(PRODUCTS, cleared, strict=True), key=itemgetter(0)):
        of_days, (lone, between) = _median(hours.by_day(of_year)), _lone_zeros(of_year)
        again = _days_again(hours.by_day(of_year))
        for month, of_month in hours.months():
            own = of_year[of_month]
            known = own[~np.isnan(own)]
            if len(known) < _LEAST_HOURS:
                continue
            days, there, top = of_days[hours.month_of_day == month], known[known != 0], known.max()
            means[month][product] = mean = known.mean()
            yield "mcpc_of_a_day", product, month, np.fmax.reduce(days) / usual if (usual := _median(days)) else None
            yield "mcpc_zero", product, month, (known == 0).mean()
            inner = slice(max(of_month.start - 1, 0), of_month.stop - 1)
            yield "mcpc_lone_zero", product, month, lone[inner].sum() / max(between[inner].sum(), 1)
            yield "mcpc_day_again", product, month, np.count_nonzero(again[hours.month_of_day == month])
            yield "mcpc_whole", product, month, (there == np.round(there)).mean() if len(there) else None
            at_bound = top == np.round(top) and 0 < top < _LEAST_CAP_USD
            yield "mcpc_at_bound", product, month, np.count_nonzero(known == top) if at_bound else 0
            yield "mcpc_lag", product, month, gain(correlation(np.arcsinh(own / 10), with_da[:, of_month]))[1]
            yield "mcpc_over_da", product, month, mean / levels[month] if levels[month] >= _LEAST_USD_PER_MWH else None
    for month, of_products in means.items():
        if levels[month] >= _LEAST_USD_PER_MWH:
            yield "mcpc_all_over_da", FLEET, month, sum(of_products.values()) / levels[month]
        for product, mean in of_products.items():
            others = [value for name, value in of_products.items() if name != product]
            if others and (middle := median(others)) > 0:
                yield "mcpc_over_others", product, month, mean / middle
    for product in PRODUCTS:
        of_months = [own[product] for own in means.values() if product in own]
        yield "mcpc_of_year", product, YEAR, median(of_months) if len(of_months) >= LEAST_MONTHS else None


def _services(judged: Judged) -> Rows:
    """Hours in which no battery has an award for services, between hours in which some have."""
    hours = Hours(judged.year)
    with judged.reading("as_revenue") as table:
        batteries = len(table.batteries())
        awarded, known = (np.zeros(len(hours.month), dtype=bool) for _ in range(2))
        for n in range(batteries):
            (award,) = by_product(table, ["award_mw"], n).values()
            awarded |= (award > 0).any(axis=0)
            known |= ~np.isnan(award).any(axis=0)
    lone, between = _lone_zeros(np.where(known, awarded.astype(float), np.nan))
    for month, own in hours.months():
        inner = slice(max(own.start - 1, 0), own.stop - 1)
        if batteries >= LEAST_SUBJECTS and between[inner].sum() >= _LEAST_HOURS:
            yield "fleet_as_lone_zero", FLEET, month, np.count_nonzero(lone[inner])


def _days_again(days: FloatArray) -> BoolArray:
    """True for days whose hours are those of an earlier day, not all of them zero or unknown; of the shape (days, hours)."""
    seen, again = set[bytes](), np.zeros(len(days), dtype=bool)
    for n, day in enumerate(days):
        if np.nan_to_num(day).any():
            again[n] = (own := day.tobytes()) in seen
            seen.add(own)
    return again


def _again(judged: Judged) -> Rows:
    """Days whose prices or flows are those of an earlier day to the last digit."""
    prices = [
        (f"{market}_day_again", "price_daily", "settlement_point", "{0}_mean{1}, {0}_min{1}, {0}_max{1}", "{0}_min{1} < {0}_max{1}", market)
        for market in ("rt", "da")
    ]  # fmt: skip
    flows = ("flow_day_again", "rt_dispatch_daily", "battery", "discharge_mwh, charge_mwh", "discharge_mwh >= 1", "")
    for name, table, subject, columns, moves, market in (*prices, flows):
        same, there = (part.format(market, "_usd_per_mwh") for part in (columns, moves))
        rows = judged.ask(
            f"SELECT {subject}, {MONTH}, count(*) FILTER (n > 1) "
            f"FROM (SELECT *, row_number() OVER (PARTITION BY {subject}, {same} ORDER BY operating_day) AS n "
            f"FROM {{{table}}} WHERE {there}) GROUP BY ALL ORDER BY ALL"
        )
        yield from ((name, *row) for row in rows)


def _real_time_as(judged: Judged) -> Rows:
    """Real-time clearing prices by what the day-ahead awards are worth at them, and real-time awards by what they are worth."""
    if judged.year < RTC_FIRST_DAY.year:
        return
    rows = judged.ask(
        f"SELECT product, {MONTH} AS m, sum(rt_award_usd - rt_usd), sum(da_usd) FROM {{as_revenue}} WHERE operating_day >= DATE '{RTC_FIRST_DAY}' "
        "AND rt_usd IS NOT NULL AND battery IN (SELECT battery FROM {daily_revenue} GROUP BY battery ORDER BY sum(abs(as_usd)) DESC NULLS LAST, battery "
        f"LIMIT {_ENOUGH}) GROUP BY ALL HAVING sum(da_usd) >= 1 ORDER BY ALL"
    )
    worth: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for product, month, at_real_time, at_day_ahead in rows:
        yield "rt_mcpc_over_da", product, month, at_real_time / at_day_ahead
        worth[month] = [before + more for before, more in zip(worth[month], (at_real_time, at_day_ahead), strict=True)]
    for month, (at_real_time, at_day_ahead) in worth.items():
        yield "fleet_rt_mcpc_over_da", FLEET, month, at_real_time / at_day_ahead
    rows = judged.ask(
        f"SELECT battery, {MONTH} AS m, sum(as_rt_award_usd), sum({' + '.join(f'as_{p}_rt_usd' for p in PRODUCTS)}) FROM {{daily_revenue}} "
        f"WHERE operating_day >= DATE '{RTC_FIRST_DAY}' GROUP BY ALL ORDER BY ALL"
    )
    sums: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for battery, month, award_usd, net_usd in rows:
        if award_usd is None or net_usd is None:
            continue
        bought = award_usd - net_usd
        if bought >= _LEAST_BOUGHT_USD:
            yield "rt_award_over_da", battery, month, award_usd / bought
        sums[month] = [before + more for before, more in zip(sums[month], (award_usd, bought), strict=True)]
    for month, (award_usd, bought) in sums.items():
        yield "fleet_rt_award_over_da", FLEET, month, award_usd / bought if bought >= _LEAST_BOUGHT_USD else None


def _of_side(side: str) -> str:
    """Columns that describe the AS awards of one side: mean of their sum, largest, how many there are, and how many of them are no whole number.

    A product of which nothing is known counts for none; an hour of which no product is known does not count.
    """
    said = [f"{p}_{side}_award_mw" for p in PRODUCTS]
    mean = f"({' + '.join(f'coalesce(sum({award}), 0)' for award in said)}) / nullif(count(coalesce({', '.join(said)})), 0)"
    there, odd = (
        " + ".join(f"coalesce(sum(({award} <> {other.format(award)})::INT), 0)" for award in said)
        for other in ("0", "round({})")
    )
    return f"{mean}, greatest({', '.join(f'max({award})' for award in said)}), ({there})::BIGINT, ({odd})::BIGINT"


def _awards(judged: Judged) -> Rows:
    rows = judged.ask(
        f"WITH flows AS (SELECT battery, {MONTH} AS m, sum(discharge_mwh) AS mwh FROM {{daily_revenue}} GROUP BY ALL), "
        f"awards AS (SELECT a.battery, {MONTH} AS m, any_value(capacity_mw), avg(abs(award_mw)), max(abs(award_mw)), "
        f"count(*) FILTER (award_mw <> 0), count(*) FILTER (award_mw <> round(award_mw)), {_of_side('gen')}, {_of_side('load')}, "
        "any_value(dayofyear(expected_first_day) > 1 AND month(expected_first_day) >= m - 1), "
        "any_value(expected_last_day < data_through AND month(expected_last_day) <= m) "
        "FROM {bess_awards} a JOIN {bess_registry} r USING (battery) WHERE capacity_mw > 0 "
        f"AND operating_day BETWEEN expected_first_day AND expected_last_day GROUP BY a.battery, m) "
        "SELECT awards.*, coalesce(mwh, 0) FROM awards LEFT JOIN flows USING (battery, m) ORDER BY ALL"
    )
    of_fleet: defaultdict[int, list[float]] = defaultdict(lambda: [0.0] * 12)
    whole: defaultdict[str, dict[int, tuple[float, ...]]] = defaultdict(dict)
    for battery, month, capacity, energy, largest, *counts, comes, leaves, mwh in rows:
        _, _, by_gen, top_gen, _, _, by_load, top_load, _, _ = counts
        for of_side, top in ((battery, top_gen), (f"{battery}{LOAD_SIDE}", top_load)):
            yield "as_largest", of_side, month, top / capacity if top else None
        yield "energy_largest", battery, month, largest / capacity if largest else None
        if None in (by_gen, by_load, energy) or comes or leaves:
            continue  # what is unknown is the coverage's to say; a battery that comes or leaves offers less than its capacity
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
        ("fleet_as_whole", f"{FLEET}{LOAD_SIDE}", any_load, odd_load),
    ):
        if batteries >= LEAST_SUBJECTS and count >= _LEAST_AWARDS:
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
                yield "as_mean", f"{battery}{LOAD_SIDE}", month, values[1]
        if by_gen or by_load or energy:
            yield "discharge", battery, month, values[3]


def _flow_times(judged: Judged, hours: Hours, da_usd: FloatArray) -> Rows:
    """Times of flows against day-ahead prices and awards, of the fleet and of each battery."""
    da = moved(np.arcsinh(da_usd / 10))
    batteries, (award, stated) = _grid(judged, "bess_awards", "award_mw", "stated_price_usd_per_mwh")
    names = ("discharge_mwh", "charge_mwh")
    _, (discharge, charge) = _grid(judged, "bess_dispatch", *names, each=QUARTER_HOURS_PER_HOUR)
    flow = np.subtract(discharge, charge, out=discharge)
    del charge
    known = (~np.isnan(flow)).sum(axis=0)
    fleet_flow, fleet_award = (sum_of_known(own) for own in (flow, award))
    awards = moved(fleet_award, [-lag for lag in LAGS])
    purchases = hours.from_day(DAM_ESR_FIRST_DAY)
    of_days = np.where(known >= LEAST_SUBJECTS, fleet_flow, np.nan)
    alike_by_day = correlation(hours.by_day(of_days)[:, None], hours.by_day(da).swapaxes(0, 1))
    for month, own in hours.months():
        if np.count_nonzero(purchases[own]) >= _LEAST_HOURS and len(batteries) >= LEAST_SUBJECTS:
            may_buy = award[:, own][:, purchases[own]]
            bought, sold = (np.nansum(np.fmax(sign * may_buy, 0.0)) for sign in (-1, 1))
            yield "fleet_bought", FLEET, month, bought / sold if sold >= _LEAST_SOLD_MWH else None
        yield "day_flow_lag", FLEET, month, _gain_of_days(alike_by_day[hours.month_of_day == month])
        for name, other in (("fleet_flow_lag", da), ("fleet_award_lag", awards)):
            if np.count_nonzero(known[own]) >= _LEAST_HOURS:
                yield name, FLEET, month, _gain_if_alike(correlation(fleet_flow[own], other[:, own]))
    near = hours.in_first_days(_DAYS_OF_BATTERIES)
    for battery, *of_battery in zip(batteries, award[:, near], flow[:, near], ~np.isnan(stated[:, near]), strict=True):
        yield from _of_battery(battery, *of_battery)


def _of_battery(battery: str, award: FloatArray, flow: FloatArray, there: BoolArray) -> Rows:
    """Measures of a battery's energy awards by hour against its own flows, and hours without a row between two with one."""
    lacking = ~there[1:-1] & there[:-2] & there[2:]
    unknown = int(not there[0] and there[1]) + int(not there[-1] and there[-2])  # of an end one neighbour is not known
    yield "row_lacking", battery, YEAR, np.count_nonzero(lacking) / (len(there) - unknown)
    yield "award_lag", battery, YEAR, _gain_if_alike(correlation(flow, moved(award, (1, 0, -1))))
    sold = award[(award > 0) & ~np.isnan(flow)].sum()
    if sold >= _LEAST_SOLD_MWH:
        yield "flow_over_award", battery, YEAR, QUARTER_HOURS_PER_HOUR * np.fmax(flow[award > 0], 0.0).sum() / sold


def _gain_if_alike(correlations: FloatArray) -> float | None:
    """The gain at the best lag of two series that are alike there."""
    at, more = gain(correlations)
    return float(more) if at + more >= _LEAST_ALIKE else None


def _days(judged: Judged) -> Rows:
    reasons = ("unobserved", "unpriced", "award_unknown")
    rows = judged.ask(
        f"SELECT battery, {MONTH} AS m, any_value(capacity_mw), any_value(energy_mwh), sum(paired_discharge_mwh), sum(paired_charge_mwh), "
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
        yield "fleet_efficiency", FLEET, month, median(own) if len(own) >= LEAST_SUBJECTS else None
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


MEASURES = (_hourly, _levels, _again, _basis, _services, _real_time_as, _awards, _days, _fleet_before)


def measure(judged: Judged) -> dict[str, dict[Place, float]]:
    """Every measure of a year that its ledgers give."""
    found: defaultdict[str, dict[Place, float]] = defaultdict(dict)
    for ask in MEASURES:
        for name, subject, month, value in ask(judged):
            if value is not None and not np.isnan(value):
                found[name][subject, month] = float(value)
    return dict(found)
