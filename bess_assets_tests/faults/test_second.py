"""The second catalogue: no dollar moves in silence, and the page says what comes of each fault."""

import os
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from bess_assets_tests.faults.kinds import UNSEEABLE, Case, cases
from bess_assets_tests.faults.planting import Market
from bess_assets_tests.faults.second import MARKETS, planted, shown, tried

pytestmark = pytest.mark.timeout(300)

SEED = int(os.environ.get("TEST_FAULTS_SEED", "18"))
TENTH = random.Random(SEED).sample(planted(), len(planted()) // 10)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Market]:
    """The market of each name, simulated and settled once."""
    return cache(lambda name: Market(tmp_path_factory.mktemp(name), MARKETS[name]))


def test_there_are_two_hundred_faults_and_at_most_fifteen_kinds_that_cannot_be_seen() -> None:
    assert len({case.name for case in cases()}) == len(cases()) >= 200
    assert len(UNSEEABLE) <= 15
    assert {(case.kind.name, case.way) for case in cases()} >= set(UNSEEABLE)


def test_the_page_has_each_fault_and_none_that_can_be_seen_is_silent() -> None:
    found = dict(shown())
    assert set(found) == {(market, case.name) for market, case in planted()}
    silent = {(case.kind.name, case.way) for market, case in planted() if "silent" in found[market, case.name]}
    assert silent == set(UNSEEABLE)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "case"), TENTH, ids=lambda part: part.name if isinstance(part, Case) else part)
def test_a_fault_comes_out_as_the_page_says(
    market: Callable[[str], Market], tmp_path: Path, name: str, case: Case
) -> None:
    assert tried(market(name), case, tmp_path / "case") == dict(shown())[name, case.name]
