"""The page, the workbook, and the boards as CSV and Parquet of a year, each written whole before one replaces its predecessor."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bess_assets.errors import writing
from bess_assets.report.content import Row, read_content
from bess_assets.report.page import ALL_YEARS, page_html, years_html
from bess_assets.report.workbook import write_workbook
from bess_assets.settings import Settings
from bess_assets.store.journal import Written
from bess_assets.store.listing import MADE_UP, MADE_UP_COLUMN, size_of, yearly_files
from bess_assets.store.paths import files_of, result_path
from bess_assets.store.whole import whole, whole_set
from bess_assets.tables import LEADERBOARD, LEADERBOARD_MONTHLY, LEADERBOARD_REPORT, Table
from bess_assets.text import csv_lines


def write_report(settings: Settings, year: int) -> Written:
    """Write the files of `LEADERBOARD_REPORT`, then the page that leads to those of all years.

    Returns:
        what was written: `rows` are the batteries shown, `bytes` all files together, `digest` that of the page.

    Raises:
        NotRefreshedError: a table that it shows has not been written.
        BessError: a library that it embeds is not as it is expected.
    """
    content = read_content(settings, year)
    html = page_html(content).encode()
    page, workbook, yearly_csv, monthly_csv, yearly_copy, monthly_copy = files_of(
        settings.results, LEADERBOARD_REPORT, year
    )
    yearly, monthly = (result_path(settings.results, table.name, year) for table in (LEADERBOARD, LEADERBOARD_MONTHLY))
    writers: dict[Path, Callable[[Path], object]] = {
        yearly_csv: lambda path: _write_csv(path, LEADERBOARD, content.board, content.made_up),
        monthly_csv: lambda path: _write_csv(path, LEADERBOARD_MONTHLY, content.monthly, content.made_up),
        yearly_copy: lambda path: shutil.copyfile(yearly, path),
        monthly_copy: lambda path: shutil.copyfile(monthly, path),
        workbook: lambda path: write_workbook(content, path),
        # The page last: where it is new, all is.
        page: lambda path: path.write_bytes(html),
    }
    with whole_set(list(writers)) as temporaries:
        for (path, write), temporary in zip(writers.items(), temporaries, strict=True):
            with writing(path):
                write(temporary)
    _write_all_years(settings.results, page)
    return Written(
        rows=len(content.board),
        money_usd=None,
        coverage=None,
        digest=hashlib.sha256(html).hexdigest(),
        bytes=sum(size_of(path) for path in writers),
    )


def _write_all_years(results: Path, page: Path) -> None:
    """Write the page of all years, beside the folders of the years, until it names those that are there: another may be made at the same time."""
    named = None
    while (
        years := [y for y in yearly_files(results, LEADERBOARD_REPORT.name, "") if _page(results, y).is_file()]
    ) != named:
        # begun in the folder of the year, where its next run removes what a killed one leaves
        with whole(page.parent.parent / ALL_YEARS, page.parent) as temporary:
            temporary.write_text(years_html(years), encoding="utf-8")
        named = years


def _page(results: Path, year: int) -> Path:
    return files_of(results, LEADERBOARD_REPORT, year)[0]


def board_csv(table: Table, rows: Iterable[Row], made_up: bool) -> Iterator[str]:
    """Lines of a board for spreadsheets: full precision, no text that one of them would take for a formula, a last column that says made-up data are."""
    mark = {MADE_UP_COLUMN: MADE_UP} if made_up else {}
    cells = ([*(row[name] for name in table.column_names), *mark.values()] for row in rows)
    return (f"{line}\n" for line in csv_lines([*table.column_names, *mark], cells))


def _write_csv(path: Path, table: Table, rows: Iterable[Row], made_up: bool) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(board_csv(table, rows, made_up))
