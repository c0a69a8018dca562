"""Runs, however they are started: each makes exactly the steps that were asked for, and a year's refresh has one owner of lock and journal."""

import shutil
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from bess_assets.assets.resources import Warehouse
from bess_assets.automation.jobs import schedules
from bess_assets.automation.sensors import look
from bess_assets.definitions import build_defs
from bess_assets.ercot.calendar import CENTRAL
from bess_assets.ercot.datasets import DATASETS
from bess_assets.refresh import open_instance, refresh_years
from bess_assets.settings import Settings, load_settings
from bess_assets.store.journal import Journal, read_run
from bess_assets.store.paths import result_path
from bess_assets.store.status import State
from bess_assets.tables import ASKED_FOR, TABLES, YEARLY
from bess_assets_tests.dagster.conftest import YEAR, Refreshed

MOMENT = datetime(YEAR, 11, 24, 7, 0, tzinfo=CENTRAL)
MERGED = {name for name, table in TABLES.items() if table.merged}
EVERY = {*DATASETS, *YEARLY}
SECOND_SETTLEMENT, FRESHNESS = "matches_csv", "data_are_as_recent_as_ercot_discloses"


@pytest.fixture
def settings(refreshed: Refreshed, tmp_path: Path) -> Settings:
    """A copy of the refreshed home."""
    shutil.copytree(refreshed.settings.rollups, tmp_path / "rollups")
    shutil.copytree(refreshed.settings.results, tmp_path / "results")
    return load_settings(tmp_path, environ={})


def below(*names: str) -> set[str]:
    """These tables and all tables of the year that are made from them."""
    found = set(names)
    for name, table in YEARLY.items():
        if found.intersection(table.upstream):
            found.add(name)
    return found


def restate_prices(settings: Settings) -> set[str]:
    """Another content of the real-time prices; returns the steps that this calls for."""
    path = settings.rollups / "RT_prices" / f"{YEAR}.parquet"
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, rows.num_rows - 1), path)
    return {"rt_prices", "rollup_schemas"} | below("bess_prices")


def steps_of_request(settings: Settings, job_name: str, request: dg.RunRequest) -> set[str]:
    """Steps of the run that Dagster launches for a request."""
    job = build_defs(settings).resolve_job_def(job_name)
    if request.asset_selection is not None:
        checks = request.asset_check_keys
        job = job.get_subset(
            asset_selection=set(request.asset_selection), asset_check_selection=None if checks is None else set(checks)
        )
    return {node.name for node in job.nodes}


def steps_of_refresh(settings: Settings, only: State | None) -> list[set[str]]:
    """Steps of each run of `bess refresh`, as Dagster recorded them."""
    assert {outcome.state for outcome in refresh_years(settings, [YEAR], only)} <= {"refreshed"}
    with open_instance(settings) as instance:
        runs = reversed(instance.get_runs())
        return [{step.step_key for step in instance.get_run_step_stats(run.run_id)} for run in runs]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "restored at the end")


@pytest.mark.slow
def test_a_refresh_of_changes_makes_the_changed_rollup_and_the_tables_below_it(settings):
    steps = restate_prices(settings)
    with file_events() as counts:
        assert steps_of_refresh(settings, "changed") == [steps, MERGED]
    owned(settings, counts, steps & set(YEARLY))


@pytest.mark.slow
def test_a_refresh_of_failures_makes_them_and_the_tables_below_them(settings):
    entry = read_run(settings.results, YEAR)["tables"]["as_revenue"]
    Journal(settings.results, YEAR).put_table("as_revenue", {**entry, "status": "failed", "error": "It broke."})
    (steps,) = steps_of_refresh(settings, "failed")
    assert steps == set(TABLES["as_revenue"].datasets) | below("as_revenue")


def test_a_refresh_of_missing_tables_makes_them_and_the_tables_below_them(settings):
    result_path(settings.results, "what_changed", YEAR).unlink()
    (steps,) = steps_of_refresh(settings, "missing")
    assert steps == below("what_changed")


def test_the_sensor_asks_for_the_steps_that_a_refresh_of_changes_makes(settings, tmp_path):
    steps = restate_prices(settings)
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        (request,) = look(settings, instance, look(settings, instance, None).cursor).run_requests or ()
    assert steps_of_request(settings, "refresh_year", request) == steps


def test_each_schedule_asks_for_its_steps(settings):
    changes = restate_prices(settings)
    settings = replace(settings, fetch=True)
    expected = {
        "fetch_daily": ("fetch_reports", MOMENT, {"ercot_reports"}),
        "freshness_daily": ("check_freshness", MOMENT, {FRESHNESS}),
        "full_verification_yearly": ("verify_year", MOMENT, EVERY | {*ASKED_FOR, SECOND_SETTLEMENT}),
        "current_year_daily": ("refresh_year", MOMENT, changes),
        "previous_year_weekly_until_final": ("refresh_year", MOMENT.replace(year=YEAR + 1, month=1), changes),
    }
    made = {schedule.name: schedule for schedule in schedules(settings)}
    assert made.keys() == expected.keys()
    with open_instance(settings) as instance:
        for name, (job_name, moment, steps) in expected.items():
            if name == "previous_year_weekly_until_final":
                result_path(settings.results, "leaderboard", YEAR).unlink()  # without it the year is not final
            with dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=moment.astimezone(UTC),
                repository_def=build_defs(settings).get_repository_def(),
                resources={"warehouse": Warehouse(environment=settings.environment())},
            ) as context:
                (request,) = made[name].evaluate_tick(context).run_requests or ()
            assert request.partition_key == str(YEAR)
            assert steps_of_request(settings, job_name, request) == steps, name


def test_a_backfill_of_a_job_makes_the_steps_of_that_job(settings):
    launched = dg.RunRequest(partition_key=str(YEAR))
    assert steps_of_request(settings, "refresh_year", launched) == EVERY | set(ASKED_FOR)
    assert steps_of_request(settings, "merge_years", dg.RunRequest()) == MERGED


# --- one owner ----------------------------------------------------------------------------------------------------------------------------
_counting: list[Counter[tuple[str, str]]] = []


@cache
def _hook() -> None:
    """Count file events for good: no audit hook can be removed."""

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        if _counting and event == "open" and isinstance(arguments[0], str):
            _counting[-1]["open", arguments[0]] += 1
        elif _counting and event == "os.rename":
            _counting[-1]["rename", str(arguments[1])] += 1

    sys.addaudithook(count)


@contextmanager
def file_events() -> Iterator[Counter[tuple[str, str]]]:
    """Counts of the files that this process opens, and of the names that it gives them."""
    _hook()
    _counting.append(Counter())
    try:
        yield _counting[-1]
    finally:
        _counting.pop()


def owned(settings: Settings, counts: Counter[tuple[str, str]], tables: Collection[str]) -> None:
    """The refresh of these tables took one lock, and read and wrote the journal seldom."""
    journal = str(settings.results / "_runs" / f"{YEAR}.json")
    assert counts["open", str(settings.results / "_locks" / f"{YEAR}.holder")] == 1  # who takes the lock notes it there
    assert 0 < counts["open", journal] <= 20
    assert len(tables) <= counts["rename", journal] <= 40


@pytest.mark.slow
def test_a_years_refresh_makes_every_table_takes_one_lock_and_reads_and_writes_its_journal_seldom(market, tmp_path):
    settings = load_settings(tmp_path, environ={"BESS_ROLLUPS": str(market / "rollups")})
    with file_events() as counts:
        assert steps_of_refresh(settings, None) == [EVERY, MERGED]
    owned(settings, counts, YEARLY)
