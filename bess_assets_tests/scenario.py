"""Awkward values, each there for a reason, and builders that write them as tiny rollup files in every spelling and type that rollups have had."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.footers import METADATA_KEY
from bess_assets_tests.resources import GEN, Row
from bess_assets_tests.steps import CENTRAL

BATCAVE_RUNS = ((19, -0.161), (5 * 60 + 18, -18.455), (10 * 60 + 17, -16.036), (15 * 60 + 17, -8.273))
"""Seconds after midnight of 2026-03-19 and telemetered MW: the worked example of section 3.3, and the run that ends it."""

# --- headings: as the rollups' producer spells them, and as ERCOT does --------------------------------------------------------------------------
_AWARDS_AND_MCPC = {
    "regup_award_mw": ("RegUpAwarded", "RegUp Awarded"), "regdn_award_mw": ("RegDownAwarded", "RegDown Awarded"),
    "rrs_award_mw": ("RRSAwarded", "RRS Awarded"), "rrspfr_award_mw": ("RRSPFRAwarded", "RRSPFR Awarded"),
    "rrsffr_award_mw": ("RRSFFRAwarded", "RRSFFR Awarded"), "rrsufr_award_mw": ("RRSUFRAwarded", "RRSUFR Awarded"),
    "ecrs_award_mw": ("ECRSAwarded", "ECRS Awarded"), "ecrssd_award_mw": ("ECRSSDAwarded", "ECRSSD Awarded"),
    "nspin_award_mw": ("NonSpinAwarded", "NonSpin Awarded"),
    "regup_mcpc_usd_per_mw": ("RegUpMCPC", "RegUp MCPC"), "regdn_mcpc_usd_per_mw": ("RegDownMCPC", "RegDown MCPC"),
    "rrs_mcpc_usd_per_mw": ("RRSMCPC", "RRS MCPC"), "ecrs_mcpc_usd_per_mw": ("ECRSMCPC", "ECRS MCPC"),
    "nspin_mcpc_usd_per_mw": ("NonSpinMCPC", "NonSpin MCPC"),
}  # fmt: skip
_HOURLY = {"operating_day": ("DeliveryDate", "Delivery Date"), "hour_ending": ("HourEnding", "Hour Ending")}
_RESOURCE = {
    "resource_name": ("ResourceName", "Resource Name"), "resource_type": ("ResourceType", "Resource Type"), "qse": ("QSE", "QSE"),
    "resource_status": ("ResourceStatus", "Resource Status"),
}  # fmt: skip
_DAM_UNIT = {
    **_HOURLY, **_RESOURCE, "settlement_point": ("SettlementPointName", "Settlement Point Name"), "lsl_mw": ("LSL", "LSL"), "hsl_mw": ("HSL", "HSL"),
    "award_mw": ("AwardedQuantity", "Awarded Quantity"), **_AWARDS_AND_MCPC,
    "settlement_price_usd_per_mwh": ("EnergySettlementPointPrice", "Energy Settlement Point Price"),
}  # fmt: skip
_RUN = {
    "sced_stamp": ("SCEDTimeStamp", "SCED Time Stamp"), "repeated_hour": ("RepeatedHourFlag", "Repeated Hour Flag"), **_RESOURCE,
    "hsl_mw": ("HSL", "HSL"), "base_point_mw": ("BasePoint", "Base Point"),
}  # fmt: skip
_REAL_TIME = {
    "operating_day": ("DeliveryDate", "Delivery Date"),
    "hour_ending": ("DeliveryHour", "Delivery Hour"),
    "interval": ("DeliveryInterval", "Delivery Interval"),
}
_DST_FLAG = {"repeated_hour": ("DSTFlag", "Repeated Hour Flag")}
HEADINGS: dict[str, dict[str, tuple[str, str]]] = {
    "rt_prices": {
        **_REAL_TIME, **_DST_FLAG, "settlement_point": ("SettlementPointName", "Settlement Point Name"),
        "settlement_point_type": ("SettlementPointType", "Settlement Point Type"), "price_usd_per_mwh": ("SettlementPointPrice", "Settlement Point Price"),
    },
    "da_prices": {
        **_HOURLY, **_DST_FLAG, "settlement_point": ("SettlementPoint", "Settlement Point"), "price_usd_per_mwh": ("SettlementPointPrice", "Settlement Point Price"),
    },
    "as_prices": {
        **_HOURLY, "repeated_hour": ("DSTFlag", "DSTFlag"), "product": ("AncillaryType", "AncillaryType"), "mcpc_usd_per_mw": ("MCPC", "MCPC"),
    },
    "rt_as_prices": {
        "operating_day": ("DeliveryDate", "DeliveryDate"), "hour_ending": ("DeliveryHour", "DeliveryHour"), "interval": ("DeliveryInterval", "DeliveryInterval"),
        "repeated_hour": ("RepeatedHourFlag", "RepeatedHourFlag"), "product": ("ASType", "ASType"), "mcpc_usd_per_mw": ("MCPC", "MCPC"),
    },
    "dam_gen_resources": _DAM_UNIT,
    "dam_esr_resources": _DAM_UNIT,
    "dam_load_resources": {
        **_HOURLY, "resource_name": ("LoadResourceName", "Load Resource Name"), **_AWARDS_AND_MCPC, "ecrsmd_award_mw": ("ECRSMDAwarded", "ECRSMD Awarded"),
        "max_power_mw": ("MaxPowerConsumption", "Max Power Consumption for Load Resource"),
    },
    # ERCOT's own heading carries a space at its end until 2025
    "sced_gen_resources": {**_RUN, "output_mw": ("TelemeteredNetOutput", "Telemetered Net Output ")},
    "sced_load_resources": {
        **{name: spelled for name, spelled in _RUN.items() if name not in {"resource_type", "hsl_mw"}},
        "max_power_mw": ("MaxPowerConsumption", "Max Power Consumption"), "consumption_mw": ("RealPowerConsumption", "Real Power Consumption"),
    },
    "sced_esr_resources": {
        **_RUN, "output_mw": ("TelemeteredNetOutput", "Telemetered Net Output"), "max_soc_mwh": ("MaxSOC", "Maximum SOC"),
        "soc_mwh": ("StateOfCharge", "State of Charge"),
        **{f"{part}_award_mw": (f"ASAwards{part.upper()}", f"AS Awards {part.upper()}") for part in ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrs", "nspin")},
    },
    "sced_smne": {
        "interval_end": ("IntervalTime", "Interval Time"), "interval_number": ("IntervalNumber", "Interval Number"),
        "resource_name": ("ResourceCode", "Resource Code"), "energy_mwh": ("IntervalValue", "Interval Value"),
    },
    "sced_as_prices": {
        "sced_stamp": ("SCEDTimestamp", "SCEDTimestamp"), "repeated_hour": ("RepeatedHourFlag", "RepeatedHourFlag"), "product": ("ASType", "ASType"),
        "mcpc_usd_per_mw": ("CappedMCPC", "MCPC"),
    },
    "sced_as_adders": {
        "sced_stamp": ("SCEDTimestamp", "SCED Timestamp"), "repeated_hour": ("RepeatedHourFlag", "Repeated Hour Flag"),
        **{f"{p}_adder_usd_per_mw": (f"RTRDPA{label}", f"RTRDPA{label}") for p, label in (("regup", "RUS"), ("regdn", "RDS"), ("rrs", "RRS"), ("ecrs", "ECRS"), ("nspin", "NSS"))},
    },
    "cop_snapshots": {
        **_HOURLY, "resource_name": ("ResourceName", "Resource Name"), "resource_status": ("Status", "Status"),
        "hsl_mw": ("HSL", "High Sustained Limit"), "max_soc_mwh": ("MaxSOC", "Maximum SOC"),
    },
}  # fmt: skip
FOLDERS = {
    "rt_prices": "RT_prices", "da_prices": "DA_prices", "as_prices": "AS_prices", "rt_as_prices": "RT_AS_prices",
    "dam_gen_resources": "DAM_Gen_Resources", "dam_esr_resources": "DAM_ESR_Resources", "dam_load_resources": "DAM_Load_Resources",
    "sced_gen_resources": "SCED_Gen_Resources", "sced_load_resources": "SCED_Load_Resources", "sced_esr_resources": "SCED_ESR_Resources",
    "sced_smne": "SCED_SMNE", "cop_snapshots": "COP_Snapshots", "sasm_as_offers": "SASM_AS_Offers",
    "dam_energy_bid_awards": "DAM_Energy_Bid_Awards", "dam_energy_offer_awards": "DAM_Energy_Offer_Awards",
    "dam_as_only_awards": "DAM_AS_Only_Awards", "dam_esr_as_offers": "DAM_ESR_AS_Offers", "sced_as_prices": "SCED_AS_prices", "sced_as_adders": "SCED_AS_adders",
}  # fmt: skip
ROLLUP_HEADINGS_OF_2024 = {
    "rt_prices": "DeliveryDate DeliveryHour DeliveryInterval SettlementPointName SettlementPointType SettlementPointPrice DSTFlag datetime",
    "da_prices": "DeliveryDate HourEnding SettlementPoint SettlementPointPrice DSTFlag hour datetime",
    "as_prices": "DeliveryDate HourEnding AncillaryType MCPC DSTFlag hour datetime",
    "dam_gen_resources": "DeliveryDate HourEnding ResourceName ResourceType SettlementPointName LSL HSL AwardedQuantity EnergySettlementPointPrice RegUpAwarded "
    "RegDownAwarded RRSAwarded RRSPFRAwarded RRSFFRAwarded RRSUFRAwarded ECRSAwarded ECRSSDAwarded NonSpinAwarded hour datetime ResourceStatus",
    "sced_gen_resources": "SCEDTimeStamp ResourceName ResourceType BasePoint HSL LSL AS_RRS AS_RRSFFR AS_NSRS AS_ECRS datetime TelemeteredNetOutput",
    "sced_load_resources": "SCEDTimeStamp MaxPowerConsumption LDL HDL BasePoint HASL LASL datetime ResourceName",
    "cop_snapshots": "DeliveryDate HourEnding ResourceName Status HSL LSL MinSOC MaxSOC PlannedSOC hour datetime",
}
"""Headings of real rollups of 2024, as section 5 of the market reference lists them."""

_KINDS = {
    name: kind
    for kind, names in (
        ("day", "operating_day"),
        ("hour", "hour_ending"),
        ("interval", "interval interval_number"),
        ("stamp", "sced_stamp interval_end"),
        (
            "text",
            "repeated_hour resource_name resource_type resource_status qse settlement_point settlement_point_type product",
        ),
    )
    for name in names.split()
}


# --- eras: how a producer stored them -----------------------------------------------------------------------------------------------------------
def _same(value: Any) -> Any:
    return value


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _us_day(day: date) -> str:
    return day.strftime("%m/%d/%Y")


def _us_stamp(stamp: datetime) -> str:
    return stamp.strftime("%m/%d/%Y %H:%M:%S")


@dataclass(frozen=True)
class Era:
    """One producer's spelling and types."""

    name: str
    spelling: int  # 0 for the rollups' headings, 1 for ERCOT's own
    types: Mapping[str, tuple[pa.DataType, Callable[[Any], Any]]]  # by kind of value: `number` if none of `_KINDS`
    blank_number: str | None = None


