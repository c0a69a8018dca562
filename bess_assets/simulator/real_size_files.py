"""A market of real size as rollup files, in the layout of those that users have: the producer's headings, time as text, rows in time order.

Rows are made and written a million at a time, and each million is a row group. Offer curves and other resources, which no figure needs, have the size that
they have in ERCOT's files, and arbitrary values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.simulator.calendar import Bools, Floats, Ints, Moments, Year
from bess_assets.simulator.fleet import ECRS, PRODUCTS
from bess_assets.simulator.layouts import CAMEL_CASE, TIME_COLUMNS, camel_case, rollup_headings
from bess_assets.simulator.market_model import splits_rrs
from bess_assets.simulator.publish import CUT, PRICES, STAMPED
from bess_assets.simulator.real_size import ABSENT, BLANK, RealSizeYear, Telemetry
from bess_assets.simulator.rollup_files import RollupFiles

GROUP_ROWS = 1_000_000
"""About how many rows a row group has."""

_KINDS = ("CCGT90", "WIND", "PVGR", "SCLE90", "GSREH")
_CURVES = {
    "DAM_Gen_Resources": ("QSESubmittedCurve", 4),
    "DAM_ESR_Resources": ("QSE submitted Curve-", 4),
    "SCED_Load_Resources": ("SCEDBidtoBuyCurve", 1),
}
"""Heading of the offer curve, and how many of its ten pairs of quantity and price are filled."""

_DAY_AHEAD_AWARDS = "regup regdn rrs rrspfr rrsffr rrsufr ecrs ecrssd nspin"
_COLUMNS = {
    "RT_prices": "date hour interval name kind price flag datetime",
    "DA_prices": "date hour_ending name price flag hour datetime",
    "AS_prices": "date hour_ending name price flag hour datetime",
    "RT_AS_prices": "date hour interval flag name price datetime",
    "DAM_Gen_Resources": (
        f"date hour_ending name kind node lsl hsl awarded energy_price {_DAY_AHEAD_AWARDS} curve hour datetime"
    ),
    "DAM_Load_Resources": (
        "date hour_ending name max_power low_power regup regdn rrspfr rrsffr rrsufr ecrssd ecrsmd nspin hour datetime"
    ),
    "DAM_ESR_Resources": (
        "date hour_ending qse name kind lsl hsl awarded node energy_price regup regdn rrspfr rrsffr rrsufr ecrssd nspin "
        "curve datetime"
    ),
    "SCED_Gen_Resources": "stamp flag name kind base_point hsl lsl AS_RRS AS_RRSFFR AS_NSRS AS_ECRS net_output datetime",
    "SCED_Load_Resources": (
        "stamp flag name max_power low_power real_power LDL HDL base_point HASL LASL curve datetime"
    ),
    "SCED_ESR_Resources": (
        "stamp flag qse name kind hsl lsl status base_point net_output soc min_soc max_soc "
        "nspin rrsffr rrspfr rrsufr ecrs regup regdn datetime"
    ),
    "COP_Snapshots": "date hour_ending name status hsl lsl min_soc max_soc planned_soc hour datetime",
}
"""Columns of each dataset in order: canonical, the offer curve, or headings that are no canonical column."""

_EQUAL = dict.fromkeys(
    ("lsl", "low_power", "rrs", "rrsffr", "rrsufr", "ecrsmd", "AS_RRSFFR", "LDL", "LASL", "min_soc"), 0.0
)
"""Columns that have one value in all rows of a dataset, unless the dataset says otherwise."""

Values = Mapping[str, npt.NDArray[Any] | float | list[str] | tuple[npt.NDArray[Any], list[str]]]
"""Values by column: numbers by moment and resource, or one number or text for each resource, or codes of texts."""


class _Block:
    """Rows of some moments and as many columns of resources: time first, as in ERCOT's files.

    Args:
        year: the calendar.
        times: seconds of the moments.
        width: rows that a moment has at most.
        keep: which rows there are; all if not given; shape (moments, width).
    """

    def __init__(self, year: Year, times: Ints, width: int, keep: Bools | None = None) -> None:
        self.year, self.times, self.shape = year, times, (len(times), width)
        self._rows = None if keep is None or keep.all() else np.flatnonzero(keep.ravel())
        self.count = len(times) * width if self._rows is None else len(self._rows)

    def columns(self, dataset: str, values: Values) -> dict[str, pa.Array]:
        """All columns of a dataset by heading."""
        headings = rollup_headings(dataset)
        clock = dataset in PRICES or dataset == "COP_Snapshots"
        moments = Moments(self.year, self.times, shown=clock)
        made: dict[str, pa.Array] = {}
        for column in _COLUMNS[dataset].split():
            heading = headings.get(column, column)
            if dataset in CAMEL_CASE or (dataset == "DAM_Load_Resources" and column in TIME_COLUMNS):
                heading = camel_case(heading)
            if column == "curve":
                made |= self._curve(*_CURVES[dataset])
            elif column == "datetime":
                wrong = moments.producer_time(stamped=dataset in STAMPED)
                made[heading] = pa.array(self._grid(wrong[:, None])).view(pa.timestamp("us"))
            elif column in ("hour", "interval"):
                made[heading] = pa.array(self._grid(moments.counts(column).astype(np.int32)[:, None]))
            elif column in TIME_COLUMNS:
                codes, words = _coded(moments.texts(column, "{:02d}:00" if clock else "{}"))
                made[heading] = self._column((codes[:, None], words))
            else:
                made[heading.strip()] = self._column(values[column] if column in values else _EQUAL[column])
        return made

    def _grid(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Values that spread over (moments, width), by row."""
        flat = np.broadcast_to(values, self.shape).reshape(-1)
        return flat if self._rows is None else flat[self._rows]

    def _column(self, values: Any) -> pa.Array:
        """One column of `Values`; NaN is null."""
        if isinstance(values, list):
            values = _coded(values)
        if isinstance(values, tuple):
            codes, words = values
            return pa.DictionaryArray.from_arrays(self._grid(codes.astype(np.int32)), pa.array(words, pa.string()))
        if np.ndim(values) == 0:
            return pa.nulls(self.count, pa.float64()) if np.isnan(values) else pa.array(np.full(self.count, values))
        return pa.array(self._grid(values).astype(np.float64, copy=False), from_pandas=True)

    def _curve(self, heading: str, filled: int) -> dict[str, pa.Array]:
        """Ten pairs of quantity and price, the first few filled."""
        step = np.arange(self.shape[1]) % 40
        made: dict[str, pa.Array] = {}
        for n in range(1, 11):
            made[f"{heading}MW{n}"] = self._column(10.0 * n + step if n <= filled else np.nan)
            made[f"{heading}Price{n}"] = self._column(12.0 * n + step / 4 if n <= filled else np.nan)
        return made


