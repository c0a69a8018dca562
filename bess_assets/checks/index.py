"""The check of the indices: that of the fleet is the average of its board."""

import math
from itertools import groupby
from operator import itemgetter

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.step import Verdict, some
from bess_assets.settlement.metrics import Period, usd_per_kw

_BOARDS = (
    "SELECT month, total_usd, capacity_mw, active_days FROM {leaderboard_monthly} WHERE rank IS NOT NULL "
    "UNION ALL SELECT 0, total_usd, capacity_mw, active_days FROM {leaderboard} WHERE rank IS NOT NULL ORDER BY ALL"
)
_FLEET = (
    "SELECT CASE period WHEN 'year' THEN 0 ELSE month(first_day) END, usd_per_kw_month FROM {index} "
    "WHERE kind = 'fleet' AND basis = 'installed' AND period <> 'day' ORDER BY ALL"
)


def _judge(judged: Judged) -> Verdict:
    found, wrong = dict(judged.ask(_FLEET)), []
    boards = groupby(judged.ask(_BOARDS), itemgetter(0))
    for month, rows in boards:
        known = [dict(zip(("total_usd", "capacity_mw", "active_days"), row[1:], strict=True)) for row in rows]
        period = Period.of(judged.year, month or None)
        whole, own = usd_per_kw(known, period.days), found.get(month)
        average = None if whole is None else whole / period.months
        if average is None or own is None or not math.isclose(average, own, rel_tol=1e-9, abs_tol=1e-9):
            wrong.append(f"{f'month {month}' if month else 'the year'} {own} and not {average}")
    of = f"{len(found)} periods of the fleet"
    detail = f"{len(wrong)} of {of}: {some(wrong)}" if wrong else f"{of}, each the average of its board"
    return Verdict(not wrong, detail, {"periods": len(found), "periods_off": len(wrong)})


AVERAGE = Check(
    "the_index_of_the_fleet_is_the_average_of_its_board",
    "The index of the fleet on installed MW is the average $/kW-month of the ranked batteries of the same month or year. A warning.",
    "a table was refreshed without what is made from it: `bess refresh YEAR`; if it comes again, report it",
    _judge,
)
