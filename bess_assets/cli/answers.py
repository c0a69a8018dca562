"""Commands that answer questions about batteries: `bess leaderboard` and `bess battery`.

Each table is declared as columns, with the headings and units that a reader sees. Loads no Dagster, pandas or pyarrow.
"""

from calendar import month_abbr, month_name
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from bess_assets.cli import FORMAT, YEAR, Format, Options, command, show
from bess_assets.cli.render import bold, echo_warning, paragraph, reasons, table
from bess_assets.ercot.products import ATTRIBUTED, PRODUCT_NAMES, PRODUCTS, TB_HOURS
from bess_assets.errors import BessError
from bess_assets.results import Answer, BatteryAnswer, QueryError, Results
from bess_assets.results.asked import day_of
from bess_assets.settings import Settings
from bess_assets.store.listing import last_problem, made_up_note, nothing_yet, yearly_files
from bess_assets.text import Column, decimals, listed, money, number, one_line, percent

WHAT_DOLLARS_ARE = (
    "Dollars are gross market revenue reconstructed from ERCOT's public reports, not a settlement statement. "
    "Unknown is shown as -, never as zero."
)

Record = Mapping[str, Any]

# --- leaderboards -----------------------------------------------------------------------------------------------------


@command(
    click.argument("year", type=YEAR, required=False),
    click.option("--month", type=click.IntRange(1, 12), help="One month of the year."),
    click.option("--from", "first", metavar="DAY", help="First day of a period instead of a year, as 2024-08-19."),
    click.option("--to", "last", metavar="DAY", help="Last day of the period, included."),
    click.option(
        "--sort",
        metavar="COLUMN",
        help="Order by this column: numbers highest first, rank lowest first, texts and days ascending. Default: by rank, batteries without a rank last.",
    ),
    click.option("--top", type=click.IntRange(1), metavar="N", help="Only the first N."),
    click.option(
        "--by",
        metavar="COLUMN",
        help="Groups of batteries: qse, node, duration, strategy, site, or a further column of the battery table, as owner, operator, zone or contract.",
    ),
    click.option(
        "--only",
        multiple=True,
        metavar="COLUMN=VALUE",
        help="Only batteries with this value, as owner=NAME or duration=unknown; ranks stay those of all.",
    ),
    click.option(
        "--size",
        metavar="NAME=MW[/MWH]",
        help="The board as if a battery had this size, as FLINT_1=200/400; its dollars stay.",
    ),
    click.option(
        "--columns",
        type=click.Choice(["why", "use"]),
        help="why: the difference from the median of the class by what it is made of, and how much of what was possible; use: availability, services held, "
        "cycles, spreads.",
    ),
    FORMAT,
)
def leaderboard(
    options: Options, year: int | None, month: int | None, first: str | None, last: str | None, **shown: Any
) -> None:
    """Show which batteries earned most in a year (the latest one, if none is named), in one of its months, or from one day to another.

    Batteries that cannot be ranked fairly follow below a rule, with the reason. json holds texts exactly; csv puts a single quote before a text that a
    spreadsheet would take for a formula. Days (--from, --to) are ranked by the rules of a month.
    """
    days = "bess leaderboard --from 2024-08-19 --to 2024-08-21"
    period = year if first is None or last is None else (first, last)
    if (first is None) != (last is None) or (first is not None and (year, month) != (None, None)):
        raise BessError("--from and --to go together, without a year or month.", remedy=f"For example: {days}")
    if period is None:
        with Results(options.settings()) as results:
            period = max(results.years(), default=None)
        if period is None:
            raise nothing_yet(options.settings().results)
    show_leaderboard(options.settings(), period, month, **shown)


