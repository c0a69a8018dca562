"""The table of comparisons: which figures lie outside, on either side, and what is said of them."""

from collections import defaultdict
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.checks.check import Judged
from bess_assets.checks.comparisons import COMPARISONS, Comparison, breaches
from bess_assets.checks.hours import Hours, correlation, gain, moved
from bess_assets.checks.measures import (
    FLEET,
    YEAR,
    _again,
    _awards,
    _basis,
    _days_again,
    _lone_zeros,
    _real_time_as,
    _services,
    _still,
    _values,
)
from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.step import StepResult
from bess_assets.store.paths import result_path
from bess_assets.tables import DAILY_REVENUE, TABLES, arrow_schema
from bess_assets_tests.made_home import write_rows

NAN = float("nan")


def compare(against="", low=0.5, high=2.0, **values):
    """Places outside the bounds, of months of OAK given as `m1=..`, and of other nodes in month 1 given by name."""
    places = {("OAK", int(name[1:])) if name[1:].isdigit() else (name, 1): v for name, v in values.items()}
    found = breaches(Comparison("level", low, high, "times", "the level", "FILE, column", against), {"level": places})
    return {(subject, month): round(value, 3) for (subject, month), value in found.items()}


@pytest.mark.parametrize(("value", "outside"), [(0.49, True), (0.5, False), (2.0, False), (2.01, True), (-1.0, True)])
def test_a_figure_outside_its_bounds_is_named_on_either_side(value, outside):
    assert compare(m1=value) == ({("OAK", 1): value} if outside else {})


@pytest.mark.parametrize(("july", "outside"), [(4.0, {("OAK", 7): 0.4}), (21.0, {("OAK", 7): 2.1}), (6.0, {})])
def test_a_month_is_held_against_the_median_of_the_other_months(july, outside):
    assert compare("own year", m5=9.0, m6=10.0, m7=july, m8=11.0) == outside


def test_under_four_months_say_nothing_of_a_year():
    assert compare("own year", m6=10.0, m7=100.0, m8=10.0) == {}


def test_a_subject_is_held_against_the_median_of_all_in_the_month():
    assert compare("fleet", ELM=10.0, ASH=11.0, FIR=9.0, YEW=30.0) == {("YEW", 1): 2.857}


def test_two_subjects_say_nothing_of_a_fleet():
    assert compare("fleet", ELM=10.0, ASH=30.0) == {}


def test_what_is_usually_nothing_has_no_ratio():
    assert compare("own year", m5=0.0, m6=0.0, m7=5.0, m8=0.0) == {}


def test_each_row_has_bounds_a_unit_and_a_place_to_look_at():
    assert len({(row.measure, row.against) for row in COMPARISONS}) == len(COMPARISONS)
    for row in COMPARISONS:
        assert row.low <= row.high
        assert row.unit
        assert ", " in row.source


def test_the_year_and_the_fleet_are_places_of_their_own():
    assert YEAR not in range(1, 13)
    assert FLEET.upper() != FLEET  # no settlement point or battery is called so


def measured(ask, settings, year):
    """Values of each measure by subject and month."""
    found = defaultdict(dict)
    for name, subject, month, value in ask(Judged(settings, year, DAILY_REVENUE, 0, StepResult(iter(())))):
        found[name][subject, month] = value
    return found


def _registered(battery, first_day):
    days = ("first_seen_day", "last_seen_day", "expected_first_day", "expected_last_day", "data_through")
    said = {"battery": battery, "charging": "load", "edition": "final", "duration_source": "assumed"}
    ends = dict.fromkeys(days, date(2022, 12, 31)) | {"expected_first_day": first_day}
    return said | ends | {"capacity_mw": 10.0, "duration_hours": 2.0}


def _month(month, award_mw, **more):
    side = {f"{p}_{of}_award_mw": award_mw for p in PRODUCTS for of in ("gen", "load")} | more
    start = datetime(2022, month, 10, 12, tzinfo=UTC)
    return {
        "battery": "OAK", "interval_start": start, "operating_day": start.date(), "award_mw": 3.0, **side,
    }  # fmt: skip


def test_awards_of_which_nothing_is_known_are_compared_with_nothing_and_not_taken_for_none(settings):
    write_rows(settings, 2022, "bess_registry", [_registered("OAK", date(2022, 1, 1))])
    months = [_month(3, 2.0), _month(4, None), _month(5, 2.0, ecrs_gen_award_mw=None, ecrs_load_award_mw=None)]
    write_rows(settings, 2022, "bess_awards", months)
    write_rows(settings, 2022, "daily_revenue", [])
    found = measured(_awards, settings, 2022)
    # all five of both sides; April is unknown; before ECRS the other four
    assert found["fleet_as"] == {(FLEET, 3): 2.0, (FLEET, 5): 1.6}


