"""Settlement point prices and market clearing prices: which points, which type of a zone, what is missing and what is odd."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.products import PRICE_SOURCES, PRODUCTS
from bess_assets.ercot.step import Findings
from bess_assets.settlement.days import Chunk
from bess_assets.settlement.grid import labels_array
from bess_assets.settlement.prices import (
    QUARTERS_CHECK,
    PriceGrid,
    bess_prices,
    clearing_prices,
    day_ahead_mcpc,
    implausible,
    product_first_hours,
    ranked,
)
from bess_assets.store.files import ResultTable, write_table
from bess_assets.tables import BESS_PRICES
from bess_assets_tests.resources import ALONE, NODE
from bess_assets_tests.scenario import ERAS, write_columns, write_rollup
from bess_assets_tests.steps import SPRING_AND_AUTUMN, count_of, found, hour_of, inputs_of, quarter_hour_of, take

DAY = date(2024, 1, 1)
SPRING, AUTUMN = SPRING_AND_AUTUMN[2024]
TWO_NODES = {**ALONE, "settlement_points": f"{NODE};OTHER_RN"}
NAN = float("nan")
REPORT = PRICE_SOURCES.index("report")


def _da(hour, price, point=NODE, day=DAY):
    return {"operating_day": day, "hour_ending": hour, "settlement_point": point, "price_usd_per_mwh": price}


def _rt(hour, interval, price, point=NODE, kind="RN", day=DAY, **more):
    return {
        "operating_day": day, "hour_ending": hour, "interval": interval, "settlement_point": point,
        "settlement_point_type": kind, "price_usd_per_mwh": price, **more,
    }  # fmt: skip


def _prices(root, *batteries, year=2024):
    result = bess_prices(inputs_of(root, year, *(batteries or (ALONE,))))
    return take(result, "settlement_point"), result.findings.items


def _known(values):
    return {int(n): float(values[n]) for n in np.flatnonzero(~np.isnan(values))}


# --- settlement point prices ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_the_day_ahead_price_of_an_hour_stands_in_its_four_quarter_hours_and_a_real_time_price_in_one(tmp_path, era):
    write_rollup(tmp_path, "da_prices", 2024, [_da(1, 20.0), _da(24, 30.0)], era)
    write_rollup(tmp_path, "rt_prices", 2024, [_rt(1, 2, -5.0), _rt(24, 4, 40.0)], era)
    prices, _ = _prices(tmp_path)
    expected = dict.fromkeys(range(4), 20.0) | dict.fromkeys(range(92, 96), 30.0)
    assert _known(prices[NODE]["da_price_usd_per_mwh"]) == expected
    assert _known(prices[NODE]["rt_price_usd_per_mwh"]) == {1: -5.0, 95: 40.0}


def test_prices_of_nodes_hubs_and_zones_are_kept_in_order_and_other_points_are_not(tmp_path):
    points = ["LZ_WEST", NODE, "HB_NORTH", "SOMEBODY_RN", "HUB_NOT", "DC_E"]
    write_rollup(tmp_path, "da_prices", 2024, [_da(1, 1.0, p) for p in points])
    prices, _ = _prices(tmp_path, TWO_NODES)
    assert list(prices) == [NODE, "HB_NORTH", "LZ_WEST", "OTHER_RN"]


def test_hubs_and_zones_are_taken_from_real_time_where_there_are_no_day_ahead_prices(tmp_path):
    write_rollup(tmp_path, "rt_prices", 2024, [_rt(1, 1, 1.0, "HB_NORTH", "HU"), _rt(1, 1, 1.0)])
    prices, findings = _prices(tmp_path)
    assert list(prices) == [NODE, "HB_NORTH"]
    assert found(findings, "dataset_absent", "da_prices")


@pytest.mark.parametrize("order", [1, -1], ids=["LZ first", "LZEW first"])
def test_of_a_load_zones_two_prices_the_one_of_type_lz_is_taken_and_the_other_is_no_duplicate(tmp_path, order):
    both = [_rt(1, 1, 10.0, "LZ_WEST", "LZ"), _rt(1, 1, 99.0, "LZ_WEST", "LZEW")][::order]
    alone = _rt(1, 2, 99.0, "LZ_WEST", "LZEW")
    # and on the autumn day without a flag, where a row more would look like the second hour
    kinds = ((1.0, "LZ"), (99.0, "LZEW"), (2.0, "LZ"), (99.0, "LZEW"))
    autumn = [_rt(2, 1, p, "LZ_WEST", kind, AUTUMN) for p, kind in kinds]
    write_rollup(tmp_path, "rt_prices", 2024, [*both, alone, *autumn])
    prices, findings = _prices(tmp_path)
    one = quarter_hour_of(datetime(2024, 11, 3, 1))
    assert _known(prices["LZ_WEST"]["rt_price_usd_per_mwh"]) == {0: 10.0, one: 1.0, one + 4: 2.0}
    assert not found(findings, "duplicate_rows")
    assert not found(findings, "contradicting_rows")


def test_a_missing_node_price_stays_null_and_is_never_a_hubs(tmp_path):
    write_rollup(tmp_path, "da_prices", 2024, [_da(1, 20.0, "HB_NORTH"), _da(1, 25.0, "OTHER_RN")])
    write_rollup(tmp_path, "rt_prices", 2024, [_rt(1, 1, 20.0, "HB_NORTH", "HU")])
    prices, findings = _prices(tmp_path, TWO_NODES)
    assert _known(prices[NODE]["da_price_usd_per_mwh"]) == _known(prices[NODE]["rt_price_usd_per_mwh"]) == {}
    (unpriced,) = found(findings, "unpriced", "bess_prices")
    assert (unpriced.count, unpriced.detail) == (2, f"{NODE}, OTHER_RN")


def test_hours_after_the_last_expected_day_make_no_node_unpriced(tmp_path):
    hours = range(1, 25)
    write_rollup(tmp_path, "da_prices", 2024, [_da(hour, 20.0) for hour in hours])
    write_rollup(tmp_path, "rt_prices", 2024, [_rt(hour, i, 20.0) for hour in hours for i in (1, 2, 3, 4)])
    days = dict.fromkeys(("expected_first_day", "expected_last_day"), date(2024, 1, 1))
    assert not found(_prices(tmp_path, {**ALONE, **days})[1], "unpriced")
    assert found(_prices(tmp_path, {**ALONE, **days, "expected_last_day": date(2024, 1, 2)})[1], "unpriced")


def _labels_of_the_year(year):
    """Day, hour ending and flag of each hour of a year, from the calendar alone."""
    spring, autumn = SPRING_AND_AUTUMN[year]
    for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        day = date(year, 1, 1) + timedelta(days=n)
        for hour in range(1, 25):
            if (day, hour) != (spring, 3):
                yield day, hour, "N"
            if (day, hour) == (autumn, 2):
                yield day, hour, "Y"


def test_a_node_that_lacks_a_single_price_of_the_year_is_unpriced_and_one_with_all_is_not(tmp_path):
    nodes = [NODE, "NO_DA_RN", "NO_RT_RN"]
    labels = list(_labels_of_the_year(2024))
    hours = [(node, *label) for node in nodes for label in labels]

    def lack(rows, node):
        rows.remove(next(row for row in rows if row[0] == node))
        return rows

    by_hour = lack(hours.copy(), "NO_DA_RN")
    by_quarter = lack([(*hour, i) for hour in hours for i in (1, 2, 3, 4)], "NO_RT_RN")
    for dataset, rows, names in (
        ("da_prices", by_hour, "SettlementPoint DeliveryDate HourEnding DSTFlag"),
        ("rt_prices", by_quarter, "SettlementPointName DeliveryDate DeliveryHour DSTFlag DeliveryInterval"),
    ):
        columns = dict(zip(names.split(), map(pa.array, zip(*rows, strict=True)), strict=True))
        write_columns(tmp_path, dataset, 2024, {**columns, "SettlementPointPrice": pa.array(np.full(len(rows), 20.0))})
    _, findings = _prices(tmp_path, {**ALONE, "settlement_points": ";".join(nodes)})
    (unpriced,) = found(findings, "unpriced")
    assert (unpriced.count, unpriced.detail) == (2, "NO_DA_RN, NO_RT_RN")


def test_twelve_points_are_named_and_all_are_counted(tmp_path):
    nodes = [f"N{n:02d}_RN" for n in range(13)]
    write_rollup(tmp_path, "da_prices", 2024, [_da(1, 9_999.0, node) for node in nodes])
    result = bess_prices(inputs_of(tmp_path, 2024, {**ALONE, "settlement_points": ";".join(nodes)}))
    list(result.chunks)
    for kind in ("implausible_price", "unpriced"):
        (finding,) = found(result.findings.items, kind)
        assert (finding.count, finding.detail) == (13, ", ".join(nodes[:12]))


def test_a_contradicting_price_is_counted_and_the_later_row_is_taken(tmp_path):
    write_rollup(tmp_path, "da_prices", 2024, [_da(1, 20.0), _da(1, 21.0), _da(2, 5.0), _da(2, 5.0)])
    prices, findings = _prices(tmp_path)
    assert prices[NODE]["da_price_usd_per_mwh"][[0, 4]].tolist() == [21.0, 5.0]
    assert count_of(findings, "contradicting_rows", "da_prices") == 1
    assert count_of(findings, "duplicate_rows", "da_prices") == 1


@pytest.mark.parametrize(("dataset", "price", "odd"), [
    ("rt_prices", -251.0, False), ("rt_prices", -251.01, True), ("da_prices", -251.01, False),
    ("da_prices", -1_000.0, False), ("da_prices", -1_000.01, True), ("rt_prices", 6_000.0, False),
    ("rt_prices", 6_000.01, True), ("da_prices", 6_000.01, True),
])  # fmt: skip
def test_an_implausible_price_is_used_all_the_same_and_flagged_with_its_point(tmp_path, dataset, price, odd):
    row = _rt(1, 1, price) if dataset == "rt_prices" else _da(1, price)
    write_rollup(tmp_path, dataset, 2024, [row])
    prices, findings = _prices(tmp_path)
    column = "rt_price_usd_per_mwh" if dataset == "rt_prices" else "da_price_usd_per_mwh"
    assert prices[NODE][column][0] == price
    flagged = found(findings, "implausible_price", dataset)
    assert [(f.count, f.detail, f.warning) for f in flagged] == ([(1, NODE, True)] if odd else [])


@pytest.mark.parametrize("year", [2019, 2021, 2022, 2026])
@pytest.mark.parametrize(
    ("dataset", "lowest", "cap", "cap_now"),
    [("rt_prices", -251, 10_000, 6_000), ("da_prices", -1_000, 10_000, 6_000)]
    + [(dataset, 0, 30_000, 6_000) for dataset in ("as_prices", "rt_as_prices")],
)
def test_the_caps_of_2021_and_before_were_higher(year, dataset, lowest, cap, cap_now):
    highest = cap if year <= 2021 else cap_now
    values = np.array([NAN, lowest - 0.1, lowest, highest, highest + 0.1])
    assert implausible(dataset, year, values).tolist() == [False, True, False, False, True]


def _quarters_verdict(root, *batteries):
    result = bess_prices(inputs_of(root, 2024, *batteries))
    take(result, "settlement_point") if batteries else list(result.chunks)
    return result.verdicts[QUARTERS_CHECK]


@pytest.mark.parametrize(("hours", "moving", "halved", "passes"), [
    (7 * 24, 16, 0, False),
    (7 * 24, 17, 0, True),
    (7 * 24 - 1, 0, 0, True),  # under a week says nothing
    (170, 17, 0, True),  # just a tenth
    (170 + 17, 16, 17, False),  # an hour that lacks a quarter neither counts nor moves
])  # fmt: skip
def test_a_price_that_moves_with_the_hour_alone_for_a_week_is_named(tmp_path, hours, moving, halved, passes):
    labels = [(date(2024, 1, 1 + n // 24), n % 24 + 1, n) for n in range(hours)]
    there = [(*label, i) for label in labels for i in range(1, 4 if label[2] >= hours - halved else 5)]
    rows = [_rt(hour, i, 20.0 + hour + i * (n < moving), day=day) for day, hour, n, i in there]
    write_rollup(tmp_path, "rt_prices", 2024, rows)
    verdict = _quarters_verdict(tmp_path, ALONE)
    assert (verdict.passed, verdict.detail.endswith(NODE)) == (passes, not passes)


def test_a_year_without_a_single_point_has_no_price_that_could_move(tmp_path):
    assert _quarters_verdict(tmp_path).passed


def test_the_grid_of_stored_prices_gives_each_node_its_row_and_an_unknown_node_nothing(tmp_path):
    write_rollup(tmp_path, "da_prices", 2024, [_da(1, 20.0), _da(2, 30.0, "OTHER_RN")])
    write_rollup(tmp_path, "rt_prices", 2024, [_rt(1, 2, 7.0), _rt(1, 2, 8.0, "OTHER_RN")])
    path = tmp_path / "bess_prices" / "2024.parquet"
    write_table(BESS_PRICES, path, bess_prices(inputs_of(tmp_path, 2024, TWO_NODES)))
    with pytest.MonkeyPatch.context() as patch:
        # memory that was used before holds anything
        patch.setattr(np, "empty", lambda shape, *more, **named: np.full(shape, 7.0, *more, **named))
        inputs = replace(inputs_of(tmp_path, 2024), tables={"bess_prices": ResultTable(BESS_PRICES, path)})
        grid = PriceGrid.of(inputs)
    rows = grid.rows(np.array([0, 1, -1, 2]), ["OTHER_RN", NODE, "NEVER_PRICED"])
    assert grid.rt[rows][:, 1].tolist()[:2] == [8.0, 7.0]
    assert np.isnan(grid.rt[rows][2:]).all()
    assert np.array_equal(grid.da[rows][:, [0, 1]], [[NAN, 30.0], [20.0, NAN], [NAN, NAN], [NAN, NAN]], equal_nan=True)
    assert grid.rt_source[rows][:, :3].tolist() == [[-1, REPORT, -1]] * 2 + [[-1] * 3] * 2
    assert grid.da_source[rows][:, :3].tolist() == [[-1, REPORT, -1], [REPORT, -1, -1], [-1] * 3, [-1] * 3]


def test_a_battery_whose_node_changes_has_the_prices_of_each_hours_node():
    year = operating_year(2024)
    grid = PriceGrid.empty(year, [NODE, "OTHER_RN"])
    for n in range(2):
        grid.rt[n], grid.da[n] = 1_000 * n + np.arange(year.quarter_hours), -1_000 * n - np.arange(year.hours)
        grid.rt_source[n], grid.da_source[n] = n, 1 - n
    of_hours = np.array([0, 1, -1, 0] + [1] * (year.hours - 4))
    awards = Chunk({"settlement_point": labels_array(of_hours, [NODE, "OTHER_RN"])})
    rt_price, da_price, rt_source, da_source = (own[:20].tolist() for own in grid.of_battery(awards, 0))
    assert rt_price[:8] + rt_price[12:] == [
        0,
        1,
        2,
        3,
        1_004,
        1_005,
        1_006,
        1_007,
        12,
        13,
        14,
        15,
        1_016,
        1_017,
        1_018,
        1_019,
    ]
    assert da_price[:8] + da_price[12:] == [0] * 4 + [-1_001] * 4 + [-3] * 4 + [-1_004] * 4
    assert np.isnan(rt_price[8:12] + da_price[8:12]).all()
    assert (rt_source, da_source) == (_each_four(0, 1, -1, 0, 1), _each_four(1, 0, -1, 1, 0))


def _each_four(*values):
    return [value for value in values for _ in range(4)]


# --- market clearing prices for capacity --------------------------------------------------------------------------------------------------------
def _mcpc(hour, product, price, day=DAY, **more):
    return {"operating_day": day, "hour_ending": hour, "product": product, "mcpc_usd_per_mw": price, **more}


def _grids(root, year=2024):
    findings = Findings()
    inputs = inputs_of(root, year)
    grids = [day_ahead_mcpc(inputs, findings)[0], ranked(clearing_prices(inputs, findings, "rt_as_prices"))[0]]
    known = ({p: _known(grid[n]) for n, p in enumerate(PRODUCTS)} for grid in grids)
    return *known, findings.items


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_each_product_has_its_price_by_hour_under_the_labels_of_the_price_files(tmp_path, era):
    labels = ("REGUP", "REGDN", "RRS", "ECRS", "NSPIN")
    write_rollup(tmp_path, "as_prices", 2024, [_mcpc(24, label, float(n)) for n, label in enumerate(labels)], era)
    da, rt, _ = _grids(tmp_path)
    assert da == {p: {23: float(n)} for n, p in enumerate(PRODUCTS)}
    assert rt == {p: {} for p in PRODUCTS}


@pytest.mark.parametrize(
    ("label", "product"), [("RegDown", "regdn"), ("Non-Spin", "nspin"), ("NSRS", "nspin"), ("Reg Up", "regup")]
)
def test_other_spellings_of_a_product_are_that_product(tmp_path, label, product):
    write_rollup(tmp_path, "as_prices", 2024, [_mcpc(1, label, 3.0)])
    assert _grids(tmp_path)[0][product] == {0: 3.0}


def test_a_label_of_no_product_is_nobodys_price(tmp_path):
    write_rollup(tmp_path, "as_prices", 2024, [_mcpc(1, "DRRS", 3.0)])
    assert _grids(tmp_path)[0] == {p: {} for p in PRODUCTS}


def test_the_25_674_30_dollars_of_february_2021_are_plausible_and_a_negative_mcpc_is_not(tmp_path):
    storm = date(2021, 2, 16)
    write_rollup(tmp_path, "as_prices", 2021, [_mcpc(1, "RRS", 25_674.30, storm), _mcpc(1, "NSPIN", -0.01, storm)])
    da, _, findings = _grids(tmp_path, 2021)
    at = hour_of(datetime(2021, 2, 16))
    assert (da["rrs"], da["nspin"]) == ({at: 25_674.30}, {at: -0.01})
    (odd,) = found(findings, "implausible_price", "as_prices")
    assert (odd.count, odd.detail) == (1, "nspin")


def test_real_time_mcpc_of_2025_12_04_is_a_stray_ignored_and_not_flagged_as_used(tmp_path):
    stray = _mcpc(24, "RRS", 9_999.0, date(2025, 12, 4), interval=4, repeated_hour="N")
    rows = [stray, _mcpc(1, "RRS", 2.0, date(2025, 12, 5), interval=1, repeated_hour="N")]
    write_rollup(tmp_path, "rt_as_prices", 2025, rows)
    _, rt, findings = _grids(tmp_path, 2025)
    assert rt["rrs"] == {quarter_hour_of(datetime(2025, 12, 5)): 2.0}
    assert not found(findings, "implausible_price")


@pytest.mark.parametrize(("dataset", "more", "days", "missing"), [
    ("rt_as_prices", {"interval": 1}, [date(2025, 12, d) for d in range(5, 32) if d != 7], "2025-12-07"),
    ("rt_as_prices", {"interval": 1}, [date(2026, 1, 2)], "2026-01-01"),
    ("as_prices", {}, [date(2025, 1, 2), date(2025, 1, 4)], "2025-01-01, 2025-01-03"),
], ids=["from the first on", "1 January 2026", "also in the year of RTC+B"])  # fmt: skip
def test_a_day_without_an_mcpc_is_missing(tmp_path, dataset, more, days, missing):
    year = days[0].year
    write_rollup(tmp_path, dataset, year, [_mcpc(1, "RRS", 2.0, day, **more) for day in days])
    findings = found(_grids(tmp_path, year)[2], "missing_days", dataset)
    assert [finding.detail for finding in findings if finding.warning] == [missing]


def test_mcpcs_that_contradict_or_are_implausible_are_counted_in_either_market(tmp_path):
    first = date(2025, 12, 5)
    for dataset, more in (("as_prices", {}), ("rt_as_prices", {"interval": 1})):
        rows = [_mcpc(1, "RRS", price, first, **more) for price in (2.0, -3.0)]
        write_rollup(tmp_path, dataset, 2025, [*rows, _mcpc(2, "ECRS", 2.0, first, **more)])
    da, rt, findings = _grids(tmp_path, 2025)
    assert (*da["rrs"].values(), *rt["rrs"].values()) == (-3.0, -3.0)
    for dataset in ("as_prices", "rt_as_prices"):
        assert count_of(findings, "contradicting_rows", dataset) == 1
        (odd,) = found(findings, "implausible_price", dataset)
        assert (odd.count, odd.detail) == (1, "rrs")


def test_before_rtc_b_real_time_mcpc_is_neither_read_nor_reported_absent(tmp_path):
    assert not found(_grids(tmp_path, 2024)[2], "dataset_absent", "rt_as_prices")
    assert found(_grids(tmp_path, 2026)[2], "dataset_absent", "rt_as_prices")


# --- which product exists when ------------------------------------------------------------------------------------------------------------------
def _first_hours(year, ecrs_priced_from=None):
    calendar = operating_year(year)
    mcpc = np.full((len(PRODUCTS), calendar.hours), NAN)
    if ecrs_priced_from is not None:
        mcpc[PRODUCTS.index("ecrs"), ecrs_priced_from:] = 1.0
    return product_first_hours(calendar, mcpc)


def test_ecrs_exists_from_2023_06_10_or_from_where_the_data_price_it_earlier():
    start, day_before = hour_of(datetime(2023, 6, 10)), hour_of(datetime(2023, 6, 9))
    assert _first_hours(2023) == {"regup": 0, "regdn": 0, "rrs": 0, "nspin": 0, "ecrs": start}
    assert _first_hours(2023, ecrs_priced_from=start + 50)["ecrs"] == start
    # one yearly file shows a day more than the calendar does
    assert _first_hours(2023, ecrs_priced_from=day_before)["ecrs"] == day_before
    assert (_first_hours(2022)["ecrs"], _first_hours(2024)["ecrs"]) == (operating_year(2022).hours, 0)
