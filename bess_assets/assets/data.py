"""The assets of the data: ERCOT's reports, the user's battery table, one annual rollup a dataset, and the result tables.

Each table asset has the run that holds the year make its table, and shows what was recorded of it. The step of a table, the function of `settlement` or
`ercot.inspection` that computes it, is named in `run.STEPS`, `run.STEPS_ASKED_FOR`, `run.MERGES` or `run.FILES`.
"""

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import dagster as dg

from bess_assets.assets.metadata import (
    OWNERS,
    code_references,
    dataset_schema,
    materialization_metadata,
    report_metadata,
    rollup_metadata,
    table_schema,
)
from bess_assets.assets.resources import Warehouse, check_spec, operating_years
from bess_assets.checks import checks_of
from bess_assets.ercot.datasets import DATASETS, Dataset
from bess_assets.ercot.rollup_names import BATTERY_TABLE, year_of
from bess_assets.run import FILES, MERGES, STEPS, STEPS_ASKED_FOR
from bess_assets.store.fetching import documents_there, fetch
from bess_assets.store.journal import RollupEntry, in_battery_table
from bess_assets.store.roll_up import build_rollup, recorded_version
from bess_assets.tables import EVERY_TABLE, Table

_log = logging.getLogger(__name__)

_input = partial(dg.AssetSpec, group_name="rollups", owners=list(OWNERS), kinds={"csv"})
battery_table = _input(
    BATTERY_TABLE,
    description="The user's table of batteries (`BESS_REGISTRY`). Each run notes its content first, so that a change of it makes its readers stale.",
)


@dg.asset(
    group_name="rollups",
    description="ERCOT's public market reports and 60-day disclosures, as published. Materializing a year fetches those that it needs and that are not there, "
    "where `BESS_FETCH` is on; where it is off, it shows what is there.",
    partitions_def=operating_years,
    pool="ercot",
    owners=list(OWNERS),
    kinds={"csv"},
    metadata={"published at": dg.MetadataValue.url("https://www.ercot.com/mp/data-products"), **code_references(fetch)},
)
def ercot_reports(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
    """Fetch the reports of a year, and show what is there; what came stays where others could not be fetched."""
    settings, year = warehouse.settings(), int(context.partition_key)
    failure = fetch(settings, [year]).failure if settings.fetch else None
    metadata = report_metadata(documents_there(settings, year))
    if failure:
        raise dg.Failure("not all reports could be fetched", metadata=metadata) from failure
    # Always one version: which rollups new reports change is found by looking at them, not all of the year
    return dg.MaterializeResult(data_version=dg.DataVersion("as posted"), metadata=metadata)


def rollup_asset(dataset: Dataset) -> dg.AssetsDefinition:
    """The asset of one dataset; a partition is the files that the operating year reads: of a 60-day dataset those of two publication years.

    Materializing it reads the footers of the user's files and never writes them; where there are none it builds one from reports, as far as reports are
    new. An absent file is no failure.
    """

    @dg.asset(
        name=dataset.name,
        group_name="rollups",
        description=f"{dataset.meaning} Report {dataset.report}; file `{dataset.folder}/<year>.parquet`.",
        deps=[ercot_reports],
        partitions_def=operating_years,
        owners=list(OWNERS),
        kinds={"parquet"},
        tags={"bess/filed_by": "publication_year" if dataset.sixty_day else "delivery_year"},
        metadata={"dagster/column_schema": dataset_schema(dataset), **code_references(build_rollup)},
        check_specs=[
            check_spec(
                "the_file_is_there_with_every_column",
                dataset.name,
                "The rollup file is there, and has the columns that ERCOT published that year. What is missing is null, never zero.",
            )
        ],
    )
    def register(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
        year = int(context.partition_key)
        build_rollup(warehouse.settings(), dataset.name, year)
        registered = warehouse.held.register(dataset.name)
        oddities = list(file_oddities(dataset, year, registered))
        for oddity in oddities:
            _log.warning("%s %d: %s", dataset.name, year, oddity)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(recorded_version(registered)),
            metadata=rollup_metadata(registered),
            check_results=[
                dg.AssetCheckResult(
                    passed=not oddities,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="; ".join(oddities) or "found, with every column that ERCOT published then",
                )
            ],
        )

    return register


def file_oddities(dataset: Dataset, year: int, registered: RollupEntry) -> Iterator[str]:
    """Phrases that warn of a rollup, or of its absence; the 60-day file of the next year may still be to come."""
    of_year = any(year_of(Path(name)) == year for name in registered["files"])
    # By publication, two months after delivery: a dataset that began in December has its first rows in the file of the year after.
    figures = not (dataset.in_no_figure or dataset.stood_in_for)
    if not of_year and figures and dataset.first_year + dataset.sixty_day <= year <= dataset.last_year:
        yield f"no file {dataset.folder}/{year}.parquet, and no reports to build it from: its figures are unknown, not zero"
    for name, entry in sorted(registered["files"].items()):
        where = f"{name}: " if len(registered["files"]) > 1 else ""
        if entry["missing"]:
            yield f"{where}without {', '.join(entry['missing'])}"
            if entry["unknown"]:
                yield f"{where}unknown headings, not read: {', '.join(entry['unknown'])}"
        if "built" in entry and not entry["built"]["complete"]:
            yield f"{where}incomplete: {'; '.join(entry['built']['incomplete_because'])}"


def table_asset(table: Table) -> dg.AssetsDefinition:
    """The asset of a table, or of a set of files: of one year, made of the year's rollups, the battery table and its tables; or merged of all years."""
    files, partitions = table.files, None if table.merged else operating_years
    metadata = code_references((STEPS | STEPS_ASKED_FOR | MERGES | FILES)[table.name])
    if not files:
        metadata |= {"dagster/column_schema": table_schema(table)}
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


ASSETS: list[dg.AssetSpec | dg.AssetsDefinition] = [
    ercot_reports,
    battery_table,
    *map(rollup_asset, DATASETS.values()),
    *(table_asset(EVERY_TABLE[name]) for name in [*STEPS, *STEPS_ASKED_FOR, *MERGES, *FILES]),
]
