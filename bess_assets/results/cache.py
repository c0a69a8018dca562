"""Answers kept in memory until a file that they were read from changes, and rows that are read while no file is replaced."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeVar

from bess_assets.results.answers import Answer, UnansweredError
from bess_assets.store.listing import Marks, marks_of

_TRIES = 10

T = TypeVar("T")


class CacheInfo(NamedTuple):
    """Questions answered from memory and put to DuckDB; answers held, about what they take, and how many and how much may be held."""

    hits: int
    misses: int
    entries: int
    bytes: int
    most_entries: int
    most_bytes: int

    @property
    def hit_rate(self) -> float | None:
        """Share of questions answered from memory; None before the first."""
        return self.hits / (self.hits + self.misses) if self.hits or self.misses else None


class AnswerCache:
    """Gives up the least recently asked answers first, and keeps none of more than a quarter of the space. Several threads may use it."""

    def __init__(self, most_bytes: int, most_entries: int) -> None:
        self._most_bytes, self._most_entries = most_bytes, most_entries
        self._entries: OrderedDict[Hashable, tuple[Marks, list[Answer], int]] = OrderedDict()
        self._hits = self._misses = 0
        self._guard, self._thread = threading.Lock(), threading.local()

    def counts_here(self) -> tuple[int, int]:
        """Questions of this thread answered from memory, and those that were not."""
        return getattr(self._thread, "counts", (0, 0))

    def _count_here(self, *, hit: bool) -> None:
        hits, misses = self.counts_here()
        self._thread.counts = (hits + hit, misses + (not hit))

    def answers(self, key: Hashable, files: Iterable[Path], ask: Callable[[], list[Answer]]) -> list[Answer]:
        """The answers kept under the key if these files are as they were when they were read, else new ones; the caller may change their rows.

        The key is the question with all that it depends on but the files; the files are those the answers are read from, or whose absence they show.

        Raises:
            BessError: as `ask` does; or the files were replaced while they were read, time after time.
        """
        files = list(files)
        with self._guard:
            marks, kept, _ = self._entries.get(key, (None, [], 0))
            if marks == marks_of(files):
                self._entries.move_to_end(key)
                self._hits += 1
                self._count_here(hit=True)
                return _copies(kept)
            self._misses += 1
        self._count_here(hit=False)
        answers, marks = of_one_edition(ask, lambda: marks_of(files))
        size = sum(map(size_of, answers))
        with self._guard:
            self._entries.pop(key, None)
            if size <= self._most_bytes / 4:
                self._entries[key] = marks, _copies(answers), size
            while len(self._entries) > self._most_entries or self._bytes() > self._most_bytes:
                self._entries.popitem(last=False)
        return answers

    def info(self) -> CacheInfo:
        """Its use and content."""
        with self._guard:
            counts = self._hits, self._misses, len(self._entries), self._bytes()
        return CacheInfo(*counts, self._most_entries, self._most_bytes)

    def _bytes(self) -> int:
        return sum(size for _, _, size in self._entries.values())


def _copies(answers: Iterable[Answer]) -> list[Answer]:
    return [answer._replace(rows=list(answer.rows)) for answer in answers]


def of_one_edition(ask: Callable[[], T], marks_now: Callable[[], Marks], begun: Marks | None = None) -> tuple[T, Marks]:
    """An answer read while none of its files is replaced, and their marks; of an answer that was begun with some marks, more rows.

    DuckDB opens a file more than once, and would read one edition by the footer of another.

    Raises:
        BessError: as `ask` does; or the files were replaced in each of some tries, or after the answer was begun.
    """
    for _ in range(_TRIES if begun is None else 1):
        before = marks_now() if begun is None else begun
        try:
            value = ask()
        except UnansweredError:
            if marks_now() == before:
                raise
        else:
            if marks_now() == before or not value:  # no rows are of no edition
                return value, before
    raise UnansweredError(
        f"Result files were replaced {'while' if begun else f'{_TRIES} times while'} they were being read.",
        remedy="Ask again when the refresh is done: bess status shows it.",
    )


def size_of(answer: Answer) -> int:
    """About the bytes of an answer: those of a sample of its rows, spread evenly, times their number."""
    sample = answer.rows[:: max(1, len(answer.rows) // 100)]
    sampled = sum(64 + sum(8 + sys.getsizeof(cell) for cell in row) for row in sample)
    return 256 + sampled * len(answer.rows) // max(1, len(sample))
