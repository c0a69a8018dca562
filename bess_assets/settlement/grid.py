"""Rows into dense grids of one operating year, and grids into the columns of a ledger.

Belongs here: placing hourly and quarter-hourly rows by position, which row of several wins, which hours a dataset holds at all.
Does not: SCED runs (runs.py), what the values mean (the extracts and formulas).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.ercot.calendar import NOWHERE, OperatingYear, day_ranges
from bess_assets.ercot.datasets import DATASETS, Dataset, describe_file, partly_absent, suspicious_zeros
from bess_assets.ercot.parsing import NO_VALUE, FileCount, Rows, read_rows
from bess_assets.ercot.step import Findings, Inputs
from bess_assets.threads import read_ahead

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.integer]


class Codes:
    """Texts as small integers; the texts known from the start have the first codes."""

    def __init__(self, known: Iterable[str] = (), normal: Callable[[str], str] | None = None) -> None:
        """Give the known texts codes 0, 1, ..; `normal` brings other spellings to the known ones."""
        self._normal = normal
        self._codes: dict[str, int] = {}
        for text in known:
            self._codes.setdefault(text, len(self._codes))
        self.known = len(self._codes)
        self._last: tuple[Sequence[str], IntArray] = ((), np.array([-1], dtype=np.int64))

    def translate(self, codes: CodeArray, texts: Sequence[str]) -> IntArray:
        """Our codes for a batch's codes; a text not seen before gets the next one; -1 stays -1."""
        return self._table(texts)[codes]

    def find(self, codes: CodeArray, texts: Sequence[str]) -> tuple[BoolArray, IntArray]:
        """Where a batch's codes are texts known from the start, and our codes there: as many as are True.

        Most rows of a rollup are strangers': they are told by a byte each, and only the others get a number.
        """
        table = self._table(texts)
        known = ((table >= 0) & (table < self.known))[codes]
        return known, table[codes[known]]

    def _table(self, texts: Sequence[str]) -> IntArray:
        # the batches of a row group share their texts
        if self._last[0] is not texts:
            spelled = [self._normal(t) for t in texts] if self._normal else texts
            codes = [self._codes.setdefault(t, len(self._codes)) for t in spelled]
            self._last = texts, np.array([*codes, -1], dtype=np.int64)
        return self._last[1]

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
        if not len(cell):
            return
        there = self._present[cell]
        # rows of a file in time order fill a short stretch of a grid in time order
        stretch = self._present[int(cell.min()) : int(cell.max()) + 1]
        before = np.count_nonzero(stretch)
        self._present[cell] = True
        # as many new cells as rows: none of them is said twice
        if np.count_nonzero(stretch) - before < len(cell):
            cell, values = self._last_rows(cell, there, values)
        for name, value in values.items():
            self._grids[name][cell] = value

    def _last_rows(
        self, cell: IntArray, there: BoolArray, values: Mapping[str, FloatArray]
    ) -> tuple[IntArray, Mapping[str, FloatArray]]:
        """The last row of each cell; those before it are counted, and so is a row whose cell was there."""
        _, first_from_end, place = np.unique(cell[::-1], return_index=True, return_inverse=True)
        last = len(cell) - 1 - first_from_end
        winner = last[place[::-1]]
        overruled = winner != np.arange(len(cell))
        rows = np.flatnonzero(overruled)
        self._count(rows, {n: v[winner[rows]] for n, v in values.items()}, values)
        kept = ~overruled
        cell = cell[kept]
        values = {name: value[kept] for name, value in values.items()}
        again = np.flatnonzero(there[kept])
        self._count(again, {n: self._grids[n][cell[again]] for n in values}, values)
        return cell, values

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


@dataclass(frozen=True)
class _Times:
    """What the dates, hours and intervals of a batch mean, by number.

    Attributes:
        day: index of the day, outside 0..days-1 where it is another year's, -1 where blank.
        step: position of the hour or quarter-hour; `NOWHERE` where there is none, or its day is a clock-change day.
        dated: False where the date is blank.
        inside: True for days of the year.
        change: True for the two clock-change days.
    """

    day: IntArray
    step: IntArray
    dated: BoolArray
    inside: BoolArray
    change: BoolArray


def _of_a_day(codes: CodeArray, labels: IntArray, *, most: int) -> tuple[CodeArray, IntArray]:
    """Codes of labels 1..most, where a column has many more than a day has: all others become 0, which is none."""
    if len(labels) <= 4 * most:
        return codes, labels
    return np.where((labels >= 1) & (labels <= most), labels, 0)[codes], np.arange(most + 1)


