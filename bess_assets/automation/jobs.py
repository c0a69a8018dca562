"""The jobs: one year, the merging of all years, and the three that verify one; each in one process, which holds the year's lock."""

from collections.abc import Collection
from functools import partial

import dagster as dg

from bess_assets.assets import rollups, tables
from bess_assets.assets.checks import data_are_as_recent_as_ercot_discloses, matches_csv
from bess_assets.assets.partitions import operating_years
from bess_assets.run import MERGES

_merged = dg.AssetSelection.assets(*MERGES)
_second_settlement = dg.AssetSelection.checks(matches_csv)
_freshness = dg.AssetSelection.checks(data_are_as_recent_as_ercot_discloses)

# a process for each step takes four times as long
_job = partial(dg.define_asset_job, executor_def=dg.in_process_executor)
# A job takes its partitions from its assets; that of a check alone has none.
_of_a_year = dg.PartitionedConfig(partitions_def=operating_years, run_config_for_partition_key_fn=lambda _year: {})

refresh_year = _job(
    "refresh_year",
    selection=dg.AssetSelection.all() - _merged - _second_settlement - _freshness,
    description="One year: registers or builds its rollups, then every table from the registry to the leaderboards.",
)
merge_years = _job("merge_years", selection=_merged, description="Merges the tables of all years that there are.")
verify_year = _job(
    "verify_year",
    selection=dg.AssetSelection.all() - _merged - _freshness,
    description="One year from its rollups once more, every table and every check, the second settlement from CSV reports included. "
    "The same inputs give the same bytes: what differs becomes a new edition.",
)
validate_year = _job(
    "validate_year",
    selection=_second_settlement,
    config=_of_a_year,
    description="Settles a refreshed year a second time, straight from ERCOT's CSV reports, and compares. Reads everything again: it takes long.",
)
check_freshness = _job(
    "check_freshness",
    selection=_freshness,
    config=_of_a_year,
    description="Says whether a year's data reach the day that ERCOT must have disclosed by now.",
)
JOBS = [refresh_year, merge_years, verify_year, validate_year, check_freshness]


def checks_with(assets: Collection[str]) -> list[dg.AssetCheckKey]:
    """The checks that a refresh of some assets runs: those that come with their tables and rollups, not the second settlement and freshness.

    A run that names its assets and not its checks would run every check of them.
    """
    made = [asset for asset in (*rollups.ASSETS, *tables.ASSETS) if isinstance(asset, dg.AssetsDefinition)]
    keys = {key for asset in made for key in asset.check_keys if key.asset_key.path[-1] in assets}
    return sorted(keys, key=lambda key: (key.asset_key.path[-1], key.name))
