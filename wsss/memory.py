"""How the C library hands out memory, which decides half of the time of convolutions on a CPU."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Names of glibc's mallopt, from malloc.h."""


def keep_freed_memory() -> None:
    """Make glibc keep freed blocks for the next allocation instead of returning each to the system.

    Feature maps are tens of MB, above the size from which glibc asks the system for every block anew; the kernel
    then fills it with zeros, page by page, at every layer. Does nothing where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, 2**31 - 1)
