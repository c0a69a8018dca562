"""The check of the revenue attribution: its terms add up to what the boards say, to a cent."""

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.products import ATTRIBUTED
from bess_assets.ercot.step import Verdict, some

_CENT = 0.01
_BOARD = "battery, total_usd, usd_per_kw_month AS own, class_median_usd_per_kw_month AS median"
_GAPS = (
    f"WITH boards AS (SELECT 0 AS month, {_BOARD} FROM {{leaderboard}} UNION ALL SELECT month, {_BOARD} FROM {{leaderboard_monthly}}), "
    "terms AS (SELECT *, CASE period WHEN 'month' THEN month(first_day) ELSE 0 END AS month FROM {attribution}) "
    "SELECT battery, month, terms.battery IS NULL AS lacking, "
    # of a battery that earned nothing its dollars tell no kW: there the median is that of the row
    f"abs(coalesce(boards.total_usd * (1 - median / nullif(own, 0)), -median_usd) - ({' + '.join(f'{term}_usd' for term in ATTRIBUTED)})) AS gap, "
    "abs(terms.total_usd - boards.total_usd) AS other_total "
    "FROM boards LEFT JOIN terms USING (battery, month) WHERE own IS NOT NULL AND median IS NOT NULL ORDER BY ALL"
)


def _judge(judged: Judged) -> Verdict:
    rows = judged.ask(_GAPS)
    wrong = [
        f"{battery}, {f'month {month}' if month else 'the year'}: {'no row' if lacking else f'{gap:,.2f} $ off'}"
        for battery, month, lacking, gap, other_total in rows
        if lacking or max(gap, other_total) > _CENT
    ]
    largest = max((gap for *_, gap, _ in rows if gap is not None), default=0.0)
    of = f"{len(rows)} batteries and periods with a class median"
    detail = f"{len(wrong)} of {of}: {some(wrong, '; ')}" if wrong else f"{of}, the largest gap {largest:.6f} $"
    return Verdict(not wrong, detail, {"periods": len(rows), "periods_off": len(wrong), "largest_gap_usd": largest})


SUMMED = Check(
    "attribution_terms_add_up_to_the_difference_on_the_board",
    "The terms of each battery, month and year add up to its dollars less the median $/kW of its class on the same board, to 0.01 $. A warning.",
    "a table was refreshed without what is made from it: `bess refresh YEAR`; if it comes again, report it",
    _judge,
)
