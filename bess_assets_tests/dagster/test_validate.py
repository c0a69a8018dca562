"""The check `matches_csv` in its job: without reports, and with reports that say something else."""

import shutil

import dagster as dg

from bess_assets.definitions import build_defs
from bess_assets_tests.dagster.conftest import YEAR, Refreshed
from bess_assets_tests.second_settlement.small_reports import dam, write


def validate(refreshed: Refreshed) -> dg.AssetCheckEvaluation:
    job = build_defs(refreshed.settings).resolve_job_def("validate_year")
    result = job.execute_in_process(instance=refreshed.instance, partition_key=str(YEAR))
    assert result.success
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.asset_check_key == dg.AssetCheckKey(dg.AssetKey("leaderboard_monthly"), "matches_csv")
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    return evaluation


def test_a_refresh_does_not_run_the_check(refreshed: Refreshed) -> None:
    names = {check["name"] for check in refreshed.year.assets["leaderboard_monthly"].checks}
    assert names
    assert "matches_csv" not in names


def test_without_reports_the_check_passes_and_says_that_nothing_was_compared(refreshed: Refreshed) -> None:
    evaluation = validate(refreshed)
    assert evaluation.passed
    assert (evaluation.description or "").startswith("not compared: ")


def test_reports_that_cannot_be_settled_fail_the_check_and_stop_nothing(refreshed: Refreshed) -> None:
    write(refreshed.settings.reports, {"60d_DAM_Gen_Resource_Data": dam(f"05/10/{YEAR - 1}")})
    try:
        evaluation = validate(refreshed)
    finally:
        shutil.rmtree(refreshed.settings.reports)
    assert not evaluation.passed
    assert f"holds a day of {YEAR}" in (evaluation.description or "")


def test_reports_that_say_something_else_fail_the_check_and_stop_nothing(refreshed: Refreshed) -> None:
    write(refreshed.settings.reports, {"60d_DAM_Gen_Resource_Data": dam(f"05/10/{YEAR}")})
    try:
        evaluation = validate(refreshed)
    finally:
        shutil.rmtree(refreshed.settings.reports)
    assert not evaluation.passed
    assert "could not be read" not in (evaluation.description or "")
    assert "of 3 batteries differ" in (evaluation.description or "")
    values = {name: value.value for name, value in evaluation.metadata.items()}
    assert values["batteries_compared"] == 3
    assert values["worst_difference_usd"] > 1
    assert values["seconds"] > 0
    assert "worst figure" in str(values["comparison"])
