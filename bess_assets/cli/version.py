"""The version that is installed, and of which commit it is where it is no release."""

import json
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from urllib.parse import urlsplit
from urllib.request import url2pathname

import bess_assets


def version() -> str:
    """Such as `0.2.0`; of what was installed from a repository, or from a checkout of one, `0.2.0 (commit 1a2b3c4d5, changed)`.

    Where a package came from is in the file `direct_url.json` that installers leave (PEP 610). A release came as a wheel or from an index, without a commit.
    """
    try:
        origin = json.loads(distribution("bess-assets").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    commit = origin.get("vcs_info", {}).get("commit_id", "")[:9]
    if "dir_info" in origin:
        try:
            command = ["git", "describe", "--always", "--exclude=*", "--abbrev=9", "--dirty=, changed"]
            folder = url2pathname(urlsplit(origin["url"]).path)
            commit = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  fixed words
        except (OSError, subprocess.CalledProcessError):
            commit = "unknown"
    return f"{bess_assets.__version__}{f' (commit {commit})' if commit else ''}"
