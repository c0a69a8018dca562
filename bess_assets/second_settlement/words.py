"""A comparison of the second settlement with the results, in words, as table rows and as JSON."""

from collections.abc import Iterator
from typing import Any

from bess_assets.second_settlement.compare import EXACT_USD, FAILING_SHARE, SHOWN_USD, BatteryDifference, Comparison
from bess_assets.text import Column, decimals, number

COLUMNS = ("battery", "month", "column", "results_usd", "reports_usd", "difference_usd", "battery_share", "fails")
"""Columns of `differences`."""
WORST = (
    Column("battery", "battery"),
    number("year differs $", "year_usd", decimals(2)),
    number("of revenue", "battery_share", "{:.4%}".format),
    Column("fails", "fails", lambda fails: "yes" if fails else "no"),
    number("worst month", "month", str),
    Column("worst figure", "column"),
    number("results $", "results_usd", decimals(2)),
    number("reports $", "reports_usd", decimals(2)),
    number("figures", "figures", str),
)
"""Columns of a table of `worst`."""


def verdict(comparison: Comparison) -> str:
    """One sentence: equal, within bounds, or not."""
    c = comparison
    batteries = f"{c.batteries} {'battery' if c.batteries == 1 else 'batteries'}"
    if c.exact:
        text = (
            f"exactly equal: {c.figures:,} monthly figures of {batteries}, to a millionth of a dollar (the two settlements add in different orders; "
            f"the largest difference is {c.worst_usd:.1g} $)"
        )
    else:
        failing = sum(battery.fails for battery in c.differing)
        text = f"{len(c.differing)} of {batteries} differ by over {SHOWN_USD} $ or in what is known, "
        text += f"{failing} of them by over {FAILING_SHARE:.1%} of their revenue; the largest difference of one figure is {c.worst_usd:,.2f} $"
    if c.problems:
        text += f"; {len(c.problems)} {'file' if len(c.problems) == 1 else 'files'} could not be read"
    return f"{c.year}, results against reports: {text}."


def reports_read(comparison: Comparison) -> str:
    """How many reports were read, and how long it took."""
    c = comparison
    return f"{c.reports:,} reports, {c.copies:,} copies of others left out, {c.others:,} CSVs of datasets that no figure needs; {c.seconds:.0f} s."


def _figures(battery: BatteryDifference) -> Iterator[dict[str, Any]]:
    for f in battery.figures:
        values = battery.battery, f.month, f.column, f.results_usd, f.reports_usd, f.usd, battery.share, battery.fails
        yield dict(zip(COLUMNS, values, strict=True))


def differences(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each figure of the batteries that differ, with `COLUMNS`."""
    return [row for battery in comparison.differing for row in _figures(battery)]


def worst(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each battery that differs: its worst figure, with how much its year differs and in how many figures."""
    return [next(_figures(b)) | {"year_usd": b.usd, "figures": len(b.figures)} for b in comparison.differing]


def as_record(comparison: Comparison) -> dict[str, Any]:
    """The whole comparison, for JSON."""
    c = comparison
    return {
        "year": c.year,
        "agrees": c.agrees,
        "exact": c.exact,
        "exact_to_usd": EXACT_USD,
        "batteries": c.batteries,
        "figures": c.figures,
        "worst_usd": c.worst_usd,
        "reports": c.reports,
        "copies_left_out": c.copies,
        "other_csvs": c.others,
        "problems": c.problems,
        "seconds": c.seconds,
        "differences": differences(c),
    }
