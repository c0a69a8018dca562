"""Dagster's UI on this machine behind a door: an ASGI layer that refuses what a page from elsewhere could send.

Dagster's own webserver asks neither for a login nor where a request comes from, and runs mutations by GET: any page in the user's browser could start runs.
"""

import json
import os
import signal
import socket
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import uvicorn
from dagster import DagsterInstance
from dagster._cli.proxy_server_manager import ProxyServerManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_shared.ipc import interrupt_then_kill_ipc_subprocess, open_ipc_subprocess
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from bess_assets.automation.dagster_home import WORKSPACE_FILE, ensure_dagster_home
from bess_assets.errors import SettingsError
from bess_assets.settings import Settings

LOCALHOST = "127.0.0.1"
OWN_NAMES = (LOCALHOST, "localhost", "[::1]")
GRAPHQL = "/graphql"

_ONCE = ("host", "origin", "content-type", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest")


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


def serve(settings: Settings, port: int) -> None:
    """Serve the UI at this port of 127.0.0.1, and run Dagster's daemon and one code server for both, until Ctrl-C or SIGTERM ends all three.

    Raises:
        SettingsError: something else listens at that port, or the daemon ended by itself.
    """
    try:
        socket.create_server((LOCALHOST, port)).close()
    except OSError as error:
        raise SettingsError(
            f"Port {port} is taken by another program, perhaps by an earlier bess ui.",
            remedy=f"Name another: bess ui --port {port + 1}",
        ) from error
    home = ensure_dagster_home(settings)
    os.environ.update(settings.environment())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), TemporaryDirectory() as folder, DagsterInstance.get() as instance:
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=20)  # Dagster's own
        named = WorkspaceFileTarget([str(home / WORKSPACE_FILE)])
        served = Path(folder) / WORKSPACE_FILE
        with ProxyServerManager(instance, named, code_server_log_level="warning") as servers:
            served.write_text(json.dumps({"load_from": servers.get_code_server_specs()}), encoding="utf-8")
            target = WorkspaceFileTarget([str(served)])
            with (
                _daemon(served) as daemon,
                WorkspaceProcessContext(instance, workspace_load_target=target, version=__version__) as context,
            ):
                app: Any = create_app_from_workspace_process_context(context)
                config = uvicorn.Config(
                    Door(app, port, settings.ui_hosts),
                    LOCALHOST,
                    port,
                    log_level="warning",
                    timeout_graceful_shutdown=3,
                    headers=[("x-frame-options", "SAMEORIGIN")],  # no page elsewhere leads the user's clicks in a frame
                )
                server = uvicorn.Server(config)
                Thread(target=_end_with, args=(daemon, server), daemon=True).start()
                server.run()
                if daemon.poll() is not None:
                    raise SettingsError("Dagster's daemon ended by itself.", remedy="Read its last lines, above.")


@contextmanager
def _daemon(workspace: Path) -> Iterator["Popen[Any]"]:
    """Dagster's daemon while the UI is served, in a session of its own: Ctrl-C reaches it once, from here."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "--workspace", str(workspace)]
    process = open_ipc_subprocess(command, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            interrupt_then_kill_ipc_subprocess(process, 30)
        process.wait()


def _end_with(daemon: "Popen[Any]", server: uvicorn.Server) -> None:
    daemon.wait()
    server.should_exit = True
