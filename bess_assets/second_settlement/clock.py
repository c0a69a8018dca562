"""Central prevailing time by the rules of section 7: labels and stamps as written become UTC.

UTC is written as datetime64[s] without a zone; an operating day is its naive midnight.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

CENTRAL = ZoneInfo("America/Chicago")
QUARTER = pd.Timedelta(minutes=15)
HOUR = pd.Timedelta(hours=1)
Grid = pd.DataFrame
"""One quantity: a row an interval, a column a battery."""


def to_utc(wall: pd.Series[Any], repeated: pd.Series[Any]) -> pd.Series[Any]:
    """Central wall-clock times as UTC; `repeated` marks the second 01:00 hour; a time that never was is NaT."""
    local = wall.dt.tz_localize(CENTRAL, ambiguous=~repeated.to_numpy(dtype=bool), nonexistent="NaT")
    return pd.Series(local.dt.tz_convert("UTC").dt.tz_localize(None).dt.as_unit("s"))


def day_starts(days: pd.Series[Any]) -> pd.Series[Any]:
    """00:00 Central of each day, in UTC."""
    return to_utc(days, pd.Series(False, index=days.index))


def day_start(day: pd.Timestamp | str) -> pd.Timestamp:
    """00:00 Central of one day, in UTC."""
    return pd.Timestamp(day).tz_localize(CENTRAL).tz_convert("UTC").tz_localize(None)


def operating_days(times: pd.Index[Any]) -> pd.DatetimeIndex:
    """The Central date of each UTC time."""
    return pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(CENTRAL).tz_localize(None).normalize().as_unit("s")


def intervals_of(year: int, step: pd.Timedelta) -> pd.DatetimeIndex:
    """Start of every interval of an operating year, UTC."""
    first, last = day_start(f"{year}-01-01"), day_start(f"{year + 1}-01-01")
    return pd.date_range(first, last, freq=step, inclusive="left").as_unit("s")


def hours_of(days: pd.Series[Any]) -> pd.Series[Any]:
    """Hours in each operating day: 23, 24 or 25."""
    codes, values = pd.factorize(days)
    unique = pd.Series(values).dt.as_unit("s")
    length = (day_starts(unique + pd.Timedelta(days=1)) - day_starts(unique)).dt.total_seconds() / 3600
    return pd.Series(length.to_numpy()[codes], index=days.index)


def clock_changes(year: int) -> list[pd.Timestamp]:
    """The day of 23 hours and the day of 25."""
    days = pd.Series(pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="D")).dt.as_unit("s")
    return list(days[hours_of(days) != 24])


def hour_starts(rows: pd.DataFrame) -> pd.Series[Any]:
    """Start of each labelled hour, UTC; NaT for a label that the day does not have.

    Args:
        rows: name, kind, interval, day, label (hour ending), repeated (flag), report, and scope: rows of one day and scope are judged together. The
            n-th row of one name, interval and report with a flag-less label 2 on the 25-hour day is the n-th 01:00 hour.
    """
    rows = rows.reset_index(drop=True)
    label = rows["label"]
    plausible = label.between(1, 24) & (label % 1 == 0)
    wall = rows["day"] + pd.to_timedelta((label - 1).where(plausible, 0) * 3600, unit="s").dt.as_unit("s")
    start = to_utc(wall, rows["repeated"] & (label == 2)).where(plausible)

    length = hours_of(rows["day"])
    for _, some in rows[length.isin([23, 25])].groupby(["day", "scope"]):
        labels, hours = some["label"], length[some.index[0]]
        in_order = not (labels == 24).any() if hours == 23 else (labels == 25).any()
        if not in_order and (hours == 23 or some["repeated"].any()):
            continue  # the clock's own labels (01:00, 02:00, 04:00 .. 24:00) or flags, as localised above
        position = labels - 1
        if not in_order:
            alike = some.groupby(["name", "kind", "interval", "report", "label"], dropna=False, observed=True)
            position = position.where(labels <= 2, labels) + (alike.cumcount() % 2).where(labels == 2, 0)
        fits = position.between(0, hours - 1)
        offset = pd.to_timedelta(position.where(fits) * 3600, unit="s")
        start[some.index] = (day_starts(some["day"]) + offset).dt.as_unit("s")
    return start
