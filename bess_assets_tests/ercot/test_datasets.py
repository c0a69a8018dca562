"""Which file is which dataset, and which of its headings mean what."""

import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.datasets import DATASETS, DatasetColumn, find_dataset, is_published, normal_heading
from bess_assets.ercot.footers import METADATA_KEY, describe_file
from bess_assets.ercot.products import PRODUCTS
from bess_assets.errors import InputError
from bess_assets_tests.conftest import REAL
from bess_assets_tests.scenario import (
    FOLDERS,
    HEADINGS,
    ROLLUP_HEADINGS_OF_2024,
    TYPED,
    hourly,
    write_columns,
    write_rollup,
)

LAYOUTS = REAL / "report-layouts" / "headers.json"
DATASET_OF_REPORT = {
    "60d_SCED_Gen_Resource_Data": "sced_gen_resources", "60d_ESR_Data_in_SCED": "sced_esr_resources",
    "60d_Load_Resource_Data_in_SCED": "sced_load_resources", "60d_SCED_SMNE_GEN_RES": "sced_smne",
    "60d_DAM_Gen_Resource_Data": "dam_gen_resources", "60d_DAM_ESR_Data": "dam_esr_resources",
    "60d_DAM_Load_Resource_Data": "dam_load_resources", "60d_DAM_EnergyBidAwards": "dam_energy_bid_awards",
    "CompleteCOP / 60d_COP_Adjustment_Period_Snapshot": "cop_snapshots",
    "60d_COP_Adjustment_Period_Snapshot": "cop_snapshots", "NP4-190-CD": "da_prices", "NP4-188-CD": "as_prices",
    "NP6-905-CD": "rt_prices", "NP6-331-CD": "rt_as_prices", "RTMLZHBSPP annual xlsx/csv": "rt_prices",
    "DAMLZHBSPP annual xlsx": "da_prices", "60d_DAM_EnergyOnlyOfferAwards": "dam_energy_offer_awards",
    "60d_DAM_AS_Only_Awards": "dam_as_only_awards", "60d_DAM_ESR_ASOffers": "dam_esr_as_offers",
    "NP6-332-CD": "sced_as_prices",
}  # fmt: skip
SPLIT = {"rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw", "ecrssd_award_mw"}
# what a row of the dataset means nothing without or a figure is made of, by the era that began to publish it
ERA_LACKS = {
    "60d_SCED_Gen_Resource_Data__2014-03-02": {"qse"},
    "60d_Load_Resource_Data_in_SCED__2014-03-02": {"qse", "base_point_mw"},
    "60d_Load_Resource_Data_in_SCED__2019-12-02": {"qse"},
    "60d_DAM_Gen_Resource_Data__2014-03-02": {*SPLIT, "qse", "ecrs_mcpc_usd_per_mw"},
    "60d_DAM_Gen_Resource_Data__2026-07-09": {"rrs_award_mw"},
    "60d_DAM_ESR_Data__2025-12-06..2026-07-09": {"rrs_award_mw"},
    "60d_DAM_Load_Resource_Data__2014-03-02": {*SPLIT, "ecrsmd_award_mw", "ecrs_mcpc_usd_per_mw"},
    "60d_DAM_Load_Resource_Data__2026-07-09": {"rrs_award_mw"},
    "CompleteCOP / 60d_COP_Adjustment_Period_Snapshot__2014-03-02": {"max_soc_mwh"},
}
ONLY_IN_ROLLUPS = {"ecrs_award_mw", "price_source"}
WITHOUT_A_FLAG = {"repeated_hour"}


def _layouts():
    layouts = json.loads(LAYOUTS.read_text(encoding="utf-8"))
    # the ESR file is described as "= 60d_DAM_Gen_Resource_Data__2026-07-09 (identical 48 columns)"
    return {name: layouts[h.split()[1]] if isinstance(h, str) else h for name, h in layouts.items()}


def _report(layout):
    return layout.split("__")[0]


# --- ERCOT's own headings, every era ---------------------------------------------------------------------------------------------------------
LAYOUT_NAMES = [n for n in _layouts() if _report(n) in DATASET_OF_REPORT] if LAYOUTS.is_file() else ["no layouts"]


