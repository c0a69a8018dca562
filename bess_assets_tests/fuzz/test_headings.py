"""Random headings against what is read from a rollup file: an error that says where, or each column under one meaning."""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bess_assets.ercot.datasets import DATASETS, normal_heading
from bess_assets.ercot.footers import describe_file, find_columns, open_parquet
from bess_assets.ercot.parsing import day_range, read_rows
from bess_assets.errors import InputError

pytestmark = pytest.mark.slow

STRANGERS = (
    *("", " ", "datetime", "Résumé", "HSL.1", "x" * 300, "Delivery\nDate", '"Resource Name"'),
    *("price'; DROP TABLE", "名前"),
)
datasets = st.sampled_from(sorted(DATASETS))
seeds = st.integers(0, 2**32 - 1)


def _respelled(heading: str, rng: random.Random) -> str:
    """The same letters and digits in another dress."""
    dressed = "".join(rng.choice([c.upper(), c.lower()]) for c in heading)
    for _ in range(rng.randint(0, 3)):
        at = rng.randint(0, len(dressed))
        dressed = dressed[:at] + rng.choice([" ", "_", "-", ".", "\t", "'"]) + dressed[at:]
    return dressed


def _headings(dataset, rng: random.Random) -> list[str]:
    required = [rng.choice(c.headings) for c in dataset.columns.values() if c.required and rng.random() < 0.97]
    others = [rng.choice(c.headings) for c in dataset.columns.values() if not c.required and rng.random() < 0.5]
    again = [rng.choice(c.headings) for c in dataset.columns.values() if rng.random() < 0.05]
    picked = [_respelled(h, rng) if rng.random() < 0.5 else h for h in [*required, *others, *again]]
    picked += [rng.choice(STRANGERS) for _ in range(rng.randint(0, 2))]
    if picked and rng.random() < 0.1:
        picked.append(rng.choice(picked))
    rng.shuffle(picked)
    return picked


def _says_where(error: InputError, dataset, path) -> None:
    assert (error.dataset, error.file) == (dataset.name, str(path))
    assert error.expected
    assert error.remedy


@settings(max_examples=1_500)
@given(datasets, seeds)
def test_headings_in_any_dress_are_read_under_one_meaning_each_or_refused_by_name(tmp_path_factory, name, seed):
    rng, dataset = random.Random(seed), DATASETS[name]
    headings = _headings(dataset, rng)
    path = tmp_path_factory.getbasetemp() / "2024.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["1", None])] * len(headings), headings), path)
    try:
        with open_parquet(dataset, path) as file:
            found = find_columns(dataset, path, file)
    except InputError as error:
        _says_where(error, dataset, path)
        return
    describe_file(dataset, path)
    taken = [heading for own in found.values() for heading in set(own)]
    assert len(taken) == len(set(taken)), "a heading with two meanings"
    for canonical, own in found.items():
        spelled = {normal_heading(h) for h in dataset.columns[canonical].headings}
        assert {normal_heading(h) for h in own} <= spelled
    # whoever asks for one of those columns gets it, or an error that names it
    for rows in _try_to_read(dataset, path, list(found)):
        assert all(rows.has(name) for name in found)


def _try_to_read(dataset, path, wanted):
    try:
        return list(read_rows(dataset, path, wanted))
    except InputError as error:
        _says_where(error, dataset, path)
        return []


