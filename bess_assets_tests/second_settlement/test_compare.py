"""What counts as a difference between the results and the reports, how it is said, and with which exit code."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from bess_assets.cli import main
from bess_assets.cli.compare import comparison_lines
from bess_assets.second_settlement.compare import COLUMNS, REVENUE, Comparison, compare_reports, differences, handed_in
from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.second_settlement.settlement import settle
from bess_assets.settings import Settings, load_settings
from bess_assets_tests.second_settlement.small_reports import PAIR, YEAR, dam, market, write

DAY = "01/02/2022"


def board(**changes: float | None) -> pd.DataFrame:
    """Two months of two batteries with revenue of 1,200 $ a month; changes are made to February of OAK."""
    month = dict.fromkeys(REVENUE, 200.0) | {"energy_usd": 400.0, "as_usd": 1000.0, "total_usd": 1400.0}
    rows = [{"battery": b, "month": m, **month} for b in ("ELM", "OAK") for m in (1, 2)]
    rows[3] |= changes  # type: ignore[arg-type]
    return pd.DataFrame(rows).astype(dict.fromkeys(REVENUE, "float64"))


def test_equal_boards_have_no_difference() -> None:
    found, figures, worst = differences(board(), board())
    assert (len(found), figures, worst) == (0, 40, 0.0)


@pytest.mark.parametrize(("usd", "shown", "fails"), [
    (0.009, False, False), (0.02, True, False), (2.7, True, False), (2.9, True, True),
], ids=["under a cent", "over a cent", "under a thousandth of 2,800 $", "over it"])  # fmt: skip
def test_a_battery_is_shown_over_a_cent_and_fails_over_a_thousandth_of_its_years_revenue(usd, shown, fails):
    found, _, worst = differences(board(), board(as_rrs_usd=200.0 + usd))
    assert worst == pytest.approx(usd)
    assert found[["battery", "fails"]].to_numpy().tolist() == ([["OAK", fails]] if shown else [])
    for figure in found.to_dict("records"):
        assert (figure["month"], figure["column"], figure["results_usd"]) == (2, "as_rrs_usd", 200.0)
        assert figure["reports_usd"] == pytest.approx(200.0 + usd)
        assert figure["battery_share"] == pytest.approx(usd / (2800 + usd))


def test_the_differences_of_a_years_months_add_up_and_do_not_cancel() -> None:
    again = board(as_rrs_usd=202.0)
    again.loc[2, "as_rrs_usd"] = 198.0
    found, _, worst = differences(board(), again)
    assert (set(found["battery"]), set(found["year_usd"]), worst) == ({"OAK"}, {4.0}, 2.0)
    assert found["fails"].all()


@pytest.mark.parametrize(("results", "reports"), [(200.0, None), (None, 200.0), (0.0, None)])
def test_known_against_unknown_is_a_difference_whatever_the_amount(results, reports):
    found, _, _ = differences(board(as_ecrs_usd=results), board(as_ecrs_usd=reports))
    (figure,) = found.astype("object").where(found.notna(), None).to_dict("records")
    assert (figure["battery"], figure["column"]) == ("OAK", "as_ecrs_usd")
    assert (figure["results_usd"], figure["reports_usd"]) == (results, reports)
    assert figure["fails"] == bool(results or reports)


def test_unknown_on_both_sides_is_no_difference() -> None:
    assert differences(board(as_ecrs_usd=None), board(as_ecrs_usd=None))[0].empty


def test_a_month_that_only_one_side_has_is_a_difference() -> None:
    found, _, _ = differences(board(), board().iloc[:3])
    assert (set(found["battery"]), set(found["month"]), len(found)) == ({"OAK"}, {2}, len(REVENUE))
    assert found["reports_usd"].isna().all()
    assert found["fails"].all()


def test_the_second_settlement_takes_what_the_registry_says_of_pairs() -> None:
    pairs = pd.concat([PAIR, PAIR])
    batteries = handed_in(pairs.assign(charging=["unknown", "generation"], pair_status=["name_only", "none"]))
    assert batteries["charging_known"].tolist() == [False, True]
    assert batteries["load_as_only"].tolist() == [True, False]


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one day of reports, and results that agree with them."""
    settings = load_settings(tmp_path_factory.mktemp("agreeing"), {})
    write(settings.reports, market(DAY))
    registry = PAIR.assign(charging="load", pair_status="confirmed")
    months = settle(ReportFolder(settings.reports, YEAR), YEAR, handed_in(registry)).leaderboard_monthly
    for name, table in (("bess_registry", registry), ("leaderboard_monthly", months)):
        path = settings.results / name / f"{YEAR}.parquet"
        path.parent.mkdir(parents=True)
        table.to_parquet(path)
    return settings.home


