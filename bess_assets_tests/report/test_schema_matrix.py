"""The matrix of columns as text and as Markdown: cells, marks, blocks of years, what is left out."""

from typing import Any

import click
import pytest

from bess_assets.cli.status import matrix_lines
from bess_assets.report.schema_matrix import LEGEND, matrices, matrix_markdown


def lines_of(rows: list[dict[str, Any]], width: int, **more: bool) -> list[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        return [click.unstyle(line) for line in matrix_lines(rows, **more)]


def row(column: str, year: int, **more: Any) -> dict[str, Any]:
    """A row of `column_availability`: there, in the one file of the year, unchanged."""
    share = more.get("file_share", 1.0)
    return {
        "dataset": "da_prices", "position": 1, "column_name": column, "year": year, "use": "used", "present": bool(share), "published": True,
        "files": 1, "file_share": share, "change": None, "expected_change": None, **more,
    }  # fmt: skip


ROWS = [
    row("price", 2022),
    row("price", 2023, change="type changed from string; heading changed from Price", expected_change=False),
    row("price", 2024, file_share=0.0, change="vanished", expected_change=False),
    row("qse", 2022, file_share=0.0, published=False, position=2),
    row("qse", 2023, file_share=0.5, change="appeared", expected_change=True, position=2),
    row("qse", 2024, file_share=None, present=False, files=0, position=2),
    row('"x|<y>_*"', 2022, use="unknown", published=None, position=3),
    row('"x|<y>_*"', 2023, use="unknown", published=None, position=3),
    row('"x|<y>_*"', 2024, use="unknown", published=None, position=3),
    *(row('"datetime"', year, use="known, not used", published=None, position=4) for year in (2022, 2023, 2024)),
    row('"hour"', 2022, use="known, not used", published=None, position=5),
    row('"hour"', 2023, use="known, not used", published=None, position=5, change="type changed from int64"),
    row('"hour"', 2024, use="known, not used", published=None, position=5, change="heading changed from HOUR"),
]


def test_a_cell_says_whether_a_column_is_there_and_what_changed() -> None:
    (matrix,) = matrices(ROWS)
    assert [column.heading for column in matrix.columns] == ["column", "2022", "2023", "2024"]
    assert matrix.rows == [
        ["price", "yes", "yes th!", "no x!"],
        ["qse", ".", "part +", None],
        ['"x|<y>_*" (unknown)', "yes", "yes", "yes"],
        ['"hour" (not used)', "yes", "yes t", "yes h"],
    ]


def test_changes_stand_in_words_in_the_order_of_years_and_those_not_of_ercots_doing_are_marked() -> None:
    (matrix,) = matrices(ROWS)
    assert [words.strip() for words in matrix.notes[:-1]] == [
        "2023: appeared: qse", "! 2023: heading changed: price from Price", '2023: type changed: "hour" from int64',
        "! 2023: type changed: price from string", '2024: heading changed: "hour" from HOUR',
        "! 2024: vanished: price",
    ]  # fmt: skip


def test_a_column_that_is_not_used_and_always_there_is_named_and_not_shown_unless_asked_for() -> None:
    assert matrices(ROWS)[0].left_out == ['"datetime"']
    everything = matrices(ROWS, every_column=True)[0]
    assert everything.left_out == []
    assert ['"datetime" (not used)', "yes", "yes", "yes"] in everything.rows
    lines = lines_of(ROWS, 100)
    assert '    1 more column that is known, not used, and there in every year: "datetime"' in lines
    assert lines[-1] == "Every column of a dataset: bess status --columns DATASET"
    assert "bess status" not in "".join(lines_of(ROWS, 100, every_column=True))


@pytest.mark.parametrize(("width", "blocks"), [(44, 2), (60, 1), (200, 1)])
def test_years_are_shown_in_blocks_that_fit_the_terminal(width: int, blocks: int) -> None:
    lines = lines_of(ROWS, width)
    assert max(map(len, lines)) <= width
    headings = [line.split()[1:] for line in lines if line.startswith("da_prices")]
    assert len(headings) == blocks
    assert [year for heading in headings for year in heading] == ["2022", "2023", "2024"]
    assert " ".join(LEGEND.split()) in " ".join(" ".join(lines).split())


def test_a_dataset_without_a_file_in_any_year_is_one_line() -> None:
    rows = [row(name, 2024, files=0, file_share=None, present=False) for name in ("price", "qse")]
    assert lines_of(rows, 100)[-2:] == ["", "da_prices: no file in any of these years"]
    assert matrix_markdown(rows).endswith("### da_prices\n\nno file in any of these years")


def test_a_long_heading_is_cut_and_does_not_break_the_table() -> None:
    lines = lines_of([row(f'"{"A" * 80}"', 2024, use="unknown")], 60)
    assert max(len(line) for line in lines if line.startswith('"A')) <= 60


def test_markdown_has_a_table_for_each_dataset_and_headings_cannot_break_it() -> None:
    text = matrix_markdown([*ROWS, row("mcpc", 2024, dataset="as_prices")])
    assert text.startswith(LEGEND)
    assert (
        "### da_prices\n\n| column | 2022 | 2023 | 2024 |\n|---|:-:|:-:|:-:|\n| price | yes | yes th! | no x! |" in text
    )
    assert "| qse | . | part + | - |" in text
    assert '| "x\\|&lt;y>\\_\\*" (unknown) | yes |' in text
    assert "* ! 2024: vanished: price" in text
    assert "### as_prices\n\n| column | 2024 |\n|---|:-:|\n| mcpc | yes |" in text
