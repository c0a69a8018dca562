"""What a user would do without this package: the second settlement on rollups or CSV, reading battery by battery, and Polars.

All of them take the combo model (a year before RTC+B) of rollups in the layout of `bess simulate --scale ercot`, and are handed who is a battery and its
load resource. What must be right to the dollar is the second settlement. Reading battery by battery settles nothing: it is the least that the plan's method
takes. Polars is a script as a user would write it for files clean enough that nothing must be judged, and no closer to the right money than its tolerance.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
Frame = Any

CENTRAL = "America/Chicago"
PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")

COLUMNS = {
    "DAM_Gen_Resources": [
        "DeliveryDate",
        "HourEnding",
        "ResourceName",
        "SettlementPointName",
        "AwardedQuantity",
        "RegUpAwarded",
        "RegDownAwarded",
        "RRSPFRAwarded",
        "RRSFFRAwarded",
        "RRSUFRAwarded",
        "ECRSSDAwarded",
        "NonSpinAwarded",
    ],
    "DAM_Load_Resources": [
        "DeliveryDate",
        "HourEnding",
        "Load Resource Name",
        "RegUp Awarded",
        "RegDown Awarded",
        "RRSPFR Awarded",
        "RRSFFR Awarded",
        "RRSUFR Awarded",
        "ECRSSD Awarded",
        "ECRSMD Awarded",
        "NonSpin Awarded",
    ],
    "SCED_Gen_Resources": ["SCEDTimeStamp", "RepeatedHourFlag", "ResourceName", "TelemeteredNetOutput", "BasePoint"],
    "SCED_Load_Resources": ["SCEDTimeStamp", "RepeatedHourFlag", "ResourceName", "RealPowerConsumption", "BasePoint"],
    "RT_prices": [
        "DeliveryDate",
        "DeliveryHour",
        "DeliveryInterval",
        "SettlementPointName",
        "SettlementPointType",
        "SettlementPointPrice",
        "DSTFlag",
    ],
    "DA_prices": ["DeliveryDate", "HourEnding", "SettlementPoint", "SettlementPointPrice", "DSTFlag"],
    "AS_prices": ["DeliveryDate", "HourEnding", "AncillaryType", "MCPC", "DSTFlag"],
}
_NAMES = {
    "DAM_Gen_Resources": "ResourceName",
    "DAM_Load_Resources": "Load Resource Name",
    "SCED_Gen_Resources": "ResourceName",
    "SCED_Load_Resources": "ResourceName",
    "RT_prices": "SettlementPointName",
    "DA_prices": "SettlementPoint",
    "AS_prices": "AncillaryType",
}
_STAMPED = ("SCED_Gen_Resources", "SCED_Load_Resources")


@dataclass(frozen=True)
class Unit:
    """A battery as the registry knows it: only those whose charging is known can be settled."""

    battery: str
    generation: str
    load: str
    nodes: list[str]


def units(home: Path, year: int) -> list[Unit]:
    """Batteries with an accepted load resource, from the registry that ours has written."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pq.read_table(home / "results" / "bess_registry" / f"{year}.parquet")
    return [
        Unit(row["battery"], row["gen_resource"], row["load_resource"], row["settlement_points"].split(";"))
        for row in table.to_pylist()
        if row["charging"] == "load"
    ]


def files(folder: Path, dataset: str, year: int) -> list[Path]:
    """Files of a dataset that hold rows of the year."""
    years = (year,) if dataset.endswith("prices") else (year, year + 1)
    return [path for path in (folder / "rollups" / dataset / f"{y}.parquet" for y in years) if path.exists()]


# --- pandas -------------------------------------------------------------------------------------------------------------------------------


