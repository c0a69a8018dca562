"""A disk that takes no more: an error that names the file and the remedy, the files before it whole, and nothing half written left behind."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from bess_assets.cli import main
from bess_assets.errors import WriteError
from bess_assets.settings import load_settings
from bess_assets.store.journal import read_run
from bess_assets.store.paths import result_path, run_record_path
from bess_assets.store.roll_up import roll_up_reports
from bess_assets.store.rollup_files import INDEX_NAME
from bess_assets_tests.crashes.small_year import NEW, OLD, YEAR, look, refresh, settings_of, unfinished, wrong
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text
from bess_assets_tests.made_home import write_home

IN_A_CHILD = """
import resource, sys
from bess_assets.errors import BessError
from bess_assets_tests.crashes.small_year import refresh, settings_of
from pathlib import Path
folder, home, edition, largest = sys.argv[1:]
if largest != "0":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
try:
    refresh(settings_of(Path(folder), Path(home), edition))
except BessError as error:
    print(error)
    sys.exit(2)
"""


def in_a_child(folder: Path, home: Path, edition: str, largest: int = 0) -> subprocess.CompletedProcess[str]:
    """A refresh in a process of its own, which may write files of so many bytes; 0 is any."""
    command = [sys.executable, "-c", IN_A_CHILD, str(folder), str(home), edition, str(largest)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
def test_a_file_that_may_not_grow_is_an_error_with_its_name_and_remedy_and_the_old_one_stays(expected, home, editions):
    where = home(OLD)
    settings = settings_of(editions, where, NEW)
    before = look(settings)
    run_record_path(settings.results, YEAR).unlink()  # it begins small again, so that a table is what does not fit
    done = in_a_child(editions, where, NEW, 21_000)
    assert done.returncode == 2, done.stderr
    first, *rest = done.stdout.splitlines()
    assert first == f"{YEAR}.parquet cannot be written: a file may not become so large here."
    tables = read_run(settings.results, YEAR)["tables"]
    (failed,) = (name for name, entry in tables.items() if entry["status"] == "failed")
    assert rest[0] == f"  file: {result_path(settings.results, failed, YEAR)}"
    assert any("run the command again. The file that was there before is as it was." in line for line in rest)
    after = look(settings)
    assert wrong(before, after, expected[NEW]) == []
    assert after.temporary == []
    assert after.digests[f"{failed}/{YEAR}.parquet"] == before.digests[f"{failed}/{YEAR}.parquet"]
    refresh(settings)
    assert unfinished(settings, look(settings), expected[NEW]) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Function that mounts a disk of so many bytes in memory; the test is skipped, and says so, where that is not allowed."""
    mounted = []

    def mount(size: int) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            pytest.skip("no disk can be mounted here: there is no program mount")
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_is_an_error_with_the_file_and_the_old_year_stays(expected, server, editions, small_disk):
    disk = small_disk(64_000_000)
    home = disk / "home"
    assert server.order(home=str(home), edition=OLD) == 0
    settings = settings_of(editions, home, NEW)
    before = look(settings)
    ballast = disk / "ballast"
    status = os.statvfs(disk)
    ballast.write_bytes(
        bytes(status.f_bavail * status.f_frsize - 300_000)
    )  # room for a small table, and for no ledger beside the old one
    done = in_a_child(editions, home, NEW)
    assert done.returncode == 2, done.stderr
    assert "cannot be written: the disk is full." in done.stdout
    assert "MB is left" in done.stdout
    assert f"file: {settings.results}" in done.stdout
    after = look(settings)
    assert wrong(before, after, expected[NEW]) == []
    assert after.temporary == []
    ballast.unlink()
    assert server.order(home=str(home), edition=NEW) == 0
    assert unfinished(settings, look(settings), expected[NEW]) == []


@pytest.mark.slow
def test_a_disk_that_is_full_from_the_start_is_said_at_once_and_nothing_is_touched(server, editions, small_disk):
    disk = small_disk(64_000_000)
    home = disk / "home"
    assert server.order(home=str(home), edition=OLD) == 0
    settings = settings_of(editions, home, NEW)
    before = look(settings)
    with (disk / "ballast").open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert os.statvfs(disk).f_bavail == 0
    done = in_a_child(editions, home, NEW)
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(f"{YEAR}.json cannot be written: the disk is full.")
    assert look(settings) == before


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes there")
def test_a_full_disk_is_no_refused_report_and_the_next_roll_up_ends_right(tmp_path):
    settings = load_settings(tmp_path / "home", {"BESS_REPORTS": str(tmp_path / "reports")})
    rows = [price(f"01/{1 + n % 28:02d}/2024", 1 + n % 24, 20 + n / 7, f"NODE_{n}") for n in range(4_000)]
    put(tmp_path / "reports" / "cdr.00012331.0000000000000000.20240102.120000.DAMSPNP4190.csv", text(DA_SPP, rows))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        with pytest.raises(
            WriteError, match=r"2024\.parquet cannot be written: a file may not become so large here"
        ) as caught:
            roll_up_reports(settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.file == str(settings.built / "DA_prices" / "2024.parquet")
    assert [path.name for path in settings.built.rglob("*") if path.is_file()] == [INDEX_NAME]
    done = roll_up_reports(settings)
    assert [(b.year, b.manifest["rows"]["kept"], b.manifest["refused"]) for b in done.built] == [(2024, 4_000, [])]


@pytest.mark.parametrize("words", [["refresh", str(YEAR)], ["rollup"], ["demo"]])
def test_a_read_only_home_is_an_error_with_the_file_and_a_remedy_and_what_is_there_is_shown(small_disk, words):
    home = small_disk(4_000_000) / "home"
    settings = write_home(home)
    put(settings.reports / "prices.csv", text(DA_SPP, [price("01/05/2024", 1, 20)]))
    put(settings.rollups / "DA_prices" / f"{YEAR}.parquet", b"there")
    subprocess.run(["mount", "-o", "remount,ro", str(home.parent)], check=True)
    refused = CliRunner().invoke(main, ["--home", str(home), *words])
    assert refused.exit_code == 2, refused.output
    if words != ["demo"]:
        assert "cannot be written: the file system is read-only." in refused.stderr
    assert CliRunner().invoke(main, ["--home", str(home), "leaderboard", "2024"]).exit_code == 0
