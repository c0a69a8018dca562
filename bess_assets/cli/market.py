"""Commands about a made-up market: `bess demo` and `bess simulate`."""

import os
import shlex
from pathlib import Path
from typing import Any

import click

from bess_assets.cli import Decorator, Options, command, long_work, parse_years
from bess_assets.cli.answers import show_leaderboard
from bess_assets.cli.years import exit_if_failed, refresh_with_progress, show_outcomes
from bess_assets.demo import (
    DEMO_LAST_DAY,
    Market,
    demo_settings,
    refuse_a_home_in_use,
    write_market,
    write_right_answer,
)
from bess_assets.results import Results
from bess_assets.simulator import REAL_SIZE_YEARS
from bess_assets.store.listing import yearly_files
from bess_assets.store.paths import files_of
from bess_assets.store.status import plan_year
from bess_assets.tables import LEADERBOARD_REPORT

_SEED = 1
_YEARS = click.option(
    "--years", type=parse_years, metavar="YEARS", default="2024,2025,2026", help="Years from 2019 to 2026."
)


def _batteries(text: str) -> Decorator:
    return click.option("--batteries", type=click.IntRange(1), default=12, help=text)


@command(_batteries("Number of batteries."), _YEARS)
def demo(options: Options, batteries: int, years: tuple[int, ...]) -> None:
    """Simulate a market up to August 2026, settle each year of it, show the leaderboard of the last.

    Safe to repeat: files that exist are not made again. It writes inside its home only, and refuses a home with rollups or results that it did not
    make; BESS_ROLLUPS and BESS_RESULTS are ignored.
    """
    settings = demo_settings(options.home)
    refuse_a_home_in_use(settings)
    if not yearly_files(settings.results, "leaderboard").keys() >= set(years):
        seconds = max(batteries * len(years), 10)
        click.echo(f"A market of {batteries} batteries over {len(years)} years takes about {seconds} s on two cores.")
    _simulate(settings.home, Market(years, batteries, _SEED, "flawless", last_day=DEMO_LAST_DAY))
    waiting = [year for year in years if plan_year(settings, year).state != "present"]
    outcomes = refresh_with_progress(settings, waiting) if waiting else []
    good = [year for year in years if not any(o.year == year and o.state == "failed" for o in outcomes)]
    for year in good[-1:]:
        click.echo("")
        show_leaderboard(settings, year)
    elsewhere = any(os.environ.get(name) for name in ("BESS_ROLLUPS", "BESS_RESULTS", "DAGSTER_HOME"))
    bess = "bess" if settings.home == Options().settings().home and not elsewhere else _bess_at(settings.home)
    click.echo(f"\nResults: {settings.results}/<table>/<year>.parquet")
    for year in good[-1:]:
        with Results(settings) as results:
            (best,) = results.leaderboard(year, top=1).column("battery")
        click.echo("Three things to try:")
        click.echo(f"  {'the page, by double click':<28}{files_of(settings.results, LEADERBOARD_REPORT, year)[0]}")
        click.echo(f"  {'one battery':<28}{bess} battery {best}")
        click.echo(f"  {'Dagster, in the browser':<28}{bess} ui")
    if outcomes:
        show_outcomes(settings, outcomes)
        exit_if_failed(outcomes)


@command(
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
        "--prices",
        type=click.Choice(["reports", "histories"]),
        default="reports",
        help="histories: reports whose prices lie in yearly histories and price corrections, not in a report a day.",
    ),
    click.option(
        "--hazards",
        type=click.Choice(["flawless", "none", "harmless", "wild"]),
        default="harmless",
        help="flawless: clean files, as bess demo has them. none: files in good form with gaps, blanks and pairs that cannot be told. "
        "harmless: awkward ones that lack no column. wild: files that lack columns, as real ones do.",
    ),
    click.option(
        "--scale",
        type=click.Choice(["small", "ercot"]),
        default="small",
        help="ercot: the size of ERCOT's own 2024 or 2026, 120 million rows a year and about 240 or 340 batteries, for measuring. Takes minutes and 2 GB.",
    ),
)
@click.pass_context
def simulate(ctx: click.Context, _options: Options, /, folder: Path, **market: Any) -> None:
    """Write the rollups or reports of a made-up market, and the right answer for them.

    Rollups go to DIR/rollups, reports to DIR/reports, the answer to DIR/truth/leaderboard_<year>.csv and leaderboard_monthly_<year>.csv: dollars,
    MWh and coverage of each battery by a second settlement, which shares no code with the first (bess compare-csv).

    --scale ercot writes rollups only, of 2024, 2026 or both (2024 if --years is not given), in time order and with harmless hazards; it takes neither
    --batteries nor --hazards. The SCED files of 2026 hold storage only.
    """
    folder, form = folder.absolute(), market["form"]
    if form == "rollups" and market["prices"] == "histories":
        raise click.UsageError("--prices histories goes with --format reports.")
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
    years_given, batteries_given = (
        ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT for name in ("years", "batteries")
    )
    known = " and ".join(map(str, REAL_SIZE_YEARS))
    years = years if years_given else REAL_SIZE_YEARS[:1]
    problems = (
        (form != "rollups", "writes rollups only, not --format reports."),
        (hazards != "harmless", f"writes files as awkward as --hazards harmless, not {hazards}."),
        (batteries_given, "has as many batteries as ERCOT had: leave out --batteries."),
        (set(years) - set(REAL_SIZE_YEARS), f"knows the size of {known} only: --years {','.join(map(str, years))}."),
    )
    if words := next((words for wrong, words in problems if wrong), None):
        raise click.UsageError(f"--scale ercot {words}")
    return years


def _simulate(folder: Path, market: Market) -> bool:
    with long_work() as tell:
        return write_market(folder, market, lambda text: tell(f"simulating {text}"))


def _bess_at(home: Path) -> str:
    return f"bess --home {shlex.quote(str(home))}"
