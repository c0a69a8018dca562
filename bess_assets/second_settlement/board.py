"""From intervals to days, and from days to the boards of the months and of the year (sections 4, 10 and 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bess_assets.second_settlement.clock import operating_days
from bess_assets.second_settlement.readings import PRODUCTS

LEAST_COVERAGE = 0.95
LEAST_ACTIVE_DAYS = {"year": 30, "month": 10}
LEAST_CYCLES = 5

BOARD_COLUMNS = (
    "rank battery gen_resource load_resource esr_resource settlement_point qse capacity_mw energy_mwh duration_hours "
    "duration_source first_active_date active_days da_energy_usd rt_energy_usd energy_usd charging_cost_usd "
    + " ".join(f"as_{p}{leg}_usd" for leg in ("", "_da", "_rt") for p in PRODUCTS)
    + " as_usd total_usd usd_per_mw usd_per_kw_month usd_per_kw_year usd_per_mwh_discharged discharge_mwh charge_mwh "
    "cycles_per_day round_trip_efficiency tb2_usd tb2_capture energy_share top_as_product strategy best_day_share "
    "energy_coverage as_coverage capacity_source da_unmatched_usd rt_metered_usd data_through edition excluded_reason"
).split()


@dataclass(frozen=True)
class Horizon:
    """First and last day of the year's 60-day data, and how far the year is known (section 11).

    Attributes:
        closed: an input holds a day after 31 December.
    """

    year: int
    first_day: pd.Timestamp
    last_day: pd.Timestamp
    data_through: pd.Timestamp
    closed: bool


# --- days -------------------------------------------------------------------------------------------------------------------


def at_points(values: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """What a battery's settlement point has in each interval.

    Args:
        values: by interval, a column a settlement point.
        points: settlement points by the same intervals, a column a battery.
    """
    columns = values.columns.get_indexer(pd.Index(points.to_numpy().ravel())).reshape(points.shape)
    found = np.column_stack([values, np.full(len(values), np.nan)])[np.arange(len(values))[:, None], columns]
    return pd.DataFrame(found, points.index, points.columns)


def spreads(prices: pd.DataFrame) -> pd.DataFrame:
    """TB2 in $/MW: the two highest less the two lowest hourly prices of a day, unknown if one is missing; a row a day, a column a point."""
    days = prices.groupby(operating_days(prices.index))
    ordered = {day: np.sort(hours.to_numpy(), axis=0) for day, hours in days}  # unknown prices come last
    return pd.DataFrame(
        {day: some[-2:].sum(axis=0) - some[:2].sum(axis=0) for day, some in ordered.items()}, prices.columns
    ).T


def daily_sums(
    energy: Mapping[str, pd.DataFrame],
    services: Mapping[str, Mapping[str, pd.DataFrame]],
    expected_quarters: pd.DataFrame,
    expected_hours: pd.DataFrame,
    sold: pd.DataFrame,
    nodes: pd.DataFrame,
    tb2: pd.DataFrame,
) -> pd.DataFrame:
    """One row a battery and expected day: components, coverage, nodes and TB2.

    Args:
        energy: grids of quarter-hours (a column a battery).
        services: grids of hours by product.
        expected_quarters: which quarter-hours are expected.
        expected_hours: which hours are.
        sold: hours with an award above 0.
        nodes: settlement points by hour.
        tb2: as `spreads` has it.
    """
    columns: dict[str, pd.DataFrame] = {}

    def add(name: str, grid: pd.DataFrame) -> None:
        """Sum the known values of each expected day: null where none is known."""
        expected = expected_quarters if len(grid) == len(expected_quarters) else expected_hours
        days = operating_days(grid.index)
        columns[name] = grid.astype("float64").where(expected).groupby(days).sum(min_count=1)

    matched = energy["energy_usd"].notna()
    both = energy["discharge_mwh"].notna() & energy["charge_mwh"].notna()
    for name in ("da", "rt"):
        add(f"{name}_energy_usd", energy[f"{name}_usd"].where(matched))
    add("da_unmatched_usd", energy["da_usd"].where(~matched))
    add("rt_metered_usd", energy["rt_metered_usd"])
    add("charging_cost_usd", energy["charge_mwh"] * energy["rt_price"])
    for name in ("discharge", "charge"):
        add(f"{name}_mwh", energy[f"{name}_mwh"])
        add(f"{name}_both", energy[f"{name}_mwh"].where(both))
    add("quarters_expected", expected_quarters)
    add("quarters_known", matched)
    add("quarters_discharge", energy["discharge_mwh"].notna())
    add("combo_quarters", energy["combo"])

    all_known = expected_hours
    for product, grids in services.items():
        known = grids["revenue_usd"].notna()
        all_known = all_known & (known | ~grids["exists"])
        add(f"as_{product}_usd", grids["revenue_usd"])
        for leg in ("da", "rt"):
            add(f"as_{product}_{leg}_usd", grids[f"{leg}_usd"].where(known))
        add(f"{product}_hours", grids["exists"])
    add("hours_expected", expected_hours)
    add("hours_known", all_known)
    add("hours_sold", sold)

    by_day = nodes.groupby(operating_days(nodes.index))
    columns["settlement_point"], columns["last_settlement_point"] = by_day.first(), by_day.last()
    columns["tb2_usd_per_mw"] = at_points(tb2, columns["settlement_point"])
    daily = pd.DataFrame({name: grid.stack() for name, grid in columns.items()})
    daily = daily.rename_axis(["operating_day", "battery"]).reset_index()
    return _with_totals(daily[daily["quarters_expected"].notna()].reset_index(drop=True))


def _with_totals(sums: pd.DataFrame) -> pd.DataFrame:
    """Totals of the components of the same row, null if one that exists then is null; and coverages (section 4)."""
    energy = sums["da_energy_usd"] + sums["rt_energy_usd"]
    services = sum(sums[f"as_{product}_usd"].where(sums[f"{product}_hours"] > 0, 0.0) for product in PRODUCTS)
    return sums.assign(
        energy_usd=energy,
        as_usd=services,
        total_usd=energy + services,
        energy_coverage=sums["quarters_known"] / sums["quarters_expected"],
        as_coverage=sums["hours_known"] / sums["hours_expected"],
    )


# --- months and the year ----------------------------------------------------------------------------------------------------


def leaderboards(daily: pd.DataFrame, fleet: pd.DataFrame, horizon: Horizon) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The leaderboard of a year and those of its months, rows in order, columns as in `BOARD_COLUMNS`.

    Args:
        daily: as `daily_sums` has it, of all batteries.
        fleet: by battery: names, sizes, QSE, pair and last expected day.
        horizon: of the year.
    """
    daily = daily.assign(capacity_mw=fleet["capacity_mw"].reindex(daily["battery"]).to_numpy())
    active = (daily["hours_sold"] > 0) | (daily["discharge_mwh"] >= 0.1 * daily["capacity_mw"])
    first = daily[active].groupby("battery")["operating_day"].min()
    fleet = fleet.assign(first_active_date=first.reindex(fleet.index).astype("datetime64[s]"))
    daily = daily.assign(first_active_date=fleet["first_active_date"].reindex(daily["battery"]).to_numpy())
    daily = daily.assign(month=daily["operating_day"].dt.month).sort_values(["battery", "operating_day"])
    starts = [pd.Timestamp(year=horizon.year, month=month, day=1) for month in range(1, 13)]
    after = pd.Timestamp(year=horizon.year + 1, month=1, day=1)
    yearly = _board(daily, fleet, horizon, starts[0], after)
    boards = [yearly.iloc[:0].assign(month=pd.Series([], dtype="int64"))]
    for start, end in zip(starts, [*starts[1:], after], strict=True):
        days = daily[daily["operating_day"].between(start, end, inclusive="left")]
        if len(days):
            boards.append(_board(days, fleet, horizon, start, end).assign(month=start.month))
    return yearly, pd.concat(boards, ignore_index=True)[["month", *BOARD_COLUMNS]]


