"""The sheets of the workbook that people read and print: the year at a glance with charts, the board, the fleet's months, the duration classes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bess_assets.report.content import STREAMS, Content, Row, edition_words
from bess_assets.settlement import groups
from bess_assets.settlement.metrics import FLEET_TOTALS, Period
from bess_assets.store.listing import NOTE

SUMMARY, BOARD, MONTHS, CLASSES = "Summary", "Board", "Fleet by month", "Classes"
"""Names of these sheets."""
_FIRST = 10  # batteries in the chart of the first ones
_COLOURS = ("#0B5CAD", "#5AA9DD", "#E0A11B", "#C9572B", "#1F8F70", "#B9669C", "#8A8F95")
_HEADINGS = {
    "": "heading",
    "indented": "heading_indented",
    "wrapped": "heading_indented",
}  # of texts; numbers have theirs at the right
_STRATEGIES = {"energy_arbitrage": "energy", "ancillary_services": "ancillary"}


class Heading(NamedTuple):
    """A column for readers: heading with its unit, value of a row, name of the number format, width."""

    label: str
    value: Callable[[Row], Any]
    form: str = ""
    width: int = 12


def _of(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _hours(row: Row) -> float | None:
    """Hours of duration that are known: an assumed one is in no figure, and is not shown as a number."""
    return None if row["duration_source"] == "assumed" else row["duration_hours"]


_BOARD = (
    Heading("Rank", _of("rank"), "count", 6),
    Heading("Battery", _of("battery"), "indented", 22),
    Heading("Power (MW)", _of("capacity_mw"), "mw", 9),
    Heading("Duration (h)", _hours, "hours", 9),
    Heading("Total ($)", _of("total_usd"), "dollars", 14),
    Heading("$/kW-month", _of("usd_per_kw_month"), "money", 10),
    Heading("Day-ahead energy ($)", _of("da_energy_usd"), "dollars", 14),
    Heading("Real-time energy ($)", _of("rt_energy_usd"), "dollars", 14),
    Heading("Ancillary services ($)", _of("as_usd"), "dollars", 14),
    Heading("Strategy", lambda row: _STRATEGIES.get(row["strategy"], row["strategy"]), "indented", 12),
    Heading("Energy coverage", _of("energy_coverage"), "share", 10),
    Heading("Not ranked, or to know", lambda row: "; ".join(filter(None, (row["excluded_reason"], row["notes"]))) or None, "wrapped", 44),
)  # fmt: skip
_FLEET = (
    Heading("Month", _of("month"), "", 10),
    Heading("Ranked", _of("ranked"), "count", 8),
    *(Heading(f"{name} ($)", _of(column), "dollars", 14) for column, (name, _) in STREAMS.items()),
    *(Heading(f"{name[0].upper()}{name[1:]} ($)", _of(column), "dollars", 17) for column, name in FLEET_TOTALS.items()),
    Heading("$/kW-month", _of("usd_per_kw_month"), "money", 10),
)
_CLASSES = (
    Heading("Duration class", _of("group"), "", 18),
    Heading("Ranked", _of("batteries_ranked"), "count", 9),
    Heading("Batteries", _of("batteries"), "count", 9),
    Heading("Ranked power (MW)", _of("capacity_mw"), "mw", 11),
    Heading("Ranked total ($)", _of("ranked_total_usd"), "dollars", 15),
    Heading("$/kW-month", _of("usd_per_kw_month"), "money", 11),
    Heading("Energy ($)", _of("energy_usd"), "dollars", 15),
    Heading("Ancillary services ($)", _of("as_usd"), "dollars", 15),
    Heading("Energy share", _of("energy_share"), "share", 10),
    Heading("Energy coverage", _of("energy_coverage"), "share", 10),
)


def write_front(book: Any, formats: Mapping[str, Any], content: Content) -> None:
    """Write the sheets, the summary first; its charts read the others."""
    summary = book.add_worksheet(SUMMARY)
    classes = groups.groups(content.board, "duration", Period.of(content.year))
    months = [{**figures, "month": f"{content.year}-{month:02d}"} for month, _, figures in content.periods if month]
    at = {
        BOARD: _sheet(book, formats, content, BOARD, "Board: ranked batteries first", _BOARD, content.board),
        MONTHS: _sheet(
            book, formats, content, MONTHS, "Fleet by month: streams of the ranked batteries", _FLEET, months
        ),
        CLASSES: _sheet(book, formats, content, CLASSES, "Duration classes", _CLASSES, classes),
    }
    _summary(summary, formats, content)
    charts = [
        _stacked(book, at[MONTHS], len(months)) if months else None,
        _bars(
            book,
            BOARD,
            at[BOARD],
            1,
            4,
            min(_FIRST, content.periods[0][2]["ranked"]),
            "The first by total ($)",
            "bar",
            min([0.0, *(row["total_usd"] for row in content.board[:_FIRST] if row["rank"])]),
        ),
        _bars(
            book,
            CLASSES,
            at[CLASSES],
            0,
            5,
            len(classes),
            "$/kW-month by duration class",
            "column",
            min([0.0, *(row["usd_per_kw_month"] or 0.0 for row in classes)]),
        ),
    ]
    for chart, cell in zip(charts, ("A10", "A28", "D28"), strict=True):
        if chart:
            wide = cell == "A10"
            chart.set_size({"width": 945 if wide else 470, "height": 340})
            summary.insert_chart(cell, chart)


def _summary(sheet: Any, formats: Mapping[str, Any], content: Content) -> None:
    """The figures of the page's top."""
    fleet = content.periods[0][2]
    sheet.set_column(0, 5, 22)
    _top(sheet, formats, content, content.title)
    tiles = (
        ("Fleet average ($/kW-month)", fleet["usd_per_kw_month"], "big_money", None),
        ("Fleet average ($/kW-year)", fleet["usd_per_kw_year"], "big_money", None),
        ("Ranked total ($)", fleet["ranked_total_usd"], "big_dollars", None),
        ("Ranked batteries", fleet["ranked"], "big_count", f"of {fleet['batteries']}"),
        ("Energy share", fleet["energy_share"], "big_share", "of the ranked total"),
        ("Mean energy coverage", fleet["energy_coverage"], "big_share", "of all batteries"),
    )
    for row, place in ((4, 0), (5, 1), (6, 3)):
        if place == 1:
            sheet.set_row(row, 24)
        for column, tile in enumerate(tiles):
            if tile[place] is not None:
                sheet.write(row, column, tile[place], formats[tile[2] if place == 1 else "label"])
    sheet.write_string(
        8,
        0,
        "Gross market revenue, reconstructed from ERCOT's public reports; no settlement statement. An empty cell is unknown, never zero.",
        formats["soft"],
    )
    sheet.print_area(0, 0, 45, 5)
    sheet.hide_gridlines(2)
    printed(sheet, content, high=1)


