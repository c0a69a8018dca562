"""The assets of the result tables: each has the run that holds the year make its table, and shows what was recorded of it.

The step of a table, the function of `settlement` or `ercot.inspection` that computes it, is named in `run.STEPS`, `run.MERGES` or `run.FILES`.
"""

import dagster as dg

from bess_assets.assets.metadata import (
    OWNERS,
    code_references,
    column_lineage,
    materialization_metadata,
    table_schema,
)
from bess_assets.assets.resources import Warehouse, check_spec, operating_years
from bess_assets.checks import checks_of
from bess_assets.ercot.rollup_names import BATTERY_TABLE
from bess_assets.run import FILES, MERGES, STEPS
from bess_assets.store.journal import in_battery_table
from bess_assets.tables import EVERY_TABLE, Table


def table_asset(table: Table) -> dg.AssetsDefinition:
    """The asset of a table, or of a set of files: of one year, made of the year's rollups, the battery table and its tables; or merged of all years."""
    files, partitions = table.files, None if table.merged else operating_years
    metadata = code_references((STEPS | MERGES | FILES)[table.name])
    if not files:
        metadata |= {"dagster/column_schema": table_schema(table), "dagster/column_lineage": column_lineage(table)}
    shape = "files" if files else "merged" if table.merged else "ledger" if table.ledger else "summary"
    checks = [] if files else checks_of(table)

    @dg.asset(
        name=table.name,
        group_name=table.group,
        description=table.meaning,
        deps=[
            *table.datasets,
            *([BATTERY_TABLE] if in_battery_table(table) and not table.merged else []),
            *table.upstream,
        ],
        partitions_def=partitions,
        check_specs=[check_spec(c.name, table.name, c.meaning, partitions, blocking=c.blocking) for c in checks],
        owners=list(OWNERS),
        kinds={"html", "excel"} if files else {"parquet", "pyarrow" if table.datasets else "numpy"},
        tags={"bess/shape": shape},
        metadata=metadata,
        code_version=table.code_version,
    )
    def make(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
        entry = warehouse.held.run_table(table.name)
        return dg.MaterializeResult(
            metadata=materialization_metadata(warehouse.settings(), table, warehouse.held.year, entry),
            data_version=dg.DataVersion(entry["digest"] or ""),
            check_results=[  # of the run record; one that blocks withholds the tables below
                dg.AssetCheckResult(
                    check_name=check["name"],
                    passed=check["passed"],
                    severity=dg.AssetCheckSeverity.ERROR if check["blocking"] else dg.AssetCheckSeverity.WARN,
                    description=check["detail"],
                    metadata=check.get("numbers", {}),
                )
                for check in entry["checks"]
            ],
        )

    return make


ASSETS = [table_asset(EVERY_TABLE[name]) for name in [*STEPS, *MERGES, *FILES]]
