"""Zones and substations of nodes from ERCOT's list of settlement points, and the battery table that they fill."""

from pathlib import Path

import pytest

from bess_assets.ercot.settlement_points import Point, read_points
from bess_assets.errors import InputError
from bess_assets.settlement.battery_table import Seen, fill, read_user_table
from bess_assets_tests.made_home import write_home
from bess_assets_tests.test_cli import at_home

HEADING = "ELECTRICAL_BUS,NODE_NAME,PSSE_BUS_NAME,VOLTAGE_LEVEL,SUBSTATION,SETTLEMENT_LOAD_ZONE,RESOURCE_NODE,HUB_BUS_NAME,HUB,PSSE_BUS_NUMBER\n"
ROWS = (
    "B1,N1,P1,138,OAK,LZ_WEST,OAK_RN,,,1\n"
    "B2,N2,P2,138,OAK,LZ_WEST,OAK_RN,,,2\n"
    "B3,N3,P3,345,ELM,LZ_NORTH,ELM_RN,,,3\n"
    "B4,N4,P4,345,ELM2,LZ_SOUTH,ELM_RN,,,4\n"
    "B5,N5,P5,345,ASH,LZ_WEST,,,,5\n"
)


def _list(folder: Path, text: str = HEADING + ROWS) -> Path:
    path = folder / "Settlement_Points_10152026.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_node_has_the_zone_and_substation_of_all_its_buses_and_none_where_they_differ(tmp_path: Path) -> None:
    assert read_points(_list(tmp_path)) == {"OAK_RN": Point("LZ_WEST", "OAK"), "ELM_RN": Point(None, None)}


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="RESOURCE_NODE") as error:
        read_points(_list(tmp_path, "a,b\n1,2\n"))
    assert "NP4-160-SG" in str(error.value)


def test_a_table_keeps_what_it_says_and_gains_rows_for_the_days_on_which_a_battery_is_in_the_data() -> None:
    points = {"OAK_RN": Point("LZ_WEST", "OAK")}
    seen = [
        Seen("OAK_1", "OAK_RN", "2024-03-01", ""),
        Seen("OAK_2", "OAK_RN", "2023-01-01", "2023-06-30"),
        Seen("ELM", None, "2024-01-01", ""),
    ]
    rows = fill([{"battery": "OAK_1", "owner": "Oak", "zone": "mine", "site": ""}], seen, points)
    assert rows[0] == {"battery": "OAK_1", "owner": "Oak", "zone": "mine", "site": "OAK"}
    assert rows[1] == {
        "battery": "OAK_2",
        "valid_from": "2023-01-01",
        "valid_to": "2023-06-30",
        "zone": "LZ_WEST",
        "site": "OAK",
    }
    assert (rows[2]["zone"], rows[2]["site"]) == ("", "")


def test_the_command_prints_a_table_that_can_be_named_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = write_home(tmp_path / "home")
    points = _list(tmp_path, HEADING + "B1,N1,P1,138,ALPHA,LZ_WEST,ALPHA_RN,,,1\n")
    own = tmp_path / "mine.csv"
    own.write_text("battery,Owner\nBRAVO,Elm Power\n", encoding="utf-8")
    monkeypatch.setenv("BESS_REGISTRY", str(own))
    said = at_home(settings.home, "battery-table", "--points", str(points))
    (tmp_path / "new.csv").write_text(said.stdout, encoding="utf-8")
    rows = {row.battery: dict(row.attributes) for row in read_user_table(tmp_path / "new.csv")}
    assert rows["ALPHA_1"] == {"zone": "LZ_WEST", "site": "ALPHA"}
    assert rows["BRAVO"] == {"owner": "Elm Power"}
    assert "1 with a zone" in said.stderr
