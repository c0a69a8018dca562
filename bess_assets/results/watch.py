"""How long questions take: seconds and rows by kind of question, and a line in the log for each one that is slow."""

import logging
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from bess_assets.results.answers import Answer
from bess_assets.results.cache import AnswerCache

SLOW_SECONDS = 1.0
"""A question that takes longer is logged with its text."""
_KEPT = 1_000  # of each kind the last so many, of which median and percentile are made
_LOG = logging.getLogger(__name__)
_COLUMNS = {
    "question": "VARCHAR",
    **dict.fromkeys(("asked", "from_memory", "rows"), "BIGINT"),
    **dict.fromkeys(("median_seconds", "p95_seconds", "longest_seconds"), "DOUBLE"),
}

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class _Kind:
    asked: int = 0
    from_memory: int = 0
    rows: int = 0
    seconds: "deque[float]" = field(default_factory=lambda: deque(maxlen=_KEPT))


class Watch:
    """Counts the questions put to one `Results`; one that others are answered with counts as part of them. Several threads may use it."""

    def __init__(self, cache: AnswerCache, before: Callable[[], object]) -> None:
        """Begin to count.

        Args:
            cache: of the answers.
            before: called before each question.
        """
        self._before = before
        self._cache, self._kinds = cache, dict[str, _Kind]()
        self._guard, self._thread = threading.Lock(), threading.local()

    def time(self, kind: str, ask: Callable[[], T], text: Callable[[], str]) -> T:
        """The answer of a question, which is counted if it has one."""
        if getattr(self._thread, "busy", False):
            return ask()
        self._before()
        self._thread.busy, (hits, misses), started = True, self._cache.counts_here(), perf_counter()
        try:
            answer = ask()
        finally:
            self._thread.busy = False
        seconds, rows = perf_counter() - started, _rows(answer)
        hits_now, misses_now = self._cache.counts_here()
        with self._guard:
            own = self._kinds.setdefault(kind, _Kind())
            own.asked += 1
            own.from_memory += hits_now > hits and misses_now == misses
            own.rows += rows
            own.seconds.append(seconds)
        if seconds > SLOW_SECONDS:
            _LOG.info("%.2f s, %d rows: %s", seconds, rows, text())
        return answer

    def statistics(self) -> Answer:
        """A row for each kind of question asked, in order of its name."""
        with self._guard:
            kinds = [(kind, own, sorted(own.seconds)) for kind, own in sorted(self._kinds.items())]
        rows = [
            (kind, own.asked, own.from_memory, own.rows, *(_percentile(seconds, share) for share in (0.5, 0.95, 1.0)))
            for kind, own, seconds in kinds
        ]
        return Answer(tuple(_COLUMNS), rows, tuple(_COLUMNS.values()))


class Watching(Protocol):
    """Whose questions are counted."""

    _watch: Watch


W = TypeVar("W", bound=Watching)


def watched(method: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """The method, counted under its name as a question."""

    @wraps(method)
    def asked(self: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def text() -> str:
            named = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
            return f"{method.__name__}({', '.join(named)})"

        return self._watch.time(method.__name__, lambda: method(self, *args, **kwargs), text)

    return asked


def _rows(answer: Any) -> int:
    """Rows of an answer, of its parts, or of those that a stream begins with."""
    parts = [answer] if isinstance(answer, Answer) else [part for part in answer if isinstance(part, Answer)]
    return sum(len(part.rows) for part in parts)


def _percentile(ordered: list[float], share: float) -> float:
    """The value that this share of some values, ascending, do not exceed."""
    return ordered[math.ceil(share * len(ordered)) - 1]