def _coded(texts: list[str]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Texts as codes of the distinct ones, in the order in which they first come."""
    words = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    return np.array([words[text] for text in texts], dtype=np.int32), list(words)


class _Dataset(NamedTuple):
    """How the rows of one dataset are made.

    Attributes:
        folder: where its files go.
        times: its moments.
        width: rows that a moment has at most.
        rows: values and presence of the rows of some moments.
    """

    folder: str
    times: Ints
    width: int
    rows: Callable[[slice], tuple[Values, Bools | None]]

    def pieces(self, year: Year) -> Iterator[tuple[int, pa.Table]]:
        """Rows in row groups, with the year of the file that each belongs to."""
        whole = len(self.times)
        # The 60-day disclosure is filed by the year in which it was published.
        cut = whole if self.folder in PRICES else int(np.searchsorted(self.times, year.day_start(*CUT)))
        step = max(1, GROUP_ROWS // max(self.width, 1))
        for file_year, begin, end in ((year.year, 0, cut), (year.year + 1, cut, whole)):
            for first in range(begin, end, step):
                here = slice(first, min(first + step, end))
                values, keep = self.rows(here)
                block = _Block(year, self.times[here], self.width, keep)
                yield file_year, pa.table(block.columns(self.folder, values))


class RealSizeWriter(RollupFiles):
    """Writes years of real size as rollup files; years must come in ascending order.

    Args:
        folder: where the folders of the datasets go.
    """

    def __init__(self, folder: Path) -> None:
        """Remember where to write; a file is opened by its first rows."""
        # Without Arrow's own schema text is plain text to every reader, as in files of another producer.
        super().__init__(folder, {"compression": "snappy", "store_schema": False})

    def write(self, market: RealSizeYear, say: Callable[[str], None]) -> None:
        """Append the rows of one operating year to their files, two datasets at a time before RTC+B."""
        year = market.calendar
        self.close(before=year.year)

        def one(dataset: _Dataset) -> None:
            rows = sum(self.append(dataset.folder, *piece) for piece in dataset.pieces(year))
            say(f"{year.year}: {dataset.folder}, {rows:,} rows")

        # Five-minute telemetry takes so much memory that only one dataset fits beside it.
        with ThreadPoolExecutor(1 if market.single_model else 2) as pool:
            list(pool.map(one, _Datasets(market).all()))
        # Arrow keeps the memory that it once had, and the next year needs it.
        pa.default_memory_pool().release_unused()


class _Datasets:
    """The datasets of one year and their rows: those of batteries first, then those of other resources."""

    def __init__(self, market: RealSizeYear) -> None:
        self.market = market
        size, batteries = market.size, market.batteries
        self.count = len(batteries)
        self.names = market.names
        self.storage: Values = {
            "qse": [battery.qse for battery in batteries],
            "name": self.names,
            "kind": ["ESR"] * self.count,
        }
        with_load = [] if market.single_model else [(n, b.load) for n, b in enumerate(batteries) if b.load is not None]
        self.loads = [load for _, load in with_load]
        self.with_load = np.array([n for n, _ in with_load], dtype=np.int64)
        self.in_generation = slice(0, 0 if market.single_model else self.count)
        """The batteries that are generation resources."""
        self.others = max(size.generation - self.in_generation.stop, 1)
        self.running = max(size.running - self.in_generation.stop, 1)
        decoys = [] if market.single_model else list(market.decoys)
        self.other_loads = [load.name for load in decoys]
        self.other_loads += [f"PLANT{n:04d}_LD1" for n in range(max(size.load - len(self.loads) - len(decoys), 1))]
        self.consuming = max(size.consuming - len(self.loads), len(decoys) + 1)
        rng = market.chance("others")
        self.kinds = [_KINDS[n % 5] for n in range(self.others)]
        self.other_names = [f"UNIT{n:04d}_{kind}1" for n, kind in enumerate(self.kinds)]
        self.other_tenths = rng.integers(50, 6000, self.others)
        self.other_nodes = rng.integers(len(market.nodes), len(market.da_points), self.others)
        self.load_mw = np.r_[
            [load.capacity_mw for load in decoys], np.round(rng.uniform(1, 60, len(self.other_loads) - len(decoys)), 1)
        ]
        self.sizes = np.array([round(batteries[n].capacity_mw * 1.02, 1) for n in self.with_load])

    def all(self) -> list[_Dataset]:
        """All datasets of the year, the longest to write first."""
        market = self.market
        hours, quarters, runs = market.hours, market.quarters, market.runs
        loads = len(self.loads) + len(self.other_loads)
        found = [
            _Dataset("SCED_ESR_Resources", runs, self.count, self._sced_esr),
            _Dataset("SCED_Gen_Resources", runs, self.count + self.running, self._sced_gen),
            _Dataset("SCED_Load_Resources", runs, len(self.loads) + self.consuming, self._sced_load),
            _Dataset("DAM_Gen_Resources", hours, self.in_generation.stop + self.others, self._dam_gen),
            _Dataset("RT_prices", quarters, len(market.points), self._rt_prices),
            _Dataset("COP_Snapshots", hours, self.count + self.others + loads, self._plans),
            _Dataset("DA_prices", hours, len(market.da_points), self._da_prices),
            _Dataset("DAM_Load_Resources", hours, loads, self._dam_load),
            _Dataset("DAM_ESR_Resources", hours, self.count, self._dam_esr),
            _Dataset("AS_prices", hours, len(PRODUCTS), self._as_prices),
            _Dataset("RT_AS_prices", quarters, len(PRODUCTS), self._rt_as_prices),
        ]
        later = {"SCED_ESR_Resources", "DAM_ESR_Resources", "RT_AS_prices"}
        absent = {"SCED_Gen_Resources", "SCED_Load_Resources"} if market.single_model else later
        return [dataset for dataset in found if dataset.folder not in absent]

    def _rt_prices(self, here: slice) -> tuple[Values, None]:
        names, kinds = zip(*self.market.points, strict=True)
        return {"name": [*names], "kind": [*kinds], "price": self.market.rt_block(here.start, here.stop)}, None

    def _da_prices(self, here: slice) -> tuple[Values, None]:
        return {"name": self.market.da_points, "price": self.market.da_price[here]}, None

    def _as_prices(self, here: slice) -> tuple[Values, Bools]:
        price = np.stack([self.market.market.as_price[product][here] for product in PRODUCTS], axis=1)
        there = (self.market.hours[here, None] >= ECRS.start) | (np.array(PRODUCTS) != "ecrs")
        return {"name": [product.upper() for product in PRODUCTS], "price": price}, there

    def _rt_as_prices(self, here: slice) -> tuple[Values, None]:
        price = np.stack([self.market.market.rt_as_price[product][here] for product in PRODUCTS], axis=1)
        return {"name": [product.upper() for product in PRODUCTS], "price": price}, None

    def _dam_gen(self, here: slice) -> tuple[Values, Bools]:
        market, own = self.market, self.in_generation
        rng = market.chance("dam gen", str(here.start))
        shape = (here.stop - here.start, self.others)
        energy = rng.integers(0, 1 + self.other_tenths, shape)
        # A plant sells all services now and then.
        services = (rng.random(shape, dtype=np.float32) < 0.1) * np.round(self.other_tenths / 20.0)
        nodes = _beside(market.node_column[here, own], self.other_nodes)
        awards = {product: _beside(market.gen_tenths[product][here, own] / 10.0, services) for product in PRODUCTS}
        return {
            "name": self.names[own] + self.other_names,
            "kind": ["PWRSTR"] * own.stop + self.kinds,
            "node": (nodes, market.da_points),
            "hsl": _beside(market.limit_tenths[here, own], self.other_tenths) / 10.0,
            "awarded": _beside(market.energy_tenths[here, own], energy) / 10.0,
            "energy_price": np.take_along_axis(market.da_price[here], nodes, axis=1),
            **awards,
            "rrs": 0.0,
            "rrspfr": awards["rrs"],
            "ecrssd": awards["ecrs"],
        }, _present(market.exists[here, own], self.others)

    def _dam_load(self, here: slice) -> tuple[Values, Bools]:
        market, own = self.market, self.with_load
        others = len(self.other_loads)
        awards = {
            product: _beside(market.load_tenths[product][here][:, own] / 10.0, np.zeros(others)) for product in PRODUCTS
        }
        return {
            "name": [*self.loads, *self.other_loads],
            "max_power": np.r_[self.sizes, self.load_mw],
            **awards,
            "rrspfr": awards["rrs"],
            "rrsufr": np.r_[np.zeros(len(own)), np.round(0.3 * self.load_mw, 1)],
            "ecrssd": awards["ecrs"],
        }, _present(market.exists[here][:, own], others)

    def _dam_esr(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        nodes, limit = market.node_column[here], market.limit_tenths[here] / 10.0
        awards = {product: market.gen_tenths[product][here] / 10.0 for product in PRODUCTS}
        return {
            **self.storage,
            "lsl": -limit,
            "hsl": limit,
            "awarded": market.energy_tenths[here] / 10.0,
            "node": (nodes, list(market.nodes)),
            "energy_price": np.take_along_axis(market.da_price[here], nodes, axis=1),
            **awards,
            "rrspfr": awards["rrs"],
            "ecrssd": awards["ecrs"],
        }, market.exists[here]

    def _sced_gen(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        hour = market.run_quarter[here] // 4
        rng = market.chance("sced gen", str(here.start))
        limit = self.other_tenths[: self.running]
        level = rng.integers(0, 1 + limit, (int(hour[-1] - hour[0]) + 1, self.running))[hour - hour[0]]
        output = (100 * level + rng.integers(-200, 200, level.shape)) / 1000.0
        step = np.arange(self.count + self.running)
        return {
            "name": [*self.names, *self.other_names[: self.running]],
            "kind": ["PWRSTR"] * self.count + self.kinds[: self.running],
            "base_point": _beside(market.output.base_tenths[here], level) / 10.0,
            "hsl": _beside(market.limit_tenths[hour], limit) / 10.0,
            "AS_RRS": step % 7 * 1.5,
            "AS_NSRS": step % 5 * 2.5,
            "AS_ECRS": step % 3 * 2.0,
            "net_output": _beside(_megawatts(market.output, here), output),
        }, _present(market.output.thousandths[here] != ABSENT, self.running)

    def _sced_load(self, here: slice) -> tuple[Values, Bools]:
        own, taken = self.with_load, self.market.consumption
        rng = self.market.chance("sced load", str(here.start))
        size = self.load_mw[: self.consuming]
        limits = np.r_[self.sizes, size]
        drawn = np.round(size * rng.uniform(0.7, 0.9, (here.stop - here.start, self.consuming)), 2)
        return {
            "name": [*self.loads, *self.other_loads[: self.consuming]],
            "real_power": _beside(_megawatts(taken, here)[:, own], drawn),
            "base_point": _beside(taken.base_tenths[here][:, own] / 10.0, np.zeros(self.consuming)),
            "max_power": limits,
            "HDL": limits,
            "HASL": limits,
        }, _present(taken.thousandths[here][:, own] != ABSENT, self.consuming)

    def _sced_esr(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        quarter = market.run_quarter[here]
        hour = quarter // 4
        limit = market.limit_tenths[hour] / 10.0
        tenths: dict[str, npt.NDArray[Any]] = {product: market.rt_tenths[product][quarter] for product in PRODUCTS}
        splits = np.array([splits_rrs(battery) for battery in market.batteries])
        tenths["rrsffr"] = np.where(splits, (tenths["rrs"].astype(np.int32) * 4) // 10, 0)
        tenths["rrspfr"] = tenths["rrs"] - tenths["rrsffr"]
        # No award is a blank.
        awards: Values = {name: np.where(found == 0, np.nan, found / 10.0) for name, found in tenths.items()}
        return {
            **self.storage,
            "hsl": limit,
            "lsl": -limit,
            "status": (limit == 0.0, ["ON", "OUT"]),
            "base_point": market.output.base_tenths[here] / 10.0,
            "net_output": _megawatts(market.output, here),
            "soc": np.round(market.soc_mwh[quarter].astype(np.float64), 1),
            "max_soc": np.where(market.running[hour], market.energy, 0.0),
            **awards,
            "rrsufr": np.nan,
        }, market.output.thousandths[here] != ABSENT

    def _plans(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        limits = np.r_[self.other_tenths / 10.0, self.sizes, self.load_mw]
        known = market.planned_energy_hours[here]

        def energy(values: Floats | float) -> npt.NDArray[Any]:
            return _beside(np.where(known, values, np.nan), np.full(len(limits), np.nan))

        return {
            "name": [*self.names, *self.other_names, *self.loads, *self.other_loads],
            "status": (_beside(~market.running[here], np.zeros(len(limits), dtype=bool)), ["ON", "OUT"]),
            "hsl": _beside(market.limit_tenths[here] / 10.0, limits),
            "min_soc": energy(0.0),
            "max_soc": energy(market.energy),
            "planned_soc": energy(np.round(0.5 * market.energy, 1)),
        }, _present(market.exists[here], len(limits))


def _beside(of_batteries: npt.NDArray[Any], of_others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values of batteries by moment, and to their right those of the others: by moment, or one row for all moments."""
    right = np.broadcast_to(of_others, (len(of_batteries), of_others.shape[-1]))
    return np.concatenate([of_batteries, right], axis=1)


def _present(exists: Bools, others: int) -> Bools:
    """Presence of batteries, and of the others, which are always there."""
    return _beside(exists, np.ones(others, dtype=bool))


def _megawatts(telemetry: Telemetry, runs: slice) -> Floats:
    """Telemetered MW as published, NaN where blank or absent."""
    values = telemetry.thousandths[runs]
    return np.where(values <= BLANK, np.nan, values / 1000.0)
