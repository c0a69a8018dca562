"""Results in an object store: read as from a folder, through a copy; the run record decides, and only who replaces the record that he read may write it."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from bess_assets.errors import DamagedError, SettingsError, StoreError, YearBusyError, YearLostError
from bess_assets.results import Results
from bess_assets.run import hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.store import places
from bess_assets.store.fingerprint import whole_digest
from bess_assets.store.locks import name_of_results, year_is_busy, year_lock
from bess_assets.store.places import bring_results, results_to_write
from bess_assets.store.status import plan_year
from bess_assets.store.verify import verify
from bess_assets.store.whole import sealed
from bess_assets.tables import YEARLY
from bess_assets_tests.crashes.small_year import NEW, OLD, YEAR, look, make_editions, refresh, timeless
from bess_assets_tests.held import held_elsewhere
from bess_assets_tests.store.conftest import BUCKET, ObjectStore

pytestmark = pytest.mark.timeout(200)


def record(*unfinished: str) -> str:
    """A run record that names no file."""
    return sealed(json.dumps({"format": 2, "year": YEAR, "rollups": {}, "tables": {}, "unfinished": unfinished}))


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rollups of a small year, in two editions."""
    folder = tmp_path_factory.mktemp("editions")
    make_editions(folder)
    return folder


class Desk:
    """Homes whose results are at one address."""

    def __init__(self, folder: Path, rollups: Path, store: ObjectStore) -> None:
        self.folder, self.rollups, self.store = folder, rollups, store
        self.results = f"s3://{BUCKET}/{folder.name}/results"

    def home(self, name: str, edition: str = OLD, **more: str) -> Settings:
        variables = {"BESS_ROLLUPS": str(self.rollups / edition), "BESS_RESULTS": self.results}
        return load_settings(self.folder / name, {**variables, "BESS_SINGLE_WRITER": "on", **more})

    def seen(self, name: str) -> dict[str, str]:
        """Digests of what a home reads, but for what says when it was made."""
        settings = self.home(name)
        bring_results(settings)
        assert verify(settings).damage == []
        return {path: digest for path, digest in look(settings).digests.items() if timeless(path)}


@pytest.fixture
def desk(tmp_path, object_store: ObjectStore, editions) -> Desk:
    return Desk(tmp_path, editions, object_store)


def test_results_in_a_store_have_one_name_on_every_machine_and_need_something_that_holds_their_years(tmp_path) -> None:
    results = {"BESS_RESULTS": "s3://bucket/results"}
    one, two = (load_settings(tmp_path / name, results) for name in ("one", "two"))
    assert name_of_results(one) == name_of_results(two) == "s3://bucket/results"
    assert year_is_busy(one, YEAR), "nobody knows"
    with pytest.raises(SettingsError, match="BESS_SINGLE_WRITER=on"), year_lock(one, YEAR):
        pass
    alone = load_settings(tmp_path / "one", {**results, "BESS_SINGLE_WRITER": "on"})
    assert load_settings(None, alone.environment()) == alone
    assert not year_is_busy(alone, YEAR)
    with year_lock(alone, YEAR) as first:
        assert first


@pytest.mark.slow
def test_a_year_that_one_home_has_refreshed_is_read_in_another_as_from_a_folder(desk, tmp_path) -> None:
    refresh(desk.home("writer"))
    local = load_settings(tmp_path / "local", {"BESS_ROLLUPS": str(desk.rollups / OLD)})
    refresh(local)
    expected = {path: digest for path, digest in look(local).digests.items() if timeless(path)}
    assert desk.seen("reader") == expected
    reader = desk.home("reader")
    assert plan_year(reader, YEAR).state == plan_year(local, YEAR).state
    assert plan_year(reader, YEAR).to_refresh("changed") == []
    with Results(desk.home("third")) as results, Results(local) as of_folder:
        assert results.leaderboard(YEAR).records() == of_folder.leaderboard(YEAR).records()
        before = {path: path.stat().st_ino for path in results.folder.rglob("*") if path.is_file()}
        assert results.years() == [YEAR]
        assert {path: path.stat().st_ino for path in results.folder.rglob("*") if path.is_file()} == before
        refresh(desk.home("writer", NEW))
        new = results.leaderboard(YEAR).records()
    assert new != of_folder.leaderboard(YEAR).records()


