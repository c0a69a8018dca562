"""Values and rows as text: how a value is written, which characters are harmless, and rows as cells, CSV, JSON and Markdown.

Text from data reaches a terminal or a spreadsheet through these functions alone. Standard library only: a query loads nothing more.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import chain
from math import floor, isfinite
from typing import Any, NamedTuple

UNKNOWN = "-"
"""A null in a table; CSV has an empty cell, JSON null."""
ALWAYS = 100
"""`keep` of a column that is never left out."""

# Characters that steer a terminal, or turn the direction of the text after them.
_NOT_PRINTABLE = "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
# Spreadsheets take a cell that begins so for a formula; the last four are the first four at full width.
_FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


class Column(NamedTuple):
    """One column of a table for readers.

    Attributes:
        heading: heading, with the unit.
        value: key of the value in a row, or a function from a row to the value.
        show: writes a value that is not null.
        right: True for numbers.
        keep: a narrow terminal leaves out the columns of the lowest `keep` first; those of `ALWAYS` stay.
        widest: longer texts are cut, with an ellipsis; 0 cuts nothing.
    """

    heading: str
    value: str | int | Callable[[Any], Any]
    show: Callable[[Any], str] = str
    right: bool = False
    keep: int = ALWAYS
    widest: int = 0

    def cell(self, row: Any) -> str:
        """The text of this column in a row."""
        value = self.value(row) if callable(self.value) else row[self.value]
        text = UNKNOWN if value is None else one_line(self.show(value))
        return text[: self.widest - 1] + "…" if 0 < self.widest < len(text) else text


def number(
    heading: str,
    value: str | int | Callable[[Any], Any],
    show: Callable[[Any], str] = "{:,}".format,
    keep: int = ALWAYS,
) -> Column:
    """A column of numbers, aligned right."""
    return Column(heading, value, show, right=True, keep=keep)


money = "{:z,.0f}".format
"""Whole dollars with thousands separators; -0 is 0."""


def decimals(digits: int) -> Callable[[float], str]:
    """A function that writes a number with this many decimals; -0 is 0."""
    return f"{{:z,.{digits}f}}".format


def percent(value: float) -> str:
    """A share as a percentage, rounded down, so that 100 % means all."""
    return f"{floor(value * 1000 + 1e-9) / 10:.1f}%"


def any_value(value: Any) -> str:
    """A value of any type, readable: at most four decimals, thousands separated."""
    if not isinstance(value, float) or not isfinite(value):
        return plain(value)
    return f"{value:z,.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 or value == 0 else f"{value:.4g}"


def plain(value: Any) -> str:
    """A value at full precision: the shortest text that reads back as the same number, dates in ISO form, null empty."""
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def one_line(value: Any) -> str:
    """Text on one line, without characters that steer a terminal."""
    text = value if type(value) is str else str(value)
    return text if text.isprintable() else re.sub(_NOT_PRINTABLE, "?", text)


def listed(texts: Iterable[str], most: int = 8) -> str:
    """Texts joined by commas; of many the first ones, and how many more."""
    every = [one_line(text) for text in texts]
    return ", ".join(every) if len(every) <= most + 1 else f"{', '.join(every[:most])} and {len(every) - most} more"


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Lines of a CSV with a heading, quoted where RFC 4180 requires it.

    Numbers are exact. A text that a spreadsheet would take for a formula gets a single quote in front, and a character that steers a terminal
    becomes `?`; JSON keeps texts as they are in the data.
    """
    for row in chain([columns], rows):
        yield ",".join(_quoted(_harmless(cell) if isinstance(cell, str) else plain(cell)) for cell in row)


def _harmless(text: str) -> str:
    if text.lstrip(" ").startswith(_FORMULA_MARKS):  # some programs trim a cell before they look at it
        text = "'" + text
    return text if text.isprintable() else re.sub(r"(?![\t\r\n])" + _NOT_PRINTABLE, "?", text)


def _quoted(text: str) -> str:
    needed = "," in text or '"' in text or "\n" in text or "\r" in text or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needed else text


def json_text(value: Any) -> str:
    """JSON with dates in ISO form; a number that is not finite is null, since JSON has none.

    Texts are those of the data, with escapes for characters that steer a terminal.
    """
    import json  # noqa: PLC0415  tables and CSV need none

    text = json.dumps(_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False, default=plain)
    # Outside strings JSON has no such character but the line feed, and inside them json.dumps has escaped that one.
    return re.sub(rf"(?!\n){_NOT_PRINTABLE}", lambda found: f"\\u{ord(found[0]):04x}", text)


def _jsonable(value: Any) -> Any:
    """A value whose texts and numbers JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def markdown_text(text: str) -> str:
    """Text on one line, without characters that mean something to Markdown."""
    return one_line(text).replace("|", "\\|").replace("<", "&lt;").replace("_", "\\_").replace("*", "\\*")


def markdown_table(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """Rows as a Markdown table, all columns after the first centred."""
    head = [" | ".join(column.heading for column in columns), "---|" + "|".join(":-:" for _ in columns[1:])]
    body = (" | ".join(markdown_text(column.cell(row)) for column in columns) for row in rows)
    return "\n".join([f"| {head[0]} |", f"|{head[1]}|", *(f"| {line} |" for line in body)])
