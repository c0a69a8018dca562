"""`bess`, the command line: each command asks the package one thing and prints the answer.

A command imports what it needs when it runs: `bess leaderboard` loads click and DuckDB alone.
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from bess_assets.cli.render import echo, echo_warning, terminal_width
from bess_assets.cli.terminal import FORMAT, YEAR, Format, Options, Years, command, long_work, main, show
from bess_assets.errors import BessError
from bess_assets.settings import Settings
from bess_assets.store.made_up import MADE_UP, MADE_UP_COLUMN, made_up_note, made_up_years
from bess_assets.text import listed

if TYPE_CHECKING:
    from bess_assets.demo import Market
    from bess_assets.refresh import Outcome
    from bess_assets.run import Progress

__all__ = ["main"]

Only = Literal["missing", "failed", "changed"]

_DEMO_YEARS = "2024,2025,2026"
_SEED = 1
_PORT = 3000

# --- a made-up market -------------------------------------------------------------------------------------------------

_YEARS = click.option("--years", type=Years(), default=_DEMO_YEARS, help="Years from 2019 to 2026.")


def _batteries(text: str) -> Any:
    return click.option("--batteries", type=click.IntRange(1), default=12, help=text)


@command("Try it with made-up data: simulate, settle, show.", _batteries("Number of batteries."), _YEARS)
def demo(options: Options, batteries: int, years: tuple[int, ...]) -> None:
    """Simulate a market up to August 2026, settle each year of it, show the leaderboard of the last.

    Safe to repeat: files that exist are not made again. It writes inside its home only, and refuses a home with rollups or results that it did not
    make; BESS_ROLLUPS and BESS_RESULTS are ignored.
    """
    from bess_assets.demo import DEMO_LAST_DAY, Market, demo_settings, refuse_a_home_in_use
    from bess_assets.store.paths import report_files
    from bess_assets.store.status import plan_year
    from bess_assets.tables import LEADERBOARD_REPORT

    settings = demo_settings(options.home)
    refuse_a_home_in_use(settings)
    _simulate(settings.home, Market(years, batteries, _SEED, "harmless", last_day=DEMO_LAST_DAY))
    waiting = [year for year in years if plan_year(settings, year).state != "present"]
    outcomes = _refresh(settings, waiting, None) if waiting else []
    good = [year for year in years if not any(o.year == year and o.state == "failed" for o in outcomes)]
    for year in good[-1:]:
        click.echo("")
        _show_leaderboard(settings, str(year), year)
    elsewhere = any(os.environ.get(name) for name in ("BESS_ROLLUPS", "BESS_RESULTS", "DAGSTER_HOME"))
    bess = "bess" if settings.home == Options().settings().home and not elsewhere else _bess_at(settings.home)
    click.echo(f"\nResults: {settings.results}/<table>/<year>.parquet")
    for year in good[-1:]:
        click.echo(f"The page, for any browser: {report_files(settings.results, LEADERBOARD_REPORT, year)[0]}")
    click.echo(f"Another year: {bess} leaderboard {years[0]}\nIn the browser: {bess} ui")
    _exit_if_failed(outcomes)


@command(
    "Write the rollups or reports of a made-up market.",
    click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path)),
    _YEARS,
    _batteries("Number of batteries; from 12 up every awkward case is among them."),
    click.option(
        "--seed", type=int, default=_SEED, help="Another seed gives another market; the same seed gives the same files."
    ),
    click.option(
        "--format",
        "form",
        type=click.Choice(["rollups", "reports"]),
        default="rollups",
        help="rollups: annual Parquet files. reports: ERCOT's own files, CSV and ZIP, one a day. Both hold the same rows.",
    ),
    click.option(
        "--hazards",
        type=click.Choice(["none", "harmless", "wild"]),
        default="harmless",
        help="none: clean files. harmless: awkward ones in which nothing is missing. wild: files that lack columns, as real ones do.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["small", "ercot"]),
        default="small",
        help="ercot: the size of ERCOT's own 2024 or 2026, 120 million rows a year and about 240 or 340 batteries, for measuring. Takes minutes and 2 GB.",
    ),
)
@click.pass_context
def simulate(ctx: click.Context, /, options: Options, folder: Path, **market: Any) -> None:
    """Write the rollups or reports of a made-up market, and the right answer for them.

    Rollups go to DIR/rollups, reports to DIR/reports, the answer to DIR/truth/leaderboard_<year>.csv and leaderboard_monthly_<year>.csv: dollars,
    MWh and coverage of each battery by a second settlement, which shares no code with the first (bess compare-csv).

    --scale ercot writes rollups only, of 2024, 2026 or both (2024 if --years is not given), in time order and with harmless hazards; it takes neither
    --batteries nor --hazards. The SCED files of 2026 hold storage only.
    """
    from bess_assets.demo import Market, write_right_answer

    del options
    folder, form = folder.absolute(), market["form"]
    if market["scale"] == "ercot":
        market["years"] = _real_size_years(ctx, **market)
    made_up = Market(**market)
    written = _simulate(folder, made_up)
    with long_work() as tell:
        write_right_answer(folder, made_up, tell)
    click.echo(f"{form.capitalize() if written else 'That market is there already'}: {folder / form}")
    bess = _bess_at(folder)
    first = "" if form == "rollups" else f"{bess} rollup && "
    click.echo(f"The right answer: {folder / 'truth'}\nSettle it with: {first}{bess} refresh")


def _real_size_years(ctx: click.Context, years: tuple[int, ...], form: str, hazards: str, **_: Any) -> tuple[int, ...]:
    """The years of `--scale ercot`, which goes with few other options."""
    from bess_assets.simulator import REAL_SIZE_YEARS

    def given(name: str) -> bool:
        return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT

    known = " and ".join(map(str, REAL_SIZE_YEARS))
    years = years if given("years") else REAL_SIZE_YEARS[:1]
    for wrong, words in (
        (form != "rollups", "writes rollups only, not --format reports."),
        (hazards != "harmless", f"writes files as awkward as --hazards harmless, not {hazards}."),
        (given("batteries"), "has as many batteries as ERCOT had: leave out --batteries."),
        (set(years) - set(REAL_SIZE_YEARS), f"knows the size of {known} only: --years {','.join(map(str, years))}."),
    ):
        if wrong:
            raise click.UsageError(f"--scale ercot {words}")
    return years


def _simulate(folder: Path, market: "Market") -> bool:
    from bess_assets.demo import write_market

    with long_work() as tell:
        return write_market(folder, market, lambda text: tell(f"simulating {text}"))


def _bess_at(home: Path) -> str:
    import shlex

    return f"bess --home {shlex.quote(str(home))}"


# --- rollups and years ------------------------------------------------------------------------------------------------


@command(
    "Turn ERCOT's report files into annual rollups.",
    click.argument("reports", required=False, type=click.Path(file_okay=False, path_type=Path)),
    click.option(
        "--year", "years", type=Years(), multiple=True, metavar="YEAR", help="Only these years: 2024, 2021-2024."
    ),
)
def rollup(options: Options, reports: Path | None, years: tuple[tuple[int, ...], ...]) -> None:
    """Turn ERCOT's report files into annual rollups at <home>/built; reports that a rollup holds already are not read again.

    REPORTS (else BESS_REPORTS) and its subfolders are searched for CSV files, plain, in ZIPs and in ZIPs of ZIPs; the name and the headings of a file
    say which report it is. A year that your own rollups (BESS_ROLLUPS) hold is left out. Each rollup has a manifest of its reports. A file that
    cannot be used is named and stops nothing; the exit code is then 1.
    """
    from bess_assets.cli import state
    from bess_assets.store.rollups import roll_up_reports

    settings = options.settings()
    with long_work() as tell:

        def report(done: int, total: int, what: str) -> None:
            tell(f"{done + 1:,} of {total:,} files: {what}" if done < total else what)

        folder = None if reports is None else reports.absolute()
        done = roll_up_reports(settings, folder, _flat(years) or None, progress=report)
    echo(state.rollup_lines(done, terminal_width()), made_up_note(settings))
    if done.built:
        click.echo(f"Rollups and their manifests: {settings.built}")
    if done.refused or any(built.manifest["refused"] for built in done.built):
        sys.exit(1)


@command(
    "Settle years from their rollups.",
    click.argument("years", metavar="[YEAR]...", type=Years(), nargs=-1),
    click.option(
        "--only",
        type=click.Choice(["missing", "failed", "changed"]),
        help="Only tables in this state, and the tables made from them. Default: all tables of these years.",
    ),
    click.option("--dry-run", is_flag=True, help="Say which tables would be refreshed, and why; refresh nothing."),
)
def refresh(options: Options, years: tuple[tuple[int, ...], ...], only: Only | None, dry_run: bool) -> None:
    """Settle years from their rollups: 2024, 2021-2024; without a year, all years that have rollups.

    Makes the result tables and, from them, each year's page and workbook at <results>/leaderboard_report/<year>. Uses the same Dagster jobs and
    instance as the UI. A year that fails does not stop the next; the exit code is then 1.
    """
    from bess_assets.store.status import years_available, years_known

    settings, wanted = options.settings(), _flat(years)
    _refuse_other_years(wanted)
    wanted = wanted or (years_known(settings) if only in {"failed", "changed"} else years_available(settings))
    if not wanted:
        raise BessError(
            "There are no rollups to settle.",
            file=settings.rollups,
            expected="files such as DAM_Gen_Resources/2024.parquet",
            remedy="Name the folder of your rollups in BESS_ROLLUPS; or build them from ERCOT's reports: bess rollup FOLDER; "
            "or try a made-up market: bess demo",
        )
    if dry_run:
        _show_plans(settings, wanted, only)
    else:
        _exit_if_failed(_refresh(settings, wanted, only))


def _flat(years: Iterable[Iterable[int]]) -> list[int]:
    return sorted({year for group in years for year in group})


def _refuse_other_years(years: Sequence[int]) -> None:
    """Raise BessError for a year before the first operating year, or one that has not begun."""
    from bess_assets.store.status import FIRST_YEAR

    last = datetime.now(tz=UTC).year
    for year in years:
        if not FIRST_YEAR <= year <= last:
            raise BessError(f"{year} is no year that can be settled.", expected=f"{FIRST_YEAR} to {last}")


def _show_plans(settings: Settings, years: Sequence[int], only: Only | None) -> None:
    from bess_assets.cli import state
    from bess_assets.store.capacity import lacking_room
    from bess_assets.store.status import plan_years

    plans = plan_years(settings, years)
    echo(state.plan_lines(plans, only, terminal_width()), made_up_note(settings))
    for year, plan in zip(years, plans, strict=True):
        for lack in lacking_room(settings, year, plan.to_refresh(only)):
            echo_warning(lack.problem)


def _refresh(settings: Settings, years: Sequence[int], only: Only | None) -> "list[Outcome]":
    """Refresh years and print the outcome of each."""
    from bess_assets.cli import state
    from bess_assets.refresh import refresh_years

    with long_work() as tell:

        def report(step: "Progress") -> None:
            where = f"{step.year or 'all years'}: {step.table}"
            if step.rows is None:
                tell(f"{where}, {step.done} of {step.total} tables done", finished=False)
            else:
                tell(f"{where}, {step.rows:,} rows, {step.seconds:.1f} s")

        outcomes = list(refresh_years(settings, years, only, report))
    click.echo("")
    echo(state.outcome_lines(outcomes, terminal_width()), made_up_note(settings))
    return outcomes


def _exit_if_failed(outcomes: "Iterable[Outcome]") -> None:
    if any(outcome.state == "failed" for outcome in outcomes):
        sys.exit(1)


@command(
    "Show settings, the state of each table, gaps in the data.",
    click.argument("datasets", metavar="[DATASET]...", nargs=-1),
    click.option("--columns", is_flag=True, help="Show instead which columns the rollups of each year have."),
    click.option(
        "--storage", is_flag=True, help="Show instead the size of the rollups beside their CSV, and how fast both load."
    ),
)
def status(options: Options, datasets: tuple[str, ...], columns: bool, storage: bool) -> None:
    """Show the settings, the state of every table of every year, and what is missing from the data.

    --columns shows a matrix of dataset, column and year, and the year in which a column appeared, vanished, or changed its type or heading. With
    DATASET: all its columns; without: the columns that matter, of all datasets.
    """
    from bess_assets.cli import state
    from bess_assets.store.status import new_reports, plan_merged, plan_years, years_known

    settings, width = options.settings(), terminal_width()
    if columns:
        _show_columns(settings, datasets)
        return
    if datasets:
        remedy = f"Run: bess status --columns {' '.join(datasets)}"
        raise BessError("Datasets are named together with --columns.", remedy=remedy)
    news = new_reports(settings)
    years = years_known(settings, news)
    if storage:
        echo(state.storage_lines(settings, years, width), made_up_note(settings))
        return
    echo([*state.settings_lines(settings, os.environ), ""])
    if not years:
        click.echo(
            "No year has rollups or results yet. Name the folder of your rollups in BESS_ROLLUPS, or try a made-up market: bess demo"
        )
        return
    plans, merged = plan_years(settings, years, news), plan_merged(settings)
    echo(state.status_lines(plans, merged, width), made_up_note(settings))
    for words, files in (
        ("report files that were rolled up are gone; their rows stay in the rollups", news.gone),
        ("new report files cannot be opened; bess rollup says why", news.unreadable),
    ):
        if files:
            echo_warning(f"{len(files)} {words}: {listed(files)}")


def _show_columns(settings: Settings, names: Sequence[str]) -> None:
    from bess_assets.cli import state
    from bess_assets.ercot.datasets import find_dataset
    from bess_assets.results import Results
    from bess_assets.store.status import plan_merged

    datasets = [find_dataset(name).name for name in names]
    with Results(settings) as results:
        rows = results.column_availability().records()
    plan = plan_merged(settings).tables["column_availability"]
    if plan.state != "present":
        old = f"this matrix is older than the schemas it was merged from ({'; '.join(plan.why)})"
        echo_warning(f"{old}: bess refresh makes it anew.")
    wanted = [row for row in rows if not datasets or row["dataset"] in datasets]
    lines = state.matrix_lines(wanted, terminal_width(), every_column=bool(datasets))
    for name in datasets:
        if not any(row["dataset"] == name for row in rows):
            lines += ["", f"{name}: no year that has been refreshed has a file of it, and ERCOT published none then."]
    echo(lines, made_up_note(settings))


@command("Settle a year again straight from the CSV reports, and compare.", click.argument("year", type=YEAR), FORMAT)
def compare_csv(options: Options, year: int, form: Format) -> None:
    """Settle a refreshed year a second time, straight from ERCOT's CSV reports in BESS_REPORTS, and compare its revenue with the results.

    The second settlement shares no code with the first, and writes nothing. Batteries that differ by more than a cent are shown. Exit code 1 if one
    differs by more than 0.1 % of its revenue or a report cannot be read.
    """
    from bess_assets.cli import state
    from bess_assets.results.answers import Answer, marked
    from bess_assets.second_settlement import compare

    settings = options.settings()
    with long_work() as tell:
        comparison = compare.compare_reports(settings, year, tell)
    differing = [tuple(row.values()) for row in compare.figures(comparison)]
    made_up = year in made_up_years(settings)
    answer = marked(Answer(compare.COLUMNS, differing), made_up)
    if form == "csv":
        click.echo(compare.verdict(comparison), err=True)
    show(
        form,
        lambda: state.comparison_lines(comparison, terminal_width()),
        made_up_note(settings),
        answer.columns,
        answer.rows,
        {**compare.as_record(comparison), **({MADE_UP_COLUMN: MADE_UP} if made_up else {})},
    )
    if not comparison.agrees:
        sys.exit(1)


# --- answers ----------------------------------------------------------------------------------------------------------


@command(
    "Show which batteries earned most.",
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
    FORMAT,
)
def leaderboard(
    options: Options, year: int | None, month: int | None, first: str | None, last: str | None, **shown: Any
) -> None:
    """Show which batteries earned most in a year, in one of its months, or from one day to another.

    Batteries that cannot be ranked fairly follow below a rule, with the reason. json holds texts exactly; csv puts a single quote before a text that a
    spreadsheet would take for a formula. Days (--from, --to) are ranked by the rules of a month.
    """
    days = "bess leaderboard --from 2024-08-19 --to 2024-08-21"
    if first is None and last is None:
        if year is None:
            remedy = f"For example: bess leaderboard 2024, or: {days}"
            raise BessError("Which year?", expected="a year, or --from and --to", remedy=remedy)
        _show_leaderboard(options.settings(), str(year), year, month, **shown)
    elif first is None or last is None or year is not None or month is not None:
        raise BessError("--from and --to go together, without a year or month.", remedy=f"For example: {days}")
    else:
        _show_leaderboard(options.settings(), " to ".join(dict.fromkeys((first, last))), (first, last), **shown)


def _show_leaderboard(
    settings: Settings,
    title: str,
    period: int | tuple[str, str],
    month: int | None = None,
    sort: str | None = None,
    top: int | None = None,
    form: Format = "table",
) -> None:
    """Print the leaderboard of a year, one of its months, or the days from one to another."""
    from calendar import month_name

    from bess_assets.cli import answers
    from bess_assets.results import Results

    most = None if form == "table" else top
    with Results(settings) as results:
        if isinstance(period, int):
            board = results.leaderboard(period, month, sort=sort, top=most)
            years = range(period, period + 1)
        else:
            board = results.leaderboard_of_days(*period, sort=sort, top=most)
            years = range(int(period[0][:4]), int(period[1][:4]) + 1)
        failed = {year: results.last_refresh_problem(year) for year in years}
    for year, table in failed.items():
        if table:
            echo_warning(
                f"the last refresh of {year} failed at {table}; these figures are older (bess status says more)."
            )
    title = f"Leaderboard {month_name[month]} {title}" if month else f"Leaderboard {title}"
    show(
        form,
        lambda: answers.board_lines(board, title, terminal_width(), top),
        made_up_note(settings, years),
        board.columns,
        board.rows,
    )


@command("Show one battery.", click.argument("name"), click.argument("year", type=YEAR, required=False), FORMAT)
def battery(options: Options, name: str, year: int | None, form: Format) -> None:
    """Show one battery: its years, the months of one of them, its best days.

    NAME is its key on the leaderboard or any of its resource names. The table shows the months of YEAR, or of its latest year; csv has a row for each
    year and month; json has years, months and best days.
    """
    from bess_assets.cli import answers
    from bess_assets.results import Results

    settings = options.settings()
    with Results(settings) as results:
        found = results.battery(name, year)
    parts = {"years": found.years, "months": found.months, "best_days": found.best_days}
    show(
        form,
        lambda: answers.battery_lines(found, terminal_width()),
        made_up_note(settings, found.years.column("year")),
        *answers.years_and_months(found),
        {"battery": found.battery, **{name: part.records() for name, part in parts.items()}},
    )


@command("Show what moved between the last two editions of a year.", click.argument("year", type=YEAR), FORMAT)
def changes(options: Options, year: int, form: Format) -> None:
    """Show which batteries moved between the last two editions of a year's leaderboard, by how much, and because of which input.

    A board that differs from the last edition becomes a new one. The table also lists all editions kept; csv has a row for each battery that moved;
    json has both.
    """
    from bess_assets.cli import answers
    from bess_assets.results import Results

    settings = options.settings()
    with Results(settings) as results:
        editions, changed = results.editions(year), results.what_changed(year)
        problem = results.last_refresh_problem(year)
    if problem:
        echo_warning(f"the last refresh of {year} failed at {problem}; these editions are older.")
    kept = [{**row, "inputs": json.loads(row["inputs"])} for row in editions.records()]
    show(
        form,
        lambda: answers.changes_lines(year, editions, changed, terminal_width()),
        made_up_note(settings, [year]),
        changed.columns,
        changed.rows,
        {"year": year, "editions": kept, "what_changed": changed.records()},
    )


@command("Answer one SELECT over the result tables.", click.argument("query"), FORMAT)
def sql(options: Options, query: str, form: Format) -> None:
    """Answer one SELECT over the result tables, read-only.

    Each table is a view of its name; yearly ones begin with the column year. SHOW TABLES and DESCRIBE leaderboard work too. The query is stopped after
    BESS_QUERY_TIMEOUT seconds (default 30).
    """
    from bess_assets.cli import answers
    from bess_assets.results import Answer, Results

    settings = options.settings()
    with Results(settings) as results, results.stream(query) as (columns, rows):

        def lines() -> list[str]:
            answer = Answer(columns, list(islice(rows, answers.ROWS_SHOWN)))
            return answers.answer_lines(answer, terminal_width(), more=next(rows, None) is not None)

        show(form, lines, made_up_note(settings), columns, rows)


# --- the UI -----------------------------------------------------------------------------------------------------------


@command(
    "Open Dagster's UI on this machine.",
    click.option("--port", type=click.IntRange(1, 65535), default=_PORT, help="Port on 127.0.0.1."),
)
def ui(options: Options, port: int) -> None:
    """Open Dagster's UI on this machine, with these settings: it shows the runs of `bess refresh`, and can refresh years itself."""
    from bess_assets.automation.door import serve

    settings = options.settings()
    click.echo(f"Dagster UI: http://127.0.0.1:{port}   (Ctrl-C stops it)")
    sys.stdout.flush()
    serve(settings, port)
