"""Find the files that lists name by path: the root of the paths, and files of another suffix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from action_recognition.data.frame_folder import list_frame_files
from action_recognition.dataset_tools.importing.media_index import Match, MediaIndex
from action_recognition.dataset_tools.importing.side_files import JUNK_FOLDERS
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError

# Paths that are looked for below each folder, and folders that are looked into.
_LOOKED_AT = 50
_MAX_FOLDERS = 400


class ListedMedia:
    """The files of lists.

    `root` is the folder below which all paths are, or else the one that was named.
    """

    def __init__(self, folder: Path, paths: Sequence[str], options: SourceOptions) -> None:
        folders = [options.clips] if options.clips else _folders(folder)
        looked_at = paths[:: max(1, len(paths) // _LOOKED_AT)]
        # The first of several is the one nearest to the top.
        counts = {root: sum(_exists(root, path) for path in looked_at) for root in folders}
        best = max(folders, key=lambda root: counts[root])
        # Parts of a set may lie in folders of their own, such as videos_train and videos_val.
        self.root = best if counts[best] == len(looked_at) else folders[0]
        self._places = [self.root, *(root for root in folders if counts[root])]
        self._index: MediaIndex | None = None

    def find(self, path: str) -> Match:
        """Return the file of a path, with another suffix or as a folder of frames if need be.

        Elsewhere below the root, a file of the same name counts where it is the only one.
        """
        path = path.removeprefix("./")
        without_suffix = str(PurePosixPath(path).with_suffix(""))
        for place in self._places:
            below = place.relative_to(self.root) if place.is_relative_to(self.root) else None
            if below is not None and (place / path).exists():
                return Match((below / path).as_posix(), "")
            if below is not None and (place / without_suffix).is_dir():
                return Match((below / without_suffix).as_posix(), "")

        if self._index is None:
            self._index = MediaIndex(self.root)
        name = PurePosixPath(path)
        match = self._index.find(("{name}",), name=name.name)
        if match.problem:
            match = self._index.find(("{name}",), name=name.stem)
        return match._replace(path=path) if match.problem else match

    def num_images(self, path: str) -> int:
        """Return the number of images of a path that is a folder of frames, else 0."""
        match = self.find(path)
        folder = self.root / match.path
        if match.problem or not folder.is_dir():
            return 0
        try:
            # Images of optical flow beside them are no frames.
            return len(list_frame_files(folder))
        except UserError:
            return 0


def _exists(root: Path, path: str) -> bool:
    place = root / path.removeprefix("./")
    return place.exists() or place.with_suffix("").is_dir()


def _folders(folder: Path) -> list[Path]:
    """Return a folder and those below it that may be the root of paths, near ones first."""
    found = level = [folder]
    for _ in range(3):
        level = [
            Path(entry.path)
            for place in level
            for entry in sorted(os.scandir(place), key=lambda entry: entry.name)
            if entry.is_dir(follow_symlinks=False)
            and not entry.name.startswith(".")
            and entry.name.lower() not in JUNK_FOLDERS
        ]
        if len(found) + len(level) > _MAX_FOLDERS:
            break
        found = found + level
    return found