def test_a_battery_that_comes_in_a_month_offers_less_than_its_capacity_and_is_no_part_of_the_fleet_then(settings):
    registry = [_registered("NEW", date(2022, 5, 1)), _registered("OAK", date(2022, 1, 1))]
    write_rows(settings, 2022, "bess_registry", registry)
    awards = [_month(month, 0.0) | {"battery": "NEW"} for month in (5, 6, 7)]
    awards += [_month(month, 2.0) for month in (4, 5, 6, 7)]
    awards = [{"year": 2022} | row for row in awards]
    path = result_path(settings.results, "bess_awards", 2022)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(awards, arrow_schema(TABLES["bess_awards"])), path)
    write_rows(settings, 2022, "daily_revenue", [])
    found = measured(_awards, settings, 2022)
    assert found["fleet_as"] == {(FLEET, 4): 2.0, (FLEET, 5): 2.0, (FLEET, 6): 2.0, (FLEET, 7): 1.0}


def test_two_nodes_under_each_others_names_fit_each_other_better_than_themselves(settings):
    day_ahead = {"ASH": 30.0, "ELM": 33.0, "FIR": 36.0, "OAK": 39.0}
    real_time = day_ahead | {"ASH": 39.5, "OAK": 30.5}
    days = [date(2025, 7, day) for day in range(1, 12)]
    rows = [
        {"settlement_point": p, "operating_day": day, "da_mean_usd_per_mwh": usd, "rt_mean_usd_per_mwh": real_time[p]}
        for p, usd in day_ahead.items()
        for day in days
    ]
    write_rows(settings, 2025, "price_daily", rows)
    found = measured(_basis, settings, 2025)["rt_of_another"]
    assert found["ASH", 7] == found["OAK", 7] > 10
    assert max(found["ELM", 7], found["FIR", 7]) < 2


def test_real_time_services_are_held_against_day_ahead_ones(settings):
    flags = {f"{p}_exists": p == "rrs" for p in PRODUCTS} | {f"{p}_implausible_price": False for p in PRODUCTS}
    hour = {"battery": "OAK", "operating_day": date(2026, 3, 4), **flags}
    start = datetime(2026, 3, 4, 12, tzinfo=UTC)
    # 200 $ a day ahead, bought back for 50 $; what was awarded in real time was worth 60 $
    sold = {"interval_start": start, "rrs_da_usd": 200.0, "rrs_rt_award_usd": 60.0, "rrs_rt_usd": 10.0}
    unknown = {"interval_start": start.replace(hour=13), "rrs_da_usd": 900.0}
    write_rows(settings, 2026, "as_revenue", [hour | more for more in (sold, unknown)])
    day = {
        "battery": "OAK",
        "operating_day": date(2026, 3, 4),
        "award_positive": False,
        "as_rt_award_usd": 300.0,
    }
    write_rows(settings, 2026, "daily_revenue", [day | dict.fromkeys((f"as_{p}_rt_usd" for p in PRODUCTS), 10.0)])
    assert dict(measured(_real_time_as, settings, 2026)) == {
        "rt_mcpc_over_da": {("rrs", 3): 0.25},
        "fleet_rt_mcpc_over_da": {(FLEET, 3): 0.25},
        "rt_award_over_da": {("OAK", 3): 1.2},
        "fleet_rt_award_over_da": {(FLEET, 3): 1.2},
    }


def test_hours_whose_prices_are_those_before_at_every_point_are_counted():
    hours = Hours(2024)
    rt, da = np.random.default_rng(1).normal(size=(2, 3, len(hours.month)))
    end = rt + 1.0
    rt[:, 1_000] = end[:, 1_000] = end[:, 999]  # 11 February
    rt[:2, 50] = end[:2, 50] = end[:2, 49]  # the third moves
    da[:, 10] = da[:, 9]
    da[2, 10] = NAN  # two points tell nothing
    da[:, 30:33] = da[:, 29:30]
    found = {(name, month): n for name, _, month, n in _still(hours, rt, da, end) if n}
    assert found == {("fleet_rt_still", 2): 1, ("fleet_da_still", 1): 3}


def test_prices_below_zero_that_were_lost_show_beside_the_day_ahead_ones():
    price = np.array([[1.0] * 20, [-1.0] * 5 + [1.0] * 15, [1.0] * 20])
    other = np.array([[-2.0] * 10 + [2.0] * 10] * 2 + [[-2.0] * 9 + [2.0] * 11])
    assert _values("rt", price, other)["rt_negative"].tolist() == pytest.approx([0.0, 0.5, NAN], nan_ok=True)
    assert "da_negative" not in _values("da", price, other)


