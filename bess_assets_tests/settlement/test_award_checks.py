"""What day-ahead rows state of themselves: limits, clearing prices and settlement prices, each once in order and once not."""

import numpy as np
import pytest

from bess_assets.ercot.products import PRODUCTS
from bess_assets.settlement.award_checks import (
    CAPACITY_CHECK,
    ENERGY_LIMITS_CHECK,
    MCPC_CHECK,
    award_verdicts,
    differences,
    fits,
    load_verdict,
    outside_limits,
    price_verdict,
)
from bess_assets.settlement.daily import STATED_PRICE_CHECK
from bess_assets_tests.settlement.small import (
    AFTER,
    BEFORE,
    GEN,
    HOURS,
    MAY,
    NODE,
    SEAM,
    dam,
    may_market,
    seam_market,
    settle,
    without,
)

NAN = float("nan")
STATED = {"regup": 5.0, "regdn": 3.0, "rrs": 7.0, "nspin": 2.0}


def _mcpc(**by_product):
    return {f"{product}_mcpc_usd_per_mw": price for product, price in by_product.items()}


def _market(*, hours=HOURS, **values):
    """The one day of 2022 with further values in its day-ahead rows."""
    return {**may_market(), "dam_gen_resources": dam(MAY, hours=hours, **values)}


def _checks(folder, market, table="bess_awards", year=2022):
    entry = settle(folder, year, market, until=table).entries[table]
    return {check["name"]: check for check in entry["checks"]}, entry


# --- limits -------------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("award", "lsl", "hsl", "outside"), [
    (8.0, 0.0, 10.0, False),
    (10.05, 0.0, 10.0, False),  # a rounding apart
    (10.06, 0.0, 10.0, True),
    (2.0, 5.0, 10.0, True),
    (0.0, 5.0, 10.0, False),  # no award
    (-70.0, -70.0, 70.0, False),  # a purchase of a storage resource
    (-70.06, -70.0, 70.0, True),
    (8.0, NAN, 10.0, False),
    (80.0, NAN, 10.0, False),
    (-8.0, 0.0, NAN, False),
    (NAN, 0.0, 10.0, False),
])  # fmt: skip
def test_an_energy_award_lies_within_the_limits_that_are_known(award, lsl, hsl, outside):
    assert outside_limits(np.array([award]), np.array([lsl]), np.array([hsl])).tolist() == [outside]


def _awards(shape, **known):
    grids = {f"{product}_award_mw": np.zeros(shape) for product in PRODUCTS} | {"award_mw": np.zeros(shape)}
    return grids | {name: np.array(values, dtype=float) for name, values in known.items()}


def test_awards_of_a_load_resource_are_held_against_the_power_of_their_own_row():
    # up and down each fill 10 MW: a rounding more is nothing; the third row goes up by too much, the fourth down
    up, down = {"regup_award_mw": [4.0, 4.0, 4.0, 0.0], "rrs_award_mw": [6.0, 6.05, 6.06, 0.0]}, [10.0, 0.0, 0.0, 10.06]
    awards = _awards(4, **up, regdn_award_mw=down)
    assert fits(awards, np.zeros(4), np.full(4, 10.0)).tolist() == [True, True, False, False]
    # of unknown power any award fits; of none a negative one does, be it the power or the product
    awards = _awards(3, ecrs_award_mw=[90.0, -0.06, -0.05], nspin_award_mw=[0.0, 0.0, NAN])
    assert fits(awards, np.zeros(3), np.array([NAN, 10.0, 10.0])).tolist() == [True, False, True]
    assert fits(_awards(2, nspin_award_mw=[10.0, 0.0]), np.zeros(2), np.array([10.0, 0.0])).all()


def test_load_awards_beyond_their_power_are_counted_by_resource():
    verdict = load_verdict({"ELM_LD1": 1, "OAK_LD1": 2}, 6)
    of = "rows of load resources with a maximum power below 0 or above it"
    assert (verdict.passed, verdict.detail) == (False, f"3 of 6 {of}: OAK_LD1 2, ELM_LD1 1")
    assert verdict.numbers == {"rows_beyond": 3, "rows_compared": 6}
    verdict = load_verdict({}, 2)
    assert (verdict.passed, verdict.detail) == (True, f"none of 2 {of}")


