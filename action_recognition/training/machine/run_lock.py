"""One run at a time in an output folder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from action_recognition.console import is_first_process
from action_recognition.errors import user_error

LOCK_FILE = ".run.lock"
# Folders that this process holds. Opening a lock file twice would free it at the first close.
_held: set[Path] = set()


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process until the block ends.

    The system frees the lock when the process ends, for whatever reason. This holds even if
    workers that the process started live a little longer, because such locks are not inherited.
    A lock file that is left over locks nothing. A study holds its folder before the runs in it
    ask for the same one: they get it. Only the first process of a run locks.

    Errors: UserError that names the process which holds the folder already.
    """
    place = folder.resolve()
    if place in _held or not is_first_process():
        yield
        return

    with _locked(folder, fcntl.LOCK_EX, "--save-checkpoints-to") as file:
        # Other processes read from the file who holds the lock.
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        _held.add(place)
        try:
            yield
        finally:
            _held.discard(place)


def held_by_the_study(folder: Path) -> None:
    """Take a folder as held in this process: the process that started it holds it.

    The lock goes with that process. Where it is killed, this one saves once more without a lock.
    """
    _held.add(folder.resolve())


@contextmanager
def among_searches(folder: Path) -> Iterator[None]:
    """Hold `folder` together with other searches, and against the runs of `sole_run`.

    Errors: UserError that names the process whose run holds the folder.
    """
    with _locked(folder, fcntl.LOCK_SH, "--output"):
        yield


@contextmanager
def _locked(folder: Path, kind: int, flag: str) -> Iterator[TextIO]:
    """Open the lock file of a folder and lock it, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a+", encoding="utf-8") as file:
        _lock(file, kind, f"{flag} {folder}")
        yield file


def _lock(file: TextIO, kind: int, where: str) -> None:
    try:
        fcntl.lockf(file, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        # The process that holds the lock has written its name into the file.
        file.seek(0)
        holder = file.read(200).strip() or "another process"
        raise user_error(
            where,
            f"another run writes there ({holder})",
            "a separate folder for each run",
            "wait for that run, end it, or name another folder",
        ) from None
