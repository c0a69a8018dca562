"""A second settlement of the battery fleet, in pandas, by merges and groupbys: the other road to every dollar.

Belongs here: the whole way from published rows to the leaderboards, written from the market reference alone.
Does not: pairing of generation and load resources (the caller hands it in), notes, quantity sources, reading files (source.py, csv_reports.py).
Nothing of the first road is imported, and clarity goes before speed: time is made by ``tz_localize``, rows meet prices by merges on (name, time), and a
telemetered value is split by hand into the quarter-hours that it covers.

The table ``batteries`` handed to `settle` has one row a battery:

    battery, gen_resource, load_resource, esr_resource   names, None where there is none
    charging_known   True: the load resource's consumption is the charge; with no load resource, True is the
                     user's "none": the negative part of the generation side is the charge
    load_as_only     True: the load resource counts in ancillary services only (a pair by name alone)

and may have user_capacity_mw and user_energy_mwh, which win over the data where not null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from bess_assets.second_settlement.source import Piece, Source, UnusableRowsError

CENTRAL = ZoneInfo("America/Chicago")
QUARTER = pd.Timedelta(minutes=15)
HOUR = pd.Timedelta(hours=1)
LONGEST_HOLD_S = 900  # section 3.3
LEAST_OBSERVED_S = 450  # coverage 0.5 of 900 s, section 3.3
LEAST_COVERAGE = 0.95  # section 11
RTC_DAY = pd.Timestamp("2025-12-05")  # real time follows RTC+B from here, section 3.2
ESR_DAM_DAY = pd.Timestamp("2025-12-06")  # first day of the day-ahead ESR file, section 1
ECRS_DAY = pd.Timestamp("2023-06-10")  # section 1

PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
PRICE_LABELS = {"REGUP": "regup", "REGDN": "regdn", "RRS": "rrs", "ECRS": "ecrs", "NSPIN": "nspin"}

QUARTER_HOUR_COLUMNS = [
    "battery",
    "interval_start",
    "operating_day",
    "settlement_point",
    "da_award_mw",
    "discharge_mwh",
    "charge_mwh",
    "rt_price",
    "da_price",
    "da_usd",
    "rt_usd",
    "rt_metered_usd",
    "rt_da_offset_usd",
    "energy_usd",
]
HOUR_COLUMNS = [
    "battery",
    "product",
    "interval_start",
    "operating_day",
    "award_mw",
    "mcpc",
    "da_usd",
    "rt_usd",
    "revenue_usd",
]

# Headings with everything but letters and digits left out, in small letters, best first (sections 5 and 6).
DATE = ("deliverydate",)
STAMP = ("scedtimestamp",)
HOUR_ENDING = ("hourending", "deliveryhour", "hour")
INTERVAL = ("deliveryinterval",)
NAME = ("resourcename", "loadresourcename", "resourcecode")
NODE = ("settlementpointname", "settlementpoint")
MAX_CONSUMPTION = ("maxpowerconsumptionforloadresource", "maxpowerconsumption")
MAX_SOC = ("maximumsoc", "maxsoc")
HSL = ("hsl", "highsustainedlimit")

DISCLOSED = (
    "DAM_Gen_Resources",
    "DAM_Load_Resources",
    "DAM_ESR_Resources",
    "SCED_Gen_Resources",
    "SCED_Load_Resources",
    "SCED_ESR_Resources",
    "SCED_SMNE",
)
"""60-day datasets in which a battery is seen, by the folder of their rollups."""

SIDES = {
    "generation": ("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_SMNE"),
    "consumption": ("DAM_Load_Resources", "SCED_Load_Resources"),
    "storage": ("DAM_ESR_Resources", "SCED_ESR_Resources"),
}
"""Which of a battery's names stands in which of them."""

USER_NODE_COLUMNS = ("battery", "settlement_point", "first_day", "last_day")
ROWS_IN_MEMORY = 1_000_000
"""Rows of batteries of one dataset that are held before they go to a file."""


@dataclass(frozen=True)
class Settlement:
    """One operating year, settled. Every table holds a battery's expected intervals only."""

    quarter_hours: pd.DataFrame
    hours: pd.DataFrame
    daily: pd.DataFrame
    leaderboard: pd.DataFrame
    leaderboard_monthly: pd.DataFrame


def settle(source: Source, year: int, batteries: pd.DataFrame, user_nodes: pd.DataFrame | None = None) -> Settlement:
    """Settle one operating year of the batteries.

    Args:
        source: the published rows.
        year: the operating year.
        batteries: names and pairs, see the top of this file.
        user_nodes: nodes that a user knows better: battery, settlement_point, first_day, last_day (both inclusive).

    Raises:
        UnusableRowsError: a file has no usable time column (names file and column), or nothing holds a day of the year.
    """
    with _read(source, year, batteries, user_nodes) as readings:
        return _settle(readings, readings.fleet)


