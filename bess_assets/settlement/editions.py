"""Editions of a year's leaderboard: the boards kept, what moved between the last two, and which input moved it.

An *edition* is a board that differed from the one before when it was made; its rows carry the digests of its inputs.
"""

import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bess_assets.ercot.products import PRODUCTS
from bess_assets.ercot.rollup_names import BATTERY_TABLE, LATER
from bess_assets.ercot.step import Columns, Inputs, StepResult, Verdict, in_columns, step
from bess_assets.settlement.metrics import OF_PEERS

FINAL_CHECK = "no_battery_moved_once_the_year_was_final"
"""Name of the check whose verdict `what_changed` gives."""

HALF_A_CENT = 0.005  # dollars that differ by less have not moved
RELATIVE_TOLERANCE = 1e-6  # other numbers that differ by a smaller part have not moved

OWN_COLUMNS = ("edition_number", "made_at", "package_version", "board_digest", "inputs", "before_digest")
"""Columns of an edition that are not the board's."""
FORMER_COLUMNS = "former_columns"

APPEARED, VANISHED = "appeared", "vanished"

# columns of the board whose change is no move of a battery: the key, those that all rows share, those that move with other batteries, and names of groups
_OF_THE_EDITION = frozenset({"battery", "data_through", "edition", "duration_class", "attributes", *OF_PEERS})
# columns that follow from others of the board: they point to a cause only where no other column moved
_FOLLOWING = frozenset(
    {"rank", "energy_usd", "as_usd", "total_usd", "usd_per_mw", "usd_per_kw_month", "usd_per_kw_year"}
    | {"usd_per_mwh_discharged", "tb2_capture", "energy_share", "top_as_product", "strategy", "best_day_share"}
    | {"notes", "excluded_reason", *(f"as_{p}_usd" for p in PRODUCTS)}
)
_NAMED = 5  # batteries in a verdict

Row = Mapping[str, Any]


# --- keeping editions ---------------------------------------------------------------------------------------------------------------------


def leaderboard_history(inputs: Inputs) -> StepResult:
    """The editions kept and, if the board differs from the last of them, the board as one more.

    An edition is its rows: a board without batteries adds none, and is a finding where there are editions.

    Raises:
        ValueError: the inputs have no origin of the board.
    """
    origin = inputs.origin
    if origin is None:
        raise ValueError("an edition needs the origin of its board")
    board = inputs.tables["leaderboard"].read().to_pylist()
    kept: list[dict[str, Any]] = [] if origin.kept is None else origin.kept.to_pylist()
    number = max((row["edition_number"] for row in kept), default=0)
    last = [row for row in kept if row["edition_number"] == number]
    result = StepResult(iter(()))
    vanished = bool(kept) and not board
    words = "the board has no battery: an edition of none cannot be kept, and the last one stays"
    result.findings.add("empty_board", "leaderboard", int(vanished), words)
    # of the same file, or of another one with the same rows
    of_file = bool(last) and all(row["board_digest"] == origin.board_digest for row in last)
    names = board[0].keys() if board else ()
    same = of_file or [{name: row.get(name) for name in names} for row in last] == board
    result.unchanged = vanished or (origin.kept is not None and same)
    if board and not result.unchanged:
        own = {
            "edition_number": number + 1,
            "made_at": origin.made_at,
            "package_version": origin.package_version,
            "board_digest": origin.board_digest,
            "inputs": json.dumps(dict(sorted(origin.files.items())), ensure_ascii=False),
            "before_digest": edition_digest(last) if last else None,
        }
        columns = [*OWN_COLUMNS, *inputs.feeds]
        rows = [{**row, FORMER_COLUMNS: _former_columns(row, columns)} for row in kept]
        rows += [{**row, **own} for row in board]
        result.chunks = iter([{name: [row.get(name) for row in rows] for name in (*columns, FORMER_COLUMNS)}])
    return result


def edition_digest(rows: Sequence[Row]) -> str:
    """SHA-256 of the rows of an edition: of every value by its column, those of former columns too, so that a new version of the table keeps it.

    The year, which is the file's, is none of them.
    """
    known = [
        json.loads(row.get(FORMER_COLUMNS) or "{}")
        | {name: value for name, value in row.items() if value is not None and name not in {FORMER_COLUMNS, "year"}}
        for row in rows
    ]
    return hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode()).hexdigest()


def broken_links(history: Sequence[Row]) -> list[int]:
    """Numbers of the editions that have changed since the next one was made, which says what their digest was."""
    editions: dict[int, list[Row]] = {}
    for row in history:
        editions.setdefault(row["edition_number"], []).append(row)
    pairs = itertools.pairwise(sorted(editions))
    said = [(n, {row.get("before_digest") for row in editions[following]}) for n, following in pairs]
    return [n for n, digests in said if digests not in ({None}, {edition_digest(editions[n])})]


def _former_columns(row: Row, columns: Sequence[str]) -> str | None:
    """Values of a row of an earlier version in columns that boards no longer have, as JSON; they exist nowhere else."""
    former = json.loads(row.get(FORMER_COLUMNS) or "{}")
    known = {*columns, FORMER_COLUMNS}
    former |= {name: value for name, value in row.items() if name not in known and value is not None}
    return json.dumps(former, ensure_ascii=False, default=str) if former else None


# --- what changed -------------------------------------------------------------------------------------------------------------------------


