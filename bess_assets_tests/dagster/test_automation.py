"""What runs by itself: looks at the files, schedules, alarms; each judged by what it asks for, on a real instance."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dagster._core.utils import make_new_run_id

from bess_assets.assets.resources import Warehouse, holding_tags
from bess_assets.automation.jobs import (
    current_year_daily,
    fetch_daily,
    freshness_daily,
    previous_year_weekly_until_final,
    schedules,
)
from bess_assets.automation.runs import is_at_work, refresh_request
from bess_assets.automation.sensors import look, raise_alarm
from bess_assets.checks.freshness import freshness, is_final
from bess_assets.definitions import build_defs
from bess_assets.ercot.calendar import CENTRAL
from bess_assets.refresh import materialize, open_instance
from bess_assets.settings import CREDENTIALS, Settings, load_settings
from bess_assets.store.journal import read_run
from bess_assets.store.locks import fetch_lock, year_lock
from bess_assets.store.paths import result_path
from bess_assets.store.status import plan_year
from bess_assets.tables import YEARLY
from bess_assets_tests.dagster.conftest import YEAR, Refreshed
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text
from bess_assets_tests.made_home import record_table

MOMENT = datetime(YEAR, 11, 24, 7, 0, tzinfo=CENTRAL)


@pytest.fixture
def settings(refreshed: Refreshed, tmp_path: Path) -> Settings:
    """A copy of the refreshed home with rollups of its own, so that a test may change them."""
    shutil.copytree(refreshed.settings.rollups, tmp_path / "rollups")
    shutil.copytree(refreshed.settings.results, tmp_path / "results")
    return load_settings(tmp_path, environ={"DAGSTER_HOME": str(refreshed.settings.dagster_home)})


@pytest.fixture
def own_instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance without any run."""
    with dg.DagsterInstance.ephemeral(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def prices(settings: Settings) -> Path:
    """The rollup of real-time prices."""
    return settings.rollups / "RT_prices" / f"{YEAR}.parquet"


def change(path: Path) -> None:
    """Another content of a rollup: its last row is gone."""
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, rows.num_rows - 1), path)


def report_of(settings: Settings, year: int, name: str) -> Path:
    """A report of a day of a year."""
    return put(settings.reports / name, text(DA_SPP, [price(f"01/02/{year}", h, 20) for h in range(1, 25)]))


@dg.job
def empty() -> None:
    pass


def asked(found: dg.SensorResult) -> dict[str, set[str]]:
    """Assets by year that a look asks for."""
    asked = ((str(request.partition_key), request.asset_selection or ()) for request in found.run_requests or ())
    return {year: {key.to_user_string() for key in keys} for year, keys in asked}


def waiting(found: dg.SensorResult) -> str:
    return found.skip_reason.skip_message or ""


def alarms(settings: Settings) -> list[str]:
    """Files that each alarm names."""
    lines = settings.alarms.read_text(encoding="utf-8").splitlines() if settings.alarms.exists() else []
    return [json.loads(line)["files"] for line in lines]


def second_look(settings: Settings, instance: dg.DagsterInstance) -> dg.SensorResult:
    return look(settings, instance, look(settings, instance, None).cursor)


def key(settings: Settings, instance: dg.DagsterInstance, year: int = YEAR) -> str | None:
    """Key of the run of a year that a second look asks for."""
    found = second_look(settings, instance).run_requests or ()
    return next(request.run_key for request in found if request.partition_key == str(year))


# --- looking at the files
def test_a_refreshed_home_asks_for_nothing_and_a_touched_file_neither(settings, own_instance):
    found = look(settings, own_instance, None)
    assert (found.run_requests, waiting(found), alarms(settings)) == ([], "nothing has changed", [])
    for path in settings.rollups.rglob("*.parquet"):
        os.utime(path, (1, 1))
    assert second_look(settings, own_instance).run_requests == []


def test_files_are_looked_at_once_a_fetch_has_ended(settings, own_instance, prices):
    change(prices)
    first = look(settings, own_instance, None)
    with fetch_lock(settings):
        meanwhile = look(settings, own_instance, first.cursor)
    assert (meanwhile.run_requests, waiting(meanwhile)) == ([], "reports are being fetched: their years wait")
    assert asked(look(settings, own_instance, meanwhile.cursor)).keys() == {str(YEAR)}


