"""Which batteries a year has: pairs judged on rows, sizes and where they come from, expected days, and the user's word over all."""

from datetime import date, datetime, timedelta
from itertools import starmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.errors import InputError, RegistryTableError
from bess_assets.run import result_table
from bess_assets.settings import load_settings
from bess_assets.settlement.registry import bess_fleet
from bess_assets.settlement.sides import sized
from bess_assets_tests.scenario import Row, hourly, run, runs_of_day, write_rollup
from bess_assets_tests.settlement.small import (
    AFTER,
    BEFORE,
    ESR,
    GEN,
    LOAD,
    MAY,
    NODE,
    SEAM,
    Market,
    consumption,
    dam,
    dam_esr,
    dam_load,
    days,
    esr_telemetry,
    may_market,
    metered,
    prices,
    registry,
    renamed,
    seam_market,
    settle,
    telemetry,
    together,
)
from bess_assets_tests.steps import count_of, found

OTHER_GAS = dam(date(2022, 1, 1), "GAS_CC1", resource_type="CCGT90", settlement_point="GAS_RN")
"""Somebody's row on the first day of the year: the year's data begin there."""


def _oak(folder: Path, year: int, market: Market, *, table: str | None = None) -> Row:
    """The registry's row of OAK_1."""
    return registry(folder, year, market, table=table)[0]["OAK_1"]


# --- pairs --------------------------------------------------------------------------------------------------------------------------------------
def test_a_pair_that_passes_a_test_is_confirmed_and_says_on_what(tmp_path: Path) -> None:
    oak = _oak(tmp_path, 2022, may_market())
    assert (oak["load_resource"], oak["pair_status"], oak["charging"]) == (LOAD, "confirmed", "load")
    assert "size agrees (10 MW against 10 MW)" in oak["pair_evidence"]


def test_a_pair_by_name_with_nothing_to_test_counts_in_ancillary_services_and_not_in_charging(tmp_path: Path) -> None:
    market = may_market()
    market["dam_gen_resources"] = dam(MAY, award_mw=8.0, regup_award_mw=3.0, hsl_mw=None)
    market["dam_load_resources"] = dam_load(MAY, regup_award_mw=1.0, max_power_mw=None)
    del market["sced_gen_resources"]
    settled = settle(tmp_path, 2022, market)
    oak = settled.row("bess_registry")
    assert (oak["load_resource"], oak["pair_status"], oak["charging"]) == (LOAD, "name_only", "unknown")
    assert "its AS is counted, charging is not" in oak["notes"]
    board = settled.row("leaderboard")
    assert (board["as_regup_usd"], board["charge_mwh"]) == (pytest.approx(24 * (3 + 1) * 5), None)
    assert "charging unknown" in board["excluded_reason"]
    assert "paired by name only" in board["notes"]


def test_a_load_of_another_size_is_rejected_and_its_awards_do_not_count(tmp_path: Path) -> None:
    market = may_market()
    market["dam_load_resources"] = dam_load(MAY, max_power_mw=25.0, regup_award_mw=1.0)
    settled = settle(tmp_path, 2022, market)
    oak = settled.row("bess_registry")
    assert (oak["load_resource"], oak["pair_status"], oak["charging"]) == (None, "rejected", "unknown")
    assert "size differs (25 MW against 10 MW)" in oak["pair_evidence"]
    assert settled.row("leaderboard")["as_regup_usd"] == pytest.approx(24 * 3 * 5)
    assert "AS of a load side is not counted" in settled.row("leaderboard")["notes"]
    assert any("OAK_LD1" in text for text in settled.findings("rejected_pair"))


def test_two_sides_that_run_at_once_are_not_one_battery(tmp_path: Path) -> None:
    oak = _oak(tmp_path, 2022, {**may_market(), "sced_load_resources": consumption(MAY, 1.5)})
    assert oak["pair_status"] == "rejected"
    assert "too often" in oak["pair_evidence"]


def test_a_load_that_takes_in_twice_what_the_battery_gives_is_not_its_own(tmp_path: Path) -> None:
    several = days(MAY, 4)
    discharging, charging = range(12, 18), range(12)
    for name, charge_mw, status in (("fits", 4.0, "confirmed"), ("twice", 6.5, "rejected")):
        market = {
            "dam_gen_resources": [row for day in several for row in dam(day)],
            "dam_load_resources": [row for day in several for row in dam_load(day)],
            "sced_gen_resources": [
                {**row, "output_mw": 6.0 if row["sced_stamp"].hour in discharging else 0.0}
                for day in several
                for row in telemetry(day, 0.0)
            ],
            "sced_load_resources": [
                {**row, "consumption_mw": charge_mw if row["sced_stamp"].hour in charging else 0.0}
                for day in several
                for row in consumption(day, 0.0)
            ],
        }
        oak = _oak(tmp_path / name, 2022, market)
        assert oak["pair_status"] == status
        # of the last quarter-hour of each charge half is charged, and the first half of the next but for the first day
        ratio = (4 * charge_mw * 12 - charge_mw / 2 / 4) / (4 * 36)
        assert f"charge / discharge {ratio:.2f}" in oak["pair_evidence"]
        assert "both run in 0.0% of runs" in oak["pair_evidence"]


def test_a_pair_is_judged_by_the_runs_in_which_both_sides_are_known(tmp_path: Path) -> None:
    generating = [row | {"output_mw": 6.0 if row["sced_stamp"].hour < 6 else 0.0} for row in telemetry(MAY, 0.0)]
    generating[-1]["output_mw"] = None
    market = {**may_market(), "sced_gen_resources": generating, "sced_load_resources": consumption(MAY, 1.5)}
    assert "both run in 25.3% of runs, too often" in _oak(tmp_path, 2022, market)["pair_evidence"], "24 of 95"


