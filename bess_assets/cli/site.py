"""Commands that show all years in a browser: `bess site` writes static files, `bess serve` answers on this machine."""

import sys
from pathlib import Path

import click

from bess_assets.cli import Options, command, long_work
from bess_assets.cli.render import echo
from bess_assets.store.listing import made_up_note


@command(click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path)))
def site(options: Options, folder: Path | None) -> None:
    """Write all years as a site into DIR (else <home>/site): static files that open by double click, or lie on any web server.

    An index of years, each year's page, each battery over all years with its best and worst days by quarter-hour, groups, batteries compared, method, data
    dictionary and downloads. The site asks no other server for anything. Files of an earlier site there
    are replaced, each whole; those that this one does not have are removed, and nothing else is.
    """
    from bess_assets.report.site import Site  # loads pyarrow

    settings = options.settings()
    target = (folder or settings.home / "site").absolute()
    with long_work() as tell:
        files, size = Site(settings).write(target, tell)
    echo([f"{files:,} files, {size / 1e6:,.1f} MB. Open it: {target / 'index.html'}"], made_up_note(settings))


@command(click.option("--port", type=click.IntRange(1, 65535), default=3001, help="Port on 127.0.0.1."))
def serve(options: Options, port: int) -> None:
    """Show the same site on this machine, made from the tables as they are, and answer questions.

    The server adds the board of any days, any day of a battery by quarter-hour, and a JSON API whose addresses are the methods of Results.
    It listens on 127.0.0.1 alone, changes nothing, and refuses what pages elsewhere in the browser send (BESS_UI_HOSTS names further hosts).
    """
    from bess_assets.report.serve import serve as serve_site  # loads pyarrow and the server

    settings = options.settings()

    def ready() -> None:
        address = f"http://127.0.0.1:{port}"
        echo([f"The site: {address}   its API: {address}/api.html   (Ctrl-C stops it)"], made_up_note(settings))
        sys.stdout.flush()

    click.echo("Reading the years ..", err=True)
    serve_site(settings, port, ready)
