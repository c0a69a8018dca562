"""Rows placed in dense grids of one operating year, grids as the columns of a ledger, and work on each battery of the registry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import SEEK_END
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from threading import Lock
from typing import Any, TypeVar
from weakref import finalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.ercot.arrays import BoolArray, CodeArray, FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.parsing import Rows
from bess_assets.ercot.rows import Counted
from bess_assets.ercot.step import Inputs
from bess_assets.errors import writing

Made = TypeVar("Made")

_SERIES_AT_A_TIME = 8  # one by one they cost eight times as many reads; more of them cost memory


class Scatter:
    """A grid of cells into which rows are put; the later row of a cell wins whole.

    Attributes:
        present: True where a row was put; shape (series, steps).
        grids: values by name, NaN where blank or no row; shape (series, steps).
    """

    def __init__(self, series: int, steps: int, names: Sequence[str]) -> None:
        self.present = np.zeros((series, steps), dtype=bool)
        self.grids = {name: np.full((series, steps), np.nan) for name in names}

    def put(
        self,
        series: IntArray,
        step: IntArray,
        values: Mapping[str, FloatArray],
        counted: Counted | None = None,
        rows: Rows | None = None,
        mine: BoolArray | bool = True,
    ) -> None:
        """Put rows, in file order.

        Args:
            series: grid row of each.
            step: grid column of each.
            values: by every name of the grid.
            counted: where rows that another one of their cell repeats or overrules are counted.
            rows: the rows themselves, that are kept there with their place in the file.
            mine: whether a row is counted there.
        """
        cell = series * self.present.shape[1] + step
        if not len(cell):
            return
        present = self.present.reshape(-1)
        there = present[cell]
        # rows of a file in time order fill a small block of a grid
        stretch = self.present[tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in (series, step))]
        before = np.count_nonzero(stretch)
        present[cell] = True
        # as many new cells as rows: none of them is said twice
        if np.count_nonzero(stretch) - before < len(cell):
            _, first_from_end, place = np.unique(cell[::-1], return_index=True, return_inverse=True)
            winner = (len(cell) - 1 - first_from_end)[place[::-1]]
            wins = winner == np.arange(len(cell))
            if counted is not None:
                self._count(counted, rows, np.flatnonzero((there | ~wins) & mine), cell, winner, values)
            cell, values = cell[wins], {name: value[wins] for name, value in values.items()}
        for name, value in values.items():
            self.grids[name].reshape(-1)[cell] = value

    def part(self, series: slice) -> "Scatter":
        """A grid of other series: those that are here too as they are here, and the others empty."""
        other = Scatter(series.stop - series.start, self.present.shape[1], list(self.grids))
        there = self.present[series]
        other.present[: len(there)] = there
        for name, grid in self.grids.items():
            other.grids[name][: len(there)] = grid[series]
        return other

    def _count(
        self,
        counted: Counted,
        rows: Rows | None,
        which: IntArray,
        cell: IntArray,
        winner: IntArray,
        values: Mapping[str, FloatArray],
    ) -> None:
        """Compare rows with the last row of their cell, and a last row with what its cell holds."""
        differs, last = np.zeros(len(which), dtype=bool), winner[which] == which
        for name, value in values.items():
            mine, held = value[which], self.grids[name].reshape(-1)[cell[which]]
            other = np.where(last, held, value[winner[which]])
            differs |= ~((mine == other) | (np.isnan(mine) & np.isnan(other)))
        counted.contradictions += int(differs.sum())
        counted.repeats += int((~differs).sum())
        if rows is not None:
            counted.note("contradicting_rows", rows, which[differs & ~last], "left out: a later row was taken")
            counted.note("contradicting_rows", rows, which[differs & last], "taken, in place of an earlier row")
            counted.note("duplicate_rows", rows, which[~differs], "says what another row says")


class UnnamedFile:
    """Arrays that are more than memory, in a file without a name that goes with this object."""

    def __init__(self, folder: Path | None) -> None:
        """Make it in a folder; that of the system if not given.

        Raises:
            WriteError: the folder takes no file.
        """
        self._folder = folder or Path(gettempdir())
        with writing(self._folder):
            self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115  as long as this object is there
        finalize(self, self._file.close)

    def write(self, *parts: npt.NDArray[Any]) -> int:
        """Add arrays, one after the other, and return where the first begins.

        Raises:
            WriteError: the disk takes no more.
        """
        with writing(self._folder):
            offset = self._file.seek(0, SEEK_END)
            for part in parts:
                self._file.write(np.ascontiguousarray(part).data)
            self._file.flush()
        return offset

    def read(self, offset: int, kind: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        """So many numbers from a place on."""
        self._file.seek(offset)
        return np.fromfile(self._file, kind, count)


class Spool:
    """Columns of series by step, put a stretch of steps at a time and taken a series at a time; in a file without a name, for they are more than memory."""

    def __init__(self, folder: Path | None, steps: int, empty: Mapping[str, np.generic]) -> None:
        """Say the columns, each with its value where nothing is put, whose kind of number they have.

        Raises:
            WriteError: the folder takes no file.
        """
        self._steps, self._empty, self._lock = steps, dict(empty), Lock()
        self._file = UnnamedFile(folder)
        self._blocks: list[tuple[int, int, int]] = []
        self._series = 0
        self._last, self._read = -1, range(0)
        self._columns: dict[str, npt.NDArray[Any]] = {}

    def put(self, first: int, values: Mapping[str, npt.NDArray[Any]]) -> None:
        """Put the values of every column, of the shape (series, steps), from a step on; in the end every step is put or none.

        Raises:
            WriteError: the disk takes no more.
        """
        made = [np.ascontiguousarray(values[name], dtype=empty.dtype) for name, empty in self._empty.items()]
        block = np.concatenate([part.view(np.uint8) for part in made], axis=1)
        with self._lock:
            self._series = len(block)
            self._blocks.append((first, made[0].shape[1], self._file.write(block)))

    def take(self, series: int) -> dict[str, npt.NDArray[Any]]:
        """All columns of a series; nothing is put any more. Series that are taken in order are read several at a time."""
        if not self._blocks:
            return {name: np.full(self._steps, empty) for name, empty in self._empty.items()}
        if series not in self._read:
            # those after a series that is out of order may never be asked for together
            ahead = _SERIES_AT_A_TIME if series == self._last + 1 else 1
            self._read = range(series, min(series + ahead, self._series))
            self._columns = self._some(self._read)
        self._last = series
        return {name: rows[series - self._read.start].copy() for name, rows in self._columns.items()}

    def _some(self, series: range) -> dict[str, npt.NDArray[Any]]:
        """All columns of some series; shape (series, steps)."""
        count = len(series)
        whole = {name: np.empty((count, self._steps), empty.dtype) for name, empty in self._empty.items()}
        width = sum(empty.itemsize for empty in self._empty.values())
        for step, steps, offset in self._blocks:
            size = width * steps
            block, at = self._file.read(offset + series.start * size, np.uint8, count * size).reshape(count, size), 0
            for name, empty in self._empty.items():
                end = at + empty.itemsize * steps
                whole[name][:, step : step + steps] = block[:, at:end].view(empty.dtype)
                at = end
        return whole


class LedgerColumns:
    """The columns that every chunk of a ledger shares: key, time and day."""

    def __init__(self, year: OperatingYear, *, quarter_hours: bool, key: str = "battery") -> None:
        self._key = key
        self._time = year.quarter_hour_starts if quarter_hours else year.hour_starts
        self._day = (year.first_day + (year.quarter_hour_day if quarter_hours else year.hour_day)).astype(np.int32)
        self._same = np.zeros_like(self._day)

    def chunk(self, name: str, **columns: Any) -> dict[str, Any]:
        """One chunk: the named series at every step of the year."""
        return {
            self._key: pa.DictionaryArray.from_arrays(self._same, pa.array([name], pa.string())),
            "interval_start": self._time,
            "operating_day": self._day,
            **columns,
        }


def labels_array(codes: CodeArray, texts: Sequence[str]) -> pa.Array:
    """A text column of few values from codes, null where the code is -1; its dictionary holds those that occur."""
    least, most = (int(codes.min()), int(codes.max())) if len(codes) else (-1, -1)
    if least == most >= 0:  # as a rule one text is meant all year
        return pa.DictionaryArray.from_arrays(np.zeros(len(codes), np.int32), pa.array([texts[most]], pa.string()))
    occurs = np.bincount(codes + 1, minlength=len(texts) + 1)[1:] > 0
    narrow = np.append(np.cumsum(occurs) - 1, -1).astype(np.int32)[codes]
    used = [text for text, there in zip(texts, occurs, strict=True) if there]
    unknown = codes < 0 if least < 0 else None
    return pa.DictionaryArray.from_arrays(pa.array(narrow, mask=unknown), pa.array(used, pa.string()))


def each_battery(inputs: Inputs, work: Callable[[int, str, slice], Made]) -> Iterator[Made]:
    """What the work makes of each battery of the registry, one after the other: on arrays this small, threads wait for each other more than they compute.

    The work is given the battery's row group in the ledgers, its name, and its expected days as positions in the year.
    """
    columns = ["battery", "expected_first_day", "expected_last_day"]
    rows = zip(*inputs.tables["bess_registry"].read(columns).to_pydict().values(), strict=True)

    def of(numbered: tuple[int, tuple[Any, ...]]) -> Made:
        n, (battery, *ends) = numbered
        first, last = (day_number(day) - inputs.year.first_day for day in ends)
        return work(n, battery, slice(first, last + 1))

    return map(of, enumerate(rows))
