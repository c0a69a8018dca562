"""A market of real size as rollup files, in the layout of those that users have: the producer's headings, time as text, rows in time order.

Rows are made and written a million at a time, and each million is a row group. Offer curves and other resources, which no figure needs, have the size that
they have in ERCOT's files, and arbitrary values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bess_assets.simulator.calendar import Bools, Floats, Ints, Moments, Year
from bess_assets.simulator.fleet import COP_SOC, ECRS, PRODUCTS
from bess_assets.simulator.layouts import CAMEL_CASE, TIME_COLUMNS, camel_case, rollup_headings
from bess_assets.simulator.market_model import rounded, splits_rrs
from bess_assets.simulator.publish import CUT, PRICES, STAMPED
from bess_assets.simulator.real_size import RealSizeYear
from bess_assets.simulator.rollup_files import RollupFiles

GROUP_ROWS = 1_000_000
"""About how many rows a row group has."""
_WITH_HOUR = ("DA_prices", "AS_prices", "DAM_Gen_Resources", "DAM_Load_Resources", "COP_Snapshots")
"""Datasets whose rollups have a column `hour` that no reader needs."""

_KINDS = ("CCGT90", "WIND", "PVGR", "SCLE90", "GSREH")
_CURVES = {
    "DAM_Gen_Resources": ("QSESubmittedCurve", 4),
    "DAM_ESR_Resources": ("QSE submitted Curve-", 4),
    "SCED_Load_Resources": ("SCEDBidtoBuyCurve", 1),
}
"""Heading of the offer curve, and how many of its ten pairs of quantity and price are filled."""

Values = Mapping[str, npt.NDArray[Any] | float | list[str] | tuple[npt.NDArray[Any], list[str]]]
"""Values by column, canonical or the heading itself: numbers by moment and resource, one number or text for each resource, or codes of texts."""
Dataset = tuple[str, Ints, int, Callable[[slice], tuple[Values, Bools | None]]]
"""A dataset: its folder, its moments, how many rows a moment has at most, and the values and presence of the rows of some moments."""


def write_real_size(files: RollupFiles, market: RealSizeYear, say: Callable[[str], None]) -> None:
    """Append a year of real size to its files, two datasets at a time before RTC+B; years must come in ascending order."""
    year = market.calendar
    files.close(before=year.year)

    def write(dataset: Dataset) -> None:
        folder, times, width, rows = dataset
        # The 60-day disclosure is filed by the year in which it was published.
        cut = len(times) if folder in PRICES else int(np.searchsorted(times, year.day_start(*CUT)))
        step = max(1, GROUP_ROWS // max(width, 1))
        written = 0
        for file_year, begin, end in ((year.year, 0, cut), (year.year + 1, cut, len(times))):
            for first in range(begin, end, step):
                here = slice(first, min(first + step, end))
                written += files.append(folder, file_year, _table(year, folder, times[here], width, *rows(here)))
        say(f"{year.year}: {folder}, {written:,} rows")

    # Five-minute telemetry takes so much memory that only one dataset fits beside it.
    with ThreadPoolExecutor(1 if market.single_model else 2) as pool:
        list(pool.map(write, _Datasets(market).all()))
    # Arrow keeps the memory that it once had, and the next year needs it.
    pa.default_memory_pool().release_unused()


def _table(year: Year, dataset: str, times: Ints, width: int, values: Values, keep: Bools | None) -> pa.Table:
    """Rows of some moments and as many columns of resources, time first, as in ERCOT's files."""
    kept = slice(None) if keep is None else np.flatnonzero(keep)

    def column(values: Any) -> pa.Array:
        """One column of `Values`; NaN is null."""
        values, words = (
            _coded(values) if isinstance(values, list) else values if isinstance(values, tuple) else (values, None)
        )
        flat = np.broadcast_to(values, (len(times), width)).reshape(-1)[kept]
        if words is None:
            return pa.array(flat, from_pandas=True)
        return pa.DictionaryArray.from_arrays(flat.astype(np.int32), pa.array(words, pa.string()))

    clock = dataset in PRICES or dataset == "COP_Snapshots"
    moments = Moments(year, times, shown=clock)
    headings = rollup_headings(dataset)
    made: dict[str, pa.Array] = {}
    canonical = [name for name in headings if name in values or name in TIME_COLUMNS]
    for name in [*canonical, *(name for name in values if name not in headings)]:
        heading = headings.get(name, name).strip()
        if dataset in CAMEL_CASE or (dataset == "DAM_Load_Resources" and name in TIME_COLUMNS):
            heading = camel_case(heading)
        if name in ("hour", "interval"):
            made[heading] = column(moments.counts(name).astype(np.int32)[:, None])
        elif name in TIME_COLUMNS:
            codes, words = _coded(moments.texts(name, "{:02d}:00" if clock else "{}"))
            made[heading] = column((codes[:, None], words))
        else:
            made[heading] = column(values[name])
    stem, filled = _CURVES.get(dataset, ("", 0))
    step = np.arange(width) % 40
    for n in range(1, 11 if stem else 1):
        made[f"{stem}MW{n}"] = column(10.0 * n + step if n <= filled else np.nan)
        made[f"{stem}Price{n}"] = column(12.0 * n + step / 4 if n <= filled else np.nan)
    if dataset in _WITH_HOUR:
        made["hour"] = column(moments.counts("hour").astype(np.int32)[:, None])
    wrong = moments.producer_time(stamped=dataset in STAMPED)
    made["datetime"] = column(wrong[:, None]).view(pa.timestamp("us"))
    return pa.table(made)


