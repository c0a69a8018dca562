"""SQL of the longer questions: boards with changes of rank, best days, prices, percent of perfect, use, attribution; and words for classes of the index."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bess_assets.ercot.products import ATTRIBUTED, MONTH_LONG, PERFECT, TB_HOURS
from bess_assets.results.asked import known_name
from bess_assets.results.engine import WITHOUT_YEAR, literal, read, with_year

CLASSES = {
    "1h": "under 1.25 h",
    "1.5h": "1.25 to 1.75 h",
    "2h": "1.75 to 2.5 h",
    "4h": "2.5 h and more",
    "as": "ancillary_services",
    "energy": "energy_arbitrage",
}
"""Short words for classes of the index."""
_CLASS_REMEDY = (
    "Classes are 1h, 1.5h, 2h, 4h, as, energy, hybrid, fleet, and zones where the battery table has a column zone; "
    "quarter-hours are of the fleet and of hours alone."
)


def class_of(of: str, stored: Iterable[str]) -> str:
    """The class of the index that a short word means, or a name in any case."""
    known = {CLASSES.get(word, word): word for word in [*CLASSES, *stored]}
    return known_name(CLASSES.get(of.strip().lower(), of), known, f"The index has no class {of}.", _CLASS_REMEDY)


def perfect(
    files: Iterable[Path], month: int | None = None, battery: str | None = None, *, by_month: bool = False
) -> str:
    """SELECT of a row a battery, or a battery and month: its expected days, and by basis days, dollars, perfect dollars and captures."""
    figures = []
    for basis, (actual, most) in PERFECT.items():
        figures += [f"sum({basis}_days)::BIGINT AS {basis}_days", f"sum({actual}) AS {basis}_actual_usd"]
        for name, column in [("", most), *([("month_long_", MONTH_LONG[basis])] if basis in MONTH_LONG else [])]:
            capture = f"CASE WHEN sum({column}) > 0 THEN sum({actual}) / sum({column}) END"
            figures += [f"sum({column}) AS {basis}_{name or 'perfect_'}usd", f"{capture} AS {basis}_{name}capture"]
    return _sums(files, ["sum(expected_days)::BIGINT AS expected_days", *figures], month, battery, by_month=by_month)


_HOURS_AND_COUNTS = (
    *("expected_hours", "limit_hours", "out_hours", "outages", "as_known_hours", "as_hours", "flow_quarter_hours"),
    *("discharges_under_25", "discharges_25_to_50", "discharges_50_to_75", "discharges_over_75"),
)


def use(files: Iterable[Path], month: int | None = None, battery: str | None = None, *, by_month: bool = False) -> str:
    """SELECT of a row a battery, or a battery and month, of its use: hours and counts, shares of them, throughput, and captures of spreads."""
    figures = [f"sum({name})::BIGINT AS {name}" for name in _HOURS_AND_COUNTS]
    held = "nullif(any_value(capacity_mw) * sum(as_known_hours), 0)"
    figures += [
        "1 - sum(out_hours) / nullif(sum(limit_hours), 0) AS availability",
        "sum(as_hours) / nullif(sum(as_known_hours), 0) AS as_hours_share",
        *(f"sum(as_{way}_mwh) / {held} AS as_{way}_share" for way in ("up", "down")),
        "sum(throughput_mwh) AS throughput_mwh",
    ]
    for basis in ("da", "rt"):
        figures += [
            f"sum(tb_{basis}_days)::BIGINT AS tb_{basis}_days",
            f"sum(tb_{basis}_actual_usd) AS tb_{basis}_actual_usd",
        ]
        for hours in TB_HOURS:
            name = f"tb{hours}_{basis}"
            capture = f"CASE WHEN sum({name}_usd) > 0 THEN sum(tb_{basis}_actual_usd) / sum({name}_usd) END"
            figures += [f"sum({name}_usd) AS {name}_usd", f"{capture} AS {name}_capture"]
    return _sums(files, figures, month, battery, by_month=by_month)


def attribution(
    files: Iterable[Path], month: int | None = None, battery: str | None = None, *, by_month: bool = False
) -> str:
    """SELECT of a row a battery, or a battery and month: dollars of the median, the difference from it, its terms, and hours; nothing is summed."""
    columns = (
        *("median_batteries", "median_usd", "difference_usd", *(f"{term}_usd" for term in ATTRIBUTED)),
        *("compared_hours", "availability_hours", "unknown_hours"),
    )
    key = "battery, month(first_day) AS month" if by_month else "battery"
    of_month = "" if month is None else f" AND month(first_day) = {int(month)}"
    mine = "" if battery is None else f" AND battery = {literal(battery)}"
    period = "month" if by_month or month is not None else "year"
    return f"SELECT {key}, {', '.join(columns)} FROM {read(files)} WHERE period = '{period}'{of_month}{mine}"


def _sums(
    files: Iterable[Path], figures: Sequence[str], month: int | None, battery: str | None, *, by_month: bool
) -> str:
    keys = "battery, month" if by_month else "battery"
    of_month = "" if month is None else f" AND month = {int(month)}"
    where = "true" if battery is None else f"battery = {literal(battery)}"
    return f"SELECT {keys}, {', '.join(figures)} FROM {read(files)} WHERE {where}{of_month} GROUP BY ALL"


def with_rank_changes(boards: Sequence[Path], earlier: Sequence[Path], *, monthly: bool) -> str:
    """Boards with the year in front and `file_row_number`; then places gained since the same board a year earlier, and of months since the month before."""
    ranks = with_year([*earlier, *boards], "battery, rank, month" if monthly else "battery, rank")
    since = {"rank_change": 12, "rank_change_month": 1} if monthly else {"rank_change": 1}
    at = "12 * {0}.year + {0}.month" if monthly else "{0}.year"
    changes = ", ".join(f"{name}.rank - now.rank AS {name}" for name in since)
    joins = " ".join(
        f"LEFT JOIN ranks AS {name} ON {name}.battery = now.battery AND {at.format(name)} = {at.format('now')} - {periods}"
        for name, periods in since.items()
    )
    return f"WITH ranks AS ({ranks}) SELECT now.*, {changes} FROM ({with_year(boards, f'{WITHOUT_YEAR}, file_row_number')}) AS now {joins}"


def best_days_of(files: Iterable[Path], key: str, count: int) -> str:
    """SELECT of a battery's days of highest total_usd."""
    return (
        "SELECT operating_day, da_energy_usd, rt_energy_usd, energy_usd, as_usd, total_usd, discharge_mwh, charge_mwh, "
        f"energy_quarter_hours / expected_quarter_hours AS energy_coverage FROM {read(files)} "
        f"WHERE battery = {literal(key)} AND total_usd IS NOT NULL ORDER BY total_usd DESC, operating_day LIMIT {int(count)}"
    )


def market_of(name: str, known: str) -> str:
    """Prices of a market over some days: means and shares weigh each day by its known prices."""
    mean, share = (
        f"sum({column} * {known}) / nullif(sum({known}) FILTER ({column} IS NOT NULL), 0) AS {column}"
        for column in (f"{name}_mean_usd_per_mwh", f"{name}_negative_share")
    )
    ends = (f"{end}({name}_{end}_usd_per_mwh) AS {name}_{end}_usd_per_mwh" for end in ("min", "max"))
    return ", ".join((mean, *ends, share))
