"""A home with a few hand-written boards, whose every row is there for being awkward: for tests of answers and of what is printed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from bess_assets.ercot.step import StepResult
from bess_assets.report.content import WHY
from bess_assets.run import run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.store.files import write_table
from bess_assets.store.fingerprint import Fingerprint
from bess_assets.store.journal import Journal, TableEntry, table_entry
from bess_assets.store.paths import result_path
from bess_assets.tables import ASKED_FOR, TABLES, Column, Table

ALPHA = {
    "battery": "ALPHA_1", "gen_resource": "ALPHA_UNIT1", "load_resource": "ALPHA_LD1", "settlement_point": "ALPHA_RN", "qse": "QALPHA",
    "capacity_mw": 100.0, "capacity_source": "dam", "energy_mwh": 150.0, "duration_hours": 1.5, "duration_source": "ercot",
    "first_active_date": date(2024, 1, 1), "active_days": 366,
    "da_energy_usd": 1_250_000.125, "rt_energy_usd": -250_000.5, "energy_usd": 999_999.625,
    "as_regup_usd": 1_000_000.1, "as_regdn_usd": 0.0, "as_rrs_usd": 2_000_000.2, "as_ecrs_usd": 3.3, "as_nspin_usd": 0.0,
    "as_usd": 1_000_000.1 + 2_000_000.2 + 3.3, "total_usd": 999_999.625 + 1_000_000.1 + 2_000_000.2 + 3.3, "usd_per_kw_month": 3.333,
    "discharge_mwh": 12_345.6, "charge_mwh": 14_000.0, "cycles_per_day": 0.9, "round_trip_efficiency": 0.88, "tb2_capture": 0.71,
    "strategy": "ancillary_services", "energy_coverage": 0.9999, "as_coverage": 1.0, "quantity_source": "smne/telemetry",
}  # fmt: skip
BRAVO = {
    **ALPHA, "battery": "BRAVO", "gen_resource": "BRAVO", "load_resource": "BRAVO", "settlement_point": '=HYPERLINK("http://x"), "B"',
    "energy_mwh": None, "duration_hours": 4.0, "duration_source": "assumed",
    "total_usd": 500_000.0, "as_usd": 500_000.0, "energy_usd": 0.0, "da_energy_usd": 0.0, "rt_energy_usd": 0.0,
    **{f"as_{p}_usd": 100_000.0 for p in ("regup", "regdn", "rrs", "ecrs", "nspin")},
    "strategy": "hybrid", "notes": "name_only pair",
}  # fmt: skip
STRANGER = {
    **BRAVO, "battery": "ZULU\x1b[31m_1", "gen_resource": "ZULU_UNIT1", "load_resource": None,
    "rt_energy_usd": None, "energy_usd": None, "total_usd": None, "da_energy_usd": None, "usd_per_kw_month": None, "strategy": None,
    "energy_coverage": 0.0, "excluded_reason": "charging unknown; energy coverage 0.000 below 0.95", "notes": None,
}  # fmt: skip
_LITTLE = {
    "total_usd": 4.0, "energy_usd": 0.7, "as_usd": 3.3, "da_energy_usd": 0.7, "rt_energy_usd": 0.0,
    "as_regup_usd": 0.0, "as_rrs_usd": 0.0,
}  # fmt: skip
BOARDS: dict[int, list[dict[str, Any]]] = {
    2023: [{**BRAVO, "rank": 1}, {**ALPHA, "rank": 2, **_LITTLE}],
    2024: [{**ALPHA, "rank": 1}, {**BRAVO, "rank": 2}, {**STRANGER, "rank": None}],
}


def write_home(home: Path) -> Settings:
    """Write registries, leaderboards, monthly boards and days of 2023 and 2024."""
    settings = load_settings(home, {})
    for year, board in BOARDS.items():
        seen = {"data_through": date(year, 12, 31), "edition": "final"}
        rows = [{**row, **seen} for row in board]
        write_rows(settings, year, "leaderboard", rows)
        write_rows(settings, year, "leaderboard_monthly", [{**row, "month": month} for month in (1, 2) for row in rows])
        by_name = sorted(rows, key=lambda row: str(row["battery"]))
        days = [_day(row, date(year, 1, day)) for row in by_name for day in range(1, 15)]
        write_rows(settings, year, "daily_revenue", days)
        write_rows(settings, year, "bess_registry", [_registered(year, row) for row in by_name])
        write_why(settings, year, [], (table for table in WHY.values() if table.name not in ASKED_FOR))
    return settings


def write_why(settings: Settings, year: int, names: Sequence[str], tables: Iterable[Table] = WHY.values()) -> None:
    """Write a row for each of these names to tables of why: it stands in every column of text, and no two numbers are the same."""
    first = datetime(year, 1, 1, 6, tzinfo=UTC)
    values = {"day": first.date(), "time": first, "flag": True}
    for table in tables:
        rows = [
            {
                c.name: name
                if c.kind in {"text", "label"}
                else values.get(c.kind, n + at * (1 if c.kind == "count" else 0.37))
                for at, c in enumerate(table.columns)
            }
            for n, name in enumerate(sorted(names, key=str.encode))
        ]
        write_rows(settings, year, table.name, rows)


def _day(row: Mapping[str, Any], day: date) -> dict[str, Any]:
    """A day of a battery, worth as many dollars as its number in the month, half of them of energy where the year's are known."""
    dollars = float(day.day)
    energy = None if row["energy_usd"] is None else dollars / 2
    total = None if row["total_usd"] is None else dollars
    return {
        **row, "operating_day": day, "total_usd": total, "energy_usd": energy, "as_usd": dollars / 2,
        "da_energy_usd": None if energy is None else 0.0, "rt_energy_usd": energy,
        **{f"as_{p}_usd": None for p in ("regdn", "rrs", "ecrs", "nspin")}, "as_regup_usd": dollars / 2,
        "energy_quarter_hours": 96, "expected_quarter_hours": 96, "discharge_quarter_hours": 96, "expected_hours": 24, "as_hours": 24,
        "regup_expected_hours": 24, "regup_hours": 24, "tb2_usd_per_mw": 50.0, "award_positive": True,
    }  # fmt: skip


