"""Files of ours that are not as they were written: each is seen, named with the command that mends it, and mended by it."""

import os
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bess_assets.cli import main
from bess_assets.errors import DamagedError
from bess_assets.results import Results
from bess_assets.run import hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate
from bess_assets.store.paths import result_path, run_record_path
from bess_assets.store.roll_up import roll_up_reports
from bess_assets.store.status import plan_year
from bess_assets.store.verify import Damage, verify
from bess_assets.tables import YEARLY

YEAR = 2021
FLIPS, TRUNCATIONS = 1_000, 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose year was rolled up from reports of some days and settled."""
    home = tmp_path_factory.mktemp("made")
    simulate(home, (YEAR,), 2, 1, "harmless", None, "reports", date(YEAR, 1, 6))
    settings = load_settings(home, {})
    roll_up_reports(settings)
    settle(settings)
    return settings


def settle(settings: Settings) -> None:
    with hold_year(settings, YEAR) as held:
        held.begin([name for name, plan in plan_year(settings, YEAR).tables.items() if plan.state != "present"])
        for name in held.journal.record["unfinished"]:
            held.run_table(name)


@pytest.fixture
def settings(made: Settings, tmp_path: Path) -> Settings:
    """A copy of that home, times and all."""
    shutil.copytree(made.home, tmp_path / "home", ignore=shutil.ignore_patterns("reports", "truth"))
    return load_settings(tmp_path / "home", {"BESS_REPORTS": str(made.reports)})


def bess(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(settings.home), *words], env={"BESS_REPORTS": str(settings.reports)})


def ours(settings: Settings) -> list[Path]:
    """Every file that a refresh and a roll-up wrote, but for locks, marks that a folder is made up, and the links to the pages of all years."""
    every = [*settings.results.rglob("*"), *settings.built.rglob("*")]
    without = {"SIMULATED.json", "index.html"}
    return sorted(p for p in every if p.is_file() and p.name not in without and p.parent.name != "_locks")


def damage(settings: Settings) -> list[Damage]:
    return verify(settings).damage


def test_a_home_as_it_was_written_has_no_damage_and_every_file_of_it_has_a_digest(settings: Settings) -> None:
    looked = verify(settings)
    assert (looked.damage, looked.unknown) == ([], 0)
    assert looked.files == len([path for path in ours(settings) if not path.name.endswith(".manifest.json")])


def flip(path: Path, at: int, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def test_a_flipped_bit_under_the_old_time_is_seen_by_verify_and_then_by_every_plan(settings: Settings) -> None:
    board = result_path(settings.results, "leaderboard", YEAR)
    before = board.stat()
    flip(board, before.st_size // 2, 3)
    os.utime(board, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert plan_year(settings, YEAR).state == "present"
    with Results(settings) as results, pytest.raises(DamagedError, match="leaderboard of 2021 is not the file"):
        results.leaderboard(YEAR)
    (found,) = damage(settings)
    assert (found.file, found.remedy) == (board, f"bess refresh {YEAR} --only failed")
    plan = plan_year(settings, YEAR)
    assert plan.damaged == ("leaderboard/2021.parquet is not as it was written",)
    assert plan.to_refresh("failed")[0] == "leaderboard"
    printed = bess(settings, "verify")
    assert printed.exit_code == 1
    assert f"{board}: is not as it was written" in printed.stderr


def test_a_board_is_not_made_from_a_damaged_table_that_was_made_before(settings: Settings) -> None:
    days = result_path(settings.results, "daily_revenue", YEAR)
    flip(days, days.stat().st_size // 2, 3)
    with hold_year(settings, YEAR) as held, pytest.raises(DamagedError, match="daily_revenue"):
        held.run_table("leaderboard")


def test_a_file_that_no_record_names_and_an_edition_changed_under_a_new_record_are_named(settings: Settings) -> None:
    board = result_path(settings.results, "leaderboard", YEAR)
    shutil.copyfile(board, board.with_name("2020.parquet"))
    (found,) = damage(settings)
    assert (found.problem, found.remedy) == ("no run record names it", "bess refresh 2020")


def kinds(settings: Settings) -> dict[str, list[Path]]:
    def kind(path: Path) -> str:
        return path.parent.name if path.suffix == ".parquet" and "report" not in str(path) else path.suffix

    found: dict[str, list[Path]] = {}
    for path in ours(settings):
        found.setdefault(kind(path), []).append(path)
    return found


def spoilt(settings: Settings, seed: int) -> Iterator[tuple[Path, Callable[[], None], bool]]:
    """Files with a way to spoil each, and whether its size changes; every kind of file in turn."""
    moments = random.Random(seed)
    files = [
        path
        for _ in range(FLIPS + TRUNCATIONS)
        for path in [moments.choice(moments.choice(list(kinds(settings).values())))]
    ]
    for n, path in enumerate(files):
        size = path.stat().st_size
        if n < TRUNCATIONS:
            cut = moments.randrange(size)
            yield path, lambda path=path, cut=cut: os.truncate(path, cut), True  # type: ignore[misc]
        else:
            at, bit = moments.randrange(size), moments.randrange(8)
            yield path, lambda path=path, at=at, bit=bit: flip(path, at, bit), False  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_none_of_a_thousand_flipped_bits_and_forty_truncations_is_unnoticed_and_none_of_a_board_is_shown(
    settings: Settings,
) -> None:
    unnoticed, shown, unplanned = [], [], []
    for path, spoil, resized in spoilt(settings, 20_211_130):
        before, status = path.read_bytes(), path.stat()
        spoil()
        if resized and path.parent.name != "built" and plan_year(settings, YEAR).state == "present":
            unplanned.append(path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        if not any(found.file in {path, path.with_suffix("").with_suffix(".parquet")} for found in damage(settings)):
            unnoticed.append(path)
        if path.parent.name in {"leaderboard", "leaderboard_monthly"}:
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            month = 1 if path.parent.name == "leaderboard_monthly" else None
            with Results(settings) as results:
                try:
                    results.leaderboard(YEAR, month)
                    shown.append(path)
                except DamagedError:
                    pass
        path.write_bytes(before)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (unnoticed, shown, unplanned) == ([], [], [])
    assert damage(settings) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_kind_of_damaged_file_is_mended_by_the_command_that_verify_names(settings: Settings) -> None:
    assert len(kinds(settings)) > 2 * 10
    for files in kinds(settings).values():
        path = files[0]
        flip(path, path.stat().st_size // 2, 1)
        for found in damage(settings):
            done = bess(settings, *found.remedy.split()[1:])
            assert done.exit_code in {0, 1}, done.output
        assert damage(settings) == [], path
        assert {plan.state for plan in plan_year(settings, YEAR).tables.values()} <= {"present", "changed"}, path
    assert set(YEARLY) == set(plan_year(settings, YEAR).tables)
    assert run_record_path(settings.results, YEAR).is_file()