def test_a_battery_that_no_name_suggests_a_load_for_is_listed_as_unpaired(tmp_path: Path) -> None:
    market = {**may_market(), "dam_load_resources": dam_load(MAY, "ELM_LD1"), "sced_load_resources": []}
    rows, findings = registry(tmp_path, 2022, market)
    assert (rows["OAK_1"]["pair_status"], rows["OAK_1"]["charging"]) == (None, "unknown")
    assert any(f.kind == "unpaired" and GEN in f.detail for f in findings)


def test_only_resources_of_a_batterys_type_are_batteries(tmp_path: Path) -> None:
    market = may_market()
    market["dam_gen_resources"] += dam(MAY, "WINDY_UNIT1", resource_type="WIND")
    assert list(registry(tmp_path, 2022, market)[0]) == ["OAK_1"]


@pytest.mark.parametrize("dataset", ["dam_gen_resources", "rt_prices"])
def test_a_year_without_a_battery_is_an_error_that_says_where_one_was_looked_for(tmp_path: Path, dataset: str) -> None:
    market = {**prices(MAY, 1.0, 1.0), "dam_gen_resources": OTHER_GAS}
    with pytest.raises(InputError) as error:
        registry(tmp_path, 2022, {dataset: market[dataset]})
    for word in ("2022", "PWRSTR", "DAM_Gen_Resources/2022.parquet", "remedy"):
        assert word in str(error.value)
    looked_in = tmp_path / "rollups" / "DAM_Gen_Resources" / "2022.parquet"
    assert error.value.file == (str(looked_in) if dataset == "dam_gen_resources" else None)


# --- sizes --------------------------------------------------------------------------------------------------------------------------------------
@given(st.lists(st.floats(0.1, 500.0), max_size=60))
def test_a_size_is_the_24th_largest_hour_or_the_largest_of_fewer(values: list[float]) -> None:
    size = sized(np.array([*values, 0.0, -5.0, np.nan]))
    ordered = sorted(values, reverse=True)
    assert size == (ordered[23] if len(ordered) >= 24 else ordered[0] if ordered else None)


def test_capacity_is_the_24th_largest_hourly_limit_so_a_day_less_an_hour_may_be_wrong(tmp_path: Path) -> None:
    wrong = dam(MAY, hsl_mw=dict.fromkeys(range(1, 24), 99.0) | {24: 10.0})
    market = {"dam_gen_resources": wrong + dam(MAY + timedelta(days=1))}
    oak = _oak(tmp_path / "a", 2022, market)
    assert (oak["capacity_mw"], oak["capacity_source"]) == (10.0, "dam")
    assert _oak(tmp_path / "b", 2022, {"dam_gen_resources": dam(MAY, hsl_mw=99.0)})["capacity_mw"] == 99.0
    oak = _oak(tmp_path / "c", 2022, {"dam_gen_resources": dam(MAY, hours=[1, 2], hsl_mw={1: 8.0, 2: 9.0})})
    assert oak["capacity_mw"] == 9.0
    oak = _oak(tmp_path / "d", 2022, {"dam_gen_resources": dam(MAY, hsl_mw=0.0)})
    assert (oak["capacity_mw"], oak["capacity_source"]) == (None, None)


def test_capacity_comes_from_day_ahead_then_sced_then_plans_then_the_load_side(tmp_path: Path) -> None:
    plans = [hourly(MAY, hour, GEN, hsl_mw=12.0, max_soc_mwh=24.0) for hour in range(1, 25)]
    market = {
        "dam_gen_resources": dam(MAY, hsl_mw=10.0),
        "sced_gen_resources": telemetry(MAY, 0.0, hsl_mw=11.0),
        "cop_snapshots": plans,
        "dam_load_resources": dam_load(MAY, GEN, max_power_mw=11.5),
    }
    for size, without_size in (
        ((10.0, "dam"), {}),
        ((11.0, "sced"), {"dam_gen_resources": dam(MAY, hsl_mw=0.0)}),
        ((12.0, "cop"), {"sced_gen_resources": telemetry(MAY, 0.0, hsl_mw=0.0)}),
        ((11.5, "load"), {"cop_snapshots": []}),
        ((None, None), {"dam_load_resources": []}),
    ):
        market |= without_size
        oak = _oak(tmp_path / str(size), 2022, market)
        assert (oak["capacity_mw"], oak["capacity_source"]) == size


def test_megawatt_hours_come_from_the_maximum_state_of_charge_or_are_assumed(tmp_path: Path) -> None:
    plans = {"cop_snapshots": [hourly(AFTER, hour, ESR, hsl_mw=10.0, max_soc_mwh=18.0) for hour in range(1, 25)]}
    day_ahead = {"dam_esr_resources": dam_esr(AFTER)}
    sced = {"sced_esr_resources": esr_telemetry(AFTER, 0.0)}
    for name, market, energy, source, duration, duration_source in (
        ("sced", {**day_ahead, **plans, **sced}, 20.0, "sced", 2.0, "ercot"),
        ("cop", {**day_ahead, **plans}, 18.0, "cop", 1.8, "ercot"),
        ("none", day_ahead, None, None, 4.0, "assumed"),
    ):
        oak = _oak(tmp_path / name, 2025, market)
        assert (oak["energy_mwh"], oak["energy_source"]) == (energy, source)
        assert (oak["duration_hours"], oak["duration_source"]) == (duration, duration_source)


# --- the rename ---------------------------------------------------------------------------------------------------------------------------------
def test_a_battery_renamed_in_december_2025_is_one_battery_with_its_evidence(tmp_path: Path) -> None:
    rows, findings = registry(tmp_path, 2025, seam_market())
    assert list(rows) == ["OAK_1"]
    oak = rows["OAK_1"]
    assert (oak["gen_resource"], oak["load_resource"], oak["esr_resource"]) == (GEN, LOAD, ESR)
    assert oak["bridge_evidence"] == "same name and number, same node, size within 20 %"
    assert "joined with" not in oak["notes"]
    assert any(f.kind == "bridged" and f"{GEN} = {ESR}" in f.detail for f in findings)


