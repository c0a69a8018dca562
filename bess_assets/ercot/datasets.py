"""Every dataset ERCOT publishes that we use: its headings of every era, mapped to canonical columns.

Belongs here: raw headings, and nowhere else; what kind of value a column holds; which headings are known and not used.
Does not: reading rows (reading.py), what a value is worth.

Headings are compared by their letters and digits alone, in lower case, so that ERCOT's own `Telemetered Net Output ` (with its trailing space) and a rollup's
`TelemeteredNetOutput` are one heading.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, ECRS_FIRST_DAY, RTC_FIRST_DAY
from bess_assets.errors import InputError

Kind = Literal["name", "day", "hour", "interval", "flag", "stamp", "number"]
"""name: trimmed text. day: delivery date. hour: hour ending or delivery hour, 1..25. interval: whole number. flag: Y or N.
stamp: wall-clock time. number: float."""

_MAX_SOC_FIRST_DAY = date(2024, 6, 28)
_RRS_SPLIT_FIRST_DAY = date(2022, 12, 13)
_ALWAYS = date(2000, 1, 1)
_CSV_SUFFIX = re.compile(r"\.(csv|txt)$", re.IGNORECASE)


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
        only_compared: True if no figure is made of it, and it is compared with another dataset where a file has it: its absence is no finding.
    """

    name: str
    kind: Kind
    headings: tuple[str, ...]
    required: bool = False
    first_day: date = _ALWAYS
    last_day: date = date.max
    never_all_zero: bool = False
    only_compared: bool = False


@dataclass(frozen=True)
class Dataset:
    """One dataset, one rollup folder.

    Attributes:
        name: canonical name, also the asset key.
        folder: folder of its annual rollups.
        meaning: what a row is.
        report: ERCOT's report it comes from.
        sixty_day: True if rollups are grouped by publication year: a delivery year then needs files Y and Y+1.
        columns: canonical columns by name.
        unread: patterns of normal headings that are known and not used.
        foreign: headings that prove a file to be another dataset's: its rows would be taken for something that they are not.
        first_year: first delivery year that has rows.
        last_year: last delivery year that has rows.
        names: patterns of the names of ERCOT's report files, letters and digits alone in lower case.
        marks: alternatives of headings; a report file that has all headings of one of them is this dataset's, whatever its name; empty: by name alone.
        key: canonical columns that, with the time, name one row of a report; empty where nothing does, and the newest publication of a day is taken whole.
        in_no_figure: True if no figure is made of it, so that its absence means nothing.
        first_day: first operating day that has rows.
    """

    name: str
    folder: str
    meaning: str
    report: str
    sixty_day: bool
    columns: dict[str, DatasetColumn]
    unread: tuple[str, ...]
    foreign: tuple[str, ...] = ()
    first_year: int = 2010
    last_year: int = 9999
    names: tuple[str, ...] = ()
    marks: tuple[tuple[str, ...], ...] = ()
    key: tuple[str, ...] = ()
    in_no_figure: bool = False
    first_day: date = _ALWAYS

    def canonical(self, headings: list[str]) -> dict[str, str]:
        """Canonical name -> preferred heading, for the columns that the headings hold."""
        return {name: spelled[0] for name, spelled in self.spellings(headings).items()}

    def spellings(self, headings: list[str]) -> dict[str, list[str]]:
        """Canonical name -> all headings that stand for it, the preferred one first."""
        return {
            column.name: spelled
            for column in self.columns.values()
            if (
                spelled := [
                    heading
                    for normal in dict.fromkeys(map(normal_heading, column.headings))
                    for heading in headings
                    if normal_heading(heading) == normal
                ]
            )
        }

    def holds_text(self, heading: str) -> bool:
        """Whether a heading that is not read holds text: one of the known text columns, or one that no era of the dataset has."""
        return not self.knows(heading) or any(re.fullmatch(p, normal_heading(heading)) for p in _UNREAD_TEXTS)

    def fits(self, headings: list[str]) -> bool:
        """Whether a file with these headings can be one of this dataset's: every required column, and none that is another's."""
        there = {normal_heading(heading) for heading in headings}
        found = self.canonical(headings)
        return not there & {normal_heading(heading) for heading in self.foreign} and all(
            name in found for name, column in self.columns.items() if column.required
        )

    def is_marked(self, headings: list[str]) -> bool:
        """Whether the headings alone say that a file is one of this dataset's."""
        there = {normal_heading(heading) for heading in headings}
        return any(all(normal_heading(mark) in there for mark in alternative) for alternative in self.marks)

    def is_named(self, file_name: str) -> bool:
        """Whether a file's name is one that ERCOT gives to reports of this dataset."""
        return bool(_any_of(self.names).fullmatch(_stem(file_name)))

    def knows(self, heading: str) -> bool:
        """Whether the heading is one that some era of the dataset has."""
        normal = normal_heading(heading)
        if any(normal == normal_heading(s) for c in self.columns.values() for s in c.headings):
            return True
        return any(re.fullmatch(pattern, normal) for pattern in (*_ROLLUP_EXTRAS, *self.unread))


