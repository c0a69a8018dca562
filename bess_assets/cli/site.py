"""Commands that show all years in a browser: `bess site` writes static files, `bess serve` answers on this machine."""

from pathlib import Path

import click

from bess_assets.cli import Options, command, long_work
from bess_assets.cli.render import echo
from bess_assets.store.listing import made_up_note


@command(click.argument("folder", metavar="[DIR]", required=False, type=click.Path(file_okay=False, path_type=Path)))
def site(options: Options, folder: Path | None) -> None:
    """Write all years as a site into DIR (else <home>/site): static files that open by double click, or lie on any web server.

    An index of years, each year's page, each battery over all years with its best and worst days by quarter-hour, groups, batteries compared, method, data
    dictionary and downloads. The site asks no other server for anything. Files of an earlier site there are replaced, each whole.
    """
    from bess_assets.report.site import Site  # loads pyarrow

    settings = options.settings()
    target = (folder or settings.home / "site").absolute()
    with long_work() as tell:
        files, size = Site(settings).write(target, tell)
    echo([f"{files:,} files, {size / 1e6:,.1f} MB. Open it: {target / 'index.html'}"], made_up_note(settings))
