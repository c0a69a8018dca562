"""The headings of each dataset: of ERCOT's reports by operating day, and of the rollups that were made of them.

The reports of the years between two known layouts have the earlier layout with the columns that the rules of the market added by then. QSE is in all years;
the layout of 2014 lacks it.
"""

import re
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from bess_assets.simulator.fleet import COP_SOC, ECRS, PRODUCTS, RRS_SPLIT, RTC

TIME_COLUMNS = ("date", "hour_ending", "hour", "interval", "flag", "stamp", "interval_time", "interval_number", "sasm")
TEXT_COLUMNS = ("name", "kind", "qse", "status", "node")
CAMEL_CASE = ("DAM_Gen_Resources", "SCED_Gen_Resources", "SCED_Load_Resources", "COP_Snapshots")
"""Datasets whose rollups may have the producer's CamelCase headings."""

_ERAS = {
    "split": RRS_SPLIT,
    # A day before the product, as in a yearly file of real data: hazards may price ECRS on that day already.
    "ecrs_columns": ECRS - timedelta(days=1),
    "ecrs": ECRS,
    "soc": COP_SOC,
    "rtc": RTC,
    "capped": date(2026, 9, 1),
}


class Field(NamedTuple):
    """A heading as ERCOT writes it, with the canonical column that fills it, or the text of every row, in reports from the first day to that before another."""

    heading: str
    column: str
    text: str
    first: date
    before: date


def _curve(stem: str, points: int, first: int = 1, era: str = "") -> str:
    """Headings of an offer curve: MW and price of each point."""
    return ", ".join(f"{stem}{what}{n}{era}" for n in range(first, points + 1) for what in ("MW", "Price"))


def _each(pattern: str, parts: str) -> str:
    """One heading for each of some words."""
    return ", ".join(pattern.format(part, part.lower()) for part in parts.split())


