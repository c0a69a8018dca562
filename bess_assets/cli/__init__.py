"""`bess`: the command line.

Belongs here: commands, their options, what they print, exit codes.
Does not: finding, computing or laying out what they print. Each command imports what it needs when it runs: `bess leaderboard` loads click and DuckDB alone.

Exit codes: 0 done, 1 a year failed, 2 something the user can put right, 130 stopped by Ctrl-C.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import click

from bess_assets.errors import BessError

if TYPE_CHECKING:
    from bess_assets.demo import Market
    from bess_assets.refresh import Outcome, Progress
    from bess_assets.settings import Settings

Format = Literal["table", "csv", "json"]

_DEMO_YEARS = "2024,2025,2026"
_BATTERIES = 12
_SEED = 1
_PORT = 3000
_WIDTH_UNLESS_A_TERMINAL = 120
_YEAR_RANGE = re.compile(r"(\d{4})(?:-(\d{4}))?")


@dataclass
class Options:
    """What holds for every command.

    Attributes:
        home: value of `--home`, if given.
        debug: True if an error shows where it arose.
    """

    home: str | None = None
    debug: bool = False

    def settings(self) -> "Settings":
        """Settings from the flag and the environment, read now."""
        from bess_assets.settings import load_settings  # noqa: PLC0415  each command loads what it needs

        return load_settings(self.home)


class _Bess(click.Group):
    """The group: prints the package's own errors plainly, and ends quietly when the reader of a pipe has gone."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; its error becomes a message and an exit code."""
        if sys.stdout.encoding.lower().replace("-", "") != "utf8" and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BessError as error:
            if ctx.ensure_object(Options).debug:
                raise
            _echo_error(str(error))
            if type(error).__name__ == "StillRunningError":
                # DuckDB is busy in a thread that nothing can stop: an orderly end would wait for it, or complain.
                sys.stderr.flush()
                os._exit(2)
            ctx.exit(2)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(130)
        return result

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order in which one comes to need them."""
        del ctx
        return list(self.commands)


class _Years(click.ParamType[tuple[int, ...]]):
    """`2024`, `2021-2024` or `2024,2025` as years, ascending."""

    name = "years"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Years of one word of the command line."""
        if isinstance(value, tuple):
            return value
        years: set[int] = set()
        for part in str(value).split(","):
            match = _YEAR_RANGE.fullmatch(part.strip())
            if not match:
                self.fail(f"{part!r} is no year; write 2024, 2021-2024 or 2024,2025.", param, ctx)
            first, last = int(match[1]), int(match[2] or match[1])
            if first > last:
                self.fail(f"{part!r} runs backwards; write {last}-{first}.", param, ctx)
            years.update(range(first, last + 1))
        return tuple(sorted(years))


def _set_home(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Options).home = value


def _set_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.ensure_object(Options).debug:
        import logging  # noqa: PLC0415  only where somebody looks for an error

        ctx.ensure_object(Options).debug = True
        logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
        logging.getLogger("bess_assets").setLevel(logging.DEBUG)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import bess_assets  # noqa: PLC0415  its version is looked up when asked for

        click.echo(f"bess {bess_assets.__version__}")
        ctx.exit()


