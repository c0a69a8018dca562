"""A year so small that it is settled in a second, in two editions that differ in every table; and what may lie in its results after a crash."""

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bess_assets.run import STEPS, hold_year
from bess_assets.settings import Settings, load_settings
from bess_assets.simulator import simulate
from bess_assets.store.journal import read_run
from bess_assets.store.paths import files_of, result_path
from bess_assets.store.verify import verify
from bess_assets.tables import LEADERBOARD_HISTORY, LEADERBOARD_REPORT, WHAT_CHANGED, YEARLY

YEAR = 2021
DAYS = 8
OLD, NEW = "old", "new"
EDITIONS = (OLD, NEW)

_RESTATED = ("Price", "MCPC", "Award", "Telemetered", "HSL", "Max", "Quantity")
_TIMED = {LEADERBOARD_HISTORY.name, WHAT_CHANGED.name}
"""Tables that say when an edition was made, so that the same inputs give other bytes another time."""


def make_editions(folder: Path) -> None:
    """Write the rollups of both editions: the first days of a simulated year, and the same with every figure 2 % higher and a column more in each file."""
    simulate(folder / "whole", (YEAR,), 2, 1, "harmless", last_day=date(YEAR, 1, 31))
    for path in sorted((folder / "whole" / "rollups").glob(f"*/{YEAR}.parquet")):
        with pq.ParquetFile(path) as file:
            january = file.read_row_group(0)
        days = january.slice(0, january.num_rows * DAYS // 31)
        for edition, rows in ((OLD, days), (NEW, restated(days))):
            to = folder / edition / path.parent.name / path.name
            to.parent.mkdir(parents=True)
            pq.write_table(rows, to)


def restated(rows: pa.Table, share: float = 1.02) -> pa.Table:
    """The same rows with every figure higher by a share, and a column more."""
    for at, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type) and any(part in field.name for part in _RESTATED):
            rows = rows.set_column(at, field, pc.multiply(rows.column(at), share).cast(field.type))
    return rows.append_column("restated", pa.array(["yes"] * rows.num_rows))


def settings_of(folder: Path, home: Path, edition: str) -> Settings:
    """Settings of a home whose rollups are those of an edition."""
    return load_settings(home, {"BESS_ROLLUPS": str(folder / edition)})


def refresh(settings: Settings, wait_seconds: float = 0.0) -> None:
    """Refresh the year as a run does, without Dagster."""
    with hold_year(settings, YEAR, wait_seconds) as held:
        held.journal.begin(list(YEARLY))  # and not whether the year fits: that would stop it before the disk is full
        for name in YEARLY:
            held.run_table(name)


# --- what lies there ------------------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Lying:
    """The results of a home at one moment."""

    digests: dict[str, str]  # of every file of every table and of the report, by its path below the results
    editions: list[str]  # rows of the table of editions, each as JSON, in order
    temporary: list[str]  # names of temporary files


def look(settings: Settings) -> Lying:
    """Read everything that lies in the results; what cannot be read is an error."""
    digests = {}
    for path in _result_files(settings):
        _open_whole(path)
        digests[path.relative_to(settings.results).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    read_run(settings.results, YEAR)
    kept = result_path(settings.results, LEADERBOARD_HISTORY.name, YEAR)
    rows = pq.read_table(kept).to_pylist() if kept.exists() else []
    temporary = sorted(path.name for path in settings.results.rglob(".*.tmp"))
    return Lying(digests, [json.dumps(row, default=str) for row in rows], temporary)


def _result_files(settings: Settings) -> Iterator[Path]:
    tables = (path for table in STEPS for path in files_of(settings.results, YEARLY[table], YEAR))
    for path in (*tables, *files_of(settings.results, LEADERBOARD_REPORT, YEAR)):
        if path.exists():
            yield path


def _open_whole(path: Path) -> None:
    if path.suffix == ".parquet":
        pq.read_table(path)
    elif path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            assert book.testzip() is None
    else:
        text = path.read_text(encoding="utf-8")
        assert text.rstrip().endswith("</html>") if path.suffix == ".html" else text.endswith("\n")


def timeless(path: str) -> bool:
    """Whether the same inputs give the same bytes at any time: all but the editions, and the page and workbook, which say when theirs was made."""
    return path.split("/", 1)[0] not in _TIMED and not path.endswith((".html", ".xlsx"))


def wrong(before: Lying, after: Lying, expected: Mapping[str, str]) -> list[str]:
    """What must not lie there after a crash of a refresh: neither what lay there before nor what is expected of the refresh."""
    gone = [f"{path} is gone" for path in before.digests if path not in after.digests]
    made = ((path, digest) for path, digest in after.digests.items() if timeless(path))
    odd = [path for path, digest in made if digest not in {before.digests.get(path), expected[path]}]
    mixed = [f"{path} is neither the old nor the new edition" for path in odd]
    kept = after.editions[: len(before.editions)]
    lost = [] if kept == before.editions else ["an edition kept was lost or altered"]
    return gone + mixed + lost


def unfinished(settings: Settings, lying: Lying, expected: Mapping[str, str]) -> list[str]:
    """What is not as a whole refresh leaves it."""
    record = read_run(settings.results, YEAR)
    differing = [path for path, digest in expected.items() if timeless(path) and lying.digests.get(path) != digest]
    recorded = [name for name in YEARLY if record["tables"][name]["status"] != "ok"]
    stale = [
        name
        for name in STEPS
        if record["tables"][name]["digest"]
        != lying.digests[f"{name}/{YEAR}.parquet"]  # what is recorded is what lies there
    ]
    board = pq.read_table(result_path(settings.results, "leaderboard", YEAR)).column("total_usd").to_pylist()
    last = [json.loads(row)["total_usd"] for row in lying.editions[-len(board) :]]
    edition = [] if last == board else ["the last edition kept is not the board"]
    damaged = [f"{found.file} {found.problem}" for found in verify(settings).damage]
    return differing + recorded + stale + record["unfinished"] + lying.temporary + edition + damaged
