"""Settings of the commands that look at rollups, reports or the battery table."""

from collections.abc import Collection

from bess_assets.cli import Options, long_work
from bess_assets.settings import Settings
from bess_assets.store.places import bring_in


def settings_with_inputs(options: Options, years: Collection[int] | None = None) -> Settings:
    """The settings, once the copies of what lies in object stores are up to date: all of it, or what these years read."""
    settings = options.settings()
    if settings.copied:
        with long_work() as tell:
            bring_in(settings, years, tell)
    return settings
