"""Rollups, reports and the battery table in an object store: settled as from folders, brought once, and no login is ever shown."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from bess_assets.assets.resources import Warehouse
from bess_assets.definitions import build_defs
from bess_assets.errors import SettingsError, StoreError
from bess_assets.settings import Settings, load_settings
from bess_assets.store.fetching import fetch
from bess_assets.store.places import bring_in
from bess_assets_tests.crashes.small_year import NEW, OLD, YEAR, make_editions, refresh
from bess_assets_tests.store.conftest import BUCKET, KEY, SECRET, ObjectStore


# --- settings
def test_an_address_is_a_folder_of_the_home_and_is_named_as_it_was_given(tmp_path) -> None:
    named = {
        "BESS_ROLLUPS": "s3://desk-data/ercot/rollups",
        "BESS_REPORTS": "s3://desk-data",
        "BESS_REGISTRY": "s3://desk-data/batteries 2026.csv",
    }
    settings = load_settings(tmp_path, named)
    assert all(path.is_relative_to(tmp_path) for path in settings.copied)
    assert len(settings.copied) == 3
    assert {name: settings.environment()[name] for name in named} == named
    assert load_settings(None, settings.environment()) == settings


@pytest.mark.parametrize("address", [
    "s3://user:the-secret@bucket/prefix", "https://user:the-secret@host/bucket", "s3://bucket/../the-secret", "s3://bucket//the-secret",
    "s3://bucket/.the-secret", "gs://bucket/the-secret", "s3://B/the-secret", "s3:///the-secret",
])  # fmt: skip
@pytest.mark.parametrize("variable", ["BESS_ROLLUPS", "BESS_REPORTS", "BESS_REGISTRY", "BESS_RESULTS", "BESS_HOME"])
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(tmp_path, variable: str, address: str) -> None:
    with pytest.raises(SettingsError, match=variable) as refused:
        load_settings(None, {"BESS_HOME": str(tmp_path), variable: address})
    assert "the-secret" not in str(refused.value)


@pytest.mark.parametrize("variable", ["BESS_ROLLUPS", "BESS_REPORTS", "BESS_REGISTRY"])
@pytest.mark.parametrize("address", ["s3://desk-data", "s3://desk-data/ercot", "s3://desk-data/ercot/results/x"])
def test_results_and_what_they_are_made_from_do_not_lie_within_one_another(
    tmp_path, variable: str, address: str
) -> None:
    with pytest.raises(SettingsError, match="within one another"):
        load_settings(tmp_path, {"BESS_RESULTS": "s3://desk-data/ercot/results", variable: address})
    load_settings(tmp_path, {"BESS_RESULTS": "s3://desk-data/ercot/results", variable: "s3://desk-data/ercot/results2"})


def test_reports_are_fetched_into_folders_alone(tmp_path) -> None:
    login = dict.fromkeys(("ERCOT_API_USERNAME", "ERCOT_API_PASSWORD", "ERCOT_PUBLIC_API_SUBSCRIPTION_KEY"), "set")
    assert load_settings(tmp_path, login).fetch
    settings = load_settings(tmp_path, {**login, "BESS_REPORTS": "s3://bucket/reports"})
    assert not settings.fetch
    with pytest.raises(SettingsError, match="BESS_REPORTS is in an object store"):
        fetch(settings, [2024])


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(SettingsError, match=r'pip install "bess-assets\[s3\]"'):
        bring_in(load_settings(tmp_path, {"BESS_ROLLUPS": "s3://bucket/rollups"}))


def test_folders_of_this_machine_ask_for_no_extra_and_leave_nothing_behind(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    bring_in(load_settings(tmp_path, {}))
    assert list(tmp_path.iterdir()) == []


# --- a real store
@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rollups of a small year, in two editions."""
    folder = tmp_path_factory.mktemp("editions")
    make_editions(folder)
    return folder


@pytest.fixture
def own(tmp_path) -> str:
    """A prefix of this test's own."""
    return tmp_path.name


