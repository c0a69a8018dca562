"""The right answer: what the published rows are worth by the rules of market.md, reckoned row by row.

Plain Python on purpose: lists, dictionaries and whole seconds, so that a reader can hold each function against the section of
market.md it names. It shares nothing with the settlement code of this package.

Belongs here: the rules, from published rows to a leaderboard.
Does not: which rows were published (publish.py), what really happened (market_model.py).
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bess_assets.simulator.calendar import midnight, operating_year
from bess_assets.simulator.fleet import DAM_ESR_FIRST_DAY, ECRS_FIRST_DAY, RTC_FIRST_DAY, Battery, Fleet
from bess_assets.simulator.publish import Rows

PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
RRS_PARTS = ("rrspfr", "rrsffr", "rrsufr")
ECRS_PARTS = ("ecrssd",)
LOAD_ECRS_PARTS = ("ecrssd", "ecrsmd")
HOUR = 3600
QUARTER = 900
HOLD_SECONDS = 900
"""A telemetered value holds at most this long (3.3)."""
LEAST_COVERAGE = 0.5
"""Share of a quarter-hour that must be observed (3.3)."""
RTC = midnight(RTC_FIRST_DAY)
DAM_ESR = midnight(DAM_ESR_FIRST_DAY)
CAPACITY_RANK = 24
RANKED_COVERAGE = 0.95
RANKED_ACTIVE_DAYS = 30
RANKED_ACTIVE_DAYS_OF_MONTH = 10
LEAST_CYCLES = 5
INACTIVE_USD_PER_MW_MONTH = 10.0
INACTIVE_USD = 100.0
ASSUMED_HOURS = 4.0

COLUMNS = (
    "rank",
    "battery",
    "gen_resource",
    "load_resource",
    "esr_resource",
    "settlement_point",
    "qse",
    "capacity_mw",
    "energy_mwh",
    "duration_hours",
    "duration_source",
    "first_active_date",
    "active_days",
    "da_energy_usd",
    "rt_energy_usd",
    "energy_usd",
    "charging_cost_usd",
    *(f"as_{product}_usd" for product in PRODUCTS),
    *(f"as_{product}_da_usd" for product in PRODUCTS),
    *(f"as_{product}_rt_usd" for product in PRODUCTS),
    "as_usd",
    "total_usd",
    "usd_per_mw",
    "usd_per_kw_month",
    "usd_per_kw_year",
    "usd_per_mwh_discharged",
    "discharge_mwh",
    "charge_mwh",
    "cycles_per_day",
    "round_trip_efficiency",
    "tb2_usd",
    "tb2_capture",
    "energy_share",
    "top_as_product",
    "strategy",
    "best_day_share",
    "energy_coverage",
    "as_coverage",
    "da_unmatched_usd",
    "rt_metered_usd",
    "data_through",
    "edition",
    "excluded_reason",
)
"""Columns of a truth file: those of the leaderboard except quantity_source, capacity_source and notes, which are prose."""

Value = float | None
Row = dict[str, Value]
Record = dict[str, object]

HOURLY = ("DAM_Gen_Resources", "DAM_Load_Resources", "DAM_ESR_Resources")
STAMPED = ("SCED_Gen_Resources", "SCED_Load_Resources", "SCED_ESR_Resources")
SEEN_IN = (*HOURLY, *STAMPED, "SCED_SMNE")
"""Datasets that say when a battery was seen (section 11)."""


# ---- 3.3: telemetry to energy ---------------------------------------------------------------------------------------------


@dataclass
class Held:
    """What a telemetered value came to, by quarter-hour of the year.

    Attributes:
        seconds: how many of the 900 seconds were observed.
        positive: MW x seconds of the positive part.
        negative: MW x seconds of the negative part, as a positive number.
    """

    seconds: list[int]
    positive: list[float]
    negative: list[float]

    def discharge_mwh(self, quarter: int) -> Value:
        """Energy of the positive part, or None if less than half was observed."""
        return self._energy(self.positive, quarter)

    def charge_mwh(self, quarter: int) -> Value:
        """Energy of the negative part, or None if less than half was observed."""
        return self._energy(self.negative, quarter)

    def mean_mw(self, quarter: int) -> Value:
        """Mean of a value that is never negative, or None if less than half was observed."""
        energy = self._energy(self.positive, quarter)
        return None if energy is None else energy / 0.25

    def _energy(self, sums: list[float], quarter: int) -> Value:
        observed = self.seconds[quarter]
        if observed < LEAST_COVERAGE * QUARTER:
            return None
        return sums[quarter] / observed * 0.25


Pieces = Mapping[int, Sequence[tuple[int, int]]]
"""Quarter-hours that a run lasts into, each with its seconds."""


def held_pieces(runs: Iterable[int], start: int, end: int, dark: Collection[int] = ()) -> Pieces:
    """How long the values of each run hold: to the next run, at most 900 s, within the year (3.3).

    Args:
        runs: all runs of a dataset in the year, whoever has rows in them.
        start: first second of the year.
        end: first second after it.
        dark: positions of quarter-hours of which nothing may be known.

    Returns:
        By run, the positions of the quarter-hours it reaches into and the seconds it has in each.
    """
    ordered = sorted(set(runs))
    found: dict[int, list[tuple[int, int]]] = {}
    for run, following in zip(ordered, [*ordered[1:], end][: len(ordered)], strict=True):
        until = min(following, run + HOLD_SECONDS, end)
        found[run] = []
        at = run
        while at < until:
            quarter, passed = divmod(at - start, QUARTER)
            piece = min(QUARTER - passed, until - at)
            if quarter not in dark:
                found[run].append((quarter, piece))
            at += piece
    return found


def hold(values: Iterable[tuple[int, Value]], pieces: Pieces, quarters: int) -> Held:
    """Hold each value as long as its run lasts (3.3).

    Args:
        values: run and value of one resource; a blank is None and observes nothing.
        pieces: how long the value of each run holds.
        quarters: how many quarter-hours the year has.

    Returns:
        Observed seconds and MW x seconds by quarter-hour.
    """
    seconds, positive, negative = [0] * quarters, [0.0] * quarters, [0.0] * quarters
    for run, value in values:
        if value is None:
            continue
        for quarter, piece in pieces[run]:
            seconds[quarter] += piece
            if value > 0.0:
                positive[quarter] += value * piece
            elif value < 0.0:
                negative[quarter] -= value * piece
    return Held(seconds, positive, negative)


# ---- section 6: which award columns count -----------------------------------------------------------------------------------


def parts_or_single(row: Mapping[str, Value], parts: Sequence[str], single: str) -> Value:
    """Sum of the parts; the single column only where the parts are null, or all 0 while it is > 0 (section 6)."""
    known = [value for value in (row.get(part) for part in parts) if value is not None]
    alone = row.get(single)
    if not known or (all(value == 0.0 for value in known) and alone is not None and alone > 0.0):
        return alone
    return sum(known)


def day_ahead_award(row: Mapping[str, Value], product: str, *, of_load: bool) -> Value:
    """Award of a row in one product: 0 if blank, None if the file has no column for it (section 4)."""
    names: tuple[str, ...] = (product,)
    value = row.get(product)
    if product in ("rrs", "ecrs"):
        parts = RRS_PARTS if product == "rrs" else LOAD_ECRS_PARTS if of_load else ECRS_PARTS
        names, value = (*parts, product), parts_or_single(row, parts, product)
    if value is not None:
        return value
    return 0.0 if any(name in row for name in names) else None


# ---- published rows, looked up ----------------------------------------------------------------------------------------------


@dataclass
class Book:
    """The published rows of one operating year, as dictionaries."""

    year: int
    rows: Mapping[str, Sequence[Rows]]
    start: int = 0
    end: int = 0
    runs: dict[str, Pieces] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    listed_hours: dict[str, set[int]] = field(default_factory=dict)
    rt_price: dict[str, dict[int, Value]] = field(default_factory=dict)
    da_price: dict[str, dict[int, Value]] = field(default_factory=dict)
    as_price: dict[str, dict[int, Value]] = field(default_factory=dict)
    rt_as_price: dict[str, dict[int, Value]] = field(default_factory=dict)
    ecrs_from: int = 0
    day_starts: list[int] = field(default_factory=list)
    data_days: tuple[int, int] = (0, 0)

    @classmethod
    def of(cls, year: int, rows: Mapping[str, Sequence[Rows]]) -> Book:
        """Index the rows of a year; a row later in the files replaces an earlier one."""
        book = cls(year, rows)
        calendar = operating_year(year)
        book.day_starts = calendar.day_starts.tolist()
        book.start, book.end = book.day_starts[0], book.day_starts[-1]
        autumn = book.day_starts[calendar.long_day()]
        for dataset in STAMPED:
            book._index_runs(dataset, autumn)
        for dataset in HOURLY:
            book.listed_hours[dataset] = {hour for part in rows[dataset] for hour in part.times.tolist()}
        for part in rows["RT_prices"]:
            # Load zones stand twice in the file; their LZ price is the one meant (section 2).
            if part.kind != "LZEW":
                book.rt_price.setdefault(part.name, {}).update(_series(part, "price"))
        for dataset, found in (
            ("DA_prices", book.da_price),
            ("AS_prices", book.as_price),
            ("RT_AS_prices", book.rt_as_price),
        ):
            for part in rows[dataset]:
                found.setdefault(part.name, {}).update(_series(part, "price"))
        priced = [hour for hour, price in book.as_price.get("ECRS", {}).items() if price is not None]
        book.ecrs_from = min([midnight(ECRS_FIRST_DAY), *priced])
        days = {book.day_of(time) for dataset in SEEN_IN for part in rows[dataset] for time in _ends(part)}
        book.data_days = (min(days), max(days))
        return book

    @property
    def quarters(self) -> int:
        """How many quarter-hours the year has."""
        return (self.end - self.start) // QUARTER

    def _index_runs(self, dataset: str, autumn: int) -> None:
        """Find the distinct runs of a dataset and, without a flag, what the autumn day hides (section 7)."""
        first_one = autumn + HOUR
        dark: set[int] = set()
        runs: set[int] = set()
        for part in self.rows[dataset]:
            times = part.times.tolist()
            if not part.flagged:
                hidden = [time for time in times if first_one <= time < first_one + 2 * HOUR]
                if hidden:
                    dark = {(first_one - self.start) // QUARTER + n for n in range(8)}
                    times = [time for time in times if not first_one <= time < first_one + 2 * HOUR]
            runs.update(times)
        self.runs[dataset] = held_pieces(runs, self.start, self.end, dark)
        if dark:
            self.hidden.add(dataset)

    def day_of(self, time: int) -> int:
        """Position of the operating day a second lies in."""
        guess = min((time - self.start) // (24 * HOUR), len(self.day_starts) - 2)
        while self.day_starts[guess] > time:
            guess -= 1
        while self.day_starts[guess + 1] <= time:
            guess += 1
        return guess

    def parts(self, dataset: str, name: str | None) -> list[Rows]:
        """Rows of one resource, older files first; none where the file names nobody."""
        return [part for part in self.rows[dataset] if part.name == name and part.named]

    def hourly(self, dataset: str, name: str | None) -> dict[int, Row]:
        """Rows of one resource by hour, the later row winning whole."""
        found: dict[int, Row] = {}
        for part in self.parts(dataset, name):
            times = part.times.tolist()
            columns = {column: _plain(values.tolist()) for column, values in part.numbers.items()}
            for position, hour in enumerate(times):
                found[hour] = {column: values[position] for column, values in columns.items()}
        return found

    def words(self, dataset: str, name: str | None, column: str) -> dict[int, str]:
        """Text of one resource by hour, blanks left out."""
        found: dict[int, str] = {}
        for part in self.parts(dataset, name):
            if column in part.words:
                text = part.words[column]
                for hour, code in zip(part.times.tolist(), text.codes.tolist(), strict=True):
                    if code >= 0:
                        found[hour] = text.words[code]
        return found

    def telemetry(self, dataset: str, name: str | None, column: str) -> dict[int, Value]:
        """Value of one resource by run, the later row winning, without runs that nothing tells apart."""
        found: dict[int, Value] = {}
        for part in self.parts(dataset, name):
            found.update(_series(part, column) if column in part.numbers else dict.fromkeys(part.times.tolist()))
        if dataset in self.hidden:
            runs = self.runs[dataset]
            found = {run: value for run, value in found.items() if run in runs}
        return found

    def held(self, dataset: str, name: str | None, column: str) -> Held:
        """Telemetry of one resource as energy."""
        return hold(self.telemetry(dataset, name, column).items(), self.runs[dataset], self.quarters)


def _plain(values: Iterable[float]) -> list[Value]:
    """Blanks as None."""
    return [None if math.isnan(value) else value for value in values]


def _series(part: Rows, column: str) -> dict[int, Value]:
    """One column by time, the later row winning."""
    return dict(zip(part.times.tolist(), _plain(part.numbers[column].tolist()), strict=True))


def _ends(part: Rows) -> tuple[int, int]:
    """First and last time of some rows."""
    times = part.times.tolist()
    return min(times), max(times)


# ---- sums over time ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Sum:
    """A sum that skips unknowns, and how many terms were known."""

    total: float = 0.0
    count: int = 0

    def add(self, value: Value) -> None:
        """Add a term, if known."""
        if value is not None:
            self.total += value
            self.count += 1

    def join(self, other: Sum) -> None:
        """Add another sum."""
        self.total += other.total
        self.count += other.count

    @property
    def value(self) -> Value:
        """The sum, or None if no term was known."""
        return self.total if self.count else None


_ENERGY_SUMS = (
    "da",
    "rt",
    "energy",
    "unmatched",
    "metered",
    "charging_cost",
    "discharge",
    "charge",
    "both_discharge",
    "both_charge",
)


@dataclass(slots=True)
class Tally:
    """Sums of one battery over one day, or over several."""

    energy: dict[str, Sum] = field(default_factory=lambda: {name: Sum() for name in _ENERGY_SUMS})
    da: dict[str, Sum] = field(default_factory=lambda: {product: Sum() for product in PRODUCTS})
    rt: dict[str, Sum] = field(default_factory=lambda: {product: Sum() for product in PRODUCTS})
    exists: set[str] = field(default_factory=set)
    quarters: int = 0
    hours: int = 0
    hours_known: int = 0
    combo: bool = False

    def join(self, other: Tally) -> None:
        """Add another tally."""
        for mine, its in ((self.energy, other.energy), (self.da, other.da), (self.rt, other.rt)):
            for name, value in its.items():
                mine[name].join(value)
        self.exists |= other.exists
        self.quarters += other.quarters
        self.hours += other.hours
        self.hours_known += other.hours_known
        self.combo = self.combo or other.combo

    def ancillary(self, product: str) -> Value:
        """Money of one product, both legs."""
        if self.da[product].value is None:
            return None
        return self.da[product].total + self.rt[product].total

    def ancillary_total(self) -> Value:
        """Money of all products: unknown if one that exists is."""
        return _total(self.ancillary(product) for product in PRODUCTS if product in self.exists)

    def energy_total(self) -> Value:
        """Money of energy: unknown if one leg is."""
        return _total((self.energy["da"].value, self.energy["rt"].value))

    def total(self) -> Value:
        """All money: unknown if energy or a product that exists is."""
        return _total((self.energy_total(), self.ancillary_total()))


def _total(parts: Iterable[Value]) -> Value:
    """A sum that is unknown if one of its parts is."""
    added = 0.0
    for part in parts:
        if part is None:
            return None
        added += part
    return added


# ---- one battery, one year --------------------------------------------------------------------------------------------------


@dataclass
class Account:
    """What a year of one battery came to.

    Attributes:
        battery: who.
        first: position of the first expected day.
        last: position of the last.
        days: sums by position of the day.
        nodes: settlement point by hour.
        awarded: positions of days with an award.
        capacity_mw: power.
        energy_mwh: energy.
        names: resources seen, as gen, load and esr.
        qse: who represented it last.
        tb2: TB2 of its node by position of the day, where known.
    """

    battery: Battery
    first: int
    last: int
    days: dict[int, Tally]
    nodes: dict[int, str]
    awarded: set[int]
    capacity_mw: Value
    energy_mwh: Value
    names: tuple[str, str, str]
    qse: str
    tb2: dict[int, float]


def nth_largest_hourly(by_hour: Mapping[int, float], rank: int = CAPACITY_RANK) -> Value:
    """The 24th largest value > 0, the largest if there are fewer, None if there is none (section 11)."""
    ordered = sorted((value for value in by_hour.values() if value > 0.0), reverse=True)
    if not ordered:
        return None
    return ordered[rank - 1] if len(ordered) >= rank else ordered[0]


def _hourly_maximum(series: Iterable[tuple[int, Value]]) -> dict[int, float]:
    """Largest value of each hour."""
    found: dict[int, float] = {}
    for time, value in series:
        hour = time - time % HOUR
        if value is not None and value > found.get(hour, 0.0):
            found[hour] = value
    return found


def reckon_battery(book: Book, battery: Battery, last_data_day: int) -> Account | None:
    """Settle one battery over one year.

    Args:
        book: the published rows.
        battery: whose resources form it.
        last_data_day: position of the day up to which data go.

    Returns:
        Its account, or None if no row of the year names it.
    """
    seen = _seen_days(book, battery)
    if not seen:
        return None
    first_data_day, last_day_with_rows = book.data_days
    first = 0 if min(seen) == first_data_day else min(seen)
    last = last_data_day if max(seen) == last_day_with_rows else max(seen)

    gen_rows = book.hourly("DAM_Gen_Resources", battery.gen)
    load_rows = book.hourly("DAM_Load_Resources", battery.load)
    esr_rows = book.hourly("DAM_ESR_Resources", battery.esr)
    nodes = _nodes(book, battery, first, last)
    capacity = _capacity(book, battery, gen_rows, esr_rows, load_rows)
    days = {day: Tally() for day in range(first, last + 1)}
    awarded: set[int] = set()
    energy_awards = _settle_ancillary(book, battery, days, awarded, gen_rows, load_rows, esr_rows)
    _settle_energy(book, battery, days, nodes, energy_awards)
    return Account(
        battery=battery,
        first=first,
        last=last,
        days=days,
        nodes=nodes,
        awarded=awarded,
        capacity_mw=capacity,
        energy_mwh=_energy_mwh(book, battery),
        names=_names(book, battery),
        qse=_qse(book, battery),
        tb2=_tb2(book, nodes, first, last),
    )


def _resources(battery: Battery) -> list[tuple[str, str | None]]:
    """Datasets and the resource of the battery in each (ruling 10)."""
    return [
        ("DAM_Gen_Resources", battery.gen),
        ("SCED_Gen_Resources", battery.gen),
        ("SCED_SMNE", battery.gen),
        ("DAM_Load_Resources", battery.load),
        ("SCED_Load_Resources", battery.load),
        ("DAM_ESR_Resources", battery.esr),
        ("SCED_ESR_Resources", battery.esr),
    ]


def _seen_days(book: Book, battery: Battery) -> set[int]:
    """First and last days with rows of the battery in each part of a file."""
    return {
        book.day_of(time)
        for dataset, name in _resources(battery)
        for part in book.parts(dataset, name)
        for time in _ends(part)
    }


def _names(book: Book, battery: Battery) -> tuple[str, str, str]:
    """Names under which the year's rows know it."""

    def known(name: str | None, datasets: Sequence[str]) -> str:
        return name if name is not None and any(book.parts(dataset, name) for dataset in datasets) else ""

    return (
        known(battery.gen, ("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_SMNE")),
        known(battery.load, ("DAM_Load_Resources", "SCED_Load_Resources")),
        known(battery.esr, ("DAM_ESR_Resources", "SCED_ESR_Resources")),
    )