_SUMMED = (
    "da_energy_usd rt_energy_usd da_unmatched_usd rt_metered_usd charging_cost_usd discharge_mwh charge_mwh discharge_both charge_both "
    "quarters_expected quarters_known quarters_discharge combo_quarters hours_expected hours_known "
    + " ".join(f"as_{product}_usd as_{product}_da_usd as_{product}_rt_usd {product}_hours" for product in PRODUCTS)
).split()


def _board(
    daily: pd.DataFrame, fleet: pd.DataFrame, horizon: Horizon, start: pd.Timestamp, end: pd.Timestamp
) -> pd.DataFrame:
    """The board of a year or month from its days, the last instant of which is before `end` (section 11)."""
    monthly = end - start < pd.Timedelta(days=32)
    by_battery = daily.groupby("battery")
    board = _with_totals(by_battery[_SUMMED].sum(min_count=1)).join(fleet)
    board["settlement_point"] = by_battery["last_settlement_point"].agg(lambda points: points.iloc[-1])
    board["data_through"] = horizon.data_through
    board["edition"] = "final" if horizon.closed else "preliminary"
    first, last = board["first_active_date"], board["last_expected"]
    first, last = first.mask(first < start, start), last.mask(last >= end, end - pd.Timedelta(days=1))
    board["active_days"] = ((last - first).dt.days + 1).clip(lower=0).fillna(0).astype("int64")
    capacity, total = board["capacity_mw"], board["total_usd"]

    # Money by size and energy.
    least_days = LEAST_ACTIVE_DAYS["month" if monthly else "year"]
    board["usd_per_mw"] = total / capacity
    scaled = total / (1000 * capacity) * (end - start).days / board["active_days"]
    scaled = scaled.where(board["active_days"] >= least_days)
    board["usd_per_kw_month"], board["usd_per_kw_year"] = (scaled, scaled * 12) if monthly else (scaled / 12, scaled)
    board["usd_per_mwh_discharged"] = (total / board["discharge_mwh"]).where(board["discharge_mwh"] >= 1)
    board["cycles_per_day"] = board["discharge_mwh"] / board["energy_mwh"] / (board["quarters_discharge"] / 96)
    least_charge = (LEAST_CYCLES * board["energy_mwh"]).fillna(2 * LEAST_CYCLES * capacity)
    enough = (board["charge_both"] >= least_charge) & (board["charge_both"] > 0)
    board["round_trip_efficiency"] = (board["discharge_both"] / board["charge_both"]).where(enough)

    # The day-ahead yardstick, over active days with TB2 and energy known.
    active = daily["operating_day"] >= daily["first_active_date"]
    known = daily["tb2_usd_per_mw"].notna() & (daily["energy_coverage"] >= LEAST_COVERAGE)
    yardstick = daily[active & known].groupby("battery")[["tb2_usd_per_mw", "energy_usd"]].sum(min_count=1)
    board["tb2_usd"] = capacity * yardstick["tb2_usd_per_mw"]
    board["tb2_capture"] = (yardstick["energy_usd"] / board["tb2_usd"]).where(board["tb2_usd"] > 0)
    board["best_day_share"] = (by_battery["total_usd"].max() / total).where(total > 0)

    board = board.join(_strategies(board, months=1 if monthly else 12))
    board["excluded_reason"] = [_excluded(row, least_days) for row in board.to_dict("records")]
    return _ranked(board.rename_axis("battery").reset_index())[BOARD_COLUMNS]


