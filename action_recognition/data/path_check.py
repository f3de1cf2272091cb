"""Checks of the paths of annotation lines: they exist, and they stay under their root."""

from __future__ import annotations

import functools
import os
import stat
from pathlib import Path


class FolderRoot:
    """A folder as the place where the paths of annotation lines start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, text: str) -> Path:
        """Return the file or folder of a line's path."""
        return self.folder / text


class PathChecker:
    """Checks every path once. Most cost one `lstat`, because folders are resolved once each."""

    def __init__(self, root: Path) -> None:
        self.root = FolderRoot(root)
        self._root = root
        self._real_root = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}
        # A bounded cache is enough, because the clips of one video are near each other.
        self._remembered = functools.lru_cache(maxsize=100_000)(self.problem)

    def find(self, path: str) -> tuple[str, str]:
        """Return the path as it is, and what is wrong with it (empty if nothing)."""
        return path, self._remembered(path)

    def check(self, text: str) -> tuple[Path, str]:
        """Return the path under the root, and what is wrong with it (empty if nothing)."""
        return self._root / text, self._remembered(text)

    def problem(self, text: str) -> str:
        """Return what is wrong with the path (empty if nothing), and remember none of it.

        For files of millions of lines.
        """
        if not text:
            return "the line has no path"
        if text.startswith("/") or ".." in text.split("/"):
            found = f"path {text!r} leaves the data root"
            return f"{found}: give it relative to {self._root}, without '..'"

        # Strings, not Path objects: a million lines in seconds.
        full = f"{self._root}/{text}"
        try:
            is_link = stat.S_ISLNK(os.lstat(full).st_mode)
            if is_link:
                os.stat(full)  # noqa: PTH116
        except (OSError, ValueError):  # ValueError: a NUL character
            return f"no file or folder {full}"

        folder = os.path.dirname(full)  # noqa: PTH120
        real = os.path.realpath(full) if is_link else self._real_folder(folder)
        if real != self._real_root and not real.startswith(self._real_root.rstrip("/") + "/"):
            return f"path {text!r} leaves the data root: it is a link to {real}"
        return ""

    def _real_folder(self, folder: str) -> str:
        # `realpath` looks at every part of a path, so it is called once per folder.
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = os.path.realpath(folder)

        return real
