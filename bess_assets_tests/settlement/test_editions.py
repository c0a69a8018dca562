"""Editions of a board: when one is added, what is never lost, what moved between the last two, and because of which input."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.step import Columns, Inputs, StepResult
from bess_assets.errors import InputError, NotRefreshedError
from bess_assets.run import STEPS, run_table
from bess_assets.settings import Settings, load_settings
from bess_assets.settlement.editions import FINAL_CHECK, broken_links, leaderboard_history
from bess_assets.store.fingerprint import fingerprint
from bess_assets.store.journal import CheckEntry, Journal, TableEntry, read_run, table_entry
from bess_assets.store.paths import file_before, result_path
from bess_assets.store.verify import verify
from bess_assets.tables import LEADERBOARD, LEADERBOARD_HISTORY, TABLES, lineage
from bess_assets_tests.made_home import ALPHA, BRAVO, record_table, write_edition
from bess_assets_tests.settlement.small import MAY, Market, Settled, clearing, may_market, prices, settle

YEAR = 2024
ONE, TWO = {**ALPHA, "rank": 1}, {**BRAVO, "rank": 2}
FILES = {"rt_prices/2024.parquet": "a", "sced_gen_resources/2024.parquet": "b"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(tmp_path, {})


def history(settings: Settings, year: int = YEAR) -> Path:
    return result_path(settings.results, "leaderboard_history", year)


def rows(settings: Settings, table: str, year: int = YEAR) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.ParquetFile(result_path(settings.results, table, year)).read().to_pylist()
    return found


def numbers(settings: Settings) -> list[tuple[int, str]]:
    return [(row["edition_number"], row["battery"]) for row in rows(settings, "leaderboard_history")]


def check(entry: TableEntry) -> CheckEntry:
    (found,) = (c for c in entry["checks"] if c["name"] == FINAL_CHECK)
    return found


def with_other(market: Market, other: Market) -> Market:
    """A market with other rows of some datasets."""
    return {**market, **other}


def made(folder: Path, market: Market | None = None, table: str | None = None) -> Settled:
    """A day as far as its editions: of the market of May or another."""
    return settle(folder, 2022, market or may_market(), table=table, until="what_changed")


@pytest.fixture
def first(may: Settled, tmp_path: Path) -> Settled:
    """The first edition of the day of May, in a home of the test."""
    shutil.copytree(may.settings.home.parent, tmp_path, dirs_exist_ok=True)
    settings = load_settings(tmp_path / "home", {"BESS_ROLLUPS": str(tmp_path / "rollups")})
    return Settled(settings, may.year, dict(may.entries))


# --- one day, settled by hand
def test_the_first_edition_is_the_board_with_its_time_version_and_the_digest_of_every_file_it_was_made_of(
    first, tmp_path
):
    settled = first
    (edition,), (board,) = settled.rows("leaderboard_history"), settled.rows("leaderboard")
    assert {column.name: edition[column.name] for column in LEADERBOARD.file_columns} == board
    entry = settled.entries["leaderboard"]
    assert (edition["edition_number"], edition["made_at"]) == (1, datetime.fromisoformat(entry["finished"]))
    assert (edition["package_version"], edition["board_digest"]) == (entry["package_version"], entry["digest"])
    folders = {dataset.folder: name for name, dataset in DATASETS.items()}
    paths = (tmp_path / "rollups").glob("*/*.parquet")
    files = {f"{folders[path.parent.name]}/{path.name}": fingerprint(path)["digest"] for path in paths}
    assert len(files) == 7
    assert json.loads(edition["inputs"]) == files
    assert settled.rows("what_changed") == []
    verdict = check(settled.entries["what_changed"])
    assert verdict["passed"]
    assert verdict["numbers"] == {"batteries_moved": 0, "dollars_moved": 0.0, "editions": 1}


def test_a_refresh_without_change_adds_no_edition_and_leaves_the_file_untouched(first: Settled, tmp_path: Path) -> None:
    path = first.results / "leaderboard_history" / "2022.parquet"
    before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    again = made(tmp_path)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    for part in ("status", "rows", "digest", "bytes"):
        assert again.entries["leaderboard_history"][part] == first.entries["leaderboard_history"][part]  # type: ignore[literal-required]
    assert again.entries["leaderboard_history"]["rows"] == 1


@pytest.mark.usefixtures("first")
def test_a_price_that_changes_makes_an_edition_and_is_named_with_the_dollars_and_no_other_file(tmp_path: Path) -> None:
    # 6 MW delivered less 1 MW charged less 8 MW sold is -3 MW; for 24 hours 1 $/MWh more each.
    dearer = with_other(may_market(), prices(MAY, 30.0, 41.0))
    # Nobody was awarded this product: the file is another, and no figure comes of it.
    dearer |= clearing(MAY, REGUP=5.0, REGDN=3.0, RRS=8.0, NSPIN=2.0)
    settled = made(tmp_path, dearer)
    assert [row["edition_number"] for row in settled.rows("leaderboard_history")] == [1, 2]
    moved = settled.row("what_changed")
    assert (moved["battery"], moved["edition_before"], moved["edition_after"]) == ("OAK_1", 1, 2)
    assert (moved["total_usd_before"], moved["total_usd_after"]) == (3_360.0, 3_288.0)
    assert moved["total_usd_change"] == moved["energy_usd_change"] == pytest.approx(-72.0)
    assert moved["as_usd_change"] == 0.0
    assert {"rt_energy_usd", "charging_cost_usd", "energy_usd", "total_usd"} <= set(moved["moved"].split(", "))
    assert not {"da_energy_usd", "as_usd", "discharge_mwh", "edition"} & set(moved["moved"].split(", "))
    assert moved["because"] == "rt_prices/2022.parquet has changed"


@pytest.mark.usefixtures("first")
def test_an_ancillary_price_is_no_reason_of_the_energy_files(tmp_path: Path) -> None:
    # 3 MW on the generation side and 1 MW on the load side, 24 hours, half a dollar more.
    other = with_other(may_market(), clearing(MAY, REGUP=5.5, REGDN=3.0, RRS=7.0, NSPIN=2.0))
    other["sced_gen_resources"] = [{**row, "hsl_mw": 10.0} for row in other["sced_gen_resources"]]
    moved = made(tmp_path, other).row("what_changed")
    assert moved["total_usd_change"] == moved["as_usd_change"] == pytest.approx(48.0)
    assert moved["because"] == "as_prices/2022.parquet has changed"


@pytest.mark.usefixtures("first")
def test_a_capacity_changed_through_the_battery_table_is_named_as_such(tmp_path: Path) -> None:
    new = made(tmp_path, table="battery,capacity_mw\nOAK_1,12\n")
    assert new.row("what_changed")["because"] == "the battery table (BESS_REGISTRY) is new"
    changed = made(tmp_path, table="battery,capacity_mw\nOAK_1,14\n").row("what_changed")
    assert changed["because"] == "the battery table (BESS_REGISTRY) has changed"
    assert {"capacity_mw", "usd_per_mw"} <= set(changed["moved"].split(", "))
    assert changed["total_usd_change"] == 0.0
    gone = made(tmp_path).row("what_changed")
    assert gone["because"] == "the battery table (BESS_REGISTRY) is gone"
    assert (gone["edition_before"], gone["edition_after"]) == (3, 4)


# --- hand-written boards
def test_an_edition_keeps_the_order_of_its_board_and_comes_after_the_earlier_ones(settings: Settings) -> None:
    write_edition(settings, YEAR, [TWO, ONE], FILES)
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    assert numbers(settings) == [(1, "BRAVO"), (1, "ALPHA_1"), (2, "ALPHA_1"), (2, "BRAVO")]


def test_another_file_with_the_same_rows_is_the_same_board(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    before = history(settings).read_bytes()
    write_edition(settings, YEAR, [ONE, TWO], FILES, digest="another")
    assert history(settings).read_bytes() == before
    write_edition(settings, YEAR, [ONE, {**TWO, "notes": "another note"}], FILES, digest="another")
    assert numbers(settings)[2:] == [(2, "ALPHA_1"), (2, "BRAVO")]


def test_a_board_that_goes_back_to_an_earlier_one_is_a_new_edition(settings: Settings) -> None:
    for total in (1.0, 2.0, 1.0):
        write_edition(settings, YEAR, [{**ONE, "usd_per_mw": total}], FILES)
    assert [number for number, _ in numbers(settings)] == [1, 2, 3]


@pytest.mark.parametrize(("change", "moved"), [(0.004, []), (0.006, ["BRAVO"]), (-0.006, ["BRAVO"])])
def test_less_than_half_a_cent_is_an_edition_and_no_move(settings: Settings, change: float, moved: list[str]) -> None:
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    write_edition(settings, YEAR, [ONE, {**TWO, "charging_cost_usd": 0.0}], FILES)
    write_edition(settings, YEAR, [ONE, {**TWO, "charging_cost_usd": change}], FILES)
    assert numbers(settings)[-1][0] == 3
    assert [row["battery"] for row in rows(settings, "what_changed")] == moved


def test_a_known_figure_that_becomes_unknown_has_moved_by_an_unknown_amount(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    unknown = {**TWO, "rank": None, "total_usd": None, "energy_usd": None}
    entries = write_edition(settings, YEAR, [ONE, unknown], {**FILES, "rt_prices/2024.parquet": "other"})
    (row,) = rows(settings, "what_changed")
    assert (row["total_usd_before"], row["total_usd_after"], row["total_usd_change"]) == (500_000.0, None, None)
    assert row["moved"] == "rank, energy_usd, total_usd"
    verdict = check(entries["what_changed"])
    assert "BRAVO (total unknown)" in verdict["detail"]
    assert verdict["numbers"] == {"batteries_moved": 1, "dollars_moved": 0.0, "editions": 2}
    more = {name: ONE[name] + 0.5 for name in ("rt_energy_usd", "energy_usd", "total_usd")}
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    both = check(write_edition(settings, YEAR, [{**ONE, **more}, unknown], FILES)["what_changed"])
    assert "ALPHA_1 (+0.50 $), BRAVO (total unknown)" in both["detail"], "after those of known amount"


def test_batteries_that_appear_and_vanish_are_named_with_what_the_board_gains_and_loses(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE], FILES)
    entries = write_edition(settings, YEAR, [{**TWO, "rank": 1}], {**FILES, "sced_gen_resources/2024.parquet": "other"})
    gained, lost = {r["battery"]: r for r in rows(settings, "what_changed")}.values()
    told = [gained[name] for name in ("battery", "moved", "rank_before", "rank_after")]
    assert told == ["ALPHA_1", "vanished", 1, None]
    assert (lost["battery"], lost["moved"], lost["total_usd_before"]) == ("BRAVO", "appeared", None)
    assert (lost["total_usd_change"], lost["because"]) == (None, "sced_gen_resources/2024.parquet has changed")
    verdict = check(entries["what_changed"])
    assert "BRAVO (appeared +500,000.00 $)" in verdict["detail"]
    assert verdict["numbers"]["dollars_moved"] == pytest.approx(ALPHA["total_usd"] + BRAVO["total_usd"])


@pytest.mark.parametrize("label", ["final", "preliminary"])
def test_the_check_warns_where_a_final_year_moved_and_says_who_by_how_much_and_why(settings, label):
    write_edition(settings, YEAR, [{**ONE, "edition": label}, {**TWO, "edition": label}], FILES)
    higher = {"total_usd": 500_010.5, "energy_usd": 10.5, "rt_energy_usd": 10.5}
    restated = {**FILES, "rt_prices/2024.parquet": "restated"}
    verdict = check(write_edition(settings, YEAR, [ONE, {**TWO, **higher}], restated)["what_changed"])
    assert verdict["passed"] == (label == "preliminary")
    assert not verdict["blocking"]
    assert f"edition 2 against edition 1, which was {label}: 1 battery moved, 10.50 $ in all" in verdict["detail"]
    assert "BRAVO (+10.50 $)" in verdict["detail"]
    assert verdict["detail"].endswith("because: rt_prices/2024.parquet has changed")
    assert verdict["numbers"] == {"batteries_moved": 1, "dollars_moved": 10.5, "editions": 2}


@pytest.mark.parametrize(("count", "more"), [(5, ""), (7, ", 2 more")])
def test_the_five_that_moved_most_are_named_and_all_are_counted(settings: Settings, count: int, more: str) -> None:
    names = [f"OAK_{n}" for n in range(count)]
    write_edition(settings, YEAR, [{**ONE, "battery": name} for name in names], FILES)
    # each by some dollars more than the one before it, the last by as many as the first
    dollars = {name: 10.0 if name == names[-1] else -10.0 - n for n, name in enumerate(names)}
    sums = ("rt_energy_usd", "energy_usd", "total_usd")
    board = [{**ONE, "battery": name, **{c: ONE[c] + usd for c in sums}} for name, usd in dollars.items()]
    verdict = check(write_edition(settings, YEAR, board, FILES)["what_changed"])
    ordered = sorted(names, key=lambda name: (-abs(dollars[name]), name))[:5]
    told = ", ".join(f"{name} ({dollars[name]:+,.2f} $)" for name in ordered)
    total = sum(abs(usd) for usd in dollars.values())
    assert f": {count} batteries moved, {total:,.2f} $ in all: {told}{more}; because: " in verdict["detail"]


def test_a_year_that_only_became_final_moved_no_battery(settings: Settings) -> None:
    write_edition(settings, YEAR, [{**ONE, "edition": "preliminary"}], FILES)
    entries = write_edition(settings, YEAR, [ONE], {**FILES, "later:dam_gen_resources": "there"})
    assert rows(settings, "what_changed") == []
    assert check(entries["what_changed"])["detail"].endswith("no battery moved")


def test_another_owner_and_a_rate_of_others_move_no_battery(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE], FILES)
    beside = {
        "usd_per_kw_month_percentile": 0.5,
        "class_median_usd_per_kw_month": 4.0,
        "duration_class": "under 1.25 h",
    }
    write_edition(settings, YEAR, [{**ONE, **beside, "attributes": '{"owner": "Oak"}'}], FILES)
    assert [number for number, _ in numbers(settings)] == [1, 2]
    assert rows(settings, "what_changed") == []


def test_without_a_changed_input_the_version_of_the_package_is_the_reason(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE], FILES, package_version="0.1.0")
    write_edition(settings, YEAR, [{**ONE, "cycles_per_day": 0.5}], FILES, package_version="0.2.0")
    assert rows(settings, "what_changed")[0]["because"] == "bess-assets 0.1.0 -> 0.2.0"
    write_edition(settings, YEAR, [ONE], FILES, package_version="0.2.0")
    assert rows(settings, "what_changed")[0]["because"] == "neither an input nor the version of bess-assets has changed"
    others = {**FILES, "da_prices/2024.parquet": "new"}
    write_edition(settings, YEAR, [{**ONE, "qse": "ANOTHER"}], others, package_version="0.2.0")
    assert rows(settings, "what_changed")[0]["because"] == (
        "no input that feeds these columns; of the others: da_prices/2024.parquet is new"
    )


def test_a_year_closed_by_days_of_the_next_says_so(settings: Settings) -> None:
    write_edition(settings, YEAR, [{**ONE, "active_days": 300}], FILES)
    write_edition(settings, YEAR, [ONE], {**FILES, "later:dam_gen_resources": "there"})
    assert rows(settings, "what_changed")[0]["because"] == "dam_gen_resources has days of the next year now"


def test_tables_that_saw_different_contents_of_a_file_have_both_named(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE], {"rt_prices/2024.parquet": "seen later"})
    earlier = {"rt_prices/2024.parquet": fingerprint(history(settings)) | {"digest": "seen earlier"}}
    entry = table_entry(status="ok", seconds=0.1, peak_memory_mb=1, inputs=earlier)  # type: ignore[arg-type]
    record_table(settings.results, YEAR, "bess_prices", entry)
    record_table(settings.results, YEAR, "rollup_schemas", entry | {"inputs": {"schema": "feeds no figure"}})  # type: ignore[typeddict-item]
    forget(settings)
    history(settings).unlink()
    run_table(settings, YEAR, "leaderboard_history")
    edition = rows(settings, "leaderboard_history")[0]
    assert json.loads(edition["inputs"]) == {"rt_prices/2024.parquet": "seen earlier+seen later"}


# --- what is never lost
def forget(settings: Settings) -> None:
    """Leave the history as a version did that kept neither its second file nor their digests."""
    journal = Journal(settings.results, YEAR)
    del journal.record["tables"]["leaderboard_history"]["files"]
    journal.begin([])
    file_before(history(settings)).unlink()


@pytest.mark.parametrize("content", [b"half a file", b"", "another table", None])
def test_a_damaged_or_vanished_history_is_restored_from_the_file_before_it_and_the_damaged_one_is_kept(
    settings, content
):
    for qse in ("ONE", "TWO", "THREE"):
        write_edition(settings, YEAR, [{**ONE, "qse": qse}], FILES)
    path, whole = history(settings), rows(settings, "leaderboard_history")
    before = pq.ParquetFile(file_before(path)).read().to_pylist()
    assert before == whole[:2], "the second file has the editions before the last"
    if content == "another table":
        content = result_path(settings.results, "leaderboard", YEAR).read_bytes()
    path.unlink() if content is None else path.write_bytes(content)
    run_table(settings, YEAR, "leaderboard_history")
    assert rows(settings, "leaderboard_history") == whole, "the board is the last edition"
    aside = path.with_suffix(".damaged")
    assert (aside.read_bytes() if aside.exists() else None) == content


def test_an_edition_that_a_killed_run_wrote_and_could_not_record_is_kept_with_its_time(settings: Settings) -> None:
    for qse in ("ONE", "TWO"):
        write_edition(settings, YEAR, [{**ONE, "qse": qse}], FILES)
    recorded = read_run(settings.results, YEAR)["tables"]["leaderboard_history"]
    write_edition(settings, YEAR, [{**ONE, "qse": "THREE"}], FILES)
    whole = rows(settings, "leaderboard_history")
    Journal(settings.results, YEAR).put_table("leaderboard_history", recorded)
    write_edition(settings, YEAR, [{**ONE, "qse": "FOUR"}], FILES)
    assert rows(settings, "leaderboard_history")[:3] == whole
    assert not history(settings).with_suffix(".damaged").exists()


def test_each_edition_has_the_digest_of_the_one_before_so_that_a_changed_past_is_seen(settings: Settings) -> None:
    for qse in ("ONE", "TWO", "THREE"):
        write_edition(settings, YEAR, [{**ONE, "qse": qse}, TWO], FILES)
    kept = rows(settings, "leaderboard_history")
    assert [row["before_digest"] is None for row in kept] == [True] * 2 + [False] * 4
    assert broken_links(kept) == []
    for at, number in ((0, [1]), (3, [2]), (5, [])):
        changed = [{**row, "total_usd": 7.0} if n == at else row for n, row in enumerate(kept)]
        assert broken_links(changed) == number, "the last edition has the digest of its file alone"
    dropped = [
        {k: v for k, v in row.items() if k != "qse"} | {"former_columns": f'{{"qse": "{row["qse"]}"}}'} for row in kept
    ]
    assert broken_links([{**row, "new_column": None} for row in dropped]) == [], "another version keeps the digests"


def test_verify_names_a_changed_past_and_the_file_that_has_it_as_it_was(settings: Settings) -> None:
    for qse in ("ONE", "TWO", "THREE"):
        write_edition(settings, YEAR, [{**ONE, "qse": qse}], FILES)
    path, before = history(settings), file_before(history(settings))
    kept = pq.read_table(path)
    changed = pa.array([7.0, *kept["total_usd"].to_pylist()[1:]])
    pq.write_table(kept.set_column(kept.schema.get_field_index("total_usd"), "total_usd", changed), path)
    found = [damage for damage in verify(settings).damage if "edition" in damage.problem]
    assert [damage.problem for damage in found] == ["edition 1 has changed since the next one was made"]
    assert found[0].remedy == (
        f"{before.name} has them as they were: put it in the place of {path.name}, then: bess refresh {YEAR} --only failed"
    )
    shutil.copyfile(before, path)
    assert [damage for damage in verify(settings).damage if "edition" in damage.problem] == []
    run_table(settings, YEAR, "leaderboard_history")
    assert rows(settings, "leaderboard_history") == kept.to_pylist(), "the board is the last edition"
    before.unlink()
    pq.write_table(kept.set_column(kept.schema.get_field_index("total_usd"), "total_usd", changed), path)
    (lost,) = [damage for damage in verify(settings).damage if "edition" in damage.problem]
    assert lost.remedy == f"put a backup of it in its place, then: bess refresh {YEAR} --only failed"


@pytest.mark.parametrize("content", [b"half a file", b"", "another table"])
def test_a_history_that_cannot_be_read_is_named_and_never_written_over(settings, content):
    write_edition(settings, YEAR, [ONE], FILES)
    forget(settings)
    path = history(settings)
    damaged = content if isinstance(content, bytes) else result_path(settings.results, "leaderboard", YEAR).read_bytes()
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"cannot be read(.|\n)*backup") as raised:
        write_edition(settings, YEAR, [{**ONE, "qse": "ANOTHER"}], FILES)
    assert (raised.value.file, raised.value.dataset) == (str(path), "leaderboard_history")
    assert path.read_bytes() == damaged
    entry = read_run(settings.results, YEAR)["tables"]["leaderboard_history"]
    assert entry["status"] == "failed"


def test_a_history_with_a_text_that_is_none_is_named_by_verify_and_by_the_next_edition(settings):
    write_edition(settings, YEAR, [ONE], FILES)
    path = history(settings)
    rows = pq.read_table(path)
    sizes, bits = pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xe6")
    broken = pa.Array.from_buffers(pa.string(), 1, [None, sizes, bits])
    pq.write_table(rows.set_column(rows.column_names.index("qse"), "qse", broken), path)
    assert path in {found.file for found in verify(settings).damage}
    forget(settings)
    with pytest.raises(InputError, match="cannot be read"):
        write_edition(settings, YEAR, [{**ONE, "qse": "ANOTHER"}], FILES)


def test_a_write_that_is_killed_leaves_the_editions_kept_whole(settings, monkeypatch):
    write_edition(settings, YEAR, [ONE], FILES)
    before = history(settings).read_bytes()
    write_board_only(settings, [{**ONE, "qse": "ANOTHER"}])

    def killed(inputs: Inputs) -> StepResult:
        chunks = list(leaderboard_history(inputs).chunks)
        assert len(chunks) == 1

        def interrupted() -> Iterator[Columns]:
            yield from chunks
            raise KeyboardInterrupt

        return StepResult(interrupted())

    monkeypatch.setitem(STEPS, "leaderboard_history", killed)
    with pytest.raises(KeyboardInterrupt):
        run_table(settings, YEAR, "leaderboard_history")
    assert {path.name for path in history(settings).parent.iterdir()} == {f"{YEAR}.parquet", f"{YEAR}.before.parquet"}
    assert history(settings).read_bytes() == before


def write_board_only(settings: Settings, board: Sequence[Mapping[str, Any]]) -> None:
    """A board of which no edition was kept yet."""
    kept = history(settings).read_bytes()
    write_edition(settings, YEAR, board, FILES)
    history(settings).write_bytes(kept)


def test_a_history_of_an_earlier_version_keeps_every_row_and_value(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    kept = pq.ParquetFile(history(settings)).read()
    old = kept.drop_columns(["tb2_capture", "as_coverage", "former_columns"])
    old = old.append_column("score", pa.array([7.5, None]))
    forget(settings)
    pq.write_table(old, history(settings))
    # Another file, with figures in columns that edition 1 did not have: it is another board.
    write_edition(settings, YEAR, [ONE, TWO], FILES, digest="of this version")
    assert numbers(settings) == [(1, "ALPHA_1"), (1, "BRAVO"), (2, "ALPHA_1"), (2, "BRAVO")]
    write_edition(settings, YEAR, [ONE, {**TWO, "qse": "ANOTHER"}], FILES)
    alpha, bravo, *later = rows(settings, "leaderboard_history")
    assert (alpha["tb2_capture"], alpha["as_coverage"]) == (None, None)
    assert alpha["total_usd"] == ALPHA["total_usd"]
    assert (json.loads(alpha["former_columns"]), bravo["former_columns"]) == ({"score": 7.5}, None)
    assert [row["edition_number"] for row in later] == [2, 2, 3, 3]
    assert later[0]["as_coverage"] == 1.0


def test_a_history_of_an_earlier_version_stays_as_it_is_while_the_board_does(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE, TWO], FILES)
    kept = pq.ParquetFile(history(settings)).read().drop_columns(["tb2_usd"])  # empty in both rows
    forget(settings)
    pq.write_table(kept, history(settings))
    before = history(settings).read_bytes()
    entries = write_edition(settings, YEAR, [ONE, TWO], FILES, digest="another")
    assert history(settings).read_bytes() == before
    assert entries["what_changed"]["status"] == "ok"


def test_a_board_without_a_battery_is_no_edition_and_is_said_where_there_were_some(settings: Settings) -> None:
    write_edition(settings, YEAR, [], FILES)
    assert rows(settings, "leaderboard_history") == []
    write_edition(settings, YEAR, [ONE], FILES)
    before = history(settings).read_bytes()
    entries = write_edition(settings, YEAR, [], FILES)
    (finding,) = entries["leaderboard_history"]["findings"]
    assert (finding["kind"], finding["warning"]) == ("empty_board", True)
    assert history(settings).read_bytes() == before


def test_a_history_that_is_gone_begins_again_with_edition_1(settings: Settings) -> None:
    for qse in ("ONE", "TWO"):
        write_edition(settings, YEAR, [{**ONE, "qse": qse}], FILES)
    forget(settings)
    history(settings).unlink()
    run_table(settings, YEAR, "leaderboard_history")
    assert numbers(settings) == [(1, "ALPHA_1")]


@pytest.mark.parametrize("failed", ["leaderboard", "energy_revenue"])
def test_a_board_whose_making_failed_since_is_kept_by_nobody(settings: Settings, failed: str) -> None:
    write_edition(settings, YEAR, [ONE], FILES)
    entry = table_entry(status="failed", seconds=0.1, peak_memory_mb=1, inputs={}, error="broken")
    record_table(settings.results, YEAR, failed, entry)
    with pytest.raises(NotRefreshedError, match=rf"{failed} failed(.|\n)*bess refresh {YEAR}"):
        run_table(settings, YEAR, "leaderboard_history")


def test_a_board_that_no_record_knows_is_kept_by_nobody(settings: Settings) -> None:
    write_edition(settings, YEAR, [ONE], FILES)
    (settings.results / "_runs" / f"{YEAR}.json").unlink()
    with pytest.raises(NotRefreshedError, match="no leaderboard"):
        run_table(settings, YEAR, "leaderboard_history")


# --- declarations
def test_every_column_of_a_board_comes_from_datasets_but_what_the_battery_table_alone_says() -> None:
    for column in set(LEADERBOARD.column_names) - {"attributes"}:
        assert {source for source, _ in lineage(LEADERBOARD, column)} & set(DATASETS), column


def test_the_history_holds_every_column_of_the_board_and_only_it_is_append_only() -> None:
    assert set(LEADERBOARD.column_names) < set(LEADERBOARD_HISTORY.column_names)
    assert [name for name, table in TABLES.items() if table.append_only] == ["leaderboard_history"]