def test_a_changed_price_file_asks_for_its_dependents_at_the_second_look(settings, own_instance, prices):
    change(prices)
    first = look(settings, own_instance, None)
    assert first.run_requests == []
    assert "looked at once more" in waiting(first)
    second = look(settings, own_instance, first.cursor)
    (selection,) = asked(second).values()
    assert {"rt_prices", "bess_prices", "energy_revenue", "leaderboard", "leaderboard_report"} <= selection
    assert not {"bess_registry", "bess_awards", "bess_dispatch", "as_revenue", "sced_gen_resources"} & selection
    assert "rt_prices" in second.run_requests[0].tags["bess/why"]


def test_a_file_that_still_grows_waits(settings, own_instance, prices):
    change(prices)
    first = look(settings, own_instance, None)
    with prices.open("ab") as file:
        file.write(b"more to come")
    second = look(settings, own_instance, first.cursor)
    assert second.run_requests == []
    assert len(look(settings, own_instance, second.cursor).run_requests) == 1


def test_the_same_change_has_the_same_key_and_the_next_change_another(settings, own_instance, prices):
    before = prices.read_bytes()
    change(prices)
    first = key(settings, own_instance)
    assert key(settings, own_instance) == first
    change(prices)
    assert key(settings, own_instance) != first
    with open_instance(settings) as instance:
        assert materialize(instance, settings, YEAR, ["rt_prices", "bess_prices"]).ok
    prices.write_bytes(before)
    assert key(settings, own_instance) != first, "a file that is as it was before is a change again"


def test_a_vanished_file_is_one_alarm_and_no_refresh(settings, own_instance, prices):
    content = prices.read_bytes()
    prices.unlink()
    first = look(settings, own_instance, None)
    lost = [f"{YEAR}: rt_prices/{YEAR}.parquet"]
    assert (alarms(settings), waiting(first)) == (lost, f"{YEAR}: rt_prices/{YEAR}.parquet is gone")
    second = look(settings, own_instance, first.cursor)
    assert (alarms(settings), second.run_requests) == (lost, [])
    prices.write_bytes(content)
    third = look(settings, own_instance, second.cursor)
    prices.unlink()
    look(settings, own_instance, third.cursor)
    assert alarms(settings) == 2 * lost, "gone once more, said once more"


def test_a_damaged_result_is_one_alarm_with_its_name_and_stops_no_other_year(settings, own_instance):
    board = result_path(settings.results, "leaderboard", YEAR)
    board.write_bytes(board.read_bytes()[:-1])
    first = look(settings, own_instance, None)
    damaged = [f"{YEAR}: leaderboard/{YEAR}.parquet is not as it was written"]
    assert alarms(settings) == damaged
    look(settings, own_instance, first.cursor)
    assert alarms(settings) == damaged


def test_a_new_year_of_new_reports_is_asked_for_and_a_year_without_a_partition_is_not(settings, own_instance):
    for year in (2023, 2035):
        report_of(settings, year, f"{year}.csv")
    found = second_look(settings, own_instance)
    assert "2035" not in asked(found)
    assert {"da_prices", "bess_registry", "leaderboard"} <= asked(found)["2023"]


def test_a_report_that_was_asked_for_is_rolled_up_by_the_run_and_no_news_after_it(settings, instance, own_instance):
    report = report_of(settings, 2022, "a.csv")
    assert "da_prices" in asked(second_look(settings, own_instance))["2022"]
    assert materialize(instance, settings, 2022, ["da_prices"]).ok
    assert plan_year(settings, 2022).news == {}
    assert (settings.built / "DA_prices" / "2022.parquet").is_file()
    put(report, report.read_text(encoding="utf-8").replace(",20,", ",21,"))
    assert plan_year(settings, 2022).news == {"da_prices": ("a.csv",)}, "a report that ERCOT posted anew"


