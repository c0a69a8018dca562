"""Files that other programs wrote from two reports (written_by/make.py): each is read as the reports would be."""

import shutil
from datetime import datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from bess_assets.store.roll_up import roll_up
from bess_assets.store.rollup_layouts import unused_entries
from bess_assets_tests import written_by
from bess_assets_tests.ercot.test_rows import Read
from bess_assets_tests.steps import hour_of, utc_seconds
from bess_assets_tests.written_by.make import prices_csv, runs_csv

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


def test_the_programs_are_those_that_the_script_names():
    wanted = {"duckdb_1", "duckdb_1_v2", "duckdb_2", "duckdb_2_v2", "fastparquet", "fastparquet_bytes", "pandas"}
    assert set(TOOLS) == wanted | {"pandas_typed", "polars", "polars_categorical", "polars_typed", "spark"}


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


@pytest.mark.parametrize("form", [".csv", "_unicode.txt", ".xlsx", "as published"])
def test_what_excel_saved_of_a_report_is_rolled_up_as_the_report(tmp_path, form):
    (tmp_path / "reports").mkdir()
    for name, content in (("DAMSPNP4190", prices_csv()), ("60d_SCED_Gen_Resource_Data-02-JAN-25", runs_csv())):
        if form == "as published":
            (tmp_path / "reports" / f"{name}.csv").write_text(content, encoding="utf-8")
        else:
            shutil.copy2(HERE / "excel_reports" / f"{name}{form}", tmp_path / "reports")
    done = roll_up(tmp_path / "reports", tmp_path / "built")
    assert [built.manifest["refused"] for built in done.built] == [[], []]
    prices, runs, _ = read(tmp_path / "built")
    assert (prices, runs) == (PRICES, RUNS)