def test_a_battery_that_took_a_wholly_new_name_is_known_by_node_and_size(tmp_path: Path) -> None:
    rows, _ = registry(tmp_path, 2025, renamed(seam_market(), "ELM_ESR1"))
    assert list(rows) == ["ELM_1"]
    assert (rows["ELM_1"]["gen_resource"], rows["ELM_1"]["esr_resource"]) == (GEN, "ELM_ESR1")
    assert rows["ELM_1"]["bridge_evidence"] == "same node, size within 20 %"
    assert "joined with ELM_ESR1 by same node and size within 20 %, not by its name" in rows["ELM_1"]["notes"]


# --- days -----------------------------------------------------------------------------------------------------------------------------------------
def _expected(row: dict) -> tuple[date, date]:
    return row["expected_first_day"], row["expected_last_day"]


def test_a_battery_seen_on_the_first_and_last_day_of_the_data_is_expected_all_along(tmp_path: Path) -> None:
    oak = _oak(tmp_path, 2022, may_market())
    assert (oak["first_seen_day"], oak["last_seen_day"]) == (MAY, MAY)
    assert _expected(oak) == (date(2022, 1, 1), MAY)
    assert (oak["data_through"], oak["edition"]) == (MAY, "preliminary")


def test_before_and_after_its_seen_period_a_battery_is_not_expected(tmp_path: Path) -> None:
    market = may_market()
    market["dam_gen_resources"] += OTHER_GAS + dam(date(2022, 9, 1), "GAS_CC1", resource_type="CCGT90")
    oak = _oak(tmp_path, 2022, market)
    assert _expected(oak) == (MAY, MAY)
    assert oak["data_through"] == date(2022, 9, 1)


def test_a_row_after_the_year_closes_it_and_the_batteries_of_its_last_day_are_expected_to_its_end(tmp_path):
    write_rollup(tmp_path / "rollups", "sced_load_resources", 2023, runs_of_day(date(2023, 1, 1), 60, "ANY_LD1"))
    oak = _oak(tmp_path, 2022, may_market())
    assert (oak["data_through"], oak["edition"]) == (date(2022, 12, 31), "final")
    assert _expected(oak) == (date(2022, 1, 1), date(2022, 12, 31))


def test_plans_alone_neither_close_a_year_nor_make_a_battery_seen(tmp_path: Path) -> None:
    plans = [hourly(day, 1, GEN, hsl_mw=10.0) for day in (date(2022, 1, 1), date(2022, 12, 31), date(2023, 1, 1))]
    oak = _oak(tmp_path, 2022, {**may_market(), "cop_snapshots": plans})
    assert (oak["edition"], oak["first_seen_day"], oak["data_through"]) == ("preliminary", MAY, MAY)


def test_the_load_side_and_metering_make_a_battery_seen_too(tmp_path: Path) -> None:
    before, after = MAY - timedelta(days=1), MAY + timedelta(days=1)
    meter = metered(datetime(after.year, after.month, after.day, 0, 15), 1, 0.0)
    load = dam_load(before, hours=[24])
    more = {"dam_gen_resources": OTHER_GAS, "dam_load_resources": load, "sced_smne": [meter]}
    oak = _oak(tmp_path, 2022, together(may_market(), more))
    assert (oak["first_seen_day"], oak["last_seen_day"]) == (before, after)


def test_the_node_of_the_last_expected_hour_stands_for_the_year_and_all_are_listed(tmp_path: Path) -> None:
    market = {
        "dam_gen_resources": [
            *dam(MAY, settlement_point="A_RN"),
            *dam(MAY + timedelta(days=1), settlement_point="B_RN", qse="QOLD", hours=range(1, 20)),
            *dam(MAY + timedelta(days=1), settlement_point=None, qse="QNEW", hours=range(20, 25)),
        ]
    }
    oak = _oak(tmp_path, 2022, market)
    assert (oak["settlement_point"], oak["settlement_points"], oak["qse"]) == ("B_RN", "A_RN;B_RN", "QNEW")


# --- who schedules it -----------------------------------------------------------------------------------------------------------------------------
def _qse(folder: Path, market: Market, year: int = 2022) -> str | None:
    oak = _oak(folder, year, {"dam_gen_resources": dam(MAY), **market})
    return oak["qse"]


def test_the_qse_is_that_of_the_last_day_ahead_row_that_says_one(tmp_path: Path) -> None:
    says = [*dam(MAY, hours=[1, 2], qse="QA"), *dam(MAY, hours=[3], qse="QB"), *dam(MAY, hours=[4], qse=None)]
    assert _qse(tmp_path / "a", {"dam_gen_resources": says}) == "QB"
    # the year's own file may hold the later day, and that of the next year the earlier one
    folder = tmp_path / "b" / "rollups"
    write_rollup(folder, "dam_gen_resources", 2023, dam(MAY, qse="QA"))
    assert _qse(tmp_path / "b", {"dam_gen_resources": dam(MAY + timedelta(days=1), qse="QB")}) == "QB"
    first_hour = dam(date(2022, 1, 1), hours=[1], qse="QA")
    assert _qse(tmp_path / "c", {"dam_gen_resources": first_hour}) == "QA"


def test_where_no_day_ahead_row_says_a_qse_the_last_sced_row_of_the_year_does(tmp_path: Path) -> None:
    def says(day: date, clock: tuple[int, int], qse: str | None, name: str = GEN) -> dict:
        return run(datetime(day.year, day.month, day.day, *clock), name, resource_type="PWRSTR", qse=qse)

    noon, late, early = (12, 0), (23, 45), (0, 0)
    said = ((MAY, noon, "QB"), (MAY, early, "QA"), (MAY, late, None), (MAY, late, "QFAR", "PINE_BESS1"))
    rows = [*starmap(says, said)]
    assert _qse(tmp_path / "a", {"sced_gen_resources": rows}) == "QB"
    edges = [says(date(2022, 12, 31), late, "QLAST"), says(date(2023, 1, 1), early, "QNEXT")]
    assert _qse(tmp_path / "b", {"sced_gen_resources": edges}) == "QLAST"
    edges = [says(date(2022, 1, 1), early, "QFIRST"), says(date(2021, 12, 31), late, "QBEFORE")]
    assert _qse(tmp_path / "c", {"sced_gen_resources": edges}) == "QFIRST"
    write_rollup(tmp_path / "d" / "rollups", "sced_gen_resources", 2023, [says(MAY, early, "QA")])
    assert _qse(tmp_path / "d", {"sced_gen_resources": [says(MAY, noon, "QB")]}) == "QB"
    assert _qse(tmp_path / "e", {"sced_gen_resources": telemetry(MAY, 0.0)}) is None