@lru_cache(maxsize=64)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


@lru_cache(maxsize=64)
def _stem(file_name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _CSV_SUFFIX.sub("", file_name).lower())


METADATA_KEY = b"bess_rollup"
"""Key of what a rollup built from reports says of itself in its Parquet metadata: dataset, year, layouts, columns."""
LAYOUT_COLUMN = "report_layout"
BUILT_COLUMNS = ("interval_start", "operating_day", "published", "report", LAYOUT_COLUMN)
"""Columns that a rollup built from reports has beside ERCOT's own: start of the interval or run, UTC; operating day; when the row was published,
UTC; number of its report in the manifest; number of the report's layout in the file's metadata."""

_PARTS_SOLD_EVERY_YEAR = {"rrspfr_award_mw": "rrs_award_mw", "ecrssd_award_mw": "ecrs_award_mw"}
_SELL_EVERY_PART = {"dam_gen_resources", "dam_esr_resources", "sced_esr_resources"}
"""The single column that may stand for a part, and the datasets whose resources sell it in every year."""

_ROLLUP_EXTRAS = (
    "datetime",
    "hour",
    "deliverydatestr",
    "year",
    "month",
)
_UNREAD_TEXTS = (
    "qse",
    "qsename",
    "dme",
    "sasmid",
    "bidtype",
    "proxyextension",
    "bidid",
    "offerid",
    "multihourblockflag",
    r"blockindicator\d+",
)
"""Headings that are known, not used, and hold text; the other unused ones hold numbers."""


def _column(
    name: str, kind: Kind, *headings: str, required: bool = False, first_day: date = _ALWAYS, last_day: date = date.max
) -> DatasetColumn:
    return DatasetColumn(name, kind, headings, required, first_day, last_day)


def _live(column: DatasetColumn) -> DatasetColumn:
    """The same column, known to hold more than zeros in any real file."""
    return replace(column, never_all_zero=True)


def _columns(*columns: DatasetColumn) -> dict[str, DatasetColumn]:
    return {column.name: column for column in columns}


_DAY = _column("operating_day", "day", "Delivery Date", required=True)
_HOUR_ENDING = _column("hour_ending", "hour", "Hour Ending", "hour", required=True)
_DELIVERY_HOUR = _column("hour_ending", "hour", "Delivery Hour", "Hour Ending", "hour", required=True)
_INTERVAL = _column("interval", "interval", "Delivery Interval", required=True)
_DST_FLAG = _column("repeated_hour", "flag", "DSTFlag", "Repeated Hour Flag")
_REPEATED = _column("repeated_hour", "flag", "Repeated Hour Flag", "DSTFlag")
_REPEATED_IF_ADDED = replace(_REPEATED, first_day=date.max)  # ERCOT's hourly 60-day reports have no flag
_STAMP = _column("sced_stamp", "stamp", "SCED Time Stamp", required=True)
_QSE = _column("qse", "name", "QSE", "QSE Name", first_day=date(2023, 1, 1))


def _as_awards(*, load: bool) -> tuple[DatasetColumn, ...]:
    manual = (_column("ecrsmd_award_mw", "number", "ECRSMD Awarded", first_day=ECRS_FIRST_DAY),) if load else ()
    return (
        _live(_column("regup_award_mw", "number", "RegUp Awarded")),
        _live(_column("regdn_award_mw", "number", "RegDown Awarded", "RegDn Awarded")),
        _column("rrs_award_mw", "number", "RRS Awarded", last_day=_RRS_SPLIT_FIRST_DAY),
        _column("rrspfr_award_mw", "number", "RRSPFR Awarded", first_day=_RRS_SPLIT_FIRST_DAY),
        _column("rrsffr_award_mw", "number", "RRSFFR Awarded", first_day=_RRS_SPLIT_FIRST_DAY),
        _column("rrsufr_award_mw", "number", "RRSUFR Awarded", first_day=_RRS_SPLIT_FIRST_DAY),
        _column("ecrs_award_mw", "number", "ECRS Awarded", first_day=date.max),
        _column("ecrssd_award_mw", "number", "ECRSSD Awarded", first_day=ECRS_FIRST_DAY),
        *manual,
        _live(_column("nspin_award_mw", "number", "NonSpin Awarded", "NSPIN Awarded")),
    )


