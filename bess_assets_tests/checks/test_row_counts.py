"""Rows of each rollup file against what is known of ERCOT's datasets, and against what the user says of them."""

import json
from datetime import date, datetime

import pytest

from bess_assets.checks.row_counts import ROW_COUNTS, ROWS_A_DAY, expected_between, factor
from bess_assets.ercot.datasets import DATASETS
from bess_assets.run import run_table
from bess_assets.store.listing import MARKER
from bess_assets.store.paths import EXPECTED_ROWS_FILE
from bess_assets.store.status import plan_year
from bess_assets_tests.scenario import write_rollup
from bess_assets_tests.settlement.small import clearing, days, metered

PRODUCTS = dict.fromkeys(("REGUP", "REGDN", "RRS", "ECRS", "NSPIN"), 5.0)


def _write(folder, year, *, count=10, keep=1.0):
    """Some days of day-ahead clearing prices, 120 rows each, or only a part of the rows."""
    rows = [row for day in days(date(year, 6, 1), count) for row in clearing(day, **PRODUCTS)["as_prices"]]
    kept = [row for n, row in enumerate(rows) if n < keep * len(rows) - 1 or n == len(rows) - 1]
    write_rollup(folder, "as_prices", year, kept)
    return len(kept)


def _check(settings, year):
    (check,) = (c for c in run_table(settings, year, "rollup_schemas")["checks"] if c["name"] == ROW_COUNTS.name)
    assert not check["blocking"]
    return check


def _say(settings, rows, version="mine"):
    (settings.rollups / EXPECTED_ROWS_FILE).write_text(json.dumps({"version": version, "rows": rows}), encoding="utf-8")


@pytest.mark.parametrize(
    ("year", "keep", "passes"),
    [(2024, 1.0, True), (2024, 0.92, True), (2024, 0.85, False), (2025, 0.42, True), (2025, 0.35, False)],
)
def test_a_file_is_held_to_the_days_that_it_covers_closely_in_2024_and_roughly_else(settings, year, keep, passes):
    # half the rows of a day lost in the middle leave first and last day as they are
    count = _write(settings.rollups, year, keep=keep)
    check = _check(settings, year)
    assert check["passed"] == passes
    files = {"files_compared": 1, "files_off": int(not passes), "files_without_an_expectation": 0}
    assert check["numbers"] == {**files, "rows": count}
    if not passes:
        assert f"as_prices {year}.parquet: {count:,} rows for 10 days, " in check["detail"]
        assert "(version 2026-11)" in check["detail"]


def test_too_many_rows_are_as_odd_as_too_few(settings):
    rows = [row for day in days(date(2024, 6, 1), 3) for row in clearing(day, **PRODUCTS)["as_prices"]]
    write_rollup(settings.rollups, "as_prices", 2024, rows * 2)
    assert not _check(settings, 2024)["passed"]


def test_a_made_up_market_has_no_expectation_but_its_own(settings):
    count = _write(settings.rollups, 2024, keep=0.5)
    (settings.rollups / MARKER).write_text("{}", encoding="utf-8")
    check = _check(settings, 2024)
    assert (check["passed"], check["detail"]) == (True, "not compared: a made-up market")
    _say(settings, {"as_prices": {"2024": count + 1}})
    assert not _check(settings, 2024)["passed"]


def test_what_the_user_says_is_exact_and_wins(settings):
    count = _write(settings.rollups, 2024, keep=0.5)
    assert not _check(settings, 2024)["passed"]
    _say(settings, {"AS_prices": {"2024": count}})
    check = _check(settings, 2024)
    assert check["passed"]
    assert check["detail"] == f"1 files as expected (version mine of your {EXPECTED_ROWS_FILE})"
    _say(settings, {"as_prices": {"2024": count - 1}})
    check = _check(settings, 2024)
    assert not check["passed"]
    assert check["detail"].startswith(f"as_prices 2024.parquet: {count:,} rows, {count - 1:,} expected (version mine")


def test_a_file_that_the_user_expects_and_the_year_reads_must_be_there(settings):
    count = _write(settings.rollups, 2024)
    gens = {"dam_gen_resources": {"2025": 9, "2026": 9}}
    _say(settings, {"as_prices": {"2024": count, "2025": 7}, **gens, "day_ahead": {"2024": 1}})
    check = _check(settings, 2024)
    assert not check["passed"]
    # 2024 reads the 60-day files of 2024 and 2025, and prices of 2024 alone
    assert check["detail"].startswith(
        "expected_rows.json names no dataset with 'day_ahead', "
        "dam_gen_resources 2025.parquet: 9 rows expected, and there is no such file that can be read (version mine"
    )


