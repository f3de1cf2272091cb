"""Clips by the name of their file or frame folder, for sources whose tables name them without saying where they lie."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.errors import user_error


class Match(NamedTuple):
    """The clip that a name stands for; `problem` says why there is none (`path` is then the name that was looked for)."""

    path: str
    pattern: str
    problem: str = ""


class MediaIndex:
    """Everything below `root` that is a clip (files only with `suffix`, if any: ".mp4"), by its name without folder and suffix."""

    def __init__(self, root: Path, suffix: str | None = None) -> None:
        if not root.is_dir():
            raise user_error(
                str(root), "there is no such folder of clips", fix="name it with --clips"
            )
        self.root = root
        self._by_name: dict[str, list[str]] = {}
        self._asked: set[str] = set()
        for path, problem in walk_media(root):
            if not problem:
                name = PurePosixPath(path)
                is_folder = (root / path).is_dir()
                if suffix is not None and (is_folder or name.suffix.lower() != suffix):
                    continue
                self._by_name.setdefault(name.name if is_folder else name.stem, []).append(path)

    def find(self, patterns: tuple[str, ...], **fields: str | int) -> Match:
        """The clip of the first of the patterns (`{id}_{start}`) that one has; a pattern whose field is missing is passed over."""
        names = []
        for pattern in patterns:
            try:
                name = pattern.format(**fields)
            except (KeyError, IndexError, ValueError, AttributeError):
                continue
            names.append(name)
            paths = self._by_name.get(name, [])
            self._asked.update(paths)
            if len(paths) > 1:
                return Match(name, pattern, f"several files have its name: {', '.join(paths[:3])}")
            if paths:
                return Match(paths[0], pattern)
        if not names:
            fix = "e.g. '{id}_{start}_{end}'"
            raise user_error(
                "--clip-name",
                f"{patterns[0]!r} is no pattern of this format",
                f"fields: {', '.join(fields)}",
                fix,
            )
        return Match(" or ".join(names), "", "its file is missing")

    def unused_warning(self) -> list[str]:
        """A line that counts the clips that nothing asked for; none when there are none."""
        unused = sorted(
            path for paths in self._by_name.values() for path in paths if path not in self._asked
        )
        return (
            [f"{len(unused)} files below {self.root} are named nowhere, for example {unused[0]!r}"]
            if unused
            else []
        )
