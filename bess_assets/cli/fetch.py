"""`bess fetch`, which brings ERCOT's reports, and `bess start`, which goes on from there to the page."""

import sys
import webbrowser
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from bess_assets.cli import Options, command, long_work, years_argument
from bess_assets.cli.render import echo, paragraph, table
from bess_assets.cli.years import (
    exit_if_failed,
    refresh_with_progress,
    refuse_other_years,
    roll_up_with_progress,
    show_outcomes,
)
from bess_assets.errors import BessError, free_bytes
from bess_assets.settings import Settings
from bess_assets.store.paths import files_of
from bess_assets.store.status import years_known
from bess_assets.tables import LEADERBOARD_REPORT
from bess_assets.text import Column, number

if TYPE_CHECKING:
    from bess_assets.store.fetching import Fetched

_SHOWN = 12
_RESULTS_SHARE = 0.7
"""Rollups and results of a year, as a part of its packed reports: from the sizes of real rollups, an estimate."""


@command(
    years_argument("[YEAR]..."),
    click.option("--only", multiple=True, metavar="DATASET", help="Only reports that hold this dataset; may be repeated."),
    click.option(
        "--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), metavar="POSTED", help="Only what was posted since then, Central time: 2026-02-01."
    ),
    click.option("--dry-run", is_flag=True, help="List what would be fetched, with requests, time and size; fetch nothing."),
    click.option("--check", is_flag=True, help="Try the login, one list and one document of each report, and print a block for a bug report."),
)  # fmt: skip
def fetch(
    options: Options, years: list[int], only: Sequence[str], since: datetime | None, dry_run: bool, check: bool
) -> None:  # fmt: skip
    """Fetch the ERCOT reports that years need into BESS_REPORTS: 2024, 2021-2024; without a year, for all years that there are.

    With ERCOT_API_USERNAME, ERCOT_API_PASSWORD and ERCOT_PUBLIC_API_SUBSCRIPTION_KEY set, from ERCOT's public API; else what its public list shows
    without a login, which goes back days to years. A document that is there is not fetched again. Exit code 1: a document or report could not be fetched.
    """
    from bess_assets.ercot.datasets import find_dataset

    settings = options.settings()
    datasets = [find_dataset(name).name for name in only]
    if check:
        from bess_assets.store.fetch_check import check_lines

        echo(check_lines(settings, datasets))
        return
    wanted = years or years_known(settings)
    if not wanted:
        raise BessError(
            "No year is named, and there is none yet.", expected="a year", remedy="Name it: bess fetch 2024"
        )
    exit_if_incomplete(fetch_and_show(settings, wanted, datasets, since, dry_run=dry_run))


@command(
    years_argument("YEAR..."),
    click.option(
        "--keep-reports",
        type=click.Choice(["yes", "no"]),
        default="yes",
        help="no: remove fetched report files once they are rolled up; they are not fetched again.",
    ),
    click.option("--open/--no-open", "opening", default=True, help="Open the page of the last year in the browser."),
)
def start(options: Options, years: list[int], keep_reports: str, opening: bool) -> None:
    """From ERCOT's site to the page: fetch, roll up, refresh, open. Safe to repeat: what is done is not done again.

    The same, one by one: bess fetch YEAR, bess rollup --year YEAR, bess refresh YEAR, and the page that it names.
    """
    from bess_assets.store.fetching import remove_rolled_up

    if not years:
        raise BessError("No year is named.", expected="a year", remedy="Name it: bess start 2024")
    settings = options.settings()
    done = fetch_and_show(settings, years, to_the_end=True)
    rolled = roll_up_with_progress(settings, years)
    click.echo(f"Rolled up {rolled.reports:,} reports of {rolled.files:,} files: {settings.built}")
    if keep_reports == "no":
        files, size = remove_rolled_up(settings)
        click.echo(f"Removed {files:,} report files, {size / 1e6:,.0f} MB: their rows are in the rollups.")
    outcomes = refresh_with_progress(settings, years)
    show_outcomes(settings, outcomes)
    for year in [o.year for o in outcomes if o.year and o.state == "refreshed"][-1:]:
        page = files_of(settings.results, LEADERBOARD_REPORT, year)[0]
        click.echo(f"\nThe page, for any browser: {page}")
        if opening:
            webbrowser.open(page.as_uri())
    exit_if_failed(outcomes)
    exit_if_incomplete(done)


