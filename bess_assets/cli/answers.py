"""Answers to questions about results, as lines: leaderboards, one battery, editions, rows of SQL.

Each table is declared as columns, with the headings and units that a reader sees. Loads no Dagster, pandas or pyarrow.
"""

from calendar import month_abbr
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from bess_assets.cli.render import Line, Table, paragraph, reasons, table
from bess_assets.ercot.products import PRODUCT_NAMES, PRODUCTS
from bess_assets.results import Answer, BatteryAnswer
from bess_assets.text import ALWAYS, Column, any_value, decimals, listed, money, number, one_line, percent

WHAT_DOLLARS_ARE = (
    "Dollars are gross market revenue reconstructed from ERCOT's public reports, not a settlement statement. "
    "Unknown is shown as -, never as zero."
)
ROWS_SHOWN = 1000
"""Rows of an SQL answer that a table shows; CSV and JSON hold all."""

Record = Mapping[str, Any]

# --- leaderboards -----------------------------------------------------------------------------------------------------

_STRATEGIES = {"energy_arbitrage": "energy", "ancillary_services": "ancillary"}


def _hours(row: Record) -> str | None:
    hours = row["duration_hours"]
    return None if hours is None else f"{'~' * (row['duration_source'] == 'assumed')}{hours:.1f}"


def _rank_change(row: Record) -> str | None:
    change = row.get("rank_change")
    return None if change is None else f"{change:+d}" if change else "0"


_RANK = number("#", "rank", str)
_CHANGE = number("+/-", _rank_change, str, keep=10)
_BATTERY = Column("battery", "battery", widest=24)
_MW = number("MW", "capacity_mw", decimals(1), keep=60)
_HOURS = number("hours", _hours, str, keep=40)
_DA = number("DA energy $", "da_energy_usd", money)
_RT = number("RT energy $", "rt_energy_usd", money)
_ENERGY = number("energy $", "energy_usd", money, keep=80)
_EACH_PRODUCT = tuple(number(f"{p.upper()} $", f"as_{p}_usd", money) for p in PRODUCTS)
_AS = number("AS $", "as_usd", money, keep=80)
_TOTAL = number("total $", "total_usd", money)
_RATE = number("$/kW-mo", "usd_per_kw_month", decimals(2), keep=70)
_STRATEGY = Column("strategy", "strategy", lambda value: _STRATEGIES.get(value, value), keep=50)
_COVERAGE = (
    number("energy cov", "energy_coverage", percent, keep=30),
    number("AS cov", "as_coverage", percent, keep=20),
)
_SIZE = (_BATTERY, _MW, _HOURS)
_END = (_TOTAL, _RATE, _STRATEGY, *_COVERAGE)
_LAYOUTS = (
    (_RANK, _CHANGE, *_SIZE, _DA, _RT, *_EACH_PRODUCT, *_END),
    (_RANK, _CHANGE, *_SIZE, _DA, _RT, _AS, *_END),
    (_RANK, *_SIZE, _ENERGY, _AS, *_END),
)
"""Layouts of the leaderboard, widest first; the first that fits is shown."""
_WANTED = 50
"""A layout fits if it leaves out no column of this `keep` or more; the last is taken in any case."""


def board_lines(board: Answer, title: str, width: int, top: int | None = None) -> list[str]:
    """A leaderboard, of which `top` rows are shown: ranked rows, below a rule the others, why those are not ranked, and a summary of all."""
    every = board.records()
    if not every:
        return [Line(f"{title}: no battery has a row.")]
    rows = every[:top]
    ranked, others = ([row for row in rows if (row["rank"] is None) == absent] for absent in (False, True))
    shown = _fitting([ranked, others], width)
    editions, through = (listed(sorted({str(row[name]) for row in rows})) for name in ("edition", "data_through"))
    lines = [Line(f"{title} ({editions}, data through {through})"), "", *shown, ""]
    if others:
        lines.append(Line("Not ranked:", "heading"))
        lines += reasons(((row["excluded_reason"] or "no reason recorded", row["battery"]) for row in others), width)
    if len(rows) < len(every):
        lines.append(f"The first {len(rows)} of {len(every)} batteries. Of all of them:")
    legend = " +/- is the change of rank since the year before." if " +/- " in shown[0] else ""
    return [*lines, *paragraph(_summary(every) + legend, width), *paragraph(WHAT_DOLLARS_ARE, width)]


