"""What assets and sensors are given: the settings, and the year held while a run works on it.

Belongs here: where rollups and results are, as a Dagster resource; taking the year lock for a run.
Does not: how the history of a run is written (assets/history.py), reading the environment (settings.py), the lock itself (store/locks.py), Parquet.
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager

import dagster as dg

from bess_assets.assets.history import quick_history
from bess_assets.settings import Settings, load_settings
from bess_assets.store.capacity import check_room
from bess_assets.store.journal import begin_run, end_run, fail_unfinished, remove_stale_files
from bess_assets.store.locks import year_lock
from bess_assets.tables import TABLES, YEARLY

ALL_YEARS = "all"
HOLDING_TAG = "bess/holds_year"
"""On a run: the year whose lock it holds, and `RELEASED` from when it gave it back.

An unfinished run that says so while somebody else holds the lock is dead: see `automation.dead_runs`.
"""

RELEASED = "released"

_WAIT_SECONDS = 60.0

_log = logging.getLogger(__name__)


def holding(year: int | None) -> str:
    """What `HOLDING_TAG` says of a run that holds this year; None is the merged tables."""
    return str(year or ALL_YEARS)


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """Where things are. A run on a year holds that year's lock from its first step to its last, so that two refreshes cannot mix.

    Attributes:
        environment: `BESS_*` variables to use instead of the process's own; empty means the environment at the time of use.
    """

    environment: dict[str, str] = {}

    def settings(self) -> Settings:
        """The settings, read now."""
        return load_settings(environ=self.environment or None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Warehouse", None, None]:
        """Hold the year while the run uses this; outside a run, and in a run on no year, hold nothing.

        Raises:
            YearBusyError: another process holds the year for too long.
            RoomError: the year would not fit into memory or onto the disk.
        """
        run, instance = context.run, context.instance
        if run is None or instance is None:
            yield self
            return
        settings = self.settings()
        partition = run.tags.get("dagster/partition")
        year = int(partition) if partition else None
        with year_lock(settings, year, wait_seconds=_WAIT_SECONDS) as first:
            if first:
                for path in remove_stale_files(settings, year):
                    _log.warning("removed %s, left half written by a run that died", path)
                for table in fail_unfinished(settings.results, year):
                    _log.warning("%s was not made by a run that died", table)
                instance.add_run_tags(run.run_id, {HOLDING_TAG: holding(year)})
            planned = tables_of(run, year)
            try:
                if year is not None:
                    check_room(settings, year, planned)
                if planned:
                    begin_run(settings.results, year, planned)
                with quick_history():
                    yield self
            finally:
                if planned:
                    end_run(settings.results, year)
                if first:
                    # Before the lock is free: whoever takes it next may fail every run that still says it holds it.
                    instance.add_run_tags(run.run_id, {HOLDING_TAG: RELEASED})


def tables_of(run: dg.DagsterRun, year: int | None) -> list[str]:
    """Tables that a run is to make: those of its assets; where it names neither assets nor checks, all of its kind.

    Args:
        run: as Dagster recorded it.
        year: the operating year; None for the merged tables.
    """
    every = [table.name for table in TABLES.values() if table.merged] if year is None else list(YEARLY)
    # An asset's step has its name. Dagster names the steps of a run in this process, and the assets of one that was launched.
    chosen = set(run.step_keys_to_execute or ()) or {key.path[-1] for key in run.asset_selection or ()}
    if chosen or run.asset_check_selection:
        return [name for name in every if name in chosen]
    return every
