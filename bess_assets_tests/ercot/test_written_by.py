"""Files that other programs wrote from two reports (written_by/make.py): each is read as the reports would be."""

import shutil
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bess_assets.errors import InputError
from bess_assets.store.roll_up import roll_up
from bess_assets.store.rollup_layouts import unused_entries
from bess_assets_tests import written_by
from bess_assets_tests.ercot.test_rows import Read
from bess_assets_tests.steps import hour_of, utc_seconds
from bess_assets_tests.written_by.make import REPORTS, prices_csv, runs_csv

HERE = Path(written_by.__file__).parent
TOOLS = sorted(path.name for path in HERE.iterdir() if (path / "DA_prices").is_dir())
FIRST_HOUR = hour_of(datetime(2024, 10, 31))
FIRST_RUN = utc_seconds(datetime(2024, 10, 31)) - utc_seconds(datetime(2024, 1, 1)) + 13
PRICES = {FIRST_HOUR + n: n + 1.5 for n in range(97)}
RUNS = {FIRST_RUN + 1_800 * n: n + 1.0 for n in range(194)}


def read(root: Path) -> tuple[dict[int, float], dict[int, float], Read]:
    prices = Read(root, "da_prices", ["OAK_RN"], value="price_usd_per_mwh")
    runs = Read(root, "sced_gen_resources", ["OAK_BESS1"], value="output_mw", per_hour=3_600, step_seconds=1)
    return prices.known(), runs.known(), runs


def rolled_up(root: Path, folder: Path, form: str) -> list[list[object]]:
    """What was refused of both reports of a folder once they were rolled up."""
    (root / "reports").mkdir()
    for name in REPORTS.values():
        shutil.copy2(folder / f"{name}{form}", root / "reports")
    return [built.manifest["refused"] for built in roll_up(root / "reports", root / "built").built]


def test_the_programs_are_those_that_the_script_names():
    wanted = {"duckdb_1", "duckdb_1_v2", "duckdb_2", "duckdb_2_v2", "fastparquet", "fastparquet_bytes", "pandas"}
    wanted |= {"pandas_typed", "polars", "polars_categorical", "polars_typed", "spark", "spark_hive", "spark_typed"}
    assert set(TOOLS) == wanted


@pytest.mark.parametrize("tool", TOOLS)
def test_what_a_program_wrote_of_a_report_is_read_as_the_report(tool):
    prices, runs, _ = read(HERE / tool)
    assert prices == PRICES
    assert runs == RUNS
    assert list(unused_entries(HERE / tool)) == []


def test_the_programs_wrote_the_types_and_encodings_that_the_test_is_for():
    def of(tool: str, dataset: str = "DA_prices") -> pq.ParquetFile:
        return pq.ParquetFile(HERE / tool / dataset / "2024.parquet")

    def encodings(tool: str) -> set[str]:
        group = of(tool, "SCED_Gen_Resources").metadata.row_group(0)
        return {encoding for n in range(group.num_columns) for encoding in group.column(n).encodings}

    assert {str(of(tool).schema_arrow.field("HourEnding").type) for tool in ("duckdb_1", "duckdb_2")} == {"time64[us]"}
    assert str(of("duckdb_2").schema_arrow.field("DeliveryDate").type) == "date32[day]"
    assert any(encoding.startswith("DELTA") for encoding in encodings("duckdb_2_v2"))
    assert str(of("fastparquet_bytes").schema_arrow.field("SettlementPoint").type) in {"binary", "large_binary"}
    assert str(of("polars").schema_arrow.field("SettlementPoint").type) in {"large_string", "string_view"}
    assert str(of("polars_typed", "SCED_Gen_Resources").schema_arrow.field("SCED Time Stamp").type) == "timestamp[ns]"
    for part in (HERE / "spark_typed" / "SCED_Gen_Resources" / "2024.parquet").glob("*.parquet"):
        file = pq.ParquetFile(part)
        assert file.schema.column(0).physical_type == "INT96"
        assert file.metadata.created_by.startswith("parquet-mr")
        assert b"org.apache.spark.version" in file.schema_arrow.metadata


def test_stamps_that_spark_stored_as_instants_are_refused():
    with pytest.raises(InputError, match=r"another time zone from 2024-10-31 on: its days begin and end 5 hours off"):
        read(HERE / "spark_central")


@pytest.mark.parametrize("locale", ["en-US", "de-DE"])
def test_what_calc_saved_of_a_report_is_rolled_up_as_the_report(tmp_path, locale):
    assert rolled_up(tmp_path, HERE / "calc_reports", f"_{locale}.csv") == [[], []]
    prices, runs, _ = read(tmp_path / "built")
    assert (prices, runs) == (PRICES, RUNS)


def test_what_calc_shows_in_german_is_refused_with_the_line_and_the_cell(tmp_path, caplog):
    rolled_up(tmp_path, HERE / "calc_reports", "_de-DE-shown.csv")
    assert len(caplog.messages) == 2
    assert all("line 2 holds '31.10.2024" in said for said in caplog.messages)


@pytest.mark.parametrize("form", [".csv", "_unicode.txt", ".xlsx", "as published"])
def test_what_excel_saved_of_a_report_is_rolled_up_as_the_report(tmp_path, form):
    folder = HERE / "excel_reports"
    if form == "as published":
        folder, form = tmp_path / "published", ".csv"
        folder.mkdir()
        for dataset, content in (("DA_prices", prices_csv()), ("SCED_Gen_Resources", runs_csv())):
            (folder / f"{REPORTS[dataset]}.csv").write_text(content, encoding="utf-8")
    assert rolled_up(tmp_path, folder, form) == [[], []]
    prices, runs, _ = read(tmp_path / "built")
    assert (prices, runs) == (PRICES, RUNS)