def show_leaderboard(
    settings: Settings,
    period: int | tuple[str, str],
    month: int | None = None,
    sort: str | None = None,
    top: int | None = None,
    form: Format = "table",
    by: str | None = None,
    only: Sequence[str] = (),
    size: str | None = None,
    columns: str | None = None,
) -> None:
    """Print the leaderboard of a year, one of its months, or the days from one to another, its groups by some column, or the board with another size."""
    if sum(map(bool, (by, only, size))) > 1 or (size and not isinstance(period, int)):
        raise BessError("--by, --only and --size do not go together, nor --size with days.", remedy="Leave one out.")
    if columns and (by or size or not isinstance(period, int)):
        raise BessError("--columns is of the board of a year or month.", remedy="Leave --by, --size and days out.")
    pairs = [text.partition("=") for text in only]
    if not all(is_equal for _, is_equal, _ in pairs):
        raise BessError("--only names no value.", expected="COLUMN=VALUE, as owner=NAME")
    where = {column.strip(): value.strip() for column, _, value in pairs}
    most = None if form == "table" else top
    first, last = (str(period), str(period)) if isinstance(period, int) else period
    with Results(settings) as results:
        if by and isinstance(period, int):
            board = results.groups(by, period, month, sort=sort, top=most)
        elif by:
            board = results.groups_of_days(by, first, last, sort=sort, top=most)
        elif size and isinstance(period, int):
            name, mw, mwh = _size_of(size)
            board = results.what_if(name, period, month, capacity_mw=mw, energy_mwh=mwh, sort=sort, top=most)
        elif isinstance(period, int):
            board = results.leaderboard(period, month, where=where, sort=sort, top=most, why=columns is not None)
        else:
            board = results.leaderboard_of_days(first, last, where=where, sort=sort, top=most)
    years = range(int(first[:4]), int(last[:4]) + 1)
    for year in years:
        warn_if_older(settings, year, "these figures are older (bess status says more)")
    named = f"{month_name[month]} {first}" if month else " to ".join(dict.fromkeys((first, last)))
    title = f"Leaderboard {named}{''.join(f', {text}' for text in only)}{f', as if {size}' if size else ''}"
    layouts = _LAYOUTS_OF[columns or ""]
    lines = _group_lines(board, f"{title} by {by}", by, top) if by else _board_lines(board, title, top, layouts)
    show(form, lines, made_up_note(settings, years), board.columns, board.rows)


def _size_of(text: str) -> tuple[str, float | None, float | None]:
    """Name, MW and MWh of `NAME=MW/MWH`; either may be left out."""
    name, _, size = text.rpartition("=")
    try:
        mw, mwh = (float(part) if part.strip() else None for part in f"{size}/".split("/")[:2])
    except ValueError:
        name = ""
    if not name:
        raise BessError(
            f"--size cannot be read: {text}.", expected="NAME=MW, NAME=MW/MWH or NAME=/MWH, as FLINT_1=200/400"
        )
    return name, mw, mwh


def warn_if_older(settings: Settings, year: int, words: str) -> None:
    """Say on the error stream that the figures of a year are older than they should be, if its last refresh failed."""
    if problem := last_problem(settings.results, year):
        echo_warning(f"the last refresh of {year} failed at {problem}; {words}.")


def _hours(row: Record) -> str | None:
    hours = row["duration_hours"]
    return None if hours is None else f"{'~' * (row['duration_source'] == 'assumed')}{hours:.1f}"


_STRATEGIES = {"energy_arbitrage": "energy", "ancillary_services": "ancillary"}


def _joined(column: str) -> Callable[[Record], Any]:
    """A column that a row has only where it was asked for."""
    return lambda row: row.get(column)


_USES = (
    number("avail.", _joined("availability"), percent, keep=60),
    number("outages", _joined("outages"), str, keep=55),
    number("AS hours", _joined("as_hours_share"), percent, keep=50),
    number("AS up", _joined("as_up_share"), percent, keep=49),
    number("AS down", _joined("as_down_share"), percent, keep=48),
    number("MWh through", _joined("throughput_mwh"), decimals(0), keep=40),
    *(
        number(heading, _joined(f"discharges_{name}"), str, keep=30)
        for heading, name in (("<25%", "under_25"), ("25-50%", "25_to_50"), ("50-75%", "50_to_75"), (">75%", "over_75"))
    ),
    *(
        number(f"{basis.upper()}/TB{hours}", _joined(f"tb{hours}_{basis}_capture"), percent, keep=45 - hours)
        for basis in ("da", "rt")
        for hours in TB_HOURS
    ),
)
_TERMS = {
    "active_days": ("days $", 24),
    "availability": ("avail. $", 66),
    "location": ("location $", 65),
    "as_mix": ("AS mix $", 64),
    "duration": ("duration $", 63),
    "da_rt": ("DA/RT $", 62),
    "timing": ("timing $", 61),
    "unknown": ("unknown $", 25),
}
"""Heading of each term of the difference from the median of the class, and how long a narrow terminal keeps it."""
_TERM_HEADINGS = tuple(_TERMS[term][0] for term in ATTRIBUTED)
_PRODUCTS = [f"{p.upper()} $" for p in PRODUCTS]
_CAPTURES = (  # of perfect, by basis
    ("RT capt.", "rt_capture", 60),
    ("month-long", "rt_month_long_capture", 48),
    ("DA capt.", "da_capture", 50),
    ("both capt.", "energy_capture", 62),
    ("AS too", "total_capture", 47),
)


