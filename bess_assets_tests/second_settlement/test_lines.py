"""Lines between readings in both settlements: a made variant of a real battery's days by hand, and laws that hold for any readings."""

from datetime import datetime, timedelta
from itertools import accumulate

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bess_assets.second_settlement.compare import handed_in
from bess_assets.second_settlement.lines import integrals
from bess_assets.second_settlement.settlement import settle as settle_again
from bess_assets.second_settlement.source import RollupFiles
from bess_assets.settlement.lines import Cells, Course
from bess_assets_tests.scenario import run
from bess_assets_tests.settlement.small import ESR, RT_AWARDS, settle

NINE = datetime(2025, 12, 31, 21)
"""Nine in the evening of the last day of a year."""
MINE = [
    # minutes and seconds after nine, MW, base point
    (0, 0, 10.0, 90.0),
    (5, 0, 20.0, 90.0),
    (10, 0, None, 90.0),  # a blank is no reading
    (15, 0, 40.0, 90.0),  # 600 s after the last reading: the line is straight
    (25, 0, -20.0, -60.0),  # one run was lost in between
    (44, 10, 25.0, 90.0),  # 1,150 s later: through the base point
    (49, 10, 30.0, 90.0),
    (70, 0, 12.0, 90.0),  # 1,250 s later: no line
    (75, 0, 12.0, 90.0),
    (80, 0, None, 48.0),
    (170, 0, 5.0, 90.0),
    (174, 0, 8.0, 90.0),
    (185, 0, 6.0, 90.0),  # in the new year
    (190, 0, 6.0, 90.0),
    (195, 0, 12.0, 90.0),
]
OTHERS = [(0, 0), (10, 0), (12, 0), (20, 0), (58, 0), (90, 0), (177, 0), (183, 0), (200, 0)]
"""Runs of another battery, minutes and seconds after nine: of its own, and those that the first one lacks."""


def _crossing(first: float, last: float, seconds: float) -> tuple[float, float]:
    """MW x seconds above and below zero of a line that crosses it downwards."""
    above = first * seconds * first / (first - last) / 2
    return above, above - seconds * (first + last) / 2


# 21:15 to 21:25 falls from 40 to -20 MW and crosses zero after 400 s. 21:25 to 21:30 goes to the base point, -60 MW; from there 850 s to 25 MW, crossing at
# 600 s; at 21:45, 50 s after 21:44:10, the next line is at 25 + 5 x 50/300 MW.
AT_BOUNDARY = 25 + 5 * 50 / 300
BY_HAND = {
    # quarter-hour after nine: MW x seconds out, in, and the seconds known
    0: (300 * 15 + 600 * 30, 0.0, 900),
    1: (400 * 20, 200 * 10 + 300 * 40, 900),
    2: (250 * 25 / 2 + 50 * (25 + AT_BOUNDARY) / 2, 600 * 60 / 2, 900),
    # to 21:49:10, and held to the other's run at 21:58
    3: (250 * (AT_BOUNDARY + 30) / 2 + 530 * 30, 0.0, 780),
    # 300 s are too few, but its base points are known: 90 MW, and 48 MW from 22:20 to the other's run at 22:30
    5: (300 * 90 + 600 * 48, 0.0, 300),
    # to 23:54, and held to the end of the year, past the other's run
    11: (240 * 6.5 + 360 * 8, 0.0, 600),
    # nothing is known of the new year before its first reading; the line after it goes on
    12: (300 * 6 + 300 * 9, 0.0, 600),
}


def _rows() -> list[dict[str, object]]:
    of_esr = {"resource_type": "ESR", "hsl_mw": 100.0, **RT_AWARDS}
    mine = [(NINE + timedelta(minutes=m, seconds=s), mw, point) for m, s, mw, point in MINE]
    others = [(NINE + timedelta(minutes=m, seconds=s), 0.0, 0.0) for m, s in OTHERS]
    return [
        run(at, name, output_mw=mw, base_point_mw=point, **of_esr)
        for name, some in ((ESR, mine), ("ELM_ESR1", others))
        for at, mw, point in some
    ]


