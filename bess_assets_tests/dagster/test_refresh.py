"""A year through Dagster: what is written, recorded and shown, and what a failure leaves behind."""

import subprocess
import sys
import time

import dagster as dg
import pytest

from bess_assets.assets.resources import HOLDER_TAG, HOLDING_TAG, RESULTS_TAG, Warehouse, holding_tags, operating_years
from bess_assets.automation.sensors import merge_request
from bess_assets.checks.check import CHANGES, COLUMNS, FINDINGS, KEYS
from bess_assets.ercot.datasets import DATASETS
from bess_assets.errors import NotRefreshedError, SettingsError
from bess_assets.refresh import Outcome, materialize, refresh_years
from bess_assets.results import Results
from bess_assets.run import STEPS, run_table
from bess_assets.settings import load_settings
from bess_assets.settlement.editions import FINAL_CHECK
from bess_assets.store.journal import CheckEntry, read_run
from bess_assets.store.locks import name_of_results, year_lock
from bess_assets.store.paths import files_of, recorded_years, result_path
from bess_assets.store.status import plan_year
from bess_assets.store.whole import read_sealed, temporary_path, write_json
from bess_assets.tables import ASKED_FOR, LEADERBOARD_REPORT, TABLES
from bess_assets_tests.dagster.conftest import YEAR, Refreshed
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text
from bess_assets_tests.held import holder

YEARLY = [*STEPS]
MERGED = [name for name, table in TABLES.items() if table.merged]


def materialization(refreshed: Refreshed, name: str) -> dg.AssetMaterialization:
    event = refreshed.instance.get_latest_materialization_event(dg.AssetKey(name))
    assert event.asset_materialization is not None
    return event.asset_materialization


def failed_checks(outcome: Outcome, name: str) -> list[CheckEntry]:
    return [check for check in outcome.assets[name].checks if not check["passed"]]


def test_a_year_makes_every_table_and_registers_every_rollup(refreshed):
    outcome = refreshed.year
    assert outcome.ok, {name: a.error for name, a in outcome.assets.items() if a.error}
    assert list(outcome.assets) == [*DATASETS, *YEARLY, LEADERBOARD_REPORT.name]
    assert refreshed.merged.ok
    for name in YEARLY:
        assert result_path(refreshed.settings.results, name, YEAR).is_file()
        assert outcome.tables[name]["status"] == "ok"
    for name in MERGED:
        assert result_path(refreshed.settings.results, name, None).is_file()
        assert refreshed.merged.assets[name].checks


def test_a_materialization_says_rows_coverage_dollars_inputs_and_more(refreshed):
    entry = read_run(refreshed.settings.results, YEAR)["tables"]["daily_revenue"]
    shown = materialization(refreshed, "daily_revenue")
    assert shown.partition == str(YEAR)
    values = {name: value.value for name, value in shown.metadata.items()}
    assert values["rows"] == values["dagster/partition_row_count"] == entry["rows"]
    assert (values["coverage"], values["dollars"]) == (entry["coverage"], entry["money_usd"])
    assert values["digest"] == entry["digest"]
    assert values["seconds"] > 0
    assert values["peak_memory_mb"] > 0
    assert values["package_version"]
    assert "| energy\\_revenue |" in values["inputs"]
    assert "findings" in values
    lineage = values["dagster/column_lineage"]
    assert {dep.asset_key.to_user_string() for dep in lineage.deps_by_column["da_energy_usd"]} == {"energy_revenue"}


def test_the_page_is_made_after_its_tables_and_says_where_it_is_how_large_and_of_what(refreshed):
    entry = read_run(refreshed.settings.results, YEAR)["tables"]["leaderboard_report"]
    paths = files_of(refreshed.settings.results, LEADERBOARD_REPORT, YEAR)
    assert all(path.is_file() for path in paths)
    assert entry["bytes"] == sum(path.stat().st_size for path in paths)
    shown = materialization(refreshed, "leaderboard_report")
    values = {name: value.value for name, value in shown.metadata.items()}
    assert values["path"] == str(paths[0])
    assert values["batteries"] == entry["rows"] == 3
    assert values["bytes"] == entry["bytes"]
    assert values["seconds"] > 0
    above = [name for name in LEADERBOARD_REPORT.upstream if name not in ASKED_FOR]
    assert set(entry["inputs"]) == {f"table:{name}" for name in above}
    tables = read_run(refreshed.settings.results, YEAR)["tables"]
    assert entry["inputs"]["table:leaderboard"] == tables["leaderboard"]["digest"]
    assert refreshed.year.assets["leaderboard_report"].status == "ok"
    done = [event.table for event in refreshed.events if event.rows is not None]
    assert all(done.index(name) < done.index("leaderboard_report") for name in above)


