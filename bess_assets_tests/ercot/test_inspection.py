"""Which columns a rollup file has and what is odd about them; how that changed over the years; what a schema.json is good for."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.checks.check import COLUMNS, FINDINGS
from bess_assets.ercot import labels
from bess_assets.ercot.calendar import operating_year
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import METADATA_KEY
from bess_assets.ercot.inspection import availability_rows, column_availability, rollup_schemas
from bess_assets.ercot.schema_files import listed_columns, same_type
from bess_assets.ercot.step import Inputs, StepResult
from bess_assets.run import run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.store.files import ResultTable, conform
from bess_assets.store.journal import read_run
from bess_assets.store.listing import yearly_files
from bess_assets.store.paths import RollupFolder, result_path
from bess_assets.store.status import plan_year
from bess_assets.tables import TABLES
from bess_assets_tests.made_home import record_table
from bess_assets_tests.scenario import CAMEL_TEXT, ERAS, FOLDERS, TYPED, Era, hourly, run, write_columns, write_rollup
from bess_assets_tests.steps import count_of, found

DAM: dict[str, Any] = {
    "resource_type": "PWRSTR", "qse": "QALPHA", "settlement_point": "ALPHA_RN", "hsl_mw": 10.0, "award_mw": 5.0,
    **{f"{p}_award_mw": 1.0 for p in ("regup", "regdn", "rrspfr", "rrsffr", "rrsufr", "ecrssd", "nspin")},
}  # fmt: skip
ALSO = {"LSL": [0.5, 1.0], "Resource Status": ["ON", "OFF"], "Energy Settlement Point Price": [20.0, 21.0]}
"""The rest of what ERCOT publishes of a day-ahead row."""


class Stored:
    """Stands for a stored `rollup_schemas`: rows that the writer would take."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        columns = {c: [row[c] for row in rows] for c in TABLES["rollup_schemas"].column_names}
        self._table = conform(TABLES["rollup_schemas"], columns)

    def read(self, columns: list[str] | None = None) -> pa.Table:
        return self._table.select(columns) if columns else self._table


def taken(result: StepResult, table: str) -> list[dict[str, Any]]:
    return [row for chunk in result.chunks for row in conform(TABLES[table], chunk).to_pylist()]


def schemas(root: Path, year: int = 2024) -> tuple[list[dict[str, Any]], StepResult]:
    result = rollup_schemas(Inputs(operating_year(year), RollupFolder(root), {}))
    return taken(result, "rollup_schemas"), result


def of_file(root: Path, dataset: str, file: str = "2024.parquet", year: int = 2024) -> dict[str, dict[str, Any]]:
    """Rows of one file by canonical name, else by heading."""
    rows, _ = schemas(root, year)
    mine = [row for row in rows if (row["dataset"], row["file"]) == (dataset, file)]
    return {row["canonical_name"] or row["heading"] or row["drift"]: row for row in mine}


def dam(root: Path, file_year: int = 2024, era: Era = TYPED, without: tuple[str, ...] = (), **extra: Any) -> Path:
    values = {name: value for name, value in DAM.items() if name not in without}
    rows = [hourly(date(file_year, 1, 1), 1, **values), hourly(date(file_year, 2, 3), 2, **values)]
    return write_rollup(root, "dam_gen_resources", file_year, rows, era, extra={**ALSO, **extra})


def mismatches(rows: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, row in rows.items() if row["mismatch"]}


# --- one file -----------------------------------------------------------------------------------------------------------------------------------
def test_a_file_as_ercot_published_it_has_a_row_for_each_column_and_nothing_odd(tmp_path):
    dam(tmp_path)
    rows = of_file(tmp_path, "dam_gen_resources")
    assert mismatches(rows) == set()
    assert {row["drift"] for row in rows.values()} == {None}
    assert [row["position"] for row in rows.values()] == list(range(1, len(rows) + 1))
    award = rows["award_mw"]
    assert (award["heading"], award["arrow_type"], award["use"]) == ("AwardedQuantity", "double", "used")
    assert (award["expected"], award["file_rows"], award["null_count"]) == ("a number", 2, 0)
    assert (award["first_day"], award["last_day"]) == (date(2024, 1, 1), date(2024, 2, 3))


@pytest.mark.parametrize("era", ERAS, ids=lambda era: era.name)
def test_every_spelling_and_type_that_is_understood_is_noted_at_most(tmp_path, era):
    dam(tmp_path, era=era)
    rows = of_file(tmp_path, "dam_gen_resources")
    assert mismatches(rows) == set()
    assert (rows["award_mw"]["first_day"], rows["award_mw"]["last_day"]) == (date(2024, 1, 1), date(2024, 2, 3))


