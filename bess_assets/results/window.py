"""The leaderboard of any days in a row, by the definitions of the stored boards.

Belongs here: adding daily_revenue up over a window, and handing the sums to the formulas.
Does not: the formulas themselves (settlement/metrics.py), boards of years and months, which are stored.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from bess_assets.results.answers import Answer, QueryError
from bess_assets.results.engine import DUCKDB_TYPES, Engine, literal
from bess_assets.settlement.metrics import COUNTS, LEAST_COVERAGE, MONEY, BatterySums, Window, board
from bess_assets.tables import LEADERBOARD

TABLES_READ = ("daily_revenue", "bess_registry", "leaderboard")
"""Days; size, charging and notes; the first active day of the year."""


def board_of_days(engine: Engine, files: Mapping[str, Sequence[Path]], first: date, last: date) -> Answer:
    """Rows of the board of a window in its order, ranked rows first.

    Args:
        engine: answers the SQL.
        files: of each of `TABLES_READ` its files for the years of the window, ascending.
        first: first day.
        last: last day.

    Raises:
        QueryError: the tables of a year contradict each other.
    """
    sums, registry = engine.ask(_sums_by_battery(files, first, last), _registry(files["bess_registry"]))
    rows_of: dict[str, list[dict[str, Any]]] = {}
    for row in registry.records():
        rows_of.setdefault(row["battery"], []).append(row)
    parts = []
    for row in sums.records():
        battery = row["battery"]
        if battery not in rows_of:
            raise QueryError(
                f"{battery} has days from {first} to {last} and no row in bess_registry.",
                remedy=f"The tables are of different refreshes: bess refresh {first.year}-{last.year}",
            )
        parts.append(_battery_sums(row, _of_window(rows_of[battery])))
    columns = ("first_day", "last_day", *LEADERBOARD.column_names, "rank_change")
    shown = {"first_day": first, "last_day": last, "rank_change": None}
    rows = []
    for row in board(parts, Window(first, last)):
        row.update(shown)
        rows.append(tuple(row[name] for name in columns))
    types = ("DATE", "DATE", *(DUCKDB_TYPES[column.kind] for column in LEADERBOARD.columns), "BIGINT")
    return Answer(columns, rows, types)


def _battery_sums(row: Mapping[str, Any], registry: Mapping[str, Any]) -> BatterySums:
    return BatterySums(
        registry=registry,
        settlement_point=row["settlement_point"],
        first_active=row["first_active_date"],
        active_days=row["active_days"],
        sums={name: row[name] for name in MONEY},
        counts={name: row[name] for name in COUNTS},
        tb2_usd_per_mw=row["tb2_usd_per_mw"],
        tb2_energy_usd=row["tb2_energy_usd"],
        best_day_usd=row["best_day_usd"],
    )


def _of_window(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The registry row of the latest year, with a note where an earlier year of the window had another size."""
    latest = rows[-1]
    others = dict.fromkeys(f"{_size(row)} in {row['year']}" for row in rows[:-1] if _size(row) != _size(latest))
    if not others:
        return latest
    note = f"size of {latest['year']} used, {_size(latest)} ({', '.join(others)})"
    return {**latest, "notes": "; ".join(filter(None, (latest["notes"], note)))}


def _size(row: Mapping[str, Any]) -> str:
    parts = [f"{row[name]:.1f} {unit}" for name, unit in (("capacity_mw", "MW"), ("energy_mwh", "MWh")) if row[name]]
    return " ".join(parts) or "size unknown"


def _registry(files: Sequence[Path]) -> str:
    parts = (f"SELECT {int(file.stem)} AS year, * FROM read_parquet({literal(file)})" for file in files)
    return f"SELECT * FROM ({' UNION ALL BY NAME '.join(parts)}) ORDER BY battery, year"


def _sums_by_battery(files: Mapping[str, Sequence[Path]], first: date, last: date) -> str:
    def read(table: str) -> str:
        return f"read_parquet([{', '.join(map(literal, files[table]))}], union_by_name = true)"

    active = "operating_day >= first_active_date"
    covered = f"energy_quarter_hours >= {LEAST_COVERAGE!r}::DOUBLE * expected_quarter_hours"
    # The first active day is a fact of the year, also for a window that begins later; over several years the earliest counts.
    return (
        f"WITH firsts AS (SELECT battery, min(first_active_date) AS first_active_date FROM {read('leaderboard')} GROUP BY battery), "
        f"days AS (SELECT * FROM {read('daily_revenue')} WHERE operating_day BETWEEN DATE '{first}' AND DATE '{last}') "
        "SELECT battery, any_value(first_active_date) AS first_active_date, arg_max_null(settlement_point, operating_day) AS settlement_point, "
        f"{', '.join(f'sum({name}) AS {name}' for name in MONEY)}, "
        f"{', '.join(f'sum({name})::BIGINT AS {name}' for name in COUNTS)}, "
        f"count(*) FILTER ({active}) AS active_days, max(total_usd) AS best_day_usd, "
        f"sum(tb2_usd_per_mw) FILTER ({active} AND {covered}) AS tb2_usd_per_mw, "
        f"sum(energy_usd) FILTER ({active} AND {covered} AND tb2_usd_per_mw IS NOT NULL) AS tb2_energy_usd "
        "FROM days LEFT JOIN firsts USING (battery) GROUP BY battery ORDER BY battery"
    )
