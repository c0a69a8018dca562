"""One writer a year: locks that the kernel frees when their process ends, however it ends."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from bess_assets.errors import YearBusyError
from bess_assets.settings import Settings
from bess_assets.store.paths import year_name
from bess_assets.store.whole import write_text

_FOLDER = "_locks"  # in the folder of results
_ROLLUP_WAIT_SECONDS = 60.0
_COPIES_WAIT_SECONDS = 600.0
_NAMING_WAIT_SECONDS = 10.0
_guard = threading.Lock()


def year_lock(settings: Settings, year: int | None, wait_seconds: float = 0.0) -> AbstractContextManager[bool]:
    """Hold the year, None for the merged tables, for this process; the kernel frees the lock when the process dies, however it dies.

    The lock lies beside the results: another home, or another machine that sees the same folder, cannot write them meanwhile.

    True is yielded if the year was free before, False if this process held it already: it may take it again.

    Raises:
        YearBusyError: another process holds the year.
    """
    return _held(_lock_of(settings, year), wait_seconds)


def name_of_results(settings: Settings) -> str:
    """A name that no other folder of results has, on any machine: a number drawn when it was first asked for, and the path."""
    path = settings.results / _FOLDER / "name"
    if not path.is_file():
        with _held(path.with_name("naming"), _NAMING_WAIT_SECONDS):
            if not path.is_file():
                write_text(path, uuid4().hex)
    return f"{path.read_text(encoding='utf-8')}:{settings.results}"


def rollup_lock(settings: Settings) -> AbstractContextManager[bool]:
    """Hold the folder of built rollups for this process; YearBusyError if another one builds rollups."""
    return _held(settings.locks / "rollup", _ROLLUP_WAIT_SECONDS)


def fetch_lock(settings: Settings) -> AbstractContextManager[bool]:
    """Hold the folder of reports for what this process fetches; YearBusyError if another one fetches."""
    return _held(settings.locks / "fetch", 0.0)


def copies_lock(settings: Settings) -> AbstractContextManager[bool]:
    """Hold the copies of what lies in object stores while they are brought up to date; YearBusyError if another process does so for too long."""
    return _held(settings.locks / "copies", _COPIES_WAIT_SECONDS)


def requests_lock(settings: Settings) -> AbstractContextManager[bool]:
    """Hold the times of requests to ERCOT, for the moment in which they are read and written."""
    return _held(settings.locks / "ercot_requests", _ROLLUP_WAIT_SECONDS)


def year_is_busy(settings: Settings, year: int | None) -> bool:
    """Whether some process, this one or another, holds the year right now."""
    return _is_busy(_lock_of(settings, year))


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
    with _guard:
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
        with _guard:
            lock.release()
