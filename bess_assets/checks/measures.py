"""Figures of a year by subject (node, product, battery or the fleet) and month that can be compared with sister series, their own year and the fleet.

Each question to the tables gives several measures at once, so that a ledger is read once; what is told from many rows is told from a part of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from bess_assets.checks.check import Judged
from bess_assets.ercot.products import PRODUCTS, RTC_FIRST_DAY
from bess_assets.store.paths import result_path

FLEET = "the fleet"
YEAR = 0
"""Stands for the month of a measure of the whole year."""
LAGS = (-6, -5, -1, 0, 1, 5, 6)
"""Hours: an hour for a wrong label or summer time, five and six for UTC."""
_NEAR = (-1, 0, 1)
"""Those of a single node or battery, whose correlation without a lag falls by itself where it is more."""
_ALIKE = 0.5  # of a day
_LEAST_ALIKE = 0.25  # correlation at the best lag: below it a lag says nothing
LEAST_SUBJECTS, LEAST_MONTHS = 3, 4
_LEAST_USD_PER_MWH = 5.0  # of a mean: near zero a ratio says nothing
_OF_AN_HOUR = 20.0  # $/MWh, of either price: below it wind may well part the two
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
_HOUR = "epoch(interval_start)::BIGINT // 3600"
_FIRST = "epoch(interval_start)::BIGINT % 3600 = 0"
_EVERY_OTHER = "h % 2 = 0"  # hour: half of them say of a node what all do
# A system-wide price or a sum over the fleet is held against the day-ahead prices of the point that has most of them.
_ONE_POINT = (
    "settlement_point = (SELECT settlement_point FROM {price_daily} GROUP BY settlement_point "
    "ORDER BY sum(da_known_hours) DESC, settlement_point LIMIT 1)"
)


def _correlations(series: str, with_: str, lags: Sequence[int] = LAGS) -> str:
    return ", ".join(_corr(series, f"{with_}_{LAGS.index(lag)}") for lag in lags)


def _corr(one: str, other: str) -> str:
    """The correlation of two series, null where one of them does not move."""
    return f"nullif(corr({one}, {other}), 'NaN'::DOUBLE)"


def _gain_of_days(correlations: str) -> str:
    """The largest gain of a day at its best lag, of days on which two series agree at that lag."""
    return f"max(list_max({correlations}) - {correlations}[{LAGS.index(0) + 1}]) FILTER (list_max({correlations}) >= {_ALIKE})"


def _gain(correlations: Sequence[float | None]) -> tuple[float | None, float | None]:
    """The correlation without a lag, in the middle, and how much larger it is at the best lag; unknown where the first is."""
    at = correlations[len(correlations) // 2]
    return at, None if at is None else max(value for value in correlations if value is not None) - at


def _values(price: str, other: str) -> str:
    """Columns that describe the values of a price: shares of whole numbers and zeros, its highest values, and how many lost a thousands separator."""
    whole = f"{price} = round({price})"
    torn = f"{price} BETWEEN 1 AND 9 AND {whole} AND {other} >= greatest(10 * {price}, 50)"
    return f"avg(({whole} AND {price} <> 0)::INT), avg(({price} = 0)::INT), max({price}, {AT_BOUND + 1}), count(*) FILTER ({torn})"


def _prices(judged: Judged) -> Rows:
    """Values and times of prices, of the first quarter-hour of each hour."""
    lagged = ", ".join(
        f"lag(rt, {lag}) OVER w AS rt_{n}, lag(da, {lag}) OVER w AS da_{n}" for n, lag in enumerate(LAGS)
    )
    of_a_day = f"greatest(abs(rt), abs(da)) >= asinh({_OF_AN_HOUR} / 10)"
    rows = judged.ask(
        f"WITH hourly AS MATERIALIZED (SELECT settlement_point AS p, {_HOUR} AS h, operating_day AS d, rt_price_usd_per_mwh AS rt_price, "
        f"da_price_usd_per_mwh AS da_price, asinh(rt_price / 10) AS rt, asinh(da_price / 10) AS da FROM {{bess_prices}} WHERE {_FIRST}), "
        "fleet AS (SELECT h, any_value(d) AS d, avg(rt) AS rt, avg(da) AS da FROM hourly GROUP BY h), "
        f"lagged AS MATERIALIZED (SELECT h, d, month(d) AS m, rt, da, {lagged} FROM fleet WINDOW w AS (ORDER BY h)), "
        f"days AS (SELECT month(d) AS m, [{_correlations('rt', 'da')}] AS alike, median(sinh(rt) / sinh(da)) FILTER ({of_a_day}) AS ratio, "
        f"count(*) FILTER ({of_a_day}) AS n FROM lagged GROUP BY d) "
        "SELECT 'days' AS what, '' AS p, m, [max(ratio) FILTER (n >= 12), min(ratio) FILTER (n >= 12), "
        f"{_gain_of_days('alike')}] AS rt, NULL AS da, NULL, NULL "
        "FROM days GROUP BY m "
        f"UNION ALL SELECT 'fleet', '', m, [{_correlations('rt', 'da')}], NULL, NULL, NULL FROM lagged GROUP BY m "
        f"UNION ALL SELECT 'node', p, lagged.m, [{_correlations('hourly.rt', 'rt', _NEAR)}], [{_correlations('hourly.da', 'da', _NEAR)}], "
        f"row({_values('rt_price', 'da_price')}, count(rt_price)), row({_values('da_price', 'rt_price')}, count(da_price)) "
        f"FROM hourly JOIN lagged USING (h) WHERE {_EVERY_OTHER} GROUP BY ALL ORDER BY what, p, m"
    )
    nodes = len({point for what, point, *_ in rows if what == "node"})
    for what, point, month, rt_times, da_times, of_rt, of_da in rows:
        if what == "days":
            for name, value in zip(("over_da_highest", "over_da_lowest", "lag"), rt_times, strict=True):
                yield f"day_rt_{name}", FLEET, month, value
        elif what == "fleet":
            with_da, gain = _gain(rt_times)
            yield "fleet_rt_with_da", FLEET, month, with_da
            yield "fleet_rt_lag", FLEET, month, gain
        else:
            for market, times, values in (("rt", rt_times, of_rt), ("da", da_times, of_da)):
                yield from _of_a_price(market, point, month, values)
                if nodes >= LEAST_SUBJECTS and of_rt[-1] >= _LEAST_HOURS / 2 <= of_da[-1]:
                    with_fleet, gain = _gain(times)
                    yield f"{market}_with_fleet", point, month, with_fleet
                    yield f"{market}_lag", point, month, gain


def _of_a_price(market: str, point: str, month: int, values: Iterable[Any]) -> Rows:
    whole, zero, top, torn, _ = values
    yield f"{market}_whole", point, month, whole
    yield f"{market}_zero", point, month, zero
    yield f"{market}_torn", point, month, torn
    if top and 0 < top[0] < _LEAST_CAP_USD:
        yield f"{market}_at_bound", point, month, top.count(top[0]) if top[0] == round(top[0]) else 0


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
    import numpy as np  # noqa: PLC0415  `bess status` knows checks without it

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


def _clearing(judged: Judged) -> Rows:
    lagged = ", ".join(f"lag(da, {lag}) OVER w AS da_{n}" for n, lag in enumerate(LAGS))
    rows = judged.ask(
        f"WITH energy AS (SELECT {_HOUR} AS h, {MONTH} AS m, da_price_usd_per_mwh AS da FROM {{bess_prices}} WHERE {_FIRST} AND {_ONE_POINT}), "
        f"lagged AS (SELECT h, m, da, {lagged} FROM (SELECT h, m, asinh(da / 10) AS da FROM energy) WINDOW w AS (ORDER BY h)), "
        "level AS (SELECT m, avg(da) AS energy FROM energy GROUP BY m), "
        f"cleared AS (SELECT product AS p, {_HOUR} AS h, mcpc_usd_per_mw AS v, operating_day AS d, "
        f"max(v) OVER (PARTITION BY product, {MONTH}) AS top FROM {{as_revenue}} "
        "WHERE battery = (SELECT min(battery) FROM {bess_registry}) AND exists), "
        "days AS (SELECT p, month(d) AS m, max(middle) / nullif(median(middle), 0) AS highest "
        "FROM (SELECT p, d, median(v) AS middle FROM cleared GROUP BY p, d) GROUP BY ALL) "
        "SELECT p, m, any_value(highest), any_value(energy), avg(v), avg((v = 0)::INT), avg((v = round(v))::INT) FILTER (v <> 0), "
        f"count(*) FILTER (v = top AND top = round(top) AND top > 0 AND top < {_LEAST_CAP_USD}), {_correlations('asinh(v / 10)', 'da')} "
        f"FROM cleared JOIN lagged USING (h) JOIN level USING (m) JOIN days USING (p, m) WHERE v IS NOT NULL "
        f"GROUP BY p, m HAVING count(*) >= {_LEAST_HOURS} ORDER BY p, m"
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
    for product in PRODUCTS:
        of_months = [own[product] for own in means.values() if product in own]
        yield "mcpc_of_year", product, YEAR, median(of_months) if len(of_months) >= LEAST_MONTHS else None


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


def _flow_times(judged: Judged) -> Rows:
    lagged = ", ".join(
        f"lag(da, {lag}) OVER w AS da_{n}, lag(award, {-lag}) OVER w AS award_{n}" for n, lag in enumerate(LAGS)
    )
    near = ", ".join(_corr("flow", award) for award in ("before", "award", "after"))
    rows = judged.ask(
        f"WITH price AS (SELECT {_HOUR} AS h, operating_day AS d, asinh(da_price_usd_per_mwh / 10) AS da FROM {{bess_prices}} "
        f"WHERE {_FIRST} AND {_ONE_POINT}), "
        f"awards AS (SELECT battery, {_HOUR} AS h, day(operating_day) <= {_DAYS_OF_BATTERIES} AS near, award_mw AS award, "
        "stated_price_usd_per_mwh IS NOT NULL AS there FROM {bess_awards}), "
        # read twice, each time to be summed at once: all of a year's flows are a third of a gigabyte
        f"flows AS (SELECT battery, {_HOUR} AS h, day(operating_day) <= {_DAYS_OF_BATTERIES} AS near, discharge_mwh - charge_mwh AS flow "
        f"FROM {{bess_dispatch}} WHERE {_FIRST}), "
        "award AS (SELECT h, sum(award) AS award FROM awards GROUP BY h), flow AS (SELECT h, sum(flow) AS flow, count(flow) AS known FROM flows GROUP BY h), "
        f"lagged AS (SELECT h, d, {lagged} FROM price LEFT JOIN award USING (h) WINDOW w AS (ORDER BY h)), "
        "of_fleet AS MATERIALIZED (SELECT * FROM lagged JOIN flow USING (h)), "
        f"days AS (SELECT month(d) AS m, [{_correlations('flow', 'da')}] AS alike FROM of_fleet WHERE known >= {LEAST_SUBJECTS} GROUP BY d), "
        "own AS (SELECT *, lag(award) OVER w AS before, lead(award) OVER w AS after, NOT there AND lag(there) OVER w AND lead(there) OVER w AS lacking "
        "FROM awards WHERE near WINDOW w AS (PARTITION BY battery ORDER BY h)) "
        f"SELECT '' AS battery, month(d) AS m, [{_correlations('flow', 'da')}] AS with_price, [{_correlations('flow', 'award')}] AS with_award FROM of_fleet "
        f"GROUP BY m HAVING count(flow) >= {_LEAST_HOURS} "
        f"UNION ALL SELECT '', m, [{_gain_of_days('alike')}], NULL FROM days GROUP BY m "
        f"UNION ALL SELECT battery, {YEAR}, [{near}], [sum(award) FILTER (award > 0 AND flow IS NOT NULL), 4 * sum(greatest(flow, 0)) FILTER (award > 0), "
        "avg(lacking::INT)] "
        "FROM own JOIN (SELECT * EXCLUDE near FROM flows WHERE near) USING (battery, h) GROUP BY battery ORDER BY ALL"
    )
    for battery, month, with_price, with_award in rows:
        if battery:
            yield from _of_battery(battery, with_price, *with_award)
        elif with_award is None:
            yield "day_flow_lag", FLEET, month, with_price[0]
        else:
            for name, (alike, gain) in (("fleet_flow_lag", _gain(with_price)), ("fleet_award_lag", _gain(with_award))):
                if alike is not None and alike + (gain or 0) >= _LEAST_ALIKE:
                    yield name, FLEET, month, gain


def _of_battery(
    battery: str, times: Sequence[float | None], sold: float | None, flowed: float | None, lacking: float | None
) -> Rows:
    """Measures of a battery's energy awards against its own flows."""
    yield "row_lacking", battery, YEAR, lacking
    alike, gain = _gain(times)
    if alike is not None and alike + (gain or 0) >= _LEAST_ALIKE:
        yield "award_lag", battery, YEAR, gain
    if sold and sold >= _LEAST_SOLD_MWH:
        yield "flow_over_award", battery, YEAR, (flowed or 0.0) / sold


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


MEASURES = (_prices, _levels, _basis, _clearing, _real_time_as, _awards, _flow_times, _days, _fleet_before)


def measure(judged: Judged) -> dict[str, dict[Place, float]]:
    """Every measure of a year that its ledgers give."""
    found: defaultdict[str, dict[Place, float]] = defaultdict(dict)
    for ask in MEASURES:
        for name, subject, month, value in ask(judged):
            if value is not None:
                found[name][subject, month] = float(value)
    return dict(found)
