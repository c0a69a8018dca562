"""Day-ahead rows that one battery lacks for over a day in hours for which the file has rows of others: no award, or an unknown one (section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pandas as pd

from bess_assets.second_settlement.clock import Grid, operating_days

LONGEST_WITHOUT_ROWS = 24  # hours without a row that are no gap
AT_WORK = 0.01  # share of runs over 1 MW from which a battery was at work


def unknown_hours(
    listed: Mapping[str, Grid],
    held: Mapping[str, pd.Series[Any]],
    awarded: Mapping[str, Grid],
    telemetry: Mapping[str, pd.DataFrame],
    fleet: pd.DataFrame,
    combo: Any,
) -> dict[str, Grid]:
    """True in the hours in which the award of a battery is unknown, by side.

    Args:
        listed: by side, True where the battery has a row in the hour.
        held: by side, hours for which its file has any row.
        awarded: by side, True where the battery has an award.
        telemetry: by dataset, rows with battery, time and mw.
        fleet: batteries with first_seen and last_seen days and the names of their sides.
        combo: True for hours of the combo files.
    """
    unknown = {side: grid & False for side, grid in listed.items()}
    for side, grid in listed.items():
        hours, days = grid.index, operating_days(grid.index)
        era = hours.isin(held[side]) & (combo != (side == "esr"))
        other = {"gen": "load", "load": "gen"}.get(side)
        for battery in grid.columns[fleet[f"{side}_resource"].notna()]:
            first, last = (pd.Timestamp(str(fleet.loc[battery, f"{end}_seen"])) for end in ("first", "last"))
            own = grid.loc[era & (days >= first) & (days <= last), battery]
            for has_rows, stretch in groupby(own.index, key=own.to_dict().__getitem__):
                gap = pd.DatetimeIndex(list(stretch))
                if has_rows or len(gap) <= LONGEST_WITHOUT_ROWS:
                    continue
                elsewhere = other is not None and awarded[other].loc[gap, battery].any()
                if elsewhere or _at_work(telemetry, battery, gap, esr=side == "esr"):
                    unknown[side].loc[gap, battery] = True
    return unknown


def _at_work(telemetry: Mapping[str, pd.DataFrame], battery: Any, gap: pd.DatetimeIndex, *, esr: bool) -> bool:
    own = [rows[rows["battery"] == battery] for dataset, rows in telemetry.items() if ("ESR" in dataset) == esr]
    active = [rows.loc[rows["time"].dt.floor("h").isin(gap), "mw"].dropna().abs() > 1 for rows in own]
    return any(bool(runs.any()) and runs.mean() >= AT_WORK for runs in active)
