"""A second settlement of the battery fleet in pandas: from published rows to every quarter-hour, hour, day, month and year.

Written from the market reference alone, it shares no code with the first settlement. A quantity is a frame (`Grid`): a row an interval (its start, UTC),
a column a battery; NaN is unknown and spreads by itself. Pairs of generation and load resources are handed in. The table ``batteries`` has one row a
battery:

    battery, gen_resource, load_resource, esr_resource   names, None where there is none
    charging_known   True: the load resource's consumption is the charge; with no load resource, True is the
                     user's "none": the negative part of the generation side is the charge
    load_as_only     True: the load resource counts in ancillary services only (a pair by name alone)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from bess_assets.second_settlement.board import boards, daily_sums
from bess_assets.second_settlement.clock import HOUR, QUARTER, Grid, day_start, intervals_of, operating_days
from bess_assets.second_settlement.gaps import unknown_hours
from bess_assets.second_settlement.lines import integrals
from bess_assets.second_settlement.readings import PRODUCTS, Reading, read
from bess_assets.second_settlement.run_prices import pieces, real_time_money, run_prices
from bess_assets.second_settlement.source import Source, UnusableRowsError
from bess_assets.second_settlement.stated import read_stated

RTC = day_start("2025-12-05")  # real time follows RTC+B from here (section 3.2)
DAM_ESR = day_start("2025-12-06")  # first hour of the day-ahead file of storage resources (section 1)
ECRS = day_start("2023-06-10")  # ECRS exists from here, or from its first price if that is earlier (section 4)
LEAST_OBSERVED_SECONDS = 450  # coverage of 0.5 of a quarter-hour (section 3.3)
AT_ONCE = 16  # batteries settled together, so that a year of real size fits in memory

SIDES = {
    "gen_resource": ("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_SMNE"),
    "load_resource": ("DAM_Load_Resources", "SCED_Load_Resources"),
    "esr_resource": ("DAM_ESR_Resources", "SCED_ESR_Resources"),
}
"""60-day datasets in which a battery is seen, by the column of its name there."""

UserNode = tuple[str, str, pd.Timestamp, pd.Timestamp]
"""A settlement point that wins over the data: battery, point, first and last day of it, both inclusive."""


@dataclass(frozen=True)
class Settlement:
    """One operating year, settled: tables of the batteries' expected intervals, of the months and of the year.

    Attributes:
        leaderboard: a row a battery; columns as in `board.BOARD_COLUMNS`.
        leaderboard_monthly: the same by month.
        daily: battery, operating_day and the sums of `board.daily_sums`.
        quarter_hours: battery, interval_start, operating_day, quantities, prices and money of energy; no rows if not asked for.
        hours: battery, product, interval_start, operating_day, award, price and money of ancillary services; the same.
    """

    leaderboard: pd.DataFrame
    leaderboard_monthly: pd.DataFrame
    daily: pd.DataFrame
    quarter_hours: pd.DataFrame
    hours: pd.DataFrame


def settle(
    source: Source,
    year: int,
    batteries: pd.DataFrame,
    user_nodes: Sequence[UserNode] = (),
    *,
    intervals: bool = True,
    tell: Callable[[int, int], None] | None = None,
) -> Settlement:
    """Settle one operating year.

    Args:
        source: the published rows, read once.
        year: the operating year.
        batteries: names and pairs, see the top of this module.
        user_nodes: settlement points that win over the data.
        intervals: False leaves out the tables of quarter-hours and hours.
        tell: called with how many batteries of how many are settled.

    Raises:
        UnusableRowsError: a file has no usable time column (names file and column), or nothing holds a day of the year.
    """
    every = batteries.set_index("battery").astype("object")
    every = every.where(every.notna(), None).astype({"charging_known": "bool", "load_as_only": "bool"})
    days, quarter_hours, hours = [], [pd.DataFrame()], [pd.DataFrame()]
    times = intervals_of(year, QUARTER), intervals_of(year, HOUR)
    # Everything is read once, into a scratch database in a folder that is removed afterwards.
    with (
        TemporaryDirectory(prefix="bess_second_settlement_") as folder,
        duckdb.connect(str(Path(folder) / "scratch.duckdb"), config={"memory_limit": "500MB"}) as scratch,
    ):
        readings = {
            name: read(source, scratch, name, year, set(every[side].dropna()))
            for side, folders in SIDES.items()
            for name in folders
        }
        every, data_through = _expect(source, year, every, readings)
        points = {point for _, point, *_ in user_nodes}.union(*(reading.points() for reading in readings.values()))
        readings |= {name: read(source, scratch, name, year, points) for name in ("DA_prices", "RT_prices")}
        labels = {product.upper() for product in PRODUCTS}
        clearing_prices = {
            name: read(source, scratch, name, year, labels)
            .of(labels)
            .pivot(index="time", columns="name", values="price")
            .rename(columns=str.lower)
            .reindex(columns=list(PRODUCTS))
            for name in ("AS_prices", "RT_AS_prices")
        }
        stated = _stated(source, scratch, year, every, readings["DA_prices"], clearing_prices["AS_prices"])
        clearing_prices["AS_prices"] = clearing_prices["AS_prices"].combine_first(stated[1])
        runs = readings["SCED_ESR_Resources"].runs["stamp"].drop_duplicates()
        of_runs = run_prices(
            read(source, scratch, "SCED_AS_prices", year, labels).of(labels),
            read(source, scratch, "SCED_AS_adders", year, {"adders"}).of({"adders"}),
            runs,
        )
        cut = pieces(runs, of_runs.index, times[0])
        for first in range(0, max(len(every), 1), AT_ONCE):
            fleet = every.iloc[first : first + AT_ONCE]
            rows = {name: _Rows(readings[name], fleet[side]) for side, names in SIDES.items() for name in names}
            awards = _day_ahead_awards(fleet, times[1], rows)
            nodes = _nodes(times[1], rows, user_nodes)
            energy = _energy(fleet, times[0], awards["energy"], nodes, rows, readings, stated[0])
            services = _services(*times, awards, rows["SCED_ESR_Resources"], clearing_prices, cut, of_runs)
            expected = [_expected(fleet, every_time) for every_time in times]
            days.append(daily_sums(energy, services, *expected))
            if intervals:
                quarter_hours.append(_long(energy, expected[0]))
                for product, grids in services.items():
                    hours.append(_long(grids, expected[1] & grids["exists"]).assign(product=product))
            if tell:
                tell(min(first + AT_ONCE, len(every)), len(every))
    daily, of_energy, of_services = (pd.concat(parts, ignore_index=True) for parts in (days, quarter_hours, hours))
    return Settlement(*boards(daily, data_through), daily, of_energy, of_services)


def _expected(fleet: pd.DataFrame, times: pd.DatetimeIndex) -> Grid:
    """True in the intervals of each battery's expected days."""
    days = operating_days(times).to_numpy()[:, None]
    inside = (days >= fleet["first_expected"].to_numpy()) & (days <= fleet["last_expected"].to_numpy())
    return pd.DataFrame(inside, times, fleet.index)


