"""One run at a time in an output folder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from action_recognition.errors import user_error

LOCK_FILE = ".run.lock"


@contextmanager
def sole_run(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process until the block ends.

    The system frees the lock when the process ends, for whatever reason. This holds even if
    workers that the process started live a little longer, because such locks are not inherited.
    A lock file that is left over locks nothing.

    Errors: UserError that names the process which holds the folder already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK_FILE).open("a+", encoding="utf-8") as file:
        _lock(file, folder)

        # Other processes read from the file who holds the lock.
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _lock(file: TextIO, folder: Path) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # The process that holds the lock has written its name into the file.
        file.seek(0)
        holder = file.read(200).strip() or "another process"
        raise user_error(
            f"--save-checkpoints-to {folder}",
            f"another run writes there ({holder})",
            "a separate folder for each run",
            "wait for that run, end it, or name another folder",
        ) from None
