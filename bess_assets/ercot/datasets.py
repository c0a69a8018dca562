"""Every dataset of ERCOT's that is used: its headings of every era, mapped to canonical columns, and what the footer of a rollup file says of them.

Headings are compared by their letters and digits alone, in lower case, so that ERCOT's own `Telemetered Net Output ` (with its trailing space) and a rollup's
`TelemeteredNetOutput` are one heading.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

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
        folder: folder of its annual rollups.
        meaning: what a row is.
        report: ERCOT's report it comes from.
        columns: canonical columns by name.
        unread: patterns of normal headings that are known and not used.
        foreign: headings that prove a file to be another dataset's: its rows would be taken for something that they are not.
        first_day: first operating day that has rows.
        last_year: last delivery year that has rows.
        names: patterns of the names of ERCOT's report files, letters and digits alone in lower case; if empty, names begin with `report`.
        marks: alternatives of headings; a report file that has all headings of one of them is this dataset's, whatever its name; empty: by name alone.
        key: canonical columns that, with the time, name one row of a report; empty where nothing does, and the newest publication of a day is taken whole.
        in_no_figure: True if no figure is made of it, so that its absence means nothing.
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
    marks: tuple[tuple[str, ...], ...] = ()
    key: tuple[str, ...] = ()
    in_no_figure: bool = False

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

    def canonical(self, headings: list[str]) -> dict[str, str]:
        """Canonical name -> preferred heading, for the columns that the headings hold."""
        return {name: spelled[0] for name, spelled in self.spellings(headings).items()}

    def spellings(self, headings: list[str]) -> dict[str, list[str]]:
        """Canonical name -> all headings that stand for it, the preferred one first."""
        found = {}
        for name, column in self.columns.items():
            normals = dict.fromkeys(map(normal_heading, column.headings))
            found[name] = [heading for normal in normals for heading in headings if normal_heading(heading) == normal]
        return {name: spelled for name, spelled in found.items() if spelled}

    def holds_text(self, heading: str) -> bool:
        """Whether a heading that is not read holds text: one of the known text columns, or one that no era of the dataset has."""
        return not self.knows(heading) or any(re.fullmatch(p, normal_heading(heading)) for p in _UNREAD_TEXTS)

    def fits(self, headings: list[str]) -> bool:
        """Whether a file with these headings can be one of this dataset's: every required column, and none that is another's."""
        foreign = set(map(normal_heading, headings)) & set(map(normal_heading, self.foreign))
        required = {name for name, column in self.columns.items() if column.required}
        return not foreign and required <= self.canonical(headings).keys()

    def is_marked(self, headings: list[str]) -> bool:
        """Whether the headings alone say that a file is one of this dataset's."""
        there = {normal_heading(heading) for heading in headings}
        return any(all(normal_heading(mark) in there for mark in alternative) for alternative in self.marks)

    def is_named(self, file_name: str) -> bool:
        """Whether a file's name is one that ERCOT gives to reports of this dataset."""
        patterns = self.names or (f"{normal_heading(self.report)}.*",)
        return any(re.fullmatch(pattern, _stem(file_name)) for pattern in patterns)

    def knows(self, heading: str) -> bool:
        """Whether the heading is one that some era of the dataset has."""
        normal = normal_heading(heading)
        if any(normal == normal_heading(s) for c in self.columns.values() for s in c.headings):
            return True
        return any(re.fullmatch(pattern, normal) for pattern in (*_ROLLUP_EXTRAS, *self.unread))


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

