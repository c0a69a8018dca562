"""Every dataset of ERCOT's that is used: its headings of every era, mapped to canonical columns.

Headings are compared by their letters and digits alone, in lower case, so that ERCOT's own `Telemetered Net Output ` (with its trailing space) and a rollup's
`TelemeteredNetOutput` are one heading.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, ECRS_FIRST_DAY, PRODUCTS, RTC_FIRST_DAY
from bess_assets.errors import InputError

Kind = Literal["name", "day", "hour", "interval", "flag", "stamp", "number"]
"""name: trimmed text. day: delivery date. hour: hour ending or delivery hour, 1..25. interval: whole number. flag: Y or N.
stamp: wall-clock time. number: float."""

PRICE_SOURCE = "price_source"
"""Column of rollups of prices that says where a row is from, `correction` or `history`; blank for a price report."""
_PRICES = ("price_usd_per_mwh", "mcpc_usd_per_mw")
_MAX_SOC_FIRST_DAY = date(2024, 6, 28)
_RRS_SPLIT_FIRST_DAY = date(2022, 12, 13)
_ALWAYS = date(2000, 1, 1)


@lru_cache(maxsize=8192)
def normal_heading(heading: str) -> str:
    """Letters and digits of a heading in lower case: what headings are compared by."""
    return re.sub(r"[^a-z0-9]", "", heading.lower())


@dataclass(frozen=True)
class DatasetColumn:
    """One canonical column of a dataset.

    Attributes:
        name: canonical name, with unit.
        kind: how its values are read.
        headings: spellings, best first; where a file has several, the first that it has is read.
        required: True if rows mean nothing without it.
        first_day: first operating day on which ERCOT publishes it; absent before is no finding. `date.max`: ERCOT never does, a rollup's producer may.
        last_day: last operating day on which ERCOT publishes it.
        never_all_zero: True if no real file holds zeros alone, so that such a file had absent data filled in.
        only_compared: True if it is compared with another dataset where a file has it, or stands in for it: its absence is no finding.
    """

    name: str
    kind: Kind
    headings: tuple[str, ...]
    required: bool = False
    first_day: date = _ALWAYS
    last_day: date = date.max
    never_all_zero: bool = False
    only_compared: bool = False


@dataclass(frozen=True, eq=False)
class Dataset:
    """One dataset, one rollup folder.

    Attributes:
        folder: folder of its annual rollups.
        meaning: what a row is.
        report: ERCOT's report it comes from.
        columns: canonical columns by name.
        unread: patterns of normal headings that are known and not used.
        foreign: headings that prove a file to be another dataset's: its rows would be taken for something that they are not.
        first_day: first operating day that has rows.
        last_year: last delivery year that has rows.
        names: patterns of the names of ERCOT's report files, letters and digits alone in lower case; if empty, names begin with `report`.
        histories: such patterns of the price histories and corrections that hold the same prices: yearly files, and old beside new prices.
        wide: products, as normal headings, that may be columns of their own in a price history.
        marks: alternatives of headings; a report file that has all headings of one of them is this dataset's, whatever its name; empty: by name alone.
        key: canonical columns that, with the time, name one row of a report; empty where nothing does, and the newest publication of a day is taken whole.
        in_no_figure: True if no figure is made of it, so that its absence means nothing.
        stood_in_for: True if another dataset's quantity stands in for rows that it lacks, named on the board: a hole in it costs no figure.
    """

    folder: str
    meaning: str
    report: str
    columns: dict[str, DatasetColumn]
    unread: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    first_day: date = _ALWAYS
    last_year: int = 9999
    names: tuple[str, ...] = ()
    histories: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()
    marks: tuple[tuple[str, ...], ...] = ()
    key: tuple[str, ...] = ()
    in_no_figure: bool = False
    stood_in_for: bool = False

    @property
    def name(self) -> str:
        """Canonical name, also the asset key."""
        return self.folder.lower()

    @property
    def sixty_day(self) -> bool:
        """True if rollups are grouped by publication year: a delivery year then needs files Y and Y+1."""
        return self.report.startswith("60d")

    @property
    def first_year(self) -> int:
        """First delivery year that has rows."""
        return max(self.first_day.year, 2010)

    def places(self, headings: Sequence[str]) -> dict[str, list[int]]:
        """Canonical name -> positions of all headings that stand for it, those of the preferred spelling first."""
        there: defaultdict[str, list[int]] = defaultdict(list)
        for place, heading in enumerate(headings):
            there[normal_heading(heading)].append(place)
        normals = {name: dict.fromkeys(map(normal_heading, column.headings)) for name, column in self.columns.items()}
        found = {name: [place for normal in own for place in there[normal]] for name, own in normals.items()}
        return {name: places for name, places in found.items() if places}

    def canonical(self, headings: Sequence[str]) -> dict[str, str]:
        """Canonical name -> preferred heading, for the columns that the headings hold."""
        return {name: headings[places[0]] for name, places in self.places(headings).items()}

    def knows(self, heading: str) -> bool:
        """Whether the heading is one that some era of the dataset has."""
        normal = normal_heading(heading)
        read = (normal == normal_heading(own) for column in self.columns.values() for own in column.headings)
        known = (*_ROLLUP_EXTRAS, *self.unread, *self.wide)
        return any(read) or any(re.fullmatch(pattern, normal) for pattern in known)

    def holds_text(self, heading: str) -> bool:
        """Whether a heading that is not read holds text: one of the known text columns, or one that no era of the dataset has."""
        return not self.knows(heading) or any(re.fullmatch(p, normal_heading(heading)) for p in _UNREAD_TEXTS)

    def is_foreign(self, heading: str) -> bool:
        """Whether the heading proves a file to be another dataset's."""
        return normal_heading(heading) in map(normal_heading, self.foreign)

    def lacking(self, headings: Sequence[str]) -> list[DatasetColumn]:
        """Required columns that none of the headings holds."""
        there = self.places(headings)
        return [column for name, column in self.columns.items() if column.required and name not in there]

    def melted(self, headings: Sequence[str]) -> list[int]:
        """Positions of the headings that are products, each column of which becomes rows of its product; none where a column names the product."""
        wide = [n for n, heading in enumerate(headings) if normal_heading(heading) in self.wide]
        return [] if "product" in self.places(headings) else wide

    def columns_of_report(self, headings: Sequence[str]) -> set[str]:
        """Canonical columns that the rows of a report with these headings have."""
        return {*self.places(headings), *(("product", "mcpc_usd_per_mw") if self.melted(headings) else ())}

    def lacking_in_report(self, headings: Sequence[str]) -> list[DatasetColumn]:
        """Columns, the required ones and the price, without which a file is no report of this dataset."""
        there = self.columns_of_report(headings)
        return [own for name, own in self.columns.items() if (own.required or name in _PRICES) and name not in there]

    def fits(self, headings: Sequence[str]) -> bool:
        """Whether a report with these headings can be one of this dataset's: it lacks no column, and has none that is another's."""
        return not any(map(self.is_foreign, headings)) and not self.lacking_in_report(headings)

    def price_source(self, name: str, headings: Sequence[str]) -> str | None:
        """Which source of prices a report is, `correction` or `history`, by its name in letters and digits and its headings; None for any other report."""
        if PRICE_SOURCE not in self.columns:
            return None
        price = next((own for own in self.canonical(headings).items() if own[0] in _PRICES), ("", ""))[1]
        if normal_heading(price).endswith("corrected"):
            return "correction"
        is_history = self.melted(headings) or "xlsx" in name or any(re.fullmatch(p, name) for p in self.histories)
        return "history" if is_history else None

    def is_marked(self, headings: Sequence[str]) -> bool:
        """Whether the headings alone say that a file is one of this dataset's."""
        there = set(map(normal_heading, headings))
        return any(there.issuperset(map(normal_heading, alternative)) for alternative in self.marks)

    def refusal(self, path: Path, problem: str, *, expected: str, remedy: str, column: str | None = None) -> InputError:
        """The error for a rollup file of this dataset; `problem` goes on from the file's name."""
        problem = f"{path.name} of {self.folder} {problem}"
        return InputError(problem, dataset=self.name, file=path, column=column, expected=expected, remedy=remedy)


