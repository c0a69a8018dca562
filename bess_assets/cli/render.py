"""Lines for a terminal: tables that fit its width, paragraphs, colours."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple, Self, TypeVar

import click

from bess_assets.text import ALWAYS, Column, listed, one_line

WIDTH_UNLESS_A_TERMINAL = 120
_GAP = "  "
_LEAST_WIDTH = 40

T = TypeVar("T")
Role = Literal["title", "heading", "rule", "warning"]
_COLOURS: dict[Role, dict[str, Any]] = {
    "title": {"bold": True},
    "heading": {"fg": "cyan"},
    "rule": {"dim": True},
    "warning": {"fg": "yellow"},
}


class Line(str):
    """A line with a role, which a terminal shows in colour; plain text elsewhere."""

    __slots__ = ("role",)
    role: Role

    def __new__(cls, text: str, role: Role = "title") -> Self:
        """A line of that role."""
        line = super().__new__(cls, text)
        line.role = role
        return line


class Table(NamedTuple):
    """A table as text: heading, rule and rows, and the columns that did not fit."""

    lines: list[str]
    left_out: list[Column]


def table(columns: Sequence[Column], sections: Iterable[Sequence[Any]], width: int) -> Table:
    """Rows under their headings, with a rule between sections that have rows.

    Until the rest fits the width, the columns of the lowest `keep` are left out, of equal ones the last first.
    """
    sections = [rows for rows in sections if rows]
    texts = [[column.heading, *(column.cell(row) for rows in sections for row in rows)] for column in columns]
    widths = [max(map(len, cells)) for cells in texts]
    stay = list(range(len(columns)))
    while sum(widths[i] for i in stay) + len(_GAP) * (len(stay) - 1) > width:
        may_go = [i for i in stay if columns[i].keep < ALWAYS]
        if not may_go:
            break
        stay.remove(min(may_go, key=lambda i: (columns[i].keep, -i)))
    rule = Line("-" * (sum(widths[i] for i in stay) + len(_GAP) * (len(stay) - 1)), "rule")
    padded = ([f"{text:{'>' if columns[i].right else '<'}{widths[i]}}" for text in texts[i]] for i in stay)
    heading, *rows = (_GAP.join(cells).rstrip() for cells in zip(*padded, strict=True))
    lines: list[str] = [Line(heading, "heading")]
    done = 0
    for section in sections or [[]]:
        lines += [rule, *rows[done : done + len(section)]]
        done += len(section)
    return Table(lines, [column for i, column in enumerate(columns) if i not in stay])


def paragraph(text: str, width: int, indent: str = "") -> list[str]:
    """Text wrapped to the width; below an indented first line the others are indented by two more."""
    return textwrap.wrap(
        one_line(text),
        max(width, _LEAST_WIDTH),
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


def reasons(pairs: Iterable[tuple[str, str]], width: int) -> list[str]:
    """Paragraphs `names: reason`, one for each reason."""
    return [
        line for words, names in gathered(pairs).items() for line in paragraph(f"{listed(names)}: {words}", width, "  ")
    ]


def blocks(items: Sequence[T], width: int, width_of_one: int) -> list[Sequence[T]]:
    """Items in groups of as many as fit side by side, at least one."""
    count = max(1, width // width_of_one)
    return [items[start : start + count] for start in range(0, max(len(items), 1), count)]


def terminal_width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((WIDTH_UNLESS_A_TERMINAL, 24)).columns


def _wants_colour(stream: Any) -> bool:
    """Colours are for terminals whose user has not refused them (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def echo(lines: Iterable[str], note: str | None = None) -> None:
    """Print lines and a note below them, in colour where the terminal wants it."""
    coloured = _wants_colour(sys.stdout)
    notes = (Line(line, "warning") for line in paragraph(note or "", terminal_width()))
    for line in (*lines, *notes):
        click.echo(click.style(line, **_COLOURS[line.role]) if coloured and isinstance(line, Line) else line)


def echo_warning(text: str) -> None:
    """Print a warning on the error stream."""
    line = one_line(f"warning: {text}")
    click.echo(click.style(line, **_COLOURS["warning"]) if _wants_colour(sys.stderr) else line, err=True)


def echo_error(text: str) -> None:
    """Print an error on the error stream; characters in it that steer a terminal are replaced."""
    label = click.style("error:", fg="red", bold=True) if _wants_colour(sys.stderr) else "error:"
    first, *more = map(one_line, text.split("\n"))
    click.echo("\n".join([f"{label} {first}", *more]), err=True)
