"""A folder per class, of video files or of frame folders; perhaps inside `train`, `val` and `test` folders."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

from action_recognition.data.dataset_files import Split
from action_recognition.data.frame_folder import IMAGE_SUFFIXES
from action_recognition.dataset_tools.importing.found import Found, FoundClip, split_of
from action_recognition.dataset_tools.importing.media_walk import VIDEO_SUFFIXES, walk_media
from action_recognition.errors import user_error


def read_class_folders(source: Path) -> Found:
    """Clips of `source/CLASS/...`, or of `source/SPLIT/CLASS/...` when every folder of `source` is named for a split.

    What lies between class and clip is free (a folder per person, say). A class without clips is left out. A `UserError` says that
    there is no folder.
    """
    found = Found(source)
    splits: dict[str, Split | None] = {"": None}
    names = _folders(source, found)
    if names and all(split_of(name) for name in names):
        splits = {f"{name}/": split_of(name) for name in names}
    elif not names:
        raise user_error(
            str(source),
            "holds no folder",
            "one folder for each class, with its videos or frame folders inside",
        )
    for prefix in sorted({"", *splits}):
        _leave_out_loose_files(source / prefix, found)
    for prefix, split in splits.items():
        for name in _folders(source / prefix, found) if prefix else names:
            add_class_folder(found, f"{prefix}{name}", name, split)
    return found


def add_class_folder(found: Found, folder: str, label: str, split: Split | None) -> None:
    """Add the clips below `folder` (relative to the data root) as clips of a class."""
    label = unicodedata.normalize("NFC", label).strip()
    if not label:
        found.leave_out(folder, folder, "a class cannot have a blank name; rename the folder")
        return
    num_clips = 0
    for path, problem in walk_media(found.data_root, folder):
        if path == folder and not problem:
            found.leave_out(
                folder,
                folder,
                "its images lie directly in the folder of the class; each clip needs a folder of its own",
            )
            return
        if problem:
            found.leave_out(path, path, problem)
        else:
            num_clips += 1
            found.clips.append(FoundClip(path=path, label=label, where=path, split=split))
    if not num_clips:
        found.leave_out(folder, folder, f"class {label!r} has no clip here")


def _leave_out_loose_files(folder: Path, found: Found) -> None:
    """Name the videos and images that lie beside the folders of the classes."""
    for file in sorted(folder.iterdir()):
        if (
            file.is_file()
            and file.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES
            and not file.name.startswith(".")
        ):
            path = file.relative_to(found.data_root).as_posix()
            found.leave_out(
                path, path, "lies beside the folders of the classes; move it into that of its class"
            )


def _folders(folder: Path, found: Found) -> list[str]:
    """Names of the folders of classes or splits; links to folders are left out and said."""
    names = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            names.append(entry.name)
        elif entry.is_dir():
            path = Path(entry.path).relative_to(found.data_root).as_posix()
            target = os.path.realpath(entry.path)
            found.leave_out(
                path,
                path,
                f"a link to a folder ({target}), which is not followed; import from there, or copy it",
            )
    return names
