"""Results beside totals of others: files of the fleet and of AS procured, ERCOT's dashboard as saved, and day-ahead $/MW of all ESRs."""

import csv
import io
import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from bess_assets.checks import outside
from bess_assets.checks.outside import beside_fleet, beside_procured, by_month, esr_usd_per_mw
from bess_assets.cli import main
from bess_assets.errors import InputError
from bess_assets.settings import Settings
from bess_assets_tests.real import settle as settle_real
from bess_assets_tests.settlement.small import (
    AFTER,
    Market,
    clearing,
    dam_esr,
    esr_telemetry,
    prices,
    renamed,
    rt_clearing,
    settle,
    together,
    without,
)

SECOND = AFTER + timedelta(days=1)
SERVICES = {"REGUP": 5.0, "REGDN": 3.0, "RRS": 7.0, "ECRS": 6.0, "NSPIN": 2.0}


def two_days() -> Market:
    """Two days of two batteries of 10 MW, limited to 8 on the second day: each buys 4 MW at 30 $, holds 5 MW of regulation up at 5 $, and discharges 2 MW."""
    one = {
        "dam_esr_resources": [
            *dam_esr(AFTER, award_mw=-4.0, regup_award_mw=5.0),
            *dam_esr(SECOND, award_mw=-4.0, regup_award_mw=5.0, hsl_mw=8.0),
        ],
        "sced_esr_resources": [row for day in (AFTER, SECOND) for row in esr_telemetry(day, 2.0, regup_award_mw=5.0)],
    }
    return together(
        one,
        renamed(one, "ELM_ESR1"),
        *(prices(day, 30.0, 40.0) for day in (AFTER, SECOND)),
        *(of(day, **SERVICES) for day in (AFTER, SECOND) for of in (clearing, rt_clearing)),
    )


