"""Lines for the person at the console: shown at once, and once for all processes of a run."""

from __future__ import annotations

import os

_RANKS = ("RANK", "SLURM_PROCID")  # the rank among all processes: torchrun, Slurm
_PARTS_OF_RANKS = ("NODE_RANK", "LOCAL_RANK")


def is_first_process() -> bool:
    """Return True in the process of rank 0 and in a process that is alone: the one that writes files.

    Known from the environment, so that it holds before Lightning starts.
    """
    whole = [os.environ[name] for name in _RANKS if name in os.environ]
    first = (whole[0] if whole else "0") == "0"
    return first and all(os.environ.get(name, "0") == "0" for name in _PARTS_OF_RANKS)


def say(message: str) -> None:
    """Print a line on stdout, flushed so that it shows at once in a pipe, in the first process only."""
    if is_first_process():
        print(message, flush=True)
