"""Rows at their places in the year: which files, which hour, which of several rows."""

from datetime import date, datetime, time, timedelta
from gc import collect
from weakref import ref

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bess_assets.ercot import footers
from bess_assets.ercot.arrays import distinct
from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import describe_file, report_dataset
from bess_assets.ercot.rows import Codes, DayLog, PlacedRows, YearRows
from bess_assets.ercot.step import Findings
from bess_assets.errors import InputError
from bess_assets.settlement.grid import Scatter
from bess_assets_tests.resources import GEN, NODE, WIND
from bess_assets_tests.scenario import ERAS, TYPED, hourly, mark_as_built, write_columns, write_rollup
from bess_assets_tests.steps import SPRING_AND_AUTUMN, count_of, found, hour_of, inputs_of, quarter_hour_of, utc_seconds

JANUARY_1 = date(2024, 1, 1)
SPRING, AUTUMN = SPRING_AND_AUTUMN[2024]


class Read:
    """What one dataset came to for some series: values by position, and what was said."""

    def __init__(
        self, root, dataset="dam_gen_resources", known=(GEN,), *, year=2024, value="award_mw", per_hour=1, **more
    ):
        inputs = inputs_of(root, year)
        self.reader = YearRows(inputs, dataset, Codes(known), numbers=[value], **more)
        self.scatter = Scatter(len(known), inputs.year.hours * per_hour, [value])
        for rows in self.reader:
            self.scatter.put(rows.series, rows.step, rows.numbers, self.reader.counted)
        self.grid = self.scatter.grids[value]
        self.findings = Findings()
        self.reader.report(self.findings)

    def known(self, series=0):
        """Values by position, of the positions that have one."""
        return {int(n): float(self.grid[series, n]) for n in np.flatnonzero(~np.isnan(self.grid[series]))}


def read_awards(root, *by_publication_year):
    """Day-ahead awards as read from the files of 2024 and, if given, of 2025."""
    for year, rows in enumerate(by_publication_year, start=2024):
        write_rollup(root, "dam_gen_resources", year, rows)
    return Read(root)


def read_prices(root, dataset="da_prices", rows=None, era=TYPED, *, known=(NODE,), extra=None, **more):
    """Prices as read from a file that has these rows, or is there already."""
    if rows is not None:
        write_rollup(root, dataset, 2024, rows, era, extra=extra or {})
    return Read(root, dataset, known, value="price_usd_per_mwh", per_hour=4 if dataset == "rt_prices" else 1, **more)


def _prices(day, labels, flags=None, point=NODE, price=100.0):
    """One day-ahead price a label, counted upward from `price` in file order."""
    return [
        {
            "operating_day": day, "hour_ending": label, "settlement_point": point, "price_usd_per_mwh": price + n,
            **({} if flags is None else {"repeated_hour": flags[n]}),
        }
        for n, label in enumerate(labels)
    ]  # fmt: skip


# --- places -------------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_hour_24_is_the_last_hour_of_its_own_day_in_every_era(tmp_path, era):
    read = read_prices(tmp_path, "da_prices", _prices(JANUARY_1, [1, 24]), era)
    assert read.known() == {0: 100.0, 23: 101.0}


def test_hazard_1_a_wrong_datetime_column_moves_nothing(tmp_path):
    # as real rollups have it: hour 24 on the next day's hour 1
    wrong = [datetime(2024, 1, 1, 1), datetime(2024, 1, 2, 1)]
    read = read_prices(tmp_path, "da_prices", _prices(JANUARY_1, [1, 24]), extra={"datetime": wrong})
    assert read.known() == {0: 100.0, 23: 101.0}
    assert count_of(read.findings.items, "unknown_headings") == 0


