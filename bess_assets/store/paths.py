"""Where rollups, results and run records lie, by table, dataset and year."""

from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bess_assets.ercot.datasets import DATASETS
from bess_assets.settings import Settings
from bess_assets.store.listing import RUNS_FOLDER, made_up_beside_real, mark_of, year_name, yearly_files
from bess_assets.store.rollup_layouts import found_files
from bess_assets.tables import Table

EXPECTED_ROWS_FILE = "expected_rows.json"
"""File in the folder of the user's rollups that says how many rows each of them has."""


def result_path(results: Path, table: str, year: int | None) -> Path:
    """File of a result table: `<results>/<table>/<year>.parquet`; a merged table's is `<results>/<table>/all.parquet`."""
    return results / table / f"{year_name(year)}.parquet"


def files_of(results: Path, table: Table, year: int | None) -> tuple[Path, ...]:
    """The one file of a table, and the second one of a table that only grows; the files of a set, `<results>/<name>/<year>/..`, the one to open first."""
    path = result_path(results, table.name, year)
    files = tuple(path.with_suffix("") / name.format(year=year) for name in table.files)
    return files or ((path, file_before(path)) if table.append_only else (path,))


def file_before(path: Path) -> Path:
    """The second file of a table that only grows: its file as it was before the last edition, or a copy of it while there is one edition."""
    return path.with_suffix(".before.parquet")


def rollup_folder(settings: Settings) -> "RollupFolder":
    """The rollups that are there: the user's own, and those built from reports.

    What was built from made-up reports is not used beside real rollups: it would fill their gaps.
    """
    return RollupFolder(settings.rollups, None if made_up_beside_real(settings) else settings.built)


@dataclass(frozen=True)
class RollupFolder:
    """Finds the rollup files of a year: the user's own first, and those in the folder of built ones where they do not cover it.

    The user's 60-day files are filed by year of publication, so that Y and Y+1 together hold a delivery year; built ones are filed by delivery year.
    """

    rollups: Path
    built_root: Path | None = None

    def found(self, dataset: str, file_year: int) -> tuple[Path, ...]:
        """The user's file `<rollups>/<Folder>/<file_year>.parquet` if it is there, else its parts (rollup_layouts.py)."""
        file = _file_in(self.rollups, dataset, file_year)
        return (file,) if file else found_files(self.rollups, dataset).get(file_year, ())

    def built(self, dataset: str, year: int) -> Path | None:
        """The rollup that was built of a delivery year, if it is there."""
        return _file_in(self.built_root, dataset, year) if self.built_root else None

    def covers(self, dataset: str, year: int) -> bool:
        """Whether the user's own files hold the delivery year, as far as their names say: it is then never built."""
        return all(self.found(dataset, file_year) for file_year in file_years(dataset, year))

    def files(self, dataset: str, year: int) -> list[Path]:
        """Existing files that may hold rows of the operating year, oldest publication first, and a built one, if it is needed, last."""
        found = [self.found(dataset, file_year) for file_year in file_years(dataset, year)]
        built = None if all(found) else self.built(dataset, year)
        return [*chain(*found), *([built] if built else [])]

    def mark(self, path: Path) -> object:
        """Size, modification time and inode of a file: its content stays as long as they do."""
        return mark_of(path)

    def goes_beyond(self, dataset: str, year: int) -> bool:
        """Whether a file that need not be read for the year holds later days: a built one of the next delivery year."""
        later = any(self.built(dataset, file_year) for file_year in file_years(dataset, year) if file_year > year)
        return later and not self.covers(dataset, year)


def _file_in(root: Path, dataset: str, year: int) -> Path | None:
    path = root / DATASETS[dataset].folder / f"{year}.parquet"
    return path if path.is_file() else None


def file_years(dataset: str, year: int) -> tuple[int, ...]:
    """Years in the names of the files that may hold rows of the operating year: 60-day data are grouped by publication year."""
    return (year, year + 1) if DATASETS[dataset].sixty_day else (year,)


def run_record_path(results: Path, year: int | None) -> Path:
    """`<results>/_runs/<year>.json`; the merged tables' is `all.json`."""
    return results / RUNS_FOLDER / f"{year_name(year)}.json"


def recorded_years(results: Path) -> list[int]:
    """Years that have a run record, ascending."""
    return list(yearly_files(results, RUNS_FOLDER, ".json"))


def remove_stale_files(settings: Settings, year: int | None) -> list[Path]:
    """Remove the files that a dead run left half written; call it while holding the year and before writing.

    Returns:
        the files removed.
    """
    name = year_name(year)
    stale = [*settings.results.glob(f"*/.{name}.*.tmp"), *settings.results.glob(f"*/{name}/.*.tmp")]
    for path in stale:
        path.unlink(missing_ok=True)
    return stale
