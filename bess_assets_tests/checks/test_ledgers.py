"""Every interval of the year is there, and the board's sums are the ledgers': each shown to fail on a fault of its own, and to pass without it."""

import shutil
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from bess_assets.checks import judge_table
from bess_assets.checks.ledgers import HOURS, LEDGERS, QUARTER_HOURS
from bess_assets.ercot.step import StepResult
from bess_assets.errors import DamagedError
from bess_assets.run import run_table
from bess_assets.tables import TABLES
from bess_assets_tests.settlement.small import may_market, settle

CASES = {
    "bess_awards": (HOURS, 24, 1), "as_revenue": (HOURS, 24, 1), "bess_dispatch": (QUARTER_HOURS, 96, 1),
    "bess_prices": (QUARTER_HOURS, 96, 1), "energy_revenue": (QUARTER_HOURS, 96, 1),
}  # fmt: skip
SPRING, AUTUMN, ORDINARY = date(2022, 3, 13), date(2022, 11, 6), date(2022, 7, 4)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """The one day of 2022, settled in full: its home, and what stands in its record."""
    folder = tmp_path_factory.mktemp("may")
    settled = settle(folder, 2022, may_market())
    return folder, settled.entries


@pytest.fixture(autouse=True)
def settled(original, tmp_path, settings):
    """A copy of it, to spoil."""
    folder, entries = original
    assert settings.home == tmp_path / "home"
    for part in ("home", "rollups"):
        shutil.copytree(folder / part, tmp_path / part)
    return entries


def _first_of(day):
    """All rows but the first of a day."""

    def without(table: pa.Table) -> pa.Table:
        days = table["operating_day"].to_pylist()
        gone = days.index(day)
        return pa.concat_tables([table.slice(0, gone), table.slice(gone + 1)])

    return without


def test_every_interval_of_every_day_is_counted_and_one_that_is_lost_is_named(settled, judge, spoil):
    for table, (check, steps, series) in CASES.items():
        (entry,) = (c for c in settled[table]["checks"] if c["name"] == check.name)
        assert entry["passed"], table
        assert entry["blocking"], table
        counts = {"series": series, "days": 365, "days_of_series_wrong": 0, "rows": settled[table]["rows"]}
        assert entry["numbers"] == counts, table
        spoil(2022, table, _first_of(ORDINARY))
        verdict = judge(2022, table, check)
        assert not verdict.passed, table
        assert f"2022-07-04: {steps - 1} " in verdict.detail, table
        assert f"instead of {steps} (1 series, OAK" in verdict.detail, table
        assert verdict.numbers["days_of_series_wrong"] == 1, table


@pytest.mark.parametrize(("day", "steps"), [(SPRING, 92), (AUTUMN, 100)])
def test_the_days_of_the_clock_changes_have_23_and_25_hours(judge, spoil, day, steps):
    spoil(2022, "energy_revenue", _first_of(day))
    verdict = judge(2022, "energy_revenue", QUARTER_HOURS)
    assert f"{day}: {steps - 1} quarter-hours instead of {steps}" in verdict.detail
    assert not verdict.passed


def test_a_day_that_one_series_lacks_altogether_is_missed(judge, spoil):
    def second_series_without_a_day(table: pa.Table) -> pa.Table:
        again = table.set_column(1, "battery", pa.array(["PINE"] * table.num_rows)).cast(table.schema)
        return pa.concat_tables([table, again.filter(pc.not_equal(again["operating_day"], ORDINARY))])

    spoil(2022, "bess_awards", second_series_without_a_day)
    verdict = judge(2022, "bess_awards", HOURS)
    assert (verdict.passed, verdict.detail) == (False, "2022-07-04: absent from 1 series")
    assert verdict.numbers["series"] == 2


def test_rows_of_another_year_are_none_of_this_one(judge, spoil):
    def with_a_day_more(table: pa.Table) -> pa.Table:
        place, day = table.schema.get_field_index("operating_day"), pa.array([date(2023, 1, 1)] * 24)
        return pa.concat_tables([table, table.slice(0, 24).set_column(place, "operating_day", day).cast(table.schema)])

    spoil(2022, "bess_awards", with_a_day_more)
    verdict = judge(2022, "bess_awards", HOURS)
    assert not verdict.passed
    assert verdict.detail == "24 hours after 2022 (1 series, OAK_1 for one)"


