"""Read photos, one file each.

They come in a folder per class, as files named for their class, in a table, or with HaGRID's
annotation.

Source: github.com/hukenovs/hagrid, readme, "Annotations" (a JSON object per gesture: picture id ->
bboxes, labels, user_id). github.com/cs230-stanford/cs230-code-examples, pytorch/vision (SIGNS:
`train_signs/0_IMG_5864.jpg`).
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from action_recognition.data.dataset_files import Split
from action_recognition.data.frame_folder import list_frame_files
from action_recognition.data.photo import PHOTO_SUFFIXES, photo_kind
from action_recognition.data.photo_kinds import HEIC, READ_BY_PILLOW, VIDEO_SUFFIXES
from action_recognition.data.tables import read_table, read_text
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.importing.folder_layout import (
    ClassFolder,
    Parts,
    folder_layout,
)
from action_recognition.dataset_tools.importing.formats.class_folders import (
    class_layout,
    not_classes,
)
from action_recognition.dataset_tools.importing.found import Found, FoundClip, split_of
from action_recognition.dataset_tools.importing.media_walk import walk_media
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import UserError, user_error
from action_recognition.json_files import parse_json

# Files that are no photos and need no remark.
_JUNK = frozenset({"thumbs.db", "desktop.ini", "splits.csv", "classes.json", "__macosx"})
# The class, an underscore, and the rest of the name.
_NAMED = re.compile(r"([^_]+)_.+")
_HAGRID_PREFIX = "train_val_"
# Tables and texts beside photos.
_OTHER_SUFFIXES = (".json", ".csv", ".txt", ".md")
_PERSON_COLUMNS = ("person", "user_id", "student_group", "signer")


def has_photos_in_class_folders(source: Path) -> bool:
    """Return True if photos lie directly in folders of classes.

    Frames of clips would have separate folders.
    Raises UserError: one folder holds all others, whose images may be frames or photos.
    """
    folders = _folders_of_photos(source)
    layout = folder_layout(folders) if folders else None
    if layout is None or not _are_full(source, layout.folders, folders):
        return False
    if not layout.notes:
        return True
    if any(not problem and (source / path).is_file() for path, problem in walk_media(source)):
        return False

    # Frames of the clips of one class look like photos of several.
    are_frames = all(_is_numbered_through(source.joinpath(*parts)) for parts in folders)
    if are_frames and len(folders) > 1:
        allowed = "--format photo_folders for photos, --format class_folders for frames"
        raise user_error(str(source), "holds frames of one class, or photos of several", allowed)
    return not are_frames


def _are_full(source: Path, classes: Collection[ClassFolder], with_photos: set[Parts]) -> bool:
    """Return True if all folders at the level of the classes have photos directly in them."""
    paths = {folder.path for folder in classes}
    if not paths <= set(map("/".join, with_photos)):
        return False
    places = {path.rpartition("/")[0] for path in paths}
    beside = [f"{place}/{name}" for place in places for name in _folders(source / place)]
    return {path.lstrip("/") for path in beside} <= paths


def _is_numbered_through(folder: Path) -> bool:
    try:
        return len(list_frame_files(folder)) > 1
    except UserError:
        return False


def _folders_of_photos(source: Path) -> set[Parts]:
    """Return the folders, as parts below the source, in which photos lie directly."""
    found: set[Parts] = set()
    for place, folders, files in os.walk(source):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        if any(is_photo(Path(place, name)) for name in files if not _is_hidden(name)):
            found.add(Path(place).relative_to(source).parts)
    return found - {()}


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _JUNK


def read_photo_folders(source: Path, *, is_stated: bool = True) -> Found:
    """Read the photos of `source/CLASS/...`, with folders of splits above or below the classes.

    Folders between class and photo are free. HaGRID's `train_val_call` is the class `call`. A class
    without photos is left out and named. Where the folders are no classes, they are taken as such
    only if the user stated the format (`is_stated`).
    Raises UserError: there is no folder, or it is not known which folders are the classes.
    """
    found = Found(source, are_folders=True)
    names = _folders(source)
    if not names:
        allowed = "one folder for each class, with its photos inside"
        raise user_error(str(source), "holds no folder", allowed)

    layout = class_layout(source, _folders_of_photos(source))
    folders = layout.folders
    if layout.problem and not is_stated:
        way = "--format photo_names takes the class from names such as 0_IMG_1118.jpg"
        raise not_classes(source, layout.problem, way)
    if layout.problem:
        folders = [ClassFolder(name, name, None) for name in names]
    found.warnings += layout.notes

    # Folders beside those of classes have no photo, and are named.
    places = {folder.path.rpartition("/")[0] for folder in folders}
    beside = {
        f"{place}/{name}".lstrip("/") for place in places for name in _folders(source / place)
    }
    taken = {folder.path for folder in folders}
    empty = [path for path in beside - taken if not any(at.startswith(f"{path}/") for at in taken)]
    folders = [*folders, *(ClassFolder(path, path.rpartition("/")[2], None) for path in empty)]
    for path, name, split in sorted(folders, key=lambda folder: folder.path):
        label = unicodedata.normalize("NFC", name).strip().removeprefix(_HAGRID_PREFIX)
        _add_folder(found, path, label, split)
    return found


def read_photo_names(source: Path) -> Found:
    """Read photos whose names begin with their class, `0_IMG_1118.jpg`.

    A folder named for a split (`train_signs`) gives the split.
    """
    found = Found(source)
    for path in _walk(found, ""):
        pure = PurePosixPath(path)
        match = _NAMED.fullmatch(pure.stem)
        if match is None:
            reason = "its name does not begin with a class and '_', as 0_IMG_1118.jpg does"
            found.leave_out(path, path, reason)
            continue

        splits = (named_split(Path(folder)) for folder in pure.parts[:-1])
        split = next((part for part in splits if part), None)
        found.clips.append(FoundClip(path=path, label=match[1], where=path, split=split))
    return found


def is_photo_table(file: Path) -> bool:
    """Return True for a CSV with the columns `path` and `label`, and a photo in its first row."""
    # A file that cannot be read as a table is none.
    try:
        header, rows = read_table(file).with_header()
    except Exception:
        return False
    if not rows or not {"path", "label"} <= set(header):
        return False
    return is_photo(Path(rows[0].cells[header.index("path")].strip()))


def read_photo_table(source: Path, options: SourceOptions) -> Found:
    """Read a CSV with the columns `path` and `label`, perhaps `split`, and perhaps a person.

    The person is in the column `person` (or user_id, student_group, signer).
    """
    file = source if source.is_file() else _first_photo_table(source)
    found = Found(options.clips or file.parent)
    header, rows = read_table(file).with_header()
    if missing := {"path", "label"} - set(header):
        lacking = f"has no column {' and no '.join(sorted(missing))}"
        raise user_error(str(file), lacking, "path, label, and perhaps split and person")

    person_column = next((name for name in _PERSON_COLUMNS if name in header), None)
    for where, cells in rows:
        values = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        _add_photo_row(found, where, values, person_column)
    return found


def _first_photo_table(folder: Path) -> Path:
    file = next(filter(is_photo_table, side_files(folder, ".csv")), None)
    if file is not None:
        return file
    found = "holds no CSV file of photos"
    raise user_error(str(folder), found, "the columns path and label, photos in the rows")


def _add_photo_row(
    found: Found, where: str, values: Mapping[str, str], person_column: str | None
) -> None:
    path, label = values.get("path", ""), values.get("label", "")
    if not path or not label:
        found.leave_out(where, path, "the row has no path or no label")
        return
    person = (values.get(person_column) or None) if person_column else None
    split = split_of(values.get("split", ""))
    clip = FoundClip(path=path, label=label, where=where, split=split, person=person)
    found.clips.append(clip)


def hagrid_files(source: Path) -> list[Path]:
    """Return the JSON files of HaGRID's annotation at or below `source`."""
    files = [source] if source.is_file() else sorted(source.rglob("*.json"))
    return [file for file in files if file.suffix == ".json" and _is_hagrid(file)]


