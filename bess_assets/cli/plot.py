"""`bess plot`: pictures of answers."""

from pathlib import Path

import click

from bess_assets.cli import YEAR, Options, command
from bess_assets.errors import BessError
from bess_assets.results import Results
from bess_assets.store.listing import nothing_yet

_KINDS = {  # functions of results.plots: how many names each takes, and an example
    "stack": ("one", "bess plot stack FLINT_1 --year 2026"),
    "day": ("one", "bess plot day FLINT_1 --day 2026-08-20"),
    "cumulative": ("some", "bess plot cumulative FLINT_1 FLINT_2"),
    "compare": ("some", "bess plot compare FLINT_1 FLINT_2"),
    "duration": ("none", "bess plot duration"),
}


@command(
    click.argument("kind", type=click.Choice(list(_KINDS))),
    click.argument("names", nargs=-1),
    click.option("--year", type=YEAR, help="Of this year; the latest, if none is named."),
    click.option("--day", metavar="DAY", help="Of this day, as 2026-08-20; for the kind day."),
    click.option(
        "--out",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File to write, .png, .svg or .pdf; else KIND.png.",
    ),
)
def plot(
    options: Options, kind: str, names: tuple[str, ...], year: int | None, day: str | None, out: Path | None
) -> None:
    """Write a picture of a year, or of one day of it.

    Kinds: stack, a battery's streams by month; cumulative, dollars up to each day; day, a battery's prices, power and dollars by quarter-hour; duration,
    $/kW-month by hours of energy; compare, $/kW-month of batteries side by side. Needs matplotlib, the extra `plot`.
    """
    from bess_assets.results import plots

    how_many, example = _KINDS[kind]
    wanted = {"one": len(names) == 1, "some": bool(names), "none": not names}[how_many]
    if not wanted or (kind == "day") != (day is not None):
        needs = {"one": "needs the name of one battery", "some": "needs names of batteries", "none": "takes no name"}
        day_needs = " and --day" if kind == "day" else " and no --day" if day else ""
        raise BessError(f"bess plot {kind} {needs[how_many]}{day_needs}.", expected=f"as in: {example}")
    path = out or Path(f"{kind}.png")
    with Results(options.settings()) as results:
        of_year = year or max(results.years(), default=None)
        if of_year is None:
            raise nothing_yet(results.folder)
        named = {"one": names, "some": (list(names),), "none": ()}[how_many]
        plots.save(getattr(plots, kind)(results, *named, day or of_year), path)
    click.echo(f"Written: {path}")
