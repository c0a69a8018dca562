"""Types that drift between files, blanks, and what cannot be read."""

import json
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bess_assets.ercot.arrays import NO_VALUE
from bess_assets.ercot.calendar import day_number, day_of_number
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import METADATA_KEY
from bess_assets.ercot.parsing import day_range, read_rows
from bess_assets.ercot.rows import Counted
from bess_assets.ercot.text_values import parse_wall_clock, wall_clocks
from bess_assets.errors import InputError
from bess_assets_tests.resources import GEN
from bess_assets_tests.scenario import ERAS, HEADINGS, hourly, run, write_columns, write_rollup

DAY = date(2025, 3, 9)
FLAG = {"repeated_hour": ("DSTFlag", "DSTFlag")}
HOURLY = ["operating_day", "hour_ending", "resource_name", "award_mw", "repeated_hour"]

# --- awkward values: what a cell may hold -----------------------------------------------------------------------------------------------------
DAY_SPELLINGS = {
    "03/09/2025": date(2025, 3, 9),  # ERCOT's own
    "3/9/2025": date(2025, 3, 9),  # saved again by a spreadsheet
    "2025-03-09": date(2025, 3, 9),  # a database's
    "03/09/2025 00:00:00": date(2025, 3, 9),  # a date with its midnight
    "2025-03-09T00:00:00": date(2025, 3, 9),  # ISO with a T
    " 03/09/2025": date(2025, 3, 9),  # a few values carry a leading space
    "02/29/2024": date(2024, 2, 29),  # a leap day
}
NOT_DAYS = ("02/29/2025", "13/01/2025", "2025/03/09", "09-MAR-25", "yesterday", "03/09/25")

HOUR_SPELLINGS = {
    "1": 1,
    "01:00": 1,
    "1.0": 1,
    "01:00:00": 1,
    "24:00": 24,
    "24": 24,
    "25": 25,
    " 02:00": 2,
    "01:00:00 AM": 1,
    "12:00 PM": 12,
    "11:00:00 pm": 23,
}
NOT_HOURS = ("01:15", "13:00 PM", "01:30 PM", "one", "1.5", "HE01", "0100")

STAMP_SPELLINGS = {
    "03/09/2025 00:15:13": datetime(2025, 3, 9, 0, 15, 13),  # ERCOT's own
    "3/9/2025 0:15": datetime(2025, 3, 9, 0, 15),  # a spreadsheet loses seconds and zeros
    "2025-03-09 00:15:13": datetime(2025, 3, 9, 0, 15, 13),
    "2025-03-09T00:15:13.000": datetime(2025, 3, 9, 0, 15, 13),
    "12/31/2025 23:59:59": datetime(2025, 12, 31, 23, 59, 59),
}
NOT_STAMPS = ("03/09/2025 24:00:00", "03/09/2025 12:60:00", "03/09/2025 1 PM", "now")

NUMBER_SPELLINGS = {
    "12.5": 12.5, "-0.161": -0.161, "1e-3": 0.001, "": None, "   ": None,
    " 7": 7.0,  # a few values carry a leading space
    "25,674.30": 25_674.30,  # thousands as a spreadsheet prints them
    "NULL": None,  # a database's word
}  # fmt: skip
NOT_NUMBERS = ("n/a", "12.5 MW", "--", "#REF!", "1.2.3", "12,5", "1_000")


def _seconds(stamp):
    return (stamp - datetime(1970, 1, 1)) // timedelta(seconds=1)


def _dam(tmp_path, **columns):
    """Day-ahead rows, one for each value given; columns by canonical name, already in their stored form."""
    length = len(next(iter(columns.values())))
    given = {"operating_day": [DAY] * length, "hour_ending": [1] * length, "resource_name": [GEN] * length} | columns
    headings = {**HEADINGS["dam_gen_resources"], **FLAG}
    return write_columns(tmp_path, DAM, 2025, {headings[name][0]: values for name, values in given.items()})


def _read(path, dataset="dam_gen_resources", columns=HOURLY):
    (rows,) = read_rows(DATASETS[dataset], path, columns)
    return rows


def _only(tmp_path, name, values):
    return _read(_dam(tmp_path, **{name: values}))


