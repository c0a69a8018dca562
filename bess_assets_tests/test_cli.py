"""The command line: what it prints, where, and with which exit code."""

import csv
import io
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import click.testing
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bess_assets.cli import long_work, main
from bess_assets.demo import Market, write_market, write_right_answer
from bess_assets.errors import BessError, SettingsError
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import fingerprint
from bess_assets.store.journal import read_run
from bess_assets.store.listing import MARKER
from bess_assets.store.paths import run_record_path
from bess_assets.store.whole import read_sealed, write_json
from bess_assets.tables import TABLES
from bess_assets_tests.conftest import ROOT
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text
from bess_assets_tests.held import held_elsewhere
from bess_assets_tests.made_home import ALPHA, BRAVO, record_table, write_edition, write_home, write_rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return write_home(tmp_path_factory.mktemp("made") / "home")


def caller(home: Path, monkeypatch: pytest.MonkeyPatch, *command: str):
    """Calls a command on a home, on a terminal of so many columns."""

    def call(*arguments: str, width: int = 140, exit_code: int = 0) -> click.testing.Result:
        monkeypatch.setenv("COLUMNS", str(width))
        return at_home(home, *command, *arguments, exit_code=exit_code)

    return call


@pytest.fixture
def bess(made: Settings, monkeypatch: pytest.MonkeyPatch):
    return caller(made.home, monkeypatch)


