"""Dagster's stale tables are those that `bess status` names, whatever was refreshed and whatever has changed since."""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from bess_assets.assets.data import ASSETS, table_asset
from bess_assets.assets.resources import Warehouse
from bess_assets.definitions import build_defs
from bess_assets.ercot.datasets import DATASETS
from bess_assets.refresh import open_instance, refresh_years
from bess_assets.settings import Settings, load_settings
from bess_assets.store.status import OTHER_CODE, State, plan_year
from bess_assets.tables import EVERY_TABLE, TABLES, YEARLY
from bess_assets_tests.ercot.report_samples import DA_SPP, DAM_GEN, award, price, put, text
from bess_assets_tests.ercot_server import zipped
from bess_assets_tests.scenario import hourly, write_rollup

pytestmark = pytest.mark.slow

REPORTED, BEFORE, YEAR = 2022, 2023, 2024
"""A year of reports alone, and two of rollups that share a 60-day file: 2024.parquet holds the end of 2023 too."""
AWARDS = "60d_DAM_Gen_Resource_Data-03-MAR-22.csv"
AS_PRICE = {"operating_day": date(BEFORE, 1, 5), "hour_ending": 1, "product": "RRS", "mcpc_usd_per_mw": 1.0}
SHARED = [date(BEFORE, 12, 20), date(YEAR, 2, 5)]


OF_EARLIER_YEARS = ("leaderboard/", "leaderboard_monthly/", *(f"{name}/" for name in TABLES["estimate_monthly"].before))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A small home of two years, refreshed, with an instance of its own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("DAGSTER_HOME", "restored at the end")
    patch.setattr("bess_assets.refresh.MERGES", {})  # a second run, which no year waits for
    folder = tmp_path_factory.mktemp("stale")
    table = folder / "batteries.csv"
    table.write_text("battery,gen_resource,capacity_mw\n", encoding="utf-8")
    settings = load_settings(folder, environ={"BESS_REGISTRY": str(table)})
    for file_year, days in ((BEFORE, [date(BEFORE, 1, 5)]), (YEAR, SHARED), (YEAR + 1, [date(YEAR, 12, 20)])):
        awarded(settings, file_year, days)
    for year in (BEFORE, YEAR):
        priced(settings, year, 20.0)
    refresh(settings, [BEFORE, YEAR])
    yield settings
    patch.undo()


def awarded(settings: Settings, file_year: int, days: Sequence[date]) -> Path:
    """The user's file of day-ahead awards, one row of one battery a day."""
    rows = [hourly(day, 1, "OAK_BESS1", resource_type="PWRSTR") for day in days]
    return write_rollup(settings.rollups, "dam_gen_resources", file_year, rows)


def priced(settings: Settings, year: int, usd: float) -> Path:
    """The user's file of day-ahead prices, one row."""
    row = {"operating_day": date(year, 1, 5), "hour_ending": 1, "settlement_point": "OAK_RN", "price_usd_per_mwh": usd}
    return write_rollup(settings.rollups, "da_prices", year, [row])


def refresh(settings: Settings, years: Collection[int], only: State | None = None) -> None:
    for outcome in refresh_years(settings, list(years), only):
        assert all(asset.status != "failed" for asset in outcome.assets.values()), outcome.errors


def stale(settings: Settings, assets=None) -> set[tuple[int, str]]:
    """Years and tables that Dagster calls stale or missing, and all that is made from them: its own status does not say that of them."""
    graph = dg.Definitions(assets=assets or ASSETS, resources={"warehouse": Warehouse()}).resolve_asset_graph()
    found = set()
    with open_instance(settings) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        for year in (REPORTED, BEFORE, YEAR):
            for name, table in YEARLY.items():
                status = resolver.get_status(dg.AssetKey(name), str(year))
                if status != StaleStatus.FRESH or any((year, above) in found for above in table.upstream):
                    found.add((year, name))
    return found


def changed(settings: Settings) -> set[tuple[int, str]]:
    """Years and tables that `bess status` calls anything but present.

    The page looks at the boards of earlier years too, and the estimate, which the page shows, at the days of the year before: Dagster is not told, for a run on
    one year would have to wait for that of another.
    """
    found = set()
    for year in (REPORTED, BEFORE, YEAR):
        of_earlier = OF_EARLIER_YEARS
        for name, table in plan_year(settings, year).tables.items():
            if table.state != "present" and all(why.startswith(of_earlier) for why in table.why):
                of_earlier += (f"{name} has changed",)
            elif table.state != "present":
                found.add((year, name))
    return found


def test_after_a_refresh_nothing_is_stale_and_a_year_never_made_is_missing_in_both(home):
    assert changed(home) == stale(home) == {(REPORTED, name) for name in YEARLY}


