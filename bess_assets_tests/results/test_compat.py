"""The migration plan's own calls over the results: they give the board's dollars, and say once how to ask now."""

import math
from collections.abc import Iterator

import pandas as pd
import pytest

from bess_assets import compat
from bess_assets.errors import BessError
from bess_assets.results import Results
from bess_assets.settings import Settings
from bess_assets_tests.made_home import ALPHA, BRAVO


@pytest.fixture(autouse=True)
def _home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BESS_HOME", str(settings.home))
    compat._warned.update(compat._NOW)
    yield
    compat._warned.clear()
    for results in compat._opened.values():
        results.close()
    compat._opened.clear()


def test_the_plans_code_for_a_leaderboard_gives_the_dollars_of_the_board(settings: Settings) -> None:
    from bess_assets.compat import bess_registry as registry_of
    from bess_assets.compat import calculate_as_revenue_parquet, calculate_energy_revenue_parquet, classify_strategy

    year, results, bess_registry = 2024, [], registry_of(2024)

    # as the plan has it, but for its path
    for resource in bess_registry:
        energy_rev = calculate_energy_revenue_parquet(resource, year)
        as_rev = calculate_as_revenue_parquet(resource, year)
        capacity_mw = bess_registry[resource]["capacity_mw"]

        results.append({
            "resource_name": resource,
            "capacity_mw": bess_registry[resource]["capacity_mw"],
            "energy_revenue": energy_rev,
            "as_revenue": sum(as_rev.values()),
            "total_revenue": energy_rev + sum(as_rev.values()),
            "revenue_per_mw": (energy_rev + sum(as_rev.values())) / capacity_mw,
            "strategy": classify_strategy(energy_rev, as_rev),
        })  # fmt: skip

    # Sort by total revenue
    leaderboard = pd.DataFrame(results).sort_values("total_revenue", ascending=False)

    with Results(settings) as opened:
        board = opened.leaderboard(2024).to_pandas()
    assert list(leaderboard["resource_name"]) == list(board["gen_resource"])
    for theirs, ours in (("energy_revenue", "energy_usd"), ("as_revenue", "as_usd"), ("total_revenue", "total_usd")):
        assert list(leaderboard[theirs]) == pytest.approx(list(board[ours]), nan_ok=True), theirs
    assert list(leaderboard["revenue_per_mw"]) == pytest.approx(list(board["total_usd"] / 100), nan_ok=True)


@pytest.mark.parametrize("month", [None, 2])
def test_the_leaderboard_in_one_call_has_the_plans_columns_and_order(month: int | None) -> None:
    frame = compat.generate_leaderboard_parquet(2024, month)
    assert tuple(frame.columns) == (
        "resource_name",
        "capacity_mw",
        "energy_revenue",
        "as_revenue",
        "total_revenue",
        "revenue_per_mw",
        "strategy",
    )
    assert list(frame["resource_name"]) == ["ALPHA_UNIT1", "BRAVO", "ZULU_UNIT1"]
    assert list(frame["total_revenue"][:2]) == [ALPHA["total_usd"], BRAVO["total_usd"]]
    assert math.isnan(frame["total_revenue"][2])
    assert list(compat.generate_leaderboard_parquet(2023)["resource_name"]) == ["BRAVO", "ALPHA_UNIT1"]


def test_a_resource_has_any_name_of_its_battery_and_unknown_is_not_a_number() -> None:
    for name in ("ALPHA_1", "alpha_unit1", "ALPHA_LD1"):
        assert compat.calculate_energy_revenue_parquet(name, "2024") == ALPHA["energy_usd"]
    assert compat.calculate_as_revenue_parquet("ALPHA_1", 2024)["RRS"] == ALPHA["as_rrs_usd"]
    assert math.isnan(compat.calculate_energy_revenue_parquet("ZULU_UNIT1", 2024))
    assert compat.classify_strategy(math.nan, {"RRS": 1.0}) is None
    with pytest.raises(BessError, match="No battery is called"):
        compat.calculate_energy_revenue_parquet("NOBODY", 2024)


def test_a_date_range_has_the_total_of_its_days() -> None:
    assert compat.cached_revenue_query("ALPHA_UNIT1", ("2024-01-02", "2024-01-04")) == 2.0 + 3.0 + 4.0
    assert math.isnan(compat.cached_revenue_query("ZULU_UNIT1", ("2024-01-02", "2024-01-04")))


def test_each_call_says_once_how_to_ask_now() -> None:
    compat._warned.clear()
    with pytest.warns(
        FutureWarning, match=r"goes with version 1\.0\. Now: Results\(\)\.leaderboard\(year, month\)"
    ) as said:
        _ = [compat.generate_leaderboard_parquet(2024) for _ in range(2)]
    assert len(said) == 1
    assert said[0].filename == __file__
