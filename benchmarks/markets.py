"""The markets that are settled: simulated ones with their right answer, and files of them written in other ways.

Belongs here: what lies in the folder of the benchmarks, made once. Does not: what is measured on it.
"""

import csv
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from benchmarks.other_roads import COLUMNS, NAMES, STAMPED

QUICK_END = (2, 3)
"""Month and day up to which a year is simulated where only the road is tried."""
LAST_DAY = (10, 31)
"""Month and day of the day more: so late that its files hold most of a year, so early that no file of the next year is needed."""
LAYOUTS = {
    "one huge row group, snappy": ("", "COMPRESSION snappy, ROW_GROUP_SIZE 1000000000"),
    "one huge row group, zstd": ("", "COMPRESSION zstd, ROW_GROUP_SIZE 1000000000"),
    "in order of resources, zstd": ('ORDER BY "{name}"', "COMPRESSION zstd"),
}
"""Order of the rows and options of the Parquet files, by the name of a layout."""


def simulated(folder: Path, years: Sequence[int], batteries: int | None, *, quick: bool) -> Path:
    """Years of real size, or with so many batteries, in a folder of their own with their right answer; made if they are not there."""
    from bess_assets.second_settlement.answer import answer_files, write_answer  # noqa: PLC0415
    from bess_assets.simulator import ercot_size, pairs, simulate  # noqa: PLC0415
    from bess_assets.simulator.fleet import small_size  # noqa: PLC0415

    size = ercot_size if batteries is None else lambda _: small_size(batteries)
    if not (folder / "made").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for some in [(year,) for year in years] if quick else [years]:
            simulate(folder, some, size=size, last_day=date(some[0], *QUICK_END) if quick else None)
        (folder / "made").touch()
    for year in years:
        if not all(path.is_file() for path in answer_files(folder, year)):
            write_answer(folder, "rollups", year, pairs(years, size(year).batteries, 1, "harmless"))
    return folder


def right_money(folder: Path, year: int) -> dict[str, float]:
    """Total of each battery whose total is known, by the second settlement."""
    with (folder / "truth" / f"leaderboard_{year}.csv").open(encoding="utf-8", newline="") as file:
        return {row["battery"]: float(row["total_usd"]) for row in csv.DictReader(file) if row["total_usd"]}


def in_layout(folder: Path, layout: str) -> Path:
    """The rollups of a market written in a layout of `LAYOUTS`, in a folder of its own."""
    order, options = LAYOUTS[layout]

    def query(dataset: str, path: Path) -> str:
        return f"COPY (SELECT * FROM '{path}' {order.format(name=NAMES[dataset])}) TO '{{to}}' ({options})"

    return _written_again(folder, folder / f"layout_{list(LAYOUTS).index(layout)}", query)


def with_days(folder: Path, year: int, *, one_less: bool) -> Path:
    """The files of the year alone, whose days end at `LAST_DAY`, or at the last that there is; or a day earlier."""
    import duckdb  # noqa: PLC0415

    prices = folder / "rollups" / "DA_prices" / f"{year}.parquet"
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT max(strptime(DeliveryDate, '%m/%d/%Y'))::DATE FROM '{prices}'").fetchall()
    last = min(found[0][0], date(year, *LAST_DAY))

    def query(dataset: str, path: Path) -> str:
        day = f"strptime({'SCEDTimeStamp[:10]' if dataset in STAMPED else 'DeliveryDate'}, '%m/%d/%Y')::DATE"
        limit = f"{'<' if one_less else '<='} DATE '{last}'"
        return f"COPY (SELECT * FROM '{path}' WHERE {day} {limit}) TO '{{to}}' (COMPRESSION snappy, ROW_GROUP_SIZE 1000000)"

    return _written_again(folder, folder / ("day_before" if one_less else "day_after"), query, year)


def _written_again(folder: Path, to: Path, query: Callable[[str, Path], str], year: int | None = None) -> Path:
    """The rollups that a settlement of the combo model reads, of all years or of one, written by queries; made if they are not there."""
    import duckdb  # noqa: PLC0415

    if not (to / "made").exists():
        with duckdb.connect(config={"threads": 2}) as connection:
            for dataset in COLUMNS:
                (to / "rollups" / dataset).mkdir(parents=True, exist_ok=True)
                for path in sorted((folder / "rollups" / dataset).glob(f"{year or '*'}.parquet")):
                    written = to / "rollups" / dataset / path.name
                    connection.execute(query(dataset, path).format(to=written))
        (to / "made").touch()
    return to


def link_rollups(folder: Path, to: Path) -> None:
    """Let the rollups of a folder be those of another: links to its files, which take the place of those before."""
    shutil.rmtree(to, ignore_errors=True)
    for path in (folder / "rollups").glob("*/*.parquet"):
        link = to / "rollups" / path.relative_to(folder / "rollups")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
