"""Answers kept in memory: when they are given again, when they are given up, and that nobody can spoil them."""

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bess_assets.results import Answer, Results
from bess_assets.results.cache import AnswerCache, size_of
from bess_assets.settings import Settings
from bess_assets.store.paths import result_path


@pytest.fixture
def moved(settings: Settings, tmp_path: Path) -> Settings:
    """A home of one board, which a test may change."""
    other = replace(settings, results=tmp_path)
    copy_board(settings, other, 2024)
    return other


def copy_board(source: Settings, target: Settings, year: int) -> None:
    paths = [result_path(settings.results, "leaderboard", year) for settings in (source, target)]
    paths[1].parent.mkdir(exist_ok=True)
    paths[1].write_bytes(paths[0].read_bytes())


def answer(rows: int, text: str = "x") -> Answer:
    return Answer(("a",), [(text,)] * rows)


def test_a_question_asked_again_is_answered_from_memory_and_the_hit_rate_says_so(results: Results) -> None:
    assert results.cache_info().hit_rate is None
    first = results.leaderboard(2024)
    assert results.leaderboard(2024) == first
    info = results.cache_info()
    assert (info.hits, info.misses, info.entries, info.hit_rate) == (1, 1, 1, 0.5)
    assert 0 < info.bytes < info.most_bytes


def test_an_order_and_a_number_of_rows_ask_no_new_question(results: Results) -> None:
    results.leaderboard(2024)
    assert results.leaderboard(2024, sort="battery", top=1).column("battery") == ["ALPHA_1"]
    assert results.cache_info().misses == 1


def test_other_questions_are_not_mixed_up(results: Results) -> None:
    years = ((2024,), (2023,), (2024, 1), (2024, 2))
    first, again = ([results.leaderboard(*asked).rows for asked in years] for _ in "ab")
    assert first == again
    assert len({tuple(rows) for rows in first}) == 4
    assert results.cache_info().hits == 4


def test_what_a_reader_does_to_an_answer_no_other_sees(results: Results) -> None:
    results.leaderboard(2024).rows.clear()
    assert len(results.leaderboard(2024).rows) == 3
    results.battery("ALPHA_1").best_days.rows.clear()
    assert results.battery("ALPHA_1").best_days.rows


def test_a_file_replaced_is_seen_at_once_even_by_one_of_the_same_size_and_time(moved: Settings) -> None:
    board = result_path(moved.results, "leaderboard", 2024)
    with Results(moved) as results:
        before = results.leaderboard(2024)
        content, status = board.read_bytes(), board.stat()
        other = board.with_name("other")
        assert b"ALPHA_LD1" in content
        other.write_bytes(content.replace(b"ALPHA_LD1", b"OMEGA_LD1"))
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(board)
        assert (board.stat().st_size, board.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
        assert before.column("load_resource")[0] == "ALPHA_LD1"
        assert results.leaderboard(2024).column("load_resource")[0] == "OMEGA_LD1"
        assert results.query("SELECT load_resource FROM leaderboard").rows[0] == ("OMEGA_LD1",)


def test_an_earlier_year_that_comes_later_is_seen_in_the_change_of_rank(settings: Settings, moved: Settings) -> None:
    with Results(moved) as results:
        assert results.leaderboard(2024).column("rank_change") == [None, None, None]
        copy_board(settings, moved, 2023)
        assert results.leaderboard(2024).column("rank_change") == [1, -1, None]


def test_sql_is_answered_from_memory_too_until_a_table_it_names_changes(settings: Settings, moved: Settings) -> None:
    sql = "SELECT count(*) FROM leaderboard"
    with Results(moved) as results:
        assert results.query(sql).rows == results.query(sql).rows == [(3,)]
        assert results.cache_info().hits == 1
        copy_board(settings, moved, 2023)
        assert results.query(sql).rows == [(5,)]


@pytest.mark.parametrize("sql", [
    "SELECT random()", "SELECT now()", "SELECT current_date", "SELECT uuid()", "SELECT age(TIMESTAMP '2024-01-01')",
    "FROM leaderboard USING SAMPLE 2", "SELECT count(*) FROM glob('{folder}/*')",
    "SELECT count(*) FROM '{folder}/leaderboard/2024.parquet'",
    "SELECT count(*) FROM leaderboard, '{folder}/leaderboard/2024.parquet'", "SHOW TABLES",
])  # fmt: skip
def test_sql_whose_answer_may_change_by_itself_is_asked_anew(settings: Settings, results: Results, sql: str) -> None:
    text = sql.format(folder=settings.results.as_posix().replace("'", "''"))
    results.query(text)
    results.query(text)
    assert results.cache_info().hits == 0
    assert results.cache_info().entries == 0


def test_the_least_recently_asked_answer_goes_first() -> None:
    cache = AnswerCache(most_bytes=10**6, most_entries=2)
    for key in ("a", "b", "a", "c"):
        cache.answers(key, [], lambda: [answer(1)])
    assert cache.info().entries == 2
    hits = cache.info().hits
    cache.answers("a", [], lambda: [answer(1)])
    assert cache.info().hits == hits + 1
    cache.answers("b", [], lambda: [answer(1)])
    assert cache.info().hits == hits + 1


def test_answers_are_given_up_when_they_take_too_much_together() -> None:
    one = size_of(answer(1_000))
    cache = AnswerCache(most_bytes=int(4.5 * one), most_entries=100)
    for key in range(20):
        cache.answers(key, [], lambda: [answer(1_000)])
        assert cache.info().bytes <= cache.info().most_bytes
    assert cache.info().entries == 4


def test_an_answer_of_more_than_a_quarter_of_the_space_is_not_kept() -> None:
    cache = AnswerCache(most_bytes=1_000_000, most_entries=100)
    cache.answers("small", [], lambda: [answer(10)])
    assert len(cache.answers("large", [], lambda: [answer(10_000)])[0].rows) == 10_000
    assert cache.info().entries == 1


def test_a_cache_of_no_entries_keeps_nothing(settings: Settings) -> None:
    with Results(settings, cache_entries=0) as results:
        assert results.leaderboard(2024) == results.leaderboard(2024)
        assert (results.cache_info().hits, results.cache_info().entries, results.cache_info().bytes) == (0, 0, 0)


def test_the_size_of_an_answer_grows_with_its_rows_and_texts() -> None:
    assert size_of(answer(20_000)) > 15 * size_of(answer(1_000))
    assert size_of(answer(1_000, "x" * 1_000)) > 5 * size_of(answer(1_000))


def test_an_error_is_not_kept() -> None:
    cache = AnswerCache(10**6, 10)

    def fail() -> list[Answer]:
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        cache.answers("a", [], fail)
    assert cache.answers("a", [], lambda: [answer(1)]) == [answer(1)]


def test_many_threads_get_the_same_answers_and_every_question_is_counted(settings: Settings) -> None:
    with Results(settings) as results:
        expected = {month: results.leaderboard(2024, month).rows for month in (1, 2)}
        wrong: list[object] = []

        def ask() -> None:
            try:
                for n in range(20):
                    if results.leaderboard(2024, 1 + n % 2).rows != expected[1 + n % 2]:
                        wrong.append(n)
                    if results.query(f"SELECT {n % 3} FROM leaderboard").rows[0] != (n % 3,):
                        wrong.append(n)
            except BaseException as error:  # noqa: BLE001  seen by the test, whatever it is
                wrong.append(error)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        info = results.cache_info()
        assert wrong == []
        assert info.hits + info.misses == 2 + 6 * 40
