"""SCED runs and metered quarter-hours: means by quarter-hour of what the rows of each run say.

A run is one solution of SCED. Its readings lie on lines (lines.py); its base points and awards hold until the next run of the dataset, at most 900 s.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.arrays import NO_VALUE, BoolArray, FloatArray, IntArray, SecondsArray, distinct
from bess_assets.ercot.calendar import day_ranges, operating_year
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.evidence import TimeEvidence
from bess_assets.ercot.footers import describe_files, report_dataset
from bess_assets.ercot.parsing import BATCH_ROWS, Rows, read_rows
from bess_assets.ercot.products import PRODUCTS, SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.rollup_names import parts_of_one
from bess_assets.ercot.rows import Codes, Counted, DayLog, Times, YearRows
from bess_assets.ercot.step import Findings, Inputs
from bess_assets.errors import WriteError
from bess_assets.settlement.grid import Scatter, UnnamedFile
from bess_assets.settlement.lines import (
    LONGEST_HOLD_SECONDS,
    LONGEST_LINE_SECONDS,
    Cells,
    Course,
    at_times,
)
from bess_assets.settlement.run_prices import RunPrices, hold_ends
from bess_assets.threads import in_order

LEAST_SECONDS = 0.5 * SECONDS_PER_QUARTER_HOUR
"""How long a quarter-hour must be observed for its energy to be known."""
_LEAST_WINDOW_BYTES = 2**24  # smaller ones cost more to begin than they spare
_NEVER = 2**62
Kind = Literal["gen", "load", "esr"]  # of resource, as in the names of the datasets
TELEMETRY: dict[Kind, str] = {"gen": "output_mw", "load": "consumption_mw", "esr": "output_mw"}
"""Column of the telemetered MW by kind of resource."""
LEAST_INSTRUCTION_MW = 1.0  # a base point over this should show in the readings of a day
LEAST_ALIKE = -0.2
"""Correlation about zero of a day's readings with their base points: below it they have the other sign. 0.57 to 0.90 on thirteen days of a real battery in
March 2026; from 0.07 on in simulated fleets of two batteries that are hardly instructed, else from 0.36 on."""
RIGHT_SIZE = 0.02, 50.0
"""Readings of a day over their base points by least squares; 0.63 to 0.89 and from 0.07 on there."""

_NO_RUNS = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Means:
    """Time-weighted means of a quantity over its known seconds of each quarter-hour; arrays of the shape (series, quarter-hours).

    Attributes:
        positive: mean of its positive part, NaN below the least coverage.
        negative: mean of its negative part, >= 0, NaN likewise.
        seconds: how long it is known.
    """

    positive: FloatArray
    negative: FloatArray
    seconds: SecondsArray


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


class _Span(NamedTuple):
    """A batch of rows of a file: how many, and their first and last run, UTC seconds."""

    path: Path
    group: int
    rows: int
    earliest: int
    latest: int


class _Part(NamedTuple):
    """A window that is complete once so many spans were read, and the runs that its grids need: those of all rows read by then."""

    spans: int
    first: int
    last: int
    runs: slice


@dataclass(frozen=True)
class _FileRuns:
    """What the times of one file say of a year: starts in UTC seconds, ascending; spans in file order; day indexes; odd rows; clock."""

    starts: IntArray
    spans: list[_Span]
    days: IntArray
    counted: Counted
    evidence: TimeEvidence


@lru_cache(maxsize=8)
def _file_runs(year_number: int, dataset: str, path: Path, _mark: object) -> _FileRuns:
    """Read the times of a file, once for all readers while its mark stays: the registry and the dispatch of a year need them."""
    year = operating_year(year_number)
    starts, days, spans, counted = [_NO_RUNS], [_NO_RUNS], list[_Span](), Counted()
    evidence = TimeEvidence(DATASETS[dataset], path)
    for rows in read_rows(DATASETS[dataset], path, [], timed=True):
        times = Times.of(rows, year)
        times.add_to(evidence)
        counted.odd_times(rows, times)
        days.append(times.held)
        utc = times.utc[(times.rows > 0) & (times.utc >= 0)]
        spans.append(_Span(path, rows.group, rows.count, int(utc.min(initial=_NEVER)), int(utc.max(initial=-1))))
        starts.append(utc)
    evidence.compact()
    return _FileRuns(distinct(np.concatenate(starts)), spans, distinct(np.concatenate(days)), counted, evidence)


class RunReader:
    """Reads one SCED dataset of the year for some resources.

    A first pass takes only the times: the runs, and where in the files each stretch of the year lies. A second pass takes the values, a window at a time.

    Attributes:
        starts: start of each run of the year, of any resource, UTC seconds, ascending.
        log: days held; by series after the windows were read.
        flagless: True if nothing tells the two halves of the repeated hour apart.
        counted: what was odd about the rows of the resources.
    """

    def __init__(
        self,
        inputs: Inputs,
        dataset: str,
        names: Sequence[str],
        numbers: Sequence[str],
        prices: RunPrices | None = None,
    ) -> None:
        """Read the times; the prices are those of the awards among the numbers."""
        self._prices = prices or RunPrices.none()
        self._inputs, self._year, self._dataset = inputs, inputs.year, DATASETS[dataset]
        self._names, self._numbers = list(names), list(numbers)
        self.log = DayLog(inputs.year, len(self._names), beyond=inputs.rollups.goes_beyond(dataset, inputs.year.year))
        self.counted, starts = Counted(), [_NO_RUNS]
        self._files = {
            path: _file_runs(inputs.year.year, dataset, path, inputs.rollups.mark(path))
            for path in inputs.rollups.files(dataset, inputs.year.year)
        }
        self._spans = [span for file in self._files.values() for span in file.spans]
        for file in self._files.values():
            self.log.saw_days(file.days)
            self.counted.unusable_time += file.counted.unusable_time
            self.counted.ambiguous += file.counted.ambiguous
            self.counted.add(file.counted)
            starts.append(file.starts)
        for _, parts in groupby(self._files, parts_of_one):
            paths = list(parts)
            evidence = TimeEvidence(self._dataset, paths[0])
            for path in paths:
                evidence.join(self._files[path].evidence)
            evidence.judge()
            self.counted.whole_minutes += evidence.whole_minutes
        self.starts = distinct(np.concatenate(starts))
        first_hour = self._year.start + self._year.repeated_quarter_hours.start * SECONDS_PER_QUARTER_HOUR
        first, second, end = np.searchsorted(self.starts, np.add(first_hour, [0, 3_600, 7_200]))
        # a flag that is N all day tells as little as no flag
        self.flagless = self.counted.ambiguous > 0 or (second > first and second == end)
        if self.flagless:
            self.counted.ambiguous += int(second - first)
            self.starts = np.delete(self.starts, slice(first, second))

    def each_window(self, work: Callable[[Window], None], begin: int = 0, end: int | None = None) -> None:
        """Read the days from one quarter-hour to another, and do some work on each window of them.

        Rows that are about in order of time are decoded once, and a window is worked on as soon as no row of it can follow. Rows in another order are
        decoded once for each stretch of the year whose grids fit in memory. Several windows are worked on at a time.

        Args:
            work: what to do with a window; it must not touch what the work on another window does.
            begin: first quarter-hour wanted, a midnight.
            end: one past the last, a midnight; the year's end if not given.
        """
        era = (begin, self._year.quarter_hours if end is None else end)
        for _ in in_order(self._inputs.threads, work, self._windows(era)):
            pass

    def _windows(self, era: tuple[int, int]) -> Iterator[Window]:
        """The windows of an era in order of time; no line crosses its ends."""
        kept = _kept(self._inputs, self._dataset.name, lambda: None)
        if kept and era == self._whole_year and kept.serves(self._names, self._numbers):
            self.counted.add(kept.counted)
            place = [kept.names.index(name) for name in self._names]
            self.log.saw(*np.nonzero(kept.held[place].T))
            yield from kept.windows(place)
            return
        for stretch in self._stretches(era, era):
            yield from self._read(stretch, era)

    @property
    def _whole_year(self) -> tuple[int, int]:
        return 0, self._year.quarter_hours

    def keep(self) -> None:
        """Read the whole year once, so that its windows need not be decoded again: by this reader, or the next step of this refresh that reads the dataset.

        Where the disk does not take them, they are decoded again.
        """

        def read() -> KeptRuns | None:
            times, self.counted = self.counted, Counted()
            try:
                kept = KeptRuns(self._inputs.scratch, self._names, self._numbers, self.counted)
                self.each_window(kept.put)
                kept.held = self.log.of_series.copy()
            except WriteError:
                return None
            finally:
                self.counted = times
            return kept

        _kept(self._inputs, self._dataset.name, read)

    def _stretches(self, stretch: tuple[int, int], era: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """The parts of a stretch whose windows fit in memory, each halved at a midnight until they do."""
        most_runs = max((part.runs.stop - part.runs.start for part in self._plan(stretch, era)[1]), default=0)
        midnights = 4 * self._year.day_first_hour
        inner = midnights[(midnights > stretch[0]) & (midnights < stretch[1])]
        if most_runs * self._run_bytes <= self._window_bytes or not len(inner):
            yield stretch
        else:
            middle = int(inner[len(inner) // 2])
            yield from self._stretches((stretch[0], middle), era)
            yield from self._stretches((middle, stretch[1]), era)

    @property
    def _window_bytes(self) -> int:
        """What a window may take: one is filled while others are worked on."""
        return self._inputs.block_bytes // (self._inputs.threads + 2)

    @property
    def _run_bytes(self) -> int:
        """What the values of a run take."""
        return max(len(self._names), 1) * (8 * max(len(self._numbers), 1) + 1)

    def _plan(self, stretch: tuple[int, int], era: tuple[int, int]) -> tuple[list[_Span], list[_Part]]:
        """The spans that reach into a stretch, with all of their row groups, and the windows that they make."""
        own_from, own_to, era_begin, era_end = map(self._second_of, (*stretch, *era))
        begin, end = max(own_from - LONGEST_LINE_SECONDS, era_begin), min(own_to + LONGEST_LINE_SECONDS, era_end)
        groups = {(s.path, s.group) for s in self._spans if s.latest >= begin and s.earliest < end}
        spans = [s for s in self._spans if (s.path, s.group) in groups]
        low, high = (int(n) for n in np.searchsorted(self.starts, [begin, end]))
        # no row of a run before it follows
        to_come = np.minimum.accumulate([_NEVER, *(s.earliest for s in reversed(spans))])[::-1]
        # batches of a row group may be cut elsewhere when values are read
        ends = np.cumsum([0, *(s.rows for s in spans)])
        ends_of_groups = {(s.path, s.group): n for n, s in enumerate(spans, start=1)}
        groups_read = [0, *(ends_of_groups[s.path, s.group] for s in spans)]
        touched = np.minimum(np.searchsorted(ends, ends + BATCH_ROWS), groups_read)
        reach = [low, *np.searchsorted(self.starts, [s.latest for s in spans], side="right").clip(low, high).tolist()]
        least = min(_LEAST_WINDOW_BYTES, self._window_bytes // 4)
        parts, done = list[_Part](), stretch[0]
        for n in range(len(spans) + 1):
            at_end = n == len(spans)
            settled = (int(to_come[n]) - LONGEST_LINE_SECONDS - self._year.start) // SECONDS_PER_QUARTER_HOUR
            last = stretch[1] if at_end else min(settled, stretch[1])
            first_run = int(np.searchsorted(self.starts, max(self._second_of(done) - LONGEST_LINE_SECONDS, era_begin)))
            read = max(reach[: touched[n] + 1])
            if last > done and (at_end or (read - first_run) * self._run_bytes >= least):
                parts.append(_Part(n, done, last, slice(first_run, max(read, first_run))))
                done = last
        return spans, parts

    def _second_of(self, quarter_hour: int) -> int:
        return self._year.start + SECONDS_PER_QUARTER_HOUR * quarter_hour

    def _read(self, stretch: tuple[int, int], era: tuple[int, int]) -> Iterator[Window]:
        """Read the row groups of a stretch once."""
        spans, parts = self._plan(stretch, era)
        own = slice(*(int(n) for n in np.searchsorted(self.starts, [*map(self._second_of, stretch)])))
        era_end, codes = self._second_of(era[1]), Codes(self._names)
        runs, done = parts[0].runs, 0
        scatter = Scatter(runs.stop - runs.start, len(self._names), self._numbers)
        with closing(self._batches(spans)) as read:
            for n, part in enumerate(parts):
                while done < part.spans:
                    done, rows = next(read)
                    self._put(scatter, codes, rows, runs.start, own)
                following = parts[n + 1].runs if n + 1 < len(parts) else slice(runs.stop, runs.stop)
                later = scatter.part(slice(following.start - runs.start, following.stop - runs.start))
                yield self._window(part, scatter, runs, era_end)
                runs, scatter = following, later

    def _batches(self, spans: Sequence[_Span]) -> Generator[tuple[int, Rows], None, None]:
        """Rows of the row groups of some spans, with the number of spans that were read by then."""
        columns, ends = ["resource_name", *self._numbers], np.cumsum([s.rows for s in spans])
        seen = 0
        for path in dict.fromkeys(s.path for s in spans):
            groups = list(dict.fromkeys(s.group for s in spans if s.path == path))
            for rows in read_rows(self._dataset, path, columns, self.counted.unusable, groups, timed=True):
                seen += rows.count
                yield int(np.searchsorted(ends, seen, side="right")), rows

    def _window(self, part: _Part, scatter: Scatter, runs: slice, era_end: int) -> Window:
        """A part as a window of those runs that its lines need."""
        last = int(np.searchsorted(self.starts, min(self._second_of(part.last) + LONGEST_LINE_SECONDS, era_end)))
        own = slice(runs.start, max(min(last, runs.stop), runs.start))
        grids = {name: grid[: own.stop - own.start] for name, grid in scatter.grids.items()}
        return Window(part.first, part.last, own, self._hold_until(own, era_end), grids)

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

    def _put(self, scatter: Scatter, codes: Codes, rows: Rows, first_run: int, own: slice) -> None:
        """Put rows into grids that begin with a run; runs outside the stretch are counted with the stretch that they are in."""
        known, series = codes.find(*rows.texts("resource_name"))
        if not len(series):
            return
        times = Times.of(rows, self._year)
        label = times.of_row[known]
        self.log.saw(times.index[label], series)
        starts = self.starts[first_run : first_run + len(scatter.present)]
        place = np.searchsorted(starts, times.utc)
        there = np.append(starts, NO_VALUE)[place] == times.utc
        run = np.where(there, place, -1)[label]
        if (run < 0).any():
            kept = np.flatnonzero(run >= 0)
            rows, run, series = rows.keep(np.flatnonzero(known)[kept]), run[kept], series[kept]
        else:
            rows = rows.keep(known)
        values = {name: _value(rows, name) for name in self._numbers}
        mine = (run >= own.start - first_run) & (run < own.stop - first_run)
        scatter.put(run, series, values, self.counted, rows, mine)

    def values(self, stretches: Iterable[tuple[int, int]]) -> list[npt.NDArray[np.float32]]:
        """Each number by run and resource, NaN outside stretches from one midnight to another, quarter-hours, and where unknown; shape (runs, resources).

        In single precision: they only judge pairs and gaps.
        """
        grids = [np.full((len(self.starts), len(self._names)), np.nan, dtype=np.float32) for _ in self._numbers]

        def keep(window: Window) -> None:
            for grid, name in zip(grids, self._numbers, strict=True):
                grid[window.runs] = window.grids[name]

        for begin, end in stretches if self._names and len(self.starts) else ():
            self.each_window(keep, begin, end)
        return grids

    def means(self, window: Window, readings: FloatArray, base_point: FloatArray) -> Means:
        """Means over a window of readings on lines, through the base points where they are far apart.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        time = self.starts[window.runs]
        self._note_days(time, readings, base_point)
        course = Course.of_readings(time, window.hold_until, self._cells(window))
        positive, negative, seconds = (part.T for part in course.integrals(readings, base_point))
        return _known(positive, negative, seconds * self._told_apart(window))

    def held_means(self, window: Window, values: FloatArray) -> Means:
        """Means over a window of steps: each value holds until the next run of any resource.

        The repeated hour is unobserved where nothing tells its two halves apart.
        """
        course = Course.of_steps(self.starts[window.runs], self._ends[window.runs], self._cells(window))
        positive, seconds, _ = course.totals(np.maximum(values, 0.0))
        below = (values < 0).any()  # as a rule none is
        negative = course.totals(np.maximum(-values, 0.0))[0] if below else np.zeros_like(positive)
        return _known(positive.T, negative.T, seconds.T * self._told_apart(window))

    def held_means_at(self, window: Window, values: FloatArray, series: IntArray, place: IntArray) -> Means:
        """The same in some quarter-hours of some series, by their places in the window; arrays of as many."""
        course = Course.of_steps(self.starts[window.runs], self._ends[window.runs], self._cells(window))
        positive, negative, seconds = course.totals_at(values, place, series)
        return _known(positive, negative, seconds * self._told_apart(window)[place])

    def award_means(self, window: Window, awards: Mapping[str, FloatArray]) -> dict[str, tuple[FloatArray, FloatArray]]:
        """Means over a window of awards, and their own price, weighted by them; each award holds until the next run of any resource or of the prices.

        Args:
            window: the window.
            awards: by product, MW; shape (runs of the window, series).

        Returns:
            By product: MW, NaN below the least coverage; and $/MW per hour, NaN where a second has no price or the award is 0; shape (series, quarter-hours).
        """
        course = Course.of_steps(self.starts[window.runs], self._award_ends[window.runs], self._cells(window))
        found = {}
        for product, values in awards.items():
            weight, priced = self._prices.integrals(PRODUCTS.index(product), course.first, course.last)
            total, seconds, paid = (part.T for part in course.totals(values, weight))
            mean = _known(total, total, seconds * self._told_apart(window)).positive
            all_priced = mean > 0
            unpriced = np.flatnonzero(priced < course.length)
            for cell, known in zip(
                course.cell[unpriced].tolist(), ~np.isnan(values[course.point[unpriced]]), strict=True
            ):
                all_priced[known, cell] = False
            price = np.divide(paid, total, where=all_priced, out=np.full_like(mean, np.nan))
            found[product] = mean, price
        return found

    @cached_property
    def _ends(self) -> IntArray:
        """End of each run's step, which is the same for all resources."""
        return hold_ends(self.starts, _NO_RUNS, self._year.end)

    @cached_property
    def _award_ends(self) -> IntArray:
        """End of each run's step of awards: where the prices show a run that the dataset lacks, the awards may have changed."""
        return hold_ends(self.starts, self._prices.only_here, self._year.end)

    def _cells(self, window: Window) -> Cells:
        """The quarter-hours of a window."""
        return Cells(self._second_of(window.first), window.last - window.first)

    def _told_apart(self, window: Window) -> BoolArray:
        """Whether each quarter-hour of a window lies outside the repeated hour, or something tells its two halves apart."""
        place = np.arange(window.first, window.last)
        twice = self._year.repeated_quarter_hours
        return ~(self.flagless & (place >= twice.start) & (place < twice.stop))

    def at_ends(self, window: Window, values: FloatArray) -> FloatArray:
        """Readings at the ends of the window's quarter-hours, on lines; NaN where none passes; shape (series, quarter-hours)."""
        ends = self._year.start + SECONDS_PER_QUARTER_HOUR * np.arange(window.first + 1, window.last + 1)
        return np.ascontiguousarray(at_times(self.starts[window.runs], values, ends).T)

    def _note_days(self, time: IntArray, values: FloatArray, base_point: FloatArray) -> None:
        day = np.searchsorted(self._year.start + 3_600 * self._year.day_first_hour, time, side="right") - 1
        known = ~(np.isnan(values) | np.isnan(base_point))
        reading, point = np.where(known, values, 0.0), np.where(known, base_point, 0.0)
        sums = [np.einsum("ij,ij->i", *pair) for pair in ((reading, point), (reading, reading), (point, point))]
        instructed = (np.abs(point) > LEAST_INSTRUCTION_MW).any(axis=1)
        self.counted.followed.append((day, np.stack([*sums, known.any(axis=1), instructed])))

    def _days_off_base_points(self) -> IntArray:
        """Indexes of the days on which the readings of all series do not follow their base points: they are 0, or of another sign or size."""
        both, readings, points, runs, instructed = sums = np.zeros((5, self._year.days))
        for day, own in self.counted.followed:
            np.add.at(sums.T, day, own.T)
        alike = both / np.sqrt(np.maximum(readings * points, 1e-9))
        size = both / np.maximum(points, 1e-9)
        right = (alike >= LEAST_ALIKE) & (size >= RIGHT_SIZE[0]) & (size <= RIGHT_SIZE[1])
        # of readings that are all 0 one base point is enough, else there must be many
        told = np.where(readings > 0, points > LEAST_INSTRUCTION_MW**2 * runs, instructed > 0)
        return np.flatnonzero(~right & told)

    def report(self, findings: Findings) -> None:
        """Add what is absent or could not be used; call after the windows were read."""
        footers = describe_files(self._inputs, self._dataset.name)
        report_dataset(findings, self._dataset, footers, ["resource_name", *self._numbers])
        self.counted.report(findings, self._dataset, self._numbers)
        off = self._days_off_base_points()
        findings.add("off_base_points", self._dataset.name, len(off), day_ranges(self._year.first_day + off))
        self.log.report(findings, self._dataset)


