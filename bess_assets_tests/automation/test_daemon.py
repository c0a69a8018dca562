"""A real `bess ui`, webserver and daemon, on a home of its own: what a data engineer would see over a few eventful days, in minutes."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bess_assets.automation.dagster_home import LOCATION
from bess_assets.ercot.calendar import now_central
from bess_assets.refresh import refresh_years
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate
from bess_assets.tables import YEARLY
from bess_assets_tests.graphql import ask_pages
from bess_assets_tests.ui_process import bess_ui

YEARS = (2024, 2025, 2026)
SECOND_LOOK_SECONDS = 100
RUN_SECONDS = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@dataclass
class Dev:
    """A running `bess ui`, spoken to as its UI does."""

    settings: Settings
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer to a GraphQL query."""
        return ask_pages(self.port, query, variables)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the latest first."""
        query = """{ runsOrError { ... on Runs { results {
            runId status jobName assetSelection { path } tags { key value } } } } }"""
        found: list[dict[str, Any]] = self.ask(query)["runsOrError"]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
            run["year"] = run["tags"].get("dagster/partition")
            run["assets"] = {asset["path"][-1] for asset in run["assetSelection"] or ()}
        return found

    def ticks(self, name: str) -> list[dict[str, Any]]:
        """Ticks of a sensor or schedule, the latest first."""
        query = """query ($where: InstigationSelector!) { instigationStateOrError(instigationSelector: $where) {
            ... on InstigationState { ticks(limit: 50) { status skipReason timestamp error { message } } } } }"""
        state = self.ask(query, where=self.selector(name=name))["instigationStateOrError"]
        return list(state["ticks"])

    def selector(self, **more: str) -> dict[str, str]:
        """Where in the code location something is."""
        return {"repositoryName": "__repository__", "repositoryLocationName": LOCATION, **more}

    def until(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """What a condition gives once it gives anything."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")[-3000:]
            found = condition()
            if found:
                return found
            time.sleep(1)
        seen = [(run["jobName"], run["year"], run["status"]) for run in self.runs()]
        raise AssertionError(f"{what} did not happen in {seconds} s: {seen}\n{self.log.read_text('utf-8')[-3000:]}")

    def quiet(self, ticks: int = 2) -> None:
        """Wait until the sensor has looked some times in a row and found nothing, and no run is under way."""
        begun = time.time()

        def idle() -> bool:
            last = [tick for tick in self.ticks("refresh_changed_years") if tick["timestamp"] > begun][:ticks]
            done = all(run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} for run in self.runs())
            return done and len(last) == ticks and {tick["skipReason"] for tick in last} == {"nothing has changed"}

        self.until("quiet", idle, 60 + ticks * 45 + RUN_SECONDS)

    def since(self, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Runs that were not there before, the first one first; those that merge the years left out."""
        old = {run["runId"] for run in before}
        return [run for run in reversed(self.runs()) if run["runId"] not in old and run["jobName"] != "merge_years"]


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """Three years settled, then `bess ui`, which ends by itself at the end and leaves no process behind."""
    home = tmp_path_factory.mktemp("daemon")
    simulate(home, YEARS, batteries=3, seed=4)
    at = now_central() + timedelta(minutes=4)
    settings = load_settings(home, {"BESS_DAILY_AT": f"{at:%H:%M}", "BESS_THREADS": "2"})
    outcomes = list(refresh_years(settings, YEARS))
    assert [outcome.state for outcome in outcomes] == ["refreshed"] * (len(YEARS) + 1), outcomes
    with bess_ui(settings, home / "dev.log") as ui:
        started = Dev(settings, ui.port, ui.process, ui.log)
        started.until("an answer of the webserver", lambda: _answers(started), 120)
        _switch_on(started)
        yield started


def _switch_on(dev: Dev) -> None:
    for name in ("refresh_changed_years", "merge_years_after_a_refresh", "raise_an_alarm_for_failed_runs"):
        start = "mutation ($where: SensorSelector!) { startSensor(sensorSelector: $where) { __typename ... on Sensor { name } } }"
        assert dev.ask(start, where=dev.selector(sensorName=name))["startSensor"]["__typename"] == "Sensor"
    start = "mutation ($where: ScheduleSelector!) { startSchedule(scheduleSelector: $where) { __typename } }"
    started = dev.ask(start, where=dev.selector(scheduleName="current_year_daily"))["startSchedule"]["__typename"]
    assert started == "ScheduleStateResult"


def _answers(dev: Dev) -> bool:
    try:
        location = dev.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
        return bool(location["repositoriesOrError"].get("nodes"))
    except (urllib.error.URLError, OSError, KeyError):
        return False


def raise_prices(path: Path, share: float) -> None:
    """Every price of a rollup, a little higher."""
    rows = pq.read_table(path)
    index = rows.schema.get_field_index("SettlementPointPrice")
    pq.write_table(rows.set_column(index, rows.schema.field(index), pc.multiply(rows.column(index), share)), path)


def drop_last_row(path: Path) -> None:
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, rows.num_rows - 1), path)


def board_total(settings: Settings, year: int) -> float:
    return float(pc.sum(pq.read_table(settings.results / "leaderboard" / f"{year}.parquet")["total_usd"]).as_py())


def test_a_running_daemon_refreshes_what_changed_and_nothing_else(dev: Dev) -> None:
    settings = dev.settings
    dev.quiet()
    # A closed year's prices are restated.
    before, total = dev.runs(), board_total(settings, 2024)
    raise_prices(settings.rollups / "RT_prices" / "2024.parquet", 1.01)
    dev.until("a run of 2024", lambda: _succeeded(dev.since(before), "2024"), SECOND_LOOK_SECONDS + RUN_SECONDS)
    dev.quiet()
    first, *later = dev.since(before)
    assert (first["year"], first["jobName"]) == ("2024", "refresh_year")
    assert {"rt_prices", "bess_prices", "energy_revenue", "leaderboard", "leaderboard_report"} <= first["assets"]
    assert not {"bess_registry", "bess_awards", "bess_dispatch", "as_revenue"} & first["assets"]
    # The pages of later years show changes of rank against this one, and the estimate of the next rests on its days: they alone are made anew.
    assert sorted((run["year"], *sorted(run["assets"])) for run in later) == [
        ("2025", "estimate_monthly", "leaderboard_report"),
        ("2026", "leaderboard_report"),
    ]
    assert {run["status"] for run in dev.since(before)} == {"SUCCESS"}
    assert board_total(settings, 2024) != total
    # Files are touched, and hold what they held.
    before = dev.runs()
    for path in settings.rollups.rglob("*.parquet"):
        os.utime(path)
    dev.quiet()
    assert dev.since(before) == []
    # The 60-day file of 2025 holds the end of 2024 and most of 2025.
    before = dev.runs()
    drop_last_row(settings.rollups / "DAM_Gen_Resources" / "2025.parquet")
    dev.until("runs of both years", lambda: _succeeded(dev.since(before), "2024", "2025"), 2 * RUN_SECONDS)
    dev.quiet()
    whole = [run for run in dev.since(before) if not run["assets"] <= {"estimate_monthly", "leaderboard_report"}]
    assert sorted(run["year"] for run in whole) == ["2024", "2025"]
    for run in whole:
        assert {"dam_gen_resources", "bess_registry", "bess_awards", "leaderboard"} <= run["assets"]
        assert not {"rt_prices", "as_prices"} & run["assets"]
    # A schedule ticks.
    ticks = dev.until("a tick of the schedule", lambda: dev.ticks("current_year_daily"), 300)
    assert ticks[0]["status"] in {"SKIPPED", "SUCCESS"}, ticks[0]
    dev.quiet(ticks=1)


def _succeeded(runs: list[dict[str, Any]], *years: str) -> bool:
    done = {run["year"] for run in runs if run["status"] == "SUCCESS" and "leaderboard" in run["assets"]}
    return set(years) <= done


LAUNCH = """mutation ($how: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $how) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


def backfill(dev: Dev, **how: Any) -> list[dict[str, Any]]:
    """Launch a backfill of all years, as the UI does; its runs once all have ended."""
    years = [str(year) for year in YEARS]
    answer = dev.ask(LAUNCH, how={"partitionNames": years, **how})["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer

    def ended() -> list[dict[str, Any]]:
        runs = [run for run in dev.runs() if run["tags"].get("dagster/backfill") == answer["backfillId"]]
        done = all(run["status"] in {"SUCCESS", "FAILURE"} for run in runs)
        return runs if done and {run["year"] for run in runs} >= set(years) else []

    return list(dev.until("the end of a backfill", ended, 4 * RUN_SECONDS))


def test_a_backfill_fails_the_year_of_a_bad_file_and_no_other(dev: Dev) -> None:
    settings = dev.settings
    stop = "mutation ($id: String!) { stopSensor(id: $id) { __typename } }"
    query = "query ($where: SensorSelector!) { sensorOrError(sensorSelector: $where) { ... on Sensor { sensorState { id } } } }"
    state = dev.ask(query, where=dev.selector(sensorName="refresh_changed_years"))["sensorOrError"]["sensorState"]["id"]
    dev.ask(stop, id=state)
    bad = settings.rollups / "AS_prices" / "2025.parquet"
    good = bad.read_bytes()
    bad.write_bytes(good[:-100])
    begun = time.time()
    job = {"partitionSetName": "refresh_year_partition_set", "repositorySelector": dev.selector()}
    runs = backfill(dev, selector=job)
    assert {run["year"]: run["status"] for run in runs} == {"2024": "SUCCESS", "2025": "FAILURE", "2026": "SUCCESS"}
    assert len(runs) == len(YEARS)
    for year in YEARS:
        new = (settings.results / "leaderboard" / f"{year}.parquet").stat().st_mtime > begun
        assert new == (year != 2025)
        record = json.loads((settings.results / "_runs" / f"{year}.json").read_text(encoding="utf-8"))
        assert record["unfinished"] == []

    def alarm() -> Mapping[str, str] | None:
        if not settings.alarms.exists():
            return None
        lines = [json.loads(line) for line in settings.alarms.read_text(encoding="utf-8").splitlines()]
        return next((line for line in lines if "2025.parquet of AS_prices" in line.get("why", "")), None)

    dev.until("an alarm that names the file", alarm, 120)
    bad.write_bytes(good)


def test_a_backfill_of_chosen_assets_is_one_run_a_year(dev: Dev) -> None:
    """The result tables chosen in the asset graph, without the rollups, whose 60-day files map to two years."""
    runs = backfill(dev, assetSelection=[{"path": [name]} for name in YEARLY])
    assert sorted((run["year"], run["status"]) for run in runs) == [(str(year), "SUCCESS") for year in YEARS]
