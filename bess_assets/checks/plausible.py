"""Checks of quantities and prices of different files against each other: a wrong unit, a wrong sign and a stuck value read like any other number."""

from bess_assets.checks.check import Check, asking
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY

# Least share of the day-ahead dollars sold or bought that flowed the same way: near 1 for most batteries, below this if units or signs are wrong.
_LEAST_FOLLOWED = 0.05
_LEAST_BATTERIES = 3  # one or two may well rest for a day

# -rt_metered / -offset is the energy that flowed as a multiple of the energy sold; each quarter-hour weighs its day-ahead dollars.
FOLLOWED = Check(
    "what_was_sold_a_day_ahead_shows_in_what_flowed",
    f"Of what each battery sold and bought a day ahead, by value, at least {_LEAST_FOLLOWED:.0%} flowed, before and after RTC+B. A warning: below it, awards "
    "or telemetry have a wrong unit or sign, or are not the same battery's; or the battery buys back what it sells.",
    "compare the named battery's awards with its telemetry (`bess battery NAME`): units, signs and names",
    asking(
        sql=f"SELECT battery, operating_day >= DATE '{DAM_ESR_FIRST_DAY}' AS later, "
        "sum(abs(da_usd) * rt_metered_usd / -rt_da_offset_usd) / sum(abs(da_usd)) "
        "FROM {energy_revenue} WHERE rt_da_offset_usd <> 0 AND da_usd <> 0 AND rt_metered_usd IS NOT NULL "
        "GROUP BY ALL HAVING count(*) >= 192 ORDER BY ALL",
        wrong=lambda name, later, share: (
            [f"{name} {share:.3f}" + (f" from {DAM_ESR_FIRST_DAY}" if later else "")] if share < _LEAST_FOLLOWED else []
        ),
        of="{} series of batteries with day-ahead energy",
        right="all flowed the way they were sold",
        numbers=lambda rows, wrong: {"batteries": len({row[0] for row in rows}), "series_below": len(wrong)},
    ),
)
STILL = Check(
    "no_price_stands_still_for_a_day",
    "On no day is a settlement point's price, day-ahead or real-time, the same in all intervals. A warning: real prices move, and a frozen one is used.",
    "bring the price file of the named days again",
    asking(
        sql="SELECT settlement_point, "
        "count(*) FILTER (da_known_hours = expected_hours AND da_min_usd_per_mwh = da_max_usd_per_mwh), "
        "count(*) FILTER (rt_known_quarter_hours = expected_quarter_hours AND rt_min_usd_per_mwh = rt_max_usd_per_mwh) "
        "FROM {price_daily} GROUP BY ALL ORDER BY ALL",
        wrong=lambda point, da, rt: [
            f"{point} {days} days {market}" for days, market in ((da, "day-ahead"), (rt, "real-time")) if days
        ],
        of="{} settlement points with two prices",
        right="none still for a day",
        numbers=lambda rows, _: {"settlement_points": len(rows), "days_still": sum(da + rt for _, da, rt in rows)},
    ),
)
DISCHARGES = Check(
    "somebody_discharges_on_every_day",
    f"On each day for which the output of at least {_LEAST_BATTERIES} batteries is known, one of them discharges. A warning: a whole fleet does not rest, and "
    "zeros stand where data are absent.",
    "bring the SCED files of the named days again",
    asking(
        sql="SELECT operating_day, sum(discharge_mwh) FROM {rt_dispatch_daily} WHERE discharge_mwh IS NOT NULL "
        f"GROUP BY ALL HAVING count(*) >= {_LEAST_BATTERIES} ORDER BY ALL",
        wrong=lambda day, mwh: [str(day)] if mwh <= 0 else [],
        of=f"{{}} days with {_LEAST_BATTERIES} batteries or more",
        right="some discharge on each",
        numbers=lambda rows, wrong: {"days": len(rows), "days_without_discharge": len(wrong)},
    ),
)
