"""Where the user's rollups may lie: one file a year, folders of parts, flat files, names in any case; and what is said of everything else."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bess_assets.assets.data import file_oddities
from bess_assets.cli import main
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.rollup_names import rollup_name, year_of
from bess_assets.store.fingerprint import Fingerprint
from bess_assets.store.journal import RollupEntry, RollupFileEntry
from bess_assets.store.paths import RollupFolder
from bess_assets.store.rollup_layouts import found_files, unused_entries
from bess_assets_tests.settlement.small import may_market, settle, write

FOLDER = "DAM_Gen_Resources"
RIGHT = (2_880.0, 480.0)


def in_parts(*names: str) -> Callable[[Path], None]:
    """The rows of the file in several files, named below the dataset's folder."""

    def lay(root: Path) -> None:
        path = root / FOLDER / "2022.parquet"
        table = pq.read_table(path)
        path.unlink()
        size = -(-table.num_rows // len(names))
        for n, name in enumerate(names):
            part = root / FOLDER / name
            part.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table.slice(n * size, size), part, compression="snappy")

    return lay


def spark(root: Path) -> None:
    in_parts("2022.parquet/part-00000-6a1f.c000.snappy.parquet", "2022.parquet/part-00001-6a1f.c000.snappy.parquet")(
        root
    )
    (root / FOLDER / "2022.parquet" / "_SUCCESS").touch()
    (root / FOLDER / "2022.parquet" / ".part-00000-6a1f.c000.snappy.parquet.crc").touch()
    (root / FOLDER / "2022.parquet" / "_temporary").mkdir()
    (root / FOLDER / "2022.parquet" / "_temporary" / "half.parquet").write_bytes(b"PAR1")


def moved(to: str) -> Callable[[Path], None]:
    """The file under another name below the root."""

    def lay(root: Path) -> None:
        path = root / to
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(root / FOLDER / "2022.parquet", path)

    return lay


def linked(root: Path) -> None:
    moved("../elsewhere/2022.parquet")(root)
    (root / FOLDER).rmdir()
    (root / FOLDER).symlink_to(root.parent / "elsewhere", target_is_directory=True)


LAYOUTS = {
    "one file": lambda _root: None,
    "Spark": spark,
    "hive": in_parts("year=2022/part-0.parquet", "year=2022/part-1.parquet"),
    "hive by month": in_parts("year=2022/month=5/data_0.parquet", "year=2022/month=6/data_0.parquet"),
    "a folder a year": in_parts("2022/00000000.parquet", "2022/00000001.parquet"),
    "numbered parts": in_parts("2022_01.parquet", "2022_02.parquet"),
    "parts": in_parts("2022-part-1.parquet", "2022-part-2.parquet"),
    "months": in_parts("202205.parquet", "202206.parquet"),
    "flat": moved("DAM_Gen_Resources_2022.parquet"),
    "flat, other case": moved("dam-gen-resources-2022.parquet"),
    "flat in the folder": moved("DAM_Gen_Resources/dam_gen_resources.2022.parquet"),
    "lower case": moved("dam_gen_resources/2022.parquet"),
    "hyphens": moved("DAM-GEN-RESOURCES/2022.parquet"),
    "a link": linked,
}


FAST = {"Spark", "hive by month", "numbered parts", "flat, other case", "a link"}
"""Layouts of each kind that are settled in every run of the tests."""


@pytest.mark.parametrize(
    "lay",
    [pytest.param(lay, id=name, marks=() if name in FAST else pytest.mark.slow) for name, lay in LAYOUTS.items()],
)
def test_a_year_is_worth_the_same_in_every_layout(tmp_path, lay):
    market = may_market()
    lay(write(tmp_path, 2022, {"dam_gen_resources": market.pop("dam_gen_resources")}))
    row = settle(tmp_path, 2022, market, until="leaderboard").row("leaderboard")
    assert (row["energy_usd"], row["as_usd"]) == pytest.approx(RIGHT)


@pytest.mark.parametrize("lay", LAYOUTS.values(), ids=LAYOUTS)
def test_all_files_of_a_year_are_found_in_every_layout(tmp_path, lay):
    root = write(tmp_path, 2022, {"dam_gen_resources": may_market()["dam_gen_resources"]})
    rows = pq.read_table(root / FOLDER / "2022.parquet").num_rows
    lay(root)
    files = RollupFolder(root).files("dam_gen_resources", 2022)
    assert len({rollup_name(path) for path in files}) == len(files), "each has a name of its own in the records"
    assert {year_of(path) for path in files} == {2022}
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in files) == rows
    assert list(unused_entries(root)) == []


