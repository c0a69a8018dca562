"""Lines for a terminal: tables that fit its width, paragraphs, colours, which click leaves out where they are not wanted."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

import click

from bess_assets.text import ALWAYS, Column, listed, one_line

_GAP = "  "

T = TypeVar("T")


def _width() -> int:
    """Columns of the terminal; 120 where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


class Table(NamedTuple):
    """A table as text: heading, rule and rows, and the columns that did not fit."""

    lines: list[str]
    left_out: list[Column]


def table(columns: Sequence[Column], sections: Iterable[Sequence[Any]]) -> Table:
    """Rows under their headings, with a rule between sections that have rows.

    Until the rest fits the terminal, the columns of the lowest `keep` are left out, of equal ones the last first.
    """
    sections = [rows for rows in sections if rows]
    texts = [[column.heading, *(column.cell(row) for rows in sections for row in rows)] for column in columns]
    widths = [max(map(len, cells)) for cells in texts]
    stay = list(range(len(columns)))
    leaving = sorted(stay, key=lambda i: (columns[i].keep, -i))
    while sum(widths[i] + len(_GAP) for i in stay) - len(_GAP) > _width() and columns[leaving[0]].keep < ALWAYS:
        stay.remove(leaving.pop(0))
    padded = ([f"{text:{'>' if columns[i].right else '<'}{widths[i]}}" for text in texts[i]] for i in stay)
    heading, *rows = (_GAP.join(cells).rstrip() for cells in zip(*padded, strict=True))
    rule = click.style("-" * (sum(widths[i] + len(_GAP) for i in stay) - len(_GAP)), dim=True)
    lines, rest = [click.style(heading, fg="cyan")], iter(rows)
    for section in sections or [[]]:
        lines += [rule, *islice(rest, len(section))]
    return Table(lines, [column for i, column in enumerate(columns) if i not in stay])


def bold(text: str) -> str:
    """Text for the first line of a part."""
    return click.style(text, bold=True)


def paragraph(text: str, indent: str = "") -> list[str]:
    """Text wrapped to the terminal; below an indented first line the others are indented by two more."""
    return textwrap.wrap(
        one_line(text),
        max(_width(), 40),
        initial_indent=indent,
        subsequent_indent=indent and indent + "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def gathered(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names by the words that hold for them, in the order of their first occurrence."""
    found: dict[str, list[str]] = {}
    for words, name in pairs:
        found.setdefault(words, []).append(name)
    return found


def reasons(pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Paragraphs `names: reason`, one for each reason."""
    return [line for words, names in gathered(pairs).items() for line in paragraph(f"{listed(names)}: {words}", "  ")]


def blocks(items: Sequence[T], width_beside: int, width_of_one: int) -> list[Sequence[T]]:
    """Items in groups of as many as fit side by side, and beside a column of some width; at least one."""
    count = max(1, (_width() - width_beside) // width_of_one)
    return [items[start : start + count] for start in range(0, max(len(items), 1), count)]


def echo(lines: Iterable[str], note: str | None = None) -> None:
    """Print lines as they come, and a note below them."""
    for line in chain(lines, (click.style(line, fg="yellow") for line in paragraph(note or ""))):
        click.echo(line)


def echo_warning(text: str) -> None:
    """Print a warning on the error stream."""
    click.echo(click.style(one_line(f"warning: {text}"), fg="yellow"), err=True)


def echo_error(text: str) -> None:
    """Print an error on the error stream; characters in it that steer a terminal are replaced."""
    click.echo(
        " ".join((click.style("error:", fg="red", bold=True), "\n".join(map(one_line, text.split("\n"))))), err=True
    )
