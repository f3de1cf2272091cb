"""Print lines for the user at once, and once for all processes of a run."""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta

# Variables with the rank among all processes, as torchrun and Slurm set them.
_RANKS = ("RANK", "SLURM_PROCID")
_PARTS_OF_RANKS = ("NODE_RANK", "LOCAL_RANK")
_lead = ""


def is_first_process() -> bool:
    """Return True in the process that writes files: the one of rank 0, or a process that is alone.

    The environment tells it, so the answer holds before Lightning starts.
    """
    whole = [_rank(name) for name in _RANKS if name in os.environ]
    return not any(whole[:1]) and not any(map(_rank, _PARTS_OF_RANKS))


def _rank(name: str) -> int:
    """Return the number in a variable, 0 without one. What starts processes sets numbers only."""
    value = os.environ.get(name, "0")
    return int(value) if value.isdecimal() and len(value) < 10 else 0


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1, "thread"), counted(2, "thread")
    ('1 thread', '2 threads')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size_text(num_bytes: int) -> str:
    """Return a size of a file in a unit that leaves digits.

    >>> size_text(812), size_text(31_400), size_text(999_960), size_text(2_345_000_000)
    ('812 bytes', '31.4 kB', '1.0 MB', '2.3 GB')
    """
    if num_bytes < 1000:
        return counted(num_bytes, "byte")
    # What would round to a thousand is one of the next unit.
    size, unit = num_bytes / 1e3, "kB"
    for larger in ("MB", "GB"):
        if round(size, 1) >= 1000:
            size, unit = size / 1e3, larger
    return f"{size:.1f} {unit}"


def clock_in(seconds: float) -> str:
    """Return the time of day in so many seconds, as in `17:03:20`."""
    return f"{datetime.now() + timedelta(seconds=seconds):%H:%M:%S}"


def lead_lines_with(text: str) -> None:
    """Let all lines of this process begin with `text`: it is one of several that print."""
    global _lead
    _lead = text


def has_the_terminal() -> bool:
    """Return True where stdout is a terminal on which no other process of the run prints."""
    return not _lead and sys.stdout.isatty()


def say(message: str) -> None:
    """Print a line on stdout in the first process, and flush it so that a pipe shows it at once."""
    if is_first_process():
        # One piece of text, so that lines of several processes do not mix.
        print(f"{_lead}{message}\n", end="", flush=True)