@pytest.mark.parametrize(("text", "why"), [
    ("{", "Expecting"), ('{"version": "x"}', "it lacks 'rows'"),
    ('{"version": "x", "rows": {"as_prices": 3}}', "'int' object has no attribute 'items'"),
    ('{"version": "x", "rows": {"as_prices": {"2024": "many"}}}', '"many" is no number of rows'),
    ('{"version": "x", "rows": {"as_prices": {"2024": true}}}', "true is no number of rows"),
    ('{"version": "x", "rows": {"as_prices": {"2024": -1}}}', "-1 is no number of rows"),
    ('{"version": "x", "rows": {"as_prices": {"all": 1}}}', "invalid literal"),
    ('{"rows": {}}', "it lacks 'version'"),
])  # fmt: skip
def test_an_expectation_that_cannot_be_understood_is_said_and_ercots_is_used(settings, text, why):
    _write(settings.rollups, 2024)
    (settings.rollups / EXPECTED_ROWS_FILE).write_text(text, encoding="utf-8")
    check = _check(settings, 2024)
    assert not check["passed"]
    assert check["detail"].startswith(f"expected_rows.json cannot be understood: {why}")
    assert check["numbers"]["files_compared"] == 1


def test_an_expectation_that_changes_makes_the_schemas_stale_and_nothing_else(settings):
    count = _write(settings.rollups, 2024)
    run_table(settings, 2024, "rollup_schemas")
    assert plan_year(settings, 2024).tables["rollup_schemas"].state == "present"
    _say(settings, {"as_prices": {"2024": count}})
    plan = plan_year(settings, 2024).tables
    assert (plan["rollup_schemas"].state, plan["rollup_schemas"].why) == ("changed", ("expected_rows.json is new",))
    assert plan["bess_registry"].state == "missing"
    run_table(settings, 2024, "rollup_schemas")
    _say(settings, {"as_prices": {"2024": count + 1}})
    assert plan_year(settings, 2024).tables["rollup_schemas"].why == ("expected_rows.json has changed",)


def test_a_dataset_without_an_expectation_is_counted_and_not_judged(settings):
    write_rollup(settings.rollups, "sced_smne", 2024, [metered(datetime(2024, 6, 1, 0, 14, 59), 1, 1.0)])
    check = _check(settings, 2024)
    assert (check["passed"], check["detail"]) == (True, "not compared: no file has an expectation")
    assert check["numbers"]["files_without_an_expectation"] == 1


def test_rows_a_day_change_with_the_market():
    # 31.6 million rows in 366 days of 96 runs; from 2025-12-05 there are three times as many runs
    before = 31_600_000 / 366
    assert expected_between("sced_gen_resources", date(2025, 12, 3), date(2025, 12, 5)) == pytest.approx(5 * before)
    assert expected_between("sced_esr_resources", date(2025, 12, 1), date(2025, 12, 6)) == 2 * 340 * 288
    assert expected_between("dam_esr_resources", date(2025, 12, 1), date(2025, 12, 5)) == 0
    assert expected_between("rt_prices", date(2024, 1, 1), date(2024, 12, 31)) == pytest.approx(32_600_000)
    assert expected_between("sced_smne", date(2024, 1, 1), date(2024, 1, 2)) == 0


def test_plans_are_held_to_it_roughly_in_every_year():
    assert (factor("cop_snapshots", 2024), factor("rt_prices", 2024), factor("rt_prices", 2023)) == (2.5, 1.1, 2.5)
    assert set(ROWS_A_DAY) <= set(DATASETS)


def test_a_built_rollup_is_held_to_its_days_and_never_to_what_the_user_says_of_their_own_file(settings):
    count = _write(settings.built, 2024, keep=0.5)
    settings.rollups.mkdir()
    _say(settings, {"as_prices": {"2023": 1}})
    check = _check(settings, 2024)
    assert not check["passed"]
    assert check["detail"].startswith(f"as_prices built/2024.parquet: {count:,} rows for 10 days, ")
    _say(settings, {"as_prices": {"2024": count}})
    # the user's own file is expected, and not there: what was built instead is no stand-in for it
    said = _check(settings, 2024)["detail"]
    assert f"as_prices 2024.parquet: {count:} rows expected, and there is no such file" in said
