"""The settlement point of each hour: from rows, carried over hours without one, and as the user says."""

from datetime import date, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.calendar import operating_year
from bess_assets.settlement.battery_table import UserRow
from bess_assets.settlement.nodes import Nodes, battery_nodes
from bess_assets_tests.steps import hour_of

YEAR = operating_year(2024)


def _nodes(*codes, texts=("A_RN", "B_RN")):
    return Nodes(np.array(codes, dtype=np.int32), list(texts))


def _user(point, first=None, last=None):
    nothing = dict.fromkeys(("gen_resource", "load_resource", "esr_resource", "capacity_mw", "energy_mwh", "note"))
    return UserRow(line=2, battery="ALPHA_1", settlement_point=point, valid_from=first, valid_to=last, **nothing)


def test_an_hour_without_a_node_takes_the_latest_earlier_one_else_the_first_of_the_year():
    assert _nodes(-1, -1, 1, -1, 0, -1, -1).carried().codes.tolist() == [1, 1, 1, 1, 0, 0, 0]


def test_a_battery_without_any_node_stays_without_one():
    assert _nodes(-1, -1).carried().codes.tolist() == [-1, -1]


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=12))
def test_carrying_is_what_walking_through_the_hours_gives(codes):
    known = [c for c in codes if c >= 0]
    node = known[0] if known else -1
    expected = []
    for code in codes:
        node = code if code >= 0 else node
        expected.append(node)
    assert _nodes(*codes).carried().codes.tolist() == expected
    assert _nodes(*codes).carried().carried().codes.tolist() == expected


def test_a_battery_has_its_nodes_in_order_of_their_first_hour():
    assert _nodes(-1, 1, 1, 0, 1).distinct() == ["B_RN", "A_RN"]


def _year_of(code=0):
    return _nodes(*[code] * YEAR.hours, texts=("A_RN",))


def _battery_nodes(nodes, *rows):
    return battery_nodes(YEAR, nodes, None, rows)


def test_the_users_node_wins_on_its_days_first_and_last_included():
    nodes = _battery_nodes(_year_of(), _user("MINE_RN", date(2024, 3, 10), date(2024, 11, 3)))
    mine = np.flatnonzero(nodes.codes == nodes.texts.index("MINE_RN"))
    assert (mine[0], mine[-1]) == (hour_of(datetime(2024, 3, 10)), hour_of(datetime(2024, 11, 3, 23)))
    assert len(mine) == mine[-1] - mine[0] + 1


def test_a_users_node_without_days_holds_all_year_and_one_of_another_year_nowhere():
    assert _battery_nodes(_year_of(-1), _user("MINE_RN")).distinct() == ["MINE_RN"]
    others = [_user("OLD_RN", None, date(2023, 12, 31)), _user("NEW_RN", date(2025, 1, 1), None)]
    assert _battery_nodes(_year_of(), *others).distinct() == ["A_RN"]


def test_a_users_row_without_a_node_leaves_the_node_of_the_data():
    assert _battery_nodes(_year_of(), _user(None)).distinct() == ["A_RN"]


def test_a_users_node_that_the_data_have_shares_its_text_and_the_given_nodes_are_not_changed():
    given = _year_of()
    assert _battery_nodes(given, _user("A_RN")).texts == ["A_RN"]
    assert _battery_nodes(given, _user("MINE_RN")).distinct() == ["MINE_RN"]
    assert (given.texts, given.codes.max()) == (["A_RN"], 0)