def _stated_mcpc() -> tuple[DatasetColumn, ...]:
    """The clearing prices that ERCOT's reports repeat in every row, and rollups found in the wild never do."""
    return tuple(
        replace(_column(f"{product}_mcpc_usd_per_mw", "number", f"{label} MCPC"), only_compared=True)
        for product, label in (
            ("regup", "RegUp"),
            ("regdn", "RegDown"),
            ("rrs", "RRS"),
            ("ecrs", "ECRS"),
            ("nspin", "NonSpin"),
        )
    )


def _rt_award(part: str, label: str) -> DatasetColumn:
    column = _column(f"{part}_award_mw", "number", f"AS Awards {label}", first_day=RTC_FIRST_DAY)
    return column if part.startswith("rrs") else _live(column)


def _rt_as_awards() -> tuple[DatasetColumn, ...]:
    return tuple(
        _rt_award(part, label)
        for part, label in (
            ("regup", "REGUP"),
            ("regdn", "REGDN"),
            ("rrspfr", "RRSPFR"),
            ("rrsffr", "RRSFFR"),
            ("rrsufr", "RRSUFR"),
            ("ecrs", "ECRS"),
            ("nspin", "NSPIN"),
        )
    )


_DAM_UNREAD = (
    r"qsesubmittedcurve(mw|price)\d+",
    r"startup(hot|inter|cold)",
    "mingencost",
    "dme",
    r"(regup|regdown|rrs|ecrs|nonspin)mcpc",
    "lowpowerconsumption(forloadresource)?",
)
_SCED_UNREAD = (
    r"sced\d?(curve)?(mw|price)\d+",
    r"sced\dcurve(mw|price)\d+",
    r"scedbidtobuycurve(mw|price)\d+",
    r"bid(mw|price)\d+",
    r"submittedtpo(mw|price)\d+",
    r"ancillaryservice(regup|regdn|rrs|rrsffr|nsrs|ecrs)",
    r"as(rrs|rrsffr|nsrs|ecrs|regup|regdn)",
    r"asresponsibilityfor(rrs|rrsffr|nonspin|regup|regdown|ecrs)",
    r"ascapability[a-z]+",
    r"selfprovided(rrsffr|rrsufr|ecrs)",
    r"asawards(nspin|rrsffr|rrspfr|rrsufr|ecrs|regup|regdn)",
    r"startup(hot|inter|cold)offer",
    "mingencost",
    "outputschedule",
    r"(hdl|ldl|hasl|lasl)",
    "dme",
    "bidtype",
    "proxyextension",
    r"ramprate(up|down)",
    "lowpowerconsumption",
    "stateofcharge",
    "minimumsoc",
    "minsoc",
)


def _dam(name: str, folder: str, what: str, report: str, names: str, first_day: date = _ALWAYS) -> Dataset:
    return Dataset(
        first_day=first_day,
        names=(names,),
        marks=(("Resource Type", "Awarded Quantity"),),
        key=("resource_name",),
        name=name,
        folder=folder,
        meaning=f"Day-ahead offers and awards, {what} by hour.",
        report=report,
        sixty_day=True,
        first_year=max(first_day.year, 2010),
        unread=_DAM_UNREAD,
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _REPEATED_IF_ADDED,
            _column("resource_name", "name", "Resource Name", required=True),
            _column("resource_type", "name", "Resource Type"),
            _QSE,
            _column("settlement_point", "name", "Settlement Point Name", "Settlement Point"),
            _live(_column("hsl_mw", "number", "HSL")),
            _column("lsl_mw", "number", "LSL"),
            _column("resource_status", "name", "Resource Status"),
            _live(_column("award_mw", "number", "Awarded Quantity")),
            _column("settlement_price_usd_per_mwh", "number", "Energy Settlement Point Price"),
            *_as_awards(load=False),
            *_stated_mcpc(),
        ),
        foreign=("Load Resource Name", "Max Power Consumption for Load Resource", "SCED Time Stamp"),
    )