def test_the_leaderboard_shows_what_the_fleet_came_to_in_numbers_and_pictures(refreshed):
    shown = materialization(refreshed, "leaderboard").metadata
    with Results(refreshed.settings) as results:
        board = results.leaderboard(YEAR).records()
    ranked = [row for row in board if row["rank"] is not None]
    assert shown["batteries_ranked"].value == len(ranked) > 0
    assert shown["batteries_not_ranked"].value == len(board) - len(ranked)
    assert shown["ranked_total_usd"].value == pytest.approx(sum(row["total_usd"] for row in ranked))
    weight = sum(1000 * row["capacity_mw"] * row["active_days"] / 366 for row in ranked)
    assert shown["fleet_usd_per_kw_year"].value == pytest.approx(sum(row["total_usd"] for row in ranked) / weight)
    assert shown["best_battery"].value == ranked[0]["battery"]
    assert shown["edition"].value == "preliminary"
    for name in ("revenue", "top_ten"):
        assert str(shown[name].value).startswith("![")


def test_a_rollup_shows_what_the_file_holds_and_its_content_is_its_version(refreshed):
    shown = materialization(refreshed, "rt_prices")
    record = read_run(refreshed.settings.results, YEAR)["rollups"]["rt_prices"]
    file = record["files"][f"{YEAR}.parquet"]
    assert shown.metadata["origin"].value == "found"
    assert shown.metadata["rows"].value == file["rows"] > 0
    assert (shown.tags or {})["dagster/data_version"] == file["fingerprint"]["digest"]


def test_an_absent_file_is_shown_as_absent_and_fails_nothing(refreshed):
    asset = refreshed.year.assets["dam_esr_resources"]
    assert asset.status == "ok"
    assert materialization(refreshed, "dam_esr_resources").metadata["origin"].value == "absent"
    assert failed_checks(refreshed.year, "dam_esr_resources") == []  # nothing was published yet


def test_a_rollup_is_built_from_reports_and_shows_what_it_was_made_of(instance, tmp_path):
    settings = load_settings(tmp_path, {})
    put(settings.reports / "a.csv", text(DA_SPP, [price("01/02/2023", hour, 20) for hour in range(1, 25)]))
    outcome = materialize(instance, settings, 2023, ["da_prices", "as_prices"])
    assert [outcome.assets[name].status for name in ("da_prices", "as_prices")] == ["ok", "ok"]
    event = instance.get_latest_materialization_event(dg.AssetKey("da_prices"))
    shown = {name: value.value for name, value in event.asset_materialization.metadata.items()}
    assert (shown["origin"], shown["rows"], shown["reports"], shown["complete"]) == ("built", 24, 1, False)
    assert shown["csv_bytes"] == (settings.reports / "a.csv").stat().st_size
    assert shown["bytes"] == (settings.built / "DA_prices" / "2023.parquet").stat().st_size
    assert shown["build_seconds"] > 0
    assert shown["read_seconds"] > 0
    (check,) = failed_checks(outcome, "da_prices")
    assert check["detail"] == "incomplete: 1 days are missing: 2023-01-01"
    (absent,) = failed_checks(outcome, "as_prices")
    assert "no reports to build it from" in absent["detail"]