def _long(grids: Mapping[str, Grid], inside: Grid) -> pd.DataFrame:
    """A row for each battery and interval inside, by battery and time; a column a grid."""
    kept = inside.to_numpy().T
    positions, times = np.nonzero(kept)
    starts = pd.DatetimeIndex(inside.index[times])
    keys = {
        "battery": inside.columns[positions],
        "interval_start": starts.tz_localize("UTC"),
        "operating_day": operating_days(starts),
    }
    return pd.DataFrame({**keys, **{name: grid.to_numpy().T[kept] for name, grid in grids.items()}})


def _expect(
    source: Source, year: int, fleet: pd.DataFrame, datasets: Mapping[str, Reading]
) -> tuple[pd.DataFrame, pd.Timestamp]:
    """The batteries seen in the year with the days on which each is expected, and the day to which the year is known (section 11).

    Raises:
        UnusableRowsError: nothing holds a day of the year.
    """
    days = pd.concat([reading.days for reading in datasets.values()]).dropna()
    inside = days[days.dt.year == year]
    if inside.empty:
        raise UnusableRowsError(f"no 60-day dataset of {source} holds a day of {year}")
    closed = bool((days.dt.year > year).any()) or any(source.holds_a_day_after(name, year) for name in datasets)
    data_through = pd.Timestamp(year=year, month=12, day=31) if closed else inside.max()
    found = []
    for side, folders in SIDES.items():
        names = fleet.loc[~fleet["load_as_only"] | (side != "load_resource"), side].dropna()
        seen = pd.concat([datasets[name].seen for name in folders])
        found.append(names.rename("name").reset_index().merge(seen, on="name"))
    seen_days = pd.concat(found).groupby("battery")["day"]
    first, last = seen_days.min(), seen_days.max()
    expected = pd.DataFrame(
        {
            "first_expected": first.where(first != inside.min(), pd.Timestamp(year, 1, 1)),
            "last_expected": last.where(last != inside.max(), data_through),
            "first_seen": first,
            "last_seen": last,
        }
    )
    return fleet.join(expected, how="inner"), data_through


