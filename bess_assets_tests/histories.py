"""Price histories and price corrections as ERCOT's files: hand-written ones, and those that hold the prices of simulated reports in their place."""

import io
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import xlsxwriter

from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.simulator.report_files import REPORTS

PRODUCTS = ["REGDN", "REGUP", "RRS", "NSPIN", "ECRS"]
WIDE = "Delivery Date,Hour Ending,Repeated Hour Flag,REGDN,REGUP ,RRS,NSPIN,ECRS "
SPP_CORRECTED = "DeliveryDate,HourEnding,SettlementPoint,SPPOriginal,SPPCorrected,PriceCorrectionTime,DSTFlag"
RT_SPP_CORRECTED = (
    "DeliveryDate,DeliveryHour,DeliveryInterval,SettlementPointName,SettlementPointType,SPPOriginal,SPPCorrected,"
    "PriceCorrectionTime,DSTFlag"
)
MCPC_CORRECTED = "DeliveryDate,DeliveryHour,ASType,MCPCOriginal,MCPCCorrected,PriceCorrectionTime,DSTFlag"

_HISTORIES = {
    "AS_prices": "DAMASMCPC", "DA_prices": "DAMLZHBSPP", "RT_prices": "RTMLZHBSPP", "RT_AS_prices": "NP6-796-ER",
    "SCED_AS_prices": "NP6-795-ER", "SCED_AS_adders": "NP6-792-ER",
}  # fmt: skip
_SPACED = {
    "DeliveryDate": "Delivery Date", "DeliveryHour": "Delivery Hour", "DeliveryInterval": "Delivery Interval", "HourEnding": "Hour Ending",
    "DSTFlag": "Repeated Hour Flag", "RepeatedHourFlag": "Repeated Hour Flag", "SettlementPointName": "Settlement Point Name",
    "SettlementPoint": "Settlement Point", "SettlementPointType": "Settlement Point Type", "SettlementPointPrice": "Settlement Point Price",
    "SCEDTimestamp": "SCED Timestamp", "ASType": "AS Type",
}  # fmt: skip
_PRICES = {
    "Settlement Point Price",
    "MCPC",
    "CAPPED_MCPC",
    *PRODUCTS,
    *(f"RTRDPA{p}" for p in ("RUS", "RDS", "RRS", "ECRS", "NSS")),
}


def workbook(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    """An XLSX file of some sheets."""
    held = io.BytesIO()
    with xlsxwriter.Workbook(held, {"default_date_format": "mm/dd/yyyy hh:mm:ss"}) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for n, row in enumerate(rows):
                sheet.write_row(n, 0, row)
    return held.getvalue()


def as_histories(reports: Path, year: int, form: str) -> None:
    """Put yearly histories in the place of all price reports of simulated ones: `csv`, or `xlsx`, a sheet a month and in a ZIP."""
    found = ReportFolder(reports, year).reports
    for dataset, title in _HISTORIES.items():
        parts = [
            pd.read_csv(io.BytesIO(r.content()), dtype=str, keep_default_na=False, skipinitialspace=True)
            for r in found.get(dataset, [])
        ]
        if not parts:
            continue
        rows = pd.concat(parts, ignore_index=True).rename(columns=_SPACED)
        rows.columns = [name.strip() for name in rows.columns]
        shutil.rmtree(reports / REPORTS[dataset][0].folder)
        rows = rows.drop_duplicates([name for name in rows if name not in _PRICES], keep="last")
        if dataset == "AS_prices":
            keys = ["Delivery Date", "Hour Ending", "Repeated Hour Flag"]
            rows = rows.set_index([*keys, "AncillaryType"])["MCPC"].unstack().reset_index()  # noqa: PD010  loses nothing
            rows = rows[[*keys, *PRODUCTS]].rename(columns={"REGUP": "REGUP "})
        elif dataset == "SCED_AS_prices":
            rows = rows.rename(columns={"MCPC": "CAPPED_MCPC"})
        if form == "csv":
            rows.to_csv(reports / f"{title}_{year}.csv", index=False)
            continue
        for name in _PRICES & {str(heading).strip() for heading in rows}:
            heading = next(heading for heading in rows if heading.strip() == name)
            rows[heading] = pd.to_numeric(rows[heading])
        months = rows.groupby(rows.iloc[:, 0].str[:2])
        sheets = {month: [[*own.columns], *own.itertuples(index=False)] for month, own in months}
        with zipfile.ZipFile(reports / f"{title}_{year}.zip", "w") as archive:
            archive.writestr(f"{title}_{year}.xlsx", workbook(sheets | {"empty": [[*rows.columns]]}))
