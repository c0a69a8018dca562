"""Writing Dagster's run history quickly.

Belongs here: what makes SQLite commits cheap, and database engines last, while a run is under way.
Does not: what is recorded, which is Dagster's affair, nor where (automation/dagster_home.py).
"""

import importlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

EngineMaker = Callable[..., Engine]

ENGINES_MADE_IN = (
    "dagster._core.storage.event_log.sqlite.sqlite_event_log",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage",
)
"""Modules of Dagster that make an SQLAlchemy engine for each event that they store or look up."""

_active = threading.Lock()


@contextmanager
def quick_history() -> Iterator[None]:
    """Within it, commits to SQLite databases do not wait for the disk, and a connection and an engine to each stay; within another it does nothing more.

    Dagster opens a connection for each event and closes it again. As the only one, it folds the log back into the file on closing, and both that and the
    commit wait for the disk: 19 s a year of 26 steps on a slow disk, 3 s of them work. Synchronous NORMAL is as safe from corruption as the default in
    write-ahead mode; what a power cut can take is the last moments of the history, never a result.

    It also makes an engine for each, 1,900 in a year's refresh, and each has its statements to compile anew: a third of what Dagster costs.
    """
    if not _active.acquire(blocking=False):
        yield
        return
    try:
        with _quick_commits(), _lasting_engines():
            yield
    finally:
        _active.release()


@contextmanager
def _quick_commits() -> Iterator[None]:
    kept: dict[str, sqlite3.Connection] = {}
    guard = threading.Lock()

    def on_connect(connection: Any, _record: object) -> None:
        if not isinstance(connection, sqlite3.Connection):
            return  # Dagster may be set to keep its history in another kind of database
        connection.execute("PRAGMA synchronous=NORMAL")
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        with guard, suppress(sqlite3.OperationalError):
            if path and path not in kept:
                kept[path] = sqlite3.connect(path, check_same_thread=False)
            if path:
                # Only a connection that has read since the file went to write-ahead mode counts as open to it.
                kept[path].execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()

    event.listen(Engine, "connect", on_connect)
    try:
        yield
    finally:
        event.remove(Engine, "connect", on_connect)
        for connection in kept.values():
            connection.close()


@contextmanager
def _lasting_engines() -> Iterator[None]:
    """Hand out the engine that was made for a database before; its pool keeps no connection, so that only the engine lasts.

    Dagster offers no setting for it, so its name for `create_engine` is exchanged meanwhile; where a version of it has no such name, nothing is done.
    """
    makers: dict[str, EngineMaker] = {}
    for name in ENGINES_MADE_IN:
        with suppress(ImportError, AttributeError):
            makers[name] = importlib.import_module(name).create_engine
    try:
        for name, make in makers.items():
            importlib.import_module(name).__dict__["create_engine"] = _kept(make)
        yield
    finally:
        for name, make in makers.items():
            importlib.import_module(name).__dict__["create_engine"] = make


def _kept(make: EngineMaker) -> EngineMaker:
    engines: dict[str, Engine] = {}

    def engine_of(url: Any, **options: Any) -> Engine:
        # every call of a module has the same options but for the database
        if str(url) not in engines:
            engines[str(url)] = make(url, **options)
        return engines[str(url)]

    return engine_of
