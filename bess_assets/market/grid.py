"""Rows into dense grids of one operating year, and grids into the columns of a ledger.

Belongs here: placing hourly and quarter-hourly rows by position, which row of several wins, which hours a dataset holds at all.
Does not: SCED runs (runs.py), what the values mean (the extracts and formulas).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.market.clock import NOWHERE, OperatingYear, day_of_number
from bess_assets.market.datasets import DATASETS, Dataset, describe_file, partly_absent, suspicious_zeros
from bess_assets.market.reading import NO_VALUE, FileCount, Rows, read_rows
from bess_assets.market.step import Findings, Inputs

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Codes:
    """Texts as small integers; the texts known from the start have the first codes."""

    def __init__(self, known: Iterable[str] = (), normal: Callable[[str], str] | None = None) -> None:
        """Give the known texts codes 0, 1, ..; `normal` brings other spellings to the known ones."""
        self._normal = normal
        self._codes: dict[str, int] = {}
        for text in known:
            self._codes.setdefault(text, len(self._codes))
        self.known = len(self._codes)

    def translate(self, codes: IntArray, texts: Sequence[str]) -> IntArray:
        """Our codes for a batch's codes; a text not seen before gets the next one; -1 stays -1."""
        spelled = [self._normal(t) for t in texts] if self._normal else texts
        table = [self._codes.setdefault(t, len(self._codes)) for t in spelled]
        return np.array([*table, -1], dtype=np.int64)[codes]

    @property
    def texts(self) -> list[str]:
        """All texts by code."""
        return list(self._codes)


class Scatter:
    """A grid of cells into which rows are put; the later row of a cell wins whole.

    Attributes:
        present: True where a row was put; shape (series, steps).
        grids: values by name, NaN where blank or no row; shape (series, steps).
        repeats: rows that said the same as another row of their cell.
        contradictions: rows that were overruled by a later row saying something else.
    """

    def __init__(self, series: int, steps: int, names: Sequence[str]) -> None:
        """Make empty grids."""
        self._shape = (series, steps)
        self._present = np.zeros(series * steps, dtype=bool)
        self._grids = {name: np.full(series * steps, np.nan) for name in names}
        self._latest = np.empty(0, dtype=np.int32)
        self.repeats = 0
        self.contradictions = 0

    @property
    def present(self) -> BoolArray:
        """True where a row was put."""
        return self._present.reshape(self._shape)

    @property
    def grids(self) -> dict[str, FloatArray]:
        """Values by name."""
        return {name: grid.reshape(self._shape) for name, grid in self._grids.items()}

    def put(self, series: IntArray, step: IntArray, values: Mapping[str, FloatArray]) -> None:
        """Put rows, in file order; `values` holds every name of the grid."""
        cell = series * self._shape[1] + step
        if not len(self._latest):
            self._latest = np.zeros(len(self._present), dtype=np.int32)
        order = np.arange(len(cell), dtype=np.int32)
        self._latest[cell] = order
        winner = self._latest[cell]
        overruled = winner != order
        if overruled.any():
            rows = np.flatnonzero(overruled)
            self._count(rows, {n: v[winner[rows]] for n, v in values.items()}, values)
            last = ~overruled
            cell = cell[last]
            values = {name: value[last] for name, value in values.items()}
        again = np.flatnonzero(self._present[cell])
        if len(again):
            self._count(again, {n: self._grids[n][cell[again]] for n in values}, values)
        for name, value in values.items():
            self._grids[name][cell] = value
        self._present[cell] = True

    def _count(self, rows: IntArray, others: Mapping[str, FloatArray], values: Mapping[str, FloatArray]) -> None:
        differs = np.zeros(len(rows), dtype=bool)
        for name, value in values.items():
            mine = value[rows]
            differs |= ~((mine == others[name]) | (np.isnan(mine) & np.isnan(others[name])))
        self.contradictions += int(differs.sum())
        self.repeats += int((~differs).sum())

    def report(self, findings: Findings, subject: str) -> None:
        """Add the counts of repeated rows."""
        findings.add("duplicate_rows", subject, self.repeats, "equal rows", warning=False)
        findings.add("contradicting_rows", subject, self.contradictions, "the later row was taken")


