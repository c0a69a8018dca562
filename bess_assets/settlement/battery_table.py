"""The user's battery table (BESS_REGISTRY), read and checked: what a person knows better than the data. registry.py and awards.py apply it."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from bess_assets.ercot.calendar import day_of_number
from bess_assets.ercot.settlement_points import Point
from bess_assets.ercot.spreadsheets import plain_text
from bess_assets.ercot.text_values import parse_day, parse_number
from bess_assets.errors import RegistryTableError
from bess_assets.settlement.groups import OF_THE_BOARD

NO_LOAD = "none"


@dataclass(frozen=True)
class UserRow:
    """One row, with its line of the file; None where the cell is empty and overrides nothing.

    The load resource is "none" for a battery that charges on its generation side. The node holds on the valid days, the first and the last included.
    `attributes` are the filled cells of further columns, by heading in lower case.
    """

    line: int
    battery: str
    gen_resource: str | None
    load_resource: str | None
    esr_resource: str | None
    settlement_point: str | None
    capacity_mw: float | None
    energy_mwh: float | None
    valid_from: date | None
    valid_to: date | None
    note: str | None
    attributes: tuple[tuple[str, str], ...] = ()

    def overlaps(self, first: date, last: date) -> bool:
        """Whether the row is valid on some day from first to last."""
        return (self.valid_from or date.min) <= last and (self.valid_to or date.max) >= first


_MONTHS = 12
_SLASHED = re.compile(r"\b(\d{1,2})/(\d{1,2})/\d{4}\b")
COLUMNS = tuple(field.name for field in fields(UserRow) if field.name not in {"line", "attributes"})
_WORDS = {word for column in COLUMNS for word in column.split("_")}


def read_user_table(path: Path) -> list[UserRow]:
    """All rows of the table, checked.

    Raises:
        RegistryTableError: a missing column, a heading like a known one or there twice, a cell that cannot be read, or two rows that speak of one battery
            or resource on one day.
    """
    try:
        content = plain_text(path.read_bytes())
    except (UnicodeError, csv.Error) as error:
        problem, expected = f"The battery table is no CSV text: {error}.", "a table with commas, in UTF-8"
        raise RegistryTableError(problem, file=path, expected=expected) from error
    with io.StringIO(content, newline="") as file:
        reader = csv.DictReader(file)
        reader.fieldnames = _headings(path, [h.strip() for h in reader.fieldnames or []])
        slashed = [pair for pair in _SLASHED.findall(content) if pair[0] != pair[1]]
        # a spreadsheet writes dates as its country does: a day after the 12th shows which part is the month
        month_first = any(int(day) > _MONTHS for _, day in slashed) and all(int(m) <= _MONTHS for m, _ in slashed)
        rows = [
            _row(path, reader.line_num, cells, month_first=month_first or not slashed)
            for cells in reader
            if any((v or "").strip() for v in cells.values() if isinstance(v, str))
        ]
    _check_overlaps(path, rows)
    return rows


def read_rows(path: Path) -> list[dict[str, str]]:
    """The cells of a table that can be read, row by row under its headings; a blank row is none.

    Raises:
        RegistryTableError: as `read_user_table` does.
    """
    read_user_table(path)
    heading, *rows = csv.reader(io.StringIO(plain_text(path.read_bytes()), newline=""))
    names = _headings(path, [name.strip() for name in heading])
    padded = ([*map(str.strip, row), *[""] * len(names)][: len(names)] for row in rows)
    return [dict(zip(names, row, strict=True)) for row in padded if any(row)]


def _headings(path: Path, headings: list[str]) -> list[str]:
    """The known columns as they are, further ones in lower case with underscores; a heading that may be meant for a known one is refused."""
    names = [h if h in COLUMNS else re.sub(r"\W+", "_", h.lower()).strip("_") for h in headings]
    for heading, name in zip(headings, names, strict=True):
        alike = get_close_matches(name, COLUMNS, n=1, cutoff=0.8)
        problem = None
        if heading not in COLUMNS and (alike or name in _WORDS):
            problem = f"a column {heading!r}, which may be meant for a known one"
        elif name in OF_THE_BOARD:
            problem = f"a column {heading!r}, which public data give"
        elif names.count(name) > 1:
            problem = f"the column {heading!r} twice"
        if problem:
            expected = f"{', '.join(COLUMNS)}; further columns under names of their own, such as owner"
            raise RegistryTableError(f"The battery table has {problem}.", file=path, column=name, expected=expected)
    if "battery" not in names:
        raise RegistryTableError("The battery table has no column battery.", file=path, expected=", ".join(COLUMNS))
    return names


def _row(path: Path, line: int, cells: dict[str, str | None], *, month_first: bool) -> UserRow:
    def refusal(
        problem: str, expected: str, column: str | None = None, remedy: str | None = None
    ) -> RegistryTableError:
        problem = f"Line {line} of the battery table{problem}."
        return RegistryTableError(problem, file=path, column=column, expected=expected, remedy=remedy)

    # csv.DictReader keeps cells beyond the last heading under None
    if None in cells:
        problem, expected = " has more cells than the heading", f"at most {len(cells) - 1} cells"
        raise refusal(problem, expected, remedy="Put text that holds a comma into quotes.")

    def text(column: str) -> str | None:
        return (cells.get(column) or "").strip() or None

    def number(column: str) -> float | None:
        value = text(column)
        found = parse_number(value) if value else None
        if value is None or (found is not None and 0 < found < float("inf")):
            return found
        raise refusal(f": {column} is {value!r}", "a number above zero, or empty", column)

    def day(column: str) -> date | None:
        value = text(column)
        found = parse_day(value) if value and (month_first or "/" not in value) else None
        if value and found is None:
            expected = (
                "a date such as 2025-12-05, or empty; of 12/5/2025 it must show elsewhere that the month is first"
            )
            raise refusal(f": {column} is {value!r}", expected, column)
        return None if found is None else day_of_number(found)

    battery, load = text("battery"), text("load_resource")
    if battery is None:
        raise refusal(" has no battery", "the battery's stable key", "battery")
    row = UserRow(
        line=line,
        battery=battery,
        gen_resource=text("gen_resource"),
        load_resource=NO_LOAD if load and load.lower() == NO_LOAD else load,
        esr_resource=text("esr_resource"),
        settlement_point=text("settlement_point"),
        capacity_mw=number("capacity_mw"),
        energy_mwh=number("energy_mwh"),
        valid_from=day("valid_from"),
        valid_to=day("valid_to"),
        note=text("note"),
        attributes=tuple((name, value) for name in cells if name and name not in COLUMNS and (value := text(name))),
    )
    if row.valid_from and row.valid_to and row.valid_to < row.valid_from:
        raise refusal(" ends before it begins", "a day from valid_from on", "valid_to")
    return row


def _check_overlaps(path: Path, rows: list[UserRow]) -> None:
    for other, row in combinations(rows, 2):
        for column in ("battery", "gen_resource", "load_resource", "esr_resource"):
            value, same = getattr(row, column), getattr(row, column) == getattr(other, column)
            overlap = row.overlaps(other.valid_from or date.min, other.valid_to or date.max)
            if value and same and overlap and value != NO_LOAD:
                raise RegistryTableError(
                    f"Lines {other.line} and {row.line} of the battery table both speak of {column} {value!r} on the same days.",
                    file=path,
                    column=column,
                    expected="rows of one battery or resource that do not overlap",
                    remedy="Set valid_from and valid_to, or join the rows.",
                )


class Seen(NamedTuple):
    """A battery of the registry: its latest node, and ISO days from which and to which it is in the data; the last one empty if it still is."""

    battery: str
    node: str | None
    first_day: str
    last_day: str


def fill(
    table: Iterable[Mapping[str, str]], batteries: Iterable[Seen], points: Mapping[str, Point]
) -> list[dict[str, str]]:
    """Rows of a battery table with zone and site where they were empty, then a row for each battery that had none, for the days on which it is in the data.

    ERCOT's list is of one day: it fills the user's table, where a person can see and correct it.
    """
    known = {seen.battery: seen for seen in batteries}
    rows = [dict(row) for row in table]
    named = {row["battery"] for row in rows}
    rows += [
        {"battery": seen.battery, "valid_from": seen.first_day, "valid_to": seen.last_day}
        for seen in known.values()
        if seen.battery not in named
    ]
    for row in rows:
        seen = known.get(row["battery"])
        point = points.get((seen.node if seen else None) or "", Point(None, None))
        row["zone"], row["site"] = row.get("zone") or point.zone or "", row.get("site") or point.site or ""
    return rows
