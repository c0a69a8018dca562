"""Rows of a board from sums written by hand: any days in a row, and figures just at a threshold."""

from datetime import date
from typing import Any

import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.settlement.metrics import (
    COUNTS,
    FROM_REGISTRY,
    MONEY,
    Period,
    add_peers,
    board,
    ranked,
    usd_per_kw,
    usd_per_kw_year_and_month,
)

YEAR = Period.of(2022)
Row = dict[str, Any]
OF_ALL = ("expected", "energy", "discharge", "discharge_telemetry", "charge_telemetry")
FULL = {
    **{f"{what}_quarter_hours": 35_040 for what in OF_ALL},
    **dict.fromkeys(("expected_hours", "as_hours"), 8_760),
    **{f"{p}_expected_hours": 8_760 for p in PRODUCTS if p != "ecrs"},
}


def sums_of(name: str = "OAK_1", **known: Any) -> Row:
    """Sums of a battery that was active all year and earned 1,000 $, all of it energy."""
    row = {
        **dict.fromkeys(MONEY), "da_energy_usd": 1_000.0, "rt_energy_usd": 0.0,
        **{f"as_{p}_usd": 0.0 for p in PRODUCTS if p != "ecrs"}, **dict.fromkeys(COUNTS, 0), **FULL, "battery": name,
        "settlement_point": "OAK_RN", "first_active_date": date(2022, 1, 1), "active_days": 365,
        **dict.fromkeys(("tb2_usd_per_mw", "tb2_energy_usd", "best_day_usd", "first_gap_day", "last_gap_day")),
    }  # fmt: skip
    assert known.keys() <= row.keys()
    return row | known


def board_of(*sums: Row) -> list[Row]:
    """Rows of 2022 of batteries of 10 MW and 20 MWh."""
    blank = dict.fromkeys((*FROM_REGISTRY, "charging", "notes"))
    size = {"capacity_mw": 10.0, "energy_mwh": 20.0}
    registry = {row["battery"]: {**blank, "battery": row["battery"], **size} for row in sums}
    return board(sums, registry, YEAR)


def row_of(**known: Any) -> Row:
    (row,) = board_of(sums_of(**known))
    return row


# --- any days in a row ----------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("first", "last", "days", "months"), [
    (date(2022, 2, 1), date(2022, 2, 28), 28, 1), (date(2024, 2, 29), date(2024, 2, 29), 1, 1 / 29),
    (date(2022, 1, 1), date(2022, 12, 31), 365, 12),
    (date(2022, 1, 17), date(2022, 3, 10), 53, 15 / 31 + 1 + 10 / 31),
    (date(2021, 12, 16), date(2022, 1, 10), 26, 16 / 31 + 10 / 31), (date(2021, 11, 1), date(2023, 1, 31), 457, 15),
])  # fmt: skip
def test_part_of_a_month_is_the_share_of_its_days(first: date, last: date, days: int, months: float) -> None:
    window = Period(first, last)
    assert (window.days, window.months) == (days, pytest.approx(months))


def test_a_short_window_ranks_who_was_active_on_all_its_days_and_gives_nobody_a_rate() -> None:
    three, thirty = Period(date(2022, 1, 1), date(2022, 1, 3)), Period(date(2022, 1, 1), date(2022, 1, 30))
    assert (three.active_days_to_rank, thirty.active_days_to_rank) == (3, 10)
    row = {"total_usd": 1_000.0, "capacity_mw": 10.0}
    assert usd_per_kw_year_and_month([row | {"active_days": 3}], three) == (None, None)
    assert usd_per_kw_year_and_month([row | {"active_days": 9}], thirty) == (None, None)
    # 0.1 $/kW in 10 of 30 days: 0.3 in the window, which is 30/31 of a month
    found = usd_per_kw_year_and_month([row | {"active_days": 10}], thirty)
    assert found == pytest.approx((0.3 * 12 * 31 / 30, 0.3 * 31 / 30))


# --- beside the others ----------------------------------------------------------------------------------------------------------------------------
def peer(usd: float | None, hours: float | None, rank: int | None = 1, source: str = "ercot") -> Row:
    return {"rank": rank, "usd_per_kw_month": usd, "duration_hours": hours, "duration_source": source}


