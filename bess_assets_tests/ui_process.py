"""A real `bess ui` in processes of its own, for the tests that need one."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bess_assets.settings import Settings

START_SECONDS = 180


@dataclass
class Ui:
    """A running `bess ui`."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path


def processes_of(home: Path) -> list[int]:
    """Processes that were started with this home in their environment."""
    mark = f"BESS_HOME={home}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


@contextmanager
def bess_ui(settings: Settings, log: Path, end_with: signal.Signals = signal.SIGINT) -> Iterator[Ui]:
    """`bess ui` until the block ends; then it has to end at this signal by itself, and leave no process behind."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "bess_assets.cli", "ui", "--port", str(port)]
    environment = {**os.environ, **settings.environment()}
    with log.open("wb") as output:
        how = {"stdout": output, "stderr": subprocess.STDOUT, "start_new_session": True}
        process = subprocess.Popen(command, env=environment, **how)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(port):
            assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
            assert time.monotonic() < deadline, "the webserver did not start"
            time.sleep(0.5)
        yield Ui(port, process, log)
        process.send_signal(end_with)
        assert process.wait(60) == 0, log.read_text(encoding="utf-8")[-3000:]
        assert processes_of(settings.home) == []
    finally:
        for left in processes_of(settings.home):
            os.kill(left, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10):
        return True
    return False