class _Rows:
    """Rows of some batteries in one dataset, under the name of each; None for a battery without one."""

    def __init__(self, reading: Reading, names: pd.Series[Any]) -> None:
        known = names.dropna().rename("name").rename_axis("battery").reset_index()
        self._rows = known.merge(reading.of(known["name"]), on="name")
        self._batteries = names.index
        self.reading = reading

    def grid(self, column: str, times: pd.Series[Any] | pd.DatetimeIndex) -> Grid:
        """One column as a grid, missing where there is no row."""
        grid = self._rows.pivot(index="time", columns="battery", values=column)
        return grid.reindex(index=pd.DatetimeIndex(times), columns=self._batteries)

    def at_work(self) -> pd.DataFrame:
        """Battery, time and MW of each row that says how much flows: telemetry, else base point; metering as MW."""
        rows = self._rows
        mw = rows["mwh"] * 4 if "mwh" in rows else rows["output"].fillna(rows["base_point"])
        return rows[["battery", "time"]].assign(mw=mw)

    def lines(self, quarters: pd.DatetimeIndex) -> tuple[Grid, Grid]:
        """Mean MW of the positive and of the negative part of telemetry by quarter-hour, on lines between readings (section 3.3).

        Unknown where under half of the quarter-hour is known, and where nothing tells the two halves of the repeated hour apart.
        """
        end = quarters[-1] + QUARTER
        edges = sorted({quarters[0], min(max(RTC, quarters[0]), end), end})
        runs = self.reading.runs["stamp"].drop_duplicates()
        positive, negative = (pd.DataFrame(np.nan, quarters, self._batteries) for _ in range(2))
        for battery, rows in self._rows.groupby("battery"):
            found = integrals(rows, runs, self.reading.days, edges)
            seconds = np.where(found["seconds"] >= LEAST_OBSERVED_SECONDS, found["seconds"], np.nan)
            positive[battery], negative[battery] = found["positive"] / seconds, found["negative"] / seconds
        positive[quarters.isin(self.reading.ambiguous)] = negative[quarters.isin(self.reading.ambiguous)] = np.nan
        return positive, negative


def _chosen(mask: Any, yes: Grid, no: Grid | float) -> Grid:
    """One grid where a mask by interval (a column) or by battery (a row) holds, another where not."""
    return pd.DataFrame(np.where(mask, yes, no), yes.index, yes.columns)


def _by_quarter(hourly: Grid, quarters: pd.DatetimeIndex) -> Grid:
    return hourly.loc[quarters.floor("h")].set_axis(quarters)


def _awards_in(side: _Rows, product: str, hours: pd.DatetimeIndex) -> Grid:
    """Awards of one side: 0 without a row in an hour that the dataset holds, unknown in one that it does not (section 4)."""
    rowless = side.grid("name", hours).isna() & hours.isin(side.reading.hours)[:, None]
    return side.grid(product, hours).mask(rowless, 0.0)


def _day_ahead_awards(fleet: pd.DataFrame, hours: pd.DatetimeIndex, rows: Mapping[str, _Rows]) -> dict[str, Grid]:
    """Day-ahead awards in MW of energy and each product, of generation and load files to 2025-12-05 and of the ESR file after (section 3)."""
    sides = {"gen": rows["DAM_Gen_Resources"], "load": rows["DAM_Load_Resources"], "esr": rows["DAM_ESR_Resources"]}
    every = {
        side: {p: _awards_in(own, p, hours) for p in ("energy", *PRODUCTS) if (side, p) != ("load", "energy")}
        for side, own in sides.items()
    }
    unknown = unknown_hours(
        {side: own.grid("name", hours).notna() for side, own in sides.items()},
        {side: own.reading.hours for side, own in sides.items()},
        {
            side: pd.concat([grid.fillna(0.0).abs() for grid in grids.values()]).groupby(level=0).sum() > 0
            for side, grids in every.items()
        },
        {name: own.at_work() for name, own in rows.items() if name.startswith("SCED")},
        fleet,
        hours < DAM_ESR,
    )
    every = {side: {p: grid.mask(unknown[side]) for p, grid in grids.items()} for side, grids in every.items()}
    awards = {}
    for product in ("energy", *PRODUCTS):
        generation = every["gen"][product]
        if product != "energy":  # a load has no energy award
            load = every["load"][product]
            generation = generation + load.mask(np.broadcast_to(fleet["load_resource"].isna(), load.shape), 0.0)
        awards[product] = _chosen((hours < DAM_ESR)[:, None], generation, every["esr"][product])
    return awards


