"""ERCOT's reports and their documents: names of files, the operating day of a document, and which documents a year needs."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bess_assets.ercot.datasets import DATASETS
from bess_assets.ercot.publications import (
    PUBLICATIONS,
    Document,
    day_of,
    document_of,
    documents_of_year,
    file_name,
    missing_days,
    publications_of,
)
from bess_assets.ercot.reports import datasets_named, post_time_ms

ROOT = Path(__file__).resolve().parents[2]
BY_ID = {publication.emil: publication for publication in PUBLICATIONS}
DAM, RT_SPP, DA_SPP = BY_ID["NP3-966-ER"], BY_ID["NP6-905-CD"], BY_ID["NP4-190-CD"]


def disclosed(number: int, posted: datetime, name: str = "60_Day_DAM_Disclosure") -> Document:
    return Document(number, name, posted)


def test_the_page_on_the_data_names_each_report_with_its_type_and_title():
    page = (ROOT / "docs" / "get-the-data.md").read_text(encoding="utf-8")
    rows = [f"| {p.emil} | {p.type_id or ''} | {p.title} |".replace("|  |", "| |") for p in PUBLICATIONS]
    assert [row for row in rows if row not in page] == []


def test_every_dataset_that_a_figure_is_made_of_is_fetched():
    fetched = {name for publication in PUBLICATIONS for name in publication.datasets}
    assert fetched == {name for name, dataset in DATASETS.items() if not dataset.in_no_figure}


def test_a_file_is_named_as_ercot_names_it_and_says_document_post_time_and_dataset():
    document = disclosed(1_012_345_678, datetime(2026, 2, 23, 5, 1, 49, 776_000))
    name = file_name(DAM, document)
    assert name == "rpt.00013051.0000001012345678.20260223.050149776.60_Day_DAM_Disclosure.zip"
    assert document_of(name) == document
    assert post_time_ms(name) == int(datetime.fromisoformat("2026-02-23T05:01:49.776-06:00").timestamp() * 1000)
    assert {dataset.name for dataset in datasets_named(name)} >= set(DAM.datasets)


@pytest.mark.parametrize("name", [
    "rpt.00013051.0000000000000000.20260223.050149776.60_Day_DAM_Disclosure.zip",
    "60d_DAM_Gen_Resource_Data-23-FEB-26.csv",
    ".rpt.00013051.0000001012345678.20260223.050149776.x.zip.77-1234.tmp",
])  # fmt: skip
def test_a_file_placed_by_hand_or_half_written_is_no_fetched_document(name):
    assert document_of(name) is None


@pytest.mark.parametrize(("publication", "name", "posted", "day"), [
    (DAM, "60_Day_DAM_Disclosure", datetime(2026, 3, 1, 5), date(2025, 12, 31)),
    (DA_SPP, "DAMSPNP4190_csv", datetime(2025, 12, 31, 12, 31), date(2026, 1, 1)),
    (RT_SPP, "SPPHLZNP6905_20251231_2400", datetime(2026, 1, 1, 0, 1), date(2025, 12, 31)),
    (RT_SPP, "SPPHLZNP6905_20260101_0000_csv", datetime(2026, 1, 1, 0, 1), date(2025, 12, 31)),
    (RT_SPP, "SPPHLZNP6905_20260101_0015_csv", datetime(2026, 1, 1, 0, 16), date(2026, 1, 1)),
    (RT_SPP, "SPPHLZNP6905", datetime(2026, 1, 1, 0, 1, 30), date(2025, 12, 31)),
])  # fmt: skip
def test_the_operating_day_of_a_document_at_the_edge_of_a_year(publication, name, posted, day):
    assert day_of(publication, Document(1, name, posted)) == day


def test_of_a_history_the_newest_of_the_year_is_needed():
    history = BY_ID["NP4-181-ER"]
    listed = [
        Document(1, "DAMASMCPC_2024", datetime(2024, 12, 30)),
        Document(2, "DAMASMCPC_2024", datetime(2025, 1, 6)),
        Document(3, "DAMASMCPC_2025", datetime(2025, 1, 6)),
        Document(4, "DAMASMCPC", datetime(2023, 1, 6)),
    ]
    assert [d.number for d in documents_of_year(history, 2024, listed)] == [4, 2]


def test_corrections_of_a_year_are_those_posted_in_it_and_in_the_year_after():
    listed = [Document(year, "RTM_Price_Corrections", datetime(year, 5, 1)) for year in (2023, 2024, 2025, 2026)]
    assert [d.number for d in documents_of_year(BY_ID["NP4-197-M"], 2024, listed)] == [2024, 2025]


def test_a_second_document_of_a_later_day_may_restate_the_year_and_a_single_one_does_not():
    first = datetime(2025, 3, 2, 5)
    listed = [disclosed(n, first + timedelta(days=n)) for n in range(500)]
    restating = disclosed(900, first + timedelta(days=450, hours=3))
    found = {d.number for d in documents_of_year(DAM, 2025, [*listed, restating])}
    assert found == {*range(365), 450, 900}


def test_days_are_missing_once_they_were_due():
    now = datetime(2026, 11, 30, 12)
    there = [disclosed(n, datetime(2026, 3, 2, 5) + timedelta(days=n)) for n in range(260) if n != 7]
    missing = missing_days(DAM, 2026, there, now)
    assert missing[0] == date(2026, 1, 8)
    assert missing[-1] == now.date() - timedelta(days=62)
    assert missing_days(BY_ID["NP6-331-CD"], 2024, [], now) == []


def test_a_report_that_had_not_begun_is_not_asked_for():
    assert "NP6-331-CD" not in {p.emil for p in publications_of([2024])}
    assert "NP6-331-CD" in {p.emil for p in publications_of([2025])}
