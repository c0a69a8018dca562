"""Awkward values, each there for a reason, and builders that write them as tiny rollup files in every spelling and type that rollups have had."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.ercot.calendar import OperatingYear
from bess_assets.ercot.footers import METADATA_KEY
from bess_assets.ercot.step import Finding, Inputs, StepResult
from bess_assets.store.paths import RollupFolder

CENTRAL = ZoneInfo("America/Chicago")

# --- the calendar -----------------------------------------------------------------------------------------------------------------------------

SPRING_AND_AUTUMN = {
    2019: (date(2019, 3, 10), date(2019, 11, 3)), 2020: (date(2020, 3, 8), date(2020, 11, 1)),
    2021: (date(2021, 3, 14), date(2021, 11, 7)), 2022: (date(2022, 3, 13), date(2022, 11, 6)),
    2023: (date(2023, 3, 12), date(2023, 11, 5)), 2024: (date(2024, 3, 10), date(2024, 11, 3)),
    2025: (date(2025, 3, 9), date(2025, 11, 2)), 2026: (date(2026, 3, 8), date(2026, 11, 1)),
}  # fmt: skip
"""Clock changes as section 7 of the market reference lists them."""


@lru_cache(maxsize=64)
def operating_year(year: int) -> OperatingYear:
    """One year for all tests: making its midnights takes longer than most of them."""
    return OperatingYear(year)


def utc_seconds(local: datetime, fold: int = 0) -> int:
    """UTC seconds of a Central wall clock; fold 1 is the second 01:00 hour."""
    return int(local.replace(tzinfo=CENTRAL, fold=fold).timestamp())


def hour_of(local: datetime, fold: int = 0) -> int:
    """Position of the hour in its operating year, by the standard library's calendar alone."""
    return (utc_seconds(local, fold) - utc_seconds(datetime(local.year, 1, 1))) // 3_600


def quarter_hour_of(local: datetime, fold: int = 0) -> int:
    """Position of the quarter-hour in its operating year."""
    return (utc_seconds(local, fold) - utc_seconds(datetime(local.year, 1, 1))) // 900


# --- awkward values: what a cell may hold -----------------------------------------------------------------------------------------------------

DAY_SPELLINGS = {
    "03/09/2025": date(2025, 3, 9),  # ERCOT's own
    "3/9/2025": date(2025, 3, 9),  # saved again by a spreadsheet
    "2025-03-09": date(2025, 3, 9),  # a database's
    "03/09/2025 00:00:00": date(2025, 3, 9),  # a date with its midnight
    "2025-03-09T00:00:00": date(2025, 3, 9),  # ISO with a T
    " 03/09/2025": date(2025, 3, 9),  # a few values carry a leading space
    "02/29/2024": date(2024, 2, 29),  # a leap day
}
NOT_DAYS = ("02/29/2025", "13/01/2025", "2025/03/09", "09-MAR-25", "yesterday", "03/09/25")

HOUR_SPELLINGS = {"1": 1, "01:00": 1, "1.0": 1, "01:00:00": 1, "24:00": 24, "24": 24, "25": 25, " 02:00": 2}
NOT_HOURS = ("01:15", "one", "1.5", "HE01", "0100")

STAMP_SPELLINGS = {
    "03/09/2025 00:15:13": datetime(2025, 3, 9, 0, 15, 13),  # ERCOT's own
    "3/9/2025 0:15": datetime(2025, 3, 9, 0, 15),  # a spreadsheet loses seconds and zeros
    "2025-03-09 00:15:13": datetime(2025, 3, 9, 0, 15, 13),
    "2025-03-09T00:15:13.000": datetime(2025, 3, 9, 0, 15, 13),
    "12/31/2025 23:59:59": datetime(2025, 12, 31, 23, 59, 59),
}
NOT_STAMPS = ("03/09/2025 24:00:00", "03/09/2025 12:60:00", "03/09/2025 1 PM", "now")

NUMBER_SPELLINGS = {
    "12.5": 12.5, "-0.161": -0.161, "1e-3": 0.001, "": None, "   ": None,
    " 7": 7.0,  # a few values carry a leading space
    "25,674.30": 25_674.30,  # thousands as a spreadsheet prints them
}  # fmt: skip
NOT_NUMBERS = ("n/a", "12.5 MW", "--", "#REF!", "1.2.3", "12,5", "1_000")

