"""Writes the rollups beside it, each folder with the program that it is called after, from the same two report files.

Run in an environment of its own, once with each version of DuckDB:

    pip install "duckdb<2" polars "pandas<3" fastparquet pyarrow openpyxl xlsxwriter && python make.py
    pip install "duckdb>=2" && python make.py duckdb_2

The programs read the CSV files as they do without being told anything, but where a folder's name says otherwise.
"""

import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
CENTRAL = ZoneInfo("America/Chicago")


def prices_csv() -> str:
    """Day-ahead prices from 31 October to 3 November 2024, the 25-hour day: the n-th hour costs n dollars."""
    rows = ["DeliveryDate,HourEnding,SettlementPoint,SettlementPointPrice,DSTFlag"]
    for day in ("10/31/2024", "11/01/2024", "11/02/2024", "11/03/2024"):
        labels = [1, 2, *([2] if day == "11/03/2024" else []), *range(3, 25)]
        for n, hour in enumerate(labels):
            rows.append(f"{day},{hour:02d}:00,OAK_RN,{len(rows)}.5,{'Y' if hour == labels[n - 1] else 'N'}")
    return "\n".join(rows) + "\n"


def runs_csv() -> str:
    """Runs of those days, 13 s after each half hour: the n-th run has an output of n MW."""
    rows = ["SCED Time Stamp,Repeated Hour Flag,QSE,Resource Name,Resource Type,HSL,Telemetered Net Output "]
    moment = datetime(2024, 10, 31, 0, 0, 13, tzinfo=CENTRAL).timestamp()
    for n in range(194):
        local = datetime.fromtimestamp(moment + 1_800 * n, CENTRAL)
        rows.append(f"{local:%m/%d/%Y %H:%M:%S},{'NY'[local.fold]},QOAK,OAK_BESS1,PWRSTR,200,{n + 1}")
    return "\n".join(rows) + "\n"


def place(tool: str, dataset: str) -> str:
    path = HERE / tool / dataset / "2024.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)


def with_duckdb(tool: str, csv: str, dataset: str, options: str = "") -> None:
    import duckdb

    duckdb.sql(f"COPY (FROM read_csv('{csv}')) TO '{place(tool, dataset)}' (FORMAT parquet{options})")


def with_polars(csv: str, dataset: str) -> None:
    import polars as pl

    pl.read_csv(csv).write_parquet(place("polars", dataset))
    frame = pl.read_csv(csv).with_columns(pl.col(pl.String).cast(pl.Categorical))
    frame.write_parquet(place("polars_categorical", dataset), compression="lz4")
    stamp = "SCED Time Stamp" if "SCED" in dataset else "DeliveryDate"
    form = "%m/%d/%Y %H:%M:%S" if "SCED" in dataset else "%m/%d/%Y"
    typed = pl.read_csv(csv).with_columns(pl.col(stamp).str.to_datetime(form, time_unit="ns"))
    typed.lazy().sink_parquet(place("polars_typed", dataset), compression="snappy")


def with_pandas(csv: str, dataset: str) -> None:
    import pandas as pd

    frame = pd.read_csv(csv)
    frame.to_parquet(place("pandas", dataset))
    stamp = frame.columns[0]
    typed = frame.assign(**{stamp: pd.to_datetime(frame[stamp], format="mixed")}).convert_dtypes()
    typed.to_parquet(place("pandas_typed", dataset), compression="gzip")
    frame.astype({"Resource Name" if "SCED" in dataset else "SettlementPoint": "category"}).to_parquet(
        place("fastparquet", dataset), engine="fastparquet"
    )
    texts = {name: "bytes" if frame[name].dtype == object else "infer" for name in frame}
    encoded = frame.apply(lambda c: c.str.encode("utf-8") if c.dtype == object else c)
    encoded.to_parquet(place("fastparquet_bytes", dataset), engine="fastparquet", object_encoding=texts)


def as_spark(csv: str, dataset: str) -> None:
    """As Spark lays a table out: a folder of parts, Snappy, stamps as INT96."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = pd.read_csv(csv)
    if "SCED" in dataset:
        frame[frame.columns[0]] = pd.to_datetime(frame[frame.columns[0]], format="%m/%d/%Y %H:%M:%S")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    folder = Path(place("spark", dataset))
    folder.mkdir(exist_ok=True)
    half = table.num_rows // 2
    for n, part in enumerate((table.slice(0, half), table.slice(half))):
        pq.write_table(
            part,
            folder / f"part-0000{n}-6a1f.c000.snappy.parquet",
            flavor="spark",
            use_deprecated_int96_timestamps=True,
        )
    (folder / "_SUCCESS").touch()


def with_excel(csv: str, dataset: str) -> None:
    """As reports: a workbook, and the CSV files that Excel saves of it."""
    import pandas as pd

    name = "60d_SCED_Gen_Resource_Data-02-JAN-25" if "SCED" in dataset else "DAMSPNP4190"
    folder = HERE / "excel_reports"
    folder.mkdir(exist_ok=True)
    content = Path(csv).read_text(encoding="utf-8")
    (folder / f"{name}.csv").write_bytes(content.replace(",", ";").replace("\n", ";;\r\n").encode())
    (folder / f"{name}_unicode.txt").write_bytes(content.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"))
    pd.read_csv(csv).to_excel(folder / f"{name}.xlsx", index=False)


def main(only: str = "") -> None:
    """Write everything, or the folders of one version of DuckDB."""
    with TemporaryDirectory() as scratch:
        for dataset, content in (("DA_prices", prices_csv()), ("SCED_Gen_Resources", runs_csv())):
            csv = Path(scratch, "report.csv")
            csv.write_text(content, encoding="utf-8")
            with_duckdb(only or "duckdb_1", str(csv), dataset)
            with_duckdb(f"{only or 'duckdb_1'}_v2", str(csv), dataset, ", PARQUET_VERSION v2, COMPRESSION zstd")
            if not only:
                with_polars(str(csv), dataset)
                with_pandas(str(csv), dataset)
                as_spark(str(csv), dataset)
                with_excel(str(csv), dataset)


if __name__ == "__main__":
    main(*sys.argv[1:])
