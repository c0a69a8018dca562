"""Answers as lines of text for a terminal: leaderboards, one battery, rows of SQL.

Belongs here: which columns a reader sees first, their headings and units, the lines under a table.
Does not: finding the rows (results.py), years and their state (cli/show_state.py), printing (cli.py). Loads no Dagster, pandas or pyarrow.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from bess_assets.ercot.products import PRODUCT_NAMES, PRODUCTS
from bess_assets.results import Answer, BatteryAnswer
from bess_assets.text_tables import (
    ALWAYS,
    Heading,
    Line,
    any_value,
    decimals,
    fitting,
    listed,
    money,
    one_line,
    paragraph,
    percent,
    spelt,
    spelt_table,
    text_table,
    widths_of,
)

WHAT_DOLLARS_ARE = "Dollars are gross market revenue reconstructed from ERCOT's public reports: no settlement statement. Unknown is shown as -, never as zero."
ROWS_SHOWN = 1000
"""Rows of an SQL answer that are shown as a table; CSV and JSON hold all."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

_STRATEGY_WORDS = {
    "energy_arbitrage": "energy",
    "ancillary_services": "ancillary",
    "hybrid": "hybrid",
    "inactive": "inactive",
}

Record = Mapping[str, Any]


class _Shown(NamedTuple):
    """A column of a layout: what is shown, and from which columns of a row."""

    heading: Heading
    value: Callable[[Record], Any]


def _stored(
    name: str, text: str, show: Callable[[Any], str] = str, *, right: bool = True, keep: int = ALWAYS, widest: int = 0
) -> _Shown:
    return _Shown(Heading(text, show, right, keep, widest), lambda row: row.get(name))


def _duration(row: Record) -> str | None:
    hours = row["duration_hours"]
    if hours is None:
        return None
    return f"~{hours:.1f}" if row["duration_source"] == "assumed" else f"{hours:.1f}"


def _rank_change(row: Record) -> str | None:
    change = row.get("rank_change")
    return None if change is None else f"{change:+d}" if change else "0"


_RANK = _stored("rank", "#")
_CHANGE = _Shown(Heading("+/-", right=True, keep=10), _rank_change)
_BATTERY = _stored("battery", "battery", right=False, widest=24)
_MW = _stored("capacity_mw", "MW", decimals(1), keep=60)
_HOURS = _Shown(Heading("hours", right=True, keep=40), _duration)
_DA = _stored("da_energy_usd", "DA energy $", money)
_RT = _stored("rt_energy_usd", "RT energy $", money)
_ENERGY = _stored("energy_usd", "energy $", money, keep=80)
_PRODUCT_COLUMNS = tuple(_stored(f"as_{p}_usd", f"{p.upper()} $", money) for p in PRODUCTS)
_AS = _stored("as_usd", "AS $", money, keep=80)
_TOTAL = _stored("total_usd", "total $", money)
_RATE = _stored("usd_per_kw_month", "$/kW-mo", decimals(2), keep=70)
_STRATEGY = _stored("strategy", "strategy", lambda value: _STRATEGY_WORDS.get(value, value), right=False, keep=50)
_ENERGY_COVERAGE = _stored("energy_coverage", "energy cov", percent, keep=30)
_AS_COVERAGE = _stored("as_coverage", "AS cov", percent, keep=20)

_LAYOUTS = (
    (
        _RANK,
        _CHANGE,
        _BATTERY,
        _MW,
        _HOURS,
        _DA,
        _RT,
        *_PRODUCT_COLUMNS,
        _TOTAL,
        _RATE,
        _STRATEGY,
        _ENERGY_COVERAGE,
        _AS_COVERAGE,
    ),
    (_RANK, _CHANGE, _BATTERY, _MW, _HOURS, _DA, _RT, _AS, _TOTAL, _RATE, _STRATEGY, _ENERGY_COVERAGE, _AS_COVERAGE),
    (_RANK, _BATTERY, _MW, _HOURS, _ENERGY, _AS, _TOTAL, _RATE, _STRATEGY, _ENERGY_COVERAGE, _AS_COVERAGE),
)
"""Layouts of the leaderboard, widest first; the first is taken that fits with the columns of `_WANTED` in it."""

_WANTED = 50
"""A layout fits if no column of this `keep` or more had to go; the last layout always does."""