BATCAVE_RUNS = ((19, -0.161), (5 * 60 + 18, -18.455), (10 * 60 + 17, -16.036), (15 * 60 + 17, -8.273))
"""Seconds after midnight of 2026-03-19 and telemetered MW: the worked example of section 3.3, and the run that ends it."""

# --- names ------------------------------------------------------------------------------------------------------------------------------------

GEN, LOAD, ESR = "ALPHA_BESS1", "ALPHA_LD1", "ALPHA_ESR1"
KEY = "ALPHA_1"
NODE = "ALPHA_RN"
WIND = "WINDY_UNIT1"
"""Somebody else's resource: its row makes an hour held and a stamp a run."""

# --- headings: as the rollups' producer spells them, and as ERCOT does --------------------------------------------------------------------------

_AWARDS = {
    "regup_award_mw": ("RegUpAwarded", "RegUp Awarded"), "regdn_award_mw": ("RegDownAwarded", "RegDown Awarded"),
    "rrs_award_mw": ("RRSAwarded", "RRS Awarded"), "rrspfr_award_mw": ("RRSPFRAwarded", "RRSPFR Awarded"),
    "rrsffr_award_mw": ("RRSFFRAwarded", "RRSFFR Awarded"), "rrsufr_award_mw": ("RRSUFRAwarded", "RRSUFR Awarded"),
    "ecrs_award_mw": ("ECRSAwarded", "ECRS Awarded"), "ecrssd_award_mw": ("ECRSSDAwarded", "ECRSSD Awarded"),
    "nspin_award_mw": ("NonSpinAwarded", "NonSpin Awarded"),
}  # fmt: skip
_HOURLY = {"operating_day": ("DeliveryDate", "Delivery Date"), "hour_ending": ("HourEnding", "Hour Ending")}
_RESOURCE = {
    "resource_name": ("ResourceName", "Resource Name"),
    "resource_type": ("ResourceType", "Resource Type"),
    "qse": ("QSE", "QSE"),
}
_DAM_UNIT = {
    **_HOURLY, **_RESOURCE, "settlement_point": ("SettlementPointName", "Settlement Point Name"), "lsl_mw": ("LSL", "LSL"), "hsl_mw": ("HSL", "HSL"),
    "award_mw": ("AwardedQuantity", "Awarded Quantity"), **_AWARDS,
    "settlement_price_usd_per_mwh": ("EnergySettlementPointPrice", "Energy Settlement Point Price"),
    "regup_mcpc_usd_per_mw": ("RegUpMCPC", "RegUp MCPC"), "regdn_mcpc_usd_per_mw": ("RegDownMCPC", "RegDown MCPC"),
    "rrs_mcpc_usd_per_mw": ("RRSMCPC", "RRS MCPC"), "ecrs_mcpc_usd_per_mw": ("ECRSMCPC", "ECRS MCPC"),
    "nspin_mcpc_usd_per_mw": ("NonSpinMCPC", "NonSpin MCPC"),
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
        **_HOURLY, "resource_name": ("LoadResourceName", "Load Resource Name"), **_AWARDS, "ecrsmd_award_mw": ("ECRSMDAwarded", "ECRSMD Awarded"),
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
        **{f"{part}_award_mw": (f"ASAwards{part.upper()}", f"AS Awards {part.upper()}") for part in ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrs", "nspin")},
    },
    "sced_smne": {
        "interval_end": ("IntervalTime", "Interval Time"), "interval_number": ("IntervalNumber", "Interval Number"),
        "resource_name": ("ResourceCode", "Resource Code"), "energy_mwh": ("IntervalValue", "Interval Value"),
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
    "dam_as_only_awards": "DAM_AS_Only_Awards", "dam_esr_as_offers": "DAM_ESR_AS_Offers", "sced_as_prices": "SCED_AS_prices",
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
    """One producer's spelling and types.

    Attributes:
        name: shown in test ids.
        spelling: 0 for the rollups' headings, 1 for ERCOT's own.
        types: Arrow type and conversion by kind of value; `number` if a column is none of `_KINDS`.
        blank_number: how a blank number is stored.
    """

    name: str
    spelling: int
    types: Mapping[str, tuple[pa.DataType, Callable[[Any], Any]]]
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

Row = dict[str, Any]
"""Values by canonical column; a column that no row has is absent from the file, one that some rows lack is blank in those."""


def write_columns(root: Path, dataset: str, file_year: int | str, columns: Mapping[str, Any], **options: Any) -> Path:
    """A rollup file with just these headings; `options` go to Parquet's writer."""
    path = root / FOLDERS[dataset] / f"{file_year}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path, **options)
    return path


def write_rollup(
    root: Path,
    dataset: str,
    file_year: int,
    rows: Sequence[Row],
    era: Era = TYPED,
    extra: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """A rollup file of these rows in an era's spelling and types; `extra` headings with their values, and options for Parquet's writer."""
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        kind, convert = era.types[_KINDS.get(name, "number")]
        blank = era.blank_number if name not in _KINDS else None
        cells = [blank if (value := row.get(name)) is None else convert(value) for row in rows]
        array = pa.array(cells, kind.value_type if pa.types.is_dictionary(kind) else kind)
        columns[HEADINGS[dataset][name][era.spelling]] = (
            array.dictionary_encode() if pa.types.is_dictionary(kind) else array
        )
    return write_columns(root, dataset, file_year, {**columns, **(extra or {})}, **options)


def mark_as_built(path: Path, starts: Sequence[int | None], day: date | None = None) -> Path:
    """Make a rollup one that was built from reports: each row has its start, UTC seconds, and its operating day, or the day given."""
    table = pq.read_table(path)
    days = [day or datetime.fromtimestamp(start or 0, CENTRAL).date() for start in starts]
    table = table.append_column("interval_start", pa.array(starts, pa.timestamp("s", "UTC")))
    table = table.append_column("operating_day", pa.array(days, pa.date32()))
    groups = pq.ParquetFile(path).metadata
    pq.write_table(
        table.replace_schema_metadata({METADATA_KEY: json.dumps({"layouts": []})}),
        path,
        row_group_size=groups.row_group(0).num_rows,
    )
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


# --- calling a step -----------------------------------------------------------------------------------------------------------------------------


class RegistryTable:
    """Stands for the stored `bess_registry`: the columns that the extracts read."""

    def __init__(self, *batteries: Row) -> None:
        """One dictionary a battery; what is left out is null, the key ALPHA_1."""
        defaults: Row = {
            "battery": KEY, "gen_resource": None, "load_resource": None, "esr_resource": None, "charging": "unknown",
            "settlement_points": None,
        }  # fmt: skip
        rows = [{**defaults, **battery} for battery in batteries]
        self._table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in defaults})

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Those columns."""
        return self._table.select(columns) if columns else self._table


COMBO: Row = {"gen_resource": GEN, "load_resource": LOAD, "charging": "load", "settlement_points": NODE}
ALONE: Row = {"gen_resource": GEN, "settlement_points": NODE}
USER_SAYS_NONE: Row = {"gen_resource": GEN, "charging": "generation", "settlement_points": NODE}
STORAGE: Row = {"esr_resource": ESR, "charging": "esr", "settlement_points": NODE}
RENAMED: Row = {**COMBO, "esr_resource": ESR}


def inputs_of(root: Path, year: int, *batteries: Row, **more: Any) -> Inputs:
    """What a step reads: the rollups under a folder, and a registry of these batteries."""
    return Inputs(operating_year(year), RollupFolder(root), {"bess_registry": RegistryTable(*batteries)}, **more)


def take(result: StepResult, key: str = "battery") -> dict[str, dict[str, Any]]:
    """All chunks of a ledger by their first key, numbers as arrays and labels as lists."""
    chunks = {}
    for chunk in result.chunks:
        columns = {
            name: column if isinstance(column, np.ndarray) else _listed(pa.array(column))
            for name, column in chunk.items()
        }
        chunks[columns[key][0]] = columns
    return chunks


def _listed(column: pa.Array) -> list[Any]:
    """The values of a column; a year of labels much faster than Arrow makes the list."""
    if not isinstance(column, pa.DictionaryArray):
        return column.to_pylist()
    texts = np.array([*column.dictionary.to_pylist(), None], dtype=object)
    return texts[column.indices.fill_null(-1).to_numpy()].tolist()


def found(findings: Iterable[Finding], kind: str, subject: str | None = None) -> list[Finding]:
    """Findings of a kind, about a subject if one is given."""
    return [f for f in findings if f.kind == kind and (subject is None or f.subject == subject)]


def count_of(findings: Iterable[Finding], kind: str, subject: str | None = None) -> int:
    """How many rows, days or columns those findings count."""
    return sum(f.count for f in found(findings, kind, subject))