def test_a_percentile_is_among_the_ranked_and_equal_ones_count_half() -> None:
    rows = [peer(2.0, 1.0), peer(4.0, 1.0), peer(4.0, 1.2), peer(6.0, 2.0), peer(9.0, 1.0, rank=None), peer(None, 1.0)]
    add_peers(rows)
    assert [row["usd_per_kw_month_percentile"] for row in rows] == [0.0, 0.5, 0.5, 1.0, None, None]
    alone = [peer(2.0, 1.0)]
    add_peers(alone)
    assert alone[0]["usd_per_kw_month_percentile"] is None


def test_a_class_has_its_ranked_batteries_median_and_an_assumed_duration_has_no_class() -> None:
    rows = [
        peer(2.0, 1.0),
        peer(5.0, 1.24),
        peer(3.0, 1.25),
        peer(50.0, 1.0, rank=None),
        peer(7.0, 4.0, source="assumed"),
        peer(1.0, None),
    ]
    add_peers(rows)
    assert [row["duration_class"] for row in rows] == [
        "under 1.25 h",
        "under 1.25 h",
        "1.25 to 1.75 h",
        "under 1.25 h",
        None,
        None,
    ]
    assert [row["class_median_usd_per_kw_month"] for row in rows] == [3.5, 3.5, 3.0, 3.5, None, None]


# --- at a threshold, and unknown ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("leg", ["da_energy_usd", "rt_energy_usd"])
def test_energy_with_one_leg_unknown_is_unknown(leg: str) -> None:
    row = row_of(**{leg: None})
    assert (row["energy_usd"], row["total_usd"], row["excluded_reason"]) == (None, None, "total unknown")


def test_one_megawatt_hour_discharged_is_enough_for_dollars_per_megawatt_hour() -> None:
    assert row_of(discharge_mwh=1.0)["usd_per_mwh_discharged"] == 1_000.0
    assert row_of(discharge_mwh=0.99)["usd_per_mwh_discharged"] is None
    assert row_of(discharge_mwh=None)["usd_per_mwh_discharged"] is None


def test_a_coverage_of_just_0_95_is_enough_and_an_efficiency_of_just_1_is_no_note() -> None:
    counts = {"expected_quarter_hours": 100, "energy_quarter_hours": 95, "expected_hours": 100, "as_hours": 95}
    row = row_of(**counts, paired_discharge_mwh=100.0, paired_charge_mwh=100.0)
    assert (row["energy_coverage"], row["as_coverage"], row["round_trip_efficiency"]) == (0.95, 0.95, 1.0)
    assert (row["excluded_reason"], row["notes"]) == (None, None)


@pytest.mark.parametrize(
    ("energy", "services"), [(2, 0), (0, 3)], ids=["of energy alone", "of ancillary services alone"]
)
def test_implausible_prices_are_noted(energy: int, services: int) -> None:
    row = row_of(implausible_quarter_hours=energy, implausible_as_hours=services)
    assert row["notes"] == f"implausible prices used: {energy} quarter-hours of energy, {services} product hours of AS"


def test_half_a_dollar_has_a_best_day_and_half_a_dollar_of_spread_a_capture() -> None:
    row = row_of(da_energy_usd=0.5, tb2_usd_per_mw=0.05, tb2_energy_usd=0.4, best_day_usd=0.1)
    assert (row["best_day_share"], row["tb2_usd"], row["tb2_capture"]) == pytest.approx((0.2, 0.5, 0.8))


@pytest.mark.parametrize(
    ("total", "note"),
    [(7_000.0, "3.5 times the fleet's $/kW"), (5_001.0, "3.0 times the fleet's $/kW"), (5_000.0, None)],
)
def test_over_three_times_the_fleets_dollars_per_kilowatt_is_noted_and_just_three_times_is_not(total, note):
    # five of 1,000 $ and one of 7,000 $: 2,000 $ each; with 5,000 $ it is a third of 5,000
    parts = [sums_of(f"OAK_{n}") for n in range(5)]
    rows = board_of(*parts, sums_of("ELM_1", da_energy_usd=total))
    assert (rows[0]["battery"], rows[0]["notes"]) == ("ELM_1", note)
    assert usd_per_kw(ranked(rows), 365) == pytest.approx((5_000 + total) / 60_000)
