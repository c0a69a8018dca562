"""Corrections, reports, histories and stated prices: which file is which, which price is used, and what that does to a battery's dollars."""

import io
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from bess_assets.ercot.reports import open_reports, recognise
from bess_assets.report.content import read_content
from bess_assets.report.page import page_html
from bess_assets.run import STEPS, hold_year
from bess_assets.second_settlement.csv_reports import ReportFolder
from bess_assets.second_settlement.settlement import Settlement, settle
from bess_assets.settings import load_settings
from bess_assets.simulator import simulate
from bess_assets.store.roll_up import roll_up_reports
from bess_assets.store.rollup_files import report_news
from bess_assets.tables import LEADERBOARD, tables_above
from bess_assets_tests.ercot.report_samples import DA_SPP, MCPC, RT_MCPC, RT_SPP, put, text, zipped
from bess_assets_tests.histories import MCPC_CORRECTED, RT_SPP_CORRECTED, SPP_CORRECTED, WIDE, as_histories, workbook
from bess_assets_tests.long_form import result_rows
from bess_assets_tests.second_settlement import small_reports as small
from bess_assets_tests.worlds import Plan, World, board_differences, differences, nothing_before

LZHB = "Delivery Date,Hour Ending,Repeated Hour Flag,Settlement Point,Settlement Point Price"
RT_LZHB = (
    "Delivery Date,Delivery Hour,Delivery Interval,Repeated Hour Flag,Settlement Point Name,Settlement Point Type,"
    "Settlement Point Price"
)
RUN_MCPC = "SCED Timestamp,Repeated Hour Flag,AS Type,CAPPED_MCPC,UNCAPPED_MCPC"
ADDERS = "SCED Timestamp,Repeated Hour Flag,Batch ID,RTRDPARUS,RTRDPARDS,RTRDPARRS,RTRDPAECRS,RTRDPANSS"
DAY = "01/05/2024"


# --- which file is which ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "headings", "dataset", "source"), [
    ("DAMASMCPC_2024.csv", WIDE, "as_prices", "history"),
    ("downloaded.csv", WIDE, "as_prices", "history"),
    ("DAMASMCPC_2024.csv", "Delivery Date,Hour Ending,Repeated Hour Flag,Ancillary Type,MCPC", "as_prices", "history"),
    ("DAMASMCPC_2014.csv", WIDE.removesuffix(",ECRS "), "as_prices", "history"),
    ("RTMLZHBSPP_2024.xlsx Jan", RT_LZHB, "rt_prices", "history"),
    ("DAMLZHBSPP_2024.xlsx Jan", LZHB, "da_prices", "history"),
    ("NP6-795-ER_2026.csv", RUN_MCPC, "sced_as_prices", "history"),
    ("NP6-795-ER_2025.csv", "SCED_TIMESTAMP,REPEATED_HOUR_FLAG,AS_TYPE,MCPC", "sced_as_prices", "history"),
    ("NP6-795-ER_2026.csv", "SCED Timestamp,Repeated Hour Flag,REGUP,REGDN,RRS,ECRS,NSPIN", "sced_as_prices", "history"),
    ("a name of its own.xlsx 2026", RUN_MCPC, "sced_as_prices", "history"),
    ("NP6-796-ER_2026.csv", "Delivery Date,Delivery Hour,Delivery Interval,Repeated Hour Flag,AS Type,MCPC", "rt_as_prices", "history"),
    ("NP6-792-ER_2026.csv", ADDERS, "sced_as_adders", "history"),
    ("NP4-196-M_SPP.csv", SPP_CORRECTED, "da_prices", "correction"),
    ("corrections.csv", SPP_CORRECTED, "da_prices", "correction"),
    ("NP4-196-M_MCPC.csv", MCPC_CORRECTED, "as_prices", "correction"),
    ("NP4-197-M_SPP.csv", RT_SPP_CORRECTED, "rt_prices", "correction"),
    ("NP4-197-M.csv", "DeliveryDate,DeliveryHour,DeliveryInterval,ASType,MCPCOriginal,MCPCCorrected,DSTFlag", "rt_as_prices", "correction"),
    ("NP4-197-M.csv", "SCEDTimestamp,ASType,CappedMCPCOriginal,CappedMCPCCorrected,DSTFlag", "sced_as_prices", "correction"),
    ("cdr.00012331.DAMSPNP4190.csv", DA_SPP, "da_prices", None),
    ("cdr.00012301.SPPHLZNP6905.csv", RT_SPP, "rt_prices", None),
    ("cdr.00012329.DAMCPCNP4188.csv", MCPC, "as_prices", None),
    ("RTMCPCNP6331.csv", RT_MCPC, "rt_as_prices", None),
    ("60d_DAM_Gen_Resource_Data.xlsx Sheet1", "Delivery Date,Hour Ending,Resource Name,Resource Type,Awarded Quantity", "dam_gen_resources", None),
])  # fmt: skip
def test_reports_histories_and_corrections_are_told_by_name_and_headings(name, headings, dataset, source):
    heading = recognise(name, f"{headings}\n".encode())
    assert (heading.dataset and heading.dataset.name, heading.price_source) == (dataset, source)


