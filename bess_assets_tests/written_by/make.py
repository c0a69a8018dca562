"""Writes the rollups beside it, each folder with the program that it is called after, from the same two report files.

Run in an environment of its own, once with each version of DuckDB:

    pip install "duckdb<2" polars "pandas<3" fastparquet pyarrow openpyxl xlsxwriter && python make.py
    pip install "duckdb>=2" && python make.py duckdb_2
    pip install pyspark && python make.py spark          (needs Java 17)
    apt-get install libreoffice-calc && python make.py libreoffice

Excel itself ran for none of them: it needs Windows or macOS. `excel_reports` imitates what it saves, as its documentation and bug reports show it;
`calc_reports` are what LibreOffice Calc saved, in three locales. The programs read the CSV files as they do without being told anything, but where a folder's name says otherwise.
"""

import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
CENTRAL = ZoneInfo("America/Chicago")
REPORTS = {"DA_prices": "DAMSPNP4190", "SCED_Gen_Resources": "60d_SCED_Gen_Resource_Data-02-JAN-25"}
"""The name of a report of each dataset."""


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


def with_spark(csvs: dict[str, str]) -> None:
    """By Spark: a folder of two shuffled parts; stamps of a session in UTC, as INT96; folders named year=2024; and stamps of a session in Central time."""
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import col, lit, to_date, to_timestamp

    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()

    def save(frame, tool: str, dataset: str, **more) -> None:
        path = Path(place(tool, dataset))
        frame.repartition(2).write.mode("overwrite").parquet(str(path.parent if more else path), **more)

    for dataset, csv in csvs.items():
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        frame = spark.read.csv(csv, header=True, inferSchema=True)
        save(frame, "spark", dataset)
        save(frame.withColumn("year", lit(2024)), "spark_hive", dataset, partitionBy="year")
        stamp = frame.columns[0]
        typed = {
            "DA_prices": to_date(col(stamp), "MM/dd/yyyy"),
            "SCED_Gen_Resources": to_timestamp(col(stamp), "MM/dd/yyyy HH:mm:ss"),
        }[dataset]
        save(frame.withColumn(stamp, typed), "spark_typed", dataset)
        spark.conf.set("spark.sql.session.timeZone", "America/Chicago")
        if dataset == "SCED_Gen_Resources":
            save(frame.withColumn(stamp, typed), "spark_central", dataset)


def with_libreoffice(csvs: dict[str, str], scratch: Path) -> None:
    """As reports that Calc opened and saved as CSV, cells as shown: in US English, in German, and by a German Calc that reads them as US English."""
    for locale, mark, reads_as in (("en-US", 44, 0), ("de-DE", 59, 0), ("de-DE-shown", 59, 1033)):
        user = scratch / locale / "user"
        user.mkdir(parents=True)
        setting = f'<prop oor:name="ooSetupSystemLocale" oor:op="fuse"><value>{locale[:5]}</value></prop>'
        (user / "registrymodifications.xcu").write_text(
            '<?xml version="1.0"?><oor:items xmlns:oor="http://openoffice.org/2001/registry">'
            f'<item oor:path="/org.openoffice.Setup/L10N">{setting}</item></oor:items>'
        )
        for dataset, csv in csvs.items():
            saved = f"csv:Text - txt - csv (StarCalc):{mark},34,76,1,,0,false,true,false"
            opened = f"--infilter=CSV:44,34,76,1,,{reads_as},false,true"
            profile = f"-env:UserInstallation={user.parent.as_uri()}"
            to = ["--convert-to", saved, "--outdir", str(scratch / "saved"), csv]
            subprocess.run(["soffice", profile, "--headless", opened, *to], check=True)
            target = HERE / "calc_reports" / f"{REPORTS[dataset]}_{locale}.csv"
            target.parent.mkdir(exist_ok=True)
            shutil.move(scratch / "saved" / Path(csv).name, target)


def like_excel(csv: str, dataset: str) -> None:
    """As reports: a workbook, and CSV files as Excel saves them of it; Excel itself did not run."""
    import pandas as pd

    name = REPORTS[dataset]
    folder = HERE / "excel_reports"
    folder.mkdir(exist_ok=True)
    content = Path(csv).read_text(encoding="utf-8")
    (folder / f"{name}.csv").write_bytes(content.replace(",", ";").replace("\n", ";;\r\n").encode())
    (folder / f"{name}_unicode.txt").write_bytes(content.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"))
    pd.read_csv(csv).to_excel(folder / f"{name}.xlsx", index=False)


def main(only: str = "") -> None:
    """Write everything that Python packages write, or the folders of one program."""
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        csvs = {dataset: str(scratch / f"{dataset}.csv") for dataset in REPORTS}
        for dataset, content in (("DA_prices", prices_csv()), ("SCED_Gen_Resources", runs_csv())):
            Path(csvs[dataset]).write_text(content, encoding="utf-8")
        if only == "spark":
            with_spark(csvs)
        elif only == "libreoffice":
            with_libreoffice(csvs, scratch)
        else:
            for dataset, csv in csvs.items():
                with_duckdb(only or "duckdb_1", csv, dataset)
                with_duckdb(f"{only or 'duckdb_1'}_v2", csv, dataset, ", PARQUET_VERSION v2, COMPRESSION zstd")
                if not only:
                    with_polars(csv, dataset)
                    with_pandas(csv, dataset)
                    like_excel(csv, dataset)


if __name__ == "__main__":
    main(*sys.argv[1:])
