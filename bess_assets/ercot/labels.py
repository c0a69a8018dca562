"""What the rows of a 60-day resource file say besides their numbers: days or runs, resources and types; read once as long as the file stays as it is."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bess_assets.ercot.arrays import NO_VALUE, IntArray, distinct
from bess_assets.ercot.calendar import OperatingYear, day_of_number, operating_year
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.evidence import TimeEvidence
from bess_assets.ercot.parsing import Rows, read_rows
from bess_assets.ercot.rows import Counted, Times
from bess_assets.ercot.step import Inputs

RESOURCE_DATASETS = frozenset(
    f"{market}_{kind}_resources" for market in ("dam", "sced") for kind in ("gen", "load", "esr")
)
"""Datasets with a row for each resource and hour or run."""
NEVER = 2**62
"""A second after every run."""
_NONE = np.empty(0, dtype=np.int64)
_MOST_PAIRS = 2**22  # of a type and a name: counts of more take too much memory


class Span(NamedTuple):
    """A batch of rows of a file: how many, and their first and last run, UTC seconds."""

    path: Path
    group: int
    rows: int
    earliest: int
    latest: int


@dataclass
class Labels:
    """What one file says of a year.

    Attributes:
        year: the operating year.
        evidence: of a SCED file what its times say of its clock.
        days: distinct day indexes of the rows of a SCED file, beyond 0..days-1 in another year; of another file the first and the last one.
        names: names of the resources by type, as the file spells it; by an empty one those of rows without a type.
        unnamed: number of rows without a name.
        odd_names: the first of them.
        odd_times: of a SCED file, as what follows: rows without a place in the calendar.
        starts: starts of the runs of the year, UTC seconds, ascending.
        spans: its batches in file order.
    """

    year: OperatingYear
    evidence: TimeEvidence
    days: IntArray = field(default_factory=lambda: _NONE)
    names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    unnamed: int = 0
    odd_names: Counted = field(default_factory=Counted)
    odd_times: Counted = field(default_factory=Counted)
    starts: IntArray = field(default_factory=lambda: _NONE)
    spans: list[Span] = field(default_factory=list)

    @property
    def first_and_last_day(self) -> tuple[date | None, date | None]:
        """First and last operating day; None where every day is blank."""
        ends = (int(self.days[n]) + self.year.first_day for n in (0, -1)) if len(self.days) else ()
        first, last = (*map(day_of_number, ends), None, None)[:2]
        return first, last

    @property
    def types(self) -> list[str]:
        """Types of the rows, as the file spells them."""
        return sorted(filter(None, self.names))

    def add_times(self, rows: Rows) -> tuple[IntArray, IntArray]:
        """Add the times of a batch of runs; returns distinct day indexes and starts."""
        times = Times.of(rows, self.year)
        times.add_to(self.evidence)
        self.odd_times.odd_times(rows, times)
        utc = times.utc[(times.rows > 0) & (times.utc >= 0)]
        ends = int(utc.min(initial=NEVER)), int(utc.max(initial=-1))
        self.spans.append(Span(rows.path, rows.group, rows.count, *ends))
        return times.held, utc

    def add_names(self, rows: Rows) -> None:
        """Add the names and types of a batch."""
        (codes, texts), (kinds, kind_texts) = rows.texts("resource_name"), rows.texts("resource_type")
        blank, width = np.flatnonzero(codes < 0), len(texts) + 1
        self.unnamed += len(blank)
        self.odd_names.note("unnamed_rows", rows, blank, "left out")
        pairs = (kinds + 1).astype(np.int64) * width + codes + 1
        few = width * (len(kind_texts) + 1) <= _MOST_PAIRS
        for pair in (np.flatnonzero(np.bincount(pairs)) if few else distinct(pairs)).tolist():
            kind, code = divmod(pair, width)
            of_type = self.names[kind_texts[kind - 1] if kind else ""]
            of_type.update(texts[code - 1 : code])


def labels_of(inputs: Inputs, dataset: str, path: Path) -> Labels:
    """The labels of a file of a year.

    Raises:
        InputError: the file is no Parquet, lacks a required column, or has a time or a name that cannot be read.
    """
    return _read(inputs.year.year, dataset, path, inputs.rollups.mark(path))


@lru_cache(maxsize=64)
def _read(year_number: int, dataset_name: str, path: Path, _mark: object) -> Labels:
    year, dataset = operating_year(year_number), DATASETS[dataset_name]
    of_runs = "sced_stamp" in dataset.columns
    found = Labels(year, TimeEvidence(dataset, path))
    days, starts = [found.days], [found.starts]
    columns = ["resource_name", "resource_type", *([] if of_runs else ["operating_day"])]
    for rows in read_rows(dataset, path, columns, timed=of_runs):
        found.add_names(rows)
        if of_runs:
            held, utc = found.add_times(rows)
            starts.append(utc)
        else:
            of_codes = rows.coded("operating_day")[1]
            held = of_codes[of_codes != NO_VALUE] - year.first_day
            held = np.array([held.min(), held.max()]) if len(held) else held
        days.append(held)
    found.evidence.compact()
    found.days, found.starts = distinct(np.concatenate(days)), distinct(np.concatenate(starts))
    return found