@pytest.mark.slow
def test_of_eight_who_write_the_record_of_a_year_at_once_one_wins_and_all_read_his(desk, monkeypatch) -> None:
    homes = [desk.home(f"home{n}") for n in range(8)]
    writers, together = [results_to_write(settings, YEAR, ()) for settings in homes], Barrier(8)
    texts = dict[int, str]()

    monkeypatch.setattr(places, "_guard", nullcontext())  # else the threads of one process take turns

    def write(n: int) -> bool:
        path = homes[n].results / "_runs" / f"{YEAR}.json"
        together.wait()
        try:
            writers[n](path, record())
        except YearLostError:
            return False
        texts[n] = path.read_text(encoding="utf-8")
        return True

    for _ in range(3):
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(write, range(8)))
        assert sum(won) == 1
        for settings in homes:
            bring_results(settings)
        read = {(settings.results / "_runs" / f"{YEAR}.json").read_text(encoding="utf-8") for settings in homes}
        assert read == {texts[won.index(True)]}
        writers = [results_to_write(settings, YEAR, ()) for settings in homes]


@pytest.mark.slow
def test_a_writer_that_lost_its_year_changes_nothing_that_anybody_reads(desk, tmp_path) -> None:
    zombie = desk.home("zombie")
    names, taken = list(YEARLY), dict[str, str]()

    def go_on_too_late() -> None:
        with hold_year(zombie, YEAR) as held:
            held.journal.begin(names)
            for name in names[:5]:
                held.run_table(name)
            # its lock is of its own machine: another one sees the year free, and settles it from other files
            refresh(desk.home("taker", NEW))
            taken.update(desk.seen("reader"))
            for name in names[5:7]:
                with pytest.raises(YearLostError):
                    held.run_table(name)

    with pytest.raises(YearLostError, match="nothing of this run is read"):
        go_on_too_late()
    assert desk.seen("reader") == desk.seen("taker") == taken
    assert desk.seen("zombie") == taken, "it reads what all read"
    local = load_settings(tmp_path / "local", {"BESS_ROLLUPS": str(desk.rollups / NEW)})
    refresh(local)
    assert taken == {path: digest for path, digest in look(local).digests.items() if timeless(path)}
    refresh(zombie)
    assert desk.seen("reader") == desk.seen("zombie") != taken


@pytest.mark.slow
def test_what_a_killed_writer_left_in_its_copy_is_read_by_nobody(desk) -> None:
    settings = desk.home("writer")
    refresh(settings)
    whole = desk.seen("writer")
    board, other = (
        settings.results / "leaderboard" / f"{YEAR}.parquet",
        settings.results / "leaderboard" / "2020.parquet",
    )
    board.write_bytes(b"made and never recorded")
    other.write_bytes(b"made and never recorded")
    record = settings.results / "_runs" / f"{YEAR}.json"
    record.write_text(record.read_text(encoding="utf-8").replace("unfinished", "begun"), encoding="utf-8")
    (settings.results / "_runs" / "2020.json").write_text("{}", encoding="utf-8")
    assert desk.seen("writer") == whole
    assert not other.exists()


@pytest.mark.slow
def test_a_year_that_is_being_made_here_is_read_as_it_is_here(desk) -> None:
    settings = desk.home("writer")
    refresh(settings)
    board = settings.results / "leaderboard" / f"{YEAR}.parquet"
    with held_elsewhere(settings.home, YEAR, BESS_RESULTS=desk.results, BESS_SINGLE_WRITER="on"):
        board.write_bytes(b"newer than any record")
        bring_results(settings)
        assert board.read_bytes() == b"newer than any record"
        with pytest.raises(YearBusyError), hold_year(settings, YEAR):
            pass
    bring_results(settings)
    assert board.read_bytes() != b"newer than any record"


