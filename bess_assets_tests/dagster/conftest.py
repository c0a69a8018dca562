"""One small simulated market and one Dagster home for all tests that go through Dagster: a new home alone takes seconds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from bess_assets.automation.dagster_home import ensure_dagster_home
from bess_assets.refresh import Outcome, materialize
from bess_assets.run import Progress
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate

YEAR = 2024


@dataclass(frozen=True)
class Refreshed:
    """A home in which one year was refreshed and merged."""

    settings: Settings
    instance: dg.DagsterInstance
    year: Outcome
    merged: Outcome
    events: list[Progress]


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the rollups of a year of three batteries."""
    folder = tmp_path_factory.mktemp("market")
    simulate(folder, years=[YEAR], batteries=3, seed=1)
    return folder


@pytest.fixture(scope="session")
def home(market: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a home whose rollups are the market's."""
    return load_settings(tmp_path_factory.mktemp("home"), environ={"BESS_ROLLUPS": str(market / "rollups")})


@pytest.fixture(scope="session")
def instance(home: Settings) -> Iterator[dg.DagsterInstance]:
    """The Dagster instance of that home, a real one, opened as the UI opens it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DAGSTER_HOME", str(home.dagster_home))
    with dg.DagsterInstance.from_config(str(ensure_dagster_home(home))) as opened:
        yield opened
    patch.undo()


@pytest.fixture(scope="session")
def refreshed(home: Settings, instance: dg.DagsterInstance) -> Refreshed:
    """The year refreshed and merged."""
    events: list[Progress] = []
    year = materialize(instance, home, YEAR, progress=events.append)
    return Refreshed(home, instance, year, materialize(instance, home, None), events)
