"""Result tables of a fleet of any size, from made-up numbers and by the real writer: for measuring how long answers take.

Belongs here: plausible shapes and sizes of daily_revenue, price_daily, the registry and a ledger; boards made of them by the real step.
Does not: a market that means anything (the simulator).
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.products import ATTRIBUTED, ECRS_FIRST_DAY, PRODUCTS, RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Inputs, StepResult
from bess_assets.run import run_table
from bess_assets.settings import Settings
from bess_assets.settlement import board as leaderboard
from bess_assets.store.files import ResultTable, write_table
from bess_assets.store.journal import Journal, table_entry
from bess_assets.store.paths import RollupFolder, result_path
from bess_assets.tables import TABLES, Table

POINTS_BESIDE_NODES = ("HB_HOUSTON", "HB_NORTH", "HB_SOUTH", "HB_WEST", "LZ_HOUSTON", "LZ_NORTH", "LZ_SOUTH", "LZ_WEST")
_PATTERN_QUARTER_HOURS = 672

FloatArray = npt.NDArray[np.float64]


def names_of(batteries: int) -> list[str]:
    """Stable keys, ascending."""
    return [f"SITE{n:03d}_{1 + n % 3}" for n in range(batteries)]


def write_fleet(
    settings: Settings, years: list[int], batteries: int, ledger_years: list[int], tell: Callable[[str], None]
) -> None:
    """Write the tables that answers are read from.

    Args:
        settings: says where.
        years: each gets a registry, days, prices and boards.
        batteries: how many, all of them expected on every day.
        ledger_years: years that also get the quarter-hour ledger, the largest of the files.
        tell: called with what has been written.
    """
    for year in years:
        random = np.random.default_rng(year)
        _write(settings, year, "bess_registry", iter([_registry(year, batteries, random)]))
        _write(settings, year, "price_daily", iter([_prices(year, batteries, random)]))
        _write(settings, year, "daily_revenue", iter([_days(year, batteries, random)]))
        _write(settings, year, "left_out_rows", iter([_left_out(year)]))
        for name in ("perfect_monthly", "use_monthly", "estimate_monthly"):
            _write(settings, year, name, iter([_months(TABLES[name], batteries, random)]))
        _write(settings, year, "attribution", iter([_differences(year, batteries, random)]))
        tables = {
            name: ResultTable(TABLES[name], result_path(settings.results, name, year))
            for name in ("bess_registry", "daily_revenue")
        }
        inputs = Inputs(OperatingYear(year), RollupFolder(settings.rollups), tables)
        (board,) = leaderboard.leaderboard(inputs).chunks
        _write_editions(settings, year, board)
        _write(settings, year, "leaderboard_monthly", leaderboard.leaderboard_monthly(inputs).chunks)
        run_table(settings, year, "index")
        if year in ledger_years:
            _write(settings, year, "energy_revenue", _ledger(year, batteries, random))
        tell(f"{year} written")


def _write_editions(settings: Settings, year: int, board: Columns) -> None:
    """The board, and before it an edition from which every battery moved."""
    for columns in ({**board, "notes": ["before it was restated"] * len(board["battery"])}, board):
        _write(settings, year, "leaderboard", iter([columns]))
        run_table(settings, year, "leaderboard_history")
    run_table(settings, year, "what_changed")


def _write(settings: Settings, year: int, name: str, chunks: Iterator[Columns]) -> None:
    written = write_table(TABLES[name], result_path(settings.results, name, year), StepResult(chunks))
    entry = table_entry(
        status="ok", seconds=0.1, peak_memory_mb=1, inputs={}, rows=written["rows"], digest=written["digest"]
    )
    Journal(settings.results, year).put_table(name, entry)


def _registry(year: int, batteries: int, random: np.random.Generator) -> Columns:
    names = names_of(batteries)
    capacity = np.round(random.uniform(10, 200, batteries), 1)
    hours = random.choice([1.0, 1.5, 2.0], batteries)
    single = year > RTC_FIRST_DAY.year
    first, last = date(year, 1, 1), date(year, 12, 31)
    return _filled(
        TABLES["bess_registry"],
        batteries,
        {
            "battery": names,
            "gen_resource": [None if single else f"{name.replace('_', '_UNIT')}" for name in names],
            "load_resource": [None if single else f"{name.replace('_', '_LD')}" for name in names],
            "esr_resource": [f"{name.replace('_', '_ESR')}" if single else None for name in names],
            "charging": ["esr" if single else "load"] * batteries,
            "settlement_point": [f"{name}_RN" for name in names],
            "qse": [f"Q{n % 40:02d}" for n in range(batteries)],
            "capacity_mw": capacity,
            "capacity_source": ["dam"] * batteries,
            "energy_mwh": capacity * hours,
            "duration_hours": hours,
            "duration_source": ["ercot"] * batteries,
            **{name: [first] * batteries for name in ("first_seen_day", "expected_first_day")},
            **{name: [last] * batteries for name in ("last_seen_day", "expected_last_day", "data_through")},
            "edition": ["final"] * batteries,
        },
    )


def _months(table: Table, batteries: int, random: np.random.Generator) -> Columns:
    rows = 12 * batteries
    figures = {c.name: random.gamma(2.0, 90_000.0, rows) for c in table.columns if c.kind == "number"}
    counts = {c.name: np.full(rows, 28) for c in table.columns if c.kind == "count"}
    keys = {"battery": np.repeat(names_of(batteries), 12), "month": np.tile(np.arange(1, 13), batteries)}
    return _filled(table, rows, figures | counts | keys)


def _differences(year: int, batteries: int, random: np.random.Generator) -> Columns:
    """Each month of each battery, and its year, with terms that add up."""
    table, rows = TABLES["attribution"], 13 * batteries
    firsts = [("month", date(year, month, 1)) for month in range(1, 13)] + [("year", date(year, 1, 1))]
    terms = {f"{term}_usd": random.normal(0, 90_000.0, rows) for term in ATTRIBUTED}
    keys = {
        "battery": np.repeat(names_of(batteries), len(firsts)),
        "period": [period for period, _ in firsts] * batteries,
        "first_day": [day for _, day in firsts] * batteries,
        **{name: ["SITE000_1"] * rows for name in ("duration_class", "median_batteries")},
        "difference_usd": sum(terms.values(), np.zeros(rows)),
    }
    figures = {c.name: np.full(rows, 700.0) for c in table.columns if c.kind == "number"}
    return _filled(table, rows, figures | terms | keys)


def _days(year: int, batteries: int, random: np.random.Generator) -> Columns:
    days = _calendar(year)
    rows = batteries * len(days)
    quarter_hours, hours = np.full(rows, 96), np.full(rows, 24)
    products = [p for p in PRODUCTS if p != "ecrs" or year > ECRS_FIRST_DAY.year]
    da, rt = random.normal(2_000, 900, rows), random.normal(500, 1_500, rows)
    by_product = {p: random.gamma(2.0, 400.0, rows) for p in products}
    as_usd = sum(by_product.values(), np.zeros(rows))
    discharge = random.uniform(20, 200, rows)
    # One day in a hundred is unknown, so that nulls cost what they cost.
    unknown = random.random(rows) < 0.01
    energy = [np.where(unknown, np.nan, values) for values in (da, rt, da + rt, da + rt + as_usd)]
    charge = discharge / 0.85
    return _filled(
        TABLES["daily_revenue"],
        rows,
        {
            "battery": np.repeat(np.array(names_of(batteries), dtype=object), len(days)),
            "operating_day": np.tile(np.array([day_number(day) for day in days], dtype=np.int32), batteries),
            "settlement_point": np.repeat(np.array([f"{n}_RN" for n in names_of(batteries)], dtype=object), len(days)),
            **dict(zip(("da_energy_usd", "rt_energy_usd", "energy_usd", "total_usd"), energy, strict=True)),
            **{f"as_{p}{leg}_usd": values for p, values in by_product.items() for leg in ("", "_da")},
            "as_usd": as_usd,
            "rt_metered_usd": rt,
            "charging_cost_usd": charge * 25,
            "discharge_mwh": discharge,
            "charge_mwh": charge,
            "paired_discharge_mwh": discharge,
            "paired_charge_mwh": charge,
            "tb2_usd_per_mw": random.gamma(2.0, 40.0, rows),
            "award_positive": np.ones(rows, dtype=bool),
            "expected_quarter_hours": quarter_hours,
            "energy_quarter_hours": np.where(unknown, 0, quarter_hours),
            "discharge_quarter_hours": quarter_hours,
            "discharge_telemetry_quarter_hours": quarter_hours,
            "charge_telemetry_quarter_hours": quarter_hours,
            "expected_hours": hours,
            "as_hours": hours,
            **{f"{p}_{what}": hours for p in products for what in ("expected_hours", "hours")},
        },
    )


def _prices(year: int, batteries: int, random: np.random.Generator) -> Columns:
    points = sorted([*POINTS_BESIDE_NODES, *(f"{name}_RN" for name in names_of(batteries))])
    days = _calendar(year)
    rows = len(points) * len(days)
    mean = random.gamma(2.0, 20.0, rows)
    return _filled(
        TABLES["price_daily"],
        rows,
        {
            "settlement_point": np.repeat(np.array(points, dtype=object), len(days)),
            "operating_day": np.tile(np.array([day_number(day) for day in days], dtype=np.int32), len(points)),
            **{
                f"{market}_{statistic}": values
                for market in ("da", "rt")
                for statistic, values in (
                    ("mean_usd_per_mwh", mean),
                    ("min_usd_per_mwh", mean - 30),
                    ("max_usd_per_mwh", mean * 3),
                    ("negative_share", random.random(rows) / 10),
                )
            },
            **{f"tb{n}_usd_per_mw": n * random.gamma(2.0, 25.0, rows) for n in (1, 2, 4)},
            **{name: np.full(rows, 24) for name in ("expected_hours", "da_known_hours")},
            **{name: np.full(rows, 96) for name in ("expected_quarter_hours", "rt_known_quarter_hours")},
        },
    )


def _left_out(year: int) -> Columns:
    rows = 700  # a hundred of each of seven kinds
    texts = {"dataset": "sced_gen_resources", "file": f"{year}.parquet", "kind": "unusable_time", "detail": "left out"}
    of_rows = {"row": np.arange(1, rows + 1), "says": [f"Resource Name=SITE{n:03d}" for n in range(rows)]}
    return _filled(TABLES["left_out_rows"], rows, {name: [text] * rows for name, text in texts.items()} | of_rows)


def _ledger(year: int, batteries: int, random: np.random.Generator) -> Iterator[Columns]:
    grid = OperatingYear(year)
    starts = grid.start + 900 * np.arange(grid.quarter_hours)
    of_day = np.repeat(grid.first_day + np.arange(grid.days), 4 * grid.day_hours).astype(np.int32)
    for name in names_of(batteries):
        pattern = [np.resize(random.normal(0, 60, _PATTERN_QUARTER_HOURS), grid.quarter_hours) for _ in range(3)]
        da, metered, offset = pattern
        yield _filled(
            TABLES["energy_revenue"],
            grid.quarter_hours,
            {
                "battery": [name] * grid.quarter_hours,
                "interval_start": starts,
                "operating_day": of_day,
                "da_usd": da,
                "rt_metered_usd": metered,
                "rt_da_offset_usd": offset,
                "rt_usd": metered + offset,
                "energy_usd": da + (metered + offset),
                "charging_cost_usd": np.abs(metered) / 3,
                "expected": np.ones(grid.quarter_hours, dtype=bool),
            },
        )


def _calendar(year: int) -> list[date]:
    return [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]


def _filled(table: Table, rows: int, known: dict[str, Any]) -> Columns:
    """The columns given, and the others null, or zero where they may not be."""
    blank: dict[str, Any] = {"count": np.zeros(rows, dtype=np.int64), "flag": np.zeros(rows, dtype=bool)}
    blank["day"] = np.zeros(rows, dtype=np.int32)
    absent: dict[str, Any] = {"number": np.full(rows, np.nan)}
    return {
        c.name: known[c.name] if c.name in known else blank[c.kind] if c.required else absent.get(c.kind, [None] * rows)
        for c in table.columns
    }


def size_on_disk(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*.parquet"))
