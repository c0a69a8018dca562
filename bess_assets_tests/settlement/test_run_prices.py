"""Real-time ancillary services at the prices of the runs in which they were held, every figure by hand."""

from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.second_settlement.run_prices import pieces, real_time_money
from bess_assets.settlement.ancillary import as_rt_usd, own_price_usd_per_mw
from bess_assets.settlement.run_prices import RunPrices, hold_ends, same_runs
from bess_assets_tests.scenario import run
from bess_assets_tests.settlement.small import (
    ESR,
    RT_AWARDS,
    clearing,
    dam_esr,
    prices,
    rt_clearing,
    settle,
    together,
    without,
)

DAY = date(2026, 5, 11)
MIDNIGHT = datetime(2026, 5, 11)
HELD = {0: 28.3, 300: 2.6, 600: 0.0}
"""RegUp held from so many seconds after midnight, MW; 6 MW in all later runs."""
PRICE = {0: 10.0, 300: 4.0, 600: 1.0}
"""The same of run prices, $/MW; 5 $ later. Adders: 0.5, 0 and 0.2 $."""
ADDER = {0: 0.5, 300: 0.0, 600: 0.2}
A, MCPC, LATER = 5.0, 6.0, 5.0
ZERO = {"REGDN": 0.0, "RRS": 0.0, "ECRS": 0.0, "NSPIN": 0.0}


def _stamps():
    return [(s, MIDNIGHT + timedelta(seconds=s)) for s in range(0, 86_400, 300)]


def _market(late_seconds=10):
    """A day of five-minute runs; prices are stamped some seconds after the run of the disclosure."""
    awards = [
        run(
            at,
            ESR,
            resource_type="ESR",
            output_mw=0.0,
            hsl_mw=30.0,
            **(RT_AWARDS | {"regup_award_mw": HELD.get(s, 6.0)}),
        )
        for s, at in _stamps()
    ]
    late = timedelta(seconds=late_seconds)
    by_run = [
        {"sced_stamp": at + late, "repeated_hour": "N", "product": p, "mcpc_usd_per_mw": usd}
        for s, at in _stamps()
        for p, usd in {"REGUP": PRICE.get(s, LATER), **ZERO}.items()
    ]
    none = {f"{p}_adder_usd_per_mw": 0.0 for p in ("regdn", "rrs", "ecrs", "nspin")}
    adders = [
        {"sced_stamp": at + late, "repeated_hour": "N", "regup_adder_usd_per_mw": ADDER.get(s, 0.0), **none}
        for s, at in _stamps()
    ]
    of_quarters = rt_clearing(DAY, REGUP=LATER, **ZERO)
    of_quarters["rt_as_prices"] = [
        row | {"mcpc_usd_per_mw": MCPC}
        if (row["hour_ending"], row["interval"], row["product"]) == (1, 1, "REGUP")
        else row
        for row in of_quarters["rt_as_prices"]
    ]
    return together(
        {
            "dam_esr_resources": dam_esr(DAY, regup_award_mw=A),
            "sced_esr_resources": awards,
            "sced_as_prices": by_run,
            "sced_as_adders": adders,
        },
        prices(DAY, 30.0, 40.0),
        clearing(DAY, REGUP=5.0, **ZERO),
        of_quarters,
    )


def _first_hour(folder, market):
    settled = settle(folder, 2026, market, until="as_revenue")
    return settled.rows("as_revenue", product="regup", operating_day=DAY)[0]


LATER_QUARTERS = 3 * (6.0 * LATER - A * LATER) / 4
"""The other three quarter-hours of the hour, in which nothing moves."""