def _nodes(hours: pd.DatetimeIndex, rows: Mapping[str, _Rows], user_nodes: Sequence[UserNode]) -> Grid:
    """Settlement point of each hour: the row's, else of the latest earlier row, else of the first; a user's wins (section 3)."""
    combo = (hours < DAM_ESR)[:, None]
    nodes = _chosen(combo, rows["DAM_Gen_Resources"].grid("node", hours), rows["DAM_ESR_Resources"].grid("node", hours))
    nodes = nodes.astype("object").ffill().bfill()
    days = operating_days(hours)
    for battery, point, first_day, last_day in user_nodes:
        if battery in nodes:
            nodes.loc[(days >= first_day) & (days <= last_day), battery] = point
    return nodes


def _published(reading: Reading, nodes: Grid) -> pd.DataFrame:
    """Prices of the settlement points of some batteries: a row an interval, a column a point."""
    points = pd.unique(nodes.to_numpy().ravel())
    rows = reading.of({point for point in points if pd.notna(point)})
    return rows.pivot(index="time", columns="name", values="price")


def _at_nodes(by_point: pd.DataFrame, nodes: Grid) -> Grid:
    """$/MWh at each battery's settlement point by interval."""
    prices = by_point.reindex(nodes.index)
    columns = prices.columns.get_indexer(pd.Index(nodes.to_numpy().ravel())).reshape(nodes.shape)  # -1 without a price
    found = np.column_stack([prices, np.full(len(prices), np.nan)])[np.arange(len(prices))[:, None], columns]
    return pd.DataFrame(found, nodes.index, nodes.columns)