def _qse(book: Book, battery: Battery) -> str:
    """QSE of the last day-ahead row that has one, else of the last SCED row (ruling 13)."""
    for datasets in (("DAM_Gen_Resources", "DAM_ESR_Resources"), ("SCED_Gen_Resources", "SCED_ESR_Resources")):
        found = [
            (max(part.times.tolist()), part.qse)
            for dataset, name in zip(datasets, (battery.gen, battery.esr), strict=True)
            for part in book.parts(dataset, name)
            if part.qse
        ]
        if found:
            return max(found)[1]
    return ""


def _nodes(book: Book, battery: Battery, first: int, last: int) -> dict[int, str]:
    """Settlement point of each expected hour (section 3, ruling 11)."""
    given = book.words("DAM_Gen_Resources", battery.gen, "node")
    given = {hour: node for hour, node in given.items() if hour < DAM_ESR}
    given.update(
        {hour: node for hour, node in book.words("DAM_ESR_Resources", battery.esr, "node").items() if hour >= DAM_ESR}
    )
    if not given:
        return {}
    node = given[min(given)]
    found = {}
    for hour in range(book.start, book.day_starts[last + 1], HOUR):
        node = given.get(hour, node)
        if hour >= book.day_starts[first]:
            found[hour] = node
    return found


