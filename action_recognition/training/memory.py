"""Memory of a training step on the CPU is kept for the next step instead of being given back and asked for again."""

from __future__ import annotations

import ctypes

# Source: malloc.h of the GNU C library, https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4
_NEVER = 2**31 - 1
_TOP_PAD_BYTES = 64 * 1024**2


def keep_freed_memory() -> bool:
    """Let this process keep what it frees; False where the C library cannot be told (macOS, musl).

    Every step asks for the same tensors. By itself the GNU C library gives them back to the system when they are freed, which then has to
    fill each page with zeros anew: a fifth of the step's time (docs/benchmarks.md). The most that is held stays about the same.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _TOP_PAD_BYTES))
    return all([mallopt(name, value) == 1 for name, value in settings])