@given(st.dates(date(2024, 1, 1), date(2024, 12, 31)), st.integers(0, 23), st.integers(1, 4))
def test_any_quarter_hour_of_the_year_lands_where_the_calendar_has_it(tmp_path_factory, day, hour, interval):
    local = datetime(day.year, day.month, day.day, hour)
    assume((day, hour) != (SPRING, 2))
    row = {**_prices(day, [hour + 1], "N", price=1.0)[0], "interval": interval}
    # the day's last hour tells a 23-hour day in price-file spelling from one with hours in order
    rows = [row, {**row, "hour_ending": 24, "settlement_point": "ELSEWHERE"}]
    root = tmp_path_factory.mktemp("rollups")
    read = read_prices(root, "rt_prices", rows)
    assert read.known() == {quarter_hour_of(local) + interval - 1: 1.0}


@pytest.mark.parametrize(("dataset", "rows", "hours"), [
    ("da_prices", _prices(SPRING, [1, 2, *range(4, 25)]), range(23)),
    ("dam_gen_resources", [hourly(SPRING, h, award_mw=99.0 + h) for h in range(1, 24)], range(23)),
    ("da_prices", _prices(AUTUMN, [2, 1, 2, *range(3, 25)], ["Y", *["N"] * 24]), [2, 0, 1, *range(3, 25)]),
    ("dam_gen_resources", [hourly(AUTUMN, h, award_mw=99.0 + h) for h in range(1, 26)], range(25)),
], ids=["spring without 3", "spring 1 to 23", "autumn with a flag", "autumn 1 to 25"])  # fmt: skip
def test_hours_of_a_clock_change_lie_where_their_labels_say(tmp_path, dataset, rows, hours):
    read = read_prices(tmp_path, dataset, rows) if dataset == "da_prices" else read_awards(tmp_path, rows)
    first = hour_of(datetime.combine(rows[0]["operating_day"], time()))
    assert read.known() == {first + hour: 100.0 + n for n, hour in enumerate(hours)}


def test_an_autumn_label_2_that_stands_twice_is_two_hours_and_no_duplicate(tmp_path):
    rows = [hourly(AUTUMN, h, award_mw=n) for n, h in enumerate([1, 2, 2, *range(3, 25)])]
    # somebody else's rows in between: file order counts for each resource by itself
    rows[2:2] = [hourly(AUTUMN, 2, WIND, award_mw=500.0)]
    read = read_awards(tmp_path, rows)
    first = hour_of(datetime(2024, 11, 3))
    assert read.known() == {first + n: float(n) for n in range(25)}
    assert count_of(read.findings.items, "duplicate_rows") == count_of(read.findings.items, "contradicting_rows") == 0


def test_an_autumn_day_published_again_lands_on_the_same_two_hours(tmp_path):
    first_edition = [hourly(AUTUMN, 2, award_mw=v) for v in (1.0, 2.0)]
    second_edition = [hourly(AUTUMN, 2, award_mw=v) for v in (1.0, 20.0)]
    read = read_awards(tmp_path, first_edition, second_edition)
    first = hour_of(datetime(2024, 11, 3, 1))
    assert read.known() == {first: 1.0, first + 1: 20.0}
    assert count_of(read.findings.items, "duplicate_rows") == 1
    assert count_of(read.findings.items, "contradicting_rows") == 1


def test_repeated_quarter_hours_without_a_flag_are_told_apart_by_point_and_interval(tmp_path):
    rows = [
        {**_prices(AUTUMN, [2], point=point, price=base + interval)[0], "interval": interval}
        for base in (100.0, 200.0)
        for point in (NODE, "OTHER_RN")
        for interval in (1, 2, 3, 4)
    ]
    read = read_prices(tmp_path, "rt_prices", rows, known=(NODE, "OTHER_RN"))
    first = quarter_hour_of(datetime(2024, 11, 3, 1))
    expected = {first + n: v for n, v in enumerate([101, 102, 103, 104, 201, 202, 203, 204])}
    assert read.known(0) == read.known(1) == expected