# The headings of one dataset in order, separated by commas: `heading=column`, or `heading:text`; `>era` from the first day of an era on,
# `<era` before it. A heading after "!" is of the rollups only, and is the one that they have for its column.
_AS_AWARDS = "NSPIN RRSFFR RRSPFR RRSUFR ECRS REGUP REGDN"
_DAY_AHEAD_AWARDS = (
    "RegUp Awarded=regup, RegUp MCPC=mcpc_regup, RegDown Awarded=regdn, RegDown MCPC=mcpc_regdn, RRS Awarded=rrs<split, "
    f"{_each('{0} Awarded={1}>split', 'RRSPFR RRSFFR RRSUFR')}, RRS MCPC=mcpc_rrs, !ECRS Awarded=ecrs, "
    f"{_each('{0} Awarded={1}>ecrs_columns', 'ECRSSD ECRSMD')}, ECRS MCPC=mcpc_ecrs>ecrs_columns, "
    "NonSpin Awarded=nspin, NonSpin MCPC=mcpc_nspin"
)
_GEN_DAY_AHEAD = (
    "Delivery Date=date, Hour Ending=hour_ending, QSE=qse, DME>ecrs, Resource Name=name, Resource Type=kind, "
    "QSE submitted Curve-MW1:10, QSE submitted Curve-Price1:25, QSE submitted Curve-MW2:20, QSE submitted Curve-Price2:50, "
    f"{_curve('QSE submitted Curve-', 10, 3)}, Start Up Hot, Start Up Inter, Start Up Cold, Min Gen Cost, "
    "!LSL=lsl, HSL=hsl, LSL=lsl, Resource Status=status, Awarded Quantity=awarded, Settlement Point Name=node, "
    f"Energy Settlement Point Price=energy_price, {_DAY_AHEAD_AWARDS}"
)
_ESR_RUNS = (
    "SCED Time Stamp=stamp, Repeated Hour Flag=flag, QSE=qse, DME>ecrs, Resource Name=name, Resource Type=kind, "
    f"{_curve('SCED1 Curve-', 35)}, {_curve('SCED2 Curve-', 35)}, Output Schedule, "
    "HSL=hsl, HASL<rtc, HDL, LSL=lsl, LASL<rtc, LDL, Telemetered Resource Status=status, Base Point=base_point, "
    "Telemetered Net Output =net_output<rtc, Telemetered Net Output=net_output>rtc, "
    f"{_each('Ancillary Service {0}<rtc', 'REGUP REGDN RRS')}, Ancillary Service RRSFFR>split<rtc, "
    "Ancillary Service NSRS<rtc, Ancillary Service ECRS>ecrs<rtc, Ramp Rate Up>rtc, Ramp Rate Down>rtc, "
    f"{_each('AS Capability {0}>rtc', 'REGUP REGDN ECRS NSPIN RRSPFR RRSFFR')}, "
    f"State of Charge=soc, Minimum SOC=min_soc, Maximum SOC=max_soc, {_each('AS Awards {0}={1}>rtc', _AS_AWARDS)}, "
    "Bid_Type, Start Up Cold Offer, Start Up Hot Offer, Start Up Inter Offer, Min Gen Cost, "
    f"{_curve('Submitted TPO-', 10)}, Proxy Extension"
)
_SASM_PRICES = ["RRSPFR", "RRSFFR", "RRSUFR", "ECRS", "OFFEC", "ONLINE NONSPIN", "REGUP", "REGDOWN", "OFFLINE NONSPIN"]
_SASM_BLOCKS = ", ".join(
    f"BLOCK INDICATOR{n}, {', '.join(f'PRICE{n} {product}' for product in _SASM_PRICES)}, QUANTITY MW{n}"
    for n in range(1, 6)
)
_LAYOUTS = {
    "RT_prices": "DeliveryDate=date, DeliveryHour=hour, DeliveryInterval=interval, SettlementPointName=name, "
    "SettlementPointType=kind, SettlementPointPrice=price, DSTFlag=flag",
    "DA_prices": "DeliveryDate=date, HourEnding=hour_ending, SettlementPoint=name, SettlementPointPrice=price, DSTFlag=flag",
    "AS_prices": "DeliveryDate=date, HourEnding=hour_ending, AncillaryType=name, MCPC=price, DSTFlag=flag",
    "RT_AS_prices": "DeliveryDate=date, DeliveryHour=hour, DeliveryInterval=interval, RepeatedHourFlag=flag, ASType=name, "
    "MCPC=price",
    "SCED_AS_prices": "SCEDTimestamp=stamp, RepeatedHourFlag=flag, ASType=name, !CappedMCPC=price, MCPC=price<capped, "
    "CappedMCPC=price>capped, UncappedMCPC=price>capped",
    "SCED_AS_adders": "SCEDTimestamp=stamp, RepeatedHourFlag=flag, RTRDPARUS=regup, RTRDPARDS=regdn, RTRDPARRS=rrs, "
    "RTRDPAECRS=ecrs, RTRDPANSS=nspin",
    "DAM_Gen_Resources": _GEN_DAY_AHEAD,
    "DAM_ESR_Resources": _GEN_DAY_AHEAD,
    "DAM_Load_Resources": (
        "Delivery Date=date, Hour Ending=hour_ending, Load Resource Name=name, Max Power Consumption for Load Resource=max_power, "
        "Low Power Consumption for Load Resource=low_power, " + re.sub(r"=mcpc_\w+?\b", "", _DAY_AHEAD_AWARDS)
    ),
    "DAM_Energy_Bid_Awards": (
        "Delivery Date=date, Hour Ending=hour_ending, Settlement Point=name, QSE Name=qse, "
        "Energy Only Bid Award in MW=award, Settlement Point Price=price, Bid ID:EB1"
    ),
    "SCED_ESR_Resources": _ESR_RUNS,
    "SCED_Gen_Resources": re.sub(r"(AS Awards \w+)=\w+", r"\1", _ESR_RUNS),
    "SCED_Load_Resources": (
        "SCED Time Stamp=stamp, Repeated Hour Flag=flag, QSE=qse, DME>ecrs, Resource Name=name, "
        "Telemetered Resource Status=status, Max Power Consumption=max_power, Low Power Consumption=low_power, "
        "Real Power Consumption=real_power, AS Responsibility for RRS<rtc, AS Responsibility for RRSFFR>split<rtc, "
        f"{_each('AS Responsibility for {0}<rtc', 'NonSpin RegUp RegDown')}, AS Responsibility for ECRS>ecrs<rtc, "
        f"{_each('AS Awards {0}>rtc', _AS_AWARDS)}, {_curve('SCED Bid to Buy Curve-', 35, era='<ecrs')}, "
        f"{_curve('SCED Bid to Buy Curve-', 10, era='>ecrs')}, {_each('{0}<rtc', 'HASL HDL LASL LDL')}, "
        f"{_each('Self Provided {0}>rtc', 'RRSFFR RRSUFR ECRS')}, Ramp Rate Up>rtc, Ramp Rate Down>rtc, "
        f"{_each('AS Capability {0}>rtc', 'NSPIN ECRS REGUP REGDN RRSPFR RRSFFR RRSUFR')}, HDL>rtc, LDL>rtc, "
        "Base Point=base_point"
    ),
    "SCED_SMNE": (
        "Interval Time=interval_time, Interval Number=interval_number, Resource Code=name, Interval Value=value"
    ),
    "COP_Snapshots": (
        "Delivery Date=date, QSE Name=qse, Resource Name=name, Hour Ending=hour_ending, Status=status, "
        "High Sustained Limit=hsl, Low Sustained Limit=lsl, High Emergency Limit, Low Emergency Limit, Reg Up, Reg Down, "
        f"RRS<split, {_each('{0}>split', 'RRSPFR RRSFFR RRSUFR')}, NSPIN, ECRS>ecrs, Minimum SOC=min_soc>soc, "
        "Maximum SOC=max_soc>soc, Hour Beginning Planned SOC=planned_soc>soc"
    ),
    "SASM_AS_Offers": (
        "Delivery Date=date, SASM ID=sasm, Hour Ending=hour_ending, !QSE=qse, QSE NAME=qse, DME, Resource Name=name, "
        "Multi-Hour Block Flag:N, "
        + re.sub(
            "PRICE1 REGUP|QUANTITY MW1",
            lambda found: f"{found[0]}={found[0].split()[0].strip('1').lower()}",
            _SASM_BLOCKS,
        )
    ),
}
_REPORTS_ONLY = ("sasm", *(f"mcpc_{product}" for product in PRODUCTS))
_ITEM = re.compile(r"(?P<heading>[^=:<>]+)(=(?P<column>\w+))?(:(?P<text>\w+))?(>(?P<first>\w+))?(<(?P<before>\w+))?")