# fmt: off
_ROLLUP_EXTRAS = ("datetime", "hour", "deliverydatestr", "year", "month")
_UNREAD_TEXTS = (
    "qse", "qsename", "dme", "pricecorrectiontime", "sasmid", "bidtype", "proxyextension", "bidid", "offerid", "multihourblockflag", r"blockindicator\d+",
)
"""Headings that are known, not used, and hold text; the other unused ones hold numbers."""
# fmt: on


def _column(name: str, kind: Kind, *headings: str, **more: Any) -> DatasetColumn:
    return DatasetColumn(name, kind, headings, **more)


def _number(name: str, *headings: str, **more: Any) -> DatasetColumn:
    return DatasetColumn(name, "number", headings, **more)


def _live(name: str, *headings: str, **more: Any) -> DatasetColumn:
    """A column of numbers, known to hold more than zeros in any real file."""
    return DatasetColumn(name, "number", headings, never_all_zero=True, **more)


def _dataset(folder: str, meaning: str, report: str, *columns: DatasetColumn, **more: Any) -> Dataset:
    return Dataset(folder, meaning, report, {column.name: column for column in columns}, **more)


_DAY = _column("operating_day", "day", "Delivery Date", required=True)
_HOUR_ENDING = _column("hour_ending", "hour", "Hour Ending", "hour", required=True)
_PRICED_HOUR = replace(_HOUR_ENDING, headings=("Hour Ending", "Delivery Hour", "hour"))
_DELIVERY_HOUR = _column("hour_ending", "hour", "Delivery Hour", "Hour Ending", "hour", required=True)
_INTERVAL = _column("interval", "interval", "Delivery Interval", required=True)
_DST_FLAG = _column("repeated_hour", "flag", "DSTFlag", "Repeated Hour Flag")
_REPEATED = _column("repeated_hour", "flag", "Repeated Hour Flag", "DSTFlag")
_REPEATED_IF_ADDED = replace(_REPEATED, first_day=date.max)  # ERCOT's hourly 60-day reports have no flag
_STAMP = _column("sced_stamp", "stamp", "SCED Time Stamp", required=True)
_RESOURCE = _column("resource_name", "name", "Resource Name", required=True)
_TYPE = _column("resource_type", "name", "Resource Type")
_QSE = _column("qse", "name", "QSE", "QSE Name", first_day=date(2023, 1, 1))
_OWN_QSE = _column("qse", "name", "QSE Name", "QSE")
_SCED_STATUS = _column("resource_status", "name", "Telemetered Resource Status", "Resource Status")
_PRODUCT = _column("product", "name", "AS Type", "Ancillary Type", required=True)
_POINT = _column("settlement_point", "name", "Settlement Point", required=True)
_SOURCE = _column(PRICE_SOURCE, "name", "Price Source", first_day=date.max)
_SPP = _live("price_usd_per_mwh", "Settlement Point Price", "SPP Corrected")
_CORRECTED = ("(spp|mcpc|cappedmcpc)original", "uncappedmcpc(original|corrected)?", "pricecorrectiontime")
"""Headings of price corrections that are not used."""
_WIDE = ("regup", "regdn", "regdown", "rrs", "ecrs", "nspin", "nonspin")
_DAM_CORRECTIONS, _RT_CORRECTIONS = ".*np4196.*", ".*np4197.*"