def _capacity(
    book: Book, battery: Battery, gen_rows: Mapping[int, Row], esr_rows: Mapping[int, Row], load_rows: Mapping[int, Row]
) -> Value:
    """24th largest hourly HSL of the year, from the best place that has one (section 11, ruling 16)."""
    limits = [(hour, row.get("hsl")) for rows in (gen_rows, esr_rows) for hour, row in rows.items()]
    found = nth_largest_hourly(_hourly_maximum(limits))
    if found is None:
        places = (("SCED_Gen_Resources", battery.gen), ("SCED_ESR_Resources", battery.esr))
        series = [item for dataset, name in places for item in book.telemetry(dataset, name, "hsl").items()]
        found = nth_largest_hourly(_hourly_maximum(series))
    if found is None:
        plans = [
            (hour, row.get("hsl"))
            for name in (battery.gen, battery.esr)
            for hour, row in book.hourly("COP_Snapshots", name).items()
        ]
        found = nth_largest_hourly(_hourly_maximum(plans))
    if found is None:
        found = nth_largest_hourly(_hourly_maximum((hour, row.get("max_power")) for hour, row in load_rows.items()))
    if found is None:
        found = nth_largest_hourly(
            _hourly_maximum(book.telemetry("SCED_Load_Resources", battery.load, "max_power").items())
        )
    return found


