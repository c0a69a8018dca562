"""The workbook and the files beside the page: numbers are numbers, text is text, the same tables give the same bytes; a spreadsheet opens them."""

import csv
import math
import subprocess
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from bess_assets.errors import NotRefreshedError
from bess_assets.report import files as files_module
from bess_assets.report import workbook as workbook_module
from bess_assets.report.content import DAY_COLUMNS, STREAMS, WHY, read_content
from bess_assets.report.files import write_report
from bess_assets.report.workbook import write_workbook
from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets.store.paths import files_of, remove_stale_files, result_path
from bess_assets.tables import LEADERBOARD, LEADERBOARD_MONTHLY, LEADERBOARD_REPORT, TABLES
from bess_assets_tests.made_home import write_rows
from bess_assets_tests.report.conftest import YEAR, program
from bess_assets_tests.report.made_boards import AWKWARD, FORMULA, write_boards

FRONT = ("Summary", "Board", "Fleet by month", "Classes")
SHEETS = {
    "Leaderboard": "leaderboard",
    "Months": "leaderboard_monthly",
    **{sheet: table.name for sheet, table in WHY.items()},
    "Daily": "daily_revenue",
}


@pytest.fixture(scope="module")
def book(files: Mapping[str, Path]) -> Any:
    return openpyxl.load_workbook(files[".xlsx"])


