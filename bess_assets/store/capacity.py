"""Whether a year fits into memory and onto the disk: estimated before anything is written, from the footers of its rollups and from earlier refreshes."""

import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bess_assets.errors import RoomError, free_bytes
from bess_assets.settings import Settings
from bess_assets.store.journal import input_files, read_run
from bess_assets.store.listing import size_of
from bess_assets.store.paths import files_of, recorded_years
from bess_assets.tables import BESS_DISPATCH, EVERY_TABLE, YEARLY, Table

_LIBRARIES_BYTES = 250 * 10**6  # Memory of Python, the libraries and the definitions before a year is read
# Memory of a step for each battery whatever the limit: a year of hours, of some thirty quantities.
_HELD_BYTES_PER_BATTERY = 2 * 10**6
# Memory of the process for each battery where the limit allows: 2.8 MB were seen in 2024, 3.3 MB in 2026 with its runs of five minutes.
_TAKEN_BYTES_PER_BATTERY = 3_500_000
# Memory that a process may take beside `BESS_MEMORY_LIMIT`, which bounds DuckDB and the blocks: under 1 GB in all at 512MB.
_BESIDE_THE_LIMIT_BYTES = 500 * 10**6
# Result files of a battery and year, the page and workbook included, where no earlier year has any.
_DISK_BYTES_PER_BATTERY = 4 * 10**6
# What is observed of a battery in a year waits in a file for its turn to be written: 3.7 MB with the runs and awards of 2026.
_SCRATCH_BYTES_PER_BATTERY = 4 * 10**6
# Share of batteries among the generation resources of the day-ahead disclosure, where no registry is known: a fifth in 2024, and more each year.
_BATTERY_SHARE = 0.25

# Below it no limit is named: a year that small may begin where the least that it takes is free.
_LEAST_LIMIT_BYTES = 64 * 10**6
_HOURS = 8_760
_BESIDE_THE_TABLES_BYTES = 20 * 10**6
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Needed:
    """Estimated needs of a year.

    Attributes:
        batteries: expected.
        memory_bytes: of the process, with blocks as small as possible.
        unbounded_bytes: of the process, with blocks of any size.
        disk_bytes: to be free at the results, beside the files that are there already.
    """

    batteries: int
    memory_bytes: int
    unbounded_bytes: int
    disk_bytes: int


def lacking_room(settings: Settings, year: int, tables: Collection[str]) -> Iterator[RoomError]:
    """Why some tables of a year would not fit, by estimate; nothing where they do."""
    needed = needed_room(settings, year, tables)
    what = f"{year} would not fit into memory: about {needed.batteries:,} batteries take at least {_mb(needed.memory_bytes)}"
    limit, free, left = settings.memory_limit_bytes, _free_memory(), free_bytes(settings.results)
    allowed = limit + _BESIDE_THE_LIMIT_BYTES
    most = min(needed.unbounded_bytes, allowed)
    as_set = f"{year} would not fit into memory as things are set: with BESS_MEMORY_LIMIT={_mb(limit)}"
    for lacks, problem, expected, remedy in (
        (
            needed.memory_bytes > allowed,
            f"{what}.",
            f"at most {_mb(allowed)}: BESS_MEMORY_LIMIT and {_mb(_BESIDE_THE_LIMIT_BYTES)} for everything else",
            f"Set BESS_MEMORY_LIMIT={-((_BESIDE_THE_LIMIT_BYTES - needed.memory_bytes) // 10**6)}MB or more.",
        ),
        (
            needed.memory_bytes > free,
            f"{what}, and {_mb(free)} of this machine are free.",
            "as much free memory as the year takes at the least",
            "End other programs, or use a larger machine.",
        ),
        (
            most > free >= max(needed.memory_bytes, _BESIDE_THE_LIMIT_BYTES + _LEAST_LIMIT_BYTES),
            f"{as_set} about {needed.batteries:,} batteries take up to {_mb(most)}, and {_mb(free)} of this machine are free.",
            "as much free memory as the limit lets the year take",
            f"Set BESS_MEMORY_LIMIT={(free - _BESIDE_THE_LIMIT_BYTES) // 10**6}MB: the year is then worked on in smaller blocks.",
        ),
    ):
        if lacks:
            yield RoomError(problem, file=settings.rollups, expected=expected, remedy=f"{remedy} Nothing was changed.")
    if needed.disk_bytes > left:
        yield RoomError(
            f"{year} would not fit on the disk: its results take about {_mb(needed.disk_bytes)} more, and {_mb(left)} are free.",
            file=settings.results,
            expected="room for each new file beside the old one, which stays until the new one is whole",
            remedy="Make room there, or name another folder in BESS_RESULTS. Nothing was changed.",
        )