def _coded(texts: list[str]) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Texts as codes of the distinct ones, in the order in which they first come."""
    words = {text: n for n, text in enumerate(dict.fromkeys(texts))}
    return np.array([words[text] for text in texts], dtype=np.int32), list(words)


class _Datasets:
    """The datasets of one year and their rows: those of batteries first, then those of other resources."""

    def __init__(self, market: RealSizeYear) -> None:
        self.market = market
        size, batteries = market.size, market.batteries
        self.count = len(batteries)
        self.storage: Values = {"qse": [b.qse for b in batteries], "name": market.names, "kind": ["ESR"] * self.count}
        combo = not market.single_model
        self.with_load = np.array([n for n, b in enumerate(batteries) if combo and b.load is not None], dtype=np.int64)
        own_loads = [batteries[n].load or "" for n in self.with_load]
        self.in_generation = slice(0, self.count if combo else 0)
        """The batteries that are generation resources."""
        self.others = max(size.generation - self.in_generation.stop, 1)
        self.running = max(size.running - self.in_generation.stop, 1)
        decoys = list(market.decoys) if combo else []
        plants = max(size.load - len(own_loads) - len(decoys), 1)
        self.consuming = len(own_loads) + max(size.consuming - len(own_loads), len(decoys) + 1)
        rng = market.chance("others")
        kinds = [_KINDS[n % 5] for n in range(self.others)]
        self.kinds = ["PWRSTR"] * self.in_generation.stop + kinds
        self.generators = [f"UNIT{n:04d}_{kind}1" for n, kind in enumerate(kinds)]
        self.generator_mw = rng.integers(50, 6000, self.others) / 10.0
        self.nodes = rng.integers(market.node_column.max() + 1, len(market.da_points), self.others)
        self.loads = [*own_loads, *(load.name for load in decoys), *(f"PLANT{n:04d}_LD1" for n in range(plants))]
        own_mw = [round(batteries[n].capacity_mw * 1.02, 1) for n in self.with_load]
        self.load_mw = np.r_[own_mw, [load.capacity_mw for load in decoys], rounded(rng.uniform(1, 60, plants), 1)]

    def all(self) -> list[Dataset]:
        """All datasets of the year, the longest to write first."""
        market = self.market
        hours, quarters, runs = market.hours, market.quarters, market.runs
        found: list[Dataset] = [
            ("SCED_ESR_Resources", runs, self.count, self._sced_esr),
            ("SCED_Gen_Resources", runs, self.count + self.running, self._sced_gen),
            ("SCED_Load_Resources", runs, self.consuming, self._sced_load),
            ("DAM_Gen_Resources", hours, self.in_generation.stop + self.others, self._dam_gen),
            ("RT_prices", quarters, len(market.points), self._rt_prices),
            ("COP_Snapshots", hours, self.count + self.others + len(self.loads), self._plans),
            ("DA_prices", hours, len(market.da_points), self._da_prices),
            ("DAM_Load_Resources", hours, len(self.loads), self._dam_load),
            ("DAM_ESR_Resources", hours, self.count, self._dam_esr),
            ("AS_prices", hours, len(PRODUCTS), self._as_prices),
            ("RT_AS_prices", quarters, len(PRODUCTS), self._rt_as_prices),
        ]
        later = {"SCED_ESR_Resources", "DAM_ESR_Resources", "RT_AS_prices"}
        absent = {"SCED_Gen_Resources", "SCED_Load_Resources"} if market.single_model else later
        return [dataset for dataset in found if dataset[0] not in absent]

    def _rt_prices(self, here: slice) -> tuple[Values, None]:
        names, kinds = map(list, zip(*self.market.points, strict=True))
        return {"name": names, "kind": kinds, "price": self.market.rt_price(here)}, None

    def _da_prices(self, here: slice) -> tuple[Values, None]:
        return {"name": self.market.da_points, "price": self.market.da_price[here]}, None

    def _as_prices(self, here: slice) -> tuple[Values, Bools]:
        there = (self.market.hours[here, None] >= ECRS.start) | (np.array(PRODUCTS) != "ecrs")
        return _by_product(self.market.market.as_price, here), there

    def _rt_as_prices(self, here: slice) -> tuple[Values, None]:
        return _by_product(self.market.market.rt_as_price, here), None

    def _day_ahead(self, leg: str, here: slice, own: slice | Ints, others: Floats) -> dict[str, Any]:
        """Day-ahead awards of batteries on one side, and of the others beside them."""
        awards = {product: np.nan_to_num(self.market.did[f"{leg}_{product}"][here][:, own]) for product in PRODUCTS}
        found = {product: _beside(award, others) for product, award in awards.items()}
        return {"rrspfr": found.pop("rrs"), "rrsffr": 0.0, "rrsufr": 0.0, "ecrssd": found.pop("ecrs"), **found}

    def _dam_gen(self, here: slice) -> tuple[Values, Bools]:
        market, own = self.market, self.in_generation
        rng = market.chance("dam gen", str(here.start))
        shape = (here.stop - here.start, self.others)
        energy = rounded(self.generator_mw * rng.random(shape), 1)
        # A plant sells all services now and then.
        services = (rng.random(shape) < 0.1) * np.round(self.generator_mw / 2.0)
        nodes = _beside(market.node_column[here, own], self.nodes)
        awards = self._day_ahead("gen", here, own, services)
        return {
            "name": market.names[own] + self.generators,
            "kind": self.kinds,
            "node": (nodes, market.da_points),
            "lsl": 0.0,
            "hsl": _beside(market.did["high_limit_mw"][here, own], self.generator_mw),
            "awarded": _beside(np.nan_to_num(market.did["energy_award_mw"][here, own]), energy),
            "energy_price": np.take_along_axis(market.da_price[here], nodes, axis=1),
            **awards,
            "rrs": 0.0,
            "ecrs": awards["ecrssd"],
        }, _present(market.did["exists"][here, own], self.others)

    def _dam_load(self, here: slice) -> tuple[Values, Bools]:
        own, others = self.with_load, len(self.loads) - len(self.with_load)
        return {
            "name": self.loads,
            "max_power": self.load_mw,
            "low_power": 0.0,
            **self._day_ahead("load", here, own, np.zeros(others)),
            "rrsufr": np.r_[np.zeros(len(own)), rounded(0.3 * self.load_mw[len(own) :], 1)],
            "ecrsmd": 0.0,
        }, _present(self.market.did["exists"][here][:, own], others)

    def _dam_esr(self, here: slice) -> tuple[Values, Bools]:
        market, every = self.market, slice(None)
        nodes, limit = market.node_column[here], market.did["high_limit_mw"][here]
        sides = [self._day_ahead(leg, here, every, np.zeros(0)) for leg in ("gen", "load")]
        return {
            **self.storage,
            "lsl": -limit,
            "hsl": limit,
            "awarded": np.nan_to_num(market.did["energy_award_mw"][here]),
            "node": (nodes, market.da_points),
            "energy_price": np.take_along_axis(market.da_price[here], nodes, axis=1),
            **{product: rounded(sides[0][product] + sides[1][product], 1) for product in sides[0]},
        }, market.did["exists"][here]

    def _sced_gen(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        hour = market.run_quarter[here] // 4
        rng = market.chance("sced gen", str(here.start))
        limit = self.generator_mw[: self.running]
        level = rounded(limit * rng.random((int(hour[-1] - hour[0]) + 1, self.running)), 1)[hour - hour[0]]
        output, base_point, there = market.telemetry(here, load=False)
        step = np.arange(self.count + self.running)
        return {
            "name": [*market.names, *self.generators[: self.running]],
            "kind": self.kinds[: self.count + self.running],
            "base_point": _beside(base_point, level),
            "hsl": _beside(market.did["high_limit_mw"][hour], limit),
            "lsl": 0.0,
            "AS_RRS": step % 7 * 1.5,
            "AS_RRSFFR": 0.0,
            "AS_NSRS": step % 5 * 2.5,
            "AS_ECRS": step % 3 * 2.0,
            "net_output": _beside(output, rounded(level + rng.uniform(-0.2, 0.2, level.shape), 3)),
        }, _present(there, self.running)

    def _sced_load(self, here: slice) -> tuple[Values, Bools]:
        own = self.with_load
        rng = self.market.chance("sced load", str(here.start))
        limits = self.load_mw[: self.consuming]
        size = limits[len(own) :]
        taken, base_point, there = self.market.telemetry(here, load=True)
        drawn = rounded(size * rng.uniform(0.7, 0.9, (len(taken), len(size))), 2)
        return {
            "name": self.loads[: self.consuming],
            "real_power": _beside(taken[:, own], drawn),
            "base_point": _beside(base_point[:, own], np.zeros(len(size))),
            "max_power": limits,
            "HDL": limits,
            "HASL": limits,
            "LDL": 0.0,
            "LASL": 0.0,
            "low_power": 0.0,
        }, _present(there[:, own], len(size))

    def _sced_esr(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        quarter = market.run_quarter[here]
        limit, running = (market.did[column][quarter // 4] for column in ("high_limit_mw", "running"))
        output, base_point, there = market.telemetry(here, load=False)
        awards = {product: market.did[f"rt_{product}"][quarter] for product in PRODUCTS}
        total = awards.pop("rrs")
        fast = rounded(total * 0.4 * [splits_rrs(battery) for battery in market.batteries], 1)
        return {
            **self.storage,
            "hsl": limit,
            "lsl": -limit,
            "status": (limit == 0.0, ["ON", "OUT"]),
            "base_point": base_point,
            "net_output": output,
            "soc": rounded(market.did["soc_mwh"][quarter], 1),
            "min_soc": 0.0,
            "max_soc": np.where(running, [battery.energy_mwh for battery in market.batteries], 0.0),
            **awards,
            "rrspfr": rounded(total - fast, 1),
            "rrsffr": fast,
            "rrsufr": np.nan,
        }, there

    def _plans(self, here: slice) -> tuple[Values, Bools]:
        market = self.market
        limits = np.r_[self.generator_mw, self.load_mw]
        running = market.did["running"][here]
        energy = np.array([battery.energy_mwh for battery in market.batteries])
        known = running & (market.hours[here, None] >= COP_SOC.start)

        def of_batteries(values: Floats | float) -> npt.NDArray[Any]:
            return _beside(np.where(known, values, np.nan), np.full(len(limits), np.nan))

        return {
            "name": [*market.names, *self.generators, *self.loads],
            "status": (_beside(~running, np.zeros(len(limits), dtype=bool)), ["ON", "OUT"]),
            "hsl": _beside(market.did["high_limit_mw"][here], limits),
            "lsl": 0.0,
            "min_soc": of_batteries(0.0),
            "max_soc": of_batteries(energy),
            "planned_soc": of_batteries(rounded(0.5 * energy, 1)),
        }, _present(market.did["exists"][here], len(limits))


def _by_product(prices: Mapping[str, Floats], here: slice) -> Values:
    price = np.stack([prices[product][here] for product in PRODUCTS], axis=1)
    return {"name": [product.upper() for product in PRODUCTS], "price": price}


def _beside(of_batteries: npt.NDArray[Any], of_others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values of batteries by moment, and to their right those of the others: by moment, or one row for all moments."""
    right = np.broadcast_to(of_others, (len(of_batteries), of_others.shape[-1]))
    return np.concatenate([of_batteries, right], axis=1)


def _present(exists: Bools, others: int) -> Bools:
    return _beside(exists, np.ones(others, dtype=bool))
