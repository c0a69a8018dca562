"""The two small markets that are settled once for all tests of the settlement."""

import pytest

from bess_assets_tests.settlement.small import Settled, may_market, seam_market, settle


@pytest.fixture(scope="session")
def may(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The day of 2022."""
    return settle(tmp_path_factory.mktemp("may"), 2022, may_market(), until="what_changed")


@pytest.fixture(scope="session")
def seam(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The three days around the change of market design."""
    return settle(tmp_path_factory.mktemp("seam"), 2025, seam_market())
