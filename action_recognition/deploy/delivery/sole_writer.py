"""One command at a time writes into an exported folder."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from action_recognition.errors import UserError, user_error
from action_recognition.partials import take_file

# Hidden, and cleared as all of its kind if a kill leaves it.
_WRITER_FILE: Final = ".writer.part"
# Folders that this process holds: compress.py exports and calibrates inside of its own hold.
_held: set[Path] = set()


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process until the block ends. A missing one is made.

    The system frees it when the process ends, for whatever reason. A block that fails leaves no
    empty folder behind.
    Raises UserError that names the process which holds the folder. Nothing was written then.
    """
    place = folder.resolve()
    if place in _held:
        yield
        return

    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _taken(place / _WRITER_FILE, folder):
            _held.add(place)
            try:
                yield
            finally:
                _held.discard(place)
    except BaseException:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def _taken(path: Path, folder: Path) -> Iterator[None]:
    """Hold the file that stands for a folder, with the name of this process in it."""
    lock = take_file(path)
    if lock is None:
        raise _is_held(path, folder)
    try:
        # On a full disk it has no name, and holds all the same.
        with contextlib.suppress(OSError):
            os.write(lock, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        # Before it is freed, since the next one may take the same name at once.
        path.unlink(missing_ok=True)
        os.close(lock)


def _is_held(path: Path, folder: Path) -> UserError:
    holder = ""
    with contextlib.suppress(OSError):
        holder = path.read_text(encoding="utf-8", errors="replace")[:200].strip()
    found = f"another command writes there ({holder or 'another process'})"
    allowed, fix = "one command at a time", "wait for it, end it, or name another folder"
    return user_error(str(folder), found, allowed, fix)
