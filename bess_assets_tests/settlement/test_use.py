"""How a battery was used: its discharges by hand, its outages, services held and spreads in a market of two days."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.cli import main
from bess_assets.results import Results
from bess_assets.settlement.use import DEPTH_COLUMNS, discharges
from bess_assets_tests.settlement.small import (
    AFTER,
    HOURS,
    Market,
    Settled,
    clearing,
    dam_esr,
    esr_telemetry,
    prices,
    rt_clearing,
    settle,
    together,
    without,
)

FIRST = AFTER + timedelta(days=1)
PEAK = dict.fromkeys(HOURS, 50.0) | {1: 10.0, 2: 20.0, 19: 100.0, 20: 120.0}
SERVICES = dict.fromkeys(("REGUP", "REGDN", "RRS", "ECRS", "NSPIN"), 3.0)


@pytest.mark.parametrize(("net", "least", "found"), [
    ([5, 5, -1, 5, -10, 10], 2.0, [(3, 14.0), (5, 10.0)]),
    ([5, 5, -1, 5, -10, 10], 1.0, [(1, 10.0), (3, 5.0), (5, 10.0)]),
    ([-4, 3, float("nan"), 1, 0, -4], 1.0, [(3, 4.0)]),
    ([0.5, -1, 0.5], 2.0, []),
    ([0, -3, 0], 1.0, []),
    ([], 1.0, []),
])  # fmt: skip
def test_a_discharge_goes_from_a_highest_to_a_lowest_small_chargings_in_it_included(net, least, found) -> None:
    assert discharges(np.array(net, dtype=float), least) == found


@given(st.lists(st.integers(-9, 9).map(float), max_size=40), st.floats(0.1, 30.0))
def test_discharges_follow_one_another_are_deep_enough_and_no_deeper_than_what_was_discharged(net, least) -> None:
    found = discharges(np.array(net), least)
    assert [end for end, _ in found] == sorted({end for end, _ in found})
    assert all(depth >= least for _, depth in found)
    assert sum(depth for _, depth in found) <= sum(flow for flow in net if flow > 0) + 1e-9
    if least <= 1.0:  # whole MWh: every discharge counts, and every charging ends one
        assert sum(depth for _, depth in found) == pytest.approx(sum(flow for flow in net if flow > 0))


def market() -> Market:
    """Two days of 10 MW and 20 MWh: a limit of 4 MW for three hours of the first, 5 MW of regulation up and 1 down throughout, 15 MWh discharged at night."""
    every = (FIRST, FIRST + timedelta(days=1))
    limit = dict.fromkeys(HOURS, 10.0) | {5: 4.0, 6: 4.0, 7: 4.0}
    flows = [
        row | {"output_mw": 5.0 if row["sced_stamp"].hour < 3 else -2.0}
        for day in every
        for row in esr_telemetry(day, 0.0)
    ]
    return together(
        {
            "dam_esr_resources": [
                *dam_esr(every[0], award_mw=1.0, regup_award_mw=5.0, regdn_award_mw=1.0, hsl_mw=limit),
                *dam_esr(every[1], award_mw=1.0, regup_award_mw=5.0, regdn_award_mw=1.0),
            ],
            "sced_esr_resources": flows,
        },
        *(prices(day, PEAK, 40.0) for day in every),
        *(of(day, **SERVICES) for day in every for of in (clearing, rt_clearing)),
    )


def settled(folder: Path, of: Market) -> Settled:
    return settle(folder, 2025, of, table="battery,capacity_mw,energy_mwh\nOAK_1,10,20\n", until="use_monthly").settle(
        ["outages"]
    )


def test_hours_with_a_limit_below_half_are_an_outage(tmp_path: Path) -> None:
    year = settled(tmp_path, market())
    month = year.row("use_monthly", month=12)
    assert [month[name] for name in ("limit_hours", "out_hours", "outages")] == [48, 3, 1]
    (outage,) = year.rows("outages")
    begin = datetime(FIRST.year, FIRST.month, FIRST.day, 10, tzinfo=UTC)  # 04:00 Central
    assert (outage["first_hour"], outage["end"]) == (begin, begin + timedelta(hours=3))
    assert (outage["hours"], outage["out_mw"]) == (3, pytest.approx(6.0))


def test_hours_in_status_out_are_an_outage_whatever_the_limit(tmp_path: Path) -> None:
    of = market()
    for row in of["dam_esr_resources"]:
        row["resource_status"] = "OUT" if row["operating_day"] == FIRST and row["hour_ending"] >= 22 else "ON"
    year = settled(tmp_path, of)
    assert [(row["hours"], row["out_mw"]) for row in year.rows("outages")] == [(3, pytest.approx(6.0)), (3, 10.0)]
    assert year.row("use_monthly", month=12)["out_hours"] == 6


def test_services_throughput_and_discharges_of_a_month(tmp_path: Path) -> None:
    month = settled(tmp_path, market()).row("use_monthly", month=12)
    assert [month[name] for name in ("as_known_hours", "as_hours")] == [48, 48]
    assert (month["as_up_mwh"], month["as_down_mwh"]) == (pytest.approx(48 * 5), pytest.approx(48))
    # from 5 to -2 MW within a quarter-hour on a line: 12 MWh and a bit discharged in each of two nights, 60 to 70 % of 20 MWh
    assert [month[f"discharges_{name}"] for name in ("under_25", "25_to_50", "50_to_75", "over_75")] == [0, 0, 2, 0]
    assert month["flow_quarter_hours"] == 2 * 96
    assert month["throughput_mwh"] == pytest.approx(2 * (3 * 5 + 21 * 2), abs=2.0)


def test_what_is_unknown_all_month_is_unknown_and_not_zero(tmp_path: Path) -> None:
    of = {name: rows for name, rows in market().items() if name != "sced_esr_resources"}
    month = settled(tmp_path, of).row("use_monthly", month=12)
    assert month["flow_quarter_hours"] == 0
    unknown = ("throughput_mwh", *DEPTH_COLUMNS, "tb_rt_actual_usd", "tb1_rt_usd")
    assert [name for name in unknown if month[name] is not None] == []
    assert (month["as_known_hours"], month["as_up_mwh"]) == (48, pytest.approx(48 * 5))
    blank = [
        {name: value for name, value in row.items() if name != "regdn_award_mw"} for row in of["dam_esr_resources"]
    ]
    month = settled(tmp_path / "awards", of | {"dam_esr_resources": blank}).row("use_monthly", month=12)
    assert (month["as_known_hours"], month["as_up_mwh"], month["as_down_mwh"]) == (0, None, None)


def test_energy_money_stands_beside_the_spreads_of_the_same_days_and_market(tmp_path: Path) -> None:
    of = market()
    for row in of["rt_prices"]:
        if row["hour_ending"] == 7 and row["interval"] == 1:
            row["price_usd_per_mwh"] = 240.0
    month = settled(tmp_path, of).row("use_monthly", month=12)
    assert [month[f"tb{n}_da_usd"] for n in (1, 2, 4)] == pytest.approx([2 * 10 * usd for usd in (110, 190, 190)])
    # the highest hour of quarter-hours: 240 and three of 40, less four of 40
    assert [month[f"tb{n}_rt_usd"] for n in (1, 2, 4)] == pytest.approx([2 * 10 * 50] * 3)
    assert month["tb_da_actual_usd"] == pytest.approx(2 * sum(PEAK.values()))
    gone = {"operating_day": FIRST, "hour_ending": 3, "interval": 2}
    month = settled(tmp_path / "lacking", without(of, "rt_prices", lambda row: gone.items() <= row.items())).row(
        "use_monthly", month=12
    )
    assert (month["tb_rt_days"], month["tb_da_days"]) == (1, 2)
    assert month["tb1_rt_usd"] == pytest.approx(10 * 50)


def test_results_and_the_command_show_shares_and_captures(tmp_path: Path) -> None:
    year = settled(tmp_path, market()).settle(
        [
            "dam_awards_daily",
            "price_daily",
            "daily_revenue",
            "leaderboard",
            "leaderboard_monthly",
            "perfect_daily",
            "perfect_monthly",
            "attribution",
        ]
    )
    with Results(year.settings) as results:
        (use,) = results.use(2025, name="OAK_ESR1").records()
        assert use == results.use(2025).records()[0]
        assert results.use(2025, by="month").records()[-1]["month"] == 12
        assert results.outages(2025).rows == results.outages(2025, "OAK_1").rows != []
        (row,) = results.leaderboard(2025, why=True).records()
    assert use["availability"] == pytest.approx(1 - 3 / 48)
    assert use["as_hours_share"] == pytest.approx(48 / use["as_known_hours"])
    assert use["as_up_share"] == pytest.approx(48 * 5 / 10 / use["as_known_hours"])
    assert use["tb2_da_capture"] == pytest.approx(2 * sum(PEAK.values()) / (2 * 10 * 190))
    assert use["tb1_rt_capture"] is None, "a price that stands still has no spread"
    assert {name: row[name] for name in use} == use
    done = CliRunner(env={"COLUMNS": "220"}).invoke(
        main, ["--home", str(year.settings.home), "leaderboard", "2025", "--columns", "use"]
    )
    assert "93.7%" in done.stdout
    assert "DA/TB2" in done.stdout
