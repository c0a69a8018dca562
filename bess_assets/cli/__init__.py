"""`bess`, the command line: its commands, the options that all of them take, years, formats, exit codes, progress.

The module of a command is loaded when the command runs: `bess leaderboard` loads click and DuckDB alone. Exit codes: 0 done, 1 a year failed, 2 an error that
the user can correct, 130 stopped by Ctrl-C.
"""

import gc
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import click

from bess_assets.cli.render import echo, echo_error
from bess_assets.errors import BessError, write_error
from bess_assets.settings import Settings, load_settings
from bess_assets.text import csv_lines, json_text, one_line

Format = Literal["table", "csv", "json"]
Decorator = Callable[[Any], Any]

# Commands in the order of use: the module of each, whose function has its name, and what the help of `bess` says of it.
_COMMANDS = {
    "demo": ("market", "Try it with made-up data: simulate, settle, show."),
    "simulate": ("market", "Write the rollups or reports of a made-up market."),
    "start": ("fetch", "From ERCOT's site to the page: fetch, roll up, refresh."),
    "fetch": ("fetch", "Fetch ERCOT's report files."),
    "rollup": ("years", "Turn ERCOT's report files into annual rollups."),
    "refresh": ("years", "Settle years from their rollups."),
    "status": ("status", "Show settings, the state of each table, gaps in the data."),
    "verify": ("status", "Compare results and built rollups with their digests."),
    "compare-csv": ("compare", "Settle a year again from the CSV reports, and compare."),
    "reconcile": ("outside", "Show results beside totals of others."),
    "leaderboard": ("answers", "Show which batteries earned most."),
    "index": ("index", "Show what a kW earned: the fleet, or a class of it."),
    "battery": ("answers", "Show one battery."),
    "battery-table": ("table", "Print a battery table with zones and sites to start from."),
    "plot": ("plot", "Write a picture: stack, cumulative, day, duration, compare."),
    "changes": ("editions", "Show what moved between the last two editions of a year."),
    "rows": ("rows", "Show the rows that were left out or doubted."),
    "sql": ("rows", "Answer one SELECT over the result tables."),
    "site": ("site", "Write all years as static pages."),
    "serve": ("site", "Show all years on this machine, with a JSON API."),
    "ui": ("years", "Open Dagster's UI on this machine."),
}


@dataclass
class Options:
    """Options of every command: the value of `--home`, whether an error shows where it arose, and whether the copy of results was brought up to date."""

    home: str | None = None
    debug: bool = False
    brought: bool = False

    def settings(self) -> Settings:
        """Settings from the option and the environment, read now; the copy of results that are in an object store is up to date."""
        settings = load_settings(self.home)
        if settings.is_copy(settings.results) and not self.brought:
            from bess_assets.store.places import bring_results

            bring_results(settings)
            self.brought = True
        return settings

    def settings_with_inputs(self, years: Collection[int] | None = None) -> Settings:
        """The same, once the copies of inputs that lie in object stores are up to date: all of them, or what these years read."""
        settings = self.settings()
        if settings.copied:
            from bess_assets.store.places import bring_in

            with long_work() as tell:
                bring_in(settings, years, tell)
        return settings


class _Bess(click.Group):
    """Loads a command when it is used, prints the package's own errors without a traceback, ends quietly when the reader of a pipe has gone."""

    def invoke(self, ctx: click.Context) -> Any:
        if sys.stdout.encoding.lower().replace("-", "") != "utf8" and hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except (BessError, OSError) as error:
            told = error if isinstance(error, BessError) else write_error(error, Path(str(error.filename or "a file")))
            if told is None or ctx.ensure_object(Options).debug:
                raise
            echo_error(str(told))
            if type(error).__name__ == "StillRunningError":
                # DuckDB is busy in a thread that nothing can stop: an orderly end would wait for it.
                sys.stderr.flush()
                os._exit(2)
            ctx.exit(2)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(130)
        return result

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command itself, in whose place the group has its name and short help."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None:
            command = getattr(import_module(f"bess_assets.cli.{_COMMANDS[name][0]}"), name.replace("-", "_"))
        return name, command, rest


def parse_years(text: str) -> tuple[int, ...]:
    """Years of one word of the command line, `2024`, `2021-2024` or `2024,2025`, ascending."""
    found = set[int]()
    for part in text.split(","):
        if not (match := re.fullmatch(r"(\d{4})(?:-(\d{4}))?", part.strip())):
            raise click.BadParameter(f"{part!r} is no year; write 2024, 2021-2024 or 2024,2025.")
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise click.BadParameter(f"{part!r} runs backwards; write {last}-{first}.")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def all_years(_ctx: click.Context, _option: click.Parameter, given: Sequence[tuple[int, ...]]) -> list[int]:
    """The years of several words, ascending; for the `callback` of an option or argument of type `parse_years`."""
    return sorted({*chain(*given)})


