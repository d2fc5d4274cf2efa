"""How a process keeps its memory."""

from __future__ import annotations

import ctypes
import sys


def keep_freed_memory() -> None:
    """Have glibc use freed memory again instead of returning it, and faulting its pages anew, for every large array.

    Pictures, the inputs of models and the activations of a network are large, and as large again a moment later.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        trim_threshold, mmap_threshold = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
        _ = libc.mallopt(mmap_threshold, 2**30) or libc.mallopt(mmap_threshold, 2**25)  # older glibc allows no more
        libc.mallopt(trim_threshold, 2**31 - 1)