@pytest.mark.parametrize(("day", "labels", "held"), [
    *((JANUARY_1, [label, 1], {101.0}) for label in (-1, 25, 99)), (SPRING, [2, 3, 4, 24], {100.0, 102.0, 103.0}),
    (None, [1], set()),
])  # fmt: skip
def test_a_row_without_an_hour_that_exists_is_counted_and_put_nowhere(tmp_path, day, labels, held):
    # a file without a single date is refused
    read = read_prices(tmp_path, "da_prices", [*_prices(day, labels), *_prices(date(2023, 12, 31), [1], price=9.0)])
    assert set(read.known().values()) == held
    assert np.count_nonzero(read.reader.rows) == len(held)
    assert count_of(read.findings.items, "unusable_time", "da_prices") == 1


@pytest.mark.parametrize("interval", [0, 5])
@pytest.mark.parametrize("day", [JANUARY_1, SPRING])
def test_an_interval_that_does_not_exist_is_counted_and_put_nowhere(tmp_path, day, interval):
    (row,) = _prices(day, [1], price=1.0)
    read = read_prices(tmp_path, "rt_prices", [{**row, "interval": interval}, {**row, "interval": 4}])
    assert read.known() == {quarter_hour_of(datetime(day.year, day.month, day.day)) + 3: 1.0}
    assert count_of(read.findings.items, "unusable_time", "rt_prices") == 1


def test_labels_0_to_23_stop_the_year(tmp_path):
    with pytest.raises(InputError, match="HourEnding"):
        read_prices(tmp_path, "da_prices", _prices(JANUARY_1, range(24)))


