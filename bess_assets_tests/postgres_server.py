"""A Postgres server of our own, with the options of deploy/compose.yaml, for the tests that need one."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bess_assets_tests.conftest import ROOT, missing

COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))


def programs() -> Path:
    """The folder of Postgres' programs; the test is skipped where there is none, and fails in CI, which must have it."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder
    found = shutil.which("pg_ctl")
    if found is None:
        missing("Postgres is not installed: apt-get install postgresql")
    return Path(found).parent


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a server, which ends with the block."""
    tools, user = programs(), "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if user:
            shutil.chown(folder, user)

        def run(program: str, *options: str) -> None:
            command = [tools / program, "-D", f"{folder}/data", *options]
            subprocess.run(command, user=user, check=True, stdout=subprocess.DEVNULL, cwd="/")

        run("initdb", "-U", "bess", "--auth=trust")
        shipped = COMPOSE["services"]["postgres"]["command"].removeprefix("postgres ")
        options = f"{shipped} -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        yield f"bess@127.0.0.1:{port}/postgres"
        run("pg_ctl", "-m", "immediate", "stop")


def end_sessions(address: str, application: str) -> int:
    """End the sessions of an application, as an administrator does; returns how many there were."""
    import psycopg2

    with psycopg2.connect(f"postgresql://{address}") as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE %s", (application,)
        )
        return len(cursor.fetchall())
