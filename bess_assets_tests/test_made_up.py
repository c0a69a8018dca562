"""Made-up data are named as such on every surface, and real data are not."""

import csv
import io
from pathlib import Path

import click.testing
import openpyxl
import pandas as pd
import pytest

from bess_assets.cli import main
from bess_assets.report.files import write_report
from bess_assets.report.serve import answer
from bess_assets.report.site import PAGES, SERVED, Site
from bess_assets.results import Results, plots
from bess_assets.run import run_table
from bess_assets.second_settlement.compare import COLUMNS, Comparison
from bess_assets.settings import Settings, load_settings
from bess_assets.store.journal import Journal, read_run, table_entry
from bess_assets.store.listing import MADE_UP, MADE_UP_COLUMN, MARKER, NOTE, made_up_inputs, made_up_note, made_up_years
from bess_assets.store.paths import files_of
from bess_assets.tables import LEADERBOARD_REPORT
from bess_assets_tests.made_home import ALPHA, BOARDS, write_edition, write_home, write_rows


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a board of 2024."""
    settings = load_settings(tmp_path, environ={})
    write_edition(settings, 2024, [{**ALPHA, "rank": 1}], {"rt_prices/2024.parquet": "1" * 64})
    return settings


def mark(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("{}", encoding="utf-8")


def record(settings: Settings, table: str, *, failed: bool = False, **made_up: bool) -> None:
    status = "failed" if failed else "ok"
    entry = table_entry(status=status, seconds=0.1, peak_memory_mb=1, inputs={}, **made_up)  # type: ignore[arg-type]
    Journal(settings.results, 2024).put_table(table, entry)


# --- which years are made up
def test_results_carried_away_from_their_inputs_still_say_what_they_are(settings):
    mark(settings.rollups)
    write_edition(settings, 2024, [{**ALPHA, "rank": 1, "qse": "QOTHER"}], {"rt_prices/2024.parquet": "2" * 64})
    write_edition(settings, 2023, [{**ALPHA, "rank": 1}], {"rt_prices/2023.parquet": "3" * 64})
    (settings.rollups / MARKER).unlink()
    assert made_up_years(settings) == {2023, 2024}
    assert made_up_note(settings) == made_up_note(settings, [2022, 2023]) == NOTE
    assert made_up_note(settings, [2022]) is None


def test_real_results_beside_a_simulated_market_are_real_until_they_are_made_of_it(settings):
    mark(settings.rollups)
    assert made_up_inputs(settings)
    assert made_up_years(settings) == set()
    assert made_up_note(settings, [2024]) is None
    assert made_up_note(settings) == NOTE


def test_a_year_is_made_up_until_every_table_was_made_of_real_inputs(settings):
    for table in ("energy_revenue", "leaderboard"):
        record(settings, table, made_up=True)
    record(settings, "energy_revenue", made_up=False)
    assert made_up_years(settings) == {2024}
    record(settings, "leaderboard", failed=True)  # the board of before stays where it is
    Journal(settings.results, 2024).begin(["leaderboard"])
    Journal(settings.results, 2024).fail_unfinished()
    assert read_run(settings.results, 2024)["tables"]["leaderboard"]["status"] == "failed"
    assert made_up_years(settings) == {2024}
    record(settings, "leaderboard", made_up=False)
    assert made_up_years(settings) == set()


def test_a_record_that_does_not_say_is_judged_by_the_folder_of_rollups(tmp_path):
    settings = load_settings(tmp_path, environ={})
    record(settings, "leaderboard")
    assert made_up_years(settings) == set()
    mark(settings.built)
    assert made_up_years(settings) == {2024}
    real = settings.rollups / "RT_Prices" / "2024.parquet"  # what was built of made-up reports is not used beside it
    real.parent.mkdir(parents=True)
    real.touch()
    assert made_up_years(settings) == set()
    mark(settings.rollups)
    assert made_up_years(settings) == {2024}


# --- surfaces
@pytest.fixture(scope="module", params=[True, False], ids=["made-up", "real"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, bool]:
    """A home with results, report and reports to roll up, and whether its inputs are simulated."""
    made_up: bool = request.param
    settings = write_home(tmp_path_factory.mktemp("home"))
    settings.reports.mkdir()
    (settings.reports / "unknown.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    if made_up:
        mark(settings.rollups)
        mark(settings.reports)
    board = [{**row, "notes": "restated"} for row in BOARDS[2024]]
    for rows, digest in ((board, "1" * 64), (BOARDS[2024], "2" * 64)):
        write_edition(settings, 2024, rows, {"rt_prices/2024.parquet": digest})
    write_edition(settings, 2023, BOARDS[2023], {"rt_prices/2023.parquet": "3" * 64})
    write_report(settings, 2024)
    row = {
        "dataset": "rt_prices",
        "file": "2024.parquet",
        "row": 1,
        "kind": "unusable_time",
        "detail": "left out",
        "says": "",
    }
    write_rows(settings, 2024, "left_out_rows", [row])
    run_table(settings, None, "column_availability")
    run_table(settings, 2024, "index")
    return settings, made_up


FIGURES = {
    "leaderboard": ["leaderboard", "2024"],
    "leaderboard of days": ["leaderboard", "--from", "2024-01-03", "--to", "2024-01-05"],
    "groups": ["leaderboard", "2024", "--by", "qse"],
    "another size": ["leaderboard", "2024", "--size", "ALPHA_1=50"],
    "battery": ["battery", "ALPHA_1"],
    "changes": ["changes", "2024"],
    "sql": ["sql", "SELECT battery, total_usd FROM leaderboard WHERE year = 2024"],
    "compare-csv": ["compare-csv", "2024"],
    "rows": ["rows", "2024", "--left-out"],
    "index": ["index", "2024"],
}
TABLES = {
    **FIGURES, "status": ["status"], "status --columns": ["status", "--columns"],
    "status --storage": ["status", "--storage"], "refresh --dry-run": ["refresh", "2024", "--dry-run"],
    "refresh": ["refresh", "2024", "--only", "failed"], "rollup": ["rollup"],
    "site": ["site"], "reconcile": ["reconcile", "2024"],
}  # fmt: skip
"""Every command that prints a table; a demo is such a home, simulate and ui print none."""


def printed(settings: Settings, *arguments: str) -> str:
    result = click.testing.CliRunner().invoke(main, ["--home", str(settings.home), *arguments])
    assert result.exit_code in ({2} if arguments[0] == "rollup" else {0, 1}), result.output
    return result.stdout


@pytest.fixture(autouse=True)
def _reports_that_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    row = ("ALPHA_1", 1, "total_usd", 1.0, 3.0, 2.0, 0.5, True, 2.0)
    differing = pd.DataFrame([row], columns=[*COLUMNS, "year_usd"])
    compared = Comparison(2024, 1, 1, 1, 0, 0, 2.0, differing, {}, 0.1)
    monkeypatch.setattr("bess_assets.second_settlement.compare.compare_reports", lambda *_: compared)


def test_every_command_is_among_those_looked_at():
    assert set(main.commands) == {arguments[0] for arguments in TABLES.values()} | {
        "battery-table",
        "demo",
        "fetch",
        "plot",
        "serve",
        "simulate",
        "start",
        "ui",
        "verify",
    }


@pytest.mark.parametrize("command", TABLES)
def test_a_table_ends_with_a_line_that_says_so(home, command):
    settings, made_up = home
    lines = printed(settings, *TABLES[command]).splitlines()
    assert (lines.count(NOTE), lines[-1] == NOTE or command == "rollup") == (made_up, made_up or command == "rollup")


@pytest.mark.parametrize("command", FIGURES)
def test_rows_for_programs_have_a_column_that_says_so(home, command):
    settings, made_up = home
    rows = list(csv.DictReader(io.StringIO(printed(settings, *FIGURES[command], "--format", "csv"))))
    assert rows
    assert {row.get(MADE_UP_COLUMN) for row in rows} == {MADE_UP if made_up else None}
    text = printed(settings, *FIGURES[command], "--format", "json")
    assert (f'"{MADE_UP_COLUMN}": "{MADE_UP}"' in text) == made_up


def test_rows_beside_totals_of_others_have_a_column_that_says_so(home, tmp_path):
    settings, made_up = home
    (tmp_path / "fleet.csv").write_text("day,charge_mwh,discharge_mwh\n2024-01-02,5,6\n")
    asked = ["reconcile", "2024", "--fleet", str(tmp_path / "fleet.csv"), "--format", "csv"]
    rows = list(csv.DictReader(io.StringIO(printed(settings, *asked))))
    assert [row["others"] for row in rows] == ["5.0", "6.0"]
    assert {row.get(MADE_UP_COLUMN) for row in rows} == {MADE_UP if made_up else None}


def test_answers_in_python_have_the_column_and_one_of_sql_takes_no_other_columns_place(home):
    settings, made_up = home
    with Results(settings) as results:
        battery = results.battery("ALPHA_1")
        for answer in (
            results.leaderboard(2024), results.leaderboard_of_days("2023-12-30", "2024-01-05"), results.compare(["ALPHA_1"]),
            battery.years, battery.months, battery.best_days, results.battery_days("ALPHA_1"), results.left_out_rows(2024),
            results.product_stack("ALPHA_1", "day"), results.fleet("month"), results.editions(2024), results.what_changed(2024), results.index(2024),
        ):  # fmt: skip
            assert (MADE_UP_COLUMN in answer.columns) == made_up
            assert not made_up or set(answer.to_pandas()[MADE_UP_COLUMN]) == {MADE_UP}
        taken = results.query(f"SELECT battery AS {MADE_UP_COLUMN} FROM leaderboard")
        assert taken.columns == (MADE_UP_COLUMN, *([f"{MADE_UP_COLUMN}_"] if made_up else []))
        assert results.query("SELECT 1 AS one").columns == ("one",)


def test_a_picture_says_so(home):
    settings, made_up = home
    with Results(settings) as results:
        texts = [text.get_text() for text in plots.stack(results, "ALPHA_1", 2024).texts]
    assert (NOTE in texts) == made_up


def test_the_rows_of_real_years_beside_made_up_ones_have_no_mark(tmp_path):
    settings = write_home(tmp_path)
    record(settings, "leaderboard", made_up=True)
    with Results(settings) as results:
        years = results.battery("ALPHA_1").years
        assert (years.column("year"), years.column(MADE_UP_COLUMN)) == ([2023, 2024], [None, MADE_UP])
        assert MADE_UP_COLUMN not in results.battery("ALPHA_1", 2023).years.columns
        assert MADE_UP_COLUMN not in results.leaderboard(2023).columns


def test_the_page_the_workbook_and_the_csv_beside_them_say_so(home):
    settings, made_up = home
    page, workbook, yearly, monthly, *_ = files_of(settings.results, LEADERBOARD_REPORT, 2024)
    assert page.read_text(encoding="utf-8").count(f">{NOTE}</p>") == made_up
    book = openpyxl.load_workbook(workbook)
    for sheet in ("Summary", "Board", "Fleet by month", "Classes"):
        assert book[sheet]["A1"].value == (NOTE if made_up else None), sheet
        assert (NOTE in (book[sheet].oddFooter.left.text or "")) == made_up
    for sheet in ("Leaderboard", "Months", "Daily"):
        last = [row[-1] for row in book[sheet].iter_rows(values_only=True)]
        assert (last[0] == MADE_UP_COLUMN and set(last[1:]) == {MADE_UP}) == made_up
    for path in (yearly, monthly):
        with path.open(encoding="utf-8", newline="") as file:
            assert {row.get(MADE_UP_COLUMN) for row in csv.DictReader(file)} == {MADE_UP if made_up else None}


def test_every_page_and_every_answer_of_rows_that_is_served_says_so(home):
    settings, made_up = home
    files = Site(settings, served=True)
    for page in (*PAGES, *SERVED, 2024):
        assert (files.content(f"{page}.html") or b"").decode().count(f">{NOTE}</p>") == made_up, page
    with Results(settings) as results:
        for question, given in (("leaderboard", "2024"), ("editions", "2024"), ("fleet", "2024")):
            said = answer(results, question, [("year", given)])
            assert (MADE_UP_COLUMN in said["columns"]) == made_up, question


@pytest.mark.slow
def test_every_page_of_the_site_and_its_files_say_so_and_of_which_editions_they_are(home, tmp_path):
    settings, made_up = home
    Site(settings).write(tmp_path, lambda *_: None)
    pages = sorted(tmp_path.glob("*.html"))
    assert len(pages) == len(PAGES) + 2
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.count(f">{NOTE}</p>") == made_up, page
        if page.stem in PAGES:
            assert "2024: Final edition 2, made " in text
    for year in (2023, 2024):
        book = openpyxl.load_workbook(tmp_path / "files" / f"leaderboard_{year}.xlsx")
        assert (book.worksheets[0]["A1"].value == NOTE) == made_up
        with (tmp_path / "files" / f"leaderboard_{year}.csv").open(encoding="utf-8", newline="") as file:
            assert {row.get(MADE_UP_COLUMN) for row in csv.DictReader(file)} == {MADE_UP if made_up else None}
