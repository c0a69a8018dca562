"""The benchmarks can be run, and leave no question of the query API unmeasured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import WrongMoneyError, check_money
from benchmarks.queries import kinds
from bess_assets.results import Results

ROOT = Path(__file__).resolve().parent.parent
NO_QUESTIONS = {
    "cache_info", "close", "column_availability", "folder", "stream", "years",
}  # fmt: skip


def test_every_question_of_the_query_api_is_measured() -> None:
    questions = {name for name in vars(Results) if not name.startswith("_")} - NO_QUESTIONS
    measured = {name.split("(")[0].split(",")[0].split(" ")[0].rstrip(":") for name in kinds(["A", "B", "C"])}
    assert measured == questions


@pytest.mark.slow
@pytest.mark.alone
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


@pytest.mark.slow
@pytest.mark.alone
def test_the_whole_comparison_runs_and_every_contender_comes_to_the_right_money(tmp_path: Path) -> None:
    parts = [word for part in ("years", "dagster", "others", "growth") for word in ("--only", part)]
    save = tmp_path / "saved" / "result"
    where = ["--folder", str(tmp_path / "markets"), "--save", str(save)]
    command = [sys.executable, "-m", "benchmarks", "--quick", *where]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *parts], capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert (done.stderr, done.returncode) == ("", 0)
    text = save.with_suffix(".md").read_text(encoding="utf-8")
    assert text in done.stdout
    assert "wrong money" not in text
    headings = ("2024: ours and the floor", "2026: step by step", "through Dagster", "other roads", "storage", "Growth")
    for heading in headings:
        assert heading in text
    figures = json.loads(save.with_suffix(".json").read_text(encoding="utf-8"))
    assert {"machine", "targets", "2024: ours and the floor", "Growth"} <= set(figures)
