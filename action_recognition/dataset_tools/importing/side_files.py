"""Find the lists and tables of a source, which lie in its folder or in folders below."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from action_recognition.data.frame_folder import IMAGE_SUFFIXES

# Lists lie in few folders near the top. A folder of more folders than this holds clips.
_MAX_FOLDERS = 300
_MAX_DEPTH = 6
# Copies that macOS puts into archives.
JUNK_FOLDERS = frozenset({"__macosx"})


_MEMORY: ContextVar[dict[Any, Any] | None] = ContextVar("side files", default=None)
Value = TypeVar("Value")


def side_files(source: Path, *suffixes: str) -> list[Path]:
    """Return the files with one of the suffixes (".csv"), those near the top first.

    A source that is a file is returned as it is. Folders of images, of very many folders, and
    hidden ones are not looked into.
    """
    if not source.is_dir():
        return [source]
    files = remembered(source, lambda: list(_walk(source)))
    return [file for file in files if file.suffix.lower() in suffixes]


def remembered(key: object, make: Callable[[], Value]) -> Value:
    """Return what `make` gives, and within `remembered_files` what it gave before for the key."""
    memory = _MEMORY.get()
    if memory is None:
        return make()
    if key not in memory:
        memory[key] = make()
    value: Value = memory[key]
    return value


@contextmanager
def remembered_files() -> Iterator[None]:
    """Look at each folder and list once inside this block: every format asks for the same."""
    if _MEMORY.get() is not None:
        yield
        return
    token = _MEMORY.set({})
    try:
        yield
    finally:
        _MEMORY.reset(token)


def _walk(source: Path) -> Iterator[Path]:
    """Yield all files, a level after the other."""
    level = [source]
    for _ in range(_MAX_DEPTH):
        below: list[Path] = []
        for folder in level:
            files, folders = _content(folder)
            yield from files
            below += folders if len(folders) <= _MAX_FOLDERS else []
        level = below


def _content(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the files and folders in a folder, by name. A folder of images has none."""
    files, folders = [], []
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return [], []
    for entry in entries:
        if entry.name.startswith(".") or entry.name.lower() in JUNK_FOLDERS:
            continue
        if entry.is_dir(follow_symlinks=False):
            folders.append(Path(entry.path))
        elif entry.is_file():
            files.append(Path(entry.path))

    images = sum(file.suffix.lower() in IMAGE_SUFFIXES for file in files)
    return files, ([] if images > len(folders) else folders)
