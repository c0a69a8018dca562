"""What every test may rely on: a clean environment, repeatable random cases, and real data where it lies beside the project."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from xdist.scheduler.loadscope import LoadScopeScheduling

    from bess_assets.store.roll_up import RollUp
    from bess_assets_tests.worlds import World

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "real"

# CI must fail or pass on the code alone; at a desk, new random cases are welcome.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "desk")


def pytest_report_header() -> str:
    """Say at the top whether the tests on real data can run."""
    return f"real ERCOT data: {REAL if REAL.is_dir() else f'none at {REAL}, tests that need it are skipped'}"


SHARING = {
    "worlds": (
        "test_second_settlement.py",
        "test_properties.py",
        "test_project.py",
        "results/test_queries.py",
        "results/test_sums.py",
        "results/test_questions.py",
        "report/test_serve.py",
        "settlement/test_attribution.py",
        "settlement/test_index.py",
        "settlement/test_perfect.py",
    ),
    "reported": ("test_reports_to_board.py", "second_settlement/test_parity.py"),
    "one right market": ("faults/",),
    "one Dagster home": ("dagster/",),
    "one browser": ("report/",),
    "markets of benchmarks": ("test_benchmarks.py",),
}
"""Files, or folders of them, that one process runs early: they share something that takes long to make, or take long themselves."""


def _shared(nodeid: str) -> str | None:
    """What the file of a test shares with others."""
    inside = nodeid.split("::", maxsplit=1)[0].removeprefix("bess_assets_tests/")
    return next((name for name, files in SHARING.items() if inside.startswith(files)), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long to make comes first: last, one process would make it while the other has nothing to do."""
    order = [*SHARING, None]
    items.sort(key=lambda item: order.index(_shared(item.nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "LoadScopeScheduling":
    """Two processes run the tests side by side: each file in one of them, and so all files that share what takes long to make."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    class ByWhatIsShared(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _shared(nodeid) or nodeid.split("::", maxsplit=1)[0]

    config.option.loadscopereorder = False
    return ByWhatIsShared(config, log)


@pytest.fixture(autouse=True)
def _no_settings_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the caller's `BESS_*` or `DAGSTER_*` variables."""
    for name in os.environ:
        if name.startswith(("BESS_", "DAGSTER_")):
            monkeypatch.delenv(name)


def missing(what: str) -> NoReturn:
    """Skip a test for want of a program or a package, and say which; in CI, which must have it, the test fails."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def real_pack() -> Callable[[str], Path]:
    """Function from the name of a pack of real data to its folder; the test is skipped, and says so, where it is absent."""

    def folder(name: str) -> Path:
        path = REAL / name
        if not path.is_dir():
            pytest.skip(f"no real data: {path} does not exist")
        return path

    return folder


@dataclass(frozen=True)
class Worlds:
    """The made-up markets that all tests of whole years share: 2019 to 2026 without loss, and one year with columns missing.

    Those of 2019 to 2024 are made when they are first asked for, by slow tests alone.
    """

    folder: Path
    late: "World"
    wild: "World"

    @cached_property
    def first(self) -> "World":
        """That of 2019 and 2020."""
        from bess_assets_tests.worlds import FIRST, make

        return make(self.folder / "first", FIRST)

    @cached_property
    def early(self) -> "World":
        """That of 2021 and 2022."""
        from bess_assets_tests.worlds import EARLY, make

        return make(self.folder / "early", EARLY)

    @cached_property
    def middle(self) -> "World":
        """That of 2023 and 2024."""
        from bess_assets_tests.worlds import MIDDLE, make

        return make(self.folder / "middle", MIDDLE)

    def of(self, year: int) -> "World":
        """The market that has the year."""
        return self.first if year < 2021 else self.early if year < 2023 else self.middle if year < 2025 else self.late


@dataclass(frozen=True)
class Reported:
    """One market published as rollups and as reports, settled from both."""

    from_rollups: "World"
    from_reports: "World"
    rolled: "RollUp"


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """Simulated, rolled up and settled once."""
    from bess_assets_tests.test_reports_to_board import from_reports
    from bess_assets_tests.worlds import REPORTED, make, nothing_before

    folder = tmp_path_factory.mktemp("reported")
    with nothing_before(date(2025, 10, 1)):
        world, rolled = from_reports(folder / "reports", REPORTED)
        rollups = make(folder / "rollups", REPORTED)
    yield Reported(rollups, world, rolled)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """Simulated and settled once, in two processes side by side; it takes most of the time that the tests take."""
    from bess_assets_tests.worlds import LATE, WILD, make_all

    folder = tmp_path_factory.mktemp("worlds")
    wild, late = make_all(folder, [[WILD], [LATE]])
    yield Worlds(folder, late, wild)
    shutil.rmtree(folder)  # some 150 MB
