"""The files of a data set: annotation lists, classes.json and dataset.json.

dataset.json states what a list of names cannot. All files are written, or none.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from action_recognition.data.annotation_files import UNFINISHED_FILE
from action_recognition.data.annotations import find_annotation_files
from action_recognition.data.labels import CLASSES_FILE
from action_recognition.errors import Problem, UserError, naming, user_error
from action_recognition.files import check_folder_place, write_atomically
from action_recognition.json_files import parse_json

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

DATASET_FILE = "dataset.json"
METADATA_FILE = "metadata.csv"
REPORT_FILES = ("report.json", "report.txt")
# Undecodable bytes of a file name become backslash escapes.
_ESCAPED = "backslashreplace"


def refuse_existing(folder: Path, force: bool) -> None:
    """Check that a data set can be written to `folder`.

    Raises UserError: no folder can be made there, or files of a data set exist already and `force`
    does not allow to replace them.
    """
    check_folder_place(folder, str(folder))
    lists = [f"{split}.txt" for split in SPLITS]
    names = [*lists, CLASSES_FILE, DATASET_FILE, METADATA_FILE, *REPORT_FILES]
    existing = [folder / name for name in names if (folder / name).exists()]
    if existing and not force:
        fix = "another --output, or --force to replace it"
        raise UserError([Problem(str(file), "exists already", fix=fix) for file in existing])


def write_lists(
    folder: Path, lines: Mapping[str, Sequence[str]], classes: Sequence[str], dataset: str = ""
) -> None:
    """Write NAME.txt for each name that has lines, classes.json, and dataset.json if it has a text.

    The files of names without lines are removed.
    """
    # An empty text means that there is no such file.
    texts = {f"{name}.txt": "".join(f"{line}\n" for line in found) for name, found in lines.items()}
    write_together(folder, texts | {CLASSES_FILE: classes_text(classes), DATASET_FILE: dataset})


def classes_text(classes: Sequence[str]) -> str:
    """Return the content of classes.json."""
    return json.dumps(list(classes), ensure_ascii=False, indent=1) + "\n"


def dataset_text(negative_label: str | None) -> str:
    """Return the content of dataset.json: the negative class, null where there is none."""
    return json.dumps({"negative_label": negative_label}, ensure_ascii=False, indent=1) + "\n"


def read_negative_label(folder: Path) -> str | None:
    """Return the negative class that `dataset.json` in a folder states.

    None where there is no file, or where it states none. Raises UserError: a file of another
    schema.
    """
    file = folder / DATASET_FILE
    if not file.is_file():
        return None
    try:
        return _Dataset.model_validate_json(file.read_bytes()).negative_label
    except ValidationError as error:
        reason = error.errors(include_url=False)[0]["msg"]
        found = f"is not a description of a data set ({reason})"
        allowed = '{"negative_label": "no gesture"}, or null'
        raise user_error(str(file), found, allowed) from None


def described(ann_files: Sequence[Path], data_roots: Sequence[Path]) -> str:
    """Return the content of a new `dataset.json` for clips of these files.

    It is that of the file beside the first of them, empty without one.
    """
    folder = find_annotation_files(ann_files, data_roots)[0][0].parent
    return dataset_text(read_negative_label(folder)) if (folder / DATASET_FILE).is_file() else ""


def state_settings(file: Path, wanted: Mapping[str, Any]) -> None:
    """State in `file` how the pictures around it are made.

    Raises UserError: they were made with other settings before.
    """
    if not file.exists():
        write_together(file.parent, {file.name: json.dumps(dict(wanted)) + "\n"})
        return
    try:
        stated = parse_json(file.read_text(encoding="utf-8"))
    except ValueError:
        # A damaged file states nothing, and is refused below.
        stated = None
    if stated != wanted:
        found = f"the pictures there were made with {stated}"
        raise user_error(str(file), found, f"the same, not {dict(wanted)}", "another --output")


class _Dataset(BaseModel):
    """The schema of dataset.json."""

    model_config = ConfigDict(extra="forbid")
    negative_label: str | None = None


def make_folder(folder: Path) -> None:
    """Make a folder where there is none. Raises UserError: none can be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        found = f"no folder can be made here ({error.strerror})"
        fix = "a place where a folder can be made"
        raise user_error(str(folder), found, fix=fix) from None


def write_together(folder: Path, texts: Mapping[str, str]) -> None:
    """Write text files beside their places first and then put all there.

    A file for which the text is empty is removed. While new files stand beside old ones, the folder
    holds `UNFINISHED_FILE`, so that annotation files that a killed run left are refused.
    """
    make_folder(folder)
    mark = folder / UNFINISHED_FILE
    # All texts are on disk before the first old file is replaced.
    with naming(folder):
        with contextlib.ExitStack() as partials:
            # Backwards, because the stack puts the last file in its place first.
            for name in reversed([name for name, text in texts.items() if text]):
                partial = partials.enter_context(write_atomically(folder / name))
                with partial.open("w", encoding="utf-8", errors=_ESCAPED, newline="") as file:
                    file.write(texts[name])
            if len(texts) > 1:
                mark.touch()
        for name, text in texts.items():
            if not text:
                (folder / name).unlink(missing_ok=True)
        mark.unlink(missing_ok=True)
