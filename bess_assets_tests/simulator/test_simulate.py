"""What `simulate` writes, as a whole: files by publication year, the same bytes each time, worth the same whatever the spelling."""

import csv
import json
import math
from datetime import date, datetime
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from bess_assets.demo import Market, write_market, write_right_answer
from bess_assets.simulator import Hazards, roles, simulate
from bess_assets.simulator.fleet import make_fleet
from bess_assets.simulator.market_model import MarketYear
from bess_assets_tests.worlds import digests

BATTERIES = 3


def _simulated(folder: Path, hazards: Hazards = "harmless", last_day: date | None = None) -> Path:
    """One small year and its right answer."""
    market = Market((2025,), BATTERIES, 1, hazards, last_day=last_day)
    write_market(folder, market)
    write_right_answer(folder, market)
    return folder


def _board(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "truth" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _simulated(tmp_path_factory.mktemp("clean"), "none")


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _simulated(tmp_path_factory.mktemp("harmless"), "harmless")


@pytest.mark.slow
def test_the_same_arguments_write_the_same_bytes(tmp_path: Path) -> None:
    for name in ("once", "twice"):
        simulate(tmp_path / name, years=(2019,), batteries=1, seed=5, hazards="wild")
    assert digests(tmp_path / "once") == digests(tmp_path / "twice")


@pytest.mark.slow
def test_nothing_is_published_after_the_last_day_asked_for_and_everything_before_is_as_without_it(harmless, tmp_path):
    _simulated(tmp_path, last_day=date(2025, 2, 14))
    whole, cut = (
        {path.relative_to(folder / "rollups"): pq.read_table(path) for path in (folder / "rollups").rglob("*.parquet")}
        for folder in (harmless, tmp_path)
    )
    assert {path.name for path in cut} == {"2025.parquet"}
    path = Path("SCED_Gen_Resources") / "2025.parquet"
    days = pc.unique(pc.utf8_slice_codeunits(cut[path]["SCED Time Stamp"], 0, 10)).to_pylist()
    assert max(days) == "02/14/2025"
    before = pc.less_equal(pc.utf8_slice_codeunits(whole[path]["SCED Time Stamp"], 0, 10), "02/14/2025")
    assert cut[path].num_rows == pc.sum(before).as_py()
    assert {row["data_through"] for row in _board(tmp_path, "leaderboard_2025.csv")} == {"2025-02-14"}
    with pytest.raises(ValueError, match="lies before 2025"):
        simulate(tmp_path, years=(2025,), last_day=date(2024, 12, 31))


def test_another_seed_makes_another_market() -> None:
    markets = [MarketYear(make_fleet((2019,), 1, seed), 2019, seed) for seed in (5, 6)]
    assert (markets[0].system_price[0] != markets[1].system_price[0]).any()
    assert markets[0].fleet != markets[1].fleet


@pytest.mark.slow
@pytest.mark.parametrize("name", ["leaderboard_2025.csv", "leaderboard_monthly_2025.csv"])
def test_hazards_that_lose_nothing_leave_the_right_answer_as_it_is(clean: Path, harmless: Path, name: str) -> None:
    for mine, its in zip(_board(clean, name), _board(harmless, name), strict=True):
        for column, value in mine.items():
            try:
                assert math.isclose(float(value), float(its[column]), rel_tol=1e-12), column
            except ValueError:
                assert value == its[column], column


def test_the_rows_of_each_rollup_are_stated_beside_them(harmless: Path) -> None:
    stated = json.loads((harmless / "rollups" / "expected_rows.json").read_text(encoding="utf-8"))["rows"]
    written: dict[str, dict[str, int]] = {}
    for path in (harmless / "rollups").glob("*/*.parquet"):
        written.setdefault(path.parent.name.lower(), {})[path.stem] = pq.read_metadata(path).num_rows
    assert stated == written
    assert stated["dam_gen_resources"].keys() == {"2025", "2026"}


def test_disclosed_files_are_grouped_by_the_year_of_publication(harmless: Path) -> None:
    stamps = pq.read_table(harmless / "rollups/SCED_Load_Resources/2025.parquet").column("SCED Time Stamp")
    days = {datetime.strptime(text[:10], "%m/%d/%Y").date() for text in pc.unique(stamps).to_pylist()}
    assert (min(days), max(days)) == (date(2025, 1, 1), date(2025, 11, 1))
    later = pq.read_table(harmless / "rollups/SCED_Load_Resources/2026.parquet").column("SCEDTimeStamp")
    assert min(text[:10] for text in later.to_pylist()) == "11/02/2025"
    prices = sorted(path.stem for path in (harmless / "rollups/RT_prices").iterdir())
    assert prices == ["2025"]


def test_headings_and_types_differ_between_files(harmless: Path) -> None:
    folder = harmless / "rollups/DAM_Gen_Resources"
    raw, camel = pq.read_schema(folder / "2025.parquet"), pq.read_schema(folder / "2026.parquet")
    assert "Awarded Quantity" in raw.names
    assert "AwardedQuantity" in camel.names
    assert raw.field("DeliveryDate").type != camel.field("DeliveryDate").type
    assert {"datetime", "hour", "QSE submitted Curve-MW1"} <= set(raw.names)
    assert "Telemetered Net Output " in pq.read_schema(harmless / "rollups/SCED_Gen_Resources/2025.parquet").names


def test_hour_24_stands_on_the_next_day_in_the_useless_datetime(harmless: Path) -> None:
    table = pq.read_table(harmless / "rollups/DA_prices/2025.parquet")
    rows = table.filter(pc.equal(table.column("HourEnding"), "24:00")).slice(0, 1).to_pylist()
    day = rows[0]["DeliveryDate"]
    day = datetime.strptime(day, "%m/%d/%Y").date() if isinstance(day, str) else day
    assert (rows[0]["datetime"].date() - day).days == 1


def test_every_battery_has_a_row_and_its_parts_are_its_total(harmless: Path) -> None:
    board = {row["battery"]: row for row in _board(harmless, "leaderboard_2025.csv")}
    part = roles(BATTERIES, 1, (2025,))
    assert set(board) == set(part.values())
    alone = board[part["without_load_resource"]]
    assert 0.0 < float(alone["energy_coverage"]) < 0.1, "its charging is unknown before RTC+B"
    ordinary = board[part["ordinary"]]
    assert float(ordinary["energy_coverage"]) > 0.95
    parts = [float(ordinary[f"as_{product}_usd"]) for product in ("regup", "regdn", "rrs", "ecrs", "nspin")]
    assert math.isclose(sum(parts) + float(ordinary["energy_usd"]), float(ordinary["total_usd"]))


def test_unknown_arguments_are_refused(tmp_path: Path) -> None:
    for said, argument in (("years", {"years": (2012,)}), ("years", {"years": ()}), ("battery", {"batteries": 0})):
        with pytest.raises(ValueError, match=said):
            simulate(tmp_path, **argument)  # type: ignore[arg-type]
