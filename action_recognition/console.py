"""Print lines for the user at once, and once for all processes of a run."""

from __future__ import annotations

import os

# Variables with the rank among all processes, as torchrun and Slurm set them.
_RANKS = ("RANK", "SLURM_PROCID")
_PARTS_OF_RANKS = ("NODE_RANK", "LOCAL_RANK")


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


def say(message: str) -> None:
    """Print a line on stdout in the first process, and flush it so that a pipe shows it at once."""
    if is_first_process():
        print(message, flush=True)
