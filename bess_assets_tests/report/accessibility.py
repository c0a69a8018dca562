"""The accessibility checker axe-core, fetched from the npm registry when a test needs it and kept outside the repository."""

import hashlib
import io
import os
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import pytest
import requests

VERSION = "4.14.1"
DIGEST = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""SHA-256 of axe.min.js of that version, under the Mozilla Public License 2.0."""
REGISTRY = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org").rstrip("/")


def axe_code() -> str:
    """The checker's script; the test is skipped, and says why, where neither a kept copy nor the registry has it."""
    kept = Path(tempfile.gettempdir()) / f"axe-core-{VERSION}.min.js"
    if not kept.is_file() or digest(kept.read_bytes()) != DIGEST:
        try:
            answer = requests.get(f"{REGISTRY}/axe-core/-/axe-core-{VERSION}.tgz", timeout=20)
            answer.raise_for_status()
        except requests.RequestException as error:
            pytest.skip(f"axe-core {VERSION} cannot be had from {REGISTRY}, and accessibility is not checked: {error}")
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member
            kept.write_bytes(member.read())
        assert digest(kept.read_bytes()) == DIGEST
    return kept.read_text(encoding="utf-8")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def serious_findings(browser: Any) -> list[str]:
    """Serious and critical findings of what the browser shows, each with the first places."""
    # By the debugger: the page's own policy lets no foreign script run.
    browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe_code()})
    browser.set_script_timeout(60)
    found = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document, { resultTypes: ['violations'] }).then((r) => done(r.violations.map((v) => "
        "[v.impact, v.id, v.help, v.nodes.length, v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160))])));"
    )
    return [
        f"{name}: {words} ({count}) {places}"
        for impact, name, words, count, places in found
        if impact in {"serious", "critical"}
    ]
