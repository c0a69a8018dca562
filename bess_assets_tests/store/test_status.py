"""What is missing, failed or changed, and why: judged from run records and the files that lie there."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bess_assets.ercot.datasets import DATASETS
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import Fingerprint, fingerprint, whole_digest
from bess_assets.store.journal import (
    DIED,
    CheckEntry,
    Journal,
    RollupEntry,
    RollupFileEntry,
    read_run,
    table_entry,
    table_inputs,
)
from bess_assets.store.locks import year_lock
from bess_assets.store.paths import files_of, result_path, rollup_folder
from bess_assets.store.roll_up import roll_up_reports
from bess_assets.store.status import plan_year, years_available, years_known
from bess_assets.tables import ASKED_FOR, EVERY_TABLE, LEADERBOARD_REPORT, YEARLY
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text
from bess_assets_tests.made_home import record_table


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home whose 2024 has been refreshed from files of prices and of the 60-day datasets."""
    settings = load_settings(tmp_path, {"BESS_REGISTRY": str(_file(tmp_path / "table.csv", "battery"))})
    for name, dataset in DATASETS.items():
        for year in (2024, 2025) if dataset.sixty_day else (2024,):
            _file(settings.rollups / dataset.folder / f"{year}.parquet", f"{name} {year}")
    for table in YEARLY:
        settle(settings, 2024, table)
    return settings


