"""An estimate of the days that ERCOT has not disclosed yet, from public prices and what each battery made of prices before; backtested on closed months.

Prices are published at once, what a battery did only 60 days later. What a MW could have earned at the prices of a day, its *opportunity*, times the MW that
the battery has lately earned of it, is the estimate of the day. No board holds any of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bess_assets.ercot.arrays import BoolArray, FloatArray, IntArray
from bess_assets.ercot.calendar import OperatingYear, day_number, day_of_number
from bess_assets.ercot.products import DISCLOSURE_LAG_DAYS, PRODUCTS, QUARTER_HOURS_PER_HOUR, RTC_FIRST_DAY
from bess_assets.ercot.step import Columns, Findings, Inputs, StepResult, StoredTable, in_columns, step
from bess_assets.settlement.daily import spreads
from bess_assets.settlement.days import Days
from bess_assets.settlement.grid import each_battery
from bess_assets.settlement.metrics import LEAST_COVERAGE
from bess_assets.settlement.prices import PriceGrid, clearing_prices, product_first_hours, ranked

WINDOW_DAYS = 60
"""Disclosed days that an estimate rests on."""
LEAST_DAYS = 20
"""Of them at least so many must be known."""
LEAST_SHARE = 0.8
"""Of the days of a closed month at least so many must be known, on which estimate and dollars are compared."""
ONE_IN = 10
"""Of errors lies below an interval, and one in as many above: it is to hold 80 % of battery-months."""
LEAST_ERRORS = 20
"""Errors of other months that an interval needs."""
OPPORTUNITIES = {
    "energy_usd": ("da_tb_usd_per_mw", "rt_tb_usd_per_mw"),
    **{f"as_{p}_da_usd": (f"{p}_da_usd_per_mw",) for p in PRODUCTS},
    **{f"as_{p}_rt_usd": (f"{p}_rt_usd_per_mw",) for p in PRODUCTS},
}
"""Columns of opportunity_daily whose sum is the opportunity of a stream, by the column of daily_revenue that has its dollars."""
OFFERED = tuple(name for names in OPPORTUNITIES.values() for name in names)
"""Columns of opportunity_daily that are prices of a day."""
_READ = {
    "opportunity_daily": ("disclosed", *OFFERED),
    "daily_revenue": (*OPPORTUNITIES, "total_usd", "energy_quarter_hours", "expected_quarter_hours"),
}
"""Columns of each table that are read, of the year and of the year before."""
BEFORE = tuple(_READ)
_NOT_KEPT = ("unit_usd",)

NO_WINDOW = f"fewer than {LEAST_DAYS} known days among the {WINDOW_DAYS} disclosed ones that it would rest on"
NO_PRICES = "no day after the last disclosed one has every price"
FEW_DAYS = f"under {LEAST_SHARE:.0%} of its days are known and can be estimated"
FEW_ERRORS = f"under {LEAST_ERRORS} closed months of batteries to take an interval from"


def spread_hours(duration_hours: float | None, source: str | None) -> int:
    """The n of the spread TBn that measures a battery: 1 below 1.25 h, 4 from 2.5 h, else 2, and 2 where its duration is assumed."""
    if duration_hours is None or source == "assumed":
        return 2
    return 1 if duration_hours < 1.25 else 2 if duration_hours < 2.5 else 4


def earned_mw(usd: FloatArray, offered: FloatArray, known: BoolArray) -> tuple[FloatArray, BoolArray]:
    """MW that each stream has lately earned: its dollars over its opportunity, of the days 60 to 119 days before each day.

    Args:
        usd: dollars; shape (days, streams).
        offered: opportunity, $/MW; same shape.
        known: days that count; shape (days,).

    Returns:
        MW by day and stream, 0 where nothing was offered in the window; and the days whose window has 20 known days.
    """

    def in_window(values: FloatArray) -> FloatArray:
        counted = np.where(known.reshape(-1, *[1] * (values.ndim - 1)), values, 0.0)
        behind = np.concatenate([np.zeros((DISCLOSURE_LAG_DAYS + WINDOW_DAYS - 1, *values.shape[1:])), counted])
        return np.asarray(sum(behind[n : n + len(values)] for n in range(WINDOW_DAYS)))

    dollars, opportunity = in_window(usd), in_window(offered)
    mw = np.divide(dollars, opportunity, where=opportunity > 0, out=np.zeros_like(dollars))
    return mw, in_window(np.ones(len(known))) >= LEAST_DAYS


def interval(errors: FloatArray) -> tuple[float, float]:
    """Bounds between which four in five errors like these lie: the order statistics of split conformal prediction; NaN of fewer than 20 errors.

    Source: Lei et al., Distribution-Free Predictive Inference for Regression, 2018, for each end.
    """
    if len(errors) < LEAST_ERRORS:
        return np.nan, np.nan
    ordered, at = np.sort(errors), (len(errors) + 1) // ONE_IN - 1
    return float(ordered[at]), float(ordered[-1 - at])


@step
def opportunity_daily(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Each battery and day, disclosed or within 60 days after the last disclosed one: what its prices offered a MW.

    Raises:
        InputError: a file of clearing prices cannot be read.
    """
    year, days, prices = inputs.year, Days(inputs.year), PriceGrid.of(inputs)
    awards = inputs.tables["bess_awards"]
    registry = inputs.tables["bess_registry"].read(["duration_hours", "duration_source", "data_through"]).to_pylist()
    of_products = _of_products(inputs, days)

    def of(n: int, battery: str, expected: slice) -> dict[str, Any]:
        row = registry[n]
        last = day_number(row["data_through"]) - year.first_day
        # one that is expected no longer has left
        end = min(last + 1 + DISCLOSURE_LAG_DAYS, year.days) if expected.stop == last + 1 else expected.stop
        shown = slice(expected.start, end)
        hours = spread_hours(row["duration_hours"], row["duration_source"])
        rt_price, da_price, *_ = prices.of_battery(awards, n)
        columns = {
            "da_tb_usd_per_mw": spreads(year, da_price[::QUARTER_HOURS_PER_HOUR], hours),
            "rt_tb_usd_per_mw": spreads(year, rt_price, hours),
            **of_products,
        }
        numbers = days.numbers[shown]
        return {
            "battery": [battery] * len(numbers),
            "operating_day": numbers,
            "disclosed": np.arange(year.days)[shown] < expected.stop,
            "spread_hours": np.full(len(numbers), hours),
            **{name: values[shown] for name, values in columns.items()},
        }

    yield from each_battery(inputs, of)


