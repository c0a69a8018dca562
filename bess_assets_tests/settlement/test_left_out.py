"""Rows that were left out, doubted, or taken for blank in part are a table, with file, place, and what each says."""

import json
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from bess_assets.cli import main
from bess_assets.ercot.rows import MOST_LEFT_OUT
from bess_assets.errors import NotRefreshedError
from bess_assets.run import run_table
from bess_assets.store.journal import Journal
from bess_assets_tests.scenario import write_rollup
from bess_assets_tests.settlement.small import Market, Settled, may_market, settle

DAM, LOAD, RT = "dam_gen_resources", "sced_load_resources", "rt_prices"


def odd_market() -> Market:
    """A day of 2022 with a row of each kind that is left out or doubted."""
    market = may_market()
    generation, consumption, prices = market[DAM], market[LOAD], market[RT]
    market[DAM] = [
        *generation,
        {**generation[0], "award_mw": 7.0},
        generation[1],
        {**generation[2], "resource_name": None},
        {**generation[3], "hour_ending": 30},
    ]
    market[LOAD] = [*consumption, {**consumption[0], "sced_stamp": None}]
    market[RT] = [{**prices[0], "price_usd_per_mwh": float("inf")}, *prices[1:]]
    return market


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return settle(tmp_path_factory.mktemp("odd"), 2022, odd_market())


def test_each_kind_is_listed_with_file_place_and_what_became_of_the_row(odd: Settled) -> None:
    rows = odd.rows("left_out_rows")
    assert [(row["dataset"], row["file"], row["row"], row["kind"], row["detail"]) for row in rows] == [
        (DAM, "2022.parquet", 1, "contradicting_rows", "left out: a later row was taken"),
        (DAM, "2022.parquet", 2, "duplicate_rows", "says what another row says"),
        (DAM, "2022.parquet", 27, "unnamed_rows", "left out"),
        (DAM, "2022.parquet", 28, "unusable_time", "left out"),
        (RT, "2022.parquet", 1, "unusable_numbers", "price_usd_per_mwh was taken for blank"),
        (LOAD, "2022.parquet", 97, "unusable_time", "left out"),
    ]
    assert "AwardedQuantity=8.0" in rows[0]["says"]
    assert "ResourceName=" not in rows[2]["says"]
    assert "SettlementPointPrice=inf" in rows[4]["says"]


def test_a_market_in_order_has_none(may: Settled) -> None:
    assert may.rows("left_out_rows") == []


def test_of_a_kind_the_first_25_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    market = may_market()
    market[LOAD] += [{**market[LOAD][0], "sced_stamp": None}] * (MOST_LEFT_OUT + 20)
    settled = settle(tmp_path, 2022, market)
    assert [row["row"] for row in settled.rows("left_out_rows")] == list(range(97, 97 + MOST_LEFT_OUT))
    findings = settled.entries["bess_dispatch"]["findings"]
    assert [f["count"] for f in findings if f["kind"] == "unusable_time"] == [MOST_LEFT_OUT + 20]


def test_places_are_those_of_the_file_in_later_row_groups_and_on_clock_change_days(tmp_path: Path) -> None:
    autumn, market = date(2022, 11, 6), may_market()
    first = market[DAM][0]
    rows = [*market[DAM], {**first, "award_mw": 7.0}]
    rows += [{**first, "operating_day": autumn, "hour_ending": hour} for hour in (1, 2, 30, 3)]
    write_rollup(tmp_path / "rollups", DAM, 2022, rows, row_group_size=10)
    left_out = settle(tmp_path, 2022, {**market, DAM: []}).rows("left_out_rows")
    assert [(row["row"], row["kind"], row["detail"]) for row in left_out] == [
        (25, "contradicting_rows", "taken, in place of an earlier row"),
        (28, "unusable_time", "left out"),
    ]


def test_a_change_of_the_rows_alone_makes_the_table_anew(tmp_path: Path) -> None:
    market = may_market()
    settled = settle(tmp_path, 2022, market, until="left_out_rows")
    market[DAM] = [*market[DAM], market[DAM][5]]
    again = settle(tmp_path, 2022, market, until="left_out_rows")
    assert [row["row"] for row in again.rows("left_out_rows")] == [6]
    assert again.entries["bess_awards"]["digest"] == settled.entries["bess_awards"]["digest"]
    assert again.entries["left_out_rows"]["inputs"] != settled.entries["left_out_rows"]["inputs"]


def _said(odd: Settled, *arguments: str) -> str:
    result = CliRunner().invoke(main, ["--home", str(odd.settings.home), *arguments], env={"BESS_ROLLUPS": str(odd.settings.rollups)})  # fmt: skip
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_lists_them_of_all_datasets_or_of_one(odd: Settled) -> None:
    lines = _said(odd, "rows", "2022", "--left-out").splitlines()
    assert lines[0].split()[:3] == ["dataset", "file", "row"]
    assert "left out: a later row was taken" in lines[2]
    (row,) = json.loads(_said(odd, "rows", "2022", "--left-out", "--dataset", RT, "--format", "json"))
    assert (row["row"], row["kind"]) == (1, "unusable_numbers")
    assert _said(odd, "rows", "2022", "--left-out", "--dataset", "as_prices").startswith("No row of 2022 of as_prices")


def test_rows_that_were_not_left_out_are_not_shown(odd: Settled) -> None:
    result = CliRunner().invoke(main, ["--home", str(odd.settings.home), "rows", "2022"])
    assert result.exit_code == 2
    assert "bess rows 2022 --left-out" in result.output


def test_a_dataset_that_is_none_is_refused_and_not_said_to_have_no_such_rows(odd: Settled) -> None:
    command = ["--home", str(odd.settings.home), "rows", "2022", "--left-out", "--dataset", "rt_price"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2
    assert "rt_prices" in result.output


def test_tables_whose_record_does_not_say_what_they_left_out_are_named(tmp_path: Path) -> None:
    settled = settle(tmp_path, 2022, may_market())
    entry = {name: value for name, value in settled.entries["bess_awards"].items() if name != "left_out"}
    Journal(settled.results, 2022).put_table("bess_awards", entry)
    with pytest.raises(NotRefreshedError, match=r"(?s)which rows bess_awards left out.*bess refresh 2022"):
        run_table(settled.settings, 2022, "left_out_rows")
