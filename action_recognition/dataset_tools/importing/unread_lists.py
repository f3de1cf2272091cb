"""Find lists that lie beside folders of classes, which nobody reads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from action_recognition.data.dataset_files import DATASET_FILE, METADATA_FILE, REPORT_FILES
from action_recognition.data.labels import CLASSES_FILE
from action_recognition.data.tables import read_text
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.errors import UserError

_TEXTS = (".txt", ".csv", ".tsv", ".json", ".lst", ".list")
_TABLES = (*_TEXTS, ".xlsx", ".xls", ".ods", ".mat", ".pkl", ".pickle", ".parquet", ".xml")
# Files that this toolkit writes beside clips.
_OUR_FILES = frozenset({CLASSES_FILE, DATASET_FILE, METADATA_FILE, "splits.csv", *REPORT_FILES})
# A word of a name that lists have.
_LIST_NAME = re.compile(
    r"(^|[^a-z])(train|val|valid|validation|test|dev|labels?|annot\w*|split\w*|class_?ind\w*|"
    r"(train|val|test)?list\w*|ground_?truth|gt)([^a-z]|$)"
)
_SEPARATORS = re.compile(r"[\s,;:\"'|]+")
_READ = 65536
# A text that names so many clips is a list of them.
_NAMED = 2


def unread_lists(source: Path, clips: Sequence[str]) -> list[Path]:
    """Return the files of a source that are lists of clips by their name or content.

    `clips` are paths below the source. A file beside a clip with the same name is a part of that.
    """
    names = {name for path in clips for name in (path, *_short_names(path))}
    beside = {str(PurePosixPath(path).with_suffix("")) for path in clips}
    found = []
    for file in _unknown(source):
        if str(PurePosixPath(file.relative_to(source)).with_suffix("")) in beside:
            continue
        if _LIST_NAME.search(file.stem.lower()) or _names_clips(file, names):
            found.append(file)
    return found


def other_files(source: Path) -> list[Path]:
    """Return the tables and JSON files directly in a source that are none of this toolkit."""
    files = _unknown(source)
    return [file for file in files if file.parent == source and file.suffix.lower() != ".txt"]


def _unknown(source: Path) -> list[Path]:
    return [file for file in side_files(source, *_TABLES) if file.name not in _OUR_FILES]


def _short_names(path: str) -> tuple[str, str]:
    pure = PurePosixPath(path)
    return pure.name, pure.stem


def _names_clips(file: Path, names: set[str]) -> bool:
    if file.suffix.lower() not in _TEXTS:
        return False
    try:
        text = read_text(file)[0][:_READ]
    except UserError:
        return False
    words = {word.removeprefix("./") for word in _SEPARATORS.split(text)}
    return len(names & words) >= min(_NAMED, max(1, len(names) // 3))