def settle_months(
    source: Source,
    year: int,
    batteries: pd.DataFrame,
    user_nodes: pd.DataFrame | None = None,
    at_once: int = 16,
    tell: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """The monthly boards of one operating year, some batteries at a time, so that a year of real size fits in memory.

    Args:
        source: the published rows, read once.
        year: the operating year.
        batteries: names and pairs, see the top of this file.
        user_nodes: see `settle`.
        at_once: batteries settled together.
        tell: told how many batteries of how many are settled.

    Returns:
        leaderboard_monthly of all batteries; what compares batteries with each other (rank) is left out.

    Raises:
        UnusableRowsError: as `settle`.
    """
    boards = []
    with _read(source, year, batteries, user_nodes) as readings:
        for first in range(0, len(readings.fleet), at_once):
            block = readings.fleet.iloc[first : first + at_once].reset_index(drop=True)
            boards.append(_settle(readings, block).leaderboard_monthly)
            if tell:
                tell(min(first + at_once, len(readings.fleet)), len(readings.fleet))
    if not boards:
        # No battery stands anywhere in what was published.
        columns = [column for column in BOARD_COLUMNS if column != "rank"]
        return pd.DataFrame(columns=["month", *columns]).astype({"month": "int64", "battery": "object"})
    return pd.concat(boards, ignore_index=True).drop(columns="rank")


@dataclass(frozen=True)
class _Readings:
    """What the settlement of a year needs of everything published.

    fleet: the batteries seen, with the days on which each is expected.
    datasets: 60-day datasets by folder, rows of batteries only.
    plans: rows of the operating plans.
    user_nodes: nodes that a user knows better.
    da_price, rt_price: $/MWh at battery nodes; da_mcpc, rt_mcpc: $/MW by product.
    """

    year: int
    horizon: _Horizon
    fleet: pd.DataFrame
    datasets: dict[str, _Reading]
    plans: _Kept
    user_nodes: pd.DataFrame
    da_price: pd.DataFrame
    rt_price: pd.DataFrame
    da_mcpc: pd.DataFrame
    rt_mcpc: pd.DataFrame


@contextmanager
def _read(source: Source, year: int, batteries: pd.DataFrame, user_nodes: pd.DataFrame | None) -> Iterator[_Readings]:
    """Read everything once; what does not fit in memory waits in a folder that is gone afterwards."""
    fleet = _fleet(batteries)
    known_better = pd.DataFrame(columns=list(USER_NODE_COLUMNS)) if user_nodes is None else user_nodes
    gens, loads, esrs = (set(fleet[c].dropna()) for c in ("gen_resource", "load_resource", "esr_resource"))
    with TemporaryDirectory(prefix="bess_second_road_") as name:
        folder = Path(name)
        datasets = {
            "DAM_Gen_Resources": _day_ahead(source, "DAM_Gen_Resources", year, gens, folder),
            "DAM_Load_Resources": _day_ahead(source, "DAM_Load_Resources", year, loads, folder),
            "DAM_ESR_Resources": _day_ahead(source, "DAM_ESR_Resources", year, esrs, folder),
            "SCED_Gen_Resources": _sced(source, "SCED_Gen_Resources", year, gens, folder),
            "SCED_Load_Resources": _sced(source, "SCED_Load_Resources", year, loads, folder),
            "SCED_ESR_Resources": _sced(source, "SCED_ESR_Resources", year, esrs, folder),
            "SCED_SMNE": _smne(source, year, gens, folder),
        }
        # Horizon and seen period, section 11.
        horizon = _horizon(source, year, [reading.days for reading in datasets.values()])
        if horizon is None:
            raise UnusableRowsError(f"no 60-day dataset of {source} holds a day of {year}")
        seen = {side: [datasets[dataset].seen for dataset in group] for side, group in SIDES.items()}
        points = {point for reading in datasets.values() for point in reading.points}
        points |= set(known_better["settlement_point"])
        yield _Readings(
            year=year,
            horizon=horizon,
            fleet=_expect(fleet, horizon, seen),
            datasets=datasets,
            plans=_cop(source, year, gens | esrs, folder),
            user_nodes=known_better,
            da_price=_point_prices(source, "DA_prices", year, points),
            rt_price=_point_prices(source, "RT_prices", year, points),
            da_mcpc=_clearing_prices(source, "AS_prices", year),
            rt_mcpc=_clearing_prices(source, "RT_AS_prices", year),
        )


def _settle(readings: _Readings, fleet: pd.DataFrame) -> Settlement:
    """Settle some of the batteries that were read."""
    hours_of_year = _intervals(readings.year, HOUR)
    names = {name for c in ("gen_resource", "load_resource", "esr_resource") for name in fleet[c].dropna()}
    dam_gen, dam_load, dam_esr, sced_gen, sced_load, sced_esr, smne = (
        readings.datasets[folder].of(names) for folder in DISCLOSED
    )
    ratings = _ratings(readings.plans.of(names), fleet, dam_gen, dam_load, dam_esr, sced_gen, sced_load, sced_esr)
    fleet = fleet.merge(ratings, on="battery", how="left")

    # Awards and nodes by hour.
    by_hour = _expected(fleet, hours_of_year)
    by_hour = _with_awards(by_hour, dam_gen, dam_load, dam_esr)
    nodes = _nodes(fleet, hours_of_year, dam_gen, dam_esr, readings.user_nodes)
    by_hour = by_hour.merge(nodes, on=["battery", "interval_start"], how="left")

    # Energy by quarter-hour.
    quarter_hours = _expected(fleet, _intervals(readings.year, QUARTER))
    quarter_hours["hour"] = quarter_hours["interval_start"].dt.floor("h")
    quarter_hours = quarter_hours.merge(
        by_hour[["battery", "interval_start", "settlement_point", "da_award_mw"]].rename(
            columns={"interval_start": "hour"}
        ),
        on=["battery", "hour"],
        how="left",
    )
    quarter_hours = _with_energy(quarter_hours, sced_gen, sced_load, sced_esr, smne)
    quarter_hours = _with_energy_money(quarter_hours, readings.da_price, readings.rt_price)

    # Ancillary services by hour and product.
    hours = _ancillary(by_hour, readings.da_mcpc, readings.rt_mcpc, sced_esr)

    # Days, months, the year.
    fleet["first_active_date"] = _first_active(fleet, by_hour, hours, quarter_hours)
    fleet["qse"] = _qse(fleet, [dam_gen, dam_esr], [sced_gen, sced_esr])
    daily = _daily(quarter_hours, hours, by_hour, readings.da_price)
    tables = {"quarter_hours": quarter_hours, "hours": hours, "by_hour": by_hour, "daily": daily}
    leaderboard = _board(tables, fleet, readings.horizon, monthly=False)
    monthly = _board(tables, fleet, readings.horizon, monthly=True)

    return Settlement(
        quarter_hours[QUARTER_HOUR_COLUMNS].sort_values(["battery", "interval_start"], ignore_index=True),
        hours[HOUR_COLUMNS].sort_values(["battery", "product", "interval_start"], ignore_index=True),
        daily,
        leaderboard,
        monthly,
    )


def _awarded(piece: Piece, parts: Sequence[str], single: Sequence[str]) -> pd.Series[Any]:
    """An award in MW: the sum of its parts, or the single column where the parts say nothing.

    A blank in a column that is there is no award (0); an award of which there is no column is null.
    """
    found = [p for p in (piece.numbers([part]) for part in parts) if p is not None]
    alone = piece.numbers(single) if single else None
    if not found and alone is None:
        return pd.Series(np.nan, index=range(piece.rows), dtype="float64")
    whole = pd.Series(0.0, index=range(piece.rows)) if alone is None else alone.fillna(0.0)
    total = pd.Series(0.0, index=range(piece.rows))
    any_part = pd.Series(False, index=range(piece.rows))
    for part in found:
        total = total + part.fillna(0.0)
        any_part = any_part | (part.fillna(0.0) != 0.0)
    return total.where(any_part, whole)


# ---------------------------------------------------------------------------------------------------------------
# Time


def _to_utc(wall: pd.Series, repeated: pd.Series) -> pd.Series:
    """Central wall-clock times as UTC; ``repeated`` marks the second 01:00 hour; a time that never was is NaT."""
    local = wall.dt.tz_localize(CENTRAL, ambiguous=~repeated.to_numpy(dtype=bool), nonexistent="NaT")
    return pd.Series(local.dt.tz_convert("UTC").dt.as_unit("s"))


def _day_start(days: pd.Series) -> pd.Series:
    """00:00 Central of each day, in UTC."""
    return _to_utc(days, pd.Series(False, index=days.index))


def _operating_day(times: pd.Series) -> pd.Series:
    """The Central date of each UTC time, as naive midnight."""
    return pd.Series(times.dt.tz_convert(CENTRAL).dt.tz_localize(None).dt.normalize().dt.as_unit("s"))


def _bounds(year: int) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First instant of the operating year and of the next, UTC."""
    first, last = _day_start(pd.Series(pd.to_datetime([f"{year}-01-01", f"{year + 1}-01-01"])).dt.as_unit("s"))
    return first, last


def _start_of(day: pd.Timestamp) -> pd.Timestamp:
    """00:00 Central of one day, in UTC."""
    return pd.Timestamp(day).tz_localize(CENTRAL).tz_convert("UTC")


def _intervals(year: int, step: pd.Timedelta) -> pd.DataFrame:
    """Every interval of the operating year with its operating day."""
    first, last = _bounds(year)
    starts = pd.Series(pd.date_range(first, last, freq=step, inclusive="left")).dt.as_unit("s")
    return pd.DataFrame({"interval_start": starts, "operating_day": _operating_day(starts)})


def _day_hours(days: pd.Series) -> pd.Series:
    """Hours in each operating day: 23, 24 or 25."""
    codes, values = pd.factorize(days)
    unique = pd.Series(values).dt.as_unit("s")
    length = _day_start(unique + pd.Timedelta(days=1)) - _day_start(unique)
    return pd.Series((length.dt.total_seconds() / 3600).to_numpy()[codes], index=days.index)


def _odd_days(year: int) -> list[pd.Timestamp]:
    """The two days of the year that have 23 and 25 hours."""
    days = pd.Series(pd.date_range(f"{year}-01-01", f"{year}-12-31", freq="D")).dt.as_unit("s")
    return list(days[_day_hours(days) != 24])


def _hour_starts(frame: pd.DataFrame) -> pd.Series[Any]:
    """Start of each labelled hour, UTC, by the rules of section 7; NaT for a label that the day does not have.

    Args:
        frame: series, kind, interval, day, label (hour ending), repeated (flag), report, and scope: rows of one day and scope are judged together. The
            n-th row of one series, interval and report with a flag-less label 2 on the 25-hour day is the n-th 01:00 hour.
    """
    frame = frame.reset_index(drop=True)
    label = frame["label"]
    plausible = label.between(1, 24) & (label % 1 == 0)
    wall = frame["day"] + pd.to_timedelta((label - 1).where(plausible, 0).fillna(0) * 3600, unit="s").dt.as_unit("s")
    start = _to_utc(wall, frame["repeated"] & (label == 2)).where(plausible)

    length = _day_hours(frame["day"])
    odd = frame.loc[length.isin([23, 25])]
    for _, rows in odd.groupby(["day", "scope"]):
        labels = rows["label"]
        midnight = _start_of(rows["day"].iloc[0])
        if (length[rows.index] == 23).all():
            if (labels == 24).any():
                continue  # the clock's own labels: 01:00, 02:00, 04:00 .. 24:00, as localised above
            position = labels - 1
        elif (labels == 25).any():
            position = labels - 1
        elif rows["repeated"].any():
            continue  # flags tell the two hours apart, as localised above
        else:
            same = ["series", "kind", "interval", "report", "label"]
            occurrence = rows.groupby(same, dropna=False).cumcount() % 2
            position = (labels - 1).where(labels <= 2, labels) + occurrence.where(labels == 2, 0)
        fits = position.between(0, length[rows.index] - 1)
        start[rows.index] = (midnight + pd.to_timedelta(position.where(fits) * 3600, unit="s")).dt.as_unit("s")
    return start


# ---------------------------------------------------------------------------------------------------------------
# Datasets

_UTC = "datetime64[s, UTC]"
_NO_TIME = pd.Series([], dtype=_UTC)
_NO_RUNS = pd.DataFrame({"stamp": _NO_TIME, "quarter": _NO_TIME, "seconds": pd.Series([], dtype="float64")})
AWARD_COLUMNS = ("energy", *PRODUCTS)


class _Kept:
    """Rows of batteries in the order in which they were read; many of them wait in files.

    Args:
        folder: where files may be written.
        name: how they begin; no two of a folder are the same.
        types: dtype by column, `resource` among them.
        key: columns that name one row; of several rows the last counts.
    """

    def __init__(self, folder: Path, name: str, types: dict[str, str], key: Sequence[str]) -> None:
        self._folder = folder
        self._name = name
        self._types = types
        self._key = list(key)
        self._files: list[Path] = []
        self._waiting: list[pd.DataFrame] = []
        self._rows = 0

    def add(self, frame: pd.DataFrame) -> None:
        """Keep some rows."""
        self._waiting.append(frame[list(self._types)].astype(self._types))
        self._rows += len(frame)
        if self._rows > ROWS_IN_MEMORY:
            path = self._folder / f"{self._name}_{len(self._files)}.parquet"
            pd.concat(self._waiting, ignore_index=True).to_parquet(path, index=False)
            self._files.append(path)
            self._waiting, self._rows = [], 0

    def of(self, names: set[str]) -> pd.DataFrame:
        """Rows of some resources, the last of each key."""
        parts = [pd.read_parquet(path, filters=[("resource", "in", sorted(names))]) for path in self._files if names]
        parts += [frame[frame["resource"].isin(names)] for frame in self._waiting]
        parts.append(pd.DataFrame({column: pd.Series([], dtype=kind) for column, kind in self._types.items()}))
        rows = pd.concat([part.astype(self._types) for part in parts], ignore_index=True)
        return rows.drop_duplicates(self._key, keep="last", ignore_index=True)


@dataclass(frozen=True)
class _Dataset:
    """Rows of some resources in one 60-day dataset.

    rows: resource, interval_start or stamp or quarter, and quantities, one row a (resource, time), within the year.
    known: the hours for which any resource has a row (day-ahead datasets).
    runs: start, quarter and seconds of the pieces into which each SCED run's hold falls (SCED datasets).
    """

    rows: pd.DataFrame
    known: pd.Series[Any]
    runs: pd.DataFrame


@dataclass(frozen=True)
class _Reading:
    """What was read of one 60-day dataset.

    kept: rows of batteries.
    seen: distinct (resource, operating day) of batteries within the year.
    days: the operating days of which any resource has a row, days beyond the year included.
    known: see `_Dataset`.
    runs: see `_Dataset`.
    points: settlement points of batteries.
    placed: puts rows whose time is still as written into time.
    """

    kept: _Kept
    seen: pd.DataFrame
    days: pd.Series[Any]
    known: pd.Series[Any] = field(default_factory=lambda: _NO_TIME)
    runs: pd.DataFrame = field(default_factory=lambda: _NO_RUNS)
    points: frozenset[str] = frozenset()
    placed: Callable[[pd.DataFrame], pd.DataFrame] | None = None

    def of(self, names: set[str]) -> _Dataset:
        """The rows of some resources."""
        rows = self.kept.of(names)
        return _Dataset(self.placed(rows) if self.placed else rows, self.known, self.runs)


def _distinct(parts: Sequence[pd.Series[Any]], kind: str) -> pd.Series[Any]:
    """Each known value once, ascending."""
    whole = pd.concat([*parts, pd.Series([], dtype=kind)], ignore_index=True)
    return whole.dropna().drop_duplicates().sort_values(ignore_index=True)


def _seen(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Each (resource, operating day) once."""
    none = pd.DataFrame({"resource": pd.Series([], dtype="object"), "day": pd.Series([], dtype="datetime64[s]")})
    return pd.concat([*parts, none], ignore_index=True).drop_duplicates(ignore_index=True)


class _Hourly:
    """Rows of a dataset with dates and hour labels, placed in time; iterate once, then look at the attributes.

    Of the two clock-change days every row is held until the dataset is read, because what a label means there depends on the labels beside it.

    Args:
        source: the published rows.
        folder: the dataset.
        year: the operating year.
        series: spellings of the column that names a row's resource, point or product.
        values: quantities of the rows of a piece, by name.
        wanted: which of them are wanted; None takes all.
        quarter_hours: True where rows have an interval within the hour.
        sixty_day: True where the end of the year was published in the next.

    Attributes:
        days: operating days held, of any year.
        seen: (resource, operating day) of what is wanted, within the year.
        held: the hours within the year of which there is a row of any series.
    """

    def __init__(
        self,
        source: Source,
        folder: str,
        year: int,
        series: tuple[str, ...],
        values: Callable[[Piece], dict[str, pd.Series[Any]]],
        wanted: set[str] | None,
        *,
        quarter_hours: bool = False,
        sixty_day: bool = True,
    ) -> None:
        self._year = year
        self._pieces = source.pieces(folder, (year, year + 1) if sixty_day else (year,))
        # The labels of a price report that holds one quarter-hour mean something beside those of the whole day only.
        self._by_report = source.by_report and sixty_day
        self._series = series
        self._values = values
        self._wanted = wanted
        self._quarter_hours = quarter_hours
        self._days: list[pd.Series[Any]] = []
        self._seen: list[pd.DataFrame] = []
        self._held: list[pd.Series[Any]] = []

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """Frames of series, interval_start and the quantities, oldest publication first; the clock-change days at the end."""
        odd_rows: list[pd.DataFrame] = []
        odd_values: list[pd.DataFrame] = []
        odd_days = _odd_days(self._year)
        for piece in self._pieces:
            rows = self._labelled(piece)
            self._days.append(_distinct([rows["day"]], "datetime64[s]"))
            inside = rows["day"].dt.year == self._year
            wanted = rows["wanted"] & inside
            self._seen.append(
                rows.loc[wanted, ["series", "day"]].drop_duplicates().rename(columns={"series": "resource"})
            )
            odd = inside & rows["day"].isin(odd_days)
            if odd.any():
                odd_rows.append(rows[odd])
                odd_values.append(pd.DataFrame(self._values(piece.where(odd & wanted))))
            named = rows.loc[inside & ~odd & rows["series"].notna()]
            self._held.append(_hour_starts(named.drop_duplicates(["day", "label"])))
            usual = wanted & ~odd
            yield self._placed(rows[usual], pd.DataFrame(self._values(piece.where(usual))))
        if odd_rows:
            rows = pd.concat(odd_rows, ignore_index=True)
            rows["hour"] = _hour_starts(rows)
            self._held.append(rows.loc[rows["series"].notna(), "hour"])
            mine = rows[rows["wanted"]].reset_index(drop=True)
            yield self._placed(mine, pd.concat(odd_values, ignore_index=True), mine["hour"])

    def _labelled(self, piece: Piece) -> pd.DataFrame:
        """Series and time of each row, as written."""
        report = piece.reports()
        rows = pd.DataFrame(
            {
                "series": piece.texts(self._series),
                "kind": piece.texts(("settlementpointtype",)),
                "day": piece.wall_times(DATE).dt.normalize(),
                "label": piece.labels(HOUR_ENDING),
                "interval": piece.labels(INTERVAL) if self._quarter_hours else 1.0,
                "repeated": piece.flags(),
                "report": report,
                "scope": report if self._by_report else 0,
            }
        )
        named = rows["series"].notna() if self._wanted is None else rows["series"].isin(self._wanted)
        # Load zones stand twice among the prices; LZ counts (section 2).
        rows["wanted"] = named & (rows["kind"] != "LZEW") & rows["interval"].isin([1, 2, 3, 4])
        return rows

    def _placed(self, rows: pd.DataFrame, values: pd.DataFrame, hour: pd.Series[Any] | None = None) -> pd.DataFrame:
        rows = rows.reset_index(drop=True)
        hours = _hour_starts(rows) if hour is None else hour
        offset = pd.to_timedelta((rows["interval"] - 1) * 900, unit="s").dt.as_unit("s")
        frame = pd.DataFrame({"series": rows["series"], "interval_start": (hours + offset).dt.as_unit("s")})
        return pd.concat([frame, values], axis=1).dropna(subset="interval_start")

    @property
    def days(self) -> pd.Series[Any]:
        """Operating days held, of any year."""
        return _distinct(self._days, "datetime64[s]")

    @property
    def seen(self) -> pd.DataFrame:
        """(resource, operating day) of what is wanted, within the year."""
        return _seen(self._seen)

    @property
    def held(self) -> pd.Series[Any]:
        """The hours within the year of which there is a row of any series."""
        return _distinct(self._held, _UTC)


DAM_TYPES = {
    "resource": "object",
    "interval_start": _UTC,
    **dict.fromkeys(AWARD_COLUMNS, "float64"),
    "settlement_point": "object",
    "hsl": "float64",
    "max_consumption": "float64",
    "qse": "object",
}


def _day_ahead(source: Source, folder: str, year: int, wanted: set[str], files: Path) -> _Reading:
    """Awards, node and ratings of each wanted resource and hour of one day-ahead dataset."""
    load_side = folder == "DAM_Load_Resources"
    ecrs_parts = ("ecrssdawarded", "ecrsmdawarded") if load_side else ("ecrssdawarded",)

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {
            "energy": _awarded(piece, (), ("awardedquantity",)),
            "regup": _awarded(piece, (), ("regupawarded",)),
            "regdn": _awarded(piece, (), ("regdownawarded",)),
            "rrs": _awarded(piece, ("rrspfrawarded", "rrsffrawarded", "rrsufrawarded"), ("rrsawarded",)),
            "ecrs": _awarded(piece, ecrs_parts, ("ecrsawarded",)),
            "nspin": _awarded(piece, (), ("nonspinawarded",)),
            "settlement_point": piece.texts(NODE),
            "hsl": piece.numbers_or_null(HSL),
            "max_consumption": piece.numbers_or_null(MAX_CONSUMPTION),
            "qse": piece.texts(("qse",)),
        }

    kept = _Kept(files, folder, DAM_TYPES, ["resource", "interval_start"])
    points: set[str] = set()
    name = ("loadresourcename", "resourcename") if load_side else NAME
    rows = _Hourly(source, folder, year, name, values, wanted)
    for frame in rows:
        kept.add(frame.rename(columns={"series": "resource"}))
        points |= set(frame["settlement_point"].dropna())
    return _Reading(kept, rows.seen, rows.days, known=rows.held, points=frozenset(points))


SCED_QUANTITIES = {
    "SCED_Gen_Resources": {"output": ("telemeterednetoutput",), "base_point": ("basepoint",)},
    "SCED_ESR_Resources": {"output": ("telemeterednetoutput",), "base_point": ("basepoint",)},
    "SCED_Load_Resources": {"output": ("realpowerconsumption",), "base_point": ("basepoint",)},
}
REAL_TIME_AWARDS = {
    "regup": ("asawardsregup",),
    "regdn": ("asawardsregdn",),
    "rrs": ("asawardsrrspfr", "asawardsrrsffr", "asawardsrrsufr"),
    "ecrs": ("asawardsecrs",),
    "nspin": ("asawardsnspin",),
}
SCED_TYPES = {
    "resource": "object",
    "wall": "datetime64[s]",
    "repeated": "bool",
    "output": "float64",
    "base_point": "float64",
    "hsl": "float64",
    "max_consumption": "float64",
    "max_soc": "float64",
    "qse": "object",
}


def _sced(source: Source, folder: str, year: int, wanted: set[str], files: Path) -> _Reading:
    """Telemetry of the wanted resources, and how long each run of the dataset holds."""
    storage = folder == "SCED_ESR_Resources"
    types = SCED_TYPES | dict.fromkeys(PRODUCTS if storage else (), "float64")
    kept = _Kept(files, folder, types, ["resource", "wall", "repeated"])
    days, seen, stamps = [], [], []
    trusted = False
    autumn = _autumn_day(year)
    for piece in source.pieces(folder, (year, year + 1)):
        rows = pd.DataFrame({"resource": piece.texts(NAME), "wall": piece.wall_times(STAMP), "repeated": piece.flags()})
        rows["day"] = rows["wall"].dt.normalize()
        days.append(_distinct([rows["day"]], "datetime64[s]"))
        trusted = trusted or bool(((rows["day"] == autumn) & rows["repeated"]).any())
        stamps.append(rows[["wall", "repeated"]].drop_duplicates())
        mine = rows["resource"].isin(wanted) & (rows["day"].dt.year == year)
        seen.append(rows.loc[mine, ["resource", "day"]].drop_duplicates())
        part = piece.where(mine)
        frame = rows[mine].reset_index(drop=True)
        for quantity, spellings in SCED_QUANTITIES[folder].items():
            frame[quantity] = part.numbers_or_null(spellings)
        for product, parts in REAL_TIME_AWARDS.items() if storage else ():
            frame[product] = _awarded(part, parts, ())
        frame["hsl"] = part.numbers_or_null(HSL)
        frame["max_consumption"] = part.numbers_or_null(MAX_CONSUMPTION)
        frame["max_soc"] = part.numbers_or_null(MAX_SOC)
        frame["qse"] = part.texts(("qse",))
        kept.add(frame)

    def placed(rows: pd.DataFrame) -> pd.DataFrame:
        rows = rows.assign(stamp=_sced_times(rows, autumn, trusted))
        return rows.dropna(subset="stamp").drop_duplicates(["resource", "stamp"], keep="last", ignore_index=True)

    if not stamps:
        return _Reading(kept, _seen([]), _distinct([], "datetime64[s]"), placed=placed)
    all_stamps = pd.concat(stamps, ignore_index=True).drop_duplicates(ignore_index=True)
    runs = _sced_times(all_stamps, autumn, trusted).dropna().drop_duplicates().sort_values(ignore_index=True)
    pieces = _hold_pieces(runs, *_bounds(year))
    if not trusted:
        repeated_hours = _start_of(autumn) + HOUR
        unknown = (pieces["quarter"] >= repeated_hours) & (pieces["quarter"] < repeated_hours + 2 * HOUR)
        pieces = pieces[~unknown]
    return _Reading(kept, _seen(seen), _distinct(days, "datetime64[s]"), runs=pieces, placed=placed)


def _autumn_day(year: int) -> pd.Timestamp:
    """The 25-hour day: the first Sunday of November."""
    first = pd.Timestamp(year=year, month=11, day=1)
    return first + pd.Timedelta(days=(6 - first.day_of_week) % 7)


def _sced_times(frame: pd.DataFrame, autumn: pd.Timestamp, trusted: bool) -> pd.Series:
    """SCED stamps as UTC; without usable flags the stamps 01:xx of the autumn day are NaT."""
    times = _to_utc(frame["wall"], frame["repeated"])
    if trusted:
        return times
    one_o_clock = (frame["wall"] >= autumn + HOUR) & (frame["wall"] < autumn + 2 * HOUR)
    return times.mask(one_o_clock)


def _hold_pieces(runs: pd.Series, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Each run holds until the next, at most 900 s and not past the year; split at quarter-hours.

    Args:
        runs: distinct run times, ascending, UTC.
        first: first instant of the operating year; earlier runs do not exist for it.
        last: first instant of the next year.
    """
    runs = runs[(runs >= first) & (runs < last)].reset_index(drop=True)
    end = runs.shift(-1).fillna(last)
    end = end.where(end <= runs + pd.Timedelta(seconds=LONGEST_HOLD_S), runs + pd.Timedelta(seconds=LONGEST_HOLD_S))
    end = end.where(end <= last, last)
    quarter = runs.dt.floor("15min")
    boundary = quarter + QUARTER
    in_first = (end.where(end <= boundary, boundary) - runs).dt.total_seconds()
    in_second = (end - boundary).dt.total_seconds()
    pieces = pd.concat(
        [
            pd.DataFrame({"stamp": runs, "quarter": quarter, "seconds": in_first}),
            pd.DataFrame({"stamp": runs, "quarter": boundary, "seconds": in_second}),
        ],
        ignore_index=True,
    )
    pieces["quarter"] = pieces["quarter"].dt.as_unit("s")
    return pieces[pieces["seconds"] > 0].reset_index(drop=True)


def _observed(dataset: _Dataset, quantities: Sequence[str]) -> pd.DataFrame:
    """Mean positive and negative MW of each quantity by (resource, quarter), null where under half is observed."""
    held = dataset.rows[["resource", "stamp", *quantities]].merge(dataset.runs, on="stamp", how="inner")
    weighted = held[["resource", "quarter"]].copy()
    for quantity in quantities:
        weighted[f"{quantity}_seconds"] = held["seconds"].where(held[quantity].notna(), 0.0)
        weighted[f"{quantity}_positive"] = held[quantity].clip(lower=0.0) * held["seconds"]
        weighted[f"{quantity}_negative"] = (-held[quantity]).clip(lower=0.0) * held["seconds"]
    sums = weighted.groupby(["resource", "quarter"], sort=False).sum().reset_index()
    for quantity in quantities:
        seconds = sums[f"{quantity}_seconds"]
        enough = seconds >= LEAST_OBSERVED_S
        for part in ("positive", "negative"):
            sums[f"{quantity}_{part}"] = (sums[f"{quantity}_{part}"] / seconds).where(enough)
    return sums


def _metered(dataset: _Dataset, prefix: str) -> pd.DataFrame:
    """Discharge and charge MWh by (resource, quarter): telemetered output, else base point."""
    means = _observed(dataset, ["output", "base_point"])
    telemetry = means["output_positive"].notna()
    result = means[["resource", "quarter"]].copy()
    for part in ("positive", "negative"):
        chosen = means[f"output_{part}"].where(telemetry, means[f"base_point_{part}"])
        result[f"{prefix}_{part}_mwh"] = chosen * 0.25
    return result


def _smne(source: Source, year: int, wanted: set[str], files: Path) -> _Reading:
    """Settlement metered net energy, MWh by (resource, quarter); the interval number is the place in the day."""
    types = {"resource": "object", "quarter": _UTC, "smne_mwh": "float64"}
    kept = _Kept(files, "SCED_SMNE", types, ["resource", "quarter"])
    days, seen = [], []
    for piece in source.pieces("SCED_SMNE", (year, year + 1)):
        end = piece.wall_times(("intervaltime",))
        number = ("intervalnumber",)
        rows = pd.DataFrame(
            {
                "resource": piece.texts(("resourcecode", "resourcename")),
                "day": (end - pd.Timedelta(seconds=1)).dt.normalize(),
                "number": piece.labels(number) if piece.has(number) else np.nan,
            }
        )
        days.append(_distinct([rows["day"]], "datetime64[s]"))
        mine = rows["resource"].isin(wanted) & (rows["day"].dt.year == year)
        seen.append(rows.loc[mine, ["resource", "day"]].drop_duplicates())
        mine &= rows["number"].between(1, _day_hours(rows["day"]) * 4)
        frame = rows[mine].reset_index(drop=True)
        offset = pd.to_timedelta((frame["number"] - 1) * 900, unit="s")
        frame["quarter"] = (_day_start(frame["day"]) + offset).dt.as_unit("s")
        frame["smne_mwh"] = piece.where(mine).numbers_or_null(("intervalvalue",))
        kept.add(frame)
    return _Reading(kept, _seen(seen), _distinct(days, "datetime64[s]"))


def _point_prices(source: Source, folder: str, year: int, points: set[str]) -> pd.DataFrame:
    """$/MWh by (settlement_point, interval_start) of DA_prices (hours) or RT_prices (quarter-hours)."""

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {"price": piece.numbers_or_null(("settlementpointprice",))}

    rows = _Hourly(source, folder, year, NODE, values, points, quarter_hours=folder == "RT_prices", sixty_day=False)
    return _priced(rows, "settlement_point", "price")


def _clearing_prices(source: Source, folder: str, year: int) -> pd.DataFrame:
    """$/MW by (product, interval_start) of AS_prices (hours) or RT_AS_prices (quarter-hours)."""

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {"mcpc": piece.numbers_or_null(("mcpc",))}

    label = ("ancillarytype", "astype")
    rows = _Hourly(source, folder, year, label, values, None, quarter_hours=folder == "RT_AS_prices", sixty_day=False)
    prices = _priced(rows, "product", "mcpc")
    prices["product"] = prices["product"].str.upper().map(PRICE_LABELS).astype("object")
    prices = prices.dropna(subset="product")
    return prices.drop_duplicates(["product", "interval_start"], keep="last", ignore_index=True)


def _priced(rows: _Hourly, series: str, price: str) -> pd.DataFrame:
    """All rows as one frame, the last of each series and time."""
    types = {series: "object", "interval_start": _UTC, price: "float64"}
    empty = pd.DataFrame({column: pd.Series([], dtype=kind) for column, kind in types.items()})
    frames = [frame.rename(columns={"series": series})[list(types)] for frame in rows]
    whole = pd.concat([frame.astype(types) for frame in (*frames, empty)], ignore_index=True)
    return whole.drop_duplicates([series, "interval_start"], keep="last", ignore_index=True)


# ---------------------------------------------------------------------------------------------------------------
# The fleet: who is expected when, how large, at which node


def _fleet(batteries: pd.DataFrame) -> pd.DataFrame:
    """The table handed in, with None for empty names and the columns a user may leave out."""
    fleet = batteries.reset_index(drop=True).copy()
    for name in ("gen_resource", "load_resource", "esr_resource"):
        column = fleet[name] if name in fleet else pd.Series([None] * len(fleet), dtype="object")
        fleet[name] = pd.Series(
            [None if pd.isna(v) or str(v).strip() == "" else str(v) for v in column], dtype="object"
        )
    for name in ("user_capacity_mw", "user_energy_mwh"):
        fleet[name] = fleet[name].astype("float64") if name in fleet else np.nan
    for name in ("charging_known", "load_as_only"):
        fleet[name] = fleet[name].astype(bool)
    return fleet


@dataclass(frozen=True)
class _Horizon:
    """First and last day of the year's 60-day data, and how far the year is known."""

    year: int
    first_day: pd.Timestamp
    last_day: pd.Timestamp
    data_through: pd.Timestamp
    closed: bool


def _horizon(source: Source, year: int, held: Sequence[pd.Series[Any]]) -> _Horizon | None:
    """Section 11: closed if anything read holds a day after 31 December."""
    days = _distinct(held, "datetime64[s]")
    inside = days[days.dt.year == year]
    if inside.empty:
        return None
    closed = bool((days.dt.year > year).any()) or any(source.holds_a_day_after(folder, year) for folder in DISCLOSED)
    through = pd.Timestamp(year=year, month=12, day=31) if closed else inside.max()
    return _Horizon(year, inside.min(), inside.max(), through, closed)


def _expect(fleet: pd.DataFrame, horizon: _Horizon, seen_by_side: dict[str, list[pd.DataFrame]]) -> pd.DataFrame:
    """The batteries seen in the year, with the first and last day on which each is expected."""
    counted_load = fleet["load_resource"].where(~fleet["load_as_only"], None)
    names = pd.concat(
        [
            pd.DataFrame({"battery": fleet["battery"], "resource": fleet["gen_resource"], "side": "generation"}),
            pd.DataFrame({"battery": fleet["battery"], "resource": counted_load, "side": "consumption"}),
            pd.DataFrame({"battery": fleet["battery"], "resource": fleet["esr_resource"], "side": "storage"}),
        ]
    ).dropna(subset="resource")
    seen = pd.concat([s.assign(side=side) for side, group in seen_by_side.items() for s in group])
    days = names.merge(seen, on=["resource", "side"]).groupby("battery")["day"].agg(["min", "max"])
    fleet = fleet.merge(days, left_on="battery", right_index=True, how="inner")
    new_year = pd.Timestamp(year=horizon.year, month=1, day=1)
    fleet["first_expected"] = fleet["min"].where(fleet["min"] != horizon.first_day, new_year)
    fleet["last_expected"] = fleet["max"].where(fleet["max"] != horizon.last_day, horizon.data_through)
    return fleet.drop(columns=["min", "max"]).reset_index(drop=True)


def _expected(fleet: pd.DataFrame, intervals: pd.DataFrame) -> pd.DataFrame:
    """Battery x interval, within each battery's expected period, with the names and the pair's standing."""
    carried = "battery gen_resource load_resource esr_resource charging_known load_as_only first_expected last_expected"
    grid = fleet[carried.split()].merge(intervals, how="cross")
    inside = (grid["operating_day"] >= grid["first_expected"]) & (grid["operating_day"] <= grid["last_expected"])
    return grid[inside].drop(columns=["first_expected", "last_expected"]).reset_index(drop=True)


def _twenty_fourth_largest(hourly: pd.DataFrame, value: str) -> pd.Series:
    """By battery: the 24th largest hourly value, or the largest where fewer than 24 hours are above 0."""
    above = hourly[hourly[value] > 0].sort_values(value, ascending=False)
    rank = above.groupby("battery").cumcount()
    count = above.groupby("battery")[value].transform("size")
    chosen = above[((count >= 24) & (rank == 23)) | ((count < 24) & (rank == 0))]
    return chosen.set_index("battery")[value]


def _hourly(fleet: pd.DataFrame, sources: Sequence[tuple[str, pd.DataFrame, str]], value: str) -> pd.DataFrame:
    """Largest value of each battery and hour from (column of names, rows, column of time)."""
    found = []
    for names, rows, time in sources:
        pairs = fleet[["battery", names]].dropna().rename(columns={names: "resource"})
        merged = pairs.merge(rows[["resource", time, value]].dropna(), on="resource")
        found.append(
            pd.DataFrame({"battery": merged["battery"], "hour": merged[time].dt.floor("h"), value: merged[value]})
        )
    return pd.concat(found).groupby(["battery", "hour"])[value].max().reset_index()


def _cop(source: Source, year: int, wanted: set[str], files: Path) -> _Kept:
    """HSL and Maximum SOC of the operating plans, by resource and hour."""

    def values(piece: Piece) -> dict[str, pd.Series[Any]]:
        return {"hsl": piece.numbers_or_null(HSL), "max_soc": piece.numbers_or_null(MAX_SOC)}

    types = {"resource": "object", "interval_start": _UTC, "hsl": "float64", "max_soc": "float64"}
    kept = _Kept(files, "COP_Snapshots", types, ["resource", "interval_start"])
    for frame in _Hourly(source, "COP_Snapshots", year, NAME, values, wanted):
        kept.add(frame.rename(columns={"series": "resource"}))
    return kept


def _ratings(
    cop: pd.DataFrame,
    fleet: pd.DataFrame,
    dam_gen: _Dataset,
    dam_load: _Dataset,
    dam_esr: _Dataset,
    sced_gen: _Dataset,
    sced_load: _Dataset,
    sced_esr: _Dataset,
) -> pd.DataFrame:
    """Capacity, MWh and duration of each battery, and where each comes from (section 11)."""
    full = fleet.assign(load_resource=fleet["load_resource"].where(~fleet["load_as_only"], None))
    gen, esr, load = "gen_resource", "esr_resource", "load_resource"
    capacity_sources = {
        "dam": _hourly(full, [(gen, dam_gen.rows, "interval_start"), (esr, dam_esr.rows, "interval_start")], "hsl"),
        "sced": _hourly(full, [(gen, sced_gen.rows, "stamp"), (esr, sced_esr.rows, "stamp")], "hsl"),
        "cop": _hourly(full, [(gen, cop, "interval_start"), (esr, cop, "interval_start")], "hsl"),
        "load": _hourly(full, [(load, dam_load.rows, "interval_start")], "max_consumption"),
        "load_sced": _hourly(full, [(load, sced_load.rows, "stamp")], "max_consumption"),
    }
    ratings = fleet[["battery"]].copy()
    ratings["capacity_mw"] = fleet["user_capacity_mw"]
    ratings["capacity_source"] = pd.Series(
        ["user" if given else None for given in fleet["user_capacity_mw"].notna()], dtype="object"
    )
    for source, hourly in capacity_sources.items():
        value = "max_consumption" if source.startswith("load") else "hsl"
        found = ratings["battery"].map(_twenty_fourth_largest(hourly, value))
        take = ratings["capacity_mw"].isna() & found.notna()
        ratings["capacity_mw"] = ratings["capacity_mw"].where(~take, found)
        ratings.loc[take, "capacity_source"] = source.split("_")[0]

    ratings["energy_mwh"] = fleet["user_energy_mwh"]
    storage = _twenty_fourth_largest(_hourly(full, [(esr, sced_esr.rows, "stamp")], "max_soc"), "max_soc")
    planned = _hourly(full, [(gen, cop, "interval_start"), (esr, cop, "interval_start")], "max_soc")
    for values in (storage, _twenty_fourth_largest(planned, "max_soc")):
        ratings["energy_mwh"] = ratings["energy_mwh"].fillna(ratings["battery"].map(values))
    ratings["duration_hours"] = (ratings["energy_mwh"] / ratings["capacity_mw"]).fillna(4.0)
    given = pd.Series(np.where(fleet["user_energy_mwh"].notna(), "user", "ercot"), dtype="object")
    ratings["duration_source"] = given.where((ratings["energy_mwh"] / ratings["capacity_mw"]).notna(), "assumed")
    return ratings


def _nodes(
    fleet: pd.DataFrame, hours: pd.DataFrame, dam_gen: _Dataset, dam_esr: _Dataset, user_nodes: pd.DataFrame
) -> pd.DataFrame:
    """Settlement point of each battery and hour: the row's, else the latest earlier, else the first of the year."""
    seam = _start_of(ESR_DAM_DAY)
    combo = dam_gen.rows[dam_gen.rows["interval_start"] < seam].rename(columns={"resource": "gen_resource"})
    single = dam_esr.rows[dam_esr.rows["interval_start"] >= seam].rename(columns={"resource": "esr_resource"})
    found = pd.concat(
        [
            fleet[["battery", "gen_resource"]].merge(combo, on="gen_resource"),
            fleet[["battery", "esr_resource"]].merge(single, on="esr_resource"),
        ]
    )[["battery", "interval_start", "settlement_point"]].dropna()
    grid = fleet[["battery"]].merge(hours, how="cross")
    grid = grid.merge(found, on=["battery", "interval_start"], how="left").sort_values(["battery", "interval_start"])
    grid["settlement_point"] = grid.groupby("battery")["settlement_point"].ffill()
    grid["settlement_point"] = grid.groupby("battery")["settlement_point"].bfill()
    for row in user_nodes.to_dict("records"):
        days = grid["operating_day"].between(row["first_day"], row["last_day"])
        grid.loc[(grid["battery"] == row["battery"]) & days, "settlement_point"] = row["settlement_point"]
    return grid[["battery", "interval_start", "settlement_point"]]


def _qse(fleet: pd.DataFrame, day_ahead: Sequence[_Dataset], sced: Sequence[_Dataset]) -> pd.Series:
    """The QSE of the battery's last day-ahead row that names one, else of its last SCED row."""
    result = pd.Series([None] * len(fleet), dtype="object")
    for datasets, time in ((day_ahead, "interval_start"), (sced, "stamp")):
        pairs = zip(("gen_resource", "esr_resource"), datasets, strict=True)
        rows = pd.concat(
            [
                fleet[["battery", names]].dropna().merge(d.rows.rename(columns={"resource": names}), on=names)
                for names, d in pairs
            ]
        )
        last = rows.dropna(subset="qse").sort_values(time).groupby("battery")["qse"].last()
        result = result.where(result.notna(), fleet["battery"].map(last))
    return result


# ---------------------------------------------------------------------------------------------------------------
# Awards, energy and money


def _awards_in(by_hour: pd.DataFrame, dataset: _Dataset, names: str) -> pd.DataFrame:
    """Awards of the named resource in each hour: 0 without a row where the dataset knows the hour, else null."""
    rows = dataset.rows[["resource", "interval_start", *AWARD_COLUMNS]].rename(columns={"resource": names})
    merged = by_hour[[names, "interval_start"]].merge(
        rows, on=[names, "interval_start"], how="left", indicator="found", validate="m:1"
    )
    rowless = (merged["found"] == "left_only") & merged["interval_start"].isin(dataset.known)
    awards = merged[list(AWARD_COLUMNS)]
    return awards.mask(rowless, 0.0).set_index(by_hour.index)


def _with_awards(by_hour: pd.DataFrame, dam_gen: _Dataset, dam_load: _Dataset, dam_esr: _Dataset) -> pd.DataFrame:
    """Day-ahead awards of each battery and hour: generation and load files to 2025-12-05, the ESR file after."""
    generation = _awards_in(by_hour, dam_gen, "gen_resource")
    load = _awards_in(by_hour, dam_load, "load_resource")
    load = load.mask(by_hour["load_resource"].isna(), 0.0)
    storage = _awards_in(by_hour, dam_esr, "esr_resource")
    combo = by_hour["interval_start"] < _start_of(ESR_DAM_DAY)
    result = by_hour.copy()
    result["da_award_mw"] = generation["energy"].where(combo, storage["energy"])
    for product in PRODUCTS:
        result[product] = (generation[product] + load[product]).where(combo, storage[product])
        either = pd.concat([generation[product], load[product]], axis=1).max(axis=1)
        result[f"{product}_either"] = either.where(combo, storage[product])
    return result


def _with_energy(
    quarter_hours: pd.DataFrame, sced_gen: _Dataset, sced_load: _Dataset, sced_esr: _Dataset, smne: _Dataset
) -> pd.DataFrame:
    """Discharge and charge MWh of each battery and quarter-hour, from the best quantity (section 3)."""
    frame = quarter_hours
    sources = (
        ("gen_resource", _metered(sced_gen, "gen")),
        ("load_resource", _metered(sced_load, "load")),
        ("esr_resource", _metered(sced_esr, "esr")),
        ("gen_resource", smne.rows),
    )
    for names, rows in sources:
        right = rows.rename(columns={"resource": names, "quarter": "interval_start"})
        frame = frame.merge(right, on=[names, "interval_start"], how="left", validate="m:1")

    settled = frame["smne_mwh"].notna()
    gen_discharge = frame["smne_mwh"].clip(lower=0.0).where(settled, frame["gen_positive_mwh"])
    gen_charge = (-frame["smne_mwh"]).clip(lower=0.0).where(settled, frame["gen_negative_mwh"])
    combo_charge = frame["load_positive_mwh"].where(frame["load_resource"].notna(), gen_charge)
    combo_charge = combo_charge.where(frame["charging_known"] & ~frame["load_as_only"])
    combo = frame["interval_start"] < _start_of(RTC_DAY)
    frame["discharge_mwh"] = gen_discharge.where(combo, frame["esr_positive_mwh"])
    frame["charge_mwh"] = combo_charge.where(combo, frame["esr_negative_mwh"])
    return frame


def _with_energy_money(quarter_hours: pd.DataFrame, da_price: pd.DataFrame, rt_price: pd.DataFrame) -> pd.DataFrame:
    """The energy legs of each quarter-hour (sections 3.1, 3.2 and 4); an unknown factor makes an unknown leg."""
    frame = quarter_hours.merge(
        da_price.rename(columns={"interval_start": "hour", "price": "da_price"}),
        on=["settlement_point", "hour"],
        how="left",
    )
    frame = frame.merge(
        rt_price.rename(columns={"price": "rt_price"}), on=["settlement_point", "interval_start"], how="left"
    )
    net_mwh = frame["discharge_mwh"] - frame["charge_mwh"]
    award_mwh = frame["da_award_mw"] / 4
    frame["da_usd"] = award_mwh * frame["da_price"]
    frame["rt_usd"] = (net_mwh - award_mwh) * frame["rt_price"]
    frame["rt_metered_usd"] = net_mwh * frame["rt_price"]
    frame["rt_da_offset_usd"] = -award_mwh * frame["rt_price"]
    frame["energy_usd"] = frame["da_usd"] + frame["rt_usd"]
    return frame


def _ancillary(by_hour: pd.DataFrame, da_mcpc: pd.DataFrame, rt_mcpc: pd.DataFrame, sced_esr: _Dataset) -> pd.DataFrame:
    """Ancillary revenue of each battery, hour and product that exists then (sections 3 and 4)."""
    hours = by_hour.melt(
        id_vars=["battery", "interval_start", "operating_day"],
        value_vars=list(PRODUCTS),
        var_name="product",
        value_name="award_mw",
    )
    hours["product"] = hours["product"].astype("object")
    first_ecrs = da_mcpc.loc[(da_mcpc["product"] == "ecrs") & da_mcpc["mcpc"].notna(), "interval_start"].min()
    ecrs_start = _start_of(ECRS_DAY)
    if pd.notna(first_ecrs):
        ecrs_start = min(ecrs_start, first_ecrs)
    hours = hours[(hours["product"] != "ecrs") | (hours["interval_start"] >= ecrs_start)].reset_index(drop=True)
    hours = hours.merge(da_mcpc, on=["product", "interval_start"], how="left", validate="m:1")
    hours["da_usd"] = hours["award_mw"] * hours["mcpc"]

    hours["rt_exists"] = hours["interval_start"] >= _start_of(RTC_DAY)
    real_time = _real_time_ancillary(by_hour[by_hour["interval_start"] >= _start_of(RTC_DAY)], rt_mcpc, sced_esr)
    hours = hours.merge(real_time, on=["battery", "product", "interval_start"], how="left", validate="1:1")
    hours["revenue_usd"] = hours["da_usd"].where(~hours["rt_exists"], hours["da_usd"] + hours["rt_usd"])
    return hours


def _real_time_ancillary(by_hour: pd.DataFrame, rt_mcpc: pd.DataFrame, sced_esr: _Dataset) -> pd.DataFrame:
    """rt_usd of each battery, product and hour of RTC+B: null unless all four quarter-hours are known."""
    quarters = pd.DataFrame({"offset": [i * QUARTER for i in range(4)]})
    grid = by_hour[["battery", "esr_resource", "interval_start", *PRODUCTS]].merge(quarters, how="cross")
    grid["quarter"] = (grid["interval_start"] + grid["offset"]).dt.as_unit("s")
    means = _observed(sced_esr, PRODUCTS).rename(columns={"resource": "esr_resource"})
    grid = grid.merge(means, on=["esr_resource", "quarter"], how="left", validate="m:1")
    settled = grid[["battery", "interval_start"]].copy()
    for product in PRODUCTS:
        prices = rt_mcpc[rt_mcpc["product"] == product].set_index("interval_start")["mcpc"]
        difference_mw = grid[f"{product}_positive"] - grid[product]
        settled[product] = difference_mw * grid["quarter"].map(prices).astype("float64") / 4
    hourly = settled.groupby(["battery", "interval_start"])[list(PRODUCTS)].sum(min_count=4).reset_index()
    long = hourly.melt(id_vars=["battery", "interval_start"], var_name="product", value_name="rt_usd")
    return long.assign(product=long["product"].astype("object"))


# ---------------------------------------------------------------------------------------------------------------
# Days, months, the year


def _first_active(
    fleet: pd.DataFrame, by_hour: pd.DataFrame, hours: pd.DataFrame, quarter_hours: pd.DataFrame
) -> pd.Series:
    """First expected day with an award above 0 or discharge of a tenth of an hour at full power."""
    existing = hours[["battery", "interval_start", "product"]].merge(
        by_hour.melt(
            id_vars=["battery", "interval_start", "operating_day"],
            value_vars=[f"{p}_either" for p in PRODUCTS],
            var_name="product",
            value_name="either_mw",
        ).assign(product=lambda f: f["product"].str.removesuffix("_either").astype("object")),
        on=["battery", "interval_start", "product"],
    )
    discharge = quarter_hours.groupby(["battery", "operating_day"])["discharge_mwh"].sum(min_count=1).reset_index()
    discharge = discharge.merge(fleet[["battery", "capacity_mw"]], on="battery")
    days = pd.concat(
        [
            by_hour.loc[by_hour["da_award_mw"] > 0, ["battery", "operating_day"]],
            existing.loc[existing["either_mw"] > 0, ["battery", "operating_day"]],
            discharge.loc[discharge["discharge_mwh"] >= 0.1 * discharge["capacity_mw"], ["battery", "operating_day"]],
        ]
    )
    first = days.groupby("battery")["operating_day"].min().reset_index()
    return fleet[["battery"]].merge(first, on="battery", how="left")["operating_day"].astype("datetime64[s]")


def _sum(frame: pd.DataFrame, by: list[str], columns: Sequence[str]) -> pd.DataFrame:
    """Sums that skip nulls; null where no term is known."""
    return frame.groupby(by)[list(columns)].sum(min_count=1)


def _components(quarter_hours: pd.DataFrame, hours: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Every component, total and coverage of the rows named by ``by`` (section 4)."""
    legs = quarter_hours.copy()
    matched = legs["energy_usd"].notna()
    legs["da_energy_usd"] = legs["da_usd"].where(matched)
    legs["rt_energy_usd"] = legs["rt_usd"].where(matched)
    legs["da_unmatched_usd"] = legs["da_usd"].where(~matched)
    legs["charging_cost_usd"] = legs["charge_mwh"] * legs["rt_price"]
    both = legs["discharge_mwh"].notna() & legs["charge_mwh"].notna()
    legs["discharge_both"] = legs["discharge_mwh"].where(both)
    legs["charge_both"] = legs["charge_mwh"].where(both)
    sums = [
        "da_energy_usd",
        "rt_energy_usd",
        "da_unmatched_usd",
        "charging_cost_usd",
        "rt_metered_usd",
        "discharge_mwh",
        "charge_mwh",
        "discharge_both",
        "charge_both",
    ]
    table = _sum(legs, by, sums)
    groups = legs.groupby(by)
    table["quarters_expected"] = groups.size()
    table["quarters_known"] = groups["energy_usd"].count()
    table["quarters_discharge"] = groups["discharge_mwh"].count()
    table["energy_coverage"] = table["quarters_known"] / table["quarters_expected"]
    table["energy_usd"] = table["da_energy_usd"] + table["rt_energy_usd"]

    services = hours.copy()
    known = services["revenue_usd"].notna()
    services["da"] = services["da_usd"].where(known)
    services["rt"] = services["rt_usd"].where(known)
    as_usd = pd.Series(0.0, index=table.index)
    for product in PRODUCTS:
        mine = services[services["product"] == product]
        product_sums = _sum(mine, by, ["revenue_usd", "da", "rt"]).reindex(table.index)
        exists = mine.groupby(by).size().reindex(table.index).notna()
        table[f"as_{product}_usd"] = product_sums["revenue_usd"]
        table[f"as_{product}_da_usd"] = product_sums["da"]
        table[f"as_{product}_rt_usd"] = product_sums["rt"]
        table[f"{product}_exists"] = exists
        as_usd = as_usd + product_sums["revenue_usd"].where(exists, 0.0)
    table["as_usd"] = as_usd
    table["total_usd"] = table["energy_usd"] + table["as_usd"]
    by_hour_known = services.assign(known=known).groupby([*by, "interval_start"])["known"].all()
    table["hours_expected"] = by_hour_known.groupby(level=list(range(len(by)))).size()
    table["hours_known"] = by_hour_known.groupby(level=list(range(len(by)))).sum()
    table["as_coverage"] = table["hours_known"] / table["hours_expected"]
    return table.reset_index()


def _spreads(da_price: pd.DataFrame) -> pd.DataFrame:
    """TB2 of each node and day whose every hour is priced."""
    prices = da_price.dropna(subset="price").copy()
    prices["operating_day"] = _operating_day(prices["interval_start"])
    prices = prices.sort_values("price")
    groups = prices.groupby(["settlement_point", "operating_day"])["price"]
    counted = groups.size().rename("priced").reset_index()
    low = prices[groups.cumcount() < 2].groupby(["settlement_point", "operating_day"])["price"].sum()
    high = prices[groups.cumcount(ascending=False) < 2].groupby(["settlement_point", "operating_day"])["price"].sum()
    spread = (high - low).rename("tb2_usd_per_mw").reset_index()
    spread = spread.merge(counted, on=["settlement_point", "operating_day"])
    if spread.empty:
        return spread.drop(columns="priced")
    return spread[spread["priced"] == _day_hours(spread["operating_day"])].drop(columns="priced")


def _daily(
    quarter_hours: pd.DataFrame, hours: pd.DataFrame, by_hour: pd.DataFrame, da_price: pd.DataFrame
) -> pd.DataFrame:
    """One row a battery and expected day, with TB2 at the node of the day's first hour."""
    daily = _components(quarter_hours, hours, ["battery", "operating_day"])
    first_hours = by_hour.sort_values("interval_start").drop_duplicates(["battery", "operating_day"])
    daily = daily.merge(first_hours[["battery", "operating_day", "settlement_point"]], on=["battery", "operating_day"])
    return daily.merge(_spreads(da_price), on=["settlement_point", "operating_day"], how="left")


def _month(days: pd.Series) -> pd.Series:
    return pd.Series(days.dt.month)


BOARD_COLUMNS = (
    "rank battery gen_resource load_resource esr_resource settlement_point qse capacity_mw energy_mwh duration_hours "
    "duration_source first_active_date active_days da_energy_usd rt_energy_usd energy_usd charging_cost_usd "
    + " ".join(f"as_{p}{leg}_usd" for leg in ("", "_da", "_rt") for p in PRODUCTS)
    + " as_usd total_usd usd_per_mw usd_per_kw_month usd_per_kw_year usd_per_mwh_discharged discharge_mwh charge_mwh "
    "cycles_per_day round_trip_efficiency tb2_usd tb2_capture energy_share top_as_product strategy best_day_share "
    "energy_coverage as_coverage capacity_source da_unmatched_usd rt_metered_usd data_through edition excluded_reason"
).split()


def _board(tables: dict[str, pd.DataFrame], fleet: pd.DataFrame, horizon: _Horizon, *, monthly: bool) -> pd.DataFrame:
    """The yearly leaderboard, or one for each month (section 11)."""
    by = ["battery", "month"] if monthly else ["battery"]
    frames = {name: table.assign(month=_month(table["operating_day"])) for name, table in tables.items()}
    board = _components(frames["quarter_hours"], frames["hours"], by)
    board = board.merge(fleet, on="battery", how="left")
    last_hours = frames["by_hour"].sort_values("interval_start").drop_duplicates(by, keep="last")
    board = board.merge(last_hours[[*by, "settlement_point"]], on=by, how="left")

    new_year = pd.Timestamp(year=horizon.year, month=1, day=1)
    if monthly:
        first = pd.Series([pd.Timestamp(year=horizon.year, month=m, day=1) for m in board["month"]])
        after = first + pd.offsets.MonthBegin(1)
    else:
        first = pd.Series(new_year, index=board.index)
        after = first + pd.DateOffset(years=1)
    last = after - pd.Timedelta(days=1)
    days_in_period = (after - first).dt.days
    active_from = board["first_active_date"].where(board["first_active_date"] > first, first)
    active_to = board["last_expected"].where(board["last_expected"] < last, last)
    days = (active_to - active_from).dt.days + 1
    board["active_days"] = days.clip(lower=0).where(board["first_active_date"].notna(), 0).astype("int64")
    board["data_through"] = horizon.data_through
    board["edition"] = "final" if horizon.closed else "preliminary"

    # Money by size and energy.
    least_days = 10 if monthly else 30
    board["usd_per_mw"] = board["total_usd"] / board["capacity_mw"]
    enough = board["active_days"] >= least_days
    scaled = (board["total_usd"] / (1000 * board["capacity_mw"]) * days_in_period / board["active_days"]).where(enough)
    board["usd_per_kw_year"] = scaled * 12 if monthly else scaled
    board["usd_per_kw_month"] = scaled if monthly else scaled / 12
    board["usd_per_mwh_discharged"] = (board["total_usd"] / board["discharge_mwh"]).where(board["discharge_mwh"] >= 1)
    board["cycles_per_day"] = board["discharge_mwh"] / board["energy_mwh"] / (board["quarters_discharge"] / 96)
    least_charge = (5 * board["energy_mwh"]).fillna(10 * board["capacity_mw"])
    efficiency = board["discharge_both"] / board["charge_both"]
    board["round_trip_efficiency"] = efficiency.where(
        (board["charge_both"] >= least_charge) & (board["charge_both"] > 0)
    )

    # The day-ahead yardstick.
    daily = frames["daily"].merge(fleet[["battery", "first_active_date"]], on="battery")
    counted = daily[
        (daily["operating_day"] >= daily["first_active_date"])
        & daily["tb2_usd_per_mw"].notna()
        & (daily["energy_coverage"] >= LEAST_COVERAGE)
    ]
    yardstick = _sum(counted, by, ["tb2_usd_per_mw", "energy_usd"]).reset_index()
    yardstick = yardstick.rename(columns={"energy_usd": "tb2_energy_usd"})
    board = board.merge(yardstick, on=by, how="left")
    board["tb2_usd"] = board["capacity_mw"] * board["tb2_usd_per_mw"]
    board["tb2_capture"] = (board["tb2_energy_usd"] / board["tb2_usd"]).where(board["tb2_usd"] > 0)
    best = frames["daily"].groupby(by)["total_usd"].max().rename("best_day_usd").reset_index()
    board = board.merge(best, on=by, how="left")
    board["best_day_share"] = (board["best_day_usd"] / board["total_usd"]).where(board["total_usd"] > 0)

    board = _with_strategy(board, months=1 if monthly else 12)
    quarters = frames["quarter_hours"]
    combo = quarters[quarters["interval_start"] < _start_of(RTC_DAY)].groupby(by).size().rename("combo_quarters")
    board = board.merge(combo.reset_index(), on=by, how="left")
    board["excluded_reason"] = [_excluded(row, least_days) for row in board.to_dict("records")]
    board = _ranked(board, ["month"] if monthly else [])
    columns = ["month", *BOARD_COLUMNS] if monthly else BOARD_COLUMNS
    return board[columns]


def _with_strategy(board: pd.DataFrame, months: int) -> pd.DataFrame:
    """Shares of revenue and the label of section 10."""
    board = board.copy()
    gains = pd.DataFrame({"energy": board["energy_usd"].clip(lower=0.0)})
    for product in PRODUCTS:
        gains[product] = board[f"as_{product}_usd"].clip(lower=0.0)
    existing = pd.DataFrame({"energy": True, **{p: board[f"{p}_exists"] for p in PRODUCTS}})
    total = gains.where(existing, 0.0).sum(axis=1, skipna=False)
    board["energy_share"] = (gains["energy"] / total).where(total > 0)
    services = gains[list(PRODUCTS)].where(existing[list(PRODUCTS)], 0.0)
    known = services.notna().all(axis=1) & (services.fillna(0.0).max(axis=1) > 0)
    top = services.fillna(0.0).idxmax(axis=1).astype("object")
    board["top_as_product"] = top.where(known, None)
    floor = (10.0 * board["capacity_mw"] * months).fillna(100.0)
    share = board["energy_share"]
    label = np.select(
        [total.isna(), total < floor, share > 0.8, share < 0.2],
        ["", "inactive", "energy_arbitrage", "ancillary_services"],
        default="hybrid",
    )
    board["strategy"] = pd.Series(label, index=board.index, dtype="object").where(total.notna(), None)
    return board


def _excluded(row: dict[Any, Any], least_days: int) -> str | None:
    """Why a row is not ranked: each failed condition in the order of section 11, or None."""
    reasons = []
    if pd.isna(row["settlement_point"]):
        reasons.append("settlement point unknown")
    if pd.notna(row["combo_quarters"]) and (not row["charging_known"] or row["load_as_only"]):
        reasons.append("charging unknown")
    for label, known, expected in (
        ("energy coverage", int(row["quarters_known"]), int(row["quarters_expected"])),
        ("AS coverage", int(row["hours_known"]), int(row["hours_expected"])),
    ):
        if known / expected < LEAST_COVERAGE:
            reasons.append(f"{label} 0.{known * 1000 // expected:03d} below {LEAST_COVERAGE}")
    if pd.isna(row["capacity_mw"]):
        reasons.append("capacity unknown")
    if int(row["active_days"]) < least_days:
        reasons.append(f"active {int(row['active_days'])} days, under {least_days}")
    return "; ".join(reasons) or None


def _ranked(board: pd.DataFrame, within: list[str]) -> pd.DataFrame:
    """Ranked rows by total first, then the others by total, ancillary services and name, nulls last."""
    board = board.copy()
    board["unranked"] = board["excluded_reason"].notna()
    keys = [*within, "unranked", "total_usd", "as_usd", "battery"]
    # Ranked rows tie by name alone: their ancillary sum must not come between.
    board["as_order"] = board["as_usd"].where(board["unranked"], 0.0)
    keys[keys.index("as_usd")] = "as_order"
    ascending = [True] * len(within) + [True, False, False, True]
    board = board.sort_values(keys, ascending=ascending, na_position="last", ignore_index=True)
    place = board.groupby([*within, "unranked"]).cumcount() + 1
    board["rank"] = place.where(~board["unranked"]).astype("Int64")
    return board