@pytest.mark.parametrize("name", ["2024.parquet/part-0.parquet", "year=2024/0.parquet", "RT_prices_2024.parquet"])
def test_the_parts_of_a_year_are_its_file_in_the_checks_of_rollups(name):
    entry = RollupFileEntry(
        rows=1, bytes=1, fingerprint=Fingerprint(size=1, mtime_ns=1, digest=""), missing=[], unknown=[], zero_filled=[]
    )
    assert list(file_oddities(DATASETS["rt_prices"], 2024, RollupEntry(origin="found", files={name: entry}))) == []
    assert list(file_oddities(DATASETS["rt_prices"], 2025, RollupEntry(origin="found", files={name: entry}))) != []


def _put(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"a": [1]}), path) if path.suffix == ".parquet" else path.write_bytes(b"x")


@pytest.mark.parametrize(("better", "worse"), [
    ("RT_prices/2024.parquet", "RT_prices/year=2024/part-0.parquet"),
    ("RT_prices/2024.parquet", "RT_prices/RT_prices_2024.parquet"),
    ("RT_prices/2024.parquet", "RT_prices/2024_01.parquet"),
    ("RT_prices/2024.parquet", "rt_prices/2024.parquet"),
    ("RT_prices/year=2024/part-0.parquet", "RT_prices/2024_01.parquet"),
    ("RT_prices/RT_prices_2024.parquet", "RT_prices_2024.parquet"),
])  # fmt: skip
def test_of_two_layouts_one_is_read_and_the_other_is_named(tmp_path, better, worse):
    _put(tmp_path, better, worse)
    assert found_files(tmp_path, "rt_prices") == {2024: (tmp_path / better,)}
    (unused,) = unused_entries(tmp_path)
    assert unused.startswith(worse.split("/part", 1)[0])
    assert "another file is read for 2024" in unused


OTHERWISE = "named otherwise than <year>.parquet, such as 2024.parquet"
UNKNOWN = "no dataset is called so"


@pytest.mark.parametrize(("name", "unused"), [
    ("RT_prices/2024_old.parquet", f"RT_prices/2024_old.parquet: {OTHERWISE}"),
    ("RT_prices/prices.parquet", f"RT_prices/prices.parquet: {OTHERWISE}"),
    ("RT_prices/DA_prices_2024.parquet", f"RT_prices/DA_prices_2024.parquet: {OTHERWISE}"),
    ("RT_prices/2024.csv", "RT_prices/2024.csv: no Parquet file"),
    ("RT_prices/2024.parquet.gz", "RT_prices/2024.parquet.gz: no Parquet file"),
    ("RT_prices/2024/readme.txt", "RT_prices/2024: a folder without a Parquet file"),
    ("RT_price/2024.parquet", f"RT_price: {UNKNOWN}; the nearest is RT_prices"),
    ("60d_DAM_Gen_Resource_Data/2024.parquet", f"60d_DAM_Gen_Resource_Data: {UNKNOWN}; the nearest is DAM_Gen_Resources"),
    ("dam_gen_resource_2024.parquet", f"dam_gen_resource_2024.parquet: {UNKNOWN}; the nearest is DAM_Gen_Resources"),
    ("qqq.parquet", f"qqq.parquet: {UNKNOWN}"),
])  # fmt: skip
def test_an_entry_that_is_not_read_is_named_with_the_reason(tmp_path, name, unused):
    _put(tmp_path, name, "RT_prices/schema.json", "expected_rows.json", "DA_prices/2023.parquet")
    assert list(unused_entries(tmp_path)) == [unused]


def test_a_delta_table_is_not_read_for_its_log_says_which_files_count(tmp_path):
    _put(tmp_path, "RT_prices/2024.parquet/part-0.parquet", "RT_prices/2024.parquet/_delta_log/0.json")
    assert found_files(tmp_path, "rt_prices") == {}
    assert "a Delta table" in next(unused_entries(tmp_path))


def test_a_folder_of_nothing_that_is_known_is_an_error_and_says_what_lies_there(tmp_path):
    _put(tmp_path / "rollups", "RT_price/2024.parquet")
    result = CliRunner().invoke(main, ["--home", str(tmp_path), "refresh"])
    assert result.exit_code == 2
    assert "not read: rollups/RT_price: no dataset is called so; the nearest is RT_prices" in result.output
    assert "There are no rollups to settle." in result.output