def _of_products(inputs: Inputs, days: Days) -> dict[str, FloatArray]:
    """Clearing prices of each day by column, summed over its hours; 0 where the product or its real-time market is not there yet, NaN where one is unknown."""
    found = {}
    da = ranked(clearing_prices(inputs, Findings(), "as_prices"))[0]
    rt = ranked(clearing_prices(inputs, Findings(), "rt_as_prices"))[0]
    firsts = product_first_hours(inputs.year, da)
    rtc = days.numbers >= day_number(RTC_FIRST_DAY)
    for k, product in enumerate(PRODUCTS):
        there = np.arange(inputs.year.hours) >= firsts[product]
        ahead = np.where(there, da[k], 0.0)
        whole = days.count(~np.isnan(ahead)) == days.hours
        found[f"{product}_da_usd_per_mw"] = np.where(whole, days.total(ahead), np.nan)
        whole = days.count(~np.isnan(rt[k])) == days.quarter_hours
        later = np.where(whole, days.total(rt[k]) / QUARTER_HOURS_PER_HOUR, np.nan)
        found[f"{product}_rt_usd_per_mw"] = np.where(rtc, later, 0.0)
    return found


class _History:
    """The days of every battery in the year and, where it is there, the year before, as arrays from the first of them on."""

    def __init__(self, year: OperatingYear, sources: Sequence[Mapping[str, StoredTable]]) -> None:
        self.first_day = year.first_day - (366 if len(sources) > 1 else 0)
        self.days = year.first_day + year.days - self.first_day
        self._rows: dict[str, dict[str, FloatArray]] = {}
        for tables in sources:
            for name, columns in _READ.items():
                self._take(tables[name], columns)

    def _take(self, table: StoredTable, columns: Sequence[str]) -> None:
        rows = table.read(["battery", "operating_day", *columns])
        names, at = rows["battery"].to_pylist(), rows["operating_day"].cast("int32").to_numpy() - self.first_day
        values = np.stack([rows[name].cast("float64").to_numpy() for name in columns]) if names else np.empty(0)
        starts = [n for n, name in enumerate(names) if n == 0 or name != names[n - 1]]
        for start, end in zip(starts, [*starts[1:], len(names)], strict=True):
            own = self._rows[names[start]] = self.of(names[start])
            for name, column in zip(columns, values, strict=True):
                own[name][at[start:end]] = column[start:end]

    def of(self, battery: str) -> dict[str, FloatArray]:
        """Columns of both tables by day; NaN where there is no row."""
        columns = (name for names in _READ.values() for name in names)
        return self._rows.get(battery) or {name: np.full(self.days, np.nan) for name in columns}


