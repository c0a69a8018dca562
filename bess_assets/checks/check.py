"""A check of a table that was just written: its name, its words, and how it asks the written files a question."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bess_assets.ercot.step import Finding, Verdict, some
from bess_assets.settings import Settings
from bess_assets.store.made_up import made_up_inputs
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES, Table

if TYPE_CHECKING:
    from bess_assets.results.engine import Engine

QUESTION_SECONDS = 600.0
"""Timeout of a check's question: that of the user's queries would fail a year of real size on a busy machine."""


@dataclass(frozen=True)
class Judged:
    """A table that was just written, with the findings of the code that made it.

    Attributes:
        settings: the home of the table and its upstream tables.
        year: the operating year; None for a merged table.
        table: its declaration.
        rows: rows of the file.
        findings: oddities of the inputs.
        mismatches: differences from the columns that ERCOT published.
        verdicts: verdicts of checks that only that code can give.
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
        """Rows of a SELECT in which `{name}` means the file of the result table of that name.

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
        meaning: the rule, and what a breach of it means.
        remedy: what to do after a breach.
        judge: gives the verdict; None where the code that made the table gives it, since the rows compared are not kept.
        blocking: True if the tables made from this one wait until it passes.
    """

    name: str
    meaning: str
    remedy: str
    judge: Callable[[Judged], Verdict] | None = None
    blocking: bool = False

    def verdict(self, judged: Judged) -> Verdict:
        """The verdict on a table."""
        if self.judge is not None:
            return self.judge(judged)
        return judged.verdicts.get(self.name) or Verdict(passed=False, detail="its step did not say")


def asking(
    sql: str,
    wrong: Callable[..., list[str]],
    of: str,
    right: str,
    numbers: Callable[[list[tuple[Any, ...]], list[str]], dict[str, float | None]],
) -> Callable[[Judged], Verdict]:
    """The judge of a check that asks one question and lists the rows that are wrong.

    Args:
        sql: the question, as of `Judged.ask`.
        wrong: phrases on what is wrong with a row, from its values; empty if nothing is.
        of: words for the rows, with `{}` for their number.
        right: words for no row being wrong.
        numbers: the numbers of the verdict, from the rows and the phrases.
    """

    def judge(judged: Judged) -> Verdict:
        rows = judged.ask(sql)
        phrases = [phrase for row in rows for phrase in wrong(*row)]
        known = of.format(len(rows))
        detail = f"{len(phrases)} of {known}: {some(phrases)}" if phrases else f"{known}, {right}"
        return Verdict(passed=not phrases, detail=detail, numbers=numbers(rows, phrases))

    return judge
