"""`bess index`: what a kW of the fleet, or of a class of it, earned by day, month or year."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from bess_assets.cli import FORMAT, YEAR, Format, Options, command, show
from bess_assets.cli.answers import WHAT_DOLLARS_ARE, warn_if_older
from bess_assets.cli.render import bold, paragraph, table
from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import BessError
from bess_assets.results import Answer, Results
from bess_assets.store.listing import made_up_note
from bess_assets.text import Column, decimals, number

if TYPE_CHECKING:
    from bess_assets.checks.published import Published


def _services(row: dict[str, Any], unit: str = "usd_per_kw_month") -> float | None:
    known = [usd for p in PRODUCTS if (usd := row[f"as_{p}_{unit}"]) is not None]
    return sum(known) if known else None


_COLUMNS = (
    Column("from", "first_day"),
    Column("basis", "basis"),
    number("batteries", "batteries", keep=60),
    number("MW", "capacity_mw", decimals(1), keep=60),
    number("$/kW-mo", "usd_per_kw_month", decimals(2)),
    number("DA energy", "da_energy_usd_per_kw_month", decimals(2), keep=70),
    number("RT energy", "rt_energy_usd_per_kw_month", decimals(2), keep=70),
    number("AS", _services, decimals(2), keep=70),
    *(number(f"P{p}", f"p{p}_usd_per_kw_month", decimals(2), keep=40) for p in (10, 25, 50, 75, 90)),
)


_QUARTER_HOURS = (
    Column("Central", lambda row: row["interval_start_central"][11:]),
    number("batteries", "batteries", keep=60),
    number("MW", "capacity_mw", decimals(1), keep=60),
    number("$/kW", "usd_per_kw", decimals(5)),
    number("DA energy", "da_energy_usd_per_kw", decimals(5), keep=70),
    number("RT energy", "rt_energy_usd_per_kw", decimals(5), keep=70),
    number("AS", lambda row: _services(row, "usd_per_kw"), decimals(5), keep=70),
)


@command(
    click.argument("year", type=YEAR),
    click.option("--class", "of", default="fleet", help="fleet; 1h, 1.5h, 2h, 4h; as, energy, hybrid; or a zone of the battery table."),
    click.option("--by", type=click.Choice(["day", "month", "year"]), default="month", help="A row a day, month or year."),
    click.option("--day", metavar="DAY", help="The quarter-hours of one day of the year instead, $/kW, as 2024-08-20; fleet or hours."),
    click.option("--basis", type=click.Choice(["installed", "active"]), help="Over every MW since it was first active, or over MW at work. Default: both."),
    FORMAT,
)  # fmt: skip
def index(options: Options, year: int, of: str, by: Any, day: str | None, basis: Any, form: Format) -> None:
    """Show what a kW of batteries earned, $/kW-month: the fleet or a class of it, with percentiles of the batteries.

    Members are the ranked batteries of the board of the month or year. Figures that others published stand beside those of the fleet, with their basis.
    """
    settings = options.settings()
    with Results(settings) as results:
        if day and not day.startswith(f"{year}-"):
            raise BessError(f"{day} is no day of {year}.", expected=f"a day such as {year}-08-20")
        answer = results.index_of_day(day, of) if day else results.index(year, of, by, basis=basis)
    warn_if_older(settings, year, "these figures are older")
    note = made_up_note(settings, [year])
    published = [] if note or of != "fleet" or by == "day" else _published(year, by)
    lines = _day_lines(answer, f"Index of {day}, {of}") if day else _lines(answer, f"Index {year}, {of}, by {by}", published)  # fmt: skip
    show(form, lines, note, answer.columns, answer.rows)


def _published(year: int, by: str) -> "list[Published]":
    from bess_assets.checks.published import published_of

    return published_of(year, months=by == "month")


def _day_lines(answer: Answer, title: str) -> Iterator[str]:
    if not answer.rows:
        yield bold(f"{title}: no ranked battery is of this class, or it is none of hours.")
        return
    yield from (bold(title), "", *table(_QUARTER_HOURS, [answer.records()]).lines, "")
    yield from paragraph(
        "$/kW of the quarter-hour, over the MW of ranked batteries of the month since each was first active; ancillary services are settled by hour, and a "
        f"quarter-hour has a quarter of it. The sum of a day times the days of its month is the index of the day. {WHAT_DOLLARS_ARE}"
    )


def _lines(answer: Answer, title: str, published: "Sequence[Published]") -> Iterator[str]:
    middle = {one.month or 1: (one.low_usd_per_kw_month + one.high_usd_per_kw_month) / 2 for one in published}
    rows = [{**row, "published": middle.get(row["first_day"].month)} for row in answer.records()]
    if not rows:
        yield bold(f"{title}: no ranked battery is of this class.")
        return
    known = any(row["published"] is not None for row in rows)
    beside = [number("published", "published", decimals(2), keep=50)] if known else []
    yield from (bold(title), "", *table([*_COLUMNS, *beside], [rows]).lines, "")
    for text in dict.fromkeys(f"{row['basis']}: {row['definition']}." for row in rows):
        yield from paragraph(text)
    for basis in dict.fromkeys(one.basis for one in published if known):
        yield from paragraph(f"published: {basis}.")
    yield from paragraph(f"$/kW-month by stream; percentiles are of the batteries' own. {WHAT_DOLLARS_ARE}")
