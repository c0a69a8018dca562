"""The workbook: boards, days, and what the figures rest on, as sheets. Text from the data is always written as text, never as a formula."""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from bess_assets.errors import BessError
from bess_assets.report.content import DAY_COLUMNS, STREAMS, Content, Period
from bess_assets.settlement.metrics import Fleet
from bess_assets.store.made_up import MADE_UP, MADE_UP_COLUMN, NOTE
from bess_assets.tables import DAILY_REVENUE, LEADERBOARD, LEADERBOARD_MONTHLY, Column, Table

DAYS_A_SHEET = 1_000_000
"""Rows of days on one sheet; a sheet holds 1,048,576."""

WHAT_IS_NOT_IN_THE_NUMBERS = (
    "Dollars are gross market revenue, reconstructed from ERCOT's public reports. They are no settlement statement.",
    "Energy: day-ahead awards at the day-ahead price of the node, plus discharge less charge less the day-ahead award at its real-time price.",
    "Ancillary services: day-ahead awards at the clearing price; from 2025-12-05 also real-time less day-ahead awards at the real-time price.",
    "An empty cell is unknown, never zero. Nothing is scaled up for what is missing; coverage says how much is known.",
    "$/kW-month and $/kW-year are scaled from active days to the whole period; $/MW is not.",
    "charging_cost_usd and rt_metered_usd are memos, inside rt_energy_usd already; da_unmatched_usd is in no total.",
    "A duration whose source is 'assumed' is used in no figure.",
    (
        "Not in the numbers, since public data do not say it battery by battery: self-arranged and traded ancillary services, supplemental-market "
        "awards, imbalance, failure and deviation charges, emergency response service, make-whole payments, day-ahead purchases before 2025-12-06, "
        "contracts and tolls, resettlements."
    ),
)

_FLEET: tuple[tuple[str, str, Callable[[Fleet], float | None]], ...] = (
    ("ranked", "count", lambda fleet: fleet.ranked),
    ("batteries", "count", lambda fleet: fleet.batteries),
    ("ranked MW", "mw", lambda fleet: fleet.capacity_mw),
    *((name, "money", lambda fleet, name=name: fleet.usd[name]) for name in (*STREAMS, "total_usd")),
    ("$/kW-month", "money", lambda fleet: fleet.usd_per_kw_month),
    ("$/kW-year", "money", lambda fleet: fleet.usd_per_kw_year),
    ("mean energy coverage", "share", lambda fleet: fleet.energy_coverage),
    ("mean AS coverage", "share", lambda fleet: fleet.as_coverage),
)
"""Figures of the fleet: heading, number format, and the figure."""
_DAY_ZERO = date(1899, 12, 30).toordinal()
"""The day that spreadsheets count as 0."""
_LONGEST_TEXT = 32_767
_LOOKS_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]")

_WIDTHS = {"text": 18, "label": 16, "day": 12, "number": 14, "count": 10, "time": 20, "flag": 8}
_LONG = {"notes": 60, "excluded_reason": 44, "battery": 22}


def write_workbook(content: Content, path: Path) -> None:
    """Write the workbook of a year; the same content gives the same bytes.

    The library lays out every sheet with one row of each table as a pattern, and `_fill` puts the rest in: cell by cell the library alone takes some
    twenty seconds for a year of 350 batteries.

    Raises:
        BessError: the library that writes it is not installed.
    """
    try:
        import xlsxwriter  # noqa: PLC0415  only when a report is made
    except ImportError as error:
        raise BessError(
            "The workbook needs the package xlsxwriter.", remedy="Install it: python -m pip install xlsxwriter"
        ) from error
    skeleton = io.BytesIO()
    # constant_memory has texts stand in their cells, as ours do, and not in a list of their own.
    with xlsxwriter.Workbook(skeleton, {"constant_memory": True, "strings_to_numbers": False}) as book:
        writer = _Writer(book, content)
        writer.write()
    _fill(skeleton, path, writer.sheets)


