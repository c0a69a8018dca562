"""The workbook: the boards, the days and what they rest on as sheets, for whoever thinks in a spreadsheet.

Belongs here: sheets, headings, number formats.
Does not: what is shown (content.py). Text from the data is always written as text: a name that looks like a formula is never one.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from bess_assets.errors import BessError
from bess_assets.report.content import DAY_COLUMNS, STREAMS, Content, Period
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

_WIDTHS = {"text": 18, "label": 16, "day": 12, "number": 14, "count": 10, "time": 20, "flag": 8}
_LONG = {"notes": 60, "excluded_reason": 44, "battery": 22}


def write_workbook(content: Content, path: Path) -> None:
    """Write the workbook of a year; the same content gives the same bytes.

    Raises:
        BessError: the library that writes it is not installed.
    """
    try:
        import xlsxwriter  # noqa: PLC0415  only when a report is made
    except ImportError as error:
        raise BessError(
            "The workbook needs the package xlsxwriter.", remedy="Install it: python -m pip install xlsxwriter"
        ) from error
    # constant_memory writes each row as it comes: a year of days would otherwise stand in memory cell by cell.
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_numbers": False}) as book:
        _Writer(book, content).write()


class _Writer:
    """One workbook being written."""

    def __init__(self, book: Any, content: Content) -> None:
        self.book = book
        self.content = content
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
                "title": f"ERCOT battery leaderboard {content.year}",
                "subject": "Gross market revenue reconstructed from public reports",
                "created": datetime(day.year, day.month, day.day),  # noqa: DTZ001  a date, in no zone
            }
        )
        self._rows("Leaderboard", LEADERBOARD.columns, _values(content.whole_year, LEADERBOARD), 2)
        months = (row for period in content.months for row in _values(period, LEADERBOARD_MONTHLY))
        self._rows("Months", LEADERBOARD_MONTHLY.columns, months, 3)
        columns = [DAILY_REVENUE.column(name) for name in DAY_COLUMNS]
        days = list(zip(*(content.days[name] for name in DAY_COLUMNS), strict=True))
        for n, first in enumerate(range(0, max(len(days), 1), DAYS_A_SHEET)):
            name = "Daily" if n == 0 else f"Daily {n + 1}"
            self._rows(name, columns, days[first : first + DAYS_A_SHEET], 2)
        self._method()

    def _rows(self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]], frozen: int) -> None:
        """A sheet of one table; its heading stays in view, and so do the first columns."""
        sheet = self.book.add_worksheet(name)
        sheet.freeze_panes(1, frozen)
        sheet.set_landscape()
        sheet.repeat_rows(0)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, _LONG.get(column.name, _WIDTHS[column.kind]))
        for at, column in enumerate(columns):
            sheet.write_string(0, at, column.name, self.heading)
        formats = [self._format(column) for column in columns]
        last = 0
        for last, row in enumerate(rows, start=1):
            for at, value in enumerate(row):
                if value is None:
                    continue
                if isinstance(value, str):
                    sheet.write_string(last, at, value)
                elif isinstance(value, date):
                    sheet.write_datetime(last, at, value, formats[at])
                else:
                    sheet.write_number(last, at, value, formats[at])
        sheet.autofilter(0, 0, last, len(columns) - 1)

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
        at = 0
        sheet.write_string(at, 0, f"ERCOT battery leaderboard {content.year}", self.title)
        for label, value in (
            ("edition", content.edition),
            ("data through", content.data_through.isoformat() if content.data_through else ""),
            ("made", content.made or ""),
            ("version", content.version),
        ):
            at += 1
            sheet.write_string(at, 0, label)
            sheet.write_string(at, 1, value)
        at += 2
        headings = (
            "period",
            "ranked",
            "batteries",
            "ranked MW",
            *STREAMS,
            "total_usd",
            "$/kW-month",
            "$/kW-year",
            "mean energy coverage",
            "mean AS coverage",
        )
        sheet.write_string(at, 0, "Fleet: sums of the ranked batteries of each period", self.bold)
        at += 1
        for column, heading in enumerate(headings):
            sheet.write_string(at, column, heading, self.heading)
        for period in content.periods:
            at += 1
            self._fleet_row(sheet, at, period)
        at = self._paragraphs(sheet, at + 2, "What is and is not in the numbers", WHAT_IS_NOT_IN_THE_NUMBERS)
        at = self._pairs(sheet, at + 2, "Columns", [(c.name, c.meaning) for c in LEADERBOARD.columns])
        at = self._pairs(sheet, at + 2, "Columns of the sheet Daily", [(n, _meaning(n)) for n in DAY_COLUMNS])
        self._pairs(sheet, at + 2, "Made of these inputs, with their SHA-256", list(content.inputs))

    def _fleet_row(self, sheet: Any, at: int, period: Period) -> None:
        fleet = period.fleet
        name = "whole year" if period.month is None else f"{self.content.year}-{period.month:02d}"
        sheet.write_string(at, 0, name)
        cells: list[tuple[float | None, str]] = [
            (fleet.ranked, "count"),
            (fleet.batteries, "count"),
            (fleet.capacity_mw, "mw"),
            *((fleet.usd[stream], "money") for stream in STREAMS),
            (fleet.usd["total_usd"], "money"),
            (fleet.usd_per_kw_month, "money"),
            (fleet.usd_per_kw_year, "money"),
            (fleet.energy_coverage, "share"),
            (fleet.as_coverage, "share"),
        ]
        for column, (value, kind) in enumerate(cells, start=1):
            if value is not None:
                sheet.write_number(at, column, value, self.formats[kind])

    def _paragraphs(self, sheet: Any, at: int, title: str, texts: Sequence[str]) -> int:
        sheet.write_string(at, 0, title, self.bold)
        for text in texts:
            at += 1
            sheet.write_string(at, 0, text)
        return at

    def _pairs(self, sheet: Any, at: int, title: str, pairs: Sequence[tuple[str, str]]) -> int:
        sheet.write_string(at, 0, title, self.bold)
        for name, value in pairs:
            at += 1
            sheet.write_string(at, 0, name)
            sheet.write_string(at, 1, value)
        return at


def _values(period: Period, table: Table) -> Iterable[list[Any]]:
    return ([row[name] for name in table.column_names] for row in period.rows)


def _meaning(name: str) -> str:
    return DAILY_REVENUE.column(name).meaning
