"""What this package uses of Dagster's inside: in two modules alone, and still there. And that all who load it name one code location."""

import ast
import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bess_assets.automation.dagster_home import LOCATION, WORKSPACE_FILE, ensure_dagster_home
from bess_assets.settings import load_settings
from bess_assets_tests.conftest import ROOT

PACKAGE = ROOT / "bess_assets"
INSIDE = ("automation/dagster_storage.py", "automation/door.py")
METHODS = {
    "dagster._core.storage.event_log.sqlite.sqlite_event_log.SqliteEventLogStorage": "_connect _initdb conn_string_for_shard path_for_shard dispose",
    "dagster._core.storage.runs.sqlite.sqlite_run_storage.SqliteRunStorage": "connect from_local dispose",
    "dagster._core.storage.sqlite_storage.DagsterSqliteStorage": "from_local from_config_value config_type",
    "dagster.DagsterInstance": "optimize_for_webserver",
}


def names_inside(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from what Dagster does not promise to keep."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            package, _, rest = node.module.partition(".")
            if package in {"dagster_shared", "dagster_webserver"} or (package == "dagster" and rest.startswith("_")):
                yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize(
    ("module", "name"),
    [pair for file in INSIDE for pair in names_inside(PACKAGE / file)]
    + [(path.rpartition(".")[0], f"{path.rpartition('.')[2]}.{name}") for path, names in METHODS.items() for name in names.split()],
)  # fmt: skip
def test_dagster_still_has_what_the_storage_and_the_door_use_of_its_inside(module: str, name: str) -> None:
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        pytest.fail(f"Dagster has moved {module}.{name} ({error}): change {' or '.join(INSIDE)}")


def test_no_other_module_looks_inside_dagster() -> None:
    found = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if list(names_inside(path))}
    assert found == set(INSIDE)


def test_all_who_load_the_code_location_name_it_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "restored at the end")
    made = ensure_dagster_home(load_settings(tmp_path, {})) / WORKSPACE_FILE
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    assert project["code_location_name"] == LOCATION
    for path in (made, ROOT / WORKSPACE_FILE):
        ((entry,),) = (yaml.safe_load(path.read_text(encoding="utf-8"))["load_from"],)
        assert entry["python_module"]["location_name"] == LOCATION
        assert entry["python_module"]["module_name"] == project["code_location_target_module"]
    made.write_text("load_from: []\n", encoding="utf-8")
    ensure_dagster_home(load_settings(tmp_path, {}))
    assert made.read_text(encoding="utf-8") == "load_from: []\n"  # it is the user's from then on
