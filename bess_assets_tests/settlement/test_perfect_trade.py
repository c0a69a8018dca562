"""The most that a battery could have earned: the same as every way to trade tried out, as a solver's optimum, and moving with prices and sizes as it must."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.products import PRODUCTS
from bess_assets.settlement.perfect_reserves import HOURS_TO_SUSTAIN, corners, worth_usd
from bess_assets.settlement.perfect_trade import Walk, day_walk, earned, joined, most_earned, most_earned_at_corners
from bess_assets_tests.conftest import missing

PRICES = st.lists(st.integers(-100, 500).map(float), min_size=2, max_size=8)
SIZES = st.floats(0.25, 6.0)
EFFICIENCIES = st.sampled_from([0.6, 0.85, 1.0])


def optimum(prices, size, efficiency, cycles=None) -> float:
    given_ = np.array([prices], dtype=float), np.array([[size]], dtype=float), np.array([[efficiency]], dtype=float)
    return float(most_earned(*given_, cycles)[0])


def every_way(prices, size, efficiency, unit) -> float:
    """The best of all ways to trade in which each step changes what is stored by a multiple of the unit."""
    moves = np.arange(round(-1 / unit), round(efficiency / unit) + 1) * unit
    best = 0.0
    for way in product(moves, repeat=len(prices)):
        stored = np.cumsum(way)
        if abs(stored[-1]) < 1e-9 and stored.max() - stored.min() <= size + 1e-9:
            best = max(best, sum(_worth(price, change, efficiency) for price, change in zip(prices, way, strict=True)))
    return best


def _worth(price: float, change: float, efficiency: float) -> float:
    """What a change of what is stored is worth: charging or discharging alone, or the whole step divided between them."""
    alone = -price * (change / efficiency if change > 0 else change)
    charge = (1 + change) / (1 + efficiency)
    return max(alone, price * (1 - 2 * charge))


@given(
    st.lists(st.integers(-60, 200).map(float), min_size=2, max_size=5),
    st.sampled_from([0.5, 1.0, 1.5, 2.0]),
    st.sampled_from([0.5, 1.0]),
)
def test_no_way_to_trade_earns_more_and_one_earns_as_much(prices, size, efficiency) -> None:
    # on a grid of half a MW-step the optimum lies on the grid: size, power and what a full charge stores do
    unit = 0.5 if len(prices) < 5 else 1.0 if efficiency == 1.0 and size >= 1 and size % 1 == 0 else None
    if unit:
        assert optimum(prices, size, efficiency) == pytest.approx(every_way(prices, size, efficiency, unit), abs=1e-9)


def by_solver(prices, size, efficiency, cycles=None) -> float:
    """The same linear program, written out: charge, discharge and what is stored after each step."""
    try:
        from scipy.optimize import linprog
        from scipy.sparse import eye_array, hstack, vstack
    except ImportError:
        missing("scipy is not installed")
    n = len(prices)
    one, none = eye_array(n), 0.0 * eye_array(n)
    before = np.roll(np.eye(n), 1, axis=0)
    power = hstack([one, one, none])
    limits, most = (power, np.ones(n)) if cycles is None else (
        vstack([power, np.concatenate([np.zeros(n), np.ones(n), np.zeros(n)])[None]]), np.append(np.ones(n), cycles * size)
    )  # fmt: skip
    found = linprog(
        np.concatenate([prices, -np.asarray(prices), np.zeros(n)]),
        A_ub=limits, b_ub=most,
        A_eq=hstack([-efficiency * one, one, one - before]), b_eq=np.zeros(n),
        bounds=[(0, 1)] * (2 * n) + [(0, size)] * n,
    )  # fmt: skip
    return -float(found.fun)


def random_days(count: int, seed: int):
    """Days by hour or quarter-hour, of every length, with spikes and negative prices, to the cent."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        steps = int(random.choice([23, 24, 25, 92, 96, 100]))
        prices = random.normal(25, 30, steps) + 400 * (random.random(steps) < 0.03)
        yield np.round(prices, 2), random.uniform(0.5, 4) * (steps // 23), random.choice([1.0, 0.9, 0.85, 0.7])


@pytest.mark.slow
def test_a_thousand_random_battery_days_have_the_optimum_of_a_solver() -> None:
    for prices, size, efficiency in random_days(1_000, seed=1):
        assert optimum(prices, size, efficiency) == pytest.approx(by_solver(prices, size, efficiency), rel=1e-6)


@pytest.mark.slow
def test_under_a_limit_of_cycles_too() -> None:
    for prices, size, efficiency in random_days(60, seed=2):
        found = optimum(prices, size, efficiency, 1.25)
        assert found == pytest.approx(by_solver(prices, size, efficiency, 1.25), rel=1e-6)


def test_some_random_battery_days_have_the_optimum_of_a_solver() -> None:
    for prices, size, efficiency in random_days(12, seed=3):
        assert optimum(prices, size, efficiency) == pytest.approx(by_solver(prices, size, efficiency), rel=1e-6)
        limited = optimum(prices[:24], 2.0, efficiency, 0.5)
        assert limited == pytest.approx(by_solver(prices[:24], 2.0, efficiency, 0.5), rel=1e-6)


def test_a_limit_of_cycles_takes_the_best_ones() -> None:
    peaks = [0.0, 10.0, 0.0, 8.0]
    assert [round(optimum(peaks, 1.0, 1.0, cycles), 9) for cycles in (None, 3.0, 2.0, 1.5, 1.0, 0.5)] == [
        18,
        18,
        18,
        14,
        10,
        5,
    ]


@given(PRICES, SIZES, EFFICIENCIES, st.floats(0.0, 200.0))
def test_dearer_energy_is_worth_nothing_to_a_battery_and_costs_its_losses(prices, size, efficiency, more) -> None:
    now, dearer = optimum(prices, size, efficiency), optimum([price + more for price in prices], size, efficiency)
    assert dearer <= now + 1e-9 * (1 + abs(now))
    if efficiency == 1.0:
        assert dearer == pytest.approx(now, abs=1e-6)


@given(PRICES, SIZES, EFFICIENCIES, st.integers(1, 7))
def test_prices_twice_as_far_from_zero_are_worth_twice_as_much_and_a_later_start_as_much(
    prices, size, efficiency, by
) -> None:
    now = optimum(prices, size, efficiency)
    assert optimum([2 * price for price in prices], size, efficiency) == pytest.approx(2 * now, abs=1e-6)
    assert optimum([*prices[by:], *prices[:by]], size, efficiency) == pytest.approx(now, abs=1e-6)


@given(PRICES, SIZES, EFFICIENCIES, st.floats(1.0, 3.0))
def test_a_larger_or_better_battery_earns_no_less(prices, size, efficiency, times) -> None:
    now = optimum(prices, size, efficiency)
    assert now >= -1e-9
    assert optimum(prices, size * times, efficiency) >= now - 1e-6
    if min(prices) >= 0:  # below zero a battery is paid for its losses
        assert optimum(prices, size, min(efficiency * times, 1.0)) >= now - 1e-6


@given(st.lists(PRICES, min_size=1, max_size=4), SIZES, EFFICIENCIES)
def test_days_joined_are_one_stretch_of_time(days, size, efficiency) -> None:
    def through(walk: Walk, prices: list[float]) -> float:
        return float(earned(walk, np.array([sum(prices)]), len(prices))[0])

    at = np.array([[size]]), np.array([[efficiency]])
    whole = [price for day in days for price in day]
    parts = joined([day_walk(np.array([day]), *at) for day in days])
    assert through(parts, whole) == pytest.approx(optimum(whole, size, efficiency), abs=1e-6)


def with_reserves_by_solver(prices, mcpc, hours, step, efficiency) -> float:
    """Energy and services together as a linear program, of 1 MW: charge, discharge, what is stored after, and five awards in each step."""
    try:
        from scipy.optimize import linprog
    except ImportError:
        missing("scipy is not installed")
    steps, of_step = len(prices), 3 + len(PRODUCTS)
    charge, discharge, stored, *award = (np.eye(of_step * steps)[k::of_step] for k in range(of_step))
    up = [(held, award[n]) for n, (p, held) in enumerate(HOURS_TO_SUSTAIN.items()) if p != "regdn"]
    down = award[PRODUCTS.index("regdn")]
    net = discharge - charge
    limits = [(charge + discharge, 1.0), (net + sum(of for _, of in up), 1.0), (down - net, 1.0)]
    limits += [(sum(held * of for held, of in up), hours), (0.5 * down, hours), (stored, hours)]
    paid = prices @ net + sum(usd @ of for usd, of in zip(mcpc, award, strict=True))
    found = linprog(
        -paid,
        A_ub=np.vstack([rows for rows, _ in limits]), b_ub=np.repeat([most for _, most in limits], steps),
        A_eq=stored - np.roll(stored, 1, axis=0) - step * (efficiency * charge - discharge), b_eq=np.zeros(steps),
    )  # fmt: skip
    return -float(found.fun)


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_energy_and_services_together_have_the_optimum_of_a_solver(count) -> None:
    random = np.random.default_rng(4)
    for _ in range(count):
        steps, hours = int(random.choice([3, 8, 24, 48])), random.choice([0.25, 0.5, 1.0, 1.3, 2.0, 4.0, 6.0])
        efficiency, step = random.choice([1.0, 0.85, 0.6]), random.choice([0.25, 1.0])
        prices, mcpc = random.normal(20, 40, steps), random.normal(4, 12, (len(PRODUCTS), steps))
        worth = worth_usd(prices, mcpc, hours)[None]
        found = most_earned_at_corners(worth, corners(hours), hours / step, efficiency)[0]
        assert found == pytest.approx(with_reserves_by_solver(prices, mcpc, hours, step, efficiency), rel=1e-6)