# --- hazard 5: one meaning, many types --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_hazard_5_days_hours_names_and_numbers_are_the_same_in_every_era(tmp_path, era):
    labels = ((date(2024, 2, 29), 1, 3.0), (date(2024, 12, 31), 24, None), (date(2025, 11, 2), 25, -7.0))
    rows = [hourly(day, hour, award_mw=mw) for day, hour, mw in labels]
    read = _read(write_rollup(tmp_path, "dam_gen_resources", 2024, rows, era))
    assert read.values("operating_day").tolist() == [day_number(row["operating_day"]) for row in rows]
    assert read.values("hour_ending").tolist() == [1, 24, 25]
    codes, texts = read.texts("resource_name")
    assert (codes.tolist(), texts) == ([0, 0, 0], [GEN])
    assert np.array_equal(read.numbers("award_mw"), [3.0, np.nan, -7.0], equal_nan=True)


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_hazard_5_stamps_and_flags_are_the_same_in_every_era(tmp_path, era):
    stamps = [datetime(2025, 11, 2, 1, 15, 13), datetime(2025, 11, 2, 1, 15, 13), datetime(2025, 11, 2, 23, 59, 59)]
    rows = [run(stamp, flag=flag) for stamp, flag in zip(stamps, ("N", "Y", "N"), strict=True)]
    path = write_rollup(tmp_path, "sced_gen_resources", 2025, rows, era)
    read = _read(path, "sced_gen_resources", ["sced_stamp", "repeated_hour"])
    assert read.values("sced_stamp").tolist() == [_seconds(stamp) for stamp in stamps]
    assert read.values("repeated_hour").tolist() == [0, 1, 0]


