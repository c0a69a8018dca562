"""What a battery lived on: shares, thresholds, the product it earned most with, from literal revenue."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.settlement.strategy import classify

NO_AS = {"regup": 0.0, "regdn": 0.0, "rrs": 0.0, "nspin": 0.0}


def _share(energy: float, other: float) -> str | None:
    return classify(energy, {**NO_AS, "rrs": other}, 1.0, 12).strategy


@pytest.mark.parametrize(("energy", "other", "label"), [
    (8_001.0, 1_999.0, "energy_arbitrage"), (8_000.0, 2_000.0, "hybrid"), (2_000.0, 8_000.0, "hybrid"),
    (1_999.0, 8_001.0, "ancillary_services"), (-5_000.0, 8_000.0, "ancillary_services"),
    (5_000.0, -8_000.0, "energy_arbitrage"),
])  # fmt: skip
def test_a_battery_is_hybrid_from_a_fifth_to_four_fifths_of_energy(energy: float, other: float, label: str) -> None:
    assert _share(energy, other) == label


@pytest.mark.parametrize(("capacity", "months", "usd", "label"), [
    (100.0, 12, 11_999.0, "inactive"), (100.0, 12, 12_000.0, "energy_arbitrage"), (100.0, 1, 999.0, "inactive"),
    (100.0, 1, 1_000.0, "energy_arbitrage"), (None, 12, 99.0, "inactive"), (None, 12, 100.0, "energy_arbitrage"),
    (None, 1, 99.0, "inactive"),
])  # fmt: skip
def test_under_ten_dollars_a_megawatt_and_month_a_battery_is_inactive(capacity, months, usd, label):
    assert classify(usd, NO_AS, capacity, months).strategy == label


def test_losses_count_as_nothing_in_the_shares() -> None:
    strategy = classify(6_000.0, {"regup": -1_000.0, "regdn": 0.0, "rrs": 4_000.0, "nspin": 1.0}, 1.0, 12)
    assert (strategy.energy_share, strategy.top_as_product) == (pytest.approx(6_000 / 10_001), "rrs")


def test_an_unknown_component_leaves_no_label_and_no_share() -> None:
    unknown_energy = classify(None, {**NO_AS, "rrs": 5.0}, 1.0, 12)
    assert (unknown_energy.strategy, unknown_energy.energy_share, unknown_energy.top_as_product) == (None, None, "rrs")
    unknown_product = classify(5_000.0, {**NO_AS, "rrs": 5.0, "regup": None}, 1.0, 12)
    assert unknown_product.strategy is unknown_product.energy_share is unknown_product.top_as_product is None


def test_a_battery_that_earned_nothing_has_no_share_and_no_top_product() -> None:
    strategy = classify(-1.0, NO_AS, 1.0, 12)
    assert (strategy.strategy, strategy.energy_share, strategy.top_as_product) == ("inactive", None, None)


def test_half_a_dollar_is_revenue_with_a_share_and_a_top_product() -> None:
    strategy = classify(0.5, {**NO_AS, "rrs": 0.5}, 1.0, 12)
    assert (strategy.strategy, strategy.energy_share, strategy.top_as_product) == ("inactive", 0.5, "rrs")
    assert classify(0.5, NO_AS, 1.0, 12).energy_share == 1.0


def test_equal_products_go_to_the_first_of_the_tables_order() -> None:
    assert classify(0.0, {"regup": 0.0, "regdn": 7.0, "rrs": 7.0, "ecrs": 7.0}, None, 1).top_as_product == "regdn"


@given(st.floats(-1e6, 1e6), st.dictionaries(st.sampled_from(["regup", "regdn", "rrs"]), st.floats(-1e6, 1e6)))
def test_a_share_lies_between_nothing_and_all(energy: float, products: dict[str, float]) -> None:
    share = classify(energy, dict(products), 10.0, 12).energy_share
    assert share is None or 0.0 <= share <= 1.0
