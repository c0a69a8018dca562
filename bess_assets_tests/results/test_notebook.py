"""What makes `Results` pleasant in a notebook: a path, years as texts, tables in HTML, and how long questions took."""

import logging

import pytest

from bess_assets.results import Answer, QueryError, Results, watch
from bess_assets.settings import Settings


def test_a_home_is_named_by_its_path(settings: Settings) -> None:
    for home in (settings.home, str(settings.home)):
        with Results(home) as results:
            assert results.years() == [2023, 2024]


def test_a_year_is_a_number_or_its_text(results: Results) -> None:
    assert results.leaderboard("2024").rows == results.leaderboard(2024).rows
    assert results.battery("ALPHA_1", "2024") == results.battery("ALPHA_1", 2024)
    assert results.groups("qse", "2024").rows == results.groups("qse", 2024).rows
    with pytest.raises(QueryError, match="'last' is no year"):
        results.leaderboard("last")


def test_an_answer_is_a_table_in_a_notebook_whose_texts_are_no_markup() -> None:
    html = Answer(("name", "usd"), [("<b>&x", 1234.5), ("y", None)])._repr_html_()
    assert "<th>name</th>" in html
    assert "&lt;b&gt;&amp;x" in html
    assert "1,234.5" in html
    assert ">-</td>" in html
    assert "2 rows" in html
    assert "the first 60 of 61 rows" in Answer(("n",), [(n,) for n in range(61)])._repr_html_()


def test_a_battery_is_three_tables_in_a_notebook(results: Results) -> None:
    assert results.battery("ALPHA_1")._repr_html_().count("<table>") == 3


def test_statistics_count_questions_by_kind_with_their_rows_and_what_memory_answered(results: Results) -> None:
    for _ in range(3):
        results.leaderboard(2024)
    results.groups("qse", 2024)  # asks for the board itself: one question
    results.query("SELECT 1")
    for _ in range(2):
        results.query("SELECT random()")  # never kept
    with results.stream("SELECT battery FROM leaderboard") as (_, rows):
        assert len(list(rows)) == 5
    found = {row["question"]: row for row in results.statistics().records()}
    assert {name: (row["asked"], row["from_memory"], row["rows"]) for name, row in found.items()} == {
        "leaderboard": (3, 2, 9), "groups": (1, 1, 1), "query": (3, 0, 3), "stream": (1, 0, 5),
    }  # fmt: skip
    assert all(0 < row["median_seconds"] <= row["p95_seconds"] <= row["longest_seconds"] for row in found.values())


def test_a_question_without_an_answer_is_not_counted(results: Results) -> None:
    with pytest.raises(QueryError):
        results.battery("NOBODY")
    assert results.statistics().rows == []


def test_a_slow_question_is_logged_with_its_text(results: Results, monkeypatch, caplog) -> None:
    monkeypatch.setattr(watch, "SLOW_SECONDS", 0.0)
    with caplog.at_level(logging.INFO, "bess_assets.results"):
        results.leaderboard(2024, month=2)
    assert caplog.messages[0].endswith("s, 3 rows: leaderboard(2024, month=2)")


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.95, 4.0), (1.0, 4.0)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert watch._percentile([1.0, 2.0, 3.0, 4.0], share) == value
