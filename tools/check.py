"""All that CI holds against the code, in one command: `python -m tools.check`.

Belongs here: which tools are run, with which arguments, and one verdict.
Does not: what the tools are told to look for (pyproject.toml), installing anything (.ci/run).
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FIXES = {
    "ruff, fixing": ["ruff", "check", "--fix", "--quiet", "."],
    "format, fixing": ["ruff", "format", "--quiet", "."],
}
LINTS = {
    "ruff": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
    "import contracts": ["lint-imports"],
    "documents": ["mkdocs", "build", "--quiet", "--strict"],
}
TESTS = {"tests": ["pytest", "-q"]}


def run(name: str, command: list[str]) -> bool:
    """Run one tool of this very environment, and say how it went."""
    print(f"--- {name}: {' '.join(command)}", flush=True)
    started = time.monotonic()
    tool = shutil.which(command[0], path=str(Path(sys.executable).parent))
    if tool is None:
        print(f'    not installed: {sys.executable} -m pip install --editable ".[test,lint,docs]"')
        return False
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    print(f"    {'ok' if done.returncode == 0 else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
    return done.returncode == 0


def main() -> int:
    """Run every check, even after one has failed, and return 1 if any did."""
    parser = argparse.ArgumentParser(prog="python -m tools.check", description=__doc__.splitlines()[0])
    parser.add_argument("--fix", action="store_true", help="let ruff repair and format first")
    parser.add_argument("--no-tests", action="store_true", help="lint, types and import contracts only")
    options = parser.parse_args()
    checks = {**(FIXES if options.fix else {}), **LINTS, **({} if options.no_tests else TESTS)}
    failed = [name for name, command in checks.items() if not run(name, command)]
    print(f"\n{len(checks) - len(failed)} of {len(checks)} ok" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
