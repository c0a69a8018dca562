"""SCED runs of a dataset: instructions held from run to run, readings on lines, settlement metering by interval."""

import json
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot import labels as labels_module
from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.footers import LAYOUT_COLUMN, METADATA_KEY
from bess_assets.ercot.labels import Span
from bess_assets.ercot.step import Findings
from bess_assets.settlement import runs as runs_module
from bess_assets.settlement.lines import Cells, Course
from bess_assets.settlement.means import RunMeans
from bess_assets.settlement.runs import RunReader, hourly_maxima, keep_runs, read_metering, run_values
from bess_assets_tests.resources import GEN, WIND
from bess_assets_tests.scenario import ERAS, mark_as_built, run, runs_of_day, write_columns, write_rollup
from bess_assets_tests.steps import SPRING_AND_AUTUMN, count_of, found, inputs_of, quarter_hour_of, utc_seconds

YEAR = operating_year(2024)
JANUARY_1 = datetime(2024, 1, 1)
SPRING, AUTUMN = SPRING_AND_AUTUMN[2024]
AUTUMN_0 = datetime(2024, 11, 3)
NAN = float("nan")


def _steps(starts, values, quarter_hours=4):
    """Integrals of the positive and the negative part of steps that hold until the next, at most 900 s, and their known seconds by quarter-hour."""
    at, value = np.array(starts, dtype=np.int64), np.array(values, dtype=float)
    until = np.minimum(np.r_[at[1:], quarter_hours * 900], at + 900)
    course = Course.of_steps(at, until, Cells(0, quarter_hours))
    (above, seconds, _), (below, *_) = (course.totals(np.maximum(sign * value[:, None], 0.0)) for sign in (1, -1))
    return [part[:, 0] for part in (above, below, seconds)]


# --- steps --------------------------------------------------------------------------------------------------------------------------------------
def test_a_run_that_spans_two_quarter_hours_is_split_at_the_boundary():
    positive, _, seconds = _steps([0, 600, 1_200, 1_800], [10.0, 40.0, 0.0, 0.0], 2)
    assert seconds.tolist() == [900, 900]
    assert positive.tolist() == [600 * 10 + 300 * 40, 300 * 40]


def test_a_value_holds_across_midnight_and_not_across_1_january(tmp_path):
    held = [(JANUARY_1 + timedelta(minutes=24 * 60 - 10), 6.0), (datetime(2024, 12, 31, 23, 50), 6.0)]
    read = Read(tmp_path, *held, (datetime(2025, 1, 1), 6.0))
    assert (read.seconds[0, 95:97].tolist(), read.seconds[0, -1]) == ([600, 300], 600)


def test_a_quarter_hour_observed_for_less_than_half_is_unknown_and_how_long_it_was_is_still_said(tmp_path):
    rows = [(JANUARY_1 + timedelta(seconds=s), mw) for s, mw in ((0, 4.0), (450, None), (900, 4.0), (1_349, None))]
    read = Read(tmp_path, *rows)
    assert np.array_equal(read.positive[0, :2], [4.0, NAN], equal_nan=True)
    assert read.seconds[0, :2].tolist() == [450, 449]


def test_without_values_nothing_is_known():
    assert [part.tolist() for part in _steps([], [])] == [[0] * 4] * 3


def _by_the_second(starts, values, quarter_hours):
    """Each second by itself, in plain Python: sums of the positive and the negative part and observed seconds of each quarter-hour."""
    at = [NAN] * (quarter_hours * 900)
    for n, start in enumerate(starts):
        end = min(starts[n + 1] if n + 1 < len(starts) else len(at), start + 900, len(at))
        at[start:end] = [values[n]] * max(end - start, 0)
    cells = [[v for v in at[first : first + 900] if not np.isnan(v)] for first in range(0, len(at), 900)]
    sums = [[sum(max(sign * v, 0) for v in seen) for seen in cells] for sign in (1, -1)]
    return *sums, [len(seen) for seen in cells]


gaps = st.lists(st.integers(1, 1_300), min_size=1, max_size=25)
megawatts = st.one_of(st.floats(-300, 300), st.just(NAN), st.just(0.0))


@given(gaps, st.data())
def test_steps_are_what_counting_second_by_second_gives(gap, data):
    starts = np.cumsum(gap)
    values = data.draw(st.lists(megawatts, min_size=len(starts), max_size=len(starts)))
    quarter_hours = int(starts[-1]) // 900 + 2
    expected = _by_the_second(starts.tolist(), values, quarter_hours)
    assert np.allclose(_steps(starts, values, quarter_hours), expected, rtol=1e-12, atol=1e-9)


@given(st.lists(st.tuples(st.integers(1, 1_300), megawatts, megawatts), min_size=1, max_size=25))
def test_steps_of_some_quarter_hours_are_those_of_all(drawn):
    at = np.cumsum([gap for gap, *_ in drawn])
    values = np.array([row[1:] for row in drawn])
    count = int(at[-1]) // 900 + 2
    course = Course.of_steps(at, np.minimum(np.r_[at[1:], count * 900], at + 900), Cells(0, count))
    cell, series = (part.ravel() for part in np.indices((count, 2)))
    above, seconds, _ = course.totals(np.maximum(values, 0.0))
    below, *_ = course.totals(np.maximum(-values, 0.0))
    for all_cells, wanted in zip((above, below, seconds), course.totals_at(values, cell, series), strict=True):
        assert np.broadcast_to(all_cells, (count, 2)).ravel().tolist() == wanted.tolist()


