"""Which reports are new: found by size, time, name and first lines, and right after every roll-up."""

import os
import time
from pathlib import Path

import pytest

from bess_assets.store.roll_up import roll_up
from bess_assets.store.rollup_files import report_news
from bess_assets_tests.ercot.report_samples import (
    DA_SPP,
    DAM_GEN,
    POSTED,
    SCED_GEN,
    award,
    price,
    put,
    run,
    text,
    zipped,
)

GEN = "60d_DAM_Gen_Resource_Data-05-MAR-24.csv"
HOURS = range(1, 25)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of two reports, and one for what is built."""
    reports = tmp_path / "reports"
    put(reports / GEN, text(DAM_GEN, [award("01/05/2024", hour) for hour in HOURS]))
    put(reports / "prices.csv", text(DA_SPP, [price("01/05/2024", hour, 20) for hour in HOURS]))
    return reports, tmp_path / "built"


def test_a_folder_that_is_not_there_has_no_news(tmp_path):
    assert report_news(tmp_path / "none", tmp_path).files == {}


def test_a_new_file_is_told_by_its_name_or_else_by_its_first_lines(folders):
    news = report_news(*folders)
    assert news.files == {("dam_gen_resources", 2024): (GEN,), ("da_prices", 2024): ("prices.csv",)}


def test_a_name_is_enough_and_the_file_is_not_opened(folders):
    (folders[0] / GEN).write_bytes(b"still being written")
    assert ("dam_gen_resources", 2024) in report_news(*folders).files


def test_what_was_rolled_up_is_no_news_and_what_is_added_is(folders):
    roll_up(*folders)
    assert report_news(*folders).files == {}
    put(folders[0] / "more.csv", text(SCED_GEN, [run("01/06/2023 00:00:10", 5)]))
    assert report_news(*folders).files == {("sced_gen_resources", 2023): ("more.csv",)}


def test_a_roll_up_of_one_dataset_leaves_the_other_as_news(folders):
    roll_up(*folders, datasets=["da_prices"], years=[2024])
    assert list(report_news(*folders).files) == [("dam_gen_resources", 2024)]


def test_a_touched_file_is_no_news_is_read_once_for_one_size_and_time_and_is_news_once_it_changes(folders):
    roll_up(*folders)
    path = folders[0] / "prices.csv"
    later = time.time_ns() + 5_000_000_000
    os.utime(path, ns=(later, later))
    assert report_news(*folders).files == {}
    path.write_text(path.read_text(encoding="utf-8").replace(",20,", ",21,"), encoding="utf-8")
    os.utime(path, ns=(later, later))
    assert report_news(*folders).files == {}, "size and time are those that were looked into"
    os.utime(path, ns=(later + 1, later + 1))
    assert list(report_news(*folders).files) == [("da_prices", 2024)]


@pytest.mark.parametrize("other", [{"empty.csv": ""}, {"a picture.png": b"PNG"}])
def test_a_zip_is_told_by_its_members_where_its_own_name_says_nothing(folders, other):
    roll_up(*folders)
    inner = text(SCED_GEN, [run("07/06/2022 00:00:10", 5)])
    put(folders[0] / "of a day.zip", zipped({"whatever.csv": inner, **other}))
    news = report_news(*folders)
    assert (news.files, news.unreadable) == ({("sced_gen_resources", 2022): ("of a day.zip",)}, ())


def test_the_zip_of_a_days_disclosure_is_news_of_all_that_it_may_hold_until_it_was_opened(folders):
    roll_up(*folders)
    name = POSTED.format(day="20240310", time="050000000")
    inner = text(DAM_GEN, [award("01/10/2024", hour) for hour in HOURS])
    put(folders[0] / name, zipped({"60d_DAM_Gen_Resource_Data-10-MAR-24.csv": inner}))
    assert {("dam_gen_resources", 2024), ("dam_load_resources", 2024)} <= set(report_news(*folders).files)
    roll_up(*folders, datasets=["dam_load_resources"], years=[2024])
    assert set(report_news(*folders).files) == {("dam_gen_resources", 2024)}
    roll_up(*folders)
    assert report_news(*folders).files == {}


def test_a_file_that_cannot_be_used_is_news_once(folders):
    put(folders[0] / GEN.replace("05", "06"), "<html>busy</html>")
    assert ("dam_gen_resources", 2024) in report_news(*folders).files
    roll_up(*folders)
    assert report_news(*folders).files == {}


def broken(content: bytes) -> bytes:
    """A ZIP whose packed bytes no longer fit their check sum."""
    at = content.index(b"PK\x01\x02") - 4
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


def test_a_new_file_that_cannot_be_unpacked_is_named_and_holds_no_other_up(folders):
    inner = text(SCED_GEN, [run(f"07/06/2022 00:00:{second:02d}", 5) for second in range(60)])
    put(folders[0] / "damaged.zip", broken(zipped({"whatever.csv": inner})))
    put(folders[0] / "no zip.zip", b"PK nothing")
    news = report_news(*folders)
    assert news.unreadable == ("damaged.zip", "no zip.zip")
    assert news.files == {("dam_gen_resources", 2024): (GEN,), ("da_prices", 2024): ("prices.csv",)}


def test_a_touched_zip_is_no_news_though_nothing_is_made_of_some_of_its_members(folders):
    inner = text(DAM_GEN, [award("01/10/2024", hour) for hour in HOURS])
    members: dict[str, str | bytes] = {"gen.csv": inner, "other.csv": "a,b\n1,2\n", "a picture.png": b"PNG"}
    path = put(folders[0] / POSTED.format(day="20240310", time="050000000"), zipped(members))
    roll_up(*folders)
    later = time.time_ns() + 5_000_000_000
    os.utime(path, ns=(later, later))
    assert report_news(*folders).files == {}


def test_reports_of_another_kind_are_no_news(folders):
    put(folders[0] / "notes.csv", "a,b\n1,2\n")
    put(folders[0] / "damaged.zip", b"PK nothing")
    put(folders[0] / "empty of rows.csv", DAM_GEN + "\n")
    roll_up(*folders)
    assert report_news(*folders).files == {}


def test_what_the_users_own_rollups_hold_is_no_news(folders):
    news = report_news(*folders, covered=lambda dataset, year: (dataset, year) == ("da_prices", 2024))
    assert list(news.files) == [("dam_gen_resources", 2024)]


def test_a_report_that_is_gone_is_named_until_the_next_roll_up(folders):
    roll_up(*folders)
    (folders[0] / "prices.csv").unlink()
    news = report_news(*folders)
    assert (news.files, news.gone) == ({}, ("prices.csv",))


@pytest.mark.parametrize(("file", "content"), [("2024.parquet", None), ("2024.manifest.json", b"{}")])
def test_a_rollup_that_was_removed_or_whose_manifest_is_unreadable_makes_its_reports_news(folders, file, content):
    roll_up(*folders)
    path = folders[1] / "DA_prices" / file
    path.unlink() if content is None else path.write_bytes(content)
    assert list(report_news(*folders).files) == [("da_prices", 2024)]


LONG = [price("12/31/2023", 24, 20, point=f"POINT_{n:05d}_RN") for n in range(3_000)]


@pytest.mark.parametrize(("content", "year"), [
    *((text(DA_SPP, [price("01/05/2024", 1, 20)]).rstrip("\n") + end, 2024) for end in ("", "\n", "\r\n")),
    (text(DA_SPP, [*LONG, price("01/01/2024", 1, 20)]), 2023),
], ids=["no end of line", "an end", "that of Windows", "a long report"])  # fmt: skip
def test_the_first_lines_of_a_report_are_enough_whether_or_not_its_only_one_ends(tmp_path, content, year):
    put(tmp_path / "reports" / "a.csv", content)
    assert list(report_news(tmp_path / "reports", tmp_path / "built").files) == [("da_prices", year)]


def test_a_report_in_quotes_is_told_and_one_whose_first_row_has_no_day_is_nothing_to_tell(tmp_path):
    rows = [DA_SPP, price("01/05/2023", 1, 20)]
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in rows) + "\n"
    put(tmp_path / "reports" / "quoted.csv", quoted)
    put(tmp_path / "reports" / "soon.csv", text(DA_SPP, [price("soon", 1, 20)]))
    headings = "QSE,Resource Name," + SCED_GEN.replace("QSE,Resource Name,", "")
    put(tmp_path / "reports" / "short.csv", text(headings, ["Q,OAK"]))
    news = report_news(tmp_path / "reports", tmp_path / "built")
    assert (dict(news.files), news.unreadable) == ({("da_prices", 2023): ("quoted.csv",)}, ())


def test_files_are_listed_by_dataset_year_and_name(tmp_path):
    for name, day in (("b.csv", "01/05/2024"), ("a.csv", "01/06/2024"), ("c.csv", "01/05/2022")):
        put(tmp_path / "reports" / name, text(DA_SPP, [price(day, 1, 20)]))
    news = report_news(tmp_path / "reports", tmp_path / "built")
    assert news.files == {("da_prices", 2022): ("c.csv",), ("da_prices", 2024): ("a.csv", "b.csv")}


def test_a_zip_that_was_mended_or_damaged_at_equal_size_is_told_anew(folders):
    inner = text(SCED_GEN, [run(f"07/06/2022 00:00:{second:02d}", 5) for second in range(60)])
    whole, later = zipped({"whatever.csv": inner}), time.time_ns() + 5_000_000_000
    path = put(folders[0] / "of a day.zip", broken(whole))
    roll_up(*folders)
    assert report_news(*folders).files == {}
    path.write_bytes(whole)
    os.utime(path, ns=(later, later))
    assert report_news(*folders).files == {("sced_gen_resources", 2022): ("of a day.zip",)}
    roll_up(*folders)
    path.write_bytes(broken(whole))
    os.utime(path, ns=(later + 1, later + 1))
    assert report_news(*folders).unreadable == ("of a day.zip",)


def test_a_file_that_goes_away_while_news_are_told_is_none(folders):
    """The first file of the folder is asked about before the second is looked at."""

    def covered(_dataset: str, _year: int) -> bool:
        (folders[0] / "prices.csv").unlink(missing_ok=True)
        return False

    news = report_news(*folders, covered=covered)
    assert (dict(news.files), news.unreadable) == ({("dam_gen_resources", 2024): (GEN,)}, ())
