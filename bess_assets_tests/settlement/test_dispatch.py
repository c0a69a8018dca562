"""Quarter-hour energy: which quantity it is taken from, what is unknown, and real-time AS awards."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.products import PRODUCTS
from bess_assets.settlement.dispatch import (
    METERED_CHECK,
    SIZE_CHECK,
    ZEROS_CHECK,
    _size_verdict,
    bess_dispatch,
    beyond_size,
    crowded,
)
from bess_assets.store.files import ResultTable, write_table
from bess_assets.tables import BESS_DISPATCH
from bess_assets_tests.resources import ALONE, COMBO, ESR, GEN, KEY, LOAD, RENAMED, STORAGE, USER_SAYS_NONE, WIND
from bess_assets_tests.scenario import ERAS, run, runs_of_day, write_rollup
from bess_assets_tests.steps import SPRING_AND_AUTUMN, count_of, found, inputs_of, quarter_hour_of, take

DAY = date(2024, 1, 1)
MIDNIGHT, NEW_YEAR = datetime(2024, 1, 1), datetime(2026, 1, 1)
_, AUTUMN = SPRING_AND_AUTUMN[2024]
NAN = float("nan")
YEAR = operating_year(2024)


def _dispatch(root, *batteries, year=2024, **more):
    result = bess_dispatch(inputs_of(root, year, *(batteries or (COMBO,)), **more))
    return take(result), result.findings.items


def _verdict(root, *batteries, check=METERED_CHECK, year=2024):
    result = bess_dispatch(inputs_of(root, year, *(batteries or (COMBO,))))
    take(result)
    return result.verdicts[check]


def _at(minutes, name=GEN, **values):
    return run(MIDNIGHT + timedelta(minutes=minutes), name, **values)


def _gen(root, *rows):
    """Runs of generation resources: minute, output, and a base point where the file has the column; or rows as they are."""
    write_rollup(root, "sced_gen_resources", 2024, [_made(row, GEN, "output_mw") for row in rows])


def _load(root, *rows):
    """The same of load resources: minute, consumption, base point."""
    write_rollup(root, "sced_load_resources", 2024, [_made(row, LOAD, "consumption_mw") for row in rows])


def _made(row, name, telemetry):
    values = () if isinstance(row, dict) else zip((telemetry, "base_point_mw"), row[1:], strict=False)
    return row if isinstance(row, dict) else _at(row[0], name, **dict(values))


def _esr(root, *rows):
    """Runs of the storage resource: stamp, output and other values."""
    made = [run(stamp, ESR, output_mw=output, **more) for stamp, output, more in rows]
    write_rollup(root, "sced_esr_resources", 2026, made)


def _metering(root, *rows):
    write_rollup(root, "sced_smne", 2024, list(rows))


def _meter(number, mwh, name=GEN, day=DAY):
    end = datetime(day.year, day.month, day.day) + timedelta(seconds=900 * min(number, 96) - 1)
    return {"interval_end": end, "interval_number": number, "resource_name": name, "energy_mwh": mwh}


def _quarters(own, side, count=4, first=0):
    """(MWh, source, coverage) of some quarter-hours."""
    mwh, source, coverage = (own[f"{side}_{name}"][first : first + count] for name in ("mwh", "source", "coverage"))
    return list(zip(mwh.tolist(), source, coverage.tolist(), strict=True))


UNKNOWN = (pytest.approx(NAN, nan_ok=True), None, 0.0)


# --- quantities -----------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_discharge_is_the_generation_sides_output_and_charge_the_load_sides_consumption_in_every_era(tmp_path, era):
    write_rollup(tmp_path, "sced_gen_resources", 2024, runs_of_day(DAY, output_mw=8.0), era)
    write_rollup(tmp_path, "sced_load_resources", 2024, runs_of_day(DAY, name=LOAD, consumption_mw=6.0), era)
    own, _ = _dispatch(tmp_path)
    assert _quarters(own[KEY], "discharge", 96) == [(2.0, "telemetry", 1.0)] * 96
    assert _quarters(own[KEY], "charge", 96) == [(1.5, "telemetry", 1.0)] * 96
    assert _quarters(own[KEY], "charge", 1, 96) == [UNKNOWN]
    assert own[KEY]["discharge_coverage"].sum() == own[KEY]["charge_coverage"].sum() == 96


def test_settled_beats_measured_beats_instructed_quarter_hour_by_quarter_hour(tmp_path):
    _gen(tmp_path, (0, 8.0, 4.0), (15, 8.0, 4.0), (30, None, 4.0), (45, None, None))
    _metering(tmp_path, _meter(1, 1.25))
    own, _ = _dispatch(tmp_path)
    known = [(1.25, "smne", 1.0), (2.0, "telemetry", 1.0), (1.0, "base_point", 1.0)]
    assert _quarters(own[KEY], "discharge") == [*known, UNKNOWN]


def test_of_consumption_too_the_measured_comes_before_the_instructed(tmp_path):
    _load(tmp_path, (0, 8.0, 4.0), (15, None, 4.0), (30, None, None))
    own, _ = _dispatch(tmp_path)
    assert _quarters(own[KEY], "charge", 3) == [(2.0, "telemetry", 1.0), (1.0, "base_point", 1.0), UNKNOWN]


def test_a_quarter_hour_is_taken_whole_from_one_quantity(tmp_path):
    # 7 minutes of telemetry are too little; the 15 of base points are not filled up with them
    _gen(tmp_path, (0, 80.0, 4.0), (7, None, 4.0), (15, None, None), (21, 8.0, None), (29, None, 4.0), (30, None, None))
    own, _ = _dispatch(tmp_path)
    assert _quarters(own[KEY], "discharge", 2) == [(1.0, "base_point", 1.0), (2.0, "telemetry", 480 / 900)]


def test_coverage_under_a_half_is_unknown_and_said(tmp_path):
    _gen(tmp_path, (0, 8.0), (7, None), (22.5, 8.0), (30, None))
    own, _ = _dispatch(tmp_path)
    (mwh, source, coverage), half = _quarters(own[KEY], "discharge", 2)
    assert np.isnan(mwh)
    assert (source, coverage) == (None, 420 / 900)
    assert half == (2.0, "telemetry", 0.5)


def test_where_neither_quantity_reaches_a_half_the_better_coverage_is_said(tmp_path):
    _gen(tmp_path, (0, 8.0, None), (3, None, 1.0), (8, None, None))
    own, _ = _dispatch(tmp_path)
    assert own[KEY]["discharge_coverage"][0] == 300 / 900
    assert np.isnan(own[KEY]["discharge_mwh"][0])


def test_without_a_telemetry_column_base_points_are_what_is_left(tmp_path):
    write_rollup(tmp_path, "sced_gen_resources", 2024, runs_of_day(DAY, base_point_mw=4.0))
    write_rollup(tmp_path, "sced_load_resources", 2024, runs_of_day(DAY, name=LOAD, base_point_mw=2.0))
    own, findings = _dispatch(tmp_path)
    assert _quarters(own[KEY], "discharge", 1) == [(1.0, "base_point", 1.0)]
    assert _quarters(own[KEY], "charge", 1) == [(0.5, "base_point", 1.0)]
    assert "output_mw" in found(findings, "missing_columns", "sced_gen_resources")[0].detail
    assert "consumption_mw" in found(findings, "missing_columns", "sced_load_resources")[0].detail


def test_a_load_file_without_names_leaves_charging_unknown_and_discharge_known(tmp_path):
    nameless = [{k: v for k, v in row.items() if k != "resource_name"} for row in runs_of_day(DAY, consumption_mw=6.0)]
    write_rollup(tmp_path, "sced_load_resources", 2024, nameless)
    _gen(tmp_path, *runs_of_day(DAY, output_mw=8.0))
    own, findings = _dispatch(tmp_path)
    assert np.isnan(own[KEY]["charge_mwh"]).all()
    assert own[KEY]["discharge_mwh"][0] == 2.0
    assert "resource_name" in found(findings, "missing_columns", "sced_load_resources")[0].detail


def test_a_run_without_a_load_row_leaves_charge_unknown_and_discharge_known(tmp_path):
    _gen(tmp_path, (0, 8.0), (15, 8.0), (30, 8.0))
    _load(tmp_path, (0, 6.0), _at(15, "OTHER_LD1", consumption_mw=1.0), (30, 6.0))
    own, _ = _dispatch(tmp_path)
    assert own[KEY]["discharge_mwh"][:3].tolist() == [2.0, 2.0, 2.0]
    assert np.array_equal(own[KEY]["charge_mwh"][:3], [1.5, NAN, 1.5], equal_nan=True)


# --- the generation side's negative values --------------------------------------------------------------------------------------------------------
def _negative(root):
    _gen(root, (0, -4.0), (15, -4.0), (30, 8.0))
    _load(root, (0, 0.0), (15, 1.0), (30, 2.0), (45, 3.0))
    _metering(root, _meter(2, -3.0), _meter(3, 1.75))


def test_with_a_load_resource_negative_generation_is_left_out_of_charging_and_counted(tmp_path):
    _negative(tmp_path)
    own, findings = _dispatch(tmp_path)
    assert _quarters(own[KEY], "discharge", 3) == [(0.0, "telemetry", 1.0), (0.0, "smne", 1.0), (1.75, "smne", 1.0)]
    assert own[KEY]["charge_mwh"][:3].tolist() == pytest.approx([0.125, 0.375, 0.625])
    (finding,) = found(findings, "generation_side_charging", "bess_dispatch")
    assert (finding.count, finding.warning) == (4, False)  # 1 MWh by telemetry and 3 by settlement metering


def test_where_the_user_says_none_the_negative_generation_side_is_the_charging_from_the_same_quantity(tmp_path):
    _negative(tmp_path)
    own, findings = _dispatch(tmp_path, USER_SAYS_NONE)
    assert _quarters(own[KEY], "discharge", 3) == [(0.0, "telemetry", 1.0), (0.0, "smne", 1.0), (1.75, "smne", 1.0)]
    assert _quarters(own[KEY], "charge", 3) == [(1.0, "telemetry", 1.0), (3.0, "smne", 1.0), (0.0, "smne", 1.0)]
    assert not found(findings, "generation_side_charging")


def test_without_a_load_resource_and_without_the_users_word_charging_is_unknown_all_year(tmp_path):
    _negative(tmp_path)
    own, _ = _dispatch(tmp_path, ALONE)
    assert np.isnan(own[KEY]["charge_mwh"]).all()
    assert set(own[KEY]["charge_source"]) == {None}
    assert (own[KEY]["charge_coverage"] == 0).all()
    assert own[KEY]["discharge_mwh"][2] == 1.75


def test_a_load_resource_that_is_not_trusted_for_charging_is_not_read(tmp_path):
    # a name_only pair: accepted for ancillary services, its charging unknown
    _negative(tmp_path)
    _load(tmp_path, (0, -9.0), (15, -9.0), (30, -9.0))
    own, findings = _dispatch(tmp_path, {**COMBO, "charging": "unknown"})
    assert np.isnan(own[KEY]["charge_mwh"]).all()
    assert not found(findings, "negative_consumption")


def test_negative_consumption_of_a_load_is_no_charging(tmp_path):
    _load(tmp_path, (0, -6.0), (15, -6.0), (30, 6.0))
    own, findings = _dispatch(tmp_path)
    assert own[KEY]["charge_mwh"][:3].tolist() == pytest.approx([0.0, 0.375, 1.5])
    (finding,) = found(findings, "negative_consumption", "sced_load_resources")
    assert (finding.count, finding.warning) == (2, True)  # 1.5 MWh, and 0.375 of the line that crosses zero


@pytest.mark.parametrize(("negative", "warns"), [(1, False), (2, True)])
def test_negative_consumption_of_a_hundredth_of_what_was_charged_is_noise(tmp_path, negative, warns):
    # a MWh between two readings: so many negative, and 125; the line from one sign to the other adds a quarter to both
    values = [*[-4.0] * (negative + 1), *[4.0] * 125, None]
    _load(tmp_path, *((15 * n, mw) for n, mw in enumerate(values)))
    (finding,) = found(_dispatch(tmp_path)[1], "negative_consumption")
    assert (finding.count, finding.warning) == (negative, warns)


def test_a_battery_that_both_say_only_charged_is_no_contradiction(tmp_path):
    write_rollup(tmp_path, "sced_gen_resources", 2024, runs_of_day(DAY, output_mw=-8.0))
    _metering(tmp_path, *(_meter(number, -2.0) for number in range(1, 97)))
    assert _verdict(tmp_path).detail == "1 batteries with both quantities, all agree"


def test_under_a_day_of_metering_is_held_against_nothing(tmp_path):
    _gen(tmp_path, *runs_of_day(DAY, output_mw=8.0))
    _metering(tmp_path, *(_meter(number, 99.0) for number in range(1, 96)))
    verdict = _verdict(tmp_path)
    assert (verdict.passed, verdict.detail) == (True, "0 batteries with both quantities, all agree")


def test_five_batteries_whose_metering_differs_are_named_and_all_are_counted(tmp_path):
    names = [f"OAK{n}_BESS1" for n in range(7)]
    _gen(tmp_path, *(row for name in names for row in runs_of_day(DAY, name=name, output_mw=8.0)))
    meter = [_meter(number, 20.0 if name != names[0] else 2.0, name) for name in names for number in range(1, 97)]
    _metering(tmp_path, *meter)

    def verdict(*names):
        return _verdict(tmp_path, *({"battery": f"{name[:4]}_1", "gen_resource": name} for name in names))

    one = verdict(*names[:2])
    assert one.detail == "1 of 2 batteries with both quantities differ: OAK1_1 1,920 MWh metered, 192 by telemetry"
    assert one.numbers == {"batteries": 2, "batteries_differing": 1}
    five, six = verdict(*names[:6]).detail, verdict(*names).detail
    assert (five.count(" by telemetry"), five.endswith("OAK5_1 1,920 MWh metered, 192 by telemetry")) == (5, True)
    assert (six.count(" by telemetry"), six.endswith(" and 1 more")) == (5, True)


@pytest.mark.parametrize(
    ("mwh", "agrees"),
    [(2.0, True), (1.7, True), (1.5, False), (2.5, True), (2_000.0, False), (-2.0, False)],
)
def test_metering_that_telemetry_of_a_day_contradicts_is_named(tmp_path, mwh, agrees):
    _gen(tmp_path, *runs_of_day(DAY, output_mw=8.0))
    _metering(tmp_path, *(_meter(number, mwh) for number in range(1, 97)))
    verdict = _verdict(tmp_path)
    assert (verdict.passed, KEY in verdict.detail) == (agrees, not agrees)
    assert verdict.numbers["batteries"] == 1


@pytest.mark.parametrize(("columns", "flows", "awards"), [
    ({"discharge_mwh": 37.5, "charge_mwh": 37.5}, 0, 0),  # 150 MW of a battery of 100
    ({"discharge_mwh": 37.7}, 2, 0),
    ({"charge_mwh": 37.7}, 2, 0),
    ({"regup_rt_award_mw": 200.0, "nspin_rt_award_mw": -0.05}, 0, 0),
    ({"ecrs_rt_award_mw": 301.0}, 0, 2),
    ({"rrs_rt_award_mw": -1.0}, 0, 2),
])  # fmt: skip
def test_flows_and_real_time_awards_of_more_than_the_battery_can_do_are_counted(columns, flows, awards):
    names = ("discharge_mwh", "charge_mwh", *(f"{product}_rt_award_mw" for product in PRODUCTS))
    of_two = {name: np.full(2, columns.get(name, NAN)) for name in names}
    assert beyond_size({"battery": KEY, "capacity_mw": 100.0}, of_two) == {KEY: (flows, awards)}


@pytest.mark.parametrize(("capacity_mw", "detail"), [
    (4.0, f"1 of 1 batteries with a known capacity: {KEY} 96 quarter-hours of flow"),
    (8.0, "1 batteries with a known capacity, none beyond it"), (None, "0 batteries with a known capacity, none beyond it"),
])  # fmt: skip
def test_a_battery_that_flows_beyond_its_capacity_is_named(tmp_path, capacity_mw, detail):
    _gen(tmp_path, *runs_of_day(DAY, output_mw=8.0))
    verdict = _verdict(tmp_path, COMBO | {"capacity_mw": capacity_mw}, check=SIZE_CHECK)
    assert (verdict.passed, verdict.detail) == (capacity_mw != 4.0, detail)


@pytest.mark.parametrize(("flow", "up", "down", "share"), [
    (100.0, 11.0, 0.0, 0.0), (100.0, 12.0, 0.0, 1.0), (-100.0, 205.0, 11.0, 0.0), (-100.0, 0.0, 12.0, 1.0), (0.0, 60.0, 60.0, 0.0),
])  # fmt: skip
def test_flow_and_real_time_awards_together_fit_a_tenth_over_the_capacity(flow, up, down, share):
    awards = {f"{product}_rt_award_mw": np.full(4, 0.0) for product in PRODUCTS}
    awards |= {"rrs_rt_award_mw": np.full(4, up), "regdn_rt_award_mw": np.full(4, down)}
    flows = {"discharge_mwh": np.full(4, max(flow, 0.0) / 4), "charge_mwh": np.full(4, max(-flow, 0.0) / 4)}
    flows["discharge_mwh"][0] = NAN
    assert crowded({"battery": KEY, "capacity_mw": 100.0}, awards | flows) == {KEY: share}
    assert crowded({"battery": KEY, "capacity_mw": None}, awards | flows) == {}


def test_awards_beside_flows_that_leave_no_room_for_them_are_named():
    fits = dict.fromkeys("ABC", (0, 0))
    assert _size_verdict(fits, dict.fromkeys("ABC", 0.1)).passed
    assert _size_verdict(fits, {"A": 0.3, "B": 0.0, "C": 0.0}).detail.endswith(
        "A 30% of its quarter-hours of flow and real-time awards together"
    )
    assert "half of the batteries 11% or more" in _size_verdict(fits, dict.fromkeys("ABC", 0.11)).detail


def test_zeros_that_stand_between_readings_of_storage_or_between_awards_are_named(tmp_path):
    base = {"base_point_mw": 8.0}
    batteries = [{**STORAGE, "battery": name[:3], "esr_resource": name} for name in ("ASH_ESR1", "ELM_ESR1", ESR)]
    stamps = [NEW_YEAR + timedelta(minutes=5 * n) for n in range(300)]

    def verdict(every: int, award: float = 3.0, among: int = 3, **more: float):
        rows = [
            run(stamp, ESR, output_mw=0.0 if n % every == 1 else 9.0, regup_award_mw=0.0 if n % 20 == 1 else award, **base | more)
            for n, stamp in enumerate(stamps)
        ]  # fmt: skip
        write_rollup(tmp_path, "sced_esr_resources", 2026, rows)
        return _verdict(tmp_path, *batteries[-among:], check=ZEROS_CHECK, year=2026)

    assert ESR in verdict(10).detail
    assert "real-time awards of all" in verdict(1_000).detail
    assert verdict(1_000, among=2).passed  # two may well have no award for a run
    assert verdict(1_000, award=0.0).passed
    assert ESR not in verdict(10, base_point_mw=0.0).detail  # at rest
    assert ESR not in verdict(100).detail


@pytest.mark.parametrize(("metered", "tried"), [(32, 32), (33, 17), (40, 20)])
def test_ways_to_read_telemetry_are_tried_on_at_most_32_resources_taken_evenly(tmp_path, metered, tried):
    names = [f"OAK{n:02}_BESS1" for n in range(metered)]
    _gen(tmp_path, *(_at(0, name, output_mw=8.0) for name in names))
    # half a MWh more for each name
    _metering(tmp_path, *(_meter(1, 2.0 + n / 2, name) for n, name in enumerate(names)))
    registry = [{"battery": f"{name[:5]}_1", "gen_resource": name} for name in names]
    _, findings = _dispatch(tmp_path, *registry)
    (found_,) = found(findings, "telemetry_error")
    every = -(-metered // tried)
    mean = sum(range(0, every * tried, every)) / 2 / tried
    assert found_.count == tried
    assert found_.detail.startswith(f"2024-01 held {mean:.3f},")


def test_ways_to_read_telemetry_are_held_against_metering_by_month_only_where_both_are_known(tmp_path):
    feb = 31 * 24 * 60
    _gen(tmp_path, (0, 0.0, 12.0), (15, 0.0, 0.0), (30, None, None), (feb, 8.0, 8.0), (feb + 15, 4.0, 4.0))
    meter = [_meter(number, mwh) for number, mwh in ((1, 2.0), (3, 9.0))]
    _metering(
        tmp_path,
        *meter,
        _meter(1, 1.75, day=date(2024, 2, 1)),
        _meter(2, -1.0, day=date(2024, 2, 1)),
        _meter(1, 9.0, WIND),
    )
    _, findings = _dispatch(tmp_path)
    (found_,) = found(findings, "telemetry_error")
    assert (found_.count, found_.subject, found_.warning) == (3, "sced_gen_resources", False)
    # 1 January, of 2 MWh: held and straight 0 MWh; 0 to 12 MW in 300 s and back in 600 s are 1.5 MWh. 1 February, of 1.75 MWh: held 8 MW are 2 MWh;
    # straight 1.5 MWh; 8 to 8 MW in 300 s, to 4 MW in 600 s 1.667 MWh; and of 0 MWh the last reading, 4 MW, held for 1 MWh by all
    assert found_.detail == (
        "2024-01 held 2.000, straight lines 2.000, through the base point 0.500 (1); "
        "2024-02 held 0.625, straight lines 0.625, through the base point 0.542 (2)"
    )


# --- the repeated hour ------------------------------------------------------------------------------------------------------------------------------
def test_settlement_metering_fills_the_repeated_hours_by_its_interval_numbers(tmp_path):
    _gen(tmp_path, *runs_of_day(AUTUMN, flag=None, output_mw=8.0))
    _metering(tmp_path, *(_meter(n, n / 100, day=AUTUMN) for n in range(1, 101)))
    own, _ = _dispatch(tmp_path)
    first = quarter_hour_of(datetime(2024, 11, 3))
    assert _quarters(own[KEY], "discharge", 8, first + 4) == [(n / 100, "smne", 1.0) for n in range(5, 13)]


# --- RTC+B --------------------------------------------------------------------------------------------------------------------------------------------
def test_energy_storage_is_one_signed_output_from_2025_12_05_and_the_combo_files_end_there(tmp_path):
    seam = datetime(2025, 12, 5)
    minutes = [timedelta(minutes=15 * n) for n in range(-4, 4)]
    write_rollup(tmp_path, "sced_gen_resources", 2025, [run(seam + m, output_mw=8.0) for m in minutes])
    write_rollup(tmp_path, "sced_load_resources", 2025, [run(seam + m, LOAD, consumption_mw=4.0) for m in minutes])
    write_rollup(tmp_path, "sced_esr_resources", 2026, [run(seam + m, ESR, output_mw=-20.0) for m in minutes])
    write_rollup(tmp_path, "sced_smne", 2025, [_meter(1, 77.0, day=date(2025, 12, 5))])
    own, _ = _dispatch(tmp_path, RENAMED, year=2025)
    boundary = quarter_hour_of(seam)
    before, after = boundary - 4, boundary
    assert _quarters(own[KEY], "discharge", 4, before) == [(2.0, "telemetry", 1.0)] * 4
    assert _quarters(own[KEY], "charge", 4, before) == [(1.0, "telemetry", 1.0)] * 4
    assert _quarters(own[KEY], "discharge", 4, after) == [(0.0, "telemetry", 1.0)] * 4
    assert _quarters(own[KEY], "charge", 4, after) == [(5.0, "telemetry", 1.0)] * 4
    assert np.isnan(own[KEY]["discharge_mwh"][after + 4 :]).all()


@pytest.mark.parametrize(
    ("battery", "year"), [(RENAMED, 2025), (STORAGE, 2026)], ids=["generation resource", "stable key"]
)
def test_metering_after_go_live_is_compared_and_settles_nothing(tmp_path, battery, year):
    day = date(2025, 12, 31) if year == 2025 else date(2026, 1, 1)
    stamps = [datetime(day.year, day.month, day.day) + timedelta(minutes=15 * n) for n in range(4)]
    write_rollup(
        tmp_path,
        "sced_esr_resources",
        2026,
        [run(at, ESR, output_mw=mw) for at, mw in zip(stamps, (8.0, 8.0, -8.0, -8.0), strict=True)],
    )
    without, nothing = _dispatch(tmp_path, battery, year=year)
    meter = [_meter(number, mwh, day=day) for number, mwh in ((1, 1.75), (3, -2.5), (4, -2.5), (5, 1.0))]
    write_rollup(tmp_path, "sced_smne", 2026, [*meter, _meter(1, 50.0, WIND, day=day), _meter(2, 50.0, WIND, day=day)])
    own, said = _dispatch(tmp_path, battery, year=year)
    assert np.array_equal(own[KEY]["discharge_mwh"], without[KEY]["discharge_mwh"], equal_nan=True)
    assert not found(nothing, "metering_after_go_live")
    (finding,) = found(said, "metering_after_go_live")
    assert (finding.count, finding.subject, finding.warning) == (6, "sced_smne", False)
    # telemetry of 2, -2 and -2 MWh in the first, third and fourth quarter-hour, all on one straight line with the meter
    assert finding.detail == (
        "4 rows of 1 batteries, 2 others; 3 quarter-hours with telemetry: 1.8 MWh discharged by meter, 2.0 by telemetry; "
        "5.0 MWh charged by meter, 4.0 by telemetry; correlation 1.000"
    )


def test_energy_storage_falls_back_to_its_base_point_on_both_sides(tmp_path):
    base = {"base_point_mw": -8.0}
    _esr(tmp_path, (NEW_YEAR, None, base), (NEW_YEAR + timedelta(minutes=15), 4.0, base))
    own, _ = _dispatch(tmp_path, STORAGE, year=2026)
    assert _quarters(own[KEY], "charge", 2) == [(2.0, "base_point", 1.0), (0.0, "telemetry", 1.0)]
    assert _quarters(own[KEY], "discharge", 2) == [(0.0, "base_point", 1.0), (1.0, "telemetry", 1.0)]


def test_a_quarter_hour_that_turns_from_charging_to_discharging_has_both(tmp_path):
    _esr(tmp_path, *((NEW_YEAR + timedelta(minutes=m), mw, {}) for m, mw in ((0, -12.0), (5, 6.0), (15, None))))
    own, _ = _dispatch(tmp_path, STORAGE, year=2026)
    # from -12 to 6 MW in 300 s, zero after 200 s; 6 MW held for 600 s
    assert own[KEY]["charge_mwh"][0] == pytest.approx(200 * 6 / 3_600)
    assert own[KEY]["discharge_mwh"][0] == pytest.approx((100 * 3 + 600 * 6) / 3_600)


def test_real_time_awards_are_averaged_as_output_is(tmp_path):
    parts = ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrs", "nspin")
    awards = {0: (30.0, 1.0, 1.0, 2.0, 3.0, 5.0, 7.0), 5: (0.0, 1.0, 1.0, 2.0, None, 5.0, None), 15: (None,) * 7}
    held = {m: {f"{p}_award_mw": mw for p, mw in zip(parts, values, strict=True)} for m, values in awards.items()}
    rows = [run(NEW_YEAR + timedelta(minutes=m), ESR, output_mw=0.0, **values) for m, values in held.items()]
    rows.append(run(NEW_YEAR + timedelta(minutes=30), WIND, output_mw=0.0))
    write_rollup(tmp_path, "sced_esr_resources", 2026, rows)
    own = _dispatch(tmp_path, STORAGE, year=2026)[0][KEY]
    first = [own[f"{p}_rt_award_mw"][0] for p in PRODUCTS]
    assert first == pytest.approx([10.0, 1.0, (300 * 6 + 600 * 3) / 900, 5.0, 300 * 7 / 900])
    # blank: no award, where the row is there; no row: unknown
    assert [own[f"{p}_rt_award_mw"][1] for p in PRODUCTS] == [0.0] * 5
    assert np.isnan([own[f"{p}_rt_award_mw"][2] for p in PRODUCTS]).all()


def test_a_real_time_award_whose_column_is_absent_is_unknown(tmp_path):
    rows = [run(NEW_YEAR, name, output_mw=1.0, regup_award_mw=mw) for name, mw in ((ESR, None), (WIND, 3.0))]
    write_rollup(tmp_path, "sced_esr_resources", 2026, rows)
    own = _dispatch(tmp_path, STORAGE, year=2026)[0][KEY]
    assert own["regup_rt_award_mw"][0] == 0.0
    assert np.isnan([own[f"{p}_rt_award_mw"][0] for p in PRODUCTS[1:]]).all()


def test_a_real_time_award_below_zero_stays_below_zero(tmp_path):
    _esr(tmp_path, (NEW_YEAR, 1.0, {"regup_award_mw": -3.0}))
    own = _dispatch(tmp_path, STORAGE, year=2026)[0][KEY]
    assert own["regup_rt_award_mw"][0] == -3.0


@pytest.mark.parametrize(
    ("year", "held", "missing"),
    [(2025, [(12, 5), (12, 7)], "2025-12-06"), (2026, [(1, 2), (1, 4)], "2026-01-01, 2026-01-03")],
)
def test_days_of_storage_resources_are_missing_from_2025_12_05_on(tmp_path, year, held, missing):
    _esr(tmp_path, *((datetime(year, *day), 1.0, {}) for day in held))
    findings = found(_dispatch(tmp_path, STORAGE, year=year)[1], "missing_days", "sced_esr_resources")
    assert [f.detail for f in findings if f.warning] == [missing]


def test_there_are_no_real_time_awards_before_rtc_b(tmp_path):
    stamps = [datetime(2025, 12, 4, 23, 45), datetime(2025, 12, 5)]
    _esr(tmp_path, *((stamp, 1.0, {"regup_award_mw": 2.0}) for stamp in stamps))
    own = _dispatch(tmp_path, RENAMED, year=2025)[0][KEY]
    assert np.flatnonzero(~np.isnan(own["regup_rt_award_mw"])).tolist() == [quarter_hour_of(stamps[1])]


def test_a_year_of_one_era_does_not_ask_for_the_files_of_the_other(tmp_path):
    said = {year: _dispatch(tmp_path, RENAMED, year=year)[1] for year in (2024, 2026)}
    absent = {year: {f.subject for f in found(findings, "dataset_absent")} for year, findings in said.items()}
    assert absent == {
        2024: {"sced_gen_resources", "sced_load_resources", "sced_smne"},
        2026: {"sced_esr_resources", "sced_as_prices", "sced_as_adders"},
    }


# --- the ledger ---------------------------------------------------------------------------------------------------------------------------------------
def test_nothing_of_a_battery_goes_to_another(tmp_path):
    others = (("BRAVO_BESS1", 0, 4.0), (WIND, 15, 99.0), ("BRAVO_BESS1", 30, 2.0))
    _gen(tmp_path, (0, 8.0), *(_at(minute, name, output_mw=mw) for name, minute, mw in others))
    names = (("BRAVO_1", "BRAVO_BESS1"), ("CHARLIE_1", "CHARLIE"))
    more = [{"battery": battery, "gen_resource": gen} for battery, gen in names]
    own, _ = _dispatch(tmp_path, ALONE, *more)
    assert np.array_equal(own[KEY]["discharge_mwh"][:3], [2.0, NAN, NAN], equal_nan=True)
    assert np.array_equal(own["BRAVO_1"]["discharge_mwh"][:3], [1.0, NAN, 0.5], equal_nan=True)
    assert np.isnan(own["CHARLIE_1"]["discharge_mwh"]).all()


def _weeks_of_both_eras(root):
    rows = {"gen": [], "load": [], "esr": []}
    for n in range(0, 14 * 86_400, 607):
        stamp = datetime(2025, 11, 28) + timedelta(seconds=n)
        if n % 11:
            rows["gen"].append(run(stamp, output_mw=None if n % 9 == 0 else n % 50, base_point_mw=n % 20))
            rows["load"].append(run(stamp, LOAD, consumption_mw=n % 40))
        awards = {"regup_award_mw": None if n % 5 else n % 30}
        rows["esr"].append(run(stamp, ESR, output_mw=n % 80 - 40.0, base_point_mw=1.0, **awards))
    for name in rows:
        write_rollup(root, f"sced_{name}_resources", 2025, rows[name][:900], row_group_size=128)
        write_rollup(root, f"sced_{name}_resources", 2026, rows[name][900:], row_group_size=300)


@pytest.mark.parametrize("block_bytes", [60_000, 9_000])
def test_windows_give_bit_for_bit_the_dispatch_of_one_window(tmp_path, block_bytes):
    _weeks_of_both_eras(tmp_path)
    one, said = _dispatch(tmp_path, RENAMED, year=2025)
    many, also_said = _dispatch(tmp_path, RENAMED, year=2025, block_bytes=block_bytes)
    assert said == also_said
    for name, values in one[KEY].items():
        if isinstance(values, np.ndarray):
            assert np.array_equal(values, many[KEY][name], equal_nan=True), name
        else:
            assert values == many[KEY][name], name
    assert np.isfinite(one[KEY]["discharge_mwh"]).sum() > 1_000


def test_the_two_sides_of_a_battery_may_have_one_name(tmp_path):
    _gen(tmp_path, *runs_of_day(DAY, output_mw=8.0))
    loads = runs_of_day(DAY, name=GEN, consumption_mw=6.0) + runs_of_day(DAY, name="ASH_LD1", consumption_mw=2.0)
    write_rollup(tmp_path, "sced_load_resources", 2024, loads)
    other = {"battery": "ASH_1", "gen_resource": None, "load_resource": "ASH_LD1", "charging": "load"}
    own, _ = _dispatch(tmp_path, other, {**COMBO, "load_resource": GEN})
    assert _quarters(own[KEY], "discharge") == [(2.0, "telemetry", 1.0)] * 4
    assert _quarters(own[KEY], "charge") == [(1.5, "telemetry", 1.0)] * 4


def _three_batteries(root):
    """Three batteries over the change of market designs, with repeated, contradicting and unusable rows of each and of a stranger."""
    rows = {"gen": [], "load": [], "esr": [], "smne": []}
    batteries = []
    for n in range(3):
        gen, load, esr = f"OAK{n}_BESS1", f"OAK{n}_LD1", f"OAK{n}_ESR1"
        resources = {"gen_resource": gen, "load_resource": load, "esr_resource": esr}
        batteries.append({"battery": f"OAK{n}_1", **resources, "charging": "load"})
        for hour in range(10):
            stamp = datetime(2025, 11, 28, hour)
            rows["gen"] += [run(stamp, gen, output_mw=float(n + hour))] * 2
            rows["gen"].append(run(stamp + timedelta(minutes=30), gen, output_mw=np.inf))
            rows["load"] += [run(stamp, load, consumption_mw=mw) for mw in (1.0, n - 5.0)]
            stamp += timedelta(days=10)
            rows["esr"] += [run(stamp, esr, output_mw=n - 1.0, regup_award_mw=mw) for mw in (2.0, 3.0)]
        end = {"interval_end": datetime(2025, 11, 28, 0, 14, 59)}
        rows["smne"] += [_meter(number, 1.0, gen) | end for number in (1, 97)]
    rows["gen"].append(run(datetime(2025, 11, 28), WIND, output_mw=np.inf))
    for name in ("gen", "load", "esr"):
        write_rollup(root, f"sced_{name}_resources", 2025, rows[name])
    write_rollup(root, "sced_smne", 2025, rows["smne"])
    return batteries


@pytest.mark.parametrize("threads", [1, 3])
def test_a_year_in_small_windows_gives_bit_for_bit_the_dispatch_and_the_findings_of_one(tmp_path, threads):
    batteries = _three_batteries(tmp_path)
    small = {"block_bytes": 20_000, "threads": threads, "scratch": tmp_path}
    one, said = _dispatch(tmp_path, *batteries, year=2025, block_bytes=10**9)
    many, also_said = _dispatch(tmp_path, *batteries, year=2025, **small)
    assert said == also_said
    assert count_of(said, "duplicate_rows", "sced_gen_resources") == 30
    assert count_of(said, "contradicting_rows", "sced_load_resources") == 30
    assert count_of(said, "unusable_numbers", "sced_gen_resources") == 30
    assert count_of(said, "unusable_time", "sced_smne") == 3
    assert list(one) == list(many) == ["OAK0_1", "OAK1_1", "OAK2_1"]
    for battery, columns in one.items():
        for name, values in columns.items():
            assert np.array_equal(values, many[battery][name], equal_nan=isinstance(values, np.ndarray)), name


def test_the_ledger_has_every_quarter_hour_of_the_year_and_may_be_written(tmp_path):
    _negative(tmp_path)
    path = tmp_path / "bess_dispatch" / "2024.parquet"
    written = write_table(BESS_DISPATCH, path, bess_dispatch(inputs_of(tmp_path, 2024, COMBO)))
    assert written["rows"] == YEAR.quarter_hours
    row = ResultTable(BESS_DISPATCH, path).read().slice(2, 1).to_pylist()[0]
    assert (row["discharge_mwh"], row["discharge_source"]) == (1.75, "smne")
    assert (row["charge_mwh"], row["charge_source"]) == (pytest.approx(0.625), "telemetry")
    assert row["interval_start"].isoformat() == "2024-01-01T06:30:00+00:00"
    assert row["regup_rt_award_mw"] is None
