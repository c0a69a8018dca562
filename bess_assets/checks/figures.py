"""Checks of the figures of a year: prices that are missing, batteries far above the fleet, and the fleet average that others published."""

from typing import Any

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.step import Verdict, some
from bess_assets.settlement import metrics
from bess_assets.settlement.metrics import OUTLIER_TIMES_FLEET, Period, ranked
from bess_assets.store.listing import made_up_inputs

# Of a node's expected quarter-hours, and of the MWh that flowed there: with less, a price file has holes that show in the money.
_LEAST_PRICED_SHARE = 0.99

# A correct reconstruction from public data lies 10 to 30 % below a commercial index, with the same order of months.
_TOLERANCE = 0.30

AVERAGES: dict[tuple[int, int | None], tuple[float, float]] = {
    **{(year, None): (usd, usd) for year, usd in {2022: 141.0, 2023: 192.0, 2024: 55.0, 2025: 30.0}.items()},
    (2024, 5): (157.0, 162.0),
    **{(2024, month): (usd, usd) for month, usd in enumerate((45.0, 23.0, 87.0, 22.0, 41.0, 33.0, 16.0), start=6)},
    # published as $/kW-month
    **{(2026, month): (12 * usd, 12 * usd) for month, usd in {1: 3.94, 2: 1.08, 4: 3.12}.items()},
}
"""Lowest and highest fleet average, $/kW-year, that a commercial index of ERCOT battery revenue published of a year, or of one of its months scaled to a year.

None of 2019 to 2021 was found.
"""


def _priced(judged: Judged) -> Verdict:
    rows = judged.ask(
        "SELECT settlement_point, sum(expected_quarter_hours)::BIGINT AS expected, "
        "coalesce(sum(discharge_mwh), 0) + coalesce(sum(charge_mwh), 0) AS mwh, coalesce(sum(unpriced_mwh), 0) AS unpriced, "
        "1 - sum(unpriced_quarter_hours) / expected AS share, 1 - unpriced / nullif(mwh, 0) AS by_mwh, least(share, by_mwh) AS worst "
        "FROM {daily_revenue} GROUP BY settlement_point ORDER BY worst, settlement_point"
    )
    nodes = [row for row in rows if row[0] is not None]
    wrong = [
        f"{point} {share:.2%} of intervals" + ("" if by_mwh is None else f", {by_mwh:z.2%} of MWh")
        for point, _, _, _, share, by_mwh, worst in nodes
        if worst < _LEAST_PRICED_SHARE
    ]
    nowhere, mwh = sum(row[1] for row in rows if row[0] is None), sum(row[2] for row in rows)
    numbers = {
        "nodes": len(nodes),
        "nodes_below": len(wrong),
        "lowest_share_of_intervals": min((row[4] for row in nodes), default=None),
        "lowest_share_of_mwh": min((row[5] for row in nodes if row[5] is not None), default=None),
        "share_of_fleet_mwh_priced": 1 - sum(row[3] for row in rows) / mwh if mwh else None,
        "quarter_hours_without_a_node": nowhere,
    }
    right = f"{len(nodes)} nodes, each priced in at least {_LEAST_PRICED_SHARE:.0%} of its quarter-hours and MWh"
    detail = f"{len(wrong)} of {len(nodes)} nodes below {_LEAST_PRICED_SHARE:.0%}: {some(wrong)}" if wrong else right
    without = f"; {nowhere:,} quarter-hours of batteries without a node" if nowhere else ""
    return Verdict(not wrong, detail + without, numbers, share=len(wrong) / max(len(nodes), 1))


PRICED = Check(
    "every_node_is_priced_in_almost_all_intervals",
    f"Each node has both prices in at least {_LEAST_PRICED_SHARE:.0%} of the quarter-hours expected there, and a real-time price for as much of the MWh. "
    "A warning: unpriced money is unknown, never a hub's.",
    "look for the named nodes in the price files; a renamed node can be given in your battery table",
    _priced,
)


_WHY_UNKNOWN = ("award_unknown", "unobserved", "unpriced")
"""Numbers of the check COVERED: shares of the expected quarter-hours."""


def _covered(judged: Judged) -> Verdict:
    unknown_in = [f"{why}_quarter_hours" for why in _WHY_UNKNOWN]
    names = ("expected_quarter_hours", "energy_quarter_hours", "expected_hours", "as_hours", *unknown_in)
    ((expected, known, hours, known_hours, *unknown),) = judged.ask(
        f"SELECT {', '.join(f'coalesce(sum({name}), 0)::BIGINT' for name in names)} FROM {{daily_revenue}}"
    )
    shares = {name: n / expected if expected else None for name, n in zip(_WHY_UNKNOWN, unknown, strict=True)}
    shares |= {
        "as_unknown": 1 - known_hours / hours if hours else None,
        "coverage": known / expected if expected else 0.0,
    }
    why = ", ".join(
        f"{name.replace('_', ' ')} in {share:.1%}" for name, share in shares.items() if share and name != "coverage"
    )
    detail = f"energy money is known in {shares['coverage']:.1%} of {expected:,} quarter-hours of batteries" + (
        f" ({why})" if why else ""
    )
    return Verdict(bool(known), detail if expected else "there is no battery", shares)