def _stated(
    source: Source,
    scratch: duckdb.DuckDBPyConnection,
    year: int,
    fleet: pd.DataFrame,
    published: Reading,
    clearing: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prices that award rows state, by settlement point and by product; empty where no expected hour lacks a price (section 2)."""
    hours = intervals_of(year, HOUR)
    days = operating_days(hours)
    hours = hours[(days >= fleet["first_expected"].min()) & (days <= fleet["last_expected"].max())]
    reported = clearing.reindex(hours)
    reported.loc[hours < ECRS, "ecrs"] = 0.0
    if hours.empty or (published.rows_of_every_point(hours) and reported.notna().all(axis=None)):
        return pd.DataFrame(), pd.DataFrame(columns=list(PRODUCTS), dtype="float64")
    points, products = (frame[frame.index.isin(hours)] for frame in read_stated(source, scratch, year))
    return points, products.assign(ecrs=products["ecrs"].where(products.index >= ECRS))


def _means(side: _Rows, column: str, quarters: pd.DatetimeIndex) -> tuple[Grid, Grid]:
    """Mean MW of the positive and of the negative part of an instruction over the observed seconds of each quarter-hour (section 3.3).

    Unknown where under half of the quarter-hour is observed; both are 0 or above.
    """
    runs = side.reading.runs
    mw = side.grid(column, runs["stamp"])
    seconds = np.broadcast_to(runs["seconds"].to_numpy()[:, None], mw.shape)

    def total(amounts: Any) -> Grid:
        return pd.DataFrame(amounts, runs["quarter"], mw.columns).groupby(level=0).sum().reindex(quarters)

    observed = total(np.where(mw.notna(), seconds, 0.0))
    observed = observed.where(observed >= LEAST_OBSERVED_SECONDS)
    positive, negative = mw.clip(lower=0.0).to_numpy(), (-mw).clip(lower=0.0).to_numpy()
    return total(np.nan_to_num(positive) * seconds) / observed, total(np.nan_to_num(negative) * seconds) / observed


def _flows(side: _Rows, quarters: pd.DatetimeIndex) -> tuple[Grid, Grid]:
    """MWh of the positive and of the negative part: telemetered output, else base point (section 3.3)."""
    output, base_point = side.lines(quarters), _means(side, "base_point", quarters)
    return output[0].fillna(base_point[0]) * 0.25, output[1].fillna(base_point[1]) * 0.25


def _energy(
    fleet: pd.DataFrame,
    quarters: pd.DatetimeIndex,
    award_mw: Grid,
    node: Grid,
    rows: Mapping[str, _Rows],
    prices: Mapping[str, Reading],
    stated: pd.DataFrame,
) -> dict[str, Grid]:
    """Quantities, prices and money of energy by quarter-hour (sections 3.1, 3.2 and 4); awards and nodes are by hour."""
    settled_mwh = rows["SCED_SMNE"].grid("mwh", quarters)
    generation, consumption, storage = (
        _flows(rows[f"SCED_{side}_Resources"], quarters) for side in ("Gen", "Load", "ESR")
    )
    combo = (quarters < RTC)[:, None]
    discharge = _chosen(combo, settled_mwh.clip(lower=0.0).fillna(generation[0]), storage[0])
    negative_generation = (-settled_mwh).clip(lower=0.0).fillna(generation[1])
    charge = _chosen(fleet["load_resource"].notna(), consumption[0], negative_generation)
    charge = _chosen(fleet["charging_known"] & ~fleet["load_as_only"], charge, np.nan)
    charge = _chosen(combo, charge, storage[1])

    da_price = _at_nodes(_published(prices["DA_prices"], node), node).fillna(_at_nodes(stated, node))
    da_price = _by_quarter(da_price, quarters)
    award_mw, node = _by_quarter(award_mw, quarters), _by_quarter(node, quarters)
    rt_price = _at_nodes(_published(prices["RT_prices"], node), node)
    da_usd = award_mw / 4 * da_price
    rt_metered_usd = (discharge - charge) * rt_price
    rt_da_offset_usd = -award_mw / 4 * rt_price
    rt_usd = rt_metered_usd + rt_da_offset_usd
    return {
        "settlement_point": node,
        "da_award_mw": award_mw,
        "discharge_mwh": discharge,
        "charge_mwh": charge,
        "rt_price": rt_price,
        "da_price": da_price,
        "da_usd": da_usd,
        "rt_usd": rt_usd,
        "rt_metered_usd": rt_metered_usd,
        "rt_da_offset_usd": rt_da_offset_usd,
        "energy_usd": da_usd + rt_usd,
    }


def _services(
    quarters: pd.DatetimeIndex,
    hours: pd.DatetimeIndex,
    awards: Mapping[str, Grid],
    storage: _Rows,
    prices: Mapping[str, pd.DataFrame],
    cut: pd.DataFrame,
    of_runs: pd.DataFrame,
) -> dict[str, dict[str, Grid]]:
    """Awards, prices and money of each product by hour (sections 3.1, 3.2 and 4), missing before it exists."""
    cut = cut[~cut["quarter"].isin(storage.reading.ambiguous)]
    rt_quarters = quarters[quarters >= RTC]
    da_mcpc, rt_mcpc = (prices[name] for name in ("AS_prices", "RT_AS_prices"))
    ecrs_start = min([ECRS, *da_mcpc.index[da_mcpc["ecrs"].notna()][:1]])
    rtc = (hours >= RTC)[:, None]
    services = {}
    for product in PRODUCTS:
        award_mw = awards[product]
        mcpc = pd.DataFrame({battery: da_mcpc[product].reindex(hours) for battery in award_mw})
        da_usd = award_mw * mcpc
        rt_usd = award_mw * np.nan
        if rtc.any():
            held, run_price = storage.grid(product, cut["award"]), of_runs[product].reindex(cut["price"])
            own, clearing = real_time_money(
                cut, held, run_price, rt_mcpc[product].reindex(rt_quarters), LEAST_OBSERVED_SECONDS
            )
            legs = (own - _by_quarter(award_mw, quarters).mul(clearing, axis=0)).reindex(quarters) / 4
            rt_usd = _chosen(rtc, legs.groupby(quarters.floor("h")).sum(min_count=4), np.nan)
        grids = {
            "award_mw": award_mw,
            "mcpc": mcpc,
            "da_usd": da_usd,
            "rt_usd": rt_usd,
            "revenue_usd": _chosen(rtc, da_usd + rt_usd, da_usd),
        }
        exists = (hours >= ecrs_start) | (product != "ecrs")
        there = pd.DataFrame(np.broadcast_to(exists[:, None], award_mw.shape), hours, award_mw.columns)
        services[product] = {"exists": there, **{name: grid.where(there) for name, grid in grids.items()}}
    return services
