"""The limits of the settings: they reach what they bound, change no figure, and a year that does not fit is told before it is begun."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

import click.testing
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.cli import main
from bess_assets.errors import RoomError
from bess_assets.run import STEPS, hold_year, run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.store import capacity as room
from bess_assets.store.capacity import lacking_room, needed_room
from bess_assets.store.journal import table_entry
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES, YEARLY
from bess_assets_tests.crashes.small_year import OLD, YEAR, make_editions
from bess_assets_tests.made_home import record_table
from bess_assets_tests.worlds import KEYS, differences, some

REAL_SIZE = "TEST_REAL_SIZE"
"""Names a folder that `bess simulate FOLDER --scale ercot` wrote."""


@pytest.fixture(scope="module")
def rollups(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The rollups of a few days of a small year."""
    folder = tmp_path_factory.mktemp("limits")
    make_editions(folder)
    yield folder / OLD
    shutil.rmtree(folder)


def settings_with(home: Path, rollups: Path, **limits: str) -> Settings:
    return load_settings(home, {"BESS_ROLLUPS": str(rollups), **limits})


# --- memory and threads ------------------------------------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_the_memory_limit_bounds_the_blocks_that_a_year_is_worked_in_and_changes_no_byte(rollups, tmp_path):
    made = {}
    for limit in ("1GB", "20KB"):
        settings = settings_with(tmp_path / limit, rollups, BESS_MEMORY_LIMIT=limit)
        for table in STEPS:
            run_table(settings, YEAR, table)
        with hold_year(settings, YEAR) as held:
            assert held.inputs_of(TABLES["bess_dispatch"]).block_bytes == settings.memory_limit_bytes // 4
        timeless = [table for table in STEPS if table not in {"leaderboard_history", "what_changed"}]
        made[limit] = {table: result_path(settings.results, table, YEAR).read_bytes() for table in timeless}
    assert [table for table, content in made["1GB"].items() if made["20KB"][table] != content] == []


def test_the_thread_limit_holds_for_arrow_too_and_changes_no_byte(rollups, tmp_path):
    before = pa.cpu_count()
    contents = []
    for threads in (1, 3):
        settings = settings_with(tmp_path / str(threads), rollups, BESS_THREADS=str(threads))
        for table in ("rollup_schemas", "bess_registry", "bess_awards"):
            run_table(settings, YEAR, table)
        assert pa.cpu_count() == threads
        contents.append(result_path(settings.results, "bess_awards", YEAR).read_bytes())
    pa.set_cpu_count(before)
    assert contents[0] == contents[1]


# --- a year that does not fit ------------------------------------------------------------------------------------------------------------------
def many_rows(rollups: Path, folder: Path, rows: int) -> Path:
    """The rollups, with a day-ahead file of so many rows: what the footer of a market of many batteries says."""
    shutil.copytree(rollups, folder)
    path = folder / "DAM_Gen_Resources" / f"{YEAR}.parquet"
    pq.write_table(pa.table({"operating_day": pa.nulls(rows, pa.date32())}), path)
    return folder


def check_room(settings: Settings, tables: Collection[str] = tuple(YEARLY)) -> None:
    for lack in lacking_room(settings, YEAR, tables):
        raise lack


def test_a_year_that_does_not_fit_into_memory_is_refused_before_anything_is_written(rollups, tmp_path):
    crowded = many_rows(rollups, tmp_path / "crowded", 24_000_000)
    settings = settings_with(tmp_path / "home", crowded)
    said = rf"{YEAR} would not fit into memory: about 685 batteries take at least 1,6\d\d MB"
    with pytest.raises(RoomError, match=said) as caught:
        check_room(settings)
    assert "Set BESS_MEMORY_LIMIT=1" in str(caught.value)
    assert not settings.results.exists()
    check_room(replace(settings, memory_limit_bytes=2 * 10**9))
    # Tables that read no rollups take no more than the libraries.
    check_room(settings, ["leaderboard_monthly"])


