"""Eleven real day-ahead rows of storage resources, purchases among them, at the prices that stand in the same rows."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.settlement.ancillary import as_da_usd
from bess_assets.settlement.energy import da_energy_usd
from bess_assets_tests.real import settle

pytestmark = pytest.mark.real

ROW_VALUES = [0.0, 210.585, 301.44, -1772.55, -2485.99, -1492.27, -2969.39, 2362.30, 4922.12, 732.88, 2213.06]
"""Day-ahead energy and ancillary services of each row, in file order, as the pack's README gives them."""
LABELS = {"RegUp": "REGUP", "RegDown": "REGDN", "RRS": "RRS", "ECRS": "ECRS", "NonSpin": "NSPIN"}


@pytest.fixture(scope="module")
def rows(real_pack: Callable[[str], Path]) -> pd.DataFrame:
    (path,) = (real_pack("2025-12-06-dam-esr") / "reports").glob("*.csv")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert frame.shape == (11, 48)
    return frame


def _number(rows: pd.DataFrame, column: str) -> np.ndarray:
    return pd.to_numeric(rows[column]).fillna(0.0).to_numpy()


def test_the_formulas_give_each_row_its_value(rows: pd.DataFrame) -> None:
    price = _number(rows, "Energy Settlement Point Price")
    value = 4 * da_energy_usd(_number(rows, "Awarded Quantity"), price)
    for columns, mcpc in (
        (["RegUp Awarded"], "RegUp MCPC"),
        (["RegDown Awarded"], "RegDown MCPC"),
        (["RRSPFR Awarded", "RRSFFR Awarded", "RRSUFR Awarded"], "RRS MCPC"),
        (["ECRSSD Awarded"], "ECRS MCPC"),
        (["NonSpin Awarded"], "NonSpin MCPC"),
    ):
        award = np.sum([_number(rows, column) for column in columns], axis=0)
        value += as_da_usd(award, _number(rows, mcpc))
    assert value == pytest.approx(ROW_VALUES, abs=0.01)


def test_the_steps_give_each_row_its_value_from_the_file_as_it_is(rows: pd.DataFrame, tmp_path: Path) -> None:
    prices = pd.DataFrame(
        {
            "DeliveryDate": rows["Delivery Date"],
            "HourEnding": rows["Hour Ending"].str.zfill(2) + ":00",
            "SettlementPoint": rows["Settlement Point Name"],
            "SettlementPointPrice": rows["Energy Settlement Point Price"],
            "DSTFlag": "N",
        }
    )
    priced = rows[rows["RegUp MCPC"] != ""].drop_duplicates("Hour Ending")
    clearing = pd.concat(
        [
            pd.DataFrame(
                {
                    "DeliveryDate": priced["Delivery Date"], "HourEnding": priced["Hour Ending"],
                    "AncillaryType": label, "MCPC": priced[f"{product} MCPC"], "DSTFlag": "N",
                }
            )
            for product, label in LABELS.items()
        ]
    )  # fmt: skip
    # Published on 4 February 2026: the rollup of that year.
    frames = (("DAM_ESR_Resources", 2026, rows), ("DA_prices", 2025, prices), ("AS_prices", 2025, clearing))
    for folder, year, frame in frames:
        (tmp_path / "rollups" / folder).mkdir(parents=True)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        pq.write_table(table, tmp_path / "rollups" / folder / f"{year}.parquet")
    settled = settle(tmp_path / "home", 2025, tmp_path / "rollups")
    energy, services = settled.table("energy_revenue"), settled.table("as_revenue")
    energy["hour"] = energy["interval_start"].dt.floor("h")
    da = energy.groupby(["battery", "hour"])["da_usd"].sum().to_dict()
    ancillary = services.groupby(["battery", "interval_start"])["da_usd"].sum().to_dict()
    midnight = pd.Timestamp("2025-12-06 06:00", tz="UTC")
    found = []
    for name, ending in zip(rows["Resource Name"], rows["Hour Ending"], strict=True):
        key = (name.replace("_ESR", "_"), midnight + pd.Timedelta(hours=int(ending) - 1))
        found.append(da[key] + ancillary[key])
    assert found == pytest.approx(ROW_VALUES, abs=0.01)
    days = settled.table("dam_awards_daily")
    antl = days[(days["battery"] == "ANTL_ESS_1") & (days["operating_day"] == date(2025, 12, 6))].iloc[0]
    assert (antl["bought_mwh"], antl["sold_mwh"]) == (pytest.approx(34.2 + 26.4), pytest.approx(28.1 + 28.0))
    board = settled.table("leaderboard")
    assert board["total_usd"].isna().all()
    assert board["as_usd"].isna().all(), "day-ahead money alone is no revenue once real time settles against it"
