"""Work in several threads whose results come in order."""

import threading
import time

import pytest

from bess_assets.threads import in_order, read_ahead


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_the_items_whichever_is_done_first(threads):
    def work(n):
        time.sleep(0.002 * (n % 3 == 0))
        return n * n

    assert list(in_order(threads, work, range(40))) == [n * n for n in range(40)]


def test_no_more_than_the_threads_and_one_are_made_ahead_of_the_taker():
    made = []
    taking = in_order(2, lambda n: made.append(n) or n, range(40))
    assert next(taking) == 0
    time.sleep(0.05)
    assert len(made) <= 3
    taking.close()
    assert len(made) <= 3


def test_one_more_than_the_threads_is_made_ahead_of_the_taker():
    made = [threading.Event() for _ in range(40)]
    taking = in_order(2, lambda n: made[n].set(), range(40))
    next(taking)
    assert made[2].wait(10)
    taking.close()


def test_several_items_are_worked_on_at_a_time():
    meeting = threading.Barrier(2, timeout=10)
    assert sorted(in_order(2, lambda _: meeting.wait(), range(2))) == [0, 1]


def test_an_error_in_the_work_reaches_the_taker_after_the_results_before_it():
    taken = []
    with pytest.raises(ZeroDivisionError):
        taken.extend(in_order(2, lambda n: taken.append(n) or 1 // (3 - n), range(10)))
    assert 9 not in taken


def test_what_is_read_ahead_is_the_same_and_its_error_comes_where_it_arose():
    def items():
        yield from (1, 2, 3)
        raise ZeroDivisionError

    ahead = read_ahead(items())
    assert [next(ahead) for _ in range(3)] == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        next(ahead)


def test_the_next_item_is_made_while_the_one_before_is_worked_on():
    made = threading.Event()

    def items():
        yield 1
        made.set()
        yield 2

    ahead = read_ahead(items())
    assert next(ahead) == 1
    assert made.wait(10)
    assert list(ahead) == [2]
