"""SCED runs: telemetered values held from run to run, and their means by quarter-hour.

Belongs here: reading the three SCED datasets and settlement metering, the hold of section 3.3 of the market reference (methodology, "Telemetry to energy").
Does not: which quantity a battery's energy is taken from (dispatch.py), pairing (pairing.py), money.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.calendar import AMBIGUOUS, OperatingYear
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.parsing import NO_VALUE, FileCount, Rows, read_rows
from bess_assets.ercot.step import Findings, Inputs
from bess_assets.settlement.grid import Codes, DayLog, Scatter, report_dataset

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
CodeArray = npt.NDArray[np.integer]
SecondsArray = npt.NDArray[np.int16]

LONGEST_HOLD_SECONDS = 900
"""A telemetered value holds until the next run, at most this long."""
LEAST_COVERAGE = 0.5
"""Share of a quarter-hour that must be observed for its energy to be known."""
_QUARTER_HOUR = 900
_NO_DAY = np.iinfo(np.int64).min // 2
"""Day index of a blank stamp: outside every year."""


@dataclass(frozen=True)
class Pieces:
    """Runs cut at quarter-hour boundaries, in time order.

    Attributes:
        run: which run's value holds; shape (pieces,).
        quarter_hour: position of the quarter-hour; shape (pieces,).
        seconds: how long; shape (pieces,).
        turn: 0 for a quarter-hour's first piece, 1 for its second, ..; shape (pieces,).
    """

    run: IntArray
    quarter_hour: IntArray
    seconds: IntArray
    turn: IntArray


def cut_runs(year: OperatingYear, starts: IntArray) -> Pieces:
    """Cut the time that each run's values hold into quarter-hours.

    Args:
        year: the operating year; nothing holds past its end.
        starts: start of each run, UTC seconds, ascending and distinct; shape (runs,).

    Source: ERCOT Nodal Protocols 6.6.3 settles real-time energy by 15-minute interval; that a run holds until the next one, at most 15 minutes, is our reading.
    """
    ends = np.minimum(np.r_[starts[1:], year.end], starts + LONGEST_HOLD_SECONDS)
    first = (starts - year.start) // _QUARTER_HOUR
    boundary = np.minimum(year.start + (first + 1) * _QUARTER_HOUR, ends)
    run = np.arange(len(starts), dtype=np.int64)
    spills = ends > boundary
    run = np.concatenate([run, run[spills]])
    quarter_hour = np.concatenate([first, first[spills] + 1])
    seconds = np.concatenate([boundary - starts, (ends - boundary)[spills]])
    order = np.lexsort((run, quarter_hour))
    run, quarter_hour, seconds = run[order], quarter_hour[order], seconds[order]
    inside = quarter_hour < year.quarter_hours
    run, quarter_hour, seconds = run[inside], quarter_hour[inside], seconds[inside]
    begins = np.flatnonzero(np.r_[True, quarter_hour[1:] != quarter_hour[:-1]]) if len(run) else np.empty(0, np.int64)
    turn = np.arange(len(run)) - np.repeat(begins, np.diff(np.r_[begins, len(run)]))
    return Pieces(run, quarter_hour, seconds, turn)


@dataclass(frozen=True)
class Means:
    """Time-weighted means of a held quantity over the observed seconds of each quarter-hour.

    Attributes:
        positive: mean of its positive part, NaN below the least coverage; shape (quarter-hours, series).
        negative: mean of its negative part, >= 0, NaN likewise; shape (quarter-hours, series).
        seconds: how long it was observed; shape (quarter-hours, series).
    """

    positive: FloatArray
    negative: FloatArray
    seconds: SecondsArray

    @property
    def coverage(self) -> FloatArray:
        """Share of the quarter-hour observed, 0 to 1."""
        return coverage_of(self.seconds)


def coverage_of(seconds: SecondsArray) -> FloatArray:
    """Share of a quarter-hour, 0 to 1, that so many observed seconds are."""
    return seconds / float(_QUARTER_HOUR)


def hold(pieces: Pieces, values: FloatArray, first: int, last: int) -> Means:
    """Means of held values over the quarter-hours first..last-1.

    Args:
        pieces: runs cut at quarter-hours.
        values: value of each run, NaN where unobserved; shape (runs, series).
        first: first quarter-hour wanted.
        last: one past the last.

    Returns:
        Means of shape (last - first, series). From a coverage of 0.5 up a mean is taken over the observed seconds; below it is NaN.
    """
    shape = (last - first, values.shape[1])
    positive, negative = np.zeros(shape), np.zeros(shape)
    seconds = np.zeros(shape, dtype=np.float32)  # whole numbers up to 900
    low, high = np.searchsorted(pieces.quarter_hour, [first, last])
    turn = pieces.turn[low:high]
    for n in range(int(turn.max()) + 1 if len(turn) else 0):
        here = low + np.flatnonzero(turn == n)
        at = pieces.quarter_hour[here] - first
        value = values[pieces.run[here]]
        length = pieces.seconds[here, None]
        observed = ~np.isnan(value)
        seconds[at] += observed * length.astype(np.float32)
        value[~observed] = 0.0
        value *= length
        # most quantities are never negative
        if (value < 0).any():
            negative[at] += np.maximum(-value, 0.0)
            np.maximum(value, 0.0, out=value)
        positive[at] += value
    known = seconds >= LEAST_COVERAGE * _QUARTER_HOUR
    with np.errstate(invalid="ignore", divide="ignore"):
        return Means(
            positive=np.where(known, positive / seconds, np.nan),
            negative=np.where(known, negative / seconds, np.nan),
            seconds=seconds.astype(np.int16),
        )


@dataclass(frozen=True)
class _StampTable:
    """Times of the (stamp, flag) pairs of a batch.

    Attributes:
        pair: number of each row's pair; shape (rows,).
        utc: UTC seconds by pair, below zero where there is none.
        day_index: day of the stamp by pair.
        flag: the flag by pair: 1, 0, or -1 where it is blank.
    """

    pair: CodeArray
    utc: IntArray
    day_index: IntArray
    flag: IntArray


def _stamp_table(year: OperatingYear, rows: Rows) -> _StampTable:
    codes, local = rows.stamps("sced_stamp")
    flag_codes, flags = rows.coded_flags("repeated_hour")
    # nearly always one flag stands in a whole batch
    pair = codes if len(flags) == 1 else codes.astype(np.int64) * len(flags) + flag_codes
    known = local != NO_VALUE
    safe = np.where(known, local, 0)
    utc = np.stack([year.stamps_to_utc(safe, np.full(len(local), flag)) for flag in flags], axis=1)
    utc[~known] = -1
    day = np.where(known, safe // 86_400 - year.first_day, _NO_DAY)
    return _StampTable(pair, utc.ravel(), np.repeat(day, len(flags)), np.tile(flags, len(local)))


@dataclass(frozen=True)
class Window:
    """Runs of a stretch of the year, with the values of the known series.

    Attributes:
        first: first quarter-hour that the window answers for.
        last: one past the last.
        runs: positions in the year's runs of the rows of the grids.
        pieces: those runs cut at quarter-hours, numbered as the rows of the grids.
        grids: values by name; shape (runs of the window, series).
    """

    first: int
    last: int
    runs: slice
    pieces: Pieces
    grids: dict[str, FloatArray]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """First and one past the last quarter-hour of stretches small enough for a processor's cache."""
        for first in range(self.first, self.last, _BLOCK_QUARTER_HOURS):
            yield first, min(first + _BLOCK_QUARTER_HOURS, self.last)


