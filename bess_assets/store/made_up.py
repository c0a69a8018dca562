"""Made-up data: which inputs are simulated, and which years' results were made of them.

`MARKER` lies in every folder of simulated rollups or reports, and of rollups built from such reports. The run record of a year says of each table whether
its inputs were simulated, so that results carried away from their inputs still say it. Loads the standard library alone: every answer asks.
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from bess_assets.settings import Settings
from bess_assets.store.listing import RUNS_FOLDER, Mark, mark_of, yearly_files

MARKER = "SIMULATED.json"
"""File in a folder of simulated rollups or reports, or of rollups built from such reports."""
MADE_UP_COLUMN = "data"
MADE_UP = "made-up"
"""What `MADE_UP_COLUMN` holds."""
NOTE = "Made-up data: the market is simulated. No figure is of a real battery."


def made_up_inputs(settings: Settings) -> bool:
    """Whether the rollups in use are simulated, or built from simulated reports."""
    own, built = ((folder / MARKER).is_file() for folder in (settings.rollups, settings.built))
    return own or (built and not made_up_beside_real(settings))


def made_up_beside_real(settings: Settings) -> bool:
    """Whether the built rollups are made up and the user's own are real: the built ones are then not used, for they would fill the gaps of real data."""
    if not (settings.built / MARKER).is_file() or (settings.rollups / MARKER).is_file():
        return False
    return any(settings.rollups.glob("*/*.parquet"))


def made_up_years(settings: Settings) -> frozenset[int]:
    """Years that have results of which a table was made of simulated inputs."""
    said = {year: _recorded(p, mark_of(p)) for year, p in yearly_files(settings.results, RUNS_FOLDER, ".json").items()}
    return frozenset(
        year for year, made_up in said.items() if (made_up_inputs(settings) if made_up is None else made_up)
    )


def made_up_note(settings: Settings, years: Iterable[int] | None = None) -> str | None:
    """What a reader of figures must know if any of the years shown is made up; None is the whole home, its inputs too."""
    made_up = made_up_years(settings)
    shown = made_up if years is None else made_up.intersection(years)
    return NOTE if shown or (years is None and made_up_inputs(settings)) else None


@lru_cache(maxsize=64)
def _recorded(record: Path, _mark: Mark | None) -> bool | None:
    """Whether any table of a run record was made of simulated inputs; None where the record is of a version that did not say."""
    try:
        tables = json.loads(record.read_text(encoding="utf-8"))["tables"]
        said = [entry["made_up"] for entry in tables.values() if "made_up" in entry]
    except (OSError, ValueError, KeyError, TypeError):
        return False  # a record that cannot be read is an error of whatever needs it
    return any(said) if said else None
