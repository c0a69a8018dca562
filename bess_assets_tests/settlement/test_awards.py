"""Day-ahead awards: unknown, none and zero told apart; parts of RRS and ECRS; which dataset an hour is read from."""

from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import StepResult
from bess_assets.settlement.awards import award_of_parts, bess_awards, both_sides
from bess_assets.settlement.nodes import esr_boundary
from bess_assets.store.files import ResultTable, write_table
from bess_assets.tables import BESS_AWARDS
from bess_assets_tests.resources import ALONE, COMBO, ESR, GEN, KEY, LOAD, NODE, RENAMED, STORAGE, WIND
from bess_assets_tests.scenario import ERAS, hourly, write_rollup
from bess_assets_tests.steps import SPRING_AND_AUTUMN, count_of, found, hour_of, inputs_of, take

DAY = date(2024, 1, 1)
_, AUTUMN = SPRING_AND_AUTUMN[2024]
NAN = float("nan")


def _awards(root, *batteries, year=2024, **more):
    result = bess_awards(inputs_of(root, year, *(batteries or (COMBO,)), **more))
    return take(result), result.findings.items


def _gen(root, *rows, file_year=2024):
    """A file of day-ahead rows of generation resources."""
    return write_rollup(root, "dam_gen_resources", file_year, rows)


def _load(root, *rows, file_year=2024):
    """A file of day-ahead rows of load resources."""
    return write_rollup(root, "dam_load_resources", file_year, rows)


def _first(root, column, *batteries, hours=1):
    """A column of the only battery, first hours of 2024."""
    return _awards(root, *batteries)[0][KEY][column][:hours].tolist()


def _amid(row):
    """The row among others: a stranger's row of another hour has a value wherever this one is blank, as in any real file."""
    stranger = {"resource_name": "STRANGER", "hour_ending": 23, **{n: 1.0 for n, v in row.items() if v is None}}
    return [row, row | stranger]


def _equal(values, expected):
    return np.array_equal(values, expected, equal_nan=True)


# --- unknown, none and zero ---------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_awards_of_both_sides_are_the_same_in_every_era(tmp_path, era):
    def row(names, mw, name):
        return hourly(DAY, 24, name, **dict(zip((f"{p}_award_mw" for p in names.split()), mw, strict=True)))

    gen = {**row("regup regdn rrspfr ecrssd nspin", (1.0, 2.0, 3.0, 4.0, 5.0), GEN), "award_mw": 10.0}
    load = row("regup regdn rrsffr ecrsmd nspin", (6.0, 7.0, 8.0, 9.0, 11.0), LOAD)
    write_rollup(tmp_path, "dam_gen_resources", 2024, [{**gen, "settlement_point": NODE}], era)
    write_rollup(tmp_path, "dam_load_resources", 2024, [load], era)
    own = _awards(tmp_path)[0][KEY]
    assert own["award_mw"][23] == 10.0
    assert [own[f"{p}_gen_award_mw"][23] for p in PRODUCTS] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [own[f"{p}_load_award_mw"][23] for p in PRODUCTS] == [6.0, 7.0, 8.0, 9.0, 11.0]
    assert own["settlement_point"][23] == NODE
    assert np.isnan(own["award_mw"][22])
    assert np.isnan(own["award_mw"][24])


def test_an_absent_column_is_unknown_and_a_blank_in_one_that_is_there_is_no_award(tmp_path):
    _gen(tmp_path, *_amid(hourly(DAY, 1, award_mw=None, regup_award_mw=None)))
    own = _awards(tmp_path, ALONE)[0][KEY]
    assert own["award_mw"][0] == 0.0
    assert own["regup_gen_award_mw"][0] == 0.0
    assert np.isnan([own[f"{p}_gen_award_mw"][0] for p in ("regdn", "rrs", "ecrs", "nspin")]).all()


