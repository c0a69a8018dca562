"""What was published of the made-up market: which rows exist, with which columns, in the file of which year.

Gaps, superseded editions, repeated rows, columns that a file lacks: all that decides what can be known. The truth reads these
rows; rollup_files.py and report_files.py then only spell them.

Belongs here: publication years, gaps, eras of columns, hazards that change or lose rows and columns.
Does not: what happened (market_model.py), headings and types (rollup_files.py, report_files.py), what it is worth (truth.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Literal
from zlib import crc32

import numpy as np

from bess_assets.simulator.calendar import (
    HOUR_SECONDS,
    QUARTER_SECONDS,
    Bools,
    Floats,
    Ints,
    Year,
    midnight,
)
from bess_assets.simulator.fleet import COP_SOC_FIRST_DAY, PRODUCTS, RRS_SPLIT_FIRST_DAY, Battery
from bess_assets.simulator.market_model import (
    COP_SOC_START,
    DAM_ESR_START,
    ECRS_START,
    RTC_START,
    MarketYear,
    Operation,
    rounded,
)

Hazards = Literal["none", "harmless", "wild"]

DISCLOSED = (
    "DAM_Gen_Resources",
    "DAM_Load_Resources",
    "DAM_ESR_Resources",
    "SCED_Gen_Resources",
    "SCED_Load_Resources",
    "SCED_ESR_Resources",
    "SCED_SMNE",
    "COP_Snapshots",
    "SASM_AS_Offers",
    "DAM_Energy_Bid_Awards",
)
"""Folders of the datasets that ERCOT publishes after 60 days: their files are grouped by the year of publication."""

PRICES = ("RT_prices", "DA_prices", "AS_prices", "RT_AS_prices")
"""Folders of the price datasets: their files are grouped by the year of delivery."""

STAMPED = ("SCED_Gen_Resources", "SCED_Load_Resources", "SCED_ESR_Resources")
CURRENT, EARLIER, REPEATED = range(3)
"""Which edition a row belongs to: what counts, what a later publication replaced, or what counts once more."""

DISCLOSURE_LAG_DAYS = 60
_DAY = 24 * HOUR_SECONDS
_RRS_SPLIT_START = midnight(RRS_SPLIT_FIRST_DAY)
_RRS_PARTS = ("rrspfr", "rrsffr", "rrsufr")


@dataclass(frozen=True)
class Words:
    """A column of text: positions in a short list, -1 where blank."""

    codes: Ints
    words: tuple[str, ...]


@dataclass(frozen=True)
class Rows:
    """The published rows of one resource, point or product in one file, in the order of the file.

    Attributes:
        dataset: folder of the rollup.
        file_year: which file.
        name: resource, settlement point or product.
        kind: resource type or settlement point type, "" where the dataset has none.
        qse: who represents it, "" where the dataset does not say.
        times: second at which the hour or quarter-hour begins, or of the SCED run.
        editions: CURRENT, EARLIER or REPEATED, of each row.
        numbers: values by canonical column, NaN where blank; a column that the file lacks is not here.
        words: text by canonical column.
        named: the file says which resource a row is of.
        flagged: the file tells the two 01:00 hours of the autumn day apart (meant for SCED stamps only).
    """

    dataset: str
    file_year: int
    name: str
    kind: str
    qse: str
    times: Ints
    editions: Ints
    numbers: dict[str, Floats]
    words: dict[str, Words] = field(default_factory=dict)
    named: bool = True
    flagged: bool = True

    def part(self, chosen: Any) -> Rows:
        """Some of the rows, by mask or position."""
        return Rows(
            self.dataset,
            self.file_year,
            self.name,
            self.kind,
            self.qse,
            self.times[chosen],
            self.editions[chosen],
            {key: values[chosen] for key, values in self.numbers.items()},
            {key: Words(text.codes[chosen], text.words) for key, text in self.words.items()},
            self.named,
            self.flagged,
        )


def publication_year(day: date) -> int:
    """Year in which the 60-day disclosure of an operating day is published."""
    return (day + timedelta(days=DISCLOSURE_LAG_DAYS)).year


def file_years(years: Sequence[int]) -> list[int]:
    """Years of the 60-day files that hold deliveries of these years."""
    return sorted({year + later for year in years for later in (0, 1)})


# ---- what each file lacks -------------------------------------------------------------------------------------------------


def lost_columns(dataset: str, file_year: int, hazards: Hazards) -> set[str]:
    """Canonical columns that the file of this year lacks; `name` and `flag` among them.

    Only `wild` loses any: by dataset and year, so that a year suffers from a few losses and not from all.
    """
    if hazards != "wild":
        return set()
    losses = {
        "SCED_Gen_Resources": [
            ("flag", file_year % 3 != 0),
            ("net_output", file_year in (2020, 2023, 2025)),
            ("qse", file_year % 2 == 0),
        ],
        "SCED_Load_Resources": [
            ("flag", file_year % 2 == 1),
            ("name", file_year == 2019),
            ("real_power", file_year in (2021, 2024)),
        ],
        "SCED_ESR_Resources": [("flag", file_year == 2026)],
        "DAM_Gen_Resources": [
            ("status", file_year % 2 == 0),
            ("regdn", file_year == 2022),
            ("qse", file_year % 2 == 0),
        ],
        "DAM_Load_Resources": [("nspin", file_year == 2022)],
        "COP_Snapshots": [("max_soc", file_year in (2024, 2025)), ("planned_soc", file_year in (2024, 2025))],
        "RT_prices": [("flag", file_year % 2 == 0)],
        "DA_prices": [("flag", file_year % 2 == 1)],
    }
    return {column for column, lost in losses.get(dataset, []) if lost}


def smne_published(file_year: int) -> bool:
    """Settlement-metered energy is there in some years only."""
    return file_year % 2 == 0


# ---- rows -----------------------------------------------------------------------------------------------------------------


class _Publisher:
    """Collects the published rows of one year."""

    def __init__(self, market: MarketYear, hazards: Hazards) -> None:
        self.market = market
        self.year: Year = market.year
        self.hazards = hazards
        self.cut = self.year.day_start(11, 2)
        self.rows: dict[str, list[Rows]] = {folder: [] for folder in (*DISCLOSED, *PRICES)}

    def between(self, times: Ints, first: tuple[int, int], days: int = 1) -> Bools:
        """Which times lie in some days from a month and day on."""
        start = self.year.day_start(*first)
        day = int(self.year.day_number(np.array([start]))[0])
        inside: Bools = (times >= start) & (times < self.year.day_starts[day + days])
        return inside

    def emit(
        self,
        dataset: str,
        name: str,
        times: Ints,
        columns: Callable[[int], dict[str, Floats]] | dict[str, Floats],
        words: dict[str, Words] | None = None,
        *,
        kind: str = "",
        qse: str = "",
        keep: Bools | None = None,
        spoil: str = "",
    ) -> None:
        """Put rows of one resource into the files of their publication years.

        Args:
            dataset: folder.
            name: resource, point or product.
            times: time of each row.
            columns: values of each row, or a function from the year of the file to them, where eras differ by file.
            words: text of each row.
            kind: type of the resource or point.
            qse: who represents it.
            keep: rows that are published at all.
            spoil: column in which superseded rows differ from the rows that replaced them.
        """
        year = self.year.year
        everything = np.ones(len(times), dtype=bool) if keep is None else keep
        files: list[tuple[int, Bools, bool]]
        if dataset in PRICES:
            files = [(year, everything, False)]
        else:
            files = [
                (year, everything & (times < self.cut), False),
                (year + 1, everything & (times >= self.cut), False),
            ]
            if self.hazards != "none" and spoil and dataset in ("DAM_Gen_Resources", "SCED_Gen_Resources"):
                # A day that the older file holds in an edition which the newer file replaces.
                files.append((year, everything & self.between(times, (11, 10)), True))
        for file_year, mask, superseded in files:
            if not mask.any():
                continue
            lost = lost_columns(dataset, file_year, self.hazards)
            numbers = columns(file_year) if callable(columns) else columns
            whole = Rows(
                dataset,
                file_year,
                name,
                kind,
                "" if "qse" in lost else qse,
                times,
                np.full(len(times), CURRENT),
                {key: values for key, values in numbers.items() if key not in lost},
                {key: text for key, text in (words or {}).items() if key not in lost},
                "name" not in lost,
                "flag" not in lost,
            )
            rows = whole.part(mask)
            self.rows[dataset].append(_spoilt(rows, spoil) if superseded else self._editions(rows, spoil))

    def _editions(self, rows: Rows, spoil: str) -> Rows:
        """The rows, after superseded and before repeated ones where hazards are wanted."""
        if self.hazards == "none":
            return rows
        pieces = []
        old = self._superseded(rows)
        if spoil and old.any():
            pieces.append(_spoilt(rows.part(old), spoil))
        pieces.append(rows)
        # Days with an hour label twice and no flag have no repeated rows: there two equal rows are two hours.
        again = self.between(rows.times, (2, 14)) | self.between(rows.times, (7, 11))
        if again.any() and crc32(rows.name.encode()) % 3 == 0:
            pieces.append(_marked(rows.part(again), REPEATED))
        return _joined(pieces)

    def _superseded(self, rows: Rows) -> Bools:
        """Rows of which an older, contradicting edition stands in the same file."""
        if rows.dataset == "SCED_ESR_Resources" and self.year.year == 2025:
            return self.between(rows.times, (12, 5), 4)
        return self.between(rows.times, (1, 20)) | self.between(rows.times, (9, 4)) | self.between(rows.times, (11, 20))

    # -- batteries --

    def battery(self, battery: Battery) -> None:
        """Publish all rows of one battery."""
        did = self.market.operate(battery)
        if not did.exists.any():
            return
        self._day_ahead(battery, did)
        self._runs(battery, did)
        self._metered(battery, did)
        self._plans(battery, did)

    def _day_ahead(self, battery: Battery, did: Operation) -> None:
        market, hours = self.market, self.year.hours
        combo = hours < DAM_ESR_START
        here = did.exists & self._listed()
        if battery.role == "ordinary":
            # A day without rows of this battery: no award, and the node of the day before.
            here &= ~self.between(hours, (7, 4))
        nodes = Words(did.node, tuple(battery.nodes()))
        status = _status(did.running, "ON", "OUT")
        price = market.da_price(battery.node).copy()
        price[self._da_price_missing(battery.node)] = np.nan
        if battery.later_node is not None:
            price[did.node == 1] = market.da_price(battery.later_node)[did.node == 1]
        both = {
            product: np.where(
                np.isnan(did.gen_awards_mw[product]),
                np.nan,
                rounded(did.gen_awards_mw[product] + np.nan_to_num(did.load_awards_mw[product]), 1),
            )
            for product in PRODUCTS
        }

        def side(awards: dict[str, Floats], lowest: Floats) -> Callable[[int], dict[str, Floats]]:
            return lambda file_year: {
                "lsl": lowest,
                "hsl": did.high_limit_mw,
                "awarded": did.energy_award_mw,
                "energy_price": price,
                **self._clearing_prices(),
                **_award_columns(awards, hours, file_year, "gen", self.hazards),
            }

        if battery.gen is not None:
            self.emit(
                "DAM_Gen_Resources",
                battery.gen,
                hours,
                side(did.gen_awards_mw, np.zeros(len(hours))),
                {"node": nodes, "status": status},
                kind="PWRSTR",
                qse=battery.qse,
                keep=here & combo,
                spoil="awarded",
            )
        if battery.load is not None:
            size = np.full(len(hours), round(battery.capacity_mw * 1.02, 1))
            missing = self.between(hours, (4, 14)) & np.isin(self.year.hour_of_day(hours), (6, 7, 8))
            self.emit(
                "DAM_Load_Resources",
                battery.load,
                hours,
                lambda file_year: {
                    "max_power": size,
                    "low_power": np.zeros(len(hours)),
                    **_award_columns(did.load_awards_mw, hours, file_year, "load", self.hazards),
                },
                keep=here & combo & ~missing,
                spoil="regdn",
            )
        if battery.esr is not None:
            self.emit(
                "DAM_ESR_Resources",
                battery.esr,
                hours,
                side(both, -did.high_limit_mw),
                {"node": nodes, "status": status},
                kind="ESR",
                qse=battery.qse,
                keep=here & ~combo,
                spoil="awarded",
            )

    def _clearing_prices(self) -> dict[str, Floats]:
        """Clearing prices that every day-ahead row of ERCOT's reports repeats; the rollups have no column for them."""
        hours = self.year.hours
        return {
            f"mcpc_{product}": np.where(hours < ECRS_START, np.nan, price) if product == "ecrs" else price
            for product, price in self.market.as_price.items()
        }

    def _listed(self) -> Bools:
        """Hours that the day-ahead files hold at all."""
        hours = self.year.hours
        listed: Bools = ~(self.between(hours, (6, 9)) & (self.year.hour_of_day(hours) == 4))
        return listed

    def sced_missing(self, times: Ints) -> Bools:
        """Days for which no SCED file of any kind was found."""
        return self.between(times, (3, 19)) | self.between(times, (8, 21))

    def _runs(self, battery: Battery, did: Operation) -> None:
        market, runs = self.market, self.market.runs
        rng = market.chance("telemetry", battery.key)
        quarter = (runs - self.year.start) // QUARTER_SECONDS
        hour = quarter // 4
        power = did.power_mw[quarter]
        wobble = 1.0 + rng.normal(0.0, 0.01, len(runs))
        output = rounded(power * wobble, 3)
        idle = np.abs(power) < 0.005
        seen = did.exists[hour] & ~self.sced_missing(runs) & (rng.random(len(runs)) > 0.002)
        blank = rng.random(len(runs)) < 0.001
        combo = runs < RTC_START
        status = _status(did.running[hour], "ON", "OUT")
        limit = did.high_limit_mw[hour]
        if battery.gen is not None:
            station = np.where(idle & (rng.random(len(runs)) < 0.2), -0.1, 0.0)
            self.emit(
                "SCED_Gen_Resources",
                battery.gen,
                runs,
                {
                    "base_point": rounded(np.clip(power, 0.0, None), 1),
                    "hsl": limit,
                    "lsl": np.zeros(len(runs)),
                    "net_output": np.where(blank, np.nan, np.clip(output, 0.0, None) + station),
                },
                {"status": status},
                kind="PWRSTR",
                qse=battery.qse,
                keep=seen & combo,
                spoil="net_output",
            )
        if battery.load is not None:
            drawn = np.clip(-power, 0.0, None)
            kept = seen & combo & market.half_of_extra_runs()
            if battery.role == "missing_load_rows":
                kept &= (rng.random(len(runs)) > 0.01) & ~self.between(runs, (10, 3), 5)
            self.emit(
                "SCED_Load_Resources",
                battery.load,
                runs,
                {
                    "max_power": np.full(len(runs), round(battery.capacity_mw * 1.02, 1)),
                    "low_power": np.zeros(len(runs)),
                    "real_power": np.where(
                        rng.random(len(runs)) < 0.001, np.nan, rounded(drawn * battery.load_reads_high * wobble, 3)
                    ),
                    "base_point": rounded(drawn, 1),
                },
                {"status": _status(did.running[hour], "ONRGL", "OUTL")},
                qse=battery.qse,
                keep=kept,
                spoil="real_power",
            )
        if battery.esr is not None and not combo.all():
            awards = {product: did.rt_awards_mw[product][quarter] for product in PRODUCTS}
            self.emit(
                "SCED_ESR_Resources",
                battery.esr,
                runs,
                {
                    "base_point": rounded(power, 1),
                    "hsl": limit,
                    "lsl": -limit,
                    "net_output": np.where(blank, np.nan, np.where(idle & did.running[hour], -0.161, output)),
                    "soc": did.soc_mwh[quarter],
                    "min_soc": np.zeros(len(runs)),
                    "max_soc": np.where(did.running[hour], battery.energy_mwh, 0.0),
                    **_split_rrs(awards, battery),
                    "regup": awards["regup"],
                    "regdn": awards["regdn"],
                    "ecrs": awards["ecrs"],
                    "nspin": awards["nspin"],
                },
                {"status": status},
                kind="ESR",
                qse=battery.qse,
                keep=seen & ~combo,
                spoil="net_output",
            )

    def _metered(self, battery: Battery, did: Operation) -> None:
        """Settlement-metered energy of the generation side."""
        if battery.gen is None:
            return
        quarters = self.year.quarters
        rng = self.market.chance("metered", battery.key)
        energy = rounded(
            np.where(did.power_mw > 0.0, did.power_mw * 0.25, -0.01) * (1.0 + rng.normal(0.0, 0.004, len(quarters))), 6
        )
        keep = np.repeat(did.exists, 4) & (quarters < RTC_START)
        keep &= ~self.between(quarters, (3, 19)) & ~self.between(quarters, (6, 3), 2) & ~self.between(quarters, (9, 12))
        files = np.where(quarters < self.cut, self.year.year, self.year.year + 1)
        keep &= np.isin(files, [file_year for file_year in file_years([self.year.year]) if smne_published(file_year)])
        self.emit("SCED_SMNE", battery.gen, quarters, {"value": energy}, keep=keep, spoil="value")

    def _plans(self, battery: Battery, did: Operation) -> None:
        """Current operating plan."""
        hours = self.year.hours
        top = np.where(did.running & (hours >= COP_SOC_START), battery.energy_mwh, np.nan)

        def plan(file_year: int) -> dict[str, Floats]:
            found = {"hsl": did.high_limit_mw, "lsl": np.zeros(len(hours))}
            if file_year >= COP_SOC_FIRST_DAY.year:
                found["min_soc"] = top * 0.0
                found["max_soc"] = top
                found["planned_soc"] = rounded(top * 0.5, 1)
            return found

        status = _status(did.running, "ON", "OUT")
        for name, keep in ((battery.gen, hours < RTC_START), (battery.esr, hours >= RTC_START)):
            if name is not None:
                self.emit(
                    "COP_Snapshots", name, hours, plan, {"status": status}, qse=battery.qse, keep=did.exists & keep
                )

    # -- others --

    def others(self) -> None:
        """Publish the rows of generators and loads that are no batteries."""
        market, year = self.market, self.year
        hours, runs = year.hours, market.runs
        hour = (runs - year.start) // HOUR_SECONDS
        listed = self._listed()
        for generator in market.fleet.generators:
            rng = market.chance("generator", generator.name)
            output = rounded(generator.capacity_mw * np.clip(0.5 + 0.3 * rng.standard_normal(len(hours)), 0.0, 1.0), 1)
            awards = {
                product: np.full(len(hours), 0.0 if generator.kind == "CCGT90" else np.nan) for product in PRODUCTS
            }
            if generator.kind == "CCGT90":
                # a plant that runs at night can go down: no real file holds a whole year without regulation down
                awards["regdn"] = np.where(year.hour_of_day(hours) < 6, 12.0, 0.0)
            price = market.da_price(generator.node)
            limit = np.full(len(hours), generator.capacity_mw)

            def day_ahead(
                file_year: int,
                output: Floats = output,
                awards: dict[str, Floats] = awards,
                price: Floats = price,
                limit: Floats = limit,
            ) -> dict[str, Floats]:
                return {
                    "lsl": np.zeros(len(hours)),
                    "hsl": limit,
                    "awarded": output,
                    "energy_price": price,
                    **self._clearing_prices(),
                    **_award_columns(awards, hours, file_year, "gen", self.hazards),
                }

            place = {
                "node": Words(np.zeros(len(hours), dtype=np.int64), (generator.node,)),
                "status": _status(limit > 0, "ON", "OUT"),
            }
            self.emit(
                "DAM_Gen_Resources",
                generator.name,
                hours,
                day_ahead,
                place,
                kind=generator.kind,
                qse="QGRID",
                keep=listed,
            )
            self.emit(
                "SCED_Gen_Resources",
                generator.name,
                runs,
                {
                    "base_point": output[hour],
                    "hsl": limit[hour],
                    "lsl": np.zeros(len(runs)),
                    "net_output": output[hour],
                },
                {"status": _status(limit[hour] > 0, "ON", "OUT")},
                kind=generator.kind,
                qse="QGRID",
                keep=~self.sced_missing(runs),
            )
        in_load_file = market.half_of_extra_runs() & ~self.sced_missing(runs)
        missing = self.between(hours, (4, 14)) & np.isin(year.hour_of_day(hours), (6, 7, 8))
        for load in market.fleet.loads:
            rng = market.chance("load", load.name)
            drawn = rounded(load.capacity_mw * (0.7 + 0.2 * rng.random(len(runs))), 2)
            awards = {product: np.full(len(hours), np.nan) for product in PRODUCTS}
            awards["rrs"] = np.full(len(hours), round(0.3 * load.capacity_mw, 1))
            size = load.capacity_mw

            def offered(file_year: int, awards: dict[str, Floats] = awards, size: float = size) -> dict[str, Floats]:
                return {
                    "max_power": np.full(len(hours), size),
                    "low_power": np.zeros(len(hours)),
                    **_award_columns(awards, hours, file_year, "load", self.hazards),
                }

            self.emit("DAM_Load_Resources", load.name, hours, offered, keep=~missing & listed)
            self.emit(
                "SCED_Load_Resources",
                load.name,
                runs,
                {
                    "max_power": np.full(len(runs), size),
                    "low_power": np.zeros(len(runs)),
                    "real_power": drawn,
                    "base_point": np.zeros(len(runs)),
                },
                {"status": _status(drawn > 0, "ONRGL", "OUTL")},
                qse="QLOAD",
                keep=in_load_file,
            )
        self._small_files()

    def _small_files(self) -> None:
        """A few rows of the datasets that no figure is made from yet."""
        hours = self.year.hours
        noon = self.year.hour_of_day(hours) == 12
        ones = np.ones(len(hours))
        self.emit(
            "SASM_AS_Offers",
            "REDBLUFF_CC1_1",
            hours,
            {"price": 15.0 * ones, "quantity": 20.0 * ones},
            qse="QGRID",
            keep=noon & (hours < RTC_START),
        )
        for name in ("LZ_NORTH", "HB_WEST"):
            price = self.market.da_price(name)
            self.emit(
                "DAM_Energy_Bid_Awards", name, hours, {"award": -25.0 * ones, "price": price}, qse="QLONE", keep=noon
            )

    # -- prices --

    def _da_price_missing(self, name: str) -> Bools:
        """Hours in which the day-ahead price of a point was never published."""
        hours = self.year.hours
        if name not in self._unpriced:
            return np.zeros(len(hours), dtype=bool)
        return self.between(hours, (10, 14), 8 if self.year.year % 2 == 0 else 2)

    @property
    def _unpriced(self) -> set[str]:
        """Settlement points with a stretch of missing prices: long in even years, short in odd ones."""
        return {battery.node for battery in self.market.fleet.batteries if battery.role == "missing_node_price"}

    def prices(self) -> None:
        """Publish the prices."""
        market, year = self.market, self.year
        quarters, hours = year.quarters, year.hours
        seen: set[str] = set()
        for point in market.fleet.points:
            keep = np.ones(len(quarters), dtype=bool)
            if point.name in self._unpriced:
                keep = ~self.between(quarters, (5, 10), 18 if year.year % 2 == 0 else 3)
            self.emit(
                "RT_prices",
                point.name,
                quarters,
                {"price": market.rt_price(point.name, point.kind)},
                kind=point.kind,
                keep=keep,
                spoil="price",
            )
            if point.name not in seen:
                price = market.da_price(point.name).copy()
                if point.kind == "RN":
                    # The row is there and holds nothing.
                    price[self.between(hours, (5, 2)) & (year.hour_of_day(hours) == 7)] = np.nan
                self.emit(
                    "DA_prices",
                    point.name,
                    hours,
                    {"price": price},
                    keep=~self._da_price_missing(point.name),
                    spoil="price",
                )
                seen.add(point.name)
        stray = ECRS_START - _DAY if self.hazards == "wild" else ECRS_START
        for product in PRODUCTS:
            keep = hours >= stray if product == "ecrs" else np.ones(len(hours), dtype=bool)
            if product == "nspin":
                keep = keep & ~(self.between(hours, (7, 20)) & np.isin(year.hour_of_day(hours), (10, 11)))
            self.emit(
                "AS_prices", product.upper(), hours, {"price": market.as_price[product]}, keep=keep, spoil="price"
            )
            # Stray prices of the last hour before the new market.
            live = quarters >= RTC_START - HOUR_SECONDS
            if product == "regup":
                gap = (self.between(quarters, (2, 3)) | self.between(quarters, (12, 20))) & (
                    quarters % _DAY == 18 * HOUR_SECONDS
                )
                live = live & ~gap
            self.emit(
                "RT_AS_prices",
                product.upper(),
                quarters,
                {"price": market.rt_as_price[product]},
                keep=live,
                spoil="price",
            )