@dataclass(frozen=True)
class PlacedRows:
    """Rows of known series at their places in the year.

    Attributes:
        series: code of the series, below the number of known ones.
        step: position of the hour or quarter-hour.
        numbers: values by canonical name, NaN where blank or absent.
        texts: codes by canonical name, -1 where blank or absent.
        columns: canonical columns that the file has.
        absent: by canonical name, True for rows whose own report lacked a column that the file has; only where there are such rows.
    """

    series: IntArray
    step: IntArray
    numbers: dict[str, FloatArray]
    texts: dict[str, IntArray]
    columns: frozenset[str]
    absent: dict[str, BoolArray]

    def has_any(self, columns: Sequence[str]) -> BoolArray:
        """True for rows whose file, or report, has one of the columns."""
        there = np.zeros(len(self.series), dtype=bool)
        for name in self.columns.intersection(columns):
            there |= ~self.absent[name] if name in self.absent else True
        return there


class DayLog:
    """Which operating days of the year a dataset holds, and whether it goes beyond the year.

    Attributes:
        days: True for days with a row of any series; shape (days,).
        beyond: True if a row lies after 31 December.
        first: first day index with a row, by known series; a large number where none.
        last: last day index with a row, by known series; -1 where none.
    """

    def __init__(self, year: OperatingYear, series: int, *, beyond: bool = False) -> None:
        """Start with nothing seen; `beyond` where a file that need not be read is known to lie after the year."""
        self.year = year
        self.days = np.zeros(year.days, dtype=bool)
        self.beyond = beyond
        self.first = np.full(series, year.days, dtype=np.int64)
        self.last = np.full(series, -1, dtype=np.int64)

    def saw_days(self, day_index: IntArray) -> None:
        """Record days (they may lie outside the year) with a row of any series."""
        self.beyond |= bool((day_index >= self.year.days).any())
        self.days[day_index[(day_index >= 0) & (day_index < self.year.days)]] = True

    def saw(self, day_index: IntArray, series: IntArray) -> None:
        """Record rows by day index (may lie outside the year) and series code."""
        self.saw_days(day_index)
        known = (day_index >= 0) & (day_index < self.year.days) & (series >= 0) & (series < len(self.first))
        np.minimum.at(self.first, series[known], day_index[known])
        np.maximum.at(self.last, series[known], day_index[known])

    def report(self, findings: Findings, subject: str, first: int = 0) -> None:
        """Add the days that are missing between the first expected day and the last day held."""
        held = np.flatnonzero(self.days)
        if not len(held):
            return
        missing = np.flatnonzero(~self.days[: held[-1] + 1])
        missing = missing[missing >= first]
        findings.add("missing_days", subject, len(missing), day_ranges(self.year, missing))
        if not self.beyond and held[-1] < self.year.days - 1:
            after = np.arange(held[-1] + 1, self.year.days)
            findings.add(
                "missing_days",
                subject,
                len(after),
                f"after the last day held: {day_ranges(self.year, after)}",
                warning=False,
            )


def day_ranges(year: OperatingYear, day_index: IntArray, most: int = 12) -> str:
    """Days as text: single days and runs, at most `most` of them."""
    if not len(day_index):
        return ""
    breaks = np.flatnonzero(np.diff(day_index) > 1)
    starts = day_index[np.r_[0, breaks + 1]]
    ends = day_index[np.r_[breaks, len(day_index) - 1]]
    parts = [
        str(day_of_number(year.first_day + int(a)))
        if a == b
        else f"{day_of_number(year.first_day + int(a))}..{day_of_number(year.first_day + int(b))}"
        for a, b in zip(starts, ends, strict=True)
    ]
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


