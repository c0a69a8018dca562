"""Homes with made-up boards of any number of batteries, awkward names among them: streams add up to totals, months and days to nothing in particular."""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.products import ATTRIBUTED, PRODUCTS
from bess_assets.run import run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import Fingerprint
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES, arrow_schema
from bess_assets_tests.made_home import write_columns, write_why

SCRIPT = "<script>document.title='run'</script>"
IMAGE = "<img src=x onerror=\"document.title='run'\">"
FORMULA = '=HYPERLINK("http://example.invalid","open")'
CLOSING = "</script><b>&amp;"
AWKWARD = (SCRIPT, IMAGE, FORMULA, CLOSING)
"""Names that must stay text wherever they are shown."""
NODE = "NODE_RN"
AWKWARD_FILES = {f"rt_prices/{name}.parquet": Fingerprint(size=1, mtime_ns=1, digest=64 * "a") for name in AWKWARD}
"""Files of such names, that the boards are said to be made of."""


def write_boards(home: Path, year: int, batteries: int, seed: int = 1) -> Settings:
    """Write the tables that a report is made of, the first edition among them; the last battery is not ranked, and much of it is unknown."""
    settings = load_settings(home, {})
    random = np.random.default_rng([seed, year])
    names = sorted([*AWKWARD, *(f"BATTERY_{n:03d}" for n in range(batteries - len(AWKWARD)))])
    sizes = {name: _size(random) for name in names}
    board = _board(random, names, sizes, year, None)
    months = [{**row, "month": month} for month in range(1, 13) for row in _board(random, names, sizes, year, month)]
    write_columns(settings, year, "leaderboard", _columns(board), AWKWARD_FILES)
    write_columns(settings, year, "leaderboard_monthly", _columns(months))
    write_columns(settings, year, "daily_revenue", _days(random, names, year))
    write_why(settings, year, names)
    write_columns(settings, year, "attribution", _columns([*_differences(random, names[: len(AWKWARD) + 1], year)]))
    run_table(settings, year, "leaderboard_history")
    return settings


def write_quarter_hours(settings: Settings, year: int, seed: int = 1) -> None:
    """Write ledgers, flows and prices of three best and worst days of each battery; a state of charge is known from 2026 on."""
    random = np.random.default_rng([seed, year])
    days = pq.read_table(result_path(settings.results, "daily_revenue", year)).to_pandas()
    known = days[days.total_usd.notna()].sort_values(["battery", "total_usd"])
    shown = pd.concat([known.groupby("battery").head(3), known.groupby("battery").tail(3)]).drop_duplicates()
    shown = shown.sort_values(["battery", "operating_day"])
    midnights = pd.to_datetime(shown.operating_day).dt.tz_localize("America/Chicago").dt.tz_convert("UTC")
    starts = np.add.outer(midnights.to_numpy("datetime64[us]"), np.arange(96) * np.timedelta64(15, "m")).ravel()
    where = {name: np.repeat(shown[name].to_numpy(), 96) for name in ("battery", "operating_day")}
    rows = len(starts)
    flow, soc = random.normal(0, 5, rows), random.uniform(0, 200, rows) if year >= 2026 else np.full(rows, np.nan)
    node = pd.DataFrame({"interval_start": starts, "operating_day": where["operating_day"]}).drop_duplicates()
    priced = {name: random.normal(40, 60, len(node)) for name in ("rt_price_usd_per_mwh", "da_price_usd_per_mwh")}
    tables = {
        "energy_revenue": {**where, "interval_start": starts, "energy_usd": random.normal(50, 400, rows)},
        "bess_dispatch": {**where, "interval_start": starts, "discharge_mwh": np.maximum(flow, 0), "charge_mwh": np.maximum(-flow, 0), "soc_mwh": soc},
        "bess_prices": {"settlement_point": NODE, **node.to_dict("series"), **priced},
    }  # fmt: skip
    for name, columns in tables.items():
        path = result_path(settings.results, name, year)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [field for field in arrow_schema(TABLES[name]) if field.name in columns]
        pq.write_table(pa.Table.from_pandas(pd.DataFrame(columns), pa.schema(kept), preserve_index=False), path)


def write_no_board(home: Path, year: int) -> Settings:
    """Write the same tables without a single battery."""
    settings = load_settings(home, {})
    for name in ("leaderboard", "leaderboard_monthly", "daily_revenue"):
        write_columns(settings, year, name, {"battery": []})
    write_why(settings, year, [])
    run_table(settings, year, "leaderboard_history")
    return settings


def _size(random: np.random.Generator) -> dict[str, Any]:
    capacity = float(np.round(random.uniform(5, 260), 1))
    known = random.random() < 0.8
    hours = float(random.choice([1.0, 1.5, 2.0, 4.0]))
    return {
        "capacity_mw": capacity, "capacity_source": "dam", "energy_mwh": capacity * hours if known else None,
        "duration_hours": hours if known else 4.0, "duration_source": "ercot" if known else "assumed",
    }  # fmt: skip


