"""Indices: what a kW of batteries earned by day, month and year, of the fleet and of classes of it, by stream, with percentiles.

Members are the ranked batteries of the board of the month, for its days too, or of the year. Two *bases* divide the same dollars: `installed`, by every MW on
the days since its battery was first active, as the average of a board does; `active`, by MW at work on the day.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bess_assets.ercot.arrays import FloatArray
from bess_assets.ercot.calendar import day_number
from bess_assets.ercot.products import PRODUCTS, QUARTER_HOURS_PER_HOUR
from bess_assets.ercot.step import Columns, Inputs, StepResult, in_columns, step
from bess_assets.settlement.ancillary import by_product
from bess_assets.settlement.days import Days
from bess_assets.settlement.grid import LedgerColumns, each_battery
from bess_assets.settlement.groups import value_of
from bess_assets.settlement.metrics import FIRST_ACTIVE_HOURS, STREAMS, ranked
from bess_assets.settlement.sql import answer

FLEET = "fleet"
KINDS = ("duration", "strategy", "zone")
"""Words of `groups` by which classes are made; batteries without such a value are in none."""
PERCENTILES = (10, 25, 50, 75, 90)
BASES = {
    "installed": "dollars of the ranked batteries over their MW on the days since each was first active in the year",
    "active": "dollars of the ranked batteries over their MW on days with an award, or with 0.1 h of discharge at capacity",
}
"""Definition of each basis."""
_SCALED = {
    "day": "; a day as if the month had only such days",
    "month": "; scaled from days that count to the month",
    "year": "; scaled from days that count to the year, a twelfth of it",
}
_DAYS_READ = ["battery", "operating_day", *STREAMS, "award_positive", "discharge_mwh"]
_BOARD_READ = ["battery", "rank", "capacity_mw", "first_active_date", "settlement_point", "qse", "attributes"]
_CLASS_READ = ["duration_hours", "duration_source", "strategy"]


def rate_column(stream: str) -> str:
    """The column of a stream's dollars per kW and month."""
    return f"{stream.removesuffix('_usd')}_usd_per_kw_month"