@pytest.mark.real
@pytest.mark.parametrize("layout", LAYOUT_NAMES)
def test_every_heading_that_ercot_has_printed_is_known_to_its_dataset(layout, real_pack):
    real_pack("report-layouts")
    headings = _layouts()[layout]
    dataset = DATASETS[DATASET_OF_REPORT[_report(layout)]]
    assert [heading for heading in headings if not dataset.knows(heading)] == []
    assert dataset.fits(headings)
    lacking = set(dataset.columns) - set(dataset.canonical(headings))
    assert lacking - ONLY_IN_ROLLUPS - WITHOUT_A_FLAG == ERA_LACKS.get(layout, set())


@pytest.mark.real
def test_every_layout_is_one_of_a_dataset(real_pack):
    real_pack("report-layouts")
    reports = {_report(layout) for layout in _layouts()}
    assert reports - set(DATASET_OF_REPORT) == set()


@pytest.mark.real
def test_only_the_hourly_60_day_reports_and_settlement_metering_lack_a_repeated_hour_flag(real_pack):
    real_pack("report-layouts")
    without = set()
    for layout, headings in _layouts().items():
        name = DATASET_OF_REPORT.get(_report(layout))
        if name and "repeated_hour" not in DATASETS[name].canonical(headings):
            without.add(name)
    assert without == {name for name in DATASETS if name.startswith("dam_")} | {"cop_snapshots", "sced_smne"}


# --- heading drift ----------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", HEADINGS)
@pytest.mark.parametrize("spelling", [0, 1], ids=["rollup", "ercot"])
def test_hazard_6_both_spellings_of_a_heading_are_one_column(name, spelling):
    spelled = {canonical: both[spelling] for canonical, both in HEADINGS[name].items()}
    assert DATASETS[name].canonical(list(spelled.values())) | spelled == spelled
    assert set(DATASETS[name].canonical(list(spelled.values()))) == set(spelled)
    assert all(DATASETS[name].knows(heading) for heading in spelled.values())


@pytest.mark.parametrize("name", ROLLUP_HEADINGS_OF_2024)
def test_every_heading_of_the_real_rollups_of_2024_is_known(name):
    dataset = DATASETS[name]
    headings = ROLLUP_HEADINGS_OF_2024[name].split()
    assert [heading for heading in headings if not dataset.knows(heading)] == []
    assert "datetime" not in dataset.canonical(headings).values()


@pytest.mark.parametrize(
    "heading", ["Telemetered Net Output ", "Telemetered Net Output", "TelemeteredNetOutput", "telemetered_net_output"]
)
def test_hazard_6_the_trailing_space_of_telemetered_net_output_is_no_other_column(heading):
    found = DATASETS["sced_gen_resources"].canonical(["SCEDTimeStamp", heading])
    assert found["output_mw"] == heading
    assert normal_heading(heading) == "telemeterednetoutput"


def test_where_a_file_has_two_spellings_the_better_one_is_read():
    dataset = DATASETS["da_prices"]
    assert dataset.canonical(["hour", "HourEnding"])["hour_ending"] == "HourEnding"
    assert dataset.canonical(["HourEnding", "hour"])["hour_ending"] == "HourEnding"
    assert dataset.canonical(["hour"])["hour_ending"] == "hour"


def test_a_heading_written_twice_is_read_where_it_stands_first():
    assert DATASETS["as_prices"].canonical(["MCPC ", "MCPC"])["mcpc_usd_per_mw"] == "MCPC "


@pytest.mark.parametrize("name", sorted(set(DATASETS) - {"sasm_as_offers"}))
def test_a_heading_of_no_era_is_unknown(name):
    assert not DATASETS[name].knows("Carbon Intensity")
    assert DATASETS[name].knows("datetime")


def test_every_dataset_lies_in_its_folder_and_60_day_data_are_grouped_by_publication_year():
    assert {name: dataset.folder for name, dataset in DATASETS.items()} == FOLDERS
    prices = {"rt_prices", "da_prices", "as_prices", "rt_as_prices", "sced_as_prices", "sced_as_adders"}
    assert {name for name, dataset in DATASETS.items() if not dataset.sixty_day} == prices


def test_every_product_has_its_award_columns_in_the_day_ahead_datasets():
    for name in ("dam_gen_resources", "dam_load_resources", "dam_esr_resources"):
        assert {f"{p}_award_mw" for p in PRODUCTS} <= set(DATASETS[name].columns)