@pytest.mark.slow
@pytest.mark.parametrize("year", [2025, 2026])
def test_a_made_variant_of_the_batcave_days_is_right_by_hand_on_both_sides_of_a_years_end(tmp_path, year):
    settled = settle(tmp_path, year, {"sced_esr_resources": _rows()}, until="bess_dispatch")
    batteries = handed_in(pd.DataFrame(settled.rows("bess_registry")))
    again = settle_again(RollupFiles(tmp_path / "rollups"), year, batteries).quarter_hours
    again = again[again["battery"] == "OAK_1"].set_index("interval_start")
    start = pd.Timestamp(NINE, tz="America/Chicago").tz_convert("UTC")
    found = {
        int((pd.Timestamp(row["interval_start"]) - start).total_seconds() // 900): row
        for row in settled.rows("bess_dispatch", battery="OAK_1")
        if row["discharge_mwh"] is not None
    }
    wanted = [n for n in BY_HAND if (n < 12) == (year == 2025)]
    assert sorted(found) == wanted
    for n in wanted:
        out, into, seconds = BY_HAND[n]
        row, second = found[n], again.loc[start + pd.Timedelta(minutes=15 * n)]
        expected = [mw_seconds / (900 if n == 5 else seconds) / 4 for mw_seconds in (out, into)]
        assert (row["discharge_source"], row["discharge_coverage"]) == (
            ("base_point", 1.0) if n == 5 else ("telemetry", pytest.approx(seconds / 900))
        )
        assert [row["discharge_mwh"], row["charge_mwh"]] == pytest.approx(expected), n
        assert [second["discharge_mwh"], second["charge_mwh"]] == pytest.approx(expected), n


# --- laws -----------------------------------------------------------------------------------------------------------------------------------------
MORNING, QUARTERS = pd.Timestamp("2026-06-01 12:00"), 40


def _seconds(rows, others=()):
    """Positive and negative integral and known seconds by quarter-hour of rows of (second, MW, base point), by the product and again."""
    time, mw, point = (np.array(values) for values in zip(*rows, strict=True))
    stamps = np.unique(np.concatenate([time, np.array(others, dtype=np.int64)]))
    following = np.append(stamps, 10**9)[np.searchsorted(stamps, time, side="right")]
    course = Course.of_readings(time, np.minimum(time + 900, following), Cells(0, QUARTERS))
    frame = pd.DataFrame(
        {"time": MORNING + pd.to_timedelta(time, unit="s"), "output": mw, "base_point": point.astype(float)}
    )
    days, edges = pd.Series([MORNING.normalize()]), [MORNING, MORNING + pd.Timedelta(minutes=15 * QUARTERS)]
    again = integrals(frame, pd.Series(MORNING + pd.to_timedelta(stamps, unit="s")), days, edges)
    product = course.integrals(mw[:, None], point[:, None].astype(float))
    return [part[:, 0] for part in product], list(again.values())


def _readings(most_apart: int):
    """Readings up to so many seconds apart, some of whose base points are unknown."""
    row = st.tuples(
        st.integers(39, most_apart), st.floats(-99, 99), st.one_of(st.just(float("nan")), st.floats(-99, 99))
    )
    return st.lists(row, min_size=2, max_size=12).map(
        lambda rows: [(at, *row[1:]) for at, row in zip(accumulate(row[0] for row in rows), rows, strict=True)]
    )


others = st.lists(st.integers(0, 9 * 3_600), max_size=20)


@settings(max_examples=50)
@given(_readings(2_000), others)
def test_both_settlements_draw_the_same_lines_through_any_readings(rows, stamps):
    product, again = _seconds(rows, stamps)
    assert np.allclose(product, again, rtol=1e-9, atol=1e-6)


@settings(max_examples=50)
@given(_readings(1_200), others)
def test_runs_that_only_another_battery_has_change_nothing_between_readings_of_this_one(rows, stamps):
    until = rows[-1][0]
    for alone, among in zip(_seconds(rows, [until]), _seconds(rows, [s for s in stamps if s < until]), strict=True):
        assert np.allclose(alone, among)


@settings(max_examples=50)
@given(_readings(600), st.data())
def test_a_further_reading_on_a_battery_s_own_line_changes_no_energy(rows, data):
    n = data.draw(st.integers(0, len(rows) - 2))
    (first, mw, _), (last, later_mw, _) = rows[n : n + 2]
    at = data.draw(st.integers(first + 1, last - 1))
    further = (at, mw + (later_mw - mw) * (at - first) / (last - first), 77.0)
    for one, more in zip(_seconds(rows), _seconds([*rows[: n + 1], further, *rows[n + 1 :]]), strict=True):
        assert np.allclose(one, more, atol=1e-6)


@settings(max_examples=50)
@given(_readings(2_000), st.floats(0.1, 10))
def test_scaling_all_readings_scales_energy(rows, factor):
    scaled = [(at, mw * factor, point * factor) for at, mw, point in rows]
    for one, more in zip(_seconds(rows), _seconds(scaled), strict=True):
        assert np.allclose(np.array(one[:2]) * factor, more[:2])
        assert np.allclose(one[2], more[2])
