"""The project's own promises: what the README and .ci/run say, what the package declares, what starts quickly."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bess_assets
from bess_assets.cli import main
from bess_assets.ercot.datasets import DATASETS
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import Worlds

ROOT = Path(__file__).resolve().parent.parent
DEMO = "python3 -m venv .venv && .venv/bin/python -m pip install --quiet --editable . && .venv/bin/bess demo"
TESTS = (
    'python3 -m venv .venv && .venv/bin/python -m pip install --quiet --editable ".[test]" && '
    ".venv/bin/python -m pytest"
)


@pytest.mark.parametrize("command", [DEMO, TESTS])
def test_ci_runs_word_for_word_the_commands_that_the_readme_gives(command: str) -> None:
    assert command in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_version_is_that_of_the_installed_package() -> None:
    assert bess_assets.__version__ == importlib.metadata.version("bess-assets")


def test_the_changelog_has_an_entry_for_the_version() -> None:
    assert f"## {bess_assets.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_package_is_typed_and_licensed() -> None:
    assert (ROOT / "bess_assets" / "py.typed").is_file()
    assert importlib.metadata.metadata("bess-assets")["License-Expression"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_tools_for_testing_and_linting_stay_out_of_the_base_install() -> None:
    requirements = importlib.metadata.requires("bess-assets") or []
    names = {r: re.split(r"[^A-Za-z0-9-]", r)[0].lower() for r in requirements}
    base = {name for r, name in names.items() if "extra ==" not in r}
    tools = {name for r, name in names.items() if "extra ==" in r}
    assert {"dagster", "dagster-webserver", "pyarrow", "pandas", "duckdb"} <= base
    assert {"pytest", "hypothesis", "ruff", "mypy", "import-linter"} <= tools
    assert base.isdisjoint(tools)


@pytest.mark.parametrize(("module", "unwanted"), [
    ("bess_assets", {"pyarrow", "pandas", "numpy", "duckdb", "dagster", "importlib.metadata"}),
    ("bess_assets.tables", {"pyarrow", "pandas", "duckdb", "dagster"}),
    ("bess_assets.results", {"pyarrow", "pandas", "numpy", "dagster", "rich", "bess_assets.tables"}),
    ("bess_assets.results.sums", {"pyarrow", "pandas", "numpy", "dagster"}),
    ("bess_assets.settlement.metrics", {"pyarrow", "pandas", "numpy", "duckdb"}),
    ("bess_assets.store.status", {"pyarrow", "pandas", "dagster"}),
    ("bess_assets.cli", {"pyarrow", "pandas", "dagster"}),
])  # fmt: skip
def test_a_module_starts_without_what_its_users_should_not_wait_for(module: str, unwanted: set[str]) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert unwanted.isdisjoint(done.stdout.split())


def test_the_documents_name_every_setting_rollup_folder_and_result_table() -> None:
    operations, files, tables = (
        (ROOT / "docs" / name).read_text(encoding="utf-8")
        for name in ("operations.md", "files.md", "data-dictionary.md")
    )
    settings = set(re.findall(r"BESS_[A-Z_]+[A-Z]", (ROOT / "bess_assets" / "settings.py").read_text(encoding="utf-8")))
    assert {name for name in settings if f"`{name}`" not in operations} == set()
    assert {dataset.folder for dataset in DATASETS.values() if f"`{dataset.folder}`" not in files} == set()
    assert {name for name in TABLES if f"`{name}`" not in tables} == set()


def test_the_example_runs_on_results_as_they_are(worlds: Worlds) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "docs" / "examples" / "leaderboard.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BESS_HOME": str(worlds.late.settings.home), "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert "years refreshed: [2025, 2026]" in done.stdout
    ledger, daily = re.findall(r"(-?[\d.]+) \$ in", done.stdout)
    assert float(ledger) == pytest.approx(float(daily), abs=0.02)


def test_the_documents_name_every_command() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert {name for name in main.commands if f"| `bess {name}" not in page} == set()


def test_the_example_of_a_row_has_every_column_of_the_board_in_order() -> None:
    lines = (ROOT / "docs" / "examples" / "board_row.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",", 1)[0] for line in lines] == TABLES["leaderboard"].column_names


def test_the_readme_is_short_and_its_links_lead_to_files() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(readme.splitlines()) <= 150
    links = [link for link in re.findall(r"\]\(([^)#]+)", readme) if "://" not in link]
    assert len(links) >= 10
    assert [link for link in links if not (ROOT / link).is_file()] == []


def test_the_project_names_no_folder_outside_itself_but_the_optional_real_data() -> None:
    documents = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    for document in documents:
        text = document.read_text(encoding="utf-8").replace("../shared/real", "")
        folders = set(re.findall(r"(?<![\w.~>/-])/([a-z]+)/", text))
        assert folders <= {"data", "path", "srv", "etc"}, (
            document
        )  # stand-ins for the reader's own folders, and a server's
        assert "shared/" not in text, document


# --- dependencies
def pinned(name: str) -> dict[str, set[tuple[str, str]]]:
    """Versions, each with its condition, by the normal name of a package."""
    found: dict[str, set[tuple[str, str]]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)\s*(?:;\s*([^\\]*?))?\s*\\?$", line)
        if match:
            package = re.sub(r"[-_.]+", "-", match[1]).lower()
            found.setdefault(package, set()).add((match[2], match[3] or ""))
    return found


def test_the_lock_has_the_versions_of_the_constraints_and_nothing_else_but_for_windows() -> None:
    lock, constraints = pinned("requirements.lock"), pinned("constraints.txt")
    versions = {name: {version for version, _ in lock[name]} for name in lock}
    assert {name: {version for version, _ in pins} for name, pins in constraints.items() if name in lock} == {
        name: pins for name, pins in versions.items() if name in constraints
    }
    assert constraints.keys() <= lock.keys()
    others = {name: condition for name in lock.keys() - constraints.keys() for _, condition in lock[name]}
    assert {name for name, condition in others.items() if "win32" not in condition and "'nt'" not in condition} == set()


@pytest.mark.parametrize("name", ["requirements.lock", "deploy/requirements.lock"])
def test_every_package_of_a_lock_has_hashes_and_comes_from_the_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    assert len(entries) > 90
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert not re.search(r"https?://|git\+|file:", text)


def test_ci_installs_from_the_lock_and_the_operations_say_how_and_how_to_audit_it() -> None:
    install = "-m pip install --require-hashes --requirement requirements.lock"
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert install in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert install in operations
    assert "pip-audit --require-hashes --disable-pip --requirement requirements.lock" in operations
    assert "python -m tools.lock" in operations


def test_the_architecture_page_is_short_and_every_place_that_it_names_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len(page.splitlines()) <= 150
    named = re.findall(r"`([a-z_]+/?[a-z_]*/?[a-z_]*\.py)(?:: (\w+))?`", page)
    assert len(named) >= 12
    for path, name in named:
        file = ROOT / "bess_assets" / path
        assert file.is_file(), path
        defined = re.search(rf"^(?:def |class |){name}\b", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert not name or defined, f"{path}: {name}"
    rooms = {path.name for path in (ROOT / "bess_assets").iterdir() if (path / "__init__.py").is_file()}
    assert {room for room in rooms if f"`{room}/`" not in page} == set()


def test_the_glossary_explains_forty_terms_once_each_in_order() -> None:
    sections = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("\n## ")[1:]
    tables = [re.findall(r"^\| ([^|]+) \| [A-Z`]", section, re.MULTILINE) for section in sections]
    assert all(table == sorted(table, key=str.lower) for table in tables)
    terms = [term for table in tables for term in table]
    assert len(set(terms)) == len(terms) >= 40


def test_only_the_store_renames_stats_lists_or_locks_files_of_results_and_rollups() -> None:
    banned = {"stat", "lstat", "rename", "unlink", "iterdir", "glob", "rglob", "scandir", "listdir", "rmdir", "touch"}
    own_files = (
        "store/",
        "simulator/",
        "second_settlement/",
        "demo.py",
        "ercot/reports.py",
    )  # markets, and ERCOT's reports
    found = []
    for file in sorted((ROOT / "bess_assets").rglob("*.py")):
        name = file.relative_to(ROOT / "bess_assets").as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Attribute) and not name.startswith(own_files):
                # a path's replace takes one argument, a text's two
                moves = called.attr == "replace" and len(node.args) == 1 and not node.keywords
                if called.attr in banned or moves:
                    found.append(f"{name}:{node.lineno} {called.attr}")
            if isinstance(node, ast.ImportFrom) and node.module == "filelock" and name != "store/locks.py":
                found.append(f"{name}:{node.lineno} filelock")
    assert found == []
