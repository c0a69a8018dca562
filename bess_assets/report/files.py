"""The files of a year, each written beside its name, and all put in place once all are whole.

Belongs here: which file holds what, CSV, the order in which they appear.
Does not: the page (page.py), the workbook (workbook.py), what is recorded of them (run.py).
"""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bess_assets.errors import writing
from bess_assets.report.content import Row, read_content
from bess_assets.report.page import page_html
from bess_assets.report.workbook import write_workbook
from bess_assets.settings import Settings
from bess_assets.store.files import WrittenTable
from bess_assets.store.paths import report_files, result_path, temporary_path
from bess_assets.tables import LEADERBOARD, LEADERBOARD_MONTHLY, LEADERBOARD_REPORT, Table
from bess_assets.text import csv_lines


def write_report(settings: Settings, year: int) -> WrittenTable:
    """Write the page, the workbook, and the boards as CSV and Parquet.

    Returns:
        what was written: `rows` are the batteries shown, `bytes` all files together, `digest` that of the page.

    Raises:
        NotRefreshedError: a table that it shows has not been written.
        BessError: a library that it needs is not installed.
    """
    started = time.perf_counter()
    content = read_content(settings, year)
    page, workbook, *boards = report_files(settings.results, LEADERBOARD_REPORT, year)
    yearly_csv, monthly_csv, yearly_parquet, monthly_parquet = boards
    months = [row for period in content.months for row in period.rows]
    html = page_html(content).encode()
    writers: dict[Path, Callable[[Path], object]] = {
        yearly_csv: lambda path: _write_csv(path, LEADERBOARD, content.whole_year.rows),
        monthly_csv: lambda path: _write_csv(path, LEADERBOARD_MONTHLY, months),
        yearly_parquet: lambda path: shutil.copyfile(result_path(settings.results, LEADERBOARD.name, year), path),
        monthly_parquet: lambda path: shutil.copyfile(
            result_path(settings.results, LEADERBOARD_MONTHLY.name, year), path
        ),
        workbook: lambda path: write_workbook(content, path),
        # The page last: where it is new, all is.
        page: lambda path: path.write_bytes(html),
    }
    page.parent.mkdir(parents=True, exist_ok=True)
    _in_place(writers)
    return WrittenTable(
        rows=len(content.whole_year.rows),
        money_usd=None,
        coverage=None,
        digest=hashlib.sha256(html).hexdigest(),
        bytes=sum(path.stat().st_size for path in writers),
        seconds=time.perf_counter() - started,
    )


def _in_place(writers: Mapping[Path, Callable[[Path], object]]) -> None:
    """Write all files, and only when each is whole put one after the other in its place: an error leaves all of those before.

    Raises:
        WriteError: the disk takes no more.
    """
    written = {path: temporary_path(path) for path in writers}
    try:
        for path, write in writers.items():
            with writing(path):
                write(written[path])
        for path, temporary in written.items():
            temporary.replace(path)
    finally:
        for temporary in written.values():
            temporary.unlink(missing_ok=True)


def _write_csv(path: Path, table: Table, rows: Sequence[Row]) -> None:
    """A board for spreadsheets: full precision, and no text that one of them would take for a formula."""
    cells = ([row[name] for name in table.column_names] for row in rows)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(_lines(csv_lines(table.column_names, cells)))


def _lines(lines: Iterator[str]) -> Iterator[str]:
    return (line + "\n" for line in lines)
