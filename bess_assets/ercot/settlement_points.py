"""Load zone and substation of each resource node, from ERCOT's list of settlement points (NP4-160-SG, `Settlement_Points_*.csv`).

The list is of the day on which ERCOT published it.
"""

import csv
import io
from pathlib import Path
from typing import NamedTuple

from bess_assets.ercot.spreadsheets import plain_text
from bess_assets.errors import InputError

_HEADINGS = ("resource_node", "settlement_load_zone", "substation")


class Point(NamedTuple):
    """A resource node's load zone and substation, None where the list gives none or several."""

    zone: str | None
    site: str | None


def read_points(path: Path) -> dict[str, Point]:
    """Zone and substation by resource node.

    Raises:
        InputError: the file is no such list.
    """
    expected = "Settlement_Points_*.csv, unzipped, of ERCOT's report NP4-160-SG"
    try:
        rows = list(csv.reader(io.StringIO(plain_text(path.read_bytes()), newline="")))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputError(
            f"The list of settlement points cannot be read: {error}.", file=path, expected=expected
        ) from error
    headings = [heading.strip().lower().replace(" ", "_") for heading in rows[0]] if rows else []
    if missing := [heading for heading in _HEADINGS if heading not in headings]:
        raise InputError(
            f"The list of settlement points has no column {missing[0].upper()}.", file=path, expected=expected
        )
    places = [headings.index(heading) for heading in _HEADINGS]
    found: dict[str, tuple[set[str], set[str]]] = {}
    for row in rows[1:]:
        node, zone, site = (row[place].strip() if place < len(row) else "" for place in places)
        if node:
            zones, sites = found.setdefault(node, (set(), set()))
            zones.update({zone} - {""})
            sites.update({site} - {""})
    return {node: Point(_only(zones), _only(sites)) for node, (zones, sites) in found.items()}


def _only(values: set[str]) -> str | None:
    return next(iter(values)) if len(values) == 1 else None
