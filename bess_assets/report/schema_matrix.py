"""The matrix of dataset, column and year: its cells, marks and legend, and the same as Markdown for Dagster's UI."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bess_assets.ercot.inspection import NOT_USED, UNKNOWN, words_of_changes
from bess_assets.text import Column, listed, markdown_table, markdown_text, one_line

Row = Mapping[str, Any]

YES, PART, NO, ABSENT = "yes", "part", "no", "."
_MARKS = {"appeared": "+", "vanished": "x", "type changed": "t", "heading changed": "h"}
_UNEXPECTED = "!"
LEGEND = (
    f"{YES}: in every file that the year reads; {PART}: in some of them; {NO}: in none, though ERCOT published it then; {ABSENT}: in none, and not published; "
    f"-: no file. Since the year before: {', '.join(f'{mark} {what}' for what, mark in _MARKS.items())}; {_UNEXPECTED} not by ERCOT's doing. "
    "Names in quotes are headings that no figure needs; a column that is blank in every row counts as absent."
)
"""Meaning of the cells."""
NO_FILE = "no file in any of these years"


class Matrix(NamedTuple):
    """The matrix of one dataset.

    Attributes:
        columns: of the table, the name and the years.
        rows: a name and its cells, one a year, None where the dataset has no file; no rows if it has none in any year.
        notes: the changes in words, by year, those that ERCOT did not make beginning with `!`; then the columns left out.
        left_out: columns not shown: known, not used, and the same in every year.
    """

    dataset: str
    columns: list[Column]
    rows: list[list[str | None]]
    notes: list[str]
    left_out: list[str]


def matrices(rows: Sequence[Row], *, every_column: bool = False) -> list[Matrix]:
    """A matrix for each dataset of the rows of `column_availability`; columns that are known, not used and the same in every year only if asked for."""
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        found.setdefault(row["dataset"], {}).setdefault(row["column_name"], []).append(row)
    return [_matrix(dataset, columns, every_column=every_column) for dataset, columns in found.items()]


def _matrix(dataset: str, columns: Mapping[str, Sequence[Row]], *, every_column: bool) -> Matrix:
    years = (Column(str(row["year"]), n) for n, row in enumerate(next(iter(columns.values())), start=1))
    headings = [Column("column", 0), *years]
    if not any(row["files"] for rows in columns.values() for row in rows):
        return Matrix(dataset, headings, [], [], [])
    left_out = [name for name, rows in columns.items() if not every_column and _is_uneventful(rows)]
    shown = {name: rows for name, rows in columns.items() if name not in left_out}
    changed = [row for rows in shown.values() for row in rows if row["change"]]
    words = [
        f"{_UNEXPECTED if unexpected else ' '} {text}"
        for unexpected in (False, True)
        for text in words_of_changes([row for row in changed if (row["expected_change"] is False) == unexpected])
    ]
    uses = {NOT_USED: " (not used)", UNKNOWN: " (unknown)"}
    cells = [[one_line(name) + uses.get(rows[-1]["use"], ""), *map(_cell, rows)] for name, rows in shown.items()]
    notes = sorted(words, key=lambda text: text[2:])
    if left_out:
        what = "1 more column that is" if len(left_out) == 1 else f"{len(left_out)} more columns that are"
        notes.append(f"  {what} known, not used, and there in every year: {listed(left_out, 12)}")
    return Matrix(dataset, headings, cells, notes, left_out)


def _is_uneventful(rows: Sequence[Row]) -> bool:
    """Whether a column is not used and, except for its heading, the same in every year that has files."""
    return all(
        row["use"] == NOT_USED
        and (not row["files"] or row["file_share"] == 1)
        and "type changed" not in (row["change"] or "")
        for row in rows
    )


def _cell(row: Row) -> str | None:
    if not row["files"]:
        return None
    here = (YES if row["file_share"] == 1 else PART) if row["present"] else NO if row["published"] else ABSENT
    marks = "".join(mark for what, mark in _MARKS.items() if what in (row["change"] or ""))
    return f"{here} {marks}{_UNEXPECTED if row['expected_change'] is False else ''}".rstrip()


def matrix_markdown(rows: Sequence[Row]) -> str:
    """The matrix as Markdown, a table for each dataset; `rows` as of `matrices`."""
    parts = [LEGEND]
    for matrix in matrices(rows):
        rows_shown = markdown_table(matrix.columns, matrix.rows) if matrix.rows else NO_FILE
        notes = "\n".join(f"* {markdown_text(note.strip())}" for note in matrix.notes)
        parts += [f"### {matrix.dataset}", rows_shown, notes]
    return "\n\n".join(filter(None, parts))
