"""A market of real size as rollup files, in the layout of those that users have: the producer's headings, time as text, rows in time order.

Rows are made and written a million at a time, and each million is a row group. What no figure needs (the offer curves, the other
resources) is there in the size that it has in ERCOT's files, and means nothing.

Belongs here: headings, types and order of the files, the rows of resources that are no batteries, writing Parquet.
Does not: what batteries did and which of their rows are absent (real_size.py), what it was worth (real_size_truth.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.simulator.calendar import HOUR_SECONDS, QUARTER_SECONDS, Bools, Floats, Ints, Year
from bess_assets.simulator.fleet import PRODUCTS
from bess_assets.simulator.market_model import COP_SOC_START
from bess_assets.simulator.publish import PRICES
from bess_assets.simulator.real_size import ABSENT, BLANK, RealSizeYear, Telemetry, splits_rrs
from bess_assets.simulator.rollup_files import stamp_texts

GROUP_ROWS = 1_000_000
"""About how many rows a row group has."""

_DAY_SECONDS = 24 * HOUR_SECONDS
_CURVE_PAIRS, _CURVE_PAIRS_FILLED, _BID_PAIRS_FILLED = 10, 4, 1
_THREADS = 2

Columns = dict[str, pa.Array]


class _Block:
    """Rows of some moments and as many columns of resources: time first, as in ERCOT's files.

    Args:
        year: the calendar.
        times: seconds of the moments.
        width: rows a moment has.
        keep: which rows there are; all if not given; shape (moments, width).
    """

    def __init__(self, year: Year, times: Ints, width: int, keep: Bools | None = None) -> None:
        self.year, self.times, self.width = year, times, width
        whole = keep is None or keep.all()
        self._rows = None if whole or keep is None else np.flatnonzero(keep.ravel())
        self.count = len(times) * width if self._rows is None else len(self._rows)

    def grid(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values of shape (moments, width), by row."""
        flat = values.reshape(-1)
        return flat if self._rows is None else flat[self._rows]

    def by_time(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One value a moment, by row."""
        return self.grid(np.broadcast_to(values[:, None], (len(self.times), self.width)))

    def by_column(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One value a resource, by row."""
        return self.grid(np.broadcast_to(values[None, :], (len(self.times), self.width)))

    def numbers(self, values: npt.NDArray[Any]) -> pa.Array:
        """A column of floats, NaN as null."""
        return pa.array(self.grid(values).astype(np.float64, copy=False), from_pandas=True)

    def each(self, values: npt.NDArray[Any]) -> pa.Array:
        """A column of floats with one value a resource."""
        return pa.array(self.by_column(values).astype(np.float64, copy=False), from_pandas=True)

    def same(self, value: float) -> pa.Array:
        """A column of one number."""
        return pa.array(np.full(self.count, value))

    def nothing(self) -> pa.Array:
        """A column of floats that is blank throughout."""
        return pa.nulls(self.count, pa.float64())

    def names(self, texts: list[str]) -> pa.Array:
        """A column of text with one value a resource."""
        words = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        return _text(self.by_column(np.array([words[text] for text in texts], dtype=np.int32)), list(words))

    def moments(self, texts: list[str]) -> pa.Array:
        """A column of text with one value a moment."""
        words = {text: n for n, text in enumerate(dict.fromkeys(texts))}
        return _text(self.by_time(np.array([words[text] for text in texts], dtype=np.int32)), list(words))

    # --- time ---------------------------------------------------------------------------------------------------------------

    @property
    def _wall(self) -> Ints:
        return self.year.wall(self.times)

    def date(self) -> pa.Array:
        """The operating day as text."""
        days = self.year.day_number(self.times).tolist()
        spelled = {day: self.year.days[day].strftime("%m/%d/%Y") for day in set(days)}
        return self.moments([spelled[day] for day in days])

    @property
    def _shown(self) -> Ints:
        return (self._wall % _DAY_SECONDS) // HOUR_SECONDS + 1

    def clock(self) -> pa.Array:
        """Hour ending as the clock showed it: 01:00."""
        return self.moments([f"{hour:02d}:00" for hour in self._shown.tolist()])

    def counted(self) -> pa.Array:
        """Hour ending counted through the day, as text: 1 to 23, 24 or 25."""
        return self.moments([str(hour + 1) for hour in self.year.hour_of_day(self.times).tolist()])

    def hour(self, *, shown: bool) -> pa.Array:
        """Hour ending as a number, as the clock showed it or counted."""
        hours = self._shown if shown else self.year.hour_of_day(self.times) + 1
        return pa.array(self.by_time(hours.astype(np.int32)))

    def interval(self) -> pa.Array:
        """Number of the quarter-hour in its hour."""
        return pa.array(self.by_time(((self.times % HOUR_SECONDS) // QUARTER_SECONDS + 1).astype(np.int32)))

    def repeated(self) -> pa.Array:
        """Flag of the second 01:00 hour of the autumn day."""
        return self.moments(["Y" if again else "N" for again in self.year.repeated(self.times).tolist()])

    def stamp(self) -> pa.Array:
        """The moment as SCED files write it."""
        return self.moments(stamp_texts(self._wall))

    def wrong_datetime(self, *, stamped: bool) -> pa.Array:
        """What the producer made of the moment: the wall clock as if it were UTC, hour 24 on the next day's hour 1."""
        wall = self._wall
        if not stamped:
            wall = (wall // _DAY_SECONDS) * _DAY_SECONDS + np.where(self._shown == 24, 25, self._shown) * HOUR_SECONDS
        return pa.array(self.by_time(wall * 1_000_000)).view(pa.timestamp("us"))


def _text(codes: npt.NDArray[Any], words: list[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))


@dataclass(frozen=True)
class _Dataset:
    """How the rows of one dataset are made.

    Attributes:
        folder: where its files go.
        times: its moments.
        width: rows that a moment has at most.
        rows: columns of the moments first..last-1.
    """

    folder: str
    times: Ints
    width: int
    rows: Callable[[int, int], Columns]


class RealSizeWriter:
    """Writes years of real size as rollup files; years must come in ascending order.

    Args:
        folder: where the folders of the datasets go.
    """

    def __init__(self, folder: Path) -> None:
        """Remember where to write; files are opened when their first rows come."""
        self._folder = folder
        self._open: dict[tuple[str, int], pq.ParquetWriter] = {}

    def write(self, market: RealSizeYear, say: Callable[[str], None]) -> None:
        """Append the rows of one operating year to their files, two datasets at a time before RTC+B."""
        year = market.calendar.year
        self._close_before(year)
        datasets = _Spelling(market).datasets()

        def one(dataset: _Dataset) -> None:
            rows = sum(self._append(dataset.folder, file_year, made) for file_year, made in _pieces(market, dataset))
            say(f"{year}: {dataset.folder}, {rows:,} rows")

        # five-minute telemetry takes so much room that only one dataset fits beside it
        with ThreadPoolExecutor(1 if market.single_model else _THREADS) as pool:
            list(pool.map(one, datasets))
        # Arrow keeps what it once had, and the truth needs the room
        pa.default_memory_pool().release_unused()

    def _append(self, folder: str, file_year: int, columns: Columns) -> int:
        table = pa.table(columns)
        key = (folder, file_year)
        if key not in self._open:
            path = self._folder / folder / f"{file_year}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            # without Arrow's own schema text is plain text to whoever reads it, as in files of another producer
            self._open[key] = pq.ParquetWriter(path, table.schema, compression="snappy", store_schema=False)
        self._open[key].write_table(table, row_group_size=max(table.num_rows, 1))
        return int(table.num_rows)

    def _close_before(self, file_year: int) -> None:
        for key in [key for key in self._open if key[1] < file_year]:
            self._open.pop(key).close()

    def close(self) -> None:
        """Finish all files."""
        self._close_before(10_000)


def _pieces(market: RealSizeYear, dataset: _Dataset) -> Iterator[tuple[int, Columns]]:
    """A dataset's rows in row groups, with the year of the file that each belongs to."""
    year = market.calendar.year
    whole = len(dataset.times)
    # the 60-day disclosure is filed by the year in which it was published
    cut = whole if dataset.folder in PRICES else int(np.searchsorted(dataset.times, market.calendar.day_start(11, 2)))
    step = max(1, GROUP_ROWS // max(dataset.width, 1))
    for file_year, begin, end in ((year, 0, cut), (year + 1, cut, whole)):
        for first in range(begin, end, step):
            yield file_year, dataset.rows(first, min(first + step, end))


class _Spelling:
    """The datasets of one year and their rows."""

    def __init__(self, market: RealSizeYear) -> None:
        self.market = market
        self.year = market.calendar
        size, batteries = market.size, market.batteries
        self.count = len(batteries)
        in_generation = 0 if market.single_model else self.count
        in_load = 0 if market.single_model else sum(b.load is not None for b in batteries)
        self.others = max(size.generation - in_generation, 1)
        self.running = max(size.running - in_generation, 1)
        self.loads = [b.load for b in batteries if b.load is not None] if in_load else []
        self.with_load = np.array([n for n, b in enumerate(batteries) if b.load is not None], dtype=np.int64)
        decoys = [] if market.single_model else list(market.decoys)
        self.other_loads = [load.name for load in decoys]
        self.other_loads += [f"PLANT{n:04d}_LD1" for n in range(max(size.load - in_load - len(decoys), 1))]
        self.consuming = max(size.consuming - in_load, len(decoys) + 1)
        rng = market.chance("others")
        self.other_names = [f"UNIT{n:04d}_{kind}1" for n, kind in enumerate(self._kinds(self.others))]
        self.other_tenths = rng.integers(50, 6000, self.others)
        self.other_nodes = rng.integers(len(market.nodes), len(market.da_points), self.others)
        self.load_mw = np.r_[
            [load.capacity_mw for load in decoys], np.round(rng.uniform(1, 60, len(self.other_loads) - len(decoys)), 1)
        ]
        self.sizes = np.array([round(b.capacity_mw * 1.02, 1) for b in batteries])

    @staticmethod
    def _kinds(count: int) -> list[str]:
        return [("CCGT90", "WIND", "PVGR", "SCLE90", "GSREH")[n % 5] for n in range(count)]

    def datasets(self) -> list[_Dataset]:
        """All datasets of the year, the longest to write first."""
        market = self.market
        hours, quarters, runs = market.hours, market.quarters, market.runs
        named = len(market.da_points)
        plans = self.count + self.others + len(self.loads) + len(self.other_loads)
        prices = [
            _Dataset("RT_prices", quarters, len(market.points), self._rt_prices),
            _Dataset("COP_Snapshots", hours, plans, self._plans),
            _Dataset("DA_prices", hours, named, self._da_prices),
            _Dataset("AS_prices", hours, len(PRODUCTS), self._as_prices),
        ]
        if market.single_model:
            return [
                _Dataset("SCED_ESR_Resources", runs, self.count, self._sced_esr),
                *prices,
                _Dataset("DAM_Gen_Resources", hours, self.others, self._dam_gen),
                _Dataset("DAM_Load_Resources", hours, len(self.other_loads), self._dam_load),
                _Dataset("DAM_ESR_Resources", hours, self.count, self._dam_esr),
                _Dataset("RT_AS_prices", quarters, len(PRODUCTS), self._rt_as_prices),
            ]
        return [
            _Dataset("SCED_Gen_Resources", runs, self.count + self.running, self._sced_gen),
            _Dataset("SCED_Load_Resources", runs, len(self.loads) + self.consuming, self._sced_load),
            _Dataset("DAM_Gen_Resources", hours, self.count + self.others, self._dam_gen),
            *prices,
            _Dataset("DAM_Load_Resources", hours, len(self.loads) + len(self.other_loads), self._dam_load),
        ]

    # --- prices ---------------------------------------------------------------------------------------------------------------

    def _rt_prices(self, first: int, last: int) -> Columns:
        block = _Block(self.year, self.market.quarters[first:last], len(self.market.points))
        return {
            "DeliveryDate": block.date(),
            "DeliveryHour": block.hour(shown=True),
            "DeliveryInterval": block.interval(),
            "SettlementPointName": block.names([name for name, _ in self.market.points]),
            "SettlementPointType": block.names([kind for _, kind in self.market.points]),
            "SettlementPointPrice": block.numbers(self.market.rt_block(first, last)),
            "DSTFlag": block.repeated(),
            "datetime": block.wrong_datetime(stamped=False),
        }

    def _da_prices(self, first: int, last: int) -> Columns:
        block = _Block(self.year, self.market.hours[first:last], len(self.market.da_points))
        return {
            "DeliveryDate": block.date(),
            "HourEnding": block.clock(),
            "SettlementPoint": block.names(self.market.da_points),
            "SettlementPointPrice": block.numbers(self.market.da_price[first:last]),
            **self._price_tail(block),
        }

    @staticmethod
    def _price_tail(block: _Block) -> Columns:
        return {
            "DSTFlag": block.repeated(),
            "hour": block.hour(shown=True),
            "datetime": block.wrong_datetime(stamped=False),
        }

    def _as_prices(self, first: int, last: int) -> Columns:
        price = np.stack([self.market.as_price(product)[first:last] for product in PRODUCTS], axis=1)
        block = _Block(self.year, self.market.hours[first:last], len(PRODUCTS), ~np.isnan(price))
        return {
            "DeliveryDate": block.date(),
            "HourEnding": block.clock(),
            "AncillaryType": block.names([product.upper() for product in PRODUCTS]),
            "MCPC": block.numbers(price),
            **self._price_tail(block),
        }

    def _rt_as_prices(self, first: int, last: int) -> Columns:
        price = np.stack([self.market.rt_as_price(product)[first:last] for product in PRODUCTS], axis=1)
        block = _Block(self.year, self.market.quarters[first:last], len(PRODUCTS))
        return {
            "DeliveryDate": block.date(),
            "DeliveryHour": block.hour(shown=True),
            "DeliveryInterval": block.interval(),
            "RepeatedHourFlag": block.repeated(),
            "ASType": block.names([product.upper() for product in PRODUCTS]),
            "MCPC": block.numbers(price),
            "datetime": block.wrong_datetime(stamped=False),
        }

    # --- day-ahead --------------------------------------------------------------------------------------------------------------

    def _beside(self, of_batteries: npt.NDArray[Any], of_others: npt.NDArray[Any] | float) -> Floats:
        """Values of batteries, and to their right those of the others, a number or a row for all moments."""
        width = len(of_others) if isinstance(of_others, np.ndarray) and of_others.ndim else self.others
        if isinstance(of_others, np.ndarray) and of_others.ndim == 2:
            width = of_others.shape[1]
        right = np.broadcast_to(of_others, (len(of_batteries), width))
        return np.concatenate([of_batteries, right], axis=1)

    def _dam_gen(self, first: int, last: int) -> Columns:
        market = self.market
        rng = market.chance("dam gen", str(first))
        span = last - first
        hours = slice(first, last)
        other_awards = rng.integers(0, 1 + self.other_tenths, (span, self.others)) / 10.0
        kinds = self._kinds(self.others)
        points = market.da_points
        # a plant that sells all services now and then
        other_as = (rng.random((span, self.others), dtype=np.float32) < 0.1) * np.round(self.other_tenths / 20.0)
        if market.single_model:
            block = _Block(self.year, market.hours[hours], self.others)
            names, types, nodes = self.other_names, kinds, self.other_nodes
            nodes_of_rows = _text(block.by_column(nodes.astype(np.int32)), points)
            price = market.da_price[hours][:, nodes]
            quantities = {"limit": self.other_tenths / 10.0, "awarded": other_awards}
            awards = dict.fromkeys(PRODUCTS, other_as)
        else:
            exists = market.exists[hours]
            block = _Block(self.year, market.hours[hours], self.count + self.others, self._present(exists, self.others))
            names = [market.name(b) for b in market.batteries] + self.other_names
            types = ["PWRSTR"] * self.count + kinds
            nodes = np.concatenate(
                [market.node_column[hours], np.broadcast_to(self.other_nodes, (span, self.others))], axis=1
            )
            nodes_of_rows = _text(block.grid(nodes.astype(np.int32)), points)
            price = np.take_along_axis(market.da_price[hours], nodes, axis=1)
            quantities = {
                "limit": self._beside(market.limit_tenths[hours] / 10.0, self.other_tenths / 10.0),
                "awarded": self._beside(market.energy_tenths[hours] / 10.0, other_awards),
            }
            awards = {p: self._beside(market.gen_tenths[p][hours] / 10.0, other_as) for p in PRODUCTS}
        limit = quantities["limit"]
        return {
            "DeliveryDate": block.date(),
            "HourEnding": block.counted(),
            "ResourceName": block.names(names),
            "ResourceType": block.names(types),
            "SettlementPointName": nodes_of_rows,
            "LSL": block.same(0.0),
            "HSL": block.each(limit) if limit.ndim == 1 else block.numbers(limit),
            "AwardedQuantity": block.numbers(quantities["awarded"]),
            "EnergySettlementPointPrice": block.numbers(price),
            "RegUpAwarded": block.numbers(awards["regup"]),
            "RegDownAwarded": block.numbers(awards["regdn"]),
            "RRSAwarded": block.same(0.0),
            "RRSPFRAwarded": block.numbers(awards["rrs"]),
            "RRSFFRAwarded": block.same(0.0),
            "RRSUFRAwarded": block.same(0.0),
            "ECRSAwarded": block.numbers(awards["ecrs"]),
            "ECRSSDAwarded": block.numbers(awards["ecrs"]),
            "NonSpinAwarded": block.numbers(awards["nspin"]),
            **self._curve(block, "QSESubmittedCurve", _CURVE_PAIRS_FILLED),
            "hour": block.hour(shown=False),
            "datetime": block.wrong_datetime(stamped=False),
        }

    @staticmethod
    def _curve(block: _Block, what: str, filled: int) -> Columns:
        """Ten pairs of quantity and price, the first few filled."""
        made: Columns = {}
        blank = block.nothing()
        step = np.arange(block.width) % 40
        for n in range(1, _CURVE_PAIRS + 1):
            there = n <= filled
            made[f"{what}MW{n}"] = block.each(10.0 * n + step) if there else blank
            made[f"{what}Price{n}"] = block.each(12.0 * n + step / 4) if there else blank
        return made

    @staticmethod
    def _present(exists: Bools, others: int) -> Bools:
        return np.concatenate([exists, np.ones((len(exists), others), dtype=bool)], axis=1)

    def _dam_load(self, first: int, last: int) -> Columns:
        market = self.market
        hours = slice(first, last)
        own = self.with_load if self.loads else self.with_load[:0]
        others = len(self.other_loads)
        block = _Block(
            self.year, market.hours[hours], len(own) + others, self._present(market.exists[hours][:, own], others)
        )
        interruptible = np.round(0.3 * self.load_mw, 1)

        def award(product: str, of_others: Floats | float = 0.0) -> pa.Array:
            mine = market.load_tenths[product][hours][:, own] / 10.0
            right = np.broadcast_to(of_others, (last - first, others))
            return block.numbers(np.concatenate([mine, right], axis=1))

        return {
            "DeliveryDate": block.date(),
            "HourEnding": block.counted(),
            "Load Resource Name": block.names([*self.loads, *self.other_loads]),
            "Max Power Consumption for Load Resource": block.each(np.r_[self.sizes[own], self.load_mw]),
            "Low Power Consumption for Load Resource": block.same(0.0),
            "RegUp Awarded": award("regup"),
            "RegDown Awarded": award("regdn"),
            "RRSPFR Awarded": award("rrs"),
            "RRSFFR Awarded": block.same(0.0),
            "RRSUFR Awarded": block.each(np.r_[np.zeros(len(own)), interruptible]),
            "ECRSSD Awarded": award("ecrs"),
            "ECRSMD Awarded": block.same(0.0),
            "NonSpin Awarded": award("nspin"),
            "hour": block.hour(shown=False),
            "datetime": block.wrong_datetime(stamped=False),
        }

    def _dam_esr(self, first: int, last: int) -> Columns:
        market = self.market
        hours = slice(first, last)
        block = _Block(self.year, market.hours[hours], self.count, market.exists[hours])
        nodes = market.node_column[hours]
        limit = market.limit_tenths[hours] / 10.0
        awards = {product: block.numbers(market.gen_tenths[product][hours] / 10.0) for product in PRODUCTS}
        return {
            "Delivery Date": block.date(),
            "Hour Ending": block.counted(),
            "QSE": block.names([b.qse for b in market.batteries]),
            "Resource Name": block.names([market.name(b) for b in market.batteries]),
            "Resource Type": block.names(["ESR"] * self.count),
            "LSL": block.numbers(-limit),
            "HSL": block.numbers(limit),
            "Awarded Quantity": block.numbers(market.energy_tenths[hours] / 10.0),
            "Settlement Point Name": _text(block.grid(nodes), list(market.nodes)),
            "Energy Settlement Point Price": block.numbers(np.take_along_axis(market.da_price[hours], nodes, axis=1)),
            "RegUp Awarded": awards["regup"],
            "RegDown Awarded": awards["regdn"],
            "RRSPFR Awarded": awards["rrs"],
            "RRSFFR Awarded": block.same(0.0),
            "RRSUFR Awarded": block.same(0.0),
            "ECRSSD Awarded": awards["ecrs"],
            "NonSpin Awarded": awards["nspin"],
            **self._curve(block, "QSE submitted Curve-", _CURVE_PAIRS_FILLED),
            "datetime": block.wrong_datetime(stamped=False),
        }

    # --- SCED -------------------------------------------------------------------------------------------------------------------

    def _sced_gen(self, first: int, last: int) -> Columns:
        market = self.market
        runs = slice(first, last)
        hour = market.run_quarter[runs] // 4
        rng = market.chance("sced gen", str(first))
        own = market.output
        limit = self.other_tenths[: self.running]
        level = rng.integers(0, 1 + limit, (int(hour[-1] - hour[0]) + 1, self.running))[hour - hour[0]]
        output = (100 * level + rng.integers(-200, 200, level.shape)) / 1000.0
        present = self._present(own.thousandths[runs] != ABSENT, self.running)
        block = _Block(self.year, market.runs[runs], self.count + self.running, present)
        return {
            "SCEDTimeStamp": block.stamp(),
            "RepeatedHourFlag": block.repeated(),
            "ResourceName": block.names(
                [*(market.name(b) for b in market.batteries), *self.other_names[: self.running]]
            ),
            "ResourceType": block.names(["PWRSTR"] * self.count + self._kinds(self.running)),
            "BasePoint": block.numbers(self._beside(own.base_tenths[runs] / 10.0, level / 10.0)),
            "HSL": block.numbers(self._beside(market.limit_tenths[hour] / 10.0, limit / 10.0)),
            "LSL": block.same(0.0),
            "AS_RRS": block.each(np.arange(block.width) % 7 * 1.5),
            "AS_RRSFFR": block.same(0.0),
            "AS_NSRS": block.each(np.arange(block.width) % 5 * 2.5),
            "AS_ECRS": block.each(np.arange(block.width) % 3 * 2.0),
            "TelemeteredNetOutput": block.numbers(self._beside(_megawatts(own, runs), output)),
            "datetime": block.wrong_datetime(stamped=True),
        }

    def _sced_load(self, first: int, last: int) -> Columns:
        market = self.market
        runs = slice(first, last)
        rng = market.chance("sced load", str(first))
        own, taken = self.with_load, market.consumption
        size = self.load_mw[: self.consuming]
        drawn = np.round(size * rng.uniform(0.7, 0.9, (last - first, self.consuming)), 2)
        present = self._present(taken.thousandths[runs][:, own] != ABSENT, self.consuming)
        block = _Block(self.year, market.runs[runs], len(own) + self.consuming, present)
        return {
            "SCEDTimeStamp": block.stamp(),
            "RepeatedHourFlag": block.repeated(),
            "ResourceName": block.names([*self.loads, *self.other_loads[: self.consuming]]),
            "MaxPowerConsumption": block.each(np.r_[self.sizes[own], size]),
            "LowPowerConsumption": block.same(0.0),
            "RealPowerConsumption": block.numbers(self._beside(_megawatts(taken, runs)[:, own], drawn)),
            "LDL": block.same(0.0),
            "HDL": block.each(np.r_[self.sizes[own], size]),
            "BasePoint": block.numbers(self._beside(taken.base_tenths[runs][:, own] / 10.0, np.zeros(self.consuming))),
            "HASL": block.each(np.r_[self.sizes[own], size]),
            "LASL": block.same(0.0),
            **self._curve(block, "SCEDBidtoBuyCurve", _BID_PAIRS_FILLED),
            "datetime": block.wrong_datetime(stamped=True),
        }

    def _sced_esr(self, first: int, last: int) -> Columns:
        market = self.market
        runs = slice(first, last)
        quarter = market.run_quarter[runs]
        hour = quarter // 4
        own = market.output
        block = _Block(self.year, market.runs[runs], self.count, own.thousandths[runs] != ABSENT)
        limit = market.limit_tenths[hour] / 10.0

        def award(tenths: npt.NDArray[Any]) -> pa.Array:
            # no award is a blank
            return block.numbers(np.where(tenths == 0, np.nan, tenths / 10.0))

        awards = {product: market.rt_tenths[product][quarter] for product in PRODUCTS}
        fast = rrs_fast_tenths(market, awards["rrs"])
        return {
            "SCED Time Stamp": block.stamp(),
            "Repeated Hour Flag": block.repeated(),
            "QSE": block.names([b.qse for b in market.batteries]),
            "Resource Name": block.names([market.name(b) for b in market.batteries]),
            "Resource Type": block.names(["ESR"] * self.count),
            "HSL": block.numbers(limit),
            "LSL": block.numbers(-limit),
            "Telemetered Resource Status": _text(block.grid((limit == 0.0).astype(np.int32)), ["ON", "OUT"]),
            "Base Point": block.numbers(own.base_tenths[runs] / 10.0),
            "Telemetered Net Output": block.numbers(_megawatts(own, runs)),
            "State of Charge": block.numbers(np.round(market.soc_mwh[quarter].astype(np.float64), 1)),
            "Minimum SOC": block.same(0.0),
            "Maximum SOC": block.numbers(np.where(market.running[hour], market.energy, 0.0)),
            "AS Awards NSPIN": award(awards["nspin"]),
            "AS Awards RRSFFR": award(fast),
            "AS Awards RRSPFR": award(awards["rrs"] - fast),
            "AS Awards RRSUFR": block.nothing(),
            "AS Awards ECRS": award(awards["ecrs"]),
            "AS Awards REGUP": award(awards["regup"]),
            "AS Awards REGDN": award(awards["regdn"]),
            "datetime": block.wrong_datetime(stamped=True),
        }

    # --- plans ------------------------------------------------------------------------------------------------------------------

    def _plans(self, first: int, last: int) -> Columns:
        market = self.market
        hours = slice(first, last)
        others = self.others + len(self.loads) + len(self.other_loads)
        block = _Block(self.year, market.hours[hours], self.count + others, self._present(market.exists[hours], others))
        limits = np.r_[self.other_tenths / 10.0, self.sizes[self.with_load[: len(self.loads)]], self.load_mw]
        known = market.planned_energy_hours[hours]
        nothing = np.full(others, np.nan)
        told = market.hours[last - 1] >= COP_SOC_START

        def energy(values: Floats) -> pa.Array:
            return block.numbers(self._beside(np.where(known, values, np.nan), nothing)) if told else block.nothing()

        return {
            "DeliveryDate": block.date(),
            "HourEnding": block.clock(),
            "ResourceName": block.names(
                [*(market.name(b) for b in market.batteries), *self.other_names, *self.loads, *self.other_loads]
            ),
            "Status": _text(
                block.grid(self._beside((~market.running[hours]).astype(np.int32), np.zeros(others, dtype=np.int32))),
                ["ON", "OUT"],
            ),
            "HSL": block.numbers(self._beside(market.limit_tenths[hours] / 10.0, limits)),
            "LSL": block.same(0.0),
            "MinSOC": energy(np.zeros(self.count)),
            "MaxSOC": energy(market.energy),
            "PlannedSOC": energy(np.round(0.5 * market.energy, 1)),
            "hour": block.hour(shown=True),
            "datetime": block.wrong_datetime(stamped=False),
        }


def _megawatts(telemetry: Telemetry, runs: slice) -> Floats:
    """Telemetered MW as published, NaN where blank or absent."""
    values = telemetry.thousandths[runs]
    return np.where(values <= BLANK, np.nan, values / 1000.0)


def rrs_fast_tenths(market: RealSizeYear, rrs_tenths: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """The part of RRS awards that is fast frequency response: four tenths, of batteries that sell it."""
    splits = np.array([splits_rrs(battery) for battery in market.batteries])
    found: npt.NDArray[np.int32] = np.where(splits, (rrs_tenths.astype(np.int32) * 4) // 10, 0).astype(np.int32)
    return found
