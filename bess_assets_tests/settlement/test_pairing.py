"""Names, evidence, the choice among candidates, and the rename of December 2025."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.settlement.pairing import (
    Evidence,
    Unit,
    battery_key,
    bridge_names,
    candidates,
    choose_pairs,
    mutual_best,
    name_rule,
    unique_keys,
    weigh,
)

NOTHING = Evidence(0, 0, "nothing to test")
FITS = Evidence(1, 0, "size agrees")
FITS_TWICE = Evidence(2, 0, "size agrees, apart")
FAILS = Evidence(2, 1, "size differs")


def _each(judge):
    """Judges pairs one by one."""
    return lambda pairs: [judge(*pair) for pair in pairs]


@pytest.mark.parametrize(("name", "key"), [
    ("MESQUITE_BESS1", "MESQUITE_1"), ("MESQUITE_UNIT1", "MESQUITE_1"), ("MESQUITE_ESR1", "MESQUITE_1"),
    ("BATCAVE_BES1", "BATCAVE_1"), ("BATCAVE_ESR1", "BATCAVE_1"), ("ANEM_ESS_BESS2", "ANEM_ESS_2"),
    ("GAMBIT_BATT", "GAMBIT"), ("HOUSE_BAT12", "HOUSE_12"), ("Aquanode", "Aquanode"), ("ALP_BESS_ESR1", "ALP_BESS_1"),
    ("_BESS1", "_BESS1"), ("ALPHA_BESS1_X", "ALPHA_BESS1_X"),
])  # fmt: skip
def test_a_battery_key_is_the_name_without_its_technology(name: str, key: str) -> None:
    assert battery_key(name) == key


@given(
    st.from_regex(r"[A-Z]{2,8}", fullmatch=True),
    st.sampled_from(["BESS", "BES", "UNIT", "ESS", "BATT"]),
    st.integers(1, 12),
)
def test_the_key_outlives_the_rename_to_esr(site: str, technology: str, number: int) -> None:
    assert battery_key(f"{site}_{technology}{number}") == battery_key(f"{site}_ESR{number}") == f"{site}_{number}"


def test_names_that_would_share_a_key_take_their_whole_names() -> None:
    keys = unique_keys(["OAK_BESS1", "OAK_UNIT1", "ELM_BESS1"])
    assert keys == {"OAK_BESS1": "OAK_BESS1", "OAK_UNIT1": "OAK_UNIT1", "ELM_BESS1": "ELM_1"}


@pytest.mark.parametrize(("generation", "load", "rule"), [
    ("OAK_BESS1", "OAK_LD1", "same_number"), ("OAK_UNIT1", "OAK_LD1", "same_number"),
    ("OAK_BES1", "OAK_LD1", "same_number"), ("OAK_BESS1", "OAK_BESS1", "same_name"),
    ("Aquanode", "Aquanode", "same_name"), ("Aquanode", "Aquanode_LD1", "named_after"),
    ("OAK_BESS1", "OAK_LD2", "same_prefix"), ("OAK_BESS1", "OAK_LD", "same_prefix"), ("OAK_BESS1", "ELM_LD1", None),
    ("OAK_BESS1", "OAK_BESS2", None), ("OAK", "OAK_UNIT1", None),
])  # fmt: skip
def test_a_load_resource_is_a_candidate_by_its_name(generation: str, load: str, rule: str | None) -> None:
    assert name_rule(generation, load) == rule
    assert candidates([generation], [load]) == {generation: [load] if rule else []}


def _weigh(**measured: float | None) -> Evidence:
    names = ["capacity_mw", "max_power_mw", "together_share", "charge_mwh", "discharge_mwh"]
    return weigh(**{**dict.fromkeys(names), **measured})


def _holds(**measured: float | None) -> bool | None:
    """The outcome of the one test that these figures allow, None if there is none."""
    passed, failed, _ = _weigh(**measured)
    assert passed + failed <= 1
    return bool(passed) if passed + failed else None


@pytest.mark.parametrize(
    ("load_mw", "agrees"), [(80.0, True), (120.0, True), (79.9, False), (120.1, False), (250.0, False)]
)
def test_sizes_agree_within_a_fifth_of_the_generation_side(load_mw: float, agrees: bool) -> None:
    assert _holds(capacity_mw=100.0, max_power_mw=load_mw) is agrees


@pytest.mark.parametrize(("share", "apart"), [(0.0, True), (0.0199, True), (0.02, False), (0.3, False)])
def test_both_sides_running_in_two_percent_of_runs_is_too_often(share: float, apart: bool) -> None:
    assert _holds(together_share=share) is apart


@pytest.mark.parametrize(("charge", "ratio"), [(1000.0, True), (1800.0, True), (999.0, False), (1801.0, False)])
def test_a_battery_takes_in_from_once_to_1_8_times_what_it_gives(charge: float, ratio: bool) -> None:
    assert _holds(charge_mwh=charge, discharge_mwh=1000.0, capacity_mw=90.0) is ratio


def test_the_energy_ratio_says_nothing_below_ten_hours_of_charging_at_full_power() -> None:
    assert _holds(charge_mwh=999.0, discharge_mwh=800.0, capacity_mw=100.0) is None
    assert _holds(charge_mwh=1000.0, discharge_mwh=800.0, capacity_mw=100.0) is True
    assert _holds(charge_mwh=9000.0, discharge_mwh=8000.0) is None, "of unknown size: too few or enough, nobody knows"


def test_evidence_states_its_figures() -> None:
    known = {"capacity_mw": 100.0, "discharge_mwh": 1000.0}
    good = _weigh(max_power_mw=98.5, together_share=0.001, charge_mwh=1200.0, **known)
    assert good.text == "size agrees (98.5 MW against 100 MW), both run in 0.1% of runs, charge / discharge 1.20"
    bad = _weigh(max_power_mw=50.0, together_share=0.3, charge_mwh=1900.0, **known)
    assert bad.text == (
        "size differs (50 MW against 100 MW), both run in 30.0% of runs, too often, "
        "charge / discharge 1.90, outside 1.0 to 1.8"
    )


def test_evidence_that_the_data_cannot_give_is_absent_and_not_against() -> None:
    assert _weigh() == (0, 0, "nothing to test")


@pytest.mark.parametrize(("generation", "load", "evidence", "status"), [
    ("OAK_BESS1", "OAK_LD1", FITS, "confirmed"), ("OAK_BESS1", "OAK_BESS1", FITS, "confirmed"),
    ("OAK_BESS1", "OAK_LD2", FITS, "confirmed"), ("OAK_BESS1", "OAK_BESS1", NOTHING, "same_name"),
    ("OAK_BESS1", "OAK_LD1", NOTHING, "name_only"), ("OAK_BESS1", "OAK_LD1", FAILS, "rejected"),
    ("OAK_BESS1", "OAK_BESS1", FAILS, "rejected"), ("OAK_BESS1", "OAK_LD2", NOTHING, "rejected"),
])  # fmt: skip
def test_a_pair_has_the_status_that_its_name_and_evidence_give(generation, load, evidence, status):
    pair = choose_pairs({generation: [load]}, _each(lambda _gen, _load: evidence))[generation]
    assert pair.status == status
    assert pair.load == (None if status == "rejected" else load)
    assert load in pair.evidence
    assert evidence.text in pair.evidence


def test_a_battery_that_no_name_suggests_a_load_for_has_no_status() -> None:
    pair = choose_pairs({"OAK_BESS1": []}, _each(lambda _gen, _load: FITS))["OAK_BESS1"]
    assert (pair.load, pair.status) == (None, None)


def test_two_equal_candidates_leave_neither() -> None:
    pair = choose_pairs({"OAK_BESS1": ["OAK_LD2", "OAK_LD3"]}, _each(lambda _gen, _load: FITS))["OAK_BESS1"]
    assert (pair.load, pair.status) == (None, "rejected")
    assert "OAK_LD2" in pair.evidence
    assert "OAK_LD3" in pair.evidence


def test_two_batteries_that_want_one_load_equally_get_none() -> None:
    suggested = {"OAK_BESS1": ["OAK_LD9"], "OAK_BESS2": ["OAK_LD9"]}
    pairs = choose_pairs(suggested, _each(lambda _gen, _load: FITS))
    assert [pair.load for pair in pairs.values()] == [None, None]
    assert [pair.status for pair in pairs.values()] == ["rejected", "rejected"]


def test_more_evidence_beats_less_and_the_same_number_beats_the_same_prefix() -> None:
    loads = {"OAK_LD1": FITS, "OAK_LD2": FITS_TWICE}
    pairs = choose_pairs({"OAK_BESS1": [*loads]}, _each(lambda _gen, load: loads[load]))
    assert pairs["OAK_BESS1"].load == "OAK_LD2"
    pairs = choose_pairs({"OAK_BESS1": ["OAK_LD1", "OAK_LD2"]}, _each(lambda _gen, _load: FITS))
    assert pairs["OAK_BESS1"].load == "OAK_LD1"


@pytest.mark.parametrize(("loads", "taken"), [
    (("OAK_BESS1", "OAK_LD1"), "OAK_BESS1"),  # the same name before the same number
    (("OAK_BESS1", "OAK_BESS1_LD1"), "OAK_BESS1"),
    (("OAK_BESS1_LD1", "OAK_LD2"), "OAK_BESS1_LD1"),  # named after it before the same prefix
    (("OAK_BESS1_LD1", "OAK_LD1"), None),  # as good as each other
])  # fmt: skip
@pytest.mark.parametrize("evidence", [NOTHING, FITS])
def test_of_loads_with_equal_evidence_the_one_with_the_nearest_name_is_taken(loads, taken, evidence):
    pairs = choose_pairs({"OAK_BESS1": loads}, _each(lambda _gen, _load: evidence))
    assert pairs["OAK_BESS1"].load == taken


def test_one_test_passed_beats_the_same_name_with_nothing_to_test() -> None:
    suggested = {"OAK_BESS1": ["OAK_BESS1", "OAK_LD2"]}
    pairs = choose_pairs(suggested, _each(lambda _gen, load: FITS if load == "OAK_LD2" else NOTHING))
    assert (pairs["OAK_BESS1"].load, pairs["OAK_BESS1"].status) == ("OAK_LD2", "confirmed")


def test_a_load_taken_by_its_better_battery_leaves_the_other_its_second_best() -> None:
    suggested = {"OAK_BESS1": ["OAK_LD1"], "OAK_BESS2": ["OAK_LD1", "OAK_LD3"]}
    pairs = choose_pairs(suggested, _each(lambda gen, _load: FITS_TWICE if gen == "OAK_BESS1" else FITS))
    assert (pairs["OAK_BESS1"].load, pairs["OAK_BESS2"].load) == ("OAK_LD1", "OAK_LD3")


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("ABCDE"), st.sampled_from("vwxyz")),
        st.tuples(st.integers(0, 2), st.integers(-3, 0)),
        max_size=25,
    )
)
def test_every_resource_is_in_one_pair_at_most_and_a_pair_is_strictly_best_when_taken(ranks):
    accepted = mutual_best(ranks)
    assert len(set(accepted.values())) == len(accepted)
    for a, b in accepted.items():
        rivals = [
            rank
            for (x, y), rank in ranks.items()
            if (x == a) != (y == b) and accepted.get(x) is None and y not in accepted.values()
        ]
        assert all(ranks[a, b] < rank for rank in rivals)


def _unit(name: str, *nodes: str, mw: float | None = 100.0) -> Unit:
    return Unit(name, frozenset(nodes), mw)


_OAK = _unit("OAK_BESS1", "OAK_RN")


@pytest.mark.parametrize(("combo", "esr", "words"), [
    (_OAK, _unit("OAK_ESR1", "OAK_RN"), "same name and number, same node, size within 20 %"),
    (_OAK, _unit("OAK_ESR1", "NEW_RN"), "same name and number, size within 20 %, another node"),
    (_unit("OAK_BESS1"), _unit("OAK_ESR1", mw=None), "same name and number"),
    (_OAK, _unit("OAK_ESR1", "NEW_RN", mw=200.0), None),
    (_OAK, _unit("OAK_ESR7", "OAK_RN"), "same prefix, same node, size within 20 %"),
    (_OAK, _unit("ELM_ESR1", "OAK_RN"), "same node, size within 20 %"),
    (_OAK, _unit("ELM_ESR1", "OAK_RN", mw=120.0), "same node, size within 20 %"),
    (_OAK, _unit("ELM_ESR1", "OAK_RN", mw=121.0), None),
    (_OAK, _unit("OAK_ESR1", mw=200.0), "same name and number, another size"),
    (_unit("OAK_BESS1"), _unit("OAK_ESR1", "OAK_RN", mw=200.0), "same name and number, another size"),
    (_OAK, _unit("ELM_ESR1", "ELM_RN"), None), (_OAK, _unit("OAK_ESR2", "OAK_RN", mw=None), None),
])  # fmt: skip
def test_a_renamed_battery_is_one_battery_on_name_node_and_size(combo: Unit, esr: Unit, words: str | None) -> None:
    assert bridge_names([combo], [esr]) == ({combo.name: (esr.name, words)} if words else {})


def test_two_batteries_at_one_node_are_bridged_each_to_its_own_number() -> None:
    combos = [_unit("OAK_UNIT1", "OAK_RN"), _unit("OAK_UNIT2", "OAK_RN")]
    esrs = [_unit("OAK_ESR1", "OAK_RN"), _unit("OAK_ESR2", "OAK_RN")]
    bridges = bridge_names(combos, esrs)
    assert {combo: esr for combo, (esr, _) in bridges.items()} == {"OAK_UNIT1": "OAK_ESR1", "OAK_UNIT2": "OAK_ESR2"}


def test_of_two_names_at_one_node_the_one_with_the_same_prefix_is_the_renamed_battery() -> None:
    bridges = bridge_names([_unit("OAK_UNIT1", "N")], [_unit("ELM_ESR1", "N"), _unit("OAK_ESR7", "N")])
    assert bridges == {"OAK_UNIT1": ("OAK_ESR7", "same prefix, same node, size within 20 %")}


@pytest.mark.parametrize("bess_first", [True, False])
def test_of_two_batteries_with_the_new_ones_key_the_one_at_its_node_was_renamed(bess_first: bool) -> None:
    combos = [_unit("OAK_BESS1", "OAK_RN"), _unit("OAK_UNIT1", "ELM_RN")]
    bridges = bridge_names(combos if bess_first else combos[::-1], [_unit("OAK_ESR1", "OAK_RN")])
    assert list(bridges) == ["OAK_BESS1"]


def test_two_equal_strangers_at_one_node_are_not_bridged() -> None:
    assert bridge_names([_unit("OAK_UNIT1", "N")], [_unit("ELM_ESR1", "N"), _unit("FIR_ESR1", "N")]) == {}
