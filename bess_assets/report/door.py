"""A door before an application on this machine: an ASGI layer that refuses what a page from elsewhere could send.

Dagster's own webserver asks neither for a login nor where a request comes from, and runs mutations by GET: any page in the user's browser could start runs.
"""

import socket
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from bess_assets.errors import SettingsError

LOCALHOST = "127.0.0.1"
OWN_NAMES = (LOCALHOST, "localhost", "[::1]")
GRAPHQL = "/graphql"

_ONCE = ("host", "origin", "content-type", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")


def refuse_taken_port(port: int, command: str) -> None:
    """SettingsError if something else listens at this port of 127.0.0.1, which the command would take."""
    try:
        socket.create_server((LOCALHOST, port)).close()
    except OSError as error:
        raise SettingsError(
            f"Port {port} is taken by another program, perhaps by an earlier {command}.",
            remedy=f"Name another: {command} --port {port + 1}",
        ) from error


class Door:
    """An ASGI application before another: it answers refused requests itself, and lets none of them through.

    Args:
        app: the application behind it.
        port: where it listens; a request must name this machine and that port as its host.
        further: other hosts that it is reached as, such as `bess.example.com` or `localhost:8080`, as the browser shows them (`BESS_UI_HOSTS`).
    """

    def __init__(self, app: ASGIApp, port: int, further: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in OWN_NAMES} | {host.lower() for host in further}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request, hand on any other."""
        answer = self._app
        if scope["type"] != "lifespan" and (refusal := self.refusal(scope)):
            refused = PlainTextResponse(f"Refused: {refusal}.\n", status_code=403)
            answer = WebSocketClose(code=1008) if scope["type"] == "websocket" else refused
        await answer(scope, receive, send)

    def refusal(self, scope: Scope) -> str | None:
        """Why a request is refused; None lets it through.

        Args:
            scope: of the request, as ASGI describes it.
        """
        given = Headers(scope=scope)
        if twice := [name for name in _ONCE if len(given.getlist(name)) > 1]:
            return f"the header {twice[0]} is there twice"
        headers = {name: value.strip().lower() for name, value in given.items()}
        if headers.get("host") not in self._hosts:
            return "the host is not this machine; BESS_UI_HOSTS names others"
        scheme, _, authority = headers.get("origin", "").partition("://")
        if "origin" in headers and (scheme not in {"http", "https"} or authority not in self._hosts):
            return "it comes from a page of another origin"
        return None if scope["type"] == "websocket" else _misuse(scope, headers)


def _misuse(scope: Scope, headers: Mapping[str, str]) -> str | None:
    """What is wrong with a request to this host: pages are got, GraphQL is posted as JSON, which no form can do, and nothing else is sent.

    A page of another site may lead to a page of ours, in a tab of its own.
    """
    method, path = scope["method"], scope["path"]
    is_graphql = path.rstrip("/") == GRAPHQL
    to_a_tab = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    opens_a_page = to_a_tab and method == "GET" and not is_graphql
    if headers.get("sec-fetch-site", "none") not in {"none", "same-origin"} and not opens_a_page:
        return "it comes from a page of another site"
    if method in {"GET", "HEAD"}:
        return "GraphQL is asked by POST" if is_graphql and scope.get("query_string") else None
    if method != "POST" or path != GRAPHQL:
        return "only GraphQL takes requests that change something"
    kind = headers.get("content-type", "").partition(";")[0].strip()
    return None if kind == "application/json" else "GraphQL is asked in application/json"
