"""One contender in a process of its own, and what the machine did beside it."""

import json
import mmap
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bess_assets.cli.version import version as bess_version

ROOT = Path(__file__).resolve().parent.parent
HAS_POLARS = find_spec("polars") is not None
"""Polars is no part of the package, and not installed with it: pip install ".[bench]"."""
BUSY = 0.05
"""A machine is busy from this share of its processors' time that went to others, or was stolen by another guest of its host."""

Answer = dict[str, Any]


def child(name: str, folder: Path, *more: str) -> Answer:
    """Run one contender in a process of its own and return what it says, with `load` before it, and `others` and `stolen` as shares of all processor time."""
    command = [sys.executable, "-m", "benchmarks.children", name, str(folder), *more]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    before, own = _ticks(), _own_seconds()
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=False, capture_output=True, text=True)
    after, own = _ticks(), _own_seconds() - own
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    answer: Answer = json.loads(done.stdout.splitlines()[-1])
    whole = max(after["whole"] - before["whole"], 1e-9)
    answer["load"], answer["stolen"] = load, (after["stolen"] - before["stolen"]) / whole
    answer["others"] = max(0.0, after["used"] - before["used"] - own) / whole
    return answer


def environment() -> dict[str, str]:
    """That of a contender: no settings of the caller's, two threads."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BESS_", "DAGSTER_"))}
    limits = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS"), "2")
    return {**kept, **limits, "PYTHONPATH": str(ROOT)}


def _own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ticks() -> dict[str, float]:
    """Processor seconds of the machine since it was started: used, stolen, and all; zeros where the system does not tell."""
    stat = Path("/proc/stat")
    ticks = (
        [int(n) for n in stat.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]] if stat.exists() else [0] * 8
    )
    user, nice, system, idle, waiting, hard, soft, stolen = (n / os.sysconf("SC_CLK_TCK") for n in ticks)
    used = user + nice + system + hard + soft
    return {"used": used, "stolen": stolen, "whole": used + idle + waiting + stolen}


def described() -> dict[str, str]:
    """Processor, what new memory takes, commit and versions."""
    packages = ["duckdb", "pyarrow", "numpy", "pandas", *(["polars"] if HAS_POLARS else []), "dagster"]
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    named = next((line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name")), "")
    processor = named or platform.processor() or "unknown processor"
    return {
        "machine": f"{os.cpu_count()} cores, {processor}, {platform.system()} {platform.release()}; "
        f"a page of new memory in {_page_microseconds():.1f} microseconds",
        "bess_assets": bess_version(),
        "Python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _page_microseconds() -> float:
    """What a page takes that the kernel hands out anew; on a virtual machine whose free memory goes back to the host, over half of a year's system time."""
    pages = 2**16
    with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
        used = time.process_time()
        for page in range(pages):
            memory[page * mmap.PAGESIZE] = 1
        return (time.process_time() - used) / pages * 1e6


@dataclass
class Line:
    """A contender over all rounds.

    Attributes:
        name: contender.
        seconds: wall time of each round.
        used: processor time of each round, all threads.
        walls: wall time as a multiple of the floor's of the same round.
        works: the same of processor time.
        peak_mb: largest memory of the whole process, of all rounds.
        busy: rounds in which the machine was busy with other things.
        note: what must be said with it.
        wrong: why its time does not count.
    """

    name: str
    seconds: list[float] = field(default_factory=list)
    used: list[float] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)
    works: list[float] = field(default_factory=list)
    peak_mb: int = 0
    busy: int = 0
    note: str = ""
    wrong: str = ""

    def add(self, answer: Answer, floor: Answer | None = None) -> Answer:
        """A round of it, beside the floor of that round; returns the answer."""
        self.seconds.append(answer["seconds"])
        self.used.append(answer["cpu_seconds"])
        self.peak_mb = max(self.peak_mb, answer["peak_mb"])
        self.busy += answer["stolen"] + answer["others"] > BUSY
        if floor:
            self.walls.append(answer["seconds"] / floor["seconds"])
            self.works.append(answer["cpu_seconds"] / floor["cpu_seconds"])
        return answer

    @property
    def wall(self) -> float:
        """Median of the rounds' wall time, or of its multiples of the floor."""
        return statistics.median(self.walls or self.seconds)

    @property
    def work(self) -> float:
        """Median of the rounds' processor time, or of its multiples of the floor."""
        return statistics.median(self.works or self.used)


@contextmanager
def timed() -> Iterator[Answer]:
    """An answer that gets `seconds` and `cpu_seconds`, of all threads and ended children, of what is done in the block."""
    answer: Answer = {}
    started, used = time.perf_counter(), time.process_time() + _own_seconds()
    yield answer
    answer["cpu_seconds"] = time.process_time() + _own_seconds() - used
    answer["seconds"] = time.perf_counter() - started


def peak_memory_mb() -> int:
    """Largest memory that this process or a child of it has had; of this process since a table's clock began, where one did.

    What `getrusage` says of a process is at least what its parent took when it was started, where Linux tells of the process alone.
    """
    status, megabyte = Path("/proc/self/status"), 2**20 if sys.platform == "darwin" else 2**10
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // megabyte
    if status.exists():
        text = status.read_text(encoding="ascii")
        own = next((int(line.split()[1]) // 1024 for line in text.splitlines() if line.startswith("VmHWM:")), own)
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // megabyte)
