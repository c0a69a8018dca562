"""ERCOT's reports as the second road reads them: which file is what, which row counts, what is unknown."""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from bess_assets.second_settlement import settlement
from bess_assets.second_settlement.csv_reports import ReportFolder, dataset_of
from bess_assets.second_settlement.readings import read
from bess_assets.second_settlement.settlement import Settlement, settle
from bess_assets_tests.second_settlement.small_reports import DAY, PAIR, YEAR, dam, market, posted, write, zipped

DAM_GEN = "60d_DAM_Gen_Resource_Data"
ENERGY = 24 * 8 * 30
REAL_TIME = 24 * (6 - 2 - 8) * 40
REGUP = 24 * (3 + 1) * 5


def day_of(result: Settlement, day: str = DAY) -> pd.Series:
    return result.daily.set_index("operating_day").loc[pd.Timestamp(day)]


def settled(folder: Path, year: int = YEAR) -> tuple[Settlement, ReportFolder]:
    reports = ReportFolder(folder, year)
    return settle(reports, year, PAIR), reports


def day_ahead(folder: Path, year: int = YEAR) -> pd.DataFrame:
    """The battery's day-ahead rows by time, from the day-ahead report alone: no settlement, which takes a second."""
    reports = ReportFolder(folder, year)
    with duckdb.connect() as scratch:
        rows = read(reports, scratch, "DAM_Gen_Resources", year, {"OAK_BESS1"}).of({"OAK_BESS1"})
    assert reports.problems == {}
    return rows


def awards(folder: Path) -> list[float]:
    """Day-ahead energy hour by hour; no hour is left out or stands twice."""
    rows = day_ahead(folder)
    assert (rows["time"].diff().dropna() == pd.Timedelta(hours=1)).all()
    return rows["energy"].tolist()


def test_reports_of_a_day_are_settled_by_the_formula_of_section_3_1(tmp_path: Path) -> None:
    result, reports = settled(write(tmp_path / "any" / "where", market()).parent)
    day = day_of(result)
    assert (day["da_energy_usd"], day["rt_energy_usd"]) == (pytest.approx(ENERGY), pytest.approx(REAL_TIME))
    assert day["as_regup_usd"] == pytest.approx(REGUP)
    assert day["as_regdn_usd"] == 0.0  # a blank in a column that the report has
    assert day["total_usd"] == pytest.approx(ENERGY + REAL_TIME + REGUP)
    assert reports.problems == {}
    sixty_day = {f"{market}_{side}_Resources" for market in ("DAM", "SCED") for side in ("Gen", "Load")}
    assert reports.reports.keys() == sixty_day | {"DA_prices", "RT_prices", "AS_prices"}
    assert all(len(found) == 1 for found in reports.reports.values())


def test_zips_in_zips_quotes_and_leading_spaces_change_nothing(tmp_path: Path) -> None:
    reports = market()
    prices = reports["DAMSPNP4190"].astype(str)
    prices["SettlementPointPrice"] = " " + prices["SettlementPointPrice"]
    quoted = prices.to_csv(index=False, quoting=csv.QUOTE_ALL, lineterminator="\r\n").encode("utf-8-sig")
    disclosure = {name: rows for name, rows in reports.items() if name.startswith("60d")}
    inner = {f"{name}.zip": zipped({f"{name}.csv": rows}) for name, rows in disclosure.items()}
    (tmp_path / posted("20220709")).write_bytes(zipped(inner))
    prices_of = {"a/da.csv": quoted, "rt.csv": reports["SPPHLZNP6905"], "as.CSV": reports["DAMCPCNP4188"]}
    (tmp_path / "prices.ZIP").write_bytes(zipped(prices_of))
    result, found = settled(tmp_path)
    assert found.problems == {}
    assert day_of(result)["total_usd"] == pytest.approx(ENERGY + REAL_TIME + REGUP)


