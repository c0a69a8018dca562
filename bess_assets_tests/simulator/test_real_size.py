"""A market of real size, made small: the same generator with few of everything.

Boards are held against the second settlement; the full size is measured in benchmarks/.
"""

from datetime import date
from pathlib import Path

import click.testing
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bess_assets.cli import main
from bess_assets.simulator import Size, ercot_size, simulate
from bess_assets.simulator.calendar import midnight
from bess_assets.simulator.fleet import PRODUCTS, real_size_fleet, small_size
from bess_assets.simulator.market_model import MarketYear, operate
from bess_assets.simulator.sheets import Period
from bess_assets_tests.worlds import Plan, World, board_differences, digests, some

DAYS, LAST_DAY = 34, date(2024, 2, 3)


def _size(_: int) -> Size:
    return small_size(12)


def _made(folder: Path, years: tuple[int, ...], last_day: date | None = None) -> World:
    simulate(folder, years, last_day=last_day, size=_size)
    return World(folder, Plan(years, 12, 1, "harmless"))


def _check(world: World) -> None:
    world.settle()
    for year in world.plan.years:
        wrong = board_differences(world, year, world.settled_again(year))
        assert not wrong, f"{year}: {some(wrong)}"
        found = world.table("leaderboard", year)
        assert found["rank"].notna().sum() >= 8
        assert found["usd_per_kw_year"].dropna().between(5, 400).all()
        assert found["round_trip_efficiency"].dropna().between(0.7, 0.95).all()


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> World:
    return _made(tmp_path_factory.mktemp("month"), (2024,), LAST_DAY)


@pytest.mark.slow
def test_a_month_settles_as_the_second_settlement_does_to_a_cent(month: World) -> None:
    _check(month)


@pytest.mark.slow
@pytest.mark.parametrize("years", [(2023, 2024), (2026,)])
def test_whole_years_settle_as_the_second_settlement_does_to_a_cent(tmp_path: Path, years: tuple[int, ...]) -> None:
    _check(_made(tmp_path, years))


def test_the_same_arguments_write_the_same_bytes_though_two_threads_write(tmp_path: Path, month: World) -> None:
    again = _made(tmp_path, (2024,), LAST_DAY)
    assert digests(month.rollups) == digests(again.rollups)
    assert len(digests(month.rollups)) == 8


def test_files_are_laid_out_as_users_have_them(month: World) -> None:
    sced = pq.read_table(month.rollups / "SCED_Gen_Resources" / "2024.parquet")
    assert {"SCEDTimeStamp", "ResourceName", "BasePoint", "TelemeteredNetOutput", "datetime"} <= set(sced.column_names)
    assert sced.schema.field("SCEDTimeStamp").type == pa.string()
    assert sced.schema.field("ResourceName").type == pa.string()
    prices = pq.read_table(month.rollups / "RT_prices" / "2024.parquet")
    assert prices.schema.field("DeliveryDate").type == pa.string()
    assert prices["DeliveryDate"][0].as_py() == "01/01/2024"
    # rows stand in the order of time, and the producer's datetime is an hour off
    assert pc.all(pc.less_equal(prices["datetime"][:-1], prices["datetime"][1:])).as_py()
    day_ahead = pq.read_table(month.rollups / "DAM_Gen_Resources" / "2024.parquet")
    assert "QSE" not in day_ahead.column_names
    assert set(day_ahead["HourEnding"].unique().to_pylist()) == {str(hour) for hour in range(1, 25)}


def test_a_moment_has_as_many_rows_as_the_size_says(month: World) -> None:
    size = small_size(12)
    prices = pq.read_metadata(month.rollups / "RT_prices" / "2024.parquet").num_rows
    assert prices == DAYS * 96 * size.points
    sced = pq.read_table(month.rollups / "SCED_Gen_Resources" / "2024.parquet", columns=["SCEDTimeStamp"])
    counts = pc.value_counts(sced["SCEDTimeStamp"].combine_chunks()).field("counts").to_numpy()
    assert len(counts) == DAYS * 96
    assert size.running - 4 <= np.median(counts) <= size.running


