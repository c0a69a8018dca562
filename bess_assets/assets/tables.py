"""The assets of the result tables: each has the run that holds the year make its table, and shows what was recorded of it.

The step of a table, the function of `settlement` or `ercot.inspection` that computes it, is named in `run.STEPS`, `run.MERGES` or `run.FILES`.
"""

from collections.abc import Sequence

import dagster as dg

from bess_assets.assets.metadata import (
    OWNERS,
    code_references,
    column_lineage,
    materialization_metadata,
    number,
    table_schema,
)
from bess_assets.assets.partitions import operating_years, yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.checks import checks_of
from bess_assets.ercot.rollup_names import BATTERY_TABLE
from bess_assets.run import FILES, MERGES, STEPS
from bess_assets.store.inputs import in_battery_table
from bess_assets.store.journal import CheckEntry
from bess_assets.tables import FILE_SETS, TABLES, Table


def table_asset(table: Table) -> dg.AssetsDefinition:
    """The asset of a table, or of a set of files: of one year, made of the year's rollups, the battery table and its tables; or merged of all years."""
    files, merged = table.files, table.name in MERGES
    metadata = code_references((STEPS | MERGES | FILES)[table.name])
    if not table.files:
        metadata |= {"dagster/column_schema": table_schema(table), "dagster/column_lineage": column_lineage(table)}
        shape = "merged" if merged else "ledger" if table.ledger else "summary"

    @dg.asset(
        name=table.name,
        group_name=table.group,
        description=table.meaning,
        deps=[*table.datasets, *([BATTERY_TABLE] if in_battery_table(table) and not merged else []), *table.upstream],
        partitions_def=None if merged else operating_years,
        check_specs=_check_specs(table),
        owners=list(OWNERS),
        kinds={"html", "excel"} if files else {"parquet", "pyarrow" if table.datasets else "numpy"},
        tags={"bess/shape": "files" if files else shape},
        metadata=metadata,
        code_version=table.code_version,
    )
    def make(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
        entry = warehouse.held.run_table(table.name)
        return dg.MaterializeResult(
            metadata=materialization_metadata(warehouse.settings(), table, warehouse.held.year, entry),
            data_version=dg.DataVersion(entry["digest"] or ""),
            check_results=_check_results(entry["checks"]),
        )

    return make


def _check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    checks = checks_of(table) if not table.files else []
    if table.name not in MERGES:
        return [yearly_check(check.name, table.name, check.meaning, blocking=check.blocking) for check in checks]
    return [
        dg.AssetCheckSpec(check.name, asset=table.name, description=check.meaning, blocking=check.blocking)
        for check in checks
    ]


def _check_results(checks: Sequence[CheckEntry]) -> list[dg.AssetCheckResult]:
    """The checks of a table as the run record has them; one that blocks withholds the tables below."""
    return [
        dg.AssetCheckResult(
            check_name=check["name"],
            passed=check["passed"],
            severity=dg.AssetCheckSeverity.ERROR if check["blocking"] else dg.AssetCheckSeverity.WARN,
            description=check["detail"],
            metadata={name: number(value) for name, value in check.get("numbers", {}).items()},
        )
        for check in checks
    ]


ASSETS = [table_asset((TABLES | FILE_SETS)[name]) for name in [*STEPS, *MERGES, *FILES]]