@dataclass(frozen=True)
class _FileRuns:
    """What the stamps of one file say of a year.

    Attributes:
        starts: distinct starts of runs, UTC seconds, ascending.
        groups: row group, first and last start, of those that hold some of the year.
        days: distinct day indexes; they may lie outside the year.
        lost: rows whose stamp is blank or does not exist.
        ambiguous: rows of the repeated hour without a flag.
        flagless: True if the file has the autumn day and no flag.
        second_hour: True if a flag says the second 01:00 hour.
    """

    starts: IntArray
    groups: tuple[tuple[int, int, int], ...]
    days: IntArray
    lost: int
    ambiguous: int
    flagless: bool
    second_hour: bool


def _file_runs(year: OperatingYear, dataset: str, path: Path) -> _FileRuns:
    """Read the stamps of a file, once for all who ask while it stays as it is: the registry and the dispatch of a year do."""
    stat = path.stat()
    return _read_runs(year.year, dataset, path, stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=8)
def _read_runs(year_number: int, dataset: str, path: Path, _size: int, _changed: int, _inode: int) -> _FileRuns:
    year = OperatingYear(year_number)
    seen: list[IntArray] = []
    groups: dict[int, tuple[int, int]] = {}
    days: list[IntArray] = []
    lost = ambiguous = 0
    flagless = second_hour = False
    for rows in read_rows(DATASETS[dataset], path, ["sced_stamp", "repeated_hour"]):
        table = _stamp_table(year, rows)
        counts = np.bincount(table.pair, minlength=len(table.utc))
        present = counts > 0
        counts, utc, day, flag = counts[present], table.utc[present], table.day_index[present], table.flag[present]
        concerns_us = ((day >= 0) & (day < year.days)) | (day == _NO_DAY)
        lost += int(counts[(utc < 0) & (utc != AMBIGUOUS) & concerns_us].sum())
        ambiguous += int(counts[utc == AMBIGUOUS].sum())
        days.append(np.unique(day))
        autumn = day == year.autumn_day
        flagless |= bool(autumn.any()) and not rows.has("repeated_hour")
        second_hour |= bool((autumn & (flag == 1)).any())
        utc = utc[utc >= 0]
        if len(utc):
            low, high = groups.get(rows.group, (int(utc[0]), int(utc[0])))
            groups[rows.group] = (min(low, int(utc.min())), max(high, int(utc.max())))
            seen.append(np.unique(utc))
    nothing = np.empty(0, dtype=np.int64)
    return _FileRuns(
        starts=np.unique(np.concatenate(seen)) if seen else nothing,
        groups=tuple((group, low, high) for group, (low, high) in groups.items()),
        days=np.unique(np.concatenate(days)) if days else nothing,
        lost=lost,
        ambiguous=ambiguous,
        flagless=flagless,
        second_hour=second_hour,
    )