@pytest.mark.parametrize("blank", [pa.array([None, None], pa.float64()), pa.array(["", " "]), pa.nulls(2)], ids=str)
@pytest.mark.parametrize("statistics", [True, False])
def test_a_column_that_is_blank_in_every_row_is_as_good_as_absent_and_reported(tmp_path, blank, statistics):
    # a rollup's producer fills columns that it does not know with blanks: no award would be a guess
    table = pa.table(
        {
            "DeliveryDate": [DAY, DAY], "HourEnding": ["1", "2"], "ResourceName": [GEN, GEN],
            "AwardedQuantity": blank, "RegUpAwarded": [1.0, None],
        }
    )  # fmt: skip
    path = tmp_path / "DAM_Gen_Resources" / "2024.parquet"
    path.parent.mkdir()
    pq.write_table(table, path, write_statistics=statistics)
    own, findings = _awards(tmp_path, ALONE)
    assert np.isnan(own[KEY]["award_mw"][:2]).all()
    assert own[KEY]["regup_gen_award_mw"][:2].tolist() == [1.0, 0.0]
    said = [f.detail for f in findings if f.kind == "missing_columns" and f.subject == "dam_gen_resources"]
    assert "2024.parquet: blank in every row: award_mw" in said


def test_columns_are_absent_file_by_file(tmp_path):
    _gen(tmp_path, hourly(DAY, 1, award_mw=1.0))
    _gen(tmp_path, *_amid(hourly(DAY, 2, award_mw=1.0, regup_award_mw=None)), file_year=2025)
    assert _equal(_first(tmp_path, "regup_gen_award_mw", ALONE, hours=2), [NAN, 0.0])


def test_no_row_is_no_award_only_in_an_hour_that_the_dataset_holds(tmp_path):
    rows = [hourly(DAY, 1, award_mw=5.0), hourly(DAY, 2, WIND, award_mw=80.0)]
    _gen(tmp_path, *rows)
    assert _equal(_first(tmp_path, "award_mw", ALONE, hours=3), [5.0, 0.0, NAN])


def test_each_side_knows_only_the_hours_of_its_own_dataset(tmp_path):
    _gen(tmp_path, *(hourly(DAY, h, WIND, regup_award_mw=1.0) for h in (1, 2)))
    _load(tmp_path, *(hourly(DAY, h, "OTHER_LD1", regup_award_mw=1.0) for h in (2, 3)))
    assert _equal(_first(tmp_path, "regup_gen_award_mw", hours=4), [0.0, 0.0, NAN, NAN])
    assert _equal(_first(tmp_path, "regup_load_award_mw", hours=4), [NAN, 0.0, 0.0, NAN])


def test_a_battery_without_a_load_resource_has_no_award_there_and_not_an_unknown_one(tmp_path):
    _gen(tmp_path, hourly(DAY, 1, award_mw=5.0))
    own = _awards(tmp_path, ALONE)[0][KEY]
    assert all((own[f"{p}_load_award_mw"] == 0.0).all() for p in PRODUCTS)


def test_a_missing_dataset_leaves_its_awards_unknown_and_is_reported(tmp_path):
    _gen(tmp_path, hourly(DAY, 1, regup_award_mw=5.0))
    own, findings = _awards(tmp_path)
    assert own[KEY]["regup_gen_award_mw"][0] == 5.0
    assert np.isnan(own[KEY]["regup_load_award_mw"]).all()
    assert found(findings, "dataset_absent", "dam_load_resources")


def test_duplicates_are_dropped_and_counted_and_the_later_publication_wins(tmp_path):
    first, second = (hourly(DAY, h, award_mw=5.0, settlement_point=NODE) for h in (1, 2))
    _gen(tmp_path, first, second)
    _gen(tmp_path, first, {**second, "award_mw": 6.0, "settlement_point": "NEW_RN"}, file_year=2025)
    own, findings = _awards(tmp_path, ALONE)
    assert own[KEY]["award_mw"][:2].tolist() == [5.0, 6.0]
    assert own[KEY]["settlement_point"][:3] == [NODE, "NEW_RN", "NEW_RN"]
    assert count_of(findings, "duplicate_rows", "dam_gen_resources") == 1
    assert count_of(findings, "contradicting_rows", "dam_gen_resources") == 1


