"""Several processes on one year: two that refresh it never mix, and those that read it meanwhile see one edition or the other, whole."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets.store.paths import result_path, run_record_path
from bess_assets_tests.crashes.server import BUSY, Server
from bess_assets_tests.crashes.small_year import EDITIONS, NEW, OLD, YEAR, look, settings_of, unfinished, wrong

ROUNDS = 20
SWAPS = 200

QUESTIONS: dict[str, Callable[[Results], Any]] = {
    "the board": lambda results: results.leaderboard(YEAR).rows,
    "a month of it": lambda results: results.leaderboard(YEAR, month=1).rows,
    "sql over a ledger": lambda results: (
        results.query(
            f"SELECT battery, count(*), sum(energy_usd), min(interval_start), max(interval_start) FROM energy_revenue WHERE year = {YEAR} GROUP BY ALL ORDER BY 1"
        ).rows
    ),
    "sql over two columns of the days": lambda results: (
        results.query(
            f"SELECT battery, sum(total_usd), sum(discharge_mwh) FROM daily_revenue WHERE year = {YEAR} GROUP BY ALL ORDER BY 1"
        ).rows
    ),
}
"""Each is answered from one table."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_refreshes_that_meet_at_any_moment_never_mix(expected, home, editions):
    where = home(OLD)
    with Server(editions) as one, Server(editions) as other:
        for number in range(ROUNDS):
            before = look(settings_of(editions, where, OLD))
            endings: dict[str, int] = {}

            def order(server: Server, edition: str, delay: float, endings: dict[str, int] = endings) -> None:
                time.sleep(delay)
                endings[edition] = server.order(home=str(where), edition=edition)

            delays = (0.0, number / ROUNDS) if number % 2 else (number / ROUNDS, 0.0)
            orders = zip((one, other), EDITIONS, delays, strict=True)
            threads = [threading.Thread(target=order, args=arguments) for arguments in orders]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert set(endings.values()) <= {0, BUSY}
            done = [edition for edition, ending in endings.items() if ending == 0]
            assert done
            settings = settings_of(editions, where, OLD)
            after = look(settings)
            if len(done) == 1:
                assert wrong(before, after, expected[done[0]]) == []
            assert [edition for edition in done if unfinished(settings, after, expected[edition]) == []] != []


@pytest.mark.slow
def test_who_reads_during_refreshes_sees_the_old_or_the_new_edition_whole(home, editions, server):
    where = home(NEW)
    with Results(settings_of(editions, where, NEW)) as results:
        of_new = {name: ask(results) for name, ask in QUESTIONS.items()}
    assert server.order(home=str(where), edition=OLD) == 0
    settings = settings_of(editions, where, OLD)
    with Results(settings) as results:
        of_old = {name: ask(results) for name, ask in QUESTIONS.items()}
    assert all(of_old[name] != of_new[name] for name in QUESTIONS)
    seen, problems = _read_while(settings, of_old, of_new, lambda: _alternate(server, where, 2))
    assert problems == []
    assert all(seen[name] == {"old", "new"} for name in QUESTIONS), seen


@pytest.mark.slow
def test_who_reads_while_files_are_swapped_hundreds_of_times_a_minute_sees_no_mixture(home, editions, server):
    where = home(NEW)
    settings = settings_of(editions, where, OLD)
    tables = ("leaderboard", "leaderboard_monthly", "energy_revenue", "daily_revenue")
    answers, contents = {}, {}
    for edition in (NEW, OLD):
        assert server.order(home=str(where), edition=edition) == 0
        with Results(settings) as results:
            answers[edition] = {name: ask(results) for name, ask in QUESTIONS.items()}
        paths = [
            *(result_path(settings.results, table, YEAR) for table in tables),
            run_record_path(settings.results, YEAR),
        ]
        contents[edition] = {path: path.read_bytes() for path in paths}

    def swap() -> None:
        for number in range(SWAPS):
            for path, content in contents[EDITIONS[number % 2]].items():
                temporary = path.with_name(f".{path.name}.swap.tmp")
                temporary.write_bytes(content)
                temporary.replace(path)
            time.sleep(0.1)  # longer than a question takes: else most are refused

    seen, problems = _read_while(settings, answers[OLD], answers[NEW], swap)
    # files are swapped faster than they are read, or a board before its record: that is said, and nothing else is answered
    expected = ("Result files were replaced", "is not the file that was written")
    assert [problem for problem in problems if not any(words in problem for words in expected)] == []
    assert all(seen[name] == {"old", "new"} for name in QUESTIONS), seen


def _alternate(server: Server, home: Path, refreshes: int) -> None:
    for number in range(refreshes):
        assert server.order(home=str(home), edition=EDITIONS[(number + 1) % 2]) == 0


def _read_while(settings: Settings, of_old: Mapping[str, Any], of_new, work) -> tuple[dict[str, set[str]], list[str]]:
    """Ask in a loop while some work goes on; which editions each question saw, and every answer that was neither."""
    seen: dict[str, set[str]] = {name: set() for name in QUESTIONS}
    problems: list[str] = []
    over = threading.Event()

    def ask_on(cache_bytes: int) -> None:
        with Results(settings, cache_bytes=cache_bytes) as results:
            while not over.is_set():
                for name, ask in QUESTIONS.items():
                    try:
                        answer = ask(results)
                    except Exception as error:  # noqa: BLE001  whatever it is, it is a finding
                        problems.append(f"{name}: {type(error).__name__}: {error}")
                        continue
                    editions = [e for e, whole in (("old", of_old), ("new", of_new)) if answer == whole[name]]
                    seen[name].update(editions)
                    if not editions:
                        problems.append(f"{name}: neither edition: {answer}")

    readers = [threading.Thread(target=ask_on, args=(size,)) for size in (0, 10_000_000)]
    for reader in readers:
        reader.start()
    try:
        work()
    finally:
        over.set()
        for reader in readers:
            reader.join()
    return seen, problems