_RRS_PARTS = ("RRSPFR", "RRSFFR", "RRSUFR")


def _as_awards(*, load: bool) -> tuple[DatasetColumn, ...]:
    return (
        _live("regup_award_mw", "RegUp Awarded"),
        _live("regdn_award_mw", "RegDown Awarded", "RegDn Awarded"),
        _number("rrs_award_mw", "RRS Awarded", last_day=_RRS_SPLIT_FIRST_DAY),
        *(_number(f"{p.lower()}_award_mw", f"{p} Awarded", first_day=_RRS_SPLIT_FIRST_DAY) for p in _RRS_PARTS),
        _number("ecrs_award_mw", "ECRS Awarded", first_day=date.max),
        _number("ecrssd_award_mw", "ECRSSD Awarded", first_day=ECRS_FIRST_DAY),
        *([_number("ecrsmd_award_mw", "ECRSMD Awarded", first_day=ECRS_FIRST_DAY)] if load else []),
        _live("nspin_award_mw", "NonSpin Awarded", "NSPIN Awarded"),
    )


_STATED_MCPC = tuple(
    _number(f"{product}_mcpc_usd_per_mw", f"{label} MCPC", only_compared=True)
    for product, label in zip(PRODUCTS, ("RegUp", "RegDown", "RRS", "ECRS", "NonSpin"), strict=True)
)
"""The clearing prices that ERCOT's reports repeat in every row, and rollups found in the wild never do."""

