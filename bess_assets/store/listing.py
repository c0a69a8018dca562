"""The result files that exist, by table and year; what run records say of the last refresh, and of made-up data. Light, for queries: every answer asks.

The *mark* of a file is its size, modification time and inode: a result file is replaced by a rename, so that its inode changes too.

`MARKER` lies in every folder of simulated rollups or reports, and of rollups built from such reports. The run record of a year says of each table whether
its inputs were simulated, so that results carried away from their inputs still say it.
"""

import json
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from bess_assets.errors import DamagedError, NotRefreshedError
from bess_assets.settings import Settings
from bess_assets.store.fingerprint import whole_digest
from bess_assets.store.whole import read_sealed
from bess_assets.text import listed

MARKER = "SIMULATED.json"
"""File in a folder of simulated rollups or reports, or of rollups built from such reports."""
MADE_UP_COLUMN = "data"
MADE_UP = "made-up"
"""What `MADE_UP_COLUMN` holds."""
NOTE = "Made-up data: the market is simulated. No figure is of a real battery."
RUNS_FOLDER = "_runs"
"""Folder of the run records, inside that of the results."""
MERGED = "all"
"""In place of the year in the file name, lock and run record of tables that merge all years."""
Files = Mapping[int, Path]
"""The file of each year, years ascending."""
Mark = tuple[int, int, int]
Marks = tuple[tuple[str, Mark | None], ...]
"""Path and mark of each file; None where it is absent."""

Target = tuple[str, int]
"""A dataset and a delivery year."""
_LOOKS, _LOOK_SECONDS = 40, 0.1
"""How often, and how far apart, a file that a run is making is held against its record."""
_OR_DEMO = "   (or, for a simulated market: bess demo)"


@dataclass(frozen=True)
class ReportNews:
    """What happened to a folder of reports since the last roll-up.

    Attributes:
        files: report files that a rollup lacks, by dataset and delivery year; paths below the folder.
        gone: files that were rolled up and are not there any more; their rows stay in the rollups.
        unreadable: new files that cannot be opened or unpacked and whose names do not say what they hold; the roll-up says why.
        damaged: datasets and years whose built rollup, or its manifest, is not as it was written, and is to be built again from these files.
    """

    files: Mapping[Target, tuple[str, ...]] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    damaged: frozenset[Target] = frozenset()


def year_name(year: int | None) -> str:
    """The year in names; `all` for the merged tables."""
    return MERGED if year is None else str(year)


def yearly_files(results: Path, table: str, suffix: str = ".parquet") -> Files:
    """Files of a table, or of another folder, that are named after a year."""
    folder = results / table
    try:
        names = os.listdir(folder)  # noqa: PTH208  a quarter of what Path.iterdir costs, and asked for by every question
    except OSError:
        return {}
    years = (name.removesuffix(suffix) for name in names if name.endswith(suffix))
    return {year: folder / f"{year}{suffix}" for year in sorted(int(year) for year in years if year.isdigit())}


def require(results: Path, table: str, year: int | None) -> Files:
    """The files of a table for one year, or for every year that has a leaderboard.

    Raises:
        NotRefreshedError: a file has not been written yet, or no leaderboard.
        DamagedError: a file is not as it was written.
    """
    years = list(yearly_files(results, "leaderboard"))
    if year is None and not years:
        raise nothing_yet(results)
    files = {y: results / table / f"{y}.parquet" for y in (years if year is None else [year])}
    for absent, path in files.items():
        if not path.is_file():
            from bess_assets.tables import ASKED_FOR  # noqa: PLC0415  a board is shown without the declarations

            raise NotRefreshedError(
                f"{absent} has no {table} yet.",
                file=path,
                expected=f"one of the refreshed years: {', '.join(map(str, years))}" if years else None,
                remedy=f"Run: {'BESS_PERFECT=on ' * (table in ASKED_FOR)}bess refresh {absent}"
                + ("" if years else _OR_DEMO),
            )
        _hold_against_record(results, table, absent, path)
    return files


def _hold_against_record(results: Path, table: str, year: int, path: Path) -> None:
    """Compare the digest of a result file with the one that the run record has of it; where there is no record, nothing is known.

    Raises:
        DamagedError: it is another, or the record cannot be read.
    """
    record = results / RUNS_FOLDER / f"{year}.json"
    for _ in range(_LOOKS):
        digest, being_made = _digest_recorded(record, mark_of(record), table)
        if digest is None or _digest_of(path, mark_of(path)) == digest:
            return
        if not being_made:
            break
        time.sleep(_LOOK_SECONDS)  # the file of a table takes its place a moment before its record
    raise DamagedError(
        f"{table} of {year} is not the file that was written: its dollars are not shown.",
        dataset=table,
        file=path,
        expected=f"the digest in {record.name}",
        remedy=f"Run: bess refresh {year} --only failed   (bess verify says what else is damaged)",
    )


@lru_cache(maxsize=64)
def _digest_recorded(record: Path, mark: Mark | None, table: str) -> tuple[str | None, bool]:
    """Digest of a table's file by the run record, "" if that cannot be read, and whether a run has still to make the table."""
    try:
        content = read_sealed(record) if mark else {"tables": {}}
        entry = content["tables"].get(table, {})
        written = entry.get("files", {}).get(record.with_suffix(".parquet").name, entry)
        return written.get("digest"), table in content.get("unfinished", ())
    except FileNotFoundError:
        return None, False
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", False


