"""Memory kept from array to array, and given back; each in a process of its own, for it is set once."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from bess_assets.process_memory import _SET_BY_THE_USER

FAULTS = """
import resource
import numpy as np
import pyarrow as pa
from bess_assets.process_memory import give_back_freed_memory, keep_freed_memory

def faults(make):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    make()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def of_arrow():
    np.frombuffer(pa.allocate_buffer(36_000_000), dtype=np.int8).fill(1)

def of_numpy():
    np.ones(4_000_000)

done = keep_freed_memory()
first, second = faults(of_arrow), faults(of_numpy)
give_back_freed_memory()
print(done, first, second, faults(of_numpy))
"""
SIMULATED = """
import sys
from datetime import date
from pathlib import Path
from bess_assets.demo import Market, write_market
write_market(Path(sys.argv[1]), Market((2024,), 1, 1, "none", last_day=date(2024, 1, 2)))
from bess_assets.process_memory import keep_freed_memory
print(keep_freed_memory.cache_info().currsize)
"""
PAGES = 4_000_000 * 8 // 4_096  # of NumPy's array; Arrow's is larger
HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HUGE_FOR_ALL = HUGE.exists() and "[always]" in HUGE.read_text(encoding="ascii")

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is no part of this system")


def _run(**environment: str) -> tuple[str, int, int, int]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SET_BY_THE_USER)}
    command = [sys.executable, "-c", FAULTS]
    said = subprocess.run(command, env=kept | environment, check=True, capture_output=True, text=True).stdout.split()
    return said[0], int(said[1]), int(said[2]), int(said[3])


@on_glibc
def test_what_arrow_freed_is_kept_for_the_next_array_of_numpy_until_it_is_given_back() -> None:
    done, first, second, after = _run()
    assert done == "True"
    assert second < 100
    # page by page, so that none is zeroed that nobody uses, but where the kernel gives huge ones to all
    assert min(first, after) > (second if HUGE_FOR_ALL else PAGES / 2)
    assert max(first, after) <= 2 * PAGES


@on_glibc
@pytest.mark.parametrize(
    "setting",
    [
        {"MALLOC_ARENA_MAX": "2"},
        {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
        {"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"},
        {"NUMPY_MADVISE_HUGEPAGE": "1"},
    ],
)
def test_whoever_has_set_up_an_allocator_is_left_alone(setting: dict[str, str]) -> None:
    done, *_ = _run(**setting)
    assert done == "False"


def test_a_market_is_simulated_in_memory_that_is_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SIMULATED, str(tmp_path)]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() == ["1"]
