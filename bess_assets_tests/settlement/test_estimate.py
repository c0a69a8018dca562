"""The estimate of days not disclosed: by hand, its backtest and intervals, a running year whose prices go on, and where it is shown and is not."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from bess_assets import run as pipeline
from bess_assets.cli import main
from bess_assets.ercot.products import PRODUCTS
from bess_assets.results import Results
from bess_assets.run import run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.estimate import (
    FEW_ERRORS,
    LEAST_ERRORS,
    NO_WINDOW,
    OFFERED,
    earned_mw,
    interval,
    spread_hours,
)
from bess_assets.simulator import simulate
from bess_assets.simulator.calendar import midnight
from bess_assets.store.journal import read_run
from bess_assets.store.status import plan_year
from bess_assets.tables import (
    LEADERBOARD,
    LEADERBOARD_HISTORY,
    LEADERBOARD_MONTHLY,
    lineage,
    tables_above,
)
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.made_home import write_columns, write_rows
from bess_assets_tests.worlds import Plan, World, make, published

RUNNING = 2024
THROUGH = date(RUNNING, 8, 10)


def test_a_stream_is_the_mw_that_it_earned_of_what_was_offered_60_to_119_days_before() -> None:
    # 500 $ of 50 $/MW on each of 60 days: 10 MW; on later days other dollars, which are not disclosed yet
    usd, offered = np.full((200, 1), 500.0), np.full((200, 1), 50.0)
    usd[60:] = 9e9
    mw, rests = earned_mw(usd, offered, np.ones(200, dtype=bool))
    assert mw[119, 0] == pytest.approx(10.0)
    assert np.flatnonzero(rests)[0] == 79, "the first day with 20 disclosed days in its window"
    usd[0], usd[60] = 3_500.0, 1_100.0
    mw, _ = earned_mw(usd, offered, np.ones(200, dtype=bool))
    assert mw[119, 0] == pytest.approx((59 * 500 + 3_500) / (60 * 50))
    assert mw[120, 0] == pytest.approx((59 * 500 + 1_100) / (60 * 50))
    known = np.ones(200, dtype=bool)
    known[0] = False
    assert earned_mw(usd, offered, known)[0][119, 0] == pytest.approx(10.0)


def test_what_was_not_offered_in_the_window_is_taken_as_nothing() -> None:
    mw, _ = earned_mw(np.full((150, 2), 7.0), np.array([[0.0, 7.0]] * 150), np.ones(150, dtype=bool))
    assert mw[140].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(("hours", "source", "n"), [(1.0, "ercot", 1), (1.25, "user", 2), (2.0, "ercot", 2), (2.5, "ercot", 4), (4.0, "assumed", 2), (None, "ercot", 2)])  # fmt: skip
def test_a_battery_is_measured_by_the_spread_of_its_duration(hours, source, n) -> None:
    assert spread_hours(hours, source) == n


@given(st.lists(st.floats(-2.0, 2.0), min_size=LEAST_ERRORS, max_size=300))
def test_four_in_five_of_the_errors_that_an_interval_is_made_of_lie_in_it(errors: list[float]) -> None:
    low, high = interval(np.array(errors))
    assert np.mean([low <= error <= high for error in errors]) >= 0.8
    assert (low, high) == (sorted(errors)[(len(errors) + 1) // 10 - 1], sorted(errors)[-((len(errors) + 1) // 10)])


def test_of_few_errors_there_is_no_interval() -> None:
    assert np.isnan(interval(np.zeros(LEAST_ERRORS - 1))).all()


# --- by hand ----------------------------------------------------------------------------------------------------------

NAMES = ("ELM_1", "OAK_1", "PINE_1")


def write_days(settings: Settings, year: int, through: date, *, usd=lambda _name, _day: 500.0) -> None:
    """Days of three batteries in a market that offers a spread of 30 + 20 $/MW and nothing else, some of them not disclosed."""
    first = date(year, 1, 1)
    last = min(through + timedelta(days=60), date(year, 12, 31))
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    seen = {"data_through": through, "first_seen_day": first, "last_seen_day": through, "expected_first_day": first}
    registry = [
        {"battery": name, "charging": "load", "duration_source": "ercot", "edition": "final", "expected_last_day": through, **seen}
        for name in NAMES
    ]  # fmt: skip
    write_rows(settings, year, "bess_registry", registry)
    every = [(name, day) for name in NAMES for day in days]
    offered = dict.fromkeys(OFFERED, 0.0) | {"da_tb_usd_per_mw": 30.0, "rt_tb_usd_per_mw": 20.0}
    columns = {name: [value] * len(every) for name, value in offered.items()}
    columns["disclosed"] = [day <= through for _, day in every]
    columns |= dict(zip(("battery", "operating_day"), map(list, zip(*every, strict=True)), strict=True))
    write_columns(settings, year, "opportunity_daily", columns)
    earned = [
        {"battery": name, "operating_day": day, "energy_usd": usd(name, day), "da_energy_usd": usd(name, day), "total_usd": usd(name, day), "as_usd": 0.0,
         **{f"as_{p}{leg}_usd": 0.0 for p in PRODUCTS for leg in ("", "_da", "_rt")}, "energy_quarter_hours": 96, "expected_quarter_hours": 96, "award_positive": True}
        for name, day in every if day <= through
    ]  # fmt: skip
    write_rows(settings, year, "daily_revenue", earned)


def estimates(settings: Settings, year: int, **asked) -> list[dict]:
    run_table(settings, year, "estimate_monthly")
    seen = {"data_through": date(year, 1, 1), "edition": "final", "duration_source": "ercot"}
    covered = {"energy_coverage": 1.0, "as_coverage": 1.0}
    write_rows(settings, year, "leaderboard", [{"battery": name, **seen, **covered} for name in NAMES])
    with Results(settings) as results:
        return results.estimate(year, **asked).records()


def test_a_month_is_estimated_from_the_days_before_and_stands_beside_what_was_earned(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    # 400 $ a day of 50 $/MW, 8 MW; in October 600 $
    write_days(settings, 2023, date(2023, 12, 31), usd=lambda _name, day: 600.0 if day.month == 10 else 400.0)
    rows = {row["month"]: row for row in estimates(settings, 2023, name="OAK_1")}
    assert rows[1]["reason"] == NO_WINDOW
    october = rows[10]
    assert (october["closed"], october["expected_days"], october["estimated_days"]) == (True, 31, 31)
    assert (october["estimate_usd"], october["actual_usd"]) == (pytest.approx(31 * 400.0), pytest.approx(31 * 600.0))
    # on 15 December the window is 18 August to 16 October: 44 days of 400 $ and 16 of 600 $, 9.0667 MW
    december = rows[12]
    days = [sum(600.0 if date(2023, 10, 1) <= date(2023, 12, d) - timedelta(days=n) <= date(2023, 10, 31) else 400.0 for n in range(60, 120)) / 60 for d in range(1, 32)]  # fmt: skip
    assert days[14] == pytest.approx((44 * 400 + 16 * 600) / 60)
    assert december["estimate_usd"] == pytest.approx(sum(days))
    # April to December: no error but in October, a third, and in the two months whose windows hold days of it
    assert (october["own_closed_months"], october["own_error"], october["closed_months"]) == (9, 0.0, 27)
    # 24 errors of other months: the second lowest is that of December, the second highest that of October
    low, high = 31 * 400.0 / december["estimate_usd"], 1.5
    assert (rows[5]["low_usd"], rows[5]["high_usd"]) == (pytest.approx(12_400 * low), pytest.approx(12_400 * high))
    assert october["actual_usd"] > october["high_usd"]
    assert december["actual_usd"] < december["low_usd"]
    assert october["interval_held"] == pytest.approx(7 / 9)


def test_january_rests_on_the_year_before_and_is_null_with_a_reason_without_it(tmp_path: Path) -> None:
    alone, both = (load_settings(tmp_path / name, {}) for name in ("alone", "both"))
    for settings in (alone, both):
        write_days(settings, 2024, date(2024, 12, 31))
    write_days(both, 2023, date(2023, 12, 31), usd=lambda *_: 250.0)
    (missing,) = estimates(alone, 2024, month=1, name="OAK_1")
    assert (missing["estimate_usd"], missing["low_usd"], missing["reason"]) == (None, None, NO_WINDOW)
    (january,) = estimates(both, 2024, month=1, name="OAK_1")
    assert (january["estimate_usd"], january["reason"]) == (pytest.approx(31 * 250.0), None)
    (april,) = estimates(both, 2024, month=4, name="OAK_1")
    assert 30 * 250.0 < april["estimate_usd"] <= 30 * 500.0
    # the year before is noted, and changes the table when it changes
    assert {"table:daily_revenue/2023", "table:opportunity_daily/2023"} < {
        *read_run(both.results, 2024)["tables"]["estimate_monthly"]["inputs"]
    }
    write_days(both, 2023, date(2023, 12, 31), usd=lambda *_: 260.0)
    assert "daily_revenue/2023 has changed" in plan_year(both, 2024).tables["estimate_monthly"].why


def test_days_not_disclosed_are_estimated_and_what_was_earned_on_them_is_unknown(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    write_days(settings, 2024, date(2024, 10, 12))
    october, november, december = estimates(settings, 2024, name="OAK_1")[-3:]
    assert [(row["month"], row["closed"], row["expected_days"]) for row in (october, november, december)] == [(10, False, 19), (11, False, 30), (12, False, 11)]  # fmt: skip
    for row in (october, november, december):
        assert (row["actual_usd"], row["estimate_usd"]) == (None, pytest.approx(500.0 * row["expected_days"]))
        assert row["data_through"] == date(2024, 10, 12)
    # of April to September there are 18 months of batteries: too few for an interval
    assert (december["closed_months"], december["low_usd"], december["reason"]) == (18, None, FEW_ERRORS)


def test_the_backtest_of_a_month_is_the_estimate_that_it_had_before_it_was_disclosed(tmp_path: Path) -> None:
    found = []
    for through in (date(2024, 9, 30), date(2024, 12, 31)):
        settings = load_settings(tmp_path / str(through), {})
        write_days(settings, 2024, through, usd=lambda name, day: 100.0 + 7.0 * (day.toordinal() % 31) + len(name))
        found.append({(row["battery"], row["month"]): row for row in estimates(settings, 2024)})
    before, after = found
    for october in [(name, 10) for name in NAMES]:
        assert (before[october]["closed"], before[october]["actual_usd"]) == (False, None)
        assert before[october]["estimate_usd"] == pytest.approx(after[october]["estimate_usd"])
        assert (after[october]["closed"], before[october]["estimated_days"]) == (True, 31)
        assert after[october]["actual_usd"] is not None


# --- simulated years --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A year whose prices go on until 30 September, while the last disclosed day is 10 August."""
    folder, end = tmp_path_factory.mktemp("running"), midnight(THROUGH + timedelta(days=1))
    prices = {"RT_prices", "DA_prices", "AS_prices", "RT_AS_prices"}
    with published(lambda rows: (rows.times < end) | (rows.dataset in prices)):
        simulate(folder, (RUNNING,), batteries=12, seed=4, hazards="flawless", last_day=date(RUNNING, 9, 30))
    settings = World(folder, Plan((RUNNING,), 12, 4, "flawless")).settings
    with pipeline.hold_year(settings, RUNNING) as held:
        for table in pipeline.STEPS:
            held.run_table(table)
    return settings


