"""`bess refresh` where another process holds Dagster's history, or its files are damaged: it waits a minute, or says which file and what to do."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bess_assets_tests.crashes.small_year import NEW, OLD, YEAR, look, settings_of
from bess_assets_tests.crashes.test_dagster_kills import bess, finish

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
RUNS, INDEX = "history/runs.db", "history/runs/index.db"
_HOLD = """
import sqlite3, sys, time
holder = sqlite3.connect(sys.argv[1], isolation_level=None)
holder.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


@contextmanager
def held(file: Path, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a SQLite file for so long."""
    command = [sys.executable, "-c", _HOLD, str(file), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


@pytest.fixture
def refreshed(editions: Path, tmp_path: Path) -> Path:
    """A home in which the old edition was refreshed by the command, with Dagster's history of it."""
    finish(bess(editions, tmp_path / "home", OLD, "refresh", str(YEAR)))
    return tmp_path / "home"


def test_a_refresh_waits_45_seconds_for_a_history_that_another_process_holds(editions, expected, refreshed):
    started = time.monotonic()
    with held(refreshed / "dagster" / INDEX, 45) as holder:
        finish(bess(editions, refreshed, NEW, "refresh", str(YEAR)))
        assert holder.wait(timeout=1) == 0
    assert time.monotonic() - started > 45
    assert look(settings_of(editions, refreshed, NEW)).digests.keys() == expected[NEW].keys()


def test_a_history_held_longer_than_a_minute_is_an_error_with_a_remedy_after_which_the_refresh_ends_right(
    editions, expected, refreshed
):
    before = look(settings_of(editions, refreshed, NEW)).digests
    started = time.monotonic()
    with held(refreshed / "dagster" / RUNS, 300):
        with bess(editions, refreshed, NEW, "refresh", str(YEAR)) as process:
            output, _ = process.communicate(timeout=280)
        assert time.monotonic() - started > 60
    said = " ".join(output.split())
    assert process.returncode == 1, output
    assert f"{YEAR} failed: Dagster's history cannot be used: another program holds it (database is locked)." in said
    assert f"file: {refreshed / 'dagster' / 'history'}" in said
    assert "remedy: Try again when that has ended. Results are whole, and stay." in said
    assert look(settings_of(editions, refreshed, NEW)).digests == before
    finish(bess(editions, refreshed, NEW, "refresh", str(YEAR)))
    assert look(settings_of(editions, refreshed, NEW)).digests.keys() == expected[NEW].keys()


@pytest.mark.parametrize(("file", "how"), [(RUNS, "other bytes"), (RUNS, "cut off"), (INDEX, "broken pages")])
def test_a_damaged_history_is_an_error_with_a_remedy_that_mends_it_or_is_not_needed(editions, refreshed, file, how):
    path = refreshed / "dagster" / file
    whole = path.read_bytes()
    for log in path.parent.glob(f"{path.name}-*"):
        log.unlink()
    damaged = {
        "other bytes": b"no database" * 900,
        "broken pages": whole[:100] + b"x" * (len(whole) - 100),
        "cut off": whole[:5_000],
    }
    path.write_bytes(damaged[how])
    with bess(editions, refreshed, NEW, "refresh", str(YEAR)) as process:
        output, _ = process.communicate(timeout=200)
    assert "Traceback" not in output
    if process.returncode:
        assert "Dagster's history cannot be used: it is damaged" in output
        assert "Move the file away, or the whole folder" in output
        path.unlink()
    finish(bess(editions, refreshed, NEW, "refresh", str(YEAR)))
