"""Memory of this process: kept from array to array while a table is made, given back afterwards.

Belongs here: how the C library hands out memory. Does not: how much of it a step may use (settings.py, run.py).
"""

import ctypes
import os
import platform
from functools import cache

# numbers of mallopt(3)
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX, _ARENA_MAX = -1, -2, -4, -8
_NEVER = 2**31 - 1
_STEP_BYTES = 64 * 2**20


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep freed arrays for the next ones, once for the process; on other systems nothing is done.

    A step makes and frees gigabytes of arrays, a few at a time. Given back to the kernel, each comes again a page at a time, zeroed: on a virtual machine that
    took longer than the arithmetic on it.

    Returns:
        whether it was done. Whoever has set `MALLOC_ARENA_MAX`, or another of glibc's own variables, is left alone.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return False
    library = ctypes.CDLL(None)
    wanted = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _NEVER), (_TOP_PAD, _STEP_BYTES))
    taken = [library.mallopt(name, value) for name, value in wanted]
    return all(taken)


def give_back_freed_memory() -> None:
    """Return to the kernel what a step has freed, where `keep_freed_memory` kept it: the next one may need it in other pieces."""
    if keep_freed_memory():
        ctypes.CDLL(None).malloc_trim(0)
