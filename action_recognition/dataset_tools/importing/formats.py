"""The formats that can be imported, and the choice of the one that a source has."""

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
from action_recognition.dataset_tools.importing.json_items import json_files
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
    read_msasl,
    read_wlasl,
)
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.errors import Problem, UserError, user_error

# All formats with their readers.
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

# Flags that some formats do not use, with the formats that do.
_WITH_CLIP_FOLDER = ("original_lists", "jester", "msasl", "wlasl", "kinetics_csv")
_TAKE = {
    "--clips": (*_WITH_CLIP_FOLDER, "photo_table", "hagrid"),
    "--clip-name": ("msasl", "wlasl", "kinetics_csv"),
    "--num-classes": ("msasl", "wlasl", "jester"),
}
# Formats that are folders alone: no file in them tells the format.
_WITHOUT_FILES = ("class_folders", "photo_folders")
# Files that this toolkit writes beside clips.
_OUR_FILES = frozenset({CLASSES_FILE, DATASET_FILE, METADATA_FILE, "splits.csv", *REPORT_FILES})

# Formats by the kind of source, in the order in which messages name them.
_OF_JSON = ("sense", "msasl", "wlasl", "hagrid")
_OF_CSV = ("jester", "kinetics_csv", "photo_table")
_OF_FILES = {".json": _OF_JSON, ".csv": _OF_CSV, ".txt": ("original_lists",)}
_OF_FOLDERS = (
    *("sense", "msasl", "wlasl", "jester"),
    *("kinetics_csv", "original_lists", "hagrid", "photo_table"),
)
# Each format with the sign by which a source has it.
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


def read_source(source: Path, name: str, options: SourceOptions) -> tuple[Found, str]:
    """Read what a source holds.

    Returns it with its format: `name`, or the one that is recognised for "auto".
    """
    if not source.exists():
        raise user_error(str(source), "there is no such file or folder")

    # The format, stated or recognised.
    recognised = recognise(source) if name == "auto" else name
    _refuse_unused(options, recognised)

    found = READERS[recognised](source, options)
    if name == "auto" and recognised in _WITHOUT_FILES:
        found.warnings += _unknown_files(source)
    return found, recognised


def _refuse_unused(options: SourceOptions, name: str) -> None:
    """Check that the format uses all flags that are given.

    Raises UserError: it does not. The error names the flags.
    """
    given = {
        "--clips": options.clips,
        "--clip-name": options.clip_name,
        "--num-classes": options.num_classes,
    }
    unused = [flag for flag, value in given.items() if value is not None]
    unused = [flag for flag in unused if name not in _TAKE[flag]]
    if unused:
        found = f"says nothing to the format {name}"
        raise UserError([Problem(flag, found, f"with {', '.join(_TAKE[flag])}") for flag in unused])


def recognise(source: Path) -> str:
    """Return the format of a source, by the files in it.

    A folder without any file of a format is read as class folders. They are of photos where those
    lie directly in them.
    Raises UserError: the source can be read in several formats, or in none.
    """
    # Only formats of this kind of source are tried.
    is_folder = source.is_dir()
    candidates = _OF_FOLDERS if is_folder else _OF_FILES.get(source.suffix.lower(), ())
    names = [name for name in candidates if _SIGNS[name](source)]
    if len(names) > 1:
        found = f"can be read as {' and as '.join(names)}"
        raise user_error(str(source), found, fix="choose with --format")
    if names:
        return names[0]

    if not is_folder:
        raise _not_recognised(source)
    return "photo_folders" if has_photos_in_class_folders(source) else "class_folders"


def _not_recognised(source: Path) -> UserError:
    where, allowed = str(source), "a folder, or a .json, .csv or .txt"
    if source.suffix.lower() in ARCHIVE_SUFFIXES:
        found = "is an archive, which is not opened here"
        return user_error(where, found, allowed, "unpack it into a new folder and name that")
    # A broken JSON file has no format: the message says where it breaks.
    if reason := _json_problem(source):
        return user_error(where, reason, fix="take the published file again")
    return user_error(where, "is of no format that can be imported", allowed, "see --help")


def _unknown_files(source: Path) -> list[str]:
    """Return a line for each JSON and CSV file of a folder that is read as folders of classes.

    Files that this toolkit writes are no news.
    """
    files = [
        file
        for file in sorted(source.iterdir())
        if file.suffix.lower() in (".json", ".csv") and file.name not in _OUR_FILES
    ]
    unknown = "it is of no format that can be imported"
    return [f"{file} is not used: {_json_problem(file) or unknown}" for file in files]


def _json_problem(file: Path) -> str:
    """Return why a file cannot be read as JSON.

    It is empty where it can, and for a file that is none by its name.
    """
    if file.suffix.lower() != ".json":
        return ""
    try:
        json.loads(read_text(file)[0])
    except (ValueError, RecursionError) as error:
        return f"it is not readable as JSON ({error})"
    except UserError as error:
        return error.problems[0].found
    return ""
