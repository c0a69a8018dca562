"""The assets of the result tables: each has the run that holds the year make its table, and shows what was recorded of it.

The step of a table, the function of `settlement` or `ercot.inspection` that computes it, is named in `run.STEPS`, `run.MERGES` or `run.FILES`.
"""

from collections.abc import Sequence

import dagster as dg

from bess_assets.assets.metadata import (
    OWNERS,
    check_metadata,
    code_references,
    column_lineage,
    files_metadata,
    materialization_metadata,
    table_schema,
)
from bess_assets.assets.partitions import operating_years, yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.checks import checks_of
from bess_assets.checks.check import Check
from bess_assets.ercot.rollup_names import BATTERY_TABLE
from bess_assets.run import FILES, MERGES, STEPS
from bess_assets.store.inputs import in_battery_table
from bess_assets.store.journal import CheckEntry
from bess_assets.tables import FILE_SETS, TABLES, FileSet, Table


def table_asset(table: Table) -> dg.AssetsDefinition:
    """The asset of a table: of one year, made of the year's rollups, the battery table and other tables of the year; or merged of all years that there are."""

    @dg.asset(
        name=table.name,
        group_name=table.group,
        description=table.meaning,
        deps=[
            *table.datasets,
            *([BATTERY_TABLE] if in_battery_table(table) and not table.merged else []),
            *table.upstream,
        ],
        partitions_def=None if table.merged else operating_years,
        check_specs=[_check_spec(table, check) for check in checks_of(table)],
        owners=list(OWNERS),
        kinds={"parquet", "pyarrow" if table.datasets else "numpy"},
        tags={"bess/shape": "merged" if table.merged else "ledger" if table.ledger else "summary"},
        metadata={
            "dagster/column_schema": table_schema(table),
            "dagster/column_lineage": column_lineage(table),
            **code_references(STEPS.get(table.name) or MERGES[table.name]),
        },
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


def files_asset(files: FileSet) -> dg.AssetsDefinition:
    """The asset of a set of files of one year, made of its tables."""

    @dg.asset(
        name=files.name,
        group_name=files.group,
        description=files.meaning,
        deps=list(files.upstream),
        partitions_def=operating_years,
        owners=list(OWNERS),
        kinds={"html", "excel"},
        tags={"bess/shape": "files"},
        metadata=code_references(FILES[files.name]),
        code_version=files.code_version,
    )
    def write(warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
        entry = warehouse.held.run_table(files.name)
        return dg.MaterializeResult(
            metadata=files_metadata(warehouse.settings(), files, warehouse.held.operating_year, entry),
            data_version=dg.DataVersion(entry["digest"] or ""),
        )

    return write


def _check_spec(table: Table, check: Check) -> dg.AssetCheckSpec:
    if table.merged:
        return dg.AssetCheckSpec(check.name, asset=table.name, description=check.meaning, blocking=check.blocking)
    return yearly_check(check.name, table.name, check.meaning, blocking=check.blocking)


def _check_results(checks: Sequence[CheckEntry]) -> list[dg.AssetCheckResult]:
    """The checks of a table as the run record has them; one that blocks withholds the tables below."""
    return [
        dg.AssetCheckResult(
            check_name=check["name"],
            passed=check["passed"],
            severity=dg.AssetCheckSeverity.ERROR if check["blocking"] else dg.AssetCheckSeverity.WARN,
            description=check["detail"],
            metadata=check_metadata(check),
        )
        for check in checks
    ]


ASSETS = [
    *(table_asset(TABLES[name]) for name in [*STEPS, *MERGES]),
    *(files_asset(FILE_SETS[name]) for name in FILES),
]
