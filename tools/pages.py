"""Parts of the documents that are made from the code when the site is built; mkdocs.yml names this file as a hook.

Belongs here: which mark of a page, such as `<!-- tables -->`, stands for what.
Does not: words that a person writes (docs/*.md).
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bess_assets.cli import main
from bess_assets.ercot.datasets import DATASETS
from bess_assets.tables import LEADERBOARD, TABLES, Table

EXAMPLE = Path(__file__).resolve().parent.parent / "docs" / "examples" / "board_row.csv"
"""A row of a board, column by column, as the tests find it in the demo."""
_KINDS = {
    "text": "text", "label": "text of few values", "day": "date", "time": "time, UTC", "number": "number", "count": "whole number",
    "flag": "true or false",
}  # fmt: skip


def on_page_markdown(markdown: str, **_: Any) -> str:
    """The page with every mark replaced by the lines that it stands for; called by mkdocs."""
    for mark, lines in MARKS.items():
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(lines()))
    return markdown


def tables() -> Iterator[str]:
    """The data dictionary: each result table with its columns."""
    for table in TABLES.values():
        for name, columns in table.views.items():
            yield from (f"## {name}", "", *_about(table, name), "")
            rows = ([f"`{c.name}`", _KINDS[c.kind] + ", never empty" * c.required, c.meaning] for c in columns)
            yield from (*_table(["column", "kind", "meaning"], rows), "") if columns else ()


def _about(table: Table, view: str) -> Iterator[str]:
    stored = next(iter(table.views))
    if view != stored:
        yield f"In SQL: each row of [{stored}](#{stored}) once for each product."
        return
    if view != table.name:
        yield f"What the files of `{table.name}` hold; `{view}` in SQL."
    yield f"One row: {table.meaning}." if table.columns else f"Files for people: {table.meaning}."
    made_of = [*(f"`{DATASETS[name].folder}`" for name in table.datasets), *(f"[{t}](#{t})" for t in table.upstream)]
    files = " One file for all years." if table.merged else ""
    unique = f" Unique by {', '.join(f'`{name}`' for name in table.key)}." if table.key else ""
    yield f"Made of {', '.join(made_of)}.{unique}{files}" if made_of else f"{unique}{files}".strip()


def board() -> Iterator[str]:
    """Each column of the board with a value of the demo's board."""
    with EXAMPLE.open(encoding="utf-8", newline="") as file:
        examples = dict(csv.reader(file))
    rows = ([f"`{c.name}`", examples[c.name] or "(empty)", c.meaning] for c in LEADERBOARD.columns)
    return _table(["column", "example", "meaning"], rows)


def commands() -> Iterator[str]:
    """The help of each command."""
    context = click.Context(main, info_name="bess", terminal_width=110)
    for name in main.list_commands(context):
        _, command, _ = main.resolve_command(context, [name])
        if command:
            own = click.Context(command, info_name=name, parent=context, terminal_width=110)
            yield from (f"## bess {name}", "", "```text", command.get_help(own), "```", "")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield from (_line(headings), _line(["---"] * len(headings)))
    yield from map(_line, rows)


def _line(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(escaped)} |"


MARKS: Mapping[str, Callable[[], Iterable[str]]] = {
    "<!-- tables -->": tables,
    "<!-- board -->": board,
    "<!-- commands -->": commands,
}
