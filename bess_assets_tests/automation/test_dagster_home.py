"""Dagster's history where it is damaged, held, full or read-only: an error of ours with its file and a remedy."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bess_assets.automation.dagster_home import using_history
from bess_assets.errors import HistoryError
from bess_assets.refresh import open_instance
from bess_assets.settings import load_settings


@pytest.mark.parametrize("content", [b"not a database at all" * 400, b"SQLite format 3\x00" + b"x" * 8000])
def test_a_damaged_history_is_named_with_what_to_do_and_nothing_is_said_against_results(
    tmp_path: Path, content: bytes
) -> None:
    settings = load_settings(tmp_path, {})
    runs = settings.dagster_home / "history" / "runs.db"
    runs.parent.mkdir(parents=True)
    runs.write_bytes(content)
    words = r"it is damaged(.|\n)*Move the file away(.|\n)*Results are whole"
    with (
        pytest.raises(HistoryError, match=words) as raised,
        using_history(settings),
        open_instance(settings) as instance,
    ):
        instance.get_runs()
    assert raised.value.file == str(runs if content.startswith(b"not") else runs.parent)


def held(runs: Path) -> None:
    with sqlite3.connect(runs) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        sqlite3.connect(runs, timeout=0).execute("CREATE TABLE another (x)")


def full(runs: Path) -> None:
    with sqlite3.connect(runs) as connection:
        connection.execute("PRAGMA max_page_count = 3")
        connection.execute("INSERT INTO run VALUES (zeroblob(100000))")


def read_only(runs: Path) -> None:
    sqlite3.connect(f"file:{runs}?mode=ro", uri=True).execute("CREATE TABLE another (x)")


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (held, r"another program holds it(.|\n)*try again|Try again"),
        (full, r"cannot be written \(database or disk is full\)(.|\n)*DAGSTER_HOME"),
        (read_only, r"cannot be written \(attempt to write a readonly database\)(.|\n)*DAGSTER_HOME"),
    ],
)
def test_a_history_that_is_held_full_or_read_only_says_so(
    tmp_path: Path, do: Callable[[Path], None], words: str
) -> None:
    settings = load_settings(tmp_path, {})
    runs = settings.dagster_home / "history" / "runs.db"
    runs.parent.mkdir(parents=True)
    with sqlite3.connect(runs) as connection:
        connection.execute("CREATE TABLE run (x)")
    with pytest.raises(HistoryError, match=words), using_history(settings):
        do(runs)


def test_errors_of_others_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(KeyError), using_history(load_settings(tmp_path, {})):
        raise KeyError("of somebody else")