_ALL = (
    Dataset(
        name="rt_prices",
        folder="RT_prices",
        meaning="Real-time settlement point prices, point by quarter-hour.",
        report="NP6-905-CD",
        sixty_day=False,
        names=(".*spphlznp6905.*", ".*rtmlzhbspp.*", "rtspp.*"),
        marks=(("Settlement Point Price", "Delivery Interval"),),
        key=("settlement_point", "settlement_point_type"),
        foreign=("Resource Name", "AS Type", "Ancillary Type"),
        unread=(),
        columns=_columns(
            _DAY,
            _DELIVERY_HOUR,
            _INTERVAL,
            _DST_FLAG,
            _column("settlement_point", "name", "Settlement Point Name", "Settlement Point", required=True),
            _column("settlement_point_type", "name", "Settlement Point Type"),
            _live(_column("price_usd_per_mwh", "number", "Settlement Point Price")),
        ),
    ),
    Dataset(
        name="da_prices",
        folder="DA_prices",
        meaning="Day-ahead settlement point prices, point by hour.",
        report="NP4-190-CD",
        sixty_day=False,
        names=(".*damspnp4190.*", ".*damlzhbspp.*", "damspp.*"),
        marks=(("Settlement Point Price", "DSTFlag"), ("Settlement Point Price", "Repeated Hour Flag")),
        key=("settlement_point",),
        foreign=("Resource Name", "Delivery Interval", "Energy Only Bid Award in MW"),
        unread=(),
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _DST_FLAG,
            _column("settlement_point", "name", "Settlement Point", "Settlement Point Name", required=True),
            _live(_column("price_usd_per_mwh", "number", "Settlement Point Price")),
        ),
    ),
    Dataset(
        name="as_prices",
        folder="AS_prices",
        meaning="Day-ahead market clearing prices for capacity, product by hour.",
        report="NP4-188-CD",
        sixty_day=False,
        names=(".*damcpcnp4188.*", "dammcpc.*"),
        marks=(("Ancillary Type", "MCPC"),),
        key=("product",),
        foreign=("Resource Name", "Delivery Interval"),
        unread=(),
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _DST_FLAG,
            _column("product", "name", "Ancillary Type", "AS Type", required=True),
            _live(_column("mcpc_usd_per_mw", "number", "MCPC")),
        ),
    ),
    Dataset(
        name="rt_as_prices",
        folder="RT_AS_prices",
        meaning="Real-time market clearing prices for capacity, product by quarter-hour.",
        report="NP6-331-CD",
        sixty_day=False,
        names=(".*np6331.*", "rtmcpc.*"),
        marks=(("AS Type", "MCPC", "Delivery Interval"),),
        key=("product",),
        foreign=("Resource Name", "Settlement Point Name"),
        first_year=RTC_FIRST_DAY.year,
        first_day=RTC_FIRST_DAY,
        unread=(),
        columns=_columns(
            _DAY,
            _DELIVERY_HOUR,
            _INTERVAL,
            _REPEATED,
            _column("product", "name", "AS Type", "Ancillary Type", required=True),
            _live(_column("mcpc_usd_per_mw", "number", "MCPC")),
        ),
    ),
    _dam(
        "dam_gen_resources",
        "DAM_Gen_Resources",
        "generation resource",
        "60d_DAM_Gen_Resource_Data",
        "60ddamgenresourcedata.*",
    ),
    Dataset(
        name="dam_load_resources",
        folder="DAM_Load_Resources",
        meaning="Day-ahead ancillary service awards, load resource by hour (no energy award in any year).",
        report="60d_DAM_Load_Resource_Data",
        sixty_day=True,
        names=("60ddamloadresourcedata.*",),
        marks=(
            ("Load Resource Name", "Max Power Consumption for Load Resource"),
            ("Load Resource Name", "RegUp Awarded"),
        ),
        key=("resource_name",),
        foreign=("Resource Type", "Awarded Quantity", "SCED Time Stamp"),
        unread=_DAM_UNREAD,
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _REPEATED_IF_ADDED,
            _column("resource_name", "name", "Load Resource Name", "Resource Name", required=True),
            _live(
                _column("max_power_mw", "number", "Max Power Consumption for Load Resource", "Max Power Consumption")
            ),
            *_as_awards(load=True),
        ),
    ),
    _dam(
        "dam_esr_resources",
        "DAM_ESR_Resources",
        "energy storage resource",
        "60d_DAM_ESR_Data",
        "60ddamesrdata.*",
        first_day=DAM_ESR_FIRST_DAY,
    ),
    Dataset(
        name="sced_gen_resources",
        folder="SCED_Gen_Resources",
        meaning="Telemetry and base points, generation resource by SCED run.",
        report="60d_SCED_Gen_Resource_Data",
        sixty_day=True,
        names=("60dscedgenresourcedata.*",),
        marks=(("Resource Type", "Base Point"), ("Resource Type", "Telemetered Net Output")),
        key=("resource_name",),
        foreign=("Real Power Consumption", "Max Power Consumption", "Maximum SOC"),
        unread=_SCED_UNREAD,
        columns=_columns(
            _STAMP,
            _REPEATED,
            _column("resource_name", "name", "Resource Name", required=True),
            _column("resource_type", "name", "Resource Type"),
            _QSE,
            _live(_column("hsl_mw", "number", "HSL")),
            _column("lsl_mw", "number", "LSL"),
            _column("resource_status", "name", "Telemetered Resource Status", "Resource Status"),
            _live(_column("base_point_mw", "number", "Base Point")),
            _live(_column("output_mw", "number", "Telemetered Net Output")),
        ),
    ),
    Dataset(
        name="sced_load_resources",
        folder="SCED_Load_Resources",
        meaning="Telemetry and base points, load resource by SCED run.",
        report="60d_Load_Resource_Data_in_SCED",
        sixty_day=True,
        names=("60dloadresourcedatainsced.*",),
        marks=(("Real Power Consumption",), ("Max Power Consumption", "Base Point")),
        key=("resource_name",),
        foreign=("Resource Type", "Telemetered Net Output", "HSL"),
        unread=_SCED_UNREAD,
        columns=_columns(
            _STAMP,
            _REPEATED,
            _column("resource_name", "name", "Resource Name", "Load Resource Name"),
            _QSE,
            _column("resource_status", "name", "Telemetered Resource Status", "Resource Status"),
            _live(_column("max_power_mw", "number", "Max Power Consumption")),
            _live(_column("consumption_mw", "number", "Real Power Consumption")),
            _live(_column("base_point_mw", "number", "Base Point", first_day=date(2019, 12, 2))),
        ),
    ),
    Dataset(
        name="sced_esr_resources",
        folder="SCED_ESR_Resources",
        meaning="Telemetry, base points, state of charge and real-time AS awards, energy storage resource by SCED run.",
        report="60d_ESR_Data_in_SCED",
        sixty_day=True,
        names=("60desrdatainsced.*",),
        marks=(
            ("Base Point", "State of Charge"),
            ("Base Point", "Maximum SOC"),
            ("Telemetered Net Output", "Maximum SOC"),
        ),
        key=("resource_name",),
        foreign=("Real Power Consumption", "Max Power Consumption"),
        first_year=RTC_FIRST_DAY.year,
        first_day=RTC_FIRST_DAY,
        unread=_SCED_UNREAD,
        columns=_columns(
            _STAMP,
            _REPEATED,
            _column("resource_name", "name", "Resource Name", required=True),
            _column("resource_type", "name", "Resource Type"),
            _QSE,
            _live(_column("hsl_mw", "number", "HSL")),
            _column("lsl_mw", "number", "LSL"),
            _column("resource_status", "name", "Telemetered Resource Status", "Resource Status"),
            _live(_column("base_point_mw", "number", "Base Point")),
            _live(_column("output_mw", "number", "Telemetered Net Output")),
            _column("max_soc_mwh", "number", "Maximum SOC", "MaxSOC"),
            *_rt_as_awards(),
        ),
    ),
    Dataset(
        name="sced_smne",
        folder="SCED_SMNE",
        meaning="Settlement metered net energy, generation resource by quarter-hour.",
        report="60d_SCED_SMNE_GEN_RES",
        sixty_day=True,
        names=("60dscedsmnegenres.*",),
        marks=(("Interval Value",),),
        key=("resource_name",),
        unread=(),
        columns=_columns(
            _column("interval_end", "stamp", "Interval Time", required=True),
            _column("interval_number", "interval", "Interval Number"),
            _column("resource_name", "name", "Resource Code", "Resource Name", required=True),
            _live(_column("energy_mwh", "number", "Interval Value")),
        ),
    ),
    Dataset(
        name="cop_snapshots",
        folder="COP_Snapshots",
        meaning="Current operating plan at the end of the adjustment period, resource by hour.",
        report="60d_COP_Adjustment_Period_Snapshot",
        sixty_day=True,
        names=("60dcopadjustmentperiodsnapshot.*", "completecop.*"),
        marks=(("High Sustained Limit", "QSE Name"),),
        key=("resource_name", "qse"),
        foreign=("Resource Type", "Awarded Quantity", "SCED Time Stamp"),
        unread=(
            r"(regup|regdown|rrs|rrspfr|rrsffr|rrsufr|nspin|ecrs)",
            "(highemergencylimit|lowemergencylimit|hel|lel)",
            "(lowsustainedlimit|lsl)",
            "(minimumsoc|minsoc|hourbeginningplannedsoc|plannedsoc)",
        ),
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _REPEATED_IF_ADDED,
            _column("resource_name", "name", "Resource Name", required=True),
            _column("qse", "name", "QSE Name", "QSE"),
            _column("resource_status", "name", "Status"),
            _column("hsl_mw", "number", "High Sustained Limit", "HSL"),
            _column("max_soc_mwh", "number", "Maximum SOC", "MaxSOC", first_day=_MAX_SOC_FIRST_DAY),
        ),
    ),
    Dataset(
        name="sasm_as_offers",
        folder="SASM_AS_Offers",
        meaning="Offers into the supplemental AS market; offers, not awards, and in no figure.",
        report="60d_SASM_Load_Resource_AS_Offers, 60d_SASM_Generation_Resource_AS_Offers",
        sixty_day=True,
        names=("60dsasm.*asoffers.*",),
        in_no_figure=True,
        last_year=RTC_FIRST_DAY.year,
        unread=(r".*",),
        columns=_columns(_DAY, _HOUR_ENDING, _column("resource_name", "name", "Resource Name", "Load Resource Name")),
    ),
    Dataset(
        name="dam_energy_bid_awards",
        folder="DAM_Energy_Bid_Awards",
        meaning="Day-ahead purchases of a QSE at a settlement point; tied to no resource, and in no figure.",
        report="60d_DAM_EnergyBidAwards",
        sixty_day=True,
        names=("60ddamenergybidawards.*",),
        marks=(("Energy Only Bid Award in MW",),),
        in_no_figure=True,
        unread=("bidid", "settlementpointprice"),
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _column("settlement_point", "name", "Settlement Point", required=True),
            _column("qse", "name", "QSE Name", "QSE"),
            _column("award_mw", "number", "Energy Only Bid Award in MW"),
        ),
    ),
    Dataset(
        name="dam_energy_offer_awards",
        folder="DAM_Energy_Offer_Awards",
        meaning="Day-ahead energy-only sales of a QSE at a settlement point; tied to no resource, and in no figure.",
        report="60d_DAM_EnergyOnlyOfferAwards",
        sixty_day=True,
        names=("60ddamenergyonlyofferawards.*",),
        marks=(("Energy Only Offer Award in MW",),),
        in_no_figure=True,
        unread=("offerid", "settlementpointprice"),
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _column("settlement_point", "name", "Settlement Point", required=True),
            _column("qse", "name", "QSE Name", "QSE"),
            _column("award_mw", "number", "Energy Only Offer Award in MW"),
        ),
    ),
    Dataset(
        name="dam_as_only_awards",
        folder="DAM_AS_Only_Awards",
        meaning="Day-ahead ancillary services that a QSE sold without a resource; tied to no battery, and in no figure.",
        report="60d_DAM_AS_Only_Awards",
        sixty_day=True,
        names=("60ddamasonlyawards.*",),
        marks=(("Offer ID", "Total Award"),),
        in_no_figure=True,
        first_year=RTC_FIRST_DAY.year,
        first_day=RTC_FIRST_DAY,
        unread=("offerid", r"quantity\daward", "mcpc"),
        columns=_columns(
            _DAY,
            _HOUR_ENDING,
            _column("qse", "name", "QSE Name", "QSE", required=True),
            _column("product", "name", "AS Type", required=True),
            _column("award_mw", "number", "Total Award"),
        ),
    ),
    Dataset(
        name="dam_esr_as_offers",
        folder="DAM_ESR_AS_Offers",
        meaning="Day-ahead ancillary service offers of energy storage resources; offers, not awards, and in no figure.",
        report="60d_DAM_ESR_ASOffers",
        sixty_day=True,
        names=("60ddamesrasoffers.*",),
        marks=(("Multi-Hour Block Flag", "BLOCK INDICATOR1"),),
        in_no_figure=True,
        first_year=DAM_ESR_FIRST_DAY.year,
        first_day=DAM_ESR_FIRST_DAY,
        unread=("dme", "multihourblockflag", r"blockindicator\d", r"price\d[a-z]+", r"quantitymw\d"),
        columns=_columns(_DAY, _HOUR_ENDING, _column("resource_name", "name", "Resource Name", required=True), _QSE),
    ),
    Dataset(
        name="sced_as_prices",
        folder="SCED_AS_prices",
        meaning="Real-time market clearing prices for capacity, product by SCED run; money is settled at the quarter-hour prices, so in no figure.",
        report="NP6-332-CD",
        sixty_day=False,
        names=(".*np6332.*",),
        marks=(("AS Type", "MCPC"), ("AS Type", "Capped MCPC")),
        foreign=("Delivery Date", "Delivery Interval"),
        key=("product",),
        in_no_figure=True,
        first_year=RTC_FIRST_DAY.year,
        first_day=RTC_FIRST_DAY,
        unread=("uncappedmcpc",),
        columns=_columns(
            _STAMP,
            _REPEATED,
            _column("product", "name", "AS Type", "Ancillary Type", required=True),
            _column("mcpc_usd_per_mw", "number", "MCPC", "Capped MCPC"),
        ),
    ),
)

