"""Percent of perfect in markets of a few days: what could have been earned, by hand, beside what was; and what is left out."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from bess_assets.checks.perfect import BELOW
from bess_assets.run import STEPS_ASKED_FOR, run_table
from bess_assets.settlement import perfect
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.settlement.small import (
    AFTER,
    HOURS,
    MAY,
    Market,
    Settled,
    clearing,
    dam_esr,
    days,
    esr_telemetry,
    may_market,
    prices,
    rt_clearing,
    settle,
    together,
    without,
)
from bess_assets_tests.worlds import World

SIZED = "battery,capacity_mw,energy_mwh\nOAK_1,{},{}\n"
PEAK = dict.fromkeys(HOURS, 50.0) | {1: 10.0, 2: 10.0, 19: 100.0, 20: 100.0}
FIRST = AFTER + timedelta(days=1)
ACTUAL = ("da_energy_usd", "rt_metered_usd", "energy_usd")
MOST = ("da_perfect_usd", "rt_perfect_usd", "energy_perfect_usd")


def market(count: int = 2, award_mw: float = 1.0, output_mw: float = 2.0) -> Market:
    """Days of a storage resource of 10 MW and 20 MWh that sells steadily; the day-ahead price peaks, the real-time one is 40 $/MWh."""
    every = days(FIRST, count)
    rows = {
        "dam_esr_resources": [row for day in every for row in dam_esr(day, award_mw=award_mw)],
        "sced_esr_resources": [row for day in every for row in esr_telemetry(day, output_mw)],
    }
    return together(rows, *(prices(day, PEAK, 40.0) for day in every))


def settled(folder: Path, of: Market, mw: float = 10.0, mwh: float = 20.0, year: int = 2025) -> Settled:
    return settle(folder, year, of, table=SIZED.format(mw, mwh), until="perfect_monthly")


def test_a_day_has_what_could_have_been_earned_on_each_basis_beside_what_was(tmp_path: Path) -> None:
    day = settled(tmp_path, market()).row("perfect_daily", operating_day=FIRST)
    assert (day["efficiency"], day["efficiency_source"]) == (perfect.EFFICIENCY_IF_UNKNOWN, "default")
    assert day["da_energy_usd"] == pytest.approx(sum(PEAK.values()))
    # 20 MWh sold at 100, 20 bought at 10, and what the losses of 20 / 0.85 MWh still need at 50
    assert day["da_perfect_usd"] == pytest.approx(2000 - 200 - (20 / 0.85 - 20) * 50)
    assert (day["rt_metered_usd"], day["rt_perfect_usd"]) == (pytest.approx(24 * 2 * 40), pytest.approx(0.0))
    # 10 MW sold where day-ahead pays more than 40, and bought where it pays less
    assert day["energy_perfect_usd"] == pytest.approx(10 * (2 * 60 + 2 * 30 + 20 * 10))


def test_a_battery_twice_the_size_could_have_earned_twice_as_much(tmp_path: Path) -> None:
    one, two = (settled(tmp_path / str(n), market(), 10.0 * n, 20.0 * n).rows("perfect_daily") for n in (1, 2))
    for name in MOST:
        assert [2 * row[name] for row in one[-2:]] == pytest.approx([row[name] for row in two[-2:]])


def test_a_battery_without_a_size_has_no_perfect_trade(tmp_path: Path) -> None:
    row = settle(tmp_path, 2022, may_market(), until="perfect_monthly").row("perfect_daily", operating_day=MAY)
    assert [row[name] for name in (*ACTUAL, *MOST)] == [None] * 6


def test_before_the_day_ahead_file_of_storage_a_perfect_award_sells_and_never_buys(tmp_path: Path) -> None:
    year = settle(tmp_path, 2022, may_market(), table="battery,energy_mwh\nOAK_1,20\n", until="perfect_daily")
    day = year.row("perfect_daily", operating_day=MAY)
    assert (day["da_energy_usd"], day["da_perfect_usd"]) == (None, None)
    assert day["energy_perfect_usd"] == pytest.approx(0.0), "real time pays 40 and day-ahead 30"
    dearer = {**may_market(), "da_prices": prices(MAY, 50.0, 40.0)["da_prices"]}
    year = settle(tmp_path / "dearer", 2022, dearer, table="battery,energy_mwh\nOAK_1,20\n", until="perfect_daily")
    assert year.row("perfect_daily", operating_day=MAY)["energy_perfect_usd"] == pytest.approx(24 * 10 * 10)


def test_a_day_with_an_unknown_interval_is_left_out_of_both_figures_and_counted(tmp_path: Path) -> None:
    missing = {"operating_day": FIRST, "hour_ending": 3, "interval": 2}
    year = settled(tmp_path, without(market(3), "rt_prices", lambda row: missing.items() <= row.items()))
    day = year.row("perfect_daily", operating_day=FIRST)
    assert [day[name] for name in (*ACTUAL[1:], *MOST[1:])] == [None] * 4
    assert None not in (day["da_energy_usd"], day["da_perfect_usd"])
    month = year.row("perfect_monthly", month=12)
    assert [month[name] for name in ("expected_days", "da_days", "rt_days", "energy_days")] == [FIRST.day + 2, 3, 2, 2]
    assert month["rt_metered_usd"] == pytest.approx(2 * 24 * 2 * 40)


def test_from_rtc_on_energy_and_services_together_have_a_bound(tmp_path: Path) -> None:
    usd = {"REGUP": 4.0, "REGDN": 0.0, "RRS": 0.0, "ECRS": 0.0, "NSPIN": 1.0}
    every = days(FIRST, 2)
    ahead = [clearing(day, **usd | {"REGUP": 5.0}) for day in every]
    year = settled(tmp_path, together(market(), *ahead, *(rt_clearing(day, **usd) for day in every)))
    day = year.row("perfect_daily", operating_day=FIRST)
    assert day["total_usd"] == pytest.approx(day["energy_usd"])
    # in real time, at 40 $/MWh throughout, it rests and holds 10 MW of regulation up. Day-ahead regulation pays 1 $ more, and for 2 hours is held at 10 MW
    # while energy pays 60 more, and is left; for 2 hours energy pays 30 less, and for 20 it pays 10 more
    real_time = 24 * 10 * 4
    ahead_usd = 10 * (2 * 60 + 2 * (30 + 2 * 1) + 20 * 10)
    assert day["total_perfect_usd"] == pytest.approx(real_time + ahead_usd)
    assert year.row("perfect_monthly", month=12)["total_days"] == 2
    unpriced = {"operating_day": FIRST, "hour_ending": 3, "interval": 2}
    lacking = together(market(), *ahead, *(rt_clearing(day, **usd) for day in every))
    year = settled(tmp_path / "lacking", without(lacking, "rt_as_prices", lambda row: unpriced.items() <= row.items()))
    assert [row["total_perfect_usd"] is None for row in year.rows("perfect_daily")[-2:]] == [True, False]


def cheap_then_dear(order: tuple[int, ...] = (0, 1)) -> Market:
    """Two days at one price each, in real time 10 and 60 $/MWh, and at rest but for a first MW."""
    every, usd = days(FIRST, 2), (10.0, 60.0)
    rows = {
        "dam_esr_resources": [row for day in every for row in dam_esr(day, award_mw=1.0)],
        "sced_esr_resources": [row for day in every for row in esr_telemetry(day, 0.0)],
    }
    return together(rows, *(prices(day, 30.0, usd[n]) for day, n in zip(every, order, strict=True)))


def test_one_trade_through_the_month_carries_what_is_stored_over_midnight(tmp_path: Path) -> None:
    for n, order in enumerate(((0, 1), (1, 0))):
        year = settled(tmp_path / str(n), cheap_then_dear(order))
        month = year.row("perfect_monthly", month=12)
        assert month["rt_perfect_usd"] == pytest.approx(0.0), "no day has two prices"
        # bought for a day at 10, sold on the other at 60; what is stored at the end is what was stored at the beginning
        assert month["rt_month_long_usd"] == pytest.approx(20 * 60 - 20 / 0.85 * 10)
        added = month["energy_perfect_usd"] - month["rt_perfect_usd"]
        assert month["energy_month_long_usd"] == pytest.approx(month["rt_month_long_usd"] + added)
        assert added == pytest.approx(24 * 10 * (20 + 30)), "day-ahead 30 against 10, and against 60"
        by_day = [row["energy_perfect_usd"] for row in year.rows("perfect_daily")][-2:]
        assert by_day == pytest.approx([24 * 10 * abs(30 - (10.0, 60.0)[k]) for k in order]), (
            "days swapped, their figures swapped"
        )


def test_a_battery_that_earns_more_than_perfect_in_the_year_is_named(tmp_path: Path) -> None:
    year = settled(tmp_path, market())
    (check,) = (c for c in year.entries["perfect_daily"]["checks"] if c["name"] == BELOW.name)
    # it sells 2 MW around the clock and never charges: what it sold was stored before
    assert not check["passed"]
    assert "OAK_1 rt 3,840 of 0 $" in check["detail"]
    assert (check["numbers"]["days_above"], check["numbers"]["days_above_explained"]) == (2, 2)


def _made(world: World, year: int) -> Iterator[pd.DataFrame]:
    for name in STEPS_ASKED_FOR:
        run_table(world.settings, year, name)
        yield world.table(name, year)


def test_the_months_are_the_sums_of_their_days(worlds: Worlds) -> None:
    table, months = _made(worlds.late, 2026)
    table["month"] = [day.month for day in table["operating_day"]]
    for name in (*ACTUAL, *MOST):
        sums = table.groupby(["battery", "month"])[name].sum(min_count=1)
        assert months.set_index(["battery", "month"])[name].to_numpy() == pytest.approx(sums.to_numpy(), nan_ok=True)
    counts = table.groupby(["battery", "month"])["rt_perfect_usd"].count()
    assert months["rt_days"].tolist() == counts.tolist()


@pytest.mark.parametrize("year", [pytest.param(2024, marks=pytest.mark.slow), 2025, 2026])
def test_no_simulated_battery_earns_more_than_perfect_in_its_year_or_in_one_trade_through_its_months(
    worlds: Worlds, year: int
) -> None:
    world = worlds.middle if year == 2024 else worlds.late
    _, of_months = _made(world, year)
    months = of_months.drop(columns="month").groupby("battery").sum()
    assert (months["rt_days"] > 0).any()
    for basis, (actual, most) in perfect.PERFECT.items():
        assert (months[actual] <= months[most] + 0.01).all()
        if basis in perfect.MONTH_LONG:
            assert (months[actual] <= months[perfect.MONTH_LONG[basis]] + 0.01).all()


def test_the_perfect_tables_are_above_no_board() -> None:
    upstream = {name for table in TABLES.values() for name in table.upstream if not table.name.startswith("perfect_")}
    assert {"perfect_daily", "perfect_monthly"}.isdisjoint(upstream)
