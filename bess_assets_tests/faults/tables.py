"""The catalogue as the tables of docs/reliability.md and docs/methodology.md."""

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bess_assets.checks.comparisons import COMPARISONS
from bess_assets_tests.faults.catalogue import FAULTS, FINDING, Fault
from bess_assets_tests.faults.planting import BATTERIES, CAUSE, YEAR, Outcome

DOCS = Path(__file__).resolve().parents[2] / "docs"
CLEAN = Path(__file__).with_name("clean_markets.json")
"""What the comparisons said of clean markets, and the commit that they ran on."""

WORDS: dict[Outcome, str] = {
    "error": "error",
    "a cause": "a cause",
    "marked": "counted, and the rows marked",
    "cannot be seen": "cannot be seen",
    "no figure changes": "no figure changes",
}
_MEANING: dict[Outcome, str] = {
    "error": "stop with an error that names the file and what is wrong with it; no board is made of it",
    "a cause": "are named among the causes that `bess refresh` prints at its end, and are not without them",
    "marked": "lower the coverage, null the figure or stand in the notes of every row that they change",
    "no figure changes": "change no figure by a cent: they are understood",
    "cannot be seen": "cannot be seen",
}


def _begin(name: str) -> str:
    return f"<!-- {name}: written by python -m bess_assets_tests.faults -->"


def _end(name: str) -> str:
    return f"<!-- end of {name} -->"


def _seen(fault: Fault) -> str:
    if fault.outcome == "cannot be seen":
        return f"nowhere; moves {fault.size}"
    return "; ".join(_place(where, text) for where, text in fault.seen) or "-"


def _place(where: str, text: str) -> str:
    words = f"`{text}`"
    if where == "error":
        return f"the error says {words}"
    if where == CAUSE:
        return f"the cause says {words}"
    if where.startswith(FINDING):
        return f"findings of `{where.removeprefix(FINDING).strip()}`: {words}"
    if " of " in where:
        check, table = where.rsplit(" of ", 1)
        return f"`{table}`, {check.replace('_', ' ')}: {words}"
    return f"`{where}` of the row: {words}"


def catalogue() -> str:
    """Every fault, what must come of it and where it is seen."""
    counts = Counter(fault.outcome for fault in FAULTS)
    lines = [
        f"{len(FAULTS)} faults, each planted alone in an otherwise right market of {BATTERIES} batteries in {YEAR}, the year of both market designs:",
        "",
        *(f"* {counts[outcome]} {_MEANING[outcome]}" for outcome in WORDS if counts[outcome]),
        "",
        "| fault | what is done | outcome | where it is seen |",
        "|---|---|---|---|",
        *(f"| {fault.name} | {fault.done} | {WORDS[fault.outcome]} | {_seen(fault)} |" for fault in FAULTS),
    ]
    return "\n".join(lines)


def unseen() -> str:
    """The faults that nobody can see, with the size of their effect."""
    rows = (f"| {f.name} | {f.done} | {f.size} |" for f in FAULTS if f.outcome == "cannot be seen")
    lines = ["| what is wrong | planted as | moves |", "|---|---|---|", *rows]
    return "\n".join(lines)


def comparisons() -> str:
    """The table of comparisons, with what they said of clean markets."""
    kept = json.loads(CLEAN.read_text(encoding="utf-8"))
    lines = [
        f"False alarms of {kept['markets']} clean markets of {kept['seeds']} seeds, {kept['years']}, at commit {kept['commit']}: {kept['causes']} causes in all.",
        "",
        "| what is compared | held against | from | to | unit | false alarms | doubtful |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in COMPARISONS:
        alarms, compared = kept["comparisons"].get(row.name, (0, 0))
        bounds = f"{row.low:g} | {row.high:g} | {row.unit}"
        lines.append(f"| {row.meaning} | {row.against or '-'} | {bounds} | {alarms:,} of {compared:,} | {row.source} |")
    return "\n".join(lines)


def commit() -> str:
    """The commit of the package that runs."""
    git = ["git", "log", "-1", "--format=%h", "--", "bess_assets"]
    return subprocess.run(git, capture_output=True, text=True, check=True, cwd=DOCS.parent).stdout.strip()


PAGES: tuple[tuple[str, str, Callable[[], str]], ...] = (
    ("reliability.md", "the catalogue of faults", catalogue),
    ("reliability.md", "the comparisons", comparisons),
    ("methodology.md", "faults that cannot be seen", unseen),
)
"""Each generated table: its page, its name there, and the function that writes it."""


def written(page: str, name: str) -> str:
    """What stands between the marks of a table."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.split(_begin(name))[1].split(_end(name))[0].strip()


def write(page: str, name: str, table: Callable[[], str]) -> None:
    """Put a table between its marks."""
    path = DOCS / page
    before, rest = path.read_text(encoding="utf-8").split(_begin(name))
    after = rest.split(_end(name))[1]
    path.write_text(f"{before}{_begin(name)}\n\n{table()}\n\n{_end(name)}{after}", encoding="utf-8")
