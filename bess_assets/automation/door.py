"""Dagster's UI on this machine, behind the door of report/door.py."""

import json
import os
import signal
import sys
from collections.abc import Iterator
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

from bess_assets.assets.resources import keep_connections
from bess_assets.automation.dagster_home import WORKSPACE_FILE, ensure_dagster_home
from bess_assets.errors import SettingsError
from bess_assets.report.door import LOCALHOST, Door, refuse_taken_port
from bess_assets.settings import Settings


def serve(settings: Settings, port: int, address: str = LOCALHOST) -> None:
    """Serve the UI at this port of an address of this machine, and run Dagster's daemon and one code server for both, until Ctrl-C or SIGTERM ends all three.

    Raises:
        SettingsError: something else listens at that port, or the daemon ended by itself.
    """
    refuse_taken_port(port, "bess ui")
    home = ensure_dagster_home(settings)
    os.environ.update(settings.environment())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), TemporaryDirectory() as folder, DagsterInstance.get() as instance:
        keep_connections(instance)
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
                    address,
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
