"""Checks of quantities and prices of different files against each other: a wrong unit, a wrong sign and a stuck value read like any other number."""

from bess_assets.checks.check import Check, asking
from bess_assets.ercot.products import DAM_ESR_FIRST_DAY, PRODUCTS

# A battery charges somewhat faster than it discharges, and telemetry reads some percent high; a wrong unit is a factor of a thousand.
_MOST_TIMES_CAPACITY = 1.5
_ROUNDING_MWH = 0.1
# Least share of the day-ahead dollars sold or bought that flowed the same way: near 1 for most batteries, below this if units or signs are wrong.
_LEAST_FOLLOWED = 0.05
_LEAST_BATTERIES = 3  # one or two may well rest for a day

_LEAST_AWARD, _MOST_AWARD = (
    f"{function}({', '.join(f'coalesce({p}_rt_award_mw, 0)' for p in PRODUCTS)})" for function in ("least", "greatest")
)

SIZE = Check(
    "flows_and_real_time_awards_fit_the_size_of_their_battery",
    f"No quarter-hour's energy is above {_MOST_TIMES_CAPACITY:g} times the battery's capacity, no real-time award is negative or above twice that. A warning: "
    "beyond it a unit, a sign or a name is wrong.",
    "look at the units of the named batteries' telemetry and at their capacity; bring the file again or correct the battery table",
    # from full charge to full discharge is twice the capacity
    asking(
        sql="SELECT d.battery, "
        f"count(*) FILTER (greatest(coalesce(discharge_mwh, 0), coalesce(charge_mwh, 0)) > {_MOST_TIMES_CAPACITY} * capacity_mw / 4 + {_ROUNDING_MWH}), "
        f"count(*) FILTER ({_MOST_AWARD} > 2 * {_MOST_TIMES_CAPACITY} * capacity_mw OR {_LEAST_AWARD} < -{_ROUNDING_MWH}) "
        "FROM {bess_dispatch} d JOIN {bess_registry} r USING (battery) WHERE capacity_mw > 0 GROUP BY ALL ORDER BY ALL",
        wrong=lambda name, flow, awards: (
            [
                f"{name} {', '.join(f'{count:,} quarter-hours of {what}' for count, what in ((flow, 'flow'), (awards, 'real-time awards')) if count)}"
            ]
            * bool(flow or awards)
        ),
        of="{} batteries with a known capacity",
        right="none beyond it",
        numbers=lambda rows, wrong: {
            "batteries": len(rows),
            "batteries_beyond": len(wrong),
            "quarter_hours_beyond": sum(flows + awards for _, flows, awards in rows),
        },
    ),
)
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
