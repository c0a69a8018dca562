"""What rolling up costs: `python -m benchmarks.rollup`.

Belongs here: a simulated year of reports, rolled up, beside DuckDB reading the same CSV into memory; what each takes on disk.
Does not: right answers (the tests), settling years.

Both read the same plain CSV files, unzipped before the clock starts, each in a process of its own, in turn. DuckDB makes one table of each dataset's
files in memory, by `read_csv` with all its columns typed as it finds them (`union_by_name`, since headings differ between eras); where it finds
two files of a dataset at odds, as text. Ours reads, types, times, sorts, drops what is superseded, writes zstd Parquet and reads it back.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bess_assets.ercot.reports import open_reports, recognise, report_files
from bess_assets.simulator import simulate
from bess_assets.store.roll_up import roll_up

LEAST_SPEED = 0.5
"""Rolling up is to run at no less than this share of DuckDB's speed."""
LEAST_SAVING = 0.9
"""Rollups are to be smaller than their CSV by at least this share."""


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rollup", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep the simulated reports in this folder, and use them again")
    parser.add_argument("--year", type=int, default=2024)
    parser.add_argument("--batteries", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=["duckdb", "ours"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return _one(options.one, options.folder)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        plain = folder / "plain"
        if not plain.exists():
            simulate(folder, [options.year], options.batteries, form="reports")
            unpack(folder / "reports", plain)
        return 0 if _measure(folder, options.rounds) else 1


def unpack(reports: Path, plain: Path) -> None:
    """Every report as a plain CSV file, a folder for each dataset."""
    for path in report_files(reports):
        for report, open_bytes in open_reports(path):
            with open_bytes() as file:
                content = file.read()
            heading = recognise(report.name, content[:65_536])
            if heading.dataset is None:
                raise SystemExit(f"{report.name}: {heading.why_not}")
            target = plain / heading.dataset.name / f"{report.published_ms}_{report.name}"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)


def _measure(folder: Path, rounds: int) -> bool:
    csv_bytes = sum(path.stat().st_size for path in (folder / "plain").glob("*/*.csv"))
    files = sum(1 for _ in (folder / "plain").glob("*/*.csv"))
    print(f"{files:,} CSV files, {csv_bytes / 1e6:,.0f} MB; Python {sys.version.split()[0]}\n")
    seconds: dict[str, list[float]] = {"duckdb": [], "ours": []}
    memory: dict[str, int] = {}
    said: dict[str, str] = {}
    for _ in range(rounds):
        for name, times in seconds.items():
            command = [sys.executable, "-m", "benchmarks.rollup", "--one", name, "--folder", str(folder)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\t")
            times.append(float(answer[0]))
            memory[name] = max(memory.get(name, 0), int(answer[1]))
            said[name] = answer[2].strip()
    median = {name: statistics.median(times) for name, times in seconds.items()}
    for name, label in (("duckdb", "DuckDB, CSV into memory"), ("ours", "rolled up to Parquet")):
        spread = f"{min(seconds[name]):.1f} to {max(seconds[name]):.1f}"
        speed = csv_bytes / 1e6 / median[name]
        print(
            f"{label:<26}{median[name]:>7.1f} s  ({spread})  {speed:>6.0f} MB/s  peak {memory[name]:,} MB  {said[name]}"
        )
    ratio = median["duckdb"] / median["ours"]
    print(f"\nspeed of rolling up against DuckDB reading: {ratio:.2f} (at least {LEAST_SPEED})")
    parquet = sum(path.stat().st_size for path in (folder / "built").glob("*/*.parquet"))
    zipped = sum(path.stat().st_size for path in report_files(folder / "reports"))
    saving = 1 - parquet / csv_bytes
    print(f"on disk: CSV {csv_bytes / 1e6:,.0f} MB, as shipped {zipped / 1e6:,.0f} MB, rollups {parquet / 1e6:,.1f} MB")
    print(f"rollups are smaller than CSV by {saving:.1%} (at least {LEAST_SAVING:.0%})")
    return ratio >= LEAST_SPEED and saving >= LEAST_SAVING


def _one(name: str, folder: Path) -> int:
    import resource  # noqa: PLC0415  not on every platform

    started = time.perf_counter()
    words = _duckdb(folder) if name == "duckdb" else _ours(folder)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 1024)
    print(f"{seconds:.3f}\t{peak}\t{words}")
    return 0


def _duckdb(folder: Path) -> str:
    import duckdb  # noqa: PLC0415  its import is part of neither time

    rows = 0
    as_text = []
    with duckdb.connect(config={"threads": 2}) as connection:
        for dataset in sorted((folder / "plain").iterdir()):
            source = f"'{dataset}/*.csv', union_by_name = true"
            try:
                connection.execute(f"CREATE TABLE {dataset.name} AS SELECT * FROM read_csv({source})")
            except duckdb.Error:
                as_text.append(dataset.name)
                connection.execute(
                    f"CREATE TABLE {dataset.name} AS SELECT * FROM read_csv({source}, all_varchar = true)"
                )
            counted = connection.execute(f"SELECT count(*) FROM {dataset.name}").fetchone()
            rows += counted[0] if counted else 0
    return f"{rows:,} rows" + (f"; as text: {', '.join(as_text)}" if as_text else "")


def _ours(folder: Path) -> str:
    import shutil  # noqa: PLC0415

    shutil.rmtree(folder / "built", ignore_errors=True)
    done = roll_up(folder / "plain", folder / "built")
    read, kept = (sum(built.manifest["rows"][key] for built in done.built) for key in ("read", "kept"))
    return f"{read:,} rows, {kept:,} kept"


if __name__ == "__main__":
    sys.exit(main())
