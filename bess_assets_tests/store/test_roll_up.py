"""Reports become annual rollups: which row is kept, order, manifests, a new day, bad files; small folders of reports written by hand."""

import hashlib
import os
import tracemalloc
import zipfile
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bess_assets.ercot import rollup as merging
from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.footers import describe_file
from bess_assets.ercot.parsing import read_rows
from bess_assets.errors import InputError
from bess_assets.store import roll_up as rolling
from bess_assets.store.listing import superseded_reports
from bess_assets.store.roll_up import RollUp, roll_up
from bess_assets.store.rollup_files import INDEX_NAME, BuiltYear, built_path, manifest_path, read_manifest
from bess_assets_tests.ercot.report_samples import (
    BIDS,
    DA_SPP,
    DAM_GEN,
    POSTED,
    RT_SPP,
    SCED_GEN,
    award,
    price,
    put,
    rt_price,
    run,
    text,
    zipped,
)

DAY, NEXT = "01/05/2024", "01/06/2024"
ALL_HOURS = range(1, 25)
SMALL_MEMORY = 20 * 2**20
"""A memory limit with which every operating day is merged for itself."""
GEN = "60d_DAM_Gen_Resource_Data-05-MAR-24.csv"


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return tmp_path / "reports"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return tmp_path / "built"


GENERATION = "dam_gen_resources"


def path_in(built: Path, dataset: str = GENERATION, year: int = 2024) -> Path:
    return built_path(built, dataset, year)


def rows_of(built: Path, *columns: str, dataset: str = GENERATION, year: int = 2024) -> list[tuple]:
    """Rows of a built rollup by heading."""
    table = pq.read_table(path_in(built, dataset, year))
    return list(zip(*(table.column(name).to_pylist() for name in columns), strict=True))


def manifest(built: Path, dataset: str = GENERATION, year: int = 2024) -> dict:
    found = read_manifest(path_in(built, dataset, year))
    assert found is not None
    return found


def one(done: RollUp, dataset: str = GENERATION, year: int = 2024) -> BuiltYear:
    (found,) = (b for b in done.built if (b.dataset, b.year) == (dataset, year))
    return found


def awards(*rows: str) -> str:
    return text(DAM_GEN, rows)


# --- what is written --------------------------------------------------------------------------------------------------------------------------
def test_rows_go_to_the_year_of_delivery_whatever_the_file_is_called(reports, built):
    put(reports / "60d_DAM_Gen_Resource_Data-29-FEB-24.csv", awards(award("12/31/2023", 24), award("01/01/2024", 1)))
    done = roll_up(reports, built)
    assert [(b.dataset, b.year) for b in done.built] == [("dam_gen_resources", 2023), ("dam_gen_resources", 2024)]
    assert [b.manifest["rows"]["read"] for b in done.built] == [1, 1]
    assert rows_of(built, "Delivery Date", "Hour Ending", year=2023) == [(date(2023, 12, 31), 24)]
    assert rows_of(built, "Delivery Date", "Hour Ending") == [(date(2024, 1, 1), 1)]


def test_rows_are_in_order_of_time_then_of_type_and_name(reports, built):
    names = [("ZETA_BESS1", "PWRSTR"), ("ALPHA_CC1", "CCGT90"), ("BETA_BESS1", "PWRSTR")]
    put(reports / "b.csv", awards(*(award(NEXT, hour, name, kind) for hour in (2, 1) for name, kind in names)))
    put(reports / "a.csv", awards(*(award(DAY, hour, name, kind) for hour in (24, 3) for name, kind in names)))
    roll_up(reports, built)
    found = rows_of(built, "interval_start", "Resource Type", "Resource Name")
    assert found == sorted(found)
    assert [row[2] for row in found] == ["ALPHA_CC1", "BETA_BESS1", "ZETA_BESS1"] * 4


def test_ercots_own_columns_stand_beside_real_times_and_say_where_a_row_comes_from(reports, built):
    put(reports / GEN, awards(award(DAY, 24, mw=3.5)), seconds=1_709_600_000)
    roll_up(reports, built)
    path = path_in(built)
    (row,) = pq.read_table(path).to_pylist()
    assert row["Awarded Quantity"] == 3.5
    assert row["Delivery Date"] == row["operating_day"] == date(2024, 1, 5)
    assert row["interval_start"].isoformat() == "2024-01-06T05:00:00+00:00"
    assert row["published"].timestamp() == 1_709_600_000
    assert manifest(built)["reports"][row["report"]]["file"] == GEN
    file = pq.ParquetFile(path)
    columns = file.metadata.row_group(0)
    by_name = {columns.column(n).path_in_schema: columns.column(n) for n in range(columns.num_columns)}
    assert "RLE_DICTIONARY" in by_name["Resource Name"].encodings
    assert {column.compression for column in by_name.values()} == {"ZSTD"}
    assert describe_file(DATASETS["dam_gen_resources"], path).unknown == []


def test_a_built_rollup_is_read_like_any_other(reports, built):
    put(reports / GEN, awards(award(DAY, 1, mw=3.5, regup=""), award(DAY, 2, mw="")))
    roll_up(reports, built)
    (rows,) = read_rows(DATASETS["dam_gen_resources"], path_in(built), ["operating_day", "hour_ending", "award_mw", "resource_name"])  # fmt: skip
    assert rows.values("hour_ending").tolist() == [1, 2]
    assert rows.numbers("award_mw").tolist()[0] == 3.5
    assert rows.texts("resource_name")[1] == ["OAK_BESS1"]
    assert rows.values("operating_day").tolist() == [19727, 19727]