MEANINGS = [
    *(("operating_day", [text], [day_number(day)]) for text, day in DAY_SPELLINGS.items()),
    *(
        ("operating_day", pa.array([DAY, None]).cast(pa.timestamp("s")).cast(kind), [day_number(DAY), NO_VALUE])
        for kind in (pa.date32(), pa.date64(), pa.timestamp("s"), pa.timestamp("ns"), pa.timestamp("us", tz="UTC"))
    ),
    # UTC is wall-clock time stored as if it were UTC: shifted by the zone, 00:30 would be of the day before
    ("operating_day", pa.array([datetime(2025, 3, 9, 0, 30)], pa.timestamp("us", tz="UTC")), [day_number(DAY)]),
    *(("hour_ending", [text, ""], [hour, NO_VALUE]) for text, hour in HOUR_SPELLINGS.items()),
    *(
        ("hour_ending", pa.array([1, 24, None], kind), [1, 24, NO_VALUE])
        for kind in (pa.int8(), pa.int32(), pa.int64(), pa.float32(), pa.float64())
    ),
    ("hour_ending", pa.array([1, 5_000, 1], pa.int64()), [1, 5_000, 1]),
    # a label 0 between them is none of the file's
    ("hour_ending", pa.array([-3, 4, 4], pa.int64()), [-3, 4, 4]),
    ("hour_ending", pa.array([Decimal(7), None], pa.decimal128(4, 1)), [7, NO_VALUE]),
    ("hour_ending", pa.array([2.0**53], pa.float64()), [2**53]),
    # DuckDB takes 01:00 to 24:00 for times of the day
    *(
        ("hour_ending", pa.array([3_600, 86_400, None], pa.int32()).view(pa.time32("s")).cast(kind), [1, 24, NO_VALUE])
        for kind in (pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"))
    ),
    ("hour_ending", pa.array([timedelta(hours=1), timedelta(hours=24), None]), [1, 24, NO_VALUE]),
    *(
        ("award_mw", [text, None], [np.nan if number is None else number, np.nan])
        for text, number in NUMBER_SPELLINGS.items()
    ),
    *(
        ("award_mw", pa.array([12, None], pa.int64()).cast(kind), [12.0, np.nan])
        for kind in (pa.int16(), pa.int64(), pa.float32(), pa.float64(), pa.decimal128(21, 2))
    ),
    # what no float holds is read as the nearest
    ("award_mw", pa.array([2**53 + 1, 3], pa.int64()), [2.0**53, 3.0]),
    ("award_mw", pa.nulls(2), [np.nan, np.nan]),
    *(("award_mw", pa.array([b"12", b" "], kind), [12.0, np.nan]) for kind in (pa.binary(), pa.large_binary())),
    ("repeated_hour", ["Y", "N", None, "", " y "], [1, 0, -1, -1, 1]),
    ("repeated_hour", ["true", "FALSE", "1", "0", None], [1, 0, 1, 0, -1]),
    ("repeated_hour", pa.array([True, False, None], pa.bool_()), [1, 0, -1]),
]


@pytest.mark.parametrize(("name", "stored", "meaning"), MEANINGS)
def test_hazard_5_a_value_means_the_same_in_every_spelling_and_type(tmp_path, name, stored, meaning):
    rows = _only(tmp_path, name, stored)
    read = rows.numbers(name) if name == "award_mw" else rows.values(name)
    assert np.array_equal(read, meaning, equal_nan=True)


@pytest.mark.parametrize(("text", "stamp"), STAMP_SPELLINGS.items())
def test_a_stamp_is_read_as_text_in_every_spelling(text, stamp):
    assert parse_wall_clock(text) == _seconds(stamp)


FIRST, LAST_CENTURY = datetime(2025, 3, 9, 0, 15, 13), datetime(1999, 12, 31, 23, 59, 59)
UTC_STAMPS = pa.array([datetime(2025, 3, 9, 5, 30), datetime(2025, 3, 9, 6, 30)], pa.timestamp("us", "UTC"))


@pytest.mark.parametrize(("stored", "stamps"), [
    *(
        (pa.array([FIRST, None, LAST_CENTURY], pa.timestamp(unit)), [FIRST, None, LAST_CENTURY])
        for unit in ("s", "ms", "us", "ns")
    ),
    (pa.array([FIRST.replace(microsecond=999_000)], pa.timestamp("ms")), [FIRST]),
    (["03/09/2025 00:15:13", "", None, "03/09/2025 00:15:13"], [FIRST, None, None, FIRST]),
    # a time zone other than UTC is taken at its word
    (
        UTC_STAMPS.cast(pa.timestamp("us", "America/Chicago")),
        [datetime(2025, 3, 8, 23, 30), datetime(2025, 3, 9, 0, 30)],
    ),
])  # fmt: skip
def test_hazard_5_a_stamp_is_the_same_wall_clock_time_in_every_type(tmp_path, stored, stamps):
    columns = {"SCEDTimeStamp": stored, "ResourceName": [GEN] * len(stored)}
    path = write_columns(tmp_path, "sced_gen_resources", 2025, columns)
    seconds = _read(path, "sced_gen_resources", ["sced_stamp"]).values("sced_stamp")
    assert seconds.tolist() == [_seconds(stamp) if stamp else NO_VALUE for stamp in stamps]


TEXTS = [
    pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(),
    pa.dictionary(pa.int16(), pa.string()), pa.dictionary(pa.int8(), pa.large_string()),
    pa.dictionary(pa.int32(), pa.binary()), pa.dictionary(pa.int32(), pa.large_binary()),
]  # fmt: skip


@pytest.mark.parametrize("kind", TEXTS, ids=str)
def test_names_are_trimmed_and_a_name_of_blanks_is_none(tmp_path, kind):
    names = pa.array([" B_BESS1", "B_BESS1 ", "", "  ", None, "A_BESS1"]).cast(kind)
    codes, texts = _only(tmp_path, "resource_name", names).texts("resource_name")
    assert [texts[code] if code >= 0 else None for code in codes] == ["B_BESS1", "B_BESS1", None, None, None, "A_BESS1"]
    assert len(texts) == 2


def test_days_that_are_midnights_of_another_time_zone_are_refused_and_those_in_utc_are_read(tmp_path):
    utc = pa.array([datetime(2025, 1, 9, 6), datetime(2025, 7, 9, 5)], pa.timestamp("us"))
    days = [day_number(date(2025, 1, 9)), day_number(date(2025, 7, 9))]
    assert _only(tmp_path, "operating_day", utc).values("operating_day").tolist() == days
    berlin = pa.array([datetime(2025, 1, 8, 23), datetime(2025, 7, 8, 22)], pa.timestamp("us"))
    with pytest.raises(InputError, match="2025-01-08 23:00:00"):
        _only(tmp_path, "operating_day", berlin).values("operating_day")


def test_a_name_of_fixed_width_ends_before_the_zeros_that_fill_it_up(tmp_path):
    names = pa.array([b"A_BESS1".ljust(9, b"\0"), b"LONG_BESS"], pa.binary(9))
    codes, texts = _only(tmp_path, "resource_name", names).texts("resource_name")
    assert [texts[code] for code in codes] == ["A_BESS1", "LONG_BESS"]


def test_bytes_that_are_no_text_are_an_error_that_names_the_column(tmp_path):
    with pytest.raises(InputError, match="ResourceName"):
        _only(tmp_path, "resource_name", pa.array([b"A\xff"], pa.binary())).texts("resource_name")


@pytest.mark.parametrize("version", ["1.0", "2.6"])
@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_text_means_the_same_in_every_encoding_of_its_pages(tmp_path, encoding, version):
    columns = {"DeliveryDate": ["03/09/2025"] * 2, "HourEnding": ["01:00", "02:00"], "ResourceName": [GEN] * 2}
    encodings = dict.fromkeys(columns, encoding)
    options = {"use_dictionary": False, "version": version, "data_page_version": version[0] + ".0"}
    path = write_columns(tmp_path, DAM, 2025, columns, column_encoding=encodings, **options)
    rows = _read(path)
    assert rows.values("operating_day").tolist() == [day_number(DAY)] * 2
    assert rows.values("hour_ending").tolist() == [1, 2]
    assert rows.texts("resource_name")[1] == [GEN]


# --- absent is not blank ------------------------------------------------------------------------------------------------------------------------
def test_an_absent_column_is_unknown_in_every_row_and_says_that_it_is_absent(tmp_path):
    rows = _read(_dam(tmp_path, resource_name=[GEN, GEN]))
    assert rows.has("resource_name")
    assert not rows.has("award_mw")
    assert np.isnan(rows.numbers("award_mw")).all()
    assert rows.values("repeated_hour").tolist() == [-1, -1]
    codes, intervals = rows.coded("interval", "interval")
    assert intervals[codes].tolist() == [NO_VALUE, NO_VALUE]
    codes, texts = rows.texts("settlement_point")
    assert (codes.tolist(), texts) == ([-1, -1], [])


def test_only_the_columns_asked_for_are_read(tmp_path):
    path = _dam(tmp_path, award_mw=[1.0], hsl_mw=[2.0])
    rows = _read(path, columns=["operating_day", "award_mw"])
    assert rows.has("award_mw")
    assert not rows.has("hsl_mw")


def test_kept_rows_keep_their_order_and_their_file(tmp_path):
    rows = _only(tmp_path, "award_mw", [1.0, 2.0, 3.0])
    kept = rows.keep(np.array([True, False, True]))
    assert (kept.count, kept.numbers("award_mw").tolist(), kept.path) == (2, [1.0, 3.0], rows.path)
    assert rows.keep(np.array([True, True, True])) is rows


def test_rows_come_in_file_order_over_row_groups_and_some_groups_can_be_asked_for(tmp_path):
    rows = [hourly(DAY, hour, award_mw=float(hour)) for hour in range(1, 6)]
    path = write_rollup(tmp_path, "dam_gen_resources", 2025, rows, row_group_size=2)
    dataset = DATASETS["dam_gen_resources"]
    batches = list(read_rows(dataset, path, HOURLY))
    assert [batch.group for batch in batches] == [0, 1, 2]
    assert [h for batch in batches for h in batch.values("hour_ending").tolist()] == [1, 2, 3, 4, 5]
    chosen = list(read_rows(dataset, path, HOURLY, groups=[1]))
    assert [h for batch in chosen for h in batch.values("hour_ending").tolist()] == [3, 4]


# --- hazard 1 and 3 -------------------------------------------------------------------------------------------------------------------------------
def test_hazard_1_the_datetime_column_is_not_among_the_columns_of_any_dataset():
    for dataset in DATASETS.values():
        headings = [heading for column in dataset.columns.values() for heading in column.headings]
        assert "datetime" not in [heading.lower() for heading in headings]


def test_hazard_1_the_datetime_column_is_never_read(tmp_path, monkeypatch):
    asked = []
    whole = pq.ParquetFile.iter_batches

    def spy(self, *args, columns, **more):
        asked.extend(columns)
        return whole(self, *args, columns=columns, **more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    path = write_columns(tmp_path, "as_prices", 2025, {
        "DeliveryDate": [DAY], "hour": [24], "AncillaryType": ["RRS"], "MCPC": [1.0], "datetime": [datetime(2025, 3, 10, 1)],
    })  # fmt: skip
    list(read_rows(DATASETS["as_prices"], path, [*DATASETS["as_prices"].columns]))
    assert asked == ["DeliveryDate", "hour", "AncillaryType", "MCPC"]


@pytest.mark.parametrize("days", [
    *(pa.array([None, None], kind) for kind in (pa.date32(), pa.string(), pa.timestamp("us"), pa.null())),
    *([blank, blank] for blank in ("", "  ")),
])  # fmt: skip
def test_hazard_3_a_date_column_that_is_all_blank_stops_with_an_error_that_names_file_and_column(tmp_path, days):
    path = _dam(tmp_path, operating_day=days)
    with pytest.raises(
        InputError, match=r"2025\.parquet of DAM_Gen_Resources has no operating day: .* null .* 2 rows"
    ) as caught:
        list(read_rows(DATASETS["dam_gen_resources"], path, HOURLY))
    assert (caught.value.dataset, caught.value.column) == ("dam_gen_resources", "DeliveryDate")
    assert caught.value.file == str(path)
    assert "datetime column is wrong" in caught.value.expected
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("dataset", "name", "heading"),
    [("sced_gen_resources", "sced_stamp", "SCEDTimeStamp"), ("sced_smne", "interval_end", "IntervalTime")],
)
def test_hazard_3_stamps_that_are_all_null_stop_too(tmp_path, dataset, name, heading):
    names = HEADINGS[dataset]["resource_name"][0]
    path = write_columns(tmp_path, dataset, 2025, {heading: pa.array([None], pa.string()), names: [GEN]})
    with pytest.raises(InputError) as caught:
        list(read_rows(DATASETS[dataset], path, [name, "resource_name"]))
    assert (caught.value.dataset, caught.value.column) == (dataset, heading)


def test_hazard_3_one_date_among_nulls_is_enough_and_so_is_an_empty_file(tmp_path):
    rows = _only(tmp_path, "operating_day", pa.array([None, DAY, None], pa.date32()))
    assert rows.values("operating_day").tolist() == [NO_VALUE, day_number(DAY), NO_VALUE]
    empty = _dam(tmp_path, operating_day=pa.array([], pa.date32()), award_mw=pa.array([], pa.float64()))
    assert sum(batch.count for batch in read_rows(DATASETS["dam_gen_resources"], empty, HOURLY)) == 0


# --- what cannot be read ------------------------------------------------------------------------------------------------------------------------
DAM, SCED = "dam_gen_resources", "sced_gen_resources"
UNREADABLE = [
    *((DAM, "award_mw", ["1.5", text], repr(text), "a number") for text in NOT_NUMBERS),
    *((DAM, "operating_day", ["03/09/2025", text], repr(text), "a date such as") for text in NOT_DAYS),
    *((SCED, "sced_stamp", [text], repr(text), "a stamp such as") for text in NOT_STAMPS),
    *((DAM, "hour_ending", ["1", text], repr(text), "an hour ending 1") for text in NOT_HOURS),
    # every hour would be one late
    (DAM, "hour_ending", list(range(24)), "'0'", "24 (25 on the autumn day), not 0 to 23"),
    (DAM, "hour_ending", [float(hour) for hour in range(24)], "'0'", "not 0 to 23"),
    (DAM, "hour_ending", [f"{hour:02d}:00" for hour in range(24)], "'0'", "not 0 to 23"),
    (DAM, "hour_ending", [1.0, 1.5], "'1.5'", "an hour"),
    (DAM, "hour_ending", [datetime(2025, 3, 9, 1)], "timestamp", "hours"),
    (DAM, "hour_ending", pa.array([2**64 - 1], pa.uint64()), "uint64", "hours"),
    (DAM, "hour_ending", pa.array([1e300], pa.float64()), "1e+300", "an hour"),
    (DAM, "award_mw", [True, False], "bool", "numbers"),
    (DAM, "award_mw", pa.array([DAY], pa.date32()), "date32[day]", "numbers"),
    (DAM, "award_mw", pa.array([b"\xff"], pa.binary()), "binary", "numbers"),
    (DAM, "operating_day", [20_250_309], "int64", "dates, or text"),
    (DAM, "operating_day", pa.array([b"\xff"], pa.binary()), "binary", "dates, or text"),
    (DAM, "repeated_hour", ["maybe"], "'maybe'", "Y or N"),
    (SCED, "sced_stamp", [1_741_500_000], "int64", "timestamps, or text"),
    ("sced_smne", "interval_number", ["1 of 4"], "'1 of 4'", "a whole number"),
]


@pytest.mark.parametrize(("dataset", "name", "stored", "shown", "expected"), UNREADABLE)
def test_what_cannot_be_read_is_an_error_that_names_column_and_value(tmp_path, dataset, name, stored, shown, expected):
    if dataset == DAM:
        path, heading = _dam(tmp_path, **{name: stored}), {**HEADINGS[DAM], **FLAG}[name][0]
    else:
        meters = {"IntervalTime": [datetime(2025, 3, 9, 0, 14, 59)], "ResourceCode": [GEN]}
        others = {SCED: {"ResourceName": [GEN]}, "sced_smne": meters}[dataset]
        heading = HEADINGS[dataset][name][0]
        path = write_columns(tmp_path, dataset, 2025, {**others, heading: stored})
    rows = _read(path, dataset, [name])
    with pytest.raises(InputError) as caught:
        (rows.numbers if name == "award_mw" else rows.values)(name)
    assert (caught.value.dataset, caught.value.file, caught.value.column) == (dataset, str(path), heading)
    assert shown in caught.value.problem
    assert expected in caught.value.expected


@pytest.mark.parametrize(
    "values", [[1.0, float("inf"), float("-inf")], ["1", "inf", "-Infinity"]], ids=["float", "text"]
)
def test_infinite_numbers_are_taken_for_blank_and_counted(tmp_path, values):
    count = Counted()
    for rows in read_rows(DATASETS["dam_gen_resources"], _dam(tmp_path, award_mw=values), HOURLY, count.unusable):
        assert np.array_equal(rows.numbers("award_mw"), [1.0, np.nan, np.nan], equal_nan=True)
    assert count.numbers == {"award_mw": 2}
    assert [row.row for row in count.left_out["unusable_numbers"]] == [2, 3]


def test_a_file_that_breaks_off_inside_is_an_error_that_names_it(tmp_path):
    rows = [hourly(DAY, hour, award_mw=float(hour)) for hour in range(1, 25)]
    path = write_rollup(tmp_path, "dam_gen_resources", 2025, rows, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396  # pages gone, footer whole
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"2025\.parquet of DAM_Gen_Resources breaks off") as caught:
        list(read_rows(DATASETS["dam_gen_resources"], path, HOURLY))
    assert caught.value.file == str(path)


@pytest.mark.parametrize("text", ["01/01/0001", "12/31/9999 23:59:59", "2024-12-31", "1969-12-31"])
def test_the_first_and_the_last_day_that_can_be_are_read(text):
    spelling = ("%m/%d/%Y" if "/" in text else "%Y-%m-%d") + (" %H:%M:%S" if ":" in text else "")
    assert parse_wall_clock(text) == _seconds(datetime.strptime(text, spelling))


@pytest.mark.parametrize(
    "text",
    [
        *("0:/09/2025", "1//09/2025", "03/09/202:", "03/09/20/5", "00/09/2025", "13/09/2025", "03/00/2025", "03/09/0000"),
        *("02/29/2025", "04/31/2025", "03-09-2025", "2025-00-01", "2025-01-32", "03/09/2025 24:00:00", "03/09/2025 12:60:00"),
        *("03/09/2025 12:59:60", "2025-03-09 12.59.59", "2025-03-09 1:59:590"),
    ],
)  # fmt: skip
def test_what_names_no_day_or_time_is_not_read(text):
    assert parse_wall_clock(text) is None


_likely = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.strftime("%m/%d/%Y %H:%M:%S"))
_any = st.from_regex(r"[0-9]{2}/[0-9]{2}/[0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True)
_odd = st.text("0123456789/: aé\0", min_size=19, max_size=19)


@given(st.lists(st.one_of(_likely, _any, _odd), min_size=1, max_size=5))
def test_stamps_at_fixed_places_are_those_that_a_pattern_finds(texts):
    # one date of another width makes all of them go through the patterns
    by_pattern = wall_clocks(pa.array([*texts, "1/2/2024"]))
    for column in (pa.array(texts), pa.array(["x", *texts, "y"]).slice(1, len(texts))):
        assert wall_clocks(column).tolist() == by_pattern[:-1].tolist()


# --- from batch to batch ------------------------------------------------------------------------------------------------------------------------
def test_values_mean_in_each_row_group_what_they_say_there(tmp_path):
    """What a column's texts mean is kept from one group to the next, for they are mostly the same."""
    path = write_columns(tmp_path, "dam_gen_resources", 2025, {
        "DeliveryDate": ["03/09/2025", "", "03/09/2025", None, "03/10/2025", "03/10/2025"],
        "HourEnding": ["01:00", "02:00", "01:00", "02:00", "03:00", "04:00"],
        "ResourceName": ["A", " B", "A", " B", "B", "C"],
        "AwardedQuantity": ["1", "2", "1", "2", "", "4.5"],
        "DSTFlag": ["N", "Y", "N", "N", "Y", None],
    }, row_group_size=2)  # fmt: skip
    groups = list(read_rows(DATASETS["dam_gen_resources"], path, HOURLY))
    first, second = day_number(date(2025, 3, 9)), day_number(date(2025, 3, 10))
    assert [rows.values("operating_day").tolist() for rows in groups] == [[first, NO_VALUE]] * 2 + [[second] * 2]
    assert [rows.values("hour_ending").tolist() for rows in groups] == [[1, 2], [1, 2], [3, 4]]
    names = (rows.texts("resource_name") for rows in groups)
    assert ["".join(texts[code] for code in codes) for codes, texts in names] == ["AB", "AB", "BC"]
    assert [rows.numbers("award_mw").tolist() for rows in groups[:2]] == [[1.0, 2.0]] * 2
    assert np.array_equal(groups[2].numbers("award_mw"), [np.nan, 4.5], equal_nan=True)
    assert [rows.values("repeated_hour").tolist() for rows in groups] == [[0, 1], [0, 0], [1, -1]]


def test_a_nan_of_the_files_own_is_counted_and_a_blank_is_not_in_all_row_groups_together(tmp_path):
    count = Counted(Counter({"award_mw": 1, "hsl_mw": 1}))
    values = pa.array([1.0, float("nan"), None, float("inf")], pa.float64())
    path = write_columns(tmp_path, "dam_gen_resources", 2025, {
        "DeliveryDate": [DAY] * 4, "HourEnding": [1] * 4, "ResourceName": [GEN] * 4, "AwardedQuantity": values,
    }, row_group_size=2)  # fmt: skip
    read = [rows.numbers("award_mw") for rows in read_rows(DATASETS["dam_gen_resources"], path, HOURLY, count.unusable)]
    assert np.array_equal(np.concatenate(read), [1.0, np.nan, np.nan, np.nan], equal_nan=True)
    assert count.numbers == {"award_mw": 3, "hsl_mw": 1}
    assert [row.row for row in count.left_out["unusable_numbers"]] == [2, 4]


def test_a_group_without_a_date_is_no_file_without_one(tmp_path):
    path = write_columns(tmp_path, "dam_gen_resources", 2025, {
        "DeliveryDate": pa.array([None, None, DAY], pa.date32()), "HourEnding": [1] * 3, "ResourceName": [GEN] * 3,
    }, row_group_size=2)  # fmt: skip
    dataset = DATASETS["dam_gen_resources"]
    assert [rows.count for rows in read_rows(dataset, path, HOURLY)] == [2, 1]
    assert [rows.count for rows in read_rows(dataset, path, HOURLY, groups=[0])] == [2]
    assert [rows.count for rows in read_rows(dataset, path, ["hour_ending"])] == [2, 1]


# --- one column under several headings ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("one", "other", "joined"), [
    ([1.0, None, 3.0], [9.0, 2.0, None], [1.0, 2.0, 3.0]), ([1, None, 3], [9.5, 2.5, None], [1.0, 2.5, 3.0]),
    (["1", " ", None], ["9", "2", "3"], [1.0, 2.0, 3.0]), ([1.0, None, None], ["9", "2", " 3"], [1.0, 2.0, 3.0]),
], ids=["numbers", "whole and broken numbers", "texts", "numbers and texts"])  # fmt: skip
def test_two_spellings_of_a_column_are_joined_row_by_row(tmp_path, one, other, joined):
    path = write_columns(tmp_path, "dam_gen_resources", 2025, {
        "DeliveryDate": [DAY] * 3, "HourEnding": [1] * 3, "ResourceName": [GEN] * 3, "AwardedQuantity": one, "Awarded Quantity": other,
    })  # fmt: skip
    assert _read(path).numbers("award_mw").tolist() == joined


