"""Builds a release into a folder: `python -m tools.release FOLDER`. It needs uv: `python -m pip install uv`.

Belongs here: wheel and sdist, built twice and held byte for byte against each other; their hashes; a bill of materials (CycloneDX) of what a server installs.
Does not: choosing a version (pyproject.toml), what must be done around it (docs/release.md).
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.lock import ROOT, SERVER_LOCK, find_uv

CYCLONEDX = "cyclonedx-bom==7.5.0"


def build(uv: str, folder: Path) -> dict[str, str]:
    """The sdist, and the wheel from it, into a folder; their digests by name. Every file has the time of the commit; without git, that of pyproject.toml."""
    asked = ["git", "log", "-1", "--format=%ct"]
    commit = subprocess.run(asked, cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()
    when = os.environ.get("SOURCE_DATE_EPOCH") or commit or str(int((ROOT / "pyproject.toml").stat().st_mtime))
    command = [uv, "build", "--quiet", "--build-constraint=constraints.txt", f"--out-dir={folder}"]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "SOURCE_DATE_EPOCH": when}, check=True)
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.glob("*.[wt]*"))}


def main() -> int:
    """Build, compare, and write what goes with it; or say what differs."""
    uv, folder = find_uv(), Path(sys.argv[1])
    with TemporaryDirectory() as other:
        digests, again = build(uv, folder), build(uv, Path(other))
    if digests != again or len(digests) != 2:
        print(f"not built twice alike: {digests} and {again}")
        return 1
    bom = folder / "bom.json"
    tool = [uv, "tool", "run", "--quiet", f"--from={CYCLONEDX}", "cyclonedx-py", "requirements", str(SERVER_LOCK)]
    options = ["--pyproject=pyproject.toml", "--output-reproducible", f"--output-file={bom}"]
    subprocess.run([*tool, *options], cwd=ROOT, check=True)
    digests[bom.name] = hashlib.sha256(bom.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text("".join(f"{d}  {name}\n" for name, d in digests.items()), encoding="utf-8")
    print("\n".join(digests))
    return 0


if __name__ == "__main__":
    sys.exit(main())
