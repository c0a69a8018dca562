"""Settling years one after the other in this process, through the Dagster jobs and instance that the UI shows.

Belongs here: the loop over years, what each came to, the command that opens the UI.
Does not: what is missing or changed (store/status.py), the jobs (automation/), printing (cli.py). Dagster is imported when a year is settled and not before.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from bess_assets.errors import BessError, SettingsError
from bess_assets.settings import Settings
from bess_assets.store.capacity import check_room
from bess_assets.store.journal import CheckEntry, fail_unfinished, read_run
from bess_assets.store.locks import year_lock
from bess_assets.store.paths import result_years
from bess_assets.store.status import State, plan_merged, plan_year
from bess_assets.tables import TABLES

if TYPE_CHECKING:
    import dagster as dg

    from bess_assets.materialize import YearOutcome
    from bess_assets.run import StepEvent

LOCALHOST = "127.0.0.1"

_MONEY_TABLE = "leaderboard"
_COVERAGE_TABLE = "daily_revenue"


@dataclass(frozen=True)
class Progress:
    """How far a refresh has come.

    Attributes:
        year: the operating year; None while the years are merged.
        table: the table being made, or just finished.
        done: tables of the year that are done.
        total: tables of the year to be made.
        rows: rows of the table just finished; None while it is being made.
        seconds: what it took so far.
    """

    year: int | None
    table: str
    done: int
    total: int
    rows: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What the refresh of one year came to.

    Attributes:
        year: the operating year; None for the merging of all years.
        state: refreshed, failed, or nothing to do.
        seconds: how long it took.
        batteries: rows of its leaderboard.
        money_usd: sum of the total_usd that are known.
        coverage: share of the expected quarter-hours whose energy money is known.
        failed_checks: each check that failed, with its table; those that block first.
        error: why it failed.
        gone: files that it was made from and that are gone, so that what stands on them was left as it is.
    """

    year: int | None
    state: Literal["refreshed", "failed", "nothing to do"]
    seconds: float = 0.0
    batteries: int | None = None
    money_usd: float | None = None
    coverage: float | None = None
    failed_checks: tuple[tuple[str, CheckEntry], ...] = ()
    error: str | None = None
    gone: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The year as text."""
        return "all years" if self.year is None else str(self.year)


def refresh_years(
    settings: Settings,
    years: Sequence[int],
    only: State | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[Outcome]:
    """Refresh years in the order given, then merge all years once; a year that fails does not stop the next.

    Args:
        settings: where things are.
        years: operating years.
        only: tables in this state and what is made from them; None means every table.
        progress: told when a table is begun, goes on, and is finished.

    Yields:
        What each year came to as soon as it is known, then the merging, if a year was tried and there is something new to merge.
    """
    if not years:
        return
    from bess_assets.automation.dead_runs import bury_dead_runs  # noqa: PLC0415  loads Dagster
    from bess_assets.materialize import merge_years, open_instance  # noqa: PLC0415

    tried = False
    with open_instance(settings) as instance:
        bury_dead_runs(instance, settings)
        for year in years:
            outcome = _outcome(year, lambda year=year: _refresh_year(instance, settings, year, only, progress))  # type: ignore[misc]
            tried = tried or outcome.state != "nothing to do"
            yield outcome
        # A year that failed may have made what is merged before it did: the schemas, above all, say what ails its files.
        if tried and _can_merge(settings):
            merged = [name for name, table in TABLES.items() if table.merged]
            listener = _listener(None, merged, progress)
            yield _outcome(None, lambda: _of_run(settings, merge_years(instance, settings, listener)))


def _can_merge(settings: Settings) -> bool:
    """Whether a merged table is not up to date and there is a year to be merged."""
    names = {name for table in TABLES.values() if table.merged for name in table.upstream}
    there = any(result_years(settings.results, name) for name in names)
    return there and plan_merged(settings).state != "present"


def _refresh_year(
    instance: "dg.DagsterInstance",
    settings: Settings,
    year: int,
    only: State | None,
    progress: Callable[[Progress], None] | None,
) -> Outcome:
    from bess_assets.materialize import materialize_year, register_rollups  # noqa: PLC0415  loads Dagster

    with year_lock(settings, year):
        fail_unfinished(settings.results, year)
        plan = plan_year(settings, year)
        tables = plan.to_refresh(only)
        if not tables:
            return Outcome(year, "nothing to do", gone=plan.gone)
        check_room(settings, year, tables)
        selection = None if only is None else [*plan.datasets_of(tables), *tables]
        run = materialize_year(instance, settings, year, selection, _listener(year, tables, progress))
        # The files of the next publication year are read by this one, and may lie beyond the last year that Dagster knows.
        register_rollups(instance, settings, year + 1)
        return replace(_of_run(settings, run), gone=() if only is None else plan.gone)


def _outcome(year: int | None, work: Callable[[], Outcome]) -> Outcome:
    """What some work came to, and how long it took; an error becomes a failed outcome, so that the next year has its turn."""
    started = time.perf_counter()
    try:
        outcome = work()
    except BessError as error:
        outcome = Outcome(year, "failed", error=str(error))
    except Exception as error:  # noqa: BLE001  whatever ails one year must not stop the next
        outcome = Outcome(year, "failed", error=f"{type(error).__name__}: {error}")
    return replace(outcome, seconds=time.perf_counter() - started)


def _of_run(settings: Settings, run: "YearOutcome") -> Outcome:
    failed = [(a.name, check) for a in run.assets.values() for check in a.checks if not check["passed"]]
    checks = tuple(sorted(failed, key=lambda item: not item[1]["blocking"]))
    if not run.ok:
        return Outcome(run.year, "failed", failed_checks=checks, error=_why_failed(run))
    if run.year is None:
        return Outcome(None, "refreshed", failed_checks=checks)
    tables = read_run(settings.results, run.year)["tables"]
    board, daily = tables.get(_MONEY_TABLE), tables.get(_COVERAGE_TABLE)
    return Outcome(
        run.year,
        "refreshed",
        batteries=board["rows"] if board else None,
        money_usd=board["money_usd"] if board else None,
        coverage=daily["coverage"] if daily else None,
        failed_checks=checks,
    )


def _why_failed(run: "YearOutcome") -> str:
    reasons = [f"{a.name}: {a.error}" for a in run.assets.values() if a.status == "failed"]
    skipped = [a.name for a in run.assets.values() if a.status == "skipped"]
    if run.error:
        reasons.append(run.error)
    if skipped:
        reasons.append(f"not made, for want of these: {', '.join(skipped)}")
    return "\n".join(reasons)


def _listener(
    year: int | None, tables: Sequence[str], progress: Callable[[Progress], None] | None
) -> "Callable[[StepEvent], None] | None":
    if progress is None:
        return None
    finished: set[str] = set()

    def listen(event: "StepEvent") -> None:
        if event.name not in tables:
            return  # rollups are registered in no time
        if event.kind == "done":
            finished.add(event.name)
        rows = event.rows if event.kind == "done" else None
        progress(Progress(year, event.name, len(finished), len(tables), rows, event.seconds))

    return listen


def ui_command(settings: Settings, port: int) -> tuple[list[str], dict[str, str]]:
    """The command that serves Dagster's UI on this machine with these settings, and its environment.

    The code location is named as a module, so that it works from any folder, installed or not.

    Raises:
        SettingsError: something else listens on that port.
    """
    from bess_assets.automation.dagster_home import ensure_dagster_home  # noqa: PLC0415

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError as error:
            raise SettingsError(
                f"Port {port} is taken by another program, perhaps by an earlier bess ui.",
                remedy=f"Name another: bess ui --port {port + 1}",
            ) from error
    ensure_dagster_home(settings)
    place = ["--host", LOCALHOST, "--port", str(port)]
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "bess_assets.definitions", *place]
    return command, {**os.environ, **settings.environment()}
