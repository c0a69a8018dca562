"""Fixtures of the tests of checks: judging a table of a home, writing one to be judged, and spoiling one."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bess_assets.checks import checks_of
from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.step import StepResult, Verdict
from bess_assets.settings import Settings, load_settings
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES
from bess_assets_tests.made_home import write_rows

Judge = Callable[[int, str, Check], Verdict]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with nothing in it."""
    return load_settings(tmp_path / "home", {"BESS_ROLLUPS": str(tmp_path / "rollups")})


@pytest.fixture
def judge(settings: Settings) -> Judge:
    """What a check finds in a table of that home."""

    def judged(year: int, table: str, check: Check) -> Verdict:
        assert check in checks_of(TABLES[table])
        return check.verdict(Judged(settings, year, TABLES[table], 0, StepResult(iter(()))))

    return judged


@pytest.fixture
def found(settings: Settings, judge: Judge) -> Callable[..., Verdict]:
    """Writes rows as a table of that home, and judges it."""

    def written_and_judged(year: int, table: str, rows: list[dict[str, object]], check: Check) -> Verdict:
        write_rows(settings, year, table, rows)
        return judge(year, table, check)

    return written_and_judged


@pytest.fixture
def spoil(settings: Settings) -> Callable[[int, str, Callable[[pa.Table], pa.Table]], None]:
    """Put a spoilt copy in the place of a result file, in row groups of as many rows as its first has: the writer would refuse it."""

    def put(year: int, table: str, change: Callable[[pa.Table], pa.Table]) -> None:
        path = result_path(settings.results, table, year)
        rows = pq.read_metadata(path).row_group(0).num_rows
        pq.write_table(change(pq.read_table(path)), path, row_group_size=rows)

    return put


def numbers_of(verdict: Verdict, *names: str) -> Mapping[str, float | None]:
    """Some of its numbers."""
    return {name: verdict.numbers[name] for name in names}