def test_a_ledger_that_cannot_be_read_has_not_passed(settings):
    (settings.results / "energy_revenue" / "2022.parquet").write_bytes(b"half a file")
    judged = {c["name"]: c for c in judge_table(settings, 2022, TABLES["energy_revenue"], StepResult(iter(())), 1)}
    assert not judged[QUARTER_HOURS.name]["passed"]
    assert judged[QUARTER_HOURS.name]["detail"].startswith(
        "could not be judged: A result file is not as it was written"
    )


def test_a_file_that_cannot_be_read_has_not_passed_and_no_board_is_made_from_it(settings):
    (settings.results / "energy_revenue" / "2022.parquet").write_bytes(b"half a file")
    judged = {c["name"]: c for c in judge_table(settings, 2022, TABLES["leaderboard"], StepResult(iter(())), 1)}
    assert not judged[LEDGERS.name]["passed"]
    assert judged[LEDGERS.name]["detail"].startswith("could not be judged: A result file is not as it was written")
    with pytest.raises(DamagedError, match=r"energy_revenue/2022\.parquet is not as it was written"):
        run_table(settings, 2022, "leaderboard")


# --- sums ---------------------------------------------------------------------------------------------------------------------------------------
def test_the_board_of_one_battery_is_its_ledgers_sum_by_hand(settled):
    (check,) = (c for c in settled["leaderboard"]["checks"] if c["name"] == LEDGERS.name)
    # energy: 8 x 24 x 30 day-ahead, (6 - 1 - 8) x 24 x 40 in real time; regulation up: (3 + 1) x 24 x 5
    total = 5_760.0 - 2_880.0 + 480.0
    assert check["passed"]
    assert check["blocking"]
    assert check["numbers"]["fleet_usd_in_the_ledgers"] == pytest.approx(total)
    assert check["numbers"]["fleet_usd_on_the_board"] == pytest.approx(total)


@pytest.mark.parametrize(("table", "column", "component"), [
    ("energy_revenue", "da_usd", "da_energy_usd"), ("energy_revenue", "rt_usd", "rt_energy_usd"),
    ("as_revenue", "regup_da_usd", "as_regup_da_usd"),
])  # fmt: skip
def test_a_ledger_that_the_board_was_not_made_from_is_noticed(judge, spoil, table, column, component):
    def a_dollar_more(rows: pa.Table) -> pa.Table:
        values = rows[column].to_pylist()
        first = next(n for n, value in enumerate(values) if value)
        values[first] += 1.0
        return rows.set_column(rows.schema.get_field_index(column), column, pa.array(values, pa.float64()))

    spoil(2022, table, a_dollar_more)
    verdict = judge(2022, "leaderboard", LEDGERS)
    assert not verdict.passed
    assert verdict.numbers["components_differing"] == 1
    assert verdict.numbers["largest_difference_usd"] == pytest.approx(1.0)
    assert verdict.detail.startswith(f"{component} is ")


def test_money_that_the_board_knows_and_the_ledger_does_not_is_noticed(judge, spoil):
    def without_nspin(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index("nspin_revenue_usd")
        return rows.set_column(place, "nspin_revenue_usd", pa.nulls(rows.num_rows, pa.float64()))

    spoil(2022, "as_revenue", without_nspin)
    verdict = judge(2022, "leaderboard", LEDGERS)
    assert not verdict.passed
    assert "as_nspin_da_usd is 0.00 $ on the board and unknown in the ledger" in verdict.detail


def test_without_the_ledgers_nothing_is_compared_and_it_says_so(settings, judge):
    (settings.results / "as_revenue" / "2022.parquet").unlink()
    verdict = judge(2022, "leaderboard", LEDGERS)
    assert (verdict.passed, verdict.detail) == (True, "not compared: energy_revenue or as_revenue is not there")