DATASETS = {dataset.name: dataset for dataset in _ALL}
"""All datasets by canonical name."""


def find_dataset(name: str) -> Dataset:
    """The dataset of a canonical name or of a folder's name, in any case.

    Raises:
        InputError: there is none; naming those that there are.
    """
    for dataset in _ALL:
        if name.lower() in {dataset.name, dataset.folder.lower()}:
            return dataset
    raise InputError(f"No dataset is called {name}.", expected=f"one of {', '.join(DATASETS)}")


@dataclass(frozen=True)
class FileDescription:
    """What the footer of a rollup file says.

    Attributes:
        rows: rows.
        bytes: size of the file.
        columns: (heading, Arrow type, canonical name or None) in file order.
        missing: canonical columns that ERCOT publishes in that year and the file lacks or leaves blank in every row.
        blank: those that are there and blank in every row: as good as absent.
        unknown: headings that no era of the dataset has.
        zero_filled: canonical number columns that are zero in every row, as far as the footer's statistics say.
        year: in the file's name; None if there is none.
    """

    rows: int
    bytes: int
    columns: list[tuple[str, str, str | None]]
    missing: list[str]
    blank: list[str]
    unknown: list[str]
    zero_filled: list[str]
    year: int | None = None


def open_parquet(dataset: Dataset, path: Path, dictionaries: list[str] | None = None) -> pq.ParquetFile:
    """The open file; `dictionaries` names the headings to read as dictionaries.

    Raises:
        InputError: the file is not readable as Parquet.
    """
    try:
        return pq.ParquetFile(path, read_dictionary=dictionaries or [], pre_buffer=True)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path.name} of {dataset.folder} cannot be read as Parquet: {str(error).splitlines()[0]}",
            dataset=dataset.name,
            file=path,
            expected="a whole Parquet file",
            remedy="Bring the file again; a half-copied file ends without its footer.",
        ) from error