class HourlyReader:
    """Reads a dataset with date and hour (and interval) labels; iterate it once for the rows of known series.

    Rows of the two clock-change days are held back until all files are read, because what a label means there depends on which labels the day has.

    Attributes:
        held: True for hours (quarter-hours) of which the dataset holds a row of any series; complete after iterating.
        log: days held, by series.
    """

    def __init__(
        self,
        inputs: Inputs,
        dataset: str,
        key: str,
        codes: Codes,
        *,
        numbers: Sequence[str],
        texts: Mapping[str, Codes] | None = None,
        steps_per_hour: int = 1,
        leave_out: Callable[[Rows], BoolArray] | None = None,
        also: Sequence[str] = (),
        compared: Sequence[str] = (),
    ) -> None:
        """Say what is read.

        Args:
            inputs: year and rollups.
            dataset: canonical dataset name.
            key: column that names the series.
            codes: the known series.
            numbers: number columns wanted.
            texts: text columns wanted, each with its codes.
            steps_per_hour: 1 for hours, 4 for quarter-hours (then the dataset has an interval column).
            leave_out: rows to pass over, judged on a batch.
            also: further columns that `leave_out` needs.
            compared: number columns wanted that no figure is made of: what is odd about them is no finding.
        """
        self._year = inputs.year
        self._dataset: Dataset = DATASETS[dataset]
        self._paths = inputs.rollups.files(dataset, inputs.year.year)
        self._key = key
        self._codes = codes
        self._reported = [*numbers, *(texts or {})]
        self._numbers = [*numbers, *compared]
        self._texts = dict(texts or {})
        self._per_hour = steps_per_hour
        self._leave_out = leave_out
        self._also = list(also)
        self._change_days: list[tuple[IntArray, IntArray, IntArray, IntArray, IntArray, PlacedRows]] = []
        self._unusable = 0
        self._count = FileCount()
        self.held = np.zeros(inputs.year.hours * steps_per_hour, dtype=bool)
        self.log = DayLog(inputs.year, codes.known, beyond=inputs.rollups.goes_beyond(dataset, inputs.year.year))

    def __iter__(self) -> Iterator[PlacedRows]:
        """Rows of known series, ordinary days first."""
        columns = [
            "operating_day",
            "hour_ending",
            "repeated_hour",
            self._key,
            *self._numbers,
            *self._texts,
            *self._also,
        ]
        if self._per_hour > 1:
            columns.append("interval")
        for path in self._paths:
            for rows in read_rows(self._dataset, path, columns, self._count):
                yield self._ordinary(rows)
        if self._change_days:
            yield from self._clock_changes()

    def _ordinary(self, rows: Rows) -> PlacedRows:
        year = self._year
        if self._leave_out is not None:
            rows = rows.keep(~self._leave_out(rows))
        day = rows.days()
        known_day = day != NO_VALUE
        self._unusable += int((~known_day).sum())
        index = np.where(known_day, day - year.first_day, -1)
        if not (known_day & (index >= 0) & (index < year.days)).all():
            series = self._codes.translate(*rows.texts(self._key))
            self.log.saw(index[known_day], series[known_day])
            inside = (index >= 0) & (index < year.days)
            rows, index = rows.keep(inside), index[inside]
        series = self._codes.translate(*rows.texts(self._key))
        self.log.saw(index, series)
        label = rows.hours()
        interval = self._interval(rows)
        change = year.is_clock_change(index)
        if change.any():
            self._hold_back(rows.keep(change), index[change], label[change], interval[change], series[change])
        hour = np.where(change, NOWHERE, year.ordinary_hours(np.minimum(index, year.days - 1), label))
        placed = (hour >= 0) & (interval >= 0)
        self._unusable += int((~placed & ~change).sum())
        step = hour * self._per_hour + interval
        self.held[step[placed & (series >= 0)]] = True
        wanted = placed & (series >= 0) & (series < self._codes.known)
        return self._place(rows.keep(wanted), series[wanted], step[wanted])

    def _interval(self, rows: Rows) -> IntArray:
        if self._per_hour == 1:
            return np.zeros(rows.count, dtype=np.int64)
        number = rows.intervals("interval")
        return np.where((number >= 1) & (number <= self._per_hour), number - 1, NOWHERE)

    def _hold_back(self, rows: Rows, index: IntArray, label: IntArray, interval: IntArray, series: IntArray) -> None:
        placed = self._place(rows, series, np.zeros(rows.count, dtype=np.int64))
        self._change_days.append((index, label, interval, rows.flags("repeated_hour"), series, placed))

    def _place(self, rows: Rows, series: IntArray, step: IntArray) -> PlacedRows:
        return PlacedRows(
            series=series,
            step=step,
            numbers={name: rows.numbers(name) for name in self._numbers},
            texts={name: codes.translate(*rows.texts(name)) for name, codes in self._texts.items()},
            columns=frozenset(name for name in (*self._numbers, *self._texts) if rows.has(name)),
            absent=rows.absent(self._numbers),
        )

    def _clock_changes(self) -> Iterator[PlacedRows]:
        year = self._year
        index, label, interval, flag, series = (
            np.concatenate([part[n] for part in self._change_days]) for n in range(5)
        )
        hour = np.full(len(index), NOWHERE, dtype=np.int64)
        spring, autumn = index == year.spring_day, index == year.autumn_day
        hour[spring] = year.spring_hours(label[spring])
        same = series * self._per_hour + interval
        hour[autumn] = year.autumn_hours(same[autumn], label[autumn], flag[autumn])
        placed = (hour >= 0) & (interval >= 0)
        self._unusable += int((~placed).sum())
        step = hour * self._per_hour + interval
        self.held[step[placed & (series >= 0)]] = True
        wanted = placed & (series >= 0) & (series < self._codes.known)
        at = 0
        for part in self._change_days:
            rows = part[5]
            here = slice(at, at + len(rows.series))
            at = here.stop
            take = wanted[here]
            yield PlacedRows(
                series=rows.series[take],
                step=step[here][take],
                numbers={name: values[take] for name, values in rows.numbers.items()},
                texts={name: codes[take] for name, codes in rows.texts.items()},
                columns=rows.columns,
                absent={name: lacking[take] for name, lacking in rows.absent.items()},
            )

    def report(self, findings: Findings, *, first_day: int = 0) -> None:
        """Add what is absent or could not be used; call after iterating.

        Args:
            findings: where to add it.
            first_day: day index from which the dataset is published.
        """
        report_dataset(findings, self._dataset, self._paths, self._reported)
        findings.add("unusable_time", self._dataset.name, self._unusable, "no such date, hour or interval")
        for name, number in self._count.unusable_numbers.items():
            if name in self._reported:
                findings.add("unusable_numbers", self._dataset.name, number, name)
        self.log.report(findings, self._dataset.name, first_day)


