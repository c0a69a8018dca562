"""Errors that others made with the same reports, each held off by a market of a day or two that a reader can settle by hand."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.datasets import DATASETS
from bess_assets_tests.scenario import Row
from bess_assets_tests.settlement.small import (
    AFTER,
    GEN,
    HOURS,
    LOAD,
    MAY,
    NODE,
    Market,
    Settled,
    clearing,
    consumption,
    dam,
    dam_esr,
    dam_load,
    esr_telemetry,
    may_market,
    prices,
    rt_clearing,
    settle,
    telemetry,
    together,
)

MCPC = {"REGUP": 5.0, "REGDN": 3.0, "RRS": 7.0, "NSPIN": 2.0}
NEXT = date(2022, 5, 11)
AUTUMN = date(2022, 11, 6)
NEIGHBOUR, NEIGHBOURS_LOAD = "ELM_BESS1", "ELM_LD1"


def _before(rows: list[Row], hour: int) -> list[Row]:
    return [row for row in rows if row["sced_stamp"].hour < hour]


def _from(rows: list[Row], hour: int) -> list[Row]:
    return [row for row in rows if row["sced_stamp"].hour >= hour]


@pytest.fixture(scope="module")
def gaps(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """6 MW out and 1 MW in all day; the load side has no row before 06:00, the generation side none from 18:00."""
    market = may_market()
    market["sced_gen_resources"] = _before(market["sced_gen_resources"], 18)
    market["sced_load_resources"] = _from(market["sced_load_resources"], 6)
    return settle(tmp_path_factory.mktemp("gaps"), 2022, market, until="daily_revenue")


def test_discharge_is_not_lost_where_no_load_row_exists(gaps: Settled) -> None:
    assert gaps.row("daily_revenue", operating_day=MAY)["discharge_mwh"] == pytest.approx(18 * 6.0)


def test_charging_is_not_lost_where_an_outer_join_finds_no_generation_row(gaps: Settled) -> None:
    day = gaps.row("daily_revenue", operating_day=MAY)
    assert day["charge_mwh"] == pytest.approx(18 * 1.0)
    # money only of the twelve hours in which both sides are known: 8 * 30 + (6 - 1 - 8) * 40 an hour
    assert day["energy_usd"] == pytest.approx(12 * 120.0)


def test_a_purchase_is_paid_day_ahead_and_not_again_in_real_time(tmp_path: Path) -> None:
    products = {**MCPC, "ECRS": 6.0}
    market = together(
        {"dam_esr_resources": dam_esr(AFTER, award_mw=-4.0), "sced_esr_resources": esr_telemetry(AFTER, -4.0)},
        prices(AFTER, 30.0, 40.0),
        clearing(AFTER, **products),
        rt_clearing(AFTER, **products),
    )
    day = settle(tmp_path, 2025, market, until="daily_revenue").row("daily_revenue", operating_day=AFTER)
    assert (day["da_energy_usd"], day["energy_usd"]) == pytest.approx((-24 * 4 * 30.0, -24 * 4 * 30.0))


def _write_bids(folder: Path, mw: float) -> None:
    """A QSE's awarded bids at the node, which no resource is named in."""
    dataset = DATASETS["dam_energy_bid_awards"]
    rows = [{"operating_day": MAY, "hour_ending": hour, "settlement_point": NODE, "award_mw": mw} for hour in HOURS]
    path = folder / "rollups" / dataset.folder / "2022.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([{dataset.columns[c].headings[0]: row[c] for c in row} for row in rows]), path)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Two batteries at one node, at which 50 MW were bought day-ahead; the second has awards and no telemetry."""
    folder = tmp_path_factory.mktemp("neighbours")
    _write_bids(folder, -50.0)
    gen, load = dam(MAY, NEIGHBOUR, award_mw=2.0), dam_load(MAY, NEIGHBOURS_LOAD)
    market = together(may_market(), {"dam_gen_resources": gen, "dam_load_resources": load})
    return settle(folder, 2022, market)


def test_bids_at_a_node_are_not_given_to_each_of_its_batteries(neighbours: Settled) -> None:
    alone = neighbours.row("daily_revenue", battery="OAK_1", operating_day=MAY)
    assert (alone["da_energy_usd"], alone["energy_usd"]) == pytest.approx((24 * 8 * 30.0, 2_880.0))
    other = neighbours.row("dam_awards_daily", battery="ELM_1", operating_day=MAY)
    assert (other["bought_mwh"], other["da_energy_usd"]) == pytest.approx((0.0, 24 * 2 * 30.0))


def test_a_battery_that_could_not_be_settled_is_not_ranked_at_zero_dollars(neighbours: Settled) -> None:
    row = neighbours.row("leaderboard", battery="ELM_1")
    assert (row["rank"], row["total_usd"], row["energy_usd"], row["rt_energy_usd"]) == (None, None, None, None)
    assert "energy coverage 0.000 below 0.95" in row["excluded_reason"]
    assert row["da_unmatched_usd"] == pytest.approx(24 * 2 * 30.0)