def _fitting(sections: Sequence[Sequence[Record]], width: int) -> list[str]:
    rows = [row for section in sections for row in section]
    unknown = {c for c in (_CHANGE, *_EACH_PRODUCT) if all(c.cell(row) == "-" for row in rows)}
    tried = Table([], [])
    for layout in _LAYOUTS[1 if unknown.issuperset(_EACH_PRODUCT) else 0 :]:
        tried = table([column for column in layout if column not in unknown], sections, width)
        if all(column.keep < _WANTED for column in tried.left_out):
            break
    return tried.lines


def _summary(rows: Sequence[Record]) -> str:
    ranked = [row["total_usd"] for row in rows if row["rank"] is not None]
    energy, services = (sum(row[name] for row in rows) / len(rows) for name in ("energy_coverage", "as_coverage"))
    noted = sum(row["notes"] is not None for row in rows)
    parts = (
        f"{len(ranked)} ranked" + (f" (sum {money(sum(ranked))} $)" if ranked else ""),
        f"{len(rows) - len(ranked)} not ranked" if len(rows) > len(ranked) else "",
        f"mean energy coverage {percent(energy)}; mean AS coverage {percent(services)}",
        f"{noted} with notes (bess battery NAME shows them)" if noted else "",
        "~ marks an assumed duration, used in no figure"
        if any(row["duration_source"] == "assumed" for row in rows)
        else "",
    )
    return "; ".join(filter(None, parts)) + "."


# --- one battery ------------------------------------------------------------------------------------------------------

_DETAIL = (
    _DA._replace(keep=55),
    _RT._replace(keep=55),
    _AS,
    _TOTAL,
    _RATE,
    number("cycles/day", "cycles_per_day", decimals(2), keep=35),
    number("effic.", "round_trip_efficiency", percent, keep=36),
    number("TB2 capt.", "tb2_capture", percent, keep=34),
    _STRATEGY,
    *_COVERAGE,
)
_YEARS = (number("year", "year", str), _RANK, _CHANGE, _MW, _HOURS, *_DETAIL)
_MONTHS = (Column("month", lambda row: month_abbr[row["month"]]), _RANK, *_DETAIL)
_DAYS = (
    Column("day", "operating_day"),
    _DA,
    _RT,
    _AS._replace(keep=ALWAYS),
    _TOTAL,
    number("discharge MWh", "discharge_mwh", decimals(1), keep=40),
    number("charge MWh", "charge_mwh", decimals(1), keep=40),
    _COVERAGE[0],
)
_STREAMS = (
    Column("stream", 0),
    number("$", 1, money),
    number("of it real-time $", 2, money, keep=20),
    number("share of gains", 3, percent, keep=30),
)


def battery_lines(battery: BatteryAnswer, width: int) -> list[str]:
    """One battery: names and size, its years, the streams and months of its latest year, its best days, and notes."""
    years, days = battery.years.records(), battery.best_days.records()
    latest = years[-1]
    names = [
        f"{name} ({words})"
        for column, words in (("gen_resource", "generation"), ("load_resource", "load"), ("esr_resource", "storage"))
        for name in dict.fromkeys(row[column] for row in years)
        if name
    ]
    lines: list[str] = [Line(one_line(battery.battery))]
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
    columns = [column for column in _YEARS if column != _CHANGE or "rank_change" in latest]
    lines += ["", *table(columns, [years], width).lines]
    months = [row for row in battery.months.records() if row["year"] == latest["year"]]
    for title, shown, sections in (
        (f"Streams of {latest['year']}", _STREAMS, _streams(latest)),
        (f"Months of {latest['year']}", _MONTHS, [months]),
        ("Best days", _DAYS, [days]),
    ):
        if any(sections):
            lines += ["", Line(title), *table(shown, sections, width).lines]
    if days:
        caveat = "Before 2025-12-05 charging is known from one reading a quarter-hour: months are meaningful, single days indicative."
        lines += paragraph(caveat, width)
    notes = [f"{row['year']}: {row[name]}" for row in years for name in ("excluded_reason", "notes") if row[name]]
    if notes:
        lines += ["", Line("Notes"), *(line for note in notes for line in paragraph(note, width, "  "))]
    return [*lines, "", *paragraph(WHAT_DOLLARS_ARE, width)]


def _streams(row: Record) -> list[list[Any]]:
    """A year's known streams of money and their total; shares are of the sum of the positive streams."""
    streams = [("day-ahead energy", row["da_energy_usd"], None), ("real-time energy", row["rt_energy_usd"], None)]
    streams += [(PRODUCT_NAMES[p], row[f"as_{p}_usd"], row[f"as_{p}_rt_usd"]) for p in PRODUCTS]
    known = [stream for stream in streams if stream[1] is not None]
    gains = sum(max(usd, 0.0) for _, usd, _ in known)
    rows = [(name, usd, real_time, max(usd, 0.0) / gains if gains else None) for name, usd, real_time in known]
    return [rows, [("total", row["total_usd"], None, None)]] if rows else []