@pytest.mark.slow
def test_what_no_record_names_is_swept_once_it_is_old(desk, tmp_path, monkeypatch) -> None:
    import obstore

    below = desk.store.below(f"{tmp_path.name}/results")

    def keys() -> set[str]:
        return {o["path"] for page in obstore.list(below) for o in page}

    refresh(desk.home("writer"))
    old = keys()
    refresh(desk.home("writer", NEW))
    assert old < keys(), "a reader may still be at it"
    monkeypatch.setattr(places, "_SWEPT_AFTER", timedelta(0))
    for name in ("_runs/2020.json.bak", "notes.txt", "leaderboard/2020.parquet/x.parquet"):
        obstore.put(below, name, b"not of this year")
    with hold_year(desk.home("writer", NEW), YEAR):
        pass
    text = (desk.home("writer").results / "_runs" / f"{YEAR}.json").read_text(encoding="utf-8")
    named = places.files_named(text, str(YEAR))
    history = {key for key in keys() if key.startswith("leaderboard_history/")}
    assert history == {key for key in old | history if key.startswith("leaderboard_history/")}, "nothing makes it again"
    assert len(keys() - history) == len([name for name in named if "leaderboard_history/" not in name]) + 1 + 3
    desk.seen("reader")


@pytest.mark.slow
def test_an_object_that_is_not_as_it_was_written_is_seen_and_mended_as_a_file_is(desk, tmp_path) -> None:
    import obstore

    refresh(desk.home("writer"))
    below = desk.store.below(f"{tmp_path.name}/results")
    (key,) = (o["path"] for page in obstore.list(below, "leaderboard/2021.parquet") for o in page)
    obstore.put(below, key, b"another content")
    reader = desk.home("reader")
    bring_results(reader)
    assert [found.file.relative_to(reader.results).as_posix() for found in verify(reader).damage] == [
        "leaderboard/2021.parquet"
    ]
    with Results(reader) as results, pytest.raises(DamagedError, match="leaderboard of 2021"):
        results.leaderboard(YEAR)
    refresh(desk.home("mender"))
    assert desk.seen("reader")


@pytest.mark.slow
def test_an_object_that_is_gone_is_an_error_that_names_the_record_and_leaves_the_copy_whole(desk, tmp_path) -> None:
    import obstore

    refresh(desk.home("writer"))
    whole = desk.seen("reader")
    refresh(desk.home("writer", NEW))
    below = desk.store.below(f"{tmp_path.name}/results")
    board = desk.home("writer").results / "leaderboard" / f"{YEAR}.parquet"
    obstore.delete(below, f"leaderboard/{YEAR}.parquet/{whole_digest(board)}.parquet")
    with pytest.raises(StoreError, match=rf"_runs/{YEAR}.json"):
        desk.seen("reader")
    assert {path: digest for path, digest in look(desk.home("reader")).digests.items() if timeless(path)} == whole
    obstore.delete(below, f"_runs/{YEAR}.json")
    refresh(desk.home("reader", NEW))
    assert desk.seen("writer") == desk.seen("reader") != whole


@pytest.mark.parametrize("text", [
    "no JSON", "[]", '{"tables": {"..": {"files": {"x": {"size": 1, "mtime_ns": 1, "digest": "%s"}}}}}',
    '{"tables": {"leaderboard": {"files": {"../../x": {"size": 1, "mtime_ns": 1, "digest": "%s"}}}}}',
    '{"tables": {"leaderboard": {"files": {"2021.parquet": {"size": 1, "mtime_ns": 1, "digest": "../x"}}}}}',
])  # fmt: skip
def test_a_run_record_that_leads_out_of_the_results_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="not as it was written"):
        places.files_named(text.replace("%s", "0" * 64), "2021")
