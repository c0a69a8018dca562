"""Groups of boards written by hand: what a battery is grouped under, and that no dollar is lost."""

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bess_assets.settlement.groups import groupings, groups, is_tolled, value_of
from bess_assets.settlement.metrics import FLEET_TOTALS, STREAMS, Period, fleet

YEAR = Period.of(2024)
BLANK = dict.fromkeys(
    (
        *STREAMS,
        "energy_usd",
        "as_usd",
        "total_usd",
        "rank",
        "settlement_point",
        "qse",
        "duration_class",
        "strategy",
        "attributes",
    )
)


def battery(own: dict[str, str] | None = None, **known: Any) -> dict[str, Any]:
    row = {**BLANK, "capacity_mw": 10.0, "active_days": 366, "energy_coverage": 1.0, "as_coverage": 1.0, **known}
    return row | {"attributes": json.dumps(own) if own else None}


def test_a_battery_without_a_value_is_in_the_group_unknown_which_comes_last() -> None:
    rows = [
        battery(rank=1, total_usd=9.0),
        battery({"owner": "Oak"}, rank=2, total_usd=3.0),
        battery({"owner": "Elm"}, rank=3, total_usd=5.0),
    ]
    made = groups(rows, "owner", YEAR)
    assert [(group["group"], group["ranked_total_usd"]) for group in made] == [
        ("Elm", 5.0),
        ("Oak", 3.0),
        ("unknown", 9.0),
    ]


def test_a_group_has_the_fleets_figures_of_its_batteries() -> None:
    rows = [
        battery(rank=1, total_usd=36_600.0, qse="Q1"),
        battery(rank=2, total_usd=7_320.0, qse="Q1", active_days=183),
        battery(rank=None, qse="Q1", as_rrs_usd=2.0),
    ]
    (made,) = groups(rows, "qse", YEAR)
    assert (made["batteries"], made["batteries_ranked"], made["capacity_mw"]) == (3, 2, 20.0)
    assert made["usd_per_kw_year"] == 43_920 / (10_000 + 5_000)
    assert (made["ranked_total_usd"], made["stream_total_usd"]) == (43_920.0, 2.0)


def test_a_site_is_the_tables_or_the_nodes_name_before_its_last_underscore() -> None:
    assert value_of(battery({"site": "Oak Hill"}, settlement_point="OAK_RN"), "site") == "Oak Hill"
    assert value_of(battery(settlement_point="OAK_EAST_RN"), "site") == "OAK_EAST"
    assert value_of(battery(settlement_point="OAK"), "site") == "OAK"
    assert value_of(battery(), "site") is None


def test_a_contract_that_begins_with_toll_makes_a_battery_tolled() -> None:
    said = ("tolled", "Tolling agreement", "TOLL", "merchant", "not tolled")
    assert [is_tolled(battery({"contract": text})) for text in said] == [True, True, True, False, False]
    assert not is_tolled(battery())


def test_further_columns_are_among_what_a_board_can_be_grouped_by() -> None:
    assert groupings([battery({"owner": "Oak"}), battery({"zone": "West", "owner": "Elm"})]) == [
        "qse",
        "node",
        "duration",
        "strategy",
        "site",
        "owner",
        "zone",
    ]


money = st.one_of(st.none(), st.floats(-1e9, 1e9))


@given(st.lists(st.tuples(st.sampled_from([None, "Oak", "Elm", "unknown"]), money, money, st.booleans()), max_size=12))
def test_the_dollars_of_all_groups_are_those_of_the_fleet(drawn: list[Any]) -> None:
    rows = [
        battery(
            {"owner": owner} if owner else None,
            da_energy_usd=energy,
            total_usd=total,
            rank=1 if ranked and total is not None else None,
        )
        for owner, energy, total, ranked in drawn
    ]
    made, whole = groups(rows, "owner", YEAR), fleet(rows, YEAR)
    assert sum(group["batteries"] for group in made) == len(rows)
    for name in (*STREAMS, *FLEET_TOTALS):
        known = [group[name] for group in made if group[name] is not None]
        assert math.isclose(math.fsum(known), whole[name] or 0.0, rel_tol=1e-9, abs_tol=1e-3), name
