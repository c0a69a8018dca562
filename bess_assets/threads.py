"""Work in several threads with its results in order: the same inputs give the same rows, whichever item is done first.

NumPy and Arrow let other threads run while they compute.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def read_ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """The same items, each made in a thread of its own while the one before is worked on. None ends them."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


def in_order(threads: int, work: Callable[[Item], Made], items: Iterable[Item]) -> Generator[Made, None, None]:
    """What the work makes of each item, in the order of the items, some of them at a time.

    Args:
        threads: how many are worked on at a time; one more is made ahead of the taker.
        work: must not touch what the work on another item changes.
        items: what to work on.
    """
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="in-order") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # after the last taker or an error no further item is begun
            pool.shutdown(cancel_futures=True)
