"""Checks of whole ledgers: every interval of the year has its row, and the sums of the board are those of the ledgers."""

from collections.abc import Sequence

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.calendar import OperatingYear, day_of_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Verdict, some

RELATIVE_TOLERANCE = 1e-6
"""The board and the ledgers add the same numbers in different orders."""
ABSOLUTE_TOLERANCE_USD = 0.01


def _complete(name: str, per_hour: int, unit: str, counts: str) -> Check:
    """A check that every series has a row for each hour, or quarter-hour, of each day."""

    def judge(judged: Judged) -> Verdict:
        year = OperatingYear(judged.operating_year)
        series = ", ".join(judged.table.key[:-1])
        rows = judged.ask(
            f"WITH counted AS MATERIALIZED (SELECT {series}, operating_day AS day, count(*) AS steps "
            f"FROM {{{judged.table.name}}} GROUP BY ALL) "
            f"SELECT day, steps, count(*), min({judged.table.key[0]}), (SELECT count(*) FROM (SELECT DISTINCT {series} FROM counted)) "
            "FROM counted GROUP BY day, steps ORDER BY day, steps"
        )
        total = rows[0][4] if rows else 0
        steps_of = {
            day_of_number(year.first_day + n): hours * per_hour for n, hours in enumerate(year.day_hours.tolist())
        }
        held = dict.fromkeys(steps_of, 0)
        phrases, wrong = [], 0
        for day, steps, count, example, _ in rows:
            one = f"({count:,} series, {example} for one)"
            if day not in steps_of:
                phrases.append(f"{day} is no day of {year.year} {one}")
            elif steps != steps_of[day]:
                phrases.append(f"{day}: {steps} {unit} instead of {steps_of[day]} {one}")
            wrong += count if steps != steps_of.get(day) else 0
            held[day] = held.get(day, 0) + count
        lacking = {day: total - held[day] for day in steps_of if held[day] < total}
        phrases += [f"{day}: absent from {count:,} series" for day, count in lacking.items()]
        wrong += sum(lacking.values())
        detail = some(phrases) or f"{total:,} series of {len(steps_of)} days, {sum(steps_of.values()):,} {unit} each"
        numbers = {"series": total, "days": len(steps_of), "days_of_series_wrong": wrong, "rows": judged.rows}
        return Verdict(passed=not wrong, detail=detail, numbers=numbers)

    return Check(
        name,
        f"Every series has a row for each {unit[:-1]} of each day of the year: {counts} as the clock changes.",
        "stop: the file is not what the package writes. Remove it and `bess refresh YEAR`; if it comes again, report it",
        judge,
        blocking=True,
    )


HOURS = _complete("every_day_has_its_23_24_or_25_hours", 1, "hours", "23, 24 or 25")
QUARTER_HOURS = _complete(
    "every_day_has_its_92_96_or_100_quarter_hours", QUARTER_HOURS_PER_HOUR, "quarter-hours", "92, 96 or 100"
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
    legs = judged.ask(
        "SELECT product, sum(da_usd) FILTER (revenue_usd IS NOT NULL), sum(rt_usd) FILTER (revenue_usd IS NOT NULL) "
        "FROM {as_revenue} GROUP BY product"
    )
    by_product = {product: sums for product, *sums in legs}
    ledger = [*energy, *(leg for product in PRODUCTS for leg in by_product.get(product, (None, None)))]
    phrases = []
    largest = 0.0
    for name, shown, summed in zip(_COMPONENTS, board, ledger, strict=True):
        gap = 0.0 if shown is None or summed is None else abs(shown - summed)
        largest = max(largest, gap)
        allowed = max(ABSOLUTE_TOLERANCE_USD, RELATIVE_TOLERANCE * abs(summed or 0.0))
        if (shown is None) != (summed is None) or gap > allowed:
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
    "fleet_sums_equal_those_of_the_ledgers",
    "The sum of each revenue component over all batteries of the board equals its sum over the two ledgers, to a cent or a millionth.",
    "a table was refreshed without what is made from it: `bess refresh YEAR`; if it comes again, report it",
    _ledger_sums,
    blocking=True,
)
