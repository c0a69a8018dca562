"""The run record: written whole once a table, by the one process that holds the year."""

import json
import shutil
from typing import Any

import pytest

from bess_assets.store.journal import Journal, RollupEntry, RollupFileEntry, read_run, table_entry
from bess_assets.store.paths import recorded_years


def entry_of(rows: int) -> Any:
    return table_entry(status="ok", seconds=1.0, peak_memory_mb=1, inputs={}, rows=rows)


def rollup_of(rows: int) -> RollupEntry:
    lacks = {"missing": ['QSE "x"\n'], "unknown": [], "zero_filled": []}
    file = RollupFileEntry(rows=rows, bytes=3, fingerprint={"size": 3, "mtime_ns": 1, "digest": "d"}, **lacks)
    return RollupEntry(origin="found", files={"2024.parquet": file})


def test_a_journal_is_on_the_disk_after_each_table_and_another_reads_it(tmp_path):
    journal = Journal(tmp_path, 2024)
    journal.begin(["bess_registry", "leaderboard"])
    assert read_run(tmp_path, 2024)["unfinished"] == ["bess_registry", "leaderboard"]
    journal.put_table("bess_registry", entry_of(1))
    record = read_run(tmp_path, 2024)
    assert (record["unfinished"], list(record["tables"])) == (["leaderboard"], ["bess_registry"])
    assert record == Journal(tmp_path, 2024).record == journal.record
    journal.begin([])
    assert read_run(tmp_path, 2024)["unfinished"] == []
    assert recorded_years(tmp_path) == [2024]
    assert read_run(tmp_path, 2025) == {"year": 2025, "rollups": {}, "tables": {}, "unfinished": []}


def test_a_journal_has_a_line_for_each_dataset_and_table_and_is_not_written_where_nothing_changed(tmp_path):
    journal = Journal(tmp_path, 2024)
    journal.record["rollups"]["cop_snapshots"] = rollup_of(2)
    path = tmp_path / "_runs" / "2024.json"
    assert not path.exists(), "rollups are written with the next table, or at the end"
    for name in ("bess_registry", "leaderboard"):
        journal.put_table(name, entry_of(1))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split(":")[0].strip(" {}[],") for line in lines if ":" in line] == [
        '"format"', '"year"', '"rollups"', '"cop_snapshots"', '"tables"', '"bess_registry"', '"leaderboard"', '"unfinished"', '"sha256"'
    ]  # fmt: skip
    assert read_run(tmp_path, 2024)["rollups"]["cop_snapshots"] == rollup_of(2)
    written = path.stat()  # a file written anew has another number
    journal.record["rollups"]["cop_snapshots"] = rollup_of(2)
    journal.begin([])
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    journal.record["rollups"]["cop_snapshots"] = rollup_of(4)
    journal.begin([])
    assert read_run(tmp_path, 2024)["rollups"]["cop_snapshots"] == rollup_of(4)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "spoil", [lambda _: b"", lambda text: text[:-9], lambda text: text.replace(b": 1,", b": 3,", 1), lambda _: b"[1]"]
)
def test_a_spoilt_run_record_is_empty_says_why_and_is_begun_anew(tmp_path, spoil):
    Journal(tmp_path, 2024).put_table("leaderboard", entry_of(1))
    path = tmp_path / "_runs" / "2024.json"
    path.write_bytes(spoil(path.read_bytes()))
    record = read_run(tmp_path, 2024)
    assert record["damaged"].startswith("its run record 2024.json is not as it was written: ")
    assert (record["tables"], record["rollups"], record["unfinished"]) == ({}, {}, [])
    Journal(tmp_path, 2024).begin([])
    assert "damaged" not in read_run(tmp_path, 2024)


def test_a_record_of_another_year_is_not_taken_for_that_of_the_year_and_one_of_an_earlier_version_is_read(tmp_path):
    Journal(tmp_path, 2024).put_table("leaderboard", entry_of(1))
    path = tmp_path / "_runs" / "2024.json"
    shutil.copyfile(path, tmp_path / "_runs" / "2025.json")
    assert "that of another file" in read_run(tmp_path, 2025)["damaged"]
    old = {"year": 2024, "rollups": {}, "tables": {}, "unfinished": ["leaderboard"]}
    path.write_text(json.dumps(old), encoding="utf-8")
    assert read_run(tmp_path, 2024) == old
