"""Nothing is said of what is right."""

from pathlib import Path

import pytest

from bess_assets.checks.comparisons import AGREE, COMPARISONS
from bess_assets.settings import load_settings
from bess_assets.store.journal import read_run
from bess_assets_tests.faults.clean_markets import alarms


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_clean_year_has_no_cause_and_something_for_each_comparison(tmp_path: Path) -> None:
    assert [*alarms(tmp_path, 1, years=(2025,))] == []
    checks = read_run(load_settings(tmp_path, {}).results, 2025)["tables"]["daily_revenue"]["checks"]
    (numbers,) = (check["numbers"] for check in checks if check["name"] == AGREE.name)
    of_two_years = {"seen_before", "capacity_before"}
    assert {row.measure for row in COMPARISONS if not numbers.get(f"{row.measure}_compared")} <= of_two_years


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("seed", "form"), [(18, "rollups"), (19, "reports")])
def test_a_clean_market_has_no_cause(tmp_path: Path, seed: int, form: str) -> None:
    assert [*alarms(tmp_path, seed, years=(2024, 2025, 2026), form=form)] == []  # type: ignore[arg-type]
