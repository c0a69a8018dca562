"""Whether the ledgers hold every interval of the year, and whether what was added up from them is what they hold.

Belongs here: counting and summing whole files, in one pass each.
Does not: what an interval is worth (market/), the invariants of a row (store/files.py).
"""

from collections.abc import Sequence

from bess_assets.checks.check import Check, Judged, some
from bess_assets.ercot.calendar import OperatingYear, day_of_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Verdict

HOURS_CHECK = "every_day_has_its_23_24_or_25_hours"
QUARTER_HOURS_CHECK = "every_day_has_its_92_96_or_100_quarter_hours"
LEDGERS_CHECK = "fleet_sums_equal_those_of_the_ledgers"

RELATIVE_TOLERANCE = 1e-6
"""The board and the ledgers add the same numbers in different orders."""
ABSOLUTE_TOLERANCE_USD = 0.01


def _days(judged: Judged, per_hour: int, unit: str) -> Verdict:
    year = OperatingYear(judged.operating_year)
    series = judged.table.key[:-1]
    rows = judged.ask(
        f"WITH counted AS MATERIALIZED (SELECT {', '.join(series)}, operating_day AS day, count(*) AS steps "
        f"FROM {{{judged.table.name}}} GROUP BY ALL) "
        f"SELECT day, steps, count(*), min({series[0]}), (SELECT count(*) FROM (SELECT DISTINCT {', '.join(series)} FROM counted)) "
        "FROM counted GROUP BY day, steps ORDER BY day, steps"
    )
    total = rows[0][4] if rows else 0
    expected = {
        day_of_number(year.first_day + n): int(hours) * per_hour for n, hours in enumerate(year.day_hours.tolist())
    }
    held = dict.fromkeys(expected, 0)
    wrong = 0
    phrases = []
    for day, steps, count, example, _ in rows:
        if day not in expected:
            wrong += count
            phrases.append(f"{day} is no day of {year.year} ({count:,} series, {example} for one)")
            continue
        held[day] += count
        if steps != expected[day]:
            wrong += count
            phrases.append(f"{day}: {steps} {unit} instead of {expected[day]} ({count:,} series, {example} for one)")
    lacking = {day: total - count for day, count in held.items() if count < total}
    phrases += [f"{day}: absent from {count:,} series" for day, count in lacking.items()]
    wrong += sum(lacking.values())
    detail = some(phrases) or f"{total:,} series of {len(expected)} days, {sum(expected.values()):,} {unit} each"
    numbers = {"series": total, "days": len(expected), "days_of_series_wrong": wrong, "rows": judged.rows}
    return Verdict(passed=not wrong, detail=detail, numbers=numbers)


def _hours(judged: Judged) -> Verdict:
    return _days(judged, 1, "hours")


def _quarter_hours(judged: Judged) -> Verdict:
    return _days(judged, QUARTER_HOURS_PER_HOUR, "quarter-hours")


_DAYS_REMEDY = (
    "stop: the file is not what the package writes. Remove it and `bess refresh YEAR`; if it comes again, report it"
)
HOURS = Check(
    HOURS_CHECK,
    "Every series has a row for each hour of each day of the year: 23, 24 or 25 as the clock changes.",
    _hours,
    _DAYS_REMEDY,
    blocking=True,
)
QUARTER_HOURS = Check(
    QUARTER_HOURS_CHECK,
    "Every series has a row for each quarter-hour of each day of the year: 92, 96 or 100 as the clock changes.",
    _quarter_hours,
    _DAYS_REMEDY,
    blocking=True,
)


_AS_COLUMNS = [f"as_{product}_{leg}_usd" for product in PRODUCTS for leg in ("da", "rt")]
_COMPONENTS = ["da_energy_usd", "rt_energy_usd", *_AS_COLUMNS]


def _ledger_sums(judged: Judged) -> Verdict:
    ledgers = ("energy_revenue", "as_revenue")
    if not judged.has(*ledgers):
        return Verdict(passed=True, detail=f"not compared: {' or '.join(ledgers)} is not there")
    (board,) = judged.ask(f"SELECT {', '.join(f'sum({name})' for name in _COMPONENTS)} FROM {{leaderboard}}")
    (energy,) = judged.ask(
        "SELECT sum(da_usd) FILTER (energy_usd IS NOT NULL), sum(rt_usd) FILTER (energy_usd IS NOT NULL) FROM {energy_revenue}"
    )
    by_product = {
        product: legs
        for product, *legs in judged.ask(
            "SELECT product, sum(da_usd) FILTER (revenue_usd IS NOT NULL), sum(rt_usd) FILTER (revenue_usd IS NOT NULL) "
            "FROM {as_revenue} GROUP BY product"
        )
    }
    ledger = [*energy, *(leg for product in PRODUCTS for leg in by_product.get(product, (None, None)))]
    phrases = []
    largest = 0.0
    for name, shown, summed in zip(_COMPONENTS, board, ledger, strict=True):
        if (shown is None) != (summed is None):
            phrases.append(f"{name} is {_money(shown)} on the board and {_money(summed)} in the ledger")
        elif shown is not None:
            gap = abs(shown - summed)
            largest = max(largest, gap)
            if gap > max(ABSOLUTE_TOLERANCE_USD, RELATIVE_TOLERANCE * abs(summed)):
                phrases.append(f"{name} is {_money(shown)} on the board and {_money(summed)} in the ledger")
    numbers = {
        "fleet_usd_on_the_board": _total(board),
        "fleet_usd_in_the_ledgers": _total(ledger),
        "largest_difference_usd": largest,
        "components_differing": len(phrases),
    }
    detail = "; ".join(phrases) or f"{_money(_total(ledger))} in all; {len(_COMPONENTS)} components agree"
    return Verdict(passed=not phrases, detail=detail, numbers=numbers)


def _total(components: Sequence[float | None]) -> float | None:
    known = [value for value in components if value is not None]
    return sum(known) if known else None


def _money(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f} $"


LEDGERS = Check(
    LEDGERS_CHECK,
    "What all batteries of the board earned, by component, is what one pass over the two ledgers adds up to, to a cent or a millionth.",
    _ledger_sums,
    "a table was refreshed without what is made from it: `bess refresh YEAR`; if it comes again, report it",
    blocking=True,
)
