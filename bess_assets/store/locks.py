"""One writer a year: locks that the kernel frees when their process ends, however it ends, and Postgres too where Dagster's history is there.

A year's lock is keyed by the results. The lock of the operating system lies beside them. Machines that share the results need not see each other's; the lock of
a session of Postgres they all see. Where it cannot be asked for, the year is busy: nobody knows whether a run on another machine lives.
"""

import hashlib
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from filelock import FileLock, Timeout

from bess_assets.errors import SettingsError, YearBusyError
from bess_assets.settings import Settings
from bess_assets.store.listing import year_name
from bess_assets.store.whole import write_text

_FOLDER = "_locks"  # in the folder of results
_NAMING_WAIT_SECONDS = 10.0
_ASKED_AGAIN_SECONDS = 0.1
_LOOK_SECONDS = 0.3  # a look whether a year is busy takes its lock for a moment
_CONNECT_SECONDS = 10
_PARTS = {"hostname": "host", "port": "port", "username": "user", "password": "password", "db_name": "dbname"}
"""Of an address in `dagster.yaml`, as Postgres calls them."""
_guards: dict[Path, threading.Lock] = {}  # of each lock: one that is waited for keeps no other waiting


@contextmanager
def year_lock(settings: Settings, year: int | None, wait_seconds: float = 0.0) -> Iterator[bool]:
    """Hold the year, None for the merged tables, for this process; the lock is freed when the process dies, however it dies.

    Another home, or another machine, that writes the same results cannot hold it meanwhile.

    True is yielded if the year was free before, False if this process held it already: it may take it again.

    Raises:
        YearBusyError: another process holds the year, or nobody knows whether one does.
        SettingsError: the results are in an object store, and nothing keeps another machine from writing them.
    """
    if _others_are_unseen(settings):
        raise SettingsError(
            "The results are in an object store, and nothing keeps two machines from writing one year.",
            expected="Dagster's history in Postgres, where years are held, or one machine that writes",
            remedy="Keep it as deploy/dagster-cluster.yaml does; or set BESS_SINGLE_WRITER=on where this machine alone writes.",
        )
    wait_seconds = max(wait_seconds, _LOOK_SECONDS)
    with (
        _held(_lock_of(settings, year), wait_seconds) as first,
        _session_held(settings, year, wait_seconds) if first else nullcontext(),
    ):
        yield first


def name_of_results(settings: Settings) -> str:
    """A name that no other folder of results has, on any machine: a number drawn when it was first asked for, and the path."""
    if settings.is_copy(settings.results):
        return settings.place(settings.results)
    path = settings.results / _FOLDER / "name"
    if not path.is_file():
        with _held(path.with_name("naming"), _NAMING_WAIT_SECONDS):
            if not path.is_file():
                write_text(path, uuid4().hex)
    return f"{path.read_text(encoding='utf-8')}:{settings.results}"


def _lock_of_home(name: str, wait_seconds: float, settings: Settings) -> AbstractContextManager[bool]:
    """Hold something of a home for this process; YearBusyError if another one holds it for longer."""
    return _held(settings.locks / name, wait_seconds)


rollup_lock = partial(_lock_of_home, "rollup", 60.0)
"""Holds the folder of built rollups while rollups are built."""
fetch_lock = partial(_lock_of_home, "fetch", 0.0)
"""Holds the folder of reports while reports are fetched."""
copies_lock = partial(_lock_of_home, "copies", 600.0)
"""Holds the copies of what lies in object stores while they are brought up to date."""
requests_lock = partial(_lock_of_home, "ercot_requests", 60.0)
"""Holds the times of requests to ERCOT, for the moment in which they are read and written."""


def year_is_busy(settings: Settings, year: int | None) -> bool:
    """Whether some process, this one or another, here or on another machine, holds the year right now; True where nobody knows."""
    if _is_busy(_lock_of(settings, year)) or _others_are_unseen(settings):
        return True
    with suppress(YearBusyError), _session_held(settings, year, 0.0):
        return False
    return True


def is_held_here(settings: Settings, year_name: str) -> bool:
    """Whether some process of this machine, this one or another, holds the year of this name right now."""
    return _is_busy(settings.results / _FOLDER / year_name)


def is_fetching(settings: Settings) -> bool:
    """Whether some process fetches reports right now."""
    return _is_busy(settings.locks / "fetch")


def _lock_of(settings: Settings, year: int | None) -> Path:
    return settings.results / _FOLDER / year_name(year)


def _is_busy(path: Path) -> bool:
    with suppress(YearBusyError), _held(path, 0.0) if path.exists() else nullcontext(enter_result=True) as free:
        return not free
    return True