def _board(random: np.random.Generator, names: Sequence[str], sizes, year, month) -> list[dict[str, Any]]:
    days = calendar.monthrange(year, month)[1] if month else 366 if calendar.isleap(year) else 365
    rows = [_row(random, name, sizes[name], days, year, known=name != names[-1]) for name in names]
    ranked = sorted((row for row in rows if "total_usd" in row), key=lambda row: -row["total_usd"])
    for rank, row in enumerate(ranked, start=1):
        row["rank"] = rank
    return [*ranked, *(row for row in rows if "total_usd" not in row)]


def _row(random: np.random.Generator, name: str, size: Mapping[str, Any], days: int, year, *, known) -> dict[str, Any]:
    scale = size["capacity_mw"] * days
    day_ahead, real_time = (float(value) * scale for value in random.normal([70, 40], [30, 60]))
    products = {f"as_{p}_usd": abs(float(random.normal(25, 15))) * scale for p in PRODUCTS}
    energy, services = day_ahead + real_time, sum(products.values())
    total = energy + services
    discharge = scale * float(random.uniform(0.5, 1.5))
    scaled = total / (1_000 * size["capacity_mw"]) * 366 / days
    money: dict[str, Any] = {
        "da_energy_usd": day_ahead, "rt_energy_usd": real_time, "energy_usd": energy, **products, "as_usd": services, "total_usd": total,
        "usd_per_mw": total / size["capacity_mw"], "usd_per_kw_year": scaled, "usd_per_kw_month": scaled / 12,
        "usd_per_mwh_discharged": total / discharge, "tb2_usd": 100.0 * scale, "tb2_capture": energy / (100.0 * scale),
        "energy_share": max(energy, 0) / (max(energy, 0) + services), "best_day_share": 0.0412,
        "strategy": str(random.choice(["hybrid", "energy_arbitrage", "ancillary_services"])),
        "notes": "4 quarter-hours unpriced" if random.random() < 0.5 else None,
    }  # fmt: skip
    if not known:
        money = {"da_energy_usd": day_ahead, "as_regup_usd": products["as_regup_usd"]}
    return {
        **size, **money, "battery": name, "attributes": '{"owner": "ACME & <Sons>"}' if name.endswith(("1", "2")) else None, "gen_resource": f"{name}_UNIT1", "settlement_point": NODE, "qse": "QSE1",
        "first_active_date": date(year, 1, 1), "active_days": days, "charging_cost_usd": 20.0 * scale,
        "discharge_mwh": discharge, "charge_mwh": discharge / 0.86, "round_trip_efficiency": 0.8599,
        "cycles_per_day": 0.9456 if size["energy_mwh"] else None,
        "energy_coverage": 0.9949999 if known else 0.2, "as_coverage": 1.0, "quantity_source": "telemetry", "da_unmatched_usd": 12.34,
        "data_through": date(year, 12, 31), "edition": "final",
        "excluded_reason": None if known else "charging unknown; energy coverage 0.200 below 0.95",
    }  # fmt: skip


def _differences(random: np.random.Generator, names: Sequence[str], year: int) -> Iterator[dict[str, Any]]:
    """Months and year of some batteries, each with terms that add up."""
    firsts = [("month", date(year, month, 1)) for month in range(1, 13)] + [("year", date(year, 1, 1))]
    for name in names:
        for period, day in firsts:
            terms = {f"{term}_usd": float(random.normal(0, 20_000)) for term in ATTRIBUTED}
            yield {
                "battery": name, "period": period, "first_day": day, "duration_class": "1.75 to 2.5 h", "median_batteries": f"{names[0]}; {names[1]}",
                "total_usd": 9e5 + sum(terms.values()), "median_usd": 9e5, "difference_usd": sum(terms.values()), **terms,
                **dict.fromkeys(("compared_hours", "availability_hours", "unknown_hours"), 240.5),
            }  # fmt: skip


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = {name for row in rows for name in row}
    return {name: [row.get(name) for row in rows] for name in names}


def _days(random: np.random.Generator, names: Sequence[str], year: int) -> dict[str, Any]:
    """A year of days for each battery; the third of January is unknown for all."""
    every = [date(year, 1, 1) + timedelta(days=n) for n in range(366 if calendar.isleap(year) else 365)]
    rows = len(names) * len(every)
    day_ahead = random.normal(4_000, 2_000, rows)
    day_ahead[2 :: len(every)] = np.nan
    real_time = random.normal(1_000, 4_000, rows)
    real_time[np.isnan(day_ahead)] = np.nan
    services = np.abs(random.normal(3_000, 1_000, rows))
    energy = day_ahead + real_time
    return {
        "battery": pa.array(np.repeat(names, len(every)).tolist()), "settlement_point": [NODE] * rows, "operating_day": pa.array(every * len(names)),
        "da_energy_usd": day_ahead, "rt_energy_usd": real_time, "energy_usd": energy,
        "as_regup_usd": services, "as_usd": services, "total_usd": energy + services,
        "discharge_mwh": np.full(rows, 80.5), "charge_mwh": np.full(rows, 93.1),
        "energy_quarter_hours": np.where(np.isnan(energy), 0, 96), "expected_quarter_hours": np.full(rows, 96),
        "award_positive": np.ones(rows, dtype=bool),
    }  # fmt: skip
