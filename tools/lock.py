"""Writes requirements.lock anew from constraints.txt: `python -m tools.lock`, wherever uv is installed (`python -m pip install uv`).

Belongs here: how the lock is made, and what stands at its head.
Does not: choosing versions (constraints.txt), holding the two together (the tests), installing (docs/operations.md).
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
HEAD = """\
# Every package that may be installed, with the hashes of its files: all extras and the build backend, on Python 3.11 to 3.13.
# Written by `python -m tools.lock` from constraints.txt. How to install from it and how to audit it: docs/operations.md.
"""
OPTIONS = (
    "--constraints=constraints.txt",
    "--all-extras",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-strip-extras",  # pip asks for a requirement with extras to be pinned as one
    "--no-annotate",
    "--no-header",
    "--quiet",
)


def main() -> int:
    """Write it, or say what is missing."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        print(f"uv is not installed: {sys.executable} -m pip install uv")
        return 2
    build = "hatchling>=1.27\n"  # as [build-system] in pyproject.toml asks; an install without build isolation needs it
    command = [uv, "pip", "compile", "pyproject.toml", "-", *OPTIONS]
    done = subprocess.run(command, cwd=ROOT, input=build, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr)
        return 1
    LOCK.write_text(HEAD + done.stdout, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
