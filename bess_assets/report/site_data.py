"""Data of the site that one year's page does not have: batteries over all years with their best and worst days, groups, indices, the dictionary.

A *class* is the duration class of a battery. Money, coverage and medians are those of the boards; the groups those of `Results.groups`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import pyarrow.compute as pc

from bess_assets.checks.published import published_of
from bess_assets.ercot.products import ATTRIBUTED, PRODUCTS
from bess_assets.report.content import STREAMS, Content, Row
from bess_assets.results import Results
from bess_assets.results.engine import engine_of_refresh, literal, read
from bess_assets.results.intervals import NET_MW
from bess_assets.settings import Settings
from bess_assets.settlement import groups, metrics
from bess_assets.store.listing import require, yearly_files
from bess_assets.tables import EVERY_TABLE, LEADERBOARD

DAYS_SHOWN = 3
"""Best days, and worst days, of a battery and year that are shown by quarter-hour."""

_MONTH = (
    "month", "rank", "rank_change_month", *STREAMS, "energy_usd", "as_usd", "total_usd", "usd_per_kw_month", "class_median_usd_per_kw_month", "cycles_per_day",
    "round_trip_efficiency", "tb2_capture", "energy_coverage", "as_coverage",
)  # fmt: skip
_WHY = ("availability", "da_capture", "rt_capture", "rt_month_long_capture", "energy_capture", "total_capture")
"""What is shown of use and of perfect trades, null where their tables are not there."""
_ESTIMATE = ("month", "estimated_days", "estimate_usd", "low_usd", "high_usd", "own_error", "error", "interval_held")
_ATTRIBUTION = ("median_batteries", "median_usd", "difference_usd", *(f"{term}_usd" for term in ATTRIBUTED))
_DAY = ("total_usd", "energy_usd", "as_usd", "discharge_mwh", "charge_mwh")
_INTERVAL = {"rt_price": 2, "da_price": 2, "mw": 1, "soc": 1, "usd": 1}
"""Series of a day by quarter-hour, with the decimals that are shown; the day-ahead price is by hour."""
_LISTED = (
    *("battery", "qse", "settlement_point", "capacity_mw", "energy_mwh"),
    *("duration_hours", "duration_source", "duration_class"),
)
_FLEET = ("ranked", "batteries", "capacity_mw", "usd_per_kw_month", "usd_per_kw_year", "energy_share", "energy_coverage", "as_coverage", *STREAMS,
          "energy_usd", "as_usd", *metrics.FLEET_TOTALS)  # fmt: skip


COLUMNS_OF_BATTERIES = {
    "row": LEADERBOARD.column_names,
    "month": [*_MONTH, *_WHY],
    "estimate": _ESTIMATE,
    "attribution": ["month", *_ATTRIBUTION],
    "day": _DAY,
    "interval": list(_INTERVAL),
}
"""Names of the places in what `batteries_over_years` gives."""


def all_years(contents: Sequence[Content]) -> dict[str, Any]:
    """What every page of the site knows: each year's edition and fleet, and each battery's place and dollars by year."""
    batteries: dict[str, dict[str, Any]] = {}
    for content in contents:
        for row in content.board:
            own = batteries.setdefault(row["battery"], {"years": {}})
            own |= {name: row[name] for name in _LISTED}
            own["years"][content.year] = [row[name] for name in ("rank", "total_usd", "usd_per_kw_month")]
    names = sorted(batteries)
    return {
        "streams": [[column, *said] for column, said in STREAMS.items()],
        "years": [_year(content) for content in contents],
        "batteries": {name: [batteries[battery][name] for battery in names] for name in (*_LISTED, "years")},
    }


def _year(content: Content) -> dict[str, Any]:
    fleet = content.periods[0][2]
    best = content.board[0]["battery"] if content.board and content.board[0]["rank"] else None
    return {
        "year": content.year,
        **content.facts,
        "made_up": content.made_up,
        "best": best,
        "fleet": {name: fleet[name] for name in _FLEET},
    }


def groups_of_years(contents: Sequence[Content]) -> dict[str, Any]:
    """The groups of each year's board by each word that batteries can be grouped by."""
    kinds = dict.fromkeys(by for content in contents for by in groups.groupings(content.board))
    rows = [
        {"year": content.year, "by": by, **group}
        for content in contents
        for by in kinds
        for group in groups.groups(content.board, by, metrics.Period.of(content.year))
    ]
    return {"kinds": list(kinds), "rows": rows}


