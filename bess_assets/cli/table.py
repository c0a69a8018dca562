"""`bess battery-table`: a battery table to start from."""

from pathlib import Path

import click

from bess_assets.cli import Options, command
from bess_assets.cli.render import echo
from bess_assets.results import Results
from bess_assets.text import csv_lines

_COLUMNS = ("battery", "valid_from", "valid_to", "zone", "site")
_BATTERIES = (
    "SELECT battery, arg_max(settlement_point, year), min(first_seen_day)::VARCHAR, "
    "CASE WHEN max(year) < (SELECT max(year) FROM bess_registry) THEN max(last_seen_day)::VARCHAR ELSE '' END "
    "FROM bess_registry GROUP BY battery ORDER BY battery"
)


@command(
    click.option(
        "--points",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        required=True,
        help="Settlement_Points_*.csv of ERCOT's report NP4-160-SG: load zone and substation of each node.",
    )
)
def battery_table(options: Options, points: Path) -> None:
    """Print a battery table with the load zone (zone) and substation (site) of every battery of the results, as CSV.

    Rows and columns of your own table (BESS_REGISTRY) are kept, and zone and site filled where they are empty. Save it, look at it, add columns such as
    owner, and name it in BESS_REGISTRY.
    """
    from bess_assets.ercot.settlement_points import read_points
    from bess_assets.settlement.battery_table import Seen, fill, read_rows

    settings = options.settings_with_inputs()
    known, own = read_points(points), read_rows(settings.registry_csv) if settings.registry_csv else []
    with Results(settings) as results:
        batteries = [Seen(*row[:4]) for row in results.query(_BATTERIES).rows]
    rows = fill(own, batteries, known)
    columns = list(dict.fromkeys((*(own[0] if own else ()), *_COLUMNS)))
    echo(csv_lines(columns, ([row.get(column) or None for column in columns] for row in rows)))
    placed = sum(bool(row["zone"]) for row in rows)
    click.echo(f"{len(rows)} rows, {placed} with a zone.", err=True)
