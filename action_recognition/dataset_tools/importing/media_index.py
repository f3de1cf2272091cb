"""Find clips by the name of their file or frame folder.

Some sources have tables that name clips without saying where they lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.errors import UserError, user_error


class Match(NamedTuple):
    """The clip that a name means.

    `problem` says why there is none. `path` is then the name that was looked for.
    """

    path: str
    pattern: str
    problem: str = ""


class MediaIndex:
    """All clips below `root` by their name without folder and suffix.

    With `suffix` (".mp4"), only files with that suffix count.
    """

    def __init__(self, root: Path, suffix: str | None = None) -> None:
        if not root.is_dir():
            found = "there is no such folder of clips"
            raise user_error(str(root), found, fix="name it with --clips")
        self.root = root
        self._by_name: dict[str, list[str]] = {}
        self._asked: set[str] = set()

        for path, problem in walk_media(root):
            if not problem:
                self._add(path, suffix)

    def _add(self, path: str, suffix: str | None) -> None:
        name = PurePosixPath(path)
        is_folder = (self.root / path).is_dir()
        if suffix is None or (not is_folder and name.suffix.lower() == suffix):
            self._by_name.setdefault(name.name if is_folder else name.stem, []).append(path)

    def find(self, patterns: tuple[str, ...], **fields: str | int) -> Match:
        """Return the clip whose name is a pattern (`{id}_{start}`) filled with the fields.

        The first pattern that a clip has counts. One whose field is missing is passed over.
        """
        names = []
        for pattern in patterns:
            name = _name(pattern, fields)
            if name is None:
                continue
            names.append(name)
            paths = self._by_name.get(name, [])
            self._asked.update(paths)
            if len(paths) > 1:
                return Match(name, pattern, f"several files have its name: {', '.join(paths[:3])}")
            if paths:
                return Match(paths[0], pattern)

        # No pattern could be filled: it is of another format.
        if not names:
            raise _wrong_pattern(patterns[0], fields)
        return Match(" or ".join(names), "", "its file is missing")

    def paths_of(self, name: str) -> list[str]:
        """Return all clips with a name, and count them as asked for."""
        paths = self._by_name.get(name, [])
        self._asked.update(paths)
        return paths

    def unasked(self) -> list[str]:
        """Return the clips that nothing asked for, by path."""
        all_paths = (path for paths in self._by_name.values() for path in paths)
        return sorted(path for path in all_paths if path not in self._asked)

    def unused_warning(self) -> list[str]:
        """Return a line that counts the clips that nothing asked for, or nothing."""
        unused = self.unasked()
        if not unused:
            return []
        files = f"{len(unused)} files below {self.root}"
        return [f"{files} are named nowhere, for example {unused[0]!r}"]


def _wrong_pattern(pattern: str, fields: Iterable[str]) -> UserError:
    found, allowed = f"{pattern!r} is no pattern of this format", f"fields: {', '.join(fields)}"
    return user_error("--clip-name", found, allowed, "e.g. '{id}_{start}_{end}'")


def _name(pattern: str, fields: Mapping[str, str | int]) -> str | None:
    """Fill a pattern. Return None where a field is missing or cannot be written so."""
    try:
        return pattern.format(**fields)
    except (KeyError, IndexError, ValueError, AttributeError):
        return None