def test_spellings_of_several_eras_meet_in_one_column(reports, built):
    put(reports / "a.csv", text(SCED_GEN, [run("01/05/2024 00:00:10", 1)]))
    headings, row = SCED_GEN.strip().replace("QSE,", ""), "01/06/2024 00:00:10,N,OAK_BESS1,PWRSTR,10,0,ON,4.5,2"
    put(reports / "b.csv", text(headings, [row]))
    roll_up(reports, built)
    assert rows_of(built, "Telemetered Net Output", "QSE", dataset="sced_gen_resources") == [(1.0, "QOAK"), (2.0, None)]


def test_reports_read_together_may_end_their_lines_differently(reports, built):
    put(reports / "a.csv", awards(award("11/05/2024", 1)).replace("\n", "\r\n"))
    put(reports / "b.csv", awards(award("11/06/2024", 1)))
    roll_up(reports, built)
    assert rows_of(built, "Delivery Date") == [(date(2024, 11, 5),), (date(2024, 11, 6),)]


def test_a_blank_of_a_report_that_has_the_column_and_a_column_that_a_report_lacks_are_told_apart(reports, built):
    lacking = DAM_GEN.replace(",RegUp Awarded", "")
    put(reports / "a.csv", text(DAM_GEN, [award(DAY, 1, regup=""), award(DAY, 2, regup=3)]))
    put(reports / "b.csv", text(lacking, [award(NEXT, 1).replace("25.5,,", "25.5,")]))
    roll_up(reports, built)
    path = path_in(built)
    (rows,) = read_rows(DATASETS["dam_gen_resources"], path, ["operating_day", "regup_award_mw", "award_mw"])
    absent = rows.absent(["regup_award_mw", "award_mw"])
    assert list(absent) == ["regup_award_mw"]
    assert describe_file(DATASETS["dam_gen_resources"], path).partly == ["regup_award_mw"]
    assert absent["regup_award_mw"].tolist() == [False, False, True]


def test_clearing_prices_that_some_reports_lack_are_nothing_to_report(reports, built):
    put(reports / "a.csv", text(f"{DAM_GEN},RegUp MCPC", [f"{award(DAY, 1)},5.25"]))
    put(reports / "b.csv", text(DAM_GEN, [award(NEXT, 1)]))
    roll_up(reports, built)
    (rows,) = read_rows(DATASETS[GENERATION], path_in(built), ["regup_mcpc_usd_per_mw"])
    assert rows.numbers("regup_mcpc_usd_per_mw").tolist() == pytest.approx([5.25, float("nan")], nan_ok=True)
    assert describe_file(DATASETS[GENERATION], path_in(built)).partly == []


# --- which row stands -------------------------------------------------------------------------------------------------------------------------
def post(reports: Path, time: str, content: str, name: str = GEN, day: str = "20240305") -> Path:
    """A ZIP that was posted at a time of day."""
    return put(reports / POSTED.format(day=day, time=time), zipped({name: content}))


def test_the_newest_publication_of_a_row_stands_whatever_its_file_is_called(reports, built):
    post(reports / "z", "050000000", awards(award(DAY, 1, mw=1), award(DAY, 2, mw=2)))
    post(reports / "a", "060000000", awards(award(DAY, 1, mw=9)))
    found = one(roll_up(reports, built)).manifest
    assert rows_of(built, "Hour Ending", "Awarded Quantity") == [(1, 9.0), (2, 2.0)]
    assert found["rows"] == {"read": 3, "kept": 2, "same": 0, "superseded": 1, "contradicting": 0}
    assert found["complete"] is False, "days before are missing"
    assert "contradict" not in " ".join(found["incomplete_because"])


def test_equal_rows_collapse_and_are_counted(reports, built):
    post(reports, "050000000", awards(award(DAY, 1), award(DAY, 1), award(DAY, 2)))
    post(reports, "060000000", awards(award(DAY, 1)))
    counts = one(roll_up(reports, built)).manifest["rows"]
    assert (counts["kept"], counts["same"], counts["superseded"]) == (2, 2, 0)


def test_the_same_content_under_two_names_is_taken_once(reports, built):
    content = awards(award(DAY, 1))
    put(reports / GEN, content, seconds=1_000)
    put(reports / "copies" / "download (1).csv", content, seconds=900)
    found = one(roll_up(reports, built)).manifest
    assert found["rows"]["read"] == 1
    assert [report["file"] for report in found["reports"]] == [GEN]
    assert found["also"] == ["copies/download (1).csv"]
    assert not one(roll_up(reports, built)).changed


def test_content_that_is_published_again_after_a_correction_stands_again(reports, built):
    first, corrected = awards(award(DAY, 1, mw=1)), awards(award(DAY, 1, mw=9))
    post(reports, "050000000", first)
    post(reports, "060000000", corrected)
    roll_up(reports, built)
    post(reports, "070000000", first)
    roll_up(reports, built)
    assert rows_of(built, "Awarded Quantity") == [(1.0,)]


def test_two_files_of_one_time_that_contradict_each_other_are_named(reports, built):
    put(reports / "one.csv", awards(award(DAY, 1, mw=1)), seconds=1_000)
    put(reports / "two.csv", awards(award(DAY, 1, mw=2)), seconds=1_000)
    found = one(roll_up(reports, built)).manifest
    assert found["rows"]["contradicting"] == 1
    assert found["contradictions"] == ["one.csv and two.csv, day 2024-01-05: the later row was taken"]
    assert found["complete"] is False
    assert any("contradict" in reason and "one.csv and two.csv" in reason for reason in found["incomplete_because"])
    assert rows_of(built, "Awarded Quantity") == [(2.0,)]


TYPE_AND_PRICE = ("SettlementPointType", "SettlementPointPrice")


@pytest.mark.parametrize("kinds", [("LZ", "LZEW"), ("LZ_DC", "LZ_DCEW")])
def test_load_zones_keep_both_their_types(reports, built, kinds):
    put(reports / "a.csv", text(RT_SPP, [rt_price(DAY, 1, 1, n, "LZ_WEST", kind) for n, kind in enumerate(kinds)]))
    found = one(roll_up(reports, built), "rt_prices").manifest
    assert rows_of(built, *TYPE_AND_PRICE, dataset="rt_prices") == [(kinds[0], 0.0), (kinds[1], 1.0)]
    assert found["rows"]["contradicting"] == 0


