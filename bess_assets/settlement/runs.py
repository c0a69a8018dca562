"""SCED runs and metered quarter-hours: means by quarter-hour of what the rows of each run say.

A run is one solution of SCED. Its readings lie on lines (lines.py); its base points and awards hold until the next run of the dataset, at most 900 s.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray, SecondsArray
from bess_assets.ercot.calendar import OperatingYear, day_ranges
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.evidence import TimeEvidence
from bess_assets.ercot.parsing import NO_VALUE, Rows, read_rows
from bess_assets.ercot.products import SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.rollup_names import parts_of_one
from bess_assets.ercot.rows import Codes, Counted, DayLog, Times, YearRows, report_dataset
from bess_assets.ercot.step import Findings, Inputs
from bess_assets.settlement.grid import Scatter
from bess_assets.settlement.lines import LONGEST_HOLD_SECONDS, LONGEST_LINE_SECONDS, Course
from bess_assets.settlement.run_prices import RunPrices, hold_ends
from bess_assets.threads import in_order

LEAST_SECONDS = 0.5 * SECONDS_PER_QUARTER_HOUR
"""How long a quarter-hour must be observed for its energy to be known."""
_STEPS_AT_A_TIME = 2**18
Kind = Literal["gen", "load", "esr"]  # of resource, as in the names of the datasets
TELEMETRY: dict[Kind, str] = {"gen": "output_mw", "load": "consumption_mw", "esr": "output_mw"}
"""Column of the telemetered MW by kind of resource."""
LEAST_INSTRUCTION_MW = 1.0  # a base point over this should show in the readings of a day

_NO_RUNS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Means:
    """Time-weighted means of a quantity over its known seconds of each quarter-hour; arrays of the shape (series, quarter-hours).

    Attributes:
        positive: mean of its positive part, NaN below the least coverage.
        negative: mean of its negative part, >= 0, NaN likewise.
        seconds: how long it is known.
        paid: mean of quantity x run price, NaN where not every known second has a price; None where none were given.
    """

    positive: FloatArray
    negative: FloatArray
    seconds: SecondsArray
    paid: FloatArray | None = None


@dataclass(frozen=True)
class Window:
    """Runs of a stretch of the year, with the values of the known series.

    Attributes:
        first: first quarter-hour that the window answers for.
        last: one past the last.
        runs: positions in the year's runs of the rows of the grids; they reach as far outside the window as a line can.
        hold_until: end of a reading of each run where no line leaves it, UTC seconds; shape (runs of the window,).
        grids: values by name; shape (runs of the window, series).
    """

    first: int
    last: int
    runs: slice
    hold_until: IntArray
    grids: dict[str, FloatArray]


@dataclass(frozen=True)
class _FileRuns:
    """What the times of one file say of a year: starts in UTC seconds, ascending; row group, first and last start of each batch; days; odd rows; clock."""

    starts: IntArray
    groups: list[tuple[int, int, int]]
    days: IntArray
    counted: Counted
    evidence: TimeEvidence


@lru_cache(maxsize=8)
def _file_runs(year_number: int, dataset: str, path: Path, _mark: object) -> _FileRuns:
    """Read the times of a file, once for all readers while its mark stays: the registry and the dispatch of a year need them."""
    year = OperatingYear(year_number)
    starts, days, groups, counted = [_NO_RUNS], [_NO_RUNS], list[tuple[int, int, int]](), Counted()
    evidence = TimeEvidence(DATASETS[dataset], path)
    for rows in read_rows(DATASETS[dataset], path, [], timed=True):
        times = Times.of(rows, year)
        times.add_to(evidence)
        counted.unusable_time += times.unusable
        counted.ambiguous += times.ambiguous
        days.append(times.held)
        utc = times.utc[(times.rows > 0) & (times.utc >= 0)]
        if len(utc):
            groups.append((rows.group, int(utc.min()), int(utc.max())))
            starts.append(utc)
    evidence.compact()
    return _FileRuns(np.unique(np.concatenate(starts)), groups, np.unique(np.concatenate(days)), counted, evidence)


class RunReader:
    """Reads one SCED dataset of the year for some resources.

    A first pass takes only the times: the runs, and where in the files each stretch of the year lies. A second pass takes the values, a window at a time.

    Attributes:
        starts: start of each run of the year, of any resource, UTC seconds, ascending.
        log: days held; by series after the windows were read.
        flagless: True if nothing tells the two halves of the repeated hour apart.
        counted: what was odd about the rows of the resources.
    """

    def __init__(self, inputs: Inputs, dataset: str, names: Sequence[str], numbers: Sequence[str]) -> None:
        self._inputs, self._year, self._dataset = inputs, inputs.year, DATASETS[dataset]
        self._names, self._numbers = list(names), list(numbers)
        self.log = DayLog(inputs.year, len(self._names), beyond=inputs.rollups.goes_beyond(dataset, inputs.year.year))
        self.counted, starts = Counted(), [_NO_RUNS]
        self._files = {
            path: _file_runs(inputs.year.year, dataset, path, inputs.rollups.mark(path))
            for path in inputs.rollups.files(dataset, inputs.year.year)
        }
        for file in self._files.values():
            self.log.saw_days(file.days)
            self.counted.unusable_time += file.counted.unusable_time
            self.counted.ambiguous += file.counted.ambiguous
            starts.append(file.starts)
        for _, parts in groupby(self._files, parts_of_one):
            paths = list(parts)
            evidence = TimeEvidence(self._dataset, paths[0])
            for path in paths:
                evidence.join(self._files[path].evidence)
            evidence.judge()
            self.counted.whole_minutes += evidence.whole_minutes
        self.starts = np.unique(np.concatenate(starts))
        first_hour = self._year.start + self._year.repeated_quarter_hours.start * SECONDS_PER_QUARTER_HOUR
        first, second, end = np.searchsorted(self.starts, np.add(first_hour, [0, 3_600, 7_200]))
        # a flag that is N all day tells as little as no flag
        self.flagless = self.counted.ambiguous > 0 or (second > first and second == end)
        if self.flagless:
            self.counted.ambiguous += int(second - first)
            self.starts = np.delete(self.starts, slice(first, second))

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
        low, high = np.searchsorted(
            self.starts, self._year.start + SECONDS_PER_QUARTER_HOUR * bounds[[first_day, last_day]]
        )
        threads = self._inputs.threads
        total = int(high - low) * 8 * max(len(self._names), 1) * max(len(self._numbers), 1)
        count = min(max(threads, -(-total * threads // self._inputs.block_bytes)), last_day - first_day)
        edges = 4 * self._year.day_first_hour[np.linspace(first_day, last_day, count + 1).astype(np.int64)]

        def read(stretch: tuple[int, int]) -> Counted:
            window, counted = self._window(*stretch, edges[[0, -1]])
            work(window)
            return counted

        for counted in in_order(threads, read, pairwise(edges.tolist())):
            self.counted.add(counted)

    def _window(self, first: int, last: int, era: IntArray) -> tuple[Window, Counted]:
        """A window, and what was odd about its rows; no line crosses the ends of the era, given as quarter-hours."""
        own_from, own_to = (self._year.start + n * SECONDS_PER_QUARTER_HOUR for n in (first, last))
        era_begin, era_end = (int(at) for at in self._year.start + era * SECONDS_PER_QUARTER_HOUR)
        begin, end = max(own_from - LONGEST_LINE_SECONDS, era_begin), min(own_to + LONGEST_LINE_SECONDS, era_end)
        low, high = (int(n) for n in np.searchsorted(self.starts, [begin, end]))
        own = slice(*(int(n) for n in np.searchsorted(self.starts, [own_from, own_to])))
        scatter = Scatter(high - low, len(self._names), self._numbers)
        codes, counted, columns = Codes(self._names), Counted(), ["resource_name", *self._numbers]
        for path, file in self._files.items():
            groups = sorted({group for group, earliest, latest in file.groups if latest >= begin and earliest < end})
            if groups:
                for rows in read_rows(self._dataset, path, columns, counted.numbers, groups, timed=True):
                    self._put(scatter, codes, rows, low, own, high, counted)
        runs = slice(low, high)
        return Window(first, last, runs, self._hold_until(runs, era_end), scatter.grids), counted

    def _hold_until(self, runs: slice, edge: int) -> IntArray:
        """Ends of readings that no line leaves: the next run of any resource, at most 900 s, never in a day without rows.

        The last reading before an edge of the era holds to the edge.
        """
        starts = self.starts[runs]
        longest = starts + LONGEST_HOLD_SECONDS
        next_run = np.append(self.starts, edge)[runs.start + 1 : runs.stop + 1]
        midnights = self._year.start + 3_600 * self._year.day_first_hour
        day = np.searchsorted(midnights, starts, side="right")
        next_is_empty = ~np.append(self.log.days, False)[day]
        end: IntArray = np.minimum(longest, next_run)
        end[next_is_empty] = np.minimum(end, midnights[day])[next_is_empty]
        last = edge - starts <= LONGEST_LINE_SECONDS
        end[last] = np.minimum(longest, edge)[last]
        return end

    def _put(
        self, scatter: Scatter, codes: Codes, rows: Rows, low: int, own: slice, high: int, counted: Counted
    ) -> None:
        known, series = codes.find(*rows.texts("resource_name"))
        if not len(series):
            return
        times = Times.of(rows, self._year)
        label = times.of_row[known]
        self.log.saw(times.index[label], series)
        place = np.searchsorted(self.starts[low:high], times.utc)
        there = np.append(self.starts[low:high], NO_VALUE)[place] == times.utc
        run = np.where(there, low + place, -1)[label]
        wanted = run >= 0
        rows, run, series = rows.keep(np.flatnonzero(known)[wanted]), run[wanted], series[wanted]
        values = {name: _value(rows, name) for name in self._numbers}
        # runs that only reach into the window are counted with the window that they are in
        scatter.put(run - low, series, values, counted, (run >= own.start) & (run < own.stop))

    def means(self, window: Window, readings: FloatArray, base_point: FloatArray) -> Means:
        """Means over a window of readings on lines, through the base points where they are far apart.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        time, known = self.starts[window.runs], ~np.isnan(readings)
        self._note_days(time, known, readings, base_point)
        shape = (readings.shape[1], window.last - window.first)
        found = Means(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int16))
        for run, group in _alike(known):
            course = Course.of(time[run], window.hold_until[run], self._begin(window), shape[1])
            found.seconds[group] = course.seconds * self._told_apart(window)
            enough = np.flatnonzero(found.seconds[group[0]] >= LEAST_SECONDS)
            for n in group:
                integrals = course.integrals(*(grid[:, n].take(run) for grid in (readings, base_point)))
                for means, integral in zip((found.positive, found.negative), integrals, strict=True):
                    means[n, enough] = integral[enough] / course.seconds[enough]
        return found

    def held_means(self, window: Window, values: FloatArray, prices: tuple[RunPrices, int] | None = None) -> Means:
        """Means over a window of steps: each value holds until the next run of any resource, or of the prices of a product, given by its position.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        others = prices[0].only_here if prices else _NO_RUNS
        until = hold_ends(self.starts, others, self._year.end)[window.runs]
        cells = window.last - window.first
        # a step ends at the same time for all resources: one course cuts those of all
        course = Course.of(self.starts[window.runs], until, self._begin(window), cells, lines=False)
        shape = (values.shape[1], cells)
        paid = np.full(shape, np.nan) if prices else None
        found = Means(np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=np.int16), paid)
        if not len(course.cell):
            return found
        edges = np.flatnonzero(np.diff(course.cell, prepend=-1))
        here, length = course.cell[edges], course.length[:, None]
        weight, priced = prices[0].integrals(prices[1], course.first, course.last) if prices else (length, length)
        told_apart = self._told_apart(window)[here, None]
        total = partial(np.add.reduceat, indices=edges, axis=0)
        width = max(_STEPS_AT_A_TIME // len(course.cell), 1)
        for first in range(0, shape[0], width):
            own = slice(first, first + width)
            step = values[:, own].take(course.begin, axis=0)
            known = ~np.isnan(step)
            step[~known] = 0.0
            seconds = total(known * length)
            enough = seconds * told_apart >= LEAST_SECONDS
            found.seconds[own, here] = (seconds * told_apart).T
            net = total(step * length)
            positive = total(np.maximum(step, 0.0) * length) if step.min() < 0 else net
            parts = [(found.positive, positive), (found.negative, positive - net)]
            if paid is not None:
                all_priced = enough & (total(known * priced[:, None]) >= seconds)
                parts.append((paid, np.where(all_priced, total(step * weight[:, None]), np.nan)))
            for means, integral in parts:
                means[own, here] = np.where(enough, integral / np.maximum(seconds, 1.0), np.nan).T
        return found

    def _begin(self, window: Window) -> int:
        return self._year.start + window.first * SECONDS_PER_QUARTER_HOUR

    def _told_apart(self, window: Window) -> BoolArray:
        """Whether each quarter-hour of a window lies outside the repeated hour, or something tells its two halves apart."""
        place = np.arange(window.first, window.last)
        twice = self._year.repeated_quarter_hours
        return ~(self.flagless & (place >= twice.start) & (place < twice.stop))

    def at_ends(self, window: Window, values: FloatArray) -> FloatArray:
        """Readings at the ends of the window's quarter-hours, on lines; NaN where none passes; shape (series, quarter-hours)."""
        time = self.starts[window.runs]
        ends = self._year.start + SECONDS_PER_QUARTER_HOUR * np.arange(window.first + 1, window.last + 1)
        found = np.full((values.shape[1], len(ends)), np.nan)
        for run, group in _alike(~np.isnan(values)):
            around = np.pad(time[run], 1, constant_values=(0, 2**62))
            gap = around[np.searchsorted(around, ends)] - around[np.searchsorted(around, ends, side="right") - 1]
            for n in group:
                on_line = np.interp(ends, time[run], values[:, n].take(run))
                found[n] = np.where(gap > LONGEST_LINE_SECONDS, np.nan, on_line)
        return found

    def _note_days(self, time: IntArray, known: BoolArray, values: FloatArray, base_point: FloatArray) -> None:
        day = np.searchsorted(self._year.start + 3_600 * self._year.day_first_hour, time, side="right") - 1
        self.counted.moving.update(day[(known & (values != 0)).any(axis=1)].tolist())
        far = (base_point > LEAST_INSTRUCTION_MW) | (base_point < -LEAST_INSTRUCTION_MW)
        self.counted.instructed.update(day[(known & far).any(axis=1)].tolist())

    def report(self, findings: Findings) -> None:
        """Add what is absent or could not be used; call after the windows were read."""
        report_dataset(findings, self._dataset, [*self._files], ["resource_name", *self._numbers])
        self.counted.report(findings, self._dataset, self._numbers)
        idle = np.array(sorted(self.counted.instructed - self.counted.moving), dtype=np.int64)
        findings.add("zero_readings", self._dataset.name, len(idle), day_ranges(self._year.first_day + idle))
        self.log.report(findings, self._dataset)


