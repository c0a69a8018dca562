"""What day-ahead rows state of themselves: limits, clearing prices and settlement prices, each once in order and once not."""

import numpy as np
import pytest

from bess_assets.market.award_checks import (
    CAPACITY_CHECK,
    ENERGY_LIMITS_CHECK,
    MCPC_CHECK,
    above_range,
    outside_limits,
)
from bess_assets.market.daily import STATED_PRICE_CHECK
from bess_assets_tests.market.small import (
    AFTER,
    BEFORE,
    GEN,
    HOURS,
    MAY,
    NODE,
    SEAM,
    clearing,
    consumption,
    dam,
    dam_load,
    prices,
    seam_market,
    settle,
    telemetry,
    together,
)

NAN = float("nan")
PUBLISHED = {"REGUP": 5.0, "REGDN": 3.0, "RRS": 7.0, "NSPIN": 2.0}
STATED = {"regup": 5.0, "regdn": 3.0, "rrs": 7.0, "nspin": 2.0}


def _mcpc(**by_product):
    return {f"{product}_mcpc_usd_per_mw": price for product, price in by_product.items()}


def _market(*, hours=HOURS, **values):
    """The one day of 2022 with further values in its day-ahead rows."""
    return together(
        {
            "dam_gen_resources": dam(MAY, hours=hours, **values),
            "dam_load_resources": dam_load(MAY, regup_award_mw=1.0),
            "sced_gen_resources": telemetry(MAY, 6.0),
            "sced_load_resources": consumption(MAY, 1.0),
        },
        prices(MAY, 30.0, 40.0),
        clearing(MAY, **PUBLISHED),
    )


def _checks(folder, market, table="bess_awards", year=2022):
    entry = settle(folder, year, market, until=table).entries[table]
    return {check["name"]: check for check in entry["checks"]}, entry


# --- limits -------------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("award", "lsl", "hsl", "outside"),
    [
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
    ],
)
def test_an_energy_award_lies_within_the_limits_that_are_known(award, lsl, hsl, outside):
    assert outside_limits(np.array([award]), np.array([lsl]), np.array([hsl])).tolist() == [outside]


@pytest.mark.parametrize(
    ("awards", "above"), [((60.0, 80.0), False), ((60.0, 80.1), True), ((NAN, 80.0), False), ((NAN, NAN), False)]
)
def test_awards_of_one_direction_share_the_range_between_the_limits(awards, above):
    arrays = [np.array([award]) for award in awards]
    assert above_range(arrays, np.array([-70.0]), np.array([70.0])).tolist() == [above]


def test_an_energy_award_above_the_limit_of_its_row_warns_and_is_counted_by_resource(tmp_path):
    awards = dict.fromkeys(HOURS, 8.0) | {3: 10.5, 7: 11.0}
    checks, entry = _checks(tmp_path, _market(award_mw=awards, lsl_mw=0.0))
    check = checks[ENERGY_LIMITS_CHECK]
    assert (check["passed"], check["blocking"]) == (False, False)
    assert check["detail"] == f"2 of 24 hours with an energy award outside LSL..HSL: {GEN} 2"
    assert check["numbers"] == {
        "hours_beyond": 2,
        "hours_compared": 24,
        "hours_without_limits": 0,
        "resources_beyond": 1,
    }
    assert checks[CAPACITY_CHECK]["passed"]
    assert entry["status"] == "ok"


def test_awards_within_their_limits_pass_and_hours_without_limits_are_counted_apart(tmp_path):
    awards = dict.fromkeys(HOURS, 8.0) | {1: 0.0}
    limits = dict.fromkeys(HOURS, 0.0) | {24: None}
    checks, _ = _checks(tmp_path, _market(award_mw=awards, lsl_mw=limits, regup_award_mw=3.0))
    energy = checks[ENERGY_LIMITS_CHECK]
    assert energy["passed"]
    assert energy["detail"] == "none of 22 hours with an energy award outside LSL..HSL; limits not stated in 1"
    assert (
        checks[CAPACITY_CHECK]["detail"]
        == "none of 23 hours with an ancillary award above HSL - LSL; limits not stated in 1"
    )


def test_without_limits_nothing_is_compared_and_no_figure_is_said_to_be_affected(tmp_path):
    checks, entry = _checks(tmp_path, _market(award_mw=80.0))
    assert checks[ENERGY_LIMITS_CHECK]["passed"]
    assert checks[ENERGY_LIMITS_CHECK]["detail"] == "no hours with an energy award to compare; limits not stated in 24"
    assert not [f for f in entry["findings"] if "lsl_mw" in f["detail"] or "settlement_price" in f["detail"]]


@pytest.mark.parametrize(
    ("products", "beyond"),
    [
        ({"regup": 4.0, "rrs": 3.0, "nspin": 3.0, "regdn": 10.0}, 0),  # 10 MW up and 10 MW down
        ({"regup": 4.0, "rrs": 3.0, "nspin": 3.1}, 24),
        ({"regdn": 10.1}, 24),
    ],
)
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


def test_files_that_state_no_clearing_price_pass_and_say_so(tmp_path):
    check = _checks(tmp_path, _market(lsl_mw=0.0))[0][MCPC_CHECK]
    assert (check["passed"], check["detail"]) == (True, "not stated by these files")


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


def test_the_simulated_reports_state_clearing_prices_and_they_agree(reported):
    world = reported.from_reports
    (check,) = (c for c in _record(world, "bess_awards")["checks"] if c["name"] == MCPC_CHECK)
    assert check["passed"]
    assert check["numbers"]["hours_compared"] > 40_000
    (rollups,) = (c for c in _record(reported.from_rollups, "bess_awards")["checks"] if c["name"] == MCPC_CHECK)
    assert rollups["detail"] == "not stated by these files"


def _record(world, table):
    from bess_assets.records import read_run

    return read_run(world.settings.results, 2025)["tables"][table]


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


def test_a_stated_settlement_price_that_differs_is_named_by_battery(tmp_path):
    stated = dict.fromkeys(HOURS, 30.0) | {2: 33.5}
    check = _checks(tmp_path, _market(settlement_price_usd_per_mwh=stated), "dam_awards_daily")[0][STATED_PRICE_CHECK]
    assert not check["passed"]
    assert check["detail"] == "1 of 24 battery hours differ by more than 0.01 $, at most 3.50 $: OAK_1 1"
    assert check["numbers"] == {"hours_compared": 24, "hours_differing": 1, "largest_difference_usd": 3.5}


def test_a_settlement_price_without_a_published_one_is_compared_with_nothing(tmp_path):
    market = _market(settlement_price_usd_per_mwh=30.0)
    market["da_prices"] = [
        row for row in market["da_prices"] if row["hour_ending"] != 9 or row["settlement_point"] != NODE
    ]
    check = _checks(tmp_path, market, "dam_awards_daily")[0][STATED_PRICE_CHECK]
    assert check["numbers"]["hours_compared"] == 23
    assert _checks(tmp_path / "bare", _market(), "dam_awards_daily")[0][STATED_PRICE_CHECK]["passed"]
