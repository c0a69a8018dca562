"""The one way in which a declared table, or a set of files made of tables, becomes an asset.

Belongs here: turning a declaration and its step into an asset, with its inline checks.
Does not: the step (pipeline.STEPS, report/), the write of a table (assets/io_managers.py), what is shown (assets/metadata.py).
"""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg

from bess_assets.assets.metadata import OWNERS, check_metadata, column_lineage, files_metadata, table_schema
from bess_assets.assets.partitions import operating_years, publication_years, yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.checks import checks_of
from bess_assets.ercot.datasets import DATASETS
from bess_assets.run import run_files, start_step
from bess_assets.settings import Settings
from bess_assets.store.files import ResultTable, WrittenTable
from bess_assets.store.journal import package_version, read_run
from bess_assets.tables import TABLES, FileSet, Table


def result_asset(table_name: str) -> dg.AssetsDefinition:
    """The yearly asset of a result table: reads rollups by path, upstream tables lazily, and is written by the Parquet manager.

    Its checks are inline, a third cheaper than steps of their own, and say what the writer found: it is the run record that is shown.
    """
    table = TABLES[table_name]

    def execute(
        context: dg.AssetExecutionContext, warehouse: Warehouse, **upstream: ResultTable
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        settings, year = warehouse.settings(), int(context.partition_key)
        yield dg.MaterializeResult(value=start_step(settings, year, table_name, upstream))
        yield from _check_results(settings, year, table_name)

    return _asset(
        table,
        ins={name: dg.AssetIn(key=name) for name in table.upstream},
        deps=[_rollup_dep(name) for name in table.datasets],
        partitions_def=operating_years,
        check_specs=[
            yearly_check(check.name, table_name, check.meaning, blocking=check.blocking) for check in checks_of(table)
        ],
    )(execute)


def merged_asset(table_name: str) -> dg.AssetsDefinition:
    """The asset of a table that merges all years: it reads the years that there are, so that a missing one is no error."""
    table = TABLES[table_name]

    def execute(warehouse: Warehouse) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        settings = warehouse.settings()
        yield dg.MaterializeResult(value=start_step(settings, None, table_name))
        yield from _check_results(settings, None, table_name)

    return _asset(
        table,
        deps=list(table.upstream),
        check_specs=[
            dg.AssetCheckSpec(check.name, asset=table_name, description=check.meaning, blocking=check.blocking)
            for check in checks_of(table)
        ],
    )(execute)


def _check_results(settings: Settings, year: int | None, table_name: str) -> Iterator[dg.AssetCheckResult]:
    """What the writer found: by now the manager has written and recorded the table, for a generator goes on only after that."""
    entry = read_run(settings.results, year)["tables"][table_name]
    for check in entry["checks"]:
        yield dg.AssetCheckResult(
            check_name=check["name"],
            passed=check["passed"],
            severity=dg.AssetCheckSeverity.ERROR if check["blocking"] else dg.AssetCheckSeverity.WARN,
            description=check["detail"],
            metadata=check_metadata(check),
        )


def files_asset(files: FileSet, write: Callable[[Settings, int], WrittenTable]) -> dg.AssetsDefinition:
    """The yearly asset of a set of files: it reads its tables by path and writes the files itself, since no IO manager has a use for them."""

    @dg.asset(
        name=files.name,
        group_name=files.group,
        description=files.meaning,
        deps=list(files.upstream),
        partitions_def=operating_years,
        owners=list(OWNERS),
        kinds={"html", "excel"},
        tags={"bess/shape": "files"},
        code_version=package_version(),
    )
    def execute(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
        settings, year = warehouse.settings(), int(context.partition_key)
        entry = run_files(settings, year, files, write)
        return dg.MaterializeResult(metadata=files_metadata(settings, files, year, entry))

    return execute


def _asset(table: Table, **more: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    made: Callable[[Callable[..., Any]], dg.AssetsDefinition] = dg.asset(
        name=table.name,
        group_name=table.group,
        description=table.meaning,
        owners=list(OWNERS),
        kinds={"parquet", "pyarrow" if table.datasets else "numpy"},
        tags={"bess/shape": "merged" if table.merged else "ledger" if table.ledger else "summary"},
        metadata={"dagster/column_schema": table_schema(table), "dagster/column_lineage": column_lineage(table)},
        code_version=package_version(),
        io_manager_key="io_manager",
        **more,
    )
    return made


def _rollup_dep(dataset: str) -> dg.AssetDep:
    if DATASETS[dataset].sixty_day:
        return dg.AssetDep(dataset, partition_mapping=publication_years)
    return dg.AssetDep(dataset)
