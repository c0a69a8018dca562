"""Data of the site that one year's page does not have: batteries over all years with their best and worst days by quarter-hour, groups, the dictionary.

A *class* is the duration class of a battery. Money, coverage and medians are those of the boards; the groups those of `Results.groups`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb

from bess_assets.ercot.products import ATTRIBUTED
from bess_assets.report.content import STREAMS, Content, Row
from bess_assets.results.engine import literal, read
from bess_assets.results.intervals import NET_MW
from bess_assets.results.statements import attribution, perfect, use
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
_WHY = {
    "use_monthly": (use, ("availability",)),
    "perfect_monthly": (
        perfect,
        ("da_capture", "rt_capture", "rt_month_long_capture", "energy_capture", "total_capture"),
    ),
}
"""Tables of batteries and months that no board waits for: the statement that reads each, and the columns that are shown of it, null without the table."""
_ESTIMATE = ("month", "estimated_days", "estimate_usd", "low_usd", "high_usd", "own_error", "error", "interval_held")
_ATTRIBUTION = ("median_batteries", "median_usd", "difference_usd", *(f"{term}_usd" for term in ATTRIBUTED))
_DAY = ("total_usd", "energy_usd", "as_usd", "discharge_mwh", "charge_mwh")
_WHY_COLUMNS = [name for _, columns in _WHY.values() for name in columns]
_INTERVAL = {"rt_price": 2, "da_price": 2, "mw": 1, "soc": 1, "usd": 1}
"""Series of a day by quarter-hour, with the decimals that are shown; the day-ahead price is by hour."""
_LISTED = (
    "battery",
    "qse",
    "settlement_point",
    "capacity_mw",
    "energy_mwh",
    "duration_hours",
    "duration_source",
    "duration_class",
)
_FLEET = ("ranked", "batteries", "capacity_mw", "usd_per_kw_month", "usd_per_kw_year", "energy_share", "energy_coverage", "as_coverage", *STREAMS,
          "energy_usd", "as_usd", *metrics.FLEET_TOTALS)  # fmt: skip


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
    with duckdb.connect(config={"threads": settings.threads, "memory_limit": f"{settings.memory_limit_bytes}B"}) as db:
        db.execute("SET TimeZone = 'UTC'")
        for content in contents:
            places = _places_in_class(content.board)
            days = _days_by_battery(db, settings, content.year, wanted)
            months: dict[str, list[list[Any]]] = {}
            why = _why_by_month(db, settings, content.year, wanted)
            estimates = _estimates(db, settings, content.year, wanted)
            differences = _differences(db, settings, content.year, wanted)
            for row in content.monthly:
                if row["battery"] in wanted:
                    months.setdefault(row["battery"], []).append(
                        [
                            *(row[name] for name in _MONTH),
                            *why.get((row["battery"], row["month"]), [None] * len(_WHY_COLUMNS)),
                        ]
                    )
            for row in content.board:
                if row["battery"] in wanted:
                    place, of_class = places.get(row["battery"], (None, None))
                    found[row["battery"]]["years"].append(
                        {
                            "year": content.year,
                            "row": [row[name] for name in LEADERBOARD.column_names],
                            "rank_change": row["rank_change"],
                            "ranked": content.periods[0][2]["ranked"],
                            "class_rank": place,
                            "class_ranked": of_class,
                            "months": months.get(row["battery"], []),
                            "estimate": estimates.get(row["battery"], []),
                            "attribution": differences.get(row["battery"], []),
                            "days": days.get(row["battery"], []),
                        }
                    )
    return found


def columns_of_batteries() -> dict[str, Any]:
    """Names of the places in what `batteries_over_years` gives."""
    return {
        "row": LEADERBOARD.column_names,
        "month": [*_MONTH, *_WHY_COLUMNS],
        "estimate": _ESTIMATE,
        "attribution": ["month", *_ATTRIBUTION],
        "day": _DAY,
        "interval": list(_INTERVAL),
    }


def _why_by_month(
    db: duckdb.DuckDBPyConnection, settings: Settings, year: int, names: Iterable[str]
) -> dict[tuple[str, int], list[float | None]]:
    """Values of the columns of `_WHY` by battery and month, rounded to a tenth of a percent."""
    found: dict[tuple[str, int], list[float | None]] = {}
    before = 0
    for table, (statement, columns) in _WHY.items():
        if year in yearly_files(settings.results, table):
            of_months = statement([require(settings.results, table, year)[year]], by_month=True)
            mine = f"battery IN ({', '.join(map(literal, names))})"
            for battery, month, *shares in db.execute(
                f"SELECT battery, month, {', '.join(columns)} FROM ({of_months}) WHERE {mine} ORDER BY ALL"
            ).fetchall():
                own = found.setdefault((battery, month), [None] * len(_WHY_COLUMNS))
                own[before : before + len(columns)] = [None if share is None else round(share, 3) for share in shares]
        before += len(columns)
    return found


def _estimates(
    db: duckdb.DuckDBPyConnection, settings: Settings, year: int, names: Iterable[str]
) -> dict[str, list[list[float | None]]]:
    """The months of each battery with an estimate of days not disclosed, by the columns of `_ESTIMATE`: dollars whole, shares to a tenth of a percent."""
    found: dict[str, list[list[float | None]]] = {}
    if year in yearly_files(settings.results, "estimate_monthly"):
        file = require(settings.results, "estimate_monthly", year)[year]
        mine = f"battery IN ({', '.join(map(literal, names))}) AND NOT closed AND estimate_usd IS NOT NULL"
        sql = f"SELECT battery, {', '.join(_ESTIMATE)} FROM {read([file])} WHERE {mine} ORDER BY ALL"
        for battery, month, days, *rest in db.execute(sql).fetchall():
            digits = [0 if name.endswith("_usd") else 3 for name in _ESTIMATE[2:]]
            shown = [None if v is None else round(v, n) for v, n in zip(rest, digits, strict=True)]
            found.setdefault(battery, []).append([month, days, *shown])
    return found


def _differences(
    db: duckdb.DuckDBPyConnection, settings: Settings, year: int, names: Iterable[str]
) -> dict[str, list[list[Any]]]:
    """Values of `_ATTRIBUTION` by battery: of its months, each with its number, and of the year, with 0; none where the table was not made."""
    found: dict[str, list[list[Any]]] = {}
    if year not in yearly_files(settings.results, "attribution"):
        return found
    files = [require(settings.results, "attribution", year)[year]]
    mine = f"battery IN ({', '.join(map(literal, names))})"
    every = f"{attribution(files, by_month=True)} UNION ALL BY NAME {attribution(files)}"
    for battery, month, others, *usd in db.execute(
        f"SELECT battery, coalesce(month, 0), {', '.join(_ATTRIBUTION)} FROM ({every}) WHERE {mine} ORDER BY battery, month"
    ).fetchall():
        found.setdefault(battery, []).append([month, others, *(round(value, 2) for value in usd)])
    return found


def _places_in_class(board: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """For each ranked battery with a duration class its place in it by the board's order, and how many are ranked there."""
    by_class: dict[str, list[str]] = {}
    for row in metrics.ranked(board):
        if row["duration_class"]:
            by_class.setdefault(row["duration_class"], []).append(row["battery"])
    return {name: (place, len(own)) for own in by_class.values() for place, name in enumerate(own, start=1)}


