"""The published rows of the made-up market: the rows and columns that exist in the file of each publication year.

Gaps, superseded editions, repeated rows and columns that a file lacks are decided here; rollup_files.py and report_files.py
spell the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal
from zlib import crc32

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import DAY_SECONDS, HOUR_SECONDS, QUARTER_SECONDS, Bools, Floats, Ints, Year
from bess_assets.simulator.fleet import COP_SOC, DAM_ESR, ECRS, PRODUCTS, RRS_SPLIT, RTC, Battery
from bess_assets.simulator.layouts import TEXT_COLUMNS, TIME_COLUMNS
from bess_assets.simulator.market_model import MarketYear, Operation, operate, rounded, splits_rrs

Hazards = Literal["none", "harmless", "wild"]
Texts = npt.NDArray[np.str_]
Numbers = Mapping[str, Floats | float]
"""Values by canonical column: of each row, or one for all rows."""
Who = tuple[str, str, str]
"""A resource, settlement point or product: name, kind and QSE, as `Rows` has them."""

_DISCLOSED_SPOILT = {
    "DAM_Gen_Resources": "awarded",
    "DAM_Load_Resources": "regdn",
    "DAM_ESR_Resources": "awarded",
    "SCED_Gen_Resources": "net_output",
    "SCED_Load_Resources": "real_power",
    "SCED_ESR_Resources": "net_output",
    "SCED_SMNE": "value",
    "COP_Snapshots": "",
    "SASM_AS_Offers": "",
    "DAM_Energy_Bid_Awards": "",
}
DISCLOSED = tuple(_DISCLOSED_SPOILT)
"""Folders of the datasets that ERCOT publishes after 60 days: their files are grouped by the year of publication."""

PRICES = ("RT_prices", "DA_prices", "AS_prices", "RT_AS_prices")
"""Folders of the price datasets: their files are grouped by the year of delivery."""

STAMPED = ("SCED_Gen_Resources", "SCED_Load_Resources", "SCED_ESR_Resources")
"""Folders of the datasets that name a moment by a time stamp."""

CURRENT, EARLIER, REPEATED = range(3)
"""Edition of a row: the one that counts, one that a later publication replaced, a second copy of the one that counts."""

LAG_DAYS = 60
"""Days from an operating day to the publication of its disclosure."""
CUT = (11, 2)
"""First month and day whose 60-day disclosure is published in the next year."""

_SPOILT = _DISCLOSED_SPOILT | dict.fromkeys(PRICES, "price")
"""Column in which a superseded row differs from the row that replaced it; none: no row is replaced."""

_RRS_PARTS = ("rrspfr", "rrsffr", "rrsufr")


@dataclass(frozen=True)
class Rows:
    """The published rows of one resource, point or product in one file, in the order of the file.

    Attributes:
        dataset: folder of the rollup.
        name: resource, settlement point or product.
        kind: resource type or settlement point type, "" where the dataset has none.
        qse: the entity that represents it, "" where the dataset does not say.
        times: second at which the hour or quarter-hour begins, or of the SCED run.
        editions: CURRENT, EARLIER or REPEATED, of each row.
        numbers, texts: values by canonical column, NaN where blank; a column that the file lacks is absent.
    """

    dataset: str
    file_year: int
    name: str
    kind: str
    qse: str
    times: Ints
    editions: Ints
    numbers: dict[str, Floats]
    texts: dict[str, Texts]

    def part(self, chosen: Any) -> Rows:
        """Some of the rows, by mask or position."""
        return replace(
            self,
            times=self.times[chosen],
            editions=self.editions[chosen],
            numbers={key: values[chosen] for key, values in self.numbers.items()},
            texts={key: values[chosen] for key, values in self.texts.items()},
        )


def lost_columns(dataset: str, file_year: int, hazards: Hazards) -> set[str]:
    """Canonical columns that the file of this year lacks; `name` and `flag` among them.

    State of charge is in the operating plan from the file of 2024 on. Other columns are lost by `wild` only: by dataset and
    year, so that a year suffers from a few losses and not from all.
    """
    if dataset == "COP_Snapshots" and file_year < COP_SOC.first_day.year:
        return {"min_soc", "max_soc", "planned_soc"}
    if hazards != "wild":
        return set()
    even, odd = file_year % 2 == 0, file_year % 2 == 1
    losses = {
        "SCED_Gen_Resources": {"flag": file_year % 3 != 0, "net_output": file_year in (2020, 2023, 2025), "qse": even},
        "SCED_Load_Resources": {"flag": odd, "name": file_year == 2019, "real_power": file_year in (2021, 2024)},
        "SCED_ESR_Resources": {"flag": file_year == 2026},
        "DAM_Gen_Resources": {"status": even, "regdn": file_year == 2022, "qse": even},
        "DAM_Load_Resources": {"nspin": file_year == 2022},
        "COP_Snapshots": dict.fromkeys(("max_soc", "planned_soc"), file_year in (2024, 2025)),
        "RT_prices": {"flag": even},
        "DA_prices": {"flag": odd},
    }
    return {column for column, lost in losses.get(dataset, {}).items() if lost}


def file_columns(rows: Rows, hazards: Hazards) -> set[str]:
    """Canonical columns that the file of some rows has."""
    return {*TIME_COLUMNS, *TEXT_COLUMNS, *rows.numbers} - lost_columns(rows.dataset, rows.file_year, hazards)


def monthly(published: dict[str, list[Rows]], year: Year) -> Iterator[list[list[Rows]]]:
    """The rows of each month: of each dataset and file, those of every resource."""
    for first, last in year.months():
        blocks = []
        for found in published.values():
            for _, of_file in groupby(found, key=lambda rows: rows.file_year):
                parts = [rows.part((rows.times >= first) & (rows.times < last)) for rows in of_file]
                blocks.append([rows for rows in parts if len(rows.times)])
        yield [parts for parts in blocks if parts]


def publish_year(market: MarketYear, hazards: Hazards, until: int | None = None) -> dict[str, list[Rows]]:
    """All published rows of one operating year by folder: those of each resource, point or product and file, older files first.

    Args:
        market: the year.
        hazards: how badly it was published.
        until: second from which on nothing is published; the end of the year if not given.
    """
    publisher = _Publisher(market, hazards, market.year.end if until is None else until)
    for battery in market.fleet.batteries:
        did = operate(market, battery)
        if did.exists.any():
            for of_battery in (_battery_day_ahead, _battery_runs, _battery_metered, _battery_plans):
                of_battery(publisher, battery, did)
    for of_others in (_generators, _loads, _unused_datasets, _energy_prices, _ancillary_prices):
        of_others(publisher)
    for found in publisher.rows.values():
        found.sort(key=lambda rows: rows.file_year)
    return publisher.rows


class _Publisher:
    """Collects the published rows of one year."""

    def __init__(self, market: MarketYear, hazards: Hazards, until: int) -> None:
        self.market, self.year, self.hazards, self._until = market, market.year, hazards, until
        self.rows: dict[str, list[Rows]] = {folder: [] for folder in _SPOILT}
        self.hours, self.quarters, self.runs = market.year.hours, market.year.quarters, market.runs
        self.times = {
            **dict.fromkeys(_SPOILT, self.hours),
            **dict.fromkeys(("SCED_SMNE", "RT_prices", "RT_AS_prices"), self.quarters),
            **dict.fromkeys(STAMPED, self.runs),
        }
        """Moments of each dataset."""
        self.hour_of_day = market.year.hour_of_day(self.hours)
        listed = ~(self.on(self.hours, (6, 9)) & (self.hour_of_day == 4))
        load_listed = listed & ~(self.on(self.hours, (4, 14)) & np.isin(self.hour_of_day, (6, 7, 8)))
        sced = ~self.on(self.runs, (3, 19), (8, 21))
        self._there = {
            **dict.fromkeys(("DAM_Gen_Resources", "DAM_ESR_Resources"), listed),
            "DAM_Load_Resources": load_listed,
            **dict.fromkeys(("SCED_Gen_Resources", "SCED_ESR_Resources"), sced),
            "SCED_Load_Resources": sced & market.half_of_extra_runs(),
        }
        """Moments of which a dataset holds any row."""
        self.unpriced = {b.node for b in market.fleet.batteries if b.role == "missing_node_price"}
        """Settlement points with a stretch of missing prices: long in even years, short in odd ones."""
        even = self.year.year % 2 == 0
        self.da_unpriced = self.year.between(self.hours, (10, 14), 8 if even else 2)
        self.rt_unpriced = self.year.between(self.quarters, (5, 10), 18 if even else 3)
        self._clearing_prices = {f"mcpc_{product}": price for product, price in market.as_price.items()}
        self._clearing_prices["mcpc_ecrs"] = np.where(self.hours < ECRS.start, np.nan, market.as_price["ecrs"])

    def on(self, times: Ints, *days: tuple[int, int]) -> Bools:
        """Which times lie in one of some days, given as month and day."""
        found: Bools = np.any([self.year.between(times, day) for day in days], axis=0)
        return found

    def emit(
        self,
        dataset: str,
        who: Who,
        numbers: Numbers,
        keep: Bools | bool = True,
        *,
        running: Bools | bool | None = None,
        nodes: Texts | str | None = None,
        awards: dict[str, Floats] | None = None,
        replaced: bool = True,
    ) -> None:
        """Put rows of one resource into the files of their publication years.

        Args:
            dataset: folder.
            who: resource, point or product.
            numbers: values of the columns that the rows have.
            keep: rows that are published, as far as the dataset holds any of their moment.
            running: rows whose status says that the resource is available.
            nodes: settlement point of each row.
            awards: day-ahead ancillary awards, whose columns depend on the year of the file.
            replaced: whether some of the rows replaced earlier ones, if hazards are wanted.
        """
        year, times = self.year.year, self.times[dataset]
        spoil = _SPOILT[dataset] if replaced and self.hazards != "none" else ""
        keep = keep & self._there.get(dataset, True) & (times < self._until)
        early = (times < self.year.day_start(*CUT)) | (dataset in PRICES)
        files = [(year, keep & early, CURRENT), (year + 1, keep & ~early, CURRENT)]
        if spoil and dataset in ("DAM_Gen_Resources", "SCED_Gen_Resources"):
            # A day that the older file holds in an edition which the newer file replaces.
            files.append((year, keep & self.on(times, (11, 10)), EARLIER))
        texts: dict[str, Any] = {} if nodes is None else {"node": nodes}
        if running is not None:
            on, out = ("ONRGL", "OUTL") if dataset == "SCED_Load_Resources" else ("ON", "OUT")
            texts["status"] = np.where(running, on, out)
        for file_year, mask, edition in files:
            if not mask.any():
                continue
            pieces = self._pieces(dataset, who[0], times, mask, spoil) if edition == CURRENT else [(edition, mask)]
            chosen = np.concatenate([np.flatnonzero(piece) for _, piece in pieces])
            editions = np.repeat([edition for edition, _ in pieces], [piece.sum() for _, piece in pieces])
            lost = lost_columns(dataset, file_year, self.hazards)
            columns = dict(numbers)
            if awards is not None:
                load = dataset == "DAM_Load_Resources"
                columns |= _award_columns(awards, times, file_year, load, self.hazards)
                columns |= {} if load else self._clearing_prices

            def picked(values: Any, chosen: Ints = chosen) -> Any:
                return np.broadcast_to(values, times.shape)[chosen]

            held = {key: picked(values) for key, values in columns.items() if key not in lost}
            if spoil in held:
                spoilt = rounded(np.nan_to_num(held[spoil]) + 7.5, 3)
                held[spoil] = np.where(editions == EARLIER, spoilt, held[spoil])
            words = {key: picked(values) for key, values in texts.items() if key not in lost}
            qse = "" if "qse" in lost else who[2]
            self.rows[dataset].append(Rows(dataset, file_year, *who[:2], qse, times[chosen], editions, held, words))

    def _pieces(self, dataset: str, name: str, times: Ints, mask: Bools, spoil: str) -> list[tuple[int, Bools]]:
        """Editions of the rows of one file: superseded ones before, and repeated ones after the rows that count."""
        if self.hazards == "none":
            return [(CURRENT, mask)]
        late = dataset == "SCED_ESR_Resources" and self.year.year == 2025
        old = self.year.between(times, (12, 5), 4) if late else self.on(times, (1, 20), (9, 4), (11, 20))
        # Days with an hour label twice and no flag have no repeated rows: there two equal rows are two hours.
        again = self.on(times, (2, 14), (7, 11)) if crc32(name.encode()) % 3 == 0 else mask & False
        return [(EARLIER, mask & old & bool(spoil)), (CURRENT, mask), (REPEATED, mask & again)]


def _award_columns(awards: dict[str, Floats], hours: Ints, file_year: int, load: bool, hazards: Hazards) -> Numbers:
    """Day-ahead ancillary awards in the columns that a file of this year has.

    RRS: one column to 2022, three after, both in the file of 2023. ECRS from the file of 2023. The producer of the rollups also
    filled absent columns with zeros and kept a column of its own for ECRS (market.md section 6 says how to read both).
    """
    made: dict[str, Floats | float] = {product: awards[product] for product in ("regup", "regdn", "nspin")}
    awkward = not load and hazards != "none"
    total, ecrs = awards["rrs"], awards["ecrs"]
    primary = rounded(total * 0.6, 1)
    parts = {"rrspfr": primary, "rrsffr": total * 0.0, "rrsufr": rounded(total - primary, 1)}
    if file_year <= 2022:
        made["rrs"] = total
        if awkward and file_year % 2 == 1:
            made.update(dict.fromkeys(parts, 0.0))
    elif file_year == 2023:
        after = hours >= RRS_SPLIT.start
        made["rrs"] = np.where(after, np.nan, total)
        made.update({name: np.where(after, values, np.nan) for name, values in parts.items()})
    else:
        made.update(parts)
        if awkward and file_year % 2 == 0:
            made["rrs"] = 0.0
    if file_year >= 2023:
        made["ecrssd"] = ecrs
        if load:
            made["ecrssd"] = some = rounded(ecrs * 0.5, 1)
            made["ecrsmd"] = rounded(ecrs - some, 1)
        elif awkward and file_year % 4 == 0:
            made["ecrs"] = 0.0
        elif awkward and file_year % 2 == 0:
            made["ecrssd"], made["ecrs"] = ecrs * 0.0, ecrs
    return made


def _battery_day_ahead(to: _Publisher, battery: Battery, did: Operation) -> None:
    market, hours = to.market, to.hours
    combo = hours < DAM_ESR.start
    # A day without rows of this battery: no award, and the node of the day before.
    here = did.exists & ~(to.on(hours, (7, 4)) & (battery.role == "ordinary"))
    price = market.prices[battery.node, "RN"][1].copy()
    if battery.node in to.unpriced:
        price[to.da_unpriced] = np.nan
    nodes = np.where(did.moved, battery.later_node or "", battery.node)
    if battery.later_node is not None:
        price = np.where(did.moved, market.prices[battery.later_node, "RN"][1], price)
    limit = did.high_limit_mw
    numbers: Numbers = {"lsl": 0.0, "hsl": limit, "awarded": did.energy_award_mw, "energy_price": price}
    if battery.gen is not None:
        who, keep = (battery.gen, "PWRSTR", battery.qse), here & combo
        awards = did.gen_awards_mw
        to.emit("DAM_Gen_Resources", who, numbers, keep, running=did.running, nodes=nodes, awards=awards)
    if battery.load is not None:
        size: Numbers = {"max_power": round(battery.capacity_mw * 1.02, 1), "low_power": 0.0}
        to.emit("DAM_Load_Resources", (battery.load, "", ""), size, here & combo, awards=did.load_awards_mw)
    if battery.esr is not None:
        who, keep = (battery.esr, "ESR", battery.qse), here & ~combo
        numbers = {**numbers, "lsl": -limit}
        awards = {
            product: rounded(award + np.nan_to_num(did.load_awards_mw[product]), 1)
            for product, award in did.gen_awards_mw.items()
        }
        to.emit("DAM_ESR_Resources", who, numbers, keep, running=did.running, nodes=nodes, awards=awards)


def _battery_runs(to: _Publisher, battery: Battery, did: Operation) -> None:
    runs = to.runs
    rng = to.market.chance("telemetry", battery.key)
    quarter = (runs - to.year.start) // QUARTER_SECONDS
    hour = quarter // 4
    power = did.power_mw[quarter]
    wobble = 1.0 + rng.normal(0.0, 0.01, len(runs))
    output = rounded(power * wobble, 3)
    idle = np.abs(power) < 0.005
    seen = did.exists[hour] & (rng.random(len(runs)) > 0.002)
    blank = rng.random(len(runs)) < 0.001
    combo = runs < RTC.start
    running, limit = did.running[hour], did.high_limit_mw[hour]
    if battery.gen is not None:
        station = np.where(idle & (rng.random(len(runs)) < 0.2), -0.1, 0.0)
        numbers: Numbers = {
            "base_point": rounded(np.clip(power, 0.0, None), 1),
            "hsl": limit,
            "lsl": 0.0,
            "net_output": np.where(blank, np.nan, np.clip(output, 0.0, None) + station),
        }
        who = (battery.gen, "PWRSTR", battery.qse)
        to.emit("SCED_Gen_Resources", who, numbers, seen & combo, running=running)
    if battery.load is not None:
        drawn = np.clip(-power, 0.0, None)
        kept = seen & combo
        if battery.role == "missing_load_rows":
            kept &= (rng.random(len(runs)) > 0.01) & ~to.year.between(runs, (10, 3), 5)
        gauge = rounded(drawn * battery.load_reads_high * wobble, 3)
        numbers = {
            "max_power": round(battery.capacity_mw * 1.02, 1),
            "low_power": 0.0,
            "real_power": np.where(rng.random(len(runs)) < 0.001, np.nan, gauge),
            "base_point": rounded(drawn, 1),
        }
        who = (battery.load, "", battery.qse)
        to.emit("SCED_Load_Resources", who, numbers, kept, running=running)
    if battery.esr is not None and not combo.all():
        awards = {product: did.rt_awards_mw[product][quarter] for product in PRODUCTS}
        total = awards.pop("rrs")
        fast = rounded(total * (0.4 if splits_rrs(battery) else 0.0), 1)
        numbers = {
            "base_point": rounded(power, 1),
            "hsl": limit,
            "lsl": -limit,
            "net_output": np.where(blank, np.nan, np.where(idle & running, -0.161, output)),
            "soc": did.soc_mwh[quarter],
            "min_soc": 0.0,
            "max_soc": np.where(running, battery.energy_mwh, 0.0),
            "rrspfr": rounded(total - fast, 1),
            "rrsffr": fast,
            "rrsufr": total * 0.0,
            **awards,
        }
        who = (battery.esr, "ESR", battery.qse)
        to.emit("SCED_ESR_Resources", who, numbers, seen & ~combo, running=running)


def _battery_metered(to: _Publisher, battery: Battery, did: Operation) -> None:
    """Publish the settlement-metered energy of the generation side, which files of even years have."""
    if battery.gen is None:
        return
    quarters = to.quarters
    error = 1.0 + to.market.chance("metered", battery.key).normal(0.0, 0.004, len(quarters))
    energy = rounded(np.where(did.power_mw > 0.0, did.power_mw * 0.25, -0.01) * error, 6)
    keep = np.repeat(did.exists, 4) & (quarters < RTC.start)
    keep &= ~to.on(quarters, (3, 19), (6, 3), (6, 4), (9, 12))
    keep &= (quarters < to.year.day_start(*CUT)) == (to.year.year % 2 == 0)
    to.emit("SCED_SMNE", (battery.gen, "", ""), {"value": energy}, keep)


def _battery_plans(to: _Publisher, battery: Battery, did: Operation) -> None:
    hours = to.hours
    top = np.where(did.running & (hours >= COP_SOC.start), battery.energy_mwh, np.nan)
    soc = {"min_soc": top * 0.0, "max_soc": top, "planned_soc": rounded(top * 0.5, 1)}
    for name, era in ((battery.gen, hours < RTC.start), (battery.esr, hours >= RTC.start)):
        if name is not None:
            numbers: Numbers = {"hsl": did.high_limit_mw, "lsl": 0.0, **soc}
            who = (name, "", battery.qse)
            to.emit("COP_Snapshots", who, numbers, did.exists & era, running=did.running)


def _generators(to: _Publisher) -> None:
    market, hours, runs = to.market, to.hours, to.runs
    hour = (runs - to.year.start) // HOUR_SECONDS
    for generator in market.fleet.generators:
        rng = market.chance("generator", generator.name)
        output = rounded(generator.capacity_mw * np.clip(0.5 + 0.3 * rng.standard_normal(len(hours)), 0.0, 1.0), 1)
        plant = generator.kind == "CCGT90"
        awards = {product: np.full(len(hours), 0.0 if plant else np.nan) for product in PRODUCTS}
        if plant:
            # A plant that runs at night can go down: no real file holds a whole year without regulation down.
            awards["regdn"] = np.where(to.hour_of_day < 6, 12.0, 0.0)
        who, node = (generator.name, generator.kind, "QGRID"), generator.node
        limits: Numbers = {"lsl": 0.0, "hsl": generator.capacity_mw}
        numbers: Numbers = {**limits, "awarded": output, "energy_price": market.prices[node, "RN"][1]}
        to.emit("DAM_Gen_Resources", who, numbers, running=True, nodes=node, awards=awards, replaced=False)
        numbers = {**limits, "base_point": output[hour], "net_output": output[hour]}
        to.emit("SCED_Gen_Resources", who, numbers, running=True, replaced=False)


def _loads(to: _Publisher) -> None:
    hours, runs = to.hours, to.runs
    for load in to.market.fleet.loads:
        drawn = rounded(load.capacity_mw * (0.7 + 0.2 * to.market.chance("load", load.name).random(len(runs))), 2)
        awards = {product: np.full(len(hours), np.nan) for product in PRODUCTS}
        awards["rrs"] = np.full(len(hours), round(0.3 * load.capacity_mw, 1))
        size: Numbers = {"max_power": load.capacity_mw, "low_power": 0.0}
        to.emit("DAM_Load_Resources", (load.name, "", ""), size, awards=awards, replaced=False)
        numbers = {**size, "real_power": drawn, "base_point": 0.0}
        to.emit("SCED_Load_Resources", (load.name, "", "QLOAD"), numbers, running=drawn > 0, replaced=False)


def _unused_datasets(to: _Publisher) -> None:
    """Publish a few rows of the datasets that no figure is made from."""
    hours, noon = to.hours, to.hour_of_day == 12
    offer = ("REDBLUFF_CC1_1", "", "QGRID")
    to.emit("SASM_AS_Offers", offer, {"price": 15.0, "quantity": 20.0}, noon & (hours < RTC.start))
    for name, kind in (("LZ_NORTH", "LZ"), ("HB_WEST", "HU")):
        bid: Numbers = {"award": -25.0, "price": to.market.prices[name, kind][1]}
        to.emit("DAM_Energy_Bid_Awards", (name, "", "QLONE"), bid, noon)


def _energy_prices(to: _Publisher) -> None:
    seen: set[str] = set()
    for (name, kind), (real, ahead) in to.market.prices.items():
        unpriced = name in to.unpriced
        to.emit("RT_prices", (name, kind, ""), {"price": real}, ~(to.rt_unpriced & unpriced))
        if name not in seen:
            seen.add(name)
            # The row is there, and its price is blank.
            blank = to.on(to.hours, (5, 2)) & (to.hour_of_day == 7) & (kind == "RN")
            price = np.where(blank, np.nan, ahead)
            to.emit("DA_prices", (name, "", ""), {"price": price}, ~(to.da_unpriced & unpriced))


def _ancillary_prices(to: _Publisher) -> None:
    market, hours, quarters = to.market, to.hours, to.quarters
    stray = ECRS.start - DAY_SECONDS if to.hazards == "wild" else ECRS.start
    for product in PRODUCTS:
        who = (product.upper(), "", "")
        keep = hours >= (stray if product == "ecrs" else to.year.start)
        if product == "nspin":
            keep &= ~(to.on(hours, (7, 20)) & np.isin(to.hour_of_day, (10, 11)))
        to.emit("AS_prices", who, {"price": market.as_price[product]}, keep)
        # Stray prices of the last hour before the new market.
        live = quarters >= RTC.start - HOUR_SECONDS
        if product == "regup":
            live &= ~(to.on(quarters, (2, 3), (12, 20)) & (quarters % DAY_SECONDS == 18 * HOUR_SECONDS))
        to.emit("RT_AS_prices", who, {"price": market.rt_as_price[product]}, live)
