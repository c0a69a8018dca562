"""What Dagster loads: which assets, how they hang together, what they say of themselves."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from bess_assets.assets.metadata import column_lineage
from bess_assets.assets.resources import operating_years
from bess_assets.definitions import build_defs
from bess_assets.ercot.datasets import DATASETS
from bess_assets.run import MERGES, STEPS, STEPS_ASKED_FOR
from bess_assets.settings import load_settings
from bess_assets.store.journal import in_battery_table
from bess_assets.tables import ASKED_FOR, ENERGY_REVENUE, EVERY_TABLE, LEADERBOARD_REPORT, TABLES

ROOT = Path(__file__).resolve().parents[2]
ROLLUPS = {
    "rt_prices", "da_prices", "as_prices", "rt_as_prices", "dam_gen_resources", "dam_load_resources", "dam_esr_resources", "sced_gen_resources",
    "sced_load_resources", "sced_esr_resources", "sced_smne", "cop_snapshots", "sasm_as_offers", "dam_as_only_awards", "dam_energy_bid_awards",
    "dam_energy_offer_awards", "dam_esr_as_offers", "sced_as_prices", "sced_as_adders",
}  # fmt: skip
TABLES_BY_GROUP = {
    "schemas": {"rollup_schemas", "column_availability"},
    "registry": {"bess_registry", "bess_fleet"},
    "extracts": {"bess_awards", "bess_dispatch", "bess_prices", "left_out_rows"},
    "daily": {"dam_awards_daily", "rt_dispatch_daily", "price_daily"},
    "revenue": {"energy_revenue", "as_revenue"},
    "leaderboard": {"daily_revenue", "leaderboard", "leaderboard_monthly", "leaderboard_history", "what_changed"}
    | {"leaderboard_report"},
    "why": {
        "attribution",
        "estimate_monthly",
        "index",
        "index_intervals",
        "opportunity_daily",
        "outages",
        "perfect_daily",
        "perfect_monthly",
        "use_monthly",
    },
}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> AssetGraph:
    defs = build_defs(load_settings(tmp_path_factory.mktemp("home"), environ={}))
    dg.Definitions.validate_loadable(defs)
    return defs.resolve_asset_graph()


def test_the_graph_holds_every_asset_of_the_design_in_its_group(graph: AssetGraph) -> None:
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(str(graph.get(key).group_name), set()).add(key.to_user_string())
    assert groups == {"rollups": ROLLUPS | {"ercot_reports", "registry_csv"}} | TABLES_BY_GROUP


def test_the_battery_table_is_external_and_all_else_can_be_materialized(graph: AssetGraph) -> None:
    external = {k.to_user_string() for k in graph.get_all_asset_keys() if not graph.get(k).is_materializable}
    assert external == {"registry_csv"}


MERGED = {"bess_fleet", "column_availability"}


def test_every_asset_but_the_merged_ones_is_yearly(graph: AssetGraph) -> None:
    materializable = {k for k in graph.get_all_asset_keys() if graph.get(k).is_materializable}
    unpartitioned = {k.to_user_string() for k in materializable if graph.get(k).partitions_def != operating_years}
    assert unpartitioned == MERGED


def test_the_current_year_has_a_partition_and_the_next_has_none() -> None:
    keys = operating_years.get_partition_keys()
    assert keys[0] == "2019"
    assert "2024" in keys
    windows = operating_years.get_partition_keys(current_time=None)
    assert int(windows[-1]) - int(windows[0]) == len(windows) - 1


def test_every_asset_says_what_it_is_and_who_owns_it_and_its_columns(graph: AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        if node.is_materializable:
            assert node.tags, key
            (source,) = node.metadata["dagster/code_references"].code_references
            module, _, name = source.label.rpartition(".")
            lines = Path(source.file_path).read_text(encoding="utf-8").splitlines()
            decorator_and_first = lines[source.line_number - 1 : source.line_number + 1]
            assert any(line.startswith(f"def {name}(") for line in decorator_and_first), key
            assert module.startswith("bess_assets."), key
        if node.is_materializable and key.to_user_string() not in {LEADERBOARD_REPORT.name, "ercot_reports"}:
            assert node.metadata["dagster/column_schema"].columns, key


def test_every_check_is_explained_and_but_for_merged_tables_partitioned_by_year(graph: AssetGraph) -> None:
    checks = list(graph.asset_check_keys)
    assert len(checks) > len(ROLLUPS)
    assert {key.asset_key.to_user_string() for key in checks} == ROLLUPS | set(TABLES)
    for key in checks:
        merged = key.asset_key.to_user_string() in MERGED
        assert graph.get(key).partitions_def == (None if merged else operating_years), key
        assert graph.get_check_spec(key).description, key


def test_a_refresh_does_not_settle_a_year_twice_and_checks_alone_are_jobs_of_their_own(tmp_path: Path) -> None:
    defs = build_defs(load_settings(tmp_path, environ={}))
    second_road = dg.AssetCheckKey(dg.AssetKey("leaderboard_monthly"), "matches_csv")
    recent = dg.AssetCheckKey(dg.AssetKey("leaderboard"), "data_are_as_recent_as_ercot_discloses")

    def checks(job: str) -> set[dg.AssetCheckKey]:
        return set(defs.resolve_job_def(job).asset_layer.asset_graph.asset_check_keys)

    every = set(defs.resolve_asset_graph().asset_check_keys)
    assert {second_road, recent} < every
    of_merged = {k for k in every if k.asset_key.to_user_string() in {t.name for t in TABLES.values() if t.merged}}
    assert of_merged
    assert checks("refresh_year") == every - {second_road, recent} - of_merged
    assert checks("verify_year") == every - {recent} - of_merged
    for job, key in (("validate_year", second_road), ("check_freshness", recent)):
        assert checks(job) == {key}
        assert [node.name for node in defs.resolve_job_def(job).nodes] == [key.name]
        assert defs.resolve_job_def(job).partitions_def == operating_years


def test_tables_have_the_upstream_that_they_declare(graph: AssetGraph) -> None:
    for name, table in EVERY_TABLE.items():
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        battery_table = {"registry_csv"} if in_battery_table(table) and name not in MERGED else set()
        assert parents == {*table.datasets, *table.upstream} | battery_table, name


def test_a_year_of_a_table_is_made_of_the_same_year_of_each_asset_above_it(graph: AssetGraph) -> None:
    for name, table in TABLES.items():
        for above in table.datasets:
            mapping = graph.get_partition_mapping(dg.AssetKey(name), dg.AssetKey(above))
            mapped = mapping.get_upstream_mapped_partitions_result_for_partitions(
                operating_years.subset_with_partition_keys(["2024"]), operating_years, operating_years
            )
            assert list(mapped.partitions_subset.get_partition_keys()) == ["2024"], (name, above)


def test_column_lineage_names_only_columns_that_exist() -> None:
    known = {(d.name, c) for d in DATASETS.values() for c in d.columns}
    known |= {(t.name, c) for t in TABLES.values() for c in t.column_names}
    for table in TABLES.values():
        above = {*table.datasets, *table.upstream}
        for column, deps in column_lineage(table).deps_by_column.items():
            for dep in deps:
                source = dep.asset_key.to_user_string()
                assert (source, dep.column_name) in known, (table.name, column)
                assert source in above, (table.name, column)


def test_lineage_passes_through_columns_of_the_table_itself() -> None:
    deps = column_lineage(ENERGY_REVENUE).deps_by_column["energy_usd"]
    assert {(dep.asset_key.to_user_string(), dep.column_name) for dep in deps} == {
        ("bess_awards", "award_mw"), ("bess_prices", "da_price_usd_per_mwh"), ("bess_prices", "rt_price_usd_per_mwh"),
        ("bess_dispatch", "discharge_mwh"), ("bess_dispatch", "charge_mwh"),
    }  # fmt: skip


def test_every_table_has_a_step_and_each_comes_after_what_it_needs() -> None:
    assert [*STEPS, *STEPS_ASKED_FOR] == [name for name, table in TABLES.items() if not table.merged]
    assert set(STEPS_ASKED_FOR) == set(ASKED_FOR)
    assert list(MERGES) == [name for name, table in TABLES.items() if table.merged]
    for position, name in enumerate(steps := [*STEPS, *STEPS_ASKED_FOR]):
        assert set(TABLES[name].upstream) <= set(steps[:position]), name


def test_automation_is_off_unless_asked_for(tmp_path: Path) -> None:
    for switch, status in (("off", dg.DefaultSensorStatus.STOPPED), ("on", dg.DefaultSensorStatus.RUNNING)):
        defs = build_defs(load_settings(tmp_path, environ={"BESS_AUTOMATION": switch}))
        assert {sensor.name: sensor.default_status for sensor in defs.sensors or []} == dict.fromkeys(
            ["refresh_changed_years", "merge_years_after_a_refresh", "raise_an_alarm_for_failed_runs"], status
        )


def test_importing_the_definitions_reads_no_setting() -> None:
    code = "import bess_assets.definitions"
    nowhere = {"BESS_REGISTRY": "/nowhere", "PATH": ""}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=ROOT, env=nowhere)
