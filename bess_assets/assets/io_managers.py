"""One Parquet manager: what a step returns goes in, a lazily read table comes out.

Belongs here: handing steps to the one writer and its figures to Dagster.
Does not: schemas, invariants and atomic writing (store/files.py), recording (run.py, store/journal.py).
"""

from typing import Any

import dagster as dg

from bess_assets.assets.metadata import materialization_metadata
from bess_assets.run import StartedStep, finish_step, result_table
from bess_assets.settings import load_settings
from bess_assets.store.files import ResultTable


class ParquetTables(dg.ConfigurableIOManager):
    """Writes `<results>/<table>/<year>.parquet`, atomically and of the declared schema, and opens it for the steps after.

    Attributes:
        environment: as of `Warehouse`. It is not nested in here: Dagster would set it up, and so take the year, a second time.
    """

    environment: dict[str, str] = {}

    def handle_output(self, context: dg.OutputContext, obj: StartedStep) -> None:
        """Take the step's chunks, write and record them, and show what was recorded."""
        entry = finish_step(obj)
        context.add_output_metadata(materialization_metadata(obj.settings, obj.table, obj.year, entry))

    def load_input(self, context: dg.InputContext) -> ResultTable:
        """The table of the same year, read lazily."""
        name = context.asset_key.path[-1]
        year: Any = context.asset_partition_key if context.has_asset_partitions else None
        return result_table(load_settings(environ=self.environment or None), name, int(year) if year else None)