# --- what a footer says -----------------------------------------------------------------------------------------------------------------------
def test_a_description_says_which_columns_are_there_missing_and_unknown(tmp_path):
    rows = [{"operating_day": date(2024, 1, 1), "hour_ending": h, "product": "RRS"} for h in (1, 2)]
    path = write_rollup(tmp_path, "as_prices", 2024, rows, extra={"Carbon Intensity": [1.5, 2.5]})
    description = describe_file(DATASETS["as_prices"], path)
    assert (description.rows, description.columns) == (2, ["operating_day", "hour_ending", "product"])
    assert (description.missing, description.unknown) == (["repeated_hour", "mcpc_usd_per_mw"], ["Carbon Intensity"])


PARTS = {"rrspfr_award_mw", "rrsffr_award_mw", "rrsufr_award_mw", "ecrssd_award_mw"}


@pytest.mark.parametrize(("dataset", "year", "missing", "not_published"), [
    ("dam_gen_resources", 2021, {"rrs_award_mw", "regup_award_mw", "hsl_mw"}, {*PARTS, "ecrs_award_mw", "qse"}),
    ("dam_gen_resources", 2022, {"rrs_award_mw"}, set()),
    ("dam_gen_resources", 2023, {*PARTS, "qse"}, {"rrs_award_mw"}),
    ("dam_gen_resources", 2024, {*PARTS, "qse"}, {"rrs_award_mw", "ecrs_award_mw"}),
    ("cop_snapshots", 2023, {"hsl_mw"}, {"max_soc_mwh"}), ("cop_snapshots", 2024, {"max_soc_mwh"}, set()),
])  # fmt: skip
def test_only_a_column_that_ercot_published_in_the_year_is_missing(tmp_path, dataset, year, missing, not_published):
    path = write_rollup(tmp_path, dataset, year, [hourly(date(2020, 1, 1), 1)])
    found = set(describe_file(DATASETS[dataset], path).missing)
    assert missing <= found
    assert found.isdisjoint(not_published)


def test_of_a_file_without_a_year_in_its_name_every_absent_column_is_missing(tmp_path):
    path = write_rollup(tmp_path, "cop_snapshots", 2020, [hourly(date(2020, 1, 1), 1)])
    other = path.rename(path.with_name("all.parquet"))
    assert "max_soc_mwh" in describe_file(DATASETS["cop_snapshots"], other).missing


def test_hazard_4_a_column_that_is_zero_in_every_row_is_reported(tmp_path):
    rows = [
        hourly(date(2024, 1, 1), 1, regup_award_mw=0.0, regdn_award_mw=0.0, nspin_award_mw=0.0, award_mw=None),
        hourly(date(2024, 1, 1), 2, regup_award_mw=0.0, regdn_award_mw=1.0, nspin_award_mw=None, award_mw=None),
        hourly(date(2024, 1, 1), 3, regup_award_mw=0.0, regdn_award_mw=0.0, nspin_award_mw=0.0, award_mw=None),
    ]
    # one row a group: one that differs in a later group is seen, and a group of nulls says nothing against
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, rows, row_group_size=1)
    assert describe_file(DATASETS["dam_gen_resources"], path).zero_filled == ["regup_award_mw", "nspin_award_mw"]


@pytest.mark.parametrize(("year", "zeros"), [(2022, []), (2023, []), (2024, ["ecrssd_award_mw"])])
def test_hazard_4_a_part_of_ecrs_that_is_all_zero_is_suspicious_from_the_year_after_its_first(tmp_path, year, zeros):
    path = write_rollup(tmp_path, "dam_gen_resources", year, [hourly(date(year, 1, 1), 1, ecrssd_award_mw=0.0)])
    dataset = DATASETS["dam_gen_resources"]
    assert describe_file(dataset, path).suspicious == zeros


def test_a_file_without_statistics_or_rows_is_not_called_zero_filled(tmp_path):
    rows = [hourly(date(2024, 1, 1), 1, regup_award_mw=0.0)]
    silent = write_rollup(tmp_path, "dam_gen_resources", 2024, rows, write_statistics=False)
    assert describe_file(DATASETS["dam_gen_resources"], silent).zero_filled == []
    columns = {"Delivery Date": pa.array([], pa.date32()), "Hour Ending": pa.array([], pa.int32())}
    columns |= {"Resource Name": pa.array([], pa.string()), "HSL": pa.array([], pa.float64())}
    empty = write_columns(tmp_path, "dam_gen_resources", 2025, columns)
    description = describe_file(DATASETS["dam_gen_resources"], empty)
    assert (description.rows, description.zero_filled) == (0, [])