class _Writer:
    """One workbook being written."""

    def __init__(self, book: Any, content: Content) -> None:
        self.book = book
        self.content = content
        self.sheets: dict[str, Sequence[Sequence[Any]]] = {}
        self.heading = book.add_format(
            {"bold": True, "bg_color": "#F1F3F3", "bottom": 1, "text_wrap": True, "valign": "top"}
        )
        self.title = book.add_format({"bold": True, "font_size": 14})
        self.bold = book.add_format({"bold": True})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.formats = {
            name: book.add_format({"num_format": code})
            for name, code in {
                "money": "#,##0.00",
                "count": "0",
                "mw": "#,##0.0",
                "ratio": "0.000",
                "share": "0.0%",
                "day": "yyyy-mm-dd",
            }.items()
        }

    def write(self) -> None:
        content = self.content
        # The library would write the present time otherwise, and no two files would be the same.
        day = content.data_through or date(content.year, 12, 31)
        self.book.set_properties(
            {
                "title": content.title,
                "subject": "Gross market revenue reconstructed from public reports",
                "created": datetime(day.year, day.month, day.day),  # noqa: DTZ001  a date, in no zone
            }
        )
        if content.made_up:
            self.book.add_worksheet("Made-up data").write_string(0, 0, NOTE, self.title)
        self._rows("Leaderboard", LEADERBOARD.columns, _values(content.whole_year, LEADERBOARD), 2)
        months = [row for period in content.months for row in _values(period, LEADERBOARD_MONTHLY)]
        self._rows("Months", LEADERBOARD_MONTHLY.columns, months, 3)
        columns = [DAILY_REVENUE.column(name) for name in DAY_COLUMNS]
        days = list(zip(*(content.days[name] for name in DAY_COLUMNS), strict=True))
        for n, first in enumerate(range(0, max(len(days), 1), DAYS_A_SHEET)):
            name = "Daily" if n == 0 else f"Daily {n + 1}"
            self._rows(name, columns, days[first : first + DAYS_A_SHEET], 2)
        self._method()

    def _rows(self, name: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], frozen: int) -> None:
        """A sheet of one table; its heading stays in view, and so do the first columns."""
        if self.content.made_up:
            columns = [*columns, Column(MADE_UP_COLUMN, "label", "made-up: the market is simulated")]
            rows = [(*row, MADE_UP) for row in rows]
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, frozen)
        sheet.set_landscape()
        sheet.repeat_rows(0)
        sheet.autofilter(0, 0, len(rows), len(columns) - 1)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, _LONG.get(column.name, _WIDTHS[column.kind]))
            sheet.write_string(0, at, column.name, self.heading)
        for at, column in enumerate(columns):
            if column.kind in {"text", "label"}:
                sheet.write_string(1, at, "pattern")
            else:
                sheet.write_number(1, at, 0, self._format(column))
        self.sheets[f"xl/worksheets/sheet{len(self.book.worksheets())}.xml"] = rows

    def _format(self, column: Column) -> Any:
        if column.kind in {"day", "count"}:
            return self.formats[column.kind]
        name = column.name
        if name.endswith(("_share", "_coverage", "_capture", "_efficiency")):
            return self.formats["share"]
        if name.startswith("usd_per_") or name.endswith("_usd"):
            return self.formats["money"]
        return self.formats["mw" if name.endswith(("_mw", "_mwh")) else "ratio"]

    def _method(self) -> None:
        """Fleet figures, coverage, what the columns mean, what is not in the numbers, and the inputs."""
        content = self.content
        sheet = self.book.add_worksheet("Method and coverage")
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 12, 16)
        facts = {
            **({MADE_UP_COLUMN: MADE_UP} if content.made_up else {}),
            "edition": content.edition,
            "edition number": "" if content.edition_number is None else str(content.edition_number),
            "data through": content.data_through.isoformat() if content.data_through else "",
            "made": content.made or "",
            "version": content.version,
        }
        at = self._lines(sheet, 0, content.title, facts.items(), self.title)
        at = self._fleet(sheet, at + 2)
        at = self._lines(sheet, at + 2, "What is and is not in the numbers", [(t,) for t in WHAT_IS_NOT_IN_THE_NUMBERS])
        at = self._lines(sheet, at + 2, "Columns", [(c.name, c.meaning) for c in LEADERBOARD.columns])
        days = [(name, DAILY_REVENUE.column(name).meaning) for name in DAY_COLUMNS]
        at = self._lines(sheet, at + 2, "Columns of the sheet Daily", days)
        self._lines(sheet, at + 2, "Made of these inputs, with their SHA-256", content.inputs)

    def _fleet(self, sheet: Any, at: int) -> int:
        """Figures of the fleet, a row a period; returns the last row written."""
        sheet.write_string(at, 0, "Fleet: sums of the ranked batteries of each period", self.bold)
        at += 1
        sheet.write_string(at, 0, "period", self.heading)
        for column, (heading, _, _) in enumerate(_FLEET, start=1):
            sheet.write_string(at, column, heading, self.heading)
        for period in self.content.periods:
            at += 1
            name = "whole year" if period.month is None else f"{self.content.year}-{period.month:02d}"
            sheet.write_string(at, 0, name)
            for column, (_, kind, figure) in enumerate(_FLEET, start=1):
                value = figure(period.fleet)
                if value is not None:
                    sheet.write_number(at, column, value, self.formats[kind])
        return at

    def _lines(self, sheet: Any, at: int, title: str, lines: Iterable[Sequence[str]], style: Any = None) -> int:
        """A title and lines of texts side by side; returns the last row written."""
        sheet.write_string(at, 0, title, style or self.bold)
        for texts in lines:
            at += 1
            for column, text in enumerate(texts):
                sheet.write_string(at, column, text)
        return at


