"""A made-up market around the change of 2025-12-05, published as reports once for all tests that fetch; and homes that fetch from a server of this machine."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate
from bess_assets_tests.ercot_server import REPORT_OF_FOLDER, Faults, Posted, Server, documents_in
from bess_assets_tests.worlds import nothing_before

YEARS = (2025, 2026)
FIRST_DAY, LAST_DAY = date(2025, 11, 28), date(2026, 1, 10)
MINUTE = 1.0
"""Seconds of a minute of the server's quota."""


@dataclass(frozen=True)
class Market:
    """Its reports as a reader has them by hand, and as ERCOT posts them."""

    reports: Path
    documents: list[Posted]

    def of(self, *emils: str) -> list[Posted]:
        """Documents of some reports."""
        return [document for document in self.documents if document.emil in emils]


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    folder = tmp_path_factory.mktemp("market")
    with nothing_before(FIRST_DAY):
        simulate(folder, YEARS, 4, 3, "harmless", last_day=LAST_DAY, form="reports")
    for path in (folder / "reports").iterdir():
        if path.name not in REPORT_OF_FOLDER and path.is_dir():
            shutil.rmtree(path)  # reports in no figure, which are not fetched
    return Market(folder / "reports", documents_in(folder / "reports"))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Iterator[Server]]:
    """A server of documents, which fetches of this process ask."""

    @contextmanager
    def serve(documents: list[Posted], faults: Faults | None = None, minute: float = MINUTE) -> Iterator[Server]:
        with Server(documents, faults, minute=minute) as server:
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            yield server

    return serve


@pytest.fixture
def settings_here(tmp_path: Path) -> Callable[[], Settings]:
    """Settings of a home of the test, read when asked."""
    return lambda: load_settings(tmp_path / "home")