def _energy_mwh(book: Book, battery: Battery) -> Value:
    """24th largest hourly Maximum SOC: SCED of storage resources, else COP (section 11)."""
    found = nth_largest_hourly(_hourly_maximum(book.telemetry("SCED_ESR_Resources", battery.esr, "max_soc").items()))
    if found is None:
        plans = [
            (hour, row.get("max_soc"))
            for name in {battery.gen, battery.esr}
            for hour, row in book.hourly("COP_Snapshots", name).items()
        ]
        found = nth_largest_hourly(_hourly_maximum(plans))
    return found


def _tb2(book: Book, nodes: Mapping[int, str], first: int, last: int) -> dict[int, float]:
    """Two highest less two lowest hourly day-ahead prices of each day at the node of its first hour (section 11)."""
    found = {}
    for day in range(first, last + 1):
        node = nodes.get(book.day_starts[day])
        if node is None:
            continue
        prices = book.da_price.get(node, {})
        known = [prices.get(hour) for hour in range(book.day_starts[day], book.day_starts[day + 1], HOUR)]
        ordered = sorted(price for price in known if price is not None)
        if len(ordered) == len(known):
            found[day] = ordered[-1] + ordered[-2] - ordered[0] - ordered[1]
    return found


def _settle_ancillary(
    book: Book,
    battery: Battery,
    days: Mapping[int, Tally],
    awarded: set[int],
    gen_rows: Mapping[int, Row],
    load_rows: Mapping[int, Row],
    esr_rows: Mapping[int, Row],
) -> dict[int, Value]:
    """Settle ancillary services hour by hour (3.1, 3.2, section 4).

    Returns:
        The day-ahead energy award of each hour, None where unknown.
    """
    responsibility = _real_time_awards(book, battery)
    energy_awards: dict[int, Value] = {}
    for day, tally in days.items():
        for hour in range(book.day_starts[day], book.day_starts[day + 1], HOUR):
            combo_awards = hour < DAM_ESR
            dataset, rows = ("DAM_Gen_Resources", gen_rows) if combo_awards else ("DAM_ESR_Resources", esr_rows)
            listed = hour in book.listed_hours[dataset]
            row = rows.get(hour)
            energy = _energy_award(row) if row is not None else (0.0 if listed else None)
            energy_awards[hour] = energy
            some = energy is not None and energy > 0.0
            tally.hours += 1
            all_known = True
            for product in PRODUCTS:
                if product == "ecrs" and hour < book.ecrs_from:
                    continue
                tally.exists.add(product)
                award = day_ahead_award(row, product, of_load=False) if row is not None else (0.0 if listed else None)
                if combo_awards and battery.load is not None:
                    load_row = load_rows.get(hour)
                    there = hour in book.listed_hours["DAM_Load_Resources"]
                    of_load = (
                        day_ahead_award(load_row, product, of_load=True)
                        if load_row is not None
                        else (0.0 if there else None)
                    )
                    some = some or (of_load is not None and of_load > 0.0)
                    some = some or (award is not None and award > 0.0)
                    award = _total((award, of_load))
                some = some or (award is not None and award > 0.0)
                price = book.as_price.get(product.upper(), {}).get(hour)
                da = None if award is None or price is None else award * price
                if hour >= RTC:
                    rt = _real_time_leg(book, responsibility.get(product), product, hour, award)
                    if da is not None and rt is not None:
                        tally.da[product].add(da)
                        tally.rt[product].add(rt)
                    else:
                        all_known = False
                elif da is not None:
                    tally.da[product].add(da)
                else:
                    all_known = False
            if all_known:
                tally.hours_known += 1
            if some:
                awarded.add(day)
    return energy_awards


