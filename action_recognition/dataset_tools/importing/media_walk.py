"""Walk the video files and frame folders below a root, in the order of names.

No link to a folder is followed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES
from action_recognition.errors import user_error

ARCHIVE_SUFFIXES = frozenset(
    {".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz", ".zst", ".7z", ".rar"}
)
# Files that Windows leaves in folders, and the folder that macOS puts into archives.
_JUNK = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
_HAS_NUMBER = re.compile(r"\d")


class Medium(NamedTuple):
    """One clip on disk, or a file that is none.

    `path` is below the root, with '/'. `problem` is empty for a clip.
    """

    path: str
    problem: str


def walk_media(root: Path, below: str = "") -> Iterator[Medium]:
    """Yield every video file and frame folder below `root/below`.

    Files that are neither come with the reason. A folder is a frame folder when it holds numbered
    images. Nothing is looked for inside it. Hidden files are passed over.
    """
    try:
        entries = _entries(root / below)
    except OSError as error:
        problem = f"the folder cannot be read ({error.strerror})"
        if not below:
            raise user_error(str(root), problem) from None
        yield Medium(below, problem)
        return

    # A folder of frames is one clip.
    if below and any(_is_frame(entry) for entry in entries):
        yield Medium(below, "")
        return
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        # A link to a folder may lead out of the root or round in circles.
        if entry.is_dir(follow_symlinks=False):
            yield from walk_media(root, path)
        else:
            yield Medium(path, _file_problem(entry))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder by name, without hidden files and those of systems."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    return [
        entry
        for entry in entries
        if not entry.name.startswith(".") and entry.name.lower() not in _JUNK
    ]


def _is_frame(entry: os.DirEntry[str]) -> bool:
    stem, dot, suffix = entry.name.rpartition(".")
    return dot + suffix.lower() in IMAGE_SUFFIXES and _HAS_NUMBER.search(stem) is not None


def _file_problem(entry: os.DirEntry[str]) -> str:
    """Return why an entry is no clip, or an empty string for a video file."""
    if entry.is_dir():
        link = f"a link to a folder ({os.path.realpath(entry.path)}), which is not followed"
        return f"{link}; import from there, or copy it"
    suffix = Path(entry.name).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return ""
    if suffix in ARCHIVE_SUFFIXES:
        return "an archive, which is not opened; unpack it"
    if suffix in IMAGE_SUFFIXES:
        return "an image without a number; frames of a clip are numbered, in their own folder"
    return f"no video file by its name ({f'suffix {suffix!r}' if suffix else 'no suffix'})"
