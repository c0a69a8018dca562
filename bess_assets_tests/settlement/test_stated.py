"""Prices that day-ahead award rows state, where no price file has them."""

from datetime import date

import pytest

from bess_assets_tests.settlement.small import ESR, MAY, NODE, dam, dam_load, may_market, settle, together, without

STATED = {
    "settlement_price_usd_per_mwh": 30.0,
    **{f"{p}_mcpc_usd_per_mw": usd for p, usd in (("regup", 5.0), ("regdn", 3.0), ("rrs", 7.0), ("nspin", 2.0))},
}
PRICE = "settlement_price_usd_per_mwh"
SPRING = date(2022, 3, 13)


def _market(**values):
    """The day in May without day-ahead price files: its rows state the prices."""
    market = {name: rows for name, rows in may_market().items() if name not in {"da_prices", "as_prices"}}
    return {**market, "dam_gen_resources": dam(MAY, award_mw=8.0, regup_award_mw=3.0, **(STATED | values))}


def test_a_market_without_day_ahead_price_files_is_settled_at_the_prices_that_its_award_rows_state(tmp_path):
    board = settle(tmp_path / "stated", 2022, _market()).row("leaderboard")
    reported = settle(tmp_path / "reported", 2022, may_market()).row("leaderboard")
    figures = ("da_energy_usd", "rt_energy_usd", "as_usd", "total_usd", "energy_coverage", "as_coverage")
    assert {name: board[name] for name in figures} == {name: reported[name] for name in figures}
    note = "prices of day-ahead energy (100.00% stated), day-ahead AS (100.00% stated)"
    assert note in board["notes"]
    assert "award rows" not in "".join(reported["notes"])


def test_each_price_says_where_it_comes_from(tmp_path):
    market = together(_market(), {"da_prices": [r for r in may_market()["da_prices"] if r["hour_ending"] == 1]})
    settled = settle(tmp_path, 2022, market)
    ledger = settled.rows("energy_revenue", operating_day=MAY)
    assert [row["da_price_source"] for row in ledger] == ["report"] * 4 + ["stated"] * 92
    assert {row["rt_price_source"] for row in ledger} == {"report"}
    assert {row["mcpc_source"] for row in settled.rows("as_revenue", product="regup", operating_day=MAY)} == {"stated"}
    assert settled.rows("energy_revenue")[0]["da_price_source"] is None


def test_a_reported_price_is_never_replaced(tmp_path):
    market = together(_market(**{PRICE: 99.0}), {name: may_market()[name] for name in ("da_prices", "as_prices")})
    board = settle(tmp_path, 2022, market).row("leaderboard")
    assert board["da_energy_usd"] == pytest.approx(24 * 8 * 30.0)


@pytest.mark.parametrize(
    ("others", "price"), [([31.0], 30.0), ([31.0, 31.0], 31.0), ([30.004, 31.0], 30.0)], ids=["tie", "more", "a cent"]
)
def test_of_rows_that_state_different_prices_the_most_frequent_one_is_taken_and_the_lowest_of_equally_frequent_ones(
    tmp_path, others, price
):
    more = [
        row
        for n, usd in enumerate(others)
        for row in dam(MAY, f"WIND{n}", [1], resource_type="WIND", award_mw=0.0, **{PRICE: usd})
    ]
    settled = settle(tmp_path, 2022, together(_market(), {"dam_gen_resources": more}))
    assert settled.rows("bess_prices", operating_day=MAY)[0]["da_price_usd_per_mwh"] == price
    assert settled.findings("stated_prices_differ") == ["the most frequent one was taken"]


def test_a_clearing_price_that_any_row_of_any_day_ahead_file_states_holds_for_all(tmp_path):
    own = _market(**dict.fromkeys((name for name in STATED if name != PRICE), None))
    of_load = dam_load(MAY, "SMELTER", **{name: usd for name, usd in STATED.items() if name != PRICE})
    board = settle(tmp_path, 2022, together(own, {"dam_load_resources": of_load})).row("leaderboard")
    assert board["as_regup_usd"] == pytest.approx(24 * (3.0 + 1.0) * 5.0)
    assert board["as_usd"] is not None


def test_hours_that_no_row_states_stay_unpriced(tmp_path):
    market = without(_market(), "dam_gen_resources", lambda row: row["hour_ending"] == 24)
    ledger = settle(tmp_path, 2022, market).rows("energy_revenue", operating_day=MAY)
    assert [row["da_price_source"] for row in ledger[92:]] == [None] * 4
    assert ESR not in {row["battery"] for row in ledger}


def test_rows_of_all_points_say_what_a_label_of_the_spring_day_means(tmp_path):
    usd = {
        1: 10.0,
        2: 20.0,
        4: 40.0,
        5: 50.0,
    }  # of 23 hours the third has the label 4, as the label 24 of another point shows
    own = dam(SPRING, hours=list(usd), award_mw=8.0, **{PRICE: usd})
    wind = dam(SPRING, "WIND1", [4, 24], resource_type="WIND", settlement_point="WIND_RN", **{PRICE: 30.0})
    market = together(_market(), {"dam_gen_resources": [*own, *wind]})
    shown = settle(tmp_path, 2022, market, until="bess_prices").rows(
        "bess_prices", settlement_point=NODE, operating_day=SPRING
    )
    assert [row["da_price_usd_per_mwh"] for row in shown[::4]] == [10.0, 20.0, 40.0, 50.0, *[None] * 19]