def needed_room(settings: Settings, year: int, tables: Collection[str]) -> Needed:
    """Estimated needs of some tables of a year."""
    chosen = [EVERY_TABLE[name] for name in tables if not EVERY_TABLE[name].merged]
    files = {name: path for table in chosen for name, path in input_files(settings, year, table).items()}
    footers = list(_footers(files))
    batteries = _batteries(settings, year, footers)
    # One row group is read while the one before is worked on.
    fixed = _LIBRARIES_BYTES + 2 * max((largest for _, _, largest in footers), default=0)
    held = batteries if files else 0
    return Needed(
        batteries,
        memory_bytes=fixed + held * _HELD_BYTES_PER_BATTERY,
        unbounded_bytes=fixed + held * _TAKEN_BYTES_PER_BATTERY,
        disk_bytes=_disk(settings, year, chosen, batteries),
    )


def _footers(files: dict[str, Path]) -> Iterator[tuple[str, int, int]]:
    """Name, rows and bytes of the largest row group of the rollups among some files; one that cannot be read is the step's to name."""
    import pyarrow as pa  # noqa: PLC0415  status and plans start without pyarrow
    import pyarrow.parquet as pq  # noqa: PLC0415

    for name, path in files.items():
        with suppress(OSError, pa.ArrowException):
            if path.suffix == ".parquet":
                footer = pq.read_metadata(path)
                groups = map(footer.row_group, range(footer.num_row_groups))
                sizes = [sum(g.column(n).total_compressed_size for n in range(g.num_columns)) for g in groups]
                yield name, footer.num_rows, max(sizes, default=0)


def _batteries(settings: Settings, year: int, footers: Collection[tuple[str, int, int]]) -> int:
    """Batteries of a year: as many as its registry had, or that of the nearest year; else by the rows of the day-ahead disclosure."""
    for recorded in sorted(recorded_years(settings.results), key=lambda recorded: abs(recorded - year)):
        entry = read_run(settings.results, recorded)["tables"].get("bess_registry")
        if entry and entry["rows"]:
            return entry["rows"]
    generation, storage = (
        max((rows for name, rows, _ in footers if name.startswith(f"{dataset}/")), default=0)
        for dataset in ("dam_gen_resources", "dam_esr_resources")
    )
    return max(round(generation / _HOURS * _BATTERY_SHARE), round(storage / _HOURS))


def _disk(settings: Settings, year: int, tables: Collection[Table], batteries: int) -> int:
    """Bytes to be free: for what is not there yet, and for the largest file that is made anew beside itself."""
    if not tables:
        return 0

    def size(table: Table, of_year: int) -> int:
        return sum(size_of(path) for path in files_of(settings.results, table, of_year))

    others = [other for other in recorded_years(settings.results) if other != year]
    usual = round(batteries * _DISK_BYTES_PER_BATTERY / len(YEARLY))
    missing = [max((size(t, other) for other in others), default=usual) for t in tables if not size(t, year)]
    scratch = batteries * _SCRATCH_BYTES_PER_BATTERY if BESS_DISPATCH in tables else 0
    return sum(missing) + max(size(table, year) for table in tables) + scratch + _BESIDE_THE_TABLES_BYTES


def _free_memory() -> int:
    """Bytes that the machine, or the container that this runs in, has free; no limit where the system does not say."""
    free = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    with suppress(OSError, ValueError):
        # its whole limit: what is used of it counts files in the cache, which give way
        free.append(int((_CGROUP / "memory.max").read_text(encoding="ascii")))
    return min(free, default=sys.maxsize)


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