def report_layouts(file: pq.ParquetFile) -> list[frozenset[str]]:
    """Canonical columns of each layout of the reports that a rollup was built from, by number; empty for any other file."""
    metadata = file.schema_arrow.metadata or {}
    if METADATA_KEY not in metadata:
        return []
    return [frozenset(layout) for layout in json.loads(metadata[METADATA_KEY])["layouts"]]


def partly_absent(dataset: Dataset, path: Path) -> list[str]:
    """Canonical columns that ERCOT publishes all year and that some reports of a built rollup lack: unknown in their rows."""
    with open_parquet(dataset, path) as file:
        layouts = report_layouts(file)
    year = int(path.stem) if path.stem.isdigit() else 0
    return [
        column.name
        for column in dataset.columns.values()
        if layouts
        and not column.only_compared
        and column.first_day <= date(max(year, 1), 1, 1)
        and column.last_day >= date(max(year, 1), 12, 31)
        and 0 < sum(column.name in layout for layout in layouts) < len(layouts)
    ]


def describe_file(dataset: Dataset, path: Path) -> FileDescription:
    """What a rollup file holds, from its footer alone.

    Raises:
        InputError: no Parquet, or a file that lacks the columns without which rows of this dataset mean nothing.
    """
    with open_parquet(dataset, path) as file:
        schema = file.schema_arrow
        headings = list(schema.names)
        built = METADATA_KEY in (schema.metadata or {})
        spelled = find_columns(dataset, path, file)
        found = {name: own[0] for name, own in spelled.items()}
        by_heading = {heading: name for name, own in spelled.items() for heading in own}
        rows = file.metadata.num_rows
        zero = [
            name
            for name, heading in found.items()
            if dataset.columns[name].kind == "number" and rows and _is_zero(file, heading)
        ]
    year = int(path.stem) if path.stem.isdigit() else None
    missing = [c.name for c in dataset.columns.values() if c.name not in found and is_published(c, year)]
    there = dataset.spellings(headings)
    return FileDescription(
        rows=rows,
        bytes=path.stat().st_size,
        columns=[(h, str(schema.field(i).type), by_heading.get(h)) for i, h in enumerate(headings)],
        missing=missing,
        blank=[name for name in missing if name in there],
        unknown=[h for h in headings if not dataset.knows(h) and not (built and h in BUILT_COLUMNS)],
        zero_filled=zero,
        year=year,
    )