COLUMNS = {
    column.heading: column
    for column in (
        number("year", "year", str),
        Column("month", lambda row: month_abbr[row["month"]]),
        Column("day", "operating_day"),
        number("#", "rank", str),
        number("+/-", lambda row: row.get("rank_change"), lambda change: f"{change:+d}" if change else "0", keep=10),
        number(
            "+/-mo", lambda row: row.get("rank_change_month"), lambda change: f"{change:+d}" if change else "0", keep=25
        ),
        Column("battery", "battery", widest=24),
        number("MW", "capacity_mw", decimals(1), keep=60),
        number("hours", _hours, str, keep=40),
        number("DA energy $", "da_energy_usd", money, keep=55),
        number("RT energy $", "rt_energy_usd", money, keep=55),
        number("energy $", "energy_usd", money, keep=80),
        *(number(heading, f"as_{p}_usd", money) for heading, p in zip(_PRODUCTS, PRODUCTS, strict=True)),
        number("AS $", "as_usd", money, keep=80),
        number("total $", "total_usd", money),
        number("$/kW-mo", "usd_per_kw_month", decimals(2), keep=70),
        number("class $/kW-mo", lambda row: row.get("class_median_usd_per_kw_month"), decimals(2), keep=33),
        number("median $", _joined("median_usd"), money, keep=40),
        number("difference $", _joined("difference_usd"), money),
        *(number(heading, _joined(f"{term}_usd"), money, keep=keep) for term, (heading, keep) in _TERMS.items()),
        number("percentile", lambda row: row.get("usd_per_kw_month_percentile"), percent, keep=32),
        number("cycles/day", "cycles_per_day", decimals(2), keep=35),
        number("effic.", "round_trip_efficiency", percent, keep=36),
        number("TB2 capt.", "tb2_capture", percent, keep=34),
        *(number(heading, _joined(column), percent, keep=keep) for heading, column, keep in _CAPTURES),
        number("days", _joined("energy_days"), str, keep=45),
        number(
            "left out", lambda row: row.get("expected_days") and row["expected_days"] - row["energy_days"], str, keep=45
        ),
        *_USES,
        Column("strategy", "strategy", lambda value: _STRATEGIES.get(value, value), keep=50),
        number("discharge MWh", "discharge_mwh", decimals(1), keep=40),
        number("charge MWh", "charge_mwh", decimals(1), keep=40),
        number("energy cov", "energy_coverage", percent, keep=30),
        number("AS cov", "as_coverage", percent, keep=20),
    )
}
"""Columns of boards, of a battery and of its days, by their headings."""
_CHANGES = {"+/-": "since the year before", "+/-mo": "since the month before"}
_SIZE = ("battery", "MW", "hours")
_END = ("total $", "$/kW-mo", "strategy", "energy cov", "AS cov")
_LAYOUTS = (  # of the leaderboard, widest first; the first that fits is shown
    ("#", *_CHANGES, *_SIZE, "DA energy $", "RT energy $", *_PRODUCTS, *_END),
    ("#", *_CHANGES, *_SIZE, "DA energy $", "RT energy $", "AS $", *_END),
    ("#", *_SIZE, "energy $", "AS $", *_END),
)
_POSSIBLE = (*(heading for heading, *_ in _CAPTURES), "days", "left out")
_POSSIBLE_LAYOUT = ("#", *_SIZE, "total $", "$/kW-mo", "cycles/day", "effic.", "TB2 capt.", *_POSSIBLE)
_DIFFERENCE = ("difference $", *_TERM_HEADINGS)
_WHY_LAYOUTS = (("#", *_SIZE, "total $", "median $", *_DIFFERENCE),)
_USE_LAYOUTS = (("#", *_SIZE, "total $", "cycles/day", *(column.heading for column in _USES)),)
_USE = (
    "Availability and outages are of the day-ahead files: status OUT, or the limit below half of the MW. AS up and down are shares of the MW. "
    "<25% to >75%: how many discharges were so deep. DA/TB2 is the money of day-ahead awards over the two highest less the two lowest prices of each day, "
    "times the MW; RT/TB2 is the value of what flowed, of real-time prices."
)
_MADE_OF = (
    "The difference is from the median $/kW of the duration class, times the MW; the terms add up to it. Each exchanges one factor with the battery that has "
    "the median, in this order: days on which only one is active, hours in which only one is available, prices at the node, ancillary services with the energy "
    "of capacity left free, duration, day-ahead awards beside real time. Timing is what is left; unknown is of hours that lack something."
)
_NOT_POSSIBLE = "BESS_PERFECT=on bess refresh YEAR adds how much of what was possible each battery earned."
_WHY = (
    "Captures are of what a perfect trade with the battery's own MW, MWh and efficiency would have earned at the same prices on the same days: of real-time "
    "prices, in one trade through the month, of day-ahead prices (from 2025-12-06), and of both as they are settled; "
    "'AS too' is the total, of an upper bound of energy and AS together in a simplified market (from 2025-12-05)."
)