_RT_AS_AWARDS = tuple(
    (_number if part in _RRS_PARTS else _live)(f"{part.lower()}_award_mw", f"AS Awards {part}", first_day=RTC_FIRST_DAY)
    for part in ("REGUP", "REGDN", *_RRS_PARTS, "ECRS", "NSPIN")
)

_DAM_UNREAD = (
    r"qsesubmittedcurve(mw|price)\d+",
    r"startup(hot|inter|cold)|mingencost|dme",
    "lowpowerconsumption(forloadresource)?",
)
_SCED_UNREAD = (
    r"(sced\d?(curve)?|sced\dcurve|scedbidtobuycurve|bid|submittedtpo)(mw|price)\d+",
    r"ancillaryservice(regup|regdn|rrs|rrsffr|nsrs|ecrs)|as(rrs|rrsffr|nsrs|ecrs|regup|regdn)",
    r"asresponsibilityfor(rrs|rrsffr|nonspin|regup|regdown|ecrs)|selfprovided(rrsffr|rrsufr|ecrs)",
    r"ascapability[a-z]+|asawards(nspin|rrsffr|rrspfr|rrsufr|ecrs|regup|regdn)",
    r"startup(hot|inter|cold)offer|mingencost|outputschedule|proxyextension|dme|bidtype",
    r"hdl|ldl|hasl|lasl|ramprate(up|down)|lowpowerconsumption|minimumsoc|minsoc",
)


def _dam(folder: str, what: str, report: str, first_day: date = _ALWAYS) -> Dataset:
    return _dataset(
        folder,
        f"Day-ahead offers and awards, {what} by hour.",
        report,
        *(_DAY, _HOUR_ENDING, _REPEATED_IF_ADDED, _RESOURCE, _TYPE, _QSE),
        _column("settlement_point", "name", "Settlement Point Name", "Settlement Point"),
        _live("hsl_mw", "HSL"),
        _number("lsl_mw", "LSL"),
        _column("resource_status", "name", "Resource Status"),
        _live("award_mw", "Awarded Quantity"),
        _number("settlement_price_usd_per_mwh", "Energy Settlement Point Price"),
        *_as_awards(load=False),
        *_STATED_MCPC,
        unread=_DAM_UNREAD,
        foreign=("Load Resource Name", "Max Power Consumption for Load Resource", "SCED Time Stamp"),
        first_day=first_day,
        marks=(("Resource Type", "Awarded Quantity"),),
        key=("resource_name",),
    )


def _sced(
    folder: str, meaning: str, report: str, marks: tuple[tuple[str, ...], ...], *more: DatasetColumn, **others: Any
) -> Dataset:
    """Generation and storage resources by SCED run."""
    columns = (
        *(_STAMP, _REPEATED, _RESOURCE, _TYPE, _QSE, _live("hsl_mw", "HSL"), _number("lsl_mw", "LSL"), _SCED_STATUS),
        *(_live("base_point_mw", "Base Point"), _live("output_mw", "Telemetered Net Output"), *more),
    )
    others |= {"unread": _SCED_UNREAD, "marks": marks, "key": ("resource_name",)}
    return _dataset(folder, meaning, report, *columns, **others)


