"""A real object store for the tests of places: SeaweedFS, on this machine, with a login, started as in deploy/compose.yaml."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bess_assets_tests.conftest import missing
from bess_assets_tests.postgres_server import COMPOSE

BUCKET = "desk-data"
KEY, SECRET = "the-key-of-the-store", "the-secret-of-the-store"


@dataclass
class ObjectStore:
    """The store, and its process."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def variables(self) -> dict[str, str]:
        """What a user sets."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ALLOW_HTTP": "true",
        }

    def below(self, prefix: str) -> Any:
        """All that lies below a prefix of the one bucket."""
        from obstore.store import S3Store

        return S3Store(BUCKET, prefix=prefix, config={name.lower(): v for name, v in self.variables.items()})

    def put_folder(self, prefix: str, folder: Path) -> None:
        """Put the files of a folder."""
        import obstore

        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            obstore.put(self.below(prefix), path.relative_to(folder).as_posix(), path)

    def stop(self) -> None:
        """Let it answer nothing until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again."""
        self.process.send_signal(signal.SIGCONT)


def free_ports(number: int) -> list[int]:
    """Free ports; for each, the store also takes that 10,000 above."""
    ports: list[int] = []
    while len(ports) < number:
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
        if port < 55_000 and port not in ports:
            ports.append(port)
    return ports


@contextmanager
def started_store(folder: Path) -> Iterator[ObjectStore]:
    """A store that keeps what it holds in a folder, until the block ends."""
    try:
        import obstore
    except ImportError:
        missing("the extra s3 is not installed")
    program = shutil.which("weed", path=str(Path(sys.executable).parent))
    if program is None:
        missing("the extra test-servers is not installed")
    master, volume, filer, s3 = free_ports(4)
    ports = [f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}"]
    shipped = COMPOSE["services"]["store"]["command"].split()
    command = [program, *shipped, f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports]
    login = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=login, stdout=log, stderr=log) as process:
        try:
            wait_until_it_answers(process, f"http://127.0.0.1:{s3}/healthz", folder / "log")
            store = ObjectStore(s3, process)
            obstore.put(store.below(""), "there", b"")  # makes the bucket
            yield store
        finally:
            process.kill()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def running_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The store, started once."""
    with started_store(tmp_path_factory.mktemp("object_store")) as store:
        yield store


def wait_until_it_answers(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(log.read_text(encoding="utf-8", errors="replace")[-2000:])


@pytest.fixture
def object_store(running_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """The store, and the variables that name it set."""
    for name, value in running_store.variables.items():
        monkeypatch.setenv(name, value)
    return running_store