COVERED = Check(
    "some_energy_money_is_known",
    "The energy money of at least one quarter-hour of one battery is known. If not, the year has failed: no battery can be ranked.",
    "mend the causes named beside it, those with the largest share first",
    _covered,
)


def _board(judged: Judged, *more: str) -> list[dict[str, Any]]:
    """Rows of the board: the columns of a fleet average, and more."""
    names = ("battery", "rank", "capacity_mw", "active_days", "total_usd", "data_through", *more)
    sql = f"SELECT {', '.join(names)} FROM {{{judged.table.name}}} ORDER BY battery"
    return [dict(zip(names, row, strict=True)) for row in judged.ask(sql)]


def _outliers(judged: Judged) -> Verdict:
    rows, days = _board(judged, "notes"), Period.of(judged.year).days
    average, times = metrics.usd_per_kw(ranked(rows), days), metrics.times_fleet(rows, days)
    if not average or average <= 0:
        return Verdict(passed=True, detail="the fleet has no average above zero", numbers={"batteries_above": 0})
    noted: dict[bool, list[str]] = {False: [], True: []}
    for row in rows:
        if (own := times.get(row["battery"], 0.0)) > OUTLIER_TIMES_FLEET:
            has_note = metrics.outlier_note(own) in (row["notes"] or "").split("; ")
            noted[has_note].append(f"{row['battery']} {own:.1f} times")
    phrases = [f"{'noted' if note else 'without a note'}: {some(names)}" for note, names in noted.items() if names]
    numbers = {
        "batteries_above": len(noted[True]) + len(noted[False]),
        "batteries_above_without_a_note": len(noted[False]),
        "fleet_usd_per_kw": average,
    }
    nobody = f"no battery above {OUTLIER_TIMES_FLEET:g} times the fleet's {average:,.2f} $/kW"
    return Verdict(not noted[False], "; ".join(phrases) or nobody, numbers)


OUTLIERS = Check(
    "no_battery_stands_far_above_the_fleet_without_a_note",
    f"No battery earns more than {OUTLIER_TIMES_FLEET:g} times the fleet's average $/kW without a note on the board that says so. A warning.",
    "look at the battery's capacity and its pair; `bess refresh YEAR` writes the notes again",
    _outliers,
)


def _near_published(judged: Judged) -> Verdict:
    made_up, monthly = made_up_inputs(judged.settings), judged.table.name == "leaderboard_monthly"
    board = _board(judged, *(["month"] if monthly else []))
    numbers: dict[str, float | None] = {}
    near, far = list[str](), list[str]()
    for month in range(1, 13) if monthly else [None]:
        rows, period = [row for row in board if row.get("month") == month], Period.of(judged.year, month)
        average, _ = metrics.usd_per_kw_year_and_month(ranked(rows), period)
        if average is None:
            continue
        label, prefix = (f"{period.first:%Y-%m}", f"month_{month:02d}_") if month else (f"{judged.year}", "")
        numbers[f"{prefix}fleet_usd_per_kw_year"] = average
        low, high = AVERAGES.get((judged.year, month), (None, None))
        if low and high and not made_up and rows[0]["data_through"] >= period.last:
            numbers[f"{prefix}published_usd_per_kw_year"] = (low + high) / 2
            words = f"{label}: {average:,.1f} $/kW-year, published {low:g}" + (f" to {high:g}" if high > low else "")
            (near if (1 - _TOLERANCE) * low <= average <= (1 + _TOLERANCE) * high else far).append(words)
    numbers |= {"compared": len(near) + len(far), "far_from_published": len(far)}
    without = "no published figure, no ranked battery, or data that end before the period does"
    detail = "; ".join(near) or f"not compared: {'a made-up market' if made_up else without}"
    return Verdict(not far, f"more than {_TOLERANCE:.0%} away: {'; '.join(far)}" if far else detail, numbers)


PUBLISHED = Check(
    "the_fleet_average_is_near_the_published_one",
    f"The ranked fleet's average $/kW lies within {_TOLERANCE:.0%} of the one that a commercial index published. Information: public data miss some "
    "revenue, and made-up markets, periods without a figure and periods that the data do not cover whole pass.",
    "look for what is missing or paired wrongly in many batteries at once: coverage first, then prices; one battery alone can't move it",
    _near_published,
)
