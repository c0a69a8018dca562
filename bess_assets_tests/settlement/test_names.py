"""Names of resources, settlement points and services that other rows or files spell otherwise: an error, or a mark in words, never a silent ghost."""

from pathlib import Path

import pytest

from bess_assets.errors import InputError
from bess_assets.settlement.names import as_ercot
from bess_assets_tests.settlement.small import (
    AFTER,
    ESR,
    GEN,
    MAY,
    NODE,
    Market,
    clearing,
    dam_esr,
    days,
    esr_telemetry,
    may_market,
    prices,
    registry,
    settle,
    together,
)
from bess_assets_tests.steps import count_of, found

TWO_DAYS = days(AFTER, 2)
ODD = {
    "bytes": lambda name: f"b'{name}'", "quotes": lambda name: f'"{name}"', "lower": str.lower, "hyphen": lambda name: name.replace("_", "-"),
    "blank": lambda name: name.replace("_", " "), "accent": lambda name: f"{name}\u00e9",
}  # fmt: skip
PADDED = (" {}", "{}\t", "{}\0", "\ufeff{}", "{}\xa0", "{} \0")
DATASETS = ("dam_esr_resources", "sced_esr_resources")


def esr_market() -> Market:
    """Two batteries on two days of RTC+B."""
    names = (ESR, "ELM_ESR1")
    rows = [(day, name) for day in TWO_DAYS for name in names]
    day_ahead = [row for day, name in rows for row in dam_esr(day, name)]
    runs = [row for day, name in rows for row in esr_telemetry(day, 5.0, name)]
    return dict(zip(DATASETS, (day_ahead, runs), strict=True))


def respelled(
    market: Market, dataset: str, spell, column: str = "resource_name", name: str = ESR, on=(AFTER,)
) -> Market:
    """A market whose dataset spells one name otherwise on some days."""

    def of(row):
        day = row.get("operating_day") or row["sced_stamp"].date()
        return row | {column: spell(name)} if row[column] == name and day in on else row

    return {**market, dataset: [of(row) for row in market[dataset]]}


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("spell", ODD.values(), ids=ODD)
def test_one_name_in_other_letters_or_signs_among_good_ones_is_refused(tmp_path: Path, dataset, spell) -> None:
    with pytest.raises(InputError, match="holds the name") as refused:
        registry(tmp_path, AFTER.year, respelled(esr_market(), dataset, spell))
    assert repr(spell(ESR)) in refused.value.problem
    assert (refused.value.dataset, refused.value.column) == (dataset, "Resource Name")
    assert str(refused.value.file).endswith(f"{AFTER.year}.parquet")


@pytest.mark.parametrize("pad", PADDED)
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_name_that_is_filled_up_is_the_name(tmp_path: Path, dataset, pad) -> None:
    rows, findings = registry(tmp_path, AFTER.year, respelled(esr_market(), dataset, pad.format))
    assert sorted(rows) == ["ELM_1", "OAK_1"]
    assert count_of(findings, "one_sided") == 0


def test_small_letters_that_all_files_share_are_read(tmp_path: Path) -> None:
    market = esr_market()
    for dataset in DATASETS:
        market = respelled(market, dataset, str.lower, on=TWO_DAYS)
    assert len(registry(tmp_path, AFTER.year, market)[0]) == 2


def test_of_the_generation_files_a_name_of_odd_signs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="b'OAK_BESS1'"):
        registry(tmp_path, MAY.year, respelled(may_market(), "dam_gen_resources", ODD["bytes"], name=GEN, on=(MAY,)))


@pytest.mark.parametrize(("dataset", "other"), [DATASETS, DATASETS[::-1]])
@pytest.mark.parametrize("on", [TWO_DAYS[:1], TWO_DAYS], ids=["one day", "all days"])
def test_a_misspelt_name_is_a_warning_and_a_note_on_both_rows(tmp_path: Path, dataset, other, on) -> None:
    market = respelled(esr_market(), dataset, lambda _: "OK_ESR1", on=on)
    rows, findings = registry(tmp_path, AFTER.year, market)
    said = f"OK_ESR1 has rows in {dataset} and none in {other}, on days of which OAK_ESR1 has none in {dataset}: perhaps one resource"
    (finding,) = found(findings, "one_sided")
    assert finding.warning
    assert said in finding.detail
    assert said in rows["OK_1"]["notes"]
    assert "OK_ESR1" in rows["OAK_1"]["notes"]
    assert "OK_ESR1" not in (rows["ELM_1"]["notes"] or "")


def test_a_battery_that_one_file_alone_knows_may_be_one_of_its_own_and_says_so(tmp_path: Path) -> None:
    market = esr_market()
    market["sced_esr_resources"] += esr_telemetry(AFTER, 1.0, "OAK_ESR2")
    rows, findings = registry(tmp_path, AFTER.year, market)
    (finding,) = found(findings, "one_sided")
    assert not finding.warning
    assert finding.detail == "OAK_ESR2 has rows in sced_esr_resources and none in dam_esr_resources"
    assert finding.detail in rows["OAK_2"]["notes"]
    assert "OAK_ESR2" not in (rows["OAK_1"]["notes"] or "")


def test_days_that_the_other_file_lacks_say_nothing_of_a_name(tmp_path: Path) -> None:
    market = esr_market()
    market["sced_esr_resources"] += esr_telemetry(days(AFTER, 3)[-1], 1.0, "FIR_ESR1")
    assert count_of(registry(tmp_path, AFTER.year, market)[1], "one_sided") == 0


def priced_market() -> Market:
    of_days = (prices(day, 20.0, 30.0) for day in TWO_DAYS)
    return together(esr_market(), *of_days, *(clearing(day, REGUP=5.0) for day in TWO_DAYS))


@pytest.mark.parametrize("dataset", ["dam_esr_resources", "da_prices", "rt_prices"])
@pytest.mark.parametrize("spell", [ODD["bytes"], ODD["lower"], ODD["hyphen"]], ids=["bytes", "lower", "hyphen"])
def test_one_settlement_point_in_other_letters_or_signs_is_refused(tmp_path: Path, dataset, spell) -> None:
    market = respelled(priced_market(), dataset, spell, "settlement_point", NODE)
    with pytest.raises(InputError, match="holds the name") as refused:
        settle(tmp_path, AFTER.year, market, until="bess_prices")
    assert repr(spell(NODE)) in refused.value.problem
    assert refused.value.dataset == dataset


def test_a_node_that_no_price_file_knows_is_named_with_the_nearest_known_one(tmp_path: Path) -> None:
    market = respelled(priced_market(), "dam_esr_resources", lambda _: "OAKK_RN", "settlement_point", NODE)
    settled = settle(tmp_path, AFTER.year, market, until="bess_prices")
    assert settled.findings("unknown_points") == ["OAKK_RN (nearest: OAK_RN)"] * 2
    clean = settle(tmp_path / "clean", AFTER.year, priced_market(), until="bess_prices")
    assert clean.findings("unknown_points") == []


def test_a_service_of_the_price_files_that_is_none_of_the_five_is_named(tmp_path: Path) -> None:
    market = respelled(priced_market(), "as_prices", lambda _: "REGPU", "product", "REGUP")
    settled = settle(tmp_path, AFTER.year, market, until="as_revenue")
    assert settled.findings("unknown_products") == ["REGPU"]


def test_a_name_of_ercot_is_what_ercot_writes() -> None:
    assert as_ercot("OAK__ESR1_") == "OAK__ESR1_"
    assert {as_ercot(spell(ESR)) for name, spell in ODD.items() if name != "accent"} == {ESR}
