"""The door of `bess ui`: what it refuses, and what a person and the UI itself may do."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from bess_assets.errors import SettingsError
from bess_assets.report.door import Door
from bess_assets.settings import load_settings

HERE = "127.0.0.1:3000"
ELSEWHERE = "https://evil.example"
JSON = ("content-type", "application/json")

Header = tuple[str, str]


def asked(method: str, target: str, *headers: Header, host: str | None = HERE, further=()) -> tuple[int, bool]:
    """Status of the answer, and whether Dagster's app was asked."""
    path, _, query = target.partition("?")
    every = [*([("Host", host)] if host is not None else []), *headers]
    scope = {
        "type": "websocket" if method == "WS" else "http", "method": method, "path": path,
        "query_string": query.encode(), "headers": [(name.lower().encode(), value.encode()) for name, value in every],
    }  # fmt: skip
    reached: list[Scope] = []
    sent: list[Message] = []

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        reached.append(scope)
        kind = "websocket.accept" if scope["type"] == "websocket" else "http.response.start"
        await send({"type": kind, "status": 200, "headers": []})

    async def receive() -> Message:
        raise AssertionError("the door reads no body")

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(Door(app, 3000, further)(scope, receive, send))
    first: Any = sent[0]
    status = {"websocket.close": 403, "websocket.accept": 101}.get(first["type"]) or first["status"]
    return status, bool(reached)


