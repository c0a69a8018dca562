"""Prices that day-ahead award rows state, for hours in which no price file has them.

A stated settlement point price holds for every resource at its point, a stated clearing price for every resource: rows of all resources are read.
"""

from collections.abc import Sequence

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.footers import has_column
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.rows import Codes, YearRows
from bess_assets.ercot.step import Findings, Inputs

STATED_PRICE = "settlement_price_usd_per_mwh"
STATED_MCPC = tuple(f"{product}_mcpc_usd_per_mw" for product in PRODUCTS)
_WITH_POINTS = ("dam_gen_resources", "dam_esr_resources")
_EVERY = "every resource"
_CENT_BITS = 36
"""A price as cents takes at most so many bits, half of them below zero."""


def stated_point_prices(inputs: Inputs, findings: Findings, points: Sequence[str], lacking: BoolArray) -> FloatArray:
    """Day-ahead settlement point prices, $/MWh, that award rows state where `lacking`, NaN elsewhere; shape (points, hours).

    Of rows that differ by over a cent the most frequent price is taken, of equally frequent ones the lowest.
    """
    return _stated(inputs, findings, "da_prices", [STATED_PRICE], lacking, points)


def stated_mcpc(inputs: Inputs, findings: Findings, lacking: BoolArray) -> FloatArray:
    """The same of day-ahead market clearing prices for capacity, $/MW for the hour; shape (products, hours)."""
    return _stated(inputs, findings, "as_prices", STATED_MCPC, lacking)


def _stated(
    inputs: Inputs,
    findings: Findings,
    instead_of: str,
    columns: Sequence[str],
    lacking: BoolArray,
    points: Sequence[str] = (),
) -> FloatArray:
    """Prices of so many columns, a row of the grid each, or of one column by settlement point."""
    prices = np.full(lacking.shape, np.nan)
    votes = [np.empty((2, 0), dtype=np.int64)]
    datasets = _WITH_POINTS if points else (*_WITH_POINTS, "dam_load_resources")
    # found rollups hardly ever state clearing prices: their rows need not be read
    states = [name for name in datasets if any(has_column(inputs, name, column) for column in columns)]
    for dataset in states if lacking.any() else ():
        texts = {"settlement_point": Codes(points)} if points else {}
        codes = Codes([_EVERY], lambda _: _EVERY)
        for rows in YearRows(inputs, dataset, codes, numbers=(), texts=texts, compared=columns):
            for n, column in enumerate(columns):
                place, price = (
                    rows.texts["settlement_point"] if points else np.full_like(rows.step, n),
                    rows.numbers[column],
                )
                wanted = (place >= 0) & (place < len(lacking)) & ~np.isnan(price)
                wanted[wanted] = lacking[place[wanted], rows.step[wanted]]
                votes.append(_counted(place[wanted] * lacking.shape[1] + rows.step[wanted], price[wanted]))
    price_of_cell, place = np.unique(np.concatenate([cells for cells, _ in votes]), return_inverse=True)
    count = np.bincount(place, np.concatenate([counts for _, counts in votes]), minlength=len(price_of_cell))
    cell, cents = price_of_cell >> _CENT_BITS, (price_of_cell & (2**_CENT_BITS - 1)) - 2 ** (_CENT_BITS - 1)
    # the most frequent price of a cell comes last, and of equally frequent ones the lowest
    order = np.lexsort((-cents, count, cell))
    prices.reshape(-1)[cell[order]] = cents[order] / 100
    stated = int((~np.isnan(prices)).sum())
    findings.add("stated_prices", instead_of, stated, "day-ahead hours", warning=False)
    findings.add("stated_prices_differ", instead_of, len(cell) - stated, "the most frequent one was taken")
    return prices


def _counted(cell: IntArray, price: FloatArray) -> IntArray:
    """How often each price of a cell is stated: cell and cents in one number, and the count."""
    half = 2 ** (_CENT_BITS - 1)
    cents = np.clip(np.rint(price * 100), 1 - half, half - 1).astype(np.int64) + half
    return np.stack(np.unique((cell << _CENT_BITS) + cents, return_counts=True))