@cache
def published_fields(dataset: str) -> tuple[Field, ...]:
    """Every heading of a dataset, in order."""
    found = []
    for item in _LAYOUTS[dataset].split(", "):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise ValueError(f"{dataset}: {item!r} is no heading")
        heading, column, text, first, before = match.group("heading", "column", "text", "first", "before")
        found.append(Field(heading, column or "", text or "", _ERAS.get(first, date.min), _ERAS.get(before, date.max)))
    return tuple(found)


@cache
def report_fields(dataset: str, day: date) -> tuple[Field, ...]:
    """Headings of a dataset's report for one operating day, in order."""
    return tuple(
        field
        for field in published_fields(dataset)
        if field.first <= day < field.before and not field.heading.startswith("!")
    )


@cache
def rollup_headings(dataset: str) -> dict[str, str]:
    """ERCOT's heading of each canonical column that a rollup may have, in order."""
    found: dict[str, str] = {}
    for field in published_fields(dataset):
        if field.column and field.column not in _REPORTS_ONLY:
            found.setdefault(field.column, field.heading.removeprefix("!"))
    return found


_CAMEL_COP = {
    "High Sustained Limit": "HSL",
    "Low Sustained Limit": "LSL",
    "Minimum SOC": "MinSOC",
    "Maximum SOC": "MaxSOC",
    "Hour Beginning Planned SOC": "PlannedSOC",
    "QSE Name": "QSE",
}


def camel_case(heading: str) -> str:
    """A heading as the producer of the rollups rewrote it."""
    return _CAMEL_COP.get(heading, heading.replace(" ", ""))
