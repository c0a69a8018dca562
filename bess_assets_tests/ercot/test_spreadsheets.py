"""Report files that a spreadsheet saved, in archives and behind links: read as ERCOT's own, or refused in words that say what they are."""

import gzip
import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bess_assets.cli import main
from bess_assets.ercot.reports import open_reports, other_files, report_files
from bess_assets.ercot.spreadsheets import plain_text
from bess_assets.store.roll_up import roll_up
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text, zipped

NAME = "cdr.00012331.0000000000000000.20260506.123000000.DAMSPNP4190.csv"
PLAIN = text(DA_SPP, [price("05/07/2026", hour, 30 + hour) for hour in range(1, 25)])
POSTED = int(datetime(2026, 5, 6, 17, 30, tzinfo=UTC).timestamp()) * 1000


def lines(change, content: str = PLAIN) -> str:
    return "".join(f"{change(line)}\n" for line in content.splitlines())


SAVED = {
    "as ERCOT wrote it": PLAIN,
    "two empty columns": lines(lambda line: line + ",,"),
    "a comma too many in each row": PLAIN.split("\n", 1)[0] + "\n" + lines(lambda line: line + ",", PLAIN.split("\n", 1)[1]),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "Unicode text": PLAIN.replace(",", "\t").encode("utf-16"),
    "semicolons": PLAIN.replace(",", ";"),
    "semicolons and their line": "sep=;\n" + PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "titles above": "Day-ahead prices,,,,\n,,,,\n" + PLAIN,
    "a title above": "Day-ahead prices\n\n" + PLAIN,
    "quotes": lines(lambda line: '"' + line.replace(",", '","') + '"'),
    "quotes and semicolons": lines(lambda line: '"' + line.replace(",", '";"') + '"'),
    "Windows line ends and mark": b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n").encode(),
    "blank lines at the end": PLAIN + ",,,,\n,,,,\n",
    "files that were joined": PLAIN.split("\n05/07/2026,13", 1)[0] + "\n" + DA_SPP + "\n05/07/2026,13" + PLAIN.split("\n05/07/2026,13", 1)[1],
    "short dates": PLAIN.replace("05/07/2026", "5/7/2026"),
}  # fmt: skip


def rolled_up(folder: Path, name: str, content: str | bytes):
    put(folder / "reports" / name, content)
    done = roll_up(folder / "reports", folder / "built")
    return done, folder / "built" / "DA_prices" / "2026.parquet"


def prices_of(path: Path) -> list[float]:
    return pq.read_table(path).column("SettlementPointPrice").to_pylist()


RIGHT = [30.0 + hour for hour in range(1, 25)]


@pytest.mark.parametrize("content", SAVED.values(), ids=SAVED)
def test_a_report_that_a_spreadsheet_saved_is_read_as_it_was(tmp_path, content):
    done, path = rolled_up(tmp_path, NAME, content)
    assert done.refused == []
    assert [built.manifest["refused"] for built in done.built] == [[]]
    assert prices_of(path) == RIGHT


def test_text_of_windows_is_read(tmp_path):
    done, path = rolled_up(tmp_path, NAME, PLAIN.replace("OAK_RN", "NU\xd1EZ_RN").encode("cp1252"))
    assert done.refused == []
    assert set(pq.read_table(path).column("SettlementPoint").to_pylist()) == {"NU\xd1EZ_RN"}


def test_a_price_that_a_database_calls_null_is_unknown(tmp_path):
    _, path = rolled_up(tmp_path, NAME, PLAIN.replace(",32,", ",NULL,"))
    assert prices_of(path) == [31.0, None, *RIGHT[2:]]


@pytest.mark.parametrize(("content", "words"), [
    (PLAIN.replace("24:00", "0:00"), "holds '0:00' in column 'HourEnding' (expected: an hour ending 1"),
    (PLAIN.replace("05/07/2026", "7-May-26"), "holds '7-May-26' in column 'DeliveryDate' (expected: a date such as"),
    (PLAIN.replace(",", ";").replace(";32;", ";32,5;"), "holds '32,5' in column 'SettlementPointPrice' (expected: a number"),
    (PLAIN.replace(",32,", ",#REF!,"), "holds '#REF!' in column 'SettlementPointPrice'"),
])  # fmt: skip
def test_what_a_spreadsheet_has_changed_for_good_is_refused_with_the_cell(tmp_path, content, words):
    done, _ = rolled_up(tmp_path, NAME, content)
    (refused,) = [item["problem"] for built in done.built for item in built.manifest["refused"]]
    assert words in refused


