"""ERCOT's reports and their annual rollups.

Belongs here: one asset a dataset, which registers the file that is there, or builds it from reports.
Does not: how it is built (ercot/rollup.py), reading rows (ercot/parsing.py).
"""

import logging
from collections.abc import Iterator

import dagster as dg

from bess_assets.assets.metadata import OWNERS, dataset_schema, rollup_metadata
from bess_assets.assets.partitions import operating_years, yearly_check
from bess_assets.assets.resources import Warehouse
from bess_assets.ercot.datasets import DATASETS, Dataset
from bess_assets.errors import BessError
from bess_assets.run import Registered, build_rollup, register_rollup

FILE_CHECK = "the_file_is_there_with_every_column"

_log = logging.getLogger(__name__)

ercot_reports = dg.AssetSpec(
    "ercot_reports",
    group_name="rollups",
    description="ERCOT's public market reports and 60-day disclosures, as published.",
    owners=list(OWNERS),
    kinds={"csv"},
    metadata={"published at": dg.MetadataValue.url("https://www.ercot.com/mp/data-products")},
)


def rollup_asset(dataset: Dataset) -> dg.AssetsDefinition:
    """The asset of one dataset.

    Materializing it looks at the footer of the user's file and never writes it; where there is none it builds one from reports, as far as reports are new.
    An absent file is no failure.
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
        metadata={"dagster/column_schema": dataset_schema(dataset)},
        check_specs=[
            yearly_check(
                FILE_CHECK,
                dataset.name,
                "The rollup file is there, and has the columns that ERCOT published that year. What is missing is null, never zero.",
            )
        ],
    )
    def register(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster looks for the bare class
        settings, file_year = warehouse.settings(), int(context.partition_key)
        build_rollup(settings, dataset.name, file_year)
        registered = register_rollup(settings, dataset.name, file_year)
        oddities = list(file_oddities(dataset, file_year, registered))
        if dataset.sixty_day:
            # This year's last deliveries lie in the next file. It has a partition of its own, which shows it and fails if it is bad: here it is noted.
            try:
                register_rollup(settings, dataset.name, file_year + 1, file_year)
            except BessError as error:
                oddities.append(f"the next year's file: {error.problem}")
        for oddity in oddities:
            _log.warning("%s %d: %s", dataset.name, file_year, oddity)
        return dg.MaterializeResult(
            data_version=rollup_version(registered),
            metadata=rollup_metadata(registered),
            check_results=[
                dg.AssetCheckResult(
                    check_name=FILE_CHECK,
                    passed=not oddities,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="; ".join(oddities) or "found, with every column that ERCOT published then",
                )
            ],
        )

    return register


def rollup_version(registered: Registered) -> dg.DataVersion:
    """A rollup's data version is its content: a touched, unchanged file makes nothing stale."""
    digests = [entry["fingerprint"]["digest"] for _, entry in sorted(registered.files.items())]
    return dg.DataVersion("+".join(digests) or "absent")


def file_oddities(dataset: Dataset, file_year: int, registered: Registered) -> Iterator[str]:
    """What a reader should know of a rollup, or of its absence."""
    if not registered.files and not dataset.in_no_figure:
        # By publication, two months after delivery: a dataset that began in December has its first rows in the file of the year after.
        first = dataset.first_year + 1 if dataset.sixty_day else dataset.first_year
        if first <= file_year <= dataset.last_year:
            yield f"no file {dataset.folder}/{file_year}.parquet, and no reports to build it from: its figures are unknown, not zero"
    for name, entry in sorted(registered.files.items()):
        where = f"{name}: " if len(registered.files) > 1 else ""
        for words, columns in (
            ("without", entry["missing"]),
            ("unknown headings, not read:", entry["unknown"]),
            ("zero in every row:", entry["zero_filled"]),
        ):
            if columns:
                yield f"{where}{words} {', '.join(columns)}"
        if "built" in entry and not entry["built"]["complete"]:
            yield f"{where}incomplete: {'; '.join(entry['built']['incomplete_because'])}"


ASSETS: list[dg.AssetSpec | dg.AssetsDefinition] = [
    ercot_reports,
    *(rollup_asset(dataset) for dataset in DATASETS.values()),
]
