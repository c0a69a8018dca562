"""`bess changes`: the editions of a year's leaderboard, and what moved between the last two."""

import json
from collections.abc import Iterator, Sequence
from itertools import chain

import click

from bess_assets.cli import FORMAT, YEAR, Format, Options, command, show
from bess_assets.cli.answers import COLUMNS, WHAT_DOLLARS_ARE, warn_if_older
from bess_assets.cli.render import bold, paragraph, reasons, table
from bess_assets.results import Answer, Results
from bess_assets.store.listing import made_up_note, superseded_reports
from bess_assets.text import Column, decimals, listed, money, number


@command(click.argument("year", type=YEAR), FORMAT)
def changes(options: Options, year: int, form: Format) -> None:
    """Show which batteries moved between the last two editions of a year's leaderboard, by how much, and because of which input.

    A board that differs from the last edition becomes a new one. The table also lists all editions kept; csv has a row for each battery that moved;
    json has both. Below them: which reports superseded which in the rollups built for the year.
    """
    settings = options.settings()
    with Results(settings) as results:
        editions, changed = results.editions(year), results.what_changed(year)
    warn_if_older(settings, year, "these editions are older")
    superseded = superseded_reports(settings.built, year)
    kept = [{**row, "inputs": json.loads(row["inputs"])} for row in editions.records()]
    show(
        form,
        chain(_changes_lines(year, editions, changed), _superseded_lines(year, superseded)),
        made_up_note(settings, [year]),
        changed.columns,
        changed.rows,
        {"year": year, "editions": kept, "what_changed": changed.records(), "superseded": superseded},
    )


_PAIRS_SHOWN = 20
_EDITIONS = (
    number("#", "edition_number"),
    Column("made (UTC)", lambda row: f"{row['made_at']:%Y-%m-%d %H:%M}"),
    Column("edition", "edition"),
    Column("data through", "data_through", keep=40),
    Column("version", "package_version", keep=30),
    number("batteries", "batteries", keep=60),
    number("ranked", "batteries_ranked", keep=50),
    number("known total $", "known_total_usd", money),
)
_MOVED = (
    COLUMNS["battery"],
    number("# before", "rank_before", keep=60),
    number("# after", "rank_after", keep=60),
    number("total $ before", "total_usd_before", decimals(2), keep=70),
    number("total $ after", "total_usd_after", decimals(2), keep=80),
    number("change $", "total_usd_change", decimals(2)),
    number("of it energy $", "energy_usd_change", decimals(2), keep=50),
    number("of it AS $", "as_usd_change", decimals(2), keep=50),
)


def _changes_lines(year: int, editions: Answer, changed: Answer) -> Iterator[str]:
    """The editions of a year (`Results.editions`), then the batteries that moved between the last two (`Results.what_changed`), and why."""
    every, rows = editions.records(), changed.records()
    if not every:
        yield bold(f"{year}: no edition was kept, for no board had a battery.")
        return
    yield from (bold(f"Editions of the leaderboard {year}"), "", *table(_EDITIONS, [every]).lines)
    for row in every[1:]:
        inputs = listed(row["changed_inputs"].split("; ")) if row["changed_inputs"] else "none"
        yield from paragraph(f"{row['edition_number']}: inputs that changed: {inputs}", "  ")
    yield ""
    before, after = every[-2:][0]["edition_number"], every[-1]["edition_number"]
    if len(every) == 1:
        yield "One edition: there is no earlier one to compare it with."
    elif not rows:
        yield f"No battery moved between editions {before} and {after}."
    else:
        yield from (bold(f"What moved from edition {before} to {after}"), "", *table(_MOVED, [rows]).lines, "")
        yield from reasons((f"{row['moved']}; because: {row['because']}", row["battery"]) for row in rows)
        yield from ("", *paragraph(WHAT_DOLLARS_ARE))


def _superseded_lines(year: int, superseded: Sequence[str]) -> Iterator[str]:
    if superseded:
        yield from ("", bold(f"Reports superseded in the built rollups of {year}"))
    for words in superseded[:_PAIRS_SHOWN]:
        yield from paragraph(words, "  ")
    if len(superseded) > _PAIRS_SHOWN:
        yield f"  and {len(superseded) - _PAIRS_SHOWN:,} more: see the manifests, or --format json"