def test_a_running_year_whose_prices_go_on_after_the_last_disclosed_day_has_an_estimate(running: Settings) -> None:
    with Results(running) as results:
        rows = results.estimate(RUNNING).records()
        board = results.leaderboard(RUNNING).records()
    open_months = [row for row in rows if not row["closed"]]
    assert {(row["month"], row["expected_days"], row["estimated_days"]) for row in open_months} == {(8, 21, 21), (9, 30, 30), (10, 9, 0)}  # fmt: skip
    for row in open_months:
        assert row["actual_usd"] is None
        if row["month"] < 10:
            assert row["low_usd"] < row["estimate_usd"] < row["high_usd"]
            assert (row["own_error"] is None) == (row["own_closed_months"] == 0)
            assert row["error"] > 0
            assert row["interval_held"] is not None
    assert {row["data_through"] for row in (*board, *rows)} == {THROUGH}
    total = {row["battery"]: row["total_usd"] for row in board}
    earned = run_rows(running, "SELECT battery, sum(total_usd) FROM daily_revenue GROUP BY battery")
    assert total == pytest.approx(dict(earned)), "the board holds disclosed days and nothing else"


def run_rows(settings: Settings, query: str) -> list[tuple]:
    with Results(settings) as results:
        return results.query(query).rows