def _energy_award(row: Row) -> Value:
    """Day-ahead energy award of a row: 0 if blank, None if the file lacks the column."""
    if "awarded" not in row:
        return None
    return row["awarded"] or 0.0


def _real_time_awards(book: Book, battery: Battery) -> dict[str, Held]:
    """Real-time awards of each product, averaged as telemetry is; a blank is no award."""
    if battery.esr is None or not book.parts("SCED_ESR_Resources", battery.esr):
        return {}
    dataset = "SCED_ESR_Resources"
    runs = book.runs[dataset]
    # Every row observes its run; only awards > 0 need adding up after that.
    rows = {run for part in book.parts(dataset, battery.esr) for run in part.times.tolist() if run in runs}
    observed = hold(((run, 0.0) for run in rows), runs, book.quarters).seconds
    found = {}
    for product in PRODUCTS:
        columns = RRS_PARTS if product == "rrs" else (product,)
        known = [
            column for column in columns if any(column in part.numbers for part in book.parts(dataset, battery.esr))
        ]
        if not known:
            continue
        awards: dict[int, float] = {}
        for column in known:
            for run, value in book.telemetry(dataset, battery.esr, column).items():
                if value:
                    awards[run] = awards.get(run, 0.0) + value
        found[product] = Held(observed, hold(awards.items(), runs, book.quarters).positive, [])
    return found