def touch(settings: Settings) -> None:
    for path in settings.rollups.rglob("*.parquet"):
        os.utime(path, (1, 1))


def test_a_touched_file_makes_nothing_stale(home):
    before = changed(home)
    touch(home)
    refresh(home, [YEAR], "changed")
    assert changed(home) == stale(home) == before


def test_what_changes_makes_stale_each_year_that_reads_it_until_it_is_refreshed_or_as_it_was(home):
    before = changed(home)
    awarded(home, YEAR, [*SHARED, date(YEAR, 2, 6)])
    refresh(home, [REPORTED], "failed")  # nothing of it is: the files are shown to Dagster all the same
    stale_now = stale(home)
    assert changed(home) == stale_now > before
    assert {(year, table) for year in (BEFORE, YEAR) for table in ("bess_awards", "bess_prices")} <= stale_now
    awarded(home, YEAR, SHARED)
    refresh(home, [REPORTED], "failed")
    assert changed(home) == stale(home) == before, "the file is as it was when it was read"
    assert home.registry_csv
    home.registry_csv.write_text("battery,gen_resource,capacity_mw\nOAK,OAK_BESS1,50\n", encoding="utf-8")
    new = write_rollup(home.rollups, "as_prices", BEFORE, [AS_PRICE])
    awarded(home, YEAR, [*SHARED, date(YEAR, 2, 6)])
    touch(home)
    refresh(home, [YEAR])
    stale_now = stale(home)
    assert changed(home) == stale_now > before
    assert {(BEFORE, name) for name in ("bess_registry", "bess_awards", "as_revenue", "leaderboard")} <= stale_now
    assert {year for year, _ in stale_now} == {REPORTED, BEFORE}
    new.unlink()  # as_revenue is stale still, by the battery table
    refresh(home, [BEFORE], "changed")
    assert changed(home) == stale(home) == before


@pytest.mark.slow
def test_a_year_built_from_reports_is_fresh_after_its_refresh_and_after_new_reports_too(home):
    put(home.reports / AWARDS, text(DAM_GEN, [award(f"01/02/{REPORTED}", hour) for hour in range(1, 25)]))
    put(home.reports / "a.csv", text(DA_SPP, [price(f"01/02/{REPORTED}", hour, 20) for hour in range(1, 25)]))
    refresh(home, [REPORTED])
    assert changed(home) == stale(home) == set()
    put(home.reports / "b.csv", text(DA_SPP, [price(f"01/03/{REPORTED}", hour, 20) for hour in range(1, 25)]))
    assert (REPORTED, "bess_prices") in changed(home)
    refresh(home, [REPORTED], "changed")
    assert changed(home) == stale(home) == set()


def test_new_reports_make_stale_only_what_is_made_of_them(home):
    def look_at_reports() -> None:
        with open_instance(home) as instance:
            job = build_defs(home).resolve_job_def("fetch_reports")
            assert job.execute_in_process(instance=instance, partition_key=str(REPORTED)).success

    before = stale(home)
    look_at_reports()
    assert stale(home) == before
    put(home.reports / AWARDS, text(DAM_GEN, [award(f"01/02/{REPORTED}", hour) for hour in range(1, 25)]))
    refresh(home, [REPORTED])
    fetched = f"cdr.00012331.0000000000000077.{REPORTED}0102.123100000.DAMSPNP4190_csv"
    rows = text(DA_SPP, [price(f"01/03/{REPORTED}", hour, 20) for hour in range(1, 25)])
    put(home.reports / "NP4-190-CD" / str(REPORTED) / f"{fetched}.zip", zipped({"a.csv": rows}))
    look_at_reports()
    refresh(home, [REPORTED], "changed")
    assert changed(home) == stale(home) == set()
    graph = dg.Definitions(assets=ASSETS, resources={"warehouse": Warehouse()}).resolve_asset_graph()
    with open_instance(home) as instance:
        resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
        rollups = {name: resolver.get_status(dg.AssetKey(name), str(REPORTED)) for name in DATASETS}
    assert set(rollups.values()) == {StaleStatus.FRESH}


def test_another_version_of_a_tables_code_makes_stale_that_table_alone(home, monkeypatch):
    before = changed(home)
    upgraded = replace(TABLES["as_revenue"], code_version="another")
    for declared in (TABLES, EVERY_TABLE, YEARLY):
        monkeypatch.setitem(declared, "as_revenue", upgraded)
    plan = plan_year(home, YEAR)
    assert plan.tables["as_revenue"].why == (OTHER_CODE,)
    assert plan.tables["daily_revenue"].why == ("as_revenue has changed",)
    others = [a for a in ASSETS if a.key != dg.AssetKey("as_revenue")]
    assert changed(home) == stale(home, [*others, table_asset(upgraded)]) > before
    assert (YEAR, "energy_revenue") not in changed(home)