@pytest.mark.parametrize(("name", "headings", "found", "known"), [
    ("NP6-795-ER_2026.xlsx 2026", "SCED Timestamp,Service,CAPPED_MCPC", "Service", "'AS Type'"),
    ("NP6-795-ER_2026.csv", "SCED Timestamp,AS Type,Price", "Price", "'Capped MCPC'"),
    ("DAMASMCPC_2024.csv", "Delivery Date,Hour Ending,Up,Down", "Down", "'Ancillary Type'"),
    ("RTMLZHBSPP_2024.xlsx Jan", "Delivery Date,Delivery Hour,Settlement Point Name,Price", "Price", "'Delivery Interval'"),
    ("NP6-792-ER_2026.csv", "SCED Timestamp,Up,Down", "Up", "'RTRDPARUS'"),
    ("NP4-196-M.csv", "DeliveryDate,HourEnding,SettlementPoint,Old,New,DSTFlag", "New", "'SPP Corrected'"),
    ("NP4-196-M.csv", f"{DA_SPP},New", "New", "of corrected prices"),
])  # fmt: skip
def test_unknown_headings_are_refused_by_what_was_found_and_what_is_known(name, headings, found, known):
    heading = recognise(name, f"{headings}\n".encode())
    assert heading.refused
    assert found in str(heading.why_not).split("its headings are")[1]
    assert known in str(heading.why_not).split("its headings are", maxsplit=1)[0]


@pytest.mark.parametrize(("name", "headings", "words"), [
    ("NP4-197-M.csv", "DeliveryDate,HourEnding,SettlementPoint,LMPOriginal,LMPCorrected,DSTFlag", "locational marginal"),
    ("NP6-792-ER_2019.xlsx Jan", "SCED Timestamp,Repeated Hour Flag,System Lambda,PRC,RTORPA,RTOFFPA", "before 2025-12-05"),
])  # fmt: skip
def test_prices_of_no_figure_are_no_refusal(name, headings, words):
    heading = recognise(name, f"{headings}\n".encode())
    assert (heading.dataset, heading.refused) == (None, False)
    assert words in str(heading.why_not)


# --- workbooks --------------------------------------------------------------------------------------------------------
def built(folder: Path, files: Mapping[str, str | bytes], dataset: str = "AS_prices") -> list[dict[str, Any]]:
    """Rows of the rollup of 2024 that reports give, each rolled up when it comes, in its order."""
    settings = load_settings(folder / "home", {"BESS_REPORTS": str(folder / "reports")})
    for n, (name, content) in enumerate(files.items()):
        put(folder / "reports" / name, content, 1_700_000_000 + n)
        (own,) = roll_up_reports(settings).built
        assert own.manifest["refused"] == []
    assert report_news(settings.reports, settings.built).files == {}
    rows: list[dict[str, Any]] = pq.read_table(settings.built / dataset / "2024.parquet").to_pylist()
    return rows


