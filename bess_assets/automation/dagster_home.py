"""Dagster's home, a folder with its `dagster.yaml` and `workspace.yaml`: made without importing Dagster, so that the command line can make it at once."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bess_assets.errors import HistoryError
from bess_assets.settings import Settings
from bess_assets.store.whole import write_text

HISTORY_YAML = """\
storage:
  # Dagster's SQLite files over connections that last: a quarter of the time, and the same history
  custom:
    module: bess_assets.automation.dagster_storage
    class: LastingSqliteStorage
    config:
      base_dir:
        env: DAGSTER_HOME
"""
"""Of `dagster.yaml`: the storage of `automation.dagster_storage`, in the folder where Dagster's own would be."""

DAGSTER_YAML = f"""\
# Written by bess_assets when it made this folder; yours to change, and never written again.
telemetry:
  enabled: false
nux:
  enabled: false
python_logs:
  python_log_level: INFO
  managed_python_loggers:
    - bess_assets
concurrency:
  runs:
    max_concurrent_runs: 1  # one year at a time: each may take BESS_MEMORY_LIMIT and more, and all of BESS_THREADS
    tag_concurrency_limits:  # one run a year, where more years than one are worked on at once: the second would wait for the first's lock
      - key: dagster/partition
        value:
          applyLimitPerUniqueValue: true
        limit: 1
  pools:
    granularity: run  # so that a run that was killed leaves its pool
    default_limit: 1  # ercot: one run fetches at a time
code_servers:
  wait_for_local_processes_on_shutdown: true  # so that bess ui leaves no process behind
run_retries:
  enabled: true
  max_retries: 0  # what fails here is an input, and fails again; raise it where machines come and go
compute_logs:
  # what steps have to say goes through logging; capturing their output besides would take it away from the terminal, and two processes a run
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
{HISTORY_YAML}"""
"""What a new home gets."""

LOCATION = "bess_assets"
"""Name of the code location for every process that loads it: sensors, cursors and backfills belong to the name."""

WORKSPACE_FILE = "workspace.yaml"
_WORKSPACE_YAML = f"""\
# Written by bess_assets when it made this folder; yours to change, and never written again. dagster job backfill -w (this file) finds what bess ui shows.
load_from:
  - python_module:
      module_name: bess_assets.definitions
      location_name: {LOCATION}
"""

_AWAY = "Move the file away, or the whole folder: Dagster begins another, and forgets its runs."
_HISTORY_PROBLEMS = {
    "not a database": ("it is damaged", _AWAY),
    "malformed": ("it is damaged", _AWAY),
    "locked": ("another program holds it", "Try again when that has ended."),
    "": ("it cannot be written", "Make room or give the permission there, or name another folder (DAGSTER_HOME)."),
}
"""Words in SQLite's errors, with what they mean and what to do; the last ones stand for all others."""
_log = logging.getLogger(__name__)


@contextmanager
def using_history(settings: Settings) -> Iterator[None]:
    """Turn what SQLite says against Dagster's history into an error that names the file and a remedy; other errors pass.

    Raises:
        HistoryError: the history is damaged, another program holds it, or it cannot be written.
    """
    try:
        yield
    except Exception as error:
        cause: BaseException | None = error
        while cause and not isinstance(cause, sqlite3.Error):
            cause = getattr(cause, "orig", None) or cause.__cause__ or cause.__context__
        if cause is None:
            raise
        folder = settings.dagster_home / "history"
        files = folder / "runs.db", folder / "runs" / "index.db", settings.dagster_home / "schedules" / "schedules.db"
        odd = [path for path in files if path.is_file() and not _begins_like_sqlite(path)]
        problem, remedy = next(words for part, words in _HISTORY_PROBLEMS.items() if part in str(cause))
        raise HistoryError(
            f"Dagster's history cannot be used: {problem} ({cause}).",
            file=odd[0] if odd else folder,
            expected="SQLite files that this process alone writes at a time, on a disk with room",
            remedy=f"{remedy} Results are whole, and stay.",
        ) from error


def _begins_like_sqlite(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(16) in {b"", b"SQLite format 3\x00"}
    return False


def ensure_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home if there is none yet, and name it to this process and its children as `DAGSTER_HOME`.

    Unset, Dagster would keep its records in a folder that it deletes on exit; set, the folder must exist. A file that is there is never written; a
    warning says what to add to a `dagster.yaml` that makes the history slow.
    """
    home = settings.dagster_home
    configuration = home / "dagster.yaml"
    for path, text in ((configuration, DAGSTER_YAML), (home / WORKSPACE_FILE, _WORKSPACE_YAML)):
        if not path.exists():
            write_text(path, text)
    if not re.search(r"(?m)^(storage|run_storage|event_log_storage)\s*:", configuration.read_text(encoding="utf-8")):
        _log.warning(
            "Dagster writes its history slowly here: %s names no storage. Add these lines to it; the history there is read on:\n%s",
            configuration,
            HISTORY_YAML,
        )
    os.environ["DAGSTER_HOME"] = str(home)
    return home
