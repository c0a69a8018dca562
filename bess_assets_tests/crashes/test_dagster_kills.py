"""`bess refresh`, Dagster and all, killed at random moments: the same promises, and its history says what became of each run."""

import os
import random
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bess_assets.store.journal import read_run
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES
from bess_assets_tests.crashes.small_year import NEW, OLD, YEAR, look, settings_of, unfinished, wrong

KILLS = 18
KILLS_A_ROUND = 6
OVER = ("SUCCESS", "FAILURE", "CANCELED")


def bess(folder: Path, home: Path, edition: str, *arguments: str) -> subprocess.Popen[str]:
    """The command as users run it, on the rollups of an edition."""
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(home), *arguments]
    environment = {**os.environ, "BESS_ROLLUPS": str(folder / edition)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    output, _ = process.communicate(timeout=200)
    assert process.returncode == 0, output


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_refresh_killed_anywhere_is_finished_by_the_next_with_dagster_too(expected, editions, tmp_path):
    random_moments = random.Random(7)
    home = tmp_path / "home"
    finish(bess(editions, home, OLD, "refresh", str(YEAR)))
    started = time.monotonic()
    finish(bess(editions, home, OLD, "refresh", str(YEAR)))
    whole = time.monotonic() - started
    now, target = OLD, NEW
    killed = left_to_make = 0
    while killed < KILLS:
        settings = settings_of(editions, home, target)
        for _ in range(KILLS_A_ROUND):
            before = look(settings)
            # Over the whole run, the loading of Dagster left out: there is nothing to break yet.
            moment = random_moments.uniform(0.3 * whole, whole)
            with bess(editions, home, target, "refresh", str(YEAR)) as process:
                try:
                    process.communicate(timeout=moment)
                except subprocess.TimeoutExpired:
                    process.kill()
                    killed += 1
            after = look(settings)
            assert wrong(before, after, expected[target]) == []
            left_to_make += bool(read_run(settings.results, YEAR)["unfinished"])
        for only in ("failed", "changed"):
            finish(bess(editions, home, target, "refresh", str(YEAR), "--only", only))
        assert unfinished(settings, look(settings), expected[target]) == []
        with sqlite3.connect(f"file:{home}/dagster/history/runs.db?mode=ro", uri=True) as runs:
            assert {status for (status,) in runs.execute("SELECT DISTINCT status FROM runs")} <= set(OVER)
        for table in TABLES.values():
            if table.merged:
                pq.read_table(result_path(settings.results, table.name, None))
        now, target = target, now
    print(f"{killed} kills over {whole:.1f} s of bess refresh, {left_to_make} of them with tables left to make")
    assert left_to_make > KILLS / 3
