"""The home of hand-written boards, for all tests of the query API."""

from collections.abc import Iterator

import pytest

from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets_tests.made_home import write_home


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of that home; its tables are read only."""
    return write_home(tmp_path_factory.mktemp("results") / "it's a home")


@pytest.fixture
def results(settings: Settings) -> Iterator[Results]:
    """A new object on that home."""
    with Results(settings) as opened:
        yield opened