@pytest.mark.parametrize(
    ("column", "values", "drift", "mismatch"),
    [
        ("Delivery Date", ["01/01/2024", "01/02/2024"], "text where a date is natural: understood", False),
        ("Hour Ending", ["01:00", "24:00"], "text where a whole number, 1 to 25 is natural: understood", False),
        ("Hour Ending", [1.0, 2.0], "double where a whole number, 1 to 25 is natural: understood", False),
        ("HSL", ["10", "11"], "text where a number is natural: understood", False),
        ("Resource Name", [1, 2], "int64 where text is natural: understood", False),
        ("HSL", [True, False], "bool, which cannot be read as a number", True),
        ("Hour Ending", [True, False], "bool, which cannot be read as a whole number, 1 to 25", True),
        ("HSL", [datetime(2024, 1, 1), datetime(2024, 1, 2)], "timestamp[us], which cannot be read as a number", True),
        ("HSL", [0.0, 0.0], "zero in every row: perhaps absent data filled in", True),
        ("LSL", [0.0, 0.0], "zero in every row", False),
        ("HSL", [None, 1.0], None, False),
    ],
)  # fmt: skip
def test_a_type_is_a_mismatch_only_where_it_cannot_be_read(tmp_path, column, values, drift, mismatch):
    days = [date(2024, 1, 1), date(2024, 1, 2)]
    columns = {"Delivery Date": days, "Hour Ending": [1, 2], "Resource Name": ["A", "B"], **ALSO, column: values}
    write_columns(tmp_path, "dam_gen_resources", 2024, columns)
    rows, _ = schemas(tmp_path)
    (row,) = (row for row in rows if row["heading"] == column)
    assert (row["drift"], row["mismatch"], row["use"]) == (drift, mismatch, "used")


def test_a_column_that_the_file_lacks_follows_the_others_without_a_heading(tmp_path):
    dam(tmp_path, without=("award_mw", "qse"))
    rows = of_file(tmp_path, "dam_gen_resources")
    assert mismatches(rows) == {"award_mw", "qse"}
    lacking = rows["award_mw"]
    assert (lacking["heading"], lacking["arrow_type"], lacking["use"]) == (None, None, "absent")
    assert lacking["drift"] == "absent, though ERCOT published it then"
    assert lacking["position"] > rows["nspin_award_mw"]["position"]
    assert lacking["file_rows"] == 2


def test_a_column_that_ercot_did_not_publish_then_has_no_row_where_it_is_absent(tmp_path):
    dam(tmp_path, 2021, without=("qse", "rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw", "ecrssd_award_mw"))
    rows = of_file(tmp_path, "dam_gen_resources", "2021.parquet", 2021)
    assert mismatches(rows) == {"rrs_award_mw"}
    assert not {"qse", "ecrssd_award_mw", "ecrs_award_mw", "repeated_hour"} & set(rows)


def test_a_blank_column_is_as_good_as_absent_and_keeps_its_heading(tmp_path):
    dam(tmp_path, RRSAwarded=pa.array([None, None], pa.float64()), without=("qse",), QSE=pa.array(["", " "]))
    rows = of_file(tmp_path, "dam_gen_resources")
    assert (rows["qse"]["heading"], rows["qse"]["use"]) == ("QSE", "absent")
    assert rows["qse"]["drift"] == "blank in every row: as good as absent"
    assert rows["rrs_award_mw"]["drift"] == "blank in every row, as ERCOT didn't publish it then"
    assert rows["rrs_award_mw"]["null_count"] == 2
    assert mismatches(rows) == {"qse"}


def test_a_blank_spelling_gives_way_to_one_that_is_filled(tmp_path):
    dam(tmp_path, without=("hsl_mw",), HSL=pa.array([None, None], pa.float64()), hsl=pa.array([1.0, 2.0]))
    assert of_file(tmp_path, "dam_gen_resources")["hsl_mw"]["heading"] == "hsl"


def test_rows_mean_nothing_without_a_required_column(tmp_path):
    columns = {"Delivery Date": pa.array([None], pa.string()), "Hour Ending": [1]}
    write_columns(tmp_path, "dam_gen_resources", 2024, columns)
    rows = of_file(tmp_path, "dam_gen_resources")
    assert rows["operating_day"]["drift"] == "blank in every row, and rows mean nothing without it"
    assert rows["resource_name"]["drift"] == "absent, and rows mean nothing without it"
    assert (rows["hour_ending"]["first_day"], rows["hour_ending"]["last_day"]) == (None, None)


def test_an_unknown_heading_is_a_mismatch_and_a_known_one_that_nobody_reads_is_none(tmp_path):
    dam(tmp_path, **{"Carbon Price": pa.array([1, 2]), "datetime": pa.array([1, 2]), "hour": pa.array([1, 2])})
    rows, result = schemas(tmp_path)
    by_heading = {row["heading"]: row for row in rows if row["dataset"] == "dam_gen_resources"}
    assert by_heading["Carbon Price"]["use"] == "unknown"
    assert by_heading["datetime"]["use"] == by_heading["hour"]["use"] == "known, not used"
    assert by_heading["hour"]["canonical_name"] is None
    (mine,) = (cause.words for cause in result.mismatches if cause.words.startswith("DAM_Gen_Resources"))
    assert mine == "DAM_Gen_Resources/2024.parquet: Carbon Price a heading that no era of the dataset knows: not read"


