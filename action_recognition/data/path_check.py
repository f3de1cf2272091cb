"""Paths of annotation lines: they exist, and they stay under their root."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class PathChecker:
    """Checks every path once; costs one `lstat` for most, because folders are resolved once each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = os.path.realpath(root)
        self._checked: dict[str, tuple[Path, str]] = {}
        self._real_folders: dict[str, str] = {}

    def check(self, text: str) -> tuple[Path, str]:
        """The path under the root, and what is wrong with it (empty when nothing is)."""
        known = self._checked.get(text)
        if known is None:
            known = self._checked[text] = (self._root / text, self.problem(text))
        return known

    def problem(self, text: str) -> str:
        """What is wrong with the path (empty when nothing is), remembering nothing of it: for files of millions of lines."""
        if not text:
            return "the line has no path"
        if text.startswith("/") or ".." in text.split("/"):
            return f"path {text!r} leaves the data root: give it relative to {self._root}, without '..'"
        full = f"{self._root}/{text}"
        try:
            is_link = stat.S_ISLNK(os.lstat(full).st_mode)
            if is_link:
                os.stat(full)  # noqa: PTH116  # strings, not Path objects: a million lines in seconds
        except (OSError, ValueError):  # ValueError: a NUL character
            return f"no file or folder {full}"
        real = os.path.realpath(full) if is_link else self._real_folder(os.path.dirname(full))  # noqa: PTH120
        if real != self._real_root and not real.startswith(self._real_root.rstrip("/") + "/"):
            return f"path {text!r} leaves the data root: it is a link to {real}"
        return ""

    def _real_folder(self, folder: str) -> str:
        real = self._real_folders.get(folder)
        if real is None:
            real = self._real_folders[folder] = os.path.realpath(folder)
        return real