def _size(row: Record) -> str:
    mw, mwh = row["capacity_mw"], row["energy_mwh"]
    parts = (
        "" if mw is None else f"{mw:,.1f} MW ({row['capacity_source']})",
        "" if mwh is None else f"{mwh:,.1f} MWh, {row['duration_hours']:.2f} h ({row['duration_source']})",
    )
    return ", ".join(filter(None, parts))


def years_and_months(battery: BatteryAnswer) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of a battery's years and months in one table; `month` is empty in the row of a year."""
    columns = battery.months.columns or ("year", "month", *battery.years.columns[1:])
    records = [*battery.years.records(), *battery.months.records()]
    records.sort(key=lambda row: (row["year"], row.get("month") or 0))
    return columns, [tuple(row.get(name) for name in columns) for row in records]


# --- editions ---------------------------------------------------------------------------------------------------------

_EDITIONS = (
    number("#", "edition_number"),
    Column("made (UTC)", lambda row: f"{row['made_at']:%Y-%m-%d %H:%M}"),
    Column("edition", "edition"),
    Column("data through", "data_through", keep=40),
    Column("version", "package_version", keep=30),
    number("batteries", "batteries", keep=60),
    number("ranked", "batteries_ranked", keep=50),
    _TOTAL,
)
_MOVED = (
    _BATTERY,
    number("# before", "rank_before", keep=60),
    number("# after", "rank_after", keep=60),
    number("total $ before", "total_usd_before", decimals(2), keep=70),
    number("total $ after", "total_usd_after", decimals(2), keep=80),
    number("change $", "total_usd_change", decimals(2)),
    number("of it energy $", "energy_usd_change", decimals(2), keep=50),
    number("of it AS $", "as_usd_change", decimals(2), keep=50),
)


def changes_lines(year: int, editions: Answer, changed: Answer, width: int) -> list[str]:
    """The editions of a year (`Results.editions`), then the batteries that moved between the last two (`Results.what_changed`), and why."""
    every, rows = editions.records(), changed.records()
    if not every:
        return [Line(f"{year}: no edition was kept, for no board had a battery.")]
    lines: list[str] = [Line(f"Editions of the leaderboard {year}"), "", *table(_EDITIONS, [every], width).lines]
    for row in every[1:]:
        inputs = listed(row["changed_inputs"].split("; ")) if row["changed_inputs"] else "none"
        lines += paragraph(f"{row['edition_number']}: inputs that changed: {inputs}", width, "  ")
    if len(every) == 1:
        return [*lines, "", "One edition: there is no earlier one to compare it with."]
    before, after = every[-2]["edition_number"], every[-1]["edition_number"]
    if not rows:
        return [*lines, "", f"No battery moved between editions {before} and {after}."]
    lines += ["", Line(f"What moved from edition {before} to {after}"), "", *table(_MOVED, [rows], width).lines, ""]
    lines += reasons(((f"{row['moved']}; because: {row['because']}", row["battery"]) for row in rows), width)
    return [*lines, "", *paragraph(WHAT_DOLLARS_ARE, width)]


# --- any answer -------------------------------------------------------------------------------------------------------


def answer_lines(answer: Answer, width: int, *, more: bool = False) -> list[str]:
    """The first rows of an SQL answer, and whether there are more; where the terminal is narrow, the last columns are left out, and named."""
    if not answer.columns:
        return []
    columns = [
        Column(name, index, any_value, _is_number(answer, index), ALWAYS - min(index, ALWAYS - 1), widest=48)
        for index, name in enumerate(answer.columns)
    ]
    lines, left_out = table(columns, [answer.rows], width)
    count = f"{len(answer.rows):,} row{'s' * (len(answer.rows) != 1)}"
    lines.append(f"(the first {count}; --format csv gives all)" if more else f"({count})")
    if left_out:
        hidden = listed(column.heading for column in left_out)
        lines += paragraph(f"Not shown, for lack of width: {hidden}. --format csv holds every column.", width)
    return lines


def _is_number(answer: Answer, index: int) -> bool:
    values = [row[index] for row in answer.rows if row[index] is not None]
    return bool(values) and all(not isinstance(value, bool | str | date | list | dict | bytes) for value in values)