def stored(home: Settings, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(result_path(home.results, table, YEAR)).to_pylist()
    return rows


def shown_rows(home: Settings, sheet: str) -> list[dict[str, Any]]:
    """Rows of a sheet by the tables; boards with their changes of rank."""
    if SHEETS[sheet] not in {"leaderboard", "leaderboard_monthly"}:
        return stored(home, SHEETS[sheet])
    with Results(home) as results:
        boards = [results.leaderboard(YEAR, m) for m in (range(1, 13) if sheet == "Months" else [None])]
    return [row for board in boards for row in board.records()]


@pytest.mark.parametrize("sheet", SHEETS)
def test_a_sheet_holds_its_table_cell_by_cell(book: Any, home: Settings, sheet: str) -> None:
    heading, *rows = book[sheet].iter_rows(values_only=True)
    changes = {"Leaderboard": ("rank_change",), "Months": ("rank_change", "rank_change_month")}
    columns = {**{name: tuple(TABLES[table].column_names) for name, table in SHEETS.items()}, "Daily": DAY_COLUMNS}
    assert heading == (*columns[sheet], *changes.get(sheet, ()))
    expected = shown_rows(home, sheet)
    assert len(rows) == len(expected)
    for row, right in zip(rows, expected, strict=True):
        for name, value in zip(heading, row, strict=True):
            if isinstance(right[name], datetime):
                assert value.replace(tzinfo=UTC) == right[name], name
                continue
            found = value.date() if isinstance(value, datetime) else value
            if isinstance(right[name], float):
                assert found == pytest.approx(right[name], rel=1e-14), name  # a sheet holds sixteen digits
            else:
                assert found == right[name], name


def test_numbers_have_formats_headings_stay_in_view_and_no_cell_is_a_formula(book: Any) -> None:
    for sheet in SHEETS:
        first = {cell.value: book[sheet].cell(2, cell.column) for cell in book[sheet][1]}
        assert all(
            cell.number_format == "#,##0.00"
            for name, cell in first.items()
            if cell.value is not None and str(name).endswith(("_usd", "_usd_per_kw_month"))
        )
        assert "discharge_mwh" not in first or first["discharge_mwh"].number_format == "#,##0.0"
        assert book[sheet].freeze_panes == ("D2" if sheet == "Months" else "C2")
        assert book[sheet].auto_filter.ref.startswith("A1:")
    board = {cell.value: book["Leaderboard"].cell(2, cell.column) for cell in book["Leaderboard"][1]}
    assert board["first_active_date"].number_format == "yyyy-mm-dd"
    assert board["energy_coverage"].number_format == "0.0%"
    assert board["rank"].number_format == "0"
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds
    texts = {cell.value for cell in book["Leaderboard"]["B"]}
    assert set(AWKWARD) <= texts


def test_the_last_sheet_says_the_fleets_figures_what_columns_mean_and_what_is_left_out(book, home):
    rows = list(book["Method and coverage"].iter_rows(values_only=True))
    headings = next(row for row in rows if row[0] == "period")
    year = dict(zip(headings, next(row for row in rows if row[0] == "whole year"), strict=True))
    ranked = [row for row in stored(home, "leaderboard") if row["rank"] is not None]
    assert (year["ranked"], year["batteries"]) == (len(ranked), len(ranked) + 1)
    for stream in STREAMS:
        assert year[stream] == pytest.approx(sum(row[stream] for row in ranked))
    assert year["ranked total"] == pytest.approx(sum(row["total_usd"] for row in ranked))
    assert sum(str(row[0]).startswith(f"{YEAR}-") for row in rows) == 12
    assert ("edition", "final") in {row[:2] for row in rows}
    assert ("edition number", "1") in {row[:2] for row in rows}
    assert ("data through", f"{YEAR}-12-31") in {row[:2] for row in rows}
    everything = "\n".join(str(row[0]) for row in rows)
    for words in ("no settlement statement", "self-arranged", "make-whole", "never zero"):
        assert words in everything


def test_the_first_sheet_is_the_top_of_the_page_with_three_charts(book: Any, home: Settings) -> None:
    sheet = book["Summary"]
    assert book.sheetnames[0] == "Summary"
    assert sheet["A2"].value == f"ERCOT battery leaderboard {YEAR}"
    assert sheet["A3"].value.startswith("Final edition 1, made ")
    shown = {sheet.cell(5, column).value: sheet.cell(6, column).value for column in range(1, 7)}
    fleet = read_content(home, YEAR).periods[0][2]
    assert shown == {
        "Fleet average ($/kW-month)": pytest.approx(fleet["usd_per_kw_month"]),
        "Fleet average ($/kW-year)": pytest.approx(fleet["usd_per_kw_year"]),
        "Ranked total ($)": pytest.approx(fleet["ranked_total_usd"]), "Ranked batteries": fleet["ranked"],
        "Energy share": pytest.approx(fleet["energy_share"]), "Mean energy coverage": pytest.approx(fleet["energy_coverage"]),
    }  # fmt: skip
    assert len(sheet._charts) == 3
    assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (None, None)  # one page each way


def test_the_board_for_readers_has_twelve_columns_with_units_and_numbers_that_are_numbers(
    book: Any, home: Settings
) -> None:
    heading, *rows = book["Board"].iter_rows(min_row=5, values_only=True)
    assert heading == (
        "Rank", "Battery", "Power (MW)", "Duration (h)", "Total ($)", "$/kW-month", "Day-ahead energy ($)", "Real-time energy ($)",
        "Ancillary services ($)", "Strategy", "Energy coverage", "Not ranked, or to know",
    )  # fmt: skip
    names = ("rank", "battery", "capacity_mw", "total_usd", "usd_per_kw_month", "da_energy_usd", "rt_energy_usd", "as_usd", "energy_coverage")  # fmt: skip
    for row, right in zip(rows, stored(home, "leaderboard"), strict=True):
        shown = [row[at] for at in (0, 1, 2, 4, 5, 6, 7, 8, 10)]
        assert shown == [pytest.approx(right[name], rel=1e-14) if isinstance(right[name], float) else right[name] for name in names]  # fmt: skip
        assert row[3] == (None if right["duration_source"] == "assumed" else right["duration_hours"])


def test_months_and_classes_for_readers_are_those_of_the_fleet_and_its_groups(book: Any, home: Settings) -> None:
    content = read_content(home, YEAR)
    heading, *months = book["Fleet by month"].iter_rows(min_row=5, values_only=True)
    assert [row[0] for row in months] == [f"{YEAR}-{month:02d}" for month in range(1, 13)]
    total = heading.index("Ranked total ($)")
    assert [row[total] for row in months] == [pytest.approx(figures["ranked_total_usd"]) for _, _, figures in content.periods[1:]]  # fmt: skip
    with Results(home) as results:
        groups = results.groups("duration", YEAR).records()
    heading, *classes = book["Classes"].iter_rows(min_row=5, values_only=True)
    assert [(row[0], row[5]) for row in classes] == [(g["group"], pytest.approx(g["usd_per_kw_month"])) for g in groups]


def test_sheets_for_readers_print_across_one_page_with_their_headings_repeated(book: Any) -> None:
    for name in FRONT:
        sheet = book[name]
        assert sheet.sheet_properties.pageSetUpPr.fitToPage, name
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.print_area
        if name != "Summary":
            assert sheet.print_title_rows == "$5:$5"
            assert sheet.page_setup.fitToHeight == 0
    assert book["Summary"].page_setup.fitToHeight is None  # one page


def test_sheets_of_tables_print_as_many_columns_across_as_can_be_read_with_headings_and_names_on_every_page(book):
    for name, titles in (("Leaderboard", "$A:$B"), ("Months", "$A:$C"), *((sheet, "$A:$B") for sheet in WHY), ("Daily", "$A:$B"), ("Dictionary", None), ("Method and coverage", None)):  # fmt: skip
        sheet = book[name]
        assert sheet.sheet_properties.pageSetUpPr.fitToPage, name
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        columns = sheet.max_column if name in SHEETS else 1
        assert (sheet.page_setup.fitToWidth or 1) == math.ceil(columns / 12)
        assert sheet.print_title_cols == titles
        assert sheet.print_title_rows == ("$1:$1" if name != "Method and coverage" else None)
        assert f"ERCOT battery leaderboard {YEAR}, Final edition 1" in sheet.oddFooter.left.text


def test_bars_begin_at_zero_and_no_column_of_the_methods_sheet_is_too_narrow_for_a_fleets_dollars(book: Any) -> None:
    first = next(chart for chart in book["Summary"]._charts if chart.tagname == "barChart" and chart.barDir == "bar")
    assert first.y_axis.scaling.min == 0
    widths = book["Method and coverage"].column_dimensions
    wide = next(own for own in widths.values() if own.min == 2)
    heading = next(row for row in book["Method and coverage"].iter_rows(values_only=True) if row[0] == "period")
    assert (wide.width >= 17, wide.max >= len(heading)) == (True, True)


def test_the_dictionary_says_what_every_sheet_of_a_table_holds_and_what_its_columns_mean(book: Any) -> None:
    rows = {row[:4] for row in book["Dictionary"].iter_rows(min_row=2, values_only=True)}
    for sheet, table in {"Leaderboard": LEADERBOARD, **WHY}.items():
        assert {(sheet, c.name, c.kind, c.meaning) for c in table.columns} <= rows
    assert {(sheet, TABLES[name].meaning) for sheet, name in SHEETS.items()} == {
        (sheet, meaning) for sheet, name, _, meaning in rows if not name
    }
    assert {name for sheet, name, *_ in rows if sheet == "Daily"} == {"", *DAY_COLUMNS}


def test_more_days_than_a_sheet_holds_go_on_the_next(home, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_module, "DAYS_A_SHEET", 2_000)
    write_workbook(read_content(home, YEAR), tmp_path / "small.xlsx")
    book = openpyxl.load_workbook(tmp_path / "small.xlsx", read_only=True)
    assert book.sheetnames == [*FRONT, *SHEETS, "Daily 2", "Dictionary", "Method and coverage"]
    assert [book[name].max_row - 1 for name in ("Daily", "Daily 2")] == [2_000, 366 * 8 - 2_000]
    book.close()


def test_a_year_whose_perfect_trades_were_not_made_has_no_sheet_and_no_meanings_of_them(tmp_path: Path) -> None:
    settings = write_boards(tmp_path, YEAR, 5)
    result_path(settings.results, "perfect_monthly", YEAR).unlink()
    write_workbook(read_content(settings, YEAR), tmp_path / "without.xlsx")
    book = openpyxl.load_workbook(tmp_path / "without.xlsx", read_only=True)
    assert book.sheetnames == [
        name for name in [*FRONT, *SHEETS, "Dictionary", "Method and coverage"] if name != "Perfect by month"
    ]
    assert "Perfect by month" not in {row[0] for row in book["Dictionary"].iter_rows(values_only=True)}
    book.close()


def test_the_index_of_the_workbook_has_months_and_the_year_and_not_the_days(tmp_path: Path) -> None:
    settings = write_boards(tmp_path, YEAR, 5)
    of_class = {
        "kind": "fleet",
        "class": "fleet",
        "basis": "active",
        "first_day": date(YEAR, 1, 1),
        "definition": "dollars over kW",
    }
    write_rows(settings, YEAR, "index", [{**of_class, "period": period} for period in ("day", "month", "year")])
    assert read_content(settings, YEAR).why["Index"]["period"].to_pylist() == ["month", "year"]


def test_csv_is_the_table_at_full_precision_with_formula_like_names_disarmed(files, home):
    for key, table in ((".csv", LEADERBOARD), ("monthly.csv", LEADERBOARD_MONTHLY)):
        with files[key].open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        expected = stored(home, table.name)
        assert len(rows) == len(expected)
        for row, right in zip(rows, expected, strict=True):
            assert list(row) == table.column_names
            assert (float(row["total_usd"]) if row["total_usd"] else None) == right["total_usd"]
            assert row["battery"].removeprefix("'") == right["battery"]
        cells = [value for row in rows for name, value in row.items() if table.column(name).kind in {"text", "label"}]
        assert f"'{FORMULA}" in cells
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


def test_parquet_is_the_result_table_byte_by_byte(files: Mapping[str, Path], home: Settings) -> None:
    for key, table in ((".parquet", "leaderboard"), ("monthly.parquet", "leaderboard_monthly")):
        assert files[key].read_bytes() == result_path(home.results, table, YEAR).read_bytes()


def test_the_same_tables_give_the_same_bytes_whenever_they_are_written(files, home, monkeypatch):
    import time

    before = {path: path.read_bytes() for path in files.values()}
    later = time.time() + 100_000
    monkeypatch.setattr(time, "time", lambda: later)
    written = write_report(home, YEAR)
    assert {path: path.read_bytes() for path in files.values()} == before
    assert written["bytes"] == sum(len(content) for content in before.values())
    assert written["rows"] == 8


def test_a_report_that_cannot_be_finished_leaves_the_one_before_and_no_half_file(tmp_path, monkeypatch):
    settings = write_boards(tmp_path, YEAR, 5)
    write_report(settings, YEAR)
    page, workbook, *_ = files_of(settings.results, LEADERBOARD_REPORT, YEAR)
    before = {path.name: path.read_bytes() for path in page.parent.iterdir()}

    def disk_full(_content: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(files_module, "write_workbook", disk_full)
    with pytest.raises(OSError, match="no space"):
        write_report(settings, YEAR)
    assert {path.name: path.read_bytes() for path in page.parent.iterdir()} == before
    killed = workbook.with_name(f".{workbook.name}.1-abc.tmp")
    killed.write_bytes(b"half")
    assert remove_stale_files(settings, YEAR) == [killed]
    assert not killed.exists()


def test_a_year_without_a_board_has_no_report(tmp_path: Path) -> None:
    settings = write_boards(tmp_path, YEAR, 5)
    with pytest.raises(NotRefreshedError, match="2023"):
        write_report(settings, YEAR - 1)


@pytest.mark.slow
def test_libreoffice_opens_the_workbook_and_its_totals_are_those_of_the_tables(files, home, tmp_path):
    every_sheet = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false,false,false,false,-1"
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    command = [program("soffice", "libreoffice"), "--headless", profile]
    command += ["--convert-to", every_sheet, "--outdir", str(tmp_path), str(files[".xlsx"])]
    subprocess.run(command, check=True, timeout=240, capture_output=True)
    for sheet in SHEETS:
        with (tmp_path / f"leaderboard_{YEAR}-{sheet}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        expected = shown_rows(home, sheet)
        assert len(rows) == len(expected)
        for name in rows[0]:
            right = [row[name] for row in expected]
            if any(isinstance(value, float) for value in right):
                cells = [row[name] for row in rows if row[name]]
                total = math.fsum(float(cell.removesuffix("%")) / (100 if cell[-1] == "%" else 1) for cell in cells)
                assert total == pytest.approx(math.fsum(value for value in right if value is not None), rel=1e-9), name
                assert [row[name] == "" for row in rows] == [value is None for value in right], name
        names = TABLES[SHEETS[sheet]].key[0] if sheet in WHY else "battery"
        assert {row[names] for row in rows} == {row[names] for row in expected}