def test_a_zero_between_two_values_is_a_lone_one():
    lone, between = _lone_zeros(np.array([5.0, 0.0, 4.0, 0.0, 0.0, 3.0, NAN, 2.0, 1.0, 6.0]))
    assert np.flatnonzero(lone).tolist() == [0]
    assert np.flatnonzero(between).tolist() == [0, 5, 7]


def test_a_day_again_is_one_whose_hours_are_those_of_an_earlier_day():
    days = np.array([[1.0, 2.0], [0.0, NAN], [1.0, 2.0], [0.0, NAN], [2.0, 1.0], [1.0, 2.0]])
    assert np.flatnonzero(_days_again(days)).tolist() == [2, 5]


def test_days_with_the_prices_or_flows_of_an_earlier_day_are_counted(settings):
    def prices(day, low, high):
        told = {
            f"{market}_{what}_usd_per_mwh": v
            for market in ("rt", "da")
            for what, v in (("mean", 9.0), ("min", low), ("max", high))
        }
        return {"settlement_point": "NODE", "operating_day": date(2025, 7, day), **told}  # fmt: skip

    write_rows(settings, 2025, "price_daily", [prices(1, 5.0, 9.5), prices(2, 5.0, 9.5), prices(3, 4.0, 9.5), prices(4, 9.0, 9.0), prices(5, 9.0, 9.0)])  # fmt: skip
    flows = [{"battery": "OAK", "operating_day": date(2025, 7, n), "discharge_mwh": mwh, "charge_mwh": 3.0} for n, mwh in enumerate((0.5, 0.5, 2.0, 2.0, 2.0), start=1)]  # fmt: skip
    write_rows(settings, 2025, "rt_dispatch_daily", flows)
    assert dict(measured(_again, settings, 2025)) == {
        "rt_day_again": {("NODE", 7): 1},
        "da_day_again": {("NODE", 7): 1},
        "flow_day_again": {("OAK", 7): 2},
    }


def test_an_hour_without_an_award_of_any_battery_between_hours_with_some_is_counted(settings):
    hours = len(Hours(2026).month)
    awards = np.full(hours, 5.0)
    awards[[100, 200, 201]] = 0.0
    schema = arrow_schema(TABLES["as_revenue"])
    names = np.repeat(["ASH", "ELM", "OAK"], hours)
    of_oak = np.concatenate([np.zeros(2 * hours), awards])
    own = {"battery": names} | {f"{p}_award_mw": of_oak for p in PRODUCTS}
    blank = {field.name: np.zeros(len(names), dtype=bool) for field in schema if field.type == pa.bool_()}
    columns = [
        pa.array(own[f.name] if f.name in own else blank.get(f.name, [None] * len(names))).cast(f.type) for f in schema
    ]
    path = result_path(settings.results, "as_revenue", 2026)
    path.parent.mkdir(parents=True, exist_ok=True)
    loose = pa.schema([field.with_nullable(True) for field in schema])
    pq.write_table(pa.Table.from_arrays(columns, schema=loose), path, row_group_size=hours)
    found = measured(_services, settings, 2026)["fleet_as_lone_zero"]
    assert {place: n for place, n in found.items() if n} == {(FLEET, 1): 1}


def test_a_series_that_does_not_move_has_no_correlation_with_another():
    still, moving, with_a_hole = np.full(3, 0.1), np.array([1.0, 2.0, 4.0]), np.array([2.0, NAN, 8.0])
    assert np.isnan(correlation(still, moving))
    assert correlation(moving, with_a_hole) == pytest.approx(1.0)
    assert correlation(moving, -moving) == pytest.approx(-1.0)


def test_a_series_an_hour_late_fits_best_once_it_is_moved_back():
    late = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 7.0, 0.0, 6.0])
    right = moved(late, [-1])[0]
    at, more = gain(correlation(right, moved(late, (-1, 0, 1))))
    assert (at + more, right.tolist()[:7]) == (pytest.approx(1.0), late.tolist()[1:])


def test_days_have_their_hours_and_months_their_days():
    hours = Hours(2024)
    whole = hours.by_day(np.ones(len(hours.month)))
    assert np.bincount(np.nansum(whole, axis=1).astype(int))[23:].tolist() == [1, 364, 1]
    assert [own.stop - own.start for _, own in hours.months()][:3] == [31 * 24, 29 * 24, 31 * 24 - 1]
    assert hours.in_first_days(4).sum() == 12 * 4 * 24 + 1  # 3 November is the autumn day
