"""The choice of the format that a source has, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.formats.autsl import autsl_tables, read_autsl
from action_recognition.dataset_tools.importing.formats.class_folders import read_class_folders
from action_recognition.dataset_tools.importing.formats.class_lists import (
    is_class_lists,
    read_class_lists,
)
from action_recognition.dataset_tools.importing.formats.csv_sets import (
    csv_files,
    is_jester,
    is_kinetics,
    read_jester,
    read_kinetics,
)
from action_recognition.dataset_tools.importing.formats.egogesture import (
    egogesture_tables,
    read_egogesture,
)
from action_recognition.dataset_tools.importing.formats.ipn_hand import is_ipn_hand, read_ipn_hand
from action_recognition.dataset_tools.importing.formats.lists import list_files, read_lists
from action_recognition.dataset_tools.importing.formats.lsa64 import is_lsa64, read_lsa64
from action_recognition.dataset_tools.importing.formats.nvgesture import (
    nvgesture_lists,
    read_nvgesture,
)
from action_recognition.dataset_tools.importing.formats.photo_sets import (
    hagrid_files,
    has_photos_in_class_folders,
    is_photo_table,
    read_hagrid,
    read_photo_folders,
    read_photo_names,
    read_photo_table,
)
from action_recognition.dataset_tools.importing.formats.sense import CONFIG_FILE, read_sense
from action_recognition.dataset_tools.importing.formats.sign_sets import (
    is_msasl,
    is_wlasl,
    read_msasl,
    read_wlasl,
)
from action_recognition.dataset_tools.importing.formats.something import (
    is_something,
    read_something,
)
from action_recognition.dataset_tools.importing.formats.wlasl_subsets import (
    read_wlasl_subset,
    subset_files,
)
from action_recognition.dataset_tools.importing.found import Found
from action_recognition.dataset_tools.importing.json_items import json_files
from action_recognition.dataset_tools.importing.media_walk import ARCHIVE_SUFFIXES
from action_recognition.dataset_tools.importing.side_files import remembered_files, side_files
from action_recognition.dataset_tools.importing.source import SourceOptions
from action_recognition.dataset_tools.importing.unread_lists import other_files, unread_lists
from action_recognition.errors import Problem, UserError, user_error
from action_recognition.json_files import parse_json

# All formats with their readers.
READERS: dict[str, Callable[[Path, SourceOptions], Found]] = {
    "class_folders": read_class_folders,
    "original_lists": read_lists,
    "class_lists": read_class_lists,
    "jester": read_jester,
    "ipn_hand": read_ipn_hand,
    "egogesture": read_egogesture,
    "nvgesture": read_nvgesture,
    "something_v2": read_something,
    "kinetics_csv": read_kinetics,
    "msasl": read_msasl,
    "wlasl": read_wlasl,
    "wlasl_subset": read_wlasl_subset,
    "autsl": read_autsl,
    "lsa64": read_lsa64,
    "sense": lambda source, options: read_sense(source),
    "photo_folders": lambda source, options: read_photo_folders(source),
    "photo_names": lambda source, options: read_photo_names(source),
    "photo_table": read_photo_table,
    "hagrid": read_hagrid,
}

# Flags that some formats do not use, with the formats that do.
_WITHOUT_CLIP_FOLDER = ("class_folders", "sense", "photo_folders", "photo_names")
_TAKE = {
    "--clips": tuple(name for name in READERS if name not in _WITHOUT_CLIP_FOLDER),
    "--clip-name": ("msasl", "wlasl", "kinetics_csv", "something_v2"),
    "--num-classes": ("msasl", "wlasl", "wlasl_subset", "jester"),
    "--modality": ("class_folders", "egogesture", "nvgesture", "autsl"),
    "--split-number": ("class_lists",),
    "--columns": ("class_lists",),
    "--first-label": ("class_lists", "original_lists"),
}

_PROBLEMS_SHOWN = 5

# Formats by the kind of source, in the order in which messages name them.
_OF_FILES = {
    ".json": ("sense", "msasl", "wlasl", "wlasl_subset", "something_v2", "hagrid"),
    ".csv": ("jester", "kinetics_csv", "autsl", "ipn_hand", "photo_table", "class_lists"),
    ".txt": ("ipn_hand", "class_lists", "original_lists"),
    ".lst": ("nvgesture", "class_lists"),
}
# Each format with the sign by which a source has it.
_SIGNS: dict[str, Callable[[Path], bool]] = {
    "sense": lambda source: source.name == CONFIG_FILE or (source / CONFIG_FILE).is_file(),
    "msasl": lambda source: bool(json_files(source, is_msasl)),
    "wlasl": lambda source: bool(json_files(source, is_wlasl)),
    "wlasl_subset": lambda source: bool(subset_files(source)),
    "something_v2": lambda source: bool(json_files(source, is_something)),
    "ipn_hand": is_ipn_hand,
    "egogesture": lambda source: bool(egogesture_tables(source)),
    "nvgesture": lambda source: bool(nvgesture_lists(source)),
    "autsl": lambda source: bool(autsl_tables(source)),
    "lsa64": is_lsa64,
    "jester": lambda source: bool(csv_files(source, is_jester)),
    "kinetics_csv": lambda source: bool(csv_files(source, is_kinetics)),
    "class_lists": is_class_lists,
    "original_lists": lambda source: bool(list_files(source)),
    "hagrid": lambda source: bool(hagrid_files(source)),
    "photo_table": lambda source: any(map(is_photo_table, side_files(source, ".csv"))),
}
# Formats whose published files are also files of other formats.
_COVERS = {
    "ipn_hand": ("class_lists", "original_lists", "nvgesture"),
    "egogesture": ("class_lists", "original_lists"),
    "nvgesture": ("class_lists", "original_lists"),
    "class_lists": ("original_lists",),
    "wlasl": ("wlasl_subset",),
    "something_v2": ("jester",),
    "lsa64": ("class_lists", "original_lists"),
    "autsl": ("class_lists", "original_lists"),
}


def read_source(source: Path, name: str, options: SourceOptions) -> tuple[Found, str]:
    """Read what a source holds.

    Returns it with its format: `name`, or the one that is recognised for "auto".
    """
    if not source.exists():
        raise user_error(str(source), "there is no such file or folder")
    with remembered_files():
        return _read(source, name, options)


def _read(source: Path, name: str, options: SourceOptions) -> tuple[Found, str]:
    if name != "auto":
        _refuse_unused(options, name)
        return READERS[name](source, options), name
    recognised = recognise(source)
    _refuse_unused(options, recognised)
    if recognised == "class_folders":
        found = read_class_folders(source, options, is_stated=False)
    elif recognised == "photo_folders":
        found = read_photo_folders(source, is_stated=False)
    else:
        return READERS[recognised](source, options), recognised

    # Folders of classes have no lists.
    _refuse_lists(source, found)
    found.warnings += [f"{file} is not used: no format has it" for file in other_files(source)]
    return found, recognised


def _refuse_unused(options: SourceOptions, name: str) -> None:
    """Check that the format uses all flags that are given.

    Raises UserError: it does not. The error names the flags.
    """
    given = {
        "--clips": options.clips,
        "--clip-name": options.clip_name,
        "--num-classes": options.num_classes,
        "--modality": options.modality,
        "--split-number": options.split_number,
        "--columns": options.columns,
        "--first-label": options.first_label,
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
    candidates = tuple(_SIGNS) if is_folder else _OF_FILES.get(source.suffix.lower(), ())
    with remembered_files():
        names = [name for name in candidates if _SIGNS[name](source)]
    covered = {other for name in names for other in _COVERS.get(name, ())}
    names = [name for name in names if name not in covered]
    if len(names) > 1:
        found = f"can be read as {' and as '.join(names)}"
        raise user_error(str(source), found, fix="choose with --format")
    if names:
        return names[0]

    if not is_folder:
        raise _not_recognised(source)
    return "photo_folders" if has_photos_in_class_folders(source) else "class_folders"


def _not_recognised(source: Path) -> UserError:
    where, allowed = str(source), "a folder, or a .json, .csv, .txt or .lst"
    if source.suffix.lower() in ARCHIVE_SUFFIXES:
        found = "is an archive, which is not opened here"
        return user_error(where, found, allowed, "unpack it into a new folder and name that")
    # A broken JSON file has no format: the message says where it breaks.
    if reason := _json_problem(source):
        return user_error(where, reason, fix="take the published file again")
    return user_error(where, "is of no format that can be imported", allowed, "see --help")


def _refuse_lists(source: Path, found: Found) -> None:
    """Check that no list lies beside folders of classes: it may say what the classes are.

    Raises UserError: there is one.
    """
    problems = []
    for file in unread_lists(source, [clip.path for clip in found.clips]):
        reason = _json_problem(file) or "is a list of no format that can be imported"
        allowed = "the lists of the formats that --help names"
        fix = "state the format with --format: class_folders and photo_folders use no list"
        problems.append(Problem(str(file), reason, allowed, fix))
    if problems:
        raise UserError(problems[:_PROBLEMS_SHOWN])


def _json_problem(file: Path) -> str:
    """Return why a file cannot be read as JSON.

    It is empty where it can, and for a file that is none by its name.
    """
    if file.suffix.lower() != ".json":
        return ""
    try:
        parse_json(read_text(file)[0])
    except (ValueError, RecursionError) as error:
        return f"it is not readable as JSON ({error})"
    except UserError as error:
        return error.problems[0].found
    return ""
