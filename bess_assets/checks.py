"""What is checked of each result table once it is written, and what was found.

Belongs here: every check that is reported with a table, declared once: its sentence, whether it blocks, how it judges.
Does not: hard invariants, which hold before a file may exist (storage.py; the first two checks say that they held), the second settlement
(validation/), showing checks in Dagster (assets/).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bess_assets.market.editions import FINAL_CHECK
from bess_assets.market.step import Finding, StepResult, Verdict
from bess_assets.records import CheckEntry
from bess_assets.settings import Settings
from bess_assets.tables import Table

KEYS_CHECK = "keys_are_unique"
SUMS_CHECK = "parts_sum_to_totals"
FINDINGS_CHECK = "no_figure_is_affected_by_a_finding"
COLUMNS_CHECK = "columns_are_those_that_ercot_published"
CHANGES_CHECK = "columns_changed_only_where_ercot_changed_them"


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


@dataclass(frozen=True)
class Check:
    """A check that is reported with a table.

    Attributes:
        name: a sentence, as an identifier.
        meaning: what it holds, and what it means where it does not.
        judge: says what it found.
        blocking: whether what comes after waits for it to pass.
    """

    name: str
    meaning: str
    judge: Callable[[Judged], Verdict]
    blocking: bool = False


def _keys(judged: Judged) -> Verdict:
    detail = f"{judged.rows:,} rows, no {' + '.join(judged.table.key)} twice"
    return Verdict(passed=True, detail=detail, numbers={"rows": judged.rows})


def _sums(judged: Judged) -> Verdict:
    detail = "; ".join(f"{total} = {' + '.join(parts)}" for total, parts in judged.table.sums)
    return Verdict(passed=True, detail=detail, numbers={"rows": judged.rows})


def _findings(judged: Judged) -> Verdict:
    warnings = [finding for finding in judged.findings if finding.warning]
    detail = "; ".join(f"{f.kind} {f.subject}: {f.count:,}" for f in warnings) or "no warning"
    return Verdict(passed=not warnings, detail=detail, numbers={"findings_affecting_figures": len(warnings)})


def _mismatches(judged: Judged) -> Verdict:
    detail = "; ".join(judged.mismatches) or "no mismatch"
    return Verdict(passed=not judged.mismatches, detail=detail, numbers={"mismatches": len(judged.mismatches)})


def _moved_once_final(judged: Judged) -> Verdict:
    return judged.verdicts[FINAL_CHECK]


_KEYS = Check(
    KEYS_CHECK,
    "No key stands twice. Held before the file may exist: a table that breaks it is not written, and its step fails.",
    _keys,
    blocking=True,
)
_SUMS = Check(
    SUMS_CHECK,
    "Known parts add up to their total. Held before the file may exist: a table that breaks it is not written, and its step fails.",
    _sums,
    blocking=True,
)
_FINDINGS = Check(
    FINDINGS_CHECK,
    "Nothing was found in the inputs that may affect a figure. A warning: the findings of the materialization say what it was.",
    _findings,
)
_OWN: dict[str, tuple[Check, ...]] = {
    "rollup_schemas": (
        Check(
            COLUMNS_CHECK,
            "Every rollup file can be read and has the columns that ERCOT published then, filled and of a type that can be read, and no unknown one. "
            "A warning: it names dataset, file and column.",
            _mismatches,
        ),
    ),
    "column_availability": (
        Check(
            CHANGES_CHECK,
            "From year to year no column that is read, and no unknown one, appeared, vanished or changed type or heading, unless ERCOT made the change. "
            "A warning: it names dataset, year and column.",
            _mismatches,
        ),
    ),
    "what_changed": (
        Check(
            FINAL_CHECK,
            "No figure of a year moved after the year was final. A warning: it names the batteries that moved, by how much, and because of which input. "
            "It stands until the next edition.",
            _moved_once_final,
        ),
    ),
}
"""Checks of one table alone, by table."""


def checks_of(table: Table) -> list[Check]:
    """The checks that are reported with a table, in the order in which they are shown."""
    sums = [_SUMS] if table.sums else []
    return [_KEYS, *sums, _FINDINGS, *_OWN.get(table.name, ())]


def judge_table(settings: Settings, year: int | None, table: Table, result: StepResult, rows: int) -> list[CheckEntry]:
    """What each check of a table that was just written found, as it stands in the run record."""
    judged = Judged(settings, year, table, rows, result.findings.items, result.mismatches, result.verdicts)
    entries = []
    for check in checks_of(table):
        verdict = check.judge(judged)
        entries.append(
            CheckEntry(
                name=check.name,
                passed=verdict.passed,
                blocking=check.blocking,
                detail=verdict.detail,
                numbers=dict(verdict.numbers),
            )
        )
    return entries