@pytest.mark.parametrize(("day", "hour"), [(JANUARY_1, 7), (SPRING, 1), (AUTUMN, 2)])
def test_a_built_rollup_is_read_by_the_time_it_stores_whatever_its_labels_say(tmp_path, day, hour):
    path = write_rollup(tmp_path, "rt_prices", 2024, [
        {**row, "interval": n + 1} for n, row in enumerate(_prices(day, [99, 99]))
    ])  # fmt: skip
    midnight = utc_seconds(datetime(day.year, day.month, day.day))
    mark_as_built(path, [midnight + 3_600 * hour, midnight + 3_600 * hour + 900])
    read = read_prices(tmp_path, "rt_prices")
    first = quarter_hour_of(datetime(day.year, day.month, day.day)) + 4 * hour
    assert read.known() == {first: 100.0, first + 1: 101.0}
    assert np.flatnonzero(read.reader.rows).tolist() == [first // 4]
    assert np.flatnonzero(read.reader.log.days).tolist() == [(day - JANUARY_1).days]
    assert not found(read.findings.items, "unusable_time")


def test_rows_of_another_year_in_a_built_rollup_are_not_of_the_year(tmp_path):
    path = write_rollup(tmp_path, "da_prices", 2024, _prices(JANUARY_1, [1, 1, 1]))
    year = operating_year(2024)
    mark_as_built(path, [year.start - 3_600, year.start, year.end])
    read = read_prices(tmp_path)
    assert read.known() == {0: 101.0}
    assert read.reader.log.beyond
    assert not found(read.findings.items, "unusable_time")


# --- hazard 2 and 7: files and rows -----------------------------------------------------------------------------------------------------------
def test_hazard_2_a_delivery_year_of_60_day_data_is_read_from_its_own_and_the_next_publication_year(tmp_path):
    # 2024.parquet holds deliveries from about 2 November 2023 to 1 November 2024
    before = ((date(2023, 12, 31), 24, 9.0), (JANUARY_1, 1, 1.0), (date(2024, 11, 1), 24, 2.0))
    after = ((date(2024, 11, 2), 1, 3.0), (date(2024, 12, 31), 24, 4.0), (date(2025, 1, 1), 1, 9.0))
    early, late = ([hourly(day, hour, award_mw=mw) for day, hour, mw in labels] for labels in (before, after))
    read = read_awards(tmp_path, early, late)
    seam = hour_of(datetime(2024, 11, 2))
    assert read.known() == {0: 1.0, seam - 1: 2.0, seam: 3.0, 8_783: 4.0}
    assert read.reader.log.beyond
    assert count_of(read.findings.items, "unusable_time") == 0
    assert Read(tmp_path, year=2023).known() == {8_759: 9.0}


def test_hazard_2_prices_are_grouped_by_delivery_and_the_next_years_file_is_not_read(tmp_path):
    write_rollup(tmp_path, "da_prices", 2024, _prices(JANUARY_1, [1]))
    write_rollup(tmp_path, "da_prices", 2025, _prices(JANUARY_1, [2]))
    assert read_prices(tmp_path).known() == {0: 100.0}


def test_hazard_7_equal_rows_collapse_and_are_counted_without_a_warning(tmp_path):
    rows = [hourly(JANUARY_1, 1, award_mw=5.0), hourly(JANUARY_1, 2, award_mw=None)]
    read = read_awards(tmp_path, rows + rows, rows)
    assert read.known() == {0: 5.0}
    (finding,) = found(read.findings.items, "duplicate_rows", "dam_gen_resources")
    assert (finding.count, finding.warning) == (4, False)
    assert not found(read.findings.items, "contradicting_rows")


def test_hazard_7_of_differing_rows_the_later_publication_wins_and_within_a_file_the_later_row(tmp_path):
    first = [hourly(JANUARY_1, hour, award_mw=mw) for hour, mw in ((1, 1.0), (2, 1.0), (2, 2.0))]
    read = read_awards(tmp_path, first, [hourly(JANUARY_1, 1, award_mw=3.0)])
    assert read.known() == {0: 3.0, 1: 2.0}
    (finding,) = found(read.findings.items, "contradicting_rows", "dam_gen_resources")
    assert (finding.count, finding.warning) == (2, True)


def test_hazard_7_a_later_row_wins_whole_and_takes_its_blanks_with_it(tmp_path):
    read = read_awards(tmp_path, [hourly(JANUARY_1, 1, award_mw=5.0), hourly(JANUARY_1, 1, award_mw=None)])
    assert read.known() == {}
    assert read.scatter.present[0, 0]
    assert count_of(read.findings.items, "contradicting_rows") == 1


# --- what a dataset holds -----------------------------------------------------------------------------------------------------------------------
def test_an_hour_is_held_if_any_resource_has_a_row_in_it(tmp_path):
    labels = ((JANUARY_1, 1, GEN, 1.0), (JANUARY_1, 2, WIND, 1.0), (AUTUMN, 3, WIND, 1.0), (AUTUMN, 4, GEN, 3.0))
    rows = [hourly(day, hour, name, award_mw=mw) for day, hour, name, mw in labels]
    read = read_awards(tmp_path, rows)
    two = hour_of(datetime(2024, 11, 3, 2))
    assert np.flatnonzero(read.reader.rows).tolist() == [0, 1, two, two + 1]
    assert read.known() == {0: 1.0, two + 1: 3.0}
    assert np.flatnonzero(read.reader.log.days).tolist() == [0, (AUTUMN - JANUARY_1).days]


def test_an_hour_of_which_only_a_row_without_a_name_is_there_is_not_held(tmp_path):
    rows = [hourly(JANUARY_1, hour, name) for hour, name in ((1, GEN), (2, None), (3, None), (3, WIND))]
    assert np.flatnonzero(read_awards(tmp_path, rows).reader.rows).tolist() == [0, 2]


@pytest.mark.parametrize("see", [lambda log, days: log.saw_days(days), lambda log, days: log.saw(days, days * 0)])
def test_a_day_after_the_year_is_beyond_it_and_a_day_before_is_not(see):
    log = DayLog(operating_year(2024), 1)
    see(log, np.array([-1, 0, 365]))
    assert not log.beyond
    see(log, np.array([3, 366]))
    see(log, np.array([5]))
    assert log.beyond
    assert np.flatnonzero(log.days).tolist() == [0, 3, 5, 365]


def test_1_january_is_missing_unless_it_is_said_when_a_dataset_begins():
    log, findings = DayLog(operating_year(2024), 0), Findings()
    log.saw_days(np.array([1, 365]))
    log.report(findings, DATASETS["sced_smne"])
    # telemetry stands in for metering that begins late; a gap later on is a gap
    before, gap = findings.items
    assert (before.detail, before.warning) == ("2024-01-01", False)
    assert (gap.detail, gap.warning) == ("2024-01-03..2024-12-30", True)


def test_days_are_logged_for_each_series_and_for_all_together(tmp_path):
    rows = [hourly(date(2024, 1, d), 1, name) for d, name in ((2, GEN), (3, WIND), (5, GEN), (9, "UNKNOWN"))]
    write_rollup(tmp_path, "dam_gen_resources", 2024, rows)
    log = Read(tmp_path, known=(GEN, WIND, "NEVER_SEEN")).reader.log
    assert np.flatnonzero(log.days).tolist() == [1, 2, 4, 8]
    assert log.first.tolist() == [1, 2, 366]
    assert log.last.tolist() == [4, 2, -1]
    assert not log.beyond


def test_missing_days_are_named_up_to_the_last_day_held_and_the_rest_is_not_yet_published(tmp_path):
    rows = [hourly(date(2024, 1, d), 1) for d in (2, 3, 6)]
    missing, later = found(read_awards(tmp_path, rows).findings.items, "missing_days", "dam_gen_resources")
    assert (missing.count, missing.detail, missing.warning) == (3, "2024-01-01, 2024-01-04..2024-01-05", True)
    assert (later.count, later.warning) == (360, False)
    assert "after the last day held: 2024-01-07..2024-12-31" in later.detail


def test_a_dataset_that_goes_beyond_the_year_has_published_all_of_it(tmp_path):
    write_rollup(tmp_path, "dam_gen_resources", 2025, [hourly(date(2024, 12, 30), 1), hourly(date(2025, 1, 1), 1)])
    (missing,) = found(Read(tmp_path).findings.items, "missing_days")
    assert missing.count == 364
    assert missing.warning


def test_days_before_a_dataset_was_published_are_not_missing():
    year = operating_year(2025)
    log, findings = DayLog(year, 0), Findings()
    log.saw_days(np.arange(340, 365))
    log.report(findings, DATASETS["dam_esr_resources"])
    assert [f.count for f in findings.items] == [1]


def test_a_row_has_a_column_that_its_file_has_unless_its_own_report_lacked_it():
    nothing = np.zeros(3, dtype=np.int64)
    lacked = {"a": np.array([True, False, True]), "b": np.array([True, True, False])}
    rows = PlacedRows(nothing, nothing, {}, {}, frozenset({"a", "b", "c"}), lacked, rows=None)
    assert rows.has_any(["a"]).tolist() == [False, True, False]
    assert rows.has_any(["a", "b"]).tolist() == [False, True, True]
    assert rows.has_any(["c", "d"]).tolist() == [True] * 3
    assert rows.has_any(["d"]).tolist() == [False] * 3


def test_rows_left_out_are_neither_read_nor_held(tmp_path):
    rows = [price | {"settlement_point": point} for price, point in zip(_prices(JANUARY_1, [1, 2]), "AB", strict=True)]
    read = read_prices(tmp_path, "da_prices", rows, known="AB", leave_out=("settlement_point", "A"))
    assert (read.known(0), read.known(1)) == ({}, {1: 101.0})
    assert np.flatnonzero(read.reader.rows).tolist() == [1]


def test_infinite_values_are_counted_by_column(tmp_path):
    rows = [hourly(JANUARY_1, 1, award_mw=float("inf")), hourly(SPRING, 1, award_mw=float("-inf"))]
    read = read_awards(tmp_path, rows)
    assert read.known() == {}
    (finding,) = found(read.findings.items, "unusable_numbers")
    assert (finding.subject, finding.count, finding.detail) == ("dam_gen_resources", 2, "award_mw")


# --- what footers say -----------------------------------------------------------------------------------------------------------------------------
def test_an_absent_dataset_is_reported_by_name_and_nothing_else_of_it(tmp_path):
    read = Read(tmp_path)
    (finding,) = read.findings.items
    assert (finding.kind, finding.subject, finding.count) == ("dataset_absent", "dam_gen_resources", 1)
    assert "DAM_Gen_Resources/<year>.parquet" in finding.detail
    assert read.known() == {}


def test_missing_unknown_and_zero_filled_columns_are_reported_with_their_file(tmp_path):
    rows = [hourly(JANUARY_1, 1, award_mw=0.0, nspin_award_mw=0.0)]
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, rows, extra={"Carbon Intensity": [1.0]})
    findings, described = Findings(), describe_file(DATASETS["dam_gen_resources"], path)
    report_dataset(findings, DATASETS["dam_gen_resources"], [described], ["award_mw", "regup_award_mw"])
    said = {f.kind: (f.count, f.detail, f.warning) for f in findings.items}
    assert said == {
        "missing_columns": (1, "2024.parquet: regup_award_mw", True),
        "unknown_headings": (1, "2024.parquet: Carbon Intensity", False),
        "zero_filled": (1, "2024.parquet: award_mw", True),
    }