def suspicious_zeros(dataset: Dataset, description: FileDescription) -> list[str]:
    """Columns of a file that are all zero and in no real file are: absent data filled in.

    RRS counts if all its columns are. The part of RRS, and of ECRS, that every year's generation and storage files hold counts where no single column stands
    for it, in files of the years after the one in which it was first published: that year's may end before.
    """
    zero = set(description.zero_filled)
    suspicious = {name for name in zero if dataset.columns[name].never_all_zero}
    there = {name for _, _, name in description.columns if name}
    rrs = {name for name in there if name.startswith("rrs") and name.endswith("_award_mw")}
    parts = {
        part
        for part, single in _PARTS_SOLD_EVERY_YEAR.items()
        if dataset.name in _SELL_EVERY_PART
        and part in zero
        and description.year is not None
        and dataset.columns[part].first_day < date(description.year, 1, 1)
        and single not in there - zero
    }
    return sorted(suspicious | parts | (rrs if rrs <= zero else set()))


def require_columns(dataset: Dataset, path: Path, headings: list[str]) -> dict[str, str]:
    """Canonical name -> heading of a file.

    Raises:
        InputError: a required column is absent, or a heading proves the file to be another dataset's; naming it and the headings that are there.
    """
    found = dataset.canonical(headings)
    foreign = {normal_heading(heading) for heading in dataset.foreign}
    for heading in headings:
        if normal_heading(heading) in foreign:
            raise InputError(
                f"{path.name} of {dataset.folder} is another dataset's file: it has a column {heading!r}.",
                dataset=dataset.name,
                file=path,
                column=heading,
                expected=f"the headings of {dataset.report}",
                remedy="Put the file into the folder of its own dataset.",
            )
    for column in dataset.columns.values():
        if column.required and column.name not in found:
            raise InputError(
                f"{path.name} of {dataset.folder} has no column for {column.name}.",
                dataset=dataset.name,
                file=path,
                column=column.name,
                expected=" or ".join(repr(h) for h in column.headings),
                remedy=f"Check that this is {dataset.report}; its headings are {', '.join(map(repr, headings[:12]))}.",
            )
    return found