# --- what the registry counts -----------------------------------------------------------------------------------------------------------------------
def test_day_ahead_rows_out_of_the_calendar_and_said_twice_are_counted(tmp_path: Path) -> None:
    market = may_market()
    market["dam_gen_resources"] += [hourly(MAY, 25, resource_type="PWRSTR"), market["dam_gen_resources"][0]]
    market["dam_load_resources"] += dam_load(MAY, hours=[7], max_power_mw=11.0)
    _, findings = registry(tmp_path, 2022, market)
    assert count_of(findings, "unusable_time", "dam_gen_resources") == 1
    assert count_of(findings, "duplicate_rows", "dam_gen_resources") == 1
    assert count_of(findings, "contradicting_rows", "dam_load_resources") == 1


def test_days_are_missing_only_from_the_first_on_which_a_dataset_exists(tmp_path: Path) -> None:
    _, findings = registry(tmp_path / "a", 2022, {"dam_gen_resources": dam(date(2022, 1, 2))})
    assert [f.detail for f in found(findings, "missing_days", "dam_gen_resources") if f.warning] == ["2022-01-01"]
    market = {"dam_esr_resources": dam_esr(AFTER + timedelta(days=2))}
    _, findings = registry(tmp_path / "b", 2025, market)
    (missing,) = [f for f in found(findings, "missing_days", "dam_esr_resources") if f.warning]
    assert (missing.count, missing.detail) == (2, "2025-12-06..2025-12-07")


def test_the_users_rows_of_the_year_are_counted_with_the_batteries_that_they_name(tmp_path: Path) -> None:
    table = "battery,capacity_mw,valid_from,valid_to\nOAK_1,9,,2022-05-31\nOAK_1,8,2022-06-01,2022-12-31\nOAK_1,7,2023-01-01,\n"
    rows, findings = registry(tmp_path, 2022, may_market(), table=table)
    (finding,) = found(findings, "user_table")
    assert (finding.count, finding.detail, finding.warning) == (2, "OAK_1", False)
    assert rows["OAK_1"]["capacity_mw"] == 8.0


# --- the edges of the year, and of the two eras -----------------------------------------------------------------------------------------------------
def test_a_battery_of_the_first_day_of_the_year_alone_is_one(tmp_path: Path) -> None:
    day = date(2022, 1, 1)
    market = {"dam_gen_resources": dam(day), "dam_load_resources": dam_load(day)}
    oak = _oak(tmp_path / "a", 2022, market)
    assert (oak["last_seen_day"], oak["load_resource"]) == (day, LOAD)
    oak = _oak(tmp_path / "b", 2026, {"dam_esr_resources": dam_esr(date(2026, 1, 1))})
    assert oak["last_seen_day"] == date(2026, 1, 1)


def test_a_row_of_the_last_combo_day_is_held_to_the_names_of_the_combo_data(tmp_path: Path) -> None:
    table = "battery,gen_resource,valid_from,valid_to\nOAK_1,OAK_BES1,{0},{0}\n"
    with pytest.raises(RegistryTableError, match="gen_resource 'OAK_BES1'"):
        registry(tmp_path / "a", 2025, seam_market(), table=table.format(BEFORE))
    assert _oak(tmp_path / "b", 2025, seam_market(), table=table.format(SEAM))["gen_resource"] == GEN


def test_names_of_the_other_era_say_nothing_in_a_year_without_it(tmp_path: Path) -> None:
    day = date(2026, 3, 1)
    market = {"dam_esr_resources": dam_esr(day) + dam_esr(day, "ELM_ESR1", hsl_mw=7.0)}
    table = f"battery,gen_resource,load_resource,esr_resource,capacity_mw\nBig Oak,{GEN},{LOAD},{ESR},9\n"
    rows, _ = registry(tmp_path, 2026, market, table=table)
    assert sorted(rows) == ["Big Oak", "ELM_1"]
    assert (rows["Big Oak"]["gen_resource"], rows["Big Oak"]["load_resource"]) == (None, None)
    assert (rows["Big Oak"]["charging"], rows["Big Oak"]["capacity_mw"]) == ("esr", 9.0)
    assert (rows["ELM_1"]["capacity_mw"], rows["ELM_1"]["capacity_source"]) == (7.0, "dam")


# --- the user's table -----------------------------------------------------------------------------------------------------------------------------
def test_the_user_overrides_key_size_and_node_within_the_days_given(tmp_path: Path) -> None:
    market = together(may_market(), {"dam_gen_resources": dam(MAY + timedelta(days=1), award_mw=8.0)})
    table = (
        "battery,gen_resource,settlement_point,capacity_mw,energy_mwh,valid_from,valid_to,note\n"
        f"Big Oak,{GEN},HERE_RN,9.5,19,2022-05-11,2022-05-11,measured\n"
    )
    settled = settle(tmp_path, 2022, market, table=table)
    oak = settled.row("bess_registry")
    assert oak["battery"] == "Big Oak"
    assert (oak["capacity_mw"], oak["capacity_source"]) == (9.5, "user")
    assert (oak["energy_mwh"], oak["energy_source"]) == (19.0, "user")
    assert (oak["duration_hours"], oak["duration_source"]) == (2.0, "user")
    assert (oak["settlement_points"], oak["settlement_point"]) == (f"{NODE};HERE_RN", "HERE_RN")
    assert "measured" in settled.row("leaderboard")["notes"]
    nodes = {row["operating_day"]: row["settlement_point"] for row in settled.rows("bess_awards")}
    assert (nodes[MAY], nodes[MAY + timedelta(days=1)], nodes[MAY + timedelta(days=2)]) == (NODE, "HERE_RN", NODE)
    assert settled.row("leaderboard")["battery"] == "Big Oak"


