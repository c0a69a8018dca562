"""A third opinion: what the simulator's generator knows of its own ramps, awards and prices, against both settlements of the files that it wrote."""

import math
from pathlib import Path

import pytest

from bess_assets.simulator.closed_form import earned
from bess_assets.simulator.fleet import make_fleet
from bess_assets.simulator.market_model import MarketYear
from bess_assets_tests.worlds import Plan, make

BATTERIES = 12


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("year", range(2019, 2027))
def test_a_flawless_year_is_worth_what_its_generator_knows_in_closed_form(tmp_path: Path, year: int) -> None:
    world = make(tmp_path, Plan((year,), BATTERIES, seed=1, hazards="flawless"))
    known = earned(MarketYear(make_fleet((year,), BATTERIES, 1, flawless=True), year, 1, flawless=True))
    boards = world.table("leaderboard", year), world.settled_again(year).leaderboard
    for board in (board.set_index("battery").astype(object) for board in boards):
        assert set(board.index) == set(known)
        for battery, figures in known.items():
            assert not any(map(math.isnan, figures.values()))
            assert figures["discharge_mwh"] > 100
            for column in figures:
                if column != "as_ecrs_usd" or year >= 2023:
                    assert float(board.loc[battery, column]) == pytest.approx(figures[column], rel=1e-9), column


def test_only_a_flawless_market_is_known_in_closed_form() -> None:
    with pytest.raises(ValueError, match="flawless"):
        earned(MarketYear(make_fleet((2023,), 1, 1), 2023, 1))