def test_only_the_hours_for_which_a_dataset_is_read_are_compared():
    stated = {"lsl_mw": np.zeros((2, 4)), "hsl_mw": np.full((2, 4), 10.0)}
    energy = [[50.0, 10.0, 11.0, 0.0], [50.0, 12.0, -1.0, NAN]]
    down = [[0.0, 0.0, 0.0, 0.0], [50.0, 11.0, -1.0, NAN]]
    awards = _awards((2, 4), award_mw=energy, regdn_award_mw=down)
    verdicts = award_verdicts(None, [(["ELM_BESS1", "OAK_BESS1"], awards, stated, slice(1, 4))] * 2)
    energy = verdicts[ENERGY_LIMITS_CHECK]
    assert energy.detail == "6 of 8 hours with an energy award outside LSL..HSL: OAK_BESS1 4, ELM_BESS1 2"
    assert energy.numbers["resources_beyond"] == 2
    assert verdicts[CAPACITY_CHECK].detail == "4 of 4 hours with an ancillary award above HSL - LSL: OAK_BESS1 4"
    mcpc = verdicts[MCPC_CHECK]
    assert (mcpc.passed, mcpc.detail, mcpc.numbers) == (True, "not stated by these files", {"hours_compared": 0})


def test_prices_a_cent_apart_agree_and_unknown_ones_are_not_compared():
    stated, published = np.array([30.0, 30.0, 30.0, NAN, NAN]), np.array([30.01, 29.98, NAN, 30.0, NAN])
    gap = np.abs(stated - published)
    assert differences(gap) == (2, 1, pytest.approx(0.02))
    assert differences(gap[2:]) == (0, 0, 0.0)


def test_five_names_are_shown_the_worst_first():
    verdict = price_verdict("hours", 1_000, {"A": 1, "B": 2, "C": 3, "D": 3, "E": 1, "F": 2_000, "G": 9}, 12.5)
    worst = "F 2,000, G 9, C 3, D 3, B 2 and 2 more"
    assert verdict.detail == f"2,019 of 1,000 hours differ by more than 0.01 $, at most 12.50 $: {worst}"
    five = dict.fromkeys("ABCDE", 1)
    assert price_verdict("hours", 9, five, 1.0).detail.endswith(": A 1, B 1, C 1, D 1, E 1")


@pytest.mark.parametrize(
    ("awards", "fit"), [((60.0, 80.0), True), ((60.0, 80.1), False), ((NAN, 80.0), True), ((NAN, NAN), True)]
)
def test_awards_of_one_direction_share_the_range_between_the_limits(awards, fit):
    up = {"regup_award_mw": awards[:1], "rrs_award_mw": awards[1:]}
    assert fits(_awards(1, **up), np.array([-70.0]), np.array([70.0])).tolist() == [fit]


def test_an_energy_award_above_the_limit_of_its_row_warns_and_is_counted_by_resource(tmp_path):
    awards = dict.fromkeys(HOURS, 8.0) | {3: 10.5, 7: 11.0}
    checks, entry = _checks(tmp_path, _market(award_mw=awards, lsl_mw=0.0))
    check = checks[ENERGY_LIMITS_CHECK]
    assert (check["passed"], check["blocking"]) == (False, False)
    assert check["detail"] == f"2 of 24 hours with an energy award outside LSL..HSL: {GEN} 2"
    counts = {"hours_beyond": 2, "hours_compared": 24, "hours_without_limits": 0, "resources_beyond": 1}
    assert check["numbers"] == counts
    assert checks[CAPACITY_CHECK]["passed"]
    assert entry["status"] == "ok"


