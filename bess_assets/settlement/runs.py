"""SCED runs and metered quarter-hours: what the rows of each run say, a window of the year at a time.

A run is one solution of SCED. Means by quarter-hour are made of its readings and instructions in means.py.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from bess_assets.ercot.arrays import NO_VALUE, BoolArray, FloatArray, IntArray, distinct
from bess_assets.ercot.datasets import DATASETS, Dataset
from bess_assets.ercot.evidence import TimeEvidence
from bess_assets.ercot.footers import describe_files, report_dataset
from bess_assets.ercot.labels import NEVER, Labels, Span, labels_of
from bess_assets.ercot.parsing import BATCH_ROWS, Rows, read_rows
from bess_assets.ercot.products import SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.rollup_names import parts_of_one
from bess_assets.ercot.rows import Codes, Counted, DayLog, Times, YearRows
from bess_assets.ercot.step import Findings, Inputs
from bess_assets.errors import WriteError
from bess_assets.settlement.grid import Scatter, UnnamedFile
from bess_assets.settlement.lines import (
    LONGEST_HOLD_SECONDS,
    LONGEST_LINE_SECONDS,
)
from bess_assets.threads import in_order

_LEAST_WINDOW_BYTES = 2**24  # smaller ones cost more to begin than they spare
Kind = Literal["gen", "load", "esr"]  # of resource, as in the names of the datasets
TELEMETRY: dict[Kind, str] = {"gen": "output_mw", "load": "consumption_mw", "esr": "output_mw"}
"""Column of the telemetered MW by kind of resource."""
_NO_RUNS = np.empty(0, dtype=np.int64)


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


class _Part(NamedTuple):
    """A window that is complete once so many spans were read, and the runs that its grids need: those of all rows read by then."""

    spans: int
    first: int
    last: int
    runs: slice


def _judge_clock(dataset: Dataset, files: Mapping[Path, Labels]) -> int:
    """Judge the times of each publication year, all parts of it together.

    Returns:
        Number of stamps of those years in which no stamp has seconds.

    Raises:
        InputError: the times of a year are not those of ERCOT's clock.
    """
    whole_minutes = 0
    for _, parts in groupby(files, parts_of_one):
        paths = list(parts)
        evidence = TimeEvidence(dataset, paths[0])
        for path in paths:
            evidence.join(files[path].evidence)
        evidence.judge()
        whole_minutes += evidence.whole_minutes
    return whole_minutes


class RunReader:
    """Reads one SCED dataset of the year for some resources.

    A first pass takes only the times: the runs, and where in the files each stretch of the year lies. A second pass takes the values, a window at a time.

    Attributes:
        inputs: year and rollups.
        year: the operating year.
        dataset: what is read.
        names: the resources.
        numbers: canonical columns of the values.
        starts: start of each run of the year, of any resource, UTC seconds, ascending.
        log: days held; by series after the windows were read.
        flagless: True if nothing tells the two halves of the repeated hour apart.
        counted: what was odd about the rows of the resources.
    """

    def __init__(self, inputs: Inputs, dataset: str, names: Sequence[str], numbers: Sequence[str]) -> None:
        """Read the times."""
        self.inputs, self.year, self.dataset = inputs, inputs.year, DATASETS[dataset]
        self.names, self.numbers = list(names), list(numbers)
        self.log = DayLog(inputs.year, len(self.names), beyond=inputs.rollups.goes_beyond(dataset, inputs.year.year))
        self.counted, starts = Counted(), [_NO_RUNS]
        self._files = {
            path: labels_of(inputs, dataset, path) for path in inputs.rollups.files(dataset, inputs.year.year)
        }
        self._spans = [span for file in self._files.values() for span in file.spans]
        for file in self._files.values():
            self.log.saw_days(file.days)
            self.counted.unusable_time += file.odd_times.unusable_time
            self.counted.ambiguous += file.odd_times.ambiguous
            self.counted.add(file.odd_times)
            starts.append(file.starts)
        self.counted.whole_minutes += _judge_clock(self.dataset, self._files)
        self.starts = distinct(np.concatenate(starts))
        first_hour = self.year.start + self.year.repeated_quarter_hours.start * SECONDS_PER_QUARTER_HOUR
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
        era = (begin, self.year.quarter_hours if end is None else end)
        for _ in in_order(self.inputs.threads, work, self._windows(era)):
            pass

    def _windows(self, era: tuple[int, int]) -> Iterator[Window]:
        """The windows of an era in order of time; no line crosses its ends."""
        kept = _kept(self.inputs, self.dataset.name, lambda: None)
        if kept and kept.serves(self.names, self.numbers, whole_year=era == (0, self.year.quarter_hours)):
            self.counted.add(kept.counted)
            place = [kept.names.index(name) for name in self.names]
            self.log.saw(*np.nonzero(kept.held[place].T))
            for window in kept.windows(place, era):
                yield self._part_of(window, era)
            return
        for stretch in self._stretches(era, era):
            yield from self._read(stretch, era)

    def _stretches(self, stretch: tuple[int, int], era: tuple[int, int]) -> Iterator[tuple[int, int]]:
        """The parts of a stretch whose windows fit in memory, each halved at a midnight until they do."""
        most_runs = max((part.runs.stop - part.runs.start for part in self._plan(stretch, era)[1]), default=0)
        midnights = 4 * self.year.day_first_hour
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
        return self.inputs.block_bytes // (self.inputs.threads + 2)

    @property
    def _run_bytes(self) -> int:
        """What the values of a run take."""
        return max(len(self.names), 1) * (8 * max(len(self.numbers), 1) + 1)

    def _plan(self, stretch: tuple[int, int], era: tuple[int, int]) -> tuple[list[Span], list[_Part]]:
        """The spans that reach into a stretch, with all of their row groups, and the windows that they make."""
        own_from, own_to, era_begin, era_end = map(self.second_of, (*stretch, *era))
        begin, end = max(own_from - LONGEST_LINE_SECONDS, era_begin), min(own_to + LONGEST_LINE_SECONDS, era_end)
        groups = {(s.path, s.group) for s in self._spans if s.latest >= begin and s.earliest < end}
        spans = [s for s in self._spans if (s.path, s.group) in groups]
        low, high = (int(n) for n in np.searchsorted(self.starts, [begin, end]))
        # no row of a run before it follows
        to_come = np.minimum.accumulate([NEVER, *(s.earliest for s in reversed(spans))])[::-1]
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
            settled = (int(to_come[n]) - LONGEST_LINE_SECONDS - self.year.start) // SECONDS_PER_QUARTER_HOUR
            last = stretch[1] if at_end else min(settled, stretch[1])
            first_run = int(np.searchsorted(self.starts, max(self.second_of(done) - LONGEST_LINE_SECONDS, era_begin)))
            read = max(reach[: touched[n] + 1])
            if last > done and (at_end or (read - first_run) * self._run_bytes >= least):
                parts.append(_Part(n, done, last, slice(first_run, max(read, first_run))))
                done = last
        return spans, parts

    def second_of(self, quarter_hour: int) -> int:
        """UTC seconds at which a quarter-hour of the year begins."""
        return self.year.start + SECONDS_PER_QUARTER_HOUR * quarter_hour

    def _read(self, stretch: tuple[int, int], era: tuple[int, int]) -> Iterator[Window]:
        """Read the row groups of a stretch once."""
        spans, parts = self._plan(stretch, era)
        own = slice(*(int(n) for n in np.searchsorted(self.starts, [*map(self.second_of, stretch)])))
        codes, runs, done = Codes(self.names), parts[0].runs, 0
        scatter = Scatter(runs.stop - runs.start, len(self.names), self.numbers)
        with closing(self._batches(spans)) as read:
            for n, part in enumerate(parts):
                while done < part.spans:
                    done, rows = next(read)
                    self._put(scatter, codes, rows, runs.start, own)
                following = parts[n + 1].runs if n + 1 < len(parts) else slice(runs.stop, runs.stop)
                later = scatter.part(slice(following.start - runs.start, following.stop - runs.start))
                yield self._window(part.first, part.last, runs, scatter.grids, era)
                runs, scatter = following, later

    def _batches(self, spans: Sequence[Span]) -> Generator[tuple[int, Rows], None, None]:
        """Rows of the row groups of some spans, with the number of spans that were read by then."""
        columns, ends = ["resource_name", *self.numbers], np.cumsum([s.rows for s in spans])
        seen = 0
        for path in dict.fromkeys(s.path for s in spans):
            groups = list(dict.fromkeys(s.group for s in spans if s.path == path))
            for rows in read_rows(self.dataset, path, columns, self.counted.unusable, groups, timed=True):
                seen += rows.count
                yield int(np.searchsorted(ends, seen, side="right")), rows

    def _part_of(self, window: Window, era: tuple[int, int]) -> Window:
        """The part of a window that lies in an era."""
        first, last = max(window.first, era[0]), min(window.last, era[1])
        earliest = max(self.second_of(first) - LONGEST_LINE_SECONDS, self.second_of(era[0]))
        begin = int(np.searchsorted(self.starts, earliest).clip(window.runs.start, window.runs.stop))
        grids = {name: grid[begin - window.runs.start :] for name, grid in window.grids.items()}
        return self._window(first, last, slice(begin, window.runs.stop), grids, era)

    def _window(
        self, first: int, last: int, runs: slice, grids: Mapping[str, FloatArray], era: tuple[int, int]
    ) -> Window:
        """A window of an era, of those of some runs and their grids that its lines need."""
        era_end = self.second_of(era[1])
        end = int(np.searchsorted(self.starts, min(self.second_of(last) + LONGEST_LINE_SECONDS, era_end)))
        own = slice(runs.start, max(min(end, runs.stop), runs.start))
        own_grids = {name: grid[: own.stop - own.start] for name, grid in grids.items()}
        return Window(first, last, own, _hold_until(self, own, era_end), own_grids)

    def _put(self, scatter: Scatter, codes: Codes, rows: Rows, first_run: int, own: slice) -> None:
        """Put rows into grids that begin with a run; runs outside the stretch are counted with the stretch that they are in."""
        known, series = codes.find(*rows.texts("resource_name"))
        if not len(series):
            return
        times = Times.of(rows, self.year)
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
        values = {name: _value(rows, name) for name in self.numbers}
        mine = (run >= own.start - first_run) & (run < own.stop - first_run)
        scatter.put(run, series, values, self.counted, rows, mine)

    def report(self, findings: Findings) -> None:
        """Add what is absent or could not be used; call after the windows were read."""
        footers = describe_files(self.inputs, self.dataset.name)
        report_dataset(findings, self.dataset, footers, ["resource_name", *self.numbers])
        self.counted.report(findings, self.dataset, self.numbers)
        self.log.report(findings, self.dataset)


def _hold_until(reader: RunReader, runs: slice, edge: int) -> IntArray:
    """Ends of readings that no line leaves: the next run of any resource, at most 900 s, never in a day without rows.

    The last reading before an edge of the era holds to the edge.
    """
    starts = reader.starts[runs]
    longest = starts + LONGEST_HOLD_SECONDS
    next_run = np.append(reader.starts, edge)[runs.start + 1 : runs.stop + 1]
    midnights = reader.year.start + 3_600 * reader.year.day_first_hour
    day = np.searchsorted(midnights, starts, side="right")
    next_is_empty = ~np.append(reader.log.days, False)[day]
    end: IntArray = np.minimum(longest, next_run)
    end[next_is_empty] = np.minimum(end, midnights[day])[next_is_empty]
    last = edge - starts <= LONGEST_LINE_SECONDS
    end[last] = np.minimum(longest, edge)[last]
    return end


class KeptRuns:
    """The windows of a year that one step has read, in a file without a name, for a later step that reads the same numbers of the same resources.

    Attributes:
        names: the resources.
        numbers: canonical columns of the values.
        counted: what was odd about their rows, but for their times.
        held: True for days with a row of each resource; shape (resources, days).
    """

    held: BoolArray

    def __init__(self, folder: Path | None, names: Sequence[str], numbers: Sequence[str], counted: Counted) -> None:
        """Begin without a window.

        Raises:
            WriteError: the folder takes no file.
        """
        self.names, self.numbers, self.counted = list(names), list(numbers), counted
        self._file, self._lock = UnnamedFile(folder), Lock()
        self._windows: list[tuple[int, Window]] = []

    def put(self, window: Window) -> None:
        """Keep a window.

        Raises:
            WriteError: the disk takes no more.
        """
        parts = [window.grids[name] for name in self.numbers]
        with self._lock:
            self._windows.append((self._file.write(*parts), replace(window, grids={})))

    def serves(self, names: Sequence[str], numbers: Sequence[str], *, whole_year: bool) -> bool:
        """Whether the windows hold these numbers of these resources; where a row was odd, only all resources and days, whose odd rows they count, will do."""
        odd = self.counted.numbers or self.counted.repeats or self.counted.contradictions
        every = whole_year and list(names) == self.names
        return list(numbers) == self.numbers and (every if odd else bool(names) and set(names) <= set(self.names))

    def windows(self, place: Sequence[int], era: tuple[int, int]) -> Iterator[Window]:
        """The windows that reach into an era in order of time, of the resources at some places."""
        for offset, window in sorted(self._windows, key=lambda kept: kept[1].first):
            if window.last <= era[0] or window.first >= era[1]:
                continue
            shape = window.runs.stop - window.runs.start, len(self.names)
            grids = {}
            for n, name in enumerate(self.numbers):
                at = offset + 8 * n * shape[0] * shape[1]
                whole = self._file.read(at, np.float64, shape[0] * shape[1]).reshape(shape)
                grids[name] = whole if len(place) == shape[1] else whole.take(place, axis=1)
            yield replace(window, grids=grids)


def _kept(inputs: Inputs, dataset: str, keep: Callable[[], KeptRuns | None]) -> KeptRuns | None:
    """The windows of a dataset that a step of this refresh has kept, as long as the files stay as they were."""
    return inputs.once(f"runs of {dataset}", [dataset], keep)


def keep_runs(reader: RunReader) -> None:
    """Read the whole year once, so that the next reader of the dataset in this refresh need not decode it again, nor this one.

    Where the disk does not take them, they are decoded again.
    """

    def read() -> KeptRuns | None:
        times, reader.counted = reader.counted, Counted()
        try:
            kept = KeptRuns(reader.inputs.scratch, reader.names, reader.numbers, reader.counted)
            reader.each_window(kept.put)
            kept.held = reader.log.of_series.copy()
        except WriteError:
            return None
        finally:
            reader.counted = times
        return kept

    _kept(reader.inputs, reader.dataset.name, read)


def run_values(reader: RunReader, stretches: Iterable[tuple[int, int]]) -> list[npt.NDArray[np.float32]]:
    """Each number by run and resource, NaN outside stretches from one midnight to another, quarter-hours, and where unknown; shape (runs, resources).

    In single precision: they only judge pairs and gaps.
    """
    grids = [np.full((len(reader.starts), len(reader.names)), np.nan, dtype=np.float32) for _ in reader.numbers]

    def keep(window: Window) -> None:
        for grid, name in zip(grids, reader.numbers, strict=True):
            grid[window.runs] = window.grids[name]

    for begin, end in stretches if reader.names and len(reader.starts) else ():
        reader.each_window(keep, begin, end)
    return grids


def hourly_maxima(
    inputs: Inputs, dataset: str, names: Sequence[str], numbers: Sequence[str]
) -> tuple[dict[str, FloatArray], YearRows]:
    """Largest value of the rows of each hour by number column, NaN where none, shape (series, hours); and the reader, which has what was odd."""
    maxima = {name: np.full((len(names), inputs.year.hours), np.nan) for name in numbers}
    reader = YearRows(inputs, dataset, Codes(names), numbers=numbers)
    for rows in reader:
        cell = rows.series * inputs.year.hours + rows.step
        for name, grid in maxima.items():
            np.fmax.at(grid.reshape(-1), cell, rows.numbers[name])
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