def report_dataset(findings: Findings, dataset: Dataset, paths: Sequence[Path], used: Sequence[str]) -> None:
    """Add what the footers of a dataset's files say: absent, missing columns, unknown headings, zero-filled columns."""
    if not paths:
        findings.add("dataset_absent", dataset.name, 1, f"no file {dataset.folder}/<year>.parquet for the year")
        return
    for path in paths:
        description = describe_file(dataset, path)
        missing = [name for name in description.missing if name in used]
        suspicious = [name for name in suspicious_zeros(dataset, description) if name in used]
        zero = [name for name in description.zero_filled if name in used and name not in suspicious]
        absent = [name for name in missing if name not in description.blank]
        blank = [name for name in missing if name in description.blank]
        findings.add("missing_columns", dataset.name, len(absent), f"{path.name}: {', '.join(absent)}")
        findings.add(
            "missing_columns", dataset.name, len(blank), f"{path.name}: blank in every row: {', '.join(blank)}"
        )
        partly = [name for name in partly_absent(dataset, path) if name in used]
        findings.add(
            "missing_columns", dataset.name, len(partly), f"{path.name}: lacking in some reports: {', '.join(partly)}"
        )
        findings.add(
            "unknown_headings",
            dataset.name,
            len(description.unknown),
            f"{path.name}: {', '.join(description.unknown[:12])}",
            warning=False,
        )
        findings.add("zero_filled", dataset.name, len(suspicious), f"{path.name}: {', '.join(suspicious)}")
        findings.add("zero_filled", dataset.name, len(zero), f"{path.name}: {', '.join(zero)}", warning=False)


class LedgerColumns:
    """The columns that every chunk of a ledger shares: key, time and day."""

    def __init__(self, year: OperatingYear, *, quarter_hours: bool, key: str = "battery") -> None:
        """Make the time columns once."""
        self._key = key
        self._time = year.quarter_hour_starts if quarter_hours else year.hour_starts
        day = year.quarter_hour_day if quarter_hours else year.hour_day
        self._day = (year.first_day + day).astype(np.int32)

    def chunk(self, name: str, **columns: Any) -> dict[str, Any]:
        """One chunk: the named series at every step of the year."""
        return {
            self._key: pa.repeat(pa.scalar(name, pa.string()), len(self._time)),
            "interval_start": self._time,
            "operating_day": self._day,
            **columns,
        }


def labels_array(codes: IntArray, texts: Sequence[str]) -> pa.Array:
    """A text column of few values from codes, null where the code is -1."""
    indices = pa.array(codes, mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices.cast(pa.int32()), pa.array(list(texts), pa.string()))
