"""No planted fault changes a published dollar figure without a sign, and each comes out as the catalogue says."""

import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bess_assets_tests.faults import tables
from bess_assets_tests.faults.catalogue import FAULTS, Fault
from bess_assets_tests.faults.judging import differences
from bess_assets_tests.faults.planting import Market

pytestmark = pytest.mark.timeout(300)

SEED = int(os.environ.get("TEST_FAULTS_SEED", "18"))
FAST = [fault for fault in FAULTS if fault.fast]
DRAWN = random.Random(SEED).sample([fault for fault in FAULTS if not fault.fast], len(FAULTS) // 4)
"""The slow quarter; `python -m bess_assets_tests.faults` plants them all."""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """The right market, simulated and settled once."""
    folder = tmp_path_factory.mktemp("right")
    yield Market(folder)
    shutil.rmtree(folder)


def _id(fault: Fault) -> str:
    return re.sub(r"[^a-z0-9]+", "_", fault.name.lower()).strip("_")


@pytest.mark.parametrize(
    "fault", [pytest.param(f, id=_id(f), marks=() if f.fast else pytest.mark.slow) for f in (*FAST, *DRAWN)]
)
def test_no_figure_changes_without_a_sign(fault: Fault, market: Market, tmp_path: Path) -> None:
    planted = market.plant(tmp_path / "fault", fault.plant)
    shutil.rmtree(tmp_path / "fault")
    assert not differences(fault, planted)
    assert fault.outcome == "cannot be seen" or planted.outcome != "cannot be seen"


def test_the_fast_faults_are_of_every_outcome_there_is() -> None:
    assert {fault.outcome for fault in FAST} == {fault.outcome for fault in FAULTS}


def test_each_fault_has_a_name_of_its_own_and_a_place_where_it_is_seen_or_a_size() -> None:
    assert len({_id(fault) for fault in FAULTS}) == len(FAULTS) >= 40
    for fault in FAULTS:
        seen = fault.outcome in {"error", "a cause", "marked"}
        assert (bool(fault.seen), bool(fault.size)) == (seen, fault.outcome == "cannot be seen"), fault.name


@pytest.mark.parametrize(("page", "name", "table"), tables.PAGES)
def test_the_page_shows_the_tables_as_declared_and_kept(page: str, name: str, table: Callable[[], str]) -> None:
    assert tables.written(page, name) == table(), "run python -m bess_assets_tests.faults --tables"
