"""Rows of any rollup, found or built, as typed columns at their UTC place in an operating year: readers of rows see no label, flag or heading.

A built rollup stores the UTC start of each row, and that is read. A found rollup holds labels: a date with an hour ending and an interval, the stamp of a SCED
run, or the end of a metered interval with its number. A known series is one that a reader names; rows of all others are only counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bess_assets.ercot.arrays import NO_VALUE, BoolArray, CodeArray, FloatArray, IntArray, distinct
from bess_assets.ercot.calendar import AMBIGUOUS, NOWHERE, OperatingYear, day_number, day_ranges
from bess_assets.ercot.datasets import DATASETS, Dataset
from bess_assets.ercot.evidence import TimeEvidence
from bess_assets.ercot.footers import describe_files, report_dataset
from bess_assets.ercot.parsing import INTERVAL_END, STORED_TIME, Rows, read_rows
from bess_assets.ercot.products import SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.rollup_names import parts_of_one, rollup_name
from bess_assets.ercot.step import Findings, Inputs, LeftOut

UNDECIDED = -3
"""Time of an hour label of a clock-change day: which hour it is depends on all labels of that day."""
NO_DAY = -(10**6)
"""Day index of a blank date or stamp: outside every year."""
_HOUR = 3_600
_WHOLE_DAY = 23
_LONGEST_DAY = 25
_MOST_LABELS = 4_096
_NO_ROWS = np.empty(0, dtype=np.int64)
MOST_LEFT_OUT = 25
"""So many rows of a dataset that are left out or doubted for one reason are kept with their place; all are counted."""

_ODD_TIMES = {
    "hour_ending": ("no such date, hour or interval", ""),
    "sced_stamp": (
        "stamps that are blank or do not exist in the calendar",
        "stamps 01:xx of the autumn day without a repeated-hour flag",
    ),
    INTERVAL_END: ("no such interval", "intervals of the autumn day without a number"),
}
"""Words for rows without a place in the calendar, and for those that nothing tells apart, by the column that says the time."""


# --- labels -> UTC ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """The times that the rows of a batch state, in an operating year; each distinct combination of their labels is one label here.

    Most rows state the time of the row before: rows in a row that do are a stretch.

    Attributes:
        year: the operating year.
        of_stretch: label of each stretch; shape (stretches,).
        lengths: number of its rows; same shape.
        day: day number of each label, of any year, `NO_VALUE` where blank; shape (labels,).
        utc: start of each label's interval or run, UTC seconds; below zero `NOWHERE`, `AMBIGUOUS` or `UNDECIDED`; shape (labels,).
        clock: wall-clock seconds of each label's stamp, or of its hour's beginning, as if they were UTC; shape (labels,).
        labelled: False if the file states UTC.
    """

    year: OperatingYear
    of_stretch: IntArray
    lengths: IntArray
    day: IntArray
    utc: IntArray
    clock: IntArray
    labelled: bool = True

    @staticmethod
    def of(rows: Rows, year: OperatingYear) -> "Times":
        """The times of a batch, as its file stores them or else by its labels."""
        if rows.has(STORED_TIME):
            return _stored_times(rows, year)
        if rows.has("sced_stamp"):
            return _stamps(rows, year)
        return _interval_ends(rows, year) if rows.has(INTERVAL_END) else _hour_labels(rows, year)

    @cached_property
    def rows(self) -> IntArray:
        """Number of rows of each label."""
        return np.bincount(self.of_stretch, self.lengths, len(self.day)).astype(np.int64)

    @cached_property
    def of_row(self) -> IntArray:
        """Label of each row; shape (rows,)."""
        return np.repeat(self.of_stretch, self.lengths)

    @cached_property
    def index(self) -> IntArray:
        """Index of each label's day, beyond 0..days-1 in another year, `NO_DAY` where blank."""
        return np.where(self.day == NO_VALUE, NO_DAY, self.day - self.year.first_day)

    @property
    def held(self) -> IntArray:
        """Distinct day indexes of the rows, blanks left out."""
        return distinct(self.index[(self.rows > 0) & (self.index != NO_DAY)])

    @property
    def unusable(self) -> IntArray:
        """Places of the rows without a date, or of a time that the year does not have."""
        ours = _within(self.year, self.day)[1] | (self.index == NO_DAY)
        return self._of_labels(ours & (self.utc == NOWHERE))

    def add_to(self, evidence: TimeEvidence) -> None:
        """Add the labels of a found rollup to what its file says of its clock; a built one states UTC."""
        if self.labelled:
            evidence.add(self.day, self.clock, self.rows, self.of_stretch)

    @property
    def ambiguous(self) -> IntArray:
        """Places of the rows of the repeated hour that nothing tells apart."""
        return self._of_labels(self.utc == AMBIGUOUS)

    def _of_labels(self, labels: BoolArray) -> IntArray:
        # as a rule there are none
        return np.flatnonzero(labels[self.of_row]) if (self.rows[labels] > 0).any() else _NO_ROWS


