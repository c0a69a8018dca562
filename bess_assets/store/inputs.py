"""What a table is made from, by the names that a run record gives its inputs: a run notes them, and the status compares them."""

from pathlib import Path

from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER, rollup_name
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import whole_digest
from bess_assets.store.journal import RunRecord, read_run
from bess_assets.store.listing import yearly_files
from bess_assets.store.paths import EXPECTED_ROWS_FILE, result_path, rollup_folder
from bess_assets.tables import Table

UPSTREAM = "table:"
"""Begins the name of an input that is a result table: `table:<name>`, of another year `table:<name>/<year>`."""


def table_inputs(settings: Settings, year: int | None, table: Table, record: RunRecord) -> dict[str, Path | str | None]:
    """All inputs of a table by name: the path of each file, the digest of each result table, None where its file is absent.

    A built rollup of the next year, which is not read, closes the year by being there; it is named too. A merged table, of the year None, is made of
    its upstream table of every year.
    """
    results, folder = settings.results, rollup_folder(settings)
    inputs: dict[str, Path | str | None] = {**input_files(settings, year, table)}
    if year is not None:
        inputs |= {f"{LATER}{dataset}": "there" for dataset in table.datasets if folder.goes_beyond(dataset, year)}
        inputs |= {f"{UPSTREAM}{name}": result_digest(results, name, year, record) for name in table.upstream}
    for name in table.upstream if year is None else table.earlier:
        for other in yearly_files(results, name):
            if year is None or other < year:
                inputs[f"{UPSTREAM}{name}/{other}"] = result_digest(results, name, other, read_run(results, other))
    return inputs


def input_files(settings: Settings, year: int | None, table: Table) -> dict[str, Path]:
    """Existing files that a step reads, by name.

    The user's battery table counts as read by the registry and the extracts, the steps that may look into it; a `schema.json` and
    an `expected_rows.json` by the schemas.
    """
    if year is None:
        return {}
    rollups = [(dataset, path) for dataset in table.datasets for path in rollup_folder(settings).files(dataset, year)]
    files = {f"{dataset}/{rollup_name(path)}": path for dataset, path in rollups}
    if table.group == "schemas":
        found = {f"{dataset}/schema.json": path.with_name("schema.json") for dataset, path in rollups}
        found[EXPECTED_ROWS_FILE] = settings.rollups / EXPECTED_ROWS_FILE
        files |= {name: path for name, path in found.items() if path.is_file()}
    if settings.registry_csv and in_battery_table(table):
        files[BATTERY_TABLE] = settings.registry_csv
    return files


def in_battery_table(table: Table) -> bool:
    """Whether the step of a table may look into the user's battery table."""
    return table.group in {"registry", "extracts"}


def result_digest(results: Path, table: str, year: int, record: RunRecord) -> str | None:
    """Digest of a result file that is there: as recorded, or of its bytes where the record has none; None if it is absent."""
    path = result_path(results, table, year)
    if not path.is_file():
        return None
    entry = record["tables"].get(table)
    return (entry["digest"] if entry else None) or whole_digest(path)
