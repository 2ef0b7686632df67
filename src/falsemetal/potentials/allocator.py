"""Keep the memory that PyTorch frees: fetching it anew at every MD step costs half of the time."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEPT_BYTES = 2_000_000_000
GROWTH_BYTES = 64_000_000


def keep_freed_memory() -> None:
    """Tell glibc not to hand large freed blocks back to the system; elsewhere do nothing.

    An evaluation on a CPU allocates and frees arrays of some 10 MB hundreds of times, which glibc
    maps and unmaps each time, and the system clears their pages.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(M_MMAP_MAX, 0)
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
    mallopt(M_TOP_PAD, GROWTH_BYTES)