@lru_cache(maxsize=256)
def _digest_of(path: Path, _mark: Mark | None) -> str:
    return whole_digest(path)


def nothing_yet(results: Path) -> NotRefreshedError:
    """The error of a home without results."""
    return NotRefreshedError(
        "Nothing has been refreshed yet.",
        file=results,
        remedy=f"Run: bess refresh{_OR_DEMO}. Another home is named by --home or BESS_HOME.",
    )


def of_earlier_version(path: Path, lacking: Iterable[str]) -> NotRefreshedError:
    """The error of a yearly file that lacks columns which are asked for."""
    table, year = path.parent.name, path.stem
    return NotRefreshedError(
        f"{table} of {year} was made by an earlier version, and lacks {listed(lacking)}.",
        dataset=table,
        file=path,
        remedy=f"Run: bess refresh {year} --only changed",
    )


def last_problem(results: Path, year: int) -> str | None:
    """The first table or rollup that failed in the last refresh of a year, or None."""
    try:
        text = (results / RUNS_FOLDER / f"{year}.json").read_text(encoding="utf-8")
        # A record without either word has no failure, and parsing it takes longer than the search.
        record: dict[str, Any] = json.loads(text) if '"failed"' in text or '"error": "' in text else {}
    except (OSError, ValueError):
        return None
    if failed := [name for name, entry in record.get("tables", {}).items() if entry.get("status") == "failed"]:
        from bess_assets.tables import TABLES  # noqa: PLC0415  loads more, and only failures need it

        return next(str(name) for name in (*TABLES, *failed) if name in failed)
    files = ((d, n, e) for d, rollup in record.get("rollups", {}).items() for n, e in rollup.get("files", {}).items())
    return next((f"{dataset} {name}" for dataset, name, entry in files if entry.get("error")), None)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 where there is neither."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def sizes_by_year(folder: Path) -> Mapping[str, Mapping[int | None, int]]:
    """Bytes below a folder of rollups or results, by its folders and the year in a file's name; under None where the name has no year."""
    sizes: defaultdict[str, Counter[int | None]] = defaultdict(Counter)
    for path in folder.glob("*/*"):
        if path.parent.name != RUNS_FOLDER and not path.name.startswith("."):
            sizes[path.parent.name][int(path.stem) if path.stem.isdigit() else None] += size_of(path)
    return sizes


def marks_of(files: Iterable[Path]) -> Marks:
    """The marks of files."""
    return tuple((str(file), mark_of(file)) for file in files)


def mark_of(file: Path) -> Mark | None:
    """Size, modification time in ns and inode of a file: the content stays as long as they do; None where it is absent."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


def superseded_in(manifest: Mapping[str, Any], *, doubtful: bool = False) -> list[str]:
    """Which reports superseded which in a built rollup, in words, the last first; or those pairs alone that only the time of a file orders."""
    why = "; only the time of a file dates one of them, and the dated one stands, else the later file"
    return [
        f"{pair['by']} superseded {pair['file']}: {pair['rows']:,} rows{why if pair['by_file_time'] else ''}"
        for pair in manifest.get("superseded", ())
        if pair["by_file_time"] or not doubtful
    ]


def superseded_reports(built: Path, year: int) -> list[str]:
    """What superseded what in the built rollups of a year, in words; a manifest that cannot be read is an error of the roll-up."""
    words: list[str] = []
    for path in sorted(built.glob(f"*/{year}.manifest.json")):
        with suppress(OSError, ValueError):
            words += [f"{path.parent.name}: {pair}" for pair in superseded_in(read_sealed(path))]
    return words


# --- made-up data ------------------------------------------------------------------------------------------------------------------------


def made_up_inputs(settings: Settings) -> bool:
    """Whether the rollups in use are simulated, or built from simulated reports."""
    marked = any((folder / MARKER).is_file() for folder in (settings.rollups, settings.built))
    return marked and not made_up_beside_real(settings)


def made_up_beside_real(settings: Settings) -> bool:
    """Whether the built rollups are made up and the user's own are real: the built ones are then not used, for they would fill the gaps of real data."""
    own, built = ((folder / MARKER).is_file() for folder in (settings.rollups, settings.built))
    return built and not own and any(settings.rollups.rglob("*.parquet"))


def made_up_years(settings: Settings) -> frozenset[int]:
    """Years that have results of which a table was made of simulated inputs."""
    said = {year: _recorded(p, mark_of(p)) for year, p in yearly_files(settings.results, RUNS_FOLDER, ".json").items()}
    return frozenset(
        year for year, made_up in said.items() if (made_up_inputs(settings) if made_up is None else made_up)
    )


def made_up_note(settings: Settings, years: Iterable[int] | None = None) -> str | None:
    """What a reader of figures must know if any of the years shown is made up; None is the whole home, its inputs too."""
    made_up = made_up_years(settings)
    shown = made_up if years is None else made_up.intersection(years)
    return NOTE if shown or (years is None and made_up_inputs(settings)) else None


@lru_cache(maxsize=64)
def _recorded(record: Path, _mark: Mark | None) -> bool | None:
    """Whether any table of a run record was made of simulated inputs; None where the record does not say or cannot be read."""
    try:
        tables = json.loads(record.read_text(encoding="utf-8"))["tables"]
        said = [entry["made_up"] for entry in tables.values() if "made_up" in entry]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return any(said) if said else None