_ALL = (
    _dataset(
        "RT_prices",
        "Real-time settlement point prices, point by quarter-hour.",
        "NP6-905-CD",
        *(_DAY, _DELIVERY_HOUR, _INTERVAL, _DST_FLAG),
        _column("settlement_point", "name", "Settlement Point Name", "Settlement Point", required=True),
        _column("settlement_point_type", "name", "Settlement Point Type"),
        *(_SPP, _SOURCE),
        unread=_CORRECTED,
        foreign=("Resource Name", "AS Type", "Ancillary Type"),
        names=(".*spphlznp6905.*", "rtspp.*"),
        histories=(".*rtmlzhbspp.*", ".*np6785.*", _RT_CORRECTIONS),
        marks=(("Settlement Point Price", "Delivery Interval"), ("SPP Corrected",)),
        key=("settlement_point", "settlement_point_type", PRICE_SOURCE),
    ),
    _dataset(
        "DA_prices",
        "Day-ahead settlement point prices, point by hour.",
        "NP4-190-CD",
        *(_DAY, _PRICED_HOUR, _DST_FLAG),
        _column("settlement_point", "name", "Settlement Point", "Settlement Point Name", required=True),
        *(_SPP, _SOURCE),
        unread=(*_CORRECTED, "settlementpointtype"),
        foreign=("Resource Name", "Delivery Interval", "Energy Only Bid Award in MW"),
        names=(".*damspnp4190.*", "damspp.*"),
        histories=(".*damlzhbspp.*", ".*np4180.*", _DAM_CORRECTIONS),
        marks=(
            ("Settlement Point Price", "DSTFlag"),
            ("Settlement Point Price", "Repeated Hour Flag"),
            ("SPP Corrected",),
        ),
        key=("settlement_point", PRICE_SOURCE),
    ),
    _dataset(
        "AS_prices",
        "Day-ahead market clearing prices for capacity, product by hour.",
        "NP4-188-CD",
        *(_DAY, _PRICED_HOUR, _DST_FLAG),
        _column("product", "name", "Ancillary Type", "AS Type", required=True),
        *(_live("mcpc_usd_per_mw", "MCPC", "MCPC Corrected"), _SOURCE),
        unread=_CORRECTED,
        foreign=("Resource Name", "Delivery Interval"),
        names=(".*damcpcnp4188.*", "dammcpc.*"),
        histories=(".*damasmcpc.*", ".*np4181.*", _DAM_CORRECTIONS),
        wide=_WIDE,
        marks=(("Ancillary Type", "MCPC"), ("MCPC Corrected",), ("Hour Ending", "REGUP", "REGDN", "NSPIN")),
        key=("product", PRICE_SOURCE),
    ),
    _dataset(
        "RT_AS_prices",
        "Real-time market clearing prices for capacity, product by quarter-hour.",
        "NP6-331-CD",
        *(_DAY, _DELIVERY_HOUR, _INTERVAL, _REPEATED, _PRODUCT, _live("mcpc_usd_per_mw", "MCPC", "MCPC Corrected")),
        _SOURCE,
        unread=_CORRECTED,
        foreign=("Resource Name", "Settlement Point Name"),
        first_day=RTC_FIRST_DAY,
        names=(".*np6331.*", "rtmcpc.*"),
        histories=(".*np6796.*", _RT_CORRECTIONS),
        wide=_WIDE,
        marks=(("AS Type", "MCPC", "Delivery Interval"), ("MCPC Corrected",)),
        key=("product", PRICE_SOURCE),
    ),
    _dam("DAM_Gen_Resources", "generation resource", "60d_DAM_Gen_Resource_Data"),
    _dataset(
        "DAM_Load_Resources",
        "Day-ahead ancillary service awards, load resource by hour (no energy award in any year).",
        "60d_DAM_Load_Resource_Data",
        *(_DAY, _HOUR_ENDING, _REPEATED_IF_ADDED),
        _column("resource_name", "name", "Load Resource Name", "Resource Name", required=True),
        _live("max_power_mw", "Max Power Consumption for Load Resource", "Max Power Consumption"),
        *_as_awards(load=True),
        *_STATED_MCPC,
        unread=_DAM_UNREAD,
        foreign=("Resource Type", "Awarded Quantity", "SCED Time Stamp"),
        marks=(
            ("Load Resource Name", "Max Power Consumption for Load Resource"),
            ("Load Resource Name", "RegUp Awarded"),
        ),
        key=("resource_name",),
    ),
    _dam("DAM_ESR_Resources", "energy storage resource", "60d_DAM_ESR_Data", DAM_ESR_FIRST_DAY),
    _sced(
        "SCED_Gen_Resources",
        "Telemetry and base points, generation resource by SCED run.",
        "60d_SCED_Gen_Resource_Data",
        (("Resource Type", "Base Point"), ("Resource Type", "Telemetered Net Output")),
        foreign=("Real Power Consumption", "Max Power Consumption", "Maximum SOC"),
    ),
    _dataset(
        "SCED_Load_Resources",
        "Telemetry and base points, load resource by SCED run.",
        "60d_Load_Resource_Data_in_SCED",
        *(_STAMP, _REPEATED),
        _column("resource_name", "name", "Resource Name", "Load Resource Name"),
        *(_QSE, _SCED_STATUS),
        _live("max_power_mw", "Max Power Consumption"),
        _live("consumption_mw", "Real Power Consumption"),
        _live("base_point_mw", "Base Point", first_day=date(2019, 12, 2)),
        unread=_SCED_UNREAD,
        foreign=("Resource Type", "Telemetered Net Output", "HSL", "AS Type", "RTRDPARUS"),
        marks=(("Real Power Consumption",), ("Max Power Consumption", "Base Point")),
        key=("resource_name",),
    ),
    _sced(
        "SCED_ESR_Resources",
        "Telemetry, base points, state of charge and real-time AS awards, energy storage resource by SCED run.",
        "60d_ESR_Data_in_SCED",
        (("Base Point", "State of Charge"), ("Base Point", "Maximum SOC"), ("Telemetered Net Output", "Maximum SOC")),
        _number("max_soc_mwh", "Maximum SOC", "MaxSOC"),
        _number("soc_mwh", "State of Charge", only_compared=True),
        *_RT_AS_AWARDS,
        foreign=("Real Power Consumption", "Max Power Consumption"),
        first_day=RTC_FIRST_DAY,
    ),
    _dataset(
        "SCED_SMNE",
        "Settlement metered net energy, generation resource by quarter-hour.",
        "60d_SCED_SMNE_GEN_RES",
        _column("interval_end", "stamp", "Interval Time", required=True),
        _column("interval_number", "interval", "Interval Number"),
        _column("resource_name", "name", "Resource Code", "Resource Name", required=True),
        _live("energy_mwh", "Interval Value"),
        marks=(("Interval Value",),),
        key=("resource_name",),
        stood_in_for=True,
    ),
    _dataset(
        "COP_Snapshots",
        "Current operating plan at the end of the adjustment period, resource by hour.",
        "60d_COP_Adjustment_Period_Snapshot",
        *(_DAY, _HOUR_ENDING, _REPEATED_IF_ADDED, _RESOURCE, _OWN_QSE),
        _column("resource_status", "name", "Status"),
        _number("hsl_mw", "High Sustained Limit", "HSL"),
        _number("max_soc_mwh", "Maximum SOC", "MaxSOC", first_day=_MAX_SOC_FIRST_DAY),
        unread=(
            "regup|regdown|rrs|rrspfr|rrsffr|rrsufr|nspin|ecrs",
            "highemergencylimit|lowemergencylimit|hel|lel|lowsustainedlimit|lsl",
            "minimumsoc|minsoc|hourbeginningplannedsoc|plannedsoc",
        ),
        foreign=("Resource Type", "Awarded Quantity", "SCED Time Stamp"),
        names=("60dcopadjustmentperiodsnapshot.*", "completecop.*"),
        marks=(("High Sustained Limit", "QSE Name"),),
        key=("resource_name", "qse"),
    ),
    _dataset(
        "SASM_AS_Offers",
        "Offers into the supplemental AS market; offers, not awards, and in no figure.",
        "60d_SASM_Load_Resource_AS_Offers, 60d_SASM_Generation_Resource_AS_Offers",
        *(_DAY, _HOUR_ENDING, _column("resource_name", "name", "Resource Name", "Load Resource Name")),
        unread=(".*",),
        last_year=RTC_FIRST_DAY.year,
        names=("60dsasm.*asoffers.*",),
        in_no_figure=True,
    ),
    _dataset(
        "DAM_Energy_Bid_Awards",
        "Day-ahead purchases of a QSE at a settlement point; tied to no resource, and in no figure.",
        "60d_DAM_EnergyBidAwards",
        *(_DAY, _HOUR_ENDING, _POINT, _OWN_QSE, _number("award_mw", "Energy Only Bid Award in MW")),
        unread=("bidid", "settlementpointprice"),
        marks=(("Energy Only Bid Award in MW",),),
        in_no_figure=True,
    ),
    _dataset(
        "DAM_Energy_Offer_Awards",
        "Day-ahead energy-only sales of a QSE at a settlement point; tied to no resource, and in no figure.",
        "60d_DAM_EnergyOnlyOfferAwards",
        *(_DAY, _HOUR_ENDING, _POINT, _OWN_QSE, _number("award_mw", "Energy Only Offer Award in MW")),
        unread=("offerid", "settlementpointprice"),
        marks=(("Energy Only Offer Award in MW",),),
        in_no_figure=True,
    ),
    _dataset(
        "DAM_AS_Only_Awards",
        "Day-ahead ancillary services that a QSE sold without a resource; tied to no battery, and in no figure.",
        "60d_DAM_AS_Only_Awards",
        *(_DAY, _HOUR_ENDING, replace(_OWN_QSE, required=True)),
        _column("product", "name", "AS Type", required=True),
        _number("award_mw", "Total Award"),
        unread=("offerid", r"quantity\daward", "mcpc"),
        first_day=RTC_FIRST_DAY,
        marks=(("Offer ID", "Total Award"),),
        in_no_figure=True,
    ),
    _dataset(
        "DAM_ESR_AS_Offers",
        "Day-ahead ancillary service offers of energy storage resources; offers, not awards, and in no figure.",
        "60d_DAM_ESR_ASOffers",
        *(_DAY, _HOUR_ENDING, _RESOURCE, _QSE),
        unread=("dme", "multihourblockflag", r"blockindicator\d", r"price\d[a-z]+", r"quantitymw\d"),
        first_day=DAM_ESR_FIRST_DAY,
        marks=(("Multi-Hour Block Flag", "BLOCK INDICATOR1"),),
        in_no_figure=True,
    ),
    _dataset(
        "SCED_AS_prices",
        "Real-time market clearing prices for capacity, product by SCED run.",
        "NP6-332-CD",
        *(_STAMP, _REPEATED, _PRODUCT, _SOURCE),
        _live("mcpc_usd_per_mw", "MCPC", "Capped MCPC", "MCPC Corrected", "Capped MCPC Corrected"),
        unread=_CORRECTED,
        foreign=("Delivery Date", "Delivery Interval"),
        first_day=RTC_FIRST_DAY,
        names=(".*np6332.*",),
        histories=(".*np6795.*", _RT_CORRECTIONS),
        wide=_WIDE,
        marks=(("AS Type", "MCPC"), ("AS Type", "Capped MCPC"), ("MCPC Corrected",), ("Capped MCPC Corrected",)),
        key=("product", PRICE_SOURCE),
    ),
    _dataset(
        "SCED_AS_adders",
        "Reliability deployment adders to the clearing prices for capacity, by SCED run.",
        "NP6-323-CD",
        *(_STAMP, _REPEATED, _SOURCE),
        *(
            _number(f"{product}_adder_usd_per_mw", f"RTRDPA{label}", required=True)
            for product, label in zip(PRODUCTS, ("RUS", "RDS", "RRS", "ECRS", "NSS"), strict=True)
        ),
        unread=("batchid", "systemlambda", "prc", "rt.*"),
        foreign=("Delivery Date", "Delivery Interval"),
        first_day=RTC_FIRST_DAY,
        names=(".*np6323.*",),
        histories=(".*np6792.*",),
        marks=(("RTRDPARUS", "RTRDPANSS"),),
        key=("sced_stamp", PRICE_SOURCE),
    ),
)

DATASETS = {dataset.name: dataset for dataset in _ALL}
"""All datasets by canonical name."""


def find_dataset(name: str) -> Dataset:
    """The dataset of a canonical name or of a folder's name, in any case.

    Raises:
        InputError: there is none; naming those that there are.
    """
    if name.lower() in DATASETS:
        return DATASETS[name.lower()]
    raise InputError(f"No dataset is called {name}.", expected=f"one of {', '.join(DATASETS)}")


def is_published(column: DatasetColumn, year: int | None) -> bool:
    """Whether ERCOT publishes a column in the rows of a file named by that year; None, of a file named otherwise, is any year.

    Never of a column that is only compared, whose absence is no finding.
    """
    if column.only_compared or year is None:
        return not column.only_compared and column.first_day < date.max
    return column.first_day < date(year, 11, 1) and column.last_day > date(year, 1, 1)
