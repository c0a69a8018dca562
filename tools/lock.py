"""Writes requirements.lock, and that of the image in deploy/, anew from constraints.txt: `python -m tools.lock`.

It needs uv: `python -m pip install uv`.

Belongs here: how the locks are made, and what stands at their heads.
Does not: choosing versions (constraints.txt), holding the two together (the tests), installing (docs/operations.md).
"""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER_LOCK = ROOT / "deploy" / "requirements.lock"
LOCKS = {
    ROOT / "requirements.lock": ("all extras and the build backend", ["--all-extras"]),
    SERVER_LOCK: ("the extras of a server and the build backend", ["--extra=cluster", "--extra=s3"]),
}
HEAD = """\
# Every package that may be installed, with the hashes of its files: {which}, on Python 3.11 to 3.13.
# Written by `python -m tools.lock` from constraints.txt. How to install from it and how to audit it: docs/operations.md.
"""
OPTIONS = (
    "--constraints=constraints.txt",
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-strip-extras",  # pip asks for a requirement with extras to be pinned as one
    "--no-annotate",
    "--no-header",
    "--quiet",
)


def find_uv() -> str:
    """The program, or an end that says that it is missing."""
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    return found or sys.exit(f"uv is not installed: {sys.executable} -m pip install uv")


def main() -> int:
    """Write them."""
    uv = find_uv()
    build = "hatchling>=1.27\n"  # as [build-system] in pyproject.toml asks; an install without build isolation needs it
    for lock, (which, extras) in LOCKS.items():
        command = [uv, "pip", "compile", "pyproject.toml", "-", *extras, *OPTIONS]
        done = subprocess.run(command, cwd=ROOT, input=build, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr)
            return 1
        lock.write_text(HEAD.format(which=which) + done.stdout, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
