"""The site on this machine and its API: a real server before a settled home, asked by HTTP and by a real Chromium."""

import inspect
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import click.testing
import pytest
import requests
import uvicorn

from bess_assets.cli import main
from bess_assets.report.door import Door
from bess_assets.report.serve import application, questions
from bess_assets.results import Results
from bess_assets.settings import Settings, load_settings
from bess_assets.store.paths import result_path
from bess_assets.tables import PERFECT_MONTHLY
from bess_assets.text import json_text
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.made_home import write_why
from bess_assets_tests.report.made_boards import write_boards
from bess_assets_tests.report.test_page import UNKNOWN, number, severe, texts, wait_until
from bess_assets_tests.report.test_site import rows_of


@pytest.fixture(scope="module")
def home(worlds: Worlds) -> Settings:
    """A settled home."""
    return worlds.late.settings


@contextmanager
def served(home: Settings) -> Iterator[str]:
    """The address at which a home is served."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Results(home) as results:
        server = uvicorn.Server(uvicorn.Config(Door(application(home, results), port), port=port, log_level="warning"))
        thread = Thread(target=server.run)
        thread.start()
        while not server.started:
            thread.join(0.02)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def address(home: Settings) -> Iterator[str]:
    """Where that home is served."""
    with served(home) as address:
        yield address


def ask(address: str, question: str, **parameters: Any) -> requests.Response:
    return requests.get(f"{address}/api/{question}", params=parameters, timeout=30)


def battery_of(home: Settings, year: int) -> str:
    with Results(home) as results:
        return str(results.leaderboard(year).column("battery")[0])


# --- the API
def test_an_answer_is_that_of_the_method_of_its_name(address: str, home: Settings) -> None:
    with Results(home) as results:
        year = results.years()[-1]
        board = results.leaderboard(year, sort="usd_per_kw_month", top=3)
        name = board.column("battery")[0]
        both = results.compare([name, battery_of(home, year)], year)
        assert ask(address, "years").json() == results.years()
    answer = ask(address, "leaderboard", year=year, sort="usd_per_kw_month", top=3)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["columns"] == list(board.columns)
    assert answer.json()["rows"] == json.loads(json_text(board.rows))  # full precision, null where unknown
    compared = ask(address, "compare", names=[name, battery_of(home, year)], year=year)
    assert compared.json()["rows"] == json.loads(json_text(both.rows))
    parts = ask(address, "battery", name=name).json()
    assert set(parts) == {"battery", "years", "months", "best_days"}


def test_every_method_has_its_address_and_parameters_in_the_openapi_description(address: str) -> None:
    described = requests.get(f"{address}/api/openapi.json", timeout=30).json()
    assert described["openapi"].startswith("3.1")
    methods = {f"/api/{name}" for name, method in vars(Results).items() if callable(method) and name[0] != "_"}
    assert set(described["paths"]) == methods - {"/api/close", "/api/stream"}
    for name, method in questions().items():
        operation = described["paths"][f"/api/{name}"]["get"]
        own = dict(inspect.signature(method).parameters)
        own.pop("self")
        assert [p["name"] for p in operation["parameters"]] == list(own)
        assert [p["required"] for p in operation["parameters"]] == [p.default is p.empty for p in own.values()]
        assert operation["summary"]
    steps = next(p for p in described["paths"]["/api/fleet"]["get"]["parameters"] if p["name"] == "by")
    assert steps["schema"]["enum"] == ["day", "month", "year"]


@pytest.mark.parametrize(("question", "parameters", "status", "problem"), [
    ("nonsense", {}, 404, "There is no question nonsense."),
    ("leaderboard", {}, 400, "leaderboard needs year."),
    ("leaderboard", {"year": "2026", "colour": "red"}, 400, "leaderboard takes no colour."),
    ("leaderboard", {"year": "2026", "month": "may"}, 400, "month cannot be 'may'."),
    ("leaderboard", {"year": "2026", "where": "owner"}, 400, "where cannot be 'owner'."),
    ("leaderboard", {"year": "2026", "why": "perhaps"}, 400, "why cannot be 'perhaps'."),
    ("fleet", {"by": "week"}, 400, "by cannot be 'week'."),
    ("leaderboard", {"year": "1999"}, 404, "1999 has no leaderboard yet."),
    ("battery", {"name": "NOBODY"}, 400, "NOBODY"),
    ("query", {"sql": "COPY (SELECT 1) TO 'x'"}, 400, "Only a query can be answered."),
])  # fmt: skip
def test_what_cannot_be_answered_says_so_with_what_was_expected(address, question, parameters, status, problem):
    answer = ask(address, question, **parameters)
    assert answer.status_code == status
    assert set(answer.json()) >= {"problem", "file", "expected", "remedy"}
    assert problem in answer.json()["problem"]
    assert answer.json()["expected"] or answer.json()["remedy"]


def test_a_flag_is_on_only_where_it_is_true(address: str) -> None:
    off, on = (ask(address, "leaderboard", year=2025, why=why).json()["columns"] for why in ("false", "true"))
    assert set(on) - set(off) >= {"availability", "median_usd"}


def test_what_a_page_elsewhere_sends_is_refused_and_every_answer_has_a_strict_policy(address: str) -> None:
    port = address.rpartition(":")[2]
    for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):  # fmt: skip
        assert requests.get(f"{address}/api/years", headers=headers, timeout=30).status_code == 403
    assert requests.post(f"{address}/api/years", timeout=30).status_code == 403
    for path in ("/", "/data/site.js", "/api/years", "/nothing.html", "/%2e%2e/%2e%2e/etc/passwd"):
        policy = requests.get(address + path, timeout=30).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; connect-src 'self';"), path
        assert "frame-ancestors 'none'" in policy
    assert requests.get(address + "/nothing.html", timeout=30).status_code == 404


# --- the pages
def open_page(browser: Any, address: str, page: str) -> None:
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(f"{address}/{page}")
    wait_until(browser, "document.documentElement.dataset.ready === 'true'")


@pytest.mark.slow
def test_the_site_is_served_and_asks_nobody_else(browser: Any, address: str, home: Settings) -> None:
    name = battery_of(home, 2026)
    for page in ("", "2026.html", f"battery.html#battery={name}", "groups.html", "method.html"):
        open_page(browser, address, page)
        assert severe(browser) == [], page
        messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        asked = {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}
        assert {
            url for url in asked if not url.startswith((address, "about:", "data:"))
        } == set()  # data: are the browser's own icons


def test_any_window_of_days_is_a_board(browser: Any, address: str, home: Settings) -> None:
    open_page(browser, address, "days.html")
    browser.execute_script(
        "const [a, b] = document.querySelectorAll('input[type=date]'); a.value = '2026-01-03'; b.value = '2026-01-12'; document.querySelector('form button').click();"
    )
    wait_until(browser, "document.querySelector('main table')")
    with Results(home) as results:
        board = results.leaderboard_of_days("2026-01-03", "2026-01-12").records()
    shown = rows_of(browser, "Leaderboard from 2026-01-03 to 2026-01-12")
    assert [row["Battery"] for row in shown] == [row["battery"] for row in board]
    assert [row["Total $"] for row in shown] == [number(row["total_usd"], 0) for row in board]
    assert [row["Rank"] for row in shown] == [UNKNOWN if row["rank"] is None else str(row["rank"]) for row in board]


def test_any_day_of_a_battery_is_shown_by_quarter_hour(browser: Any, address: str, home: Settings) -> None:
    name, day = battery_of(home, 2026), "2026-01-20"
    open_page(browser, address, f"battery.html#battery={name}")
    browser.execute_script(
        "const field = document.querySelector('input[type=date]'); field.value = arguments[0]; field.form.querySelector('button').click();",
        day,
    )
    wait_until(
        browser, f"[...document.querySelectorAll('caption')].some((c) => c.textContent === 'Quarter-hours of {day}')"
    )
    with Results(home) as results:
        intervals = results.battery_intervals(name, day).records()
    shown = rows_of(browser, f"Quarter-hours of {day}")
    assert len(shown) == len(intervals) == 96
    for column, heading, digits in (("net_mw", "MW", 1), ("rt_price_usd_per_mwh", "RT $/MWh", 2), ("energy_usd", "Energy $", 1), ("soc_mwh", "State of charge MWh", 1)):  # fmt: skip
        assert [row[heading] for row in shown] == [number(row[column], digits) for row in intervals], column


def test_an_error_of_a_question_is_shown_in_words(browser: Any, address: str) -> None:
    open_page(browser, address, "days.html")
    browser.execute_script(
        "const [a, b] = document.querySelectorAll('input[type=date]'); a.value = '2026-02-03'; b.value = '2026-01-12'; document.querySelector('form button').click();"
    )
    wait_until(browser, "document.querySelector('main .notice')")
    assert "2026-02-03" in texts(browser, "main .notice")[0]


def test_the_page_of_the_api_lists_its_questions_and_what_was_asked(browser: Any, address: str) -> None:
    ask(address, "years")
    ask(address, "editions", year=2026)
    open_page(browser, address, "api.html")
    assert {row["Address"] for row in rows_of(browser, "Questions of the API")} == {
        f"/api/{name}" for name in questions()
    }
    asked = {row["Question"]: row for row in rows_of(browser, "Questions asked so far")}
    assert int(asked["editions"]["Asked"]) >= 1


# --- how it is served
def test_a_refresh_is_seen_without_a_new_start(tmp_path: Path) -> None:
    from bess_assets.report.serve import _Files

    files = _Files(write_boards(tmp_path, 2024, 5))
    before = files.content("data/site.js")
    assert files.content("2023.html") is None
    write_boards(tmp_path, 2023, 5)
    assert files.content("data/site.js") != before
    assert files.content("2023.html") is not None


def test_a_table_that_no_board_waits_for_is_seen_without_a_new_start(tmp_path: Path) -> None:
    from bess_assets.report.serve import _Files

    settings = write_boards(tmp_path, 2024, 5)
    result_path(settings.results, PERFECT_MONTHLY.name, 2024).unlink()
    files = _Files(settings)
    before = files.content("data/batteries/0000.js")
    with Results(settings) as results:
        names = sorted(results.leaderboard(2024).column("battery"))
    write_why(settings, 2024, names, [PERFECT_MONTHLY])
    assert files.content("data/batteries/0000.js") != before


def test_a_table_damaged_meanwhile_is_an_error_that_names_its_file(home: Settings, tmp_path: Path) -> None:
    shutil.copytree(home.results, tmp_path / "results")
    settings = load_settings(tmp_path, {})
    board = result_path(settings.results, "leaderboard", 2025)
    with served(settings) as address:
        assert requests.get(f"{address}/data/2025.js", timeout=30).status_code == 200
        board.write_bytes(board.read_bytes()[:-9])
        answer = requests.get(f"{address}/data/2025.js", timeout=30)
    assert answer.status_code == 500
    assert answer.json()["file"] == str(board)
    assert answer.json()["remedy"]


def test_a_port_that_is_taken_is_named_with_what_to_do(home: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = click.testing.CliRunner().invoke(main, ["--home", str(home.home), "serve", "--port", port])
    assert done.exit_code == 2
    assert f"Port {port} is taken" in done.output
    assert "bess serve --port" in done.output
