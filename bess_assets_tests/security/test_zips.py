"""ZIPs neither escape their folder nor explode, on either of the two roads from reports to money."""

import io
import shutil
import struct
import subprocess
import sys
import zipfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bess_assets.ercot import reports as reports_module
from bess_assets.ercot.reports import LARGEST_RATIO, open_reports
from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.store.roll_up import roll_up
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, refusal, text, zipped

DAY = text(DA_SPP, [price("01/02/2024", hour, 25.5) for hour in range(1, 25)])
REPORT = "cdr.00012331.0000000000000000.20240101.120000.DAMSPNP4190.csv"
ESCAPES = ("../", "../../", "/", "/tmp/", "a/../../", "x\\..\\..\\", "C:\\", "\\\\server\\share\\", "./", "~/")


def refusals(path: Path) -> list[str]:
    return [problem for _, open_bytes in open_reports(path) if (problem := refusal(open_bytes))]


def packed(members: dict[str, bytes]) -> bytes:
    return zipped(dict(members))


def test_a_member_whose_name_leads_out_of_the_folder_is_read_and_never_written_there(tmp_path: Path) -> None:
    around = tmp_path / "around"
    inside = around / "deep" / "er" / "reports"
    members = {f"{escape}{n}{REPORT}": DAY.replace("25.5", str(n)) for n, escape in enumerate(ESCAPES)}
    put(inside / "a.zip", zipped(members))
    built = tmp_path / "built"
    done = roll_up(inside, built)
    assert sum(len(year.manifest["reports"]) for year in done.built) == len(ESCAPES)
    assert [path.name for path in around.rglob("*") if path.is_file()] == ["a.zip"]
    assert {path.relative_to(built).parts[0] for path in built.rglob("*")} == {"DA_prices", "reports.json"}
    assert not list(tmp_path.glob("*.csv"))
    assert not Path("/tmp").joinpath(f"3{REPORT}").exists()
    assert len(ReportFolder(inside, 2024).reports["DA_prices"]) == len(ESCAPES)


def test_a_link_in_a_zip_is_no_way_out(tmp_path: Path) -> None:
    secret = put(tmp_path / "secret.csv", DAY)
    link = zipfile.ZipInfo(REPORT)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, str(secret))
    put(tmp_path / "reports" / "a.zip", buffer.getvalue())
    done = roll_up(tmp_path / "reports", tmp_path / "built")
    assert not list((tmp_path / "built").rglob("*.parquet"))
    assert sum(len(year.manifest["refused"]) for year in done.built) == 1
    assert ReportFolder(tmp_path / "reports", 2024).reports == {}