def test_an_award_is_paid_at_the_prices_of_its_own_runs_and_the_rest_of_the_quarter_hours_price_is_spread(tmp_path):
    row = _first_hour(tmp_path, _market())
    rest = MCPC - (10.5 + 4.0 + 1.2) / 3
    paid = (28.3 * (10.5 + rest) + 2.6 * (4.0 + rest) + 0.0) / 3
    assert row["rt_usd"] == pytest.approx((paid - A * MCPC) / 4 + LATER_QUARTERS)
    assert row["rt_award_usd"] == pytest.approx(paid / 4 + 3 * 6.0 * LATER / 4)
    assert row["rt_run_price_share"] == 1.0
    one_price_for_both = ((28.3 + 2.6) / 3 - A) * MCPC / 4 + LATER_QUARTERS
    assert row["rt_usd"] - one_price_for_both == pytest.approx(12.1533, abs=1e-4), (
        "what one price for both legs is off by"
    )


def test_without_adders_all_of_the_difference_is_spread(tmp_path):
    market = _market()
    del market["sced_as_adders"]
    rest = MCPC - (10.0 + 4.0 + 1.0) / 3
    paid = (28.3 * (10.0 + rest) + 2.6 * (4.0 + rest)) / 3
    assert _first_hour(tmp_path, market)["rt_usd"] == pytest.approx((paid - A * MCPC) / 4 + LATER_QUARTERS)


def test_without_the_quarter_hours_price_the_mean_of_the_runs_stands_for_it_and_is_labelled(tmp_path):
    market = without(_market(), "rt_as_prices", lambda row: row["hour_ending"] == 1)
    row = _first_hour(tmp_path, market)
    mean = (10.5 + 4.0 + 1.2) / 3
    paid = (28.3 * 10.5 + 2.6 * 4.0) / 3
    assert row["rt_usd"] == pytest.approx((paid - A * mean) / 4 + LATER_QUARTERS)
    assert row["rt_mcpc_source"] == "run_mean"


def test_without_run_prices_an_award_is_paid_at_the_quarter_hours_price(tmp_path):
    market = _market()
    del market["sced_as_prices"]
    row = _first_hour(tmp_path, market)
    assert row["rt_usd"] == pytest.approx(((28.3 + 2.6) / 3 - A) * MCPC / 4 + LATER_QUARTERS)
    assert (row["rt_run_price_share"], row["rt_mcpc_source"]) == (0.0, "report")
    market = without(_market(), "rt_as_prices", lambda row: row["hour_ending"] == 1) | {"sced_as_prices": []}
    assert _first_hour(tmp_path / "neither", market)["rt_usd"] is None


def test_one_run_without_a_price_puts_its_quarter_hour_on_the_quarter_hours_price(tmp_path):
    lost = MIDNIGHT + timedelta(seconds=310)
    row = _first_hour(tmp_path, without(_market(), "sced_as_prices", lambda row: row["sced_stamp"] == lost))
    assert row["rt_usd"] == pytest.approx(((28.3 + 2.6) / 3 - A) * MCPC / 4 + LATER_QUARTERS)
    later = 3 * 6.0 * LATER / 4
    assert row["rt_run_price_share"] == pytest.approx(later / (later + (28.3 + 2.6) / 3 * MCPC / 4))


def test_an_award_holds_300_seconds_past_a_run_that_only_the_prices_have(tmp_path):
    lost = MIDNIGHT + timedelta(seconds=300)
    row = _first_hour(tmp_path, without(_market(), "sced_esr_resources", lambda row: row["sced_stamp"] == lost))
    # 300 s at 28.3 MW and 300 s at 0 MW are known; the prices are those of these seconds, scaled to the whole. The price stamped 00:05:10 is a run of its own.
    rest = MCPC - (310 * 10.5 + 290 * 4.0 + 300 * 1.2) / 900
    paid = 28.3 * (10.5 + rest) / 2
    assert row["rt_usd"] == pytest.approx((paid - A * MCPC) / 4 + LATER_QUARTERS)


