"""What one contender does, in a process of its own: `python -m benchmarks.children NAME FOLDER ..` prints what it came to as JSON.

Belongs here: our own roads from rollups to the leaderboard, the floor under them, what Dagster costs.
Does not: other people's roads (other_roads.py), comparing and showing (__main__.py).
"""

import argparse
import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.machine import Answer, peak_memory_mb, timed

THREADS = 2


def main() -> int:
    """Do what the contender does and print what it came to."""
    from benchmarks import other_roads  # noqa: PLC0415  imports nothing heavy at its start

    contenders: dict[str, Callable[[argparse.Namespace], Answer]] = {
        "floor": floor,
        "least": least,
        "ours": ours,
        "empty": empty_assets,
        "refresh": refresh,
        "price-only": price_only,
        "one-day": one_more_day,
        "demo": demo,
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
    parser.add_argument("--memory-limit", help="BESS_MEMORY_LIMIT of ours")
    parser.add_argument(
        "--tables", type=Path, help="write the tables into this folder, where a script does not have to"
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
    # what the steps import at their first use: Arrow asks for pandas, the checks for DuckDB
    import duckdb  # noqa: F401, PLC0415
    import pandas as pd  # noqa: F401, PLC0415

    from bess_assets.run import STEPS, hold_year  # noqa: PLC0415
    from bess_assets.tables import LEADERBOARD_REPORT  # noqa: PLC0415

    settings = _settings(options)
    if options.fresh:
        shutil.rmtree(settings.results, ignore_errors=True)
    read = _record_reading()
    steps = []
    with timed() as answer:
        for year in options.year:
            with hold_year(settings, year) as held:
                for table in STEPS:
                    with timed() as step:
                        entry = held.run_table(table)
                    step |= {"table": table, "rows": entry["rows"], "peak_mb": entry["peak_memory_mb"]}
                    steps.append(step)
                if options.report:
                    held.run_table(LEADERBOARD_REPORT.name)
    return answer | {
        "steps": steps,
        "peak_mb": max(peak_memory_mb(), *(step["peak_mb"] for step in steps)),
        "read": {str(path): columns for path, columns in sorted(read.items())},
    }


def _settings(options: argparse.Namespace) -> Any:
    from bess_assets.settings import load_settings  # noqa: PLC0415

    environment = {"BESS_ROLLUPS": str(options.folder / "rollups"), "BESS_THREADS": str(THREADS)}
    limit = {"BESS_MEMORY_LIMIT": options.memory_limit} if options.memory_limit else {}
    return load_settings(options.home, environment | limit)


def _record_reading() -> dict[str, dict[str, float]]:
    """From now on, which columns of which rollup are decoded, and how many times over."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    read: dict[str, dict[str, float]] = {}
    opened = pq.ParquetFile.__init__

    def init(self: Any, source: Any, *arguments: Any, **more: Any) -> None:
        self.benchmark_path = str(source)
        opened(self, source, *arguments, **more)

    def noting(plain: Callable[..., Any], groups_first: bool) -> Callable[..., Any]:
        def noted(self: Any, *arguments: Any, **more: Any) -> Any:
            groups = arguments[0] if groups_first and arguments else more.get("row_groups", more.get("i"))
            count = 1 if isinstance(groups, int) else self.num_row_groups if groups is None else len(list(groups))
            if "/rollups/" in self.benchmark_path:
                times = read.setdefault(self.benchmark_path, {})
                for column in more.get("columns") or self.schema_arrow.names:
                    times[column] = times.get(column, 0.0) + count / max(self.num_row_groups, 1)
            return plain(self, *arguments, **more)

        return noted

    pq.ParquetFile.__init__ = init
    for name in ("iter_batches", "read", "read_row_group", "read_row_groups"):
        setattr(pq.ParquetFile, name, noting(getattr(pq.ParquetFile, name), name.startswith("read_row")))
    return read


# --- the floor ----------------------------------------------------------------------------------------------------------------------------


def floor(options: argparse.Namespace) -> Answer:
    """An aggregate over each column that ours reads of each file, so that DuckDB must decode all of it and does nothing else."""
    import duckdb  # noqa: PLC0415  its import is no part of its time

    read: dict[str, dict[str, float]] = json.loads(options.columns.read_text(encoding="utf-8"))
    rows = 0
    with duckdb.connect(config={"threads": THREADS}) as connection, timed() as answer:
        for path, columns in read.items():
            kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
            # the minimum of a file stands in its footer; a sum does not
            terms = [_sum_of(column, kinds[column]) for column in columns]
            found = connection.execute(f"SELECT count(*), {', '.join(terms)} FROM '{path}'").fetchone()
            rows += found[0] if found else 0
    return answer | {"rows": rows}


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
    with timed() as decoding:
        for path, columns in read.items():
            texts = [field.name for field in pq.read_schema(path) if pa.types.is_string(field.type)]
            with pq.ParquetFile(path, read_dictionary=texts) as file:
                for _ in file.iter_batches(batch_size=262_144, columns=list(columns)):
                    pass
    total = dict(decoding)
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
                    with timed() as encoding:
                        writer.write_table(rows, row_group_size=max(rows.num_rows, 1))
                    total = {name: seconds + encoding[name] for name, seconds in total.items()}
            copy.unlink()
    return total


def demo(options: argparse.Namespace) -> Answer:
    """`bess demo` in a new home, and the right answer beside it."""
    from bess_assets.demo import Market, demo_settings, write_right_answer  # noqa: PLC0415

    home = options.folder / "demo"
    shutil.rmtree(home, ignore_errors=True)
    command = ["-c", "import sys; from bess_assets.cli import main; sys.exit(main())", "--home", str(home), "demo"]
    with timed() as answer:
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    answer["peak_mb"] = peak_memory_mb()
    said = json.loads((demo_settings(home).rollups / "SIMULATED.json").read_text(encoding="utf-8"))["market"]
    last_day = date.fromisoformat(said["last_day"])
    market = Market(tuple(said["years"]), said["batteries"], said["seed"], said["hazards"], last_day=last_day)
    write_right_answer(home, market)
    return answer | {"years": said["years"], "batteries": said["batteries"]}


# --- Dagster ------------------------------------------------------------------------------------------------------------------------------


def refresh(options: argparse.Namespace) -> Answer:
    """The years through Dagster, as `bess refresh` does it."""
    from bess_assets.refresh import open_instance  # noqa: PLC0415

    with open_instance(_settings(options)):
        pass
    return _refreshed(options)


def _refreshed(options: argparse.Namespace, only: Any = None) -> Answer:
    """The years refreshed: the tables made, the largest memory."""
    from bess_assets.refresh import refresh_years  # noqa: PLC0415
    from bess_assets.store.journal import read_run  # noqa: PLC0415

    settings = _settings(options)
    made: list[str] = []
    with timed() as answer:
        outcomes = list(
            refresh_years(
                settings,
                options.year,
                only=only,
                progress=lambda done: made.append(done.table) if done.rows is not None else None,
            )
        )
    failed = [f"{o.name}: {o.errors}" for o in outcomes if o.state != "refreshed"]
    if failed:
        raise SystemExit("\n".join(failed))
    tables = [entry for year in options.year for entry in read_run(settings.results, year)["tables"].items()]
    peaks = [entry["peak_memory_mb"] for name, entry in tables if name in made]
    return answer | {"made": sorted(set(made)), "peak_mb": max(peak_memory_mb(), *peaks)}


def price_only(options: argparse.Namespace) -> Answer:
    """One price in a hundred thousand corrected, and what has changed refreshed; the file is put back afterwards, and all is made again."""
    (year,) = options.year
    path = options.folder / "rollups" / "DA_prices" / f"{year}.parquet"
    kept = path.with_suffix(".kept")
    path.replace(kept)
    read = _record_reading()
    try:
        _correct_prices(kept, path)
        answer = _refreshed(options, "changed")
    finally:
        kept.replace(path)
    answer["rollups"] = sorted({"/".join(Path(file).parts[-2:]) for file in read})
    _refreshed(options, "changed")
    return answer


def one_more_day(options: argparse.Namespace) -> Answer:
    """What a refresh of changed files takes once each file of the year is rewritten with a day more, beside a refresh of all of it in a new home."""
    from benchmarks.markets import link_rollups  # noqa: PLC0415

    folder, (year,) = options.folder, options.year
    home, options.folder = options.home, folder / "linked"
    link_rollups(folder / "day_before", options.folder)
    options.home = home / "grown"
    shutil.rmtree(home, ignore_errors=True)
    _refreshed(options)
    link_rollups(folder / "day_after", options.folder)
    answer = _refreshed(options, "changed")
    grown = _digests(options.home / "results", year)
    options.home = home / "whole"
    whole = _refreshed(options)
    differing = sorted(
        name for name, digest in _digests(options.home / "results", year).items() if grown[name] != digest
    )
    return answer | {"whole": whole, "differing": differing}


def _digests(results: Path, year: int) -> dict[str, str]:
    """Digest of each table's file, but for those that say when boards were made."""
    from bess_assets.store.fingerprint import whole_digest  # noqa: PLC0415
    from bess_assets.tables import LEADERBOARD_HISTORY, YEARLY  # noqa: PLC0415

    timeless = [name for name in YEARLY if name not in {LEADERBOARD_HISTORY.name, "what_changed"}]
    files = {name: results / name / f"{year}.parquet" for name in timeless}
    return {name: whole_digest(path) for name, path in files.items() if path.is_file()}


def _correct_prices(path: Path, to: Path) -> None:
    """Write a price file with a cent more in some rows."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = pq.read_table(path)
    name = next(field.name for field in rows.schema if pa.types.is_floating(field.type))
    prices = np.array(rows.column(name).to_numpy())
    prices[::100_000] += 0.01
    at = rows.schema.get_field_index(name)
    pq.write_table(
        rows.set_column(at, rows.schema.field(at), pa.array(prices, from_pandas=True)), to, row_group_size=1_000_000
    )


def empty_assets(options: argparse.Namespace) -> Answer:
    """As many assets and checks as a year has, all empty, in one run on an instance of Dagster as it comes."""
    import dagster as dg  # noqa: PLC0415

    from bess_assets.automation.dagster_home import DAGSTER_YAML, HISTORY_YAML  # noqa: PLC0415
    from bess_assets.definitions import build_defs  # noqa: PLC0415

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
    home = _settings(options).home / "dagster_as_it_comes"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(DAGSTER_YAML.removesuffix(HISTORY_YAML), encoding="utf-8")
    with dg.DagsterInstance.from_config(str(home)) as instance, timed() as answer:
        done = job.execute_in_process(partition_key=str(options.year[0]), instance=instance)
    if not done.success:
        raise SystemExit("the empty run failed")
    return answer | {"assets": len(assets), "checks": len(checks)}


if __name__ == "__main__":
    sys.exit(main())
