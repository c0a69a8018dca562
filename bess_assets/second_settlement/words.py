"""A comparison of both roads in words, as a text table, and as rows.

Belongs here: what is said of a comparison, and which of its figures are shown.
Does not: comparing (compare.py), printing (cli.py).
"""

from bess_assets.second_settlement.compare import EXACT_USD, FAILING_SHARE, SHOWN_USD, BatteryDifference, Comparison
from bess_assets.text_tables import Heading, decimals, one_line, text_table

COLUMNS = ("battery", "month", "column", "results_usd", "reports_usd", "difference_usd", "battery_share", "fails")
"""Columns of `rows`."""


def verdict(comparison: Comparison) -> str:
    """One sentence: equal, within bounds, or not."""
    c = comparison
    batteries = f"{c.batteries} {'battery' if c.batteries == 1 else 'batteries'}"
    if c.exact:
        text = (
            f"exactly equal: {c.figures:,} monthly figures of {batteries}, to a millionth of a dollar (the two roads add in different orders; "
            f"the largest difference is {c.worst_usd:.1g} $)"
        )
    else:
        failing = [battery for battery in c.differing if battery.fails]
        text = f"{len(c.differing)} of {batteries} differ by over {SHOWN_USD} $ or in what is known, "
        text += f"{len(failing)} of them by over {FAILING_SHARE:.1%} of their revenue; the largest difference of one figure is {c.worst_usd:,.2f} $"
    if c.problems:
        text += f"; {len(c.problems)} {'file' if len(c.problems) == 1 else 'files'} could not be read"
    return text


def comparison_lines(comparison: Comparison, width: int) -> list[str]:
    """The comparison for a terminal: the verdict, unreadable files, a line for each battery that differs with its worst figure."""
    c = comparison
    lines = [f"{c.year}, results against reports: {verdict(c)}."]
    lines += [one_line(f"error: {file}: {problem}") for file, problem in c.problems.items()]
    if c.differing:
        number = decimals(2)
        headings = [
            Heading("battery"),
            Heading("year differs $", number, right=True),
            Heading("of revenue", lambda share: f"{share:.4%}", right=True),
            Heading("fails"),
            Heading("worst month", right=True),
            Heading("worst figure"),
            Heading("results $", number, right=True),
            Heading("reports $", number, right=True),
            Heading("figures", right=True),
        ]
        lines += ["", *text_table(headings, [[_worst(battery) for battery in c.differing]], width).lines, ""]
        lines.append('Every figure that differs: --format csv. "-" is unknown.')
    lines.append(
        f"{c.reports:,} reports, {c.copies:,} copies of others left out, {c.others:,} CSVs of no dataset that is read; {c.seconds:.0f} s."
    )
    return lines


def _worst(battery: BatteryDifference) -> list[object]:
    worst = battery.figures[0]
    return [
        battery.battery,
        battery.usd,
        battery.share,
        "yes" if battery.fails else "no",
        worst.month,
        worst.column,
        worst.results_usd,
        worst.reports_usd,
        len(battery.figures),
    ]


def rows(comparison: Comparison) -> list[list[object]]:
    """A row for each figure of the batteries that differ; columns as in `COLUMNS`."""
    return [
        [
            battery.battery,
            figure.month,
            figure.column,
            figure.results_usd,
            figure.reports_usd,
            figure.usd,
            battery.share,
            battery.fails,
        ]
        for battery in comparison.differing
        for figure in battery.figures
    ]


def as_record(comparison: Comparison) -> dict[str, object]:
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
        "differences": [dict(zip(COLUMNS, row, strict=True)) for row in rows(c)],
    }
