"""The published rows of the made-up market: the rows and columns that exist in the file of each publication year.

Gaps, superseded editions, repeated rows and columns that a file lacks are decided here; rollup_files.py and report_files.py
spell the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from typing import Any, Self
from zlib import crc32

import numpy as np
import numpy.typing as npt

from bess_assets.simulator.calendar import Bools, Floats, Ints, Year, midnight
from bess_assets.simulator.fleet import COP_SOC, ECRS, RRS_SPLIT
from bess_assets.simulator.layouts import TEXT_COLUMNS, TIME_COLUMNS
from bess_assets.simulator.market_model import MarketYear
from bess_assets.simulator.sheets import (
    BY_QUARTER_HOUR,
    CUT,
    PRICES,
    RUN_PRICES,
    STAMPED,
    Hazards,
    Numbers,
    Period,
    Sheet,
    without_nspin_price,
)

Texts = npt.NDArray[np.object_]
"""Texts as objects, which Arrow takes five times as fast as those of a fixed width."""

_SPOILT = {
    **dict.fromkeys(PRICES, "price"),
    "SCED_AS_adders": "rrs",
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
"""Column in which a superseded row differs from the row that replaced it, by folder; none: no row is replaced."""

CURRENT, EARLIER, REPEATED = range(3)
"""Edition of a row: the one that counts, one that a later publication replaced, a second copy of the one that counts."""

LAG_DAYS = 60
"""Days from an operating day to the publication of its disclosure."""


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

    def part(self, chosen: Any) -> Self:
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
    if dataset == "COP_Snapshots" and file_year < COP_SOC.year:
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


def publish_year(market: MarketYear, hazards: Hazards, until: float = inf) -> dict[str, list[Rows]]:
    """All published rows of one operating year by folder: those of each resource, point or product and file, older files first.

    Args:
        market: the year.
        hazards: how badly it was published.
        until: second from which on nothing is published.
    """
    publisher = _Publisher(market, hazards, until)
    for sheet in publisher.period.sheets():
        publisher.put(sheet)
    for found in publisher.rows.values():
        found.sort(key=lambda rows: rows.file_year)
    return publisher.rows


class _Publisher:
    """Puts the rows of one year into the files of their publication years, each resource apart."""

    def __init__(self, market: MarketYear, hazards: Hazards, until: float) -> None:
        self.year, self.hazards, self._until = market.year, hazards, until
        hours, quarters, runs = market.year.hours, market.year.quarters, market.runs
        self.period = Period(market, hazards, hours, quarters, runs)
        self.rows: dict[str, list[Rows]] = {folder: [] for folder in _SPOILT}
        self._times = {
            **dict.fromkeys(_SPOILT, hours),
            **dict.fromkeys(BY_QUARTER_HOUR, quarters),
            **dict.fromkeys(STAMPED, runs),
            **dict.fromkeys(RUN_PRICES, market.rtc_runs[1]),
        }
        """Moments of each dataset."""
        hour_of_day = market.year.hour_of_day(hours)
        listed = ~(self.period.on(hours, (6, 9)) & (hour_of_day == 4))
        load_listed = listed & ~(self.period.on(hours, (4, 14)) & np.isin(hour_of_day, (6, 7, 8)))
        sced = ~self.period.on(runs, (3, 19), (8, 21))
        # A few runs of RTC+B of which only the prices are published.
        kept = market.chance("lost runs").random(len(runs)) >= 0.0005 * self.period.lossy
        self._there = {
            **dict.fromkeys(("DAM_Gen_Resources", "DAM_ESR_Resources"), listed),
            "DAM_Load_Resources": load_listed,
            "SCED_Gen_Resources": sced,
            "SCED_ESR_Resources": sced & kept,
            "SCED_Load_Resources": sced & market.half_of_extra_runs(),
        }
        """Moments of which a dataset holds any row."""
        self._clearing_prices = {f"mcpc_{product}": price[:, None] for product, price in market.as_price.items()}
        self._clearing_prices["mcpc_ecrs"] = np.where(hours < midnight(ECRS), np.nan, market.as_price["ecrs"])[:, None]
        unpriced = without_nspin_price(self.period, hours, hour_of_day)
        self._clearing_prices["mcpc_nspin"] = np.where(unpriced, np.nan, market.as_price["nspin"])[:, None]

    def put(self, sheet: Sheet) -> None:
        """Put the rows of one resource into the files of their publication years."""
        dataset = sheet.dataset
        ((name, kind, qse),) = sheet.who
        if name is None:
            return
        year, times = self.year.year, self._times[dataset]
        spoil = _SPOILT[dataset] if sheet.replaced and self.hazards != "none" else ""

        def flat(values: Any) -> Any:
            return np.broadcast_to(values, (len(times), 1))[:, 0]

        keep = flat(sheet.keep) & self._there.get(dataset, True) & (times < self._until)
        early = (times < self.year.day_start(*CUT)) | (dataset in PRICES)
        files = [(year, keep & early, CURRENT), (year + 1, keep & ~early, CURRENT)]
        if spoil and dataset in ("DAM_Gen_Resources", "SCED_Gen_Resources"):
            # A day that the older file holds in an edition which the newer file replaces.
            files.append((year, keep & self.period.on(times, (11, 10)), EARLIER))
        texts: dict[str, Any] = {}
        if sheet.nodes is not None:
            texts["node"] = np.array([name for name, _ in self.period.market.fleet.points], object)[sheet.nodes]
        if sheet.running is not None:
            on, out = ("ONRGL", "OUTL") if dataset == "SCED_Load_Resources" else ("ON", "OUT")
            texts["status"] = np.array([out, on], object)[np.asarray(sheet.running, np.int64)]
        for file_year, mask, edition in files:
            if not mask.any():
                continue
            pieces = self._pieces(dataset, name, times, mask, spoil) if edition == CURRENT else [(edition, mask)]
            chosen = np.concatenate([np.flatnonzero(piece) for _, piece in pieces])
            editions = np.repeat([edition for edition, _ in pieces], [piece.sum() for _, piece in pieces])
            lost = lost_columns(dataset, file_year, self.hazards)
            columns = dict(sheet.numbers)
            if sheet.awards is not None:
                load = dataset == "DAM_Load_Resources"
                columns |= award_columns(sheet.awards, times[:, None], file_year, load, self.hazards)
                # What is out of service states no clearing price.
                prices = {} if load else self._clearing_prices
                running = np.asarray(sheet.running, dtype=bool)
                columns |= {name: np.where(running, price, np.nan) for name, price in prices.items()}
            held = {key: flat(values)[chosen] for key, values in columns.items() if key not in lost}
            if spoil in held:
                spoilt = np.round(np.nan_to_num(held[spoil]) + 7.5, 3)
                held[spoil] = np.where(editions == EARLIER, spoilt, held[spoil])
            words = {key: flat(values)[chosen] for key, values in texts.items() if key not in lost}
            known = "" if "qse" in lost else qse
            self.rows[dataset].append(Rows(dataset, file_year, name, kind, known, times[chosen], editions, held, words))

    def _pieces(self, dataset: str, name: str, times: Ints, mask: Bools, spoil: str) -> list[tuple[int, Bools]]:
        """Editions of the rows of one file: superseded ones before, and repeated ones after the rows that count."""
        if self.hazards == "none":
            return [(CURRENT, mask)]
        late = dataset == "SCED_ESR_Resources" and self.year.year == 2025
        old = self.year.between(times, (12, 5), 4) if late else self.period.on(times, (1, 20), (9, 4), (11, 20))
        # Days with an hour label twice and no flag have no repeated rows: there two equal rows are two hours.
        again = self.period.on(times, (2, 14), (7, 11)) if crc32(name.encode()) % 3 == 0 else mask & False
        return [(EARLIER, mask & old & bool(spoil)), (CURRENT, mask), (REPEATED, mask & again)]


def award_columns(awards: Mapping[str, Floats], hours: Ints, file_year: int, load: bool, hazards: Hazards) -> Numbers:
    """Day-ahead ancillary awards in the columns that a file of this year has.

    RRS: one column to 2022, three after, both in the file of 2023. ECRS from the file of 2023. The producer of the rollups also
    filled absent columns with zeros and kept a column of its own for ECRS (market.md section 6 says how to read both).
    """
    made: dict[str, Floats | float] = {product: awards[product] for product in ("regup", "regdn", "nspin")}
    awkward = not load and hazards != "none"
    total, ecrs = awards["rrs"], awards["ecrs"]
    primary = np.round(total * 0.6, 1)
    parts = {"rrspfr": primary, "rrsffr": total * 0.0, "rrsufr": np.round(total - primary, 1)}
    if file_year <= 2022:
        made["rrs"] = total
        if awkward and file_year % 2 == 1:
            made.update(dict.fromkeys(parts, 0.0))
    elif file_year == 2023:
        after = hours >= midnight(RRS_SPLIT)
        made["rrs"] = np.where(after, np.nan, total)
        made.update({name: np.where(after, values, np.nan) for name, values in parts.items()})
    else:
        made.update(parts)
        if awkward and file_year % 2 == 0:
            made["rrs"] = 0.0
    if file_year >= 2023:
        made["ecrssd"] = ecrs
        if load:
            made["ecrssd"] = some = np.round(ecrs * 0.5, 1)
            made["ecrsmd"] = np.round(ecrs - some, 1)
        elif awkward and file_year % 4 == 0:
            made["ecrs"] = 0.0
        elif awkward and file_year % 2 == 0:
            made["ecrssd"], made["ecrs"] = ecrs * 0.0, ecrs
    return made
