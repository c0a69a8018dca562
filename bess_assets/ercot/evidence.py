"""Whether the times of a rollup file are those of ERCOT's clock, judged by the file alone.

Clock hours are counted as the file labels them. On ERCOT's clock 02:00 to 03:00 of the spring day does not exist and 01:00 to 02:00 of the autumn day stands
twice; a file of another clock shows the first and not the second, or its days begin and end at another hour than midnight. A date whose day and month were
exchanged breaks the order of days, which exchanging them back restores. Of a whole year that was sorted afterwards the days held are the same: there the
hours of the clock-change days lie on other days, as 25 hours on 11 July 2021, which was 7 November.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bess_assets.ercot.arrays import NO_VALUE, BoolArray, IntArray, distinct
from bess_assets.ercot.calendar import day_of_number, operating_year
from bess_assets.ercot.datasets import Dataset
from bess_assets.ercot.parsing import INTERVAL_END, TIME_COLUMNS
from bess_assets.ercot.rollup_names import year_file, year_of
from bess_assets.errors import InputError

_LEAST_STAMPS = 1_000
"""Distinct stamps from which on their seconds say something."""
_LEAST_EXCHANGED = 5
_LEAST_DAYS = 60
_EXCHANGED_SHARE = 0.15
"""Of a file in order of time, two fifths of the steps from one day to the next look so once days and months were exchanged."""
_MOST_HOURS = 3 * 8_784
_MOST_SHIFT_HOURS = 12
_LEAST_WHOLE_DAYS = 7
"""Days of a file from which on a row in an hour that does not exist is more than a stray row."""
_TWICE = 1.6
"""Rows of an hour in which two hours lie, against those of an ordinary hour of the day, at least."""
_FULL = 0.9
"""Share of the hours from first to last that hold rows, where first and last say something."""
_MONTHS = 12
_OTHER_CLOCK_REMEDY = (
    "Convert the column to the wall clock of America/Chicago, with the repeated-hour flag, and leave out hours that do not exist; "
    "or build the file again from ERCOT's reports."
)


class TimeEvidence:
    """Times of the rows of one file, or of all parts of one year, added batch by batch and judged once all are in.

    Attributes:
        hours: clock hours of rows, as hours since 1970, by batch.
        rows: rows of each of those hours.
        stamps: stamps of SCED runs, by batch.
        steps: number of steps from one day to another, and of those that look as if day and month were exchanged.
    """

    def __init__(self, dataset: Dataset, path: Path) -> None:
        """Begin with a file, or with the first part of a year."""
        self._dataset, self._path = dataset, year_file(path)
        self._of_a_year = self._path != path or path.stem.endswith(str(year_of(path)))
        self._column = next(name for name in TIME_COLUMNS if name in dataset.columns)
        self.hours, self.rows, self.stamps = list[IntArray](), list[IntArray](), list[IntArray]()
        self.steps = np.zeros(2, dtype=np.int64)

    def add(self, day: IntArray, clock: IntArray, rows: IntArray, of_stretch: IntArray) -> None:
        """Add a batch.

        Args:
            day: day number of each label, `NO_VALUE` where blank; shape (labels,).
            clock: wall-clock seconds of each label, as if they were UTC; shape (labels,).
            rows: number of rows of each label; shape (labels,).
            of_stretch: label of each stretch of rows that state one time, in file order; shape (stretches,).
        """
        # a blank hour has no clock
        held = (rows > 0) & (day != NO_VALUE) & (np.abs(clock // 86_400 - day) <= 1)
        # the end of an interval is the first second of the next
        hours, at = np.unique((clock[held] - (self._column == INTERVAL_END)) // 3_600, return_inverse=True)
        self.hours.append(hours)
        self.rows.append(np.bincount(at, rows[held], minlength=len(hours)).astype(np.int64))
        if self._column == "sced_stamp":
            self.stamps.append(clock[held])
        before, after = day[of_stretch[:-1]], day[of_stretch[1:]]
        steps = (before != after) & (before != NO_VALUE) & (after != NO_VALUE)
        before, after = before[steps], after[steps]
        looks_exchanged = (_exchanged(after) - _exchanged(before) == 1) & (after - before != 1)
        self.steps += [len(after), int(looks_exchanged.sum())]

    def join(self, other: "TimeEvidence") -> None:
        """Add the times of another part."""
        self.hours += other.hours
        self.rows += other.rows
        self.stamps += other.stamps
        self.steps += other.steps

    def compact(self) -> None:
        """Keep each hour and each stamp once."""
        if self.hours:
            hours, at = np.unique(np.concatenate(self.hours), return_inverse=True)
            self.hours, self.rows = [hours], [np.bincount(at, np.concatenate(self.rows)).astype(np.int64)]
        if self.stamps:
            self.stamps = [distinct(np.concatenate(self.stamps))]

    @property
    def whole_minutes(self) -> int:
        """Number of the stamps of SCED runs where every one is a whole minute, as in no file of ERCOT's; else 0."""
        self.compact()
        stamps = self.stamps[0] if self.stamps else np.empty(0, dtype=np.int64)
        return len(stamps) if len(stamps) >= _LEAST_STAMPS and not (stamps % 60).any() else 0

    def judge(self) -> None:
        """Refuse the file if its times contradict ERCOT's clock.

        Raises:
            InputError: what the file seems to be, and how to mend it.
        """
        if not sum(map(len, self.hours)):
            return
        self.compact()
        (hours,), (rows,) = self.hours, self.rows
        self._judge_order(distinct(hours // 24))
        first = int(hours[0]) // 24 * 24
        if hours[-1] - first >= _MOST_HOURS:
            return  # a stray date: its rows are counted elsewhere
        by_hour = np.zeros((int(hours[-1]) // 24 - first // 24 + 1, 24))
        by_hour.ravel()[hours - first] = rows
        self._judge_change_days(by_hour, first // 24)
        whole = by_hour.any(axis=1).sum() >= _LEAST_WHOLE_DAYS
        if whole and (spring := self._impossible_hour(by_hour, first // 24)) is not None:
            clock = {0: "Central standard time all year", 5: "UTC", 6: "UTC"}.get(
                int(hours[0]) % 24, "another time zone"
            )
            # of hour labels in order the last is skipped
            skipped = by_hour[[max(spring - 1, 0), min(spring + 1, len(by_hour) - 1)]][:, [2, 23]] == 0
            seems = "its days seem to be a day off" if skipped.any() else f"it seems to be in {clock}"
            does_not_exist = f"02:00 to 03:00 of {day_of_number(first // 24 + spring)}, which does not exist"
            raise self._refusal(f"holds {does_not_exist}, and 01:00 to 02:00 of no autumn day twice: {seems}.")
        # a part of a year, or prices up to now, may begin and end at any hour
        if shift := _shift(by_hour, edges=self._of_a_year and self._dataset.sixty_day):
            day, hour = shift
            off = f"{hour} hour{'s' if hour > 1 else ''} off midnight"
            since = day_of_number(first // 24 + day)
            raise self._refusal(f"seems to be in another time zone from {since} on: its days begin and end {off}.")

    def _judge_order(self, days: IntArray) -> None:
        steps, looks_exchanged = self.steps.tolist()
        back = distinct(_exchanged(days))
        gaps, gaps_back = (int(d[-1] - d[0] + 1 - len(d)) for d in (days, back))
        by_days = len(days) >= _LEAST_DAYS and gaps >= _LEAST_EXCHANGED and not gaps_back
        if by_days or looks_exchanged >= max(_LEAST_EXCHANGED, _EXCHANGED_SHARE * steps):
            raise self._exchange("its days follow one another only once they are exchanged back")

    def _judge_change_days(self, by_hour: np.ndarray, first_day: int) -> None:
        """Refuse the file if another day is as long or as short as a clock-change day should be, and would be that day with day and month exchanged."""
        for spring, autumn in self._change_days(by_hour, first_day):
            for change, odd, hour in (
                (autumn, _has_hour_twice, "01:00 to 02:00 stands twice"),
                (spring, _lacks_third_hour, "02:00 to 03:00 is lacking"),
            ):
                other = int(_exchanged(np.array([first_day + change]))[0]) - first_day
                held = 0 <= change < len(by_hour) and 0 <= other < len(by_hour)
                if held and by_hour[change].any() and odd(by_hour[other]) and not odd(by_hour[change]):
                    days = day_of_number(first_day + other), day_of_number(first_day + change)
                    raise self._exchange(f"{hour} on {days[0]}, and not on {days[1]}")

    def _exchange(self, shown: str) -> InputError:
        return self._refusal(
            f"seems to have days and months exchanged where a day is 12 or less: {shown}.",
            expected="the day of each row as ERCOT published it, such as 2026-01-02 after 2026-01-01",
            remedy="Read the reports with the format MM/DD/YYYY given, never guessed, and write the file again.",
        )

    @staticmethod
    def _change_days(by_hour: np.ndarray, first_day: int) -> Iterator[tuple[int, int]]:
        """Positions of the spring and the autumn day of each year that the days touch; they may lie outside."""
        for year in range(day_of_number(first_day).year, day_of_number(first_day + len(by_hour) - 1).year + 1):
            of = operating_year(year)
            yield of.first_day + of.spring_day - first_day, of.first_day + of.autumn_day - first_day

    def _impossible_hour(self, by_hour: np.ndarray, first_day: int) -> int | None:
        """Position of the spring day whose skipped hour holds rows, where no autumn day has its repeated hour twice."""
        found: int | None = None
        for spring, autumn in self._change_days(by_hour, first_day):
            if 0 <= autumn < len(by_hour) and _has_hour_twice(by_hour[autumn]):
                return None
            if 0 <= spring < len(by_hour):
                one, skipped, three = by_hour[spring, 1:4]
                # of hour labels 1 to 23 in order the third is an hour that exists
                if 2 * skipped >= max(one, three) > 0 and by_hour[spring, 23]:
                    found = spring
        return found

    def _refusal(self, problem: str, expected: str = "", remedy: str = "") -> InputError:
        return self._dataset.refusal(
            self._path,
            problem,
            column=self._dataset.columns[self._column].headings[0],
            expected=expected or "Central prevailing time as ERCOT publishes it, whole days from midnight to midnight",
            remedy=remedy or _OTHER_CLOCK_REMEDY,
        )


def _has_hour_twice(by_hour: np.ndarray) -> bool:
    """Whether 01:00 to 02:00 stands twice on a day, by its rows of each hour."""
    before, twice, after = by_hour[:3]
    return bool(twice >= _TWICE * max(before, after) > 0)


def _lacks_third_hour(by_hour: np.ndarray) -> bool:
    """Whether a day lacks 02:00 to 03:00 between hours that it has."""
    return bool(by_hour[2] == 0 and by_hour[1] and by_hour[3])


def _exchanged(days: IntArray) -> IntArray:
    """Day numbers with day and month exchanged, where the day is 12 or less."""
    dates = days.astype("datetime64[D]")
    months, years = dates.astype("datetime64[M]"), dates.astype("datetime64[Y]")
    day, month = (dates - months).astype(np.int64), (months - years).astype(np.int64)
    other = (years.astype("datetime64[M]") + day).astype("datetime64[D]") + month
    return np.where(day < _MONTHS, other.astype(np.int64), days)


def _shift(by_hour: np.ndarray, *, edges: bool) -> tuple[int, int] | None:
    """Position of the first day of a stretch in another time zone, and by how many hours; None if there is none.

    A stretch that is late leaves its first day's first hours empty, and its last hours lie upon those of the day after it; one that is early does the
    same the other way round in time.

    Args:
        by_hour: rows by day and hour; shape (days, 24).
        edges: whether the file should begin and end at midnight.
    """
    days = len(by_hour)
    medians = np.array([np.median(day[day > 0]) if day.any() else np.inf for day in by_hour])
    for hours, usual in ((by_hour, medians), (by_hour[::-1, ::-1], medians[::-1])):
        filled = hours > 0
        empty = np.where(filled.any(axis=1), filled.argmax(axis=1), 0)
        over = _leading(hours >= _TWICE * usual[:, None])
        between = np.flatnonzero(filled)
        if edges and not filled[-1, -1] and len(between) >= _FULL * (between[-1] - between[0] + 1):
            over[-1] = _leading(filled)[-1]
        if not edges:
            empty[0] = 0
        for begin in np.flatnonzero((empty > 0) & (empty <= _MOST_SHIFT_HOURS)).tolist():
            ends = np.flatnonzero((np.abs(over - empty[begin]) <= 1) & (over > 0))
            if (ends >= begin + 2).any() and filled[begin : ends[-1]].mean() >= _FULL / 2:
                first = begin if hours is by_hour else days - 1 - int(ends[-1])
                return first, int(empty[begin])
    return None


def _leading(flags: BoolArray) -> IntArray:
    """Number of leading True of each row; 0 where all are."""
    return np.where(flags.all(axis=1), 0, (~flags).argmax(axis=1))
