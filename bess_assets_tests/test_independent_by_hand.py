"""The second settlement (`second_settlement/settlement.py`) against sums done by hand on tiny literal tables and on real rows.

Every expected number below is arithmetic that a reader can redo from the rows above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest

from bess_assets.second_settlement import settlement as second
from bess_assets.second_settlement.settlement import Settlement, UserNode
from bess_assets.second_settlement.source import RollupFiles

COMBO = pd.DataFrame({
    "battery": ["OAK_1"], "gen_resource": ["OAK_BESS1"], "load_resource": ["OAK_LD1"], "esr_resource": [None],
    "charging_known": [True], "load_as_only": [False],
})  # fmt: skip
ESR = COMBO.assign(gen_resource=None, load_resource=None, esr_resource="OAK_ESR1")
RENAMED = COMBO.assign(esr_resource="OAK_ESR1")


def settle(rollups: Path, year: int, batteries: pd.DataFrame, nodes: Sequence[UserNode] = ()) -> Settlement:
    return second.settle(RollupFiles(rollups), year, batteries, nodes)


def write(root: Path, folder: str, year: int, rows: pd.DataFrame) -> None:
    """One rollup file."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    rows.to_parquet(root / folder / f"{year}.parquet", index=False)


def text(day: str) -> str:
    return pd.Timestamp(day).strftime("%m/%d/%Y")


def dam(day: str, hours: range, name: str = "OAK_BESS1", energy: float | None = 0.0, **more: object) -> pd.DataFrame:
    """Day-ahead rows of a generation resource, one an hour ending, at node OAK_RN."""
    return pd.DataFrame({
        "DeliveryDate": text(day), "HourEnding": [str(h) for h in hours], "ResourceName": name, "HSL": 10.0, "AwardedQuantity": energy,
        "SettlementPointName": "OAK_RN", "RegUpAwarded": 0.0, "RegDownAwarded": 0.0, "RRSAwarded": 0.0, "NonSpinAwarded": 0.0,
    }).assign(**more)  # fmt: skip


def dam_load(day: str, hours: range, name: str = "OAK_LD1", **more: object) -> pd.DataFrame:
    """Day-ahead rows of a load resource, in ERCOT's own headings."""
    return pd.DataFrame({
        "DeliveryDate": pd.Timestamp(day).date(), "Hour Ending": list(hours), "Load Resource Name": name,
        "Max Power Consumption for Load Resource": 10.0,
        "RegUp Awarded": 0.0, "RegDown Awarded": 0.0, "RRS Awarded": 0.0, "NonSpin Awarded": 0.0,
    }).assign(**more)  # fmt: skip


def sced(stamps: list[str], name: str, flag: str | list[str] | None = "N", **quantities: object) -> pd.DataFrame:
    """Telemetry rows at these stamps."""
    rows = pd.DataFrame({"SCEDTimeStamp": stamps, "ResourceName": name}).assign(**quantities)
    return rows if flag is None else rows.assign(RepeatedHourFlag=flag)


def every_quarter(day: str) -> list[str]:
    """Stamps of a day of runs on every quarter-hour of a 24-hour day."""
    return [t.strftime("%m/%d/%Y %H:%M:%S") for t in pd.date_range(day, periods=96, freq="15min")]


def da_prices(day: str, prices: dict[int, float]) -> pd.DataFrame:
    return pd.DataFrame({
        "DeliveryDate": text(day), "HourEnding": [f"{h:02d}:00" for h in prices], "SettlementPoint": "OAK_RN",
        "SettlementPointPrice": list(prices.values()), "DSTFlag": "N", "datetime": pd.Timestamp("1999-01-01"),
    })  # fmt: skip


def rt_prices(day: str, price: float, hours: range = range(1, 25), flag: str = "N") -> pd.DataFrame:
    rows = [(h, i) for h in hours for i in (1, 2, 3, 4)]
    return pd.DataFrame({
        "DeliveryDate": text(day), "DeliveryHour": [h for h, _ in rows], "DeliveryInterval": [i for _, i in rows],
        "SettlementPointName": "OAK_RN", "SettlementPointType": "RN", "SettlementPointPrice": price, "DSTFlag": flag,
    })  # fmt: skip


def as_prices(day: str, hours: range = range(1, 25), **mcpc: float) -> pd.DataFrame:
    rows = [(h, p) for h in hours for p in mcpc]
    return pd.DataFrame({
        "DeliveryDate": text(day), "HourEnding": [f"{h:02d}:00" for h, _ in rows], "AncillaryType": [p for _, p in rows],
        "MCPC": [mcpc[p] for _, p in rows], "DSTFlag": "N",
    })  # fmt: skip


DAY = "2022-05-10"
HOURS = range(1, 25)
FOUR_PRODUCTS = {"REGUP": 5.0, "REGDN": 3.0, "RRS": 7.0, "NSPIN": 2.0}