_LAYOUTS_OF = {"": _LAYOUTS, "why": _WHY_LAYOUTS, "use": _USE_LAYOUTS}


def _board_lines(
    board: Answer, title: str, top: int | None, layouts: Sequence[Sequence[str]] = _LAYOUTS
) -> Iterator[str]:
    """A leaderboard, of which `top` rows are shown: ranked rows, below a rule the others, why those are not ranked, and a summary of all."""
    every = board.records()
    if not every:
        yield bold(f"{title}: no battery has a row.")
        return
    rows = every[:top]
    ranked, others = ([row for row in rows if (row["rank"] is None) == absent] for absent in (False, True))
    shown, legend = _fitting([ranked, others], layouts), ""
    if layouts is _WHY_LAYOUTS:
        possible = any(row.get("expected_days") is not None for row in rows)
        legend = f"{_MADE_OF} {_WHY if possible else _NOT_POSSIBLE}"
        shown += ["", bold("Of what was possible"), *_fitting([ranked, others], [_POSSIBLE_LAYOUT])] if possible else []
    elif layouts is _USE_LAYOUTS:
        legend = _USE
    editions, through = (listed(sorted({str(row[name]) for row in rows})) for name in ("edition", "data_through"))
    yield from (bold(f"{title} ({editions}, data through {through})"), "", *shown, "")
    if others:
        yield click.style("Not ranked:", fg="cyan")
        yield from reasons((row["excluded_reason"] or "no reason recorded", row["battery"]) for row in others)
    yield from _tolled_lines(rows)
    if len(rows) < len(every):
        yield f"The first {len(rows)} of {len(every)} batteries. Of all of them:"
    legends = [f"{name} is the change of rank {since}." for name, since in _CHANGES.items() if f" {name} " in shown[0]]
    yield from (*paragraph(" ".join((_summary(every), *legends, legend))), *paragraph(WHAT_DOLLARS_ARE))


def _tolled_lines(rows: Iterable[Record]) -> Iterator[str]:
    """The tolled batteries, each with the source of that, where the battery table has one."""
    from bess_assets.settlement.groups import attributes, is_tolled

    tolled = [(attributes(row), row["battery"]) for row in rows if is_tolled(row)]
    if tolled:
        yield click.style("Tolled: the owner does not earn what the board says.", fg="cyan")
        yield from reasons(
            (", ".join(v for c, v in own.items() if c.startswith("contract")), name) for own, name in tolled
        )


