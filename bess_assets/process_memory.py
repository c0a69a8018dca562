"""Memory of this process: freed arrays are kept for the next ones while a table is made, given back afterwards, and the peak is measured."""

import ctypes
import os
import platform
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

_SET_BY_THE_USER = ("MALLOC_", "GLIBC_TUNABLES", "ARROW_DEFAULT_MEMORY_POOL", "NUMPY_MADVISE_HUGEPAGE")


@cache
def keep_freed_memory() -> bool:
    """Have glibc keep freed arrays for the next ones, NumPy's and Arrow's alike, once for the process; on other systems nothing is done.

    A step makes and frees gigabytes of arrays, a few at a time. Given back to the kernel, each comes again a page at a time, zeroed: on a virtual machine that
    took longer than the arithmetic on it. Arrow's own pool gives back what was free for a moment, and NumPy asks for huge pages, which are zeroed whole where
    a part is used; so Arrow takes its memory from glibc too, and NumPy asks for none.

    Returns:
        whether it was done; not where the environment says of glibc, Arrow or NumPy how memory is allocated.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith(_SET_BY_THE_USER) for name in os.environ):
        return False
    import pyarrow as pa  # noqa: PLC0415  who asks for the memory of this process alone needs neither
    from numpy._core import multiarray  # noqa: PLC0415

    # mallopt(3): one arena, no mapping of its own for a large array, no trimming, and 64 MiB more at a time
    wanted = {-8: 1, -4: 0, -1: 2**31 - 1, -2: 64 * 2**20}
    if not all(ctypes.CDLL(None).mallopt(name, value) for name, value in wanted.items()):
        return False
    pa.set_memory_pool(pa.system_memory_pool())
    # what NUMPY_MADVISE_HUGEPAGE says, which is read when NumPy is loaded
    getattr(multiarray, "_set_madvise_hugepage", lambda _: None)(False)
    return True


def give_back_freed_memory() -> None:
    """Return to the kernel what a step has freed, where `keep_freed_memory` kept it: the next one may need it in other pieces."""
    if keep_freed_memory():
        ctypes.CDLL(None).malloc_trim(0)


def resident_bytes() -> int:
    """Memory of this process now; where the system does not tell, its peak so far; 0 on Windows."""
    with suppress(OSError):
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return _peak_bytes()


def _peak_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415  not on every platform

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Clock:
    """Seconds and peak memory of the work on one table, from when it is made.

    Linux forgets a process's peak on request; elsewhere the peak is that of the whole process so far.
    """

    def __init__(self) -> None:
        self._start, self._own_peak = time.perf_counter(), False
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._own_peak = True

    def seconds(self) -> float:
        """Seconds so far."""
        return time.perf_counter() - self._start

    def peak_memory_mb(self) -> int:
        """The most memory that the process took so far, in MB."""
        if self._own_peak:
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) // 1024
        return _peak_bytes() // 2**20