def test_awards_within_their_limits_pass_and_hours_without_limits_are_counted_apart(tmp_path):
    awards = dict.fromkeys(HOURS, 8.0) | {1: 0.0}
    limits = dict.fromkeys(HOURS, 0.0) | {24: None}
    checks, _ = _checks(tmp_path, _market(award_mw=awards, lsl_mw=limits, regup_award_mw=3.0))
    energy = checks[ENERGY_LIMITS_CHECK]
    assert energy["passed"]
    assert energy["detail"] == "none of 22 hours with an energy award outside LSL..HSL; limits not stated in 1"
    services = checks[CAPACITY_CHECK]["detail"]
    assert services == "none of 23 hours with an ancillary award above HSL - LSL; limits not stated in 1"


def test_without_limits_nothing_is_compared_and_no_figure_is_said_to_be_affected(tmp_path):
    checks, entry = _checks(tmp_path, _market(award_mw=80.0))
    assert checks[ENERGY_LIMITS_CHECK]["passed"]
    assert checks[ENERGY_LIMITS_CHECK]["detail"] == "no hours with an energy award to compare; limits not stated in 24"
    assert not [f for f in entry["findings"] if "lsl_mw" in f["detail"] or "settlement_price" in f["detail"]]


@pytest.mark.parametrize(("products", "beyond"), [
    ({"regup": 4.0, "rrs": 3.0, "nspin": 3.0, "regdn": 10.0}, 0),  # 10 MW up and 10 MW down
    ({"regup": 4.0, "rrs": 3.0, "nspin": 3.1}, 24),
    ({"regdn": 10.1}, 24),
])  # fmt: skip
def test_ancillary_awards_up_and_down_are_held_against_the_range_each_on_its_own(tmp_path, products, beyond):
    awards = {f"{product}_award_mw": mw for product, mw in products.items()}
    checks, _ = _checks(tmp_path, _market(lsl_mw=0.0, **awards))
    check = checks[CAPACITY_CHECK]
    assert (check["passed"], check["numbers"]["hours_beyond"]) == (not beyond, beyond)
    assert check["numbers"]["hours_compared"] == 24


def test_the_later_row_of_an_hour_is_the_one_whose_limits_count(tmp_path):
    market = _market(award_mw=12.0, lsl_mw=0.0)
    market["dam_gen_resources"] += dam(MAY, award_mw=12.0, lsl_mw=0.0, hsl_mw=12.0)
    assert _checks(tmp_path, market)[0][ENERGY_LIMITS_CHECK]["passed"]


def test_a_storage_resource_is_held_to_its_own_limits_from_its_first_day_on(tmp_path):
    market = seam_market()
    for row in market["dam_esr_resources"]:
        row.update(lsl_mw=-3.0, hsl_mw=3.0)
    for row in market["dam_gen_resources"]:
        row.update(lsl_mw=0.0)
    checks, _ = _checks(tmp_path, market, year=2025)
    # the purchase of 4 MW and 5 MW of regulation on 12-06: the range is 6 MW, the lower limit -3
    assert checks[ENERGY_LIMITS_CHECK]["detail"] == "24 of 72 hours with an energy award outside LSL..HSL: OAK_ESR1 24"
    assert checks[CAPACITY_CHECK]["passed"]


# --- clearing prices ----------------------------------------------------------------------------------------------------------------------------
def test_stated_clearing_prices_that_agree_to_a_cent_pass(tmp_path):
    check = _checks(tmp_path, _market(**_mcpc(**{**STATED, "rrs": 7.01})))[0][MCPC_CHECK]
    assert (check["passed"], check["detail"]) == (True, "96 product hours agree to 0.01 $")
    assert check["numbers"]["largest_difference_usd"] == pytest.approx(0.01)


def test_a_stated_clearing_price_that_differs_is_named_by_product(tmp_path):
    spoilt = _mcpc(**{**STATED, "regdn": dict.fromkeys(HOURS, 3.0) | {5: 4.5, 6: 3.02}})
    checks, entry = _checks(tmp_path, _market(**spoilt))
    check = checks[MCPC_CHECK]
    assert (check["passed"], check["blocking"]) == (False, False)
    assert check["detail"] == "2 of 96 product hours differ by more than 0.01 $, at most 1.50 $: regdn 2"
    assert check["numbers"] == {"hours_compared": 96, "hours_differing": 2, "largest_difference_usd": 1.5}
    assert not [f for f in entry["findings"] if f["subject"] == "as_prices"], "findings of prices are as_revenue's"


