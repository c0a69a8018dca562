"""Rows as text: a table that fits the terminal, CSV, JSON.

Belongs here: widths, alignment, which columns to leave out when the terminal is narrow, how a value is spelt.
Does not: which rows and columns answer a question (results.py), printing (cli.py). Standard library only: queries load nothing more.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from math import floor, isfinite
from typing import Any, Literal, NamedTuple

UNKNOWN = "-"
"""What a null looks like in a table; in CSV it is an empty cell, in JSON null."""

_GAP = "  "
_NOT_PRINTABLE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
"""Characters that steer a terminal, or turn the direction of what follows."""
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A cell that begins so is a formula to some spreadsheet; the last four are the first four at full width."""

Role = Literal["title", "heading", "rule", "warning"]


class Line(str):
    """A line that plays a part, which a terminal may show in colour; a plain text elsewhere."""

    __slots__ = ("role",)
    role: Role

    @classmethod
    def of(cls, role: Role, text: str) -> "Line":
        """A line of that part."""
        line = cls(text)
        line.role = role
        return line


class Heading(NamedTuple):
    """One column of a text table.

    Attributes:
        text: heading, with the unit.
        show: spells a value that is not null.
        right: True for numbers.
        keep: where the terminal is too narrow, columns of the lowest `keep` go first; those of `ALWAYS` stay.
        widest: longer texts are cut, with an ellipsis; 0 cuts nothing.
    """

    text: str
    show: Callable[[Any], str] = str
    right: bool = False
    keep: int = 100
    widest: int = 0


ALWAYS = 100
"""`keep` of a column that is never left out."""


class TextTable(NamedTuple):
    """A table as text.

    Attributes:
        lines: heading, rule, rows.
        left_out: headings of the columns that did not fit.
        width: characters of the widest line.
    """

    lines: list[str]
    left_out: list[str]
    width: int


def money(value: float) -> str:
    """Whole dollars with thousands separators."""
    return _without_minus_zero(f"{value:,.0f}")


def decimals(digits: int) -> Callable[[float], str]:
    """A function that spells a number with that many decimals."""
    return lambda value: _without_minus_zero(f"{value:,.{digits}f}")


def _without_minus_zero(text: str) -> str:
    return text[1:] if text[0] == "-" and not any(digit in text for digit in "123456789") else text


def percent(value: float) -> str:
    """A share as a percentage, cut and not rounded, so that 100 % means all."""
    return f"{floor(value * 1000 + 1e-9) / 10:.1f}%"


def any_value(value: Any) -> str:
    """A value of unknown kind, readable: at most four decimals, thousands separated."""
    if isinstance(value, float) and isfinite(value):
        text = f"{value:,.4f}".rstrip("0").rstrip(".")
        return _without_minus_zero(text) if abs(value) >= 0.001 or value == 0 else f"{value:.4g}"
    return plain(value)


def one_line(value: Any) -> str:
    """Text from data on one line, without characters that could steer a terminal."""
    text = value if type(value) is str else str(value)
    return text if text.isprintable() else re.sub(_NOT_PRINTABLE, "?", text)


def text_table(headings: Sequence[Heading], sections: Sequence[Sequence[Sequence[Any]]], width: int) -> TextTable:
    """A table with a heading, a rule, and its sections of rows, a rule before each but the first.

    Columns of the lowest `keep` are left out until the rest fits the width, the last of equals first.

    Args:
        headings: all columns that may be shown.
        sections: rows in groups; empty groups are left out.
        width: columns of the terminal.
    """
    sections = [rows for rows in sections if rows]
    columns = [spelt(h, [row[i] for rows in sections for row in rows]) for i, h in enumerate(headings)]
    return spelt_table(headings, columns, [len(rows) for rows in sections], width)


def spelt(heading: Heading, values: Iterable[Any]) -> list[str]:
    """The values of a column as they stand in a table."""
    show, widest = heading.show, heading.widest
    texts = [UNKNOWN if value is None else one_line(show(value)) for value in values]
    return [text[: widest - 1] + "…" if len(text) > widest else text for text in texts] if widest else texts


