"""Checks that need no look at the file: invariants held by the writer, and findings of the code that made the table."""

from collections.abc import Callable

from bess_assets.checks.check import Check, Judged
from bess_assets.ercot.step import Verdict


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
    mismatches = judged.result.mismatches
    return Verdict(not mismatches, "; ".join(mismatches) or "no mismatch", {"mismatches": len(mismatches)})


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