def priced(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Hour ending in Central time, product, price and source of each row."""

    def product(row: dict[str, Any]) -> str:
        return next(str(row[name]).strip() for name in ("AncillaryType", "Ancillary Type", "ASType") if row.get(name))

    return [
        ((row["interval_start"].hour - 5) % 24 or 24, product(row), row["MCPC"], row.get("Price Source"))
        for row in rows
    ]


HOURS = range(1, 25)
PER_HOUR = {"REGDN": 3.5, "REGUP": 5.0, "RRS": 7.25, "NSPIN": 2.0, "ECRS": None}
LONG = [
    f"{DAY},{hour:02d}:00,{p},{'' if usd is None else usd + hour},N" for hour in HOURS for p, usd in PER_HOUR.items()
]
CELLS = [[*(None if usd is None else usd + hour for usd in PER_HOUR.values())] for hour in HOURS]
AS_TEXT = text(
    WIDE, [f"{DAY},{hour:02d}:00,N,{','.join('' if c is None else str(c) for c in CELLS[hour - 1])}" for hour in HOURS]
)
SHEET = [WIDE.split(","), *([DAY, f"{hour:02d}:00", "N", *CELLS[hour - 1]] for hour in HOURS)]
TYPED = [
    ["DAM Clearing Prices for Capacity"], [],
    WIDE.split(","), *([datetime(2024, 1, 5), time(hour) if hour < 24 else timedelta(days=1), "N", *CELLS[hour - 1], None, None] for hour in HOURS), [],
]  # fmt: skip


@pytest.mark.parametrize("files", [
    {"DAMASMCPC_2024.csv": AS_TEXT},
    {"DAMASMCPC_2024.zip": zipped({"DAMASMCPC_2024.csv": AS_TEXT})},
    {"DAMASMCPC_2024.csv": text(f"{MCPC.replace('DSTFlag', 'Repeated Hour Flag')}", LONG)},
    {"DAMASMCPC_2024.xlsx": workbook({"2024": SHEET})},
    {"DAMASMCPC_2024.xlsx": workbook({"notes": [["made by hand"]], "Jan": TYPED, "Feb": [WIDE.split(",")]})},
    {"h.zip": zipped({"inner.zip": zipped({"DAMASMCPC_2024.xlsx": workbook({"a": SHEET[:13], "b": [SHEET[0], *SHEET[13:]]})})})},
    {"DAMASMCPC_2024.xlsx": workbook({"2024": [[h.strip() for h in SHEET[0]], *([str(c or "") for c in row] for row in SHEET[1:])]})},
])  # fmt: skip
def test_a_history_is_the_same_rows_wide_or_long_as_csv_or_workbook_zipped_or_not(tmp_path, files):
    wanted = [
        (hour, p, None if usd is None else usd + hour, "history") for hour in HOURS for p, usd in PER_HOUR.items()
    ]
    assert sorted(priced(built(tmp_path, files)), key=str) == sorted(wanted, key=str)


def test_a_workbook_posted_anew_replaces_the_one_before_within_its_source_and_no_report(tmp_path):
    files = {
        "DAMASMCPC_2024 first.csv": text(WIDE, [f"{DAY},01:00,N,3,5,7,2,"]),
        "DAMASMCPC_2024.xlsx": workbook({"2024": [WIDE.split(","), [DAY, "01:00", "N", 3, 6, 7, 2, None]]}),
        "report.csv": text(MCPC, [f"{DAY},01:00,REGUP,4,N"]),
        "correction.csv": text(MCPC_CORRECTED, [f"{DAY},1,REGUP,4,8,01/07/2024 10:00:00,N"]),
    }
    rows = [row for row in priced(built(tmp_path, files)) if row[1] == "REGUP"]
    assert [row[2:] for row in rows] == [(4.0, None), (8.0, "correction"), (6.0, "history")]


@pytest.mark.parametrize(("content", "words"), [
    (workbook({"2024": SHEET})[:4_000], "no workbook that can be read"),
    (zipped({"[Content_Types].xml": "<x/>"}), "no workbook that can be read"),
    (zipped({"bomb.xml": b"0" * 3_000_000}), "to 1,"),
])  # fmt: skip
def test_a_workbook_that_cannot_be_read_is_refused_and_its_neighbours_are_not(tmp_path, content, words):
    put(tmp_path / "reports" / "DAMASMCPC_2023.xlsx", content)
    put(tmp_path / "reports" / "DAMASMCPC_2024.csv", AS_TEXT)
    done = roll_up_reports(load_settings(tmp_path / "home", {"BESS_REPORTS": str(tmp_path / "reports")}))
    ((label, problem),) = done.refused
    assert (label, words in problem) == ("DAMASMCPC_2023.xlsx", True)
    assert [own.year for own in done.built] == [2024]


def test_a_sheet_that_breaks_off_is_refused(tmp_path):
    whole = workbook({"2024": [*SHEET, *SHEET[1:] * 200]})
    with pd.io.common.zipfile.ZipFile(io.BytesIO(whole)) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    sheet = parts["xl/worksheets/sheet1.xml"]
    cut = zipped({**parts, "xl/worksheets/sheet1.xml": sheet[: len(sheet) - 500] + b"<c"})
    ((_, opened),) = open_reports(put(tmp_path / "DAMASMCPC_2024.xlsx", cut))
    with pytest.raises(ValueError, match="a sheet that breaks off"):
        opened().read()
    folder = ReportFolder(tmp_path, 2024)
    assert list(folder.pieces("AS_prices", [2024])) == []
    assert [*folder.problems] == [f"{tmp_path / 'DAMASMCPC_2024.xlsx'} > 2024"]


# --- which price is used ----------------------------------------------------------------------------------------------
class Oak:
    """One battery on one day of 2022: 8 MW sold at 30 $, 6 MW delivered, 2 MW charged at 40 $; 3 + 1 MW of RegUp at 5 $. Settled twice."""

    def __init__(
        self, folder: Path, extra: Mapping[str, str | bytes] | None = None, without: tuple[str, ...] = ()
    ) -> None:
        reports = small.write(folder / "reports", {k: v for k, v in small.market().items() if k not in without})
        for name, content in (extra or {}).items():
            # neither a correction stands nor a history falls by its time
            put(reports / name, content, 1_500_000_000 if "NP4" in name else 2_000_000_000)
        pair = put(folder / "batteries.csv", "battery,gen_resource,load_resource\nOAK,OAK_BESS1,OAK_LD1\n")
        self.settings = load_settings(folder / "home", {"BESS_REPORTS": str(reports), "BESS_REGISTRY": str(pair)})
        done = roll_up_reports(self.settings)
        assert done.refused == []
        assert [own.manifest["refused"] for own in done.built] == [[]] * len(done.built)
        wanted = {"leaderboard", *tables_above(LEADERBOARD)}
        with hold_year(self.settings, small.YEAR) as held:
            self.entries = {name: held.run_table(name) for name in STEPS if name in wanted}
        (self.board,) = self.rows("leaderboard")
        self.again: Settlement = settle(ReportFolder(reports, small.YEAR), small.YEAR, small.PAIR)

    def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = result_rows(self.settings.results, table, small.YEAR).to_pylist()
        return found

    @property
    def usd(self) -> tuple[float, ...]:
        """Day-ahead energy, real-time energy and RegUp of the day, the same by both settlements."""
        names = ["da_energy_usd", "rt_energy_usd", "as_regup_usd"]
        assert self.again.leaderboard.loc[0, names].tolist() == pytest.approx([self.board[name] for name in names])
        return tuple(self.board[name] for name in names)

    def sources(self, table: str, column: str, **wanted: Any) -> Counter[str]:
        rows = [row for row in self.rows(table) if row["operating_day"] == date(2022, 5, 10)]
        return Counter(row[column] for row in rows if wanted.items() <= row.items())

    def findings(self, kind: str) -> list[tuple[str, int, str, bool]]:
        found = [f for entry in self.entries.values() for f in entry["findings"] if f["kind"] == kind]
        return [(f["subject"], f["count"], f["detail"], f["warning"]) for f in found]


@pytest.fixture(scope="module")
def oak_of_reports(tmp_path_factory: pytest.TempPathFactory) -> Oak:
    """The day with nothing but reports."""
    return Oak(tmp_path_factory.mktemp("oak"))


@pytest.mark.slow
def test_a_market_of_reports_alone_says_nothing_of_sources(oak_of_reports):
    oak = oak_of_reports
    assert oak.usd == (8 * 30 * 24, (6 - 2 - 8) * 40 * 24, (3 + 1) * 5 * 24)
    assert oak.findings("price_sources_differ") + oak.findings("other_price_sources") == []
    assert "prices of" not in str(oak.board["notes"])
    assert oak.sources("energy_revenue", "da_price_source") == {"report": 96}


@pytest.mark.slow
def test_corrections_replace_their_keys_alone_and_move_the_dollars_by_just_that(oak_of_reports, tmp_path):
    when = "05/20/2022 10:00:00"
    extra = {
        "NP4-196-M_SPP.csv": text(SPP_CORRECTED, [f"{small.DAY},05:00,OAK_RN,30,50,{when},N"]),
        "NP4-196-M_MCPC.csv": text(MCPC_CORRECTED, [f"{small.DAY},5,REGUP,5,9,{when},N"]),
        "NP4-197-M_SPP.csv": text(RT_SPP_CORRECTED, [f"{small.DAY},5,2,OAK_RN,RN,40,70,{when},N"]),
    }
    before, oak = oak_of_reports.usd, Oak(tmp_path, extra)
    moved = [after - one for one, after in zip(before, oak.usd, strict=True)]
    assert moved == pytest.approx([8 * (50 - 30), (6 - 2 - 8) / 4 * (70 - 40), (3 + 1) * (9 - 5)])
    for table in ("bess_prices", "energy_revenue"):
        assert oak.sources(table, "da_price_source") == {"correction": 4, "report": 92}
        assert oak.sources(table, "rt_price_source") == {"correction": 1, "report": 95}
    assert oak.sources("as_revenue", "mcpc_source", product="regup") == {"correction": 1, "report": 23}
    assert oak.sources("as_revenue", "mcpc_source", product="rrs") == {"report": 24}
    assert Counter(oak.findings("price_sources_differ")) == {
        ("rt_prices", 1, "correction used, report differs: OAK_RN", False): 1,
        ("da_prices", 1, "correction used, report differs: OAK_RN", False): 1,
        ("as_prices", 1, "correction used, report differs: regup", False): 1,
    }
    assert ("da_prices", 1, "correction", False) in oak.findings("other_price_sources")
    note = "prices of day-ahead energy (4.17% correction, 95.83% report), real-time energy (1.04% correction, 98.96% report)"
    assert note in oak.board["notes"]


@pytest.mark.parametrize(
    "corrected",
    [["05:00,OAK_RN,30,50", "05:00,OAK_RN,50,45"], pytest.param(["05:00,OAK_RN,30,45"], marks=pytest.mark.slow)],
)
def test_the_newest_correction_of_a_key_stands(tmp_path, corrected):
    extra = {
        f"rpt.00000000.0000000000000000.202205{20 + n}.100000000.NP4-196.zip":
        zipped({f"spp{n}.csv": text(SPP_CORRECTED, [f"{small.DAY},{row},05/20/2022 10:00:00,N"])})
        for n, row in enumerate(corrected)
    }  # fmt: skip
    assert Oak(tmp_path, extra).usd[0] == 8 * 30 * 23 + 8 * 45


@pytest.mark.parametrize("kind", [None, pytest.param("PCCRN", marks=pytest.mark.slow)])
def test_the_newest_report_of_a_real_time_price_stands_whatever_its_type(tmp_path, kind):
    again = small.market()["SPPHLZNP6905"].assign(SettlementPointType=kind, SettlementPointPrice=999)
    extra = {"SPPHLZNP6905_again.csv": again.dropna(axis="columns").to_csv(index=False)}
    assert Oak(tmp_path, extra).usd[1] == (6 - 2 - 8) * 999 * 24


@pytest.mark.slow
def test_a_history_fills_what_reports_lack_and_counts_where_it_says_otherwise(tmp_path):
    hub = [f"{small.DAY},{hour:02d}:00,N,OAK_RN,{usd}" for hour, usd in ((1, 30), (2, 30.01), (3, 30.02), (4, 12))]
    oak = Oak(tmp_path, {"DAMLZHBSPP_2022.csv": text(LZHB, hub)})
    assert oak.usd[0] == 8 * 30 * 24
    assert oak.findings("price_sources_differ") == [("da_prices", 2, "report used, history differs: OAK_RN", True)]
    assert oak.sources("energy_revenue", "da_price_source") == {"report": 96}

    whole = [f"{small.DAY},{hour:02d}:00,N,OAK_RN,{31 if hour == 9 else 30}" for hour in HOURS]
    alone = Oak(tmp_path / "alone", {"DAMLZHBSPP_2022.csv": text(LZHB, whole)}, without=("DAMSPNP4190",))
    assert alone.usd[0] == 8 * 30 * 23 + 8 * 31
    assert alone.sources("energy_revenue", "da_price_source") == {"history": 96}
    assert alone.findings("price_sources_differ") == []


@pytest.mark.slow
def test_a_history_stands_before_what_award_rows_state(tmp_path):
    history = {"DAMASMCPC_2022.csv": text(WIDE, [f"{small.DAY},{hour:02d}:00,N,3,6,7,2," for hour in range(1, 13)])}
    oak = Oak(tmp_path, history, without=("DAMCPCNP4188",))
    assert oak.sources("as_revenue", "mcpc_source", product="regup") == {"history": 12, "stated": 12}
    assert oak.usd[2] == (3 + 1) * (6 * 12 + 5 * 12)


# --- a year without a price report ------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def market(tmp_path_factory) -> World:
    """Twelve days around RTC+B, as reports, settled."""
    folder, plan = tmp_path_factory.mktemp("sources") / "reports", Plan((2025,), 4, 3, "none")
    with nothing_before(date(2025, 12, 1)):
        simulate(folder, plan.years, plan.batteries, plan.seed, "none", form="reports", last_day=date(2025, 12, 12))
    return rolled_up(World(folder, plan, "reports"))


def rolled_up(world: World) -> World:
    assert (done := roll_up_reports(world.settings)).refused == []
    assert [own.manifest["refused"] for own in done.built] == [[]] * len(done.built)
    world.settle()
    return world


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_histories_alone_give_the_dollars_of_reports_labelled_and_both_settlements_agree(market, tmp_path, form):
    shutil.copytree(market.folder / "reports", tmp_path / "reports")
    as_histories(tmp_path / "reports", 2025, form)
    world = rolled_up(replace(market, folder=tmp_path))
    for board in ("leaderboard", "leaderboard_monthly"):
        one, other = market.table(board, 2025), world.table(board, 2025)
        keys = ["battery"] if board == "leaderboard" else ["month", "battery"]
        assert differences(one, other, keys, [name for name in one if name not in {*keys, "notes"}]) == []
    assert board_differences(world, 2025, world.settled_again(2025)) == []
    prices, services = world.table("bess_prices", 2025), world.table("as_revenue", 2025)
    assert set(prices["rt_price_source"].dropna()) == set(prices["da_price_source"].dropna()) == {"history"}
    assert set(services["mcpc_source"].dropna()) == {"history"}
    assert set(services["rt_mcpc_source"].dropna()) == {"history"}
    shares = "day-ahead energy (100.00% history), real-time energy (100.00% history), day-ahead AS (100.00% history)"
    assert world.table("leaderboard", 2025)["notes"].str.contains(shares, regex=False).all()
    assert f'<p class="remark">Prices of {shares}.</p>' in page_html(read_content(world.settings, 2025))
    assert "Prices of" not in page_html(read_content(market.settings, 2025))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_corrected_run_prices_and_real_time_clearing_prices_are_used_by_both_settlements(market, tmp_path):
    shutil.copytree(market.folder / "reports", tmp_path / "reports")
    found, day = ReportFolder(tmp_path / "reports", 2025).reports, "12/08/2025"
    for dataset in ("SCED_AS_prices", "RT_AS_prices"):
        parts = [pd.read_csv(io.BytesIO(report.content()), dtype=str) for report in found[dataset]]
        rows = pd.concat([part[part.iloc[:, 0].str.startswith(day)] for part in parts], ignore_index=True)
        rows["MCPCCorrected"] = rows["MCPC"].astype(float) + 10.0
        rows.rename(columns={"MCPC": "MCPCOriginal"}).to_csv(tmp_path / f"reports/NP4-197_{dataset}.csv", index=False)
    world = rolled_up(replace(market, folder=tmp_path))
    assert board_differences(world, 2025, world.settled_again(2025)) == []
    keys = ["battery", "product", "interval_start"]
    both = market.table("as_revenue", 2025).merge(world.table("as_revenue", 2025), on=keys, suffixes=("", "_new"))
    corrected = both["operating_day"] == date(2025, 12, 8)
    assert set(both["rt_mcpc_source_new"][corrected]) == {"correction"}
    assert "correction" not in set(both["rt_mcpc_source_new"][~corrected])
    moved = (both["rt_usd_new"] - both["rt_usd"]).fillna(0.0)
    # a run goes on beyond midnight: only what lies between 01:00 and 23:00 has corrected prices alone
    first, last = pd.Timestamp("2025-12-08 07:00", tz="UTC"), pd.Timestamp("2025-12-09 05:00", tz="UTC")
    hour = pd.Timedelta(hours=1)
    assert moved[~both["interval_start"].between(first - hour, last + hour)].abs().max() < 1e-6
    # 10 $ more for what real time awarded, and 10 $ more to buy the day-ahead award back
    inside, runs = both["interval_start"].between(first, last, inclusive="left"), market.table("bess_dispatch", 2025)
    runs = runs[runs["interval_start"].between(first, last, inclusive="left")]
    awarded = sum(runs[f"{p}_rt_award_mw"].sum() for p in ("regup", "regdn", "rrs", "ecrs", "nspin")) / 4
    assert moved[inside].sum() == pytest.approx(10.0 * (awarded - both["award_mw"][inside].sum()))


@pytest.mark.slow
def test_a_made_up_market_of_histories_and_corrections_is_settled_alike_by_both_and_as_if_it_had_reports(tmp_path):
    plan, days = Plan((2025,), 4, 3, "harmless"), {"form": "reports", "last_day": date(2025, 11, 21)}
    worlds = {prices: World(tmp_path / prices, plan, "reports") for prices in ("reports", "histories")}
    for prices, world in worlds.items():
        with nothing_before(date(2025, 11, 19)):
            simulate(world.folder, plan.years, plan.batteries, plan.seed, "harmless", prices=prices, **days)
        rolled_up(world)
    world = worlds["histories"]
    found = world.table("bess_prices", 2025)
    labels = {column: set(found[column].dropna()) for column in found if column.endswith("_source")}
    assert labels["da_price_source"] == labels["rt_price_source"] == {"history", "correction"}
    assert board_differences(world, 2025, world.settled_again(2025)) == []
    for name in ("leaderboard", "leaderboard_monthly"):
        plain = [w.table(name, 2025).drop(columns=["notes"]) for w in worlds.values()]
        assert plain[0].equals(plain[1])