UNTYPED = text(RT_SPP.replace("SettlementPointType,", ""), [rt_price(DAY, 1, 1, 999).replace("RN,", "", 1)])
OTHER_TYPE = text(RT_SPP, [rt_price(DAY, 1, 1, 999, kind="PCCRN")])


def post_price(reports: Path, day: str, content: str) -> Path:
    return put(reports / f"cdr.00012301.0000000000000000.{day}.010000000.SPPHLZNP6905.csv", content)


@pytest.mark.parametrize(("again", "kind"), [(UNTYPED, None), (OTHER_TYPE, "PCCRN")])
@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("newest", ["typed", "again"])
def test_the_newest_publication_of_a_points_price_stands_whatever_its_type(
    reports, built, again, kind, at_once, newest
):
    first = text(RT_SPP, [rt_price(DAY, 1, 1, 10)])
    contents = (first, again) if newest == "again" else (again, first)
    for day, content in zip(("20240106", "20240110"), contents, strict=True):
        post_price(reports, day, content)
        if not at_once:
            roll_up(reports, built)
    roll_up(reports, built)
    wanted = (kind, 999.0) if newest == "again" else ("RN", 10.0)
    assert rows_of(built, *TYPE_AND_PRICE, dataset="rt_prices") == [wanted]
    assert manifest(built, "rt_prices")["rows"]["superseded"] == 1


def test_a_rollup_of_an_older_version_loses_a_points_older_price_when_any_day_is_new(reports, built, monkeypatch):
    post_price(reports, "20240106", text(RT_SPP, [rt_price(DAY, 1, 1, 10)]))
    post_price(reports, "20240110", UNTYPED)
    with monkeypatch.context() as before:
        before.setattr(merging, "_FORMAT", 1)
        before.setattr(merging, "_IN_KEY", {})
        roll_up(reports, built)
    assert len(rows_of(built, *TYPE_AND_PRICE, dataset="rt_prices")) == 2
    post_price(reports, "20240107", text(RT_SPP, [rt_price(NEXT, 1, 1, 20)]))
    roll_up(reports, built)
    assert rows_of(built, *TYPE_AND_PRICE, dataset="rt_prices") == [(None, 999.0), ("RN", 20.0)]
    rows = manifest(built, "rt_prices")["rows"]
    assert (rows["read"], rows["kept"], rows["superseded"]) == (3, 2, 1)


def test_rows_that_nothing_names_are_kept_all_and_the_newest_publication_of_a_day_stands_whole(reports, built):
    name = "60d_DAM_EnergyBidAwards-05-MAR-24.csv"
    bid = "01/05/2024,1,LZ_HOUSTON,QAFFOR,-5,26,{}"
    post(reports, "050000000", text(BIDS, [bid.format("A"), bid.format("A"), bid.format("B")]), name)
    post(reports, "060000000", text(BIDS, [bid.format("C"), bid.format("C")]), name)
    done = roll_up(reports, built)
    assert rows_of(built, "Bid ID", dataset="dam_energy_bid_awards") == [("C",), ("C",)]
    assert one(done, "dam_energy_bid_awards").manifest["rows"]["superseded"] == 3


def test_runs_without_a_resource_name_are_all_kept(reports, built):
    rows = [run("01/05/2024 00:00:10", output, name="") for output in (1, 2)]
    put(reports / "60d_SCED_Gen_Resource_Data-05-MAR-24.csv", text(SCED_GEN, rows))
    roll_up(reports, built)
    assert len(rows_of(built, "Base Point", dataset="sced_gen_resources")) == 2


def test_the_repeated_hour_is_not_taken_for_a_duplicate(reports, built):
    labels = [1, 2, 2, *range(3, 25)]
    put(reports / "a.csv", awards(*(award("11/03/2024", h, mw=n) for n, h in enumerate(labels))))
    roll_up(reports, built)
    found = rows_of(built, "Hour Ending", "Awarded Quantity")
    assert found[1:3] == [(2, 1.0), (2, 2.0)]
    assert len(found) == 25


# --- adding to what is there ------------------------------------------------------------------------------------------------------------------
def test_a_new_day_is_added_without_reading_the_old_reports_again(reports, built):
    old = post(reports, "050000000", awards(award(DAY, 1, mw=1), award(DAY, 2, mw=2)))
    roll_up(reports, built)
    old.unlink()
    post(reports, "050000000", awards(award(NEXT, 1, mw=3), award(DAY, 2, mw=8)), day="20240306")
    done = roll_up(reports, built)
    assert one(done).new_reports == 1
    rows = [(day.day, hour, mw) for day, hour, mw in rows_of(built, "Delivery Date", "Hour Ending", "Awarded Quantity")]
    assert rows == [(5, 1, 1.0), (5, 2, 8.0), (6, 1, 3.0)]
    found = manifest(built)
    assert [r["days"] for r in found["reports"]] == [["2024-01-05"], ["2024-01-05", "2024-01-06"]]
    assert found["rows"]["superseded"] == 1


def test_day_by_day_comes_to_the_same_bytes_as_all_at_once(reports, built, tmp_path):
    days = [f"01/{day:02d}/2024" for day in range(1, 7)]
    for n, day in enumerate(days):
        names = ("OAK_BESS1", "ELM_BESS1")
        content = awards(*(award(day, hour, name, mw=n + hour) for hour in (1, 2) for name in names))
        put(reports / f"{n}.csv", content, seconds=1_000 + n)
        roll_up(reports, built)
    at_once = tmp_path / "at_once"
    roll_up(reports, at_once)
    one_by_one, together = (path_in(folder) for folder in (built, at_once))
    assert one_by_one.read_bytes() == together.read_bytes()


