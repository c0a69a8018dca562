"""Each dataset of a year, read once: rows wanted with UTC in a scratch database, and the days, hours and runs of which the dataset holds any row.

Of several rows of one key the last counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from bess_assets.second_settlement.clock import (
    HOUR,
    QUARTER,
    clock_changes,
    day_start,
    day_starts,
    hour_starts,
    hours_of,
    to_utc,
)
from bess_assets.second_settlement.source import Piece, Source

PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
LONGEST_HOLD = pd.Timedelta(seconds=900)
"""A SCED run holds until the next, at most this long (section 3.3)."""

# Headings with everything but letters and digits left out, in small letters, best first (sections 5 and 6).
DATE = ("deliverydate",)
STAMP = ("scedtimestamp",)
HOUR_ENDING = ("hourending", "deliveryhour", "hour")
INTERVAL = ("deliveryinterval",)
RESOURCE = ("loadresourcename", "resourcename", "resourcecode")
POINT = ("settlementpointname", "settlementpoint")
NAME = (*RESOURCE, "ancillarytype", "astype", *POINT)
NUMBERS = {
    "output": ("telemeterednetoutput", "realpowerconsumption"),
    "base_point": ("basepoint",),
    "mwh": ("intervalvalue",),
    "price": ("settlementpointprice", "mcpc"),
}
AWARDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "energy": ((), ("awardedquantity",)),
    "regup": ((), ("regupawarded",)),
    "regdn": ((), ("regdownawarded",)),
    "rrs": (("rrspfrawarded", "rrsffrawarded", "rrsufrawarded"), ("rrsawarded",)),
    "ecrs": (("ecrssdawarded",), ("ecrsawarded",)),
    "nspin": ((), ("nonspinawarded",)),
}
"""Day-ahead awards: headings of the parts, and of the single column (section 6)."""
REAL_TIME_AWARDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **{product: ((), (f"asawards{product}",)) for product in ("regup", "regdn", "ecrs", "nspin")},
    "rrs": (("asawardsrrspfr", "asawardsrrsffr", "asawardsrrsufr"), ()),
}
DATASET_AWARDS = {
    "DAM_Gen_Resources": AWARDS,
    "DAM_Load_Resources": AWARDS | {"ecrs": (("ecrssdawarded", "ecrsmdawarded"), ("ecrsawarded",))},
    "DAM_ESR_Resources": AWARDS,
    "SCED_ESR_Resources": REAL_TIME_AWARDS,
}


def _columns(folder: str) -> list[str]:
    """Quantities of a dataset; `node` is text, the others are numbers."""
    if folder.endswith("prices"):
        return ["price"]
    if folder == "SCED_SMNE":
        return ["mwh"]
    awards = DATASET_AWARDS.get(folder, {})
    return [*awards, "node"] if folder.startswith("DAM") else ["output", "base_point", *awards]


def _quantities(folder: str, piece: Piece) -> dict[str, pd.Series[Any]]:
    """Quantities of the rows of a piece, as `_columns` names them."""
    awards = {product: _awarded(piece, *headings) for product, headings in DATASET_AWARDS.get(folder, {}).items()}
    numbers = {column: piece.numbers(NUMBERS[column]) for column in _columns(folder) if column in NUMBERS}
    return awards | numbers | ({"node": piece.texts(POINT)} if folder.startswith("DAM") else {})


def _awarded(piece: Piece, parts: Sequence[str], single: Sequence[str]) -> pd.Series[Any]:
    """An award in MW: the sum of its parts, or the single column where the parts are blank or all 0 (section 6).

    A blank in a column that exists is no award (0); an award without any column is unknown (section 4).
    """
    if not any(piece.has([heading]) for heading in (*parts, *single)):
        return pd.Series(np.nan, index=range(piece.rows))
    awards = [piece.numbers([part]).fillna(0.0) for part in parts]
    said = pd.Series(False, index=range(piece.rows))
    for award in awards:
        said |= award != 0.0
    return sum(awards, pd.Series(0.0, index=said.index)).where(said, piece.numbers(single).fillna(0.0))


class Table:
    """Rows of one dataset in the scratch database, in the order in which they were read; the key of a row is `name` and `time` (UTC)."""

    def __init__(self, scratch: duckdb.DuckDBPyConnection, folder: str) -> None:
        """Make an empty table with the quantities of a dataset."""
        self._scratch, self._folder = scratch, folder
        self._types = {"name": "object", "time": "datetime64[s]"}
        self._types |= {column: "object" if column == "node" else "float64" for column in _columns(folder)}
        sql = {"object": "VARCHAR", "float64": "DOUBLE", "datetime64[s]": "TIMESTAMP_S"}
        scratch.execute(f"CREATE TABLE {folder} ({', '.join(f'{c} {sql[kind]}' for c, kind in self._types.items())})")

    def add(self, rows: pd.DataFrame) -> None:
        """Keep the rows whose time is known."""
        known = rows.loc[rows["time"].notna(), list(self._types)]
        self._scratch.from_arrow(pa.Table.from_pandas(known, preserve_index=False)).insert_into(self._folder)

    def remove(self, first: pd.Timestamp, end: pd.Timestamp) -> None:
        """Drop the rows from a time to before another."""
        self._scratch.execute(f"DELETE FROM {self._folder} WHERE time >= ? AND time < ?", [first, end])

    def of(self, names: Iterable[str]) -> pd.DataFrame:
        """Rows of some resources, points or products, the last of each key, by name and time."""
        query = f"SELECT * FROM {self._folder} WHERE name IN (SELECT unnest(?)) ORDER BY rowid"
        rows = self._scratch.execute(query, [sorted(names)]).df().astype(self._types)
        return rows.drop_duplicates(["name", "time"], keep="last").sort_values(["name", "time"], ignore_index=True)

    def points(self) -> set[str]:
        """Settlement points in the column `node`, if the dataset has one."""
        if "node" not in self._types:
            return set()
        query = f"SELECT DISTINCT node FROM {self._folder} WHERE node IS NOT NULL"
        return {point for (point,) in self._scratch.execute(query).fetchall()}


@dataclass(frozen=True)
class Reading:
    """One dataset of a year.

    Attributes:
        table: rows of the resources, points or products that were wanted.
        days: the operating days of which any resource has a row, of any year.
        seen: name and day of each resource and operating day in `table`.
        hours: start of each hour of which any resource has a row (hourly datasets).
        runs: the pieces of SCED runs by quarter-hour: stamp, quarter, seconds (SCED datasets).
        ambiguous: quarter-hours of the repeated hour, if nothing tells its two halves apart (SCED datasets).
    """

    table: Table
    days: pd.Series[Any]
    seen: pd.DataFrame
    hours: pd.Series[Any]
    runs: pd.DataFrame
    ambiguous: pd.DatetimeIndex = field(default_factory=lambda: pd.DatetimeIndex([]))


NO_TIMES = pd.Series([], dtype="datetime64[s]")
_NONE_SEEN = pd.DataFrame({"name": pd.Series([], dtype="object"), "day": NO_TIMES})
_NO_RUNS = pd.DataFrame({"stamp": NO_TIMES, "quarter": NO_TIMES, "seconds": pd.Series([], dtype="float64")})


def _distinct(parts: Sequence[Any]) -> Any:
    """Each row or value once."""
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def _seen(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["name", "day"]].drop_duplicates().astype({"name": "object"})


def _quarters_later(numbers: pd.Series[Any]) -> pd.Series[Any]:
    """Time from the first of some quarter-hours to the n-th."""
    return pd.to_timedelta((numbers - 1) * 900, unit="s").dt.as_unit("s")


def read(source: Source, scratch: duckdb.DuckDBPyConnection, folder: str, year: int, wanted: set[str]) -> Reading:
    """Read one dataset, by the folder of its rollups; rows of the resources, settlement points or products wanted are kept in the scratch database."""
    reader = _metered if folder == "SCED_SMNE" else _runs if folder.startswith("SCED") else _hourly
    return reader(source, Table(scratch, folder), folder, year, wanted)


def _hourly(source: Source, table: Table, folder: str, year: int, wanted: set[str]) -> Reading:
    """A dataset with dates and hour labels; prices of real time (RT_..) have intervals within the hour.

    Of the two clock-change days all rows are held until the dataset is read, because what a label means there depends on the labels beside it.
    """
    quarter_hours, sixty_day = folder.startswith("RT_"), not folder.endswith("prices")
    # The labels of a price report that holds one quarter-hour mean something beside those of the whole day only.
    by_report = source.by_report and sixty_day
    odd_days = clock_changes(year)
    days, seen, labels, later = [NO_TIMES], [_NONE_SEEN], [NO_TIMES], []
    for piece in source.pieces(folder, (year, year + 1) if sixty_day else (year,)):
        rows = pd.DataFrame(
            {
                "name": piece.texts(NAME),
                "kind": piece.texts(("settlementpointtype",)),
                "day": piece.wall_times(DATE).dt.normalize(),
                "label": piece.labels(HOUR_ENDING),
                "interval": piece.labels(INTERVAL) if quarter_hours else 1.0,
                "repeated": piece.flags(),
                "report": piece.reports,
                "scope": piece.reports if by_report else 0,
            }
        )
        days.append(rows["day"].drop_duplicates())
        inside = rows["day"].dt.year == year
        # Load zones are twice among the prices; LZ counts (section 2).
        mine = inside & rows["name"].isin(wanted) & (rows["kind"] != "LZEW") & rows["interval"].isin([1, 2, 3, 4])
        seen.append(_seen(rows[mine]))
        odd = inside & rows["day"].isin(odd_days)
        if odd.any():
            held = rows[odd].assign(mine=mine).reset_index(drop=True)
            later.append(held.assign(**_quantities(folder, piece.where(odd))))
        labels.append(hour_starts(rows.loc[inside & ~odd & rows["name"].notna()].drop_duplicates(["day", "label"])))
        some = rows[mine & ~odd].reset_index(drop=True).assign(**_quantities(folder, piece.where(mine & ~odd)))
        table.add(some.assign(time=hour_starts(some) + _quarters_later(some["interval"])))
    if later:
        rows = pd.concat(later, ignore_index=True)
        starts = hour_starts(rows)
        labels.append(starts[rows["name"].notna()])
        table.add(rows.assign(time=starts + _quarters_later(rows["interval"]))[rows["mine"]])
    return Reading(table, _distinct(days), _distinct(seen), _distinct(labels), _NO_RUNS)


def _runs(source: Source, table: Table, folder: str, year: int, wanted: set[str]) -> Reading:
    """Telemetry, base points and real-time awards by run, and how long each run holds."""
    days, seen, stamps = (
        [NO_TIMES],
        [_NONE_SEEN],
        [pd.DataFrame({"time": NO_TIMES, "repeated": pd.Series([], dtype="bool")})],
    )
    for piece in source.pieces(folder, (year, year + 1)):
        wall, repeated = piece.wall_times(STAMP), piece.flags()
        rows = pd.DataFrame({"name": piece.texts(NAME), "day": wall.dt.normalize(), "time": to_utc(wall, repeated)})
        days.append(rows["day"].drop_duplicates())
        inside = rows["day"].dt.year == year
        stamps.append(rows[["time"]].assign(repeated=repeated)[inside].drop_duplicates())
        mine = inside & rows["name"].isin(wanted)
        seen.append(_seen(rows[mine]))
        table.add(rows[mine].reset_index(drop=True).assign(**_quantities(folder, piece.where(mine))))
    every = _distinct(stamps)
    one_o_clock = day_start(clock_changes(year)[1]) + HOUR
    runs = every["time"].dropna()
    if every["repeated"].any():
        return Reading(table, _distinct(days), _distinct(seen), NO_TIMES, _held(runs, year))
    # Without flags the stamps 01:xx of the autumn day are no runs, and none holds into them (section 7).
    table.remove(one_o_clock, one_o_clock + HOUR)
    held = _held(runs[~runs.between(one_o_clock, one_o_clock + HOUR, inclusive="left")], year)
    ambiguous = pd.date_range(one_o_clock, one_o_clock + 2 * HOUR, freq=QUARTER, inclusive="left")
    return Reading(table, _distinct(days), _distinct(seen), NO_TIMES, held[~held["quarter"].isin(ambiguous)], ambiguous)


def _held(starts: pd.Series[Any], year: int) -> pd.DataFrame:
    """Each run holds until the next, at most 900 s and not past the year (section 3.3); cut at quarter-hours."""
    first, last = day_start(f"{year}-01-01"), day_start(f"{year + 1}-01-01")
    stamp = starts[(starts >= first) & (starts < last)].drop_duplicates().sort_values(ignore_index=True)
    end = stamp.shift(-1).fillna(last).clip(upper=stamp + LONGEST_HOLD)
    quarter = stamp.dt.floor("15min")
    boundary = quarter + QUARTER
    pieces = [
        pd.DataFrame({"stamp": stamp, "quarter": quarter, "seconds": end.clip(upper=boundary) - stamp}),
        pd.DataFrame({"stamp": stamp, "quarter": boundary, "seconds": end - boundary}),
    ]
    held = pd.concat(pieces).assign(seconds=lambda pieces: pieces["seconds"].dt.total_seconds())
    return held[held["seconds"] > 0].sort_values(["stamp", "quarter"], ignore_index=True)


def _metered(source: Source, table: Table, folder: str, year: int, wanted: set[str]) -> Reading:
    """Settlement metered net energy (SMNE) in MWh, by quarter-hour; the interval number is the place in the day (section 6)."""
    days, seen = [NO_TIMES], [_NONE_SEEN]
    for piece in source.pieces(folder, (year, year + 1)):
        end, number = piece.wall_times(("intervaltime",)), ("intervalnumber",)
        rows = pd.DataFrame({"name": piece.texts(NAME), "day": (end - pd.Timedelta(seconds=1)).dt.normalize()})
        rows["number"] = piece.labels(number) if piece.has(number) else np.nan
        days.append(rows["day"].drop_duplicates())
        mine = rows["name"].isin(wanted) & (rows["day"].dt.year == year)
        seen.append(_seen(rows[mine]))
        mine &= rows["number"].between(1, hours_of(rows["day"]) * 4)
        some = rows[mine].reset_index(drop=True).assign(**_quantities(folder, piece.where(mine)))
        table.add(some.assign(time=day_starts(some["day"]) + _quarters_later(some["number"])))
    return Reading(table, _distinct(days), _distinct(seen), NO_TIMES, _NO_RUNS)