def hourly_maxima(
    inputs: Inputs, dataset: str, names: Sequence[str], numbers: Sequence[str]
) -> tuple[dict[str, FloatArray], YearRows]:
    """Largest value of the rows of each hour by number column, NaN where none, shape (series, hours); and the reader, which has what was odd."""
    maxima = {name: np.full((len(names), inputs.year.hours), np.nan) for name in numbers}
    reader = YearRows(inputs, dataset, Codes(names), numbers=numbers)
    for rows in reader:
        for name, grid in maxima.items():
            np.fmax.at(grid, (rows.series, rows.step), rows.numbers[name])
    return maxima, reader


def _alike(known: BoolArray) -> Iterator[tuple[IntArray, list[int]]]:
    """Runs of the known values, and the series that have values in just these, where there are any; shape of known (runs, series)."""
    by_series = np.ascontiguousarray(known.T)
    alike = defaultdict[bytes, list[int]](list)
    for n, of_series in enumerate(by_series):
        alike[of_series.tobytes()].append(n)
    for group in alike.values():
        if len(run := np.flatnonzero(by_series[group[0]])):
            yield run, group


def _value(rows: Rows, name: str) -> FloatArray:
    """A number column; a blank award is no award, where the file has the column at all."""
    values = rows.numbers(name)
    if not name.endswith("_award_mw") or not rows.has(name):
        return values
    absent = rows.absent([name]).get(name, np.zeros(1, dtype=bool))
    return np.where(np.isnan(values) & ~absent, 0.0, values)


def read_metering(
    inputs: Inputs, names: Sequence[str], normal: Callable[[str], str] | None = None
) -> tuple[FloatArray, YearRows]:
    """Settlement metered net energy (SMNE) of some resources; `normal` says which of them the name of a meter means.

    Returns:
        MWh by quarter-hour, positive to the grid, NaN where there is no row, shape (series, quarter-hours); and the reader, which has what was odd.
    """
    reader = YearRows(inputs, "sced_smne", Codes(names, normal), numbers=["energy_mwh"])
    scatter = Scatter(len(names), inputs.year.quarter_hours, ["energy_mwh"])
    for rows in reader:
        scatter.put(rows.series, rows.step, rows.numbers, reader.counted)
    return scatter.grids["energy_mwh"], reader