def test_the_next_years_60_day_files_are_noted_with_the_year_that_reads_them(refreshed):
    record = read_run(refreshed.settings.results, YEAR)
    inputs = str(materialization(refreshed, "bess_awards").metadata["inputs"].value)
    assert all(rf"dam\_gen\_resources/{year}.parquet" in inputs for year in (YEAR, YEAR + 1))
    assert list(record["rollups"]["dam_gen_resources"]["files"]) == [f"{YEAR}.parquet", f"{YEAR + 1}.parquet"]
    assert list(record["rollups"]["rt_prices"]["files"]) == [f"{YEAR}.parquet"]
    keys = refreshed.instance.get_materialized_partitions(dg.AssetKey("dam_gen_resources"))
    assert keys == {str(YEAR)}, "a partition is the files that its operating year reads"
    assert recorded_years(refreshed.settings.results) == [YEAR]


def test_a_60_day_file_of_a_year_without_a_partition_is_noted_all_the_same(instance, tmp_path, market):
    settings = load_settings(tmp_path, environ={})
    last = int(operating_years.get_last_partition_key() or 0)
    folder = settings.rollups / "DAM_Gen_Resources"
    folder.mkdir(parents=True)
    theirs = market / "rollups" / "DAM_Gen_Resources" / f"{YEAR + 1}.parquet"
    (folder / f"{last + 1}.parquet").write_bytes(theirs.read_bytes())
    assert materialize(instance, settings, last, ["dam_gen_resources"]).ok
    assert list(read_run(settings.results, last)["rollups"]["dam_gen_resources"]["files"]) == [f"{last + 1}.parquet"]
    assert str(last + 1) not in instance.get_materialized_partitions(dg.AssetKey("dam_gen_resources"))


def test_checks_are_evaluated_for_the_year_and_say_numbers(refreshed):
    checks = {check["name"]: check for check in refreshed.year.assets["leaderboard"].checks}
    assert checks[KEYS.name]["passed"]
    assert checks[KEYS.name]["blocking"]
    assert not checks[FINDINGS.name]["blocking"]
    assert all(check["detail"] for check in checks.values())


def test_whoever_asked_is_told_of_each_table_as_it_happens(refreshed):
    told = [(event.table, event.rows is not None) for event in refreshed.events]
    for name in YEARLY:
        assert told.index((name, False)) < told.index((name, True))
    assert told.count(("energy_revenue", False)) > 1
    done = [event.done for event in refreshed.events if event.rows is not None]
    assert done == list(range(1, len(YEARLY) + 2))
    assert {event.total for event in refreshed.events} == {len(YEARLY) + 1}


def test_a_table_made_again_has_the_same_bytes_and_no_run_of_its_own_is_needed(refreshed):
    path = result_path(refreshed.settings.results, "daily_revenue", YEAR)
    before = path.read_bytes()
    entry = run_table(refreshed.settings, YEAR, "daily_revenue")
    assert path.read_bytes() == before
    assert entry["digest"] == refreshed.year.tables["daily_revenue"]["digest"]


@pytest.mark.slow
def test_boards_made_again_without_change_add_no_edition_and_leave_the_page_as_it_is(refreshed):
    results = refreshed.settings.results
    history = result_path(results, "leaderboard_history", YEAR)
    page = files_of(results, LEADERBOARD_REPORT, YEAR)[0]
    before = (history.read_bytes(), history.stat().st_mtime_ns, page.read_bytes())
    made = read_run(results, YEAR)["tables"]["leaderboard"]["finished"]
    again = ["leaderboard", "leaderboard_history", "what_changed", "leaderboard_report"]
    outcome = materialize(refreshed.instance, refreshed.settings, YEAR, again)
    assert {name: asset.status for name, asset in outcome.assets.items()} == dict.fromkeys(again, "ok")
    assert read_run(results, YEAR)["tables"]["leaderboard"]["finished"] >= made
    assert (history.read_bytes(), history.stat().st_mtime_ns, page.read_bytes()) == before
    (check,) = (c for c in outcome.assets["what_changed"].checks if c["name"] == FINAL_CHECK)
    assert (check["passed"], check["blocking"]) == (True, False)
    assert check["detail"].startswith("1 edition")


