"""Each dataset of a year, read once: rows of batteries with UTC in a scratch database, and what the rows of all resources tell.

Rows of all resources tell which days and hours a dataset holds, and when SCED ran. Of several rows of one key the last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from bess_assets.second_settlement.clock import (
    HOUR,
    QUARTER,
    autumn_day,
    clock_changes,
    day_start,
    day_starts,
    hour_starts,
    hours_of,
    run_starts,
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
NAME = ("resourcename", "loadresourcename", "resourcecode")
LOAD_NAME = ("loadresourcename", "resourcename")
NODE = ("settlementpointname", "settlementpoint")
PRODUCT = ("ancillarytype", "astype")
RRS_PARTS = ("rrspfrawarded", "rrsffrawarded", "rrsufrawarded")
AWARDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "energy": ((), ("awardedquantity",)),
    "regup": ((), ("regupawarded",)),
    "regdn": ((), ("regdownawarded",)),
    "rrs": (RRS_PARTS, ("rrsawarded",)),
    "ecrs": (("ecrssdawarded",), ("ecrsawarded",)),
    "nspin": ((), ("nonspinawarded",)),
}
"""Day-ahead awards: headings of the parts, and of the single column (section 6)."""
LOAD_AWARDS = AWARDS | {"ecrs": (("ecrssdawarded", "ecrsmdawarded"), ("ecrsawarded",))}
REAL_TIME_AWARDS = {
    "regup": ("asawardsregup",),
    "regdn": ("asawardsregdn",),
    "rrs": ("asawardsrrspfr", "asawardsrrsffr", "asawardsrrsufr"),
    "ecrs": ("asawardsecrs",),
    "nspin": ("asawardsnspin",),
}

Values = Callable[[Piece], dict[str, "pd.Series[Any]"]]
"""Quantities of the rows of a piece, by column."""
Scratch = duckdb.DuckDBPyConnection


class Table:
    """Rows of one dataset in the scratch database, in the order in which they were read.

    Args:
        scratch: the database.
        folder: the dataset, and the name of the table.
        numbers: columns that are numbers, beside `name` and `time` (UTC), the key of a row.
        texts: columns that are text.
    """

    def __init__(self, scratch: Scratch, folder: str, numbers: Iterable[str], texts: Iterable[str] = ()) -> None:
        self._scratch = scratch
        self._folder = folder
        self._types = {"name": "object", "time": "datetime64[s]", **dict.fromkeys(numbers, "float64")}
        self._types |= dict.fromkeys(texts, "object")
        sql = {"object": "VARCHAR", "float64": "DOUBLE", "datetime64[s]": "TIMESTAMP_S"}
        scratch.execute(f"CREATE TABLE {folder} ({', '.join(f'{c} {sql[kind]}' for c, kind in self._types.items())})")

    def add(self, rows: pd.DataFrame) -> None:
        """Keep the rows whose time is known."""
        known = rows.loc[rows["time"].notna(), list(self._types)]
        self._scratch.from_arrow(pa.Table.from_pandas(known, preserve_index=False)).insert_into(self._folder)

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
        table: rows of batteries, points or products.
        days: the operating days of which any resource has a row, of any year.
        seen: name and day of each resource and operating day in `table`.
        hours: start of each hour of which any resource has a row (hourly datasets).
        runs: the pieces of SCED runs by quarter-hour: stamp, quarter, seconds (SCED datasets).
    """

    table: Table
    days: pd.Series[Any]
    seen: pd.DataFrame
    hours: pd.Series[Any]
    runs: pd.DataFrame


def _distinct(parts: Sequence[Any]) -> Any:
    """Each row or value once."""
    return pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)


NO_TIMES = pd.Series([], dtype="datetime64[s]")
_NONE_SEEN = pd.DataFrame({"name": pd.Series([], dtype="object"), "day": NO_TIMES})


def _seen(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["name", "day"]].drop_duplicates().astype({"name": "object"})


def _awarded(piece: Piece, parts: Sequence[str], single: Sequence[str]) -> pd.Series[Any]:
    """An award in MW: the sum of its parts, or the single column where the parts are blank or all 0 (section 6).

    A blank in a column that exists is no award (0); an award without any column is unknown (section 4).
    """
    if not any(piece.has([heading]) for heading in (*parts, *single)):
        return pd.Series(np.nan, index=range(piece.rows))
    total = pd.Series(0.0, index=range(piece.rows))
    said = total != 0.0
    for part in parts:
        award = piece.numbers([part]).fillna(0.0)
        total, said = total + award, said | (award != 0.0)
    return total.where(said, piece.numbers(single).fillna(0.0))


