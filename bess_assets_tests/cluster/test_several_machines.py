"""Machines that share an object store and a Postgres and nothing else, started by the commands of deploy/compose.yaml: years side by side, and what befalls them.

Each year is a January of two batteries. The tests build on one another: the second begins with what the first has settled.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bess_assets.run import hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate
from bess_assets.store.places import bring_in, bring_results
from bess_assets.store.status import plan_year
from bess_assets.store.verify import verify
from bess_assets_tests.cluster.desk import WORKERS, Desk, Process
from bess_assets_tests.crashes.small_year import restated, timeless
from bess_assets_tests.postgres_server import COMPOSE, postgres
from bess_assets_tests.store.conftest import ObjectStore

YEARS = tuple(range(2019, 2027))
KILLED, STOPPED, RESTATED, STARTED_TWICE = 2020, 2021, 2022, 2026
OLD, NEW, NEWER = "old", "new", "newer"

pytestmark = [pytest.mark.slow, pytest.mark.alone, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rollups of eight years; some of them restated, and one once more."""
    folder = tmp_path_factory.mktemp("editions")
    for year in YEARS:
        simulate(folder / str(year), (year,), 2, 1, "harmless", last_day=date(year, 1, 31))
        shutil.copytree(folder / str(year) / "rollups", folder / OLD, dirs_exist_ok=True)
    for edition, share, years in ((NEW, 1.02, (KILLED, STOPPED, RESTATED, STARTED_TWICE)), (NEWER, 1.05, (RESTATED,))):
        for path in files_of(folder / OLD, *years):
            to = folder / edition / path.relative_to(folder / OLD)
            to.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(restated(pq.read_table(path), share), to)
    return folder


