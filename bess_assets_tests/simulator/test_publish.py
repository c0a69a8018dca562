"""Every awkward case of the real market is among the published rows: gaps, editions, eras and losses."""

from functools import cache

import numpy as np
import pytest

from bess_assets.simulator.calendar import midnight, operating_year
from bess_assets.simulator.fleet import RRS_SPLIT, RTC, Battery, make_fleet
from bess_assets.simulator.market_model import MarketYear, operate
from bess_assets.simulator.publish import CURRENT, EARLIER, REPEATED, Rows, file_columns, publish_year
from bess_assets.simulator.sheets import Hazards

YEARS = (2024, 2025, 2026)
FLEET = make_fleet(YEARS, 12, 1)


@cache
def _published(year: int, hazards: Hazards = "harmless") -> dict[str, list[Rows]]:
    return publish_year(MarketYear(FLEET, year, 1), hazards)


def _battery(role: str) -> Battery:
    return next(battery for battery in FLEET.batteries if battery.role == role)


def _times(year: int, dataset: str, name: str | None, hazards: Hazards = "harmless") -> np.ndarray:
    mine = [rows.times for rows in _published(year, hazards)[dataset] if rows.name == name]
    return np.concatenate([np.zeros(0, dtype=np.int64), *mine])


@pytest.mark.slow
def test_batteries_change_from_pairs_to_single_resources() -> None:
    battery = _battery("ordinary")
    before = _times(2025, "SCED_Gen_Resources", battery.gen)
    after = _times(2025, "SCED_ESR_Resources", battery.esr)
    assert before.max() < midnight(RTC) <= after.min()
    assert _times(2025, "DAM_Gen_Resources", battery.gen).max() == midnight(RTC) + 23 * 3600
    assert _times(2025, "DAM_ESR_Resources", battery.esr).min() == midnight(RTC) + 24 * 3600
    awards = np.concatenate([rows.numbers["awarded"] for rows in _published(2026)["DAM_ESR_Resources"]])
    assert np.nanmin(awards) < 0 < np.nanmax(awards)
    assert np.isnan(awards).any()


@pytest.mark.slow
def test_runs_are_irregular_in_both_eras() -> None:
    stamps = {year: np.unique(_times(year, "SCED_Gen_Resources", "REDBLUFF_CC1_1")) for year in (2024, 2026)}
    combo, single = (np.unique(operating_year(y).day_number(s), return_counts=True)[1] for y, s in stamps.items())
    assert 92 <= combo.min() < 100 < combo.max()
    assert single.max() <= 320
    gaps = np.diff(stamps[2026])
    assert 39 <= gaps.min() < 60
    gaps = gaps[(gaps > 900) & (gaps < 80000)]
    assert (gaps <= 1003).any()
    assert ((gaps > 1140) & (gaps <= 1200)).any()
    assert ((gaps > 1200) & (gaps <= 1276)).any()


def test_two_batteries_and_a_wind_farm_share_a_node() -> None:
    first, second = _battery("shares_node_first"), _battery("shares_node_second")
    wind = next(generator for generator in FLEET.generators if generator.kind == "WIND")
    assert first.node == second.node == wind.node


def test_a_battery_without_load_resource_has_a_namesake_that_is_not_its_own() -> None:
    alone = _battery("without_load_resource")
    assert alone.load is None
    namesake = next(load for load in FLEET.loads if load.name.split("_")[0] == alone.key.split("_")[0])
    assert namesake.capacity_mw > 1.2 * alone.capacity_mw


def test_true_pairs_pass_the_tests_of_the_registry() -> None:
    for battery in FLEET.batteries:
        if battery.gen is None or battery.load is None:
            continue
        power = operate(MarketYear(FLEET, 2024, 1), [battery])["power_mw"]
        discharge = power[power > 0].sum() / 4
        charge = -power[power < 0].sum() / 4 * battery.load_reads_high
        assert discharge > 5 * battery.energy_mwh
        assert 1.0 < charge / discharge < 1.8
        assert 0.8 < battery.capacity_mw * 1.02 / battery.capacity_mw < 1.2