# fmt: off
_ROLLUP_EXTRAS = ("datetime", "hour", "deliverydatestr", "year", "month")
_UNREAD_TEXTS = (
    "qse", "qsename", "dme", "sasmid", "bidtype", "proxyextension", "bidid", "offerid", "multihourblockflag", r"blockindicator\d+",
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
_RESOURCE = _column("resource_name", "name", "Resource Name", required=True)
_TYPE = _column("resource_type", "name", "Resource Type")
_QSE = _column("qse", "name", "QSE", "QSE Name", first_day=date(2023, 1, 1))
_OWN_QSE = _column("qse", "name", "QSE Name", "QSE")
_SCED_STATUS = _column("resource_status", "name", "Telemetered Resource Status", "Resource Status")
_PRODUCT = _column("product", "name", "AS Type", "Ancillary Type", required=True)
_POINT = _column("settlement_point", "name", "Settlement Point", required=True)


def _as_awards(*, load: bool) -> tuple[DatasetColumn, ...]:
    return (
        _live("regup_award_mw", "RegUp Awarded"),
        _live("regdn_award_mw", "RegDown Awarded", "RegDn Awarded"),
        _number("rrs_award_mw", "RRS Awarded", last_day=_RRS_SPLIT_FIRST_DAY),
        *(
            _number(f"{part.lower()}_award_mw", f"{part} Awarded", first_day=_RRS_SPLIT_FIRST_DAY)
            for part in ("RRSPFR", "RRSFFR", "RRSUFR")
        ),
        _number("ecrs_award_mw", "ECRS Awarded", first_day=date.max),
        _number("ecrssd_award_mw", "ECRSSD Awarded", first_day=ECRS_FIRST_DAY),
        *([_number("ecrsmd_award_mw", "ECRSMD Awarded", first_day=ECRS_FIRST_DAY)] if load else []),
        _live("nspin_award_mw", "NonSpin Awarded", "NSPIN Awarded"),
    )


_STATED_MCPC = tuple(
    _number(f"{product}_mcpc_usd_per_mw", f"{label} MCPC", only_compared=True)
    for label, product in {
        "RegUp": "regup",
        "RegDown": "regdn",
        "RRS": "rrs",
        "ECRS": "ecrs",
        "NonSpin": "nspin",
    }.items()
)
"""The clearing prices that ERCOT's reports repeat in every row, and rollups found in the wild never do."""

_RT_AS_AWARDS = tuple(
    (_number if part.startswith("RRS") else _live)(
        f"{part.lower()}_award_mw", f"AS Awards {part}", first_day=RTC_FIRST_DAY
    )
    for part in ("REGUP", "REGDN", "RRSPFR", "RRSFFR", "RRSUFR", "ECRS", "NSPIN")
)

_DAM_UNREAD = (
    r"qsesubmittedcurve(mw|price)\d+",
    r"startup(hot|inter|cold)|mingencost|dme",
    r"(regup|regdown|rrs|ecrs|nonspin)mcpc",
    "lowpowerconsumption(forloadresource)?",
)
_SCED_UNREAD = (
    r"(sced\d?(curve)?|sced\dcurve|scedbidtobuycurve|bid|submittedtpo)(mw|price)\d+",
    r"ancillaryservice(regup|regdn|rrs|rrsffr|nsrs|ecrs)|as(rrs|rrsffr|nsrs|ecrs|regup|regdn)",
    r"asresponsibilityfor(rrs|rrsffr|nonspin|regup|regdown|ecrs)|selfprovided(rrsffr|rrsufr|ecrs)",
    r"ascapability[a-z]+|asawards(nspin|rrsffr|rrspfr|rrsufr|ecrs|regup|regdn)",
    r"startup(hot|inter|cold)offer|mingencost|outputschedule|proxyextension|dme|bidtype",
    r"hdl|ldl|hasl|lasl|ramprate(up|down)|lowpowerconsumption|stateofcharge|minimumsoc|minsoc",
)


def _dam(folder: str, what: str, report: str, first_day: date = _ALWAYS) -> Dataset:
    return Dataset(
        folder,
        f"Day-ahead offers and awards, {what} by hour.",
        report,
        _columns(
            *(_DAY, _HOUR_ENDING, _REPEATED_IF_ADDED, _RESOURCE, _TYPE, _QSE),
            _column("settlement_point", "name", "Settlement Point Name", "Settlement Point"),
            _live("hsl_mw", "HSL"),
            _number("lsl_mw", "LSL"),
            _column("resource_status", "name", "Resource Status"),
            _live("award_mw", "Awarded Quantity"),
            _number("settlement_price_usd_per_mwh", "Energy Settlement Point Price"),
            *_as_awards(load=False),
            *_STATED_MCPC,
        ),
        _DAM_UNREAD,
        foreign=("Load Resource Name", "Max Power Consumption for Load Resource", "SCED Time Stamp"),
        first_day=first_day,
        marks=(("Resource Type", "Awarded Quantity"),),
        key=("resource_name",),
    )


def _sced(
    folder: str, meaning: str, report: str, marks: tuple[tuple[str, ...], ...], *more: DatasetColumn, **others: Any
) -> Dataset:
    """Generation and storage resources by SCED run."""
    columns = _columns(
        *(_STAMP, _REPEATED, _RESOURCE, _TYPE, _QSE, _live("hsl_mw", "HSL"), _number("lsl_mw", "LSL"), _SCED_STATUS),
        _live("base_point_mw", "Base Point"),
        _live("output_mw", "Telemetered Net Output"),
        *more,
    )
    return Dataset(folder, meaning, report, columns, _SCED_UNREAD, marks=marks, key=("resource_name",), **others)


_ALL = (
    Dataset(
        "RT_prices",
        "Real-time settlement point prices, point by quarter-hour.",
        "NP6-905-CD",
        _columns(
            *(_DAY, _DELIVERY_HOUR, _INTERVAL, _DST_FLAG),
            _column("settlement_point", "name", "Settlement Point Name", "Settlement Point", required=True),
            _column("settlement_point_type", "name", "Settlement Point Type"),
            _live("price_usd_per_mwh", "Settlement Point Price"),
        ),
        foreign=("Resource Name", "AS Type", "Ancillary Type"),
        names=(".*spphlznp6905.*", ".*rtmlzhbspp.*", "rtspp.*"),
        marks=(("Settlement Point Price", "Delivery Interval"),),
        key=("settlement_point", "settlement_point_type"),
    ),
    Dataset(
        "DA_prices",
        "Day-ahead settlement point prices, point by hour.",
        "NP4-190-CD",
        _columns(
            *(_DAY, _HOUR_ENDING, _DST_FLAG),
            _column("settlement_point", "name", "Settlement Point", "Settlement Point Name", required=True),
            _live("price_usd_per_mwh", "Settlement Point Price"),
        ),
        foreign=("Resource Name", "Delivery Interval", "Energy Only Bid Award in MW"),
        names=(".*damspnp4190.*", ".*damlzhbspp.*", "damspp.*"),
        marks=(("Settlement Point Price", "DSTFlag"), ("Settlement Point Price", "Repeated Hour Flag")),
        key=("settlement_point",),
    ),
    Dataset(
        "AS_prices",
        "Day-ahead market clearing prices for capacity, product by hour.",
        "NP4-188-CD",
        _columns(
            *(_DAY, _HOUR_ENDING, _DST_FLAG),
            _column("product", "name", "Ancillary Type", "AS Type", required=True),
            _live("mcpc_usd_per_mw", "MCPC"),
        ),
        foreign=("Resource Name", "Delivery Interval"),
        names=(".*damcpcnp4188.*", "dammcpc.*"),
        marks=(("Ancillary Type", "MCPC"),),
        key=("product",),
    ),
    Dataset(
        "RT_AS_prices",
        "Real-time market clearing prices for capacity, product by quarter-hour.",
        "NP6-331-CD",
        _columns(_DAY, _DELIVERY_HOUR, _INTERVAL, _REPEATED, _PRODUCT, _live("mcpc_usd_per_mw", "MCPC")),
        foreign=("Resource Name", "Settlement Point Name"),
        first_day=RTC_FIRST_DAY,
        names=(".*np6331.*", "rtmcpc.*"),
        marks=(("AS Type", "MCPC", "Delivery Interval"),),
        key=("product",),
    ),
    _dam("DAM_Gen_Resources", "generation resource", "60d_DAM_Gen_Resource_Data"),
    Dataset(
        "DAM_Load_Resources",
        "Day-ahead ancillary service awards, load resource by hour (no energy award in any year).",
        "60d_DAM_Load_Resource_Data",
        _columns(
            *(_DAY, _HOUR_ENDING, _REPEATED_IF_ADDED),
            _column("resource_name", "name", "Load Resource Name", "Resource Name", required=True),
            _live("max_power_mw", "Max Power Consumption for Load Resource", "Max Power Consumption"),
            *_as_awards(load=True),
        ),
        _DAM_UNREAD,
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
    Dataset(
        "SCED_Load_Resources",
        "Telemetry and base points, load resource by SCED run.",
        "60d_Load_Resource_Data_in_SCED",
        _columns(
            *(_STAMP, _REPEATED),
            _column("resource_name", "name", "Resource Name", "Load Resource Name"),
            *(_QSE, _SCED_STATUS),
            _live("max_power_mw", "Max Power Consumption"),
            _live("consumption_mw", "Real Power Consumption"),
            _live("base_point_mw", "Base Point", first_day=date(2019, 12, 2)),
        ),
        _SCED_UNREAD,
        foreign=("Resource Type", "Telemetered Net Output", "HSL"),
        marks=(("Real Power Consumption",), ("Max Power Consumption", "Base Point")),
        key=("resource_name",),
    ),
    _sced(
        "SCED_ESR_Resources",
        "Telemetry, base points, state of charge and real-time AS awards, energy storage resource by SCED run.",
        "60d_ESR_Data_in_SCED",
        (("Base Point", "State of Charge"), ("Base Point", "Maximum SOC"), ("Telemetered Net Output", "Maximum SOC")),
        _number("max_soc_mwh", "Maximum SOC", "MaxSOC"),
        *_RT_AS_AWARDS,
        foreign=("Real Power Consumption", "Max Power Consumption"),
        first_day=RTC_FIRST_DAY,
    ),
    Dataset(
        "SCED_SMNE",
        "Settlement metered net energy, generation resource by quarter-hour.",
        "60d_SCED_SMNE_GEN_RES",
        _columns(
            _column("interval_end", "stamp", "Interval Time", required=True),
            _column("interval_number", "interval", "Interval Number"),
            _column("resource_name", "name", "Resource Code", "Resource Name", required=True),
            _live("energy_mwh", "Interval Value"),
        ),
        marks=(("Interval Value",),),
        key=("resource_name",),
    ),
    Dataset(
        "COP_Snapshots",
        "Current operating plan at the end of the adjustment period, resource by hour.",
        "60d_COP_Adjustment_Period_Snapshot",
        _columns(
            *(_DAY, _HOUR_ENDING, _REPEATED_IF_ADDED, _RESOURCE, _OWN_QSE),
            _column("resource_status", "name", "Status"),
            _number("hsl_mw", "High Sustained Limit", "HSL"),
            _number("max_soc_mwh", "Maximum SOC", "MaxSOC", first_day=_MAX_SOC_FIRST_DAY),
        ),
        (
            "regup|regdown|rrs|rrspfr|rrsffr|rrsufr|nspin|ecrs",
            "highemergencylimit|lowemergencylimit|hel|lel|lowsustainedlimit|lsl",
            "minimumsoc|minsoc|hourbeginningplannedsoc|plannedsoc",
        ),
        foreign=("Resource Type", "Awarded Quantity", "SCED Time Stamp"),
        names=("60dcopadjustmentperiodsnapshot.*", "completecop.*"),
        marks=(("High Sustained Limit", "QSE Name"),),
        key=("resource_name", "qse"),
    ),
    Dataset(
        "SASM_AS_Offers",
        "Offers into the supplemental AS market; offers, not awards, and in no figure.",
        "60d_SASM_Load_Resource_AS_Offers, 60d_SASM_Generation_Resource_AS_Offers",
        _columns(_DAY, _HOUR_ENDING, _column("resource_name", "name", "Resource Name", "Load Resource Name")),
        (".*",),
        last_year=RTC_FIRST_DAY.year,
        names=("60dsasm.*asoffers.*",),
        in_no_figure=True,
    ),
    Dataset(
        "DAM_Energy_Bid_Awards",
        "Day-ahead purchases of a QSE at a settlement point; tied to no resource, and in no figure.",
        "60d_DAM_EnergyBidAwards",
        _columns(_DAY, _HOUR_ENDING, _POINT, _OWN_QSE, _number("award_mw", "Energy Only Bid Award in MW")),
        ("bidid", "settlementpointprice"),
        marks=(("Energy Only Bid Award in MW",),),
        in_no_figure=True,
    ),
    Dataset(
        "DAM_Energy_Offer_Awards",
        "Day-ahead energy-only sales of a QSE at a settlement point; tied to no resource, and in no figure.",
        "60d_DAM_EnergyOnlyOfferAwards",
        _columns(_DAY, _HOUR_ENDING, _POINT, _OWN_QSE, _number("award_mw", "Energy Only Offer Award in MW")),
        ("offerid", "settlementpointprice"),
        marks=(("Energy Only Offer Award in MW",),),
        in_no_figure=True,
    ),
    Dataset(
        "DAM_AS_Only_Awards",
        "Day-ahead ancillary services that a QSE sold without a resource; tied to no battery, and in no figure.",
        "60d_DAM_AS_Only_Awards",
        _columns(
            *(_DAY, _HOUR_ENDING, replace(_OWN_QSE, required=True)),
            _column("product", "name", "AS Type", required=True),
            _number("award_mw", "Total Award"),
        ),
        ("offerid", r"quantity\daward", "mcpc"),
        first_day=RTC_FIRST_DAY,
        marks=(("Offer ID", "Total Award"),),
        in_no_figure=True,
    ),
    Dataset(
        "DAM_ESR_AS_Offers",
        "Day-ahead ancillary service offers of energy storage resources; offers, not awards, and in no figure.",
        "60d_DAM_ESR_ASOffers",
        _columns(_DAY, _HOUR_ENDING, _RESOURCE, _QSE),
        ("dme", "multihourblockflag", r"blockindicator\d", r"price\d[a-z]+", r"quantitymw\d"),
        first_day=DAM_ESR_FIRST_DAY,
        marks=(("Multi-Hour Block Flag", "BLOCK INDICATOR1"),),
        in_no_figure=True,
    ),
    Dataset(
        "SCED_AS_prices",
        "Real-time market clearing prices for capacity, product by SCED run; money is settled at the quarter-hour prices, so in no figure.",
        "NP6-332-CD",
        _columns(_STAMP, _REPEATED, _PRODUCT, _number("mcpc_usd_per_mw", "MCPC", "Capped MCPC")),
        ("uncappedmcpc",),
        foreign=("Delivery Date", "Delivery Interval"),
        first_day=RTC_FIRST_DAY,
        names=(".*np6332.*",),
        marks=(("AS Type", "MCPC"), ("AS Type", "Capped MCPC")),
        key=("product",),
        in_no_figure=True,
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
        columns: (heading, Arrow type, canonical name or None) in file order.
        missing: canonical columns that ERCOT publishes in that year and the file lacks or leaves blank in every row.
        blank: those that are there and blank in every row: as good as absent.
        unknown: headings that no era of the dataset has.
        zero_filled: canonical number columns that are zero in every row, as far as the footer's statistics say.
        year: in the file's name; None if there is none.
    """

    rows: int
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
    first, last = date(max(year, 1), 1, 1), date(max(year, 1), 12, 31)
    return [
        name
        for name, column in dataset.columns.items()
        if not column.only_compared
        and column.first_day <= first
        and column.last_day >= last
        and 0 < sum(name in layout for layout in layouts) < len(layouts)
    ]


def describe_file(dataset: Dataset, path: Path) -> FileDescription:
    """What a rollup file holds, from its footer alone.

    Raises:
        InputError: no Parquet, or a file that lacks the columns without which rows of this dataset mean nothing.
    """
    with open_parquet(dataset, path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
        headings = list(schema.names)
        built = METADATA_KEY in (schema.metadata or {})
        found = find_columns(dataset, path, file)
        numbers = {name: own[0] for name, own in found.items() if dataset.columns[name].kind == "number"}
        zero = [name for name, heading in numbers.items() if extent(file, headings.index(heading)).is_zero]
    by_heading = {heading: name for name, own in found.items() for heading in own}
    year = int(path.stem) if path.stem.isdigit() else None
    missing = [name for name, column in dataset.columns.items() if name not in found and is_published(column, year)]
    there = dataset.spellings(headings)
    return FileDescription(
        rows=rows,
        columns=[(h, str(schema.field(i).type), by_heading.get(h)) for i, h in enumerate(headings)],
        missing=missing,
        blank=[name for name in missing if name in there],
        unknown=[h for h in headings if not dataset.knows(h) and not (built and h in BUILT_COLUMNS)],
        zero_filled=zero,
        year=year,
    )


def suspicious_zeros(dataset: Dataset, description: FileDescription) -> list[str]:
    """Columns of a file that are all zero and in no real file are: absent data filled in."""
    there = {name for _, _, name in description.columns if name}
    return sorted(filled_with_zeros(dataset, there, set(description.zero_filled), description.year))


def filled_with_zeros(dataset: Dataset, there: set[str], zero: set[str], year: int | None) -> set[str]:
    """Canonical columns that are all zero in a file of a year and in no real file are.

    RRS counts if all its columns are. The part of RRS, and of ECRS, that every year's generation and storage files hold counts where no single column
    replaces it, in files of the years after the one in which it was first published: that year's may end before.
    """
    suspicious = {name for name in zero if dataset.columns[name].never_all_zero}
    rrs = {name for name in there if name.startswith("rrs") and name.endswith("_award_mw")}
    if dataset.name in _SELL_EVERY_PART and year is not None:
        for part, single in _PARTS_SOLD_EVERY_YEAR.items():
            if part in zero and dataset.columns[part].first_day < date(year, 1, 1) and single not in there - zero:
                suspicious.add(part)
    return suspicious | (rrs if rrs <= zero else set())


def _refusal(dataset: Dataset, path: Path, column: str, problem: str, expected: str, remedy: str) -> InputError:
    problem = f"{path.name} of {dataset.folder} {problem}."
    return InputError(problem, dataset=dataset.name, file=path, column=column, expected=expected, remedy=remedy)


def require_columns(dataset: Dataset, path: Path, headings: list[str]) -> dict[str, str]:
    """Canonical name -> heading of a file.

    Raises:
        InputError: a required column is absent, or a heading proves the file to be another dataset's; naming it and the headings that are there.
    """
    found = dataset.canonical(headings)
    foreign = {normal_heading(heading) for heading in dataset.foreign}
    for heading in headings:
        if normal_heading(heading) in foreign:
            problem = f"is another dataset's file: it has a column {heading!r}"
            remedy = "Put the file into the folder of its own dataset."
            raise _refusal(dataset, path, heading, problem, f"the headings of {dataset.report}", remedy)
    for column in dataset.columns.values():
        if column.required and column.name not in found:
            expected = " or ".join(repr(h) for h in column.headings)
            remedy = f"Check that this is {dataset.report}; its headings are {', '.join(map(repr, headings[:12]))}."
            raise _refusal(dataset, path, column.name, f"has no column for {column.name}", expected, remedy)
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
    remedy = "Build this file again from ERCOT's reports."
    found = {}
    for name, spelled in dataset.spellings(headings).items():
        column = dataset.columns[name]
        twice = next((heading for heading in spelled if spelled.count(heading) > 1), None)
        if twice is not None:
            expected = "each heading once: nothing tells which of the two is meant"
            raise _refusal(dataset, path, twice, f"has two columns {twice!r}", expected, remedy)
        filled = [heading for heading in spelled if not is_blank(file, heading, headings.index(heading))]
        if not filled and column.required and column.kind not in {"day", "stamp"} and file.metadata.num_rows:
            problem = f"has a column {spelled[0]!r} that is blank in every row"
            raise _refusal(dataset, path, spelled[0], problem, "a value in every row", remedy)
        own = filled or (spelled if column.required else [])
        if own:
            first = normal_heading(own[0])
            found[name] = [heading for heading in own if normal_heading(heading) == first]
    return found


def is_published(column: DatasetColumn, year: int | None) -> bool:
    """Whether ERCOT publishes a column in the rows of a file named by that year; None, of a file named otherwise, is any year.

    Never of a column that is only compared, whose absence is no finding.
    """
    if column.only_compared:
        return False
    if year is None:
        return column.first_day < date.max
    return column.first_day < date(year, 11, 1) and column.last_day > date(year, 1, 1)


@dataclass(frozen=True)
class Extent:
    """What the footer says of the values of a column, over all row groups.

    Attributes:
        rows: rows of the file.
        nulls: how many of them are null; None where the footer doesn't say.
        low: smallest value; None where the footer doesn't say, or there is none.
        high: largest value.
    """

    rows: int
    nulls: int | None = None
    low: Any = None
    high: Any = None

    @property
    def is_blank(self) -> bool:
        """Whether every row is null or blank text, as far as the footer says."""
        if not self.rows or self.nulls == self.rows:
            return self.rows > 0
        return isinstance(self.low, str | bytes) and not self.low.strip() and not self.high.strip()

    @property
    def is_zero(self) -> bool:
        """Whether every row that has a value is zero, as far as the footer says."""
        return isinstance(self.low, int | float) and not isinstance(self.low, bool) and self.low == 0 == self.high


def extent(file: pq.ParquetFile, position: int) -> Extent:
    """What the footer of a file says of the column at a position of its schema."""
    metadata = file.metadata
    rows = metadata.num_rows
    if metadata.num_columns != len(file.schema_arrow.names):
        return Extent(rows)  # a nested column takes several places in the footer: positions are not those of the schema
    nulls = 0
    extremes: list[tuple[Any, Any]] = []
    for group in range(metadata.num_row_groups):
        chunk = metadata.row_group(group).column(position)
        try:
            said = chunk.statistics
            if said is None or not said.has_null_count:
                return Extent(rows)
            nulls += said.null_count
            if said.null_count < chunk.num_values:
                extremes.append((said.min, said.max) if said.has_min_max else (None, None))
        except (pa.ArrowException, ValueError, OverflowError, TypeError):
            return Extent(rows)  # extremes of a type, or of a date, that Python has no word for
    if not extremes or (None, None) in extremes:
        return Extent(rows, nulls)
    return Extent(rows, nulls, min(low for low, _ in extremes), max(high for _, high in extremes))


def is_blank(file: pq.ParquetFile, heading: str, position: int) -> bool:
    """Whether a column is null or blank text in every row; a column without statistics is read until a value turns up."""
    said = extent(file, position)
    if said.low is not None or said.nulls == said.rows:
        return said.is_blank
    for batch in file.iter_batches(columns=[heading]):
        values = batch.column(0).drop_null().unique().to_pylist()
        if any(not isinstance(value, str) or value.strip() for value in values):
            return False
    return said.rows > 0
