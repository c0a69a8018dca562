"""The workbook: boards, days, and what the figures rest on, as sheets. Text from the data is always written as text, never as a formula."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import IO, Any

from bess_assets.report.content import DAY_COLUMNS, STREAMS, WHY, Content, Row
from bess_assets.report.workbook_front import printed, write_front
from bess_assets.settlement.metrics import FLEET_TOTALS
from bess_assets.store.listing import MADE_UP, MADE_UP_COLUMN
from bess_assets.tables import DAILY_REVENUE, LEADERBOARD, LEADERBOARD_MONTHLY, Column
from bess_assets.text import plain

COLUMNS_A_PAGE = 12
"""Columns of a table that are printed beside each other: more could not be read."""
DAYS_A_SHEET = 1_000_000
"""Rows of days on one sheet; a sheet holds 1,048,576."""

_RANK_CHANGES = (
    Column("rank_change", "count", "places gained since the same board a year earlier, negative if lost; empty where either rank is"),
    Column("rank_change_month", "count", "the same since the board of the month before"),
)  # fmt: skip
"""What `Results.leaderboard` adds to the columns of a board: the first to a year's, both to a month's."""
_YEAR, _MONTHS = (*LEADERBOARD.columns, _RANK_CHANGES[0]), (*LEADERBOARD_MONTHLY.columns, *_RANK_CHANGES)

WHAT_IS_NOT_IN_THE_NUMBERS = (
    "Dollars are gross market revenue, reconstructed from ERCOT's public reports. They are no settlement statement.",
    "Energy: day-ahead awards at the day-ahead price of the node, plus discharge less charge less the day-ahead award at its real-time price.",
    "Ancillary services: day-ahead awards at the clearing price; from 2025-12-05 also real-time less day-ahead awards at the real-time price.",
    "An empty cell is unknown, never zero. Nothing is scaled up for what is missing; coverage says how much is known.",
    "$/kW-month and $/kW-year are scaled from active days to the whole period; $/MW is not.",
    "charging_cost_usd and rt_metered_usd are memos, inside rt_energy_usd already; da_unmatched_usd and as_da_unmatched_usd are in no total.",
    "A duration whose source is 'assumed' is used in no figure.",
    (
        "Not in the numbers, since public data do not say it battery by battery: self-arranged and traded ancillary services, supplemental-market "
        "awards, imbalance, failure and deviation charges, emergency response service, make-whole payments, day-ahead purchases before 2025-12-06, "
        "contracts and tolls, resettlements."
    ),
)

_FLEET = (  # figures of the fleet: heading, number format, and name
    ("ranked", "count", "ranked"),
    ("batteries", "count", "batteries"),
    ("ranked MW", "mw", "capacity_mw"),
    *((name, "money", name) for name in STREAMS),
    *((name, "money", column) for column, name in FLEET_TOTALS.items()),
    ("$/kW-month", "money", "usd_per_kw_month"),
    ("$/kW-year", "money", "usd_per_kw_year"),
    ("mean energy coverage", "share", "energy_coverage"),
    ("mean AS coverage", "share", "as_coverage"),
)
Cells = list[tuple[str | float | None, str]]
"""Values of a row, each with the name of its format."""

_HEADING = {"bold": True, "bg_color": "#F1F3F3", "bottom": 1, "text_wrap": True, "valign": "top"}
_FORMATS: dict[str, dict[str, Any]] = {
    "heading": _HEADING,
    "heading_indented": {**_HEADING, "align": "left", "indent": 1},
    "title": {"bold": True, "font_size": 16},
    "made_up": {"bold": True, "font_color": "#B3392C"},
    "soft": {"font_color": "#5A646E"},
    "label": {"font_color": "#5A646E", "font_size": 9, "text_wrap": True, "valign": "top"},
    "wrapped": {"text_wrap": True, "valign": "top", "font_size": 9, "align": "left", "indent": 1},
    "heading_right": {**_HEADING, "align": "right"},
    "indented": {"indent": 1},
    "dollars": {"num_format": "#,##0"},
    "hours": {"num_format": "0.0"},
    "big_money": {"num_format": "#,##0.00", "bold": True, "font_size": 16, "align": "left"},
    "big_dollars": {"num_format": "#,##0", "bold": True, "font_size": 16, "align": "left"},
    "big_count": {"num_format": "0", "bold": True, "font_size": 16, "align": "left"},
    "big_share": {"num_format": "0.0%", "bold": True, "font_size": 16, "align": "left"},
    "bold": {"bold": True},
    "money": {"num_format": "#,##0.00"},
    "count": {"num_format": "0"},
    "mw": {"num_format": "#,##0.0"},
    "ratio": {"num_format": "0.000"},
    "share": {"num_format": "0.0%"},
    "day": {"num_format": "yyyy-mm-dd"},
    "time": {"num_format": "yyyy-mm-dd hh:mm"},
}
# Patterns of the names of numbers by their format.
_NAMED = {"share": "_(share|coverage|capture|efficiency|held)$|error$", "money": "_usd$|usd_per_", "mw": "_mwh?$"}
_WIDTHS = {"text": 18, "label": 16, "day": 12, "number": 14, "count": 10, "time": 20, "flag": 8}
_WIDTHS_BY_NAME = {"notes": 60, "excluded_reason": 44, "battery": 22}


def write_workbook(content: Content, file: Path | IO[bytes], *, days: bool = True) -> None:
    """Write the workbook of a year, with or without its days; the same content gives the same bytes.

    The library lays out every sheet with one row of each table as a pattern, and `_fill` puts the rest in: cell by cell the library alone takes some
    twenty seconds for a year of 350 batteries.
    """
    import xlsxwriter  # noqa: PLC0415  only when a report is made

    skeleton = io.BytesIO()
    # constant_memory writes texts into their cells, as `_sheet` does, and not into a list of their own.
    texts = dict.fromkeys(("strings_to_numbers", "strings_to_formulas", "strings_to_urls"), False)
    with xlsxwriter.Workbook(skeleton, {"constant_memory": True, **texts}) as book:
        rows = _lay_out(book, content, days)
    _fill(skeleton, file, rows)


def _lay_out(book: Any, content: Content, with_days: bool) -> dict[str, Sequence[Sequence[Any]]]:
    """Write all sheets, those of tables with one row as a pattern; the rows that belong there, by the name of the sheet inside the workbook."""
    # The library would write the present time otherwise, and no two files would be the same.
    day = content.facts["data_through"] or date(content.year, 12, 31)
    book.set_properties(
        {
            "title": content.title,
            "subject": "Gross market revenue reconstructed from public reports",
            "created": datetime(day.year, day.month, day.day),  # noqa: DTZ001  a date, in no zone
        }
    )
    formats = {name: book.add_format(properties) for name, properties in _FORMATS.items()}
    write_front(book, formats, content)
    rows_of_sheets = {}
    for name, frozen, columns, rows in _tables(content, with_days):
        if content.made_up:
            columns = [*columns, Column(MADE_UP_COLUMN, "label", "made-up: the market is simulated")]
            rows = [(*row, MADE_UP) for row in rows]
        sheet = book.add_worksheet(name)
        _table(sheet, formats, frozen, columns, len(rows))
        printed(sheet, content, wide=-(-len(columns) // COLUMNS_A_PAGE))
        rows_of_sheets[f"xl/worksheets/sheet{len(book.worksheets())}.xml"] = rows
    sheet = book.add_worksheet("Dictionary")
    _dictionary(sheet, formats, content)
    printed(sheet, content)
    sheet = book.add_worksheet("Method and coverage")
    printed(sheet, content)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, len(_FLEET), 17)
    for at, cells in enumerate(_method(content)):
        for column, (value, form) in enumerate(cells):
            if value is not None:
                sheet.write(at, column, value, formats.get(form))
    return rows_of_sheets


def _dictionary(sheet: Any, formats: Mapping[str, Any], content: Content) -> None:
    """What each sheet of a table holds, and what its columns mean."""
    sheets = (
        ("Leaderboard", LEADERBOARD, _YEAR),
        ("Months", LEADERBOARD_MONTHLY, (_MONTHS[0], _MONTHS[-1])),
        *((name, WHY[name], WHY[name].columns) for name in content.why),
        ("Daily", DAILY_REVENUE, [DAILY_REVENUE.column(name) for name in DAY_COLUMNS]),
    )
    for at, (heading, width) in enumerate((("sheet", 18), ("column", 30), ("kind", 10), ("meaning", 110))):
        sheet.set_column(at, at, width, formats["wrapped"] if heading == "meaning" else None)
        sheet.write_string(0, at, heading, formats["heading"])
    rows = [
        row
        for name, table, columns in sheets
        for row in ((name, "", "", table.meaning), *((name, c.name, c.kind, c.meaning) for c in columns))
    ]
    for number, row in enumerate(rows, start=1):
        for at, text in enumerate(row):
            sheet.write_string(number, at, text)
    sheet.freeze_panes(1, 2)
    sheet.repeat_rows(0)


def _tables(content: Content, with_days: bool) -> Iterator[tuple[str, int, Sequence[Column], Sequence[Sequence[Any]]]]:
    """Name of each sheet of a table, how many of its columns stay in view, its columns and rows."""
    yield "Leaderboard", 2, _YEAR, _values(content.board, _YEAR)
    yield "Months", 3, _MONTHS, _values(content.monthly, _MONTHS)
    for name, table in content.why.items():
        yield name, 2, WHY[name].columns, list(zip(*table.to_pydict().values(), strict=True))
    if not with_days:
        return
    columns = [DAILY_REVENUE.column(name) for name in DAY_COLUMNS]
    days = list(zip(*(content.days[name] for name in DAY_COLUMNS), strict=True))
    for n, first in enumerate(range(0, max(len(days), 1), DAYS_A_SHEET), start=1):
        yield f"Daily {n}" if n > 1 else "Daily", 2, columns, days[first : first + DAYS_A_SHEET]


def _values(rows: Iterable[Row], columns: Sequence[Column]) -> list[list[Any]]:
    return [[row[column.name] for column in columns] for row in rows]


def _table(sheet: Any, formats: Mapping[str, Any], frozen: int, columns: Sequence[Column], rows: int) -> None:
    """The heading of a table, which stays in view, and a pattern row."""
    sheet.freeze_panes(1, frozen)
    sheet.repeat_rows(0)
    sheet.repeat_columns(0, frozen - 1)
    sheet.autofilter(0, 0, rows, len(columns) - 1)
    for at, column in enumerate(columns):
        sheet.set_column(at, at, _WIDTHS_BY_NAME.get(column.name, _WIDTHS[column.kind]))
        sheet.write(0, at, column.name, formats["heading"])
    for at, form in enumerate(map(_format_of, columns)):
        sheet.write(1, at, 0 if form else "pattern", formats.get(form))


def _format_of(column: Column) -> str:
    """Name of the format of a column; none for texts."""
    named = next((form for form, pattern in _NAMED.items() if re.search(pattern, column.name)), "ratio")
    return {"text": "", "label": "", "flag": "", "day": "day", "time": "time", "count": "count"}.get(column.kind, named)


def _method(content: Content) -> Iterator[Cells]:
    """Rows of the last sheet, each cell with its format: fleet figures, what is not in the numbers, what the columns mean, and the inputs."""
    facts = {MADE_UP_COLUMN: MADE_UP} if content.made_up else {}
    facts |= {name.replace("_", " "): plain(value) for name, value in content.facts.items()}
    fleet: list[Cells] = [[("period", "heading"), *((heading, "heading") for heading, _, _ in _FLEET)]]
    for month, _, figures in content.periods:
        label = "whole year" if month is None else f"{content.year}-{month:02d}"
        fleet.append([(label, ""), *((figures[name], form) for _, form, name in _FLEET)])
    yield [(content.title, "title")]
    yield from (_plain(fact) for fact in facts.items())
    for title, lines in (
        ("Fleet: streams of the ranked batteries of each period, and the three totals", fleet),
        ("What is and is not in the numbers", [_plain([text]) for text in WHAT_IS_NOT_IN_THE_NUMBERS]),
        ("Made of these inputs, with their SHA-256", [_plain(named) for named in content.inputs]),
    ):
        yield []
        yield [(title, "bold")]
        yield from lines


def _plain(texts: Iterable[str]) -> Cells:
    return [(text, "") for text in texts]


# --- rows -----------------------------------------------------------------------------------------------------------------------------------


def _fill(skeleton: io.BytesIO, file: Path | IO[bytes], sheets: Mapping[str, Sequence[Sequence[Any]]]) -> None:
    """Copy a workbook, with rows in the place of the pattern row of some sheets, which go by their names inside the workbook."""
    with zipfile.ZipFile(skeleton) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            # A fixed time, the first that a ZIP can hold: with the present time no two files would be the same.
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            with target.open(member, "w") as written:
                if name in sheets:
                    written.writelines(_sheet(source.read(name).decode(), sheets[name]))
                else:
                    written.write(source.read(name))


def _sheet(xml: str, rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    """The XML of a sheet with rows in the place of its second row, each cell in the style of the pattern above it."""
    head, pattern, rest = re.split(r'<row r="2"[^>]*>(.*?)</row>', xml, maxsplit=1, flags=re.DOTALL)
    starts = [
        (f'<c r="{letters}', f'" s="{style}"><v>' if style else '" t="inlineStr"><is><t xml:space="preserve">')
        for letters, style in re.findall(r'<c r="([A-Z]+)2"(?: s="(\d+)")?', pattern)
    ]
    xml_text = cache(_xml_text)
    yield re.sub(r'(<dimension ref="A1:[A-Z]+)\d+', rf"\g<1>{len(rows) + 1}", head).encode()
    for number, row in enumerate(rows, start=2):
        parts = [f'<row r="{number}">']
        for (letters, start), value in zip(starts, row, strict=True):
            if isinstance(value, str):
                parts.append(f"{letters}{number}{start}{xml_text(value)}</t></is></c>")
            elif isinstance(value, bool):
                parts.append(f'{letters}{number}" t="b"><v>{value:d}</v></c>')
            elif value is not None:
                parts.append(f"{letters}{number}{start}{_number(value)!r}</v></c>")
        yield "".join((*parts, "</row>")).encode()
    yield rest.encode()


def _number(value: float | date) -> float:
    """A number as it is; of a day or a time in UTC the days since day 0."""
    if isinstance(value, datetime):
        return (value.replace(tzinfo=None) - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001  in UTC
    return (value - date(1899, 12, 30)).days if isinstance(value, date) else value


def _xml_text(text: str) -> str:
    """Text of a cell: as long as a cell may be, characters that XML cannot hold escaped as spreadsheets escape them."""
    shown = text if len(text) <= 32_767 else text[:32_766] + "…"
    unlike_escapes = re.sub("_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", shown)  # else a spreadsheet would show another text
    escaped = unlike_escapes.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", lambda match: f"_x{ord(match[0]):04X}_", escaped)
