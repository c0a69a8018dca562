"""Questions about batteries, the fleet and nodes, held against the tables that they are answered from."""

from datetime import date, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import NotRefreshedError
from bess_assets.results import Answer, QueryError, Results, Step
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.long_form import result_rows
from bess_assets_tests.worlds import World

STREAMS = ("da_energy_usd", "rt_energy_usd", *(f"as_{p}_usd" for p in PRODUCTS))
TOTALS = ("energy_usd", "as_usd", "total_usd")


@pytest.fixture(scope="module")
def late(worlds: Worlds) -> World:
    """Two years, two market designs."""
    return worlds.late


def close(expected: Any, found: Any) -> bool:
    return bool(pd.isna(expected) and pd.isna(found)) or found == pytest.approx(expected, rel=1e-9, abs=1e-6)


# --- SQL
def test_services_by_product_are_those_of_the_file_row_by_row_and_value_by_value(late: World) -> None:
    stored = result_rows(late.settings.results, "as_revenue", 2025)
    order = ", ".join(f"product = '{p}' DESC" for p in PRODUCTS)
    with Results(late.settings) as results:
        shown = results.query(f"FROM as_revenue WHERE year = 2025 ORDER BY battery, {order}, interval_start").to_arrow()
        hourly = results.query("FROM as_revenue_hourly WHERE year = 2025 ORDER BY battery, interval_start").to_arrow()
        sums = results.query(
            "SELECT sum(da_usd) FROM as_revenue WHERE product = 'rrs' AND year = 2025 AND revenue_usd IS NOT NULL"
        )
    assert shown.num_rows == stored.num_rows == len(PRODUCTS) * hourly.num_rows
    assert set(stored["rt_mcpc_source"].unique().to_pylist()) > {None, "report"}
    for name in stored.column_names:
        kind = stored.schema.field(name).type
        assert shown[name].cast(kind).equals(stored[name]), name
    file = pq.read_table(late.settings.results / "as_revenue" / "2025.parquet")
    for name in hourly.column_names:
        assert hourly[name].cast(file[name].type).equals(file[name]), name
    (rrs,) = sums.rows[0]
    assert close(late.table("leaderboard", 2025)["as_rrs_da_usd"].sum(), rrs)


# --- one battery
def test_the_days_of_a_battery_are_its_rows_of_daily_revenue(late: World) -> None:
    table = late.table("daily_revenue", 2025)
    name = table["battery"].iloc[-1]
    with Results(late.settings) as results:
        every = results.battery_days(name)
        some = results.battery_days(name, "2025-03-01", "2025-03-31")
    assert list(some.columns) == TABLES["daily_revenue"].column_names
    expected = table[(table["battery"] == name) & (pd.to_datetime(table["operating_day"]).dt.month == 3)]
    assert some.column("operating_day") == list(expected["operating_day"])
    texts = ["None" if pd.isna(value) else str(value) for value in expected["rt_energy_usd"]]
    assert [str(value) for value in some.column("rt_energy_usd")] == texts
    assert every.column("operating_day") == sorted(every.column("operating_day"))
    assert {day.year for day in every.column("operating_day")} == {2025, 2026}


def test_days_of_a_year_not_refreshed_say_how_to(results: Results) -> None:
    with pytest.raises(NotRefreshedError, match="bess refresh 2019"):
        results.battery_days("ALPHA_1", "2019-01-01", "2019-12-31")
    with pytest.raises(QueryError, match="backwards"):
        results.battery_days("ALPHA_1", "2024-02-01", "2024-01-01")


def test_the_best_days_are_as_many_as_asked_for(results: Results) -> None:
    assert results.best_days("ALPHA_1", 2024, 3).column("total_usd") == [14.0, 13.0, 12.0]
    with pytest.raises(QueryError, match="whole number from 1"):
        results.best_days("ALPHA_1", 2024, 0)


def test_the_years_of_a_battery_have_its_change_of_rank(results: Results) -> None:
    assert results.battery("ALPHA_1").years.column("rank_change") == [None, 1]
    assert results.battery("BRAVO", 2024).years.column("rank_change") == [-1]


