"""Read a folder per class, of video files or frame folders.

The class folders may be inside or around `train`, `val` and `test` folders, and below a top folder.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

from action_recognition.data.dataset_files import Split
from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.data.photo_kinds import VIDEO_SUFFIXES
from action_recognition.dataset_tools.importing.folder_layout import (
    ClassFolder,
    Layout,
    Parts,
    folder_layout,
)
from action_recognition.dataset_tools.importing.folder_names import modality_of
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import UserError, user_error

_ALLOWED = "one folder for each class, with its videos or frame folders inside"


def read_class_folders(source: Path, options: SourceOptions, *, is_stated: bool = True) -> Found:
    """Read the clips of `source/CLASS/...`, with folders of splits above or below the classes.

    Folders between class and clip are free (a folder per person, say). A class without clips is
    left out. Where the folders are no classes, they are taken as such only if the user stated the
    format (`is_stated`).
    Raises UserError: there is no folder, or it is not known which folders are the classes.
    """
    found = Found(source, are_folders=True)
    if not _folders(source, Found(source)):
        raise user_error(str(source), "holds no folder", _ALLOWED)
    layout = class_layout(source, _folders_of_clips(source, options.modality))
    folders = layout.folders
    if layout.problem:
        if not is_stated:
            raise not_classes(source, layout.problem)
        # The user said that the first folders are the classes.
        folders = [ClassFolder(name, name, None) for name in _folders(source, Found(source))]
    found.warnings += layout.notes

    _add_all(found, folders)
    _choose_modality(found, options.modality, {folder.path for folder in folders})
    return found


def not_classes(source: Path, problem: str, other_way: str = "") -> UserError:
    """Return the error for folders that are no classes, with the ways to say what they are."""
    ways = "name the folder that holds the folders of classes"
    other_way = other_way or "name one of the kinds of files with --modality"
    forced = "--format class_folders (or photo_folders) takes the first folders as classes"
    return user_error(str(source), problem, _ALLOWED, f"{ways}; or {other_way}; {forced}")


def class_layout(source: Path, folders: set[Parts]) -> Layout:
    """Return the layout of the folders of clips. Without a clip, the first folders are classes."""
    if folders:
        return folder_layout(folders)
    names = _folders(source, Found(source))
    return Layout([ClassFolder(name, name, None) for name in names], [])


def add_class_folder(found: Found, folder: str, label: str, split: Split | None) -> None:
    """Add the clips below `folder` (relative to the data root) as clips of a class."""
    # An accent may be part of its letter or a separate character: both are one class.
    label = unicodedata.normalize("NFC", label).strip()
    if not label:
        found.leave_out(folder, folder, "a class cannot have a blank name; rename the folder")
        return

    # Every file below the folder is a clip or left out with its reason.
    num_before = len(found.clips)
    for path, problem in walk_media(found.data_root, folder):
        if path == folder and not problem:
            lie = "its images lie directly in the folder of the class"
            found.leave_out(folder, folder, f"{lie}; each clip needs its own folder")
            return
        if problem:
            found.leave_out(path, path, problem)
        else:
            found.clips.append(FoundClip(path=path, label=label, where=path, split=split))

    if len(found.clips) == num_before:
        found.leave_out(folder, folder, f"class {label!r} has no clip here")


def _folders_of_clips(source: Path, modality: str | None) -> set[Parts]:
    """Return the folders, as parts below the source, in which clips of a modality lie."""
    paths = (path for path, problem in walk_media(source) if not problem)
    if modality:
        paths = (path for path in paths if modality_of(path) in (modality.lower(), ""))
    return {parts for path in paths if (parts := PurePosixPath(path).parts[:-1])}


def _add_all(found: Found, folders: list[ClassFolder]) -> None:
    """Add the clips of all folders of classes, and name what lies beside them."""
    root = found.data_root
    places = sorted({folder.path.rpartition("/")[0] for folder in folders})

    # Loose files of all levels are named before the clips.
    for place in sorted({"", *places}):
        _leave_out_loose_files(root / place, found)
    known = {folder.path for folder in folders}
    for place in places:
        for name in _folders(root / place, found):
            path = f"{place}/{name}" if place else name
            if path not in known and not any(other.startswith(f"{path}/") for other in known):
                add_class_folder(found, path, name, None)
    for folder in folders:
        add_class_folder(found, *folder)


def _choose_modality(found: Found, modality: str | None, classes: set[str]) -> None:
    """Keep the clips of one modality where the clips of classes have several.

    Raises UserError: nobody said which.
    """
    kind_of = {clip.path: modality_of(_below_class(clip.path, classes)) for clip in found.clips}
    kinds = set(kind_of.values()) - {""}
    if modality:
        wanted = (modality.lower(), "")
        found.clips = [clip for clip in found.clips if kind_of[clip.path] in wanted]
        if not found.clips:
            seen = f"no clip is named for {modality!r}"
            raise user_error("--modality", seen, f"found: {', '.join(sorted(kinds)) or 'none'}")
    elif len(kinds) > 1:
        seen = f"holds several films of its clips: {', '.join(sorted(kinds))}"
        raise user_error(str(found.data_root), seen, fix="choose one with --modality")


def _below_class(path: str, classes: set[str]) -> str:
    """Return the part of a path below the folder of its class, which may be called `video`."""
    for parent in PurePosixPath(path).parents:
        if str(parent) in classes:
            return str(PurePosixPath(path).relative_to(parent))
    return path


def _leave_out_loose_files(folder: Path, found: Found) -> None:
    """Name the videos and images that lie beside the folders of the classes."""
    media_suffixes = VIDEO_SUFFIXES | IMAGE_SUFFIXES
    for file in sorted(folder.iterdir()):
        is_media = file.is_file() and file.suffix.lower() in media_suffixes
        if is_media and not file.name.startswith("."):
            path = file.relative_to(found.data_root).as_posix()
            reason = "lies beside the folders of the classes; move it into that of its class"
            found.leave_out(path, path, reason)


def _folders(folder: Path, found: Found) -> list[str]:
    """Return the names of the folders of classes or splits. Leave out links to folders."""
    names = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name.lower() == "__macosx":
            continue
        if entry.is_dir(follow_symlinks=False):
            names.append(entry.name)
        elif entry.is_dir():
            path = Path(entry.path).relative_to(found.data_root).as_posix()
            link = f"a link to a folder ({os.path.realpath(entry.path)}), which is not followed"
            found.leave_out(path, path, f"{link}; import from there, or copy it")
    return names