# --- RRS and ECRS -------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("parts", "single", "award"), [
    ((1.0, 2.0, 3.0), None, 6.0),
    ((1.0, None, None), None, 1.0),  # a blank part is no part
    ((1.0, 2.0, 3.0), 6.0, 6.0),  # never both
    ((None, None, None), 6.0, 6.0),  # before the split
    ((0.0, 0.0, 0.0), 6.0, 6.0),  # absent parts filled with zeros
    ((0.0, None, 0.0), 6.0, 6.0),
    ((0.0, 0.0, 0.0), 0.0, 0.0),
    ((0.0, 0.0, 0.0), None, 0.0),
    ((4.0, 0.0, 0.0), 6.0, 4.0),  # a contradiction: the parts
    ((4.0, 0.0, 0.0), 0.0, 4.0),  # the single column filled with zeros
    ((None, None, None), None, 0.0),  # blank all over: no award
])  # fmt: skip
def test_rrs_is_its_parts_or_else_the_old_single_column(tmp_path, parts, single, award):
    pfr, ffr, ufr = parts
    row = hourly(DAY, 1, rrspfr_award_mw=pfr, rrsffr_award_mw=ffr, rrsufr_award_mw=ufr, rrs_award_mw=single)
    _gen(tmp_path, *_amid(row))
    _load(tmp_path, *_amid({**row, "resource_name": LOAD}))
    assert _first(tmp_path, "rrs_gen_award_mw") == [award]
    assert _first(tmp_path, "rrs_load_award_mw") == [award]


@pytest.mark.parametrize("present", ["rrs_award_mw", "rrspfr_award_mw", "rrsufr_award_mw"])
def test_a_blank_in_any_rrs_column_that_is_there_is_no_award(tmp_path, present):
    _gen(tmp_path, *_amid(hourly(DAY, 1, **{present: None})))
    assert _first(tmp_path, "rrs_gen_award_mw", ALONE) == [0.0]


@pytest.mark.parametrize(("columns", "gen", "load"), [
    ({"ecrssd_award_mw": 3.0, "ecrsmd_award_mw": 4.0}, 3.0, 7.0),
    ({"ecrssd_award_mw": None, "ecrsmd_award_mw": 4.0}, 0.0, 4.0),
    ({"ecrssd_award_mw": 3.0, "ecrs_award_mw": 3.0}, 3.0, 3.0),
    ({"ecrssd_award_mw": None, "ecrs_award_mw": 9.0}, 9.0, 9.0),
    ({"ecrssd_award_mw": 0.0, "ecrs_award_mw": 9.0}, 9.0, 9.0), ({"ecrs_award_mw": None}, 0.0, 0.0),
    ({"award_mw": 1.0}, NAN, NAN),
])  # fmt: skip
def test_ecrs_is_the_sd_award_and_on_a_load_sd_and_md(tmp_path, columns, gen, load):
    # the generation file knows no ECRSMD
    own = {name: value for name, value in columns.items() if name != "ecrsmd_award_mw"}
    _gen(tmp_path, *_amid(hourly(DAY, 1, **own)))
    theirs = {name: value for name, value in columns.items() if name != "award_mw"}
    _load(tmp_path, *_amid(hourly(DAY, 1, LOAD, **theirs)))
    assert _equal(_first(tmp_path, "ecrs_gen_award_mw"), [gen])
    assert _equal(_first(tmp_path, "ecrs_load_award_mw"), [load])


def test_parts_and_single_column_that_differ_by_more_than_0_05_mw_are_counted(tmp_path):
    rows = [
        hourly(DAY, 1, rrspfr_award_mw=4.0, rrs_award_mw=4.04, ecrssd_award_mw=4.0, ecrs_award_mw=4.06),
        hourly(DAY, 2, rrspfr_award_mw=4.0, rrs_award_mw=3.0, ecrssd_award_mw=0.0, ecrs_award_mw=4.0),
        hourly(DAY, 3, rrspfr_award_mw=4.0, rrs_award_mw=0.0, ecrssd_award_mw=None, ecrs_award_mw=4.0),
    ]
    _gen(tmp_path, *rows)
    own, findings = _awards(tmp_path, ALONE)
    assert own[KEY]["rrs_gen_award_mw"][:3].tolist() == [4.0, 4.0, 4.0]
    (finding,) = found(findings, "award_contradiction", "dam_gen_resources")
    assert (finding.count, finding.warning) == (2, True)