# --- reading runs -------------------------------------------------------------------------------------------------------------------------------
def _write(root, *rows, file_year=2024, **options):
    """A file of runs of generation resources: as rows, or as stamp and output."""
    made = [row if isinstance(row, dict) else run(row[0], output_mw=row[1]) for row in rows]
    return write_rollup(root, "sced_gen_resources", file_year, made, **options)


class Read:
    """Means of output, taken for steps, of some generation resources over the year, of a file of these rows if any are given."""

    def __init__(self, root, *rows, names=(GEN,), spans=None, **more):
        if rows:
            _write(root, *rows)
        inputs = inputs_of(root, 2024, **more)
        self.reader = RunReader(inputs, "sced_gen_resources", list(names), ["output_mw", "base_point_mw"])
        self.reader._spans = spans or self.reader._spans
        windows = []
        self.reader.each_window(windows.append)
        self.windows = sorted(windows, key=lambda window: window.first)
        parts = [RunMeans(self.reader).of_steps(w, w.grids["output_mw"]) for w in self.windows]
        self.positive, self.negative, self.seconds = (
            np.concatenate([getattr(p, name) for p in parts], axis=1) for name in ("positive", "negative", "seconds")
        )
        findings = Findings()
        self.reader.report(findings)
        self.findings = findings.items


def test_runs_of_a_built_rollup_are_those_that_it_stores(tmp_path):
    path = write_rollup(tmp_path, "sced_gen_resources", 2024, [run(JANUARY_1, output_mw=mw) for mw in (1.0, 2.0, 9.0)])
    second = utc_seconds(datetime(2024, 11, 3, 1), fold=1)
    mark_as_built(path, [second - 3_600, second, None], AUTUMN)
    read = Read(tmp_path)
    assert read.reader.starts.tolist() == [second], "what is ambiguous makes the whole first hour so"
    assert read.reader.flagless
    assert count_of(read.findings, "ambiguous_hour", "sced_gen_resources") == 2
    mark_as_built(write_rollup(tmp_path, "sced_gen_resources", 2024, _autumn_runs("N", "N")), [
        utc_seconds(AUTUMN_0) + 900 * n for n in range(16)
    ])  # fmt: skip
    read = Read(tmp_path)
    first = quarter_hour_of(AUTUMN_0)
    assert read.positive[0, first : first + 16].tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 4 + [4.0] * 4
    assert not found(read.findings, "ambiguous_hour")
    assert np.flatnonzero(read.reader.log.days).tolist() == [AUTUMN.timetuple().tm_yday - 1]


def test_a_run_of_any_resource_ends_the_hold_of_all(tmp_path):
    # ALPHA has no row in the second run: unobserved until the third
    wind = [run(JANUARY_1 + timedelta(minutes=m), WIND, output_mw=1.0) for m in (0, 10)]
    read = Read(tmp_path, (JANUARY_1, 8.0), *wind, (JANUARY_1 + timedelta(minutes=15), 4.0))
    assert read.seconds[0, 0] == 600
    assert read.positive[0, 0] == 8.0


def test_runs_of_other_years_in_the_same_files_do_not_exist_for_the_year(tmp_path):
    last = datetime(2024, 12, 31, 23, 50)
    stamps = (JANUARY_1 - timedelta(minutes=5), JANUARY_1 + timedelta(minutes=10), last, last + timedelta(minutes=10))
    _write(tmp_path, *((stamp, 8.0) for stamp in stamps), file_year=2025)
    read = Read(tmp_path)
    assert len(read.reader.starts) == 2
    assert read.seconds[0, :2].tolist() == [300, 600]
    assert read.seconds[0, -2:].tolist() == [0, 600]
    assert read.reader.log.beyond
    assert not found(read.findings, "unusable_time")


def test_hazard_2_runs_of_a_year_are_read_from_two_publication_years(tmp_path):
    _write(tmp_path, *runs_of_day(date(2024, 1, 1), output_mw=1.0))
    _write(tmp_path, *runs_of_day(date(2024, 12, 31), output_mw=2.0), file_year=2025)
    read = Read(tmp_path)
    assert (read.positive[0, 0], read.positive[0, -1]) == (1.0, 2.0)


def test_hazard_7_of_two_rows_of_a_resource_and_stamp_the_later_wins_and_both_kinds_are_counted(tmp_path):
    at = [JANUARY_1 + timedelta(minutes=15 * n) for n in range(3)]
    _write(tmp_path, *zip(at, (1.0, 2.0, 3.0), strict=True))
    _write(tmp_path, *zip(at, (1.0, 20.0, None), strict=True), file_year=2025)
    read = Read(tmp_path)
    assert np.array_equal(read.positive[0, :3], [1.0, 20.0, NAN], equal_nan=True)
    assert count_of(read.findings, "duplicate_rows") == 1
    assert count_of(read.findings, "contradicting_rows") == 2


def test_a_blank_stamp_is_counted_as_unusable_and_makes_no_run(tmp_path):
    rows = [run(datetime(2024, 3, 10, 1, 45), output_mw=1.0), run(datetime(2024, 3, 10, 3), output_mw=9.0)]
    write_rollup(tmp_path, "sced_gen_resources", 2024, [*rows, {**rows[0], "sced_stamp": None}])
    read = Read(tmp_path)
    assert read.reader.starts.tolist() == [utc_seconds(row["sced_stamp"]) for row in rows]
    assert count_of(read.findings, "unusable_time", "sced_gen_resources") == 1
    assert not found(read.findings, "ambiguous_hour")


