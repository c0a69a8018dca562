"""The calendar by the standard library alone, calling a step on rollups, and what came of it."""

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.step import Finding, Inputs, StepResult
from bess_assets.store.paths import RollupFolder
from bess_assets_tests.resources import KEY, Row

CENTRAL = ZoneInfo("America/Chicago")

SPRING_AND_AUTUMN = {
    2019: (date(2019, 3, 10), date(2019, 11, 3)), 2020: (date(2020, 3, 8), date(2020, 11, 1)),
    2021: (date(2021, 3, 14), date(2021, 11, 7)), 2022: (date(2022, 3, 13), date(2022, 11, 6)),
    2023: (date(2023, 3, 12), date(2023, 11, 5)), 2024: (date(2024, 3, 10), date(2024, 11, 3)),
    2025: (date(2025, 3, 9), date(2025, 11, 2)), 2026: (date(2026, 3, 8), date(2026, 11, 1)),
}  # fmt: skip
"""Clock changes as section 7 of the market reference lists them."""


def utc_seconds(local: datetime, fold: int = 0) -> int:
    """UTC seconds of a Central wall clock; fold 1 is the second 01:00 hour."""
    return int(local.replace(tzinfo=CENTRAL, fold=fold).timestamp())


def hour_of(local: datetime, fold: int = 0) -> int:
    """Position of the hour in its operating year, by the standard library's calendar alone."""
    return (utc_seconds(local, fold) - utc_seconds(datetime(local.year, 1, 1))) // 3_600


def quarter_hour_of(local: datetime, fold: int = 0) -> int:
    """Position of the quarter-hour in its operating year."""
    return (utc_seconds(local, fold) - utc_seconds(datetime(local.year, 1, 1))) // 900


class RegistryTable:
    """Stands for the stored `bess_registry`: the columns that the extracts read."""

    def __init__(self, *batteries: Row) -> None:
        """One dictionary a battery; what is left out is null, the key ALPHA_1."""
        defaults: Row = {
            "battery": KEY, "gen_resource": None, "load_resource": None, "esr_resource": None, "charging": "unknown",
            "settlement_points": None, "expected_first_day": date(2010, 1, 1), "expected_last_day": date(2030, 12, 31),
            "first_seen_day": date(2010, 1, 1), "last_seen_day": date(2030, 12, 31), "capacity_mw": None,
        }  # fmt: skip
        rows = [{**defaults, **battery} for battery in batteries]
        kinds = {name: pa.date32() if name.endswith("_day") else pa.string() for name in defaults}
        kinds["capacity_mw"] = pa.float64()
        self._table = pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()})

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Those columns."""
        return self._table.select(columns) if columns else self._table


def inputs_of(root: Path, year: int, *batteries: Row, **more: Any) -> Inputs:
    """What a step reads: the rollups under a folder, and a registry of these batteries."""
    return Inputs(operating_year(year), RollupFolder(root), {"bess_registry": RegistryTable(*batteries)}, **more)


def take(result: StepResult, key: str = "battery") -> dict[str, dict[str, Any]]:
    """All chunks of a ledger by their first key, numbers as arrays and labels as lists."""
    chunks = {}
    for chunk in result.chunks:
        columns = {name: c if isinstance(c, np.ndarray) else _listed(pa.array(c)) for name, c in chunk.items()}
        chunks[columns[key][0]] = columns
    return chunks


def _listed(column: pa.Array) -> list[Any]:
    """The values of a column; a year of labels much faster than Arrow makes the list."""
    if not isinstance(column, pa.DictionaryArray):
        return column.to_pylist()
    texts = np.array([*column.dictionary.to_pylist(), None], dtype=object)
    return texts[column.indices.fill_null(-1).to_numpy()].tolist()


def found(findings: Iterable[Finding], kind: str, subject: str | None = None) -> list[Finding]:
    """Findings of a kind, about a subject if one is given."""
    return [f for f in findings if f.kind == kind and (subject is None or f.subject == subject)]


def count_of(findings: Iterable[Finding], kind: str, subject: str | None = None) -> int:
    """How many rows, days or columns those findings count."""
    return sum(f.count for f in found(findings, kind, subject))
