"""Names from the data stay text wherever they go: SQL, the terminal, CSV, JSON, the page, the workbook, paths."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import unicodedata
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click.testing
import openpyxl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bess_assets.cli import main
from bess_assets.report.content import WHY
from bess_assets.report.files import write_report
from bess_assets.results import Results
from bess_assets.results.engine import literal
from bess_assets.run import run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fingerprint import Fingerprint
from bess_assets.store.paths import files_of
from bess_assets.tables import LEADERBOARD_REPORT
from bess_assets_tests.ercot.report_samples import DA_SPP, price, put, text
from bess_assets_tests.made_home import ALPHA, BRAVO, _registered, write_rows, write_why

YEAR = 2024
ATTACKS = (
    "'; DROP VIEW leaderboard; --", "' OR '1'='1", '" UNION SELECT 1 --', "x'||(SELECT 1)||'", "$$", "../../../etc/passwd",
    "..\\..\\windows", "/etc/passwd", "2024.parquet", "~root", "*", "<script>alert(1)</script>", "</script><script>alert(1)//", "<!--",
    "]]>", "<img src=x onerror=alert(1)>", "&lt;b&gt;&amp;", "@@data@@", "javascript:alert(1)", "$(reboot)", "`reboot`", "; reboot",
    "| cat", "%s%n{0}", "=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(1)", "\t=1", " =1", "\uff1d1", "http://example.invalid",
    "mailto:a@example.invalid", "internal:Sheet1!A1", "{=1}", "_x0041_", "_x003C_b", "\x00", "a\x00b", "\x1b]0;title\x07", "\x1b[2J",
    "a\nb", "a\rb", "a\u2028b", "\u202eoob", "\u200f", "\ufeff", "\ufffe", "\U0001f50b", "null", "NaN", "true", "007", "1e5", "", " ",
    "x" * 33_000,
)  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(ATTACKS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.builds("".join, st.lists(st.sampled_from([*ATTACKS[:-1], "A", "'", '"', "<", "&", ";", ",", "\\"]), max_size=3)),
)
NAMED = ("gen_resource", "load_resource", "settlement_point", "qse", "notes", "top_as_product", "capacity_source")
PLAIN = tuple(f"plain {n}" for n in range(2 + 2 * len(NAMED)))


def write_named(home: Path, texts: tuple[str, ...]) -> Settings:
    """A home of one year whose two batteries have these texts for names, with its page and workbook."""
    made = load_settings(home, {})
    rows = []
    for n, row in enumerate((ALPHA, BRAVO)):
        own = dict(zip(NAMED, texts[2 + n * len(NAMED) :], strict=False))
        rows.append({**row, **own, "battery": texts[n], "rank": n + 1, "data_through": None, "edition": "final"})
    for row in rows:
        row["data_through"] = row["first_active_date"]
    inputs = {f"rt_prices/{texts[2]}.parquet": Fingerprint(size=1, mtime_ns=1, digest=64 * "a")}
    write_rows(made, YEAR, "leaderboard", rows, inputs)
    write_rows(made, YEAR, "leaderboard_monthly", [{**row, "month": 1} for row in rows])
    by_name = sorted(rows, key=lambda row: row["battery"].encode())
    counts = dict.fromkeys(("energy_quarter_hours", "expected_quarter_hours", "discharge_quarter_hours"), 96)
    days = [{**row, **counts, "operating_day": row["first_active_date"], "award_positive": True} for row in by_name]
    write_rows(made, YEAR, "daily_revenue", days)
    write_rows(made, YEAR, "bess_registry", [_registered(YEAR, row) for row in by_name])
    write_why(made, YEAR, texts[:2])
    run_table(made, YEAR, "leaderboard_history")
    write_report(made, YEAR)
    return made


class _Elements(HTMLParser):
    """Every element of a page with the names of its attributes, and the block of data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.data = ""
        self._in_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self._in_data = ("id", "data") in attrs

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data


def bess(made: Settings, *arguments: str) -> str:
    done = click.testing.CliRunner().invoke(main, ["--home", str(made.home), *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def _askable(name: str) -> bool:
    """Whether a battery can have this name at all: names are trimmed as they are read, and rows without one are left out."""
    return bool(name) and name == name.strip()


def _steers(character: str) -> bool:
    """Whether a character is a command to a terminal, or turns or breaks the line; the line feeds are the command's own."""
    if character == "\n":
        return False
    turns = unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return turns or character in "\u200e\u200f\u061c" or unicodedata.category(character) in {"Cc", "Zl", "Zp"}


def below(home: Path) -> set[str]:
    return {path.relative_to(home).as_posix() for path in home.rglob("*")}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], list[Any]]:
    """Files of a home, and elements of a page, whose names are harmless."""
    made = write_named(tmp_path_factory.mktemp("plain") / "home", PLAIN)
    page = files_of(made.results, LEADERBOARD_REPORT, YEAR)[0]
    return below(made.home), _Elements(page.read_text(encoding="utf-8")).elements


