"""Hidden files and folders beside their place, held while they are written.

The system frees a hold when its process ends, for whatever reason. So a later run can tell what a
killed one left behind, and clears it.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

# Nothing is held on Windows, so nothing is cleared there either.
if sys.platform != "win32":
    import fcntl

# `.clip.mp4.part`, `.clip.mp4.part.mp4`, `.clip.mp4.123.part`; folders have eight digits as well.
_FILE_NAME: Final = re.compile(r"\..+\.part(\.\w{1,8})?", re.DOTALL)
_FOLDER_NAME: Final = re.compile(r"\..+\.[0-9a-f]{8}\.part", re.DOTALL)
_MAX_NAME_BYTES: Final = 200

_cleared: set[Path] = set()


@contextmanager
def held_file(place: Path, *, per_process: bool = False, suffix: str = "") -> Iterator[Path]:
    """Yield a hidden path beside `place`, which this process holds. Remove it at the end.

    An empty file is there already. The path is another one than `.NAME.part` with `per_process`,
    and where another process holds that. What killed processes left in the folder is removed.
    """
    clear_abandoned(place.parent)
    name = _short(place.name)
    path = place.with_name(f".{name}{f'.{os.getpid()}' if per_process else ''}.part{suffix}")

    lock = take_file(path)
    if lock is None:
        path = place.with_name(f".{name}.{os.getpid()}-{secrets.token_hex(4)}.part{suffix}")
        lock = take_file(path)

    try:
        yield path
    finally:
        # After a rename, another process may have made a file of that name.
        if lock is None or _is_at(lock, path):
            path.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def held_folder(place: Path) -> Iterator[Path]:
    """Yield a hidden, empty folder beside `place`, which this process holds.

    At the end it is removed, unless it was renamed.
    """
    clear_abandoned(place.parent)
    path = place.with_name(f".{_short(place.name)}.{secrets.token_hex(4)}.part")
    path.mkdir()
    lock = _hold(path)

    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def clear_abandoned(folder: Path) -> None:
    """Remove the hidden files and folders that killed processes left in a folder.

    The first call of a process for a folder looks. What a running process holds stays. So does
    everything on a disk where nothing can be held, such as some network drives.
    """
    folder = folder.absolute()
    if folder in _cleared:
        return

    _cleared.add(folder)
    # Somebody else's folder can be unreadable.
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            is_ours = _FILE_NAME if entry.is_file(follow_symlinks=False) else _FOLDER_NAME
            if is_ours.fullmatch(entry.name) and not entry.is_symlink():
                with contextlib.suppress(OSError):
                    _remove_if_free(Path(entry.path))


def _remove_if_free(path: Path) -> None:
    """Remove a file or folder that no process holds."""
    lock = _hold(path)
    if lock is None:
        return
    try:
        if stat.S_ISDIR(os.fstat(lock).st_mode):
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    finally:
        os.close(lock)


def take_file(path: Path) -> int | None:
    """Make or empty a file and hold it. Return its descriptor, or None if another one holds it.

    Closing the descriptor, or the end of the process, frees the file. On a disk that cannot hold
    files, the file is taken all the same.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            if not _lock(lock):
                os.close(lock)
                return None
            # Another process may have removed it before the lock was there.
            if _is_at(lock, path):
                if stat.S_ISREG(os.fstat(lock).st_mode):
                    os.ftruncate(lock, 0)
                return lock
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _is_at(descriptor: int, path: Path) -> bool:
    """Return True if the path still leads to the open file."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _hold(path: Path) -> int | None:
    """Hold a file or folder that is there. Return its descriptor, or None if it is held."""
    try:
        lock = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    if _lock(lock, where_unknown=False):
        return lock
    os.close(lock)
    return None


def _lock(descriptor: int, where_unknown: bool = True) -> bool:
    """Lock an open file. Return False if another process has, `where_unknown` if none can."""
    if sys.platform == "win32":
        return where_unknown
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return where_unknown
    return True


def _short(name: str) -> str:
    """Return a file name with room for more letters, cut where it is long."""
    return os.fsdecode(os.fsencode(name)[:_MAX_NAME_BYTES])
