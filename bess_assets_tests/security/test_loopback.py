"""`bess ui` is heard by this machine alone: every socket that any of its processes listens on."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bess_assets.refresh import ui_command
from bess_assets.settings import load_settings

LISTENING = "0A"
PATIENCE_SECONDS = 120
DAEMON_SECONDS = 10


def _processes_of(home: Path) -> list[int]:
    mark = f"BESS_HOME={home}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
    return found


def _listening(processes: list[int]) -> set[tuple[str, int]]:
    """Address and port of every TCP socket that some processes listen on."""
    own = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            with suppress(OSError):
                own.add(str(handle.readlink()))
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        with suppress(FileNotFoundError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                cells = line.split()
                if cells[3] == LISTENING and f"socket:[{cells[9]}]" in own:
                    address, port = cells[1].split(":")
                    words = [
                        bytes.fromhex(address[n : n + 8])[::-1] for n in range(0, len(address), 8)
                    ]  # of a little-endian machine
                    found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


@pytest.mark.slow
@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="who listens is read from /proc, which Linux alone has"
)
def test_the_ui_and_all_its_processes_listen_on_loopback_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "restored at the end")
    settings = load_settings(tmp_path / "home", {})
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command, environment = ui_command(settings, port)
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while port not in {at for _, at in _listening(_processes_of(settings.home))}:
            assert process.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")[-3000:]
            assert time.monotonic() < deadline, "the webserver did not start"
            time.sleep(0.5)
        time.sleep(DAEMON_SECONDS)  # code servers and the daemon come up beside it
        processes = _processes_of(settings.home)
        assert len(processes) > 1
        found = _listening(processes)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            for left in _processes_of(settings.home):
                os.kill(left, signal.SIGKILL)
    assert ("127.0.0.1", port) in found
    assert {address for address, _ in found} <= {"127.0.0.1", "::1"}, found