@step
def estimate_monthly(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """Each battery and month: an estimate as if only days up to 60 days before each day were disclosed, its interval, and how wrong such estimates were."""
    year = inputs.year
    history = _History(year, [tables for tables in (inputs.before, inputs.tables) if {*BEFORE} <= {*tables}])
    dates = [day_of_number(number) for number in range(history.first_day, history.first_day + history.days)]
    months = np.array([12 * (day.year - year.year) + day.month for day in dates])
    registry = inputs.tables["bess_registry"].read(["battery", "data_through"]).to_pylist()
    rows = [
        {"battery": row["battery"], **month, "data_through": row["data_through"]}
        for row in registry
        for month in _months(history.of(row["battery"]), months)
    ]
    _add_intervals(rows)
    _add_errors(rows)
    yield from in_columns(
        [{name: row[name] for name in row if name not in _NOT_KEPT} for row in rows if row["month"] > 0]
    )


def _months(own: Mapping[str, FloatArray], months: IntArray) -> Iterator[dict[str, Any]]:
    """Months of a battery, those of the year before numbered up to 0: days, estimate and dollars, or why there is no estimate.

    `unit_usd` is what errors are shares of: the dollars of all streams, whatever their signs.
    """
    offered = np.stack([np.sum([own[name] for name in names], axis=0) for names in OPPORTUNITIES.values()], axis=1)
    there, disclosed, priced = ~np.isnan(own["disclosed"]), own["disclosed"] == 1, ~np.isnan(offered).any(axis=1)
    covered = own["energy_quarter_hours"] >= LEAST_COVERAGE * own["expected_quarter_hours"]
    known = disclosed & priced & covered & ~np.isnan(own["total_usd"])
    usd, offered = np.nan_to_num(np.stack([own[name] for name in OPPORTUNITIES], axis=1)), np.nan_to_num(offered)
    mw, rests = earned_mw(usd, offered, known)
    streams = mw * offered
    for month in np.unique(months[there]).tolist():
        mine = there & (months == month)
        closed = bool(disclosed[mine].all())
        wanted = mine if closed else mine & ~disclosed
        can = wanted & (known if closed else priced)
        counted = can & rests
        least = LEAST_SHARE * wanted.sum() if closed else 1
        lacks = NO_WINDOW if can.sum() >= least else FEW_DAYS if closed else NO_PRICES
        enough = counted.sum() >= least
        # errors of few days are a larger share than those of a whole month
        few = np.sqrt((months == month).sum() / max(counted.sum(), 1))
        yield {
            "month": month,
            "closed": closed,
            "expected_days": int(wanted.sum()),
            "estimated_days": int(counted.sum()) if enough else 0,
            "estimate_usd": float(streams[counted].sum()) if enough else None,
            "actual_usd": float(own["total_usd"][counted].sum()) if enough and closed else None,
            "reason": None if enough else lacks,
            "unit_usd": float(np.abs(streams[counted].sum(axis=0)).sum() * few),
        }


def _add_intervals(rows: Sequence[dict[str, Any]]) -> None:
    """Add `low_usd` and `high_usd`: the estimate and the interval of the errors of all closed months but its own."""
    closed = [row for row in rows if row["actual_usd"] is not None and row["unit_usd"] > 0]
    errors = np.array([(row["actual_usd"] - row["estimate_usd"]) / row["unit_usd"] for row in closed])
    of = np.array([row["month"] for row in closed])
    bounds = {month: interval(errors[of != month]) for month in {row["month"] for row in rows}}
    for row in rows:
        low, high = bounds[row["month"]]
        known = row["estimate_usd"] is not None and not np.isnan(low)
        row["low_usd"] = row["estimate_usd"] + low * row["unit_usd"] if known else None
        row["high_usd"] = row["estimate_usd"] + high * row["unit_usd"] if known else None
        if row["estimate_usd"] is not None and not known:
            row["reason"] = FEW_ERRORS


def _add_errors(rows: Sequence[dict[str, Any]]) -> None:
    """Add how wrong the closed months of the battery and of all batteries were, and how many of their intervals held."""

    def of(some: Sequence[dict[str, Any]]) -> tuple[int, float | None]:
        shares = [abs(row["estimate_usd"] / row["actual_usd"] - 1) for row in some if row["actual_usd"]]
        return len(shares), float(np.median(shares)) if shares else None

    held = [
        row["low_usd"] <= row["actual_usd"] <= row["high_usd"]
        for row in rows
        if row["actual_usd"] is not None and row["low_usd"] is not None
    ]
    every, held_share = of(rows), float(np.mean(held)) if held else None
    by_battery: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_battery.setdefault(row["battery"], []).append(row)
    own = {battery: of(some) for battery, some in by_battery.items()}
    for row in rows:
        row["own_closed_months"], row["own_error"] = own[row["battery"]]
        row["closed_months"], row["error"] = every
        row["interval_held"] = held_share
