"""Commands that make something: `bess rollup`, `bess refresh` and `bess ui`, with what the first two say in the end."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bess_assets.checks.causes import MOST_SHOWN, causes_of_years
from bess_assets.cli import Options, all_years, command, long_work, parse_years, years_argument
from bess_assets.cli.render import echo, echo_warning, paragraph, table
from bess_assets.cli.status import by_state, cause_lines, warn_of_unused
from bess_assets.ercot.calendar import now_central
from bess_assets.ercot.step import some
from bess_assets.errors import BessError
from bess_assets.settings import Settings
from bess_assets.store.capacity import lacking_room
from bess_assets.store.listing import made_up_note, superseded_in
from bess_assets.store.status import FIRST_YEAR, State, YearPlan, new_reports, plan_year, years_available, years_known
from bess_assets.text import Column, decimals, listed, money, number, percent

if TYPE_CHECKING:
    from bess_assets.refresh import Outcome
    from bess_assets.run import Progress
    from bess_assets.store.roll_up import RollUp

# --- rollups ----------------------------------------------------------------------------------------------------------


@command(
    click.argument("reports", required=False, type=click.Path(file_okay=False, path_type=Path)),
    click.option(
        "--year",
        "years",
        type=parse_years,
        callback=all_years,
        multiple=True,
        metavar="YEAR",
        help="Only these years: 2024, 2021-2024.",
    ),
)
def rollup(options: Options, reports: Path | None, years: list[int]) -> None:
    """Turn ERCOT's report files into annual rollups at <home>/built; reports that a rollup holds already are not read again.

    REPORTS (else BESS_REPORTS) and its subfolders are searched for CSV files, plain, in ZIPs and in ZIPs of ZIPs; the name and the headings of a file
    say which report it is. A year that your own rollups (BESS_ROLLUPS) hold is left out. Each rollup has a manifest of its reports. A file that
    cannot be used is named and stops nothing; the exit code is then 1.
    """
    settings = options.settings_with_inputs()
    folder = None if reports is None else reports.absolute()
    done = roll_up_with_progress(settings, years or None, folder)
    echo(_rollup_lines(done), made_up_note(settings))
    if done.built:
        click.echo(f"Rollups and their manifests: {settings.built}")
    if sum(map(len, done.other.values())) == done.reports:
        of = f" among {done.files:,} files" if done.files else ""
        raise BessError(
            f"There is no report to roll up{of}.",
            file=folder or settings.place(settings.reports),
            expected="ERCOT's report files: CSV or XLSX, plain or in ZIP, GZ or TAR files",
            remedy="Name the folder that holds them: bess rollup FOLDER",
        )
    if done.refused or any(built.manifest["refused"] for built in done.built):
        sys.exit(1)


def roll_up_with_progress(settings: Settings, years: Sequence[int] | None, reports: Path | None = None) -> "RollUp":
    """What a roll-up of the reports did, of the folder of the settings if none is given."""
    from bess_assets.store.roll_up import roll_up_reports  # loads pyarrow

    with long_work() as tell:

        def report(done: int, total: int, what: str) -> None:
            tell(f"{done + 1:,} of {total:,} files: {what}" if done < total else what, done / total if total else None)

        return roll_up_reports(settings, reports, years, progress=report)


_BUILT = (
    Column("rollup", lambda b: b.dataset),
    number("year", lambda b: b.year, str),
    number("reports", lambda b: len(b.manifest["reports"])),
    number("new", lambda b: b.new_reports, keep=60),
    number("rows", lambda b: b.manifest["rows"].get("kept")),
    number(
        "dropped", lambda b: sum(n for key, n in b.manifest["rows"].items() if key not in {"read", "kept"}), keep=50
    ),
    Column("first day", lambda b: b.manifest["first_day"], keep=40),
    Column("last day", lambda b: b.manifest["last_day"]),
    Column(
        "state",
        lambda b: (
            ("nothing usable" if not b.manifest["rows"] else "complete" if b.manifest["complete"] else "incomplete")
            + ", written" * b.changed
        ),
    ),
)
_NOTED = 20


def _rollup_lines(done: "RollUp") -> Iterator[str]:
    """A row for each dataset and year rolled up; then why some are incomplete, and which files could not be used."""
    yield from table(_BUILT, [done.built]).lines if done.built else ()
    notes = [f"{b.dataset} {b.year}: {reason}" for b in done.built for reason in b.manifest["incomplete_because"]]
    for b in done.built:
        refused = [f"not used: {item['file']}: {item['problem']}" for item in b.manifest["refused"]]
        notes += _first(refused, f"of {b.dataset} {b.year}: see its manifest")
        doubtful = [f"{b.dataset} {b.year}: {words}" for words in superseded_in(b.manifest, doubtful=True)]
        notes += _first(doubtful, f"superseded in {b.dataset} {b.year}: see its manifest")
    if superseded := sum(len(superseded_in(b.manifest)) for b in done.built):
        notes.append(
            f"newer reports superseded rows of earlier ones {superseded:,} times: bess changes YEAR lists them"
        )
    unknown = [f"not used, of no dataset and year that is known: {file}: {why}" for file, why in done.refused]
    notes += _first(unknown, "that could not be used")
    others = sorted(done.other.items(), key=lambda item: (-len(item[1]), item[0]))[:_NOTED]
    notes += [f"left aside, {len(files):,} ({some(files)}): {why}" for why, files in others]
    notes += _first([f"not read: {file}: {why}" for file, why in done.unused.items()], "that are no reports")
    yield from (line for note in notes for line in paragraph(note, "  "))
    yield f"{done.files:,} files, {done.reports:,} reports in them."


def _first(notes: Sequence[str], rest: str) -> list[str]:
    """The first of some notes, and how many more there are."""
    more = len(notes) - _NOTED
    return [*notes[:_NOTED], *([f"and {more:,} more {rest}"] if more > 0 else [])]


# --- refreshes --------------------------------------------------------------------------------------------------------


@command(
    years_argument("[YEAR]..."),
    click.option(
        "--only",
        type=click.Choice(["missing", "failed", "changed"]),
        help="Only tables in this state, and the tables made from them. Default: all tables of these years.",
    ),
    click.option("--dry-run", is_flag=True, help="Say which tables would be refreshed, and why; refresh nothing."),
)
def refresh(options: Options, years: list[int], only: State | None, dry_run: bool) -> None:
    """Settle years from their rollups: 2024, 2021-2024; without a year, all years that have rollups.

    Makes the result tables and, from them, each year's page and workbook at <results>/leaderboard_report/<year>. Uses the same Dagster jobs and
    instance as the UI. A year that fails does not stop the next; the exit code is then 1.
    """
    refuse_other_years(years)
    settings = options.settings_with_inputs(years)
    wanted = years or (years_known(settings) if only in {"failed", "changed"} else years_available(settings))
    if not wanted:
        warn_of_unused(settings.rollups)
        raise BessError(
            "There are no rollups to settle.",
            file=settings.place(settings.rollups),
            expected="files such as DAM_Gen_Resources/2024.parquet",
            remedy="Name the folder of your rollups in BESS_ROLLUPS; or build them from ERCOT's reports: bess rollup FOLDER; "
            "or try a made-up market: bess demo",
        )
    if not dry_run:
        outcomes = refresh_with_progress(settings, wanted, only)
        show_outcomes(settings, outcomes)
        exit_if_failed(outcomes)
        return
    news = new_reports(settings)
    plans = {year: plan_year(settings, year, news) for year in wanted}
    echo(_plan_lines(plans.values(), only), made_up_note(settings))
    for lack in (lack for year, plan in plans.items() for lack in lacking_room(settings, year, plan.to_refresh(only))):
        echo_warning(lack.problem)


def refuse_other_years(years: Iterable[int]) -> None:
    """BessError if one of the years is before the first that can be settled, or still to come."""
    last = now_central().year
    if others := [year for year in years if not FIRST_YEAR <= year <= last]:
        raise BessError(f"{others[0]} is no year that can be settled.", expected=f"{FIRST_YEAR} to {last}")


def _plan_lines(plans: Iterable[YearPlan], only: State | None) -> Iterator[str]:
    for plan in plans:
        if names := plan.to_refresh(only):
            count = "every table" if len(names) == len(plan.tables) else f"{len(names)} of {len(plan.tables)} tables"
            yield f"{plan.year}: would refresh {count}"
            yield from by_state([plan.tables[name] for name in names], len(plan.tables))
        else:
            yield f"{plan.year}: nothing to do" + (f" for --only {only}" if only else "")
            yield from paragraph(_gone(plan.year, plan.gone), "  ")
        yield from paragraph(_waiting(plan.year, plan.waiting(only)), "  ")


def _gone(year: object, gone: Sequence[str]) -> str:
    if not gone:
        return ""
    are, them = ("is", "it") if len(gone) == 1 else ("are", "them")
    return (
        f"{year}: {listed(gone)} {are} gone. The tables made from {them} were kept as they are; "
        f"put back what is missing, or settle the year without it: bess refresh {year}"
    )


def _waiting(year: object, tables: Sequence[str]) -> str:
    wait = "waits" if len(tables) == 1 else "wait"
    return f"{year}: {listed(tables)} {wait} for tables in another state: bess refresh {year}" if tables else ""


def refresh_with_progress(settings: Settings, years: Sequence[int], only: State | None = None) -> "list[Outcome]":
    """The outcome of each year refreshed, and of the merging."""
    from bess_assets.refresh import refresh_years  # loads Dagster

    with long_work() as tell:

        def report(step: "Progress") -> None:
            before = sorted(years).index(step.year) if step.year else len(years)
            done = (before + step.done / max(step.total, 1)) / (len(years) + 1)
            tell(f"{step.year or 'all years'}: {step.table}, {step.done} of {step.total} tables done", done)

        return list(refresh_years(settings, years, only, report))


def show_outcomes(settings: Settings, outcomes: "Sequence[Outcome]") -> None:
    """Print what came of a refresh, and the causes of what is unknown or doubtful."""
    click.echo("")
    echo(_outcome_lines(settings, outcomes), made_up_note(settings))


def exit_if_failed(outcomes: "Iterable[Outcome]") -> None:
    """End with exit code 1 if a year failed."""
    if any(outcome.state == "failed" for outcome in outcomes):
        sys.exit(1)


_OUTCOME = (
    number("year", lambda o: o.name, str),
    Column("state", lambda o: o.state),
    number("batteries", lambda o: o.figure("leaderboard", "rows"), keep=40),
    number("known total $", lambda o: o.figure("leaderboard", "money_usd"), money),
    number("coverage", lambda o: o.figure("daily_revenue", "coverage"), percent),
    number("seconds", lambda o: o.seconds, decimals(1), keep=60),
)


def _outcome_lines(settings: Settings, outcomes: "Sequence[Outcome]") -> Iterator[str]:
    """A row for each year refreshed; then errors, files that are gone, and the causes of what is unknown or doubtful."""
    yield from table(_OUTCOME, [outcomes]).lines
    tried = [outcome.year for outcome in outcomes if outcome.state != "nothing to do"]
    causes = causes_of_years(settings, tried)
    said = " ".join(cause.words for _, cause in causes)
    for outcome in outcomes:
        told = [text for text in outcome.errors if _problem(text) not in said]
        for n, text in enumerate("\n".join(told).splitlines()):
            yield from paragraph(f"{outcome.name} failed: {text}" if n == 0 else text.strip(), "  " * (n > 0))
        yield from paragraph(_gone(outcome.name, outcome.gone))
        yield from paragraph(_waiting(outcome.name, outcome.waiting))
    yield from cause_lines(causes, MOST_SHOWN)


def _problem(error: str) -> str:
    """The problem that the text of an error of a table begins with."""
    return error.splitlines()[0].split(": ", 1)[-1].rstrip(".")


# --- the UI -----------------------------------------------------------------------------------------------------------


@command(
    click.option("--port", type=click.IntRange(1, 65535), default=3000, help="Port on 127.0.0.1."),
    click.option("--address", default="127.0.0.1", help="Another address to listen on: in a container, 0.0.0.0."),
)
def ui(options: Options, port: int, address: str) -> None:
    """Open Dagster's UI on this machine, with these settings: it shows the runs of `bess refresh`, and can refresh years itself."""
    from bess_assets.automation.door import serve  # loads Dagster

    settings = options.settings()
    click.echo(f"Dagster UI: http://127.0.0.1:{port}   (Ctrl-C stops it)")
    sys.stdout.flush()
    serve(settings, port, address)
