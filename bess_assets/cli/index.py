"""`bess index`: what a kW of the fleet, or of a class of it, earned by day, month or year."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from bess_assets.cli import FORMAT, YEAR, Format, Options, command, show
from bess_assets.cli.answers import WHAT_DOLLARS_ARE, warn_if_older
from bess_assets.cli.render import bold, paragraph, table
from bess_assets.ercot.products import PRODUCTS
from bess_assets.results import Answer, Results
from bess_assets.store.listing import made_up_note
from bess_assets.text import Column, decimals, number


def _services(row: dict[str, Any]) -> float | None:
    known = [usd for p in PRODUCTS if (usd := row[f"as_{p}_usd_per_kw_month"]) is not None]
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


@command(
    click.argument("year", type=YEAR),
    click.option("--class", "of", default="fleet", help="fleet; 1h, 1.5h, 2h, 4h; as, energy, hybrid; or a zone of the battery table."),
    click.option("--by", type=click.Choice(["day", "month", "year"]), default="month", help="A row a day, month or year."),
    click.option("--basis", type=click.Choice(["installed", "active"]), help="Over every MW since it was first active, or over MW at work. Default: both."),
    FORMAT,
)  # fmt: skip
def index(options: Options, year: int, of: str, by: Any, basis: Any, form: Format) -> None:
    """Show what a kW of batteries earned, $/kW-month: the fleet or a class of it, with percentiles of the batteries.

    Members are the ranked batteries of the board of the month or year.
    """
    settings = options.settings()
    with Results(settings) as results:
        answer = results.index(year, of, by, basis=basis)
    warn_if_older(settings, year, "these figures are older")
    note = made_up_note(settings, [year])
    published = {} if note or of != "fleet" or by == "day" else _published(year, by)
    lines = _lines(answer, f"Index {year}, {of}, by {by}", published)
    show(form, lines, note, answer.columns, answer.rows)


def _published(year: int, by: str) -> dict[int, float]:
    """What a commercial index published of the fleet, $/kW-month, by month; of the year as January's."""
    from bess_assets.checks.figures import AVERAGES

    found = {month: (low + high) / 24 for (of_year, month), (low, high) in AVERAGES.items() if of_year == year}
    return {month or 1: usd for month, usd in found.items() if (month is None) == (by == "year")}


def _lines(answer: Answer, title: str, published: Mapping[int, float]) -> Iterator[str]:
    rows = [{**row, "published": published.get(row["first_day"].month)} for row in answer.records()]
    if not rows:
        yield bold(f"{title}: no ranked battery is of this class.")
        return
    known = any(row["published"] is not None for row in rows)
    beside = [number("published", "published", decimals(2), keep=50)] if known else []
    yield from (bold(title), "", *table([*_COLUMNS, *beside], [rows]).lines, "")
    for text in dict.fromkeys(f"{row['basis']}: {row['definition']}." for row in rows):
        yield from paragraph(text)
    if known:
        yield from paragraph(
            "published: a commercial index of the fleet's energy and AS, over the capacity active each day."
        )
    yield from paragraph(f"$/kW-month by stream; percentiles are of the batteries' own. {WHAT_DOLLARS_ARE}")
