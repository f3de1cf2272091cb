"""The films of folders that hold photos as well. An import would take such a folder for frames."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from action_recognition.dataset_tools.importing.folder_layout import ClassFolder, folder_layout
from action_recognition.dataset_tools.importing.found import FoundClip
from action_recognition.errors import user_error

_FIX = "name the folder that holds the folders of gestures"


def films_of_classes(
    source: Path, paths: Collection[PurePosixPath]
) -> tuple[list[FoundClip], list[str]]:
    """Return the films with class and split, and lines about what was assumed or left out.

    `paths` are those of all films below the source. Classes and splits are found as an import
    finds them. Raises UserError: there is no film, or the folders are no classes.
    """
    below = {path.parts[:-1] for path in paths if len(path.parts) > 1}
    if not below:
        raise user_error(str(source), "holds no clips in folders of gestures")
    layout = folder_layout(below)
    if layout.problem:
        raise user_error(str(source), layout.problem, fix=_FIX)

    # Films beside the folders of classes have no label.
    folder_of = {folder.path: folder for folder in layout.folders}
    films = []
    for path in sorted(paths):
        folder = _folder_of(path, folder_of)
        if folder is not None:
            label = unicodedata.normalize("NFC", folder.label).strip()
            name = str(path)
            films.append(FoundClip(path=name, label=label, where=name, split=folder.split))
    says = list(layout.notes)
    if len(films) < len(paths):
        says.append(f"{len(paths) - len(films)} clips lie in no folder of a gesture: not used")
    return films, says


def _folder_of(path: PurePosixPath, folder_of: dict[str, ClassFolder]) -> ClassFolder | None:
    """Return the class folder above a film, or None."""
    return next((folder_of[str(up)] for up in path.parents if str(up) in folder_of), None)
