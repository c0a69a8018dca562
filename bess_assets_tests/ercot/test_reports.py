"""ERCOT's report files, plain and in ZIPs: which are found, when each was published, what its name and headings say that it holds."""

import io
import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.reports import (
    RefusedError,
    Report,
    datasets_named,
    day_named,
    open_reports,
    post_time_ms,
    read_chunks,
    recognise,
    report_files,
)
from bess_assets_tests.conftest import REAL
from bess_assets_tests.ercot.report_samples import (
    DA_SPP,
    DAM_GEN,
    MCPC,
    POSTED,
    RT_SPP,
    SCED_GEN,
    award,
    price,
    put,
    refusal,
    text,
    zipped,
)

LAYOUTS = REAL / "report-layouts" / "headers.json"
DAY = "01/01/2024"
PLAIN = text(DAM_GEN, [award(DAY, 1)])


def found(path: Path) -> list[tuple[str, str, str]]:
    """Members, content and source of the publication time of each report; a refusal as its problem."""
    rows = []
    for report, open_bytes in open_reports(path):
        try:
            with open_bytes() as file:
                content, by = file.read().decode(), report.published_by
        except RefusedError as error:
            content, by = str(error), "refused"
        rows.append((" > ".join(report.members), content, by))
    return rows


def test_reports_are_found_in_any_subfolder_and_what_systems_leave_behind_is_not(tmp_path):
    wanted = {"a.csv", "2024/b.CSV", "2024/01/c.zip", "page.html"}
    for name in (*wanted, ".hidden.csv", "2024/.tmp/d.csv", "__MACOSX/e.csv", "notes.md", "x.parquet"):
        put(tmp_path / name, "x")
    assert {path.relative_to(tmp_path).as_posix() for path in report_files(tmp_path)} == wanted


def test_a_plain_file_a_zip_and_a_zip_in_a_zip_hold_the_same_report(tmp_path):
    inner = zipped({"60d_DAM_Gen_Resource_Data-01-MAR-24.csv": PLAIN})
    outer = put(tmp_path / "day.zip", zipped({"gen.zip": inner, "folder/": "", "__MACOSX/._x.csv": "x"}))
    flat = put(tmp_path / "flat.zip", inner)
    plain = put(tmp_path / "60d_DAM_Gen_Resource_Data-01-MAR-24.csv", PLAIN)
    name = "60d_DAM_Gen_Resource_Data-01-MAR-24.csv"
    assert found(outer) == [(f"gen.zip > {name}", PLAIN, "member")]
    assert found(flat) == [(name, PLAIN, "member")]
    assert found(plain) == [("", PLAIN, "file")]


def test_the_post_time_in_a_zips_name_is_central_time():
    posted = datetime(2026, 2, 23, 11, 1, 49, 776_000, UTC).timestamp() * 1000
    assert post_time_ms("rpt.00013052.0000000000000000.20260223.050149776.60_Day.zip") == posted
    assert post_time_ms("cdr.00012331.0000000000000000.20240701.123005.DAMSPNP4190_csv.zip") == (
        datetime(2024, 7, 1, 17, 30, 5, tzinfo=UTC).timestamp() * 1000
    )
    assert post_time_ms("60d_DAM_Gen_Resource_Data-01-MAR-24.csv") is None
    assert post_time_ms("rpt.1.20261399.996060.x.zip") is None


UNTIMED = (1980, 1, 1, 0, 0, 0)
INNER = zipped({"a.csv": PLAIN}, UNTIMED)
MEMBERS, POSTED_AT, OF_FILE = (
    datetime(2024, 3, 1, 11, 1, tzinfo=UTC),
    datetime(2026, 2, 23, 11, 1, 49, 776_000, UTC),
    datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC),
)
NAME = POSTED.format(day="20260223", time="050149776")