def _days_by_battery(
    db: duckdb.DuckDBPyConnection, settings: Settings, year: int, names: Iterable[str]
) -> dict[str, list[Any]]:
    """Best and worst days of each battery: kind, day, dollars and MWh, then its quarter-hours where the ledgers are there."""
    files = {
        name: require(settings.results, name, year)[year]
        for name in ("daily_revenue", "energy_revenue", "bess_dispatch", "bess_prices")
        if year in yearly_files(settings.results, name)
    }
    mine = f"battery IN ({', '.join(map(literal, names))})"
    chosen = (
        f"SELECT battery, operating_day, settlement_point, {', '.join(_DAY)}, "
        "row_number() OVER (PARTITION BY battery ORDER BY total_usd DESC, operating_day) AS best, "
        f"row_number() OVER (PARTITION BY battery ORDER BY total_usd, operating_day) AS worst FROM {read([files['daily_revenue']])} "
        f"WHERE {mine} AND total_usd IS NOT NULL QUALIFY best <= {DAYS_SHOWN} OR worst <= {DAYS_SHOWN}"
    )
    db.execute(f"CREATE OR REPLACE TEMP TABLE chosen AS {chosen}")
    intervals: dict[tuple[str, Any], list[tuple[Any, ...]]] = {}
    if len(files) == 4:
        for key, rows in groupby(db.execute(_intervals(files, mine)).fetchall(), key=lambda row: row[:2]):
            intervals[key] = [row[2:] for row in rows]
    found: dict[str, list[Any]] = {}
    for battery, day, _, *rest in db.execute("FROM chosen ORDER BY battery, best").fetchall():
        *money, best, worst = rest
        quarter_hours = intervals.get((battery, day))
        series = None
        if quarter_hours:
            series = _series(quarter_hours)
        shown = [None if usd is None else round(usd, 2) for usd in money]
        found.setdefault(battery, []).append(
            [best if best <= DAYS_SHOWN else None, worst if worst <= DAYS_SHOWN else None, day, *shown, series]
        )
    return found


def _series(quarter_hours: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Start of the first quarter-hour, then the series of `_INTERVAL`; None in the place of one that is wholly unknown."""
    starts, *columns = zip(*quarter_hours, strict=True)
    series = [starts[0].isoformat()]
    for (name, digits), column in zip(_INTERVAL.items(), columns, strict=True):
        values = column[::4] if name == "da_price" else column
        known = any(value is not None for value in values)
        series.append([None if value is None else round(value, digits) for value in values] if known else None)
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