def _hourly(
    source: Source,
    folder: str,
    year: int,
    table: Table,
    series: Sequence[str],
    values: Values,
    wanted: set[str] | None,
) -> Reading:
    """Read a dataset with dates and hour labels; prices of real time (RT_..) have intervals within the hour.

    Of the two clock-change days all rows are held until the dataset is read, because what a label means there depends on the labels beside it.

    Args:
        source: the published rows.
        folder: the dataset.
        year: the operating year.
        table: takes the rows.
        series: headings of the column that names a row's resource, point or product.
        values: quantities of the rows.
        wanted: names that are kept; None keeps all.
    """
    quarter_hours, sixty_day = folder.startswith("RT_"), not folder.endswith("prices")
    # The labels of a price report that holds one quarter-hour mean something beside those of the whole day only.
    by_report = source.by_report and sixty_day
    odd_days = clock_changes(year)
    days, seen, labels, later = [NO_TIMES], [_NONE_SEEN], [NO_TIMES], []

    def keep(rows: pd.DataFrame, starts: pd.Series[Any]) -> None:
        offset = pd.to_timedelta((rows["interval"] - 1) * 900, unit="s").dt.as_unit("s")
        table.add(rows.assign(time=starts + offset))

    for piece in source.pieces(folder, (year, year + 1) if sixty_day else (year,)):
        rows = pd.DataFrame(
            {
                "series": piece.texts(series),
                "kind": piece.texts(("settlementpointtype",)),
                "day": piece.wall_times(DATE).dt.normalize(),
                "label": piece.labels(HOUR_ENDING),
                "interval": piece.labels(INTERVAL) if quarter_hours else 1.0,
                "repeated": piece.flags(),
                "report": piece.reports,
            }
        ).assign(scope=piece.reports if by_report else 0)
        rows["name"] = rows["series"]
        days.append(rows["day"].drop_duplicates())
        inside = rows["day"].dt.year == year
        named = rows["series"].notna() if wanted is None else rows["series"].isin(wanted)
        # Load zones are twice among the prices; LZ counts (section 2).
        mine = inside & named & (rows["kind"] != "LZEW") & rows["interval"].isin([1, 2, 3, 4])
        seen.append(_seen(rows[mine]))
        odd = inside & rows["day"].isin(odd_days)
        if odd.any():
            later.append(rows[odd].reset_index(drop=True).assign(mine=mine[odd].to_numpy(), **values(piece.where(odd))))
        distinct = rows.loc[inside & ~odd & rows["series"].notna()].drop_duplicates(["day", "label"])
        labels.append(hour_starts(distinct))
        usual = mine & ~odd
        some = rows[usual].reset_index(drop=True)
        keep(some.assign(**values(piece.where(usual))), hour_starts(some))
    if later:
        rows = pd.concat(later, ignore_index=True)
        starts = hour_starts(rows)
        labels.append(starts[rows["series"].notna()])
        keep(rows[rows["mine"]], starts[rows["mine"]])
    return Reading(table, _distinct(days), _distinct(seen), _distinct(labels), _NO_RUNS)


def read_sixty_day(source: Source, scratch: Scratch, folder: str, year: int, wanted: set[str]) -> Reading:
    """Read a dataset of the 60-day disclosure.

    Args:
        source: the published rows.
        scratch: takes the rows of resources.
        folder: the dataset.
        year: the operating year.
        wanted: names of resources that are kept.
    """
    read = _metered if folder == "SCED_SMNE" else _sced if folder.startswith("SCED") else _day_ahead
    return read(source, scratch, folder, year, wanted)


def _day_ahead(source: Source, scratch: Scratch, folder: str, year: int, wanted: set[str]) -> Reading:
    """Awards and node by hour."""
    load_side = folder == "DAM_Load_Resources"
    awards = LOAD_AWARDS if load_side else AWARDS

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {name: _awarded(piece, *headings) for name, headings in awards.items()} | {"node": piece.texts(NODE)}

    table = Table(scratch, folder, AWARDS, ["node"])
    return _hourly(source, folder, year, table, LOAD_NAME if load_side else NAME, values, wanted)


def point_prices(source: Source, scratch: Scratch, folder: str, year: int, points: set[str]) -> Table:
    """$/MWh of settlement points, by hour (DA_prices) or quarter-hour (RT_prices)."""

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {"price": piece.numbers(("settlementpointprice",))}

    return _hourly(source, folder, year, Table(scratch, folder, ["price"]), NODE, values, points).table


def clearing_prices(source: Source, scratch: Scratch, folder: str, year: int) -> pd.DataFrame:
    """$/MW by time, a column a product, by hour (AS_prices) or quarter-hour (RT_AS_prices)."""

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {"price": piece.numbers(("mcpc",)), "name": piece.texts(PRODUCT).str.lower()}

    rows = _hourly(source, folder, year, Table(scratch, folder, ["price"]), PRODUCT, values, None).table.of(PRODUCTS)
    return rows.pivot(index="time", columns="name", values="price").reindex(columns=list(PRODUCTS))


_NO_RUNS = pd.DataFrame({"stamp": NO_TIMES, "quarter": NO_TIMES, "seconds": pd.Series([], dtype="float64")})