def _autumn_runs(first_hour, second_hour):
    """A run every quarter-hour from 00:00 to 02:45 of the 25-hour day; flags of the two 01:00 hours as given."""
    stamps = [(AUTUMN_0 + timedelta(minutes=m), "N" if first_hour else None, 1.0) for m in range(0, 60, 15)]
    stamps += [(AUTUMN_0 + timedelta(minutes=60 + m), first_hour, 2.0) for m in range(0, 60, 15)]
    stamps += [(AUTUMN_0 + timedelta(minutes=60 + m), second_hour, 3.0) for m in range(0, 60, 15)]
    stamps += [(AUTUMN_0 + timedelta(minutes=120 + m), "N" if first_hour else None, 4.0) for m in range(0, 60, 15)]
    return [run(stamp, flag=flag, output_mw=value) for stamp, flag, value in stamps]


def test_the_flag_puts_runs_into_the_right_one_of_the_repeated_hours(tmp_path):
    read = Read(tmp_path, *_autumn_runs("N", "Y"))
    first = quarter_hour_of(AUTUMN_0)
    assert read.positive[0, first : first + 16].tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 4 + [4.0] * 4
    assert not found(read.findings, "ambiguous_hour")
    assert not read.reader.flagless


@pytest.mark.parametrize("flags", [(None, None), ("N", "N")], ids=["no flag column", "a flag that is N all day"])
def test_without_a_flag_the_eight_repeated_quarter_hours_are_unknown_and_counted(tmp_path, flags):
    read = Read(tmp_path, *_autumn_runs(*flags))
    first = quarter_hour_of(AUTUMN_0)
    around = read.positive[0, first : first + 16]
    assert np.array_equal(around, [1.0] * 4 + [NAN] * 8 + [4.0] * 4, equal_nan=True)
    assert (read.seconds[0, first + 4 : first + 12] == 0).all()
    (finding,) = found(read.findings, "ambiguous_hour", "sced_gen_resources")
    # of a flag column that is N all day the two hours' stamps fall together
    assert finding.count == (8 if flags == (None, None) else 4)
    assert finding.warning


def test_without_a_flag_not_even_the_run_before_holds_into_the_repeated_hour(tmp_path):
    rows = [run(AUTUMN_0 + timedelta(minutes=m), flag=None, output_mw=5.0) for m in (55, 65, 125)]
    read = Read(tmp_path, *rows)
    first = quarter_hour_of(datetime(2024, 11, 3, 1))
    assert read.seconds[0, first - 1] == 300
    assert (read.seconds[0, first : first + 8] == 0).all()
    assert np.isnan(read.positive[0, first : first + 8]).all()


def test_rows_with_a_flag_and_rows_without_one_in_the_same_batch_each_keep_their_own_time(tmp_path):
    midnight = datetime(2024, 7, 1)
    stamps = [midnight + timedelta(minutes=15 * n) for n in range(8)]
    rows = [run(stamp, flag="N" if n % 3 else None, output_mw=float(n)) for n, stamp in enumerate(stamps)]
    for row in rows:
        row.setdefault("repeated_hour", None)
    write_rollup(tmp_path, "sced_gen_resources", 2024, rows)
    read = RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", [GEN], ["output_mw"])
    assert read.starts.tolist() == [utc_seconds(stamp) for stamp in stamps]


def test_a_flag_and_a_stamp_that_no_row_has_together_make_no_run(tmp_path):
    rows = [run(AUTUMN_0 + timedelta(minutes=75), flag="N"), run(AUTUMN_0 + timedelta(minutes=90), flag="Y")]
    write_rollup(tmp_path, "sced_gen_resources", 2024, rows)
    first, second = datetime(2024, 11, 3, 1, 15), datetime(2024, 11, 3, 1, 30)
    assert Read(tmp_path).reader.starts.tolist() == [utc_seconds(first), utc_seconds(second, fold=1)]


def test_a_year_that_ends_in_the_repeated_hour_without_a_second_has_it_unknown(tmp_path):
    rows = [run(AUTUMN_0 + timedelta(minutes=m), output_mw=5.0) for m in (45, 60, 75)]
    read = Read(tmp_path, *rows)
    assert read.reader.starts.tolist() == [utc_seconds(datetime(2024, 11, 3, 0, 45))]
    assert (~np.isnan(read.positive)).sum() == 1


def test_a_file_that_holds_nothing_of_the_year_has_no_runs_and_no_days(tmp_path):
    _write(tmp_path, *runs_of_day(date(2025, 7, 4), output_mw=5.0), file_year=2025)
    reader = Read(tmp_path).reader
    assert (reader.starts.tolist(), reader.log.days.any()) == ([], False)


def test_a_file_without_a_flag_column_and_without_the_autumn_day_loses_nothing(tmp_path):
    read = Read(tmp_path, *runs_of_day(date(2024, 7, 4), flag=None, output_mw=5.0))
    assert (~np.isnan(read.positive)).sum() == 96
    assert not found(read.findings, "ambiguous_hour")


def test_the_days_of_the_dataset_and_of_each_resource_are_logged(tmp_path):
    rows = [run(datetime(2024, 1, 2, 5), output_mw=1.0), run(datetime(2024, 1, 5, 5), WIND, output_mw=1.0)]
    log = Read(tmp_path, *rows).reader.log
    assert np.flatnonzero(log.days).tolist() == [1, 4]
    assert (log.first.tolist(), log.last.tolist()) == ([1], [1])


