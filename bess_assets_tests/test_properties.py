"""What must hold of any market: sums, shifts, repeats, and that the unknown never becomes money."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bess_assets.ercot.products import PRODUCTS
from bess_assets.run import STEPS, run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.ancillary import as_da_usd, as_rt_usd
from bess_assets.settlement.daily import top_less_bottom, total_of
from bess_assets.settlement.energy import da_energy_usd, rt_da_offset_usd, rt_metered_usd
from bess_assets.settlement.metrics import ranked, usd_per_kw
from bess_assets.store.journal import read_run
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import Worlds
from bess_assets_tests.worlds import World

AS_MONEY = [f"as_{product}{leg}_usd" for leg in ("", "_da", "_rt") for product in PRODUCTS]
FROM_ENERGY = {
    "rt_metered_usd": "rt_metered_usd", "charging_cost_usd": "charging_cost_usd", "matched_da_usd": "da_energy_usd",
    "matched_rt_usd": "rt_energy_usd", "unmatched_da_usd": "da_unmatched_usd",
}  # fmt: skip
ADDED_UP = [*FROM_ENERGY.values(), *AS_MONEY, "discharge_mwh", "charge_mwh"]
Market = tuple[World, int]
CASES = [("late", 2025), ("late", 2026), ("wild", 2023)]
MORE_CASES = [("early", 2021), ("middle", 2023)]
SHIFT = 7.5

pytestmark = pytest.mark.timeout(900)
"""The first test to ask for the made-up markets waits for them."""


@pytest.fixture(
    params=[*CASES, *(pytest.param(case, marks=pytest.mark.slow) for case in MORE_CASES)],
    ids=lambda case: f"{case[0]}_{case[1]}",
)
def market(request: pytest.FixtureRequest, worlds: Worlds) -> Market:
    """A made-up market, settled, and one of its years."""
    name, year = request.param
    return getattr(worlds, name), year


def _sum(frame: pd.DataFrame, by: list[str], columns: list[str]) -> pd.DataFrame:
    """Sums that skip what is unknown and are unknown where nothing is known."""
    return frame.groupby(by)[columns].sum(min_count=1)


def _same(expected: pd.DataFrame, found: pd.DataFrame) -> None:
    found = found.loc[expected.index]
    for column in expected.columns:
        want, have = expected[column].astype(float), found[column].astype(float)
        assert (want.isna() == have.isna()).all(), column
        assert np.allclose(want, have, rtol=1e-9, atol=1e-6, equal_nan=True), column


def _month(days: pd.Series) -> pd.Series:
    return pd.to_datetime(days).dt.month


def test_every_energy_component_sums_from_quarter_hours_to_days(market: Market) -> None:
    world, year = market
    ledger = world.table("energy_revenue", year)
    matched = ledger["energy_usd"].notna()
    ledger["matched_da_usd"] = ledger["da_usd"].where(matched)
    ledger["matched_rt_usd"] = ledger["rt_usd"].where(matched)
    ledger["unmatched_da_usd"] = ledger["da_usd"].where(~matched)
    days = world.table("daily_revenue", year).set_index(["battery", "operating_day"])
    sums = _sum(ledger, ["battery", "operating_day"], list(FROM_ENERGY)).rename(columns=FROM_ENERGY)
    _same(sums.loc[days.index], days)
    outside = sums.index.difference(days.index)
    assert sums.loc[outside].isna().all(axis=None), "money outside the expected days"


def test_every_ancillary_component_sums_from_hours_to_days(market: Market) -> None:
    world, year = market
    ledger = world.table("as_revenue", year)
    known = ledger["revenue_usd"].notna()
    days = world.table("daily_revenue", year).set_index(["battery", "operating_day"])
    for product in PRODUCTS:
        mine = ledger["product"] == product
        for leg, column in (("", "revenue_usd"), ("_da", "da_usd"), ("_rt", "rt_usd")):
            usd = f"as_{product}{leg}_usd"
            terms = ledger[mine].assign(**{usd: ledger[column].where(known)})
            _same(_sum(terms, ["battery", "operating_day"], [usd]).loc[days.index], days)


def test_energy_sums_from_quarter_hours_of_flow_to_days(market: Market) -> None:
    world, year = market
    flows = world.table("bess_dispatch", year)
    days = world.table("daily_revenue", year).set_index(["battery", "operating_day"])
    sums = _sum(flows, ["battery", "operating_day"], ["discharge_mwh", "charge_mwh"])
    _same(sums.loc[days.index], days)
    rt_days = world.table("rt_dispatch_daily", year).set_index(["battery", "operating_day"])
    _same(sums.loc[rt_days.index], rt_days)


def test_every_component_sums_from_days_to_months_and_from_months_to_the_year(market: Market) -> None:
    world, year = market
    days, months = world.table("daily_revenue", year), world.table("leaderboard_monthly", year)
    days["month"] = _month(days["operating_day"])
    _same(_sum(days, ["battery", "month"], ADDED_UP), months.set_index(["battery", "month"]))
    _same(_sum(months, ["battery"], ADDED_UP), world.table("leaderboard", year).set_index("battery"))


def test_totals_sum_over_time_where_all_is_known(worlds: Worlds) -> None:
    held = 0
    for name, year in CASES:
        world = getattr(worlds, name)
        days, months = world.table("daily_revenue", year), world.table("leaderboard_monthly", year)
        days["month"] = _month(days["operating_day"])
        whole = months[(months["energy_coverage"] == 1) & (months["as_coverage"] == 1)].set_index(["battery", "month"])
        totals = ["energy_usd", "as_usd", "total_usd"]
        _same(_sum(days, ["battery", "month"], totals).loc[whole.index], whole)
        held += len(whole)
    assert held, "no month of any battery is known throughout"


@pytest.mark.parametrize("table", ["daily_revenue", "leaderboard", "leaderboard_monthly"])
def test_products_sum_to_ancillary_revenue_and_with_energy_to_the_total(market: Market, table: str) -> None:
    world, year = market
    rows = world.table(table, year)
    products = rows[[f"as_{product}_usd" for product in PRODUCTS]]
    known = rows["as_usd"].notna()
    assert np.allclose(products[known].sum(axis=1), rows.loc[known, "as_usd"], rtol=1e-9, atol=1e-6)
    four = products.drop(columns="as_ecrs_usd")
    assert four[known].notna().all(axis=None), "a total of an unknown product"
    assert (rows["total_usd"].notna() == (known & rows["energy_usd"].notna())).all()
    assert np.allclose(rows["energy_usd"] + rows["as_usd"], rows["total_usd"], equal_nan=True)
    assert np.allclose(rows["da_energy_usd"] + rows["rt_energy_usd"], rows["energy_usd"], equal_nan=True)
    for product in PRODUCTS:
        legs = rows[[f"as_{product}_da_usd", f"as_{product}_rt_usd"]].sum(axis=1, min_count=1)
        assert np.allclose(legs, rows[f"as_{product}_usd"], rtol=1e-9, atol=1e-6, equal_nan=True)


def test_batteries_sum_to_the_fleet(market: Market) -> None:
    world, year = market
    record = read_run(world.settings.results, year)["tables"]
    money = {"leaderboard": "total_usd", "energy_revenue": "energy_usd", "as_revenue": "revenue_usd"}
    for table, column in money.items():
        rows = world.table(table, year)
        assert record[table]["money_usd"] == pytest.approx(rows[column].sum(), rel=1e-9)
        by_battery = rows.groupby("battery")[column].sum()
        assert by_battery.sum() == pytest.approx(rows[column].sum(), rel=1e-9)
    board = world.table("leaderboard", year)
    best = board[board["rank"].notna()]
    days = 366 if year % 4 == 0 else 365
    weight = (1000 * best["capacity_mw"] * best["active_days"] / days).sum()
    average = usd_per_kw(ranked(board.astype(object).where(board.notna(), None).to_dict("records")), days)
    assert average is None if best.empty else average * weight == pytest.approx(best["total_usd"].sum())


def test_coverage_counts_what_is_known_of_what_is_expected(market: Market) -> None:
    world, year = market
    days, board = world.table("daily_revenue", year), world.table("leaderboard", year).set_index("battery")
    counted = ["energy_quarter_hours", "expected_quarter_hours", "as_hours", "expected_hours"]
    counts = days.groupby("battery")[counted].sum().loc[board.index]
    assert np.allclose(counts["energy_quarter_hours"] / counts["expected_quarter_hours"], board["energy_coverage"])
    assert np.allclose(counts["as_hours"] / counts["expected_hours"], board["as_coverage"])
    ledger = world.table("energy_revenue", year)
    assert (ledger["energy_usd"].isna() == ledger["unknown_reason"].notna()).all()


# --- shifted prices -----------------------------------------------------------------------------------------------------------------------
def _shifted(source: Path, target: Path, dollars: float) -> None:
    """A copy of a price file, or of day-ahead rows that state prices, with every price higher."""
    table = pq.read_table(source)
    names = [name for name in table.column_names if name.replace(" ", "").lower().endswith(("pointprice", "mcpc"))]
    assert names
    for name in names:
        column = table[name]
        if not pa.types.is_floating(column.type):
            blank = pc.utf8_trim_whitespace(pc.cast(column, pa.string()))
            column = pc.cast(pc.if_else(pc.equal(blank, ""), None, blank), pa.float64())
        column = pc.add(pc.cast(column, pa.float64()), dollars)
        table = table.set_column(table.column_names.index(name), name, column)
    target.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target)


@pytest.fixture(scope="module")
def shifted(worlds: Worlds, tmp_path_factory: pytest.TempPathFactory) -> tuple[World, World, int]:
    """A settled year that holds both regimes, and the same with every price 7.50 $ higher."""
    world, year = worlds.late, 2025
    folder = tmp_path_factory.mktemp("shifted")
    (folder / "rollups").mkdir()
    for source in world.rollups.iterdir():
        if source.name.endswith("prices") or source.name in {"DAM_Gen_Resources", "DAM_ESR_Resources"}:
            for name in (f"{year}.parquet", f"{year + 1}.parquet"):
                if (source / name).exists():
                    _shifted(source / name, folder / "rollups" / source.name / name, SHIFT)
        else:
            (folder / "rollups" / source.name).symlink_to(source)
    higher = World(folder, replace(world.plan, years=(year,)))
    higher.settle()
    return world, higher, year


@pytest.mark.slow
def test_shifting_every_price_moves_energy_revenue_by_that_much_for_every_megawatt_hour(shifted):
    world, higher, year = shifted
    before, after = (w.table("energy_revenue", year) for w in (world, higher))
    flows = world.table("bess_dispatch", year)
    award = world.table("bess_awards", year)[["battery", "interval_start", "award_mw"]]
    hours = before["interval_start"].dt.floor("h")
    at = pd.DataFrame({"battery": before["battery"], "interval_start": hours})
    sold = at.merge(award, how="left")["award_mw"] / 4
    net = flows["discharge_mwh"] - flows["charge_mwh"]
    for column, mwh in {"da_usd": sold, "rt_usd": net - sold, "rt_metered_usd": net, "energy_usd": net}.items():
        moved = after[column] - before[column]
        assert (moved.isna() == before[column].isna()).all(), column
        known = moved.notna()
        assert known.sum() > 10_000
        assert np.allclose(moved[known], SHIFT * mwh[known], atol=1e-6), column


@pytest.mark.slow
def test_shifting_every_price_moves_the_year_by_its_energy_and_leaves_quantities_and_spreads_alone(shifted):
    world, higher, year = shifted
    before, after = (w.table("leaderboard", year).set_index("battery") for w in (world, higher))
    after = after.loc[before.index]
    ledger = world.table("energy_revenue", year)
    flows = world.table("bess_dispatch", year)
    net = (flows["discharge_mwh"] - flows["charge_mwh"]).where(ledger["energy_usd"].notna())
    mwh = net.groupby(ledger["battery"]).sum(min_count=1).loc[before.index]
    assert np.allclose(after["energy_usd"] - before["energy_usd"], SHIFT * mwh, atol=1e-3, equal_nan=True)
    for column in ("discharge_mwh", "charge_mwh", "tb2_usd", "energy_coverage", "as_coverage", "capacity_mw"):
        assert np.allclose(before[column], after[column], rtol=1e-9, equal_nan=True), column


@pytest.mark.slow
def test_shifting_every_clearing_price_moves_ancillary_revenue_by_the_award_held(shifted):
    world, higher, year = shifted
    before, after = (w.table("as_revenue", year) for w in (world, higher))
    moved = after["da_usd"] - before["da_usd"]
    assert (moved.isna() == before["da_usd"].isna()).all()
    assert np.allclose(moved.dropna(), SHIFT * before.loc[moved.notna(), "award_mw"], atol=1e-6)
    # Both legs together: what is held in real time, as a mean over the hour, whatever was sold the day before.
    flows = world.table("bess_dispatch", year)
    flows["interval_start"] = flows["interval_start"].dt.floor("h")
    held = flows.groupby(["battery", "interval_start"])[[f"{p}_rt_award_mw" for p in PRODUCTS]].mean()
    rows = before.assign(moved=after["revenue_usd"] - before["revenue_usd"])
    rows = rows[rows["rt_usd"].notna()]
    assert len(rows) > 1_000
    for product in PRODUCTS:
        mine = rows[rows["product"] == product].set_index(["battery", "interval_start"])
        assert np.allclose(mine["moved"], SHIFT * held.loc[mine.index, f"{product}_rt_award_mw"], atol=1e-6)


# --- repeats --------------------------------------------------------------------------------------------------------------------------------
BUT_FOR_THEIR_TIME = [name for name in STEPS if TABLES[name].append_only]


def _digests(settings: Settings, year: int) -> Iterator[tuple[str, str]]:
    for table in STEPS:
        if table not in BUT_FOR_THEIR_TIME:
            yield table, hashlib.sha256((settings.results / table / f"{year}.parquet").read_bytes()).hexdigest()


@pytest.mark.slow
# the first year of its market: a later one is estimated from the year before, which the other home lacks
@pytest.mark.parametrize(("name", "year"), [("early", 2021), ("wild", 2023), ("late", 2025)])
def test_refreshing_a_second_time_in_another_home_gives_identical_bytes_of_every_table(worlds, tmp_path, name, year):
    world = getattr(worlds, name)
    again = load_settings(tmp_path, {"BESS_ROLLUPS": str(world.rollups), "BESS_MEMORY_LIMIT": "64MB"})
    for table in STEPS:
        run_table(again, year, table)
    first = dict(_digests(world.settings, year))
    assert dict(_digests(again, year)) == first
    record = read_run(world.settings.results, year)["tables"]
    assert {table: record[table]["digest"] for table in first} == first
    assert BUT_FOR_THEIR_TIME == ["leaderboard_history"]
    mine, other = (_without_time(settings, year) for settings in (world.settings, again))
    assert len(mine) > 0
    assert mine.equals(other)
    run_table(again, year, "daily_revenue")
    assert dict(_digests(again, year)) == first


def _without_time(settings: Settings, year: int) -> pa.Table:
    path = settings.results / "leaderboard_history" / f"{year}.parquet"
    return pq.ParquetFile(path).read().drop_columns(["made_at"])


# --- unknown is not money ---------------------------------------------------------------------------------------------------------------------
numbers = st.floats(-1e5, 1e5)
maybe = st.one_of(numbers, st.just(math.nan))


def _array(size: int) -> st.SearchStrategy[np.ndarray]:
    return hnp.arrays(np.float64, size, elements=maybe)


@given(_array(6), _array(6), _array(6), _array(6), _array(6))
def test_an_unknown_factor_makes_an_unknown_leg_even_times_zero(award, discharge, charge, da_price, rt_price):
    assert (np.isnan(da_energy_usd(award, da_price)) == np.isnan(award) | np.isnan(da_price)).all()
    metered = rt_metered_usd(discharge, charge, rt_price)
    assert (np.isnan(metered) == np.isnan(discharge) | np.isnan(charge) | np.isnan(rt_price)).all()
    assert (np.isnan(rt_da_offset_usd(award, rt_price)) == np.isnan(award) | np.isnan(rt_price)).all()
    assert (np.isnan(as_da_usd(award, da_price)) == np.isnan(award) | np.isnan(da_price)).all()


@given(_array(8), _array(2), _array(8))
def test_an_hour_of_real_time_ancillary_service_is_unknown_if_one_of_its_quarter_hours_is(held, award, price):
    found = as_rt_usd(held, price, award, price)
    by_quarter = np.isnan(held) | np.isnan(price) | np.repeat(np.isnan(award), 4)
    assert (np.isnan(found) == by_quarter.reshape(2, 4).any(axis=1)).all()


@given(st.lists(st.tuples(maybe, st.booleans()), min_size=1, max_size=5))
def test_a_total_is_unknown_if_a_component_that_exists_is(components: list[tuple[float, bool]]) -> None:
    values = [np.array([value]) for value, _ in components]
    exists = [np.array([there]) for _, there in components]
    found = total_of(values, exists)[0]
    existing = [value for value, there in components if there]
    if not existing or any(math.isnan(value) for value in existing):
        assert math.isnan(found)
    else:
        assert found == pytest.approx(sum(existing))


@given(hnp.arrays(np.float64, st.integers(8, 25), elements=numbers), st.sampled_from([1, 2, 4]), numbers)
def test_a_spread_is_never_negative_and_does_not_move_with_the_level(hourly, hours, level):
    spread = top_less_bottom(hourly, hours)
    assert spread >= -1e-6
    assert top_less_bottom(hourly + level, hours) == pytest.approx(spread, abs=1e-4)
    assert top_less_bottom(np.random.default_rng(1).permutation(hourly), hours) == pytest.approx(spread)
    assert math.isnan(top_less_bottom(np.append(hourly, math.nan), hours))


@given(_array(4), _array(4), _array(4), st.floats(-500, 500))
def test_the_energy_formulas_move_by_the_shift_times_the_energy(award, discharge, charge, shift):
    price = np.array([-250.0, 0.0, 33.3, 5_000.0])

    def energy_usd(price: np.ndarray) -> np.ndarray:
        return da_energy_usd(award, price) + rt_metered_usd(discharge, charge, price) + rt_da_offset_usd(award, price)

    moved = energy_usd(price + shift) - energy_usd(price)
    known = ~np.isnan(moved)
    assert np.allclose(moved[known], (shift * (discharge - charge))[known], rtol=1e-6, atol=1e-2)
