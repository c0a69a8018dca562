"""Dagster's history through lasting connections: read and written as Dagster's own, quickly, with few descriptors."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from bess_assets.automation.dagster_home import HISTORY_YAML, ensure_dagster_home
from bess_assets.automation.dagster_storage import LastingSqliteStorage
from bess_assets.settings import load_settings


@dg.job
def empty() -> None:
    pass


@pytest.fixture(scope="module")
def old_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose history Dagster's own storage wrote: one run with six events."""
    home = tmp_path_factory.mktemp("old")
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        record_a_run(instance)
    return home


@pytest.fixture
def home(old_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same with our storage."""
    home = tmp_path / "home"
    shutil.copytree(old_home, home)
    (home / "dagster.yaml").write_text(HISTORY_YAML, encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    assert home.exists()
    with dg.DagsterInstance.get() as opened:
        yield opened


def record_a_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
    for _ in range(5):
        instance.report_engine_event("something happened", run)
    assert len(instance.all_logs(run.run_id)) >= 5
    return run


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@dg.asset(check_specs=[dg.AssetCheckSpec(f"check_{number}", asset="checked") for number in range(9)])
def checked() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        check_results=[dg.AssetCheckResult(passed=True, check_name=f"check_{number}") for number in range(9)]
    )


def cost_of(instance: dg.DagsterInstance, run: Callable[[dg.DagsterInstance], object]) -> tuple[int, int, set[int]]:
    """Engines, connections opened and levels of synchronous, of five runs."""
    engines: set[Engine] = set()
    opened: list[object] = []
    levels: set[int] = set()

    def on_use(connection: Connection) -> None:
        engines.add(connection.engine)
        levels.add(connection.connection.cursor().execute("PRAGMA synchronous").fetchone()[0])

    def on_open(connection: object, _record: object) -> None:
        opened.append(connection)

    event.listen(Engine, "engine_connect", on_use)
    event.listen(Engine, "connect", on_open)
    try:
        for _ in range(5):
            run(instance)
    finally:
        event.remove(Engine, "engine_connect", on_use)
        event.remove(Engine, "connect", on_open)
    return len(engines), len(opened), levels


def test_a_history_that_dagster_wrote_is_read_on_and_what_is_added_is_read_by_dagster(home):
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.get_ref().storage, LastingSqliteStorage)
        (old,) = instance.get_runs()
        assert len(instance.all_logs(old.run_id)) >= 5
        new = record_a_run(instance)
    (home / "dagster.yaml").unlink()
    with dg.DagsterInstance.from_config(str(home)) as plain:
        assert {run.run_id for run in plain.get_runs()} == {old.run_id, new.run_id}
        assert len(plain.all_logs(new.run_id)) >= 5


def test_a_home_that_moves_takes_its_history_along(home, tmp_path, monkeypatch):
    moved = home.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("DAGSTER_HOME", str(moved))
    with dg.DagsterInstance.get() as instance:
        assert len(instance.get_runs()) == 1
        record_a_run(instance)
    assert not home.exists()


def test_a_run_takes_two_engines_where_dagster_makes_one_for_each_statement_and_no_commit_waits_for_the_disk(
    instance, tmp_path
):
    (tmp_path / "plain").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "plain")) as plain:
        many, many_opened, levels = cost_of(plain, record_a_run)
    assert many > 40  # where Dagster keeps them itself, nothing of this is needed any more
    assert many_opened > 40
    assert levels == {2}  # FULL
    few, few_opened, levels = cost_of(instance, record_a_run)
    assert few <= 2 + 5
    assert few_opened <= 2 * (2 + 5)
    assert levels == {1}  # NORMAL


def test_the_events_of_checks_take_no_engine_of_their_own(instance):
    engines, opened, _levels = cost_of(instance, lambda instance: dg.materialize([checked], instance=instance))
    assert engines <= 2 + 5 + 3  # beside those of the runs, one for each kind of table that is looked for once
    assert opened <= 2 * (2 + 5) + 3


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="descriptors are counted in /proc")
def test_a_process_that_opens_the_logs_of_100_runs_stays_under_64_descriptors(home):
    with dg.DagsterInstance.get() as instance:
        logs = home / "history" / "runs"
        run = instance.get_runs()[0]
        for number in range(100):
            os.link(logs / f"{run.run_id}.db", logs / f"run{number}.db")
        before = open_descriptors()
        most = 0
        for number in range(100):
            with instance.event_log_storage.run_connection(f"run{number}") as connection:  # type: ignore[attr-defined]
                assert connection.exec_driver_sql("SELECT count(*) FROM event_logs").scalar_one() >= 5
            most = max(most, open_descriptors())
        assert most - before < 32
        assert most < 64
    assert open_descriptors() <= before


def test_who_follows_a_run_hears_of_each_event_at_once(instance):
    heard: list[str] = []
    with dg.DagsterInstance.get() as reader:
        run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
        reader.watch_event_logs(run.run_id, None, lambda entry, _cursor: heard.append(entry.message))
        for number in range(3):
            instance.report_engine_event(f"event {number}", run)
            deadline = time.monotonic() + 10
            while not any(f"event {number}" in message for message in heard):
                assert time.monotonic() < deadline, heard
                time.sleep(0.02)


def test_logs_that_were_wiped_begin_anew(instance):
    run = record_a_run(instance)
    instance.event_log_storage.wipe()
    assert instance.all_logs(run.run_id) == []
    record_a_run(instance)


def test_an_older_home_is_left_as_it_is_and_the_remedy_is_said_once_it_is_opened(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DAGSTER_HOME", "restored at the end")
    settings = load_settings(tmp_path, {})
    home = ensure_dagster_home(settings)
    ensure_dagster_home(settings)
    assert not caplog.records  # what we write needs no remedy
    for text, said in (("telemetry: {enabled: false}\n", True), ("storage:\n  postgres: {}\n", False)):
        (home / "dagster.yaml").write_text(text, encoding="utf-8")
        ensure_dagster_home(settings)
        assert (home / "dagster.yaml").read_text(encoding="utf-8") == text
        assert (HISTORY_YAML in caplog.text) == said
        caplog.clear()
