"""Whole small markets in files of odd types and with odd blanks: each gives the right money, an unknown that is said, or an error that names the file."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bess_assets.errors import InputError
from bess_assets_tests.scenario import FOLDERS, run
from bess_assets_tests.settlement.small import Settled, may_market, registry, seam_market, settle, write

Change = Callable[[pa.Table], pa.Table]


def column(heading: str, make: Callable[[pa.ChunkedArray], pa.Array | pa.ChunkedArray]) -> Change:
    """Replace a column by what is made of it."""

    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.schema.get_field_index(heading), heading, make(table[heading]))

    return change


def settle_changed(folder: Path, year: int, market, until: str | None = "leaderboard", **changes: Change) -> Settled:
    """Settle a market of whose files some were changed after they were written."""
    for dataset, change in changes.items():
        path = write(folder, year, {dataset: market[dataset]}) / FOLDERS[dataset] / f"{year}.parquet"
        pq.write_table(change(pq.read_table(path)), path)
    return settle(folder, year, {name: rows for name, rows in market.items() if name not in changes}, until=until)


def board(settled: Settled) -> tuple[float | None, float | None]:
    row = settled.row("leaderboard")
    return row["energy_usd"], row["as_usd"]


RIGHT = (2_880.0, 480.0)


def test_the_small_market_is_worth_what_its_reader_reckons(tmp_path):
    assert board(settle(tmp_path, 2022, may_market(), until="leaderboard")) == pytest.approx(RIGHT)


ODD_TYPES = {
    "text hours": ("dam_gen_resources", column("HourEnding", lambda c: c.cast(pa.string()))),
    "decimal hours": ("dam_gen_resources", column("HourEnding", lambda c: c.cast("int64").cast(pa.decimal128(20, 0)))),
    "decimal awards": ("dam_gen_resources", column("AwardedQuantity", lambda c: c.cast(pa.decimal128(12, 3)))),
    "names without a text mark": ("dam_gen_resources", column("ResourceName", lambda c: c.cast(pa.binary()))),
    "names as large bytes": ("dam_gen_resources", column("ResourceName", lambda c: c.cast(pa.large_binary()))),
    "products as large bytes": ("as_prices", column("AncillaryType", lambda c: c.cast(pa.large_binary()))),
    "large text names": ("dam_gen_resources", column("ResourceName", lambda c: c.cast(pa.large_string()))),
    "lower-case types": ("dam_gen_resources", column("ResourceType", pc.utf8_lower)),
}


@pytest.mark.parametrize(("dataset", "change"), ODD_TYPES.values(), ids=ODD_TYPES)
def test_an_odd_type_changes_no_money(tmp_path, dataset, change):
    assert board(settle_changed(tmp_path, 2022, may_market(), **{dataset: change})) == pytest.approx(RIGHT)


@pytest.mark.parametrize("blank", ["OTHER", *(pytest.param(b, marks=pytest.mark.slow) for b in ("", None))])
def test_the_type_column_of_the_esr_files_decides_nothing(tmp_path, blank):
    right = board(settle(tmp_path / "right", 2025, seam_market(), until="leaderboard"))

    def types(table: pa.Table) -> pa.Table:
        blanks = pa.array([blank] * table.num_rows, pa.string())
        index = table.schema.get_field_index("ResourceType")
        put = table.append_column if index < 0 else partial(table.set_column, index)
        return put("ResourceType", blanks)

    changed = settle_changed(tmp_path / "odd", 2025, seam_market(), dam_esr_resources=types, sced_esr_resources=types)
    assert board(changed) == right
    assert None not in right


def test_a_quantity_that_is_blank_in_every_row_is_unknown_and_not_zero(tmp_path):
    blank = column("AwardedQuantity", lambda c: pa.array([""] * len(c)))
    settled = settle_changed(tmp_path, 2022, may_market(), dam_gen_resources=blank)
    assert board(settled) == (None, pytest.approx(480.0))
    assert any("blank in every row: award_mw" in detail for detail in settled.findings("missing_columns"))


def test_rows_without_a_name_or_a_stamp_are_counted(tmp_path):
    market = may_market()
    nameless = run(market["sced_gen_resources"][0]["sced_stamp"], output_mw=1.0) | {"resource_name": None}
    market["sced_gen_resources"] = [*market["sced_gen_resources"], nameless, nameless]
    stampless = column("SCEDTimeStamp", lambda c: pc.if_else(pa.array(np.arange(len(c)) == len(c) - 1), None, c))
    settled = settle_changed(tmp_path, 2022, market, sced_gen_resources=stampless)
    findings = [f for e in settled.entries.values() for f in e["findings"] if f["subject"] == "sced_gen_resources"]
    assert {(f["kind"], f["count"]) for f in findings} >= {("unnamed_rows", 2), ("unusable_time", 1)}
    assert board(settled) == pytest.approx(RIGHT)


def test_a_qse_that_the_day_ahead_file_does_not_say_is_taken_from_the_last_run(tmp_path):
    market = may_market()
    path = write(tmp_path, 2022, market) / "SCED_Gen_Resources" / "2022.parquet"
    runs = pq.read_table(path)
    pq.write_table(runs.append_column("QSE", pa.array([*["QOLD"] * (runs.num_rows - 1), "QNEW"])), path)
    del market["sced_gen_resources"]
    rows, _ = registry(tmp_path, 2022, market)
    assert rows["OAK_1"]["qse"] == "QNEW"


GHOSTS = {
    "bytes as text": lambda name: f"b'{name}'",
    "small letters": str.lower,
    "quotes": lambda name: f'"{name}"',
    "names of others": lambda name: f"OTHER_{name}",
}


@pytest.mark.parametrize("dataset", ["dam_gen_resources", "sced_gen_resources"])
@pytest.mark.parametrize("respelled", GHOSTS.values(), ids=GHOSTS)
def test_resources_that_the_other_dataset_does_not_know_are_refused_and_settle_nothing(tmp_path, dataset, respelled):
    market = may_market()
    for own in ("dam_gen_resources", "sced_gen_resources"):
        market[own] = [
            row | {"resource_name": name} for name in ("ELM_BESS1", "FIR_BESS1", "OAK_BESS1") for row in market[own]
        ]
    assert len(registry(tmp_path / "clean", 2022, market)[0]) == 3
    market[dataset] = [row | {"resource_name": respelled(row["resource_name"])} for row in market[dataset]]
    with pytest.raises(InputError, match="None of the 3 resources") as refused:
        registry(tmp_path / "ghosts", 2022, market)
    assert f"{respelled('ELM_BESS1')!r}" in refused.value.problem
    assert "'ELM_BESS1'" in refused.value.problem