def dictionary() -> list[dict[str, Any]]:
    """Every result table with its columns, as tables.py declares them."""
    return [
        {"name": table.name, "meaning": table.meaning, "columns": [[c.name, c.kind, c.meaning] for c in table.columns]}
        for table in EVERY_TABLE.values()
    ]


def batteries_over_years(settings: Settings, contents: Sequence[Content], names: Iterable[str]) -> dict[str, Any]:
    """For each of these batteries its years: row of the board, place in its class, months, estimate, differences from its median, best and worst days."""
    wanted = dict.fromkeys(names)
    found: dict[str, Any] = {name: {"battery": name, "years": []} for name in wanted}
    with Results(settings, cache_entries=0) as results:
        for content in contents:
            places, days = _places_in_class(content.board), _days_by_battery(settings, content.year, wanted)
            months = _months(results, content, wanted)
            estimates, differences = _estimates(content, wanted), _differences(content, wanted)
            for row in (row for row in content.board if row["battery"] in wanted):
                name = row["battery"]
                place, of_class = places.get(name, (None, None))
                found[name]["years"].append(
                    {
                        "year": content.year,
                        "row": [row[column] for column in LEADERBOARD.column_names],
                        "rank_change": row["rank_change"],
                        "ranked": content.periods[0][2]["ranked"],
                        "class_rank": place,
                        "class_ranked": of_class,
                        "months": months[name],
                        "estimate": estimates[name],
                        "attribution": differences[name],
                        "days": days[name],
                    }
                )
    return found


def _months(results: Results, content: Content, names: Collection[str]) -> defaultdict[str, list[list[Any]]]:
    """Values of `_MONTH` of each battery's months, then shares of `_WHY`, to a tenth of a percent."""
    why = defaultdict[tuple[str, int], dict[str, Any]](dict)
    asked = [results.use, *([results.perfect] if "Perfect by month" in content.why else [])]
    for shares in (row for ask in asked for row in ask(content.year, by="month").records()):
        why[shares["battery"], shares["month"]].update(shares)
    months = defaultdict[str, list[list[Any]]](list)
    for row in (row for row in content.monthly if row["battery"] in names):
        shares = why[row["battery"], row["month"]]
        months[row["battery"]].append(
            [*(row[name] for name in _MONTH), *(_rounded(shares.get(name), 3) for name in _WHY)]
        )
    return months


def _why(content: Content, table: str, names: Collection[str]) -> list[Row]:
    """Rows of some batteries in a table of `Content.why`."""
    rows: list[Row] = content.why[table].filter(pc.field("battery").isin([*names])).to_pylist()
    return rows


def _estimates(content: Content, names: Collection[str]) -> defaultdict[str, list[list[float | None]]]:
    """The months of each battery with an estimate of days not disclosed, by the columns of `_ESTIMATE`: dollars whole, shares to a tenth of a percent."""
    found = defaultdict[str, list[list[float | None]]](list)
    for row in _why(content, "Estimate by month", names):
        if not row["closed"] and row["estimate_usd"] is not None:
            found[row["battery"]].append([_rounded(row[c], 0 if c.endswith("_usd") else 3) for c in _ESTIMATE])
    return found


def _differences(content: Content, names: Collection[str]) -> defaultdict[str, list[list[Any]]]:
    """Values of `_ATTRIBUTION` by battery: of its months, each with its number, then of the year, with 0."""
    found = defaultdict[str, list[list[Any]]](list)
    for row in _why(content, "Attribution", names):
        month = row["first_day"].month if row["period"] == "month" else 0
        others, *usd = (row[name] for name in _ATTRIBUTION)
        found[row["battery"]].append([month, others, *(round(value, 2) for value in usd)])
    return found


