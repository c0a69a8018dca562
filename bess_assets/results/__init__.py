"""Answers from the result tables: leaderboards, batteries, the fleet, nodes, read-only SQL.

Start here:

    >>> from bess_assets.results import Results
    >>> with Results() as results:
    ...     board = results.leaderboard(2024, sort="usd_per_kw_month", top=10)
    ...     storm = results.leaderboard_of_days("2021-02-13", "2021-02-19")
    ...     months = results.fleet(by="month").to_pandas()

Belongs here: the names that others use. The questions are in queries.py, what they give in answers.py, DuckDB and its limits in engine.py, what is kept in
memory in cache.py, the board of any days in window.py.
Does not: how an answer looks (text.py, cli/, report/), how a figure is computed (market/).

Importing it loads DuckDB and light modules alone: no Dagster, pandas, numpy or pyarrow, so that an answer takes milliseconds.
"""

from bess_assets.results.answers import Answer, BatteryAnswer, QueryError, StillRunningError
from bess_assets.results.cache import CacheInfo
from bess_assets.results.queries import BEST_DAYS, Results, Step

__all__ = ["BEST_DAYS", "Answer", "BatteryAnswer", "CacheInfo", "QueryError", "Results", "Step", "StillRunningError"]
