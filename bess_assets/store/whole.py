"""Files that appear whole or not at all: written under a temporary name in the same folder, brought to the disk, then renamed.

A *sealed* JSON file ends with the SHA-256 of the rest, so that any change of it by another hand is seen when it is read.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bess_assets.errors import writing
from bess_assets.store.fingerprint import whole_digest

SEAL = "sha256"
"""Last entry of a sealed file."""


@contextmanager
def whole(path: Path, folder: Path | None = None) -> Iterator[Path]:
    """A name to write a file under, in this folder or beside it; the file takes its place when the block ends, or stays as it was where the block fails.

    Raises:
        WriteError: the disk is full.
    """
    with whole_set([path], folder) as (temporary,), writing(path):
        yield temporary


def copy_whole(path: Path, to: Path) -> None:
    """Copy a file, whole or not at all."""
    with whole(to) as temporary:
        shutil.copyfile(path, temporary)


def remove_unchanged(folder: Path, digests: Mapping[str, str]) -> None:
    """Remove these files of a folder, but those whose content has another digest, and whatever lies outside it."""
    for name, digest in digests.items():
        path = folder / name
        if path.resolve().is_relative_to(folder.resolve()) and path.is_file() and whole_digest(path) == digest:
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a sealed JSON file, whole or not at all."""
    write_text(path, sealed(json.dumps(content, indent=1) + "\n"))


def sealed(text: str) -> str:
    """The text of a JSON object with the digest of all before it as its last entry."""
    head = text.rstrip()[:-1].rstrip()
    return f'{head},\n "{SEAL}": "{hashlib.sha256(head.encode()).hexdigest()}"\n}}\n'


def with_entry(text: str, name: str, value: str) -> str:
    """The text of a sealed JSON object with one more entry, sealed anew."""
    head, _, _ = text.rpartition(f',\n "{SEAL}": ')
    return sealed(f"{head},\n {json.dumps(name)}: {json.dumps(value)}\n}}\n")


def read_sealed(path: Path, **of: object) -> dict[str, Any]:
    """The content of a sealed JSON file with these values by key, or of one of an earlier version, which had no seal and whose `format` was 1 or not named.

    Raises:
        OSError: the file is not there or cannot be read.
        ValueError: it is not as it was written, or has other values.
    """
    text = path.read_bytes().decode("utf-8")
    head, mark, _ = text.rpartition(f',\n "{SEAL}": ')
    content = json.loads(text)
    if mark and sealed(head + "}") != text:
        raise ValueError("its seal is not that of its text")
    if not isinstance(content, dict) or (not mark and content.get("format", 1) != 1):
        raise ValueError("it has no seal")
    if any(content.get(name) != value for name, value in of.items()):
        raise ValueError("it is that of another file")
    content.pop(SEAL, None)
    return content


@contextmanager
def whole_set(paths: Sequence[Path], folder: Path | None = None) -> Iterator[list[Path]]:
    """Names to write several files under; they take their places in the order given when the block ends, or all stay as they were where it fails.

    Their content is on the disk before the first takes its place, and the new names are when the block has ended: a power cut leaves whole files too.
    """
    for path in paths:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
    temporaries = [temporary_path((folder or path.parent) / path.name) for path in paths]
    try:
        yield temporaries
        for temporary in temporaries:
            _to_disk(temporary)
        for path, temporary in zip(paths, temporaries, strict=True):
            temporary.replace(path)
        for parent in {path.parent for path in paths}:
            _to_disk(parent)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk; Windows keeps names by itself."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_path(path: Path) -> Path:
    """A new name for writing beside a file; in the same folder, so that the rename is one step of the file system."""
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