def _home_and_debug(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options taken before and after the name of a command."""
    home = click.option(
        "--home",
        type=click.Path(file_okay=False),
        metavar="DIR",
        expose_value=False,
        callback=_set_home,
        is_eager=True,
        help="Folder of everything of ours; else BESS_HOME, else ./bess_home.",
    )
    debug = click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=_set_debug,
        is_eager=True,
        help="Show where an error arose.",
    )
    return home(debug(command))


_format = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="csv and json hold every column at full precision; an unknown value is empty or null.",
)


@click.group(cls=_Bess, name="bess", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@_home_and_debug
@click.option(
    "--version", is_flag=True, expose_value=False, callback=_print_version, is_eager=True, help="Show the version."
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """What every ERCOT battery earned: annual rollups in, an audited leaderboard out.

    Put rollups at <home>/rollups, or name their folder in BESS_ROLLUPS. Then: bess refresh, bess leaderboard 2024. To see it with made-up data first:
    bess demo.
    """
    ctx.ensure_object(Options)


# --- a made-up market ---------------------------------------------------------------------------------------------------------------------


@main.command(short_help="See it all with made-up data: simulate, settle, show.")
@click.option("--batteries", type=click.IntRange(1), default=_BATTERIES, show_default=True, help="How many batteries.")
@click.option("--years", type=_Years(), default=_DEMO_YEARS, show_default=True, help="Years from 2019 to 2026.")
@_home_and_debug
@click.pass_obj
def demo(options: Options, batteries: int, years: tuple[int, ...]) -> None:
    """Simulate a market, settle every year of it, show the leaderboard.

    Safe to repeat: what is there already is not made again. Never touches rollups or results that it did not make; BESS_ROLLUPS and BESS_RESULTS are
    not looked at.
    """
    from bess_assets.demo import DEMO_LAST_DAY, Market, demo_settings, refuse_a_home_in_use  # noqa: PLC0415
    from bess_assets.store.paths import report_files  # noqa: PLC0415
    from bess_assets.store.status import plan_year  # noqa: PLC0415
    from bess_assets.tables import LEADERBOARD_REPORT  # noqa: PLC0415

    settings = demo_settings(options.home)
    refuse_a_home_in_use(settings)
    _simulate(settings.home, Market(years, batteries, _SEED, "harmless", last_day=DEMO_LAST_DAY))
    waiting = [year for year in years if plan_year(settings, year).state != "present"]
    outcomes = _refresh(settings, waiting, None)
    if waiting:
        click.echo("")
        _echo_outcomes(outcomes)
    good = [year for year in years if not any(o.year == year and o.state == "failed" for o in outcomes)]
    for year in good[-1:]:
        click.echo("")
        _echo_leaderboard(settings, _Period(year, None, None), None, None, "table")
    flag = (
        ""
        if settings.home == Options().settings().home and not _outside_settings()
        else f"--home {_shell_word(settings.home)} "
    )
    click.echo("")
    click.echo(
        f"Made-up data. Results: {settings.results}/<table>/<year>.parquet; the simulator's own answer: {settings.home / 'truth'}"
    )
    for year in good[-1:]:
        click.echo(f"The page, for any browser: {report_files(settings.results, LEADERBOARD_REPORT, year)[0]}")
    click.echo(f"Another year: bess {flag}leaderboard {years[0]}")
    click.echo(f"In the browser: bess {flag}ui")
    _exit_if_failed(outcomes)


@main.command(short_help="Write the rollups or reports of a made-up market.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--years", type=_Years(), default=_DEMO_YEARS, show_default=True, help="Years from 2019 to 2026.")
@click.option(
    "--batteries",
    type=click.IntRange(1),
    default=_BATTERIES,
    show_default=True,
    help="How many batteries; from 12 up every awkward case is among them.",
)
@click.option(
    "--seed",
    type=int,
    default=_SEED,
    show_default=True,
    help="Another seed, another market; the same seed, the same files.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["rollups", "reports"]),
    default="rollups",
    show_default=True,
    help="rollups: yearly Parquet files. reports: ERCOT's own files, CSV and ZIP, a day each. The same rows either way.",
)
@click.option(
    "--hazards",
    type=click.Choice(["none", "harmless", "wild"]),
    default="harmless",
    show_default=True,
    help="none: clean files. harmless: awkward ones that still hold everything. wild: files that lack columns, as real ones do.",
)
@click.option(
    "--scale",
    type=click.Choice(["small", "ercot"]),
    default="small",
    show_default=True,
    help="ercot: the size of ERCOT's own 2024 or 2026, 120 million rows a year and about 240 or 340 batteries, for measuring. Takes minutes and 2 GB.",
)
@_home_and_debug
@click.pass_context
def simulate(
    ctx: click.Context,
    folder: Path,
    years: tuple[int, ...],
    batteries: int,
    seed: int,
    form: Literal["rollups", "reports"],
    hazards: Literal["none", "harmless", "wild"],
    scale: Literal["small", "ercot"],
) -> None:
    """Write the rollups or reports of a made-up market, and the right answer for them.

    Rollups go to DIR/rollups, reports to DIR/reports, the answer to DIR/truth/leaderboard_<year>.csv: what the published rows are worth, reckoned row by
    row and not by this package's settlement code.

    With --scale ercot: rollups only, of 2024, 2026 or both (--years, 2024 if not given), with rows in time order and awkward but whole; --batteries and
    --hazards cannot be chosen. The right answer holds every battery, reckoned on whole arrays, and again not by the settlement code. The SCED files of
    2026 hold storage only.
    """
    from bess_assets.demo import Market  # noqa: PLC0415

    folder = folder.absolute()
    if scale == "ercot":
        years = _real_size_years(ctx, years, form, hazards)
    if _simulate(folder, Market(years, batteries, seed, hazards, form, scale)):
        click.echo(f"{form.capitalize()}: {folder / form}")
    else:
        click.echo(f"That market is there already: {folder / form}")
    click.echo(f"The right answer: {folder / 'truth'}")
    settle = f"bess --home {_shell_word(folder)} refresh"
    first = "" if form == "rollups" else f"bess --home {_shell_word(folder)} rollup && "
    click.echo(f"Settle it with: {first}{settle}")


def _real_size_years(ctx: click.Context, years: tuple[int, ...], form: str, hazards: str) -> tuple[int, ...]:
    """The years of `--scale ercot`, which goes with few other options."""
    from bess_assets.simulator import REAL_SIZE_YEARS  # noqa: PLC0415

    def given(name: str) -> bool:
        return ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT

    if form != "rollups":
        raise click.UsageError("--scale ercot writes rollups only, not --format reports.")
    if hazards != "harmless":
        raise click.UsageError(f"--scale ercot writes files as awkward as --hazards harmless, not {hazards}.")
    if given("batteries"):
        raise click.UsageError("--scale ercot has as many batteries as there were: leave out --batteries.")
    if not given("years"):
        return REAL_SIZE_YEARS[:1]
    if set(years) - set(REAL_SIZE_YEARS):
        known = " and ".join(map(str, REAL_SIZE_YEARS))
        raise click.UsageError(f"--scale ercot knows the size of {known} only: --years {','.join(map(str, years))}.")
    return years


# --- ERCOT's own reports -------------------------------------------------------------------------------------------------------------------


@main.command(short_help="Turn ERCOT's report files into annual rollups.")
@click.argument("reports", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--year", "years", type=_Years(), multiple=True, metavar="YEAR", help="Only these delivery years: 2024, 2021-2024."
)
@_home_and_debug
@click.pass_obj
def rollup(options: Options, reports: Path | None, years: tuple[tuple[int, ...], ...]) -> None:
    """Turn ERCOT's report files into annual rollups at <home>/built, as far as they are new.

    REPORTS (else BESS_REPORTS) is searched with all its subfolders for CSV files, plain, in ZIPs and in ZIPs of ZIPs; a report is told by its name and its
    headings. Years that your own rollups (BESS_ROLLUPS) hold are left out. Beside each rollup stands a manifest of its reports. A file that cannot be used
    is named and stops nothing; then the exit code is 1.
    """
    from bess_assets.cli import show_rollups  # noqa: PLC0415
    from bess_assets.run import roll_up_reports  # noqa: PLC0415

    settings = options.settings()
    wanted = sorted({year for group in years for year in group})
    folder = None if reports is None else reports.absolute()
    with _long_work() as tell:

        def told(done: int, total: int, what: str) -> None:
            tell(f"{done + 1:,} of {total:,} files: {what}" if done < total else what, finished=True)

        done = roll_up_reports(settings, folder, wanted or None, progress=told)
    _echo(show_rollups.rollup_lines(done, _width()))
    if done.built:
        click.echo(f"Rollups and their manifests: {settings.built}")
    if done.refused or any(built.manifest["refused"] for built in done.built):
        sys.exit(1)


# --- settling years -----------------------------------------------------------------------------------------------------------------------


@main.command(short_help="Settle years from their rollups.")
@click.argument("years", metavar="[YEAR]...", type=_Years(), nargs=-1)
@click.option(
    "--only",
    type=click.Choice(["missing", "failed", "changed"]),
    help="Only tables in this state, and what is made from them. Default: every table of these years.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be refreshed, and why; refresh nothing.")
@_home_and_debug
@click.pass_obj
def refresh(
    options: Options,
    years: tuple[tuple[int, ...], ...],
    only: Literal["missing", "failed", "changed"] | None,
    dry_run: bool,
) -> None:
    """Settle years from their rollups: 2024, 2021-2024; without a year, all that have rollups.

    Makes the result tables and, from them, each year's page and workbook at <results>/leaderboard_report/<year>. Runs in this process, through the same
    Dagster jobs and instance as the UI. A year that fails does not stop the next; then the exit code is 1.
    """
    from bess_assets.store.status import years_available, years_known  # noqa: PLC0415

    settings = options.settings()
    wanted = sorted({year for group in years for year in group})
    _refuse_other_years(wanted)
    if not wanted:
        wanted = years_known(settings) if only in {"failed", "changed"} else years_available(settings)
    if not wanted:
        raise BessError(
            "There are no rollups to settle.",
            file=settings.rollups,
            expected="files such as DAM_Gen_Resources/2024.parquet",
            remedy="Name the folder of your rollups in BESS_ROLLUPS; or build them from ERCOT's reports: bess rollup FOLDER; "
            "or try a made-up market: bess demo",
        )
    if dry_run:
        _echo_plans(settings, wanted, only)
        return
    outcomes = _refresh(settings, wanted, only)
    click.echo("")
    _echo_outcomes(outcomes)
    _exit_if_failed(outcomes)


@main.command(short_help="Show settings, the state of each table, what the data lack.")
@click.argument("datasets", metavar="[DATASET]...", nargs=-1)
@click.option("--columns", is_flag=True, help="Show instead which columns the rollups of each year have.")
@click.option(
    "--storage",
    is_flag=True,
    help="Show instead what the rollups take beside their CSV, and how long both take to load.",
)
@_home_and_debug
@click.pass_obj
def status(options: Options, datasets: tuple[str, ...], columns: bool, storage: bool) -> None:
    """Show the settings, the state of every table of every year, and what is missing from the data.

    With --columns: the matrix of dataset, column and year, and when a column appeared, vanished, or changed its type or heading; of the datasets named
    every column, else of all datasets those that matter.
    """
    from bess_assets.cli import show_state  # noqa: PLC0415
    from bess_assets.store.status import new_reports, plan_merged, plan_years, years_known  # noqa: PLC0415
    from bess_assets.text_tables import listed  # noqa: PLC0415

    settings = options.settings()
    if columns:
        _echo_columns(settings, datasets)
        return
    if datasets:
        raise BessError(
            "Datasets are named for their columns.", remedy=f"Run: bess status --columns {' '.join(datasets)}"
        )
    news = new_reports(settings)
    years = years_known(settings, news)
    if storage:
        from bess_assets.cli import show_rollups  # noqa: PLC0415

        _echo(
            [*show_rollups.storage_lines(settings, years, _width()), "", *show_state.storage_lines(settings, _width())]
        )
        return
    _echo(show_state.settings_lines(settings, os.environ))
    if not years:
        click.echo("")
        click.echo(
            "No year has rollups or results yet. Name the folder of your rollups in BESS_ROLLUPS, or try a made-up market: bess demo"
        )
        return
    click.echo("")
    _echo(show_state.status_lines(plan_years(settings, years, news), plan_merged(settings), _width()))
    for words, files in (
        ("report files that were rolled up are gone; their rows stay in the rollups", news.gone),
        ("new report files cannot be opened; bess rollup says why", news.unreadable),
    ):
        if files:
            _echo_warning(f"{len(files)} {words}: {listed(files)}")


@main.command(short_help="Settle a year again straight from the CSV reports, and compare.")
@click.argument("year", type=click.IntRange(1000, 9999))
@_format
@_home_and_debug
@click.pass_obj
def compare_csv(options: Options, year: int, form: Format) -> None:
    """Settle a refreshed year a second time, straight from ERCOT's CSV reports in BESS_REPORTS, and compare its revenue with the results.

    The second settlement shares no code with the first: it validates, and nothing is written. Batteries that differ by more than a cent are shown. Exit
    code 1 if one differs by more than 0.1 % of its revenue or a report cannot be read.
    """
    from bess_assets.second_settlement import words  # noqa: PLC0415
    from bess_assets.second_settlement.compare import compare_reports  # noqa: PLC0415
    from bess_assets.text_tables import csv_lines, json_text  # noqa: PLC0415

    with _long_work() as tell:
        comparison = compare_reports(options.settings(), year, lambda text, finished: tell(text, finished=finished))
    if form == "csv":
        click.echo(words.comparison_lines(comparison, _width())[0], err=True)
        _echo(csv_lines(words.COLUMNS, words.rows(comparison)))
    elif form == "json":
        click.echo(json_text(words.as_record(comparison)))
    else:
        _echo(words.comparison_lines(comparison, _width()))
    if not comparison.agrees:
        sys.exit(1)


# --- answers ------------------------------------------------------------------------------------------------------------------------------


@main.command(short_help="Show who earned most.")
@click.argument("year", type=click.IntRange(1000, 9999), required=False)
@click.option("--month", type=click.IntRange(1, 12), help="One month of it.")
@click.option("--from", "first", metavar="DAY", help="Any days instead of a year: the first, as 2024-08-19.")
@click.option("--to", "last", metavar="DAY", help="The last of these days, itself included.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Order by this column: numbers highest first, rank lowest first, texts and days ascending. Default: by rank, then those not ranked.",
)
@click.option("--top", type=click.IntRange(1), metavar="N", help="Only the first N.")
@_format
@_home_and_debug
@click.pass_obj
def leaderboard(
    options: Options,
    year: int | None,
    month: int | None,
    first: str | None,
    last: str | None,
    sort: str | None,
    top: int | None,
    form: Format,
) -> None:
    """Show who earned most in a year, in one of its months, or from one day to another.

    Batteries that cannot be ranked fairly stand below a rule, with the reason. json holds texts exactly; in csv one that a spreadsheet would take for a
    formula has a single quote in front. Days (--from, --to) are ranked by the rules of a month.
    """
    period = _asked_period(year, month, first, last)
    _echo_leaderboard(options.settings(), period, sort, top, form)


@main.command(short_help="Show one battery.")
@click.argument("name")
@click.argument("year", type=click.IntRange(1000, 9999), required=False)
@_format
@_home_and_debug
@click.pass_obj
def battery(options: Options, name: str, year: int | None, form: Format) -> None:
    """Show one battery: its years, the months of one of them, its best days.

    NAME is its key on the leaderboard or any of its resource names. The table shows the months of YEAR, or of its latest year; csv holds a row for each
    year and month; json holds years, months and best days.
    """
    from bess_assets.cli import show  # noqa: PLC0415
    from bess_assets.results import Results  # noqa: PLC0415
    from bess_assets.text_tables import csv_lines, json_text  # noqa: PLC0415

    with Results(options.settings()) as results:
        found = results.battery(name, year)
    if form == "table":
        _echo(show.battery_lines(found, _width()))
    elif form == "csv":
        _echo(csv_lines(*show.years_and_months(found)))
    else:
        parts = {"years": found.years, "months": found.months, "best_days": found.best_days}
        click.echo(json_text({"battery": found.battery, **{name: part.records() for name, part in parts.items()}}))


@main.command(short_help="Show what moved between the last two editions of a year.")
@click.argument("year", type=click.IntRange(1000, 9999))
@_format
@_home_and_debug
@click.pass_obj
def changes(options: Options, year: int, form: Format) -> None:
    """Show what moved between the last two editions of a year's leaderboard, by how much, and because of which input.

    A board that differs from the last one becomes a new edition. The table also lists all editions kept; csv holds a row for each battery that moved;
    json holds both.
    """
    import json  # noqa: PLC0415

    from bess_assets.cli import show  # noqa: PLC0415
    from bess_assets.results import Results  # noqa: PLC0415
    from bess_assets.text_tables import csv_lines, json_text  # noqa: PLC0415

    with Results(options.settings()) as results:
        editions, changed = results.editions(year), results.what_changed(year)
        problem = results.last_refresh_problem(year)
    if problem:
        _echo_warning(f"the last refresh of {year} failed at {problem}; these editions are older.")
    if form == "table":
        _echo(show.changes_lines(year, editions, changed, _width()))
    elif form == "csv":
        _echo(csv_lines(changed.columns, changed.rows))
    else:
        kept = [{**row, "inputs": json.loads(row["inputs"])} for row in editions.records()]
        click.echo(json_text({"year": year, "editions": kept, "what_changed": changed.records()}))


@main.command(short_help="Answer one SELECT over the result tables.")
@click.argument("query")
@_format
@_home_and_debug
@click.pass_obj
def sql(options: Options, query: str, form: Format) -> None:
    """Answer one SELECT over the result tables, read-only.

    Each table is a view of its name; yearly ones have the column year in front. SHOW TABLES and DESCRIBE leaderboard work too. The query is stopped
    after BESS_QUERY_TIMEOUT seconds (default 30).
    """
    from itertools import islice  # noqa: PLC0415

    from bess_assets.cli import show  # noqa: PLC0415
    from bess_assets.results import Answer, Results  # noqa: PLC0415
    from bess_assets.text_tables import csv_lines, json_text  # noqa: PLC0415

    with Results(options.settings()) as results, results.stream(query) as (columns, rows):
        if form == "csv":
            _echo(csv_lines(columns, rows))
        elif form == "json":
            click.echo(json_text(Answer(columns, list(rows)).records()))
        else:
            first = list(islice(rows, show.ROWS_SHOWN))
            _echo(show.answer_lines(Answer(columns, first), _width(), more=next(rows, None) is not None))


@main.command(short_help="Open Dagster's UI on this machine.")
@click.option("--port", type=click.IntRange(1, 65535), default=_PORT, show_default=True, help="Port on 127.0.0.1.")
@_home_and_debug
@click.pass_obj
def ui(options: Options, port: int) -> None:
    """Open Dagster's UI on this machine, with these settings: it shows what `bess refresh` did, and can refresh years itself."""
    from bess_assets.refresh import ui_command  # noqa: PLC0415

    command, environment = ui_command(options.settings(), port)
    click.echo(f"Dagster UI: http://127.0.0.1:{port}   (Ctrl-C stops it)")
    sys.stdout.flush()
    # In the place of this process where the system can do that: signals then reach Dagster and nothing stands between.
    if hasattr(os, "execve") and os.name == "posix":
        os.execve(command[0], command, environment)
    import subprocess  # noqa: PLC0415

    sys.exit(subprocess.call(command, env=environment))  # noqa: S603  our own command


# --- printing -----------------------------------------------------------------------------------------------------------------------------


def _width() -> int:
    return shutil.get_terminal_size((_WIDTH_UNLESS_A_TERMINAL, 24)).columns


_COLOURS: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "heading": {"fg": "cyan"},
    "rule": {"dim": True},
    "warning": {"fg": "yellow"},
}