def three_days(reports: Path, days: Iterable[int] = (1, 2, 3)) -> Path:
    """A report for each day, of two batteries whose names are in the opposite order of their types."""
    for n in days:
        names = (("A_BESS1", "PWRSTR"), ("B_CC1", "CCGT90"))
        rows = [award(f"01/{n:02d}/2024", hour, *name, mw=n + hour) for name in names for hour in ALL_HOURS]
        put(reports / f"{n}.csv", awards(*rows), seconds=1_000 + n)
    return reports


def test_a_rollup_of_an_older_version_in_order_of_names_is_put_in_order_of_time(reports, built, tmp_path):
    roll_up(three_days(reports, (1, 3)), built)
    path = path_in(built)
    table = pq.read_table(path)
    pq.write_table(table.sort_by([("Resource Name", "ascending"), ("interval_start", "ascending")]), path)
    roll_up(three_days(reports), built)
    at_once = tmp_path / "at_once"
    for day in (1, 3, 2):
        put(tmp_path / "again" / f"{day}.csv", (reports / f"{day}.csv").read_bytes(), seconds=1_000 + day)
        roll_up(tmp_path / "again", at_once)
    columns = ("interval_start", "Resource Name", "Awarded Quantity", "report")
    found, wanted = (rows_of(folder, *columns) for folder in (built, at_once))
    assert [row[:3] for row in found] == [row[:3] for row in wanted]
    assert found == sorted(found, key=lambda row: (row[0], -ord(row[1][0])))
    assert manifest(built)["rows"] == manifest(at_once)["rows"]


def test_only_days_with_a_new_report_are_merged(reports, built, monkeypatch):
    roll_up(three_days(reports, (1, 3)), built)
    merged: list[int] = []
    choose = merging.Merge._kept

    def chosen(self, connection, table):
        merged.append(table.num_rows)
        return choose(self, connection, table)

    monkeypatch.setattr(merging.Merge, "_kept", chosen)
    put(reports / "more.csv", awards(award("01/01/2024", 5, "A_BESS1", mw=99)), seconds=2_000)
    roll_up(three_days(reports, (2,)), built)
    assert merged == [48 + 1 + 48]
    assert len(rows_of(built, "report")) == 3 * 48


def test_a_merge_holds_no_row_group_of_a_scratch_file_that_it_has_read(reports, built, monkeypatch):
    held: list[int] = []
    choose = merging.Merge._kept

    def chosen(self, connection, table):
        held.append(sum(file._rest.num_rows for file in self._files))
        return choose(self, connection, table)

    monkeypatch.setattr(merging.Merge, "_kept", chosen)
    monkeypatch.setattr(rolling, "_BATCH_BYTES", 1)
    roll_up(three_days(reports, range(1, 7)), built, memory_limit_bytes=1_000)
    assert held == [0] * 6


