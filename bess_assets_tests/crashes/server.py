"""A process that has loaded everything and forks a child for each refresh, so that a kill costs no start of Python."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bess_assets.errors import YearBusyError
from bess_assets_tests.crashes.small_year import refresh, settings_of

ROOT = Path(__file__).resolve().parents[2]
BUSY = 75
"""Exit code of a child that found the year held."""
_RENAMED = "os.rename"  # the audit event of os.replace and Path.replace, raised before the file is renamed


class Server:
    """The forking process, seen from a test. Attributes of an order are those of `obey`."""

    def __init__(self, folder: Path) -> None:
        """Start it for the editions in a folder."""
        command = [sys.executable, "-m", "bess_assets_tests.crashes.server", str(folder)]
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # a pipe that nobody reads stops hundreds of refreshes once it is full
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True
        )

    def __enter__(self) -> Self:
        """The process is running already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(timeout=60)
        assert self._process.stdout
        self._process.stdout.close()
        self._said.close()

    def order(self, **order: Any) -> int:
        """Have the year refreshed in a child; returns how that ended: its exit code, or minus the signal that ended it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            self._said.seek(0)
            raise AssertionError(self._said.read())
        return int(answer)


def obey(folder: Path, order: dict[str, Any]) -> int:
    """Refresh the year in a child, and kill it when its time has come.

    Args:
        folder: of the editions.
        order: `home` and `edition`; and at most one of `seconds` after which the child is killed, `rename` before whose execution it kills itself,
            counted from 1, and `temporary`: it is killed once a temporary file of that table holds a byte. `wait`: seconds to wait for the lock.
    """
    settings = settings_of(folder, Path(order["home"]), order["edition"])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if "rename" in order:
                _die_before(order["rename"])
            refresh(settings, order.get("wait", 0.0))
            code = 0
        except YearBusyError:
            code = BUSY
        finally:
            os._exit(code)
    if "seconds" in order:
        time.sleep(order["seconds"])
        os.kill(child, signal.SIGKILL)
    if "temporary" in order:
        _wait_for_bytes(settings.results / order["temporary"], child)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # until here its number is nobody else's


def _die_before(nth: int) -> None:
    renamed = 0

    def hook(event: str, _arguments: tuple[Any, ...]) -> None:
        nonlocal renamed
        if event == _RENAMED:
            renamed += 1
            if renamed == nth:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _wait_for_bytes(folder: Path, child: int) -> None:
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        for path in folder.glob("**/.*.tmp"):
            with suppress(FileNotFoundError):
                if path.stat().st_size:
                    return


def main() -> None:
    """Obey one order a line until there are no more."""
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        print(obey(folder, json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