def at_home(home: Path, *arguments: str, exit_code: int = 0) -> click.testing.Result:
    """What a command prints, and that it ends so."""
    result = click.testing.CliRunner().invoke(main, ["--home", str(home), *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def refused(home: Path, *arguments: str) -> str:
    """What a command that ends with an error says of it."""
    return at_home(home, *arguments, exit_code=2).stderr


def rows_of(result: click.testing.Result) -> list[dict[str, str]]:
    """Rows of a CSV."""
    return list(csv.DictReader(io.StringIO(result.stdout, newline="")))


def in_a_process(*arguments: str | Path, ends: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as users run it, in a process of its own, and that it ends with this code."""
    command = [sys.executable, "-m", "bess_assets.cli", *map(str, arguments)]
    whole = {**os.environ, **environment}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=whole, timeout=200)
    assert done.returncode == ends, done.stdout + done.stderr
    return done


# --- leaderboard
@pytest.mark.parametrize(("arguments", "width"), [
    *((("leaderboard", "2024"), width) for width in (60, 80, 100, 120, 140, 200)),
    *((("battery", "BRAVO"), width) for width in (80, 140)),
])  # fmt: skip
def test_a_table_fits_the_terminal(bess, arguments: tuple[str, ...], width: int) -> None:
    assert max(map(len, bess(*arguments, width=width).stdout.splitlines())) <= width


def test_a_wide_terminal_shows_each_product_and_both_coverages(bess) -> None:
    heading = bess("leaderboard", "2024", width=200).stdout.splitlines()[2].split("  ")
    wanted = "#|+/-|MW|DA energy $|RT energy $|REGUP $|NSPIN $|total $|$/kW-mo|energy cov|AS cov"
    assert set(wanted.split("|")) <= {text.strip() for text in heading}


def test_tolled_batteries_are_listed_and_groups_say_how_many_they_have(tmp_path: Path) -> None:
    settings = write_home(tmp_path / "home")
    own = '{"contract": "tolled", "contract_source": "10-K 2025", "owner": "Oak"}'
    seen = {"data_through": date(2024, 12, 31), "edition": "final"}
    write_rows(
        settings, 2024, "leaderboard", [{**ALPHA, **seen, "rank": 1, "attributes": own}, {**BRAVO, **seen, "rank": 2}]
    )
    board = at_home(settings.home, "leaderboard", "2024").stdout
    assert "Tolled: the owner does not earn what the board says." in board
    assert "ALPHA_1: tolled, 10-K 2025" in board
    assert "BRAVO" not in at_home(settings.home, "leaderboard", "2024", "--only", "owner=oak").stdout
    groups = rows_of(at_home(settings.home, "leaderboard", "2024", "--by", "owner", "--format", "csv"))
    assert [(row["group"], row["batteries_tolled"]) for row in groups] == [("Oak", "1"), ("unknown", "0")]
    assert "Oak" in at_home(settings.home, "leaderboard", "2024", "--by", "owner").stdout
    assert "contract_source" in at_home(settings.home, "battery", "ALPHA_1").stdout
    assert "owner=NAME" in refused(settings.home, "leaderboard", "2024", "--only", "owner")


def test_a_board_may_be_shown_as_if_a_battery_had_another_size(bess) -> None:
    (row,) = [
        row
        for row in rows_of(bess("leaderboard", "2024", "--size", "ALPHA_1=50/75", "--format", "csv"))
        if row["battery"] == "ALPHA_1"
    ]
    assert (row["capacity_mw"], row["energy_mwh"], row["duration_hours"]) == ("50.0", "75.0", "1.5")
    assert "as if ALPHA_1=50" in bess("leaderboard", "2024", "--size", "ALPHA_1=50").stdout


def test_money_has_thousands_separators_and_unknown_is_a_dash(bess) -> None:
    lines = bess("leaderboard", "2024", width=80).stdout.splitlines()
    assert "4,000,003" in next(line for line in lines if "ALPHA_1" in line)
    assert next(line for line in lines if line.startswith("-  ZULU")).split()[-3:] == ["-", "-", "-"]


def test_batteries_not_ranked_stand_below_a_rule_with_the_reason_under_the_table(bess) -> None:
    lines = bess("leaderboard", "2024").stdout.splitlines()
    bravo = next(i for i, line in enumerate(lines) if " BRAVO " in line)
    assert set(lines[bravo + 1]) == {"-"}
    assert "ZULU" in lines[bravo + 2]
    assert any("charging unknown; energy coverage 0.000 below 0.95" in line for line in lines[bravo + 3 :])


def test_the_lines_under_the_table_say_what_the_figures_are(bess) -> None:
    text = " ".join(bess("leaderboard", "2024").stdout.split())
    below = ("2 ranked", "1 not ranked", "mean energy coverage 66.6%", "gross market revenue reconstructed")
    for words in ("final, data through 2024-12-31", *below):
        assert words in text


def test_text_from_the_data_cannot_steer_the_terminal(bess) -> None:
    for arguments in (["leaderboard", "2024"], ["battery", "ZULU_UNIT1"], ["sql", "SELECT battery FROM leaderboard"]):
        assert "\x1b" not in bess(*arguments).output


def test_csv_holds_every_column_and_unknown_as_an_empty_cell(bess) -> None:
    rows = rows_of(bess("leaderboard", "2024", "--format", "csv"))
    assert list(rows[0]) == [*TABLES["leaderboard"].column_names, "rank_change"]
    alpha, bravo, zulu = rows
    assert float(alpha["as_usd"]) == 1_000_000.1 + 2_000_000.2 + 3.3
    assert (alpha["da_energy_usd"], alpha["data_through"]) == ("1250000.125", "2024-12-31")
    assert bravo["settlement_point"] == """'=HYPERLINK("http://x"), "B\""""
    assert zulu["rank"] == zulu["total_usd"] == zulu["as_regup_da_usd"] == ""
    assert zulu["as_usd"] == "500000.0"


def test_json_holds_every_column_and_unknown_as_null(bess) -> None:
    rows = json.loads(bess("leaderboard", "2024", "--format", "json").stdout)
    assert list(rows[0]) == [*TABLES["leaderboard"].column_names, "rank_change"]
    assert rows[2]["total_usd"] is None
    assert (rows[0]["first_active_date"], rows[0]["rank_change"]) == ("2024-01-01", 1)


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1+1", "'=1"]
)
def test_no_text_of_a_csv_is_a_formula_and_json_has_it_exactly(bess, text: str) -> None:
    quoted = text.replace("'", "''")
    query = f"SELECT '{quoted}' AS name, -1.5 AS number, DATE '2024-01-01' AS day"
    (row,) = rows_of(bess("sql", query, "--format", "csv"))
    assert row == {"name": text if text.startswith("'") else f"'{text}", "number": "-1.5", "day": "2024-01-01"}
    assert json.loads(bess("sql", query, "--format", "json").stdout)[0]["name"] == text


def test_a_heading_of_a_csv_is_no_formula_either(bess) -> None:
    assert bess("sql", 'SELECT 1 AS "=1+1"', "--format", "csv").stdout.splitlines()[0] == "'=1+1"


@pytest.mark.parametrize("form", ["table", "csv", "json"])
@pytest.mark.parametrize("mark", ["\x1b[31m", "\x9b31m", "\u202e", "\u2066", "\x07"])
def test_no_format_hands_a_terminal_what_steers_it(bess, form: str, mark: str) -> None:
    result = bess("sql", f"SELECT 'ALPHA{mark}' AS name", "--format", form)
    assert mark[0] not in result.output
    if form == "json":
        assert json.loads(result.stdout)[0]["name"] == f"ALPHA{mark}"


def test_an_error_that_quotes_the_data_does_not_steer_the_terminal_either(bess) -> None:
    unknown = bess("battery", "ZULU", exit_code=2).stderr
    wrong = bess("sql", "SELECT CAST(battery AS DATE) FROM leaderboard WHERE rank IS NULL", exit_code=2).stderr
    assert "ZULU" in unknown
    assert "\x1b" not in unknown + wrong


def on_a_terminal(made: Settings, *arguments: str, **environment: str) -> str:
    """What a command prints on a terminal of its own."""
    code = f"import pty, sys; sys.exit(pty.spawn([sys.executable, '-m', 'bess_assets.cli', '--home', {str(made.home)!r}, *{list(arguments)!r}]) >> 8)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **environment},
        timeout=100,
    )
    return done.stdout.decode()


def test_colours_are_for_terminals_whose_user_wants_them(made: Settings, bess) -> None:
    arguments = ["leaderboard", "2024"]
    coloured = on_a_terminal(made, *arguments)
    assert "\x1b[1mLeaderboard 2024" in coloured
    plain_asked = [on_a_terminal(made, *arguments, **asked) for asked in ({"NO_COLOR": "1"}, {"TERM": "dumb"})]
    for plain in (*plain_asked, bess(*arguments, width=120).stdout):
        assert "\x1b" not in plain
        assert list(map(str.rstrip, plain.splitlines())) == list(map(str.rstrip, click.unstyle(coloured).splitlines()))
    assert "\x1b" not in on_a_terminal(made, *arguments, "--format", "csv")


def test_a_leaderboard_of_days_says_which(bess) -> None:
    result = bess("leaderboard", "--from", "2024-01-03", "--to", "2024-01-04")
    assert result.stdout.startswith("Leaderboard 2024-01-03 to 2024-01-04 (final")
    assert " +/- " not in result.stdout.splitlines()[2]
    one_day = bess("leaderboard", "--from", "2024-01-03", "--to", "2024-01-03")
    assert one_day.stdout.startswith("Leaderboard 2024-01-03 (")
    rows = json.loads(bess("leaderboard", "--from", "2024-01-03", "--to", "2024-01-04", "--format", "json").stdout)
    assert (rows[0]["first_day"], rows[0]["battery"], rows[0]["total_usd"]) == ("2024-01-03", "ALPHA_1", 7.0)


def test_csv_and_table_have_the_same_batteries_in_the_order_asked_for(bess) -> None:
    first = ("leaderboard", "2023", "--sort", "battery", "--top", "1")
    assert [row["battery"] for row in rows_of(bess(*first, "--format", "csv"))] == ["ALPHA_1"]
    table = bess(*first).stdout
    assert ("ALPHA_1" in table, "BRAVO" in table) == (True, False)


def test_the_first_rows_are_said_to_be_so_and_the_figures_below_are_of_all(bess) -> None:
    text = bess("leaderboard", "2024", "--top", "1").stdout
    assert "BRAVO" not in text.split("The first")[0]
    assert "The first 1 of 3 batteries" in text
    assert "2 ranked" in text
    assert "1 not ranked" in text


def test_the_change_of_rank_is_explained_where_it_is_shown(bess) -> None:
    for width, shown in ((220, True), (80, False)):
        text = bess("leaderboard", "2024", width=width).stdout
        assert (" +/- " in text.splitlines()[2]) == shown
        assert ("change of rank since the year before" in " ".join(text.split())) == shown


def test_a_month_is_named_in_the_title_and_one_without_rows_is_said_to_be_so(bess) -> None:
    assert bess("leaderboard", "2024", "--month", "2").stdout.startswith("Leaderboard February 2024 (final")
    assert "no battery has a row" in bess("leaderboard", "2024", "--month", "12").stdout


@pytest.mark.parametrize(("arguments", "words"), [
    (["leaderboard", "2022"], "Run: bess refresh 2022"), (["leaderboard", "2024", "--sort", "totl_usd"], "total_usd"),
    (["leaderboard", "2024", "--month", "13"], "13 is not in the range"), (["leaderboard", "twenty"], "twenty"),
    (["leaderboard", "--from", "2024-01-03"], "go together"),
    (["leaderboard", "2024", "--from", "2024-01-03", "--to", "2024-01-04"], "go together"),
    (["leaderboard", "--from", "2024-01-03", "--to", "2025-01-04"], "Run: bess refresh 2025"),
    (["leaderboard", "--from", "2024-13-03", "--to", "2025-01-04"], "no day"), (["battery", "ALPHA"], "ALPHA_1"),
    (["battery", "ALPHA_1", "2024", "--day", "2023-05-01"], "2023-05-01 is no day of 2024"),
    (["battery", "ALPHA_1", "2022"], "Run: bess refresh 2022"),
    (["leaderboard", "2024", "--only", "strategy=energi"], "No battery of this board has strategy energi."),
    (["plot", "cumulative"], "bess plot cumulative needs names of batteries."),
    (["plot", "stack", "ALPHA_1", "--day", "2024-05-01"], "needs the name of one battery and no --day"),
    (["sql", "DROP TABLE leaderboard"], "one SELECT statement"),
    (["sql", "SELECT nonsense FROM leaderboard"], "nonsense"), (["refresh", "2024-2021"], "runs backwards"),
    (["refresh"], "BESS_ROLLUPS"), (["nothing"], "No such command"),
])  # fmt: skip
def test_what_the_user_can_put_right_ends_with_exit_code_2_and_a_message_on_the_error_stream(bess, arguments, words):
    result = bess(*arguments, exit_code=2)
    assert result.stdout == ""
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@contextmanager
def changed_record(settings: Settings, year: int, table: str, **values: str):
    """Another value in a table's entry of a run record."""
    record = run_record_path(settings.results, year)
    before = record.read_text(encoding="utf-8")
    content = read_sealed(record)
    content["tables"][table] |= values
    write_json(record, content)
    try:
        yield
    finally:
        record.write_text(before, encoding="utf-8")


def test_figures_older_than_a_failed_refresh_come_with_a_warning_on_the_error_stream(bess, made: Settings) -> None:
    with changed_record(made, 2024, "daily_revenue", status="failed"):
        result = bess("leaderboard", "2024", "--format", "csv")
    assert "failed at daily_revenue" in result.stderr
    assert "warning" not in result.stdout


# --- editions
FORMULA_AND_ESCAPE = "=1+1\x1b[31m"


@pytest.fixture(scope="module")
def restated(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with one edition of 2023 and two of 2024, between which a price file changed and one battery of an awkward name moved."""
    settings = load_settings(tmp_path_factory.mktemp("restated"), {})
    board = [{**ALPHA, "rank": 1}, {**BRAVO, "rank": 2, "battery": FORMULA_AND_ESCAPE}]
    files = {"rt_prices/<b>2024.parquet": "before", "sced_gen_resources/2024.parquet": "same"}
    write_edition(settings, 2023, board, files)
    write_edition(settings, 2024, board, files)
    board[1] |= {"rt_energy_usd": 10.5, "energy_usd": 10.5, "total_usd": 500_010.5}
    write_edition(settings, 2024, board, {**files, "rt_prices/<b>2024.parquet": "after"})
    return settings


@pytest.fixture
def changes(restated: Settings, monkeypatch: pytest.MonkeyPatch):
    """Calls `bess changes` on that home."""
    return caller(restated.home, monkeypatch, "changes")


@pytest.mark.parametrize("width", [80, 140])
def test_changes_show_the_editions_who_moved_by_how_much_and_because_of_which_file(changes, width: int) -> None:
    lines = changes("2024", width=width).stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "Editions of the leaderboard 2024"
    first, second = (next(line.split() for line in lines if line.startswith(f"{n}  ")) for n in (1, 2))
    assert (first[3], first[-1], second[-1]) == ("final", "4,500,003", "4,500,014")
    assert "  2: inputs that changed: rt_prices/<b>2024.parquet" in lines
    moved = next(line for line in lines if line.startswith("=1+1"))
    assert "\x1b" not in "".join(lines)
    assert "10.50" in moved.split()
    text = " ".join(" ".join(lines).split())
    assert "energy_usd, total_usd; because: rt_prices/<b>2024.parquet has changed" in text
    assert "sced_gen_resources" not in text


def test_changes_as_csv_are_the_table_with_names_disarmed_and_as_json_the_editions_too(changes) -> None:
    (row,) = rows_of(changes("2024", "--format", "csv"))
    assert list(row) == TABLES["what_changed"].column_names
    assert row["battery"] == "'=1+1?[31m"
    assert (row["total_usd_change"], row["as_usd_change"]) == ("10.5", "0.0")
    told = json.loads(changes("2024", "--format", "json").stdout)
    assert told["year"] == 2024
    assert [edition["edition_number"] for edition in told["editions"]] == [1, 2]
    assert told["editions"][0]["changed_inputs"] is None
    assert told["editions"][1]["inputs"]["rt_prices/<b>2024.parquet"] == "after"
    assert told["what_changed"][0]["battery"] == FORMULA_AND_ESCAPE


def test_one_edition_has_nothing_to_be_compared_with_and_none_is_an_error_with_the_remedy(changes) -> None:
    assert changes("2023").stdout.splitlines()[-1] == "One edition: there is no earlier one to compare it with."
    assert "bess refresh 2022" in changes("2022", exit_code=2).stderr


def test_an_edition_in_which_no_battery_moved_says_so(changes, restated: Settings) -> None:
    board = [{**ALPHA, "rank": 1, "edition": edition} for edition in ("preliminary", "final")]
    for row in board:
        write_edition(restated, 2021, [row], {})
    assert changes("2021").stdout.splitlines()[-1] == "No battery moved between editions 1 and 2."


def test_changes_older_than_a_failed_refresh_come_with_a_warning(changes, restated: Settings) -> None:
    write_edition(restated, 2020, [{**ALPHA, "rank": 1}], {})
    entry = read_run(restated.results, 2020)["tables"]["leaderboard"]
    record_table(restated.results, 2020, "leaderboard", {**entry, "status": "failed"})
    assert "failed at leaderboard" in changes("2020").stderr


# --- battery and sql
def test_a_battery_is_shown_with_its_years_months_and_best_days(bess) -> None:
    lines = bess("battery", "alpha_ld1").stdout.splitlines()
    assert lines[0] == "ALPHA_1"
    assert sum(line.startswith(("2023  ", "2024  ")) for line in lines) == 2
    assert any(line.startswith("Months of 2024") for line in lines)
    assert any(line.startswith("2024-01-14") for line in lines)


def test_the_csv_of_a_battery_has_a_row_for_each_year_and_month(bess) -> None:
    rows = rows_of(bess("battery", "ALPHA_1", "--format", "csv"))
    assert [(row["year"], row["month"]) for row in rows] == [(y, m) for y in ("2023", "2024") for m in ("", "1", "2")]


def test_the_json_of_a_battery_has_years_months_and_best_days(bess) -> None:
    found = json.loads(bess("battery", "ALPHA_1", "2024", "--format", "json").stdout)
    assert found["battery"] == "ALPHA_1"
    assert [len(found[part]) for part in ("years", "months", "best_days")] == [1, 2, 10]


def test_a_battery_is_shown_with_the_streams_of_its_latest_year(bess) -> None:
    lines = bess("battery", "ALPHA_1").stdout.splitlines()
    begin = lines.index("Streams of 2024")
    streams = {line.split("  ")[0]: line for line in lines[begin + 3 : lines.index("", begin)]}
    assert list(streams)[:3] == ["day-ahead energy", "real-time energy", "regulation up"]
    assert streams["day-ahead energy"].split()[-3:] == ["1,250,000", "-", "29.4%"]
    assert streams["real-time energy"].split()[-1] == "0.0%"
    assert streams["total"].split()[1] == "4,000,003"


def test_sql_answers_in_every_format(bess) -> None:
    query = "SELECT year, battery, total_usd FROM leaderboard WHERE year = 2024 ORDER BY total_usd DESC NULLS LAST"
    assert "4,000,003.225" in bess("sql", query).stdout
    assert bess("sql", query, "--format", "csv").stdout.splitlines()[0] == "year,battery,total_usd"
    assert json.loads(bess("sql", query, "--format", "json").stdout)[2]["total_usd"] is None


def test_sql_names_the_columns_that_do_not_fit(bess) -> None:
    text = " ".join(bess("sql", "SELECT * FROM leaderboard", width=80).stdout.split())
    assert "Not shown, for lack of width:" in text


def test_sql_shows_the_first_rows_of_many_and_says_so(bess) -> None:
    assert "(the first 1,000 rows; --format csv gives all)" in bess("sql", "SELECT * FROM range(1001)").stdout
    assert len(bess("sql", "SELECT * FROM range(1001)", "--format", "csv").stdout.splitlines()) == 1002


# --- a simulated year, settled
@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home made by the demo itself, in a process, as a user would: two batteries, one year."""
    home = tmp_path_factory.mktemp("demo") / "home"
    made = in_a_process("demo", "--home", home, "--years", "2021", "--batteries", "2")
    (home / "printed.txt").write_text(made.stdout, encoding="utf-8")
    (home / "progress.txt").write_text(made.stderr, encoding="utf-8")
    return home


def test_the_demo_ends_with_a_leaderboard_and_says_where_to_go_on(demo_home: Path) -> None:
    printed = (demo_home / "printed.txt").read_text(encoding="utf-8")
    page = demo_home / "results" / "leaderboard_report" / "2021" / "leaderboard_2021.html"
    tables = f"{demo_home}/results/<table>/<year>.parquet"
    for words in (
        "Leaderboard 2021",
        "Made-up data",
        f"bess --home {demo_home} ui",
        str(page),
        tables,
        "takes about 10 s",
    ):
        assert words in printed
    assert "<title>ERCOT battery leaderboard 2021</title>" in page.read_text(encoding="utf-8")


def test_a_demo_ends_at_a_fixed_day_that_is_past(demo_home: Path) -> None:
    last_day = json.loads((demo_home / "rollups" / MARKER).read_text(encoding="utf-8"))["market"]["last_day"]
    assert last_day == "2026-08-31" < datetime.now(tz=UTC).date().isoformat()


def test_without_a_terminal_progress_is_a_line_now_and_then_on_the_error_stream(demo_home: Path) -> None:
    progress = (demo_home / "progress.txt").read_text(encoding="utf-8").splitlines()
    assert progress[0].startswith("simulating ")
    assert any(line.startswith("2021: ") and "tables done" in line for line in progress)
    assert len(progress) < 20, "not one a table"
    assert not any("\x1b" in line or "Traceback" in line for line in progress)


def test_progress_says_the_time_that_is_left_once_some_of_the_work_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with long_work() as tell:
        tell("1 of 10 files", 0.1)
        tell("2 of 10 files", 0.2)
    assert capsys.readouterr().err == "1 of 10 files, about 0 s left\n"


def test_the_demos_leaderboard_is_the_right_answer_to_a_cent(demo_home: Path, tmp_path: Path) -> None:
    assert not (demo_home / "truth").exists(), "a demo does not wait for the answer"
    (tmp_path / "rollups").symlink_to(demo_home / "rollups")
    write_right_answer(tmp_path, Market((2021,), 2, 1, "flawless"))
    board = rows_of(at_home(demo_home, "leaderboard", "2021", "--format", "csv"))
    with (tmp_path / "truth" / "leaderboard_2021.csv").open(encoding="utf-8") as file:
        truth = {row["battery"]: row for row in csv.DictReader(file)}
    assert sorted(row["battery"] for row in board) == sorted(truth)
    for row in board:
        right = truth[row["battery"]]
        for name in (name for name in right if name.endswith("_usd")):
            assert (row[name] == "") == (right[name] == ""), name
            if right[name]:
                assert float(row[name]) == pytest.approx(float(right[name]), abs=0.01), name


def test_a_demo_repeated_makes_nothing_again(demo_home: Path) -> None:
    def files() -> dict[Path, int]:
        paths = [p for folder in ("rollups", "results") for p in (demo_home / folder).rglob("*") if p.is_file()]
        return {path: path.stat().st_mtime_ns for path in paths}

    before = files()
    again = at_home(demo_home, "demo", "--years", "2021", "--batteries", "2")
    assert "Leaderboard 2021" in again.stdout
    assert files() == before


def test_a_demo_looks_at_no_rollups_or_results_outside_its_home(demo_home, tmp_path, monkeypatch):
    for name in ("BESS_ROLLUPS", "BESS_RESULTS", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    at_home(demo_home, "demo", "--years", "2021", "--batteries", "2")
    assert list(tmp_path.iterdir()) == []


REPORTS_REFUSED = ["report that the simulator did not write", "BESS_REPORTS"]


@pytest.mark.parametrize(("name", "commands", "words"), [
    ("rollups/RT_prices/2021.parquet", (["demo"], ["simulate", "."]), ["did not write"]),
    ("reports/dam.csv", (["simulate", ".", "--format", "reports"],), REPORTS_REFUSED),
    ("reports/2021/DAM.ZIP", (["simulate", ".", "--format", "reports"],), REPORTS_REFUSED),
])  # fmt: skip
def test_a_file_that_the_simulator_did_not_write_is_never_touched(tmp_path, monkeypatch, name, commands, words):
    monkeypatch.chdir(tmp_path)
    theirs = tmp_path / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("real prices", encoding="utf-8")
    for command in commands:
        result = at_home(tmp_path, *command, exit_code=2)
        assert all(text in result.stderr for text in words)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [theirs]
    assert theirs.read_text(encoding="utf-8") == "real prices"


def test_a_market_whose_prices_are_histories_is_another_one_and_has_no_price_reports(tmp_path: Path) -> None:
    daily = Market((2021,), 1, 1, "none", "reports", last_day=date(2021, 1, 3))
    yearly = replace(daily, prices="histories")
    assert [write_market(tmp_path, market) for market in (daily, yearly, yearly)] == [True, True, False]
    folders = {path.relative_to(tmp_path / "reports").parts[0] for path in (tmp_path / "reports").rglob("*.zip")}
    assert {name for name in folders if "Price" in name} == {"Price_Histories"}
    titles = {path.name.split("_")[0] for path in (tmp_path / "reports" / "Price_Histories").iterdir()}
    assert titles == {"DAMASMCPC", "DAMLZHBSPP", "RTMLZHBSPP"}
    assert "goes with --format reports" in refused(tmp_path, "simulate", str(tmp_path), "--prices", "histories")


@pytest.mark.slow
def test_a_market_is_written_as_reports_and_as_rollups_with_one_right_answer(tmp_path: Path) -> None:
    arguments = ("simulate", str(tmp_path), "--years", "2021", "--batteries", "1", "--hazards", "none")

    def simulate(*more: str) -> str:
        return at_home(tmp_path, *arguments, *more).stdout

    def files() -> dict[Path, tuple[int, bytes]]:
        return {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file()}

    said = simulate("--format", "reports")
    assert f"Reports: {tmp_path / 'reports'}" in said
    assert f"bess --home {tmp_path} rollup && bess --home {tmp_path} refresh" in said
    written = files()
    assert {path.relative_to(tmp_path).parts[0] for path in written} == {"reports", "truth"}
    assert "there already" in simulate("--format", "reports")
    assert files() == written
    # The other form of the same market may lie beside it; another market may not, for its answer would replace this one's.
    assert "another made-up market" in refused(tmp_path, *arguments, "--seed", "2")
    assert files() == written
    simulate()
    both = files()
    assert {path: both[path][1] for path in written} == {path: content for path, (_, content) in written.items()}
    # Another market in the same form replaces it, but for a file that somebody put there.
    theirs = tmp_path / "reports" / "60-Day_DAM_Disclosure_Reports" / "2021" / "theirs.csv"
    theirs.write_text("real", encoding="utf-8")
    assert "did not write" in refused(tmp_path, *arguments, "--format", "reports", "--seed", "2")
    assert files().keys() == both.keys() | {theirs}


def test_a_simulated_rollup_that_somebody_changed_is_never_overwritten(tmp_path: Path) -> None:
    def write(batteries: int) -> bool:
        return write_market(tmp_path, Market((2021,), batteries, 1, "none"))

    assert write(1)
    assert not write(1)
    changed = tmp_path / "rollups" / "AS_prices" / "2021.parquet"
    changed.write_text("real prices", encoding="utf-8")
    with pytest.raises(BessError, match="did not write"):
        write(2)
    assert changed.read_text(encoding="utf-8") == "real prices"


@pytest.mark.slow
def test_an_interrupted_simulation_is_made_anew(tmp_path: Path) -> None:
    market = Market((2021,), 1, 1, "none")

    def stop(text: str) -> None:
        if "writing" in text:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_market(tmp_path, market, stop)
    assert write_market(tmp_path, market)
    assert not write_market(tmp_path, market)


def test_a_home_of_real_results_is_refused_by_the_demo(made: Settings) -> None:
    assert "results that no demo made" in refused(made.home, "demo")
    assert not (made.home / "rollups").exists()


def test_status_says_what_is_there_and_what_the_data_lack(demo_home: Path) -> None:
    text = " ".join(at_home(demo_home, "status").stdout.split())
    states = ("rt_prices found", "leaderboard present", "bess_fleet (all years): present")
    gaps = "missing days, no figure affected (operating days of the year for which the dataset holds no row) sced_smne"
    for words in (f"home {demo_home}", *states, gaps):
        assert words in text


def test_status_shows_the_columns_of_each_dataset_by_year(demo_home: Path) -> None:
    lines = at_home(demo_home, "status", "--columns").stdout.splitlines()
    assert lines[0].startswith("yes: in every file that the year reads; part: in some of them")
    start = next(i for i, line in enumerate(lines) if line.startswith("sced_gen_resources "))
    assert lines[start].split() == ["sced_gen_resources", "2021"]
    cells = {line.split()[0]: line.split()[-1] for line in lines[start + 2 : start + 12] if line}
    assert (cells["output_mw"], cells["resource_name"]) == ("yes", "yes")
    assert "known, not used, and there in every year: " in " ".join(lines)
    assert "bess status --columns DATASET" in lines[-2]


def test_status_shows_every_column_of_the_datasets_named(demo_home: Path) -> None:
    text = at_home(demo_home, "status", "--columns", "DAM_Gen_Resources", "sced_smne", "rt_as_prices").stdout
    shown = [line.split()[0] for line in text.splitlines() if line.endswith("  2021")]
    assert shown == ["dam_gen_resources", "sced_smne"]
    assert "rt_as_prices: no year that has been refreshed has a file of it" in text
    refused(demo_home, "status", "--columns", "prices")
    assert "bess status --columns rt_prices" in refused(demo_home, "status", "rt_prices")


def test_status_says_how_to_get_the_columns_and_when_they_are_old(demo_home: Path, tmp_path: Path) -> None:
    assert "Run: bess refresh" in refused(tmp_path, "status", "--columns")
    assert at_home(demo_home, "status", "--columns").stderr == ""
    with changed_record(load_settings(demo_home, {}), 2021, "rollup_schemas", digest="0"):
        old = at_home(demo_home, "status", "--columns")
    assert "older than the schemas it was merged from (rollup_schemas/2021 has changed)" in old.stderr


def test_status_says_what_rollups_and_tables_take_on_disk(demo_home: Path) -> None:
    lines = at_home(demo_home, "status", "--storage").stdout.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines if line.strip()}
    folder = demo_home / "results" / "energy_revenue"
    size = (folder / "2021.parquet").stat().st_size / 1e6
    assert rows["energy_revenue"] == [f"{size:.1f}", f"{size:.1f}", "-"]
    assert rows["rollup"][-3:] == ["all", "2021", "2022"]  # the 60-day files of 2022 hold the end of 2021
    assert "AS_prices" in rows
    assert rows["results"][1:] == ["MB", str(demo_home / "results")]
    assert float(rows["results"][0]) > size


def test_a_dry_run_says_what_and_why_and_does_nothing(demo_home: Path) -> None:
    record = demo_home / "results" / "_runs" / "2021.json"
    before = record.read_bytes()
    changed = demo_home / "rollups" / "AS_prices" / "2021.parquet"
    content = changed.read_bytes()
    changed.write_bytes(content + b"more")
    try:
        text = at_home(demo_home, "refresh", "--only", "changed", "--dry-run").stdout
    finally:
        changed.write_bytes(content)
    assert "2021: would refresh 19 of 24 tables" in text
    assert "changed (as_prices/2021.parquet has changed): rollup_schemas, bess_awards" in text
    assert record.read_bytes() == before
    unchanged = at_home(demo_home, "refresh", "--only", "changed", "--dry-run").stdout
    assert "2021: nothing to do for --only changed" in unchanged


def test_a_bad_year_does_not_stop_the_next_and_the_exit_code_is_1(demo_home: Path, monkeypatch) -> None:
    board = demo_home / "results" / "leaderboard" / "2021.parquet"
    before = board.read_bytes()
    board.unlink()
    monkeypatch.setenv("COLUMNS", "100")
    done = at_home(demo_home, "refresh", "2019", "2021", "--only", "missing", exit_code=1)
    rows = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["2019", "failed"] in rows
    assert ["2021", "refreshed"] in rows
    assert "2019 failed: There is no rollup of 2019." in done.stdout
    assert not [*(demo_home / "results").rglob("2019*")], "nothing of it is left behind"
    assert "Traceback" not in done.stderr
    assert board.read_bytes() == before


def test_a_year_that_another_process_holds_is_said_to_be_busy(demo_home: Path) -> None:
    with held_elsewhere(demo_home, 2021) as process:
        assert f"process {process} " in at_home(demo_home, "refresh", "2021", exit_code=1).stdout


@pytest.mark.slow
def test_an_interrupted_refresh_stops_and_goes_on_to_no_other_year(demo_home: Path) -> None:
    board = demo_home / "results" / "leaderboard" / "2021.parquet"
    before = board.read_bytes()
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(demo_home), "refresh", "2021", "2022"]
    how = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True, "start_new_session": True}
    with subprocess.Popen(command, **how) as stopped:
        assert stopped.stderr.readline().startswith("2021: ")
        stopped.send_signal(signal.SIGINT)
        rest = stopped.stderr.read()
    assert stopped.returncode == 130, rest
    assert "2022" not in rest
    assert board.read_bytes() == before
    in_a_process("--home", demo_home, "refresh", "2021")


