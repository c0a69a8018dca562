"""The user's battery table: what it may say, and the error for each thing wrong with it."""

from datetime import date
from pathlib import Path

import pytest

from bess_assets.errors import RegistryTableError
from bess_assets.settlement.battery_table import UserRow, read_user_table


def _read(folder: Path, text: str, encoding: str = "utf-8") -> list[UserRow]:
    (folder / "batteries.csv").write_text(text, encoding=encoding)
    return read_user_table(folder / "batteries.csv")


def test_every_column_is_read_and_an_empty_cell_overrides_nothing(tmp_path: Path) -> None:
    oak, elm = _read(
        tmp_path,
        "battery,gen_resource,load_resource,esr_resource,settlement_point,capacity_mw,energy_mwh,valid_from,valid_to,note\n"
        "OAK, OAK_BESS1 ,None,OAK_ESR1,OAK_RN,9.9,19.8,2024-01-01,2025-12-31,two hours\n\nELM,,,,,,,,,\n",
    )
    assert (oak.line, oak.battery) == (2, "OAK")
    assert (oak.gen_resource, oak.load_resource, oak.esr_resource) == ("OAK_BESS1", "none", "OAK_ESR1")
    assert (oak.settlement_point, oak.capacity_mw, oak.energy_mwh, oak.note) == ("OAK_RN", 9.9, 19.8, "two hours")
    assert (oak.valid_from, oak.valid_to) == (date(2024, 1, 1), date(2025, 12, 31))
    assert elm.line == 4
    empty = [elm.gen_resource, elm.load_resource, elm.capacity_mw, elm.energy_mwh, elm.valid_from, elm.note]
    assert empty == [None] * 6


def test_further_columns_are_kept_in_lower_case_where_a_cell_is_filled(tmp_path: Path) -> None:
    oak, elm = _read(tmp_path, "battery,Owner,Contract source,latitude\nOAK, Oak Storage ,10-K 2025,31.5\nELM,,,\n")
    assert dict(oak.attributes) == {"owner": "Oak Storage", "contract_source": "10-K 2025", "latitude": "31.5"}
    assert elm.attributes == ()


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_heading(tmp_path: Path) -> None:
    assert _read(tmp_path, "battery,capacity_mw\nOAK,10\n", "utf-8-sig")[0].capacity_mw == 10.0


SAVED = 'battery,capacity_mw,valid_from,valid_to\nOAK,"1,040.5",1/1/2026,12/31/2026\n'
SAVED_BY_SPREADSHEETS = {
    "as CSV": SAVED.encode(),
    "with semicolons": SAVED.replace(",", ";").replace('"1;040.5"', "1,040.5").encode(),
    "as Unicode text": SAVED.replace(",", "\t").replace('"1\t040.5"', "1,040.5").encode("utf-16"),
    "with empty columns": "".join(f"{line},,\n" for line in SAVED.splitlines()).encode(),
    "with a title": b"My batteries,,,\n" + SAVED.encode(),
    "in the characters of Windows": SAVED.replace("OAK", "N\u00d1U").encode("cp1252"),
}


@pytest.mark.parametrize("content", SAVED_BY_SPREADSHEETS.values(), ids=SAVED_BY_SPREADSHEETS)
def test_a_table_that_a_spreadsheet_saved_is_read_as_it_was(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "batteries.csv").write_bytes(content)
    (row,) = read_user_table(tmp_path / "batteries.csv")
    assert row.battery in {"OAK", "N\u00d1U"}
    assert (row.capacity_mw, row.valid_from, row.valid_to) == (1_040.5, date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize("other", ["31/12/2026", "1/2/2026"])
def test_a_slashed_date_is_read_only_where_the_table_shows_that_the_month_is_first(tmp_path: Path, other: str) -> None:
    with pytest.raises(RegistryTableError, match="the month is first"):
        _read(tmp_path, f"battery,valid_from,valid_to\nOAK,3/4/2026,{other}\n")


def test_a_workbook_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "batteries.csv").write_bytes(b"PK\x03\x04\x81\x00")
    with pytest.raises(RegistryTableError, match="no CSV text"):
        read_user_table(tmp_path / "batteries.csv")


