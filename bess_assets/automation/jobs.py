"""The jobs: one year, the merging of all years, and the validation of one.

Belongs here: what one run materializes, and how it is executed.
Does not: when (sensors.py, materialize.py).
"""

import dagster as dg

from bess_assets.assets.validation import CHECKED_TABLE, MATCHES_CSV
from bess_assets.partitions import operating_years
from bess_assets.tables import TABLES

REFRESH_YEAR = "refresh_year"
MERGE_YEARS = "merge_years"
VALIDATE_YEAR = "validate_year"

_merged = dg.AssetSelection.assets(*(table.name for table in TABLES.values() if table.merged))

_second_road = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(CHECKED_TABLE), MATCHES_CSV))

refresh_year = dg.define_asset_job(
    REFRESH_YEAR,
    selection=dg.AssetSelection.all() - _merged - _second_road,
    description="One year: registers its rollups, then every table from the registry to the leaderboards.",
    executor_def=dg.in_process_executor,  # a process per step would take four times as long, and hold the year's lock against itself
)

merge_years = dg.define_asset_job(
    MERGE_YEARS,
    selection=_merged,
    description="Merges the tables of all years that there are.",
    executor_def=dg.in_process_executor,
)

validate_year = dg.define_asset_job(
    VALIDATE_YEAR,
    selection=_second_road,
    description="Settles a refreshed year a second time, straight from ERCOT's CSV reports, and compares. Reads everything again: it takes long.",
    # A job takes its partitions from its assets, and this one has a check alone.
    config=dg.PartitionedConfig(partitions_def=operating_years, run_config_for_partition_key_fn=lambda _year: {}),
    executor_def=dg.in_process_executor,
)

JOBS = [refresh_year, merge_years, validate_year]
