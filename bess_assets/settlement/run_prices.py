"""Prices of ancillary services by SCED run: the clearing price of each run and the reliability deployment adder of that run, as steps in time.

ERCOT pays a resource's real-time award at the run prices weighted by its awards (ancillary.py); prices of the quarter-hour are in prices.py.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bess_assets.ercot.arrays import FloatArray, IntArray, SourceArray, distinct
from bess_assets.ercot.calendar import OperatingYear, day_number
from bess_assets.ercot.datasets import DATASETS, PRICE_SOURCE
from bess_assets.ercot.products import PRODUCTS, RTC_FIRST_DAY, SECONDS_PER_QUARTER_HOUR
from bess_assets.ercot.rows import Codes, YearRows
from bess_assets.ercot.step import Finding, Findings, Inputs
from bess_assets.settlement.grid import Scatter
from bess_assets.settlement.lines import LONGEST_HOLD_SECONDS
from bess_assets.settlement.prices import (
    FILE_SOURCES,
    clearing_prices,
    product_of,
    ranked,
    report_sources,
    source_codes,
)

RT_MCPC_SOURCES = (*FILE_SOURCES, "run_mean")
"""Where the real-time clearing price of a quarter-hour comes from, best first: files of it, or the mean of the run prices and adders."""

SAME_RUN_SECONDS = 30  # stamps of two datasets at most this far apart are one run
LONGEST_HOLD_PAST_A_RUN_SECONDS = 300
"""A step holds at most this long where the other dataset shows a run that its own lacks."""
_NO_RUNS = np.empty(0, dtype=np.int64)
_EVERY = ""  # the one series of a dataset of a row a run


@dataclass(frozen=True)
class RunPrices:
    """Prices of all products by run.

    Attributes:
        starts: start of each run, UTC seconds, ascending.
        until: end of the step of each run, UTC seconds.
        usd_per_mw: clearing price and adder, $/MW per hour, NaN where no price is known; shape (products, runs).
        only_here: starts of the runs that the disclosure lacks.
    """

    starts: IntArray
    until: IntArray
    usd_per_mw: FloatArray
    only_here: IntArray

    @staticmethod
    def none() -> "RunPrices":
        """Prices of no run."""
        return RunPrices(_NO_RUNS, _NO_RUNS, np.empty((len(PRODUCTS), 0)), _NO_RUNS)

    def integrals(self, product: int, first: IntArray, last: IntArray) -> tuple[FloatArray, FloatArray]:
        """Price x seconds of stretches of time, and how many of their seconds have a price.

        Args:
            product: position in `PRODUCTS`.
            first: begin of each stretch, UTC seconds.
            last: end of each.
        """
        starts, until, price, before = self._steps[product]

        def up_to(time: IntArray) -> FloatArray:
            step = np.searchsorted(starts, time, side="right") - 1
            held = np.where(step < 0, 0, np.minimum(time, until[step]) - starts[step]) if len(starts) else 0 * time
            of_step = np.where(step < 0, 0.0, price[step]) if len(starts) else 0.0 * time
            return np.asarray(before[:, np.maximum(step, 0)] + np.stack([of_step * held, held]))

        value, seconds = up_to(last) - up_to(first)
        return value, seconds

    @cached_property
    def _steps(self) -> list[tuple[IntArray, IntArray, FloatArray, FloatArray]]:
        """The steps of each product whose price is known: begin, end, price, and sums of price x seconds and of seconds before each."""
        found = []
        for price in self.usd_per_mw:
            known = np.flatnonzero(~np.isnan(price))
            starts, until, own = self.starts[known], self.until[known], price[known]
            sums = np.cumsum([own * (until - starts), until - starts], axis=1)
            found.append((starts, until, own, np.concatenate([np.zeros((2, 1)), sums], axis=1)))
        return found

    def quarter_hour_means(self, year: OperatingYear) -> tuple[FloatArray, FloatArray]:
        """Time-weighted mean of the known prices of each quarter-hour, NaN where none is, and how many of its seconds have one.

        Both of the shape (products, quarter-hours).
        """
        first = year.start + SECONDS_PER_QUARTER_HOUR * np.arange(year.quarter_hours)
        found = [self.integrals(n, first, first + SECONDS_PER_QUARTER_HOUR) for n in range(len(PRODUCTS))]
        value, seconds = (np.stack(part) for part in zip(*found, strict=True))
        return np.where(seconds > 0, value / np.where(seconds > 0, seconds, 1.0), np.nan), seconds


def real_time_mcpc(
    inputs: Inputs, findings: Findings, disclosed: IntArray
) -> tuple[FloatArray, FloatArray, SourceArray]:
    """Real-time clearing prices of quarter-hours, $/MW per hour, the mean of the run prices of the whole where a report has none.

    Returns:
        MCPC_RT, NaN where missing and before 2025-12-05; what it is above the mean of run prices and adders, 0 where no run price is known; and its source,
        index into `RT_MCPC_SOURCES`, -1 where missing; shape (products, quarter-hours).
    """
    published = clearing_prices(inputs, findings, "rt_as_prices")
    # findings of the run prices themselves are those of bess_dispatch
    mean, seconds = read_run_prices(inputs, Findings(), disclosed).quarter_hour_means(inputs.year)
    whole = np.where(seconds >= SECONDS_PER_QUARTER_HOUR, mean, np.nan)
    price, source = ranked(published | {RT_MCPC_SOURCES.index("run_mean"): whole})
    return price, np.nan_to_num(price - mean), source


def hold_ends(starts: IntArray, others: IntArray, end: int) -> IntArray:
    """End of the step of each run: the next run, at most 900 s later; at most 300 s where another dataset shows a run in between.

    Args:
        starts: UTC seconds, ascending.
        others: runs that only the other dataset shows, ascending.
        end: no step goes beyond it.
    """
    next_run = np.append(starts, end)[1:]
    until: IntArray = np.minimum(next_run, starts + LONGEST_HOLD_SECONDS)
    next_other = np.append(others, end)[np.searchsorted(others, starts, side="right")]
    passed = next_other < next_run
    until[passed] = np.minimum(until, starts + LONGEST_HOLD_PAST_A_RUN_SECONDS)[passed]
    return until


def same_runs(stamps: IntArray, runs: IntArray) -> IntArray:
    """Position in `runs` of the run that each stamp is, nearest first, -1 where none is within 30 s; both ascending."""
    match = np.full(len(stamps), -1)
    near = np.searchsorted(runs, stamps)
    pairs = np.concatenate([np.stack([np.arange(len(stamps)), near + side]) for side in (-2, -1, 0, 1)], axis=1)
    pairs = pairs[:, (pairs[1] >= 0) & (pairs[1] < len(runs))]
    distance = np.abs(stamps[pairs[0]] - runs[pairs[1]])
    order = np.argsort(distance, kind="stable")
    pairs = pairs[:, order[distance[order] <= SAME_RUN_SECONDS]]
    taken = np.zeros(len(runs), dtype=bool)
    while pairs.shape[1]:
        # a pair that is the nearest left of both its stamp and its run
        firsts = [np.isin(np.arange(len(side)), np.unique(side, return_index=True)[1]) for side in pairs]
        stamp, run = pairs[:, firsts[0] & firsts[1]]
        match[stamp], taken[run] = run, True
        pairs = pairs[:, (match[pairs[0]] < 0) & ~taken[pairs[1]]]
    return match


def read_run_prices(inputs: Inputs, findings: Findings, disclosed: IntArray) -> RunPrices:
    """Prices of the year's runs from 2025-12-05 on, under the stamps of the disclosure.

    Args:
        inputs: year and rollups.
        findings: where odd rows are noted.
        disclosed: starts of the runs of the 60-day disclosure, UTC seconds, ascending.
    """

    def read() -> tuple[RunPrices, list[Finding]]:
        odd = Findings()
        return _read_run_prices(inputs, odd, disclosed), odd.items

    datasets = ("sced_as_prices", "sced_as_adders", "sced_esr_resources")
    prices, odd = inputs.once("run prices", datasets, read)
    findings.items += odd
    return prices


def _read_run_prices(inputs: Inputs, findings: Findings, disclosed: IntArray) -> RunPrices:
    year = inputs.year
    capped, (price,) = _by_run(inputs, findings, "sced_as_prices", ["mcpc_usd_per_mw"])
    run = same_runs(capped, disclosed)
    starts = np.where(run >= 0, disclosed[run] if len(disclosed) else capped, capped)
    added, adders = _by_run(inputs, findings, "sced_as_adders", [f"{p}_adder_usd_per_mw" for p in PRODUCTS])
    of_run = same_runs(added, capped)
    for n, adder in enumerate(adders):
        price[n, of_run[of_run >= 0]] += np.nan_to_num(adder[0, of_run >= 0])
    only_there = np.setdiff1d(disclosed, starts)
    order = np.argsort(starts, kind="stable")
    starts = starts[order]
    only_here = np.setdiff1d(starts, disclosed)
    return RunPrices(starts, hold_ends(starts, only_there, year.end), price[:, order], only_here)


def _by_run(inputs: Inputs, findings: Findings, dataset: str, numbers: list[str]) -> tuple[IntArray, list[FloatArray]]:
    """Stamps of a dataset from 2025-12-05 on, UTC seconds, ascending, and a grid of each number by product, where rows have one, and run."""
    year = inputs.year
    texts = {PRICE_SOURCE: Codes(FILE_SOURCES)} | (
        {"product": Codes()} if "product" in DATASETS[dataset].columns else {}
    )
    codes = Codes(PRODUCTS, product_of) if "product" in texts else Codes([_EVERY], lambda _: _EVERY)
    reader = YearRows(inputs, dataset, codes, numbers=numbers, texts=texts, step_seconds=1)
    parts = []
    for rows in reader:
        kept = rows.step >= 3_600 * year.hour_of_day_number(day_number(RTC_FIRST_DAY))
        series = rows.series + codes.known * source_codes(rows.texts[PRICE_SOURCE])
        values = {name: rows.numbers[name][kept] for name in numbers}
        parts.append((rows.step[kept], series[kept], values, rows.rows.keep(kept)))
    stamps = distinct(np.concatenate([_NO_RUNS, *(step for step, *_ in parts)]))
    scatter = Scatter(codes.known * len(FILE_SOURCES), len(stamps), numbers)
    for step, series, values, own in parts:
        scatter.put(series, np.searchsorted(stamps, step), values, reader.counted, own)
    found = {name: dict(enumerate(np.split(grid, len(FILE_SOURCES)))) for name, grid in scatter.grids.items()}
    for name, prices in found.items():
        report_sources(findings, dataset, prices, PRODUCTS if "product" in texts else [name])
    if year.last_day >= day_number(RTC_FIRST_DAY):
        reader.report(findings)
    return year.start + stamps, [ranked(prices)[0] for prices in found.values()]
