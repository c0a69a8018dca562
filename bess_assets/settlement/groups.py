"""Groups of a board's batteries: by QSE, node, duration class, strategy, site, or a further column of the user's battery table.

A *further column* is any that the battery table has beside its known ones, such as owner, zone or contract; its values are the `attributes` of a battery.
A battery is *tolled* if its contract says so: its owner is paid a toll, and not what the board says. docs/methodology.md defines groups in its section 11.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bess_assets.settlement import metrics
from bess_assets.settlement.metrics import FLEET_TOTALS, STREAMS, Period

Row = Mapping[str, Any]

OF_THE_BOARD: dict[str, Callable[[Row], str | None]] = {
    "qse": lambda row: row["qse"],
    "node": lambda row: row["settlement_point"],
    "duration": metrics.duration_class,
    "strategy": lambda row: row["strategy"],
}
"""Values of a row of a board by which batteries are grouped, by the word for it."""
SITE = "site"
UNKNOWN = "unknown"
"""The group of batteries without a value."""
COLUMNS = {
    "group": "VARCHAR",
    **dict.fromkeys(("batteries", "batteries_ranked", "batteries_tolled"), "BIGINT"),
    **dict.fromkeys(("capacity_mw", *STREAMS, "energy_usd", "as_usd", *FLEET_TOTALS), "DOUBLE"),
    **dict.fromkeys(("usd_per_kw_month", "usd_per_kw_year", "energy_share"), "DOUBLE"),
    **dict.fromkeys(("energy_coverage", "as_coverage"), "DOUBLE"),
}
"""Columns of a group with DuckDB's types."""


def attributes(row: Row) -> dict[str, str]:
    """Values of the further columns of the battery table, from a row of a board or of the registry; a table made before they were kept has none."""
    return dict(json.loads(row.get("attributes") or "{}"))


def value_of(row: Row, by: str) -> str | None:
    """What a battery is grouped under; None where it has no value.

    A battery without a site in the battery table has the name of its node before the last underscore: ERCOT's public data name no sites.
    """
    if by in OF_THE_BOARD:
        return OF_THE_BOARD[by](row) or None
    own = attributes(row).get(by)
    if own is None and by == SITE and (node := row["settlement_point"]):
        return node.rpartition("_")[0] or str(node)
    return own


def groupings(rows: Iterable[Row]) -> list[str]:
    """All words by which the batteries of a board can be grouped."""
    return [*dict.fromkeys((*OF_THE_BOARD, SITE, *(name for row in rows for name in attributes(row))))]


def is_tolled(row: Row) -> bool:
    """Whether the column `contract` of the battery table says tolled, toll or tolling."""
    return attributes(row).get("contract", "").lower().startswith("toll")


def groups(rows: Iterable[Row], by: str, period: Period) -> list[dict[str, Any]]:
    """Figures of each group of a board's batteries, largest ranked total first, the group without a value last.

    Each is `metrics.fleet` of its batteries: streams and MW are of the ranked ones, so that the groups add up to the fleet.
    """
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(value_of(row, by) or UNKNOWN, []).append(row)
    made = []
    for name, own in found.items():
        figures = metrics.fleet(own, period)
        counts = {"batteries_ranked": figures.pop("ranked"), "batteries_tolled": sum(map(is_tolled, own))}
        made.append({"group": name, **counts, **figures})
    return sorted(
        made, key=lambda group: (group["group"] == UNKNOWN, -(group["ranked_total_usd"] or 0.0), group["group"])
    )