def test_new_reports_of_equal_number_make_another_key(settings, own_instance):
    path = report_of(settings, 2022, "a.csv")
    first = key(settings, own_instance, 2022)
    path.rename(settings.reports / "b.csv")
    assert key(settings, own_instance, 2022) != first


def test_a_new_report_that_cannot_be_opened_is_one_alarm_and_stops_no_look(settings, own_instance):
    put(settings.reports / "untold.zip", b"PK damaged")
    second_look(settings, own_instance)
    assert alarms(settings) == ["reports/untold.zip (there, but it cannot be opened)"]


def test_a_year_that_a_run_is_queued_for_or_that_is_held_is_left_alone(settings, own_instance, prices):
    change(prices)
    cursor = look(settings, own_instance, None).cursor
    with year_lock(settings, YEAR):
        assert "at work" in waiting(look(settings, own_instance, cursor))
    tags = {"dagster/partition": str(YEAR)}
    run = own_instance.create_run_for_job(empty, tags=tags, status=dg.DagsterRunStatus.NOT_STARTED)
    assert is_at_work(own_instance, settings, YEAR)
    assert not is_at_work(own_instance, settings, YEAR + 1)
    assert look(settings, own_instance, cursor).run_requests == []
    own_instance.report_run_failed(run)
    assert len(look(settings, own_instance, cursor).run_requests) == 1


def test_a_run_whose_process_is_gone_is_marked_failed_and_the_year_asked_for_again(settings, own_instance, prices):
    run_id = make_new_run_id()
    tags = {"dagster/partition": str(YEAR), **holding_tags(settings, YEAR, run_id)}
    run = own_instance.create_run_for_job(empty, run_id=run_id, tags=tags, status=dg.DagsterRunStatus.STARTED)
    half = result_path(settings.results, "leaderboard", YEAR).with_name(f".{YEAR}.parquet.1-ab.tmp")
    half.write_bytes(b"half")
    change(prices)
    found = second_look(settings, own_instance)
    marked = own_instance.get_run_by_id(run.run_id)
    assert marked.status == dg.DagsterRunStatus.FAILURE
    assert not half.exists()
    assert len(found.run_requests) == 1


@pytest.mark.slow
def test_a_file_that_cannot_be_read_is_tried_once_and_again_when_it_changes(settings, own_instance, prices):
    prices.write_bytes(b"PAR1 garbage")
    first = key(settings, own_instance)
    selection = asked(second_look(settings, own_instance))[str(YEAR)]
    with open_instance(settings) as instance:
        outcome = materialize(instance, settings, YEAR, sorted(selection & {*YEARLY, "rt_prices"}))
    assert outcome.assets["rt_prices"].status == "failed"
    assert key(settings, own_instance) == first
    prices.write_bytes(b"PAR1 other garbage")
    assert key(settings, own_instance) != first


def test_a_year_whose_record_cannot_be_read_holds_no_other_up(settings, own_instance, prices):
    (settings.results / "_runs" / "2020.json").write_text("no JSON", encoding="utf-8")
    change(prices)
    first = look(settings, own_instance, None)
    (alarm,) = alarms(settings)
    assert alarm.startswith("2020: its run record 2020.json is not as it was written")
    assert asked(look(settings, own_instance, first.cursor)).keys() == {str(YEAR)}


def test_the_sensor_looks_and_remembers(settings, own_instance, prices):
    prices.unlink()
    defs = build_defs(settings)
    sensor = defs.resolve_sensor_def("refresh_changed_years")
    resources = {"warehouse": Warehouse(environment=settings.environment())}
    with dg.build_sensor_context(own_instance, definitions=defs, resources=resources) as context:
        ticked = sensor.evaluate_tick(context)
    assert (ticked.run_requests, ticked.skip_message) == ([], f"{YEAR}: rt_prices/{YEAR}.parquet is gone")
    with dg.build_sensor_context(own_instance, ticked.cursor, definitions=defs, resources=resources) as again:
        sensor.evaluate_tick(again)
    assert alarms(settings) == [f"{YEAR}: rt_prices/{YEAR}.parquet"]


