"""A power cut leaves whole files: what is renamed is on the disk before, and its new name after."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bess_assets_tests.crashes.small_year import NEW, YEAR, settings_of
from bess_assets_tests.crashes.test_full_disk import IN_A_CHILD

# a call that another thread interrupts is logged in two lines, the first of which says of what it is
_CALL = re.compile(
    r'fsync\(\d+<(?P<flushed>[^>]+)>|rename\w*\((?:AT_FDCWD\S*, )?"(?P<old>[^"]+)", (?:AT_FDCWD\S*, )?"(?P<new>[^"]+)"(?!.*= -1)'
)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="needs the program strace")
def test_every_rename_of_a_refresh_follows_an_fsync_of_the_file_and_is_followed_by_one_of_its_folder(
    editions: Path, tmp_path: Path
) -> None:
    log, home = tmp_path / "calls", tmp_path / "home"
    traced = ["strace", "-f", "-y", "-o", str(log), "-e", "trace=rename,renameat,renameat2,fsync"]
    child = [sys.executable, "-c", IN_A_CHILD, str(editions), str(home), NEW, "0"]
    done = subprocess.run([*traced, *child], capture_output=True, text=True, check=False, timeout=300)
    if "ptrace" in done.stderr:
        pytest.skip(f"no process may be traced here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    calls = [found for line in log.read_text(encoding="utf-8").splitlines() if (found := _CALL.search(line))]
    renames = [(n, Path(call["old"]), Path(call["new"])) for n, call in enumerate(calls) if call["old"]]
    bare = []
    for n, old, new in renames:
        flushed_before = {call["flushed"] for call in calls[:n]}
        flushed_after = {call["flushed"] for call in calls[n:]}
        if str(old) not in flushed_before or str(new.parent) not in flushed_after:
            bare.append(new)
    assert bare == []
    assert len({new for _, _, new in renames}) > len(
        list(settings_of(editions, home, NEW).results.glob(f"*/{YEAR}.parquet"))
    )