def board_lines(board: Answer, title: str, width: int, top: int | None = None) -> list[str]:
    """A leaderboard as a table: ranked rows, then below a rule those that cannot be ranked, the reasons, and what the figures are.

    Args:
        board: rows of `Results.leaderboard`, in the order to be shown.
        title: what it is the board of.
        width: columns of the terminal.
        top: show only the first rows; the line below is about all of them.
    """
    every = board.records()
    if not every:
        return [Line.of("title", f"{title}: no battery has a row.")]
    rows = every[:top]
    ranked = [row for row in rows if row["rank"] is not None]
    unranked = [row for row in rows if row["rank"] is None]
    lines: list[str] = [
        Line.of("title", f"{title} ({_one_of(rows, 'edition')}, data through {_one_of(rows, 'data_through')})"),
        "",
    ]
    lines += _layout(rows, [ranked, unranked], width)
    legend = " +/- is the change of rank since the year before." if any(" +/- " in line for line in lines) else ""
    lines.append("")
    if unranked:
        lines += [Line.of("heading", "Not ranked:"), *_reasons(unranked, width)]
    if len(rows) < len(every):
        lines.append(f"The first {len(rows)} of {len(every)} batteries. Of all of them:")
    lines += paragraph(_summary(every, [row for row in every if row["rank"] is not None]) + legend, width)
    lines += paragraph(WHAT_DOLLARS_ARE, width)
    return lines


def _layout(rows: Sequence[Record], sections: Sequence[Sequence[Record]], width: int) -> list[str]:
    in_order = [row for section in sections for row in section]
    texts = {
        c: spelt(c.heading, map(c.value, in_order)) for c in dict.fromkeys(c for layout in _LAYOUTS for c in layout)
    }
    unknown = {c for c in (_CHANGE, *_PRODUCT_COLUMNS) if all(c.value(row) is None for row in rows)}
    layouts = [tuple(c for c in layout if c not in unknown) for layout in _LAYOUTS]
    for layout in layouts[1 if unknown.issuperset(_PRODUCT_COLUMNS) else 0 :]:
        headings, columns = [c.heading for c in layout], [texts[c] for c in layout]
        stay = fitting(headings, widths_of(headings, columns), width)
        if layout is layouts[-1] or all(n in stay for n, heading in enumerate(headings) if heading.keep >= _WANTED):
            return spelt_table(headings, columns, [len(section) for section in sections if section], width).lines
    raise AssertionError("the last layout always fits")


def _one_of(rows: Sequence[Record], column: str) -> str:
    return listed(sorted({str(row[column]) for row in rows}))


def _reasons(unranked: Sequence[Record], width: int) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for row in unranked:
        by_reason.setdefault(row["excluded_reason"] or "no reason recorded", []).append(row["battery"])
    lines = []
    for reason, batteries in by_reason.items():
        lines += paragraph(f"{listed(batteries)}: {reason}", width, "  ")
    return lines


def _summary(rows: Sequence[Record], ranked: Sequence[Record]) -> str:
    parts = [f"{len(ranked)} ranked" + (f" (sum {money(sum(row['total_usd'] for row in ranked))} $)" if ranked else "")]
    if len(rows) > len(ranked):
        parts.append(f"{len(rows) - len(ranked)} not ranked")
    for name, words in (("energy_coverage", "energy"), ("as_coverage", "AS")):
        parts.append(f"mean {words} coverage {percent(sum(row[name] for row in rows) / len(rows))}")
    noted = sum(row["notes"] is not None for row in rows)
    if noted:
        parts.append(f"{noted} with notes (bess battery NAME shows them)")
    if any(row["duration_source"] == "assumed" for row in rows):
        parts.append("~ marks an assumed duration, used in no figure")
    return "; ".join(parts) + "."


# --- one battery --------------------------------------------------------------------------------------------------------------------------

_DETAIL = (
    _MW,
    _HOURS,
    _stored("da_energy_usd", "DA energy $", money, keep=55),
    _stored("rt_energy_usd", "RT energy $", money, keep=55),
    _AS,
    _TOTAL,
    _RATE,
    _stored("cycles_per_day", "cycles/day", decimals(2), keep=35),
    _stored("round_trip_efficiency", "effic.", percent, keep=36),
    _stored("tb2_capture", "TB2 capt.", percent, keep=34),
    _STRATEGY,
    _ENERGY_COVERAGE,
    _AS_COVERAGE,
)
_YEAR = _stored("year", "year")
_MONTH = _Shown(Heading("month", right=False), lambda row: MONTHS[row["month"] - 1][:3])
_DAY_COLUMNS = (
    _stored("operating_day", "day", right=False),
    _DA,
    _RT,
    _stored("as_usd", "AS $", money),
    _TOTAL,
    _stored("discharge_mwh", "discharge MWh", decimals(1), keep=40),
    _stored("charge_mwh", "charge MWh", decimals(1), keep=40),
    _ENERGY_COVERAGE,
)


