"""Answers from result tables: what is found, in which order, and what a question may not do."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import NotRefreshedError
from bess_assets.results import BEST_DAYS, QueryError, Results
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import whole_digest
from bess_assets.store.journal import table_entry
from bess_assets.store.listing import last_problem
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES
from bess_assets_tests.made_home import ALPHA, BRAVO, record_table, write_edition, write_home, write_rows


def test_the_leaderboard_has_the_columns_rows_and_order_of_its_file_and_then_the_change_of_rank(results):
    board = results.leaderboard(2024)
    assert list(board.columns) == [*TABLES["leaderboard"].column_names, "rank_change"]
    assert [name[:5] for name in board.column("battery")] == ["ALPHA", "BRAVO", "ZULU\x1b"]
    row = board.records()[0]
    assert {name: row[name] for name in ALPHA} == ALPHA


def test_a_change_of_rank_is_places_gained_and_unknown_without_a_rank_in_both_years(results: Results) -> None:
    assert results.leaderboard(2024).column("rank_change") == [1, -1, None]
    assert results.leaderboard(2023).column("rank_change") == [None, None]


def test_a_month_is_compared_with_the_same_month_a_year_earlier(results: Results) -> None:
    board = results.leaderboard(2024, 2)
    assert board.columns[0] == "month"
    assert set(board.column("month")) == {2}
    assert board.column("rank_change") == [1, -1, None]


def test_a_month_is_compared_with_the_month_before_and_january_with_december(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    boards = {
        (2023, 12): ("ALPHA_1", "BRAVO"),
        (2024, 1): ("BRAVO", "ALPHA_1"),
        (2024, 2): ("BRAVO", "ALPHA_1"),
        (2024, 3): ("ALPHA_1",),
    }
    known = {"data_through": date(2024, 3, 31), "edition": "preliminary"}
    for year in (2023, 2024):
        write_rows(home, year, "leaderboard_monthly", [
            {**ALPHA, **known, "battery": name, "month": month, "rank": n + 1}
            for (of, month), names in boards.items() for n, name in enumerate(names) if of == year
        ])  # fmt: skip
    with Results(home) as results:
        changes = {month: results.leaderboard(2024, month).column("rank_change_month") for month in (1, 2, 3)}
        assert results.leaderboard(2023, 12).column("rank_change_month") == [None, None]
    assert changes == {1: [1, -1], 2: [0, 0], 3: [1]}


def test_numbers_sort_highest_first_ranks_and_texts_ascending_and_unknown_ones_last(results: Results) -> None:
    assert results.leaderboard(2024, sort="total_usd").column("total_usd")[-1] is None
    assert results.leaderboard(2023, sort="total_usd").column("battery") == ["BRAVO", "ALPHA_1"]
    assert results.leaderboard(2024, sort="as_ecrs_usd").column("battery")[-1] == "ALPHA_1"
    assert results.leaderboard(2024, sort="rank").column("rank") == [1, 2, None]
    assert results.leaderboard(2023, sort="battery").column("battery") == ["ALPHA_1", "BRAVO"]
    assert results.leaderboard(2023, sort="battery", top=1).column("battery") == ["ALPHA_1"]


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[Results]:
    """A board of 2024 whose first battery has an owner and a toll."""
    home = write_home(tmp_path)
    seen = {"data_through": date(2024, 12, 31), "edition": "final"}
    own = '{"contract": "tolled", "owner": "Oak"}'
    rows = [
        {**ALPHA, **seen, "rank": 1, "attributes": own},
        {**BRAVO, **seen, "rank": 2},
        {**BRAVO, **seen, "battery": "C", "total_usd": None},
    ]
    write_rows(home, 2024, "leaderboard", rows)
    write_rows(home, 2024, "leaderboard_monthly", [{**row, "month": 2} for row in rows])
    with Results(home) as opened:
        yield opened


def test_groups_of_a_year_and_a_month_hold_every_battery_and_dollar(owned: Results) -> None:
    for month in (None, 2):
        groups = owned.groups("owner", 2024, month).records()
        assert [
            (row["group"], row["batteries"], row["batteries_ranked"], row["batteries_tolled"]) for row in groups
        ] == [("Oak", 1, 1, 1), ("unknown", 2, 1, 0)]
        assert [row["known_total_usd"] for row in groups] == [ALPHA["total_usd"], BRAVO["total_usd"]]
    assert owned.groups("owner", 2024, sort="as_rrs_usd", top=1).column("group") == ["Oak"]
    assert owned.groups_of_days("qse", "2024-01-01", "2024-01-14").column("group") == ["QALPHA"]


def test_a_column_that_no_battery_has_is_refused_with_those_that_there_are(owned: Results) -> None:
    with pytest.raises(QueryError, match="No battery has a column zone") as error:
        owned.groups("zone", 2024)
    assert "owner" in str(error.value)
    with pytest.raises(QueryError, match="No battery has a column zone"):
        owned.leaderboard(2024, where={"zone": "West"})


def test_a_board_may_be_cut_to_some_values_and_keeps_its_ranks(owned: Results) -> None:
    assert owned.leaderboard(2024, where={"owner": "unknown", "qse": "qalpha"}).column("rank") == [2, None]
    assert owned.leaderboard(2024, 2, where={"owner": "oak"}).column("battery") == ["ALPHA_1"]


def test_an_unknown_column_suggests_near_names_and_cannot_carry_sql(results: Results) -> None:
    with pytest.raises(QueryError, match="total_usd"):
        results.leaderboard(2024, sort="totl_usd")
    with pytest.raises(QueryError, match="no column"):
        results.leaderboard(2024, sort='rank" DESC, (SELECT 1) --')


@pytest.mark.parametrize("month", [0, 13])
def test_a_month_outside_the_calendar_is_refused(results: Results, month: int) -> None:
    with pytest.raises(QueryError, match="1 to 12"):
        results.leaderboard(2024, month)


def test_years_are_those_with_a_leaderboard_and_another_says_how_to_refresh_it(results: Results) -> None:
    assert results.years() == [2023, 2024]
    with pytest.raises(NotRefreshedError, match="bess refresh 2022") as caught:
        results.leaderboard(2022)
    assert "2023, 2024" in str(caught.value)


def test_nothing_refreshed_at_all_says_how_to_begin(tmp_path: Path) -> None:
    with Results(load_settings(tmp_path / "empty", {})) as results:
        assert results.years() == []
        for ask in (lambda: results.leaderboard(2024), lambda: results.battery("X"), lambda: results.query("SELECT 1")):
            with pytest.raises(NotRefreshedError, match="bess demo"):
                ask()


@pytest.mark.parametrize("name", ["ALPHA_1", "alpha_unit1", " ALPHA_LD1 "])
def test_a_battery_is_found_by_any_of_its_names(results: Results, name: str) -> None:
    found = results.battery(name)
    assert found.battery == "ALPHA_1"
    assert found.years.column("year") == [2023, 2024]
    assert [(row["year"], row["month"]) for row in found.months.records()] == list(product((2023, 2024), (1, 2)))


def test_the_months_of_a_battery_have_their_changes_of_rank_that_of_one_year_from_the_year_before(
    results: Results,
) -> None:
    months = results.battery("ALPHA_1").months
    assert months.column("rank_change") == [None, None, 1, 1]
    assert months.column("rank_change_month") == [None, 0, None, 0]  # no December, no change of January
    assert results.battery("ALPHA_1", 2024).months.column("rank_change") == [1, 1]


def test_the_best_days_of_a_battery_come_highest_first_without_unknown_ones(results: Results) -> None:
    days = results.battery("ALPHA_1", 2024).best_days.column("total_usd")
    assert days == sorted(days, reverse=True)
    assert len(days) == BEST_DAYS
    assert results.battery("ZULU_UNIT1", 2024).best_days.rows == []


def test_an_unknown_battery_suggests_near_names(results: Results) -> None:
    with pytest.raises(QueryError, match="ALPHA_UNIT1"):
        results.battery("ALPHA_UNIT")


def test_a_name_of_two_batteries_is_not_guessed_but_the_key_itself_is_taken(settings: Settings, tmp_path: Path) -> None:
    moved = replace(settings, results=tmp_path)
    for table in ("leaderboard", "leaderboard_monthly", "daily_revenue"):
        target = result_path(tmp_path, table, 2024)
        target.parent.mkdir()
        target.write_bytes(result_path(settings.results, table, 2024).read_bytes())
    board = result_path(tmp_path, "leaderboard", 2024)
    changed = f"SELECT * REPLACE ('SHARED' AS gen_resource, 'BRAVO' AS load_resource) FROM '{board}'"
    duckdb.sql(f"COPY ({changed}) TO '{tmp_path}/b.parquet'")
    (tmp_path / "b.parquet").replace(board)
    with Results(moved) as results:
        with pytest.raises(QueryError, match="3 batteries"):
            results.battery("SHARED")
        assert results.battery("BRAVO").battery == "BRAVO"


def test_sql_sees_every_table_as_a_view_with_the_year_in_front(results: Results) -> None:
    answer = results.query("SELECT year, battery FROM leaderboard WHERE rank = 1 ORDER BY year")
    assert answer.rows == [(2023, "BRAVO"), (2024, "ALPHA_1")]
    assert set(results.query("SHOW TABLES").column("name")) == {*TABLES, "as_revenue_hourly"}


BY_PRODUCT = [column.name for column in TABLES["as_revenue"].by_product]


@pytest.mark.parametrize(("view", "columns"), [
    ("as_revenue", ["battery", "product", "interval_start", "operating_day", *BY_PRODUCT]),
    ("as_revenue_hourly", ["battery", "interval_start", "operating_day", *(f"{p}_{n}" for n in BY_PRODUCT for p in PRODUCTS)]),
])  # fmt: skip
def test_services_are_shown_by_product_and_as_they_are_stored(results: Results, view: str, columns: list[str]) -> None:
    described = results.query(f"DESCRIBE {view}")
    assert described.column("column_name") == ["year", *columns] == list(results.query(f"FROM {view}").columns)
    types = dict(zip(described.column("column_name"), described.column("column_type"), strict=True))
    kinds = {name: of for name, of in types.items() if name.endswith(("usd", "exists", "mcpc_source"))}
    assert set(kinds.values()) == {"DOUBLE", "BOOLEAN", "VARCHAR"}
    assert results.query(f"SELECT count(*) FROM {view.upper()}").rows == [(0,)]


def test_services_of_a_version_that_stored_a_row_for_each_product_are_to_be_refreshed(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    path = home.results / "as_revenue" / "2023.parquet"
    path.parent.mkdir()
    duckdb.sql(f"COPY (SELECT 2023 AS year, 'ALPHA_1' AS battery, 'rrs' AS product, 1.0 AS award_mw) TO '{path}'")
    with Results(home) as results:
        for sql in ("FROM as_revenue", "FROM as_revenue_hourly", "SHOW TABLES"):
            with pytest.raises(NotRefreshedError, match="earlier version") as refused:
                results.query(sql)
            assert refused.value.file == str(path)
            assert "bess refresh 2023" in str(refused.value)
        assert len(results.query("FROM leaderboard").rows) == 5


def _without(home: Settings, column: str) -> None:
    """Write the board of 2023 as a version did that had no such column."""
    path = home.results / "leaderboard" / "2023.parquet"
    rows = pq.read_table(path)
    assert column in rows.column_names
    pq.write_table(rows.select([name for name in rows.column_names if name != column]), path)
    made = {"rows": rows.num_rows, "digest": whole_digest(path)}
    entry = table_entry(status="ok", seconds=0.1, peak_memory_mb=1, inputs={}, **made)
    record_table(home.results, 2023, "leaderboard", entry)


def test_a_year_of_a_version_that_lacked_a_column_is_to_be_refreshed(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    _without(home, "rank")
    with Results(home) as results, pytest.raises(QueryError, match=r"rank(.|\n)*earlier version: bess refresh"):
        results.leaderboard(2023)


def test_a_year_of_a_version_that_wrote_no_year_is_read_as_any_other(tmp_path: Path) -> None:
    home = write_home(tmp_path)
    _without(home, "year")
    with Results(home) as results:
        answer = results.query("SELECT year, battery FROM leaderboard WHERE rank = 1 ORDER BY year")
        assert answer.rows == [(2023, "BRAVO"), (2024, "ALPHA_1")]
        assert "year" not in results.leaderboard(2023).columns


def test_a_table_without_files_is_an_empty_view_with_its_columns(results: Results) -> None:
    answer = results.query("FROM energy_revenue")
    assert answer.rows == []
    assert list(answer.columns) == ["year", *TABLES["energy_revenue"].column_names]


def test_a_query_of_too_much_memory_is_stopped_and_writes_no_temporary_file(settings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    little = replace(settings, memory_limit_bytes=20_000_000)
    with Results(little) as results, pytest.raises(QueryError, match="memory"):
        results.query("SELECT DISTINCT hash(range), range::VARCHAR FROM range(20000000)")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_refresh_is_known_to_those_who_read_older_figures(tmp_path: Path) -> None:
    entry = table_entry(status="failed", seconds=0.1, peak_memory_mb=1, inputs={}, error="no such column")
    record_table(tmp_path, 2024, "bess_awards", entry)
    assert last_problem(tmp_path, 2024) == "bess_awards"
    assert last_problem(tmp_path, 2023) is None


def test_editions_and_what_changed_are_those_of_the_files_largest_change_first(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    board = [{**ALPHA, "rank": 1}, {**BRAVO, "rank": 2}, {**BRAVO, "rank": 3, "battery": "C"}]
    with Results(settings) as results:
        with pytest.raises(NotRefreshedError, match="2024 has no leaderboard_history"):
            results.editions(2024)
        write_edition(settings, 2024, board, {"as_prices/2024.parquet": "a", "da_prices/2024.parquet": "a"})
        assert results.editions(2024).column("changed_inputs") == [None]
        assert results.what_changed(2024).rows == []
        board[0] |= {name: ALPHA[name] + 5 for name in ("rt_energy_usd", "energy_usd", "total_usd")}
        board[1] |= {"total_usd": None, "rank": None}
        board[2] |= {name: BRAVO[name] - 7 for name in ("rt_energy_usd", "energy_usd", "total_usd")}
        write_edition(settings, 2024, board, {"as_prices/2024.parquet": "b", "rt_prices/2024.parquet": "a"})
        editions = results.editions(2024)
        assert editions.column("edition_number") == [1, 2]
        assert editions.column("batteries_ranked") == [3, 2]
        changed = [f"{kind}_prices/2024.parquet" for kind in ("as", "da", "rt")]
        assert editions.column("changed_inputs")[1] == "; ".join(changed)
        assert editions.column("known_total_usd")[0] == pytest.approx(ALPHA["total_usd"] + 2 * BRAVO["total_usd"])
        assert str(editions.to_pandas()["made_at"].dt.tz) == "UTC"
        changed = results.what_changed(2024)
        assert list(changed.columns) == TABLES["what_changed"].column_names
        assert changed.column("battery") == ["C", "ALPHA_1", "BRAVO"]
        assert changed.column("total_usd_change") == [pytest.approx(-7), pytest.approx(5), None]
