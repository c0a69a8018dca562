"""The jobs: one year, the merging of all years, and the three that verify one.

Belongs here: what one run materializes or checks, and how it is executed.
Does not: when (sensors.py, schedules.py, materialize.py).
"""

from collections.abc import Collection

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from bess_assets.assets import freshness, rollups, tables, validation
from bess_assets.assets.partitions import operating_years
from bess_assets.tables import TABLES

REFRESH_YEAR = "refresh_year"
MERGE_YEARS = "merge_years"
VALIDATE_YEAR = "validate_year"
VERIFY_YEAR = "verify_year"
CHECK_FRESHNESS = "check_freshness"

_merged = dg.AssetSelection.assets(*(table.name for table in TABLES.values() if table.merged))
_second_road = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(validation.CHECKED_TABLE), validation.MATCHES_CSV))
_freshness = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(freshness.CHECKED_TABLE), freshness.DATA_ARE_RECENT))

refresh_year = dg.define_asset_job(
    REFRESH_YEAR,
    selection=dg.AssetSelection.all() - _merged - _second_road - _freshness,
    description="One year: registers or builds its rollups, then every table from the registry to the leaderboards.",
    executor_def=dg.in_process_executor,  # a process per step would take four times as long, and hold the year's lock against itself
)

merge_years = dg.define_asset_job(
    MERGE_YEARS,
    selection=_merged,
    description="Merges the tables of all years that there are.",
    executor_def=dg.in_process_executor,
)

verify_year = dg.define_asset_job(
    VERIFY_YEAR,
    selection=dg.AssetSelection.all() - _merged - _freshness,
    description="One year from its rollups once more, every table and every check, the second settlement from CSV reports included. "
    "The same inputs give the same bytes: what differs becomes a new edition.",
    executor_def=dg.in_process_executor,
)


def _of_one_check(name: str, selection: dg.AssetSelection, description: str) -> UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name,
        selection=selection,
        description=description,
        # A job takes its partitions from its assets, and this one has a check alone.
        config=dg.PartitionedConfig(partitions_def=operating_years, run_config_for_partition_key_fn=lambda _year: {}),
        executor_def=dg.in_process_executor,
    )


validate_year = _of_one_check(
    VALIDATE_YEAR,
    _second_road,
    "Settles a refreshed year a second time, straight from ERCOT's CSV reports, and compares. Reads everything again: it takes long.",
)

check_freshness = _of_one_check(
    CHECK_FRESHNESS, _freshness, "Says whether a year's data reach the day that ERCOT must have disclosed by now."
)


def checks_with(assets: Collection[str]) -> list[dg.AssetCheckKey]:
    """The checks that a refresh of some assets runs: those that come with their tables and rollups, not the second settlement and freshness.

    A run that names its assets and not its checks would run every check of them.
    """
    made = [asset for asset in (*rollups.ASSETS, *tables.ASSETS) if isinstance(asset, dg.AssetsDefinition)]
    keys = {key for asset in made for key in asset.check_keys if key.asset_key.path[-1] in assets}
    return sorted(keys, key=lambda key: (key.asset_key.path[-1], key.name))


JOBS = [refresh_year, merge_years, verify_year, validate_year, check_freshness]
