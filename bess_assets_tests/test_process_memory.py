"""Memory kept from array to array, and given back; each in a process of its own, for it is set once."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = """
import resource
import numpy as np
import pyarrow as pa
from bess_assets.process_memory import give_back_freed_memory, keep_freed_memory

def faults(make):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    make()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

done = keep_freed_memory()
arrays, buffers = lambda: np.ones(4_000_000), lambda: pa.nulls(4_000_000, pa.float64())
first, second, of_arrow = faults(arrays), faults(arrays), faults(buffers)
give_back_freed_memory()
print(done, first, second, of_arrow, faults(arrays))
"""
PAGES = 4_000_000 * 8 // 4_096
HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HUGE_FOR_ALL = HUGE.exists() and "[always]" in HUGE.read_text(encoding="ascii")

on_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator is no part of this system")


def _run(**environment: str) -> tuple[str, int, int, int, int]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", FAULTS]
    said = subprocess.run(command, env=kept | environment, check=True, capture_output=True, text=True).stdout.split()
    return said[0], int(said[1]), int(said[2]), int(said[3]), int(said[4])


@on_glibc
def test_a_freed_array_is_kept_for_the_next_of_numpy_and_of_arrow_until_it_is_given_back() -> None:
    done, first, second, of_arrow, after = _run()
    assert done == "True"
    assert max(second, of_arrow) < 100
    # page by page, so that none is zeroed that nobody uses, but where the kernel gives huge ones to all
    assert min(first, after) > (max(second, of_arrow) if HUGE_FOR_ALL else PAGES / 2)
    assert max(first, after) <= 2 * PAGES


@on_glibc
def test_whoever_has_set_up_the_allocator_is_left_alone() -> None:
    done, *_ = _run(MALLOC_ARENA_MAX="2")
    assert done == "False"
