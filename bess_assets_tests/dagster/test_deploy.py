"""The Dagster configuration that is shipped for machines: it loads, and says what the documentation says of it."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
import yaml

from bess_assets.automation.dagster_home import DAGSTER_YAML
from bess_assets_tests.conftest import ROOT

SHIPPED = ROOT / "deploy" / "dagster.yaml"


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