def _places_in_class(board: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """For each ranked battery with a duration class its place in it by the board's order, and how many are ranked there."""
    by_class: dict[str, list[str]] = {}
    for row in metrics.ranked(board):
        if row["duration_class"]:
            by_class.setdefault(row["duration_class"], []).append(row["battery"])
    return {name: (place, len(own)) for own in by_class.values() for place, name in enumerate(own, start=1)}


def _days_by_battery(settings: Settings, year: int, names: Iterable[str]) -> defaultdict[str, list[Any]]:
    """Best and worst days of each battery: kind, day, dollars and MWh, then its quarter-hours where the ledgers are there."""
    files = {
        name: require(settings.results, name, year)[year]
        for name in ("daily_revenue", "energy_revenue", "bess_dispatch", "bess_prices")
        if year in yearly_files(settings.results, name)
    }
    mine = f"battery IN ({', '.join(map(literal, names))})"
    chosen = (
        f"WITH chosen AS (SELECT battery, operating_day, settlement_point, {', '.join(_DAY)}, "
        "row_number() OVER (PARTITION BY battery ORDER BY total_usd DESC, operating_day) AS best, "
        f"row_number() OVER (PARTITION BY battery ORDER BY total_usd, operating_day) AS worst FROM {read([files['daily_revenue']])} "
        f"WHERE {mine} AND total_usd IS NOT NULL QUALIFY best <= {DAYS_SHOWN} OR worst <= {DAYS_SHOWN}) "
    )
    of_days = [_intervals(files, mine)] if len(files) == 4 else []
    statements = ("FROM chosen ORDER BY battery, best", *of_days)
    days, *quarters = engine_of_refresh(settings).ask(*(chosen + statement for statement in statements))
    intervals = {
        key: [row[2:] for row in rows]
        for answer in quarters
        for key, rows in groupby(answer.rows, key=lambda row: row[:2])
    }
    found = defaultdict[str, list[Any]](list)
    for battery, day, _, *rest in days.rows:
        *money, best, worst = rest
        quarter_hours = intervals.get((battery, day))
        places = [place if place <= DAYS_SHOWN else None for place in (best, worst)]
        shown = [_rounded(usd, 2) for usd in money]
        found[battery].append([*places, day, *shown, _series(quarter_hours) if quarter_hours else None])
    return found


def _series(quarter_hours: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Start of the first quarter-hour, then the series of `_INTERVAL`; None in the place of one that is wholly unknown."""
    starts, *columns = zip(*quarter_hours, strict=True)
    series = [starts[0].isoformat()]
    for (name, digits), column in zip(_INTERVAL.items(), columns, strict=True):
        values = column[::4] if name == "da_price" else column
        known = any(value is not None for value in values)
        series.append([_rounded(value, digits) for value in values] if known else None)
    return series


def _intervals(files: Mapping[str, Any], mine: str) -> str:
    """The statement that reads the quarter-hours of the days chosen: MW is the mean of the quarter-hour, discharge positive; dollars are those of energy."""
    return (
        "SELECT e.battery, e.operating_day, e.interval_start, p.rt_price_usd_per_mwh, p.da_price_usd_per_mwh, "
        "d.net_mw, d.soc_mwh, e.energy_usd "
        f"FROM (SELECT battery, interval_start, operating_day, energy_usd FROM {read([files['energy_revenue']])} WHERE {mine}) AS e "
        "JOIN chosen USING (battery, operating_day) "
        f"LEFT JOIN (SELECT battery, interval_start, {NET_MW} AS net_mw, soc_mwh FROM {read([files['bess_dispatch']])} WHERE {mine}) AS d "
        "ON d.battery = e.battery AND d.interval_start = e.interval_start "
        f"LEFT JOIN (SELECT * FROM {read([files['bess_prices']])} WHERE settlement_point IN (SELECT settlement_point FROM chosen)) AS p "
        "ON p.settlement_point = chosen.settlement_point AND p.interval_start = e.interval_start ORDER BY ALL"
    )


# --- indices ------------------------------------------------------------------------------------------------------------------------------

_RATES = ("usd_per_kw_month", "da_energy_usd_per_kw_month", "rt_energy_usd_per_kw_month")
_INDEX = (
    *("period", "month", "class", "basis", "batteries", "capacity_mw", *_RATES),
    *("as_usd_per_kw_month", "p10", "p50", "p90"),
)
"""Of a month of the index, or of the year, whose month is None: of the fleet on both bases, of a duration class on installed MW."""
_PUBLISHED = ("month", "low", "high", "basis")
_QUARTER_HOURS = 96


def indices(settings: Settings, contents: Sequence[Content]) -> dict[str, Any]:
    """The indices of each year: rows of `_INDEX`, dollars per kW of each quarter-hour of the day by month, and what others published.

    Figures of others are left out beside made-up data.
    """
    found = []
    for content in contents:
        year = content.year
        others = [] if content.made_up else [o for months in (True, False) for o in published_of(year, months=months)]
        published = [[one.month, one.low_usd_per_kw_month, one.high_usd_per_kw_month, one.basis] for one in others]
        days = _index_days(settings, year)
        found.append({"year": year, "rows": _index_rows(content), "published": published, "days": days})
    return {"columns": _INDEX, "published_columns": _PUBLISHED, "years": found}


def _index_rows(content: Content) -> list[list[Any]]:
    rows = [
        row
        for row in content.why["Index"].to_pylist()
        if row["kind"] == "fleet" or (row["kind"] == "duration" and row["basis"] == "installed")
    ]
    for row in rows:
        known = [usd for p in PRODUCTS if (usd := row[f"as_{p}_usd_per_kw_month"]) is not None]
        row["as_usd_per_kw_month"] = sum(known) if known else None
        row["month"] = row["first_day"].month if row["period"] == "month" else None
        row |= {f"p{n}": row[f"p{n}_usd_per_kw_month"] for n in (10, 50, 90)}
    rows.sort(
        key=lambda r: (r["kind"] != "fleet", r["class"], r["basis"] != "installed", r["first_day"], r["month"] or 0)
    )
    return [[round(row[c], 4) if isinstance(row[c], float) else row[c] for c in _INDEX] for row in rows]


def _index_days(settings: Settings, year: int) -> dict[int, list[list[float | None]]]:
    """Dollars per kW of the fleet by month: energy, then services, of each of 96 quarter-hours of the day, summed over the days but those of clock changes.

    None where nothing is known.
    """
    if year not in yearly_files(settings.results, "index_intervals"):
        return {}
    energy = _sum_of_known(("da_energy_usd_per_kw", "rt_energy_usd_per_kw"))
    services = _sum_of_known(f"as_{p}_usd_per_kw" for p in PRODUCTS)
    (answer,) = engine_of_refresh(settings).ask(
        "SELECT month(operating_day) AS month, place, sum(energy), sum(services) FROM ("
        "SELECT operating_day, row_number() OVER (PARTITION BY operating_day ORDER BY interval_start) AS place, "
        "count(*) OVER (PARTITION BY operating_day) AS length, "
        f"{energy} AS energy, {services} AS services "
        f"FROM {read([require(settings.results, 'index_intervals', year)[year]])} WHERE class = 'fleet' AND usd_per_kw IS NOT NULL"
        f") WHERE length = {_QUARTER_HOURS} GROUP BY ALL ORDER BY ALL"
    )
    found: dict[int, list[list[float | None]]] = {}
    for month, place, *usd in answer.rows:
        own = found.setdefault(month, [[None] * _QUARTER_HOURS for _ in usd])
        for stream, value in zip(own, usd, strict=True):
            stream[place - 1] = _rounded(value, 6)
    return found


def _sum_of_known(names: Iterable[str]) -> str:
    """The sum of some columns as SQL: of those that are known, null where none is."""
    columns = [*names]
    return f"CASE WHEN coalesce({', '.join(columns)}) IS NOT NULL THEN {' + '.join(f'coalesce({c}, 0)' for c in columns)} END"


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
