"""Operating days of a year: sums and counts of a battery's hours or quarter-hours.

dispatch.py, energy.py and ancillary.py sum their ledgers by day while a battery is at hand; daily.py makes tables of these sums.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

import numpy as np

from bess_assets.ercot.arrays import BoolArray, CodeArray, FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_of_number
from bess_assets.ercot.products import QUARTER_HOURS_PER_HOUR, SOURCES
from bess_assets.ercot.step import Columns, Inputs
from bess_assets.settlement.grid import each_battery

Labels = tuple[CodeArray, Sequence[str]]
"""A text column as codes (-1 is null), and the texts they stand for."""


class Ledger(Protocol):
    """A stored ledger, or a chunk of it."""

    def numbers(self, columns: list[str], n: int) -> dict[str, np.ndarray]:
        """Columns of the n-th battery, NaN where null."""

    def labels(self, column: str, n: int) -> Labels:
        """A text column of the n-th battery."""


class Chunk:
    """The columns of one battery as its step has just made them, which answer as its row group will."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    def numbers(self, columns: list[str], _: int) -> dict[str, np.ndarray]:
        """Some columns, NaN where null."""
        return {name: self._columns[name] for name in columns}

    def labels(self, column: str, _: int) -> Labels:
        """A text column."""
        encoded = self._columns[column]
        return encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist()


class Days:
    """Sums and counts of a year's hours or quarter-hours by operating day, over the last axis."""

    def __init__(self, year: OperatingYear) -> None:
        """Work out the days once."""
        self.year = year
        self.numbers = (year.first_day + np.arange(year.days)).astype(np.int32)
        self.months = np.array([day_of_number(day).month for day in self.numbers.tolist()])
        self.hours = year.day_hours
        self.quarter_hours = QUARTER_HOURS_PER_HOUR * year.day_hours

    def first(self, steps: int) -> IntArray:
        """Position of each day's first of so many steps of the year."""
        return self.year.day_first_hour[:-1] * (steps // self.year.hours)

    def count(self, flags: BoolArray) -> IntArray:
        """How many are True."""
        # a day of 100 quarter-hours is counted in a byte
        counts = np.add.reduceat(flags.view(np.uint8), self.first(flags.shape[-1]), axis=-1, dtype=np.uint8)
        return np.asarray(counts.astype(np.int64))

    def total(self, values: FloatArray, where: BoolArray | None = None) -> FloatArray:
        """Sum of what is known, and True in `where`; NaN where nothing is."""
        counted = ~np.isnan(values) if where is None else ~np.isnan(values) & where
        if not counted.any():
            return np.full((*values.shape[:-1], self.year.days), np.nan)
        sums = np.add.reduceat(np.where(counted, values, 0.0), self.first(values.shape[-1]), axis=-1)
        return np.where(self.count(counted) > 0, sums, np.nan)

    def nodes(self, awards: Ledger, n: int) -> list[str | None]:
        """Settlement point of a battery in each day's first hour."""
        codes, texts = awards.labels("settlement_point", n)
        return [texts[code] if code >= 0 else None for code in codes[self.year.day_first_hour[:-1]]]

    def sources(self, ledger: Ledger, column: str, n: int, words: Collection[str] = SOURCES) -> dict[str, IntArray]:
        """Intervals of a battery by the word that a column says."""
        codes, texts = ledger.labels(column, n)
        width = len(texts) + 1
        day = np.repeat(np.arange(self.year.days) * width, np.diff(self.first(len(codes)), append=len(codes)))
        counts = np.bincount(day + codes + 1, minlength=self.year.days * width).reshape(self.year.days, width)
        none = np.zeros(self.year.days, dtype=np.int64)
        return {word: counts[:, 1 + texts.index(word)] if word in texts else none for word in words}


def day_groups(year: OperatingYear, wanted: BoolArray) -> Iterator[IntArray]:
    """The wanted days of the year, those of one length together."""
    for length in np.unique(year.day_hours):
        if len(days := np.flatnonzero(wanted & (year.day_hours == length))):
            yield days


def by_day(year: OperatingYear, values: FloatArray, days: IntArray) -> FloatArray:
    """Hours or quarter-hours of the year as rows of days of the same length."""
    per_hour = len(values) // year.hours
    steps = np.arange(per_hour * year.day_hours[days[0]])
    return values[per_hour * year.day_first_hour[days][:, None] + steps]


def is_one_of(labels: Labels, wanted: Collection[str]) -> BoolArray:
    """True where a text column says one of some texts."""
    codes, texts = labels
    said = [text in wanted for text in texts]
    if not any(said):
        return np.zeros(len(codes), dtype=bool)
    # the last place answers for a null, which has the code -1
    return np.array([*said, False])[codes]


def days_of(inputs: Inputs, ledger: str, sums: Callable[[Days, int], Columns]) -> list[Columns]:
    """The day sums of a ledger by battery: those that its step made in this run, else made of the file."""
    days = Days(inputs.year)

    def read() -> list[Columns]:
        return list(each_battery(inputs, lambda n, *_: sums(days, n)))

    return inputs.once(days_name(ledger), inputs.tables[ledger], read)


def days_name(ledger: str) -> str:
    """The name under which a run keeps the day sums of a ledger."""
    return f"days of {ledger}"