class DayLog:
    """Which operating days of the year a dataset holds, and whether it goes beyond the year.

    Attributes:
        days: True for days with a row of any series; shape (days,).
        beyond: True if a row lies after 31 December.
    """

    def __init__(self, year: OperatingYear, series: int, *, beyond: bool = False) -> None:
        """Start with nothing seen; `beyond` where a file that need not be read is known to lie after the year."""
        self.year = year
        self.beyond = beyond
        self._days = np.zeros(year.days, dtype=bool)
        self._held = np.zeros(series * year.days, dtype=bool)

    @property
    def days(self) -> BoolArray:
        """True for days with a row of any series; shape (days,)."""
        return self._days | self._held.reshape(-1, self.year.days).any(axis=0)

    @property
    def first(self) -> IntArray:
        """First day index with a row, by known series; a large number where none."""
        held = self._held.reshape(-1, self.year.days)
        return np.where(held.any(axis=1), held.argmax(axis=1), self.year.days)

    @property
    def last(self) -> IntArray:
        """Last day index with a row, by known series; -1 where none."""
        held = self._held.reshape(-1, self.year.days)[:, ::-1]
        return np.where(held.any(axis=1), self.year.days - 1 - held.argmax(axis=1), -1)

    def saw_days(self, day_index: IntArray) -> None:
        """Record days (they may lie outside the year) with a row of any series."""
        self.beyond |= bool((day_index >= self.year.days).any())
        self._days[day_index[(day_index >= 0) & (day_index < self.year.days)]] = True

    def saw(self, day_index: IntArray, series: IntArray) -> None:
        """Record rows by day index (may lie outside the year) and code of a known series."""
        inside = (day_index >= 0) & (day_index < self.year.days)
        if not inside.all():
            self.beyond |= bool((day_index >= self.year.days).any())
            series, day_index = series[inside], day_index[inside]
        self._held[series * self.year.days + day_index] = True

    def report(self, findings: Findings, subject: str, first: int = 0) -> None:
        """Add the days that are missing between the first expected day and the last day held."""
        days = self.days
        held = np.flatnonzero(days)
        if not len(held):
            return
        missing = np.flatnonzero(~days[: held[-1] + 1])
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
        with closing(read_ahead(self._batches(columns))) as placed:
            yield from placed
        if self._change_days:
            yield from self._clock_changes()

    def _batches(self, columns: Sequence[str]) -> Iterator[PlacedRows]:
        for path in self._paths:
            for rows in read_rows(self._dataset, path, columns, self._count):
                yield self._ordinary(rows)

    def _ordinary(self, rows: Rows) -> PlacedRows:
        """Place a batch: what a date, hour and interval together mean is found once, and rows of strangers are only counted."""
        if self._leave_out is not None:
            left_out = self._leave_out(rows)
            if left_out.any():
                rows = rows.keep(~left_out)
        label, times = self._times(rows)
        names, texts = rows.texts(self._key)
        counts = np.bincount(label, minlength=len(times.day))
        present = counts > 0
        self.log.saw_days(times.day[present & times.dated])
        self._unusable += int(
            counts[present & (~times.dated | (times.inside & ~times.change & (times.step < 0)))].sum()
        )
        named = counts - np.bincount(label[names < 0], minlength=len(counts)) if (names < 0).any() else counts
        self.held[times.step[(named > 0) & (times.step >= 0)]] = True
        known, series = self._codes.find(names, texts)
        if present[times.change].any():
            self._hold_back(rows, label, times)
        label = label[known]
        dated = times.dated[label]
        self.log.saw(times.day[label[dated]], series[dated])
        step = times.step[label]
        placed = step >= 0
        if not placed.all():
            known[np.flatnonzero(known)[~placed]] = False
            series, step = series[placed], step[placed]
        return self._place(rows.keep(known), series, step)

    def _times(self, rows: Rows) -> tuple[IntArray, "_Times"]:
        """A number for each row's date, hour and interval, and what those numbers mean."""
        year, per_hour = self._year, self._per_hour
        day_code, numbers = rows.coded_days()
        hour_code, hours = _of_a_day(*rows.coded_hours(), most=25)
        if per_hour == 1:
            interval_code, intervals = None, np.ones(1, dtype=np.int64)
        else:
            interval_code, intervals = _of_a_day(*rows.coded_intervals("interval"), most=per_hour)
        label = day_code.astype(np.int64) * len(hours) + hour_code
        if interval_code is not None:
            label = label * len(intervals) + interval_code
        dated = numbers != NO_VALUE
        day = np.where(dated, numbers - year.first_day, -1)
        inside = (day >= 0) & (day < year.days)
        safe = np.where(inside, day, 0)
        change = inside & year.is_clock_change(safe)
        hour = year.ordinary_hours(safe[:, None], hours[None, :])
        hour[~inside | change] = NOWHERE
        good = (intervals >= 1) & (intervals <= per_hour)
        step = np.where((hour[:, :, None] >= 0) & good, hour[:, :, None] * per_hour + intervals - 1, NOWHERE)
        each = len(hours) * len(intervals)
        return label, _Times(
            day=np.repeat(day, each),
            step=step.ravel(),
            dated=np.repeat(dated, each),
            inside=np.repeat(inside, each),
            change=np.repeat(change, each),
        )

    def _interval(self, rows: Rows) -> IntArray:
        if self._per_hour == 1:
            return np.zeros(rows.count, dtype=np.int64)
        number = rows.intervals("interval")
        return np.where((number >= 1) & (number <= self._per_hour), number - 1, NOWHERE)

    def _hold_back(self, rows: Rows, label: IntArray, times: "_Times") -> None:
        """Keep the rows of clock-change days, strangers' too: what a label means there depends on all labels of the day."""
        change = times.change[label]
        rows, day = rows.keep(change), times.day[label[change]]
        series = self._codes.translate(*rows.texts(self._key))
        placed = self._place(rows, series, np.zeros(rows.count, dtype=np.int64))
        flags = rows.flags("repeated_hour")
        self._change_days.append((day, rows.hours(), self._interval(rows), flags, series, placed))

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
            self._key: repeated_text(name, len(self._time)),
            "interval_start": self._time,
            "operating_day": self._day,
            **columns,
        }


def repeated_text(text: str, rows: int) -> pa.Array:
    """A text column that says the same in every row."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), pa.array([text], pa.string()))


def labels_array(codes: CodeArray, texts: Sequence[str]) -> pa.Array:
    """A text column of few values from codes, null where the code is -1; its dictionary holds those that occur."""
    occurs = np.bincount(codes + 1, minlength=len(texts) + 1)[1:] > 0
    narrow = np.append(np.cumsum(occurs) - 1, -1).astype(np.int32)[codes]
    used = [text for text, there in zip(texts, occurs, strict=True) if there]
    return pa.DictionaryArray.from_arrays(pa.array(narrow, mask=codes < 0), pa.array(used, pa.string()))
