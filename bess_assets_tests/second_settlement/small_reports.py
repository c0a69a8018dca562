"""A market of one battery and one day, as ERCOT's report files would hold it: for tests that change one thing about it."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

DAY = "05/10/2022"
YEAR = 2022
RESOURCES = {"battery": ["OAK"], "gen_resource": ["OAK_BESS1"], "load_resource": ["OAK_LD1"], "esr_resource": [None]}
PAIR = pd.DataFrame({**RESOURCES, "charging_known": [True], "load_as_only": [False]})
HOURS = range(1, 25)


def dam(day: str = DAY, hours: range | list[int] = HOURS, energy: float | list[float] = 8.0) -> pd.DataFrame:
    """Day-ahead rows of the generation side: 8 MW of energy and 3 MW of RegUp an hour."""
    when = {"Delivery Date": day, "Hour Ending": list(hours), "Resource Name": "OAK_BESS1", "Resource Type": "PWRSTR"}
    unit = {"QSE submitted Curve-MW1": 1, "HSL": 10, "Awarded Quantity": energy, "Settlement Point Name": "OAK_RN"}
    awards = {"RegUp Awarded": 3, "RegUp MCPC": 5, "RegDown Awarded": "", "RRS Awarded": 0, "NonSpin Awarded": 0}
    return pd.DataFrame({**when, **unit, **awards})


def market(day: str = DAY) -> dict[str, pd.DataFrame]:
    """All reports of a day: 6 MW discharged, 2 MW charged, 40 $ in real time, 30 $ day-ahead, RegUp at 5 $."""
    hours, limit = {"Delivery Date": day, "Hour Ending": list(HOURS)}, "Max Power Consumption"
    dam_load = {"Load Resource Name": "OAK_LD1", f"{limit} for Load Resource": 10}
    dam_load |= {"RegUp Awarded": 1, "RegDown Awarded": 0, "RRS Awarded": 0, "NonSpin Awarded": 0}
    stamps = [t.strftime("%m/%d/%Y %H:%M:%S") for t in pd.date_range(day, periods=96, freq="15min")]
    runs = {"SCED Time Stamp": stamps, "Repeated Hour Flag": "N"}
    gen = {"Resource Name": "OAK_BESS1", "Resource Type": "PWRSTR", "HSL": 10}
    gen |= {"Base Point": 6, "Telemetered Net Output ": 6}
    load = {"Resource Name": "OAK_LD1", limit: 10, "Real Power Consumption": 2, "Base Point": 2}
    labels = [f"{hour:02d}:00" for hour in HOURS]
    da_price = {"DeliveryDate": day, "HourEnding": labels, "SettlementPoint": "OAK_RN", "SettlementPointPrice": 30}
    quarters = {"DeliveryHour": [hour for hour in HOURS for _ in range(4)], "DeliveryInterval": [1, 2, 3, 4] * 24}
    point = {"SettlementPointName": "OAK_RN", "SettlementPointType": "RN", "SettlementPointPrice": 40, "DSTFlag": "N"}
    mcpc = {"AncillaryType": ["REGUP", "REGDN", "RRS", "NSPIN"] * 24, "MCPC": [5, 3, 7, 2] * 24, "DSTFlag": "N"}
    return {
        "60d_DAM_Gen_Resource_Data": dam(day),
        "60d_DAM_Load_Resource_Data": pd.DataFrame({**hours, **dam_load}),
        "60d_SCED_Gen_Resource_Data": pd.DataFrame({**runs, **gen}),
        "60d_Load_Resource_Data_in_SCED": pd.DataFrame({**runs, **load}),
        "DAMSPNP4190": pd.DataFrame({**da_price, "DSTFlag": "N"}),
        "SPPHLZNP6905": pd.DataFrame({"DeliveryDate": day, **quarters, **point}),
        "DAMCPCNP4188": pd.DataFrame(
            {"DeliveryDate": day, "HourEnding": [label for label in labels for _ in range(4)], **mcpc}
        ),
    }


def write(folder: Path, reports: Mapping[str, pd.DataFrame]) -> Path:
    """Bare CSVs."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in reports.items():
        rows.to_csv(folder / f"{name}.csv", index=False)
    return folder


def zipped(members: Mapping[str, bytes | pd.DataFrame], time: tuple[int, ...] = (2022, 7, 9, 5, 0, 0)) -> bytes:
    """A ZIP."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else content.to_csv(index=False).encode()
            file.writestr(zipfile.ZipInfo(name, time), data)  # type: ignore[arg-type]
    return held.getvalue()


def posted(day: str) -> str:
    """The name of a disclosure's ZIP posted on a day written as 20220709."""
    return f"rpt.00013051.0000000000000000.{day}.050149776.60_Day_DAM_Disclosure.zip"
