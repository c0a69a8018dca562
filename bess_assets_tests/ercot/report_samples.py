"""Report files written by hand, as ERCOT ships them: headings and a few rows of each kind, zipped or not, of one publication or another."""

import io
import os
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from bess_assets.ercot.reports import UNPACKING_ERRORS, RefusedError

DAM_GEN = (
    "Delivery Date,Hour Ending,QSE,Resource Name,Resource Type,HSL,LSL,Resource Status,Awarded Quantity,Settlement Point Name,"
    "Energy Settlement Point Price,RegUp Awarded,RegDown Awarded,RRSPFR Awarded,RRSFFR Awarded,RRSUFR Awarded,ECRSSD Awarded,NonSpin Awarded"
)
SCED_GEN = "SCED Time Stamp,Repeated Hour Flag,QSE,Resource Name,Resource Type,HSL,LSL,Telemetered Resource Status,Base Point,Telemetered Net Output "
SCED_LOAD = "SCED Time Stamp,Repeated Hour Flag,Resource Name,Telemetered Resource Status,Max Power Consumption,Low Power Consumption,Real Power Consumption"
SMNE = "Interval Time,Interval Number,Resource Code,Interval Value"
RT_SPP = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SettlementPointPrice,DSTFlag"
)
DA_SPP = "DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"
MCPC = "DeliveryDate,HourEnding,AncillaryType,MCPC,DSTFlag"
RT_MCPC = "DeliveryDate,DeliveryHour,DeliveryInterval,RepeatedHourFlag,ASType,MCPC"
BIDS = "Delivery Date,Hour Ending,Settlement Point,QSE Name,Energy Only Bid Award in MW,Settlement Point Price,Bid ID"

POSTED = "rpt.00013051.0000000000000000.{day}.{time}.60_Day_DAM_Disclosure.zip"


def refusal(open_bytes: Callable[[], IO[bytes]]) -> str | None:
    """Why a report is refused before it is read; None if it is not."""
    try:
        with suppress(*(error for error in UNPACKING_ERRORS if error is not RefusedError)):
            open_bytes().close()
    except RefusedError as error:
        return str(error)
    return None


def text(headings: str, rows: Sequence[str]) -> str:
    """A CSV file."""
    return "\n".join([headings, *rows]) + "\n"


def award(day: str, hour: Any, name: str = "OAK_BESS1", kind: str = "PWRSTR", mw: Any = 5, regup: Any = "") -> str:
    """A day-ahead row of a generation resource."""
    return f"{day},{hour},QOAK,{name},{kind},10,0,ON,{mw},OAK_RN,25.5,{regup},,,,,,"


def run(stamp: str, output: Any, name: str = "OAK_BESS1", flag: str = "N", kind: str = "PWRSTR") -> str:
    """A SCED row of a generation resource."""
    return f"{stamp},{flag},QOAK,{name},{kind},10,0,ON,4.5,{output}"


def price(day: str, hour: Any, usd: Any, point: str = "OAK_RN", flag: str = "N") -> str:
    """A day-ahead price."""
    return f"{day},{hour:02d}:00,{point},{usd},{flag}"


def rt_price(day: str, hour: int, interval: int, usd: Any, point: str = "OAK_RN", kind: str = "RN", flag: str = "N"):
    """A real-time price."""
    return f"{day},{hour},{interval},{point},{kind},{usd},{flag}"


def put(path: Path, content: str | bytes, seconds: int | None = None) -> Path:
    """A file, with its time if given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if seconds is not None:
        os.utime(path, (seconds, seconds))
    return path


def zipped(members: dict[str, str | bytes], when: tuple[int, int, int, int, int, int] = (2024, 3, 1, 5, 1, 0)) -> bytes:
    """A ZIP with some members, all of one time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, when), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
