"""The one family of errors that this package raises on purpose.

Belongs here: errors that a user can act on, each saying where (dataset, file, column or day), what was expected and what to do.
Does not: counted oddities that do not stop a year (market/findings.py).
"""

import errno
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_CANNOT_GROW = {
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "a file may not become so large here",
    errno.EROFS: "the file system is read-only",
}
if hasattr(errno, "EDQUOT"):
    _CANNOT_GROW[errno.EDQUOT] = "the disk quota is used up"


class BessError(Exception):
    """Something a user can act on; printed by the CLI without a traceback.

    Args:
        problem: what is wrong, one plain sentence.
        dataset: canonical dataset or table name.
        file: the file it was found in.
        column: the column, as the file spells it where that is known.
        day: the operating day, ISO.
        expected: what was expected instead.
        remedy: what to do about it.
    """

    def __init__(
        self,
        problem: str,
        *,
        dataset: str | None = None,
        file: Path | str | None = None,
        column: str | None = None,
        day: str | None = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """Keep each part by name, and put them together as the message."""
        self.problem = problem
        self.dataset = dataset
        self.file = str(file) if file is not None else None
        self.column = column
        self.day = day
        self.expected = expected
        self.remedy = remedy
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> Iterable[str]:
        yield self.problem
        for label in ("dataset", "file", "column", "day", "expected", "remedy"):
            value = getattr(self, label)
            if value:
                yield f"  {label}: {value}"


class InputError(BessError):
    """A rollup or report cannot be used as it is."""


class RegistryTableError(BessError):
    """The user's battery table (BESS_REGISTRY) contradicts itself or the data."""


class InvariantError(BessError):
    """A result breaks a rule that must hold before it may be written."""


class SettingsError(BessError):
    """A setting cannot be read or points nowhere."""


class NotRefreshedError(BessError):
    """A result was asked for that no refresh has written yet."""


class YearBusyError(BessError):
    """Another process is refreshing this year."""


class WriteError(BessError):
    """A file of ours cannot be written: the disk, a quota or a limit of the system takes no more."""


class RoomError(BessError):
    """A year would not fit into memory or onto the disk; said before it is begun."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Within it, a disk that takes no more is an error that names the file and what to do; other errors pass as they are.

    Args:
        path: the file that is being made; what is written under another name until it is whole counts as it.

    Raises:
        WriteError: the disk, a quota or a limit of the system takes no more.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT_GROW:
            raise
        raise WriteError(
            f"{path.name} cannot be written: {_CANNOT_GROW[error.errno]}.",
            file=path,
            expected=f"room on the disk; {_free(path)} is left",
            remedy="Make room there, or name another folder (BESS_HOME, BESS_RESULTS), and run the command again. The file that was there before is as it was.",
        ) from error


def _free(path: Path) -> str:
    there = next((folder for folder in path.parents if folder.is_dir()), None)
    try:
        return f"{shutil.disk_usage(there or path.anchor).free / 1e6:,.1f} MB"
    except OSError:
        return "nobody knows what"