def test_the_schemas_show_the_matrix_of_columns_and_their_check_passes_what_costs_nothing(refreshed):
    check = {c["name"]: c for c in refreshed.year.assets["rollup_schemas"].checks}[COLUMNS.name]
    assert (check["passed"], check["blocking"]) == (True, False)
    merged = {c["name"]: c for c in refreshed.merged.assets["column_availability"].checks}[CHANGES.name]
    assert merged["passed"]  # one year alone has no year before
    for name in ("rollup_schemas", "column_availability"):
        matrix = str(materialization(refreshed, name).metadata["columns"].value)
        assert (
            f"### dam\\_gen\\_resources\n\n| column | {YEAR} |\n|---|:-:|\n| operating\\_day | yes |"
            in matrix.replace("dam_gen_resources", "dam\\_gen\\_resources")
        )


@pytest.mark.slow
def test_a_bad_file_fails_what_needs_it_and_the_schemas_say_so_and_are_merged_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "restored at the end")
    settings = load_settings(tmp_path, environ={})
    bad = settings.rollups / "RT_prices" / "2022.parquet"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"half a file")
    year, merged = refresh_years(settings, [2022])
    assert [(done.name, done.state) for done in (year, merged)] == [("2022", "failed"), ("all years", "refreshed")]
    assert not year.ok
    expected = {"rt_prices": "failed", "da_prices": "ok", "rollup_schemas": "ok"}
    expected |= {"bess_prices": "skipped", "price_daily": "skipped"}
    assert {name: year.assets[name].status for name in expected} == expected
    assert str(bad) in str(year.assets["rt_prices"].error)
    (check,) = (c for c in failed_checks(year, "rollup_schemas") if c["name"] == COLUMNS.name)
    assert "RT_prices/2022.parquet: 2022.parquet of RT_prices cannot be read as Parquet" in check["detail"]
    assert plan_year(settings, 2022).tables["rollup_schemas"].state == "present"
    record = read_run(settings.results, 2022)
    assert "error" in record["rollups"]["rt_prices"]["files"]["2022.parquet"]
    assert "bess_prices" not in record["tables"]
    with pytest.raises(NotRefreshedError, match="bess_prices"):
        run_table(settings, 2022, "price_daily")
    assert read_run(settings.results, 2022)["tables"]["price_daily"]["status"] == "failed"
    with Results(settings) as results:
        rows = results.column_availability().records()
    assert {(row["dataset"], row["present"]) for row in rows} >= {("da_prices", False)}
    assert {row["year"] for row in rows} == {2022}


def test_a_year_without_a_partition_is_refused_in_plain_words(instance, home):
    with pytest.raises(SettingsError, match="2018 cannot be refreshed"):
        materialize(instance, home, 2018)


KILLED = """
import os, sys
from bess_assets.refresh import materialize, open_instance
from bess_assets.store.paths import result_path
from bess_assets.store.whole import temporary_path
from bess_assets.settings import load_settings
settings = load_settings(sys.argv[1], environ={"BESS_ROLLUPS": sys.argv[2]})
def die(event):
    if event.table == "leaderboard" and event.rows is not None:
        temporary_path(result_path(settings.results, "leaderboard_monthly", int(sys.argv[3]))).write_bytes(b"half")
        os.kill(os.getpid(), 9)
with open_instance(settings) as instance:
    materialize(instance, settings, int(sys.argv[3]), ["leaderboard", "leaderboard_monthly"], die)
"""


@pytest.mark.slow
def test_after_a_kill_the_old_year_is_whole_and_the_next_refresh_cleans_up(refreshed, market):
    settings, instance = refreshed.settings, refreshed.instance
    path = result_path(settings.results, "leaderboard", YEAR)
    before = path.read_bytes()
    command = [sys.executable, "-c", KILLED, str(settings.home), str(market / "rollups"), str(YEAR)]
    assert subprocess.run(command, check=False, capture_output=True).returncode == -9
    assert path.read_bytes() == before
    left = [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))]
    assert len(left) == 1
    outcome, *_ = refresh_years(settings, [YEAR], only="failed")
    assert outcome.ok
    assert "leaderboard_monthly" in outcome.assets
    run = instance.get_run_by_id(left[0])
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert sorted(p.name for p in (settings.results / "leaderboard_monthly").iterdir()) == [f"{YEAR}.parquet"]


