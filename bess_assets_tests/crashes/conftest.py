"""The small year in two editions, and what each of them makes."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bess_assets_tests.crashes.server import Server
from bess_assets_tests.crashes.small_year import EDITIONS, look, make_editions, settings_of


@pytest.fixture(scope="package")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folder of the rollups of both editions."""
    folder = tmp_path_factory.mktemp("editions")
    make_editions(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="package")
def server(editions: Path) -> Iterator[Server]:
    """The process that forks refreshes."""
    with Server(editions) as running:
        yield running


@pytest.fixture(scope="package")
def expected(editions: Path, server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Digests of all files of each edition, made undisturbed."""
    made = {}
    for edition in EDITIONS:
        home = tmp_path_factory.mktemp(edition)
        assert server.order(home=str(home), edition=edition) == 0
        made[edition] = look(settings_of(editions, home, edition)).digests
    return made


@pytest.fixture
def home(tmp_path: Path, server: Server) -> Callable[[str], Path]:
    """Function that makes a home in which an edition was refreshed."""

    def make(edition: str) -> Path:
        home = tmp_path / "home"
        assert server.order(home=str(home), edition=edition) == 0
        return home

    return make