def test_a_year_without_the_dataset_has_no_runs_and_says_so(tmp_path):
    read = Read(tmp_path)
    assert len(read.reader.starts) == 0
    assert np.isnan(read.positive).all()
    assert read.positive.shape == (1, YEAR.quarter_hours)
    assert found(read.findings, "dataset_absent", "sced_gen_resources")


def test_hourly_maxima_are_the_largest_values_of_the_runs_of_an_hour(tmp_path):
    rows = [(JANUARY_1 + timedelta(minutes=m), mw) for m, mw in ((5, 3.0), (25, 7.0), (45, None))]
    other = run(JANUARY_1 + timedelta(minutes=59), WIND, output_mw=99.0)
    _write(tmp_path, *rows, other, (datetime(2024, 12, 31, 23, 59, 59), -2.0))
    found, reader = hourly_maxima(inputs_of(tmp_path, 2024), "sced_gen_resources", [GEN, "ABSENT"], ["output_mw"])
    maxima, log = found["output_mw"], reader.log
    assert (log.first.tolist(), log.last.tolist()) == ([0, 366], [365, -1])
    assert maxima.shape == (2, YEAR.hours)
    assert {int(h): float(maxima[0, h]) for h in np.flatnonzero(~np.isnan(maxima[0]))} == {0: 7.0, YEAR.hours - 1: -2.0}
    assert np.isnan(maxima[1]).all()


def test_a_blank_award_is_none_unless_its_own_report_lacked_the_column(tmp_path):
    stamps = [JANUARY_1 + timedelta(minutes=15 * n) for n in range(4)]
    columns = {
        "SCED Time Stamp": pa.array(stamps, pa.timestamp("us")),
        "Resource Name": [GEN] * 4,
        "AS Awards REGUP": [2.0, None, None, 0.0],
        LAYOUT_COLUMN: pa.array([0, 0, 1, 0], pa.int32()),
    }
    path = write_columns(tmp_path, "sced_esr_resources", 2024, columns)

    def awards() -> list[float]:
        reader = RunReader(inputs_of(tmp_path, 2024), "sced_esr_resources", [GEN], ["regup_award_mw"])
        found = []
        reader.each_window(lambda window: found.append(window.grids["regup_award_mw"][:, 0].copy()))
        return np.concatenate(found)[:4].tolist()

    assert awards() == [2.0, 0.0, 0.0, 0.0]
    layouts = {"layouts": [["regup_award_mw", "resource_name", "sced_stamp"], ["resource_name", "sced_stamp"]]}
    changed = pq.read_table(path).replace_schema_metadata({METADATA_KEY: json.dumps(layouts)})
    pq.write_table(changed, path)
    assert awards() == [2.0, 0.0, pytest.approx(NAN, nan_ok=True), 0.0]


# --- windows ------------------------------------------------------------------------------------------------------------------------------------
def _march(root):
    """Irregular runs, blanks and repeated rows around midnights, where windows are cut, and in row groups that windows share."""
    rows = []
    for n in range(0, 20 * 86_400, 421):
        stamp = datetime(2024, 5, 1) + timedelta(seconds=n)
        rows.append(run(stamp, output_mw=None if n % 5 == 0 else (n % 97) - 48.0, base_point_mw=1.0))
        rows.append(run(stamp, WIND, output_mw=n % 13))
        if n % 7 == 0:
            rows.append({**rows[-1], "output_mw": 77.0})
    return _write(root, *rows, row_group_size=700)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("block_bytes", [30_000, 5_000, 300])
def test_windows_give_bit_for_bit_what_one_window_gives(tmp_path, block_bytes, threads):
    _march(tmp_path)
    one = Read(tmp_path, names=(GEN, WIND))
    many = Read(tmp_path, names=(GEN, WIND), block_bytes=block_bytes, threads=threads)
    assert len(one.windows) == 1
    assert len(many.windows) > 1
    for name in ("positive", "negative", "seconds"):
        assert np.array_equal(getattr(one, name), getattr(many, name), equal_nan=True)
    assert one.findings == many.findings, "each row is counted once"


def test_rows_said_twice_are_counted_where_their_first_ones_were_carried_over_from_the_window_before(tmp_path):
    stamps = [datetime(2024, 5, 1) + timedelta(seconds=300 * n) for n in range(2_000)]
    _write(tmp_path, *((stamp, 1.0) for stamp in stamps for _ in range(2)), row_group_size=101)
    one, many = Read(tmp_path), Read(tmp_path, block_bytes=3_000)
    assert len(many.windows) > 3
    assert count_of(many.findings, "duplicate_rows") == 2_000
    assert one.findings == many.findings


def test_rows_that_reach_over_midnight_into_a_window_are_counted_with_their_own_day(tmp_path):
    late = datetime(2024, 6, 1, 23, 50)
    _write(tmp_path, (late, 1.0), (late, 1.0), (late, 2.0), (datetime(2024, 6, 2, 0, 10), 3.0))
    midnight, windows, findings = quarter_hour_of(datetime(2024, 6, 2)), [], Findings()
    reader = RunReader(inputs_of(tmp_path, 2024, block_bytes=1), "sced_gen_resources", [GEN], ["output_mw"])
    reader.each_window(windows.append)
    (window,) = (window for window in windows if window.first == midnight)
    means = RunMeans(reader).of_steps(window, window.grids["output_mw"])
    assert means.positive[0, 0] == pytest.approx((300 * 2 + 300 * 3) / 600)
    reader.report(findings)
    assert (count_of(findings.items, "duplicate_rows"), count_of(findings.items, "contradicting_rows")) == (0, 2)