@pytest.mark.parametrize(
    ("values", "zero"),
    [([0.0, 0.0], True), ([0.0, 5.0], False), ([-1.0, 0.0], False), ([None, 0.0], True), ([None, None], False)],
)
def test_a_column_is_zero_filled_only_if_no_value_lies_above_or_below(tmp_path, values, zero):
    rows = [hourly(date(2024, 1, 1), hour, regup_award_mw=value) for hour, value in enumerate(values, start=1)]
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, rows)
    assert describe_file(DATASETS["dam_gen_resources"], path).zero_filled == (["regup_award_mw"] if zero else [])


@pytest.mark.parametrize(("parts", "suspicious"), [
    ({"rrs_award_mw": 0.0, "rrspfr_award_mw": 0.0, "rrsffr_award_mw": 0.0}, True),
    ({"rrs_award_mw": 2.0, "rrspfr_award_mw": 0.0, "rrsffr_award_mw": 0.0}, False),
    ({"rrspfr_award_mw": 2.0, "rrsffr_award_mw": 0.0}, False),
    ({"rrspfr_award_mw": 0.0, "rrsffr_award_mw": 2.0}, "rrspfr_award_mw"),
])  # fmt: skip
def test_hazard_4_rrs_is_suspicious_if_all_is_zero_or_the_part_that_somebody_always_sells(tmp_path, parts, suspicious):
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(date(2024, 1, 1), 1, **parts)])
    dataset = DATASETS["dam_gen_resources"]
    expected = sorted(parts) if suspicious is True else [suspicious] if suspicious else []
    assert describe_file(dataset, path).suspicious == expected


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize(
    ("values", "blank"),
    [([None, None], True), (["", "  "], True), ([None, " "], True), (["", "QA"], False), ([None, "QA"], False)],
)
def test_a_column_is_blank_if_no_row_has_more_than_spaces_whatever_the_footer_says(tmp_path, values, blank, statistics):
    rows = [hourly(date(2024, 1, 1), hour, qse=value) for hour, value in enumerate(values, start=1)]
    for size in (1, 2):
        options = {"row_group_size": size, "write_statistics": statistics}
        path = write_rollup(tmp_path / str(size), "dam_gen_resources", 2024, rows, **options)
        description = describe_file(DATASETS["dam_gen_resources"], path)
        assert ("qse" in description.blank, "qse" in description.missing) == (blank, blank)


def test_a_column_is_published_in_files_that_hold_more_than_its_edge():
    """A file holds deliveries from two months before its year: what begins in the last two months of it is not missed there."""
    assert is_published(DatasetColumn("a", "number", ("A",), first_day=date(2024, 10, 31)), 2024)
    assert not is_published(DatasetColumn("a", "number", ("A",), first_day=date(2024, 11, 1)), 2024)
    assert is_published(DatasetColumn("a", "number", ("A",), last_day=date(2024, 1, 2)), 2024)
    assert not is_published(DatasetColumn("a", "number", ("A",), last_day=date(2023, 12, 31)), 2024)
    assert not is_published(DatasetColumn("a", "number", ("A",), only_compared=True), 2024)
    assert not is_published(DatasetColumn("a", "number", ("A",), first_day=date.max), None)


def test_what_some_reports_of_a_built_rollup_lack_counts_where_ercot_published_it_all_year(tmp_path):
    dataset = DATASETS["dam_gen_resources"]
    layouts = [["hsl_mw", "award_mw", "qse", "regup_mcpc_usd_per_mw"], ["hsl_mw", "rrs_award_mw"], ["hsl_mw"]]
    for year, lacking in ((2022, ["award_mw"]), (2023, ["qse", "award_mw"])):
        path = write_rollup(tmp_path, "dam_gen_resources", year, [hourly(date(year, 1, 1), 1)])
        assert describe_file(dataset, path).partly == []
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps({"layouts": layouts})}), path)
        assert sorted(describe_file(dataset, path).partly) == sorted(lacking)


# --- reports ----------------------------------------------------------------------------------------------------------------------------------
def test_headings_fit_a_dataset_if_all_that_rows_need_is_there_and_nothing_of_another():
    dataset, headings = DATASETS["dam_gen_resources"], ["delivery date", "HourEnding", "Resource Name"]
    assert dataset.fits(headings) is True
    assert dataset.fits(headings[:2]) is False
    assert dataset.fits([*headings, "SCED Time Stamp"]) is False
    assert dataset.is_marked([*headings, "ResourceType", "Awarded Quantity"]) is True
    assert dataset.is_marked([*headings, "ResourceType"]) is False
    assert dataset.is_marked([]) is False


