"""Each dataset of a year, read once: rows wanted with UTC in a scratch database, and the days, hours and runs of which the dataset holds any row.

Of several rows of one key the last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
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
LONGEST_HOLD = pd.Timedelta(seconds=900)  # a SCED run holds until the next, at most this long (section 3.3)

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
    "price": ("sppcorrected", "cappedmcpccorrected", "mcpccorrected", "settlementpointprice", "cappedmcpc", "mcpc"),
}
# reliability deployment adders of a run by product (section 2)
ADDERS = {"regup": "rtrdparus", "regdn": "rtrdpards", "rrs": "rtrdparrs", "ecrs": "rtrdpaecrs", "nspin": "rtrdpanss"}
STATED = {
    "stated_energy": "energysettlementpointprice", "stated_regup": "regupmcpc", "stated_regdn": "regdownmcpc", "stated_rrs": "rrsmcpc",
    "stated_ecrs": "ecrsmcpc", "stated_nspin": "nonspinmcpc",
}  # fmt: skip
"""Prices that day-ahead rows state."""
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


# how each quantity of a dataset is read from a piece: `node` is text, the others are numbers
Quantities = Mapping[str, Callable[[Piece], "pd.Series[Any]"]]


def number(*headings: str) -> Callable[[Piece], pd.Series[Any]]:
    """Reads the column of the first of these headings that exists."""
    return lambda piece: piece.numbers(headings)


NODE: Quantities = {"node": lambda piece: piece.texts(POINT)}
_NUMBERS = {name: number(*headings) for name, headings in NUMBERS.items()}


def _quantities(folder: str) -> Quantities:
    if folder == "SCED_AS_adders":
        return {product: number(heading) for product, heading in ADDERS.items()}
    if folder.endswith("prices") or folder == "SCED_SMNE":
        name = "mwh" if folder == "SCED_SMNE" else "price"
        return {name: _NUMBERS[name]}
    awards = {
        name: partial(_awarded, parts=own[0], single=own[1]) for name, own in DATASET_AWARDS.get(folder, {}).items()
    }
    return {**awards, **(NODE if folder.startswith("DAM") else {n: _NUMBERS[n] for n in ("output", "base_point")})}


def _awarded(piece: Piece, parts: Sequence[str], single: Sequence[str]) -> pd.Series[Any]:
    """An award in MW: the sum of its parts, or the single column where the parts are blank or all 0 (section 6).

    A blank in a column that exists is no award (0); an award without any column is unknown (section 4).
    """
    if not any(piece.has([heading]) for heading in (*parts, *single)):
        return pd.Series(np.nan, index=range(piece.rows))
    awards = pd.DataFrame({part: piece.numbers([part]).fillna(0.0) for part in parts}, range(piece.rows))
    return awards.sum(axis=1).where((awards != 0.0).any(axis=1), piece.numbers(single).fillna(0.0))


class Reading:
    """One dataset of a year: the rows of the resources, points or products wanted, and the times of which it holds rows of anybody.

    The rows lie in the scratch database in the order in which they were read; the key of a row is `name` and `time` (UTC).

    Attributes:
        hours: start of each hour of which any resource has a row (hourly datasets).
        runs: the pieces of SCED runs by quarter-hour: stamp, quarter, seconds (SCED datasets).
        ambiguous: quarter-hours of the repeated hour, if nothing tells its two halves apart (SCED datasets).
    """

    def __init__(
        self, scratch: duckdb.DuckDBPyConnection, folder: str, year: int, wanted: set[str] | None, columns: Quantities
    ) -> None:
        """Begin without rows; without names wanted the rows of all are kept."""
        self._scratch, self._year, self._wanted, self._columns = scratch, year, wanted, columns
        self._table = folder if wanted is not None else f"every_{folder}"
        self._types = {"name": "object", "time": "datetime64[s]"}
        self._types |= {column: "object" if column == "node" else "float64" for column in columns}
        sql = {"object": "VARCHAR", "float64": "DOUBLE", "datetime64[s]": "TIMESTAMP_S"}
        scratch.execute(
            f"CREATE TABLE {self._table} ({', '.join(f'{c} {sql[kind]}' for c, kind in self._types.items())})"
        )
        self._days, self._seen = [NO_TIMES], [pd.DataFrame({"name": pd.Series([], dtype="object"), "day": NO_TIMES})]
        self.hours: pd.Series[Any] = NO_TIMES
        self.runs = pd.DataFrame({"stamp": NO_TIMES, "quarter": NO_TIMES, "seconds": pd.Series([], dtype="float64")})
        self.ambiguous = pd.DatetimeIndex([])

    @cached_property
    def days(self) -> Any:
        """The operating days of which any resource has a row, of any year."""
        return _distinct(self._days)

    @cached_property
    def seen(self) -> Any:
        """Name and day of each resource and operating day among the rows wanted."""
        return _distinct(self._seen)

    def note(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """Note the days of some rows, and return which rows are of the year and wanted."""
        self._days.append(rows["day"].drop_duplicates())
        mine: pd.Series[Any] = rows["day"].dt.year == self._year
        mine &= rows["name"].notna() if self._wanted is None else rows["name"].isin(self._wanted)
        self._seen.append(rows.loc[mine, ["name", "day"]].drop_duplicates().astype({"name": "object"}))
        return mine

    def quantities(self, rows: pd.DataFrame, piece: Piece, some: pd.Series[Any]) -> pd.DataFrame:
        """Some rows of a piece with their quantities."""
        own = piece.where(some)
        return rows[some].reset_index(drop=True).assign(**{name: of(own) for name, of in self._columns.items()})

    def add(self, rows: pd.DataFrame) -> None:
        """Keep the rows whose time is known."""
        known = rows.loc[rows["time"].notna(), list(self._types)]
        self._scratch.from_arrow(pa.Table.from_pandas(known, preserve_index=False)).insert_into(self._table)

    def remove(self, first: pd.Timestamp, end: pd.Timestamp) -> None:
        """Drop the rows from a time to before another."""
        self._scratch.execute(f"DELETE FROM {self._table} WHERE time >= ? AND time < ?", [first, end])

    def of(self, names: Iterable[str]) -> pd.DataFrame:
        """Rows of some resources, points or products, the last of each key, by name and time."""
        query = f"SELECT * FROM {self._table} WHERE name IN (SELECT unnest(?)) ORDER BY rowid"
        rows = self._scratch.execute(query, [sorted(names)]).df().astype(self._types)
        return rows.drop_duplicates(["name", "time"], keep="last").sort_values(["name", "time"], ignore_index=True)

    def rows_of_every_point(self, hours: pd.DatetimeIndex) -> bool:
        """Whether each settlement point wanted has a price in each of some hours in a row."""
        query = (
            f"SELECT count(*) FROM (SELECT name FROM {self._table} WHERE time BETWEEN ? AND ? AND price + 0 IS NOT NULL "
            "GROUP BY name HAVING count(DISTINCT time) = ?)"
        )
        ((whole,),) = self._scratch.execute(query, [hours[0], hours[-1], len(hours)]).fetchall()
        return bool(whole == len(self._wanted or ()))

    def points(self) -> set[str]:
        """Settlement points in the column `node`, if the dataset has one."""
        query = f"SELECT DISTINCT node FROM {self._table} WHERE node IS NOT NULL"
        found = self._scratch.execute(query).fetchall() if "node" in self._types else []
        return {point for (point,) in found}


NO_TIMES = pd.Series([], dtype="datetime64[s]")


def _distinct(parts: Sequence[Any]) -> Any:
    """Each row or value once."""
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


def _quarters_later(numbers: pd.Series[Any]) -> pd.Series[Any]:
    """Time from the first of some quarter-hours to the n-th."""
    return pd.to_timedelta((numbers - 1) * 900, unit="s").dt.as_unit("s")


def read(
    source: Source,
    scratch: duckdb.DuckDBPyConnection,
    folder: str,
    year: int,
    wanted: set[str] | None,
    columns: Quantities | None = None,
) -> Reading:
    """Read one dataset, by the folder of its rollups; rows of the resources, settlement points or products wanted are kept in the scratch database."""
    found = Reading(scratch, folder, year, wanted, columns or _quantities(folder))
    # The 60-day disclosure of the end of a year was published in the next.
    pieces = source.pieces(folder, (year,) if folder.endswith(("prices", "adders")) else (year, year + 1))
    if folder == "SCED_SMNE":
        _read_metered(found, pieces)
    elif folder.startswith("SCED"):
        _read_runs(found, pieces, year)
    else:
        # The labels of a price report that holds one quarter-hour mean something beside those of the whole day only.
        by_report = source.by_report and folder.startswith("DAM")
        _read_hours(found, pieces, year, quarter_hours=folder.startswith("RT_"), by_report=by_report)
    return found


def _read_hours(found: Reading, pieces: Iterator[Piece], year: int, *, quarter_hours: bool, by_report: bool) -> None:
    """A dataset with dates and hour labels, those of real-time prices with intervals within the hour.

    Of the two clock-change days all rows are held until the dataset is read, because what a label means there depends on the labels beside it.
    """
    odd_days = clock_changes(year)
    labels, later = [NO_TIMES], []
    for piece in pieces:
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
        # Load zones are twice among the prices; LZ counts (section 2).
        mine = found.note(rows) & (rows["kind"] != "LZEW") & rows["interval"].isin([1, 2, 3, 4])
        inside = rows["day"].dt.year == year
        odd = inside & rows["day"].isin(odd_days)
        if odd.any():
            later.append(found.quantities(rows.assign(mine=mine), piece, odd))
        labels.append(hour_starts(rows.loc[inside & ~odd & rows["name"].notna()].drop_duplicates(["day", "label"])))
        some = found.quantities(rows, piece, mine & ~odd)
        found.add(some.assign(time=hour_starts(some) + _quarters_later(some["interval"])))
    if later:
        rows = pd.concat(later, ignore_index=True)
        starts = hour_starts(rows)
        labels.append(starts[rows["name"].notna()])
        found.add(rows.assign(time=starts + _quarters_later(rows["interval"]))[rows["mine"]])
    found.hours = _distinct(labels)


def _read_runs(found: Reading, pieces: Iterator[Piece], year: int) -> None:
    """Telemetry, base points and real-time awards by run, and how long each run holds."""
    stamps = [pd.DataFrame({"time": NO_TIMES, "repeated": pd.Series([], dtype="bool")})]
    for piece in pieces:
        wall, repeated = piece.wall_times(STAMP), piece.flags()
        rows = pd.DataFrame({"name": piece.texts(NAME), "day": wall.dt.normalize(), "time": to_utc(wall, repeated)})
        if not piece.has(NAME):  # adders are one row a run
            rows["name"] = "adders"
        stamps.append(rows[["time"]].assign(repeated=repeated)[wall.dt.year == year].drop_duplicates())
        found.add(found.quantities(rows, piece, found.note(rows)))
    every = _distinct(stamps)
    runs = every["time"].dropna()
    if every["repeated"].any():
        found.runs = _held(runs, year)
        return
    # Without flags the stamps 01:xx of the autumn day are no runs, and none holds into them (section 7).
    one_o_clock = day_start(clock_changes(year)[1]) + HOUR
    found.remove(one_o_clock, one_o_clock + HOUR)
    held = _held(runs[~runs.between(one_o_clock, one_o_clock + HOUR, inclusive="left")], year)
    found.ambiguous = pd.date_range(one_o_clock, one_o_clock + 2 * HOUR, freq=QUARTER, inclusive="left")
    found.runs = held[~held["quarter"].isin(found.ambiguous)]


def _held(starts: pd.Series[Any], year: int) -> pd.DataFrame:
    """Each run holds until the next, at most 900 s and not past the year (section 3.3); cut at quarter-hours."""
    first, last = day_start(f"{year}-01-01"), day_start(f"{year + 1}-01-01")
    stamp = starts[(starts >= first) & (starts < last)].drop_duplicates().sort_values(ignore_index=True)
    end = stamp.shift(-1).fillna(last).clip(upper=stamp + LONGEST_HOLD)
    quarter = stamp.dt.floor("15min")
    boundary = quarter + QUARTER
    pieces = [(quarter, end.clip(upper=boundary) - stamp), (boundary, end - boundary)]
    held = pd.concat(
        pd.DataFrame({"stamp": stamp, "quarter": begin, "seconds": length.dt.total_seconds()})
        for begin, length in pieces
    )
    return held[held["seconds"] > 0].sort_values(["stamp", "quarter"], ignore_index=True)


def _read_metered(found: Reading, pieces: Iterator[Piece]) -> None:
    """Settlement metered net energy (SMNE) in MWh, by quarter-hour; the interval number is the place in the day (section 6)."""
    for piece in pieces:
        end, number = piece.wall_times(("intervaltime",)), ("intervalnumber",)
        rows = pd.DataFrame({"name": piece.texts(NAME), "day": (end - pd.Timedelta(seconds=1)).dt.normalize()})
        rows["number"] = piece.labels(number) if piece.has(number) else np.nan
        some = found.quantities(rows, piece, found.note(rows) & rows["number"].between(1, hours_of(rows["day"]) * 4))
        found.add(some.assign(time=day_starts(some["day"]) + _quarters_later(some["number"])))