def test_a_difference_of_just_0_05_mw_is_no_contradiction():
    assert award_of_parts([np.array([0.1])], np.array([0.05]))[1] == 0
    assert award_of_parts([np.array([0.1])], np.array([0.04]))[1] == 1


def test_both_sides_are_added_and_unknown_if_either_is():
    assert _equal(both_sides(np.array([3.0, NAN, 3.0]), np.array([1.0, 1.0, NAN])), [4.0, NAN, NAN])


maybe = st.sampled_from([NAN, 0.0, 1.0, 2.5])


@given(st.lists(maybe, min_size=1, max_size=3), maybe)
def test_parts_and_single_column_are_never_added(parts, single):
    (award,), contradictions = award_of_parts([np.array([p]) for p in parts], np.array([single]))
    known = [p for p in parts if not np.isnan(p)]
    if sum(known) > 0 or (known and not single > 0):
        assert award == sum(known)
    else:
        assert _equal(award, single)
    assert contradictions == (sum(known) > 0 and single > 0 and abs(sum(known) - single) > 0.05)


# --- which dataset an hour is read from -----------------------------------------------------------------------------------------------------------
def test_awards_come_from_the_combo_files_through_2025_12_05_and_from_the_esr_file_after(tmp_path):
    days = [date(2025, 12, d) for d in (4, 5, 6)]
    gen = [hourly(day, 24, award_mw=1.0, regup_award_mw=1.0, settlement_point="OLD_RN") for day in days]
    load = [hourly(day, 24, LOAD, regup_award_mw=2.0) for day in days]
    values = {"award_mw": -3.0, "regup_award_mw": 3.0, "settlement_point": "NEW_RN"}
    esr = [hourly(day, h, ESR, **values) for day in days for h in (1, 24)]
    _gen(tmp_path, *gen, file_year=2025)
    _load(tmp_path, *load, file_year=2025)
    write_rollup(tmp_path, "dam_esr_resources", 2026, esr)
    own = _awards(tmp_path, RENAMED, year=2025)[0][KEY]
    boundary = hour_of(datetime(2025, 12, 6))
    assert esr_boundary(operating_year(2025)) == boundary
    known = {int(h): float(own["award_mw"][h]) for h in np.flatnonzero(~np.isnan(own["award_mw"]))}
    # the last combo hour is the one before the boundary: nothing of 12-06 is read from the combo files
    assert known == {boundary - 25: 1.0, boundary - 1: 1.0, boundary: -3.0, boundary + 23: -3.0}
    assert own["regup_gen_award_mw"][[boundary - 1, boundary]].tolist() == [1.0, 3.0]
    assert own["regup_load_award_mw"][[boundary - 1, boundary, boundary + 23]].tolist() == [2.0, 0.0, 0.0]
    assert own["settlement_point"][boundary - 1 : boundary + 1] == ["OLD_RN", "NEW_RN"]


def test_a_year_of_one_era_does_not_ask_for_the_files_of_the_other(tmp_path):
    said = {year: _awards(tmp_path, RENAMED, year=year)[1] for year in (2024, 2025, 2026)}
    absent = {year: {f.subject for f in found(findings, "dataset_absent")} for year, findings in said.items()}
    combo, esr = {"dam_gen_resources", "dam_load_resources"}, {"dam_esr_resources"}
    assert absent == {2024: combo, 2025: combo | esr, 2026: esr}


def test_days_before_the_first_esr_file_are_not_missing_from_it(tmp_path):
    write_rollup(tmp_path, "dam_esr_resources", 2026, [hourly(date(2025, 12, d), 1, ESR, award_mw=1.0) for d in (7, 8)])
    missing = found(_awards(tmp_path, STORAGE, year=2025)[1], "missing_days", "dam_esr_resources")
    assert [f.detail for f in missing if f.warning] == ["2025-12-06"]