# --- bombs --------------------------------------------------------------------------------------------------------------------------------------
def overlapping(kernel: bytes, members: int) -> bytes:
    """A ZIP whose members are all one and the same packed content: it grows by the names alone."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(REPORT, kernel)
    content = buffer.getvalue()
    end = content.rindex(b"PK\x05\x06")
    start = content.index(b"PK\x01\x02")
    entry = content[start:end]
    size = len(entry) * members
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, members, members, size, start, 0)
    return content[:start] + entry * members + tail


@cache
def bombs() -> dict[str, bytes]:
    zeros = bytes(50 * 2**20)
    dense = packed({REPORT: zeros})
    nested = packed({"a.zip": dense, "b.zip": packed({"c.zip": dense})})
    many = bytes(1_000_000)  # each small enough to look harmless
    return {
        "dense": dense, "nested": nested, "says that it is small": _claiming(dense, 1_000),
        "says that it is huge": _claiming(dense, 0xFFFFFFF0), "overlapping members": overlapping(many, 1_500),
        "overlapping ZIPs": packed({"inner.zip": overlapping(many, 1_500)}),
    }  # fmt: skip


def _claiming(content: bytes, size: int) -> bytes:
    changed = bytearray(content)
    at = changed.index(b"PK\x01\x02") + 24
    changed[at : at + 4] = struct.pack("<I", size)
    return bytes(changed)


ROLL_UP = """
import resource, sys, time
from pathlib import Path
from bess_assets.store.roll_up import roll_up
from bess_assets.second_settlement.csv_reports import ReportFolder
began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
reports, built = Path(sys.argv[1]), Path(sys.argv[2])
roll_up(reports, built)
ReportFolder(reports, 2024)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began) // 1024)
"""


@pytest.mark.slow
def test_bombs_are_refused_and_take_neither_memory_nor_disk(tmp_path: Path) -> None:
    _explode(tmp_path, "dense", "nested", "says that it is small", "says that it is huge")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["overlapping members", "overlapping ZIPs"])
def test_a_bomb_of_overlapping_members_is_refused_and_takes_neither_memory_nor_disk(kind: str, tmp_path: Path) -> None:
    _explode(tmp_path, kind)


def _explode(tmp_path: Path, *kinds: str) -> None:
    made = bombs()
    for kind in kinds:
        assert len(made[kind]) < 2_000_000
        path = put(tmp_path / "reports" / f"{kind}.zip", made[kind])
    put(tmp_path / "reports" / REPORT, DAY)
    command = [sys.executable, "-c", ROLL_UP, str(path.parent), str(tmp_path / "built")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 250  # MB beside the libraries
    kept = roll_up(path.parent, tmp_path / "again").built
    assert [(year.dataset, year.manifest["rows"]["kept"]) for year in kept] == [("da_prices", 24)]
    written = sum(file.stat().st_size for file in (tmp_path / "built").rglob("*") if file.is_file())
    assert written < 5_000_000


def test_members_that_each_look_harmless_are_refused_once_they_are_too_much_together(tmp_path, monkeypatch):
    monkeypatch.setattr(reports_module, "_ALWAYS_ALLOWED_BYTES", 0)
    content = overlapping(bytes(900_000), 3_000)
    problems = refusals(put(tmp_path / "a.zip", content))
    allowed = LARGEST_RATIO * len(content) // 900_000
    assert len(problems) == 3_000 - allowed
    assert set(problems) == {"the file unpacks to over 1,000 times its size, as no report does"}


def test_a_zip_in_a_zip_that_would_fill_the_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(reports_module, "LARGEST_INNER_ZIP_BYTES", 100)
    problems = refusals(put(tmp_path / "a.zip", packed({"b.zip": zipped({"a.csv": DAY})})))
    assert len(problems) == 1
    assert "a ZIP or workbook in a ZIP of " in problems[0]
    assert "unpack the outer one" in problems[0]


def test_a_line_without_end_is_refused_and_not_read_to_its_end(tmp_path: Path) -> None:
    rows = [price("01/02/2024", 1, 25.5)]
    endless = tmp_path / "reports" / f"a{REPORT}"
    put(endless, text(DA_SPP, rows))
    with endless.open("ab") as file:
        file.truncate(400 * 2**20)  # zeros that take no disk
    put(tmp_path / "reports" / REPORT, DAY)
    done = roll_up(tmp_path / "reports", tmp_path / "built")
    (year,) = done.built
    assert year.manifest["rows"]["kept"] == 24
    (refused,) = year.manifest["refused"]
    assert "a line of more than 1,048,576 bytes, as no report has" in str(refused)


def test_damaged_zips_of_every_length_are_refused_by_name_on_both_roads(tmp_path: Path) -> None:
    whole = zipped({REPORT: DAY, "b.zip": zipped({f"b{REPORT}": DAY.replace("25.5", "1")})})
    for cut in range(0, len(whole), 37):
        folder = tmp_path / str(cut)
        for content in (whole[:cut], whole[:cut] + bytes(8) + whole[cut + 8 :]):
            put(folder / "a.zip", content)
            opened: list[Any] = []
            for _, open_bytes in open_reports(folder / "a.zip"):
                with suppress(*reports_module.UNPACKING_ERRORS), open_bytes() as file:
                    opened.append(file.read())
            assert set(opened) <= {DAY.encode(), DAY.replace("25.5", "1").encode()}
            ReportFolder(folder, 2024)
        shutil.rmtree(folder)