def test_an_empty_cell_overrides_nothing(tmp_path: Path) -> None:
    plain, _ = registry(tmp_path / "a", 2022, may_market())
    with_table, _ = registry(tmp_path / "b", 2022, may_market(), table="battery\nOAK_1\n")
    assert with_table == plain


def test_a_further_column_has_its_last_value_of_the_year_on_every_board(tmp_path: Path) -> None:
    table = (
        "battery,owner,zone,valid_from,valid_to\n"
        "OAK_1,Elm,,2022-07-01,2022-12-31\nOAK_1,Ash,West,2022-01-01,2022-06-30\nOAK_1,Later,Later,2023-01-01,\n"
    )
    settled = settle(tmp_path, 2022, may_market(), table=table)
    for name in ("bess_registry", "leaderboard", "leaderboard_monthly"):
        assert {row["attributes"] for row in settled.rows(name)} == {'{"owner": "Elm", "zone": "West"}'}, name


def test_a_tolled_battery_says_so_in_its_notes(tmp_path: Path) -> None:
    oak = _oak(tmp_path, 2022, may_market(), table="battery,contract\nOAK_1,Tolled\n")
    assert "tolled: its owner does not earn what the board says" in oak["notes"]


def test_the_user_names_a_pair_that_evidence_would_reject(tmp_path: Path) -> None:
    market = may_market()
    market["dam_load_resources"] = dam_load(MAY, "ELSEWHERE", max_power_mw=99.0, regup_award_mw=1.0)
    market["sced_load_resources"] = consumption(MAY, 2.0, "ELSEWHERE")
    table = f"battery,gen_resource,load_resource\nOAK_1,{GEN},ELSEWHERE\n"
    settled = settle(tmp_path, 2022, market, table=table)
    oak = settled.row("bess_registry")
    assert (oak["load_resource"], oak["pair_status"], oak["charging"]) == ("ELSEWHERE", "user", "load")
    board = settled.row("leaderboard")
    assert (board["charge_mwh"], board["as_regup_usd"]) == (pytest.approx(24 * 2), pytest.approx(24 * (3 + 1) * 5))


def test_a_load_that_the_user_names_in_a_year_without_load_files_is_unobserved(tmp_path: Path) -> None:
    market = {dataset: rows for dataset, rows in may_market().items() if "load" not in dataset}
    settled = settle(tmp_path, 2022, market, table=f"battery,gen_resource,load_resource\nOAK_1,{GEN},{LOAD}\n")
    oak = settled.row("bess_registry")
    assert (oak["load_resource"], oak["pair_status"], oak["charging"]) == (LOAD, "user", "load")
    board = settled.row("leaderboard")
    assert (board["charge_mwh"], board["rt_energy_usd"], board["as_usd"]) == (None, None, None)
    assert board["discharge_mwh"] == pytest.approx(144)


def test_a_load_that_the_user_gives_to_one_battery_is_no_candidate_of_another(tmp_path: Path) -> None:
    market = may_market()
    market["dam_gen_resources"] += dam(MAY, "OAK_BESS2")
    table = f"battery,gen_resource,load_resource\nOAK_2,OAK_BESS2,{LOAD}\n"
    rows, _ = registry(tmp_path, 2022, market, table=table)
    assert (rows["OAK_2"]["load_resource"], rows["OAK_2"]["pair_status"]) == (LOAD, "user")
    assert rows["OAK_1"]["load_resource"] is None


NONE = {"load_resource": None, "pair_status": "none", "charging": "generation"}


@pytest.mark.parametrize(("table", "known"), [
    (f"battery,gen_resource,load_resource\nOAK_1,{GEN},none\n", NONE),
    ("battery,load_resource\nOAK_1,none\n", NONE),
    (f"battery,gen_resource,esr_resource\nOAK_1,{GEN},{ESR}\n", {"esr_resource": None}),
], ids=["no load resource", "none by the key", "an ESR before there were any"])  # fmt: skip
def test_the_user_may_say_of_a_battery(tmp_path: Path, table: str, known: Row) -> None:
    assert _oak(tmp_path, 2022, may_market(), table=table).items() >= known.items()


def test_a_pair_of_the_user_against_the_evidence_holds_and_is_noted(tmp_path: Path) -> None:
    market = may_market()
    market["sced_load_resources"] = [row | {"consumption_mw": 9.0} for row in market["sced_load_resources"]]
    oak = _oak(tmp_path, 2022, market, table=f"battery,load_resource\nOAK_1,{LOAD}\n")
    assert (oak["load_resource"], oak["pair_status"]) == (LOAD, "user")
    assert f"load resource {LOAD} by the user's table, against the evidence" in oak["notes"]


def test_the_user_joins_names_that_nothing_else_would(tmp_path: Path) -> None:
    market = renamed(seam_market(), "FAR_ESR9", "FAR_RN")
    apart, _ = registry(tmp_path / "a", 2025, market)
    assert sorted(apart) == ["FAR_9", "OAK_1"]
    table = f"battery,gen_resource,esr_resource\nOAK_1,{GEN},FAR_ESR9\n"
    joined, _ = registry(tmp_path / "b", 2025, market, table=table)
    assert list(joined) == ["OAK_1"]
    assert joined["OAK_1"]["esr_resource"] == "FAR_ESR9"
    assert joined["OAK_1"]["bridge_evidence"] == "user's table, size within 20 %, another node"
    assert "joined with FAR_ESR9 against the evidence: another node" in joined["OAK_1"]["notes"].split("; ")