def years_argument(metavar: str) -> Decorator:
    """The argument `years` of a command: any number of words of `parse_years`."""
    return click.argument("years", metavar=metavar, type=parse_years, nargs=-1, callback=all_years)


YEAR = click.IntRange(1000, 9999)


class _Harmless(logging.Formatter):
    """Messages name files of others: what steers a terminal is replaced in them as everywhere."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n".join(map(one_line, super().format(record).split("\n")))


def _keep(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Keep the value of an option in `Options`: it is accepted before and after the name of a command."""
    if value:
        setattr(ctx.ensure_object(Options), str(option.name), value)
        if option.name == "debug":
            logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
            logging.getLogger().handlers[0].setFormatter(_Harmless("%(levelname)s %(name)s: %(message)s"))
            logging.getLogger("bess_assets").setLevel(logging.DEBUG)


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from bess_assets.cli.version import version

        click.echo(f"bess {version()}")
        ctx.exit()


def _option(*names: str, callback: Callable[..., None] = _keep, **more: Any) -> Decorator:
    return click.option(*names, expose_value=False, is_eager=True, callback=callback, **more)


_HOME = _option(
    "--home",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Folder for rollups, results and the rest; else BESS_HOME, else ./bess_home.",
)
_DEBUG = _option("--debug", is_flag=True, help="Show where an error arose.")
FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    help="csv and json hold every column at full precision; an unknown value is empty or null.",
)


@click.group(
    cls=_Bess,
    name="bess",
    commands=[click.Command(name, short_help=help_text) for name, (_, help_text) in _COMMANDS.items()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
)
@_HOME
@_DEBUG
@_option("--version", is_flag=True, callback=_print_version, help="Show the version.")
@click.pass_context
def main(ctx: click.Context) -> None:
    """What each ERCOT battery earned: annual rollups of ERCOT's reports in, an audited leaderboard out.

    Put rollups at <home>/rollups, or name their folder in BESS_ROLLUPS. Then: bess refresh, bess leaderboard 2024. To try it with made-up data:
    bess demo.
    """
    ctx.ensure_object(Options)
    # A refresh makes a million objects that stay: looked through 1,300 times, they took half a second of a demo's thirty.
    gc.set_threshold(10_000)
    if logging.lastResort:
        logging.lastResort.setFormatter(_Harmless())
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        ctx.color = False  # elsewhere colours are for terminals (https://no-color.org)


def command(*parameters: Decorator) -> Decorator:
    """Make a function a command of `bess` with these arguments and options; its first argument is `Options`."""
    last_first = (_DEBUG, _HOME, *reversed(parameters))
    return lambda function: click.command(reduce(lambda made, add: add(made), last_first, click.pass_obj(function)))


def show(
    form: Format,
    lines: Iterable[str],
    note: str | None,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    json: Any = None,
) -> None:
    """Print an answer as lines with a note below them, as CSV, or as JSON, whose content is the rows by column if `json` is None."""
    if form == "csv":
        echo(csv_lines(columns, rows))
    elif form == "json":
        click.echo(json_text([dict(zip(columns, row, strict=True)) for row in rows] if json is None else json))
    else:
        echo(lines, note)


_QUIET_SECONDS = 5.0
"""Between two lines of progress where they are not written over."""
_FORESEEN = 0.05
"""Share of the work that must be done before the time left is said."""


@contextmanager
def long_work() -> Iterator[Callable[..., None]]:
    """Progress on the error stream: a function of a text and, where it is known, of the share of the work that is done, from 0 to 1.

    On a terminal it is one line that changes; elsewhere a line at first, and one every five seconds. The time left is said once some of the work is done.
    """
    begun = time.monotonic()

    def line(text: str, done: float | None) -> str:
        if done is None or not _FORESEEN <= done < 1:
            return one_line(text)
        left = (time.monotonic() - begun) * (1 - done) / done
        return one_line(f"{text}, about {f'{left / 60:,.0f} min' if left >= 90 else f'{left:.0f} s'} left")

    if sys.stderr.isatty():
        from rich.console import Console
        from rich.markup import escape

        with Console(stderr=True).status("starting", spinner="line") as status:
            yield lambda text, done=None: status.update(escape(line(text, done)))
        return
    said = -_QUIET_SECONDS

    def tell(text: str, done: float | None = None) -> None:
        nonlocal said
        if (now := time.monotonic() - begun) - said >= _QUIET_SECONDS:
            said = now
            click.echo(line(text, done), err=True)

    yield tell
