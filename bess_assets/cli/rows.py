"""Commands that show rows as they are: `bess rows` and `bess sql`. Loads no Dagster, pandas or pyarrow."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

import click

from bess_assets.cli import FORMAT, YEAR, Format, Options, command, show
from bess_assets.cli.render import paragraph, table
from bess_assets.errors import BessError
from bess_assets.results import Results
from bess_assets.store.listing import made_up_note
from bess_assets.text import ALWAYS, Column, any_value, listed

_LEFT_OUT = (
    Column("dataset", "dataset"),
    Column("file", "file", keep=50),
    Column("row", "row", "{:,}".format, right=True),
    Column("kind", "kind", keep=40),
    Column("what became of it", "detail", keep=60),
    Column("what it says", "says", keep=10, widest=100),
)


@command(
    click.argument("year", type=YEAR),
    click.option("--left-out", is_flag=True, help="Those that were left out, doubted, or taken for blank in part."),
    click.option("--dataset", metavar="NAME", help="Only rows of this dataset, as dam_gen_resources."),
    FORMAT,
)
def rows(options: Options, year: int, left_out: bool, dataset: str | None, form: Format) -> None:
    """Show rows of a year's rollups that no figure is made of, or not as they are: with file, place, why, and what they say.

    Of each dataset and kind they are the first 25; `bess status --causes` counts all.
    """
    if not left_out:
        raise BessError("Only rows that were left out can be shown.", remedy=f"Run: bess rows {year} --left-out")
    from bess_assets.ercot.datasets import find_dataset  # a leaderboard is shown without it

    settings, dataset = options.settings(), find_dataset(dataset).name if dataset else None
    with Results(settings) as results:
        answer = results.left_out_rows(year)
    found = [row for row in answer.records() if dataset in {None, row["dataset"]}]
    none = f"No row of {year}{f' of {dataset}' if dataset else ''} was left out or doubted."
    lines = table(_LEFT_OUT, [found]).lines if found else [none]
    show(form, lines, made_up_note(settings), answer.columns, [[*row.values()] for row in found])


_ROWS_SHOWN = 1000  # of an SQL answer in a table; CSV and JSON hold all


@command(click.argument("query"), FORMAT)
def sql(options: Options, query: str, form: Format) -> None:
    """Answer one SELECT over the result tables, read-only.

    Each table is a view of its name; yearly ones begin with the column year. SHOW TABLES and DESCRIBE leaderboard work too. The query is stopped after
    BESS_QUERY_TIMEOUT seconds (default 30).
    """
    settings = options.settings()
    with Results(settings) as results, results.stream(query) as (columns, rows):
        show(form, _first_lines(columns, rows), made_up_note(settings), columns, rows)


def _first_lines(names: Sequence[str], rows: Iterator[Sequence[Any]]) -> Iterator[str]:
    """The first rows of an SQL answer, and whether there are more; where the terminal is narrow, the last columns are left out, and named."""
    if not names:
        return
    first = list(islice(rows, _ROWS_SHOWN))
    columns = [
        Column(name, index, any_value, _are_numbers(row[index] for row in first), ALWAYS - min(index, ALWAYS - 1), 48)
        for index, name in enumerate(names)
    ]
    lines, left_out = table(columns, [first])
    count = f"{len(first):,} row{'s' * (len(first) != 1)}"
    more = next(rows, None) is not None
    yield from (*lines, f"(the first {count}; --format csv gives all)" if more else f"({count})")
    if left_out:
        hidden = listed(column.heading for column in left_out)
        yield from paragraph(f"Not shown, for lack of width: {hidden}. --format csv holds every column.")


def _are_numbers(values: Iterable[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(not isinstance(value, bool | str | date | list | dict | bytes) for value in known)