@pytest.mark.slow
def test_a_check_that_blocks_is_the_first_cause_and_makes_the_exit_code_1_and_a_whole_year_has_none(
    demo_home, tmp_path
):
    home = tmp_path / "home"
    shutil.copytree(demo_home, home)
    board = home / "results" / "leaderboard" / "2021.parquet"
    board.unlink()
    in_a_process("--home", home, "refresh", "2021", "--only", "missing")
    ledger = home / "results" / "energy_revenue" / "2021.parquet"
    rows = pq.read_table(ledger)
    column = rows.schema.get_field_index("rt_usd")
    pq.write_table(rows.set_column(column, rows.schema.field(column), pc.add(rows.column(column), 1.0)), ledger)
    # as if the ledger had been written so, and the days been made from it
    entry = read_run(home / "results", 2021)["tables"]["energy_revenue"]
    record_table(home / "results", 2021, "energy_revenue", {**entry, "files": {ledger.name: fingerprint(ledger)}})
    board.unlink()
    blocked = in_a_process("--home", home, "refresh", "2021", "--only", "missing", COLUMNS="200", ends=1)
    assert "1. 2021: leaderboard: rt_energy_usd is " in " ".join(blocked.stdout.split())
    status = at_home(home, "status").stdout
    assert "its check 'fleet sums equal those of the ledgers' failed" in " ".join(status.split())
    assert "worst first" not in in_a_process("--home", home, "refresh", "2021", COLUMNS="200").stdout