def _spoilt(rows: Rows, column: str) -> Rows:
    """An older edition of the same rows, with other values in one column."""
    if column in rows.numbers:
        rows.numbers[column] = rounded(np.nan_to_num(rows.numbers[column]) + 7.5, 3)
    return _marked(rows, EARLIER)


def _marked(rows: Rows, edition: int) -> Rows:
    """The same rows as one edition."""
    return replace(rows, editions=np.full(len(rows.times), edition))


def _joined(pieces: list[Rows]) -> Rows:
    """Rows of one resource in one file, put one after another."""
    if len(pieces) == 1:
        return pieces[0]
    first = pieces[0]
    return Rows(
        first.dataset,
        first.file_year,
        first.name,
        first.kind,
        first.qse,
        np.concatenate([piece.times for piece in pieces]),
        np.concatenate([piece.editions for piece in pieces]),
        {key: np.concatenate([piece.numbers[key] for piece in pieces]) for key in first.numbers},
        {
            key: Words(np.concatenate([piece.words[key].codes for piece in pieces]), text.words)
            for key, text in first.words.items()
        },
        first.named,
        first.flagged,
    )


def _status(running: Bools, yes: str, no: str) -> Words:
    return Words(np.where(running, 0, 1), (yes, no))


def _split_rrs(awards: dict[str, Floats], battery: Battery) -> dict[str, Floats]:
    """RRS as its three parts; which of them a battery sells differs."""
    total = awards["rrs"]
    fast = crc32(battery.key.encode()) % 2 == 0
    part = rounded(total * (0.4 if fast else 0.0), 1)
    return {"rrspfr": rounded(total - part, 1), "rrsffr": part, "rrsufr": np.where(np.isnan(total), np.nan, 0.0)}


