"""Answers kept in memory until a file that they were read from changes, and rows that are read while no file is replaced."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self, TypeVar

from bess_assets.results.answers import UnansweredError
from bess_assets.store.listing import Marks, marks_of

_TRIES = 10
_SAMPLE = 100
_ROW_BYTES = 64


class CacheInfo(NamedTuple):
    """Use and content of the cache.

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
    """An answer that gives out copies of itself, so that no reader sees what another did to its rows."""

    def copy(self) -> Self:
        """The same in lists of its own."""
        ...


T = TypeVar("T", bound=Kept)
U = TypeVar("U")


class AnswerCache:
    """Gives up the least recently asked answers first, and keeps none of more than a quarter of the space. Several threads may use it."""

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        """Keep at most this; 0 keeps nothing."""
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._entries: OrderedDict[Hashable, tuple[Marks, Any, int]] = OrderedDict()
        self._bytes = self._hits = self._misses = 0
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
        with self._guard:
            marks, kept, _ = self._entries.get(key, ((), None, 0))
            if kept is not None and marks == marks_of(files):
                self._entries.move_to_end(key)
                self._hits += 1
                found: T = kept.copy()
                return found
            self._misses += 1
        value, marks = of_one_edition(ask, lambda: marks_of(files))
        with self._guard:
            self._keep(key, marks, value)
        return value

    def info(self) -> CacheInfo:
        """Its use and content."""
        with self._guard:
            counts = self._hits, self._misses, len(self._entries), self._bytes
        return CacheInfo(*counts, self._most_entries, self._most_bytes)

    def _keep(self, key: Hashable, marks: Marks, value: Kept) -> None:
        size = size_of(value)
        self._bytes -= self._entries.pop(key, ((), None, 0))[2]
        if size > self._most_bytes / 4 or not self._most_entries:
            return
        self._entries[key] = marks, value.copy(), size
        self._bytes += size
        while self._bytes > self._most_bytes or len(self._entries) > self._most_entries:
            self._bytes -= self._entries.popitem(last=False)[1][2]


def of_one_edition(ask: Callable[[], U], marks_now: Callable[[], Marks]) -> tuple[U, Marks]:
    """An answer read while none of its files is replaced, and their marks.

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


def size_of(value: Any) -> int:
    """About the bytes of the rows of an answer, or of those of its parts: a sample's bytes, spread evenly, times the number of rows."""
    rows = getattr(value, "rows", None)
    if rows is None:
        return sum(size_of(part) for part in value if isinstance(part, tuple))
    sample = rows[:: max(1, len(rows) // _SAMPLE)]
    sampled = sum(_ROW_BYTES + sum(8 + sys.getsizeof(cell) for cell in row) for row in sample)
    return 256 + sampled * len(rows) // max(1, len(sample))