@pytest.mark.parametrize(("dataset", "year", "battery", "name"), [
    ("dam_gen_resources", 2024, ALONE, GEN), ("dam_load_resources", 2024, COMBO, LOAD),
    ("dam_esr_resources", 2026, STORAGE, ESR),
])  # fmt: skip
def test_the_first_of_january_can_be_missing(tmp_path, dataset, year, battery, name):
    write_rollup(tmp_path, dataset, year, [hourly(date(year, 1, d), 1, name, regup_award_mw=1.0) for d in (2, 3)])
    missing = found(_awards(tmp_path, battery, year=year)[1], "missing_days", dataset)
    assert [f.detail for f in missing if f.warning] == [f"{year}-01-01"]


def test_a_battery_without_a_generation_resource_has_no_award_in_the_hours_that_others_have(tmp_path):
    _gen(tmp_path, hourly(date(2025, 12, 4), 1, WIND, award_mw=9.0, regup_award_mw=9.0), file_year=2025)
    own = _awards(tmp_path, STORAGE, year=2025)[0][KEY]
    held = hour_of(datetime(2025, 12, 4))
    for column in ("award_mw", "regup_gen_award_mw"):
        assert _equal(own[column][held - 1 : held + 2], [NAN, 0.0, NAN])


# --- the ledger ---------------------------------------------------------------------------------------------------------------------------------
def test_the_node_is_carried_over_hours_without_a_row_and_a_blank_node_is_no_node(tmp_path):
    nodes = ((3, "A_RN"), (5, None), (7, "B_RN"))
    rows = [hourly(DAY, hour, award_mw=1.0, settlement_point=node) for hour, node in nodes]
    _gen(tmp_path, *rows)
    nodes = _awards(tmp_path, ALONE)[0][KEY]["settlement_point"]
    assert (nodes[:8], nodes[-1]) == (["A_RN"] * 6 + ["B_RN"] * 2, "B_RN")


def test_the_users_node_wins_on_its_days(tmp_path):
    _gen(tmp_path, hourly(DAY, 1, award_mw=1.0, settlement_point="A_RN"))
    csv = tmp_path / "batteries.csv"
    headings, day = "battery,settlement_point,valid_from,valid_to", "2024-01-02"
    csv.write_text(f"{headings}\n{KEY},MINE_RN,{day},{day}\nOTHER_1,HIS_RN,,\n")
    nodes = _awards(tmp_path, ALONE, registry_csv=csv)[0][KEY]["settlement_point"]
    assert (nodes[23], set(nodes[24:48]), nodes[48]) == ("A_RN", {"MINE_RN"}, "A_RN")


def test_a_battery_without_any_node_has_none_and_batteries_do_not_share_awards(tmp_path):
    rows = [hourly(DAY, 1, award_mw=1.0), hourly(DAY, 1, "BRAVO_BESS1", award_mw=2.0)]
    _gen(tmp_path, *rows)
    second = {"battery": "BRAVO_1", "gen_resource": "BRAVO_BESS1"}
    own = _awards(tmp_path, ALONE, second)[0]
    assert [own[key]["award_mw"][0] for key in own] == [1.0, 2.0]
    assert set(own[KEY]["settlement_point"]) == {None}


def test_the_ledger_has_every_hour_of_the_year_and_may_be_written(tmp_path):
    _gen(tmp_path, hourly(DAY, 24, award_mw=5.0, settlement_point=NODE))
    path = tmp_path / "bess_awards" / "2024.parquet"
    result = bess_awards(inputs_of(tmp_path, 2024, ALONE))
    assert isinstance(result, StepResult)
    assert write_table(BESS_AWARDS, path, result)["rows"] == 8_784
    table = ResultTable(BESS_AWARDS, path).read()
    row = table.slice(23, 1).to_pylist()[0]
    assert (row["operating_day"], row["settlement_point"], row["award_mw"]) == (DAY, NODE, 5.0)
    assert row["interval_start"].isoformat() == "2024-01-02T05:00:00+00:00"