class KeptRuns:
    """The windows of a year that one step has read, in a file without a name, for a later step that reads the same numbers of the same resources.

    Attributes:
        names: the resources.
        counted: what was odd about their rows, but for their times.
        held: True for days with a row of each resource; shape (resources, days).
    """

    held: BoolArray

    def __init__(self, folder: Path | None, names: Sequence[str], numbers: Sequence[str], counted: Counted) -> None:
        """Begin without a window.

        Raises:
            WriteError: the folder takes no file.
        """
        self.names, self._numbers, self.counted = list(names), list(numbers), counted
        self._file, self._lock = UnnamedFile(folder), Lock()
        self._windows: list[tuple[int, Window]] = []

    def put(self, window: Window) -> None:
        """Keep a window.

        Raises:
            WriteError: the disk takes no more.
        """
        parts = [window.grids[name] for name in self._numbers]
        with self._lock:
            self._windows.append((self._file.write(*parts), replace(window, grids={})))

    def serves(self, names: Sequence[str], numbers: Sequence[str]) -> bool:
        """Whether the windows hold these numbers of these resources; where a row was odd, only those of all resources, whose rows it counts, will do."""
        odd = self.counted.numbers or self.counted.repeats or self.counted.contradictions
        return list(numbers) == self._numbers and (
            list(names) == self.names if odd else bool(names) and set(names) <= set(self.names)
        )

    def windows(self, place: Sequence[int]) -> Iterator[Window]:
        """The windows in order of time, of the resources at some places."""
        for offset, window in sorted(self._windows, key=lambda kept: kept[1].first):
            shape = window.runs.stop - window.runs.start, len(self.names)
            grids = {}
            for n, name in enumerate(self._numbers):
                at = offset + 8 * n * shape[0] * shape[1]
                whole = self._file.read(at, np.float64, shape[0] * shape[1]).reshape(shape)
                grids[name] = whole if len(place) == shape[1] else whole.take(place, axis=1)
            yield replace(window, grids=grids)


def _kept(inputs: Inputs, dataset: str, keep: Callable[[], KeptRuns | None]) -> KeptRuns | None:
    """The windows of a dataset that a step of this refresh has kept, as long as the files stay as they were."""
    return inputs.once(f"runs of {dataset}", [dataset], keep)


def _known(positive: FloatArray, negative: FloatArray, seconds: FloatArray) -> Means:
    """Means of integrals over known seconds, all of one shape; unknown where they are too few."""
    unknown, divisor = seconds < LEAST_SECONDS, np.maximum(seconds, 1.0)
    above, below = positive / divisor, negative / divisor
    above[unknown] = below[unknown] = np.nan
    return Means(above, below, seconds.astype(np.int16))


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


def _value(rows: Rows, name: str) -> FloatArray:
    """A number column; a blank award is no award, where the file, or the report that a row is of, has the column at all."""
    if not name.endswith("_award_mw") or not rows.has(name):
        return rows.numbers(name)
    values, absent = rows.numbers(name, 0.0), rows.absent([name])
    return np.where(absent[name], np.nan, values) if absent else values


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
        scatter.put(rows.series, rows.step, rows.numbers, reader.counted, rows.rows)
    return scatter.grids["energy_mwh"], reader
