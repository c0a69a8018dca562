"""Checks of whole ledgers: every interval of the year has its row, and the sums of the board are those of the ledgers."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.calendar import day_of_number, operating_year
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Verdict, some

RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE_USD = 1e-6, 0.01
"""The board and the ledgers add the same numbers in different orders."""


def _complete(name: str, per_hour: int, unit: str, counts: str) -> Check:
    """A check that every series has a row for each hour, or quarter-hour, of each day."""

    def judge(judged: Judged) -> Verdict:
        year, series = operating_year(judged.year), ", ".join(judged.table.key[:-1])
        rows = judged.ask(
            f"WITH counted AS MATERIALIZED (SELECT {series}, operating_day AS day, count(*) AS steps "
            f"FROM {{{judged.table.name}}} GROUP BY ALL) "
            f"SELECT day, steps, count(*), min({judged.table.key[0]}), (SELECT count(*) FROM (SELECT DISTINCT {series} FROM counted)) "
            "FROM counted GROUP BY day, steps ORDER BY day, steps"
        )
        total, first = rows[0][4] if rows else 0, year.first_day
        steps_of = {day_of_number(day): hours * per_hour for day, hours in enumerate(year.day_hours.tolist(), first)}
        held, phrases, wrong = Counter[date](), list[str](), 0
        for day, steps, count, example, _ in rows:
            held[day] += count
            if steps != (expected := steps_of.get(day)):
                wrong += count
                fault = f": {steps} {unit} instead of {expected}" if expected else f" is no day of {year.year}"
                phrases.append(f"{day}{fault} ({count:,} series, {example} for one)")
        lacking = {day: total - held[day] for day in steps_of if held[day] < total}
        phrases += [f"{day}: absent from {count:,} series" for day, count in lacking.items()]
        wrong += sum(lacking.values())
        detail = some(phrases) or f"{total:,} series of {len(steps_of)} days, {sum(steps_of.values()):,} {unit} each"
        numbers = {"series": total, "days": len(steps_of), "days_of_series_wrong": wrong, "rows": judged.rows}
        return Verdict(not wrong, detail, numbers)

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

_LEGS = [(product, leg) for product in PRODUCTS for leg in ("da", "rt")]
_COMPONENTS = ["da_energy_usd", "rt_energy_usd", *(f"as_{product}_{leg}_usd" for product, leg in _LEGS)]
_OF_PRODUCTS = ", ".join(
    f"sum({leg}_usd) FILTER (revenue_usd IS NOT NULL AND product = '{product}')" for product, leg in _LEGS
)


def _ledger_sums(judged: Judged) -> Verdict:
    ledgers = ("energy_revenue", "as_revenue")
    if not all(judged.path(name).is_file() for name in ledgers):
        return Verdict(passed=True, detail=f"not compared: {' or '.join(ledgers)} is not there")
    (sums,) = judged.ask(
        f"SELECT * FROM (SELECT {', '.join(f'sum({name})' for name in _COMPONENTS)} FROM {{leaderboard}}), "
        "(SELECT sum(da_usd) FILTER (energy_usd IS NOT NULL), sum(rt_usd) FILTER (energy_usd IS NOT NULL) FROM {energy_revenue}), "
        f"(SELECT {_OF_PRODUCTS} FROM {{as_revenue}})"
    )
    board, ledger = sums[: len(_COMPONENTS)], sums[len(_COMPONENTS) :]
    gaps = [0.0 if None in pair else abs(pair[0] - pair[1]) for pair in zip(board, ledger, strict=True)]
    phrases = [
        f"{name} is {_money(shown)} on the board and {_money(summed)} in the ledger"
        for name, shown, summed, gap in zip(_COMPONENTS, board, ledger, gaps, strict=True)
        if (shown is None) != (summed is None)
        or gap > max(ABSOLUTE_TOLERANCE_USD, RELATIVE_TOLERANCE * abs(summed or 0.0))
    ]
    numbers = {
        "fleet_usd_on_the_board": _total(board),
        "fleet_usd_in_the_ledgers": _total(ledger),
        "largest_difference_usd": max(gaps),
        "components_differing": len(phrases),
    }
    detail = "; ".join(phrases) or f"{_money(_total(ledger))} in all; {len(_COMPONENTS)} components agree"
    return Verdict(not phrases, detail, numbers)


def _total(components: Sequence[float | None]) -> float | None:
    return sum(known) if (known := [value for value in components if value is not None]) else None


def _money(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.2f} $"


LEDGERS = Check(
    "fleet_sums_equal_those_of_the_ledgers",
    "The sum of each revenue component over all batteries of the board equals its sum over the two ledgers, to a cent or a millionth.",
    "a table was refreshed without what is made from it: `bess refresh YEAR`; if it comes again, report it",
    _ledger_sums,
    blocking=True,
)