def test_a_column_that_is_not_read_holds_text_if_it_is_known_to_or_known_to_nobody():
    dataset = DATASETS["dam_gen_resources"]
    assert all(map(dataset.holds_text, ("DME", "Carbon")))
    assert not any(map(dataset.holds_text, ("Start Up Hot", "QSE submitted Curve-MW1")))


def test_a_dataset_is_found_by_its_name_or_its_folders():
    assert find_dataset("dam_gen_resources") is find_dataset("DAM_Gen_Resources") is DATASETS["dam_gen_resources"]
    with pytest.raises(InputError, match="rt_prices, da_prices"):
        find_dataset("prices")


# --- files that are none ----------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"not a Parquet file at all, but longer than a footer", b"PK\x03\x04" * 10]
)
def test_garbage_under_the_right_name_is_an_error_that_names_dataset_and_file(tmp_path, content):
    path = tmp_path / "DA_prices" / "2024.parquet"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as Parquet") as caught:
        describe_file(DATASETS["da_prices"], path)
    assert (caught.value.dataset, caught.value.file) == ("da_prices", str(path))
    assert caught.value.expected
    assert caught.value.remedy


def test_a_truncated_file_is_an_error(tmp_path):
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(date(2024, 1, 1), h) for h in range(1, 25)])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"2024.parquet of DAM_Gen_Resources cannot be read as Parquet"):
        describe_file(DATASETS["dam_gen_resources"], path)


USED = ("rt_prices", "da_prices", "as_prices", "rt_as_prices", *(n for n in HEADINGS if n.startswith(("dam", "sced"))))
# ERCOT prints the same columns for both kinds of unit: only the rows' Resource Type tells these apart
TOLD_BY_RESOURCE_TYPE = ({"dam_gen_resources", "dam_esr_resources"}, {"sced_gen_resources", "sced_esr_resources"})


MISPLACED = [(a, b) for a in USED for b in USED if a != b and {a, b} not in TOLD_BY_RESOURCE_TYPE]


@pytest.mark.parametrize("spelling", [0, 1], ids=["rollup", "ercot"])
@pytest.mark.parametrize(("inside", "folder"), MISPLACED)
def test_a_file_of_another_dataset_under_the_right_name_is_an_error(tmp_path, inside, folder, spelling):
    columns = {both[spelling]: pa.array([], pa.string()) for both in HEADINGS[inside].values()}
    path = write_columns(tmp_path, folder, 2024, columns)
    with pytest.raises(InputError, match=r"2024\.parquet") as caught:
        describe_file(DATASETS[folder], path)
    assert (caught.value.dataset, caught.value.file) == (folder, str(path))


def test_a_file_without_a_required_column_is_an_error_that_names_column_and_headings(tmp_path):
    rows = [{"operating_day": date(2024, 1, 1), "product": "RRS", "mcpc_usd_per_mw": 1.0}]
    path = write_rollup(tmp_path, "as_prices", 2024, rows, TYPED)
    with pytest.raises(InputError) as caught:
        describe_file(DATASETS["as_prices"], path)
    assert caught.value.column == "hour_ending"
    assert "'Hour Ending'" in caught.value.expected
    assert "'AncillaryType'" in caught.value.remedy
    assert "NP4-188-CD" in caught.value.remedy


def test_two_columns_of_one_heading_and_one_that_is_blank_throughout_are_errors_that_name_it(tmp_path):
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(date(2024, 1, 1), 1, award_mw=1.0)])
    table = pq.read_table(path)
    pq.write_table(table.append_column("AwardedQuantity", pa.array([2.0])), path)
    with pytest.raises(InputError, match="two columns 'AwardedQuantity'") as refused:
        describe_file(DATASETS["dam_gen_resources"], path)
    assert (refused.value.file, refused.value.column) == (str(path), "AwardedQuantity")
    path = write_rollup(tmp_path, "dam_gen_resources", 2024, [hourly(date(2024, 1, 1), 1, name=" ")])
    with pytest.raises(InputError, match="'ResourceName' that is blank in every row"):
        describe_file(DATASETS["dam_gen_resources"], path)
