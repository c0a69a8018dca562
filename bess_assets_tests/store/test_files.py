"""Result files, fingerprints, locks and run records, on a disk."""

import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import StepResult
from bess_assets.errors import InvariantError, NotRefreshedError, YearBusyError
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.grid import labels_array
from bess_assets.store.files import ROW_GROUP_ROWS, ResultTable, conform, write_table
from bess_assets.store.fingerprint import fingerprint, same
from bess_assets.store.journal import input_files
from bess_assets.store.listing import yearly_files
from bess_assets.store.locks import name_of_results, year_is_busy, year_lock
from bess_assets.store.paths import RollupFolder, remove_stale_files, result_path
from bess_assets.store.whole import temporary_path
from bess_assets.tables import BESS_AWARDS, Column, Table, arrow_schema
from bess_assets.threads import in_order
from bess_assets_tests.held import held_elsewhere

MONEY = Table(
    name="money", group="revenue", meaning="Made up.", key=("battery", "interval_start"), ledger=True,
    money="total_usd", coverage=("known", "expected"), sums=(("total_usd", ("da_usd", "rt_usd")),),
    columns=(
        Column("battery", "text", "key", required=True), Column("interval_start", "time", "hour", required=True),
        Column("operating_day", "day", "day", required=True), Column("da_usd", "number", "day-ahead"),
        Column("rt_usd", "number", "real-time"), Column("total_usd", "number", "both"),
        Column("source", "label", "where from"), Column("known", "count", "known", required=True),
        Column("expected", "count", "expected", required=True), Column("exists", "flag", "exists", required=True),
    ),
)  # fmt: skip
BATTERY, USD = Column("battery", "text", "key", required=True), Column("usd", "number", "dollars")
SUMMARY = Table(
    name="summary", group="daily", meaning="Made up.", key=("battery", "product"),
    columns=(BATTERY, Column("product", "label", "key", required=True), USD),
)  # fmt: skip
BOARD = Table(
    name="board", group="leaderboard", meaning="Made up.", key=("battery",), sort=("board_order",), columns=(BATTERY, USD)
)  # fmt: skip
HOURS = np.array([1704088800, 1704092400, 1704096000], dtype=np.int64)
DAYS = np.array([19723, 19723, 19723], dtype=np.int32)
UNKNOWN = np.full(3, np.nan)


def hours_of(name: str, **changed: Any) -> dict[str, Any]:
    """Three hours of a battery; in the second, real time is unknown."""
    return {
        "battery": [name] * 3, "interval_start": HOURS, "operating_day": DAYS, "da_usd": np.array([1.0, 2.0, -3.5]),
        "rt_usd": np.array([0.25, np.nan, 0.0]), "total_usd": np.array([1.25, np.nan, -3.5]),
        "source": ["smne", None, "telemetry"], "known": np.array([1, 0, 1]), "expected": np.array([1, 1, 1]),
        "exists": np.array([True, True, False]),
    } | changed  # fmt: skip


def write(table: Table, path: Path, *chunks: Mapping[str, Any]) -> Any:
    return write_table(table, path, StepResult(iter(chunks)))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path / "home", environ={})


# --- what is written ----------------------------------------------------------------------------------------------------------------------
def test_a_ledger_comes_back_as_grids_labels_and_batteries(tmp_path):
    path = tmp_path / "money" / "2024.parquet"
    other = hours_of("B", da_usd=np.array([9.0, 8.0, 7.0]), total_usd=np.array([9.25, np.nan, 7.0]))
    written = write(MONEY, path, hours_of("A"), other)
    table = ResultTable(MONEY, path)
    assert table.batteries() == ["A", "B"]
    columns = ["da_usd", "rt_usd", "interval_start", "operating_day", "known", "exists"]
    first, second = (table.numbers(columns, n) for n in (0, 1))
    np.testing.assert_array_equal(first["da_usd"], [1.0, 2.0, -3.5])
    np.testing.assert_array_equal(second["da_usd"], [9.0, 8.0, 7.0])
    for grids in (first, second):
        np.testing.assert_array_equal(grids["rt_usd"], [0.25, np.nan, 0.0])
        np.testing.assert_array_equal(grids["interval_start"], HOURS)
        np.testing.assert_array_equal(grids["operating_day"], DAYS)
        np.testing.assert_array_equal(grids["known"], [1, 0, 1])
        np.testing.assert_array_equal(grids["exists"], [True, True, False])
    for n in (0, 1):
        codes, texts = table.labels("source", n)
        assert texts == ["smne", "telemetry"]
        np.testing.assert_array_equal(codes, [0, -1, 1])
    assert (written["rows"], written["money_usd"], written["coverage"]) == (6, 14.0, 4 / 6)