def _award_columns(
    awards: dict[str, Floats], hours: Ints, file_year: int, side: str, hazards: Hazards
) -> dict[str, Floats]:
    """Day-ahead ancillary awards in the columns that a file of this year has.

    RRS: one column to 2022, three after, both in the file of 2023. ECRS from the file of 2023. The producer of the rollups also
    filled absent columns with zeros and kept a column of its own for ECRS: the rule of market.md section 6 sees through both.
    """
    made = {product: awards[product] for product in ("regup", "regdn", "nspin")}
    total = awards["rrs"]
    blank = np.isnan(total)
    parts = {"rrspfr": rounded(total * 0.6, 1), "rrsffr": np.where(blank, np.nan, 0.0)}
    parts["rrsufr"] = rounded(total - parts["rrspfr"], 1)
    zeros = np.zeros(len(hours))
    nothing = np.full(len(hours), np.nan)
    if file_year <= 2022:
        made["rrs"] = total
        if side == "gen" and hazards != "none" and file_year % 2 == 1:
            made.update(dict.fromkeys(_RRS_PARTS, zeros))
    elif file_year == 2023:
        after = hours >= _RRS_SPLIT_START
        made["rrs"] = np.where(after, nothing, total)
        made.update({name: np.where(after, values, nothing) for name, values in parts.items()})
    else:
        made.update(parts)
        if side == "gen" and hazards != "none" and file_year % 2 == 0:
            made["rrs"] = zeros
    if file_year >= 2023:
        ecrs = awards["ecrs"]
        if side == "load":
            some = rounded(ecrs * 0.5, 1)
            made["ecrssd"], made["ecrsmd"] = some, rounded(ecrs - some, 1)
        elif hazards != "none" and file_year % 2 == 0:
            fills = file_year % 4 == 0
            made["ecrssd"], made["ecrs"] = (ecrs, zeros) if fills else (np.where(np.isnan(ecrs), np.nan, 0.0), ecrs)
        else:
            made["ecrssd"] = ecrs
    return made


def publish_year(market: MarketYear, hazards: Hazards) -> dict[str, list[Rows]]:
    """All published rows of one operating year.

    Args:
        market: the year.
        hazards: how badly it was published.

    Returns:
        By folder, the rows of each resource, point or product and file, older files first.
    """
    publisher = _Publisher(market, hazards)
    for battery in market.fleet.batteries:
        publisher.battery(battery)
    publisher.others()
    publisher.prices()
    for found in publisher.rows.values():
        found.sort(key=lambda rows: rows.file_year)
    return publisher.rows


def rows_through(published: dict[str, list[Rows]], last_day: date) -> dict[str, list[Rows]]:
    """The published rows of the operating days up to a last one, without the parts that have none."""
    end = midnight(last_day + timedelta(days=1))
    kept = {folder: [rows.part(rows.times < end) for rows in found] for folder, found in published.items()}
    return {folder: [rows for rows in found if len(rows.times)] for folder, found in kept.items()}
