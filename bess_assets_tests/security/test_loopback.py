"""`bess ui` is heard by this machine alone, and obeys its own pages alone: a real one, asked by a real browser."""

import json
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bess_assets.automation.dagster_home import LOCATION
from bess_assets.settings import load_settings
from bess_assets_tests.report.conftest import chromium
from bess_assets_tests.ui_process import bess_ui, processes_of

LISTENING = "0A"
DAEMON_SECONDS = 10


def _listening(processes: list[int]) -> set[tuple[str, int]]:
    """Address and port of every TCP socket that some processes listen on."""
    own = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            with suppress(OSError):
                own.add(str(handle.readlink()))
    found = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        with suppress(FileNotFoundError):
            for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
                cells = line.split()
                if cells[3] == LISTENING and f"socket:[{cells[9]}]" in own:
                    address, port = cells[1].split(":")
                    # of a little-endian machine
                    words = [bytes.fromhex(address[n : n + 8])[::-1] for n in range(0, len(address), 8)]
                    found.add((socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    return found


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not sys.platform.startswith("linux"),
        reason="processes and who listens are read from /proc, which Linux alone has",
    ),
]


def test_the_ui_and_all_its_processes_listen_on_loopback_only_and_end_with_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # any folder will do
    settings = load_settings(tmp_path / "home", {})
    with bess_ui(settings, tmp_path / "log", signal.SIGTERM) as ui:
        time.sleep(DAEMON_SECONDS)  # the daemon comes up beside it
        processes = processes_of(settings.home)
        assert len(processes) > 1
        found = _listening(processes)
        assert ("127.0.0.1", ui.port) in found
        assert {address for address, _ in found} <= {"127.0.0.1", "::1"}, found
        with urllib.request.urlopen(f"http://127.0.0.1:{ui.port}/server_info") as answer:
            assert answer.headers["X-Frame-Options"] == "SAMEORIGIN", "no page elsewhere shows the UI in a frame"


class Page(BaseHTTPRequestHandler):
    """A page that is not ours."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *_parts: Any) -> None:
        pass


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    started = chromium(tmp_path / "browser")
    yield started
    started.quit()


RUN_OF_ALL_YEARS = """mutation ($how: ExecutionParams!) { launchRun(executionParams: $how) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
HOW = {
    "mode": "default",
    "executionMetadata": {"tags": []},
    "runConfigData": {},
    "selector": {"repositoryLocationName": LOCATION, "repositoryName": "__repository__", "jobName": "merge_years"},
}
COUNT_RUNS = "{ runsOrError { ... on Runs { count } } }"

ATTACK = """
const [address, body, done] = arguments;
const tried = [
    fetch(address + "/graphql", {method: "POST", mode: "no-cors", headers: {"Content-Type": "text/plain"}, body}),
    fetch(address + "/graphql", {method: "POST", headers: {"Content-Type": "application/json"}, body}),
    fetch(address + "/graphql?query=" + encodeURIComponent(JSON.parse(body).query) + "&variables=" + encodeURIComponent(JSON.stringify(JSON.parse(body).variables)), {mode: "no-cors"}),
    fetch(address + "/report_asset_materialization/leaderboard", {method: "POST", mode: "no-cors", body: "{}"}),
    new Promise((opened) => { const s = new WebSocket(address.replace("http", "ws") + "/graphql", "graphql-ws"); s.onopen = () => opened("open"); s.onerror = () => opened("closed"); }),
    new Promise((loaded) => { const f = document.createElement("iframe"); f.src = address; f.onload = () => loaded(f.contentDocument ? "own" : "foreign"); document.body.append(f); }),
];
Promise.allSettled(tried).then((all) => done(all.map((one) => one.value && one.value.type || one.value || one.status)));
"""
POST = """
const [query, variables, done] = arguments;
fetch("/graphql", {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({query, variables})})
    .then((answer) => answer.json()).then((answer) => done(answer.data), (error) => done(String(error)));
"""


def _refused(browser: Any, address: str) -> list[str]:
    """What the console says of requests to the address that were refused."""
    said = [line["message"] for line in browser.get_log("browser")]
    return [message for message in said if "403" in message and address in message]


def test_a_run_is_launched_from_the_ui_and_not_from_a_page_elsewhere(tmp_path: Path, browser: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    settings = load_settings(tmp_path / "home", {})
    with HTTPServer(("127.0.0.1", 0), Page) as elsewhere, bess_ui(settings, tmp_path / "log") as ui:
        Thread(target=elsewhere.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{ui.port}"
        browser.set_script_timeout(60)
        browser.get(f"http://localhost:{elsewhere.server_port}/")
        asked = json.dumps({"query": RUN_OF_ALL_YEARS, "variables": {"how": HOW}})
        tried = browser.execute_async_script(ATTACK, address, asked)
        assert tried[4] == "closed", tried
        refused = _refused(browser, address)
        assert len(refused) >= 3
        browser.get(f"{address}/jobs")
        WebDriverWait(browser, 90).until(lambda b: "refresh_year" in b.find_element("tag name", "body").text)
        assert browser.execute_async_script(POST, COUNT_RUNS, {}) == {"runsOrError": {"count": 0}}
        launched = browser.execute_async_script(POST, RUN_OF_ALL_YEARS, {"how": HOW})
        assert launched["launchRun"]["__typename"] == "LaunchRunSuccess", launched
        refused = _refused(browser, address)
        assert refused == []
        elsewhere.shutdown()
