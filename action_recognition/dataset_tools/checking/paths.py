"""Paths of lines: whether they are there, and what they may have been meant as."""

from __future__ import annotations

import difflib
import os
import posixpath
from functools import lru_cache
from pathlib import Path

from action_recognition.data.path_check import PathChecker

_MAX_COMPARED = 200  # nearest names that are looked for; each compares with a whole folder
_MAX_NAMES = 20_000


class PathFinder:
    """Looks for the files of lines under one root; remembers folders, not files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checker = PathChecker(root)
        self._absolute = os.path.abspath(root)  # noqa: PTH100  # as it is written, links and all
        self._num_compared = 0
        self._names = lru_cache(maxsize=256)(self._read_names)
        self.problem = lru_cache(maxsize=4096)(
            self._checker.problem
        )  # lines of one video stand together, and a line asks twice

    def inside(self, path: str) -> str:
        """An absolute path below the root as one relative to it; empty for any other."""
        normal = posixpath.normpath(path)
        below = self._absolute.rstrip("/") + "/"
        return normal[len(below) :] if path.startswith("/") and normal.startswith(below) else ""

    def other_capitals(self, path: str) -> str:
        """The one path below the root that differs in capital letters only; empty when there is none, or several."""
        if not self._may_be_below(path):
            return ""
        found = ""
        for part in path.split("/"):
            names = [name for name in self._names(found) if name.casefold() == part.casefold()]
            name = part if part in names else names[0] if len(names) == 1 else ""
            if not name:
                return ""
            found = posixpath.join(found, name)
        return found if found != path else ""

    def explain(self, path: str) -> tuple[str, str, str]:
        """Kind, message and repair of a path that has a problem."""
        if path.startswith("/"):
            return (
                "path-absolute",
                f"path {path!r} begins at the root of the disk",
                f"a path relative to {self.root}",
            )
        if ".." in path.split("/"):
            return "path-leaves-root", f"path {path!r} holds '..'", f"a path below {self.root}"
        if "\0" not in path and os.path.exists(self.root / path):  # noqa: PTH110  # never raises, whatever the path
            return "path-leaves-root", self.problem(path), f"copy the file below {self.root}"
        near = self._nearest(path)
        repair = f"the nearest is {near!r}" if near else "correct the path, or leave the line out"
        return "path-missing", f"no file or folder {path!r} below {self.root}", repair

    def _nearest(self, path: str) -> str:
        """The most similar path in the folder of `path`, or that folder's most similar name."""
        if not self._may_be_below(path) or self._num_compared >= _MAX_COMPARED:
            return ""
        self._num_compared += 1
        folder, name = posixpath.split(path)
        names = self._names(folder)
        if not names and folder:
            parent, lost = posixpath.split(folder)
            matches = difflib.get_close_matches(lost, self._names(parent), n=1)
            folder = posixpath.join(parent, matches[0]) if matches else ""
            names = self._names(folder) if matches else ()
        matches = difflib.get_close_matches(name, names, n=1)
        return posixpath.join(folder, matches[0]) if matches else ""

    def _may_be_below(self, path: str) -> bool:
        return (
            bool(path)
            and not path.startswith("/")
            and "\0" not in path
            and not {"..", ""} & set(path.split("/"))
        )

    def _read_names(self, folder: str) -> tuple[str, ...]:
        try:
            with os.scandir(self.root / folder) as entries:
                return tuple(
                    sorted(entry.name for _, entry in zip(range(_MAX_NAMES), entries, strict=False))
                )
        except (OSError, ValueError):
            return ()
