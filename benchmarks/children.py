"""What one contender does, in a process of its own: `python -m benchmarks.children NAME FOLDER ..` prints what it came to as JSON.

Belongs here: our own roads from rollups to the leaderboard, the floor under them, what Dagster costs.
Does not: other people's roads (other_roads.py), comparing and showing (__main__.py).
"""

import argparse
import json
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

THREADS = 2
AFTER_EXTRACTS = "dam_awards_daily"
"""The first step that reads no rollup of many rows."""

Answer = dict[str, Any]


def peak_memory_mb() -> int:
    """Largest memory that this process, or a child of it, has had."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
    return most // (2**20 if sys.platform == "darwin" else 1024)


def main() -> int:
    """Do what the contender does and print what it came to."""
    from benchmarks import other_roads  # noqa: PLC0415  imports nothing heavy at its start

    contenders: dict[str, Callable[[argparse.Namespace], Answer]] = {
        "floor": floor,
        "least": least,
        "ours": ours,
        "imports": imports,
        "empty": empty_assets,
        "refresh": refresh,
        "price-only": price_only,
        **other_roads.CONTENDERS,
    }
    parser = argparse.ArgumentParser(prog="python -m benchmarks.children", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=list(contenders))
    parser.add_argument("folder", type=Path, help="a simulated market")
    parser.add_argument("--home", type=Path, help="where results go")
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="begin without the results of an earlier round, from which some things are known",
    )
    parser.add_argument("--report", action="store_true", help="make the page and the workbook too, as a refresh does")
    parser.add_argument(
        "--quick-history", action="store_true", help="empty assets with the run history written as ours does"
    )
    parser.add_argument("--year", type=int, action="append", default=[])
    parser.add_argument("--columns", type=Path, help="what ours reads, as JSON")
    parser.add_argument("--sample", type=int, default=4, help="batteries that are read one by one")
    parser.add_argument("--days", type=int, default=31, help="days of CSV")
    options = parser.parse_args()
    answer = contenders[options.name](options)
    answer.setdefault("peak_mb", peak_memory_mb())
    print(json.dumps(answer))
    return 0


# --- ours ---------------------------------------------------------------------------------------------------------------------------------


def ours(options: argparse.Namespace) -> Answer:
    """Every table of the years, written, by the steps in the assets' order."""
    started = time.perf_counter()
    # what the steps import at their first use: Arrow asks for pandas, the checks for DuckDB
    import duckdb  # noqa: F401, PLC0415
    import pandas as pd  # noqa: F401, PLC0415

    from bess_assets.run import STEPS, run_table  # noqa: PLC0415  its import is a figure of its own

    imported = time.perf_counter() - started
    settings = _settings(options)
    if options.fresh:
        shutil.rmtree(settings.results, ignore_errors=True)
    read = _record_reading()
    steps = []
    begin = time.perf_counter()
    for year in options.year:
        for table in STEPS:
            used = time.process_time()
            entry = run_table(settings, year, table)
            steps.append(
                {
                    "year": year,
                    "table": table,
                    "rows": entry["rows"],
                    "seconds": entry["seconds"],
                    "cpu_seconds": time.process_time() - used,
                    "peak_mb": entry["peak_memory_mb"],
                }
            )
        if options.report:
            _make_report(settings, year)
    seconds = time.perf_counter() - begin
    last = list(STEPS).index(AFTER_EXTRACTS)
    return {
        "seconds": seconds,
        "import_seconds": imported,
        "after_extracts_seconds": sum(s["seconds"] for s in steps if list(STEPS).index(s["table"]) >= last),
        "steps": steps,
        "read": {str(path): columns for path, columns in sorted(read.items())},
        "result_bytes": _sizes(settings.results),
    }


def _make_report(settings: Any, year: int) -> None:
    from bess_assets.run import run_table  # noqa: PLC0415
    from bess_assets.tables import LEADERBOARD_REPORT  # noqa: PLC0415

    run_table(settings, year, LEADERBOARD_REPORT.name)


def _settings(options: argparse.Namespace) -> Any:
    from bess_assets.settings import load_settings  # noqa: PLC0415

    environment = {"BESS_ROLLUPS": str(options.folder / "rollups"), "BESS_THREADS": str(THREADS)}
    return load_settings(options.home, environment)


