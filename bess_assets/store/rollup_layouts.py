"""The user's rollup files, in the layouts that programs write: one Parquet file a dataset and year, or a folder of parts.

Read are, for the dataset RT_prices and the year 2024, the first of these that is there:

    RT_prices/2024.parquet                    one file
    RT_prices/2024.parquet/part-0000.parquet  a folder of parts, as Spark writes them; RT_prices/year=2024/ and RT_prices/2024/ likewise
    RT_prices_2024.parquet                    in the folder of the dataset or beside it
    RT_prices/2024_01.parquet                 numbered parts

Names of datasets are compared by their letters and digits alone, in any case. Light, for queries: imports no pyarrow.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from bess_assets.ercot.datasets import DATASETS, normal_heading

_SUFFIX = ".parquet"
_NOT_ROLLUPS = {"schema.json", "expected_rows.json", "SIMULATED.json"}
_ONE_FILE, _FOLDER, _FLAT, _NUMBERED = range(4)
_OF_FOLDER = re.compile(r"(?:year=)?(20[1-9]\d)(?:\.parquet)?", re.IGNORECASE)
_OF_FILE = re.compile(r"(.*?)[-_ .]?(20[1-9]\d)\.parquet")
_OF_PART = re.compile(r"(20[1-9]\d)(?:[-_ .](?:part)?[-_ .]?\d+|(?:0[1-9]|1[0-2]))\.parquet", re.IGNORECASE)


def found_files(root: Path, dataset: str) -> Mapping[int, tuple[Path, ...]]:
    """The Parquet files that hold each year of a dataset, by the year in their names: one, or the parts of one."""
    places: dict[int, list[tuple[int, int, Path]]] = {}
    for order, path in enumerate(_candidates(root, DATASETS[dataset].folder)):
        if place := _place(path, dataset):
            places.setdefault(place[1], []).append((place[0], order, path))
    files = {}
    for year in sorted(places):
        rank, _, first = min(places[year])
        parts = [path for own, _, path in places[year] if own == rank == _NUMBERED and path.parent == first.parent]
        files[year] = tuple(part for path in parts or [first] for part in _parts(path))
    return files


def _listed(folder: Path) -> list[Path]:
    """Entries of a folder by name, but for hidden files and those that programs put beside data, such as `_SUCCESS`."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    except OSError:
        return []


def _candidates(root: Path, folder: str) -> Iterator[Path]:
    """Entries that may be files of a dataset, those in the folder of its exact name first."""
    normal = normal_heading(folder)
    for path in sorted(_listed(root), key=lambda path: path.name != folder):
        if normal_heading(path.name.removesuffix(_SUFFIX)) == normal and path.is_dir():
            yield from _listed(path)
        elif normal_heading(path.stem).startswith(normal):
            yield path


def _place(path: Path, dataset: str) -> tuple[int, int] | None:
    """Rank among the layouts, and year, of an entry; None if it holds no year of the dataset."""
    if path.is_dir():
        folder = _OF_FOLDER.fullmatch(path.name)
        return (_FOLDER, int(folder[1])) if folder and _parts(path) else None
    if part := _OF_PART.fullmatch(path.name):
        return _NUMBERED, int(part[1])
    flat = _OF_FILE.fullmatch(path.name)
    if flat is None or normal_heading(flat[1]) not in {"", normal_heading(dataset)}:
        return None
    return _FLAT if flat[1] else _ONE_FILE, int(flat[2])


def _parts(path: Path) -> list[Path]:
    """A file itself; of a folder all Parquet files below it, but none of a Delta table, whose log says which of them count."""
    if not path.is_dir():
        return [path]
    parts = [part for part in sorted(path.rglob(f"*{_SUFFIX}")) if part.is_file()]
    own = [part for part in parts if not any(name.startswith((".", "_")) for name in part.relative_to(path).parts)]
    return [] if (path / "_delta_log").exists() else own


def unused_entries(root: Path) -> Iterator[str]:
    """Entries of the folder of rollups that are not read, each with why not and, of an unknown name, the nearest dataset."""
    found = {normal_heading(dataset): found_files(root, dataset) for dataset in DATASETS}
    files = {path for years in found.values() for paths in years.values() for path in paths}
    read = files.union(*(path.parents for path in files))
    for path in _listed(root):
        normal = normal_heading(path.name.removesuffix(_SUFFIX))
        flat = re.sub(r"\d+$", "", normal)
        if path.is_dir() and normal in found:
            for entry in (entry for entry in _listed(path) if entry not in read and entry.name not in _NOT_ROLLUPS):
                yield f"{path.name}/{entry.name}: {_why_not(entry, found[normal])}"
        elif path not in read and path.name not in _NOT_ROLLUPS:
            near = [
                DATASETS[name].folder for name in DATASETS if normal_heading(name) in get_close_matches(flat, found, 1)
            ]
            unknown = f"no dataset is called so{'; the nearest is ' if near else ''}{', '.join(near)}"
            yield f"{path.name}: {_why_not(path, found[flat]) if flat in found else unknown}"


def _why_not(entry: Path, years: Collection[int]) -> str:
    """Why an entry that is named after a dataset is not read; other files hold some years of it."""
    year = re.search(r"(?<!\d)20[1-9]\d", entry.name)
    if year and int(year[0]) in years:
        return f"another file is read for {year[0]}"
    if entry.is_dir():
        if (entry / "_delta_log").exists():
            return "a Delta table, whose log says which files count: write it as plain Parquet"
        if not _parts(entry):
            return "a folder without a Parquet file"
    elif entry.suffix != _SUFFIX:
        return "no Parquet file"
    return "named otherwise than <year>.parquet, such as 2024.parquet"