def _joined(*columns: tuple[CodeArray, IntArray]) -> tuple[tuple[IntArray, IntArray], list[IntArray]]:
    """A label for each stretch of rows with one combination of values of several columns, and the lengths of the stretches; each column's values by label.

    Of few labels one need not occur.
    """
    rows, sizes = len(columns[0][0]), [len(values) for _, values in columns]
    differs = np.zeros(max(rows - 1, 0), dtype=bool)
    for codes, _ in columns:
        differs |= codes[1:] != codes[:-1]
    first = np.append(np.zeros(min(rows, 1), dtype=np.int64), np.flatnonzero(differs) + 1)
    of_stretch = np.zeros(len(first), dtype=np.int64)
    for (codes, _), size in zip(columns, sizes, strict=True):
        of_stretch = of_stretch * size + codes[first]
    labels = np.arange(count) if (count := int(np.prod(sizes))) <= max(_MOST_LABELS, len(first)) else None
    if labels is None:
        encoded = pc.dictionary_encode(pa.array(of_stretch))
        of_stretch, labels = encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_numpy()
    codes_of = np.unravel_index(labels, sizes)
    values_of = [values[codes] for (_, values), codes in zip(columns, codes_of, strict=True)]
    return (of_stretch, np.diff(first, append=rows)), values_of


def _within(year: OperatingYear, day: IntArray) -> tuple[IntArray, BoolArray]:
    """Index of each day in the year, 0 for other years' days and blanks, and whether it lies in the year."""
    inside = (day >= year.first_day) & (day <= year.last_day)
    return np.where(inside, day, year.first_day) - year.first_day, inside


def _start(year: OperatingYear, hour: IntArray, interval: IntArray | int = 1) -> IntArray:
    """UTC seconds of intervals 1..4 of hours by position; `NOWHERE` where either does not exist."""
    good = (hour >= 0) & (interval >= 1) & (interval <= 4)
    return np.where(good, year.start + _HOUR * hour + SECONDS_PER_QUARTER_HOUR * (interval - 1), NOWHERE)


def _stored_times(rows: Rows, year: OperatingYear) -> Times:
    """UTC of a built rollup; blank where nothing tells two hours apart."""
    stretches, (day, start) = _joined(rows.coded("operating_day", "day"), rows.coded(STORED_TIME, "utc"))
    _, inside = _within(year, day)
    utc = np.where(inside, np.where(start == NO_VALUE, AMBIGUOUS, start), NOWHERE)
    return Times(year, *stretches, day, utc, start, labelled=False)


def _hour_labels(rows: Rows, year: OperatingYear) -> Times:
    """A date and an hour ending, and an interval where the dataset has quarter-hours."""
    names = [name for name in ("operating_day", "hour_ending", "interval") if name in rows.dataset.columns]
    stretches, (day, hour, *interval) = _joined(*map(rows.coded, names))
    index, inside = _within(year, day)
    start = _start(year, year.ordinary_hours(index, hour), *interval)
    utc = np.where(inside, np.where(year.is_clock_change(index), UNDECIDED, start), NOWHERE)
    # a 25th label says that the second hour stands twice
    clock = 86_400 * day + _HOUR * (np.where(hour == _LONGEST_DAY, 2, hour) - 1)
    return Times(year, *stretches, day, utc, clock)