@pytest.fixture(scope="module")
def one_machine(editions: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The same years in folders of one machine."""
    home = tmp_path_factory.mktemp("one_machine") / "home"
    shutil.copytree(editions / OLD, home / "rollups")
    settings = load_settings(home, {"BESS_PERFECT": "on"})  # the job of a year makes all of its tables
    settle(settings, YEARS)
    return settings


def settle(settings: Settings, years: tuple[int | None, ...]) -> None:
    """Make what has changed, without Dagster; of all years the merged tables last."""
    for year in (*years, None):
        with hold_year(settings, year) as held:
            tables = plan_year(settings, year).to_refresh("changed")
            held.begin(tables)
            for name in tables:
                held.run_table(name)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, running_store: ObjectStore, editions: Path) -> Iterator[Desk]:
    """All of it, running."""
    pytest.importorskip("dagster_celery", reason="the extra cluster is not installed")
    for name in [name for name in os.environ if name.startswith(("BESS_", "DAGSTER_"))]:
        del os.environ[name]
    with pytest.MonkeyPatch.context() as variables, postgres() as address:
        for name, value in running_store.variables.items():
            variables.setenv(name, value)
        desk = Desk(tmp_path_factory.mktemp("desk") / "desk", address, running_store, "desk")
        running_store.put_folder("desk/rollups", editions / OLD)
        try:
            desk.start_broker()
            desk.start_ui()
            for name in WORKERS:
                desk.start_worker(name)
            yield desk
        finally:
            desk.end()


def contents(settings: Settings) -> dict[str, str]:
    """Digests of all results that are the same whenever they are made, by their path."""
    return {
        path.relative_to(settings.results).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(settings.results.glob("[!_.]*/**/*"))
        if path.is_file() and timeless(path.relative_to(settings.results).as_posix()) and ".before." not in path.name
    }


def read(desk: Desk, reader: str) -> Settings:
    """What any machine reads, whole, and with nothing to be made."""
    settings = desk.settings(reader)
    bring_in(settings)
    bring_results(settings)
    assert verify(settings).damage == []
    return settings


def editions_of(settings: Settings, year: int) -> list[int]:
    """The numbers of the editions of a year, in order."""
    rows = pq.read_table(settings.results / "leaderboard_history" / f"{year}.parquet").column("edition_number")
    return sorted(set(rows.to_pylist()))


def is_quiet(desk: Desk) -> bool:
    """Whether all runs have ended, the sensor finds nothing to do, and there is nothing."""
    runs = desk.runs()
    if any(r["status"] not in {"SUCCESS", "FAILURE"} for r in runs) or desk.skipped() != "nothing has changed":
        return False
    return {plan_year(read(desk, "reader"), year).state for year in (*YEARS, None)} == {"present"}


def test_eight_years_on_three_workers_are_byte_for_byte_those_of_one_machine(desk: Desk, one_machine: Settings) -> None:
    years = ",".join(map(str, YEARS))
    backfill = ["-m", "dagster", "job", "backfill", "-j", "refresh_year", "--partitions", years, "--noprompt"]
    workspace = ["-w", str(desk.dagster_home / "workspace.yaml")]
    subprocess.run(
        [sys.executable, *backfill, *workspace], env=desk.environment("desk"), check=True, capture_output=True
    )
    assert [name for name in COMPOSE["services"] if not desk.is_healthy(name)] == []
    desk.until("quiet", lambda: is_quiet(desk), 400)
    runs = desk.runs()
    assert {run["status"] for run in runs} == {"SUCCESS"}
    first = [run for run in runs if "dagster/backfill" in run["tags"]]
    assert sorted(run["year"] for run in first) == sorted(map(str, YEARS)), "each year is settled once"
    at_once = max(sum(a["startTime"] <= b["startTime"] < a["endTime"] for a in first) for b in first)
    assert at_once > 1
    settings = read(desk, "reader")
    assert contents(settings) == contents(one_machine)
    assert {tuple(editions_of(settings, year)) for year in YEARS} == {(1,)}
    written = {path.name for path in desk.dagster_home.iterdir()} - {"dagster.yaml", "workspace.yaml"}
    assert {f"/srv/dagster/{name}" for name in written} <= set(COMPOSE["x-bess"]["tmpfs"])


def is_in_mid_year(desk: Desk, year: int) -> str | None:
    """The worker that is settling a year and has noted in its run record what it will make."""
    import obstore

    worker = desk.holder(year)
    record = obstore.get(desk.store.below("desk/results"), f"_runs/{year}.json").bytes() if worker else b"{}"
    return worker if json.loads(bytes(record)).get("unfinished") else None


def alarms(desk: Desk) -> list[dict[str, Any]]:
    file = desk.home("ui") / "logs" / "alarms.log"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def test_killed_stopped_restated_and_cut_off_nothing_is_lost_or_mixed(
    desk: Desk, one_machine: Settings, editions: Path
) -> None:
    before = {run["runId"] for run in desk.runs()}
    first = (KILLED, STOPPED, RESTATED)
    put(desk, editions, NEW, *first)
    stopped, ran = list[Process](), dict[int, str]()

    def of(year: int, status: str) -> list[str]:
        runs = [r for r in desk.runs() if r["runId"] not in before and r["year"] == str(year)]
        return [r["runId"] for r in runs if r["status"] == status]

    def kill(worker: str) -> None:
        desk.processes[worker].kill()
        desk.start_worker(worker)

    def stop(worker: str) -> None:
        desk.processes[worker].send(signal.SIGSTOP)
        assert desk.end_session(STOPPED) == 1
        stopped.append(desk.processes[worker])

    def restate(_worker: str) -> None:
        put(desk, editions, NEWER, RESTATED)

    events = {KILLED: kill, STOPPED: stop, RESTATED: restate}

    def befall() -> bool:
        for year in tuple(events):
            if worker := is_in_mid_year(desk, year):
                (ran[year],) = of(year, "STARTED")
                events.pop(year)(worker)
        return not events

    desk.until("all three years", befall, 200)
    desk.processes["redis"].kill()
    time.sleep(5)
    desk.start_broker()
    desk.store.stop()
    time.sleep(10)
    desk.store.go_on()

    desk.until("another run of the year whose worker is stopped", lambda: of(STOPPED, "SUCCESS"), 200)
    taken = contents(read(desk, "reader"))
    stopped[0].send(signal.SIGCONT)
    desk.until("the zombie's end", lambda: [a for a in alarms(desk) if "Another process has recorded" in a["why"]], 100)
    now = contents(read(desk, "reader"))
    # pages and estimates follow other years too
    its_own = {path for path in now if f"/{STOPPED}" in path and "report" not in path and "estimate" not in path}
    assert {path: now[path] for path in its_own} == {path: taken.get(path) for path in its_own}
    desk.until("quiet", lambda: is_quiet(desk), 300)
    replace(one_machine, editions, NEW, *first)
    settle(one_machine, YEARS)
    replace(one_machine, editions, NEWER, RESTATED)
    settle(one_machine, YEARS)
    assert_as_on(desk, one_machine)
    declared = {"no longer holds the lock": set[str](), "Another process has recorded": set[str]()}
    for alarm in alarms(desk):
        unlaunched = alarm["failed steps"] == "none" and "from outside" in alarm["why"]  # while the broker was away
        why = next((words for words in declared if words in alarm["why"]), None)
        assert why or unlaunched, alarm
        if why:
            declared[why].add(alarm["run"])
    dead, lost = declared.values()
    assert (dead, lost) == ({ran[KILLED], ran[STOPPED]}, {ran[STOPPED]}), "no run that lived was declared dead"


def test_of_two_who_start_one_year_at_once_one_settles_it(desk: Desk, one_machine: Settings, editions: Path) -> None:
    before = {run["runId"] for run in desk.runs()}
    put(desk, editions, NEW, STARTED_TWICE)
    command = [sys.executable, "-m", "bess_assets.cli", "refresh", str(STARTED_TWICE), "--only", "changed"]
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    starters = [subprocess.Popen(command, env=desk.environment(name), **how) for name in ("here", "there")]
    said = [starter.communicate(timeout=200)[0] for starter in starters]
    refused = [text for starter, text in zip(starters, said, strict=True) if starter.returncode]
    assert all("Another machine is working" in text for text in refused), said
    desk.until("quiet", lambda: is_quiet(desk), 200)
    # the sensor, which looks now and then, may start the year too: then both may be refused
    ran = [run for run in desk.runs() if run["runId"] not in before and run["year"] and run["status"] == "SUCCESS"]
    assert ran, said
    assert all(one["endTime"] <= next_one["startTime"] for one, next_one in pairwise(ran)), "one after the other"
    replace(one_machine, editions, NEW, STARTED_TWICE)
    settle(one_machine, YEARS)
    assert_as_on(desk, one_machine)


def put(desk: Desk, editions: Path, edition: str, *years: int) -> None:
    """Put the rollups of an edition into the store."""
    import obstore

    for path in files_of(editions / edition, *years):
        obstore.put(desk.store.below("desk/rollups"), path.relative_to(editions / edition).as_posix(), path)


def replace(settings: Settings, editions: Path, edition: str, *years: int) -> None:
    """Copy them to the rollups of one machine."""
    for path in files_of(editions / edition, *years):
        shutil.copy(path, settings.rollups / path.relative_to(editions / edition))


def files_of(folder: Path, *years: int) -> list[Path]:
    return [path for year in years for path in sorted(folder.glob(f"*/{year}.parquet"))]


def assert_as_on(desk: Desk, one_machine: Settings) -> None:
    settings = read(desk, "reader")
    assert contents(settings) == contents(one_machine)
    assert {year: editions_of(settings, year) for year in YEARS} == {y: editions_of(one_machine, y) for y in YEARS}