def test_stamps_within_half_a_minute_are_one_run_nearest_first():
    runs = np.array([1_000, 1_039, 1_300, 1_600])
    assert same_runs(np.array([1_010, 1_020, 1_330, 1_631]), runs).tolist() == [0, 1, 2, -1]
    assert same_runs(np.array([1_025, 1_030]), runs).tolist() == [0, 1], "the nearest pair, 1030 and 1039, comes first"
    assert same_runs(np.array([1_000]), np.array([], dtype=np.int64)).tolist() == [-1]


def test_a_step_holds_to_the_next_run_at_most_900_seconds_and_300_past_a_run_of_the_other_dataset():
    starts = np.array([0, 300, 1_500, 2_000])
    assert hold_ends(starts, np.array([], dtype=np.int64), 5_000).tolist() == [300, 1_200, 2_000, 2_900]
    assert hold_ends(starts, np.array([500, 1_700]), 5_000).tolist() == [300, 600, 1_800, 2_900]
    assert hold_ends(starts, np.array([], dtype=np.int64), 2_100).tolist() == [300, 1_200, 2_000, 2_100]


@given(
    held=st.lists(st.floats(0, 500), min_size=3, max_size=3),
    price=st.lists(st.floats(0, 5_000), min_size=3, max_size=3),
    mcpc=st.floats(0, 5_000),
)
def test_run_prices_move_money_only_as_far_as_awards_and_prices_move_together(held, price, mcpc):
    starts = np.array([0, 300, 600])
    of_runs = RunPrices(starts, starts + 300, np.tile(price, (5, 1)), starts[:0])
    value, seconds = of_runs.integrals(0, starts, starts + 300)
    assert seconds.tolist() == [300.0] * 3
    rest = mcpc - value.sum() / 900
    paid = (np.array(held) * value).sum() / 900 + np.mean(held) * rest
    moved_together = np.mean((np.array(held) - np.mean(held)) * (np.array(price) - np.mean(price)))
    assert paid == pytest.approx(np.mean(held) * mcpc + moved_together, rel=1e-9, abs=1e-6)


_runs = st.lists(st.integers(1, 899), max_size=5, unique=True).map(lambda stamps: np.array(sorted({0, *stamps})))
_usd = st.floats(0, 5_000)


@given(awarded=_runs, priced=_runs, price=st.lists(_usd, min_size=6, max_size=6), mcpc=_usd, held=st.floats(0, 500))
def test_an_award_constant_in_the_quarter_hour_is_worth_its_difference_to_the_day_ahead_one_at_the_quarter_hours_price(
    awarded, priced, price, mcpc, held
):
    of_runs = RunPrices(
        priced, np.append(priced, 900)[1:], np.tile(price[: len(priced)], (5, 1)), np.setdiff1d(priced, awarded)
    )
    value, seconds = of_runs.integrals(0, awarded, np.append(awarded, 900)[1:])
    assert seconds.sum() == 900
    run_price, rest = value.sum() / 900, mcpc - of_runs.integrals(0, np.array([0]), np.array([900]))[0] / 900
    own = own_price_usd_per_mw(np.full(4, run_price), np.repeat(rest, 4), np.full(4, mcpc))
    product = as_rt_usd(np.full(4, held), own, np.array([A]), np.full(4, mcpc))
    assert product == pytest.approx([4 * (held - A) * mcpc / 4], abs=1e-6)
    quarters = pd.DatetimeIndex(["2026-05-11 05:00"])
    stamps = [quarters[0] + pd.to_timedelta(runs, unit="s") for runs in (awarded, priced)]
    cut = pieces(*stamps, quarters)
    cut = cut.assign(award=cut["award"].ffill(), price=cut["price"].ffill())
    of_price = pd.Series(price[: len(priced)], stamps[1]).reindex(cut["price"])
    paid, clearing = real_time_money(
        cut, pd.DataFrame({"OAK_1": held}, cut.index), of_price, pd.Series([mcpc], quarters), 450
    )
    assert (paid["OAK_1"] - A * clearing).tolist() == pytest.approx([(held - A) * mcpc], abs=1e-6)