def _stamps(rows: Rows, year: OperatingYear) -> Times:
    """The wall-clock stamp of a SCED run, and a flag that says which of the two 01:00 hours it lies in."""
    stretches, (clock, flag) = _joined(rows.coded("sced_stamp"), rows.coded("repeated_hour"))
    day = np.where(clock == NO_VALUE, NO_VALUE, clock // 86_400)
    return Times(year, *stretches, day, year.stamps_to_utc(clock, flag), clock)


def _interval_ends(rows: Rows, year: OperatingYear) -> Times:
    """The end of a metered quarter-hour and its number in the day; without a number the end decides, except on the 25-hour day."""
    stretches, (clock, number) = _joined(rows.coded(INTERVAL_END), rows.coded("interval_number"))
    # the end of a day's last interval is midnight, or a second before it
    inner = np.where(clock == NO_VALUE, 0, clock - 1)
    day = np.where(clock == NO_VALUE, NO_VALUE, inner // 86_400)
    index, inside = _within(year, day)
    by_end = year.stamped_numbers(index, inner % 86_400 // SECONDS_PER_QUARTER_HOUR + 1)
    place = year.numbered_quarter_hours(index, np.where(number == NO_VALUE, by_end, number))
    start = np.where(place >= 0, year.start + SECONDS_PER_QUARTER_HOUR * place, NOWHERE)
    ambiguous = (number == NO_VALUE) & (index == year.autumn_day)
    return Times(year, *stretches, day, np.where(inside, np.where(ambiguous, AMBIGUOUS, start), NOWHERE), clock)


def clock_change_starts(
    parts: Sequence[Rows],
    year: OperatingYear,
    series: IntArray,
    report: IntArray | None = None,
    *,
    flagged: bool = False,
) -> IntArray:
    """UTC seconds of hour labels of the two clock-change days, `NOWHERE` where the day does not have the label.

    Args:
        parts: rows that are all of such days, in file order.
        year: the operating year.
        series: what names one row, with its label.
        report: the report of each row, where only the labels of its own report tell what a label means; all rows together if not given.
        flagged: whether reports that show a part of the day have a flag to trust: their labels are those of the clock.
    """
    columns = parts[0].dataset.columns
    day, label, interval, repeated = (
        np.concatenate([rows.values(name) if name in columns else np.full(rows.count, absent) for rows in parts])
        for name, absent in (
            ("operating_day", NO_VALUE),
            ("hour_ending", NO_VALUE),
            ("interval", 1),
            ("repeated_hour", -1),
        )
    )
    hour = np.full(len(day), NOWHERE, dtype=np.int64)
    group = np.zeros(len(day), dtype=np.int64) if report is None else report
    # an interval that does not exist is one more
    same = series * 6 + np.clip(interval, 0, 5)
    for number in distinct(group).tolist():
        for index in (year.spring_day, year.autumn_day):
            own = (group == number) & (day - year.first_day == index)
            labels = label[own]
            part = flagged and len(distinct(labels)) < _WHOLE_DAY
            if index == year.spring_day:
                hour[own] = year.spring_hours(np.append(labels, 24))[:-1] if part else year.spring_hours(labels)
            else:
                names = np.arange(len(labels)) if part else same[own]
                hour[own] = year.autumn_hours(names, labels, repeated[own])
    return _start(year, hour, interval)


# --- what a dataset holds ---------------------------------------------------------------------------------------------


class Codes:
    """Texts as small integers; the texts known from the start have codes 0, 1, ..; `normal` brings other spellings to the known ones."""

    def __init__(self, known: Iterable[str] = (), normal: Callable[[str], str] | None = None) -> None:
        self._normal = normal
        self._codes = {text: n for n, text in enumerate(dict.fromkeys(known))}
        self.known = len(self._codes)
        self._last: tuple[Sequence[str], IntArray] = ((), np.array([-1], dtype=np.int64))

    def translate(self, codes: CodeArray, texts: Sequence[str]) -> IntArray:
        """Our codes for a batch's codes; a text not seen before gets the next one; -1 stays -1."""
        return self._table(texts)[codes]

    def find(self, codes: CodeArray, texts: Sequence[str]) -> tuple[BoolArray, IntArray]:
        """Where a batch's codes are texts known from the start, and our codes there: as many as are True.

        Most rows of a rollup are of other texts: each costs a byte, and only the known ones get a number.
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


class DayLog:
    """Which operating days of the year a dataset holds, and whether it goes beyond the year.

    Attributes:
        year: the operating year.
        beyond: True if a row, or a file that need not be read, lies after 31 December.
    """

    def __init__(self, year: OperatingYear, series: int, *, beyond: bool = False) -> None:
        self.year, self.beyond = year, beyond
        self._series = series
        # the row after those of the known series is of any series
        self._held = np.zeros((series + 1, year.days), dtype=bool)

    @property
    def days(self) -> BoolArray:
        """True for days with a row of any series; shape (days,)."""
        return np.asarray(self._held.any(axis=0))

    @property
    def of_series(self) -> BoolArray:
        """True for days with a row of each known series; shape (series, days)."""
        return self._held[: self._series]

    @property
    def first(self) -> IntArray:
        """First day index with a row, by known series; a large number where none."""
        held = self.of_series
        return np.where(held.any(axis=1), held.argmax(axis=1), self.year.days)

    @property
    def last(self) -> IntArray:
        """Last day index with a row, by known series; -1 where none."""
        held = self.of_series[:, ::-1]
        return np.where(held.any(axis=1), self.year.days - 1 - held.argmax(axis=1), -1)

    def saw_days(self, day_index: IntArray) -> None:
        """Record days (they may lie outside the year) with a row of any series."""
        self.saw(day_index, np.full(len(day_index), self._series))

    def saw(self, day_index: IntArray, series: IntArray) -> None:
        """Record rows by day index (may lie outside the year) and code of a known series."""
        if len(day_index) and (day_index.min() < 0 or day_index.max() >= self.year.days):
            self.beyond |= bool((day_index >= self.year.days).any())
            inside = (day_index >= 0) & (day_index < self.year.days)
            day_index, series = day_index[inside], series[inside]
        self._held.reshape(-1)[series * self.year.days + day_index] = True

    def report(self, findings: Findings, dataset: Dataset) -> None:
        """Add the days that are missing between the first day on which the dataset is published and the last day held."""
        held = np.flatnonzero(self.days)
        if not len(held):
            return
        first = max(day_number(dataset.first_day) - self.year.first_day, 0)
        missing = np.setdiff1d(np.arange(first, held[-1]), held)
        before = missing[missing < held[0]] if dataset.stood_in_for else missing[:0]
        for days, warning in ((before, False), (np.setdiff1d(missing, before), True)):
            ranges = day_ranges(self.year.first_day + days)
            findings.add("missing_days", dataset.name, len(days), ranges, warning=warning)
        after = np.arange(held[-1] + 1, 0 if self.beyond else self.year.days)
        detail = f"after the last day held: {day_ranges(self.year.first_day + after)}"
        findings.add("missing_days", dataset.name, len(after), detail, warning=False)


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
        rows: the rows themselves.
    """

    series: IntArray
    step: IntArray
    numbers: dict[str, FloatArray]
    texts: dict[str, IntArray]
    columns: frozenset[str]
    absent: dict[str, BoolArray]
    rows: Rows = field(repr=False)

    def has_any(self, columns: Sequence[str]) -> BoolArray:
        """True for rows whose file, or report, has one of the columns."""
        there = np.zeros(len(self.series), dtype=bool)
        for name in self.columns.intersection(columns):
            there |= ~self.absent[name] if name in self.absent else True
        return there


@dataclass
class Counted:
    """What was odd about the rows of a dataset.

    Attributes:
        numbers: numbers of the known series that cannot be used, by canonical column.
        unusable_time: rows of any series without a place in the calendar.
        ambiguous: rows of any series in the repeated hour that nothing tells apart.
        repeats: rows of the known series that say the same as a later one.
        contradictions: rows of the known series that a later one overrules.
        whole_minutes: stamps of SCED runs in files in which no stamp has seconds.
        left_out: the first rows of each kind of finding that counts them.
    """

    numbers: Counter[str] = field(default_factory=Counter)
    unusable_time: int = 0
    ambiguous: int = 0
    repeats: int = 0
    contradictions: int = 0
    whole_minutes: int = 0
    left_out: dict[str, list[LeftOut]] = field(default_factory=dict)

    def odd_times(self, rows: Rows, times: Times) -> None:
        """Count rows without a place in the calendar, or that nothing tells apart."""
        unusable, ambiguous = times.unusable, times.ambiguous
        self.unusable_time += len(unusable)
        self.ambiguous += len(ambiguous)
        self.note("unusable_time", rows, unusable, "left out")
        self.note("ambiguous_hour", rows, ambiguous, "left out")

    def unusable(self, name: str, rows: Rows, which: IntArray) -> None:
        """Count numbers that cannot be used, of a column."""
        self.numbers[name] += len(which)
        self.note("unusable_numbers", rows, which, f"{name} was taken for blank")

    def note(self, kind: str, rows: Rows, which: IntArray, detail: str) -> None:
        """Keep rows that are counted as a kind, as long as few of it are kept."""
        kept = self.left_out.setdefault(kind, []) if len(which) else []
        which = which[: MOST_LEFT_OUT - len(kept)]
        name, file = rows.dataset.name, rollup_name(rows.path)
        for place, n in zip(rows.places(which).tolist(), which.tolist(), strict=True):
            kept.append(LeftOut(name, file, place, kind, detail, rows.says(n)))

    def add(self, other: "Counted") -> None:
        """Count other known series of the same files, too."""
        self.numbers += other.numbers
        self.repeats += other.repeats
        self.contradictions += other.contradictions
        for kind, rows in other.left_out.items():
            self.left_out[kind] = [*self.left_out.get(kind, []), *rows][:MOST_LEFT_OUT]

    def report(self, findings: Findings, dataset: Dataset, names: Sequence[str]) -> None:
        """Add times that do not exist, numbers that cannot be used in the order of the columns, and repeated rows."""
        unusable, ambiguous = next(words for name, words in _ODD_TIMES.items() if name in dataset.columns)
        findings.add("unusable_time", dataset.name, self.unusable_time, unusable)
        findings.add("ambiguous_hour", dataset.name, self.ambiguous, ambiguous)
        minutes = "each run is moved by up to 59 s: write the stamps with their seconds"
        findings.add("stamps_without_seconds", dataset.name, self.whole_minutes, minutes)
        for name in names:
            findings.add("unusable_numbers", dataset.name, self.numbers[name], name)
        findings.add("duplicate_rows", dataset.name, self.repeats, "equal rows", warning=False)
        findings.add("contradicting_rows", dataset.name, self.contradictions, "the later row was taken")
        for rows in self.left_out.values():
            findings.left_out += rows


class YearRows:
    """Rows of one dataset in an operating year; iterate once for those of known series, batch by batch.

    Rows of the two clock-change days of hour labels come last, since what a label means there depends on all labels of the day.

    Attributes:
        rows: number of rows of any series by hour; complete after iterating.
        log: days held, by series.
        counted: what was odd about the rows.
    """

    def __init__(
        self,
        inputs: Inputs,
        dataset: str,
        codes: Codes,
        *,
        numbers: Sequence[str],
        texts: Mapping[str, Codes] | None = None,
        step_seconds: int = 0,
        leave_out: tuple[str, str] = ("", ""),
        compared: Sequence[str] = (),
    ) -> None:
        """Say what is read.

        Args:
            inputs: year and rollups.
            dataset: canonical dataset name; the first column of its key names the series.
            codes: the known series.
            numbers: number columns wanted.
            texts: text columns wanted, each with its codes.
            step_seconds: length of the steps that rows are placed at; an hour or a quarter-hour, as the dataset has them, if not given; an hour for runs.
            leave_out: a column and the text in it of rows to pass over, which say nothing of the clock-change days either.
            compared: columns wanted, numbers or some of the texts, that no figure of money is made of: what is odd about them is no finding.
        """
        self._inputs, self._year = inputs, inputs.year
        self._dataset = DATASETS[dataset]
        self._paths = inputs.rollups.files(dataset, inputs.year.year)
        self._key, self._codes = self._dataset.key[0], codes
        self._texts = dict(texts or {})
        own = [*numbers, *self._texts, *({"interval_number"} & self._dataset.columns.keys())]
        self._reported = [name for name in own if name not in compared]
        self._numbers = [*numbers, *(name for name in compared if name not in self._texts)]
        quarters = {"interval", INTERVAL_END} & self._dataset.columns.keys()
        self._step = step_seconds or (SECONDS_PER_QUARTER_HOUR if quarters else _HOUR)
        self._leave_out = leave_out
        self._undecided: list[Rows] = []
        self.rows = np.zeros(inputs.year.hours, dtype=np.int64)
        self.log = DayLog(inputs.year, codes.known, beyond=inputs.rollups.goes_beyond(dataset, inputs.year.year))
        self.counted = Counted()

    def __iter__(self) -> Iterator[PlacedRows]:
        """Rows of known series, in file order but for those of undecided time."""
        yield from self._batches()
        if self._undecided:
            yield from self._decided()

    def _batches(self) -> Iterator[PlacedRows]:
        columns = [self._key, *self._numbers, *self._texts, self._leave_out[0]]
        for _, parts in groupby(self._paths, parts_of_one):
            paths = list(parts)
            evidence = TimeEvidence(self._dataset, paths[0])
            for rows in chain.from_iterable(
                read_rows(self._dataset, path, columns, self.counted.unusable, timed=True) for path in paths
            ):
                yield self._batch(rows, evidence)
            evidence.judge()
            self.counted.whole_minutes += evidence.whole_minutes

    def _batch(self, rows: Rows, evidence: TimeEvidence) -> PlacedRows:
        times = Times.of(rows, self._year)
        times.add_to(evidence)
        (names, texts), wanted = rows.texts(self._key), self._wanted(rows)
        names = names if wanted is None else np.where(wanted, names, -1)
        self.log.saw_days(times.held)
        self.counted.odd_times(rows, times)
        blank = names < 0
        named = times.rows - np.bincount(times.of_row[blank], minlength=len(times.rows)) if blank.any() else times.rows
        self._hold(times.utc, named)
        if times.rows[times.utc == UNDECIDED].any():
            undecided = times.utc[times.of_row] == UNDECIDED
            self._undecided.append(rows.keep(undecided if wanted is None else undecided & wanted).copied())
        known, series = self._codes.find(names, texts)
        label = times.of_row[known]
        self.log.saw(times.index[label], series)
        utc = times.utc[label]
        placed = utc >= 0
        return self._placed(rows.keep(np.flatnonzero(known)[placed]), series[placed], utc[placed])

    def _wanted(self, rows: Rows) -> BoolArray | None:
        """False for rows to pass over; None where there is none."""
        column, left_out = self._leave_out
        codes, texts = rows.texts(column)
        return codes != texts.index(left_out) if left_out in texts else None

    def _hold(self, utc: IntArray, rows: IntArray) -> None:
        placed = (utc >= 0) & (rows > 0)
        np.add.at(self.rows, (utc[placed] - self._year.start) // _HOUR, rows[placed])

    def _placed(self, rows: Rows, series: IntArray, utc: IntArray) -> PlacedRows:
        return PlacedRows(
            series=series,
            step=(utc - self._year.start) // self._step,
            numbers={name: rows.numbers(name) for name in self._numbers},
            texts={name: codes.translate(*rows.texts(name)) for name, codes in self._texts.items()},
            columns=frozenset(name for name in (*self._numbers, *self._texts) if rows.has(name)),
            absent=rows.absent(self._numbers),
            rows=rows,
        )

    def _decided(self) -> Iterator[PlacedRows]:
        """Rows of the clock-change days: all series tell what a label means."""
        parts = self._undecided
        series = [self._codes.translate(*rows.texts(self._key)) for rows in parts]
        every = np.concatenate(series)
        utc = clock_change_starts(parts, self._year, every)
        self.counted.unusable_time += int((utc < 0).sum())
        self._hold(utc, (every >= 0).astype(np.int64))
        ends = np.cumsum([rows.count for rows in parts])[:-1]
        for rows, own, starts in zip(parts, series, np.split(utc, ends), strict=True):
            self.counted.note("unusable_time", rows, np.flatnonzero(starts < 0), "left out")
            wanted = (starts >= 0) & (own >= 0) & (own < self._codes.known)
            yield self._placed(rows.keep(wanted), own[wanted], starts[wanted])

    def report(self, findings: Findings) -> None:
        """Add what is absent or could not be used; call after iterating."""
        report_dataset(findings, self._dataset, describe_files(self._inputs, self._dataset.name), self._reported)
        self.counted.report(findings, self._dataset, self._reported)
        self.log.report(findings, self._dataset)