def test_days_of_sced_are_missing_for_everyone() -> None:
    day = operating_year(2024).day_start(3, 19)
    for dataset in ("SCED_Gen_Resources", "SCED_Load_Resources"):
        assert not any(((rows.times >= day) & (rows.times < day + 86400)).any() for rows in _published(2024)[dataset])


def test_a_node_lacks_prices_and_another_battery_moves() -> None:
    node = _battery("missing_node_price").node
    assert len(np.unique(_times(2024, "RT_prices", node))) == 366 * 96 - 18 * 96
    assert len(np.unique(_times(2024, "DA_prices", node))) == 366 * 24 - 8 * 24
    mover = _battery("changes_node")
    moved = [rows.texts["node"] for rows in _published(2024)["DAM_Gen_Resources"] if rows.name == mover.gen]
    assert set(np.concatenate(moved)) == {mover.node, mover.later_node}


def test_a_battery_starts_one_retires_one_is_out_and_one_is_new_in_2026() -> None:
    year = operating_year(2024)
    for dataset, first, last in (("SCED_Gen_Resources", (5, 20), (9, 16)), ("DAM_Gen_Resources", (5, 29), (9, 13))):
        started, retired = (_times(2024, dataset, _battery(role).gen) for role in ("starts_mid_year", "retires"))
        assert 0 <= started.min() - year.day_start(*first) < 100
        assert 0 < year.day_start(*last) - retired.max() <= 3600
    out = next(rows for rows in _published(2024)["DAM_Gen_Resources"] if rows.name == _battery("out_for_weeks").gen)
    weeks = (out.times >= year.day_start(2, 15)) & (out.times < year.day_start(3, 10))
    assert (out.numbers["hsl"][weeks] == 0.0).all()
    new = _battery("new_esr_2026")
    assert new.gen is None
    assert len(_times(2025, "SCED_ESR_Resources", new.esr)) == 0 < len(_times(2026, "SCED_ESR_Resources", new.esr))


def test_load_rows_are_missing_for_one_battery() -> None:
    battery = _battery("missing_load_rows")
    load, gen = _times(2024, "SCED_Load_Resources", battery.load), _times(2024, "SCED_Gen_Resources", battery.gen)
    assert len(np.unique(load)) < len(np.unique(gen)) - 500


def test_prices_spike_to_the_cap_and_fall_to_the_floor() -> None:
    prices = np.concatenate([rows.numbers["price"] for rows in _published(2024)["RT_prices"]])
    assert prices.max() > 4900.0
    assert prices.min() < -240.0


def test_load_zones_stand_twice_with_different_prices() -> None:
    zones = {rows.kind: rows.numbers["price"] for rows in _published(2024)["RT_prices"] if rows.name == "LZ_NORTH"}
    assert set(zones) == {"LZ", "LZEW"}
    assert (zones["LZ"] != zones["LZEW"]).mean() > 0.9


def test_stray_real_time_ancillary_prices_precede_the_new_market() -> None:
    assert _times(2025, "RT_AS_prices", "REGDN").min() == midnight(RTC) - 3600


def test_prices_and_adders_of_runs_make_the_price_of_a_quarter_hour() -> None:
    market = MarketYear(FLEET, 2025, 1)
    runs, stamps = market.rtc_runs
    assert 0 < np.abs(stamps - runs).max() <= 30
    for product, (price, clearing, adder) in market.rt_as_price.items():
        held = np.repeat(clearing + adder, np.diff([midnight(RTC), *runs[1:], market.year.end]))
        means = held.reshape(-1, 900).mean(axis=1)
        assert np.allclose(price[-len(means) :], means, atol=0.00501)
        assert 0.04 < adder.sum() / (clearing + adder).sum() < 0.1 or product == "regdn"


