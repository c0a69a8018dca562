"""Data of the site's page of indices: months of the fleet and of duration classes, the day by quarter-hour, and figures that others published."""

from collections.abc import Iterable
from typing import Any

import duckdb

from bess_assets.checks.published import published_of
from bess_assets.ercot.products import PRODUCTS
from bess_assets.results.engine import read
from bess_assets.settings import Settings
from bess_assets.store.listing import require, yearly_files

_RATES = ("usd_per_kw_month", "da_energy_usd_per_kw_month", "rt_energy_usd_per_kw_month")
COLUMNS = (
    "period",
    "month",
    "class",
    "basis",
    "batteries",
    "capacity_mw",
    *_RATES,
    "as_usd_per_kw_month",
    "p10",
    "p50",
    "p90",
)
"""Of a month of the index, or of the year, whose month is None: of the fleet on both bases, of a duration class on installed MW."""
PUBLISHED_COLUMNS = ("month", "low", "high", "basis")
_QUARTER_HOURS = 96


def indices(settings: Settings, years: Iterable[int], made_up: Iterable[int]) -> dict[str, Any]:
    """The indices of each year that has them: rows of `COLUMNS`, dollars per kW of each quarter-hour of the day by month, and what others published.

    Figures of others are left out beside made-up data.
    """
    found = []
    with duckdb.connect(config={"threads": settings.threads}) as db:
        for year in years:
            if year not in yearly_files(settings.results, "index"):
                continue
            file = require(settings.results, "index", year)[year]
            others = [] if year in made_up else [*published_of(year, months=True), *published_of(year, months=False)]
            published = [[one.month, one.low_usd_per_kw_month, one.high_usd_per_kw_month, one.basis] for one in others]
            found.append(
                {"year": year, "rows": _rows(db, file), "published": published, "days": _days(db, settings, year)}
            )
    return {"columns": COLUMNS, "published_columns": PUBLISHED_COLUMNS, "years": found}


def _rows(db: duckdb.DuckDBPyConnection, file: Any) -> list[list[Any]]:
    known = ", ".join(f"as_{p}_usd_per_kw_month" for p in PRODUCTS)
    services = " + ".join(f"coalesce(as_{p}_usd_per_kw_month, 0)" for p in PRODUCTS)
    rows = db.execute(
        "SELECT period, CASE period WHEN 'month' THEN month(first_day) END, class, basis, batteries, capacity_mw, "
        f"{', '.join(_RATES)}, CASE WHEN coalesce({known}) IS NOT NULL THEN {services} END, "
        f"p10_usd_per_kw_month, p50_usd_per_kw_month, p90_usd_per_kw_month FROM {read([file])} "
        "WHERE period <> 'day' AND (kind = 'fleet' OR (kind = 'duration' AND basis = 'installed')) "
        "ORDER BY kind DESC, class, basis DESC, first_day"
    ).fetchall()
    return [[round(value, 4) if isinstance(value, float) else value for value in row] for row in rows]


def _days(db: duckdb.DuckDBPyConnection, settings: Settings, year: int) -> dict[int, list[list[float | None]]]:
    """Dollars per kW of the fleet by month: energy, then services, of each of 96 quarter-hours of the day, summed over the days but those of clock changes.

    None where nothing is known.
    """
    if year not in yearly_files(settings.results, "index_intervals"):
        return {}
    energy, services = (
        f"CASE WHEN coalesce({', '.join(names)}) IS NOT NULL THEN {' + '.join(f'coalesce({name}, 0)' for name in names)} END"
        for names in (("da_energy_usd_per_kw", "rt_energy_usd_per_kw"), [f"as_{p}_usd_per_kw" for p in PRODUCTS])
    )
    rows = db.execute(
        "SELECT month(operating_day) AS month, place, sum(energy), sum(services) FROM ("
        "SELECT operating_day, row_number() OVER (PARTITION BY operating_day ORDER BY interval_start) AS place, "
        "count(*) OVER (PARTITION BY operating_day) AS length, "
        f"{energy} AS energy, {services} AS services "
        f"FROM {read([require(settings.results, 'index_intervals', year)[year]])} WHERE class = 'fleet' AND usd_per_kw IS NOT NULL"
        f") WHERE length = {_QUARTER_HOURS} GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    found: dict[int, list[list[float | None]]] = {}
    for month, place, *usd in rows:
        own = found.setdefault(month, [[None] * _QUARTER_HOURS for _ in usd])
        for stream, value in zip(own, usd, strict=True):
            stream[place - 1] = None if value is None else round(value, 6)
    return found
