"""Tests on genuine rows of ERCOT's reports; skipped, saying so, where they are absent."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bess_assets.run import STEPS, hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.store.journal import TableEntry
from bess_assets_tests.long_form import result_rows


@dataclass(frozen=True)
class Settled:
    """A year of a pack after a refresh, with the entry of each table in the run record."""

    settings: Settings
    entries: dict[str, TableEntry]
    year: int

    def table(self, name: str) -> pd.DataFrame:
        """A result table of the year."""
        return result_rows(self.settings.results, name, self.year).to_pandas()

    def findings(self, kind: str) -> dict[str, str]:
        """Detail of each warning of a kind, by dataset or table."""
        every = [finding for entry in self.entries.values() for finding in entry["findings"]]
        return {f["subject"]: f["detail"] for f in every if f["kind"] == kind and f["warning"]}


def settle(home: Path, year: int, rollups: Path, **environment: str) -> Settled:
    """Make every table of a year from a folder of rollups."""
    settings = load_settings(home, {"BESS_ROLLUPS": str(rollups), **environment})
    with hold_year(settings, year) as held:
        return Settled(settings, {table: held.run_table(table) for table in STEPS}, year)
