"""Locks on the folders of a search, so that several processes can share it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process holds the folder, and hold it until the block ends.

    The system frees the lock when the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)

    # Closing the file frees the lock.
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def is_free(folder: Path) -> bool:
    """Return True if no process holds the folder."""
    # A folder without a lock file was never held.
    try:
        number = os.open(folder / LOCK_FILE, os.O_RDWR)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(number)
    return True
