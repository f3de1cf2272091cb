"""Read a folder per class, of video files or frame folders.

The class folders may be inside `train`, `val` and `test` folders.
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from action_recognition.data.dataset_files import Split
from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.dataset_tools.importing.found import Found, FoundClip, splits_of_folders
from action_recognition.dataset_tools.importing.media_walk import VIDEO_SUFFIXES, walk_media
from action_recognition.errors import user_error


def read_class_folders(source: Path) -> Found:
    """Read the clips of `source/CLASS/...`, or of `source/SPLIT/CLASS/...`.

    The second form is taken when every folder of `source` is named for a split. Folders between
    class and clip are free (a folder per person, say). A class without clips is left out.
    Raises UserError: there is no folder.
    """
    found = Found(source)
    names = _folders(source, found)
    if not names:
        allowed = "one folder for each class, with its videos or frame folders inside"
        raise user_error(str(source), "holds no folder", allowed)

    # Loose files of all levels are named before the clips.
    splits = splits_of_folders(names)
    for prefix in sorted({"", *splits}):
        _leave_out_loose_files(source / prefix, found)
    for prefix, split in splits.items():
        for name in _folders(source / prefix, found) if prefix else names:
            add_class_folder(found, f"{prefix}{name}", name, split)
    return found


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
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            names.append(entry.name)
        elif entry.is_dir():
            path = Path(entry.path).relative_to(found.data_root).as_posix()
            link = f"a link to a folder ({os.path.realpath(entry.path)}), which is not followed"
            found.leave_out(path, path, f"{link}; import from there, or copy it")
    return names