def bess(home: Path, *arguments: str, ends: int = 0, **variables: str) -> str:
    """What a command prints, in a process of its own; no login is in it, whatever happens."""
    command = [sys.executable, "-m", "bess_assets.cli", "--home", str(home), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **variables}, timeout=250
    )
    printed = done.stdout + done.stderr
    assert done.returncode == ends, printed
    assert KEY not in printed
    assert SECRET not in printed
    return printed


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each file of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns) for path in files}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_year_in_an_object_store_is_settled_as_from_a_folder_and_seen_as_the_same_from_another_home(
    tmp_path, object_store: ObjectStore, editions, own
) -> None:
    table = tmp_path / "batteries.csv"
    table.write_text("battery,owner\n", encoding="utf-8")
    object_store.put_folder(f"{own}/some/rollups", editions / OLD)
    object_store.put_folder(f"{own}/tables", tmp_path)
    places = {
        "BESS_ROLLUPS": f"s3://{BUCKET}/{own}/some/rollups",
        "BESS_REGISTRY": f"s3://{BUCKET}/{own}/tables/batteries.csv",
    }
    places["BESS_RESULTS"] = f"s3://{BUCKET}/{own}/results"
    assert "BESS_SINGLE_WRITER=on" in bess(tmp_path / "one", "refresh", str(YEAR), ends=1, **places)
    places["BESS_SINGLE_WRITER"] = "on"
    bess(tmp_path / "one", "refresh", str(YEAR), **places)
    local = {"BESS_ROLLUPS": str(editions / OLD), "BESS_REGISTRY": str(table)}
    refresh(load_settings(tmp_path / "local", local))
    other = load_settings(tmp_path / "other", places)
    defs, resources = build_defs(other), {"warehouse": Warehouse(environment=other.environment())}
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance, definitions=defs, resources=resources) as context,
    ):
        ticked = defs.resolve_sensor_def("refresh_changed_years").evaluate_tick(context)
    assert ticked.skip_message == "nothing has changed"
    assert marks(other.rollups).keys() == marks(editions / OLD).keys()
    digests = [
        {
            path.parent.name: path.read_bytes()
            for path in results.glob(f"*/{YEAR}.parquet")
            if path.parent.name not in {"leaderboard_history", "what_changed"}
        }
        for results in (other.results, tmp_path / "local" / "results")
    ]
    assert len(digests[0]) > 10
    assert digests[0] == digests[1]
    status = bess(tmp_path / "one", "status", **places)
    assert all(place in status for name, place in places.items() if name != "BESS_SINGLE_WRITER")
    del places["BESS_SINGLE_WRITER"]
    boards = [bess(tmp_path / name, "leaderboard", **places) for name in ("one", "a-reader-without-anything")]
    assert boards[0] == boards[1]


def settings_at(home: Path, own: str, **more: str) -> Settings:
    return load_settings(home, {"BESS_ROLLUPS": f"s3://{BUCKET}/{own}/rollups", **more})


@pytest.mark.slow
def test_an_object_is_brought_again_only_when_its_etag_is_another_and_its_copy_goes_with_it(
    tmp_path, object_store: ObjectStore, editions, own
) -> None:
    import obstore

    store, settings = object_store.below(own), settings_at(tmp_path, own)
    object_store.put_folder(f"{own}/rollups", editions / OLD)
    bring_in(settings)
    first = marks(settings.rollups)
    names = {path.relative_to(editions / OLD).as_posix() for path in (editions / OLD).rglob("*.parquet")}
    assert first.keys() == names
    touched, restated, gone, *_ = sorted(names)
    obstore.put(store, f"rollups/{touched}", editions / OLD / touched)
    obstore.put(store, f"rollups/{restated}", editions / NEW / restated)
    obstore.delete(store, f"rollups/{gone}")
    half = settings.rollups / "DAM_Gen_Resources" / ".2021.parquet.1-abc.tmp"
    half.write_bytes(b"left by a process that was killed")
    bring_in(settings)
    then = marks(settings.rollups)
    assert then.keys() == names - {gone}
    assert {name for name in then if then[name][0] != first[name][0]} == {restated}
    assert (settings.rollups / restated).read_bytes() == (editions / NEW / restated).read_bytes()
    other = settings_at(tmp_path / "other", own)
    bring_in(other)
    assert {name: time for name, (_, time) in marks(other.rollups).items()} == {n: t for n, (_, t) in then.items()}


