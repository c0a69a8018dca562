"""The check of percent of perfect: nobody earns more than the most that could be earned, but for what was stored before."""

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.products import PERFECT
from bess_assets.ercot.step import Verdict, some

# By basis: what left the battery and what came in, where it is summed, and the highest price that a MWh can have been worth.
_FLOWS = {
    "da": ("sold_mwh", "bought_mwh", "{dam_awards_daily}", "da_max_usd_per_mwh"),
    "rt": ("paired_discharge_mwh", "paired_charge_mwh", "{daily_revenue}", "rt_max_usd_per_mwh"),
    "energy": ("paired_discharge_mwh", "paired_charge_mwh", "{daily_revenue}", "greatest(rt_max_usd_per_mwh, da_max_usd_per_mwh)"),
    "total": ("paired_discharge_mwh", "paired_charge_mwh", "{daily_revenue}", "greatest(rt_max_usd_per_mwh, da_max_usd_per_mwh)"),
}  # fmt: skip


def _question() -> str:
    """Each battery and basis: dollars of the year, days above perfect by over a cent, and how many of these what was stored before explains."""
    parts = []
    for basis, (actual, perfect) in PERFECT.items():
        sent, taken, table, price = _FLOWS[basis]
        parts.append(
            f"SELECT battery, '{basis}' AS basis, perfect.{actual} AS usd, {perfect} AS most, "
            f"greatest({sent} - efficiency * {taken}, 0) * greatest({price}, 0) AS stored_before FROM {{perfect_daily}} AS perfect "
            f"JOIN {table} AS flows USING (battery, operating_day) JOIN {{price_daily}} USING (settlement_point, operating_day) WHERE {perfect} IS NOT NULL"
        )
    return (
        "SELECT battery, basis, sum(usd), sum(most), count(*), count(*) FILTER (usd > most + 0.01), "
        "count(*) FILTER (usd > most + 0.01 AND usd <= most + 0.01 + stored_before) "
        f"FROM ({' UNION ALL '.join(parts)}) GROUP BY ALL ORDER BY ALL"
    )


def _judge(judged: Judged) -> Verdict:
    rows = judged.ask(_question())
    wrong = [f"{row[0]} {row[1]} {row[2]:,.0f} of {row[3]:,.0f} $" for row in rows if row[2] > row[3] + 0.01]
    days, above, explained = (sum(row[n] for row in rows) for n in (4, 5, 6))
    of_days = f"{above:,} of {days:,} days above it, {explained:,} of them explained by what was stored before"
    of = f"{len(rows)} batteries and bases"
    detail = f"{len(wrong)} of {of} above perfect: {some(wrong)}" if wrong else f"{of}, none above perfect"
    numbers = {"years_above": len(wrong), "days": days, "days_above": above, "days_above_explained": explained}
    return Verdict(not wrong, f"{detail}; {of_days}", numbers, share=len(wrong) / max(len(rows), 1))


BELOW = Check(
    "nobody_earns_more_than_perfect",
    "Over the year no battery earned more on a basis than its perfect trade on the same days. A warning: its MW, MWh, prices or flows are not what they seem. "
    "A single day may be above, for a perfect day ends with as much stored as it began with.",
    "look at the battery's MW and MWh (`bess battery NAME`) and correct them in your battery table; then at its flows",
    _judge,
)