def _group_lines(groups: Answer, title: str, by: str, top: int | None) -> Iterator[str]:
    """Groups of a board, of which `top` are shown."""
    every = groups.records()
    tolled = any(row["batteries_tolled"] for row in every)
    columns = [
        Column(by, "group", widest=40),
        number("batteries", "batteries"),
        number("ranked", "batteries_ranked", keep=60),
        *([number("tolled", "batteries_tolled", keep=60)] if tolled else []),
        number("ranked MW", "capacity_mw", decimals(1), keep=60),
        *(COLUMNS[name] for name in ("DA energy $", "RT energy $", "AS $")),
        number("ranked total $", "ranked_total_usd", money),
        number("known total $", "known_total_usd", money, keep=32),
        number("stream total $", "stream_total_usd", money, keep=31),
        *(COLUMNS[name] for name in ("$/kW-mo", "energy cov", "AS cov")),
    ]
    yield from (bold(title), "", *table(columns, [every[:top]]).lines, "")
    legend = "Streams, MW and $/kW are of the ranked batteries; coverage is the mean of all."
    if tolled:
        legend += " Owners of tolled batteries do not earn what the board says."
    yield from (*paragraph(legend), *paragraph(WHAT_DOLLARS_ARE))


def _fitting(sections: Sequence[Sequence[Record]], layouts: Sequence[Sequence[str]]) -> list[str]:
    """The board in the first layout that leaves out no column that matters, or in the last."""
    rows = [row for section in sections for row in section]
    unknown = {name for name in (*_CHANGES, *_PRODUCTS) if all(COLUMNS[name].cell(row) == "-" for row in rows)}
    unknown |= {name for name in _TERM_HEADINGS if all(COLUMNS[name].cell(row) in {"-", "0"} for row in rows)}
    for layout in layouts[1 if len(layouts) > 1 and unknown.issuperset(_PRODUCTS) else 0 :]:
        tried = table([COLUMNS[name] for name in layout if name not in unknown], sections)
        if all(column.keep < 50 for column in tried.left_out):
            break
    return tried.lines


def _summary(rows: Sequence[Record]) -> str:
    from bess_assets.settlement.metrics import FLEET_TOTALS, totals_of_fleet

    ranked = sum(row["rank"] is not None for row in rows)
    totals = totals_of_fleet(rows)
    said = {name: f"{money(usd)} $" for column, name in FLEET_TOTALS.items() if (usd := totals[column]) is not None}
    sums = [f"{name} {usd}" for name, usd in said.items()]
    if len(said) == len(FLEET_TOTALS) and len(set(said.values())) == 1:
        sums = sums[:1]  # of a fleet that is wholly known and ranked the three are one
    energy, services = (sum(row[name] for row in rows) / len(rows) for name in ("energy_coverage", "as_coverage"))
    noted = sum(row["notes"] is not None for row in rows)
    parts = (
        f"{ranked} ranked",
        f"{len(rows) - ranked} not ranked" if len(rows) > ranked else "",
        ", ".join(sums),
        f"mean energy coverage {percent(energy)}; mean AS coverage {percent(services)}",
        f"{noted} with notes (bess battery NAME shows them)" if noted else "",
        "~ marks an assumed duration, used in no figure"
        if any(row["duration_source"] == "assumed" for row in rows)
        else "",
    )
    return "; ".join(filter(None, parts)) + "."


# --- one battery ------------------------------------------------------------------------------------------------------


