"""A roll-up of reports that is killed: each rollup is as it was or as it becomes, its manifest tells of it, and the next roll-up ends right."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bess_assets.store.roll_up import roll_up
from bess_assets.store.rollup_files import INDEX_NAME, manifest_path
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text

KILLED = """
import os, signal, sys
from pathlib import Path
from bess_assets.store.roll_up import roll_up
reports, built, nth = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
renamed = 0
def hook(event, arguments):
    global renamed
    if event == "os.rename":
        renamed += 1
        if renamed == nth:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
roll_up(reports, built)
"""
TIMED = {"seconds", "read_back_seconds"}
TWO = ("OAK_RN", "ELM_RN")


def report_of(folder: Path, day: int, usd: float) -> Path:
    """One day of prices, as a report that was published the day before."""
    rows = [price(f"01/{day:02d}/2024", hour, usd + hour, point) for hour in range(1, 25) for point in TWO]
    name = f"cdr.00012331.0000000000000000.202401{day - 1:02d}.120000.DAMSPNP4190.csv"
    return put(folder / name, text(DA_SPP, rows), 1_704_000_000 + day)


def contents(rollup: Path) -> tuple[Any, Any]:
    """Rows of a rollup, each with the name of its report, and what its manifest says but for the seconds."""
    manifest = json.loads(manifest_path(rollup).read_text(encoding="utf-8"))
    names = [report["file"] for report in manifest["reports"]]
    rows = pq.read_table(rollup).to_pylist()
    named = [{**row, "report": names[row["report"]]} for row in rows]
    listed = sorted(({k: v for k, v in report.items() if k not in TIMED} for report in manifest["reports"]), key=str)
    said = {key: manifest[key] for key in ("complete", "missing_days", "rows")}
    return sorted(named, key=str), (said, listed)


@pytest.mark.slow
def test_a_roll_up_killed_before_any_of_its_renames_is_ended_by_the_next_even_if_more_reports_came_meanwhile(tmp_path):
    def reports(folder: Path, days: Iterable[int]) -> Path:
        for day in days:
            report_of(folder, day, 10.0 * day)
        return folder

    undisturbed = tmp_path / "undisturbed"
    for days in (range(3, 6), range(6, 9), (2, 9)):
        roll_up(reports(undisturbed / "reports", days), undisturbed / "built")
    wanted = contents(undisturbed / "built" / "DA_prices" / "2024.parquet")
    for nth in range(1, 20):
        folder = tmp_path / str(nth)
        built = folder / "built"
        rollup = built / "DA_prices" / "2024.parquet"
        roll_up(reports(folder / "reports", range(3, 6)), built)
        before = rollup.read_bytes()
        reports(folder / "reports", range(6, 9))
        command = [sys.executable, "-c", KILLED, str(folder / "reports"), str(built), str(nth)]
        ending = subprocess.run(command, check=False, capture_output=True, timeout=100).returncode
        if ending == 0:
            break
        assert ending == -signal.SIGKILL
        whole = pq.read_table(rollup).num_rows
        assert whole == 8 * 48 - 2 * 48 if rollup.read_bytes() != before else 3 * 48
        # One more day at the end, and one before all others: reports are numbered in the order of their names.
        roll_up(reports(folder / "reports", (2, 9)), built)
        assert contents(rollup) == wanted
        left = sorted(p.name for p in built.rglob("*") if p.is_file())
        assert left == sorted([INDEX_NAME, "2024.parquet", "2024.manifest.json"])
    print(f"{nth - 1} kills, one before each rename of a roll-up")
    assert nth > 3