def test_a_year_of_ercot_has_as_many_rows_as_the_real_one() -> None:
    size = ercot_size(2024)
    hours, quarter_hours = 8784, 35136
    assert quarter_hours * size.running == pytest.approx(31.6e6, rel=0.01)
    assert quarter_hours * size.consuming == pytest.approx(19.0e6, rel=0.01)
    assert quarter_hours * size.points == pytest.approx(32.5e6, rel=0.01)
    assert hours * size.generation == pytest.approx(11.8e6, rel=0.01)
    assert hours * size.load == pytest.approx(5.8e6, rel=0.01)
    assert hours * (size.generation + size.load) == pytest.approx(17.7e6, rel=0.01)
    end = midnight(date(2026, 1, 3))
    market = MarketYear(real_size_fleet(2026, 1, ercot_size(2026), (2026,), end), 2026, 1)
    assert 335 <= len(market.fleet.batteries) <= 345
    assert 280 * 2 <= (market.runs < end).sum() <= 300 * 2


def test_state_of_charge_and_awards_stay_within_what_a_battery_has() -> None:
    fleet = real_size_fleet(2024, 3, small_size(12), (2024,), midnight(LAST_DAY))
    market = MarketYear(fleet, 2024, 3)
    batteries = market.fleet.batteries
    did = operate(market, batteries, 24 * DAYS)
    capacity, energy = (np.array([getattr(b, size) for b in batteries]) for size in ("capacity_mw", "energy_mwh"))
    assert (did["soc_mwh"] >= 0).all()
    assert (did["soc_mwh"] <= energy + 1e-3).all()
    assert (np.abs(did["power_mw"]) <= capacity + 0.01).all()
    services = sum(np.nan_to_num(did[f"gen_{product}"]) for product in PRODUCTS)
    assert (np.nan_to_num(did["energy_award_mw"]) + services <= capacity + 0.3).all()
    assert services.max() > 0
    # a run with both sides at work would tell against the pair
    runs = market.runs[: 96 * DAYS]
    sheets = Period(market, "harmless", market.year.hours[: 24 * DAYS], market.year.quarters[:0], runs, did).sheets()
    numbers = {sheet.dataset: sheet.numbers for sheet in reversed(list(sheets))}
    output, consumption = numbers["SCED_Gen_Resources"]["net_output"], numbers["SCED_Load_Resources"]["real_power"]
    assert output.shape == consumption.shape == (len(runs), len(batteries))
    assert not ((output > 1.0) & (consumption > 1.0)).any()


@pytest.mark.parametrize("years", [(2025,), (2024, 2025)])
def test_years_without_one_market_design_are_refused(tmp_path: Path, years: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="real size"):
        simulate(tmp_path, years, size=_size)
    assert not list(tmp_path.iterdir())


def test_years_of_a_size_begin_in_2017_so_that_eight_have_one_market_design(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2017\.\.2026"):
        simulate(tmp_path, (2016,), size=_size)
    with pytest.raises(ValueError, match=r"2019\.\.2026"):
        simulate(tmp_path, (2017,))
    simulate(tmp_path, (2017,), size=lambda _: small_size(1), last_day=date(2017, 1, 2))
    assert (tmp_path / "rollups" / "SCED_Gen_Resources" / "2017.parquet").is_file()


@pytest.mark.parametrize(("option", "said"), [
    *(("--format=reports", "--format reports"), ("--hazards=wild", "not wild"), ("--hazards=none", "not none")),
    *(("--batteries=12", "leave out --batteries"), ("--years=2025", "2024 and 2026 only")),
])  # fmt: skip
def test_scale_ercot_refuses_what_it_cannot_do(tmp_path: Path, option: str, said: str) -> None:
    done = click.testing.CliRunner().invoke(main, ["simulate", str(tmp_path), "--scale", "ercot", option])
    assert done.exit_code == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())
