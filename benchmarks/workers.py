"""The same eight years with one worker and with two on this machine: `python -m benchmarks.workers --folder DIR`.

Each time all is started as deploy/compose.yaml has it, without containers: Postgres, Redis, SeaweedFS, `bess ui` and workers of one thread each. A backfill
asks for the years; the seconds are those from the first run's start to the last one's end, and processor seconds are counted by part. It needs what the
tests of several machines need: the extras cluster, s3, test and test-servers, and the packages postgresql and redis-server.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.machine import described
from bess_assets.simulator import simulate
from bess_assets_tests.cluster.desk import WORKERS, Desk
from bess_assets_tests.postgres_server import postgres
from bess_assets_tests.store.conftest import ObjectStore, started_store
from bess_assets_tests.ui_process import processes_of

YEARS = tuple(range(2019, 2027))
_LONGEST_SECONDS = 3_600.0


def main() -> int:
    """Measure in turn; print a line each time, and the ratio of the medians."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="keep the market here, and use it again")
    parser.add_argument("--batteries", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="two years, of the last one a month: to see that it runs")
    options = parser.parse_args()
    years = YEARS[-2:] if options.quick else YEARS
    name = f"workers_{options.batteries}{'_quick' if options.quick else ''}"
    market = options.folder.resolve() / name
    if not (market / "rollups").exists():
        last_day = date(years[-1], 1, 31) if options.quick else None
        simulate(market, years, options.batteries, 1, "harmless", last_day=last_day)
    print(", ".join(f"{key} {value}" for key, value in described().items()))
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for workers, of_rounds in seconds.items():
            of_rounds.append(measured(market, years, workers))
    one, two = (statistics.median(of_rounds) for of_rounds in seconds.values())
    print(f"one worker to two: {one:.0f} to {two:.0f} s, {one / two:.2f} times as quick")
    return 0


def measured(market: Path, years: tuple[int, ...], workers: int) -> float:
    """Seconds of all years with so many workers; a line says what they went to."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, postgres() as address:
        store_folder = Path(scratch) / "store"
        store_folder.mkdir()
        with started_store(store_folder) as store:
            store.put_folder("desk/rollups", market / "rollups")
            desk = Desk(Path(scratch) / "desk", address, store, "desk")
            dagster_yaml = desk.dagster_home / "dagster.yaml"
            text = dagster_yaml.read_text(encoding="utf-8")
            limit = "max_concurrent_runs: {}"
            dagster_yaml.write_text(text.replace(limit.format(3), limit.format(workers)), encoding="utf-8")
            try:
                desk.start_broker()
                desk.start_ui()
                for name in WORKERS[:workers]:
                    desk.start_worker(name)
                return _of_desk(desk, store, years)
            finally:
                desk.end()


def _of_desk(desk: Desk, store: ObjectStore, years: tuple[int, ...]) -> float:
    before = _by_part(desk, store)
    command = ["-m", "dagster", "job", "backfill", "-j", "refresh_year", "--noprompt"]
    command += ["--partitions", ",".join(map(str, years)), "-w", str(desk.dagster_home / "workspace.yaml")]
    subprocess.run([sys.executable, *command], env=desk.environment("desk"), check=True, capture_output=True)

    def ended() -> list[tuple[float, float]]:
        runs = [run for run in desk.runs() if "dagster/backfill" in run["tags"]]
        wrong = [run["year"] for run in runs if run["status"] in {"FAILURE", "CANCELED"}]
        if wrong:
            raise SystemExit(f"the runs of {wrong} failed")
        over = len(runs) == len(years) and all(run["status"] == "SUCCESS" for run in runs)
        return [(run["startTime"], run["endTime"]) for run in runs] if over else []

    runs = desk.until("the end of all years", ended, _LONGEST_SECONDS)
    whole = float(max(end for _, end in runs) - min(start for start, _ in runs))
    at_work = sum(end - start for start, end in runs)
    workers = sum(name in desk.processes for name in WORKERS)
    used = {part: after - before[part] for part, after in _by_part(desk, store).items()}
    parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in used.items())
    print(
        f"{workers} worker{'s'[: workers - 1]}: {whole:.0f} s, {whole / len(years):.1f} s a year; a year's run {at_work / len(years):.1f} s; "
        f"workers idle {1 - at_work / workers / whole:.0%}; processor seconds: {parts}",
        flush=True,
    )
    return whole


def _by_part(desk: Desk, store: ObjectStore) -> dict[str, float]:
    """Processor seconds so far by part of the desk, those of ended processes too."""
    postgres_of = [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/comm") if _text(path) == "postgres\n"]
    return {
        "workers": sum(_seconds(process) for name in WORKERS for process in processes_of(desk.home(name))),
        "pages and daemon": sum(map(_seconds, processes_of(desk.home("ui")))),
        "Redis": sum(map(_seconds, processes_of(desk.home("redis")))),
        "Postgres": sum(map(_seconds, postgres_of)),
        "the store": _seconds(store.process.pid),
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _seconds(process: int) -> float:
    """Processor seconds of a process and of its children that have ended."""
    fields = _text(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


if __name__ == "__main__":
    sys.exit(main())