@step
def index(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """The indices of the fleet and of its classes."""
    read = [*_BOARD_READ, *_CLASS_READ]
    yearly = inputs.tables["leaderboard"].read(read)
    boards = [*yearly.to_pylist(), *inputs.tables["leaderboard_monthly"].read(["month", *read]).to_pylist()]
    members = [member for row in ranked(boards) for member in _memberships(row)]
    if not members:
        return
    rows = answer(
        " UNION ALL ".join(map(_of_basis, BASES)) + " ORDER BY ALL",
        members=pa.Table.from_pylist(members),
        board=yearly.select(["battery", "capacity_mw", "first_active_date"]),
        daily_revenue=inputs.tables["daily_revenue"].read(_DAYS_READ),
    )
    yield from in_columns([{**row, "definition": f"{BASES[row['basis']]}{_SCALED[row['period']]}"} for row in rows])


@step
def index_intervals(inputs: Inputs, _: StepResult) -> Iterator[Columns]:
    """What a kW of the fleet and of each duration class earned in each quarter-hour: installed MW of the ranked batteries of the board of its month.

    Ancillary services are settled by hour: a quarter-hour has a quarter of the dollars of its hour.
    """
    year, days = inputs.year, Days(inputs.year)
    active = inputs.tables["leaderboard"].read(["battery", "first_active_date"]).to_pydict()
    since = dict(zip(*active.values(), strict=True))
    members: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    months = inputs.tables["leaderboard_monthly"].read(["month", *_BOARD_READ, *_CLASS_READ]).to_pylist()
    for row in ranked(months):
        if since.get(row["battery"]):
            members[row["battery"]] += [m for m in _memberships(row) if m["kind"] in {FLEET, "duration"}]
    classes = sorted({member["class"] for own in members.values() for member in own})
    # energy by quarter-hour, services by hour
    day_of, shapes = (year.quarter_hour_day, year.hour_day), ((2, year.quarter_hours), (len(PRODUCTS), year.hours))
    usd = {name: [np.zeros(shape) for shape in shapes] for name in classes}
    known = {name: [np.zeros(shape, dtype=bool) for shape in shapes] for name in classes}
    mw = {name: np.zeros(year.days) for name in classes}
    count = {name: np.zeros(year.days, dtype=np.int64) for name in classes}
    month_of = days.months

    def of(n: int, battery: str, _: slice) -> tuple[str, tuple[FloatArray, FloatArray] | None]:
        return battery, _streams(inputs, n) if battery in members else None

    for battery, streams in each_battery(inputs, of):
        if streams is None:
            continue
        begun = days.numbers >= day_number(since[battery])
        there: defaultdict[str, FloatArray] = defaultdict(lambda: np.zeros(year.days))
        for member in members[battery]:
            there[member["class"]] += np.where(begun & (month_of == member["month"]), member["capacity_mw"] or 0.0, 0.0)
        for k, (own, day) in enumerate(zip(streams, day_of, strict=True)):
            found, dollars = ~np.isnan(own), np.nan_to_num(own)
            for name, capacity in there.items():
                where = (capacity > 0)[day]
                usd[name][k] += dollars * where
                known[name][k] |= found & where
        for name, capacity in there.items():
            mw[name] += capacity
            count[name] += capacity > 0
    ledger = LedgerColumns(year, quarter_hours=True, key="class")
    for name in classes:
        own, dollars, found = (
            mw[name][year.quarter_hour_day],
            _by_quarter_hour(usd[name]),
            _by_quarter_hour(known[name]),
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            rates = np.where(found & (own > 0), dollars / (1000 * own), np.nan)
        total = np.where(found.any(axis=0), np.nan_to_num(rates).sum(axis=0), np.nan)
        yield ledger.chunk(
            name,
            batteries=count[name][year.quarter_hour_day],
            capacity_mw=np.where(own > 0, own, np.nan),
            usd_per_kw=np.where(own > 0, total, np.nan),
            **{f"{s.removesuffix('_usd')}_usd_per_kw": rates[k] for k, s in enumerate(STREAMS)},
        )


def _streams(inputs: Inputs, n: int) -> tuple[FloatArray, FloatArray]:
    """Dollars of the n-th battery by stream of energy and quarter-hour, and by service and hour a quarter of them; as its days sum them, NaN where unknown."""
    energy = inputs.tables["energy_revenue"].numbers(["da_usd", "rt_usd", "energy_usd"], n)
    matched = ~np.isnan(energy["energy_usd"])
    (services,) = by_product(inputs.tables["as_revenue"], ["revenue_usd"], n).values()
    legs = np.stack([np.where(matched, energy[leg], np.nan) for leg in ("da_usd", "rt_usd")])
    return legs, services / QUARTER_HOURS_PER_HOUR


def _by_quarter_hour(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Streams of energy by quarter-hour and of services by hour as all streams by quarter-hour."""
    of_energy, of_services = parts
    return np.concatenate([of_energy, np.repeat(of_services, QUARTER_HOURS_PER_HOUR, axis=1)])


def _memberships(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The fleet and each class that a row of a board is in; month 0 stands for the year."""
    known = {"month": row.get("month", 0), "battery": row["battery"], "capacity_mw": row["capacity_mw"]}
    yield {**known, "kind": FLEET, "class": FLEET}
    for kind in KINDS:
        if name := value_of(row, kind):
            yield {**known, "kind": kind, "class": name}


def _of_basis(basis: str) -> str:
    """SELECT of the rows of all periods on a basis."""
    worked = (
        f"award_positive OR coalesce(discharge_mwh >= {FIRST_ACTIVE_HOURS!r}::DOUBLE * nullif(capacity_mw, 0), false)"
    )
    counted = {"installed": "since", "active": "since AND worked"}[basis]
    days = (
        f"SELECT days.*, operating_day >= first_active_date AS since, {worked} AS worked, month(operating_day) AS month "
        "FROM daily_revenue AS days JOIN board USING (battery)"
    )
    known = f"coalesce({', '.join(STREAMS)}) IS NOT NULL"
    total = f"CASE WHEN {known} THEN {' + '.join(f'coalesce({name}, 0)' for name in STREAMS)} END"
    sums = ", ".join(f"sum({name}) AS {name}" for name in STREAMS)
    # by period: its first day, the month of its board, its days, its months, and the days that it sums
    periods = {
        "day": ("operating_day", "month", "1", "1 / day(last_day(first_day))", " WHERE since"),
        "month": ("date_trunc('month', operating_day)::DATE", "month", "day(last_day(first_day))", "1", ""),
        "year": ("date_trunc('year', operating_day)::DATE", "0", "dayofyear(make_date(year(first_day), 12, 31))", "12", ""),
    }  # fmt: skip
    own = " UNION ALL ".join(
        f"SELECT '{period}' AS period, {first} AS first_day, {board} AS month, battery, {sums}, count(*) FILTER ({counted}) AS counted, "
        f"any_value({length}) AS days, any_value({months}::DOUBLE) AS months, any_value(held) AS held "
        f"FROM (SELECT *, {first} AS first_day FROM ({days}){where}) "
        f"JOIN (SELECT {first} AS first_day, count(DISTINCT operating_day) AS held FROM daily_revenue GROUP BY ALL) USING (first_day) GROUP BY ALL"
        for period, (first, board, length, months, where) in periods.items()
    )

    def rate(usd: str) -> str:
        return f"sum({usd}) / nullif(1000 * sum(capacity_mw * counted), 0) * any_value(days) / any_value(months)"

    each = "CASE WHEN counted > 0 THEN total / (1000 * capacity_mw * counted) * days / months END"
    return (
        f"SELECT kind, class, period, first_day, '{basis}' AS basis, count(*) FILTER (counted > 0) AS batteries, "
        f"sum(capacity_mw * counted) / any_value(held) AS capacity_mw, {rate('total')} AS usd_per_kw_month, "
        f"{', '.join(f'{rate(name)} AS {rate_column(name)}' for name in STREAMS)}, "
        f"{', '.join(f'quantile_cont({each}, {p / 100}) AS p{p}_usd_per_kw_month' for p in PERCENTILES)} "
        f"FROM (SELECT *, {total} AS total FROM ({own})) JOIN members USING (month, battery) GROUP BY kind, class, period, first_day"
    )
