"""What a user would do without this package, to the same money: the plan's method (pandas by battery), Polars, and the second settlement on rollups or CSV.

All of them settle the combo model (a year before RTC+B) of rollups in the layout of `bess simulate --scale ercot`, and are handed who is a battery and its
load resource. The plan's method and Polars need files clean enough that nothing must be judged: no superseded rows, no missing columns; they leave out the
tables of every quarter-hour, checks and records that ours writes.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Answer = dict[str, Any]
Frame = Any

CENTRAL = "America/Chicago"
PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
HOLD_SECONDS = QUARTER = 900

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


# --- time ---------------------------------------------------------------------------------------------------------------------------------


class Times:
    """Seconds of hours, quarter-hours and runs from what the files say, each distinct spelling worked out once."""

    def __init__(self, year: int) -> None:
        """The year."""
        zone = ZoneInfo(CENTRAL)
        count = (date(year + 1, 1, 1) - date(year, 1, 1)).days
        every = [date(year, 1, 1) + timedelta(days=n) for n in range(count + 1)]
        midnights = [int(datetime(d.year, d.month, d.day, tzinfo=zone).timestamp()) for d in every]
        self.start, self.end = midnights[0], midnights[-1]
        self.hours = (self.end - self.start) // 3600
        self.midnight = {d.strftime("%m/%d/%Y"): at for d, at in zip(every, midnights, strict=True)}

    def counted(self, frame: Frame) -> npt.NDArray[np.int64]:
        """Position of the hour of rows whose hours are counted through the day; -1 outside the year."""
        midnight = frame["DeliveryDate"].astype(str).map(self.midnight).fillna(-1).to_numpy().astype(np.int64)
        hour = frame["HourEnding"].astype(np.int64).to_numpy()
        return self._inside(midnight + 3600 * (hour - 1), midnight >= 0, 3600)

    def shown(self, frame: Frame, step: int) -> npt.NDArray[np.int64]:
        """Position of the step of rows whose hours are those of the clock, with a flag for the second 01:00."""
        import pandas as pd  # noqa: PLC0415

        if "HourEnding" in frame:
            hour = frame["HourEnding"].astype(str).str.slice(0, 2).astype(np.int64)
            within = 3600 * (hour - 1)
        else:
            within = 3600 * (frame["DeliveryHour"].astype(np.int64) - 1) + QUARTER * (
                frame["DeliveryInterval"].astype(np.int64) - 1
            )
        wall = pd.to_datetime(frame["DeliveryDate"], format="%m/%d/%Y") + pd.to_timedelta(within, unit="s")
        return self._inside(self._utc(wall, frame["DSTFlag"]), True, step)

    def runs(self, frame: Frame) -> npt.NDArray[np.int64]:
        """Seconds of the runs of SCED rows."""
        import pandas as pd  # noqa: PLC0415

        wall = pd.to_datetime(frame["SCEDTimeStamp"], format="%m/%d/%Y %H:%M:%S")
        return self._utc(wall, frame["RepeatedHourFlag"])

    @staticmethod
    def _utc(wall: Frame, flag: Frame) -> npt.NDArray[np.int64]:
        first = (flag != "Y").to_numpy(dtype=bool)
        zoned = wall.dt.tz_localize(CENTRAL, ambiguous=first)
        return np.asarray(
            zoned.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
        )

    def _inside(self, seconds: Any, good: Any, step: int) -> npt.NDArray[np.int64]:
        inside = good & (seconds >= self.start) & (seconds < self.end)
        return np.asarray(np.where(inside, (seconds - self.start) // step, -1))


def pieces_of(runs: npt.NDArray[np.int64], times: Times) -> Frame:
    """The seconds that each run lasts into each quarter-hour: at most two pieces, since a run lasts 900 s at most."""
    import pandas as pd  # noqa: PLC0415

    ends = np.minimum(np.r_[runs[1:], times.end], runs + HOLD_SECONDS)
    quarter = (runs - times.start) // QUARTER
    boundary = np.minimum(times.start + QUARTER * (quarter + 1), ends)
    run = np.arange(len(runs))
    pieces = pd.concat(
        [
            pd.DataFrame({"run": run, "quarter": quarter, "seconds": boundary - runs}),
            pd.DataFrame({"run": run, "quarter": quarter + 1, "seconds": ends - boundary}),
        ]
    )
    return pieces[(pieces["seconds"] > 0) & (pieces["quarter"] >= 0) & (pieces["quarter"] < 4 * times.hours)]


# --- pandas -------------------------------------------------------------------------------------------------------------------------------


def energy(frame: Frame, runs: npt.NDArray[np.int64], pieces: Frame, times: Times, telemetry: str) -> Frame:
    """MWh of the positive part by quarter-hour: telemetry held from run to run, base points where less than half of it is known."""
    import pandas as pd  # noqa: PLC0415

    rows = pd.DataFrame(
        {
            "run": np.searchsorted(runs, times.runs(frame)),
            "telemetry": frame[telemetry].to_numpy(dtype=float),
            "base": frame["BasePoint"].to_numpy(dtype=float),
        }
    ).merge(pieces, on="run")
    found = None
    for quantity in ("telemetry", "base"):
        known = rows[rows[quantity].notna()]
        amount = (known[quantity].clip(lower=0.0) * known["seconds"]).groupby(known["quarter"]).sum()
        seconds = known["seconds"].groupby(known["quarter"]).sum()
        mean = (amount / seconds)[seconds >= QUARTER / 2] / 4.0
        found = mean if found is None else found.combine_first(mean)
    return found.reindex(range(4 * times.hours))  # type: ignore[union-attr]


def settle(frames: dict[str, Frame], shared: dict[str, Any], times: Times) -> float:
    """Money of one battery, from its own rows: energy of the quarter-hours known throughout, and ancillary services."""
    import pandas as pd  # noqa: PLC0415

    dam = frames["DAM_Gen_Resources"]
    dam = dam.assign(hour=times.counted(dam)).query("hour >= 0").set_index("hour")
    load = frames["DAM_Load_Resources"]
    load = load.assign(hour=times.counted(load)).query("hour >= 0").set_index("hour").reindex(dam.index)
    generation = {
        "regup": dam["RegUpAwarded"],
        "regdn": dam["RegDownAwarded"],
        "rrs": dam["RRSPFRAwarded"] + dam["RRSFFRAwarded"] + dam["RRSUFRAwarded"],
        "ecrs": dam["ECRSSDAwarded"],
        "nspin": dam["NonSpinAwarded"],
    }
    consumption = {
        "regup": load["RegUp Awarded"],
        "regdn": load["RegDown Awarded"],
        "rrs": load["RRSPFR Awarded"] + load["RRSFFR Awarded"] + load["RRSUFR Awarded"],
        "ecrs": load["ECRSSD Awarded"] + load["ECRSMD Awarded"],
        "nspin": load["NonSpin Awarded"],
    }
    services = 0.0
    for product in PRODUCTS:
        award = generation[product].fillna(0.0) + consumption[product].fillna(0.0)
        services += float((award * shared["mcpc"][product].reindex(dam.index)).sum())
    hours = np.repeat(dam.index.to_numpy(), 4)
    ledger = pd.DataFrame(
        {
            "hour": hours,
            "quarter": 4 * hours + np.tile(np.arange(4), len(dam)),
            "node": np.repeat(dam["SettlementPointName"].astype(str).to_numpy(), 4),
            "award": np.repeat(dam["AwardedQuantity"].to_numpy(dtype=float), 4),
        }
    )
    rt, da = frames["RT_prices"], frames["DA_prices"]
    rt = pd.DataFrame(
        {
            "quarter": times.shown(rt, QUARTER),
            "node": rt["SettlementPointName"].astype(str).to_numpy(),
            "rt_price": rt["SettlementPointPrice"].to_numpy(dtype=float),
        }
    )
    da = pd.DataFrame(
        {
            "hour": times.shown(da, 3600),
            "node": da["SettlementPoint"].astype(str).to_numpy(),
            "da_price": da["SettlementPointPrice"].to_numpy(dtype=float),
        }
    )
    ledger = ledger.merge(rt, on=["quarter", "node"], how="left").merge(da, on=["hour", "node"], how="left")
    sides = []
    for dataset, telemetry in (
        ("SCED_Gen_Resources", "TelemeteredNetOutput"),
        ("SCED_Load_Resources", "RealPowerConsumption"),
    ):
        runs, pieces = shared[dataset]
        sides.append(energy(frames[dataset], runs, pieces, times, telemetry))
    discharge, charge = sides
    flow = (discharge - charge).reindex(ledger["quarter"]).to_numpy()
    quarter_award = ledger["award"] / 4.0
    usd = quarter_award * ledger["da_price"] + (flow - quarter_award) * ledger["rt_price"]
    return float(usd.sum()) + services


def clearing_prices(frame: Frame, times: Times) -> dict[str, Frame]:
    """Clearing price of each product by hour."""
    frame = frame.assign(hour=times.shown(frame, 3600), product=frame["AncillaryType"].astype(str).str.lower())
    frame = frame[frame["hour"] >= 0]
    return {p: frame[frame["product"] == p].set_index("hour")["MCPC"] for p in PRODUCTS}


def run_starts(frame: Frame, times: Times) -> npt.NDArray[np.int64]:
    """Distinct runs of a dataset."""
    distinct = frame[["SCEDTimeStamp", "RepeatedHourFlag"]].drop_duplicates()
    return np.asarray(np.unique(times.runs(distinct)))


def _wanted(unit: Unit) -> dict[str, list[str]]:
    return {
        "DAM_Gen_Resources": [unit.generation],
        "DAM_Load_Resources": [unit.load],
        "SCED_Gen_Resources": [unit.generation],
        "SCED_Load_Resources": [unit.load],
        "RT_prices": unit.nodes,
        "DA_prices": unit.nodes,
    }


def plans_method(options: argparse.Namespace) -> Answer:
    """Per battery a filtered read of every rollup, then pandas; the runs of the year are read once before."""
    import pandas as pd  # noqa: F401, PLC0415  loaded before the clock starts
    import pyarrow.parquet as pq  # noqa: PLC0415

    (year,) = options.year
    every = units(options.home, year)
    step = max(1, len(every) // options.sample)
    sample = every[::step][: options.sample]
    times = Times(year)
    started = time.perf_counter()
    shared: dict[str, Any] = {"mcpc": clearing_prices(_read(options.folder, "AS_prices", year), times)}
    for dataset in _STAMPED:
        runs = run_starts(_read(options.folder, dataset, year, COLUMNS[dataset][:2], dictionaries=True), times)
        shared[dataset] = (runs, pieces_of(runs, times))
    once = time.perf_counter() - started
    money = {}
    started = time.perf_counter()
    for unit in sample:
        frames = {}
        for dataset, names in _wanted(unit).items():
            tables = [
                pq.read_table(path, columns=COLUMNS[dataset], filters=[(_NAMES[dataset], "in", names)])
                for path in files(options.folder, dataset, year)
            ]
            frames[dataset] = _concat([table.to_pandas() for table in tables])
        money[unit.battery] = settle(frames, shared, times)
    each = (time.perf_counter() - started) / len(sample)
    return {
        "seconds": once + each * len(every),
        "seconds_each": each,
        "seconds_once": once,
        "scaled": f"{len(sample)} of {len(every)} batteries",
        "money": money,
    }


def _read(
    folder: Path, dataset: str, year: int, columns: list[str] | None = None, *, dictionaries: bool = False
) -> Frame:
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = columns or COLUMNS[dataset]
    texts = columns[:2] if dictionaries else []
    return _concat(
        [
            pq.read_table(path, columns=columns, read_dictionary=texts).to_pandas()
            for path in files(folder, dataset, year)
        ]
    )


def _concat(frames: list[Frame]) -> Frame:
    import pandas as pd  # noqa: PLC0415

    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


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
    times = Times(year)
    roads = _Polars(pl, options.folder, year, times)
    started = time.perf_counter()
    money = roads.settle(every)
    return {"seconds": time.perf_counter() - started, "money": money, "version": pl.__version__}


class _Polars:
    """The combo model in Polars."""

    def __init__(self, pl: Any, folder: Path, year: int, times: Times) -> None:
        self.pl, self.folder, self.year, self.times = pl, folder, year, times

    def scan(self, dataset: str, names: list[str] | None = None) -> Any:
        pl = self.pl
        frame = pl.concat(
            [pl.scan_parquet(path).select(COLUMNS[dataset]) for path in files(self.folder, dataset, self.year)]
        )
        return frame if names is None else frame.filter(pl.col(_NAMES[dataset]).is_in(names))

    def _counted(self, frame: Any) -> Any:
        pl = self.pl
        midnight = pl.col("DeliveryDate").replace_strict(self.times.midnight, default=None, return_dtype=pl.Int64)
        at = midnight + 3600 * (pl.col("HourEnding").cast(pl.Int64) - 1)
        hour = (at - self.times.start) // 3600
        return frame.with_columns(hour=hour).filter((pl.col("hour") >= 0) & (pl.col("hour") < self.times.hours))

    def _utc(self, wall: Any, flag: str) -> Any:
        pl = self.pl
        which = pl.when(pl.col(flag) == "Y").then(pl.lit("latest")).otherwise(pl.lit("earliest"))
        return wall.dt.replace_time_zone(CENTRAL, ambiguous=which).dt.epoch("s")

    def _shown(self, within: Any) -> Any:
        pl = self.pl
        wall = pl.col("DeliveryDate").str.to_datetime("%m/%d/%Y", time_unit="ms") + pl.duration(seconds=within)
        return self._utc(wall, "DSTFlag") - self.times.start

    def _stamp(self) -> Any:
        pl = self.pl
        return self._utc(
            pl.col("SCEDTimeStamp").str.to_datetime("%m/%d/%Y %H:%M:%S", time_unit="ms"), "RepeatedHourFlag"
        )

    def _energy(self, dataset: str, names: list[str], telemetry: str, what: str) -> Any:
        pl = self.pl
        stamps = self.scan(dataset).select("SCEDTimeStamp", "RepeatedHourFlag").unique().collect(engine="streaming")
        stamps = stamps.with_columns(at=self._stamp()).sort("at")
        pieces = pl.from_pandas(pieces_of(stamps["at"].to_numpy(), self.times)).lazy()
        runs = stamps.lazy().with_row_index("run").with_columns(pl.col("run").cast(pl.Int64))
        pieces = runs.join(pieces, on="run").select("SCEDTimeStamp", "RepeatedHourFlag", "quarter", "seconds")
        rows = self.scan(dataset, names).join(pieces, on=["SCEDTimeStamp", "RepeatedHourFlag"])
        sums = []
        for column in (telemetry, "BasePoint"):
            known = pl.when(pl.col(column).is_not_null()).then(pl.col("seconds"))
            sums += [
                (pl.col(column).clip(lower_bound=0.0) * pl.col("seconds")).sum().alias(f"{column} sum"),
                known.sum().alias(f"{column} seconds"),
            ]
        grouped = rows.group_by("ResourceName", "quarter").agg(sums)
        means = [
            pl.when(pl.col(f"{c} seconds") >= QUARTER / 2).then(pl.col(f"{c} sum") / pl.col(f"{c} seconds") / 4.0)
            for c in (telemetry, "BasePoint")
        ]
        return grouped.select(pl.col("ResourceName").alias(f"{what} name"), "quarter", pl.coalesce(means).alias(what))

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
            (self._shown(within) // QUARTER).alias("quarter"),
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
    "plan": plans_method,
    "pandas": whole_files,
    "write-csv": write_csv,
    "csv": csv,
    "polars": polars,
}