@pytest.mark.parametrize("by", ["month", "year"])
def test_the_streams_of_a_battery_are_those_of_its_boards(late: World, by: Step) -> None:
    with Results(late.settings) as results:
        names = results.leaderboard(2025).column("battery")
        for name in names[:: max(1, len(names) // 4)]:
            stack = results.product_stack(name, by).records()
            boards = results.compare([name], by="month" if by == "month" else "year").records()
            assert len(stack) == len(boards) > 1
            for board, row in zip(boards, stack, strict=True):
                assert (board["year"], board.get("month")) == (row["year"], row.get("month"))
                for column in (*STREAMS, *TOTALS, "discharge_mwh", "energy_coverage", "as_coverage"):
                    assert close(board[column], row[column]), (name, row["year"], column)


def test_the_streams_of_a_day_are_those_of_the_day(late: World) -> None:
    with Results(late.settings) as results:
        name = results.leaderboard(2025).column("battery")[0]
        stack = results.product_stack(name, "day", 2025).records()
        days = results.battery_days(name, "2025-01-01", "2025-12-31").records()
    for day, row in zip(days, stack, strict=True):
        assert day["operating_day"] == row["operating_day"]
        assert all(close(day[column], row[column]) for column in (*STREAMS, *TOTALS))


# --- a day by quarter-hour, another size
@pytest.mark.parametrize(("day", "count"), [("2025-03-09", 92), ("2025-11-02", 100), ("2026-05-01", 96)])
def test_the_quarter_hours_of_a_day_add_up_to_the_day_in_utc_and_central_time(
    late: World, day: str, count: int
) -> None:
    with Results(late.settings) as results:
        board = results.leaderboard(day[:4]).records()
        name = next(
            row["battery"] for row in board if row["rank"] and row["first_active_date"] <= date.fromisoformat(day)
        )
        rows = results.battery_intervals(name, day).records()
        (of_day,) = results.battery_days(name, day, day).records()
    assert len(rows) == count
    for column in (
        "da_energy_usd",
        "rt_energy_usd",
        "energy_usd",
        "as_usd",
        "total_usd",
        "discharge_mwh",
        "charge_mwh",
    ):
        known = [row[column] for row in rows if row[column] is not None]
        assert sum(known) == pytest.approx(of_day[column] or 0.0, abs=0.01), column
    central = [datetime.fromisoformat(row["interval_start_central"]) for row in rows]
    assert central == [row["interval_start"] for row in rows]
    assert {moment.date().isoformat() for moment in central} == {day}
    assert [b - a for a, b in pairwise(row["interval_start"] for row in rows)] == [timedelta(minutes=15)] * (count - 1)
    priced = [row for row in rows if row["rt_energy_usd"] is not None]
    assert priced
    for row in priced:
        net = row["discharge_mwh"] - row["charge_mwh"] - row["da_award_mw"] / 4
        assert row["rt_energy_usd"] == pytest.approx(net * row["rt_price_usd_per_mwh"], abs=1e-6)
        assert row["net_mw"] == pytest.approx(4 * (row["discharge_mwh"] - row["charge_mwh"]))


@pytest.mark.parametrize("month", [None, 6])
def test_a_board_as_if_of_the_same_size_is_the_board(late: World, month: int | None) -> None:
    with Results(late.settings) as results:
        board = results.leaderboard(2025, month).records()
        known = next(row for row in board if row["rank"] and row["energy_mwh"])
        same = results.what_if(
            known["battery"], 2025, month, capacity_mw=known["capacity_mw"], energy_mwh=known["energy_mwh"]
        ).records()
    size = {"capacity_source", "duration_source", "notes"}
    for found, right in zip(same, board, strict=True):
        for column in found.keys() - (size if found["battery"] == known["battery"] else set()):
            assert right[column] == found[column] or close(right[column], found[column]), (found["battery"], column)


def test_a_battery_of_half_the_size_earns_the_same_dollars_and_twice_as_many_a_kilowatt(late: World) -> None:
    with Results(late.settings) as results:
        known = next(row for row in results.leaderboard(2025).records() if row["rank"] and row["energy_mwh"])
        name, mw = known["battery"], known["capacity_mw"]
        found = next(
            row for row in results.what_if(name, "2025", capacity_mw=mw / 2).records() if row["battery"] == name
        )
        with pytest.raises(QueryError, match="A size is MW"):
            results.what_if(name, 2025, capacity_mw=0)
        assert results.leaderboard(2025).column("capacity_mw").count(mw / 2) == 0
    assert (found["total_usd"], found["cycles_per_day"]) == (known["total_usd"], known["cycles_per_day"])
    assert found["usd_per_mw"] == pytest.approx(2 * known["usd_per_mw"])
    assert found["duration_hours"] == pytest.approx(2 * known["duration_hours"])
    assert "as if its size were" in found["notes"]


def test_batteries_are_compared_in_the_order_named_and_once_each(results: Results) -> None:
    rows = results.compare(["BRAVO", "alpha_unit1", "ALPHA_1"]).records()
    named = ["BRAVO", "ALPHA_1"]
    assert [(row["year"], row["battery"]) for row in rows] == list(product((2023, 2024), named))
    months = results.compare(named, 2024, by="month")
    assert (months.column("month")[:2], months.column("battery")[:2]) == ([1, 1], named)


def test_a_month_or_a_period_that_is_none_is_refused_by_every_question(results: Results) -> None:
    for ask in (results.leaderboard, results.use, results.attribution, results.perfect, results.estimate):
        with pytest.raises(QueryError, match="no month 13"):
            ask(2024, 13)
    named = {"name": "ALPHA_1"}
    for ask, parameters in (
        *((ask, {"year": 2024}) for ask in (results.use, results.attribution, results.perfect, results.index)),
        *((ask, {}) for ask in (results.fleet, results.node_prices)),
        (results.compare, {"names": ["ALPHA_1"]}),
        (results.product_stack, named),
    ):
        with pytest.raises(QueryError, match="no rows by 'week'"):
            ask(**parameters, by="week")


def test_comparing_a_stranger_or_nobody_is_refused(results: Results) -> None:
    with pytest.raises(QueryError, match="BRAVO"):
        results.compare(["ALPHA_1", "BRAVOO"])
    with pytest.raises(QueryError, match="No battery was named"):
        results.compare([])


# --- the fleet
@pytest.mark.parametrize("by", ["day", "month", "year"])
def test_the_fleet_is_the_sum_of_its_batteries_and_says_how_much_is_known(late: World, by: Step) -> None:
    with Results(late.settings) as results:
        fleet = results.fleet(by, 2025).to_pandas()
    days = late.table("daily_revenue", 2025)
    days["operating_day"] = pd.to_datetime(days["operating_day"])
    key = days["operating_day"] if by == "day" else getattr(days["operating_day"].dt, by)
    sums = days.groupby(key).sum(min_count=1, numeric_only=True)
    assert len(fleet) == len(sums)
    for column in STREAMS:
        assert [close(a, b) for a, b in zip(sums[column], fleet[column], strict=True)] == [True] * len(sums), column
    covered = sums["energy_quarter_hours"] / sums["expected_quarter_hours"]
    assert list(fleet["energy_coverage"]) == pytest.approx(list(covered))
    assert list(fleet["as_coverage"]) == pytest.approx(list(sums["as_hours"] / sums["expected_hours"]))
    assert list(fleet["batteries"]) == list(days.groupby(key)["battery"].nunique())
    assert list(fleet["stream_total_usd"]) == pytest.approx(list(fleet[list(STREAMS)].sum(axis=1)))


@pytest.mark.parametrize("by", ["month", "year"])
def test_the_fleets_dollars_a_kilowatt_are_those_of_ranked_batteries(results: Results, by: Step) -> None:
    months = 1 if by == "month" else 12
    last = results.fleet(by, 2024).records()[-1]
    board = results.leaderboard(2024, last["month"] if by == "month" else None).to_pandas()
    rows = board[board["rank"].notna()]
    days = 31 if by == "month" else 366
    average = rows["total_usd"].sum() / (1_000 * rows["capacity_mw"] * rows["active_days"] / days).sum() / months
    assert last["batteries_ranked"] == len(rows) > 0
    assert last["ranked_total_usd"] == pytest.approx(rows["total_usd"].sum())
    assert last["known_total_usd"] == pytest.approx(board["total_usd"].sum())
    assert last["usd_per_kw_month"] == pytest.approx(average)


def test_the_fleet_of_all_years_is_that_of_each(late: World) -> None:
    with Results(late.settings) as results:
        every = results.fleet("year").records()
        assert [row["year"] for row in every] == [2025, 2026]
        assert every[0]["da_energy_usd"] == pytest.approx(results.fleet("year", 2025).records()[0]["da_energy_usd"])


def test_a_product_that_does_not_exist_yet_is_in_no_total_and_stays_unknown(worlds: Worlds) -> None:
    with Results(worlds.wild.settings) as results:
        row = results.fleet("month", 2023).records()[0]
    assert row["as_ecrs_usd"] is None
    assert row["as_usd"] == pytest.approx(sum(row[f"as_{p}_usd"] for p in PRODUCTS if p != "ecrs"))


# --- nodes
@pytest.mark.parametrize("by", ["month", "year"])
def test_prices_of_a_node_weigh_days_by_their_known_prices(late: World, by: Step) -> None:
    days = late.table("price_daily", 2025)
    point = days["settlement_point"].iloc[0]
    with Results(late.settings) as results:
        first = results.node_prices([point.lower()], by, 2025).records()[0]
    days = days[days["settlement_point"] == point]
    if by == "month":
        days = days[pd.to_datetime(days["operating_day"]).dt.month == 1]
    for market, known in (("da", "da_known_hours"), ("rt", "rt_known_quarter_hours")):
        there = days[days[f"{market}_mean_usd_per_mwh"].notna()]
        for statistic in ("mean_usd_per_mwh", "negative_share"):
            column = f"{market}_{statistic}"
            assert first[column] == pytest.approx((there[column] * there[known]).sum() / there[known].sum()), column
        assert first[f"{market}_max_usd_per_mwh"] == days[f"{market}_max_usd_per_mwh"].max()
        assert first[f"{market}_min_usd_per_mwh"] == days[f"{market}_min_usd_per_mwh"].min()
    assert first["tb2_usd_per_mw"] == pytest.approx(days["tb2_usd_per_mw"].mean())
    assert (first["tb_days"], first["days"]) == (days["tb2_usd_per_mw"].notna().sum(), len(days))
    assert first["da_coverage"] == pytest.approx(days["da_known_hours"].sum() / days["expected_hours"].sum())


def test_days_of_a_node_are_its_days_and_of_all_nodes_are_refused(late: World) -> None:
    with Results(late.settings) as results:
        points = results.node_prices(by="year", year=2025).column("settlement_point")
        assert points == sorted(set(late.table("price_daily", 2025)["settlement_point"]))
        assert len(results.node_prices(points[:1], "day", 2025).rows) == 365
        with pytest.raises(QueryError, match="stream"):
            results.node_prices(by="day")
        with pytest.raises(QueryError, match=points[0]):
            results.node_prices([points[0] + "X"])


# --- Arrow and pandas
def test_an_answer_is_an_arrow_table_whose_unknown_columns_keep_their_type(results: Results) -> None:
    table = results.leaderboard(2024).to_arrow()
    assert table.schema.field("rank").type == pa.int64()
    assert table.schema.field("as_ecrs_rt_usd").type == pa.float64()  # wholly unknown
    assert table.schema.field("data_through").type == pa.date32()
    assert table.schema.field("notes").type == pa.string()
    assert table["total_usd"].to_pylist() == results.leaderboard(2024).column("total_usd")


def test_an_answer_is_a_frame_with_days_as_datetimes_and_unknown_numbers_as_nan(results: Results) -> None:
    frame = results.leaderboard(2024).to_pandas()
    assert str(frame["data_through"].dtype).startswith("datetime64")
    assert frame["total_usd"].isna().tolist() == [False, False, True]


def test_sql_answers_of_every_type_become_arrow(results: Results) -> None:
    table = results.query(
        "SELECT sum(range) AS a, 170141183460469231731687303715884105727::HUGEINT AS b, 1.5::DECIMAL(4, 1) AS c, [1, 2] AS d, NULL AS e, "
        "TIMESTAMPTZ '2024-01-01 00:00:00+00' AS f, true AS g, DATE '2024-01-01' AS h FROM range(3)"
    ).to_arrow()
    assert table.schema.field("a").type == pa.int64()
    assert pa.types.is_decimal(table.schema.field("b").type)
    assert str(table.schema.field("f").type) == "timestamp[us, tz=UTC]"
    assert table["d"].to_pylist() == [[1, 2]]


def test_an_answer_without_rows_or_types_is_an_arrow_table_all_the_same(results: Results) -> None:
    assert results.leaderboard_of_days("2024-06-01", "2024-06-30").to_arrow().num_rows == 0
    assert Answer(("a", "b"), [(1, None)]).to_arrow().column_names == ["a", "b"]