FOREIGN: dict[str, tuple[str, str, list[Header]]] = {
    "a form posted from a page elsewhere": ("POST", "/graphql", [("Origin", ELSEWHERE), ("Content-Type", "application/x-www-form-urlencoded")]),
    "a script's simple request": ("POST", "/graphql", [("Origin", ELSEWHERE), ("Content-Type", "text/plain")]),
    "JSON from elsewhere": ("POST", "/graphql", [("Origin", ELSEWHERE), JSON]),
    "JSON from a sandboxed page or a file": ("POST", "/graphql", [("Origin", "null"), JSON]),
    "JSON from another port of this machine": ("POST", "/graphql", [("Origin", "http://127.0.0.1:8888"), JSON]),
    "JSON from a host that begins like ours": ("POST", "/graphql", [("Origin", "http://127.0.0.1:3000.evil.example"), JSON]),
    "JSON from an address with ours as its user": ("POST", "/graphql", [("Origin", "http://127.0.0.1:3000@evil.example"), JSON]),
    "JSON from an extension": ("POST", "/graphql", [("Origin", "chrome-extension://127.0.0.1:3000"), JSON]),
    "two origins": ("POST", "/graphql", [("Origin", f"http://{HERE}"), ("Origin", ELSEWHERE), JSON]),
    "a form without an origin": ("POST", "/graphql", [("Content-Type", "multipart/form-data; boundary=x")]),
    "text without an origin": ("POST", "/graphql", [("Content-Type", "text/plain")]),
    "text that mentions JSON": ("POST", "/graphql", [("Content-Type", "text/plain; kind=application/json")]),
    "GraphQL text": ("POST", "/graphql", [("Content-Type", "application/graphql")]),
    "no type, the query in the address": ("POST", "/graphql?query=mutation{x}", []),
    "two types": ("POST", "/graphql", [JSON, ("Content-Type", "text/plain")]),
    "a mutation by GET": ("GET", "/graphql?query=mutation{x}", []),
    "a mutation by GET that takes HTML": ("GET", "/graphql?query=mutation{x}", [("Accept", "text/html")]),
    "a mutation by GET with a slash": ("GET", "/graphql/?query=mutation{x}", []),
    "a mutation by HEAD": ("HEAD", "/graphql?query=mutation{x}", []),
    "a picture whose address is ours": ("GET", "/server_info", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")]),
    "a frame in a page elsewhere": ("GET", "/", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "iframe")]),
    "a page of another port of this machine": ("GET", "/logs/x", [("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "cors"), ("Sec-Fetch-Dest", "empty")]),
    "a link to GraphQL": ("GET", "/graphql", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]),
    "a form that leads to a page": ("POST", "/", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]),
    "an asset reported as made": ("POST", "/report_asset_materialization/leaderboard", [JSON]),
    "a check reported as passed": ("POST", "/report_asset_check/leaderboard", [JSON]),
    "an observation reported": ("POST", "/report_asset_observation/rt_prices", [("Origin", f"http://{HERE}"), JSON]),
    "another method": ("PUT", "/graphql", [JSON]),
    "the question that goes before foreign JSON": ("OPTIONS", "/graphql", [("Origin", ELSEWHERE), ("Access-Control-Request-Method", "POST")]),
    "a WebSocket from a page elsewhere": ("WS", "/graphql", [("Origin", ELSEWHERE)]),
    "a WebSocket from a sandboxed page": ("WS", "/graphql", [("Origin", "null")]),
    "a WebSocket from another port": ("WS", "/graphql", [("Origin", "http://localhost:8888")]),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_what_a_page_elsewhere_can_send_is_refused(name: str) -> None:
    method, target, headers = FOREIGN[name]
    assert asked(method, target, *headers) == (403, False)


@pytest.mark.parametrize(
    "host",
    [
        None, "", "evil.example", "evil.example:3000", "127.0.0.1", "localhost", "127.0.0.1:3001", "127.0.0.1.evil.example:3000", "localhost.:3000",
        "127.1:3000", "0.0.0.0:3000", "2130706433:3000", "[::]:3000", "[::ffff:127.0.0.1]:3000", "evil.example:3000@127.0.0.1:3000", "localhost:03000",
    ],
)  # fmt: skip
def test_a_host_that_is_not_this_machine_is_refused_whatever_is_asked(host: str | None) -> None:
    origin = [("Origin", f"http://{host}")] if host else []
    for method, target in (("GET", "/"), ("POST", "/graphql"), ("WS", "/graphql")):
        assert asked(method, target, JSON, *origin, host=host) == (403, False)


def test_two_hosts_are_refused_though_one_is_ours() -> None:
    for second in ("evil.example", HERE):
        assert asked("GET", "/", ("HOST", second)) == (403, False)


ALLOWED: dict[str, tuple[str, str, list[Header]]] = {
    "a page typed in": ("GET", "/runs", [("Sec-Fetch-Site", "none"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]),
    "a page linked from elsewhere": ("GET", "/assets/leaderboard", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document")]),
    "a page's own script": ("GET", "/assets/index.js?v=1", [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "script")]),
    "the GraphQL page": ("GET", "/graphql", [("Accept", "text/html"), ("Sec-Fetch-Site", "none")]),
    "GraphQL from the UI": ("POST", "/graphql", [("Origin", f"http://{HERE}"), ("Sec-Fetch-Site", "same-origin"), JSON]),
    "GraphQL with a charset": ("POST", "/graphql", [("Origin", f"HTTP://{HERE}"), ("Content-Type", "Application/JSON; charset=utf-8")]),
    "GraphQL from a program": ("POST", "/graphql", [JSON]),
    "GraphQL from the other name of this machine": ("POST", "/graphql", [("Origin", "http://localhost:3000"), JSON]),
    "a WebSocket of the UI": ("WS", "/graphql", [("Origin", f"http://{HERE}"), ("Sec-Fetch-Site", "same-origin")]),
}  # fmt: skip


@pytest.mark.parametrize("name", ALLOWED)
def test_what_a_person_and_the_ui_send_goes_through(name: str) -> None:
    method, target, headers = ALLOWED[name]
    assert asked(method, target, *headers) == ({"WS": 101}.get(method, 200), True)


def test_this_machine_has_three_names_in_any_case() -> None:
    for host in ("127.0.0.1:3000", "localhost:3000", "LocalHost:3000", "[::1]:3000"):
        assert asked("GET", "/", host=host)[1]


def test_a_setting_names_further_hosts_and_nothing_else_of_them() -> None:
    further = load_settings(None, {"BESS_UI_HOSTS": " Bess.example.com, localhost:8080 "}).ui_hosts
    assert further == ("bess.example.com", "localhost:8080")
    at_the_proxy = ("Origin", "https://bess.example.com")
    assert asked("POST", "/graphql", at_the_proxy, JSON, host="bess.example.com", further=further)[1]
    assert asked("POST", "/graphql", at_the_proxy, JSON, further=further)[1]  # the proxy says where it goes
    for foreign in ("https://bess.example.com:8443", "https://www.bess.example.com", "http://localhost:8081"):
        assert not asked("POST", "/graphql", ("Origin", foreign), JSON, host="bess.example.com", further=further)[1]
    assert load_settings(None, {"BESS_UI_HOSTS": "a,b:80"}).environment()["BESS_UI_HOSTS"] == "a,b:80"
    for text in ("*", "https://bess.example.com", "a b", "*.example.com", "bess.example.com/"):
        with pytest.raises(SettingsError, match="BESS_UI_HOSTS"):
            load_settings(None, {"BESS_UI_HOSTS": text})
