"""Day-ahead rows that one battery lacks: no award, or an unknown one, and a note on its row either way."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest

from bess_assets.settlement.row_gaps import ROWS_CHECK, gaps_in
from bess_assets_tests.settlement.small import (
    GEN,
    MAY,
    clearing,
    consumption,
    dam,
    dam_esr,
    dam_load,
    days,
    esr_telemetry,
    prices,
    rt_clearing,
    settle,
    telemetry,
    together,
)

WEEK = days(MAY, 7)
START, MIDDLE, END = WEEK[:2], WEEK[2:5], WEEK[4:]
OTHER = "ELM_BESS1"


def _week(missing, side="gen", *, output_mw=6.0, award_mw=8.0, regup_mw=3.0):
    """A week of two batteries before RTC+B, one of which lacks the rows of some days in a day-ahead file."""
    listed = [day for day in WEEK if day not in missing]
    gen = [
        row
        for day in (listed if side == "gen" else WEEK)
        for row in dam(day, award_mw=award_mw, regup_award_mw=regup_mw)
    ]
    load = [row for day in (listed if side == "load" else WEEK) for row in dam_load(day, regup_award_mw=1.0)]
    idle = [row for day in WEEK for row in (*dam(day, OTHER), *dam_load(day, "ELM_LD1"))]
    return together(
        {
            "dam_gen_resources": [*gen, *(row for row in idle if row["resource_name"] == OTHER)],
            "dam_load_resources": [*load, *(row for row in idle if row["resource_name"] != OTHER)],
            "sced_gen_resources": [
                row for day in WEEK for row in (*telemetry(day, output_mw), *telemetry(day, 0.0, OTHER))
            ],
            "sced_load_resources": [row for day in WEEK for row in consumption(day, 1.0)],
        },
        *(prices(day, 30.0, 40.0) for day in WEEK),
        *(clearing(day, REGUP=5.0, REGDN=3.0, RRS=7.0, NSPIN=2.0) for day in WEEK),
    )


def _judged(settled, day):
    return {row["row_gap"] for row in settled.rows("bess_awards", battery="OAK_1", operating_day=day)}


@pytest.mark.parametrize("missing", [START, MIDDLE, END], ids=["start", "middle", "end"])
def test_the_award_of_a_battery_at_work_without_rows_for_over_a_day_is_unknown_wherever_in_its_days(tmp_path, missing):
    settled = settle(tmp_path, 2022, _week(missing, regup_mw=0.0))
    board = settled.row("leaderboard", battery="OAK_1")
    known = 24 * (7 - len(missing))
    daily = settled.rows("dam_awards_daily", battery="OAK_1")
    assert sum(row["da_energy_usd"] or 0.0 for row in daily) == pytest.approx(known * 8 * 30.0)
    assert {_judged(settled, day) == {"unknown"} for day in missing} == {True}
    hours = 24 * len(missing)
    note = f"no day-ahead row in {hours} hours from {missing[0]} to {missing[-1]}, the award unknown in {hours} of them"
    assert note in board["notes"]
    (check,) = [c for c in settled.entries["bess_awards"]["checks"] if c["name"] == ROWS_CHECK]
    assert not check["passed"]
    assert f"{GEN} {hours:,} hours of dam_gen_resources" in check["detail"]
    monthly = settled.row("leaderboard_monthly", battery="OAK_1", month=5)
    assert note in monthly["notes"]


def test_a_battery_that_rests_without_rows_has_no_award_and_its_row_says_so(tmp_path):
    settled = settle(
        tmp_path,
        2022,
        _week(MIDDLE, output_mw=0.5, regup_mw=0.0) | {"sced_load_resources": [], "dam_load_resources": []},
    )
    board = settled.row("leaderboard", battery="OAK_1")
    assert [row["award_mw"] for row in settled.rows("bess_awards", battery="OAK_1", operating_day=MIDDLE[0])] == [
        0.0
    ] * 24
    assert _judged(settled, MIDDLE[0]) == {"no award"}
    assert "the award unknown in 0 of them and none in the others" in board["notes"]
    (check,) = [c for c in settled.entries["bess_awards"]["checks"] if c["name"] == ROWS_CHECK]
    assert check["passed"]


def test_an_award_of_the_generation_side_makes_that_of_the_load_side_unknown_while_it_lacks_rows(tmp_path):
    idle = {"sced_gen_resources": [], "sced_load_resources": []}
    settled = settle(tmp_path, 2022, _week(START, "load") | idle)
    assert settled.row("leaderboard", battery="OAK_1")["as_regup_usd"] == pytest.approx(5 * 24 * (3.0 + 1.0) * 5.0)
    assert _judged(settled, START[0]) == {"unknown"}
    resting = settle(tmp_path / "resting", 2022, _week(START, "load", award_mw=0.0, regup_mw=0.0) | idle)
    assert _judged(resting, START[0]) == {"no award"}


def test_a_day_without_rows_is_no_gap(tmp_path):
    settled = settle(tmp_path, 2022, _week(WEEK[3:4]))
    assert _judged(settled, WEEK[3]) == {None}
    assert "no day-ahead row" not in settled.row("leaderboard", battery="OAK_1")["notes"]


def test_the_gap_of_a_storage_resource_is_judged_by_its_telemetry(tmp_path):
    week = days(date(2026, 5, 11), 7)
    market = together(
        {
            "dam_esr_resources": [
                row
                for day in week
                for row in (*(dam_esr(day, award_mw=2.0) if day not in week[:3] else ()), *dam_esr(day, "ELM_ESR1"))
            ],
            "sced_esr_resources": [
                row for day in week for row in (*esr_telemetry(day, -6.0), *esr_telemetry(day, 0.0, "ELM_ESR1"))
            ],
        },
        *(prices(day, 30.0, 40.0) for day in week),
        *(clearing(day, REGUP=5.0, REGDN=3.0, RRS=7.0, ECRS=1.0, NSPIN=2.0) for day in week),
        *(rt_clearing(day, REGUP=5.0, REGDN=3.0, RRS=7.0, ECRS=1.0, NSPIN=2.0) for day in week),
    )
    settled = settle(tmp_path, 2026, market)
    judged = Counter(row["row_gap"] for row in settled.rows("bess_awards", battery="OAK_1"))
    assert judged == {"unknown": 72, None: 365 * 24 - 72}
    assert settled.row("leaderboard", battery="OAK_1")["da_energy_usd"] == pytest.approx(4 * 24 * 2.0 * 30.0)


def test_gaps_count_the_expected_hours_alone_and_are_longer_than_a_day():
    present, expected = np.zeros(100, dtype=bool), np.ones(100, dtype=bool)
    present[[10, 36, 61]] = True
    assert [(gap[0], gap[-1]) for gap in gaps_in(present, expected)] == [(11, 35), (62, 99)]
    expected[20] = False
    assert [(gap[0], gap[-1]) for gap in gaps_in(present, expected)] == [(62, 99)], "24 hours are none"
    assert gaps_in(present, ~expected) == []
    assert WEEK[-1] - WEEK[0] == timedelta(days=6)
