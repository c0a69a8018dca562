"""The shape of a step, the function that computes a table: `Inputs` in, columns and findings out as `StepResult`.

A *finding* is something odd about an input that did not stop the year; a *verdict* is what a check found.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import pyarrow as pa

from bess_assets.ercot.calendar import OperatingYear

Made = TypeVar("Made")
Columns = Mapping[str, Any]
"""Columns by name, all of one length: numpy arrays (NaN is null in floats), pyarrow arrays, or lists (None is null)."""


@dataclass(frozen=True)
class Finding:
    """One thing worth saying about an input or a result that did not stop the year.

    Attributes:
        kind: what sort of thing, a fixed word such as `missing_days` (see `FINDING_KINDS`).
        subject: dataset or table it is about.
        count: how many rows, days or columns.
        detail: names of the columns, days or resources, in plain text.
        warning: True if a figure may be affected.
    """

    kind: str
    subject: str
    count: int
    detail: str
    warning: bool = True


FINDING_KINDS = {
    "dataset_absent": "no rollup file of this dataset touches the year",
    "missing_columns": "columns that no file of the year has: null, never zero",
    "unknown_headings": "headings that no era of the dataset knows; not read",
    "missing_days": "operating days of the year for which the dataset holds no row",
    "zero_filled": "a column that is zero in every row it has: perhaps absent data filled in",
    "off_base_points": "days on which telemetry of the fleet does not follow its base points: it is 0, or of another sign or size",
    "duplicate_rows": "rows dropped because an equal row with the same key was kept",
    "contradicting_rows": "rows dropped because a later row with the same key says something else",
    "unusable_time": "rows whose date, hour or stamp does not exist in the calendar",
    "stamps_without_seconds": "stamps of SCED runs in files in which no stamp has seconds, as a spreadsheet writes them",
    "unnamed_rows": "rows without a resource name",
    "ambiguous_hour": "rows of the repeated autumn hour that nothing tells apart: left unknown",
    "unusable_numbers": "infinite numbers and NaN, taken for blank",
    "implausible_price": "prices outside the plausible range: used, and flagged",
    "other_price_sources": "prices used that are corrections or of price histories: labelled",
    "price_sources_differ": "prices of a lower source over a cent off the one used",
    "stated_prices": "prices of day-ahead award rows, where no price file has them: used, and labelled",
    "stated_prices_differ": "hours whose award rows state different prices: the most frequent one was taken",
    "award_contradiction": "awards whose parts and single column differ by more than 0.05 MW: parts taken",
    "negative_consumption": "MWh of negative consumption of load resources: a load resource does not discharge; left out",
    "generation_side_charging": "MWh of negative generation-side values left out of charging",
    "telemetry_error": "quarter-hours of telemetry held against settlement metering: mean absolute error of each way to read it, MWh a quarter-hour",
    "metering_after_go_live": "rows of settlement metering from the first day of RTC+B: compared with telemetry, they settle nothing",
    "one_sided": "resources that only the day-ahead or only the SCED file knows: batteries of their own, or misspelt names of others",
    "renamed": "batteries that begin where another ends, at its node and of its size: perhaps one battery under two names",
    "odd_duration": "batteries whose MWh would last under 0.2 or over 24 hours: perhaps MWh or MW of another unit",
    "unpaired": "batteries without an accepted load resource",
    "rejected_pair": "load resources that a name suggests and the evidence rejects",
    "bridged": "batteries whose combo and ESR names were joined into one",
    "unpriced": "settlement points of batteries with missing prices",
    "unknown_points": "settlement points of batteries that no row of a price file names",
    "unknown_products": "ancillary services of a price file that are none of the five: their prices are not used",
    "user_table": "what the user's battery table changed",
    "empty_board": "a leaderboard without a battery, where earlier editions have some",
    "schema_file": "what a schema.json says otherwise than the rollups beside it; it is compared and never read for a figure",
}


class LeftOut(NamedTuple):
    """A row of a rollup that was left out, or doubted, or a part of which was taken for blank.

    Attributes:
        dataset: its dataset.
        file: the file's name as the run record has it.
        row: its place in the file, from 1.
        kind: the finding that counts it.
        detail: what became of it.
        says: what the row says in the columns that were read, as `heading=value`.
    """

    dataset: str
    file: str
    row: int
    kind: str
    detail: str
    says: str


@dataclass
class Findings:
    """Findings of one step, complete once its columns have all been taken; and of the rows that they count the first ones of each kind and dataset."""

    items: list[Finding] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, kind: str, subject: str, count: int, detail: str = "", *, warning: bool = True) -> None:
        """Record a finding; nothing is recorded for a count of zero."""
        if kind not in FINDING_KINDS:
            raise KeyError(kind)
        if count:
            self.items.append(Finding(kind, subject, count, detail, warning))


ANY_DATASET = "any"
"""Stands for the dataset where a cause is a hole in several."""


class Cause(NamedTuple):
    """Why figures of a year are unknown or doubtful.

    Attributes:
        words: one sentence that names dataset, file or column, and days or batteries.
        remedy: what to do.
        share: share of the fleet's dollars, or of its expected intervals, that it touches, if known.
        dataset: where a hole in a dataset is the cause, that dataset, or `ANY_DATASET`: the cause touches no more than the coverage lost for want of it.
    """

    words: str
    remedy: str
    share: float | None = None
    dataset: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Attributes:
        passed: whether all is as it should be.
        detail: what was found, in plain words.
        numbers: figures of it by name, which a reader may follow over the years; None where a figure is not known.
        causes: of a check that did not pass, each with its own share; where there is none, the detail and the check's remedy are the one cause.
        share: of that one cause, if known: the share of what was examined that is wrong.
    """

    passed: bool
    detail: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    causes: Sequence[Cause] = ()
    share: float | None = None