def battery_lines(battery: BatteryAnswer, width: int) -> list[str]:
    """One battery: its names and size, its years, the months of its latest year, its best days, and what to know about them."""
    years = battery.years.records()
    latest = years[-1]
    names = [
        f"{name} ({words})"
        for column, words in (("gen_resource", "generation"), ("load_resource", "load"), ("esr_resource", "storage"))
        for name in dict.fromkeys(row[column] for row in years)
        if name
    ]
    lines: list[str] = [Line.of("title", one_line(battery.battery))]
    for label, text in (
        ("names", ", ".join(names)),
        ("node", latest["settlement_point"]),
        ("QSE", latest["qse"]),
        ("size", _size(latest)),
        ("first active", min((row["first_active_date"] for row in years if row["first_active_date"]), default=None)),
        ("data through", f"{latest['data_through']} ({latest['edition']})"),
        ("read from", latest["quantity_source"]),
    ):
        lines += paragraph(f"{label:<13} {text}", width, "  ") if text else []
    lines += [
        "",
        *_table(
            (_YEAR, _RANK, _CHANGE, *_DETAIL) if "rank_change" in latest else (_YEAR, _RANK, *_DETAIL), years, width
        ),
    ]
    lines += _stream_lines(latest, width)
    months = [row for row in battery.months.records() if row["year"] == latest["year"]]
    if months:
        lines += [
            "",
            Line.of("title", f"Months of {latest['year']}"),
            *_table((_MONTH, _RANK, *_DETAIL[2:]), months, width),
        ]
    days = battery.best_days.records()
    if days:
        lines += ["", Line.of("title", "Best days"), *_table(_DAY_COLUMNS, days, width)]
        lines += paragraph(
            "Before 2025-12-05 charging is known from one reading a quarter-hour: months are meaningful, single days indicative.",
            width,
        )
    notes = [f"{row['year']}: {row[name]}" for row in years for name in ("excluded_reason", "notes") if row[name]]
    if notes:
        lines += ["", Line.of("title", "Notes"), *(line for note in notes for line in paragraph(note, width, "  "))]
    return [*lines, "", *paragraph(WHAT_DOLLARS_ARE, width)]


def _stream_lines(row: Record, width: int) -> list[str]:
    """What a year's money is made of, a row a stream that exists; shares are of the sum of the positive ones."""
    streams = {
        "day-ahead energy": (row["da_energy_usd"], None),
        "real-time energy": (row["rt_energy_usd"], None),
        **{PRODUCT_NAMES[p]: (row[f"as_{p}_usd"], row[f"as_{p}_rt_usd"]) for p in PRODUCTS},
    }
    shown = [(name, usd, real_time) for name, (usd, real_time) in streams.items() if usd is not None]
    if not shown:
        return []
    gains = sum(max(usd, 0.0) for _, usd, _ in shown)
    columns = (
        Heading("stream"),
        Heading("$", money, right=True),
        Heading("of it real-time $", money, right=True, keep=20),
        Heading("share of gains", percent, right=True, keep=30),
    )
    rows = [[name, usd, real_time, max(usd, 0.0) / gains if gains else None] for name, usd, real_time in shown]
    total = [["total", row["total_usd"], None, None]]
    return ["", Line.of("title", f"Streams of {row['year']}"), *text_table(columns, [rows, total], width).lines]


def _size(row: Record) -> str:
    parts = []
    if row["capacity_mw"] is not None:
        parts.append(f"{row['capacity_mw']:,.1f} MW ({row['capacity_source']})")
    if row["energy_mwh"] is not None:
        parts.append(f"{row['energy_mwh']:,.1f} MWh, {row['duration_hours']:.2f} h ({row['duration_source']})")
    return ", ".join(parts)


def _table(columns: Sequence[_Shown], rows: Sequence[Record], width: int) -> list[str]:
    return text_table([c.heading for c in columns], [[[c.value(row) for c in columns] for row in rows]], width).lines


# --- editions -----------------------------------------------------------------------------------------------------------------------------