# --- rollups that were built from reports -----------------------------------------------------------------------------------------------------------
def test_only_a_built_rollup_knows_in_which_rows_a_column_was_not_published(tmp_path):
    columns = {
        "DeliveryDate": [DAY] * 3, "HourEnding": [1] * 3, "ResourceName": [GEN] * 3, "AwardedQuantity": [1.0, None, None],
        "HSL": [1.0] * 3, "report_layout": pa.array([0, 1, 0], pa.int32()),
    }  # fmt: skip
    path = write_columns(tmp_path, "dam_gen_resources", 2025, columns)
    wanted = ["operating_day", "award_mw", "hsl_mw"]
    assert _read(path, columns=wanted).absent(["award_mw"]) == {}
    layouts = {"layouts": [["award_mw", "hsl_mw", "operating_day"], ["hsl_mw", "operating_day"]]}
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(layouts)}), path)
    absent = _read(path, columns=wanted).absent(["award_mw", "hsl_mw", "lsl_mw"])
    assert {name: rows.tolist() for name, rows in absent.items()} == {"award_mw": [False, True, False]}


# --- the days of a file -----------------------------------------------------------------------------------------------------------------------------
STAMPS = [datetime(2025, 3, 11), None, datetime(2025, 3, 9, 23, 59, 59), datetime(2025, 3, 10)]