def test_windows_that_are_in_memory_together_share_the_block(tmp_path):
    _march(tmp_path)
    alone, together = (Read(tmp_path, names=(GEN, WIND), block_bytes=60_000, threads=threads) for threads in (1, 4))
    assert len(together.windows) > len(alone.windows)


def test_what_goes_wrong_in_a_window_is_raised_and_no_further_window_is_begun(tmp_path):
    _march(tmp_path)
    reader = Read(tmp_path, names=(GEN, WIND), block_bytes=300).reader
    begun = []

    def work(window):
        begun.append(window)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        reader.each_window(work)
    assert len(begun) < len(Read(tmp_path, names=(GEN, WIND), block_bytes=300).windows)


def test_stamps_are_read_again_when_their_file_has_changed(tmp_path):
    before, after = (Read(tmp_path, *runs_of_day(date(2024, 6, day), output_mw=2.0)) for day in (1, 2))
    assert len(before.reader.starts) == len(after.reader.starts)
    assert (before.reader.starts + 86_400 == after.reader.starts).all()


def test_stamps_of_a_file_that_stays_are_read_once_for_a_year(tmp_path, monkeypatch):
    _march(tmp_path)
    first = Read(tmp_path)
    asked = []
    whole = runs_module.read_rows
    spy = lambda *given, **more: asked.append(given[2]) or whole(*given, **more)  # noqa: E731
    for module in (labels_module, runs_module):
        monkeypatch.setattr(module, "read_rows", spy)
    again = Read(tmp_path)
    assert np.array_equal(first.reader.starts, again.reader.starts)
    assert first.findings == again.findings
    assert asked
    assert not [columns for columns in asked if "resource_type" in columns]


def test_there_are_never_more_windows_than_days(tmp_path):
    _write(tmp_path, *runs_of_day(date(2024, 6, 1), output_mw=2.0))
    one, many = Read(tmp_path), Read(tmp_path, block_bytes=1)
    assert np.array_equal(one.positive, many.positive, equal_nan=True)
    assert len(many.windows) <= YEAR.days