def test_footers_are_read_once_a_run_and_again_where_a_file_has_changed_and_no_file_is_kept(tmp_path, monkeypatch):
    opened, real = [], footers.open_parquet

    def opening(*given):
        opened.append(ref(file := real(*given)))
        return file

    monkeypatch.setattr(footers, "open_parquet", opening)
    write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(JANUARY_1, 1, award_mw=1.0)])
    inputs = inputs_of(tmp_path, 2024)
    assert [footers.has_column(inputs, "dam_gen_resources", name) for name in ("award_mw", "qse")] == [True, False]
    assert len(opened) == 1
    write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(JANUARY_1, 1, award_mw=1.0, qse="QTEST")])
    assert footers.has_column(inputs, "dam_gen_resources", "qse")
    collect()
    assert [file() for file in opened] == [None, None]


def test_a_column_that_may_well_be_zero_all_year_is_told_without_a_warning(tmp_path):
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(JANUARY_1, 1, award_mw=1.0, lsl_mw=0.0)])
    findings, described = Findings(), describe_file(DATASETS["dam_gen_resources"], path)
    report_dataset(findings, DATASETS["dam_gen_resources"], [described], ["award_mw", "lsl_mw"])
    (zero,) = found(findings.items, "zero_filled")
    assert (zero.detail, zero.warning) == ("2024.parquet: lsl_mw", False)