def settled(folder: Path, market: Market) -> Settings:
    return settle(folder, 2025, market, until="leaderboard").settle(["dam_awards_daily"]).settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Those two days."""
    return settled(tmp_path_factory.mktemp("two"), two_days())


def test_the_esrs_of_a_month_are_their_day_ahead_money_over_each_ones_highest_limit(settings: Settings) -> None:
    # two batteries, two days: 24 h x (-4 x 30 + 5 x 5) $ each; 10 MW is the highest limit of each
    assert esr_usd_per_mw(settings, 2025) == {12: (pytest.approx(2 * 2 * 24 * (-120 + 25) / 20), 1.0)}
    (row,) = outside.beside_esr_months(settings, 2025)
    assert (row.period, row.others, row.ours) == ("2025-12", 479.0229, pytest.approx(-456.0))
    assert outside.beside_esr_months(settings, 2024) == []


@pytest.mark.real
def test_eleven_real_rows_give_their_money_over_their_limits(real_pack: Callable[[str], Path], tmp_path: Path) -> None:
    (path,) = (real_pack("2025-12-06-dam-esr") / "reports").glob("*.csv")
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    target = tmp_path / "rollups" / "DAM_ESR_Resources" / "2026.parquet"
    target.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), target)
    real = settle_real(tmp_path / "home", 2025, tmp_path / "rollups")
    limits = rows.assign(hsl=pd.to_numeric(rows["HSL"])).groupby("Resource Name")["hsl"].max()
    # the value of each row by the pack; prices are those that the rows state
    values = [0.0, 210.585, 301.44, -1772.55, -2485.99, -1492.27, -2969.39, 2362.30, 4922.12, 732.88, 2213.06]
    found = esr_usd_per_mw(real.settings, 2025)
    assert {month: usd for month, (usd, _) in found.items()} == {
        12: pytest.approx(sum(values) / limits.sum(), abs=0.001)
    }


def test_days_of_the_fleet_stand_beside_those_of_a_file(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"Day,Charge_MWh,discharge_mwh,source\n{AFTER},-12.5,100,x\n{SECOND},,96,x\n2024-11-01,1,1,x\n")
    rows = beside_fleet(settings, 2025, [file])
    assert [(row.what, row.period, row.others) for row in rows] == [
        ("fleet charge", "2025-12-06", 12.5),
        ("fleet discharge", "2025-12-06", 100.0),
        ("fleet discharge", "2025-12-07", 96.0),
    ]
    assert [row.ours for row in rows] == pytest.approx([0.0, 96.0, 96.0], abs=0.6)
    assert rows[1].known_share == pytest.approx(1.0)
    charge, discharge = by_month(rows)
    assert (charge.period, discharge.others) == ("2025-12", 196.0)
    assert discharge.ratio == pytest.approx(192 / 196, abs=0.01)


def test_whole_days_of_the_dashboard_are_read_as_it_was_saved(settings: Settings, tmp_path: Path) -> None:
    def values(day: date, count: int) -> dict:
        minutes = [timedelta(minutes=5 * n) for n in range(count)]
        stamps = [f"{day} {str(at).zfill(8)}-0600" for at in minutes]
        rows = [{"timestamp": stamp, "totalCharging": -6.0, "totalDischarging": 4.0, "netOutput": -2.0} for stamp in stamps]  # fmt: skip
        return {"data": rows}

    file = tmp_path / "energy-storage-resources.json"
    file.write_text(json.dumps({"previousDay": values(AFTER, 288), "currentDay": values(SECOND, 100)}))
    charge, discharge = beside_fleet(settings, 2025, [file])
    assert (charge.period, charge.others, discharge.others) == ("2025-12-06", pytest.approx(144.0), pytest.approx(96.0))
    file.write_text('{"previousDay": {"data": [{"timestamp": 5}]}}')
    with pytest.raises(InputError, match="is no answer of the dashboard"):
        beside_fleet(settings, 2025, [file])


def test_awards_stand_beside_what_was_procured(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "procured.csv"
    file.write_text(f"day,product,procured_mwh\n{AFTER},REGUP,480\n{AFTER},nspin,48000\n")
    regup, nspin = beside_procured(settings, 2025, file)
    assert (regup.what, regup.ours, regup.ratio) == ("regup awards", pytest.approx(2 * 24 * 5.0), pytest.approx(0.5))
    assert (nspin.ours, nspin.known_share) == (0.0, 1.0)


def test_a_day_and_product_with_an_empty_cell_is_unknown_and_not_less(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "procured.csv"
    file.write_text(f"day,product,procured_mwh\n{AFTER},regup,240\n{AFTER},regup,\n{AFTER},rrs,\n{AFTER},nspin,10\n")
    assert [row.what for row in beside_procured(settings, 2025, file)] == ["nspin awards"]


def test_dollars_of_a_month_say_of_what_share_of_its_hours_they_are(tmp_path: Path) -> None:
    lacking = without(two_days(), "da_prices", lambda row: row["operating_day"] == AFTER and row["hour_ending"] <= 12)
    (row,) = outside.beside_esr_months(settled(tmp_path, lacking), 2025)
    assert row.ours == pytest.approx(2 * (36 * -120 + 48 * 25) / 20)
    assert row.known_share == pytest.approx(36 / 48)


@pytest.mark.parametrize(("text", "problem"), [
    ("day,charge_mwh\n", "has no column discharge_mwh"),
    ("day,charge_mwh,discharge_mwh\n1.12.2025,1,1\n", "'1.12.2025' for a day in line 2"),
    ("day,charge_mwh,discharge_mwh\n2025-12-06,many,1\n", "'many' for a number in line 2"),
    ("day,charge_mwh,discharge_mwh\n2025-12-06,nan,1\n", "'nan' for a number in line 2"),
    ("day,charge_mwh,discharge_mwh\n2025-12-06,1,1\n2025-12-06,2,2\n", "has 2025-12-06 again in line 3"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_its_line(settings, tmp_path, text, problem) -> None:
    (tmp_path / "fleet.csv").write_text(text)
    with pytest.raises(InputError, match=problem):
        beside_fleet(settings, 2025, [tmp_path / "fleet.csv"])
    (tmp_path / "procured.csv").write_text("day,product,procured_mwh\n2025-12-06,FRRS,1\n")
    with pytest.raises(InputError, match="names the product 'frrs' in line 2"):
        beside_procured(settings, 2025, tmp_path / "procured.csv")


def test_the_command_shows_months_and_has_days_as_csv(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(f"day,charge_mwh,discharge_mwh\n{AFTER},1,100\n{SECOND},1,96\n")
    asked = ["--home", str(settings.home), "reconcile", "2025", "--fleet", str(file)]
    environment = {"COLUMNS": "140", "BESS_ROLLUPS": str(settings.rollups)}
    shown = CliRunner(env=environment).invoke(main, asked)
    (line,) = (line.split() for line in shown.stdout.splitlines() if line.startswith("fleet discharge"))
    assert line[2:4] == ["2025-12", "MWh"]
    assert line[5] == "196.0"
    assert "-456.0" in shown.stdout
    assert "no figure is corrected by it" in " ".join(shown.stdout.split())
    rows = list(csv.DictReader(io.StringIO(CliRunner(env=environment).invoke(main, [*asked, "--format", "csv"]).stdout)))  # fmt: skip
    assert [row["period"] for row in rows if row["what"] == "fleet discharge"] == [str(AFTER), str(SECOND)]