def test_dollars_and_coverage_of_a_table_by_product_are_those_of_all_products(tmp_path):
    by_product = (Column("usd", "number", "dollars"), Column("exists", "flag", "exists", required=True))
    columns = (BATTERY, *(replace(c, name=f"{p}_{c.name}") for c in by_product for p in PRODUCTS))
    table = replace(SUMMARY, key=("battery",), columns=columns, by_product=by_product)
    table = replace(table, ledger=True, money="usd", coverage=("usd", "exists"))
    known = {"regup_usd": [1.0], "rrs_usd": [2.5], "ecrs_usd": [None]}
    exists = {f"{p}_exists": [p != "regdn"] for p in PRODUCTS}
    chunk = {c.name: [None] for c in columns} | {"battery": ["A"], **known, **exists}
    written = write(table, tmp_path / "2024.parquet", chunk, chunk | {"battery": ["B"], "nspin_usd": [-1.0]})
    assert (written["rows"], written["money_usd"], written["coverage"]) == (2, 6.0, 5 / 8)


def test_times_are_stored_as_utc_and_days_as_dates(tmp_path):
    path = tmp_path / "2024.parquet"
    write(MONEY, path, hours_of("A"))
    first = pq.read_table(path).slice(0, 1).to_pylist()[0]
    assert (first["interval_start"], first["operating_day"]) == (datetime(2024, 1, 1, 6, tzinfo=UTC), date(2024, 1, 1))


def test_the_same_rows_give_the_same_bytes_whatever_they_come_as(tmp_path):
    one, two = tmp_path / "one" / "2024.parquet", tmp_path / "two" / "2024.parquet"
    otherwise = hours_of(
        "A",
        battery=pa.array(["A"] * 3).dictionary_encode(),
        da_usd=[1, 2, -3.5],
        rt_usd=pa.array([0.25, None, 0.0]),
        total_usd=pa.chunked_array([[1.25], [float("nan"), -3.5]]),
        operating_day=pa.array([date(2024, 1, 1)] * 3),
        interval_start=HOURS.astype("datetime64[s]"),
        source=np.array(["smne", None, "telemetry"], dtype=object),
    )
    assert write(MONEY, one, hours_of("A"))["digest"] == write(MONEY, two, otherwise)["digest"]
    assert one.read_bytes() == two.read_bytes()


def test_text_is_told_by_codes_on_the_page_and_readers_see_plain_text(tmp_path):
    path = tmp_path / "2024.parquet"
    write(MONEY, path, hours_of("A", source=labels_array(np.array([0, 2, -1]), ["smne", "base point", "telemetry"])))
    with pq.ParquetFile(path) as file:
        assert file.schema_arrow.equals(arrow_schema(MONEY), check_metadata=True)
        assert file.read().column("source").to_pylist() == ["smne", "telemetry", None]
        assert file.metadata.metadata[b"table"] == b"money"
    with pq.ParquetFile(path, read_dictionary=["source"]) as file:
        assert file.read().column("source").chunk(0).dictionary.to_pylist() == ["smne", "telemetry"]
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE SELECT battery, source FROM '{path}'").fetchall()
    assert [kind for _, kind, *_ in described] == ["VARCHAR", "VARCHAR"]


def test_a_column_that_is_the_same_object_in_every_chunk_is_made_once():
    kept: dict[str, Any] = {}
    first, second = (conform(MONEY, hours_of(name), kept) for name in ("A", "B"))
    address = [table.column("interval_start").chunk(0).buffers()[1].address for table in (first, second)]
    assert address[0] == address[1]
    assert second.column("battery").to_pylist() == ["B"] * 3


def test_a_table_may_be_read_by_several_threads_at_once(tmp_path):
    path = tmp_path / "2024.parquet"
    names = [f"B{n:03}" for n in range(60)]
    money = [{"da_usd": np.full(3, float(n)), "total_usd": n + np.array([0.25, np.nan, 0.0])} for n in range(60)]
    write(MONEY, path, *(hours_of(name, **usd) for name, usd in zip(names, money, strict=True)))
    table = ResultTable(MONEY, path)

    def read(n: int) -> tuple[float, str]:
        codes, texts = table.labels("battery", n)
        return float(table.numbers(["da_usd"], n)["da_usd"][0]), texts[codes[0]]

    assert list(in_order(4, read, range(60))) == [(float(n), name) for n, name in enumerate(names)]


