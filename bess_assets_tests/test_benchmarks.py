"""The benchmarks can be run, and leave no question of the query API unmeasured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import WrongMoneyError, check_money
from benchmarks.machine import HAS_POLARS, Line
from benchmarks.page import page
from benchmarks.queries import kinds
from benchmarks.scale import Measured
from benchmarks.scale import simulated as at_scale
from bess_assets.results import Results

ROOT = Path(__file__).resolve().parent.parent
NO_QUESTIONS = {
    "cache_info", "close", "column_availability", "folder", "outages", "statistics", "stream", "years",
    "index_of_day",  # the made fleet has no quarter-hours of the index
    "battery_intervals",  # the made fleet has one of the five tables of quarter-hours that it reads
}  # fmt: skip


def test_every_question_of_the_query_api_is_measured() -> None:
    questions = {name for name in vars(Results) if not name.startswith("_")} - NO_QUESTIONS
    measured = {name.split("(")[0].split(",")[0].split(" ")[0].rstrip(":") for name in kinds(["A", "B", "C"])}
    assert measured == questions


def test_years_on_workers_wait_for_the_launcher_a_worker_and_their_share_of_the_store() -> None:
    one = at_scale(1, 1_000, 1, Measured())
    # 1,100 MB brought and 5,300 MB put at 80 MB/s, 145 s of settling, 8 s of Dagster
    assert one.seconds == pytest.approx(1_100 / 80 + 145 + 8 + 5_300 / 80)
    assert (one.brought_gb, one.put_gb, one.requests) == (1.1, 5.3, 91)
    assert one.usd == pytest.approx(0.10 * one.seconds / 3_600 + (25 * 0.4 + 66 * 5) / 1e6)
    assert at_scale(2, 1_000, 1, Measured()).seconds == pytest.approx(2 * one.seconds), (
        "one worker has one year at a time"
    )
    assert at_scale(2, 1_000, 2, Measured()).seconds == pytest.approx(one.seconds + 5), (
        "the second is launched 5 s later"
    )
    shared = at_scale(2, 1_000, 2, Measured(launch_seconds=0, store_mb_a_second=80))
    assert shared.seconds == pytest.approx(2 * 1_100 / 80 + 145 + 8 + 2 * 5_300 / 80), "both move at half of the rate"
    many = at_scale(3, 1_000, 10, Measured())
    assert many.seconds == pytest.approx(one.seconds + 10), "a year is not split"
    assert many.idle == pytest.approx(1 - 3 * one.seconds / (3 * many.seconds))


@pytest.mark.slow
def test_the_measurement_of_queries_runs_from_a_made_fleet_to_a_verdict(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.queries", "--home", str(tmp_path), "--batteries", "4", "--rounds", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.stderr == ""
    assert "targets (cold 300 ms, kept 50 ms" in done.stdout
    assert "hit rate where every question is asked twice" in done.stdout
    assert "bess leaderboard 2024" in done.stdout
    assert done.returncode in {0, 1}  # a machine may be slow


@pytest.mark.parametrize(("found", "said"), [
    ({}, "no battery"), ({"A": 1.0, "X": 2.0}, "X has no right answer"),
    ({"A": 1.0, "B": 20.001}, "B: 20.00 and not 20.00"),
])  # fmt: skip
def test_a_contender_that_settles_nothing_or_other_money_is_found_out(found: dict[str, float], said: str) -> None:
    right = {"A": 1.0, "B": 20.0, "C": 3.0}
    check_money({"B": 20.0 + 1e-9}, right)
    with pytest.raises(WrongMoneyError, match=said):
        check_money(found, right)


def answer(seconds: float, others: float = 0.0, stolen: float = 0.0) -> dict[str, float]:
    return {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_mb": 100, "others": others, "stolen": stolen}


def test_a_contender_is_a_multiple_of_the_floor_of_its_own_round_and_a_busy_machine_is_marked() -> None:
    floor, ours, wrong = Line("floor"), Line("ours"), Line("a script", wrong="A: 1.00 and not 2.00")
    for low, high, others in ((2.0, 8.0, 0.0), (4.0, 20.0, 0.06), (3.0, 18.0, 0.0)):
        floor.add(answer(low))
        ours.add(answer(high, others), answer(low))
        wrong.add(answer(high), answer(low))
    figures = {
        "machine": {"machine": "2 cores"},
        "rounds": 3,
        "quick": False,
        "left_out": ["layouts", "growth"],
        "load": [0.1],
        "most_busy": 0.05,
        "facts": {},
        "busy": [["ours", 0.1, 0.0, 0.06], ["ours", 0.1, 0.0, 0.0]],
        "tables": {"2024": [vars(line) for line in (floor, ours, wrong)]},
        "targets": [{"what": "ours / floor", "value": 5.0, "target": "at most 4", "met": False}],
    }
    text = page(figures)
    assert "Not measured in this run: layouts, growth" in text
    assert "| ours (busy machine in 1 of 3) | 36.0 | 5.0 (4.0 to 6.0) | 18.0 | 5.0 (4.0 to 6.0) | 100 |" in text
    assert "| a script | wrong money: A: 1.00 and not 2.00 |  |  |  |  |" in text
    assert "**The machine was busy** in 1 of 2 runs: at most 0% of its processor time was stolen" in text
    assert "**Missed.** ours / floor: 5.00 (at most 4)." in text


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_whole_comparison_runs_and_every_contender_comes_to_the_right_money(tmp_path: Path) -> None:
    written, saved = tmp_path / "performance.md", tmp_path / "saved" / "result.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--folder", str(tmp_path / "markets")]
    where = ["--write", str(written), "--save", str(saved)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert (done.stderr, done.returncode) == ("", 0)
    text = written.read_text(encoding="utf-8")
    assert text in done.stdout
    assert "wrong" not in text
    assert len(text.splitlines()) <= 120
    figures = json.loads(saved.read_text(encoding="utf-8"))
    assert {"2024", "2026", "through Dagster", "layouts", "demo"} == set(figures["tables"])
    judged = {target["what"] for target in figures["targets"]}
    assert {"CSV / ours, wall", "processor time of one more day / all of it"} <= judged
    assert len(judged) >= (22 if HAS_POLARS else 19)