def test_a_battery_has_its_estimate_with_interval_and_error_and_the_word(running: Settings) -> None:
    with Results(running) as results:
        name = results.leaderboard(RUNNING).records()[0]["battery"]
        august = results.estimate(RUNNING, 8, name=name).records()[0]
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["--home", str(running.home), "battery", name]).stdout
    after = shown[shown.index(f"Estimate of {RUNNING}") :]
    (line,) = (line.split() for line in after.splitlines() if line.startswith("Aug"))
    assert line[1:5] == ["21", *(f"{august[column]:,.0f}" for column in ("estimate_usd", "low_usd", "high_usd"))]
    assert all(part.endswith("%") for part in line[5:8])
    words = " ".join(after.split("Best days")[0].split())
    assert "revenue" not in words
    assert "it is in no board and no total" in " ".join(after.split())


@pytest.mark.parametrize("table", [LEADERBOARD, LEADERBOARD_MONTHLY, LEADERBOARD_HISTORY])
def test_no_board_holds_a_column_of_the_estimate(table) -> None:
    made_of = {name for column in table.column_names for name, _ in lineage(table, column)}
    assert made_of.isdisjoint({"estimate_monthly", "opportunity_daily"})
    assert not any("estimate" in column for column in table.column_names)
    assert {"estimate_monthly", "opportunity_daily"}.isdisjoint(tables_above(table))


def held_share(world: World, year: int) -> tuple[float, int]:
    """Share of closed months of batteries in a year whose interval held what was earned, and how many they are."""
    table = world.table("estimate_monthly", year)
    closed = table[table["closed"] & table["low_usd"].notna()]
    held = (closed["low_usd"] <= closed["actual_usd"]) & (closed["actual_usd"] <= closed["high_usd"])
    return float(held.mean()), len(closed)


@pytest.mark.slow
def test_intervals_hold_four_in_five_months_of_simulated_batteries(worlds: Worlds) -> None:
    shares = [held_share(world, year) for world, year in ((worlds.early, 2022), (worlds.middle, 2024), (worlds.late, 2026))]  # fmt: skip
    every = sum(count for _, count in shares)
    assert every > 150
    assert 0.75 <= sum(share * count for share, count in shares) / every <= 0.85


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("year", [2022, 2024, 2026])
def test_intervals_of_a_simulated_year_hold_75_to_85_percent_of_its_months(
    tmp_path: Path, year: int, seed: int
) -> None:
    share, count = held_share(make(tmp_path, Plan((year - 1, year), 12, seed, "harmless")), year)
    assert count > 100
    assert 0.75 <= share <= 0.85
