"""What a check is, and how it looks at a table that was just written.

Belongs here: `Check`, `Judged`, asking the written files a question.
Does not: any one check.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bess_assets.ercot.step import Finding, Verdict
from bess_assets.settings import Settings
from bess_assets.store.made_up import made_up_inputs
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES, Table

if TYPE_CHECKING:
    from bess_assets.results.engine import Engine

NAMES_SHOWN = 5
"""How many of what is wrong a detail names; its numbers count them all."""
QUESTION_SECONDS = 600.0
"""A check's question may take as long: the timeout of the user's queries must not fail a year of real size on a busy machine."""


@dataclass(frozen=True)
class Judged:
    """A table that was just written, and what its step said of it.

    Attributes:
        settings: where it and its upstream tables lie.
        year: the operating year; None for a merged table.
        table: its declaration.
        rows: rows of the file.
        findings: of its step.
        mismatches: of its step.
        verdicts: of its step.
    """

    settings: Settings
    year: int | None
    table: Table
    rows: int
    findings: Sequence[Finding] = ()
    mismatches: Sequence[str] = ()
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

    @property
    def operating_year(self) -> int:
        """The year of a yearly table."""
        if self.year is None:
            raise TypeError(f"{self.table.name} merges all years: it has no year of its own")
        return self.year

    def path(self, table_name: str) -> Path:
        """File of a result table of the year."""
        return result_path(self.settings.results, table_name, self.year)

    def has(self, *table_names: str) -> bool:
        """Whether the files of these tables are there."""
        return all(self.path(name).is_file() for name in table_names)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a SELECT in which `{name}` stands for the file of the result table of that name.

        Raises:
            BessError: a file is damaged, or the question takes too long or too much memory.
        """
        from bess_assets.results.engine import literal  # noqa: PLC0415  duckdb: `bess status` knows checks without it

        names = {name: f"read_parquet({literal(self.path(name))})" for name in TABLES}
        (answer,) = _engine(self.settings).ask(sql.format(**names))
        return list(answer.rows)

    @property
    def is_made_up(self) -> bool:
        """Whether the rollups, or the reports that they were built from, are simulated."""
        return made_up_inputs(self.settings)


@lru_cache(maxsize=1)
def _engine(settings: Settings) -> "Engine":
    # One for all tables of a refresh: opening DuckDB takes longer than most questions.
    from bess_assets.results.engine import Engine  # noqa: PLC0415

    return Engine(replace(settings, query_timeout_seconds=max(settings.query_timeout_seconds, QUESTION_SECONDS)))


@dataclass(frozen=True)
class Check:
    """A check that is reported with a table.

    Attributes:
        name: a sentence, as an identifier.
        meaning: what it holds, and what it means where it does not.
        judge: says what it found.
        remedy: what to do where it does not hold.
        blocking: whether what comes after waits for it to pass.
    """

    name: str
    meaning: str
    judge: Callable[[Judged], Verdict]
    remedy: str
    blocking: bool = False


def step_check(name: str, meaning: str, remedy: str) -> Check:
    """A warning whose verdict only the step can give, since what it compares is not kept."""

    def judge(judged: Judged) -> Verdict:
        return judged.verdicts.get(name) or Verdict(passed=False, detail="its step did not say")

    return Check(name, meaning, judge, remedy)


def some(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
