"""The most memory that this process has held."""

from __future__ import annotations

import re
import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held, in bytes, and 0 where no system says it.

    Linux counts into `ru_maxrss` what the starter of a process once held, so /proc is read there.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return _by_getrusage()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) * 1024 if match else _by_getrusage()


def _by_getrusage() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
