"""Gaps: over 24 hours in a row which a day-ahead file holds and one battery lacks, in its seen period (methodology, section 4).

A resource that is not listed has no award; that of a battery at work is unknown, since its rows were perhaps lost.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, IntArray
from bess_assets.ercot.calendar import OperatingYear
from bess_assets.ercot.products import QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Inputs, Verdict, some
from bess_assets.settlement.runs import RunReader, read_metering, run_values

ROWS_CHECK = "batteries_have_day_ahead_rows_throughout"
LONGEST_UNLISTED_HOURS = 24
"""So many hours without a row are no gap: single days of 2021 without a load row are known to have had no award."""
ACTIVE_MW = 1.0  # a run with more than this, to or from the grid, shows a battery at work
LEAST_ACTIVE_SHARE = 0.01  # of the runs in a gap: from this share on the battery was at work
GAP_WORDS = ("no award", "unknown")
"""How a gap is judged."""

# quantities that show a battery at work, the better one first
_TELEMETRY = {
    "sced_gen_resources": ("output_mw", "base_point_mw"),
    "sced_load_resources": ("consumption_mw", "base_point_mw"),
    "sced_esr_resources": ("output_mw", "base_point_mw"),
}
_COMBO = {
    "sced_gen_resources": "gen_resource",
    "sced_smne": "gen_resource",
    "sced_load_resources": "load_resource",
}
_SHOWN_IN = {"gen": _COMBO, "load": _COMBO, "esr": {"sced_esr_resources": "esr_resource"}}


@dataclass(frozen=True)
class Gap:
    """A gap of one battery.

    Attributes:
        battery: its key.
        kind: gen, load or esr: which day-ahead dataset lacks rows.
        resource: the name that lacks rows.
        hours: positions in the year.
        awarded_elsewhere: whether the battery's other side has an award meanwhile.
        names: its resource in each dataset that may show it at work.
    """

    battery: str
    kind: str
    resource: str
    hours: IntArray
    awarded_elsewhere: bool
    names: Mapping[str, str]


def gaps_in(present: BoolArray, expected: BoolArray) -> list[IntArray]:
    """Positions of each stretch of over `LONGEST_UNLISTED_HOURS` expected hours in a row without a row; both arguments by hour."""
    hours = np.flatnonzero(expected)
    edges = np.flatnonzero(np.diff(~present[hours], prepend=False, append=False)).reshape(-1, 2)
    return [hours[first:end] for first, end in edges.tolist() if end - first > LONGEST_UNLISTED_HOURS]


def names_at_work(row: Mapping[str, Any], kind: str) -> dict[str, str]:
    """The resource of a battery of the registry in each dataset of a kind's market design that may show it at work."""
    return {dataset: row[column] for dataset, column in _SHOWN_IN[kind].items() if row[column]}


def judged(inputs: Inputs, gaps: Sequence[Gap]) -> list[bool]:
    """Whether the award is unknown in each gap: True where the other side has an award or a dataset shows the battery at work."""
    asked = [gap for gap in gaps if not gap.awarded_elsewhere]
    work = {dataset: _work(inputs, dataset, asked) for dataset in {name: None for gap in asked for name in gap.names}}

    def at_work(gap: Gap) -> bool:
        of_datasets = [
            [of_hours[gap.hours].sum() for of_hours in work[dataset][name]] for dataset, name in gap.names.items()
        ]
        return any(active and active >= LEAST_ACTIVE_SHARE * runs for runs, active in of_datasets)

    return [gap.awarded_elsewhere or at_work(gap) for gap in gaps]


def _work(inputs: Inputs, dataset: str, gaps: Sequence[Gap]) -> dict[str, tuple[IntArray, IntArray]]:
    """By resource its known runs, or metered quarter-hours, in each hour of its gaps, and those of them that show it at work."""
    year, gaps = inputs.year, [gap for gap in gaps if dataset in gap.names]
    names = sorted({gap.names[dataset] for gap in gaps})
    if dataset == "sced_smne":
        metered, _ = read_metering(inputs, names)
        hour, values = np.arange(year.quarter_hours) // QUARTER_HOURS_PER_HOUR, metered.T
        least = ACTIVE_MW / QUARTER_HOURS_PER_HOUR
    else:
        reader = RunReader(inputs, dataset, names, _TELEMETRY[dataset])
        better, other = run_values(reader, _days_of(year, gaps))
        hour, values = (reader.starts - year.start) // 3_600, np.where(np.isnan(better), other, better)
        least = ACTIVE_MW
    runs, active = (np.zeros((year.hours, len(names)), dtype=np.int64) for _ in range(2))
    np.add.at(runs, hour, ~np.isnan(values))
    np.add.at(active, hour, np.abs(values) > least)
    return {name: (runs[:, n], active[:, n]) for n, name in enumerate(names)}


def _days_of(year: OperatingYear, gaps: Sequence[Gap]) -> Iterator[tuple[int, int]]:
    """The days of gaps, those in a row together: first quarter-hour and one past the last."""
    days = np.zeros(year.days, dtype=bool)
    for gap in gaps:
        days[year.hour_day[gap.hours]] = True
    for edges in np.flatnonzero(np.diff(days, prepend=False, append=False)).reshape(-1, 2):
        first, end = QUARTER_HOURS_PER_HOUR * year.day_first_hour[edges]
        yield int(first), int(end)


def rows_verdict(resources: int, gaps: Sequence[Gap], unknown: Sequence[bool]) -> Verdict:
    """The verdict on the gaps of so many resources: none may leave an award unknown."""
    lost = [gap for gap, is_lost in zip(gaps, unknown, strict=True) if is_lost]
    idle = len(gaps) - len(lost)
    words = [f"{gap.resource} {len(gap.hours):,} hours of dam_{gap.kind}_resources" for gap in lost]
    none = f"{resources} resources, {idle} gaps of over a day in which no award is missed"
    at_work = (
        f"{len(lost)} gaps of {resources} resources although the battery is at work, its award unknown: {some(words)}"
    )
    return Verdict(
        not lost,
        at_work if lost else none,
        {"resources": resources, "gaps_unknown": len(lost), "gaps_without_award": idle},
    )
