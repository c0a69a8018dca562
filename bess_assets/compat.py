"""The calls of CSV scripts, answered by `Results`: revenue of a resource and year, and the leaderboard with the columns that such scripts have.

It is here for teams on their way from scripts of their own (docs/coming-from-csv.md), warns once a function how to say the same with `Results`, and goes with
version 1.0. A resource is named as ERCOT names it, generation, load or storage resource, or by the battery's stable key. The home is the one that BESS_HOME
names. Figures are those of the board: NaN where unknown, and never 0 for want of data.
"""

import math
import warnings
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from bess_assets.ercot.products import PRODUCTS
from bess_assets.results import Results
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement import strategy

if TYPE_CHECKING:
    import pandas as pd

SERVICES = dict(zip(("RegUp", "RegDown", "RRS", "ECRS", "NSPIN"), PRODUCTS, strict=True))
"""Ancillary services by the names that scripts have for them."""
COLUMNS = (
    "resource_name",
    "capacity_mw",
    "energy_revenue",
    "as_revenue",
    "total_revenue",
    "revenue_per_mw",
    "strategy",
)
"""Columns of a leaderboard frame."""

_NOW = {
    "bess_registry": "Results().leaderboard(year)",
    "calculate_energy_revenue_parquet": "Results().compare([resource_name], year), column energy_usd",
    "calculate_as_revenue_parquet": "Results().compare([resource_name], year), columns as_regup_usd to as_nspin_usd",
    "classify_strategy": "the column strategy of Results().leaderboard(year)",
    "generate_leaderboard_parquet": "Results().leaderboard(year, month).to_pandas()",
    "cached_revenue_query": "Results().leaderboard_of_days(first, last)",
}
_warned = set[str]()
_opened: dict[Settings, Results] = {}


def bess_registry(year: int | str) -> dict[str, dict[str, Any]]:
    """Node, size and first active day of each battery of a year, by resource name.

    `duration_hours` is 4 where no public data say it, as in the scripts; `duration_source` is `assumed` there.
    """
    _warn("bess_registry")
    names = {"settlement_point": "settlement_point", "capacity_mw": "capacity_mw", "duration_hours": "duration_hours"}
    names |= {"duration_source": "duration_source", "first_active_date": "first_active_date"}
    rows = _results().leaderboard(year).records()
    return {_resource(row): {ours: row[theirs] for ours, theirs in names.items()} for row in rows}


def calculate_energy_revenue_parquet(resource_name: str, year: int | str) -> float:
    """Day-ahead and real-time energy revenue of a resource's battery in a year, $, charging included; NaN where it is unknown."""
    _warn("calculate_energy_revenue_parquet")
    return _number(_row(resource_name, year)["energy_usd"])


def calculate_as_revenue_parquet(resource_name: str, year: int | str) -> dict[str, float]:
    """Revenue of a resource's battery in a year from each ancillary service, $; NaN where it is unknown, no entry before a service exists."""
    _warn("calculate_as_revenue_parquet")
    return _services(_row(resource_name, year))


def classify_strategy(energy_revenue: float, as_revenue: Mapping[str, float]) -> str | None:
    """The strategy of a year's revenue by the thresholds of the board; None where a part is unknown. The board's own label also knows the size."""
    _warn("classify_strategy")
    known = {name: None if math.isnan(usd) else usd for name, usd in as_revenue.items()}
    energy = None if math.isnan(energy_revenue) else energy_revenue
    return strategy.classify(energy, known, None, 12).strategy


def generate_leaderboard_parquet(year: int | str, month: int | None = None) -> "pd.DataFrame":
    """The leaderboard of a year or month as a frame with the columns of the scripts (`COLUMNS`), largest total first, unknown totals last.

    Every battery has a row, ranked or not: `Results.leaderboard` says which are, and why others are not.
    """
    import pandas as pd  # noqa: PLC0415  for this one call

    _warn("generate_leaderboard_parquet")
    rows = [
        (
            _resource(row),
            *(row[name] for name in ("capacity_mw", "energy_usd", "as_usd", "total_usd", "usd_per_mw", "strategy")),
        )
        for row in _results().leaderboard(year, month).records()
    ]
    numbers = dict.fromkeys(COLUMNS[1:-1], "float64")
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(numbers)
    return frame.sort_values("total_revenue", ascending=False, kind="stable", ignore_index=True)


def cached_revenue_query(resource_name: str, date_range: tuple[date | str, date | str]) -> float:
    """Total revenue of a resource's battery from a first to a last day, included, $; NaN where it is unknown. Answers are kept in memory."""
    _warn("cached_revenue_query")
    first, last = date_range
    key = _row(resource_name, str(last)[:4])["battery"]
    rows = _results().leaderboard_of_days(first, last).records()
    return next((_number(row["total_usd"]) for row in rows if row["battery"] == key), math.nan)


def _results() -> Results:
    """The results of the present settings, opened once."""
    settings = load_settings()
    return _opened.setdefault(settings, Results(settings))


def _row(resource_name: str, year: int | str) -> Mapping[str, Any]:
    return _results().compare([resource_name], year).records()[0]


def _resource(row: Mapping[str, Any]) -> str:
    """The name of a battery in ERCOT's data of the year, the generation resource where there are two."""
    return str(row["gen_resource"] or row["esr_resource"] or row["battery"])


def _services(row: Mapping[str, Any]) -> dict[str, float]:
    """A service that the board knows nothing of did not exist, where its total is known without it."""
    usd = {service: row[f"as_{product}_usd"] for service, product in SERVICES.items()}
    return {service: _number(value) for service, value in usd.items() if value is not None or row["as_usd"] is None}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _warn(name: str) -> None:
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f"bess_assets.compat.{name} goes with version 1.0. Now: {_NOW[name]}.", FutureWarning, stacklevel=3
        )
