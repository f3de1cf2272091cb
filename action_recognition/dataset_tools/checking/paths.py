"""Find the files of lines: check that they exist, and guess what a wrong path was meant as."""

from __future__ import annotations

import difflib
import os
import posixpath
from functools import lru_cache
from itertools import islice
from pathlib import Path

from action_recognition.data.path_check import PathChecker

# The nearest names that are looked for: each is compared with a whole folder.
_MAX_COMPARED = 200
# Names of a folder that are read.
_MAX_NAMES = 20_000


class PathFinder:
    """Look for the files of lines under one root. Remember folders, not files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._checker = PathChecker(root)
        # As it is written: links are not followed.
        self._absolute = os.path.abspath(root)  # noqa: PTH100
        self._num_compared = 0
        self._names = lru_cache(maxsize=256)(self._read_names)
        # Lines of one video are next to each other, and a line asks twice.
        self.problem = lru_cache(maxsize=4096)(self._checker.problem)

    def inside(self, path: str) -> str:
        """Return an absolute path below the root relative to it, and "" for any other path."""
        normal = posixpath.normpath(path)
        below = self._absolute.rstrip("/") + "/"
        return normal[len(below) :] if path.startswith("/") and normal.startswith(below) else ""

    def other_capitals(self, path: str) -> str:
        """Return the one path below the root that differs in capital letters only.

        It is empty when there is none, or several.
        """
        if not self._may_be_below(path):
            return ""
        found = ""
        # Every folder on the way may be written in other capitals.
        for part in path.split("/"):
            names = [name for name in self._names(found) if name.casefold() == part.casefold()]
            if part not in names and len(names) != 1:
                return ""
            found = posixpath.join(found, part if part in names else names[0])
        return found if found != path else ""

    def explain(self, path: str) -> tuple[str, str, str]:
        """Return kind, message and repair of a path that has a problem."""
        if path.startswith("/"):
            message = f"path {path!r} begins at the root of the disk"
            return "path-absolute", message, f"a path relative to {self.root}"
        if ".." in path.split("/"):
            return "path-leaves-root", f"path {path!r} holds '..'", f"a path below {self.root}"

        # `Path.exists` would raise for some paths, such as those with a name that is too long.
        if "\0" not in path and os.path.exists(self.root / path):  # noqa: PTH110
            return "path-leaves-root", self.problem(path), f"copy the file below {self.root}"

        near = self._nearest(path)
        repair = f"the nearest is {near!r}" if near else "correct the path, or leave the line out"
        return "path-missing", f"no file or folder {path!r} below {self.root}", repair

    def _nearest(self, path: str) -> str:
        """Return the most similar path in the folder of `path`.

        Where that folder does not exist, look in the most similar one. Empty when nothing is near.
        """
        if not self._may_be_below(path) or self._num_compared >= _MAX_COMPARED:
            return ""
        self._num_compared += 1
        folder, name = posixpath.split(path)
        names = self._names(folder)

        # The folder may be what is misspelt.
        if not names and folder:
            parent, lost = posixpath.split(folder)
            matches = difflib.get_close_matches(lost, self._names(parent), n=1)
            folder = posixpath.join(parent, matches[0]) if matches else ""
            names = self._names(folder) if matches else ()

        matches = difflib.get_close_matches(name, names, n=1)
        return posixpath.join(folder, matches[0]) if matches else ""

    def _may_be_below(self, path: str) -> bool:
        # An empty path, and one that begins at the root of the disk, have an empty part.
        return "\0" not in path and not {"..", ""} & set(path.split("/"))

    def _read_names(self, folder: str) -> tuple[str, ...]:
        """Return the sorted names in a folder, at most `_MAX_NAMES`, none if it cannot be read."""
        try:
            with os.scandir(self.root / folder) as entries:
                return tuple(sorted(entry.name for entry in islice(entries, _MAX_NAMES)))
        except (OSError, ValueError):
            return ()