@dataclass
class Counted:
    """What the rows of some resources came to, while a reader takes them.

    Attributes:
        numbers: rows, and numbers that cannot be used.
        repeats: rows that say the same as a later one.
        contradictions: rows that a later one overrules.
        lost: metered intervals that do not exist in the calendar.
        ambiguous: metered intervals of the autumn day without a number.
    """

    numbers: FileCount = field(default_factory=FileCount)
    repeats: int = 0
    contradictions: int = 0
    lost: int = 0
    ambiguous: int = 0

    def add(self, other: "Counted") -> None:
        """Count the rows of other resources of the same files, too."""
        self.numbers.add(other.numbers)
        self.repeats += other.repeats
        self.contradictions += other.contradictions
        self.lost += other.lost
        self.ambiguous += other.ambiguous

    def report(self, findings: Findings, dataset: str, names: Sequence[str]) -> None:
        """Add numbers that cannot be used, in the order of the columns, and repeated rows."""
        for name in names:
            findings.add("unusable_numbers", dataset, self.numbers.unusable_numbers.get(name, 0), name)
        findings.add("duplicate_rows", dataset, self.repeats, "equal rows", warning=False)
        findings.add("contradicting_rows", dataset, self.contradictions, "the later row was taken")


class RunReader:
    """Reads one SCED dataset of the year for some resources.

    A first pass takes only the stamps: the runs, and where in the files each stretch of the year lies. A second pass takes the values, a window at a time.

    Attributes:
        dataset: which one, by its canonical name.
        starts: start of each run of the year, of any resource, UTC seconds, ascending.
        pieces: the runs cut at quarter-hours.
        log: days held; by series after the windows were read.
        flagless: True if a file without a repeated-hour flag holds the autumn day.
        columns: canonical columns that some file of the dataset has.
        counted: what the rows of the resources came to.
    """

    def __init__(self, inputs: Inputs, dataset: str, names: Sequence[str], numbers: Sequence[str]) -> None:
        """Take the first pass."""
        self._inputs = inputs
        self._year = inputs.year
        self.dataset = dataset
        self._dataset = DATASETS[dataset]
        self._names = list(names)
        self._numbers = list(numbers)
        self._paths = inputs.rollups.files(dataset, inputs.year.year)
        self.log = DayLog(inputs.year, len(self._names), beyond=inputs.rollups.goes_beyond(dataset, inputs.year.year))
        self.columns: set[str] = set()
        self.counted = Counted()
        self._files = {path: _file_runs(inputs.year, dataset, path) for path in self._paths}
        found = self._files.values()
        for file in found:
            self.log.saw_days(file.days)
        self._lost = sum(file.lost for file in found)
        self._ambiguous = sum(file.ambiguous for file in found)
        self.flagless = any(file.flagless for file in found)
        self.starts = self._all_starts()
        self.pieces = cut_runs(self._year, self.starts)

    def _all_starts(self) -> IntArray:
        files = self._files.values()
        starts = np.unique(np.concatenate([file.starts for file in files])) if files else np.empty(0, dtype=np.int64)
        first_hour = self._year.start + self._year.repeated_quarter_hours.start * _QUARTER_HOUR
        labelled = (starts >= first_hour) & (starts < first_hour + 3_600)
        if self._ambiguous or (labelled.any() and not any(file.second_hour for file in files)):
            # a flag that is N all day tells as little as no flag
            self.flagless = True
            self._ambiguous += int(labelled.sum())
            starts = starts[~labelled]
        return starts

    def each_window(self, work: Callable[[Window], None], begin: int = 0, end: int | None = None) -> None:
        """Read the days from one quarter-hour to another in windows, and do some work on each.

        Windows are read and worked on in as many threads as `Inputs.threads`; all that are in memory together take `Inputs.block_bytes`. Each file's row
        groups are read for the windows they touch.

        Args:
            work: what to do with a window; it must not touch what the work on another window does.
            begin: first quarter-hour wanted, a midnight.
            end: one past the last, a midnight; the year's end if not given.
        """
        bounds = 4 * self._year.day_first_hour
        first_day, last_day = (
            int(np.searchsorted(bounds, at)) for at in (begin, self._year.quarter_hours if end is None else end)
        )
        low, high = np.searchsorted(self.starts, self._year.start + _QUARTER_HOUR * bounds[[first_day, last_day]])
        run_bytes = 8 * max(len(self._names), 1) * max(len(self._numbers), 1)
        threads = self._inputs.threads
        total = int(high - low) * run_bytes
        count = min(max(threads, -(-total * threads // self._inputs.block_bytes)), last_day - first_day)
        edges = 4 * self._year.day_first_hour[np.linspace(first_day, last_day, count + 1).astype(np.int64)]

        def read(first: int, last: int) -> Counted:
            window, counted = self._window(first, last)
            work(window)
            return counted

        with ThreadPoolExecutor(threads, thread_name_prefix="window") as pool:
            done = [pool.submit(read, int(first), int(last)) for first, last in pairwise(edges)]
            try:
                for future in done:
                    self.counted.add(future.result())
            finally:
                pool.shutdown(cancel_futures=True)

    def _window(self, first: int, last: int) -> tuple[Window, Counted]:
        """A window, and what its rows came to."""
        begin = self._year.start + first * _QUARTER_HOUR - LONGEST_HOLD_SECONDS
        end = self._year.start + last * _QUARTER_HOUR
        low, own, high = (int(n) for n in np.searchsorted(self.starts, [begin, begin + LONGEST_HOLD_SECONDS, end]))
        scatter = Scatter(high - low, len(self._names), self._numbers)
        codes, counted = Codes(self._names), Counted()
        columns = ["sced_stamp", "repeated_hour", "resource_name", *self._numbers]
        for path, file in self._files.items():
            groups = sorted(group for group, earliest, latest in file.groups if latest >= begin and earliest < end)
            if groups:
                for rows in read_rows(self._dataset, path, columns, counted.numbers, groups):
                    self._put(scatter, codes, rows, low, own, high)
        window = Window(first, last, slice(low, high), self._pieces(low, high), scatter.grids)
        counted.repeats, counted.contradictions = scatter.repeats, scatter.contradictions
        return window, counted

    def _pieces(self, low: int, high: int) -> Pieces:
        own = (self.pieces.run >= low) & (self.pieces.run < high)
        return Pieces(
            self.pieces.run[own] - low, self.pieces.quarter_hour[own], self.pieces.seconds[own], self.pieces.turn[own]
        )

    def _put(self, scatter: Scatter, codes: Codes, rows: Rows, low: int, own: int, high: int) -> None:
        self.columns.update(name for name in (*self._numbers, "resource_name") if rows.has(name))
        known, series = codes.find(*rows.texts("resource_name"))
        if not len(series):
            return
        rows = rows.keep(known)
        table = _stamp_table(self._year, rows)
        self.log.saw(table.day_index[table.pair], series)
        place = np.minimum(np.searchsorted(self.starts, table.utc), max(len(self.starts) - 1, 0))
        run_of_pair = np.where(self.starts[place] == table.utc, place, -1) if len(self.starts) else table.utc * 0 - 1
        run = run_of_pair[table.pair]
        wanted = (run >= low) & (run < high)
        if not wanted.all():
            rows, run, series = rows.keep(wanted), run[wanted], series[wanted]
        values = {name: _value(rows, name) for name in self._numbers}
        # runs that only reach into the window are counted with the window before
        early = run < own
        if early.any():
            before = scatter.repeats, scatter.contradictions
            scatter.put(run[early] - low, series[early], {name: value[early] for name, value in values.items()})
            scatter.repeats, scatter.contradictions = before
            run, series = run[~early], series[~early]
            values = {name: value[~early] for name, value in values.items()}
        scatter.put(run - low, series, values)

    def means(self, window: Window, values: FloatArray, first: int | None = None, last: int | None = None) -> Means:
        """Means of held values over the quarter-hours first..last-1 of a window, or all of it.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        first, last = window.first if first is None else first, window.last if last is None else last
        means = hold(window.pieces, values, first, last)
        if self.flagless:
            twice = self._year.repeated_quarter_hours
            blank = slice(max(twice.start - first, 0), max(twice.stop - first, 0))
            means.positive[blank] = np.nan
            means.negative[blank] = np.nan
            means.seconds[blank] = 0
        return means

    def report(self, findings: Findings, *, first_day: int = 0) -> None:
        """Add what is absent or could not be used; call after the windows were read."""
        used = ["resource_name", *self._numbers]
        report_dataset(findings, self._dataset, self._paths, used)
        findings.add(
            "unusable_time", self._dataset.name, self._lost, "stamps that are blank or do not exist in the calendar"
        )
        findings.add(
            "ambiguous_hour",
            self._dataset.name,
            self._ambiguous,
            "stamps 01:xx of the autumn day without a repeated-hour flag",
        )
        self.counted.report(findings, self._dataset.name, self._numbers)
        self.log.report(findings, self._dataset.name, first_day)

    def hourly_maxima(self) -> dict[str, FloatArray]:
        """Largest value of each hour by number column, NaN where none; shape (series, hours)."""
        shape = (len(self._names), self._year.hours)
        maxima = {name: np.full(shape[0] * shape[1], np.nan) for name in self._numbers}
        codes = Codes(self._names)
        for path in self._paths:
            for rows in read_rows(
                self._dataset, path, ["sced_stamp", "repeated_hour", "resource_name", *self._numbers]
            ):
                known, series = codes.find(*rows.texts("resource_name"))
                chosen = rows.keep(known)
                table = _stamp_table(self._year, chosen)
                self.log.saw_days(table.day_index[np.bincount(table.pair, minlength=len(table.utc)) > 0])
                self.log.saw(table.day_index[table.pair], series)
                utc = table.utc[table.pair]
                wanted = utc >= 0
                chosen = chosen.keep(wanted)
                cell = series[wanted] * shape[1] + (utc[wanted] - self._year.start) // 3_600
                for name in self._numbers:
                    np.fmax.at(maxima[name], cell, chosen.numbers(name))
        return {name: grid.reshape(shape) for name, grid in maxima.items()}


_BLOCK_QUARTER_HOURS = 8 * 96


def _value(rows: Rows, name: str) -> FloatArray:
    """A number column; a blank award is no award, where the file has the column at all."""
    values = rows.numbers(name)
    if name.endswith("_award_mw") and rows.has(name):
        blank = np.isnan(values)
        absent = rows.absent([name]).get(name)
        return np.where(blank if absent is None else blank & ~absent, 0.0, values)
    return values


class MeterReader:
    """Reads settlement metered net energy (SMNE) of some generation resources.

    Attributes:
        log: days held, by series, after `read`.
        counted: what the rows of the resources came to.
    """

    def __init__(self, inputs: Inputs, names: Sequence[str]) -> None:
        """Say which resources are wanted."""
        self._year = inputs.year
        self._dataset = DATASETS["sced_smne"]
        self._paths = inputs.rollups.files("sced_smne", inputs.year.year)
        self._names = list(names)
        self.counted = Counted()
        self.log = DayLog(
            inputs.year, len(self._names), beyond=inputs.rollups.goes_beyond("sced_smne", inputs.year.year)
        )
        self._scatter = Scatter(
            len(self._names), inputs.year.quarter_hours if names and self._paths else 0, ["energy_mwh"]
        )

    def read(self) -> FloatArray:
        """MWh by quarter-hour, positive to the grid, NaN where there is no row; shape (series, quarter-hours).

        An interval is stamped with its end; Interval Number is its place in the day, and needs no flag. Without a number the stamp decides, except on the
        25-hour day, where it cannot.
        """
        year = self._year
        codes = Codes(self._names)
        columns = ["interval_end", "interval_number", "resource_name", "energy_mwh"]
        for path in self._paths:
            for rows in read_rows(self._dataset, path, columns, self.counted.numbers):
                code, local = rows.stamps("interval_end")
                known = local != NO_VALUE
                within = np.where(known, local - 1, 0)
                day_of_stamp = np.where(known, within // 86_400 - year.first_day, -(10**6))
                self.log.saw_days(np.unique(day_of_stamp[np.unique(code)]))
                series = codes.translate(*rows.texts("resource_name"))
                day = day_of_stamp[code]
                mine = (series >= 0) & (series < codes.known) & (day >= 0) & (day < year.days)
                if not mine.any():
                    continue
                rows, series, day = rows.keep(mine), series[mine], day[mine]
                self.log.saw(day, series)
                number = rows.intervals("interval_number")
                by_stamp = (within[code][mine] % 86_400) // _QUARTER_HOUR + 1
                unnumbered = number == NO_VALUE
                ambiguous = unnumbered & (day == year.autumn_day)
                number = np.where(unnumbered, year.stamped_numbers(day, by_stamp), number)
                place = np.where(ambiguous, -1, year.numbered_quarter_hours(day, number))
                self.counted.ambiguous += int(ambiguous.sum())
                good = place >= 0
                self.counted.lost += int((~good & ~ambiguous).sum())
                rows = rows.keep(good)
                self._scatter.put(series[good], place[good], {"energy_mwh": rows.numbers("energy_mwh")})
        self.counted.repeats, self.counted.contradictions = self._scatter.repeats, self._scatter.contradictions
        if self._paths and self._names:
            return self._scatter.grids["energy_mwh"]
        return np.full((len(self._names), year.quarter_hours), np.nan)

    def report(self, findings: Findings) -> None:
        """Add what is absent or could not be used; call after reading."""
        report_dataset(findings, self._dataset, self._paths, ["energy_mwh", "interval_number"])
        findings.add("unusable_time", self._dataset.name, self.counted.lost, "no such interval")
        findings.add(
            "ambiguous_hour",
            self._dataset.name,
            self.counted.ambiguous,
            "intervals of the autumn day without a number",
        )
        self.counted.report(findings, self._dataset.name, ["energy_mwh"])
        self.log.report(findings, self._dataset.name)
