"""Made-up data are named as such on every surface, and real data are not."""

from pathlib import Path

import pytest

from bess_assets.settings import Settings, load_settings
from bess_assets.store.journal import Journal, read_run, table_entry
from bess_assets.store.made_up import MARKER, NOTE, made_up_inputs, made_up_note, made_up_years
from bess_assets_tests.made_home import ALPHA, write_edition


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with a board of 2024."""
    settings = load_settings(tmp_path, environ={})
    write_edition(settings, 2024, [{**ALPHA, "rank": 1}], {"rt_prices/2024.parquet": "1" * 64})
    return settings


def mark(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("{}", encoding="utf-8")


def record(settings: Settings, table: str, *, made_up: bool | None = None, failed: bool = False) -> None:
    status = "failed" if failed else "ok"
    entry = table_entry(status=status, seconds=0.1, peak_memory_mb=1, inputs={}, made_up=made_up)  # type: ignore[arg-type]
    Journal(settings.results, 2024).put_table(table, entry)


# --- which years are made up


def test_results_carried_away_from_their_inputs_still_say_what_they_are(settings: Settings) -> None:
    mark(settings.rollups)
    write_edition(settings, 2024, [{**ALPHA, "rank": 1, "qse": "QOTHER"}], {"rt_prices/2024.parquet": "2" * 64})
    write_edition(settings, 2023, [{**ALPHA, "rank": 1}], {"rt_prices/2023.parquet": "3" * 64})
    (settings.rollups / MARKER).unlink()
    assert made_up_years(settings) == {2023, 2024}
    assert made_up_note(settings) == made_up_note(settings, [2022, 2023]) == NOTE
    assert made_up_note(settings, [2022]) is None


def test_real_results_beside_a_simulated_market_are_real_until_they_are_made_of_it(settings: Settings) -> None:
    mark(settings.rollups)
    assert made_up_inputs(settings)
    assert made_up_years(settings) == set()
    assert made_up_note(settings, [2024]) is None
    assert made_up_note(settings) == NOTE


def test_a_year_is_made_up_until_every_table_was_made_of_real_inputs(settings: Settings) -> None:
    for table in ("energy_revenue", "leaderboard"):
        record(settings, table, made_up=True)
    record(settings, "energy_revenue", made_up=False)
    assert made_up_years(settings) == {2024}
    record(settings, "leaderboard", failed=True)  # the board of before stays where it is
    Journal(settings.results, 2024).begin(["leaderboard"])
    Journal(settings.results, 2024).fail_unfinished()
    assert read_run(settings.results, 2024)["tables"]["leaderboard"]["status"] == "failed"
    assert made_up_years(settings) == {2024}
    record(settings, "leaderboard", made_up=False)
    assert made_up_years(settings) == set()


def test_a_record_that_does_not_say_is_judged_by_the_folder_of_rollups(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, environ={})
    record(settings, "leaderboard")
    assert made_up_years(settings) == set()
    mark(settings.built)
    assert made_up_years(settings) == {2024}
    (settings.rollups / "RT_Prices").mkdir(parents=True)
    (
        settings.rollups / "RT_Prices" / "2024.parquet"
    ).touch()  # real, so that what was built of made-up reports is not used
    assert made_up_years(settings) == set()
    mark(settings.rollups)
    assert made_up_years(settings) == {2024}
