"""`bess compare-csv`: a second settlement beside the results."""

import sys
from collections.abc import Iterator

import click

from bess_assets.cli import FORMAT, YEAR, Format, Options, command, long_work, show
from bess_assets.cli.render import table
from bess_assets.results.answers import Answer, marked
from bess_assets.second_settlement import compare
from bess_assets.store.listing import MADE_UP, MADE_UP_COLUMN, made_up_note, made_up_years
from bess_assets.text import one_line


@command(click.argument("year", type=YEAR), FORMAT)
def compare_csv(options: Options, year: int, form: Format) -> None:
    """Settle a refreshed year a second time, straight from ERCOT's CSV reports in BESS_REPORTS, and compare its revenue with the results.

    The second settlement shares no code with the first, and writes nothing. Batteries that differ by more than a cent are shown. Exit code 1 if one
    differs by more than 0.1 % of its revenue or a report cannot be read.
    """
    settings = options.settings_with_inputs([year])
    with long_work() as tell:
        comparison = compare.compare_reports(settings, year, tell)
    made_up = year in made_up_years(settings)
    answer = marked(Answer(compare.COLUMNS, [tuple(row.values()) for row in compare.figures(comparison)]), made_up)
    if form == "csv":
        click.echo(compare.verdict(comparison), err=True)
    show(
        form,
        comparison_lines(comparison),
        made_up_note(settings),
        answer.columns,
        answer.rows,
        {**compare.as_record(comparison), **({MADE_UP_COLUMN: MADE_UP} if made_up else {})},
    )
    if not comparison.agrees:
        sys.exit(1)


def comparison_lines(comparison: compare.Comparison) -> Iterator[str]:
    """The verdict, unreadable files, a row for each battery that differs."""
    yield compare.verdict(comparison)
    yield from (one_line(f"error: {file}: {problem}") for file, problem in comparison.problems.items())
    if worst := compare.worst(comparison):
        yield from ("", *table(compare.WORST, [worst]).lines, "")
        yield 'Every figure that differs: --format csv. "-" is unknown.'
    yield compare.reports_read(comparison)