def _days_of(root, dataset, name, values):
    """First and last day of a file with such days or stamps."""
    heading, resource = (HEADINGS[dataset][column][0] for column in (name, "resource_name"))
    columns = {heading: values, resource: [GEN] * len(values)}
    if name == "operating_day":
        columns["HourEnding"] = [1] * len(values)
    days = day_range(DATASETS[dataset], write_columns(root, dataset, 2025, columns), name, heading)
    return days and tuple(map(day_of_number, days))


@pytest.mark.parametrize("values", [
    pa.array(STAMPS, pa.timestamp("us")), pa.array([s and f"{s:%m/%d/%Y %H:%M:%S}" for s in STAMPS]),
    pa.array([s and f" {s.isoformat()}" for s in STAMPS]),
    pa.array([s and f"{s.month}/{s.day}/{s.year} {s.hour}:{s:%M}" for s in STAMPS]),
], ids=["typed", "ercot", "iso", "spreadsheet"])  # fmt: skip
def test_the_first_and_last_day_of_a_file_are_those_of_its_stamps(tmp_path, values):
    first, last = date(2025, 3, 9), date(2025, 3, 11)
    assert _days_of(tmp_path, "sced_gen_resources", "sced_stamp", values) == (first, last)
    # an interval that ends at midnight is the last of the day before
    assert _days_of(tmp_path, "sced_smne", "interval_end", values) == (first, date(2025, 3, 10))