@step
def what_changed(inputs: Inputs, result: StepResult) -> Iterator[Columns]:
    """The batteries that moved between the last two editions, with the inputs that moved them; none with one edition."""
    history = inputs.tables["leaderboard_history"].read().to_pylist()
    numbers = sorted({row["edition_number"] for row in history})
    if len(numbers) < 2:
        result.verdicts[FINAL_CHECK] = Verdict(
            passed=True,
            detail=f"{len(numbers)} edition: there is no earlier one to compare it with",
            numbers={"batteries_moved": 0, "dollars_moved": 0.0, "editions": len(numbers)},
        )
        return
    before, after = ([row for row in history if row["edition_number"] == n] for n in numbers[-2:])
    rows = list(_changes(before, after, inputs.feeds))
    result.verdicts[FINAL_CHECK] = _verdict(before[0], after[0], rows, len(numbers))
    yield from in_columns(rows)


def _changes(
    before: Sequence[Row], after: Sequence[Row], feeds: Mapping[str, frozenset[str]]
) -> Iterator[dict[str, Any]]:
    """A row of `what_changed` for each battery that moved between two editions, by name."""
    olds, news = ({row["battery"]: row for row in edition} for edition in (before, after))
    numbers = {"edition_before": before[0]["edition_number"], "edition_after": after[0]["edition_number"]}
    for battery in sorted({*olds, *news}):
        old, new = olds.get(battery), news.get(battery)
        if old and new:
            moved = columns = [
                name
                for name in feeds
                if name not in _OF_THE_EDITION and _moved(old.get(name), new.get(name), usd=name.endswith("_usd"))
            ]
        else:
            moved, columns = [APPEARED if new else VANISHED], list(feeds)
        if not moved:
            continue
        row: dict[str, Any] = {"battery": battery, **numbers}
        for name in ("rank", "total_usd", "energy_usd", "as_usd"):
            was, is_now = (old or {}).get(name), (new or {}).get(name)
            row |= {f"{name}_before": was, f"{name}_after": is_now}
            if name != "rank":
                row[f"{name}_change"] = None if was is None or is_now is None else is_now - was
        row["moved"] = ", ".join(moved)
        row["because"] = _because(columns, feeds, before[0], after[0])
        yield row


def _moved(was: Any, is_now: Any, *, usd: bool) -> bool:
    if not isinstance(was, float) or not isinstance(is_now, float):
        return bool(was != is_now)
    return abs(is_now - was) >= HALF_A_CENT if usd else not math.isclose(was, is_now, rel_tol=RELATIVE_TOLERANCE)


def _changed_inputs(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    def words(name: str) -> str:
        if name.startswith(LATER):
            return f"{name.removeprefix(LATER)} has days of the next year {'now' if name in after else 'no more'}"
        change = "is new" if name not in before else "is gone" if name not in after else "has changed"
        return f"{'the battery table (BESS_REGISTRY)' if name == BATTERY_TABLE else name} {change}"

    return {name: words(name) for name in sorted({*before, *after}) if before.get(name) != after.get(name)}


def _because(columns: Sequence[str], feeds: Mapping[str, frozenset[str]], before: Row, after: Row) -> str:
    """The inputs that changed between two editions, each given by one of its rows, and feed some columns."""
    causes = _changed_inputs(json.loads(before["inputs"]), json.loads(after["inputs"]))
    first = [name for name in columns if name not in _FOLLOWING] or columns
    fed_by = frozenset[str]().union(*(feeds[name] for name in first))
    parts = [words for name, words in causes.items() if name.removeprefix(LATER).split("/")[0] in fed_by]
    if not parts and causes:
        parts = [f"no input that feeds these columns; of the others: {'; '.join(causes.values())}"]
    if before["package_version"] != after["package_version"]:
        parts.append(f"bess-assets {before['package_version']} -> {after['package_version']}")
    return "; ".join(parts) or "neither an input nor the version of bess-assets has changed"


def _verdict(before: Row, after: Row, rows: Sequence[Row], editions: int) -> Verdict:
    amounts = {row["battery"]: _dollars(row) for row in rows}
    dollars = math.fsum(abs(amount) for amount in amounts.values() if amount is not None)
    numbers = {"batteries_moved": len(rows), "dollars_moved": dollars, "editions": editions}
    label = before.get("edition")
    pair = f"edition {after['edition_number']} against edition {before['edition_number']}, which was {label or 'neither final nor preliminary'}"
    if not rows:
        return Verdict(passed=True, detail=f"{pair}: no battery moved", numbers=numbers)
    largest = sorted(rows, key=lambda row: (-abs(amounts[row["battery"]] or 0.0), row["battery"]))
    most = [f"{row['battery']} ({_amount(row, amounts[row['battery']])})" for row in largest[:_NAMED]]
    if len(rows) > _NAMED:
        most.append(f"{len(rows) - _NAMED} more")
    reasons = Counter(row["because"] for row in rows).most_common(_NAMED)
    moved = f"{len(rows)} batter{'y' if len(rows) == 1 else 'ies'} moved, {dollars:,.2f} $ in all: {', '.join(most)}"
    because = "; or: ".join(reason for reason, _ in reasons)
    return Verdict(label != "final", f"{pair}: {moved}; because: {because}", numbers)


def _dollars(row: Row) -> float | None:
    """By how much a battery moved the sum of the board; None where its total is unknown in an edition that has it."""
    ends = {APPEARED: (1, "after"), VANISHED: (-1, "before")}
    sign, end = ends.get(row["moved"], (1, "change"))
    return None if (usd := row[f"total_usd_{end}"]) is None else sign * float(usd)


def _amount(row: Row, dollars: float | None) -> str:
    words = row["moved"] if row["moved"] in {APPEARED, VANISHED} else ""
    if dollars is None:
        return f"{words}, total unknown".removeprefix(", ")
    if abs(dollars) < HALF_A_CENT:
        return str(row["moved"])
    return f"{words} {dollars:+,.2f} $".lstrip()