_TEXT = (pa.string(), _same)
TYPED = Era("camel_typed", 0, {
    "day": (pa.date32(), _same), "hour": (pa.int32(), _same), "interval": (pa.int32(), _same),
    "stamp": (pa.string(), _us_stamp), "text": _TEXT, "number": (pa.float64(), _same),
})  # fmt: skip
CAMEL_TEXT = Era("camel_text", 0, {
    "day": (pa.string(), _us_day), "hour": (pa.string(), lambda hour: f"{hour:02d}:00"), "interval": (pa.int64(), _same),
    "stamp": (pa.string(), _us_stamp), "text": (pa.dictionary(pa.int32(), pa.string()), _same), "number": (pa.float32(), _same),
})  # fmt: skip
TIMESTAMPS = Era("camel_timestamps", 0, {
    "day": (pa.timestamp("ns"), _midnight), "hour": (pa.float64(), float), "interval": (pa.float64(), float),
    "stamp": (pa.timestamp("us", tz="UTC"), _same),  # wall-clock time stored as if it were UTC
    "text": (pa.large_string(), _same), "number": (pa.int64(), int),
})  # fmt: skip
RAW = Era("ercot_text", 1, {
    "day": (pa.string(), _us_day), "hour": (pa.string(), str), "interval": (pa.string(), str), "stamp": (pa.string(), _us_stamp),
    "text": (pa.string(), lambda text: f" {text}"), "number": (pa.string(), lambda value: f" {value}"),
}, blank_number="")  # fmt: skip
ISO = Era("iso_text", 0, {
    "day": (pa.string(), date.isoformat), "hour": (pa.int64(), _same), "interval": (pa.int16(), _same),
    "stamp": (pa.string(), lambda stamp: stamp.isoformat(sep=" ")), "text": _TEXT, "number": (pa.float64(), _same),
})  # fmt: skip
ERAS = (TYPED, CAMEL_TEXT, TIMESTAMPS, RAW, ISO)


