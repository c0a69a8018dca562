"""Fleet averages published by a commercial index of ERCOT battery revenue, $/kW-year."""

TOLERANCE = 0.30
"""A correct reconstruction from public data lies 10 to 30 % below such an index, with the same order of months."""

_YEARS = {2022: 141.0, 2023: 192.0, 2024: 55.0, 2025: 30.0}
"""$/kW-year; no average of 2019 to 2021 was found."""

_MONTHS_ANNUALISED = {
    (2024, 5): (157.0, 162.0),
    (2024, 6): (45.0, 45.0),
    (2024, 7): (23.0, 23.0),
    (2024, 8): (87.0, 87.0),
    (2024, 9): (22.0, 22.0),
    (2024, 10): (41.0, 41.0),
    (2024, 11): (33.0, 33.0),
    (2024, 12): (16.0, 16.0),
}
"""Months as they were published: scaled to a year, $/kW-year; a range where two figures were published."""

_MONTHS = {(2026, 1): 3.94, (2026, 2): 1.08, (2026, 4): 3.12}
"""Months as they were published: $/kW-month."""


def figure(year: int, month: int | None) -> tuple[float, float] | None:
    """Lowest and highest published average of a year, or of one of its months scaled to a year, $/kW-year; None if there is none."""
    if month is None:
        return (_YEARS[year], _YEARS[year]) if year in _YEARS else None
    if (year, month) in _MONTHS:
        return 12 * _MONTHS[year, month], 12 * _MONTHS[year, month]
    return _MONTHS_ANNUALISED.get((year, month))