def one_day(root: Path, **changes: pd.DataFrame | None) -> Path:
    """One May day of 2022: 8 MW sold day-ahead all day, 6 MW delivered, 2 MW charged, 4 MW of regulation up in all."""
    frames: dict[str, pd.DataFrame | None] = {
        "DAM_Gen_Resources": dam(DAY, HOURS, energy=8.0, RegUpAwarded=3.0),
        "DAM_Load_Resources": dam_load(DAY, HOURS, **{"RegUp Awarded": 1.0}),
        "SCED_Gen_Resources": sced(every_quarter(DAY), "OAK_BESS1", TelemeteredNetOutput=6.0, BasePoint=6.0),
        "SCED_Load_Resources": sced(every_quarter(DAY), "OAK_LD1", RealPowerConsumption=2.0, BasePoint=2.0),
        "DA_prices": flat(DAY, 30.0),
        "RT_prices": rt_prices(DAY, 40.0),
        "AS_prices": as_prices(DAY, **FOUR_PRODUCTS),
        **changes,
    }
    for folder, rows in frames.items():
        if rows is not None:
            write(root, folder, 2022, rows)
    return root


def on(settlement: Settlement, day: str) -> pd.Series:
    """The one battery's row of one day."""
    daily = settlement.daily
    return daily[daily["operating_day"] == pd.Timestamp(day)].iloc[0]


def quarter_hours_of(settlement: Settlement, day: str, column: str) -> list[float]:
    """A column of the one battery's quarter-hours of one day."""
    rows = settlement.quarter_hours
    return rows.loc[rows["operating_day"] == pd.Timestamp(day), column].tolist()


def quarter(settlement: Settlement, utc: str) -> pd.Series:
    rows = settlement.quarter_hours
    return rows[rows["interval_start"] == pd.Timestamp(utc, tz="UTC")].iloc[0]


def storage(root: Path, stamps: list[str], output: object, **more: object) -> Settlement:
    """The second settlement of 2026 of a storage resource with this telemetry and nothing else."""
    write(root, "SCED_ESR_Resources", 2026, sced(stamps, "OAK_ESR1", TelemeteredNetOutput=output, **more))
    return settle(root, 2026, ESR)


def flat(day: str, price: float, hours: range = HOURS) -> pd.DataFrame:
    return da_prices(day, dict.fromkeys(hours, price))


def test_a_combo_day_is_settled_by_the_formula_of_section_3_1(tmp_path: Path) -> None:
    day = on(settle(one_day(tmp_path), 2022, COMBO), DAY)
    assert day["da_energy_usd"] == pytest.approx(24 * 8 * 30)
    assert day["rt_energy_usd"] == pytest.approx(24 * (6 - 2 - 8) * 40)
    assert day["rt_metered_usd"] == pytest.approx(24 * (6 - 2) * 40)
    assert day["charging_cost_usd"] == pytest.approx(24 * 2 * 40)
    assert (day["as_regup_usd"], day["as_usd"]) == (pytest.approx(24 * (3 + 1) * 5), pytest.approx(480))
    assert day["total_usd"] == pytest.approx(5760 - 3840 + 480)
    assert pd.isna(day["as_ecrs_usd"])
    assert pd.isna(day["as_regup_rt_usd"])


@pytest.mark.slow
def test_the_year_of_one_known_day_counts_the_days_before_it_as_expected_when_the_data_begin_with_it(tmp_path):
    board = settle(one_day(tmp_path), 2022, COMBO).leaderboard.iloc[0]
    # 1 January to 10 May is 130 days, one of them 23 hours long.
    assert board["energy_coverage"] == pytest.approx(96 / (130 * 96 - 4))
    assert (board["as_coverage"], board["data_through"]) == (pytest.approx(24 / (130 * 24 - 1)), pd.Timestamp(DAY))


@pytest.mark.slow
def test_a_row_in_a_later_year_closes_the_year(tmp_path: Path) -> None:
    one_day(tmp_path)
    write(tmp_path, "DAM_Gen_Resources", 2023, dam("2023-01-01", HOURS, name="OTHER_GAS"))
    board = settle(tmp_path, 2022, COMBO).leaderboard.iloc[0]
    assert (board["data_through"], board["energy_coverage"]) == (pd.Timestamp("2022-12-31"), pytest.approx(96 / 35040))


def test_a_row_absent_in_a_known_hour_is_no_award_and_in_an_unknown_hour_an_unknown_one(tmp_path: Path) -> None:
    rows = pd.concat([dam(DAY, range(1, 11), energy=8.0), dam(DAY, range(1, 21), name="OTHER_GAS")])
    settlement = settle(one_day(tmp_path, DAM_Gen_Resources=rows), 2022, COMBO)
    awards = quarter_hours_of(settlement, DAY, "da_award_mw")
    assert awards[:80:4] == [8.0] * 10 + [0.0] * 10
    assert pd.isna(awards[80:]).all()
    assert on(settlement, DAY)["energy_coverage"] == pytest.approx(20 / 24)
    assert on(settlement, DAY)["rt_metered_usd"] == pytest.approx(24 * 4 * 40)


