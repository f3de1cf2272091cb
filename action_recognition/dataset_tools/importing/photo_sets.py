"""Photos, one file each: a folder per class, files named for their class, a table, or HaGRID's annotation.

Source: github.com/hukenovs/hagrid, readme, "Annotations" (a JSON object per gesture: picture id -> bboxes, labels, user_id);
github.com/cs230-stanford/cs230-code-examples, pytorch/vision (SIGNS: `train_signs/0_IMG_5864.jpg`).
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from action_recognition.data.dataset_files import Split
from action_recognition.data.tables import read_table, read_text
from action_recognition.data.video import is_photo
from action_recognition.dataset_tools.importing.found import Found, FoundClip, split_of
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import user_error

_JUNK = frozenset({"thumbs.db", "desktop.ini", "splits.csv", "classes.json"})
_NAMED = re.compile(r"([^_]+)_.+")
_HAGRID_PREFIX = "train_val_"
_PERSON_COLUMNS = ("person", "user_id", "student_group", "signer")


def has_photos_in_class_folders(source: Path) -> bool:
    """Whether photos lie directly in folders of classes, where frames of clips would have a folder of their own."""
    folders = [
        folder for folder in source.iterdir() if folder.is_dir() and not folder.name.startswith(".")
    ]
    if folders and all(split_of(folder.name) for folder in folders):
        folders = [inner for folder in folders for inner in folder.iterdir() if inner.is_dir()]
    return bool(folders) and all(any(map(is_photo, folder.iterdir())) for folder in folders)


def read_photo_folders(source: Path) -> Found:
    """Photos of `source/CLASS/...`, or `source/SPLIT/CLASS/...`; what lies between class and photo is free.

    HaGRID's `train_val_call` is the class `call`. A class without photos is left out and named.
    """
    found = Found(source)
    names = _folders(source)
    splits: dict[str, Split | None] = {"": None}
    if names and all(split_of(name) for name in names):
        splits = {f"{name}/": split_of(name) for name in names}
    elif not names:
        raise user_error(
            str(source), "holds no folder", "one folder for each class, with its photos inside"
        )
    for prefix, split in splits.items():
        for name in _folders(source / prefix) if prefix else names:
            label = unicodedata.normalize("NFC", name).strip().removeprefix(_HAGRID_PREFIX)
            _add_folder(found, f"{prefix}{name}", label, split)
    return found


def read_photo_names(source: Path) -> Found:
    """Photos whose names begin with their class, `0_IMG_1118.jpg`; a folder named for a split (`train_signs`) gives the split."""
    found = Found(source)
    for path in _walk(found, ""):
        pure = PurePosixPath(path)
        match = _NAMED.fullmatch(pure.stem)
        if match is None:
            found.leave_out(
                path, path, "its name does not begin with a class and '_', as 0_IMG_1118.jpg does"
            )
            continue
        split = next(
            (part for folder in pure.parts[:-1] if (part := named_split(Path(folder)))), None
        )
        found.clips.append(FoundClip(path=path, label=match[1], where=path, split=split))
    return found


def is_photo_table(file: Path) -> bool:
    """Whether a CSV has the columns `path` and `label`, and photos in its first row."""
    try:
        header, rows = read_table(file).with_header()
    except Exception:  # not readable as a table: not one
        return False
    return (
        {"path", "label"} <= set(header)
        and bool(rows)
        and is_photo(Path(rows[0].cells[header.index("path")].strip()))
    )


def read_photo_table(source: Path, options: SourceOptions) -> Found:
    """A CSV with the columns `path` and `label`, perhaps `split`, and `person` (or user_id, student_group, signer)."""
    file = (
        source
        if source.is_file()
        else next(iter(sorted(item for item in source.glob("*.csv") if is_photo_table(item))))
    )
    found = Found(options.clips or file.parent)
    header, rows = read_table(file).with_header()
    if missing := {"path", "label"} - set(header):
        raise user_error(
            str(file),
            f"has no column {' and no '.join(sorted(missing))}",
            "path, label, and perhaps split and person",
        )
    person_column = next((name for name in _PERSON_COLUMNS if name in header), None)
    for where, cells in rows:
        values = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        path, label = values.get("path", ""), values.get("label", "")
        if not path or not label:
            found.leave_out(where, path, "the row has no path or no label")
            continue
        person = values.get(person_column) or None if person_column else None
        split = split_of(values.get("split", ""))
        found.clips.append(
            FoundClip(path=path, label=label, where=where, split=split, person=person)
        )
    return found


def hagrid_files(source: Path) -> list[Path]:
    """The JSON files of HaGRID's annotation at or below `source`."""
    files = [source] if source.is_file() else sorted(source.rglob("*.json"))
    return [file for file in files if file.suffix == ".json" and _is_hagrid(file)]


def read_hagrid(source: Path, options: SourceOptions) -> Found:
    """HaGRID's annotation: the file's name is the gesture, `user_id` the person; photos are found by their id below the data root."""
    found = Found(options.clips or (source if source.is_dir() else source.parent))
    by_id = {PurePosixPath(path).stem: path for path in _walk(found, "")}
    for file in hagrid_files(source):
        split = next(
            (part for name in (file.parent.name, file.stem) if (part := split_of(name))), None
        )
        for picture, entry in read_hagrid_file(file).items():
            where = f"{file}: {picture}"
            if picture not in by_id:
                found.leave_out(where, picture, "there is no photo of that id")
                continue
            person = entry.get("user_id")
            person = person if isinstance(person, str) else None
            found.clips.append(
                FoundClip(
                    path=by_id[picture], label=file.stem, where=where, split=split, person=person
                )
            )
    return found


def read_hagrid_file(file: Path) -> Mapping[str, Mapping[str, Any]]:
    """Entries by picture id: `bboxes` (x, y, width, height in parts of the picture), `labels`, perhaps `user_id`."""
    try:
        document = json.loads(read_text(file)[0])
    except ValueError as error:
        raise user_error(
            str(file), f"is no readable JSON ({error})", fix="take the published file again"
        ) from None
    if not isinstance(document, dict) or not all(
        isinstance(entry, dict) for entry in document.values()
    ):
        raise user_error(
            str(file),
            "is no object of picture ids",
            '{"ID": {"bboxes": [[x, y, width, height]], "labels": ["call"]}}',
        )
    return document


def _is_hagrid(file: Path) -> bool:
    with file.open("rb") as opened:
        return b'"bboxes"' in opened.read(4096)


def _folders(folder: Path) -> list[str]:
    entries = [
        entry
        for entry in os.scandir(folder)
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
    ]
    return sorted(entry.name for entry in entries)


def _add_folder(found: Found, folder: str, label: str, split: Split | None) -> None:
    before = len(found.clips)
    found.clips += [
        FoundClip(path=path, label=label, where=path, split=split) for path in _walk(found, folder)
    ]
    if len(found.clips) == before:
        found.leave_out(folder, folder, f"class {label!r} has no photo here")


def _walk(found: Found, below: str) -> Iterator[str]:
    """Photos below a folder of the data root, by name; what is none is left out with its reason; no link to a folder is followed."""
    for entry in sorted(os.scandir(found.data_root / below), key=lambda item: item.name):
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or entry.name.lower() in _JUNK:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(found, path)
        elif entry.is_dir():
            found.leave_out(
                path,
                path,
                f"a link to a folder ({os.path.realpath(entry.path)}), which is not followed",
            )
        elif is_photo(Path(entry.name)):
            yield path
        elif Path(entry.name).suffix.lower() not in (".json", ".csv", ".txt", ".md"):
            found.leave_out(path, path, "no photo by its name")