def _echo(lines: Iterable[str]) -> None:
    """Print lines, in colour where the reader is a terminal that wants it."""
    colours = _COLOURS if _wants_colour(sys.stdout) else {}
    for line in lines:
        style = colours.get(getattr(line, "role", ""))
        click.echo(click.style(line, **style) if style else line)


def _wants_colour(stream: Any) -> bool:
    """Colours are for terminals, and for those only whose user has not said no (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _echo_warning(text: str) -> None:
    from bess_assets.text_tables import one_line  # noqa: PLC0415

    line = one_line(f"warning: {text}")
    click.echo(click.style(line, **_COLOURS["warning"]) if _wants_colour(sys.stderr) else line, err=True)


def _echo_error(text: str) -> None:
    """Print an error; what it quotes from the data must not steer the terminal either."""
    from bess_assets.text_tables import one_line  # noqa: PLC0415

    label = click.style("error:", fg="red", bold=True) if _wants_colour(sys.stderr) else "error:"
    first, *more = map(one_line, text.split("\n"))
    click.echo("\n".join([f"{label} {first}", *more]), err=True)


class _Period(NamedTuple):
    """What a leaderboard is asked of: a year, one of its months, or any days."""

    year: int | None
    month: int | None
    days: tuple[str, str] | None


def _asked_period(year: int | None, month: int | None, first: str | None, last: str | None) -> _Period:
    """What was asked for.

    Raises:
        BessError: no period, half of one, or two.
    """
    if first is None and last is None:
        if year is None:
            raise BessError(
                "Which year?",
                expected="a year, or --from and --to",
                remedy="For example: bess leaderboard 2024, or: bess leaderboard --from 2024-08-19 --to 2024-08-21",
            )
        return _Period(year, month, None)
    if first is None or last is None or year is not None or month is not None:
        raise BessError(
            "--from and --to go together, and stand for the year and the month.",
            remedy="For example: bess leaderboard --from 2024-08-19 --to 2024-08-21",
        )
    return _Period(None, None, (first, last))


def _echo_leaderboard(settings: "Settings", period: _Period, sort: str | None, top: int | None, form: Format) -> None:
    from bess_assets.cli import show  # noqa: PLC0415
    from bess_assets.results import Results  # noqa: PLC0415
    from bess_assets.text_tables import csv_lines, json_text  # noqa: PLC0415

    most = None if form == "table" else top
    with Results(settings) as results:
        if period.days is not None:
            board = results.leaderboard_of_days(*period.days, sort=sort, top=most)
            years = range(int(period.days[0][:4]), int(period.days[1][:4]) + 1)
            title = " to ".join(dict.fromkeys(period.days))
        else:
            years = range(period.year or 0, (period.year or 0) + 1)
            board = results.leaderboard(years[0], period.month, sort=sort, top=most)
            title = str(years[0]) if period.month is None else f"{show.MONTHS[period.month - 1]} {years[0]}"
        failed = {year: results.last_refresh_problem(year) for year in years}
    for year, table in failed.items():
        if table:
            _echo_warning(
                f"the last refresh of {year} failed at {table}; these figures are older (bess status says more)."
            )
    if form == "csv":
        _echo(csv_lines(board.columns, board.rows))
    elif form == "json":
        click.echo(json_text(board.records()))
    else:
        _echo(show.board_lines(board, f"Leaderboard {title}", _width(), top))


def _echo_columns(settings: "Settings", names: Sequence[str]) -> None:
    from bess_assets.ercot.datasets import find_dataset  # noqa: PLC0415
    from bess_assets.report import schema_matrix  # noqa: PLC0415
    from bess_assets.results import Results  # noqa: PLC0415
    from bess_assets.store.status import plan_merged  # noqa: PLC0415

    datasets = [find_dataset(name).name for name in names]
    with Results(settings) as results:
        rows = results.column_availability().records()
    state = plan_merged(settings).tables["column_availability"]
    if state.state != "present":
        click.echo(
            f"warning: this matrix is older than the schemas it was merged from ({'; '.join(state.why)}): bess refresh makes it anew.",
            err=True,
        )
    wanted = [row for row in rows if not datasets or row["dataset"] in datasets]
    unread = [name for name in datasets if not any(row["dataset"] == name for row in rows)]
    _echo(schema_matrix.matrix_lines(wanted, _width(), every_column=bool(datasets)))
    for name in unread:
        click.echo(f"\n{name}: no year that has been refreshed has a file of it, and ERCOT published none then.")


def _echo_plans(
    settings: "Settings", years: Sequence[int], only: Literal["missing", "failed", "changed"] | None
) -> None:
    from bess_assets.cli import show_state  # noqa: PLC0415
    from bess_assets.store.capacity import lacking_room  # noqa: PLC0415
    from bess_assets.store.status import plan_years  # noqa: PLC0415

    plans = plan_years(settings, years)
    _echo(show_state.plan_lines(plans, only, _width()))
    for year, plan in zip(years, plans, strict=True):
        for lack in lacking_room(settings, year, plan.to_refresh(only)):
            _echo_warning(lack.problem)


def _echo_outcomes(outcomes: "Sequence[Outcome]") -> None:
    from bess_assets.cli import show_state  # noqa: PLC0415

    _echo(show_state.outcome_lines(outcomes, _width()))


def _refuse_other_years(years: Sequence[int]) -> None:
    """Say at once that a year is none of ours.

    Raises:
        BessError: a year before the first operating year, or one that has not begun.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from bess_assets.store.status import FIRST_YEAR  # noqa: PLC0415

    last = datetime.now(tz=UTC).year
    for year in years:
        if not FIRST_YEAR <= year <= last:
            raise BessError(f"{year} is no year that can be settled.", expected=f"{FIRST_YEAR} to {last}")