# --- schedules
def test_the_current_year_is_asked_for_where_something_changed_and_nobody_is_at_it(settings, own_instance, prices):
    assert current_year_daily(settings, own_instance, MOMENT) == dg.SkipReason(f"nothing of {YEAR} has changed")
    change(prices)
    assert current_year_daily(settings, own_instance, MOMENT).partition_key == str(YEAR)
    with year_lock(settings, YEAR):
        assert isinstance(current_year_daily(settings, own_instance, MOMENT), dg.SkipReason)
    assert "neither" in str(current_year_daily(settings, own_instance, MOMENT.replace(year=2022)))


def test_a_final_year_is_left_alone_by_the_weekly_schedule(settings, own_instance, prices):
    board_that_ends(settings, date(YEAR, 12, 31), "final")
    assert is_final(settings, YEAR)
    change(prices)
    moment = MOMENT.replace(year=YEAR + 1)
    assert "final" in previous_year_weekly_until_final(settings, own_instance, moment).skip_message
    result_path(settings.results, "leaderboard", YEAR).unlink()
    assert isinstance(previous_year_weekly_until_final(settings, own_instance, moment), dg.RunRequest)


def test_schedules_keep_central_time_and_the_hour_that_is_set(tmp_path):
    for automation, status in (("off", "STOPPED"), ("on", "RUNNING")):
        made = schedules(load_settings(tmp_path, {"BESS_DAILY_AT": "23:20", "BESS_AUTOMATION": automation}))
        assert {s.execution_timezone for s in made} == {"America/Chicago"}
        assert {s.default_status.value for s in made} == {status}
        assert {s.name: s.cron_schedule for s in made} == {
            "fetch_daily": "20 22 * * *",
            "current_year_daily": "20 23 * * *",
            "previous_year_weekly_until_final": "20 23 * * 1",
            "freshness_daily": "5 0 * * *",
            "full_verification_yearly": "0 3 15 3 *",
        }


def test_reports_are_fetched_daily_where_credentials_or_a_setting_say_so(settings, own_instance, tmp_path):
    assert "fetching is off" in fetch_daily(settings, own_instance, MOMENT).skip_message
    secrets = dict.fromkeys(CREDENTIALS, "secret")
    assert load_settings(tmp_path, secrets).fetch
    assert not load_settings(tmp_path, {**secrets, "BESS_FETCH": "off"}).fetch
    settings = replace(settings, fetch=True)
    years = [request.partition_key for request in fetch_daily(settings, own_instance, MOMENT)]
    assert years == [str(YEAR)]
    next_year = MOMENT.replace(year=YEAR + 1)
    assert {r.partition_key for r in fetch_daily(settings, own_instance, next_year)} == {str(YEAR), str(YEAR + 1)}
    with year_lock(settings, YEAR + 1):
        assert [r.partition_key for r in fetch_daily(settings, own_instance, next_year)] == [str(YEAR)]
    board_that_ends(settings, date(YEAR, 12, 31), "final")
    assert [r.partition_key for r in fetch_daily(settings, own_instance, next_year)] == [str(YEAR + 1)]


# --- freshness
def board_that_ends(settings: Settings, through: date, edition: str) -> None:
    """Make the board of the year one that goes as far as a day."""
    path = result_path(settings.results, "leaderboard", YEAR)
    rows = pq.read_table(path)
    for name, value in (("data_through", through), ("edition", edition)):
        index = rows.schema.get_field_index(name)
        values = pa.array([value] * rows.num_rows, rows.schema.types[index])
        rows = rows.set_column(index, rows.schema.field(index), values)
    pq.write_table(rows, path)


def test_a_final_year_is_never_stale(settings):
    board_that_ends(settings, date(YEAR, 12, 31), "final")
    assert freshness(settings, YEAR, date(2030, 1, 1))[1]["state"] == "final"


def test_a_year_is_stale_once_its_data_end_before_what_was_disclosed_65_days_later(settings):
    board_that_ends(settings, date(2024, 9, 20), "preliminary")
    assert freshness(settings, YEAR, date(2024, 11, 24))[1]["state"] == "fresh"
    words, stale = freshness(settings, YEAR, date(2024, 11, 25))
    assert (stale["state"], stale["days_behind"]) == ("stale", 1)
    assert "end on 2024-09-20, 1 days short of 2024-09-21" in words
    assert freshness(settings, YEAR, date(2025, 6, 1))[1]["expected_through"] == "2024-12-31"