@pytest.mark.parametrize("how", ["post time in the name", "time in the zip", "time of the file"])
def test_of_two_publications_of_a_row_the_newest_counts(tmp_path: Path, how: str) -> None:
    old, new = dam(), dam(hours=range(1, 13), energy=9.0)
    if how == "post time in the name":
        # The older one was copied here later, and its ZIP says later times.
        (tmp_path / posted("20220723")).write_bytes(zipped({"a.csv": new}, (2022, 1, 1, 0, 0, 0)))
        (tmp_path / posted("20220709")).write_bytes(zipped({"b.csv": old}, (2023, 1, 1, 0, 0, 0)))
    elif how == "time in the zip":
        (tmp_path / "a.zip").write_bytes(zipped({"a.csv": new}, (2022, 7, 23, 5, 0, 0)))
        (tmp_path / "b.zip").write_bytes(zipped({"b.csv": old}, (2022, 7, 9, 5, 0, 0)))
    else:
        write(tmp_path, {"a": new, "b": old})
        os.utime(tmp_path / "a.csv", (2_000_000_000, 2_000_000_000))
        os.utime(tmp_path / "b.csv", (1_900_000_000, 1_900_000_000))
    assert awards(tmp_path) == [9.0] * 12 + [8.0] * 12


def test_the_same_content_under_two_names_counts_once_and_by_its_surest_time(tmp_path: Path) -> None:
    (tmp_path / posted("20220709")).write_bytes(zipped({"a.csv": dam(energy=1.0)}))
    (tmp_path / posted("20220723")).write_bytes(zipped({"a.csv": dam(energy=2.0)}))
    write(tmp_path, {"unpacked": dam(energy=1.0)})  # today, by the time of the file
    assert ReportFolder(tmp_path, YEAR).copies == 1
    assert awards(tmp_path) == [2.0] * 24


def test_a_column_absent_from_one_report_is_unknown_for_its_rows_only(tmp_path: Path) -> None:
    write(tmp_path, {"a": dam(), "b": dam("05/11/2022").drop(columns="RegUp Awarded"), "c": dam("05/12/2022")})
    rows = day_ahead(tmp_path)
    assert rows["regup"].isna().tolist() == [False] * 24 + [True] * 24 + [False] * 24
    assert rows["regdn"].tolist() == [0.0] * 72  # blank in a column that every report has


def test_rrs_in_parts_and_in_one_column_are_read_report_by_report(tmp_path: Path) -> None:
    split = {"RRSPFR Awarded": 1, "RRSFFR Awarded": 0.5, "RRSUFR Awarded": 0}
    first = dam("12/12/2022").assign(**{"RRS Awarded": 2})
    write(tmp_path, {"a": first, "b": dam("12/13/2022").drop(columns="RRS Awarded").assign(**split)})
    assert day_ahead(tmp_path)["rrs"].tolist() == [2.0] * 24 + [1.5] * 24


@pytest.mark.parametrize("labels", [list(range(1, 26)), [1, 2, 2, *range(3, 25)]], ids=["in order", "two 02 labels"])
def test_the_25_hours_of_the_autumn_day_are_told_apart_report_by_report(tmp_path: Path, labels: list[int]) -> None:
    day = "11/06/2022"
    values = [float(n) for n in range(25)]
    # The earlier edition has its own labels, which say nothing of those of the later one.
    other = dam(day, [1, 2, 2, *range(3, 25)], 99.0) if labels[-1] == 25 else dam(day, list(range(1, 26)), 99.0)
    (tmp_path / posted("20230105")).write_bytes(zipped({"a.csv": other}))
    (tmp_path / posted("20230115")).write_bytes(zipped({"a.csv": dam(day, labels, values)}))
    assert awards(tmp_path) == values


@pytest.mark.parametrize("labels", [list(range(1, 24)), [1, 2, *range(4, 25)]], ids=["in order", "by the clock"])
def test_the_23_hours_of_the_spring_day_are_read_by_order_or_by_the_clock(tmp_path: Path, labels: list[int]) -> None:
    day = "03/13/2022"
    values = [float(n) for n in range(23)]
    write(tmp_path, {DAM_GEN: dam(day, labels, values)})
    assert awards(tmp_path) == values


