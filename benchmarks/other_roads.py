"""What a user would do without this package: the second settlement on rollups or CSV, reading battery by battery, single reads, and Polars.

All of them take the combo model (a year before RTC+B) of rollups in the layout of `bess simulate --scale ercot`, and are handed who is a battery and its
load resource. What must be right to the dollar is the second settlement. Of reading battery by battery only the reads are timed, the least that the plan's
method takes; what they brought is settled afterwards. Polars is a script as a user would write it for files clean enough that nothing must be judged, and no
closer to the right money than its tolerance.
"""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.machine import HAS_POLARS, Answer, timed

Frame = Any

CENTRAL = "America/Chicago"
PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")

COLUMNS = {
    "DAM_Gen_Resources": [
        "DeliveryDate", "HourEnding", "ResourceName", "SettlementPointName", "AwardedQuantity", "RegUpAwarded", "RegDownAwarded", "RRSPFRAwarded",
        "RRSFFRAwarded", "RRSUFRAwarded", "ECRSSDAwarded", "NonSpinAwarded",
    ],
    "DAM_Load_Resources": [
        "DeliveryDate", "HourEnding", "Load Resource Name", "RegUp Awarded", "RegDown Awarded", "RRSPFR Awarded", "RRSFFR Awarded",
        "RRSUFR Awarded", "ECRSSD Awarded", "ECRSMD Awarded", "NonSpin Awarded",
    ],
    "SCED_Gen_Resources": ["SCEDTimeStamp", "RepeatedHourFlag", "ResourceName", "TelemeteredNetOutput", "BasePoint"],
    "SCED_Load_Resources": ["SCEDTimeStamp", "RepeatedHourFlag", "ResourceName", "RealPowerConsumption", "BasePoint"],
    "RT_prices": [
        "DeliveryDate", "DeliveryHour", "DeliveryInterval", "SettlementPointName", "SettlementPointType", "SettlementPointPrice", "DSTFlag",
    ],
    "DA_prices": ["DeliveryDate", "HourEnding", "SettlementPoint", "SettlementPointPrice", "DSTFlag"],
    "AS_prices": ["DeliveryDate", "HourEnding", "AncillaryType", "MCPC", "DSTFlag"],
}  # fmt: skip
NAMES = {
    "DAM_Gen_Resources": "ResourceName",
    "DAM_Load_Resources": "Load Resource Name",
    "SCED_Gen_Resources": "ResourceName",
    "SCED_Load_Resources": "ResourceName",
    "RT_prices": "SettlementPointName",
    "DA_prices": "SettlementPoint",
    "AS_prices": "AncillaryType",
}
STAMPED = ("SCED_Gen_Resources", "SCED_Load_Resources")


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
    """A filtered read of every rollup for each battery, into pandas, as the plan's method begins; settled by the Polars script when the clock has stopped."""
    import pandas as pd  # noqa: F401, PLC0415  loaded before the clock starts
    import pyarrow.parquet as pq  # noqa: PLC0415

    (year,) = options.year
    every = units(options.home, year)
    sample = every[:: max(1, len(every) // options.sample)][: options.sample]
    read: list[dict[str, Any]] = []
    with timed() as answer:
        for unit in sample:
            sides = {"Gen": [unit.generation], "Load": [unit.load]}
            read.append({})
            for dataset, column in NAMES.items():
                names = sides.get(dataset.split("_")[1], unit.nodes)
                filters = [(column, "in", names)] if dataset != "AS_prices" else None
                paths = files(options.folder, dataset, year)
                tables = [pq.read_table(path, columns=COLUMNS[dataset], filters=filters) for path in paths]
                read[-1][dataset] = [(table, table.to_pandas())[0] for table in tables]
    money: dict[str, float] = {}
    if HAS_POLARS:
        import polars as pl  # noqa: PLC0415

        for unit, of_unit in zip(sample, read, strict=True):
            brought = {name: [pl.LazyFrame(pl.from_arrow(t)) for t in parts] for name, parts in of_unit.items()}
            money |= _Polars(pl, brought, year).settle([unit])
    scaled = {name: seconds / len(sample) * len(every) for name, seconds in answer.items()}
    return scaled | {"money": money, "scaled": f"{len(sample)} of {len(every)} batteries"}


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
    with timed() as answer:
        board = settle_again(RollupFiles(options.folder / "rollups"), year, batteries, intervals=False).leaderboard
    known = board.dropna(subset="total_usd")
    return answer | {"money": dict(zip(known["battery"], known["total_usd"], strict=True))}


# --- CSV ----------------------------------------------------------------------------------------------------------------------------------


def csv_folder(folder: Path, year: int, days: int) -> Path:
    """Where the reports of the first days of a year lie."""
    return folder / f"csv_{year}_{days}"


def write_csv(options: argparse.Namespace) -> Answer:
    """The first days of the year as a CSV file of each dataset and day, all columns, as ERCOT's reports come."""
    import duckdb  # noqa: PLC0415

    (year,) = options.year
    target = csv_folder(options.folder, year, options.days)
    with duckdb.connect(config={"threads": 2}) as connection:
        for dataset in COLUMNS:
            (target / dataset).mkdir(parents=True, exist_ok=True)
            source = files(options.folder, dataset, year)[0]
            for n in range(options.days):
                day = (date(year, 1, 1) + timedelta(days=n)).strftime("%m/%d/%Y")
                where = f"starts_with(SCEDTimeStamp, '{day}')" if dataset in STAMPED else f"DeliveryDate = '{day}'"
                path = target / dataset / f"{day.replace('/', '')}.csv"
                connection.execute(f"COPY (SELECT * FROM '{source}' WHERE {where}) TO '{path}' (HEADER)")
    sizes = {name: sum(path.stat().st_size for path in (target / name).glob("*.csv")) for name in COLUMNS}
    return {"seconds": 0.0, "cpu_seconds": 0.0, "bytes": sizes}


def csv(options: argparse.Namespace) -> Answer:
    """The second settlement of CSV reports; days of one month, scaled to the year."""
    from bess_assets.second_settlement.csv_reports import ReportFolder  # noqa: PLC0415
    from bess_assets.second_settlement.settlement import settle as settle_again  # noqa: PLC0415

    (year,) = options.year
    batteries = handed_in(options.home, year)
    with timed() as answer:
        reports = ReportFolder(csv_folder(options.folder, year, options.days), year)
        daily = settle_again(reports, year, batteries, intervals=False).daily
    if reports.problems:
        raise SystemExit(f"reports cannot be read: {reports.problems}")
    money = daily[["energy_usd", "as_usd"]].sum(axis=1).groupby(daily["battery"]).sum()
    days = days_of(year)
    scaled = {name: seconds * days / options.days for name, seconds in answer.items()}
    return scaled | {"scaled": f"{options.days} of {days} days", "days": options.days, "money": dict(money)}


def days_of(year: int) -> int:
    """Days of a year."""
    return (date(year + 1, 1, 1) - date(year, 1, 1)).days


# --- single reads, which the plan promises times of -----------------------------------------------------------------------------------------


def single_reads(options: argparse.Namespace) -> Answer:
    """All columns that are needed loaded; the SCED rows of a resource; its awards joined with their prices: from CSV with pandas, and from rollups."""
    import pandas as pd  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    (year,) = options.year
    every = units(options.home, year)
    unit = every[len(every) // 2]

    def of_csv(dataset: str, column: str | None = None, names: Sequence[str] = ()) -> Frame:
        parts = []
        for path in sorted((csv_folder(options.folder, year, options.days) / dataset).glob("*.csv")):
            part = pd.read_csv(path, usecols=COLUMNS[dataset])
            parts.append(part if column is None else part[part[column].isin(names)])
        return pd.concat(parts)

    def of_rollups(dataset: str, column: str | None = None, names: Sequence[str] = ()) -> Frame:
        filters = None if column is None else [(column, "in", list(names))]
        paths = files(options.folder, dataset, year)
        tables = [pq.read_table(path, columns=COLUMNS[dataset], filters=filters) for path in paths]
        return tables if column is None else pd.concat([table.to_pandas() for table in tables])

    found: Answer = {"seconds": 0.0, "cpu_seconds": 0.0, "battery": unit.battery, "days": options.days}
    for form, read, scale in (("csv", of_csv, days_of(year) / options.days), ("rollups", of_rollups, 1.0)):
        with timed() as load:
            for dataset in COLUMNS:
                read(dataset)
        with timed() as one:
            read("SCED_Gen_Resources", "ResourceName", [unit.generation])
        with timed() as join:
            awards = read("DAM_Gen_Resources", "ResourceName", [unit.generation])
            prices = read("DA_prices", "SettlementPoint", unit.nodes)
            awards["HourEnding"] = awards["HourEnding"].astype(int)
            prices["HourEnding"] = prices["HourEnding"].str[:2].astype(int)
            keys = ["DeliveryDate", "HourEnding", "SettlementPoint"]
            joined = awards.rename(columns={"SettlementPointName": "SettlementPoint"}).merge(prices, on=keys)
            of_year = joined["DeliveryDate"].str.endswith(str(year))
            usd = (joined["AwardedQuantity"] * joined["SettlementPointPrice"])[of_year].sum()
        found[form] = {name: clock["seconds"] * scale for name, clock in (("load", load), ("one", one), ("join", join))}
        found[form]["usd"] = float(usd)
    return found


# --- Polars -------------------------------------------------------------------------------------------------------------------------------


def polars(options: argparse.Namespace) -> Answer:
    """Lazy scans of the same files with the filter pushed down, and joins, all in Polars' streaming engine."""
    import polars as pl  # noqa: PLC0415

    (year,) = options.year
    every = units(options.home, year)
    scans = {name: [pl.scan_parquet(path) for path in files(options.folder, name, year)] for name in COLUMNS}
    script = _Polars(pl, scans, year)
    if options.tables:
        shutil.rmtree(options.tables, ignore_errors=True)
        options.tables.mkdir(parents=True)
    with timed() as answer:
        money = script.settle(every) if options.tables is None else script.write(every, options.tables)
    answer["money"] = money
    if options.tables:
        answer["written"] = sum(path.stat().st_size for path in options.tables.glob("*.parquet"))
    return answer


class _Polars:
    """The combo model in Polars; hours and quarter-hours are counted since 1970."""

    def __init__(self, pl: Any, sources: Mapping[str, list[Any]], year: int) -> None:
        self.pl, self.sources, self.year = pl, sources, year

    def scan(self, dataset: str, names: list[str] | None = None) -> Any:
        pl = self.pl
        frame = pl.concat([part.select(COLUMNS[dataset]) for part in self.sources[dataset]])
        if "DeliveryDate" in COLUMNS[dataset]:
            frame = frame.filter(pl.col("DeliveryDate").str.ends_with(str(self.year)))
        return frame if names is None else frame.filter(pl.col(NAMES[dataset]).is_in(names))

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

    def frames(self, every: list[Unit]) -> dict[str, Any]:
        """The extracts and both ledgers, all lazy."""
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
            pl.col("DeliveryDate").alias("day"),
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
        award = {p: pl.col(f"g_{p}").fill_null(0.0) + pl.col(f"l_{p}").fill_null(0.0) for p in PRODUCTS}
        services = hours.select(
            "battery",
            "hour",
            "day",
            *(award[p].alias(f"{p}_mw") for p in PRODUCTS),
            *(pl.col(p).alias(f"{p}_mcpc") for p in PRODUCTS),
            *((award[p] * pl.col(p)).alias(f"{p}_usd") for p in PRODUCTS),
        )
        sold = pl.col("award") / 4.0
        flow = pl.col("discharge") - pl.col("charge") - sold
        energy = (
            known.join(dam.select("generation", "hour", "day", "node", "award"), on="generation")
            .join(pl.LazyFrame({"part": [0, 1, 2, 3]}), how="cross")
            .with_columns(quarter=4 * pl.col("hour") + pl.col("part"))
            .join(discharge, left_on=["generation", "quarter"], right_on=["discharge name", "quarter"])
            .join(charge, left_on=["load", "quarter"], right_on=["charge name", "quarter"])
            .join(rt, on=["node", "quarter"])
            .join(da, on=["node", "hour"])
            .with_columns(da_usd=sold * pl.col("da_price"), rt_usd=flow * pl.col("rt_price"))
        )
        dispatch = energy.select("battery", "quarter", "discharge", "charge")
        prices = rt.with_columns(hour=pl.col("quarter") // 4).join(da, on=["node", "hour"], how="left")
        return {
            "bess_awards": hours,
            "bess_dispatch": dispatch,
            "bess_prices": prices,
            "energy_revenue": energy,
            "as_revenue": services,
        }

    def settle(self, every: list[Unit]) -> dict[str, float]:
        """Total of each battery; no table is written."""
        frames = self.frames(every)
        energy, services = self._sums(frames["energy_revenue"], frames["as_revenue"], ["battery"])
        both = services.join(energy, on="battery", how="left")
        total = both["energy"].fill_null(0.0) + both["services"]
        return dict(zip(both["battery"], total.to_list(), strict=True))

    def write(self, every: list[Unit], folder: Path) -> dict[str, float]:
        """Write the extracts and ledgers, of these the days, and of the days the board; returns the total of each battery."""
        pl = self.pl
        sinks = [
            frame.sink_parquet(folder / f"{name}.parquet", compression="lz4", lazy=True)
            for name, frame in self.frames(every).items()
        ]
        pl.collect_all(sinks, engine="streaming")
        ledgers = [pl.scan_parquet(folder / f"{name}.parquet") for name in ("energy_revenue", "as_revenue")]
        energy, services = self._sums(ledgers[0], ledgers[1], ["battery", "day"])
        days = services.join(energy, on=["battery", "day"], how="left")
        days.write_parquet(folder / "daily_revenue.parquet")
        board = days.group_by("battery").agg(pl.col("energy").sum(), pl.col("services").sum())
        board = board.with_columns(total=pl.col("energy") + pl.col("services")).sort("total", descending=True)
        board.write_parquet(folder / "leaderboard.parquet")
        return dict(zip(board["battery"], board["total"].to_list(), strict=True))

    def _sums(self, energy: Any, services: Any, keys: list[str]) -> tuple[Any, Any]:
        pl = self.pl
        usd = pl.sum_horizontal(f"{p}_usd" for p in PRODUCTS)
        of_energy = energy.group_by(keys).agg((pl.col("da_usd") + pl.col("rt_usd")).sum().alias("energy"))
        of_services = services.group_by(keys).agg(usd.sum().alias("services"))
        both: tuple[Any, Any] = tuple(pl.collect_all([of_energy, of_services], engine="streaming"))
        return both


CONTENDERS: dict[str, Callable[[argparse.Namespace], Answer]] = {
    "plan": plans_reads,
    "pandas": whole_files,
    "write-csv": write_csv,
    "csv": csv,
    "single-reads": single_reads,
    "polars": polars,
}
