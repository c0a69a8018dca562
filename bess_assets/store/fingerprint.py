"""Whether a file has changed: its size and time are compared first, and a digest of its content decides."""

import hashlib
from functools import cache
from pathlib import Path
from typing import TypedDict


class Fingerprint(TypedDict):
    """Size and modification time, to notice a change, and a digest of the content, to decide; as a run record keeps it.

    `digest` is the SHA-256 of the whole file: blocks of it, however many, miss a restated price.
    """

    size: int
    mtime_ns: int
    digest: str


def stamp(path: Path) -> tuple[int, int]:
    """Size and modification time in ns of a file: enough to notice that it may have changed.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def fingerprint(path: Path) -> Fingerprint:
    """Fingerprint of a file; a digest is computed once a process for one size and time.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    return _fingerprint(path, *stamp(path))


def recorded_as(path: Path, digest: str | None = None) -> Fingerprint:
    """Fingerprint of a file that was just written, whose digest may be known."""
    size, mtime_ns = stamp(path)
    return Fingerprint(size=size, mtime_ns=mtime_ns, digest=digest or whole_digest(path))


@cache
def _fingerprint(path: Path, size: int, mtime_ns: int) -> Fingerprint:
    return Fingerprint(size=size, mtime_ns=mtime_ns, digest=whole_digest(path))


def same(old: Fingerprint, path: Path) -> bool:
    """Whether the file has the content that it had: a touched file has, a missing one has not."""
    try:
        size, mtime_ns = stamp(path)
    except OSError:
        return False
    return size == old["size"] and (mtime_ns == old["mtime_ns"] or fingerprint(path)["digest"] == old["digest"])


def whole_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
