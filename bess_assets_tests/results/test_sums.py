"""The board of any days: the figures of the stored boards where the days are those of a month, and the same rules elsewhere."""

import calendar
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bess_assets.ercot.step import StepResult
from bess_assets.errors import NotRefreshedError
from bess_assets.results import Answer, QueryError, Results
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.metrics import Period, usd_per_kw_year_and_month
from bess_assets.store.files import ResultTable, write_table
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import Worlds


def differences(expected: Answer, found: Answer, but: Sequence[str] = ()) -> list[str]:
    """Cells that differ, row by row in the boards' order: numbers by more than a billionth, all else at all."""
    wanted, had = expected.records(), found.records()
    if len(wanted) != len(had):
        return [f"{len(had)} rows, not {len(wanted)}"]
    return [
        f"{a['battery']} {name}: {a[name]} expected, {b[name]} found"
        for a, b in zip(wanted, had, strict=True)
        for name in TABLES["leaderboard"].column_names
        if name not in but
        and not (
            math.isclose(a[name], b[name], rel_tol=1e-9, abs_tol=1e-6)
            if isinstance(a[name], float) and isinstance(b[name], float)
            else a[name] == b[name]
        )
    ]


@pytest.mark.parametrize(
    ("year", "month"),
    [
        (2025, 3),
        (2025, 11),
        (2025, 12),
        (2026, 1),
        *(pytest.param(y, m, marks=pytest.mark.slow) for y, m in ((2021, 2), (2023, 6), (2024, 11))),
    ],
)
def test_the_days_of_a_month_give_the_board_of_the_month(worlds: Worlds, year: int, month: int) -> None:
    last = date(year, month, calendar.monthrange(year, month)[1])
    with Results(worlds.of(year).settings) as results:
        board = results.leaderboard(year, month)
        found = results.leaderboard_of_days(date(year, month, 1), last)
    assert len(board.rows) > 3
    assert differences(board, found) == []


@pytest.mark.parametrize("year", [pytest.param(2022, marks=pytest.mark.slow), 2025])
def test_the_days_of_a_year_give_the_figures_of_the_year(worlds: Worlds, year: int) -> None:
    with Results(worlds.of(year).settings) as results:
        board = results.leaderboard(year)
        found = results.leaderboard_of_days(f"{year}-01-01", f"{year}-12-31")
    # The node is that of the last day, where the year's is that of the last hour with one; notes and ranks follow the rules of a month.
    assert differences(board, found, but=["settlement_point", "rank", "notes", "excluded_reason"]) == []


def test_unknown_columns_of_wild_files_stay_unknown(worlds: Worlds) -> None:
    with Results(worlds.wild.settings) as results:
        assert differences(results.leaderboard(2023, 7), results.leaderboard_of_days("2023-07-01", "2023-07-31")) == []


def test_a_window_over_new_year_adds_the_months_on_both_sides(worlds: Worlds) -> None:
    with Results(worlds.late.settings) as results:
        found = {row["battery"]: row for row in results.leaderboard_of_days("2025-12-01", "2026-01-31").records()}
        months = [*results.leaderboard(2025, 12).records(), *results.leaderboard(2026, 1).records()]
    assert found.keys() == {row["battery"] for row in months}
    for battery, row in found.items():
        parts = [month for month in months if month["battery"] == battery]
        for name in ("da_energy_usd", "rt_energy_usd", "as_regup_usd", "discharge_mwh", "active_days"):
            known = [part[name] for part in parts if part[name] is not None]
            assert row[name] == (pytest.approx(sum(known)) if known else None), (battery, name)


def test_a_short_window_ranks_who_was_active_on_all_of_it_and_knows_no_dollars_a_month(results: Results) -> None:
    board = results.leaderboard_of_days("2024-01-03", "2024-01-04")
    assert board.columns == ("first_day", "last_day", *TABLES["leaderboard"].column_names, "rank_change")
    rows = {row["battery"]: row for row in board.records()}
    alpha = rows["ALPHA_1"]
    assert (alpha["first_day"], alpha["last_day"]) == (date(2024, 1, 3), date(2024, 1, 4))
    assert (alpha["rank"], alpha["active_days"]) == (1, 2)
    assert (alpha["energy_usd"], alpha["as_usd"], alpha["total_usd"]) == (3.5, 3.5, 7.0)
    assert (alpha["best_day_share"], alpha["usd_per_mw"], alpha["tb2_usd"]) == (4 / 7, 0.07, 100.0 * 2 * 50.0)
    assert alpha["tb2_capture"] == 3.5 / 10_000
    assert alpha["usd_per_kw_month"] is alpha["usd_per_kw_year"] is alpha["rank_change"] is None
    stranger = next(row for name, row in rows.items() if name.startswith("ZULU"))
    assert stranger["rank"] is stranger["total_usd"] is None
    assert stranger["as_usd"] == 3.5
    # no quarter-hour of these days was settled by the combo model
    assert "charging unknown" not in stranger["excluded_reason"]