def _sced(source: Source, scratch: Scratch, folder: str, year: int, wanted: set[str]) -> Reading:
    """Telemetry, base points and real-time awards by run, and how long each run holds."""
    awards = REAL_TIME_AWARDS if folder == "SCED_ESR_Resources" else {}
    table = Table(scratch, folder, ("output", "base_point", *awards))
    autumn = autumn_day(year)
    days, seen, stamps, later = [NO_TIMES], [_NONE_SEEN], [], []
    for piece in source.pieces(folder, (year, year + 1)):
        rows = pd.DataFrame({"name": piece.texts(NAME), "wall": piece.wall_times(STAMP), "repeated": piece.flags()})
        rows["day"] = rows["wall"].dt.normalize()
        days.append(rows["day"].drop_duplicates())
        stamps.append(rows[["wall", "repeated"]].drop_duplicates())
        mine = rows["name"].isin(wanted) & (rows["day"].dt.year == year)
        part = piece.where(mine)
        rows = rows[mine].reset_index(drop=True)
        seen.append(_seen(rows))
        found = {product: _awarded(part, parts, ()) for product, parts in awards.items()}
        output = part.numbers(
            ("realpowerconsumption",) if folder == "SCED_Load_Resources" else ("telemeterednetoutput",)
        )
        rows = rows.assign(output=output, base_point=part.numbers(("basepoint",)), **found)
        # Whether the autumn day has flags is known at the end.
        later.append(rows[rows["day"] == autumn])
        usual = rows[rows["day"] != autumn]
        table.add(usual.assign(time=run_starts(usual, autumn, flagged=True)))
    if not stamps:
        return Reading(table, _distinct(days), _distinct(seen), NO_TIMES, _NO_RUNS)
    every = _distinct(stamps)
    flagged = bool((every["wall"].dt.normalize().eq(autumn) & every["repeated"]).any())
    rows = pd.concat(later, ignore_index=True)
    table.add(rows.assign(time=run_starts(rows, autumn, flagged)))
    runs = _holds(run_starts(every, autumn, flagged), year)
    if not flagged:
        one_o_clock = day_start(autumn) + HOUR
        runs = runs[~runs["quarter"].between(one_o_clock, one_o_clock + 2 * HOUR, inclusive="left")]
    return Reading(table, _distinct(days), _distinct(seen), NO_TIMES, runs)


def _holds(starts: pd.Series[Any], year: int) -> pd.DataFrame:
    """Each run holds until the next, at most 900 s and not past the year (section 3.3); cut at quarter-hours."""
    first, last = day_start(f"{year}-01-01"), day_start(f"{year + 1}-01-01")
    inside = starts[(starts >= first) & (starts < last)]
    stamp = inside.drop_duplicates().sort_values(ignore_index=True)
    end = pd.concat([stamp.shift(-1).fillna(last), stamp + LONGEST_HOLD], axis=1).min(axis=1)
    end = end.mask(end > last, last)
    quarter = stamp.dt.floor("15min")
    boundary = quarter + QUARTER
    pieces = pd.concat(
        [
            pd.DataFrame({"stamp": stamp, "quarter": quarter, "seconds": (end.clip(upper=boundary) - stamp)}),
            pd.DataFrame({"stamp": stamp, "quarter": boundary, "seconds": (end - boundary)}),
        ],
        ignore_index=True,
    )
    pieces["seconds"] = pieces["seconds"].dt.total_seconds()
    return pieces[pieces["seconds"] > 0].sort_values(["stamp", "quarter"], ignore_index=True)


def _metered(source: Source, scratch: Scratch, folder: str, year: int, wanted: set[str]) -> Reading:
    """Settlement metered net energy (SMNE) in MWh, by quarter-hour; the interval number is the place in the day (section 6)."""
    table = Table(scratch, folder, ["mwh"])
    days, seen = [NO_TIMES], [_NONE_SEEN]
    for piece in source.pieces(folder, (year, year + 1)):
        end, number = piece.wall_times(("intervaltime",)), ("intervalnumber",)
        rows = pd.DataFrame({"name": piece.texts(("resourcecode", "resourcename"))})
        rows["day"] = (end - pd.Timedelta(seconds=1)).dt.normalize()
        rows["number"] = piece.labels(number) if piece.has(number) else np.nan
        days.append(rows["day"].drop_duplicates())
        mine = rows["name"].isin(wanted) & (rows["day"].dt.year == year)
        seen.append(_seen(rows[mine]))
        mine &= rows["number"].between(1, hours_of(rows["day"]) * 4)
        some = rows[mine].reset_index(drop=True)
        offset = pd.to_timedelta((some["number"] - 1) * 900, unit="s").dt.as_unit("s")
        mwh = piece.where(mine).numbers(("intervalvalue",))
        table.add(some.assign(time=day_starts(some["day"]) + offset, mwh=mwh))
    return Reading(table, _distinct(days), _distinct(seen), NO_TIMES, _NO_RUNS)
