"""A second settlement of the battery fleet, in pandas, by merges and groupbys: the other road to every dollar.

Belongs here: the whole way from rollup files to the leaderboards, written from the market reference alone.
Does not: pairing of generation and load resources (the caller hands it in), notes, quantity sources. Nothing is
imported from the package under test, and clarity goes before speed: time is made by ``tz_localize``, rows meet
prices by merges on (name, time), and a telemetered value is split by hand into the quarter-hours that it covers.

The table ``batteries`` handed to `settle` has one row a battery:

    battery, gen_resource, load_resource, esr_resource   names, None where there is none
    charging_known   True: the load resource's consumption is the charge; with no load resource, True is the
                     user's "none": the negative part of the generation side is the charge
    load_as_only     True: the load resource counts in ancillary services only (a pair by name alone)

and may have user_settlement_point, user_capacity_mw and user_energy_mwh, which win over the data where not null.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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
FLAG = ("dstflag", "repeatedhourflag")
NAME = ("resourcename", "loadresourcename", "resourcecode")
NODE = ("settlementpointname", "settlementpoint")
MAX_CONSUMPTION = ("maxpowerconsumptionforloadresource", "maxpowerconsumption")
MAX_SOC = ("maximumsoc", "maxsoc")
HSL = ("hsl", "highsustainedlimit")


@dataclass(frozen=True)
class Settlement:
    """One operating year, settled. Every table holds a battery's expected intervals only."""

    quarter_hours: pd.DataFrame
    hours: pd.DataFrame
    daily: pd.DataFrame
    leaderboard: pd.DataFrame
    leaderboard_monthly: pd.DataFrame


def settle(rollups: Path, year: int, batteries: pd.DataFrame) -> Settlement:
    """Settle one operating year of the batteries from the rollup files.

    Args:
        rollups: folder laid out as ``<Folder>/<year>.parquet``.
        year: the operating year; 60-day datasets are read from the files of this year and the next.
        batteries: names and pairs, see the top of this file.

    Raises:
        ValueError: a file has no usable time column (names file and column).
    """
    fleet = _fleet(batteries)
    hours_of_year = _intervals(year, HOUR)
    gens, loads, esrs = (set(fleet[c].dropna()) for c in ("gen_resource", "load_resource", "esr_resource"))

    dam_gen = _day_ahead(rollups, "DAM_Gen_Resources", year)
    dam_load = _day_ahead(rollups, "DAM_Load_Resources", year)
    dam_esr = _day_ahead(rollups, "DAM_ESR_Resources", year)
    sced_gen = _sced(rollups, "SCED_Gen_Resources", year, gens)
    sced_load = _sced(rollups, "SCED_Load_Resources", year, loads)
    sced_esr = _sced(rollups, "SCED_ESR_Resources", year, esrs)
    smne = _smne(rollups, year)

    # Horizon and seen period, section 11.
    generation = [dam_gen.seen, sced_gen.seen, smne.seen]
    consumption = [dam_load.seen, sced_load.seen]
    storage = [dam_esr.seen, sced_esr.seen]
    horizon = _horizon(year, generation + consumption + storage)
    if horizon is None:
        raise ValueError(f"no 60-day dataset under {rollups} holds a day of {year}")
    fleet = _expect(fleet, horizon, generation, consumption, storage)
    ratings = _ratings(rollups, year, fleet, dam_gen, dam_load, dam_esr, sced_gen, sced_load, sced_esr)
    fleet = fleet.merge(ratings, on="battery", how="left")

    # Awards and nodes by hour.
    by_hour = _expected(fleet, hours_of_year)
    by_hour = _with_awards(by_hour, dam_gen, dam_load, dam_esr)
    by_hour = by_hour.merge(
        _nodes(fleet, hours_of_year, dam_gen, dam_esr), on=["battery", "interval_start"], how="left"
    )

    # Energy by quarter-hour.
    da_price = _point_prices(rollups, "DA_prices", year, by_hour["settlement_point"].dropna().unique())
    rt_price = _point_prices(rollups, "RT_prices", year, by_hour["settlement_point"].dropna().unique())
    quarter_hours = _expected(fleet, _intervals(year, QUARTER))
    quarter_hours["hour"] = quarter_hours["interval_start"].dt.floor("h")
    quarter_hours = quarter_hours.merge(
        by_hour[["battery", "interval_start", "settlement_point", "da_award_mw"]].rename(
            columns={"interval_start": "hour"}
        ),
        on=["battery", "hour"],
        how="left",
    )
    quarter_hours = _with_energy(quarter_hours, sced_gen, sced_load, sced_esr, smne)
    quarter_hours = _with_energy_money(quarter_hours, da_price, rt_price)

    # Ancillary services by hour and product.
    da_mcpc = _clearing_prices(rollups, "AS_prices", year)
    rt_mcpc = _clearing_prices(rollups, "RT_AS_prices", year)
    hours = _ancillary(by_hour, da_mcpc, rt_mcpc, sced_esr)

    # Days, months, the year.
    fleet["first_active_date"] = _first_active(fleet, by_hour, hours, quarter_hours)
    fleet["qse"] = _qse(fleet, [dam_gen, dam_esr], [sced_gen, sced_esr])
    daily = _daily(quarter_hours, hours, by_hour, da_price)
    tables = {"quarter_hours": quarter_hours, "hours": hours, "by_hour": by_hour, "daily": daily}
    leaderboard = _board(tables, fleet, horizon, monthly=False)
    monthly = _board(tables, fleet, horizon, monthly=True)

    return Settlement(
        quarter_hours[QUARTER_HOUR_COLUMNS].sort_values(["battery", "interval_start"], ignore_index=True),
        hours[HOUR_COLUMNS].sort_values(["battery", "product", "interval_start"], ignore_index=True),
        daily,
        leaderboard,
        monthly,
    )


