"""What assets, jobs and sensors share: operating years as partitions, the spec of a check, and the resource that holds a run's year to its last step."""

import warnings
from collections.abc import Generator, Iterable
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr

from bess_assets.ercot.rollup_names import BATTERY_TABLE
from bess_assets.run import MERGES, HeldYear, hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import fingerprint
from bess_assets.store.journal import RunRecord
from bess_assets.store.listing import year_name
from bess_assets.store.locks import name_of_results
from bess_assets.store.places import bring_in, bring_results
from bess_assets.store.roll_up import version_now
from bess_assets.store.status import FIRST_YEAR
from bess_assets.tables import ASKED_FOR, YEARLY

HOLDING_TAG = "bess/holds_year"
"""On a run: the year whose lock it holds, and `RELEASED` from when it gave it back.

An unfinished run that says so while another process holds the lock is dead: see `automation.runs`.
"""
HOLDER_TAG = "bess/held_by"
"""On the same run: its own number. A run that is started again inherits the tags of the one before, and holds nothing yet."""
RELEASED = "released"
RESULTS_TAG = "bess/results"
"""On the same run: the name of the results that it writes. Whether a run on other results is alive cannot be seen here."""
_DATA_VERSION_TAG = "dagster/data_version"  # as Dagster writes it for `MaterializeResult(data_version=)`

operating_years = dg.TimeWindowPartitionsDefinition(
    start=str(FIRST_YEAR),
    fmt="%Y",
    cron_schedule="0 0 1 1 *",
    timezone="America/Chicago",
    end_offset=1,  # without it a year exists only once it is over
)
"""All yearly assets and checks share it: Dagster maps years to years only between definitions of one kind and time zone."""


def partition_exists(year: int) -> bool:
    """Whether the year has a partition today: next year has none."""
    return operating_years.has_partition_key(str(year))


def check_spec(
    name: str,
    asset: str,
    description: str,
    partitions: dg.PartitionsDefinition[str] | None = operating_years,
    *,
    blocking: bool = False,
) -> dg.AssetCheckSpec:
    """A check of an asset. Without the partitions of its asset it would load all years, and fail where one is missing."""
    with warnings.catch_warnings():
        # the only kind of check that works on yearly assets (pinned below 1.14, and by tests): the warning asks nothing of a user
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name, asset=asset, description=description, blocking=blocking, partitions_def=partitions
        )


class Warehouse(dg.ConfigurableResource["Warehouse"]):
    """The settings, and within a run the year held, so that two refreshes cannot mix.

    Attributes:
        environment: `BESS_*` variables to use instead of the process's own; empty means the environment at the time of use.
    """

    environment: dict[str, str] = {}
    _held: HeldYear = PrivateAttr()

    def settings(self) -> Settings:
        """The settings, read now."""
        return load_settings(environ=self.environment or None)

    def settings_of_all_years(self) -> Settings:
        """The same, once the copies of what lies in object stores are up to date, of inputs and results: for who looks at all years."""
        settings = self.settings()
        bring_in(settings)
        bring_results(settings)
        return settings

    @property
    def held(self) -> HeldYear:
        """The year that the run holds."""
        return self._held

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Warehouse", None, None]:
        """Hold the year while the run uses this; outside a run hold nothing. A run on no year holds the merged tables.

        Raises:
            YearBusyError: another process holds the year for too long.
            RoomError: the year would not fit into memory or onto the disk.
        """
        run, instance = context.run, context.instance
        if run is None or instance is None:
            yield self
            return
        keep_connections(instance)
        partition = run.tags.get("dagster/partition")
        year = int(partition) if partition else None
        # `bess refresh` has tagged its run, holds the year before it and after it
        launched = run.tags.get(HOLDER_TAG) != run.run_id
        with hold_year(self.settings(), year, wait_seconds=60) as self._held:
            if launched:
                instance.add_run_tags(run.run_id, holding_tags(self.settings(), year, run.run_id))
            try:
                show_inputs(instance, self.settings(), [self._held.journal.record])
                self._held.begin(tables_of(run, year))
                yield self
            finally:
                if launched:
                    # Before the lock is free: the next process to take it may fail every run that still says it holds it.
                    instance.add_run_tags(run.run_id, {HOLDING_TAG: RELEASED})


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let an instance whose history is in Postgres keep its connections, as Dagster's webserver does: else each of 1,700 statements opens one.

    On other storages nothing happens.
    """
    # of Postgres: milliseconds, seconds, connections
    instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3_600, max_overflow=20)


def holding_tags(settings: Settings, year: int | None, run_id: str) -> dict[str, str]:
    """The tags of a run that holds a year, None for the merged tables, of these results."""
    return {HOLDING_TAG: year_name(year), HOLDER_TAG: run_id, RESULTS_TAG: name_of_results(settings)}


def show_inputs(instance: dg.DagsterInstance, settings: Settings, records: Iterable[RunRecord]) -> None:
    """Show Dagster the content of the battery table, and of the rollups that some years have read and that it knows otherwise.

    Before a run, so that its tables are made from what Dagster knows; after it, so that Dagster's stale tables are those of `bess status` in other years.
    """
    battery_table = fingerprint(settings.registry_csv)["digest"] if settings.registry_csv else "absent"
    instance.report_runless_asset_event(
        dg.AssetMaterialization(asset_key=BATTERY_TABLE, tags={_DATA_VERSION_TAG: battery_table})
    )
    for record in records:
        for dataset, recorded in record["rollups"].items() if record["year"] else ():
            key, year = dg.AssetKey(dataset), record["year"] or 0
            latest = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[str(year)])
            shown = instance.fetch_materializations(latest, limit=1).records
            event = shown[0].asset_materialization if shown else None
            version = version_now(settings, dataset, year, recorded)
            if event and (event.tags or {}).get(_DATA_VERSION_TAG) != version:
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(key, partition=str(year), tags={_DATA_VERSION_TAG: version})
                )


def tables_of(run: dg.DagsterRun, year: int | None) -> list[str]:
    """Tables that a run is to make: those of its assets; where it names neither assets nor checks, all of the year, or all merged ones."""
    every = list(MERGES) if year is None else [*YEARLY, *ASKED_FOR]
    # An asset's step has its name. Dagster names the steps of a run in this process, and the assets of one that was launched.
    chosen = set(run.step_keys_to_execute or ()) or {key.path[-1] for key in run.asset_selection or ()}
    return [name for name in every if name in chosen] if chosen or run.asset_check_selection else every
