"""Machines that share an object store and a Postgres and nothing else, started by the commands of deploy/compose.yaml: years side by side, and what befalls them.

Each year is a January of two batteries. The tests build on one another: the second begins with what the first has settled.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bess_assets.run import hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate
from bess_assets.store.places import bring_in, bring_results
from bess_assets.store.status import plan_year
from bess_assets.store.verify import verify
from bess_assets_tests.cluster.desk import WORKERS, Desk
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
    settings = load_settings(home, {})
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
    """Whether all runs have ended and the sensor finds nothing to do."""
    runs = desk.runs()
    return (
        bool(runs)
        and all(r["status"] in {"SUCCESS", "FAILURE"} for r in runs)
        and desk.skipped() == "nothing has changed"
    )


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


def files_of(folder: Path, *years: int) -> list[Path]:
    return [path for year in years for path in sorted(folder.glob(f"*/{year}.parquet"))]