def plans_reads(options: argparse.Namespace) -> Answer:
    """A filtered read of every rollup for each battery, into pandas, as the plan's method begins; nothing is settled."""
    import pandas as pd  # noqa: F401, PLC0415  loaded before the clock starts
    import pyarrow.parquet as pq  # noqa: PLC0415

    (year,) = options.year
    every = units(options.home, year)
    sample = every[:: max(1, len(every) // options.sample)][: options.sample]
    rows = 0
    started = time.perf_counter()
    for unit in sample:
        sides = {"Gen": [unit.generation], "Load": [unit.load]}
        for dataset, column in _NAMES.items():
            names = sides.get(dataset.split("_")[1], unit.nodes)
            filters = [(column, "in", names)] if dataset != "AS_prices" else None
            for path in files(options.folder, dataset, year):
                rows += len(pq.read_table(path, columns=COLUMNS[dataset], filters=filters).to_pandas())
    each = (time.perf_counter() - started) / len(sample)
    return {
        "seconds": each * len(every),
        "seconds_each": each,
        "rows": rows,
        "scaled": f"{len(sample)} of {len(every)} batteries",
    }


def handed_in(home: Path, year: int) -> Frame:
    """The batteries of `units` as the second settlement takes them."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    from bess_assets.second_settlement import compare  # noqa: PLC0415

    registry = pq.read_table(home / "results" / "bess_registry" / f"{year}.parquet").to_pandas()
    return compare.handed_in(registry[registry["charging"] == "load"])


def whole_files(options: argparse.Namespace) -> Answer:
    """The second settlement: each rollup read in pieces, the needed columns only, then pandas."""
    from bess_assets.second_settlement.settlement import settle as settle_again  # noqa: PLC0415
    from bess_assets.second_settlement.source import RollupFiles  # noqa: PLC0415

    (year,) = options.year
    batteries = handed_in(options.home, year)
    started = time.perf_counter()
    board = settle_again(RollupFiles(options.folder / "rollups"), year, batteries, intervals=False).leaderboard
    known = board.dropna(subset="total_usd")
    return {
        "seconds": time.perf_counter() - started,
        "money": dict(zip(known["battery"], known["total_usd"], strict=True)),
    }


# --- CSV ----------------------------------------------------------------------------------------------------------------------------------


def csv_folder(folder: Path, year: int, days: int) -> Path:
    """Where the reports of the first days of a year lie."""
    return folder / f"csv_{year}_{days}"


def write_csv(options: argparse.Namespace) -> Answer:
    """The first days of the year as a CSV file of each dataset and day, all columns, as ERCOT's reports come."""
    import duckdb  # noqa: PLC0415

    (year,) = options.year
    target = csv_folder(options.folder, year, options.days)
    started = time.perf_counter()
    with duckdb.connect(config={"threads": 2}) as connection:
        for dataset in COLUMNS:
            (target / dataset).mkdir(parents=True, exist_ok=True)
            source = files(options.folder, dataset, year)[0]
            for n in range(options.days):
                day = (date(year, 1, 1) + timedelta(days=n)).strftime("%m/%d/%Y")
                where = f"starts_with(SCEDTimeStamp, '{day}')" if dataset in _STAMPED else f"DeliveryDate = '{day}'"
                path = target / dataset / f"{day.replace('/', '')}.csv"
                connection.execute(f"COPY (SELECT * FROM '{source}' WHERE {where}) TO '{path}' (HEADER)")
    size = sum(path.stat().st_size for path in target.glob("*/*.csv"))
    return {"seconds": time.perf_counter() - started, "bytes": size}


def csv(options: argparse.Namespace) -> Answer:
    """The second settlement of CSV reports; days of one month, scaled to the year."""
    from bess_assets.second_settlement.csv_reports import ReportFolder  # noqa: PLC0415
    from bess_assets.second_settlement.settlement import settle as settle_again  # noqa: PLC0415

    (year,) = options.year
    batteries = handed_in(options.home, year)
    started = time.perf_counter()
    reports = ReportFolder(csv_folder(options.folder, year, options.days), year)
    daily = settle_again(reports, year, batteries, intervals=False).daily
    seconds = time.perf_counter() - started
    if reports.problems:
        raise SystemExit(f"reports cannot be read: {reports.problems}")
    money = daily[["energy_usd", "as_usd"]].sum(axis=1).groupby(daily["battery"]).sum()
    days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    return {
        "seconds": seconds * days / options.days,
        "seconds_measured": seconds,
        "scaled": f"{options.days} of {days} days",
        "days": options.days,
        "money": dict(money),
    }


# --- Polars -------------------------------------------------------------------------------------------------------------------------------


def polars(options: argparse.Namespace) -> Answer:
    """Lazy scans of the same files with the filter pushed down, and joins, all in Polars' streaming engine."""
    import polars as pl  # noqa: PLC0415

    (year,) = options.year
    every = units(options.home, year)
    script = _Polars(pl, options.folder, year)
    started = time.perf_counter()
    money = script.settle(every)
    return {"seconds": time.perf_counter() - started, "money": money, "version": pl.__version__}


class _Polars:
    """The combo model in Polars; hours and quarter-hours are counted since 1970."""

    def __init__(self, pl: Any, folder: Path, year: int) -> None:
        self.pl, self.folder, self.year = pl, folder, year

    def scan(self, dataset: str, names: list[str] | None = None) -> Any:
        pl = self.pl
        frame = pl.concat(
            [pl.scan_parquet(path).select(COLUMNS[dataset]) for path in files(self.folder, dataset, self.year)]
        )
        if "DeliveryDate" in COLUMNS[dataset]:
            frame = frame.filter(pl.col("DeliveryDate").str.ends_with(str(self.year)))
        return frame if names is None else frame.filter(pl.col(_NAMES[dataset]).is_in(names))

    def _counted(self, frame: Any) -> Any:
        pl = self.pl
        midnight = self._date().dt.replace_time_zone(CENTRAL).dt.epoch("s")
        return frame.with_columns(hour=midnight // 3600 + pl.col("HourEnding").cast(pl.Int64) - 1)

    def _date(self) -> Any:
        return self.pl.col("DeliveryDate").str.to_datetime("%m/%d/%Y", time_unit="ms")

    def _utc(self, wall: Any, flag: str) -> Any:
        pl = self.pl
        which = pl.when(pl.col(flag) == "Y").then(pl.lit("latest")).otherwise(pl.lit("earliest"))
        return wall.dt.replace_time_zone(CENTRAL, ambiguous=which).dt.epoch("s")

    def _shown(self, within: Any) -> Any:
        return self._utc(self._date() + self.pl.duration(seconds=within), "DSTFlag")

    def _energy(self, dataset: str, names: list[str], telemetry: str, what: str) -> Any:
        """MWh of the quarter-hour in which each run lies: to the base point in five minutes, and to the next reading in ten."""
        pl = self.pl
        stamp = self._utc(
            pl.col("SCEDTimeStamp").str.to_datetime("%m/%d/%Y %H:%M:%S", time_unit="ms"), "RepeatedHourFlag"
        )
        reading, base_point = pl.coalesce(telemetry, "BasePoint").clip(lower_bound=0.0), pl.col("BasePoint")
        following = reading.shift(-1).over("ResourceName").fill_null(reading)
        mwh = (300 * (reading + base_point) / 2 + 600 * (base_point + following) / 2) / 3600
        rows = self.scan(dataset, names).select(
            pl.col("ResourceName").alias(f"{what} name"), stamp // 900, mwh.alias(what)
        )
        return rows.rename({"SCEDTimeStamp": "quarter"}).unique([f"{what} name", "quarter"])

    def settle(self, every: list[Unit]) -> dict[str, float]:
        pl = self.pl
        known = pl.LazyFrame(
            {
                "battery": [u.battery for u in every],
                "generation": [u.generation for u in every],
                "load": [u.load for u in every],
            }
        )
        generations, loads = [u.generation for u in every], [u.load for u in every]
        nodes = sorted({node for unit in every for node in unit.nodes})
        discharge = self._energy("SCED_Gen_Resources", generations, "TelemeteredNetOutput", "discharge")
        charge = self._energy("SCED_Load_Resources", loads, "RealPowerConsumption", "charge")
        rt = self.scan("RT_prices", nodes).filter(pl.col("SettlementPointType") != "LZEW")
        within = 3600 * (pl.col("DeliveryHour").cast(pl.Int64) - 1) + 900 * (
            pl.col("DeliveryInterval").cast(pl.Int64) - 1
        )
        rt = rt.select(
            (self._shown(within) // 900).alias("quarter"),
            pl.col("SettlementPointName").alias("node"),
            pl.col("SettlementPointPrice").alias("rt_price"),
        )
        clock = 3600 * (pl.col("HourEnding").str.slice(0, 2).cast(pl.Int64) - 1)
        da = self.scan("DA_prices", nodes).select(
            (self._shown(clock) // 3600).alias("hour"),
            pl.col("SettlementPoint").alias("node"),
            pl.col("SettlementPointPrice").alias("da_price"),
        )
        prices = self.scan("AS_prices").select(
            (self._shown(clock) // 3600).alias("hour"), pl.col("AncillaryType").str.to_lowercase(), "MCPC"
        )
        mcpc = prices.group_by("hour").agg(
            pl.col("MCPC").filter(pl.col("AncillaryType") == product).first().alias(product) for product in PRODUCTS
        )
        dam = self._counted(self.scan("DAM_Gen_Resources", generations)).select(
            pl.col("ResourceName").alias("generation"),
            "hour",
            pl.col("SettlementPointName").alias("node"),
            pl.col("AwardedQuantity").alias("award"),
            pl.col("RegUpAwarded").alias("g_regup"),
            pl.col("RegDownAwarded").alias("g_regdn"),
            pl.sum_horizontal("RRSPFRAwarded", "RRSFFRAwarded", "RRSUFRAwarded").alias("g_rrs"),
            pl.col("ECRSSDAwarded").alias("g_ecrs"),
            pl.col("NonSpinAwarded").alias("g_nspin"),
        )
        dam_load = self._counted(self.scan("DAM_Load_Resources", loads)).select(
            pl.col("Load Resource Name").alias("load"),
            "hour",
            pl.col("RegUp Awarded").alias("l_regup"),
            pl.col("RegDown Awarded").alias("l_regdn"),
            pl.sum_horizontal("RRSPFR Awarded", "RRSFFR Awarded", "RRSUFR Awarded").alias("l_rrs"),
            pl.sum_horizontal("ECRSSD Awarded", "ECRSMD Awarded").alias("l_ecrs"),
            pl.col("NonSpin Awarded").alias("l_nspin"),
        )
        hours = known.join(dam, on="generation").join(dam_load, on=["load", "hour"], how="left").join(mcpc, on="hour")
        usd = [(pl.col(f"g_{p}").fill_null(0.0) + pl.col(f"l_{p}").fill_null(0.0)) * pl.col(p) for p in PRODUCTS]
        services = hours.group_by("battery").agg(pl.sum_horizontal(usd).sum().alias("services"))
        ledger = (
            known.join(dam.select("generation", "hour", "node", "award"), on="generation")
            .join(pl.LazyFrame({"part": [0, 1, 2, 3]}), how="cross")
            .with_columns(quarter=4 * pl.col("hour") + pl.col("part"))
            .join(discharge, left_on=["generation", "quarter"], right_on=["discharge name", "quarter"])
            .join(charge, left_on=["load", "quarter"], right_on=["charge name", "quarter"])
            .join(rt, on=["node", "quarter"])
            .join(da, on=["node", "hour"])
        )
        award = pl.col("award") / 4.0
        flow = pl.col("discharge") - pl.col("charge") - award
        money = ledger.group_by("battery").agg(
            (award * pl.col("da_price") + flow * pl.col("rt_price")).sum().alias("energy")
        )
        energy_sums, service_sums = pl.collect_all([money, services], engine="streaming")
        both = service_sums.join(energy_sums, on="battery", how="left")
        return dict(zip(both["battery"], (both["energy"].fill_null(0.0) + both["services"]).to_list(), strict=True))


CONTENDERS: dict[str, Callable[[argparse.Namespace], Answer]] = {
    "plan": plans_reads,
    "pandas": whole_files,
    "write-csv": write_csv,
    "csv": csv,
    "polars": polars,
}