# ---------------------------------------------------------------------------------------------------------------
# Reading files


def _plain(heading: str) -> str:
    """A heading without case, spaces and punctuation: 'RegUp Awarded' and 'RegUpAwarded' become the same."""
    return re.sub(r"[^a-z0-9]", "", heading.lower())


class _File:
    """One rollup file whose columns are found by any of several spellings; ``datetime`` is never read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._parquet = pq.ParquetFile(path)
        self._headings = {_plain(name): name for name in reversed(self._parquet.schema_arrow.names)}
        self.rows = self._parquet.metadata.num_rows

    def column(self, spellings: Iterable[str]) -> pa.ChunkedArray | None:
        """The first of these columns that the file has, or None."""
        for spelling in spellings:
            if spelling in self._headings:
                heading = self._headings[spelling]
                return self._parquet.read([heading]).column(heading)
        return None

    def numbers(self, spellings: Iterable[str]) -> pd.Series | None:
        """The column as float64 with NaN for blanks, or None where the file has no such column."""
        column = self.column(spellings)
        if column is None:
            return None
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type):
            return column.cast(pa.float64()).to_pandas()
        texts = self.texts(spellings)
        return pd.to_numeric(texts, errors="coerce").astype("float64")

    def numbers_or_null(self, spellings: Iterable[str]) -> pd.Series:
        """The column as float64, all NaN where the file has no such column."""
        found = self.numbers(spellings)
        return pd.Series(np.nan, index=range(self.rows), dtype="float64") if found is None else found

    def texts(self, spellings: Iterable[str]) -> pd.Series:
        """The column as stripped text with None for blanks; all None where the file has no such column."""
        column = self.column(spellings)
        if column is None:
            return pd.Series([None] * self.rows, dtype="object")
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        codes, values = pd.factorize(np.asarray(column.cast(pa.string()).to_pandas(), dtype=object))
        stripped = np.array([str(v).strip() or None for v in values] + [None], dtype=object)
        return pd.Series(stripped[codes], dtype="object")

    def labels(self, spellings: Iterable[str]) -> pd.Series:
        """Hour or interval labels ('1', '01:00', 1, 1.0) as float64."""
        column = self.column(spellings)
        if column is None:
            raise ValueError(f"{self.path}: no column {' or '.join(spellings)}")
        codes, values = pd.factorize(self.texts(spellings))
        numbers = [float(str(v).split(":")[0]) for v in values]
        return pd.Series(np.array([*numbers, np.nan])[codes])

    def wall_times(self, spellings: Iterable[str]) -> pd.Series:
        """Dates or stamps as written, without a time zone."""
        column = self.column(spellings)
        if column is None:
            raise ValueError(f"{self.path}: no column {' or '.join(spellings)}")
        if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
            seconds = pc.cast(column, pa.timestamp("us")).cast(pa.timestamp("s"), safe=False)
            times = seconds.to_pandas().astype("datetime64[s]")
        else:
            codes, values = pd.factorize(self.texts(spellings))
            parsed = _parse_times(pd.Series(values, dtype="object"))
            times = pd.Series(np.append(parsed.to_numpy(), np.datetime64("NaT", "s"))[codes])
        if self.rows and times.isna().all():
            raise ValueError(f"{self.path}: every value of column {' or '.join(spellings)} is null")
        return times

    def flags(self) -> pd.Series:
        """True where the row is marked as lying in the repeated hour; False too where there is no such column."""
        return self.texts(FLAG).str.upper().isin(["Y", "TRUE"])


def _parse_times(texts: pd.Series) -> pd.Series:
    """Texts in any of the spellings met in the files, as datetime64[s]; NaT where none fits."""
    forms = ("%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
    parsed = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[s]")
    for form in forms:
        found = pd.to_datetime(texts, format=form, errors="coerce").astype("datetime64[s]")
        parsed = parsed.fillna(found)
    return parsed


def _files(rollups: Path, folder: str, years: Sequence[int]) -> list[_File]:
    paths = [Path(rollups) / folder / f"{year}.parquet" for year in years]
    return [_File(path) for path in paths if path.exists()]


def _awarded(file: _File, parts: Sequence[str], single: Sequence[str]) -> pd.Series:
    """An award in MW: the sum of its parts, or the single column where the parts say nothing.

    A blank in a column that the file has is no award (0); an award of which the file has no column is null.
    """
    found = [p for p in (file.numbers([part]) for part in parts) if p is not None]
    alone = file.numbers(single) if single else None
    if not found and alone is None:
        return pd.Series(np.nan, index=range(file.rows), dtype="float64")
    whole = pd.Series(0.0, index=range(file.rows)) if alone is None else alone.fillna(0.0)
    total = pd.Series(0.0, index=range(file.rows))
    any_part = pd.Series(False, index=range(file.rows))
    for part in found:
        total = total + part.fillna(0.0)
        any_part = any_part | (part.fillna(0.0) != 0.0)
    return total.where(any_part, whole)


# ---------------------------------------------------------------------------------------------------------------
# Time


def _to_utc(wall: pd.Series, repeated: pd.Series) -> pd.Series:
    """Central wall-clock times as UTC; ``repeated`` marks the second 01:00 hour; a time that never was is NaT."""
    local = wall.dt.tz_localize(CENTRAL, ambiguous=~repeated.to_numpy(dtype=bool), nonexistent="NaT")
    return local.dt.tz_convert("UTC").dt.as_unit("s")


def _day_start(days: pd.Series) -> pd.Series:
    """00:00 Central of each day, in UTC."""
    return _to_utc(days, pd.Series(False, index=days.index))


def _operating_day(times: pd.Series) -> pd.Series:
    """The Central date of each UTC time, as naive midnight."""
    return times.dt.tz_convert(CENTRAL).dt.tz_localize(None).dt.normalize().dt.as_unit("s")


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
    length = (_day_start(unique + pd.Timedelta(days=1)) - _day_start(unique)) / HOUR
    return pd.Series(length.to_numpy()[codes], index=days.index)


def _hour_starts(frame: pd.DataFrame, keys: Sequence[str]) -> pd.Series:
    """Start of each labelled hour, UTC, by the rules of section 7; NaT for a label that the day does not have.

    Args:
        frame: day, label (hour ending), repeated (flag), file (order of the file read) and the columns of ``keys``.
        keys: what, with day and label, should name one row: the n-th such row of a flag-less 02 label on the
            25-hour day is the n-th 01:00 hour.
    """
    frame = frame.reset_index(drop=True)
    label = frame["label"]
    plausible = label.between(1, 24) & (label % 1 == 0)
    wall = frame["day"] + pd.to_timedelta((label - 1).where(plausible, 0).fillna(0) * 3600, unit="s").dt.as_unit("s")
    start = _to_utc(wall, frame["repeated"] & (label == 2)).where(plausible)

    length = _day_hours(frame["day"])
    odd = frame.loc[length.isin([23, 25])]
    for day, rows in odd.groupby("day"):
        labels = rows["label"]
        midnight = _start_of(day)
        if (length[rows.index] == 23).all():
            if (labels == 24).any():
                continue  # the clock's own labels: 01:00, 02:00, 04:00 .. 24:00, as localised above
            position = labels - 1
        elif (labels == 25).any():
            position = labels - 1
        elif rows["repeated"].any():
            continue  # flags tell the two hours apart, as localised above
        else:
            occurrence = rows.groupby([*keys, "file", "label"], dropna=False).cumcount() % 2
            position = (labels - 1).where(labels <= 2, labels) + occurrence.where(labels == 2, 0)
        fits = position.between(0, length[rows.index] - 1)
        start[rows.index] = (midnight + pd.to_timedelta(position.where(fits) * 3600, unit="s")).dt.as_unit("s")
    return start


# ---------------------------------------------------------------------------------------------------------------
# Datasets


@dataclass(frozen=True)
class _Dataset:
    """Rows of one 60-day dataset.

    rows: resource, interval_start or stamp and quantities, one row a (resource, time), within the year.
    seen: distinct (resource, operating day) of all files read, years beyond included.
    known: the hours for which any resource has a row (day-ahead datasets).
    runs: start, quarter and seconds of the pieces into which each SCED run's hold falls (SCED datasets).
    """

    rows: pd.DataFrame
    seen: pd.DataFrame
    known: pd.Series
    runs: pd.DataFrame


_NO_TIME = pd.Series([], dtype="datetime64[s, UTC]")
_NO_RUNS = pd.DataFrame({"stamp": _NO_TIME, "quarter": _NO_TIME, "seconds": pd.Series([], dtype="float64")})
AWARD_COLUMNS = ("energy", *PRODUCTS)
DAM_COLUMNS = ("resource", "interval_start", *AWARD_COLUMNS, "settlement_point", "hsl", "max_consumption", "qse")


def _seen(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["resource", "day"]].dropna(subset="day").drop_duplicates(ignore_index=True)


def _day_ahead(rollups: Path, folder: str, year: int) -> _Dataset:
    """Awards, node and ratings of each resource and hour of one day-ahead dataset."""
    load_side = folder == "DAM_Load_Resources"
    frames = []
    for order, file in enumerate(_files(rollups, folder, (year, year + 1))):
        frame = pd.DataFrame(
            {
                "resource": file.texts(("loadresourcename", "resourcename") if load_side else NAME),
                "day": file.wall_times(DATE).dt.normalize(),
                "label": file.labels(HOUR_ENDING),
                "repeated": file.flags(),
                "file": order,
                "energy": _awarded(file, (), ("awardedquantity",)),
                "regup": _awarded(file, (), ("regupawarded",)),
                "regdn": _awarded(file, (), ("regdownawarded",)),
                "rrs": _awarded(file, ("rrspfrawarded", "rrsffrawarded", "rrsufrawarded"), ("rrsawarded",)),
                "ecrs": _awarded(
                    file,
                    ("ecrssdawarded", "ecrsmdawarded") if load_side else ("ecrssdawarded",),
                    ("ecrsawarded",),
                ),
                "nspin": _awarded(file, (), ("nonspinawarded",)),
                "settlement_point": file.texts(NODE),
                "hsl": file.numbers_or_null(HSL),
                "max_consumption": file.numbers_or_null(MAX_CONSUMPTION),
                "qse": file.texts(("qse",)),
            }
        )
        frames.append(frame)
    if not frames:
        empty = pd.DataFrame({c: pd.Series([], dtype="float64") for c in DAM_COLUMNS})
        empty = empty.astype({"resource": "object", "settlement_point": "object", "qse": "object"})
        empty["interval_start"] = _NO_TIME
        return _Dataset(empty, pd.DataFrame({"resource": [], "day": []}), _NO_TIME, _NO_RUNS)
    frame = pd.concat(frames, ignore_index=True)
    seen = _seen(frame)
    frame = frame[frame["day"].dt.year == year].reset_index(drop=True)
    frame["interval_start"] = _hour_starts(frame, ["resource"])
    rows = frame.dropna(subset=["resource", "interval_start"])
    rows = rows.drop_duplicates(["resource", "interval_start"], keep="last")
    known = rows["interval_start"].drop_duplicates()
    return _Dataset(rows[list(DAM_COLUMNS)].reset_index(drop=True), seen, known, _NO_RUNS)


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


def _sced(rollups: Path, folder: str, year: int, wanted: set[str]) -> _Dataset:
    """Telemetry of the wanted resources, and how long each run of the dataset holds."""
    frames, everyone, stamps = [], [], []
    trusted = False
    autumn = _autumn_day(year)
    for file in _files(rollups, folder, (year, year + 1)):
        frame = pd.DataFrame({"resource": file.texts(NAME), "wall": file.wall_times(STAMP), "repeated": file.flags()})
        frame["day"] = frame["wall"].dt.normalize()
        everyone.append(_seen(frame))
        trusted = trusted or bool(((frame["day"] == autumn) & frame["repeated"]).any())
        stamps.append(frame[["wall", "repeated"]].drop_duplicates())
        mine = frame["resource"].isin(wanted) & (frame["day"].dt.year == year)
        for quantity, spellings in SCED_QUANTITIES[folder].items():
            frame[quantity] = file.numbers_or_null(spellings)
        if folder == "SCED_ESR_Resources":
            for product, parts in REAL_TIME_AWARDS.items():
                frame[product] = _awarded(file, parts, ())
        frame["hsl"] = file.numbers_or_null(HSL)
        frame["max_consumption"] = file.numbers_or_null(MAX_CONSUMPTION)
        frame["max_soc"] = file.numbers_or_null(MAX_SOC)
        frame["qse"] = file.texts(("qse",))
        frames.append(frame[mine])
    if not frames:
        columns = ["output", "base_point", *PRODUCTS, "hsl", "max_consumption", "max_soc"]
        empty = pd.DataFrame({c: pd.Series([], dtype="float64") for c in columns})
        empty["resource"] = empty["qse"] = pd.Series([], dtype="object")
        empty["stamp"] = _NO_TIME
        return _Dataset(empty, pd.DataFrame({"resource": [], "day": []}), _NO_TIME, _NO_RUNS)

    rows = pd.concat(frames, ignore_index=True)
    rows["stamp"] = _sced_times(rows, autumn, trusted)
    rows = rows.dropna(subset="stamp").drop_duplicates(["resource", "stamp"], keep="last", ignore_index=True)
    all_stamps = pd.concat(stamps, ignore_index=True)
    runs = _sced_times(all_stamps, autumn, trusted).dropna().drop_duplicates().sort_values(ignore_index=True)
    pieces = _hold_pieces(runs, *_bounds(year))
    if not trusted:
        repeated_hours = _start_of(autumn) + HOUR
        unknown = (pieces["quarter"] >= repeated_hours) & (pieces["quarter"] < repeated_hours + 2 * HOUR)
        pieces = pieces[~unknown]
    return _Dataset(rows, pd.concat(everyone, ignore_index=True).drop_duplicates(), _NO_TIME, pieces)


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


def _smne(rollups: Path, year: int) -> _Dataset:
    """Settlement metered net energy, MWh by (resource, quarter); the interval number is the place in the day."""
    frames = []
    for file in _files(rollups, "SCED_SMNE", (year, year + 1)):
        end = file.wall_times(("intervaltime",))
        numbered = file.column(("intervalnumber",)) is not None
        frame = pd.DataFrame(
            {
                "resource": file.texts(("resourcecode", "resourcename")),
                "day": (end - pd.Timedelta(seconds=1)).dt.normalize(),
                "number": file.labels(("intervalnumber",)) if numbered else np.nan,
                "smne_mwh": file.numbers_or_null(("intervalvalue",)),
            }
        )
        frames.append(frame)
    columns = ["resource", "quarter", "smne_mwh"]
    if not frames:
        empty = pd.DataFrame(
            {"resource": pd.Series([], dtype="object"), "quarter": _NO_TIME, "smne_mwh": pd.Series([], dtype="float64")}
        )
        return _Dataset(empty, pd.DataFrame({"resource": [], "day": []}), _NO_TIME, _NO_RUNS)
    frame = pd.concat(frames, ignore_index=True)
    seen = _seen(frame)
    frame = frame[frame["day"].dt.year == year].reset_index(drop=True)
    in_day = frame["number"].between(1, _day_hours(frame["day"]) * 4)
    frame = frame[in_day].reset_index(drop=True)
    offset = pd.to_timedelta((frame["number"] - 1) * 900, unit="s")
    frame["quarter"] = (_day_start(frame["day"]) + offset).dt.as_unit("s")
    rows = frame.dropna(subset="resource").drop_duplicates(["resource", "quarter"], keep="last", ignore_index=True)
    return _Dataset(rows[columns], seen, _NO_TIME, _NO_RUNS)


def _point_prices(rollups: Path, folder: str, year: int, points: Iterable[str]) -> pd.DataFrame:
    """$/MWh by (settlement_point, interval_start) of DA_prices (hours) or RT_prices (quarter-hours)."""
    frames = []
    for order, file in enumerate(_files(rollups, folder, (year,))):
        frame = pd.DataFrame(
            {
                "settlement_point": file.texts(NODE),
                "type": file.texts(("settlementpointtype",)),
                "day": file.wall_times(DATE).dt.normalize(),
                "label": file.labels(HOUR_ENDING),
                "interval": file.labels(INTERVAL) if folder == "RT_prices" else 1.0,
                "repeated": file.flags(),
                "price": file.numbers_or_null(("settlementpointprice",)),
                "file": order,
            }
        )
        frames.append(frame)
    if not frames:
        empty = {"settlement_point": pd.Series([], dtype="object"), "interval_start": _NO_TIME}
        return pd.DataFrame({**empty, "price": pd.Series([], dtype="float64")})
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["day"].dt.year == year].reset_index(drop=True)
    start = _hour_starts(frame, ["settlement_point", "type", "interval"])
    frame["interval_start"] = (start + pd.to_timedelta((frame["interval"] - 1) * 900, unit="s")).dt.as_unit("s")
    wanted = (
        frame["settlement_point"].isin(list(points)) & (frame["type"] != "LZEW") & frame["interval"].isin([1, 2, 3, 4])
    )
    frame = frame[wanted].dropna(subset="interval_start")
    frame = frame.drop_duplicates(["settlement_point", "interval_start"], keep="last", ignore_index=True)
    return frame[["settlement_point", "interval_start", "price"]]


def _clearing_prices(rollups: Path, folder: str, year: int) -> pd.DataFrame:
    """$/MW by (product, interval_start) of AS_prices (hours) or RT_AS_prices (quarter-hours)."""
    frames = []
    for order, file in enumerate(_files(rollups, folder, (year,))):
        frame = pd.DataFrame(
            {
                "product": file.texts(("ancillarytype", "astype")).str.upper().map(PRICE_LABELS),
                "day": file.wall_times(DATE).dt.normalize(),
                "label": file.labels(HOUR_ENDING),
                "interval": file.labels(INTERVAL) if folder == "RT_AS_prices" else 1.0,
                "repeated": file.flags(),
                "mcpc": file.numbers_or_null(("mcpc",)),
                "file": order,
            }
        )
        frames.append(frame)
    if not frames:
        empty = {"product": pd.Series([], dtype="object"), "interval_start": _NO_TIME}
        return pd.DataFrame({**empty, "mcpc": pd.Series([], dtype="float64")})
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["day"].dt.year == year].reset_index(drop=True)
    start = _hour_starts(frame, ["product", "interval"])
    frame["interval_start"] = (start + pd.to_timedelta((frame["interval"] - 1) * 900, unit="s")).dt.as_unit("s")
    frame = frame.dropna(subset=["product", "interval_start"])
    frame = frame.drop_duplicates(["product", "interval_start"], keep="last", ignore_index=True)
    return frame[["product", "interval_start", "mcpc"]]


# ---------------------------------------------------------------------------------------------------------------
# The fleet: who is expected when, how large, at which node


def _fleet(batteries: pd.DataFrame) -> pd.DataFrame:
    """The table handed in, with None for empty names and the columns a user may leave out."""
    fleet = batteries.reset_index(drop=True).copy()
    for name in ("gen_resource", "load_resource", "esr_resource", "user_settlement_point"):
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


def _horizon(year: int, seen: Sequence[pd.DataFrame]) -> _Horizon | None:
    """Section 11: closed if anything read holds a day after 31 December."""
    days = pd.concat([s["day"] for s in seen if len(s)] or [pd.Series([], dtype="datetime64[s]")])
    inside = days[days.dt.year == year]
    if inside.empty:
        return None
    closed = bool((days.dt.year > year).any())
    through = pd.Timestamp(year=year, month=12, day=31) if closed else inside.max()
    return _Horizon(year, inside.min(), inside.max(), through, closed)


def _expect(
    fleet: pd.DataFrame,
    horizon: _Horizon,
    generation: Sequence[pd.DataFrame],
    consumption: Sequence[pd.DataFrame],
    storage: Sequence[pd.DataFrame],
) -> pd.DataFrame:
    """The batteries seen in the year, with the first and last day on which each is expected."""
    counted_load = fleet["load_resource"].where(~fleet["load_as_only"], None)
    names = pd.concat(
        [
            pd.DataFrame({"battery": fleet["battery"], "resource": fleet["gen_resource"], "side": "generation"}),
            pd.DataFrame({"battery": fleet["battery"], "resource": counted_load, "side": "consumption"}),
            pd.DataFrame({"battery": fleet["battery"], "resource": fleet["esr_resource"], "side": "storage"}),
        ]
    ).dropna(subset="resource")
    sides = {"generation": generation, "consumption": consumption, "storage": storage}
    seen = pd.concat([s.assign(side=side) for side, group in sides.items() for s in group if len(s)])
    seen = seen[seen["day"].dt.year == horizon.year]
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


def _cop(rollups: Path, year: int, wanted: set[str]) -> pd.DataFrame:
    """HSL and Maximum SOC of the operating plans, by resource and hour."""
    frames = []
    for order, file in enumerate(_files(rollups, "COP_Snapshots", (year, year + 1))):
        frame = pd.DataFrame(
            {
                "resource": file.texts(NAME),
                "day": file.wall_times(DATE).dt.normalize(),
                "label": file.labels(HOUR_ENDING),
                "repeated": file.flags(),
                "hsl": file.numbers_or_null(HSL),
                "max_soc": file.numbers_or_null(MAX_SOC),
                "file": order,
            }
        )
        frames.append(frame)
    if not frames:
        return pd.DataFrame(
            {"resource": pd.Series([], dtype="object"), "interval_start": _NO_TIME, "hsl": [], "max_soc": []}
        )
    frame = pd.concat(frames, ignore_index=True)
    frame = frame[frame["day"].dt.year == year].reset_index(drop=True)
    frame["interval_start"] = _hour_starts(frame, ["resource"])
    return frame[frame["resource"].isin(wanted)].dropna(subset="interval_start")


def _ratings(
    rollups: Path,
    year: int,
    fleet: pd.DataFrame,
    dam_gen: _Dataset,
    dam_load: _Dataset,
    dam_esr: _Dataset,
    sced_gen: _Dataset,
    sced_load: _Dataset,
    sced_esr: _Dataset,
) -> pd.DataFrame:
    """Capacity, MWh and duration of each battery, and where each comes from (section 11)."""
    cop = _cop(rollups, year, set(fleet["gen_resource"].dropna()) | set(fleet["esr_resource"].dropna()))
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
    source = pd.Series(np.where(fleet["user_energy_mwh"].notna(), "user", "ercot"), dtype="object")
    ratings["duration_source"] = source.where((ratings["energy_mwh"] / ratings["capacity_mw"]).notna(), "assumed")
    return ratings


def _nodes(fleet: pd.DataFrame, hours: pd.DataFrame, dam_gen: _Dataset, dam_esr: _Dataset) -> pd.DataFrame:
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
    grid = fleet[["battery", "user_settlement_point"]].merge(hours[["interval_start"]], how="cross")
    grid = grid.merge(found, on=["battery", "interval_start"], how="left").sort_values(["battery", "interval_start"])
    grid["settlement_point"] = grid.groupby("battery")["settlement_point"].ffill()
    grid["settlement_point"] = grid.groupby("battery")["settlement_point"].bfill()
    grid["settlement_point"] = grid["user_settlement_point"].fillna(grid["settlement_point"])
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
    return days.dt.month


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