def test_runs_killed_after_their_last_table_are_marked_failed_by_a_refresh_with_nothing_to_do(refreshed, caplog):
    settings, instance = refreshed.settings, refreshed.instance

    @dg.job
    def empty() -> None:
        pass

    ours = {RESULTS_TAG: name_of_results(settings)}

    def started(
        holds: str, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED, tags: dict[str, str] = ours
    ) -> str:
        return instance.create_run_for_job(empty, tags=tags | {HOLDING_TAG: holds}, status=status).run_id

    def status(run_id: str) -> dg.DagsterRunStatus:
        run = instance.get_run_by_id(run_id)
        return run.status

    of_year, of_merging, released, alive = started(str(YEAR)), started("all"), started("released"), started("2019")
    half = temporary_path(result_path(settings.results, "what_changed", None))
    half.write_bytes(b"half")
    at_birth, spoilt = started(str(YEAR), dg.DagsterRunStatus.NOT_STARTED), started("2020")
    again = started(
        str(YEAR), tags=ours | {HOLDER_TAG: of_year}
    )  # as one that Dagster has started anew: it holds nothing yet
    elsewhere = started(str(YEAR), tags={RESULTS_TAG: "those of another machine"})
    (settings.results / "_locks" / "2020").mkdir()  # no lock can be taken there
    with year_lock(settings, 2019), caplog.at_level("WARNING"):
        (outcome,) = refresh_years(settings, [YEAR], only="failed")
    assert outcome.state == "nothing to do"
    assert not half.exists()
    assert [status(run) for run in (of_year, at_birth, of_merging)] == [dg.DagsterRunStatus.FAILURE] * 3
    assert "a dead run on 2020" in caplog.text
    (settings.results / "_locks" / "2020").rmdir()
    assert [status(run) for run in (released, alive, spoilt, elsewhere, again)] == [dg.DagsterRunStatus.STARTED] * 5
    for run_id in (released, alive, spoilt, elsewhere, again):
        run = instance.get_run_by_id(run_id)
        assert run is not None
        instance.report_run_failed(run)


def test_a_run_from_the_ui_holds_the_year_itself_and_gives_it_back(refreshed, monkeypatch):
    settings, instance = refreshed.settings, refreshed.instance
    seen, kept = [], []
    monkeypatch.setattr(dg.DagsterInstance, "optimize_for_webserver", lambda _, **pool: kept.append(pool))

    @dg.asset
    def probe(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
        command = holder(warehouse.settings().home, YEAR)
        seen.append(subprocess.run(command, check=False, capture_output=True, text=True).stderr)
        seen.append(context.instance.get_run_by_id(context.run.run_id).tags[HOLDING_TAG])  # type: ignore[union-attr]

    stale = temporary_path(result_path(settings.results, "leaderboard", YEAR))
    stale.write_bytes(b"half")
    # as one that was started anew has them: they are those of the run before
    tags = {"dagster/partition": str(YEAR), **holding_tags(settings, YEAR, "the run before")}
    resources = {"warehouse": Warehouse(environment=settings.environment())}
    result = dg.materialize([probe], instance=instance, resources=resources, tags=tags)
    assert "YearBusyError" in seen[0]
    assert seen[1] == str(YEAR)
    assert [pool["max_overflow"] for pool in kept] == [20], "its connections are kept"
    assert not stale.exists()
    run = instance.get_run_by_id(result.run_id)
    assert run.tags[HOLDING_TAG] == "released"
    started = time.monotonic()
    with year_lock(settings, YEAR):
        assert time.monotonic() - started < 1


def test_years_are_merged_once_for_the_same_files(refreshed):
    settings = refreshed.settings
    assert isinstance(merge_request(settings), dg.SkipReason)
    record = settings.results / "_runs" / f"{YEAR}.json"
    before = record.read_text()
    keys = set()
    try:
        for upstream in ("bess_registry", "rollup_schemas"):
            record.write_text(before)
            changed = read_sealed(record)
            changed["tables"][upstream]["digest"] = "0" * 64
            write_json(record, changed)
            first, again = merge_request(settings), merge_request(settings)
            assert isinstance(first, dg.RunRequest)
            assert isinstance(again, dg.RunRequest)
            assert first.run_key == again.run_key
            keys.add(first.run_key)
    finally:
        record.write_text(before)
    assert len(keys) == 2
