"""A year, or the folder of built rollups, held by another process until that is killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import sys, time
from bess_assets.settings import load_settings
from bess_assets.store.locks import rollup_lock, year_lock
settings, name = load_settings(sys.argv[1], dict(part.split("=", 1) for part in sys.argv[3:])), sys.argv[2]
with rollup_lock(settings) if name == "rollup" else year_lock(settings, int(name)):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(home: Path, name: int | str, **variables: str) -> list[str]:
    """The command that holds a year, or `rollup`."""
    return [sys.executable, "-c", HOLD, str(home), str(name), *(f"{name}={value}" for name, value in variables.items())]


@contextmanager
def held_elsewhere(home: Path, name: int | str, **variables: str) -> Iterator[int]:
    """Another process holds it: yields the number of that process, and kills it in the end."""
    with subprocess.Popen(holder(home, name, **variables), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process.pid
        finally:
            process.kill()