_NAMES_SHOWN = 5


def some(names: Sequence[str], joint: str = ", ") -> str:
    """The first five names, and how many more there are: a verdict's detail names few, and its numbers count all."""
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return joint.join(names[:_NAMES_SHOWN]) + more


@dataclass
class StepResult:
    """What a step returns.

    Attributes:
        chunks: parts of the table in key order, each a mapping of columns; a ledger yields one chunk per battery (its row group).
        findings: filled while the chunks are taken.
        mismatches: what the table's own check has to name, each with its remedy; filled while the chunks are taken.
        verdicts: of checks that only the step can make, since what they compare is not kept, by name; filled while the chunks are taken.
        kept: what later steps of the run would make of the table's file, by the name under which they ask for it `once`; filled while the chunks are taken.
        unchanged: True if the file that is there holds what it should: it is kept as it is, and there are no chunks.
    """

    chunks: Iterator[Columns]
    findings: Findings = field(default_factory=Findings)
    mismatches: list[Cause] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict)
    unchanged: bool = False


class Rollups(Protocol):
    """Where the rollup files of a year are."""

    def files(self, dataset: str, year: int) -> list[Path]:
        """Existing files that may hold rows of the operating year, oldest publication first."""

    def mark(self, path: Path) -> object:
        """A value that stays the same as long as the file's content does."""

    def goes_beyond(self, dataset: str, year: int) -> bool:
        """Whether a file that need not be read for the year holds rows of later days."""


class StoredTable(Protocol):
    """A result table of the year that an earlier step wrote."""

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The table, or some of its columns."""

    def batteries(self) -> list[str]:
        """Values of the first key column in file order, one per row group."""

    def numbers(self, columns: list[str], n: int) -> dict[str, np.ndarray]:
        """Columns of the n-th row group, NaN where null."""

    def labels(self, column: str, n: int) -> tuple[np.ndarray, list[str]]:
        """A text column of the n-th row group as codes (-1 is null), and the texts they stand for."""


@dataclass(frozen=True)
class Origin:
    """Where the leaderboard of a year comes from, which its rows do not say, and the editions of it that were kept.

    Attributes:
        made_at: when it was made, UTC.
        package_version: of the package that made it.
        board_digest: of its file.
        files: digest of each rollup file and of the user's battery table that it was made of, by the name they have in the run record.
        kept: the table of editions as its file holds it, perhaps of an earlier version's columns; None if there is none yet.
    """

    made_at: datetime
    package_version: str
    board_digest: str
    files: Mapping[str, str]
    kept: pa.Table | None = None


@dataclass(frozen=True)
class Inputs:
    """What a step may read.

    Attributes:
        year: the operating year.
        rollups: where the rollup files are.
        tables: result tables of the same year, by name.
        before: result tables of the year before, those of them that are there.
        registry_csv: the user's battery table, if any.
        block_bytes: how much one block of grids may take in memory.
        threads: how many parts of the year may be worked on at a time.
        scratch: folder for what does not fit in memory; that of the system if not given.
        known_days: first and last operating day of rollup files that are as they were when the schemas of the year were last made; given to that table.
        origin: where the leaderboard comes from; given to the table that keeps its editions.
        left_out: rows that the tables above have left out or doubted; given to the table of these rows.
        feeds: for each column of the leaderboard the datasets, and `registry_csv` for the battery table, that it is made from; given to the tables of
            editions.
        shared: what steps of one run made of the same contents, see `once`.
    """

    year: OperatingYear
    rollups: Rollups
    tables: Mapping[str, StoredTable]
    registry_csv: Path | None = None
    block_bytes: int = 256 * 2**20
    threads: int = 1
    scratch: Path | None = None
    known_days: Mapping[Path, tuple[date, date]] = field(default_factory=dict)
    origin: Origin | None = None
    left_out: Sequence[LeftOut] = ()
    feeds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shared: dict[str, tuple[object, Any]] = field(default_factory=dict)
    before: Mapping[str, StoredTable] = field(default_factory=dict)

    def once(self, name: str, source: StoredTable | Sequence[str], make: Callable[[], Made]) -> Made:
        """What is made of a stored table, or of the files of some datasets: made again only once their contents are others."""
        if isinstance(source, Sequence):
            files = [path for dataset in source for path in self.rollups.files(dataset, self.year.year)]
            contents: object = [(path, self.rollups.mark(path)) for path in files]
        else:
            contents = source  # a table made anew is another object
        if name not in self.shared or self.shared[name][0] != contents:
            self.shared[name] = contents, make()
        made: Made = self.shared[name][1]
        return made


def step(columns: Callable[[Inputs, StepResult], Iterator[Columns]]) -> Callable[[Inputs], StepResult]:
    """The step of a table from a generator of its chunks, which fills the findings and verdicts of its result while the chunks are taken."""

    @wraps(columns)
    def run(inputs: Inputs) -> StepResult:
        result = StepResult(iter(()))
        result.chunks = columns(inputs, result)
        return result

    return run


def in_columns(rows: Sequence[Mapping[str, Any]]) -> Iterator[Columns]:
    """Rows as one chunk of a table; no chunk where there are none."""
    if rows:
        yield {name: [row[name] for row in rows] for name in rows[0]}
