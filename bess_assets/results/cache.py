"""Answers kept in memory for as long as the files they were read from stay as they are.

Belongs here: what an answer is kept under, when it is given up, how much is kept; whether a file was replaced while it was read.
Does not: finding answers (queries.py), fingerprints that decide about a refresh (store/fingerprint.py): these here only notice.
"""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from bess_assets.results.answers import UnansweredError

Marks = tuple[tuple[str, tuple[int, int, int] | None], ...]
"""Of each file its path, and size, modification time and inode; None where it is absent."""

_TRIES = 10
_SAMPLE = 100
_ROW_BYTES = 64


class CacheInfo(NamedTuple):
    """What the cache did and holds.

    Attributes:
        hits: questions answered from memory.
        misses: questions put to DuckDB.
        entries: answers held.
        bytes: about what they take.
        most_entries: answers that may be held.
        most_bytes: what they may take.
    """

    hits: int
    misses: int
    entries: int
    bytes: int
    most_entries: int
    most_bytes: int

    @property
    def hit_rate(self) -> float | None:
        """Share of questions answered from memory; None before the first."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


class Kept(Protocol):
    """What may be kept: something that gives out copies of itself."""

    def copy(self) -> Self:
        """The same in lists of its own, so that what one reader does to it no other sees."""
        ...


T = TypeVar("T", bound=Kept)
U = TypeVar("U")


class _Entry(NamedTuple):
    marks: Marks
    value: Kept
    bytes: int


class AnswerCache:
    """The least recently asked answers go first; one of more than a quarter of the space is not kept at all. Safe to use from several threads."""

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        """Keep nothing yet, and never more than this; 0 keeps nothing ever."""
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0
        self._guard = threading.Lock()

    def answer(self, key: Hashable, files: Iterable[Path], ask: Callable[[], T]) -> T:
        """The answer kept under the key if these files are as they were when it was read, else a new one.

        Args:
            key: the question with all that it depends on but the files.
            files: files the answer is read from, or whose absence it shows.
            ask: finds the answer.

        Raises:
            BessError: as `ask` does; or the files were replaced while they were read, time after time.
        """
        files = list(files)
        marks = marks_of(files)
        with self._guard:
            entry = self._entries.get(key)
            if entry is not None and entry.marks == marks:
                self._entries.move_to_end(key)
                self._hits += 1
                found: Any = entry.value
                return found.copy()  # type: ignore[no-any-return]
            self._misses += 1
        value, marks = of_one_edition(ask, lambda: marks_of(files))
        self._keep(key, _Entry(marks, value.copy(), size_of(value)))
        return value

    def info(self) -> CacheInfo:
        """What it did and holds."""
        with self._guard:
            return CacheInfo(
                self._hits, self._misses, len(self._entries), self._bytes, self._most_entries, self._most_bytes
            )

    def _keep(self, key: Hashable, entry: _Entry) -> None:
        with self._guard:
            old = self._entries.pop(key, None)
            self._bytes -= old.bytes if old else 0
            if entry.bytes > self._most_bytes / 4 or not self._most_entries:
                return
            self._entries[key] = entry
            self._bytes += entry.bytes
            while self._bytes > self._most_bytes or len(self._entries) > self._most_entries:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= gone.bytes


def of_one_edition(ask: Callable[[], U], marks_now: Callable[[], Marks]) -> tuple[U, Marks]:
    """What is found while none of the files is replaced, and their marks.

    DuckDB opens a file more than once, and would read one edition by the footer of another.

    Args:
        ask: finds the answer.
        marks_now: the marks of the files that it reads.

    Raises:
        BessError: as `ask` does; or the files were replaced in each of some tries.
    """
    for _ in range(_TRIES):
        before = marks_now()
        try:
            value = ask()
        except UnansweredError:
            if marks_now() == before:
                raise
        else:
            if marks_now() == before:
                return value, before
    raise UnansweredError(
        f"Result files were replaced {_TRIES} times while they were being read.",
        remedy="Ask again when the refresh is done: bess status shows it.",
    )


def marks_of(files: Iterable[Path]) -> Marks:
    """What tells whether any of the files has changed. A result file is replaced by a rename, so its inode changes too."""
    return tuple((str(file), _mark(file)) for file in files)


def _mark(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def size_of(value: Any) -> int:
    """About the bytes of an answer's rows: those of some of them, spread evenly, times their number."""
    rows = getattr(value, "rows", None)
    if rows is None:  # an answer of several, or of mappings of short texts
        return sum(size_of(part) if isinstance(part, tuple) else 4 * _ROW_BYTES * len(part) for part in value)
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    sampled = sum(_ROW_BYTES + sum(8 + sys.getsizeof(cell) for cell in row) for row in sample)
    return 256 + sampled * len(rows) // max(1, len(sample))