def find_columns(dataset: Dataset, path: Path, file: pq.ParquetFile) -> dict[str, list[str]]:
    """Canonical name -> the headings of a file that hold it, to be joined row by row where there are several.

    A column that is blank in every row is as good as absent: a rollup's producer fills absent columns with blanks. Other spellings of a
    column (`Hour Ending` beside `hour`) are used only where the preferred one is absent.

    Raises:
        InputError: a required column is absent or blank throughout, two columns have one and the same heading, or a heading proves the file to be
            another dataset's.
    """
    headings = list(file.schema_arrow.names)
    require_columns(dataset, path, headings)
    found = {}
    for name, spelled in dataset.spellings(headings).items():
        column = dataset.columns[name]
        if len(set(spelled)) < len(spelled):
            twice = next(heading for heading in spelled if spelled.count(heading) > 1)
            raise InputError(
                f"{path.name} of {dataset.folder} has two columns {twice!r}.",
                dataset=dataset.name,
                file=path,
                column=twice,
                expected="each heading once: nothing tells which of the two is meant",
                remedy="Build this file again from ERCOT's reports.",
            )
        filled = [heading for heading in spelled if not _is_blank(file, heading)]
        if not filled and column.required and column.kind not in {"day", "stamp"} and file.metadata.num_rows:
            raise InputError(
                f"{path.name} of {dataset.folder} has a column {spelled[0]!r} that is blank in every row.",
                dataset=dataset.name,
                file=path,
                column=spelled[0],
                expected="a value in every row",
                remedy="Build this file again from ERCOT's reports.",
            )
        own = filled or (spelled if column.required else [])
        if own:
            first = normal_heading(own[0])
            found[name] = [heading for heading in own if normal_heading(heading) == first]
    return found


def is_published(column: DatasetColumn, year: int | None) -> bool:
    """Whether ERCOT publishes a column in the rows of a file named by that year; None, of a file named otherwise, stands for any year.

    Of a column that is only compared nobody asks.
    """
    if column.only_compared:
        return False
    if year is None:
        return column.first_day < date.max
    return column.first_day < date(year, 11, 1) and column.last_day > date(year, 1, 1)


def _chunks(file: pq.ParquetFile, heading: str) -> list[pq.ColumnChunkMetaData]:
    metadata = file.metadata
    index = next((i for i in range(metadata.num_columns) if metadata.schema.column(i).path == heading), None)
    return (
        [] if index is None else [metadata.row_group(group).column(index) for group in range(metadata.num_row_groups)]
    )


def _is_blank(file: pq.ParquetFile, heading: str) -> bool:
    """Whether a column is null or blank text in every row; a column without statistics is read until a value turns up."""
    unsaid = []
    for group, chunk in enumerate(_chunks(file, heading)):
        statistics = chunk.statistics
        if statistics is not None and statistics.has_null_count and statistics.null_count == chunk.num_values:
            continue
        if statistics is None or not statistics.has_min_max:
            unsaid.append(group)
        elif not (isinstance(statistics.min, str) and not statistics.min.strip() and not statistics.max.strip()):
            return False
    for group in unsaid:
        for batch in file.iter_batches(row_groups=[group], columns=[heading]):
            values = batch.column(0).drop_null()
            if any(not isinstance(value, str) or value.strip() for value in values.unique().to_pylist()):
                return False
    return bool(file.metadata.num_rows)


def _is_zero(file: pq.ParquetFile, heading: str) -> bool:
    """Whether a column is zero in every row that has a value, as far as the footer says."""
    seen = False
    for chunk in _chunks(file, heading):
        statistics = chunk.statistics
        if statistics is None or not statistics.has_min_max:
            if statistics is not None and statistics.null_count == chunk.num_values:
                continue
            return False
        if statistics.min != 0 or statistics.max != 0:
            return False
        seen = True
    return seen
