"""Digests of every file that this package wrote, compared with what was noted when it was written; the editions of boards with one another.

Nothing is mended here. A damaged file whose size and time are as they were gets another time, so that every later command sees it without a digest.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from bess_assets.errors import NOT_AS_WRITTEN, DamagedError
from bess_assets.settings import Settings
from bess_assets.settlement.editions import broken_links
from bess_assets.store.fingerprint import Fingerprint, stamp, whole_digest
from bess_assets.store.journal import RunRecord, read_run
from bess_assets.store.listing import yearly_files
from bess_assets.store.paths import file_before, files_of, recorded_years, result_path, run_record_path
from bess_assets.store.rollup_files import INDEX_NAME, hold_against_manifest, read_manifest
from bess_assets.store.whole import read_sealed
from bess_assets.tables import EVERY_TABLE, LEADERBOARD_HISTORY, TABLES

_UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What reading a damaged Parquet file raises; a flipped bit in a text is no Arrow error, but one of Python."""


class Damage(NamedTuple):
    """A file that is not as it was written.

    Attributes:
        file: the file.
        problem: what is wrong with it.
        remedy: the command that mends it.
    """

    file: Path
    problem: str
    remedy: str


class Verified(NamedTuple):
    """What was looked at: number of files, of those whose digest nothing names, and what is wrong."""

    files: int
    unknown: int
    damage: list[Damage]


def verify(settings: Settings) -> Verified:
    """Compare every file of results and built rollups with its digest."""
    looked: list[tuple[Path, Damage | bool]] = []
    recorded = recorded_years(settings.results)
    for year in [*recorded, *([None] if run_record_path(settings.results, None).exists() else [])]:
        looked += _of_year(settings, year)
    unrecorded = {(year, path) for name in TABLES for year, path in yearly_files(settings.results, name).items()}
    for year, path in sorted((year, path) for year, path in unrecorded if year not in recorded):
        looked.append((path, Damage(path, "no run record names it", f"bess refresh {year}")))
    looked += _of_rollups(settings)
    return Verified(
        len(looked),
        sum(found is False for _, found in looked),
        [found for _, found in looked if isinstance(found, Damage)],
    )


def hold_against_records(settings: Settings, year: int, tables: Collection[str]) -> None:
    """Compare the digests of some tables of a year with its record, before a board is made from them.

    Raises:
        DamagedError: a file is not as it was written.
    """
    for path, found in _of_tables(settings, year, read_run(settings.results, year), tables):
        if isinstance(found, Damage):
            raise DamagedError(
                f"{path.parent.name}/{path.name} {found.problem}.", file=path, remedy=f"Run: {found.remedy}"
            )


def _of_year(settings: Settings, year: int | None) -> Iterator[tuple[Path, Damage | bool]]:
    """The run record and the files that it names: each with what is wrong with it, or whether its digest is known."""
    record, path = read_run(settings.results, year), run_record_path(settings.results, year)
    if "damaged" in record:
        yield path, Damage(path, record["damaged"], _refresh(year))
    else:
        yield path, True
        yield from _of_tables(settings, year, record, record["tables"])
    if year is not None:
        yield from _of_editions(result_path(settings.results, LEADERBOARD_HISTORY.name, year), year)


def _of_tables(
    settings: Settings, year: int | None, record: RunRecord, tables: Collection[str]
) -> Iterator[tuple[Path, Damage | bool]]:
    for name, entry in record["tables"].items():
        for path in files_of(settings.results, EVERY_TABLE[name], year) if name in tables else ():
            written = entry.get("files", {}).get(path.name)
            problem = "is gone" if written and not path.is_file() else _differs(path, written) if written else None
            if problem or path.is_file():
                yield path, Damage(path, problem, _refresh(year)) if problem else bool(written)


def _differs(path: Path, written: Fingerprint) -> str | None:
    if whole_digest(path) == written["digest"]:
        return None
    size, mtime_ns = stamp(path)
    if (size, mtime_ns) == (written["size"], written["mtime_ns"]):
        with suppress(OSError):
            os.utime(path)
    return NOT_AS_WRITTEN


def _refresh(year: int | None) -> str:
    return "bess refresh --only failed" if year is None else f"bess refresh {year} --only failed"


def _of_editions(path: Path, year: int) -> Iterator[tuple[Path, Damage | bool]]:
    """Editions that have changed since the next one was made, and whether the file before has them."""
    with suppress(*_UNREADABLE):  # then its digest is another too
        rows = pq.ParquetFile(path).read().to_pylist()
        if broken := broken_links(rows):
            remedy = f"put a backup of it in its place, then: {_refresh(year)}"
            with suppress(*_UNREADABLE):
                before = pq.ParquetFile(file_before(path)).read().to_pylist()
                if {row["edition_number"] for row in before} >= set(broken) and not broken_links(
                    [*before, *rows[len(before) :]]
                ):
                    remedy = f"{file_before(path).name} has them as they were: put it in the place of {path.name}, then: {_refresh(year)}"
            numbers = ", ".join(map(str, broken))
            yield path, Damage(path, f"edition {numbers} has changed since the next one was made", remedy)


def _of_rollups(settings: Settings) -> Iterator[tuple[Path, Damage | bool]]:
    index = settings.built / INDEX_NAME
    if index.is_file():
        try:
            root = read_sealed(index)["root"]
            yield index, True
        except (OSError, ValueError, KeyError) as error:
            root = settings.reports
            yield index, Damage(index, f"{NOT_AS_WRITTEN}: {error}", "bess rollup")
    for path in sorted(settings.built.glob("*/*.parquet")):
        remedy = f"bess rollup {root}" if index.is_file() and Path(root) != settings.reports else "bess rollup"
        try:
            manifest = read_manifest(path)
            hold_against_manifest(path, manifest, whole_digest(path))
            yield path, bool(manifest and "rollup" in manifest)
        except DamagedError as error:
            with suppress(OSError):
                os.utime(path)
            yield path, Damage(Path(error.file or path), error.problem, remedy)
