"""Statements of percent of perfect, summed over the months of perfect_monthly, and words for the classes of the index."""

from collections.abc import Iterable
from pathlib import Path

from bess_assets.ercot.products import MONTH_LONG, PERFECT
from bess_assets.results.engine import literal, read

CLASSES = {
    "1h": "under 1.25 h",
    "1.5h": "1.25 to 1.75 h",
    "2h": "1.75 to 2.5 h",
    "4h": "2.5 h and more",
    "as": "ancillary_services",
    "energy": "energy_arbitrage",
}
"""Short words for classes of the index."""


def perfect(
    files: Iterable[Path], month: int | None = None, battery: str | None = None, *, by_month: bool = False
) -> str:
    """SELECT of a row a battery, or a battery and month: its expected days, and by basis days, dollars, perfect dollars and captures."""
    figures = []
    for basis, (actual, most) in PERFECT.items():
        figures += [f"sum({basis}_days)::BIGINT AS {basis}_days", f"sum({actual}) AS {basis}_actual_usd"]
        for name, column in [("", most), *([("month_long_", MONTH_LONG[basis])] if basis in MONTH_LONG else [])]:
            capture = f"CASE WHEN sum({column}) > 0 THEN sum({actual}) / sum({column}) END"
            figures += [f"sum({column}) AS {basis}_{name or 'perfect_'}usd", f"{capture} AS {basis}_{name}capture"]
    keys = "battery, month" if by_month else "battery"
    of_month = "" if month is None else f" AND month = {int(month)}"
    where = "true" if battery is None else f"battery = {literal(battery)}"
    return f"SELECT {keys}, sum(expected_days)::BIGINT AS expected_days, {', '.join(figures)} FROM {read(files)} WHERE {where}{of_month} GROUP BY ALL"
