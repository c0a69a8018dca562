"""How rollup files are called where people read of them.

Belongs here: the one name for a file, of the user's or built, and for what else a table may be made of.
Does not: finding files (store/paths.py). Loads nothing, so that queries may use it.
"""

from pathlib import Path

BATTERY_TABLE = "registry_csv"
"""Name of the user's battery table among the inputs of a table."""
LATER = "later:"
"""Begins the name of an input that a year knows of without reading it: a built rollup of the next year, whose being there closes this one."""
BUILT_FOLDER = "built"
"""Folder of the rollups that are built from reports, in the home: never among the user's own, and never taken for them."""


def rollup_name(path: Path) -> str:
    """How a rollup file is called in records and tables: `2024.parquet`, or `built/2024.parquet`."""
    return f"{BUILT_FOLDER}/{path.name}" if path.parent.parent.name == BUILT_FOLDER else path.name