def _record_reading() -> dict[str, dict[str, float]]:
    """From now on, which columns of which Parquet file are read, and how many times over."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    read: dict[str, dict[str, float]] = {}
    plain = pq.ParquetFile.iter_batches
    opened = pq.ParquetFile.__init__

    def init(self: Any, source: Any, *arguments: Any, **more: Any) -> None:
        self.benchmark_path = str(source)
        opened(self, source, *arguments, **more)

    def iter_batches(self: Any, *arguments: Any, **more: Any) -> Any:
        groups = more.get("row_groups")
        share = 1.0 if groups is None else len(list(groups)) / max(self.num_row_groups, 1)
        times = read.setdefault(self.benchmark_path, {})
        for column in more.get("columns") or self.schema_arrow.names:
            times[column] = times.get(column, 0.0) + share
        return plain(self, *arguments, **more)

    pq.ParquetFile.__init__ = init
    pq.ParquetFile.iter_batches = iter_batches
    return read


def _sizes(results: Path) -> dict[str, int]:
    return {
        folder.name: sum(f.stat().st_size for f in folder.glob("*.parquet"))
        for folder in sorted(results.iterdir())
        if folder.is_dir()
    }


# --- the floor ----------------------------------------------------------------------------------------------------------------------------


def floor(options: argparse.Namespace) -> Answer:
    """An aggregate over each column that ours reads of each file, so that DuckDB must decode all of it and does nothing else."""
    import duckdb  # noqa: PLC0415  its import is no part of its time

    read: dict[str, dict[str, float]] = json.loads(options.columns.read_text(encoding="utf-8"))
    rows = 0
    files = []
    with duckdb.connect(config={"threads": THREADS}) as connection:
        started, used = time.perf_counter(), time.process_time()
        for path, columns in read.items():
            kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
            # the minimum of a file stands in its footer; a sum does not
            terms = [_sum_of(column, kinds[column]) for column in columns]
            at = time.perf_counter()
            found = connection.execute(f"SELECT count(*), {', '.join(terms)} FROM '{path}'").fetchone()
            rows += found[0] if found else 0
            files.append({"file": path, "seconds": time.perf_counter() - at})
        seconds, used = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "cpu_seconds": used, "rows": rows, "files": files}


def _sum_of(column: str, kind: str) -> str:
    if kind == "VARCHAR":
        return f'sum(strlen("{column}"))'
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f'sum(epoch_us("{column}"))'
    return f'sum("{column}")'


def least(options: argparse.Namespace) -> Answer:
    """What no program that reads those columns and writes these tables with Arrow can spare: each column decoded once, each table encoded once."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from bess_assets.store.files import parquet_writer  # noqa: PLC0415
    from bess_assets.tables import TABLES  # noqa: PLC0415

    pa.set_cpu_count(THREADS)
    read: dict[str, dict[str, float]] = json.loads(options.columns.read_text(encoding="utf-8"))
    started, used = time.perf_counter(), time.process_time()
    for path, columns in read.items():
        texts = [field.name for field in pq.read_schema(path) if pa.types.is_string(field.type)]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for _ in file.iter_batches(batch_size=262_144, columns=list(columns)):
                pass
    decoding, decoding_used = time.perf_counter() - started, time.process_time() - used
    encoding = encoding_used = 0.0
    results = _settings(options).results
    for name, table in TABLES.items():
        texts = [column.name for column in table.columns if column.kind in {"text", "label"}] if table.ledger else []
        for year in options.year:
            path = results / name / f"{year}.parquet"
            if not path.exists():
                continue
            copy = path.with_suffix(".copy")
            with pq.ParquetFile(path, read_dictionary=texts) as file, parquet_writer(table, copy) as writer:
                schema = writer.schema
                for group in range(file.num_row_groups):
                    rows = file.read_row_group(group).cast(schema)
                    started, used = time.perf_counter(), time.process_time()
                    writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
                    encoding, encoding_used = (
                        encoding + time.perf_counter() - started,
                        encoding_used + time.process_time() - used,
                    )
            copy.unlink()
    return {
        "seconds": decoding + encoding,
        "cpu_seconds": decoding_used + encoding_used,
        "decoding_seconds": decoding,
        "encoding_seconds": encoding,
    }


# --- Dagster ------------------------------------------------------------------------------------------------------------------------------


def imports(options: argparse.Namespace) -> Answer:
    """What it takes to load Dagster and our definitions, and to open the home's instance."""
    started = time.perf_counter()
    import bess_assets.definitions  # noqa: F401, PLC0415  loading it is what is measured

    imported = time.perf_counter() - started
    from bess_assets.refresh import open_instance  # noqa: PLC0415

    started = time.perf_counter()
    with open_instance(_settings(options)):
        pass
    return {"seconds": imported, "instance_seconds": time.perf_counter() - started}


def refresh(options: argparse.Namespace) -> Answer:
    """The years through Dagster, as `bess refresh` does it."""
    from bess_assets.refresh import open_instance, refresh_years  # noqa: PLC0415
    from bess_assets.store.journal import read_run  # noqa: PLC0415

    settings = _settings(options)
    with open_instance(settings):
        pass
    started = time.perf_counter()
    outcomes = list(refresh_years(settings, options.year))
    seconds = time.perf_counter() - started
    failed = [f"{o.name}: {o.errors}" for o in outcomes if o.state != "refreshed"]
    if failed:
        raise SystemExit("\n".join(failed))
    tables = [entry for year in options.year for entry in read_run(settings.results, year)["tables"].values()]
    return {"seconds": seconds, "steps_seconds": sum(entry["seconds"] for entry in tables)}