@command(
    click.argument("name"),
    click.argument("year", type=YEAR, required=False),
    click.option("--day", metavar="DAY", help="Its quarter-hours of one day instead, as 2024-08-20."),
    FORMAT,
)
def battery(options: Options, name: str, year: int | None, day: str | None, form: Format) -> None:
    """Show one battery: its years, the months of one of them, its best days; or one day by quarter-hour.

    NAME is its key on the leaderboard or any of its resource names. The table shows the months of YEAR, or of its latest year; csv has a row for each
    year and month; json has years, months and best days.
    """
    settings = options.settings()
    if day:
        if year not in {None, day_of(day).year}:
            raise QueryError(f"{day} is no day of {year}.", expected=f"a day of {year}, or no year beside --day")
        with Results(settings) as results:
            answer = results.battery_intervals(name, day)
        lines, note = _day_lines(answer, name, day), made_up_note(settings, [int(day[:4])])
        show(form, lines, note, answer.columns, answer.rows)
        return
    with Results(settings) as results:
        found = results.battery(name, year)
        latest = found.years.column("year")[-1]

        def of(table: str, ask: Callable[..., Answer], **asked: Any) -> list[Record]:
            """The battery's rows of a table that no board waits for; none where it was not made."""
            there = latest in yearly_files(results.folder, table)
            return [*ask(latest, name=name, **asked).records()] if there else []

        perfect = of("perfect_monthly", results.perfect, by="month")
        differences = of("attribution", results.attribution, by="month")
        differences += [{"month": None, **row} for row in of("attribution", results.attribution)]
        estimate = of("estimate_monthly", results.estimate)
    estimated = [row for row in estimate if not row["closed"] and row["estimate_usd"] is not None]
    years, months, best_days = (part.records() for part in (found.years, found.months, found.best_days))
    rows = sorted([*years, *months], key=lambda row: (row["year"], row.get("month") or 0))
    show(
        form,
        _battery_lines(found, perfect, differences, estimated),
        made_up_note(settings, found.years.column("year")),
        found.months.columns,
        [tuple(row.get(name) for name in found.months.columns) for row in rows],
        {
            "battery": found.battery,
            "years": years,
            "months": months,
            "best_days": best_days,
            "perfect": perfect,
            "attribution": differences,
            "estimate": estimate,
        },
    )


_DETAIL = (
    *("DA energy $", "RT energy $", "AS $", "total $", "$/kW-mo", "class $/kW-mo", "percentile"),
    *("cycles/day", "effic.", "TB2 capt.", *_END[2:]),
)
_ESTIMATE = (
    COLUMNS["month"],
    number("days", "estimated_days", str),
    number("estimate $", "estimate_usd", money),
    number("low $", "low_usd", money),
    number("high $", "high_usd", money),
    number("its error", "own_error", percent),
    number("all errors", "error", percent),
    number("interval held", "interval_held", percent),
)
_ESTIMATE_WORDS = (
    "An estimate of days that ERCOT has not disclosed, from public prices and what the battery made of prices on disclosed days; it is in no board and no "
    "total. Low and high are an 80 % interval. Errors are medians of |estimate / actual - 1| over closed months that were estimated in the same way, of this "
    "battery and of all; in that share of the latter the interval held."
)
_DAYS = ("day", "DA energy $", "RT energy $", "AS $", "total $", "discharge MWh", "charge MWh", "energy cov")
_STREAMS = (
    Column("stream", 0),
    number("$", 1, money),
    number("of it real-time $", 2, money, keep=20),
    number("share of gains", 3, percent, keep=30),
)


_MONTH_OR_YEAR = Column("month", lambda row: month_abbr[row["month"]] if row["month"] else "year")
_QUARTER_HOUR = (
    Column("Central", lambda row: row["interval_start_central"][11:]),
    number("DA $/MWh", "da_price_usd_per_mwh", decimals(2), keep=70),
    number("RT $/MWh", "rt_price_usd_per_mwh", decimals(2)),
    number("DA MW", "da_award_mw", decimals(1), keep=60),
    number("AS MW", "as_award_mw", decimals(1), keep=50),
    number("net MW", "net_mw", decimals(1)),
    number("SOC MWh", "soc_mwh", decimals(1), keep=55),
    number("DA energy $", "da_energy_usd", money, keep=40),
    number("RT energy $", "rt_energy_usd", money, keep=40),
    COLUMNS["energy $"],
    number("AS $", "as_usd", money),
    COLUMNS["total $"],
)


def _day_lines(day: Answer, name: str, operating_day: str) -> Iterator[str]:
    rows = day.records()
    node = next((row["settlement_point"] for row in rows if row["settlement_point"]), "unknown")
    yield from (bold(one_line(f"{name} on {operating_day}, node {node}")), "", *table(_QUARTER_HOUR, [rows]).lines, "")
    if all(row["total_usd"] is None and row["net_mw"] is None for row in rows):
        yield from paragraph(
            "Neither flow nor dollar of this day is known: bess leaderboard YEAR says up to which day data go."
        )
    yield from paragraph(
        "Time is Central with its distance from UTC; net MW is the mean of the quarter-hour, discharge positive; AS $ is a quarter of the hour's."
    )
    yield from paragraph(WHAT_DOLLARS_ARE)