@pytest.mark.slow
def test_for_a_year_only_the_rollups_that_it_reads_are_brought(tmp_path, object_store: ObjectStore, own) -> None:
    import obstore

    read = {"a/2024.parquet", "a/year=2025/part-0.parquet", "a_2024.parquet", "a/202402.parquet", "expected_rows.json"}
    for name in read | {"a/2023.parquet", "a/2026.parquet", "b/2022_01.parquet"}:
        obstore.put(object_store.below(own), f"rollups/{name}", name.encode())
    settings = settings_at(tmp_path, own)
    bring_in(settings, [2024])
    assert marks(settings.rollups).keys() == read
    bring_in(settings)
    assert len(marks(settings.rollups)) == 8


@pytest.mark.slow
def test_a_file_may_become_a_folder_of_parts_and_a_file_again(tmp_path, object_store: ObjectStore, own) -> None:
    import obstore

    store, settings, name = object_store.below(own), settings_at(tmp_path, own), "rollups/a/2024.parquet"
    for keys in ([name], [f"{name}/part-0.parquet", f"{name}/part-1.parquet"], [name]):
        for key in keys:
            obstore.put(store, key, key.encode())
        bring_in(settings)
        assert {f"rollups/{path}" for path in marks(settings.rollups)} == set(keys)
        obstore.delete(store, keys)


@pytest.mark.slow
def test_names_of_objects_are_those_of_files_and_hidden_ones_are_left_out(
    tmp_path, object_store: ObjectStore, own
) -> None:
    import obstore

    for key in ("rollups/ü #%20~/2024.parquet", "rollups/.hidden/2024.parquet", "rollups/.2024.parquet.1-a.tmp"):
        obstore.put(object_store.below(own), key, b"x")
    settings = settings_at(tmp_path / "home", own)
    bring_in(settings)
    assert list(marks(settings.rollups)) == ["ü #%20~/2024.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "said"), [
    ({"AWS_SECRET_ACCESS_KEY": "another-secret"}, "SignatureDoesNotMatch"),
    ({"AWS_ACCESS_KEY_ID": "another-key"}, "InvalidAccessKeyId"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "cannot be reached"),
    ({"BESS_ROLLUPS": "s3://there-is-no-such-bucket/x"}, "NoSuchBucket"),
    ({"AWS_ALLOW_HTTP": ""}, "cannot be reached"),
    ({"AWS_ENDPOINT_URL": "user:another-secret@nonsense"}, "AWS_ENDPOINT_URL cannot be read"),
    ({"BESS_REGISTRY": "s3://there-is-no-such-bucket/x.csv"}, "BESS_REGISTRY names an object that does not exist"),
])  # fmt: skip
def test_a_store_that_refuses_is_an_error_that_says_what_to_do_and_no_login(
    tmp_path, object_store: ObjectStore, own, wrong: dict[str, str], said: str
) -> None:
    import obstore

    obstore.put(object_store.below(own), "rollups/RT_prices/2024.parquet", b"x")
    variables = {"BESS_ROLLUPS": f"s3://{BUCKET}/{own}/rollups", **wrong}
    printed = bess(tmp_path, "status", ends=2, **variables)
    assert said in printed
    assert "remedy: " in printed
    assert "another-" not in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_a_store_that_is_stopped_and_started_gives_what_it_has_when_it_is_back(
    tmp_path, object_store: ObjectStore, editions, own, monkeypatch
) -> None:
    object_store.put_folder(f"{own}/rollups", editions / OLD)
    settings = settings_at(tmp_path, own)
    monkeypatch.setattr("bess_assets.store.places._CONFIG", {"timeout": "1s"})
    monkeypatch.setattr("bess_assets.store.places._RETRY_TIMEOUT", timedelta(seconds=2))
    object_store.stop()
    try:
        with pytest.raises(StoreError, match="cannot be reached"):
            bring_in(settings)
    finally:
        object_store.go_on()
    bring_in(settings)
    assert len(marks(settings.rollups)) == len([*(editions / OLD).rglob("*.parquet")])