def test_ten_active_days_give_dollars_a_month(results: Results) -> None:
    row = results.leaderboard_of_days("2024-01-01", "2024-01-10").records()[0]
    assert (row["total_usd"], row["usd_per_kw_month"]) == (55.0, pytest.approx(55.0 / 100_000 * 31 / 10))
    assert row["usd_per_kw_year"] == pytest.approx(12 * row["usd_per_kw_month"])


def test_days_on_which_no_battery_was_expected_have_no_rows(results: Results) -> None:
    board = results.leaderboard_of_days("2024-06-01", "2024-06-30")
    assert board.rows == []
    assert board.columns[:3] == ("first_day", "last_day", "rank")


def test_a_board_of_days_is_ordered_and_cut_as_others_are(results: Results) -> None:
    board = results.leaderboard_of_days("2024-01-03", "2024-01-04", sort="battery", top=2)
    assert board.column("battery") == ["ALPHA_1", "BRAVO"]


@pytest.mark.parametrize(("first", "last", "words"), [
    ("2024-01-05", "2024-01-04", "run backwards"), ("2024-02-30", "2024-03-01", "'2024-02-30' is no day"),
    ("January", "2024-03-01", "'January' is no day"),
])  # fmt: skip
def test_days_that_are_none_are_refused(results: Results, first: str, last: str, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        results.leaderboard_of_days(first, last)


def test_a_window_that_reaches_a_year_not_refreshed_says_how_to(results: Results) -> None:
    with pytest.raises(NotRefreshedError, match="bess refresh 2025"):
        results.leaderboard_of_days("2024-12-01", "2025-01-31")


def test_another_size_in_an_earlier_year_is_noted_and_the_latest_used(settings: Settings, tmp_path: Path) -> None:
    smaller = _with_registry(settings, tmp_path, 2023, {"capacity_mw": 50.0, "energy_mwh": None})
    with Results(smaller) as results:
        rows = results.leaderboard_of_days("2023-01-01", "2024-01-31").records()
        row = next(row for row in rows if row["battery"] == "ALPHA_1")
    assert (row["capacity_mw"], row["notes"]) == (100.0, "size of 2024 used, 100.0 MW 150.0 MWh (50.0 MW in 2023)")


def test_days_of_a_battery_that_the_registry_does_not_know_are_an_error(settings: Settings, tmp_path: Path) -> None:
    other = _with_registry(settings, tmp_path, 2024, {"battery": "STRANGE"}, only=1)
    with Results(other) as results, pytest.raises(QueryError, match="bess refresh 2024") as caught:
        results.leaderboard_of_days("2024-01-01", "2024-01-31")
    assert "no row in bess_registry" in str(caught.value)


def test_dollars_a_month_of_a_window_do_not_depend_on_its_length() -> None:
    long, short = Period(date(2023, 1, 1), date(2023, 12, 31)), Period(date(2023, 4, 1), date(2023, 4, 30))
    for usd, days, period in ((12 * 3_000.0, 365, long), (3_000.0, 30, short)):
        row = {"total_usd": usd, "capacity_mw": 1.0, "active_days": days}
        assert usd_per_kw_year_and_month([row], period) == pytest.approx((36.0, 3.0))


def _with_registry(settings: Settings, folder: Path, year: int, changes: dict[str, Any], only=None) -> Settings:
    """The same home with other values in the registry of a year, and of it only the first rows."""
    other = replace(load_settings(folder, {}), results=folder)
    for table in ("daily_revenue", "leaderboard", "leaderboard_monthly", "bess_registry"):
        for of_year in (2023, 2024):
            source, target = (s.results / table / f"{of_year}.parquet" for s in (settings, other))
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    declared = TABLES["bess_registry"]
    path = other.results / declared.name / f"{year}.parquet"
    rows = ResultTable(declared, path).read().to_pylist()[:only]
    chunk = {name: [{**row, **changes}[name] for row in rows] for name in declared.column_names}
    write_table(declared, path, StepResult(iter([chunk])))
    return other
