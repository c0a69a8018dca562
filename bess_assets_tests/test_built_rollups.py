"""Rollups built from reports beside those that a user brings: which are read, what is recorded, what makes a year changed, what is kept apart."""

import time
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from bess_assets.ercot.rollup_names import BUILT_FOLDER, rollup_name
from bess_assets.errors import InputError, YearBusyError
from bess_assets.run import hold_year, result_table, run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.store.journal import RollupEntry, input_files, read_run
from bess_assets.store.listing import MARKER
from bess_assets.store.locks import rollup_lock
from bess_assets.store.paths import rollup_folder
from bess_assets.store.roll_up import build_rollup, roll_up_reports
from bess_assets.store.status import plan_year, years_available
from bess_assets.tables import TABLES
from bess_assets_tests.ercot.report_samples import DA_SPP, DAM_GEN, SCED_GEN, award, price, put, run, text
from bess_assets_tests.held import held_elsewhere
from bess_assets_tests.scenario import Row, write_rollup

GEN = "60d_DAM_Gen_Resource_Data-05-MAR-24.csv"
ALL_DAY = range(1, 25)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with two days of reports: awards and runs of one battery, day-ahead prices."""
    home = load_settings(tmp_path / "home", {"BESS_ROLLUPS": str(tmp_path / "theirs")})
    put(home.reports / GEN, text(DAM_GEN, [award("01/05/2024", hour) for hour in ALL_DAY]))
    stamps = [f"01/05/2024 {h:02d}:{m:02d}:10" for h in range(24) for m in (0, 15, 30, 45)]
    put(home.reports / "runs.csv", text(SCED_GEN, [run(stamp, 5) for stamp in stamps]))
    put(home.reports / "prices.csv", text(DA_SPP, [price("01/05/2024", hour, 20) for hour in ALL_DAY]))
    return home


def register(settings: Settings, dataset: str) -> RollupEntry:
    with hold_year(settings, 2024) as held:
        return held.register(dataset)


def names(settings: Settings, dataset: str, year: int) -> list[str]:
    """Files that a year reads, below the folder of all."""
    return [path.relative_to(settings.home.parent).as_posix() for path in rollup_folder(settings).files(dataset, year)]


def theirs(settings: Settings, dataset: str, year: int) -> Path:
    row: Row = {"operating_day": date(year, 1, 5), "hour_ending": 1}
    of_prices = {"settlement_point": "OAK_RN", "price_usd_per_mwh": 1.0}
    row |= of_prices if dataset == "da_prices" else {"resource_name": "OAK_BESS1", "resource_type": "PWRSTR"}
    return write_rollup(settings.rollups, dataset, year, [row])


def test_what_the_user_did_not_bring_is_built_and_read(settings):
    roll_up_reports(settings)
    assert names(settings, "da_prices", 2024) == ["home/built/DA_prices/2024.parquet"]
    assert names(settings, "dam_gen_resources", 2024) == ["home/built/DAM_Gen_Resources/2024.parquet"]
    assert years_available(settings) == [2024]
    assert not settings.rollups.exists(), "nothing is ever written among the user's own"
    run_table(settings, 2024, "bess_registry")
    entry = run_table(settings, 2024, "bess_awards")
    built = [f"{dataset}/built/2024.parquet" for dataset in ("dam_gen_resources", "sced_gen_resources")]
    assert list(entry["inputs"]) == [*built, "table:bess_registry"]
    assert entry["coverage"] is not None


def test_the_folder_of_built_rollups_is_the_one_that_records_speak_of(settings):
    assert settings.built.name == BUILT_FOLDER
    assert rollup_name(settings.built / "RT_prices" / "2024.parquet") == "built/2024.parquet"
    assert rollup_name(settings.rollups / "RT_prices" / "2024.parquet") == "2024.parquet"


def test_the_users_files_come_first_and_what_they_cover_is_never_built(settings):
    theirs(settings, "da_prices", 2024)
    for year in (2024, 2025):
        theirs(settings, "dam_gen_resources", year)
    done = roll_up_reports(settings)
    assert {built.dataset for built in done.built} == {"sced_gen_resources"}
    assert names(settings, "da_prices", 2024) == ["theirs/DA_prices/2024.parquet"]
    read = [f"theirs/DAM_Gen_Resources/{year}.parquet" for year in (2024, 2025)]
    assert names(settings, "dam_gen_resources", 2024) == read


@pytest.mark.parametrize("brought", [2024, 2025])
def test_half_of_a_delivery_year_brought_by_the_user_is_completed_from_reports(settings, brought):
    theirs(settings, "dam_gen_resources", brought)
    roll_up_reports(settings)
    read = [f"theirs/DAM_Gen_Resources/{brought}.parquet", "home/built/DAM_Gen_Resources/2024.parquet"]
    assert names(settings, "dam_gen_resources", 2024) == read


def test_a_year_is_closed_by_a_built_rollup_of_the_next_without_reading_it(settings):
    roll_up_reports(settings)
    run_table(settings, 2024, "bess_registry")
    assert board_edition(settings) == "preliminary"
    put(settings.reports / "next.csv", text(DAM_GEN, [award("01/01/2025", 1)]))
    roll_up_reports(settings)
    plan = plan_year(settings, 2024).tables["bess_registry"]
    assert (plan.state, plan.why) == ("changed", ("dam_gen_resources has days of the next year now",))
    assert "dam_gen_resources/built/2025.parquet" not in input_files(settings, 2024, TABLES["bess_registry"])
    run_table(settings, 2024, "bess_registry")
    assert board_edition(settings) == "final"
    assert plan_year(settings, 2024).tables["bess_registry"].state == "present"
    put(settings.reports / "later.csv", text(DAM_GEN, [award("01/02/2025", 1)]))
    roll_up_reports(settings)
    assert plan_year(settings, 2024).tables["bess_registry"].state == "present", "another day of the next year"


def board_edition(settings: Settings) -> str:
    (edition,) = result_table(settings, "bess_registry", 2024).read(["edition"]).column(0).to_pylist()
    return str(edition)


def test_a_new_report_makes_just_the_tables_that_read_it_changed(settings):
    roll_up_reports(settings)
    made = ("bess_registry", "bess_awards", "bess_dispatch", "bess_prices")
    for table in made:
        run_table(settings, 2024, table)
    assert {plan_year(settings, 2024).tables[table].state for table in made} == {"present"}
    put(settings.reports / "prices2.csv", text(DA_SPP, [price("01/06/2024", hour, 20) for hour in ALL_DAY]))
    roll_up_reports(settings)
    changed = {name for name, plan in plan_year(settings, 2024).tables.items() if plan.state == "changed"}
    assert changed.intersection(made) == {"bess_prices"}


def test_the_run_record_says_where_a_rollup_comes_from_and_what_it_cost(settings):
    build_rollup(settings, "dam_gen_resources", 2024)
    registered = register(settings, "dam_gen_resources")
    assert registered["origin"] == "built"
    rollup = read_run(settings.results, 2024)["rollups"]["dam_gen_resources"]
    assert rollup["origin"] == "built"
    entry = rollup["files"]["built/2024.parquet"]
    assert entry["rows"] == 24
    assert (entry["built"]["reports"], entry["built"]["csv_bytes"]) == (1, (settings.reports / GEN).stat().st_size)
    assert entry["built"]["incomplete_because"] == ["4 days are missing: 2024-01-01..2024-01-04"]
    assert register(settings, "rt_prices")["origin"] == "absent"
    theirs(settings, "dam_gen_resources", 2024)
    both = register(settings, "dam_gen_resources")
    assert (both["origin"], sorted(both["files"])) == ("found", ["2024.parquet", "built/2024.parquet"])
    theirs(settings, "dam_gen_resources", 2025)
    register(settings, "dam_gen_resources")
    files = read_run(settings.results, 2024)["rollups"]["dam_gen_resources"]["files"]
    assert list(files) == ["2024.parquet", "2025.parquet"], "a built rollup that is not read any more is not listed"


def test_one_dataset_and_year_is_built_alone_and_without_reports_nothing_is(settings, tmp_path):
    build_rollup(settings, "da_prices", 2023)
    assert not list(settings.built.glob("*/*.parquet"))
    build_rollup(settings, "da_prices", 2024)
    assert [path.parent.name for path in settings.built.glob("*/*.parquet")] == ["DA_prices"]
    empty = load_settings(tmp_path / "empty", {})
    build_rollup(empty, "da_prices", 2024)
    assert not empty.built.exists()
    with pytest.raises(InputError, match="no folder of reports"):
        roll_up_reports(empty)


def test_made_up_and_real_reports_are_never_mixed(settings, tmp_path):
    made_up = tmp_path / "made_up"
    put(made_up / MARKER, "{}")
    put(made_up / GEN, text(DAM_GEN, [award("01/05/2024", 1)]))
    roll_up_reports(settings)
    with pytest.raises(InputError, match="These reports are made-up, and the rollups that were built are of real ones"):
        roll_up_reports(settings, made_up)
    other = load_settings(tmp_path / "other", {"BESS_ROLLUPS": str(tmp_path / "theirs")})
    roll_up_reports(other, made_up)
    assert rollup_folder(other).files("dam_gen_resources", 2024)
    with pytest.raises(InputError, match="These reports are real, and the rollups that were built are of made-up ones"):
        roll_up_reports(other, settings.reports)
    theirs(other, "da_prices", 2024)
    assert rollup_folder(other).files("dam_gen_resources", 2024) == [], "made-up rows fill no gap in real rollups"


def test_two_processes_do_not_roll_up_at_once(settings, monkeypatch):
    impatient = partial(rollup_lock.func, "rollup", 0.2)
    monkeypatch.setattr("bess_assets.store.roll_up.rollup_lock", impatient)
    busy = pytest.raises(YearBusyError, match="Another process is working on rollup")
    with held_elsewhere(settings.home, "rollup"), busy:
        roll_up_reports(settings)
    started = time.perf_counter()
    with rollup_lock(settings):
        assert time.perf_counter() - started < 5
