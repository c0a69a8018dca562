"""Indices of two batteries by hand, of simulated fleets beside their boards, and as they are shown."""

from calendar import monthrange
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bess_assets.checks.index import AVERAGE
from bess_assets.checks.published import published_of
from bess_assets.cli import main
from bess_assets.results import QueryError, Results
from bess_assets.run import run_table
from bess_assets.settings import Settings, load_settings
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.made_home import write_rows

YEAR = 2024
SEEN = {"data_through": date(YEAR, 12, 31), "edition": "final", "energy_coverage": 1.0, "as_coverage": 1.0}
OAK = {
    "battery": "OAK_1",
    "capacity_mw": 10.0,
    "first_active_date": date(YEAR, 1, 1),
    "duration_hours": 1.0,
    "strategy": "hybrid",
}
PINE = {
    "battery": "PINE_1",
    "capacity_mw": 20.0,
    "first_active_date": date(YEAR, 1, 2),
    "duration_hours": 2.0,
    "strategy": "hybrid",
}
DOLLARS = {"OAK_1": [100.0, 100.0, 100.0, 100.0], "PINE_1": [0.0, 200.0, 0.0, 400.0]}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Four days of January: a battery at work on each, and one that begins on the second and rests on the third; and one that is not ranked."""
    settings = load_settings(tmp_path / "home", {})
    usd = {"OAK_1": 400.0, "PINE_1": 600.0, "ELM_1": 9e9}
    board = [
        {**row, **SEEN, "rank": rank, **dict.fromkeys(("total_usd", "energy_usd", "da_energy_usd"), usd[row["battery"]]), "active_days": active, "duration_source": "ercot", "attributes": zone}
        for row, rank, active, zone in (
            (PINE, 1, 3, '{"zone": "West"}'), (OAK, 2, 4, None), ({**OAK, "battery": "ELM_1"}, None, 4, None),
        )
    ]  # fmt: skip
    write_rows(settings, YEAR, "leaderboard", board)
    write_rows(settings, YEAR, "leaderboard_monthly", [{**row, "month": 1} for row in board])
    days = [
        {
            "battery": name,
            "operating_day": date(YEAR, 1, n + 1),
            "da_energy_usd": usd,
            "energy_usd": usd,
            "award_positive": usd > 0,
            "discharge_mwh": 0.0,
        }
        for name, every in (("ELM_1", [1e9] * 4), *DOLLARS.items())
        for n, usd in enumerate(every)
    ]
    write_rows(settings, YEAR, "daily_revenue", days)
    return settings


def rates(settings: Settings, **asked) -> list[float]:
    with Results(settings) as results:
        return results.index(YEAR, **asked).column("usd_per_kw_month")


def test_dollars_are_over_every_megawatt_since_it_was_first_active_or_over_those_at_work(home: Settings) -> None:
    (check,) = (c for c in run_table(home, YEAR, "index")["checks"] if c["name"] == AVERAGE.name)
    assert (check["passed"], check["numbers"]["periods"]) == (True, 2)
    # 1,000 $ over 10 MW x 4 days + 20 MW x 3 days, or x 2 days; a month of 31 days, a year of 366
    assert rates(home) == pytest.approx([1.0 / 100 * 31, 1.0 / 80 * 31])
    assert rates(home, by="year", basis="installed") == pytest.approx([1.0 / 100 * 366 / 12])
    by_day = [0.1 / 10, 0.3 / 30, 0.1 / 30, 0.5 / 30]
    assert rates(home, by="day", basis="installed") == pytest.approx([31 * usd for usd in by_day])
    assert rates(home, by="day", basis="active") == pytest.approx(
        [31 * usd for usd in (*by_day[:2], 0.1 / 10, by_day[3])]
    )
    with Results(home) as results:
        installed, active = results.index(YEAR).records()
    assert (installed["batteries"], installed["capacity_mw"], active["capacity_mw"]) == (
        2,
        pytest.approx(100 / 4),
        pytest.approx(80 / 4),
    )
    assert installed["da_energy_usd_per_kw_month"] == installed["usd_per_kw_month"]
    assert installed["as_rrs_usd_per_kw_month"] is None
    # the batteries' own: 0.31 and 0.31 on installed MW, 0.31 and 0.465 on MW at work
    assert [installed[f"p{p}_usd_per_kw_month"] for p in (10, 50, 90)] == pytest.approx([0.31] * 3)
    assert [active[f"p{p}_usd_per_kw_month"] for p in (10, 50, 90)] == pytest.approx([0.3255, 0.3875, 0.4495])


def test_the_index_of_a_class_of_one_battery_is_that_battery(home: Settings) -> None:
    run_table(home, YEAR, "index")
    assert rates(home, of="1h", basis="installed") == pytest.approx([0.4 / 40 * 31])
    for name in ("2h", "1.75 to 2.5 h", "west"):
        assert rates(home, of=name, basis="installed") == pytest.approx([0.6 / 60 * 31])
    assert rates(home, of="4h") == []
    assert rates(home, of="hybrid") == rates(home)
    with Results(home) as results, pytest.raises(QueryError, match="no class East"):
        results.index(YEAR, "East")


def test_an_index_that_is_not_the_average_of_its_board_is_named(home: Settings) -> None:
    money = dict.fromkeys(("total_usd", "energy_usd", "da_energy_usd"), 800.0)
    write_rows(
        home, YEAR, "leaderboard", [{**OAK, **SEEN, **money, "rank": 1, "active_days": 4, "duration_source": "ercot"}]
    )
    (check,) = (c for c in run_table(home, YEAR, "index")["checks"] if c["name"] == AVERAGE.name)
    assert not check["passed"]
    assert check["detail"].startswith("1 of 2 periods of the fleet: the year 0.305 and not 0.61")


def test_the_command_shows_streams_percentiles_and_what_is_divided_by_what(home: Settings) -> None:
    run_table(home, YEAR, "index")
    run = CliRunner(env={"COLUMNS": "180"})
    text = run.invoke(main, ["--home", str(home.home), "index", str(YEAR)]).stdout
    rows = [line.split() for line in text.splitlines() if line.startswith("2024-01-01")]
    assert [row[1:5] for row in rows] == [["installed", "2", "25.0", "0.31"], ["active", "2", "20.0", "0.39"]]
    assert "over their MW on days with an award" in text
    year = run.invoke(main, ["--home", str(home.home), "index", str(YEAR), "--by", "year", "--basis", "active"]).stdout
    assert "4.58" in year, "55 $/kW-year, as a commercial index published"
    none = run.invoke(main, ["--home", str(home.home), "index", str(YEAR), "--class", "4h"]).stdout
    assert "no ranked battery is of this class" in none


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_streams_of_an_index_add_up_and_its_bases_differ_by_idle_megawatts_alone(worlds: Worlds, year: int) -> None:
    table = worlds.late.table("index", year)
    streams = [name for name in table if name.endswith("energy_usd_per_kw_month") or name.startswith("as_")]
    known = table.dropna(subset="usd_per_kw_month")
    assert known[streams].sum(axis=1).to_numpy() == pytest.approx(known["usd_per_kw_month"].to_numpy())
    # the same dollars on both bases: rates differ as their megawatts do
    installed, active = (
        table[(table["basis"] == basis) & (table["batteries"] > 0)] for basis in ("installed", "active")
    )
    pairs = installed.merge(active, on=["kind", "class", "period", "first_day"])
    dollars = [pairs[f"usd_per_kw_month_{side}"] * pairs[f"capacity_mw_{side}"] for side in "xy"]
    assert dollars[0].to_numpy() == pytest.approx(dollars[1].to_numpy())


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_quarter_hours_of_a_day_add_up_to_the_index_of_the_day_by_stream(worlds: Worlds, year: int) -> None:
    quarter_hours, table = (worlds.late.table(name, year) for name in ("index_intervals", "index"))
    of_days = (
        table[(table["period"] == "day") & (table["basis"] == "installed")]
        .set_index(["class", "first_day"])
        .rename_axis(["class", "operating_day"])
    )
    sums = quarter_hours.groupby(["class", "operating_day"]).sum(min_count=1, numeric_only=True)
    assert {name for name, _ in sums.index} == {"fleet", *table[table["kind"] == "duration"]["class"]}
    length = np.array([monthrange(year, day.month)[1] for _, day in sums.index])
    for column in [name for name in table if name.endswith("usd_per_kw_month") and not name.startswith("p")]:
        own = sums[column.removesuffix("_month")] * length
        both = own.to_frame("own").join(of_days[column].rename("day"), how="left")
        # a day before any member of a class was active has no row of the index
        assert both["own"].fillna(0).to_numpy() == pytest.approx(both["day"].fillna(0).to_numpy(), abs=1e-9)
    assert sums["usd_per_kw"].notna().sum() > 300


def test_a_day_is_shown_by_quarter_hour_in_central_time(worlds: Worlds) -> None:
    with Results(worlds.late.settings) as results:
        day = results.index_of_day("2025-11-02").records()
        (whole,) = (row for row in results.index(2025, by="day", basis="installed").records() if row["first_day"] == date(2025, 11, 2))  # fmt: skip
        assert len(results.index_of_day(date(2025, 7, 1), "2h").rows) == 96
        assert results.index_of_day("2025-11-02", "as").rows == [], "quarter-hours are of the fleet and of hours"
    assert len(day) == 100, "an hour comes twice"
    assert [row["interval_start_central"][11:] for row in day[4:12:4]] == ["01:00-05:00", "01:00-06:00"]
    assert 30 * sum(row["usd_per_kw"] for row in day) == pytest.approx(whole["usd_per_kw_month"])
    asked = ["--home", str(worlds.late.settings.home), "index", "2025", "--day", "2025-11-02"]
    shown = CliRunner(env={"COLUMNS": "140"}).invoke(main, asked).stdout
    assert sum(line.startswith("01:") for line in shown.splitlines()) == 8
    assert "a quarter-hour has a quarter of it" in " ".join(shown.split())
    other = CliRunner().invoke(main, [*asked[:-1], "2024-11-02"])
    assert "2024-11-02 is no day of 2025" in other.stderr


def test_published_figures_stand_beside_ours_each_with_its_basis(home: Settings) -> None:
    assert [(one.month, one.low_usd_per_kw_month) for one in published_of(2025, months=True)] == [(8, 2.27), (9, 3.16), (10, 2.03), (11, 2.38)]  # fmt: skip
    (year,) = published_of(2022, months=False)
    assert (12 * year.low_usd_per_kw_month, year.basis.count("capacity active each day")) == (pytest.approx(141), 1)
    assert published_of(2020, months=True) == published_of(2020, months=False) == []
    run_table(home, YEAR, "index")
    shown = CliRunner(env={"COLUMNS": "180"}).invoke(main, ["--home", str(home.home), "index", str(YEAR), "--by", "year"]).stdout  # fmt: skip
    assert "published: a commercial index: energy and AS of the fleet over the capacity active each day, published as" in shown  # fmt: skip


def test_of_a_simulated_fleet_too_a_class_of_one_is_that_battery(worlds: Worlds) -> None:
    year = 2025
    table, months = (worlds.late.table(name, year) for name in ("index", "leaderboard_monthly"))
    alone = table[
        (table["kind"] == "duration")
        & (table["period"] == "month")
        & (table["basis"] == "installed")
        & (table["batteries"] == 1)
    ]
    members = months[months["rank"].notna()].assign(
        first_day=lambda rows: [date(year, month, 1) for month in rows["month"]]
    )
    both = alone.merge(members, left_on=["first_day", "class"], right_on=["first_day", "duration_class"])
    assert len(both) > 0
    assert both["usd_per_kw_month_x"].to_numpy() == pytest.approx(both["usd_per_kw_month_y"].to_numpy())