@pytest.mark.parametrize("built", [False, True], ids=["found", "built"])
def test_a_row_group_in_order_of_time_is_decoded_for_its_times_and_once_for_its_values(tmp_path, monkeypatch, built):
    path = _march(tmp_path)
    if built:
        stamps = pq.read_table(path)["SCEDTimeStamp"].to_pylist()
        mark_as_built(path, [utc_seconds(datetime.strptime(stamp, "%m/%d/%Y %H:%M:%S")) for stamp in stamps])
    groups = pq.ParquetFile(path).num_row_groups
    decoded = []
    whole = pq.ParquetFile.iter_batches

    def spy(self, *given, **more):
        decoded.append((tuple(more["columns"]), tuple(more["row_groups"])))
        return whole(self, *given, **more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    many = Read(tmp_path, names=(GEN, WIND), block_bytes=3 * 34 * 2 * 350)
    times = ("interval_start", "operating_day") if built else ("SCEDTimeStamp", "RepeatedHourFlag")
    first_pass = [group for columns, group in decoded if set(columns) == {*times, "ResourceName"}]
    assert first_pass == [(group,) for group in range(groups)]
    assert len(decoded) == 2 * groups > 20
    assert len(many.windows) >= groups / 2


def test_no_row_is_lost_where_batches_are_cut_elsewhere_when_values_are_read(tmp_path):
    path = _march(tmp_path)
    one = Read(tmp_path, names=(GEN, WIND))
    stamps = pq.read_table(path)["SCEDTimeStamp"].to_pylist()
    times = [utc_seconds(datetime.strptime(stamp, "%m/%d/%Y %H:%M:%S")) for stamp in stamps]
    # the first pass saw batches of 100 rows, the second reads whole row groups of 700
    spans = [
        Span(path, first // 700, len(own), min(own), max(own))
        for first in range(0, len(times), 100)
        for own in [times[first : first + 100]]
    ]
    many = Read(tmp_path, names=(GEN, WIND), spans=spans, block_bytes=60_000)
    assert len(many.windows) > 3
    for name in ("positive", "negative", "seconds"):
        assert np.array_equal(getattr(one, name), getattr(many, name), equal_nan=True)
    assert one.findings == many.findings


# --- settlement metering --------------------------------------------------------------------------------------------------------------------------
def _smne(day, numbers, name=GEN, value=1.0, stamps=None):
    """Intervals of a day by number; each stamped with its last second, as ERCOT does, unless stamps are given."""
    midnight = datetime(day.year, day.month, day.day)
    ends = stamps or [midnight + timedelta(seconds=900 * n - 1) for n in numbers]
    labels = [{"interval_end": end, "interval_number": n} for n, end in zip(numbers, ends, strict=True)]
    return [row | {"resource_name": name, "energy_mwh": value + row["interval_number"]} for row in labels]


def _metered(root, *rows):
    """What is read of settlement metering, of a file of these rows if any are given."""
    if rows:
        write_rollup(root, "sced_smne", 2024, rows)
    values, reader = read_metering(inputs_of(root, 2024), [GEN])
    findings = Findings()
    reader.report(findings)
    return values, findings.items, reader.log


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_an_interval_of_metering_is_stamped_with_its_end_in_every_era(tmp_path, era):
    write_rollup(tmp_path, "sced_smne", 2024, _smne(date(2024, 1, 1), [1, 2, 96]), era)
    values, _, log = _metered(tmp_path)
    assert {int(n): float(values[0, n]) for n in np.flatnonzero(~np.isnan(values[0]))} == {0: 2.0, 1: 3.0, 95: 97.0}
    assert np.flatnonzero(log.days).tolist() == [0]


@pytest.mark.parametrize(
    "end", [datetime(2024, 1, 1, 23, 59, 59), datetime(2024, 1, 2)], ids=["last second", "next midnight"]
)
def test_the_last_interval_belongs_to_the_day_it_ends_whether_its_stamp_is_23_59_59_or_midnight(tmp_path, end):
    values, _, _ = _metered(tmp_path, *_smne(date(2024, 1, 1), [96], stamps=[end]))
    assert np.flatnonzero(~np.isnan(values[0])).tolist() == [95]


def test_without_a_number_the_stamp_decides_except_on_the_25_hour_day(tmp_path):
    labels = [
        "01-01", "00:14", "03-10", "01:59", "03-10", "03:14", "11-03", "01:14", "03-10", "02:14", "03-10", "02:44",
    ]  # fmt: skip
    stamps = zip(labels[::2], labels[1::2], strict=True)
    ends = [datetime.fromisoformat(f"2024-{day} {clock}:59") for day, clock in stamps]
    rows = [{"interval_end": end, "resource_name": GEN, "energy_mwh": float(n)} for n, end in enumerate(ends)]
    values, findings, _ = _metered(tmp_path, *rows)
    spring = quarter_hour_of(datetime(2024, 3, 10))
    known = {int(n): float(values[0, n]) for n in np.flatnonzero(~np.isnan(values[0]))}
    assert known == {0: 0.0, spring + 7: 1.0, spring + 8: 2.0}
    assert count_of(findings, "ambiguous_hour", "sced_smne") == 1
    assert count_of(findings, "unusable_time", "sced_smne") == 2
    assert "interval_number" in found(findings, "missing_columns")[0].detail


@pytest.mark.parametrize("end", [datetime(2024, 3, 10, 1, 59, 59), datetime(2024, 3, 10, 2), datetime(2024, 3, 10, 3)])
def test_the_interval_before_the_clocks_go_forward_is_the_eighth_however_its_end_is_written(tmp_path, end):
    values, findings, _ = _metered(tmp_path, {"interval_end": end, "resource_name": GEN, "energy_mwh": 1.0})
    assert np.flatnonzero(~np.isnan(values[0])).tolist() == [quarter_hour_of(datetime(2024, 3, 10)) + 7]
    assert count_of(findings, "unusable_time", "sced_smne") == 0


def test_metering_of_somebody_else_is_seen_and_not_taken(tmp_path):
    write_rollup(tmp_path, "sced_smne", 2025, _smne(date(2024, 12, 31), [96], WIND) + _smne(date(2025, 1, 1), [1]))
    values, _, log = _metered(tmp_path)
    assert np.isnan(values).all()
    assert np.flatnonzero(log.days).tolist() == [365]
    assert log.beyond
    assert log.last.tolist() == [-1]


def test_repeated_metering_is_counted_and_the_later_row_wins(tmp_path):
    write_rollup(tmp_path, "sced_smne", 2024, _smne(date(2024, 1, 1), [1, 2]))
    write_rollup(tmp_path, "sced_smne", 2025, _smne(date(2024, 1, 1), [1]) + _smne(date(2024, 1, 1), [2], value=50.0))
    values, findings, _ = _metered(tmp_path)
    assert values[0, :2].tolist() == [2.0, 52.0]
    assert (count_of(findings, "duplicate_rows"), count_of(findings, "contradicting_rows")) == (1, 1)


def test_without_metering_every_quarter_hour_is_unknown(tmp_path):
    values, findings, _ = _metered(tmp_path)
    assert values.shape == (1, YEAR.quarter_hours)
    assert np.isnan(values).all()
    assert found(findings, "dataset_absent", "sced_smne")


# --- lines between readings ---------------------------------------------------------------------------------------------------------------------
def _line_quarters(root, *rows, year=2024, first=JANUARY_1, count=2, **more):
    """(mean MW, known seconds) of the generation resource's quarter-hours from a moment on."""
    write_rollup(root, "sced_gen_resources", year, list(rows))
    reader = RunReader(inputs_of(root, year, **more), "sced_gen_resources", [GEN], ["output_mw", "base_point_mw"])
    windows, at = [], quarter_hour_of(first)
    reader.each_window(windows.append)
    net, seconds = np.full(operating_year(year).quarter_hours, NAN), np.zeros(operating_year(year).quarter_hours)
    for window in windows:
        means = RunMeans(reader).of_readings(window, window.grids["output_mw"], window.grids["base_point_mw"])
        net[window.first : window.last] = (means.positive - means.negative)[0]
        seconds[window.first : window.last] = means.seconds[0]
    return net[at : at + count].tolist(), seconds[at : at + count].tolist()


def _on(first, minutes, mw, name=GEN, point=None):
    return run(first + timedelta(minutes=minutes), name, output_mw=mw, base_point_mw=point)


def test_runs_of_others_and_blanks_between_two_readings_change_nothing(tmp_path):
    readings = [_on(JANUARY_1, 0, 0.0), _on(JANUARY_1, 10, 60.0), _on(JANUARY_1, 20, 0.0), _on(JANUARY_1, 30, 0.0)]
    mean, known = _line_quarters(tmp_path / "alone", *readings)
    others = [_on(JANUARY_1, 4, 99.0, WIND), _on(JANUARY_1, 5, None, point=7.0), _on(JANUARY_1, 13, 99.0, WIND)]
    assert _line_quarters(tmp_path / "among_others", *readings, *others) == (pytest.approx(mean, rel=1e-14), known)
    assert (mean, known) == ([(600 * 30 + 300 * 45) / 900, (300 * 15 + 600 * 0) / 900], [900, 900])


@pytest.mark.parametrize(("minutes", "seconds"), [(8, [480, 0]), (18, [900, 0])])
def test_a_reading_without_a_next_one_is_held_to_the_next_run_of_any_at_most_900_seconds(tmp_path, minutes, seconds):
    rows = [_on(JANUARY_1, 0, 6.0, point=99.0), _on(JANUARY_1, minutes, 1.0, WIND), _on(JANUARY_1, 60, 1.0)]
    mean, known = _line_quarters(tmp_path, *rows)
    assert known == seconds
    assert mean[0] == 6.0


@pytest.mark.parametrize(("next_day_has_rows", "seconds"), [(True, [300, 600]), (False, [300, 0])])
def test_a_reading_is_never_held_into_a_day_without_rows(tmp_path, next_day_has_rows, seconds):
    rows = [_on(JANUARY_1, 24 * 60 - 5, 6.0)]
    if next_day_has_rows:
        rows.append(_on(JANUARY_1, 36 * 60, 1.0, WIND))
    assert _line_quarters(tmp_path, *rows, first=datetime(2024, 1, 1, 23, 45))[1] == seconds


def test_the_last_reading_of_a_year_is_held_to_its_end(tmp_path):
    silvester = datetime(2024, 12, 31, 23, 0)
    rows = [_on(silvester, 50, 0.0), _on(silvester, 55, 6.0), _on(silvester, 57, 1.0, WIND), _on(silvester, 65, 99.0)]
    mean, known = _line_quarters(tmp_path, *rows, first=datetime(2024, 12, 31, 23, 45), count=1)
    assert known == [600]
    assert mean[0] == pytest.approx((300 * 3 + 300 * 6) / 600)


def test_lines_reach_over_the_edges_of_windows(tmp_path):
    rows = [_on(JANUARY_1, 20 * n, float(n % 7), point=float(n % 5)) for n in range(3 * 24 * 3)]
    one = _line_quarters(tmp_path / "one", *rows, count=3 * 96)
    many = _line_quarters(tmp_path / "many", *rows, count=3 * 96, threads=YEAR.days)
    assert many == one
    assert one[1][1:-2] == [900] * (3 * 96 - 3)


@pytest.mark.parametrize(
    ("reading", "days"),
    [
        (0.0, "2024-01-01"),
        (0.09, "2024-01-01"),
        (0.11, None),
        (249.0, None),
        (251.0, "2024-01-01"),
        (-5.0, "2024-01-01"),
        (None, None),
    ],
)
def test_days_on_which_readings_are_zero_or_of_another_size_or_sign_than_their_base_points_are_named(
    tmp_path, reading, days
):
    rows = runs_of_day(date(2024, 1, 1), output_mw=reading, base_point_mw=5.0)
    rows += runs_of_day(date(2024, 1, 2), output_mw=0.0, base_point_mw=1.0)
    write_rollup(tmp_path, "sced_gen_resources", 2024, rows)
    reader = RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", [GEN], ["output_mw", "base_point_mw"])
    means, findings = RunMeans(reader), Findings()
    reader.each_window(lambda w: means.of_readings(w, w.grids["output_mw"], w.grids["base_point_mw"]))
    means.report(findings)
    assert [finding.detail for finding in found(findings.items, "off_base_points")] == ([days] if days else [])


@pytest.mark.parametrize(("reading", "named"), [(0.0, True), (0.001, False)])
def test_of_a_day_of_zeros_one_base_point_is_enough_and_else_there_must_be_many(tmp_path, reading, named):
    rows = runs_of_day(date(2024, 1, 1), output_mw=reading, base_point_mw=0.0)
    rows[40] = {**rows[40], "base_point_mw": 5.0}
    write_rollup(tmp_path, "sced_gen_resources", 2024, rows)
    reader = RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", [GEN], ["output_mw", "base_point_mw"])
    means, findings = RunMeans(reader), Findings()
    reader.each_window(lambda w: means.of_readings(w, w.grids["output_mw"], w.grids["base_point_mw"]))
    means.report(findings)
    assert bool(found(findings.items, "off_base_points")) == named


@pytest.mark.parametrize(("late", "named"), [(0, False), (1, False), (12, True)])
def test_a_day_of_readings_against_their_base_points_is_named_and_of_late_ones_not(tmp_path, late, named):
    points = [float(20 * (-1) ** (n // 12)) for n in range(288)]
    rows = [
        run(JANUARY_1 + timedelta(minutes=5 * n), output_mw=points[n - late], base_point_mw=points[n])
        for n in range(288)
    ]
    write_rollup(tmp_path, "sced_gen_resources", 2024, rows)
    reader = RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", [GEN], ["output_mw", "base_point_mw"])
    means, findings = RunMeans(reader), Findings()
    reader.each_window(lambda w: means.of_readings(w, w.grids["output_mw"], w.grids["base_point_mw"]))
    means.report(findings)
    assert bool(found(findings.items, "off_base_points")) == named


def test_readings_of_the_repeated_hour_that_nothing_tells_apart_are_unknown(tmp_path):
    rows = [run(AUTUMN_0 + timedelta(minutes=m), flag=None, output_mw=4.0) for m in range(0, 4 * 60, 10)]
    _, known = _line_quarters(tmp_path, *rows, first=AUTUMN_0, count=16)
    assert known[:12] == [900] * 4 + [0] * 8


# --- runs kept for the next step ----------------------------------------------------------------------------------------------------------------
def _said(reader, *era):
    """Means by window, days held, and findings of a reader that was read, the whole year or an era of it."""
    windows, findings = [], Findings()
    reader.each_window(windows.append, *era)
    windows.sort(key=lambda window: window.first)
    means = [RunMeans(reader).of_readings(w, w.grids["output_mw"], w.grids["base_point_mw"]) for w in windows]
    reader.report(findings)
    arrays = [np.concatenate([getattr(m, name) for m in means], axis=1) for name in ("positive", "negative", "seconds")]
    return arrays, reader.log.of_series, findings


def _equal(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one[0], other[0], strict=True)) and (
        np.array_equal(one[1], other[1]) and one[2] == other[2]
    )


def _decoded(monkeypatch):
    """The batches of rows that are decoded from now on."""
    decoded, read = [], runs_module.read_rows

    def counting(dataset, path, columns, *more, **options):
        for rows in read(dataset, path, columns, *more, **options):
            decoded.extend([rows] if columns else [])
            yield rows

    monkeypatch.setattr(runs_module, "read_rows", counting)
    return decoded


def _of_days(names, days=3):
    """Runs of some days whose readings and base points differ from run to run and from resource to resource."""
    return [
        _on(JANUARY_1, 5 * n, float((7 * n + len(name)) % 23 - 9), name, point=float(n % 11))
        for n in range(288 * days)
        for name in names
    ]


@pytest.mark.parametrize("names", [(GEN, WIND), (WIND,)])
def test_runs_that_one_step_keeps_are_those_of_the_next_which_decodes_no_row(tmp_path, monkeypatch, names):
    write_rollup(tmp_path, "sced_gen_resources", 2024, _of_days((GEN, WIND)))
    columns = ["output_mw", "base_point_mw"]
    by_itself = _said(RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", names, columns))
    inputs = inputs_of(tmp_path, 2024)
    keep_runs(RunReader(inputs, "sced_gen_resources", [GEN, WIND], columns))
    decoded = _decoded(monkeypatch)
    assert _equal(_said(RunReader(inputs, "sced_gen_resources", names, columns)), by_itself)
    assert not decoded
    # other numbers, or a file that has changed since, are read
    run_values(RunReader(inputs, "sced_gen_resources", [GEN], ["base_point_mw"]), [(0, YEAR.quarter_hours)])
    assert decoded
    decoded.clear()
    write_rollup(tmp_path, "sced_gen_resources", 2024, _of_days((GEN, WIND), days=2))
    changed = _said(RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", names, columns))
    decoded.clear()
    assert _equal(_said(RunReader(inputs, "sced_gen_resources", names, columns)), changed)
    assert decoded


@pytest.mark.parametrize("era", [(0, 96), (96, 192), (96, 288), (192, 366 * 96)])
@pytest.mark.parametrize("block_bytes", [2**20, 30_000])
def test_runs_that_one_step_keeps_serve_an_era_of_the_year(tmp_path, monkeypatch, era, block_bytes):
    write_rollup(tmp_path, "sced_gen_resources", 2024, _of_days((GEN, WIND)), row_group_size=101)
    columns = ["output_mw", "base_point_mw"]
    (by_itself, *_) = _said(RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", [WIND], columns), *era)
    inputs = inputs_of(tmp_path, 2024, block_bytes=block_bytes)
    keep_runs(RunReader(inputs, "sced_gen_resources", [GEN, WIND], columns))
    decoded = _decoded(monkeypatch)
    (kept, *_) = _said(RunReader(inputs, "sced_gen_resources", [WIND], columns), *era)
    assert not decoded
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(kept, by_itself, strict=True))
    assert np.isfinite(by_itself[0]).any()


def test_odd_rows_of_an_era_are_counted_and_not_those_of_the_year(tmp_path):
    write_rollup(tmp_path, "sced_gen_resources", 2024, [*_of_days((GEN,)), _on(JANUARY_1, 0, 99.0, GEN)])
    inputs, columns = inputs_of(tmp_path, 2024), ["output_mw", "base_point_mw"]
    keep_runs(RunReader(inputs, "sced_gen_resources", [GEN], columns))
    for era, count in (((0, 96), 1), ((96, 192), 0)):
        *_, findings = _said(RunReader(inputs, "sced_gen_resources", [GEN], columns), *era)
        assert count_of(findings.items, "contradicting_rows", "sced_gen_resources") == count


def test_odd_rows_of_a_resource_that_the_next_step_does_not_read_are_not_counted_with_it(tmp_path):
    rows = [*_of_days((GEN, WIND), days=1), _on(JANUARY_1, 0, 99.0, WIND)]
    write_rollup(tmp_path, "sced_gen_resources", 2024, rows)
    columns = ["output_mw", "base_point_mw"]
    for names, count in (((GEN, WIND), 1), ((GEN,), 0)):
        inputs = inputs_of(tmp_path, 2024)
        by_itself = _said(RunReader(inputs_of(tmp_path, 2024), "sced_gen_resources", names, columns))
        keep_runs(RunReader(inputs, "sced_gen_resources", [GEN, WIND], columns))
        kept = _said(RunReader(inputs, "sced_gen_resources", names, columns))
        assert _equal(kept, by_itself)
        assert count_of(kept[2].items, "contradicting_rows", "sced_gen_resources") == count
