"""CSV files that a spreadsheet or another program saved again, as ERCOT would have written them: UTF-8, commas, headings first, no empty columns."""

import codecs
import csv
import io
from contextlib import suppress
from itertools import chain, islice
from typing import IO

_BEGINNING_BYTES = 2**16
_MOST_BYTES = 2**27
"""A larger file is not mended: it is held in memory as a whole, several times over. A spreadsheet holds no more than 1,048,576 rows."""
_TITLE_LINES = 12
_LEAST_HEADINGS = 3


def plain_csv(file: IO[bytes]) -> IO[bytes]:
    """A CSV file as it is, or mended if a spreadsheet saved it; what is no table, or too large to be held in memory, stays as it is."""
    if not file.seekable():
        return file
    beginning = file.read(_BEGINNING_BYTES)
    file.seek(0)
    if _is_plain(beginning) or not _is_table(beginning):
        return file
    content = file.read(_MOST_BYTES + 1)
    file.seek(0)
    if len(content) <= _MOST_BYTES:
        with suppress(UnicodeError, csv.Error):
            mended = plain_text(content).encode()
            file.close()
            return io.BytesIO(mended)
    return file


def plain_text(content: bytes) -> str:
    """A CSV table with commas from its headings on, without titles above it and empty columns beside it.

    Raises:
        UnicodeError: it is no text.
        csv.Error: it is no table.
    """
    lines = _decoded(content)
    above = [*lines[:_BEGINNING_BYTES].splitlines()[:_TITLE_LINES], ""]
    mark = max(",;\t", key=lambda mark: max(line.count(mark) for line in above))
    rows = csv.reader(io.StringIO(lines, newline=""), delimiter=mark)
    first = list(islice(rows, _TITLE_LINES))
    filled = [sum(bool(cell.strip()) for cell in row) for row in first]
    # a title has a cell or two, and the headings as many as any row below
    start = next((n for n, count in enumerate(filled) if 2 * count > max(filled)), 0)
    headings = first[start] if first else []
    width = len(headings)
    if not any(cell.strip()[:1].isdigit() for cell in headings):  # plans of 2014 have no headings
        width = max((n for n, cell in enumerate(headings, start=1) if cell.strip()), default=0)
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\n").writerow
    for row in chain(first[start:], rows):
        write(row if any(cell.strip() for cell in row[width:]) else row[:width])
    return text.getvalue()


def _is_plain(beginning: bytes) -> bool:
    """Whether a file begins as ERCOT writes it, or not like a table at all."""
    if b"\0" in beginning[:4] or beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    first, _, rest = beginning.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")
    commas, second = first.count(b","), rest.partition(b"\n")[0]
    if not first or first.startswith((b"<", b"PK")):
        return True
    try:  # the last character may be cut off
        codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False
    if commas < _LEAST_HEADINGS - 1 or first.rstrip().endswith(b","):
        return False
    return not second or b'"' in first + second or commas == second.count(b",")


def _is_table(beginning: bytes) -> bool:
    """Whether a file begins as a table that can be mended."""
    try:
        return plain_text(beginning).partition("\n")[0].count(",") >= _LEAST_HEADINGS - 1
    except (UnicodeError, csv.Error):
        return False


def _decoded(content: bytes) -> str:
    """Text of a file that says its encoding by its first bytes, or is UTF-8, or of Windows."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    if b"\0" in content[:2]:
        return content.decode("utf-16-be" if content[0] == 0 else "utf-16-le")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")