def test_a_year_that_was_never_refreshed_is_stale_once_a_day_of_it_is_due(settings):
    assert freshness(settings, 2025, date(2025, 3, 6))[1]["state"] == "fresh"
    never = freshness(settings, 2025, date(2025, 3, 7))[1]
    assert (never["state"], never["data_through"], never["days_behind"]) == ("stale", "never refreshed", None)


def test_the_freshness_check_warns_with_its_numbers(settings, own_instance):
    board_that_ends(settings, date(2024, 9, 20), "preliminary")
    job = build_defs(settings).resolve_job_def("check_freshness")
    result = job.execute_in_process(instance=own_instance, partition_key=str(YEAR))
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert evaluation.metadata["days_behind"].value == 102
    request = freshness_daily(settings, own_instance, MOMENT.replace(year=YEAR + 1, month=3, day=6))
    assert request.partition_key == str(YEAR), "in its first weeks a year has no board"
    due = freshness_daily(settings, own_instance, MOMENT.replace(year=YEAR + 1, month=3, day=7))
    assert due.partition_key == str(YEAR + 1), "a day of it is due, board or not"
    assert isinstance(freshness_daily(settings, own_instance, MOMENT.replace(year=2022)), dg.SkipReason)


# --- alarms
@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """A real server that takes what is posted, and what it took."""
    taken: list[dict[str, str]] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Take)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", taken
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_alarm_is_written_and_posted(tmp_path, webhook):
    address, taken = webhook
    settings = load_settings(tmp_path, {"BESS_WEBHOOK": address})
    raise_alarm(settings, "It broke.", {"year": "2024", "why": "a file\nis bad"})
    assert taken == [{"text": "It broke.\nyear: 2024\nwhy: a file\nis bad", "year": "2024", "why": "a file\nis bad"}]
    (line,) = settings.alarms.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["posted"] == "yes, answered 200"


def test_an_alarm_that_cannot_be_posted_is_in_the_file_all_the_same(tmp_path):
    settings = load_settings(tmp_path, {"BESS_WEBHOOK": "http://127.0.0.1:9/nobody"})
    raise_alarm(settings, "It broke.", {})
    assert json.loads(settings.alarms.read_text(encoding="utf-8"))["posted"].startswith("no: ")


def test_a_failed_run_raises_an_alarm_that_names_the_file(settings, webhook):
    address, taken = webhook
    settings = load_settings(settings.home, {**settings.environment(), "BESS_WEBHOOK": address})
    (settings.rollups / "AS_prices" / f"{YEAR}.parquet").write_bytes(b"no Parquet")
    defs = build_defs(settings)
    with open_instance(settings) as instance:
        result = defs.resolve_job_def("refresh_year").execute_in_process(
            instance=instance, partition_key=str(YEAR), asset_selection=[dg.AssetKey("as_prices")], raise_on_error=False
        )
        with dg.build_run_status_sensor_context(
            sensor_name="raise_an_alarm_for_failed_runs",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
            resources={"warehouse": Warehouse(environment=settings.environment())},
        ) as context:
            defs.resolve_sensor_def("raise_an_alarm_for_failed_runs")(context.for_run_failure())
    assert len(taken) == 1
    assert taken[0]["text"].startswith(f"The run of refresh_year on {YEAR} failed.")
    assert f"{YEAR}.parquet" in taken[0]["why"]
    assert taken[0]["failed steps"] == "as_prices"


def test_a_request_is_none_where_nothing_is_due(settings, prices):
    assert refresh_request(settings, plan_year(settings, YEAR)) is None
    change(prices)
    first = refresh_request(settings, plan_year(settings, YEAR))
    entry = read_run(settings.results, YEAR)["tables"]["leaderboard"]
    record_table(settings.results, YEAR, "leaderboard", {**entry, "finished": "later"})
    later = refresh_request(settings, plan_year(settings, YEAR))
    assert first is not None
    assert later.run_key != first.run_key
