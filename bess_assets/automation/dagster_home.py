"""Dagster's home: made with telemetry off, and without importing Dagster, so that the command line can make it at once.

Belongs here: the folder and its dagster.yaml.
Does not: runs, jobs, sensors.
"""

import os
from pathlib import Path

from bess_assets.settings import Settings
from bess_assets.store.paths import temporary_path

DAGSTER_YAML = """\
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
run_retries:
  enabled: true
  max_retries: 0  # what fails here is an input, and fails again; raise it where machines come and go
compute_logs:
  # what steps have to say goes through logging; capturing their output besides would take it away from the terminal, and two processes a run
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def ensure_dagster_home(settings: Settings) -> Path:
    """Make Dagster's home if there is none yet, and name it to this process and its children as `DAGSTER_HOME`.

    Unset, Dagster would keep its records in a folder that it deletes on exit; set, the folder must exist.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    configuration = home / "dagster.yaml"
    if not configuration.exists():
        temporary = temporary_path(configuration)
        temporary.write_text(DAGSTER_YAML, encoding="utf-8")
        temporary.replace(configuration)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