def test_nothing_is_written_where_nothing_is_new(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    roll_up(reports, built)
    path = path_in(built)
    before = path.stat().st_mtime_ns, manifest_path(path).stat().st_mtime_ns
    assert not one(roll_up(reports, built)).changed
    os.utime(reports / GEN)
    assert not one(roll_up(reports, built)).changed, "a touched file is no publication"
    assert before == (path.stat().st_mtime_ns, manifest_path(path).stat().st_mtime_ns)


def test_only_the_years_and_datasets_asked_for_are_built_and_the_others_come_when_they_are(reports, built):
    put(reports / "a.csv", awards(award("12/31/2023", 24), award("01/01/2024", 1)))
    put(reports / "b.csv", text(DA_SPP, [price("01/01/2024", 1, 9)]))
    done = roll_up(reports, built, years=[2024], datasets=["dam_gen_resources"])
    assert [(b.dataset, b.year) for b in done.built] == [("dam_gen_resources", 2024)]
    done = roll_up(reports, built, covered=lambda dataset, year: (dataset, year) == ("da_prices", 2024))
    assert [(b.dataset, b.year, b.changed) for b in done.built] == [(GENERATION, 2023, True), (GENERATION, 2024, False)]
    done = roll_up(reports, built)
    assert [(b.dataset, b.changed) for b in done.built if b.changed] == [("da_prices", True)]


def test_a_rollup_that_was_removed_is_built_anew(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    roll_up(reports, built)
    path = path_in(built)
    path.unlink()
    assert one(roll_up(reports, built)).changed
    assert path.is_file()


def test_a_lost_index_costs_time_and_nothing_else(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    roll_up(reports, built)
    before = path_in(built).read_bytes()
    for content in (None, "no json"):
        index = built / INDEX_NAME
        index.unlink() if content is None else index.write_text(content, encoding="utf-8")
        assert not one(roll_up(reports, built)).changed
        assert path_in(built).read_bytes() == before


def test_a_killed_roll_up_leaves_the_old_rollup_and_its_leftovers_are_removed(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    roll_up(reports, built)
    before = path_in(built).read_bytes()
    put(reports / "next.csv", awards(award(NEXT, 1)))

    def killed(_year: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        roll_up(reports, built, before_write=killed)
    assert path_in(built).read_bytes() == before
    (built / ".rolling-dead").mkdir()
    assert one(roll_up(reports, built)).manifest["rows"]["kept"] == 2
    assert not list(built.glob(".rolling-*"))


@pytest.mark.parametrize("damaged", [manifest_path, lambda rollup: rollup])
@pytest.mark.parametrize("content", [b"", b"{", b'{"format": 99}', b"[]", None])
def test_a_rollup_or_manifest_that_is_not_as_it_was_written_is_built_again_from_its_reports_and_kept_aside(
    reports, built, damaged, content
):
    put(reports / GEN, awards(award(DAY, 1)))
    whole = manifest(built) if roll_up(reports, built) else {}
    path, rollup = damaged(path_in(built)), path_in(built).read_bytes()
    other = bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]
    path.write_bytes(other if content is None else content)
    assert one(roll_up(reports, built)).changed
    assert path_in(built).read_bytes() == rollup
    timed = ("rollup", "seconds", "read_back_seconds")
    assert [manifest(built)[name] for name in whole if name not in timed] == [
        whole[name] for name in whole if name not in timed
    ]
    assert path_in(built).with_suffix(".damaged").exists()
    assert not one(roll_up(reports, built)).changed


@pytest.mark.parametrize("damaged", [manifest_path, lambda rollup: rollup])
def test_a_damaged_rollup_whose_reports_are_gone_is_not_vouched_for_by_a_refused_report(reports, built, damaged):
    put(reports / GEN, awards(award(DAY, 1)))
    roll_up(reports, built)
    (reports / GEN).unlink()
    put(reports / "60d_DAM_Gen_Resource_Data-06-MAR-24.csv", "")
    path = damaged(path_in(built))
    path.write_bytes(path.read_bytes()[:-1])
    before = {file: file.read_bytes() for file in (path_in(built), manifest_path(path_in(built)))}
    assert roll_up(reports, built).built == []
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("order", [("dated", "unpacked"), ("unpacked", "dated"), ("both",)])
def test_an_edition_that_only_its_files_time_dates_stands_behind_a_dated_one_and_both_are_named(reports, built, order):
    dated = "cdr.00012331.0000000000000000.20240520.123000000.DAMSPNP4190_csv.zip"
    reports.mkdir(exist_ok=True)
    for step in order:
        if step != "unpacked":
            with zipfile.ZipFile(reports / dated, "w") as archive:
                archive.writestr("DAMSPNP4190.csv", text(DA_SPP, [price("05/08/2024", 1, 130)]))
        if step != "dated":
            put(reports / "DAMSPNP4190_20240508.csv", text(DA_SPP, [price("05/08/2024", 1, 30)]), seconds=2_000_000_000)
        roll_up(reports, built)
    assert rows_of(built, "SettlementPointPrice", dataset="da_prices") == [(130.0,)]
    (pair,) = manifest(built, "da_prices")["superseded"]
    assert pair == {
        "file": "DAMSPNP4190_20240508.csv", "by": f"{dated} > DAMSPNP4190.csv", "rows": 1, "by_file_time": True
    }  # fmt: skip
    (words,) = superseded_reports(built, 2024)
    assert words.startswith(f"DA_prices: {pair['by']} superseded {pair['file']}: 1 rows; only the time of a file dates")


def test_the_post_time_in_the_name_of_an_unpacked_report_comes_before_its_files_time(reports, built):
    for posted, value, seconds in (("20240520", 130, 1_000), ("20240510", 30, 2_000_000_000)):
        name = f"cdr.00012331.0000000000000000.{posted}.123000000.DAMSPNP4190.csv"
        put(reports / name, text(DA_SPP, [price("05/08/2024", 1, value)]), seconds=seconds)
    roll_up(reports, built)
    assert rows_of(built, "SettlementPointPrice", dataset="da_prices") == [(130.0,)]
    assert [pair["by_file_time"] for pair in manifest(built, "da_prices")["superseded"]] == [False]


def test_a_row_of_equal_time_that_comes_later_stands_whether_or_not_the_other_was_built_before(reports, built):
    for name, mw in (("one.csv", 1), ("two.csv", 2), ("three.csv", 3)):
        put(reports / name, awards(award(DAY, 1, mw=mw)), seconds=1_000)
        roll_up(reports, built)
        assert rows_of(built, "Awarded Quantity") == [(float(mw),)]
    assert manifest(built)["rows"]["contradicting"] == 2


def test_a_row_without_a_type_stands_before_those_of_its_time_that_have_one(reports, built):
    rows = [award(DAY, 1, "A_BESS1"), award(DAY, 1, "B_CC1", "CCGT90"), award(DAY, 1, "C_BESS1", kind="")]
    put(reports / "a.csv", awards(*rows))
    wanted = [("C_BESS1", None, 1), ("B_CC1", "CCGT90", 1), ("A_BESS1", "PWRSTR", 1)]
    roll_up(reports, built)
    columns = ("Resource Name", "Resource Type", "Hour Ending")
    assert rows_of(built, *columns) == wanted
    put(reports / "b.csv", awards(award(DAY, 3, "A_BESS1", kind="")))
    roll_up(reports, built)
    assert rows_of(built, *columns) == [*wanted, ("A_BESS1", None, 3)]


def test_a_rollup_says_how_long_it_took_to_build_and_takes_to_read(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    roll_up(reports, built)
    first = manifest(built)
    assert 0 < first["seconds"] < 60
    assert 0 <= first["read_back_seconds"] < 60
    assert first["parquet_bytes"] == path_in(built).stat().st_size
    assert first["csv_bytes"] == (reports / GEN).stat().st_size
    put(reports / "next.csv", awards(award(NEXT, 1)))
    roll_up(reports, built)
    assert manifest(built)["seconds"] >= first["seconds"], "of all roll-ups together"


# --- memory -----------------------------------------------------------------------------------------------------------------------------------
def test_many_scratch_files_little_memory_and_more_threads_change_no_byte(reports, built, tmp_path, monkeypatch):
    for n in range(12):
        day = f"01/{n % 10 + 1:02d}/2024"
        rows = [award(day, hour, f"B{k}_BESS1", mw=n * hour + k) for hour in (1, 2, 3) for k in range(5)]
        put(reports / f"{n:02d}.csv", awards(*rows), seconds=1_000 + n)
    roll_up(reports, built, threads=1)
    monkeypatch.setattr(rolling, "_BATCH_BYTES", 1)
    small = tmp_path / "small"
    done = roll_up(reports, small, threads=3, memory_limit_bytes=SMALL_MEMORY)
    want, got = (path_in(folder).read_bytes() for folder in (built, small))
    assert got == want
    assert one(done).manifest["rows"] == manifest(built)["rows"]
    assert manifest(built)["rows"]["superseded"] == 30


def test_a_column_that_only_later_groups_have_is_kept_and_blank_before(reports, built, monkeypatch):
    monkeypatch.setattr(rolling, "_BATCH_BYTES", 1)
    monkeypatch.setattr(merging, "_ROW_GROUP_ROWS", 1)
    put(reports / "a.csv", awards(*(award(DAY, h, f"A{n:03d}_CC1", "CCGT90") for n in range(6) for h in ALL_HOURS)))
    put(reports / "b.csv", text(f"{DAM_GEN},Carbon", [f"{award(NEXT, 1, 'Z_BESS1')},high"]))
    put(reports / "c.csv", text(f"{DAM_GEN},QSE submitted Curve-MW1", [f"{award(NEXT, 1, 'Y_BESS1')},7"]))
    roll_up(reports, built, memory_limit_bytes=SMALL_MEMORY)
    found = rows_of(built, "Resource Name", "Carbon", "QSE submitted Curve-MW1")
    assert found[-2:] == [("Y_BESS1", None, 7.0), ("Z_BESS1", "high", None)]
    assert set(found[:-2]) == {(f"A{n:03d}_CC1", None, None) for n in range(6)}
    assert len(found) == 6 * 24 + 2


def test_a_file_too_large_to_be_held_is_read_in_stretches_and_refused_whole(reports, built, tmp_path, monkeypatch):
    rows = [rt_price(f"{month:02d}/0{day}/2024", hour, i, month + day + hour) for month in (1, 2) for day in (1, 2) for hour in range(1, 25) for i in (1, 2, 3, 4)]  # fmt: skip
    put(reports / "year.csv", text(RT_SPP, rows), seconds=1_000)
    roll_up(reports, built)
    monkeypatch.setattr(rolling, "_CHUNK_BYTES", 1_000)
    small = tmp_path / "small"
    roll_up(reports, small)
    want, got = (pq.read_table(path_in(folder, "rt_prices")) for folder in (built, small))
    assert got.equals(want)
    bad = put(tmp_path / "bad" / "rt_spp.csv", text(RT_SPP, [*rows, "02/03/2024,1,1,OAK_RN,RN,abc,N"]))
    done = roll_up(bad.parent, tmp_path / "bad_built")
    (found,) = done.built
    assert not found.path.exists(), "nothing of a bad file is kept"
    assert found.manifest["refused"] == [{"file": "rt_spp.csv", "problem": "line 386 holds 'abc' in column 'SettlementPointPrice' (expected: a number)"}]  # fmt: skip


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(tmp_path, monkeypatch):
    monkeypatch.setattr(rolling, "_BATCH_BYTES", 2**20)
    peaks = []
    for days in (20, 80):
        reports = tmp_path / f"reports_{days}"
        for n in range(days):
            day = f"{n // 28 + 1:02d}/{n % 28 + 1:02d}/2024"
            labels = [(hour, interval, k) for hour in ALL_HOURS for interval in (1, 2, 3, 4) for k in range(30)]
            rows = [rt_price(day, hour, interval, k, f"P{k}_RN") for hour, interval, k in labels]
            put(reports / f"{n}.csv", text(RT_SPP, rows))
        tracemalloc.start()
        roll_up(reports, tmp_path / f"built_{days}", memory_limit_bytes=SMALL_MEMORY)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_rollups_and_runs_of_many_row_groups_come_to_the_same(reports, built, tmp_path, monkeypatch):
    names = [f"B{n:02d}_BESS1" for n in range(14)]
    days = [f"01/{day:02d}/2024" for day in range(1, 4)]
    for n, day in enumerate(days):
        rows = [award(day, hour, name, mw=n + hour) for hour in ALL_HOURS for name in names]
        put(reports / f"{n}.csv", awards(*rows), seconds=1_000 + n)
    roll_up(reports, built)
    for name, value in (("_SCRATCH_GROUP_BYTES", 1), ("_ROW_GROUP_ROWS", 300)):
        monkeypatch.setattr(merging, name, value)
    small = tmp_path / "small"
    for n in range(3):
        one_day = tmp_path / f"reports_{n}"
        put(one_day / f"{n}.csv", (reports / f"{n}.csv").read_bytes(), seconds=1_000 + n)
        roll_up(one_day, small, memory_limit_bytes=SMALL_MEMORY)
    want, got = (pq.read_table(path_in(folder)) for folder in (built, small))
    assert got.equals(want)
    assert pq.ParquetFile(path_in(small)).num_row_groups > 1


def test_a_file_too_large_to_be_held_is_read_for_the_year_in_which_it_ends(reports, built, monkeypatch):
    monkeypatch.setattr(rolling, "_CHUNK_BYTES", 1_000)
    rows = [price(day, hour, hour) for day in ("12/30/2023", "12/31/2023", "01/01/2024") for hour in ALL_HOURS]
    put(reports / "a.csv", text(DA_SPP, rows))
    done = roll_up(reports, built, years=[2024])
    assert [(b.year, b.manifest["rows"]["kept"]) for b in done.built] == [(2024, 24)]
    (report,) = done.built[0].manifest["reports"]
    assert report["sha256"] == hashlib.sha256((reports / "a.csv").read_bytes()).hexdigest()


def test_the_line_of_a_large_plan_without_headings_is_named_too(reports, built, monkeypatch):
    monkeypatch.setattr(rolling, "_CHUNK_BYTES", 100)
    row = "09/10/2014,QAEN,DECKER_DPG1,{:02d}:00,OFF,{},50,316,50,0,0,0,0"
    rows = [row.format(hour, 300 + hour) for hour in ALL_HOURS]
    put(reports / "CompleteCOP_09102014.csv", "\n".join(rows) + "\n")
    roll_up(reports, built)
    found = rows_of(built, "Hour Ending", "High Sustained Limit", dataset="cop_snapshots", year=2014)
    assert found == [(hour, 300.0 + hour) for hour in ALL_HOURS]
    put(reports / "CompleteCOP_09112014.csv", "\n".join([*rows[:2], row.format(3, "abc")]).replace("09/10", "09/11"))
    (done,) = roll_up(reports, built).built
    problem = "line 3 holds 'abc' in column 'High Sustained Limit' (expected: a number)"
    assert done.manifest["refused"] == [{"file": "CompleteCOP_09112014.csv", "problem": problem}]


# --- bad files --------------------------------------------------------------------------------------------------------------------------------
def bad_files(reports: Path) -> dict[str, str]:
    """A folder with one good report and every bad one; what is said of each bad one."""
    put(reports / GEN, awards(award(DAY, 1)))
    whole = zipped({"60d_DAM_Gen_Resource_Data-06-MAR-24.csv": awards(*(award(NEXT, h) for h in range(1, 25)))})
    named = "60d_DAM_Gen_Resource_Data-{:02d}-MAR-24.csv"
    bad = {
        "60d_DAM_Gen_Resource_Data-06-MAR-24.zip": (whole[:-40], "no whole ZIP file"),
        named.format(7): ("<html><body>503 Service Unavailable</body></html>\n", "no CSV: it begins like a web page"),
        named.format(8): (awards(award("01/08/2024", 1), "01/08/2024,2,QOAK"), "line 3 has 3 columns instead of 18"),
        named.format(9): (awards(award("01/09/2024", 1, mw="much")), "line 2 holds 'much' in column 'Awarded Quantity'"),
        named.format(10): ("", "an empty file"),
        named.format(11): (DAM_GEN + "\n", "without a single row"),
        named.format(12): (awards(award("01/12/2024", 1)).replace(",HSL,", ",Size,").replace("Resource Name", "Name"), "named like 60d_DAM_Gen_Resource_Data, but without a column 'Resource Name'"),
        named.format(13): (awards(award("01/13/2024", 99)), "no row has a date, hour or stamp that exists"),
    }  # fmt: skip
    damaged = bytearray(zipped({named.format(14): awards(*(award("01/14/2024", h, mw=h * 1.37) for h in ALL_HOURS))}))
    damaged[len(damaged) // 3] ^= 0xFF
    bad["14.zip"] = (bytes(damaged), "cannot be unpacked")
    for name, (content, _) in bad.items():
        put(reports / name, content)
    return {name: problem for name, (_, problem) in bad.items()}


def test_a_bad_file_is_named_each_time_with_its_problem_and_the_rest_of_the_year_is_rolled_up(reports, built):
    expected = bad_files(reports)
    done = roll_up(reports, built)
    found = one(done).manifest
    refused = {item["file"].split(" > ")[0]: item["problem"] for item in found["refused"]}
    assert set(refused) == set(expected)
    for name, problem in expected.items():
        assert problem in refused[name], name
    assert rows_of(built, "operating_day", "Hour Ending") == [(date(2024, 1, 5), 1)]
    assert found["complete"] is False
    assert any(why.startswith(f"{len(expected)} report files could not be used") for why in found["incomplete_because"])
    assert done.refused == []
    again = roll_up(reports, built)
    assert [(b.dataset, b.year, b.changed, b.new_reports) for b in again.built] == [(GENERATION, 2024, False, 0)]
    assert one(again).manifest == found
    assert (again.refused, again.reports, again.files) == (done.refused, done.reports, done.files)


def test_of_a_year_of_which_every_file_is_bad_nothing_else_is_said(reports, built):
    put(reports / GEN, "")
    (done,) = roll_up(reports, built).built
    assert (done.changed, done.new_reports, done.path.exists()) == (False, 0, False)
    assert done.manifest["incomplete_because"] == [f"1 report files could not be used: {GEN}"]
    assert (done.manifest["complete"], done.manifest["first_day"], done.manifest["missing_days"]) == (False, None, [])
    assert (done.manifest["reports"], done.manifest["rows"]) == ([], {})


def test_a_file_whose_rows_say_no_day_is_held_against_the_year_of_its_name(reports, built):
    put(reports / GEN, awards(award("soon", 1)))
    (done,) = roll_up(reports, built).built
    assert (done.dataset, done.year) == ("dam_gen_resources", 2024)
    assert [item["file"] for item in done.manifest["refused"]] == [GEN]


def test_a_file_that_lost_its_time_is_taken(reports, built):
    put(reports / GEN, awards(award(DAY, 1)), seconds=0)
    roll_up(reports, built)
    assert len(rows_of(built, "Hour Ending")) == 1


def test_only_reports_of_which_something_was_left_out_or_made_blank_say_so(reports, built):
    headings = f"{DAM_GEN},QSE submitted Curve-MW1"
    put(reports / "a.csv", text(headings, [f"{award(DAY, 1)},7", f"{award(DAY, 2)},8"]))
    put(reports / "b.csv", text(headings, [f"{award(NEXT, 1)},seven", f"{award(NEXT, 2)},8", f"{award(NEXT, 99)},9"]))
    roll_up(reports, built)
    found = manifest(built)["reports"]
    told = [(r["file"], r.get("unreadable_in_unused_columns"), r.get("without_a_time")) for r in found]
    assert told == [("a.csv", None, None), ("b.csv", 1, 1)]


def test_a_damaged_zip_of_a_days_disclosure_is_held_against_every_dataset_in_it(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    put(reports / "runs.csv", text(SCED_GEN, [run("01/05/2024 00:00:10", 1)]))
    zip_name = POSTED.format(day="20240306", time="050149776")
    put(reports / zip_name, b"PK\x03\x04 cut")
    done = roll_up(reports, built)
    assert [item["file"] for item in one(done).manifest["refused"]] == [zip_name]
    assert one(done, "sced_gen_resources").manifest["refused"] == []
    assert done.refused == []


def test_a_bad_file_that_is_brought_again_is_no_complaint_any_more(reports, built):
    bad_files(reports)
    roll_up(reports, built)
    for path in reports.iterdir():
        if path.name != GEN:
            path.unlink()
    put(reports / "60d_DAM_Gen_Resource_Data-09-MAR-24.csv", awards(award("01/09/2024", 1)))
    found = one(roll_up(reports, built)).manifest
    assert found["refused"] == []
    assert [report["days"] for report in found["reports"]] == [["2024-01-05"], ["2024-01-09"]]


def test_a_bad_file_of_no_dataset_that_could_be_told_is_named_too(reports, built):
    put(reports / "what.zip", b"PK\x03\x04 cut")
    put(reports / "sheet.xlsx", b"x")
    put(reports / "mine.csv", "a,b\n1,2\n")
    done = roll_up(reports, built)
    assert dict(done.refused) == {
        "what.zip": "no whole ZIP file: File is not a zip file",
        "sheet.xlsx": "no workbook that can be read: File is not a zip file",
    }
    assert done.other == {"no report that is known; its headings are a, b": ["mine.csv"]}
    assert (done.files, done.reports, done.built) == (3, 3, [])


def test_a_day_of_another_year_goes_to_that_year_and_its_file_is_named(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    put(reports / "60d_DAM_Gen_Resource_Data-06-MAR-24.csv", awards(award("01/06/2021", 1)))
    done = roll_up(reports, built)
    assert one(done).manifest["other_days_than_named"] == []
    odd = one(done, year=2021).manifest
    assert odd["other_days_than_named"] == ["60d_DAM_Gen_Resource_Data-06-MAR-24.csv"]
    assert any("60d_DAM_Gen_Resource_Data-06-MAR-24.csv (2021-01-06)" in reason for reason in odd["incomplete_because"])
    assert odd["complete"] is False


@pytest.mark.parametrize(("name", "content", "dataset", "other"), [
    (GEN, awards(award("01/20/2024", 1)), "dam_gen_resources", False),
    (GEN, awards(award("01/21/2024", 1)), "dam_gen_resources", True),
    ("any name.csv", awards(award("01/21/2024", 1)), "dam_gen_resources", False),
    ("prices 20240101.csv", text(DA_SPP, [price("01/21/2024", 1, 9)]), "da_prices", False),
])  # fmt: skip
def test_a_60_day_report_may_hold_days_half_a_month_from_that_of_its_name(
    reports, built, name, content, dataset, other
):
    put(reports / name, content)
    roll_up(reports, built)
    assert manifest(built, dataset)["other_days_than_named"] == ([name] if other else [])


def test_missing_days_are_listed_from_the_first_that_the_dataset_has(reports, built):
    put(reports / "a.csv", awards(*(award(f"01/{day:02d}/2024", 1) for day in (1, 2, 5))))
    put(reports / "60d_DAM_ESR_Data-04-FEB-26.csv", awards(award("12/07/2025", 1, kind="ESR")))
    done = roll_up(reports, built)
    assert one(done).manifest["missing_days"] == ["2024-01-03", "2024-01-04"]
    assert one(done, "dam_esr_resources", 2025).manifest["missing_days"] == ["2025-12-06"]


def test_every_report_is_told_to_who_listens_and_a_missing_folder_is_an_error(reports, built):
    put(reports / GEN, awards(award(DAY, 1)))
    told: list[tuple[int, int, str]] = []
    roll_up(reports, built, progress=lambda done, total, what: told.append((done, total, what)))
    assert (told[0], told[-1]) == ((0, 1, GEN), (1, 1, "writing DAM_Gen_Resources/2024 (1 of 1)"))
    with pytest.raises(InputError, match="no folder of reports"):
        roll_up(reports / "nowhere", built)


# --- laws -------------------------------------------------------------------------------------------------------------------------------------
@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 4), st.sampled_from(["A_BESS1", "B_BESS1", "C_CC1"]), st.integers(0, 2), st.integers(0, 5)),
        min_size=1,
        max_size=25,
    ),
    st.integers(1, 4),
)  # fmt: skip
def test_the_newest_publication_of_each_key_stands_however_rows_are_spread_over_files(tmp_path_factory, rows, batches):
    """Conservation too: every row that was read is kept or counted as dropped."""
    folder = tmp_path_factory.mktemp("law")
    files: dict[int, list[tuple[int, int, str, int]]] = {}
    for published, hour, name, day, mw in rows:
        files.setdefault(published, []).append((hour, name, day, mw))
    wanted: dict[tuple[str, int, int], float] = {}
    for published in sorted(files):
        lines = []
        for hour, name, day, mw in files[published]:
            lines.append(award(f"01/0{day + 1}/2024", hour, name, "PWRSTR" if "BESS" in name else "CCGT90", mw))
            wanted[name, day, hour] = float(mw)
        put(folder / "reports" / f"{9 - published}.csv", text(DAM_GEN, lines), seconds=1_000 + published)
    names = sorted(path.name for path in (folder / "reports").iterdir())
    for n in range(batches):
        part = folder / "arrived"
        for name in names[n::batches]:
            path = folder / "reports" / name
            put(part / name, path.read_bytes(), seconds=int(path.stat().st_mtime))
        done = roll_up(part, folder / "built")
    (found,) = done.built
    table = pq.read_table(found.path)
    columns = ("Resource Name", "operating_day", "Hour Ending", "Awarded Quantity")
    found_rows = zip(*(table.column(name).to_pylist() for name in columns), strict=True)
    assert {(name, day.day - 1, hour): mw for name, day, hour, mw in found_rows} == wanted
    counts = (read_manifest(found.path) or {})["rows"]
    assert counts["read"] == counts["kept"] + counts["same"] + counts["superseded"] + counts["contradicting"]