@pytest.mark.parametrize("table", [
    "battery,esr_resource\nOAK_1,FAR_ESR9\n",
    f"battery,gen_resource,esr_resource,valid_from,valid_to\nOAK_1,{GEN},,,2025-12-04\nOAK_1,,FAR_ESR9,2025-12-05,\n",
], ids=["by the key alone", "two rows, one for each time"])  # fmt: skip
def test_the_user_may_join_an_esr_to_a_battery(tmp_path: Path, table: str) -> None:
    rows, _ = registry(tmp_path, 2025, renamed(seam_market(), "FAR_ESR9", "FAR_RN"), table=table)
    assert list(rows) == ["OAK_1"]
    assert (rows["OAK_1"]["gen_resource"], rows["OAK_1"]["esr_resource"]) == (GEN, "FAR_ESR9")


@pytest.mark.parametrize(("row", "words"), [
    ("OAK_1,OAK_BES1,,", ("Line 2", "gen_resource 'OAK_BES1'", "2022", "valid_from")),
    (f"OAK_1,{GEN},OAK_LD9,", ("Line 2", "load_resource 'OAK_LD9'", "Correct the name")),
    ("PINE_1,,,", ("Line 2", "'PINE_1'", "Correct the name")),
])  # fmt: skip
def test_a_name_that_the_year_does_not_know_is_an_error_with_line_and_remedy(tmp_path, row, words):
    table = f"battery,gen_resource,load_resource,esr_resource\n{row}\n"
    with pytest.raises(RegistryTableError) as error:
        registry(tmp_path, 2022, may_market(), table=table)
    for word in words:
        assert word in str(error.value)


def test_rows_of_other_days_say_nothing_of_this_year(tmp_path: Path) -> None:
    table = "battery,gen_resource,capacity_mw,valid_from,valid_to\nOAK_1,GONE_BESS1,5,,2021-12-31\n"
    rows, findings = registry(tmp_path, 2022, may_market(), table=table)
    assert rows["OAK_1"]["capacity_mw"] == 10.0
    assert not [f for f in findings if f.kind == "user_table"]


def test_two_batteries_under_one_key_of_the_user_are_an_error(tmp_path: Path) -> None:
    market = {"dam_gen_resources": dam(MAY) + dam(MAY, "ELM_BESS1")}
    with pytest.raises(RegistryTableError, match="share the key 'ELM_1'"):
        registry(tmp_path, 2022, market, table=f"battery,gen_resource\nELM_1,{GEN}\n")


# --- all years ------------------------------------------------------------------------------------------------------------------------------------
def test_the_fleet_joins_the_years_of_a_battery(tmp_path: Path) -> None:
    may = settle(tmp_path, 2022, may_market(), until="bess_registry")
    settle(tmp_path, 2025, seam_market(), until="bess_registry")
    settings = load_settings(tmp_path / "home", {"BESS_ROLLUPS": str(tmp_path / "rollups")})
    assert may.results == settings.results
    result = bess_fleet({year: result_table(settings, "bess_registry", year) for year in (2025, 2022)})
    (columns,) = list(result.chunks)
    row = {name: values[0] for name, values in columns.items()}
    assert len(columns["battery"]) == 1
    assert row["battery"] == "OAK_1"
    assert [row[f"{side}_resources"] for side in ("gen", "load", "esr")] == [GEN, LOAD, ESR]
    assert (row["first_seen_day"], row["last_seen_day"], row["years"]) == (MAY, AFTER, "2022;2025")
    assert (row["capacity_mw"], row["energy_mwh"]) == (10.0, 20.0)


def test_a_size_that_the_two_storage_files_state_otherwise_stands_in_the_notes(tmp_path: Path) -> None:
    market = seam_market()
    market["dam_esr_resources"] = [row | {"hsl_mw": 10_000.0} for row in market["dam_esr_resources"]]
    oak = _oak(tmp_path, 2025, market)
    notes = oak["notes"].split("; ")
    assert "its size is 10000 MW in dam_esr_resources and 10 MW in sced_esr_resources" in notes
    assert f"joined with {ESR} against the evidence: another size" in notes


def test_batteries_that_end_or_begin_with_rtc_b_and_have_no_other_half_say_so(tmp_path: Path) -> None:
    rows, _ = registry(tmp_path, 2025, renamed(seam_market(), "FAR_ESR9", "FAR_RN"))
    assert "no storage resource follows it: nothing is known from 2025-12-05" in rows["OAK_1"]["notes"]
    assert "no generation resource came before it: nothing is known before 2025-12-05" in rows["FAR_9"]["notes"]


def test_a_file_of_generation_resources_is_refused_as_one_of_storage(tmp_path: Path) -> None:
    market = seam_market()
    market["dam_esr_resources"] += [row | {"resource_type": "WIND"} for row in market["dam_esr_resources"]]
    with pytest.raises(InputError, match="resources of the type WIND") as error:
        registry(tmp_path, 2025, market)
    assert (error.value.dataset, error.value.column) == ("dam_esr_resources", "resource_type")


def test_zeros_that_may_be_absent_data_are_noted_with_the_batteries_that_have_that_side(tmp_path: Path) -> None:
    market = renamed(seam_market(), "FAR_ESR9", "FAR_RN")
    market["sced_smne"] = [metered(datetime(2025, 12, 4, 12), 48, 0.0)]
    rows, _ = registry(tmp_path, 2025, market)

    def zero_in(battery: str) -> set[str]:
        notes = rows[battery]["notes"].split("; ")
        return {note.split()[3].rstrip(",") for note in notes if note.startswith("all zero in ")}

    assert zero_in("OAK_1") == {"dam_gen_resources", "dam_load_resources", "sced_smne"}
    assert zero_in("FAR_9") == {"dam_esr_resources", "sced_esr_resources"}