@pytest.fixture
def home(agreeing: Path, tmp_path: Path) -> Settings:
    """A copy of it, to be changed."""
    shutil.copytree(agreeing, tmp_path, dirs_exist_ok=True)
    return load_settings(tmp_path, {})


def run(settings: Settings, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(settings.home), "compare-csv", str(YEAR), *arguments])


def change(settings: Settings, name: str, heading: str, values: object) -> None:
    """Write one report again with other values in a column."""
    write(settings.reports, {name: market(DAY)[name].assign(**{heading: values})})


def test_agreeing_reports_are_exactly_equal_and_exit_with_0(home: Settings) -> None:
    done = run(home)
    assert done.exit_code == 0, done.output
    assert "exactly equal: 10 monthly figures of 1 battery" in done.stdout
    assert "to a millionth of a dollar" in done.stdout
    assert "7 reports, 0 copies" in done.stdout
    assert "reports so far" in done.stderr


@pytest.mark.slow
def test_one_price_changed_in_one_csv_shows_the_battery_and_is_no_failure(home: Settings) -> None:
    change(home, "DAMSPNP4190", "SettlementPointPrice", [30.05, *[30.0] * 23])
    done = run(home)
    assert done.exit_code == 0
    assert "exactly equal" not in done.stdout
    assert "1 of 1 battery differ by over 0.01 $ or in what is known, 0 of them" in done.stdout
    assert [line.split()[:2] for line in done.stdout.splitlines() if line.startswith("OAK")] == [["OAK", "0.40"]]
    rows = list(csv.DictReader(run(home, "--format", "csv").stdout.splitlines()))
    assert [row["column"] for row in rows] == ["da_energy_usd", "energy_usd", "total_usd"]
    assert {row["month"] for row in rows} == {"1"}
    assert float(rows[0]["reports_usd"]) - float(rows[0]["results_usd"]) == pytest.approx(8 * 0.05)


def test_doubled_awards_fail_with_exit_code_1(home: Settings) -> None:
    change(home, "60d_DAM_Gen_Resource_Data", "Awarded Quantity", 16.0)
    done = run(home, "--format", "json")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    assert not said["agrees"]
    assert {row["battery"] for row in said["differences"] if row["fails"]} == {"OAK"}
    assert list(said["differences"][0]) == list(COLUMNS)


def test_a_report_that_cannot_be_read_is_named_and_nothing_agrees(home: Settings) -> None:
    (home.reports / "60d.zip").write_bytes(b"PK half a file")
    done = run(home)
    assert done.exit_code == 1
    assert "exactly equal" in done.stdout
    assert "1 file could not be read" in done.stdout
    assert f"error: {home.reports / '60d.zip'}: File is not a zip file" in done.stdout


def test_a_users_node_holds_on_its_days(home: Settings) -> None:
    table = home.home / "batteries.csv"
    lines = ["battery,settlement_point,valid_from,valid_to", "OAK,EARLIER,,2022-01-01", "OAK,ELSEWHERE,2022-01-02,"]
    table.write_text("\n".join(lines), encoding="utf-8")
    prices = market(DAY)["DAMSPNP4190"].assign(SettlementPoint="ELSEWHERE", SettlementPointPrice=35)
    write(home.reports, {"elsewhere": prices})
    oak = compare_reports(replace(home, registry_csv=table), YEAR).differing
    # Day-ahead there is 5 $ dearer, and real time is not priced, so that no leg counts.
    assert sorted(oak["column"]) == ["da_energy_usd", "energy_usd", "rt_energy_usd", "total_usd"]
    assert oak["reports_usd"].isna().all()


def test_what_the_user_can_put_right_exits_with_2(home: Settings) -> None:
    without = CliRunner().invoke(main, ["--home", str(home.home), "compare-csv", "2021"])
    assert (without.exit_code, "bess refresh 2021" in without.stderr) == (2, True)
    for report in home.reports.iterdir():
        report.unlink()
    none = run(home)
    assert (none.exit_code, "BESS_REPORTS" in none.stderr) == (2, True)
    write(home.reports, {"60d_DAM_Gen_Resource_Data": dam("01/02/2021")})
    other = run(home)
    assert (other.exit_code, "holds a day of 2022" in other.stderr) == (2, True)


def test_no_file_name_steers_the_terminal() -> None:
    problems = {"a\x1b[31m.zip": "File is not a zip file"}
    comparison = Comparison(YEAR, 1, 10, 7, 0, 0, 0.0, differences(board(), board())[0], problems, 1.0)
    lines = list(comparison_lines(comparison))
    assert any("a?[31m.zip" in line for line in lines)
    assert not any("\x1b" in line for line in lines)
