"""Whether a file has changed: its size and time are compared first, and a digest of its content decides."""

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import TypedDict

_SAMPLE_BLOCKS = 64
_SAMPLE_BYTES = 64 * 1024
_WHOLE_FILE_BYTES = 2 * _SAMPLE_BLOCKS * _SAMPLE_BYTES


class Fingerprint(TypedDict):
    """Size and modification time, to notice a change, and a digest of the content, to decide; as a run record keeps it.

    `digest` is the SHA-256 of what `content_digest` reads of the file.
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


@cache
def _fingerprint(path: Path, size: int, mtime_ns: int) -> Fingerprint:
    return Fingerprint(size=size, mtime_ns=mtime_ns, digest=content_digest(path))


def same(old: Fingerprint, path: Path) -> bool:
    """Whether the file has the content that it had: a touched file has, a missing one has not."""
    try:
        size, mtime_ns = stamp(path)
    except OSError:
        return False
    return size == old["size"] and (mtime_ns == old["mtime_ns"] or fingerprint(path)["digest"] == old["digest"])


def content_digest(path: Path) -> str:
    """SHA-256 of a file; of a large Parquet file, of its size, its footer and blocks spread evenly over its pages.

    The footer holds the place and size of every page run and most columns' extremes, so that a restated file differs there; the blocks catch the rest.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        tail = file.read(8)
        if size <= _WHOLE_FILE_BYTES or tail[4:] != b"PAR1":
            return whole_digest(path)
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        file.seek(max(0, size - int.from_bytes(tail[:4], "little") - 8))
        digest.update(file.read())
        for block in range(_SAMPLE_BLOCKS):
            file.seek(block * (size - _SAMPLE_BYTES) // (_SAMPLE_BLOCKS - 1))
            digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()


def whole_digest(path: Path) -> str:
    """SHA-256 of a whole file: what decides whether a result differs from the one before."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
