"""Names of rollup files, and of the other inputs of a table, in records and tables; imports no library, so that queries start without pyarrow."""

import re
from pathlib import Path

BATTERY_TABLE = "registry_csv"
"""Name of the user's battery table among the inputs of a table."""
LATER = "later:"
"""Begins the name of an input that is not read: a built rollup of the next year, whose existence closes this one."""
BUILT_FOLDER = "built"
"""Folder of the built rollups in the home."""


_YEAR = re.compile(r"(?:(?!part)[a-z].*[-_ .])?(20[1-9]\d|19\d\d)(?:[-_ .]?(?:part)?[-_ .]?\d+)?", re.IGNORECASE)
_YEAR_OF_PARTS = re.compile(r"(?:year=)?(20[1-9]\d)(?:\.parquet)?", re.IGNORECASE)
_DEEPEST_PART = 3


def _year_at(path: Path) -> tuple[int, int] | None:
    """How many folders above a file the year is named, and the year: `year=2024/part-0.parquet` is a part of a year."""
    if own := _YEAR.fullmatch(path.stem):
        return 0, int(own[1])
    above = enumerate(path.parts[-2 : -2 - _DEEPEST_PART : -1], start=1)
    return next(((n, int(found[1])) for n, name in above if (found := _YEAR_OF_PARTS.fullmatch(name))), None)


def year_of(path: Path) -> int | None:
    """Year in the name of a rollup file, or of the folder of its parts; None if there is none."""
    place = _year_at(path)
    return place[1] if place else None


def year_file(path: Path) -> Path:
    """The file itself, or the folder of the parts of its year."""
    place = _year_at(path)
    return path.parents[place[0] - 1] if place and place[0] else path


def parts_of_one(path: Path) -> tuple[Path, int | None]:
    """The same for all parts of one year, in a folder or numbered: their folder's place, and the year."""
    place = _year_at(path)
    return path.parents[place[0] if place else 0], place[1] if place else None


def rollup_name(path: Path) -> str:
    """Name of a rollup file in records and tables: `2024.parquet`, of a part `2024.parquet/part-0.parquet`, or `built/2024.parquet`."""
    if path.parent.parent.name == BUILT_FOLDER:
        return f"{BUILT_FOLDER}/{path.name}"
    place = _year_at(path)
    return "/".join(path.parts[-1 - (place[0] if place else 0) :])
