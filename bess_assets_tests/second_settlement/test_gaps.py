"""Gaps of 20 hours, 3 days and 5 months planted in the rows of single batteries, at the start, in the middle and at the end of a year."""

from collections import Counter
from itertools import product
from pathlib import Path

import pytest

from bess_assets.simulator.calendar import operating_year
from bess_assets.simulator.fleet import make_fleet
from bess_assets_tests.worlds import Plan, World, board_differences, make, published, some

HOURS = {"20 hours": 20, "3 days": 72, "5 months": 151 * 24}
ALL_YEAR = {
    "ordinary",
    "shares_node_first",
    "shares_node_second",
    "out_for_weeks",
    "missing_node_price",
    "changes_node",
    "missing_load_rows",
    "keeps_name",
}


def _planted(folder: Path, dataset: str, year: int) -> tuple[World, dict[str, tuple[int, int]]]:
    """A market in whose dataset each of nine batteries lacks the rows of a gap, settled; and the first hour and the length of each gap."""
    plan, calendar = Plan((year,), 13, seed=1, hazards="flawless"), operating_year(year)
    batteries = [b for b in make_fleet(plan.years, 13, 1).batteries if b.role in ALL_YEAR and b.first_day.year < year]
    count = len(calendar.hours)
    gaps = {
        battery.key: ({"start": 0, "middle": 4_400, "end": count - hours}[place], hours)
        for battery, (place, hours) in zip(batteries, product(("start", "middle", "end"), HOURS.values()), strict=True)
    }
    side = "esr" if "ESR" in dataset else "load" if "Load" in dataset else "gen"
    names = {getattr(battery, side): gaps[battery.key] for battery in batteries}

    def kept(rows):
        first, hours = names.get(rows.name, (0, 0)) if rows.dataset == dataset else (0, 0)
        begin = calendar.start + 3_600 * first
        return (rows.times < begin) | (rows.times >= begin + 3_600 * hours)

    with published(kept):
        return make(folder, plan), gaps


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("dataset", "year"), [("DAM_Gen_Resources", 2024), ("DAM_Load_Resources", 2024), ("DAM_ESR_Resources", 2026)]
)
def test_day_ahead_rows_absent_for_over_a_day_are_unknown_and_noted_and_for_less_no_award(tmp_path, dataset, year):
    world, gaps = _planted(tmp_path, dataset, year)
    awards = world.table("bess_awards", year)
    notes = world.table("leaderboard", year).set_index("battery")["notes"].fillna("").str.replace(",", "")
    column = "regup_load_award_mw" if "Load" in dataset else "award_mw"
    for battery, (first, hours) in gaps.items():
        mine = awards[awards["battery"] == battery].sort_values("interval_start").reset_index(drop=True)
        gap = mine.loc[first : first + hours - 1]
        unknown = hours > 24
        assert Counter(mine["row_gap"].dropna()) == ({"unknown": hours} if unknown else {}), battery
        assert (gap["row_gap"] == "unknown").all() == unknown
        assert gap[column].isna().all() if unknown else (gap[column] == 0.0).all()
        assert mine[column].drop(gap.index).notna().all()
        assert (f"no day-ahead row in {hours} hours" in notes[battery]) == unknown
    wrong = board_differences(world, year, world.settled_again(year))
    assert not wrong, some(wrong)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("dataset", "year"), [("SCED_Gen_Resources", 2023), ("SCED_Load_Resources", 2024), ("SCED_ESR_Resources", 2026)]
)
def test_energy_is_unknown_and_counted_where_telemetry_rows_are_absent_for_however_long(tmp_path, dataset, year):
    world, gaps = _planted(tmp_path, dataset, year)
    ledger, flows = world.table("energy_revenue", year), world.table("bess_dispatch", year)
    keys = ["battery", "interval_start"]
    ledger = ledger.merge(flows[[*keys, "discharge_source"]], on=keys, validate="one_to_one")
    for battery, (first, hours) in gaps.items():
        mine = ledger[ledger["battery"] == battery].sort_values("interval_start").reset_index(drop=True)
        unknown = mine.index[mine["rt_usd"].isna()]
        metered = mine["discharge_source"].eq("smne") & ("Gen" in dataset)
        gap = set(range(4 * first, 4 * (first + hours))) - set(mine.index[metered])
        # the last reading is held, and the first after the gap begins within its quarter-hour
        assert set(unknown) <= gap
        assert len(unknown) >= len(gap) - 2
        assert mine.loc[unknown, "energy_usd"].isna().all()
    wrong = board_differences(world, year, world.settled_again(year))
    assert not wrong, some(wrong)
