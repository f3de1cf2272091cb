"""The formats that can be imported, and which one a source has."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from action_recognition.data.dataset_files import DATASET_FILE, METADATA_FILE, REPORT_FILES
from action_recognition.data.labels import CLASSES_FILE
from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.class_folders import read_class_folders
from action_recognition.dataset_tools.importing.csv_sets import (
    csv_files,
    is_jester,
    is_kinetics,
    read_jester,
    read_kinetics,
)
from action_recognition.dataset_tools.importing.found import Found
from action_recognition.dataset_tools.importing.lists import list_files, read_lists
from action_recognition.dataset_tools.importing.media_walk import ARCHIVE_SUFFIXES
from action_recognition.dataset_tools.importing.photo_sets import (
    hagrid_files,
    has_photos_in_class_folders,
    is_photo_table,
    read_hagrid,
    read_photo_folders,
    read_photo_names,
    read_photo_table,
)
from action_recognition.dataset_tools.importing.sense import CONFIG_FILE, read_sense
from action_recognition.dataset_tools.importing.sign_sets import (
    is_msasl,
    is_wlasl,
    json_files,
    read_msasl,
    read_wlasl,
)
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import Problem, UserError, user_error

READERS: dict[str, Callable[[Path, SourceOptions], Found]] = {
    "class_folders": lambda source, options: read_class_folders(source),
    "original_lists": read_lists,
    "jester": read_jester,
    "msasl": read_msasl,
    "wlasl": read_wlasl,
    "kinetics_csv": read_kinetics,
    "sense": lambda source, options: read_sense(source),
    "photo_folders": lambda source, options: read_photo_folders(source),
    "photo_names": lambda source, options: read_photo_names(source),
    "photo_table": read_photo_table,
    "hagrid": read_hagrid,
}


def read_source(source: Path, name: str, options: SourceOptions) -> tuple[Found, str]:
    """What a source holds, and its format (`name`, or the one that is recognised for "auto")."""
    if not source.exists():
        raise user_error(str(source), "there is no such file or folder")
    recognised = recognise(source) if name == "auto" else name
    _refuse_unused(options, recognised)
    found = READERS[recognised](source, options)
    if name == "auto" and recognised in _WITHOUT_FILES:
        found.warnings += _unknown_files(source)
    return found, recognised


def _refuse_unused(options: SourceOptions, name: str) -> None:
    """A `UserError` names the flags that say nothing to a format."""
    given = {
        "--clips": options.clips,
        "--clip-name": options.clip_name,
        "--num-classes": options.num_classes,
    }
    unused = [
        flag for flag, value in given.items() if value is not None and name not in _TAKE[flag]
    ]
    if unused:
        raise UserError(
            [
                Problem(
                    flag, f"says nothing to the format {name}", f"with {', '.join(_TAKE[flag])}"
                )
                for flag in unused
            ]
        )


def recognise(source: Path) -> str:
    """The format of a source, by the files in it; a `UserError` names them where there are several.

    A folder without any file of a format is read as class folders, of photos where those lie directly in them.
    """
    is_folder = source.is_dir()
    by_suffix: dict[str, tuple[str, ...]] = {
        "folder": (
            "sense",
            "msasl",
            "wlasl",
            "jester",
            "kinetics_csv",
            "original_lists",
            "hagrid",
            "photo_table",
        )
    }
    by_suffix |= {
        ".json": ("sense", "msasl", "wlasl", "hagrid"),
        ".csv": ("jester", "kinetics_csv", "photo_table"),
    }
    by_suffix |= {".txt": ("original_lists",)}
    candidates = by_suffix.get("folder" if is_folder else source.suffix.lower(), ())
    names = [name for name in candidates if _SIGNS[name](source)]
    if len(names) > 1:
        raise user_error(
            str(source), f"can be read as {' and as '.join(names)}", fix="choose with --format"
        )
    if not names and not is_folder:
        raise _not_recognised(source)
    return (
        names[0]
        if names
        else "photo_folders"
        if has_photos_in_class_folders(source)
        else "class_folders"
    )


def _not_recognised(source: Path) -> UserError:
    allowed = "a folder, or a .json, .csv or .txt"
    if source.suffix.lower() in ARCHIVE_SUFFIXES:
        return user_error(
            str(source),
            "is an archive, which is not opened here",
            allowed,
            "unpack it into a new folder and name that",
        )
    if reason := _json_problem(source):
        return user_error(str(source), reason, fix="take the published file again")
    return user_error(str(source), "is of no format that can be imported", allowed, "see --help")


def _unknown_files(source: Path) -> list[str]:
    """A line for each JSON and CSV file of a folder that is read as folders of classes, but for those that this toolkit writes."""
    files = [
        file
        for file in sorted(source.iterdir())
        if file.suffix.lower() in (".json", ".csv") and file.name not in _OUR_FILES
    ]
    return [
        f"{file} is not used: {_json_problem(file) or 'it is of no format that can be imported'}"
        for file in files
    ]


def _json_problem(file: Path) -> str:
    """Why a file cannot be read as JSON; empty where it can, or is none by its name."""
    if file.suffix.lower() != ".json":
        return ""
    try:
        json.loads(read_text(file)[0])
    except (ValueError, RecursionError) as error:
        return f"it is not readable as JSON ({error})"
    except UserError as error:
        return error.problems[0].found
    return ""


_TAKE = {  # flags of which not every format makes use
    "--clips": (
        "original_lists",
        "jester",
        "msasl",
        "wlasl",
        "kinetics_csv",
        "photo_table",
        "hagrid",
    ),
    "--clip-name": ("msasl", "wlasl", "kinetics_csv"),
    "--num-classes": ("msasl", "wlasl", "jester"),
}
_WITHOUT_FILES = ("class_folders", "photo_folders")
_OUR_FILES = frozenset({CLASSES_FILE, DATASET_FILE, METADATA_FILE, "splits.csv", *REPORT_FILES})
_SIGNS: dict[str, Callable[[Path], bool]] = {
    "sense": lambda source: source.name == CONFIG_FILE or (source / CONFIG_FILE).is_file(),
    "msasl": lambda source: bool(json_files(source, is_msasl)),
    "wlasl": lambda source: bool(json_files(source, is_wlasl)),
    "jester": lambda source: bool(csv_files(source, is_jester)),
    "kinetics_csv": lambda source: bool(csv_files(source, is_kinetics)),
    "original_lists": lambda source: bool(list_files(source)),
    "hagrid": lambda source: bool(hagrid_files(source)),
    "photo_table": lambda source: any(
        map(is_photo_table, [source] if source.is_file() else sorted(source.glob("*.csv")))
    ),
}