def test_a_row_group_holds_one_battery_and_says_so_in_its_statistics(tmp_path):
    path = tmp_path / "2024.parquet"
    write(MONEY, path, hours_of("A"), hours_of("B"))
    metadata = pq.ParquetFile(path).metadata
    assert [metadata.row_group(g).column(1).statistics.max for g in range(metadata.num_row_groups)] == ["A", "B"]
    assert metadata.row_group(0).column(4).compression.startswith("LZ4")


def test_a_summary_is_in_row_groups_whose_statistics_let_a_reader_skip_them(tmp_path):
    path = tmp_path / "2024.parquet"
    names = [f"B{n:06d}" for n in range(2 * ROW_GROUP_ROWS + 1)]
    write(SUMMARY, path, {"battery": names, "product": ["rrs"] * len(names), "usd": [1.0] * len(names)})
    metadata = pq.ParquetFile(path).metadata
    groups = [metadata.row_group(g).num_rows for g in range(metadata.num_row_groups)]
    assert groups == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 1]
    second = metadata.row_group(1).column(1).statistics
    assert (second.min, second.max) == (names[ROW_GROUP_ROWS], names[2 * ROW_GROUP_ROWS - 1])
    assert ResultTable(SUMMARY, path).read().num_rows == len(names)


def test_no_series_of_a_summary_is_cut_by_the_end_of_a_row_group(tmp_path):
    path = tmp_path / "2024.parquet"
    write(SUMMARY, path, *(_summary_of(name, ROW_GROUP_ROWS // 2 - 1) for name in "ABC"))
    metadata = pq.ParquetFile(path).metadata
    ends = [metadata.row_group(g).column(1).statistics for g in range(metadata.num_row_groups)]
    assert [(of_group.min, of_group.max) for of_group in ends] == [("A", "B"), ("C", "C")]
    assert ResultTable(SUMMARY, path).read(["battery"]).column(0).to_pylist() == sorted(
        "ABC" * (ROW_GROUP_ROWS // 2 - 1)
    )


def _summary_of(battery: str, count: int) -> dict[str, Any]:
    return {"battery": [battery] * count, "product": [f"P{n:06d}" for n in range(count)], "usd": np.ones(count)}


def test_a_folder_of_years_reads_as_one_table_and_a_reader_of_a_year_opens_that_file_alone(tmp_path):
    for year, names in ((2023, ["A"]), (2024, ["A", "B"])):
        write(BOARD, tmp_path / f"{year}.parquet", {"battery": names, "usd": [float(year)] * len(names)})
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT year, battery, usd FROM '{tmp_path}/*.parquet' ORDER BY ALL").fetchall()
    assert rows == [(2023, "A", 2023.0), (2024, "A", 2024.0), (2024, "B", 2024.0)]
    with pq.ParquetFile(tmp_path / "2024.parquet") as file:
        of_year = file.metadata.row_group(0).column(0).statistics
    assert (of_year.min, of_year.max) == (2024, 2024)


def test_a_table_without_rows_is_a_file_with_the_schema(tmp_path):
    for table in (MONEY, SUMMARY, BOARD):
        path = tmp_path / table.name / "2024.parquet"
        assert write(table, path)["rows"] == 0
        read = ResultTable(table, path)
        assert read.read().column_names == table.column_names
        assert read.batteries() == []


@given(values=st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=20))
def test_any_finite_numbers_and_nulls_come_back_unchanged(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("any") / "2024.parquet"
    write(BOARD, path, {"battery": [str(n) for n in range(len(values))], "usd": values})
    assert ResultTable(BOARD, path).read(["usd"]).column("usd").to_pylist() == values


# --- what is refused ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("table", "chunks", "said"), [
    (MONEY, [hours_of("A", da_usd=np.array([1.0, np.inf, 0.0]))], "infinite number in da_usd"),
    (MONEY, [hours_of("A", source=None) | {"other": [1, 2, 3]}], "columns it declares"),
    (MONEY, [hours_of("A", rt_usd=["x", "y", "z"])], "rt_usd that are not of its kind"),
    (MONEY, [hours_of("A", known=np.array([1.0, np.nan, 1.0]))], "1 empty values in known"),
    (MONEY, [hours_of("A", known=np.array([1.0, 0.5, 1.0]))], "known that are not of its kind"),
    (MONEY, [hours_of("A", da_usd=np.array([1.0, 2.0]))], "different lengths"),
    (MONEY, [hours_of("A", interval_start=HOURS[[0, 0, 1]])], "a key twice: A, 2024-01-01 06:00:00"),
    (MONEY, [hours_of("A", interval_start=HOURS[[1, 0, 2]])], "not in the order of its key"),
    (MONEY, [hours_of("A"), hours_of("A")], "not one battery each"),
    (MONEY, [hours_of("B"), hours_of("A")], "not one battery each"),
    (MONEY, [hours_of("A", battery=["A", "A", "B"])], "not one battery each"),
    (MONEY, [hours_of("A"), hours_of("B", interval_start=HOURS + 3600)], "interval_start for B"),
    (MONEY, [hours_of("A"), {k: v[:2] for k, v in hours_of("B").items()}], "interval_start for B"),
    (MONEY, [hours_of("A", total_usd=np.array([1.26, np.nan, -3.5]))], "total_usd that is not the sum"),
    (MONEY, [hours_of("A", da_usd=UNKNOWN, rt_usd=UNKNOWN, total_usd=0 * HOURS)], "total_usd that is not the sum"),
    (SUMMARY, [{"battery": ["A", "A"], "product": ["rrs", "rrs"], "usd": [1.0, 2.0]}], "a key twice: A, rrs"),
    (SUMMARY, [{"battery": ["B", "A"], "product": ["rrs"] * 2, "usd": [1.0, 2.0]}], "not in the order of its key"),
    (SUMMARY, [_summary_of("A", 2), _summary_of("A", 1)], "not in the order of its key"),
    (SUMMARY, [_summary_of("A", ROW_GROUP_ROWS), {k: v[-1:] for k, v in _summary_of("A", ROW_GROUP_ROWS).items()}], "a key twice: A, P032767"),
    (SUMMARY, [_summary_of("A", 3) | {"usd": np.ones(2)}, _summary_of("B", 2) | {"usd": np.ones(3)}], "different lengths"),
    (SUMMARY, [_summary_of("B", ROW_GROUP_ROWS), _summary_of("A", 1)], "not in the order of its key"),
    (SUMMARY, [_summary_of("A", 1), _summary_of("B", 1) | {"other": [1]}], "columns it declares"),
    (BOARD, [{"battery": ["B", "A", "B"], "usd": [1.0, 2.0, 3.0]}], "a key twice: B"),
    (BOARD, [{"battery": [f"B{n}" for n in range(ROW_GROUP_ROWS)], "usd": np.ones(ROW_GROUP_ROWS)}, {"battery": ["B7"], "usd": [1.0]}], "a key twice: B7"),
])  # fmt: skip
def test_rows_that_break_a_rule_are_refused_and_the_old_file_stays(tmp_path, table, chunks, said):
    path = tmp_path / table.name / "2024.parquet"
    path.parent.mkdir()
    path.write_bytes(b"as it was")
    with pytest.raises(InvariantError, match=said) as caught:
        write(table, path, *chunks)
    assert caught.value.dataset == table.name
    assert caught.value.column
    assert path.read_bytes() == b"as it was"
    assert [p.name for p in path.parent.iterdir()] == ["2024.parquet"]


def test_products_may_come_in_an_order_of_their_own_but_each_in_one_piece(tmp_path):
    rows = {"battery": ["A", "A", "B", "B"], "product": ["rrs", "ecrs", "rrs", "ecrs"], "usd": [1.0, 2.0, 3.0, 4.0]}
    assert write(SUMMARY, tmp_path / "2024.parquet", rows)["rows"] == 4


def test_a_board_keeps_the_order_it_was_given(tmp_path):
    path = tmp_path / "2024.parquet"
    write(BOARD, path, {"battery": ["C", "A", "B"], "usd": [3.0, 2.0, None]})
    assert ResultTable(BOARD, path).batteries() == ["C", "A", "B"]


def test_a_total_may_leave_out_a_part_that_does_not_exist(tmp_path):
    rows = hours_of("A", rt_usd=np.full(3, np.nan), total_usd=np.array([1.0, 2.0, -3.5]))
    assert write(MONEY, tmp_path / "2024.parquet", rows)["money_usd"] == -0.5


def test_a_cent_in_a_million_dollars_is_rounding_and_two_are_not(tmp_path):
    def with_total(total: float) -> dict[str, Any]:
        return hours_of("A", da_usd=np.full(3, 1e6), rt_usd=np.zeros(3), total_usd=np.array([1e6, total, 1e6]))

    write(MONEY, tmp_path / "2024.parquet", with_total(1e6 + 0.009))
    with pytest.raises(InvariantError):
        write(MONEY, tmp_path / "2024.parquet", with_total(1e6 + 0.02))


def test_a_step_that_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "2024.parquet"
    write(MONEY, path, hours_of("A"))
    before = path.read_bytes()

    def chunks() -> Iterator[dict[str, Any]]:
        yield hours_of("A")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_table(MONEY, path, StepResult(chunks()))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_refused_chunk_stops_a_step_that_has_many_more(tmp_path):
    taken = []

    def chunks() -> Iterator[dict[str, Any]]:
        for n in range(10_000):
            taken.append(n)
            yield hours_of(f"{n:05d}", da_usd=np.full(3, np.inf))

    with pytest.raises(InvariantError):
        write_table(MONEY, tmp_path / "2024.parquet", StepResult(chunks()))
    assert len(taken) < 100


def test_reading_what_was_never_written_says_what_to_do(tmp_path):
    table = ResultTable(BESS_AWARDS, tmp_path / "bess_awards" / "2024.parquet")
    with pytest.raises(NotRefreshedError, match="bess refresh 2024"):
        table.read()


def test_reading_columns_that_an_earlier_version_did_not_write_says_what_to_do(tmp_path):
    path = tmp_path / "money" / "2024.parquet"
    write(replace(MONEY, columns=MONEY.columns[:-1]), path, {k: v for k, v in hours_of("A").items() if k != "exists"})
    with pytest.raises(NotRefreshedError, match=r"lacks exists(.|\n)*bess refresh 2024"):
        ResultTable(MONEY, path).numbers(["da_usd", "exists"], 0)


def test_only_ledgers_have_grids_and_text_is_no_number(tmp_path):
    write(MONEY, tmp_path / "2024.parquet", hours_of("A"))
    write(BOARD, tmp_path / "2025.parquet", {"battery": ["A"], "usd": [1.0]})
    with pytest.raises(TypeError, match="labels"):
        ResultTable(MONEY, tmp_path / "2024.parquet").numbers(["source"], 0)
    with pytest.raises(TypeError, match="no ledger"):
        ResultTable(BOARD, tmp_path / "2025.parquet").numbers(["usd"], 0)


# --- fingerprints and files ---------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [100, 20_000_000])
def test_a_touched_file_is_the_same_and_a_changed_one_is_not(tmp_path, size):
    path = tmp_path / "2024.parquet"
    content = bytearray(np.random.default_rng(1).bytes(size))
    path.write_bytes(content)
    old = fingerprint(path)
    os.utime(path, ns=(1, old["mtime_ns"] + 10**9))
    assert same(old, path)
    content[-20] ^= 1
    path.write_bytes(content)
    assert not same(old, path)
    path.write_bytes(content[:-1])
    assert not same(old, path)
    path.unlink()
    assert not same(old, path)


def test_one_changed_price_in_a_large_file_is_noticed(tmp_path):
    prices = np.random.default_rng(1).normal(size=2_000_000)
    path = tmp_path / "2024.parquet"
    pq.write_table(pa.table({"price": prices}), path, row_group_size=100_000)
    old = fingerprint(path)
    assert old["size"] > 10_000_000
    prices[1_234_567] += 100.0
    pq.write_table(pa.table({"price": prices}), path, row_group_size=100_000)
    os.utime(path, ns=(1, old["mtime_ns"] + 10**9))
    assert not same(old, path)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_a_delivery_year_reads_two_files_of_a_60_day_dataset_and_one_of_prices(tmp_path):
    for year in (2023, 2024, 2025):
        touch(tmp_path / "DAM_Gen_Resources" / f"{year}.parquet")
        touch(tmp_path / "RT_prices" / f"{year}.parquet")
    folder = RollupFolder(tmp_path)
    assert [p.name for p in folder.files("dam_gen_resources", 2024)] == ["2024.parquet", "2025.parquet"]
    assert [p.name for p in folder.files("rt_prices", 2024)] == ["2024.parquet"]
    assert [p.name for p in folder.files("dam_gen_resources", 2025)] == ["2025.parquet"]
    assert folder.files("cop_snapshots", 2024) == []


def test_the_users_file_wins_over_one_that_we_built(tmp_path):
    mine, built = tmp_path / "mine", tmp_path / "built"
    theirs = touch(mine / "RT_prices" / "2024.parquet")
    touch(built / "RT_prices" / "2024.parquet")
    ours = touch(built / "RT_prices" / "2025.parquet")
    folder = RollupFolder(mine, built)
    assert folder.files("rt_prices", 2024) == [theirs]
    assert folder.files("rt_prices", 2025) == [ours]


def test_the_battery_table_is_an_input_of_the_steps_that_may_look_into_it(tmp_path):
    table = touch(tmp_path / "batteries.csv")
    settings = load_settings(tmp_path / "home", environ={"BESS_REGISTRY": str(table)})
    touch(settings.rollups / "DAM_Gen_Resources" / "2025.parquet")
    assert list(input_files(settings, 2024, BESS_AWARDS)) == ["dam_gen_resources/2025.parquet", "registry_csv"]


def test_results_lie_by_table_and_year_and_merged_ones_under_all(tmp_path):
    assert result_path(tmp_path, "leaderboard", 2024) == tmp_path / "leaderboard" / "2024.parquet"
    assert result_path(tmp_path, "bess_fleet", None) == tmp_path / "bess_fleet" / "all.parquet"
    for name in ("2025", "2024", "all"):
        touch(tmp_path / "leaderboard" / f"{name}.parquet")
    touch(temporary_path(tmp_path / "leaderboard" / "2023.parquet"))
    assert list(yearly_files(tmp_path, "leaderboard")) == [2024, 2025]


# --- one writer a year ----------------------------------------------------------------------------------------------------------------------
def test_a_year_held_by_another_process_is_busy_until_that_process_dies(settings):
    half, other = (touch(temporary_path(result_path(settings.results, "bess_awards", year))) for year in (2024, 2025))
    with held_elsewhere(settings.home, 2024) as process:
        with pytest.raises(YearBusyError, match=f"process {process} "), year_lock(settings, 2024):
            pass
        assert year_is_busy(settings, 2024)
        with year_lock(settings, 2025):
            pass
    with year_lock(settings, 2024, wait_seconds=5):
        assert remove_stale_files(settings, 2024) == [half]
    assert list((settings.results / "bess_awards").iterdir()) == [other]
    assert not year_is_busy(settings, 2024)


def test_a_year_is_held_for_its_results_whatever_home_they_are_written_from(settings, tmp_path):
    other_home = load_settings(tmp_path / "other", {"BESS_RESULTS": str(settings.results)})
    with held_elsewhere(settings.home, 2024), pytest.raises(YearBusyError), year_lock(other_home, 2024):
        pass
    with held_elsewhere(settings.home, 2024), year_lock(load_settings(tmp_path / "other", {}), 2024):
        pass  # results of its own


def test_results_have_a_name_that_lasts_and_no_copy_of_them_shares(settings, tmp_path):
    name = name_of_results(settings)
    assert name_of_results(settings) == name
    shutil.copytree(settings.results, tmp_path / "copy")
    copy, other = (load_settings(tmp_path, {"BESS_RESULTS": str(tmp_path / folder)}) for folder in ("copy", "new"))
    assert len({name, name_of_results(copy), name_of_results(other)}) == 3


def test_no_other_year_waits_while_a_busy_one_is_waited_for(settings):
    freed = threading.Event()

    def wait() -> None:
        with year_lock(settings, 2024, wait_seconds=30):
            freed.set()

    with held_elsewhere(settings.home, 2024), year_lock(settings, 2025):
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.3)  # it waits by then
        with year_lock(settings, 2026):
            assert year_is_busy(settings, 2025)
            assert not freed.is_set()
    waiting.join()
    assert freed.is_set()


def test_a_process_that_holds_a_year_may_take_it_again(settings):
    with year_lock(settings, 2024) as first:
        with year_lock(settings, 2024) as again:
            assert (first, again) == (True, False)
        assert year_is_busy(settings, 2024)
    assert not year_is_busy(settings, 2024)
