"""Errors that a user can act on: each names dataset, file, column or day, what was expected, and what to do."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CANNOT_WRITE = {
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.ENOSPC: "the disk is full",
    errno.EFBIG: "a file may not become so large here",
    errno.EROFS: "the file system is read-only",
    getattr(errno, "EDQUOT", -1): "the disk quota is used up",  # not on Windows
}
NOT_AS_WRITTEN = "is not as it was written"
"""What is said of a damaged or foreign file in the place of one of this package's."""


class BessError(Exception):
    """Something a user can act on; printed by the CLI without a traceback.

    Args:
        problem: one plain sentence.
        dataset: canonical name of the dataset or table.
        file: the file with the problem.
        column: its column, with the file's own heading if known.
        day: the operating day, ISO.
        expected: what the file should hold.
        remedy: what the user can do.
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
        self.problem, self.dataset, self.column, self.day = problem, dataset, column, day
        self.file = str(file) if file is not None else None
        self.expected, self.remedy = expected, remedy
        parts = {label: getattr(self, label) for label in ("dataset", "file", "column", "day", "expected", "remedy")}
        super().__init__("\n".join([problem, *(f"  {label}: {value}" for label, value in parts.items() if value)]))


class InputError(BessError):
    """A rollup or report cannot be used as it is."""


class RegistryTableError(BessError):
    """The user's battery table (BESS_REGISTRY) contradicts itself or the data."""


class InvariantError(BessError):
    """A result breaks a rule that must hold before it may be written."""


class SettingsError(BessError):
    """A setting cannot be read or points nowhere."""


class NotRefreshedError(BessError):
    """No refresh has written this result yet."""


class DamagedError(BessError):
    """A file that this package wrote is not as it was written."""


class HistoryError(BessError):
    """Dagster's history is damaged, held by another program, or cannot be written."""


class YearBusyError(BessError):
    """Another process is refreshing this year."""


class YearLostError(BessError):
    """Another process has recorded this year in the object store meanwhile: what this one made is read by nobody."""


class WriteError(BessError):
    """A file cannot be written: the disk is full or read-only, permission is denied, or a quota or limit of the system is reached."""


class FetchError(BessError):
    """ERCOT's server refuses, answers otherwise than described, or cannot be reached; `status` is that of its answer, 0 where there is none."""

    def __init__(
        self, problem: str, *, status: int = 200, expected: str | None = None, remedy: str | None = None
    ) -> None:
        self.status = status
        super().__init__(problem, expected=expected, remedy=remedy)


class StoreError(BessError):
    """An object store refuses, answers otherwise than described, or cannot be reached."""


class RoomError(BessError):
    """A year would not fit into memory or onto the disk; raised before it is begun."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a full or read-only disk, or a folder of somebody else, into an error that names the file and a remedy; other errors pass.

    Args:
        path: the file that is being made, under this or a temporary name.

    Raises:
        WriteError: the disk is full or read-only, permission is denied, or a quota or limit of the system is reached.
    """
    try:
        yield
    except OSError as error:
        if cannot := write_error(error, path):
            raise cannot from error
        raise


def write_error(error: OSError, path: Path) -> WriteError | None:
    """The error of a file that the system does not let us write; None if that is not what it says."""
    if error.errno not in _CANNOT_WRITE:
        return None
    return WriteError(
        f"{path.name} cannot be written: {_CANNOT_WRITE[error.errno]}.",
        file=path,
        expected=f"a folder that may be written to, and room on its disk; {free_bytes(path.parent) / 1e6:,.1f} MB is left",
        remedy="Give the permission or make room there, or name another folder (BESS_HOME, BESS_RESULTS), and run the command again. "
        "The file that was there before is as it was.",
    )


def free_bytes(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which may not be there yet."""
    there = next((parent for parent in (folder, *folder.parents) if parent.is_dir()), folder.anchor)
    return shutil.disk_usage(there).free