_EDITIONS = (
    _stored("edition_number", "#"),
    _Shown(Heading("made (UTC)"), lambda row: f"{row['made_at']:%Y-%m-%d %H:%M}"),
    _stored("edition", "edition", right=False),
    _stored("data_through", "data through", right=False, keep=40),
    _stored("package_version", "version", right=False, keep=30),
    _stored("batteries", "batteries", keep=60),
    _stored("batteries_ranked", "ranked", keep=50),
    _stored("total_usd", "total $", money),
)
_CHANGES = (
    _stored("battery", "battery", right=False, widest=24),
    _stored("rank_before", "# before", keep=60),
    _stored("rank_after", "# after", keep=60),
    _stored("total_usd_before", "total $ before", decimals(2), keep=70),
    _stored("total_usd_after", "total $ after", decimals(2), keep=80),
    _stored("total_usd_change", "change $", decimals(2)),
    _stored("energy_usd_change", "of it energy $", decimals(2), keep=50),
    _stored("as_usd_change", "of it AS $", decimals(2), keep=50),
)


def changes_lines(year: int, editions: Answer, changed: Answer, width: int) -> list[str]:
    """The editions of a year, then what moved between the last two and because of what.

    Args:
        year: the operating year.
        editions: of `Results.editions`.
        changed: of `Results.what_changed`.
        width: columns of the terminal.
    """
    every = editions.records()
    if not every:
        return [Line.of("title", f"{year}: no edition was kept, for no board had a battery.")]
    lines: list[str] = [Line.of("title", f"Editions of the leaderboard {year}"), "", *_table(_EDITIONS, every, width)]
    for row in every[1:]:
        inputs = listed(row["changed_inputs"].split("; ")) if row["changed_inputs"] else "none"
        lines += paragraph(f"{row['edition_number']}: inputs that changed: {inputs}", width, "  ")
    if len(every) == 1:
        return [*lines, "", "One edition: there is no earlier one to compare it with."]
    before, after = every[-2]["edition_number"], every[-1]["edition_number"]
    rows = changed.records()
    if not rows:
        return [*lines, "", f"No battery moved between editions {before} and {after}."]
    lines += [
        "",
        Line.of("title", f"What moved from edition {before} to {after}"),
        "",
        *_table(_CHANGES, rows, width),
        "",
    ]
    by_reason: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        by_reason.setdefault((row["because"], row["moved"]), []).append(row["battery"])
    for (reason, moved), batteries in by_reason.items():
        lines += paragraph(f"{listed(batteries)}: {moved}; because: {reason}", width, "  ")
    return [*lines, "", *paragraph(WHAT_DOLLARS_ARE, width)]


# --- any answer ---------------------------------------------------------------------------------------------------------------------------


def answer_lines(answer: Answer, width: int, *, more: bool = False) -> list[str]:
    """Rows of an SQL answer as a table; the last columns are left out where the terminal is narrow, and named.

    Args:
        answer: the first rows.
        width: columns of the terminal.
        more: True if there are more rows than these.
    """
    if not answer.columns:
        return []
    headings = [
        Heading(name, any_value, right=_is_number(answer, index), keep=ALWAYS - min(index, ALWAYS - 1), widest=48)
        for index, name in enumerate(answer.columns)
    ]
    table = text_table(headings, [answer.rows], width)
    rows = (
        f"the first {len(answer.rows):,} rows; --format csv gives all"
        if more
        else f"{len(answer.rows):,} row{'s' * (len(answer.rows) != 1)}"
    )
    lines = [*table.lines, f"({rows})"]
    if table.left_out:
        lines += paragraph(
            f"Not shown, for lack of width: {listed(table.left_out)}. --format csv holds every column.", width
        )
    return lines


def _is_number(answer: Answer, index: int) -> bool:
    values = [row[index] for row in answer.rows if row[index] is not None]
    return bool(values) and all(not isinstance(value, bool | str | date | list | dict | bytes) for value in values)


def years_and_months(battery: BatteryAnswer) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of a battery's years and months in one table; `month` is empty in the row of a year."""
    columns = battery.months.columns or ("year", "month", *battery.years.columns[1:])
    rows = [
        tuple(row.get(name) for name in columns) for part in (battery.years, battery.months) for row in part.records()
    ]
    at = (columns.index("year"), columns.index("month"))
    return columns, sorted(rows, key=lambda row: (row[at[0]], row[at[1]] or 0))
