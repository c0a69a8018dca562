"""The second catalogue: kinds of faults, each in four extents and, where it has a size, both ways, over a clean and over a dirty market."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from bess_assets.ercot.datasets import DATASETS
from bess_assets_tests.faults.planting import YEAR, Plot
from bess_assets_tests.faults.sheets import Mask, Sheet, Values

Extent = str
EXTENTS: tuple[Extent, ...] = ("year", "month", "day", "subject")
JULY, DAY = (date(YEAR, 7, 1), date(YEAR, 7, 31)), (date(YEAR, 7, 18), date(YEAR, 7, 18))
LATE, LATE_DAY = (date(YEAR, 12, 6), date(YEAR, 12, 31)), (date(YEAR, 12, 18), date(YEAR, 12, 18))

Change = Callable[[Sheet, str, Mask], Sheet]
"""What a fault does to a column in some rows of a sheet."""


def scaled(factor: float) -> Change:
    return lambda sheet, name, mask: sheet.scale(name, factor, mask)


def valued(new: Callable[[Values], Values]) -> Change:
    return lambda sheet, name, mask: sheet.put(name, np.where(mask, new(sheet.values(name)), sheet.values(name)))


def rolled(steps: int) -> Change:
    """The values of each series so many of its rows later: the right sizes at the wrong time."""

    def change(sheet: Sheet, name: str, mask: Mask) -> Sheet:
        values = sheet.values(name).copy()
        for rows in _series(sheet, mask):
            values[rows] = np.roll(values[rows], steps)
        return sheet.put(name, values)

    return change


def reversed_in_time(sheet: Sheet, name: str, mask: Mask) -> Sheet:
    """The values of each series from the last to the first: another time's under these dates."""
    values = sheet.values(name).copy()
    for rows in _series(sheet, mask):
        values[rows] = values[rows[::-1]]
    return sheet.put(name, values)


def still(sheet: Sheet, name: str, mask: Mask) -> Sheet:
    """The first value of each series in all of its rows."""
    values = sheet.values(name).copy()
    for rows in _series(sheet, mask):
        values[rows] = values[rows[0]]
    return sheet.put(name, values)


def exchanged(sheet: Sheet, name: str, mask: Mask) -> Sheet:
    """The values of two series in each other's place, as far as both have rows."""
    values = sheet.values(name).copy()
    first, second, *_ = [*_series(sheet, mask), np.array([], int), np.array([], int)]
    length = min(len(first), len(second))
    values[first[:length]], values[second[:length]] = values[second[:length]], values[first[:length]]
    return sheet.put(name, values)


def dropped(every: int) -> Change:
    """Each so manieth row missing."""
    return lambda sheet, _name, mask: sheet.drop(mask & (np.cumsum(mask) % every == 0))


def repeated(factor: float) -> Change:
    """The rows once more, with other values."""
    return lambda sheet, name, mask: sheet.add(sheet.keep(mask).scale(name, factor))


def _series(sheet: Sheet, mask: Mask) -> Iterator[np.ndarray]:
    """Positions of the rows of each series, in the order of the file, which is that of time."""
    columns = DATASETS[sheet.dataset].columns
    keys = next(key for key in ("resource_name", "settlement_point", "product") if key in columns)
    names = sheet.values(keys).astype(str)
    for name in np.unique(names[mask]):
        yield np.flatnonzero(mask & (names == name))


def _capped(values: Values) -> Values:
    return np.minimum(values, 100.0)


def _without_thousands(values: Values) -> Values:
    return np.where(np.abs(values) >= 1_000, np.trunc(values / 1_000), values)


@dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Attributes:
        name: what is wrong.
        datasets: where; the first has the column, the others a column of the same name.
        columns: canonical columns changed.
        ways: what is done, by a word for the direction or the size.
        late: True for data of RTC+B, which begin in December.
        of_product: where one product is the subject, it.
    """

    name: str
    datasets: tuple[str, ...]
    columns: tuple[str, ...]
    ways: tuple[tuple[str, Change], ...]
    late: bool = False
    of_product: str = ""


@dataclass(frozen=True)
class Case:
    """A kind in one extent, one way."""

    kind: Kind
    extent: Extent
    way: str
    change: Change

    @property
    def name(self) -> str:
        """The case in words."""
        return f"{self.kind.name}, {self.way}, {self.extent}"

    def plant(self, plot: Plot) -> None:
        """Plant it in every dataset that it names."""
        for dataset in self.kind.datasets:
            plot.rollups.edit(dataset, lambda sheet: self._changed(plot, sheet))

    def _changed(self, plot: Plot, sheet: Sheet) -> Sheet:
        mask = self._mask(plot, sheet)
        for name in self.kind.columns:
            if mask.any() and name in DATASETS[sheet.dataset].canonical(sheet.table.column_names):
                sheet = self.change(sheet, name, mask)
        return sheet

    def _mask(self, plot: Plot, sheet: Sheet) -> Mask:
        if self.extent == "subject":
            best = plot.battery(0)
            if self.kind.of_product:
                return sheet.where("product", self.kind.of_product)
            own = [best[name] for name in ("gen_resource", "load_resource", "esr_resource", "settlement_point")]
            return sheet.of(*(name for name in own if name))
        month, day = (LATE, LATE_DAY) if self.kind.late else (JULY, DAY)
        whole = np.ones(sheet.table.num_rows, dtype=bool)
        return whole if self.extent == "year" else sheet.on(*(month if self.extent == "month" else day))


_TEN = (("x 10", scaled(10.0)), ("/ 10", scaled(0.1)))
_KILO = (("x 1000", scaled(1_000.0)), ("/ 1000", scaled(0.001)))
_FIFTH = (("20 % high", scaled(1.2)), ("20 % low", scaled(0.8)))
_SIGN = (("the other sign", scaled(-1.0)),)
_ZERO = (("0", scaled(0.0)),)
_WHOLE = (("cut to whole numbers", valued(np.trunc)),)

GEN, LOAD, ESR = "dam_gen_resources", "dam_load_resources", "dam_esr_resources"
SGEN, SLOAD, SESR, SMNE = "sced_gen_resources", "sced_load_resources", "sced_esr_resources", "sced_smne"
PRICE, MCPC = ("price_usd_per_mwh",), ("mcpc_usd_per_mw",)
_AS = ("regup", "regdn", "rrs", "rrspfr", "rrsffr", "rrsufr", "ecrs", "ecrssd", "ecrsmd", "nspin")
AS = tuple(f"{product}_award_mw" for product in _AS)

KINDS: tuple[Kind, ...] = (
    Kind("real-time prices", ("rt_prices",), PRICE, (*_TEN, *_SIGN, *_ZERO, *_WHOLE)),
    Kind("day-ahead prices", ("da_prices",), PRICE, (*_TEN, *_SIGN)),
    Kind("real-time prices at another hour", ("rt_prices",), PRICE, (("an hour late", rolled(4)), ("an hour early", rolled(-4)), ("six hours late", rolled(24)))),
    Kind("day-ahead prices at another hour", ("da_prices",), PRICE, (("an hour late", rolled(1)), ("an hour early", rolled(-1)))),
    Kind("real-time prices of another time", ("rt_prices",), PRICE, (("backwards", reversed_in_time), ("still", still))),
    Kind("real-time prices of another node", ("rt_prices",), PRICE, (("exchanged", exchanged),)),
    Kind("real-time prices cut off", ("rt_prices",), PRICE, (("at 100 $", valued(_capped)), ("at their thousands separator", valued(_without_thousands)))),
    Kind("real-time prices missing", ("rt_prices",), PRICE, (("all", dropped(1)), ("each fourth", dropped(4)))),
    Kind("real-time prices contradicted", ("rt_prices",), PRICE, (("doubled", repeated(2.0)),)),
    Kind("clearing prices", ("as_prices",), MCPC, (("x 10", scaled(10.0)), ("/ 1000", scaled(0.001)), *_ZERO, *_WHOLE), of_product="RRS"),
    Kind("clearing prices at another hour", ("as_prices",), MCPC, (("an hour late", rolled(1)), ("six hours late", rolled(6))), of_product="RRS"),
    Kind("energy awards", (GEN, ESR), ("award_mw",), (*_TEN, *_SIGN, *_ZERO, *_WHOLE)),
    Kind("energy awards at another hour", (GEN, ESR), ("award_mw",), (("an hour late", rolled(1)),)),
    Kind("AS awards of generation", (GEN, ESR), AS, (*_KILO, *_ZERO, *_WHOLE)),
    Kind("AS awards of loads", (LOAD,), AS, (*_KILO, *_ZERO)),
    Kind("AS awards at another hour", (GEN, ESR), AS, (("an hour late", rolled(1)),)),
    Kind("output", (SGEN, SESR), ("output_mw",), (*_KILO, *_FIFTH, *_SIGN, *_ZERO)),
    Kind("output at another hour", (SGEN, SESR), ("output_mw", "base_point_mw"), (("an hour late", rolled(4)), ("five hours late", rolled(20)))),
    Kind("consumption", (SLOAD,), ("consumption_mw",), (("/ 1000", scaled(0.001)), *_FIFTH, *_ZERO)),
    Kind("output missing", (SGEN, SESR), ("output_mw",), (("all", dropped(1)), ("each fourth", dropped(4)))),
    Kind("metering", (SMNE,), ("energy_mwh",), (("x 10", scaled(10.0)), ("20 % high", scaled(1.2)))),
    Kind("real-time AS awards", (SESR,), AS, (*_KILO, *_ZERO), late=True),
    Kind("real-time clearing prices", ("rt_as_prices", "sced_as_prices"), MCPC, (*_TEN, *_ZERO), late=True, of_product="RRS"),
    Kind("day-ahead rows missing", (GEN, ESR), ("award_mw",), (("all", dropped(1)), ("each fourth", dropped(4)))),
)  # fmt: skip
"""Every kind."""


_ONE_SIDED = "a battery may offer no services on one of its two sides all year"
_OF_SERVICES = "services are dear some hours before or after energy: in January 2026 by up to two, with a gain of 0.5"
_OF_A_DAY = "on single days flows and prices do part; half of the flows is metered and right"
_OF_CHARGE = "the efficiencies of two batteries may differ as much; loads have no state of charge"
UNSEEABLE: dict[tuple[str, str], str] = {
    ("real-time prices of another time", "backwards"): "on single days real-time prices do run against day-ahead ones",
    ("clearing prices at another hour", "an hour late"): _OF_SERVICES,
    ("clearing prices at another hour", "six hours late"): _OF_SERVICES,
    ("real-time clearing prices", "/ 10"): "real ones were 0.09 to 0.72 times the day-ahead ones in January 2026",
    ("energy awards", "0"): "a battery may sell no energy a day ahead all year",
    ("AS awards of generation", "0"): _ONE_SIDED,
    ("AS awards of loads", "0"): _ONE_SIDED,
    (
        "AS awards of generation",
        "cut to whole numbers",
    ): "a battery may offer whole MW of a service all year; cut off is under 1 MW an hour",
    ("output at another hour", "an hour late"): _OF_A_DAY,
    ("output at another hour", "five hours late"): _OF_A_DAY,
    ("output", "20 % high"): "seen by the efficiency, but not where the charging of some batteries is unknown",
    ("consumption", "20 % high"): _OF_CHARGE,
    ("consumption", "20 % low"): _OF_CHARGE,
}
"""Kinds, by name and way, that cannot be seen in principle, all their extents together, each with the reason."""


def cases() -> list[Case]:
    """Every kind in every extent and way, in a fixed order."""
    return [Case(kind, extent, way, change) for kind in KINDS for way, change in kind.ways for extent in EXTENTS]
