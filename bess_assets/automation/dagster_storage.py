"""Dagster's history in SQLite files as Dagster lays them out, over connections that last: the storage class that `dagster.yaml` names.

Dagster's own classes make a database engine and a connection for every statement, 1,500 to 1,900 in a year's refresh, and each commit waits for the disk.
The classes here keep them. A power cut may cost the last moments of the history; the files stay whole, and results do not depend on them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dagster import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory, _runs_directory
from dagster._serdes import ConfigurableClassData
from sqlalchemy import create_engine, event, inspect
from sqlalchemy.engine import Connection, Engine

_LOGS_KEPT_OPEN = 4  # runs whose logs stay open in a process: each takes three descriptors


def _lasting_engine(url: str) -> Engine:
    """An engine that keeps one connection, opens more while several threads ask, and commits without waiting for the disk."""
    engine = create_engine(url, pool_size=1, max_overflow=-1, connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def commit_quickly(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=NORMAL")  # in write-ahead mode as safe from corruption as FULL

    return engine


class LastingRuns(SqliteRunStorage):
    """The table of runs, through one engine."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(conn_string, inst_data)
        self._engine = _lasting_engine(conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close what is open."""
        self._engine.dispose()


class LastingLogs(SqliteEventLogStorage):
    """The events, one file for each run and one index: the index and the last `_LOGS_KEPT_OPEN` runs stay open."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            if shard not in self._initialized_dbs:  # first seen, or wiped
                self._close(shard)
            engine = self._engines.pop(shard, None) or _lasting_engine(self.conn_string_for_shard(shard))
            self._engines[shard] = engine
            for oldest in [name for name in self._engines if name != INDEX_SHARD_NAME][:-_LOGS_KEPT_OPEN]:
                self._close(oldest)
            if shard not in self._initialized_dbs:
                # The last table that is made. Looking for it takes 2 ms, having Alembic compare revisions 60.
                if not inspect(engine).has_table("alembic_version"):
                    self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def _close(self, shard: str) -> None:
        if engine := self._engines.pop(shard, None):
            engine.dispose()

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table: one that was found stays. Dagster asks at each event of a check, each time over an engine of its own."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and touch its file: who follows a run in the UI watches that, while commits go to the write-ahead file beside it."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def dispose(self) -> None:
        """Close what is open."""
        super().dispose()
        for shard in list(self._engines):
            self._close(shard)


class LastingSqliteStorage(DagsterSqliteStorage):
    """Runs, events and schedules in the folders and files of Dagster's own SQLite storage, so that either reads what the other wrote."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._run_storage = LastingRuns.from_local(_runs_directory(base_dir))
        self._event_log_storage = LastingLogs(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> "LastingSqliteStorage":
        """As `dagster.yaml` asks for it: `base_dir` alone."""
        return cls.from_local(inst_data=inst_data, **config_value)