def _registered(year: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """The registry row of a row of a board."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    return {
        **{name: row[name] for name in TABLES["bess_registry"].column_names if name in row},
        "charging": "unknown" if row["rt_energy_usd"] is None else "load", "first_seen_day": first,
        "last_seen_day": last, "expected_first_day": first, "expected_last_day": last,
    }  # fmt: skip


def record_table(results: Path, year: int | None, table: str, entry: TableEntry) -> None:
    """Put the entry of a table into a run record."""
    Journal(results, year).put_table(table, entry)


Inputs = Mapping[str, Fingerprint | str]


def write_rows(settings: Settings, year: int, name: str, rows, inputs=None, **recorded) -> None:
    """Write rows as `write_columns` does; a row without a value is null there, or zero in a count that must be there."""
    columns = {c.name: [row.get(c.name, _absent(c)) for row in rows] for c in TABLES[name].columns}
    write_columns(settings, year, name, columns, inputs, **recorded)


def write_columns(settings: Settings, year: int, name: str, columns, inputs=None, **recorded) -> None:
    """Write a result table, and record it as a refresh does; absent columns are null, or zero where a count must be there."""
    table = TABLES[name]
    rows = len(next(iter(columns.values())))
    complete = {c.name: columns.get(c.name, [_absent(c)] * rows) for c in table.columns}
    path = result_path(settings.results, name, year)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = write_table(table, path, StepResult(iter([complete])))
    made = {"rows": written["rows"], "digest": written["digest"]}
    entry = table_entry(status="ok", seconds=0.1, peak_memory_mb=1, inputs=inputs or {}, **made)
    record_table(settings.results, year, name, entry | recorded)  # type: ignore[typeddict-item]


def write_edition(settings: Settings, year: int, rows, inputs, **recorded) -> dict[str, TableEntry]:
    """Write a board, made from files of these digests, and let the steps keep it and compare it; returns their entries."""
    files = {name: Fingerprint(size=1, mtime_ns=1, digest=digest) for name, digest in inputs.items()}
    whole = [{"data_through": date(year, 12, 31), "edition": "final", **row} for row in rows]
    write_rows(settings, year, "leaderboard", whole, files, **recorded)
    return {name: run_table(settings, year, name) for name in ("leaderboard_history", "what_changed")}


def _absent(column: Column) -> Any:
    return 0 if column.required and column.kind == "count" else None
