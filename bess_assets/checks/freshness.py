"""Whether a year is fresh, stale or final, on a day, by ERCOT's delay of 60 days."""

from contextlib import closing
from datetime import date, timedelta
from typing import Any

from bess_assets.ercot.products import DISCLOSURE_LAG_DAYS
from bess_assets.results.engine import Engine, read
from bess_assets.settings import Settings
from bess_assets.store.paths import result_path

GRACE_DAYS = 5
"""Days that a disclosure, or its download, may be late before a year counts as stale."""

_DELAY = timedelta(days=DISCLOSURE_LAG_DAYS + GRACE_DAYS)


def board_dates(settings: Settings, year: int) -> tuple[date, bool] | None:
    """The last operating day of a year's board, and whether its data go beyond the year's end; None if there is no board, or no battery on it.

    Raises:
        QueryError: the file of the board is damaged.
    """
    path = result_path(settings.results, "leaderboard", year)
    if not path.is_file():
        return None
    with closing(Engine(settings)) as engine:
        (answer,) = engine.ask(f"SELECT max(data_through), bool_and(edition = 'final') FROM {read([path])}")
    (dates,) = answer.rows
    return None if dates[0] is None else dates


def is_final(settings: Settings, year: int) -> bool:
    """Whether a year is complete: a label, not a lock; a later restatement makes a new edition of it."""
    return (board_dates(settings, year) or (None, False))[1]


def is_due(year: int, today: date) -> bool:
    """Whether at least one day of a year must be there by a day."""
    return today - _DELAY >= date(year, 1, 1)


def freshness(settings: Settings, year: int, today: date) -> tuple[str, dict[str, Any]]:
    """Whether a year holds the days that ERCOT must have published by a day, Central time: as a sentence, and as figures by name.

    The state is fresh; stale: days are missing that were disclosed; or final: the year is complete.
    """
    expected = min(today - _DELAY, date(year, 12, 31))
    through, final = board_dates(settings, year) or (None, False)
    state = "stale"
    if final:
        state, words = "final", f"{year} is final: its data go beyond 31 December."
    elif not is_due(year, today):
        state, words = "fresh", f"no day of {year} is due before {date(year, 1, 1) + _DELAY}."
    elif through is None:
        words = f"{year} was never refreshed; its data should reach {expected}."
    elif through >= expected:
        state, words = "fresh", f"the data of {year} reach {through}; {expected} is enough on {today}."
    else:
        words = (
            f"the data of {year} end on {through}, {(expected - through).days} days short of {expected}: "
            f"{DISCLOSURE_LAG_DAYS} days of disclosure lag and {GRACE_DAYS} of grace before {today}."
        )
    return words, {
        "state": state,
        "data_through": str(through or "never refreshed"),
        "expected_through": str(expected),
        "days_behind": max((expected - through).days, 0) if through else None,
    }