def _strategies(board: pd.DataFrame, months: int) -> pd.DataFrame:
    """Share of energy, largest AS product and the label of section 10, from what each component gained."""
    names = {"energy": "energy_usd", **{product: f"as_{product}_usd" for product in PRODUCTS}}
    gains = pd.DataFrame({name: board[column].clip(lower=0.0) for name, column in names.items()})
    for product in PRODUCTS:
        gains[product] = gains[product].where(board[f"{product}_hours"] > 0, 0.0)
    total = gains.sum(axis=1, skipna=False)
    share = (gains["energy"] / total).where(total > 0)
    services = gains[list(PRODUCTS)]
    top = services.fillna(0.0).idxmax(axis=1).where(services.notna().all(axis=1) & (services.max(axis=1) > 0), None)
    floor = (10.0 * board["capacity_mw"] * months).fillna(100.0)
    cases = [total.isna(), total < floor, share > 0.8, share < 0.2]
    label = np.select(cases, ["", "inactive", "energy_arbitrage", "ancillary_services"], default="hybrid")
    strategy = pd.Series(label, index=board.index, dtype="object").where(total.notna(), None)
    return pd.DataFrame({"energy_share": share, "top_as_product": top, "strategy": strategy})


def _excluded(row: Mapping[Any, Any], least_days: int) -> str | None:
    """Why a row is not ranked: each failed condition in the order of section 11, or None."""
    reasons = []
    if pd.isna(row["settlement_point"]):
        reasons.append("settlement point unknown")
    if row["combo_quarters"] > 0 and (not row["charging_known"] or row["load_as_only"]):
        reasons.append("charging unknown")
    for label, what in (("energy coverage", "quarters"), ("AS coverage", "hours")):
        known, expected = int(row[f"{what}_known"]), int(row[f"{what}_expected"])
        if known / expected < LEAST_COVERAGE:
            reasons.append(f"{label} 0.{known * 1000 // expected:03d} below {LEAST_COVERAGE}")
    if pd.isna(row["capacity_mw"]):
        reasons.append("capacity unknown")
    if row["active_days"] < least_days:
        reasons.append(f"active {row['active_days']} days, under {least_days}")
    return "; ".join(reasons) or None


def _ranked(board: pd.DataFrame) -> pd.DataFrame:
    """Ranked rows by total first, then the others by total, ancillary services and name, nulls last (section 11)."""
    unranked = board["excluded_reason"].notna()
    # Ranked rows tie by name alone: their ancillary sum must not come between.
    board = board.assign(unranked=unranked, as_order=board["as_usd"].where(unranked, 0.0))
    order = ["unranked", "total_usd", "as_order", "battery"]
    board = board.sort_values(order, ascending=[True, False, False, True], na_position="last", ignore_index=True)
    rank = pd.Series(np.arange(len(board)) + 1, dtype="Int64")
    return board.assign(rank=rank.where(~board["unranked"]))
