"""Single rules of the truth, checked by hand against market.md.

Belongs here: holds, awards, capacity, a tiny year settled by hand.
Does not: files (test_simulate.py).
"""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from bess_assets.simulator.calendar import operating_year
from bess_assets.simulator.fleet import Battery, Fleet
from bess_assets.simulator.publish import CURRENT, DISCLOSED, PRICES, Rows, Words
from bess_assets.simulator.truth import (
    Book,
    day_ahead_award,
    held_pieces,
    hold,
    nth_largest_hourly,
    reckon_battery,
    reckon_year,
)


def test_the_worked_example_of_section_3_3_gives_minus_2_8673_mwh() -> None:
    start = operating_year(2026).day_start(3, 19)
    runs = [start + 19, start + 318, start + 617, start + 917]
    pieces = held_pieces(runs, start, start + 86400)
    held = hold(zip(runs, [-0.161, -18.455, -16.036, None], strict=True), pieces, 96)
    assert held.seconds[0] == 881
    assert held.discharge_mwh(0) == 0.0
    assert round(held.charge_mwh(0) or 0.0, 4) == 2.8673


def test_a_value_holds_at_most_900_seconds_and_never_past_the_year() -> None:
    pieces = held_pieces([0, 2000, 3500], 0, 3600)
    assert pieces[0] == [(0, 900)]
    assert pieces[2000] == [(2, 700), (3, 200)]
    assert pieces[3500] == [(3, 100)]


def test_less_than_half_a_quarter_hour_observed_is_unknown() -> None:
    held = hold([(0, 8.0)], held_pieces([0, 449], 0, 900), 1)
    assert held.discharge_mwh(0) is None
    held = hold([(0, 8.0)], held_pieces([0, 450], 0, 900), 1)
    assert held.discharge_mwh(0) == 2.0


def test_a_blank_award_is_zero_and_an_absent_column_unknown() -> None:
    assert day_ahead_award({"regup": None}, "regup", of_load=False) == 0.0
    assert day_ahead_award({"regdn": 3.0}, "regup", of_load=False) is None


def test_the_old_single_column_counts_only_where_the_parts_say_nothing() -> None:
    zeros = {"rrspfr": 0.0, "rrsffr": 0.0, "rrsufr": 0.0}
    assert day_ahead_award({**zeros, "rrs": 4.0}, "rrs", of_load=False) == 4.0
    assert day_ahead_award({**zeros, "rrspfr": 1.5, "rrs": 4.0}, "rrs", of_load=False) == 1.5
    assert day_ahead_award({"ecrssd": 1.0, "ecrsmd": 2.0}, "ecrs", of_load=True) == 3.0
    assert day_ahead_award({"ecrssd": 1.0, "ecrsmd": 2.0}, "ecrs", of_load=False) == 1.0


def test_capacity_is_the_24th_largest_hour() -> None:
    assert nth_largest_hourly({hour: float(hour) for hour in range(100)}) == 76.0
    assert nth_largest_hourly({1: 5.0, 2: 9.0, 3: 0.0}) == 9.0
    assert nth_largest_hourly({1: 0.0}) is None


DAY = operating_year(2024).day_start(6, 3)
"""A day in summer: its hours and quarter-hours count from here."""

BATTERY = Battery(
    key="TINY_1",
    role="ordinary",
    gen="TINY_BESS1",
    load="TINY_LD1",
    esr=None,
    node="TINY_RN",
    later_node=None,
    moves_on=None,
    qse="Q",
    capacity_mw=10.0,
    energy_mwh=10.0,
    efficiency=0.85,
    load_reads_high=1.05,
    ancillary_share=0.5,
    first_day=date(2024, 6, 3),
    first_active=date(2024, 6, 3),
    last_day=None,
    outages=(),
)


def _rows(
    dataset: str, name: str, times: np.ndarray, node: str | None = None, kind: str = "", **columns: float
) -> Rows:
    words = {} if node is None else {"node": Words(np.zeros(len(times), dtype=np.int64), (node,))}
    return Rows(
        dataset,
        2024,
        name,
        kind,
        "Q",
        times,
        np.full(len(times), CURRENT),
        {key: np.full(len(times), value) for key, value in columns.items()},
        words,
    )


