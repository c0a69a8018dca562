"""`bess sql` and the query API read the result tables: they write nothing, look nowhere else and change no setting, however the question is put."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest

from bess_assets.cli import main
from bess_assets.results import QueryError, Results
from bess_assets.settings import Settings
from bess_assets_tests.made_home import write_home

SECRET = "what nobody may read"

WRITES = (
    "COPY leaderboard TO '{results}/out.csv'",
    "COPY (SELECT 1) TO '{home}/out.parquet' (FORMAT parquet)",
    "WITH a AS (COPY leaderboard TO '{results}/out.csv') SELECT * FROM a",
    "SELECT * FROM (WITH a AS (COPY leaderboard TO '{results}/out.csv') SELECT * FROM a)",
    "SELECT (WITH a AS (COPY leaderboard TO '{results}/out.csv') SELECT count(*) FROM a)",
    "SELECT 1 UNION ALL (WITH a AS (COPY (SELECT 1) TO '{results}/out.csv') SELECT 1)",
    "SELECT 1 WHERE EXISTS (WITH a AS (COPY leaderboard TO '{results}/out.csv') SELECT * FROM a)",
    "SELECT * FROM query('COPY leaderboard TO ''{results}/out.csv''')",
    "SELECT * FROM query('SELECT 1; COPY leaderboard TO ''{results}/out.csv''')",
    "SELECT 1; COPY leaderboard TO '{results}/out.csv'",
    "SELECT 1) ; COPY leaderboard TO '{results}/out.csv'; SELECT (1",
    "SELECT 1\n) TO '{results}/out.csv' --",
    "SELECT 1 -- \n; COPY leaderboard TO '{results}/out.csv'",
    "/* */ COPY leaderboard TO '{results}/out.csv' /* SELECT 1 */",
    "EXPLAIN ANALYZE COPY leaderboard TO '{results}/out.csv'",
    "PREPARE x AS COPY leaderboard TO '{results}/out.csv'",
    "EXPORT DATABASE '{home}/out'",
    "IMPORT DATABASE '{home}/out'",
    "ATTACH '{home}/other.db'",
    "ATTACH '{results}/other.db' AS other",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE OR REPLACE VIEW leaderboard AS SELECT 1",
    "CREATE MACRO leaderboard() AS TABLE SELECT 1",
    "CREATE SECRET (TYPE s3)",
    "DROP VIEW leaderboard",
    "INSERT INTO leaderboard VALUES (1)",
    "WITH a AS (INSERT INTO leaderboard SELECT * FROM leaderboard RETURNING 1) SELECT * FROM a",
    "UPDATE leaderboard SET rank = 1",
    "DELETE FROM leaderboard",
    "MERGE INTO leaderboard USING leaderboard AS b USING (battery) WHEN MATCHED THEN DELETE",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '{results}/log')",
    "CALL enable_logging(storage = 'file', storage_path = '{home}/log')",
    "SELECT * FROM enable_profiling(save_location = '{results}/profile.json')",
    "PRAGMA enable_profiling",
)
ELSEWHERE = (
    "SELECT * FROM read_text('{home}/secret.csv')",
    "SELECT * FROM read_csv('{home}/secret.csv')",
    "SELECT * FROM read_csv_auto('{results}/../secret.csv')",
    "SELECT * FROM read_text('{results}/./leaderboard/../../secret.csv')",
    "SELECT * FROM read_text('{results}//..//secret.csv')",
    "SELECT * FROM read_text('file://{home}/secret.csv')",
    "SELECT * FROM read_text('{results}_beside/secret.csv')",
    "SELECT * FROM read_blob('{home}/secret.csv')",
    "SELECT * FROM read_json_objects('{home}/secret.csv')",
    "SELECT * FROM read_parquet('{home}/secret.csv')",
    "SELECT * FROM read_text(['{results}/leaderboard/2024.parquet', '{home}/secret.csv'])",
    "SELECT * FROM sniff_csv('{home}/secret.csv')",
    "SELECT * FROM parquet_metadata('{home}/secret.csv')",
    "SELECT * FROM parquet_kv_metadata('{home}/secret.csv')",
    "SELECT * FROM read_duckdb('{home}/other.db', table_name = 't')",
    "SELECT * FROM '{home}/secret.csv'",
    'SELECT * FROM "{home}/secret.csv"',
    "SELECT * FROM query_table('{home}/secret.csv')",
    "SELECT * FROM query('SELECT * FROM read_text(''{home}/secret.csv'')')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''{home}/secret.csv'')'))",
    "SELECT * FROM glob('{home}/*')",
    "SELECT * FROM glob('{results}/../*')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_csv('s3://somewhere/file.csv')",
    "SELECT * FROM read_csv('https://127.0.0.1/file.csv')",
    "SELECT getenv('HOME')",
    "SELECT * FROM which_secret('s3://somewhere', 's3')",
    "SELECT * FROM secret",
    "SELECT secret.value FROM leaderboard",
)
SETTINGS = (
    "SET enable_external_access = true",
    "SET GLOBAL allowed_directories = ['/']",
    "SET lock_configuration = false",
    "SET memory_limit = '100GB'",
    "SET threads = 64",
    "SET temp_directory = '{home}'",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "PRAGMA memory_limit = '100GB'",
    "PRAGMA threads = 64",
    "CALL pragma_version()",
    "INSTALL httpfs",
    "FORCE INSTALL httpfs FROM '{home}'",
    "LOAD httpfs",
    "LOAD '{home}/evil.duckdb_extension'",
    "USE memory",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
)
NO_QUESTIONS = (
    "", ";", "--", "/*", "SELECT", "SELECT 1; SELECT 2", "EXECUTE x", "\x00", "SELECT '", "нет", "not sql",
    "SELECT * FROM leaderboard WHERE (", "SELECT nonsense FROM leaderboard",
)  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("sql") / "it's; a home"
    settings = write_home(home)
    (home / "secret.csv").write_text(f"value\n{SECRET}\n", encoding="utf-8")
    beside = settings.results.with_name(f"{settings.results.name}_beside")
    beside.mkdir()
    (beside / "secret.csv").write_text(f"value\n{SECRET}\n", encoding="utf-8")
    return settings


@pytest.fixture
def results(settings: Settings) -> Iterator[Results]:
    with Results(settings) as opened:
        yield opened


def spelt(sql: str, settings: Settings) -> str:
    """The text with the folders of the home in it, as a literal of SQL spells them."""
    folders = {"home": settings.home, "results": settings.results}
    for name, folder in folders.items():
        sql = sql.replace(f"{{{name}}}", folder.as_posix().replace("'", "''"))
    return sql


def everything(settings: Settings) -> dict[Path, int]:
    """Every file below the home, with its time."""
    return {path: path.stat().st_mtime_ns for path in sorted(settings.home.rglob("*"))}


@pytest.mark.parametrize("sql", [*WRITES, *ELSEWHERE, *SETTINGS, *NO_QUESTIONS])
def test_a_question_that_is_more_than_one_is_refused_and_leaves_no_trace(settings, results, sql, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = everything(settings)
    with pytest.raises(QueryError) as caught:
        results.query(spelt(sql, settings))
    assert SECRET not in str(caught.value)
    assert everything(settings) == before
    assert list(tmp_path.iterdir()) == []
    found = results.query(
        "SELECT count(*), current_setting('enable_external_access'), current_setting('lock_configuration') FROM leaderboard"
    )
    assert found.rows == [(5, False, True)]


def test_what_is_refused_is_refused_by_the_command_too(settings: Settings) -> None:
    for sql in (WRITES[0], WRITES[2], ELSEWHERE[0], SETTINGS[0]):
        for form in ("table", "csv", "json"):
            command = ["--home", str(settings.home), "sql", spelt(sql, settings), "--format", form]
            done = click.testing.CliRunner().invoke(main, command)
            assert done.exit_code == 2, sql
            assert done.stdout == ""
            assert done.stderr.startswith("error: ")
            assert SECRET not in done.stderr


def test_a_question_sees_no_secret_no_path_outside_and_no_other_database(results: Results) -> None:
    assert results.query("SELECT * FROM duckdb_variables()").rows == []
    assert results.query("SELECT DISTINCT path FROM duckdb_databases()").rows == [(None,)]
    assert results.query("SELECT current_setting('temp_directory')").rows == [("",)]


# --- memory that DuckDB does not count
GROWING = (
    "SELECT repeat('x', 1000000) FROM range(100000)",
    "SELECT range(1000000) FROM range(10000)",
    "SELECT repeat('ab', 2000000000)",
    "SELECT list_transform(range(30000000), lambda x: repeat('x', 100))",
)

PEAK_OF_A_CHILD = """\
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(done.returncode)
"""
"""Runs a command and prints its peak in KB: of a child of the tests it would be that of the tests, whose memory it begins with."""


@pytest.mark.skipif(sys.platform != "linux", reason="a child's peak memory is counted as Linux does")
@pytest.mark.parametrize("sql", [GROWING[0], *(pytest.param(sql, marks=pytest.mark.slow) for sql in GROWING[1:])])
def test_a_question_takes_no_more_memory_than_its_limit_though_duckdb_counts_none_of_it(
    settings: Settings, sql: str
) -> None:
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(settings.home), "sql", sql, "--format", "csv"]
    done = subprocess.run(
        [sys.executable, "-c", PEAK_OF_A_CHILD, *command],
        capture_output=True,
        text=True,
        env={**os.environ, "BESS_MEMORY_LIMIT": "256MB"},
        check=False,
    )
    assert (done.returncode, "more memory than it may take" in done.stderr) == (2, True), done.stderr
    assert int(done.stdout) < 512 * 1024


def test_a_question_that_is_too_long_to_be_parsed_in_time_is_refused_unread(results: Results) -> None:
    with pytest.raises(QueryError, match=r"has 10,000,007 characters(.|\n)*at most 100,000"):
        results.query("SELECT " + "1" * 10_000_000)