@pytest.mark.slow
def test_settlement_metering_comes_before_telemetry_and_telemetry_before_base_points(tmp_path: Path) -> None:
    smne = pd.DataFrame({
        "IntervalTime": ["05/10/2022 00:14:59", "05/10/2022 00:29:59"], "IntervalNumber": ["1", "2"],
        "ResourceCode": "OAK_BESS1", "IntervalValue": [1.25, -0.5],
    })  # fmt: skip
    output = [6.0, 6.0, 6.0, None] + [6.0] * 92
    telemetry = sced(every_quarter(DAY), "OAK_BESS1", TelemeteredNetOutput=output, BasePoint=5.0)
    settlement = settle(one_day(tmp_path, SCED_SMNE=smne, SCED_Gen_Resources=telemetry), 2022, COMBO)
    assert quarter_hours_of(settlement, DAY, "discharge_mwh")[:5] == pytest.approx([1.25, 0.0, 1.5, 1.25, 1.375])


UNKNOWN = None
RRS_PARTS = {"RRSPFRAwarded": [2.0] * 12 + [0.0] * 12, "RRSFFRAwarded": [1.0] * 12 + [0.0] * 12, "RRSUFRAwarded": None}
DAYS_BY_HAND: dict[str, tuple[dict[str, pd.DataFrame], pd.DataFrame, dict[str, float | None]]] = {
    "a battery without an accepted load resource sells on the generation side alone": (
        {}, COMBO.assign(load_resource=None, charging_known=False),
        {"as_regup_usd": 24 * 3 * 5, "rt_energy_usd": UNKNOWN, "discharge_mwh": 144, "da_unmatched_usd": 5760, "da_energy_usd": UNKNOWN}),
    "a blank award is zero and an absent column is unknown": (
        {"DAM_Gen_Resources": dam(DAY, HOURS, energy=8.0, RegUpAwarded=None).drop(columns="NonSpinAwarded")}, COMBO,
        {"as_regup_usd": 24 * 1 * 5, "as_nspin_usd": UNKNOWN, "as_usd": UNKNOWN, "total_usd": UNKNOWN, "as_coverage": 0}),
    "an hour missing in the load file makes the ancillary award unknown": (
        {"DAM_Load_Resources": dam_load(DAY, range(1, 13), **{"RegUp Awarded": 1.0})}, COMBO,
        {"as_regup_usd": 12 * 4 * 5, "as_coverage": 0.5}),
    "a pair by name alone counts in ancillary services and not in charging": (
        {}, COMBO.assign(load_as_only=True, charging_known=False), {"as_regup_usd": 24 * 4 * 5, "charge_mwh": UNKNOWN}),
    "a user's none takes the negative generation side as charge": (
        {"SCED_Gen_Resources": sced(every_quarter(DAY), "OAK_BESS1", TelemeteredNetOutput=[6.0, -2.0] * 48)}, COMBO.assign(load_resource=None),
        # zero after three quarters, or one, of each quarter-hour; the last reading is held
        {"discharge_mwh": 95 * 0.75 * 3 / 4, "charge_mwh": (95 * 0.25 * 1 + 2) / 4}),
    "a quarter-hour without telemetry is unknown and not minus the award": (
        {"SCED_Gen_Resources": sced(every_quarter(DAY)[:48], "OAK_BESS1", TelemeteredNetOutput=6.0)}, COMBO,
        {"rt_energy_usd": 12 * -4 * 40, "da_energy_usd": 12 * 8 * 30, "da_unmatched_usd": 12 * 8 * 30}),
    "an unknown price times zero megawatts is unknown": (
        {"AS_prices": as_prices(DAY, REGUP=5.0, REGDN=3.0, RRS=7.0)}, COMBO, {"as_nspin_usd": UNKNOWN}),
    "RRS is the sum of its parts unless they are all zero and the old column is not": (
        {"DAM_Gen_Resources": dam(DAY, HOURS, RRSAwarded=5.0, **RRS_PARTS)}, COMBO, {"as_rrs_usd": (12 * 3 + 12 * 5) * 7}),
    "a later row replaces an earlier one whole, its blank too": (
        {"DA_prices": pd.concat([flat(DAY, 30.0), da_prices(DAY, {1: float("nan")})])}, COMBO, {"da_energy_usd": 23 * 8 * 30}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", DAYS_BY_HAND)
def test_a_day_is_worth_what_it_is_by_hand(tmp_path: Path, case: str) -> None:
    changes, fleet, expected = DAYS_BY_HAND[case]
    day = on(settle(one_day(tmp_path, **changes), 2022, fleet), DAY)
    for column, value in expected.items():
        assert pd.isna(day[column]) if value is UNKNOWN else day[column] == pytest.approx(value), column


def test_power_is_a_line_to_the_next_reading_and_the_last_is_held_to_the_next_run_of_any_resource(tmp_path):
    stamps = ["03/19/2026 00:00:19", "03/19/2026 00:05:18", "03/19/2026 00:10:17"]
    mine = sced(stamps, "OAK_ESR1", TelemeteredNetOutput=[-0.161, -18.455, -16.036])
    other = sced(["03/19/2026 00:15:17"], "OTHER_ESR1", TelemeteredNetOutput=0.0)
    write(tmp_path, "SCED_ESR_Resources", 2026, pd.concat([mine, other]))
    settlement = settle(tmp_path, 2026, ESR)
    first = quarter(settlement, "2026-03-19 05:00")
    megawatts = (299 * (0.161 + 18.455) / 2 + 299 * (18.455 + 16.036) / 2 + 283 * 16.036) / 881
    assert (first["charge_mwh"], first["discharge_mwh"]) == (pytest.approx(megawatts * 0.25), 0.0)
    assert pd.isna(quarter(settlement, "2026-03-19 05:15")["charge_mwh"])


def test_a_long_line_goes_through_the_base_point_and_no_line_leaves_the_combo_era(tmp_path: Path) -> None:
    stamps = ["12/04/2025 23:30:00", "12/04/2025 23:45:00"]
    before = sced(stamps, "OAK_BESS1", TelemeteredNetOutput=[0.0, 8.0], BasePoint=[6.0, 80.0])
    write(tmp_path, "SCED_Gen_Resources", 2025, before)
    write(tmp_path, "SCED_ESR_Resources", 2025, sced(["12/05/2025 00:00:00"], "OAK_ESR1", TelemeteredNetOutput=4.0))
    settlement = settle(tmp_path, 2025, RENAMED)
    # to 6 MW in 300 s, and to 8 MW in 600 s; then held to the edge
    bent = (300 * 3 + 600 * 7) / 900 * 0.25
    assert quarter(settlement, "2025-12-05 05:30")["discharge_mwh"] == pytest.approx(bent)
    assert quarter(settlement, "2025-12-05 05:45")["discharge_mwh"] == pytest.approx(2.0)
    assert quarter(settlement, "2025-12-05 06:00")["discharge_mwh"] == pytest.approx(1.0)


@pytest.mark.slow
def test_a_run_without_a_successor_holds_for_fifteen_minutes_and_half_a_quarter_hour_suffices(tmp_path: Path) -> None:
    settlement = storage(tmp_path, ["06/01/2026 00:07:30"], 8.0)
    assert quarter(settlement, "2026-06-01 05:00")["discharge_mwh"] == pytest.approx(2.0)
    assert quarter(settlement, "2026-06-01 05:15")["discharge_mwh"] == pytest.approx(2.0)
    settlement = storage(tmp_path / "late", ["06/01/2026 00:07:31"], 8.0)
    assert pd.isna(quarter(settlement, "2026-06-01 05:00")["discharge_mwh"])
    assert quarter(settlement, "2026-06-01 05:15")["discharge_mwh"] == pytest.approx(2.0)


@pytest.mark.slow
def test_discharge_and_charge_of_one_quarter_hour_may_both_be_above_zero(tmp_path: Path) -> None:
    stamps = ["06/01/2026 00:00:00", "06/01/2026 00:05:00", "06/01/2026 00:15:00"]
    first = quarter(storage(tmp_path, stamps, [12.0, -6.0, 0.0]), "2026-06-01 05:00")
    # zero after 200 of the first 300 seconds; then from -6 MW to 0 in 600
    assert first["discharge_mwh"] == pytest.approx(200 * 6 / 3600)
    assert first["charge_mwh"] == pytest.approx((100 * 3 + 600 * 3) / 3600)


def test_real_time_ancillary_awards_are_settled_against_the_day_ahead_ones(tmp_path: Path) -> None:
    day = "2026-06-01"
    awards = dam(day, HOURS, name="OAK_ESR1", energy=-4.0, RegUpAwarded=10.0, ECRSSDAwarded=None)
    write(tmp_path, "DAM_ESR_Resources", 2026, awards)
    real_time = {f"ASAwards{p}": None for p in ("REGDN", "RRSPFR", "RRSFFR", "RRSUFR", "ECRS", "NSPIN")}
    telemetry = sced(every_quarter(day), "OAK_ESR1", TelemeteredNetOutput=-2.0, ASAwardsREGUP=12.0, **real_time)
    write(tmp_path, "SCED_ESR_Resources", 2026, telemetry)
    write(tmp_path, "DA_prices", 2026, flat(day, 20.0))
    write(tmp_path, "RT_prices", 2026, rt_prices(day, 50.0))
    write(tmp_path, "AS_prices", 2026, as_prices(day, **FOUR_PRODUCTS, ECRS=1.0))
    mcpc = pd.DataFrame(
        [(text(day), h, i, "N", p, 8.0) for h in HOURS for i in (1, 2, 3, 4) for p in (*FOUR_PRODUCTS, "ECRS")],
        columns=["DeliveryDate", "DeliveryHour", "DeliveryInterval", "RepeatedHourFlag", "ASType", "MCPC"],
    )
    write(tmp_path, "RT_AS_prices", 2026, mcpc[mcpc["DeliveryHour"] * 10 + mcpc["DeliveryInterval"] != 33])
    settled = on(settle(tmp_path, 2026, ESR), day)
    assert settled["da_energy_usd"] == pytest.approx(24 * -4 * 20)
    assert settled["rt_energy_usd"] == pytest.approx(24 * (-2 - -4) * 50)
    # Hour 3 lacks one real-time price, so that hour is unknown: 23 hours.
    assert settled["as_regup_da_usd"] == pytest.approx(23 * 10 * 5)
    assert settled["as_regup_rt_usd"] == pytest.approx(23 * (12 - 10) * 8)
    assert (settled["as_regup_usd"], settled["as_ecrs_usd"]) == (pytest.approx(23 * (50 + 16)), 0.0)
    assert settled["as_da_unmatched_usd"] == pytest.approx(10 * 5)


@pytest.mark.slow
def test_the_seam_day_settles_storage_telemetry_against_combo_awards(tmp_path: Path) -> None:
    day = "2025-12-05"
    write(tmp_path, "DAM_Gen_Resources", 2026, dam(day, HOURS, energy=8.0, RegUpAwarded=3.0))
    write(tmp_path, "DAM_Load_Resources", 2026, dam_load(day, HOURS, **{"RegUp Awarded": 1.0}))
    telemetry = sced(every_quarter(day), "OAK_ESR1", TelemeteredNetOutput=6.0, ASAwardsREGUP=5.0)
    write(tmp_path, "SCED_ESR_Resources", 2026, telemetry)
    write(tmp_path, "DA_prices", 2025, flat(day, 30.0))
    write(tmp_path, "RT_prices", 2025, rt_prices(day, 40.0))
    write(tmp_path, "AS_prices", 2025, as_prices(day, REGUP=5.0))
    mcpc = rt_prices(day, 8.0).rename(columns={"SettlementPointPrice": "MCPC"}).assign(ASType="REGUP")
    write(tmp_path, "RT_AS_prices", 2025, mcpc)
    settled = on(settle(tmp_path, 2025, RENAMED), day)
    assert settled["da_energy_usd"] == pytest.approx(24 * 8 * 30)
    assert settled["rt_energy_usd"] == pytest.approx(24 * (6 - 8) * 40)
    assert settled["as_regup_da_usd"] == pytest.approx(24 * 4 * 5)
    assert settled["as_regup_rt_usd"] == pytest.approx(24 * (5 - 4) * 8)


@pytest.mark.slow
def test_the_later_publication_year_wins_and_within_a_file_the_later_row(tmp_path: Path) -> None:
    one_day(tmp_path)
    write(tmp_path, "DAM_Gen_Resources", 2022, pd.concat([dam(DAY, HOURS, energy=e) for e in (1.0, 2.0)]))
    write(tmp_path, "DAM_Gen_Resources", 2023, dam(DAY, range(1, 3), energy=3.0))
    settlement = settle(tmp_path, 2022, COMBO)
    assert quarter_hours_of(settlement, DAY, "da_award_mw")[::4] == [3.0, 3.0] + [2.0] * 22


@pytest.mark.parametrize(("labels", "expected"), [
    (list(range(1, 26)), [float(n) for n in range(1, 26)]),
    ([1, 2, 2, *range(3, 25)], [float(n) for n in range(1, 26)]),
    ([1, 2, *range(3, 25)], [1.0, 2.0, 0.0, *[float(n) for n in range(3, 25)]]),
], ids=["labels 1 to 25", "label 2 twice", "one 01:00 hour only"])  # fmt: skip
@pytest.mark.slow
def test_the_autumn_day_of_a_file_without_flags_has_its_hours_in_order(tmp_path, labels, expected):
    day = "2022-11-06"
    rows = dam(day, range(1, 2)).loc[[0] * len(labels)].assign(HourEnding=[str(n) for n in labels])
    rows["AwardedQuantity"] = [float(n) for n in range(1, len(labels) + 1)]
    held = [range(1, 26)] if 25 in labels else [range(1, 25), range(2, 3)]
    others = [dam(day, hours, name="OTHER_GAS") for hours in held]
    write(tmp_path, "DAM_Gen_Resources", 2022, pd.concat([rows, *others]))
    settlement = settle(tmp_path, 2022, COMBO)
    assert quarter_hours_of(settlement, day, "da_award_mw")[::4] == expected


@pytest.mark.parametrize(("labels", "expected"), [
    (list(range(1, 24)), [float(n) for n in range(1, 24)]),
    ([1, 2, *range(4, 25)], [1.0, 2.0, *[float(n) for n in range(4, 25)]]),
], ids=["in order", "clock labels"])  # fmt: skip
@pytest.mark.slow
def test_the_spring_day_is_read_by_order_or_by_clock(tmp_path: Path, labels: list[int], expected: list[float]) -> None:
    day = "2022-03-13"
    rows = dam(day, range(1, 24)).assign(HourEnding=labels, AwardedQuantity=[float(n) for n in labels])
    write(tmp_path, "DAM_Gen_Resources", 2022, rows)
    settlement = settle(tmp_path, 2022, COMBO)
    assert quarter_hours_of(settlement, day, "da_award_mw")[::4] == expected


@pytest.mark.slow
def test_flags_tell_the_two_one_oclock_hours_of_telemetry_apart(tmp_path: Path) -> None:
    stamps = ["11/01/2026 00:45:00", "11/01/2026 01:00:00", "11/01/2026 01:00:00", "11/01/2026 02:00:00"]
    settlement = storage(tmp_path, stamps, [4.0, 8.0, 12.0, 16.0], flag=["N", "N", "Y", "N"])
    found = [quarter(settlement, f"2026-11-01 {t}")["discharge_mwh"] for t in ("05:45", "06:00", "07:00", "08:00")]
    assert found == [1.5, 2.0, 3.0, 4.0]  # the first goes from 4 to 8 MW; the others have no next reading near


@pytest.mark.slow
def test_without_flags_both_one_oclock_hours_of_telemetry_are_unknown(tmp_path: Path) -> None:
    stamps = ["11/01/2026 00:52:00", "11/01/2026 01:00:00", "11/01/2026 01:50:00", "11/01/2026 02:00:00"]
    known = storage(tmp_path, stamps, 4.0, flag=None).quarter_hours.dropna(subset="discharge_mwh")["interval_start"]
    assert [str(t) for t in known] == ["2026-11-01 05:45:00+00:00", "2026-11-01 08:00:00+00:00"]


@pytest.mark.slow
def test_ecrs_is_one_part_on_a_generator_and_two_on_a_load(tmp_path: Path) -> None:
    day = "2024-06-03"
    write(tmp_path, "DAM_Gen_Resources", 2024, dam(day, HOURS, ECRSSDAwarded=1.0, ECRSMDAwarded=2.0))
    parts = {"ECRSSD Awarded": 1.0, "ECRSMD Awarded": 2.0}
    write(tmp_path, "DAM_Load_Resources", 2024, dam_load(day, HOURS, **parts))
    write(tmp_path, "AS_prices", 2024, as_prices(day, ECRS=5.0))
    assert on(settle(tmp_path, 2024, COMBO), day)["as_ecrs_usd"] == pytest.approx(24 * (1 + 3) * 5)


def test_charging_known_half_the_day_settles_that_half_and_the_second_row_of_a_zone_is_no_price(tmp_path: Path) -> None:
    changes = {
        "DAM_Gen_Resources": dam(DAY, HOURS, energy=4.0),
        "SCED_Load_Resources": sced(every_quarter(DAY)[48:], "OAK_LD1", RealPowerConsumption=1.0, BasePoint=1.0),
        "DA_prices": flat(DAY, 20.0),
        "RT_prices": pd.concat([rt_prices(DAY, 30.0), rt_prices(DAY, 99.0).assign(SettlementPointType="LZEW")]),
    }
    day = on(settle(one_day(tmp_path, **changes), 2022, COMBO), DAY)
    assert day["da_energy_usd"] == pytest.approx(12 * 4 * 20)
    assert day["rt_energy_usd"] == pytest.approx(12 * (6 - 1 - 4) * 30)
    assert (day["da_unmatched_usd"], day["rt_metered_usd"]) == (pytest.approx(12 * 4 * 20), pytest.approx(12 * 5 * 30))
    assert (day["charging_cost_usd"], day["discharge_mwh"]) == (pytest.approx(12 * 30), pytest.approx(24 * 6))
    assert day["energy_coverage"] == 0.5


@pytest.mark.slow
def test_a_run_holds_no_longer_than_the_year(tmp_path: Path) -> None:
    known = storage(tmp_path, ["12/31/2026 23:52:00"], 8.0).quarter_hours.dropna(subset="discharge_mwh")
    assert [str(time) for time in known["interval_start"]] == ["2027-01-01 05:45:00+00:00"]
    assert list(known["discharge_mwh"]) == [2.0]


def test_a_time_column_that_is_all_null_stops_with_the_file_and_column(tmp_path: Path) -> None:
    one_day(tmp_path, DAM_Gen_Resources=dam(DAY, HOURS).assign(DeliveryDate=None))
    with pytest.raises(ValueError, match=r"DAM_Gen_Resources.*2022\.parquet.*deliverydate"):
        settle(tmp_path, 2022, COMBO)


@pytest.mark.slow
def test_months_hold_the_days_of_the_year_and_no_others(tmp_path: Path) -> None:
    settlement = settle(one_day(tmp_path), 2022, COMBO)
    monthly = settlement.leaderboard_monthly
    assert list(monthly["month"]) == [1, 2, 3, 4, 5]
    may = monthly.iloc[4]
    assert may["total_usd"] == pytest.approx(settlement.leaderboard.iloc[0]["total_usd"])
    assert monthly["total_usd"][:4].isna().all()
    assert (may["energy_coverage"], may["as_coverage"]) == pytest.approx((1 / 10, 1 / 10))


@pytest.mark.slow
def test_a_full_month_is_the_sum_of_its_days(tmp_path: Path) -> None:
    days = [str(d.date()) for d in pd.date_range("2022-05-01", "2022-05-31")]
    prices = {h: 20.0 if h < 13 else 50.0 for h in HOURS}
    one_day(
        tmp_path,
        DAM_Gen_Resources=pd.concat([dam(d, HOURS, energy=0.0 if d < "2022-05-12" else 8.0) for d in days]),
        DAM_Load_Resources=pd.concat([dam_load(d, HOURS) for d in days]),
        SCED_Gen_Resources=pd.concat(
            [sced(every_quarter(d), "OAK_BESS1", TelemeteredNetOutput=0.5 if d < "2022-05-12" else 6.0) for d in days]
        ).replace({0.5: 0.0}),
        SCED_Load_Resources=pd.concat([sced(every_quarter(d), "OAK_LD1", RealPowerConsumption=8.0) for d in days]),
        DA_prices=pd.concat([da_prices(d, prices) for d in days]),
        RT_prices=pd.concat([rt_prices(d, 40.0) for d in days]),
        AS_prices=pd.concat([as_prices(d, **FOUR_PRODUCTS) for d in days]),
    )
    may = settle(tmp_path, 2022, COMBO).leaderboard_monthly.query("month == 5").iloc[0]
    rising = 0.75  # MWh of the line from 0 to 6 MW before the 12th
    total = 20 * (8 * 12 * 70 + 24 * (6 - 8 - 8) * 40) + 11 * 24 * -8 * 40 + rising * 40
    assert may["total_usd"] == pytest.approx(total)
    assert (may["discharge_mwh"], may["charge_mwh"]) == pytest.approx((20 * 24 * 6 + rising, 31 * 24 * 8))
    assert (may["energy_coverage"], may["as_coverage"]) == (1.0, 1.0)


@pytest.mark.slow
@pytest.mark.real
def test_the_ancillary_revenue_of_2021_agrees_with_the_published_one_to_the_cent(real_pack) -> None:
    pack = real_pack("2021-ancillary")
    expected = pd.read_csv(pack / "expected_as_revenue_usd.csv").rename(columns={"resource_name": "battery"})
    names = expected["battery"]
    fleet = pd.DataFrame({"battery": names, "gen_resource": names, "load_resource": names, "esr_resource": None})
    board = settle(pack / "rollups", 2021, fleet.assign(charging_known=True, load_as_only=False)).leaderboard
    both = board.merge(expected, on="battery", validate="1:1")
    assert len(both) == len(board) == 27
    pairs = {"regup": "reg_up", "regdn": "reg_down", "rrs": "rrs", "nspin": "nonspin"}
    for mine, theirs in [*((f"as_{m}_usd", t) for m, t in pairs.items()), ("as_usd", "total")]:
        # The published figures are rounded to the cent.
        assert (both[mine] - both[theirs]).abs().max() <= 0.00501
    assert board["as_usd"].sum() == pytest.approx(325_309_505.04, abs=0.02)
    unknown = ["total_usd", "energy_usd", "da_energy_usd", "rt_energy_usd", "as_ecrs_usd"]
    assert board[unknown].isna().all().all()
    best = board.loc[board["as_usd"].idxmax()]
    assert (best["battery"], best["as_coverage"]) == ("Aquanode", 4320 / 4343)
    assert best["data_through"] == pd.Timestamp("2021-06-30")
    assert (board["energy_coverage"] == 0.0).all()


@pytest.mark.real
def test_the_batcave_telemetry_gives_the_published_daily_energy(tmp_path: Path, real_pack) -> None:
    pack = real_pack("2026-esr-batcave")
    reports = [pd.read_csv(f) for f in sorted((pack / "reports").glob("60d_ESR_Data_in_SCED-*.csv"))]
    write(tmp_path, "SCED_ESR_Resources", 2026, pd.concat(reports))
    write(tmp_path, "RT_prices", 2026, pd.read_csv(pack / "reports" / "rt_spp_hb_hubavg.csv"))
    write(tmp_path, "DA_prices", 2026, pd.read_csv(pack / "reports" / "dam_spp_hb_hubavg.csv"))
    write(tmp_path, "AS_prices", 2026, pd.read_csv(pack / "reports" / "dam_mcpc.csv"))
    fleet = ESR.assign(battery="BATCAVE_1", esr_resource="BATCAVE_ESR1")
    year = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-12-31")
    settlement = settle(tmp_path, 2026, fleet, [("BATCAVE_1", "HB_HUBAVG", *year)])
    expected = pd.read_csv(pack / "expected_daily_energy_lines.csv", parse_dates=["day"]).set_index("day")
    mine = settlement.daily.set_index("operating_day").loc[expected.index]
    assert (mine["discharge_mwh"] - expected["discharge_mwh"]).abs().max() < 1e-4
    assert (mine["charge_mwh"] - expected["charge_mwh"]).abs().max() < 1e-4
    assert (mine["rt_metered_usd"] - expected["rt_revenue_usd_at_hub"]).abs().max() < 0.00501
    board = settlement.leaderboard.iloc[0]
    assert len(settlement.quarter_hours) == 8636
    assert settlement.quarter_hours["discharge_mwh"].notna().sum() == 1248
    assert board["energy_coverage"] == 0.0
    # 9,400.72 is the sum of thirteen figures rounded to the cent; unrounded it is 9,400.71.
    assert board["rt_metered_usd"] == pytest.approx(9400.72, abs=13 * 0.005)
    assert board["discharge_mwh"] / board["charge_mwh"] == pytest.approx(0.68, abs=0.005)
    assert board[["da_energy_usd", "rt_energy_usd", "total_usd"]].isna().all()


@pytest.mark.real
def test_the_real_storage_awards_of_2025_12_06_are_worth_their_published_rows(tmp_path: Path, real_pack) -> None:
    rows = pd.read_csv(next(real_pack("2025-12-06-dam-esr").glob("reports/*.csv")))
    # A stranger's row on 1 January: the data begin before these batteries, which are then expected on 6 December only.
    stranger = rows.iloc[[0]].assign(**{"Delivery Date": "01/01/2025", "Resource Name": "OTHER_ESR1"})
    write(tmp_path, "DAM_ESR_Resources", 2026, pd.concat([stranger, rows]))
    hour_ending = [f"{int(h):02d}:00" for h in rows["Hour Ending"]]
    at = pd.DataFrame({"DeliveryDate": rows["Delivery Date"], "HourEnding": hour_ending, "DSTFlag": "N"})
    names, prices = rows["Settlement Point Name"], rows["Energy Settlement Point Price"]
    write(tmp_path, "DA_prices", 2025, at.assign(SettlementPoint=names, SettlementPointPrice=prices))
    products = {"REGUP": "RegUp", "REGDN": "RegDown", "RRS": "RRS", "ECRS": "ECRS", "NSPIN": "NonSpin"}
    mcpc = pd.concat([at.assign(AncillaryType=p, MCPC=rows[f"{h} MCPC"]) for p, h in products.items()])
    write(tmp_path, "AS_prices", 2025, mcpc.dropna(subset="MCPC"))
    resources = rows["Resource Name"].unique()
    fleet = pd.DataFrame({"battery": resources, "gen_resource": None, "load_resource": None, "esr_resource": resources})
    settlement = settle(tmp_path, 2025, fleet.assign(charging_known=True, load_as_only=False))
    # 6 December is on standard time: hour ending h begins at h + 5 UTC.
    starts = pd.Timestamp("2025-12-06 05:00", tz="UTC") + pd.to_timedelta(rows["Hour Ending"], unit="h")
    quarters = settlement.quarter_hours.assign(hour=settlement.quarter_hours["interval_start"].dt.floor("h"))
    energy = quarters.groupby(["battery", "hour"])["da_usd"].sum()
    services = settlement.hours.groupby(["battery", "interval_start"])["da_usd"].sum()
    worth = [energy[key] + services[key] for key in zip(rows["Resource Name"], starts, strict=True)]
    expected = [0, 210.585, 301.44, -1772.55, -2485.99, -1492.27, -2969.39, 2362.30, 4922.12, 732.88, 2213.06]
    assert worth == pytest.approx(expected, abs=0.006)