def _file(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def settle(settings: Settings, year: int | None, table: str, *, error: str | None = None) -> None:
    """What a refresh of a table leaves behind: a file, and a record of what it was made from."""
    declared = EVERY_TABLE[table]
    record = read_run(settings.results, year)
    inputs: dict[str, Fingerprint | str] = {
        name: fingerprint(value) if isinstance(value, Path) else value or ""
        for name, value in table_inputs(settings, year, declared, record).items()
    }
    paths = files_of(settings.results, declared, year)
    for path in paths if error is None else []:
        _file(path, f"{table} {year} from {sorted(map(str, inputs.values()))}")
    status, digest = ("failed", None) if error else ("ok", whole_digest(paths[0]))
    entry = table_entry(status=status, seconds=0.1, peak_memory_mb=1, inputs=inputs, digest=digest, error=error)
    record_table(settings.results, year, table, entry)


def states(settings: Settings, year: int = 2024) -> dict[str, str]:
    return {name: table.state for name, table in plan_year(settings, year).tables.items() if table.state != "present"}


def test_a_refreshed_year_has_nothing_to_do(settings: Settings) -> None:
    plan = plan_year(settings, 2024)
    assert plan.state == "present"
    assert list(plan.tables) == list(YEARLY)
    assert all(table.why == () for table in plan.tables.values())
    assert plan.to_refresh("changed") == []
    assert plan.to_refresh() == list(YEARLY)


def test_perfect_trades_are_made_where_they_are_asked_for_and_kept_up_from_then_on(settings: Settings) -> None:
    asked = plan_year(replace(settings, perfect=True), 2024)
    report = LEADERBOARD_REPORT.name
    assert asked.to_refresh() == [*(name for name in YEARLY if name != report), *ASKED_FOR, report]
    assert asked.to_refresh("missing") == [*ASKED_FOR, report]
    for table in ASKED_FOR:
        settle(settings, 2024, table)
    assert plan_year(settings, 2024).tables[report].why == ("perfect_monthly has been refreshed since",)
    _file(settings.rollups / "DA_prices" / "2024.parquet", "restated prices")
    assert {*ASKED_FOR} < {*plan_year(settings, 2024).to_refresh("changed")}


def test_a_year_never_refreshed_is_missing_everywhere(settings: Settings) -> None:
    plan = plan_year(settings, 2023)
    assert {table.state for table in plan.tables.values()} == {"missing"}
    assert plan.tables["leaderboard"].why == ("never refreshed",)


def test_a_changed_rollup_changes_its_readers_and_all_that_stands_on_them(settings: Settings) -> None:
    _file(settings.rollups / "RT_AS_prices" / "2024.parquet", "restated prices")
    plan = plan_year(settings, 2024)
    assert plan.tables["as_revenue"].why == ("rt_as_prices/2024.parquet has changed",)
    assert plan.tables["daily_revenue"].why == ("as_revenue has changed",)
    below = [
        "rollup_schemas", "as_revenue", "left_out_rows", "daily_revenue", "leaderboard", "leaderboard_monthly", "leaderboard_history",
        "what_changed", "index", "index_intervals", "use_monthly", "attribution", "opportunity_daily", "estimate_monthly", "leaderboard_report",
    ]  # fmt: skip
    assert states(settings) == dict.fromkeys(below, "changed")
    assert plan.to_refresh("changed") == below


@pytest.mark.parametrize(
    ("file", "why", "then", "to_refresh"),
    [
        ("leaderboard_history/2024.parquet", "its file is gone", {}, ["leaderboard_history", "what_changed", "leaderboard_report"]),
        ("leaderboard_report/2024/leaderboard_2024.xlsx", "gone: leaderboard_2024.xlsx", {}, ["leaderboard_report"]),
        ("price_daily/2024.parquet", "its file is gone", {"daily_revenue": "price_daily is missing"},
         ["price_daily", "daily_revenue", "leaderboard", "leaderboard_monthly", "leaderboard_history", "what_changed", "index", "index_intervals", "attribution", "estimate_monthly", "leaderboard_report"]),
    ],
)  # fmt: skip
def test_a_result_file_that_was_removed_is_made_with_what_stands_on_it(settings, file, why, then, to_refresh):
    (settings.results / file).unlink()
    plan = plan_year(settings, 2024)
    for table, reason in {file.split("/")[0]: why, **then}.items():
        assert plan.tables[table].why == (reason,)
    assert plan.to_refresh("missing") == to_refresh
    assert plan.to_refresh("changed") == to_refresh, "what was never made is new to what it is made from"


def test_the_file_of_the_next_publication_year_belongs_to_this_one(settings: Settings) -> None:
    _file(settings.rollups / "SCED_SMNE" / "2025.parquet", "republished")
    assert plan_year(settings, 2024).tables["bess_registry"].why == ("sced_smne/2025.parquet has changed",)


def test_a_touched_file_with_the_same_content_changes_nothing(settings: Settings) -> None:
    os.utime(settings.rollups / "RT_AS_prices" / "2024.parquet", ns=(1, 1))
    assert states(settings) == {}


def test_a_new_file_and_a_file_that_is_gone_are_changes(settings: Settings) -> None:
    (settings.rollups / "RT_AS_prices" / "2024.parquet").unlink()
    assert plan_year(settings, 2024).tables["as_revenue"].why == ("rt_as_prices/2024.parquet is gone",)
    settle(settings, 2024, "as_revenue")
    _file(settings.rollups / "RT_AS_prices" / "2024.parquet", "rt_as_prices 2024")
    assert plan_year(settings, 2024).tables["as_revenue"].why == ("rt_as_prices/2024.parquet is new",)


def test_the_battery_table_is_an_input_of_the_registry(settings: Settings) -> None:
    assert settings.registry_csv
    _file(settings.registry_csv, "battery,capacity_mw")
    assert plan_year(settings, 2024).tables["bess_registry"].why == ("the battery table (BESS_REGISTRY) has changed",)
    without = load_settings(settings.home, {})
    assert plan_year(without, 2024).tables["bess_registry"].why == ("the battery table (BESS_REGISTRY) is gone",)


def test_a_failed_table_says_the_first_line_of_its_error_and_what_stands_on_it_is_changed(settings: Settings) -> None:
    settle(settings, 2024, "bess_awards", error="DeliveryDate is empty.\n  file: x")
    plan = plan_year(settings, 2024)
    assert plan.state == "failed"
    assert plan.tables["bess_awards"].why == ("DeliveryDate is empty.",)
    assert plan.tables["energy_revenue"].state == "changed"
    assert plan.tables["bess_prices"].state == "present"
    assert plan.to_refresh("failed")[0] == "bess_awards"
    assert "leaderboard" in plan.to_refresh("failed")
    assert "bess_prices" not in plan.to_refresh("failed")


def test_a_failed_table_whose_input_has_changed_since_is_in_both_states(settings: Settings) -> None:
    settle(settings, 2024, "bess_awards", error="DeliveryDate is empty.")
    assert "bess_awards" not in plan_year(settings, 2024).to_refresh("changed")
    _file(settings.rollups / "DAM_Gen_Resources" / "2024.parquet", "brought again")
    plan = plan_year(settings, 2024)
    assert plan.tables["bess_awards"].state == "failed"
    assert {"bess_awards", "leaderboard"} <= set(plan.to_refresh("failed")) & set(plan.to_refresh("changed"))


def test_a_rollup_that_could_not_be_registered_fails_its_readers_until_it_is_as_it_was(settings: Settings) -> None:
    path = settings.rollups / "RT_AS_prices" / "2024.parquet"
    good = path.read_text(encoding="utf-8")
    _file(path, "half a file")
    nothing = {"missing": [], "unknown": [], "zero_filled": []}
    broken = RollupFileEntry(rows=0, bytes=1, fingerprint=fingerprint(path), **nothing, error="No Parquet.\n x")
    journal = Journal(settings.results, 2024)
    journal.record["rollups"]["rt_as_prices"] = RollupEntry(origin="found", files={"2024.parquet": broken})
    journal.begin([])
    plan = plan_year(settings, 2024)
    assert (plan.tables["as_revenue"].state, plan.tables["as_revenue"].why[0]) == ("failed", "No Parquet.")
    assert {"as_revenue", "leaderboard"} <= set(plan.to_refresh("failed")) & set(plan.to_refresh("changed"))
    # what cannot be read is no failure there, it is what they say
    assert plan.tables["rollup_schemas"].state == "changed"
    _file(path, good)
    assert plan_year(settings, 2024).state == "present"


def test_a_page_follows_the_boards_of_earlier_years_and_an_estimate_the_days_of_the_year_before(
    settings: Settings,
) -> None:
    tables = [name for name in YEARLY if name != "leaderboard_report"]
    for name in tables:
        settle(settings, 2025, name)
    assert plan_year(settings, 2024).state == "present"  # a later year is none of its business
    for name in tables:
        settle(settings, 2023, name)
    page = plan_year(settings, 2024).tables["leaderboard_report"]
    boards = ("leaderboard/2023 has changed", "leaderboard_monthly/2023 has changed")
    assert (page.state, page.why) == ("changed", ("estimate_monthly has changed", *boards))
    estimate = plan_year(settings, 2024).tables["estimate_monthly"]
    assert estimate.why == ("daily_revenue/2023 has changed", "opportunity_daily/2023 has changed")
    assert states(settings) == dict.fromkeys(("estimate_monthly", "leaderboard_report"), "changed")
    for name in ("estimate_monthly", "leaderboard_report"):
        settle(settings, 2024, name)
    assert states(settings) == {}
    result_path(settings.results, "leaderboard", 2023).unlink()
    assert plan_year(settings, 2024).tables["leaderboard_report"].why == ("leaderboard/2023 has changed",)


def test_a_table_waits_for_an_upstream_that_is_not_refreshed_with_it(settings: Settings) -> None:
    settle(settings, 2024, "price_daily", error="It broke.")
    assert plan_year(settings, 2024).tables["daily_revenue"].state == "changed"
    assert plan_year(settings, 2024).to_refresh("changed") == []


def test_a_rollup_that_vanished_is_gone_and_nothing_that_stands_on_it_is_made_anew(settings: Settings) -> None:
    path = settings.rollups / "SCED_SMNE" / "2024.parquet"
    good = path.read_bytes()
    path.unlink()
    plan = plan_year(settings, 2024)
    assert plan.gone == ("sced_smne/2024.parquet",)
    assert plan.tables["bess_registry"].state == "gone"
    why = [f"{table} stands on files that are gone" for table in ("bess_registry", "daily_revenue")]
    assert list(plan.tables["leaderboard"].why) == why
    assert plan.state == "gone"
    assert plan.to_refresh("changed") == plan.to_refresh("failed") == plan.to_refresh("missing") == []
    assert set(plan.to_refresh()) == set(YEARLY), "asked for by name, it is made from what there is"
    _file(settings.rollups / "RT_prices" / "2024.parquet", "restated")
    assert plan_year(settings, 2024).to_refresh("changed") == []
    path.write_bytes(good)
    assert plan_year(settings, 2024).gone == ()
    assert plan_year(settings, 2024).tables["bess_prices"].state == "changed"


def test_a_gone_file_of_one_table_holds_no_other_back(settings: Settings) -> None:
    (settings.rollups / "RT_AS_prices" / "2024.parquet").unlink()
    _file(settings.rollups / "DA_prices" / "2024.parquet", "restated")
    plan = plan_year(settings, 2024)
    assert {"bess_prices", "price_daily", "energy_revenue"} <= set(plan.to_refresh("changed"))
    assert "as_revenue" not in plan.to_refresh("changed")
    assert "leaderboard" not in plan.to_refresh("changed")


def test_what_a_dead_run_left_unmade_is_failed_once_nobody_holds_the_year(settings: Settings) -> None:
    Journal(settings.results, 2024).begin(["bess_prices", "leaderboard"])
    with year_lock(settings, 2024):
        assert plan_year(settings, 2024).state == "present", "its process lives"
    plan = plan_year(settings, 2024)
    assert (plan.tables["bess_prices"].state, plan.tables["bess_prices"].why) == ("failed", (DIED,))
    assert {"bess_prices", "energy_revenue", "leaderboard"} <= set(plan.to_refresh("failed"))
    assert "bess_awards" not in plan.to_refresh("failed")
    settle(settings, 2024, "bess_prices")
    assert plan_year(settings, 2024).tables["bess_prices"].state == "present"
    assert Journal(settings.results, 2024).fail_unfinished() == ["leaderboard"]
    assert read_run(settings.results, 2024)["unfinished"] == []
    assert plan_year(settings, 2024).tables["leaderboard"].why == (DIED,)


def test_a_failed_check_that_blocks_is_a_failure_and_a_warning_is_none(settings: Settings) -> None:
    entry = read_run(settings.results, 2024)["tables"]["leaderboard"]
    for blocking, state in ((False, "present"), (True, "failed")):
        check = CheckEntry(name="sums_hold", passed=False, blocking=blocking, detail="they do not")
        record_table(settings.results, 2024, "leaderboard", {**entry, "checks": [check]})
        plan = plan_year(settings, 2024)
        assert plan.tables["leaderboard"].state == state
        assert ("leaderboard" in plan.to_refresh("failed")) == blocking
    assert plan.tables["leaderboard"].why == ("its check 'sums hold' failed",)
    assert plan.tables["leaderboard_history"].why == ("leaderboard has failed",)


def test_a_run_that_ended_leaves_nothing_unfinished(settings: Settings) -> None:
    journal = Journal(settings.results, 2024)
    journal.begin(["bess_prices"])
    journal.begin([])
    assert Journal(settings.results, 2024).fail_unfinished() == []
    assert plan_year(settings, 2024).state == "present"


def test_new_reports_change_the_tables_of_their_dataset_and_year(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    put(settings.reports / "a.csv", text(DA_SPP, [price("01/02/2023", hour, 20) for hour in range(1, 25)]))
    assert years_available(settings) == years_known(settings) == [2023]
    roll_up_reports(settings)
    for table in YEARLY:
        settle(settings, 2023, table)
    assert plan_year(settings, 2023).state == "present"
    put(settings.reports / "b.csv", text(DA_SPP, [price("01/03/2023", hour, 20) for hour in range(1, 25)]))
    plan = plan_year(settings, 2023)
    assert plan.news == {"da_prices": ("b.csv",)}
    assert plan.tables["bess_prices"].why == ("da_prices has new reports: 1",)
    assert {"bess_prices", "leaderboard"} <= set(plan.to_refresh("changed"))
    assert "bess_registry" not in plan.to_refresh("changed")


def test_a_built_rollup_that_was_removed_is_built_anew_from_its_reports_and_gone_without_them(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    report = put(settings.reports / "a.csv", text(DA_SPP, [price("01/02/2023", hour, 20) for hour in range(1, 25)]))
    roll_up_reports(settings)
    for table in YEARLY:
        settle(settings, 2023, table)
    (settings.built / "DA_prices" / "2023.parquet").unlink()
    assert plan_year(settings, 2023).tables["bess_prices"].state == "changed"
    report.unlink()
    assert plan_year(settings, 2023).gone == ("da_prices/built/2023.parquet",)


def test_an_upstream_table_refreshed_alone_changes_what_stands_on_it_unless_its_bytes_are_the_same(settings) -> None:
    settle(settings, 2024, "as_revenue")
    assert states(settings) == {}
    _file(settings.rollups / "RT_AS_prices" / "2024.parquet", "restated prices")
    settle(settings, 2024, "as_revenue")
    plan = plan_year(settings, 2024)
    assert plan.tables["as_revenue"].state == "present"
    assert plan.tables["daily_revenue"].why == ("as_revenue has been refreshed since",)


def test_a_sixty_day_file_alone_makes_a_year_where_there_are_no_prices(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    _file(settings.rollups / "DAM_Gen_Resources" / "2021.parquet", "rows")
    _file(settings.rollups / "DAM_Gen_Resources" / "2018.parquet", "rows of before the first year")
    _file(settings.rollups / "DAM_Gen_Resources" / "notes.parquet", "not a year")
    assert years_available(settings) == [2021]


def test_what_the_named_folder_lacks_is_not_taken_from_the_homes_own(tmp_path: Path) -> None:
    # a demo may have left made-up rollups there
    settings = load_settings(tmp_path, {"BESS_ROLLUPS": str(tmp_path / "theirs")})
    _file(tmp_path / "rollups" / "AS_prices" / "2022.parquet", "made up")
    _file(settings.rollups / "AS_prices" / "2023.parquet", "theirs")
    assert years_available(settings) == [2023]
    assert rollup_folder(settings).files("as_prices", 2022) == []


def test_a_year_with_results_and_without_rollups_is_still_known_but_not_available(settings: Settings) -> None:
    settle(settings, 2020, "bess_registry")
    assert years_available(settings) == [2024]
    assert years_known(settings) == [2020, 2024]
    assert plan_year(settings, 2020).rollups["rt_prices"] == ()


def test_merged_tables_follow_the_years_that_there_are(settings: Settings) -> None:
    assert plan_year(settings, None).tables["bess_fleet"].state == "missing"
    settle(settings, None, "bess_fleet")
    settle(settings, None, "column_availability")
    assert plan_year(settings, None).state == "present"
    settle(settings, 2023, "bess_registry")
    plan = plan_year(settings, None)
    assert plan.tables["bess_fleet"].why == ("bess_registry/2023 has changed",)
    assert plan.tables["column_availability"].state == "present"


def test_planning_loads_no_dagster_and_no_pandas(settings: Settings) -> None:
    code = (
        "import sys; from bess_assets.settings import load_settings; from bess_assets.store.status import plan_year, plan_year; "
        f"plan_year(load_settings({str(settings.home)!r}, {{}}), 2024); print([m for m in ('dagster', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
