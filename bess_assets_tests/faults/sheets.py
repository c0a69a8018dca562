"""A rollup file while a fault is planted in it: columns under canonical names, written back as another program would write them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.parsing import TIME_COLUMNS

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sheet:
    """All rows of a rollup file, under its headings."""

    dataset: str
    table: pa.Table

    def numbers(self) -> list[str]:
        """Canonical number columns that the file has."""
        columns = DATASETS[self.dataset].columns
        return [name for name in columns if columns[name].kind == "number" and name in self._spelled()]

    def _spelled(self) -> dict[str, str]:
        return DATASETS[self.dataset].canonical(self.table.column_names)

    def heading(self, name: str) -> str:
        """How the file spells a canonical column."""
        return self._spelled()[name]

    def values(self, name: str) -> Values:
        """Values of a canonical column; numbers as float64 with NaN for a blank, everything else as objects."""
        column = self.table.column(self.heading(name))
        if pa.types.is_floating(column.type):
            return column.to_numpy().astype(np.float64)
        return np.array(column.to_pylist(), dtype=object)

    def days(self) -> Values:
        """Date of each row, as numpy days."""
        name = next(time for time in TIME_COLUMNS if time in DATASETS[self.dataset].columns)
        column = self.table.column(self.heading(name))
        if pa.types.is_string(column.type):
            texts = np.array(column.to_pylist())
            distinct, codes = np.unique([text[:10] for text in texts], return_inverse=True)
            parsed = np.array([datetime.strptime(text, "%m/%d/%Y").date() for text in distinct], "datetime64[D]")
            return np.asarray(parsed[codes])
        return np.array(column.to_pylist(), dtype="datetime64[D]")

    def on(self, first: date, last: date | None = None) -> Mask:
        """Rows of a day, or of the days from first to last."""
        days = self.days()
        return np.asarray((days >= np.datetime64(first)) & (days <= np.datetime64(last or first)))

    def of(self, *names: str) -> Mask:
        """Rows of these resources or settlement points."""
        key = "resource_name" if "resource_name" in DATASETS[self.dataset].columns else "settlement_point"
        return np.isin(self.values(key).astype(str), names)

    def where(self, name: str, *wanted: object) -> Mask:
        """Rows in which a column holds one of the values."""
        return np.isin(self.values(name).astype(str), [str(value) for value in wanted])

    def put(self, name: str, values: Any, arrow_type: pa.DataType | None = None) -> "Sheet":
        """The sheet with other values in a column, of the same type if no other is given."""
        heading = self.heading(name)
        kind = arrow_type or self.table.schema.field(heading).type
        # numpy floats keep their NaN: only what was blank before goes back as a blank, see `blanked`
        column = pa.array(values, kind, from_pandas=True)
        return Sheet(self.dataset, self.table.set_column(self.table.column_names.index(heading), heading, column))

    def put_as_they_are(self, name: str, values: Values) -> "Sheet":
        """The sheet with other floats in a column, NaN being a number that is none and no blank."""
        heading = self.heading(name)
        column = pa.array(values, pa.float64(), from_pandas=False)
        return Sheet(self.dataset, self.table.set_column(self.table.column_names.index(heading), heading, column))

    def change(self, name: str, mask: Mask, new: Any) -> "Sheet":
        """The sheet with other values in some rows of a column; `new` is a value, or a function of the old ones."""
        values = self.values(name)
        values[mask] = new(values[mask]) if callable(new) else new
        return self.put(name, values)

    def scale(self, name: str, factor: float, mask: Mask | None = None) -> "Sheet":
        """The sheet with a column multiplied, in some rows or in all."""
        values = self.values(name)
        return self.put(name, np.where(mask, values * factor, values) if mask is not None else values * factor)

    def keep(self, mask: Mask) -> "Sheet":
        """Some of the rows."""
        return Sheet(self.dataset, self.table.filter(pa.array(mask)))

    def drop(self, mask: Mask) -> "Sheet":
        """The other rows."""
        return self.keep(~mask)

    def add(self, rows: "Sheet") -> "Sheet":
        """Its rows, and then others."""
        return Sheet(self.dataset, pa.concat_tables([self.table, rows.table]))

    def without(self, name: str) -> "Sheet":
        """All columns but one."""
        return Sheet(self.dataset, self.table.drop_columns([self.heading(name)]))

    def renamed(self, **headings: str) -> "Sheet":
        """The sheet with other headings over its canonical columns."""
        new = {self.heading(name): heading for name, heading in headings.items()}
        return Sheet(self.dataset, self.table.rename_columns([new.get(h, h) for h in self.table.column_names]))

    def swapped(self, one: str, other: str) -> "Sheet":
        """The sheet with the headings of two columns exchanged."""
        return self.renamed(**{one: self.heading(other), other: self.heading(one)})

    def swap_values(self, name: str, one: str, other: str) -> "Sheet":
        """The sheet with two texts of a column exchanged."""
        values = self.values(name)
        first, second = values == one, values == other
        values[first], values[second] = other, one
        return self.put(name, values)


Edit = Callable[[Sheet], Sheet]


class Folder:
    """The rollup files that a fault is planted in: hard links of the right ones, each replaced when it is changed."""

    def __init__(self, root: Path, year: int) -> None:
        """Folder of a market of one operating year."""
        self.root = root
        self.year = year
        self.changed: set[str] = set()

    def paths(self, dataset: str) -> list[Path]:
        """Files of a dataset, that of the year and that of the next."""
        return sorted((self.root / DATASETS[dataset].folder).glob("*.parquet"))

    def edit(self, dataset: str, change: Edit) -> None:
        """Plant a fault in every file of a dataset."""
        for path in self.paths(dataset):
            sheet = change(Sheet(dataset, pq.read_table(path)))
            self.replace(dataset, path, lambda to, sheet=sheet: pq.write_table(sheet.table, to))

    def write(self, dataset: str, path: Path, content: bytes) -> None:
        """Put these bytes where a file is."""
        self.replace(dataset, path, lambda to: to.write_bytes(content))

    def remove(self, dataset: str, *paths: Path) -> None:
        """Take files of a dataset away, all if none is named."""
        for path in paths or self.paths(dataset):
            path.unlink()
        self.changed.add(dataset)

    def replace(self, dataset: str, path: Path, write: Callable[[Path], object]) -> None:
        """Replace a file whole: what is linked to the old one stays as it is."""
        beside = path.with_suffix(".new")
        write(beside)
        beside.replace(path)
        self.changed.add(dataset)
