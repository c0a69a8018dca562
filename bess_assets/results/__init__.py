"""Answers from the result tables: leaderboards, batteries, the fleet, nodes, read-only SQL.

    >>> from bess_assets.results import Results
    >>> with Results() as results:
    ...     board = results.leaderboard(2024, sort="usd_per_kw_month", top=10)
    ...     storm = results.leaderboard_of_days("2021-02-13", "2021-02-19")
    ...     months = results.fleet(by="month").to_pandas()

Importing it loads DuckDB and light modules alone, without Dagster, pandas, numpy or pyarrow, so that an answer takes milliseconds.
"""

from bess_assets.results.answers import Answer, BatteryAnswer, QueryError, StillRunningError
from bess_assets.results.cache import CacheInfo
from bess_assets.results.engine import Step
from bess_assets.results.queries import BEST_DAYS, Results

__all__ = ["BEST_DAYS", "Answer", "BatteryAnswer", "CacheInfo", "QueryError", "Results", "Step", "StillRunningError"]