@pytest.mark.parametrize(("name", "content", "moment", "by"), [
    (NAME, zipped({"a.csv": PLAIN}), POSTED_AT, "name"),
    (NAME, zipped({"c.zip": zipped({"c.csv": PLAIN})}), POSTED_AT, "name"),
    # the innermost post time counts
    (
        NAME,
        zipped({POSTED.format(day="20260101", time="000000"): INNER}),
        datetime(2026, 1, 1, 6, tzinfo=UTC),
        "name",
    ),
    ("a.zip", zipped({"a.csv": PLAIN}, (2024, 3, 1, 5, 1, 0)), MEMBERS, "member"),
    # only the very first moment stands for no time
    ("a.zip", zipped({"a.csv": PLAIN}, (1980, 1, 1, 0, 0, 2)), datetime(1980, 1, 1, 6, 0, 2, tzinfo=UTC), "member"),
    # the innermost member that has a time
    ("a.zip", zipped({"b.zip": INNER}, (2024, 3, 1, 5, 1, 0)), MEMBERS, "file"),
    ("a.zip", INNER, OF_FILE, "file"),
    ("a.zip", zipped({"a.csv": PLAIN}, (2024, 15, 3, 0, 0, 0)), OF_FILE, "file"),
    ("a.csv", PLAIN, OF_FILE, "file"),
])  # fmt: skip
def test_a_report_was_published_when_a_name_its_member_or_the_file_says(tmp_path, name, content, moment, by):
    ((report, _),) = open_reports(put(tmp_path / name, content, seconds=1_000_000_000))
    assert (report.published_ms, report.published_by) == (moment.timestamp() * 1000, by)


def test_what_cannot_be_opened_is_refused_and_its_neighbours_are_not(tmp_path):
    whole = zipped({"a.csv": PLAIN})
    truncated = put(tmp_path / "cut.zip", whole[: len(whole) // 2])
    assert found(truncated) == [("", "no whole ZIP file: File is not a zip file", "refused")]
    mixed = put(tmp_path / "mixed.zip", zipped({"a.csv": PLAIN, "b.zip": whole[:40], "c.pdf": "x"}))
    members = found(mixed)
    assert members[0] == ("a.csv", PLAIN, "member")
    assert members[1][:2] == ("b.zip", "no whole ZIP file: File is not a zip file")
    assert members[2][:2] == ("c.pdf", "neither a CSV nor a ZIP")
    assert found(put(tmp_path / "a.xlsx", "x")) == [
        ("", "no workbook that can be read: File is not a zip file", "refused")
    ]
    old = "a workbook of an old Excel: save it as XLSX, or its sheets as CSV"
    assert found(put(tmp_path / "a.xls", "x")) == [("", old, "refused")]


def test_chunks_end_at_line_ends_and_lose_nothing(tmp_path):
    path = put(tmp_path / "a.csv", "ab\ncdef\ng\n\nhij")
    for size in (1, 2, 3, 5, 100):
        with path.open("rb") as file:
            chunks = list(read_chunks(file, size))
        assert b"".join(chunks) == path.read_bytes()
        assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])


def test_a_folder_named_like_a_report_is_none(tmp_path):
    put(tmp_path / "of a day.csv" / "a.csv", "x")
    assert [path.relative_to(tmp_path).as_posix() for path in report_files(tmp_path)] == ["of a day.csv/a.csv"]


def test_a_file_that_went_away_is_refused_with_the_systems_reason(tmp_path):
    assert found(tmp_path / "gone.csv") == [("", "cannot be read: No such file or directory", "refused")]


def test_what_systems_leave_behind_in_a_zip_is_no_report_and_no_refusal(tmp_path):
    left = {"__MACOSX/x.csv": "x", "a/.hidden.csv": "x", "__MACOSX": "x", "a/": "", "a/b.csv": PLAIN}
    assert found(put(tmp_path / "a.zip", zipped(left))) == [("a/b.csv", PLAIN, "member")]


def test_a_report_has_the_size_of_its_csv(tmp_path):
    plain = put(tmp_path / "a.csv", PLAIN, seconds=1_000_000_000)
    for path in (plain, put(tmp_path / "a.zip", zipped({"a.csv": PLAIN}))):
        ((report, _),) = open_reports(path)
        assert (report.bytes, report.name) == (len(PLAIN), "a.csv")


def test_four_zips_in_one_another_are_opened_and_five_are_not(tmp_path):
    nested = zipped({"a.csv": PLAIN})
    for n in range(3):
        nested = zipped({f"{n}.zip": nested})
    assert found(put(tmp_path / "four.zip", nested)) == [("2.zip > 1.zip > 0.zip > a.csv", PLAIN, "member")]
    assert told(put(tmp_path / "five.zip", zipped({"3.zip": nested}))) == ["ZIPs in ZIPs, more than 4 deep"]