def _real_time_leg(book: Book, held: Held | None, product: str, hour: int, award: Value) -> Value:
    """(R - A) x price / 4 over the four quarter-hours of an hour, unknown if one of them is (3.2, section 4)."""
    if held is None or award is None:
        return None
    prices = book.rt_as_price.get(product.upper(), {})
    added = 0.0
    for quarter_start in range(hour, hour + HOUR, QUARTER):
        price = prices.get(quarter_start)
        real = held.mean_mw((quarter_start - book.start) // QUARTER)
        if price is None or real is None:
            return None
        added += (real - award) * price / 4.0
    return added


def _settle_energy(
    book: Book, battery: Battery, days: Mapping[int, Tally], nodes: Mapping[int, str], awards: Mapping[int, Value]
) -> None:
    """Settle energy quarter-hour by quarter-hour (3.1, 3.2, matched legs of section 4)."""
    combo = _ComboSide(book, battery)
    single_output = book.held("SCED_ESR_Resources", battery.esr, "net_output")
    single_base = book.held("SCED_ESR_Resources", battery.esr, "base_point")
    nothing: dict[int, Value] = {}
    for day, tally in days.items():
        sums = tally.energy
        for time in range(book.day_starts[day], book.day_starts[day + 1], QUARTER):
            quarter = (time - book.start) // QUARTER
            hour = time - time % HOUR
            if time < RTC:
                tally.combo = True
                discharge, charge = combo.discharge_mwh(time, quarter), combo.charge_mwh(quarter)
            else:
                discharge, charge = single_output.discharge_mwh(quarter), single_output.charge_mwh(quarter)
                if discharge is None:
                    discharge, charge = single_base.discharge_mwh(quarter), single_base.charge_mwh(quarter)
            node = nodes.get(hour)
            rt_price = book.rt_price.get(node, nothing).get(time) if node is not None else None
            da_price = book.da_price.get(node, nothing).get(hour) if node is not None else None
            award = awards[hour]
            da = None if award is None or da_price is None else award / 4.0 * da_price
            metered = (
                None if discharge is None or charge is None or rt_price is None else (discharge - charge) * rt_price
            )
            offset = None if award is None or rt_price is None else -award / 4.0 * rt_price
            rt = None if metered is None or offset is None else metered + offset
            tally.quarters += 1
            if da is not None and rt is not None:
                sums["da"].add(da)
                sums["rt"].add(rt)
                sums["energy"].add(da + rt)
            elif rt is None:
                sums["unmatched"].add(da)
            sums["metered"].add(metered)
            sums["charging_cost"].add(None if charge is None or rt_price is None else charge * rt_price)
            sums["discharge"].add(discharge)
            sums["charge"].add(charge)
            if discharge is not None and charge is not None:
                sums["both_discharge"].add(discharge)
                sums["both_charge"].add(charge)


class _ComboSide:
    """Discharge and charge of a battery before RTC+B, from the best quantity there is (3.1, ruling 5)."""

    def __init__(self, book: Book, battery: Battery) -> None:
        self.metered: dict[int, Value] = {}
        for part in book.parts("SCED_SMNE", battery.gen):
            self.metered.update(_series(part, "value"))
        self.output = book.held("SCED_Gen_Resources", battery.gen, "net_output")
        self.base = book.held("SCED_Gen_Resources", battery.gen, "base_point")
        self.drawn = book.held("SCED_Load_Resources", battery.load, "real_power")
        self.drawn_base = book.held("SCED_Load_Resources", battery.load, "base_point")

    def discharge_mwh(self, time: int, quarter: int) -> Value:
        """Settlement-metered energy, else telemetered output, else base point."""
        metered = self.metered.get(time)
        if metered is not None:
            return max(metered, 0.0)
        telemetered = self.output.discharge_mwh(quarter)
        return telemetered if telemetered is not None else self.base.discharge_mwh(quarter)

    def charge_mwh(self, quarter: int) -> Value:
        """Real power consumption of the load resource, else its base point; its consumption is positive."""
        drawn = self.drawn.discharge_mwh(quarter)
        return drawn if drawn is not None else self.drawn_base.discharge_mwh(quarter)


# ---- section 11: a row of the leaderboard -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Period:
    """A year or a month.

    Attributes:
        days: positions of its days in the year.
        months: how many months it has.
        least_active_days: under which nothing is annualised or ranked.
    """

    days: range
    months: int
    least_active_days: int

    @property
    def yearly(self) -> bool:
        """True for a whole year."""
        return self.months == 12


def leaderboard_row(account: Account, period: Period, book: Book, data_through: str, edition: str) -> Record | None:
    """One battery over one period, by section 11.

    Returns:
        Its row without rank, or None if it is not expected on any day of the period.
    """
    expected = [day for day in range(account.first, account.last + 1) if day in period.days]
    if not expected:
        return None
    whole = Tally()
    for day in expected:
        whole.join(account.days[day])
    capacity, energy_mwh = account.capacity_mw, account.energy_mwh
    first_active = _first_active_day(account)
    active = [day for day in expected if first_active is not None and day >= first_active]
    sums = whole.energy
    energy, ancillary, total = whole.energy_total(), whole.ancillary_total(), whole.total()
    discharge = sums["discharge"].value

    tb2_days = [
        day
        for day in active
        if day in account.tb2
        and account.days[day].energy["energy"].count >= RANKED_COVERAGE * account.days[day].quarters
    ]
    tb2 = capacity * sum(account.tb2[day] for day in tb2_days) if capacity is not None and tb2_days else None
    captured = Sum()
    for day in tb2_days:
        captured.add(account.days[day].energy_total())

    per_mw = _over(total, capacity)
    per_kw_month = per_kw_year = None
    if per_mw is not None and len(active) >= period.least_active_days:
        scaled = per_mw / 1000.0 * len(period.days) / len(active)
        per_kw_month, per_kw_year = (scaled / 12.0, scaled) if period.yearly else (scaled, scaled * 12.0)

    cycles = None
    if energy_mwh is not None and discharge is not None:
        cycles = discharge / energy_mwh / (sums["discharge"].count / 96.0)
    efficiency = None
    least_charge = (
        LEAST_CYCLES * energy_mwh
        if energy_mwh is not None
        else None
        if capacity is None
        else 2.0 * LEAST_CYCLES * capacity
    )
    if least_charge is not None and sums["both_charge"].count and sums["both_charge"].total >= least_charge:
        efficiency = sums["both_discharge"].total / sums["both_charge"].total

    gains = {"energy": energy, **{product: whole.ancillary(product) for product in PRODUCTS if product in whole.exists}}
    day_totals = [value for value in (account.days[day].total() for day in expected) if value is not None]
    best_day_share = max(day_totals) / total if total is not None and total > 0.0 and day_totals else None
    energy_coverage = sums["energy"].count / whole.quarters
    as_coverage = whole.hours_known / whole.hours
    node = account.nodes.get(book.day_starts[expected[-1] + 1] - HOUR, "")
    days = operating_year(book.year).days

    reasons = []
    if not node:
        reasons.append("settlement point unknown")
    if whole.combo and account.battery.load is None:
        reasons.append("charging unknown")
    if energy_coverage < RANKED_COVERAGE:
        reasons.append(f"energy coverage {_cut(sums['energy'].count, whole.quarters)} below 0.95")
    if as_coverage < RANKED_COVERAGE:
        reasons.append(f"AS coverage {_cut(whole.hours_known, whole.hours)} below 0.95")
    if capacity is None:
        reasons.append("capacity unknown")
    if len(active) < period.least_active_days:
        reasons.append(f"active {len(active)} days, under {period.least_active_days}")

    row: Record = {
        "battery": account.battery.key,
        "gen_resource": account.names[0],
        "load_resource": account.names[1],
        "esr_resource": account.names[2],
        "settlement_point": node,
        "qse": account.qse,
        "capacity_mw": capacity,
        "energy_mwh": energy_mwh,
        "duration_hours": ASSUMED_HOURS if energy_mwh is None else _over(energy_mwh, capacity),
        "duration_source": "assumed" if energy_mwh is None else "ercot",
        "first_active_date": "" if first_active is None else days[first_active].isoformat(),
        "active_days": len(active),
        "da_energy_usd": sums["da"].value,
        "rt_energy_usd": sums["rt"].value,
        "energy_usd": energy,
        "charging_cost_usd": sums["charging_cost"].value,
        "as_usd": ancillary,
        "total_usd": total,
        "usd_per_mw": per_mw,
        "usd_per_kw_month": per_kw_month,
        "usd_per_kw_year": per_kw_year,
        "usd_per_mwh_discharged": total / discharge
        if total is not None and discharge is not None and discharge >= 1.0
        else None,
        "discharge_mwh": discharge,
        "charge_mwh": sums["charge"].value,
        "cycles_per_day": cycles,
        "round_trip_efficiency": efficiency,
        "tb2_usd": tb2,
        "tb2_capture": captured.total / tb2 if captured.count and tb2 is not None and tb2 > 0.0 else None,
        "energy_share": _energy_share(gains),
        "top_as_product": _top_product(gains),
        "strategy": _strategy(gains, capacity, period.months),
        "best_day_share": best_day_share,
        "energy_coverage": energy_coverage,
        "as_coverage": as_coverage,
        "da_unmatched_usd": sums["unmatched"].value,
        "rt_metered_usd": sums["metered"].value,
        "data_through": data_through,
        "edition": edition,
        "excluded_reason": "; ".join(reasons),
    }
    for product in PRODUCTS:
        row[f"as_{product}_usd"] = whole.ancillary(product)
        row[f"as_{product}_da_usd"] = whole.da[product].value
        row[f"as_{product}_rt_usd"] = whole.rt[product].value
    return row


def _over(value: Value, capacity: Value) -> Value:
    return None if value is None or capacity is None else value / capacity


def _cut(known: int, expected: int) -> str:
    """A share cut, not rounded, to three decimals (ruling 15)."""
    thousandths = known * 1000 // expected
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def _first_active_day(account: Account) -> int | None:
    """First expected day with an award > 0 or discharge of a tenth of an hour at full power (section 11)."""
    for day in range(account.first, account.last + 1):
        discharge = account.days[day].energy["discharge"].value
        moved = discharge is not None and account.capacity_mw is not None and discharge >= 0.1 * account.capacity_mw
        if day in account.awarded or moved:
            return day
    return None


def _gain(value: Value) -> Value:
    return None if value is None else max(value, 0.0)


def _energy_share(gains: Mapping[str, Value]) -> Value:
    """Share of energy in what was gained (section 11); unknown if a component is, or nothing was gained."""
    gained = _total(_gain(value) for value in gains.values())
    energy = _gain(gains["energy"])
    return energy / gained if gained is not None and gained > 0.0 and energy is not None else None


def _top_product(gains: Mapping[str, Value]) -> str:
    """The ancillary product of largest gain > 0; none if one that exists is unknown, for it might be larger."""
    best, most = "", 0.0
    for product in PRODUCTS:
        if product not in gains:
            continue
        gain = _gain(gains[product])
        if gain is None:
            return ""
        if gain > most:
            best, most = product, gain
    return best


def _strategy(gains: Mapping[str, Value], capacity: Value, months: int) -> str:
    """Label of section 10."""
    gained = _total(_gain(value) for value in gains.values())
    if gained is None:
        return ""
    if gained < (INACTIVE_USD if capacity is None else INACTIVE_USD_PER_MW_MONTH * capacity * months):
        return "inactive"
    share = _energy_share(gains)
    if share is None:
        return ""
    return "energy_arbitrage" if share > 0.8 else "ancillary_services" if share < 0.2 else "hybrid"


# ---- the board --------------------------------------------------------------------------------------------------------------


def _ranked(rows: list[Record]) -> list[Record]:
    """Ranked rows by total, highest first, then the others by total, ancillary money and name, unknowns last (section 11)."""

    def highest_first(value: object) -> tuple[int, float]:
        return (0, -value) if isinstance(value, float) else (1, 0.0)

    ranked = sorted(
        (row for row in rows if not row["excluded_reason"]),
        key=lambda row: (highest_first(row["total_usd"]), row["battery"]),
    )
    others = sorted(
        (row for row in rows if row["excluded_reason"]),
        key=lambda row: (highest_first(row["total_usd"]), highest_first(row["as_usd"]), row["battery"]),
    )
    for position, row in enumerate(ranked, start=1):
        row["rank"] = position
    return ranked + others


def reckon_year(
    year: int, fleet: Fleet, rows: Mapping[str, Sequence[Rows]], *, later_rows: bool
) -> tuple[list[Record], list[Record]]:
    """The leaderboard of a year and of its months.

    Args:
        year: the operating year.
        fleet: which resources form a battery.
        rows: its published rows.
        later_rows: the files read for the year also hold days of the next one, so that the year is closed (section 11).

    Returns:
        Rows of the yearly and of the monthly leaderboard, in order.
    """
    book = Book.of(year, rows)
    horizon = len(operating_year(year).days) - 1 if later_rows else book.data_days[1]
    accounts = [
        account
        for account in (reckon_battery(book, battery, horizon) for battery in fleet.batteries)
        if account is not None
    ]
    return boards(book, accounts, horizon, later_rows=later_rows)


def boards(
    book: Book, accounts: Sequence[Account], horizon: int, *, later_rows: bool
) -> tuple[list[Record], list[Record]]:
    """Settled batteries as the leaderboard of the year and of its months.

    Args:
        book: year and days.
        accounts: what the year of each battery came to.
        horizon: position of the last day that data go to.
        later_rows: as for `reckon_year`.

    Returns:
        Rows of the yearly and of the monthly leaderboard, in order.
    """
    calendar = operating_year(book.year)
    data_through = calendar.days[horizon].isoformat()
    edition = "final" if later_rows else "preliminary"

    def board(period: Period) -> list[Record]:
        found = [leaderboard_row(account, period, book, data_through, edition) for account in accounts]
        return _ranked([row for row in found if row is not None])

    yearly = board(Period(range(len(calendar.days)), 12, RANKED_ACTIVE_DAYS))
    monthly: list[Record] = []
    for month in range(1, 13):
        inside = [position for position, day in enumerate(calendar.days) if day.month == month]
        rows_of_month = board(Period(range(inside[0], inside[-1] + 1), 1, RANKED_ACTIVE_DAYS_OF_MONTH))
        monthly.extend({"month": month, **row} for row in rows_of_month)
    return yearly, monthly


def write_csv(path: Path, rows: Sequence[Record], first_columns: Sequence[str] = ()) -> None:
    """Write leaderboard rows, numbers at full precision and unknowns as empty cells.

    Args:
        path: file to write.
        rows: the rows in order.
        first_columns: columns before those of the leaderboard.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        columns = [*first_columns, *COLUMNS]
        writer.writerow(columns)
        for row in rows:
            writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)
