"""Checks of whole ledgers: every interval of the year has its row, and the sums of the board are those of the ledgers."""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.arrays import IntArray, distinct
from bess_assets.ercot.calendar import day_of_number, operating_year
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Verdict, some

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE_USD = 1e-6, 0.01
"""The board and the ledgers add the same numbers in different orders."""


def _rows_by_day(judged: Judged) -> dict[str, IntArray]:
    """Rows of each series of a ledger by day of the year, with one place before it and one after it for days that are none of it.

    Raises:
        DamagedError: the file cannot be read.
    """
    year, series = operating_year(judged.year), judged.table.key[0]
    found: dict[str, IntArray] = {}
    before: list[IntArray] = []
    with judged.reading(judged.table.name) as table, pq.ParquetFile(table.path, read_dictionary=[series]) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=[series, "operating_day"], use_threads=False)
            names = rows.column(series).combine_chunks()
            codes, texts = names.indices.to_numpy(), names.dictionary.to_pylist()
            day = rows.column("operating_day").combine_chunks().cast(pa.int32()).to_numpy()
            place = (day - year.first_day + 1).clip(0, year.days + 1)
            said = [np.array(len(texts)), codes, place]
            if not before or not all(map(np.array_equal, said, before)):  # as a rule all batteries have the same
                counts, before = _counts(codes, len(texts), place, year.days + 2), said
            for n in np.flatnonzero(counts.any(axis=1)).tolist():
                found[texts[n]] = found.get(texts[n], 0) + counts[n]
    return found


def _counts(codes: IntArray, series: int, place: IntArray, places: int) -> IntArray:
    """Rows by code of their series and place of their day; shape (series, places)."""
    begins = np.ones(len(place), dtype=bool)  # a series and day
    begins[1:] = (codes[1:] != codes[:-1]) | (place[1:] != place[:-1])
    first = np.flatnonzero(begins)
    counts = np.zeros((series, places), dtype=np.int64)
    np.add.at(counts, (codes[first], place[first]), np.diff(first, append=len(place)))
    return counts


def _complete(name: str, per_hour: int, unit: str, counts: str) -> Check:
    """A check that every series has a row for each hour, or quarter-hour, of each day."""

    def judge(judged: Judged) -> Verdict:
        year = operating_year(judged.year)
        rows_of = _rows_by_day(judged)
        held = np.stack([*rows_of.values()]) if rows_of else np.zeros((0, year.days + 2), dtype=np.int64)
        expected = np.pad(year.day_hours * per_hour, 1)
        phrases, wrong = list[str](), 0
        for day in np.flatnonzero((held != expected).any(axis=0)).tolist():
            date = day_of_number(year.first_day - 1 + day)
            for steps in distinct(held[held[:, day] != expected[day], day]).tolist():
                batteries = [name for name, own in rows_of.items() if own[day] == steps]
                wrong += len(batteries)
                fault = f"{date}: {steps} {unit} instead of {expected[day]}"
                if not expected[day]:
                    fault = f"{steps} {unit} {'after' if day else 'before'} {year.year}"
                example = f"{fault} ({len(batteries):,} series, {min(batteries)} for one)"
                phrases.append(example if steps else f"{date}: absent from {len(batteries):,} series")
        days, steps = year.days, int(expected.sum())
        detail = some(phrases) or f"{len(held):,} series of {days} days, {steps:,} {unit} each"
        numbers = {"series": len(held), "days": days, "days_of_series_wrong": wrong, "rows": judged.rows}
        return Verdict(not wrong, detail, numbers)

    return Check(
        name,
        f"Every series has a row for each {unit[:-1]} of each day of the year: {counts} as the clock changes.",
        "stop: the file is not what the package writes. Remove it and `bess refresh YEAR`; if it comes again, report it",
        judge,
        blocking=True,
    )


HOURS = _complete("every_day_has_its_23_24_or_25_hours", 1, "hours", "23, 24 or 25")
QUARTER_HOURS = _complete(
    "every_day_has_its_92_96_or_100_quarter_hours", QUARTER_HOURS_PER_HOUR, "quarter-hours", "92, 96 or 100"
)

_COMPONENTS = ["da_energy_usd", "rt_energy_usd", *(f"as_{p}_{leg}_usd" for p in PRODUCTS for leg in ("da", "rt"))]
# by ledger, the columns of the two legs of each component, and of their total
_LEGS = {
    "energy_revenue": [("da_usd", "rt_usd", "energy_usd")],
    "as_revenue": [(f"{p}_da_usd", f"{p}_rt_usd", f"{p}_revenue_usd") for p in PRODUCTS],
}


def _sums_of_ledgers(judged: Judged) -> list[float | None]:
    """Sums of the components over both ledgers, None where nothing is known, a battery at a time: all of a year's are gigabytes."""
    found = list[list[float]]()
    for ledger, components in _LEGS.items():
        sums: dict[str, list[float]] = {leg: [] for *legs, _ in components for leg in legs}
        with judged.reading(ledger) as table:
            for n in range(len(table.batteries())):
                own = table.numbers([name for names in components for name in names], n)
                for *legs, total in components:
                    known = ~np.isnan(own[total])
                    for leg in legs:
                        usd = own[leg][known]
                        sums[leg] += [float(np.nansum(usd))] if not np.isnan(usd).all() else []
        found += sums.values()
    return [math.fsum(own) if own else None for own in found]


def _ledger_sums(judged: Judged) -> Verdict:
    if not all(judged.path(name).is_file() for name in _LEGS):
        return Verdict(passed=True, detail=f"not compared: {' or '.join(_LEGS)} is not there")
    (board,) = judged.ask(f"SELECT {', '.join(f'sum({name})' for name in _COMPONENTS)} FROM {{leaderboard}}")
    ledger = _sums_of_ledgers(judged)
    gaps = [0.0 if None in pair else abs(pair[0] - pair[1]) for pair in zip(board, ledger, strict=True)]
    phrases = [
        f"{name} is {_money(shown)} on the board and {_money(summed)} in the ledger"
        for name, shown, summed, gap in zip(_COMPONENTS, board, ledger, gaps, strict=True)
        if (shown is None) != (summed is None)
        or gap > max(ABSOLUTE_TOLERANCE_USD, RELATIVE_TOLERANCE * abs(summed or 0.0))
    ]
    numbers = {
        "fleet_usd_on_the_board": _total(board),
        "fleet_usd_in_the_ledgers": _total(ledger),
        "largest_difference_usd": max(gaps),
        "components_differing": len(phrases),
    }
    detail = "; ".join(phrases) or f"{_money(_total(ledger))} in all; {len(_COMPONENTS)} components agree"
    return Verdict(not phrases, detail, numbers)


def _total(components: Sequence[float | None]) -> float | None:
    return sum(known) if (known := [value for value in components if value is not None]) else None


def _money(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f} $"


LEDGERS = Check(
    "fleet_sums_equal_those_of_the_ledgers",
    "The sum of each revenue component over all batteries of the board equals its sum over the two ledgers, to a cent or a millionth.",
    "a table was refreshed without what is made from it: `bess refresh YEAR`; if it comes again, report it",
    _ledger_sums,
    blocking=True,
)