def check_names(texts: tuple[str, ...], plain: tuple[set[str], list[Any]], folder: Path) -> None:
    made = write_named(folder / "home", texts)
    assert below(made.home) == plain[0], "a name became a path"
    assert {path.name for path in folder.iterdir()} == {"home"}
    batteries = list(texts[:2])
    # SQL
    with Results(made) as results:
        assert results.leaderboard(YEAR).column("battery") == batteries
        for name in batteries:
            if _askable(name):
                assert results.battery(name).battery == name
            assert results.query(f"SELECT battery FROM leaderboard WHERE battery = {literal(name)}").rows == [(name,)]
        if all(_askable(name) for name in batteries):
            assert results.compare(batteries, YEAR).column("battery") == batteries
    # the terminal
    asked = [["battery", "--", name] for name in batteries[:1] if _askable(name)]
    for arguments in (["leaderboard", str(YEAR)], *asked):
        shown = bess(made, *arguments)
        assert not [character for character in shown if _steers(character)], "a name steers the terminal"
    rows = list(csv.reader(io.StringIO(bess(made, "leaderboard", str(YEAR), "--format", "csv"), newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert json.loads(bess(made, "leaderboard", str(YEAR), "--format", "json"))[0]["battery"] == batteries[0]
    # files
    page, book, yearly, _monthly, *_ = files_of(made.results, LEADERBOARD_REPORT, YEAR)
    with yearly.open(encoding="utf-8", newline="") as file:
        rows += csv.reader(file)
    for cell in (cell for row in rows for cell in row):
        assert re.match(r" *[=+@\t\r\n\uff1d\uff0b\uff0d\uff20]| *-(?![\d.])", cell) is None, f"a formula: {cell!r}"
    read = _Elements(page.read_text(encoding="utf-8"))
    assert read.elements == plain[1], "a name became an element or an attribute of the page"
    assert json.loads(read.data)["batteries"]["battery"] == batteries
    with zipfile.ZipFile(book) as archive:
        sheets = [archive.read(name).decode() for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert not [name for name in archive.namelist() if "external" in name.lower() or "hyperlink" in name.lower()]
        assert not [sheet for sheet in sheets if "<f>" in sheet or "<f " in sheet or "<hyperlink" in sheet]
    sheets_of_tables = openpyxl.load_workbook(book)
    cells = [
        cell for name in ("Leaderboard", *WHY) for row in sheets_of_tables[name].iter_rows(min_row=2) for cell in row
    ]
    assert {cell.data_type for cell in cells} <= {"s", "n", "d", "b", "inlineStr"}


def _fuzz(texts: tuple[str, ...], plain: tuple[set[str], list[Any]]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="names_"))
    try:
        check_names(texts, plain, folder)
    finally:
        shutil.rmtree(folder)


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: a case takes a third of a second, and says by itself which name it is."""
NAMES = st.tuples(*[TEXTS] * len(PLAIN)).filter(lambda texts: texts[0] != texts[1])


@pytest.mark.slow
@settings(max_examples=8, phases=PHASES)
@given(texts=NAMES)
def test_some_names_from_the_data_stay_text_wherever_they_are_shown(texts, plain):
    _fuzz(texts, plain)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(max_examples=60, phases=PHASES)
@given(texts=NAMES)
def test_sixty_draws_of_names_from_the_data_stay_text_wherever_they_are_shown(texts, plain):
    _fuzz(texts, plain)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_known_attack_stays_text_as_the_name_of_a_battery(plain: tuple[set[str], list[Any]]) -> None:
    for n in range(0, len(ATTACKS), 2):
        _fuzz((ATTACKS[n], ATTACKS[(n + 1) % len(ATTACKS)], *ATTACKS[: len(PLAIN) - 2]), plain)


STEERING = "\x1b[2J\x1b]0;title\x07\u202e"


@pytest.mark.parametrize("command", [("rollup",), ("status",), ("refresh", "--dry-run"), ("--debug", "rollup")])
def test_names_of_report_files_and_of_members_of_zips_steer_no_terminal(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    reports = tmp_path / "reports"
    put(reports / f"good{STEERING}.csv", text(DA_SPP, [price("01/05/2024", 1, 20)]))
    put(reports / f"bad{STEERING}.csv", text(DA_SPP, [price("13/35/2024", 1, 20)]))
    put(reports / f"no{STEERING}.zip", b"no ZIP")
    with zipfile.ZipFile(reports / "members.zip", "w") as archive:
        archive.writestr(f"60d_DAM_Gen_Resource_Data-05-MAR-24{STEERING}.csv", "Delivery Date,Other\n1,2\n")
    # in a process of its own: what logging says by itself goes to its error stream
    done = subprocess.run(
        [sys.executable, "-m", "bess_assets.cli", "--home", str(tmp_path), *command], capture_output=True, check=False
    )
    printed = (done.stdout + done.stderr).decode()
    assert "Traceback" not in printed
    assert not set(printed) & set(STEERING) - set("[2J]0;title"), printed