def test_a_clearing_price_that_is_not_published_is_compared_with_nothing(tmp_path):
    market = _market(**_mcpc(**STATED))
    del market["as_prices"]
    check = _checks(tmp_path, market)[0][MCPC_CHECK]
    assert (check["passed"], check["detail"]) == (True, "not stated together with a published price")


def test_a_price_file_that_cannot_be_read_fails_the_check_and_not_the_awards(tmp_path):
    market = _market(**_mcpc(**STATED))
    del market["as_prices"]
    broken = tmp_path / "rollups" / "AS_prices" / "2022.parquet"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"half a file")
    checks, entry = _checks(tmp_path, market)
    assert entry["status"] == "ok"
    assert not checks[MCPC_CHECK]["passed"]
    assert checks[MCPC_CHECK]["detail"].startswith("the published prices cannot be read: 2022.parquet of AS_prices")


# --- settlement prices --------------------------------------------------------------------------------------------------------------------------
def test_the_price_that_a_row_states_stands_beside_its_award(tmp_path):
    market = _market(hours=range(1, 24), settlement_price_usd_per_mwh={hour: float(hour) for hour in HOURS})
    rows = settle(tmp_path, 2022, market, until="bess_awards").rows("bess_awards", operating_day=MAY)
    assert [row["stated_price_usd_per_mwh"] for row in rows] == [*map(float, range(1, 24)), None]


def test_both_eras_state_prices(tmp_path):
    market = seam_market()
    for dataset, price in (("dam_gen_resources", 30.0), ("dam_esr_resources", 31.0)):
        for row in market[dataset]:
            row["settlement_price_usd_per_mwh"] = price
    settled = settle(tmp_path, 2025, market, until="bess_awards")
    for day, price in ((BEFORE, 30.0), (SEAM, 30.0), (AFTER, 31.0)):
        stated = {row["stated_price_usd_per_mwh"] for row in settled.rows("bess_awards", operating_day=day)}
        assert stated == {price}, day


def test_stated_settlement_prices_that_agree_with_the_price_file_pass(tmp_path):
    check = _checks(tmp_path, _market(settlement_price_usd_per_mwh=30.01), "dam_awards_daily")[0][STATED_PRICE_CHECK]
    assert (check["passed"], check["blocking"]) == (True, False)
    assert check["detail"] == "24 battery hours agree to 0.01 $"
    assert check["numbers"]["largest_difference_usd"] == pytest.approx(0.01)


def test_a_stated_settlement_price_that_differs_is_named_by_battery(tmp_path):
    stated = dict.fromkeys(HOURS, 30.0) | {2: 33.5}
    check = _checks(tmp_path, _market(settlement_price_usd_per_mwh=stated), "dam_awards_daily")[0][STATED_PRICE_CHECK]
    assert not check["passed"]
    assert check["detail"] == "1 of 24 battery hours differ by more than 0.01 $, at most 3.50 $: OAK_1 1"
    assert check["numbers"] == {"hours_compared": 24, "hours_differing": 1, "largest_difference_usd": 3.5}


def test_a_settlement_price_without_a_published_one_is_compared_with_nothing(tmp_path):
    market = _market(settlement_price_usd_per_mwh=30.0)
    market = without(market, "da_prices", lambda row: row["hour_ending"] == 9 and row["settlement_point"] == NODE)
    check = _checks(tmp_path, market, "dam_awards_daily")[0][STATED_PRICE_CHECK]
    assert check["numbers"]["hours_compared"] == 23
    assert _checks(tmp_path / "bare", _market(), "dam_awards_daily")[0][STATED_PRICE_CHECK]["passed"]
