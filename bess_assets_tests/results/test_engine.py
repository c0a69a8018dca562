"""What a question may cost and see: time, memory, files, Python's variables."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bess_assets.results import QueryError, Results
from bess_assets.results.engine import GRACE_SECONDS
from bess_assets.settings import Settings

SLOW_MACHINE_SECONDS = 5.0
ONE_SLOW_CALL = "SELECT levenshtein(repeat('a', 40000), repeat('b', 40000))"
"""Several seconds within one call of a function, in which DuckDB does not look whether it is interrupted."""

RUNAWAYS = {
    "a join of everything with everything": "SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000000) b",
    "rows without end": "SELECT a.range FROM range(100000000) a, range(100000000) b",
    "first rows at once and then no more": "SELECT a.range FROM range(10000000) a, range(100000000) b WHERE a.range * 100000000 + b.range < 3000",
    "a recursion without end": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "a sort": "SELECT md5(range::VARCHAR) AS x FROM range(2000000000) ORDER BY x LIMIT 1",
    "one slow call": ONE_SLOW_CALL,
}


@pytest.fixture
def hasty(settings: Settings) -> Iterator[Settings]:
    yield replace(settings, query_timeout_seconds=0.5)
    for thread in threading.enumerate():
        if thread.name == "query":  # one slow call, which must not disturb other tests
            thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("sql", RUNAWAYS.values(), ids=RUNAWAYS.keys())
def test_a_runaway_query_is_stopped_in_time_and_the_next_one_answered(hasty: Settings, sql: str) -> None:
    with Results(hasty) as results:
        results.query("SELECT 1")
        started = time.monotonic()
        with pytest.raises(QueryError, match=r"stopped after 0\.5 seconds"):
            results.query(sql)
        assert time.monotonic() - started < 0.5 + GRACE_SECONDS + SLOW_MACHINE_SECONDS
        assert results.query("SELECT 2").rows == [(2,)]
        assert len(results.leaderboard(2024).rows) == 3


def test_a_stream_is_stopped_too_when_its_later_rows_do_not_come(hasty: Settings) -> None:
    sql = RUNAWAYS["first rows at once and then no more"]
    with Results(hasty) as results:
        with pytest.raises(QueryError, match="stopped"), results.stream(sql) as (_, rows):
            list(rows)
        assert results.query("SELECT 1").rows == [(1,)]


def test_the_time_of_the_reader_of_a_stream_does_not_count(hasty: Settings) -> None:
    with Results(hasty) as results, results.stream("SELECT * FROM range(30000)") as (columns, rows):
        assert columns == ("range",)
        next(rows)
        time.sleep(0.8)
        assert sum(1 for _ in rows) == 29_999


def test_one_slow_question_holds_up_no_other(settings: Settings) -> None:
    rows = 300_000_000
    with Results(settings) as results:
        slow: list[object] = []
        sql = f"SELECT sum(range) FROM range({rows})"
        other = threading.Thread(target=lambda: slow.append(results.query(sql).rows))
        other.start()
        assert results.query("SELECT 1").rows == [(1,)]
        other.join()
        assert slow == [[(rows * (rows - 1) // 2,)]]


def test_the_command_line_ends_in_time_whatever_duckdb_does(hasty: Settings) -> None:
    slower = ONE_SLOW_CALL.replace("40000", "200000")
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(hasty.home), "sql", slower]
    started = time.monotonic()
    short = {"BESS_QUERY_TIMEOUT": "0.3", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=short, timeout=100)
    assert done.returncode == 2
    said = "error: The query was stopped after 0.3 seconds.\n  remedy: Ask for less, or raise BESS_QUERY_TIMEOUT."
    assert done.stderr.rstrip("\n") == said
    assert time.monotonic() - started < 20  # the call alone takes minutes


def test_the_limits_are_those_of_the_settings_and_nobody_can_change_them(settings: Settings) -> None:
    with Results(replace(settings, memory_limit_bytes=300_000_000, threads=1)) as results:
        found = results.query("SELECT current_setting('memory_limit'), current_setting('threads')::BIGINT")
        assert found.rows == [("286.1 MiB", 1)]
        with pytest.raises(QueryError):
            results.query("SET threads = 8")


def test_times_are_utc_wherever_the_machine_is(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Chicago")
    time.tzset()
    try:
        with Results(settings) as results:
            found = results.query("SELECT TIMESTAMPTZ '2024-07-01 12:00:00'::VARCHAR")
            assert found.rows == [("2024-07-01 12:00:00+00",)]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_name_is_no_python_variable(results: Results) -> None:
    secret = results.query("SELECT 42 AS value").to_arrow()
    assert secret.num_rows == 1
    with pytest.raises(QueryError, match="secret"):
        results.query("FROM secret")


def test_a_closed_connection_is_opened_again_by_the_next_question(results: Results) -> None:
    assert results.query("SELECT 1").rows == [(1,)]
    results.close()
    results.close()
    assert results.query("SELECT battery FROM leaderboard WHERE year = 2024 AND rank = 1").rows == [("ALPHA_1",)]


def test_a_view_is_made_of_the_tables_that_a_query_names_and_no_others(results: Results) -> None:
    results.query("SELECT 1 FROM leaderboard")
    views = results._engine._views
    assert set(views) == {"leaderboard"}