def test_a_battery_that_ended_before_rtc_b_or_began_after_its_first_day_lacks_no_other_half(tmp_path: Path) -> None:
    market = {
        "dam_gen_resources": [
            *dam(BEFORE - timedelta(days=1), "OLD_BESS1", settlement_point="OLD_RN"),
            *dam(BEFORE, "LAST_BESS2", settlement_point="LAST_RN", hsl_mw=20.0),
        ],
        "dam_esr_resources": dam_esr(AFTER, "NEW_ESR3", settlement_point="NEW_RN", hsl_mw=50.0),
    }
    rows, _ = registry(tmp_path, 2025, market)
    assert sorted(rows) == ["LAST_2", "NEW_3", "OLD_1"]
    assert "no storage resource follows it" in rows["LAST_2"]["notes"]
    assert "no storage resource follows it" not in rows["OLD_1"]["notes"]
    assert "no generation resource came before it" not in (rows["NEW_3"]["notes"] or "")


@pytest.mark.parametrize(("telemetered", "noted"), [(8.0, False), (12.0, False), (7.9, True), (12.1, True)])
def test_sizes_of_the_two_storage_files_may_differ_by_a_fifth(tmp_path: Path, telemetered: float, noted: bool) -> None:
    day = date(2026, 3, 1)
    market = {"dam_esr_resources": dam_esr(day), "sced_esr_resources": esr_telemetry(day, 0.0, hsl_mw=telemetered)}
    assert ("its size is" in (_oak(tmp_path, 2026, market)["notes"] or "")) == noted


def test_each_node_counts_only_in_the_time_in_which_its_file_is_the_one_that_is_settled_by(tmp_path: Path) -> None:
    market = {
        "dam_gen_resources": [*dam(SEAM, settlement_point="A_RN"), *dam(AFTER, settlement_point="LATE_RN")],
        "dam_esr_resources": [
            *dam_esr(SEAM, settlement_point="EARLY_RN", award_mw=1.0),
            *dam_esr(AFTER, settlement_point="B_RN"),
        ],
    }
    oak = _oak(tmp_path, 2025, market)
    assert (oak["settlement_points"], oak["settlement_point"]) == ("A_RN;B_RN", "B_RN")


def test_the_size_of_a_renamed_battery_is_reckoned_from_the_hours_of_both_names(tmp_path: Path) -> None:
    market = {
        "dam_gen_resources": dam(SEAM, hours=range(1, 13), hsl_mw=11.0),
        "dam_esr_resources": [
            *dam_esr(AFTER, hours=range(1, 12), hsl_mw=10.0),
            *dam_esr(AFTER, hours=[12], hsl_mw=9.0),
        ],
    }
    oak = _oak(tmp_path / "dam", 2025, market)
    assert oak["capacity_mw"] == 9.0, "the 24th largest of 12 + 12 hours"
    gen, esr = telemetry(SEAM, 0.0, hsl_mw=11.0)[:48], esr_telemetry(AFTER, 0.0, hsl_mw=10.0)[:48]
    market = {"sced_gen_resources": gen, "sced_esr_resources": esr}
    oak = _oak(tmp_path / "sced", 2025, market)
    assert (oak["capacity_mw"], oak["capacity_source"]) == (10.0, "sced")


def test_the_largest_of_several_plans_for_an_hour_counts(tmp_path: Path) -> None:
    plans = [hourly(MAY, hour, GEN, hsl_mw=mw) for hour in range(1, 25) for mw in (7.0, 12.0, 3.0)]
    plans.append(hourly(MAY, 25, GEN, hsl_mw=50.0))
    market = {"dam_gen_resources": dam(MAY, hsl_mw=0.0), "cop_snapshots": plans}
    rows, findings = registry(tmp_path, 2022, market)
    assert (rows["OAK_1"]["capacity_mw"], rows["OAK_1"]["capacity_source"]) == (12.0, "cop")
    assert count_of(findings, "unusable_time", "cop_snapshots") == 1


# --- one battery in two, and units ----------------------------------------------------------------------------------------------------------------
def _successive(gap: int = 1, first: date = date(2026, 5, 25), **new: float | str) -> Market:
    """ELM_ESR1 for a week from a day of 2026, ELMNEW_ESR1 for a week some days after its last one, and OAK_ESR1 all along at another node."""
    node, mw, mwh = (new.get(name, ordinary) for name, ordinary in (("node", "ELM_RN"), ("mw", 10.0), ("mwh", 20.0)))
    of_names = {
        "ELM_ESR1": (days(first, 7), "ELM_RN", 10.0, 20.0),
        "ELMNEW_ESR1": (days(first + timedelta(days=6 + gap), 7), node, mw, mwh),
        ESR: (days(first, 20), NODE, 10.0, 20.0),
    }
    market: Market = {"dam_esr_resources": [], "sced_esr_resources": []}
    for name, (its_days, point, hsl, soc) in of_names.items():
        for day in its_days:
            market["dam_esr_resources"] += dam_esr(day, name, settlement_point=point, hsl_mw=hsl)
            market["sced_esr_resources"] += esr_telemetry(day, 5.0, name, hsl_mw=hsl, max_soc_mwh=soc)
    return market


def _renamed(folder: Path, market: Market, year: int = 2026, table: str | None = None) -> int:
    """Pairs that the finding counts; a note stands on the rows of a pair and on no other."""
    rows, findings = registry(folder, year, market, table=table)
    noted = [name for name, row in rows.items() if "perhaps one battery, renamed" in (row["notes"] or "")]
    assert len(noted) == 2 * count_of(findings, "renamed")
    return count_of(findings, "renamed")