# --- writing ------------------------------------------------------------------------------------------------------------------------------------
def write_columns(root: Path, dataset: str, file_year: int | str, columns: Mapping[str, Any], **options: Any) -> Path:
    """A rollup file with just these headings; `options` go to Parquet's writer."""
    path = root / FOLDERS[dataset] / f"{file_year}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def write_rollup(root: Path, dataset: str, file_year: int, rows, era=TYPED, extra=None, **options) -> Path:
    """A rollup file of these rows in an era's spelling and types; `extra` headings with their values, and options for Parquet's writer."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        kind, convert = era.types[_KINDS.get(name, "number")]
        blank = era.blank_number if name not in _KINDS else None
        cells = [blank if (value := row.get(name)) is None else convert(value) for row in rows]
        array = pa.array(cells, kind.value_type if pa.types.is_dictionary(kind) else kind)
        heading = HEADINGS[dataset][name][era.spelling]
        columns[heading] = array.dictionary_encode() if pa.types.is_dictionary(kind) else array
    return write_columns(root, dataset, file_year, {**columns, **(extra or {})}, **options)


def mark_as_built(path: Path, starts: Sequence[int | None], day: date | None = None) -> Path:
    """Make a rollup one that was built from reports: each row has its start, UTC seconds, and its operating day, or the day given."""
    table = pq.read_table(path)
    days = [day or datetime.fromtimestamp(start or 0, CENTRAL).date() for start in starts]
    table = table.append_column("interval_start", pa.array(starts, pa.timestamp("s", "UTC")))
    table = table.append_column("operating_day", pa.array(days, pa.date32()))
    groups = pq.ParquetFile(path).metadata
    marked = table.replace_schema_metadata({METADATA_KEY: json.dumps({"layouts": []})})
    pq.write_table(marked, path, row_group_size=groups.row_group(0).num_rows)
    return path


def hourly(day: date, hour: int, name: str = GEN, **values: Any) -> Row:
    """A day-ahead row of a resource."""
    return {"operating_day": day, "hour_ending": hour, "resource_name": name, **values}


def run(stamp: datetime, name: str = GEN, flag: str | None = "N", **values: Any) -> Row:
    """A SCED row; flag None leaves the repeated-hour flag out."""
    flags = {} if flag is None else {"repeated_hour": flag}
    return {"sced_stamp": stamp, **flags, "resource_name": name, **values}


def runs_of_day(day: date, minutes: int = 15, name: str = GEN, flag: str | None = "N", **values: Any) -> list[Row]:
    """A run every so many minutes of one 24-hour day, all with the same values."""
    midnight = _midnight(day)
    return [run(midnight + timedelta(minutes=m), name, flag, **values) for m in range(0, 24 * 60, minutes)]