def _exit_if_failed(outcomes: "Iterable[Outcome]") -> None:
    if any(outcome.state == "failed" for outcome in outcomes):
        sys.exit(1)


def _outside_settings() -> bool:
    """Whether the environment names folders outside the home, so that a plain command would not look where a demo wrote."""
    return any(os.environ.get(name) for name in ("BESS_ROLLUPS", "BESS_RESULTS", "DAGSTER_HOME"))


def _shell_word(path: Path) -> str:
    import shlex  # noqa: PLC0415

    return shlex.quote(str(path))


# --- long work ----------------------------------------------------------------------------------------------------------------------------


def _simulate(folder: Path, market: "Market") -> bool:
    from bess_assets.demo import write_market  # noqa: PLC0415

    with _long_work() as tell:
        return write_market(folder, market, lambda text: tell(f"simulating {text}", finished=True))


def _refresh(
    settings: "Settings", years: Sequence[int], only: Literal["missing", "failed", "changed"] | None
) -> "list[Outcome]":
    from bess_assets.refresh import refresh_years  # noqa: PLC0415

    with _long_work() as tell:

        def told(step: "Progress") -> None:
            where = f"{step.year or 'all years'}: {step.table}"
            if step.rows is None:
                tell(f"{where}, {step.done} of {step.total} tables done", finished=False)
            else:
                tell(f"{where}, {step.rows:,} rows, {step.seconds:.1f} s", finished=True)

        return list(refresh_years(settings, years, only, told))


class _Tell(Protocol):
    def __call__(self, text: str, *, finished: bool) -> None: ...


@contextmanager
def _long_work() -> Iterator[_Tell]:
    """Says on the error stream how work goes: on a terminal one changing line, elsewhere a line for each thing finished."""
    if not sys.stderr.isatty():

        def write(text: str, *, finished: bool) -> None:
            if finished:
                click.echo(text, err=True)

        yield write
        return
    from rich.console import Console  # noqa: PLC0415  only for progress on a terminal

    with Console(stderr=True).status("starting", spinner="line") as line:

        def change(text: str, *, finished: bool) -> None:
            del finished
            line.update(text)

        yield change


if __name__ == "__main__":
    main(prog_name="bess")