@pytest.mark.parametrize("gap", [0, 1, 7])
def test_a_battery_that_begins_where_another_ends_is_perhaps_the_same_and_both_say_so(tmp_path: Path, gap: int) -> None:
    rows, findings = registry(tmp_path, 2026, _successive(gap))
    said = "ELMNEW_1 begins where ELM_1 ends, at the same node and of the same size"
    (finding,) = found(findings, "renamed")
    assert (finding.warning, finding.count, finding.detail) == (True, 1, said)
    assert list(rows) == ["ELMNEW_1", "ELM_1", "OAK_1"], "they are not joined"
    note = f"perhaps one battery, renamed: {said}; name both in the battery table"
    assert [note in (row["notes"] or "") for row in rows.values()] == [True, True, False]


@pytest.mark.parametrize(("mw", "mwh", "noted"), [(10.2, 20.4, 1), (9.8, 19.6, 1), (10.3, 20.0, 0), (10.0, 20.5, 0)])
def test_a_renamed_battery_has_its_size_within_two_per_cent(tmp_path: Path, mw: float, mwh: float, noted: int) -> None:
    assert _renamed(tmp_path, _successive(mw=mw, mwh=mwh)) == noted


@pytest.mark.parametrize("new", [{"gap": 8}, {"gap": -1}, {"node": "OTHER_RN"}], ids=["later", "beside", "elsewhere"])
def test_a_battery_that_begins_later_or_before_or_elsewhere_is_another(tmp_path: Path, new) -> None:
    assert _renamed(tmp_path, _successive(**new)) == 0


def test_a_battery_without_a_known_node_or_size_is_held_for_no_other(tmp_path: Path) -> None:
    for dataset, blank in (("dam_esr_resources", "settlement_point"), ("dam_esr_resources", "hsl_mw")):
        market = _successive()
        market[dataset] = [row | {blank: None} for row in market[dataset]]
        if blank == "hsl_mw":
            market["sced_esr_resources"] = [row | {blank: None} for row in market["sced_esr_resources"]]
        assert _renamed(tmp_path / blank, market) == 0


@pytest.mark.parametrize(("unknown", "noted"), [({"max_soc_mwh": None}, 1), ({}, 0)])
def test_mwh_say_nothing_where_the_state_of_charge_alone_tells_of_them(tmp_path: Path, unknown, noted: int) -> None:
    market = _successive(mwh=40.0)
    market["sced_esr_resources"] = [
        row | unknown | {"soc_mwh": row["max_soc_mwh"] / 2} for row in market["sced_esr_resources"]
    ]
    assert _renamed(tmp_path, market) == noted


def test_of_two_alike_at_one_node_each_may_be_either_and_is_counted_once(tmp_path: Path) -> None:
    market = _successive()
    for dataset, rows in market.items():
        twins = [row | {"resource_name": row["resource_name"].replace("ESR1", "ESR2")} for row in rows]
        market[dataset] = rows + [row for row in twins if row["resource_name"].startswith("ELM")]
    (finding,) = found(registry(tmp_path, 2026, market)[1], "renamed")
    assert (finding.count, finding.detail.count("begins where")) == (2, 4)


def test_a_generation_resource_that_took_another_name_is_noted_too(tmp_path: Path) -> None:
    market = {
        "dam_gen_resources": [*dam(MAY, hsl_mw=10.0), *dam(MAY + timedelta(days=1), "ELM_BESS1")],
        "dam_load_resources": dam_load(MAY),
    }
    assert _renamed(tmp_path, market, 2022) == 1


@pytest.mark.parametrize(
    ("table", "noted"),
    [
        ("battery,esr_resource\nELM,ELM_ESR1\nELMNEW,ELMNEW_ESR1\n", 0),
        ("battery\nELM_1\nELMNEW_1\n", 0),
        ("battery\nELM_1\n", 1),
        # a table joins no two storage resources, so that there still are two batteries
        ("battery,esr_resource,valid_from,valid_to\nELM,ELM_ESR1,,2026-05-31\nELM,ELMNEW_ESR1,2026-06-01,\n", 1),
    ],
    ids=["two", "two keys", "one of them", "one"],
)
def test_two_batteries_of_the_users_table_are_two(tmp_path: Path, table: str, noted: int) -> None:
    assert _renamed(tmp_path, _successive(), table=table) == noted


def test_a_battery_joined_across_rtc_b_is_not_held_for_two(tmp_path: Path) -> None:
    assert _renamed(tmp_path, renamed(seam_market(), "ELM_ESR1"), 2025) == 0
    assert _renamed(tmp_path, seam_market(), 2025) == 0


@pytest.mark.parametrize(
    ("mwh", "noted"), [(1.9, 1), (2.0, 0), (5.0, 0), (120.0, 0), (240.0, 0), (241.0, 1), (20e3, 1)]
)
def test_megawatt_hours_that_last_no_time_or_days_are_perhaps_of_another_unit(tmp_path, mwh: float, noted: int) -> None:
    market = seam_market()
    market["sced_esr_resources"] = [row | {"max_soc_mwh": mwh} for row in market["sced_esr_resources"]]
    rows, findings = registry(tmp_path, 2025, market)
    assert count_of(findings, "odd_duration") == noted
    assert ("perhaps one of them is of another unit" in rows["OAK_1"]["notes"]) == noted


def test_megawatt_hours_of_the_users_table_are_held_to_the_same_hours(tmp_path: Path) -> None:
    rows, findings = registry(tmp_path, 2025, seam_market(), table="battery,energy_mwh\nOAK_1,190000\n")
    said = "190,000 MWh at 10 MW would last 19,000 hours: perhaps one of them is of another unit"
    (finding,) = found(findings, "odd_duration")
    assert (finding.warning, finding.detail) == (True, f"OAK_1: {said}")
    assert said in rows["OAK_1"]["notes"].split("; ")


def test_a_low_state_of_charge_or_no_energy_at_all_says_nothing_of_a_unit(tmp_path: Path) -> None:
    market = seam_market()
    for soc in (1.0, None):
        market["sced_esr_resources"] = [
            row | {"max_soc_mwh": None, "soc_mwh": soc} for row in market["sced_esr_resources"]
        ]
        assert count_of(registry(tmp_path / str(soc), 2025, market)[1], "odd_duration") == 0