def test_a_year_that_needs_more_than_the_machine_has_is_refused_whatever_the_limit(rollups, tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text("200000000\n", encoding="ascii")
    monkeypatch.setattr(room, "_CGROUP", tmp_path)
    with pytest.raises(RoomError, match="200 MB of this machine are free"):
        check_room(settings_with(tmp_path / "home", rollups))
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    check_room(settings_with(tmp_path / "home", rollups))


def test_a_limit_that_lets_a_year_take_more_than_is_free_is_refused_with_a_smaller_one(rollups, tmp_path, monkeypatch):
    crowded = many_rows(rollups, tmp_path / "crowded", 12_000_000)  # 342 batteries
    (tmp_path / "memory.max").write_text("1200000000\n", encoding="ascii")
    monkeypatch.setattr(room, "_CGROUP", tmp_path)
    settings = replace(settings_with(tmp_path / "home", crowded), memory_limit_bytes=10**9)
    with pytest.raises(RoomError, match=r"342 batteries take up to 1,4\d\d MB, and 1,200 MB of this machine") as caught:
        check_room(settings)
    assert "Set BESS_MEMORY_LIMIT=700MB" in str(caught.value)
    check_room(replace(settings, memory_limit_bytes=700 * 10**6))
    # where no smaller limit would help, what a small year takes at the least decides
    small = settings_with(tmp_path / "small_home", many_rows(rollups, tmp_path / "small", 1_000_000))
    needed = needed_room(small, YEAR, list(YEARLY))
    (tmp_path / "memory.max").write_text(f"{needed.memory_bytes}\n", encoding="ascii")
    assert needed.unbounded_bytes > needed.memory_bytes
    check_room(small)
    (tmp_path / "memory.max").write_text("1200000000\n", encoding="ascii")
    check_room(settings_with(tmp_path / "home", rollups))


def test_a_disk_without_room_for_the_results_is_named_with_what_they_take(rollups, tmp_path, monkeypatch):
    settings = settings_with(tmp_path / "home", rollups)
    needed = needed_room(settings, YEAR, list(YEARLY)).disk_bytes
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed - 1))
    with pytest.raises(RoomError, match=rf"{YEAR} would not fit on the disk") as caught:
        check_room(settings)
    assert caught.value.file == str(settings.results)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=needed))
    check_room(settings)


def test_what_a_year_takes_on_the_disk_is_learned_from_what_it_or_another_year_took(rollups, tmp_path):
    settings = settings_with(tmp_path / "home", rollups)

    def lies(year: int, size: int) -> None:
        path = result_path(settings.results, "energy_revenue", year)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        entry = table_entry(status="ok", seconds=0, peak_memory_mb=0, inputs={})
        record_table(settings.results, year, "energy_revenue", entry)

    def takes() -> int:
        return needed_room(settings, YEAR, ["energy_revenue"]).disk_bytes - room._BESIDE_THE_TABLES_BYTES

    assert takes() == 0  # a market without a battery that anybody knows of
    lies(YEAR - 1, 5_000)
    assert takes() == 5_000
    lies(YEAR, 4_000)
    assert takes() == 4_000  # once more, beside the old one


def test_the_command_says_that_a_year_does_not_fit_and_a_dry_run_warns_of_it(rollups, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "restored at the end")
    monkeypatch.setenv("BESS_ROLLUPS", str(many_rows(rollups, tmp_path / "crowded", 24_000_000)))
    home = tmp_path / "home"
    result = click.testing.CliRunner().invoke(main, ["--home", str(home), "refresh", str(YEAR), "--dry-run"])
    assert result.exit_code == 0
    assert f"warning: {YEAR} would not fit into memory" in result.stderr
    result = click.testing.CliRunner().invoke(main, ["--home", str(home), "refresh", str(YEAR)])
    assert result.exit_code == 1
    assert f"{YEAR} failed: {YEAR} would not fit into memory: about 685 batteries" in result.stdout
    assert "remedy: Set BESS_MEMORY_LIMIT=" in result.stdout
    assert not list((home / "results").glob("*/*.parquet"))


# --- real size ----------------------------------------------------------------------------------------------------------------------------------
AT_REAL_SIZE = """
import json, sys
from bess_assets.run import STEPS, hold_year, run_table
from bess_assets.settings import load_settings
settings, year = load_settings(sys.argv[1]), int(sys.argv[2])
with hold_year(settings, year) as held:
    held.begin(list(STEPS))
print(json.dumps({table: run_table(settings, year, table)["peak_memory_mb"] for table in STEPS}))
"""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_year_of_real_size_finishes_right_under_1_gb_with_a_limit_of_512_mb(tmp_path):
    folder = Path(os.environ.get(REAL_SIZE, ""))
    if not os.environ.get(REAL_SIZE):
        pytest.skip(
            f"{REAL_SIZE} names no folder: bess simulate FOLDER --scale ercot --years 2024, then {REAL_SIZE}=FOLDER"
        )
    year = int(min(path.stem for path in (folder / "rollups" / "RT_prices").glob("*.parquet")))
    environment = {**os.environ, "BESS_ROLLUPS": str(folder / "rollups"), "BESS_MEMORY_LIMIT": "512MB"}
    command = [sys.executable, "-c", AT_REAL_SIZE, str(tmp_path / "home"), str(year)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peaks = json.loads(done.stdout)
    print(peaks)
    assert {table: peak for table, peak in peaks.items() if peak >= 1_000} == {}
    truth = pd.read_csv(folder / "truth" / f"leaderboard_{year}.csv")
    found = pq.read_table(result_path(tmp_path / "home" / "results", "leaderboard", year)).to_pandas()
    columns = ["total_usd", "da_energy_usd", "rt_energy_usd", "as_usd", "discharge_mwh"]
    odd = differences(truth, found, KEYS["leaderboard"], columns)
    assert not odd, some(odd)
