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


def _rows_by_day(judged: Judged) -> dict[tuple[str, ...], IntArray]:
    """Rows of each series of a ledger by day of the year, with one place before it and one after it for days that are none of it.

    Raises:
        DamagedError: the file cannot be read.
    """
    year, (*series, _) = operating_year(judged.year), judged.table.key
    found: dict[tuple[str, ...], IntArray] = {}
    before: list[IntArray] = []
    with judged.reading(judged.table.name) as table, pq.ParquetFile(table.path, read_dictionary=series) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=[*series, "operating_day"], use_threads=False)
            keys = [rows.column(name).combine_chunks() for name in series]
            sizes = [len(key.dictionary) for key in keys]
            codes = [key.indices.to_numpy() for key in keys]
            day = rows.column("operating_day").combine_chunks().cast(pa.int32()).to_numpy()
            place = (day - year.first_day + 1).clip(0, year.days + 1)
            said = [np.array(sizes), *codes, place]
            if not before or not all(map(np.array_equal, said, before)):  # as a rule all batteries have the same
                counts, before = _counts(codes, sizes, place, year.days + 2), said
            for n in np.flatnonzero(counts.any(axis=1)).tolist():
                texts = zip(keys, np.unravel_index(n, sizes), strict=True)
                name = tuple(str(key.dictionary[int(own)]) for key, own in texts)
                found[name] = found.get(name, 0) + counts[n]
    return found


def _counts(codes: Sequence[IntArray], sizes: Sequence[int], place: IntArray, places: int) -> IntArray:
    """Rows by series, which is told by a code for each part of its key, and place of their day; shape (series, places)."""
    begins = np.ones(len(place), dtype=bool)  # a series and day
    begins[1:] = np.logical_or.reduce([own[1:] != own[:-1] for own in (*codes, place)])
    first = np.flatnonzero(begins)
    cell = np.ravel_multi_index([*(own[first] for own in codes), place[first]], [*sizes, places])
    counts = np.zeros((math.prod(sizes), places), dtype=np.int64)
    np.add.at(counts.reshape(-1), cell, np.diff(first, append=len(place)))
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
                batteries = [key[0] for key, own in rows_of.items() if own[day] == steps]
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

_LEGS = [(product, leg) for product in PRODUCTS for leg in ("da", "rt")]
_COMPONENTS = ["da_energy_usd", "rt_energy_usd", *(f"as_{product}_{leg}_usd" for product, leg in _LEGS)]


def _sums_of_ledgers(judged: Judged) -> list[float | None]:
    """Sums of the components over both ledgers, None where nothing is known, a battery at a time: all of a year's are gigabytes."""
    found: dict[str, list[float]] = {name: [] for name in _COMPONENTS}
    for ledger, total in (("energy_revenue", "energy_usd"), ("as_revenue", "revenue_usd")):
        with judged.reading(ledger) as table:
            for n in range(len(table.batteries())):
                da, rt, whole = table.numbers(["da_usd", "rt_usd", total], n).values()
                codes, texts = (
                    table.labels("product", n) if ledger == "as_revenue" else (np.zeros(len(whole)), ["energy"])
                )
                for code, text in enumerate(texts):
                    own = (codes == code) & ~np.isnan(whole)
                    for leg, usd in (("da", da[own]), ("rt", rt[own])):
                        name = f"{leg}_energy_usd" if text == "energy" else f"as_{text}_{leg}_usd"
                        found[name] += [float(np.nansum(usd))] if not np.isnan(usd).all() else []
    return [math.fsum(sums) if sums else None for sums in found.values()]


def _ledger_sums(judged: Judged) -> Verdict:
    ledgers = ("energy_revenue", "as_revenue")
    if not all(judged.path(name).is_file() for name in ledgers):
        return Verdict(passed=True, detail=f"not compared: {' or '.join(ledgers)} is not there")
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