def test_a_missing_board_that_waits_for_a_damaged_ledger_is_named(demo_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(demo_home, home)
    (home / "results" / "energy_revenue" / "2021.parquet").write_bytes(b"half a file")
    (home / "results" / "leaderboard" / "2021.parquet").unlink()
    words = "2021: leaderboard waits for tables in another state: bess refresh 2021"
    for options in (["--dry-run"], []):
        assert words in at_home(home, "refresh", "2021", "--only", "missing", *options).stdout


@pytest.mark.parametrize("year", ["2018", "2999"])
@pytest.mark.parametrize("options", [[], ["--dry-run"], ["--only", "changed"]])
def test_a_year_that_cannot_be_settled_is_refused_at_once(demo_home: Path, year: str, options: list[str]) -> None:
    assert f"{year} is no year that can be settled" in refused(demo_home, "refresh", year, *options)


@pytest.mark.slow
def test_a_demo_leaves_results_alone_that_were_made_of_other_rollups(demo_home: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    shutil.copytree(demo_home / "rollups", theirs)
    home = tmp_path / "home"
    shutil.copytree(demo_home, home)
    path = theirs / "AS_prices" / "2021.parquet"
    prices = pq.read_table(path)
    pq.write_table(prices.slice(0, prices.num_rows - 5), path)
    in_a_process("--home", home, "refresh", "2021", BESS_ROLLUPS=str(theirs))
    assert "results that no demo made" in refused(home, "demo", "--years", "2021", "--batteries", "2")


@pytest.mark.slow
def test_a_killed_refresh_is_cleaned_up_by_the_next(demo_home: Path) -> None:
    board = demo_home / "results" / "leaderboard" / "2021.parquet"
    before = board.read_bytes()
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(demo_home), "refresh", "2021"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as dying:
        assert dying.stderr.readline().startswith("2021: ")
        dying.kill()
    half_written = demo_home / "results" / "bess_awards" / ".2021.parquet.1-abc.tmp"
    half_written.write_text("half", encoding="utf-8")
    assert board.read_bytes() == before
    status = at_home(demo_home, "status").stdout
    assert "The process of its last run ended before it was made" in status
    finished = in_a_process("--home", demo_home, "refresh", "2021", "--only", "failed")
    assert "2021  refreshed" in finished.stdout
    assert not half_written.exists()
    assert "ended before it was made" not in at_home(demo_home, "status").stdout
    assert board.read_bytes() == before
    last_two = "SELECT status FROM runs WHERE pipeline_name = 'refresh_year' ORDER BY id DESC LIMIT 2"
    with sqlite3.connect(f"file:{demo_home}/dagster/history/runs.db?mode=ro", uri=True) as runs:
        assert runs.execute(last_two).fetchall() == [("SUCCESS",), ("FAILURE",)]


# --- the UI
def test_a_port_in_use_is_said_to_be_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert f"Port {port} is taken" in refused(tmp_path, "ui", "--port", str(port))
    assert list(tmp_path.iterdir()) == []


# --- settings
@pytest.mark.parametrize(("variable", "values"), [
    ("BESS_MEMORY_LIMIT", ["2", "0GB"]), ("BESS_THREADS", ["0", "two"]),
    ("BESS_QUERY_TIMEOUT", ["0", "inf", "nan", "soon"]), ("BESS_AUTOMATION", ["maybe"]), ("BESS_PERFECT", ["98"]),
    ("BESS_DAILY_AT", ["24:00", "7"]), ("BESS_WEBHOOK", ["ftp://host"]), ("BESS_HOME", ["s3://bucket"]),
    ("BESS_REGISTRY", ["/path/to/nothing.csv"]),
])  # fmt: skip
def test_a_setting_that_cannot_be_read_is_named(variable: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(SettingsError, match=variable):
            load_settings(None, {variable: value})


# --- the process
def loaded_by(settings: Settings, *arguments: str) -> set[str]:
    """Modules that a command loads."""
    code = (
        "import sys; from bess_assets.cli import main\n"
        f"main(['--home', {str(settings.home)!r}, *{list(arguments)!r}], standalone_mode=False)\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


HEAVY = {"dagster", "pandas", "numpy", "pyarrow", "rich"}


def test_changes_load_click_and_duckdb_and_nothing_heavy(restated: Settings) -> None:
    assert loaded_by(restated, "changes", "2024") & HEAVY == set()


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_a_leaderboard_loads_click_and_duckdb_and_nothing_heavy(made: Settings, form: str) -> None:
    modules = loaded_by(made, "leaderboard", "2024", "--format", form)
    assert modules & HEAVY == set()
    ours = {name.removeprefix("bess_assets.") for name in modules if name.startswith("bess_assets.")}
    parts = ("groups", "metrics", "pairing", "strategy")
    totals = {"settlement", *(f"settlement.{name}" for name in parts)}  # of the line below the table
    assert (totals & ours == totals) == (form == "table")
    assert " ".join(sorted(ours - {"store", "store.listing"} - totals)) == (
        "cli cli.answers cli.render ercot ercot.products errors results "
        "results.answers results.asked results.cache results.engine results.queries results.statements results.watch settings store.fingerprint store.whole text"
    )


def test_an_error_has_no_traceback_unless_asked_for(made: Settings) -> None:
    plain = in_a_process("--home", made.home, "leaderboard", "2022", ends=2)
    assert plain.stdout == ""
    assert plain.stderr.startswith("error: 2022 has no leaderboard yet.")
    shown = in_a_process("leaderboard", "2022", "--home", made.home, "--debug", ends=1)
    assert "Traceback" in shown.stderr


def test_a_reader_that_goes_away_is_no_error(made: Settings) -> None:
    command = f"{sys.executable} -m bess_assets.cli --home '{made.home}' sql 'SELECT * FROM range(200000)' --format csv"
    piped = ["bash", "-c", f"set -o pipefail; {command} | head -1"]
    done = subprocess.run(piped, capture_output=True, text=True, check=False, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n", "")


def test_the_version_is_that_of_the_package_and_of_a_checkout_its_commit() -> None:
    import bess_assets

    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    said = click.testing.CliRunner().invoke(main, ["--version"]).stdout
    version, commit = re.fullmatch(r"bess (\S+) \(commit (\w+)(?:, changed)?\)\n", said).groups()
    assert (version, commit) == (bess_assets.__version__, head[:9] or "unknown")


# --- reports
def test_reports_become_rollups_and_what_cannot_be_used_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    reports = tmp_path / "reports"
    put(reports / "a.csv", text(DA_SPP, [price("01/01/2024", hour, 20) for hour in range(1, 25)]))
    cut = put(reports / "cdr.00012331.0000000000000000.20240102.123005.DAMSPNP4190_csv.zip", b"PK cut")
    home = tmp_path / "home"
    result = at_home(home, "rollup", str(reports), "--year", "2024", exit_code=1)
    assert "1 of 2 files: a.csv" in result.stderr
    lines = result.stdout.splitlines()
    assert " ".join(lines[2].split()) == "da_prices 2024 1 1 24 0 2024-01-01 2024-01-01 incomplete, written"
    assert any(f"{cut.name}: no whole ZIP file" in line for line in lines)
    assert (home / "built" / "DA_prices" / "2024.manifest.json").is_file()
    cut.unlink()
    again = at_home(home, "rollup", str(reports))
    assert again.stdout.splitlines()[2].split()[-1] == "complete"
    storage = at_home(home, "status", "--storage")
    assert storage.stdout.splitlines()[2].split()[:4] == ["da_prices", "2024", "built", "1"]
    assert "built from reports" in storage.stdout


def test_the_status_names_reports_that_are_gone_or_cannot_be_opened(tmp_path: Path) -> None:
    report = put(tmp_path / "reports" / "a.csv", text(DA_SPP, [price("01/01/2024", hour, 20) for hour in range(1, 25)]))
    at_home(tmp_path, "rollup")
    assert "cannot be opened" not in at_home(tmp_path, "status").stderr
    report.unlink()
    put(tmp_path / "reports" / "untold.zip", b"PK cut")
    said = at_home(tmp_path, "status").stderr
    assert "gone; their rows stay in the rollups: a.csv" in said
    assert "cannot be opened; bess rollup says why: untold.zip" in said


def test_reports_that_newer_ones_supersede_are_counted_and_named_where_only_the_time_of_a_file_orders_them(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "200")
    for posted, value in (("20240510", 30), ("20240520", 130)):
        name = f"cdr.00012331.0000000000000000.{posted}.123000000.DAMSPNP4190.csv"
        put(tmp_path / "reports" / name, text(DA_SPP, [price("05/08/2024", 1, value)]), seconds=1_000)
    said = at_home(tmp_path, "rollup").stdout
    assert "newer reports superseded rows of earlier ones 1 times: bess changes YEAR lists them" in said
    assert " superseded cdr" not in said
    put(tmp_path / "reports" / "DAMSPNP4190_20240508.csv", text(DA_SPP, [price("05/08/2024", 1, 40)]), seconds=2_000)
    assert "superseded DAMSPNP4190_20240508.csv: 1 rows; only the time of a file" in at_home(tmp_path, "rollup").stdout


def test_a_roll_up_without_reports_says_what_to_do(tmp_path: Path) -> None:
    result = at_home(tmp_path, "rollup", exit_code=2)
    assert "There is no folder of reports." in result.stderr
    assert "BESS_REPORTS" in result.stderr


def test_a_folder_without_a_report_that_is_known_fails_and_names_its_files(tmp_path: Path) -> None:
    put(tmp_path / "reports" / "mine.csv", "a,b\n1,2\n")
    result = at_home(tmp_path, "rollup", exit_code=2)
    assert "left aside, 1 (mine.csv): no report that is known; its headings are a, b" in result.stdout
    assert "There is no report to roll up among 1 files." in result.stderr


def test_without_a_year_the_latest_board_is_shown_and_an_unknown_column_names_the_known_ones(
    demo_home: Path, tmp_path: Path
) -> None:
    years = sorted(int(path.stem) for path in (demo_home / "results" / "leaderboard").glob("*.parquet"))
    assert f"Leaderboard {years[-1]}" in at_home(demo_home, "leaderboard").stdout
    assert "Its columns: rank, battery, " in refused(demo_home, "leaderboard", "--sort", "foo").replace("\n", " ")
    assert "Nothing has been refreshed yet." in refused(tmp_path, "leaderboard")


def test_help_lists_the_commands_in_the_order_of_use_and_each_has_its_own() -> None:
    text = click.testing.CliRunner().invoke(main, ["--help"]).stdout
    commands = [line.split()[0] for line in text.split("Commands:")[1].splitlines() if line.strip()]
    assert (
        " ".join(commands)
        == "demo simulate start fetch rollup refresh status verify compare-csv reconcile leaderboard index battery battery-table plot changes rows sql site serve ui"
    )
    for command in commands:
        assert click.testing.CliRunner().invoke(main, [command, "--help"]).exit_code == 0, command


def test_status_tells_built_rollups_from_found_ones_and_misses_nothing_that_no_figure_needs(tmp_path: Path) -> None:
    put(tmp_path / "reports" / "a.csv", text(DA_SPP, [price("01/01/2024", 1, 20)]))
    at_home(tmp_path, "rollup")
    lines = at_home(tmp_path, "status").stdout.splitlines()
    cells = {line.split()[0]: line.split()[-1] for line in lines if line.split()}
    assert (cells["da_prices"], cells["rt_prices"], cells["sasm_as_offers"]) == ("built", "absent", "-")
    (missing,) = (line for line in lines if "no rollup file" in line)
    assert "sasm_as_offers" not in missing