def read_hagrid(source: Path, options: SourceOptions) -> Found:
    """Read HaGRID's annotation.

    The file's name is the gesture and `user_id` the person. Photos are found by their id below the
    data root.
    """
    found = Found(options.clips or (source if source.is_dir() else source.parent))
    # Photos wherever they are below the root.
    by_id = {PurePosixPath(path).stem: path for path in _walk(found, "")}
    for file in hagrid_files(source):
        _add_hagrid_file(found, file, by_id)
    return found


def _add_hagrid_file(found: Found, file: Path, by_id: Mapping[str, str]) -> None:
    # The folder of a file tells the split, or its name.
    splits = (split_of(name) for name in (file.parent.name, file.stem))
    split = next((part for part in splits if part), None)
    for picture, entry in read_hagrid_file(file).items():
        where, path = f"{file}: {picture}", by_id.get(picture)
        if path is None:
            found.leave_out(where, picture, "there is no photo of that id")
            continue

        # An entry may have no user.
        user = entry.get("user_id")
        person = user if isinstance(user, str) else None
        clip = FoundClip(path=path, label=file.stem, where=where, split=split, person=person)
        found.clips.append(clip)


def read_hagrid_file(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Read entries by picture id.

    An entry has `bboxes` (x, y, width, height in parts of the picture), `labels`, and perhaps
    `user_id`.
    """
    try:
        document = parse_json(read_text(file)[0])
    except ValueError as error:
        found = f"is no readable JSON ({error})"
        raise user_error(str(file), found, fix="take the published file again") from None

    is_object = isinstance(document, dict)
    if not is_object or not all(isinstance(entry, dict) for entry in document.values()):
        allowed = '{"ID": {"bboxes": [[x, y, width, height]], "labels": ["call"]}}'
        raise user_error(str(file), "is no object of picture ids", allowed)
    return document  # type: ignore[no-any-return]


def _is_hagrid(file: Path) -> bool:
    with file.open("rb") as opened:
        return b'"bboxes"' in opened.read(4096)


def _folders(folder: Path) -> list[str]:
    """Return the sorted names of the folders in a folder, without links and hidden ones."""
    entries = (entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False))
    return sorted(entry.name for entry in entries if not entry.name.startswith("."))


def _add_folder(found: Found, folder: str, label: str, split: Split | None) -> None:
    paths = list(_walk(found, folder))
    found.clips += [FoundClip(path=path, label=label, where=path, split=split) for path in paths]
    if not paths:
        found.leave_out(folder, folder, f"class {label!r} has no photo here")


def _walk(found: Found, below: str) -> Iterator[str]:
    """Yield the photos below a folder of the data root, by name.

    Other files are left out with their reason, tables and texts without a word. No link to a folder
    is followed.
    """
    for entry in sorted(os.scandir(found.data_root / below), key=lambda item: item.name):
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or entry.name.lower() in _JUNK:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(found, path)
        elif entry.is_dir():
            link = f"a link to a folder ({os.path.realpath(entry.path)})"
            found.leave_out(path, path, f"{link}, which is not followed")
        elif problem := _no_photo(Path(entry.path)):
            if Path(entry.name).suffix.lower() not in _OTHER_SUFFIXES:
                found.leave_out(path, path, problem)
        else:
            yield path


def _no_photo(file: Path) -> str:
    """Return why a file is no photo that is read, or an empty text."""
    if file.suffix.lower() in PHOTO_SUFFIXES - VIDEO_SUFFIXES:
        return ""
    kind = photo_kind(file)
    if kind and file.suffix.lower() in VIDEO_SUFFIXES:
        return f"a {kind} photo with the name of a video; rename it"
    if kind in (*READ_BY_PILLOW, HEIC):
        return ""
    return f"a {kind} file, which is not read; save it as JPEG" if kind else "no photo"