def spelt_table(
    headings: Sequence[Heading], columns: Sequence[Sequence[str]], sections: Sequence[int], width: int
) -> TextTable:
    """The same as `text_table`, of columns whose values are spelt already.

    Args:
        headings: all columns that may be shown.
        columns: of each its texts.
        sections: how many rows each group has.
        width: columns of the terminal.
    """
    widths = widths_of(headings, columns)
    stay = fitting(headings, widths, width)
    rule = Line.of("rule", "-" * (sum(widths[i] for i in stay) + len(_GAP) * (len(stay) - 1)))
    padded = [
        [
            text.rjust(widths[i]) if headings[i].right else text.ljust(widths[i])
            for text in (headings[i].text, *columns[i])
        ]
        for i in stay
    ]
    heading, *rows = (_GAP.join(cells).rstrip() for cells in zip(*padded, strict=True))
    lines: list[str] = [Line.of("heading", heading), rule]
    begin = 0
    for index, count in enumerate(sections):
        lines += [rule] if index else []
        lines += rows[begin : begin + count]
        begin += count
    return TextTable(lines, [h.text for i, h in enumerate(headings) if i not in stay], len(rule))


def widths_of(headings: Sequence[Heading], columns: Sequence[Sequence[str]]) -> list[int]:
    """Characters that each column needs."""
    return [max(len(h.text), max(map(len, texts), default=0)) for h, texts in zip(headings, columns, strict=True)]


def fitting(headings: Sequence[Heading], widths: Sequence[int], width: int) -> list[int]:
    """Positions of the columns that stay."""
    stay = list(range(len(headings)))
    while sum(widths[i] for i in stay) + len(_GAP) * (len(stay) - 1) > width:
        may_go = [i for i in stay if headings[i].keep < ALWAYS]
        if not may_go:
            break
        stay.remove(min(may_go, key=lambda i: (headings[i].keep, -i)))
    return stay


def plain(value: Any) -> str:
    """Any value at full precision: the shortest text that reads back as the same number, dates in ISO form, null empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Lines of a CSV with a heading, quoted where RFC 4180 asks for it.

    Numbers stand exactly as stored. A text that a spreadsheet would take for a formula has a single quote put in front, and characters that could steer a
    terminal are `?`: JSON holds texts as the data have them.
    """
    yield ",".join(_quoted(_harmless(column)) for column in columns)
    for row in rows:
        yield ",".join(_csv_cell(value) for value in row)


def _csv_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return _quoted(_harmless(value) if isinstance(value, str) else plain(value))


def _harmless(text: str) -> str:
    """A text that neither a spreadsheet executes nor a terminal obeys."""
    if text.lstrip(" ").startswith(_FORMULA_MARKS):  # the blanks too: some programs trim a cell before they look at it
        text = "'" + text
    return text if text.isprintable() else re.sub(r"(?![\t\r\n])" + _NOT_PRINTABLE, "?", text)


def _quoted(text: str) -> str:
    needed = "," in text or '"' in text or "\n" in text or "\r" in text or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needed else text


def json_text(value: Any) -> str:
    """JSON with dates in ISO form; a number that is not finite is null, since JSON has none.

    Texts are exactly those of the data; characters that could steer a terminal are written as escapes.
    """
    import json  # noqa: PLC0415  tables and CSV need none

    text = json.dumps(_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)
    # Outside strings JSON has no such character but the line feed, and inside them json.dumps has escaped that one.
    return re.sub(rf"(?!\n){_NOT_PRINTABLE}", lambda found: f"\\u{ord(found[0]):04x}", text)


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return plain(value)


def listed(texts: Iterable[str], most: int = 8) -> str:
    """Texts joined by commas; of many the first few, and how many more."""
    every = [one_line(text) for text in texts]
    return ", ".join(every) if len(every) <= most + 1 else f"{', '.join(every[:most])} and {len(every) - most} more"


def paragraph(text: str, width: int, indent: str = "") -> list[str]:
    """Text in lines of that width; below an indented first line the later ones are indented by two more."""
    import textwrap  # noqa: PLC0415  a CSV needs none

    return textwrap.wrap(
        one_line(text),
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=indent and indent + "  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