def price_only(options: argparse.Namespace) -> Answer:
    """One price in a hundred thousand corrected, and what has changed refreshed; the file is put back afterwards, and all is made again."""
    from bess_assets.refresh import refresh_years  # noqa: PLC0415

    settings, (year,) = _settings(options), options.year
    path = options.folder / "rollups" / "DA_prices" / f"{year}.parquet"
    kept = path.with_suffix(".kept")
    shutil.copy2(path, kept)
    read = _record_reading()
    made: list[str] = []
    try:
        _correct_prices(path)
        started = time.perf_counter()
        outcomes = list(
            refresh_years(
                settings,
                [year],
                only="changed",
                progress=lambda done: made.append(done.table) if done.rows is not None else None,
            )
        )
        seconds = time.perf_counter() - started
    finally:
        kept.replace(path)
    list(refresh_years(settings, [year], only="changed"))
    failed = [f"{o.name}: {o.errors}" for o in outcomes if o.state != "refreshed"]
    if failed:
        raise SystemExit("\n".join(failed))
    rollups = sorted({"/".join(Path(file).parts[-2:]) for file in read if "/rollups/" in file})
    return {"seconds": seconds, "made": sorted(set(made)), "rollups": rollups}


def _correct_prices(path: Path) -> None:
    """Write a price file anew, with a cent more in some rows."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = pq.read_table(path)
    name = next(field.name for field in rows.schema if pa.types.is_floating(field.type))
    prices = np.array(rows.column(name).to_numpy())
    prices[::100_000] += 0.01
    at = rows.schema.get_field_index(name)
    pq.write_table(
        rows.set_column(at, rows.schema.field(at), pa.array(prices, from_pandas=True)), path, row_group_size=1_000_000
    )


def empty_assets(options: argparse.Namespace) -> Answer:
    """As many assets and checks as a year has, all empty, in one run on an instance that exists: as Dagster comes, or with its history written quickly."""
    import dagster as dg  # noqa: PLC0415

    from bess_assets.automation.dagster_home import DAGSTER_YAML, HISTORY_YAML  # noqa: PLC0415
    from bess_assets.definitions import build_defs  # noqa: PLC0415
    from bess_assets.refresh import open_instance  # noqa: PLC0415

    graph = build_defs(_settings(options)).resolve_asset_graph()
    materializable = graph.materializable_asset_keys
    checks = [key for key in graph.asset_check_keys if key.asset_key in materializable]
    per_asset = -(-len(checks) // len(materializable))
    # partitioned checks are a preview feature of Dagster, and it says so at each
    warnings.filterwarnings("ignore", message=".* is currently in preview")
    years = dg.TimeWindowPartitionsDefinition(start="2019", fmt="%Y", cron_schedule="0 0 1 1 *", end_offset=1)

    def made(number: int, count: int) -> dg.AssetsDefinition:
        name = f"empty_{number}"
        specs = [dg.AssetCheckSpec(f"check_{n}", asset=name, partitions_def=years) for n in range(count)]

        @dg.asset(name=name, partitions_def=years, check_specs=specs)
        def empty():  # type: ignore[no-untyped-def]  # noqa: ANN202  Dagster takes an annotation for that of several outputs
            results = [dg.AssetCheckResult(check_name=spec.name, passed=True) for spec in specs]
            return dg.MaterializeResult(metadata={"rows": 0}, check_results=results)

        return empty

    left = len(checks)
    assets = []
    for number in range(len(materializable)):
        count = min(per_asset, left)
        left -= count
        assets.append(made(number, count))
    job = dg.Definitions(
        assets=assets, jobs=[dg.define_asset_job("empty_year")], executor=dg.in_process_executor
    ).resolve_job_def("empty_year")
    opened: AbstractContextManager[dg.DagsterInstance]
    if options.quick_history:
        opened = open_instance(_settings(options))
    else:
        plain = _settings(options).home / "dagster_as_it_comes"
        plain.mkdir(exist_ok=True)
        (plain / "dagster.yaml").write_text(DAGSTER_YAML.removesuffix(HISTORY_YAML), encoding="utf-8")
        opened = dg.DagsterInstance.from_config(str(plain))
    with opened as instance:
        started = time.perf_counter()
        done = job.execute_in_process(partition_key=str(options.year[0]), instance=instance)
        seconds = time.perf_counter() - started
    if not done.success:
        raise SystemExit("the empty run failed")
    return {"seconds": seconds, "assets": len(assets), "checks": len(checks)}


if __name__ == "__main__":
    sys.exit(main())
