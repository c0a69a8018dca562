"""What others published of the dollars of ERCOT's batteries, each with its basis: to be set beside ours, never used in a figure."""

from typing import NamedTuple

from bess_assets.checks.figures import AVERAGES


class Published(NamedTuple):
    """A figure of the fleet that somebody published.

    Attributes:
        year, month: its period; month None for the year.
        low_usd_per_kw_month, high_usd_per_kw_month: it, or the range that it lies in.
        basis: what is divided by what, in words.
    """

    year: int
    month: int | None
    low_usd_per_kw_month: float
    high_usd_per_kw_month: float
    basis: str


_INDEX = "a commercial index: energy and AS of the fleet over the capacity active each day"
_YEARLY = f"{_INDEX}, published as $/kW-year"
_MONTHS_OF_2025 = {8: 2.27, 9: 3.16, 10: 2.03, 11: 2.38}

PUBLISHED = [
    *(
        Published(year, month, low / 12, high / 12, _YEARLY if month is None or year == 2024 else _INDEX)
        for (year, month), (low, high) in AVERAGES.items()
    ),
    *(Published(2025, month, usd, usd, _INDEX) for month, usd in _MONTHS_OF_2025.items()),
]
"""Figures of the fleet, none of 2019 to 2021. The check of averages knows those of `AVERAGES` alone."""


def published_of(year: int, *, months: bool) -> list[Published]:
    """Figures of the months of a year, in order, or of the year."""
    own = [one for one in PUBLISHED if one.year == year and (one.month is not None) == months]
    return sorted(own, key=lambda one: one.month or 0)
