"""A comparison of the second settlement with the results, in words, as table rows and as JSON."""

from typing import Any

import pandas as pd

from bess_assets.second_settlement.compare import COLUMNS as FIGURES
from bess_assets.second_settlement.compare import EXACT_USD, FAILING_SHARE, SHOWN_USD, Comparison
from bess_assets.text import Column, decimals, number

COLUMNS = FIGURES[:-1]
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
        differing = c.differing.drop_duplicates("battery")
        text = f"{len(differing)} of {batteries} differ by over {SHOWN_USD} $ or in what is known, "
        text += f"{differing['fails'].sum()} of them by over {FAILING_SHARE:.1%} of their revenue; the largest difference of one figure is {c.worst_usd:,.2f} $"
    if c.problems:
        text += f"; {len(c.problems)} {'file' if len(c.problems) == 1 else 'files'} could not be read"
    return f"{c.year}, results against reports: {text}."


def reports_read(comparison: Comparison) -> str:
    """How many reports were read, and how long it took."""
    c = comparison
    return f"{c.reports:,} reports, {c.copies:,} copies of others left out, {c.others:,} CSVs of datasets that no figure needs; {c.seconds:.0f} s."


def _records(figures: pd.DataFrame) -> list[dict[str, Any]]:
    known = figures.astype("object").where(figures.notna(), None)
    return [dict(zip(known.columns, row, strict=True)) for row in known.itertuples(index=False)]


def differences(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each figure of the batteries that differ, with `COLUMNS`."""
    return _records(comparison.differing[list(COLUMNS)])


def worst(comparison: Comparison) -> list[dict[str, Any]]:
    """A row for each battery that differs: its worst figure, with how much its year differs and in how many figures."""
    figures = comparison.differing.groupby("battery")["column"].transform("size")
    return _records(comparison.differing.assign(figures=figures).drop_duplicates("battery"))


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
