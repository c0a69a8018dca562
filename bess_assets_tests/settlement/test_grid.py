"""Which of several rows a cell of a grid keeps, and grids as the columns of a ledger."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.rows import Counted
from bess_assets.errors import WriteError
from bess_assets.settlement.grid import LedgerColumns, Scatter, Spool, UnnamedFile, labels_array
from bess_assets_tests.resources import NODE
from bess_assets_tests.steps import SPRING_AND_AUTUMN, quarter_hour_of

SPRING, _ = SPRING_AND_AUTUMN[2024]


def _as_put(rows, names, shape, cuts):
    scatter, counted = Scatter(*shape, names), Counted()
    edges = sorted({0, len(rows), *(c for c in cuts if c <= len(rows))})
    for a, b in pairwise(edges):
        series, step, *values = (np.array(column) for column in zip(*rows[a:b], strict=True))
        scatter.put(series, step, {n: v.astype(float) for n, v in zip(names, values, strict=True)}, counted)
    return scatter, counted


maybe = st.sampled_from([0.0, 1.0, 2.0, float("nan")])


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), maybe, maybe), max_size=30),
    st.lists(st.integers(0, 30), max_size=3),
)
def test_the_last_row_of_a_cell_wins_however_rows_come_in_batches(rows, cuts):
    scatter, counted = _as_put(rows, ["a", "b"], (2, 3), cuts)
    last = {(series, step): (a, b) for series, step, a, b in rows}
    for (series, step), (a, b) in last.items():
        kept = [scatter.grids[name][series, step] for name in ("a", "b")]
        assert np.array_equal(kept, [a, b], equal_nan=True)
    assert scatter.present.sum() == len(last)
    assert np.isnan(scatter.grids["a"][~scatter.present]).all()
    assert counted.repeats + counted.contradictions == len(rows) - len(last)


@given(st.lists(st.tuples(st.just(0), st.integers(0, 2), maybe), max_size=12))
def test_rows_that_all_say_the_same_are_never_contradicting(rows):
    same = [(series, step, {0: 1.0, 1: float("nan"), 2: 0.0}[step]) for series, step, _ in rows]
    _, counted = _as_put(same + same, ["a"], (1, 3), [5])
    assert counted.contradictions == 0
    assert counted.repeats == 2 * len(same) - len({step for _, step, _ in same})


def test_every_chunk_of_a_ledger_has_the_same_times_and_the_days_they_lie_in():
    year = operating_year(2024)
    chunk = LedgerColumns(year, quarter_hours=True).chunk("ALPHA_1", price=np.zeros(year.quarter_hours))
    assert list(chunk) == ["battery", "interval_start", "operating_day", "price"]
    assert pa.array(chunk["battery"]).unique().to_pylist() == ["ALPHA_1"]
    times, days = chunk["interval_start"], chunk["operating_day"]
    assert (len(times), times[0], times[-1] + 900) == (year.quarter_hours, year.start, year.end)
    at = quarter_hour_of(datetime(2024, 3, 10, 23, 45))
    assert date(1970, 1, 1) + timedelta(days=int(days[at])) == SPRING
    assert days[at + 1] == days[at] + 1
    hours = LedgerColumns(year, quarter_hours=False, key="settlement_point").chunk(NODE)
    assert len(hours["interval_start"]) == year.hours
    assert hours["interval_start"][1] - hours["interval_start"][0] == 3_600
    assert hours["settlement_point"][0].as_py() == NODE


def test_the_dictionary_of_a_label_column_holds_the_texts_that_occur():
    column = labels_array(np.array([2, -1, 0, 2]), ["a", "b", "c"])
    assert column.to_pylist() == ["c", None, "a", "c"]
    assert column.dictionary.to_pylist() == ["a", "c"]


# --- what waits in a file -------------------------------------------------------------------------------------------------------------------------
EMPTY = {"mwh": np.float64("nan"), "source": np.int8(-1)}


def _stretch(first, count, series=3):
    """Values of which each says its series and its step."""
    places = 100.0 * np.arange(series)[:, None] + first + np.arange(count)
    return {"mwh": places, "source": (places % 7).astype(np.int8)}


def test_what_was_put_a_stretch_at_a_time_by_several_threads_is_taken_a_series_at_a_time(tmp_path):
    spool = Spool(tmp_path, 40, EMPTY)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda first: spool.put(first, _stretch(first, 10, series=19)), (20, 0, 30, 10)))
    for series in (2, 0, 1, 18, 8, 7, 7):
        taken = spool.take(series)
        assert taken["mwh"].tolist() == [100.0 * series + step for step in range(40)]
        assert taken["source"].tolist() == [(100 * series + step) % 7 for step in range(40)]
        taken["mwh"][:] = 0.0
    assert not list(tmp_path.iterdir()), "its file has no name: nothing is left of a process that dies"


@pytest.mark.parametrize(
    ("order", "together"), [(range(19), [8, 8, 3]), (range(18, -1, -1), [1] * 19), ((9, 3, 4, 5, 17), [1, 1, 8, 1])]
)
def test_series_taken_in_order_are_read_together_and_others_alone(tmp_path, monkeypatch, order, together):
    spool, sizes, plain = Spool(tmp_path, 10, EMPTY), [], UnnamedFile.read

    def noting(file, offset, kind, count):
        sizes.append(count // (10 * 9))
        return plain(file, offset, kind, count)

    monkeypatch.setattr(UnnamedFile, "read", noting)
    spool.put(0, _stretch(0, 10, series=19))
    for series in order:
        assert spool.take(series)["mwh"].tolist() == [100.0 * series + step for step in range(10)]
    assert sizes == together


def test_where_nothing_was_put_every_step_is_empty():
    taken = Spool(None, 5, EMPTY).take(0)
    assert np.isnan(taken["mwh"]).all()
    assert taken["source"].tolist() == [-1] * 5
    assert taken["source"].dtype == np.int8


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
def test_a_disk_that_takes_no_more_is_an_error_that_names_the_folder(tmp_path):
    resource = pytest.importorskip("resource")
    spool = Spool(tmp_path, 10_000, EMPTY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        with pytest.raises(WriteError, match="a file may not become so large here") as caught:
            spool.put(0, _stretch(0, 10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.file == str(tmp_path)
