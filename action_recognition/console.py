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
    whole = [os.environ[name] for name in _RANKS if name in os.environ]
    first = (whole[0] if whole else "0") == "0"
    return first and all(os.environ.get(name, "0") == "0" for name in _PARTS_OF_RANKS)


def say(message: str) -> None:
    """Print a line on stdout in the first process, and flush it so that a pipe shows it at once."""
    if is_first_process():
        print(message, flush=True)
