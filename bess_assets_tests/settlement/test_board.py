"""Boards of daily rows written by hand: metrics, who ranks and why not, order, notes."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import Inputs
from bess_assets.settlement.board import leaderboard, leaderboard_monthly
from bess_assets.settlement.metrics import _cut, rank, ranked, usd_per_kw
from bess_assets.store.files import conform
from bess_assets.store.paths import RollupFolder
from bess_assets.tables import TABLES, arrow_schema

Row = dict[str, Any]


class Stored:
    """Stands for a stored table: declared columns, rows as given, what is left out null or zero."""

    def __init__(self, table: str, rows: Sequence[Row]) -> None:
        declared = TABLES[table]
        blank = {"count": 0, "flag": False}
        absent = {c.name: blank.get(c.kind) if c.required else None for c in declared.columns}
        full = [absent | row for row in rows]
        assert all(set(row) <= set(declared.column_names) for row in rows)
        self._table = pa.Table.from_pylist(full, arrow_schema(declared))

    def read(self, columns: list[str] | None = None) -> pa.Table:
        return self._table.select(columns) if columns else self._table


def battery(name: str = "OAK_1", **known: Any) -> Row:
    """A registry row of 2022, of a battery of 10 MW and 20 MWh."""
    row = {
        "battery": name, "gen_resource": "OAK_BESS1", "charging": "load", "settlement_point": "OAK_RN",
        "capacity_mw": 10.0, "capacity_source": "dam", "energy_mwh": 20.0, "duration_hours": 2.0,
        "duration_source": "ercot", **dict.fromkeys(("first_seen_day", "expected_first_day"), date(2022, 1, 1)),
        **dict.fromkeys(("last_seen_day", "expected_last_day", "data_through"), date(2022, 12, 31)),
        "edition": "final",
    }  # fmt: skip
    return {**row, **known}


def day(when: date, name: str = "OAK_1", **known: Any) -> Row:
    """A whole combo day before ECRS: 100 $ day-ahead, -20 $ real-time, 5 $ of each product, 15 MWh out and 20 in, TB2 of 50 $/MW."""
    products = {p: 5.0 for p in PRODUCTS if p != "ecrs"}
    row = {
        "battery": name, "operating_day": when, "settlement_point": "OAK_RN", "da_energy_usd": 100.0,
        "rt_energy_usd": -20.0, **{f"as_{p}_usd": usd for p, usd in products.items()},
        **{f"as_{p}_da_usd": usd for p, usd in products.items()}, "rt_metered_usd": 30.0, "charging_cost_usd": 12.0,
        "discharge_mwh": 15.0, "charge_mwh": 20.0, "paired_discharge_mwh": 15.0, "paired_charge_mwh": 20.0,
        "tb2_usd_per_mw": 50.0, "award_positive": True,
        **{f"{what}_quarter_hours": 96 for what in ("expected", "energy", "discharge", "combo")},
        **{f"{side}_telemetry_quarter_hours": 96 for side in ("discharge", "charge")}, "expected_hours": 24,
        "as_hours": 24, **{f"{p}_expected_hours": 24 for p in products}, **{f"{p}_hours": 24 for p in products},
        **known,
    }  # fmt: skip
    if "energy_usd" not in known and row["da_energy_usd"] is not None and row["rt_energy_usd"] is not None:
        row["energy_usd"] = row["da_energy_usd"] + row["rt_energy_usd"]
    if "as_usd" not in known and None not in [row[f"as_{p}_usd"] for p in products]:
        row["as_usd"] = sum(row[f"as_{p}_usd"] for p in products) + (row.get("as_ecrs_usd") or 0.0)
    if row.get("energy_usd") is not None and row.get("as_usd") is not None:
        row["total_usd"] = row["energy_usd"] + row["as_usd"]
    return row


UNKNOWN_ENERGY: Row = dict.fromkeys(("da_energy_usd", "rt_energy_usd", "energy_usd", "total_usd"))
UNKNOWN_ENERGY |= {"energy_quarter_hours": 0, "award_unknown_quarter_hours": 96}
UNKNOWN_AS: Row = {**{f"as_{p}_usd": None for p in PRODUCTS}, "as_usd": None, "total_usd": None, "as_hours": 0}


def days_of(name: str = "OAK_1", first: date = date(2022, 1, 1), count: int = 365, **known: Any) -> list[Row]:
    return [day(first + timedelta(days=n), name, **known) for n in range(count)]


def boards(registry: Sequence[Row], daily: Sequence[Row], step: Any = leaderboard) -> list[Row]:
    """Rows of a board in its order, as its table would take them."""
    rows = sorted(daily, key=lambda row: (row["battery"], row["operating_day"]))
    tables = {"bess_registry": Stored("bess_registry", registry), "daily_revenue": Stored("daily_revenue", rows)}
    result = step(Inputs(operating_year(2022), RollupFolder(Path("no rollups")), tables))  # type: ignore[arg-type]
    name = "leaderboard" if step is leaderboard else "leaderboard_monthly"
    return [row for chunk in result.chunks for row in conform(TABLES[name], chunk).to_pylist()]


def board(daily: Sequence[Row], **known: Any) -> Row:
    (row,) = boards([battery(**known)], daily)
    return row


# --- metrics --------------------------------------------------------------------------------------------------------------------------------------
def test_a_whole_year_by_hand() -> None:
    row = board(days_of())
    assert (row["rank"], row["excluded_reason"]) == (1, None)
    assert (row["da_energy_usd"], row["rt_energy_usd"], row["energy_usd"]) == (36_500.0, -7_300.0, 29_200.0)
    assert (row["as_regup_usd"], row["as_ecrs_usd"], row["as_usd"]) == (1_825.0, None, 7_300.0)
    assert (row["total_usd"], row["usd_per_mw"], row["usd_per_kw_year"]) == (36_500.0, 3_650.0, pytest.approx(3.65))
    assert row["usd_per_kw_month"] == pytest.approx(3.65 / 12)
    assert (row["usd_per_mwh_discharged"], row["cycles_per_day"]) == (pytest.approx(100 / 15), pytest.approx(15 / 20))
    assert (row["round_trip_efficiency"], row["tb2_usd"]) == (pytest.approx(0.75), pytest.approx(10 * 365 * 50))
    assert (row["tb2_capture"], row["energy_share"]) == (pytest.approx(29_200 / 182_500), pytest.approx(0.8))
    assert (row["strategy"], row["top_as_product"]) == ("hybrid", "regup")
    assert row["best_day_share"] == pytest.approx(100 / 36_500)
    assert (row["energy_coverage"], row["as_coverage"]) == (1.0, 1.0)
    assert (row["quantity_source"], row["first_active_date"]) == ("telemetry", date(2022, 1, 1))
    assert row["active_days"] == 365


def test_dollars_per_kilowatt_are_scaled_from_active_days_to_the_year_and_not_for_coverage() -> None:
    idle = days_of(count=265, award_positive=False, discharge_mwh=0.9, da_energy_usd=0.0, rt_energy_usd=0.0)
    row = board(idle + days_of(first=date(2022, 9, 23), count=100))
    assert (row["first_active_date"], row["active_days"]) == (date(2022, 9, 23), 100)
    assert row["usd_per_kw_year"] == pytest.approx(row["total_usd"] / 10_000 * 365 / 100)
    assert row["usd_per_mw"] == pytest.approx(row["total_usd"] / 10), "not annualised"


def test_a_tenth_of_an_hour_at_full_power_makes_a_day_active_without_an_award() -> None:
    quiet = {"award_positive": False, "discharge_mwh": 0.99}
    rows = days_of(count=2, **quiet) + days_of(first=date(2022, 1, 3), count=1, award_positive=False, discharge_mwh=1.0)
    row = board(rows, expected_last_day=date(2022, 1, 3))
    assert (row["first_active_date"], row["active_days"]) == (date(2022, 1, 3), 1)
    unsized = board(rows, capacity_mw=None)
    assert (unsized["first_active_date"], unsized["active_days"]) == (None, 0)


def test_outages_after_the_first_active_day_count_as_active() -> None:
    rows = days_of(count=10) + days_of(first=date(2022, 1, 11), count=30, award_positive=False, discharge_mwh=0.0)
    assert board(rows)["active_days"] == 40


def test_under_thirty_active_days_nothing_is_annualised() -> None:
    short = board(days_of(count=29))
    assert (short["usd_per_kw_year"], short["usd_per_kw_month"], short["rank"]) == (None, None, None)
    assert short["usd_per_mw"] is not None
    assert board(days_of(count=30))["usd_per_kw_year"] == pytest.approx(3_000 / 10_000 * 365 / 30)


def test_efficiency_needs_five_cycles_or_ten_hours_of_charging() -> None:
    assert board(days_of(count=4))["round_trip_efficiency"] is None, "80 MWh of 100"
    assert board(days_of(count=5))["round_trip_efficiency"] == pytest.approx(0.75)
    assert board(days_of(count=4), energy_mwh=None)["round_trip_efficiency"] is None
    assert board(days_of(count=5), energy_mwh=None)["round_trip_efficiency"] == pytest.approx(0.75)
    assert board(days_of(count=40), energy_mwh=None, capacity_mw=None)["round_trip_efficiency"] is None


def test_efficiency_compares_only_what_is_known_on_both_sides() -> None:
    rows = days_of(count=10, paired_discharge_mwh=7.0, paired_charge_mwh=10.0)
    assert board(rows)["round_trip_efficiency"] == pytest.approx(0.7)
    above = board(days_of(count=40, paired_discharge_mwh=22.0))
    assert above["round_trip_efficiency"] == pytest.approx(1.1)
    assert above["rank"] == 1, "efficiency above 1 does not exclude"
    assert "round-trip efficiency 1.10 is above 1: charging is missing" in above["notes"]


def test_cycles_count_observed_days_and_need_megawatt_hours() -> None:
    rows = days_of(count=30) + days_of(first=date(2022, 1, 31), count=30, discharge_mwh=None, discharge_quarter_hours=0)
    assert board(rows)["cycles_per_day"] == pytest.approx(15 / 20)
    assert board(rows, energy_mwh=None, duration_hours=4.0, duration_source="assumed")["cycles_per_day"] is None


def test_an_assumed_duration_is_shown_and_changes_no_metric() -> None:
    assumed = {"energy_mwh": None, "duration_hours": 4.0, "duration_source": "assumed"}
    row, other = board(days_of(), **assumed), board(days_of(), **{**assumed, "duration_hours": 1.0})
    assert (row["duration_hours"], row["duration_source"], row["energy_mwh"]) == (4.0, "assumed", None)
    assert {**row, "duration_hours": None} == {**other, "duration_hours": None}


def test_tb2_counts_active_well_covered_days_with_a_known_spread() -> None:
    rows = [
        *days_of(count=1, award_positive=False, discharge_mwh=0.0),  # not yet active
        *days_of(first=date(2022, 1, 2), count=30),
        *days_of(first=date(2022, 2, 1), count=1, energy_quarter_hours=91),  # 0.948
        day(date(2022, 2, 2), energy_quarter_hours=92, da_energy_usd=500.0, rt_energy_usd=0.0),
        *days_of(first=date(2022, 2, 3), count=1, tb2_usd_per_mw=None),
    ]
    just = days_of(count=1, expected_quarter_hours=100, energy_quarter_hours=95)
    assert board(just)["tb2_usd"] == pytest.approx(10 * 50), "0.95 of the 25-hour day is enough"
    row = board(rows)
    assert row["tb2_usd"] == pytest.approx(10 * 31 * 50)
    assert row["tb2_capture"] == pytest.approx((30 * 80 + 500) / (10 * 31 * 50)), "ancillary services not included"


def test_tb2_capture_is_never_capped_and_unknown_without_a_spread() -> None:
    assert board(days_of(tb2_usd_per_mw=1.0))["tb2_capture"] == pytest.approx(8.0)
    assert board(days_of(da_energy_usd=0.0))["tb2_capture"] == pytest.approx(-20 / 500)
    flat = board(days_of(tb2_usd_per_mw=0.0))
    assert (flat["tb2_usd"], flat["tb2_capture"]) == (0.0, None)
    assert board(days_of(), capacity_mw=None)["tb2_usd"] is None


def test_the_best_day_has_no_share_of_a_loss() -> None:
    assert board(days_of(da_energy_usd=-500.0))["best_day_share"] is None
    storm = board(days_of(count=364) + days_of(first=date(2022, 12, 31), count=1, da_energy_usd=10_020.0))
    assert storm["best_day_share"] == pytest.approx(10_020 / (36_400 + 10_020))


def test_totals_are_formed_from_the_components_of_the_row_and_null_if_one_is() -> None:
    rows = days_of(count=200) + days_of(first=date(2022, 7, 20), count=165, **UNKNOWN_ENERGY)
    row = board(rows)
    assert row["energy_usd"] == pytest.approx(200 * 80), "what is known adds up"
    assert row["total_usd"] == pytest.approx(200 * 80 + 365 * 20)
    unknown = board(days_of(**UNKNOWN_ENERGY))
    assert (unknown["energy_usd"], unknown["total_usd"], unknown["as_usd"]) == (None, None, pytest.approx(7_300))
    assert unknown["usd_per_mw"] is None
    product = board(days_of(as_rrs_usd=None, as_usd=None, as_hours=0, rrs_hours=0))
    assert (product["as_usd"], product["total_usd"], product["as_regup_usd"]) == (None, None, pytest.approx(1_825))
    assert product["strategy"] is None


def test_a_product_that_exists_in_part_of_the_year_counts_from_then() -> None:
    ecrs = {"ecrs_expected_hours": 24, "ecrs_hours": 24, "as_ecrs_usd": 7.0, "as_ecrs_da_usd": 7.0}
    row = board(days_of(count=300) + days_of(first=date(2022, 10, 28), count=65, **ecrs))
    assert (row["as_ecrs_usd"], row["as_usd"]) == (pytest.approx(65 * 7), pytest.approx(365 * 20 + 65 * 7))


# --- who ranks ------------------------------------------------------------------------------------------------------------------------------------
def test_each_reason_has_its_phrase_and_all_stand_in_order() -> None:
    known = {"settlement_point": None, "charging": "unknown", "capacity_mw": None}
    row = board(days_of(count=29, **(UNKNOWN_ENERGY | UNKNOWN_AS)), **known)
    assert row["excluded_reason"] == (
        "settlement point unknown; charging unknown; energy coverage 0.000 below 0.95 (day-ahead award unknown in 100.0%); "
        "AS coverage 0.000 below 0.95; "
        "capacity unknown; active 29 days, under 30"
    )
    assert row["rank"] is None


@pytest.mark.parametrize(("known", "reason"), [
    ({"settlement_point": None}, "settlement point unknown"), ({"charging": "unknown"}, "charging unknown"),
    ({"capacity_mw": None}, "capacity unknown"),
])  # fmt: skip
def test_one_reason_suffices(known: Row, reason: str) -> None:
    assert board(days_of(), **known)["excluded_reason"] == reason


def test_charging_of_the_combo_era_matters_only_where_the_row_has_such_quarter_hours() -> None:
    assert board(days_of(combo_quarter_hours=0), charging="unknown")["excluded_reason"] is None
    assert board(days_of(), charging="generation")["excluded_reason"] is None


@pytest.mark.parametrize(("known", "reason"), [
    ({"energy_quarter_hours": 92}, None),  # 0.9583
    ({"energy_quarter_hours": 91}, "energy coverage 0.947 below 0.95"),  # 0.94792, which rounds to 0.948
    ({"energy_quarter_hours": 0}, "energy coverage 0.000 below 0.95"),
    ({"as_hours": 22}, "AS coverage 0.916 below 0.95"),  # 0.91667
    ({"energy_quarter_hours": 72, "unpriced_quarter_hours": 24, "unobserved_quarter_hours": 12},
     "energy coverage 0.750 below 0.95 (price at OAK_RN unknown in 25.0%, discharge or charge unknown in 12.5%)"),
    ({"as_hours": 12, "regup_hours": 12, "rrs_hours": 12},
     "AS coverage 0.500 below 0.95 (regulation up and responsive reserve unknown in 50.0%)"),
])  # fmt: skip
def test_coverage_is_cut_and_not_rounded_and_what_it_lacks_is_named(known: Row, reason: str | None) -> None:
    assert board(days_of(**known))["excluded_reason"] == reason


@given(st.integers(1, 35_136), st.integers(1, 35_136))
def test_a_cut_share_is_its_first_three_decimals(known: int, expected: int) -> None:
    known = min(known, expected)
    whole, thousandths = divmod(known * 1_000 // expected, 1_000)
    assert _cut(known / expected) == f"{whole}.{thousandths:03d}"


def test_notes_do_not_exclude() -> None:
    counts = {"implausible_quarter_hours": 2, "implausible_as_hours": 1, "unpriced_quarter_hours": 3}
    row = board(days_of(**counts), notes="paired by hand")
    assert row["rank"] == 1
    assert row["notes"] == (
        "paired by hand; implausible prices used: 730 quarter-hours of energy, 365 product hours of AS; "
        "1095 quarter-hours unpriced"
    )


def test_the_fleet_average_weighs_capacity_by_active_days_of_ranked_batteries() -> None:
    rows = [
        {"rank": 1, "total_usd": 60_000.0, "capacity_mw": 10.0, "active_days": 365},
        {"rank": 2, "total_usd": 30_000.0, "capacity_mw": 20.0, "active_days": 73},
        {"rank": None, "total_usd": 9e9, "capacity_mw": 1.0, "active_days": 365},
    ]
    assert usd_per_kw(ranked(rows), 365) == pytest.approx(90_000 / (10_000 + 20_000 * 73 / 365))
    assert usd_per_kw(ranked(rows[2:]), 365) is None


# --- order ----------------------------------------------------------------------------------------------------------------------------------------
def _listed(name: str, total: float | None, services: float | None = None, reason: str | None = None) -> Row:
    return {"battery": name, "total_usd": total, "as_usd": services, "excluded_reason": reason}


def test_ranked_rows_stand_by_total_and_ties_by_name_whatever_their_ancillary_services() -> None:
    listed = (("B", 5.0, 9.0), ("C", 7.0, 0.0), ("A", 5.0, 1.0), ("D", -0.5), ("E", 0.0))
    rows = [_listed(*row) for row in listed]
    rank(rows)
    assert [(row["battery"], row["rank"]) for row in rows] == [("C", 1), ("A", 2), ("B", 3), ("E", 4), ("D", 5)]


def test_unranked_rows_follow_by_total_then_ancillary_services_then_name_with_nulls_last() -> None:
    unranked = {"F": (None, None), "E": (None, None), "D": (None, 1.0), "C": (None, 2.0), "B": (-5.0, None)}
    unranked |= {"A": (-5.0, 3.0), "Z": (1.0, 0.0)}
    rows = [*(_listed(name, *usd, "x") for name, usd in unranked.items()), _listed("R", -9.0)]
    rank(rows)
    assert [row["battery"] for row in rows] == ["R", "Z", "A", "B", "C", "D", "E", "F"]
    assert [row["rank"] for row in rows] == [1, *[None] * 7]


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(-1e6, 1e6)), st.booleans()), max_size=12))
def test_ranks_count_from_one_without_gaps_and_dollars_never_rise(listed: list[tuple[float | None, bool]]) -> None:
    rows = [_listed(f"B{n:02d}", usd, None, "x" if out or usd is None else None) for n, (usd, out) in enumerate(listed)]
    rank(rows)
    best = ranked(rows)
    assert [row["rank"] for row in best] == list(range(1, len(best) + 1))
    assert rows[: len(best)] == best
    assert [row["total_usd"] for row in best] == sorted((row["total_usd"] for row in best), reverse=True)


def test_every_battery_seen_has_a_row() -> None:
    registry = [battery("A"), battery("B", charging="unknown", capacity_mw=None), battery("C")]
    rows = boards(registry, days_of("A") + days_of("B", **UNKNOWN_ENERGY) + days_of("C", da_energy_usd=101.0))
    assert [(row["battery"], row["rank"]) for row in rows] == [("C", 1), ("A", 2), ("B", None)]


def test_a_ranked_battery_whose_newest_product_is_unknown_stops_no_board() -> None:
    # Left the market four days after ECRS began, in files without an ECRS column: coverage is well above 0.95.
    ecrs = {"ecrs_expected_hours": 24, "ecrs_hours": 0, "as_hours": 0, "as_usd": None, "total_usd": None}
    rows = days_of("A", count=160) + days_of("A", first=date(2022, 6, 10), count=4, **ecrs)
    listed = boards([battery("A", expected_last_day=date(2022, 6, 13)), battery("B")], rows + days_of("B"))
    assert {row["battery"]: row["total_usd"] for row in listed} == {"A": None, "B": pytest.approx(36_500)}
    assert listed[0]["battery"] == "B"


# --- months ---------------------------------------------------------------------------------------------------------------------------------------
def test_a_month_is_the_year_cut_to_it() -> None:
    rows = boards([battery()], days_of(), leaderboard_monthly)
    assert [row["month"] for row in rows] == list(range(1, 13))
    may = rows[4]
    assert (may["total_usd"], may["usd_per_kw_month"]) == (pytest.approx(3_100), pytest.approx(3_100 / 10_000))
    assert may["usd_per_kw_year"] == pytest.approx(12 * 3_100 / 10_000)
    assert (may["active_days"], may["first_active_date"], may["rank"]) == (31, date(2022, 1, 1), 1)
    assert may["strategy"] == "hybrid"


def test_a_month_needs_ten_active_days() -> None:
    start = date(2022, 5, 22)
    rows = boards(
        [battery(expected_first_day=start), battery("ELM_1", expected_first_day=date(2022, 5, 23))],
        days_of(first=start, count=20) + days_of("ELM_1", first=date(2022, 5, 23), count=19),
        leaderboard_monthly,
    )
    listed = [(row["month"], row["battery"], row["active_days"], row["rank"]) for row in rows]
    assert listed == [(5, "OAK_1", 10, 1), (5, "ELM_1", 9, None), (6, "ELM_1", 10, 1), (6, "OAK_1", 10, 2)]
    assert rows[1]["excluded_reason"] == "active 9 days, under 10"
    assert rows[0]["usd_per_kw_month"] == pytest.approx(1_000 / 10_000 * 31 / 10)
    assert rows[1]["usd_per_kw_month"] is None


def test_a_battery_has_no_row_in_a_month_in_which_it_is_not_expected() -> None:
    rows = boards([battery()], days_of(first=date(2022, 3, 31), count=2), leaderboard_monthly)
    assert [row["month"] for row in rows] == [3, 4]


def test_a_battery_not_active_until_a_later_month_has_no_active_days_before() -> None:
    idle = days_of(count=31, award_positive=False, discharge_mwh=0.0)
    rows = boards([battery()], idle + days_of(first=date(2022, 2, 1), count=28), leaderboard_monthly)
    assert [row["active_days"] for row in rows] == [0, 28]
    assert {row["first_active_date"] for row in rows} == {date(2022, 2, 1)}


def test_sources_of_both_sides_are_named_once_if_they_are_the_same() -> None:
    assert board(days_of())["quantity_source"] == "telemetry"
    assert board(days_of(discharge_smne_quarter_hours=5))["quantity_source"] == "smne+telemetry/telemetry"
    assert board(days_of(charge_telemetry_quarter_hours=0))["quantity_source"] == "telemetry/unknown"
    nothing = {"charge_telemetry_quarter_hours": 0, "discharge_telemetry_quarter_hours": 0}
    assert board(days_of(**nothing))["quantity_source"] is None
