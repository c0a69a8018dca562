"""Dagster's run history while a year is refreshed: as it would be, and quickly written.

Belongs here: what `quick_history` changes of Dagster's own storage, and that nothing of it is left.
Does not: what is recorded (test_materialize.py).
"""

import importlib
import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from bess_assets.assets import history
from bess_assets.assets.history import ENGINES_MADE_IN, quick_history


@dg.job
def empty() -> None:
    pass


def engines_of(home: Path, *, quick: bool) -> tuple[int, int]:
    """How many engines, and how many connections, twenty runs recorded and looked up take."""
    used: list[Engine] = []

    def note(connection: Connection) -> None:
        used.append(connection.engine)

    home.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        event.listen(Engine, "engine_connect", note)
        try:
            for _ in range(20):
                if quick:
                    with quick_history():
                        _record_a_run(instance)
                else:
                    _record_a_run(instance)
        finally:
            event.remove(Engine, "engine_connect", note)
        assert len(instance.get_runs()) == 20
    return len({id(engine) for engine in used}), len(used)


def _record_a_run(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
    for _ in range(5):
        instance.report_engine_event("something happened", run)
    assert len(instance.all_logs(run.run_id)) >= 5


def test_an_engine_lasts_as_long_as_the_refresh_where_dagster_makes_one_for_each_event(tmp_path: Path) -> None:
    engines, connections = engines_of(tmp_path / "plain", quick=False)
    lasting, again = engines_of(tmp_path / "quick", quick=True)
    assert engines > 0.7 * connections  # where Dagster keeps them itself, nothing of this is needed any more
    assert again == pytest.approx(connections, rel=0.1)
    assert lasting < connections / 4


def test_what_was_exchanged_in_dagster_is_put_back_after_an_error_too() -> None:
    made = {name: importlib.import_module(name).create_engine for name in ENGINES_MADE_IN}

    def exchanged() -> list[bool]:
        return [importlib.import_module(name).create_engine is not make for name, make in made.items()]

    def work() -> None:
        with quick_history():
            with quick_history():
                assert exchanged() == [True, True]
            assert exchanged() == [True, True]
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        work()
    assert exchanged() == [False, False]


def test_a_dagster_without_those_names_is_used_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(history, "ENGINES_MADE_IN", ("dagster._core.no_such_module", "dagster.version"))
    engines, connections = engines_of(tmp_path, quick=True)
    assert engines > 0.7 * connections


def test_commits_do_not_wait_for_the_disk_and_other_connections_stay_as_they_were(tmp_path: Path) -> None:
    levels: list[int] = []

    def note(connection: sqlite3.Connection, _record: object) -> None:
        levels.append(connection.execute("PRAGMA synchronous").fetchone()[0])

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance, quick_history():
        event.listen(Engine, "connect", note)
        try:
            instance.get_runs()
        finally:
            event.remove(Engine, "connect", note)
    assert set(levels) == {1}  # NORMAL
    with sqlite3.connect(tmp_path / "other.db") as other:
        assert other.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    other.close()
