"""The matrix of dataset by column by year, as text for a terminal and as Markdown for the UI.

Belongs here: cells, marks, their legend, which rows need not be shown one by one.
Does not: finding out what is there and what changed (ercot/inspection.py), reading the table (results.py, assets/metadata.py). Loads no Dagster.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bess_assets.ercot.inspection import NOT_USED, UNKNOWN, words_of_changes
from bess_assets.text_tables import Heading, listed, one_line, paragraph, text_table

Row = Mapping[str, Any]

YES, PART, NO, ABSENT = "yes", "part", "no", "."
_MARKS = {"appeared": "+", "vanished": "x", "type changed": "t", "heading changed": "h"}
_UNEXPECTED = "!"
LEGEND = (
    f"{YES}: in every file that the year reads; {PART}: in some of them; {NO}: in none, though ERCOT published it then; {ABSENT}: in none, and not published; "
    f"-: no file. Since the year before: {', '.join(f'{mark} {what}' for what, mark in _MARKS.items())}; {_UNEXPECTED} not by ERCOT's doing. "
    "Names in quotes are headings that no figure needs; a column that is blank in every row counts as absent."
)
"""What a cell says."""

_NAME_WIDEST = 40
_CELL_WIDTH = 10
_LEFT_OUT_NAMED = 12
_NO_FILE = "no file in any of these years"


@dataclass(frozen=True)
class Matrix:
    """The matrix of one dataset.

    Attributes:
        dataset: its name.
        years: years across.
        cells: by column name, one a year; None where the dataset has no file; empty if it has none in any year.
        changes: in words, by year; those that ERCOT did not make begin with `!`.
        left_out: columns not shown: known, not used, and the same in every year.
    """

    dataset: str
    years: tuple[int, ...]
    cells: dict[str, list[str | None]]
    changes: tuple[str, ...]
    left_out: tuple[str, ...]


def matrices(rows: Sequence[Row], *, every_column: bool = False) -> list[Matrix]:
    """A matrix for each dataset.

    Args:
        rows: of `column_availability`, in file order.
        every_column: show also the columns that are known, not used, and the same in every year.
    """
    found: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        found.setdefault(row["dataset"], {}).setdefault(row["column_name"], []).append(row)
    return [_matrix(dataset, columns, every_column=every_column) for dataset, columns in found.items()]


def _matrix(dataset: str, columns: Mapping[str, Sequence[Row]], *, every_column: bool) -> Matrix:
    if not any(row["files"] for years in columns.values() for row in years):
        return Matrix(dataset, tuple(row["year"] for row in next(iter(columns.values()))), {}, (), ())
    left_out = [name for name, years in columns.items() if not every_column and _is_uneventful(years)]
    shown = {name: years for name, years in columns.items() if name not in left_out}
    changed = [row for years in shown.values() for row in years if row["change"]]
    words = [
        f"{_UNEXPECTED if unexpected else ' '} {text}"
        for unexpected in (False, True)
        for text in words_of_changes([row for row in changed if (row["expected_change"] is False) == unexpected])
    ]
    return Matrix(
        dataset,
        tuple(row["year"] for row in next(iter(columns.values()))),
        {_name(name, years[-1]): [_cell(row) for row in years] for name, years in shown.items()},
        tuple(sorted(words, key=lambda text: text[2:])),
        tuple(left_out),
    )


def _is_uneventful(years: Sequence[Row]) -> bool:
    """Whether a column is not used and, but for its spelling, the same in every year that has files."""
    return all(
        row["use"] == NOT_USED
        and (not row["files"] or row["file_share"] == 1)
        and "type changed" not in (row["change"] or "")
        for row in years
    )


def _name(column_name: str, row: Row) -> str:
    remark = {NOT_USED: " (not used)", UNKNOWN: " (unknown)"}.get(row["use"], "")
    return one_line(column_name) + remark


def _cell(row: Row) -> str | None:
    if not row["files"]:
        return None
    here = (YES if row["file_share"] == 1 else PART) if row["present"] else NO if row["published"] else ABSENT
    marks = "".join(mark for what, mark in _MARKS.items() if what in (row["change"] or ""))
    return f"{here} {marks}{_UNEXPECTED if row['expected_change'] is False else ''}".rstrip()


def matrix_lines(rows: Sequence[Row], width: int, *, every_column: bool = False) -> list[str]:
    """The matrix as lines of text, each dataset in blocks of as many years as fit.

    Args:
        rows: of `column_availability`, in file order.
        width: columns of the terminal.
        every_column: as of `matrices`.
    """
    lines = paragraph(LEGEND, width)
    found = matrices(rows, every_column=every_column)
    for matrix in found:
        lines += ["", *_text_of(matrix, width)]
    if any(matrix.left_out for matrix in found):
        lines += ["", *paragraph("Every column of a dataset: bess status --columns DATASET", width)]
    return lines


def _text_of(matrix: Matrix, width: int) -> Iterator[str]:
    if not matrix.cells:
        yield f"{matrix.dataset}: {_NO_FILE}"
        return
    names = max([len(matrix.dataset), *map(len, matrix.cells)])
    a_block = max(1, (width - min(names, _NAME_WIDEST)) // _CELL_WIDTH)
    for start in range(0, len(matrix.years), a_block):
        block = slice(start, start + a_block)
        headings = [
            Heading(matrix.dataset, widest=_NAME_WIDEST),
            *(Heading(str(year)) for year in matrix.years[block]),
        ]
        yield from [""] if start else []
        yield from text_table(headings, [[[name, *cells[block]] for name, cells in matrix.cells.items()]], width).lines
    if matrix.changes or matrix.left_out:
        yield ""
    for words in matrix.changes:
        yield from paragraph(words.strip(), width, "  " if words.startswith(_UNEXPECTED) else "    ")
    if matrix.left_out:
        yield from paragraph(_left_out_words(matrix), width, "    ")


def _left_out_words(matrix: Matrix) -> str:
    count = len(matrix.left_out)
    what = "1 more column that is" if count == 1 else f"{count} more columns that are"
    return f"{what} known, not used, and there in every year: {listed(matrix.left_out, _LEFT_OUT_NAMED)}"


def matrix_markdown(rows: Sequence[Row]) -> str:
    """The matrix as Markdown, a table for each dataset.

    Args:
        rows: of `column_availability`, in file order.
    """
    parts = [LEGEND]
    for matrix in matrices(rows):
        parts.append(f"### {matrix.dataset}")
        if not matrix.cells:
            parts.append(_NO_FILE)
            continue
        lines = [
            f"| column | {' | '.join(map(str, matrix.years))} |",
            f"|---|{':-:|' * len(matrix.years)}",
            *(
                f"| {_escaped(name)} | {' | '.join(cell or '-' for cell in cells)} |"
                for name, cells in matrix.cells.items()
            ),
        ]
        parts.append("\n".join(lines))
        notes = [*matrix.changes, *([_left_out_words(matrix)] if matrix.left_out else [])]
        if notes:
            parts.append("\n".join(f"* {_escaped(note.strip())}" for note in notes))
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    return one_line(text).replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")