@pytest.mark.parametrize(
    "values", [pa.array([None, DAY], pa.date32()), ["", "03/09/2025"], [" ", "2025-03-09 00:00:00"]]
)
def test_the_day_of_a_file_of_one_day_is_both_its_first_and_its_last(tmp_path, values):
    assert _days_of(tmp_path, "dam_gen_resources", "operating_day", values) == (DAY, DAY)


@pytest.mark.parametrize("values", [pa.nulls(2), pa.array([None, None], pa.date32()), ["", " "]])
def test_a_file_without_a_day_has_no_first_and_no_last(tmp_path, values):
    assert _days_of(tmp_path, "dam_gen_resources", "operating_day", values) is None
    assert _days_of(tmp_path, "sced_gen_resources", "sced_stamp", pa.nulls(2)) is None


def test_the_days_of_a_file_that_hold_something_else_are_an_error_that_shows_it(tmp_path):
    with pytest.raises(InputError, match="'soon'"):
        _days_of(tmp_path, "dam_gen_resources", "operating_day", ["03/09/2025", "soon"])


@pytest.mark.parametrize(("values", "numbers"), [
    (["1", " 96", "100.0", "", None], [1, 96, 100, NO_VALUE, NO_VALUE]),
    (pa.array([1, 100, None], pa.int16()), [1, 100, NO_VALUE]), (pa.array([4.0, None], pa.float64()), [4, NO_VALUE]),
], ids=["text", "integers", "floats"])  # fmt: skip
def test_an_interval_is_the_same_in_every_type(tmp_path, values, numbers):
    path = write_columns(tmp_path, "sced_smne", 2025, {
        "IntervalTime": [datetime(2025, 3, 9, 0, 14, 59)] * len(numbers), "IntervalNumber": values, "ResourceCode": [GEN] * len(numbers),
    })  # fmt: skip
    columns = ["interval_end", "interval_number", "resource_name"]
    assert _read(path, "sced_smne", columns).values("interval_number").tolist() == numbers