@pytest.mark.parametrize(("text", "words"), [
    ("battery,note\nOAK,sold, then bought back\n", ("Line 2", "more cells")),
    ("battery,mw\nOAK,5\n", ("'mw'", "capacity_mw")),
    ("battery,capacty_mw\nOAK,5\n", ("'capacty_mw'", "capacity_mw")),
    ("battery,Capacity\nOAK,5\n", ("'Capacity'", "capacity_mw")),
    ("battery,QSE\nOAK,Q1\n", ("'QSE'", "public data")),
    ("battery,owner,Owner\nOAK,a,b\n", ("twice",)),
    ("gen_resource\nOAK_BESS1\n", ("no column battery",)),
    ("battery,capacity_mw\n,5\n", ("Line 2", "no battery")),
    ("battery,capacity_mw\nOAK,five\n", ("Line 2", "capacity_mw", "'five'", "above zero")),
    ("battery,energy_mwh\nOAK,1\nELM,-2\n", ("Line 3", "energy_mwh", "'-2'")),
    ("battery,capacity_mw\nOAK,nan\n", ("Line 2", "'nan'")),
    ("battery,capacity_mw\nOAK,inf\n", ("Line 2", "'inf'")),
    ("battery,capacity_mw\nOAK,0\n", ("Line 2", "'0'")),
    ("battery,valid_from\nOAK,12/05/2025\n", ("Line 2", "valid_from", "'12/05/2025'", "2025-12-05")),
    ("battery,valid_from,valid_to\nOAK,2025-02-01,2025-01-31\n", ("Line 2", "ends before it begins")),
    ("battery\nOAK\nOAK\n", ("Lines 2 and 3", "battery 'OAK'", "valid_from")),
    ("battery,gen_resource\nOAK,G1\nELM,G1\n", ("Lines 2 and 3", "gen_resource 'G1'", "column: gen_resource")),
    (
        "battery,valid_from,valid_to\nOAK,,2025-06-30\nELM,,\nOAK,2025-06-30,\n",
        ("Lines 2 and 4", "do not overlap"),
    ),
    ("battery,valid_from,valid_to\nOAK,2025-06-30,\nOAK,,2025-06-30\n", ("Lines 2 and 3", "do not overlap")),
    ("battery,valid_to,valid_from\nOAK,2025-06-30,\nOAK,2025-12-31,2025-01-01\n", ("Lines 2 and 3",)),
    ("battery,valid_to,valid_from\nOAK,,2025-01-01\nOAK,2025-12-31,2025-06-01\n", ("Lines 2 and 3",)),
])  # fmt: skip
def test_what_cannot_be_meant_is_an_error_that_names_line_and_remedy(tmp_path, text, words):
    with pytest.raises(RegistryTableError) as error:
        _read(tmp_path, text)
    assert str(tmp_path / "batteries.csv") in str(error.value)
    for word in words:
        assert word in str(error.value)


def test_a_row_may_hold_for_one_day(tmp_path: Path) -> None:
    (row,) = _read(tmp_path, "battery,valid_from,valid_to\nOAK,2025-06-30,2025-06-30\n")
    days = (date(2025, 6, 29), date(2025, 6, 30), date(2025, 7, 1))
    assert [row.overlaps(day, day) for day in days] == [False, True, False]


def test_rows_that_do_not_overlap_may_speak_of_one_battery_and_none_is_no_resource(tmp_path: Path) -> None:
    rows = _read(
        tmp_path,
        "battery,load_resource,settlement_point,valid_from,valid_to\n"
        "OAK,none,A_RN,,2025-06-30\nOAK,none,B_RN,2025-07-01,\nELM,none,,,\n",
    )
    assert [row.settlement_point for row in rows] == ["A_RN", "B_RN", None]
    assert [row.overlaps(date(2025, 1, 1), date(2025, 6, 30)) for row in rows] == [True, False, True]
