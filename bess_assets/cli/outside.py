"""`bess reconcile`: results of a year beside totals that others publish."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from bess_assets.checks import outside
from bess_assets.cli import FORMAT, YEAR, Format, Options, command, show
from bess_assets.cli.render import bold, paragraph, table
from bess_assets.results.answers import Answer, marked
from bess_assets.store.listing import made_up_note, made_up_years
from bess_assets.text import Column, decimals, number, percent

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = (
    Column("what", "what"),
    Column("month", "period"),
    Column("unit", "unit"),
    number("ours", "ours", decimals(1)),
    number("others", "others", decimals(1)),
    number("ours/others", "ratio", decimals(3)),
    number("known", "known_share", percent, keep=50),
)
_NOT_THERE = (
    "Information only: no figure is corrected by it. Reports that are fetched hold no total of the fleet's MWh and none of AS procured: files of yours do. "
    "ERCOT's dashboard of storage resources shows two days and keeps none. Months are sums of the days that both have; --format csv has the days."
)


@command(
    click.argument("year", type=YEAR),
    click.option("--fleet", type=_FILE, multiple=True, help="MWh of the fleet: CSV of day,charge_mwh,discharge_mwh, or the dashboard's JSON; one or more."),
    click.option("--procured", type=_FILE, help="AS procured in the day-ahead market: CSV of day,product,procured_mwh (MW summed over hours)."),
    FORMAT,
)  # fmt: skip
def reconcile(options: Options, year: int, fleet: tuple[Path, ...], procured: Path | None, form: Format) -> None:
    """Show what the results of a year hold beside totals of others: MWh of the fleet, ancillary services procured, day-ahead $/MW of all ESRs by month.

    Published $/MW are those of ERCOT's files from December 2025 to July 2026, and none is shown beside made-up data.
    """
    settings = options.settings_with_inputs([year])
    made_up = year in made_up_years(settings)
    rows = [
        *(outside.beside_fleet(settings, year, fleet) if fleet else ()),
        *(outside.beside_procured(settings, year, procured) if procured else ()),
        *(() if made_up else outside.beside_esr_months(settings, year)),
    ]
    answer = marked(Answer(outside.COLUMNS, [(*row, row.ratio) for row in rows]), made_up)
    lines = _lines(f"Beside totals of others, {year}", outside.by_month(rows))
    show(form, lines, made_up_note(settings, [year]), answer.columns, answer.rows)


def _lines(title: str, rows: Sequence[outside.Beside]) -> Iterator[str]:
    yield bold(title)
    if rows:
        yield from ("", *table(_SHOWN, [[{**row._asdict(), "ratio": row.ratio} for row in rows]]).lines, "")
    else:
        yield "Nothing to set beside it: no file was given, or none has a day of the year."
    yield from paragraph(_NOT_THERE)