def test_hour_24_belongs_to_its_own_day(tmp_path: Path) -> None:
    awards = [*dam(MAY, award_mw={**dict.fromkeys(HOURS, 0.0), 24: 12.0}), *dam(NEXT)]
    market = together({"dam_gen_resources": awards}, prices(MAY, 30.0, 40.0), prices(NEXT, 1_000.0, 2_000.0))
    settled = settle(tmp_path, 2022, market, until="dam_awards_daily")
    own, later = (settled.row("dam_awards_daily", operating_day=day) for day in (MAY, NEXT))
    assert (own["sold_mwh"], own["da_energy_usd"]) == pytest.approx((12.0, 360.0))
    assert (later["sold_mwh"], later["da_energy_usd"]) == (0.0, 0.0)


def test_a_missing_node_price_is_not_replaced_by_the_price_of_a_hub(tmp_path: Path) -> None:
    market = may_market()
    market["rt_prices"] = prices(MAY, 30.0, 40.0, "HB_NORTH")["rt_prices"]
    market["da_prices"] += prices(MAY, 30.0, 40.0, "HB_NORTH")["da_prices"]
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    assert (day["energy_usd"], day["rt_metered_usd"]) == (None, None)
    assert (day["unpriced_quarter_hours"], day["unpriced_mwh"]) == (96, pytest.approx(24 * 7.0))


def test_efficiency_is_of_flows_and_not_of_deviations_from_the_award(tmp_path: Path) -> None:
    market = may_market()
    # 6 MW out for twelve hours and 8 MW in for the other twelve; 8 MW were sold all day, so the deviations are -2 and -16 MW
    market["sced_gen_resources"] = _before(telemetry(MAY, 6.0), 12) + _from(telemetry(MAY, 0.0), 12)
    market["sced_load_resources"] = _before(consumption(MAY, 0.0), 12) + _from(consumption(MAY, 8.0), 12)
    table = f"battery,gen_resource,load_resource,energy_mwh\nOAK_1,{GEN},{LOAD},15\n"
    row = settle(tmp_path, 2022, market, table=table).row("leaderboard")
    # between the halves of the day one goes down to 0 and the other up from it, along lines
    assert row["round_trip_efficiency"] == pytest.approx((72 - 0.75) / (96 + 1))


def test_the_repeated_hour_is_two_hours_and_not_one(tmp_path: Path) -> None:
    hours = [*range(1, 25), 2]
    flags = ["N"] * 24 + ["Y"]
    point: Row = {"settlement_point": NODE, "operating_day": AUTUMN}
    market: Market = {
        # without a flag hours run 1 to 25 in order: the third is the second 01:00 hour
        "dam_gen_resources": dam(AUTUMN, hours=range(1, 26), award_mw={**dict.fromkeys(range(1, 26), 1.0), 3: 5.0}),
        "da_prices": [
            {**point, "hour_ending": hour, "repeated_hour": flag, "price_usd_per_mwh": 70.0 if flag == "Y" else 10.0}
            for hour, flag in zip(hours, flags, strict=True)
        ],
    }
    day = settle(tmp_path, 2022, market, until="dam_awards_daily").row("dam_awards_daily", operating_day=AUTUMN)
    assert day["sold_mwh"] == pytest.approx(24 * 1.0 + 5.0)
    assert day["da_energy_usd"] == pytest.approx(24 * 1.0 * 10.0 + 5.0 * 70.0)
    assert (day["expected_hours"], day["known_hours"], day["priced_hours"]) == (25, 25, 25)


def test_revenue_is_the_sum_of_products_and_not_mean_output_times_mean_price(tmp_path: Path) -> None:
    market = may_market()
    market["dam_gen_resources"] = dam(MAY, award_mw=0.0)
    evening = range(19, 25)
    for row in market["rt_prices"]:
        row["price_usd_per_mwh"] = 100.0 if row["hour_ending"] in evening else 4.0
    market["sced_gen_resources"] = _before(telemetry(MAY, 0.0), 18) + _from(telemetry(MAY, 10.0), 18)
    market["sced_load_resources"] = _before(consumption(MAY, 4.0), 18) + _from(consumption(MAY, 0.0), 18)
    day = settle(tmp_path, 2022, market, until="daily_revenue").row("daily_revenue", operating_day=MAY)
    # the mean output is -0.5 MW and the mean price 28 $/MWh: their product is a loss of 336 $ in a day that earned 5,719 $
    turning = (10 / 2 + 4 / 2) / 4 * 4.0  # along lines, half of each side's power in the quarter-hour before 18:00
    assert day["rt_energy_usd"] == pytest.approx(6 * 10 * 100.0 - 18 * 4 * 4.0 + turning)