def test_a_file_in_the_wrong_folder_is_told_by_its_headings(tmp_path):
    dam(tmp_path, **{"Load Resource Name": pa.array(["A", "B"])})
    row = of_file(tmp_path, "dam_gen_resources")["Load Resource Name"]
    assert row["mismatch"]
    assert "wrong folder" in row["drift"]


def test_a_heading_that_stands_twice_is_a_mismatch_and_stops_nothing(tmp_path):
    path = tmp_path / FOLDERS["as_prices"] / "2024.parquet"
    path.parent.mkdir(parents=True)
    days = pa.array(["01/01/2024"])
    table = pa.Table.from_arrays([days, days, pa.array([1])], names=["Delivery Date", "Delivery Date", "MCPC"])
    pq.write_table(table, path)
    rows, _ = schemas(tmp_path)
    twice = [row for row in rows if row["heading"] == "Delivery Date"]
    drift = "its heading stands twice in the file; text where a date is natural: understood"
    assert [row["drift"] for row in twice] == [drift] * 2
    assert {row["first_day"] for row in twice} == {None}


def test_a_file_that_cannot_be_read_is_a_row_that_says_so(tmp_path):
    path = dam(tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    dam(tmp_path, 2025)
    rows, result = schemas(tmp_path)
    (broken,) = (row for row in rows if row["file"] == "2024.parquet")
    assert (broken["use"], broken["mismatch"], broken["heading"]) == ("unreadable", True, None)
    assert "cannot be read as Parquet" in broken["drift"]
    assert any(row["file"] == "2025.parquet" and row["use"] == "used" for row in rows)
    assert any(m.words.startswith("DAM_Gen_Resources/2024.parquet: 2024.parquet of") for m in result.mismatches)


def test_days_that_cannot_be_read_are_said_of_their_column(tmp_path):
    columns = {"Delivery Date": ["01/01/2024", "soon"], "Hour Ending": [1, 2], "Resource Name": ["A", "B"]}
    write_columns(tmp_path, "dam_gen_resources", 2024, columns)
    row = of_file(tmp_path, "dam_gen_resources")["operating_day"]
    assert row["mismatch"]
    assert "its days cannot be read: 2024.parquet of DAM_Gen_Resources holds 'soon'" in row["drift"]
    assert row["first_day"] is None


def test_the_days_of_stamps_are_found_in_text_in_types_and_without_statistics(tmp_path):
    stamps = [datetime(2024, 3, 1, 23, 45), datetime(2024, 1, 2), datetime(2024, 2, 1)]
    expected = (date(2024, 1, 2), date(2024, 3, 1))
    for n, (values, options) in enumerate(
        (
            (pa.array(stamps, pa.timestamp("us")), {}),
            (pa.array(stamps, pa.timestamp("ms", "UTC")), {}),
            (pa.array(stamps, pa.timestamp("us")), {"row_group_size": 1}),
            (pa.array(stamps, pa.timestamp("us")), {"write_statistics": False}),
            (pa.array([f"{s:%m/%d/%Y %H:%M:%S}" for s in stamps]), {"row_group_size": 1}),
            (pa.array([s.isoformat() for s in stamps]).dictionary_encode(), {}),
            (pa.array([f"{s.month}/{s.day}/{s.year} {s.hour}:{s:%M}" for s in stamps]), {}),
        )
    ):
        columns = {"SCED Time Stamp": values, "Resource Name": ["A", "B", "C"]}
        write_columns(tmp_path / str(n), "sced_gen_resources", 2024, columns, **options)
        row = of_file(tmp_path / str(n), "sced_gen_resources")["sced_stamp"]
        assert (row["first_day"], row["last_day"]) == expected, n


def test_a_real_time_zone_is_turned_into_central_time(tmp_path):
    stamps = pa.array([datetime(2024, 1, 1, 5), datetime(2024, 1, 1, 7)], pa.timestamp("us", "UTC"))
    central = stamps.cast(pa.timestamp("us", "America/Chicago"))
    write_columns(tmp_path, "sced_gen_resources", 2024, {"SCED Time Stamp": central, "Resource Name": ["A", "B"]})
    row = of_file(tmp_path, "sced_gen_resources")["sced_stamp"]
    assert (row["first_day"], row["last_day"]) == (date(2023, 12, 31), date(2024, 1, 1))


@pytest.mark.parametrize("typed", [True, False])
def test_an_interval_that_ends_at_midnight_belongs_to_the_day_that_it_ends(tmp_path, typed):
    ends = [datetime(2024, 1, 1, 0, 14, 59), datetime(2024, 1, 3)]
    values = pa.array(ends, pa.timestamp("us")) if typed else pa.array([f"{e:%m/%d/%Y %H:%M:%S}" for e in ends])
    write_columns(tmp_path, "sced_smne", 2024, {"Interval Time": values, "Resource Code": ["A", "A"]})
    row = of_file(tmp_path, "sced_smne")["interval_end"]
    assert (row["first_day"], row["last_day"]) == (date(2024, 1, 1), date(2024, 1, 2))


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The columns that are read of files."""
    asked: list[str] = []
    plain = pq.ParquetFile.iter_batches

    def spy(self, *arguments, **more):
        asked.extend(more["columns"])
        return plain(self, *arguments, **more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", spy)
    return asked


LABELS = {
    "SCED": ["SCEDTimeStamp", "RepeatedHourFlag", "ResourceName"],
    "DAM": ["ResourceName", "ResourceType", "DeliveryDate"],
}
"""What is read of a file of resources: the registry asks for the names next."""


def test_no_columns_but_the_labels_are_read(tmp_path, asked):
    write_rollup(tmp_path, "sced_gen_resources", 2024, [run(datetime(2024, 1, 1))], ERAS[1], write_statistics=False)
    schemas(tmp_path)
    # without statistics the columns are looked into before
    assert (set(asked), asked[-3:]) == ({*LABELS["SCED"]}, LABELS["SCED"])
    asked.clear()
    for n, era in enumerate((ERAS[0], ERAS[2])):
        write_rollup(tmp_path / str(n), "dam_gen_resources", 2024, [hourly(date(2024, 1, 1), 1)], era)
        schemas(tmp_path / str(n))
    write_rollup(tmp_path / "stamps", "sced_gen_resources", 2024, [run(datetime(2024, 1, 1))], ERAS[2])
    schemas(tmp_path / "stamps")
    assert asked == [], "the footer says the days of dates and of timestamps"


def test_an_empty_file_has_columns_and_no_days(tmp_path):
    columns = {"Delivery Date": pa.array([], pa.date32()), "Hour Ending": pa.array([], pa.int64()), "HSL": pa.array([], pa.float64())}  # fmt: skip
    write_columns(tmp_path, "dam_gen_resources", 2024, columns)
    row = of_file(tmp_path, "dam_gen_resources")["hsl_mw"]
    assert (row["use"], row["file_rows"], row["first_day"], row["drift"]) == ("used", 0, None, None)


def test_a_column_of_columns_is_an_unknown_heading(tmp_path):
    nested = pa.array([{"a": 1}, {"a": 2}])
    dam(tmp_path, Blob=nested)
    rows = of_file(tmp_path, "dam_gen_resources")
    assert rows["Blob"]["arrow_type"] == "struct<a: int64>"
    assert (rows["Blob"]["use"], mismatches(rows)) == ("unknown", set())


def test_a_dataset_that_is_absent_has_rows_only_if_ercot_published_it_then(tmp_path):
    rows, result = schemas(tmp_path, 2024)
    absent = {row["dataset"] for row in rows}
    later = {"rt_as_prices", "dam_esr_resources", "sced_esr_resources", "dam_as_only_awards", "dam_esr_as_offers"}
    assert absent == set(DATASETS) - later - {"sced_as_prices", "sced_as_adders"}
    assert {(row["file"], row["use"]) for row in rows} == {("no file", "absent")}
    harmless = {name for name, dataset in DATASETS.items() if dataset.in_no_figure or dataset.stood_in_for}
    assert all(row["mismatch"] != (row["dataset"] in harmless) for row in rows)
    assert result.mismatches[0].words.startswith("no file for the year: RT_prices/2024.parquet, ")
    price = next(row for row in rows if row["dataset"] == "rt_prices" and row["canonical_name"] == "price_usd_per_mwh")
    assert price["drift"] == "no file for the year"
    assert {row["dataset"] for row in schemas(tmp_path, 2026)[0]} >= {"rt_as_prices", "dam_esr_resources"}


def test_columns_that_this_package_adds_to_what_it_builds_are_known_there_and_nowhere_else(tmp_path):
    added = {name: pa.array([1, 2]) for name in ("interval_start", "operating_day", "published", "report_layout")}
    built, _ = (dam(tmp_path / folder, **added) for folder in ("built", "theirs"))
    said = pq.read_table(built).replace_schema_metadata({METADATA_KEY: '{"layouts": []}'})
    pq.write_table(said, built)

    def uses(folder: str) -> set[str]:
        rows, _ = schemas(tmp_path / folder)
        prefix = "built/" if folder == "built" else ""
        return {row["use"] for row in rows if row["heading"] in added and row["file"] == f"{prefix}2024.parquet"}

    assert uses("built") == {"known, not used"}
    assert uses("theirs") == {"unknown"}


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_an_absent_dataset_has_rows_from_its_first_to_its_last_year(tmp_path, dataset):
    def has_rows(year: int) -> bool:
        return any(row["dataset"] == dataset.name for row in schemas(tmp_path, year)[0])

    assert has_rows(dataset.first_year)
    assert not has_rows(dataset.first_year - 1)
    if dataset.last_year < 2100:
        assert has_rows(dataset.last_year)
        assert not has_rows(dataset.last_year + 1)


# --- schema.json ---------------------------------------------------------------------------------------------------------------------------------
PRICES = {
    "DeliveryDate": pa.array(["01/01/2024"]), "HourEnding": pa.array(["01:00"]), "AncillaryType": pa.array(["RRS"]),
    "MCPC": pa.array([1.5]), "DSTFlag": pa.array(["N"]),
}  # fmt: skip


def listed_as(root: Path, text: str) -> tuple[list[dict[str, Any]], StepResult]:
    path = write_columns(root, "as_prices", 2024, PRICES)
    (path.parent / "schema.json").write_text(text, encoding="utf-8")
    rows, result = schemas(root)
    return [row for row in rows if row["dataset"] == "as_prices"], result


@pytest.mark.parametrize(
    "text",
    [
        '{"DeliveryDate": "Utf8", "HourEnding": "Utf8", "AncillaryType": "str", "MCPC": "Float64", "DSTFlag": "string"}',
        '{"DeliveryDate": {"type": "string"}, "HourEnding": "object", "AncillaryType": {"dtype": "Utf8"}, "MCPC": "double", "DSTFlag": "varchar(1)"}',
        '[{"name": "DeliveryDate", "type": "Utf8"}, ["HourEnding", "string"], "AncillaryType", {"column": "MCPC", "dtype": "f64"}, {"name": "DSTFlag"}]',
        '{"dataset": "AS", "columns": {"DeliveryDate": "Utf8", "HourEnding": "Utf8", "AncillaryType": "Utf8", "MCPC": "float", "DSTFlag": "Utf8"}}',
        '{"fields": [{"name": "DeliveryDate", "data_type": "LargeUtf8"}, {"name": "HourEnding"}, {"name": "AncillaryType"}, {"name": "MCPC"}, {"name": "DSTFlag"}]}',
        '{"type": "object", "properties": {"DeliveryDate": {"type": ["null", "string"]}, "HourEnding": {"type": "string"}, "AncillaryType": {"type": "string"}, "MCPC": {"type": "number"}, "DSTFlag": {"type": "string"}}}',
        '{\n"DeliveryDate": "Utf8", // as http://ercot.com prints it\n"HourEnding": "Utf8", /* 01:00 */ "AncillaryType": "Utf8",\n"MCPC": "Float64", "DSTFlag": "Utf8", // last,\n}',
        '\ufeff{"DeliveryDate": "Utf8", "HourEnding": "Utf8", "AncillaryType": "Utf8", "MCPC": "Float64", "DSTFlag": "Utf8"}',
    ],
)  # fmt: skip
def test_a_schema_file_that_agrees_is_understood_in_every_form_and_says_nothing(tmp_path, text):
    rows, result = listed_as(tmp_path, text)
    assert len(rows) == len(PRICES)
    assert all("schema.json" not in (row["drift"] or "") for row in rows)
    assert all(row["listed_type"] for row in rows)
    assert result.findings.items == []


def test_a_schema_file_that_lies_is_named_and_changes_nothing(tmp_path):
    text = '{"DeliveryDate": "Date", "Hour Ending": "Int64", "MCPC": "Float32", "DSTFlag": "Utf8", "Capped": "Float64"}'
    rows, result = listed_as(tmp_path, text)
    by_heading = {row["heading"]: row for row in rows}
    assert by_heading["DeliveryDate"]["drift"].endswith("understood; schema.json says Date")
    assert (by_heading["DeliveryDate"]["arrow_type"], by_heading["DeliveryDate"]["listed_type"]) == ("string", "Date")
    assert by_heading["HourEnding"]["drift"].endswith("schema.json spells it 'Hour Ending'; schema.json says Int64")
    assert by_heading["MCPC"]["drift"] == "schema.json says Float32"
    assert by_heading["AncillaryType"]["drift"] == "not in schema.json"
    assert by_heading[None]["drift"] == "schema.json lists 'Capped', which the file lacks"
    assert by_heading[None]["use"] == "absent"
    assert by_heading["DSTFlag"]["drift"] is None
    assert not any(row["mismatch"] for row in rows)
    (finding,) = found(result.findings.items, "schema_file", "as_prices")
    assert (finding.count, finding.warning) == (5, False)
    assert finding.detail.startswith("2024.parquet: operating_day, hour_ending, product, mcpc_usd_per_mw")


def test_a_column_that_only_the_schema_file_has_stays_absent(tmp_path):
    path = dam(tmp_path, without=("award_mw", "hsl_mw"))
    (path.parent / "schema.json").write_text('{"Awarded Quantity": "Float64"}', encoding="utf-8")
    rows = of_file(tmp_path, "dam_gen_resources")
    assert rows["award_mw"]["drift"] == "absent, though ERCOT published it then; schema.json lists it"
    assert (rows["award_mw"]["use"], rows["award_mw"]["listed_type"]) == ("absent", "Float64")
    assert rows["award_mw"]["mismatch"]
    assert (rows["hsl_mw"]["drift"], rows["hsl_mw"]["listed_type"]) == ("absent, though ERCOT published it then", None)
    assert not any("which the file lacks" in (row["drift"] or "") for row in rows.values()), "one row for it is enough"


@pytest.mark.parametrize(("text", "reason"), [
    *((text, "") for text in ("{", "", '{"2024": {"MCPC": "Float64"}}', '{"MCPC": 8}', "[3]", "\xff\xfe")),
    ("3", "expected an object or a list of columns, not 3"),
    ('[{"type": "Utf8"}]', '{"type": "Utf8"} is no column with a name'),
    ('{"MCPC": ["string", 3]}', "[\"string\", 3] is no type of column 'MCPC'"),
    *((text, "it lists no columns and their types") for text in ("{}", "[]")),
])  # fmt: skip
def test_a_schema_file_that_cannot_be_understood_is_a_finding_that_says_why_and_no_failure(tmp_path, text, reason):
    path = write_columns(tmp_path, "as_prices", 2024, PRICES)
    (path.parent / "schema.json").write_text(text, encoding="latin-1")
    rows, result = schemas(tmp_path)
    mine = [row for row in rows if row["dataset"] == "as_prices"]
    (broken,) = (row for row in mine if row["file"] == "schema.json")
    assert (broken["use"], broken["mismatch"]) == ("unreadable", False)
    assert broken["drift"].startswith(f"schema.json cannot be understood: {reason}")
    assert len(mine) == len(PRICES) + 1
    assert all(row["listed_type"] is None for row in mine)
    assert count_of(result.findings.items, "schema_file", "as_prices") == 1


@pytest.mark.parametrize(
    ("listed", "arrow", "same"),
    [
        ("Utf8", "large_string", True), ("Categorical", "dictionary<values=string, indices=int32, ordered=0>", True),
        ("Int64", "int64", True), ("i32", "int64", False), ("integer", "int16", True), ("UInt8", "uint8", True),
        ("Float64", "double", True), ("f64", "float", False), ("float", "float", True), ("float", "double", True),
        ("Int64", "double", False), ("Date", "date32[day]", True),
        ("Datetime(time_unit='us', time_zone=None)", "timestamp[us]", True), ("Date", "timestamp[us]", False),
        ("Boolean", "bool", True), ("Decimal(10, 2)", "decimal128(10, 2)", True), ("Blob", "string", False),
        ("tinyint", "int8", True), ("tinyint", "int64", False), ("smallint", "int16", True), ("long", "int64", True),
        ("bigint", "int64", True), ("bigint", "int32", False), ("half", "halffloat", True), ("real", "float", True),
        ("real", "double", False), ("double", "double", True), ("double", "float", False), ("number", "float", True),
        ("?", "double", True),
    ],
)  # fmt: skip
def test_words_for_types_of_several_libraries_are_understood(listed, arrow, same):
    assert same_type(listed, arrow) is same


def test_a_folder_without_a_schema_file_lists_nothing(tmp_path):
    assert listed_columns(tmp_path) is None


# --- all years -----------------------------------------------------------------------------------------------------------------------------------
def availability(*years: tuple[int, Path]) -> tuple[dict[tuple[str, int], dict[str, Any]], StepResult]:
    """Rows of the day-ahead generation dataset by column and year."""
    result = column_availability({year: Stored(schemas(root, year)[0]) for year, root in years})
    rows = taken(result, "column_availability")
    return {(r["column_name"], r["year"]): r for r in rows if r["dataset"] == "dam_gen_resources"}, result


def test_the_matrix_is_dense_and_in_the_order_of_the_declaration(tmp_path):
    dam(tmp_path, 2023, datetime=pa.array([1, 2]))
    dam(tmp_path, 2024, without=("award_mw",))
    rows, _ = availability((2024, tmp_path), (2023, tmp_path))
    names = list(dict.fromkeys(name for name, _ in rows))
    declared = list(DATASETS["dam_gen_resources"].columns)
    assert names == [*(name for name in declared if name in names), '"datetime"']
    assert set(rows) == {(name, year) for name in names for year in (2023, 2024)}
    assert [row["position"] for (_, year), row in rows.items() if year == 2023] == list(range(1, len(names) + 1))


def test_a_column_may_be_in_some_files_of_a_year(tmp_path):
    dam(tmp_path, 2024, without=("award_mw",))
    dam(tmp_path, 2025)
    rows, _ = availability((2024, tmp_path))
    award, hsl = rows["award_mw", 2024], rows["hsl_mw", 2024]
    assert (award["present"], award["files"], award["file_share"]) == (True, 2, 0.5)
    assert (hsl["present"], hsl["files"], hsl["file_share"]) == (True, 2, 1.0)
    assert award["heading"] == "AwardedQuantity"


def test_a_column_that_ercot_ended_with_the_first_of_a_years_files_was_published_in_it(tmp_path):
    dam(tmp_path, 2022, RRSAwarded=pa.array([1.0, 2.0]))
    dam(tmp_path, 2023)
    rows, _ = availability((2022, tmp_path))
    assert rows["rrs_award_mw", 2022]["published"] is True
    assert rows["rrs_award_mw", 2022]["file_share"] == 0.5


def test_a_column_is_spelled_and_typed_as_in_the_file_named_by_the_year(tmp_path):
    dam(tmp_path, 2024)
    dam(tmp_path, 2025, era=ERAS[3])
    rows, _ = availability((2024, tmp_path), (2025, tmp_path))
    assert rows["award_mw", 2024]["heading"] == "AwardedQuantity"
    assert (rows["award_mw", 2025]["heading"], rows["award_mw", 2025]["arrow_type"]) == ("Awarded Quantity", "string")
    assert rows["award_mw", 2025]["change"] == "type changed from double; heading changed from AwardedQuantity"
    assert rows["award_mw", 2025]["expected_change"] is False
    assert rows["award_mw", 2024]["change"] is None


def test_what_ercot_began_or_ended_is_expected_and_what_a_file_lost_is_not(tmp_path):
    split = ("rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw", "ecrssd_award_mw", "qse")
    rrs = {"RRSAwarded": pa.array([1.0, 2.0])}
    dam(tmp_path / "21", 2021, without=split, **rrs)
    dam(tmp_path / "23", 2023, without=("hsl_mw",))
    rows, result = availability((2021, tmp_path / "21"), (2023, tmp_path / "23"))
    changed = {name: row for (name, year), row in rows.items() if year == 2023 and row["change"]}
    assert {name: (row["change"], row["expected_change"]) for name, row in changed.items()} == {
        **dict.fromkeys(split, ("appeared", True)),
        "rrs_award_mw": ("vanished", True),
        "hsl_mw": ("vanished", False),
    }
    assert [cause.words for cause in result.mismatches] == ["DAM_Gen_Resources 2023: vanished: hsl_mw"]
    assert rows["hsl_mw", 2023]["published"] is True
    assert rows["rrs_award_mw", 2023]["published"] is False


def test_a_heading_that_is_not_used_comes_and_goes_unjudged_and_an_unknown_one_of_money_is_judged(tmp_path):
    one_two = pa.array([1, 2])
    dam(tmp_path / "23", 2023)
    dam(tmp_path / "24", 2024, datetime=pa.array([1, 2]), **{"Carbon": one_two, "Carbon Award": one_two})
    rows, result = availability((2023, tmp_path / "23"), (2024, tmp_path / "24"))
    used_nowhere, unknown = rows['"datetime"', 2024], rows['"Carbon"', 2024]
    assert (used_nowhere["change"], used_nowhere["expected_change"]) == ("appeared", None)
    assert (unknown["change"], unknown["expected_change"], unknown["use"]) == ("appeared", False, "unknown")
    assert unknown["published"] is None
    assert [cause.words for cause in result.mismatches] == ['DAM_Gen_Resources 2024: appeared: "Carbon Award"']


def test_a_year_without_a_file_is_passed_over(tmp_path):
    dam(tmp_path / "22", 2022, RRSAwarded=pa.array([1.0, 2.0]))
    dam(tmp_path / "24", 2024, without=("hsl_mw",))
    rows, _ = availability((2022, tmp_path / "22"), (2023, tmp_path / "none"), (2024, tmp_path / "24"))
    gap = rows["hsl_mw", 2023]
    assert (gap["present"], gap["files"], gap["file_share"], gap["change"]) == (False, 0, None, None)
    assert gap["published"] is True
    assert rows["rrs_award_mw", 2023]["published"] is False
    assert rows["hsl_mw", 2024]["change"] == "vanished"


def test_a_file_that_cannot_be_read_counts_for_no_column(tmp_path):
    dam(tmp_path, 2024)
    dam(tmp_path, 2025).write_bytes(b"half")
    rows, _ = availability((2024, tmp_path))
    assert (rows["hsl_mw", 2024]["files"], rows["hsl_mw", 2024]["file_share"]) == (1, 1.0)


def test_without_a_year_there_is_an_empty_matrix():
    result = column_availability({})
    assert taken(result, "column_availability") == []
    assert availability_rows({}) == []


@pytest.mark.parametrize("with_prices", [2021, 2024])
def test_clearing_prices_may_come_and_go_since_they_are_only_compared(tmp_path, with_prices):
    for year in (2021, 2024):
        dam(tmp_path, year, **({"RegUpMCPC": pa.array([5.0, 6.0])} if year == with_prices else {}))
    rows, result = availability((2021, tmp_path), (2024, tmp_path))
    row = rows["regup_mcpc_usd_per_mw", 2024]
    assert row["change"] == ("appeared" if with_prices == 2024 else "vanished")
    assert (row["present"], row["published"], row["expected_change"]) == (with_prices == 2024, None, None)
    assert "mcpc" not in " ".join(result.mismatches)
    assert mismatches(of_file(tmp_path, "dam_gen_resources")) == set()


def test_clearing_prices_that_are_blank_in_every_row_are_noted(tmp_path):
    dam(tmp_path, RegUpMCPC=pa.array([None, None], pa.float64()))
    row = of_file(tmp_path, "dam_gen_resources")["regup_mcpc_usd_per_mw"]
    assert (row["drift"], row["mismatch"]) == ("blank in every row; no figure is made of it", False)


# --- as a step -----------------------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(tmp_path, {})
    dam(settings.rollups)
    return settings


def test_the_check_names_each_mismatch_and_no_figure_is_said_to_be_affected(settings):
    dam(settings.rollups, without=("award_mw",))
    checks = {check["name"]: check for check in run_table(settings, 2024, "rollup_schemas")["checks"]}
    columns = checks[COLUMNS.name]
    assert (columns["passed"], columns["blocking"]) == (False, False)
    words = "DAM_Gen_Resources/2024.parquet: 'Awarded Quantity' (award_mw) absent, though ERCOT published it then"
    assert words in columns["detail"]
    assert words in [cause["words"] for cause in columns["causes"]]
    assert checks[FINDINGS.name]["passed"]


def test_a_schema_file_that_changes_makes_the_schemas_stale_and_nothing_else(settings):
    run_table(settings, 2024, "rollup_schemas")
    assert plan_year(settings, 2024).tables["rollup_schemas"].state == "present"
    (settings.rollups / "DAM_Gen_Resources" / "schema.json").write_text("{}", encoding="utf-8")
    plan = plan_year(settings, 2024).tables["rollup_schemas"]
    assert (plan.state, plan.why) == ("changed", ("dam_gen_resources/schema.json is new",))


@pytest.fixture
def read_again(settings, asked) -> Callable[[], list[str]]:
    """Makes the schemas of 2024 anew, and says which columns were read for it."""

    def make() -> list[str]:
        asked.clear()
        labels._read.cache_clear()  # as in a process of its own
        run_table(settings, 2024, "rollup_schemas")
        return list(asked)

    return make


def _runs(root: Path, *days: int) -> None:
    """A SCED file whose stamps are text, so that no footer says its days in order; one row for each day of January."""
    rows = [run(datetime(2024, 1, day), output_mw=1.0) for day in days]
    write_rollup(root, "sced_gen_resources", 2024, rows)


def test_stamps_are_read_again_only_of_files_that_changed(settings, read_again):
    dam(settings.rollups, era=CAMEL_TEXT)
    _runs(settings.rollups, 3, 5)
    assert read_again() == [*LABELS["DAM"], *LABELS["SCED"]]
    assert read_again() == []
    _runs(settings.rollups, 3, 5, 9)
    assert read_again() == LABELS["SCED"]
    table = ResultTable(TABLES["rollup_schemas"], result_path(settings.results, "rollup_schemas", 2024))
    rows = [row for row in table.read().to_pylist() if row["file"] == "2024.parquet"]
    days = {row["dataset"]: (row["first_day"], row["last_day"]) for row in rows}
    assert days["sced_gen_resources"] == (date(2024, 1, 3), date(2024, 1, 9))
    assert days["dam_gen_resources"][0] == date(2024, 1, 1)


def test_days_of_a_file_whose_names_cannot_be_read_are_known_all_the_same(tmp_path):
    names = pa.array([b"\xff"], pa.binary())
    columns = {"SCEDTimeStamp": ["01/03/2024 00:00:00"], "ResourceName": names, "ResourceType": ["PWRSTR"]}
    write_columns(tmp_path, "sced_gen_resources", 2024, columns)
    rows = [row for row in schemas(tmp_path)[0] if row["dataset"] == "sced_gen_resources" and row["heading"]]
    assert {(row["first_day"], row["last_day"]) for row in rows} == {(date(2024, 1, 3), date(2024, 1, 3))}
    assert not any("days cannot be read" in (row["drift"] or "") for row in rows)


def test_stamps_are_read_again_where_another_version_made_the_schemas_or_their_file_changed(settings, read_again):
    _runs(settings.rollups, 3, 5)
    path = result_path(settings.results, "rollup_schemas", 2024)
    assert read_again() == LABELS["SCED"]
    entry = read_run(settings.results, 2024)["tables"]["rollup_schemas"]
    record_table(settings.results, 2024, "rollup_schemas", {**entry, "code_version": "0"})
    assert read_again() == LABELS["SCED"]
    assert read_again() == []
    path.write_bytes(path.read_bytes() + b" ")
    assert read_again() == LABELS["SCED"]
    path.unlink()
    assert read_again() == LABELS["SCED"]


def test_the_matrix_is_merged_from_the_schemas_of_the_years_that_there_are(settings):
    dam(settings.rollups, 2023)
    run_table(settings, 2024, "rollup_schemas")
    run_table(settings, None, "column_availability")
    assert plan_year(settings, None).tables["column_availability"].state == "present"
    assert plan_year(settings, None).tables["bess_fleet"].state == "missing"
    run_table(settings, 2023, "rollup_schemas")
    merged = plan_year(settings, None).tables["column_availability"]
    assert (merged.state, merged.why) == ("changed", ("rollup_schemas/2023 has changed",))
    entry = run_table(settings, None, "column_availability")
    assert sorted(name for name in entry["inputs"]) == ["table:rollup_schemas/2023", "table:rollup_schemas/2024"]
    assert yearly_files(settings.results, "column_availability") == {}