KINDS: dict[str, tuple[pa.DataType, list]] = {
    "text": (
        pa.string(),
        [
            *("1", "01:00", "03/09/2025", "2025-03-09 00:15:13", "Y", "n", " ", "", "-0.5", "1e400", "٣"),
            *("nan", "\x00", "OAK_BESS1"),
        ],
    ),
    "large text": (pa.large_string(), ["1", "24:00", "12/31/2024 23:59:59", "Y", "abc"]),
    "view": (pa.string_view(), ["1", "03/09/2025", "Y", "abc"]),
    "bytes": (pa.binary(), [b"1", b"03/09/2025", b"\xff\xfe", b"", b"Y"]),
    "codes": (pa.dictionary(pa.int32(), pa.string()), ["1", "03/09/2025", "Y", ""]),
    "number codes": (pa.dictionary(pa.int16(), pa.int64()), [1, 2, 24]),
    "int8": (pa.int8(), [1, 0, 24, -5, 127]),
    "int64": (pa.int64(), [1, 2, 24, 25, 2**62, -(2**63)]),
    "uint64": (pa.uint64(), [1, 2**63, 2**64 - 1]),
    "half": (pa.float16(), [np.float16(1.0), np.float16(65_504.0)]),
    "single": (pa.float32(), [1.0, 0.1, float("nan"), float("inf")]),
    "double": (pa.float64(), [1.0, 24.0, 1.5, 1e300, -1e300, float("nan"), float("-inf")]),
    "decimal": (pa.decimal128(10, 2), [Decimal("1.00"), Decimal("1.50")]),
    "bool": (pa.bool_(), [True, False]),
    "day": (pa.date32(), [date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)]),
    "day in ms": (pa.date64(), [date(2024, 2, 29), date(1970, 1, 1)]),
    "stamp": (pa.timestamp("us"), [datetime(2024, 11, 3, 1, 15), datetime(1, 1, 1), datetime(9999, 12, 31)]),
    "stamp in ns": (pa.timestamp("ns"), [datetime(2024, 11, 3, 1, 15, 0, 999_999)]),
    "stamp of UTC": (pa.timestamp("ms", tz="UTC"), [datetime(2024, 11, 3, 1, 15, tzinfo=UTC)]),
    "stamp of a zone": (
        pa.timestamp("s", tz="America/Chicago"),
        [datetime(2024, 11, 3, 6, 15, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)],
    ),
    "stamp of an offset": (pa.timestamp("us", tz="-06:00"), [datetime(2024, 3, 10, 8, 15, tzinfo=UTC)]),
    "time": (pa.time32("s"), [time(1, 15)]),
    "duration": (pa.duration("s"), [timedelta(hours=1)]),
    "list": (pa.list_(pa.int64()), [[1], []]),
    "struct": (pa.struct([("a", pa.int64())]), [{"a": 1}]),
    "null": (pa.null(), [None]),
}


def _take_everything(rows, dataset, name) -> None:
    """Every reading that the extracts make of a column of its kind."""
    count = rows.count
    match dataset.columns[name].kind:
        case "number":
            values = rows.numbers(name)
            assert values.shape == (count,)
            assert not np.isinf(values).any()
        case "name":
            codes, texts = rows.texts(name)
            assert len(codes) == count
            assert count == 0 or -1 <= codes.min() <= codes.max() < len(texts)
            assert all(text and text == text.strip() for text in texts)
        case "day" | "stamp" | "interval":
            assert len(rows.values(name)) == count
        case "hour":
            hours = rows.values(name)
            assert len(hours) == count
            assert not (hours == 0).any()
        case "flag":
            assert set(np.unique(rows.values(name))) <= {-1, 0, 1}


@settings(max_examples=1_500)
@given(datasets, seeds)
def test_a_column_of_any_type_is_read_as_values_or_refused_by_name(tmp_path_factory, name, seed):
    rng, dataset = random.Random(seed), DATASETS[name]
    columns, count = {}, rng.randint(0, 6)
    odd = rng.sample(sorted(dataset.columns), min(rng.randint(1, 3), len(dataset.columns)))
    for column in dataset.columns.values():
        plain = {"day": "day", "stamp": "stamp", "number": "double", "hour": "int8", "interval": "int8"}
        kind = rng.choice(sorted(KINDS)) if column.name in odd else plain.get(column.kind, "text")
        arrow, values = KINDS[kind]
        few = rng.sample(values, rng.randint(1, len(values))) if column.name in odd else values[:1]
        cells = [None if rng.random() < 0.15 else rng.choice(few) for _ in range(count)]
        coded = pa.types.is_dictionary(arrow)
        array = pa.array(cells, arrow.value_type if coded else arrow)
        columns[column.headings[0]] = array.dictionary_encode() if coded else array
    path = tmp_path_factory.getbasetemp() / "2024.parquet"
    try:
        pq.write_table(pa.table(columns), path)
    except pa.ArrowNotImplementedError:
        return  # a type that Parquet cannot hold
    seen = 0
    try:
        for rows in read_rows(dataset, path, list(dataset.columns)):
            seen += rows.count
            for column in dataset.columns:
                if rows.has(column):
                    _take_everything(rows, dataset, column)
        assert seen == count
        for column in dataset.columns.values():
            if column.kind in {"day", "stamp"}:
                day_range(dataset, path, column.name, column.headings[0])
    except InputError as error:
        _says_where(error, dataset, path)