def _battery_lines(
    battery: BatteryAnswer, perfect: Sequence[Record], differences: Sequence[Record], estimate: Sequence[Record]
) -> Iterator[str]:
    """One battery: names, size and what the battery table says of it; then sections of its years, and of the latest one, and notes."""
    from bess_assets.settlement.groups import attributes

    years, days = battery.years.records(), battery.best_days.records()
    latest = years[-1]
    mw, mwh = latest["capacity_mw"], latest["energy_mwh"]
    names = [
        f"{name} ({words})"
        for column, words in (("gen_resource", "generation"), ("load_resource", "load"), ("esr_resource", "storage"))
        for name in dict.fromkeys(row[column] for row in years)
        if name
    ]
    size = (
        "" if mw is None else f"{mw:,.1f} MW ({latest['capacity_source']})",
        "" if mwh is None else f"{mwh:,.1f} MWh, {latest['duration_hours']:.2f} h ({latest['duration_source']})",
    )
    yield bold(one_line(battery.battery))
    for label, text in (
        ("names", ", ".join(names)),
        ("node", latest["settlement_point"]),
        ("QSE", latest["qse"]),
        ("size", ", ".join(filter(None, size))),
        ("first active", min((row["first_active_date"] for row in years if row["first_active_date"]), default=None)),
        ("data through", f"{latest['data_through']} ({latest['edition']})"),
        ("read from", latest["quantity_source"]),
        *attributes(latest).items(),
    ):
        yield from paragraph(f"{label:<13} {text}", "  ") if text else ()
    yield from ("", *table([COLUMNS[n] for n in ("year", "#", "+/-", "MW", "hours", *_DETAIL)], [years]).lines)
    months = [row for row in battery.months.records() if row["year"] == latest["year"]]
    possible = f"Of what was possible in {latest['year']}"
    beside = [[row for row in differences if (row["month"] is None) == whole] for whole in (False, True)]
    terms = [h for h in _TERM_HEADINGS if any(COLUMNS[h].cell(row) not in {"-", "0"} for row in differences)]
    terms = ["median $", "difference $", *terms]
    beside_median = f"Beside the median of its class in {latest['year']}"
    for title, shown, sections, words in (
        (f"Streams of {latest['year']}", _STREAMS, _streams(latest), ""),
        (f"Months of {latest['year']}", [COLUMNS[n] for n in ("month", "#", "+/-mo", *_DETAIL)], [months], ""),
        (beside_median, [_MONTH_OR_YEAR, *(COLUMNS[n] for n in terms)], beside, _MADE_OF),
        (possible, [COLUMNS[n] for n in ("month", *_POSSIBLE)], [perfect] if perfect else [], _WHY),
        (f"Estimate of {latest['year']}", _ESTIMATE, [estimate] if estimate else [], _ESTIMATE_WORDS),
        ("Best days", [COLUMNS[n] for n in _DAYS], [days], ""),
    ):
        if any(sections):
            yield from ("", bold(title), *table(shown, sections).lines, *paragraph(words))
    if days:
        yield from paragraph(
            "Before 2025-12-05 charging is known from one reading a quarter-hour: months are meaningful, single days indicative."
        )
    if notes := [f"{row['year']}: {row[name]}" for row in years for name in ("excluded_reason", "notes") if row[name]]:
        yield from ("", bold("Notes"), *(line for note in notes for line in paragraph(note, "  ")))
    yield from ("", *paragraph(WHAT_DOLLARS_ARE))


def _streams(row: Record) -> list[list[Any]]:
    """A year's known streams of money and their total; shares are of the sum of the positive streams."""
    streams = [("day-ahead energy", row["da_energy_usd"], None), ("real-time energy", row["rt_energy_usd"], None)]
    streams += [(PRODUCT_NAMES[p], row[f"as_{p}_usd"], row[f"as_{p}_rt_usd"]) for p in PRODUCTS]
    known = [stream for stream in streams if stream[1] is not None]
    gains = sum(max(usd, 0.0) for _, usd, _ in known)
    rows = [(name, usd, real_time, max(usd, 0.0) / gains if gains else None) for name, usd, real_time in known]
    return [rows, [("total", row["total_usd"], None, None)]] if rows else []
