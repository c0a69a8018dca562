"""The settlement point of each hour: from rows, carried over hours without one, and as the user says."""

from datetime import date, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.settlement.battery_table import UserRow
from bess_assets.settlement.nodes import NodeGrid, user_nodes
from bess_assets_tests.scenario import hour_of, operating_year

YEAR = operating_year(2024)


def _grid(*codes, texts=("A_RN", "B_RN")):
    return NodeGrid(np.array(codes, dtype=np.int32), list(texts))


def _user(point, first=None, last=None):
    nothing = dict.fromkeys(("gen_resource", "load_resource", "esr_resource", "capacity_mw", "energy_mwh", "note"))
    return UserRow(line=2, battery="ALPHA_1", settlement_point=point, valid_from=first, valid_to=last, **nothing)


def test_an_hour_without_a_node_takes_the_latest_earlier_one_else_the_first_of_the_year():
    carried = _grid([-1, -1, 1, -1, 0, -1, -1]).carried()
    assert carried.codes.tolist() == [[1, 1, 1, 1, 0, 0, 0]]


def test_a_resource_without_any_node_stays_without_one_and_takes_none_from_another():
    assert _grid([-1, -1], [0, -1], [-1, 1]).carried().codes.tolist() == [[-1, -1], [0, 0], [1, 1]]


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=12))
def test_carrying_is_what_walking_through_the_hours_gives(codes):
    known = [c for c in codes if c >= 0]
    node = known[0] if known else -1
    expected = []
    for code in codes:
        node = code if code >= 0 else node
        expected.append(node)
    assert _grid(codes).carried().codes.tolist() == [expected]
    assert _grid(codes).carried().carried().codes.tolist() == [expected]


def test_one_series_tells_its_node_at_an_hour_and_its_nodes_in_order_of_their_first_hour():
    grid = _grid([-1, 1, 1, 0, 1], [0, 0, 0, 0, 0])
    assert grid.one(0).distinct() == ["B_RN", "A_RN"]
    assert grid.one(1).distinct() == ["A_RN"]
    assert grid.one(0).codes.shape == (1, 5)
    assert [grid.one(0).at(hour) for hour in (0, 1, 3)] == [None, "B_RN", "A_RN"]


def _year_of(code=0):
    return _grid(np.full(YEAR.hours, code), texts=("A_RN",))


def test_the_users_node_wins_on_its_days_first_and_last_included():
    grid = user_nodes(YEAR, _year_of(), [[_user("MINE_RN", date(2024, 3, 10), date(2024, 11, 3))]])
    mine = np.flatnonzero(grid.codes[0] == grid.texts.index("MINE_RN"))
    assert (mine[0], mine[-1]) == (hour_of(datetime(2024, 3, 10)), hour_of(datetime(2024, 11, 3, 23)))
    assert len(mine) == mine[-1] - mine[0] + 1


def test_a_users_node_without_days_holds_all_year_and_one_of_another_year_nowhere():
    assert user_nodes(YEAR, _year_of(-1), [[_user("MINE_RN")]]).one(0).distinct() == ["MINE_RN"]
    others = [_user("OLD_RN", None, date(2023, 12, 31)), _user("NEW_RN", date(2025, 1, 1), None)]
    assert user_nodes(YEAR, _year_of(), [others]).one(0).distinct() == ["A_RN"]


def test_a_users_row_without_a_node_leaves_the_node_of_the_data():
    assert user_nodes(YEAR, _year_of(), [[_user(None)]]).one(0).distinct() == ["A_RN"]


def test_two_series_with_one_users_node_share_its_text_and_the_given_grid_is_not_changed():
    grid = _grid([0] * YEAR.hours, [0] * YEAR.hours, texts=("A_RN",))
    mine = user_nodes(YEAR, grid, [[_user("A_RN")], [_user("MINE_RN")]])
    assert mine.texts == ["A_RN", "MINE_RN"]
    assert [mine.one(n).distinct() for n in (0, 1)] == [["A_RN"], ["MINE_RN"]]
    assert (grid.texts, grid.codes.max()) == (["A_RN"], 0)