def _top(sheet: Any, formats: Mapping[str, Any], content: Content, title: str) -> None:
    """The mark of made-up data, the title, and the edition."""
    if content.made_up:
        sheet.write_string(0, 0, NOTE, formats["made_up"])
    sheet.set_row(1, 24)
    sheet.write_string(1, 0, title, formats["title"])
    sheet.write_string(2, 0, edition_words(content.facts), formats["soft"])


def printed(sheet: Any, content: Content, *, wide: int = 1, high: int = 0) -> None:
    """Let a sheet print on A4 across, so many pages wide and high (0: as many as its rows take), each with the mark of made-up data and the edition."""
    sheet.fit_to_pages(wide, high)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.set_margins(left=0.4, right=0.4, top=0.5, bottom=0.6)
    mark = f"{NOTE}  " if content.made_up else ""
    sheet.set_footer(f"&L&8{mark}{content.title}, {edition_words(content.facts)}&R&8&P of &N".replace("$", ""))


def _sheet(
    book: Any,
    formats: Mapping[str, Any],
    content: Content,
    name: str,
    title: str,
    columns: Sequence[Heading],
    rows: Sequence[Any],
) -> int:
    """Write a table for readers; the number of its first row of values."""
    sheet = book.add_worksheet(name)
    _top(sheet, formats, content, f"{title}, {content.year}")
    first = 5
    sheet.set_row(first - 1, 32)
    for at, column in enumerate(columns):
        sheet.set_column(at, at, column.width)
        heading = _HEADINGS.get(column.form, "heading_right")
        sheet.write_string(first - 1, at, column.label, formats[heading])
    for number, row in enumerate(rows, start=first):
        for at, column in enumerate(columns):
            if (value := column.value(row)) is not None:
                sheet.write(number, at, value, formats.get(column.form))
    last = first + max(len(rows), 1) - 1
    sheet.freeze_panes(first, 2 if name == BOARD else 1)
    sheet.autofilter(first - 1, 0, last, len(columns) - 1)
    sheet.repeat_rows(first - 1)
    sheet.print_area(0, 0, last, len(columns) - 1)
    printed(sheet, content)
    return first


def _stacked(book: Any, first: int, rows: int) -> Any:
    """Stacked columns of the months by stream."""
    chart = book.add_chart({"type": "column", "subtype": "stacked"})
    for n, (name, _) in enumerate(STREAMS.values()):
        column = 2 + n
        chart.add_series(
            {
                "name": name,
                "categories": [MONTHS, first, 0, first + rows - 1, 0],
                "values": [MONTHS, first, column, first + rows - 1, column],
                "fill": {"color": _COLOURS[n]},
                "gap": 40,
            }
        )
    return _dressed(chart, "Revenue of ranked batteries by month ($)", "bottom")


def _bars(
    book: Any, sheet: str, first: int, names: int, values: int, rows: int, title: str, kind: str, least: float
) -> Any | None:
    """Bars of one column by the names in another; None without a row."""
    if not rows:
        return None
    chart = book.add_chart({"type": kind})
    chart.add_series(
        {
            "categories": [sheet, first, names, first + rows - 1, names],
            "values": [sheet, first, values, first + rows - 1, values],
            "fill": {"color": _COLOURS[0]},
            "gap": 40,
        }
    )
    if kind == "bar":
        chart.set_y_axis({"reverse": True})
    return _dressed(chart, title, "none", reverse=kind == "bar", least=least)


def _dressed(chart: Any, title: str, legend: str, *, reverse: bool = False, least: float | None = None) -> Any:
    chart.set_title({"name": title, "name_font": {"size": 11}, "overlay": False})
    chart.set_legend({"none": True} if legend == "none" else {"position": legend})
    numbers = {
        "num_format": '[>=1000000]#,##0.0,,"m";[>=1000]#,##0,"k";0.0',
        "min": least,
        "major_gridlines": {"visible": True, "line": {"color": "#DFE2E4"}},
    }
    if reverse:
        chart.set_x_axis({**numbers, "label_position": "high"})
    else:
        chart.set_y_axis(numbers)
    chart.set_chartarea({"border": {"color": "#DFE2E4"}})
    return chart
