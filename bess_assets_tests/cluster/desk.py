"""Several machines as deploy/compose.yaml has them, without containers: each process is started by its command there, with a home of its own."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bess_assets.automation.dagster_home import LOCATION
from bess_assets.settings import Settings, load_settings
from bess_assets_tests.conftest import ROOT, missing
from bess_assets_tests.graphql import ask_pages
from bess_assets_tests.postgres_server import COMPOSE, end_sessions, programs
from bess_assets_tests.store.conftest import BUCKET, ObjectStore, free_ports
from bess_assets_tests.ui_process import processes_of

WORKERS = ("worker1", "worker2", "worker3")


def command_of(service: str) -> list[str]:
    """The command of a service, with the programs of this environment."""
    program, *options = shlex.split(COMPOSE["services"][service]["command"])
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or shutil.which(program)
    if found is None:
        missing(f"{program} is not installed: apt-get install redis-server, and the extra cluster")
    return [found, *options]


class Process:
    """A process and its children, as one machine has them: what is sent reaches all."""

    def __init__(self, command: list[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True, cwd=log.parent
            )
        self.log = log

    def send(self, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, what)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self._process.wait()

    def end_of_log(self) -> str:
        return f"--- {self.log.name}\n{self.log.read_text(encoding='utf-8', errors='replace')[-3000:]}"


class Desk:
    """Postgres and an object store, which are given; broker, pages and daemon, and workers, which share only these two."""

    def __init__(self, folder: Path, address: str, store: ObjectStore, name: str) -> None:
        self.folder, self.address, self.store, self.name = folder, address, store, name
        self.redis_port, self.ui_port = free_ports(2)
        self.processes: dict[str, Process] = {}
        folder.mkdir()

    def environment(self, machine: str) -> dict[str, str]:
        """What compose.yaml sets, with the addresses of the servers of this test."""
        given = COMPOSE["services"]["ui"]["environment"]
        redis = f"redis://127.0.0.1:{self.redis_port}/0"
        served = {
            "BESS_ROLLUPS": f"s3://{BUCKET}/{self.name}/rollups",
            "BESS_RESULTS": f"s3://{BUCKET}/{self.name}/results",
            "DAGSTER_POSTGRES_URL": f"postgresql+psycopg2://{self.address}",
            "CELERY_BROKER_URL": redis,
            "CELERY_RESULT_BACKEND": redis,
            **self.store.variables,
        }
        assert set(served) <= set(given)
        mine = {"BESS_HOME": str(self.home(machine)), "BESS_THREADS": "1", "DAGSTER_HOME": str(self.dagster_home)}
        return {**os.environ, **given, **served, **mine, "HOSTNAME": machine}

    @property
    def dagster_home(self) -> Path:
        """As the image has it: two files, and what Dagster writes beside them."""
        made = self.folder / "dagster"
        if not made.is_dir():
            made.mkdir()
            shutil.copy(ROOT / "deploy" / "dagster-cluster.yaml", made / "dagster.yaml")
            shutil.copy(ROOT / "workspace.yaml", made / "workspace.yaml")
        return made

    def home(self, machine: str) -> Path:
        return self.folder / machine

    def settings(self, machine: str) -> Settings:
        return load_settings(None, self.environment(machine))

    def start(self, service: str, *more: str) -> Process:
        """Start a service by its command in compose.yaml."""
        self.home(service).mkdir(exist_ok=True)
        command, log = [*command_of(service), *more], self.folder / f"{service}.log"
        self.processes[service] = process = Process(command, self.environment(service), log)
        return process

    def start_broker(self) -> None:
        self.start("redis", "--port", str(self.redis_port), "--dir", str(self.home("redis")), "--bind", "127.0.0.1")

    def start_worker(self, name: str) -> None:
        self.start(name, "--hostname", f"celery@{name}")

    def start_ui(self) -> None:
        self.start("ui", "--port", str(self.ui_port))
        self.until("an answer of the pages", self._answers, 120)

    def _answers(self) -> bool:
        with suppress(OSError, KeyError, AssertionError):
            return bool(
                self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")[
                    "repositoriesOrError"
                ]["nodes"]
            )
        return False

    def is_healthy(self, service: str) -> bool:
        """What the health check of a service in compose.yaml says."""
        check = COMPOSE["services"][service]["healthcheck"]["test"]
        postgres = self.address.rpartition(":")[2].partition("/")[0]
        for there, here in {
            "$$": "$",
            ":3000": f":{self.ui_port}",
            ":8333": f":{self.store.port}",
            "redis-cli": f"redis-cli -p {self.redis_port}",
            "pg_isready": f"pg_isready --host 127.0.0.1 --port {postgres}",
        }.items():
            check = check.replace(there, here)
        environment = self.environment(service)
        environment["PATH"] = f"{Path(sys.executable).parent}:{programs()}:{environment['PATH']}"
        done = subprocess.run(["sh", "-c", check], env=environment, check=False, capture_output=True, timeout=60)
        return done.returncode == 0

    def end(self) -> None:
        for name, process in self.processes.items():
            process.kill()
            for left in processes_of(self.home(name)):  # daemon and code server have sessions of their own
                with suppress(ProcessLookupError):
                    os.kill(left, signal.SIGKILL)

    # --- what the pages show

    def ask(self, query: str, **variables: Any) -> Any:
        """The answer to a GraphQL query."""
        return ask_pages(self.ui_port, query, variables)

    def runs(self) -> list[dict[str, Any]]:
        """All runs, the first one first."""
        query = """{ runsOrError { ... on Runs { results { runId status jobName startTime endTime tags { key value } } } } }"""
        found: list[dict[str, Any]] = self.ask(query)["runsOrError"]["results"]
        for run in found:
            run["tags"] = {tag["key"]: tag["value"] for tag in run["tags"]}
            run["year"] = run["tags"].get("dagster/partition")
        return found[::-1]

    def skipped(self) -> str:
        """What the sensor said last."""
        query = """query ($where: InstigationSelector!) { instigationStateOrError(instigationSelector: $where) {
            ... on InstigationState { ticks(limit: 1) { skipReason error { message } } } } }"""
        where = {
            "repositoryName": "__repository__",
            "repositoryLocationName": LOCATION,
            "name": "refresh_changed_years",
        }
        ticks = self.ask(query, where=where)["instigationStateOrError"]["ticks"]
        return str(ticks[0]["error"] or ticks[0]["skipReason"]) if ticks else ""

    def until(self, what: str, condition: Callable[[], Any], seconds: float) -> Any:
        """What a condition gives once it gives anything."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if found := condition():
                return found
            time.sleep(0.3)
        logs = "\n".join(process.end_of_log() for process in self.processes.values())
        raise AssertionError(f"{what} did not happen in {seconds} s\n{logs}")

    def holder(self, year: int) -> str | None:
        """The worker that holds a year, as Postgres names its process; None if nobody does."""
        import psycopg2

        with psycopg2.connect(f"postgresql://{self.address}") as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE %s",
                (f"bess {year} process %",),
            )
            names = [re.search(r"process (\d+)", name)[1] for (name,) in cursor.fetchall()]  # type: ignore[index]
        for name in names:
            with suppress(OSError):
                variables = Path(f"/proc/{name}/environ").read_bytes().decode().split("\0")
                machine = next(Path(v.removeprefix("BESS_HOME=")).name for v in variables if v.startswith("BESS_HOME="))
                if machine in WORKERS:
                    return machine
        return None

    def end_session(self, year: int) -> int:
        """End the session that holds a year, as an administrator does."""
        return end_sessions(self.address, f"bess {year} process %")