@contextmanager
def _held(path: Path, wait_seconds: float) -> Iterator[bool]:
    path.parent.mkdir(parents=True, exist_ok=True)
    # the one lock of this file in this process: it counts how often it is taken
    lock = FileLock(path, thread_local=False, is_singleton=True)
    # Beside the lock file and not in it: some systems forbid reading a locked file. It is read only while the lock is held: a stale one misleads no reader.
    note = path.with_name(f"{path.name}.holder")
    guard = _guards.setdefault(path, threading.Lock())
    with guard:
        first = not lock.is_locked
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout as error:
            holder = ""
            with suppress(OSError, ValueError):
                holder = f": {note.read_text(encoding='utf-8')}"
            raise YearBusyError(
                f"Another process is working on {path.name}{holder}.",
                file=path,
                remedy="Wait until it is done. The lock frees itself when that process ends, however it ends.",
            ) from error
        if first:
            since, command = datetime.now(UTC).isoformat(timespec="seconds"), " ".join(sys.argv)[:200]
            text = f"process {os.getpid()} on {socket.gethostname()}, since {since} ({command})"
            with suppress(OSError):
                note.write_text(text, encoding="utf-8", errors="backslashreplace")
    try:
        yield first
    finally:
        with guard:
            lock.release()


def _others_are_unseen(settings: Settings) -> bool:
    """Whether another machine may hold a year and nothing here would show it."""
    return settings.is_copy(settings.results) and not settings.single_writer and _server_of_history(settings) is None


# --- Postgres -------------------------------------------------------------------------------------------------------------------------------


@contextmanager
def _session_held(settings: Settings, year: int | None, wait_seconds: float) -> Iterator[None]:
    """Hold the advisory lock of a year in the Postgres of Dagster's history, as long as one session of it lasts; where the history is elsewhere, nothing."""
    server = _server_of_history(settings)
    if server is None:
        yield
        return
    name = year_name(year)
    key = hashlib.sha256(f"bess {name} {name_of_results(settings)}".encode()).digest()
    connection = _session(server, f"bess {name} process {os.getpid()} on {socket.gethostname()}")
    try:
        if not _taken(connection, int.from_bytes(key[:8], signed=True), wait_seconds):
            raise YearBusyError(
                f"Another machine is working on {name}.",
                remedy="Wait until it is done. Its session of Postgres ends with it, and frees the year: see pg_stat_activity, application_name.",
            )
        yield
    finally:
        connection.close()


def _session(server: Mapping[str, Any], application: str) -> Any:
    """A session of Postgres; YearBusyError, without the address, which holds a password, where there is none to be had."""
    try:
        import psycopg2  # noqa: PLC0415  of an extra
    except ImportError as error:
        raise SettingsError(
            "dagster.yaml keeps Dagster's history in Postgres, and what connects to it is not installed.",
            remedy='Install the extra cluster: pip install "bess-assets[cluster]"',
        ) from error
    try:
        connection = psycopg2.connect(**server, connect_timeout=_CONNECT_SECONDS, application_name=application)
    except psycopg2.Error:
        raise _unknown() from None
    connection.autocommit = True
    return connection


def _taken(connection: Any, key: int, wait_seconds: float) -> bool:
    import psycopg2  # noqa: PLC0415  the same

    ends = time.monotonic() + wait_seconds
    try:
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", (key,))
                if cursor.fetchone()[0]:
                    return True
                if time.monotonic() >= ends:
                    return False
                time.sleep(_ASKED_AGAIN_SECONDS)
    except psycopg2.Error:
        raise _unknown() from None


def _unknown() -> YearBusyError:
    return YearBusyError(
        "Nobody knows whether another machine is working on this year: Postgres, which Dagster's history is in, does not answer.",
        remedy="Start it, or correct its address in dagster.yaml, and run the command again.",
    )


def _server_of_history(settings: Settings) -> Mapping[str, Any] | None:
    """How to connect to the Postgres that Dagster's history is in, as `dagster.yaml` says; None where the history is elsewhere.

    Raises:
        SettingsError: it is in Postgres, and the address is not found.
    """
    file = settings.dagster_home / "dagster.yaml"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if "postgres" not in text:
        return None
    import yaml  # noqa: PLC0415  Dagster brings it, and few need it

    content = yaml.safe_load(text) or {}
    postgres = (content.get("storage") or {}).get("postgres") or {}
    if url := _value(postgres.get("postgres_url")):
        return {"dsn": re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)}
    parts = {name: _value(value) for name, value in (postgres.get("postgres_db") or {}).items() if name in _PARTS}
    if parts.get("hostname"):
        return {_PARTS[name]: value for name, value in parts.items()}
    if postgres or "dagster_postgres" in str(content):
        raise SettingsError(
            "dagster.yaml keeps Dagster's history in Postgres, and its address is not found.",
            file=file,
            expected="storage: postgres: with postgres_url or postgres_db, and each variable that it names set",
            remedy="Write it as in deploy/dagster-cluster.yaml: the locks of years are kept there too.",
        )
    return None


def _value(configured: Any) -> str:
    """What Dagster reads of a value in `dagster.yaml`: the value itself, or that of the variable that it names."""
    return os.environ.get(configured.get("env", ""), "") if isinstance(configured, dict) else str(configured or "")
