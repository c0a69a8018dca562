"""What of the possible a battery earned, as `Results` and the commands show it: sums of months, on the board in the board's order, unknown where it is."""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from bess_assets.cli import main
from bess_assets.ercot.products import ATTRIBUTED
from bess_assets.errors import NotRefreshedError
from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets.store.paths import result_path
from bess_assets_tests.made_home import write_home, write_rows

_KNOWN = {"expected_days": 31, "da_days": 0, "rt_days": 30, "energy_days": 28}
_RT = {"rt_metered_usd": 40.0, "rt_perfect_usd": 100.0, "rt_month_long_usd": 125.0}
_BOTH = {"energy_usd": 20.0, "energy_perfect_usd": 200.0, "energy_month_long_usd": 225.0}


def _differing(month: int | None) -> dict[str, object]:
    """A month of a battery, or its year, whose location is worth so many thousand dollars, and its timing minus one thousand."""
    thousands = float(month or 12)
    usd = {
        **dict.fromkeys((f"{term}_usd" for term in ATTRIBUTED), 0.0),
        "location_usd": 1_000 * thousands,
        "timing_usd": -1_000.0,
    }
    return {
        "battery": "ALPHA_1", "period": "month" if month else "year", "first_day": date(2024, month or 1, 1), "duration_class": "1.25 to 1.75 h",
        "median_batteries": "BRAVO", "total_usd": 50_000.0, "median_usd": 50_000 - 1_000 * (thousands - 1), "difference_usd": 1_000 * (thousands - 1), **usd,
        "compared_hours": 700.0, "availability_hours": 0.0, "unknown_hours": 20.0,
    }  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Boards of 2023 and 2024, and of 2024 two months of a battery that are held against perfect, and of one that is not."""
    settings = write_home(tmp_path / "home")
    months = [
        {"battery": "ALPHA_1", "month": month, **_KNOWN, **_RT, **_BOTH, "rt_metered_usd": 40.0 * month}
        for month in (1, 2)
    ]
    write_rows(settings, 2024, "perfect_monthly", [*months, {"battery": "BRAVO", "month": 1, "expected_days": 31}])
    use = {"limit_hours": 744, "out_hours": 186, "as_up_mwh": 0.0, "as_down_mwh": 0.0, "throughput_mwh": 0.0}
    write_rows(settings, 2024, "use_monthly", [{"battery": "ALPHA_1", "month": 1, **use}])
    write_rows(settings, 2024, "attribution", [_differing(month) for month in (1, 2, None)])
    result_path(settings.results, "use_monthly", 2023).unlink()
    return settings


def shown(settings: Settings, *words: str) -> str:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["--home", str(settings.home), *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_year_is_the_sum_of_its_months_and_a_capture_one_sum_over_the_other(home: Settings) -> None:
    with Results(home) as results:
        alpha, bravo = results.perfect(2024).records()
        february = results.perfect("2024", 2, name="alpha_1").records()
        months = results.perfect(2024, by="month").records()
    assert [alpha[name] for name in ("battery", "expected_days", "rt_days", "energy_days", "da_days")] == [
        "ALPHA_1",
        62,
        60,
        56,
        0,
    ]
    assert [alpha[f"rt_{name}"] for name in ("actual_usd", "perfect_usd", "month_long_usd")] == [120.0, 200.0, 250.0]
    assert [alpha[f"rt_{name}"] for name in ("capture", "month_long_capture")] == [0.6, 0.48]
    assert (alpha["energy_capture"], alpha["da_capture"]) == (0.1, None)
    assert (bravo["expected_days"], bravo["rt_days"], bravo["rt_capture"]) == (31, 0, None)
    assert [row["rt_capture"] for row in february] == [0.8]
    assert [(row["battery"], row["month"], row["rt_capture"]) for row in months] == [
        ("ALPHA_1", 1, 0.4),
        ("ALPHA_1", 2, 0.8),
        ("BRAVO", 1, None),
    ]


def test_a_board_has_them_after_its_own_columns_in_its_own_order(home: Settings) -> None:
    with Results(home) as results:
        plain, why, january = (
            results.leaderboard(2024),
            results.leaderboard(2024, why=True),
            results.leaderboard(2024, 1, why=True),
        )
        highest = results.leaderboard(2024, why=True, sort="rt_capture", top=1)
    assert why.columns[: len(plain.columns)] == plain.columns
    assert [row[: len(plain.columns)] for row in why.rows] == plain.rows
    assert [row["rt_capture"] for row in why.records()] == [0.6, None, None]
    assert why.column("availability") == [0.75, None, None]
    assert january.column("rt_capture") == [0.4, None, None]
    assert highest.column("battery") == ["ALPHA_1"]


def test_a_year_whose_perfect_trades_were_not_made_says_how_to_make_them(home: Settings) -> None:
    with Results(home) as results:
        with pytest.raises(NotRefreshedError, match="Run: BESS_PERFECT=on bess refresh 2023"):
            results.perfect(2023)
        with pytest.raises(NotRefreshedError, match="2023 has no use_monthly yet"):
            results.leaderboard(2023, why=True)
    assert "possible" not in shown(home, "battery", "BRAVO", "2023")


def test_the_difference_from_the_median_is_by_month_and_of_the_year_and_never_summed(home: Settings) -> None:
    with Results(home) as results:
        (year,) = results.attribution(2024).records()
        (february,) = results.attribution(2024, 2, name="alpha_1").records()
        months = results.attribution(2024, by="month").records()
        why = results.leaderboard(2024, why=True)
    assert (year["difference_usd"], year["location_usd"], year["timing_usd"]) == (11_000, 12_000, -1_000)
    assert (february["difference_usd"], "month" in february) == (1_000, False)
    assert [(row["month"], row["location_usd"]) for row in months] == [(1, 1_000), (2, 2_000)]
    assert why.column("difference_usd") == [11_000, None, None]
    assert why.column("median_batteries") == ["BRAVO", None, None]


def test_a_board_shows_its_terms_where_perfect_trades_were_not_made(home: Settings) -> None:
    (home.results / "perfect_monthly" / "2024.parquet").unlink()
    board = shown(home, "leaderboard", "2024", "--columns", "why")
    assert "location $" in board
    assert ("RT capt." in board, "BESS_PERFECT=on" in board) == (False, True)


def test_a_battery_has_the_terms_of_its_months_and_below_a_rule_of_its_year(home: Settings) -> None:
    battery = shown(home, "battery", "ALPHA_1")
    part = battery[battery.index("Beside the median of its class in 2024") :].splitlines()
    assert part[1].split() == ["month", "median", "$", "difference", "$", "location", "$", "timing", "$"]
    assert part[3].split() == ["Jan", "50,000", "0", "1,000", "-1,000"]
    assert part[6].split() == ["year", "39,000", "11,000", "12,000", "-1,000"]
    assert "Beside the median" not in shown(home, "battery", "ALPHA_1", "2023")


def test_the_commands_show_captures_and_how_many_days_are_left_out(home: Settings) -> None:
    board = shown(home, "leaderboard", "2024", "--columns", "why").splitlines()
    terms, heading = (line for line in board if line.startswith("#"))
    assert [name for name in ("median $", "difference $", "location $", "timing $") if name not in terms] == []
    (differing, alpha) = (line for line in board if "ALPHA_1  " in line)
    assert differing.split()[-4:] == ["39,000", "11,000", "12,000", "-1,000"]
    assert [
        name for name in ("RT capt.", "month-long", "DA capt.", "both capt.", "days", "left out") if name not in heading
    ] == []
    assert alpha.split()[-7:] == ["60.0%", "48.0%", "-", "10.0%", "-", "56", "6"]
    assert "60.0%" not in shown(home, "leaderboard", "2024")
    battery = shown(home, "battery", "ALPHA_1")
    (january,) = (
        line.split()
        for line in battery[battery.index("Of what was possible in 2024") :].splitlines()
        if line.startswith("Jan")
    )
    assert january == ["Jan", "40.0%", "32.0%", "-", "10.0%", "-", "28", "3"]


def test_groups_days_and_other_sizes_have_none(home: Settings) -> None:
    for words in (
        ["2024", "--by", "qse"],
        ["2024", "--size", "BRAVO=50"],
        ["--from", "2024-01-01", "--to", "2024-01-02"],
    ):
        done = CliRunner().invoke(main, ["--home", str(home.home), "leaderboard", *words, "--columns", "why"])
        assert done.exit_code != 0
        assert "--columns is of the board of a year or month" in done.output