def _values(period: Period, table: Table) -> list[list[Any]]:
    return [[row[name] for name in table.column_names] for row in period.rows]


# --- rows -----------------------------------------------------------------------------------------------------------------------------------


def _fill(skeleton: io.BytesIO, path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Copy a workbook, with rows in the place of the pattern row of some sheets, which go by their names inside the workbook."""
    with zipfile.ZipFile(skeleton) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            # A fixed time, the first that a ZIP can tell: the present one would make every file another.
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            with target.open(member, "w") as file:
                if name in sheets:
                    file.writelines(_sheet(source.read(name).decode(), sheets[name]))
                else:
                    file.write(source.read(name))


def _sheet(xml: str, rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    """The XML of a sheet with rows in the place of its second row, each cell in the style of the pattern above it."""
    pattern = re.search(r'<row r="2"[^>]*>(.*?)</row>', xml, re.DOTALL)
    if pattern is None:
        raise AssertionError("a sheet of rows has no pattern row")
    cells = re.findall(r'<c r="([A-Z]+)2"(?: s="(\d+)")?', pattern[1])
    starts = [
        (f'<c r="{letters}', f'" s="{style}"><v>' if style else '" t="inlineStr"><is><t xml:space="preserve">')
        for letters, style in cells
    ]
    head = re.sub(r'(<dimension ref="A1:[A-Z]+)\d+', rf"\g<1>{len(rows) + 1}", xml[: pattern.start()])
    yield head.encode()
    texts: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        parts = [f'<row r="{number}">']
        for (letters, start), value in zip(starts, row, strict=True):
            if value is None:
                continue
            if isinstance(value, str):
                if value not in texts:
                    texts[value] = _xml_text(value)
                parts.append(f"{letters}{number}{start}{texts[value]}</t></is></c>")
            else:
                shown = value.toordinal() - _DAY_ZERO if isinstance(value, date) else value
                parts.append(f"{letters}{number}{start}{shown!r}</v></c>")
        parts.append("</row>")
        yield "".join(parts).encode()
    yield xml[pattern.end() :].encode()


def _xml_text(text: str) -> str:
    """Text of a cell: as long as a cell may be, characters that XML cannot hold escaped as spreadsheets escape them."""
    if len(text) > _LONGEST_TEXT:
        text = text[: _LONGEST_TEXT - 1] + "…"
    text = _LOOKS_ESCAPED.sub("_x005F_", text)  # else a spreadsheet would show another text
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _NOT_IN_XML.sub(lambda match: f"_x{ord(match[0]):04X}_", escaped)
