"""Names of rollup files, and of the other inputs of a table, in records and tables; imports no library, so that queries start without pyarrow."""

from pathlib import Path

BATTERY_TABLE = "registry_csv"
"""Name of the user's battery table among the inputs of a table."""
LATER = "later:"
"""Begins the name of an input that is not read: a built rollup of the next year, whose existence closes this one."""
BUILT_FOLDER = "built"
"""Folder of the built rollups in the home."""


def rollup_name(path: Path) -> str:
    """Name of a rollup file in records and tables: `2024.parquet`, or `built/2024.parquet`."""
    return f"{BUILT_FOLDER}/{path.name}" if path.parent.parent.name == BUILT_FOLDER else path.name
