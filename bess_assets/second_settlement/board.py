"""From intervals to days, months and the year: dollars, MWh and known intervals of each battery (section 4)."""

from collections.abc import Mapping

import pandas as pd

from bess_assets.second_settlement.clock import operating_days
from bess_assets.second_settlement.readings import PRODUCTS

MONEY = (
    "da_energy_usd rt_energy_usd energy_usd charging_cost_usd "
    + " ".join(f"as_{p}{leg}_usd" for leg in ("", "_da", "_rt") for p in PRODUCTS)
    + " as_usd total_usd da_unmatched_usd as_da_unmatched_usd rt_metered_usd"
).split()
BOARD_COLUMNS = ["battery", *MONEY, "discharge_mwh", "charge_mwh", "energy_coverage", "as_coverage", "data_through"]


def daily_sums(
    energy: Mapping[str, pd.DataFrame],
    services: Mapping[str, Mapping[str, pd.DataFrame]],
    expected_quarters: pd.DataFrame,
    expected_hours: pd.DataFrame,
) -> pd.DataFrame:
    """One row a battery and expected day: dollars, MWh and known intervals, null where no interval is known.

    Args:
        energy: grids of quarter-hours (a column a battery).
        services: grids of hours by product.
        expected_quarters: which quarter-hours are expected.
        expected_hours: which hours are.
    """
    matched = energy["energy_usd"].notna()
    both = energy["discharge_mwh"].notna() & energy["charge_mwh"].notna()
    of_quarters = {
        "da_energy_usd": energy["da_usd"].where(matched),
        "rt_energy_usd": energy["rt_usd"].where(matched),
        "da_unmatched_usd": energy["da_usd"].where(~matched),
        "rt_metered_usd": energy["rt_metered_usd"],
        "charging_cost_usd": energy["charge_mwh"] * energy["rt_price"],
        "discharge_mwh": energy["discharge_mwh"],
        "charge_mwh": energy["charge_mwh"],
        "paired_discharge_mwh": energy["discharge_mwh"].where(both),
        "paired_charge_mwh": energy["charge_mwh"].where(both),
        "expected_quarter_hours": expected_quarters,
        "energy_quarter_hours": matched,
        "discharge_quarter_hours": energy["discharge_mwh"].notna(),
    }
    of_hours = {"expected_hours": expected_hours, "as_hours": expected_hours}
    for product, grids in services.items():
        known = grids["revenue_usd"].notna()
        of_hours["as_hours"] = of_hours["as_hours"] & (known | ~grids["exists"])
        of_hours[f"as_{product}_usd"] = grids["revenue_usd"]
        of_hours |= {f"as_{product}_{leg}_usd": grids[f"{leg}_usd"].where(known) for leg in ("da", "rt")}
        of_hours[f"{product}_hours"] = grids["exists"]
        of_hours[f"{product}_unmatched"] = grids["da_usd"].where(~known)
    columns = {}
    for grids, expected in ((of_quarters, expected_quarters), (of_hours, expected_hours)):
        days = operating_days(expected.index)
        for name, grid in grids.items():
            columns[name] = grid.astype("float64").where(expected).groupby(days).sum(min_count=1).stack()
    unmatched = pd.DataFrame({product: columns.pop(f"{product}_unmatched") for product in services})
    columns["as_da_unmatched_usd"] = unmatched.sum(axis=1, min_count=1)
    daily = pd.DataFrame(columns).rename_axis(["operating_day", "battery"]).reset_index()
    return _with_totals(daily[daily["expected_quarter_hours"].notna()].reset_index(drop=True))


def _with_totals(sums: pd.DataFrame) -> pd.DataFrame:
    """Totals of the components of the same row, null if one that exists then is null; and coverages (section 4)."""
    energy = sums["da_energy_usd"] + sums["rt_energy_usd"]
    services = sum(sums[f"as_{product}_usd"].where(sums[f"{product}_hours"] > 0, 0.0) for product in PRODUCTS)
    return sums.assign(
        energy_usd=energy,
        as_usd=services,
        total_usd=energy + services,
        energy_coverage=sums["energy_quarter_hours"] / sums["expected_quarter_hours"],
        as_coverage=sums["as_hours"] / sums["expected_hours"],
    )


def boards(daily: pd.DataFrame, data_through: pd.Timestamp) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The board of the year and, with a column `month`, those of its months; columns as in `BOARD_COLUMNS`, rows by battery."""
    by_month = daily.assign(month=daily["operating_day"].dt.month).drop(columns="operating_day")
    yearly, monthly = (
        _with_totals(by_month.groupby(keys, as_index=False).sum(min_count=1)).assign(data_through=data_through)
        for keys in (["battery"], ["month", "battery"])
    )
    return yearly[BOARD_COLUMNS], monthly[["month", *BOARD_COLUMNS]]