@pytest.fixture
def published() -> dict[str, list[Rows]]:
    """One day of one battery: sells 4 MW day ahead, gives 6 MW all day, takes 1 MW from 12:00 on where the load row says so."""
    hours = np.arange(DAY, DAY + 86400, 3600, dtype=np.int64)
    quarters = np.arange(DAY, DAY + 86400, 900, dtype=np.int64)
    rows: dict[str, list[Rows]] = {folder: [] for folder in (*DISCLOSED, *PRICES)}
    awards = {
        "regup": 2.0,
        "regdn": 0.0,
        "rrspfr": 1.0,
        "rrsffr": 0.0,
        "rrsufr": 0.0,
        "ecrssd": float("nan"),
        "nspin": 0.0,
    }
    rows["DAM_Gen_Resources"] = [
        _rows("DAM_Gen_Resources", "TINY_BESS1", hours, "TINY_RN", hsl=10.0, awarded=4.0, **awards)
    ]
    rows["DAM_Load_Resources"] = [
        _rows("DAM_Load_Resources", "TINY_LD1", hours, max_power=10.0, **{**awards, "regup": 0.5})
    ]
    rows["SCED_Gen_Resources"] = [_rows("SCED_Gen_Resources", "TINY_BESS1", quarters, net_output=6.0, base_point=5.0)]
    rows["SCED_Load_Resources"] = [
        _rows("SCED_Load_Resources", "TINY_LD1", quarters[48:], real_power=1.0, base_point=1.0)
    ]
    rows["RT_prices"] = [
        _rows("RT_prices", "TINY_RN", quarters, kind="RN", price=30.0),
        _rows("RT_prices", "TINY_RN", quarters, kind="LZEW", price=99.0),
    ]
    rows["DA_prices"] = [_rows("DA_prices", "TINY_RN", hours, price=20.0)]
    rows["AS_prices"] = [
        _rows("AS_prices", product, hours, price=5.0) for product in ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")
    ]
    return rows


def test_a_tiny_day_settles_as_by_hand(published: dict[str, list[Rows]]) -> None:
    yearly, monthly = reckon_year(2024, Fleet((BATTERY,), (), (), ()), published, later_rows=False)
    row = yearly[0]
    # Charging is known in the afternoon only: 48 quarter-hours, or 12 hours, count. Without later rows the last run holds 900 s.
    assert row["da_energy_usd"] == pytest.approx(12 * 4 * 20.0)
    assert row["rt_energy_usd"] == pytest.approx(12 * (6 - 1 - 4) * 30.0)
    assert row["da_unmatched_usd"] == pytest.approx(12 * 4 * 20.0)
    assert row["rt_metered_usd"] == pytest.approx(12 * 5 * 30.0)
    assert row["as_regup_usd"] == pytest.approx(24 * 2.5 * 5.0)
    assert row["as_rrs_usd"] == pytest.approx(24 * 2.0 * 5.0)
    assert row["as_ecrs_usd"] == 0.0
    assert row["as_regup_rt_usd"] is None
    assert row["discharge_mwh"] == pytest.approx(144.0)
    assert row["charging_cost_usd"] == pytest.approx(12 * 30.0)
    # Seen on the first and on the last day of all data: expected from 1 January to the day up to which data go.
    assert row["data_through"] == "2024-06-03"
    assert row["edition"] == "preliminary"
    assert row["energy_coverage"] == pytest.approx(48 / (155 * 96 - 4))
    assert (
        row["excluded_reason"]
        == "energy coverage 0.003 below 0.95; AS coverage 0.006 below 0.95; active 1 days, under 30"
    )
    assert [one["month"] for one in monthly] == [1, 2, 3, 4, 5, 6]


def test_a_later_row_replaces_an_earlier_one_whole(published: dict[str, list[Rows]]) -> None:
    hours = published["DA_prices"][0].times
    published["DA_prices"].append(_rows("DA_prices", "TINY_RN", hours[:1], price=float("nan")))
    yearly, _ = reckon_year(2024, Fleet((BATTERY,), (), (), ()), published, later_rows=False)
    assert yearly[0]["da_unmatched_usd"] == pytest.approx(11 * 4 * 20.0)


def test_sced_rows_without_a_flag_leave_both_0100_hours_of_autumn_unknown() -> None:
    year = operating_year(2024)
    first = int(year.day_starts[year.long_day()])
    runs = np.arange(first, first + 4 * 3600, 900, dtype=np.int64) + 14
    rows: dict[str, list[Rows]] = {folder: [] for folder in (*DISCLOSED, *PRICES)}
    part = _rows("SCED_Gen_Resources", "TINY_BESS1", runs, net_output=6.0, base_point=6.0)
    rows["SCED_Gen_Resources"] = [replace(part, file_year=2025, flagged=False)]
    book = Book.of(2024, rows)
    account = reckon_battery(book, BATTERY, book.data_days[1])
    assert account is not None
    held = book.held("SCED_Gen_Resources", "TINY_BESS1", "net_output")
    known = [position for position in range(16) if held.seconds[(first - book.start) // 900 + position]]
    assert known == [0, 1, 2, 3, 12, 13, 14, 15]
