"""Dagster's history in a real Postgres: the address of the shipped configuration works, and a refresh keeps its connections."""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bess_assets.refresh import refresh_years
from bess_assets_tests.conftest import ROOT
from bess_assets_tests.crashes.small_year import OLD, YEAR, make_editions, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
MOST_SESSIONS = 150


def programs() -> Path:
    """The folder of Postgres' programs; the test is skipped where there is none, and fails in CI, which must have it."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        return folder
    if found := shutil.which("pg_ctl"):
        return Path(found).parent
    message = "Postgres is not installed: apt-get install postgresql"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a server of our own, which ends with the test."""
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
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        run("pg_ctl", "-w", "-l", f"{folder}/log", "-o", options, "start")
        yield f"bess@127.0.0.1:{port}/postgres"
        run("pg_ctl", "-m", "immediate", "stop")


def sessions(address: str) -> int:
    """How many sessions the server has begun."""
    import psycopg2

    with psycopg2.connect(f"postgresql://{address}") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), sessions FROM pg_stat_database WHERE datname = 'postgres'")
        return int(cursor.fetchone()[1])


def test_a_year_is_refreshed_with_its_history_in_postgres_and_opens_few_sessions(
    tmp_path, address, monkeypatch
) -> None:
    pytest.importorskip("dagster_postgres", reason="the extra cluster is not installed")
    make_editions(tmp_path)
    settings = settings_of(tmp_path, tmp_path / "home", OLD)
    shipped = (ROOT / "deploy" / "dagster.yaml").read_text(encoding="utf-8")
    lines, of_postgres = re.split(r"(?m)^storage:\n(?=  custom:)", shipped)[0], shipped[shipped.rindex("# storage:") :]
    configuration = settings.dagster_home / "dagster.yaml"
    configuration.parent.mkdir(parents=True)
    configuration.write_text(lines + re.sub(r"(?m)^# ", "", of_postgres), encoding="utf-8")
    (documented,) = re.findall(r"postgresql\+psycopg2://", of_postgres)
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", f"{documented}{address}")
    before = sessions(address)
    (year, merged) = refresh_years(settings, [YEAR])
    assert (year.state, merged.state) == ("refreshed", "refreshed"), [*year.errors, *merged.errors]
    assert not (settings.dagster_home / "history").exists()
    assert sessions(address) - before <= MOST_SESSIONS