@pytest.mark.slow
def test_a_few_runs_lack_their_prices_their_adders_or_their_telemetry() -> None:
    prices, adders = (_times(2026, *named) for named in (("SCED_AS_prices", "RRS"), ("SCED_AS_adders", "")))
    stamps = MarketYear(FLEET, 2026, 1).rtc_runs[1]
    lost = [~np.isin(stamps, found) for found in (prices, adders)]
    assert all(0 < some.sum() < 0.01 * len(stamps) for some in (*lost, lost[0] & lost[1], lost[0] ^ lost[1]))
    days = operating_year(2026).day_number(_times(2026, "SCED_AS_prices", "RRS", "wild"))
    assert 365 - len(np.unique(days)) == 3
    assert not len(_times(2025, "SCED_AS_adders", "", "wild"))


def test_editions_contradict_each_other_within_a_file_and_across_files() -> None:
    battery = _battery("ordinary")
    plain, awkward = (_times(2024, "DAM_Gen_Resources", battery.gen, hazards) for hazards in ("none", "harmless"))
    assert len(np.unique(plain)) == len(plain) < len(awkward)
    files = [rows for rows in _published(2024)["DAM_Gen_Resources"] if rows.name == battery.gen]
    both = set(np.concatenate([rows.times for rows in files if rows.file_year == 2024]).tolist())
    both &= set(np.concatenate([rows.times for rows in files if rows.file_year == 2025]).tolist())
    assert len(both) == 24


def test_rows_say_which_edition_they_belong_to() -> None:
    battery = _battery("ordinary")
    rows = [found for found in _published(2024)["SCED_Gen_Resources"] if found.name == battery.gen]
    older, newer = rows[0], rows[-1]
    year = operating_year(2024)

    def days(found: Rows, edition: int) -> list[str]:
        numbers = np.unique(year.day_number(found.times[found.editions == edition])).tolist()
        return [f"{year.days[number]:%m-%d}" for number in numbers]

    assert days(older, EARLIER) == ["01-20", "09-04"]
    assert days(newer, EARLIER) == ["11-20"]
    assert [days(found, EARLIER) for found in rows[1:-1]] == [["11-10"]]
    current = np.sort(np.concatenate([found.times[found.editions == CURRENT] for found in rows]))
    assert (current == np.sort(_times(2024, "SCED_Gen_Resources", battery.gen, "none"))).all()
    repeats = [found for found in _published(2024)["RT_prices"] if (found.editions == REPEATED).any()]
    assert repeats
    assert all(days(found, REPEATED) == ["02-14", "07-11"] for found in repeats)


def test_ecrs_begins_in_june_2023_and_rrs_is_one_column_before() -> None:
    rows = publish_year(MarketYear(make_fleet((2022,), 1, 1), 2022, 1), "harmless")
    early = [found for found in rows["DAM_Gen_Resources"] if found.file_year == 2022]
    assert "rrs" in early[0].numbers
    assert "rrspfr" not in early[0].numbers
    assert "ecrssd" not in early[0].numbers
    later = next(found for found in rows["DAM_Gen_Resources"] if found.file_year == 2023)
    assert np.isnan(later.numbers["rrs"][later.times >= midnight(RRS_SPLIT)]).all()
    assert np.isnan(later.numbers["rrspfr"][later.times < midnight(RRS_SPLIT)]).all()


@pytest.mark.parametrize(("year", "dataset", "column"), [
    (2025, "SCED_Gen_Resources", "net_output"), (2024, "SCED_Load_Resources", "real_power"),
    (2024, "COP_Snapshots", "max_soc"), (2026, "SCED_ESR_Resources", "flag"), (2019, "SCED_Load_Resources", "name"),
])  # fmt: skip
def test_wild_files_lack_columns_that_harmless_ones_have(year: int, dataset: str, column: str) -> None:
    market = MarketYear(make_fleet((year,), 1, 1), year, 1)
    both: tuple[tuple[Hazards, bool], ...] = (("harmless", True), ("wild", False))
    for hazards, there in both:
        found = [rows for rows in publish_year(market, hazards)[dataset] if rows.file_year == year]
        assert found
        assert all((column in file_columns(rows, hazards)) is there for rows in found)
