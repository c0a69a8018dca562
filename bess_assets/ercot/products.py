"""The five ancillary services and the days on which the market changed: facts that more than one formula needs."""

from datetime import date

PRODUCTS = ("regup", "regdn", "rrs", "ecrs", "nspin")
"""Products in the order of every table; the labels in ERCOT's price files are these in capitals."""

PRODUCT_NAMES = {
    "regup": "regulation up",
    "regdn": "regulation down",
    "rrs": "responsive reserve",
    "ecrs": "ECRS",
    "nspin": "non-spinning reserve",
}
"""What they are called in a sentence."""

SOURCES = ("smne", "telemetry", "base_point")
"""Where a quantity of energy is read, best first: settlement metered, measured, instructed."""

PRICE_SOURCES = ("correction", "report", "history", "stated")
"""Where a price comes from, best first: a price correction; a price report; a price history; award rows of the day-ahead disclosure."""

PRICE_COUNTS = {
    "day-ahead energy": {source: f"da_{source}_price_quarter_hours" for source in PRICE_SOURCES},
    "real-time energy": {source: f"rt_{source}_price_quarter_hours" for source in PRICE_SOURCES[:-1]},
    "day-ahead AS": {source: f"as_{source}_price_hours" for source in PRICE_SOURCES},
}
"""Columns of daily_revenue that count prices by market and source."""

PERFECT = {
    "da": ("da_energy_usd", "da_perfect_usd"),
    "rt": ("rt_metered_usd", "rt_perfect_usd"),
    "energy": ("energy_usd", "energy_perfect_usd"),
    "total": ("total_usd", "total_perfect_usd"),
}
"""Columns of perfect_daily by basis: what a battery earned on it, and the most that it could have.

A basis is day-ahead energy, real-time energy, both as settled, or these with ancillary services.
"""
MONTH_LONG = {"rt": "rt_month_long_usd", "energy": "energy_month_long_usd"}
"""Columns of perfect_monthly by basis: one perfect trade through the month."""

ATTRIBUTED = {
    "active_days": "days on which only one of the two is active, and other days than the mean day of the reference",
    "availability": "hours in which one of the two is out by the day-ahead files: all of their difference",
    "location": "flows and day-ahead awards of the reference, at the prices of the node less those of its own",
    "as_mix": "AS money, and the energy of capacity that one of the two holds for AS and the other leaves free",
    "duration": "energy, as far as the spread of the day's prices is wider at one duration than at the other",
    "da_rt": "day-ahead awards at day-ahead less real-time prices, of capacity and duration that are alike",
    "timing": "what is left: what flowed when, at real-time prices",
    "unknown": "known dollars of quarter-hours of which something is unknown of one of the two",
}
"""Terms of the table attribution, and of which dollars each is the difference."""

DISCLOSURE_LAG_DAYS = 60
"""ERCOT discloses what each resource did so many days after the operating day; the files are named after the day on which it does."""

TB_HOURS = (1, 2, 4)
"""Hours of the top-bottom spreads."""

ECRS_FIRST_DAY = date(2023, 6, 10)
"""First operating day of ECRS; an earlier MCPC in the data moves it forward (methodology, section on unknowns)."""

RTC_FIRST_DAY = date(2025, 12, 5)
"""Real-time co-optimization plus batteries: single-model ESRs and real-time AS from this operating day."""

DAM_ESR_FIRST_DAY = date(2025, 12, 6)
"""First delivery day in 60d_DAM_ESR_Data; the day-ahead market of the day before ran before go-live."""

QUARTER_HOURS_PER_HOUR = 4
SECONDS_PER_QUARTER_HOUR = 900
HOURS_PER_QUARTER_HOUR = 0.25