def claiming(*said: dict[str, int | str], before: int = 0) -> bytes:
    """A ZIP with one small member for each `said`, of which its directory says just that; so many bytes stand before it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for n, more in enumerate(said):
            archive.writestr(zipfile.ZipInfo(f"{n}.csv", (2024, 3, 1, 5, 1, 0)), PLAIN)
            for name, value in more.items():
                setattr(archive.infolist()[-1], name, value)
    return bytes(before) + buffer.getvalue()


def told(path: Path) -> list[int | str]:
    """The size that each member has, or why it is refused; nothing is unpacked."""
    return [refusal(open_bytes) or report.bytes for report, open_bytes in open_reports(path)]


def test_an_encrypted_member_is_refused(tmp_path):
    members = claiming({"flag_bits": 1}, {"flag_bits": 2})
    assert told(put(tmp_path / "a.zip", members)) == ["is encrypted", len(PLAIN)]


def test_a_member_without_a_name_is_one_refusal_and_hides_no_other(tmp_path):
    members = claiming({"filename": ""}, {})
    assert told(put(tmp_path / "a.zip", members)) == ["a member without a name: the ZIP is damaged", len(PLAIN)]


def test_over_a_megabyte_a_member_unpacks_to_a_thousand_times_its_size_at_most(tmp_path):
    said = [
        {"compress_size": 2_000, "file_size": 2_000_000},
        {"compress_size": 2_000, "file_size": 2_000_001},
        {"compress_size": 0, "file_size": 2**20},
        {"compress_size": 0, "file_size": 2**20 + 1},
    ]
    assert told(put(tmp_path / "a.zip", claiming(*said))) == [
        2_000_000,
        "unpacks to 1,000 times its size, as no report does",
        2**20,
        "unpacks to 1,048,577 times its size, as no report does",
    ]


def test_all_members_together_unpack_to_a_thousand_times_the_file_and_64_megabytes_at_most(tmp_path):
    packed = {"compress_size": 2**20}
    allowed = 64 * 2**20 + 1_000 * len(claiming(packed, packed))
    for last, fits in ((10, True), (11, False)):
        content = claiming({**packed, "file_size": allowed - 10}, {**packed, "file_size": last})
        too_much = "the file unpacks to over 1,000 times its size, as no report does"
        assert told(put(tmp_path / "a.zip", content)) == [allowed - 10, last if fits else too_much]


@pytest.mark.parametrize(("name", "most", "problem"), [
    ("a.csv", 16 * 2**30, "unpacks to 17,179,869,185 bytes, more than any report has"),
    ("a.zip", 2 * 2**30, "a ZIP or workbook in a ZIP of 2,147,483,649 bytes: unpack the outer one"),
])  # fmt: skip
def test_no_member_is_larger_than_any_report_and_no_inner_zip_larger_than_memory(tmp_path, name, most, problem):
    """The file is large enough to hold what its directory claims."""
    said = {"filename": name, "compress_size": most // 16}
    over = claiming({**said, "file_size": most + 1}, before=most // 1_000)
    assert told(put(tmp_path / "over.zip", over)) == [problem]
    (just,) = told(put(tmp_path / "just.zip", claiming({**said, "file_size": most}, before=most // 1_000)))
    assert just == most or "cannot be unpacked" in str(just)


def test_a_line_longer_than_any_reports_is_an_error_before_it_is_read_to_its_end():
    longest = b"x" * 2**20
    assert b"".join(read_chunks(io.BytesIO(longest), 2**18)) == longest
    file = io.BytesIO(b"a\n" + longest + b"x" * 2**20)
    with pytest.raises(RefusedError, match="more than 1,048,576 bytes"):
        list(read_chunks(file, 2**18))
    assert file.tell() <= 2**20 + 2**19


# --- recognising ------------------------------------------------------------------------------------------------------------------------------
@pytest.mark.real
@pytest.mark.parametrize(
    "layout", list(json.loads(LAYOUTS.read_text(encoding="utf-8"))) if LAYOUTS.is_file() else ["no layouts"]
)
def test_every_layout_that_ercot_has_printed_is_recognised_by_its_headings(layout, real_pack):
    real_pack("report-layouts")
    from bess_assets_tests.ercot.test_datasets import DATASET_OF_REPORT, _layouts, _report

    headings = ",".join(_layouts()[layout])
    wanted = DATASET_OF_REPORT[_report(layout)]
    esr = wanted == "dam_esr_resources"
    for quoted in (headings, ",".join(f'"{heading}"' for heading in headings.split(","))):
        row = ",".join("ESR" if esr and h == "Resource Type" else "" for h in headings.split(","))
        heading = recognise("download (3).csv", f"{quoted}\n{row}\n".encode())
        assert heading.dataset is not None, heading.why_not
        assert heading.dataset.name == wanted
        assert heading.data_starts == len(quoted) + 1


@pytest.mark.real
def test_every_real_report_of_the_packs_is_recognised(real_pack):
    root = real_pack("report-layouts").parent
    reports = [*root.glob("*/reports/*.csv"), *(root / "report-layouts").glob("*.csv")]
    assert len(reports) > 30
    for path in reports:
        heading = recognise(path.name, path.read_bytes()[:8192])
        assert heading.dataset is not None, f"{path.name}: {heading.why_not}"


def test_storage_and_generation_have_the_same_headings_and_are_told_apart_by_name_or_by_type():
    storage = text(DAM_GEN, [award(DAY, 1, kind="ESR")]).encode()
    generation = text(DAM_GEN, [award(DAY, 1)]).encode()
    assert recognise("a.csv", storage).dataset == DATASETS["dam_esr_resources"]
    assert recognise("a.csv", generation).dataset == DATASETS["dam_gen_resources"]
    assert recognise("60d_DAM_ESR_Data-04-FEB-26.csv", generation).dataset == DATASETS["dam_esr_resources"]


def test_a_byte_order_mark_and_other_line_ends_do_no_harm():
    content = b"\xef\xbb\xbf" + text(MCPC, ["01/01/2024,01:00,RRS,1,N"]).replace("\n", "\r\n").encode()
    heading = recognise("a.csv", content)
    assert heading.dataset == DATASETS["as_prices"]
    assert heading.headings[0] == "DeliveryDate"
    assert content[heading.data_starts :].startswith(b"01/01/2024")


def test_operating_plans_of_2014_have_no_heading_line():
    row = "09/10/2014,QAEN,DECKER_DPG1,01:00,OFF,315,50,316,50,0,0,0,0\n"
    heading = recognise("CompleteCOP_09102014.csv", row.encode())
    assert (heading.dataset, heading.data_starts) == (DATASETS["cop_snapshots"], 0)
    assert heading.headings[:4] == ("Delivery Date", "QSE Name", "Resource Name", "Hour Ending")
    short = recognise("CompleteCOP_09102014.csv", b"09/10/2014,QAEN,DECKER_DPG1\n")
    assert short.refused
    assert short.why_not == "no heading line, and 3 columns instead of 13"


@pytest.mark.parametrize(
    ("name", "content", "why", "refused"),
    [
        ("60d_DAM_Gen_Resource_Data-01-MAR-24.csv", "", "an empty file", True),
        ("anything.csv", "  \n", "an empty file", False),
        ("60d_DAM_Gen_Resource_Data-01-MAR-24.csv", "<!DOCTYPE html><html>", "no CSV: it begins like a web page", True),
        ("60d_DAM_Gen_Resource_Data-01-MAR-24.csv", "Delivery Date,Hour Ending\n", "named like 60d_DAM_Gen_Resource_Data, but without a column 'Resource Name'", True),
        ("60d_SCED_SMNE_GEN_RES-01-MAR-24.csv", "Interval Number,Resource Code\n", "named like 60d_SCED_SMNE_GEN_RES, but without a column", True),
        ("60d_DAM_Gen_Resource_Data-01-MAR-24.csv", f"{DAM_GEN},HSL\n", "a heading stands twice", True),
        ("60d_DAM_Gen_Resource_Data-01-MAR-24.csv", f"{DAM_GEN},SCED Time Stamp\n", "named like 60d_DAM_Gen_Resource_Data, but with the headings of another", True),
        ("60d_DAM_PTP_Obligation_Options-01-MAR-24.csv", "Delivery Date,Option ID\n", "one of ERCOT's reports that nothing here is made of", False),
        ("mine.csv", "a,a \n1,2\n", "a heading stands twice", False),
        ("mine.csv", f"{'x' * 200_000}\n", "no CSV: field larger", True),
        ("mine.csv", "a,b\n1,2\n", "no report that is known; its headings are a, b", False),
    ],
)  # fmt: skip
def test_what_is_no_report_says_why(name, content, why, refused):
    heading = recognise(name, content.encode())
    assert heading.dataset is None
    assert heading.why_not.startswith(why)
    assert (heading.refused, heading.data_starts) == (refused, 0)


def test_headings_win_over_a_name_that_says_nothing():
    for headings, dataset in ((RT_SPP, "rt_prices"), (DA_SPP, "da_prices"), (SCED_GEN, "sced_gen_resources")):
        assert recognise("a.csv", f"{headings}\n".encode()).dataset == DATASETS[dataset]
    assert recognise("dam_spp.csv", text(DA_SPP, [price(DAY, 1, 20)]).encode()).dataset == DATASETS["da_prices"]


@pytest.mark.parametrize(("name", "dataset", "day"), [
    ("60d_DAM_Gen_Resource_Data-01-MAR-24.csv", "dam_gen_resources", date(2024, 1, 1)),
    ("60d_ESR_Data_in_SCED-18-MAY-26.csv", "sced_esr_resources", date(2026, 3, 19)),
    ("CompleteCOP_09102014.csv", "cop_snapshots", date(2014, 9, 10)),
    ("cdr.00012331.0000000000000000.20240101.123005.DAMSPNP4190_csv.zip", "da_prices", date(2024, 1, 1)),
    ("60d_DAM_Gen_Resource_Data-31-FEB-24.csv", "dam_gen_resources", None),
    ("60d_DAM_Gen_Resource_Data-01-MAR-2024.csv", "dam_gen_resources", date(2024, 1, 1)),
    ("60d_DAM_Gen_Resource_Data-01-DEC-24.csv", None, date(2024, 10, 2)),
    ("60d_DAM_Gen_Resource_Data-01-JAN-24.csv", None, date(2023, 11, 2)),
    ("prices of 2024-03-09.csv", "da_prices", date(2024, 3, 9)),
    ("prices of 09-MAR-24.csv", "da_prices", date(2024, 3, 9)),
    (POSTED.format(day="20240310", time="050000000"), None, date(2024, 1, 10)),
    (POSTED.format(day="20240310", time="050000000"), "dam_gen_resources", date(2024, 1, 10)),
    ("dam_20240310.csv", "dam_gen_resources", date(2024, 3, 10)),
    ("20241399 and 03102024.csv", None, date(2024, 3, 10)), ("download.csv", None, None),
])  # fmt: skip
def test_a_name_speaks_of_a_day(name, dataset, day):
    assert day_named(name, DATASETS[dataset] if dataset else None) == day


def test_a_report_is_called_by_its_place_below_the_folder(tmp_path):
    report = Report(tmp_path / "2024" / "a.zip", ("b.zip", "x/c.csv"), 0, "file", 1)
    assert report.label(tmp_path) == "2024/a.zip > b.zip > x/c.csv"
    assert report.name == "c.csv"
    assert Report(tmp_path / "a.zip", ("x/y/z/c.csv",), 0, "file", 1).name == "c.csv"
    assert report.label(tmp_path / "elsewhere") == f"{tmp_path / '2024' / 'a.zip'} > b.zip > x/c.csv"


def test_headings_without_an_end_of_line_end_where_the_file_ends():
    heading = recognise("a.csv", b"\xef\xbb\xbf" + MCPC.encode())
    assert (heading.dataset, heading.data_starts) == (DATASETS["as_prices"], len(MCPC) + 3)


def test_a_plan_without_a_heading_line_may_begin_with_a_byte_order_mark():
    row = b"\xef\xbb\xbf9/10/2014,QAEN,DECKER_DPG1,01:00,OFF,315,50,316,50,0,0,0,0\n"
    assert recognise("CompleteCOP_09102014.csv", row).data_starts == 3
    assert recognise("prices.csv", row[3:]).dataset is None


@pytest.mark.parametrize(("row", "dataset"), [
    ("", "dam_gen_resources"), ("01/01/2024,1,Q,A\n", "dam_gen_resources"),
    ("01/01/2024,1,Q,A, esr ,10\n", "dam_esr_resources"), ("01/01/2024,1,Q,ESR,PWRSTR,10\n", "dam_gen_resources"),
])  # fmt: skip
def test_the_type_in_the_first_row_tells_storage_from_generation_and_without_one_it_is_generation(row, dataset):
    headings = DAM_GEN.replace("Resource Type", " RESOURCE TYPE")
    assert recognise("a.csv", f"{headings}\n{row}".encode()).dataset == DATASETS[dataset]


def test_a_zip_of_a_days_disclosure_speaks_of_every_dataset_of_its_market():
    def named(name: str) -> set[str]:
        return {dataset.name for dataset in datasets_named(name)}

    assert named("60d_DAM_Gen_Resource_Data-01-MAR-24.csv") == {"dam_gen_resources"}
    day_ahead = named("rpt.00013051.0000000000000000.20240310.050000000.60_Day_DAM_Disclosure.zip")
    assert {"dam_gen_resources", "dam_load_resources", "dam_esr_resources"} <= day_ahead
    assert all(DATASETS[name].sixty_day and name.startswith("dam_") for name in day_ahead)
    assert {"sced_gen_resources", "sced_smne"} <= named("60DAY_SCED_DISCLOSURE.zip")
    assert named("60_Day_COP_Disclosure.zip") == named("download.zip") == set()