# --- codes --------------------------------------------------------------------------------------------------------------------------------------
def test_known_texts_have_the_first_codes_and_new_ones_the_next():
    codes = Codes(["B", "A", "B"])
    assert codes.known == 2
    assert codes.translate(np.array([0, 1, -1, 2]), ["A", "C", "B"]).tolist() == [1, 2, -1, 0]
    assert codes.texts == ["B", "A", "C"]
    spelled = Codes(["regup"], str.lower)
    assert spelled.translate(np.array([0, 1]), ["REGUP", "RegUp"]).tolist() == [0, 0]


def test_labels_that_no_day_has_are_counted_however_many_there_are(tmp_path):
    days, labels = 300, 3_000
    columns = {
        "DeliveryDate": [JANUARY_1 + timedelta(days=n % days) for n in range(labels)],
        "DeliveryHour": [n % 300 + 1 for n in range(labels)],
        "DeliveryInterval": [n + 1 for n in range(labels)],
        "SettlementPointName": [NODE] * labels,
        "SettlementPointPrice": [1.0] * labels,
    }
    write_columns(tmp_path, "rt_prices", 2024, columns)
    read = read_prices(tmp_path, "rt_prices")
    assert np.count_nonzero(~np.isnan(read.grid)) == 4
    assert count_of(read.findings.items, "unusable_time") == labels - 4


@given(st.lists(st.integers(-(2**62), 2**62)))
def test_distinct_values_are_those_of_a_set_in_order(values):
    assert distinct(np.array(values, dtype=np.int64)).tolist() == sorted(set(values))
