"""A check of a table that was just written: its name, its words, and how it asks the written files a question; and those that need no look at the file."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from bess_assets.ercot.step import StepResult, Verdict, some
from bess_assets.errors import NOT_AS_WRITTEN, DamagedError
from bess_assets.settings import Settings
from bess_assets.store.files import ResultTable
from bess_assets.store.paths import result_path
from bess_assets.tables import TABLES, Table

DOUBTFUL = 0.01
"""Share of the fleet that a check which did not pass casts doubt on, where it does not say its own."""


@dataclass(frozen=True)
class Judged:
    """A table that was just written.

    Attributes:
        settings: the home of the table and its upstream tables.
        year: the operating year; 0 for a merged table, whose checks look at no file.
        table: its declaration.
        rows: rows of the file.
        result: of its step: findings, mismatches, and the verdicts that only the step can give.
    """

    settings: Settings
    year: int
    table: Table
    rows: int
    result: StepResult

    def path(self, table_name: str) -> Path:
        """File of a result table of the year."""
        return result_path(self.settings.results, table_name, self.year)

    @contextmanager
    def reading(self, table_name: str) -> Iterator[ResultTable]:
        """A result table of the year, to be read.

        Raises:
            BessError: its file is not there, or cannot be read.
        """
        path = self.path(table_name)
        try:
            yield ResultTable(TABLES[table_name], path)
        except (OSError, pa.ArrowException) as error:
            raise DamagedError(
                f"A result file {NOT_AS_WRITTEN}: {error}",
                file=path,
                remedy=f"Refresh the year: bess refresh {self.year}",
            ) from error

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a SELECT in which `{name}` means the file of the result table of that name, a row for each product where SQL shows it so.

        Raises:
            BessError: a file is damaged, or the question takes too long or too much memory.
        """
        from bess_assets.results.engine import as_rows, engine_of_refresh, literal  # noqa: PLC0415  duckdb: `bess status` knows checks without it

        names = {name: as_rows(table, f"read_parquet({literal(self.path(name))})") for name, table in TABLES.items()}
        (answer,) = engine_of_refresh(self.settings).ask(sql.format(**names))
        return list(answer.rows)


@dataclass(frozen=True)
class Check:
    """A check that is reported with a table.

    Attributes:
        name: a sentence, as an identifier.
        meaning: the rule, and what a breach of it means.
        remedy: what to do after a breach.
        judge: gives the verdict; None where the step of the table gives it, since the rows compared are not kept.
        blocking: True if the tables made from this one wait until it passes.
    """

    name: str
    meaning: str
    remedy: str
    judge: Callable[[Judged], Verdict] | None = None
    blocking: bool = False

    def verdict(self, judged: Judged) -> Verdict:
        """The verdict on a table."""
        return self.judge(judged) if self.judge else judged.result.verdicts[self.name]


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
        phrases, known = [phrase for row in rows for phrase in wrong(*row)], of.format(len(rows))
        detail = f"{len(phrases)} of {known}: {some(phrases)}" if phrases else f"{known}, {right}"
        return Verdict(not phrases, detail, numbers(rows, phrases), share=len(phrases) / max(len(rows), 1))

    return judge


def _held(name: str, rule: str, detail: Callable[[Judged], str]) -> Check:
    """An invariant that the writer has held already."""
    return Check(
        name,
        f"{rule} Held before the file may exist: a table that breaks it is not written, and its step fails.",
        "nothing: a table that breaks it is never written; its step fails and says why",
        lambda judged: Verdict(passed=True, detail=detail(judged), numbers={"rows": judged.rows}),
        blocking=True,
    )


def _findings(judged: Judged) -> Verdict:
    warnings = [finding for finding in judged.result.findings.items if finding.warning]
    detail = "; ".join(f"{f.kind} {f.subject}: {f.count:,}" for f in warnings) or "no warning"
    return Verdict(passed=not warnings, detail=detail, numbers={"findings_affecting_figures": len(warnings)})


def _mismatches(judged: Judged) -> Verdict:
    found = judged.result.mismatches
    words = "; ".join(cause.words for cause in found)
    return Verdict(not found, words or "no mismatch", {"mismatches": len(found)}, found)


KEYS = _held(
    "keys_are_unique",
    "No key occurs twice.",
    lambda judged: f"{judged.rows:,} rows, no {' + '.join(judged.table.key)} twice",
)
SUMS = _held(
    "parts_sum_to_totals",
    "Known parts add up to their total.",
    lambda judged: "; ".join(f"{total} = {' + '.join(parts)}" for total, parts in judged.table.sums),
)
FINDINGS = Check(
    "no_figure_is_affected_by_a_finding",
    "Nothing was found in the inputs that may affect a figure. A warning: the findings of the materialization say what it was.",
    "read the findings; bring missing days or a whole file, then `bess refresh YEAR`",
    _findings,
)
COLUMNS = Check(
    "columns_are_those_that_ercot_published",
    "Every rollup file can be read and has the columns that ERCOT published then, filled and of a type that can be read, and no unknown one. "
    "A warning: it names dataset, file and column.",
    "`bess status --columns` shows the matrix; build the named file again from ERCOT's reports",
    _mismatches,
)
CHANGES = Check(
    "columns_changed_only_where_ercot_changed_them",
    "From year to year no column that is read, and no unknown one, appeared, vanished or changed type or heading, unless ERCOT made the change. "
    "A warning: it names dataset, year and column.",
    "compare the file of the named year with its neighbours; a change of type alone is understood and harmless",
    _mismatches,
)