def fetch_and_show(
    settings: Settings,
    years: Sequence[int],
    datasets: Sequence[str] = (),
    since: datetime | None = None,
    *,
    dry_run: bool = False,
    to_the_end: bool = False,
) -> "Fetched":
    """Fetch, and print what is needed beforehand and what came of it; `to_the_end` counts what is made of the reports into the room needed."""
    from bess_assets.store.fetching import credentials
    from bess_assets.store.fetching import fetch as fetch_documents

    refuse_other_years(years)
    source = "ERCOT's public API" if credentials() else "ERCOT's public list (no credentials of its API are set)"
    click.echo(f"Looking for reports of {', '.join(map(str, years))} in {source}")
    with long_work() as tell:
        done = fetch_documents(
            settings,
            years,
            datasets,
            since,
            dry_run=dry_run,
            before=lambda needed: echo(_needed_lines(settings, needed, to_the_end=to_the_end)),
            tell=tell,
        )
    if not dry_run:
        echo(_done_lines(settings, done))
    return done


def exit_if_incomplete(done: "Fetched") -> None:
    """End with exit code 1 if a document or a report could not be fetched."""
    if done.failure:
        sys.exit(1)


_NEED = (
    Column("report", lambda n: n.publication.emil),
    Column("name", lambda n: n.publication.title, keep=40, widest=50),
    number("there", lambda n: len(n.there)),
    number("to fetch", lambda n: len(n.lacking)),
    number("about MB", lambda n: n.document_bytes * len(n.lacking) / 1e6, "{:,.0f}".format),
)


def _needed_lines(settings: Settings, needed: "Fetched", *, to_the_end: bool) -> Iterator[str]:
    yield from table(_NEED, [needed.needs]).lines
    requests, seconds = settings.ercot_quota
    yield from paragraph(
        f"{sum(len(need.lacking) for need in needed.needs):,} documents in {needed.requests:,} requests: about {needed.bytes / 1e9:,.2f} GB, and "
        f"{needed.seconds / 60:,.0f} minutes at {requests} requests in {seconds:g} seconds, besides the transfer. Sizes are estimates."
    )
    room = needed.bytes * (1 + (_RESULTS_SHARE if to_the_end else 0))
    made = ", with rollups and results" if to_the_end else ""
    yield f"Room on the disk: about {room / 1e9:,.2f} GB needed{made}, {free_bytes(settings.reports) / 1e9:,.1f} GB free."


def _done_lines(settings: Settings, done: "Fetched") -> Iterator[str]:
    """What came, what did not, which days are missing and what to do."""
    import numpy as np

    from bess_assets.ercot.calendar import day_number, day_ranges

    yield f"Fetched {done.brought['documents']:,} documents, {done.brought['bytes'] / 1e6:,.1f} MB: {settings.reports}"
    for error in done.problems:
        yield from paragraph(f"Not listed: {error.problem} {error.remedy or ''}", "  ")
    for emil, document in done.failed[:_SHOWN]:
        yield from paragraph(
            f"Not fetched: {emil} document {document.number}, {document.name}, posted {document.posted:%Y-%m-%d %H:%M}",
            "  ",
        )
    if done.failed:
        yield from paragraph(
            f"{len(done.failed):,} documents did not come whole. Run the command again: it asks for these alone."
        )
    for (emil, year), days in done.missing.items():
        ranges = day_ranges(np.array([day_number(day) for day in days]))
        yield from paragraph(f"{emil} {year}: no document of {ranges}", "  ")
    if done.missing:
        yield from paragraph(
            "A day may have been posted late, under another date: bess rollup says which days have no rows. For what is missing run bess fetch again, which "
            "lists those reports from the beginning of the year; or look for it at www.ercot.com/mp/data-products and put it into BESS_REPORTS."
        )
