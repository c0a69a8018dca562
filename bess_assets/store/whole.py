"""Files that appear whole or not at all: written under a temporary name in the same folder, then renamed."""

import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bess_assets.errors import writing


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name to write a file under; the file takes its place when the block ends, or stays as it was where the block fails.

    Raises:
        WriteError: the disk is full.
    """
    with whole_set([path]) as (temporary,), writing(path):
        yield temporary


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, indent=1) + "\n")


@contextmanager
def whole_set(paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Names to write several files under; they take their places in the order given when the block ends, or all stay as they were where it fails."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    temporaries = [temporary_path(path) for path in paths]
    try:
        yield temporaries
        for path, temporary in zip(paths, temporaries, strict=True):
            temporary.replace(path)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def temporary_path(path: Path) -> Path:
    """A new name for writing beside a file; in the same folder, so that the rename is one step of the file system."""
    return path.with_name(f".{path.name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
