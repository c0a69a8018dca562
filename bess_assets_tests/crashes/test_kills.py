"""A refresh that is killed leaves each table as it was or as it becomes, and running it again makes all of it right."""

import random
import time

import pytest

from bess_assets.store.journal import DIED, read_run
from bess_assets.store.status import plan_year
from bess_assets_tests.crashes.small_year import NEW, OLD, YEAR, look, settings_of, timeless, unfinished, wrong

KILLED = -9
RANDOM_KILLS = 60
KILLS_A_ROUND = 10
LATEST = 1.2
"""Kills come up to this many times the length of the last undisturbed refresh."""
LEDGERS = ("bess_awards", "bess_dispatch", "bess_prices", "energy_revenue", "as_revenue", "daily_revenue")


@pytest.mark.slow
def test_the_two_editions_differ_in_every_table_and_each_is_made_twice_alike(expected, home, editions):
    old, new = expected[OLD], expected[NEW]
    assert old.keys() == new.keys()
    # nothing is ranked or estimated in so few days, and outages are as before
    alike = {
        f"{name}/{YEAR}.parquet"
        for name in ("what_changed", "index", "index_intervals", "outages", "attribution", "estimate_monthly")
    }
    assert [path for path in old if old[path] == new[path] and path not in alike] == []
    again = look(settings_of(editions, home(OLD), OLD))
    assert [path for path in old if timeless(path) and again.digests[path] != old[path]] == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kills_at_random_moments_lose_nothing_and_mix_nothing(expected, home, editions, server):
    random_moments = random.Random(20_211_126)
    where, now, target = home(OLD), OLD, NEW
    started = time.monotonic()
    assert server.order(home=str(where), edition=OLD) == 0
    whole = time.monotonic() - started
    killed = survived = 0
    touched: set[str] = set()
    while killed < RANDOM_KILLS:
        settings = settings_of(editions, where, target)
        before = look(settings)
        for _ in range(KILLS_A_ROUND):
            ending = server.order(home=str(where), edition=target, seconds=random_moments.uniform(0, LATEST * whole))
            assert ending in {KILLED, 0}
            killed += ending == KILLED
            after = look(settings)
            assert wrong(before, after, expected[target]) == []
            touched |= {path for path in after.digests if after.digests[path] != before.digests[path]}
            survived += ending == KILLED and bool(read_run(settings.results, YEAR)["unfinished"])
            before = after
        started = time.monotonic()
        assert server.order(home=str(where), edition=target) == 0
        whole = time.monotonic() - started  # a busy machine takes longer, and not for ever
        assert unfinished(settings, look(settings), expected[target]) == []
        now, target = target, now
    print(f"{killed} kills over {whole:.2f} s of a refresh, {survived} of them with tables left to make")
    assert survived > RANDOM_KILLS / 2
    # every table was replaced by some run that was killed; the report's files come last, in a few milliseconds: the next test kills there
    differ = {path for path, digest in expected[OLD].items() if timeless(path) and digest != expected[NEW][path]}
    assert {path for path in differ if "report" not in path} <= touched


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_kill_before_any_rename_leaves_the_file_before_it_and_the_next_ends_right(expected, home, editions, server):
    where = home(OLD)
    now, target = OLD, NEW
    kills = 0
    while True:
        settings = settings_of(editions, where, target)
        before = look(settings)
        ending = server.order(home=str(where), edition=target, rename=kills + 1)
        if ending == 0:
            break
        assert ending == KILLED
        kills += 1
        after = look(settings)
        assert wrong(before, after, expected[target]) == []
        assert len(after.temporary) >= 1  # written, and not yet in its place
        if kills % 5 == 0:
            assert server.order(home=str(where), edition=target) == 0
            assert unfinished(settings, look(settings), expected[target]) == []
            now, target = target, now
    print(f"{kills} kills, one before each rename of a refresh")
    assert kills > 2 * len(LEDGERS)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["energy_revenue", "bess_awards"])
def test_a_kill_while_a_file_is_being_written_leaves_it_to_the_next_run(table, expected, home, editions, server):
    where = home(OLD)
    settings = settings_of(editions, where, NEW)
    before = look(settings)
    assert server.order(home=str(where), edition=NEW, temporary=table) == KILLED
    after = look(settings)
    assert wrong(before, after, expected[NEW]) == []
    assert any(name.startswith(f".{YEAR}.parquet.") for name in after.temporary)
    path = f"{table}/{YEAR}.parquet"
    assert after.digests[path] == before.digests[path]
    plan = plan_year(settings, YEAR)
    assert plan.tables[table].why == (DIED,)
    assert {"leaderboard", table} <= set(plan.to_refresh("failed"))
    assert server.order(home=str(where), edition=NEW) == 0
    assert unfinished(settings, look(settings), expected[NEW]) == []
