"""Dagster's history in a real Postgres: the address of the shipped configuration works, a refresh keeps its connections, and a year's lock is there too."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Timer

import dagster as dg
import pytest
from dagster._core.utils import make_new_run_id

from bess_assets.assets.resources import holding_tags
from bess_assets.automation.runs import fail_dead_runs
from bess_assets.errors import SettingsError, YearBusyError
from bess_assets.refresh import open_instance, refresh_years
from bess_assets.settings import Settings, load_settings
from bess_assets.store.locks import year_is_busy, year_lock
from bess_assets_tests.conftest import ROOT
from bess_assets_tests.crashes.small_year import OLD, YEAR, make_editions, settings_of
from bess_assets_tests.held import held_elsewhere
from bess_assets_tests.postgres_server import end_sessions, postgres

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_SESSIONS = 150


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server of our own, which ends with the test."""
    with postgres() as address:
        yield address


def sessions(address: str) -> int:
    """How many sessions the server has begun."""
    import psycopg2

    with psycopg2.connect(f"postgresql://{address}") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), sessions FROM pg_stat_database WHERE datname = 'postgres'")
        return int(cursor.fetchone()[1])


def keep_history_in_postgres(settings: Settings) -> None:
    """Configure Dagster as the shipped file says, whose address is in `DAGSTER_POSTGRES_URL`."""
    configuration = settings.dagster_home / "dagster.yaml"
    configuration.parent.mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "dagster-cluster.yaml", configuration)


def test_a_year_is_refreshed_with_its_history_in_postgres_and_opens_few_sessions(
    tmp_path, address, monkeypatch
) -> None:
    pytest.importorskip("dagster_postgres", reason="the extra cluster is not installed")
    make_editions(tmp_path)
    settings = settings_of(tmp_path, tmp_path / "home", OLD)
    keep_history_in_postgres(settings)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql+psycopg2://{address}")
    before = sessions(address)
    (year, merged) = refresh_years(settings, [YEAR])
    assert (year.state, merged.state) == ("refreshed", "refreshed"), [*year.errors, *merged.errors]
    assert not (settings.dagster_home / "history").exists()
    assert sessions(address) - before <= MOST_SESSIONS


def test_a_year_that_another_machine_holds_is_busy_and_its_run_alive_until_its_session_ends(
    tmp_path, address, monkeypatch
) -> None:
    pytest.importorskip("dagster_postgres", reason="the extra cluster is not installed")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql+psycopg2://{address}")
    settings = load_settings(tmp_path, {})
    keep_history_in_postgres(settings)

    @dg.job
    def empty() -> None:
        pass

    def forget_the_lock_beside_the_results() -> None:
        """What a machine sees whose operating system shares no locks with that of the holder."""
        (settings.results / "_locks" / str(YEAR)).unlink()

    with open_instance(settings) as instance:
        run = make_new_run_id()
        tags = holding_tags(settings, YEAR, run)
        with held_elsewhere(settings.home, YEAR) as process:
            instance.create_run_for_job(empty, run_id=run, tags=tags, status=dg.DagsterRunStatus.STARTED)
            forget_the_lock_beside_the_results()
            with pytest.raises(YearBusyError, match="Another machine"), year_lock(settings, YEAR, 1.0):
                pass
            assert year_is_busy(settings, YEAR)
            assert not year_is_busy(settings, YEAR + 1)
            fail_dead_runs(instance, settings)
            assert instance.get_run_by_id(run).status == dg.DagsterRunStatus.STARTED  # type: ignore[union-attr]
            os.kill(process, signal.SIGKILL)
            forget_the_lock_beside_the_results()
            with year_lock(settings, YEAR, 10.0) as first, year_lock(settings, YEAR) as again:
                assert (first, again) == (True, False)
        fail_dead_runs(instance, settings)
        assert instance.get_run_by_id(run).status == dg.DagsterRunStatus.FAILURE  # type: ignore[union-attr]
    # a holder that is stopped keeps its lock until somebody ends its session
    with held_elsewhere(settings.home, YEAR) as process:
        os.kill(process, signal.SIGSTOP)
        forget_the_lock_beside_the_results()
        assert year_is_busy(settings, YEAR)
        assert end_sessions(address, f"bess {YEAR} process {process} on %") == 1
        with year_lock(settings, YEAR, 10.0):
            pass


def test_results_in_an_object_store_are_held_in_postgres_by_one_machine(tmp_path, address, monkeypatch) -> None:
    pytest.importorskip("dagster_postgres", reason="the extra cluster is not installed")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"postgresql+psycopg2://{address}")
    results = {"BESS_RESULTS": "s3://desk-data/results"}
    here, there = (load_settings(tmp_path / name, results) for name in ("here", "there"))
    for settings in (here, there):
        keep_history_in_postgres(settings)
    with held_elsewhere(there.home, YEAR, **results):
        assert year_is_busy(here, YEAR)
        with pytest.raises(YearBusyError, match="Another machine"), year_lock(here, YEAR):
            pass
    with year_lock(here, YEAR, 10.0) as first:
        assert first
    # a look of another machine takes the year for a moment, and refuses nobody
    with ExitStack() as look:
        look.enter_context(year_lock(there, YEAR))
        end_of_look = Timer(0.15, look.close)
        end_of_look.start()
        with year_lock(here, YEAR) as first:
            assert first
        end_of_look.join()


def test_where_postgres_does_not_answer_every_year_is_busy_and_no_password_is_shown(tmp_path, monkeypatch) -> None:
    pytest.importorskip("dagster_postgres", reason="the extra cluster is not installed")
    settings = load_settings(tmp_path, {})
    keep_history_in_postgres(settings)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://bess:the-secret@127.0.0.1:1/dagster")
    assert year_is_busy(settings, YEAR)
    with pytest.raises(YearBusyError, match="Nobody knows") as refused, year_lock(settings, YEAR):
        pass
    assert "the-secret" not in str(refused.value)
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "psycopg2", None)
        with pytest.raises(SettingsError, match=r'"bess-assets\[cluster\]"'):
            year_is_busy(settings, YEAR)
    monkeypatch.delenv("DAGSTER_POSTGRES_URL")
    with pytest.raises(SettingsError, match="its address is not found"):
        year_is_busy(settings, YEAR)
    parts = {"hostname": "127.0.0.1", "port": 1, "username": "bess", "password": {"env": "THE_PASSWORD"}}
    written = "storage:\n  postgres:\n    postgres_db: " + json.dumps({**parts, "db_name": "dagster"})
    (settings.dagster_home / "dagster.yaml").write_text(written, encoding="utf-8")
    assert year_is_busy(settings, YEAR)