def test_prices_that_come_as_a_file_a_quarter_hour_keep_the_clock_of_the_day(tmp_path: Path) -> None:
    prices = market("03/13/2022")["SPPHLZNP6905"].assign(SettlementPointPrice=range(96))
    prices = prices[prices["DeliveryHour"] != 3]
    write(tmp_path, {f"rt_{h}_{q}": rows for (h, q), rows in prices.groupby(["DeliveryHour", "DeliveryInterval"])})
    with duckdb.connect() as scratch:
        reports = ReportFolder(tmp_path, YEAR)
        found = read(reports, scratch, "RT_prices", YEAR, {"OAK_RN"}).of({"OAK_RN"})
    assert found["price"].tolist() == [float(n) for n in range(96) if n // 4 != 2]
    assert (found["time"].diff().dropna() == pd.Timedelta(minutes=15)).all()


@pytest.mark.parametrize(("damage", "says"), [
    (lambda text: text[: len(text) // 2].rsplit(b",", 1)[0], "has not 13 cells"),
    (lambda text: text.replace(b"05/10/2022,7,", b"tomorrow,7,"), "'tomorrow' in column 'Delivery Date'"),
    (lambda text: text.replace(b",7,OAK", b",seven,OAK"), "'seven' in column 'Hour Ending'"),
    (lambda _: b"", "empty"), (lambda text: text.replace(b"Resource Name", b"Resource\xff Name"), "utf-8"),
], ids=["cut off", "no date", "no hour", "empty", "no text"])  # fmt: skip
def test_a_broken_csv_is_named_and_the_others_are_read(tmp_path, damage, says):
    folder = write(tmp_path, {"a": dam("05/09/2022"), "b": dam(), "c": dam("05/11/2022")})
    broken = folder / "b.csv"
    broken.write_bytes(damage(broken.read_bytes()))
    reports = ReportFolder(folder, YEAR)
    days = pd.concat(piece.texts(("deliverydate",)) for piece in reports.pieces("DAM_Gen_Resources", (YEAR,)))
    assert list(reports.problems) == [str(broken)]
    assert says in reports.problems[str(broken)]
    assert days.value_counts().to_dict() == {"05/09/2022": 24, "05/11/2022": 24}


def test_a_broken_zip_is_named_with_the_member_where_it_is_one(tmp_path: Path) -> None:
    write(tmp_path, {"good": dam("05/11/2022")})
    (tmp_path / "a.zip").write_bytes(b"PK no more")
    (tmp_path / "b.zip").write_bytes(zipped({"inner.zip": b"nothing"}))
    whole = bytearray(zipped({"c.csv": dam()}))
    whole[whole.index(b"OAK_BESS1")] ^= 1  # the ZIP's own checksum notices
    (tmp_path / "c.zip").write_bytes(bytes(whole))
    reports = ReportFolder(tmp_path, YEAR)
    (piece,) = reports.pieces("DAM_Gen_Resources", (YEAR,))
    assert piece.rows == 24
    assert set(reports.problems) == {f"{tmp_path}/{name}" for name in ("a.zip", "b.zip > inner.zip", "c.zip > c.csv")}


def test_reports_of_other_kinds_are_counted_and_not_read(tmp_path: Path) -> None:
    write(tmp_path, {"a": dam(), "offers": pd.DataFrame({"Delivery Date": [DAY], "QSE Name": ["Q"], "MCPC": [1]})})
    reports = ReportFolder(tmp_path, YEAR)
    assert (reports.others, reports.problems) == (1, {})


def test_a_report_of_the_next_year_closes_the_year_and_a_number_that_looks_like_it_does_not(tmp_path: Path) -> None:
    write(tmp_path, {"a": dam(), "b": dam("05/10/2021").assign(HSL=YEAR + 1)})

    def closed() -> bool:
        reports = ReportFolder(tmp_path, YEAR)
        list(reports.pieces("DAM_Gen_Resources", (YEAR,)))
        return reports.holds_a_day_after("DAM_Gen_Resources", YEAR)

    assert not closed()
    write(tmp_path, {"c": dam("01/01/2023")})
    assert closed()
    board = settle(ReportFolder(tmp_path, YEAR), YEAR, PAIR).leaderboard
    assert board.iloc[0]["data_through"] == pd.Timestamp(f"{YEAR}-12-31")


@pytest.mark.slow
def test_some_batteries_at_a_time_give_the_same_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, market())
    elm = {name: rows.replace({"OAK_BESS1": "ELM_BESS1", "OAK_LD1": "ELM_LD1"}) for name, rows in market().items()}
    write(tmp_path / "elm", {name: rows for name, rows in elm.items() if name.startswith("60d")})
    elms = PAIR.assign(battery="ELM", gen_resource="ELM_BESS1", load_resource="ELM_LD1")
    pairs = pd.concat([PAIR, elms], ignore_index=True)
    whole = settle(ReportFolder(tmp_path, YEAR), YEAR, pairs)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(settlement, "AT_ONCE", 1)
    parts = settle(ReportFolder(tmp_path, YEAR), YEAR, pairs, tell=lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]
    for table in ("leaderboard", "leaderboard_monthly"):
        pd.testing.assert_frame_equal(getattr(parts, table), getattr(whole, table))
    assert len(parts.quarter_hours) == len(whole.quarter_hours)


@pytest.mark.real
def test_every_genuine_layout_is_told_by_its_headings(real_pack: Callable[[str], Path]) -> None:
    layouts = json.loads((real_pack("report-layouts") / "headers.json").read_text(encoding="utf-8"))
    expected = {
        "60d_SCED_Gen_Resource_Data": "SCED_Gen_Resources", "60d_ESR_Data_in_SCED": "SCED_ESR_Resources",
        "60d_Load_Resource_Data_in_SCED": "SCED_Load_Resources", "60d_SCED_SMNE_GEN_RES": "SCED_SMNE",
        "60d_DAM_Gen_Resource_Data": "DAM_Gen_Resources", "60d_DAM_Load_Resource_Data": "DAM_Load_Resources",
        "NP4-190-CD": "DA_prices", "NP4-188-CD": "AS_prices", "NP6-905-CD": "RT_prices", "NP6-331-CD": "RT_AS_prices",
        "NP6-332-CD": "SCED_AS_prices",
    }  # fmt: skip
    found: set[str] = set()
    for name, headings in layouts.items():
        if isinstance(headings, str):
            continue
        kind = next((dataset for start, dataset in expected.items() if name.startswith(start)), None)
        if name.endswith(("xlsx__2025", "xlsx/csv__2025")):
            continue  # hubs and zones only, by the year
        assert dataset_of(headings, [], name) == kind, name
        found.add(kind or "")
    assert found == {*expected.values(), ""}
    row = ["07/09/2026", "1", "QX", "", "OAK_ESR1", "ESR"]
    storage = layouts["60d_DAM_Gen_Resource_Data__2026-07-09"]
    assert dataset_of(storage, row, "any.csv") == "DAM_ESR_Resources"
    assert dataset_of(storage, [], "60d_DAM_ESR_Data-09-SEP-26.csv") == "DAM_ESR_Resources"


@pytest.mark.real
def test_the_batcave_reports_give_the_published_daily_energy(real_pack: Callable[[str], Path]) -> None:
    pack = real_pack("2026-esr-batcave")
    fleet = PAIR.assign(battery="BATCAVE", gen_resource=None, load_resource=None, esr_resource="BATCAVE_ESR1")
    days = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-12-31")
    reports = ReportFolder(pack / "reports", 2026)
    result = settle(reports, 2026, fleet, [("BATCAVE", "HB_HUBAVG", *days)])
    assert reports.problems == {}
    assert set(reports.reports) == {"SCED_ESR_Resources", "RT_prices", "DA_prices", "AS_prices"}
    expected = pd.read_csv(pack / "expected_daily_energy_lines.csv", parse_dates=["day"]).set_index("day")
    mine = result.daily.set_index("operating_day").loc[expected.index]
    assert (mine["discharge_mwh"] - expected["discharge_mwh"]).abs().max() < 1e-4
    assert (mine["charge_mwh"] - expected["charge_mwh"]).abs().max() < 1e-4
    assert (mine["rt_metered_usd"] - expected["rt_revenue_usd_at_hub"]).abs().max() < 0.00501
