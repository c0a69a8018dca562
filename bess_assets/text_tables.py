"""Rows as text: a table that fits the terminal, CSV, JSON.

Belongs here: widths, alignment, which columns to leave out when the terminal is narrow, how a value is spelt.
Does not: which rows and columns answer a question (results.py), printing (cli.py). Standard library only: queries load nothing more.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

UNKNOWN = "-"
"""What a null looks like in a table; in CSV it is an empty cell, in JSON null."""

_GAP = "  "
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Heading:
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


@dataclass(frozen=True)
class TextTable:
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
    return text.removeprefix("-") if not any(digit in text for digit in "123456789") else text


def percent(value: float) -> str:
    """A share as a percentage, cut and not rounded, so that 100 % means all."""
    return f"{math.floor(value * 1000 + 1e-9) / 10:.1f}%"


def any_value(value: Any) -> str:
    """A value of unknown kind, readable: at most four decimals, thousands separated."""
    if isinstance(value, float) and math.isfinite(value):
        text = f"{value:,.4f}".rstrip("0").rstrip(".")
        return _without_minus_zero(text) if abs(value) >= 0.001 or value == 0 else f"{value:.4g}"
    return plain(value)


def one_line(value: Any) -> str:
    """Text from data on one line, without characters that could steer a terminal."""
    return _NOT_PRINTABLE.sub("?", str(value))


def text_table(headings: Sequence[Heading], sections: Sequence[Sequence[Sequence[Any]]], width: int) -> TextTable:
    """A table with a heading, a rule, and its sections of rows, a rule before each but the first.

    Columns of the lowest `keep` are left out until the rest fits the width, the last of equals first.

    Args:
        headings: all columns that may be shown.
        sections: rows in groups; empty groups are left out.
        width: columns of the terminal.
    """
    spelt = [
        [[_cell(h, value) for h, value in zip(headings, row, strict=True)] for row in rows] for rows in sections if rows
    ]
    widths = [max([len(h.text), *(len(row[i]) for rows in spelt for row in rows)]) for i, h in enumerate(headings)]
    stay = _fitting(headings, widths, width)
    rule = "-" * (sum(widths[i] for i in stay) + len(_GAP) * (len(stay) - 1))

    def line(cells: Sequence[str]) -> str:
        padded = (cells[i].rjust(widths[i]) if headings[i].right else cells[i].ljust(widths[i]) for i in stay)
        return _GAP.join(padded).rstrip()

    lines = [line([h.text for h in headings]), rule]
    for index, rows in enumerate(spelt):
        lines += [rule] if index else []
        lines += [line(row) for row in rows]
    return TextTable(lines, [h.text for i, h in enumerate(headings) if i not in stay], len(rule))


def _fitting(headings: Sequence[Heading], widths: Sequence[int], width: int) -> list[int]:
    stay = list(range(len(headings)))
    while sum(widths[i] for i in stay) + len(_GAP) * (len(stay) - 1) > width:
        may_go = [i for i in stay if headings[i].keep < ALWAYS]
        if not may_go:
            break
        stay.remove(min(may_go, key=lambda i: (headings[i].keep, -i)))
    return stay


def _cell(heading: Heading, value: Any) -> str:
    if value is None:
        return UNKNOWN
    text = one_line(heading.show(value))
    return text[: heading.widest - 1] + "…" if heading.widest and len(text) > heading.widest else text


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

    Values stand exactly as stored, so that the file reads back as the table. A text that begins with `=` is therefore not disarmed: a spreadsheet must
    import the file with its text columns as text.
    """
    yield ",".join(map(_quoted, columns))
    for row in rows:
        yield ",".join(_quoted(plain(value)) for value in row)


def _quoted(text: str) -> str:
    needed = any(mark in text for mark in ',"\r\n') or text != text.strip()
    return '"' + text.replace('"', '""') + '"' if needed else text


def json_text(value: Any) -> str:
    """JSON with dates in ISO form; a number that is not finite is null, since JSON has none."""
    return json.dumps(_jsonable(value), indent=2, ensure_ascii=False, allow_nan=False)


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
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