def test_plans_without_headings_keep_their_blank_last_column():
    rows = "10/01/2014,QOAK,OAK_1,1:00,ON,10,\n10/01/2014,QOAK,OAK_1,2:00,ON,10,5\n"
    assert plain_text(rows.encode()) == rows


def test_a_title_is_above_a_table_and_never_a_row_of_it():
    assert plain_text(b"Prices\n\nA,B,C\n1,2,3\n,,3\n") == "A,B,C\n1,2,3\n,,3\n"


# --- archives, links, and files that are none ---------------------------------------------------------------------------------------------------
def tar(mode: str, members: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else content.encode()
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1_700_000_000
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ARCHIVES = {
    f"{NAME}.gz": (gzip.compress(PLAIN.encode()), (POSTED, "name")),
    "DAMSPNP4190.csv.gz": (gzip.compress(PLAIN.replace(",", ";").encode()), None),
    "reports.tar.gz": (tar("w:gz", {f"DAM/{NAME}": PLAIN, "DAM/.hidden.csv": "x"}), (1_700_000_000_000, "member")),
    "reports.tgz": (tar("w:gz", {"day.zip": zipped({NAME: PLAIN})}), None),
    "reports.tar": (tar("w", {NAME: PLAIN}), (1_700_000_000_000, "member")),
}


@pytest.mark.parametrize(("name", "content", "published"), [(n, *of) for n, of in ARCHIVES.items()], ids=ARCHIVES)
def test_reports_in_gzip_and_tar_files_are_read(tmp_path, name, content, published):
    done, path = rolled_up(tmp_path, name, content)
    assert (done.refused, done.reports, prices_of(path)) == ([], 1, RIGHT)
    ((report, _),) = open_reports(tmp_path / "reports" / name)
    assert published in {None, (report.published_ms, report.published_by)}


@pytest.mark.parametrize(("name", "content", "words"), [
    ("a.csv.gz", b"no gzip", "cannot be unpacked"),
    ("a.csv.gz", gzip.compress(PLAIN.encode())[:-9], "cannot be unpacked"),
    ("a.tar.gz", b"no tar", "cannot be unpacked"),
    ("a.csv.gz", gzip.compress(b"0" * 3_000_000), "unpack it"),
    ("a.tar.gz", tar("w:gz", {"a.csv": b"0" * 3_000_000}), "unpack it"),
    ("a.tar.gz", tar("w:gz", {"a.exe": b"0"}), "neither a CSV nor a ZIP"),
], ids=["no gzip", "cut short", "no tar", "a gzip bomb", "a tar bomb", "another file"])  # fmt: skip
def test_an_archive_that_cannot_be_used_is_named_with_the_reason(tmp_path, monkeypatch, name, content, words):
    monkeypatch.setattr("bess_assets.ercot.reports._ALWAYS_ALLOWED_BYTES", 2**20)
    monkeypatch.setattr("bess_assets.ercot.reports.LARGEST_RATIO", 10)
    done, _ = rolled_up(tmp_path, name, content)
    ((_, problem),) = done.refused
    assert words in problem


def test_reports_in_a_linked_folder_are_found_and_a_link_to_a_folder_above_ends(tmp_path):
    put(tmp_path / "elsewhere" / NAME, PLAIN)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "DAM").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere" / "again").symlink_to(tmp_path / "reports", target_is_directory=True)
    assert report_files(tmp_path / "reports") == [tmp_path / "reports" / "DAM" / NAME]
    done = roll_up(tmp_path / "reports", tmp_path / "built")
    assert done.reports == 1


def test_files_that_are_no_reports_are_named_with_the_reason(tmp_path):
    for name in ("a.xml", f"{NAME}.crdownload", "DA/2024.parquet", ".hidden.xml", "SIMULATED.json", NAME):
        put(tmp_path / name, "x")
    assert other_files(tmp_path) == {
        "a.xml": "no CSV, ZIP, XLSX, GZ or TAR file",
        f"{NAME}.crdownload": "a download that has not ended",
        "DA/2024.parquet": "no CSV, ZIP, XLSX, GZ or TAR file: put it among the rollups",
    }


def test_a_folder_without_a_report_is_an_error_that_names_what_lies_there(tmp_path):
    put(tmp_path / "reports" / "a.xml", "<x/>")
    result = CliRunner().invoke(main, ["--home", str(tmp_path / "home"), "rollup", str(tmp_path / "reports")])
    assert result.exit_code == 2
    assert "not read: a.xml: no CSV" in result.output
    assert "There is no report to roll up." in result.output
