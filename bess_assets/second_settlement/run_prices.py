"""Real-time ancillary services by the runs of two datasets: the awards of the disclosure and the prices of NP6-332 and NP6-323 (section 3.2)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from bess_assets.second_settlement.clock import QUARTER, Grid, day_start
from bess_assets.second_settlement.readings import LONGEST_HOLD, PRODUCTS

LONGEST_PAST_A_RUN = pd.Timedelta(seconds=300)
ONE_RUN = pd.Timedelta(seconds=30)


def run_prices(clearing: pd.DataFrame, adders: pd.DataFrame, runs: pd.Series[Any]) -> pd.DataFrame:
    """Clearing price and adder of each run from RTC+B on, by the stamp of the disclosure: a row a run, a column a product.

    Args:
        clearing: rows of NP6-332 with name (product), time and price.
        adders: rows of NP6-323 with time and a column a product.
        runs: stamps of the disclosure.
    """
    prices = clearing.assign(name=clearing["name"].str.lower()).pivot(index="time", columns="name", values="price")
    prices = prices.reindex(columns=list(PRODUCTS))
    prices = prices[prices.index >= day_start("2025-12-05")]
    own = adders.set_index("time")[list(PRODUCTS)]
    own.index = _as_runs(own.index, prices.index)
    prices = prices + own.reindex(prices.index).fillna(0.0)
    prices.index = _as_runs(prices.index, runs)
    return prices.sort_index()


def _as_runs(stamps: Any, runs: Any) -> pd.DatetimeIndex:
    """Stamps, each replaced by the run within 30 seconds of it, nearest pairs first."""
    own, known = (np.array(found, dtype="datetime64[s]") for found in (stamps, np.sort(np.asarray(runs))))
    low = np.searchsorted(known, own - ONE_RUN.to_numpy())
    high = np.searchsorted(known, own + ONE_RUN.to_numpy(), side="right")
    place = np.repeat(np.arange(len(own)), high - low)
    run = np.concatenate([np.arange(*ends) for ends in zip(low, high, strict=True)]) if len(own) else place
    taken: dict[int, int] = {}
    used: set[int] = set()
    for pair in np.lexsort((run, place, abs(own[place] - known[run]))):
        if place[pair] not in taken and run[pair] not in used:
            taken[place[pair]] = run[pair]
            used.add(run[pair])
    own[list(taken)] = known[list(taken.values())]
    return pd.DatetimeIndex(own)


def _steps(own: Any, others: Any, end: pd.Timestamp) -> pd.DataFrame:
    """Begin and end of each run's step: to the next, at most 900 s, and at most 300 s where the others show a run in between."""
    stamps = pd.Series(pd.DatetimeIndex(own).unique().sort_values())
    following = stamps.shift(-1).fillna(end)
    until = following.clip(upper=stamps + LONGEST_HOLD)
    foreign = np.setdiff1d(np.asarray(others, "datetime64[s]"), stamps.to_numpy())
    foreign = np.append(foreign, pd.Timestamp.max.floor("s").to_datetime64())
    nearest = pd.Series(foreign[np.searchsorted(foreign, stamps.to_numpy(), side="right")])
    passed = nearest < following
    return pd.DataFrame({"stamp": stamps, "end": until.where(~passed, until.clip(upper=stamps + LONGEST_PAST_A_RUN))})


def pieces(runs: Any, priced: Any, quarters: pd.DatetimeIndex) -> pd.DataFrame:
    """Time cut at the quarter-hours and at the steps of both datasets: quarter, seconds, and the runs under way, NaT where none is."""
    end = quarters[-1] + QUARTER
    both = [_steps(runs, priced, end), _steps(priced, runs, end)]
    edges = pd.DatetimeIndex(
        np.unique(np.concatenate([quarters, [end], *(steps.to_numpy().ravel() for steps in both)]))
    )
    edges = edges[(edges >= quarters[0]) & (edges <= end)]
    cut = pd.DataFrame({"begin": edges[:-1], "seconds": (edges[1:] - edges[:-1]).total_seconds()})
    for name, steps in zip(("award", "price"), both, strict=True):
        found = pd.merge_asof(cut[["begin"]], steps.astype(cut.dtypes["begin"]), left_on="begin", right_on="stamp")
        cut[name] = found["stamp"].where(found["begin"] < found["end"])
    return cut.assign(quarter=cut["begin"].dt.floor("15min"))


def real_time_money(
    cut: pd.DataFrame, award_mw: Grid, run_price: pd.Series[Any], mcpc: pd.Series[Any], least_seconds: float
) -> tuple[Grid, pd.Series[Any]]:
    """What the real-time awards of a product are worth by quarter-hour, $ per hour, and the clearing price that buys day-ahead awards back.

    Args:
        cut: `pieces`.
        award_mw: award of each piece, missing where none is known.
        run_price: price of each piece.
        mcpc: NP6-331, by quarter-hour.
        least_seconds: observed for less, an award is unknown.
    """
    seconds, quarter = cut["seconds"].to_numpy()[:, None], cut["quarter"].to_numpy()
    price = run_price.to_numpy(dtype=float)[:, None]

    def total(amounts: Any, columns: Any) -> Grid:
        return pd.DataFrame(amounts, quarter, columns).groupby(level=0).sum().reindex(mcpc.index)

    priced = total(seconds * ~np.isnan(price), ["price"])["price"]
    mean_price = total(seconds * np.nan_to_num(price), ["price"])["price"] / priced.where(priced > 0)
    clearing = mcpc.fillna(mean_price.where(priced >= QUARTER.total_seconds()))
    rest = (clearing - mean_price).fillna(0.0)
    known, held = award_mw.notna().to_numpy(), award_mw.fillna(0.0).to_numpy()
    observed = total(seconds * known, award_mw.columns)
    observed = observed.where(observed >= least_seconds)
    mean = total(seconds * held, award_mw.columns) / observed
    at_runs = total(seconds * held * np.nan_to_num(price), award_mw.columns) / observed
    lacks_price = total(seconds * (known & np.isnan(price)), award_mw.columns) > 0
    own = at_runs + mean.mul(rest, axis=0)
    return own.where(~lacks_price, mean.mul(clearing, axis=0)), clearing
